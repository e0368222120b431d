-- Odoo's table, partitioned by a DBA: rows that come through the table, straight into a partition, that move, that go with it.
\set VERBOSITY terse
SET client_min_messages = warning;
-- an owner that cannot log in keeps the worker away: the journal stays as it is
CREATE ROLE regress_capture_owner NOLOGIN;
CREATE DATABASE capture_partitions OWNER regress_capture_owner;
\c capture_partitions
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
CREATE TABLE stock_picking (id int, name text, state text, company_id int NOT NULL, PRIMARY KEY (id, company_id)) PARTITION BY LIST (company_id);
CREATE TABLE stock_picking_1 PARTITION OF stock_picking FOR VALUES IN (1);
-- columns in another order, and a dropped one
CREATE TABLE stock_picking_2 (company_id int NOT NULL, gone int, state text, id int NOT NULL, name text);
ALTER TABLE stock_picking_2 DROP COLUMN gone;
ALTER TABLE stock_picking ATTACH PARTITION stock_picking_2 FOR VALUES IN (2);
-- a partition that is partitioned
CREATE TABLE stock_picking_3 PARTITION OF stock_picking FOR VALUES IN (3) PARTITION BY RANGE (id);
CREATE TABLE stock_picking_3_low PARTITION OF stock_picking_3 FOR VALUES FROM (MINVALUE) TO (100);
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
SELECT relation, note FROM odoo_events.attach('{transfer}') WHERE relation ~ 'stock_picking';
CREATE TABLE stock_picking_3_high PARTITION OF stock_picking_3 FOR VALUES FROM (100) TO (MAXVALUE);
CREATE VIEW j AS
SELECT rule, op, record_id AS id, old::json ->> 'state' AS old, new::json ->> 'state' AS new, coalesce(new, old)::json ->> 'company_id' AS company FROM
  (SELECT * FROM odoo_events.journal_0 UNION ALL SELECT * FROM odoo_events.journal_1 UNION ALL SELECT * FROM odoo_events.journal_2) u ORDER BY u.id;
\set clear 'TRUNCATE odoo_events.journal_0, odoo_events.journal_1, odoo_events.journal_2'

-- COPY through the table, into a partition, into one that is partitioned itself, into a partition of that
COPY stock_picking (id, name, state, company_id) FROM stdin;
1	T/1	draft	1
2	T/2	draft	2
3	T/3	draft	3
103	T/103	draft	3
\.
COPY stock_picking_1 (id, name, state, company_id) FROM stdin;
11	T/11	draft	1
12	T/12	draft	1
\.
COPY stock_picking_2 (id, name, state, company_id) FROM stdin;
21	T/21	draft	2
\.
COPY stock_picking_3 (id, name, state, company_id) FROM stdin;
31	T/31	draft	3
131	T/131	draft	3
\.
COPY stock_picking_3_high (id, name, state, company_id) FROM stdin;
132	T/132	draft	3
\.
TABLE j;
:clear;

-- one COPY is one transaction's net changes, also where it is changed afterwards through other names, rolled back, or fails in the middle
BEGIN;
COPY stock_picking FROM stdin (FORMAT csv);
41,T/41,draft,1
42,T/42,draft,2
143,T/143,draft,3
\.
UPDATE stock_picking_1 SET state = 'assigned' WHERE id = 41;
UPDATE stock_picking SET state = 'done' WHERE id = 42;
DELETE FROM stock_picking_3_high WHERE id = 143;
SAVEPOINT a;
COPY stock_picking_1 FROM stdin (FORMAT csv);
44,T/44,draft,1
\.
ROLLBACK TO a;
COMMIT;
COPY stock_picking FROM stdin (FORMAT csv);
45,T/45,draft,1
46,T/46,draft,9
\.
TABLE j;
:clear;

-- rows that move are one row, whatever the way; ON CONFLICT and MERGE through the table
UPDATE stock_picking SET company_id = 2, state = 'assigned' WHERE id = 1;
BEGIN;
UPDATE stock_picking SET company_id = 3 WHERE id = 2;
UPDATE stock_picking SET company_id = 2, state = 'assigned' WHERE id = 2;
COMMIT;
BEGIN;
DELETE FROM stock_picking_1 WHERE id = 11;
INSERT INTO stock_picking_2 (id, name, state, company_id) VALUES (11, 'T/11', 'done', 2);
COMMIT;
INSERT INTO stock_picking VALUES (12, 'T/12', 'x', 1), (13, 'T/13', 'draft', 1) ON CONFLICT (id, company_id) DO UPDATE SET state = 'again';
MERGE INTO stock_picking p USING (VALUES (3, 'merged'), (14, 'new')) v (id, state) ON p.id = v.id
  WHEN MATCHED THEN UPDATE SET state = v.state WHEN NOT MATCHED THEN INSERT VALUES (v.id, 'T/14', v.state, 1);
TABLE j;
:clear;

-- TRUNCATE of a partition alone is not seen (docs/odoo.md), that of the table is
BEGIN;
UPDATE stock_picking SET state = 'void' WHERE id IN (3, 12);
TRUNCATE stock_picking_1;
COMMIT;
TABLE j;
:clear;
TRUNCATE stock_picking;
TABLE j;
:clear;

-- a partition that is detached is no part any more, one that is dropped neither; what is there is told
INSERT INTO stock_picking VALUES (51, 'T/51', 'draft', 1), (52, 'T/52', 'draft', 2);
:clear;
ALTER TABLE stock_picking DETACH PARTITION stock_picking_1;
UPDATE stock_picking_1 SET state = 'unseen';
ALTER TABLE stock_picking ATTACH PARTITION stock_picking_1 FOR VALUES IN (1);
UPDATE stock_picking_1 SET state = 'seen';
DROP TABLE stock_picking_2;
SELECT relation, attached, note FROM odoo_events.capture_status WHERE relation ~ 'stock_picking';
TABLE j;
SELECT count(*) FROM odoo_events.capture_error;

\c postgres
DROP DATABASE capture_partitions;
DROP ROLE regress_capture_owner;
