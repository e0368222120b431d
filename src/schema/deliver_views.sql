-- deliver: how subscriptions go, and what they still need.

CREATE VIEW odoo_events.subscription WITH (security_barrier) AS
SELECT c.name,
       c.url,
       c.types,
       c.filter,
       c.companies,
       c.warehouses,
       c.format,
       c.payload,
       c.clearance,
       c.ordering,
       c.batch_size,
       c.batch_wait,
       c.schedule,
       c.max_in_flight,
       c.rate_limit,
       c.rate_burst,
       c.priority,
       c.timeout,
       c.retry_schedule,
       c.expire_after,
       c.header_names,
       c.auth,
       c.tls,
       c.signature,
       c.handshake,
       c.allow_networks,
       c.dry_run,
       c.owner,
       c.contact,
       c.state,
       c.state_reason,
       c.state_since,
       c.created_at,
       c.shared_rows,
       c.success_statuses,
       c.transport,
       c.outcomes,
       c.outcome_within,
       c.rejected,
       c.accepted,
       c.outcome_types,
       c.on_reject,
       c.fields,
       c.timezone,
       c.outcome_status,
       c.keep_answers,
       c.outcome_calendar
  FROM odoo_events.subscription_config c
 WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses);
COMMENT ON VIEW odoo_events.subscription IS 'configuration of the subscriptions, without any secret';

-- asked_at: nothing is sent before.  Of an open breaker it is the time of the probe; what waits for a retry follows as soon as the endpoint is
-- back, whenever that retry would have been.  Retry-After holds everything back in the same way, but ends no retry's own delay.
CREATE VIEW odoo_events.subscription_progress AS
SELECT c.id AS subscription_id, c.name, c.types_like, p.n, p.at, p.cursor, p.in_flight, p.batches, p.requests, p.delivered, p.failed,
       p.filter_errors, p.breaker, p.not_before, p.last_status, p.last_error, p.last_success_at, p.failing_since, p.p50, p.p95, p.outcomes, p.gate, p.fired_at, p.probe_ms,
       pg_catalog.translate(pg_catalog.jsonb_path_query_array(p.batches, '$[*].positions[*]')::text, '[]', '{}')::int8[] AS batched,
       p.openings, CASE WHEN p.breaker = 'open' OR p.not_before > now() THEN p.not_before END AS asked_at,
       p.filter_error_at, p.filter_error_position, p.filter_passed, p.filter_refused
  FROM odoo_events.subscription_config c
       CROSS JOIN LATERAL (SELECT * FROM odoo_events.progress x WHERE x.subscription_id = c.id ORDER BY x.n DESC LIMIT 1) p
UNION ALL
SELECT c.id, c.name, c.types_like, NULL, k.at, k.position, '{}', '[]', 0, k.acked, 0,
       0, 'closed', NULL, NULL, NULL, k.at, NULL, NULL, NULL, '{}', NULL, NULL, 0, '{}', '{}', NULL, NULL, NULL, k.filter_passed, k.filter_refused
  FROM odoo_events.pull_cursor k JOIN odoo_events.subscription_config c ON c.id = k.subscription_id;
COMMENT ON VIEW odoo_events.subscription_progress IS 'internal: the row of progress that holds, per subscription';

-- Events behind a held key, and the held one itself.
CREATE VIEW odoo_events.held_event AS
SELECT h.subscription_id, h.position AS held_position, h.attempts, h.first_at, CASE p.breaker WHEN 'open' THEN p.asked_at ELSE GREATEST(h.next_attempt_at, p.asked_at) END AS next_attempt_at, h.last_error, o.position, o.id, o.type,
       o.subject, o.partitionkey, o.recordedtime, o.company_id, o.warehouse_id
  FROM odoo_events.subscription_progress p
       JOIN odoo_events.held h ON h.subscription_id = p.subscription_id
       CROSS JOIN LATERAL (
         SELECT x.position, x.id, x.type, x.subject, x.partitionkey, x.recordedtime, x.company_id, x.warehouse_id FROM odoo_events.outbox_all x
          WHERE h.mode = 'key' AND x.partitionkey = h.key AND x.position >= h.position
            AND x.position <= LEAST(p.cursor, COALESCE(h.upto, p.cursor))
            AND (x.position = h.position OR x.type LIKE ANY (p.types_like))
         UNION ALL
         SELECT x.position, x.id, x.type, x.subject, x.partitionkey, x.recordedtime, x.company_id, x.warehouse_id FROM odoo_events.outbox_all x
          WHERE h.mode <> 'key' AND x.position = h.position) o;
COMMENT ON VIEW odoo_events.held_event IS 'internal: the events that wait for a retry or behind one';

-- Estimated to be a few rows, whatever their number: the planner would have the plan of a thousand subscriptions compiled, which takes
-- ten times as long as to run it.
CREATE VIEW odoo_events._subscription_status WITH (security_barrier) AS
SELECT c.name,
       CASE WHEN c.state = 'active' AND c.url IS NOT NULL AND s.subscription_id IS NULL THEN 'disabled'
            WHEN c.state = 'active' AND u.unarmed IS NOT NULL THEN 'unarmed'
            WHEN c.state = 'active' AND v.lost IS NOT NULL THEN 'overrun'
            WHEN c.state = 'active' AND c.dry_run THEN 'dry_run'
            WHEN c.state = 'active' AND p.breaker <> 'closed' THEN 'breaker_open' ELSE c.state END AS state,
       CASE WHEN c.state = 'active' AND c.url IS NOT NULL AND s.subscription_id IS NULL
            THEN 'has no secret here: SELECT odoo_events.set_secret(' || quote_literal(c.name) || ')'
            WHEN c.state = 'active' AND u.unarmed IS NOT NULL THEN u.unarmed
            WHEN c.state = 'active' AND v.lost IS NOT NULL THEN v.lost
            WHEN c.state = 'active' AND p.breaker <> 'closed' THEN p.last_error ELSE c.state_reason END AS state_reason,
       c.state_since,
       p.cursor AS position,
       LEAST(p.cursor, w.least_waiting - 1) AS acked_position,
       GREATEST(l.last_position - p.cursor, 0) + cardinality(p.in_flight) + cardinality(p.batched) + h.parked AS lag_events,
       now() - (SELECT min(o.recordedtime) FROM odoo_events.outbox_all o
                 WHERE o.position = LEAST(CASE WHEN p.cursor < l.last_position THEN p.cursor + 1 END, w.least_waiting)) AS oldest_pending_age,
       p.requests AS in_flight, h.parked, h.blocked_keys,
       (SELECT count(*) FROM odoo_events.dead d WHERE d.subscription_id = c.id) AS dead_letters,
       p.delivered AS delivered_total, p.failed AS failed_total, p.filter_errors AS filter_errors_total, p.breaker,
       CASE p.breaker WHEN 'open' THEN p.asked_at
            ELSE GREATEST(p.asked_at, LEAST(h.next_attempt_at,
                   CASE WHEN p.cursor < l.last_position THEN odoo_events._schedule_next(c.schedule, COALESCE(p.fired_at, c.state_since), COALESCE(c.timezone, 'UTC')) END,
                   (SELECT min(timestamptz '2000-01-01 00:00Z' + (b ->> 'next')::int8 * interval '1 us') FROM jsonb_array_elements(p.batches) b
                     WHERE (b ->> 'attempts')::int4 > 0))) END AS next_attempt_at,
       p.last_status, p.last_error, p.last_success_at, p.p50, p.p95,
       LEAST(CASE WHEN c.overlap_until > now() THEN c.overlap_until END, c.auth_expires_at, c.tls_expires_at) AS expires_at,
       odoo_events._transport(c.url) AS transport,
       (SELECT e.expires_at FROM odoo_events.subscription_peer e WHERE e.subscription_id = c.id) AS peer_expires_at
  FROM odoo_events.subscription_config c
       LEFT JOIN odoo_events.subscription_secret s ON s.subscription_id = c.id
       LEFT JOIN LATERAL (SELECT 'lost positions ' || string_agg(o.first_position || ' to ' || o.last_position, ', ' ORDER BY o.id)
                                 || ' because the outbox was full' AS lost
                            FROM odoo_events.overrun o WHERE o.subscription_id = c.id) v ON true
       LEFT JOIN LATERAL (SELECT (SELECT w.unarmed FROM odoo_events._worker() w)) u ON true
       LEFT JOIN odoo_events.subscription_progress p ON p.subscription_id = c.id
       CROSS JOIN LATERAL (SELECT count(*) AS parked, count(DISTINCT e.partitionkey) FILTER (WHERE e.attempts > 0) AS blocked_keys,
                                  min(e.next_attempt_at) FILTER (WHERE e.attempts > 0) AS next_attempt_at, min(e.position) AS least_held
                             FROM odoo_events.held_event e WHERE e.subscription_id = c.id) h
       CROSS JOIN LATERAL (SELECT LEAST(h.least_held, (SELECT min(x) FROM unnest(p.in_flight || p.batched) x)) AS least_waiting) w
       CROSS JOIN LATERAL (SELECT COALESCE((SELECT k.last_position FROM odoo_events.publish_cursor k ORDER BY k.n DESC LIMIT 1), 0)
                                  AS last_position) l
 WHERE c.id = ANY (ARRAY(SELECT x.id FROM odoo_events.subscription_config x))
   AND odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses);
COMMENT ON VIEW odoo_events._subscription_status IS 'internal: what subscription_status shows';

-- A UNION ALL at the top would be taken apart, and a reader's own conditions would see rows before they are hidden.
CREATE VIEW odoo_events.waiting WITH (security_barrier) AS
SELECT u.subscription, u.event_id, u.position, u.type, u.subject, u.partitionkey, u.state, u.attempts, u.next_attempt_at, u.behind_event_id, u.since, u.last_error FROM (
SELECT p.name AS subscription, w.id AS event_id, w.position, w.type, w.subject, w.partitionkey,
       CASE WHEN w.batch_attempts > 0 THEN 'retry' WHEN w.position > w.head AND NOT w.position = ANY (p.batched) THEN 'behind'
            ELSE 'in_flight' END AS state,
       w.batch_attempts AS attempts, CASE WHEN w.next_attempt_at IS NOT NULL
            THEN CASE p.breaker WHEN 'open' THEN p.asked_at ELSE GREATEST(w.next_attempt_at, p.asked_at) END END AS next_attempt_at,
       CASE WHEN w.position > w.head AND NOT w.position = ANY (p.batched)
            THEN (SELECT x.id FROM odoo_events.outbox_all x WHERE x.position = w.head) END AS behind_event_id,
       w.recordedtime AS since, CASE WHEN w.batch_attempts > 0 THEN p.last_error END AS last_error
  FROM odoo_events.subscription_progress p
       JOIN odoo_events.subscription_config c ON c.id = p.subscription_id
       CROSS JOIN LATERAL (
         SELECT i.position, i.batch_attempts, i.next_attempt_at, o.id, o.type, o.subject, o.partitionkey, o.recordedtime, o.company_id, o.warehouse_id,
                CASE c.ordering WHEN 'key' THEN pg_catalog.first_value(i.position) OVER (PARTITION BY o.partitionkey ORDER BY i.position)
                                WHEN 'strict' THEN pg_catalog.first_value(i.position) OVER (ORDER BY i.position) END AS head
           FROM (SELECT f AS position, 0 AS batch_attempts, NULL::timestamptz AS next_attempt_at FROM unnest(p.in_flight) f
                 UNION ALL
                 SELECT e, (b ->> 'attempts')::int4,
                        CASE WHEN (b ->> 'attempts')::int4 > 0 THEN timestamptz '2000-01-01 00:00Z' + (b ->> 'next')::int8 * interval '1 us' END
                   FROM unnest(ARRAY(SELECT jsonb_array_elements(p.batches))) b,
                        unnest(pg_catalog.translate((b -> 'positions')::text, '[]', '{}')::int8[]) e) i
                CROSS JOIN LATERAL (SELECT x.id, x.type, x.subject, x.partitionkey, x.recordedtime, x.company_id, x.warehouse_id FROM odoo_events.outbox_all x
                                     WHERE x.position = i.position LIMIT 1) o) w
 WHERE c.id = ANY (ARRAY(SELECT x.id FROM odoo_events.subscription_config x))
   AND odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
   AND odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), w.type, w.company_id, w.warehouse_id)
UNION ALL
SELECT c.name, e.id, e.position, e.type, e.subject, e.partitionkey,
       CASE WHEN e.position > e.held_position OR e.attempts = 0 THEN 'behind' ELSE 'retry' END,
       CASE WHEN e.position > e.held_position THEN 0 ELSE e.attempts END,
       CASE WHEN e.position = e.held_position AND e.attempts > 0 THEN e.next_attempt_at END,
       CASE WHEN e.position > e.held_position
            THEN (SELECT o.id FROM odoo_events.outbox_all o WHERE o.position = e.held_position) END,
       e.recordedtime, CASE WHEN e.position = e.held_position THEN e.last_error END
  FROM odoo_events.held_event e JOIN odoo_events.subscription_config c ON c.id = e.subscription_id
 WHERE c.id = ANY (ARRAY(SELECT x.id FROM odoo_events.subscription_config x))
   AND odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
   AND odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), e.type, e.company_id, e.warehouse_id)) u;
COMMENT ON VIEW odoo_events.waiting IS
'what is taken in and not settled: on its way or next, waiting for a retry, or behind an event that does (as of the last settlement)';

-- A request for one event is shown as that event is; of a batch, and of an event that has left the outbox, all that the subscription may get must
-- be the caller's to see.
CREATE VIEW odoo_events.attempt WITH (security_barrier) AS
SELECT c.name AS subscription, a.event_id, a.batch_id, a.first_position, a.last_position, a.attempt, a.at,
       pg_catalog.make_interval(secs => a.duration) AS duration, a.status, a.error, a.response,
       odoo_events._transport(c.url) AS transport
  FROM (SELECT * FROM odoo_events.attempt_0 UNION ALL SELECT * FROM odoo_events.attempt_1) a
       JOIN odoo_events.subscription_config c ON c.id = a.subscription_id
 WHERE odoo_events._sees_whole((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.types, c.companies, c.warehouses, NULL, NULL)
    OR a.event_id IS NOT NULL AND odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
       AND EXISTS (SELECT 1 FROM odoo_events.outbox_all o WHERE o.position = a.first_position AND odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), o.type, o.company_id, o.warehouse_id));
COMMENT ON VIEW odoo_events.attempt IS
'one row per request or message; response is kept of failures, its first 4 KiB; of a dry run there is neither status nor error, and response is what was not sent';

CREATE VIEW odoo_events.dead_letter WITH (security_barrier) AS
SELECT c.name AS subscription, d.event_id, d.position, d.type, d.subject, d.attempts, d.first_at, d.last_at, d.last_status, d.last_error
  FROM odoo_events.dead d JOIN odoo_events.subscription_config c ON c.id = d.subscription_id
 WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
   AND odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), d.type, d.company_id, d.warehouse_id);
COMMENT ON VIEW odoo_events.dead_letter IS 'what was given up, and why; replay(name, dead_letters => true) sends it again';

CREATE VIEW odoo_events._replay_status AS
SELECT r.id, c.name AS subscription, r.state, r.matched, r.sent, r.failed, r.cursor AS position, r.from_position, r.to_position,
       r.dead_letters, r.created_by, r.created_at, r.finished_at
  FROM odoo_events.replay_job r JOIN odoo_events.subscription_config c ON c.id = r.subscription_id
 WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses);
COMMENT ON VIEW odoo_events._replay_status IS 'internal: what replay_status shows';

-- The least position of the outbox that somebody still needs; null if nobody does.
CREATE VIEW odoo_events.needed AS
SELECT 'subscription ' || p.name AS held_by, LEAST(p.cursor + 1, (SELECT min(x) FROM unnest(p.in_flight || p.batched) x)) AS position
  FROM odoo_events.subscription_progress p
UNION ALL
SELECT 'subscription ' || c.name, min(h.position)
  FROM odoo_events.held h JOIN odoo_events.subscription_config c ON c.id = h.subscription_id GROUP BY c.id, c.name
UNION ALL
SELECT 'replay ' || r.id, r.cursor + 1 FROM odoo_events.replay_job r WHERE r.state = 'running' AND NOT r.dead_letters
UNION ALL
(SELECT 'milestones', k.position + 1 FROM odoo_events.process_cursor k ORDER BY k.n DESC LIMIT 1)
UNION ALL
SELECT 'evidence', l.first_position + COALESCE((SELECT max(c.size) FROM odoo_events.seal_checkpoint c WHERE c.log = l.id), 0)
  FROM odoo_events.seal_log l WHERE l.closed_at IS NULL;
COMMENT ON VIEW odoo_events.needed IS 'internal: who needs the outbox, and from where on';

CREATE FUNCTION odoo_events._low_water() RETURNS int8
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT min(n.position) FROM odoo_events.needed n';
COMMENT ON FUNCTION odoo_events._low_water() IS 'internal: least outbox position that delivery still needs';
