# once: nothing here depends on PostgreSQL's version
# Whether and when things are sent: breaker and disabling, skipping out of batches, expiry, rates, priorities, schedules, bad neighbours.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('dispatch', "odoo_events.restart_delay = '100ms'\n");
my $receiver = OdooEvents->receiver;
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm();
CREATE FUNCTION make(n int, keys int, pad int DEFAULT 0, kind text DEFAULT 'made') RETURNS void LANGUAGE sql AS $$
  SELECT odoo_events._emit('odoo.platform.test.' || kind || '.v1', 'test/' || i, jsonb_build_object('n', i, 'pad', repeat('x', pad)), 'test:' || i % keys)
    FROM generate_series(1, n) i $$});

# Answers when the condition about a subscription's status holds, or says what it is.
sub status
{
	my ($name, $condition) = @_;
	return 1 if $node->poll_query_until($db, qq{SELECT $condition FROM odoo_events.subscription_status s WHERE name = '$name'});
	diag($node->safe_psql($db, qq{SELECT row_to_json(s) FROM odoo_events.subscription_status s WHERE name = '$name'}));
	return 0;
}

sub delivered
{
	my ($name) = @_;
	return status($name, 'lag_events = 0 AND position = odoo_events._last_position()');
}

sub subscribe
{
	my ($name, $more) = @_;
	return $receiver->subscribe($node, $db, $name, "/$name", $more);
}

sub done_with
{
	$receiver->misbehave();
	$node->safe_psql($db, 'SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription');
}

# Puts a row of progress as the worker would have left it, while none runs.
sub leave_progress
{
	my ($name, $set) = @_;
	$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.databases = 'none-such'});
	$node->reload;
	$node->safe_psql($db, q{SELECT pg_terminate_backend(pid, 10000) FROM odoo_events.worker_status});
	$node->safe_psql($db, qq{INSERT INTO odoo_events.progress_0 (subscription_id, at, cursor, in_flight, failing_since)
		SELECT p.subscription_id, now() - interval '1 min', p.cursor, p.in_flight, $set
		  FROM odoo_events.subscription_progress p WHERE p.name = '$name'});
	$node->safe_psql('postgres', q{ALTER SYSTEM RESET odoo_events.databases});
	$node->reload;
	$node->safe_psql($db, q{SELECT odoo_events._wake('register')});
	return;
}

# --- breaker: seven of ten, although never ten in a row
subscribe('flaky', q{max_in_flight => 1, ordering => 'none', retry_schedule => '{1h}'});
$receiver->misbehave({ path => '^/flaky$', status => 500, times => 4 }, { path => '^/flaky$', status => 204, times => 3 },
	{ path => '^/flaky$', status => 500 });
$node->safe_psql($db, 'SELECT make(30, 30)');
ok(status('flaky', q{state = 'breaker_open' AND failed_total = 7 AND delivered_total = 3}), 'the breaker opens at 70 % of ten');
done_with();
subscribe('fair', q{max_in_flight => 1, ordering => 'none', retry_schedule => '{1h}'});
$receiver->misbehave(map { ({ path => '^/fair$', status => 204, times => 1 }, { path => '^/fair$', status => 500, times => 2 }) } 1 .. 10);
$node->safe_psql($db, 'SELECT make(30, 30)');
ok(status('fair', q{state = 'active' AND failed_total = 20 AND delivered_total = 10}), 'and stays closed at 67 %');
done_with();

# --- five days without any success disable; days without a worker are not days of failure
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

# --- skip() of a member of a batch: the others are gathered anew
subscribe('members', q{format => 'batch', batch_size => 10, retry_schedule => '{1h}', timeout => '10min'});
$receiver->misbehave({ path => '^/members$', type => '\.poison\.', status => 500 });
$node->safe_psql($db, q{BEGIN; SELECT make(3, 3); SELECT make(1, 1, 0, 'poison'); SELECT make(4, 4); COMMIT});
ok($node->poll_query_until($db, q{SELECT count(*) FILTER (WHERE state = 'retry') >= 1 FROM odoo_events.waiting WHERE type LIKE '%.poison.%'}),
	'a batch with a poison event is retried');
my $bad = $node->safe_psql($db, q{SELECT event_id FROM odoo_events.waiting WHERE type LIKE '%.poison.%'});
$node->safe_psql($db, qq{SELECT odoo_events.skip('members', '{$bad}')});
ok(delivered('members'), 'the others go on');
is($node->safe_psql($db, q{SELECT event_id, last_error FROM odoo_events.dead_letter}), "$bad|skipped by postgres", 'without the one');
is(scalar(() = $receiver->events('/members')), 7, 'all of them');
$receiver->misbehave({ path => '^/members$', type => '\.poison\.', status => 500, times => 1 },
	{ path => '^/members$', type => '\.poison\.', status => 500, hold => JSON::PP::true });
$node->safe_psql($db, q{BEGIN; SELECT make(1, 1, 0, 'poison'); SELECT make(4, 4); COMMIT});
ok(status('members', q{failed_total = 2}), 'another one');
$node->safe_psql($db, q{SELECT odoo_events.retry_now('members')});
ok(status('members', 'in_flight = 1'), 'is on its way again');
$node->safe_psql($db, q{SELECT odoo_events.skip('members', ARRAY(SELECT event_id FROM odoo_events.waiting WHERE type LIKE '%.poison.%'))});
ok($node->poll_query_until($db, 'SELECT NOT EXISTS (SELECT FROM odoo_events.command)'), 'while it is, it is skipped');
$receiver->misbehave({ path => '^/members$', type => '\.poison\.', status => 500 });
ok(delivered('members') && status('members', 'dead_letters = 2'), 'and dies when that fails');
is(scalar(() = $receiver->events('/members')), 11, 'alone');
done_with();

is_deeply([ grep { !/^out of order/ } $receiver->problems ], [], 'every signature was right, and the bytes of an id the same');
unlike(slurp_file($node->logfile), qr/(WARNING|PANIC|TRAP):/, 'no warning in the log');
$node->stop;
done_testing();
