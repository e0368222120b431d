-- TRUNCATE, and tables that are altered, renamed or dropped in the transaction that changed their rows.
\set db capture_ddl
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/lib/capture.sql
\i :setup
INSERT INTO doc SELECT i, 'draft', i, 'n' || i FROM generate_series(1, 3) i;
:clear;

-- TRUNCATE: one row for the table; what came before it is void, what comes after counts
BEGIN;
UPDATE doc SET state = 'void';
TRUNCATE doc;
INSERT INTO doc VALUES (1, 'new');
COMMIT;
TABLE j;
:clear;
BEGIN;
INSERT INTO doc VALUES (2, 'x');
SAVEPOINT a;
TRUNCATE doc;
INSERT INTO doc VALUES (1, 'y');
ROLLBACK TO a;
COMMIT;
TABLE j;
:clear;
BEGIN;
TRUNCATE doc;
SAVEPOINT a;
TRUNCATE doc;
ROLLBACK TO a;
INSERT INTO doc VALUES (7, 'seven');
TRUNCATE doc;
COMMIT;
TABLE j;
:clear;

-- TRUNCATE CASCADE reaches the tables that refer to it
CREATE TABLE part (id int PRIMARY KEY, state text, doc_id int REFERENCES doc);
INSERT INTO odoo_events.capture_rule VALUES ('part', '{part}', '{state}', '{}', false);
SELECT odoo_events._capture_table('part'::regclass, 'part');
INSERT INTO doc VALUES (1, 'a');
INSERT INTO part VALUES (1, 'b', 1);
:clear;
TRUNCATE doc CASCADE;
TABLE j;
:clear;

-- ALTER TABLE in the same transaction: earlier notes stay readable
INSERT INTO doc VALUES (1, 'draft', 1, 'one', 'memo'), (2, 'draft', 2, NULL, NULL), (3, 'draft', 3, NULL, NULL);
:clear;
BEGIN;
UPDATE doc SET state = 'confirmed', name = 'uno' WHERE id = 1;
ALTER TABLE doc ADD COLUMN tags text DEFAULT 'fresh';
UPDATE doc SET state = 'done' WHERE id = 1;
COMMIT;
TABLE j;
:clear;
-- rows that are older than a column have its default
UPDATE doc SET state = 'older' WHERE id = 2;
DELETE FROM doc WHERE id IN (2, 3);
TABLE j;
:clear;
BEGIN;
UPDATE doc SET state = 'x' WHERE id = 1;
ALTER TABLE doc DROP COLUMN memo;
ALTER TABLE doc ALTER COLUMN qty TYPE text, ALTER COLUMN id TYPE bigint;
UPDATE doc SET name = 'eins' WHERE id = 1;
COMMIT;
TABLE j;
:clear;
-- without a note after it, the row is written as it was noted
BEGIN;
UPDATE doc SET state = 'y' WHERE id = 1;
ALTER TABLE doc DROP COLUMN tags, ALTER COLUMN qty TYPE numeric USING qty::numeric;
COMMIT;
TABLE j;
:clear;
-- a column of another name comes back under the rule's name; one that is missing is left out
ALTER TABLE doc RENAME COLUMN name TO label;
ALTER TABLE doc ADD COLUMN memo text;
UPDATE doc SET state = 'z', memo = 'new memo' WHERE id = 1;
TABLE j;
:clear;
ALTER TABLE doc ADD COLUMN note text;
UPDATE doc SET state = 'zz', note = 'first name wins' WHERE id = 1;
TABLE j;
:clear;

-- a renamed table keeps its rule, also for the notes of that transaction
BEGIN;
UPDATE doc SET state = 'before' WHERE id = 1;
ALTER TABLE doc RENAME TO paper;
UPDATE paper SET state = 'after' WHERE id = 1;
COMMIT;
TABLE j;
SELECT DISTINCT relid::regclass FROM odoo_events.journal_0;
:clear;
ALTER TABLE paper RENAME TO doc;

-- DROP TABLE in the same transaction: nothing to tell, and no error
BEGIN;
INSERT INTO part VALUES (1, 'b', NULL);
UPDATE doc SET state = 'kept' WHERE id = 1;
TRUNCATE part;
DROP TABLE part;
COMMIT;
TABLE j;
:clear;
BEGIN;
CREATE TABLE part (id int PRIMARY KEY, state text);
SELECT odoo_events._capture_table('part'::regclass, 'part');
INSERT INTO part VALUES (1, 'dropped');
DROP TABLE part;
COMMIT;
TABLE j;
:clear;
BEGIN;
CREATE TABLE part (id int PRIMARY KEY, state text);
SELECT odoo_events._capture_table('part'::regclass, 'part');
INSERT INTO part VALUES (5, 'b');
UPDATE part SET state = 'c';
ALTER TABLE part DROP COLUMN state;
COMMIT;
TABLE j;
:clear;

-- a rule that changes is read again by every session, also one whose snapshot is older
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM doc;
\! psql -qX -d capture_ddl -c "UPDATE odoo_events.capture_rule SET significant = '{other,nothing}' WHERE rule = 'doc'"
UPDATE doc SET state = 'carried no more', other = 'significant now' WHERE id = 1;
COMMIT;
TABLE j;
:clear;

-- partitions: a row that moves is one row; an attached partition is captured
CREATE TABLE pd (id int, state text, region text) PARTITION BY LIST (region);
CREATE TABLE pd_a PARTITION OF pd FOR VALUES IN ('a');
CREATE TABLE pd_b (region text, state text, id int);
INSERT INTO odoo_events.capture_rule VALUES ('pd', '{pd}', '{state,region}', '{}', false);
SELECT odoo_events._capture_table('pd'::regclass, 'pd');
ALTER TABLE pd ATTACH PARTITION pd_b FOR VALUES IN ('b');
INSERT INTO pd VALUES (1, 'x', 'a'), (2, 'y', 'b');
UPDATE pd SET region = 'b' WHERE id = 1;
UPDATE pd SET state = 'z';
TABLE j;
:clear;
BEGIN;
UPDATE pd SET state = 'void';
TRUNCATE pd;
COMMIT;
TABLE j;
:clear;

-- an inherited table is captured if it has the triggers itself
CREATE TABLE base (id int, state text);
CREATE TABLE derived (more int) INHERITS (base);
INSERT INTO odoo_events.capture_rule VALUES ('base', '{base}', '{state}', '{}', false);
SELECT odoo_events._capture_table('base'::regclass, 'base');
INSERT INTO base VALUES (1, 'x');
INSERT INTO derived VALUES (2, 'y', 3);
TABLE j;

\c postgres
DROP DATABASE capture_ddl;
DROP ROLE regress_capture_owner;
