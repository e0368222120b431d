-- lineage: the whole way of a document, and why there was no event.

-- Why a subscription does not want an event; null where it does.  As deliver/queue/filter.c decides.
CREATE FUNCTION odoo_events._unwanted(c odoo_events.subscription_config, type text, subject text, company_id int4, warehouse_id int4, event text, classes text)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN type = 'odoo.platform.subscription.pinged.v1' THEN CASE WHEN subject <> 'subscription/' || c.name THEN 'a ping of another' END
            WHEN NOT type LIKE ANY (c.types_like)
              OR type ~ '^odoo[.]platform[.](subscription|event|outcome|exception|flow|configuration|seal)[.]' AND NOT EXISTS (SELECT 1 FROM unnest(c.types_like) t WHERE t LIKE 'odoo.platform.%' AND type LIKE t)
              OR type LIKE 'odoo.process.promise.%' AND NOT EXISTS (SELECT 1 FROM unnest(c.types_like) t WHERE t LIKE 'odoo.process.%' AND type LIKE t)
            THEN format('its types are %s', c.types)
            WHEN c.companies IS NOT NULL AND NOT COALESCE(company_id = ANY (c.companies), c.shared_rows)
            THEN format('its companies are %s%s', c.companies, CASE WHEN company_id IS NULL THEN ', without what companies share' END)
            WHEN c.warehouses IS NOT NULL AND NOT COALESCE(warehouse_id = ANY (c.warehouses), false) THEN format('its warehouses are %s', c.warehouses)
            WHEN odoo_events._for_others(classes, c.id) THEN 'it is a snapshot for other subscriptions'
            WHEN odoo_events._company_event(event, classes, c.companies) IS NULL THEN 'it tells of values of other companies only'
            ELSE (SELECT CASE WHEN v IN ('false', 'unknown') THEN format('its filter is %s: %s', v, c.filter) ELSE v END
                    FROM odoo_events._filter_verdict(odoo_events._company_event(event, classes, c.companies), c.filter) v)
       END
$$;
COMMENT ON FUNCTION odoo_events._unwanted(odoo_events.subscription_config, text, text, int4, int4, text, text) IS
'internal: why a subscription does not want an event, null where it does';

-- Is what this transaction wrote to the journal behind the publisher's cursor?
CREATE FUNCTION odoo_events._is_published(xid xid8, first_id int8) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE((SELECT pg_visible_in_snapshot(xid, c.s1)
                        OR c.s2 IS NOT NULL AND pg_visible_in_snapshot(xid, c.s2) AND first_id <= c.done_id
                   FROM odoo_events.publish_cursor c ORDER BY c.n DESC LIMIT 1), false)
$$;
COMMENT ON FUNCTION odoo_events._is_published(xid8, int8) IS 'internal: whether a transaction of the journal, whose first row is given, has been published';

-- What became of an event that a subscription has passed.  Attempts are kept for a while only, so what is left is decided by what the
-- subscription chose when it came to the event.
CREATE FUNCTION odoo_events._settled(c odoo_events.subscription_config, o odoo_events.outbox_all, OUT step text, OUT at timestamptz, OUT detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a record;
BEGIN
  -- a broker's acknowledgement has no status; neither has a dry run, whose response is what was not sent
  SELECT x.at + x.duration AS ended, x.status IS NOT NULL OR x.response IS NULL AS acknowledged, x.event_id INTO a FROM odoo_events.attempt x
   WHERE x.subscription = c.name AND (x.status BETWEEN 200 AND 299 OR x.status = ANY (c.success_statuses) OR x.status IS NULL AND x.error IS NULL)
     AND (x.event_id = o.id OR x.event_id IS NULL AND o.position BETWEEN x.first_position AND x.last_position)
   ORDER BY x.status NULLS LAST, x.event_id NULLS LAST, x.at DESC LIMIT 1;      -- a batch's range holds events that were passed over, too
  at := a.ended;
  detail := odoo_events._passed_over(c, odoo_events._version_of(c.id, o.position), o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes);
  IF o.position <= odoo_events._start_of(c.id) AND at IS NULL THEN
    step := 'before its start';
    detail := format('it began behind position %s; subscribed at %s', odoo_events._start_of(c.id), c.created_at);
  ELSIF a.acknowledged AND (detail IS NULL OR a.event_id IS NOT NULL OR odoo_events._replayed(c, NULL, o.position, o.id, o.type, o.subject, o.partitionkey, o."time", o.company_id, o.warehouse_id, o.event, o.classes)) THEN
    step := 'acknowledged';
    detail := NULL;
  ELSIF detail IS NOT NULL THEN
    step := 'passed over';
    at := NULL;
  ELSIF a.ended IS NOT NULL THEN
    step := 'dry run';
    detail := 'nothing was sent';
  ELSIF EXISTS (SELECT 1 FROM odoo_events.audit x WHERE x.what = 'discard' AND x.object = c.name AND x.old -> 'ids' ? o.id::text) THEN
    SELECT x.at, 'its dead letter was discarded by ' || x.who, 'discarded' INTO at, detail, step
      FROM odoo_events.audit x WHERE x.what = 'discard' AND x.object = c.name AND x.old -> 'ids' ? o.id::text ORDER BY x.id DESC LIMIT 1;
  ELSIF c.url IS NULL THEN
    step := 'acknowledged';
    detail := 'fetched, and acknowledged by ack()';
  ELSIF c.created_at > o.recordedtime AND odoo_events._start_of(c.id) IS NULL THEN
    step := 'before its start';
    detail := 'subscribed at ' || c.created_at;
  ELSE
    step := 'delivered';
    detail := format('its attempts have expired: they are kept for %s', current_setting('odoo_events.attempt_retention'));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._settled(odoo_events.subscription_config, odoo_events.outbox_all) IS 'internal: what became of an event that a subscription has passed';

-- What became of an event at one subscription.
CREATE FUNCTION odoo_events._fate(c odoo_events.subscription_config, o odoo_events.outbox_all, OUT step text, OUT at timestamptz, OUT detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w record;
BEGIN
  SELECT * INTO w FROM odoo_events.waiting x WHERE x.subscription = c.name AND x.event_id = o.id
     AND NOT EXISTS (SELECT 1 FROM odoo_events.acknowledged a WHERE a.subscription_id = c.id AND a.position = o.position);
  IF FOUND THEN
    step := w.state;
    at := w.next_attempt_at;
    detail := concat_ws(', ', w.attempts || ' attempts', 'behind ' || w.behind_event_id, w.last_error);
    RETURN;
  END IF;
  SELECT * INTO w FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = o.id;
  IF FOUND THEN
    step := 'dead letter';
    at := w.last_at;
    detail := format('after %s attempts: %s', w.attempts, COALESCE(w.last_error, w.last_status::text));
    RETURN;
  END IF;
  SELECT x.step, x.at, x.detail INTO step, at, detail
    FROM (SELECT * FROM odoo_events._acknowledged_step(c.id, o.position) UNION ALL SELECT * FROM odoo_events._outcome_step(c.id, o.id)) x WHERE x.step IS NOT NULL LIMIT 1;
  IF step IS NOT NULL THEN
    RETURN;
  END IF;
  detail := odoo_events._cut_step(c.id, o.position);
  IF detail IS NOT NULL THEN
    step := 'handed over';
    RETURN;
  END IF;
  IF o.position <= COALESCE((SELECT p.cursor FROM odoo_events.subscription_progress p WHERE p.subscription_id = c.id), 0) THEN
    SELECT s.step, s.at, s.detail INTO step, at, detail FROM odoo_events._settled(c, o) s;
    RETURN;
  END IF;
  detail := odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes);
  step := CASE WHEN detail IS NULL THEN 'not reached' ELSE 'not wanted' END;
  IF detail IS NULL THEN
    detail := (SELECT concat_ws(': ', s.state, s.state_reason) FROM odoo_events._subscription_status s WHERE s.name = c.name);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._fate(odoo_events.subscription_config, odoo_events.outbox_all) IS 'internal: what became of an event at a subscription';

CREATE FUNCTION odoo_events.trace(key text DEFAULT NULL, subject text DEFAULT NULL, event_id uuid DEFAULT NULL)
RETURNS TABLE (at timestamptz, step text, "position" int8, type text, subscription text, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  o     odoo_events.outbox_all;
  c     odoo_events.subscription_config;
  f     record;
  named text[];                         -- the records that have had this subject
  policies constant jsonb := odoo_events._policies('{read,operate,approve}');
BEGIN
  IF num_nonnulls(trace.key, trace.subject, trace.event_id) = 0 THEN
    RAISE EXCEPTION 'nothing says what to trace' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT * FROM odoo_events.trace(key => ''manufacturing_order:1'');';
  END IF;
  SELECT array_agg(DISTINCT x.entity || ':' || x.record_id) INTO named
    FROM odoo_events._positions_named(trace.subject) p JOIN odoo_events.outbox_all x ON x.position = p WHERE x.subject = trace.subject AND x.record_id IS NOT NULL;
  FOR o IN SELECT x.* FROM odoo_events._traced(trace.key, trace.subject, trace.event_id, named) p JOIN odoo_events.outbox_all x ON x.position = p
            WHERE (trace.key IS NULL OR x.partitionkey = trace.key) AND (trace.subject IS NULL OR x.subject = trace.subject OR x.entity || ':' || x.record_id = ANY (named))
              AND (trace.event_id IS NULL OR x.id = trace.event_id) AND odoo_events._allows(policies, x.type, x.company_id, x.warehouse_id) ORDER BY x.position
  LOOP
    RETURN QUERY VALUES (o."time", 'committed', o.position, o.type, NULL::text, format('%s %s, transaction %s', o.entity, o.record_id, o.odootx)),
                        (o.recordedtime, 'published', o.position, o.type, NULL, format('%s, id %s', o.subject, o.id));
    FOR c IN SELECT * FROM odoo_events.subscription_config s WHERE odoo_events._sees(policies, s.name, s.companies, s.warehouses) ORDER BY s.name
    LOOP
      SELECT x.* INTO f FROM odoo_events._fate(c, o) x;
      RETURN QUERY SELECT a.at, 'attempt ' || a.attempt, o.position, o.type, c.name,
                          concat_ws(' ', a.status, a.error, 'after ' || extract(epoch FROM a.duration) || ' s')
                     FROM odoo_events.attempt a
                    WHERE a.subscription = c.name
                      AND (a.event_id = o.id OR a.event_id IS NULL AND o.position BETWEEN a.first_position AND a.last_position
                                                AND f.step NOT IN ('passed over', 'not wanted', 'before its start'))
                    ORDER BY a.at;
      RETURN QUERY VALUES (f.at, f.step, o.position, o.type, c.name, f.detail);
    END LOOP;
  END LOOP;
  -- a document that was renamed meanwhile, by the part of the subject that is its name
  RETURN QUERY SELECT l."time", 'renamed', l.position, l.type, NULL::text, format('%s %s is now %s', l.entity, l.record_id, l.subject)
                 FROM (SELECT DISTINCT ON (x.entity, x.record_id) x.* FROM odoo_events._positions_of(named) p JOIN odoo_events.outbox_all x ON x.position = p WHERE x.entity || ':' || x.record_id = ANY (named) ORDER BY x.entity, x.record_id, x.position DESC) l
                WHERE odoo_events._allows(policies, l.type, l.company_id, l.warehouse_id) AND substr(l.subject, strpos(l.subject, '/')) <> substr(trace.subject, strpos(trace.subject, '/')) ORDER BY l.position;
  RETURN QUERY SELECT q.at, 'quarantined', NULL::int8, NULL::text, NULL::text, format('%s %s, change %s: %s', q.entity, q.record_id, q.change_id, q.reason)
                 FROM odoo_events.quarantined q WHERE q.key = trace.key AND policies IS NULL ORDER BY q.change_id;
  -- what waits for the publisher: by the record that the key names
  RETURN QUERY SELECT j.at, 'waits to be published', NULL::int8, NULL::text, NULL::text, format('%s of %s %s, transaction %s', j.op, j.rule, j.record_id, j.xid)
                 FROM odoo_events.journal j
                WHERE trace.key ~ '^[a-z_]+:[0-9]{1,18}$' AND j.record_id = split_part(trace.key, ':', 2)::int8
                  AND j.rule = (SELECT e.rule FROM odoo_events.entity e WHERE e.entity = split_part(trace.key, ':', 1))
                  AND NOT odoo_events._is_published(j.xid, j.id) AND policies IS NULL
                ORDER BY j.id;
END $$;
COMMENT ON FUNCTION odoo_events.trace(text, text, uuid) IS
'the whole way of a document, a subject or one event: committed, published, each attempt, what became of it at each subscription; what is quarantined or not published yet';

CREATE FUNCTION odoo_events._explain_change(entity text, record_id int8, xid xid8, OUT step text, OUT verdict text, OUT detail text) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_explain_change';
COMMENT ON FUNCTION odoo_events._explain_change(text, int8, xid8) IS
'internal: what the publisher makes of a transaction''s change of one record, and why not more';

CREATE FUNCTION odoo_events._explain_steps(entity text, record_id bigint) RETURNS TABLE (step text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  e      odoo_events.entity;
  last   record;
  o      record;
  told   record;
  here   boolean;
  fields jsonb;
  policies constant jsonb := odoo_events._policies('{read,operate,approve}');
BEGIN
  PERFORM odoo_events._check_entities(ARRAY[_explain_steps.entity], 'entity');
  SELECT * INTO e FROM odoo_events.entity x WHERE x.entity = _explain_steps.entity;
  -- whose document it is, its events say
  IF policies IS NOT NULL AND (SELECT bool_and(odoo_events._allows(policies, x.type, x.company_id, x.warehouse_id))
       FROM odoo_events._positions_of(ARRAY[COALESCE(e.label, e.entity) || ':' || _explain_steps.record_id]) p JOIN odoo_events.outbox_all x ON x.position = p) IS NOT TRUE THEN
    RETURN QUERY VALUES ('policy', 'not shown', format('no event of %s %s is known that your policy shows, or not all of them are shown', e.entity, _explain_steps.record_id));
    RETURN;
  END IF;
  RETURN QUERY SELECT 'capture'::text, CASE WHEN s.attached THEN 'attached' WHEN s.relation IS NULL THEN 'no table' ELSE 'not attached' END, concat_ws(': ', s.relation, s.note)
                 FROM odoo_events._capture_status s WHERE s.entity = e.entity;
  IF NOT FOUND THEN
    RETURN QUERY VALUES ('capture', 'no table', format('this database has no table for %s', e.entity));
  END IF;
  RETURN QUERY SELECT 'capture'::text, 'gap'::text, format('%s changes of %s could not be captured at %s: %s', g.changes, g.rule, g.at, g.reason)
                 FROM odoo_events.capture_gap g WHERE g.rule = ANY (e.rules) ORDER BY g.at;
  -- the last change of the record, or of a row that belongs to it, that the journal still holds
  SELECT j.xid, j.id, j.at, j.op, j.rule INTO last FROM odoo_events.journal j
   WHERE j.rule = e.rule AND j.record_id = _explain_steps.record_id
      OR EXISTS (SELECT 1 FROM odoo_events.part p, unnest(p.parent) c, unnest(ARRAY[j.old, j.new]) t
                  WHERE p.entity = e.entity AND p.within IS NULL AND p.rule = j.rule
                    AND (t LIKE '%"' || c || '":' || _explain_steps.record_id || ',%' OR t LIKE '%"' || c || '":' || _explain_steps.record_id || '}'))
   ORDER BY j.id DESC LIMIT 1;
  IF NOT FOUND THEN
    RETURN QUERY VALUES ('journal', 'no net change', format('none of %s %s in the journal%s; only these columns count: %s', e.entity, _explain_steps.record_id,
                         (SELECT ', which begins at ' || min(j.at) FROM odoo_events.journal j),
                         (SELECT array_to_string(r.significant, ', ') FROM odoo_events.capture_rule r WHERE r.rule = e.rule)));
    -- what happened is forgotten: what the rules say to the row as it is, against what its last event told
    SELECT t.* INTO told FROM odoo_events._told(e) t WHERE t.record_id = _explain_steps.record_id;
    fields := odoo_events._plain_fields(e.entity);
    SELECT true, odoo_events._differing(fields, told.image, r.image, false)
                 || CASE WHEN r.state <> told.state THEN jsonb_build_object(e.state_column, told.state) ELSE '{}' END AS other
      INTO here, fields FROM odoo_events._odoo_rows(e.entity, ARRAY(SELECT jsonb_object_keys(fields))) r WHERE r.id = _explain_steps.record_id;
    IF here IS NULL THEN
      RETURN QUERY VALUES ('row', 'no row', format('the table of %s has no row %s', e.entity, _explain_steps.record_id));
    ELSIF told.record_id IS NOT NULL AND fields IS NULL THEN
      RETURN QUERY VALUES ('row', 'as told', 'every column that an event carries as it stands is as the last event says');
    ELSE
      RETURN QUERY VALUES ('row', CASE WHEN told.record_id IS NULL THEN 'never told' ELSE 'other than told' END,
        CASE WHEN told.record_id IS NULL THEN 'had it been made now as it is:' ELSE format('had it just become what it is, by %s:', (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(fields) k)) END);
      RETURN QUERY SELECT x.step, CASE x.verdict WHEN 'event' THEN 'would be an event' ELSE x.verdict END, x.detail
                     FROM odoo_events._would_tell(e.entity, ARRAY[_explain_steps.record_id], ARRAY[e.rule], ARRAY[_explain_steps.record_id],
                                                  ARRAY[CASE WHEN told.record_id IS NULL THEN 'I' ELSE 'U' END], ARRAY[fields::text], true) x;
    END IF;
  ELSE
    RETURN QUERY SELECT 'journal', CASE WHEN odoo_events._is_published(last.xid, min(j.id)) THEN 'published' ELSE 'waits to be published' END,
                        format('%s %s at %s in transaction %s', last.rule, CASE last.op WHEN 'I' THEN 'inserted' WHEN 'D' THEN 'deleted' ELSE 'updated' END,
                               last.at, last.xid)
                   FROM odoo_events.journal j WHERE j.xid = last.xid;
    RETURN QUERY SELECT x.step, x.verdict, x.detail FROM odoo_events._explain_change(e.entity, _explain_steps.record_id, last.xid) x;
  END IF;
  RETURN QUERY SELECT 'quarantine'::text, 'quarantined'::text, format('change %s: %s', q.change_id, q.reason)
                 FROM odoo_events.quarantined q
                WHERE q.key = e.entity || ':' || _explain_steps.record_id OR q.rule = e.rule AND q.record_id = _explain_steps.record_id ORDER BY q.change_id;
  RETURN QUERY SELECT d.type, 'disabled'::text, format('SELECT odoo_events.enable_event(%L);', d.type)
                 FROM odoo_events.event_def d WHERE d.entity = e.entity GROUP BY d.type HAVING NOT bool_or(d.enabled) ORDER BY d.type;
  FOR o IN SELECT x.* FROM odoo_events.outbox_all x WHERE x.entity = COALESCE(e.label, e.entity) AND x.record_id = _explain_steps.record_id ORDER BY x.position DESC LIMIT 10
  LOOP
    RETURN QUERY VALUES ('outbox', 'event', format('%s at position %s, %s', o.type, o.position, o."time"));
    RETURN QUERY SELECT 'subscription ' || c.name, 'filtered'::text, format('%s at position %s: %s', o.type, o.position, u)
                   FROM odoo_events.subscription_config c, odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) u
                  WHERE u IS NOT NULL AND odoo_events._sees(policies, c.name, c.companies, c.warehouses) ORDER BY c.name;
  END LOOP;
  -- how far back this answers
  RETURN QUERY SELECT 'reach'::text, 'changes'::text, COALESCE('what a transaction changed is known since ' || min(j.at), 'no change is known: the journal is empty') FROM odoo_events.journal j;
  RETURN QUERY SELECT 'reach'::text, 'events'::text, COALESCE('events are known since ' || min(x.recordedtime) || ', position ' || min(x.position), 'no event is known: the outbox is empty')
                 FROM odoo_events.outbox_all x;
END $$;
COMMENT ON FUNCTION odoo_events._explain_steps(text, bigint) IS 'internal: what explain() answers, without the verdict';

-- The first line says it in one sentence, from the lines behind it: what stands in the way comes before what has happened.
CREATE FUNCTION odoo_events.explain(entity text, record_id bigint) RETURNS TABLE (step text, verdict text, detail text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH s AS MATERIALIZED (SELECT x.* FROM odoo_events._explain_steps(explain.entity, explain.record_id) WITH ORDINALITY x(step, verdict, detail, n)),
     v AS (SELECT CASE WHEN s.step = 'capture' AND s.verdict IN ('no table', 'not attached') THEN 1 WHEN s.step = 'quarantine' THEN 2
                       WHEN s.verdict = 'waits to be published' THEN 3 WHEN s.step = 'capture' AND s.verdict = 'gap' THEN 4
                       WHEN s.verdict = 'no row' THEN 6 WHEN s.step = 'outbox' THEN 5 WHEN s.verdict IN ('never told', 'other than told') THEN 7
                       WHEN s.step NOT IN ('capture', 'journal', 'row', 'reach') AND s.step NOT LIKE 'subscription %' AND s.verdict <> 'event' THEN 8
                       WHEN s.verdict = 'no net change' THEN 9 END AS rank, s.* FROM s)
SELECT 'verdict', CASE WHEN v.rank = 1 THEN 'not captured' WHEN v.rank = 2 THEN 'quarantined' WHEN v.rank = 3 THEN 'waiting' WHEN v.rank = 4 THEN 'lost'
                       WHEN v.rank = 5 THEN 'told' ELSE 'not told' END,
       CASE v.rank WHEN 1 THEN 'nothing of it is captured: ' || v.detail WHEN 2 THEN 'it waits in quarantine: ' || v.detail
                   WHEN 3 THEN 'its last change is not published yet: ' || v.detail WHEN 4 THEN 'a change may have been lost: ' || v.detail
                   WHEN 5 THEN format('%s of its events are in the outbox, the latest is %s', (SELECT count(*) FROM s x WHERE x.step = 'outbox'), v.detail)
                             || COALESCE('; not for ' || (SELECT string_agg(DISTINCT substr(x.step, 14), ', ') FROM s x WHERE x.verdict = 'filtered'), '')
                   WHEN 8 THEN format('no event: %s %s: %s', v.step, v.verdict, v.detail) ELSE 'no event: ' || v.detail END
  FROM (SELECT * FROM (SELECT * FROM v WHERE v.rank IS NOT NULL UNION ALL SELECT 10, '', '', 'nothing is known of it', 0) x ORDER BY x.rank, x.n LIMIT 1) v
UNION ALL
(SELECT s.step, s.verdict, s.detail FROM s ORDER BY s.n)
$$;
COMMENT ON FUNCTION odoo_events.explain(text, bigint) IS
'why there was no event: not attached, a gap, no net change, condition false and which, disabled, quarantined, filtered; of the last change that the journal still holds, '
'else of the row as it is against what its last event told; "reach" says how far back that is known';
