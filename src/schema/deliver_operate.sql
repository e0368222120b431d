-- deliver: what operators do with subscriptions, and replays.

CREATE FUNCTION odoo_events._unsubscribe(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._shelve(c);
  DELETE FROM odoo_events.subscription_config s WHERE s.id = c.id;
  DELETE FROM odoo_events.replay_job r WHERE r.subscription_id = c.id;
  DELETE FROM odoo_events.command x WHERE x.subscription_id = c.id;
  DELETE FROM odoo_events.overrun o WHERE o.subscription_id = c.id;
  DELETE FROM odoo_events.subscription_peer e WHERE e.subscription_id = c.id;
  DELETE FROM odoo_events.outcome_state o WHERE o.subscription_id = c.id;
  DELETE FROM odoo_events.subscription_cut k WHERE c.id IN (k.from_id, k.to_id);
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._unsubscribe(odoo_events.subscription_config) IS 'internal: removes a subscription, and keeps what brings it back';

CREATE FUNCTION odoo_events.unsubscribe(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  PERFORM odoo_events._must_be_whole(c, 'unsubscribe');
  IF odoo_events._proposes('unsubscribe', jsonb_build_object('name', c.name)) THEN
    RETURN;
  END IF;
  PERFORM odoo_events._unsubscribe(c);
END $$;
COMMENT ON FUNCTION odoo_events.unsubscribe(text) IS 'removes a subscription; its place, its secret and its dead letters are kept for 7 days, in which config_rollback() or config_apply() brings it back';

CREATE FUNCTION odoo_events.pause(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  PERFORM odoo_events._must_be_whole(c, 'pause', '{operate}');
  IF odoo_events._proposes('pause', jsonb_build_object('name', c.name)) THEN
    RETURN;
  END IF;
  IF c.state <> 'paused' THEN
    UPDATE odoo_events.subscription_config s
       SET state = 'paused', state_reason = format('paused by %s', session_user), state_since = clock_timestamp() WHERE s.id = c.id;
    PERFORM odoo_events._wake('config');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.pause(text) IS 'starts no more requests to a subscription; its place is kept, events wait';

CREATE FUNCTION odoo_events.resume(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  PERFORM odoo_events._must_be_whole(c, 'resume', '{operate}');
  IF odoo_events._proposes('resume', jsonb_build_object('name', c.name)) THEN
    RETURN;
  END IF;
  UPDATE odoo_events.subscription_config s
     SET state = 'active', state_reason = NULL, state_since = clock_timestamp() WHERE s.id = c.id;
  DELETE FROM odoo_events.overrun o WHERE o.subscription_id = c.id;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.resume(text) IS 'goes on where a paused or disabled subscription stopped, and closes its breaker';

CREATE FUNCTION odoo_events.ping(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  PERFORM odoo_events._must_be_whole(c, 'ping');
  PERFORM odoo_events._platform_event('odoo.platform.subscription.pinged.v1', c.name, '{}');
  IF NOT odoo_events._preloaded() THEN
    RAISE WARNING 'the ping is not sent: the library is not in shared_preload_libraries' USING HINT = 'SELECT * FROM odoo_events.health();';
  ELSIF NOT (SELECT a.armed FROM odoo_events._identity() a) THEN
    RAISE WARNING 'the ping is not sent: nothing is delivered from this database' USING HINT = 'SELECT * FROM odoo_events.health();';
  ELSIF c.state <> 'active' THEN
    RAISE WARNING 'the ping waits: subscription "%" is %', c.name, c.state USING HINT = format('SELECT odoo_events.resume(%L);', c.name);
  ELSIF c.url IS NULL THEN
    RAISE NOTICE 'the ping is not sent: the consumer of subscription "%" gets it by fetch() if its types match', c.name;
  END IF;
  PERFORM odoo_events._tell_of_ping(c);
  PERFORM odoo_events._audit('ping', c.name);
END $$;
COMMENT ON FUNCTION odoo_events.ping(text) IS 'sends a signed test event to this subscription, whatever it filters; to a broker, it connects and looks for the topic, and sends the event only where the topic is fixed and keeps no states';

CREATE FUNCTION odoo_events.retry_now(name text, companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  args constant jsonb := jsonb_strip_nulls(jsonb_build_object('name', c.name, 'companies', companies, 'warehouses', warehouses));
  chosen int8[] := '{}';
BEGIN
  PERFORM odoo_events._must_be_narrow(c, 'retry_now', args, NULL, companies, warehouses);
  IF odoo_events._proposes('retry_now', args) THEN
    RETURN;
  END IF;
  IF num_nonnulls(companies, warehouses) > 0 THEN
    chosen := ARRAY(SELECT e.held_position FROM odoo_events.held_event e
                   WHERE e.subscription_id = c.id AND e.position = e.held_position AND e.attempts > 0
                     AND odoo_events._within(e.company_id, e.warehouse_id, companies, warehouses));
  END IF;
  IF chosen <> '{}' OR num_nonnulls(companies, warehouses) = 0 THEN
    INSERT INTO odoo_events.command (subscription_id, what, positions, by) VALUES (c.id, 'retry_now', chosen, session_user);
  END IF;
  PERFORM odoo_events._audit('retry_now', c.name, NULL, NULLIF(args - 'name', '{}'));
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.retry_now(text, int4[], int4[]) IS
'endpoint mended: closes the breaker and retries all that waits, now; with companies or warehouses only their events, and an open breaker stays';

CREATE FUNCTION odoo_events.skip(name text, ids uuid[], companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  args constant jsonb := jsonb_strip_nulls(jsonb_build_object('name', c.name, 'ids', ids, 'companies', companies, 'warehouses', warehouses));
  found_positions int8[];
  reasons text[];
BEGIN
  PERFORM odoo_events._must_be_narrow(c, 'skip', args, NULL, companies, warehouses);
  SELECT array_agg(w.position), array_agg(w.last_error) INTO found_positions, reasons
    FROM odoo_events.waiting w JOIN odoo_events.outbox_all o ON o.position = w.position
   WHERE w.subscription = c.name AND w.state = 'retry' AND w.event_id = ANY (ids) AND odoo_events._within(o.company_id, o.warehouse_id, companies, warehouses);
  IF cardinality(ids) = 0 THEN
    RETURN 0;
  ELSIF found_positions IS NULL OR cardinality(found_positions) <> (SELECT count(DISTINCT i) FROM unnest(ids) i) THEN
    RAISE EXCEPTION 'argument "ids" names an event that subscription "%" is not retrying', name USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT event_id FROM odoo_events.waiting WHERE state = ''retry'' lists them.';
  END IF;
  IF odoo_events._proposes('skip', args) THEN
    RETURN NULL;
  END IF;
  -- the dead letter says what it failed with, too
  INSERT INTO odoo_events.command (subscription_id, what, positions, by)
  SELECT c.id, 'skip', array_agg(u.position), concat_ws(': ', session_user, u.reason) FROM unnest(found_positions, reasons) u(position, reason) GROUP BY u.reason;
  PERFORM odoo_events._audit('skip', c.name, NULL, jsonb_build_object('ids', ids));
  PERFORM odoo_events._wake('config');
  RETURN cardinality(found_positions);
END $$;
COMMENT ON FUNCTION odoo_events.skip(text, uuid[], int4[], int4[]) IS
'poison events: to the dead letters, and on with what waits behind them; companies and warehouses say whose events they may be';

CREATE FUNCTION odoo_events.discard(name text, ids uuid[], companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  args constant jsonb := jsonb_strip_nulls(jsonb_build_object('name', c.name, 'ids', ids, 'companies', companies, 'warehouses', warehouses));
  found uuid[];
BEGIN
  PERFORM odoo_events._must_be_narrow(c, 'discard', args, NULL, companies, warehouses);
  IF odoo_events._proposes('discard', args) THEN
    RETURN NULL;
  END IF;
  WITH gone AS (DELETE FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = ANY (ids)
                   AND odoo_events._within(d.company_id, d.warehouse_id, companies, warehouses) RETURNING d.event_id)
  SELECT array_agg(g.event_id) INTO found FROM gone g;
  IF found IS NOT NULL THEN
    PERFORM odoo_events._audit('discard', c.name, jsonb_build_object('ids', found));
  END IF;
  RETURN COALESCE(cardinality(found), 0);
END $$;
COMMENT ON FUNCTION odoo_events.discard(text, uuid[], int4[], int4[]) IS
'drops dead letters for good; answers how many; companies and warehouses say whose events they may be';

-- The events of a replay after a position, as the worker reads them: what the selectors and the subscription itself let through.  Without
-- selectors they are what fetch() answers.  filtered => false leaves the filter to the worker, which bounds its time over all events;
-- unjudged: why the filter cannot say whether it lets the event pass.
CREATE FUNCTION odoo_events._replay_events(job odoo_events.replay_job, after_position int8, max_events int4, filtered boolean DEFAULT true)
RETURNS TABLE ("position" int8, id uuid, type text, subject text, partitionkey text, company_id int4, warehouse_id int4, event text, classes text,
               "time" timestamptz, unjudged text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  c odoo_events.subscription_config;
BEGIN
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.id = job.subscription_id;
  RETURN QUERY
  SELECT x.position, x.id, x.type, x.subject, x.partitionkey, x.company_id, x.warehouse_id, x.event, x.classes, x."time", x.verdict
    FROM (SELECT d.position, d.event_id AS id, d.type, d.subject, d.partitionkey, d.company_id, d.warehouse_id, d.event, d.classes,
                 (odoo_events._legible(d.event) ->> 'time')::timestamptz AS "time", NULL AS verdict
            FROM odoo_events.dead d
           WHERE job.dead_letters AND d.subscription_id = c.id AND d.position > after_position AND d.position <= job.to_position
          UNION ALL
          SELECT o.position, o.id, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id, o.event, o.classes, o."time", v.verdict
            FROM odoo_events.outbox_all o
                 CROSS JOIN LATERAL (SELECT CASE WHEN filtered THEN odoo_events._filter_verdict(odoo_events._company_event(o.event, o.classes, c.companies), c.filter) END AS verdict OFFSET 0) v
           WHERE NOT job.dead_letters AND o.position > after_position AND o.position <= job.to_position AND NOT odoo_events._for_others(o.classes, c.id)
             AND o.type LIKE ANY (c.types_like)
             AND CASE WHEN o.type = 'odoo.platform.subscription.pinged.v1' THEN o.subject = 'subscription/' || c.name
                      WHEN o.type ~ '^odoo[.]platform[.](subscription|event|outcome|exception|flow|configuration|seal)[.]'      -- only by name, as deliver/queue/filter.c has it
                      THEN EXISTS (SELECT 1 FROM unnest(c.types_like) t WHERE t LIKE 'odoo.platform.%' AND o.type LIKE t)
                      WHEN o.type LIKE 'odoo.process.promise.%' THEN EXISTS (SELECT 1 FROM unnest(c.types_like) t WHERE t LIKE 'odoo.process.%' AND o.type LIKE t) ELSE true END
             AND (c.companies IS NULL OR COALESCE(o.company_id = ANY (c.companies), c.shared_rows))
             AND (c.warehouses IS NULL OR o.warehouse_id = ANY (c.warehouses))
             AND (v.verdict IS NULL OR v.verdict NOT IN ('false', 'unknown'))
             AND (job.missed IS NOT TRUE OR odoo_events._missed(c, job.id, o.position, o.id, o.type, o.subject, o.partitionkey, o."time",
                                                                o.company_id, o.warehouse_id, o.event, o.classes))) x
   WHERE x.position >= job.from_position
     AND (job.since IS NULL OR x."time" >= job.since) AND (job.until IS NULL OR x."time" < job.until)
     AND (job.types_like IS NULL OR x.type LIKE ANY (job.types_like))
     AND (job.keys IS NULL OR x.partitionkey = ANY (job.keys))
     AND (job.subject IS NULL OR x.subject = job.subject)
     AND (job.ids IS NULL OR x.id = ANY (job.ids))
     -- a topic of states gets only the latest event of each key: an old state, or a record that was deleted, does not come back
     AND NOT (odoo_events._keeps_states(c.transport) AND EXISTS (SELECT 1 FROM odoo_events.outbox_all y
               WHERE y.partitionkey = x.partitionkey AND y.position > x.position AND y.type LIKE ANY (c.types_like)))
     AND odoo_events._within(x.company_id, x.warehouse_id, job.companies, job.warehouses)
   ORDER BY x.position
   LIMIT max_events;
END $$;
COMMENT ON FUNCTION odoo_events._replay_events(odoo_events.replay_job, int8, int4, boolean) IS 'internal: the next events of a replay';

CREATE FUNCTION odoo_events.replay(name text, from_position int8 DEFAULT NULL, to_position int8 DEFAULT NULL,
  since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, types text[] DEFAULT NULL, keys text[] DEFAULT NULL,
  subject text DEFAULT NULL, ids uuid[] DEFAULT NULL, dead_letters boolean DEFAULT false, dry_run boolean DEFAULT false,
  missed boolean DEFAULT false, companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  args constant jsonb := jsonb_strip_nulls(jsonb_build_object('name', c.name, 'from_position', from_position, 'to_position', to_position, 'since', since, 'until', until,
    'types', types, 'keys', keys, 'subject', subject, 'ids', ids, 'dead_letters', NULLIF(dead_letters, false), 'missed', NULLIF(missed, false), 'companies', companies, 'warehouses', warehouses));
  job odoo_events.replay_job;
  slow int8;
  unjudged text;
BEGIN
  PERFORM odoo_events._must_be_narrow(c, 'replay', args, types, companies, warehouses);
  IF c.url IS NULL THEN
    RAISE EXCEPTION 'subscription "%" is fetched, nothing is sent to it', name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.subscribe(%L, url => NULL, start_from => %L);', name || '-again', COALESCE(from_position::text, 'earliest'));
  END IF;
  IF dead_letters AND missed THEN
    RAISE EXCEPTION 'arguments "dead_letters" and "missed" exclude one another' USING ERRCODE = 'invalid_parameter_value',
      HINT = format('SELECT odoo_events.replay(%L, missed => true); SELECT odoo_events.replay(%L, dead_letters => true);', name, name);
  END IF;
  IF NOT dead_letters AND NOT missed AND num_nonnulls(from_position, to_position, since, until, types, keys, subject, ids) = 0 THEN
    RAISE EXCEPTION 'nothing says what to replay' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give from_position, since, types, keys, subject, ids, dead_letters => true or missed => true; from_position => 0 means all.';
  END IF;
  IF from_position < 0 THEN
    RAISE EXCEPTION 'argument "from_position" is %', from_position USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Positions of the outbox begin with 1; from_position => 0 means all.';
  END IF;
  IF from_position > to_position OR since >= until THEN
    RAISE EXCEPTION 'the range to replay is empty' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'from_position must not be after to_position, since must be before until.';
  END IF;
  job.subscription_id := c.id;
  job.from_position := COALESCE(from_position, 0);
  job.to_position := COALESCE(to_position, 9223372036854775807);
  IF NOT dead_letters THEN
    -- what is not delivered for the first time yet need not be sent again
    job.to_position := LEAST(job.to_position, COALESCE((SELECT p.cursor FROM odoo_events.progress p
                                WHERE p.subscription_id = c.id ORDER BY p.n DESC LIMIT 1), 0));
  END IF;
  IF missed THEN
    -- what lies behind the latest alteration was judged as it would be now
    job.from_position := GREATEST(job.from_position, COALESCE(odoo_events._start_of(c.id), 0) + 1);
    job.to_position := LEAST(job.to_position, (SELECT max(COALESCE(v.position, job.to_position)) FROM odoo_events.subscription_version v WHERE v.subscription_id = c.id));
  END IF;
  job.companies := companies; job.warehouses := warehouses;
  job.since := since; job.until := until; job.keys := keys; job.subject := subject; job.ids := ids;
  job.types_like := CASE WHEN types IS NOT NULL THEN odoo_events._types_like(types) END;
  job.dead_letters := dead_letters;
  job.missed := NULLIF(missed, false);
  SELECT count(*) FILTER (WHERE e.unjudged IS NULL), min(e.position) - 1, max(e.position), count(*) FILTER (WHERE odoo_events._took_too_long(e.unjudged)), max(e.unjudged)
    INTO job.matched, job.cursor, job.to_position, slow, unjudged
    FROM odoo_events._replay_events(job, -1, NULL) e;
  PERFORM odoo_events._check_filter_cost(name, slow, unjudged);
  IF job.matched = 0 THEN
    RAISE NOTICE 'no event that subscription "%" has had is selected', name
      USING HINT = 'Only what is in the outbox, or in its dead letters, and passes its types and its filter can be sent again.';
  END IF;
  IF NOT dry_run AND odoo_events._proposes('replay', args) THEN
    RETURN NULL;
  END IF;
  IF NOT dry_run AND job.matched > 0 THEN
    INSERT INTO odoo_events.replay_job (subscription_id, from_position, to_position, since, until, types_like, keys, subject, ids,
        dead_letters, matched, cursor, created_by, created_at, missed, companies, warehouses)
    VALUES (c.id, job.from_position, job.to_position, since, until, job.types_like, keys, subject, ids,
        dead_letters, job.matched, job.cursor, session_user, clock_timestamp(), job.missed, companies, warehouses) RETURNING id INTO job.id;
    PERFORM odoo_events._audit('replay', c.name, NULL, jsonb_strip_nulls(jsonb_build_object('replay', job.id, 'events', job.matched,
      'from_position', job.from_position, 'to_position', job.to_position, 'since', since, 'until', until, 'types', types, 'keys', keys,
      'subject', subject, 'ids', ids, 'dead_letters', dead_letters, 'missed', job.missed, 'companies', companies, 'warehouses', warehouses)));
    PERFORM odoo_events._wake('config');
  END IF;
  RETURN job.matched;
END $$;
COMMENT ON FUNCTION odoo_events.replay(text, int8, int8, timestamptz, timestamptz, text[], text[], text, uuid[], boolean, boolean, boolean, int4[], int4[]) IS
'sends again what the subscription got, or its dead letters: same ids, same bytes, in order per key; missed: sends what it passed over, wants now and was never '
'sent; answers how many events';

CREATE FUNCTION odoo_events.cancel_replay(id int8) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config;
  r odoo_events.replay_job;
BEGIN
  SELECT x.* INTO r FROM odoo_events.replay_job x WHERE x.id = cancel_replay.id AND x.state = 'running' FOR UPDATE;
  SELECT x.* INTO c FROM odoo_events.subscription_config x WHERE x.id = r.subscription_id;
  IF c.id IS NULL THEN
    RAISE EXCEPTION 'replay % is not running', id USING ERRCODE = 'undefined_object',
      HINT = 'SELECT * FROM odoo_events.replay_status lists them.';
  END IF;
  IF r.created_by <> session_user
     AND NOT odoo_events._sees_whole(odoo_events._policies('{operate}'), c.name, c.types, COALESCE(r.companies, c.companies), COALESCE(r.warehouses, c.warehouses), NULL, NULL) THEN
    PERFORM odoo_events._deny(format('replay %s concerns more than your policy allows', id), 'SELECT * FROM odoo_events.policy;  -- the replay must be inside, or your own');
  END IF;
  UPDATE odoo_events.replay_job x SET state = 'cancelled', finished_at = clock_timestamp() WHERE x.id = r.id;
  PERFORM odoo_events._audit('cancel_replay', c.name, NULL, jsonb_build_object('replay', id));
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.cancel_replay(int8) IS 'stops a replay; what is under way is finished';
