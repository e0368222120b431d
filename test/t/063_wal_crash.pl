# Capture from the WAL, broken off at each of its stages: what is decoded, written, committed, confirmed; kill -9, an error, a termination,
# the postmaster with it.  Odoo's table, outbox and ledgers agree afterwards: no event is lost, none comes twice with another id.
# With ROUNDS set (make check-long) every point takes every action.
# check-all: it crashes at every fault point
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooCrash;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} // time;
srand $seed;
note "SEED=$seed";

my $node = OdooEvents->node('walcrash', <<CONF);
odoo_events.restart_delay = '100ms'
restart_after_crash = on
CONF
$node->append_conf('postgresql.conf', "output_plugin_libraries = 'odoo_events'\n")
  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
$node->reload;
my $receiver = OdooEvents->receiver;
my $plant = OdooCrash->new($node, $receiver, 'wal');
is($node->safe_psql('plant', 'SELECT count(*) FROM odoo_events._capture_trigger'), '0', 'no trigger captures');

my @points;
foreach my $file (glob "$FindBin::RealBin/../../src/walreader/*.c")
{
	push @points, slurp_file($file) =~ /OE_FAULT\("(wal-[a-z]+)"/g;
}
cmp_ok(scalar(@points), '>=', 4, "the stages: @points");

my @actions = ('kill', 'error', 'terminate', 'postmaster');
foreach my $point (@points)
{
	foreach my $action (exists $ENV{ROUNDS} ? @actions : ($actions[ int rand @actions ], 'kill'))
	{
		my $passed;
		$plant->broken_off(
			sub {
				$plant->arm($point, $action);
				my $run = $plant->load(2000, 150);
				$passed = OdooEvents::Receiver::wait_until(sub {
						$run->pump_nb if $run->pumpable;
						$plant->unload($run), $run = $plant->load(2000, 150) unless $run->pumpable;
						$plant->passed($point);
					},
					"$point is passed");
				$plant->restart_killed if $action eq 'postmaster';
				$plant->unload($run);
				$plant->ask('SELECT 1');
			},
			"$action at $point");
		ok($passed, "broken off at $point: $action");
	}
}
$plant->finish;
ok($node->poll_query_until('plant', q{SELECT count(*) = 0 FROM pg_prepared_xacts}), 'nothing is left prepared');
my ($count, $again) = $plant->verify;
cmp_ok($count, '>', 0, "$count events");
is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.wal_rule WHERE state <> 'wal'}), '0', 'and the WAL is still read');

$node->stop;
done_testing();
