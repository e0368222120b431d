# once: memory and temporary files of a walsender that decodes one large transaction (MEGABYTES=n of WAL, 200 by default; 5000 by make check-long)
# check-all: a large transaction
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Find;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $megabytes = $ENV{MEGABYTES} // 200;
my $tmp = PostgreSQL::Test::Utils::tempdir;
my $node = OdooEvents->node('large', <<'CONF');
odoo_events.databases = 'none-such'
odoo_events.merge_memory = '2MB'
logical_decoding_work_mem = '1MB'
work_mem = '1MB'
fsync = off
max_wal_size = '4GB'
autovacuum = off
max_wal_senders = 4
max_replication_slots = 4
CONF
$node->append_conf('postgresql.conf', "output_plugin_libraries = 'odoo_events'\n")
  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
$node->reload;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION odoo_events;
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried, builtin) VALUES ('doc', '{doc}', '{state}', '{name}', false);
CREATE TABLE doc (id int PRIMARY KEY, state text, name text);
ALTER TABLE doc REPLICA IDENTITY FULL;
SQL
my $data = $node->data_dir;

# Bytes in files below a directory; they come and go while we look.
sub bytes_in
{
	my ($dir) = @_;
	my $sum = 0;
	find({ no_chdir => 1, wanted => sub { my $size = -s $_; $sum += $size if defined $size && -f _ } }, $dir) if -d $dir;
	return $sum;
}

# Bytes of a process that no other shares; 0 once it has gone.
sub private_memory
{
	my ($pid) = @_;
	open my $status, '<', "/proc/$pid/status" or return 0;
	my ($kilobytes) = map { /^RssAnon:\s+(\d+)/ } <$status>;
	return 1024 * ($kilobytes // 0);
}

# One transaction with an insert and an update of each row (about 2.4 kB of WAL), decoded by pg_recvlogical with each source:
# the largest private memory of the walsender, the most that stood on disk, the lines, all by source.
sub decoded
{
	my ($rows) = @_;
	my %seen;
	foreach my $source (qw(tables outbox))
	{
		$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('$source', 'odoo_events')");
	}
	my $start = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
	$node->safe_psql('postgres', <<SQL);
BEGIN;
INSERT INTO doc SELECT i, 'draft', repeat('n' || i || ' ', 100) FROM generate_series(1, $rows) i;
UPDATE doc SET state = 'done';
COMMIT;
SQL
	my $end = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
	$seen{wal} = $node->safe_psql('postgres', "SELECT pg_wal_lsn_diff('$end', '$start')");
	$node->safe_psql('postgres', 'SELECT pg_current_xact_id(); CHECKPOINT');
	foreach my $source (qw(tables outbox))
	{
		my %peak = (memory => 0, spilled => 0, temporary => 0, samples => 0, lines => 0);
		my $consumer = IPC::Run::start([ 'pg_recvlogical', '-d', $node->connstr('postgres'), '-S', $source, '--start', '-f', "$tmp/$source",
				'--endpos', $end, '--no-loop', '-o', "source=$source" ], '2>', "$tmp/$source.log");
		$node->poll_query_until('postgres', "SELECT active OR confirmed_flush_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = '$source'");
		my $pid = $node->safe_psql('postgres', "SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$source'");
		while ($consumer->pumpable)
		{
			my %now = (memory => private_memory($pid), spilled => bytes_in("$data/pg_replslot/$source"), temporary => bytes_in("$data/base/pgsql_tmp"));
			$peak{$_} = $now{$_} > $peak{$_} ? $now{$_} : $peak{$_} foreach keys %now;
			$peak{samples}++;
			select undef, undef, undef, 0.02;
			$consumer->reap_nb;
			last unless $consumer->_running_kids;
		}
		ok($consumer->finish, "pg_recvlogical has read it with source=$source") or diag(slurp_file("$tmp/$source.log"));
		open my $lines, '<', "$tmp/$source" or die "$tmp/$source: $!";
		$peak{lines}++ while <$lines>;
		close $lines;
		unlink "$tmp/$source";
		$seen{$source} = \%peak;
		ok($node->poll_query_until('postgres', "SELECT NOT active FROM pg_replication_slots WHERE slot_name = '$source'"), 'the walsender has gone');
		is(bytes_in("$data/base/pgsql_tmp"), 0, 'and its temporary files');
		$seen{$source}{stats} = $node->safe_psql('postgres', "SELECT stream_txns > 0, spill_txns > 0 FROM pg_stat_replication_slots WHERE slot_name = '$source'");
		note(sprintf '%d rows, %d MB of WAL, source=%s: memory %.1f MB, spilled %d MB, temporary files %d MB, %d samples', $rows, $seen{wal} / 1e6, $source,
			$peak{memory} / 1e6, $peak{spilled} / 1e6, $peak{temporary} / 1e6, $peak{samples});
		$node->safe_psql('postgres', "SELECT pg_drop_replication_slot('$source')");
	}
	$node->safe_psql('postgres', 'DROP TABLE doc; CREATE TABLE doc (id int PRIMARY KEY, state text, name text); ALTER TABLE doc REPLICA IDENTITY FULL');
	return \%seen;
}

my $rows = int($megabytes * 1e6 / 2350);
my $small = decoded(int($rows / 10));
my $large = decoded($rows);
cmp_ok($large->{wal}, '>', $megabytes * 0.9e6, "one transaction of $megabytes MB");
is($large->{tables}{lines}, $rows, 'a line for each row');
is($large->{outbox}{lines}, 0, 'which is nothing to the outbox');
SKIP:
{
	skip 'no /proc', 4 unless -r '/proc/self/status';
	cmp_ok($large->{tables}{samples}, '>', 5, 'it was watched meanwhile');
	foreach my $source (qw(tables outbox))
	{
		cmp_ok($large->{$source}{memory}, '>', 0, 'memory was seen') if $source eq 'tables';
		cmp_ok($large->{$source}{memory}, '<', $small->{$source}{memory} + 16e6, "source=$source: it takes no more memory than one of a tenth of its size");
	}
}
# the server's own spill is what it is; ours: the notes, and a sort of their places
cmp_ok($large->{tables}{temporary}, '>', 0, 'notes went to a temporary file');
cmp_ok($large->{tables}{temporary}, '<', $large->{wal}, 'which is smaller than the transaction');
cmp_ok($large->{tables}{spilled}, '<', 1.5 * $large->{wal}, 'so is about what the server itself puts aside');
is($large->{tables}{stats}, 'f|t', 'source=tables declines pieces');
is($large->{outbox}{stats}, 't|f', 'source=outbox takes pieces, and nothing is put aside');
is($large->{outbox}{temporary}, 0, 'nor any temporary file written');
$node->stop;
done_testing();
