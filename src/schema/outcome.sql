-- outcome: accepted is not processed.  What became of events that a receiver has accepted, where a subscription waits for that.

-- A row per accepted event of a subscription whose outcomes come later.  It holds nothing up, and goes with its event.
CREATE TABLE odoo_events.outcome_state (
    subscription_id int4 NOT NULL,
    event_id        uuid NOT NULL,
    position        int8 NOT NULL,
    type            text NOT NULL,
    subject         text NOT NULL,
    partitionkey    text NOT NULL,
    company_id      int4,
    warehouse_id    int4,
    state           text NOT NULL CHECK (state IN ('pending', 'processed', 'failed')),
    received_at     timestamptz,                -- of our 2xx; null: confirmed before that was written
    due_at          timestamptz,                -- null: whenever it comes
    told_at         timestamptz,                -- that it is overdue
    decided_at      timestamptz,
    decided_by      text,
    reference       text,
    note            text,
    location        text,                       -- where the outcome is asked for; may contain a token, therefore in no view
    poll_at         timestamptz,                -- when next; null: never
    polls           int4 NOT NULL DEFAULT 0,    -- how often it was
    PRIMARY KEY (subscription_id, event_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
COMMENT ON TABLE odoo_events.outcome_state IS 'accepted events and what became of them; see the view outcome';
CREATE INDEX outcome_due ON odoo_events.outcome_state (due_at) WHERE state = 'pending' AND told_at IS NULL;
CREATE INDEX outcome_pending ON odoo_events.outcome_state (partitionkey, position) WHERE state = 'pending';
CREATE INDEX outcome_poll ON odoo_events.outcome_state (poll_at) WHERE state = 'pending' AND poll_at IS NOT NULL;
CREATE INDEX outcome_location ON odoo_events.outcome_state USING hash (location) WHERE state = 'pending' AND location IS NOT NULL;
CREATE INDEX outcome_failed ON odoo_events.outcome_state (decided_at) WHERE state = 'failed';
CREATE INDEX outcome_position ON odoo_events.outcome_state (position);

CREATE VIEW odoo_events.outcome WITH (security_barrier) AS
SELECT c.name AS subscription, o.event_id, o.position, o.type, o.subject, o.company_id, o.warehouse_id,
       CASE WHEN o.state = 'pending' AND (o.told_at IS NOT NULL OR o.due_at < now()) THEN 'overdue' ELSE o.state END AS state,
       o.received_at, o.due_at, o.told_at, o.decided_at, o.decided_by, o.reference, o.note, o.polls
  FROM odoo_events.outcome_state o JOIN odoo_events.subscription_config c ON c.id = o.subscription_id
 WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
   AND odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), o.type, o.company_id, o.warehouse_id);
COMMENT ON VIEW odoo_events.outcome IS
'what became of events that receivers have accepted: pending, overdue, processed, failed; of subscriptions with outcomes => ''poll'', ''sql'' or ''event''';

CREATE FUNCTION odoo_events._outcome_event(o odoo_events.outcome_state, what text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._platform_event('odoo.platform.outcome.' || what || '.v1', c.name, jsonb_build_object(
         'event', jsonb_build_object('id', o.event_id, 'type', o.type, 'subject', o.subject, 'partitionkey', o.partitionkey, 'sequence', lpad(o.position::text, 20, '0')),
         'outcome', jsonb_build_object('received_at', o.received_at, 'due_at', o.due_at, 'reference', o.reference, 'note', o.note)))
  FROM odoo_events.subscription_config c WHERE c.id = o.subscription_id
$$;
COMMENT ON FUNCTION odoo_events._outcome_event(odoo_events.outcome_state, text) IS 'internal: tells that an outcome is overdue, or that it failed';

-- As the receiver asks; else after a second, then each time twice as long, up to five minutes.
CREATE FUNCTION odoo_events._poll_at(wait int4, polls int4) RETURNS timestamptz
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT clock_timestamp() + make_interval(secs => COALESCE(LEAST(GREATEST(wait, 1), 86400), LEAST(2 ^ LEAST(polls, 9), 300)))
$$;
COMMENT ON FUNCTION odoo_events._poll_at(int4, int4) IS 'internal: when an outcome is asked for next';

-- From our 2xx, by the clock or in open hours; by the clock, too, where a warehouse has no calendar.
CREATE FUNCTION odoo_events._outcome_due(c odoo_events.subscription_config, warehouse_id int4) RETURNS timestamptz
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN k.id IS NULL THEN clock_timestamp() + c.outcome_within
            WHEN c.outcome_within IS NOT NULL THEN odoo_events._add_within(k, clock_timestamp(), c.outcome_within, NULL) END
  FROM odoo_events._sla_calendar(c.outcome_calendar, warehouse_id) k
$$;
COMMENT ON FUNCTION odoo_events._outcome_due(odoo_events.subscription_config, int4) IS 'internal: when the outcome of an event that was accepted now is overdue';

-- A dead letter with its own copy, as if the endpoint had refused it.
CREATE FUNCTION odoo_events._outcome_failed(o odoo_events.outcome_state) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO odoo_events.dead (subscription_id, event_id, position, type, subject, partitionkey, company_id, warehouse_id, attempts, first_at, last_at, last_error, event, classes)
  SELECT o.subscription_id, x.id, x.position, x.type, x.subject, x.partitionkey, x.company_id, x.warehouse_id, 1, COALESCE(o.received_at, clock_timestamp()), clock_timestamp(),
         concat_ws(': ', 'the receiver could not process it', o.note), x.event, x.classes
    FROM odoo_events.outbox_all x WHERE x.position = o.position
  ON CONFLICT (subscription_id, event_id) DO UPDATE SET last_at = EXCLUDED.last_at, last_error = EXCLUDED.last_error;
  PERFORM odoo_events._outcome_event(o, 'failed');
END $$;
COMMENT ON FUNCTION odoo_events._outcome_failed(odoo_events.outcome_state) IS 'internal: what follows from a failed outcome';

-- Whoever confirms may leave its transaction open, and the worker must not wait for that: it writes only rows whose lock it gets.
CREATE FUNCTION odoo_events._outcome_key(subscription int4, event uuid) RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT hashtextextended('odoo_events.outcome_state ' || event::text, subscription) $$;
COMMENT ON FUNCTION odoo_events._outcome_key(int4, uuid) IS 'internal: the advisory lock on an outcome; the worker takes it conditionally';

-- What could not be noted yet, because somebody had the lock.
CREATE TABLE odoo_events.outcome_late (
    n               int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id int4 NOT NULL,
    position        int8 NOT NULL,
    location        text,
    note            text,
    wait            int4,
    processed       boolean
);
COMMENT ON TABLE odoo_events.outcome_late IS 'internal: accepted events whose outcome is being confirmed by a transaction that is still open';
COMMENT ON SEQUENCE odoo_events.outcome_late_n_seq IS 'internal: numbers of outcome_late';

-- Events of ours about deliveries await no outcome.  A confirmation may have been faster than the settlement; what is sent again waits again.
CREATE FUNCTION odoo_events._outcomes_open(subscriptions int4[], positions int8[], locations text[], notes text[], waits int4[], processed boolean[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  o odoo_events.outcome_state;
BEGIN
  FOR o IN
    WITH accepted AS MATERIALIZED (
      SELECT DISTINCT ON (c.id, o.id) c.id AS subscription_id, odoo_events._outcome_due(c, o.warehouse_id) AS due_at, o.id, o.position, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id,
             r.location, r.note, r.wait, r.processed
        FROM unnest(_outcomes_open.subscriptions, _outcomes_open.positions, _outcomes_open.locations, _outcomes_open.notes, _outcomes_open.waits, _outcomes_open.processed)
             r(id, position, location, note, wait, processed)
        JOIN odoo_events.subscription_config c ON c.id = r.id
        JOIN odoo_events.outbox_all o ON o.position = r.position
       WHERE o.type NOT LIKE 'odoo.platform.%'),
    mine AS MATERIALIZED (SELECT a.*, pg_try_advisory_xact_lock(odoo_events._outcome_key(a.subscription_id, a.id)) AS free FROM accepted a),
    late AS (INSERT INTO odoo_events.outcome_late (subscription_id, position, location, note, wait, processed)
             SELECT m.subscription_id, m.position, m.location, m.note, m.wait, m.processed FROM mine m WHERE NOT m.free)
    INSERT INTO odoo_events.outcome_state AS t (subscription_id, event_id, position, type, subject, partitionkey, company_id, warehouse_id, state, received_at, due_at,
                                                decided_at, decided_by, note, location, poll_at)
    SELECT m.subscription_id, m.id, m.position, m.type, m.subject, m.partitionkey, m.company_id, m.warehouse_id,
           CASE WHEN m.processed THEN 'processed' ELSE 'pending' END, clock_timestamp(), m.due_at,
           CASE WHEN m.processed THEN clock_timestamp() END, CASE WHEN m.processed THEN 'odoo_events worker' END, m.note, m.location,
           CASE WHEN m.location IS NOT NULL THEN odoo_events._poll_at(m.wait, 0) END
      FROM mine m WHERE m.free
    ON CONFLICT ON CONSTRAINT outcome_state_pkey DO UPDATE
       SET received_at = EXCLUDED.received_at,
           due_at = CASE WHEN t.state = 'processed' THEN t.due_at ELSE EXCLUDED.due_at END,
           told_at = CASE WHEN t.state = 'processed' THEN t.told_at END,
           state = CASE WHEN EXCLUDED.state = 'processed' THEN 'processed' WHEN t.state = 'failed' AND t.received_at IS NOT NULL THEN 'pending' ELSE t.state END,
           decided_at = COALESCE(EXCLUDED.decided_at, t.decided_at), decided_by = COALESCE(EXCLUDED.decided_by, t.decided_by),
           note = COALESCE(EXCLUDED.note, t.note), location = EXCLUDED.location, poll_at = EXCLUDED.poll_at, polls = 0
    RETURNING t.*
  LOOP
    -- it was confirmed as failed before it was noted as accepted
    IF o.state = 'failed' THEN
      PERFORM odoo_events._outcome_failed(o);
    END IF;
  END LOOP;
  -- the event that is the outcome may have been faster, too
  UPDATE odoo_events.outcome_state s
     SET state = 'processed', decided_at = clock_timestamp(), decided_by = 'odoo_events worker', reference = x.type || ' ' || x.id
    FROM (SELECT y.subscription_id, y.event_id FROM odoo_events.outcome_state y
           WHERE y.position = ANY (_outcomes_open.positions) AND y.subscription_id = ANY (_outcomes_open.subscriptions) AND y.state = 'pending' FOR UPDATE SKIP LOCKED) k,
         odoo_events.subscription_config c, odoo_events.outbox_all x
   WHERE s.subscription_id = k.subscription_id AND s.event_id = k.event_id AND c.id = s.subscription_id AND c.outcomes = 'event'
     AND x.partitionkey = s.partitionkey AND x.position > s.position AND x.type LIKE ANY (c.outcome_types_like);
END $$;
COMMENT ON FUNCTION odoo_events._outcomes_open(int4[], int8[], text[], text[], int4[], boolean[]) IS 'internal: notes events that were accepted and whose outcome is awaited';

-- One step of the worker.  Events that are outcomes are looked for behind "scanned" only; what they settle lies before them with the same key.
CREATE FUNCTION odoo_events._outcomes_step(INOUT scanned int8, OUT due timestamptz, OUT by_event boolean)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last int8 := odoo_events._last_position();
  o odoo_events.outcome_state;
  late odoo_events.outcome_late[];
BEGIN
  WITH gone AS (DELETE FROM odoo_events.outcome_late l RETURNING l) SELECT array_agg(g.l ORDER BY (g.l).n) INTO late FROM gone g;
  IF late IS NOT NULL THEN
    PERFORM odoo_events._outcomes_open(array_agg(l.subscription_id), array_agg(l.position), array_agg(l.location), array_agg(l.note), array_agg(l.wait), array_agg(l.processed))
       FROM unnest(late) l;
  END IF;
  by_event := EXISTS (SELECT 1 FROM odoo_events.subscription_config c WHERE c.outcomes = 'event');
  IF by_event THEN
    IF scanned < 0 THEN
      scanned := COALESCE((SELECT min(s.position) FROM odoo_events.outcome_state s WHERE s.state = 'pending'), last);
    END IF;
    UPDATE odoo_events.outcome_state s
       SET state = 'processed', decided_at = clock_timestamp(), decided_by = 'odoo_events worker', reference = k.type || ' ' || k.id
      FROM (SELECT y.subscription_id, y.event_id, x.type, x.id
              FROM odoo_events.outcome_state y JOIN odoo_events.subscription_config w ON w.id = y.subscription_id JOIN odoo_events.outbox_all x ON x.partitionkey = y.partitionkey
             WHERE w.outcomes = 'event' AND y.state = 'pending' AND x.position > _outcomes_step.scanned AND x.position <= last AND x.position > y.position
               AND x.type LIKE ANY (w.outcome_types_like) FOR UPDATE OF y SKIP LOCKED) k
     WHERE s.subscription_id = k.subscription_id AND s.event_id = k.event_id;
  END IF;
  scanned := last;
  FOR o IN UPDATE odoo_events.outcome_state s SET told_at = clock_timestamp()
             FROM (SELECT y.subscription_id, y.event_id FROM odoo_events.outcome_state y
                    WHERE y.state = 'pending' AND y.told_at IS NULL AND y.due_at <= clock_timestamp() FOR UPDATE SKIP LOCKED) k
            WHERE s.subscription_id = k.subscription_id AND s.event_id = k.event_id RETURNING s.* LOOP
    PERFORM odoo_events._outcome_event(o, 'overdue');
  END LOOP;
  -- the outbox has let the event go: nobody can send it again
  FOR o IN DELETE FROM odoo_events.outcome_state s
            USING (SELECT y.subscription_id, y.event_id FROM odoo_events.outcome_state y
                    WHERE y.position < (SELECT min(x.position) FROM odoo_events.outbox_all x) FOR UPDATE SKIP LOCKED) k
            WHERE s.subscription_id = k.subscription_id AND s.event_id = k.event_id RETURNING s.* LOOP
    IF o.state = 'pending' AND o.told_at IS NULL THEN
      o.note := 'the event has left the outbox before its outcome came';
      PERFORM odoo_events._outcome_event(o, 'overdue');
    END IF;
  END LOOP;
  due := (SELECT min(s.due_at) FROM odoo_events.outcome_state s WHERE s.state = 'pending' AND s.told_at IS NULL);
  due := LEAST(due, (SELECT clock_timestamp() + interval '1 s' FROM odoo_events.outcome_late LIMIT 1));
  by_event := by_event AND EXISTS (SELECT 1 FROM odoo_events.outcome_state s WHERE s.state = 'pending');
END $$;
COMMENT ON FUNCTION odoo_events._outcomes_step(int8) IS 'internal: takes events that are outcomes, tells of what is overdue, forgets what has left the outbox';

-- What polls answered.  All events with the same Location in a subscription came with one request, and have one outcome.
CREATE FUNCTION odoo_events._outcomes_polled(subscriptions int4[], locations text[], states text[], notes text[], waits int4[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o odoo_events.outcome_state;
BEGIN
  FOR o IN UPDATE odoo_events.outcome_state s
              SET state = r.state, note = r.note, polls = s.polls + 1, poll_at = CASE WHEN r.state = 'pending' THEN odoo_events._poll_at(r.wait, s.polls + 1) END,
                  decided_at = CASE WHEN r.state <> 'pending' THEN clock_timestamp() END, decided_by = CASE WHEN r.state <> 'pending' THEN 'odoo_events worker' END
             FROM unnest(subscriptions, locations, states, notes, waits) r(id, location, state, note, wait),
                  LATERAL (SELECT y.event_id FROM odoo_events.outcome_state y WHERE y.subscription_id = r.id AND y.location = r.location AND y.state = 'pending' FOR UPDATE SKIP LOCKED) k
            WHERE s.subscription_id = r.id AND s.event_id = k.event_id RETURNING s.* LOOP
    IF o.state = 'failed' THEN
      PERFORM odoo_events._outcome_failed(o);
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._outcomes_polled(int4[], text[], text[], text[], int4[]) IS 'internal: writes what receivers said of events that they had accepted';

CREATE FUNCTION odoo_events._outcomes_to_poll(max int4) RETURNS TABLE (subscription_id int4, location text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT s.subscription_id, s.location
  FROM odoo_events.outcome_state s JOIN odoo_events.subscription_config c ON c.id = s.subscription_id
 WHERE s.state = 'pending' AND s.poll_at <= clock_timestamp() AND c.state = 'active' AND c.outcomes = 'poll'
 GROUP BY s.subscription_id, s.location ORDER BY min(s.poll_at) LIMIT max
$$;
COMMENT ON FUNCTION odoo_events._outcomes_to_poll(int4) IS 'internal: which outcomes are to be asked for now';

CREATE FUNCTION odoo_events._next_poll() RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT min(s.poll_at) FROM odoo_events.outcome_state s JOIN odoo_events.subscription_config c ON c.id = s.subscription_id
 WHERE s.state = 'pending' AND s.poll_at IS NOT NULL AND c.state = 'active' AND c.outcomes = 'poll'
$$;
COMMENT ON FUNCTION odoo_events._next_poll() IS 'internal: when an outcome is to be asked for next';

CREATE FUNCTION odoo_events.confirm(name text, event_id uuid, outcome text DEFAULT 'processed', reference text DEFAULT NULL, note text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  c odoo_events.subscription_config;
  o odoo_events.outcome_state;
BEGIN
  SELECT s.* INTO c FROM odoo_events.subscription_config s WHERE s.name = confirm.name;
  IF c.id IS NOT NULL THEN
    PERFORM odoo_events._must_be_whole(c, 'confirm', '{consume}', true);
  END IF;
  IF c.id IS NULL OR c.outcomes = 'none' OR c.outcomes = 'body' THEN
    RAISE EXCEPTION 'subscription "%" awaits no confirmation', name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.alter_subscription(%L, outcomes => ''sql'');', name);
  ELSIF outcome IS NULL OR outcome NOT IN ('processed', 'failed') THEN
    RAISE EXCEPTION 'argument "outcome" is "%"', outcome USING ERRCODE = 'invalid_parameter_value', HINT = 'outcome => ''processed'', or ''failed''.';
  ELSIF length(reference) > 1000 OR length(note) > 1000 THEN
    RAISE EXCEPTION 'argument "%" has more than 1000 characters', CASE WHEN length(note) > 1000 THEN 'note' ELSE 'reference' END
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the number of a document of yours, or one sentence.';
  END IF;
  PERFORM pg_advisory_xact_lock(odoo_events._outcome_key(c.id, event_id));
  -- a confirmation may be faster than the settlement that notes our 2xx
  INSERT INTO odoo_events.outcome_state AS t (subscription_id, event_id, position, type, subject, partitionkey, company_id, warehouse_id, state)
  SELECT c.id, x.id, x.position, x.type, x.subject, x.partitionkey, x.company_id, x.warehouse_id, 'pending'
    FROM odoo_events.outbox_all x WHERE x.id = event_id
     AND NOT EXISTS (SELECT 1 FROM odoo_events.outcome_state s WHERE s.subscription_id = c.id AND s.event_id = confirm.event_id)
  ON CONFLICT ON CONSTRAINT outcome_state_pkey DO NOTHING;
  SELECT s.* INTO o FROM odoo_events.outcome_state s WHERE s.subscription_id = c.id AND s.event_id = confirm.event_id FOR UPDATE;
  IF o.event_id IS NULL THEN
    RAISE EXCEPTION 'argument "event_id" names no event that subscription "%" can have got', name USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'It is the id of the CloudEvent, and the event must still be in the outbox.', HINT = 'SELECT * FROM odoo_events.outcome;';
  ELSIF o.state = outcome THEN
    RETURN false;                       -- told twice
  END IF;
  UPDATE odoo_events.outcome_state s
     SET state = outcome, decided_at = clock_timestamp(), decided_by = session_user, reference = confirm.reference, note = confirm.note
   WHERE s.subscription_id = c.id AND s.event_id = confirm.event_id RETURNING s.* INTO o;
  IF outcome = 'failed' THEN
    -- else the worker may be about to write the same dead letter: it does so when it notes the 2xx
    IF o.received_at IS NOT NULL THEN
      PERFORM odoo_events._outcome_failed(o);
    END IF;
  ELSE
    DELETE FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = confirm.event_id;
  END IF;
  RETURN true;
END $$;
COMMENT ON FUNCTION odoo_events.confirm(text, uuid, text, text, text) IS
'a consumer says what became of an event: processed or failed (a dead letter), with its own reference; the last word counts; false: that was known';

CREATE FUNCTION odoo_events._outcome_step(subscription int4, event uuid, OUT step text, OUT at timestamptz, OUT detail text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE o.state WHEN 'pending' THEN 'unconfirmed' ELSE o.state END, COALESCE(o.decided_at, o.received_at),
       concat_ws(', ', CASE WHEN o.state = 'pending' THEN 'accepted, and no outcome yet' END, 'due at ' || o.due_at, 'overdue since ' || o.told_at, o.reference, o.note)
  FROM odoo_events.outcome_state o WHERE o.subscription_id = subscription AND o.event_id = event
$$;
COMMENT ON FUNCTION odoo_events._outcome_step(int4, uuid) IS 'internal: what trace() says of an accepted event; null where no outcome is awaited';

CREATE FUNCTION odoo_events._check_outcomes(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF c.outcomes NOT IN ('none', 'body', 'poll', 'sql', 'event') THEN
    RAISE EXCEPTION 'argument "outcomes" is "%"', c.outcomes USING ERRCODE = 'invalid_parameter_value',
      HINT = 'none: a 2xx says processed; body: the answer says so; poll: its Location is asked; sql: the consumer calls confirm(); event: an event of outcome_types says so.';
  ELSIF c.outcomes <> 'none' AND c.url IS NULL THEN
    RAISE EXCEPTION 'argument "outcomes" needs a URL' USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out: what a consumer acknowledges with ack() is processed.';
  ELSIF c.outcomes IN ('body', 'poll') AND c.url !~* '^https?:' THEN
    RAISE EXCEPTION 'argument "outcomes" is "%", and a broker answers nothing', c.outcomes USING ERRCODE = 'invalid_parameter_value', HINT = 'outcomes => ''sql''';
  ELSIF (c.outcomes = 'event') <> (c.outcome_types IS NOT NULL) THEN
    RAISE EXCEPTION 'arguments "outcomes" and "outcome_types" do not fit' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'outcomes => ''event'', outcome_types => ''{odoo.procurement.*}''';
  ELSIF c.outcome_within IS NOT NULL AND c.outcomes NOT IN ('poll', 'sql', 'event') OR c.outcome_within NOT BETWEEN interval '1 s' AND interval '1 year' THEN
    RAISE EXCEPTION 'argument "outcome_within" is %', c.outcome_within USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give 1 second to 1 year, with outcomes => ''poll'', ''sql'' or ''event''; 0 for no limit.';
  ELSIF c.outcome_calendar IS NOT NULL AND c.outcome_within IS NULL THEN
    RAISE EXCEPTION 'argument "outcome_calendar" needs outcome_within' USING ERRCODE = 'invalid_parameter_value', HINT = 'outcome_within => ''4 h''';
  ELSIF c.outcome_calendar <> 'warehouse' AND NOT EXISTS (SELECT 1 FROM odoo_events.calendar_def d WHERE d.name = c.outcome_calendar) THEN
    RAISE EXCEPTION 'there is no calendar "%"', c.outcome_calendar USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.calendar;  -- or ''warehouse'', for that of the event''s warehouse';
  ELSIF c.accepted IS NOT NULL AND c.outcomes <> 'body' THEN
    RAISE EXCEPTION 'argument "accepted" needs outcomes => ''body''' USING ERRCODE = 'invalid_parameter_value', HINT = 'outcomes => ''body''';
  ELSIF c.on_reject NOT IN ('retry', 'dead', 'hold') THEN
    RAISE EXCEPTION 'argument "on_reject" is "%"', c.on_reject USING ERRCODE = 'invalid_parameter_value',
      HINT = 'retry: as any failure; dead: a dead letter at once; hold: its key waits for retry_now() or skip().';
  ELSIF EXISTS (SELECT 1 FROM unnest(c.fields) f WHERE f IS NULL OR f !~ '^[a-z0-9_]{1,63}([.]([a-z0-9_]{1,63}|[*]))?$') THEN
    RAISE EXCEPTION 'argument "fields" has an unusable name' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'fields => ''{transfer.state,move.*,lines}''';
  ELSIF c.fields IS NOT NULL AND c.url IS NULL THEN
    RAISE EXCEPTION 'argument "fields" needs a URL' USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out: a consumer that fetches chooses for itself.';
  END IF;
  IF c.accepted IS NOT NULL THEN
    PERFORM odoo_events._check_predicate(c.accepted, 'accepted');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_outcomes(odoo_events.subscription_config) IS 'internal: refuses unusable arguments about outcomes and fields';

CREATE FUNCTION odoo_events._health_outcomes() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
-- asked of the table, by its indexes: the view has a row per accepted event, and says the state in words
SELECT 'outcomes', 'critical', format('%s: %s accepted events have no outcome, the oldest since %s', c.name, o.n, o.since),
       format('SELECT * FROM odoo_events.outcome WHERE subscription = %L AND state = ''overdue'';', c.name)
  FROM (SELECT s.subscription_id, count(*) AS n, min(s.received_at) AS since FROM odoo_events.outcome_state s
         WHERE s.state = 'pending' AND (s.told_at IS NOT NULL OR s.due_at < now()) GROUP BY s.subscription_id) o
       JOIN odoo_events.subscription_config c ON c.id = o.subscription_id
 WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
UNION ALL
SELECT 'outcomes', 'warn', format('%s: %s accepted events failed within a day', c.name, o.n),
       format('SELECT * FROM odoo_events.outcome WHERE subscription = %L AND state = ''failed'';', c.name)
  FROM (SELECT s.subscription_id, count(*) AS n FROM odoo_events.outcome_state s
         WHERE s.state = 'failed' AND s.decided_at > now() - interval '1 day' GROUP BY s.subscription_id) o
       JOIN odoo_events.subscription_config c ON c.id = o.subscription_id
 WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
UNION ALL
SELECT 'rejections', 'warn', format('%s: %s for %s only (%s events)%s', r.name, r.last_status, r.type, r.n,
         (SELECT ', ' || count(DISTINCT o.type) || ' other types accepted'
            FROM (SELECT a.event_id FROM odoo_events.attempt a WHERE a.subscription = r.name AND a.status BETWEEN 200 AND 299 AND a.event_id IS NOT NULL
                   ORDER BY a.at DESC LIMIT 1000) a
            JOIN odoo_events.outbox_all o ON o.id = a.event_id WHERE o.type <> r.type)),
       format('SELECT * FROM odoo_events.dead_letter WHERE subscription = %L AND type = %L; SELECT * FROM odoo_events.waiting WHERE subscription = %L AND state = ''retry'';', r.name, r.type, r.name)
  FROM (SELECT x.name, x.last_status, x.type, count(*) AS n
          FROM (SELECT c.name, d.last_status, d.type FROM odoo_events.dead d JOIN odoo_events.subscription_config c ON c.id = d.subscription_id
                 WHERE d.last_status IN (400, 413, 422) AND d.last_at > now() - interval '1 day'
                UNION ALL
                SELECT c.name, h.last_status, o.type FROM odoo_events.held h JOIN odoo_events.subscription_config c ON c.id = h.subscription_id
                  JOIN odoo_events.outbox_all o ON o.position = h.position WHERE h.last_status IN (400, 413, 422)) x
         GROUP BY x.name, x.last_status, x.type) r
$$;
COMMENT ON FUNCTION odoo_events._health_outcomes() IS 'internal: outcomes that are overdue or failed, and what receivers reject, by status and type; no rows where there is nothing';
