-- Conditions of a DBA's own events that exceed odoo_events.filter_timeout again and again: each time costs everybody's publishing.

-- The worker calls it after it has met such a condition.  An event type is disabled when three of its judgements within an hour took too long.
CREATE FUNCTION odoo_events._disable_slow_conditions() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  slow record;
BEGIN
  FOR slow IN SELECT t.type, count(*) AS n
                FROM odoo_events.quarantined q JOIN odoo_events.event_type t ON q.reason LIKE 'the condition of ' || replace(t.type, '_', '\_') || ' took more than %'
               WHERE t.enabled AND q.at > now() - interval '1 hour' GROUP BY t.type HAVING count(*) >= 3 ORDER BY t.type LOOP
    PERFORM odoo_events.disable_event(slow.type);
    PERFORM odoo_events._audit('slow condition', slow.type, NULL, jsonb_build_object('judgements', slow.n));
    RAISE WARNING 'event type "%" is disabled: its condition took too long for % documents within an hour', slow.type, slow.n
      USING HINT = format('SELECT odoo_events.enable_event(%L);  -- once define_event() has given it a cheaper condition', slow.type);
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._disable_slow_conditions() IS 'internal: disables event types whose condition took too long again and again';

CREATE FUNCTION odoo_events._health_conditions() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'event type ' || t.type, 'critical', format('disabled since %s: its condition took too long again and again', a.at),
       format('SELECT odoo_events.enable_event(%L);  -- once define_event() has given it a cheaper condition; then requeue()', t.type)
  FROM (SELECT x.object, max(x.at) AS at FROM odoo_events.audit x WHERE x.what = 'slow condition' GROUP BY 1) a
       JOIN odoo_events.event_type t ON t.type = a.object
 WHERE NOT t.enabled
$$;
COMMENT ON FUNCTION odoo_events._health_conditions() IS 'internal: event types that were disabled because of their condition';
