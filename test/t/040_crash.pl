# Nothing lost, nothing invented, in order: kill -9 of the worker, of a backend and of the postmaster, and immediate shutdowns, at random
# moments under load.  An audit table that a plpgsql trigger fills is the independent account of what happened; the receiver's ledger is
# the independent account of what arrived.  ROUNDS (default 12) crashes; SEED repeats a run's choices.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

my $rounds = $ENV{ROUNDS} // 12;
my $seed = $ENV{SEED} // time;
srand $seed;
note "SEED=$seed";

my $node = OdooEvents->node('crash', <<CONF);
odoo_events.restart_delay = '100ms'
restart_after_crash = on
fsync = on
CONF
my $receiver = OdooEvents->receiver;
OdooEvents->load($node, 'plant', 'odoo19');
OdooEvents->replay($node, 'plant', 'odoo19-sales');
$node->safe_psql('plant', q{
  SET ROLE odoo;
  CREATE TABLE audit (n bigserial, picking int, state text);
  CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO public.audit (picking, state) VALUES (NEW.id, NEW.state); RETURN NULL; END$$;
  UPDATE stock_picking SET state = 'assigned' WHERE id <= 8;
  CREATE TRIGGER audit AFTER UPDATE OF state ON stock_picking FOR EACH ROW EXECUTE FUNCTION audit();
  RESET ROLE;
  SELECT odoo_events.attach()});
$receiver->subscribe($node, 'plant', 'single', '/single');
$receiver->subscribe($node, 'plant', 'batched', '/batched', q{format => 'batch', batch_size => 20});
$receiver->misbehave(
	{ probability => 0.03, seed => $seed, status => 503 },
	{ probability => 0.01, seed => $seed, reset => JSON::PP::true },
	{ probability => 0.02, seed => $seed, delay => 0.05 });

# Reserving and unreserving one of eight transfers: one transaction, one event.  Savepoints that are rolled back must not show.
my $script = $node->basedir . '/toggle.sql';
PostgreSQL::Test::Utils::append_to_file($script, <<'SQL');
\set id random(1, 8)
\set fate random(1, 10)
BEGIN;
UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = :id;
SAVEPOINT s;
UPDATE stock_picking SET state = 'cancel' WHERE id = :id;
ROLLBACK TO s;
\if :fate > 9
ROLLBACK;
\else
COMMIT;
\endif
SQL

sub load_for
{
	my ($transactions) = @_;
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'pgbench', '-n', '-c', '3', '-t', $transactions, '-f', $script, '-h', $node->host, '-p', $node->port, '-U', 'odoo', 'plant' ],
		'<', File::Spec->devnull, '>', \$out, '2>', \$err);
	return $run;
}

# An answer of the server, which may be recovering from the last crash when first asked.
sub ask
{
	my ($sql) = @_;
	my $answer;
	OdooEvents::Receiver::wait_until(sub {
			# psql may be gone before it has read the question
			my $status = eval { (my $s, $answer) = $node->psql('plant', $sql); $s };
			defined $status && $status == 0;
		},
		"the server answers $sql");
	return $answer;
}

# Kills something; returns when the server answers again.
sub crash
{
	my ($what) = @_;
	if ($what eq 'postmaster')
	{
		$node->kill9;
		# its children go by themselves once they notice; until then a start fails, and leaves the object believing in it
		OdooEvents::Receiver::wait_until(sub { $node->{_pid} = undef; $node->start(fail_ok => 1) }, 'the server starts again');
		return;
	}
	if ($what eq 'immediate')
	{
		$node->stop('immediate');
		$node->start;
		return;
	}
	my $type = $what eq 'worker' ? 'odoo_events worker' : 'client backend';
	my $pid = ask(qq{SELECT pid FROM pg_stat_activity WHERE backend_type = '$type' AND datname = 'plant' LIMIT 1});
	kill 'KILL', $pid if $pid;
	ask('SELECT true');
	return;
}

my @kinds = ('worker', 'backend', 'postmaster', 'immediate');
foreach my $round (1 .. $rounds)
{
	my $what = $round <= @kinds ? $kinds[ $round - 1 ] : $kinds[ int rand @kinds ];
	my $run = load_for(400);
	# crash somewhere between the first and the last of these transactions
	my $target = ask('SELECT count(*) FROM audit') + 50 + int rand 500;
	OdooEvents::Receiver::wait_until(
		sub { $run->pump_nb if $run->pumpable; !$run->pumpable || ask('SELECT count(*) FROM audit') >= $target },
		'the load is under way');
	crash($what);
	$run->kill_kill;
	is(ask('SELECT 1'), '1', "round $round: the server is back after $what");
}
my $last = load_for(100);
$last->finish;
is($last->result(0), 0, 'the load runs to its end');
$receiver->misbehave();
$node->safe_psql('plant', q{SELECT odoo_events.retry_now(name) FROM odoo_events.subscription});

ok($node->poll_query_until('plant', q{SELECT (SELECT count(*) FROM audit) = (SELECT count(*) FROM odoo_events.outbox_all)}),
	'every committed change has its event, and no other has');
ok($node->poll_query_until('plant', q{SELECT bool_and(lag_events = 0 AND position = odoo_events._last_position()) FROM odoo_events.subscription_status}),
	'all is delivered');
my $count = $node->safe_psql('plant', 'SELECT count(*) FROM audit');
is($node->safe_psql('plant', 'SELECT count(*), max(position), count(DISTINCT id) FROM odoo_events.outbox_all'), "$count|$count|$count",
	'positions without gaps, ids once');
is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.dead_letter}), '0', 'no dead letters');

# per transfer, the events tell the audit's story in its order
my $story = q{SELECT picking || ' ' || string_agg(CASE state WHEN 'assigned' THEN 'ready' ELSE 'unreserved' END, ',' ORDER BY n) FROM audit GROUP BY picking ORDER BY picking};
my $want = $node->safe_psql('plant', $story);
foreach my $path ('/single', '/batched')
{
	my (%seen, %told, @positions);
	foreach my $event ($receiver->events($path))
	{
		next if $seen{ $event->{id} }++;
		my ($verb) = $event->{type} =~ /\.(\w+)\.v1$/;
		push @{ $told{ $event->{odoorecordid} } }, $verb;
	}
	is(scalar(keys %seen), $count, "$path: every event arrived");
	is(join("\n", map { "$_ " . join(',', @{ $told{$_} }) } sort { $a <=> $b } keys %told), $want, "$path: each transfer's story, in order");
	is_deeply([ $receiver->problems($path) ], [], "$path: signed, in order, the same bytes for every duplicate");
	my $duplicates = grep { $_ > 1 } values %seen;
	note "$path: $duplicates of $count came more than once";
}
$node->stop;
done_testing();
