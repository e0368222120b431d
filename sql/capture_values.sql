-- What the journal writes depends on no session setting, and is right for large values.
-- needs: xml amcheck
\set db capture_values
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/lib/capture.sql
\i :setup
CREATE TYPE mood AS ENUM ('ok', 'bad');
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b date);
INSERT INTO odoo_events.capture_rule VALUES ('v', '{v}',
 '{b,i2,i4,i8,f4,f8,n,t,vc,bc,nm,ch,d,ts,tz,ti,iv,u,ba,js,jb,ai,ad,a2,ae,m,po,r,rc,ms,pt,xm,cl,gen}', '{}', false);
CREATE TABLE v (id bigint PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, t text, vc varchar(20), bc char(4), nm name, ch "char",
  d date, ts timestamp, tz timestamptz, ti time, iv interval, u uuid, ba bytea, js json, jb jsonb, ai int[], ad date[], a2 text[], ae mood[], m mood, po posint,
  r daterange, rc pair, ms money, pt point, xm xml, cl regclass, gen int GENERATED ALWAYS AS (i4 * 2) STORED);
SELECT odoo_events._capture_table('v'::regclass, 'v');
INSERT INTO v VALUES (9007199254740993, true, -2, 1073741823, -9223372036854775808, 0.1, 1e-300, 12345678901234567890.100, E'quote " back \\ tab \t nl \n bell \x07 é 漢', 'v', 'b', 'n', 'c',
  '2026-02-28', '2026-03-29 02:30:00.120', '2026-03-29 02:30:00+02', '12:00:00.5', '1 year 2 days 03:04:05.6', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\xdeadbeef',
  '{"a" :1}', '{"b": [1, 2.50, null]}', '{1,NULL,3}', '{2026-01-02}', '{{a,"b\"c"},{d,NULL}}', '{ok,bad}', 'bad', 7, '[2026-01-01,2026-02-01)', '(1,2026-01-01)', '12.34', '(1.5,2)', '<a/>', 'v');
INSERT INTO v (id, f4, f8, n, d, ts, tz) VALUES (-1, 'NaN', '-Infinity', 'NaN', 'infinity', '-infinity', 'infinity'),
  (-2, 1e20, 123456789.123456789, 1e30, '0044-03-15 BC', '0001-01-01 00:00:00 BC', '12026-01-01 00:00:00+00'), (-3, -0.0, 100, -0.0001, '1999-12-31', '1969-12-31 23:59:59.999999', '1900-01-01 00:00:00+00');
CREATE TABLE plain AS SELECT id, new FROM j;
TABLE plain;
SELECT count(*) FROM plain WHERE new::jsonb IS NULL;
:clear;
-- the same under settings that change how PostgreSQL writes
BEGIN;
SET LOCAL datestyle = 'German, DMY';
SET LOCAL intervalstyle = sql_standard;
SET LOCAL extra_float_digits = -5;
SET LOCAL bytea_output = escape;
SET LOCAL timezone = 'Asia/Kathmandu';
SET LOCAL lc_monetary = 'C';
SET LOCAL xmloption = document;
SET LOCAL search_path = pg_temp;
SET LOCAL quote_all_identifiers = on;
SET LOCAL default_transaction_read_only = on;
SET LOCAL debug_print_parse = on;
SET LOCAL client_encoding = latin1;
-- PostgreSQL 19 has done away with it
SELECT current_setting('server_version_num')::int < 190000 AS has_it \gset
\if :has_it
SET LOCAL standard_conforming_strings = off;
\endif
UPDATE public.v SET i2 = 99;
COMMIT;
SELECT count(*) AS same FROM j JOIN plain USING (id) WHERE j.new::jsonb - 'i2' = plain.new::jsonb - 'i2';
SELECT count(*) AS same_text FROM j JOIN plain USING (id) WHERE replace(j.new, '"i2":99', '') = regexp_replace(plain.new, '"i2":(-2|null)', '');
SELECT old FROM j;
-- raw fields are numbers, strings and JSON as JSON has them
SELECT json_typeof(new::json -> k) AS type, string_agg(k, ',' ORDER BY k) FROM plain, json_object_keys(new::json) k WHERE id > 0 GROUP BY 1 ORDER BY 1;
:clear;

-- large values: noted out of TOAST, stored in TOAST, and every row found by its index
CREATE EXTENSION amcheck;
CREATE FUNCTION noise(n int) RETURNS text LANGUAGE sql AS
'SELECT string_agg(md5(i::text), '''' ORDER BY i) FROM generate_series(1, n / 32) i';
INSERT INTO doc SELECT i, 'draft', i, noise(65536 + i * 32) FROM generate_series(1, 3) i;
INSERT INTO doc SELECT i, 'draft' FROM generate_series(4, 200) i;
INSERT INTO doc VALUES (300, 'compressed', 1, repeat('x', 100000));
BEGIN;
DELETE FROM doc WHERE id = 3;
UPDATE doc SET name = 'first' WHERE id = 1;
UPDATE doc SET state = 'done', other = 'x';
UPDATE doc SET name = 'short' WHERE id = 2;
ALTER TABLE doc ALTER COLUMN other TYPE int USING 1;      -- rewritten: its old TOAST table is gone
COMMIT;
SELECT op, count(*), sum(length(new::json ->> 'name')) AS names, bool_and((new::json ->> 'name') IN ('short', 'first', repeat('x', 100000)) OR (new::json ->> 'name') = noise(65536 + id::int * 32) OR (new::json ->> 'name') IS NULL) AS right,
       sum(length(old::json ->> 'name')) AS old_names
  FROM j GROUP BY op ORDER BY op;
SELECT bt_index_check(c.oid, true) FROM pg_class c WHERE c.relname ~ '^journal_[0-2]_pkey$' AND c.relnamespace = 'odoo_events'::regnamespace;
SET enable_seqscan = off;
SELECT count(*) FROM odoo_events.journal_0 WHERE (xid, id) > ('0', 0);
RESET enable_seqscan;
:clear;
-- an unchanged value in TOAST is no difference
UPDATE doc SET other = 2 WHERE id = 1;
TABLE j;

\c postgres
DROP DATABASE capture_values;
DROP ROLE regress_capture_owner;
