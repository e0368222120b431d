-- policy: what roles may see and do, and the views that show only that.

CREATE VIEW odoo_events.policy WITH (security_barrier) AS
SELECT r.role, r.may, r.types, r.companies, r.warehouses, r.subscriptions, r.clearance, r.hosts,
       EXISTS (SELECT 1 FROM pg_catalog.pg_roles g WHERE g.rolname = r.role) AS known
  FROM odoo_events.policy_rule r
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events._my_policy)
    OR EXISTS (SELECT 1 FROM pg_catalog.pg_roles g WHERE g.rolname = r.role AND pg_catalog.pg_has_role(session_user, g.oid, 'MEMBER'));
COMMENT ON VIEW odoo_events.policy IS
'what roles may see and do: null is no restriction; known is false for a role that this server does not have; a role under a policy sees its own';

CREATE FUNCTION odoo_events._check_policy(r odoo_events.policy_rule) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text;
BEGIN
  SELECT v.name INTO wrong
    FROM (VALUES ('may', array_position(r.may, NULL)), ('types', array_position(r.types, NULL)), ('companies', array_position(r.companies, NULL)),
                 ('warehouses', array_position(r.warehouses, NULL)), ('subscriptions', array_position(r.subscriptions, NULL)),
                 ('clearance', array_position(r.clearance, NULL)), ('hosts', array_position(r.hosts, NULL))) v(name, at) WHERE v.at IS NOT NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'argument "%" contains a null', wrong USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave the argument out for no restriction.';
  ELSIF NOT r.may <@ '{publish,subscribe,operate,read,approve,consume}' THEN
    RAISE EXCEPTION 'argument "may" is %', r.may USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Name some of publish, subscribe, operate, read, approve and consume.';
  ELSIF EXISTS (SELECT 1 FROM unnest(r.types) t WHERE t !~ '^[a-z0-9_.*]+$') THEN
    RAISE EXCEPTION 'argument "types" has an unusable pattern' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Types consist of a-z, 0-9, "_" and "."; "*" stands for any of them, also none.';
  ELSIF NOT r.clearance <@ '{public,internal,confidential,personal}' THEN
    RAISE EXCEPTION 'argument "clearance" is %', r.clearance USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Name some of public, internal, confidential and personal.';
  ELSIF EXISTS (SELECT 1 FROM unnest(r.hosts) h WHERE h !~ '^[A-Za-z0-9*.:\[\]_-]+$') THEN
    RAISE EXCEPTION 'argument "hosts" has an unusable pattern' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Name hosts without scheme, port and path; "*" stands for any characters: hosts => ''{*.example.com}''';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_policy(odoo_events.policy_rule) IS 'internal: refuses an unusable policy';

CREATE FUNCTION odoo_events._set_policy(r odoo_events.policy_rule) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  r.id := md5(r.role);
  PERFORM odoo_events._check_policy(r);
  INSERT INTO odoo_events.policy_rule AS p SELECT (r).*
  ON CONFLICT ON CONSTRAINT policy_rule_pkey DO UPDATE
     SET may = EXCLUDED.may, types = EXCLUDED.types, companies = EXCLUDED.companies, warehouses = EXCLUDED.warehouses,
         subscriptions = EXCLUDED.subscriptions, clearance = EXCLUDED.clearance, hosts = EXCLUDED.hosts
   WHERE p IS DISTINCT FROM EXCLUDED;
END $$;
COMMENT ON FUNCTION odoo_events._set_policy(odoo_events.policy_rule) IS 'internal: writes a policy';

CREATE FUNCTION odoo_events.set_policy(role name, may text[] DEFAULT NULL, types text[] DEFAULT NULL, companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL,
  subscriptions text[] DEFAULT NULL, clearance text[] DEFAULT NULL, hosts text[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r odoo_events.policy_rule;
BEGIN
  PERFORM odoo_events._must_be_free('set_policy');
  IF NOT EXISTS (SELECT 1 FROM pg_roles g WHERE g.rolname = set_policy.role) THEN
    RAISE EXCEPTION 'role "%" in argument "role" does not exist', COALESCE(set_policy.role, 'null') USING ERRCODE = 'undefined_object',
      HINT = format('CREATE ROLE %I NOLOGIN;', set_policy.role);
  END IF;
  IF odoo_events._proposes('set_policy', jsonb_build_object('role', role, 'may', may, 'types', types, 'companies', companies, 'warehouses', warehouses,
       'subscriptions', subscriptions, 'clearance', clearance, 'hosts', hosts)) THEN
    RETURN;
  END IF;
  r.role := set_policy.role; r.may := may; r.types := types; r.companies := companies; r.warehouses := warehouses;
  r.subscriptions := subscriptions; r.clearance := clearance; r.hosts := hosts;
  PERFORM odoo_events._set_policy(r);
END $$;
COMMENT ON FUNCTION odoo_events.set_policy(name, text[], text[], int4[], int4[], text[], text[], text[]) IS
'what a role and its members may see and do; null is no restriction; replaces the role''s policy; policies of several roles add up, and a role without any is not restricted';

CREATE FUNCTION odoo_events.drop_policy(role name) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('drop_policy');
  IF NOT EXISTS (SELECT 1 FROM odoo_events.policy_rule r WHERE r.role = drop_policy.role) THEN
    RAISE EXCEPTION 'role "%" has no policy', drop_policy.role USING ERRCODE = 'undefined_object', HINT = 'SELECT role FROM odoo_events.policy;';
  END IF;
  IF odoo_events._proposes('drop_policy', jsonb_build_object('role', role)) THEN
    RETURN;
  END IF;
  DELETE FROM odoo_events.policy_rule r WHERE r.role = drop_policy.role;
END $$;
COMMENT ON FUNCTION odoo_events.drop_policy(name) IS 'takes the policy of a role away: what it was granted is no longer restricted by it';

-- Kind policy of the configuration.
CREATE FUNCTION odoo_events._export_policy() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT r.role, jsonb_strip_nulls(to_jsonb(r) - '{id,role}'::text[]) FROM odoo_events.policy_rule r
$$;
COMMENT ON FUNCTION odoo_events._export_policy() IS 'internal: kind policy of config_export()';

CREATE FUNCTION odoo_events._import_policy(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    DELETE FROM odoo_events.policy_rule r WHERE r.role = _import_policy.name;
    RETURN;
  END IF;
  PERFORM odoo_events._check_item('policy', name, item, '{may,types,companies,warehouses,subscriptions,clearance,hosts}');
  PERFORM odoo_events._set_policy(jsonb_populate_record(NULL::odoo_events.policy_rule, item || jsonb_build_object('role', name)));
END $$;
COMMENT ON FUNCTION odoo_events._import_policy(text, jsonb) IS 'internal: kind policy of config_apply()';

CREATE FUNCTION odoo_events._effect_policy(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN path IS NULL AND wanted IS NULL OR path IS NOT NULL AND (wanted IS NULL OR NOT is_now @> wanted) THEN 'high' ELSE 'medium' END,
       CASE WHEN NOT EXISTS (SELECT 1 FROM pg_roles g WHERE g.rolname = name) THEN 'this server has no such role'
            WHEN path IS NULL AND wanted IS NULL THEN 'nothing restricts the role any more' END
$$;
COMMENT ON FUNCTION odoo_events._effect_policy(text, text, jsonb, jsonb) IS 'internal: what a change of a policy means';

-- ---- what operators do ----

-- For what concerns a whole subscription.
CREATE FUNCTION odoo_events._must_be_whole(c odoo_events.subscription_config, function text, verbs text[] DEFAULT '{operate,subscribe}', strictly boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p constant jsonb := odoo_events._policies(verbs);
BEGIN
  -- a broker may have several hosts; null is not asked for
  IF EXISTS (SELECT 1 FROM unnest(CASE WHEN strictly AND c.url IS NOT NULL THEN COALESCE(odoo_events._url_hosts(c.url), '{""}') ELSE '{NULL}' END) h(host)
              WHERE NOT odoo_events._sees_whole(p, c.name, c.types, c.companies, c.warehouses, CASE WHEN strictly THEN c.clearance END, h.host)) THEN
    PERFORM odoo_events._deny(format('%s(%L) concerns more than your policy allows', function, c.name),
      'SELECT * FROM odoo_events.policy;  -- the whole subscription must be inside: its name, types, companies, warehouses'
      || CASE WHEN strictly THEN ', clearance and host' ELSE '' END);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._must_be_whole(odoo_events.subscription_config, text, text[], boolean) IS
'internal: refuses a caller whose policies do not hold the whole subscription; strictly: its clearance and host too';

-- A call as a statement, of the arguments that were given.
CREATE FUNCTION odoo_events._statement(function text, args jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT format('SELECT odoo_events.%I(%s);', function, string_agg(format('%I => %s', e.key, CASE jsonb_typeof(e.value)
         WHEN 'array' THEN quote_literal((SELECT COALESCE(array_agg(x ORDER BY n), '{}')::text FROM jsonb_array_elements_text(e.value) WITH ORDINALITY y(x, n)))
         WHEN 'number' THEN e.value #>> '{}' WHEN 'boolean' THEN e.value #>> '{}' ELSE quote_literal(e.value #>> '{}') END), ', ' ORDER BY e.key <> 'name', e.key))
  FROM jsonb_each(args) e WHERE e.value <> 'null'
$$;
COMMENT ON FUNCTION odoo_events._statement(text, jsonb) IS 'internal: a call of a function as a statement';

-- For what can be done to the part of a subscription that a policy allows: companies and warehouses must say which.
CREATE FUNCTION odoo_events._must_be_narrow(c odoo_events.subscription_config, function text, args jsonb, types text[], companies int4[], warehouses int4[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p constant jsonb := odoo_events._policies('{operate}');
  mine jsonb;
BEGIN
  IF odoo_events._sees_whole(p, c.name, COALESCE(types, c.types), COALESCE(companies, c.companies), COALESCE(warehouses, c.warehouses), NULL, NULL) THEN
    RETURN;
  END IF;
  SELECT e INTO mine FROM jsonb_array_elements(p) e WHERE odoo_events._sees(jsonb_build_array(e), c.name, c.companies, c.warehouses) LIMIT 1;
  PERFORM odoo_events._deny(format('%s(%L) concerns more than your policy allows', function, c.name),
    CASE WHEN mine IS NULL THEN 'SELECT * FROM odoo_events.policy;  -- the subscription is outside of it'
         ELSE odoo_events._statement(function, args || CASE WHEN mine ? 'companies' THEN jsonb_build_object('companies', mine -> 'companies') ELSE '{}' END
                || CASE WHEN mine ? 'warehouses' THEN jsonb_build_object('warehouses', mine -> 'warehouses') ELSE '{}' END
                || CASE WHEN mine ? 'types' AND function = 'replay' THEN jsonb_build_object('types', mine -> 'types') ELSE '{}' END) END);
END $$;
COMMENT ON FUNCTION odoo_events._must_be_narrow(odoo_events.subscription_config, text, jsonb, text[], int4[], int4[]) IS
'internal: refuses a caller whose policies do not hold what companies and warehouses leave of a subscription; the hint is the statement that does';

-- Which events companies and warehouses mean: as policies do, what has none of them is included.
CREATE FUNCTION odoo_events._within(company_id int4, warehouse_id int4, companies int4[], warehouses int4[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT (companies IS NULL OR company_id IS NULL OR company_id = ANY (companies)) AND (warehouses IS NULL OR warehouse_id IS NULL OR warehouse_id = ANY (warehouses))
$$;
COMMENT ON FUNCTION odoo_events._within(int4, int4, int4[], int4[]) IS 'internal: is an event of these companies and warehouses';

-- emit() under a policy, called by C where there is any policy.
CREATE FUNCTION odoo_events._check_publish(type text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT odoo_events._allows(odoo_events._policies('{publish}'), type, NULL, NULL) THEN
    PERFORM odoo_events._deny(format('your policy does not allow to publish events of type %s', type), 'SELECT types FROM odoo_events.policy;  -- those that it allows');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_publish(text) IS 'internal: refuses types that the caller''s policies do not let him publish';

-- ---- views ----

CREATE VIEW odoo_events.audit_log WITH (security_barrier) AS
SELECT a.at, a.who, a.client, a.what, a.object, a.old, a.new FROM odoo_events.audit a
 WHERE (SELECT m.sees FROM odoo_events._my_policy m) IS NULL OR a.who = session_user
    OR a.object IN (SELECT c.name FROM odoo_events.subscription_config c
                     WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses))
 ORDER BY a.id;
COMMENT ON VIEW odoo_events.audit_log IS
'who changed which configuration, replayed, skipped, discarded ..., when, from what to what; without secrets, kept for ever';

-- The view outbox cannot stop after the first rows when it is read from its end: what a policy hides must be left out before the
-- reader's own conditions see it.
CREATE FUNCTION odoo_events.latest(max int DEFAULT 20, types text[] DEFAULT NULL, before int8 DEFAULT NULL) RETURNS SETOF odoo_events.outbox
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p constant jsonb := odoo_events._policies('{read}');
BEGIN
  IF max IS NULL OR max NOT BETWEEN 1 AND 10000 THEN
    RAISE EXCEPTION 'argument "max" is %', max USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 10000.';
  END IF;
  RETURN QUERY SELECT o.position, o.id, o.type, o.subject, o.partitionkey, o."time", o.recordedtime, o.entity, o.record_id, o.company_id, o.warehouse_id,
                      o.correlationid, o.causationid, o.odootx, o.event::json
                 FROM odoo_events.outbox_all o
                WHERE (before IS NULL OR o.position < before) AND odoo_events._allows(p, o.type, o.company_id, o.warehouse_id)
                  AND (types IS NULL OR o.type LIKE ANY (ARRAY(SELECT replace(replace(t, '_', '\_'), '*', '%') FROM unnest(types) t)))
                ORDER BY o.position DESC LIMIT max;
END $$;
COMMENT ON FUNCTION odoo_events.latest(int, text[], int8) IS 'the newest events, the newest first, that the caller''s policies show; types: patterns; before: a position';

CREATE FUNCTION odoo_events._denied_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_denied_total', 'counter', jsonb_build_object('role', d.role), d.denied::float8, 'Calls that a policy refused to a role, since the server started.'
  FROM odoo_events._denied() d ORDER BY d.role
$$;
COMMENT ON FUNCTION odoo_events._denied_metrics() IS 'internal: the metrics of what policies refused';

-- What health() shows under a policy: all checks with their status, in words only what tells of no other subscription and no document.
CREATE FUNCTION odoo_events._health_visible("check" text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT p.p IS NULL OR "check" IN ('worker', 'version', 'limits', 'arming', 'gaps', 'journal', 'output plugin', 'wal', 'owner', 'indexes')
       OR EXISTS (SELECT 1 FROM odoo_events.subscription_config c WHERE 'subscription ' || c.name = "check" AND odoo_events._sees(p.p, c.name, c.companies, c.warehouses))
  FROM (SELECT odoo_events._policies('{read,operate,approve}') AS p) p
$$;
COMMENT ON FUNCTION odoo_events._health_visible(text) IS 'internal: may the caller read what health() says about this';
