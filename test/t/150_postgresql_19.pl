# What is new in PostgreSQL 19: decoding at wal_level = replica without a restart, REPACK (CONCURRENTLY), MERGE and SPLIT PARTITIONS, and
# UPDATE ... FOR PORTION OF.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('nineteen', "wal_level = replica\nodoo_events.restart_delay = '200ms'\n");
if ($node->safe_psql('postgres', q{SELECT current_setting('server_version_num')::int < 190000}) eq 't')
{
	$node->stop;
	plan skip_all => 'this PostgreSQL is older than 19';
}
$node->safe_psql('postgres', 'ALTER SYSTEM SET output_plugin_libraries = pgoutput, odoo_events');
$node->reload;
OdooEvents->load($node, 'plant', 'odoo19');

sub sql { return $node->safe_psql('plant', $_[0]) }

# The events of an entity so far: all that was committed is read and published before they are counted.
sub events
{
	my ($entity) = @_;
	sql('SELECT txid_current()');
	my $lsn = sql('SELECT pg_current_wal_insert_lsn()');
	$node->poll_query_until('plant', qq{SELECT coalesce(bool_and(confirmed >= '$lsn'), true) FROM odoo_events._wal_state() WHERE active})
	  or die 'the WAL is not read';
	sql('SELECT odoo_events.publish()');
	return sql("SELECT count(*) FROM odoo_events.outbox WHERE subject LIKE '$entity/%'");
}

# Tables of modules of one's own: a plain one, one in partitions, one with a period.
sql(<<'SQL');
CREATE TABLE reading (id int PRIMARY KEY, name text, grade int);
CREATE TABLE shelf (id int, name text, row_no int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE shelf_a PARTITION OF shelf FOR VALUES FROM (0) TO (100);
CREATE TABLE shelf_b PARTITION OF shelf FOR VALUES FROM (100) TO (200);
CREATE TABLE tariff (id int, name text, price int, valid int4range);
ALTER TABLE reading OWNER TO odoo; ALTER TABLE shelf OWNER TO odoo; ALTER TABLE shelf_a OWNER TO odoo;
ALTER TABLE shelf_b OWNER TO odoo; ALTER TABLE tariff OWNER TO odoo;
INSERT INTO reading SELECT i, 'R' || i, 1 FROM generate_series(1, 50) i;
INSERT INTO shelf SELECT i, 'S' || i, 1 FROM generate_series(1, 199) i;
INSERT INTO tariff VALUES (1, 'T1', 10, '[1,100)');
SELECT odoo_events.define_entity(t, t, name_column => 'name', domain => 'quality') FROM unnest('{reading,shelf,tariff}'::text[]) t;
SELECT odoo_events.define_event('acme.quality.' || t || '.changed.v1', t, occasion => 'touched') FROM unnest('{reading,shelf,tariff}'::text[]) t;
SQL

# A command that a release candidate has may be gone from the next.
my $merges = ($node->psql('plant', 'BEGIN; ALTER TABLE shelf MERGE PARTITIONS (shelf_a, shelf_b) INTO shelf_ab; ROLLBACK'))[0] == 0;
my $portions = ($node->psql('plant', 'EXPLAIN UPDATE tariff FOR PORTION OF valid FROM 10 TO 20 SET price = 12'))[0] == 0;

foreach my $mode ('trigger', 'wal')
{
	subtest "capture by $mode" => sub {
		sql("SELECT odoo_events.attach('{reading,shelf}', mode => '$mode')");
		if ($mode eq 'wal')
		{
			ok($node->poll_query_until('plant', q{SELECT bool_and(state = 'wal') FROM odoo_events.wal_rule}), 'the reader takes over without a restart');
			is(sql(q{SELECT current_setting('wal_level')}), 'replica', 'while wal_level is replica');
			is(sql(q{SELECT current_setting('effective_wal_level')}), 'logical', 'and the WAL is logical');
		}
		my $before = events('reading');
		sql('UPDATE reading SET grade = grade + 1 WHERE id <= 10');
		# PostgreSQL cannot do it concurrently where the WAL carries whole old rows
		my $repack = $mode eq 'trigger' ? 'REPACK (CONCURRENTLY)' : 'REPACK';
		sql("$repack reading");
		sql('UPDATE reading SET grade = grade + 1 WHERE id <= 10');
		is(events('reading') - $before, 20, "$repack makes no event, and none is lost before or after it");

		SKIP:
		{
			skip 'this release candidate has no MERGE PARTITIONS', 2 unless $merges;
			$before = events('shelf');
			sql('UPDATE shelf SET row_no = row_no + 1 WHERE id IN (5, 105)');
			sql('ALTER TABLE shelf MERGE PARTITIONS (shelf_a, shelf_b) INTO shelf_ab');
			sql('UPDATE shelf SET row_no = row_no + 1 WHERE id IN (5, 105)');
			sql('ALTER TABLE shelf SPLIT PARTITION shelf_ab INTO (PARTITION shelf_a FOR VALUES FROM (0) TO (100), PARTITION shelf_b FOR VALUES FROM (100) TO (200))');
			sql('UPDATE shelf SET row_no = row_no + 1 WHERE id IN (5, 105)');
			is(events('shelf') - $before, 6, 'MERGE and SPLIT PARTITIONS make no event, and lose none');
			is(sql('SELECT count(*) FROM odoo_events.capture_error'), '0', 'nothing is missing');
		}
	};
}

subtest 'UPDATE ... FOR PORTION OF' => sub {
	plan skip_all => 'this release candidate has no FOR PORTION OF' unless $portions;
	sql(q{SELECT odoo_events.attach('{tariff}')});
	my $before = events('tariff');
	is($node->psql('plant', q{UPDATE tariff FOR PORTION OF valid FROM 10 TO 20 SET price = 12}, connstr => $node->connstr('plant') . ' user=odoo'), 0,
		'the statement succeeds');
	cmp_ok(events('tariff') - $before, '>', 0, 'it is an event of the record');
	is(sql('SELECT count(*) FROM odoo_events.capture_error'), '0', 'nothing is missing');
};

$node->stop;
done_testing();
