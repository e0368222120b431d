-- diagnose: is it late, lost or wrong, whose fault is it, and what now?  Reads events, the extension's own tables and stored samples, never
-- Odoo's tables; waits for no lock and writes nothing, so that it answers on a standby, too.

-- One finding.  rank: the worst first.
CREATE TYPE odoo_events._finding AS (
    rank         int4,
    verdict      text,
    layer        text,
    since        timestamptz,
    due_at       timestamptz,
    company_id   int4,
    warehouse_id int4,
    subscription text,
    type         text,
    finding      text,
    evidence     jsonb,
    next         text
);
COMMENT ON TYPE odoo_events._finding IS 'internal: a row of diagnose() before it is known who looks after it';

CREATE FUNCTION odoo_events._verdict_rank(verdict text) RETURNS int4
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT COALESCE(array_position(ARRAY['lost', 'wrong', 'late', 'duplicate', 'waiting', 'unknown', 'on_time'], verdict), 9) $$;
COMMENT ON FUNCTION odoo_events._verdict_rank(text) IS 'internal: 1 is the worst';

-- What health() warns of, as findings.  Of subscriptions _diagnose_subscription() says more.
CREATE FUNCTION odoo_events._diagnose_health() RETURNS SETOF odoo_events._finding
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._verdict_rank(v.verdict) * 10 + CASE h.status WHEN 'critical' THEN 0 ELSE 5 END, v.verdict,
       CASE WHEN h."check" IN ('capture', 'gaps') THEN 'capture' WHEN h."check" IN ('worker', 'quarantine', 'journal', 'wal', 'outbox') THEN 'publish'
            WHEN h."check" LIKE 'endpoint %' THEN 'endpoint' WHEN h."check" = 'loops' THEN 'receiver' WHEN h."check" = 'indexes' OR h."check" = 'flows' AND h.detail NOT LIKE 'subscription:%' THEN 'odoo'
            WHEN h."check" = 'flows' THEN 'endpoint' ELSE 'configuration' END,
       NULL::timestamptz, CASE WHEN h."check" = 'disk' THEN now() + (SELECT min(d.full_in) FROM odoo_events._disk d) * interval '1 s'
                               WHEN h.detail LIKE 'its server''s certificate%' THEN (SELECT s.peer_expires_at FROM odoo_events._subscription_status s WHERE h."check" = 'endpoint ' || s.name) END, NULL::int4, NULL::int4,
       substring(h."check" FROM '^endpoint (.*)$'), NULL::text, h."check" || ': ' || h.detail, jsonb_build_object('check', h."check", 'status', h.status), h.hint
  FROM odoo_events.health() h,
       LATERAL (SELECT CASE WHEN h."check" = 'gaps' OR h."check" IN ('capture', 'roles') AND h.status = 'critical' THEN 'lost' WHEN h."check" IN ('arming', 'worker', 'quarantine') THEN 'late'
                            WHEN h.detail LIKE 'is slow: %' THEN 'late' WHEN h."check" = 'flows' THEN 'unknown' ELSE 'waiting' END AS verdict) v
 WHERE h.status <> 'ok' AND h."check" NOT LIKE 'subscription %' AND h."check" <> 'subscriptions'
$$;
COMMENT ON FUNCTION odoo_events._diagnose_health() IS 'internal: what health() warns of, but for subscriptions';

-- Answers other than an acknowledgement among the latest requests, by status and type: does the endpoint refuse all, or one type?
CREATE FUNCTION odoo_events._refusals(subscription_id int4, OUT status int4, OUT error text, OUT type text, OUT requests int8, OUT events int8, OUT since timestamptz, OUT until timestamptz,
                                      OUT accepted_types int8, OUT ids uuid[]) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH a AS MATERIALIZED (
  SELECT x.at, x.status, x.error, o.type, o.id, o.position
    FROM (SELECT * FROM odoo_events.attempt_0 UNION ALL SELECT * FROM odoo_events.attempt_1) x
         JOIN LATERAL (SELECT e.type, e.id, e.position FROM odoo_events.outbox_all e WHERE e.position = x.first_position LIMIT 1) o ON true
   WHERE x.n > (SELECT max(m.n) FROM (SELECT max(z.n) AS n FROM odoo_events.attempt_0 z UNION ALL SELECT max(z.n) FROM odoo_events.attempt_1 z) m) - 5000
     AND x.subscription_id = _refusals.subscription_id),
ok AS (SELECT array_agg(DISTINCT a.type) AS types FROM a WHERE a.status BETWEEN 200 AND 299 OR a.status IS NULL AND a.error IS NULL)
SELECT a.status, min(a.error), CASE WHEN a.status BETWEEN 400 AND 499 THEN a.type END, count(*), count(DISTINCT a.id), min(a.at), max(a.at),
       COALESCE(cardinality(array_remove(ok.types, CASE WHEN a.status BETWEEN 400 AND 499 THEN a.type END)), 0), (array_agg(DISTINCT a.id))[1:5]
  FROM a, ok
 -- what was acknowledged since is over
 WHERE NOT COALESCE(a.status BETWEEN 200 AND 299, false) AND (a.status IS NOT NULL OR a.error IS NOT NULL)
   AND NOT EXISTS (SELECT 1 FROM a l WHERE l.id = a.id AND (l.status BETWEEN 200 AND 299 OR l.status IS NULL AND l.error IS NULL) AND l.at >= a.at)
 GROUP BY a.status, CASE WHEN a.status BETWEEN 400 AND 499 THEN a.type END, ok.types
$$;
COMMENT ON FUNCTION odoo_events._refusals(int4) IS 'internal: what an endpoint answered instead of an acknowledgement, of the latest requests';

-- What the latest alteration of a subscription keeps back, of the latest 2000 events since.
CREATE FUNCTION odoo_events._kept_back(c odoo_events.subscription_config, OUT version int8, OUT at timestamptz, OUT who text, OUT events int8, OUT kept int8,
                                       OUT warehouses int4[], OUT companies int4[], OUT types text[], OUT first_position int8, OUT last_position int8, OUT since timestamptz, OUT why text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT v.version, v.at, v.who, e.*
  FROM (SELECT x.*, lag(x.*) OVER (ORDER BY x.version) AS before FROM odoo_events.subscription_version x WHERE x.subscription_id = c.id ORDER BY x.version DESC LIMIT 1) v
       CROSS JOIN LATERAL (
         SELECT count(*), count(*) FILTER (WHERE w.now_why IS NOT NULL), array_agg(DISTINCT w.warehouse_id) FILTER (WHERE w.now_why IS NOT NULL AND w.warehouse_id IS NOT NULL),
                array_agg(DISTINCT w.company_id) FILTER (WHERE w.now_why IS NOT NULL AND w.company_id IS NOT NULL),
                array_agg(DISTINCT w.type) FILTER (WHERE w.now_why IS NOT NULL), min(w.position) FILTER (WHERE w.now_why IS NOT NULL),
                max(w.position) FILTER (WHERE w.now_why IS NOT NULL), min(w."time") FILTER (WHERE w.now_why IS NOT NULL), min(w.now_why)
           FROM (SELECT o.*, odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) AS now_why
                   FROM (SELECT y.* FROM odoo_events.outbox_all y WHERE y.position > v.position ORDER BY y.position DESC LIMIT 2000) o
                  WHERE odoo_events._passed_over(c, v.before, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL) w) e
 WHERE (v.before).version IS NOT NULL AND v.at > now() - interval '7 days'
$$;
COMMENT ON FUNCTION odoo_events._kept_back(odoo_events.subscription_config) IS 'internal: which events the latest alteration of a subscription keeps back';

-- The statement that takes an alteration back.
CREATE FUNCTION odoo_events._alter_back(c odoo_events.subscription_config, version int8) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT format('SELECT odoo_events.alter_subscription(%s); SELECT odoo_events.replay(%L, missed => true);', concat_ws(', ', quote_literal(c.name),
         CASE WHEN v.types IS DISTINCT FROM c.types THEN format('types => %L', v.types) END,
         CASE WHEN v.filter::text IS DISTINCT FROM c.filter::text THEN format('filter => %L', COALESCE(v.filter::text, 'true')) END,
         CASE WHEN v.companies IS DISTINCT FROM c.companies THEN format('companies => %L', COALESCE(v.companies, '{}')) END,
         CASE WHEN v.warehouses IS DISTINCT FROM c.warehouses THEN format('warehouses => %L', COALESCE(v.warehouses, '{}')) END,
         CASE WHEN v.shared_rows IS DISTINCT FROM c.shared_rows THEN format('shared_rows => %L', v.shared_rows) END), c.name)
  FROM odoo_events.subscription_version v WHERE v.subscription_id = c.id AND v.version < _alter_back.version ORDER BY v.version DESC LIMIT 1
$$;
COMMENT ON FUNCTION odoo_events._alter_back(odoo_events.subscription_config, int8) IS 'internal: the statement that undoes an alteration and sends what it kept back';

-- What is wrong with one subscription: its state, what is refused, what is slow, what an alteration keeps back.
CREATE FUNCTION odoo_events._diagnose_subscription(c odoo_events.subscription_config) RETURNS SETOF odoo_events._finding
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT f.rank, f.verdict, f.layer, f.since, f.due_at, NULL::int4, NULL::int4, c.name, f.type, f.finding, f.evidence, f.next
  FROM (
    SELECT 15 AS rank, 'lost' AS verdict, 'configuration' AS layer, k.since, NULL::timestamptz AS due_at, NULL::text AS type,
           format('%s was altered by %s at %s: since then it has passed over %s of %s events that it wanted before%s (%s)', c.name, k.who, k.at, k.kept, k.events,
                  CASE WHEN cardinality(k.warehouses) = 1 THEN ', all of warehouse ' || k.warehouses[1] WHEN cardinality(k.companies) = 1 THEN ', all of company ' || k.companies[1]
                       WHEN cardinality(k.types) = 1 THEN ', all ' || k.types[1] END, k.why) AS finding,
           jsonb_build_object('altered_by', k.who, 'altered_at', k.at, 'version', k.version, 'kept_back', k.kept, 'of', k.events, 'warehouses', k.warehouses, 'companies', k.companies,
                              'types', k.types[1:20], 'first_position', k.first_position, 'last_position', k.last_position,
                              'audit', (SELECT jsonb_build_object('id', a.id, 'what', a.what, 'old', a.old, 'new', a.new) FROM odoo_events.audit a
                                         WHERE a.object = c.name AND a.what = 'alter_subscription' AND a.at BETWEEN k.at - interval '1 min' AND k.at + interval '1 min' ORDER BY a.id DESC LIMIT 1)) AS evidence,
           odoo_events._alter_back(c, k.version) AS next
      FROM odoo_events._kept_back(c) k WHERE k.kept > 0
    UNION ALL
    SELECT 22, 'wrong', 'receiver', r.since, NULL, r.type,
           format('%s answers %s to %s%s: %s events, %s requests%s', c.name, r.status, r.type, CASE WHEN r.accepted_types > 0 THEN ' only' END, r.events, r.requests,
                  CASE WHEN r.accepted_types > 0 THEN format('; %s other types are accepted', r.accepted_types) END),
           jsonb_build_object('status', r.status, 'type', r.type, 'events', r.events, 'requests', r.requests, 'accepted_types', r.accepted_types, 'first_at', r.since, 'last_at', r.until, 'ids', r.ids),
           CASE WHEN EXISTS (SELECT 1 FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = ANY (r.ids))
                THEN format('SELECT event_id, type, subject, last_status, last_error FROM odoo_events.dead_letter WHERE subscription = %L AND type = %L;  -- then replay(%L, dead_letters => true) or discard()', c.name, r.type, c.name)
                ELSE format('SELECT event_id, position, subject, attempts, last_error FROM odoo_events.waiting WHERE subscription = %L AND type = %L;  -- then retry_now(%L), or skip()', c.name, r.type, c.name) END
      FROM odoo_events._refusals(c.id) r WHERE r.type IS NOT NULL AND r.status NOT IN (401, 403, 404, 405, 408, 410, 429)
    UNION ALL
    SELECT 32, 'late', 'endpoint', r.since, NULL, NULL,
           format('%s does not acknowledge: %s, %s events in %s requests since %s', c.name, COALESCE('it answers ' || r.status, r.error), r.events, r.requests, r.since),
           jsonb_build_object('status', r.status, 'error', r.error, 'events', r.events, 'requests', r.requests, 'first_at', r.since, 'last_at', r.until, 'ids', r.ids),
           format('SELECT odoo_events.retry_now(%L);  -- once the endpoint is mended', c.name)
      FROM odoo_events._refusals(c.id) r WHERE r.type IS NULL OR r.status IN (401, 403, 404, 405, 408, 410, 429)
    UNION ALL
    SELECT 34, 'late', 'endpoint', s.since, NULL, NULL,
           format('%s is slow: %s of its latest %s requests took longer than a second (median %s s, 95th percentile %s s)', c.name, s.slow, s.requests, round(p.p50::numeric, 2), round(p.p95::numeric, 2)),
           jsonb_build_object('requests', s.requests, 'slow', s.slow, 'share', round(s.slow::numeric / s.requests, 3), 'p50', p.p50, 'p95', p.p95, 'max_in_flight', c.max_in_flight),
           format('SELECT at, duration, status FROM odoo_events.attempt WHERE subscription = %L ORDER BY duration DESC LIMIT 20;', c.name)
      FROM odoo_events.subscription_progress p CROSS JOIN LATERAL odoo_events._slow_requests(c.id) s
     WHERE p.subscription_id = c.id AND s.slow >= 3 AND s.slow * 20 >= s.requests
    UNION ALL
    SELECT CASE h.status WHEN 'critical' THEN 30 WHEN 'warn' THEN 50 ELSE 70 END,
           CASE WHEN h.status = 'ok' THEN 'on_time' WHEN h.detail LIKE 'has lost the positions%' THEN 'lost' WHEN h.detail LIKE 'paused%' THEN 'waiting' WHEN h.status = 'critical' OR g.lag > 0 THEN 'late' ELSE 'waiting' END,
           CASE WHEN h.detail ~ 'secret|disabled|paused|filter|certificate or token|overrun|lost' THEN 'configuration' WHEN h.detail ~ 'dead letters' THEN 'receiver'
                WHEN h.detail ~ 'behind' THEN 'queue' ELSE 'endpoint' END,
           (SELECT o."time" FROM odoo_events.outbox_all o WHERE o.position = g.oldest LIMIT 1), NULL, NULL, c.name || ': ' || h.detail,
           jsonb_build_object('check', h."check", 'status', h.status, 'state', g.state, 'events_behind', g.lag, 'oldest_position', g.oldest), h.hint
      FROM odoo_events._health_subscriptions() h, odoo_events._subscription_gauge g
     WHERE h."check" = 'subscription ' || c.name AND g.id = c.id) f
$$;
COMMENT ON FUNCTION odoo_events._diagnose_subscription(odoo_events.subscription_config) IS 'internal: findings about one subscription';

-- Requests of one event to one subscription that the receiver may have processed more than once.
CREATE FUNCTION odoo_events._repeats(c odoo_events.subscription_config, o odoo_events.outbox_all, OUT requests int8, OUT acknowledged int8, OUT unanswered int8, OUT since timestamptz, OUT log jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT count(*), count(*) FILTER (WHERE a.status BETWEEN 200 AND 299 OR a.status IS NULL AND a.error IS NULL AND a.response IS NULL),
       count(*) FILTER (WHERE a.status IS NULL AND a.error IS NOT NULL OR a.status >= 500), min(a.at),
       jsonb_agg(jsonb_strip_nulls(jsonb_build_object('at', a.at, 'attempt', a.attempt, 'status', a.status, 'error', a.error, 'seconds', extract(epoch FROM a.duration))) ORDER BY a.at)
  FROM odoo_events.attempt a WHERE a.subscription = c.name AND a.event_id = o.id
$$;
COMMENT ON FUNCTION odoo_events._repeats(odoo_events.subscription_config, odoo_events.outbox_all) IS 'internal: how often an event was sent to a subscription';

-- What became of one event at each subscription that was to get it, as findings.
CREATE FUNCTION odoo_events._diagnose_event(o odoo_events.outbox_all) RETURNS SETOF odoo_events._finding
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._verdict_rank(x.verdict) * 10 + 2, x.verdict, x.layer, COALESCE(x.since, o."time"), NULL::timestamptz, o.company_id, o.warehouse_id, c.name, o.type,
       format('%s (%s) %s', o.subject, o.type, x.finding),
       jsonb_strip_nulls(jsonb_build_object('position', o.position, 'id', o.id, 'committed', o."time", 'published', o.recordedtime, 'step', f.step, 'detail', f.detail, 'attempts', r.log)),
       CASE WHEN x.verdict = 'late' AND x.layer = 'receiver' THEN format('SELECT odoo_events.replay(%L, ids => %L, dead_letters => true);  -- once the receiver takes it', c.name, ARRAY[o.id])
            WHEN f.step = 'passed over' AND odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL
            THEN format('SELECT odoo_events.replay(%L, missed => true, ids => %L);', c.name, ARRAY[o.id])
            WHEN f.step = 'retry' THEN format('SELECT odoo_events.retry_now(%L);', c.name)
            ELSE format('SELECT * FROM odoo_events.trace(event_id => %L);', o.id) END
  FROM odoo_events.subscription_config c
       CROSS JOIN LATERAL odoo_events._fate(c, o) f
       CROSS JOIN LATERAL odoo_events._repeats(c, o) r
       CROSS JOIN LATERAL (
         SELECT CASE WHEN f.step IN ('acknowledged', 'delivered') AND (r.acknowledged > 1 OR r.acknowledged = 1 AND r.unanswered > 0) THEN 'duplicate'
                     WHEN f.step IN ('acknowledged', 'delivered') THEN 'unknown' WHEN f.step = 'passed over' THEN 'lost' WHEN f.step IN ('dead letter', 'retry', 'behind') THEN 'late'
                     WHEN f.step = 'discarded' THEN 'lost' WHEN f.step IN ('in_flight', 'not reached', 'dry run') THEN 'waiting' ELSE 'on_time' END AS verdict,
                CASE WHEN f.step IN ('acknowledged', 'delivered') OR f.step = 'dead letter' THEN 'receiver' WHEN f.step IN ('passed over', 'discarded', 'dry run') THEN 'configuration'
                     WHEN f.step = 'retry' THEN 'endpoint' ELSE 'queue' END AS layer,
                r.since,
                CASE WHEN f.step IN ('acknowledged', 'delivered') AND r.acknowledged > 1 THEN format('was acknowledged %s times by %s, with one id each time: it was replayed, or the worker was restarted in between; a receiver has to ignore an id that it knows', r.acknowledged, c.name)
                     WHEN f.step IN ('acknowledged', 'delivered') AND r.acknowledged = 1 AND r.unanswered > 0
                     THEN format('was sent %s times to %s, with one id: %s requests had no acknowledgement in time and may have been processed all the same; a receiver has to ignore an id that it knows', r.requests, c.name, r.unanswered)
                     WHEN f.step = 'acknowledged' THEN format('was sent once to %s and acknowledged at %s: whether it was processed then only the receiver knows', c.name, f.at)
                     WHEN f.step = 'delivered' THEN format('was delivered to %s; %s', c.name, f.detail)
                     WHEN f.step = 'passed over' THEN format('was passed over by %s: %s', c.name, f.detail)
                     WHEN f.step = 'dead letter' THEN format('is a dead letter of %s, %s', c.name, f.detail)
                     ELSE format('is at %s: %s%s', c.name, f.step, ', ' || f.detail) END AS finding) x
 -- what was never chosen by anybody is no finding: only what an alteration kept back
 WHERE f.step NOT IN ('not wanted', 'before its start')
   AND (f.step <> 'passed over' OR (odoo_events._version_of(c.id, o.position)).version > 1
        OR odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL)
$$;
COMMENT ON FUNCTION odoo_events._diagnose_event(odoo_events.outbox_all) IS 'internal: findings about one event';

-- A document that has no event, or whose later changes have none.
CREATE FUNCTION odoo_events._diagnose_unpublished(key text) RETURNS SETOF odoo_events._finding
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH e AS (SELECT x.* FROM odoo_events.entity x WHERE x.entity = split_part(key, ':', 1))
SELECT 31, 'late', 'publish', q.at, NULL::timestamptz, NULL::int4, NULL::int4, NULL, NULL, format('a change of %s waits in quarantine: %s', key, q.reason),
       jsonb_build_object('change_id', q.change_id, 'reason', q.reason, 'attempts', q.attempts), format('SELECT odoo_events.requeue(%L);  -- once the reason is mended', ARRAY[q.change_id])
  FROM odoo_events.quarantined q WHERE q.key = _diagnose_unpublished.key
UNION ALL
SELECT 51, 'waiting', 'publish', min(j.at), NULL, NULL, NULL, NULL, NULL, format('%s changes of %s wait to be published', count(*), key), jsonb_build_object('changes', count(*)), 'SELECT * FROM odoo_events.worker_status;'
  FROM e JOIN odoo_events.journal j ON j.rule = e.rule AND j.record_id::text = split_part(key, ':', 2) WHERE NOT odoo_events._is_published(j.xid, j.id) HAVING count(*) > 0
UNION ALL
SELECT 11, 'lost', 'capture', g.at, NULL, NULL, NULL, NULL, NULL, format('%s changes of %s could not be captured; one of them may be of %s', g.changes, g.rule, key),
       jsonb_build_object('changes', g.changes, 'reason', g.reason), format('SELECT * FROM odoo_events.reconcile(%L, repair => true);', e.entity)
  FROM e JOIN odoo_events.capture_gap g ON g.rule = ANY (e.rules)
UNION ALL
SELECT 12, 'lost', 'configuration', NULL, NULL, NULL, NULL, NULL, NULL, format('%s is not captured', e.entity), '{}', format('SELECT * FROM odoo_events.attach(%L);', ARRAY[e.entity])
  FROM e WHERE NOT EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = e.entity)
$$;
COMMENT ON FUNCTION odoo_events._diagnose_unpublished(text) IS 'internal: findings about changes of a document that have become no event';

-- One document: its latest 20 events.  What is well is one row.
CREATE FUNCTION odoo_events._diagnose_document(key text) RETURNS SETOF odoo_events._finding
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH o AS MATERIALIZED (SELECT x AS event, x.* FROM odoo_events.outbox_all x WHERE x.partitionkey = key ORDER BY x.position DESC LIMIT 20),
     u AS MATERIALIZED (SELECT * FROM odoo_events._diagnose_unpublished(key)),
     f AS MATERIALIZED (SELECT d.* FROM o, LATERAL odoo_events._diagnose_event((SELECT y FROM odoo_events.outbox_all y WHERE y.position = o.position)) d)
SELECT * FROM u
UNION ALL SELECT * FROM f WHERE f.verdict NOT IN ('on_time', 'unknown')
UNION ALL
(SELECT f.* FROM f WHERE f.verdict = 'unknown' AND NOT EXISTS (SELECT 1 FROM f x WHERE x.subscription = f.subscription AND x.verdict NOT IN ('on_time', 'unknown')) ORDER BY f.evidence ->> 'position' DESC LIMIT 5)
UNION ALL
SELECT 70, 'on_time', 'publish', o."time", NULL, o.company_id, o.warehouse_id, NULL, o.type, format('%s: its latest event is %s of %s, and nobody subscribes to it', o.subject, o.type, o."time"),
       jsonb_build_object('position', o.position, 'id', o.id), format('SELECT * FROM odoo_events.trace(key => %L);', key)
  FROM (SELECT * FROM o ORDER BY o.position DESC LIMIT 1) o WHERE NOT EXISTS (SELECT 1 FROM f)
UNION ALL
SELECT 60, 'unknown', 'odoo', NULL, NULL, NULL, NULL, NULL, NULL, format('no event of %s is known here', key), jsonb_build_object('events_since', (SELECT min(x.recordedtime) FROM odoo_events.outbox_all x)),
       CASE WHEN EXISTS (SELECT 1 FROM odoo_events.entity e WHERE e.entity = split_part(key, ':', 1)) AND split_part(key, ':', 2) ~ '^[0-9]{1,18}$'
            THEN format('SELECT * FROM odoo_events.explain(%L, %s);', split_part(key, ':', 1), split_part(key, ':', 2)) ELSE 'SELECT * FROM odoo_events.health();' END
 WHERE NOT EXISTS (SELECT 1 FROM o) AND NOT EXISTS (SELECT 1 FROM u)
$$;
COMMENT ON FUNCTION odoo_events._diagnose_document(text) IS 'internal: findings about one document';

-- The keys of the documents that are called so, by the index of documents that the reader behind the publisher keeps.
CREATE FUNCTION odoo_events._documents_called(name text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT o.partitionkey FROM odoo_events.outbox_all o
 WHERE o.position = ANY (ARRAY(SELECT odoo_events._positions_named(name))) AND name IN (o.subject, substr(o.subject, strpos(o.subject, '/') + 1))
 GROUP BY o.partitionkey ORDER BY max(o.position) DESC LIMIT 20
$$;
COMMENT ON FUNCTION odoo_events._documents_called(text) IS 'internal: keys of documents by their name';

-- Promises of documents, or all that are broken or at risk.  A promise is often one of the order, and what is asked for one of its transfers.
CREATE FUNCTION odoo_events._diagnose_promises(keys text[]) RETURNS SETOF odoo_events._finding
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH d AS (SELECT unnest(keys) AS document
           UNION SELECT e.correlationid FROM unnest(keys) k, LATERAL (SELECT o.correlationid FROM odoo_events.outbox_all o WHERE o.partitionkey = k ORDER BY o.position DESC LIMIT 20) e),
     p AS MATERIALIZED (
       SELECT x.* FROM odoo_events.promise_last x WHERE keys IS NULL AND x.state IN ('at_risk', 'breached')
          -- as diagnose() does it, but before the worst hundred are taken
          AND odoo_events._allows((SELECT odoo_events._policies('{read,operate,approve}')), 'odoo.process.promise.breached.v1', x.company_id, x.warehouse_id)
       UNION ALL
       SELECT x.* FROM d, LATERAL (SELECT DISTINCT ON (r.id) r.* FROM odoo_events.promise_row r WHERE r.document = d.document ORDER BY r.id, r.n DESC) x
        WHERE x.state NOT IN ('met', 'cancelled'))
SELECT CASE p.state WHEN 'breached' THEN 29 WHEN 'met_late' THEN 39 WHEN 'at_risk' THEN 49 ELSE 59 END,
       CASE WHEN p.state IN ('breached', 'met_late') THEN 'late' ELSE 'waiting' END,
       'odoo', p.started_at, p.due_at, p.company_id, p.warehouse_id, NULL::text, 'odoo.process.promise.breached.v1',
       concat(format('%s: promise %s is %s', p.document, p.sla, replace(p.state, '_', ' ')),
              CASE WHEN p.due_at IS NOT NULL THEN format(', it %s due at %s', CASE WHEN p.due_at < now() THEN 'was' ELSE 'is' END, p.due_at) END,
              CASE WHEN p.state = 'met_late' THEN format(' and was kept %s late', date_trunc('second', p.ended_at - p.due_at))
                   WHEN p.due_at < now() THEN format(', %s ago', date_trunc('second', now() - p.due_at)) END,
              '; waits for ' || w.waits_for),
       jsonb_strip_nulls(jsonb_build_object('promise', p.id, 'sla', p.sla, 'state', p.state, 'started_at', p.started_at, 'due_at', p.due_at, 'ended_at', p.ended_at, 'told_at', p.told_at,
         'waits_for', w.waits_for,
         'owner', t.terms ->> 'owner', 'contact', t.terms ->> 'contact', 'runbook', t.terms ->> 'runbook')),
       format('SELECT * FROM odoo_events.trace(key => %L);', p.document)
  FROM p JOIN odoo_events.sla_terms t ON t.id = p.terms
       CROSS JOIN LATERAL (SELECT CASE WHEN p.ended_at IS NULL THEN odoo_events._waits_for(p.terms, p.correlationid) END AS waits_for) w
 ORDER BY 1, p.due_at LIMIT 100
$$;
COMMENT ON FUNCTION odoo_events._diagnose_promises(text[]) IS 'internal: findings about promises of documents; null: of all documents';

-- All findings about what was asked for.
CREATE FUNCTION odoo_events._findings(what text) RETURNS SETOF odoo_events._finding
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config;
  o odoo_events.outbox_all;
  key text;
  keys text[] := '{}';
  found_any boolean := false;
BEGIN
  IF what IS NULL THEN
    RETURN QUERY SELECT * FROM odoo_events._diagnose_health();
    RETURN QUERY SELECT d.* FROM odoo_events.subscription_config s, LATERAL odoo_events._diagnose_subscription(s) d WHERE d.verdict <> 'on_time';
    RETURN QUERY SELECT * FROM odoo_events._diagnose_promises(NULL);
    RETURN;
  END IF;
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.name = what;
  IF FOUND THEN
    RETURN QUERY SELECT * FROM odoo_events._diagnose_subscription(c);
    RETURN QUERY SELECT h.* FROM odoo_events._diagnose_health() h WHERE h.subscription = what AND h.finding NOT LIKE '%is slow%';
    RETURN;
  END IF;
  IF what ~ '^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$' THEN
    FOR o IN SELECT x.* FROM odoo_events.outbox_all x WHERE x.id = what::uuid LOOP
      found_any := true;
      RETURN QUERY SELECT * FROM odoo_events._diagnose_event(o);
    END LOOP;
    IF NOT found_any THEN
      RETURN QUERY VALUES (60, 'unknown', 'publish', NULL::timestamptz, NULL::timestamptz, NULL::int4, NULL::int4, NULL::text, NULL::text, format('no event %s is in the outbox', what), '{}'::jsonb,
                           'SELECT * FROM odoo_events.storage WHERE part = ''outbox'';');
    END IF;
    RETURN;
  END IF;
  FOR key IN SELECT x FROM odoo_events._documents_called(what) x UNION SELECT what WHERE what ~ '^[a-z_]+:.' LOOP
    found_any := true;
    keys := keys || key;
    RETURN QUERY SELECT * FROM odoo_events._diagnose_document(key);
  END LOOP;
  RETURN QUERY SELECT * FROM odoo_events._diagnose_promises(keys);
  IF NOT found_any THEN
    RETURN QUERY VALUES (60, 'unknown', 'odoo', NULL::timestamptz, NULL::timestamptz, NULL::int4, NULL::int4, NULL::text, NULL::text, format('nothing is known of "%s": no subscription, and no event of a document of that name', what),
                         '{}'::jsonb, 'SELECT name FROM odoo_events.subscription; SELECT * FROM odoo_events.health();');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._findings(text) IS 'internal: what diagnose() answers, unsorted';

CREATE FUNCTION odoo_events.diagnose(what text DEFAULT NULL) RETURNS TABLE (verdict text, layer text, since timestamptz, due_at timestamptz, company_id int4, warehouse_id int4,
  owner text, contact text, finding text, evidence jsonb, next text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 20 AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT f.verdict, f.layer, f.since, f.due_at, f.company_id, f.warehouse_id, COALESCE(f.evidence ->> 'owner', c.owner), COALESCE(f.evidence ->> 'contact', c.contact),
         f.finding, f.evidence, f.next
    FROM odoo_events._findings(btrim(diagnose.what)) f, odoo_events._care(f.subscription, f.type, f.company_id, f.warehouse_id) c
   WHERE odoo_events._finding_visible(f.subscription, f.type, f.company_id, f.warehouse_id)
   ORDER BY f.rank, f.since NULLS LAST, f.finding LIMIT 100;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('diagnose()');
END $$;
COMMENT ON FUNCTION odoo_events.diagnose(text) IS
'is it late, lost or wrong, whose fault, and what now: what is a document''s name or key, an event''s id, a subscription''s name, or null for everything that is open; '
'the worst comes first, at most 100 rows; names of documents, no payload; next is an executable statement';
