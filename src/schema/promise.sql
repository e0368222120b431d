-- promise: the instances of SLAs, what is told of them, and the exceptions that somebody has to look after.

-- Insert-only: the row with the greatest n of an id holds.  The members are used and emptied together with those of the milestones;
-- open promises are copied into the next member when one is left.
DO $$
BEGIN
  FOR i IN 0..15 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.promise_%s (
        id             int8 NOT NULL,
        n              int4 NOT NULL,
        terms          int4 NOT NULL,               -- sla_terms
        sla            text NOT NULL,
        document       text NOT NULL,
        partitionkey   text NOT NULL,               -- of the event that started it, as the next two
        subject        text NOT NULL,
        correlationid  text,
        company_id     int4,
        warehouse_id   int4,
        calendar       text,
        "position"     int8 NOT NULL,               -- of that event
        state          text NOT NULL,
        started_at     timestamptz NOT NULL,
        first_due_at   timestamptz,
        due_at         timestamptz,
        warn_at        timestamptz,
        warned_at      timestamptz,                 -- when the risk was told
        paused_at      timestamptz,
        resume_at      timestamptz,                 -- pause_promise(): until then
        ended_at       timestamptz,
        told_at        timestamptz,                 -- when the breach was told
        PRIMARY KEY (id, n)
      )$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.promise_%s IS %L', i, 'promises, a row for each change, read through the view promise');
    EXECUTE pg_catalog.format('CREATE INDEX promise_%s_document ON odoo_events.promise_%s (document)', i, i);
    EXECUTE pg_catalog.format('CREATE INDEX promise_%s_state ON odoo_events.promise_%s (state, ended_at)', i, i);
  END LOOP;
END $$;

CREATE VIEW odoo_events.promise_row AS
            SELECT 0 AS member, * FROM odoo_events.promise_0  UNION ALL SELECT 1 AS member, * FROM odoo_events.promise_1
  UNION ALL SELECT 2 AS member, * FROM odoo_events.promise_2  UNION ALL SELECT 3 AS member, * FROM odoo_events.promise_3
  UNION ALL SELECT 4 AS member, * FROM odoo_events.promise_4  UNION ALL SELECT 5 AS member, * FROM odoo_events.promise_5
  UNION ALL SELECT 6 AS member, * FROM odoo_events.promise_6  UNION ALL SELECT 7 AS member, * FROM odoo_events.promise_7
  UNION ALL SELECT 8 AS member, * FROM odoo_events.promise_8  UNION ALL SELECT 9 AS member, * FROM odoo_events.promise_9
  UNION ALL SELECT 10 AS member, * FROM odoo_events.promise_10 UNION ALL SELECT 11 AS member, * FROM odoo_events.promise_11
  UNION ALL SELECT 12 AS member, * FROM odoo_events.promise_12 UNION ALL SELECT 13 AS member, * FROM odoo_events.promise_13
  UNION ALL SELECT 14 AS member, * FROM odoo_events.promise_14 UNION ALL SELECT 15 AS member, * FROM odoo_events.promise_15;
COMMENT ON VIEW odoo_events.promise_row IS 'internal: all members of the ring of promises';

-- A promise that is closed does not change any more, and open ones are in two members (see above): nothing has to be sorted, and conditions go
-- down to the indexes.
CREATE VIEW odoo_events.promise_last AS
SELECT p.* FROM odoo_events.promise_row p WHERE p.state IN ('met', 'met_late', 'cancelled')
UNION ALL
SELECT p.* FROM odoo_events.promise_row p
 WHERE p.state IN ('open', 'paused', 'at_risk', 'breached')
   AND p.member = ANY (ARRAY(SELECT x FROM odoo_events.process_member m, unnest(ARRAY[m.member::int, (m.member + 15) % 16]) x WHERE m.until IS NULL))
   AND NOT EXISTS (SELECT 1 FROM odoo_events.promise_row l WHERE l.id = p.id AND l.n > p.n
                      AND l.member = ANY (ARRAY(SELECT x FROM odoo_events.process_member m, unnest(ARRAY[m.member::int, (m.member + 15) % 16]) x WHERE m.until IS NULL)));
COMMENT ON VIEW odoo_events.promise_last IS 'internal: promises as they are now';

CREATE VIEW odoo_events.promise WITH (security_barrier) AS
SELECT p.id, p.sla, p.document, p.company_id, p.warehouse_id, p.started_at, p.first_due_at, p.due_at, p.ended_at, p.state, p.told_at FROM odoo_events.promise_last p
 WHERE odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), 'odoo.process.promise.breached.v1', p.company_id, p.warehouse_id);
COMMENT ON VIEW odoo_events.promise IS
'the instances of SLAs, one per document: open, paused, at_risk, breached (and still open), met, met_late, cancelled; told_at: when the breach was told';

-- Weeks that are over.  Filled once a week, so that a trend of months does not read each promise.
CREATE TABLE odoo_events.cycle_week (
    id           int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sla          text NOT NULL,
    company_id   int4,
    warehouse_id int4,
    week         date NOT NULL,                 -- its Monday, UTC
    n            int8 NOT NULL,
    p50          interval NOT NULL,
    p90          interval NOT NULL,
    p95          interval NOT NULL,
    late         int8 NOT NULL
);
CREATE INDEX cycle_week_week ON odoo_events.cycle_week (week);
COMMENT ON TABLE odoo_events.cycle_week IS 'cycle times of weeks that are over, read through the view cycle_time';

-- Promises that ended from the first week on that is not in the table.
CREATE VIEW odoo_events.cycle_new AS
SELECT p.sla, p.company_id, p.warehouse_id, date_trunc('week', p.ended_at AT TIME ZONE 'UTC')::date AS week, count(*) AS n,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY p.ended_at OPERATOR(pg_catalog.-) p.started_at) AS p50,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY p.ended_at OPERATOR(pg_catalog.-) p.started_at) AS p90,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY p.ended_at OPERATOR(pg_catalog.-) p.started_at) AS p95,
       count(*) FILTER (WHERE p.state = 'met_late') AS late
  FROM odoo_events.promise_last p
 WHERE p.state IN ('met', 'met_late') AND p.ended_at >= COALESCE((SELECT max(w.week) + 7 FROM odoo_events.cycle_week w)::timestamp AT TIME ZONE 'UTC', '-infinity')
 GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW odoo_events.cycle_new IS 'internal: cycle times of weeks that are not yet in cycle_week';

CREATE VIEW odoo_events.cycle_time WITH (security_barrier) AS
SELECT c.sla, c.company_id, c.warehouse_id, c.week, c.n, c.p50, c.p90, c.p95, c.late
  FROM (SELECT w.sla, w.company_id, w.warehouse_id, w.week, w.n, w.p50, w.p90, w.p95, w.late FROM odoo_events.cycle_week w
        UNION ALL SELECT w.sla, w.company_id, w.warehouse_id, w.week, w.n, w.p50, w.p90, w.p95, w.late FROM odoo_events.cycle_new w) c
 WHERE odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), 'odoo.process.promise.breached.v1', c.company_id, c.warehouse_id);
COMMENT ON VIEW odoo_events.cycle_time IS
'how long what SLAs count took from start to end, per company, warehouse and week (its Monday, UTC): number, median, 90th and 95th percentile; time of the clock, pauses included; '
'late: how many of them were late';

-- Called by the reader when it has read everything up to now; answers when it wants to be called again.
CREATE FUNCTION odoo_events._cycle_weeks() RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  monday constant date := date_trunc('week', now() AT TIME ZONE 'UTC' - interval '1 hour');
BEGIN
  INSERT INTO odoo_events.cycle_week (sla, company_id, warehouse_id, week, n, p50, p90, p95, late)
  SELECT c.sla, c.company_id, c.warehouse_id, c.week, c.n, c.p50, c.p90, c.p95, c.late FROM odoo_events.cycle_new c WHERE c.week < monday;
  DELETE FROM odoo_events.cycle_week w WHERE w.week < now() - current_setting('odoo_events.process_retention')::interval;
  RETURN (monday + 7)::timestamp AT TIME ZONE 'UTC' + interval '1 hour';
END $$;
COMMENT ON FUNCTION odoo_events._cycle_weeks() IS 'internal: notes cycle times of weeks that have been over for an hour; when that is to be done again';

-- What a document has reached last: what the promise waits behind.
-- PL/pgSQL keeps its plans, which are of all members of a ring, from one promise to the next.
CREATE FUNCTION odoo_events._waits_for(terms int4, correlation text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
BEGIN
  RETURN concat_ws('; ', (SELECT string_agg(e, ' or ') FROM odoo_events.sla_terms x, jsonb_array_elements_text(x.terms -> 'ends') e WHERE x.id = _waits_for.terms),
                   (SELECT format('last: %s of %s at %s', t.type, concat_ws(' ', t.entity, s.record_id), date_trunc('second', s."time"))
                      FROM odoo_events.process_step s JOIN odoo_events.process_type t ON t.code = s.code
                     WHERE s.root = odoo_events._text_hash(correlation) AND NOT starts_with(t.type, 'odoo.process.promise.') ORDER BY s.position DESC LIMIT 1));
END $$;
COMMENT ON FUNCTION odoo_events._waits_for(int4, text) IS 'internal: the event types that a promise waits for, and the last milestone of its process';

CREATE FUNCTION odoo_events._promise_waits_for(id int8) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p odoo_events.promise_row;
BEGIN
  SELECT r.* INTO p FROM odoo_events.promise_row r WHERE r.id = _promise_waits_for.id ORDER BY r.n DESC LIMIT 1;
  RETURN CASE WHEN p.state IN ('open', 'paused', 'at_risk', 'breached')
               AND odoo_events._allows(odoo_events._policies('{read,operate,approve}'), 'odoo.process.promise.breached.v1', p.company_id, p.warehouse_id)
              THEN odoo_events._waits_for(p.terms, p.correlationid) END;
END $$;
COMMENT ON FUNCTION odoo_events._promise_waits_for(int8) IS 'internal: what a promise waits for that the caller may see; for views and pages';

-- Called in the transaction that changes the promise, so that it is told once.
CREATE FUNCTION odoo_events._promise_tell(kind text, id int8, terms int4, document text, partitionkey text, subject text, correlation text, started timestamptz,
                                          due timestamptz, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._emit('odoo.process.promise.' || kind || '.v1', left(subject, 255), jsonb_build_object('promise', jsonb_build_object(
         'id', _promise_tell.id, 'sla', x.name, 'document', document, 'started_at', started, 'due_at', due, 'told_at', clock_timestamp(),
         'overdue_seconds', round(extract(epoch FROM at) - extract(epoch FROM due), 3),
         'waits_for', CASE WHEN kind <> 'met_late' THEN odoo_events._waits_for(_promise_tell.terms, correlation) END,
         'layer', 'odoo', 'owner', x.terms -> 'owner', 'contact', x.terms -> 'contact', 'criticality', x.terms -> 'criticality', 'runbook', x.terms -> 'runbook')),
       left(partitionkey, 255), left(correlation, 255))
  FROM odoo_events.sla_terms x WHERE x.id = _promise_tell.terms
$$;
COMMENT ON FUNCTION odoo_events._promise_tell(text, int8, int4, text, text, text, text, timestamptz, timestamptz, timestamptz) IS
'internal: tells by an event that a promise is at risk, was broken, or was kept late';

-- What operators ask of open promises; the reader behind the publisher does it and deletes the row.
CREATE TABLE odoo_events.promise_request (
    promise_id int8 NOT NULL,
    n          int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    until      timestamptz
);
COMMENT ON TABLE odoo_events.promise_request IS 'pauses that the reader behind the publisher has yet to note';
COMMENT ON SEQUENCE odoo_events.promise_request_n_seq IS 'internal: numbers of promise_request';

CREATE FUNCTION odoo_events.pause_promise(id bigint, until timestamptz, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p odoo_events.promise_row;
BEGIN
  SELECT r.* INTO p FROM odoo_events.promise_row r WHERE r.id = pause_promise.id ORDER BY r.n DESC LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'promise % does not exist', id USING ERRCODE = 'undefined_object', HINT = 'SELECT id, sla, document, state FROM odoo_events.promise;';
  ELSIF NOT odoo_events._allows(odoo_events._policies('{operate}'), 'odoo.process.promise.breached.v1', p.company_id, p.warehouse_id) THEN
    PERFORM odoo_events._deny(format('promise %s is not inside your policies', id), 'SELECT * FROM odoo_events.policy;  -- shows what yours allows');
  ELSIF p.state NOT IN ('open', 'at_risk') THEN
    RAISE EXCEPTION 'promise % is %', id, p.state USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT id, sla, document FROM odoo_events.promise WHERE state IN (''open'', ''at_risk'');';
  ELSIF until IS NULL OR until <= clock_timestamp() THEN
    RAISE EXCEPTION 'argument "until" is not in the future' USING ERRCODE = 'invalid_parameter_value', HINT = 'until => now() + interval ''1 day''';
  ELSIF COALESCE(reason, '') = '' OR length(reason) > 500 THEN
    RAISE EXCEPTION 'argument "reason" is empty or longer than 500 characters' USING ERRCODE = 'invalid_parameter_value', HINT = 'Say why, for the audit log.';
  END IF;
  INSERT INTO odoo_events.promise_request (promise_id, at, until) VALUES (id, clock_timestamp(), until);
  PERFORM odoo_events._audit('pause_promise', id::text, NULL, jsonb_build_object('until', until, 'reason', reason));
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.pause_promise(bigint, timestamptz, text) IS
'lets no time count for an open promise until a moment; its due time moves by the open time between.  42704: there is none; 55000: it is not open; 22023: no time or reason';

-- What was done about exceptions.
CREATE TABLE odoo_events.exception_note (
    n      int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id     int8 NOT NULL,                       -- of the exception
    at     timestamptz NOT NULL,
    action text NOT NULL CHECK (action IN ('take', 'close', 'escalate')),
    who    text,
    cause  text,
    note   text,
    took   interval                             -- since the exception began
);
CREATE INDEX exception_note_id ON odoo_events.exception_note (id, n);
COMMENT ON TABLE odoo_events.exception_note IS 'who took and closed exceptions, and which were escalated';
COMMENT ON SEQUENCE odoo_events.exception_note_n_seq IS 'internal: numbers of exception_note';

-- One exception per SLA that has broken promises which are still open, and per subscription that does not deliver.  Its id is that of
-- its cause, so that it can be taken before it is known how long it will be; what happens after it was closed opens it again.
CREATE VIEW odoo_events.exception_open AS
SELECT odoo_events._text_hash('sla ' || s.sla) AS id, 'odoo'::text AS layer, 'promise broken' AS cause, s.sla, NULL::text AS subscription, w.document, s.count, s.since, s.last_at,
       s.since AS due_at, odoo_events._promise_waits_for(s.worst) AS waits_for, s.terms, NULL::text AS owner, NULL::text AS contact, NULL::text AS runbook
  FROM (SELECT p.sla, (array_agg(p.id ORDER BY p.due_at, p.id))[1] AS worst, count(*) AS count, min(p.due_at) AS since, max(p.due_at) AS last_at, max(p.terms) AS terms
          FROM odoo_events.promise_last p
         WHERE p.state = 'breached' AND odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), 'odoo.process.promise.breached.v1', p.company_id, p.warehouse_id)
         GROUP BY p.sla) s
       CROSS JOIN LATERAL (SELECT r.document FROM odoo_events.promise_row r WHERE r.id = s.worst ORDER BY r.n DESC LIMIT 1) w
UNION ALL
SELECT odoo_events._text_hash('subscription ' || s.name), 'endpoint', s.state, NULL, s.name, NULL, s.lag_events, s.state_since, s.state_since, NULL,
       COALESCE(s.last_error, s.state_reason), NULL, c.owner, c.contact, c.runbook
  FROM odoo_events._subscription_status s CROSS JOIN LATERAL odoo_events._care(s.name) c WHERE s.state IN ('breaker_open', 'disabled', 'overrun');
COMMENT ON VIEW odoo_events.exception_open IS 'internal: what is wrong now, one row per layer, subscription and cause';

CREATE VIEW odoo_events.exception WITH (security_barrier) AS
SELECT e.id, e.layer, e.cause, e.sla, e.subscription, e.document, e.count, e.since, e.due_at, clock_timestamp() - e.due_at AS overdue, e.waits_for,
       COALESCE(e.owner, t.terms ->> 'owner') AS owner, COALESCE(e.contact, t.terms ->> 'contact') AS contact, COALESCE(e.runbook, t.terms ->> 'runbook') AS runbook,
       (SELECT n.who FROM odoo_events.exception_note n WHERE n.id = e.id AND n.action = 'take' AND n.at > e.since ORDER BY n.n DESC LIMIT 1) AS assigned_to,
       closed.at AS closed_at, closed.note
  FROM odoo_events.exception_open e
  LEFT JOIN odoo_events.sla_terms t ON t.id = e.terms
  LEFT JOIN LATERAL (SELECT n.at, n.note FROM odoo_events.exception_note n WHERE n.id = e.id AND n.action = 'close' ORDER BY n.n DESC LIMIT 1) closed
    ON closed.at > e.last_at;
COMMENT ON VIEW odoo_events.exception IS
'what somebody has to look after: one row per layer, subscription and cause, with the number of documents and the worst one; closed_at is null while nobody has closed it';

CREATE FUNCTION odoo_events._check_exception(id bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF odoo_events._policies('{operate}') = '[]' THEN
    PERFORM odoo_events._deny('no policy of yours lets you operate', 'SELECT * FROM odoo_events.policy;  -- shows what yours allows');
  ELSIF NOT EXISTS (SELECT 1 FROM odoo_events.exception_open e WHERE e.id = _check_exception.id) THEN
    RAISE EXCEPTION 'exception % does not exist', id USING ERRCODE = 'undefined_object', HINT = 'SELECT id, cause, sla, subscription FROM odoo_events.exception;';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_exception(bigint) IS 'internal: refuses an exception that is not there';

CREATE FUNCTION odoo_events.take_exception(id bigint, who text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._check_exception(id);
  INSERT INTO odoo_events.exception_note (id, at, action, who, took)
  SELECT e.id, clock_timestamp(), 'take', COALESCE(take_exception.who, session_user), clock_timestamp() - e.since FROM odoo_events.exception_open e WHERE e.id = take_exception.id;
  PERFORM odoo_events._audit('take_exception', id::text, NULL, jsonb_build_object('who', COALESCE(who, session_user)));
END $$;
COMMENT ON FUNCTION odoo_events.take_exception(bigint, text) IS 'somebody looks after an exception, so that it is not escalated; without a name, the caller.  42704: there is none';

CREATE FUNCTION odoo_events.close_exception(id bigint, cause text, note text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._check_exception(id);
  IF COALESCE(cause, '') = '' THEN
    RAISE EXCEPTION 'argument "cause" is empty' USING ERRCODE = 'invalid_parameter_value', HINT = 'Say what it was, for the statistics.';
  END IF;
  INSERT INTO odoo_events.exception_note (id, at, action, who, cause, note, took)
  SELECT e.id, clock_timestamp(), 'close', session_user, close_exception.cause, close_exception.note, clock_timestamp() - e.since FROM odoo_events.exception_open e WHERE e.id = close_exception.id;
  PERFORM odoo_events._audit('close_exception', id::text, NULL, jsonb_build_object('cause', cause, 'note', note));
END $$;
COMMENT ON FUNCTION odoo_events.close_exception(bigint, text, text) IS 'an exception is dealt with; a broken promise that is due later opens it again.  42704: there is none';

-- The reader looks for exceptions to escalate while some care says so.
CREATE FUNCTION odoo_events._care_changed() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._wake('config');
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._care_changed() IS 'internal: lets the worker know that somebody else looks after something';
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON odoo_events.care_rule FOR EACH STATEMENT EXECUTE FUNCTION odoo_events._care_changed();

-- Called once a minute by the reader: exceptions that nobody has taken in the time that their care says.
CREATE FUNCTION odoo_events._escalate() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e record;
BEGIN
  FOR e IN SELECT x.*, c.escalation
             FROM odoo_events.exception x, odoo_events._care(x.subscription, CASE WHEN x.sla IS NOT NULL THEN 'odoo.process.promise.breached.v1' END) c
            WHERE x.closed_at IS NULL AND x.assigned_to IS NULL AND x.since + (c.escalation ->> 'after')::interval <= clock_timestamp()
              AND NOT EXISTS (SELECT 1 FROM odoo_events.exception_note n WHERE n.id = x.id AND n.action = 'escalate' AND n.at >= x.since) LOOP
    INSERT INTO odoo_events.exception_note (id, at, action, who) VALUES (e.id, clock_timestamp(), 'escalate', e.escalation ->> 'contact');
    PERFORM odoo_events._emit('odoo.platform.exception.escalated.v1', 'exception/' || e.id, jsonb_build_object('exception', jsonb_build_object(
      'id', e.id, 'layer', e.layer, 'cause', e.cause, 'sla', e.sla, 'subscription', e.subscription, 'document', e.document, 'count', e.count, 'since', e.since,
      'owner', e.owner, 'contact', e.contact, 'runbook', e.runbook, 'escalated_to', e.escalation ->> 'contact')), 'exception:' || e.id);
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._escalate() IS 'internal: tells of exceptions that nobody has taken in time';
