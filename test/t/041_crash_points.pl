# Broken off at every named point of an event's way (src/base/fault.h), before and after each commit: kill -9, an error, a termination of
# the process that passes, the postmaster with it, an immediate shutdown while it stands there.  Audit, outbox and ledgers agree afterwards.
# With ROUNDS set (make check-long) every point takes every action; otherwise each takes the one that SEED chooses, most often a kill, and
# the points of rotation are passed in one ring each.
# check-all: it crashes at every fault point
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooCrash;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $long = exists $ENV{ROUNDS};
my $seed = $ENV{SEED} // time;
srand $seed;
note "SEED=$seed";

my $node = OdooEvents->node('points', <<CONF);
odoo_events.restart_delay = '100ms'
restart_after_crash = on
CONF
my $receiver = OdooEvents->receiver;
my $plant = OdooCrash->new($node, $receiver);

# Small rings that turn all the time.
my %tuned = ('maintain-ms' => 20, 'backfill-rows' => 3, 'journal-worth' => 1, 'progress-rows' => 10, 'cursor-rows' => 10, 'retention-min' => 1, 'backoff-ms' => 20);
$plant->arm($_, $tuned{$_}) foreach keys %tuned;
$node->append_conf('postgresql.conf', "odoo_events.retention = '1s'\nodoo_events.attempt_retention = '1s'\nodoo_events.process_retention = '1s'\n");
$node->restart;

# The points, as the source names them.
my (@points, @rings);
foreach my $file (glob "$FindBin::RealBin/../../src/{*,*/*,*/*/*}/*.c")
{
	my $text = slurp_file($file);
	push @rings, $text =~ /oe_ring_empty\("(\w+)"/g;
	push @points, $text =~ /OE_FAULT\((?:event == XACT_EVENT_COMMIT \? )?"([a-z-]+)"/g, $text =~ /: "(journal-prepared)"/g;
	push @points, map { "$_-*" } $text =~ /OE_FAULT_OF\("([a-z-]+)"/g;
}
# Passed only where the WAL is read (063_wal_crash.pl), where promises are broken (191_promises.pl), flows are judged (204_flows.pl), evidence
# is kept (228_evidence_crash.pl), a subscription is handed over (225_cut_over.pl) or receivers are asked (223_polls.pl); or where tests wait
# and nothing fails (hold).
@points = grep { !/^(wal|hold|promise|flow|seal|freeze|polls)-/ } @points;
# statistics of flows are kept for ten weeks: 204_flows.pl
@rings = grep { $_ ne 'flow_stat' } @rings;
cmp_ok(scalar(@rings), '>=', 5, "the source's rings: @rings");
cmp_ok(scalar(@points), '>=', 20, "and points: @points");
@points = map { my $p = $_; $p =~ s/\*$// ? map { $p . $_ } $long ? @rings : $rings[ int rand @rings ] : $p } @points;

# What a point needs beside the load to be passed.
my %cause = (
	'deliver-config' => sub { try(q{SELECT odoo_events._wake('config')}) },
	(map { $_ => sub { terminate_worker() } } 'deliver-shutdown', 'worker-setup'),
	(map { $_ => sub { $plant->backfill } } 'backfill-read', 'backfill-written', 'backfill-committed'),
	(map { $_ => sub { $plant->detach_one } } 'reattach-made', 'reattach-committed'),
	# the outbox keeps what was not fetched, and the index of its documents is emptied after it
	(map { $_ => sub { $plant->pull } } 'pull-rendered', grep { /^rotate-.*-(?:outbox|document_index)$/ } @points));
# Odoo's backend: what fails there is a gap, see below.
my %only = map { $_ => [ 'kill', 'postmaster', 'immediate' ] } grep { /^journal|^gap/ } @points;
# it is the test that would have to wait there for the shutdown
$only{'pull-rendered'} = [ 'kill', 'error', 'terminate', 'postmaster' ];

# A statement, if the server answers.
sub try
{
	my ($sql) = @_;
	return (eval { $node->psql('plant', $sql) })[1];
}

sub terminate_worker
{
	# between two steps: in one it would be broken off
	my $pid = try(q{SELECT pid FROM odoo_events.worker_status WHERE state = 'idle'});
	kill 'TERM', $pid if $pid;
	return;
}

# something that has to be tried again, all the time
$receiver->misbehave({ probability => 0.01, seed => $seed, status => 503 });
my ($rounds, %run) = (0);
sub break_off
{
	my ($point, $action) = @_;
	my $ledger = "$receiver->{dir}/ledger";
	my $before = -s $ledger // 0;
	$rounds++;
	$plant->arm($point, $action eq 'immediate' ? 'wait' : $action);
	my $passed = OdooEvents::Receiver::wait_until(sub {
			return 1 if $plant->passed($point);
			$plant->unload($run{now}), $run{now} = undef if $run{now} && !$run{now}->pumpable;
			$run{now} //= $plant->load(2000, 150);
			$cause{$point}->() if $cause{$point};
			$run{now}->pump_nb if $run{now}->pumpable;
			0;
		},
		"$point is passed");
	# it may have been passed at any time since it was armed
	push @{ $plant->{breaks} }, [ $before, -s $ledger // 0, $action ];
	if ($action eq 'postmaster')
	{
		$plant->restart_killed;
	}
	elsif ($action eq 'immediate')
	{
		$plant->broken_off(sub { $node->stop('immediate') }, $action);
		unlink glob "$plant->{faults}/*.held";
		$node->start;
	}
	ok($passed && $plant->ask('SELECT 1'), "$point: $action");
	if ($action =~ /kill|postmaster|immediate/)
	{
		# the clients went with the server; what they had prepared would hold up the next ones
		$plant->unload(delete $run{now}) if $run{now};
	}
	return;
}

foreach my $point (sort @points)
{
	next if $point eq 'gap-written';
	my @actions = @{ $only{$point} // [ 'kill', 'error', 'terminate', 'postmaster', 'immediate' ] };
	break_off($point, $_) foreach $long ? @actions : int rand 2 ? 'kill' : $actions[ int rand @actions ];
}
$plant->unload($run{now}) if $run{now};
ok($plant->load_to_end(50), 'a load runs to its end');
$plant->finish;
my ($count, $again) = $plant->verify;
note "$rounds rounds, $count events; requests that came more than once: $again->{'/single'} single, $again->{'/batched'} batches";

# --- what fails while the journal is written: the commit goes on and the gap is noted; strict, it fails; broken off, nothing is committed
my $gaps = q{SELECT count(*), sum(changes) FROM odoo_events.capture_error};
my $change = q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = 1};
my $audited = sub { $plant->ask('SELECT count(*) FROM audit') };

sub failing
{
	my ($what, $faults, $committed, $gap, $settings) = @_;
	my $before = $audited->();
	$plant->arm($_, $faults->{$_}) foreach keys %$faults;
	eval { $node->psql('plant', ($settings // '') . $change) };
	is($audited->() - $before, $committed, "$what: " . ($committed ? 'committed' : 'not committed'));
	is($plant->ask($gaps), $gap, $gap =~ /^0/ ? 'no gap' : 'the gap is told');
	ok(!(grep { !$plant->passed($_) } keys %$faults), 'it happened there');
	return;
}
foreach my $point ('journal-begin', 'journal-written')
{
	failing("$point: error", { $point => 'error' }, 1, '1|1');
	is($node->safe_psql('plant', 'SELECT count(*) FROM odoo_events.capture_gap'), '1', 'and noted');
	$node->safe_psql('plant', 'DELETE FROM odoo_events.capture_gap');
	failing("$point: error, strict", { $point => 'error' }, 0, '0|', 'SET odoo_events.strict = on; ');
	failing("$point: terminate", { $point => 'terminate' }, 0, '0|');
}
failing('neither journal nor gap', { 'journal-begin' => 'error', 'gap-written' => 'error' }, 1, '1|1');
ok($node->poll_query_until('plant', 'SELECT count(*) = 1 FROM odoo_events.capture_gap'), 'the worker notes it');
is($node->safe_psql('plant', $gaps), '1|1', 'once');
$node->safe_psql('plant', 'DELETE FROM odoo_events.capture_gap');
failing('killed while the gap is noted', { 'journal-begin' => 'error', 'gap-written' => 'kill' }, 0, '0|');
$node->stop;
done_testing();
