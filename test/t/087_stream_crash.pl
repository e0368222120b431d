# source=tables through crashes: the walsender, the consumer and the server are killed while sessions work and while a large transaction is sent,
# prepared transactions outlive it. What pg_recvlogical has at the end is what the triggers noted: nothing lost, nothing changed, in order.
# check-all: random crashes
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $tmp = PostgreSQL::Test::Utils::tempdir;
my $node = OdooEvents->node('crashed', "odoo_events.databases = 'none-such'\nmax_wal_senders = 4\nmax_replication_slots = 4\nlogical_decoding_work_mem = '64kB'\nodoo_events.merge_memory = '1MB'\nrestart_after_crash = on\n");
$node->append_conf('postgresql.conf', "output_plugin_libraries = 'odoo_events'\n")
  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
$node->reload;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION odoo_events;
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried, builtin) VALUES ('doc', '{doc}', '{state,qty}', '{name}', false);
CREATE TABLE doc (id int PRIMARY KEY, state text, qty numeric, name text);
ALTER TABLE doc REPLICA IDENTITY FULL;
SELECT odoo_events._capture_table('doc'::regclass, 'doc');
INSERT INTO doc SELECT i, 'draft', i, 'n' FROM generate_series(1, 40) i;
SELECT pg_create_logical_replication_slot('lake', 'odoo_events', false, true);
TRUNCATE odoo_events.journal_0, odoo_events.journal_1, odoo_events.journal_2;
SQL
append_to_file("$tmp/work.sql", <<'SQL');
\set r random(1, 40)
\set s random(1, 1000000)
BEGIN;
UPDATE doc SET state = 's' || :s, name = repeat(md5(:s::text), 100) WHERE id = :r;
SAVEPOINT a;
UPDATE doc SET qty = :s WHERE id = 1 + :s % 40;
ROLLBACK TO a;
DELETE FROM doc WHERE id = 41 + :s % 5;
INSERT INTO doc VALUES (41 + :s % 5, 'new', :s) ON CONFLICT DO NOTHING;
COMMIT;
SQL
my (@files, $consumer);

# A file for each start; what a kill cut off in the middle of a line stays at its end.
sub consume
{
	push @files, "$tmp/lines" . @files;
	$consumer = IPC::Run::start([ 'pg_recvlogical', '-d', $node->connstr('postgres'), '-S', 'lake', '--start', '--no-loop', '-f', $files[-1], '-F', '1', '-s', '1',
			'-o', 'source=tables', '-o', 'include-lsn=on' ], '2>', "$tmp/log" . @files);
	return;
}
sub lines { return map { my $text = -e $_ ? slurp_file($_) : ''; $text =~ s/[^\n]*\z//; split /\n/, $text } @_ }
sub has_lines
{
	my ($n) = @_;
	return ok(OdooEvents::Receiver::wait_until(sub { lines($files[-1]) >= $n }, "$n lines"), "start " . @files . ": lines arrive");
}
sub work
{
	my ($out, $err);
	# deadlocks are part of it
	IPC::Run::run([ 'pgbench', '-n', '-c', 3, '-t', 40, '--max-tries=20', '-f', "$tmp/work.sql", $node->connstr('postgres') ], '>', \$out, '2>', \$err);
	return;
}
sub walsender
{
	$node->poll_query_until('postgres', q{SELECT active FROM pg_replication_slots WHERE slot_name = 'lake'}) or die 'nobody reads';
	return $node->safe_psql('postgres', q{SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'lake'});
}

# 1: the walsender dies by kill -9, and with it every backend
consume();
$node->safe_psql('postgres', q{BEGIN; UPDATE doc SET state = 'prepared' WHERE id = 1; SAVEPOINT s; UPDATE doc SET state = 'undone' WHERE id = 2; ROLLBACK TO s; PREPARE TRANSACTION 'outlives'});
$node->safe_psql('postgres', q{BEGIN; UPDATE doc SET state = 'rolled back' WHERE id = 3; PREPARE TRANSACTION 'rolled back'});
$node->safe_psql('postgres', q{UPDATE doc SET qty = qty + 1000 WHERE id > 10});
has_lines(20);
my $here = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
$node->safe_psql('postgres', q{UPDATE doc SET qty = qty + 1000 WHERE id = 7});
ok($node->poll_query_until('postgres', "SELECT confirmed_flush_lsn >= '$here' FROM pg_replication_slots WHERE slot_name = 'lake'"), 'what is on disk is confirmed');
kill 'KILL', walsender();
$consumer->finish;
$node->poll_query_until('postgres', 'SELECT true') or die 'the server does not come back';

# 2: the consumer, in the middle of a large transaction
$node->safe_psql('postgres', q{INSERT INTO doc SELECT i, 'large', i, md5(i::text) FROM generate_series(1001, 21000) i});
consume();
has_lines(3000);
$consumer->kill_kill;
$node->poll_query_until('postgres', q{SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'lake'}) or die 'the walsender stays';

# 3: the walsender again, in the middle of the same
consume();
has_lines(2000);
kill 'KILL', walsender() if lines($files[-1]) < 20000;
$consumer->kill_kill;
$node->poll_query_until('postgres', 'SELECT true') or die 'the server does not come back';

# 4: the whole server, while sessions work; a transaction is open, a checkpoint is just over
consume();
my $open = $node->background_psql('postgres');
$open->query_safe(q{BEGIN});
$open->query_safe(q{UPDATE doc SET state = 'never' WHERE id BETWEEN 1001 AND 1500});
$node->safe_psql('postgres', 'CHECKPOINT');
my ($out, $err);
my $busy = IPC::Run::start([ 'pgbench', '-n', '-c', 3, '-t', 100000, '--max-tries=20', '-f', "$tmp/work.sql", $node->connstr('postgres') ], '>', \$out, '2>', \$err);
has_lines(50);
$node->stop('immediate');
eval { $busy->finish };
eval { $open->quit };
$consumer->finish;
$node->start;

# the end: what was prepared before all that is committed now
$node->safe_psql('postgres', q{COMMIT PREPARED 'outlives'});
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'rolled back'});
work();
$node->safe_psql('postgres', q{UPDATE doc SET state = 'the last' WHERE id = 40});
consume();
ok(OdooEvents::Receiver::wait_until(sub { scalar grep { /"the last"/ } lines($files[-1]) }, 'the last change'), 'the last change arrives');
$consumer->kill_kill;

my (%seen, @first, $twice);
foreach my $line (lines(@files))
{
	my ($key) = $line =~ /^(\{"lsn":"[^"]+",.*?"id":\d+),/ or die "no line of ours: $line";
	if (exists $seen{$key}) { $twice++; is($line, $seen{$key}, 'what comes twice is the same') if $line ne $seen{$key}; next }
	$seen{$key} = $line;
	push @first, $line;
}
append_to_file("$tmp/decoded", join("\n", @first) . "\n");
note(scalar(@first) . ' net changes, ' . ($twice // 0) . ' came twice');
cmp_ok($twice // 0, '>', 0, 'some came twice');
$node->safe_psql('postgres', 'CREATE TABLE decoded (n serial, line json)');
$node->safe_psql('postgres', qq{COPY decoded (line) FROM '$tmp/decoded' WITH (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')});
is( $node->safe_psql('postgres', <<'SQL'), '0', 'the same net changes of each row, in the same order, as the triggers noted');
WITH d AS (SELECT line ->> 'op' AS op, (line ->> 'id')::int8 AS id, line ->> 'old' AS old, line ->> 'new' AS new,
                  row_number() OVER (PARTITION BY line ->> 'id' ORDER BY n) AS nth FROM decoded),
     j AS (SELECT op::text, record_id AS id, old, new, row_number() OVER (PARTITION BY record_id ORDER BY j.id) AS nth
             FROM (SELECT * FROM odoo_events.journal_0 UNION ALL SELECT * FROM odoo_events.journal_1 UNION ALL SELECT * FROM odoo_events.journal_2) j)
SELECT count(*) FROM (SELECT * FROM d EXCEPT SELECT * FROM j UNION ALL (SELECT * FROM j EXCEPT SELECT * FROM d)) x
SQL
cmp_ok(scalar @first, '>', 20000, 'many of them');
is($node->safe_psql('postgres', q{SELECT count(*) FROM decoded WHERE line ->> 'new' LIKE '%prepared%'}), '1', 'the prepared transaction among them, once');
$node->stop;
done_testing();
