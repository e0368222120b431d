-- backfill: snapshot events of rows that are there already, and proof that events and tables agree.

CREATE TABLE odoo_events.backfill_job (
    id         int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity     text NOT NULL,
    predicate  text,
    state      text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
    last_id    int8 NOT NULL DEFAULT -9223372036854775808,  -- rows up to here have been looked at
    rows       int8 NOT NULL DEFAULT 0,                     -- snapshots asked for
    error      text,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    at         timestamptz NOT NULL                         -- of the last step
);
COMMENT ON TABLE odoo_events.backfill_job IS 'backfills and how far they are; one step is one transaction';

CREATE VIEW odoo_events.backfill_status AS
SELECT b.id, b.entity, b.predicate, b.state, b.rows, NULLIF(b.last_id, -9223372036854775808) AS last_id, b.error, b.created_by, b.created_at, b.at
  FROM odoo_events.backfill_job b;
COMMENT ON VIEW odoo_events.backfill_status IS 'backfills and how far they are; rows counts the snapshots that were asked for';

CREATE FUNCTION odoo_events._backfill_step() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_backfill_step';
COMMENT ON FUNCTION odoo_events._backfill_step() IS 'internal: one step of the backfill that began first, as the worker takes it; false if none runs';

CREATE FUNCTION odoo_events._check_predicate(entity text, predicate text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_check_predicate';
COMMENT ON FUNCTION odoo_events._check_predicate(text, text) IS 'internal: raises an error for a predicate that the database''s owner could not use on the entity''s table';

CREATE FUNCTION odoo_events._odoo_rows(entity text, OUT id int8, OUT state text, OUT created timestamptz, OUT written timestamptz) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_odoo_rows';
COMMENT ON FUNCTION odoo_events._odoo_rows(text) IS 'internal: the rows of an entity''s table, read as the database''s owner';

CREATE FUNCTION odoo_events._snapshot(rule text, entity text, ids int8[]) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_snapshot';
COMMENT ON FUNCTION odoo_events._snapshot(text, text, int8[]) IS 'internal: asks for snapshot events of these rows in this transaction';

CREATE FUNCTION odoo_events.backfill(entity text, predicate text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  job bigint;
BEGIN
  PERFORM odoo_events._check_entities(ARRAY[backfill.entity]);
  IF NOT EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = backfill.entity) THEN
    RAISE EXCEPTION 'entity "%" is not attached', backfill.entity
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('SELECT * FROM odoo_events.attach(%L);', ARRAY[backfill.entity]);
  END IF;
  IF EXISTS (SELECT 1 FROM odoo_events.entity e WHERE e.entity = backfill.entity AND e.sum_query IS NOT NULL) THEN
    RAISE EXCEPTION 'entity "%" is a sum: it has no rows of its own', backfill.entity
      USING ERRCODE = 'wrong_object_type', HINT = 'Send what it sums up: SELECT odoo_events.backfill(''stock_level'');';
  END IF;
  PERFORM odoo_events._check_predicate(backfill.entity, backfill.predicate);
  INSERT INTO odoo_events.backfill_job (entity, predicate, created_by, created_at, at)
  VALUES (backfill.entity, backfill.predicate, session_user, clock_timestamp(), clock_timestamp()) RETURNING id INTO job;
  PERFORM odoo_events._audit('backfill', backfill.entity, NULL, jsonb_strip_nulls(jsonb_build_object('id', job, 'predicate', backfill.predicate)));
  PERFORM odoo_events._wake('config');
  RETURN job;
END $$;
COMMENT ON FUNCTION odoo_events.backfill(text, text) IS
'asks for a snapshot event of each row that there is (predicate: SQL over the table''s columns, run with the rights of the database''s owner); the worker does it '
'in small steps; answers the id in backfill_status';

CREATE FUNCTION odoo_events.cancel_backfill(id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE odoo_events.backfill_job b SET state = 'cancelled', at = clock_timestamp() WHERE b.id = cancel_backfill.id AND b.state = 'running';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'backfill % is not running', id USING ERRCODE = 'undefined_object', HINT = 'SELECT * FROM odoo_events.backfill_status;';
  END IF;
  PERFORM odoo_events._audit('cancel backfill', id::text);
END $$;
COMMENT ON FUNCTION odoo_events.cancel_backfill(bigint) IS 'stops a backfill after its current step';

-- Would a row that went from one state to another have been an event?  The ladder as publish/match.c climbs it.
CREATE FUNCTION odoo_events._tells(e odoo_events.entity, old_state text, new_state text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE
  WHEN old_state = new_state THEN false
  WHEN new_state = ANY (e.cancelled_states) THEN old_state IS NOT NULL AND old_state <> ALL (e.draft_states || e.cancelled_states)
       AND EXISTS (SELECT 1 FROM odoo_events.event_def d WHERE d.entity = e.entity AND d.enabled AND d.emit AND d.occasion = 'cancelled')
  ELSE EXISTS (
    SELECT 1 FROM odoo_events.milestone m
     WHERE m.entity = e.entity
       AND EXISTS (SELECT 1 FROM odoo_events.event_def d WHERE d.entity = e.entity AND d.enabled AND d.emit AND d.occasion = 'milestone' AND d.milestone = m.milestone)
       AND CASE WHEN m.gate THEN m.rung > r.low AND m.rung <= r.high ELSE new_state = ANY (m.states) AND NOT COALESCE(old_state = ANY (m.states), false) END)
    OR EXISTS (SELECT 1 FROM odoo_events.definition x, jsonb_array_elements(x.rows -> 'event_def') d
                WHERE x.kind = 'event' AND d ->> 'entity' = e.entity AND d ->> 'condition' LIKE '%' || to_json(new_state)::text || '%')
  END
  FROM (SELECT COALESCE((SELECT max(m.rung) FROM odoo_events.milestone m WHERE m.entity = e.entity AND old_state = ANY (m.states)), 0) AS low,
               COALESCE((SELECT max(m.rung) FROM odoo_events.milestone m WHERE m.entity = e.entity AND new_state = ANY (m.states)), 0) AS high) r
$$;
COMMENT ON FUNCTION odoo_events._tells(odoo_events.entity, text, text) IS 'internal: whether a change of state is one that an event tells of';

CREATE FUNCTION odoo_events._differences(e odoo_events.entity, since timestamptz, gap_at timestamptz)
RETURNS TABLE (record_id int8, odoo_state text, last_event_state text, note text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH told AS MATERIALIZED (
  SELECT DISTINCT ON (o.record_id) o.record_id, o.type, o.position,
         COALESCE(o.event::json -> 'data' -> COALESCE(e.label, e.entity) ->> e.state_column, o.event::json -> 'data' -> 'transition' ->> 'to',
                  o.event::json -> 'data' -> COALESCE(e.label, e.entity) ->> 'state') AS state,
         o.type LIKE '%.deleted.v_' OR (o.event::json -> 'data' ->> 'deleted') IS NOT NULL AS gone
    FROM odoo_events.outbox_all o WHERE o.entity = COALESCE(e.label, e.entity) AND o.record_id IS NOT NULL
   ORDER BY o.record_id, o.position DESC),
there AS MATERIALIZED (SELECT r.* FROM odoo_events._odoo_rows(e.entity) r)
SELECT COALESCE(r.id, t.record_id), r.state, t.state,
       CASE WHEN r.id IS NULL THEN 'the row is gone, and no event told'
            WHEN t.record_id IS NULL THEN 'no event tells of it'
            WHEN t.gone THEN 'it is there, the last event says that it is gone'
            WHEN odoo_events._tells(e, t.state, r.state) THEN 'another state than that of the last event'
            ELSE 'may have changed while capture failed' END
  FROM there r FULL JOIN told t ON t.record_id = r.id
 WHERE CASE WHEN r.id IS NULL THEN NOT t.gone AND (t.state IS NULL OR t.state <> ALL (e.draft_states || e.cancelled_states))
                 AND EXISTS (SELECT 1 FROM odoo_events.event_def d WHERE d.entity = e.entity AND d.enabled AND d.emit AND d.occasion = 'deleted')
            WHEN t.record_id IS NULL THEN r.created >= since AND odoo_events._tells(e, NULL, r.state)
            WHEN t.gone THEN true
            ELSE odoo_events._tells(e, t.state, r.state) OR r.written >= gap_at - interval '1 hour' OR gap_at IS NOT NULL AND r.state = ANY (e.open_states) END
$$;
COMMENT ON FUNCTION odoo_events._differences(odoo_events.entity, timestamptz, timestamptz) IS 'internal: records whose row and last event do not agree, at first sight';

CREATE FUNCTION odoo_events._reconcile(only_entity text, since timestamptz, repair boolean)
RETURNS TABLE (entity text, record_id int8, odoo_state text, last_event_state text, note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  e       odoo_events.entity;
  oldest  timestamptz;
  gap_at  timestamptz;
  began   timestamptz := clock_timestamp();
  ids     int8[];
  found   jsonb;
  checked text[] := '{}';
BEGIN
  IF only_entity IS NOT NULL THEN
    PERFORM odoo_events._check_entities(ARRAY[only_entity]);
    IF NOT EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = only_entity) THEN
      RAISE EXCEPTION 'entity "%" is not attached', only_entity
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('SELECT * FROM odoo_events.attach(%L);', ARRAY[only_entity]);
    END IF;
  END IF;
  SELECT min(o.recordedtime) INTO oldest FROM odoo_events.outbox_all o;
  FOR e IN SELECT x.* FROM odoo_events.entity x JOIN odoo_events.attached a ON a.entity = x.entity
            WHERE (only_entity IS NULL OR x.entity = only_entity) AND x.sum_query IS NULL ORDER BY x.entity
  LOOP
    SELECT min(g.at) INTO gap_at FROM odoo_events.capture_gap g WHERE g.rule = ANY (e.rules) AND (_reconcile.since IS NULL OR g.at >= _reconcile.since);
    -- what is on its way to be published is no difference
    SELECT COALESCE(jsonb_agg(to_jsonb(d) ORDER BY d.record_id), '[]'), array_agg(d.record_id ORDER BY d.record_id) INTO found, ids FROM odoo_events._differences(e, COALESCE(_reconcile.since, GREATEST((SELECT a.at FROM odoo_events.attached a WHERE a.entity = e.entity), oldest)), gap_at) d
     WHERE NOT EXISTS (SELECT 1 FROM odoo_events.journal j WHERE j.rule = e.rule AND j.record_id = d.record_id AND NOT odoo_events._is_published(j.xid, j.id))
       AND NOT EXISTS (SELECT 1 FROM odoo_events.quarantined q WHERE q.rule = e.rule AND q.record_id = d.record_id);
    RETURN QUERY SELECT e.entity, d.record_id, d.odoo_state, d.last_event_state, d.note || CASE WHEN _reconcile.repair THEN ': snapshot sent' ELSE '' END
                   FROM jsonb_to_recordset(found) d(record_id int8, odoo_state text, last_event_state text, note text) ORDER BY d.record_id;
    IF _reconcile.repair THEN
      PERFORM odoo_events._snapshot(e.rule, e.entity, ids);
    END IF;
    checked := checked || e.entity;
  END LOOP;
  checked := checked || ARRAY(SELECT x.entity FROM odoo_events.entity x WHERE x.sum_query IS NOT NULL);
  IF _reconcile.repair THEN
    -- a gap is dealt with once every entity that its table is captured for has been looked at
    DELETE FROM odoo_events.capture_gap g
     WHERE g.at < began AND (_reconcile.since IS NULL OR g.at >= _reconcile.since)
       AND NOT EXISTS (SELECT 1 FROM odoo_events.attached a JOIN odoo_events.entity x ON x.entity = a.entity WHERE g.rule = ANY (x.rules) AND a.entity <> ALL (checked));
    PERFORM odoo_events._audit('reconcile', COALESCE(only_entity, 'all'));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._reconcile(text, timestamptz, boolean) IS 'internal: reconcile()';

CREATE FUNCTION odoo_events.reconcile(entity text DEFAULT NULL, since timestamptz DEFAULT NULL, repair boolean DEFAULT false,
  OUT entity text, OUT record_id int8, OUT odoo_state text, OUT last_event_state text, OUT note text) RETURNS SETOF record
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'SELECT r.entity, r.record_id, r.odoo_state, r.last_event_state, r.note FROM odoo_events._reconcile($1, $2, $3) r';
COMMENT ON FUNCTION odoo_events.reconcile(text, timestamptz, boolean) IS
'records whose row and last event do not agree: capture was off, or failed; repair => true sends a snapshot event of each and acknowledges the gaps in capture_error';
