# check-all: it needs wal_level logical and a reader
# Values that are written in a form of their own are the same whether they are captured by triggers or from the WAL: dates that RFC 3339 has
# not, company-dependent fields, composite values, and what is too large.  Two databases get the same statements.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('walvalues', <<CONF);
odoo_events.restart_delay = '100ms'
odoo_events.max_field_size = '64kB'
CONF
my $wal = $node->safe_psql('postgres', q{SELECT current_setting('server_version_num')::int >= 190000}) eq 't' ? 'replica' : 'logical';
$node->append_conf('postgresql.conf', "wal_level = $wal\nmax_replication_slots = 4\nmax_wal_senders = 4\n");
$node->append_conf('postgresql.conf', "output_plugin_libraries = 'pgoutput, odoo_events'\n") if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
$node->restart;

my @statements = (
	q{INSERT INTO acme_odd (name, d, ts, tz) VALUES ('infinite', 'infinity', '-infinity', 'infinity')},
	q{INSERT INTO acme_odd (name, d, ts, tz) VALUES ('early', '0044-03-15 BC', '0001-01-01', '0044-03-15 BC'), ('late', '10000-01-01', '200000-02-28', '10000-01-01')},
	q{UPDATE acme_odd SET d = '2026-02-28', ts = 'infinity' WHERE name = 'infinite'},
	q{INSERT INTO acme_odd (name, cost, company_id) VALUES ('cost', '{"1": 20.0, "2": 7.5}', NULL), ('of one', '{"1": 20.0, "2": 7.5}', 1)},
	q{UPDATE acme_odd SET cost = '{"1": 20.0, "2": 8}' WHERE name IN ('cost', 'of one')},
	q{UPDATE acme_odd SET cost = '{"1": null}' WHERE name = 'cost'}, q{UPDATE acme_odd SET cost = NULL WHERE name = 'cost'},
	q{INSERT INTO acme_odd (name, t) VALUES ('large', repeat('0123456789', 30000))},
	q{UPDATE acme_odd SET t = t || 'x', n = 1 WHERE name = 'large'}, q{UPDATE acme_odd SET n = 'NaN' WHERE name = 'large'},
	q{INSERT INTO acme_odd (name, c, j) VALUES ('composite', ROW(1.50, ARRAY['a', NULL])::crate, '{"a": [1e400, "\\u0000"]}')},
	q{DELETE FROM acme_odd WHERE name = 'early'});
my %events;
foreach my $mode ('trigger', 'wal')
{
	my $db = "values_$mode";
	$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
	$node->safe_psql($db, <<'SQL', extra_params => [ '-U', 'odoo' ]);
CREATE TYPE crate AS (w numeric, tags text[]);
CREATE TABLE ir_module_module (id serial PRIMARY KEY, name text);
CREATE TABLE ir_model_fields (id serial PRIMARY KEY, model varchar, name varchar, translate varchar, company_dependent boolean);
INSERT INTO ir_model_fields (model, name, company_dependent) VALUES ('acme.odd', 'cost', true);
CREATE TABLE acme_odd (id serial PRIMARY KEY, name text, d date, ts timestamp, tz timestamptz, t text, n numeric, j json, c crate, cost jsonb, company_id int);
SQL
	$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.define_entity('odd', 'acme_odd', name_column => 'name');
	  SELECT odoo_events.define_event('acme.x.odd.' || o || '.v1', 'odd', occasion => o, with_changes => true) FROM unnest('{inserted,updated,deleted}'::text[]) o;});
	$node->safe_psql($db, qq{SELECT odoo_events.attach('{odd}', mode => '$mode')});
	ok($node->poll_query_until($db, q{SELECT bool_and(state = 'wal') FROM odoo_events.wal_rule}), 'the reader has taken over') if $mode eq 'wal';
	$node->safe_psql($db, $_, extra_params => [ '-U', 'odoo' ]) foreach @statements;
	ok($node->poll_query_until($db, q{SELECT count(*) = 2 FROM odoo_events.outbox WHERE type = 'acme.x.odd.deleted.v1' OR subject = 'odd/composite'}), "$mode: all is published");
	$events{$mode} = [ split /\n/, $node->safe_psql($db, q{SELECT type || ' ' || subject || ' ' || substring(event::text FROM '"data":.*$') FROM odoo_events.outbox WHERE type LIKE 'acme.%' ORDER BY position}) ];
	is($node->safe_psql($db, 'SELECT count(*) FROM odoo_events.quarantine'), '0', "$mode: nothing is in quarantine");
}
cmp_ok(scalar(@{ $events{trigger} }), '>=', scalar(@statements), 'there are events of every statement');
is_deeply($events{wal}, $events{trigger}, 'the events are the same');
my $all = join "\n", @{ $events{wal} };
like($all, qr/"infinity"/, 'among them infinite dates');
like($all, qr/"truncated"/, 'and a text that is cut');
$node->stop;
done_testing();
