-- promise_metrics: figures of SLAs for a monitoring system.  Broken promises are found by their state and closed ones by the time they ended
-- (promise.sql), so that a scrape reads what the last three days brought and no more.

CREATE FUNCTION odoo_events._promise_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH wrong AS MATERIALIZED (
       SELECT p.sla, p.state, p.warehouse_id, p.due_at FROM odoo_events.promise_last p WHERE p.state IN ('at_risk', 'breached')),
     closed AS MATERIALIZED (
       SELECT p.sla, p.state, p.ended_at, p.due_at FROM odoo_events.promise_last p WHERE p.state IN ('met', 'met_late') AND p.ended_at > now() - interval '3 days'),
     period AS (SELECT * FROM (VALUES ('1h', interval '1 hour'), ('6h', '6 hours'), ('3d', '3 days')) v(period, length)),
     exception AS MATERIALIZED (SELECT * FROM odoo_events.exception e WHERE e.closed_at IS NULL)
SELECT 'odoo_events_promises', 'gauge', jsonb_build_object('sla', s.name, 'state', x.state, 'warehouse', COALESCE(w.warehouse_id::text, '')),
       count(w.sla)::float8, 'Promises that are open and at risk or broken.'
  FROM odoo_events.sla_def s CROSS JOIN (VALUES ('at_risk'), ('breached')) x(state) LEFT JOIN wrong w ON w.sla = s.name AND w.state = x.state
 GROUP BY s.name, x.state, w.warehouse_id
UNION ALL
SELECT 'odoo_events_promises_decided', 'gauge', jsonb_build_object('sla', s.name, 'period', p.period, 'result', r.result),
       CASE r.result WHEN 'kept' THEN (SELECT count(*) FROM closed c WHERE c.sla = s.name AND c.state = 'met' AND c.ended_at > now() - p.length)
                     ELSE (SELECT count(*) FROM closed c WHERE c.sla = s.name AND c.state = 'met_late' AND c.due_at > now() - p.length)
                          + (SELECT count(*) FROM wrong w WHERE w.sla = s.name AND w.state = 'breached' AND w.due_at > now() - p.length) END::float8,
       'Promises that were kept, and those that were broken, within the last hour, six hours, three days.'
  FROM odoo_events.sla_def s CROSS JOIN period p CROSS JOIN (VALUES ('kept'), ('broken')) r(result)
UNION ALL
SELECT 'odoo_events_sla_objective', 'gauge', jsonb_build_object('sla', s.name), s.objective::float8, 'The share of promises that is to be kept.' FROM odoo_events.sla_def s
UNION ALL
SELECT 'odoo_events_sla_info', 'gauge',
       jsonb_build_object('sla', s.name, 'owner', COALESCE(s.owner, ''), 'contact', COALESCE(s.contact, ''), 'criticality', COALESCE(s.criticality::text, ''), 'runbook', COALESCE(s.runbook, '')), 1::float8,
       'Who looks after an SLA, for joins.' FROM odoo_events.sla_def s
UNION ALL
SELECT 'odoo_events_exceptions', 'gauge', jsonb_build_object('state', x.state), (SELECT count(*) FROM exception e WHERE (e.assigned_to IS NULL) = (x.state = 'untaken'))::float8,
       'Exceptions that nobody has closed: those that somebody has taken, and those that nobody has.' FROM (VALUES ('taken'), ('untaken')) x(state)
UNION ALL
SELECT 'odoo_events_exception_untaken_age_seconds', 'gauge', '{}', COALESCE((SELECT extract(epoch FROM now() - min(e.since)) FROM exception e WHERE e.assigned_to IS NULL), 0)::float8,
       'Age of the oldest exception that nobody has taken.'
UNION ALL
SELECT 'odoo_events_exception_resolution_seconds', 'gauge', jsonb_build_object('state', x.state),
       COALESCE((SELECT avg(extract(epoch FROM n.took)) FROM odoo_events.exception_note n WHERE n.action = x.action AND n.at > now() - interval '7 days'), 0)::float8,
       'How long it took on average until exceptions were taken, and until they were closed, of the last seven days.'
  FROM (VALUES ('taken', 'take'), ('closed', 'close')) x(state, action)
$$;
COMMENT ON FUNCTION odoo_events._promise_metrics() IS 'internal: the metrics of SLAs, their promises, and exceptions';
