# A streaming standby: the outbox can be read there, nothing is sent from there, and after a promotion delivery goes on with the same
# ids and bytes where the primary left off.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Cluster;
use Test::More;

my $primary = OdooEvents->node('primary', "odoo_events.restart_delay = '200ms'\nmax_wal_senders = 4\nsynchronous_commit = remote_apply\n");
$primary->append_conf('pg_hba.conf', "local replication all trust\n");
$primary->reload;
my $receiver = OdooEvents->receiver;
OdooEvents->load($primary, 'plant', 'odoo19');
$primary->safe_psql('plant', 'SELECT odoo_events.attach()');
$receiver->subscribe($primary, 'plant', 'wms', '/wms');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
# from here on a commit has reached the standby when it is reported: nothing is lost by the failover
$primary->append_conf('postgresql.conf', "synchronous_standby_names = '*'\n");
$primary->reload;
$primary->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'});

OdooEvents->replay($primary, 'plant', 'odoo19-sales');
my $all = q{SELECT lag_events = 0 AND position > 20 AND position = odoo_events._last_position() FROM odoo_events.subscription_status};
ok($primary->poll_query_until('plant', $all), 'a day is delivered by the primary');
my $outbox = q{SELECT count(*), max(position), md5(string_agg(event, '' ORDER BY position)) FROM odoo_events.outbox_all};
my $want = $primary->safe_psql('plant', $outbox);
is($standby->safe_psql('plant', $outbox), $want, 'the outbox can be read on the standby, byte for byte');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'odoo_events%'}), '0',
	'no launcher and no worker on a standby');
is($standby->safe_psql('plant', q{SELECT status, detail FROM odoo_events.health() WHERE "check" = 'worker'}), 'ok|a standby has no worker; it starts with the promotion',
	'health() of a standby misses no worker');
is($standby->safe_psql('plant', q{SELECT count(*) FROM odoo_events.metrics() WHERE name = 'odoo_events_worker_up'}), '0', 'nor does an alert about worker_up');
is($standby->safe_psql('plant', q{SELECT count(*) FROM odoo_events.health() WHERE status = 'critical'}), '0', 'health() of a standby calls nothing critical');
is($standby->safe_psql('plant', q{SELECT verdict, layer FROM odoo_events.diagnose('nobody'); SELECT count(*) >= 0 FROM odoo_events.diagnose(); SELECT length(odoo_events.summary()) > 0; SELECT odoo_events.page() ~ '</html>'}), "unknown|odoo\nt\nt\nt", 'diagnose(), summary() and page() answer on a standby');
is($standby->safe_psql('plant', 'SELECT odoo_events.preload_line()'), '-- nothing to do: shared_preload_libraries names odoo_events', 'preload_line() works on a standby');

# an endpoint that is down while the primary dies: events wait
$receiver->misbehave({ path => '^/wms$', status => 503 });
$primary->safe_psql('plant', q{UPDATE stock_picking SET state = 'assigned' WHERE state = 'cancel'});
ok($primary->poll_query_until('plant', q{SELECT failed_total > 0 FROM odoo_events.subscription_status}), 'events wait for their endpoint');
my $waiting = $primary->safe_psql('plant', $outbox);
$primary->stop('immediate');

$standby->promote;
ok($standby->poll_query_until('plant', q{SELECT pid IS NOT NULL FROM odoo_events.worker_status}), 'promoted, it has a worker');
is($standby->safe_psql('plant', $outbox), $waiting, 'and the outbox of the primary');
is($standby->safe_psql('plant', 'SELECT armed FROM odoo_events.arming'), 't', 'it is armed: the same server, the same database');
$receiver->misbehave();
$standby->safe_psql('plant', q{SELECT odoo_events.retry_now('wms')});
$standby->safe_psql('plant', q{UPDATE stock_picking SET state = 'confirmed' WHERE id = 1});
ok($standby->poll_query_until('plant', $all), 'all is delivered');
my %seen = map { $_->{id} => 1 } $receiver->events('/wms');
is(join(',', sort keys %seen), join(',', sort split /\n/, $standby->safe_psql('plant', 'SELECT id FROM odoo_events.outbox_all')),
	'every event arrived, from before and after');
is_deeply([ $receiver->problems('/wms') ], [], 'with the same bytes, in order');

$standby->stop;
done_testing();
