-- compare: an interface that is being replaced, beside its successor.

CREATE TABLE odoo_events.legacy (
    id     int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    flow   text NOT NULL,
    key    text NOT NULL,
    type   text,                                -- of ours that says the same; null: any
    at     timestamptz NOT NULL,
    fields jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE odoo_events.legacy IS 'what the interface that is being replaced has sent: filled by COPY (flow, key, type, at, fields) or note_legacy(); in no dump';
CREATE INDEX legacy_flow ON odoo_events.legacy (flow, at);

CREATE TABLE odoo_events.comparison_rule (
    id           text PRIMARY KEY,              -- md5 of name: a key of saved_config is letters, digits and "_"
    name         text NOT NULL UNIQUE,
    subscription text NOT NULL,
    key          jsonpath NOT NULL,
    fields       jsonb NOT NULL,
    tolerance    interval NOT NULL,
    ready        numeric NOT NULL
);
COMMENT ON TABLE odoo_events.comparison_rule IS 'how facts of an old interface are compared with events of a subscription; the flow has the name of the comparison';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.comparison_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.comparison_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('name', 'define comparison', 'define comparison', 'drop comparison', 'id,name');

CREATE FUNCTION odoo_events.note_legacy(flow text, key text, type text DEFAULT NULL, at timestamptz DEFAULT now(), fields jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF flow IS NULL OR key IS NULL OR at IS NULL OR fields IS NULL OR jsonb_typeof(fields) <> 'object' THEN
    RAISE EXCEPTION 'a fact of an old interface needs "flow", "key", "at" and an object as "fields"' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.note_legacy(''wms'', ''S00042'', ''odoo.logistics.shipment.dispatched.v1'', fields => ''{"quantity": 3}'');';
  END IF;
  INSERT INTO odoo_events.legacy (flow, key, type, at, fields) VALUES (flow, key, type, at, fields);
END $$;
COMMENT ON FUNCTION odoo_events.note_legacy(text, text, text, timestamptz, jsonb) IS 'notes what the interface that is being replaced has sent, to be compared by compare()';

CREATE FUNCTION odoo_events.define_comparison(name text, subscription text, key jsonpath, fields jsonb DEFAULT '{}', tolerance interval DEFAULT '5 min',
                                              ready numeric DEFAULT 0.999, or_replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f record;
  path jsonpath;
BEGIN
  PERFORM odoo_events._must_be_free('define_comparison');
  IF name IS NULL OR name !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$' OR key IS NULL THEN
    RAISE EXCEPTION 'a comparison needs a usable "name" and "key"' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.define_comparison(''wms'', ''wms'', key => ''$.data.transfer.name'');';
  END IF;
  PERFORM odoo_events._subscription(subscription);
  IF tolerance IS NULL OR tolerance < interval '0' OR tolerance > interval '7 days' OR ready IS NULL OR ready NOT BETWEEN 0 AND 1 THEN
    RAISE EXCEPTION 'argument "%" is out of range', CASE WHEN ready BETWEEN 0 AND 1 THEN 'tolerance' ELSE 'ready' END USING ERRCODE = 'invalid_parameter_value',
      HINT = 'tolerance => ''5 min'' (at most 7 days), ready => 0.999';
  END IF;
  FOR f IN SELECT e.key, e.value FROM jsonb_each_text(fields) e LOOP
    BEGIN
      path := f.value::jsonpath;
    EXCEPTION WHEN syntax_error OR invalid_text_representation OR null_value_not_allowed THEN
      RAISE EXCEPTION 'argument "fields" has no usable path for "%"', f.key USING ERRCODE = 'invalid_parameter_value',
        HINT = 'fields => ''{"quantity": "$.data.move.quantity"}''';
    END;
  END LOOP;
  INSERT INTO odoo_events.comparison_rule AS r VALUES (md5(name), name, subscription, key, fields, tolerance, ready)
  ON CONFLICT ON CONSTRAINT comparison_rule_pkey DO UPDATE
     SET subscription = EXCLUDED.subscription, key = EXCLUDED.key, fields = EXCLUDED.fields, tolerance = EXCLUDED.tolerance, ready = EXCLUDED.ready WHERE or_replace;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'comparison "%" already exists', name USING ERRCODE = 'duplicate_object', HINT = 'or_replace => true replaces it.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.define_comparison(text, text, jsonpath, jsonb, interval, numeric, boolean) IS
'how facts of the flow of that name are compared with the events that a subscription wants: key and fields are paths into the event; ready is the share that must agree';

CREATE FUNCTION odoo_events.drop_comparison(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('drop_comparison');
  DELETE FROM odoo_events.comparison_rule r WHERE r.name = drop_comparison.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'comparison "%" does not exist', name USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.comparison;';
  END IF;
  DELETE FROM odoo_events.legacy l WHERE l.flow = drop_comparison.name;
END $$;
COMMENT ON FUNCTION odoo_events.drop_comparison(text) IS 'removes a comparison, and the facts of its flow';

-- The events that a subscription wants, by the key of the old interface.  The tolerance on both sides finds partners across the borders.
CREATE FUNCTION odoo_events._compared(r odoo_events.comparison_rule, since timestamptz, until timestamptz)
RETURNS TABLE (key text, type text, at timestamptz, fields jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_path_query_first(o.event::jsonb, r.key) #>> '{}', o.type, o."time",
       COALESCE((SELECT jsonb_object_agg(f.key, jsonb_path_query_first(o.event::jsonb, f.value::jsonpath)) FROM jsonb_each_text(r.fields) f), '{}')
  FROM odoo_events.subscription_config c
  JOIN odoo_events.outbox_all o ON o.type LIKE ANY (c.types_like) AND o."time" >= since - r.tolerance AND o."time" < until + r.tolerance
 WHERE c.name = r.subscription AND o.type NOT LIKE 'odoo.platform.%'
   AND odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL
   AND jsonb_path_query_first(o.event::jsonb, r.key) IS NOT NULL
$$;
COMMENT ON FUNCTION odoo_events._compared(odoo_events.comparison_rule, timestamptz, timestamptz) IS 'internal: our side of a comparison';

CREATE FUNCTION odoo_events.compare(name text, since timestamptz DEFAULT now() - interval '1 day', until timestamptz DEFAULT now())
RETURNS TABLE (verdict text, key text, type text, delta interval, differs jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  r odoo_events.comparison_rule;
BEGIN
  PERFORM odoo_events._must_be_free('compare');
  SELECT x.* INTO r FROM odoo_events.comparison_rule x WHERE x.name = compare.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'comparison "%" does not exist', compare.name USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.comparison;';
  END IF;
  -- the same document may be told of more than once: the first there is compared with the first here
  RETURN QUERY
  WITH here AS MATERIALIZED (SELECT h.*, row_number() OVER (PARTITION BY h.key, h.type ORDER BY h.at) AS n FROM odoo_events._compared(r, since, until) h),
       there AS MATERIALIZED (SELECT l.key, COALESCE(l.type, (SELECT min(h.type) FROM here h WHERE h.key = l.key)) AS type, l.at, l.fields FROM odoo_events.legacy l
                               WHERE l.flow = r.name AND l.at >= since - r.tolerance AND l.at < until + r.tolerance),
       numbered AS (SELECT t.*, row_number() OVER (PARTITION BY t.key, t.type ORDER BY t.at) AS n FROM there t),
       pair AS (SELECT COALESCE(h.key, t.key) AS key, COALESCE(h.type, t.type) AS type, h.at AS here_at, t.at AS there_at,
                       (SELECT jsonb_object_agg(f.key, jsonb_build_object('there', t.fields -> f.key, 'here', h.fields -> f.key)) FROM jsonb_object_keys(r.fields) f(key)
                         WHERE COALESCE(t.fields -> f.key, 'null') <> COALESCE(h.fields -> f.key, 'null')) AS differs
                  FROM here h FULL JOIN numbered t ON t.key = h.key AND t.type = h.type AND t.n = h.n)
  SELECT CASE WHEN p.here_at IS NULL THEN 'missing_here' WHEN p.there_at IS NULL THEN 'missing_there' WHEN p.differs IS NOT NULL THEN 'differs'
              WHEN p.here_at - p.there_at > r.tolerance THEN 'late_here' WHEN p.there_at - p.here_at > r.tolerance THEN 'late_there' ELSE 'same' END,
         p.key, p.type, p.here_at - p.there_at, CASE WHEN p.here_at IS NOT NULL AND p.there_at IS NOT NULL THEN p.differs END
    FROM pair p WHERE COALESCE(LEAST(p.here_at, p.there_at), p.here_at, p.there_at) >= since AND COALESCE(LEAST(p.here_at, p.there_at), p.here_at, p.there_at) < until
   ORDER BY COALESCE(LEAST(p.here_at, p.there_at), p.here_at, p.there_at), p.key;
END $$;
COMMENT ON FUNCTION odoo_events.compare(text, timestamptz, timestamptz) IS
'what the old interface has sent beside what a subscription gets: same, late_there, late_here, missing_there, missing_here, differs; delta is how much later ours is';

CREATE VIEW odoo_events.comparison AS
SELECT d.name, d.subscription, d.day, d.n, d.same, round(d.same / d.n::numeric, 4) AS agreement,
       pg_catalog.min(d.same / d.n::numeric) OVER w >= d.ready AND pg_catalog.count(*) OVER w = 3 AS ready
  FROM (SELECT r.name, r.subscription, r.ready, g.day::date AS day, count(*) AS n, count(*) FILTER (WHERE c.verdict = 'same') AS same
          FROM (SELECT x.* FROM odoo_events.comparison_rule x WHERE NOT EXISTS (SELECT 1 FROM odoo_events._my_policy)) r
         CROSS JOIN LATERAL pg_catalog.generate_series(pg_catalog.date_trunc('day', GREATEST((SELECT min(l.at) FROM odoo_events.legacy l WHERE l.flow = r.name), now() - interval '14 days')),
                                                       now(), interval '1 day') g(day)
         CROSS JOIN LATERAL odoo_events.compare(r.name, g.day, LEAST(g.day + interval '1 day', now())) c
         GROUP BY r.name, r.subscription, r.ready, g.day) d
WINDOW w AS (PARTITION BY d.name ORDER BY d.day ROWS 2 PRECEDING)
 ORDER BY d.name, d.day;
COMMENT ON VIEW odoo_events.comparison IS 'per day how much an old interface and a subscription agree; ready: three days in a row, this one included, at least as much as the comparison asks for';
