# A transaction that changes very many rows: its notes go to a temporary file, the backend's own memory stays bounded, savepoints that
# are rolled back leave nothing, the journal is right, and what is published is too.  CHANGES (default 40,000; a million under
# "make check-long") with capture_memory small against it.
# check-all: a large transaction
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $changes = $ENV{CHANGES} // 40000;
my $node = OdooEvents->node('spill', "max_wal_size = 4GB\nodoo_events.databases = 'none-such'\n");
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{
  CREATE TABLE ir_module_module (id int PRIMARY KEY);
  ALTER TABLE ir_module_module OWNER TO odoo;
  CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, origin text, company_id int);
  ALTER TABLE stock_picking OWNER TO odoo;
  CREATE EXTENSION odoo_events});
$node->safe_psql($db, q{SELECT count(*) FROM odoo_events.attach('{transfer}')});
my $journal = '(SELECT * FROM odoo_events.journal_0 UNION ALL SELECT * FROM odoo_events.journal_1 UNION ALL SELECT * FROM odoo_events.journal_2)';

# The session of Odoo's, and its own memory in kB: without what it shares with others.
my $session = $node->background_psql($db, on_error_stop => 1);
my $pid = $session->query_safe('SELECT pg_backend_pid()');
sub own_memory
{
	my ($kb) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;
	return $kb;
}
my $peak = 0;
sub run
{
	my ($sql) = @_;
	$session->query_safe($sql);
	my $now = own_memory();
	$peak = $now if $now > $peak;
	return;
}

# A transaction of $n rows inserted, half of them changed, and as many more changes in savepoints that are rolled back, nested ones too;
# then a tenth deleted.  Everything in pieces, after each of which memory is looked at.
sub transaction
{
	my ($n) = @_;
	my $pieces = 10;
	my $size = $n / $pieces;
	run('BEGIN');
	foreach my $piece (0 .. $pieces - 1)
	{
		my ($from, $to) = ($piece * $size + 1, ($piece + 1) * $size);
		run("INSERT INTO stock_picking SELECT i, 'T/' || i, 'draft', repeat('o', 100), 1 FROM generate_series($from, $to) i");
		run('SAVEPOINT a');
		run("UPDATE stock_picking SET state = 'undone' WHERE id BETWEEN $from AND $to");
		run('SAVEPOINT b');
		run("DELETE FROM stock_picking WHERE id BETWEEN $from AND $to AND id % 3 = 0");
		run($piece % 2 ? 'RELEASE b' : 'ROLLBACK TO b');
		run('ROLLBACK TO a');
		run("UPDATE stock_picking SET state = 'assigned' WHERE id BETWEEN $from AND $to AND id % 2 = 0");
		run('RELEASE a');
		run("DELETE FROM stock_picking WHERE id BETWEEN $from AND $to AND id % 10 = 0");
	}
	run('COMMIT');
	return;
}

$session->query_safe(q{SET odoo_events.capture_memory = '1MB'; SET work_mem = '1MB'; SET synchronous_commit = off});
# what the first of its kind makes, caches and plans, is no growth
transaction(1000);
$node->safe_psql($db, 'TRUNCATE stock_picking; TRUNCATE odoo_events.journal_0, odoo_events.journal_1, odoo_events.journal_2');
my $before = own_memory();
$peak = $before;
transaction($changes);
note sprintf '%d rows, %d changes noted: %d kB before, at most %d, %d after', $changes, 1.6 * $changes, $before, $peak, own_memory();
# a sanitizer gives nothing back
my $bound = $ENV{OE_SANITIZER} ? 1024 * 1024 : 16 * 1024;
cmp_ok($peak - $before, '<', $bound, 'the memory of the backend is bounded, whatever the number of changes');

my $rows = $node->safe_psql($db, 'SELECT count(*) FROM stock_picking');
is($rows, $changes * 9 / 10, 'the rows are as they should be');
is($node->safe_psql($db, "SELECT count(*), count(DISTINCT record_id), count(DISTINCT xid) FROM $journal j"), "$rows|$rows|1", 'one change of each in the journal, none of those that were deleted again');
is($node->safe_psql($db, qq{SELECT count(*) FROM stock_picking p FULL JOIN $journal j ON j.record_id = p.id
	WHERE (j.op, j.old, j.new::json ->> 'state', j.new::json ->> 'name') IS DISTINCT FROM ('I', NULL, p.state, p.name)}), '0', 'as the table has it');
$session->query_safe('SELECT pg_stat_force_next_flush()');
cmp_ok($node->safe_psql($db, 'SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()'), '>', 1024 * 1024, 'through a temporary file');

# and one that is rolled back leaves nothing
run('BEGIN');
run('UPDATE stock_picking SET state = state || \'x\'');
run('ROLLBACK');
is($node->safe_psql($db, "SELECT count(*) FROM $journal j"), $rows, 'rolled back: nothing');
cmp_ok(own_memory() - $before, '<', $bound, 'nor memory that is kept');
is($node->safe_psql($db, 'SELECT count(*) FROM odoo_events.capture_error'), '0', 'no gap');
opendir my $dir, $node->data_dir . '/base/pgsql_tmp';
is(scalar(grep { !/^\./ } $dir ? readdir $dir : ()), 0, 'no temporary file is left');

# the publisher takes it in pieces
$session->quit;
$session = $node->background_psql($db, on_error_stop => 1);
$pid = $session->query_safe('SELECT pg_backend_pid()');
$peak = 0;
my $published = $session->query_safe('SELECT odoo_events.publish()');
note "published $published, memory " . own_memory() . ' kB';
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.quarantine}), '0', 'nothing is quarantined');
is($node->safe_psql($db, q{SELECT count(DISTINCT record_id) FROM odoo_events.outbox WHERE type LIKE '%.transfer.%'}),
	$node->safe_psql($db, q{SELECT count(*) FROM stock_picking WHERE state = 'assigned'}), 'an event of each that is ready');
$session->quit;
$node->stop;
done_testing();
