# Nothing lost, nothing invented, in order: kill -9 of the worker, of a backend and of the postmaster, and immediate shutdowns, at random
# moments under load.  An audit table that a plpgsql trigger fills is the independent account of what happened; the receiver's ledger is
# the independent account of what arrived.  ROUNDS (default 12) crashes; SEED repeats a run's choices.
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
$receiver->misbehave(
	{ probability => 0.03, seed => $seed, status => 503 },
	{ probability => 0.01, seed => $seed, reset => JSON::PP::true },
	{ probability => 0.02, seed => $seed, delay => 0.05 });

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
	crash($what);
	$plant->unload($run);
	is($plant->ask('SELECT 1'), '1', "round $round: the server is back after $what");
}
my $last = $plant->load(100);
$last->finish;
is($last->result(0), 0, 'the load runs to its end');
$plant->finish;
my ($count, $again) = $plant->verify;
cmp_ok($again->{$_}, '<=', $rounds * (256 + 500), "$_: duplicates within what is promised") foreach sort keys %$again;
note "$rounds rounds, $count events; came more than once: $again->{'/single'} single, $again->{'/batched'} in batches";
$node->stop;
done_testing();
