-- monitoring: metrics of what stops a plant before any event fails: disks, slots, certificates, flapping endpoints; and how old a scrape is.

CREATE FUNCTION odoo_events._watch_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_metrics_time_seconds', 'gauge', '{}'::jsonb, extract(epoch FROM clock_timestamp())::float8, 'When these figures were asked for: tells a file that nobody renews.'
UNION ALL
SELECT 'odoo_events_outbox_position_total', 'counter', '{}', odoo_events._last_position()::float8, 'Events published since the extension was created.'
UNION ALL
SELECT 'odoo_events_capture_gaps', 'gauge', '{}', (SELECT count(*) FROM odoo_events.capture_gap)::float8, 'Gaps: notes of changes that could not be captured and are not reconciled.'
UNION ALL
SELECT 'odoo_events_disk_free_bytes', 'gauge', jsonb_build_object('part', d.key), d.free::float8, 'Bytes that the server may still use.' FROM (SELECT * FROM odoo_events._disk ORDER BY key) d
UNION ALL
SELECT 'odoo_events_disk_full_seconds', 'gauge', jsonb_build_object('part', d.key), COALESCE(d.full_in, 'Infinity')::float8, 'When the space will be used up at the rate of the last hour.'
  FROM (SELECT * FROM odoo_events._disk ORDER BY key) d
UNION ALL
SELECT 'odoo_events_replication_slot_retained_bytes', 'gauge', jsonb_build_object('slot', s.name, 'active', s.active), COALESCE(s.retained, 0)::float8, 'WAL that a replication slot of this server keeps.'
  FROM (SELECT * FROM odoo_events._slot ORDER BY name) s
UNION ALL
(SELECT 'odoo_events_' || v.name, 'gauge', jsonb_build_object('subscription', s.name), v.value, v.help
  FROM (SELECT c.*, p.p95, p.openings, e.expires_at AS peer_expires_at FROM odoo_events.subscription_config c
               LEFT JOIN odoo_events.subscription_progress p ON p.subscription_id = c.id LEFT JOIN odoo_events.subscription_peer e ON e.subscription_id = c.id) s
       CROSS JOIN LATERAL (VALUES
         (1, 'subscription_scheduled', (s.schedule IS NOT NULL)::int::float8, 'Whether a subscription sends by a schedule, so that events wait for it.'),
         (2, 'subscription_p95_seconds', s.p95, '95th percentile of the duration of its latest 128 requests.'),
         (3, 'breaker_openings', (SELECT count(*) FROM unnest(s.openings) o WHERE o > now() - interval '1 hour')::float8, 'How often the breaker opened within the last hour, at most 8.'),
         (4, 'peer_expiry_timestamp_seconds', extract(epoch FROM s.peer_expires_at)::float8, 'When the certificate of the endpoint''s server ends.'),
         (5, 'credential_expiry_timestamp_seconds', extract(epoch FROM LEAST(s.auth_expires_at, s.tls_expires_at))::float8, 'When our own certificate or token for it ends.')
       ) v(n, name, value, help)
 WHERE v.value IS NOT NULL ORDER BY v.n, s.name)
$$;
COMMENT ON FUNCTION odoo_events._watch_metrics() IS 'internal: the metrics of disks, slots, certificates and flapping endpoints';
