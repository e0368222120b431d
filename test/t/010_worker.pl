# The worker's life: found by itself, out of the way of every database command, silent in a copy.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('worker');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'odoo_events'\nmax_worker_processes = 20\nodoo_events.restart_delay = '2s'\n");
$node->start;

$node->safe_psql('postgres', 'CREATE ROLE odoo LOGIN CREATEDB; CREATE ROLE stranger LOGIN CREATEDB');
$node->safe_psql('postgres', 'CREATE DATABASE plant OWNER odoo');
$node->safe_psql('plant', q{
  CREATE TABLE ir_module_module (id int PRIMARY KEY);
  ALTER TABLE ir_module_module OWNER TO odoo;
  CREATE TABLE ir_config_parameter (id serial PRIMARY KEY, key text, value text);
  ALTER TABLE ir_config_parameter OWNER TO odoo;
  INSERT INTO ir_config_parameter (key, value) VALUES ('database.uuid', 'uuid-of-plant')});

my $worker = q{SELECT usename FROM pg_stat_activity WHERE backend_type = 'odoo_events worker' AND datname = '%s'};
sub worker_of { return sprintf($worker, shift) }

sub wait_worker
{
	my ($db, $user) = @_;
	return $node->poll_query_until('postgres', worker_of($db), $user);
}

my $odoo;

subtest 'the worker starts after CREATE EXTENSION has committed, as the owner of the database' => sub {
	$node->safe_psql('plant', 'BEGIN; CREATE EXTENSION odoo_events; ROLLBACK');
	is($node->safe_psql('postgres', worker_of('plant')), '', 'no worker after a rolled back CREATE EXTENSION');
	$node->safe_psql('plant', 'CREATE EXTENSION odoo_events');
	ok(wait_worker('plant', 'odoo'), 'the worker connects as the owner of the database');
	ok($node->poll_query_until('plant', q{SELECT state = 'idle' FROM odoo_events.worker_status}), 'it is idle');
};

subtest 'the database is armed where the extension was created, and only there' => sub {
	is($node->safe_psql('plant', 'SELECT armed, reason FROM odoo_events.arming'), 'f|never armed', 'silent until armed');
	$node->safe_psql('plant', 'SELECT odoo_events.arm()');
	is($node->safe_psql('plant', 'SELECT armed FROM odoo_events.arming'), 't', 'armed');
	$node->safe_psql('plant', q{UPDATE ir_config_parameter SET value = 'another' WHERE key = 'database.uuid'});
	like($node->safe_psql('plant', 'SELECT armed, reason FROM odoo_events.arming'), qr/^f\|.*database\.uuid/,
		'silent when database.uuid differs');
	$node->safe_psql('plant', q{UPDATE ir_config_parameter SET value = 'uuid-of-plant' WHERE key = 'database.uuid';
	  INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'True')});
	like($node->safe_psql('plant', 'SELECT armed, reason FROM odoo_events.arming'), qr/^f\|.*neutralized/,
		'silent when Odoo says neutralized');
	my ($ret, $out, $err) = $node->psql('plant', 'SELECT odoo_events.arm()');
	like($err, qr/is neutralized/, 'a neutralized database cannot be armed');
	$node->safe_psql('plant', q{DELETE FROM ir_config_parameter WHERE key = 'database.is_neutralized'; SELECT odoo_events.disarm()});
	like($node->safe_psql('plant', 'SELECT armed, reason FROM odoo_events.arming'), qr/^f\|disarmed by/, 'disarmed');
	$node->safe_psql('plant', 'SELECT odoo_events.arm()');
};

subtest 'database commands succeed while the worker runs' => sub {
	$odoo = $node->connstr('postgres') . ' user=odoo';
	my $stranger = $node->connstr('postgres') . ' user=stranger';

	command_fails([ 'psql', '-X', '-d', $stranger, '-c', 'DROP DATABASE plant' ], 'a stranger may not drop');
	command_fails([ 'psql', '-X', '-d', $stranger, '-c', 'ALTER DATABASE plant RENAME TO mine' ], 'nor rename');
	command_fails([ 'psql', '-X', '-d', $stranger, '-c', 'CREATE DATABASE mine TEMPLATE plant' ], 'nor copy');
	is($node->safe_psql('postgres', worker_of('plant')), 'odoo', 'and stops nobody by trying');

	command_ok([ 'psql', '-X', '-d', $odoo, '-c', 'CREATE DATABASE copy TEMPLATE plant' ], 'TEMPLATE by the owner');
	ok(wait_worker('copy', 'odoo'), 'the copy gets a worker of its own');
	like($node->safe_psql('copy', 'SELECT armed, reason FROM odoo_events.arming'), qr/^f\|a copy/, 'which does not send');
	command_ok([ 'psql', '-X', '-d', $odoo, '-c', 'ALTER DATABASE copy RENAME TO copy2' ], 'RENAME by the owner');
	command_ok([ 'psql', '-X', '-d', $odoo, '-c', 'DROP DATABASE copy2' ], 'DROP by the owner');
};

subtest 'Odoo\'s way of dropping a database succeeds: all sessions are terminated, then the command follows' => sub {
	ok(wait_worker('plant', 'odoo'), 'the worker of the original is back');
	command_ok(
		[
			'psql', '-X', '-d', $odoo,
			'-c', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'plant' AND pid <> pg_backend_pid()},
			'-c', 'CREATE DATABASE plant2 TEMPLATE plant'
		],
		'terminate all sessions and duplicate');
};

subtest 'settings of a database or a role do not reach the worker' => sub {
	$node->safe_psql('postgres', q{
	  ALTER DATABASE plant SET default_transaction_read_only = on;
	  ALTER DATABASE plant SET search_path = evil;
	  ALTER ROLE odoo SET statement_timeout = 1;
	  ALTER DATABASE plant SET session_replication_role = replica});
	ok(wait_worker('plant', 'odoo'), 'the worker of the original is back after that, too');
	my $terminated = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'odoo_events worker' AND datname = 'plant'});
	is($node->safe_psql('postgres', "SELECT pg_terminate_backend($terminated, 60000)"), 't', 'a terminated worker goes');
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'odoo_events worker' AND datname = 'plant' AND pid <> $terminated"),
		'and comes back');
	ok($node->poll_query_until('plant', q{SELECT state = 'idle' AND last_error IS NULL FROM odoo_events.worker_status}),
		'without an error from planted settings');
};

subtest 'the worker ends with the extension, and comes back with it' => sub {
	$node->safe_psql('plant', 'SET default_transaction_read_only = off; DROP EXTENSION odoo_events');
	ok(wait_worker('plant', ''), 'no worker after DROP EXTENSION');
	$node->safe_psql('plant', 'SET default_transaction_read_only = off; CREATE EXTENSION odoo_events');
	ok(wait_worker('plant', 'odoo'), 'and one again after CREATE EXTENSION');
};

subtest 'worker_status says that an owner who cannot log in gets no worker' => sub {
	$node->safe_psql('postgres', 'CREATE ROLE shut NOLOGIN; CREATE DATABASE shutdb OWNER shut');
	$node->safe_psql('shutdb', 'CREATE EXTENSION odoo_events');
	ok($node->poll_query_until('shutdb', q{SELECT state = 'cannot start' AND last_error ~ 'cannot log in' FROM odoo_events.worker_status}),
		'an owner who cannot log in is reported');
};

subtest 'after a restart the launcher finds the databases by itself' => sub {
	$node->restart;
	ok(wait_worker('plant', 'odoo'), 'found again after a restart');
	ok(wait_worker('plant2', 'odoo'), 'and so is the other');
};

$node->stop;
done_testing();
