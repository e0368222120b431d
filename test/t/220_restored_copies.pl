# Which server sends after a physical backup, a point-in-time recovery, a failover or a TEMPLATE copy, and what arm() does to the secrets of
# a copy: seen at the receiver.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('production', "odoo_events.restart_delay = '200ms'\nmax_wal_senders = 4\nwal_level = logical\nfsync = on\n");
$node->append_conf('pg_hba.conf', "local replication all trust\n");
$node->append_conf('postgresql.conf', 'archive_mode = on' . "\n" . q{archive_command = 'cp "%p" "} . $node->archive_dir . q{/%f"'} . "\n");
$node->restart;
my $receiver = OdooEvents->receiver;
my $toggle = q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = 1};
my $file = 'odoo_events.restored';
for my $db ('plant', 'second')
{
	OdooEvents->load($node, $db, 'odoo19');
	$node->safe_psql($db, 'SELECT odoo_events.attach()');
	OdooEvents->replay($node, $db, 'odoo19-sales');
	$receiver->subscribe($node, $db, 'wms', "/$db");
}

# One more event in $server's database; answers its id.
sub publish_one
{
	my ($server, $db) = @_;
	my $before = $server->safe_psql($db, 'SELECT odoo_events._last_position()');
	$server->safe_psql($db, $toggle);
	$server->poll_query_until($db, "SELECT odoo_events._last_position() > $before") or die 'nothing is published';
	return $server->safe_psql($db, "SELECT id FROM odoo_events.outbox WHERE position > $before ORDER BY position LIMIT 1");
}

sub sends
{
	my ($server, $db, $path) = @_;
	my $id = publish_one($server, $db);
	return $receiver->wait_for(sub { grep { $_->{path} eq $path && ($_->{headers}{'webhook-id'} // '') eq $id && $_->{status} < 300 } @_ }, "an event arrives at $path");
}

# The worker has said that it does not deliver; what it publishes then does not arrive.
sub is_silent
{
	my ($server, $db, $why, $log) = @_;
	ok($server->wait_for_log(qr/does not deliver from database "$db": \Q$why\E/, $log), "$db: the worker says why it is silent");
	my $id = publish_one($server, $db);
	is($server->safe_psql($db, 'SELECT armed, reason FROM odoo_events.arming'), "f|$why", 'so does the view arming');
	my ($ret, $out, $err) = $server->psql($db, q{SELECT * FROM odoo_events.health() WHERE "check" = 'arming' AND status = 'critical' AND hint LIKE '%arm()%'});
	like($out, qr/\Q$why\E/, 'and health()');
	is(scalar(grep { $_->{id} eq $id } $receiver->events("/$db")), 0, 'nothing arrives');
	return;
}
sub restored
{
	my ($name, $from, $backup, @how) = @_;
	my $server = PostgreSQL::Test::Cluster->new($name);
	$server->init_from_backup($from, $backup, @how);
	$server->append_conf('postgresql.conf', "archive_mode = off\n");
	return $server;
}
my $why = 'the server was restored from a physical backup';
my $standby;

subtest 'a backup that is started as a server of its own is silent until arm()' => sub {
	$node->backup('base');
	my $copy = restored('restored', $node, 'base');
	$copy->start;
	is_silent($copy, $_, $why, 0) for 'plant', 'second';
	ok(sends($node, 'plant', '/plant'), 'production goes on meanwhile');
	my $log = -s $copy->logfile;
	$copy->restart;
	is_silent($copy, 'plant', $why, $log);
	is($copy->safe_psql('plant', q{SELECT who FROM odoo_events.audit_log WHERE what = 'disarm'}), 'odoo_events worker', 'the audit has it once');
	$copy->safe_psql('plant', 'SELECT odoo_events.arm()');
	ok(sends($copy, 'plant', '/plant'), 'armed, it sends with the same secret');
	is($copy->safe_psql('second', 'SELECT armed FROM odoo_events.arming'), 'f', 'the other database is armed by itself');
	$copy->restart;
	ok(sends($copy, 'plant', '/plant'), 'also after a restart');

	# the restored server becomes production: it has a replica, and that takes over
	$copy->append_conf('pg_hba.conf', "local replication all trust\n");
	$copy->reload;
	$copy->backup('second_base');
	my $replica = restored('replica', $copy, 'second_base', has_streaming => 1);
	$replica->start;
	$copy->wait_for_catchup($replica);
	$copy->stop('immediate');
	$replica->promote;
	ok(sends($replica, 'plant', '/plant'), 'a replica of the restored server goes on after a failover');
	is($replica->safe_psql('second', 'SELECT armed FROM odoo_events.arming'), 'f', 'what was silent stays so');
	$replica->stop;
};

subtest 'a standby that is promoted goes on, without a token' => sub {
	$standby = restored('standby', $node, 'base', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	is($standby->safe_psql('plant', 'SELECT armed FROM odoo_events.arming'), 't', 'a standby is what its primary is');
	ok(!-e $standby->data_dir . "/$file", 'no token is written');
	$standby->promote;
	ok(sends($standby, 'plant', '/plant'), 'it sends');
	$standby->restart;
	ok(sends($standby, 'plant', '/plant'), 'also after a restart');
	$standby->stop;
};

subtest 'a point-in-time recovery is silent, also if it was killed on the way or run with --single' => sub {
	my $id = publish_one($node, 'plant');
	my $until = $node->safe_psql('plant', 'SELECT pg_create_restore_point($$before$$)');
	$node->safe_psql('plant', 'SELECT pg_switch_wal()');
	$node->poll_query_until('plant', "SELECT last_archived_wal >= pg_walfile_name('$until') FROM pg_stat_archiver") or die 'nothing is archived';
	my $copy = restored('recovered', $node, 'base', has_restoring => 1, standby => 0);
	$copy->append_conf('postgresql.conf', "recovery_target_name = 'before'\nrecovery_target_action = 'pause'\n");
	$copy->start;
	$copy->poll_query_until('plant', 'SELECT pg_get_wal_replay_pause_state() = $$paused$$') or die 'recovery does not pause';
	my $token = slurp_file($copy->data_dir . "/$file");
	like($token, qr/^[0-9a-f]{32}$/, 'the token is written before recovery');
	is($copy->safe_psql('plant', 'SELECT reason FROM odoo_events.arming'), $why, 'a session sees it before the end of recovery');
	$copy->stop("immediate");
	$copy->append_conf('postgresql.conf', "recovery_target_action = 'promote'\n");
	my $log = -s $copy->logfile;
	$copy->start;
	isnt(slurp_file($copy->data_dir . "/$file"), $token, 'each start from a backup has its own token');
	$copy->poll_query_until('plant', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';
	is_silent($copy, 'plant', $why, $log);
	$copy->stop;

	my $single = restored('single', $node, 'base', has_restoring => 1, standby => 0);
	ok(-e $single->data_dir . '/backup_label', 'a backup that was not started yet');
	my ($out, $err) = run_command([ 'postgres', '--single', '-D', $single->data_dir, '-c', 'recovery_target_name=before', '-c', 'recovery_target_action=promote', 'plant' ]);
	ok(-e $single->data_dir . "/$file", 'single-user mode, which takes the signs of a backup away, leaves the token');
};

subtest 'arm() in a TEMPLATE copy deletes the secrets and pauses, unless they are to be kept' => sub {
	my $hash = q{SELECT string_agg(md5(secret::text), ',') FROM odoo_events.subscription_secret};
	my $secret = $node->safe_psql('plant', q{SELECT encode(secret, 'hex') FROM odoo_events.subscription_secret});
	my $mine = $node->safe_psql('plant', $hash);
	$node->safe_psql('plant', 'CHECKPOINT');
	for my $db ('testing', 'moved')
	{
		$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo TEMPLATE plant");
		like($node->safe_psql($db, 'SELECT reason FROM odoo_events.arming'), qr/^a copy/, 'a copy is silent');
	}
	my ($ret, $out, $err) = $node->psql('testing', 'SELECT odoo_events.arm()');
	like($err, qr/NOTICE:.*the secrets of 1 subscriptions were deleted, and they are paused/, 'arm() says what it takes away');
	is($node->safe_psql('testing', 'SELECT armed FROM odoo_events.arming'), 't', 'it is armed');
	is($node->safe_psql('testing', 'SELECT name, state, state_reason FROM odoo_events.subscription_status'), 'wms|paused|paused by arm() in a copy', 'every subscription is paused');
	is($node->safe_psql('testing', 'SELECT count(*) FROM odoo_events.subscription_secret'), '0', 'no secret is left');
	is($node->safe_psql('testing', q{SELECT string_agg(what, ',' ORDER BY at) FROM odoo_events.audit_log WHERE at > (SELECT max(armed_at) FROM odoo_events.arming) - interval '1 second' AND what IN ('pause', 'forget secrets')}),
		'pause,forget secrets', 'the audit has both');
	$node->safe_psql('testing', 'CHECKPOINT');
	my $files = $node->data_dir . '/base/' . $node->safe_psql('testing', 'SELECT oid FROM pg_database WHERE datname = current_database()');
	is(scalar(grep { -f $_ && index(slurp_file($_), pack('H*', $secret)) >= 0 } glob "$files/*"), 0, 'nor in a file of the copy');
	my $id = publish_one($node, 'testing');
	is(scalar(grep { $_->{id} eq $id } $receiver->events('/plant')), 0, 'nothing is sent');

	$node->safe_psql('moved', 'SELECT odoo_events.arm(keep_secrets => true)');
	is($node->safe_psql('moved', $hash), $mine, 'keep_secrets => true keeps them');
	ok(sends($node, 'moved', '/plant'), 'and sends');
	$node->safe_psql('moved', 'SELECT odoo_events.arm(keep_secrets => false)');
	is($node->safe_psql('moved', 'SELECT count(*) FROM odoo_events.subscription_secret'), '0', 'keep_secrets => false deletes them anywhere');
	is($node->safe_psql('plant', $hash), $mine, "production's are there");
	$node->safe_psql('plant', 'SELECT odoo_events.arm()');
	is($node->safe_psql('plant', $hash), $mine, 'and stay when production is armed again');
};
$node->stop;
done_testing();
