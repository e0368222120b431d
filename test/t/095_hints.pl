# Every hint of an error, executed: each is provoked, and what it says to do is done and works.  The hints are collected from the sources:
# one that is neither provoked here nor in the list of those that cannot be, with the reason, fails this test.
# once: hints are the same on every version of PostgreSQL
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";

# ---- the hints that there are: file and text, as a pattern ----

# An expression of a hint as a pattern: what format() and variables put in may be anything.
sub pattern
{
	my ($text) = @_;
	$text =~ s/%(?:\d+\$)?[sdILu]|%%/\x01/g;
	return join '.*', map { quotemeta } split /\x01/, $text, -1;
}

my %sites;    # "file: text" => pattern
foreach my $file (glob("$top/src/{*,*/*,*/*/*}/*.c"), glob("$top/src/schema/*.sql"))
{
	my $source = slurp_file($file);
	(my $name = $file) =~ s!.*/src/!!;
	if ($file =~ /\.c$/)
	{
		while ($source =~ /errhint\(((?:\s*"(?:[^"\\]|\\.)*")+)/g)
		{
			my $text = join '', $1 =~ /"((?:[^"\\]|\\.)*)"/g;
			$text =~ s/\\(.)/$1/g;
			$sites{"$name: $text"} = pattern($text);
		}
	}
	else
	{
		# string literals only: what is concatenated to them, or their arguments, may be anything; of a CASE each branch
		while ($source =~ /\bHINT\s*=\s*(CASE\b.*?\bEND\b|(?:format\(\s*)?'(?:[^']|'')*')/gs)
		{
			my $expression = $1;
			my $literal = $expression =~ /^CASE/ ? qr/(?:THEN|ELSE)\s+(?:format\(\s*)?'((?:[^']|'')*)'/ : qr/'((?:[^']|'')*)'/;
			while ($expression =~ /$literal/g)
			{
				(my $text = $1) =~ s/''/'/g;
				$sites{"$name: $text"} = pattern($text) . '.*';
				last unless $expression =~ /^CASE/;
			}
		}
	}
}
cmp_ok(scalar(keys %sites), '>', 100, 'hints were found in the sources: ' . keys %sites);

# ---- those that no statement can provoke or follow, and why; what shows them instead ----

my %elsewhere = (
	q{base/guc.c: ALTER SYSTEM SET odoo_events.otlp_endpoint = 'http://127.0.0.1:4318';} => 'ALTER SYSTEM does not show the hint of a check: t/232_traces',
	q{publish/outbox/rotation.c: To keep them: ALTER SYSTEM SET odoo_events.on_full = 'keep'; SELECT pg_reload_conf();} => 'in the log of the server only: t/160_outbox_limit',
	q{schema/capture.sql: %s is a table of Odoo's; what is told of it belongs to the entities: %s.} => 'sql/deliver_bad_input',
	q{schema/capture.sql: Leave it out for all entities.} => 'a warning: sql/deliver_bad_input',
	q{schema/define.sql: It knows %s; an app of your own may have others.} => 'a warning: sql/deliver_bad_input',
	q{schema/deliver_warnings.sql: A request that is given up may have arrived: the event comes again. timeout => '15s' is the default.} => 'a warning: sql/deliver_bad_input',
	q{schema/deliver_warnings.sql: Name the network of the endpoint alone, for example allow_networks => '{10.1.2.0/24}'.} => 'a warning: sql/deliver_bad_input',
	q{schema/deliver_warnings.sql: Odoo shows the ids of companies in developer mode; events of others are not sent.} => 'a warning: sql/deliver_bad_input',
	q{schema/deliver_warnings.sql: Odoo shows the ids of warehouses in developer mode; events of others are not sent.} => 'a warning: sql/deliver_bad_input',
	q{schema/page.sql: SELECT odoo_events.page('document', what => 'transfer:1');  -- or the document's name, or an event's id} => 't/230_pages executes it',
	q{schema/page.sql: SELECT odoo_events.page('operations');  -- or integration, warehouse, business, document} => 't/230_pages executes it',
	q{schema/page.sql: SELECT odoo_events.page('warehouse', warehouse_id => 1);} => 't/230_pages executes it',
	q{schema/unblocked.sql: SELECT gid, owner, prepared FROM pg_catalog.pg_prepared_xacts ORDER BY prepared;} => 'another session must hold a lock: t/120_locks',
	q{schema/unblocked.sql: SELECT pid, mode, relation::regclass FROM pg_catalog.pg_locks WHERE granted AND mode ~ 'Exclusive' ORDER BY pid;} => 'another session must hold a lock: t/120_locks',
	q{schema/unblocked.sql: SELECT pid, usename, state, xact_start, query FROM pg_catalog.pg_stat_activity WHERE pid = %s;} => 'another session must hold a lock: t/120_locks',
	q{schema/page.sql: SELECT odoo_events.page(language => 'en');} => 't/230_pages executes it',
	q{schema/page.sql: SELECT odoo_events.page(period => '24 h');} => 't/230_pages executes it',
	q{schema/residency.sql: SELECT * FROM odoo_events.config_export('{residency}');  -- shows which networks it may go to} => 'needs a session over TCP: t/229_retention_residency',
	q{schema/seal.sql: SELECT odoo_events.seal();} => 'needs an event behind the last checkpoint: t/227_evidence',
	q{schema/seal.sql: SHOW odoo_events.seal_retention;  -- how long it is kept} => 'needs an old log: t/227_evidence',
	q{schema/slow_condition.sql: SELECT odoo_events.enable_event(%L);  -- once define_event() has given it a cheaper condition} => 'health(): t/101_judgements',
	"schema/quiet.sql: SELECT * FROM odoo_events.attach(mode => 'trigger');  -- before, where these must be quiet, too" => 'needs capture from the WAL: t/062_wal',
	'worker/restored.c: If this is production: SELECT odoo_events.arm(); in each database.' => 'in the log of the server only: t/220_restored_copies',
	'stream/relation.c: CREATE EXTENSION odoo_events;' => 'needs a database without the extension: sql/stream_details',
	'publish/cycle.c: The worker publishes by itself; try again where you want to be sure.' => 'needs a publisher that is stopped in the middle: sql/publish_stopped',
	'worker/launcher.c: ALTER ROLE ... LOGIN, or give the database to a role that can.' => 'in the log of the server only: t/010_worker',
	'walreader/control.c: Raise max_worker_processes.' => 'in the log of the server only, mended by a restart',
	'walreader/recorder.c: Raise max_worker_processes.' => 'in the log of the server only, mended by a restart',
	"walreader/reader.c: SELECT pg_drop_replication_slot('%s');" => 'in the log of the server: t/062_wal',
	'schema/wal.sql: ALTER SYSTEM SET shared_preload_libraries = %s;  -- then restart the server' => 'needs a server without the library: t/010_worker',
	'schema/wal.sql: ALTER SYSTEM SET wal_level = %s;  -- then restart the server' => 'needs a restart: t/062_wal',
	'schema/wal.sql: ALTER SYSTEM SET output_plugin_libraries = %s; SELECT pg_catalog.pg_reload_conf();' => 'a setting that not every server has: t/062_wal',
	'schema/wal.sql: ALTER SYSTEM SET max_replication_slots = %s;  -- then restart the server' => 'needs a restart: t/062_wal',
	"schema/wal.sql: SELECT * FROM odoo_events.attach(%L, mode => 'trigger');" => 'needs the reader: t/062_wal',
	'worker/launcher.c: Raise odoo_events.max_databases and restart the server, or name the databases that need a worker in odoo_events.databases.'
		=> 'in the log of the server only, mended by a restart: t/122_bounds',
	'base/shmem.c: Raise odoo_events.max_rules and restart the server.' => 'in the log of the server only, mended by a restart',
	'schema/deliver_pull.sql: SELECT odoo_events.alter_subscription(%L, filter => ...);  -- or raise odoo_events.filter_timeout' =>
		'needs a filter that takes long, again and again: t/101_judgements',
	'worker/launcher.c: Raise max_worker_processes.' => 'in the log of the server only, mended by a restart',
	"deliver/settle/overrun.c: odoo_events.on_full = 'drop' lets the oldest events go when the outbox exceeds odoo_events.max_outbox_size." => 'in the log of the server, says what was configured: nothing to mend',
	'deliver/transport/http/address.c: Events wait and are retried until it does; addresses are checked when a connection is made.' => 'of a warning: nothing has to be done',
	'deliver/transport/http/multi.c: Install a libcurl that was built with the threaded resolver or c-ares.' => 'needs another libcurl',
	'capture/trigger.c: SELECT * FROM odoo_events.capture_status; or set odoo_events.strict to off.' => 'needs memory or disk that has run out: t/042_out_of_disk',
	'base/session.c: ALTER EXTENSION odoo_events UPDATE; in that database brings the extension up to date.' => 'in the log of the server only: t/093_upgrade',
	'base/session.c: CREATE EXTENSION %s;' => 'between two transactions of a session that loses the extension: t/010_worker',
	'base/ring.c: Look in pg_locks for who holds a strong lock on the tables of schema %s.' => 'needs somebody who locks all members: sql/capture_emit',
	'schema/worker.sql: Add odoo_events to shared_preload_libraries and restart; changes are captured meanwhile, and publish() works.' => 'needs a server without the library: t/010_worker',
	'schema/deliver_secret.sql: alter_subscription(name, secret => ..., %s) gives all.' => 'needs a restored database: t/050_backup',
	'schema/deliver_subscribe.sql: Give in one call: %s.' => 'needs a restored database: t/050_backup',
	'schema/deliver_secret.sql: SELECT odoo_events.set_secret(%L);' => 'needs a restored database: t/050_backup',
	'schema/deliver_pull.sql: SELECT pg_catalog.pg_sleep_until(%L); SELECT * FROM odoo_events.fetch(%L);  -- consumers at the same time need subscriptions of their own' => 'waits for the end of another consumer\'s lease: t/047_dispatch, sql/deliver_pull',
	'schema/deliver_transport.sql: apt-get install postgresql-%s-odoo-events-%s, or make install in the source\'s directory programs' => 'needs a server without the helper program: t/180_programs',
	'observe/policy.c: %s' => 'of what a policy refuses: t/211_policies',
	"schema/govern_config.sql: ALTER SYSTEM SET odoo_events.environment = 'production'; SELECT pg_catalog.pg_reload_conf();  -- then set_environment(), then arm()" => 'a setting: t/210_configuration',
	'schema/govern_config.sql: SELECT odoo_events.set_environment(%L, %L);' => 'needs a setting: t/210_configuration',
	'schema/govern_config.sql: SELECT odoo_events.alter_subscription(%L, %s);  -- first' => 'what is secret is not in a hint: t/210_configuration',
	'schema/govern_config.sql: SELECT odoo_events.alter_subscription(%L, secret => ..., %s);' => 'what is secret is not in a hint: t/210_configuration',
	'schema/govern_config.sql: SELECT odoo_events.set_secret(%L);  -- answers one for its receiver' => 'of a notice: t/210_configuration',
	'schema/govern_contract.sql: SELECT odoo_events.json_schema(%L);' => 'of a type of define_event(): t/213_contracts',
	'deliver/freeze.c: SELECT * FROM pg_catalog.pg_stat_get_activity(%d);' => 'needs another session that hands over',
	'deliver/freeze.c: Use: COMMIT;' => 'of PREPARE TRANSACTION: t/225_cut_over',
	'schema/cut_over.sql: SELECT * FROM odoo_events.subscription_status WHERE name = %L;' => 'needs a request that does not end',
	'schema/cut_over.sql: SELECT odoo_events.cancel_replay(%s);' => 'needs a replay that is running',
	'schema/cut_over.sql: SELECT odoo_events.retry_now(%L);' => 'needs ten thousand events that wait',
	'schema/cut_over.sql: SELECT odoo_events.retry_now(%L);  -- or hand them over: SELECT * FROM odoo_events.%I(%L, %L, carry => true);' => 'needs an endpoint that fails: t/225_cut_over',
	'schema/govern_proposal.sql: SELECT odoo_events.approve(%s);' => 'needs a second person: t/212_four_eyes',
	'schema/govern_proposal.sql: SELECT odoo_events.approve(%s);  -- in a session of somebody else' => 'needs a second person: t/212_four_eyes',
	'schema/govern_proposal.sql: SELECT odoo_events.reject(%s, %L);' => 'needs a second person: t/212_four_eyes',
	'schema/govern_proposal.sql: SELECT odoo_events.reject(%s, %L);  -- and propose it again' => 'needs a second person: t/212_four_eyes',
	'schema/capture.sql: Capture knows rows by their integer id, as Odoo does.' => "Odoo's own tables have it; of a table of one's own define_entity() says it first",
);

# ---- the others: [what provokes it, what it says to do; none: the hint is a statement] ----

my $u = q{'https://h.example.com/x'};
sub subscribed { my ($name, $more) = @_; return "SELECT odoo_events.subscribe('$name', $u, $more)"; }
my $n = 0;
sub option { my ($wrong, $right) = @_; $n++; return [ subscribed("o$n", $wrong), subscribed("o$n", $right) ]; }
# the same for a broker
my $k = q{'kafkas://k1.example.com:9093,k2.example.com:9093/odoo.{domain}.{entity}'};
sub broker { my ($wrong, $right) = @_; $n++; return [ map { "SELECT odoo_events.subscribe('o$n', $k, $_)" } $wrong, $right ]; }
sub broker_url { my ($wrong, $right) = @_; $n++; return [ map { ref $_ ? $_ : "SELECT odoo_events.subscribe('o$n', $_)" } $wrong, $right ]; }
my $define = q{SELECT odoo_events.define_entity('certificate', 'quality_certificate'};
my $event = q{SELECT odoo_events.define_event('acme.quality.certificate.flagged.v1', 'certificate'};
my $part = q{SELECT odoo_events.define_part('certificate', 'line', 'quality_line', parent => 'certificate_id'};
# A call of define_calendar() or define_sla() with wrong arguments, and with what the hint makes of them.
sub called { my ($call, $right) = @_; return ref $right ? sub { sprintf $call, $right->($_[0]) } : sprintf $call, $right; }
sub calendar { my ($wrong, $right) = @_; my $call = 'SELECT odoo_events.define_calendar(%s)'; return [ map { called($call, $_) } $wrong, $right ]; }
sub sla { my ($name, $wrong, $right) = @_; my $call = "SELECT odoo_events.define_sla('%s', '{acme.s.t.begun.v1}', '{acme.s.t.done.v1}'%%s)"; return [ called(sprintf($call, $name), $wrong), called(sprintf($call, $name =~ tr/ /-/r), $right) ]; }
sub paused { my ($until, $why) = @_; return "SELECT odoo_events.pause_promise(id, $until, reason => $why) FROM odoo_events.promise WHERE document = 'd3' AND sla = 'late'"; }
my $slot = q{SELECT count(*) FROM pg_logical_slot_peek_changes('s', NULL, NULL};
my @cases = (
	# what a status view reads
	[ q{SELECT odoo_events._read_care(5)} ],
	# the catalog
	[ q{SELECT odoo_events.define_entity('Certificate', 'quality_certificate')}, q{SELECT odoo_events.define_entity('quality_certificate', 'quality_certificate')} ],
	[ "$define, domain => 'Q')", "$define, domain => 'quality', name_column => 'name', state_column => 'state', open_states => '{draft}')" ],
	[ "$define)", "$define, domain => 'quality', name_column => 'name', state_column => 'state', open_states => '{draft}', or_replace => true)" ],
	[ q{SELECT odoo_events.define_entity('transfer', 'quality_certificate')}, q{SELECT odoo_events.define_entity('my_transfer', 'quality_certificate')} ],
	[ q{SELECT odoo_events.define_entity('tag', 'res.partner')}, q{SELECT odoo_events.define_entity('tag', 'res_partner')} ],
	[ q{SELECT odoo_events.define_entity('rel', 'certificate_tag_rel')}, q{SELECT odoo_events.define_entity('rel', 'quality_tag')} ],
	[ q{SELECT odoo_events.define_entity('c1', 'quality_certificate', columns => '{scores}')}, q{SELECT odoo_events.define_entity('c1', 'quality_certificate', columns => '{score}')} ],
	[ q{SELECT odoo_events.define_entity('c2', 'quality_certificate', classification => '{"scores": "public"}')}, q{SELECT odoo_events.define_entity('c2', 'quality_certificate', classification => '{"score": "public"}')} ],
	[ q{SELECT odoo_events.define_entity('c3', 'quality_certificate', classification => '{"score": "secret"}')}, q{SELECT odoo_events.define_entity('c3', 'quality_certificate', classification => '{"score": "confidential"}')} ],
	[ q{SELECT odoo_events.define_entity('c4', 'quality_certificate', open_states => '{draft}')}, q{SELECT odoo_events.define_entity('c4', 'quality_certificate', open_states => '{draft}', state_column => 'state')} ],
	[ q{SELECT odoo_events.define_entity('c5', 'quality_certificate', key => 'score')}, q{SELECT odoo_events.define_entity('c5', 'quality_certificate', key => 'picking_id')} ],
	[ q{SELECT odoo_events.define_part('certificates', 'line', 'quality_line', parent => 'certificate_id')}, undef, 'still refused: the hint is for a table of that name', q{table "certificates"} ],
	[ q{SELECT odoo_events.define_part('certificate', 'Line', 'quality_line', parent => 'certificate_id')}, "$part)" ],
	[ "$part)", "$part, or_replace => true)" ],
	[ q{SELECT odoo_events.define_part('certificate', 'photo', 'quality_line', parent => 'document_id')}, q{SELECT odoo_events.define_part('certificate', 'photo', 'quality_line', parent => 'certificate_id')} ],
	[ q{SELECT odoo_events.define_part('certificate', 'l2', 'quality_line', parent => 'certificate_id', live_states => '{open}')}, q{SELECT odoo_events.define_part('certificate', 'l2', 'quality_line', parent => 'certificate_id', state_column => 'state', live_states => '{draft,open}')} ],
	[ q{SELECT odoo_events.define_part('certificate', 'l3', 'quality_line', parent => 'certificate_id')}, undef ],
	[ q{SELECT odoo_events.drop_part('certificate', 'nothing')}, undef ],
	[ q{SELECT odoo_events.define_event('acme.quality.thing.done.v1', 'thing')}, undef ],
	[ "$event, kind => 'big')", "$event, '\$.new.score < 1', or_replace => true)" ],
	[ q{SELECT odoo_events.define_event('acme.quality.paper.flagged.v1', 'certificate')}, q{SELECT odoo_events.define_event('acme.quality.certificate.seen.v1', 'certificate')} ],
	[ "$event)", "$event, or_replace => true)" ],
	[ "$event, occasion => 'sometimes', or_replace => true)", "$event, occasion => 'updated', or_replace => true)" ],
	[ q{SELECT odoo_events.define_entity('stateless', 'quality_tag'); SELECT odoo_events.define_event('acme.quality.stateless.x.v1', 'stateless', states => '{done}')}, q{SELECT odoo_events.define_event('acme.quality.stateless.x.v1', 'stateless', '$.new.name == "x"', occasion => 'updated')} ],
	[ "$event, occasion => 'deleted', states => '{done}', or_replace => true)", "$event, states => '{done}', or_replace => true)" ],
	[ "$event, rank => -1, or_replace => true)", "$event, or_replace => true)" ],
	[ "$event, '\$.new.score', or_replace => true)", "$event, '\$.new.state == \"done\"', or_replace => true)" ],
	[ "$event, '\$.new.score >', or_replace => true)", "$event, '\$.old.state != \"done\" && \$.new.state == \"done\"', or_replace => true)" ],
	[ "$event, 'exists(\$.rows.line[*])', or_replace => true)", "$event, 'exists(\$.parts.line[*])', or_replace => true)" ],
	[ "$event, '\$.new.scores > 1', or_replace => true)", "$event, '\$.new.score > 1', or_replace => true)" ],
	[ "$event, 'exists(\$.new.* ? (@ > 1))', or_replace => true)", "$event, '\$.new.score > 1', or_replace => true)" ],
	[ "$event, 'exists(\$.new ? (@.scores > 1))', or_replace => true)", "$event, 'exists(\$.new ? (@.score > 1))', or_replace => true)" ],
	[ "$event, '\$.refs.picking_id.state == \"done\"', or_replace => true)", "$event, '\$.refs.user_id.login == \"x\"', or_replace => true)" ],
	[ "$event, '\$.refs.picking_id.name == \"x\"', or_replace => true)", "$event, 'exists(\$tx.*.* ? (@.new.state == \"done\"))', or_replace => true)" ],
	[ "$event, 'exists(\$.parts.row[*])', or_replace => true)", "$event, 'exists(\$.parts.line[*])', or_replace => true)" ],
	[ "$event, '\$.now.x == 1', or_replace => true)", "$event, '\$.new.score == 1', or_replace => true)" ],
	[ "$event, 'exists(\$.parts.line[*] ? (@.new.status == \"done\"))', or_replace => true)", "$event, 'exists(\$.parts.line[*] ? (@.new.state == \"done\"))', or_replace => true)" ],
	[ "$event, 'exists(\$.new.validity)', or_replace => true)", "$event, '\$.new.score == 1', or_replace => true)" ],
	[ "$event, '\$.new.score.x == 1', or_replace => true)", "$event, '\$.new.score == 1', or_replace => true)" ],
	[ q{SELECT odoo_events.enable_event('acme.no.such.type.v1')}, undef ],
	[ q{SELECT odoo_events.json_schema('acme.no.such.type.v1')}, undef ],
	[ q{SELECT odoo_events.drop_event('odoo.logistics.shipment.dispatched.v1')}, undef ],
	[ q{SELECT odoo_events.drop_entity('transfer')}, undef ],
	# the configuration, policies, proposals
	[ q{SELECT odoo_events.config_apply('[]')}, undef ],
	[ q{SELECT odoo_events.config_apply('{}', dry_run => NULL)}, q{SELECT odoo_events.config_apply('{}', dry_run => true)} ],
	[ q{SELECT odoo_events.config_apply('{"subscriptions": {}}')}, q{SELECT odoo_events.config_apply('{"subscription": {}}')} ],
	[ q{SELECT odoo_events.config_apply('{"subscription": {"x": 1}}')}, undef ],
	[ q{SELECT odoo_events.config_apply('{"care": {"x": 1}}')}, undef ],
	[ q{SELECT odoo_events.config_apply('{"definition": {"x": {}}}')}, undef ],
	[ q{SELECT odoo_events.config_apply('{"policy": {"x": {"whom": 1}}}')}, q{SELECT odoo_events.config_apply('{"policy": {"x": {"may": ["read"]}}}')} ],
	[ q{SELECT odoo_events.config_apply('{}', expect => 'x')}, undef ],
	[ q{SELECT odoo_events.config_rollback(-1)}, undef ],
	[ q{SELECT odoo_events.config_rollback(1, NULL)}, q{SELECT 1} ],
	[ q{SELECT odoo_events.set_environment('the test', '{}')}, q{SELECT odoo_events.set_environment('production', '{}')} ],
	[ q{SELECT odoo_events.set_environment('test', '[]')}, q{SELECT odoo_events.set_environment('test', '{"wms_url": "https://wms.example.com/hooks/odoo"}')} ],
	[ q{SELECT odoo_events.set_environment('test', '{"WMS": 1}')}, q{SELECT odoo_events.set_environment('test', '{"wms": 1}')} ],
	[ q{SELECT odoo_events.set_policy('nobody_yet')}, undef ],
	[ q{SELECT odoo_events.set_policy('nobody_yet', may => '{write}')}, q{SELECT odoo_events.set_policy('nobody_yet', may => '{publish,subscribe,operate,read,approve,consume}')} ],
	[ q{SELECT odoo_events.set_policy('nobody_yet', companies => '{1,NULL}')}, q{SELECT odoo_events.set_policy('nobody_yet')} ],
	[ q{SELECT odoo_events.set_policy('nobody_yet', types => '{Odoo}')}, q{SELECT odoo_events.set_policy('nobody_yet', types => '{odoo.*}')} ],
	[ q{SELECT odoo_events.set_policy('nobody_yet', clearance => '{secret}')}, q{SELECT odoo_events.set_policy('nobody_yet', clearance => '{public,internal,confidential,personal}')} ],
	[ q{SELECT odoo_events.set_policy('nobody_yet', hosts => '{https://x}')}, q{SELECT odoo_events.set_policy('nobody_yet', hosts => '{*.example.com}')} ],
	[ q{SELECT odoo_events.drop_policy('pg_monitor')}, undef ],
	[ q{SELECT odoo_events.approve(0)}, undef ],
	[ q{SELECT odoo_events.define_type('acme.a.b.c.v1', NULL)}, q{SELECT odoo_events.define_type('acme.logistics.customs_hold.placed.v1', '{"type": "object"}')} ],
	[ q{SELECT odoo_events.define_type('acme.logistics.customs_hold.placed.v1', '{}')}, q{SELECT odoo_events.define_type('acme.logistics.customs_hold.placed.v1', '{"type": "object"}', or_replace => true)} ],
	[ q{SELECT odoo_events.define_type('acme.logistics.customs_hold.placed.v1', '{}', or_replace => true)}, q{SELECT odoo_events.define_type('acme.logistics.customs_hold.placed.v2', '{}')} ],
	[ q{SELECT odoo_events.emit('acme.logistics.customs_hold.placed.v1', 's', '{"x": 1}'); SELECT odoo_events.define_type('acme.a.b.c.v2', '{"required": ["x"]}'); SELECT odoo_events.emit('acme.a.b.c.v2', 's', '{}')}, undef ],
	[ q{SELECT odoo_events.define_type('acme.a.b.d.v1', '1')}, q{SELECT odoo_events.define_type('acme.a.b.d.v1', '{"type": "object", "required": ["customs_hold"], "properties": {"customs_hold": {"type": "object"}}}')} ],
	[ q{SELECT odoo_events.define_type('acme.a.b.e.v1', '{"if": {}}')}, q{SELECT odoo_events.define_type('acme.a.b.e.v1', '{"not": {"type": "null"}}')} ],
	[ q{SELECT odoo_events.define_type('acme.a.b.f.v1', '{"$ref": "x"}')}, q{SELECT odoo_events.define_type('acme.a.b.f.v1', '{"$ref": "#/$defs/x", "$defs": {"x": {}}}')} ],
	[ q{SELECT odoo_events.define_type('acme.a.b.g.v1', '{"pattern": "("}')}, q{SELECT odoo_events.define_type('acme.a.b.g.v1', '{"pattern": "[(]"}')} ],
	[ q{SELECT odoo_events.define_type('acme.a.b.h.v1', '{}', classification => '{"x": "secret"}')}, q{SELECT odoo_events.define_type('acme.a.b.h.v1', '{}', classification => '{"customs_hold": "confidential"}')} ],
	[ q{SELECT odoo_events.define_type('acme.a.b.i.v1', '{}', compatibility => 'some')}, q{SELECT odoo_events.define_type('acme.a.b.i.v1', '{}', compatibility => 'none')} ],
	[ q{SELECT odoo_events.drop_type('acme.no.such.type.v1')}, undef ],
	[ q{SELECT odoo_events.contract_check(columns => '[]')}, undef ],
	[ q{SELECT odoo_events.latest(0)}, q{SELECT odoo_events.latest(1)} ],
	# own events
	[ q{SELECT odoo_events.emit('placed', 's', '{}')}, q{SELECT odoo_events.emit('acme.logistics.customs_hold.placed.v1', 's', '{}')} ],
	[ q{SELECT odoo_events.emit('odoo.logistics.customs_hold.placed.v1', 's', '{}')}, q{SELECT odoo_events.emit('acme.logistics.customs_hold.placed.v1', 's', '{}')} ],
	[ q{SELECT odoo_events.emit('acme.a.b.c.v1', '', '{}')}, q{SELECT odoo_events.emit('acme.a.b.c.v1', 'customs_hold/WH/OUT/00042', '{}')} ],
	[ q{SELECT odoo_events.emit('acme.a.b.c.v1', 's', '[1]')}, q{SELECT odoo_events.emit('acme.a.b.c.v1', 's', '{"customs_hold": {"id": 42}}')} ],
	[ q{SELECT odoo_events.emit('acme.a.b.c.v1', 's', jsonb_build_object('x', repeat('x', 2000000)))}, q{SELECT odoo_events.emit('acme.a.b.c.v1', 's', '{"address": "https://files.example.com/42"}')} ],
	# capture and publishing
	[ q{SELECT * FROM odoo_events.attach('{transfers}')}, q{SELECT * FROM odoo_events.attach('{transfer}')} ],
	[ q{SELECT * FROM odoo_events.attach(mode => 'sometimes')}, q{SELECT * FROM odoo_events.attach('{transfer}', mode => 'trigger')} ],
	[ q{CREATE TRIGGER wrong BEFORE INSERT ON res_partner FOR EACH ROW EXECUTE FUNCTION odoo_events.capture('res_partner'); INSERT INTO res_partner VALUES (7)}, q{DROP TRIGGER wrong ON res_partner; SELECT odoo_events.attach('{partner}'); INSERT INTO res_partner VALUES (7)} ],
	[ q{SET odoo_events.strict = on; CREATE TRIGGER odoo_events_capture AFTER INSERT ON plain FOR EACH ROW EXECUTE FUNCTION odoo_events.capture('none_such'); INSERT INTO plain VALUES (1)}, q{SELECT odoo_events.detach(); SELECT odoo_events.attach(); INSERT INTO plain VALUES (1)} ],
	[ q{SET odoo_events.capture = off}, sub { $_[0] =~ s/^Use: |\.\.\.; //gr } ],
	[ q{SELECT odoo_events.quiet('alone')}, sub { $_[0] =~ s/^Use: |\.\.\.; //gr } ], [ q{BEGIN; SELECT odoo_events.quiet('')}, sub { "BEGIN; $_[0]; COMMIT" } ],
	[ q{SELECT odoo_events.publish(0)}, q{SELECT odoo_events.publish()} ],
	[ q{BEGIN; SELECT odoo_events.publish()}, q{BEGIN; COMMIT; SELECT odoo_events.publish()} ],
	[ q{SET default_transaction_isolation = 'serializable'; SELECT odoo_events.publish()}, q{SET default_transaction_isolation = 'serializable'; SET default_transaction_isolation = 'read committed'; SELECT odoo_events.publish()} ],
	[ q{SELECT odoo_events._wake('x')}, q{SELECT odoo_events._wake('config')} ],
	[ q{SELECT odoo_events.detach('{work_center}'); SELECT odoo_events.backfill('work_center')}, undef ],
	[ q{SELECT odoo_events.detach('{work_order}'); SELECT * FROM odoo_events.reconcile('work_order')}, undef ],
	[ q{SELECT odoo_events.enable_event('odoo.inventory.availability.changed.v1'); SELECT odoo_events.attach('{availability,stock_level}'); SELECT odoo_events.backfill('availability')}, undef ],
	[ q{SELECT odoo_events.backfill('transfer', 'state >')}, q{SELECT odoo_events.backfill('transfer', 'state = ''done''')} ],
	[ q{SELECT odoo_events.cancel_backfill(99)}, undef ],
	[ q{SELECT * FROM odoo_events.trace()}, undef ],
	[ q{DELETE FROM odoo_events.audit}, undef ],
	# brokers
	broker_url("'kafkas://u:p\@k1.example.com:9093/odoo'", "'kafkas://k1.example.com:9093/odoo'"), broker_url("'kafkas://k1.example.com:9093/odoo.{domian}'", "'kafkas://k1.example.com:9093/odoo.{domain}'"),
	broker_url("'kafkas://k1.example.com:9093/odoo.{key}'", sub { $_[0] =~ s/(.*) is one that is taken\./SELECT odoo_events.subscribe('taken', $1)/r }),
	broker_url("'kafkas://k1.example.com:9093'", sub { "SELECT odoo_events.subscribe('topic', $_[0])" }),
	broker(q{transport => '[]'}, q{transport => '{"key": "{key}", "window": 10}'}), broker(q{transport => '{"stream": "x"}'}, q{transport => '{"compression": "lz4"}'}),
	broker(q{transport => '{"key": 1}'}, q{transport => '{"key": "{key}"}'}), broker(q{transport => '{"compacted": 1}'}, q{transport => '{"compacted": true}'}),
	broker(q{transport => '{"linger_ms": -1}'}, q{transport => '{"linger_ms": 5}'}), broker(q{transport => '{"window": 0}'}, q{transport => '{"window": 4096}'}),
	broker(q{transport => '{"compression": "rar"}'}, q{transport => '{"compression": "zstd"}'}), broker(q{auth => '{"type": "bearer", "token": "t"}'}, q{auth => '{"type": "scram-sha-512", "username": "u", "password": "p"}'}),
	broker(q{auth => '{"type": "basic", "username": "u", "password": "a\nb"}'}, q{auth => '{"type": "basic", "username": "u", "password": "ab"}'}),
	broker('handshake => true', 'handshake => false'), broker('max_in_flight => 100', q{transport => '{"window": 500}'}), broker("format => 'standard'", "format => 'binary'"),
	broker(q{headers => '{"ce_id": "x"}'}, q{headers => '{"plant": "x"}'}), broker(q{transport => '{"compacted": true}', payload => 'thin'}, q{transport => '{"compacted": true}', payload => 'full'}),
	broker(q{transport => '{"compacted": true}', ordering => 'none'}, q{transport => '{"compacted": true}', ordering => 'key'}),
	broker(q{tls => '{"server_name": "x.example.com"}'}, q{tls => '{"ca": "@CA@"}'}), broker_url(q{'kafka://10.1.2.3/x', allow_networks => '{10.0.0.0/8}', tls => '{"ca": "@CA@"}'}, q{'kafka://10.1.2.3/x', allow_networks => '{10.0.0.0/8}', tls => '{}'}),
	option(q{transport => '{"window": 1}'}, 'transport => NULL'),
	[ "SELECT odoo_events.subscribe('state', $k, transport => '{\"compacted\": true}'); SELECT odoo_events.ping('state')", undef ],
	[ "SELECT odoo_events.subscribe('fixed', $k); SELECT odoo_events.ping('fixed')", undef ],
	# subscriptions
	[ q{SELECT odoo_events.subscribe('a1', 'ftp://x')}, q{SELECT odoo_events.subscribe('a1', 'https://wms.example.com/hooks/odoo')} ],
	[ q{SELECT odoo_events.subscribe('a2', 'http://10.1.2.3/')}, sub { "SELECT odoo_events.subscribe('a2', 'http://10.1.2.3/', $_[0])" } ],
	[ q{SELECT odoo_events.subscribe('a3', 'https://h.example.com/x#y')}, q{SELECT odoo_events.subscribe('a3', 'https://h.example.com/x%23y')} ],
	[ subscribed('a1', "types => '{*}'"), subscribed('a1', 'or_replace => true') ],
	option("types => '{}'", "types => '{*}'"), option("types => '{ODOO}'", "types => '{odoo.*}'"), option("types => '{odoo.nothing.*}'", "types => '{odoo.logistics.shipment.dispatched.v1}', or_replace => true"),
	option("headers => '[]'", q{headers => '{"X-Api-Key": "..."}'}), option(q{headers => '{"a b": "c"}'}, q{headers => '{"a-b": "c"}'}), option(q{headers => '{"Host": "c"}'}, q{headers => '{"X-Host": "c"}'}),
	option(q{headers => '{"X-A": ""}'}, q{headers => '{"X-A": "b"}'}), option("format => 'xml'", "format => 'binary'"), option("payload => 'none'", "payload => 'thin'"), option("clearance => '{secret}'", "clearance => '{public}'"),
	option("signature => 'md5'", "signature => 'ed25519'"), option("ordering => 'random'", "ordering => 'strict'"), option('batch_size => 0', "batch_size => 10, format => 'batch'"), option('batch_size => 10', "batch_size => 10, format => 'batch'"),
	option("batch_wait => '2h'", "batch_wait => '1s', batch_size => 10, format => 'batch'"), option('max_in_flight => 0', 'max_in_flight => 256'), option("timeout => '0'", "timeout => '1h'"), option('rate_limit => -1', 'rate_limit => 0.5'),
	option('rate_burst => 5', 'rate_burst => 5, rate_limit => 10'), option('rate_burst => 200000, rate_limit => 10', 'rate_burst => 1, rate_limit => 10'), option('priority => 0', 'priority => 1'), option("expire_after => '1ms'", "expire_after => '1s'"),
	option("success_statuses => '{503}'", "success_statuses => '{409}'"), option(q{tls => '{"http2": 1}'}, q{tls => '{"http2": false}'}),
	option("retry_schedule => '{-1s}'", "retry_schedule => '{5s,1min,10min}'"), option("schedule => 'x'", "schedule => '*/15 * * * *'"), option("start_from => '999'", "start_from => '1'"), option("start_from => 'later'", "start_from => '2026-01-31 08:00+01'"),
	option("secret => 'x'", 'secret => NULL'), option("signature => 'ed25519', secret => 'x'", "signature => 'ed25519'"),
	option(q{auth => '{"type": "magic"}'}, q{auth => '{"type": "bearer", "token": "t"}'}), option(q{auth => '{"type": "basic", "username": "u"}'}, q{auth => '{"type": "basic", "username": "u", "password": "p"}'}),
	option(q{auth => '{"type": "bearer", "token": "t", "x": "y"}'}, q{auth => '{"type": "bearer", "token": "t"}'}), option(q{auth => '{"type": "bearer", "token": "ü"}'}, q{auth => '{"type": "bearer", "token": "u"}'}),
	option(q{tls => '[]'}, q{tls => '{"server_name": "x.example.com"}'}), option(q{tls => '{"ca": "x"}'}, q{tls => '{"ca": "@CA@"}'}),
	option(q{auth => '{"type": "bearer", "token": 5}'}, q{auth => '{"type": "bearer", "token": "5"}'}), option(q{tls => '{"server_name": "https://wms.internal:443/"}'}, q{tls => '{"server_name": "wms.internal"}'}),
	option(q{headers => (SELECT jsonb_object_agg('X-' || i, 'v') FROM generate_series(1, 30) i)}, q{headers => '{"X-1": "v"}'}), option("allow_networks => '{NULL}'", "allow_networks => '{10.0.0.0/8}'"),
	option('start_from => NULL', "start_from => 'now'"), option('format => NULL', "format => 'structured'"),
	option(q{headers => '{"Authorization": "x"}', auth => '{"type": "bearer", "token": "t"}'}, q{headers => '{}', auth => '{"type": "bearer", "token": "t"}'}),
	[ q{SELECT odoo_events.subscribe(NULL, 'https://h.example.com/x')}, q{SELECT odoo_events.subscribe('named', 'https://h.example.com/x')} ],
	[ q{SELECT odoo_events.subscribe('t1', 'http://10.1.2.3/', allow_networks => '{10.1.2.3/32}', tls => '{"server_name": "x"}')}, q{SELECT odoo_events.subscribe('t1', 'http://10.1.2.3/', allow_networks => '{10.1.2.3/32}', tls => '{}')} ],
	[ q{SELECT odoo_events.subscribe('b+d', 'https://h.example.com/x')}, q{SELECT odoo_events.subscribe('b-d', 'https://h.example.com/x')} ],
	[ q{SELECT odoo_events.subscribe('p1', NULL, dry_run => true)}, undef ],
	[ q{SELECT odoo_events.alter_subscription('nobody')}, q{SELECT name FROM odoo_events.subscription; SELECT odoo_events.alter_subscription('a1', priority => 1)} ],
	[ q{SELECT odoo_events.alter_subscription('a1', signature => 'ed25519')}, subscribed('a1', "signature => 'ed25519', or_replace => true") ],
	[ q{SELECT odoo_events.alter_subscription('p1', url => 'https://h.example.com/x')}, subscribed('p1-too', "start_from => 'earliest'") ],
	[ q{SELECT odoo_events.rotate_secret('a1', '-1s')}, q{SELECT odoo_events.rotate_secret('a1', '90 days')} ],
	[ q{SELECT odoo_events.fetch('nobody')}, q{SELECT name FROM odoo_events.subscription; SELECT odoo_events.fetch('p1')} ],
	[ q{SELECT odoo_events.fetch('a1')}, undef ], [ q{SELECT odoo_events.pause('p1'); SELECT odoo_events.fetch('p1')}, undef ], [ q{SELECT odoo_events.fetch('p1', 0)}, q{SELECT odoo_events.fetch('p1', 10000)} ],
	[ q{SELECT odoo_events.disarm(); SELECT odoo_events.ping('a1')}, undef ], [ q{SELECT odoo_events.fetch('p1')}, undef ],
	[ q{SELECT odoo_events.ack('p1', -1)}, q{SELECT odoo_events.subscribe('p2', NULL, start_from => 'earliest')} ], [ q{SELECT odoo_events.ack('p2', 999)}, undef ],
	[ q{SELECT odoo_events.skip('a1', ARRAY[gen_random_uuid()])}, q{SELECT event_id FROM odoo_events.waiting WHERE state = 'retry'} ],
	[ q{SELECT odoo_events.replay('p1', from_position => 1)}, undef ], [ q{SELECT odoo_events.replay('a1')}, q{SELECT odoo_events.replay('a1', from_position => 0)} ],
	[ q{SELECT odoo_events.replay('a1', from_position => 2, to_position => 1)}, q{SELECT odoo_events.replay('a1', from_position => 1, to_position => 2)} ],
	[ q{SELECT odoo_events.replay('a1', from_position => -1)}, q{SELECT odoo_events.replay('a1', from_position => 0)} ], [ q{SELECT odoo_events.replay('a1', subject => 'none')}, q{SELECT odoo_events.replay('a1', subject => 's')} ],
	[ q{SELECT odoo_events.replay('a1', missed => true, dead_letters => true)}, undef ],
	# schedules of a time zone, care, announcements
	[ subscribed('z1', q{schedule => '0 6 * * *', timezone => 'Europe/Atlantis'}), undef ],
	[ subscribed('z1', q{timezone => 'Europe/Brussels'}), subscribed('z1', q{schedule => '0 6 * * 1-5', timezone => 'Europe/Brussels'}) ],
	[ q{SELECT odoo_events.set_care(owner => 'x')}, undef ],
	[ q{SELECT odoo_events.set_care(subscriptions => '{a1}', warehouses => '{1}', owner => 'x')}, undef ],
	[ q{SELECT odoo_events.set_care(subscriptions => '{a1}', criticality => 6)}, q{SELECT odoo_events.set_care(subscriptions => '{a1}', criticality => 1)} ],
	[ q{SELECT odoo_events.set_care(subscriptions => '{a1}', owner => E'a\nb')}, q{SELECT odoo_events.set_care(subscriptions => '{a1}', owner => 'a')} ],
	[ q{SELECT odoo_events.set_care(subscriptions => '{a1}', escalation => '{"after": "soon", "contact": "x"}')}, q{SELECT odoo_events.set_care(subscriptions => '{a1}', escalation => '{"after": "30 min", "contact": "duty@example.com"}')} ],
	# calendars, SLAs, promises, exceptions
	calendar(q{'c1', hours => '[]'}, sub { "'c1', " . $_[0] =~ s/; the days .*//r }), calendar(q{'c1', hours => '{"mon": "x"}'}, sub { "'c1', $_[0]" }),
	calendar(q{'c1', hours => '{"mon": ["6-7"]}'}, q{'c1', hours => '{"mon": ["06:00-22:00"], "tue": ["06:00-24:00"]}', warehouses => '{1}'}),
	calendar(q{'c1', hours => '{"mon": []}'}, sub { "'c1', $_[0]" }), calendar(q{'a b', hours => '{}'}, q{'a-b', hours => '{"mon": ["06:00-22:00"]}'}),
	calendar(q{'c1'}, sub { "'c1', warehouses => '{1}', " . $_[0] =~ s/, or .*//r }),
	[ q{SELECT odoo_events.define_calendar('c2', odoo_calendar => 1)}, q{CREATE TABLE resource_calendar (id int, name text); SELECT id, name FROM resource_calendar;} ],
	[ q{SELECT odoo_events.define_calendar('c2', 'Mars', '{"mon": ["06:00-22:00"]}')}, undef ],
	[ q{SELECT odoo_events.define_calendar('c2', hours => '{"mon": ["06:00-22:00"]}', warehouses => '{1}')}, undef ],
	sla('a b', '', ''), sla('s1', q{, moves => '{acme.s.t.moved.v1}'}, sub { ", moves => '{acme.s.t.moved.v1}', $_[0]" }),
	sla('s2', q{, within => '-1 h'}, sub { ', ' . $_[0] =~ s/, or .*//r }), sla('s3', q{, within => '1 h', cut_off => '14:00'}, sub { ", within => '1 h', cut_off => '14:00', $_[0]" }),
	sla('s4', q{, document => 'x'}, q{, document => 'subject'}), sla('s5', q{, complete => 'x'}, q{, complete => 'all'}), sla('s6', q{, warn_at => 2}, q{, warn_at => 1}),
	sla('s7', q{, objective => 2}, q{, objective => 1}), sla('s8', q{, start_from => 'x'}, q{, start_from => '7'}), sla('s8', '', sub { ', ' . $_[0] =~ s/ replaces .*//r }),
	[ q{SELECT odoo_events.define_sla('s9', '{}', '{acme.s.t.done.v1}')}, undef ], [ q{SELECT odoo_events.define_sla('s9', '{acme.s.t.begun.v1}', '{acme.s.t.done.v1}', calendar => 'moon')}, undef ],
	[ q{SELECT odoo_events.drop_sla('none')}, undef ], [ q{SELECT odoo_events.pause_promise(0, now(), 'x')}, undef ],
	# the documents d1, which is late, and d2, which was in time
	[ q{SELECT odoo_events.define_sla('late', '{acme.s.t.begun.v1}', '{acme.s.t.done.v1}', within => '1 day', deadline => '$.data.due');
		SELECT odoo_events.emit('acme.s.t.begun.v1', k, jsonb_build_object('due', d), key => k) FROM (VALUES ('d1', '2020-01-01'), ('d2', '2999-01-01'), ('d3', '2999-01-01')) v(k, d);
		SELECT odoo_events.emit('acme.s.t.done.v1', 'd2', '{}', key => 'd2'); SELECT odoo_events.publish(), odoo_events._read_behind();
		SELECT odoo_events.pause_promise(id, now(), 'x') FROM odoo_events.promise WHERE document = 'd2' AND sla = 'late'}, undef ],
	[ q{SELECT odoo_events.pause_promise(id, now(), 'x') FROM odoo_events.promise WHERE document = 'd3' AND sla = 'late'}, paused(q{until => now() + interval '1 day'}, q{'holiday'}) ],
	[ q{SELECT odoo_events.pause_promise(id, now() + interval '1 day', '') FROM odoo_events.promise WHERE document = 'd3' AND sla = 'late'}, paused(q{until => now() + interval '1 day'}, q{'holiday'}) ],
	[ q{SELECT odoo_events.take_exception(0)}, undef ],
	[ q{SELECT odoo_events.close_exception(id, '') FROM odoo_events.exception WHERE sla = 'late'}, q{SELECT odoo_events.close_exception(id, 'carrier') FROM odoo_events.exception WHERE sla = 'late'} ],
	[ q{SELECT odoo_events.announce('', now(), now() + interval '1 h')}, undef ],
	[ q{SELECT odoo_events.announce('x', now(), 'infinity')}, undef ],
	[ q{SELECT odoo_events.end_announcement(99)}, undef ],
	[ q{SELECT odoo_events.summary('0')}, undef ],
	[ q{SELECT odoo_events.cancel_replay(99)}, q{SELECT * FROM odoo_events.replay_status} ],
	[ q{INSERT INTO ir_config_parameter VALUES ('database.is_neutralized', 'true'); SELECT odoo_events.arm()}, q{DELETE FROM ir_config_parameter WHERE key = 'database.is_neutralized'; SELECT odoo_events.arm()} ],
	# in a copy, of whose parameters nothing is known yet
	[ "CREATE DATABASE copy OWNER odoo TEMPLATE plant;\n\\c copy\nBEGIN; LOCK TABLE ir_config_parameter; PREPARE TRANSACTION 'upgrade'; SELECT odoo_events.arm()", "\\c copy\nROLLBACK PREPARED 'upgrade'; SELECT odoo_events.arm()" ],
	[ "\\c copy\nSELECT odoo_events.arm(keep_secrets => false)", undef ],
	option("outcomes => 'x'", "outcomes => 'sql'"), option("outcomes => 'event'", "outcomes => 'event', outcome_types => '{odoo.procurement.*}'"), option("outcome_within => '1h'", "outcome_within => '1h', outcomes => 'sql'"),
	option("accepted => '\$.ok == true'", "accepted => '\$.ok == true', outcomes => 'body'"), option("on_reject => 'x'", "on_reject => 'hold'"), option("fields => '{X}'", "fields => '{transfer.state,move.*,lines}'"),
	[ q{SELECT odoo_events.subscribe('p3', NULL, outcomes => 'sql')}, q{SELECT odoo_events.subscribe('p3', NULL)} ], [ q{SELECT odoo_events.subscribe('p4', NULL, fields => '{lines}')}, q{SELECT odoo_events.subscribe('p4', NULL)} ],
	[ q{SELECT odoo_events.confirm('a1', gen_random_uuid())}, undef ], [ q{SELECT odoo_events.confirm('a1', gen_random_uuid(), 'x')}, q{SELECT odoo_events.confirm('a1', id, outcome => 'processed') FROM odoo_events.outbox LIMIT 1} ],
	[ q{SELECT odoo_events.confirm('a1', gen_random_uuid(), note => repeat('x', 2000))}, q{SELECT odoo_events.confirm('a1', id, note => 'one sentence') FROM odoo_events.outbox LIMIT 1} ],
	[ q{SELECT odoo_events.confirm('a1', gen_random_uuid())}, undef ], [ q{SELECT odoo_events.subscribe('k1', 'nats://n.example.com/x', outcomes => 'body')}, q{SELECT odoo_events.subscribe('k1', NULL)} ],
	[ q{SELECT odoo_events.erase('nobody', 1, 'x')}, undef ], [ q{SELECT odoo_events.erase('partner', 0, 'x')}, q{SELECT odoo_events.erase('partner', 1, 'x')} ], [ q{SELECT odoo_events.erase('partner', 1, '')}, undef ],
	[ q{SELECT * FROM odoo_events.set_retention('public', '1 day')}, undef ], [ q{SELECT * FROM odoo_events.set_retention('personal', '1 min')}, undef ], [ q{SELECT * FROM odoo_events.set_retention('personal', '1 day', NULL)}, q{SELECT * FROM odoo_events.set_retention('personal', '1 day', false)} ],
	[ q{SELECT odoo_events.config_apply('{"retention": {"personal": {"keep": "long"}}}')}, q{SELECT odoo_events.config_apply('{"retention": {"personal": {"keep": "90 days"}}}')} ],
	[ q{SELECT * FROM odoo_events.set_residency('{}', hosts => '{x}')}, q{SELECT * FROM odoo_events.set_residency('{personal}')} ], [ q{SELECT * FROM odoo_events.set_residency('{secret}', hosts => '{x}')}, q{SELECT * FROM odoo_events.set_residency('{personal}')} ],
	[ q{SELECT * FROM odoo_events.set_residency('{personal}', hosts => '{NULL}')}, q{SELECT * FROM odoo_events.set_residency('{personal}', hosts => '{h.example.com}')} ],
	[ q{SELECT * FROM odoo_events.set_residency('{personal}', hosts => '{https://x}')}, q{SELECT * FROM odoo_events.set_residency('{personal}', hosts => '{*.example.com}')} ],
	[ q{SELECT odoo_events.subscribe('res', 'https://203.0.113.9/x', clearance => '{public,personal}')}, q{SELECT odoo_events.subscribe('res', 'https://203.0.113.9/x', clearance => '{public}'); SELECT * FROM odoo_events.set_residency('{personal}')} ],
	[ q{SELECT odoo_events.consistency_proof(1)}, undef ], [ q{BEGIN; SELECT odoo_events.seal()}, undef ], [ q{SELECT odoo_events.consistency_proof(99999)}, undef ],
	[ q{SELECT odoo_events.consistency_proof(1, origin => 'x')}, undef ], [ q{SELECT odoo_events.inclusion_proof(gen_random_uuid())}, undef ], [ q{SELECT odoo_events.archive(NULL)}, undef ],
	[ q{SELECT * FROM odoo_events.pending('a1', max => 0)}, q{SELECT * FROM odoo_events.pending('a1', max => 1000000)} ], [ q{SELECT * FROM odoo_events.pending('nobody')}, q{SELECT name FROM odoo_events.subscription} ],
	[ q{SELECT odoo_events.acknowledge('a1', NULL)}, q{SELECT odoo_events.acknowledge('a1', '{}', 'x')} ], [ q{SELECT odoo_events.acknowledge('a1', ARRAY[gen_random_uuid()])}, undef ],
	[ q{SELECT odoo_events.acknowledge('k1', '{}')}, q{SELECT name FROM odoo_events.subscription WHERE url IS NULL} ],
	[ q{SELECT odoo_events.backfill('transfer', subscriptions => '{nobody}')}, undef ],
	[ q{SELECT odoo_events.cut_over('a1', 'a1')}, undef ], [ q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT odoo_events.cut_over('a1', 'a1')}, undef ],
	[ subscribed('zc', 'max_in_flight => 1') . q{; SELECT odoo_events.cut_over('a1', 'zc')}, undef ],
	[ q{SELECT odoo_events.config_apply('{"comparison": {"x": {"subscription": "a1", "key": "$$"}}}')}, undef ], [ q{SELECT odoo_events.config_apply('{"sla": {"x": {"within": "no"}}}')}, undef ],
	[ subscribed('oc', q{outcomes => 'sql', outcome_calendar => 'warehouse'}), subscribed('oc', q{outcomes => 'sql', outcome_calendar => 'warehouse', outcome_within => '4 h'}) ],
	[ subscribed('oc2', q{outcomes => 'sql', outcome_within => '4 h', outcome_calendar => 'none'}), undef ],
	[ q{SELECT odoo_events.define_comparison('a b', 'a1', '$.data.x')}, sub { $_[0] =~ s/'wms', key/'a1', key/r } ], [ q{SELECT odoo_events.define_comparison('c1', 'a1', '$.data.x', tolerance => '-1s')}, q{SELECT odoo_events.define_comparison('c1', 'a1', '$.data.x', tolerance => '5 min', ready => 0.999)} ],
	[ q{SELECT odoo_events.define_comparison('c2', 'a1', '$.data.x', '{"q": "$$"}')}, q{SELECT odoo_events.define_comparison('c2', 'a1', '$.data.x', fields => '{"quantity": "$.data.move.quantity"}')} ],
	[ q{SELECT odoo_events.define_comparison('c1', 'a1', '$.data.x')}, q{SELECT odoo_events.define_comparison('c1', 'a1', '$.data.x', or_replace => true)} ],
	[ q{SELECT odoo_events.note_legacy('c1', NULL)}, undef ], [ q{SELECT * FROM odoo_events.compare('none')}, undef ], [ q{SELECT odoo_events.drop_comparison('none')}, undef ],
	# filters, and other things that only deserve a warning
	option("companies => '{-1}'", "companies => '{1}'"), option("companies => '{1,NULL}'", "companies => '{1}', shared_rows => true"),
	[ subscribed('f1', q{filter => '$.data.transfer.priority ? (@ == "0")'}), sub { subscribed('f1', $_[0]) } ],
	[ subscribed('f2', q{filter => '$.data.transfer.priority'}), sub { subscribed('f2', $_[0] =~ s/, or filter.*//r) } ],
	[ subscribed('f3', q{filter => '$'}), sub { subscribed('f3', $_[0] =~ s/ lets .*//r) } ],
	option(q{filter => '$.data.transfer.priority == $x'}, q{filter => '$.data.transfer.priority == "1"'}), option(q{filter => '$.dta.transfer.priority == "1"'}, q{filter => '$.data.transfer.priority == "1"'}),
	option(q{types => '{odoo.logistics.shipment.dispatched.v1}', filter => '$.data.trnsfer.priority == "1"'}, q{types => '{odoo.logistics.shipment.dispatched.v1}', filter => '$.data.transfer.priority == "1"'}),
	option(q{filter => '$.data.trnsfer.priority == "1"'}, q{filter => '$.data.transfer.priority == "1"', or_replace => true}),
	option(q{types => '{acme.plant.machine.stopped.v1}', filter => '$.data.since.datetime() < "2026-11-30T10:00:00+01:00".datetime()'}, q{types => '{acme.plant.machine.stopped.v1}', filter => '$.data.since < "2026-11-30"'}),
	option(q{types => '{acme.plant.machine.*}', filter => '$.data.since.datetime() < "2026-11-30T10:00:00+01:00".datetime()'}, q{types => '{acme.plant.machine.*}', filter => '$.data.since < "2026-11-30"', or_replace => true}),
	option(q{types => '{acme.plant.machine.*}', filter => '$.data.minutes > 3'}, q{types => '{acme.plant.machine.*}', filter => '$.data.minutes.double() > 3', or_replace => true}),
	[ subscribed('later', "start_from => '2999-01-01'"), q{SELECT odoo_events.pause('later')} ],
	# for a DBA
	[ q{SELECT odoo_events.preload_line('work_mem')}, q{SELECT odoo_events.preload_line('output_plugin_libraries')} ], [ q{SELECT odoo_events.preload_line(remove => NULL)}, q{SELECT odoo_events.preload_line(remove => true)} ],
	[ q{SELECT odoo_events._give_right('SELECT 1')}, q{GRANT USAGE ON SCHEMA odoo_events TO odoo} ],
	# the output plugin
	[ "$slot, 'colour', 'red')", "$slot, 'source', 'outbox')" ], [ "$slot, 'include-lsn', 'maybe')", "$slot, 'include-lsn', 'on')" ], [ "$slot, 'types', 'a;b')", "$slot, 'types', 'odoo.a,odoo.b')" ],
	[ "$slot, 'types', '')", "$slot)" ], [ "$slot, 'source', 'x')", "$slot, 'source', 'tables')" ], [ "$slot, 'source', 'tables', 'types', 'odoo.a')", "$slot, 'source', 'tables', 'entities', 'transfer')" ],
	[ "$slot, 'source', 'tables', 'entities', 'tranfser')", "$slot, 'source', 'tables', 'entities', 'transfer')" ],
);

# ---- provoked, followed ----

my $programs = PostgreSQL::Test::Utils::tempdir;
symlink('/bin/true', "$programs/odoo_events_$_") foreach qw(kafka nats mqtt amqp);
my $node = OdooEvents->node('hints', "odoo_events.databases = 'none-such'\nmax_prepared_transactions = 1\nodoo_events.program_directory = '$programs'\n");
if ($node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'}))
{
	$node->append_conf('postgresql.conf', "output_plugin_libraries = 'pgoutput, test_decoding, odoo_events'");
	$node->reload;
}
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'");
$node->safe_psql($db, <<SQL, extra_params => [ '-U', 'odoo' ]);
CREATE TABLE ir_module_module (id int PRIMARY KEY);
CREATE TABLE ir_config_parameter (key text PRIMARY KEY, value text);
CREATE TABLE res_partner (id int PRIMARY KEY, name text, ref text);
CREATE TABLE res_users (id int PRIMARY KEY, login text);
CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, company_id int);
CREATE TABLE stock_quant (id int PRIMARY KEY, quantity numeric);
CREATE TABLE mrp_workcenter (id int PRIMARY KEY, name text);
CREATE TABLE mrp_workorder (id int PRIMARY KEY, name text, state text);
CREATE TABLE thing (id int PRIMARY KEY, name text);
CREATE TABLE plain (id int PRIMARY KEY);
CREATE TABLE quality_tag (id int PRIMARY KEY, name text);
CREATE TABLE certificate_tag_rel (certificate_id int, tag_id int);
CREATE TYPE span AS RANGE (subtype = int);
CREATE TABLE quality_certificate (id int PRIMARY KEY, name text, state text, score numeric, picking_id int REFERENCES stock_picking, user_id int REFERENCES res_users, validity span);
CREATE TABLE quality_line (id int PRIMARY KEY, certificate_id int REFERENCES quality_certificate, state text, quantity numeric);
SQL
$node->safe_psql($db, 'CREATE EXTENSION odoo_events');
$node->safe_psql($db, q{SELECT odoo_events.attach('{transfer}'); SELECT odoo_events.emit('acme.a.b.c.v1', 's', '{}'); SELECT pg_create_logical_replication_slot('s', 'odoo_events')});
$node->safe_psql($db, q{SELECT odoo_events.emit('acme.plant.machine.stopped.v1', 'm', '{"since": "2026-01-31", "minutes": "5"}'); SELECT odoo_events.emit('acme.plant.machine.started.v1', 'm', '{"minutes": "6"}')});
$node->safe_psql($db, 'SELECT odoo_events.publish()');
my $ca = PostgreSQL::Test::Utils::tempdir() . '/ca';
system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=hints', '-keyout', "$ca.key", '-out', "$ca.pem");
(my $pem = slurp_file("$ca.pem")) =~ s/\n/\\n/g;

my %covered;
foreach my $case (@cases)
{
	my ($wrong, $mend, $why, $still) = @$case;
	$wrong =~ s/\@CA\@/$pem/;
	my ($rc, $out, $err) = $node->psql($db, $wrong);
	# a warning about a name that does not resolve may stand before or behind
	my @hints = grep { !/^Events wait and are retried/ } map { s/\s+\z//r } $err =~ /^(?:psql:[^\n]*?)?HINT:\s+(.*?)(?=\n(?:psql:|ERROR|WARNING|LINE|CONTEXT|STATEMENT|DETAIL)|\z)/gms;
	my $hint = $hints[-1] // '';
	# a pattern that is most specific to it
	my @of = sort { length $sites{$b} <=> length $sites{$a} } grep { $hint =~ /\A$sites{$_}\z/s } keys %sites;
	my @same = grep { my $text = s/^[^:]*: //r; $text eq ($of[0] // '') =~ s/^[^:]*: //r } @of;
	$covered{$_} = 1 foreach @same;
	unless (@of) { fail("a hint was expected of: $wrong"); diag($err); next; }
	$mend = ref $mend ? $mend->($hint) : $mend // $hint;
	$mend =~ s/\@CA\@/$pem/;
	($rc, $out, $err) = $node->psql($db, $mend);
	if ($still) { like($err, qr/$still/, "$hint: $why"); next; }
	is($rc, 0, substr($hint, 0, 100)) || diag("provoked by: $wrong\nfollowed by: $mend\n$err");
}
is(join("\n", sort grep { !$covered{$_} && !exists $elsewhere{$_} } keys %sites), '', 'every hint of the sources was executed, or it is said why it cannot be');
is(join("\n", sort grep { !exists $sites{$_} } keys %elsewhere), '', 'the list of those that cannot be names none that is gone');
is(join("\n", sort grep { $covered{$_} } keys %elsewhere), '', 'nor one that can');
$node->stop;
done_testing();
