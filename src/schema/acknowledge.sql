-- acknowledge: a partner whose interface is dead gets a file, and a person says so.

-- Kept as long as the outbox keeps the event: the subscription passes it over whenever it comes to it.
CREATE TABLE odoo_events.acknowledged (
    subscription_id int4 NOT NULL,
    position        int8 NOT NULL,
    event_id        uuid NOT NULL,
    at              timestamptz NOT NULL,
    who             text NOT NULL,
    note            text,
    PRIMARY KEY (subscription_id, position)
);
COMMENT ON TABLE odoo_events.acknowledged IS 'events that somebody has brought to a partner by other means: see acknowledge()';

-- Events as a subscription of these choices gets them.
CREATE FUNCTION odoo_events._rendered(event text, classes text, payload text, clearance text[], fields text[]) RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_rendered';
COMMENT ON FUNCTION odoo_events._rendered(text, text, text, text[], text[]) IS 'internal: an event as a subscription of format structured gets it, with its fields alone';

-- What a subscription has still to get, in the order of positions: what waits, what it has not come to, what was given up.
CREATE FUNCTION odoo_events._pending(c odoo_events.subscription_config) RETURNS TABLE ("position" int8, state text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT x.position, min(x.state)
  FROM (SELECT w.position, w.state FROM odoo_events.waiting w WHERE w.subscription = c.name
        UNION ALL
        SELECT o.position, 'not reached' FROM odoo_events.outbox_all o, odoo_events.subscription_progress p
         WHERE p.subscription_id = c.id AND o.position > p.cursor AND o.type LIKE ANY (c.types_like)
           AND odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL
        UNION ALL
        SELECT d.position, 'dead letter' FROM odoo_events.dead d WHERE d.subscription_id = c.id) x
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events.acknowledged a WHERE a.subscription_id = c.id AND a.position = x.position)
 GROUP BY x.position
$$;
COMMENT ON FUNCTION odoo_events._pending(odoo_events.subscription_config) IS 'internal: positions of what a subscription has still to get';

CREATE FUNCTION odoo_events.pending(name text, max int DEFAULT 10000)
RETURNS TABLE ("position" int8, event_id uuid, type text, subject text, "time" timestamptz, state text, event json)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  c odoo_events.subscription_config;
BEGIN
  SELECT s.* INTO c FROM odoo_events.subscription_config s WHERE s.name = pending.name;
  IF c.id IS NULL THEN
    RAISE EXCEPTION 'subscription "%" does not exist', pending.name USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.subscription lists them.';
  ELSIF pending.max IS NULL OR pending.max NOT BETWEEN 1 AND 1000000 THEN
    RAISE EXCEPTION 'argument "max" is %', pending.max USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 1000000.';
  END IF;
  PERFORM odoo_events._must_be_whole(c, 'pending', '{read}', true);
  RETURN QUERY
  SELECT p.position, COALESCE(o.id, d.event_id), COALESCE(o.type, d.type), COALESCE(o.subject, d.subject), COALESCE(o."time", (odoo_events._legible(d.event) ->> 'time')::timestamptz), p.state,
         odoo_events._rendered(odoo_events._company_event(COALESCE(d.event, o.event), COALESCE(d.classes, o.classes), c.companies), COALESCE(d.classes, o.classes), c.payload, c.clearance, c.fields)::json
    FROM (SELECT x.* FROM odoo_events._pending(c) x ORDER BY x.position LIMIT pending.max) p
         LEFT JOIN odoo_events.outbox_all o ON o.position = p.position
         LEFT JOIN odoo_events.dead d ON d.subscription_id = c.id AND d.position = p.position
   ORDER BY p.position;
END $$;
COMMENT ON FUNCTION odoo_events.pending(text, int) IS
'what a subscription has still to get, as it would get it: what waits, what it has not come to, what was given up; in order, at most max events; for a file by hand';

CREATE FUNCTION odoo_events.acknowledge(name text, ids uuid[], note text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  wanted uuid[] := ARRAY(SELECT DISTINCT i FROM unnest(ids) i);
  open_positions int8[];
  waiting_ids uuid[];
  dead_ids uuid[];
  unknown uuid;
BEGIN
  PERFORM odoo_events._must_be_whole(c, 'acknowledge', '{operate}');
  IF c.url IS NULL THEN
    RAISE EXCEPTION 'subscription "%" is fetched, and acknowledged by its consumer', name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT * FROM odoo_events.fetch(%L);  -- then ack()', name);
  ELSIF ids IS NULL OR cardinality(wanted) > 1000 OR length(note) > 1000 THEN
    RAISE EXCEPTION 'argument "%" is null, or too long', CASE WHEN length(note) > 1000 THEN 'note' ELSE 'ids' END USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give at most 1000 ids, and a note of at most 1000 characters.';
  END IF;
  dead_ids := ARRAY(SELECT d.event_id FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = ANY (wanted));
  waiting_ids := ARRAY(SELECT s.event_id FROM odoo_events.outcome_state s WHERE s.subscription_id = c.id AND s.event_id = ANY (wanted) AND s.state <> 'processed');
  open_positions := ARRAY(SELECT o.position FROM odoo_events.outbox_all o JOIN odoo_events._pending(c) p ON p.position = o.position
                           WHERE o.id = ANY (wanted) AND NOT o.id = ANY (dead_ids) AND NOT o.id = ANY (waiting_ids));
  SELECT i INTO unknown FROM unnest(wanted) i
   WHERE NOT i = ANY (dead_ids) AND NOT i = ANY (waiting_ids) AND NOT EXISTS (SELECT 1 FROM odoo_events.outbox_all o WHERE o.id = i AND o.position = ANY (open_positions)) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'argument "ids" names event %, which subscription "%" has not to get any more', unknown, name USING ERRCODE = 'invalid_parameter_value',
      HINT = format('SELECT event_id FROM odoo_events.pending(%L);', name);
  END IF;
  IF odoo_events._proposes('acknowledge', jsonb_build_object('name', c.name, 'ids', ids, 'note', note)) THEN
    RETURN NULL;
  END IF;
  DELETE FROM odoo_events.acknowledged a WHERE a.position < (SELECT min(o.position) FROM odoo_events.outbox_all o);
  INSERT INTO odoo_events.acknowledged (subscription_id, position, event_id, at, who, note)
  SELECT c.id, o.position, o.id, clock_timestamp(), session_user, note FROM odoo_events.outbox_all o
   WHERE o.id = ANY (wanted) ON CONFLICT ON CONSTRAINT acknowledged_pkey DO NOTHING;
  DELETE FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = ANY (dead_ids);
  PERFORM pg_advisory_xact_lock(odoo_events._outcome_key(c.id, x.i)) FROM (SELECT u AS i FROM unnest(waiting_ids) u ORDER BY u) x;
  UPDATE odoo_events.outcome_state s SET state = 'processed', decided_at = clock_timestamp(), decided_by = session_user, note = acknowledge.note, poll_at = NULL
   WHERE s.subscription_id = c.id AND s.event_id = ANY (waiting_ids);
  -- what the worker has in memory
  IF cardinality(open_positions) > 0 THEN
    INSERT INTO odoo_events.command (subscription_id, what, positions, by) VALUES (c.id, 'acknowledge', open_positions, session_user);
    PERFORM odoo_events._wake('config');
  END IF;
  PERFORM odoo_events._audit('acknowledge', c.name, NULL, jsonb_strip_nulls(jsonb_build_object('ids', wanted, 'note', note)));
  RETURN cardinality(wanted);
END $$;
COMMENT ON FUNCTION odoo_events.acknowledge(text, uuid[], text) IS
'settles events that were brought to a partner by other means: they are sent no more, and become no dead letters; answers how many.  At most 1000; 22023 for an event that it has not to get';

CREATE FUNCTION odoo_events._acknowledged_step(subscription int4, "position" int8, OUT step text, OUT at timestamptz, OUT detail text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'acknowledged by hand', a.at, concat_ws(': ', 'by ' || a.who, a.note) FROM odoo_events.acknowledged a WHERE a.subscription_id = subscription AND a.position = $2
$$;
COMMENT ON FUNCTION odoo_events._acknowledged_step(int4, int8) IS 'internal: what trace() says of an event that was settled by hand';
