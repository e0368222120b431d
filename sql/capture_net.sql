-- Net changes: whatever statements a transaction is made of, the journal has one row per record that changed.
\set db capture_net
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/lib/capture.sql
\i :setup

-- insert; update of a significant, a carried, another column; delete
INSERT INTO doc VALUES (1, 'draft', 1.50, 'one', 'm', 'x'), (2, 'draft', 2, NULL, 'say "hi"', 'x');
UPDATE doc SET state = 'done' WHERE id = 1;
UPDATE doc SET name = 'carried' WHERE id = 1;
UPDATE doc SET other = 'not noted' WHERE id = 1;
DELETE FROM doc WHERE id = 2;
TABLE j;
:clear;

-- several changes of one row are one; carried columns are those at commit, also when written in a statement of their own
INSERT INTO doc VALUES (3, 'draft', 3, 'three');
:clear;
BEGIN;
UPDATE doc SET state = 'confirmed' WHERE id = 3;
UPDATE doc SET name = 'at commit' WHERE id = 3;
UPDATE doc SET state = 'done' WHERE id = 3;
COMMIT;
TABLE j;
:clear;

-- there and back is nothing, also where only the carried column stays changed; equal numbers are equal
BEGIN;
UPDATE doc SET state = 'x' WHERE id = 3;
UPDATE doc SET state = 'done', name = 'again' WHERE id = 3;
COMMIT;
UPDATE doc SET qty = 3.00 WHERE id = 3;
TABLE j;

-- inserted and deleted: nothing; deleted and inserted again: an update
BEGIN;
INSERT INTO doc VALUES (4, 'draft');
UPDATE doc SET state = 'done' WHERE id = 4;
DELETE FROM doc WHERE id = 4;
COMMIT;
TABLE j;
BEGIN;
DELETE FROM doc WHERE id = 3;
INSERT INTO doc VALUES (3, 'back', 3, 'three');
COMMIT;
TABLE j;
:clear;

-- update, then delete: the row as it was before
BEGIN;
UPDATE doc SET state = 'x' WHERE id = 3;
DELETE FROM doc WHERE id = 3;
COMMIT;
TABLE j;
:clear;

-- the order is that of the first note of each row
BEGIN;
INSERT INTO doc SELECT i, 'draft' FROM generate_series(9, 5, -1) i;
UPDATE doc SET state = 'done' WHERE id >= 5;
COMMIT;
TABLE j;
:clear;

-- rollback, and savepoints of every shape
BEGIN;
UPDATE doc SET state = 'rolled back';
ROLLBACK;
BEGIN;
UPDATE doc SET state = 'a' WHERE id = 5;
SAVEPOINT s1;
UPDATE doc SET state = 'b' WHERE id = 5;
UPDATE doc SET state = 'b' WHERE id = 6;
SAVEPOINT s2;
UPDATE doc SET state = 'c' WHERE id IN (5, 6, 7);
RELEASE s2;
ROLLBACK TO s1;
UPDATE doc SET state = 'd' WHERE id = 8;
SAVEPOINT s3;
DELETE FROM doc WHERE id = 9;
RELEASE s3;
RELEASE s1;
SAVEPOINT s4;
UPDATE doc SET state = 'e' WHERE id = 8;
ROLLBACK TO s4;
ROLLBACK TO s4;
UPDATE doc SET name = 'f' WHERE id = 8;
COMMIT;
TABLE j;
:clear;
BEGIN;
SAVEPOINT s1;
SAVEPOINT s2;
UPDATE doc SET state = 'inner' WHERE id = 5;
RELEASE s2;
SAVEPOINT s3;
UPDATE doc SET state = 'gone' WHERE id = 6;
ROLLBACK TO s1;
UPDATE doc SET state = 'kept' WHERE id = 7;
COMMIT;
TABLE j;
:clear;
DO $$
BEGIN
  FOR i IN 5..8 LOOP
    BEGIN
      UPDATE doc SET state = 'loop' || i WHERE id = i;
      IF i % 2 = 0 THEN RAISE 'no'; END IF;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
END $$;
TABLE j;
:clear;

-- COPY, upsert, MERGE, a data-modifying WITH
COPY doc FROM stdin;
20	draft	1	copied	\N	\N
21	draft	1	copied	\N	\N
\.
INSERT INTO doc VALUES (20, 'upserted') ON CONFLICT (id) DO UPDATE SET state = EXCLUDED.state;
INSERT INTO doc VALUES (20, 'no') ON CONFLICT DO NOTHING;
MERGE INTO doc USING (VALUES (21), (22)) v(i) ON id = i
  WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (i, 'merged');
WITH d AS (DELETE FROM doc WHERE id = 22 RETURNING *) INSERT INTO doc SELECT 23, state FROM d;
TABLE j;
:clear;

-- a changed primary key is a row gone and a row come; swapped keys are two updates
UPDATE doc SET id = 24 WHERE id = 23;
TABLE j;
:clear;
CREATE TABLE doc2 (id int, state text, UNIQUE (id) DEFERRABLE INITIALLY DEFERRED);
SELECT odoo_events._capture_table('doc2'::regclass, 'doc');
INSERT INTO doc2 VALUES (1, 'one'), (2, 'two');
:clear;
UPDATE doc2 SET id = 3 - id;
TABLE j;
:clear;

-- foreign keys: CASCADE and SET NULL
CREATE TABLE head (id int PRIMARY KEY, state text);
CREATE TABLE part (id int PRIMARY KEY, qty int, head_id int REFERENCES head ON DELETE CASCADE, nulled_id int REFERENCES head ON DELETE SET NULL);
INSERT INTO odoo_events.capture_rule VALUES ('head', '{head}', '{state}', '{}', false), ('part', '{part}', '{head_id,nulled_id}', '{qty}', false);
SELECT odoo_events._capture_table('head'::regclass, 'head'), odoo_events._capture_table('part'::regclass, 'part');
INSERT INTO head VALUES (1, 'x'), (2, 'y');
INSERT INTO part VALUES (1, 5, 1, 2), (2, 6, 2, 1);
:clear;
DELETE FROM head WHERE id = 1;
TABLE j;
:clear;

-- Triggers of others that change other rows in the same statement: their notes come before those of the outer statement.
-- Row 1's trigger updates row 2, which the same statement has updated before: v1 -> v2 -> v3 must stay v1 -> v3.
CREATE TABLE chain (id int PRIMARY KEY, state text);
INSERT INTO odoo_events.capture_rule VALUES ('chain', '{chain}', '{state}', '{}', false);
SELECT odoo_events._capture_table('chain'::regclass, 'chain');
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id = 1 AND NEW.state = 'v2' THEN
    UPDATE chain SET state = 'v3' WHERE id = 2;
  ELSIF NEW.id = 1 AND NEW.state = 'd2' THEN
    DELETE FROM chain WHERE id = 2;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER a_meddle AFTER UPDATE ON chain FOR EACH ROW EXECUTE FUNCTION meddle();
INSERT INTO chain VALUES (1, 'v1'), (2, 'v1');
:clear;
UPDATE chain SET state = 'v2';
TABLE j;
SELECT * FROM chain ORDER BY id;
:clear;
UPDATE chain SET state = 'd2';
TABLE j;
SELECT * FROM chain ORDER BY id;
:clear;

-- A BEFORE trigger that removes the row whose place the new one takes: its command is later than the insertion's.
CREATE FUNCTION make_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE chain SET state = 'moved out' WHERE id = NEW.id;
  DELETE FROM chain WHERE id = NEW.id;
  RETURN NEW;
END $$;
CREATE TRIGGER make_room BEFORE INSERT ON chain FOR EACH ROW EXECUTE FUNCTION make_room();
INSERT INTO chain VALUES (1, 'moved in');
TABLE j;
:clear;

-- what a deferred trigger of others changes at commit is seen
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE chain SET state = state || ', late' WHERE id = NEW.id AND state NOT LIKE '%late';
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON chain DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
BEGIN;
UPDATE chain SET state = 'deferred' WHERE id = 1;
COMMIT;
TABLE j;
:clear;

-- a row updated very often in one transaction
DO $$ BEGIN FOR i IN 1..5000 LOOP UPDATE doc SET qty = i WHERE id = 5; END LOOP; END $$;
SELECT op, id, old, new::json ->> 'qty' AS qty FROM j;

\c postgres
DROP DATABASE capture_net;
DROP ROLE regress_capture_owner;
