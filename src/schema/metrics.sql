-- metrics: what a monitoring system scrapes.  Nothing here reads events: positions are compared, rows of small tables counted.

CREATE FUNCTION odoo_events._histogram_stats(OUT name text, OUT le float8, OUT count int8, OUT sum float8) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_histogram_stats';
COMMENT ON FUNCTION odoo_events._histogram_stats() IS 'internal: histograms since the server started; le is null in the bucket of all';

CREATE FUNCTION odoo_events._requests_in_flight() RETURNS int8
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_requests_in_flight';
COMMENT ON FUNCTION odoo_events._requests_in_flight() IS 'internal: requests that the worker has open now';

CREATE FUNCTION odoo_events._span_stats(OUT exported int8, OUT lost int8)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_span_stats';
COMMENT ON FUNCTION odoo_events._span_stats() IS 'internal: spans of traces since the server started: taken by the collector, and not';

-- Rows of the journal that are not published yet; by its primary key, and no more than a scrape may cost.
CREATE FUNCTION odoo_events._journal_pending() RETURNS int8
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT count(*)
  FROM (SELECT FROM (SELECT COALESCE((SELECT c.s1 FROM odoo_events.publish_cursor c ORDER BY c.n DESC LIMIT 1), '1:1:'::pg_snapshot) AS s1) k,
       LATERAL (SELECT j.xid FROM odoo_events.journal_0 j WHERE j.xid >= pg_snapshot_xmax(k.s1)
                UNION ALL SELECT j.xid FROM odoo_events.journal_1 j WHERE j.xid >= pg_snapshot_xmax(k.s1)
                UNION ALL SELECT j.xid FROM odoo_events.journal_2 j WHERE j.xid >= pg_snapshot_xmax(k.s1)) x
        LIMIT 100000) y
$$;
COMMENT ON FUNCTION odoo_events._journal_pending() IS 'internal: journal rows after the last reading, at most 100000';

-- Per subscription, what a scrape and health() ask of it: as subscription_status, but without looking behind held keys.
CREATE VIEW odoo_events._subscription_gauge AS
SELECT c.id, c.name,
       CASE WHEN c.state <> 'active' THEN c.state
            WHEN c.url IS NOT NULL AND s.subscription_id IS NULL THEN 'disabled'
            WHEN EXISTS (SELECT 1 FROM odoo_events.overrun o WHERE o.subscription_id = c.id) THEN 'overrun'
            WHEN l.unarmed IS NOT NULL THEN 'unarmed'
            WHEN c.dry_run THEN 'dry_run'
            WHEN p.breaker <> 'closed' THEN 'breaker_open' ELSE 'active' END AS state,
       GREATEST(l.last_position - p.cursor, 0) + cardinality(p.in_flight) + cardinality(p.batched) + COALESCE(h.keys, 0) AS lag,
       LEAST(CASE WHEN p.cursor < l.last_position THEN p.cursor + 1 END, h.position, (SELECT min(x) FROM unnest(p.in_flight || p.batched) x)) AS oldest,
       COALESCE(h.keys, 0) AS parked, p.delivered, p.failed, p.outcomes, p.filter_errors,
       odoo_events._transport(c.url) AS transport
  FROM odoo_events.subscription_config c
       LEFT JOIN odoo_events.subscription_secret s ON s.subscription_id = c.id
       LEFT JOIN odoo_events.subscription_progress p ON p.subscription_id = c.id
       LEFT JOIN (SELECT h.subscription_id, count(*) AS keys, min(h.position) AS position FROM odoo_events.held h GROUP BY 1) h
              ON h.subscription_id = c.id
       CROSS JOIN (SELECT odoo_events._last_position() AS last_position, (SELECT w.unarmed FROM odoo_events._worker() w) AS unarmed) l;
COMMENT ON VIEW odoo_events._subscription_gauge IS 'internal: subscriptions for metrics(); parked counts keys';

CREATE FUNCTION odoo_events._worker_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_build_info', 'gauge', jsonb_build_object('version', odoo_events.version(), 'postgresql', current_setting('server_version')),
       1::float8, 'Version of the library and of PostgreSQL.'
UNION ALL
SELECT v.name, v.kind, '{}'::jsonb, v.value::float8, v.help
  FROM (SELECT w.*, s.publish_lag FROM odoo_events._worker() w, odoo_events._worker_status s) w,
       LATERAL (VALUES
         ('odoo_events_worker_up', 'gauge', (w.pid IS NOT NULL)::int::numeric, 'Whether this database''s worker runs.'),
         ('odoo_events_worker_restarts_total', 'counter', COALESCE(w.restarts, 0), 'Starts of the worker after its first, since the server started.'),
         ('odoo_events_publish_lag_seconds', 'gauge', COALESCE(extract(epoch FROM w.publish_lag), 0),
          'Age of the oldest commit that is not published, 0 where all is.'),
         ('odoo_events_in_flight', 'gauge', odoo_events._requests_in_flight(), 'Requests to endpoints that are open.'),
         ('odoo_events_armed', 'gauge', (SELECT a.armed::int FROM odoo_events._arming a), 'Whether this database may send.'),
         ('odoo_events_journal_pending', 'gauge', odoo_events._journal_pending(), 'Captured changes that are not published yet, counted up to 100000.'),
         ('odoo_events_journal_bytes', 'gauge', (SELECT sum(pg_table_size(c.oid)) FROM pg_class c
            WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relname ~ '^journal_[0-9]+$'), 'Size of the journal.'),
         ('odoo_events_outbox_position', 'gauge', odoo_events._last_position(), 'The same as outbox_position_total, which has the name of a counter.'),
         ('odoo_events_outbox_bytes', 'gauge', (SELECT sum(pg_table_size(c.oid)) FROM pg_class c
            WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relname ~ '^outbox_[0-9]+$'), 'Size of the outbox.'),
         ('odoo_events_quarantined', 'gauge', (SELECT count(*) FROM odoo_events.quarantined), 'Changes that could not become events.'),
         ('odoo_events_slot_retained_bytes', 'gauge', (SELECT COALESCE(sum(pg_wal_lsn_diff(
              CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, s.restart_lsn)), 0)
            FROM pg_replication_slots s WHERE s.plugin = 'odoo_events' AND s.database = current_database()),
          'WAL that replication slots of odoo_events keep.')
       ) v(name, kind, value, help)
 WHERE v.name <> 'odoo_events_worker_up' OR NOT pg_is_in_recovery()        -- a standby has no worker, and nothing is down there
UNION ALL
SELECT 'odoo_events_spans_total', 'counter', jsonb_build_object('outcome', v.outcome), v.n::float8, 'Spans of traces that the OpenTelemetry collector took, and those dropped.'
  FROM odoo_events._span_stats() s, LATERAL (VALUES ('exported', s.exported), ('dropped', s.lost)) v(outcome, n)
 WHERE s.exported > 0 OR s.lost > 0
$$;
COMMENT ON FUNCTION odoo_events._worker_metrics() IS 'internal: the metrics of the worker and of what is kept';

CREATE FUNCTION odoo_events._capture_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_captured_total', 'counter', jsonb_build_object('entity', COALESCE(e.entity, st.rule), 'source', CASE WHEN EXISTS (SELECT 1 FROM odoo_events.wal_rule w WHERE w.rule = st.rule AND w.state = 'wal') THEN 'wal' ELSE 'trigger' END), st.captured::float8,
       'Changed rows written to the journal, since the server started.'
  FROM odoo_events._rule_stats() st LEFT JOIN LATERAL (SELECT e.entity FROM odoo_events.entity e WHERE e.rules[1] = st.rule ORDER BY e.entity LIMIT 1) e ON true
UNION ALL
SELECT 'odoo_events_capture_errors_total', 'counter', jsonb_build_object('entity', COALESCE(e.entity, st.rule), 'reason', 'not_written'), st.errors::float8,
       'Changed rows that could not be written to the journal, since the server started; capture_error has the reasons.'
  FROM odoo_events._rule_stats() st LEFT JOIN LATERAL (SELECT e.entity FROM odoo_events.entity e WHERE e.rules[1] = st.rule ORDER BY e.entity LIMIT 1) e ON true
$$;
COMMENT ON FUNCTION odoo_events._capture_metrics() IS 'internal: the metrics of each capture rule';

CREATE FUNCTION odoo_events._type_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_published_total', 'counter', jsonb_build_object('type', t.type), t.published::float8,
       'Events published, since the server started.'
  FROM odoo_events._type_stats() t ORDER BY t.type
$$;
COMMENT ON FUNCTION odoo_events._type_metrics() IS 'internal: the metrics of each type';

CREATE FUNCTION odoo_events._histogram_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_' || h.name || v.suffix, 'histogram', v.labels, v.value, t.help
  FROM odoo_events._histogram_stats() WITH ORDINALITY h(name, le, count, sum, n)
       JOIN (VALUES ('delivery_duration_seconds', 'Duration of requests, whatever the answer, since the server started.'),
                    ('commit_to_ack_seconds', 'From the commit in Odoo to the acknowledgement by an endpoint, without replays, since the server started.')
            ) t(name, help) ON t.name = h.name
       CROSS JOIN LATERAL (
         SELECT 1 AS k, '_bucket' AS suffix, jsonb_build_object('le', COALESCE(h.le::text, '+Inf')) AS labels, h.count::float8 AS value
         UNION ALL SELECT 2, '_sum', '{}', h.sum WHERE h.le IS NULL
         UNION ALL SELECT 3, '_count', '{}', h.count WHERE h.le IS NULL) v
 ORDER BY h.n, v.k
$$;
COMMENT ON FUNCTION odoo_events._histogram_metrics() IS 'internal: the histograms of metrics()';

-- Samples of one name stand together, as the text format demands.
CREATE FUNCTION odoo_events._subscription_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH g AS MATERIALIZED (SELECT g.*, jsonb_build_object('subscription', g.name, 'transport', g.transport) AS label FROM odoo_events._subscription_gauge g),
     o AS MATERIALIZED (SELECT p.position, e.recordedtime
                          FROM (SELECT DISTINCT g.oldest AS position FROM g WHERE g.oldest IS NOT NULL) p
                               JOIN LATERAL (SELECT x.recordedtime FROM odoo_events.outbox_all x WHERE x.position >= p.position ORDER BY x.position LIMIT 1) e ON true),
     d AS MATERIALIZED (SELECT d.subscription_id, count(*) AS n FROM odoo_events.dead d GROUP BY 1)
SELECT 'odoo_events_' || v.name, v.kind, g.label || v.labels, v.value::float8, v.help
  FROM g LEFT JOIN o ON o.position = g.oldest LEFT JOIN d ON d.subscription_id = g.id
       CROSS JOIN LATERAL (
         SELECT 10 AS n, 'subscription_lag_events' AS name, 'gauge' AS kind, '{}'::jsonb AS labels, g.lag::numeric AS value,
                'Events not acknowledged yet, those that filters will pass over included, those behind a parked key not.' AS help
         UNION ALL SELECT 20, 'subscription_oldest_pending_age_seconds', 'gauge', '{}',
                COALESCE(extract(epoch FROM GREATEST(clock_timestamp() - o.recordedtime, '0')), 0), 'Age of the oldest event not acknowledged yet, 0 if there is none.'
         UNION ALL SELECT 30 + a.i, 'delivery_attempts_total', 'counter', jsonb_build_object('outcome', a.outcome), COALESCE(g.outcomes[a.i], 0),
                'Requests by outcome: delivered (2xx), rejected (4xx), failed (any other status), throttled (429), no_answer.'
           FROM unnest(ARRAY['delivered', 'rejected', 'failed', 'throttled', 'no_answer']) WITH ORDINALITY a(outcome, i)
         UNION ALL SELECT 40, 'delivered_total', 'counter', '{}', COALESCE(g.delivered, 0), 'Events acknowledged by the endpoint.'
         UNION ALL SELECT 50, 'retries_total', 'counter', '{}', COALESCE(g.outcomes[6], 0), 'Requests that were not the first for their event.'
         UNION ALL SELECT 55, 'filter_errors_total', 'counter', '{}', COALESCE(g.filter_errors, 0),
                'Events for which the filter was neither true nor false, or could not be judged.'
         UNION ALL SELECT 60, 'parked', 'gauge', '{}', g.parked, 'Keys whose first event waits for a retry, or for room.'
         UNION ALL SELECT 70, 'dead_letters', 'gauge', '{}', COALESCE(d.n, 0), 'Events given up, and kept.'
         UNION ALL SELECT 80, 'subscription_state', 'gauge', jsonb_build_object('state', t.state), (t.state = g.state)::int, 'The state of a subscription is 1, the others 0.'
           FROM unnest(ARRAY['active', 'paused', 'disabled', 'breaker_open', 'dry_run', 'overrun', 'unarmed']) t(state)) v
 ORDER BY v.n / 10, v.name, g.name, v.n, v.labels
$$;
COMMENT ON FUNCTION odoo_events._subscription_metrics() IS 'internal: the metrics of each subscription';

-- Two plants on one host are told apart.
CREATE FUNCTION odoo_events._with_database(labels jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT labels || jsonb_build_object('database', current_database()) $$;
COMMENT ON FUNCTION odoo_events._with_database(jsonb) IS 'internal: the labels of a sample';

-- A role under a policy sees figures of subscriptions that it sees, of types where it sees all companies, and whether the machine runs.
CREATE FUNCTION odoo_events._metric_visible(policies jsonb, name text, labels jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN policies IS NULL THEN true
            WHEN labels ? 'subscription' THEN EXISTS (SELECT 1 FROM odoo_events.subscription_config c
                                                       WHERE c.name = labels ->> 'subscription' AND odoo_events._sees(policies, c.name, c.companies, c.warehouses))
            WHEN labels ? 'type' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(policies) p
                                               WHERE NOT p ?| '{companies,warehouses}' AND odoo_events._allows(jsonb_build_array(p), labels ->> 'type', NULL, NULL))
            ELSE name IN ('odoo_events_build_info', 'odoo_events_worker_up', 'odoo_events_worker_restarts_total', 'odoo_events_armed', 'odoo_events_publish_lag_seconds') END
$$;
COMMENT ON FUNCTION odoo_events._metric_visible(jsonb, text, jsonb) IS 'internal: may somebody under these policies see this sample';

-- A family whose tables are locked is left out: a scrape neither waits nor fails.
CREATE FUNCTION odoo_events.metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 1000 AS $$
DECLARE
  family text;
  p      constant jsonb := odoo_events._policies('{read,operate,approve}');
BEGIN
  FOREACH family IN ARRAY ARRAY['worker', 'capture', 'type', 'histogram', 'subscription', 'denied', 'care', 'watch', 'announced', 'flow', 'promise'] LOOP
    BEGIN
      RETURN QUERY EXECUTE format('SELECT m.name, m.kind, odoo_events._with_database(m.labels), m.value, m.help FROM odoo_events._%s_metrics() m WHERE $1 IS NULL OR odoo_events._metric_visible($1, m.name, m.labels)', family) USING p;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM set_config('lock_timeout', '20ms', true);         -- until the end of this function
      RAISE DEBUG 'the metrics of family "%" are left out: their tables are locked', family;
    END;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events.metrics() IS
'figures for a monitoring system, named as Prometheus wants them; cheap: no event is read; under a policy those of what it shows.  metrics_text() is the same as text';

CREATE FUNCTION odoo_events.metrics_text() RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
SELECT string_agg(CASE WHEN f.first THEN format(E'# HELP %s %s\n# TYPE %s %s\n', f.family, replace(replace(f.help, '\', '\\'), E'\n', '\n'), f.family, f.kind) ELSE '' END
                  || f.name || f.labels || ' ' ||
                  CASE f.value WHEN 'Infinity' THEN '+Inf' WHEN '-Infinity' THEN '-Inf' ELSE f.value::text END || E'\n', '' ORDER BY f.n)
  FROM (SELECT m.*, x.family, row_number() OVER (PARTITION BY x.family ORDER BY m.n) = 1 AS first,
               COALESCE((SELECT '{' || string_agg(format('%s="%s"', l.key, replace(replace(replace(l.value, '\', '\\'), '"', '\"'), E'\n', '\n')), ',' ORDER BY l.key) || '}'
                           FROM jsonb_each_text(m.raw_labels) l), '') AS labels
          FROM odoo_events.metrics() WITH ORDINALITY m(name, kind, raw_labels, value, help, n)
               CROSS JOIN LATERAL (SELECT CASE WHEN m.kind = 'histogram' THEN regexp_replace(m.name, '_(bucket|sum|count)$', '') ELSE m.name END AS family) x) f
$$;
COMMENT ON FUNCTION odoo_events.metrics_text() IS 'metrics() in the text format of Prometheus';
