-- Recorded business of real Odoo: of every record that the journal tells of, the last row is what stands in the table.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_capture_odoo LOGIN;
CREATE DATABASE capture_odoo OWNER regress_capture_odoo;
\! gzip -dc "$PG_ABS_SRCDIR/test/odoo/odoo19-base.sql.gz" | psql -qX -U regress_capture_odoo -d capture_odoo >/dev/null
\c capture_odoo
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
SELECT DISTINCT relation, mode, note FROM odoo_events.attach('{stock_move,transfer,manufacturing_order}') ORDER BY 1;
\! gzip -dc "$PG_ABS_SRCDIR/test/odoo/odoo19-manufacturing.trace.sql.gz" | psql -qX -U regress_capture_odoo -d capture_odoo >/dev/null
SELECT count(*) AS gaps FROM odoo_events.capture_gap;
CREATE VIEW j AS SELECT * FROM odoo_events.journal_0 UNION ALL SELECT * FROM odoo_events.journal_1 UNION ALL SELECT * FROM odoo_events.journal_2;
SELECT rule, op, count(*) FROM j GROUP BY 1, 2 ORDER BY 1, 2;

-- Per table: records in the journal; those whose significant columns are the table's; those that are gone in both.
CREATE FUNCTION agree(rule text, rel regclass, OUT records bigint, OUT equal bigint, OUT gone bigint) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format($f$
    WITH last AS (SELECT DISTINCT ON (record_id) record_id, op, new::jsonb AS new FROM j WHERE rule = %L ORDER BY record_id, id DESC)
    SELECT count(*),
           count(*) FILTER (WHERE t.id IS NOT NULL AND l.op <> 'D' AND
             (SELECT bool_and(to_jsonb(t) -> c IS NOT DISTINCT FROM to_jsonb(jsonb_populate_record(t, l.new)) -> c)
                FROM unnest((SELECT r.significant FROM odoo_events.capture_rule r WHERE r.rule = %L)) c)),
           count(*) FILTER (WHERE t.id IS NULL AND l.op = 'D')
      FROM last l LEFT JOIN %s t ON t.id = l.record_id$f$, rule, rule, rel) INTO records, equal, gone;
END $$;
SELECT r.rule, a.*, a.records = a.equal + a.gone AS agree
  FROM (SELECT DISTINCT rule, relid FROM j) r, agree(r.rule, r.relid) a ORDER BY 1;

-- each change's "old" is the "new" of the same record before it
SELECT count(*) AS breaks FROM (
  SELECT old::jsonb AS old, lag(new::jsonb) OVER (PARTITION BY rule, record_id ORDER BY id) AS before, rule, op FROM j) x
  JOIN odoo_events.capture_rule r USING (rule)
 WHERE before IS NOT NULL AND op = 'U'
   AND EXISTS (SELECT 1 FROM jsonb_each(old) o WHERE o.key = ANY (r.significant) AND o.value IS DISTINCT FROM before -> o.key);

\c postgres
DROP DATABASE capture_odoo;
DROP ROLE regress_capture_odoo;
