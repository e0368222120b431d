# Metrics and platform events: what monitoring reads is what happened, in a format that a strict parser takes, without payloads, and cheap; an
# endpoint's troubles are told by events of their own, once each, and those breed no others.
# check-all: it takes a minute
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('metrics', "odoo_events.restart_delay = '200ms'\n");
my $receiver = OdooEvents->receiver;
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', q{CREATE ROLE prometheus LOGIN IN ROLE pg_monitor; SELECT odoo_events.attach()});
$receiver->subscribe($node, 'plant', 'wms', '/wms', q{types => '{odoo.inventory.*,odoo.logistics.*}'});
$receiver->subscribe($node, 'plant', 'ops', '/ops', q{types => '{odoo.platform.*}'});
$receiver->subscribe($node, 'plant', 'gone', '/gone', q{types => '{odoo.inventory.*}'});
$receiver->subscribe($node, 'plant', 'dry', '/dry', q{types => '{odoo.inventory.*}', dry_run => true});
# refuses for good whatever it gets, the events about that included
$receiver->subscribe($node, 'plant', 'refuses', '/refuses', q{types => '{odoo.inventory.*,odoo.platform.*}'});
$receiver->misbehave({ path => '^/refuses', status => 400, headers => { 'webhook-delivery' => 'abort-message' } },
	{ path => '^/wms', status => 503, times => 1 });
OdooEvents->replay($node, 'plant', 'odoo19-sales');

my $moves = $node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.outbox_all WHERE type LIKE 'odoo.inventory.%'});
cmp_ok($moves, '>', 5, 'the day has moves');
# ten refusals open the breaker: somebody closes it, as often as it takes
sub settled
{
	my ($what) = @_;
	OdooEvents::Receiver::wait_until(sub {
			$node->safe_psql('plant', q{SELECT odoo_events.retry_now('refuses') FROM odoo_events.subscription_status WHERE name = 'refuses' AND breaker <> 'closed'});
			$node->safe_psql('plant', q{SELECT bool_and(lag_events = 0) FROM odoo_events.subscription_status WHERE name <> 'gone'}) eq 't';
		}, $what);
	return;
}
settled('all is settled');

# Platform events: one per dead letter of the business, one for the endpoint that has gone, none about themselves
$receiver->wait_for(sub { grep({ $_->{status} == 204 } @_) > $moves }, 'the operator is told', '/ops');
settled('nothing is left');
my %told;
push @{ $told{ $_->{type} } }, $_ foreach $receiver->events('/ops');
is_deeply([ sort keys %told ], [ 'odoo.platform.event.dead_lettered.v1', 'odoo.platform.subscription.disabled.v1' ], 'types of platform events');
is(scalar(@{ $told{'odoo.platform.event.dead_lettered.v1'} }), $moves, 'an event for each dead letter');
my $dead = $told{'odoo.platform.event.dead_lettered.v1'}[0];
is_deeply([ sort keys %{ $dead->{data} } ], [ 'attempts', 'event', 'last_error', 'last_status', 'subscription' ], 'it says which and why');
is_deeply([ sort keys %{ $dead->{data}{event} } ], [ 'id', 'partitionkey', 'sequence', 'subject', 'type' ], 'by reference');
is($dead->{data}{subscription}{name}, 'refuses', 'and whose');
is($dead->{data}{last_status}, 400, 'and the status');
is(scalar(@{ $told{'odoo.platform.subscription.disabled.v1'} }), 1, 'one for the endpoint that answered 410');
is($told{'odoo.platform.subscription.disabled.v1'}[0]{subject}, 'subscription/gone', 'which is this one');
my $platform = $moves + 1;
is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.outbox_all WHERE type LIKE 'odoo.platform.%'}), $platform,
	'dead platform events have bred no others');
is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.dead_letter WHERE type LIKE 'odoo.platform.%'}), $platform, 'though they died');
is_deeply([ $receiver->problems ], [], 'signed and in order');

# As pg_monitor, parsed strictly
sub scrape
{
	my ($status, $out, $err) = $node->psql('plant', 'SELECT odoo_events.metrics_text()', connstr => $node->connstr('plant') . ' user=prometheus');
	is($status, 0, 'pg_monitor scrapes') or diag $err;
	my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
	my ($parsed, $errors) = ('', '');
	ok(IPC::Run::run([ $python, "$FindBin::RealBin/../lib/parse_metrics.py" ], '<', \"$out\n", '>', \$parsed, '2>', \$errors), 'the text is well formed') or diag $errors;
	unlike($parsed, qr/^(?!.*\bdatabase="plant").+$/m, 'every sample names the database');
	$parsed =~ s/\{database="plant"\}|\bdatabase="plant",|,database="plant"//g;
	return map { /^(\S+) (\S+)$/ ? ($1 => $2) : () } split /\n/, $parsed;
}
my %m = scrape();
my $wms = $node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.outbox_all WHERE type ~ '^odoo\.(inventory|logistics)'});
is($m{'odoo_events_delivered_total{subscription="wms",transport="webhook"}'}, $wms, 'delivered events');
is($m{'odoo_events_delivery_attempts_total{outcome="delivered",subscription="wms",transport="webhook"}'}, $wms, 'requests that were acknowledged');
is($m{'odoo_events_delivery_attempts_total{outcome="failed",subscription="wms",transport="webhook"}'}, 1, 'requests that were not');
is($m{'odoo_events_retries_total{subscription="wms",transport="webhook"}'}, 1, 'retries');
is($m{'odoo_events_filter_errors_total{subscription="wms",transport="webhook"}'}, 0, 'filter_errors_total is 0 where the filter judges every event');
is($m{'odoo_events_delivery_attempts_total{outcome="rejected",subscription="refuses",transport="webhook"}'}, $moves + $platform, 'requests that were refused');
is($m{'odoo_events_dead_letters{subscription="refuses",transport="webhook"}'}, $moves + $platform, 'dead letters');
is($m{'odoo_events_subscription_state{state="disabled",subscription="gone",transport="webhook"}'}, 1, 'a state that is');
is($m{'odoo_events_subscription_state{state="active",subscription="gone",transport="webhook"}'}, 0, 'a state that is not');
is($m{'odoo_events_subscription_state{state="dry_run",subscription="dry",transport="webhook"}'}, 1, 'a dry run');
is($m{'odoo_events_delivery_attempts_total{outcome="no_answer",subscription="dry",transport="webhook"}'}, 0, 'which makes no requests');
cmp_ok($m{'odoo_events_subscription_lag_events{subscription="gone",transport="webhook"}'}, '>', 0, 'what is behind');
cmp_ok($m{'odoo_events_subscription_oldest_pending_age_seconds{subscription="gone",transport="webhook"}'}, '>', 0, 'and since when');
is($m{'odoo_events_subscription_lag_events{subscription="wms",transport="webhook"}'}, 0, 'what is not');
is($m{'odoo_events_worker_up'}, 1, 'the worker is up');
is($m{'odoo_events_journal_pending'}, 0, 'nothing is pending');
is($m{'odoo_events_outbox_position'}, $node->safe_psql('plant', 'SELECT count(*) FROM odoo_events.outbox_all'), 'the position');
is($m{'odoo_events_published_total{type="odoo.platform.event.dead_lettered.v1"}'}, $moves, 'published by type');
my $type = 'odoo.inventory.stock_move.shipped.v1';
is($node->safe_psql('plant', qq{SELECT emitted, last_at <= now() FROM odoo_events.event_type WHERE type = '$type'}),
	$m{qq{odoo_events_published_total{type="$type"}}} . '|t', 'the catalog shows it too');
cmp_ok($m{'odoo_events_captured_total{entity="transfer",source="trigger"}'}, '>', 0, 'captured by entity');
my $requests = $node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.attempt WHERE subscription <> 'dry'});
is($m{'odoo_events_delivery_duration_seconds_count'}, $requests, 'every request has a duration');
is($m{'odoo_events_delivery_duration_seconds_bucket{le="+Inf"}'}, $requests, 'and is in the last bucket');
is($m{'odoo_events_commit_to_ack_seconds_count'}, $wms + $platform, 'every event acknowledged has its time');
cmp_ok($m{'odoo_events_commit_to_ack_seconds_sum'}, '>', 0, 'which is more than nothing');

# Names that need care, and what survives a restart
$node->safe_psql('plant', q{UPDATE odoo_events.subscription_config SET name = E'o"p\\\\s\n' WHERE name = 'ops'});
$node->restart;
ok($node->poll_query_until('plant', 'SELECT pid IS NOT NULL FROM odoo_events.worker_status'), 'the worker is back');
%m = scrape();
is($m{'odoo_events_delivered_total{subscription="o\"p\\\\s\n",transport="webhook"}'}, $platform, 'a label is escaped');
is($m{'odoo_events_delivery_attempts_total{outcome="delivered",subscription="wms",transport="webhook"}'}, $wms, 'what a subscription did outlives the server');
is($m{'odoo_events_delivery_duration_seconds_count'}, 0, 'a histogram begins anew');
$node->safe_psql('plant', q{UPDATE odoo_events.subscription_config SET name = 'ops' WHERE name LIKE 'o"p%'});

# A thousand subscriptions behind a large outbox: a scrape reads no events
$node->safe_psql('plant', q{
  ALTER SYSTEM SET odoo_events.databases = 'none-such';
});
$node->reload;
$node->safe_psql('plant', q{SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'odoo_events worker'});
$node->safe_psql('plant', q{
  SELECT count(odoo_events.subscribe('many' || i, 'https://203.0.113.7/' || i)) FROM generate_series(1, 1000) i;
  INSERT INTO odoo_events.outbox_0 SELECT 1000000 + i, gen_random_uuid(), 'odoo.x.y.z.v1', 's', 'k' || i % 100, now(), now(), 'e', i, 1, NULL, NULL, NULL, '1', '{}'
    FROM generate_series(1, 30000) i;
  ANALYZE odoo_events.outbox_0});
my $reads = q{SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_all_tables WHERE schemaname = 'odoo_events' AND relname LIKE 'outbox%'};
my ($before, $after) = split /\n/, $node->safe_psql('plant', qq{$reads; SELECT FROM odoo_events.metrics_text() OFFSET 1; SELECT pg_stat_force_next_flush(); SELECT pg_stat_clear_snapshot(); $reads});
$after = $node->safe_psql('plant', $reads);
cmp_ok($after - $before, '<', 2000, 'a scrape of a thousand subscriptions reads no more events than there are subscriptions');
%m = scrape();
is(scalar(grep { /^odoo_events_subscription_lag_events/ } keys %m), 1005, 'and has them all');
$node->stop;
done_testing();
