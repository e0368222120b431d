# Capture from the WAL across a promotion: the primary dies with changes that its reader has not read.  From version 17 on the reader's slot is on the
# standby too, and the promoted server reads on: nothing lost, nothing twice.  Before, capture falls back to triggers with a gap, which reconcile() mends.
# check-all: two servers
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = OdooEvents->node('primary', <<CONF);
odoo_events.restart_delay = '100ms'
max_wal_senders = 6
max_replication_slots = 6
hot_standby_feedback = on
CONF
my $failover = $primary->safe_psql('postgres', 'SHOW server_version_num') >= 170000;
$primary->append_conf('pg_hba.conf', "local replication all trust\n");
$primary->append_conf('postgresql.conf', "output_plugin_libraries = 'odoo_events'\n")
  if $primary->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
$primary->reload;
mkdir $primary->data_dir . '/oe_faults';
OdooEvents->load($primary, 'plant', 'odoo19');
OdooEvents->replay($primary, 'plant', 'odoo19-sales');
$primary->safe_psql('plant', q{SET ROLE odoo; UPDATE stock_picking SET state = 'assigned' WHERE id <= 4});
my $standby = OdooEvents::standby($primary, $failover);
if ($failover)
{
	$primary->append_conf('postgresql.conf', "synchronized_standby_slots = 'standby'\nlog_min_messages = debug1\n");
	$primary->reload;
}

my $moved = 0;
sub move
{
	my ($node, $times) = @_;
	$node->safe_psql('plant', "SET ROLE odoo; UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id <= 4") foreach 1 .. $times;
	$moved += 4 * $times;
	return;
}
my $told = q{SELECT count(*) FROM odoo_events.outbox WHERE type ~ 'logistics.*(ready|unreserved)'};
sub all_told { my ($node, $what) = @_; ok($node->poll_query_until('plant', "SELECT ($told) = $moved"), $what); return; }

$primary->safe_psql('plant', q{SELECT odoo_events.attach('{transfer}', mode => 'wal')});
ok($primary->poll_query_until('plant', q{SELECT bool_and(state = 'wal') FROM odoo_events.wal_rule}), 'the reader has taken over');
move($primary, 2);
all_told($primary, 'and captures');
if ($failover)
{
	ok( OdooEvents::Receiver::wait_until(
			sub {
				move($primary, 1);
				$primary->safe_psql('plant', 'SELECT pg_log_standby_snapshot()');
				return $standby->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots WHERE plugin = 'odoo_events' AND NOT temporary AND synced}) == 1;
			},
			'the slot is on the standby'),
		'its slot is kept up to date on the standby');
	# The standby may not have the slot at a position of which it lacks what was captured before that.
	$standby->stop;
	my $here = $primary->safe_psql('plant', 'SELECT pg_current_wal_insert_lsn()');
	move($primary, 1);
	all_told($primary, 'captured while the standby is away');
	$primary->wait_for_log(qr/slot "standby" specified in parameter "synchronized_standby_slots" does not have active_pid/);
	is($primary->safe_psql('plant', "SELECT confirmed_flush_lsn < '$here' FROM pg_replication_slots WHERE plugin = 'odoo_events'"), 't', 'the slot waits for the standby');
	$standby->start;
	ok($primary->poll_query_until('plant', "SELECT confirmed_flush_lsn > '$here' FROM pg_replication_slots WHERE plugin = 'odoo_events'"), 'and goes on with it');
}

# the reader stands still, then the primary dies
append_to_file($primary->data_dir . '/oe_faults/wal-decoded', "wait\n");
move($primary, 3);
ok($primary->poll_query_until('plant', q{SELECT count(*) > 0 FROM pg_ls_dir('oe_faults') f WHERE f = 'wal-decoded.held'}), 'changes are not read');
$primary->wait_for_catchup($standby, 'write');
$primary->stop('immediate');
$standby->promote;

my $order = q{SELECT count(*) FROM (SELECT type, lag(type) OVER (PARTITION BY subject ORDER BY position) AS before
	FROM odoo_events.outbox WHERE type ~ 'logistics.*(ready|unreserved)') x WHERE split_part(type, '.', 4) = split_part(before, '.', 4)};
if ($failover)
{
	all_told($standby, 'the promoted server reads what the primary had not read');
	move($standby, 2);
	all_told($standby, 'and what comes');
	is($standby->safe_psql('plant', $order), '0', 'in order, nothing twice');
	is($standby->safe_psql('plant', q{SELECT (SELECT count(*) FROM odoo_events.capture_error) + (SELECT count(*) FROM odoo_events.wal_fallback)}), '0', 'there is no gap');
}
else
{
	ok($standby->poll_query_until('plant', q{SELECT count(*) > 0 FROM odoo_events.wal_fallback}), 'without the slot capture falls back to triggers');
	ok($standby->poll_query_until('plant', q{SELECT count(*) = 0 FROM odoo_events.wal_rule}), 'all tables do');
	like($standby->safe_psql('plant', q{SELECT string_agg(DISTINCT reason, ',') FROM odoo_events.capture_error}), qr/slot is lost/, 'what was not read is a gap');
	like($standby->safe_psql('plant', q{SELECT string_agg(status || ' ' || detail, ',') FROM odoo_events.health() WHERE "check" = 'wal'}), qr/critical/, 'health() says so');
	ok($standby->poll_query_until('plant', "SELECT ($told) = $moved - 12"), 'the rest is there, once');
	# three changes each: the record is another than its last event says
	cmp_ok($standby->safe_psql('plant', q{SELECT count(*) FROM odoo_events.reconcile(repair => true)}), '>', 0, 'reconcile() finds what was missed');
	is($standby->safe_psql('plant', q{SELECT count(*) FROM odoo_events.capture_error}), '0', 'and mends it');
	$standby->poll_query_until('plant', q{SELECT count(*) = 0 FROM odoo_events.reconcile()}) or fail('nothing is left');
	my $before = $standby->safe_psql('plant', $told);
	move($standby, 2);
	ok($standby->poll_query_until('plant', "SELECT ($told) = $before + 8"), 'triggers capture');
}
$standby->stop;
done_testing();
