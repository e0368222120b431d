-- samples: figures that the worker keeps once a minute, and what health() reads from them and from the server's own views.

-- A row a minute and part, kept for six hours.
CREATE TABLE odoo_events.disk_sample (
    part  text NOT NULL,                        -- data, pg_wal
    at    timestamptz NOT NULL,
    free  int8 NOT NULL,                        -- bytes that the server may still use
    total int8 NOT NULL,
    PRIMARY KEY (part, at)
);
COMMENT ON TABLE odoo_events.disk_sample IS 'free space of the data directory and of pg_wal, once a minute, for six hours';

CREATE FUNCTION odoo_events._disk_space(OUT part text, OUT free int8, OUT total int8) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_disk_space';
COMMENT ON FUNCTION odoo_events._disk_space() IS 'internal: bytes of the file systems of the data directory and of pg_wal, as they are now';

CREATE FUNCTION odoo_events._sample() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO odoo_events.disk_sample (part, at, free, total) SELECT d.part, clock_timestamp(), d.free, d.total FROM odoo_events._disk_space() d ON CONFLICT DO NOTHING;
  DELETE FROM odoo_events.disk_sample d WHERE d.at < clock_timestamp() - interval '6 hours';
  PERFORM odoo_events._retain();
END $$;
COMMENT ON FUNCTION odoo_events._sample() IS 'internal: the worker calls it once a minute';

-- Replication slots that keep WAL, of any plugin and database: they fill one disk.
CREATE VIEW odoo_events._slot AS
SELECT s.slot_name::text AS name, s.active, s.wal_status, s.slot_type, s.plugin::text, s.database::text,
       pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END, s.restart_lsn)::int8 AS retained
  FROM pg_catalog.pg_replication_slots s;
COMMENT ON VIEW odoo_events._slot IS 'internal: replication slots and the bytes of WAL that they keep';

-- What holds disk space: of pg_wal the slot that keeps most, or an archiver that fails; of the data directory the extension's own ring.
CREATE FUNCTION odoo_events._disk_holder(part text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN part = 'pg_wal' THEN COALESCE(
         (SELECT format('archive_command, which fails since %s', a.last_failed_time) FROM pg_stat_archiver a
           WHERE a.last_failed_time > COALESCE(a.last_archived_time, '-infinity') AND current_setting('archive_mode') <> 'off'),
         (SELECT format('replication slot %s (%s, %s)', s.name, CASE WHEN s.active THEN 'active' ELSE 'inactive' END, pg_size_pretty(s.retained))
            FROM odoo_events._slot s WHERE s.retained > 67108864 ORDER BY s.retained DESC LIMIT 1))
       ELSE (SELECT format('the %s of odoo_events (%s)%s', s.part, pg_size_pretty(s.bytes), ', held by ' || s.held_by)
               FROM odoo_events._storage s WHERE s.bytes > 67108864 ORDER BY s.bytes DESC LIMIT 1) END
$$;
COMMENT ON FUNCTION odoo_events._disk_holder(text) IS 'internal: what holds the space of a part of the disk';

-- full_in: seconds, from the trend of the last hour; null where it does not shrink, or for lack of ten samples.  A standby has no worker
-- and so no samples of its own.  One file system is one row.
CREATE VIEW odoo_events._disk AS
SELECT CASE WHEN count(*) OVER (PARTITION BY x.free, x.total) > 1 THEN 'data directory and pg_wal' WHEN x.part = 'data' THEN 'data directory' ELSE x.part END AS part,
       x.part AS key, x.free, x.total, x.since, CASE WHEN x.slope < -1 THEN x.free / -x.slope END AS full_in
  FROM (SELECT s.part, (pg_catalog.array_agg(s.free ORDER BY s.at DESC))[1] AS free, (pg_catalog.array_agg(s.total ORDER BY s.at DESC))[1] AS total, pg_catalog.min(s.at) AS since,
               CASE WHEN count(*) >= 10 THEN pg_catalog.regr_slope(s.free, EXTRACT(epoch FROM s.at)::float8) END AS slope
          FROM odoo_events.disk_sample s WHERE s.at > pg_catalog.clock_timestamp() - interval '1 hour' AND NOT pg_catalog.pg_is_in_recovery() GROUP BY s.part
        UNION ALL
        SELECT d.part, d.free, d.total, NULL, NULL FROM odoo_events._disk_space() d WHERE pg_catalog.pg_is_in_recovery()) x;
COMMENT ON VIEW odoo_events._disk IS 'internal: free space now, and when it will be used up';

CREATE FUNCTION odoo_events._health_disk() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'disk', v.status, format('%s: %s of %s free%s%s', d.part, pg_size_pretty(d.free), pg_size_pretty(d.total),
         CASE WHEN v.status <> 'ok' AND d.full_in IS NOT NULL THEN format(', full in %s hours', round((d.full_in / 3600)::numeric, 1)) END,
         CASE WHEN v.status <> 'ok' THEN ', held by ' || COALESCE(odoo_events._disk_holder(d.key), CASE WHEN d.part LIKE '%pg_wal' THEN odoo_events._disk_holder('pg_wal') END, 'nothing of odoo_events') END),
       CASE WHEN v.status <> 'ok' AND d.part LIKE '%pg_wal' THEN 'SELECT slot_name, active, wal_status, restart_lsn FROM pg_catalog.pg_replication_slots ORDER BY restart_lsn;  -- then SELECT * FROM odoo_events.storage;'
            WHEN v.status <> 'ok' THEN 'SELECT * FROM odoo_events.storage;' END
  FROM (SELECT DISTINCT ON (x.part) x.* FROM odoo_events._disk x ORDER BY x.part, x.full_in) d,
       LATERAL (SELECT CASE WHEN d.full_in < 6 * 3600 OR d.free < d.total / 50 AND d.free < 5368709120 THEN 'critical' WHEN d.full_in < 24 * 3600 THEN 'warn' ELSE 'ok' END AS status) v
$$;
COMMENT ON FUNCTION odoo_events._health_disk() IS 'internal: will a disk be full, when, and because of what';

CREATE FUNCTION odoo_events._health_slots(least_bytes int8) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'slots', CASE WHEN s.wal_status IN ('lost', 'unreserved') THEN 'critical' ELSE 'warn' END,
       CASE WHEN s.wal_status = 'lost' THEN format('replication slot %s is lost: the WAL that it needs was removed', s.name)
            ELSE format('replication slot %s is inactive and keeps %s of WAL', s.name, pg_size_pretty(s.retained)) END,
       format('SELECT slot_name, plugin, database, active, wal_status FROM pg_catalog.pg_replication_slots WHERE slot_name = %L;  -- start what reads it, or drop it: SELECT pg_catalog.pg_drop_replication_slot(%L);',
              s.name, s.name)
  FROM odoo_events._slot s WHERE NOT s.active AND (s.retained >= least_bytes OR s.wal_status IN ('lost', 'unreserved')) ORDER BY s.retained DESC NULLS FIRST
$$;
COMMENT ON FUNCTION odoo_events._health_slots(int8) IS 'internal: replication slots that nobody reads and that keep WAL; no rows where there are none';

-- Stored before such settings were refused, or written into the catalog by hand.
CREATE FUNCTION odoo_events._health_roles() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'roles', 'critical', format('odoo_events.capture is off for %s: what these sessions change becomes no event',
         CASE WHEN r.rolname IS NULL THEN 'everybody in database ' || d.datname ELSE 'role ' || r.rolname || COALESCE(' in database ' || d.datname, '') END),
       CASE WHEN r.rolname IS NULL THEN format('ALTER DATABASE %I RESET odoo_events.capture;', d.datname)
            WHEN d.datname IS NULL THEN format('ALTER ROLE %I RESET odoo_events.capture;', r.rolname)
            ELSE format('ALTER ROLE %I IN DATABASE %I RESET odoo_events.capture;', r.rolname, d.datname) END
  FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) c
       LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase
 WHERE c ~* '^odoo_events[.]capture=(off?|f|fa|fal|fals|false|no?|0)$' AND (s.setdatabase = 0 OR d.datname = current_database())
$$;
COMMENT ON FUNCTION odoo_events._health_roles() IS 'internal: roles and databases that switch capture off; no rows where there are none';

-- Of the latest requests to an endpoint, at most 1000 among the latest 5000 of all: how many took longer than a second.
CREATE FUNCTION odoo_events._slow_requests(subscription_id int4, OUT requests int8, OUT slow int8, OUT since timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT count(*), count(*) FILTER (WHERE x.duration > 1), min(x.at) FILTER (WHERE x.duration > 1)
  FROM (SELECT a.at, a.duration
          FROM (SELECT * FROM odoo_events.attempt_0 UNION ALL SELECT * FROM odoo_events.attempt_1) a
         WHERE a.n > (SELECT max(m.n) FROM (SELECT max(z.n) AS n FROM odoo_events.attempt_0 z UNION ALL SELECT max(z.n) FROM odoo_events.attempt_1 z) m) - 5000
           AND a.subscription_id = _slow_requests.subscription_id
         ORDER BY a.n DESC LIMIT 1000) x
$$;
COMMENT ON FUNCTION odoo_events._slow_requests(int4) IS 'internal: how many of the latest requests of a subscription took longer than a second';

CREATE FUNCTION odoo_events._health_endpoints() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'endpoint ' || s.name, 'warn', format('is slow: half of its latest requests took up to %s s, one in twenty %s s or more; %s of %s took longer than a second',
         round(s.p50::numeric, 2), round(s.p95::numeric, 2), r.slow, r.requests),
       format('SELECT at, duration, status, error FROM odoo_events.attempt WHERE subscription = %L ORDER BY duration DESC LIMIT 20;', s.name)
  FROM odoo_events.subscription_progress s CROSS JOIN LATERAL odoo_events._slow_requests(s.subscription_id) r
 WHERE s.p95 >= 2 AND r.slow > 0
UNION ALL
SELECT 'endpoint ' || c.name, CASE WHEN p.expires_at < now() + interval '3 days' THEN 'critical' ELSE 'warn' END,
       format('its server''s certificate %s %s', CASE WHEN p.expires_at < now() THEN 'has expired' ELSE 'ends' END, p.expires_at),
       format('SELECT name, peer_expires_at FROM odoo_events.subscription_status WHERE name = %L;  -- whoever runs %s has to renew it', c.name, substring(c.url FROM '^[a-z]+://([^/]+)'))
  FROM odoo_events.subscription_peer p JOIN odoo_events.subscription_config c ON c.id = p.subscription_id
 WHERE p.expires_at < now() + interval '14 days'
$$;
COMMENT ON FUNCTION odoo_events._health_endpoints() IS 'internal: endpoints that are slow, or whose certificate ends; no rows where there are none';
