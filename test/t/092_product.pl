# The catalog as a product, with a worker: backfill goes on after a restart, capture comes back after Odoo made a table again, what a DBA
# defined is in Odoo's backups, and trace() follows an event to the answer.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('product', "odoo_events.restart_delay = '100ms'\n");
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'");
my $odoo = $node->connstr($db) . ' user=odoo';
sub odoo { my ($sql) = @_; return $node->safe_psql($db, $sql, extra_params => [ '-U', 'odoo' ]); }

odoo(<<SQL);
CREATE TABLE ir_module_module (id int PRIMARY KEY);
CREATE TABLE mrp_production (id int PRIMARY KEY, name text, state text, product_qty numeric, company_id int, create_date timestamp, write_date timestamp);
CREATE TABLE quality_certificate (id serial PRIMARY KEY, name varchar, state varchar, score numeric);
INSERT INTO mrp_production SELECT i, 'MO/' || i, 'confirmed', i FROM generate_series(1, 3000) i;
SQL
$node->safe_psql($db, 'CREATE EXTENSION odoo_events');
$node->safe_psql($db, q{SELECT odoo_events.attach('{manufacturing_order}')});
my $receiver = OdooEvents->receiver;
$receiver->subscribe($node, $db, 'mes', '/mes', q{types => '{odoo.manufacturing.*,acme.*}'});

# two calls, and the way of one event
$node->safe_psql($db, q{SELECT odoo_events.define_entity('quality_certificate', 'quality_certificate', name_column => 'name', state_column => 'state')});
$node->safe_psql($db, q{SELECT odoo_events.define_event('acme.quality.quality_certificate.issued.v1', 'quality_certificate', states => '{issued}')});
odoo(q{INSERT INTO quality_certificate (name, state) VALUES ('QC/1', 'issued')});
$receiver->wait_for(sub { @_ >= 1 }, 'the certificate is told');
$node->poll_query_until($db, q{SELECT count(*) = 1 FROM odoo_events.trace(key => 'quality_certificate:1') WHERE step = 'acknowledged'});
is($node->safe_psql($db, q{SELECT string_agg(step, ', ' ORDER BY position, at) FROM odoo_events.trace(key => 'quality_certificate:1')}),
	'committed, published, attempt 1, acknowledged', 'trace shows its whole way');

$receiver->misbehave({ path => '/mes', status => 503, times => 1 });
odoo(q{INSERT INTO quality_certificate (name, state) VALUES ('QC/2', 'issued')});
$node->poll_query_until($db, q{SELECT count(*) = 1 FROM odoo_events.trace(key => 'quality_certificate:2') WHERE step = 'acknowledged'});
is($node->safe_psql($db, q{SELECT string_agg(step || coalesce(' ' || substring(detail FROM '^\d{3}\M'), ''), ', ' ORDER BY position, at) FROM odoo_events.trace(key => 'quality_certificate:2')}),
	'committed, published, attempt 1 503, attempt 2 204, acknowledged', 'with every attempt and its answer');

# backfill, while workers come and go
my $job = $node->safe_psql($db, q{SELECT odoo_events.backfill('manufacturing_order')});
for (1 .. 3)
{
	$node->safe_psql($db, q{SELECT pg_terminate_backend(pid) FROM odoo_events.worker_status WHERE pid IS NOT NULL});
	$node->poll_query_until($db, 'SELECT pid IS NOT NULL FROM odoo_events.worker_status');
}
$node->poll_query_until($db, "SELECT state = 'done' FROM odoo_events.backfill_status WHERE id = $job");
$node->poll_query_until($db, q{SELECT count(*) >= 3000 FROM odoo_events.outbox WHERE type LIKE '%.snapshot.v1'});
is($node->safe_psql($db, q{SELECT count(*) || ' ' || count(DISTINCT record_id) FROM odoo_events.outbox WHERE type LIKE '%.manufacturing_order.snapshot.v1'}),
	'3000 3000', 'a snapshot of each row, none twice, whoever was killed meanwhile');
$receiver->wait_for(sub { my %seen; $seen{ $_->{body} =~ /"odoorecordid":(\d+)/ ? $1 : 0 }++ foreach grep { $_->{body} =~ /snapshot/ } @_; keys %seen >= 3000 },
	'all are delivered');
is($node->safe_psql($db, 'SELECT count(*) FROM odoo_events.reconcile()'), '0', 'events and tables agree');

# a module is uninstalled and installed again
my $attached = q{SELECT attached FROM odoo_events.capture_status WHERE relation = 'public.mrp_production'};
odoo('DROP TABLE mrp_production');
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.capture_status WHERE relation = 'public.mrp_production'}), '0', 'capture_status shows that the table is gone');
odoo('CREATE TABLE mrp_production (id int PRIMARY KEY, name text, state text, product_qty numeric, company_id int, create_date timestamp, write_date timestamp)');
odoo(q{INSERT INTO mrp_production VALUES (1, 'MO/1', 'done', 1)});
$node->safe_psql($db, 'SELECT odoo_events.emit(\'acme.test.worker.woken.v1\', \'worker\', \'{}\')');
ok($node->poll_query_until($db, $attached), 'the worker attaches the new table by itself');
is($node->safe_psql($db, q{SELECT string_agg(relation, ',') FROM odoo_events.capture_error}), 'public.mrp_production', 'and says that something may have been missed');
odoo(q{UPDATE mrp_production SET product_qty = 2});
$node->safe_psql($db, 'SELECT odoo_events.reconcile(repair => true)');
$node->poll_query_until($db, q{SELECT event->'data'->'manufacturing_order'->>'state' = 'done' FROM odoo_events.outbox WHERE record_id = 1 AND entity = 'manufacturing_order' ORDER BY position DESC LIMIT 1});
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.capture_error}), '0', 'repaired');
# columns come, go and change
odoo($_) foreach ('ALTER TABLE mrp_production ADD COLUMN date_start timestamp', 'ALTER TABLE mrp_production RENAME COLUMN product_qty TO qty',
	'ALTER TABLE mrp_production ALTER COLUMN name TYPE varchar(64)', 'ALTER TABLE mrp_production DROP COLUMN company_id CASCADE', "UPDATE mrp_production SET state = 'confirmed'",
	"UPDATE mrp_production SET state = 'progress'");
ok($node->poll_query_until($db, q{SELECT count(*) > 0 FROM odoo_events.outbox WHERE type LIKE '%.started.v1'}), 'what is left is told on');
like($node->safe_psql($db, q{SELECT missing_columns FROM odoo_events.capture_status WHERE relation = 'public.mrp_production'}), qr/product_qty/, 'capture_status says what is missing');
# a table that is in use is left alone, and nobody waits
$node->safe_psql($db, 'DROP TRIGGER odoo_events_capture ON mrp_production');
my $busy = $node->background_psql($db);
$busy->query_safe('BEGIN; LOCK TABLE mrp_production IN ROW EXCLUSIVE MODE');
is($node->safe_psql($db, 'SELECT odoo_events._reattach()'), '0', 'not while somebody writes to it');
$busy->query_safe('COMMIT');
$busy->quit;
# the worker may have been quicker
$node->safe_psql($db, 'SELECT odoo_events._reattach()');
is($node->safe_psql($db, $attached), 't', 'afterwards it is');

# what the DBA defined is in Odoo's backup
$node->safe_psql($db, q{SELECT odoo_events.disable_event('odoo.manufacturing.manufacturing_order.started.v1')});
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '--no-owner', '-Fc', '-f', $dump, '-d', $odoo ], 'Odoo dumps its database');
$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER odoo');
$node->command_ok([ 'pg_restore', '--no-owner', '-d', $node->connstr('restored'), $dump ], 'and it is restored');
is($node->safe_psql('restored', q{SELECT string_agg(type || ' ' || enabled, ', ' ORDER BY type) FROM odoo_events.event_type WHERE type LIKE 'acme%' OR type = 'odoo.manufacturing.manufacturing_order.started.v1'}),
	'acme.quality.quality_certificate.issued.v1 true, odoo.manufacturing.manufacturing_order.started.v1 false', 'definitions and switches come back');
$node->safe_psql('restored', q{INSERT INTO quality_certificate (name, state) VALUES ('QC/9', 'issued')});
ok($node->poll_query_until('restored', q{SELECT count(*) = 1 FROM odoo_events.outbox WHERE subject = 'quality_certificate/QC/9'}), 'and work');
# a copy is not armed: the dump's triggers are the dump's to make
$node->safe_psql('restored', 'DROP TRIGGER odoo_events_capture ON mrp_production');
is($node->safe_psql('restored', q{SELECT armed FROM odoo_events.arming}), 'f', 'the copy is not armed');

is_deeply([ $receiver->problems ], [], 'signed, in order');
$node->stop;
done_testing();
