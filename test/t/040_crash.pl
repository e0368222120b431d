# Nothing lost, nothing invented, in order: kill -9 of the worker, of a backend and of the postmaster, and immediate shutdowns, at random
# moments under load, while a consumer fetches, snapshots are made and a lost trigger is made again.  An audit table that a plpgsql trigger
# fills is the independent account of what happened; the receiver's ledger is the independent account of what arrived.  ROUNDS (default 12)
# crashes, after each hundred of which all is compared; SEED repeats a run's choices.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooCrash;
use OdooEvents;
use Test::More;

my $rounds = $ENV{ROUNDS} // 12;
my $seed = $ENV{SEED} // time;
srand $seed;
note "SEED=$seed";

my $node = OdooEvents->node('crash', <<CONF);
odoo_events.restart_delay = '100ms'
restart_after_crash = on
CONF
my $receiver = OdooEvents->receiver;
my $plant = OdooCrash->new($node, $receiver);
my @misbehaviour = (
	{ probability => 0.03, seed => $seed, status => 503 },
	{ probability => 0.01, seed => $seed, reset => JSON::PP::true },
	{ probability => 0.02, seed => $seed, delay => 0.05 });

# --- killed while it has nothing to do: nothing comes twice; killed while requests wait for their answers: these and no others do
$plant->arm('maintain-ms', 200);
$plant->arm('backfill-rows', 3);
my $settled = q{SELECT bool_and(lag_events = 0 AND position = odoo_events._last_position()) FROM odoo_events.subscription_status WHERE name <> 'puller'};
my $worker = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'odoo_events worker' AND datname = 'plant'};
sub kill_worker
{
	my $pid = $plant->ask($worker);
	kill 'KILL', $pid;
	OdooEvents::Receiver::wait_until(sub { ($plant->ask($worker) || $pid) != $pid }, 'another worker is there');
	return;
}
$receiver->misbehave();
my $first = $plant->load(50);
$first->finish;
ok($node->poll_query_until('plant', q{SELECT count(*) = odoo_events._last_position() FROM audit}), 'published');
ok($node->poll_query_until('plant', $settled), 'all is settled');
kill_worker();
$node->safe_psql('plant', q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id <= 8});
ok($node->poll_query_until('plant', q{SELECT count(*) = odoo_events._last_position() FROM audit}), 'killed, it goes on');
ok($node->poll_query_until('plant', $settled), 'all is settled');
is(scalar @{ $receiver->told->{$_}{repeated} // [] }, 0, "$_: killed while it had nothing to do, it sends nothing twice") foreach '/single', '/batched';
$receiver->misbehave({ hold => JSON::PP::true });
$node->safe_psql('plant', q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id <= 8});
ok($node->poll_query_until('plant', q{SELECT sum(in_flight) = 9 FROM odoo_events.subscription_status}), 'eight requests and a batch wait for their answers');
$plant->broken_off(sub { kill_worker() }, 'worker');
$receiver->misbehave();
ok($node->poll_query_until('plant', $settled), 'all is settled');
my $told = $receiver->told;
cmp_ok(scalar @{ $told->{'/single'}{repeated} // [] }, '<=', 8, 'killed while they were in flight: only these come again');
cmp_ok(scalar @{ $told->{'/batched'}{repeated} // [] }, '<=', 1, 'and the batch');
# they may have been answered after the kill
$plant->{breaks}[-1][1] = -s "$receiver->{dir}/ledger";
$receiver->misbehave(@misbehaviour);

# Kills something; returns when the server answers again.
sub crash
{
	my ($what) = @_;
	if ($what eq 'postmaster')
	{
		$node->kill9;
		$plant->restart_killed;
		return;
	}
	if ($what eq 'immediate')
	{
		$node->stop('immediate');
		$node->start;
		return;
	}
	my $type = $what =~ /worker/ ? 'odoo_events worker' : 'client backend';
	my $pid = $plant->ask(qq{SELECT pid FROM pg_stat_activity WHERE backend_type = '$type' AND datname = 'plant' LIMIT 1});
	kill($what =~ /terminated/ ? 'TERM' : 'KILL', $pid) if $pid;
	# a worker that is terminated ends its step first
	OdooEvents::Receiver::wait_until(sub { !$pid || !kill 0, $pid }, "$what is gone");
	$plant->ask('SELECT true');
	return;
}

my @kinds = ('worker', 'backend', 'postmaster', 'immediate', 'worker terminated', 'backend terminated');
foreach my $round (1 .. $rounds)
{
	my $what = $round <= @kinds ? $kinds[ $round - 1 ] : $kinds[ int rand @kinds ];
	my $run = $plant->load(400, 1000);
	# crash somewhere between the first and the last of these transactions
	my $target = $plant->ask('SELECT count(*) FROM audit') + 50 + int rand 500;
	OdooEvents::Receiver::wait_until(
		sub { $run->pump_nb if $run->pumpable; !$run->pumpable || $plant->ask('SELECT count(*) FROM audit') >= $target },
		'the load is under way');
	$plant->backfill if rand() < 0.1;
	$plant->detach_one if rand() < 0.1;
	$plant->broken_off(sub { crash($what) }, $what);
	$plant->unload($run);
	$plant->pull;
	is($plant->ask('SELECT 1'), '1', "round $round: the server is back after $what");
	if ($round % 100 == 0 && $round < $rounds)
	{
		$plant->finish;
		$plant->verify;
		$receiver->misbehave(@misbehaviour);
	}
}
ok($plant->load_to_end(100), 'a load runs to its end');
$plant->finish;
my ($count, $again) = $plant->verify;
note "$rounds rounds, $count events; requests that came more than once: $again->{'/single'} single, $again->{'/batched'} batches";
$node->stop;
done_testing();
