# once: the dispatcher's logic; the crash test runs on every version
# check-all: random failures
# Whatever is subscribed and whatever goes wrong: every event that matches is acknowledged or a dead letter, in the order of its key, with the
# same bytes each time, and more than once only where something was killed or replayed.  Each round chooses subscriptions (ordering, format, batches,
# filters, requests in flight) and failures (answers, resets, garbage, slowness, 410, a worker that is killed or ended, pauses, skips, replays, also of dead
# letters) at random.
# ROUNDS (default 12) rounds; SEED repeats a run's choices.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{ROUNDS} // 12;
my $seed = $ENV{SEED} // time;
note "SEED=$seed";
my $db = 'plant';
my $node = OdooEvents->node('property', "odoo_events.restart_delay = '100ms'\nrestart_after_crash = on\nlog_min_messages = warning\n");
my $tuned = $node->data_dir . '/oe_faults';
mkdir $tuned;
append_to_file("$tuned/moved-ms", 50);
$node->safe_psql('postgres', 'CREATE DATABASE plant');
$node->safe_psql($db, q{
  CREATE EXTENSION odoo_events;
  SELECT odoo_events.arm();
  CREATE TABLE truth (round int, n serial, kind text, key int, id uuid);
  -- one after another per key, so that n is the order of the commits
  CREATE FUNCTION make(round int, kind text, key int) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    number int;
  BEGIN
    PERFORM pg_advisory_xact_lock(key);
    number := nextval('truth_n_seq');
    INSERT INTO truth VALUES (round, number, kind, key,
      odoo_events.emit('test.plant.' || kind || '.done.v1', 'thing/' || number, jsonb_build_object('n', number), 'thing:' || key));
  END $$});
my $receiver = OdooEvents->receiver;

sub pick { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }

# One session for all questions: starting one for each would take longer than a round.  It goes with the server.
my ($session, $question, $answer);

sub asked
{
	my ($sql) = @_;
	$session //= do
	{
		($question, $answer) = ('', '');
		IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-f', '-' ], '<', \$question, '>', \$answer, '2>', File::Spec->devnull);
	};
	$answer = '';
	$question .= "$sql;\n\\echo /end/\n";
	return if eval { $session->pump until $answer =~ m{^/end/\n}m || !$session->pumpable; $answer =~ s{^/end/\n}{}m };
	eval { $session->kill_kill };
	undef $session;
	return 1;
}

# An answer of the server, which may be recovering from the last crash when first asked.
sub ask
{
	my ($sql) = @_;
	OdooEvents::Receiver::wait_until(sub { !asked($sql) }, "the server answers $sql");
	chomp $answer;
	return $answer;
}

# A subscription at random: its arguments, and the same as a condition on the truth.
sub choose_subscription
{
	my ($name) = @_;
	my %s = (name => $name, path => "/$name", ordering => pick('key', 'key', 'none', 'strict'), where => 'true');
	my @args = ("ordering => '$s{ordering}'", 'max_in_flight => ' . pick(1, 3, 16, 64));
	if (chance(0.4))
	{
		push @args, "format => 'batch'", 'batch_size => ' . pick(1, 2, 7, 50), q{batch_wait => '} . pick('0', '20ms', '200ms') . q{'};
	}
	# few retries end in dead letters, many outlast the round
	push @args, q{retry_schedule => array_fill('} . pick('0', '5ms', '50ms') . q{'::interval, ARRAY[} . pick(2, 100, 100) . '])';
	if (chance(0.3))
	{
		push @args, q{types => '{test.plant.a.*}'};
		$s{where} .= q{ AND kind = 'a'};
	}
	if (chance(0.3))
	{
		my $n = int rand 3;
		push @args, qq{filter => '\$.data.n % 3 == $n'};
		$s{where} .= " AND n % 3 = $n";
	}
	$s{args} = join(', ', @args);
	return \%s;
}

# What goes wrong at the endpoints this time.
sub choose_rules
{
	my ($round) = @_;
	my @rules = (
		sub { { probability => 0.3, status => pick(500, 503, 400, 404, 422, 301, 413) } },
		sub { { probability => 0.2, reset => JSON::PP::true } },
		sub { { probability => 0.1, garbage => JSON::PP::true } },
		sub { { probability => 0.5, delay => 0.02 } },
		sub { { key => '^thing:' . int(rand 5) . '$', status => 500, times => 1 + int rand 5 } },
		sub { { probability => 0.05, status => 410, times => 1 } },
		sub { { probability => 0.1, status => 500, headers => { 'webhook-delivery' => 'abort-message' } } },
		sub { { probability => 0.3, status => 429, times => 2 } });
	return map { { seed => "$seed/$round/$_", %{ pick(@rules)->() } } } 1 .. int rand 5;
}

my $sessions = 0;

sub session
{
	my ($script) = @_;
	my $file = $node->basedir . '/session' . ++$sessions;
	append_to_file($file, $script);
	return IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($db), '-f', $file ], '<', File::Spec->devnull, '>', File::Spec->devnull, '2>', File::Spec->devnull);
}

# Transactions of one session: few events each, some rolled back.
sub load_script
{
	my ($round) = @_;
	my $sql = '';
	foreach (1 .. 8 + int rand 10)
	{
		$sql .= 'BEGIN;';
		my %keys = map { int(rand 5) => 1 } 1 .. 1 + int rand 4;
		$sql .= " SELECT make($round, '" . pick('a', 'b') . "', $_);" foreach sort keys %keys;
		$sql .= chance(0.15) ? " ROLLBACK;\n" : " COMMIT;\n";
	}
	return $sql;
}

# Something that somebody does meanwhile; answers whether duplicates are to be expected.
sub disturb
{
	my ($from, @subs) = @_;
	my $name = pick(@subs)->{name};
	my $what = pick('nothing', 'nothing', 'pause', 'retry', 'alter', 'replay', 'bury', 'raise', 'end', 'kill');
	note "$what $name";
	ask("SELECT odoo_events.pause('$name')"), ask("SELECT odoo_events.resume('$name')") if $what eq 'pause';
	ask("SELECT odoo_events.retry_now('$name')") if $what eq 'retry';
	ask("SELECT odoo_events.alter_subscription('$name', max_in_flight => " . pick(1, 5, 50) . ')') if $what eq 'alter';
	ask("SELECT odoo_events.replay('$name', from_position => $from)") if $what eq 'replay';
	# what is retried now may be delivered before it can be skipped
	ask(qq{DO \$\$ BEGIN
		PERFORM odoo_events.skip('$name', ARRAY(SELECT event_id FROM odoo_events.waiting WHERE subscription = '$name' AND state = 'retry' LIMIT 2));
		EXCEPTION WHEN invalid_parameter_value THEN NULL; END \$\$}) if $what eq 'bury';
	ask("SELECT odoo_events.replay('$name', dead_letters => true)") if $what eq 'raise';
	my $pid = $what =~ /end|kill/ ? ask(q{SELECT pid FROM odoo_events.worker_status}) : '';
	kill(($what eq 'kill' ? 'KILL' : 'TERM'), $pid) if $pid;
	return $what =~ /replay|end|kill/;
}

# Waits until nothing is left to be done for these subscriptions.
sub finish
{
	my (@subs) = @_;
	my $names = join(',', map { "'$_->{name}'" } @subs);
	return OdooEvents::Receiver::wait_until(sub {
			ask(qq{SELECT odoo_events.resume(name), odoo_events.retry_now(name) FROM odoo_events.subscription_status
				WHERE name IN ($names) AND (state <> 'active' OR breaker <> 'closed' OR parked > 0)});
			ask(qq{SELECT bool_and(lag_events = 0 AND position = odoo_events._last_position()) AND odoo_events._journal_pending() = 0
				AND NOT EXISTS (SELECT FROM odoo_events.replay_status WHERE state = 'running')
				AND (SELECT count(*) FROM truth) = (SELECT count(*) FROM odoo_events.outbox_all WHERE type LIKE 'test.%')
				FROM odoo_events.subscription_status WHERE name IN ($names)}) eq 't';
		},
		'all is delivered or dead');
}

# Judges one subscription by the receiver's ledger; answers what is wrong.
sub judge
{
	my ($round, $s, $duplicates) = @_;
	my @want = map { [ split /\|/ ] } split /\n/, ask("SELECT id, n, key FROM truth WHERE round = $round AND $s->{where} ORDER BY n");
	my %dead = map { $_ => 1 } split /\n/, ask("SELECT event_id FROM odoo_events.dead_letter WHERE subscription = '$s->{name}'");
	my %died = map { $_ => 1 } split /\n/, ask("SELECT event::json #>> '{data,event,id}' FROM odoo_events.outbox_all
		WHERE type = 'odoo.platform.event.dead_lettered.v1' AND subject = 'subscription/$s->{name}'");
	my (%seen, %last, @wrong);
	my $again = 0;
	my %known = map { $_->[0] => $_ } @want;
	foreach my $event ($receiver->events($s->{path}))
	{
		my $id = $event->{id};
		my $w = $known{$id};
		push @wrong, "$id does not match" unless $w;
		$again++ if $seen{$id}++;
		# what had died before a replay sent it again comes after those that went on
		next if !$w || $seen{$id} > 1 || $died{$id};
		my $scope = $s->{ordering} eq 'strict' ? 'all' : $w->[2];
		my $place = $s->{ordering} eq 'strict' ? $event->{sequence} : $w->[1];
		push @wrong, "$id overtaken in $scope" if $s->{ordering} ne 'none' && defined $last{$scope} && $place <= $last{$scope};
		$last{$scope} = $place;
	}
	push @wrong, map { "$_->[0] neither arrived nor died" } grep { !$seen{ $_->[0] } && !$dead{ $_->[0] } } @want;
	push @wrong, map { "$_ died without matching" } grep { !$known{$_} } keys %dead, keys %died;
	push @wrong, map { "$_ is dead, and nobody was told" } grep { !$died{$_} } keys %dead;
	push @wrong, "$again duplicates without a reason" if $again && !$duplicates;
	push @wrong, grep { !/^out of order/ } $receiver->problems($s->{path});
	note "$s->{name} ($s->{args}): " . @want . ' events, ' . keys(%dead) . ' dead, ' . (keys(%died) - keys(%dead)) . " came back, $again again";
	return @wrong;
}

foreach my $round (1 .. $rounds)
{
	srand("$seed$round" % 4294967291);
	my $from = ask('SELECT odoo_events._last_position() + 1');
	my @subs = map { choose_subscription("r${round}s$_") } 1 .. 1 + int rand 3;
	$receiver->subscribe($node, $db, $_->{name}, $_->{path}, $_->{args}) foreach @subs;
	$receiver->misbehave(choose_rules($round));
	my @runs = map { session(load_script($round)) } 1 .. 1 + int rand 3;
	OdooEvents::Receiver::wait_until(sub { ask("SELECT count(*) > 2 FROM truth WHERE round = $round") eq 't' }, 'events are made');
	my $duplicates = disturb($from, @subs);
	push @runs, session(load_script($round));
	$duplicates |= disturb($from, @subs) if chance(0.5);
	# a session that was cut off by a crash has done what it has done
	eval { $_->finish } foreach @runs;
	$receiver->misbehave() if chance(0.7);
	$receiver->misbehave({ probability => 0.2, status => 500 }) if chance(0.2);
	my $finished = finish(@subs);
	$receiver->misbehave();
	if ($finished && chance(0.3))
	{
		ask(join(';', map { "SELECT odoo_events.replay('$_->{name}', dead_letters => true)" } @subs));
		$finished = finish(@subs);
	}
	my @wrong = map { judge($round, $_, $duplicates) } @subs;
	is_deeply(\@wrong, [], "round $round: " . join(' ', map { $_->{ordering} } @subs)) or diag "SEED=$seed, round $round";
	last unless $finished;
	ask(join(';', map { "SELECT odoo_events.unsubscribe('$_->{name}')" } @subs));
	$receiver->{entries} = [];
	if ($round % 200 == 0)
	{
		$receiver->stop;
		$receiver = OdooEvents->receiver;
	}
}
$session->finish if $session;
$node->stop;
done_testing();
