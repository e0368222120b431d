-- A log that does not fit into memory: the same journal, and savepoints as before.
\set db capture_spill
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/lib/capture.sql
\i :setup
-- The same transaction, once in memory and once through a temporary file.
CREATE PROCEDURE big(tag text) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO doc SELECT i, 'draft', i, repeat('n', 100) FROM generate_series(1, 3000) i;
  UPDATE doc SET state = tag WHERE id % 2 = 0;
  BEGIN
    UPDATE doc SET state = 'undone';
    DELETE FROM doc WHERE id % 5 = 0;
    RAISE 'undo';
  EXCEPTION WHEN raise_exception THEN NULL;
  END;
  BEGIN
    UPDATE doc SET qty = -1 WHERE id % 7 = 0;
    BEGIN
      INSERT INTO doc SELECT i, 'undone' FROM generate_series(4001, 6000) i;
      RAISE 'undo';
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
    DELETE FROM doc WHERE id % 11 = 0;
  END;
  INSERT INTO doc SELECT i, 'after' FROM generate_series(4001, 4010) i;
  UPDATE doc SET id = id + 10000 WHERE id > 4005;
END $$;
CREATE TABLE result AS SELECT NULL::text AS how, * FROM j WITH NO DATA;
ALTER TABLE result ADD n serial;
CALL big('even');
INSERT INTO result SELECT 'memory', * FROM j;
TRUNCATE doc;
:clear;
SET odoo_events.capture_memory = '64kB';
SET work_mem = '64kB';
SET log_temp_files = 0;
CALL big('even');
INSERT INTO result SELECT 'file', * FROM j;
SELECT how, op, count(*), min(n) - (SELECT min(n) FROM result i WHERE i.how = r.how) AS first FROM result r GROUP BY how, op ORDER BY how, op;
SELECT count(*) AS different FROM
  (SELECT n, op, id, old, new FROM result WHERE how = 'memory') m FULL JOIN
  (SELECT n - (SELECT count(*) FROM result WHERE how = 'memory') AS n, op, id, old, new FROM result WHERE how = 'file') f USING (n)
  WHERE (m.op, m.id, m.old, m.new) IS DISTINCT FROM (f.op, f.id, f.old, f.new);
-- it did go through a file
SELECT pg_stat_force_next_flush();
SELECT temp_files > 0 AS spilled FROM pg_stat_database WHERE datname = current_database();
TRUNCATE doc;
:clear;

-- rolled back to before the spill, and written again
BEGIN;
INSERT INTO doc VALUES (1, 'kept');
SAVEPOINT a;
INSERT INTO doc SELECT i, repeat('x', 1000) FROM generate_series(2, 1000) i;
ROLLBACK TO a;
INSERT INTO doc VALUES (2, 'also kept');
SAVEPOINT b;
INSERT INTO doc SELECT i, repeat('y', 1000) FROM generate_series(3, 1000) i;
ROLLBACK TO b;
INSERT INTO doc SELECT i, repeat('z', 1000) FROM generate_series(3, 1000) i;
TRUNCATE doc;
INSERT INTO doc VALUES (3, 'last');
COMMIT;
TABLE j;
:clear;

-- aborted as a whole, and by an error, after spilling
BEGIN;
INSERT INTO doc SELECT i, repeat('x', 1000) FROM generate_series(10, 1000) i;
ROLLBACK;
BEGIN;
INSERT INTO doc SELECT i, repeat('x', 1000) FROM generate_series(10, 1000) i;
SELECT 1 / 0;
COMMIT;
INSERT INTO doc VALUES (4, 'next transaction');
TABLE j;
:clear;

-- a temporary file that may not grow costs the events, not the transaction
SET temp_file_limit = '128kB';
BEGIN;
INSERT INTO doc SELECT i, repeat('x', 1000) FROM generate_series(10, 1000) i;
COMMIT;
RESET temp_file_limit;
SELECT count(*) FROM doc WHERE id BETWEEN 10 AND 1000;
TABLE j;
SELECT relation, changes, replace(reason, '"', '') AS reason FROM odoo_events.capture_error;
DELETE FROM odoo_events.capture_gap;
SET odoo_events.strict = on;
SET temp_file_limit = '128kB';
DO $$
BEGIN
  INSERT INTO doc SELECT i, repeat('y', 1000) FROM generate_series(2000, 3000) i;
EXCEPTION WHEN configuration_limit_exceeded THEN
  RAISE WARNING 'strict: the statement fails';
END $$;
RESET temp_file_limit;
SELECT count(*) FROM doc WHERE state LIKE 'y%';
RESET odoo_events.strict;
:clear;

-- one row, many times, through the file
DO $$ BEGIN FOR i IN 1..3000 LOOP UPDATE doc SET qty = i WHERE id = 4; END LOOP; END $$;
TABLE j;

\c postgres
DROP DATABASE capture_spill;
DROP ROLE regress_capture_owner;
