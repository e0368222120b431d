# preload_line() gives the statement that adds the library to a server's settings beside what is there, or takes it out again: with
# each line the server starts, and the other libraries stay.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('preload');
$node->init;
$node->append_conf('postgresql.conf', "max_worker_processes = 20\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION odoo_events');

sub line { return $node->safe_psql('postgres', 'SELECT odoo_events.preload_line(' . ($_[0] // '') . ')') }
sub loaded { return $node->safe_psql('postgres', 'SHOW shared_preload_libraries') }

# Executes a line, and starts the server with it.
sub apply
{
	my ($line, $libraries) = @_;
	$node->safe_psql('postgres', $line);
	$node->stop;
	ok($node->start(fail_ok => 1), "the server starts with: $line") or BAIL_OUT('no server');
	is(loaded(), $libraries, "and has loaded: $libraries");
	return;
}

subtest 'a server without libraries' => sub {
	is(line('remove => true'), '-- nothing to do: shared_preload_libraries does not name odoo_events', 'nothing to take out');
	is($node->safe_psql('postgres', q{SELECT hint FROM odoo_events.health() WHERE "check" = 'worker'}),
		'ALTER SYSTEM SET shared_preload_libraries = odoo_events;  -- then restart the server', 'health() gives the same line');
	apply(line(), 'odoo_events');
	is(line(), '-- nothing to do: shared_preload_libraries names odoo_events', 'nothing to add');
	apply(line('remove => true'), '');
};

subtest 'a server that preloads other libraries' => sub {
	$node->append_conf('postgresql.conf', q{shared_preload_libraries = 'pg_stat_statements, "$libdir/auto_explain"'});
	$node->restart;
	apply(line(), q{pg_stat_statements, "$libdir/auto_explain", odoo_events});
	apply(line('remove => true'), q{pg_stat_statements, "$libdir/auto_explain"});
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET shared_preload_libraries');
};

subtest 'a change that waits for the restart counts' => sub {
	$node->safe_psql('postgres', 'ALTER SYSTEM SET shared_preload_libraries = auto_explain');
	$node->reload;
	apply(line(), 'auto_explain, odoo_events');
};

subtest 'lines that keep the server from starting are mended while it still runs' => sub {
	$node->safe_psql('postgres', q{ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements, odoo_events'});
	is(line(), 'ALTER SYSTEM SET shared_preload_libraries = pg_stat_statements, odoo_events;', 'one name that was a list');
	$node->safe_psql('postgres', q{ALTER SYSTEM SET shared_preload_libraries = ''});
	is(line('remove => true'), 'ALTER SYSTEM RESET shared_preload_libraries;', 'one empty name');
	apply(line(), 'odoo_events');
};

subtest 'what ALTER SYSTEM cannot change is said' => sub {
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET shared_preload_libraries');
	$node->append_conf('postgresql.conf', 'shared_preload_libraries = odoo_events');
	$node->restart;
	like(line('remove => true'), qr{^-- take odoo_events out of line \d+ of /.*/postgresql\.conf$}, 'it stands in postgresql.conf');
};

subtest 'output plugins' => sub {
	my $known = $node->safe_psql('postgres', q{SELECT current_setting('output_plugin_libraries', true)});
	if ($known eq '')
	{
		is(line(q{'output_plugin_libraries'}), '-- this server has no setting output_plugin_libraries: nothing to do', 'unknown to this server');
	}
	else
	{
		$node->safe_psql('postgres', $_) foreach (line(q{'output_plugin_libraries'}), 'SELECT pg_reload_conf()');
		$node->poll_query_until('postgres', q{SELECT current_setting('output_plugin_libraries') LIKE '%odoo_events%'});
		is($node->safe_psql('postgres', 'SHOW output_plugin_libraries'), "$known, odoo_events", 'added beside the others');
		$node->safe_psql('postgres', $_) foreach (line(q{'output_plugin_libraries', true}), 'SELECT pg_reload_conf()');
		ok($node->poll_query_until('postgres', "SELECT current_setting('output_plugin_libraries') = '$known'"), 'and taken out again');
	}
};

subtest 'a server that does not start is brought up again by hand' => sub {
	$node->safe_psql('postgres', q{ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements, odoo_events'});
	$node->stop;
	is($node->start(fail_ok => 1), 0, 'it does not start');
	my $file = $node->data_dir . '/postgresql.auto.conf';
	my $text = slurp_file($file);
	$text =~ s/^shared_preload_libraries = .*\n//m;
	open my $out, '>', $file or die $!;
	print $out $text;
	close $out;
	$node->start;
	is(loaded(), 'odoo_events', 'without the line in postgresql.auto.conf it starts');
};

subtest 'bad arguments' => sub {
	foreach my $case ([ q{'work_mem'}, qr/argument "setting" is 'work_mem'.*HINT:  Use shared_preload_libraries or/s ], [ 'NULL', qr/argument "setting" is null/ ], [ 'remove => NULL', qr/argument "remove" is null/ ])
	{
		my ($status, $out, $err) = $node->psql('postgres', "SELECT odoo_events.preload_line($case->[0])");
		like($err, $case->[1], $case->[0]);
	}
};

# Odoo's role has no rights here, and the owner of a database is told what is in force.
subtest 'dropping the extension says what is lost' => sub {
	$node->safe_psql('postgres', q{SELECT odoo_events.subscribe('wms', 'http://127.0.0.1:9/', allow_networks => '{127.0.0.0/8}')});
	$node->safe_psql('postgres', q{SELECT odoo_events.pause('wms')});
	$node->safe_psql('postgres', q{SELECT odoo_events.emit('acme.quality.test.done.v1', 'test/1', '{}')});
	ok($node->poll_query_until('postgres', q{SELECT lag_events > 0 FROM odoo_events.subscription_status}), 'an event waits');
	$node->safe_psql('postgres', 'CREATE ROLE somebody LOGIN');
	my ($status, $out, $err) = $node->psql('postgres', 'DROP EXTENSION odoo_events', extra_params => [ '-U', 'somebody' ]);
	like($err, qr/must be owner of extension odoo_events/, 'who may not drop it');
	unlike($err, qr/WARNING/, 'is told nothing');
	($status, $out, $err) = $node->psql('postgres', 'DROP EXTENSION odoo_events');
	is($status, 0, 'dropped');
	like($err, qr/WARNING:  the extension is dropped with events that were not delivered\nDETAIL:  subscription "wms": 1 waiting, 0 dead letters\./, 'the waiting event is told');
};

$node->stop;
done_testing();
