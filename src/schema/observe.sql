-- observe: what a human should look at.

CREATE FUNCTION odoo_events.health(OUT "check" text, OUT status text, OUT detail text, OUT hint text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w record;
  a record;
  r record;
  n bigint;
BEGIN
  -- the worker
  "check" := 'worker';
  SELECT * INTO w FROM odoo_events.worker_status;
  IF NOT odoo_events._preloaded() THEN
    status := 'critical';
    detail := 'the library is not in shared_preload_libraries: nothing is published or delivered';
    hint := format('ALTER SYSTEM SET shared_preload_libraries = %s;  -- then restart the server',
                   concat_ws(', ', NULLIF(current_setting('shared_preload_libraries'), ''), 'odoo_events'));
  ELSIF w.pid IS NULL THEN
    status := 'critical';
    detail := format('no worker runs: %s%s', COALESCE(w.state, 'unknown'), ': ' || w.last_error);
    hint := CASE WHEN w.last_error ~ 'cannot log in'
                 THEN format('ALTER ROLE %s LOGIN;', (SELECT d.datdba::regrole FROM pg_database d WHERE d.datname = current_database()))
                 WHEN w.last_error ~ 'max_worker_processes'
                 THEN format('ALTER SYSTEM SET max_worker_processes = %s;  -- then restart the server',
                             current_setting('max_worker_processes')::int + 8)
                 ELSE 'SHOW odoo_events.databases;  -- must be empty or name this database' END;
  ELSIF w.publish_lag > interval '1 minute' THEN
    status := 'warn';
    detail := format('publishing lags by %s%s', w.publish_lag, ': ' || w.last_error);
    hint := 'SELECT * FROM odoo_events.worker_status;';
  ELSE
    status := 'ok';
    detail := w.state;
    hint := NULL;
  END IF;
  RETURN NEXT;

  -- may this database send?
  "check" := 'arming';
  SELECT * INTO a FROM odoo_events.arming;
  status := CASE WHEN a.armed THEN 'ok' ELSE 'critical' END;
  detail := CASE WHEN a.armed THEN 'armed' ELSE 'nothing is delivered: ' || a.reason END;
  hint := CASE WHEN NOT a.armed THEN 'SELECT odoo_events.arm();  -- only if this is production' END;
  RETURN NEXT;

  -- capture
  "check" := 'capture';
  SELECT count(*) INTO n FROM odoo_events.attached;
  IF n = 0 THEN
    status := 'critical';
    detail := 'no entity is attached: nothing is captured';
    hint := 'SELECT * FROM odoo_events.attach();';
    RETURN NEXT;
  ELSE
    n := 0;
    FOR r IN SELECT c.entity, c.relation, c.note FROM odoo_events.capture_status c
              WHERE NOT c.attached AND EXISTS (SELECT 1 FROM odoo_events.attached t WHERE t.entity = c.entity)
    LOOP
      n := n + 1;
      status := 'critical';
      detail := format('%s: %s is not captured%s', r.entity, r.relation, ': ' || r.note);
      hint := format('SELECT * FROM odoo_events.attach(%L);', ARRAY[r.entity]);
      RETURN NEXT;
    END LOOP;
    IF n = 0 THEN
      status := 'ok';
      detail := (SELECT string_agg(t.entity, ', ' ORDER BY t.entity) FROM odoo_events.attached t);
      hint := NULL;
      RETURN NEXT;
    END IF;
  END IF;

  "check" := 'gaps';
  SELECT count(*), min(e.at), max(e.at), sum(e.changes) AS changes INTO r FROM odoo_events.capture_error e;
  status := CASE WHEN r.count = 0 THEN 'ok' ELSE 'critical' END;
  detail := CASE WHEN r.count = 0 THEN 'no change was missed'
                 ELSE format('%s changes could not be captured between %s and %s', r.changes, r.min, r.max) END;
  hint := CASE WHEN r.count > 0 THEN 'SELECT * FROM odoo_events.capture_error;' END;
  RETURN NEXT;

  "check" := 'quarantine';
  SELECT count(*) INTO n FROM odoo_events.quarantine;
  status := CASE WHEN n = 0 THEN 'ok' ELSE 'warn' END;
  detail := format('%s changes could not become events', n);
  hint := CASE WHEN n > 0 THEN 'SELECT odoo_events.requeue();  -- after reading odoo_events.quarantine' END;
  RETURN NEXT;

  -- subscriptions
  "check" := 'subscriptions';
  SELECT count(*) INTO n FROM odoo_events.subscription_status;
  IF n = 0 THEN
    status := 'warn';
    detail := 'nobody subscribes';
    hint := 'SELECT odoo_events.subscribe(''wms'', ''https://wms.example.com/hooks/odoo'');';
    RETURN NEXT;
  END IF;
  FOR r IN SELECT * FROM odoo_events.subscription_status s ORDER BY s.name
  LOOP
    "check" := 'subscription ' || r.name;
    hint := NULL;
    detail := format('%s, %s events behind', r.state, r.lag_events);
    status := 'ok';
    IF r.state IN ('disabled', 'breaker_open') THEN
      status := 'critical';
      detail := format('%s since %s: %s', r.state, r.state_since, COALESCE(r.state_reason, r.last_error, r.last_status::text));
      hint := CASE WHEN r.state = 'disabled' THEN format('SELECT odoo_events.resume(%L);', r.name)
                   ELSE format('SELECT * FROM odoo_events.attempt WHERE subscription = %L ORDER BY at DESC LIMIT 5;', r.name) END;
    ELSIF r.last_status BETWEEN 400 AND 499 AND r.last_status NOT IN (408, 429) THEN
      status := 'critical';
      detail := format('the endpoint answers %s', r.last_status);
      hint := format('SELECT * FROM odoo_events.attempt WHERE subscription = %L ORDER BY at DESC LIMIT 5;', r.name);
    ELSIF r.dead_letters > 0 THEN
      status := 'warn';
      detail := format('%s dead letters', r.dead_letters);
      hint := format('SELECT odoo_events.replay(%L, dead_letters => true);', r.name);
    END IF;
    RETURN NEXT;
  END LOOP;

  -- the separation of rights
  "check" := 'owner';
  SELECT o.rolname, o.rolsuper INTO r
    FROM pg_database d JOIN pg_roles o ON o.oid = d.datdba WHERE d.datname = current_database();
  status := CASE WHEN r.rolsuper THEN 'warn' ELSE 'ok' END;
  detail := format('the database belongs to role %I%s', r.rolname,
                   CASE WHEN r.rolsuper THEN ', a superuser: Odoo''s database manager cannot terminate the worker, and secrets are open to Odoo' END);
  hint := CASE WHEN r.rolsuper THEN format('ALTER ROLE %I NOSUPERUSER;  -- after giving the extension to another role', r.rolname) END;
  RETURN NEXT;
END $$;
COMMENT ON FUNCTION odoo_events.health() IS
'what is wrong and what to do about it: status is ok, warn or critical; each hint can be executed as it stands';

-- capture: what is captured, and drift between what is wanted and what is there.
CREATE VIEW odoo_events.capture_status AS
SELECT s.entity, CASE WHEN s.relid <> 0 THEN (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = s.relid) END AS relation,
       s.mode, s.mode IS NOT NULL AND s.triggers = 2 AS attached, s.missing_columns, st.last_change_at,
       COALESCE(st.captured, 0) AS captured, COALESCE(st.errors, 0) AS errors,
       CASE WHEN s.relid = 0 THEN 'this database has no table for rule ' || s.rule
            WHEN s.mode IS NULL THEN pg_catalog.format('not attached: SELECT odoo_events.attach(%L);', '{' || s.entity || '}')
            WHEN s.triggers < 2 THEN pg_catalog.format('trigger missing or disabled: SELECT odoo_events.attach(%L);', '{' || s.entity || '}')
            WHEN s.missing_columns IS NOT NULL THEN 'some columns do not exist here: what depends on them is not reported'
       END AS note
  FROM (SELECT e.entity, u.n, r.rule, a.mode, COALESCE(x.relid, 0) AS relid,
               pg_catalog.first_value(x.relid) OVER (PARTITION BY e.entity ORDER BY u.n) AS main,
               odoo_events._missing_columns(x.relid, r.significant || r.carried) AS missing_columns,
               (SELECT pg_catalog.count(*) FROM odoo_events._capture_trigger t
                 WHERE t.relid = x.relid AND t.rule = r.rule AND t.tgenabled IN ('O', 'A')) AS triggers
          FROM odoo_events.entity e
          CROSS JOIN LATERAL pg_catalog.unnest(e.rules) WITH ORDINALITY u(rule, n)
          JOIN odoo_events.capture_rule r ON r.rule = u.rule
          CROSS JOIN LATERAL odoo_events._captured_table(r.tables) x(relid)
          LEFT JOIN odoo_events.attached a ON a.entity = e.entity) s
  LEFT JOIN odoo_events._rule_stats() st ON st.rule = s.rule
 WHERE s.mode IS NOT NULL OR s.main IS NOT NULL
 ORDER BY s.entity, s.n;
COMMENT ON VIEW odoo_events.capture_status IS
'per entity and table: whether it is captured, what is missing (trigger dropped or disabled, columns, a table that came later), and what '
'was captured since the server started; errors counts changes that could not be written, see capture_error';
