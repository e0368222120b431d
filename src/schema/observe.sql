-- observe: what a human should look at.

-- capture: what is captured, and drift between what is wanted and what is there.
CREATE VIEW odoo_events._capture_status AS
SELECT s.entity, CASE WHEN s.relid <> 0 THEN (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = s.relid) END AS relation,
       s.mode, s.mode IS NOT NULL AND (s.triggers = 2 OR COALESCE(s.wal, '') IN ('wal', 'both')) AS attached, s.missing_columns, st.last_change_at,
       COALESCE(st.captured, 0) AS captured, COALESCE(st.errors, 0) AS errors,
       CASE WHEN s.relid = 0 THEN 'this database has no table for rule ' || s.rule
            WHEN s.mode IS NULL AND odoo_events._nothing_enabled(s.entity) THEN pg_catalog.format('none of its events is enabled; then: SELECT odoo_events.attach(%L);', '{' || s.entity || '}')
            WHEN s.mode IS NULL THEN pg_catalog.format('not attached: SELECT odoo_events.attach(%L);', '{' || s.entity || '}')
            WHEN s.wal = 'waiting' THEN 'triggers capture until the reader of the WAL is ready'
            WHEN s.triggers < 2 AND s.wal IS DISTINCT FROM 'wal' THEN pg_catalog.format('trigger missing or disabled: SELECT odoo_events.attach(%L);', '{' || s.entity || '}')
            WHEN s.missing_columns IS NOT NULL THEN 'some columns do not exist here: what depends on them is not reported'
       END AS note,
       CASE WHEN s.wal IS NOT NULL THEN slot.retained END AS retained_bytes, CASE WHEN s.wal IS NOT NULL THEN slot.lag END AS lag_bytes
  FROM (SELECT e.entity, u.n, r.rule, r.builtin, CASE WHEN a.entity IS NOT NULL THEN COALESCE(w.want, 'trigger') END AS mode, w.state AS wal, COALESCE(x.relid, 0) AS relid,
               pg_catalog.first_value(x.relid) OVER (PARTITION BY e.entity ORDER BY u.n) AS main,
               odoo_events._missing_columns(x.relid, ARRAY(SELECT c FROM pg_catalog.unnest(r.significant || r.carried) c
                                                            WHERE pg_catalog.split_part(c, '=', 1) <> ALL (r.optional))) AS missing_columns,
               (SELECT pg_catalog.count(*) FROM odoo_events._capture_trigger t
                 WHERE t.relid = x.relid AND t.rule = r.rule AND t.tgenabled IN ('O', 'A')) AS triggers
          FROM odoo_events.entity e
          CROSS JOIN LATERAL pg_catalog.unnest(e.rules) WITH ORDINALITY u(rule, n)
          JOIN odoo_events.capture_rule r ON r.rule = u.rule
          CROSS JOIN LATERAL odoo_events._captured_table(r.tables, r.builtin) x(relid)
          LEFT JOIN odoo_events.wal_rule w ON w.rule = r.rule
          LEFT JOIN odoo_events.attached a ON a.entity = e.entity) s
  LEFT JOIN odoo_events._rule_stats() st ON st.rule = s.rule
  LEFT JOIN odoo_events._wal_state() slot ON true
 WHERE (s.mode IS NOT NULL OR s.main IS NOT NULL)
   AND NOT (s.relid = 0 AND s.builtin AND s.n > 1 AND s.main <> 0)     -- a part that this version of Odoo, or this choice of modules, has not
 ORDER BY s.entity, s.n;
COMMENT ON VIEW odoo_events._capture_status IS 'internal: what capture_status shows';

-- Triggers of capture that nothing needs: no attached entity does, or they are on a table that is not Odoo's (an older version took
-- the first table of that name, whoever it belonged to).  A table of the right owner keeps its triggers when it is renamed.
CREATE VIEW odoo_events._idle_trigger AS
SELECT c.*, w.rule IS NOT NULL AS foreign_table
  FROM odoo_events._capture_trigger c
  JOIN pg_catalog.pg_class t ON t.oid = c.relid
  LEFT JOIN odoo_events.capture_rule w ON w.rule = c.rule AND c.relid IS DISTINCT FROM odoo_events._captured_table(w.tables, w.builtin)
   AND NOT odoo_events._is_trusted_owner(t.relowner, w.builtin)
   AND (NOT w.builtin OR odoo_events._odoo_schema() IS NOT NULL)        -- else a database that was given to another role would lose all triggers
 WHERE w.rule IS NOT NULL
    OR NOT EXISTS (SELECT 1 FROM odoo_events.attached a JOIN odoo_events.entity o ON o.entity = a.entity WHERE c.rule = ANY (o.rules));
COMMENT ON VIEW odoo_events._idle_trigger IS 'internal: triggers of capture that are not needed';

-- Health: one small function per thing that can be wrong; health() puts them together.  Each answers one row at
-- least, "ok" where nothing is wrong.  Every hint can be executed as it stands: test/t/082_health.pl does.

CREATE FUNCTION odoo_events._health_worker(max_lag interval) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w record;
  wanted text := current_setting('odoo_events.databases', true);
  not_named boolean := wanted <> '' AND NOT current_database() = ANY (SELECT btrim(d, ' "') FROM unnest(string_to_array(wanted, ',')) d);
BEGIN
  "check" := 'worker';
  SELECT s.*, x.last_error_at INTO w FROM odoo_events._worker_status s, odoo_events._worker() x;
  IF pg_is_in_recovery() THEN
    status := CASE WHEN odoo_events._preloaded() THEN 'ok' ELSE 'critical' END;
    detail := CASE WHEN odoo_events._preloaded() THEN 'a standby has no worker; it starts with the promotion'
                   ELSE 'this standby does not preload the library: after a promotion nothing would be published or delivered' END;
    hint := CASE WHEN NOT odoo_events._preloaded() THEN odoo_events.preload_line() || '  -- on the standby; then restart it' END;
  ELSIF NOT odoo_events._preloaded() THEN
    status := 'critical';
    detail := 'the library is not in shared_preload_libraries: nothing is published or delivered';
    hint := odoo_events.preload_line() || '  -- then restart the server';
  ELSIF w.pid IS NULL THEN
    status := 'critical';
    detail := format('no worker runs: %s%s', CASE WHEN not_named THEN 'odoo_events.databases does not name this database' ELSE COALESCE(w.state, 'this database is not known to the launcher yet') END,
                     ': ' || w.last_error);
    hint := CASE WHEN w.last_error ~ 'cannot log in'
                 THEN format('ALTER ROLE %s LOGIN;', (SELECT d.datdba::regrole FROM pg_database d WHERE d.datname = current_database()))
                 WHEN w.last_error ~ 'max_worker_processes'
                 THEN format('ALTER SYSTEM SET max_worker_processes = %s;  -- then restart the server',
                             current_setting('max_worker_processes')::int + 8)
                 WHEN not_named
                 THEN format('ALTER SYSTEM SET odoo_events.databases = %L; SELECT pg_catalog.pg_reload_conf();', wanted || ', ' || current_database())
                 ELSE 'SELECT * FROM odoo_events.worker_status;' END;
  ELSIF w.last_error_at > clock_timestamp() - interval '90 seconds' THEN
    status := 'critical';
    detail := format('a step of the worker fails: %s', w.last_error);
    hint := 'SELECT * FROM odoo_events.worker_status;  -- and the server''s log';
  ELSIF w.publish_lag > max_lag THEN
    status := 'warn';
    detail := format('publishing lags by %s', w.publish_lag);
    hint := 'SELECT * FROM odoo_events.worker_status;';
  ELSE
    status := 'ok';
    detail := w.state;
  END IF;
  RETURN NEXT;
END $$;
COMMENT ON FUNCTION odoo_events._health_worker(interval) IS 'internal: does a worker run, and does it get on';

-- A database that finds no room in shared memory has no worker, and nothing of its own to say so.
CREATE FUNCTION odoo_events._limits(OUT databases int4, OUT max_databases int4, OUT refused int4, OUT max_rules int4, OUT rules_full boolean)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_limits';
COMMENT ON FUNCTION odoo_events._limits() IS 'internal: room in shared memory for databases and rules; nulls where the library is not preloaded';

CREATE FUNCTION odoo_events._health_limits() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'limits', 'critical', format('all %s places for databases are taken: %s more databases have no worker, if they have the extension', l.max_databases, l.refused),
       format('ALTER SYSTEM SET odoo_events.max_databases = %s;  -- then restart the server', l.databases + l.refused + 16)
  FROM odoo_events._limits() l WHERE l.refused > 0
UNION ALL
SELECT 'limits', 'warn', format('more than %s tables are captured: the others are not counted in capture_status and metrics()', l.max_rules),
       format('ALTER SYSTEM SET odoo_events.max_rules = %s;  -- then restart the server', GREATEST(2 * l.max_rules, (SELECT count(*) FROM odoo_events.capture_rule)))
  FROM odoo_events._limits() l WHERE l.rules_full
$$;
COMMENT ON FUNCTION odoo_events._health_limits() IS 'internal: is there room in shared memory for all databases and rules; no rows where there is';

CREATE FUNCTION odoo_events._health_arming() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'arming', CASE WHEN i.armed THEN 'ok' ELSE 'critical' END,
       CASE WHEN i.armed THEN 'armed' ELSE 'nothing is delivered: ' || i.reason END,
       CASE WHEN i.armed THEN NULL
            WHEN i.neutralized IS NULL THEN 'SELECT * FROM odoo_events.arming;  -- again when ir_config_parameter can be read'
            WHEN i.neutralized THEN 'SELECT * FROM odoo_events.arming;  -- right for a copy; production has no parameter database.is_neutralized'
            WHEN i.reason LIKE 'another server%' THEN 'SELECT odoo_events.arm(keep_secrets => true);  -- after pg_upgrade; in a copy arm() without it deletes the secrets'
            ELSE 'SELECT odoo_events.arm();  -- only if this is production' END
  FROM odoo_events._identity() i
$$;
COMMENT ON FUNCTION odoo_events._health_arming() IS 'internal: may this database send';

-- Event types that cannot come because a captured table lacks columns that they depend on, and who subscribes to them.
CREATE FUNCTION odoo_events._blind_types() RETURNS TABLE (entity text, relation text, missing text[], types text[], subscribed_by text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT x.entity, x.relation, x.missing_columns, x.types,
       (SELECT string_agg(s.name, ', ' ORDER BY s.name) FROM odoo_events.subscription_config s
         WHERE EXISTS (SELECT 1 FROM unnest(s.types) p, unnest(x.types) t WHERE t LIKE replace(replace(p, '_', '\_'), '*', '%')))
  FROM (SELECT c.entity, c.relation, c.missing_columns, array_agg(DISTINCT d.type ORDER BY d.type) AS types
          FROM odoo_events._capture_status c
          JOIN odoo_events.entity e ON e.entity = c.entity
          JOIN odoo_events.event_def d ON d.entity = c.entity AND d.enabled AND d.emit
         WHERE c.missing_columns IS NOT NULL AND c.mode IS NOT NULL
           AND (d.occasion IN ('milestone', 'cancelled', 'open', 'changed') AND e.state_column = ANY (c.missing_columns)
                AND (SELECT odoo_events._captured_table(r.tables, r.builtin) FROM odoo_events.capture_rule r WHERE r.rule = e.rule) = to_regclass(c.relation)
                OR EXISTS (SELECT 1 FROM unnest(c.missing_columns) m
                            WHERE strpos(d.condition::text, '."' || m || '"') > 0 OR m = ANY (SELECT split_part(w, '@', 1) FROM unnest(d.watches) w)))
         GROUP BY c.entity, c.relation, c.missing_columns) x
$$;
COMMENT ON FUNCTION odoo_events._blind_types() IS 'internal: event types that depend on columns that a captured table lacks';

CREATE FUNCTION odoo_events._health_capture() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH bad AS MATERIALIZED (
  SELECT c.entity, c.relation, c.note FROM odoo_events._capture_status c JOIN odoo_events.attached t ON t.entity = c.entity WHERE NOT c.attached)
SELECT 'capture', 'critical', COALESCE(n.detail, CASE WHEN p.possible THEN 'no entity is attached: nothing is captured' ELSE 'Odoo has no table that events are made of: none of its apps that the catalog knows is installed' END),
       COALESCE(n.hint, CASE WHEN p.possible THEN 'SELECT * FROM odoo_events.attach();'
                             ELSE 'SELECT DISTINCT unnest(tables) FROM odoo_events.capture_rule ORDER BY 1;  -- one of these tables comes with an app of Odoo''s' END)
  FROM odoo_events._no_odoo() n,
       (SELECT EXISTS (SELECT 1 FROM odoo_events.capture_rule r WHERE odoo_events._captured_table(r.tables, r.builtin) IS NOT NULL) AS possible) p
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events.attached)
UNION ALL
SELECT 'capture', 'critical', n.detail || ': what is attached is not captured', n.hint FROM odoo_events._no_odoo() n
 WHERE n.detail IS NOT NULL AND EXISTS (SELECT 1 FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity WHERE e.builtin)
UNION ALL
SELECT 'capture', 'warn', format('%s has triggers of capture, but is not a table of Odoo''s', t.relation), 'SELECT * FROM odoo_events.attach(''{}'');  -- drops them'
  FROM odoo_events._idle_trigger t WHERE t.foreign_table AND NOT t.truncates
UNION ALL
SELECT 'capture', 'critical', format('%s: %s is not captured%s', b.entity, b.relation, ': ' || b.note), format('SELECT * FROM odoo_events.attach(%L);', ARRAY[b.entity])
  FROM bad b WHERE b.relation IS NOT NULL
UNION ALL
SELECT 'capture', 'warn', format('%s: %s came after attach() and is not captured yet: the worker attaches it within a minute', u.entity, u.relid::regclass),
       format('SELECT * FROM odoo_events.attach(%L);', ARRAY[u.entity])
  FROM odoo_events._unattached() u
UNION ALL
SELECT 'capture', 'warn', format('the logical replication of subscription %s changes %s, and none of that is captured: the triggers do not fire for it', s.names, s.relations),
       format('SELECT * FROM odoo_events.attach(%L, always => true);  -- unless the publisher of these tables sends the events itself', s.entities)
  FROM (SELECT string_agg(DISTINCT u.subname, ', ') AS names, string_agg(DISTINCT t.relation, ', ') AS relations,
               (SELECT array_agg(a.entity ORDER BY a.entity) FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity WHERE e.rules && array_agg(t.rule)) AS entities
          FROM pg_subscription u JOIN pg_subscription_rel r ON r.srsubid = u.oid JOIN odoo_events._capture_trigger t ON t.relid = r.srrelid AND NOT t.truncates AND t.tgenabled <> 'A'
         WHERE u.subenabled AND u.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) s
 WHERE s.names IS NOT NULL
UNION ALL
SELECT 'capture', CASE WHEN b.subscribed_by IS NULL THEN 'warn' ELSE 'critical' END,
       format('%s: %s lacks %s: %s cannot come%s', b.entity, b.relation, array_to_string(b.missing, ', '), array_to_string(b.types, ', '), '; subscribed by ' || b.subscribed_by),
       format('SELECT * FROM odoo_events.capture_status WHERE entity = %L;  -- who took the column away? it is captured again as soon as it is back', b.entity)
  FROM odoo_events._blind_types() b
UNION ALL
SELECT 'capture', 'critical', 'odoo_events.capture is off in the server''s configuration: nothing is captured',
       'ALTER SYSTEM SET odoo_events.capture = on; SELECT pg_catalog.pg_reload_conf();'
  FROM pg_settings g WHERE g.name = 'odoo_events.capture' AND g.reset_val = 'off'
UNION ALL
SELECT 'capture', 'warn', format('%s changes (%s) were left out by %s, last by %s at %s', sum((a.new ->> 'changes')::int8),
         string_agg(DISTINCT a.object, ', '),
         concat_ws(' and ', CASE WHEN bool_or(NOT a.new ? 'reason') THEN 'odoo_events.capture = off' END,
                   'quiet(): ' || string_agg(DISTINCT a.new ->> 'reason', '; ')), (array_agg(a.who ORDER BY a.id DESC))[1], max(a.at)),
       'SELECT * FROM odoo_events.reconcile();  -- what no event tells of; with repair => true it is told'
  FROM odoo_events.audit a WHERE a.what = 'leave out' AND a.at > now() - interval '1 day' HAVING count(*) > 0
UNION ALL
SELECT 'capture', 'ok', string_agg(t.entity, ', ' ORDER BY t.entity), NULL
  FROM odoo_events.attached t HAVING count(*) > 0 AND NOT EXISTS (SELECT 1 FROM bad b WHERE b.relation IS NOT NULL)
$$;
COMMENT ON FUNCTION odoo_events._health_capture() IS 'internal: is all that is wanted captured';

CREATE FUNCTION odoo_events._health_gaps() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'gaps', CASE WHEN count(*) = 0 THEN 'ok' ELSE 'critical' END,
       CASE WHEN count(*) = 0 THEN 'no change was missed'
            ELSE format('%s changes could not be captured between %s and %s', sum(e.changes), min(e.since), max(e.at)) END,
       CASE WHEN count(*) > 0 THEN 'SELECT * FROM odoo_events.capture_error;' END
  FROM odoo_events._capture_error e
$$;
COMMENT ON FUNCTION odoo_events._health_gaps() IS 'internal: has capture missed anything';

CREATE FUNCTION odoo_events._health_quarantine() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'quarantine', CASE WHEN count(*) = 0 THEN 'ok' ELSE 'warn' END, format('%s changes could not become events%s', count(*), ': ' || min(q.reason)),
       CASE WHEN count(*) > 0 THEN 'SELECT odoo_events.requeue();  -- once the reason in odoo_events.quarantine is mended' END
  FROM odoo_events.quarantined q
$$;
COMMENT ON FUNCTION odoo_events._health_quarantine() IS 'internal: what could not become events';

-- The journal is emptied a moment after it was published: it grows while nobody publishes, or where a transaction holds its tables.
CREATE FUNCTION odoo_events._health_journal(max_bytes int8) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'journal', CASE WHEN j.bytes <= max_bytes THEN 'ok' ELSE 'warn' END, format('%s%s', pg_size_pretty(j.bytes),
         CASE WHEN j.bytes > max_bytes AND p.n > 0 THEN format(', held by %s prepared transactions', p.n) END),
       CASE WHEN j.bytes <= max_bytes THEN NULL
            WHEN p.n > 0 THEN format('SELECT gid, prepared, owner FROM pg_catalog.pg_prepared_xacts WHERE database = %L ORDER BY prepared;', current_database())
            ELSE 'SELECT * FROM odoo_events.worker_status;' END
  FROM (SELECT sum(pg_table_size(c.oid))::int8 AS bytes FROM pg_class c
         WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relname ~ '^journal_[0-9]+$') j,
       (SELECT count(*) AS n FROM pg_prepared_xacts x WHERE x.database = current_database()) p
$$;
COMMENT ON FUNCTION odoo_events._health_journal(int8) IS 'internal: does the journal grow';

-- Releases of PostgreSQL from 15.19 on load only output plugins that a setting names.
CREATE FUNCTION odoo_events._health_plugin() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'output plugin', CASE WHEN p.allowed THEN 'ok' ELSE 'critical' END,
       CASE WHEN p.allowed THEN format('%s replication slots', p.slots)
            ELSE 'output_plugin_libraries does not name odoo_events: its replication slots cannot be read, and keep WAL' END,
       CASE WHEN NOT p.allowed THEN odoo_events.preload_line('output_plugin_libraries') || ' SELECT pg_catalog.pg_reload_conf();' END
  FROM (SELECT count(*) AS slots, s.setting,
               s.setting IS NULL OR 'odoo_events' = ANY (SELECT btrim(l, ' "') FROM unnest(string_to_array(s.setting, ',')) l) AS allowed
          FROM (SELECT current_setting('output_plugin_libraries', true) AS setting) s, pg_replication_slots r
         WHERE r.plugin = 'odoo_events' AND r.database = current_database() GROUP BY s.setting) p
$$;
COMMENT ON FUNCTION odoo_events._health_plugin() IS 'internal: may the output plugin be used, where it is';

-- Capture from the WAL.
CREATE FUNCTION odoo_events._health_wal() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH w AS (SELECT count(*) AS rules, count(*) FILTER (WHERE r.state = 'waiting') AS waiting, min(r.since) FILTER (WHERE r.state = 'waiting') AS since FROM odoo_events.wal_rule r)
SELECT 'wal', 'critical', format('capture of %s fell back from mode %s to triggers at %s: %s', array_to_string(f.entities, ', '), f.mode, f.at, f.reason),
       format('SELECT * FROM odoo_events.attach(%L, mode => %L);', f.entities, f.mode)
  FROM odoo_events.wal_fallback f
UNION ALL
SELECT 'wal', 'critical', format('the reader of the WAL does not run: %s', COALESCE(p.error, 'see the server''s log')), 'SELECT * FROM odoo_events.capture_status WHERE mode <> ''trigger'';  -- and the server''s log'
  FROM w, odoo_events._wal_processes() p WHERE w.rules > 0 AND p.reader_pid IS NULL
UNION ALL
SELECT 'wal', 'warn', format('the slot keeps %s of WAL, half of odoo_events.max_slot_wal', pg_size_pretty(s.retained)), 'SELECT * FROM odoo_events.capture_status WHERE mode <> ''trigger'';'
  FROM odoo_events._wal_state() s, pg_settings g WHERE g.name = 'odoo_events.max_slot_wal' AND s.retained > g.setting::int8 * 524288
UNION ALL
SELECT 'wal', 'warn', format('the publisher waits since %s until the WAL is read', d.since), 'SELECT * FROM odoo_events._wal_state();' FROM odoo_events.wal_drain d WHERE d.hold
UNION ALL
SELECT 'wal', 'warn', format('%s tables still wait for the reader', w.waiting),
       'SELECT pid, xact_start, query FROM pg_catalog.pg_stat_activity WHERE xact_start IS NOT NULL ORDER BY xact_start;  -- the slot waits for the oldest'
  FROM w WHERE w.waiting > 0 AND w.since < now() - interval '1 minute'
UNION ALL
SELECT 'wal', 'critical', format('mode both: %s net changes differ', count(*)), 'SELECT * FROM odoo_events.capture_difference ORDER BY at;' FROM odoo_events.capture_difference HAVING count(*) > 0
$$;
COMMENT ON FUNCTION odoo_events._health_wal() IS 'internal: how capture from the WAL goes; no rows where all is well';

-- What a human can do about an endpoint's last answer.  The comment says what to mend first; the statement then sends what waits.
CREATE FUNCTION odoo_events._endpoint_trouble(name text, url text, last_status int4, last_error text, OUT detail text, OUT hint text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN last_status IN (401, 403) THEN format('the endpoint answers %s: it does not accept our signature or credentials', last_status)
            WHEN last_status IN (404, 405, 410) THEN format('the endpoint answers %s: nothing takes events at %s', last_status, url)
            WHEN last_error LIKE 'oauth2:%' OR last_error LIKE 'handshake:%' THEN 'nothing can be sent: ' || last_error
            WHEN last_status >= 100 THEN format('the endpoint answers %s', last_status)
            WHEN odoo_events._transport(url) <> 'webhook' THEN 'the broker does not take its messages: ' || last_error
            WHEN e.kind = 'dns' THEN 'the endpoint''s name is unknown: ' || last_error
            WHEN e.kind = 'tls' THEN 'the endpoint''s certificate is refused: ' || last_error
            WHEN e.kind = 'address' THEN 'the endpoint''s ' || last_error
            ELSE 'the endpoint does not answer: ' || last_error END,
       CASE WHEN e.kind = 'address'
            THEN format('SELECT odoo_events.alter_subscription(%L, allow_networks => %L); SELECT odoo_events.retry_now(%L);', name,
                        COALESCE('{' || substring(url FROM '^https?://([0-9]+[.][0-9]+[.][0-9]+[.][0-9]+)[:/]') || '/32}', '{10.0.0.0/8,172.16.0.0/12,192.168.0.0/16}'), name)
            ELSE format('SELECT odoo_events.retry_now(%L);  -- once %s', name,
              CASE WHEN last_status IN (401, 403) THEN format('the endpoint accepts us; set_secret(%L) gives it a new secret', name)
                   WHEN last_status IN (404, 405, 410) THEN format('something is there; alter_subscription(%L, url => ...) gives another URL', name)
                   WHEN e.kind = 'dns' THEN 'the name resolves on this server'
                   WHEN e.kind = 'tls' THEN 'the certificate is renewed, or its CA known to this server'
                   ELSE 'the endpoint is mended' END) END
  FROM (SELECT CASE WHEN last_status > 0 THEN NULL
                    WHEN last_error ~* 'resolve (host|proxy)' THEN 'dns'
                    WHEN last_error ~* 'certificate|SSL' THEN 'tls'
                    WHEN last_error ~ 'outside allow_networks' THEN 'address' END AS kind) e
$$;
COMMENT ON FUNCTION odoo_events._endpoint_trouble(text, text, int4, text) IS 'internal: an endpoint''s last answer in words, and what to do';

CREATE FUNCTION odoo_events._health_subscriptions() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'subscriptions', 'warn', 'nobody subscribes', 'SELECT odoo_events.subscribe(''wms'', ''https://wms.example.com/hooks/odoo'');'
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events.subscription_config)
UNION ALL
SELECT 'subscription ' || s.name, v.status, v.detail, v.hint
  FROM (SELECT g.*, c.url, c.state_reason, c.state_since, c.overlap_until, LEAST(c.auth_expires_at, c.tls_expires_at) AS expires_at, p.last_status, p.last_error, p.failing_since, p.openings, p.filter_passed, p.filter_refused, p.filter_error_at, p.filter_error_position,
               EXISTS (SELECT 1 FROM odoo_events.subscription_secret x WHERE x.subscription_id = g.id) AS has_secret,
               (SELECT count(*) FROM odoo_events.dead d WHERE d.subscription_id = g.id) AS dead,
               clock_timestamp() - (SELECT o.recordedtime FROM odoo_events.outbox_all o WHERE o.position >= g.oldest ORDER BY o.position LIMIT 1) AS age
          FROM odoo_events._subscription_gauge g JOIN odoo_events.subscription_config c ON c.id = g.id
               LEFT JOIN odoo_events.subscription_progress p ON p.subscription_id = g.id) s
       CROSS JOIN LATERAL odoo_events._endpoint_trouble(s.name, s.url, s.last_status, s.last_error) t
       CROSS JOIN LATERAL (
         SELECT 1 AS n, 'critical' AS status, 'has no secret here: secrets are in no backup' AS detail, format('SELECT odoo_events.set_secret(%L);', s.name) AS hint
          WHERE NOT s.has_secret AND s.url IS NOT NULL
         UNION ALL SELECT 1, 'critical', format('has lost the positions %s to %s: the outbox was full', o.first, o.last),
                format('SELECT odoo_events.resume(%L);  -- takes note of it', s.name)
           FROM (SELECT min(x.first_position) AS first, max(x.last_position) AS last FROM odoo_events.overrun x WHERE x.subscription_id = s.id) o
          WHERE o.first IS NOT NULL
         UNION ALL SELECT 2, 'critical', format('disabled since %s: %s', s.state_since, s.state_reason),
                format('SELECT odoo_events.resume(%L);  -- once %s', s.name,
                       CASE WHEN s.state_reason LIKE 'its filter took%' THEN 'alter_subscription(filter => ...) has given it a cheaper filter' ELSE 'the endpoint wants events again' END)
          WHERE s.state = 'disabled'
         UNION ALL SELECT 2.5, 'critical', format('the helper program for %s is not installed', s.transport),
                format('SELECT odoo_events.retry_now(%L);  -- once postgresql-%s-odoo-events-%s is installed', s.name, current_setting('server_version_num')::int4 / 10000, s.transport)
          WHERE s.transport NOT IN ('webhook', 'fetch') AND odoo_events._program(s.transport) IS NULL
         UNION ALL SELECT 3, 'critical', t.detail, t.hint
          WHERE s.state = 'breaker_open' OR (s.lag > 0 AND s.failing_since IS NOT NULL AND s.last_status BETWEEN 400 AND 499 AND s.last_status NOT IN (408, 429))
         UNION ALL SELECT 4, 'warn', t.detail, t.hint WHERE s.state = 'active' AND s.lag > 0 AND s.failing_since IS NOT NULL AND s.last_error <> ''
         UNION ALL SELECT 5, CASE WHEN s.expires_at < now() THEN 'critical' ELSE 'warn' END,
                format('its certificate or token %s %s', CASE WHEN s.expires_at < now() THEN 'has expired' ELSE 'expires' END, s.expires_at),
                format('SELECT name, expires_at FROM odoo_events.subscription_status WHERE name = %L;  -- alter_subscription(%L, tls => ...) or auth => ... gives a new one', s.name, s.name)
          WHERE s.expires_at < now() + interval '14 days'
         UNION ALL SELECT 6, 'warn', format('its old secret ends %s', s.overlap_until),
                format('SELECT name, expires_at FROM odoo_events.subscription_status WHERE name = %L;  -- until then the receiver needs the new secret', s.name)
          WHERE s.overlap_until BETWEEN now() AND now() + interval '6 hours'
         UNION ALL SELECT 6.2, 'warn', format('its endpoint comes and goes: the breaker opened %s times within an hour', o.n),
                format('SELECT at, status, error FROM odoo_events.attempt WHERE subscription = %L AND COALESCE(status, 0) NOT BETWEEN 200 AND 299 ORDER BY at DESC LIMIT 20;', s.name)
           FROM (SELECT count(*) AS n FROM unnest(s.openings) x WHERE x > now() - interval '1 hour') o WHERE o.n >= 3
         UNION ALL SELECT 6.4, 'warn', format('its filter could not judge %s events, the latest is %s: %s', d.n, d.subject, d.last_error),
                format('SELECT odoo_events.replay(%L, dead_letters => true);  -- sends them without asking the filter; discard() drops them', s.name)
           FROM (SELECT count(*) OVER () AS n, x.subject, x.last_error FROM odoo_events.dead x
                  WHERE x.subscription_id = s.id AND x.last_error LIKE 'the filter could not be judged: %' ORDER BY x.position DESC LIMIT 1) d
         UNION ALL SELECT 6.6, 'warn', format('its filter has let none of %s events pass', s.filter_refused),
                format('SELECT filter, types FROM odoo_events.subscription WHERE name = %L;  -- alter_subscription(%L, filter => ...) gives it another', s.name, s.name)
          WHERE s.filter_passed = 0 AND s.filter_refused >= 20 AND s.delivered = 0
         UNION ALL SELECT 6.8, 'warn', format('its filter was neither true nor false for %s events, the latest at position %s', s.filter_errors, s.filter_error_position),
                format('SELECT * FROM odoo_events.trace(event_id => (SELECT o.id FROM odoo_events.outbox o WHERE o.position = %s));', s.filter_error_position)
          WHERE s.filter_error_at > now() - interval '1 hour'
         UNION ALL SELECT 7, 'warn', format('%s dead letters', s.dead), format('SELECT odoo_events.replay(%L, dead_letters => true);', s.name) WHERE s.dead > 0
         UNION ALL SELECT 8, 'warn', format('paused since %s, %s events wait', s.state_since, s.lag), format('SELECT odoo_events.resume(%L);', s.name)
          WHERE s.state = 'paused' AND s.lag > 0 AND s.state_since < clock_timestamp() - interval '1 day'
         UNION ALL SELECT 9, 'warn', format('%s events behind, the oldest by %s', s.lag, s.age),
                CASE WHEN s.url IS NULL
                     THEN format('SELECT position, lag_events, last_success_at FROM odoo_events.subscription_status WHERE name = %L;  -- its consumer has to call fetch() and ack()', s.name)
                     ELSE format('SELECT * FROM odoo_events.waiting WHERE subscription = %L ORDER BY position LIMIT 20;', s.name) END
          WHERE s.state = 'active' AND s.age > interval '15 minutes'
         UNION ALL SELECT 10, 'ok', format('%s, %s events behind', s.state, s.lag), NULL
         ORDER BY n LIMIT 1) v
$$;
COMMENT ON FUNCTION odoo_events._health_subscriptions() IS 'internal: how each subscription goes: the worst of it';

-- What the worker separates is one where the database's owner is a superuser.
-- Somebody who writes into Odoo what events told him is told of that, and so on.  Each round is a transaction of its own.
CREATE FUNCTION odoo_events._health_loops(at_least int, period interval) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'loops', 'warn', format('%s has had %s events %s within %s s, each of another transaction: does a receiver write back what it is told?', x.partitionkey, x.n, x.type, extract(epoch FROM period)::int),
       format('SELECT position, "time", event::json ->> ''authid'' AS authid FROM odoo_events.outbox WHERE partitionkey = %L ORDER BY position DESC LIMIT 20;  -- then docs/receivers.md, "A receiver that writes back"', x.partitionkey)
  FROM (SELECT o.partitionkey, o.type, count(DISTINCT o.odootx) AS n
          FROM odoo_events.outbox_all o
         WHERE o.position > odoo_events._last_position() - 2000 AND o.recordedtime > clock_timestamp() - period AND o.record_id IS NOT NULL
         GROUP BY o.partitionkey, o.type) x
 WHERE x.n >= at_least ORDER BY x.n DESC LIMIT 3
$$;
COMMENT ON FUNCTION odoo_events._health_loops(int, interval) IS 'internal: does something change the same document again and again';

CREATE FUNCTION odoo_events._health_owner() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'owner', CASE WHEN o.rolsuper THEN 'warn' ELSE 'ok' END,
       format('the database belongs to role %I%s', o.rolname,
              CASE WHEN o.rolsuper THEN ', a superuser: Odoo''s database manager cannot terminate the worker, and secrets are open to Odoo' END),
       CASE WHEN NOT o.rolsuper THEN NULL
            WHEN o.oid = e.extowner OR o.oid = 10
            THEN 'SELECT rolname, rolsuper FROM pg_catalog.pg_roles WHERE rolcanlogin;  -- Odoo needs a role of its own, that owns the database'
            ELSE format('ALTER ROLE %I NOSUPERUSER;', o.rolname) END
  FROM pg_database d JOIN pg_roles o ON o.oid = d.datdba, pg_extension e
 WHERE d.datname = current_database() AND e.extname = 'odoo_events'
$$;
COMMENT ON FUNCTION odoo_events._health_owner() IS 'internal: is Odoo''s role an ordinary one';

CREATE FUNCTION odoo_events._health_outbox() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'outbox', CASE WHEN v.full THEN 'critical' WHEN v.nearly THEN 'warn' ELSE 'ok' END,
       format('%s%s%s%s', pg_size_pretty(s.bytes), ' of ' || pg_size_pretty(NULLIF(v.most, 0)), ', held by ' || s.held_by,
              CASE WHEN (v.full OR v.nearly) AND v.drops THEN '; beyond the limit the oldest events are dropped, also those that subscriptions have not got' END),
       CASE WHEN v.full OR v.nearly THEN 'SELECT * FROM odoo_events.storage;  -- then mend or drop what holds it, or raise odoo_events.max_outbox_size' END
  FROM odoo_events._storage s,
       LATERAL (SELECT g.setting::int8 * 1048576 AS most FROM pg_settings g WHERE g.name = 'odoo_events.max_outbox_size') m,
       -- what nobody needs goes by itself
       LATERAL (SELECT m.most, m.most > 0 AND s.bytes > m.most AS full, m.most > 0 AND s.bytes > 0.8 * m.most AND s.held_by IS NOT NULL AS nearly,
                       current_setting('odoo_events.on_full') = 'drop' AS drops) v
 WHERE s.part = 'outbox'
$$;
COMMENT ON FUNCTION odoo_events._health_outbox() IS 'internal: is the outbox larger than it may be?';

-- Null where the table is locked, by a module upgrade for example: monitoring does not wait for it.
CREATE FUNCTION odoo_events._table_bytes(relid oid) RETURNS int8
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_table_bytes';
COMMENT ON FUNCTION odoo_events._table_bytes(oid) IS 'internal: size of a table''s rows; null where it is locked or gone';

-- Lines of documents are read by the column that names the document.  Odoo indexes most of these columns, to 16 not all; a small
-- table (8 MB) is read whole as fast.
CREATE FUNCTION odoo_events._health_indexes(least_bytes int8) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'indexes', 'warn', format('%I.%I (%s) is read for %s by %I, without an index', n.nspname, c.relname, pg_size_pretty(min(z.bytes)), string_agg(DISTINCT l.entity, ', '), a.attname),
       format('CREATE INDEX CONCURRENTLY ON %I.%I (%I) WHERE %I IS NOT NULL;', n.nspname, c.relname, a.attname, a.attname)
  FROM (SELECT p.entity, x.relid, column_name
          FROM odoo_events.part p
          JOIN odoo_events.attached t ON t.entity = p.entity
          JOIN odoo_events.capture_rule r ON r.rule = p.rule
         CROSS JOIN LATERAL odoo_events._captured_table(r.tables, r.builtin) x(relid)
         CROSS JOIN LATERAL unnest(p.parent) column_name
         WHERE NOT p.tx_only AND column_name NOT LIKE '<%') l
  JOIN pg_class c ON c.oid = l.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = l.column_name AND a.attnum > 0 AND NOT a.attisdropped
 CROSS JOIN LATERAL odoo_events._table_bytes(c.oid) z(bytes)
 WHERE z.bytes >= least_bytes
   AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indkey[0] = a.attnum)
 GROUP BY n.nspname, c.relname, c.oid, a.attname
$$;
COMMENT ON FUNCTION odoo_events._health_indexes(int8) IS 'internal: has publishing to read whole tables for the lines of a document?';

-- No check waits for a lock for long, and none hides another: what holds the lock may be the very thing that is to be found.
CREATE FUNCTION odoo_events.health(OUT "check" text, OUT status text, OUT detail text, OUT hint text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' AS $$
DECLARE
  one text;
BEGIN
  FOREACH one IN ARRAY ARRAY[
    $c$worker('1 minute')$c$,
    'version()',
    'limits()',
    'arming()',
    'capture()',
    'gaps()',
    'quarantine()',
    'conditions()',
    'journal(268435456)',
    'plugin()',
    'wal()',
    'subscriptions()',
    $c$loops(30, '1 minute')$c$,
    'owner()',
    'endpoints()',
    'roles()',
    'slots(268435456)',
    'disk()',
    'outcomes()',
    'sunset()',
    'seal()',
    'announced()',
    'flows()',
    'credentials()',
    'outbox()',
    $c$readers('15 minutes')$c$,
    'indexes(8388608)',
    'paths()'] LOOP
    BEGIN
      RETURN QUERY EXECUTE format('SELECT h."check", odoo_events._health_status(h."check", h.status), CASE WHEN v THEN odoo_events._health_detail(h."check", h.status, h.detail) ELSE ''not shown: your policy'' END, CASE WHEN v THEN h.hint END FROM odoo_events._health_%s h, odoo_events._health_visible(h."check") v WHERE v OR h."check" NOT LIKE ''subscription %%'' ORDER BY h."check", h.detail', one);
    EXCEPTION WHEN lock_not_available THEN
      PERFORM set_config('lock_timeout', '20ms', true);         -- until the end of this function: all checks together wait for half a second once
      RETURN QUERY VALUES (split_part(one, '(', 1), 'warn', 'cannot be looked at: its tables are locked by another session',
        'SELECT pid, mode, relation::regclass FROM pg_catalog.pg_locks WHERE granted AND mode ~ ''Exclusive'' ORDER BY pid;');
    END;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events.health() IS
'what is wrong and what to do about it: status is ok, warn or critical; each hint can be executed as it stands';
