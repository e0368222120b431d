# Milestones: written by the reader behind the publisher, once each whatever is broken off, found by name, kept longer than the outbox;
# whatever the reader suffers from, publishing goes on.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('milestones', "odoo_events.restart_delay = '100ms'\nrestart_after_crash = on\nmax_worker_processes = 20\n");
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', 'SELECT odoo_events.attach()');
OdooEvents->replay($node, 'plant', 'odoo19-sales');

my $read = q{SELECT (SELECT c.position FROM odoo_events.process_cursor c ORDER BY c.n DESC LIMIT 1) = odoo_events._last_position()};
# the view as it was when it read the outbox: a second account
$node->safe_psql('plant', q{CREATE VIEW account AS
  SELECT o.correlationid, split_part(o.correlationid, ':', 1) AS root_entity, COALESCE(r.name, split_part(o.correlationid, ':', 2)) AS root_name,
         regexp_replace(o.type, '^.*\.([^.]+\.[^.]+)\.v[0-9]+$', '\1') AS milestone, o.entity, o.record_id, o.position, o.time,
         o.time - lag(o.time) OVER w AS since_previous, o.time - first_value(o.time) OVER w AS since_root
    FROM odoo_events.outbox_all o
    LEFT JOIN (SELECT DISTINCT ON (x.entity, x.record_id) x.entity, x.record_id, regexp_replace(x.subject, '^[^/]*/', '') AS name
                 FROM odoo_events.outbox_all x WHERE x.correlationid IS NOT NULL ORDER BY x.entity, x.record_id, x.position DESC) r
      ON o.correlationid = concat(r.entity, ':', r.record_id)
   WHERE o.correlationid IS NOT NULL WINDOW w AS (PARTITION BY o.correlationid ORDER BY o.position);
  CREATE VIEW differs AS (TABLE account EXCEPT ALL TABLE odoo_events.process) UNION ALL (TABLE odoo_events.process EXCEPT ALL TABLE account);
  CREATE FUNCTION move() RETURNS void LANGUAGE sql AS $$
    UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE sale_id IS NOT NULL $$});
sub follows { return $node->poll_query_until('plant', $read) }
sub same { my ($claim) = @_; follows(); return is($node->safe_psql('plant', 'SELECT count(*) FROM differs'), '0', $claim) }

subtest 'each event of a process is a milestone, under the name of its order' => sub {
	same('the view says what the outbox says');
	cmp_ok($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.process WHERE root_name = 'S00004'}), '>', 5, 'an order is found by its name');
	$node->safe_psql('plant', q{UPDATE sale_order SET name = 'S00004-B' WHERE name = 'S00004'; UPDATE sale_order SET state = 'cancel' WHERE name = 'S00004-B'});
	$node->safe_psql('plant', 'SELECT odoo_events.emit(type => \'acme.sales.note.added.v1\', subject => \'note/1\', data => \'{}\', correlation => \'sales_order:4\')');
	same('an order that got another name has it in all its milestones');
};

subtest 'a process that dies anywhere leaves each milestone once' => sub {
	foreach ([ 'reader-read', 'kill' ], [ 'reader-written', 'error' ], [ 'reader-committed', 'kill' ])
	{
		my ($point, $action) = @$_;
		open my $file, '>', "$faults/$point" or die $!;
		print $file $action;
		close $file;
		chmod 0666, "$faults/$point";
		eval { $node->psql('plant', 'SELECT move()') };
		OdooEvents::Receiver::wait_until(sub { !-e "$faults/$point" }, "$point is passed");
		$node->poll_query_until('plant', 'SELECT true');
		same("$point: $action");
	}
};

subtest 'a document is traced through the index' => sub {
	my $shipment = $node->safe_psql('plant', q{SELECT subject FROM odoo_events.outbox WHERE type LIKE '%shipment.shipped%' LIMIT 1});
	is($node->safe_psql('plant', qq{SELECT count(*) FROM odoo_events.trace(subject => '$shipment') WHERE step = 'published'}),
		$node->safe_psql('plant', qq{SELECT count(*) FROM odoo_events.outbox o WHERE (o.entity, o.record_id) =
		  (SELECT x.entity, x.record_id FROM odoo_events.outbox x WHERE x.subject = '$shipment' LIMIT 1)}), 'all events of it, by its subject');
	my $line = $node->safe_psql('plant', q{SELECT subject FROM odoo_events.outbox WHERE partitionkey <> entity || ':' || record_id LIMIT 1});
	cmp_ok($node->safe_psql('plant', qq{SELECT count(*) FROM odoo_events.trace(subject => '$line') WHERE step = 'published'}), '>', 0, 'one under the key of another');
	cmp_ok($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.trace(subject => 'note/1') WHERE step = 'published'}), '==', 1, "an application's own event");
};

subtest 'what stops the reader stops neither publishing nor the outbox from being emptied' => sub {
	$node->safe_psql('plant', 'ALTER TABLE odoo_events.process_type RENAME TO process_type_away');
	my $before = $node->safe_psql('plant', 'SELECT odoo_events._last_position()');
	$node->safe_psql('plant', 'SELECT odoo_events._wake(\'config\'), move()');
	ok($node->poll_query_until('plant', "SELECT odoo_events._last_position() > $before"), 'events are published');
	ok($node->poll_query_until('plant', q{SELECT last_error LIKE 'following the outbox: %' FROM odoo_events.worker_status}), 'the status says what failed');
	is($node->safe_psql('plant', q{SELECT held_by FROM odoo_events.needed WHERE held_by = 'milestones'}), 'milestones', 'the outbox waits for it');
	my $upto = $node->safe_psql('plant', q{SELECT odoo_events._last_position()});
	$node->safe_psql('plant', qq{SELECT odoo_events._reader_overrun($upto)});
	is($node->safe_psql('plant', q{SELECT last_position FROM odoo_events.process_gap}), $upto, 'what was dropped is noted');
	$node->safe_psql('plant', 'ALTER TABLE odoo_events.process_type_away RENAME TO process_type');
	$node->safe_psql('plant', 'SELECT odoo_events._wake(\'config\'), move()');
	ok(follows(), 'it goes on behind the gap');
};

subtest 'milestones outlive the outbox and end with their retention' => sub {
	my $milestones = $node->safe_psql('plant', 'SELECT count(*) FROM odoo_events.process');
	foreach ([ 'maintain-ms', 50 ], [ 'retention-min', 1 ])
	{
		open my $file, '>', "$faults/$_->[0]" or die $!;
		print $file $_->[1];
		close $file;
	}
	$node->safe_psql('plant', 'TRUNCATE ' . join ', ', map { "odoo_events.outbox_$_" } 0 .. 7);
	is($node->safe_psql('plant', 'SELECT count(*) FROM odoo_events.process'), $milestones, 'the outbox forgets, the milestones stay');
	$node->append_conf('postgresql.conf', "odoo_events.process_retention = '1s'\n");
	$node->restart;
	$node->safe_psql('plant', q{UPDATE odoo_events.process_member SET since = since - interval '1 day'});
	ok($node->poll_query_until('plant', q{WITH m AS MATERIALIZED (SELECT move()) SELECT EXISTS (SELECT FROM odoo_events.process_member WHERE member > 1) FROM m}), 'the ring moves on');
	ok($node->poll_query_until('plant', q{WITH m AS MATERIALIZED (SELECT move()) SELECT NOT EXISTS (SELECT FROM odoo_events.process_root_0) AND NOT EXISTS (SELECT FROM odoo_events.process_step_0) FROM m}),
		'a member that is too old is emptied');
};

$node->stop;
done_testing();
