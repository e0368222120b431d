# A malicious owner of the database gains nothing: functions and operators in public, views and policies in place of Odoo's tables, planted
# settings, a constraint trigger deferred into a commit of ours.  What he tries runs with his own rights, and what he does is undone.
use strict;
use warnings;
use File::Basename qw(basename);
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('security', "odoo_events.restart_delay = '200ms'\n");
my $receiver = OdooEvents->receiver;
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', 'SELECT odoo_events.attach()');
$receiver->subscribe($node, 'plant', 'wms', '/wms');

# A session of his own, as Odoo has it
sub as_odoo
{
	my ($sql) = @_;
	my ($status, $out, $err) = $node->psql('plant', "SET search_path = pg_catalog, public; $sql", connstr => $node->connstr('plant') . ' user=odoo');
	is($status, 0, 'a statement of his') or diag $err;
	return $out;
}

# Each attempt that succeeds says so in the server's log, which no rollback undoes.
$node->safe_psql('plant', q{
  SET ROLE odoo;
  CREATE FUNCTION public.evil() RETURNS text LANGUAGE plpgsql AS $f$
  DECLARE
    what text;
    x text;
  BEGIN
    RAISE LOG 'EVIL ran as % of %', current_user, session_user;
    FOREACH what IN ARRAY ARRAY[
      'ALTER ROLE odoo SUPERUSER',
      'SET ROLE postgres', 'RESET ROLE', 'SET SESSION AUTHORIZATION postgres', 'RESET SESSION AUTHORIZATION',
      'SELECT secret FROM odoo_events.subscription_secret', 'SELECT new FROM odoo_events.journal_0', 'SELECT event FROM odoo_events.outbox',
      'INSERT INTO odoo_events.arming_state DEFAULT VALUES', 'SELECT odoo_events.arm()',
      'SELECT pg_read_file(''postgresql.conf'')', 'COPY (SELECT 1) TO PROGRAM ''true''',
      'INSERT INTO public.loot VALUES (1)', 'CREATE TABLE public.more_loot ()', 'CREATE TEMP TABLE loot ()', 'LISTEN loot', 'SELECT pg_try_advisory_lock(42)']
    LOOP
      BEGIN
        EXECUTE what;
        -- giving back what one never had is no success
        IF what !~ '^RESET' OR current_user <> 'odoo' THEN
          RAISE LOG 'EVIL succeeded: %', what;
        END IF;
      EXCEPTION WHEN OTHERS THEN
        NULL;
      END;
    END LOOP;
    RETURN 'evil';
  END $f$;
  CREATE TABLE public.loot (n int);
  -- things that an unqualified name could reach
  CREATE FUNCTION public.evil_eq(text, text) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.evil(); RETURN true; END $f$;
  CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.evil_eq);
  CREATE FUNCTION public.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.evil(); RETURN $1; END $f$;
  CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.evil(); RETURN NULL; END $f$;
  -- what runs while a statement is planned that reads a table of Odoo
  CREATE FUNCTION public.evil_constant() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN RETURN public.evil(); END $f$;
  CREATE INDEX evil ON product_template (id) WHERE public.evil_constant() = 'evil';
  -- a constraint trigger that would run when somebody else commits
  CREATE FUNCTION public.evil_trigger() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.evil(); RETURN NULL; END $f$;
  CREATE CONSTRAINT TRIGGER evil AFTER INSERT OR UPDATE ON stock_picking DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.evil_trigger()});
$node->safe_psql('postgres', q{
  ALTER DATABASE plant SET search_path = public, pg_catalog;
  ALTER DATABASE plant SET row_security = on;
  ALTER ROLE odoo SET default_transaction_read_only = on;
  ALTER ROLE odoo SET log_min_messages = panic});
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'odoo_events worker'});
ok($node->poll_query_until('plant', q{SELECT pid IS NOT NULL FROM odoo_events.worker_status}), 'the worker starts among all this');

# Odoo's own role cannot write with its planted setting; its day runs without it
$node->safe_psql('postgres', 'ALTER ROLE odoo RESET default_transaction_read_only');
as_odoo(q{
  INSERT INTO stock_picking (location_id, location_dest_id, picking_type_id, move_type, state, name, partner_id, company_id)
    VALUES (5, 2, 2, 'direct', 'confirmed', 'WH/OUT/90001', 7, 1)});
as_odoo(q{
  INSERT INTO stock_move (company_id, product_id, product_uom, location_id, location_dest_id, procure_method, product_uom_qty, date, state, picking_id)
    SELECT 1, 11, 1, 5, 2, 'make_to_stock', 3, pg_catalog.now(), 'done', max(id) FROM stock_picking});
ok($node->poll_query_until('plant', q{SELECT count(*) >= 2 FROM odoo_events.outbox_all o WHERE o.type ~ 'confirmed|shipped'}), 'events are published');
# and by hand, in the session of a superuser, while there is no worker
$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.databases = 'none-such'});
$node->reload;
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'odoo_events worker'});
as_odoo(q{ UPDATE stock_picking SET state = 'assigned' WHERE name = 'WH/OUT/90001'});
cmp_ok($node->safe_psql('plant', 'SET search_path = pg_catalog', extra_params => [ '-c', 'SET search_path = pg_catalog', '-c', 'SELECT odoo_events.publish()' ]), '>', 0, 'publish() publishes');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET odoo_events.databases');
$node->reload;
$node->safe_psql('plant', 'SET search_path = pg_catalog; SELECT * FROM odoo_events.arming; SELECT * FROM odoo_events.health()');
ok($node->poll_query_until('plant', q{SELECT count(*) >= 3 FROM odoo_events.outbox_all o}), 'all of them');

my $log = slurp_file($node->logfile);
like($log, qr/EVIL ran as odoo of odoo/, 'his code ran in the worker, with his rights');
like($log, qr/EVIL ran as odoo of postgres/, 'and in the session of a superuser, with his rights');
unlike($log, qr/EVIL ran as (?!odoo)/, 'never with others');
my @succeeded = $log =~ /EVIL succeeded: (.*)/g;
# what he may do to his own tables he may do in his own statements: his trigger runs at his own commit
is_deeply([ grep { !/^(INSERT INTO public|CREATE TABLE public|CREATE TEMP|LISTEN|SELECT pg_try_advisory_lock)/ } @succeeded ], [], 'he got nothing that is not his');
is($node->safe_psql('postgres', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'odoo'}), 'f', 'and is no superuser');

# Reading Odoo's tables leaves nothing behind: no row written by the worker or publish()
my $loot = $node->safe_psql('plant', 'SET search_path = pg_catalog; SELECT count(*) FROM public.loot');
as_odoo(q{ DROP TRIGGER evil ON stock_picking});
as_odoo(q{ UPDATE stock_picking SET state = 'confirmed' WHERE name = 'WH/OUT/90001'});
ok($node->poll_query_until('plant', q{SELECT count(*) >= 4 FROM odoo_events.outbox_all o}), 'one more event, his code read along');
is($node->safe_psql('plant', 'SET search_path = pg_catalog; SELECT count(*) FROM public.loot'), $loot, 'and wrote nothing');

is($node->safe_psql('plant', q{SET search_path = pg_catalog; SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
	AND pid = (SELECT pid FROM odoo_events.worker_status)}), '0', 'nor left a lock behind');
like(slurp_file($node->logfile), qr/EVIL succeeded: SELECT pg_try_advisory_lock/, 'which he had taken');

# A policy on a table that is read hides rows: what it would falsify waits in quarantine, what it would run does not run
my $ran = () = slurp_file($node->logfile) =~ /EVIL ran/g;
as_odoo(q{DROP INDEX evil;
  CREATE POLICY evil ON res_partner USING (public.evil() = 'evil');
  ALTER TABLE res_partner ENABLE ROW LEVEL SECURITY; ALTER TABLE res_partner FORCE ROW LEVEL SECURITY;
  CREATE POLICY evil ON ir_config_parameter USING (public.evil() = 'evil');
  ALTER TABLE ir_config_parameter ENABLE ROW LEVEL SECURITY; ALTER TABLE ir_config_parameter FORCE ROW LEVEL SECURITY});
is($node->safe_psql('plant', 'SET search_path = pg_catalog; SELECT armed, reason FROM odoo_events.arming'), 't|', 'parameters of Odoo are read without its policies');
is($node->safe_psql('plant', q{SET search_path = pg_catalog; DO $$ BEGIN PERFORM * FROM odoo_events.arming; PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END $$; SELECT 1}),
	'1', 'nor upset a handler further out');
as_odoo(q{UPDATE stock_picking SET state = 'assigned' WHERE name = 'WH/OUT/90001'});
ok($node->poll_query_until('plant', q{SELECT count(*) > 0 FROM odoo_events.quarantine}), 'a change that cannot be told rightly waits');
is(scalar(() = slurp_file($node->logfile) =~ /EVIL ran/g), $ran, 'his code did not run');
as_odoo(q{ALTER TABLE res_partner DISABLE ROW LEVEL SECURITY; ALTER TABLE ir_config_parameter DISABLE ROW LEVEL SECURITY});
$node->safe_psql('plant', 'SET search_path = pg_catalog; SELECT odoo_events.requeue()');
ok($node->poll_query_until('plant', q{SELECT (SELECT count(*) FROM odoo_events.quarantine) = 0 AND count(*) >= 5 FROM odoo_events.outbox_all}), 'and is told afterwards');

# --- what runs by itself when a table of his is read, planned, written or altered: expressions and predicates of indexes and statistics,
# generated columns, defaults, domains, casts; a view in place of a captured table.  The DBA uses everything among this.
my $mark = -s $node->logfile;
as_odoo(q{
  CREATE FUNCTION public.evil_number(anyelement) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN PERFORM public.evil(); RETURN 1; END $f$;
  CREATE INDEX evil_expression ON res_partner ((public.evil_number(id)));
  CREATE INDEX evil_constant ON stock_picking ((public.evil_number(1) + id)) WHERE public.evil_number(2) = 1;
  CREATE STATISTICS public.evil_statistics ON (public.evil_number(id)), name FROM res_partner;
  ALTER TABLE res_partner ADD evil_generated int GENERATED ALWAYS AS (public.evil_number(id)) STORED;
  ALTER TABLE stock_picking ADD evil_default int DEFAULT public.evil_number(3);
  ALTER TABLE stock_picking ADD CONSTRAINT evil_check CHECK (public.evil_number(id) = 1);
  CREATE DOMAIN public.evil_domain AS varchar CHECK (public.evil_number(VALUE::text) = 1);
  ALTER TABLE stock_picking ALTER origin TYPE public.evil_domain;
  CREATE TYPE public.evil_state AS ENUM ('draft', 'waiting', 'confirmed', 'assigned', 'done', 'cancel');
  CREATE FUNCTION public.evil_cast(public.evil_state) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN PERFORM public.evil(); RETURN enum_out($1); END $f$;
  CREATE CAST (public.evil_state AS text) WITH FUNCTION public.evil_cast AS IMPLICIT;
  CREATE FUNCTION public.evil_is(public.evil_state, text) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.evil(); RETURN true; END $f$;
  CREATE OPERATOR public.= (LEFTARG = public.evil_state, RIGHTARG = text, FUNCTION = public.evil_is);
  ALTER TABLE stock_picking ALTER state TYPE public.evil_state USING state::public.evil_state;
  ALTER TABLE mrp_workorder RENAME TO mrp_workorder_real;
  CREATE VIEW public.mrp_workorder AS SELECT * FROM mrp_workorder_real WHERE public.evil() = 'evil';
  CREATE FUNCTION public.evil_view() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.evil(); RETURN NULL; END $f$;
  CREATE TRIGGER evil INSTEAD OF UPDATE ON mrp_workorder FOR EACH ROW EXECUTE FUNCTION public.evil_view()});
my ($denied) = $node->psql('plant', q{CREATE FUNCTION public.evil_event() RETURNS event_trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.evil(); END $f$;
	CREATE EVENT TRIGGER evil ON ddl_command_start EXECUTE FUNCTION public.evil_event()}, connstr => $node->connstr('plant') . ' user=odoo', on_error_stop => 1);
isnt($denied, 0, 'an event trigger he may not have');
sub as_dba { my ($sql) = @_; local $ENV{PGOPTIONS} = '-c search_path=pg_catalog'; return $node->safe_psql('plant', $sql) }
sub dba_waits { my ($sql) = @_; local $ENV{PGOPTIONS} = '-c search_path=pg_catalog'; return $node->poll_query_until('plant', $sql) }
my $events = as_dba('SELECT count(*) FROM odoo_events.outbox_all');
as_odoo(q{UPDATE stock_picking SET state = 'confirmed', origin = 'x' WHERE name = 'WH/OUT/90001'});
ok(dba_waits("SELECT count(*) > $events FROM odoo_events.outbox_all"), 'events are published among this') or diag as_dba('TABLE odoo_events.quarantine');
as_dba(q{SELECT * FROM odoo_events.attach()});
is(as_dba(q{SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.mrp_workorder'::regclass AND tgname ~ 'odoo_events'}), '0', 'attach() puts nothing of ours on his view');
as_dba('SELECT * FROM odoo_events.health(); SELECT * FROM odoo_events.capture_status; SELECT * FROM odoo_events.reconcile(); SELECT odoo_events.arm()');
as_dba(q{SELECT odoo_events.backfill('transfer', 'state = ''confirmed''::text AND public.evil() = ''evil'''); SELECT odoo_events.backfill('transfer')});
my $backfilled = q{SELECT count(*) = 0 FROM odoo_events.backfill_status WHERE state = 'running'};
ok(dba_waits($backfilled), 'backfills, with a predicate of his');
as_odoo('DROP TRIGGER odoo_events_capture ON stock_picking');
as_dba('SELECT odoo_events._reattach()');
is(as_dba(q{SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.stock_picking'::regclass AND tgname = 'odoo_events_capture'}), '1', 'a trigger that he took away is back');
# a constraint trigger of his that waits for a commit in which functions of ours have worked as the extension's owner
my $ours = 'odoo_events.pause, odoo_events.resume, odoo_events.emit, odoo_events.backfill';
as_dba("GRANT USAGE ON SCHEMA odoo_events TO odoo; GRANT EXECUTE ON FUNCTION $ours TO odoo");
as_odoo(q{
  CREATE CONSTRAINT TRIGGER evil AFTER INSERT OR UPDATE ON stock_picking DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.evil_trigger();
  BEGIN;
  UPDATE stock_picking SET state = 'assigned' WHERE name = 'WH/OUT/90001';
  SELECT odoo_events.pause('wms');
  SELECT odoo_events.resume('wms');
  SELECT odoo_events.emit('acme.plant.thing.done.v1', 'thing/1', '{}');
  SELECT odoo_events.backfill('transfer');
  SET CONSTRAINTS ALL IMMEDIATE;
  SET CONSTRAINTS ALL DEFERRED;
  UPDATE stock_picking SET state = 'confirmed' WHERE name = 'WH/OUT/90001';
  SELECT odoo_events.pause('wms');
  SELECT odoo_events.resume('wms');
  COMMIT});
as_dba("REVOKE USAGE ON SCHEMA odoo_events FROM odoo; REVOKE EXECUTE ON FUNCTION $ours FROM odoo");
ok(dba_waits($backfilled), 'all of it is done');
my $since = slurp_file($node->logfile, $mark);
like($since, qr/EVIL ran as odoo of postgres/, 'his code ran among the statements of the DBA');
unlike($since, qr/EVIL ran as (?!odoo)/, 'with his own rights only');
is_deeply([ grep { !/^(INSERT INTO public|CREATE TABLE public|CREATE TEMP|LISTEN|SELECT pg_try_advisory_lock)/ } $since =~ /EVIL succeeded: (.*)/g ], [],
	'he got nothing that is not his');
is($node->safe_psql('postgres', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'odoo'}), 'f', 'and is no superuser');
as_odoo(q{DROP TRIGGER evil ON stock_picking; DROP INDEX evil_constant; ALTER TABLE stock_picking DROP CONSTRAINT evil_check; ALTER TABLE stock_picking ALTER origin TYPE varchar;
  DROP CAST (public.evil_state AS text); DROP OPERATOR public.= (public.evil_state, text); ALTER TABLE stock_picking ALTER state TYPE varchar USING enum_out(state)::varchar});
as_odoo(q{UPDATE stock_picking SET state = 'assigned' WHERE name = 'WH/OUT/90001'});
ok(dba_waits(q{SELECT count(*) = 0 FROM odoo_events.quarantine}), 'nothing waits in quarantine');
ok(dba_waits(q{SELECT lag_events = 0 FROM odoo_events.subscription_status}), 'all is delivered');

# The script of CREATE EXTENSION: nothing but pg_catalog is searched while it runs, and it never takes for its own what was there before
like(slurp_file("$FindBin::RealBin/../../odoo_events.control"), qr/^schema = pg_catalog$/m, 'the script runs with pg_catalog alone in its search_path');
foreach my $file (glob "$FindBin::RealBin/../../src/schema/*.sql")
{
	my $text = slurp_file($file);
	$text =~ s/\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'|--[^\n]*//gs;
	unlike($text, qr/^\s*(CREATE\s+OR\s+REPLACE|CREATE\s[^;]*IF\s+NOT\s+EXISTS|SET\s|RESET\s|SELECT\s+set_config|CREATE\s+(CAST|OPERATOR|EVENT|RULE|LANGUAGE))/mi, basename($file) . ': creates, replaces nothing, sets nothing');
}

# Settings that the owner has planted for his role in his database: none reaches the worker
my %planted = (default_transaction_isolation => 'serializable', default_transaction_read_only => 'on', default_transaction_deferrable => 'on',
	statement_timeout => '1ms', lock_timeout => '1ms', idle_in_transaction_session_timeout => '1ms', search_path => 'public, pg_temp', client_encoding => 'LATIN1',
	TimeZone => 'Asia/Tokyo', DateStyle => 'German', IntervalStyle => 'iso_8601', extra_float_digits => '-15', bytea_output => 'escape', array_nulls => 'off',
	standard_conforming_strings => 'off', quote_all_identifiers => 'on', row_security => 'on', check_function_bodies => 'on', work_mem => '64kB', temp_buffers => '800kB',
	synchronous_commit => 'off', enable_indexscan => 'off', enable_seqscan => 'off', enable_sort => 'off', plan_cache_mode => 'force_generic_plan',
	from_collapse_limit => '1', join_collapse_limit => '1', jit => 'on', jit_above_cost => '0', min_parallel_table_scan_size => '0', parallel_setup_cost => '0',
	lc_numeric => 'C', lc_time => 'C', xmlbinary => 'hex', transform_null_equals => 'on', default_tablespace => 'pg_default', application_name => 'evil',
	debug_print_parse => 'on', debug_print_plan => 'on', log_min_messages => 'debug1', escape_string_warning => 'off', lo_compat_privileges => 'on');
delete @planted{qw(standard_conforming_strings escape_string_warning)} if $node->safe_psql('postgres', q{SELECT current_setting('server_version_num')::int >= 190000}) eq 't';    # which has done away with them
my $plan = join ';', map { "ALTER ROLE odoo IN DATABASE plant SET $_ = '" . ($_ eq 'search_path' ? 'public' : $planted{$_}) . q{'} }
  grep { !/^(log_min_messages|lo_compat_privileges)$/ } sort keys %planted;
my ($status, undef, $refused) = $node->psql('plant', $plan, connstr => $node->connstr('plant') . ' user=odoo');
is($status, 0, 'what he may plant') or diag $refused;
$node->safe_psql('postgres', join ';', map { "ALTER ROLE odoo IN DATABASE plant SET $_ = '$planted{$_}'" } qw(log_min_messages lo_compat_privileges));
my $old = $node->safe_psql('plant', 'SET search_path = pg_catalog; SELECT pid FROM odoo_events.worker_status');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($old, 5000)");
ok($node->poll_query_until('plant', "SELECT pid <> $old FROM odoo_events.worker_status"), 'the worker starts again');
my $count = $node->safe_psql('plant', 'SET search_path = pg_catalog; SELECT count(*) FROM odoo_events.outbox_all');
my $offset = -s $node->logfile;
$node->safe_psql('plant', q{SET search_path = pg_catalog, public; SET ROLE odoo; UPDATE stock_picking SET state = 'confirmed', date_done = '2026-01-02 03:04:05' WHERE name = 'WH/OUT/90001'});
ok($node->poll_query_until('plant', qq{SELECT count(*) = $count + 1 FROM odoo_events.outbox_all}), 'an event is published');
is($node->safe_psql('plant', q{SET search_path = pg_catalog; SELECT event::json ->> 'partitionkey' ~ '^transfer:' AND event::json ->> 'time' ~ '^\d{4}-\d\d-\d\dT[0-9:.]+Z$'
	FROM odoo_events.outbox_all ORDER BY position DESC LIMIT 1}), 't', 'as without them');
unlike(slurp_file($node->logfile, $offset), qr/odoo_events worker.*(DEBUG|parse tree|ERROR|WARNING)/, 'and the log has nothing of the worker');

$node->stop;
done_testing();
