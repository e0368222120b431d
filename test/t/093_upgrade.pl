# ALTER EXTENSION odoo_events UPDATE from every version there is a way from: the result is what a fresh install makes, and what the DBA
# configured and defined is kept and works.  0.0.9 never was: it is made for this test (test/upgrade/older.sh).
# once: the scripts know no version of PostgreSQL
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('upgrade');
my $describe = slurp_file("$FindBin::RealBin/../upgrade/describe.sql");
my $current = $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'odoo_events'});

sub create
{
	my ($db, $version) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'");
	$node->safe_psql($db, 'CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, priority text, picking_type_id int)', extra_params => [ '-U', 'odoo' ]);
	$node->safe_psql($db, 'CREATE TABLE quality_certificate (id int PRIMARY KEY, name text, state text)', extra_params => [ '-U', 'odoo' ]);
	$node->safe_psql($db, 'CREATE TABLE quality_line (id int PRIMARY KEY, certificate_id int, quantity numeric)', extra_params => [ '-U', 'odoo' ]);
	$node->safe_psql($db, 'CREATE TABLE stock_picking_batch (id int PRIMARY KEY, name text, state text, x_dock text)', extra_params => [ '-U', 'odoo' ]);
	$node->safe_psql($db, "CREATE EXTENSION odoo_events VERSION '$version'");
	return;
}

# What differs between two databases, as a list of lines.
sub differences
{
	my ($one, $other) = map { { map { $_ => 1 } split /\n/, $node->safe_psql($_, $describe) } } @_;
	return sort((map { "- $_" } grep { !$other->{$_} } keys %$one), (map { "+ $_" } grep { !$one->{$_} } keys %$other));
}

create('fresh', $current);
my @old = split /\n/, $node->safe_psql('postgres',
	"SELECT source FROM pg_extension_update_paths('odoo_events') JOIN pg_available_extension_versions v ON v.name = 'odoo_events' AND v.version = source
	  WHERE target = '$current' AND source <> target AND path IS NOT NULL ORDER BY 1");
ok((grep { $_ eq '0.0.9' } @old), 'there is something to come from: ' . join(', ', @old));
foreach my $version (@old)
{
	(my $db = "from_$version") =~ tr/./_/;
	create($db, $version);
	isnt(scalar(my @before = differences('fresh', $db)), 0, "$version is another version") if $version eq '0.0.9';
	$node->safe_psql($db, $_) foreach (
		q{SELECT odoo_events.attach('{transfer}')},
		q{SELECT odoo_events.define_entity('quality_certificate', 'quality_certificate', name_column => 'name', state_column => 'state')},
		q{SELECT odoo_events.define_part('quality_certificate', 'line', 'quality_line', parent => 'certificate_id')},
		q{SELECT odoo_events.define_event('acme.quality.quality_certificate.issued.v1', 'quality_certificate', states => '{issued}', with_lines => true)},
		# a table that the old version does not capture, and this one does
		q{SELECT odoo_events.define_entity('wave', 'stock_picking_batch', name_column => 'name')},
		q{SELECT odoo_events.define_event('acme.logistics.wave.docked.v1', 'wave', '$.old.x_dock != $.new.x_dock')},
		q{SELECT odoo_events.define_event('acme.logistics.transfer.hurried.v1', 'transfer', '$.old.priority != $.new.priority')},
		q{SELECT odoo_events.disable_event('odoo.logistics.transfer.cancelled.v1')},
		q{SELECT odoo_events.subscribe('wms', 'http://127.0.0.1:9/', allow_networks => '{127.0.0.0/8}', types => '{acme.*}')},
		q{INSERT INTO quality_certificate VALUES (1, 'QC/1', 'issued')});
	my $kept = q{SELECT jsonb_agg(to_jsonb(c) ORDER BY c.id) FROM odoo_events.saved_config c};
	my $was = $node->safe_psql($db, $kept);
	$node->safe_psql($db, 'ALTER EXTENSION odoo_events UPDATE');
	is($node->safe_psql($db, q{SELECT extversion FROM pg_extension WHERE extname = 'odoo_events'}), $current, "$version: updated");
	is($node->safe_psql($db, $kept), $was, "$version: the configuration is kept");
	# what the DBA disabled, and what a definition makes count in a rule of the catalog, is no difference of versions
	is_deeply([ grep { !/^. capture_rule .*"rule": "stock_picking(?:_batch)?"/ && !/^. event_def .*"odoo.logistics.transfer.cancelled.v1"/ } differences('fresh', $db) ], [],
		"$version: the same as a fresh install");
	$node->safe_psql($db, $_) foreach (q{INSERT INTO stock_picking VALUES (1, 'OUT/1', 'assigned', '0')}, q{UPDATE stock_picking SET priority = '1'},
		q{BEGIN; INSERT INTO quality_certificate VALUES (2, 'QC/2', 'issued'); INSERT INTO quality_line VALUES (1, 2, 5); COMMIT}, q{UPDATE stock_picking SET state = 'cancel'},
		q{SELECT odoo_events.attach('{transfer_batch}')}, q{INSERT INTO stock_picking_batch VALUES (1, 'W/1', 'draft', 'A')}, q{UPDATE stock_picking_batch SET x_dock = 'B'}, q{UPDATE stock_picking_batch SET state = 'in_progress'});
	ok($node->poll_query_until($db, q{SELECT count(*) = 4 FROM odoo_events.outbox WHERE type LIKE 'acme.%'}), "$version: what was defined before goes on");
	is($node->safe_psql($db, q{SELECT event->'data'->'lines'->0->>'quantity' FROM odoo_events.outbox WHERE subject = 'quality_certificate/QC/2'}), '5', "$version: lines too");
	is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.outbox WHERE type = 'acme.logistics.wave.docked.v1'}), '1', "$version: and on a table that the catalog captures itself by now");
	ok($node->poll_query_until($db, q{SELECT count(*) = 1 FROM odoo_events.outbox WHERE type = 'odoo.logistics.transfer_batch.started.v1'}), "$version: whose own events come beside them");
	is($node->safe_psql($db, q{SELECT enabled FROM odoo_events.event_type WHERE type = 'odoo.logistics.transfer.cancelled.v1'}), 'f', "$version: what was disabled stays so");
}
# the comparison can say no
create('again', $current);
is_deeply([ differences('fresh', 'again') ], [], 'two fresh installs are the same');
$node->safe_psql('fresh', $_) foreach ('ALTER EXTENSION odoo_events DROP FUNCTION odoo_events.version()', q{COMMENT ON TABLE odoo_events.attached IS 'x'},
	q{UPDATE odoo_events.event_def SET rank = rank + 1 WHERE type = 'odoo.logistics.shipment.ready.v1'});
is(scalar(my @now = differences('fresh', 'again')), 5, 'a function less, a comment and a row that differ are seen');
$node->stop;
done_testing();
