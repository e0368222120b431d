-- care: who looks after a subscription or a type of event, how urgent it is, where its runbook is, and until when a type is sent.

-- Written by set_care() only.  A rule is about one subscription, or about a pattern of types, perhaps of one company or warehouse.
CREATE TABLE odoo_events.care_rule (
    id           text PRIMARY KEY,              -- md5 of name: a key of saved_config is letters, digits and "_"
    name         text NOT NULL UNIQUE,          -- what it is about, in words, for audit_log
    subscription text,
    type         text,                          -- a pattern, as in subscribe(types => ...)
    type_like    text,                          -- the same as a LIKE pattern
    company_id   int4,
    warehouse_id int4,
    owner        text,
    contact      text,
    criticality  int2 CHECK (criticality BETWEEN 1 AND 5),
    runbook      text,
    escalation   jsonb,
    sunset       date,
    CHECK ((subscription IS NULL) <> (type IS NULL))
);
COMMENT ON TABLE odoo_events.care_rule IS 'what set_care() was given; read it through the view care';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.care_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.care_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('name', 'set_care', 'set_care', 'set_care', 'id,name,type_like');

CREATE VIEW odoo_events._care AS
SELECT r.subscription, r.type, r.company_id, r.warehouse_id, r.owner, r.contact, r.criticality, r.runbook, r.escalation, r.sunset
  FROM odoo_events.care_rule r;
COMMENT ON VIEW odoo_events._care IS 'internal: what care shows';

-- Each attribute is that of the most specific rule that has it.  What subscribe(owner, contact) was given stands behind the subscription's own rule.
CREATE FUNCTION odoo_events._care(subscription text, type text DEFAULT NULL, company_id int4 DEFAULT NULL, warehouse_id int4 DEFAULT NULL,
  OUT owner text, OUT contact text, OUT criticality int2, OUT runbook text, OUT escalation jsonb, OUT sunset date)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT (array_agg(r.owner ORDER BY r.rank) FILTER (WHERE r.owner IS NOT NULL))[1],
       (array_agg(r.contact ORDER BY r.rank) FILTER (WHERE r.contact IS NOT NULL))[1],
       (array_agg(r.criticality ORDER BY r.rank) FILTER (WHERE r.criticality IS NOT NULL))[1],
       (array_agg(r.runbook ORDER BY r.rank) FILTER (WHERE r.runbook IS NOT NULL))[1],
       (array_agg(r.escalation ORDER BY r.rank) FILTER (WHERE r.escalation IS NOT NULL))[1],
       (array_agg(r.sunset ORDER BY r.rank) FILTER (WHERE r.sunset IS NOT NULL))[1]
  FROM (SELECT ARRAY[CASE WHEN c.subscription IS NOT NULL THEN 0 ELSE 2 END, (c.warehouse_id IS NULL)::int, (c.company_id IS NULL)::int,
                     strpos(c.type, '*'), -length(c.type)] AS rank,
               c.owner, c.contact, c.criticality, c.runbook, c.escalation, c.sunset
          FROM odoo_events.care_rule c
         WHERE c.subscription = _care.subscription
            OR _care.type LIKE c.type_like AND (c.company_id IS NULL OR c.company_id = _care.company_id)
               AND (c.warehouse_id IS NULL OR c.warehouse_id = _care.warehouse_id)
        UNION ALL
        SELECT ARRAY[1], s.owner, s.contact, NULL, NULL, NULL, NULL
          FROM odoo_events.subscription_config s WHERE s.name = _care.subscription) r
$$;
COMMENT ON FUNCTION odoo_events._care(text, text, int4, int4) IS
'internal: who looks after a subscription and a type, how urgent it is, and where its runbook is; null where nobody has said so';

-- For platform events: {"care": {...}}, or nothing where nobody looks after it.
CREATE FUNCTION odoo_events._care_json(subscription text, type text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN j.care = '{}' THEN '{}' ELSE jsonb_build_object('care', j.care) END
  FROM (SELECT jsonb_strip_nulls(jsonb_build_object('owner', c.owner, 'contact', c.contact, 'criticality', c.criticality, 'runbook', c.runbook)) AS care
          FROM odoo_events._care(_care_json.subscription, _care_json.type) c) j
$$;
COMMENT ON FUNCTION odoo_events._care_json(text, text) IS 'internal: the member "care" of a platform event';

-- For health() and diagnose(): "; owner Shipping IT, contact ..., runbook ...".
CREATE FUNCTION odoo_events._care_text(subscription text, type text DEFAULT NULL, warehouse_id int4 DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT concat_ws(', ', 'owner ' || c.owner, 'contact ' || c.contact, 'criticality ' || c.criticality, 'runbook ' || c.runbook)
  FROM odoo_events._care(_care_text.subscription, _care_text.type, NULL, _care_text.warehouse_id) c
$$;
COMMENT ON FUNCTION odoo_events._care_text(text, text, int4) IS 'internal: who looks after it, in words; empty where nobody does';

CREATE FUNCTION odoo_events._care_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_subscription_info', 'gauge',
       jsonb_build_object('subscription', s.name, 'owner', COALESCE(c.owner, ''), 'contact', COALESCE(c.contact, ''),
                          'criticality', COALESCE(c.criticality::text, ''), 'runbook', COALESCE(c.runbook, '')),
       1::float8, 'Who looks after a subscription, for joins on its name.'
  FROM odoo_events.subscription_config s, odoo_events._care(s.name) c ORDER BY s.name
$$;
COMMENT ON FUNCTION odoo_events._care_metrics() IS 'internal: who looks after each subscription, as labels';

-- The subscriptions that want events of a type or pattern: each pattern is taken as a type that the other may match.
CREATE FUNCTION odoo_events._subscribers(type text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(array_agg(s.name ORDER BY s.name), '{}')
  FROM odoo_events.subscription_config s
 WHERE EXISTS (SELECT 1 FROM unnest(s.types, s.types_like) t(pattern, likes)
                WHERE _subscribers.type LIKE t.likes OR t.pattern LIKE replace(replace(_subscribers.type, '_', '\_'), '*', '%'))
$$;
COMMENT ON FUNCTION odoo_events._subscribers(text) IS 'internal: names of the subscriptions to a type or a pattern of types';

CREATE FUNCTION odoo_events._check_care(criticality int, owner text, contact text, runbook text, escalation jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a record;
BEGIN
  IF criticality NOT BETWEEN 0 AND 5 THEN
    RAISE EXCEPTION 'argument "criticality" is %', criticality USING ERRCODE = 'invalid_parameter_value',
      HINT = '1 is the most urgent, 5 the least; 0 takes it away.';
  END IF;
  FOR a IN SELECT * FROM (VALUES ('owner', owner), ('contact', contact), ('runbook', runbook)) v(name, given) LOOP
    IF length(a.given) > 500 OR a.given ~ '[[:cntrl:]]' THEN
      RAISE EXCEPTION 'argument "%" is longer than 500 characters, or has control characters', a.name USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Give a name, an address or a URL, on one line.';
    END IF;
  END LOOP;
  IF escalation IS NULL OR escalation = '{}' THEN
    RETURN;
  END IF;
  IF jsonb_typeof(escalation) <> 'object' OR COALESCE(escalation ->> 'contact', '') = '' OR escalation - '{after,contact}'::text[] <> '{}' THEN
    RAISE EXCEPTION 'argument "escalation" is not an object of "after" and "contact"' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'escalation => ''{"after": "30 min", "contact": "duty@example.com"}''';
  END IF;
  BEGIN
    IF (escalation ->> 'after')::interval <= '0' THEN
      RAISE EXCEPTION SQLSTATE '22007';
    END IF;
  EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow THEN
    RAISE EXCEPTION 'argument "escalation" has no usable time "after"' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'escalation => ''{"after": "30 min", "contact": "duty@example.com"}''';
  END;
END $$;
COMMENT ON FUNCTION odoo_events._check_care(int, text, text, text, jsonb) IS 'internal: refuses arguments of set_care() that cannot be used';

-- One rule: what is null stays, what is empty goes, and so does a rule with nothing left.
CREATE FUNCTION odoo_events._set_care(r odoo_events.care_rule) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  r.id := md5(r.name);
  IF r.sunset IS NOT NULL AND r.sunset IS DISTINCT FROM (SELECT c.sunset FROM odoo_events.care_rule c WHERE c.id = r.id) AND isfinite(r.sunset) THEN
    PERFORM odoo_events._emit('odoo.platform.type.deprecated.v1', 'type/' || r.type,
      jsonb_build_object('type', jsonb_build_object('name', r.type, 'sunset', r.sunset), 'subscribers', to_jsonb(odoo_events._subscribers(r.type)))
        || odoo_events._care_json(NULL, r.type), 'type:' || r.type);
  END IF;
  INSERT INTO odoo_events.care_rule AS c (id, name, subscription, type, type_like, company_id, warehouse_id, owner, contact, criticality, runbook, escalation, sunset)
  VALUES (r.id, r.name, r.subscription, r.type, r.type_like, r.company_id, r.warehouse_id, NULLIF(r.owner, ''), NULLIF(r.contact, ''), NULLIF(r.criticality, 0),
          NULLIF(r.runbook, ''), NULLIF(r.escalation, '{}'), NULLIF(r.sunset, 'infinity'))
  ON CONFLICT ON CONSTRAINT care_rule_pkey DO UPDATE
     SET owner = NULLIF(COALESCE(r.owner, c.owner), ''), contact = NULLIF(COALESCE(r.contact, c.contact), ''),
         criticality = NULLIF(COALESCE(r.criticality, c.criticality), 0), runbook = NULLIF(COALESCE(r.runbook, c.runbook), ''),
         escalation = NULLIF(COALESCE(r.escalation, c.escalation), '{}'), sunset = NULLIF(COALESCE(r.sunset, c.sunset), 'infinity');
  DELETE FROM odoo_events.care_rule c WHERE c.id = r.id AND num_nonnulls(c.owner, c.contact, c.criticality, c.runbook, c.escalation, c.sunset) = 0;
END $$;
COMMENT ON FUNCTION odoo_events._set_care(odoo_events.care_rule) IS 'internal: adds, changes or drops one rule of care';

CREATE FUNCTION odoo_events.set_care(types text[] DEFAULT NULL, subscriptions text[] DEFAULT NULL, companies int4[] DEFAULT NULL,
  warehouses int4[] DEFAULT NULL, owner text DEFAULT NULL, contact text DEFAULT NULL, criticality int DEFAULT NULL, runbook text DEFAULT NULL,
  escalation jsonb DEFAULT NULL, sunset date DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r odoo_events.care_rule;
  n bigint := 0;
BEGIN
  PERFORM odoo_events._must_be_free('set_care');
  IF num_nonnulls(types, subscriptions) <> 1 THEN
    RAISE EXCEPTION 'either argument "types" or "subscriptions" says what it is about' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.set_care(types => ''{odoo.logistics.*}'', owner => ''Shipping IT'', contact => ''shipping@example.com'');';
  END IF;
  IF subscriptions IS NOT NULL AND num_nonnulls(companies, warehouses, sunset) > 0 THEN
    RAISE EXCEPTION 'arguments "companies", "warehouses" and "sunset" are about types, not about subscriptions' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.set_care(types => ''{odoo.logistics.*}'', warehouses => ''{1}'', owner => ''Shipping IT'');';
  END IF;
  PERFORM odoo_events._check_care(criticality, owner, contact, runbook, escalation);
  r.owner := owner; r.contact := contact; r.criticality := criticality; r.runbook := runbook; r.escalation := escalation; r.sunset := sunset;
  FOREACH r.subscription IN ARRAY COALESCE(subscriptions, '{}') LOOP
    PERFORM odoo_events._subscription(r.subscription);
    r.name := 'subscription ' || r.subscription;
    PERFORM odoo_events._set_care(r);
    n := n + 1;
  END LOOP;
  IF types IS NOT NULL THEN
    PERFORM odoo_events._types_like(types);
    r.subscription := NULL;
    FOR r.type, r.company_id, r.warehouse_id IN
      SELECT t, c, w FROM unnest(types) t, unnest(COALESCE(companies, ARRAY[NULL::int4])) c, unnest(COALESCE(warehouses, ARRAY[NULL::int4])) w LOOP
      r.type_like := replace(replace(r.type, '_', '\_'), '*', '%');
      r.name := concat_ws(' ', r.type, 'company ' || r.company_id, 'warehouse ' || r.warehouse_id);
      PERFORM odoo_events._set_care(r);
      n := n + 1;
    END LOOP;
  END IF;
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events.set_care(text[], text[], int4[], int4[], text, text, int, text, jsonb, date) IS
'says who looks after types or subscriptions: owner, contact, criticality (1 the most urgent, to 5), runbook, escalation ({"after": interval, "contact"}), '
'sunset (the day after which a type is no longer sent); null leaves as it is, ''''  0  {} and infinity take away; answers how many rules were set';

CREATE FUNCTION odoo_events._forget_care() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM odoo_events.care_rule c WHERE c.subscription = OLD.name;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._forget_care() IS 'internal: a subscription that is gone needs no care';
CREATE TRIGGER forget_care AFTER DELETE ON odoo_events.subscription_config FOR EACH ROW EXECUTE FUNCTION odoo_events._forget_care();

CREATE FUNCTION odoo_events._health_sunset() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'sunset', 'warn', format('%s %s %s: subscribed by %s%s', r.type, CASE WHEN r.sunset < current_date THEN 'should have ended' ELSE 'ends' END, r.sunset,
         array_to_string(s.names, ', '), '; ' || NULLIF(odoo_events._care_text(NULL, r.type), '')),
       format('SELECT type, sunset, owner, contact, runbook FROM odoo_events.care WHERE type = %L;  -- its subscribers have to change to what comes instead', r.type)
  FROM odoo_events.care_rule r, LATERAL odoo_events._subscribers(r.type) s(names)
 WHERE r.sunset IS NOT NULL AND s.names <> '{}'
$$;
COMMENT ON FUNCTION odoo_events._health_sunset() IS 'internal: types that end, and who still subscribes to them; no rows where there are none';

-- One key of two parties: each could sign as the other, and rotating it for one breaks the other.
CREATE FUNCTION odoo_events._health_credentials() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH s AS MATERIALIZED (
  SELECT c.name, y.owner, x.secret, COALESCE(x.auth ->> 'token', x.auth ->> 'password', x.auth ->> 'client_secret') AS token, x.tls_key
    FROM odoo_events.subscription_config c JOIN odoo_events.subscription_secret x ON x.subscription_id = c.id, LATERAL odoo_events._care(c.name) y
   WHERE y.owner IS NOT NULL)
SELECT 'credentials', 'warn', format('subscriptions %s have the same %s, and different owners: %s', string_agg(u.name, ', ' ORDER BY u.name), u.kind,
         string_agg(DISTINCT u.owner, ', ')),
       CASE u.kind WHEN 'signing secret' THEN format('SELECT odoo_events.rotate_secret(%L);  -- and give its receiver the new one', min(u.name))
            ELSE format('SELECT name, auth, tls FROM odoo_events.subscription WHERE name = ANY (%L);  -- alter_subscription(%L, %s => ...) gives one of them its own',
                        array_agg(u.name ORDER BY u.name), min(u.name), CASE u.kind WHEN 'token' THEN 'auth' ELSE 'tls' END) END
  FROM (SELECT s.name, s.owner, 'signing secret' AS kind, s.secret AS value FROM s
        UNION ALL SELECT s.name, s.owner, 'token', convert_to(s.token, 'UTF8') FROM s
        UNION ALL SELECT s.name, s.owner, 'client certificate', convert_to(s.tls_key, 'UTF8') FROM s) u
 WHERE u.value IS NOT NULL GROUP BY u.kind, u.value HAVING count(DISTINCT u.owner) > 1
$$;
COMMENT ON FUNCTION odoo_events._health_credentials() IS 'internal: credentials that subscriptions of different owners share; no rows where there are none';
