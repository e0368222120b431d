# The rings of journal, cursor and outbox: filled, left and emptied while transactions of others stay open; nothing is lost, and nothing
# grows for ever.
# check-all: rings are filled, half a minute
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('rings', "odoo_events.retention = '1h'\n");
$node->safe_psql('postgres', 'CREATE DATABASE plant OWNER odoo');
$node->safe_psql('plant', q{
  CREATE TABLE ir_module_module (id int PRIMARY KEY);
  ALTER TABLE ir_module_module OWNER TO odoo;
  CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, origin text, company_id int);
  ALTER TABLE stock_picking OWNER TO odoo;
  INSERT INTO stock_picking SELECT i, 'T/' || i, 'confirmed', repeat('x', 300) FROM generate_series(1, 10000) i;
  CREATE EXTENSION odoo_events});
$node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.attach()});
my $published = q{SELECT odoo_events._last_position()};
my $size = q{SELECT sum(pg_relation_size(format('odoo_events.journal_%s', i))) FROM generate_series(0, 2) i};

# somebody reads with an old snapshot, somebody else writes for a long time, a third has prepared
my $reader = $node->background_psql('plant');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
$reader->query_safe('SELECT count(*) FROM stock_picking');
my $writer = $node->background_psql('plant');
$writer->query_safe('BEGIN');
$writer->query_safe(q{UPDATE stock_picking SET state = 'assigned' WHERE id = 10000});
$node->safe_psql('plant', q{BEGIN; UPDATE stock_picking SET state = 'assigned' WHERE id = 9999; PREPARE TRANSACTION 'later'});

$node->safe_psql('plant', q{DO $$ BEGIN FOR i IN 0 .. 89 LOOP
  UPDATE stock_picking SET state = 'assigned' WHERE id BETWEEN i * 100 + 1 AND i * 100 + 100; COMMIT; END LOOP; END $$});
ok($node->poll_query_until('plant', "$published >= 9000"), 'short transactions are published beside long ones');
is($node->safe_psql('plant', $published), '9000', 'and nothing else is');

# the member that the prepared transaction pins stays; the others are emptied in turn
$node->safe_psql('plant', q{DO $$ BEGIN FOR i IN 0 .. 89 LOOP
  UPDATE stock_picking SET state = 'confirmed' WHERE id BETWEEN i * 100 + 1 AND i * 100 + 100; COMMIT;
  UPDATE stock_picking SET state = 'assigned' WHERE id BETWEEN i * 100 + 1 AND i * 100 + 100; COMMIT; END LOOP; END $$});
ok($node->poll_query_until('plant', "$published >= 27000"), 'unreserved and ready again: all is published');
is($node->safe_psql('plant', $published), '27000', 'each once');

$writer->query_safe('COMMIT');
$writer->quit;
$node->safe_psql('plant', q{COMMIT PREPARED 'later'});
ok($node->poll_query_until('plant', "$published >= 27002"), 'the long and the prepared one when they commit');
is($node->safe_psql('plant', $published), '27002', 'each once');

# the worker looks after the rings while there is work: each look makes some
$node->safe_psql('plant', q{CREATE FUNCTION busy(bool) RETURNS bool LANGUAGE sql AS $$
  UPDATE stock_picking SET state = CASE state WHEN 'confirmed' THEN 'assigned' ELSE 'confirmed' END WHERE id = 5 RETURNING $1 $$});
ok($node->poll_query_until('plant', "SELECT busy(($size) < 600 * 1024)"), 'the journal is emptied although an old snapshot is held');
# the first member becomes old, as if time had passed
$node->safe_psql('plant', q{UPDATE odoo_events.outbox_0 SET recordedtime = recordedtime - interval '1 day';
  CREATE OR REPLACE FUNCTION busy(bool) RETURNS bool LANGUAGE sql AS $$
  UPDATE odoo_events.outbox_0 SET recordedtime = now() - interval '1 day'
   WHERE position = (SELECT max(position) FROM odoo_events.outbox_0) AND recordedtime > now() - interval '2 hours';
  UPDATE stock_picking SET state = CASE state WHEN 'confirmed' THEN 'assigned' ELSE 'confirmed' END WHERE id = 5 RETURNING $1 $$});
ok($node->poll_query_until('plant', q{SELECT busy(COALESCE(min(position), 99999) > 27002) FROM odoo_events.outbox}), 'the outbox forgets after its retention');
is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.quarantine}), '0', 'nothing in quarantine');

# it goes on where it was
$node->safe_psql('plant', q{UPDATE stock_picking SET state = 'done' WHERE id = 1});
my $done = q{SELECT count(*) FROM odoo_events.outbox WHERE type = 'odoo.logistics.transfer.completed.v1' AND record_id = %d};
ok($node->poll_query_until('plant', sprintf($done, 1), 1), 'it goes on');
is($node->safe_psql('plant', q{SELECT max(position) = odoo_events._last_position() AND count(*) = max(position) - min(position) + 1
  FROM odoo_events.outbox}), 't', 'positions go on without a gap');
$reader->quit;

# a restart forgets every hint
$node->restart;
$node->safe_psql('plant', q{UPDATE stock_picking SET state = 'done' WHERE id = 2});
ok($node->poll_query_until('plant', sprintf($done, 2), 1), 'also after a restart');
$node->stop;
done_testing();
