# once: nothing here depends on PostgreSQL's version
# check-all: it takes two minutes
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
  SELECT odoo_events._emit('odoo.platform.test.' || kind || '.v1', 'test/' || i, jsonb_build_object('n', i, 'pad',
      (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, pad / 32))), 'test:' || i % keys)
    FROM generate_series(1, n) i $$});

sub status { return OdooEvents::status($node, $db, @_) }
sub delivered { return OdooEvents::delivered($node, $db, @_) }

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
	my ($name, $set, $columns) = @_;
	$columns //= 'failing_since';
	$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.databases = 'none-such'});
	$node->reload;
	$node->safe_psql($db, q{SELECT pg_terminate_backend(pid, 10000) FROM odoo_events.worker_status});
	$node->safe_psql($db, qq{INSERT INTO odoo_events.progress_0 (subscription_id, at, cursor, in_flight, $columns)
		SELECT p.subscription_id, now() - interval '1 min', p.cursor, p.in_flight, $set
		  FROM odoo_events.subscription_progress p WHERE p.name = '$name'});
	$node->safe_psql('postgres', q{ALTER SYSTEM RESET odoo_events.databases});
	$node->reload;
	$node->safe_psql($db, q{SELECT odoo_events._wake('register')});
	return;
}

# Makes the latest events that fit the condition two hours older.
sub age
{
	my ($name, $condition) = @_;
	$node->safe_psql($db, qq{DO \$\$ BEGIN FOR i IN 0..7 LOOP
		EXECUTE format('UPDATE odoo_events.outbox_%s o SET time = time - interval ''2 h'' WHERE position > (SELECT LEAST(p.cursor, p.in_flight[1] - 1, (SELECT min(h.position) - 1 FROM odoo_events.held h))
			FROM odoo_events.subscription_progress p WHERE name = %L) AND (SELECT $condition FROM (SELECT (o.event::json #>> ''{data,n}'')::int AS n) x)', i, '$name');
		END LOOP; END \$\$; SELECT pg_terminate_backend(pid, 10000) FROM odoo_events.worker_status});	# which has them in memory
	return;
}

# --- breaker: seven of ten, although never ten in a row
subscribe('flaky', q{max_in_flight => 1, ordering => 'none', retry_schedule => '{1h}'});
$receiver->misbehave({ path => '^/flaky$', status => 500, times => 4 }, { path => '^/flaky$', status => 204, times => 3 },
	{ path => '^/flaky$', status => 500 });
$node->safe_psql($db, 'SELECT make(30, 30)');
ok(status('flaky', q{state = 'breaker_open' AND failed_total = 7 AND delivered_total = 3}), 'the breaker opens at 70 % of ten');
is($node->safe_psql($db, q{SELECT status, detail, hint LIKE 'SELECT odoo_events.retry_now(''flaky'');%' FROM odoo_events.health() WHERE "check" = 'subscription flaky'}),
	'critical|the endpoint answers 500|t', 'which is an alarm');
is($node->safe_psql($db, q{SELECT labels ->> 'state' FROM odoo_events.metrics() WHERE name = 'odoo_events_subscription_state' AND value = 1}), 'breaker_open', 'in metrics, too');
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

# --- what is ordered before an event holds for it, even if the worker looked for orders just before that
mkdir $node->data_dir . "/oe_faults";
my $held = $node->data_dir . '/oe_faults/hold-turn.held';
subscribe($_, '') foreach 'ordered', 'beside';
$node->safe_psql($db, 'SELECT make(1, 1)');
ok(delivered('ordered') && delivered('beside'), 'both get an event');
PostgreSQL::Test::Utils::append_to_file($held =~ s/[.]held$//r, 'wait');
$node->safe_psql($db, 'SELECT make(1, 1)');
ok(OdooEvents::Receiver::wait_until(sub { -e $held }, 'the worker is held'), 'the worker has looked');
$node->safe_psql($db, $_) foreach q{SELECT odoo_events.pause('ordered')}, 'SELECT make(2, 2)';
unlink $held;
ok(status('beside', 'delivered_total = 4') && status('ordered', 'in_flight = 0'), 'the others come');
is($node->safe_psql($db, q{SELECT state, delivered_total FROM odoo_events.subscription_status WHERE name = 'ordered'}), 'paused|1', 'not where they were not wanted');
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
is($node->safe_psql($db, q{SELECT event_id, last_error FROM odoo_events.dead_letter}), "$bad|skipped by postgres: HTTP status 500", 'without the one');
is(scalar(() = $receiver->events('/members')), 7, 'all of them');
$receiver->misbehave({ path => '^/members$', type => '\.poison\.', status => 500, times => 1 },
	{ path => '^/members$', type => '\.poison\.', status => 500, hold => JSON::PP::true });
$node->safe_psql($db, q{BEGIN; SELECT make(1, 1, 0, 'poison'); SELECT make(4, 4); COMMIT});
ok(status('members', q{failed_total = 2}), 'another one');
$node->safe_psql($db, q{SELECT odoo_events.retry_now('members')});
ok(status('members', 'in_flight = 1'), 'is on its way again');
$node->safe_psql($db, q{SELECT odoo_events.skip('members', ARRAY(SELECT event_id FROM odoo_events.waiting WHERE type LIKE '%.poison.%'))});
$node->safe_psql($db, q{SELECT odoo_events.retry_now('members')});
ok($node->poll_query_until($db, q{SELECT array_agg(what) = '{skip}' FROM odoo_events.command}), 'while it is, it is skipped');
$receiver->misbehave({ path => '^/members$', type => '\.poison\.', status => 500 });
ok(delivered('members') && status('members', 'dead_letters = 2'), 'and dies when that fails');
is(scalar(() = $receiver->events('/members')), 11, 'alone');
done_with();

# --- what is too old goes to the dead letters, whether it was tried or not, and its key goes on
subscribe('old', q{filter => '$.data.n > 0', expire_after => '1h', retry_schedule => '{2h}'});
subscribe('oldbatch', q{filter => '$.data.n > 0', expire_after => '1h', retry_schedule => '{2h}', format => 'batch', batch_size => 10});
$node->safe_psql($db, q{SELECT odoo_events.pause('old'); SELECT odoo_events.pause('oldbatch'); SELECT make(6, 3)});
ok(status('old', 'lag_events >= 6'), 'six wait');
age('old', 'n <= 4');
$node->safe_psql($db, q{SELECT odoo_events.resume('old'); SELECT odoo_events.resume('oldbatch')});
foreach my $name ('old', 'oldbatch')
{
	ok(delivered($name) && status($name, 'dead_letters = 4 AND delivered_total = 2'), "$name: four are too old");
	is($node->safe_psql($db, qq{SELECT DISTINCT attempts, last_error FROM odoo_events.dead_letter WHERE subscription = '$name'}), '0|expired', "$name: expired, untried");
}
$receiver->misbehave({ path => '^/old', status => 500 });
$node->safe_psql($db, q{SELECT make(1, 1)});
ok(status('old', 'blocked_keys = 1') && status('oldbatch', 'failed_total > 0'), 'one is tried');
age('old', 'true');
$node->safe_psql($db, q{SELECT odoo_events.retry_now('old'); SELECT odoo_events.retry_now('oldbatch')});
ok(status('old', 'dead_letters = 5 AND lag_events = 0') && status('oldbatch', 'dead_letters = 5 AND lag_events = 0'), 'and is not tried any more');
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.dead_letter WHERE attempts = 1 AND last_error = 'expired'}), '2', 'expired, tried once');
# replayed all the same: a human wants it
$receiver->misbehave();
is($node->safe_psql($db, q{SELECT odoo_events.replay('old', dead_letters => true)}), '5', 'dead letters are replayed, whatever their age');
ok(status('old', 'dead_letters = 0 AND delivered_total = 7'), 'and delivered');
done_with();

# --- replay of dead letters: with their own bytes, when the outbox has them no more; cancelled; failing again
subscribe('letters', q{filter => '$.data.n > 0', retry_schedule => '{}'});
$receiver->misbehave({ path => '^/letters$', status => 500 });
$node->safe_psql($db, 'SELECT make(5, 5)');
ok(status('letters', 'dead_letters = 5 AND lag_events = 0'), 'five dead letters');
my %first = map { $_->{webhook_id} => $_->{sha256} } $receiver->ledger('/letters');
is($node->safe_psql($db, q{SELECT odoo_events.replay('letters', dead_letters => true, dry_run => true)}), '5', 'a dry run counts');
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.replay_status}), '0', 'and does nothing');
$node->safe_psql($db, q{SELECT odoo_events.replay('letters', dead_letters => true)});
ok($node->poll_query_until($db, q{SELECT state = 'done' AND sent = 0 AND failed = 5 FROM odoo_events.replay_status}), 'it fails again');
is($node->safe_psql($db, q{SELECT DISTINCT attempts FROM odoo_events.dead_letter}), '2', 'and the letters say so');
$receiver->misbehave();
$node->safe_psql($db, q{DO $$ BEGIN FOR i IN 0..7 LOOP EXECUTE format('TRUNCATE odoo_events.outbox_%s', i); END LOOP; END $$});
$node->safe_psql($db, q{SELECT odoo_events.replay('letters', dead_letters => true)});
ok(status('letters', 'dead_letters = 0 AND delivered_total = 5'), 'the outbox is empty, they have their own bytes');
is_deeply({ map { $_->{webhook_id} => $_->{sha256} } grep { $_->{status} == 204 } $receiver->ledger('/letters') }, \%first, 'the same as ever');
$node->safe_psql($db, 'SELECT make(300, 1)');
ok(delivered('letters'), 'three hundred of one key');
$receiver->misbehave({ path => '^/letters$', hold => JSON::PP::true });
my $replay = $node->safe_psql($db, q{SELECT odoo_events.replay('letters', keys => '{test:0}'); SELECT max(id) FROM odoo_events.replay_status});
$replay =~ s/.*\n//s;
ok(status('letters', 'in_flight = 1'), 'a replay is under way');
$node->safe_psql($db, qq{SELECT odoo_events.cancel_replay($replay)});
$receiver->misbehave();
$node->safe_psql($db, 'SELECT make(1, 1)');
ok(delivered('letters'), 'cancelled, it is in nobody\'s way');
is($node->safe_psql($db, qq{SELECT state, sent < 300 FROM odoo_events.replay_status WHERE id = $replay}), 'cancelled|t', 'and is not finished');
done_with();

# --- a rate: bursts, then as it says
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

# --- a schedule: events gather, and go when it fires, up to the tip of that moment; retry_now() means now
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

# --- bad neighbours: endpoints that hold every request take no more than their share; ten healthy ones get everything meanwhile
$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.max_in_flight = 40});
$node->reload;
subscribe("bad$_", q{max_in_flight => 256, timeout => '10min', ordering => 'none'}) foreach 1 .. 3;
$receiver->misbehave({ path => '^/bad', hold => JSON::PP::true });
subscribe("good$_", q{priority => 9}) foreach 1 .. 10;
$node->safe_psql($db, 'SELECT make(100, 100)');
ok(delivered("good$_"), "good$_ has everything") foreach 1 .. 10;
is($node->safe_psql($db, q{SELECT sum(delivered_total) FROM odoo_events.subscription_status WHERE name LIKE 'bad%'}), '0', 'while nothing moves beside them');
ok($node->poll_query_until($db, q{SELECT sum(in_flight) BETWEEN 25 AND 30 FROM odoo_events.subscription_status WHERE name LIKE 'bad%'}), 'which have all but the reserve');
$node->safe_psql($db, 'SELECT make(100, 100)');
ok(delivered("good$_"), "good$_ has everything again") foreach 1 .. 10;
$receiver->misbehave();
ok(delivered("bad$_"), "bad$_ too, once it is well") foreach 1 .. 3;
done_with();

# --- the outbox is full: kept, or the oldest dropped, told and counted; what was delivered, and dead letters, lose nothing
$node->safe_psql('postgres', q{ALTER SYSTEM RESET odoo_events.max_in_flight});
subscribe('behind', q{});
subscribe('reader', q{});
subscribe('letters2', q{retry_schedule => '{}', filter => '$.data.n == 3'});
subscribe('oncall', q{types => '{odoo.platform.subscription.*}'});
$node->safe_psql($db, q{SELECT odoo_events.subscribe('pulls', NULL); SELECT odoo_events.pause('behind')});
$receiver->misbehave({ path => '^/letters2$', status => 500 });
my $size = q{(SELECT bytes FROM odoo_events.storage WHERE part = 'outbox')};
$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.max_outbox_size = '4MB'});
$node->reload;
$node->safe_psql($db, 'SELECT make(300, 300, 4000)') foreach 1 .. 6;
ok(delivered('reader'), 'a lot of events');
ok($node->poll_query_until($db, qq{SELECT $size > 4 * 1024 * 1024}), 'more than may be kept');
ok(status('letters2', 'dead_letters > 0'), 'dead letters');
$receiver->misbehave();
ok(delivered('letters2'), 'which are few');
my $letters = $node->safe_psql($db, q{SELECT count(*) FROM odoo_events.dead});
is($node->safe_psql($db, q{SELECT status FROM odoo_events.health() WHERE "check" = 'outbox'}), 'critical', 'health says so');
like($node->safe_psql($db, q{SELECT held_by FROM odoo_events.storage WHERE part = 'outbox'}), qr/^subscription (behind|pulls)$/, 'and storage who holds it');
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.overrun}), '0', 'kept all the same');
# that it is told a minute before is what 160_outbox_limit.pl looks at
mkdir $node->data_dir . '/oe_faults';
append_to_file($node->data_dir . '/oe_faults/drop-grace-ms', '1');
$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.on_full = 'drop'});
$node->reload;
# a member is left when the worker next looks, and dropped once another is being filled
ok(OdooEvents::Receiver::wait_until(sub { $node->safe_psql($db, 'SELECT make(5, 5)'); $node->safe_psql($db, q{SELECT count(DISTINCT c.name) = 2 FROM odoo_events.overrun o JOIN odoo_events.subscription_config c ON c.id = o.subscription_id WHERE c.name IN ('behind', 'pulls')}) eq 't' },
	'two have lost events'), 'the oldest go');
ok($node->poll_query_until($db, qq{SELECT $size <= 4 * 1024 * 1024}), 'until it is small enough');
ok($node->safe_psql($db, q{SELECT bool_and(o.last_position < (SELECT min(position) FROM odoo_events.outbox)) FROM odoo_events.overrun o}) eq 't', 'only what is gone is lost');
is($node->safe_psql($db, q{SELECT state FROM odoo_events.subscription_status WHERE name = 'pulls'}), 'overrun', 'its status says so');
is($node->safe_psql($db, q{SELECT count(*) > 0 FROM odoo_events.audit_log WHERE what = 'overrun' AND object = 'behind' AND who = 'odoo_events worker'}), 't', 'the audit too');
is($node->safe_psql($db, q{SELECT count(*) > 0 FROM odoo_events.health() WHERE "check" = 'subscription behind' AND status = 'critical' AND detail LIKE 'has lost%'}), 't', 'and health');
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.dead}), $letters, 'dead letters are unaffected');
is($node->safe_psql($db, q{SELECT labels ->> 'subscription' FROM odoo_events.metrics() WHERE name = 'odoo_events_subscription_state' AND labels ->> 'state' = 'overrun' AND value = 1 ORDER BY 1 DESC LIMIT 1}),
	'pulls', 'and metrics');
$receiver->wait_for(sub { my %told = map { /subscription\/(\w+)"/ ? ($1 => 1) : () } map { $_->{body} } grep { $_->{body} =~ /overrun/ } @_; $told{behind} && $told{pulls} }, 'whoever subscribes is told', '/oncall');
my ($told) = grep { $_->{type} eq 'odoo.platform.subscription.overrun.v1' && $_->{subject} eq 'subscription/behind' } $receiver->events('/oncall');
ok($told->{data}{subscription}{name} eq 'behind' && $told->{data}{first_position} <= $told->{data}{last_position}, 'by an event that says what was lost');
$node->safe_psql($db, q{SELECT odoo_events.resume('behind')});
ok(delivered('behind'), 'it goes on with what is left');
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.overrun o JOIN odoo_events.subscription_config c ON c.id = o.subscription_id WHERE c.name = 'behind'}), '0', 'resume() took note');
done_with();

is_deeply([ grep { !/^out of order/ } $receiver->problems ], [], 'every signature was right, and the bytes of an id the same');
unlike(slurp_file($node->logfile), qr/(PANIC|TRAP):|WARNING:  (?!subscription "\w+" has lost|argument "filter" looks at)/, 'no other warning in the log');
$node->stop;
done_testing();
