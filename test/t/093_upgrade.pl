# ALTER EXTENSION odoo_events UPDATE from every version there is a way from: the result is what a fresh install makes, and what the DBA
# configured and defined is kept and works.  Until the update the new library works with what the old version left in the database.
# once: the scripts know no version of PostgreSQL
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('upgrade');
my $describe = slurp_file("$FindBin::RealBin/../upgrade/describe.sql");
my $current = $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'odoo_events'});

sub create
{
	my ($db, $version) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'");
	$node->safe_psql($db, 'CREATE TABLE ir_module_module (id int PRIMARY KEY)', extra_params => [ '-U', 'odoo' ]);
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

# Capture, publishing, delivery, pull and the functions of the DBA in a database that has not been updated.
sub older_works
{
	my ($db) = @_;
	$node->safe_psql($db, q{INSERT INTO stock_picking VALUES (90, 'OUT/90', 'assigned', '0')});
	$node->safe_psql($db, q{UPDATE stock_picking SET priority = '1' WHERE id = 90});
	ok(OdooEvents::status($node, $db, 'wms', 'delivered_total > 0 AND lag_events = 0'), 'captured, published and delivered');
	is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.fetch('mirror', 1000) WHERE event ->> 'type' = 'acme.logistics.transfer.hurried.v1'}), '1', 'pulled');
	$node->safe_psql($db, $_) foreach (q{SELECT odoo_events.ack('mirror', (SELECT max(position) FROM odoo_events.fetch('mirror', 1000)))}, q{SELECT odoo_events.ping('wms')},
		q{SELECT odoo_events.pause('wms')}, q{SELECT odoo_events.resume('wms')}, q{SELECT odoo_events.replay('wms', since => now() - interval '1 hour')},
		q{SELECT odoo_events.backfill('transfer')}, q{SELECT * FROM odoo_events.reconcile('transfer')}, q{SELECT odoo_events.rotate_secret('wms')},
		q{SELECT * FROM odoo_events.explain('transfer', 90)}, q{SELECT odoo_events.metrics_text()}, q{SELECT * FROM odoo_events.storage});
	ok($node->poll_query_until($db, q{SELECT NOT EXISTS (SELECT 1 FROM odoo_events.replay_status WHERE state = 'running') AND NOT EXISTS (SELECT 1 FROM odoo_events.backfill_status WHERE state = 'running')}),
		'replayed and backfilled');
	is($node->safe_psql($db, q{SELECT string_agg("check" || ': ' || detail, E'\n') FROM odoo_events.health() WHERE "check" <> 'indexes' AND status = 'critical'}), '', 'nothing is critical');
	like(slurp_file($node->logfile), qr/the library of odoo_events is of version \Q$current\E, the extension in database "$db" of version/, 'the log says that the versions differ');
	return;
}

# All functions whose arguments the new version changes lose their rights with the old definition, unless the script carries them over.
sub rights
{
	my ($version) = @_;
	(my $db = "rights_$version") =~ tr/./_/;
	create($db, $version);
	$node->safe_psql($db, $_) foreach (
		'GRANT USAGE ON SCHEMA odoo_events TO integrator',
		q{DO $$ DECLARE f regprocedure; BEGIN FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'odoo_events'::regnamespace AND proname IN ('subscribe', 'alter_subscription', 'ping', 'replay')
		  LOOP EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO integrator', f); END LOOP; END $$},
		'GRANT SELECT ON odoo_events.subscription_status TO integrator WITH GRANT OPTION', 'GRANT SELECT (id, type) ON odoo_events.outbox TO integrator',
		'GRANT EXECUTE ON FUNCTION odoo_events.version() TO PUBLIC', 'REVOKE EXECUTE ON FUNCTION odoo_events.metrics() FROM pg_monitor');
	$node->safe_psql($db, 'ALTER EXTENSION odoo_events UPDATE');
	my $may = sub { $node->safe_psql($_[0], q{SELECT string_agg(DISTINCT p.proname, ',' ORDER BY p.proname) FROM pg_proc p WHERE p.pronamespace = 'odoo_events'::regnamespace AND has_function_privilege('integrator', oid, 'EXECUTE')}) };
	# the five of policies belong to everybody: docs/security.md
	my $want = '_allows,_callers,_read_arming,_read_capture_error,_read_capture_status,_read_care,_read_replay_status,_read_storage,_read_subscription_status,_read_worker_status,_sees,_sees_whole,_statement,alter_subscription,ping,replay,subscribe,version';
	is($may->($db), $want, 'functions');
	my $rights = q{SELECT concat_ws(',', has_table_privilege('integrator', 'odoo_events.subscription_status', 'SELECT WITH GRANT OPTION'), has_column_privilege('integrator', 'odoo_events.outbox', 'type', 'SELECT'),
		has_column_privilege('integrator', 'odoo_events.outbox', 'event', 'SELECT'), has_function_privilege('pg_monitor', 'odoo_events.metrics()', 'EXECUTE'), has_function_privilege('pg_monitor', 'odoo_events.metrics_text()', 'EXECUTE'))};
	is($node->safe_psql($db, $rights), 't,t,f,f,t', 'views, columns, and what was taken away');
	is_deeply([ grep { /initial rights/ } differences('fresh', $db) ], [], "the extension's own rights are those of a fresh install");
	$node->command_ok([ 'pg_dump', '-f', $node->basedir . "/$db.sql", $node->connstr($db) ], 'dumped');
	$node->safe_psql('postgres', "CREATE DATABASE restored_$db OWNER odoo TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'");
	$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $node->basedir . "/$db.sql", $node->connstr("restored_$db") ], 'restored');
	is($may->("restored_$db"), $want, 'functions after a restore');
	is($node->safe_psql("restored_$db", $rights), 't,t,f,f,t', 'the rest after a restore');
	return;
}

my $receiver = OdooEvents->receiver;
my $secret = 'whsec_' . encode_base64('upgrade!' x 4, '');
$receiver->knows($secret, '/');
my $url = $receiver->url;
$node->safe_psql('postgres', 'CREATE ROLE integrator');
create('fresh', $current);
my @old = split /\n/, $node->safe_psql('postgres',
	"SELECT source FROM pg_extension_update_paths('odoo_events') JOIN pg_available_extension_versions v ON v.name = 'odoo_events' AND v.version = source
	  WHERE target = '$current' AND source <> target AND path IS NOT NULL ORDER BY 1");
ok((grep { $_ eq '0.1.0' } @old), 'there is something to come from: ' . join(', ', @old));
foreach my $version (@old)
{
	(my $db = "from_$version") =~ tr/./_/;
	create($db, $version);
	isnt(scalar(my @before = differences('fresh', $db)), 0, "$version is another version");
	$node->safe_psql($db, $_) foreach (
		q{SELECT odoo_events.attach('{transfer}')},
		q{SELECT odoo_events.define_entity('quality_certificate', 'quality_certificate', name_column => 'name', state_column => 'state')},
		q{SELECT odoo_events.define_part('quality_certificate', 'line', 'quality_line', parent => 'certificate_id')},
		q{SELECT odoo_events.define_event('acme.quality.quality_certificate.issued.v1', 'quality_certificate', states => '{issued}', with_lines => true)},
		q{SELECT odoo_events.define_entity('wave', 'stock_picking_batch', name_column => 'name')},
		q{SELECT odoo_events.define_event('acme.logistics.wave.docked.v1', 'wave', '$.old.x_dock != $.new.x_dock')},
		q{SELECT odoo_events.define_event('acme.logistics.transfer.hurried.v1', 'transfer', '$.old.priority != $.new.priority')},
		q{SELECT odoo_events.disable_event('odoo.logistics.transfer.cancelled.v1')},
		qq{SELECT odoo_events.subscribe('wms', '$url', allow_networks => '{127.0.0.0/8}', types => '{acme.*,odoo.logistics.*}', secret => '$secret')},
		q{SELECT odoo_events.subscribe('mirror', NULL)},
		q{INSERT INTO quality_certificate VALUES (1, 'QC/1', 'issued')});
	subtest "the library of $current works with the extension of $version" => sub { older_works($db) };
	my $kept = q{SELECT jsonb_agg(to_jsonb(c) ORDER BY c.id) FROM odoo_events.saved_config c};
	my $was = $node->safe_psql($db, $kept);
	my $had = $node->safe_psql($db, q{SELECT string_agg(position || ' ' || id, ',' ORDER BY position) FROM odoo_events.outbox});
	$node->safe_psql($db, 'ALTER EXTENSION odoo_events UPDATE');
	is($node->safe_psql($db, q{SELECT extversion FROM pg_extension WHERE extname = 'odoo_events'}), $current, "$version: updated");
	is($node->safe_psql($db, q{SELECT string_agg(position || ' ' || id, ',' ORDER BY position) FROM odoo_events.outbox}), $had, "$version: what was published is as it was");
	is($node->safe_psql($db, $kept), $was, "$version: the configuration is kept");
	# what the DBA disabled, and what a definition makes count in a rule of the catalog, is no difference of versions
	is_deeply([ grep { !/^. capture_rule .*"rule": "stock_picking(?:_batch)?"/ && !/^. event_def .*"odoo.logistics.transfer.cancelled.v1"/ } differences('fresh', $db) ], [],
		"$version: the same as a fresh install");
	$node->safe_psql($db, $_) foreach (q{INSERT INTO stock_picking VALUES (1, 'OUT/1', 'assigned', '0')}, q{UPDATE stock_picking SET priority = '1' WHERE id = 1},
		q{BEGIN; INSERT INTO quality_certificate VALUES (2, 'QC/2', 'issued'); INSERT INTO quality_line VALUES (1, 2, 5); COMMIT}, q{UPDATE stock_picking SET state = 'cancel' WHERE id = 1},
		q{SELECT odoo_events.attach('{transfer_batch}')}, q{INSERT INTO stock_picking_batch VALUES (1, 'W/1', 'draft', 'A')}, q{UPDATE stock_picking_batch SET x_dock = 'B'}, q{UPDATE stock_picking_batch SET state = 'in_progress'});
	ok($node->poll_query_until($db, q{SELECT count(*) = 4 FROM odoo_events.outbox WHERE type LIKE 'acme.%' AND subject NOT LIKE '%OUT/90'}), "$version: what was defined before goes on");
	is($node->safe_psql($db, q{SELECT event->'data'->'lines'->0->>'quantity' FROM odoo_events.outbox WHERE subject = 'quality_certificate/QC/2'}), '5', "$version: lines too");
	is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.outbox WHERE type = 'acme.logistics.wave.docked.v1'}), '1', "$version: and on a table that the catalog captures itself by now");
	ok($node->poll_query_until($db, q{SELECT count(*) = 1 FROM odoo_events.outbox WHERE type = 'odoo.logistics.transfer_batch.started.v1'}), "$version: whose own events come beside them");
	ok(OdooEvents::delivered($node, $db, 'wms'), "$version: delivered") or diag($node->safe_psql($db, 'SELECT * FROM odoo_events.health()'));
	subtest "rights that the DBA gave or took in $version are kept by an update, and dumped" => sub { rights($version) };
	is($node->safe_psql($db, q{SELECT enabled FROM odoo_events.event_type WHERE type = 'odoo.logistics.transfer.cancelled.v1'}), 'f', "$version: what was disabled stays so");
}
# A server that was not restarted runs the old library, in which functions of the new version are missing.
create('unready', '0.1.0');
$node->safe_psql('unready', q{CREATE OR REPLACE FUNCTION odoo_events.version() RETURNS text LANGUAGE sql AS $$SELECT '0.1.0'$$});
my ($status, $out, $err) = $node->psql('unready', 'ALTER EXTENSION odoo_events UPDATE');
like($err, qr/the server still runs the library of version 0\.1\.0, this update needs \d.*HINT:  Restart the server/s, 'an update before the restart is refused and says why');
# the comparison can say no
create('again', $current);
is_deeply([ differences('fresh', 'again') ], [], 'two fresh installs are the same');
$node->safe_psql('fresh', $_) foreach ('ALTER EXTENSION odoo_events DROP FUNCTION odoo_events.version()', q{COMMENT ON TABLE odoo_events.attached IS 'x'},
	q{UPDATE odoo_events.event_def SET rank = rank + 1 WHERE type = 'odoo.logistics.shipment.ready.v1'});
is(scalar(my @now = differences('fresh', 'again')), 6, 'a function less, a comment and a row that differ are seen');
$node->stop;
done_testing();
