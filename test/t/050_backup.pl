# Odoo's backups and what becomes of them: made by its own role, restored with and without the right to create the extension; a
# restored database is complete, captures again, and stays silent until a DBA arms it.
# check-all: base backups and recoveries
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use MIME::Base64;
use OdooEvents;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('backup', "odoo_events.restart_delay = '200ms'\n");
my $receiver = OdooEvents->receiver;
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', 'SELECT odoo_events.attach()');
$receiver->subscribe($node, 'plant', 'wms', '/wms', q{headers => '{"X-Token": "t0ken-of-the-wms"}'});
OdooEvents->replay($node, 'plant', 'odoo19-sales');
my $delivered = q{SELECT lag_events = 0 AND position > 20 AND position = odoo_events._last_position() FROM odoo_events.subscription_status};
ok($node->poll_query_until('plant', $delivered), 'a day is delivered');

my $dir = PostgreSQL::Test::Utils::tempdir;
chmod 0755, $dir;
my $odoo = sub { return $node->connstr(shift) . ' user=odoo' };

# What Odoo's tables hold, as one line
my $sum = q{SELECT string_agg(t || '=' || (xpath('/row/c/text()', query_to_xml('SELECT count(*) AS c FROM ' || t, false, true, '')))[1]::text, ',' ORDER BY t)
	FROM (SELECT c.oid::regclass::text AS t FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace) x};
my $want = $node->safe_psql('plant', $sum);

my $text;

subtest 'a dump is made as Odoo makes it' => sub {
	command_ok([ 'pg_dump', '--no-owner', '-d', $odoo->('plant'), '-f', "$dir/plain.sql" ], 'plain dump by the role of Odoo');
	command_ok([ 'pg_dump', '--no-owner', '--format=c', '-d', $odoo->('plant'), '-f', "$dir/custom.dump" ], 'custom dump by the role of Odoo');
	command_ok([ 'pg_dump', '-d', $node->connstr('plant'), '-f', "$dir/dba.sql" ], 'plain dump by a DBA, with owners');
	$text = slurp_file("$dir/plain.sql");
	# what an older psql would read as SQL after a COPY that failed: nothing that leaves a statement open
	my @rows = map { split /\n/ } $text =~ /^COPY odoo_events\.\w+ [^\n]*\n(.*?)^\\\.\n/gms;
	cmp_ok(scalar(@rows), '>', 3, 'the configuration is in the dump');
	is_deeply([ grep { !/^\w+\t[0-9a-f]+;$/ } @rows ], [], 'in lines that are harmless where the extension is not there');
	unlike($text, qr/t0ken-of-the-wms|whsec_|odoo_events\.(journal|outbox|dead|attempt|progress|subscription_secret)/, 'holds no secret, no journal, no outbox');
};

subtest 'a dump that a DBA restores is complete, and silent until it is armed' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE back OWNER odoo');
	command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('back'), '-f', "$dir/dba.sql" ], 'plain restore by a superuser, without an error');
	is($node->safe_psql('back', $sum), $want, 'the data of Odoo is complete');
	like($node->safe_psql('back', 'SELECT armed, reason FROM odoo_events.arming'), qr/^f\|never armed/, 'it is not armed');
	is($node->safe_psql('back', q{SELECT count(*) FROM odoo_events.outbox_all}), '0', 'loading it made no events');
	is($node->safe_psql('back', q{SELECT * FROM odoo_events.subscription_config, odoo_events.attached ORDER BY entity}),
		$node->safe_psql('plant', q{SELECT * FROM odoo_events.subscription_config, odoo_events.attached ORDER BY entity}), 'the configuration is back');
	my $captured = q{SELECT relation, mode, attached FROM odoo_events.capture_status};
	is($node->safe_psql('back', $captured), $node->safe_psql('plant', $captured), 'the triggers came along');
	$node->safe_psql('back', 'SELECT odoo_events.attach()');
	is($node->safe_psql('back', 'SELECT armed FROM odoo_events.arming'), 'f', 'attach() does not arm a restored database');
	my $before = () = $receiver->ledger;
	$node->safe_psql('back', q{UPDATE stock_picking SET state = 'assigned' WHERE id = (SELECT min(id) FROM stock_picking WHERE state = 'cancel')});
	ok($node->poll_query_until('back', 'SELECT count(*) > 0 FROM odoo_events.outbox_all'), 'changes become events');
	like($node->safe_psql('back', q{SELECT state, state_reason FROM odoo_events.subscription_status}), qr/^disabled\|.*set_secret/, 'a subscription asks for its secret');
	my $new = 'whsec_' . MIME::Base64::encode_base64('0123456789abcdef' x 2, '');
	$node->safe_psql('back', qq{SELECT odoo_events.alter_subscription('wms', url => '@{[$receiver->url('/back')]}', secret => '$new', headers => '{"X-Token": "another"}')});
	$receiver->knows($new, '/back');
	$node->safe_psql('back', q{SELECT odoo_events.ping('wms')});
	ok($node->poll_query_until('back', q{SELECT count(*) > 0 FROM odoo_events.outbox_all WHERE type LIKE '%pinged%'}), 'a ping is published');
	is(scalar(() = $receiver->ledger), $before, 'and nothing is sent');
	$node->safe_psql('back', q{SELECT odoo_events.arm()});
	$receiver->wait_for(sub { @_ > 0 }, 'armed, it sends', '/back');
	is_deeply([ $receiver->problems('/back') ], [], 'properly signed');
};

subtest 'a dump that Odoo restores has all of Odoo\'s data' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE self OWNER odoo');
	command_ok([ 'psql', '-qX', '-d', $odoo->('self'), '-f', "$dir/plain.sql" ], 'plain restore by the role of Odoo ends well');
	is($node->safe_psql('self', $sum), $want, 'the data of Odoo is complete');
	# an older psql goes on reading the rows of the COPY that failed as SQL
	(my $older = $text) =~ s/^COPY odoo_events\.[^\n]*$/SELECT 'the COPY that failed';/gm;
	PostgreSQL::Test::Utils::append_to_file("$dir/older.sql", $older);
	$node->safe_psql('postgres', 'CREATE DATABASE self1 OWNER odoo');
	command_ok([ 'psql', '-qX', '-d', $odoo->('self1'), '-f', "$dir/older.sql" ], 'the same with an older psql');
	is($node->safe_psql('self1', $sum), $want, 'the data of Odoo is complete');
	$node->safe_psql('postgres', 'CREATE DATABASE self2 OWNER odoo');
	command_fails([ 'pg_restore', '--no-owner', '-d', $odoo->('self2'), "$dir/custom.dump" ], 'custom restore by the role of Odoo reports the extension');
	is($node->safe_psql('self2', $sum), $want, 'the data of Odoo is complete all the same');
	$node->safe_psql('self', 'CREATE EXTENSION odoo_events; SELECT odoo_events.attach()');
	$node->safe_psql('self', q{UPDATE stock_picking SET state = 'assigned' WHERE id = (SELECT min(id) FROM stock_picking WHERE state = 'cancel')});
	ok($node->poll_query_until('self', 'SELECT count(*) > 0 FROM odoo_events.outbox_all'), 'where a DBA adds it, it works');
};

subtest 'Odoo\'s role can restore a custom dump without the extension, with status 0' => sub {
	my ($list) = run_command([ 'pg_restore', '-l', "$dir/custom.dump" ]);
	PostgreSQL::Test::Utils::append_to_file("$dir/list", join('', map { "$_\n" } grep { !/odoo_events/ } split /\n/, $list));
	$node->safe_psql('postgres', 'CREATE DATABASE self3 OWNER odoo');
	command_ok([ 'pg_restore', '--no-owner', '-L', "$dir/list", '-d', $odoo->('self3'), "$dir/custom.dump" ], 'custom restore by the role of Odoo, by a list');
	is($node->safe_psql('self3', $sum), $want, 'the data of Odoo is complete');
	$node->safe_psql('self3', 'CREATE EXTENSION odoo_events; SELECT odoo_events.attach()');
	is($node->safe_psql('self3', q{SELECT count(*) > 0 FROM odoo_events.capture_status WHERE attached}), 't', 'a DBA adds the extension afterwards');
};

subtest 'a dump can be restored on a server without the extension' => sub {
	my $system = '/usr/lib/postgresql/' . $node->pg_version->major;
	SKIP:
	{
		skip 'no PostgreSQL without the extension on this machine', 9
		  if !-x "$system/bin/postgres" || -e '/usr/share/postgresql/' . $node->pg_version->major . '/extension/odoo_events.control';
		my $bare = PostgreSQL::Test::Cluster->new('bare', install_path => $system);
		$bare->init;
		$bare->start;
		$bare->safe_psql('postgres', 'CREATE ROLE odoo LOGIN CREATEDB');
		my $at = sub { $bare->safe_psql('postgres', "CREATE DATABASE $_[0] OWNER odoo"); $bare->connstr($_[0]) . " user=$_[1]" };
		command_ok([ 'psql', '-qX', '-d', $at->('plain', 'odoo'), '-f', "$dir/plain.sql" ], 'no extension there: plain restore by the role of Odoo ends well');
		is($bare->safe_psql('plain', $sum), $want, 'the data of Odoo is complete');
		command_ok([ 'psql', '-qX', '-d', $at->('older', 'odoo'), '-f', "$dir/older.sql" ], 'the same with an older psql');
		is($bare->safe_psql('older', $sum), $want, 'the data of Odoo is complete');
		command_fails([ 'pg_restore', '--no-owner', '-d', $at->('custom', 'odoo'), "$dir/custom.dump" ], 'custom restore reports what is not there');
		is($bare->safe_psql('custom', $sum), $want, 'the data of Odoo is complete all the same');
		command_ok([ 'pg_restore', '--no-owner', '-L', "$dir/list", '-d', $at->('listed', 'odoo'), "$dir/custom.dump" ], 'and nothing by a list');
		is($bare->safe_psql('listed', $sum), $want, 'the data of Odoo is complete');
		is($bare->safe_psql('listed', q{SELECT count(*) FROM pg_trigger WHERE tgname ~ 'odoo_events'}), '0', 'nothing is left of the extension');
		$bare->stop;
	}
};

subtest 'a DBA can restore a custom dump' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE back2 OWNER odoo');
	command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('back2'), "$dir/custom.dump" ], 'custom restore by a superuser, without an error');
	is($node->safe_psql('back2', $sum), $want, 'the data of Odoo is complete');
	is($node->safe_psql('back2', 'SELECT armed FROM odoo_events.arming'), 'f', 'it is not armed');
};

subtest 'restoring data with triggers disabled makes no events, and leaves none disabled' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE data_alone OWNER odoo');
	command_ok([ 'pg_restore', '--section=pre-data', '-d', $node->connstr('data_alone'), "$dir/custom.dump" ], 'the schema alone');
	command_ok([ 'pg_restore', '--section=post-data', '-d', $node->connstr('data_alone'), "$dir/custom.dump" ], 'with triggers, before the data');
	$node->safe_psql('data_alone', 'SELECT odoo_events.attach()');
	command_ok([ 'pg_restore', '--data-only', '--disable-triggers', '-n', 'public', '-d', $node->connstr('data_alone'), "$dir/custom.dump" ], 'data only, triggers disabled');
	is($node->safe_psql('data_alone', $sum), $want, 'the data of Odoo is complete');
	is($node->safe_psql('data_alone', 'SELECT count(*) FROM odoo_events.journal'), '0', 'loading it made no events');
	is($node->safe_psql('data_alone', q{SELECT count(*) FROM pg_trigger WHERE tgname ~ '^odoo_events' AND tgenabled <> 'O'}), '0', 'triggers are as they were');
};

subtest 'a publication of all tables carries neither journal nor secrets away' => sub {
	$node->safe_psql('plant', q{CREATE PUBLICATION everything FOR ALL TABLES;
		SELECT pg_create_logical_replication_slot('everything', 'test_decoding')});
	$node->safe_psql('plant', q{UPDATE stock_picking SET priority = '1', state = 'assigned' WHERE id = (SELECT min(id) FROM stock_picking WHERE state = 'cancel')});
	$node->safe_psql('plant', q{SELECT odoo_events.set_secret('wms')});
	my $wal = $node->safe_psql('plant', q{SELECT left(data, 60) FROM pg_logical_slot_get_changes('everything', NULL, NULL)});
	like($wal, qr/table public\.stock_picking: UPDATE/, 'logical decoding sees what Odoo writes');
	unlike($wal, qr/odoo_events\.(?:journal_\d|subscription_secret): INSERT/, 'and not what we write of it');
};

$node->stop;
done_testing();
