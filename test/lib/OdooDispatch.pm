# What the tests of dispatching share: a database without Odoo's tables, whose function make(n, keys) emits events, and a receiver.
package OdooDispatch;
use strict;
use warnings;
use Exporter 'import';
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(status delivered subscribe done_with leave_progress age);
my ($node, $receiver);
my $db = 'plant';

# Starts both.
sub start
{
	my ($name) = @_;
	$node = OdooEvents->node($name, "odoo_events.restart_delay = '100ms'\n");
	$receiver = OdooEvents->receiver;
	$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
	$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm();
CREATE FUNCTION make(n int, keys int, pad int DEFAULT 0, kind text DEFAULT 'made') RETURNS void LANGUAGE sql AS $$
  SELECT odoo_events._emit('odoo.platform.test.' || kind || '.v1', 'test/' || i, jsonb_build_object('n', i, 'pad',
      (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, pad / 32))), 'test:' || i % keys)
    FROM generate_series(1, n) i $$});
	return ($node, $receiver);
}

sub status { return OdooEvents::status($node, $db, @_) }
sub delivered { return OdooEvents::delivered($node, $db, @_) }

sub subscribe
{
	my ($name, $more) = @_;
	return $receiver->subscribe($node, $db, $name, "/$name", $more);
}

sub done_with
{
	$receiver->misbehave();
	$node->safe_psql($db, 'SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription');
}

# Puts a row of progress as the worker would have left it, while none runs.
sub leave_progress
{
	my ($name, $set, $columns) = @_;
	$columns //= 'failing_since';
	$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.databases = 'none-such'});
	$node->reload;
	$node->safe_psql($db, q{SELECT pg_terminate_backend(pid, 10000) FROM odoo_events.worker_status});
	$node->safe_psql($db, qq{INSERT INTO odoo_events.progress_0 (subscription_id, at, cursor, in_flight, $columns)
		SELECT p.subscription_id, now() - interval '1 min', p.cursor, p.in_flight, $set
		  FROM odoo_events.subscription_progress p WHERE p.name = '$name'});
	$node->safe_psql('postgres', q{ALTER SYSTEM RESET odoo_events.databases});
	$node->reload;
	$node->safe_psql($db, q{SELECT odoo_events._wake('register')});
	return;
}

# Makes the latest events that fit the condition two hours older.
sub age
{
	my ($name, $condition) = @_;
	$node->safe_psql($db, qq{DO \$\$ BEGIN FOR i IN 0..7 LOOP
		EXECUTE format('UPDATE odoo_events.outbox_%s o SET time = time - interval ''2 h'' WHERE position > (SELECT LEAST(p.cursor, p.in_flight[1] - 1, (SELECT min(h.position) - 1 FROM odoo_events.held h))
			FROM odoo_events.subscription_progress p WHERE name = %L) AND (SELECT $condition FROM (SELECT (o.event::json #>> ''{data,n}'')::int AS n) x)', i, '$name');
		END LOOP; END \$\$; SELECT pg_terminate_backend(pid, 10000) FROM odoo_events.worker_status});	# which has them in memory
	return;
}

# What must be true at the end of each file.
sub finish
{
	is_deeply([ grep { !/^out of order/ } $receiver->problems ], [], 'every signature was right, and the bytes of an id the same');
	unlike(slurp_file($node->logfile), qr/(PANIC|TRAP):|WARNING:  (?!subscription "\w+" has lost|argument "filter" looks at)/, 'no other warning in the log');
	$node->stop;
	return;
}

1;
