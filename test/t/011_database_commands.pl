# Odoo's database manager, as its role that is no superuser: every session is terminated, then the database is duplicated, renamed, dropped;
# at the first try, while the worker waits for an endpoint that hangs or stands in the middle of a transaction.  DROP EXTENSION in the middle
# of a cycle, the extension in template1.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

# Odoo's role may not terminate a worker of autovacuum, which is none of ours.
my $node = OdooEvents->node('commands', "odoo_events.restart_delay = '1s'\nautovacuum = off\n");
my $receiver = OdooEvents->receiver;
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', 'SELECT odoo_events.attach()');
OdooEvents->replay($node, 'plant', 'odoo19-sales');
$receiver->misbehave({ hold => JSON::PP::true });
$receiver->subscribe($node, 'plant', 'wms', '/wms', q{timeout => '30s'});

# What service/db.py sends, in one session of Odoo's role; each statement commits by itself.
sub manager
{
	my ($what, $db, $command) = @_;
	my ($out, $err);
	my $ok = IPC::Run::run(
		[
			'psql', '-qAtX', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') . ' user=odoo',
			'-c', qq{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$db' AND pid != pg_backend_pid()}, '-c', $command
		],
		'<', File::Spec->devnull, '>', \$out, '2>', \$err);
	ok($ok, $what) or diag $err;
	return;
}

# A change that becomes an event, and waits for the worker to be busy with it.
my $toggle = q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = 1};
sub busy_with_endpoint
{
	my ($db) = @_;
	$node->safe_psql($db, $toggle);
	ok($node->poll_query_until($db, q{SELECT count(*) > 0 FROM odoo_events.subscription_status WHERE in_flight > 0}), "the worker of $db waits for an endpoint");
	is($node->safe_psql($db, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'odoo_events worker' AND datname = current_database()
		AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL) AND state ~ 'idle'}), '0', 'not in a transaction');
	return;
}

sub stands_at
{
	my ($db, $point) = @_;
	$node->poll_query_until($db, 'SELECT pid IS NOT NULL FROM odoo_events.worker_status');
	open my $fh, '>', "$faults/$point.new";
	print $fh 'wait';
	close $fh;
	rename "$faults/$point.new", "$faults/$point";
	$node->safe_psql($db, $toggle);
	OdooEvents::Receiver::wait_until(sub { -e "$faults/$point.held" }, "the worker of $db stands at $point");
	return;
}
sub go_on { unlink "$faults/$_[0].held"; return }

$node->safe_psql('plant', $toggle);
busy_with_endpoint('plant');
manager('duplicated', 'plant', q{CREATE DATABASE "copy" ENCODING 'unicode' TEMPLATE "plant"});
busy_with_endpoint('plant');
manager('renamed', 'plant', 'ALTER DATABASE "plant" RENAME TO "works"');
busy_with_endpoint('works');
my $dir = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION '$dir'; GRANT CREATE ON TABLESPACE elsewhere TO odoo");
manager('moved to another tablespace', 'works', 'ALTER DATABASE works SET TABLESPACE elsewhere');

# the copy has everything, publishes, and is silent
ok($node->poll_query_until('copy', 'SELECT pid IS NOT NULL FROM odoo_events.worker_status'), 'the copy has a worker');
like($node->safe_psql('copy', 'SELECT reason FROM odoo_events.arming'), qr/^a copy/, 'it is not armed');
my $position = $node->safe_psql('copy', 'SELECT odoo_events._last_position()');
$node->safe_psql('copy', $toggle);
ok($node->poll_query_until('copy', "SELECT odoo_events._last_position() > $position"), 'it publishes');
my @silent = split /\n/, $node->safe_psql('copy', "SELECT id FROM odoo_events.outbox WHERE position > $position");
ok($node->poll_query_until('copy', q{SELECT in_flight = 0 FROM odoo_events.subscription_status}), 'and sends nothing');

# in the middle of a transaction
stands_at('copy', 'publish-outbox');
manager('renamed in the middle of publishing', 'copy', 'ALTER DATABASE "copy" RENAME TO "second"');
go_on('publish-outbox');
stands_at('second', 'publish-foreign');
manager('duplicated while Odoo\'s tables are read', 'second', q{CREATE DATABASE "third" ENCODING 'unicode' TEMPLATE "second"});
go_on('publish-foreign');
stands_at('second', 'publish-cursor');
manager('dropped in the middle of publishing', 'second', 'DROP DATABASE "second"');
go_on('publish-cursor');
stands_at('third', 'publish-outbox');
$node->safe_psql('postgres', 'DROP DATABASE third WITH (FORCE)', extra_params => [ '-U', 'odoo' ]);
pass('dropped with force');
go_on('publish-outbox');

# what was renamed and moved goes on where it was
$receiver->misbehave();
ok($node->poll_query_until('works', q{SELECT lag_events = 0 AND position = odoo_events._last_position() FROM odoo_events.subscription_status
	WHERE odoo_events.retry_now(name) IS NOT NULL}), 'renamed and moved: still armed, all is delivered');
is_deeply([ $receiver->problems('/wms') ], [], 'in order, the same bytes');
my %arrived = map { $_->{id} => 1 } $receiver->events('/wms');
ok(scalar(@silent) && !(grep { $arrived{$_} } @silent), 'the copy sent nothing');

# --- DROP EXTENSION
stands_at('works', 'publish-outbox');
my $drop = $node->background_psql('works', on_error_stop => 0);
$drop->query_until(qr/begun/, "\\echo begun\nDROP EXTENSION odoo_events;\n\\echo dropped\n");
ok($node->poll_query_until('works', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ '^DROP EXTENSION' AND wait_event_type = 'Lock'}),
	'DROP EXTENSION waits for the step');
go_on('publish-outbox');
$drop->query_until(qr/dropped/, '');
$drop->quit;
is($node->safe_psql('works', q{SELECT count(*) FROM pg_extension WHERE extname = 'odoo_events'}), '0', 'then it is done');
ok($node->poll_query_until('works', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'odoo_events worker' AND datname = 'works'}), 'the worker goes');
is($node->safe_psql('works', q{SELECT count(*) FROM pg_trigger WHERE tgname ~ 'odoo_events'}), '0', 'and so have the triggers');
$node->safe_psql('works', $toggle);

# again, while an Odoo transaction is about to commit what it has changed
$node->safe_psql('works', q{CREATE EXTENSION odoo_events; SELECT odoo_events.attach()});
my $odoo = $node->background_psql('works');
$odoo->query_safe('BEGIN');
$odoo->query_safe($toggle);
$drop = $node->background_psql('works', on_error_stop => 0);
$drop->query_until(qr/begun/, "\\echo begun\nDROP EXTENSION odoo_events;\n\\echo dropped\n");
ok($node->poll_query_until('works', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ '^DROP EXTENSION' AND wait_event_type = 'Lock'}),
	'DROP EXTENSION waits for a transaction that has changed a captured table');
$odoo->query_safe('COMMIT');
$odoo->query_safe($toggle);
$odoo->quit;
$drop->query_until(qr/dropped/, '');
$drop->quit;
is($node->safe_psql('works', q{SELECT count(*) FROM pg_extension WHERE extname = 'odoo_events'}), '0', 'which commits all the same');

# --- in template1, for every new database
$node->safe_psql('template1', 'CREATE EXTENSION odoo_events');
command_ok([ 'createdb', '-h', $node->host, '-p', $node->port, '-U', 'odoo', 'fresh' ], 'a database from template1');
command_ok([ 'createdb', '-h', $node->host, '-p', $node->port, '-U', 'odoo', 'fresh2' ], 'and another');
ok($node->poll_query_until('fresh2', 'SELECT pid IS NOT NULL FROM odoo_events.worker_status'), 'has the extension and a worker');
is($node->safe_psql('fresh2', 'SELECT armed, reason FROM odoo_events.arming'), 'f|never armed', 'and is silent');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'odoo_events worker' AND datname = 'template1'}), '0',
	'the template has none');
$node->safe_psql('template1', 'DROP EXTENSION odoo_events');
$node->safe_psql('postgres', 'DROP DATABASE fresh');
$node->stop;
done_testing();
