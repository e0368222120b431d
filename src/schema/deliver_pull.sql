-- deliver, sixth part: consumers that fetch, because nothing can be sent to them.

CREATE FUNCTION odoo_events._filter_passes(event text, filter jsonpath) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_filter_passes';
COMMENT ON FUNCTION odoo_events._filter_passes(text, jsonpath) IS 'internal: as the worker filters: an error is no match';

CREATE FUNCTION odoo_events._rendered(event text, classes text, payload text, clearance text[]) RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_rendered';
COMMENT ON FUNCTION odoo_events._rendered(text, text, text, text[]) IS 'internal: an event as a subscription of format structured gets it';

CREATE FUNCTION odoo_events._company_event(event text, classes text, companies int4[]) RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_company_event';
COMMENT ON FUNCTION odoo_events._company_event(text, text, int4[]) IS
'internal: an event as a subscription of these companies may see it; null where it tells of other companies'' values only';

-- The configuration of a consumer that may fetch now, and where it is, locked: a second one on the same name waits for the first.
CREATE FUNCTION odoo_events._pull(name text) RETURNS odoo_events.pull_cursor
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config;
  k odoo_events.pull_cursor;
  me record;
BEGIN
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.name = _pull.name;
  IF c.id IS NULL THEN
    RAISE EXCEPTION 'subscription "%" does not exist', name USING ERRCODE = 'undefined_object',
      HINT = 'SELECT name FROM odoo_events.subscription lists them.';
  ELSIF c.url IS NOT NULL THEN
    RAISE EXCEPTION 'subscription "%" has a URL that its events are sent to', name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.subscribe(%L, url => NULL);', name || '-pull');
  ELSIF c.state <> 'active' THEN
    RAISE EXCEPTION 'subscription "%" is %', name, c.state USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.resume(%L);', name);
  END IF;
  SELECT * INTO me FROM odoo_events._identity();
  IF NOT me.armed THEN
    RAISE EXCEPTION 'nothing is delivered from this database: %', me.reason USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'SELECT odoo_events.arm();  -- only if this is production';
  END IF;
  SELECT * INTO k FROM odoo_events.pull_cursor p WHERE p.subscription_id = c.id FOR UPDATE;
  IF k.subscription_id IS NULL THEN     -- restored from a backup: it begins with what comes now
    INSERT INTO odoo_events.pull_cursor (subscription_id, position, fetched, scanned)
    SELECT c.id, l, l, l FROM odoo_events._last_position() l
    ON CONFLICT (subscription_id) DO UPDATE SET at = pull_cursor.at RETURNING * INTO k;
  END IF;
  RETURN k;
END $$;
COMMENT ON FUNCTION odoo_events._pull(text) IS 'internal: what fetch() and ack() begin with';

-- Does another session have what was handed out?  Until it has acknowledged that, has ended, or its time is over.
CREATE FUNCTION odoo_events._pull_held(k odoo_events.pull_cursor) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT k.holder <> pg_backend_pid() AND k.held_until > clock_timestamp()
       AND EXISTS (SELECT 1 FROM pg_stat_get_activity(k.holder) a WHERE a.backend_start = k.holder_since)
$$;
COMMENT ON FUNCTION odoo_events._pull_held(odoo_events.pull_cursor) IS 'internal: whether another session has fetched and not acknowledged yet';

CREATE FUNCTION odoo_events.fetch(name text, max int DEFAULT 100) RETURNS TABLE ("position" int8, id uuid, event json)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  k odoo_events.pull_cursor := odoo_events._pull(name);
  c odoo_events.subscription_config;
  job odoo_events.replay_job;
  r record;
  n int := 0;
BEGIN
  IF max IS NULL OR max NOT BETWEEN 1 AND 10000 THEN
    RAISE EXCEPTION 'argument "max" is %', max USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 10000.';
  END IF;
  IF odoo_events._pull_held(k) THEN
    RAISE EXCEPTION 'subscription "%" is being fetched by another session', name USING ERRCODE = 'object_in_use',
      DETAIL = format('Process %s has what lies between the positions %s and %s until %s, or until it acknowledges it.', k.holder, k.position, k.fetched, k.held_until),
      HINT = format('SELECT pg_catalog.pg_sleep_until(%L); SELECT * FROM odoo_events.fetch(%L);  -- consumers at the same time need subscriptions of their own',
                    k.held_until, name);
  END IF;
  SELECT s.* INTO c FROM odoo_events.subscription_config s WHERE s.id = k.subscription_id;
  job.subscription_id := c.id; job.from_position := 0; job.dead_letters := false;
  job.to_position := LEAST(odoo_events._last_position(), k.position + 200000);
  FOR r IN
    SELECT o.position, o.id, odoo_events._rendered(odoo_events._company_event(o.event, o.classes, c.companies), o.classes, c.payload, c.clearance)::json AS event
      FROM odoo_events._replay_events(job, k.position, max) o
  LOOP
    n := n + 1;
    "position" := r.position; id := r.id; event := r.event;
    RETURN NEXT;
  END LOOP;
  IF n = max THEN
    job.to_position := r.position;
  END IF;
  IF n > 0 THEN
    UPDATE odoo_events.pull_cursor p
       SET fetched = GREATEST(p.fetched, r.position), scanned = CASE WHEN r.position >= p.fetched THEN GREATEST(p.scanned, job.to_position) ELSE p.scanned END,
           holder = pg_backend_pid(), holder_since = a.backend_start, held_until = clock_timestamp() + c.timeout
      FROM pg_stat_get_activity(pg_backend_pid()) a WHERE p.subscription_id = c.id;
  ELSIF job.to_position > k.position OR k.holder IS NOT NULL THEN
    -- nothing here is for it: that needs no acknowledgement
    UPDATE odoo_events.pull_cursor p SET position = job.to_position, fetched = job.to_position, scanned = job.to_position, at = now(), holder = NULL
     WHERE p.subscription_id = c.id;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.fetch(text, int) IS
'the next events of a subscription without a URL, in order; the same again until they are acknowledged; until then, or for the subscription''s timeout, no other session gets them';

-- The latest line about it in audit_log covers what the same consumer acknowledges within the hour: where somebody acknowledges every
-- second, that is one line an hour.
CREATE FUNCTION odoo_events._audit_ack(name text, k odoo_events.pull_cursor, upto int8) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF k.audited_by = session_user AND k.audited_at > clock_timestamp() - interval '1 hour' THEN
    RETURN false;
  END IF;
  PERFORM odoo_events._audit('ack', name, jsonb_build_object('position', CASE WHEN k.audited_by = session_user THEN k.audited ELSE k.position END),
                             jsonb_build_object('position', upto));
  RETURN true;
END $$;
COMMENT ON FUNCTION odoo_events._audit_ack(text, odoo_events.pull_cursor, int8) IS 'internal: a line an hour and consumer about what it acknowledged';

CREATE FUNCTION odoo_events.ack(name text, "position" int8) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  upto CONSTANT int8 := "position";
  k odoo_events.pull_cursor := odoo_events._pull(name);
  tells boolean;
BEGIN
  IF upto IS NULL OR upto < k.position THEN
    RAISE EXCEPTION 'argument "position" is %, before what is acknowledged already', upto USING ERRCODE = 'invalid_parameter_value',
      DETAIL = format('Acknowledged is all up to %s.', k.position), HINT = 'subscribe() another name with start_from to get events once more.';
  ELSIF upto > k.fetched THEN
    RAISE EXCEPTION 'argument "position" is %, beyond what was fetched', upto USING ERRCODE = 'invalid_parameter_value',
      DETAIL = format('Fetched is all up to %s.', k.fetched), HINT = format('SELECT * FROM odoo_events.fetch(%L);', name);
  END IF;
  IF upto > k.position THEN
    tells := odoo_events._audit_ack(name, k, upto);
    UPDATE odoo_events.pull_cursor p SET position = CASE WHEN upto = p.fetched THEN p.scanned ELSE upto END,
           fetched = CASE WHEN upto = p.fetched THEN p.scanned ELSE p.fetched END, acked = p.acked + 1, at = now(),
           holder = CASE WHEN upto < p.fetched THEN p.holder END,
           audited_by = CASE WHEN tells THEN session_user ELSE p.audited_by END,
           audited_at = CASE WHEN tells THEN clock_timestamp() ELSE p.audited_at END,
           audited = CASE WHEN tells THEN upto ELSE p.audited END
     WHERE p.subscription_id = k.subscription_id;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.ack(text, int8) IS 'acknowledges all events up to this position that fetch() answered';
