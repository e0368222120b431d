-- capture: rules, journal ring, gaps, and the functions that install triggers.

-- What the capture of one table notes.  The key is the name that stands in the trigger's argument, so that a renamed table
-- keeps its rule.  A column is written 'name', or 'name=alternative' where an Odoo version calls it otherwise: the value is
-- noted under the first name.  A net change is written to the journal if a column in "significant" differs (or the row came
-- or went); "carried" columns are noted beside them.
CREATE TABLE odoo_events.capture_rule (
    rule        text PRIMARY KEY,
    tables      text[] NOT NULL,                    -- first that exists is captured
    significant text[] NOT NULL,
    carried     text[] NOT NULL DEFAULT '{}',
    builtin     boolean NOT NULL DEFAULT true
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.capture_rule IS 'per captured table: which columns matter, and which are noted beside them';

-- One row per record that a transaction changed, net of the transaction.  Written below SQL by capture/journal.c just before
-- commit: no default, no constraint but the primary key.  old: for U only the columns that differ, for D the whole row;
-- new: the whole row (watched columns).  op: I, U, D; T a truncated table; E a ready-made event (ping, emit), whose "new" is
-- {"type","subject","key","data"}.
CREATE SEQUENCE odoo_events.journal_id_seq CACHE 1;
COMMENT ON SEQUENCE odoo_events.journal_id_seq IS 'orders the journal within one reading; taken just before commit, while row locks are held';
DO $$
BEGIN
  FOR i IN 0..2 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.journal_%s (
        xid         xid8 NOT NULL,                  -- top-level transaction
        id          int8 NOT NULL,
        at          timestamptz NOT NULL,           -- clock just before commit (or prepare)
        rule        text NOT NULL,
        relid       oid NOT NULL,
        op          "char" NOT NULL,
        record_id   int8,
        old         text,
        new         text,
        traceparent text,
        PRIMARY KEY (xid, id)
      ) WITH (autovacuum_vacuum_scale_factor = 0.5)$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.journal_%s IS %L', i,
      'journal ring: net changes of committed transactions until they are published');
  END LOOP;
END $$;
