# The output plugin with real consumers: what concurrent sessions do is the same from the WAL as from the triggers, and pg_recvlogical gets
# every published event, in order, although it and the walsender are killed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $tmp = PostgreSQL::Test::Utils::tempdir;
my $node = OdooEvents->node('stream', "odoo_events.databases = 'none-such'\nodoo_events.restart_delay = '200ms'\nmax_wal_senders = 4\nmax_replication_slots = 4\n");
$node->append_conf('postgresql.conf', "output_plugin_libraries = 'odoo_events'\n")
  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
$node->reload;

# --- concurrent sessions: savepoints, exceptions, rollbacks, prepared transactions, ALTER TABLE in between
$node->safe_psql('postgres', 'CREATE DATABASE busy');
$node->safe_psql('busy', <<'SQL');
CREATE EXTENSION odoo_events;
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried, builtin) VALUES ('doc', '{doc}', '{state,qty}', '{name,extra}', false);
CREATE TABLE doc (id int PRIMARY KEY, state text, qty numeric, name text, other int);
ALTER TABLE doc REPLICA IDENTITY FULL;
SELECT odoo_events._capture_table('doc'::regclass, 'doc');
CREATE FUNCTION work(seed int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  r int;
BEGIN
  FOR i IN 1 .. 1 + seed % 4 LOOP
    r := 1 + (seed * 31 + i * 17) % 40;
    BEGIN
      CASE (seed + i) % 5
        WHEN 0 THEN INSERT INTO doc VALUES (r, 'draft', i, seed) ON CONFLICT (id) DO UPDATE SET state = 'again';
        WHEN 1 THEN UPDATE doc SET state = 's' || seed % 3, qty = i + seed / 10.0 WHERE id = r;
        WHEN 2 THEN DELETE FROM doc WHERE id = r;
        WHEN 3 THEN UPDATE doc SET other = seed WHERE id = r;
        ELSE UPDATE doc SET name = repeat(md5(seed::text), 200), state = 'long' WHERE id = r;
      END CASE;
      IF seed % 7 = i THEN RAISE EXCEPTION 'undone'; END IF;
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
  END LOOP;
END $$;
INSERT INTO doc SELECT i, 'draft', i, 'n' FROM generate_series(1, 40, 2) i;
SELECT pg_create_logical_replication_slot('busy', 'odoo_events', false, true);
TRUNCATE odoo_events.journal_0, odoo_events.journal_1, odoo_events.journal_2;
SQL
my %script = (
	plain => "\\set s random(1, 1000000)\nBEGIN; SELECT work(:s); COMMIT;\n",
	undone => "\\set s random(1, 1000000)\nBEGIN; SELECT work(:s); SAVEPOINT a; SELECT work(:s + 1); ROLLBACK TO a; SELECT work(:s + 2); COMMIT;\n",
	aborted => "\\set s random(1, 1000000)\nBEGIN; SELECT work(:s); ROLLBACK;\n",
	prepared => "\\set s random(1, 1000000)\nBEGIN; SELECT work(:s); PREPARE TRANSACTION 'p:client_id'; COMMIT PREPARED 'p:client_id';\n",
	altered => "ALTER TABLE doc ADD COLUMN IF NOT EXISTS extra int DEFAULT 5;\nALTER TABLE doc DROP COLUMN IF EXISTS extra;\n",
);
my @weights = (plain => 20, undone => 10, aborted => 5, prepared => 5, altered => 1);
my @files;
while (my ($name, $weight) = splice(@weights, 0, 2))
{
	append_to_file("$tmp/$name.sql", $script{$name});
	push @files, '-f', "$tmp/$name.sql\@$weight";
}
my ($out, $err);
# deadlocks and failed serialization are part of it
IPC::Run::run([ 'pgbench', '-n', '-c', 4, '-t', 150, '--max-tries=20', @files, $node->connstr('busy') ], '>', \$out, '2>', \$err);
like($out, qr/number of transactions actually processed: [1-9]/, 'four sessions have worked') or diag($err);
my $end = $node->safe_psql('busy', 'SELECT pg_current_wal_insert_lsn()');
$node->safe_psql('busy', 'SELECT txid_current(); CHECKPOINT');
command_ok([ 'pg_recvlogical', '-d', $node->connstr('busy'), '-S', 'busy', '--start', '-f', "$tmp/busy.json", '--endpos', $end, '--no-loop',
	'-o', 'source=tables' ], 'pg_recvlogical reads the WAL of all of them');
$node->safe_psql('busy', 'CREATE TABLE decoded (n serial, line json)');
$node->safe_psql('busy', qq{COPY decoded (line) FROM '$tmp/busy.json' WITH (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')});
my $differences = $node->safe_psql('busy', <<'SQL');
WITH d AS (SELECT line ->> 'op' AS op, (line ->> 'id')::int8 AS id, line ->> 'old' AS old, line ->> 'new' AS new,
                  row_number() OVER (PARTITION BY line ->> 'id' ORDER BY n) AS nth FROM decoded),
     j AS (SELECT op::text, record_id AS id, old, new, row_number() OVER (PARTITION BY record_id ORDER BY j.id) AS nth
             FROM (SELECT * FROM odoo_events.journal_0 UNION ALL SELECT * FROM odoo_events.journal_1 UNION ALL SELECT * FROM odoo_events.journal_2) j)
SELECT count(*) FROM (SELECT * FROM d EXCEPT SELECT * FROM j UNION ALL (SELECT * FROM j EXCEPT SELECT * FROM d)) x
SQL
is($differences, '0', 'the same net changes of each row, in the same order, as the triggers noted');
cmp_ok($node->safe_psql('busy', 'SELECT count(*) FROM decoded'), '>', 200, 'many of them');
$node->safe_psql('busy', q{SELECT pg_drop_replication_slot('busy')});

# --- published events as they commit
$node->append_conf('postgresql.conf', "odoo_events.databases = ''\n");
OdooEvents->load($node, 'plant', 'odoo19');
$node->restart;
$node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.attach()});
command_ok([ 'pg_recvlogical', '-d', $node->connstr('plant'), '-S', 'plant', '--create-slot', '-P', 'odoo_events' ], 'pg_recvlogical makes the slot');
my @command = ('pg_recvlogical', '-d', $node->connstr('plant'), '-S', 'plant', '--start', '-f', "$tmp/plant.json", '-F', '1', '-s', '1');
my $consumer = IPC::Run::start(\@command, '2>', "$tmp/consumer.log");

sub lines { return -e "$tmp/plant.json" ? split(/\n/, slurp_file("$tmp/plant.json")) : () }

OdooEvents->replay($node, 'plant', 'odoo19-sales');
ok(OdooEvents::Receiver::wait_until(sub { lines() >= 10 }, 'ten events'), 'events arrive while they are published');
# first the walsender, then the consumer itself
my $pid = $node->safe_psql('plant', q{SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'plant'});
$node->safe_psql('plant', qq{SELECT pg_terminate_backend($pid)});
$node->safe_psql('plant', q{SELECT odoo_events.emit('acme.logistics.test_run.went_on.v1', 'test_run/' || i, '{}') FROM generate_series(1, 50) i});
ok($node->poll_query_until('plant', q{SELECT count(*) >= 50 FROM odoo_events.outbox WHERE type LIKE 'acme.%'}), 'published meanwhile');
$consumer->kill_kill;
ok($node->poll_query_until('plant', q{SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'plant'}), 'nobody reads');
$consumer = IPC::Run::start(\@command, '2>', "$tmp/consumer.log");
my $last = $node->safe_psql('plant', 'SELECT id FROM odoo_events.outbox ORDER BY position DESC LIMIT 1');
ok(OdooEvents::Receiver::wait_until(sub { scalar grep { /\Q$last\E/ } lines() }, 'the last event'), 'the last event arrives');
$consumer->kill_kill;
my (%first, @got);
foreach my $line (lines())
{
	my $event = eval { decode_json($line) } or next;       # a line that was cut off by the kill comes again
	push @got, $event->{id} unless $first{ $event->{id} }++;
}
is(join("\n", @got), $node->safe_psql('plant', 'SELECT id FROM odoo_events.outbox ORDER BY position'), 'every event, in order of position');
ok($node->poll_query_until('plant', q{SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'plant'}), 'the walsender has gone');
$node->safe_psql('plant', q{SELECT pg_drop_replication_slot('plant')});

# --- while nothing is sent the receiver hears that the sender lives: in transactions of no interest, and while a large one is merged to nothing.
# The walsender is held at a point of each until half of wal_sender_timeout is over, after which the next sign of life is due: a keepalive, or the
# end where all of it is over.  A reply to an earlier one that comes meanwhile does instead: then the next transaction shows it.
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
$node->safe_psql('busy', 'CREATE TABLE noise (id int)');
sub alive
{
	my ($point, $where, $sql) = @_;
	my $from = -s $node->logfile;
	my $heard = sub { slurp_file($node->logfile, $from) =~
		  /(?:sending replication keepalive|terminating walsender process due to replication timeout)\n[^\n]*CONTEXT: +slot "quiet"[^\n]* in the (?:$where) callback/ };
	$node->safe_psql('busy', q{SELECT pg_create_logical_replication_slot('quiet', 'odoo_events')});
	$node->safe_psql('busy', $sql) foreach 1 .. 10;
	append_to_file("$faults/$point", 'wait');
	local $ENV{PGOPTIONS} = '-c wal_sender_timeout=2s -c log_min_messages=debug2 -c odoo_events.merge_memory=1MB';
	my $quiet = IPC::Run::start([ 'pg_recvlogical', '-d', $node->connstr('busy'), '-S', 'quiet', '--start', '-s', '0', '-f', "$tmp/quiet", '-o', 'source=tables' ], '2>', "$tmp/quiet.log");
	foreach (1 .. 5)
	{
		last if $heard->() || !OdooEvents::Receiver::wait_until(sub { -e "$faults/$point.held" }, "$point is reached");
		my $held = $node->safe_psql('busy', 'SELECT clock_timestamp()');
		$node->poll_query_until('busy', "SELECT clock_timestamp() > '$held'::timestamptz + interval '1 second'");
		append_to_file("$faults/$point", 'wait');
		unlink "$faults/$point.held";
		OdooEvents::Receiver::wait_until(sub { $heard->() || -e "$faults/$point.held" }, 'a keepalive, or the next transaction');
	}
	ok($heard->(), "a sign of life in the $where callback");
	$quiet->kill_kill;
	unlink "$faults/$point", "$faults/$point.held";
	$node->poll_query_until('busy', q{SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'quiet'});
	$node->safe_psql('busy', q{SELECT pg_drop_replication_slot('quiet')});
	is(-s "$tmp/quiet", 0, 'and no line');
	return;
}
# from version 16 on the server sees to the first itself
alive('hold-stream-begin', 'change|update_progress_txn', 'INSERT INTO noise SELECT i FROM generate_series(1, 1000) i');
alive('hold-stream-commit', 'commit', q{BEGIN; INSERT INTO doc SELECT i, 'void', i FROM generate_series(1000, 9000) i; DELETE FROM doc WHERE id >= 1000; COMMIT});

# --- a role without the right to replicate gets nothing
my ($rc, $stdout, $stderr) = $node->psql('plant', q{SELECT pg_create_logical_replication_slot('x', 'odoo_events')}, extra_params => [ '-U', 'odoo' ]);
like($stderr, qr/permission denied|must be superuser or replication role/, "Odoo's role cannot read the stream");
done_testing();
