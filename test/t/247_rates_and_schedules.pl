# once: nothing here depends on PostgreSQL's version
# check-all: half a minute of waiting
# When a subscription may send: its rate, and its schedule.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooDispatch;
use OdooEvents;
use Test::More;

my ($node, $receiver) = OdooDispatch::start('rates_and_schedules');
my $db = 'plant';

subtest 'a subscription with a rate gets a burst, and then no more than its rate' => sub {
	subscribe('slow', q{rate_limit => 0.5, rate_burst => 3, ordering => 'none', max_in_flight => 64});
	subscribe('free', q{});
	$node->safe_psql($db, 'SELECT make(20, 20)');
	ok(delivered('free'), 'one with no rate gets all');
	ok(status('slow', 'delivered_total BETWEEN 1 AND 19 AND lag_events > 0'), 'one with a rate waits');
	$node->safe_psql($db, q{SELECT odoo_events.alter_subscription('slow', rate_limit => 10000, rate_burst => 100)});
	ok(delivered('slow'), 'until it is raised');
	$node->safe_psql($db, q{SELECT odoo_events.alter_subscription('slow', rate_limit => 4, rate_burst => 1); SELECT odoo_events.pause('slow'); SELECT make(9, 9); SELECT odoo_events.resume('slow')});
	ok(delivered('slow'), 'four a second');
	# never faster than the bucket allows, whatever the machine does: k requests need (k - 1) tokens beyond the first
	is($node->safe_psql($db, q{WITH a AS (SELECT at, row_number() OVER (ORDER BY at) AS k FROM odoo_events.attempt WHERE subscription = 'slow' ORDER BY at DESC LIMIT 8)
		SELECT max(at) - min(at) >= interval '1.7 s' FROM a}), 't', 'is kept');
	done_with();
};

subtest 'events gather until the schedule fires, and a time that was missed is made up for' => sub {
	subscribe('nightly', q{schedule => '0 0 1 1 *', format => 'batch', batch_size => 100});
	subscribe('now', q{});
	$node->safe_psql($db, 'SELECT make(5, 5)');
	ok(delivered('now'), 'real time beside it');
	ok(status('nightly', q{lag_events = 5 AND delivered_total = 0 AND next_attempt_at = date_trunc('year', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 year'}),
		'five gather, and status says until when');
	$node->safe_psql($db, q{SELECT odoo_events.retry_now('nightly')});
	ok(delivered('nightly'), 'now');
	is(scalar(() = $receiver->ledger('/nightly')), 1, 'in one batch');
	$node->safe_psql($db, 'SELECT make(2, 5)');
	ok(delivered('now') && status('nightly', 'lag_events = 2'), 'the next ones gather again');
	# a time that passed while no worker ran is made up for
	leave_progress('nightly', q{NULL, gate, now() - interval '2 years'}, 'failing_since, gate, fired_at');
	ok(delivered('nightly'), 'a missed time is made up for');
	$node->safe_psql($db, q{SELECT odoo_events.alter_subscription('nightly', schedule => ''); SELECT make(1, 1)});
	ok(delivered('nightly'), 'without a schedule it goes at once');
	$node->safe_psql($db, q{SELECT odoo_events.alter_subscription('nightly', schedule => '* * * * *'); SELECT make(3, 1)});
	ok(delivered('nightly'), 'and within a minute with one of every minute');
	done_with();
};

OdooDispatch::finish();
done_testing();
