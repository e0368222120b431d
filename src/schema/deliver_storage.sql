-- deliver: what holds the rings, and what was lost when they were full.

CREATE FUNCTION odoo_events._overrun(subscription int4, first int8, last int8) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text := (SELECT c.name FROM odoo_events.subscription_config c WHERE c.id = subscription);
BEGIN
  INSERT INTO odoo_events.overrun (subscription_id, at, first_position, last_position) VALUES (subscription, clock_timestamp(), first, last);
  PERFORM odoo_events._audit('overrun', name, NULL, jsonb_build_object('first_position', first, 'last_position', last));
  PERFORM odoo_events._platform_event('odoo.platform.subscription.overrun.v1', name,
                                      jsonb_build_object('first_position', first, 'last_position', last));
END $$;
COMMENT ON FUNCTION odoo_events._overrun(int4, int8, int8) IS 'internal: notes which positions a subscription has lost';

CREATE FUNCTION odoo_events._overrun_pull(upto int8) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  k record;
BEGIN
  FOR k IN SELECT * FROM odoo_events.pull_cursor p WHERE p.position < upto FOR UPDATE SKIP LOCKED LOOP
    PERFORM odoo_events._overrun(k.subscription_id, k.position + 1, upto);
    UPDATE odoo_events.pull_cursor p SET position = upto, fetched = GREATEST(p.fetched, upto), scanned = GREATEST(p.scanned, upto)
     WHERE p.subscription_id = k.subscription_id;
  END LOOP;
  UPDATE odoo_events.unsubscribed u SET position = upto + 1 WHERE u.position <= upto;
END $$;
COMMENT ON FUNCTION odoo_events._overrun_pull(int8) IS 'internal: pull consumers lose what is dropped; one that is fetching keeps it for now';

CREATE VIEW odoo_events._storage AS
WITH t AS (
  SELECT pg_catalog.regexp_replace(c.relname, '_[0-9]+$', '') AS part, c.relname,
         pg_catalog.pg_total_relation_size(c.oid) AS bytes, pg_catalog.pg_relation_size(c.oid) > 0 AS used
    FROM pg_catalog.pg_class c
   WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind = 'r'
     AND (c.relname ~ '^(journal|outbox|publish_cursor|progress|attempt|process_cursor|process_step|process_root|document_index)_[0-9]+$'
          OR c.relname IN ('held', 'dead', 'quarantined', 'audit', 'capture_gap'))
), s AS (
  SELECT t.part, pg_catalog.count(*) AS members, pg_catalog.count(*) FILTER (WHERE t.used) AS used, pg_catalog.sum(t.bytes)::int8 AS bytes
    FROM t GROUP BY t.part
)
SELECT s.part, s.used || ' of ' || s.members AS segments, s.bytes,
       CASE s.part
         WHEN 'outbox' THEN (SELECT pg_catalog.min(o.recordedtime) FROM odoo_events.outbox_all o
                              WHERE o.position = (SELECT pg_catalog.min(x.position) FROM odoo_events.outbox_all x))
         WHEN 'attempt' THEN (SELECT pg_catalog.min(a.at) FROM odoo_events.attempt a)
         WHEN 'dead' THEN (SELECT pg_catalog.min(d.first_at) FROM odoo_events.dead d)
         WHEN 'quarantined' THEN (SELECT pg_catalog.min(q.at) FROM odoo_events.quarantined q)
         WHEN 'audit' THEN (SELECT pg_catalog.min(a.at) FROM odoo_events.audit a)
         WHEN 'held' THEN (SELECT pg_catalog.min(h.first_at) FROM odoo_events.held h)
       END AS oldest,
       CASE s.part
         WHEN 'outbox' THEN (SELECT n.held_by FROM odoo_events.needed n
                              WHERE n.position <= (SELECT k.last_position FROM odoo_events.publish_cursor k ORDER BY k.n DESC LIMIT 1) ORDER BY n.position, n.held_by LIMIT 1)
         WHEN 'journal' THEN (SELECT 'prepared transaction ' || x.gid FROM pg_catalog.pg_prepared_xacts x
                               WHERE x.database = current_database() ORDER BY x.prepared LIMIT 1)
       END AS held_by
  FROM s;
COMMENT ON VIEW odoo_events._storage IS 'internal: what storage shows';
