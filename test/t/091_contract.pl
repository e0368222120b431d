# What receivers may rely on: every event of every recording validates against the schema of its type, the CloudEvents SDK reads it, the
# AsyncAPI document parses, and nothing that was promised is taken back without a new version.
# once: schemas come from the catalog and from Odoo's columns; no version of PostgreSQL makes a difference
# check-all: it takes minutes, and public libraries for Node judge
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $contract = "$FindBin::RealBin/../contract";
my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = OdooEvents->node('contract');

sub node
{
	my ($script, @args) = @_;
	my $output = '';
	IPC::Run::run([ 'node', "$contract/$script.mjs", @args ], '<', File::Spec->devnull, '>', \$output, '2>&1');
	my $status = $?;
	chomp $output;
	return ($status, $output);
}

# A file with the lines that a query answers.
sub lines
{
	my ($db, $file, $query) = @_;
	unlink "$dir/$file";
	append_to_file("$dir/$file", $node->safe_psql($db, $query) . "\n");
	return "$dir/$file";
}

sub play
{
	my ($db, $base, $trace) = @_;
	OdooEvents->load($node, $db, $base);
	# all of the catalog, also what is off at first
	$node->safe_psql($db, 'UPDATE odoo_events.event_def SET enabled = true');
	$node->safe_psql($db, 'SELECT odoo_events.attach()');
	OdooEvents->replay($node, $db, $trace);
	$node->safe_psql($db, 'SELECT odoo_events.publish()');
	is($node->safe_psql($db, 'SELECT count(*) FROM odoo_events.quarantine'), '0', "$trace: nothing is quarantined");
	return lines($db, "$trace.events", 'SELECT event FROM odoo_events.outbox_all ORDER BY position');
}

# What json_schema() answers for each type; the definitions, which are what takes time, are made once per entity.
my $schemas_query = <<'SQL';
WITH d AS MATERIALIZED (SELECT e.entity, odoo_events._entity_definitions(e.entity, '#/$defs/') AS definitions FROM odoo_events.entity e)
SELECT odoo_events._json_schema(t.type, (SELECT jsonb_object_agg(x.key, x.value) FROM d, jsonb_each(d.definitions) x WHERE d.entity = ANY (t.entities))) FROM odoo_events._promised t
SQL
my %recordings = (odoo19 => [qw(odoo19-changes odoo19-manufacturing odoo19-purchase-maintenance-repair odoo19-sales)], odoo14 => ['odoo14-all']);
my $db;
foreach my $base (sort keys %recordings)
{
	my @events;
	foreach my $trace (@{ $recordings{$base} })
	{
		($db = $trace) =~ tr/-/_/;
		push @events, play($db, $base, $trace);
	}
	my $schemas = lines($db, "$base.schemas", $schemas_query);
	my $asyncapi = lines($db, "$base.asyncapi", 'SELECT odoo_events.asyncapi()');
	my ($status, $output) = node('validate', $schemas, $asyncapi, @events);
	is($status, 0, "$base: $output");
	like($output, qr/schemas, [1-9]\d+ events of [1-9]\d+ types/, "$base: there was something to judge");
}

# The judge can say no.
my $wrong = lines($db, 'wrong', q{SELECT replace(event, '"specversion":"1.0"', '"specversion":"0.3"') FROM odoo_events.outbox_all LIMIT 1});
isnt((node('validate', "$dir/odoo19.schemas", "$dir/odoo19.asyncapi", $wrong))[0], 0, 'an event that is no CloudEvent 1.0 is refused');
$wrong = lines($db, 'wrong', q{SELECT regexp_replace(event, '"time":"[^"]*"', '"time":"yesterday"') FROM odoo_events.outbox_all LIMIT 1});
isnt((node('validate', "$dir/odoo19.schemas", "$dir/odoo19.asyncapi", $wrong))[0], 0, 'so is a time that is none');

# Compatibility with what was promised.  What is now is left beside the test's output: copied to test/contract/, it is the next baseline.
append_to_file("$ENV{TESTDIR}/baseline.json", (node('compatible', 'flatten', "$dir/odoo19.asyncapi"))[1] . "\n");
my ($status, $output) = node('compatible', 'check', "$contract/baseline.json", "$dir/odoo19.asyncapi");
is($status, 0, "compatible with the baseline: $output");

sub compatible_after
{
	my ($sql) = @_;
	my $json = $node->safe_psql($db, "BEGIN; $sql; SELECT odoo_events.asyncapi(); ROLLBACK");
	unlink "$dir/changed";
	append_to_file("$dir/changed", $json);
	return (node('compatible', 'check', "$contract/baseline.json", "$dir/changed"))[0] == 0;
}
my $def = q{odoo_events.event_def};
ok(compatible_after(q{INSERT INTO odoo_events.field (owner, position, field, sources) VALUES ('transfer', 900, 'more', '{origin}')}), 'another member is compatible');
ok(compatible_after(qq{UPDATE $def SET deprecated = true}), 'so is deprecation');
ok(!compatible_after(q{DELETE FROM odoo_events.field WHERE owner = 'transfer' AND field = 'origin'}), 'a member less is not');
ok(!compatible_after(q{UPDATE odoo_events.field SET field = 'origins' WHERE owner = 'transfer' AND field = 'origin'}), 'nor another name');
ok(!compatible_after(q{UPDATE odoo_events.field SET sources = '{id}' WHERE owner = 'transfer' AND field = 'origin'}), 'nor another kind of value');
ok(!compatible_after(qq{DELETE FROM $def WHERE type = 'odoo.logistics.shipment.dispatched.v1'}), 'nor a type less');
ok(!compatible_after(qq{UPDATE $def SET type = replace(type, 'v1', 'v2') WHERE type = 'odoo.logistics.shipment.dispatched.v1'}),
	'nor a new version instead of the old one');

# A new version beside the old one, which is deprecated: both are emitted, both validate.
$node->safe_psql($db, <<SQL);
UPDATE $def SET deprecated = true WHERE type LIKE 'odoo.logistics.%.cancelled.v1';
CREATE TEMP TABLE next AS SELECT * FROM $def WHERE type LIKE 'odoo.logistics.%.cancelled.v1';
UPDATE next SET type = replace(type, '.v1', '.v2'), deprecated = false, minor = 3;
INSERT INTO $def SELECT * FROM next;
UPDATE stock_picking SET state = 'cancel' WHERE id = (SELECT min(id) FROM stock_picking WHERE state NOT IN ('draft', 'cancel'));
SQL
$node->safe_psql($db, 'SELECT odoo_events.publish()');
my $cancelled = lines($db, 'versions', q{SELECT event FROM odoo_events.outbox_all WHERE type LIKE '%.cancelled.v_' ORDER BY position DESC LIMIT 2});
is($node->safe_psql($db, q{SELECT string_agg(v, ',' ORDER BY v) FROM (SELECT regexp_replace(event->>'dataschema', '.*\.(v\d)/', '\1/') AS v
   FROM odoo_events.outbox ORDER BY position DESC LIMIT 2) x}), 'v1/1.1.json,v2/2.3.json', 'both versions are emitted, with their schemas');
my $schemas = lines($db, 'versions.schemas', $schemas_query);
my $asyncapi = lines($db, 'versions.asyncapi', 'SELECT odoo_events.asyncapi()');
($status, $output) = node('validate', $schemas, $asyncapi, $cancelled);
is($status, 0, "both validate: $output");
is($node->safe_psql($db, q{SELECT odoo_events.json_schema('odoo.logistics.shipment.cancelled.v2')::jsonb = odoo_events._json_schema('odoo.logistics.shipment.cancelled.v2',
   odoo_events._entity_definitions('transfer', '#/$defs/'))}), 't', 'which are those of json_schema()');
is($node->safe_psql($db, q{SELECT odoo_events.json_schema('odoo.platform.subscription.pinged.v1')->'properties'->'type'->>'const'}),
	'odoo.platform.subscription.pinged.v1', 'events of the extension itself have one too');
like(($node->psql($db, q{SELECT odoo_events.json_schema('odoo.logistics.shipment.dispatched.v9')}))[2], qr/is not in the catalog.*SELECT type FROM odoo_events.event_type/s,
	'an unknown type is refused, with the mend');
is($node->safe_psql($db, q{SELECT string_agg(right(type, 2) || ' ' || coalesce(odoo_events.json_schema(type)->>'deprecated', '-'), ', ' ORDER BY type)
   FROM odoo_events.event_type WHERE type LIKE 'odoo.logistics.shipment.cancelled.%'}), 'v1 true, v2 -', 'the schema says that the old one is deprecated');
ok(compatible_after('SET LOCAL lock_timeout = 0'), 'and that is compatible');

$node->stop;
done_testing();
