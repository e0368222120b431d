# once: schemas are compared in SQL that is the same for every version of PostgreSQL
# Types of one's own with a schema: what emit() refuses, which change is breaking; the catalog's types against what was accepted, and against
# the columns of a coming version of Odoo.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('contracts', "odoo_events.databases = 'none-such'\n");
OdooEvents->load($node, 'plant', 'odoo19');
sub sql { return $node->safe_psql('plant', $_[0]) }
sub fails { my ($ret, $out, $err) = $node->psql('plant', "\\set VERBOSITY verbose\n$_[0]"); return $err }
my $type = 'acme.logistics.customs_hold.placed.v1';
my $schema = '{"type": "object", "required": ["hold"], "properties": {"hold": {"$ref": "#/$defs/hold"}, "tags": {"type": "array", "maxItems": 2, "items": {"type": "string", "pattern": "^[a-z]+$"}},'
  . ' "value": {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]}}, "additionalProperties": false,'
  . ' "$defs": {"hold": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer", "minimum": 1}, "why": {"enum": ["docs", "tax"]}, "at": {"type": "string", "format": "date-time"}}}}}';
sql(qq{SELECT odoo_events.define_type('$type', '$schema')});

subtest 'emit() refuses what does not fit' => sub {
	foreach my $ok ('{"hold": {"id": 1}}', '{"hold": {"id": 2, "why": "tax", "at": "2026-01-31T08:00:00Z", "more": 1}, "tags": ["a", "b"], "value": null}', '{"hold": {"id": 1.0}, "value": 0.5}')
	{
		is(sql("SELECT odoo_events.emit('$type', 'hold/1', '$ok') IS NOT NULL"), 't', $ok);
	}
	my %wrong = ('{}' => 'data lacks hold', '{"hold": 1}' => 'data.hold is of type number instead of object', '{"hold": {"id": 0}}' => 'data.hold.id is out of its range',
		'{"hold": {"id": 1.5}}' => 'data.hold.id is of type number instead of integer', '{"hold": {"id": 1, "why": "x"}}' => 'data.hold.why is none of',
		'{"hold": {"id": 1, "at": "yesterday"}}' => 'data.hold.at is no date-time', '{"hold": {"id": 1}, "tags": ["a", "b", "c"]}' => 'data.tags has too few or too many items',
		'{"hold": {"id": 1}, "tags": ["A"]}' => 'data.tags\[0\] does not match', '{"hold": {"id": 1}, "value": -1}' => 'data.value is out of its range', '{"hold": {"id": 1}, "x": 1}' => 'data.x is not allowed');
	like(fails("SELECT odoo_events.emit('$type', 'hold/1', '$_')"), qr/22023.*$wrong{$_}/s, $_) foreach sort keys %wrong;
};

subtest 'a breaking change needs another version' => sub {
	my %breaking = ('s/"required": \["hold"\]/"required": []/' => 'may be absent', 's/"type": "integer", "minimum": 1/"type": "string"/' => 'was integer, is string',
		's/\["docs", "tax"\]/["docs", "tax", "more"]/' => 'was one of', 's/"maxItems": 2/"maxItems": 9/' => 'maxItems|was 2, is 9', 's/, "at": \{.*?\}//' => 'at is not sent any more');
	foreach my $edit (sort keys %breaking)
	{
		(my $new = $schema) =~ s/\$/\$/g;
		eval "\$new =~ $edit; 1" or die $@;
		isnt($new, $schema, $edit);
		like(fails("SELECT odoo_events.define_type('$type', '$new', or_replace => true)"), qr/55000.*$breaking{$edit}.*HINT:\s+Define acme\.logistics\.customs_hold\.placed\.v2/s, 'is refused');
	}
	(my $more = $schema) =~ s/"tags":/"who": {"type": "string"}, "tags":/;
	is(fails("SELECT odoo_events.define_type('$type', '$more', or_replace => true)"), '', 'a new member is not breaking');
	is(sql("SELECT risk FROM odoo_events.config_diff(jsonb_set(odoo_events.config_export('{type}'), '{type,$type,schema}', '$schema'))"), 'high', 'config_diff() says that taking it back is');
	like(fails(qq{SELECT odoo_events.define_type('acme.a.b.c.v1', '{"if": {}}')}), qr/0A000.*keyword "if"/s, 'a keyword that is not checked is refused');
	like(fails(qq{SELECT odoo_events.define_type('odoo.a.b.c.v1', '{}')}), qr/42939/, 'and a type of the catalog');
};

subtest "the catalog's types" => sub {
	sql(q{SELECT odoo_events.define_event('acme.logistics.transfer.urgent.v1', 'transfer', '$.new.priority == "1"')});
	like(fails(q{SELECT odoo_events.emit('acme.logistics.transfer.urgent.v1', 't/1', '{"nonsense": 1}')}), qr/22023.*data lacks transfer/s, 'nonsense under their schema is refused');
	is(sql(q{SELECT odoo_events.emit('acme.logistics.transfer.urgent.v1', 't/1', '{"transfer": {"id": 7}}') IS NOT NULL}), 't', 'what fits is not');
	sql(q{SELECT odoo_events.subscribe('wms', 'https://203.0.113.7/x', types => '{odoo.logistics.shipment.*}')});
	cmp_ok(sql(q{SELECT odoo_events.contract_accept('{odoo.logistics.shipment.*}', 'go-live')}), '>', 3, 'accepted');
	is(sql('SELECT count(*) FROM odoo_events.contract_check()'), '0', 'nothing has changed');
	my $columns = q{(SELECT jsonb_object_agg(t, c) FROM (SELECT r.relname, jsonb_agg(a.attname) FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid
		WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relnamespace = 'public'::regnamespace AND NOT (r.relname = 'stock_picking' AND a.attname = ANY ('%s')) GROUP BY 1) x(t, c))};
	is(sql('SELECT count(*) FROM odoo_events.contract_check(columns => ' . sprintf($columns, '{}') . ')'), '0', 'nothing is lost with all columns');
	my $lost = sql(q{SELECT DISTINCT change, path, detail, subscribers FROM odoo_events.contract_check('{odoo.logistics.shipment.*}', } . sprintf($columns, '{origin,state}') . ')');
	like($lost, qr/^member lost\|data\.transfer\.origin\|reads stock_picking\.origin\|\{wms\}$/m, 'a coming version without a column: which member, for whom');
	like($lost, qr/^type lost\|\|cannot be told without stock_picking\.state\|\{wms\}$/m, 'and which type');
	sql('ALTER TABLE stock_picking DROP COLUMN origin CASCADE');
	my $check = sql('SELECT level, path, subscribers FROM odoo_events.contract_check()');
	like($check, qr/^breaking\|transfer\.origin\|\{wms\}$/m, 'after the upgrade, too');
	sql(q{SELECT odoo_events.contract_accept('{odoo.logistics.shipment.*}')});
	is(sql('SELECT count(*) FROM odoo_events.contract_check()'), '0', 'until somebody accepts it');
};
$node->stop;
done_testing();
