-- deliver: consumers that fetch, because nothing can be sent to them.

CREATE FUNCTION odoo_events._filter_verdict(event text, filter jsonpath) RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_filter_verdict';
COMMENT ON FUNCTION odoo_events._filter_verdict(text, jsonpath) IS
'internal: as the worker filters: null where the event passes, "false" or "unknown" where it does not, else why that cannot be said; what took too long several times in a statement is not tried again in it';

CREATE FUNCTION odoo_events._took_too_long(verdict text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT verdict ~ '^the filter could not be judged: it took more than [0-9]+ ms of processor time'
$$;
COMMENT ON FUNCTION odoo_events._took_too_long(text) IS 'internal: whether this is why a filter could not be judged';

CREATE FUNCTION odoo_events._check_filter_cost(name text, slow int8, verdict text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF slow > 2 THEN
    RAISE EXCEPTION 'the filter of subscription "%" takes too long', name USING ERRCODE = 'statement_too_complex', DETAIL = verdict || '.',
      HINT = format('SELECT odoo_events.alter_subscription(%L, filter => ...);  -- or raise odoo_events.filter_timeout', name);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_filter_cost(text, int8, text) IS 'internal: raises where a filter took too long for several events';

-- An event as its consumer gets it, or why that cannot be made.
CREATE FUNCTION odoo_events._pull_rendered(c odoo_events.subscription_config, frozen text, classes text, OUT event json, OUT failure text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  event := odoo_events._rendered(frozen, classes, c.payload, c.clearance);
EXCEPTION WHEN OTHERS THEN
  IF SQLSTATE ~ '^(40|53|57|58)' THEN     -- says nothing about the event
    RAISE;
  END IF;
  failure := 'the event could not be rendered: ' || SQLERRM;
END $$;
COMMENT ON FUNCTION odoo_events._pull_rendered(odoo_events.subscription_config, text, text) IS 'internal: an event as fetch() answers it, or why it cannot';

-- What cannot be judged or rendered for a pull subscription is a dead letter, as it is where events are sent.  fetch() comes by here until its
-- consumer has acknowledged what lies behind.
CREATE FUNCTION odoo_events._pull_unjudged(c odoo_events.subscription_config, "position" int8, reason text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO odoo_events.dead (subscription_id, event_id, position, type, subject, partitionkey, company_id, warehouse_id, attempts, first_at, last_at, last_error, event, classes)
SELECT c.id, o.id, o.position, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id, 0, clock_timestamp(), clock_timestamp(), reason, o.event, o.classes
  FROM odoo_events.outbox_all o WHERE o.position = $2
ON CONFLICT (subscription_id, event_id) DO NOTHING
$$;
COMMENT ON FUNCTION odoo_events._pull_unjudged(odoo_events.subscription_config, int8, text) IS 'internal: makes a dead letter of an event that cannot be judged or rendered for a consumer';

CREATE FUNCTION odoo_events._rendered(event text, classes text, payload text, clearance text[]) RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_rendered';
COMMENT ON FUNCTION odoo_events._rendered(text, text, text, text[]) IS 'internal: an event as a subscription of format structured gets it';

-- As filter.c has it: the classes of an event that is for some subscriptions alone begin with their numbers.
CREATE FUNCTION odoo_events._for_others(classes text, subscription int4) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(left(classes, 2) = '>:' AND NOT subscription::text = ANY (string_to_array(substr(split_part(classes, ' ', 1), 3), ',')), false)
$$;
COMMENT ON FUNCTION odoo_events._for_others(text, int4) IS 'internal: is an event for other subscriptions alone';

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
  END IF;
  PERFORM odoo_events._must_be_whole(c, 'fetch', '{consume}', true);
  PERFORM odoo_events._check_residence(c);
  IF c.url IS NOT NULL THEN
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
  after int8 := k.position;
  reason text;
  last int8;
  n int := 0;
  got int;
  wanted int;
  slow int := 0;
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
  LOOP
    wanted := max - n;
    got := 0;
    FOR r IN SELECT o.* FROM odoo_events._replay_events(job, after, wanted) o LOOP
      got := got + 1;
      after := r.position;
      reason := r.unjudged;
      IF reason IS NULL THEN
        SELECT x.event, x.failure INTO event, reason FROM odoo_events._pull_rendered(c, odoo_events._company_event(r.event, r.classes, c.companies), r.classes) x;
      END IF;
      IF reason IS NOT NULL THEN
        slow := slow + odoo_events._took_too_long(reason)::int;
        PERFORM odoo_events._check_filter_cost(name, slow, reason);
        PERFORM odoo_events._pull_unjudged(c, r.position, reason);
        CONTINUE;
      END IF;
      n := n + 1;
      "position" := r.position; id := r.id; last := r.position;
      RETURN NEXT;
    END LOOP;
    EXIT WHEN got < wanted OR n = max;
  END LOOP;
  IF n = max THEN
    job.to_position := last;
  END IF;
  IF n > 0 THEN
    UPDATE odoo_events.pull_cursor p
       SET fetched = GREATEST(p.fetched, last), scanned = CASE WHEN last >= p.fetched THEN GREATEST(p.scanned, job.to_position) ELSE p.scanned END,
           holder = pg_backend_pid(), holder_since = a.backend_start, held_until = clock_timestamp() + c.timeout, filter_passed = p.filter_passed + n
      FROM pg_stat_get_activity(pg_backend_pid()) a WHERE p.subscription_id = c.id;
  ELSIF job.to_position > k.position OR k.holder IS NOT NULL THEN
    -- nothing here is for it: that needs no acknowledgement
    UPDATE odoo_events.pull_cursor p SET position = job.to_position, fetched = job.to_position, scanned = job.to_position, at = now(), holder = NULL,
           -- health() warns of a filter that lets nothing through
           filter_refused = p.filter_refused + CASE WHEN c.filter IS NULL OR p.filter_passed > 0 THEN 0 ELSE
             (SELECT count(*) FROM odoo_events.outbox_all o WHERE o.position > k.position AND o.position <= job.to_position AND o.type LIKE ANY (c.types_like)) END
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
