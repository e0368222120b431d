# What could hold the worker up or keep it away: code of Odoo's role that never ends, a backfill that ends the worker, an error while it
# is set up, a database command in the moment of its start, a list of databases that is narrowed, more databases than there is room for.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('bounds', "odoo_events.restart_delay = '300ms'\nodoo_events.read_timeout = '500ms'\nodoo_events.max_databases = 2\n");
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
sub tune { my ($name, $value) = @_; PostgreSQL::Test::Utils::append_to_file("$faults/$name", "$value\n"); return; }
tune('backoff-ms', 100);
my $receiver = OdooEvents->receiver;
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', 'SELECT odoo_events.attach()');
OdooEvents->replay($node, 'plant', 'odoo19-sales');
$receiver->subscribe($node, 'plant', 'wms', '/wms');
my $toggle = q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = 1};
my $done = q{SELECT lag_events = 0 AND position = odoo_events._last_position() FROM odoo_events.subscription_status};
my $idle = q{SELECT state = 'idle' FROM odoo_events.worker_status};
ok($node->poll_query_until('plant', $done), 'the day is delivered');
sub health { my ($db, $check) = @_; return $node->safe_psql($db, qq{SET statement_timeout = '30s'; SELECT status || ': ' || detail FROM odoo_events.health() WHERE "check" = '$check'}); }
sub waits { my ($db, $sql, $what) = @_; return ok($node->poll_query_until($db, $sql), $what); }

subtest 'an index predicate of the role of Odoo that never ends' => sub {
	my $tip = $node->safe_psql('plant', 'SELECT odoo_events._last_position()');
	my $delivered = () = $receiver->events('/wms');
	$node->safe_psql('plant', q{
	  CREATE TABLE flag (n int);
	  CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN IF EXISTS (SELECT FROM public.flag) THEN PERFORM pg_sleep(3600); END IF; RETURN $1; END$$;
	  CREATE INDEX slow ON res_partner (id) WHERE public.slow(1) = 1;
	  CREATE INDEX slow_too ON ir_config_parameter (id) WHERE public.slow(1) = 1;}, extra_params => [ '-U', 'odoo' ]);
	# from the commit on; the worker has not yet planned anything with these indexes
	$node->safe_psql('plant', q{BEGIN; INSERT INTO stock_picking (location_id, location_dest_id, picking_type_id, move_type, state, name, company_id, partner_id)
	  VALUES (5, 2, 2, 'direct', 'confirmed', 'WH/OUT/91000', 1, 7); INSERT INTO flag VALUES (1); COMMIT}, extra_params => [ '-U', 'odoo' ]);
	waits('plant', q{SELECT last_error ~ 'read_timeout' FROM odoo_events.worker_status}, 'the worker ends it, and says by which setting');
	like(health('plant', 'worker'), qr/^critical: .*read_timeout/, 'health() says so, and does not run it');
	is($node->safe_psql('plant', q{SET statement_timeout = '30s'; SELECT armed FROM odoo_events.arming}), 't', 'nor does the view arming');
	$node->safe_psql('plant', q{SELECT odoo_events.replay('wms', from_position => 1, to_position => 3)});
	$receiver->wait_for(sub { () = $receiver->events('/wms'); scalar($receiver->events('/wms')) >= $delivered + 3 }, 'delivery goes on');
	$node->safe_psql('plant', 'DELETE FROM flag', extra_params => [ '-U', 'odoo' ]);
	waits('plant', "SELECT odoo_events._last_position() > $tip", 'what waited is published afterwards');
	waits('plant', $done, 'and delivered');
};

subtest 'a backfill whose predicate ends the worker' => sub {
	my $job = $node->safe_psql('plant', q{SELECT odoo_events.backfill('transfer', 'pg_terminate_backend(pg_backend_pid())')});
	waits('plant', "SELECT state = 'failed' FROM odoo_events.backfill_status WHERE id = $job", 'it is given up');
	like($node->safe_psql('plant', "SELECT error FROM odoo_events.backfill_status WHERE id = $job"), qr/begun 3 times and never finished/, 'and says why');
	waits('plant', $idle, 'the worker stays');
	$job = $node->safe_psql('plant', q{SELECT odoo_events.backfill('transfer')});
	waits('plant', "SELECT state = 'done' FROM odoo_events.backfill_status WHERE id = $job", 'the next one is done');
};

subtest 'a backfill of a table that is locked waits' => sub {
	my $odoo = $node->background_psql('plant', extra_params => [ '-U', 'odoo' ]);
	$odoo->query_safe($_) foreach 'BEGIN', 'LOCK TABLE stock_picking IN ACCESS EXCLUSIVE MODE';
	my $job = $node->safe_psql('plant', q{SELECT odoo_events.backfill('transfer')});
	waits('plant', q{SELECT substring(state FROM '^backfilling failed, again after (.*) s$')::float >= 0.8 FROM odoo_events.worker_status}, 'it was tried several times');
	$odoo->query_safe('ROLLBACK');
	$odoo->quit;
	waits('plant', "SELECT state = 'done' FROM odoo_events.backfill_status WHERE id = $job", 'that is no failure of the backfill');
};

subtest 'an error while the worker is set up' => sub {
	$node->safe_psql('postgres', 'REVOKE CONNECT ON DATABASE plant FROM PUBLIC, odoo');
	$node->safe_psql('plant', 'SELECT pg_terminate_backend(pid) FROM odoo_events.worker_status');
	waits('plant', q{SELECT last_error = 'starting: permission denied for database "plant"' FROM odoo_events.worker_status}, 'worker_status shows it');
	like(health('plant', 'worker'), qr/^critical: no worker runs: .*permission denied for database/, 'health() shows it');
	$node->safe_psql('postgres', 'GRANT CONNECT ON DATABASE plant TO PUBLIC, odoo');
	waits('plant', q{SELECT state = 'idle' AND last_error IS NULL FROM odoo_events.worker_status}, 'and forgets it when the worker runs');
};

subtest 'a database command in the moment in which the launcher starts the worker' => sub {
	tune('hold-start', 'wait');
	$node->safe_psql('plant', 'SELECT pg_terminate_backend(pid) FROM odoo_events.worker_status');
	ok(OdooEvents::Receiver::wait_until(sub { -e "$faults/hold-start.held" }, 'held'), 'the launcher has decided');
	$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.restart_delay = '600s'});
	$node->reload;
	waits('postgres', q{SELECT current_setting('odoo_events.restart_delay') = '10min'}, 'a long delay from here on');
	$node->safe_psql('postgres', 'ALTER DATABASE plant RENAME TO plant2');
	my $from = -s $node->logfile;
	rename "$faults/hold-start.held", "$faults/hold-start.gone";
	# the launcher looks at the next database after that one has been started, and its worker has gone
	$node->safe_psql('postgres', 'CREATE DATABASE noise');
	waits('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'odoo_events worker'}, 'no worker stays');
	is($node->safe_psql('plant2', 'SELECT state, pid IS NULL FROM odoo_events.worker_status'), 'held off by a database command|t', 'the command has the last word');
	$node->safe_psql('postgres', 'ALTER DATABASE plant2 RENAME TO plant; ALTER SYSTEM RESET odoo_events.restart_delay');
	$node->restart;
	waits('plant', $idle, 'it comes back afterwards');
};

subtest 'databases without the extension take no place' => sub {
	$node->safe_psql($_, 'CREATE TABLE IF NOT EXISTS t (n int); INSERT INTO t VALUES (1)') foreach 'noise', 'postgres';
	$node->safe_psql('postgres', 'CREATE DATABASE second OWNER odoo');
	$node->safe_psql('second', 'CREATE EXTENSION odoo_events');
	waits('second', $idle, 'the second of two places');
	$node->safe_psql($_, 'INSERT INTO t VALUES (1)') foreach 'noise', 'postgres';
	is($node->safe_psql('plant', 'SELECT databases, max_databases, refused FROM odoo_events._limits()'), '2|2|0', 'both places are taken by those that have it');
};

subtest 'more databases than there is room for' => sub {
	my $from = -s $node->logfile;
	$node->safe_psql('postgres', 'CREATE DATABASE third OWNER odoo');
	$node->safe_psql('third', 'CREATE EXTENSION odoo_events');
	ok($node->wait_for_log(qr/WARNING: .*"third" is one of them.*HINT:  Raise odoo_events.max_databases/s, $from), 'the log says so');
	like(health('plant', 'limits'), qr/^critical: all 2 places/, 'health() in another database says so');
	like(health('third', 'worker'), qr/^critical: no worker runs/, 'health() there, too');
	$node->safe_psql('postgres', 'DROP DATABASE second');
	waits('third', $idle, 'a place that becomes free is given to it');
	is(health('plant', 'limits'), '', 'and all is well');
};

subtest 'odoo_events.databases is narrowed' => sub {
	$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.databases = 'plant'});
	$node->reload;
	waits('third', 'SELECT pid IS NULL FROM odoo_events.worker_status', 'the worker of the other database ends');
	like(health('third', 'worker'), qr/odoo_events.databases does not name this database/, 'health() says why');
	waits('plant', $idle, 'the one that is named stays');
	$node->safe_psql('postgres', 'CREATE DATABASE fourth OWNER odoo');
	$node->safe_psql('fourth', 'CREATE EXTENSION odoo_events');
	$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.databases = 'plant, fourth'});
	$node->reload;
	waits('fourth', $idle, 'a database that may have no worker gives its place to one that may');
};
$node->stop;
done_testing();
