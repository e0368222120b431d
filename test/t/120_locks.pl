# Locks of others.  A role that may only connect, an open attach(), a module upgrade: none of them stops publishing, delivery or
# monitoring.  DROP EXTENSION waits for the worker's transaction and for nothing else.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('locks', "odoo_events.restart_delay = '200ms'\n");
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
sub tune { my ($name, $value) = @_; PostgreSQL::Test::Utils::append_to_file("$faults/$name", "$value\n"); return; }
sub held { my ($point) = @_; return OdooEvents::Receiver::wait_until(sub { -e "$faults/$point.held" }, "$point is reached"); }
tune('arming-ms', 20);
my $receiver = OdooEvents->receiver;
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', 'SELECT odoo_events.attach()');
OdooEvents->replay($node, 'plant', 'odoo19-sales');
$receiver->subscribe($node, 'plant', 'wms', '/wms');
$node->safe_psql('postgres', 'CREATE ROLE evil LOGIN; CREATE ROLE watch LOGIN IN ROLE pg_monitor');
my $toggle = q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = 1};
my $done = q{SELECT lag_events = 0 AND position = odoo_events._last_position() FROM odoo_events.subscription_status};
ok($node->poll_query_until('plant', $done), 'the day is delivered');

sub session
{
	my ($role, $sql) = @_;
	my $psql = $node->background_psql('plant', extra_params => [ '-U', $role ], on_error_stop => 1);
	$psql->query_safe($_) foreach 'BEGIN', @$sql;
	return $psql;
}

# What a monitoring role asks, with no more patience than a scrape has.
sub monitoring_answers
{
	my ($when) = @_;
	my @views = qw(worker_status capture_status capture_error subscription_status replay_status storage arming attached);
	my @asked = ((map { "SELECT count(*) FROM odoo_events.$_" } @views), map { "SELECT count(*) FROM odoo_events.$_()" } qw(health metrics metrics_text));
	my ($ret, $out, $err) = $node->psql('plant', join('; ', "SET statement_timeout = '30s'", @asked), extra_params => [ '-U', 'watch' ]);
	return is($err, '', "$when: every status view, health() and metrics() answer");
}

sub health { my ($check) = @_; return $node->safe_psql('plant', qq{SELECT status || ': ' || detail FROM odoo_events.health() WHERE "check" = '$check'}); }

# One more event goes all the way; somebody else may publish, too.
sub goes_on
{
	my ($when) = @_;
	my $position = $node->safe_psql('plant', 'SELECT odoo_events._last_position()');
	$node->safe_psql('plant', $toggle);
	ok($node->poll_query_until('plant', "SELECT odoo_events._last_position() > $position"), "$when: the worker publishes");
	ok($node->poll_query_until('plant', $done), "$when: the worker delivers");
	my ($ret, $out, $err) = $node->psql('plant', q{SET statement_timeout = '30s'; SELECT odoo_events.publish()});
	is($err, '', "$when: publish() answers");
	monitoring_answers($when);
	return;
}

subtest 'a role that may only connect holds the lock on the extension' => sub {
	my $evil = session('evil', [ 'CREATE TEMP TABLE t (id int)', 'CREATE INDEX ti ON t (id)', 'ALTER INDEX ti DEPENDS ON EXTENSION odoo_events' ]);
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND classid = 'pg_extension'::regclass AND mode = 'AccessExclusiveLock' AND granted}),
		'1', 'it is held');
	goes_on('held by a stranger');
	$node->safe_psql('plant', 'DROP TRIGGER odoo_events_capture ON sale_order', extra_params => [ '-U', 'odoo' ]);
	$node->safe_psql('plant', "SET statement_timeout = '30s'; SELECT odoo_events.attach('{sales_order}')");
	pass('attach() needs no lock on the extension either');
	$evil->query_safe('ROLLBACK');
	$evil->quit;
};

subtest 'the same lock, held by nobody' => sub {
	$node->safe_psql('plant', 'CREATE SCHEMA evil AUTHORIZATION evil');
	my $evil = session('evil', [ 'CREATE TABLE evil.t (id int)', 'CREATE INDEX ti ON evil.t (id)', 'ALTER INDEX evil.ti DEPENDS ON EXTENSION odoo_events' ]);
	$evil->query_safe(q{PREPARE TRANSACTION 'evil'});
	$evil->quit;
	goes_on('prepared');
	$node->safe_psql('plant', q{ROLLBACK PREPARED 'evil'});
};

subtest 'an open attach() and an open define_event()' => sub {
	$node->safe_psql('plant', 'DROP TRIGGER odoo_events_capture ON sale_order', extra_params => [ '-U', 'odoo' ]);
	my $dba = session('postgres', [ q{SELECT count(*) FROM odoo_events.attach('{sales_order}')},
			q{SELECT odoo_events.define_event('acme.sales.sales_order.touched.v1', entity => 'sales_order', occasion => 'updated')} ]);
	goes_on('open');
	$dba->query_safe('ROLLBACK');
	$dba->quit;
	$node->safe_psql('plant', 'SELECT odoo_events.attach()');
};

subtest 'a module upgrade locks tables of Odoo' => sub {
	my $odoo = session('odoo', [ 'LOCK TABLE ir_config_parameter, maintenance_equipment, mrp_production IN ACCESS EXCLUSIVE MODE' ]);
	$node->safe_psql('plant', q{SELECT odoo_events._wake('config')});
	goes_on('locked');
	like(health('arming'), qr/^ok/, 'what Odoo said of its database stands');
	my ($ret, $out, $err) = $node->psql('plant', 'SELECT odoo_events.disarm(); SELECT odoo_events.arm()');
	is($err, '', 'disarm() and arm() work with what is known');
	$odoo->query_safe('ROLLBACK');
	$odoo->quit;
};

subtest 'a locked table of ours hides one check, not the others' => sub {
	my $dba = session('postgres', [ 'LOCK TABLE odoo_events.quarantined IN ACCESS EXCLUSIVE MODE' ]);
	like(health('quarantine'), qr/^warn: cannot be looked at/, 'health() says which');
	like(health('worker'), qr/^ok|^critical: a step/, 'the others are looked at');
	$dba->query_safe('ROLLBACK');
	$dba->quit;
};

subtest 'a view of a locked table says who is in the way, and waits no longer than a scrape does' => sub {
	my @asked = ((map { "SELECT count(*) FROM odoo_events.$_" } qw(worker_status capture_status capture_error subscription_status replay_status storage arming care)),
		(map { "SELECT count(*) FROM odoo_events.$_()" } qw(health metrics metrics_text diagnose)));
	foreach my $table (qw(subscription_config progress_0 publish_cursor_0 capture_rule))
	{
		my $dba = session('postgres', ["LOCK TABLE odoo_events.$table IN ACCESS EXCLUSIVE MODE"]);
		my $pid = $dba->query_safe('SELECT pg_backend_pid()');
		my $refused = 0;
		foreach my $statement (@asked)
		{
			my ($ret, $out, $err) = $node->psql('plant', "SET statement_timeout = '30s'; $statement", extra_params => [ '-U', 'postgres' ]);
			$refused += $err =~ /cannot be read now: session $pid has locked odoo_events\.$table/;
			unlike($err, qr/statement timeout|due to lock timeout/, "$table is locked: $statement does not wait");
		}
		ok($refused > 0, "$table is locked: it is said by whom");
		my ($ret, $out, $err) = $node->psql('plant', q{SELECT state FROM odoo_events.worker_status}, extra_params => [ '-U', 'watch' ]);
		isnt($out, '', "$table is locked: what the worker does can be seen all the same");
		$dba->query_safe('ROLLBACK');
		$dba->quit;
	}
};

subtest 'a lock that nobody holds' => sub {
	my $dba = session('postgres', ['LOCK TABLE odoo_events.capture_rule IN ACCESS EXCLUSIVE MODE', q{PREPARE TRANSACTION 'locks'}]);
	$dba->quit;
	my ($ret, $out, $err) = $node->psql('plant', 'SELECT * FROM odoo_events.capture_status');
	like($err, qr/capture_status cannot be read now: a prepared transaction has locked odoo_events.capture_rule/, 'is told of');
	like($err, qr/HINT:  SELECT gid, owner, prepared FROM pg_catalog.pg_prepared_xacts/, 'and where to look');
	$node->safe_psql('plant', q{ROLLBACK PREPARED 'locks'});
};

subtest 'who has read the event log and does not end is named' => sub {
	my $reader = session('postgres', ['SELECT count(*) FROM odoo_events.outbox']);
	my $pid = $reader->query_safe('SELECT pg_backend_pid()');
	my ($detail, $hint) = split /\|/, $node->safe_psql('plant', q{SELECT detail, hint FROM odoo_events._health_readers('0') WHERE detail ~ 'outbox' LIMIT 1});
	like($detail, qr/^session $pid of role postgres has kept .*outbox.* from being emptied since /, 'a session');
	is($node->safe_psql('plant', "$hint") ne '', 1, 'which the hint shows');
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.health() WHERE "check" = 'readers'}), '0', 'for a while that is as it should be');
	$reader->query_safe(q{PREPARE TRANSACTION 'reader'});
	$reader->quit;
	like($node->safe_psql('plant', q{SELECT detail FROM odoo_events._health_readers('0') WHERE detail ~ 'outbox'}), qr/^prepared transaction 'reader' of role postgres has kept .*outbox/, 'one that nobody holds');
	is($node->safe_psql('plant', $node->safe_psql('plant', q{SELECT hint FROM odoo_events._health_readers('0') WHERE detail ~ 'prepared' LIMIT 1})) =~ /\|reader\|/, 1, 'which the hint shows, too');
	$node->safe_psql('plant', q{ROLLBACK PREPARED 'reader'});
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events._health_readers('0') WHERE detail ~ 'prepared'}), '0', 'and then it is gone');
};

subtest 'nobody but the views calls what they read' => sub {
	my ($ret, $out, $err) = $node->psql('plant', 'SELECT * FROM odoo_events._read_subscription_status(1)', extra_params => [ '-U', 'watch' ]);
	like($err, qr/this function is for a status view/, 'a guess is refused');
	($ret, $out, $err) = $node->psql('plant', 'SELECT last_value FROM odoo_events._view_key', extra_params => [ '-U', 'watch' ]);
	like($err, qr/permission denied/, 'what it would take cannot be read');
	is($node->safe_psql('plant', q{SELECT seqstart FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid WHERE c.relname = '_view_key'}, extra_params => [ '-U', 'watch' ]), '1', 'nor in the catalog');
	$node->safe_psql('plant', q{CREATE ROLE looker LOGIN; GRANT USAGE ON SCHEMA odoo_events TO looker; GRANT SELECT ON odoo_events.replay_status TO looker});
	is($node->safe_psql('plant', 'SELECT count(*) FROM odoo_events.replay_status', extra_params => [ '-U', 'looker' ]), '0', 'SELECT on a view is all that its reader needs');
};

subtest 'DROP EXTENSION waits for the current transaction of the worker' => sub {
	tune('publish-outbox', 'wait');
	$node->safe_psql('plant', $toggle);
	ok(held('publish-outbox'), 'the worker is inside a transaction');
	my ($ret, $out, $err) = $node->psql('plant', q{SET lock_timeout = '300ms'; DROP EXTENSION odoo_events});
	like($err, qr/lock timeout/, 'the command waits');
	($ret, $out, $err) = $node->psql('plant', 'DROP EXTENSION odoo_events', extra_params => [ '-U', 'evil' ]);
	like($err, qr/must be owner of extension/, 'who may not drop it waits for nothing');
	my $from = -s $node->logfile;
	my $dba = $node->background_psql('plant');
	$dba->query_until(qr/drops/, "\\echo drops\nDROP EXTENSION odoo_events;\n");
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ 'DROP EXTENSION' AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()}), 'waits again');
	rename "$faults/publish-outbox.held", "$faults/publish-outbox.gone";
	$dba->quit;
	is($node->safe_psql('plant', q{SELECT count(*) FROM pg_extension WHERE extname = 'odoo_events'}), '0', 'and is done when that has ended');
	ok($node->wait_for_log(qr/odoo_events leaves database "plant": the extension was dropped/, $from), 'the worker leaves');
	unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile, $from), qr/ERROR:  extension|does not exist/, 'without an error in the log');
};

subtest 'an extension that was dropped and created again is another one' => sub {
	$node->safe_psql('plant', 'CREATE EXTENSION odoo_events');
	ok($node->poll_query_until('plant', q{SELECT state = 'idle' FROM odoo_events.worker_status}), 'a worker runs');
	my $pid = $node->safe_psql('plant', 'SELECT pid FROM odoo_events.worker_status');
	$node->safe_psql('plant', 'BEGIN; DROP EXTENSION odoo_events; CREATE EXTENSION odoo_events; COMMIT');
	ok($node->poll_query_until('plant', "SELECT state = 'idle' AND pid <> $pid FROM odoo_events.worker_status"), 'it gets a worker of its own');
	my $dba = session('postgres', ['DROP EXTENSION odoo_events']);
	$node->safe_psql('plant', $toggle);
	$dba->query_safe('ROLLBACK');
	$dba->quit;
	ok($node->poll_query_until('plant', q{SELECT state = 'idle' AND last_error IS NULL OR last_error ~ 'being dropped' FROM odoo_events.worker_status}), 'a DROP that is rolled back was nothing');
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.attach() WHERE entity = 'transfer'}) > 0, 1, 'and all goes on');
};
$node->stop;
done_testing();
