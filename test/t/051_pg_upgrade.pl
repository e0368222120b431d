# pg_upgrade: the extension's library loads without its processes, and nothing is lost: what was journaled and not yet published, what was
# published and not yet delivered, configuration, secrets and positions are there; the new cluster is another one, so a DBA arms it.
# check-all: pg_upgrade needs a second cluster
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $old = OdooEvents->node('old');
my $receiver = OdooEvents->receiver;
my $db = 'plant';
OdooEvents->load($old, $db, 'odoo19');
$old->safe_psql($db, 'SELECT odoo_events.attach()');
$receiver->subscribe($old, $db, 'wms', '/wms');
OdooEvents->replay($old, $db, 'odoo19-sales');
my $last = 'SELECT odoo_events._last_position()';
my $delivered = qq{SELECT lag_events = 0 AND position = ($last) FROM odoo_events.subscription_status};
ok($old->poll_query_until($db, "SELECT ($last) > 20"), 'a day is published');
ok($old->poll_query_until($db, $delivered), 'and delivered');

# published, not delivered; then journaled, not published
my $toggle = q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = 1};
my $position = $old->safe_psql($db, $last);
$old->safe_psql($db, 'SELECT odoo_events.disarm()');
$old->safe_psql($db, $toggle);
ok($old->poll_query_until($db, "SELECT ($last) = $position + 1"), 'one more waits in the outbox');
$old->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.databases = 'none-such'});
$old->reload;
$old->safe_psql('postgres', q{SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_type = 'odoo_events worker'});
$old->safe_psql($db, $toggle) foreach 1 .. 3;
is($old->safe_psql($db, $last), $position + 1, 'three more wait in the journal');
my $outbox = q{SELECT count(*), max(position), md5(string_agg(event, '' ORDER BY position)) FROM odoo_events.outbox_all WHERE position <= } . ($position + 1);
my $want = $old->safe_psql($db, $outbox);
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;
$new->append_conf('postgresql.conf', "shared_preload_libraries = 'odoo_events'\nmax_worker_processes = 20\nwal_level = logical\nlog_min_messages = info\nmax_prepared_transactions = 10\n");
chdir PostgreSQL::Test::Utils::tempdir;
my $bin = $old->config_data('--bindir');
chomp $bin;
command_ok(
	[
		'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bin, '-B', $bin, '-s', $new->host, '-p', $old->port, '-P', $new->port
	],
	'pg_upgrade');
$new->start;
is($new->safe_psql($db, $outbox), $want, 'the outbox is there, byte for byte');
ok($new->poll_query_until($db, "SELECT ($last) = $position + 4"), 'what was in the journal is published');
is($new->safe_psql($db, 'SELECT count(*) FROM odoo_events.capture_error'), '0', 'no gap');
like($new->safe_psql($db, 'SELECT armed, reason FROM odoo_events.arming'), qr/^f\|/, 'another cluster: it is silent');
my $before = () = $receiver->ledger;
$new->safe_psql($db, 'SELECT odoo_events.arm(keep_secrets => true)');
ok($new->poll_query_until($db, $delivered), 'armed, it delivers what waited');
my %seen = map { $_->{id} => 1 } $receiver->events('/wms');
is(join(',', sort keys %seen), join(',', sort split /\n/, $new->safe_psql($db, 'SELECT id FROM odoo_events.outbox_all')), 'every event arrived, from before and after');
is(scalar(() = $receiver->ledger) - $before, 4, 'the four that waited, once each');
is_deeply([ $receiver->problems('/wms') ], [], 'with the same secret, in order');
$new->safe_psql($db, $toggle);
ok($new->poll_query_until($db, "SELECT ($last) = $position + 5"), 'and it goes on');
$new->stop;
done_testing();
