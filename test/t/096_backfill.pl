# A backfill in bounded transactions that goes on where it was, whatever is killed: kill -9 in the middle of a step, and of the worker.
# Own events in the same crash: what was committed or prepared is told, what was not is not.
# At odoo_events.backfill_pace = 100 it does nothing else; below, its steps are small, each is published and read by every subscription before the
# next, and it rests in between.  (Its price for those who write meanwhile: test/bench/backfill.sh.)
use strict;
use warnings;
use FindBin;
use JSON::PP;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('backfill', "odoo_events.databases = 'none-such'\nodoo_events.restart_delay = '100ms'\nodoo_events.backfill_pace = 100\nrestart_after_crash = on\n");
my $db = 'plant';
my $rows = 12000;
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'");
$node->safe_psql($db, <<SQL, extra_params => [ '-U', 'odoo' ]);
CREATE TABLE ir_module_module (id int PRIMARY KEY);
CREATE TABLE mrp_production (id int PRIMARY KEY, name text, state text, product_qty numeric, company_id int, create_date timestamp, write_date timestamp);
INSERT INTO mrp_production SELECT 3 * i, 'MO/' || i, 'confirmed', i FROM generate_series(1, $rows) i;
SQL
$node->safe_psql($db, 'CREATE EXTENSION odoo_events');
$node->safe_psql($db, q{SELECT odoo_events.attach('{manufacturing_order}')});
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
append_to_file("$faults/hold-rest", 'wait');
my $job = $node->safe_psql($db, q{SELECT odoo_events.backfill('manufacturing_order')});
$node->safe_psql($db, 'SELECT odoo_events._backfill_step()') foreach 1 .. 3;
is($node->safe_psql($db, "SELECT state || ' ' || rows || ' ' || last_id FROM odoo_events.backfill_status WHERE id = $job"), 'running 1500 4500', 'a step is 500 rows, by primary key');

# kill -9 in the middle of a step: what it did is gone, what was before is not
my $victim = $node->background_psql($db);
my $pid = $victim->query_safe(q{BEGIN; SELECT odoo_events._backfill_step(); SELECT odoo_events.emit('acme.test.emit.lost.v1', 'lost', '{}'); SELECT pg_backend_pid()});
($pid) = $pid =~ /(\d+)\s*\z/;
$node->safe_psql($db, "SELECT rows FROM odoo_events.backfill_status WHERE id = $job");
$node->safe_psql($db, q{SELECT odoo_events.emit('acme.test.emit.kept.v1', 'kept', '{}')});
$node->safe_psql($db, q{BEGIN; SELECT odoo_events.emit('acme.test.emit.prepared.v1', 'prepared', '{}'); PREPARE TRANSACTION 'emit'});
$node->safe_psql($db, q{BEGIN; SELECT odoo_events.emit('acme.test.emit.taken_back.v1', 'taken back', '{}'); PREPARE TRANSACTION 'emit2'});
kill 9, $pid;
eval { $victim->quit };
# until the server has noticed the killed session, it answers as before
OdooEvents::Receiver::wait_until(sub { (($node->psql($db, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid"))[1] // '') eq '0' }, 'the server is back');
is($node->safe_psql($db, "SELECT state || ' ' || rows FROM odoo_events.backfill_status WHERE id = $job"), 'running 1500', 'after a crash it is where it was');

$node->safe_psql($db, q{COMMIT PREPARED 'emit'});
$node->safe_psql($db, q{ROLLBACK PREPARED 'emit2'});

# the worker goes on, and is killed again and again
$node->append_conf('postgresql.conf', q{odoo_events.databases = ''});
$node->restart;
for my $part (3000, 6000, 9000)
{
	OdooEvents::Receiver::wait_until(sub { my ($rc, $out) = $node->psql($db, "SELECT rows >= $part FROM odoo_events.backfill_status WHERE id = $job"); $rc == 0 && $out eq 't' }, "$part rows are done");
	my ($rc, $worker) = $node->psql($db, 'SELECT pid FROM odoo_events.worker_status WHERE pid IS NOT NULL');
	kill 9, $worker if $rc == 0 && $worker;
	OdooEvents::Receiver::wait_until(sub { ($node->psql($db, 'SELECT 1'))[0] == 0 }, 'the server is back');
}
sub answers { my ($query) = @_; my ($rc, $out) = $node->psql($db, $query); return $rc == 0 && $out eq 't'; }
ok(OdooEvents::Receiver::wait_until(sub { answers("SELECT state = 'done' FROM odoo_events.backfill_status WHERE id = $job") }, 'it is done'), 'it comes to its end');
is($node->safe_psql($db, q{SELECT max(n) FROM (SELECT count(*) AS n FROM odoo_events.journal WHERE op = 'S' GROUP BY xid) x}), '500', 'no transaction was larger than a step');
ok(OdooEvents::Receiver::wait_until(sub { answers("SELECT count(*) >= $rows FROM odoo_events.outbox WHERE type LIKE '%.manufacturing_order.snapshot.v1'") }, 'all are published'), 'all is published');
is($node->safe_psql($db, q{SELECT count(*) || ' ' || count(DISTINCT record_id) FROM odoo_events.outbox WHERE type LIKE '%.manufacturing_order.snapshot.v1'}), "$rows $rows",
	'a snapshot of each row, none twice');
is($node->safe_psql($db, q{SELECT string_agg(subject, ' ' ORDER BY subject) FROM odoo_events.outbox WHERE type LIKE 'acme.test.emit.%'}), 'kept prepared', 'own events: those that were committed, once');
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.outbox WHERE type = 'odoo.platform.backfill.completed.v1'}), '1', 'its end is told once');
is($node->safe_psql($db, 'SELECT count(*) FROM odoo_events.reconcile()'), '0', 'tables and events agree');
ok(-e "$faults/hold-rest", 'at full speed it has not rested');

# --- beside Odoo: a small step, which is published, and a rest
my $snapshots = q{SELECT count(*) FROM odoo_events.outbox WHERE type LIKE '%.manufacturing_order.snapshot.v1'};
my $asked = q{SELECT rows FROM odoo_events.backfill_status WHERE id = };
$node->safe_psql($db, 'ALTER SYSTEM SET odoo_events.backfill_pace = 50');
$node->reload;
$job = $node->safe_psql($db, q{SELECT odoo_events.backfill('manufacturing_order', 'id <= 1500')});
ok(OdooEvents::Receiver::wait_until(sub { -e "$faults/hold-rest.held" }, 'a rest'), 'after a step it rests');
is($node->safe_psql($db, $asked . $job), '100', 'a step is 100 rows');
is($node->safe_psql($db, $snapshots), $rows + 100, 'which were published before');
unlink "$faults/hold-rest.held";
ok($node->poll_query_until($db, "SELECT state = 'done' FROM odoo_events.backfill_status WHERE id = $job"), 'it comes to its end');
is($node->safe_psql($db, $asked . $job), '500', 'with all rows that were asked for');

# --- a predicate that takes its time ends the step early; one that takes for ever ends the backfill, and nobody else waits for it
my $from = $node->safe_psql($db, 'SELECT pg_current_xact_id()');
$job = $node->safe_psql($db, q{SELECT odoo_events.backfill('manufacturing_order', 'CASE WHEN id <= 300 THEN pg_sleep(0.01) IS NOT NULL END')});
ok($node->poll_query_until($db, "SELECT state = 'done' FROM odoo_events.backfill_status WHERE id = $job"), 'it comes to its end');
is($node->safe_psql($db, qq{SELECT max(n) || ' ' || sum(n) FROM (SELECT count(*) AS n FROM odoo_events.journal WHERE op = 'S' AND xid > '$from' GROUP BY xid) x}), '20 100', 'in steps of twenty rows');
append_to_file("$faults/backfill-ms", '200');
$job = $node->safe_psql($db, q{SELECT odoo_events.backfill('manufacturing_order', 'CASE WHEN id <= 450 THEN true WHEN id <= 465 THEN pg_sleep(3600) IS NOT NULL END')});
ok($node->poll_query_until($db, "SELECT state = 'failed' FROM odoo_events.backfill_status WHERE id = $job"), 'it is given up');
is($node->safe_psql($db, "SELECT rows || ' ' || last_id || ' ' || error FROM odoo_events.backfill_status WHERE id = $job"),
	'100 300 the predicate takes more than 200 ms for a few rows', 'with the reason, and how far it came');
is($node->safe_psql($db, 'SELECT coalesce(last_error, $$-$$) FROM odoo_events.worker_status'), '-', 'which is no error of the worker');
unlink "$faults/backfill-ms";

# --- what happens meanwhile waits for no more snapshots than a subscription has in memory
my $receiver = OdooEvents->receiver;
$receiver->misbehave({ hold => JSON::PP::true });
$receiver->subscribe($node, $db, 'wms', '/wms', q{max_in_flight => 1, timeout => '10min'});
$node->safe_psql($db, 'SELECT odoo_events.arm()');
$job = $node->safe_psql($db, q{SELECT odoo_events.backfill('manufacturing_order', 'id <= 3000')});
my $waits = q{SELECT state = 'idle; the backfill waits for a subscription' FROM odoo_events.worker_status};
ok($node->poll_query_until($db, $waits), 'it waits for the subscription');
is($node->safe_psql($db, $asked . $job), '300', 'when that can take no more');
$node->safe_psql($db, q{SELECT odoo_events.emit('acme.test.emit.meanwhile.v1', 'meanwhile', '{}')});
ok($node->poll_query_until($db, q{SELECT count(*) = 1 FROM odoo_events.outbox WHERE subject = 'meanwhile'}), 'what happens meanwhile is published');
ok($node->poll_query_until($db, $waits), 'it still waits');
is($node->safe_psql($db, $asked . $job), '300', 'no more meanwhile');
$receiver->misbehave();
$receiver->wait_for(sub { grep { $_->{body} =~ /emit\.meanwhile/ } @_ }, 'it is delivered');
my $before = 0;
foreach my $request ($receiver->ledger)
{
	last if $request->{body} =~ /emit\.meanwhile/;
	$before++;
}
cmp_ok($before, '<=', 300, 'behind those snapshots and no more');
ok($node->poll_query_until($db, "SELECT state = 'done' FROM odoo_events.backfill_status WHERE id = $job"), 'the backfill goes on');
is($node->safe_psql($db, $asked . $job), '1000', 'to its end');
ok(OdooEvents::delivered($node, $db, 'wms'), 'and all is delivered');
is_deeply([ $receiver->problems ], [], 'signed, in order');
$node->stop;
done_testing();
