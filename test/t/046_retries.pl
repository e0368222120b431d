# once: when something is tried again has nothing to do with PostgreSQL's version
# When what failed is tried again: the default schedules with their jitter and their end, what Retry-After says, the probes of a breaker.  Every time
# is taken from the tables, where an attempt's end and what follows from it are written by one transaction.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooEvents;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('retries', "odoo_events.restart_delay = '100ms'\nrestart_after_crash = on\n");
my $receiver = OdooEvents->receiver;
my $db = 'plant';
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm();
CREATE FUNCTION make(n int) RETURNS void LANGUAGE sql AS $$
  SELECT odoo_events._emit('odoo.platform.test.made.v1', 'test/' || i, jsonb_build_object('n', i), 'test:' || i) FROM generate_series(1, n) i $$});

sub sql { return $node->safe_psql($db, $_[0]) }
sub subscribe { my ($name, $more) = @_; return $receiver->subscribe($node, $db, $name, "/$name", $more) }

sub status { return OdooEvents::status($node, $db, @_) }
sub delivered { return OdooEvents::delivered($node, $db, @_) }

# Of each event that waits for a retry: attempts made, and seconds from the end of the latest to the next.
sub delays
{
	my ($name) = @_;
	return map { [ split /\|/ ] } split /\n/, sql(qq{SELECT w.attempts, extract(epoch FROM w.next_attempt_at - a.at - a.duration) FROM odoo_events.waiting w
		JOIN odoo_events.attempt a ON a.subscription = w.subscription AND a.event_id = w.event_id AND a.attempt = w.attempts
		WHERE w.subscription = '$name' AND w.state = 'retry'});
}

sub within { my ($delay, $from, $to) = @_; return $delay > $from - 0.001 && $delay < $to + 0.001 }

# Changes what is held while no worker runs; the next one takes it for what was.
sub without_worker
{
	my ($statement) = @_;
	$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.databases = 'none-such'});
	$node->reload;
	sql(q{SELECT pg_terminate_backend(pid, 10000) FROM odoo_events.worker_status});
	sql($statement);
	$node->safe_psql('postgres', q{ALTER SYSTEM RESET odoo_events.databases});
	$node->reload;
	sql(q{SELECT odoo_events._wake('register')});
	return;
}

sub done_with
{
	$receiver->misbehave();
	sql('SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription');
	return;
}

# --- without an order: ten attempts, 75 hours and 35 minutes; each delay a little different
my @schedule = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400);
subscribe('free', q{ordering => 'none'});
$receiver->misbehave({ path => '^/free$', status => 500 });
sql('SELECT make(5)');
my %jitter;
foreach my $attempt (1 .. @schedule)
{
	ok($node->poll_query_until($db, qq{SELECT count(*) = 5 FROM odoo_events.waiting WHERE subscription = 'free' AND state = 'retry' AND attempts >= $attempt}),
		"all have failed $attempt times");
	my @delays = delays('free');
	is(scalar(grep { my $s = $schedule[ $_->[0] - 1 ]; within($_->[1], 0.9 * $s, 1.1 * $s) } @delays), 5, 'and wait as the schedule says, give or take a tenth')
	  or diag(join ' ', map { "@$_" } @delays);
	$jitter{ sprintf '%.4f', $_->[1] / $schedule[ $_->[0] - 1 ] } = 1 foreach @delays;
	sql(q{SELECT odoo_events.retry_now('free')});
}
ok(keys %jitter > 20, 'no two alike: ' . keys %jitter);
ok(status('free', 'dead_letters = 5 AND lag_events = 0'), 'after the tenth they are dead letters');
is(sql(q{SELECT DISTINCT attempts FROM odoo_events.dead_letter}), '10', 'which say so');
done_with();

# --- heads of keys: one second, doubling to five minutes, for as long
subscribe('keyed', q{});
$receiver->misbehave({ path => '^/keyed$', status => 500 });
sql('SELECT make(5)');
foreach my $made (0, 4, 7, 8, 9, 900)
{
	without_worker("UPDATE odoo_events.held SET attempts = $made, next_attempt_at = now()") if $made;
	ok($node->poll_query_until($db, qq{SELECT count(*) = 5 FROM odoo_events.waiting WHERE subscription = 'keyed' AND state = 'retry' AND attempts > $made}), "$made attempts and one more");
	my @delays = delays('keyed');
	is(scalar(grep { my $s = $_->[0] > 9 ? 300 : 2**($_->[0] - 1); within($_->[1], 0.9 * $s, 1.1 * $s) } @delays), scalar(@delays), 'doubling, to five minutes')
	  or diag(join ' ', map { "@$_" } @delays);
}
without_worker(q{UPDATE odoo_events.held SET first_at = now() - interval '75 h 34 min', next_attempt_at = now()});
ok(status('keyed', 'dead_letters = 5 AND lag_events = 0'), 'and after 75 hours and 35 minutes it is a dead letter');
done_with();

# --- Retry-After: from a second to a day, as seconds or as a date; what says nothing is not heard
my $date = time + 7200;
my %after = (
	day => [ 503, '100000000', 86400, 86400 ],
	hours => [ 429, '7200', 7200, 7200 ],
	date => [ 503, strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime $date), 0, 7200 ],
	never => [ 429, '0', 3240, 3960 ],
	past => [ 503, '-5', 3240, 3960 ],
	soon => [ 503, 'soon', 3240, 3960 ]);
subscribe($_, q{retry_schedule => '{1h}'}) foreach sort keys %after;
subscribe('beside', q{});
$receiver->misbehave(map { +{ path => "^/$_\$", status => $after{$_}[0], headers => { 'Retry-After' => $after{$_}[1] } } } sort keys %after);
sql('SELECT make(1)');
foreach my $name (sort keys %after)
{
	ok(status($name, 'failed_total = 1'), "$name: $after{$name}[0], Retry-After: $after{$name}[1]");
	my ($delay) = map { $_->[1] } delays($name);
	ok(within($delay, @{ $after{$name} }[ 2, 3 ]), "$name: waits $delay s");
}
my $at = sql(q{SELECT extract(epoch FROM next_attempt_at) FROM odoo_events.waiting WHERE subscription = 'date'});
ok(abs($at - $date) <= 1, 'date: until then');
sql(q{SELECT odoo_events._emit('odoo.platform.test.made.v1', 'test/more', '{}', 'test:more')});
ok(delivered('beside') && status($_, 'lag_events = 2'), "$_: the whole subscription waits") foreach 'day', 'hours', 'date';
is(scalar(grep { @{ [ $receiver->ledger("/$_") ] } == 1 } 'day', 'hours', 'date'), 3, 'nothing more was sent to them');
done_with();

# --- an open breaker: one probe at a time, each twice as long after the one before; five successes, still one at a time, close it
sub probe_after { unlink "$faults/probe-ms"; append_to_file("$faults/probe-ms", $_[0]); return }
probe_after(30000);
subscribe('usual', q{retry_schedule => '{1h}'});
$receiver->misbehave({ path => '^/usual$', status => 500 });
sql('SELECT make(60)');
ok(status('usual', q{state = 'breaker_open' AND failed_total >= 10 AND in_flight = 0}), 'ten failures in a row open the breaker, with sixteen requests at a time');
is(sql(q{SELECT extract(epoch FROM s.next_attempt_at - a.at) BETWEEN 29.99 AND 30.01 FROM odoo_events.subscription_status s,
	(SELECT at + duration AS at FROM odoo_events.attempt WHERE subscription = 'usual' ORDER BY at + duration OFFSET 9 LIMIT 1) a}), 't',
	'requests that were under way when it opened do not put off the first probe');
is(sql(q{SELECT count(*) >= 10 AND count(DISTINCT w.next_attempt_at) = 1 AND min(w.next_attempt_at) = min(s.next_attempt_at)
	FROM odoo_events.waiting w JOIN odoo_events.subscription_status s ON s.name = w.subscription WHERE w.state = 'retry'}), 't',
	'what waits for a retry waits for the probe');
done_with();
probe_after(10);
subscribe('down', q{retry_schedule => '{1h}'});
$receiver->misbehave({ path => '^/down$', status => 500 });
sql('SELECT make(60)');
ok(status('down', q{state = 'breaker_open' AND failed_total >= 20}), 'an open breaker probes');
OdooEvents::kill_worker($node, $db);
ok(status('down', q{state = 'breaker_open' AND failed_total >= 23}), 'the next worker goes on probing');
my @gaps = split /\n/, sql(q{SELECT extract(epoch FROM a.at - lag(a.at + a.duration, 1, p.opening) OVER (ORDER BY a.at)) * 1000
	FROM odoo_events.attempt a, (SELECT openings[1] AS opening FROM odoo_events.subscription_progress WHERE name = 'down') p
	WHERE a.subscription = 'down' AND a.at > p.opening ORDER BY a.at LIMIT 6});
is(scalar(grep { $gaps[$_] < 10 * 2**$_ - 1 } 0 .. $#gaps), 0, "each probe comes after twice as long, whichever worker sends it: @gaps ms");
$receiver->misbehave({ path => '^/down$', status => 204, times => 4 }, { path => '^/down$', status => 204, hold => JSON::PP::true });
ok(status('down', q{breaker = 'half_open' AND delivered_total = 4 AND in_flight = 1}), 'after four successes there is still one request at a time');
$receiver->misbehave();
ok(status('down', q{breaker = 'closed'}), 'the fifth closes it');
ok(delivered('down') && status('down', q{breaker = 'closed' AND state = 'active' AND delivered_total = 60}), 'all arrives, although the retries were an hour ahead');

is_deeply([ grep { !/^out of order/ } $receiver->problems ], [], 'signed, the same bytes');
$node->stop;
done_testing();
