-- retention: how long personal data stay in what is kept.

CREATE TABLE odoo_events.retention_rule (
    class   text PRIMARY KEY,
    keep    interval NOT NULL
);
COMMENT ON TABLE odoo_events.retention_rule IS 'what set_retention() was given';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.retention_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('class');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.retention_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('class', 'set_retention', 'set_retention', 'set_retention', 'class');
CREATE CONSTRAINT TRIGGER revision AFTER INSERT OR UPDATE OR DELETE ON odoo_events.retention_rule
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION odoo_events._note_change();

-- How far the worker is: a run begins once a day and takes as many minutes as it needs.
CREATE TABLE odoo_events.retention_run (
    class    text PRIMARY KEY,
    began_at timestamptz NOT NULL,
    before   timestamptz NOT NULL,
    events   int8 NOT NULL,
    ended_at timestamptz,
    reached  int8 NOT NULL DEFAULT 0            -- events up to this position have been looked at, in this run or an earlier one
);
COMMENT ON TABLE odoo_events.retention_run IS 'the latest run of each rule of set_retention(); in no dump';

-- Does an event have anything personal left?
CREATE FUNCTION odoo_events._has_personal(event text, classes text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT (classes ~ '(^| )3:' OR left(event, strpos(event, ',"data":')) ~ ',"authid":') IS TRUE AND left(event, strpos(event, ',"data":')) !~ ',"erasedtime":'
$$;
COMMENT ON FUNCTION odoo_events._has_personal(text, text) IS 'internal: has an event personal members or an actor that nobody has erased';

-- Of events behind "since", up to "upto".
CREATE FUNCTION odoo_events._retain_outbox(since int8, upto int8, at timestamptz) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ids  uuid[] := '{}';
  part uuid[];
BEGIN
  FOR i IN 0..7 LOOP
    EXECUTE format('WITH u AS (UPDATE odoo_events.%I x SET event = odoo_events._erased(x.event, x.classes, $3), subject = odoo_events._erased(x.event, x.classes, $3)::json ->> ''subject''
                                WHERE x.position > $1 AND x.position <= $2 AND odoo_events._has_personal(x.event, x.classes) RETURNING x.id)
                    SELECT array_agg(u.id) FROM u', concat('outbox_', i)) INTO part USING since, upto, at;
    ids := ids || part;
  END LOOP;
  RETURN ids;
END $$;
COMMENT ON FUNCTION odoo_events._retain_outbox(int8, int8, timestamptz) IS 'internal: takes personal data out of a range of the outbox; answers of which events';

CREATE FUNCTION odoo_events._retain_dead(before timestamptz, at timestamptz, most int) RETURNS uuid[]
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH t AS (SELECT d.ctid AS place FROM odoo_events.dead d WHERE d.first_at < before AND odoo_events._has_personal(d.event, d.classes) LIMIT most),
     u AS (UPDATE odoo_events.dead x SET event = odoo_events._erased(x.event, x.classes, at), subject = odoo_events._erased(x.event, x.classes, at)::json ->> 'subject'
             FROM t WHERE x.ctid = t.place RETURNING x.event_id AS id)
SELECT COALESCE(array_agg(u.id), '{}') FROM u
$$;
COMMENT ON FUNCTION odoo_events._retain_dead(timestamptz, timestamptz, int) IS 'internal: takes personal data out of old dead letters; answers of which events';

-- What a rule reaches now.
CREATE FUNCTION odoo_events._retention_reach(before timestamptz) RETURNS TABLE (place text, rows int8)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'outbox', count(*) FROM odoo_events.outbox_all o WHERE o.recordedtime < before AND odoo_events._has_personal(o.event, o.classes)
UNION ALL SELECT 'dead_letter', count(*) FROM odoo_events.dead d WHERE d.first_at < before AND odoo_events._has_personal(d.event, d.classes)
UNION ALL SELECT 'attempt', count(*) FROM odoo_events.attempt a WHERE a.at < before AND a.response IS NOT NULL
UNION ALL SELECT 'not reached: quarantine', count(*) FROM odoo_events.quarantined q WHERE q.at < before
UNION ALL SELECT 'not reached: own events, whose members have no class; names of documents in milestones and the audit', NULL
UNION ALL SELECT 'not reached: WAL, backups, standbys'' archives, archives with proofs, consumers; old row versions until VACUUM', NULL
$$;
COMMENT ON FUNCTION odoo_events._retention_reach(timestamptz) IS 'internal: how much older than this has personal data, and what is not reached';

-- A slice of a run; the worker calls it once a minute.  It looks at each position once, because the outbox is large, and it takes a second
-- at most.  Where somebody has locked what it needs, as a transaction with erase() does, it tries again a minute later.
CREATE FUNCTION odoo_events._retain(most int DEFAULT 5000) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
  rule   odoo_events.retention_rule;
  run    odoo_events.retention_run;
  l      odoo_events.seal_log;
  at     constant timestamptz := clock_timestamp();
  newest constant int8 := odoo_events._last_position();
  sealed int8 := newest;                        -- nobody could tell later what an event without a leaf was
  ids    uuid[] := '{}';
  others uuid[];
  young  int8;
  upto   int8;
  done   boolean;
BEGIN
  SELECT r.* INTO rule FROM odoo_events.retention_rule r LEFT JOIN odoo_events.retention_run x USING (class)
   WHERE x.class IS NULL OR x.ended_at IS NULL OR x.began_at < at - interval '1 day' OR x.before <> x.began_at - r.keep LIMIT 1;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  l := odoo_events._seal_current(false);
  IF l.id IS NOT NULL THEN
    sealed := LEAST(newest, l.first_position + odoo_events._seal_size(l.id) - 1);
  ELSIF EXISTS (SELECT 1 FROM odoo_events.seal_log x WHERE x.closed_at IS NULL) THEN
    RETURN;
  END IF;
  INSERT INTO odoo_events.retention_run AS x (class, began_at, before, events) VALUES (rule.class, at, at - rule.keep, 0)
  ON CONFLICT ON CONSTRAINT retention_run_pkey DO UPDATE SET began_at = EXCLUDED.began_at, before = EXCLUDED.before, events = 0, ended_at = NULL
   WHERE x.ended_at IS NOT NULL OR x.before <> x.began_at - rule.keep;
  SELECT * INTO run FROM odoo_events.retention_run x WHERE x.class = rule.class FOR UPDATE;
  run.reached := GREATEST(run.reached, COALESCE((SELECT min(o.position) - 1 FROM odoo_events.outbox_all o), newest));
  LOOP
    upto := LEAST(run.reached + LEAST(most, 1000), newest);
    young := (SELECT min(o.position) FROM odoo_events.outbox_all o WHERE o.position > run.reached AND o.position <= upto AND o.recordedtime >= run.before);
    upto := LEAST(young - 1, upto, GREATEST(sealed, run.reached));
    ids := ids || odoo_events._retain_outbox(run.reached, upto, at);
    run.reached := upto;
    done := upto >= newest OR COALESCE(young = upto + 1, false);
    EXIT WHEN done OR upto >= sealed OR cardinality(ids) >= most OR clock_timestamp() > at + interval '1 second';
  END LOOP;
  IF done THEN
    others := odoo_events._retain_dead(run.before, at, most);
    done := cardinality(others) < most;
    ids := ids || others;
  END IF;
  IF done THEN
    UPDATE odoo_events.attempt_0 a SET response = NULL WHERE a.at < run.before AND a.response IS NOT NULL;
    UPDATE odoo_events.attempt_1 a SET response = NULL WHERE a.at < run.before AND a.response IS NOT NULL;
  END IF;
  PERFORM odoo_events._seal_erase(ids);
  UPDATE odoo_events.retention_run x SET reached = run.reached, events = x.events + cardinality(ids), ended_at = CASE WHEN done THEN clock_timestamp() END
   WHERE x.class = rule.class RETURNING * INTO run;
  IF run.ended_at IS NULL OR run.events = 0 THEN
    RETURN;
  END IF;
  -- a worker that has read these events before begins anew, as after erase()
  INSERT INTO odoo_events.erasure (at, by, entity, record_id, reason, events) VALUES (at, 'set_retention()', rule.class, 0, format('older than %s', rule.keep), run.events);
  PERFORM odoo_events._audit('retention', rule.class, NULL, jsonb_build_object('before', run.before, 'events', run.events));
  PERFORM odoo_events._emit('odoo.platform.retention.applied.v1', 'retention/' || rule.class,
            jsonb_build_object('retention', jsonb_build_object('class', rule.class, 'keep', rule.keep, 'before', run.before, 'events', run.events)), 'retention:' || rule.class);
  PERFORM odoo_events._wake('config');
EXCEPTION WHEN lock_not_available THEN
  RAISE DEBUG 'personal data stay for another minute: what has them is locked';
END $$;
COMMENT ON FUNCTION odoo_events._retain(int) IS 'internal: a slice of the daily run of set_retention()';

CREATE FUNCTION odoo_events._set_retention(r odoo_events.retention_rule) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF r.class IS DISTINCT FROM 'personal' THEN
    RAISE EXCEPTION 'argument "class" is "%"', COALESCE(r.class, 'null') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT * FROM odoo_events.set_retention(''personal'', ''90 days'');  -- other classes go with the outbox: odoo_events.retention';
  ELSIF r.keep < interval '1 hour' THEN
    RAISE EXCEPTION 'argument "keep" is %', r.keep USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT * FROM odoo_events.set_retention(''personal'', ''90 days'');  -- one hour at least';
  ELSIF r.keep IS NULL THEN
    DELETE FROM odoo_events.retention_rule x WHERE x.class = r.class;
    RETURN;
  END IF;
  INSERT INTO odoo_events.retention_rule AS x SELECT (r).* ON CONFLICT ON CONSTRAINT retention_rule_pkey DO UPDATE SET keep = EXCLUDED.keep WHERE x IS DISTINCT FROM EXCLUDED;
END $$;
COMMENT ON FUNCTION odoo_events._set_retention(odoo_events.retention_rule) IS 'internal: writes how long a class is kept';

CREATE FUNCTION odoo_events.set_retention(class text, keep interval, dry_run boolean DEFAULT true) RETURNS TABLE (place text, rows int8)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  r odoo_events.retention_rule;
BEGIN
  PERFORM odoo_events._must_be_free('set_retention');
  IF dry_run IS NULL THEN
    RAISE EXCEPTION 'argument "dry_run" is null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give true or false.';
  END IF;
  r.class := set_retention.class; r.keep := set_retention.keep;
  IF dry_run AND keep IS NOT NULL THEN
    -- whatever would be refused is
    BEGIN
      PERFORM odoo_events._set_retention(r);
      RAISE EXCEPTION USING ERRCODE = 'OE001';
    EXCEPTION WHEN SQLSTATE 'OE001' THEN
      NULL;
    END;
  ELSIF NOT dry_run THEN
    PERFORM odoo_events._set_retention(r);
  END IF;
  RETURN QUERY SELECT * FROM odoo_events._retention_reach(now() - keep);
END $$;
COMMENT ON FUNCTION odoo_events.set_retention(text, interval, boolean) IS
'once a day the worker takes members of this class (personal) out of all events that are older, as erase() does of one person; null ends that; a dry run by default; answers what is reached, and what is not';

-- Kind retention of the configuration.
CREATE FUNCTION odoo_events._export_retention() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT r.class, jsonb_build_object('keep', r.keep) FROM odoo_events.retention_rule r
$$;
COMMENT ON FUNCTION odoo_events._export_retention() IS 'internal: kind retention of config_export()';

CREATE FUNCTION odoo_events._wanted_retention(name text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
BEGIN
  PERFORM odoo_events._check_item('retention', name, item, '{keep}');
  RETURN jsonb_build_object('keep', (item ->> 'keep')::interval);
EXCEPTION WHEN data_exception THEN
  RAISE EXCEPTION 'retention "%" of the configuration cannot be read: %', name, SQLERRM USING ERRCODE = 'invalid_parameter_value',
    HINT = 'It is {"keep": "90 days"}.';
END $$;
COMMENT ON FUNCTION odoo_events._wanted_retention(text, jsonb) IS 'internal: a retention as it would be exported';

CREATE FUNCTION odoo_events._import_retention(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._set_retention(jsonb_populate_record(NULL::odoo_events.retention_rule, COALESCE(item, '{}') || jsonb_build_object('class', name)));
END $$;
COMMENT ON FUNCTION odoo_events._import_retention(text, jsonb) IS 'internal: kind retention of config_apply()';

CREATE FUNCTION odoo_events._effect_retention(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN n.keep IS NULL THEN 'low' ELSE 'high' END,
       CASE WHEN n.keep IS NULL THEN 'personal data stay as long as the events'
            ELSE format('takes personal data out of %s events for ever', (SELECT count(*) FROM odoo_events.outbox_all o WHERE o.recordedtime < now() - n.keep AND odoo_events._has_personal(o.event, o.classes))) END
  FROM (SELECT (CASE WHEN path IS NULL THEN wanted ->> 'keep' ELSE wanted #>> '{}' END)::interval AS keep) n
$$;
COMMENT ON FUNCTION odoo_events._effect_retention(text, text, jsonb, jsonb) IS 'internal: what a change of a retention means';
