# Which table is Odoo's.  Odoo lives in a schema that is not public; an ordinary role may create what it likes in public and in a schema
# of its own, under the names of Odoo's tables, some of which run its code when they are read.  It gains nothing: its tables are not
# captured, not read, not changed, and give no event.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('which', "odoo_events.restart_delay = '200ms'\n");
if ($node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'}))
{
	$node->safe_psql('postgres', q{ALTER SYSTEM SET output_plugin_libraries = odoo_events});
	$node->reload;
}
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
PostgreSQL::Test::Utils::append_to_file("$faults/maintain-ms", "100\n");
PostgreSQL::Test::Utils::append_to_file("$faults/arming-ms", "20\n");
OdooEvents->load($node, 'plant', 'odoo14');
$node->safe_psql('postgres', 'CREATE ROLE evil LOGIN; CREATE ROLE dba LOGIN SUPERUSER');
$node->safe_psql('plant', q{ALTER SCHEMA public RENAME TO erp; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO evil;
  CREATE SCHEMA aaa AUTHORIZATION evil; CREATE SCHEMA depot; ALTER ROLE odoo IN DATABASE plant SET search_path = erp});
OdooEvents->replay($node, 'plant', 'odoo14-all');
sub evil { my ($sql) = @_; return $node->safe_psql('plant', $sql, extra_params => [ '-U', 'evil' ]); }
sub odoo { my ($sql) = @_; return $node->safe_psql('plant', $sql, extra_params => [ '-U', 'odoo' ]); }
sub query { my ($sql) = @_; return $node->safe_psql('plant', $sql); }

# Tables, a view and a foreign table: what they are read with says so in the log, whoever reads.
evil(q{
  CREATE FUNCTION aaa.steal(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN RAISE LOG 'EVIL runs as % %', current_user, t; RETURN t; END$$;
  CREATE TABLE public.ir_module_module (id serial PRIMARY KEY, name text, state text);
  CREATE TABLE public.ir_config_parameter (id serial PRIMARY KEY, key text, value text);
  INSERT INTO public.ir_config_parameter (key, value) VALUES ('database.uuid', 'evil'), ('database.is_neutralized', 'True');
  CREATE TABLE public.stock_package (id serial PRIMARY KEY, name text, company_id int, location_id int);
  CREATE INDEX ON public.stock_package (aaa.steal(name));
  CREATE TABLE public.stock_picking (id serial PRIMARY KEY, name text, state text, company_id int);
  CREATE INDEX ON public.stock_picking (aaa.steal(name)) WHERE aaa.steal('x') = 'x';
  ALTER TABLE public.stock_picking ENABLE ROW LEVEL SECURITY;
  CREATE POLICY p ON public.stock_picking USING (aaa.steal(name) IS NOT NULL);
  CREATE VIEW public.stock_location AS SELECT 8 AS id, aaa.steal('location') AS name, aaa.steal('location') AS complete_name;
  CREATE VIEW aaa.stock_move AS SELECT 1 AS id, aaa.steal('move') AS name;
  CREATE TABLE aaa.thing (id serial PRIMARY KEY, name text, state text);
  GRANT USAGE ON SCHEMA aaa TO PUBLIC;
  GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA aaa TO PUBLIC});
my ($ret, $out, $err) = $node->psql('plant', 'CREATE TABLE aaa.child () INHERITS (erp.stock_picking)', extra_params => [ '-U', 'evil' ]);
like($err, qr/must be owner|permission denied/, 'PostgreSQL lets nobody else inherit from a table of Odoo');
my $start = -s $node->logfile;

my $relations = q{SELECT string_agg(DISTINCT split_part(relation, '.', 1), ',') FROM odoo_events.capture_status WHERE relation IS NOT NULL};
my $foreign_triggers = q{SELECT count(*) FROM odoo_events._capture_trigger WHERE relation !~ '^erp[.]'};
my $uuid = odoo(q{SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'});

subtest 'attach() and arm() find the tables of Odoo' => sub {
	is(query(q{SELECT odoo_events._odoo_schema()::regnamespace}), 'erp', 'the schema is that of ir_module_module of the owner of the database');
	query('SELECT odoo_events.attach()');
	is(query($relations), 'erp', 'all tables are in it');
	is(query($foreign_triggers), '0', 'no other table has a trigger');
	is(query('SELECT armed, database_uuid FROM odoo_events.arming'), "t|$uuid", 'ir_config_parameter is that of Odoo');
};

# Events of the tables of evil would have names that begin with EVIL.
sub silent
{
	my ($when) = @_;
	my $tip = query('SELECT odoo_events._last_position()');
	evil(q{INSERT INTO public.stock_picking (name, state, company_id) VALUES ('EVIL', 'draft', 1); UPDATE public.stock_picking SET state = 'assigned';
	  INSERT INTO public.stock_package (name, company_id) VALUES ('EVIL', 1)});
	odoo(q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = 1});
	ok($node->poll_query_until('plant', "SELECT odoo_events._last_position() > $tip"), "$when: a change of Odoo gives an event");
	is(query("SELECT count(*) FROM odoo_events.outbox WHERE position > $tip AND event::text ~ 'EVIL'"), '0', "$when: those of the other tables do not");
	is(query(q{SELECT count(*) FROM odoo_events.quarantined}), '0', "$when: nothing is quarantined");
	return;
}

subtest 'publishing, snapshots and reconcile() read the tables of Odoo' => sub {
	silent('by trigger');
	my $rows = odoo('SELECT count(*) FROM stock_picking');
	my $job = query(q{SELECT odoo_events.backfill('transfer')});
	ok($node->poll_query_until('plant', "SELECT state = 'done' FROM odoo_events.backfill_status WHERE id = $job"), 'the backfill is done');
	is(query("SELECT rows FROM odoo_events.backfill_status WHERE id = $job"), $rows, 'it has as many rows as the table of Odoo');
	is(query(q{SELECT count(*) FROM odoo_events.reconcile() WHERE note ~ 'EVIL' OR record_id > 1000000}), '0', 'reconcile() looks at no other');
};

subtest 'triggers come back where they were' => sub {
	odoo('DROP TRIGGER odoo_events_capture ON stock_picking; DROP TRIGGER odoo_events_capture_truncate ON stock_picking');
	ok($node->poll_query_until('plant', q{SELECT count(*) = 2 FROM odoo_events._capture_trigger WHERE relation = 'erp.stock_picking'}), 'on the table of Odoo');
	is(query($foreign_triggers), '0', 'and on no other');
};

subtest 'capture from the WAL' => sub {
	query(q{SELECT odoo_events.attach('{transfer,package}', mode => 'wal')});
	ok($node->poll_query_until('plant', q{SELECT bool_and(state = 'wal') FROM odoo_events.wal_rule}), 'the reader has taken over');
	is(query(q{SELECT string_agg(DISTINCT relreplident::text, '') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'}), 'd',
		'tables of others keep their replica identity');
	silent('from the WAL');
	query('SELECT odoo_events.attach()');
	ok($node->poll_query_until('plant', q{SELECT count(*) = 0 FROM odoo_events.wal_rule}), 'triggers again');
};

subtest 'triggers that an older version made on tables of others' => sub {
	query(q{SELECT odoo_events._capture_table('public.stock_package'::regclass, rule) FROM odoo_events.capture_rule WHERE 'stock_package' = ANY (tables)});
	like(query(q{SELECT status || ': ' || detail FROM odoo_events.health() WHERE "check" = 'capture' AND status = 'warn'}), qr/^warn: public.stock_package has triggers/, 'health() says so');
	query(query(q{SELECT hint FROM odoo_events.health() WHERE "check" = 'capture' AND status = 'warn'}));
	is(query($foreign_triggers), '0', 'its hint removes them');
};

subtest 'entities that a DBA defines' => sub {
	($ret, $out, $err) = $node->psql('plant', q{SELECT odoo_events.define_entity('thing', relation => 'thing')});
	like($err, qr/table "thing" in argument "relation"/, 'a table of another role is not meant');
	$node->safe_psql('plant', 'CREATE TABLE depot.thing (id serial PRIMARY KEY, name text, state text)', extra_params => [ '-U', 'dba' ]);
	query(q{SELECT odoo_events.define_entity('thing', relation => 'thing')});
	query(q{SELECT odoo_events.attach('{thing}')});
	is(query(q{SELECT relation FROM odoo_events.capture_status WHERE entity = 'thing'}), 'depot.thing', 'one of a superuser is, in any schema');
	my $tip = query('SELECT odoo_events._last_position()');
	evil(q{INSERT INTO aaa.thing (name) VALUES ('EVIL')});
	$node->safe_psql('plant', q{INSERT INTO depot.thing (name, state) VALUES ('good', 'new')}, extra_params => [ '-U', 'dba' ]);
	odoo(q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = 1});
	ok($node->poll_query_until('plant', "SELECT odoo_events._last_position() > $tip"), 'events are published');
	is(query(q{SELECT count(*) FROM odoo_events.journal WHERE new ~ 'EVIL'}), '0', 'the other table is not captured');
	is(query(q{SELECT count(*) FROM odoo_events.journal WHERE new ~ 'good'}), '1', 'the right one is');
};

subtest 'the owner of the database decides' => sub {
	$node->safe_psql('postgres', 'CREATE ROLE other LOGIN; ALTER DATABASE plant OWNER TO other');
	($ret, $out, $err) = $node->psql('plant', 'SELECT odoo_events.attach()');
	like($err, qr/database "plant" belongs to role "other", but table ir_module_module to another one/, 'attach() says so');
	unlike($err, qr/evil/, 'and does not name whoever has made such a table');
	like(query(q{SELECT detail FROM odoo_events.health() WHERE "check" = 'capture' AND status = 'critical' AND detail ~ 'ir_module_module'}), qr/belongs to role "other"/, 'health() too');
	like(query(query(q{SELECT hint FROM odoo_events.health() WHERE "check" = 'capture' AND detail ~ 'ir_module_module'})), qr/^erp\|odoo$/m, 'its hint shows which roles there are');
	query('ALTER DATABASE plant OWNER TO odoo');
	silent('with the right owner');
};

subtest 'a database that is not one of Odoo' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE empty OWNER odoo');
	$node->safe_psql('empty', 'CREATE EXTENSION odoo_events');
	($ret, $out, $err) = $node->psql('empty', 'SELECT odoo_events.attach()');
	like($err, qr/database "empty" is not a database of Odoo's/, 'attach() says so');
	like($node->safe_psql('empty', q{SELECT detail || hint FROM odoo_events.health() WHERE "check" = 'capture'}), qr/is not a database of Odoo's.*pg_database/, 'and health() does not send back to attach()');
};
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile, $start), qr/EVIL runs as (?!evil)/, 'no code of the role has run as anybody else');
$node->stop;
done_testing();
