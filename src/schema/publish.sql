-- publish: the outbox ring, the publisher's cursor, quarantine.

-- The event log.  Rows are never updated; a member is emptied by TRUNCATE.  event is the frozen JSON text.
DO $$
BEGIN
  FOR i IN 0..7 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.outbox_%s (
        position      int8 NOT NULL PRIMARY KEY,
        id            uuid NOT NULL,
        type          text NOT NULL,
        subject       text NOT NULL,
        partitionkey  text NOT NULL,
        "time"        timestamptz NOT NULL,
        recordedtime  timestamptz NOT NULL,
        entity        text NOT NULL,
        record_id     int8,
        company_id    int4,
        warehouse_id  int4,
        correlationid text,
        causationid   text,
        odootx        xid8 NOT NULL,
        event         text NOT NULL,
        classes       text                          -- of its members, where not internal: 3:transfer.partner (publish/catalog/member_classes.c)
      )$f$, i);
    BEGIN
      -- not every server is built with it
      EXECUTE pg_catalog.format('ALTER TABLE odoo_events.outbox_%s ALTER COLUMN event SET COMPRESSION lz4', i);
    EXCEPTION WHEN feature_not_supported THEN
      NULL;
    END;
    EXECUTE pg_catalog.format('CREATE INDEX outbox_%1$s_key ON odoo_events.outbox_%1$s (partitionkey, position)', i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.outbox_%s IS %L', i,
      'outbox ring: the event log, read through the view outbox');
  END LOOP;
END $$;

CREATE VIEW odoo_events.outbox_all AS
            SELECT * FROM odoo_events.outbox_0 UNION ALL SELECT * FROM odoo_events.outbox_1
  UNION ALL SELECT * FROM odoo_events.outbox_2 UNION ALL SELECT * FROM odoo_events.outbox_3
  UNION ALL SELECT * FROM odoo_events.outbox_4 UNION ALL SELECT * FROM odoo_events.outbox_5
  UNION ALL SELECT * FROM odoo_events.outbox_6 UNION ALL SELECT * FROM odoo_events.outbox_7;
COMMENT ON VIEW odoo_events.outbox_all IS 'internal: all members of the outbox ring, bytes as text';

CREATE VIEW odoo_events.outbox WITH (security_barrier) AS
SELECT position, id, type, subject, partitionkey, "time", recordedtime, entity, record_id, company_id, warehouse_id,
       correlationid, causationid, odootx, event::json AS event
  FROM odoo_events.outbox_all
 WHERE odoo_events._allows((SELECT m.reads FROM odoo_events._my_policy m), type, company_id, warehouse_id);
COMMENT ON VIEW odoo_events.outbox IS 'the event log, by position; event is the text that is sent';

-- Insert-only, ring of two: the row with the greatest n holds.
DO $$
BEGIN
  FOR i IN 0..1 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.publish_cursor_%s (
        n             int8 PRIMARY KEY,
        system_identifier int8 NOT NULL,
        s1            pg_snapshot NOT NULL,         -- all before it is published
        s2            pg_snapshot,                  -- target of the reading in progress
        done_id       int8,                         -- in it: transactions whose first id is at or before are done
        slice_id      int8,                         -- in it: rows of the next transaction up to here are done
        last_position int8 NOT NULL,
        at            timestamptz NOT NULL
      )$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.publish_cursor_%s IS %L', i,
      'publisher''s cursor: insert only, the greatest n holds');
  END LOOP;
END $$;
CREATE VIEW odoo_events.publish_cursor AS
SELECT * FROM odoo_events.publish_cursor_0 UNION ALL SELECT * FROM odoo_events.publish_cursor_1;
COMMENT ON VIEW odoo_events.publish_cursor IS 'internal: both members of the publisher''s cursor';

-- Position of the last event published; 0 before the first.
CREATE FUNCTION odoo_events._last_position() RETURNS int8
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS 'SELECT COALESCE((SELECT c.last_position FROM odoo_events.publish_cursor c ORDER BY c.n DESC LIMIT 1), 0)';
COMMENT ON FUNCTION odoo_events._last_position() IS 'internal: position of the last event published, 0 before the first';

-- Changes that could not become events, with their journal row.  requeued: the next cycle takes them again.
CREATE TABLE odoo_events.quarantined (
    change_id   int8 PRIMARY KEY,                   -- id of the journal row
    xid         xid8 NOT NULL,
    at          timestamptz NOT NULL,
    rule        text NOT NULL,
    relid       oid NOT NULL,
    op          "char" NOT NULL,
    record_id   int8,
    old         text,
    new         text,
    traceparent text,
    key         text NOT NULL,
    entity      text NOT NULL,
    reason      text NOT NULL,
    attempts    int NOT NULL,
    requeued    boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE odoo_events.quarantined IS 'changes that could not become events, and those that wait behind them';

CREATE VIEW odoo_events.quarantine AS
SELECT change_id, entity, record_id, at, reason, attempts FROM odoo_events.quarantined WHERE NOT EXISTS (SELECT 1 FROM odoo_events._my_policy);
COMMENT ON VIEW odoo_events.quarantine IS 'changes that could not become events; later changes of the same key wait behind them';

CREATE FUNCTION odoo_events.requeue(ids bigint[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
BEGIN
  PERFORM odoo_events._must_be_free('requeue');
  UPDATE odoo_events.quarantined q SET requeued = true
   WHERE NOT q.requeued AND (requeue.ids IS NULL OR q.change_id = ANY (requeue.ids));
  GET DIAGNOSTICS n = ROW_COUNT;
  PERFORM odoo_events._audit('requeue', NULL, NULL, jsonb_build_object('ids', ids, 'changes', n));
  PERFORM odoo_events._wake('changes');
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events.requeue(bigint[]) IS 'publishes quarantined changes again, in their order; all where no ids are given';

CREATE FUNCTION odoo_events.drop_quarantined(ids bigint[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
BEGIN
  PERFORM odoo_events._must_be_free('drop_quarantined');
  DELETE FROM odoo_events.quarantined q WHERE q.change_id = ANY (drop_quarantined.ids);
  GET DIAGNOSTICS n = ROW_COUNT;
  PERFORM odoo_events._audit('drop_quarantined', NULL, NULL, jsonb_build_object('ids', ids, 'changes', n));
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events.drop_quarantined(bigint[]) IS 'gives quarantined changes up: they never become events';

CREATE FUNCTION odoo_events.publish(max_changes int DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_publish';
COMMENT ON FUNCTION odoo_events.publish(int) IS
'publishes what others committed, now, as the worker does; answers the number of events; about max_changes changed rows at most';
