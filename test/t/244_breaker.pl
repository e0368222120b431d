# once: nothing here depends on PostgreSQL's version
# check-all: half a minute of waiting
# When a subscription that fails is left alone: its breaker, and disabling it after five days.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooDispatch;
use OdooEvents;
use Test::More;

my ($node, $receiver) = OdooDispatch::start('breaker');
my $db = 'plant';

subtest 'the breaker opens when seven of ten requests fail, although never ten in a row' => sub {
	subscribe('flaky', q{max_in_flight => 1, ordering => 'none', retry_schedule => '{1h}'});
	$receiver->misbehave({ path => '^/flaky$', status => 500, times => 4 }, { path => '^/flaky$', status => 204, times => 3 },
		{ path => '^/flaky$', status => 500 });
	$node->safe_psql($db, 'SELECT make(30, 30)');
	ok(status('flaky', q{state = 'breaker_open' AND failed_total = 7 AND delivered_total = 3}), 'the breaker opens at 70 % of ten');
	is($node->safe_psql($db, q{SELECT status, detail, hint LIKE 'SELECT odoo_events.retry_now(''flaky'');%' FROM odoo_events.health() WHERE "check" = 'subscription flaky'}),
		'critical|the endpoint answers 500|t', 'which is an alarm');
	is($node->safe_psql($db, q{SELECT labels ->> 'state' FROM odoo_events.metrics() WHERE name = 'odoo_events_subscription_state' AND value = 1}), 'breaker_open', 'in metrics, too');
	done_with();
};

subtest 'the breaker stays closed when two thirds of the requests fail' => sub {
	subscribe('fair', q{max_in_flight => 1, ordering => 'none', retry_schedule => '{1h}'});
	$receiver->misbehave(map { ({ path => '^/fair$', status => 204, times => 1 }, { path => '^/fair$', status => 500, times => 2 }) } 1 .. 10);
	$node->safe_psql($db, 'SELECT make(30, 30)');
	ok(status('fair', q{state = 'active' AND failed_total = 20 AND delivered_total = 10}), 'and stays closed at 67 %');
	done_with();
};

subtest 'five days without a success disable a subscription' => sub {
	subscribe('dead', q{retry_schedule => '{1h}'});
	$receiver->misbehave({ path => '^/dead$', status => 500 });
	$node->safe_psql($db, 'SELECT make(1, 1)');
	ok(status('dead', 'failed_total = 1'), 'it fails');
	leave_progress('dead', q{now() - interval '6 days'});
	$node->safe_psql($db, 'SELECT make(1, 2)');
	ok(status('dead', q{state = 'disabled' AND state_reason = 'no success for 5 days'}), 'disabled');
	is($node->safe_psql($db, q{SELECT who, what, new ->> 'state_reason' FROM odoo_events.audit_log WHERE object = 'dead' ORDER BY at DESC LIMIT 1}),
		'odoo_events worker|disable|no success for 5 days', 'which is audited');
	$receiver->misbehave();
	$node->safe_psql($db, q{SELECT odoo_events.resume('dead'); SELECT odoo_events.retry_now('dead')});
	ok(delivered('dead'), 'resumed, it gets everything');
	done_with();
};

subtest 'days without a worker are not days of failure' => sub {
	subscribe('away', q{retry_schedule => '{1h}'});
	$receiver->misbehave({ path => '^/away$', status => 500 });
	$node->safe_psql($db, 'SELECT make(1, 1)');
	ok(status('away', 'failed_total = 1'), 'it fails');
	leave_progress('away', q{now() - interval '6 days'});
	$node->safe_psql($db, q{UPDATE odoo_events.progress_0 SET at = failing_since WHERE failing_since < now() - interval '5 days';
		SELECT pg_terminate_backend(pid, 10000) FROM odoo_events.worker_status});
	$node->safe_psql($db, 'SELECT make(1, 2)');
	ok(status('away', q{failed_total > 0 AND state = 'active'}), 'who did not try for six days has not failed for five');
	done_with();
};

OdooDispatch::finish();
done_testing();
