-- flow: how much comes, five minutes by five minutes, and what of it is unusual (src/process/flow.c, flow_judge.c).

-- A flow is the events of a type in a warehouse, or the requests of a subscription.  Number 0 stands for all flows of events.
CREATE TABLE odoo_events.flow (
    id              int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type            text,                       -- null: a subscription's
    warehouse_id    int4,
    company_id      int4,                       -- of the first event
    subscription_id int4,
    since           timestamptz NOT NULL,       -- the first bucket that had something of it
    seen            date NOT NULL               -- the latest day that had
);
COMMENT ON TABLE odoo_events.flow IS 'flows: the events of a type in a warehouse, or the requests of a subscription';

-- Insert only.  A member holds a week, and is emptied eleven weeks later.  Buckets in which nothing came have no row.
DO $$
BEGIN
  FOR i IN 0..11 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.flow_stat_%s (
        bucket   timestamptz NOT NULL,              -- its start
        flow     int4 NOT NULL,
        n        int4 NOT NULL,                     -- events that were published; of a subscription: that were acknowledged
        requests int4,                              -- null: a flow of events
        failures int4,                              -- requests without an acknowledgement
        p50      float4 NOT NULL,                   -- seconds of a request; of an event from its commit to the outbox
        p95      float4 NOT NULL,
        PRIMARY KEY (bucket, flow)
      )$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.flow_stat_%s IS %L', i, 'statistics of flows, read through the view flow_stat');
  END LOOP;
END $$;
CREATE VIEW odoo_events.flow_stat_row AS
            SELECT * FROM odoo_events.flow_stat_0 UNION ALL SELECT * FROM odoo_events.flow_stat_1  UNION ALL SELECT * FROM odoo_events.flow_stat_2
  UNION ALL SELECT * FROM odoo_events.flow_stat_3 UNION ALL SELECT * FROM odoo_events.flow_stat_4  UNION ALL SELECT * FROM odoo_events.flow_stat_5
  UNION ALL SELECT * FROM odoo_events.flow_stat_6 UNION ALL SELECT * FROM odoo_events.flow_stat_7  UNION ALL SELECT * FROM odoo_events.flow_stat_8
  UNION ALL SELECT * FROM odoo_events.flow_stat_9 UNION ALL SELECT * FROM odoo_events.flow_stat_10 UNION ALL SELECT * FROM odoo_events.flow_stat_11;
COMMENT ON VIEW odoo_events.flow_stat_row IS 'internal: all members of the ring of statistics of flows';

-- The buckets that are known: the server ran for all of them.
CREATE TABLE odoo_events.flow_bucket (
    bucket     timestamptz PRIMARY KEY,
    "position" int8 NOT NULL,                   -- events of later buckets stand behind it
    requests   boolean NOT NULL                 -- the worker ran, too, so that requests are counted
);
COMMENT ON TABLE odoo_events.flow_bucket IS 'buckets of five minutes in which flows were counted; one that lacks is unknown, not silent';

CREATE TABLE odoo_events.flow_anomaly (
    id       int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    flow     int4 NOT NULL,
    kind     text NOT NULL,                     -- silence drop spike slow failing
    since    timestamptz NOT NULL,
    told_at  timestamptz NOT NULL,
    seen     timestamptz NOT NULL,              -- the latest bucket in which it was so
    until    timestamptz,                       -- null: it is so now
    n        float8 NOT NULL,
    expected float8 NOT NULL,
    low      float8 NOT NULL,
    high     float8 NOT NULL,
    score    float8 NOT NULL
);
CREATE UNIQUE INDEX flow_anomaly_open ON odoo_events.flow_anomaly (flow, (CASE kind WHEN 'silence' THEN 'drop' ELSE kind END)) WHERE until IS NULL;
COMMENT ON TABLE odoo_events.flow_anomaly IS 'what was unusual of flows, with the numbers that said so, for ten weeks';

CREATE FUNCTION odoo_events._flow_name(f odoo_events.flow) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN f.id IS NULL THEN '*' WHEN f.type IS NOT NULL THEN f.type || COALESCE('@' || f.warehouse_id, '')
            ELSE (SELECT 'subscription:' || c.name FROM odoo_events.subscription_config c WHERE c.id = f.subscription_id) END
$$;
COMMENT ON FUNCTION odoo_events._flow_name(odoo_events.flow) IS 'internal: type@warehouse, subscription:name, or * for all flows of events';

-- The times that announce() took out of what is usual, per flow.
CREATE FUNCTION odoo_events._flow_announced(buckets timestamptz[]) RETURNS TABLE (flow int4, since timestamptz, until timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT f.id, a.since, a.until
  FROM odoo_events.announcement a
  JOIN odoo_events.flow f ON CASE WHEN f.subscription_id IS NULL THEN a.subscriptions IS NULL AND (a.warehouses IS NULL OR f.warehouse_id = ANY (a.warehouses)) AND (a.companies IS NULL OR f.company_id = ANY (a.companies))
                                  ELSE a.subscriptions IS NULL AND a.warehouses IS NULL AND a.companies IS NULL
                                       OR EXISTS (SELECT 1 FROM odoo_events.subscription_config c WHERE c.id = f.subscription_id AND c.name = ANY (a.subscriptions)) END
 WHERE a.until > (SELECT min(b) FROM unnest(buckets) b)
$$;
COMMENT ON FUNCTION odoo_events._flow_announced(timestamptz[]) IS 'internal: what announce() said of each flow, that may concern these buckets';

CREATE FUNCTION odoo_events._flow_judge(bucket timestamptz, OUT flow int4, OUT since timestamptz, OUT n float8, OUT expected float8, OUT low float8, OUT high float8, OUT score float8, OUT kind text)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE SET enable_seqscan = off SET enable_hashjoin = off SET jit = off AS 'MODULE_PATHNAME', 'oe_sql_flow_judge';
COMMENT ON FUNCTION odoo_events._flow_judge(timestamptz) IS 'internal: the flows of which a closed bucket is unusual, with the numbers that say so';

CREATE FUNCTION odoo_events._flow_tell(a odoo_events.flow_anomaly) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f    odoo_events.flow;
  name text;
  sub  text;
BEGIN
  SELECT * INTO f FROM odoo_events.flow x WHERE x.id = a.flow;
  name := odoo_events._flow_name(f);
  sub := (SELECT c.name FROM odoo_events.subscription_config c WHERE c.id = f.subscription_id);
  PERFORM odoo_events._emit('odoo.platform.flow.unusual.v1', 'flow/' || name,
    odoo_events._care_json(sub, f.type)
    || jsonb_build_object('flow', jsonb_build_object('name', name, 'type', f.type, 'warehouse_id', f.warehouse_id, 'subscription', sub, 'kind', a.kind, 'since', a.since,
         'n', a.n, 'expected', round(a.expected::numeric, 3), 'low', round(a.low::numeric, 3), 'high', round(a.high::numeric, 3), 'score', round(a.score::numeric, 2),
         'unit', CASE a.kind WHEN 'slow' THEN 'seconds' WHEN 'failing' THEN 'share' ELSE 'events' END)),
    'flow:' || name);
END $$;
COMMENT ON FUNCTION odoo_events._flow_tell(odoo_events.flow_anomaly) IS 'internal: tells by an event that a flow is unusual';

-- What is unusual is told once, when it begins, and is over after two usual buckets.
CREATE FUNCTION odoo_events._flow_compare(bucket timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  j record;
  a odoo_events.flow_anomaly;
BEGIN
  FOR j IN SELECT * FROM odoo_events._flow_judge(_flow_compare.bucket) LOOP
    UPDATE odoo_events.flow_anomaly x SET seen = _flow_compare.bucket
     WHERE x.flow IN (j.flow, CASE WHEN j.kind IN ('silence', 'drop') AND EXISTS (SELECT 1 FROM odoo_events.flow f WHERE f.id = j.flow AND f.type IS NOT NULL) THEN 0 END)
       AND x.until IS NULL AND replace(x.kind, 'silence', 'drop') = replace(j.kind, 'silence', 'drop');
    IF NOT FOUND THEN
      INSERT INTO odoo_events.flow_anomaly (flow, kind, since, told_at, seen, n, expected, low, high, score)
      VALUES (j.flow, j.kind, j.since, clock_timestamp(), _flow_compare.bucket, j.n, j.expected, j.low, j.high, j.score) RETURNING * INTO a;
      PERFORM odoo_events._flow_tell(a);
    END IF;
  END LOOP;
  UPDATE odoo_events.flow_anomaly x SET until = x.seen + (_flow_compare.bucket - x.seen) / 2 WHERE x.until IS NULL AND x.seen < _flow_compare.bucket
     AND (SELECT count(*) FROM odoo_events.flow_bucket b WHERE b.bucket > x.seen AND b.bucket <= _flow_compare.bucket) >= 2;
END $$;
COMMENT ON FUNCTION odoo_events._flow_compare(timestamptz) IS 'internal: begins and ends what is unusual as of a closed bucket';

-- The reader behind the publisher calls it, in the transaction that moves its cursor.
CREATE FUNCTION odoo_events._flow_close(bucket timestamptz, "position" int8, requests boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  INSERT INTO odoo_events.flow_bucket (bucket, "position", requests) VALUES (_flow_close.bucket, _flow_close."position", _flow_close.requests);
  UPDATE odoo_events.flow f SET seen = CURRENT_DATE FROM odoo_events.flow_stat_row s WHERE s.bucket = _flow_close.bucket AND f.id = s.flow AND f.seen < CURRENT_DATE;
  PERFORM odoo_events._flow_compare(_flow_close.bucket);
END $$;
COMMENT ON FUNCTION odoo_events._flow_close(timestamptz, int8, boolean) IS 'internal: a bucket of flows is over and its rows are written';

CREATE FUNCTION odoo_events._flow_tidy() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DELETE FROM odoo_events.flow_bucket b WHERE b.bucket < now() - interval '77 days';
DELETE FROM odoo_events.flow_anomaly a WHERE a.until < now() - interval '70 days';
DELETE FROM odoo_events.flow f WHERE f.seen < CURRENT_DATE - 84;
$$;
COMMENT ON FUNCTION odoo_events._flow_tidy() IS 'internal: forgets buckets, anomalies and flows that are too old to be compared with';

-- Events without a warehouse are one flow, whatever their companies: a policy that names companies does not show it (-1 is in no list).
CREATE VIEW odoo_events.flow_stat WITH (security_barrier) AS
SELECT COALESCE(f.type || COALESCE('@' || f.warehouse_id, ''), 'subscription:' || c.name) AS flow, f.type, f.warehouse_id, c.name AS subscription, s.bucket, s.n, s.requests, s.failures, s.p50, s.p95
  FROM odoo_events.flow_stat_row s
  JOIN odoo_events.flow f ON f.id = s.flow
  LEFT JOIN odoo_events.subscription_config c ON c.id = f.subscription_id
 WHERE CASE WHEN f.type IS NOT NULL THEN odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), f.type, CASE WHEN f.warehouse_id IS NULL THEN -1 ELSE f.company_id END, f.warehouse_id)
            ELSE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses) END;
COMMENT ON VIEW odoo_events.flow_stat IS
'how much came, per flow (type and warehouse, or subscription) and five minutes: n events published or acknowledged, requests and failures, p50 and p95 in seconds '
'of a request or from commit to outbox; eleven weeks; a flow and bucket without a row had nothing';

CREATE VIEW odoo_events.anomaly WITH (security_barrier) AS
SELECT COALESCE(f.type || COALESCE('@' || f.warehouse_id, ''), 'subscription:' || c.name, '*') AS flow, a.since, a.n, a.expected, a.low, a.high, a.score, a.kind, a.until, a.told_at, f.type, f.warehouse_id, c.name AS subscription
  FROM odoo_events.flow_anomaly a
  LEFT JOIN odoo_events.flow f ON f.id = a.flow
  LEFT JOIN odoo_events.subscription_config c ON c.id = f.subscription_id
 WHERE (a.flow = 0 OR f.id IS NOT NULL)
   AND CASE WHEN f.subscription_id IS NOT NULL THEN odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
            ELSE odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), f.type, CASE WHEN f.warehouse_id IS NULL THEN -1 ELSE f.company_id END, f.warehouse_id) END;
COMMENT ON VIEW odoo_events.anomaly IS
'what is unusual of flows, or was within ten weeks: kind silence, drop, spike (n events), slow (n seconds, 95th percentile), failing (n share of requests); expected, the bounds '
'low and high, score in spreads, all as of when it was told; until null: it is so now; flow * is most flows of events at once';

CREATE FUNCTION odoo_events._anomaly_text(a odoo_events.anomaly) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT format(CASE a.kind WHEN 'slow' THEN '%s is slow since %s: 95th percentile %s s, expected %s s, at most %s s'
                          WHEN 'failing' THEN '%s fails since %s: %s of its requests, expected %s, at most %s'
                          ELSE '%s shows a ' || a.kind || ' since %s: %s events, expected %s, usual are ' || round(a.low::numeric, 1) || ' to %s' END,
              CASE a.flow WHEN '*' THEN 'the plant (most flows of events)' ELSE a.flow END, a.since, round(a.n::numeric, 2), round(a.expected::numeric, 2), round(a.high::numeric, 1))
$$;
COMMENT ON FUNCTION odoo_events._anomaly_text(odoo_events.anomaly) IS 'internal: an anomaly in a sentence';

CREATE FUNCTION odoo_events._health_flows() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'flows', 'warn', odoo_events._anomaly_text(a),
       CASE WHEN a.flow = '*' THEN 'SELECT * FROM odoo_events.anomaly WHERE until IS NULL;  -- if it is a holiday or a stocktake: SELECT odoo_events.announce(''stocktake'', now(), now() + interval ''8 hours'');'
            ELSE format('SELECT bucket, n, requests, failures, p95 FROM odoo_events.flow_stat WHERE flow = %L AND bucket > now() - interval ''2 hours'' ORDER BY bucket;', a.flow) END
  FROM odoo_events.anomaly a WHERE a.until IS NULL ORDER BY a.since LIMIT 20
$$;
COMMENT ON FUNCTION odoo_events._health_flows() IS 'internal: flows that are unusual now; no rows where there are none';

CREATE FUNCTION odoo_events._flow_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_flows', 'gauge', '{}'::jsonb, (SELECT count(*) FROM odoo_events.flow f WHERE f.seen >= CURRENT_DATE - 7)::float8, 'Flows (type and warehouse, or subscription) that had something within a week; 1000 are counted at most.'
UNION ALL
SELECT 'odoo_events_flows_unusual', 'gauge', jsonb_build_object('kind', k.kind), (SELECT count(*) FROM odoo_events.flow_anomaly a WHERE a.until IS NULL AND a.kind = k.kind)::float8, 'Flows that are unusual now.'
  FROM unnest(ARRAY['drop', 'failing', 'silence', 'slow', 'spike']) k(kind)
UNION ALL
SELECT 'odoo_events_flow_threshold', 'gauge', jsonb_build_object('setting', s.name), current_setting('odoo_events.' || s.name)::float8, 'From where on a flow is unusual: flow_score in spreads, flow_factor in multiples.'
  FROM unnest(ARRAY['flow_factor', 'flow_score']) s(name)
$$;
COMMENT ON FUNCTION odoo_events._flow_metrics() IS 'internal: the metrics of flows';
