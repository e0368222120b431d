-- What cannot become an event: narrowed down to its document, kept, waited behind, published again, or given up.
\set db publish_quarantine
\set base odoo19-base
\set entities '{stock_move,transfer}'
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/publish/setup.sql
\i :setup
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play publish_quarantine odoo19-sales
-- reading one partner fails
CREATE TYPE broken AS ENUM ('gone');
ALTER TABLE res_partner RENAME ref TO real_ref;
ALTER TABLE res_partner ADD COLUMN ref broken;
UPDATE res_partner SET ref = 'gone' WHERE id = 7;
DELETE FROM pg_enum WHERE enumtypid = 'broken'::regtype;
SELECT odoo_events.publish() AS published, odoo_events.publish() AS nothing;
-- only documents of that partner are there, and everything else was published
SELECT count(*) > 0 AS some, bool_or(reason LIKE '22P03: invalid internal value for enum%') AS failed, bool_or(reason LIKE 'waits behind %') AS waiting,
       bool_and(reason LIKE '22P03:%' OR reason LIKE 'waits behind %') AS nothing_else FROM odoo_events.quarantine;
SELECT type, partitionkey FROM odoo_events.outbox ORDER BY position;
SELECT DISTINCT key FROM odoo_events.quarantined ORDER BY 1;
SELECT count(*) AS both FROM odoo_events.quarantined q JOIN odoo_events.outbox o ON o.partitionkey = q.key AND o.odootx > q.xid;
-- again, still broken: counted, nothing lost, nothing published
SELECT count(*) AS kept FROM odoo_events.quarantine \gset
SELECT odoo_events.requeue() = :kept AS all_requeued, odoo_events.requeue() AS none_left;
SELECT odoo_events.publish();
SELECT count(*) = :kept AS still_there, max(attempts) FROM odoo_events.quarantine;
-- what is behind another one waits even when asked for by itself
SELECT odoo_events.requeue(ARRAY[(SELECT max(change_id) FROM odoo_events.quarantined WHERE key = 'transfer:1')]);
SELECT odoo_events.publish();
SELECT reason LIKE 'waits behind %' AS waits FROM odoo_events.quarantined WHERE key = 'transfer:1' ORDER BY change_id DESC LIMIT 1;
-- mended
ALTER TABLE res_partner DROP COLUMN ref;
ALTER TABLE res_partner RENAME real_ref TO ref;
SELECT odoo_events.publish() AS not_by_itself;
SELECT odoo_events.requeue() > 0 AS requeued;
SELECT odoo_events.publish() AS published;
SELECT count(*) AS left FROM odoo_events.quarantine;
SELECT * FROM (SELECT * FROM derived EXCEPT ALL SELECT * FROM announced) x;
SELECT * FROM (SELECT * FROM announced EXCEPT ALL SELECT * FROM derived) x;
SELECT count(*) = max(position) AS gap_free, count(DISTINCT id) = count(*) AS ids_differ FROM odoo_events.outbox;
-- per key in the order of the transactions
SELECT count(*) AS out_of_order FROM (SELECT odootx < lag(odootx) OVER (PARTITION BY partitionkey ORDER BY position) AS wrong FROM odoo_events.outbox) x WHERE wrong;

-- rows that are not what they should be, among good ones
INSERT INTO odoo_events.journal_0 (xid, id, at, rule, relid, op, record_id, old, new)
VALUES (pg_current_xact_id(), nextval('odoo_events.journal_id_seq'), now(), 'stock_picking', 0, 'U', 901, '{"state":"confirmed"}', '{"state":"assigned"'),
       (pg_current_xact_id(), nextval('odoo_events.journal_id_seq'), now(), 'stock_picking', 0, 'U', 902, '{"state":"confirmed"}', '{"id":902,"name":"T/902","state":"assigned"}'),
       (pg_current_xact_id(), nextval('odoo_events.journal_id_seq'), now(), 'no_such_rule', 0, 'I', 903, NULL, '{}'),
       (pg_current_xact_id(), nextval('odoo_events.journal_id_seq'), now(), 'event', 0, 'E', NULL, NULL, '{"type":"odoo.test.thing.done.v1","subject":"thing/1","data":{"thing":{"x":0.1000}}}'),
       (pg_current_xact_id(), nextval('odoo_events.journal_id_seq'), now(), 'event', 0, 'E', NULL, NULL, '{"subject":"thing/2"}'),
       (pg_current_xact_id(), nextval('odoo_events.journal_id_seq'), now(), 'stock_move', 0, 'T', NULL, NULL, NULL);
SELECT odoo_events.publish();
SELECT type, subject, event->'data' IS NOT NULL AS data FROM odoo_events.outbox ORDER BY position DESC LIMIT 3;
SELECT event->'data' FROM odoo_events.outbox WHERE subject = 'thing/1';
SELECT entity, record_id, reason, attempts FROM odoo_events.quarantine ORDER BY change_id;
-- a good change of the broken key waits; dropped, it goes on
INSERT INTO odoo_events.journal_0 (xid, id, at, rule, relid, op, record_id, old, new)
VALUES (pg_current_xact_id(), nextval('odoo_events.journal_id_seq'), now(), 'stock_picking', 0, 'U', 901, '{"state":"assigned"}', '{"id":901,"name":"T/901","state":"done"}');
SELECT odoo_events.publish();
SELECT odoo_events.drop_quarantined(ARRAY(SELECT change_id FROM odoo_events.quarantine WHERE reason NOT LIKE 'waits%')) AS dropped;
SELECT odoo_events.requeue();
SELECT odoo_events.publish();
SELECT count(*) AS left FROM odoo_events.quarantine;
SELECT type, subject FROM odoo_events.outbox ORDER BY position DESC LIMIT 1;
-- a database of another cluster, with its numbering of transactions, as after pg_upgrade: nothing is lost
UPDATE odoo_events.publish_cursor_0 SET system_identifier = 1;
INSERT INTO odoo_events.journal_0 (xid, id, at, rule, relid, op, record_id, new)
VALUES (pg_current_xact_id(), nextval('odoo_events.journal_id_seq'), now(), 'event', 0, 'E', NULL, '{"type":"odoo.test.thing.done.v1","data":{"thing":{}}}');
SELECT odoo_events.publish();
SELECT system_identifier <> 1 AS ours FROM odoo_events.publish_cursor ORDER BY n DESC LIMIT 1;
-- without: journal and cursor are emptied, which is a gap; positions go on
SELECT max(position) AS position FROM odoo_events.outbox \gset
UPDATE odoo_events.publish_cursor_0 SET system_identifier = 1, s1 = '900000000000:900000000000:';
INSERT INTO odoo_events.journal_0 (xid, id, at, rule, relid, op, record_id, new)
VALUES (pg_current_xact_id(), nextval('odoo_events.journal_id_seq'), now(), 'event', 0, 'E', NULL, '{"type":"odoo.test.thing.done.v1","data":{"thing":{}}}');
SELECT odoo_events.publish();
INSERT INTO odoo_events.journal_0 (xid, id, at, rule, relid, op, record_id, new)
VALUES (pg_current_xact_id(), nextval('odoo_events.journal_id_seq'), now(), 'event', 0, 'E', NULL, '{"type":"odoo.test.thing.done.v1","data":{"thing":{}}}');
SELECT odoo_events.publish();
SELECT max(position) - :position AS went_on FROM odoo_events.outbox;
SELECT DISTINCT changes > 0 AS told, reason FROM odoo_events.capture_gap;
DELETE FROM odoo_events.capture_gap;
-- a very large transaction is published in slices, each row once
INSERT INTO odoo_events.journal_1 (xid, id, at, rule, relid, op, record_id, old, new)
SELECT pg_current_xact_id(), nextval('odoo_events.journal_id_seq'), now(), 'stock_picking', 0, 'U', 100000 + i, '{"state":"confirmed"}',
       format('{"id":%s,"name":"L/%s","state":"assigned"}', 100000 + i, i) FROM generate_series(1, 45000) i;
SELECT odoo_events.publish(1) AS first_slice;
SELECT slice_id IS NOT NULL AND s2 IS NOT NULL AS in_progress FROM odoo_events.publish_cursor ORDER BY n DESC LIMIT 1;
\c
SELECT odoo_events.publish() AS rest;
SELECT count(*), count(DISTINCT record_id), count(DISTINCT id) FROM odoo_events.outbox WHERE record_id > 100000;
\c postgres
DROP DATABASE publish_quarantine;
