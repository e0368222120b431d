# Capture from the WAL: every recording gives the same events as with triggers; both ways at once; the safety valve, a lost slot; what
# attach() and detach() leave behind; database commands; a quiet database.
# check-all: it takes a minute
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('wal', <<CONF);
odoo_events.restart_delay = '100ms'
max_replication_slots = 4
CONF
my $restricted = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;

sub attach_wal
{
	my ($db, $entities, $mode) = @_;
	$mode //= 'wal';
	$node->safe_psql($db, sprintf q{SELECT odoo_events.attach(%s, mode => '%s')}, defined $entities ? "'$entities'" : 'NULL', $mode);
	ok($node->poll_query_until($db, qq{SELECT bool_and(state = '$mode') FROM odoo_events.wal_rule}), "$db: the reader has taken over ($mode)");
	return;
}

# All that was committed is read, written, published.
sub published
{
	my ($db) = @_;
	$node->safe_psql($db, 'SELECT txid_current()');
	my $lsn = $node->safe_psql($db, 'SELECT pg_current_wal_insert_lsn()');
	ok($node->poll_query_until($db, qq{SELECT confirmed >= '$lsn' FROM odoo_events._wal_state()}), "$db: the WAL is read") if $node->safe_psql($db, 'SELECT count(*) FROM odoo_events._wal_state() WHERE active');
	$node->safe_psql($db, 'SELECT odoo_events.publish()');
	return;
}

sub triggers { return $node->safe_psql($_[0], 'SELECT count(*) FROM odoo_events._capture_trigger') }

my ($status, $out, $err, $hint, %moved, $identity, $before, $had);

sub move
{
	my ($times) = @_;
	$node->safe_psql('plant', "SET ROLE odoo; UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id <= 4") foreach 1 .. $times;
	$moved{0} += 4 * $times;
	return;
}

sub move_others
{
	my ($times) = @_;
	$node->safe_psql('plant', "SET ROLE odoo; UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id BETWEEN 5 AND 8") foreach 1 .. $times;
	$moved{0} += 4 * $times;
	return;
}

sub told { return $node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.outbox WHERE type ~ 'logistics.*(ready|unreserved)'}) }

sub in_order
{
	# of each transfer by turns, and each change once
	return $node->safe_psql('plant', q{SELECT count(*) FROM (SELECT type, lag(type) OVER (PARTITION BY subject ORDER BY position) AS before
		FROM odoo_events.outbox WHERE type ~ 'logistics.*(ready|unreserved)') x WHERE split_part(type, '.', 4) = split_part(before, '.', 4)}) eq '0';
}

sub same_identity { ok($node->poll_query_until('plant', "SELECT string_agg(relname || '|' || relreplident::text, E'\n') = '$before' FROM ($identity) x"), $_[0]); return; }

subtest 'attach() says with a hint what the server must allow' => sub {
	OdooEvents->load($node, 'base19', 'odoo19');
	if ($restricted)
	{
		$node->safe_psql('postgres', q{ALTER SYSTEM SET output_plugin_libraries = 'pgoutput'});
		$node->reload;
		$node->poll_query_until('postgres', q{SELECT current_setting('output_plugin_libraries') = 'pgoutput'});
		my ($status, $out, $err) = $node->psql('base19', q{SELECT odoo_events.attach(mode => 'wal')});
		like($err, qr/does not allow the output plugin "odoo_events"/, 'an output plugin that is not allowed is an error');
		my ($hint) = $err =~ /HINT:  (.*)/;
		$node->safe_psql('postgres', $_) foreach split /(?<=;) /, $hint;
		$node->poll_query_until('postgres', q{SELECT current_setting('output_plugin_libraries') LIKE '%odoo_events%'});
	}
	# PostgreSQL 19 needs no more than replica
	my ($enough, $little) = $node->safe_psql('postgres', q{SELECT current_setting('server_version_num')::int >= 190000}) eq 't' ? ('replica', 'minimal') : ('logical', 'replica');
	$node->append_conf('postgresql.conf', "wal_level = $little\nmax_wal_senders = 0\n");
	$node->restart;
	($status, $out, $err) = $node->psql('base19', q{SELECT odoo_events.attach(mode => 'wal')});
	like($err, qr/needs wal_level "$enough", not "$little"/, "wal_level $little is an error");
	($hint) = $err =~ /HINT:  ([^;]*;)/;
	$node->safe_psql('base19', $hint);
	$node->append_conf('postgresql.conf', "max_wal_senders = 10\n");
	$node->restart;
	$node->safe_psql('base19', "SELECT pg_create_physical_replication_slot('taken$_')") foreach 1 .. 4;
	($status, $out, $err) = $node->psql('base19', q{SELECT odoo_events.attach(mode => 'wal')});
	like($err, qr/all replication slots are in use/, 'so is a server without a free slot');
	($hint) = $err =~ /HINT:  ([^;]*;)/;
	$node->safe_psql('base19', $hint);
	$node->restart;
	$node->safe_psql('base19', 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
	is($node->safe_psql('base19', q{SELECT count(*) FROM odoo_events.attached}), '0', 'nothing was attached by what failed');
};

subtest 'each recording gives the same events in the same order as with triggers' => sub {
	OdooEvents->load($node, 'base14', 'odoo14');
	my $facts = "$FindBin::RealBin/../publish/facts.sql";
	foreach my $recording ('odoo19-manufacturing', 'odoo19-sales', 'odoo19-purchase-maintenance-repair', 'odoo19-changes', 'odoo14-all')
	{
		my ($version) = $recording =~ /odoo(\d+)/;
		my %story;
		foreach my $mode ('trigger', 'wal')
		{
			my $db = "day_$mode";
			$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE base$version OWNER odoo");
			if ($mode eq 'wal')
			{
				attach_wal($db);
				is(triggers($db), '0', "$recording: no trigger");
			}
			else
			{
				$node->safe_psql($db, 'SELECT odoo_events.attach()');
			}
			OdooEvents->replay($node, $db, $recording);
			published($db);
			$story{$mode} = $node->safe_psql($db, slurp_file($facts));
			is($node->safe_psql($db, 'SELECT count(*) FROM odoo_events.capture_error'), '0', "$recording: no gap") if $mode eq 'wal';
		}
		cmp_ok(scalar(split /\n/, $story{trigger}), '>', 50, "$recording: there are events");
		is($story{wal}, $story{trigger}, "$recording: read from the WAL it tells the same story");
		$node->safe_psql('postgres', "DROP DATABASE day_$_") foreach 'trigger', 'wal';
	}
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots}), '0', 'a slot goes with its database, also while the reader runs');
};

subtest 'transfers that go back and forth are told as with triggers' => sub {
	OdooEvents->load($node, 'plant', 'odoo19');
	OdooEvents->replay($node, 'plant', 'odoo19-sales');
	$node->safe_psql('plant', q{
	  SET ROLE odoo;
	  UPDATE stock_picking SET state = 'assigned' WHERE id <= 8;
	  CREATE INDEX other_identity ON stock_move_line (id);
	  CREATE UNIQUE INDEX own_identity ON stock_move (id);
	  ALTER TABLE stock_move REPLICA IDENTITY USING INDEX own_identity});
	%moved = (0 => 0);
	$identity = q{SELECT relname, relreplident FROM pg_class WHERE relname IN ('stock_picking', 'stock_move', 'stock_move_line') ORDER BY 1};
	$before = $node->safe_psql('plant', $identity);
	attach_wal('plant', '{transfer}');
	isnt($node->safe_psql('plant', $identity), $before, 'REPLICA IDENTITY FULL is set');
	move(3);
	published('plant');
	is(told(), $moved{0}, 'transfers are read from the WAL');
	is($node->safe_psql('plant', q{SELECT string_agg(DISTINCT mode || ' ' || attached, ',') FROM odoo_events.capture_status WHERE entity = 'transfer' AND relation IS NOT NULL}),
		'wal true', 'capture_status says so');
	ok($node->safe_psql('plant', q{SELECT bool_and(retained_bytes >= 0 AND lag_bytes >= 0) FROM odoo_events.capture_status WHERE entity = 'transfer' AND relation IS NOT NULL}) eq 't', 'and what the slot keeps');
	my $twice = $node->safe_psql('plant', q{SELECT string_agg(note, ',') FROM odoo_events.attach('{transfer}', mode => 'wal')});
	unlike($twice, qr/until|triggers/, 'attach() again changes nothing');
	($status, $out, $err) = $node->psql('plant', q{SELECT odoo_events.attach('{transfer}', mode => 'both')});
	like($err, qr/cannot become "both" at once/, 'from wal to both goes over trigger');
	like($err, qr/HINT:  SELECT \* FROM odoo_events.attach\('\{[a-z_,]*transfer[a-z_,]*\}', mode => 'trigger'\);/, 'as the hint says');
};

subtest 'the id of an event is that of Odoo\'s transaction, whichever way it was captured' => sub {
	my $xid = $node->safe_psql('plant', "SET ROLE odoo; BEGIN; UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id <= 4; SELECT pg_current_xact_id(); COMMIT");
	$moved{0} += 4;
	published('plant');
	is($node->safe_psql('plant', qq{SELECT count(*) FROM odoo_events.outbox WHERE odootx = '$xid'}), '4', 'odootx is the transaction of Odoo');
};

subtest 'in a quiet database the slot moves on' => sub {
	$node->safe_psql('postgres', 'CREATE TABLE noise (n int)');
	my $noise = $node->safe_psql('postgres', 'INSERT INTO noise SELECT generate_series(1, 10000); SELECT pg_current_wal_insert_lsn()');
	ok($node->poll_query_until('plant', qq{SELECT confirmed >= '$noise' FROM odoo_events._wal_state()}), 'the slot follows the WAL of other databases');
};

subtest 'a database can be renamed and copied while the reader runs, and the copy has no slot' => sub {
	$node->safe_psql('postgres', 'SET ROLE odoo; ALTER DATABASE plant RENAME TO factory; ALTER DATABASE factory RENAME TO plant; CREATE DATABASE copied TEMPLATE plant');
	ok($node->poll_query_until('plant', q{SELECT reader_pid IS NOT NULL FROM odoo_events._wal_processes()}), 'the reader is back after rename and copy');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots}), '1', 'the copy has no slot');
	is($node->safe_psql('copied', q{SELECT confirmed IS NULL FROM odoo_events._wal_state()}), 't', "and does not take the original's");
	$node->safe_psql('copied', 'SELECT odoo_events.arm()');
	ok($node->poll_query_until('copied', q{SELECT count(*) > 0 FROM odoo_events.wal_fallback}), 'armed, it captures by triggers');
	like($node->safe_psql('copied', q{SELECT string_agg(reason, ',') FROM odoo_events.capture_error}), qr/slot is lost/, 'and says that there is a gap');
	$node->safe_psql('postgres', 'SET ROLE odoo; DROP DATABASE copied');
	move(1);
	published('plant');
	is(told(), $moved{0}, 'nothing lost, nothing twice');
	ok(in_order(), 'in order');
};

subtest 'a transaction that began before the switch loses nothing' => sub {
	my $writer = $node->background_psql('plant');
	$writer->query_safe("SET ROLE odoo; BEGIN; SELECT txid_current()");
	$node->safe_psql('plant', q{SELECT odoo_events.attach('{transfer}')});
	cmp_ok(triggers('plant'), '>', 0, 'back to triggers');
	$writer->query_safe("UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id <= 4; COMMIT");
	$moved{0} += 4;
	ok($node->poll_query_until('plant', q{SELECT count(*) = 0 FROM odoo_events.wal_drain}), 'the rest of the WAL is read');
	$node->safe_psql('plant', 'SELECT odoo_events.publish()');
	is(told(), $moved{0}, 'a transaction over the switch is captured once');
	same_identity('replica identities are as they were');
	ok($node->poll_query_until('postgres', q{SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_replication_origin) = 0}), 'slot and origin are gone');
	$writer->query_safe("BEGIN; UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id <= 4");
	$moved{0} += 4;
	like($node->safe_psql('plant', q{SELECT string_agg(DISTINCT note, ',') FROM odoo_events.attach('{transfer}', mode => 'wal')}),
		qr/triggers capture until the reader is ready/, 'attach() does not wait for who has written');
	move_others(1);
	cmp_ok(triggers('plant'), '>', 0, 'triggers capture until then');
	$writer->query_safe('COMMIT');
	# a session that only reads is in the way of dropping the triggers, and is not blocked itself
	$writer->query_safe('BEGIN; SELECT count(*) FROM stock_picking; SELECT count(*) FROM stock_move');
	ok($node->poll_query_until('plant', q{SELECT reading FROM odoo_events._wal_processes()}), 'the reader is there');
	move(1);
	$writer->query_safe('SELECT count(*) FROM stock_picking; COMMIT');
	$writer->quit;
	ok($node->poll_query_until('plant', q{SELECT bool_and(state = 'wal') FROM odoo_events.wal_rule}), 'and then the reader takes over');
	move(1);
	published('plant');
	is(told(), $moved{0}, 'all captured once');
	ok(in_order(), 'in order');
};

subtest 'a reader that stands still gives way to triggers, with a gap' => sub {
	append_to_file("$faults/wal-decoded", "wait\n");
	move(1);
	ok($node->poll_query_until('plant', q{SELECT count(*) > 0 FROM pg_ls_dir('oe_faults') f WHERE f = 'wal-decoded.held'}), 'the reader stands still');
	$node->append_conf('postgresql.conf', "odoo_events.max_slot_wal = '4MB'\n");
	$node->reload;
	$node->safe_psql('postgres', q{INSERT INTO noise SELECT generate_series(1, 80000)});
	ok($node->poll_query_until('plant', q{SELECT count(*) > 0 FROM odoo_events.wal_fallback}), 'beyond max_slot_wal capture falls back to triggers');
	cmp_ok(triggers('plant'), '>', 0, 'which are there');
	move(3);
	my $told = told();
	is($node->safe_psql('plant', 'SELECT odoo_events.publish(); SELECT odoo_events.publish()'), "0\n0", 'what they note waits for what is still to be read');
	is(told(), $told, 'nothing out of order is published');
	like($node->safe_psql('plant', q{SELECT string_agg(status || ' ' || detail, E'\n') FROM odoo_events.health() WHERE "check" = 'wal'}), qr/critical capture of transfer fell back.*\n.*publisher waits/s, 'health() says so');
	unlink "$faults/wal-decoded.held";
	ok($node->poll_query_until('plant', q{SELECT count(*) = 0 FROM odoo_events.wal_drain}), 'the rest of the WAL is read');
	ok($node->poll_query_until('plant', "SELECT count(*) = $moved{0} FROM odoo_events.outbox WHERE type ~ 'logistics.*(ready|unreserved)'"), 'nothing lost, nothing twice');
	ok(in_order(), 'in order');
	is($node->safe_psql('plant', q{SELECT event->'data'->>'lost' FROM odoo_events.outbox WHERE type = 'odoo.platform.capture.fell_back.v1'}), 'false', 'a platform event tells of it');
	$node->append_conf('postgresql.conf', "odoo_events.max_slot_wal = '10GB'\n");
	$node->reload;
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_replication_slots}), 'the slot is gone');
	$hint = $node->safe_psql('plant', q{SELECT hint FROM odoo_events.health() WHERE "check" = 'wal'});
	$node->safe_psql('plant', $hint);
	ok($node->poll_query_until('plant', q{SELECT bool_and(state = 'wal') FROM odoo_events.wal_rule}), 'the hint of health() leads back');
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.health() WHERE "check" = 'wal' AND status <> 'warn'}), '0', 'health() is content');
	move(1);
	published('plant');
	is(told(), $moved{0}, 'and captures');
};

subtest 'a slot that is lost becomes a gap' => sub {
	append_to_file("$faults/wal-decoded", "wait\n");
	move(1);
	ok($node->poll_query_until('plant', q{SELECT count(*) > 0 FROM pg_ls_dir('oe_faults') f WHERE f = 'wal-decoded.held'}), 'the reader stands still');
	$node->append_conf('postgresql.conf', "max_slot_wal_keep_size = '1MB'\n");
	$node->reload;
	$node->safe_psql('postgres', 'SELECT pg_switch_wal(); INSERT INTO noise VALUES (1); SELECT pg_switch_wal(); INSERT INTO noise VALUES (1); SELECT pg_switch_wal(); INSERT INTO noise VALUES (1); CHECKPOINT; CHECKPOINT');
	ok($node->poll_query_until('plant', q{SELECT count(*) > 0 FROM odoo_events.wal_fallback}), 'without its slot capture falls back to triggers');
	ok($node->poll_query_until('plant', q{SELECT count(*) = 0 FROM odoo_events.wal_rule}), 'all tables do');
	unlink "$faults/wal-decoded.held";
	like($node->safe_psql('plant', q{SELECT string_agg(DISTINCT reason, ',') FROM odoo_events.capture_error}), qr/slot is lost/, 'what is lost is a gap');
	$node->safe_psql('plant', q{SELECT odoo_events.reconcile(repair => true)});
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.capture_error}), '0', 'that reconcile() mends');
	$node->append_conf('postgresql.conf', "max_slot_wal_keep_size = -1\n");
	$node->reload;
	$node->safe_psql('plant', 'SELECT odoo_events.detach()');
	is(triggers('plant'), '0', 'nothing is captured');
	is($node->safe_psql('plant', $identity), $before, 'replica identities are as they were');
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_replication_slots}), 'no slot is left');
};

subtest 'a slot of that name that is somebody else\'s is left alone' => sub {
	my $name = $node->safe_psql('plant', 'SELECT odoo_events._wal_slot()');
	$node->safe_psql('postgres', q{ALTER SYSTEM SET output_plugin_libraries = odoo_events, test_decoding}) if $restricted;
	$node->reload;
	$node->poll_query_until('postgres', q{SELECT current_setting('output_plugin_libraries') LIKE '%test_decoding%'}) if $restricted;
	$node->safe_psql('plant', "SELECT pg_create_logical_replication_slot('$name', 'test_decoding')");
	$node->safe_psql('plant', q{SELECT odoo_events.attach('{transfer}', mode => 'both')});
	ok($node->poll_query_until('plant', q{SELECT count(*) > 0 FROM odoo_events.health() WHERE "check" = 'wal' AND detail LIKE '%belongs to somebody else%'}), 'health() tells of a slot of somebody else');
	cmp_ok(triggers('plant'), '>', 0, 'triggers capture');
	ok($node->log_contains(qr/HINT:  SELECT pg_drop_replication_slot\('$name'\);/), 'the log has the hint');
	$node->safe_psql('plant', "SELECT pg_drop_replication_slot('$name')");
};

subtest 'both ways at once give the same' => sub {
	attach_wal('plant', '{transfer}', 'both');
	cmp_ok(triggers('plant'), '>', 0, 'mode both has triggers');
	$had = told();
	$node->safe_psql('plant', "SET ROLE odoo; UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id <= 4") foreach 1 .. 3;
	published('plant');
	is(told(), $had + 12, 'events come once');
	ok($node->poll_query_until('plant', q{SELECT count(*) = 0 FROM odoo_events.wal_change}), 'both are compared');
	is($node->safe_psql('plant', 'SELECT count(*) FROM odoo_events.capture_difference'), '0', 'and agree');
	$node->safe_psql('plant', "SET session_replication_role = replica; UPDATE stock_picking SET state = 'cancel' WHERE id = 5");
	ok($node->poll_query_until('plant', q{SELECT count(*) = 1 FROM odoo_events.capture_difference WHERE record_id = 5 AND trigger IS NULL AND wal = 'U'}), 'a change that no trigger saw is a difference');
	like($node->safe_psql('plant', q{SELECT string_agg(status || detail, ',') FROM odoo_events.health() WHERE "check" = 'wal'}), qr/critical.*1 net changes differ/, 'health() says so');
	my $listed = $node->safe_psql('plant', q{SELECT * FROM odoo_events.reconcile('transfer')});
	is(scalar(() = $listed =~ /\n/g), 1, 'reconcile() lists two differences');
	like($listed, qr/^transfer\|5\|cancel\|[a-z]+\|another state than that of the last event$/m, 'the transfer that no event told of');
	like($listed, qr/^transfer\|5\|\|\|rule stock_picking, transaction \d+: triggers have nothing, the WAL has U$/m, 'and that the two ways differ');
	$node->safe_psql('plant', q{SELECT odoo_events.reconcile('transfer', repair => true)});
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.capture_difference}), '0', 'and forgets it once it is mended');
	$node->safe_psql('plant', q{SELECT odoo_events.attach('{transfer}', mode => 'wal')});
	ok($node->poll_query_until('plant', q{SELECT bool_and(state = 'wal') FROM odoo_events.wal_rule}), 'from both to wal');
	is(triggers('plant'), '0', 'without triggers');
};

subtest 'reconcile() sees no difference in what was not read yet' => sub {
	append_to_file("$faults/wal-decoded", "wait\n");
	$node->safe_psql('plant', "SET ROLE odoo; UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id <= 4");
	ok($node->poll_query_until('plant', q{SELECT count(*) > 0 FROM pg_ls_dir('oe_faults') f WHERE f = 'wal-decoded.held'}), 'the reader stands still');
	my $reconciling = $node->background_psql('plant');
	$reconciling->query_until(qr/asked/, "\\echo asked\nSELECT count(*) AS differences FROM odoo_events.reconcile('transfer');\n");
	ok($node->poll_query_until('plant', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%reconcile%'}), 'reconcile() waits for it');
	unlink "$faults/wal-decoded.held";
	is($reconciling->query_safe('SELECT 1'), "0\n1", 'and finds no difference');
	$reconciling->quit;
};

subtest 'a table that is made again is captured at once' => sub {
	$node->safe_psql('plant', q{SET ROLE odoo; ALTER TABLE stock_picking REPLICA IDENTITY DEFAULT});
	$node->safe_psql('plant', 'SELECT odoo_events._wake(\'config\')');
	$node->safe_psql('plant', "SELECT pg_terminate_backend(pid) FROM odoo_events.worker_status");
	ok($node->poll_query_until('plant', q{SELECT relreplident = 'f' FROM pg_class WHERE relname = 'stock_picking'}), 'REPLICA IDENTITY FULL comes back where somebody took it away');
	like($node->safe_psql('plant', q{SELECT string_agg(reason, ',') FROM odoo_events.capture_error}), qr/had lost its replica identity/, 'and there is a gap');
	$node->safe_psql('plant', q{SELECT odoo_events.reconcile(repair => true)});
};

subtest 'a database that is disarmed goes on, so that its slot does not hold the WAL up' => sub {
	$node->safe_psql('plant', 'SELECT odoo_events.disarm()');
	$had = told();
	$node->safe_psql('plant', "SELECT pg_terminate_backend(pid) FROM odoo_events.worker_status");
	$node->safe_psql('plant', "SET ROLE odoo; UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id <= 4");
	ok($node->poll_query_until('plant', "SELECT count(*) = $had + 4 FROM odoo_events.outbox WHERE type ~ 'logistics.*(ready|unreserved)'"), 'a disarmed database captures');
	$node->safe_psql('plant', 'SELECT odoo_events.arm()');
};

subtest 'DROP EXTENSION takes the slot along' => sub {
	$node->safe_psql('plant', 'DROP EXTENSION odoo_events CASCADE');
	ok($node->poll_query_until('postgres', q{SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_replication_origin) = 0}), 'slot and origin go with the extension');
};

$node->stop;
done_testing();
