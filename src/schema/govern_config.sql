-- config: the configuration as one JSON document, which can be exported, compared and applied.
--
-- A kind of configuration is a row of _config_kind and up to four functions, found by their names:
--   _export_<kind>() RETURNS TABLE (name text, item jsonb)      what there is: without secrets, numbers and what is a default anyway
--   _import_<kind>(name text, item jsonb)                        makes it so; item null: removes it
--   _wanted_<kind>(name text, item jsonb) RETURNS jsonb         optional: checks an item; answers it as it would be exported
--   _effect_<kind>(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
--                                                               optional: what a change means; path null: the whole item comes or goes

CREATE VIEW odoo_events._config_kind AS
SELECT v.kind, v.place
  FROM (VALUES ('definition', 10), ('type', 20), ('policy', 30), ('calendar', 40), ('residency', 45), ('subscription', 50), ('sla', 55), ('care', 60), ('comparison', 70), ('retention', 80)) v(kind, place);
COMMENT ON VIEW odoo_events._config_kind IS 'internal: kinds of configuration; they are applied in the order of place, and removed in the reverse one';

-- ---- values that differ from one environment to the next ----

CREATE TABLE odoo_events.environment_setting (
    environment text PRIMARY KEY,
    settings    jsonb NOT NULL
);
COMMENT ON TABLE odoo_events.environment_setting IS 'values that configurations name as ${name}, per environment; in no dump';
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.environment_setting
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('environment', 'set_environment', 'set_environment', 'set_environment', 'environment');

CREATE FUNCTION odoo_events.set_environment(environment text, settings jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text;
BEGIN
  PERFORM odoo_events._must_be_free('set_environment');
  IF environment !~ '^[A-Za-z0-9_-]{1,63}$' OR environment IS NULL THEN
    RAISE EXCEPTION 'argument "environment" cannot be "%"', environment USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Use a word such as production: letters, digits, "_" and "-".';
  END IF;
  IF settings IS NULL OR settings = '{}' THEN
    DELETE FROM odoo_events.environment_setting e WHERE e.environment = set_environment.environment;
    RETURN;
  END IF;
  IF jsonb_typeof(settings) <> 'object' THEN
    RAISE EXCEPTION 'argument "settings" is not a JSON object' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'settings => ''{"wms_url": "https://wms.example.com/hooks/odoo"}''; ''{}'' removes the environment.';
  END IF;
  SELECT k INTO wrong FROM jsonb_object_keys(settings) k WHERE k !~ '^[a-z][a-z0-9_]{0,62}$';
  IF FOUND THEN
    RAISE EXCEPTION 'argument "settings" has the unusable name "%"', wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Names consist of a-z, 0-9 and "_", and begin with a letter; a configuration says ${name}.';
  END IF;
  INSERT INTO odoo_events.environment_setting AS e (environment, settings) VALUES (set_environment.environment, set_environment.settings)
  ON CONFLICT ON CONSTRAINT environment_setting_pkey DO UPDATE SET settings = EXCLUDED.settings;
END $$;
COMMENT ON FUNCTION odoo_events.set_environment(text, jsonb) IS
'values for ${name} in configurations where odoo_events.environment is this one; ''{}'' removes them; they are in no dump';

CREATE FUNCTION odoo_events._environment() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE((SELECT e.settings FROM odoo_events.environment_setting e WHERE e.environment = current_setting('odoo_events.environment')), '{}')
$$;
COMMENT ON FUNCTION odoo_events._environment() IS 'internal: the values of the environment that this server is';

-- A string that is ${name} becomes the value, whatever its type; within a string the value's text stands in its place.  $${ is ${ itself.
CREATE FUNCTION odoo_events._resolve_text(t text, settings jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m      text[];
  result text := '';
  rest   text := t;
BEGIN
  FOR m IN SELECT regexp_matches(t, '^(.*?)(\$?)\$\{([a-z][a-z0-9_]*)\}(.*)$') LOOP
    WHILE m IS NOT NULL LOOP
      IF m[2] = '$' THEN
        result := result || m[1] || '${' || m[3] || '}';
      ELSIF settings -> m[3] IS NULL THEN
        RAISE EXCEPTION 'the configuration names ${%}, which this environment does not have', m[3] USING ERRCODE = 'undefined_object',
          DETAIL = format('odoo_events.environment is %L.', current_setting('odoo_events.environment')),
          HINT = CASE WHEN current_setting('odoo_events.environment') = ''
                      THEN 'ALTER SYSTEM SET odoo_events.environment = ''production''; SELECT pg_catalog.pg_reload_conf();  -- then set_environment(), then arm()'
                      ELSE format('SELECT odoo_events.set_environment(%L, %L);', current_setting('odoo_events.environment'), settings || jsonb_build_object(m[3], '...')) END;
      ELSIF m[1] = '' AND m[4] = '' AND result = '' THEN
        RETURN settings -> m[3];
      ELSE
        result := result || m[1] || (settings ->> m[3]);
      END IF;
      rest := m[4];
      m := regexp_match(rest, '^(.*?)(\$?)\$\{([a-z][a-z0-9_]*)\}(.*)$');
    END LOOP;
  END LOOP;
  RETURN to_jsonb(result || rest);
END $$;
COMMENT ON FUNCTION odoo_events._resolve_text(text, jsonb) IS 'internal: a string of a configuration with the values of the environment in it';

-- The other way: a string that is one of the values, or begins with it, and a list that is the value of a setting named after it.
CREATE FUNCTION odoo_events._abstract_text(t text, settings jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $body$
SELECT COALESCE(
  (SELECT to_jsonb('${' || e.key || '}' || replace(substr(t, length(e.value #>> '{}') + 1), '${', '$${'))
     FROM jsonb_each(settings) e
    WHERE jsonb_typeof(e.value) = 'string' AND (t = e.value #>> '{}' OR length(e.value #>> '{}') >= 8 AND starts_with(t, e.value #>> '{}'))
    ORDER BY length(e.value #>> '{}') DESC, e.key LIMIT 1),
  to_jsonb(replace(t, '${', '$${')))
$body$;
COMMENT ON FUNCTION odoo_events._abstract_text(text, jsonb) IS 'internal: a string of a configuration with ${name} for a value of the environment';

CREATE FUNCTION odoo_events._with_environment(j jsonb, settings jsonb, resolve boolean, member text DEFAULT '') RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  named text;
BEGIN
  CASE jsonb_typeof(j)
    WHEN 'string' THEN
      RETURN CASE WHEN resolve THEN odoo_events._resolve_text(j #>> '{}', settings) ELSE odoo_events._abstract_text(j #>> '{}', settings) END;
    WHEN 'object' THEN
      RETURN COALESCE((SELECT jsonb_object_agg(e.key, odoo_events._with_environment(e.value, settings, resolve, e.key)) FROM jsonb_each(j) e), '{}');
    WHEN 'array' THEN
      IF NOT resolve THEN
        SELECT e.key INTO named FROM jsonb_each(settings) e WHERE e.value = j AND (e.key = member OR e.key LIKE '%\_' || member) ORDER BY e.key LIMIT 1;
        IF FOUND THEN
          RETURN to_jsonb('${' || named || '}');
        END IF;
      END IF;
      RETURN COALESCE((SELECT jsonb_agg(odoo_events._with_environment(e, settings, resolve) ORDER BY n) FROM jsonb_array_elements(j) WITH ORDINALITY x(e, n)), '[]');
    ELSE
      RETURN j;
  END CASE;
END $$;
COMMENT ON FUNCTION odoo_events._with_environment(jsonb, jsonb, boolean, text) IS 'internal: a configuration with the values of the environment in place of ${name}, or the other way round';

-- ---- export ----

CREATE FUNCTION odoo_events._check_kinds(kinds text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text := (SELECT k FROM unnest(kinds) k WHERE k IS NULL OR NOT EXISTS (SELECT 1 FROM odoo_events._config_kind c WHERE c.kind = k) LIMIT 1);
BEGIN
  IF wrong IS NOT NULL OR array_position(kinds, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'there is no kind of configuration "%"', wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = format('Kinds are %s.', (SELECT string_agg(c.kind, ', ' ORDER BY c.kind) FROM odoo_events._config_kind c));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_kinds(text[]) IS 'internal: refuses what is no kind of configuration';

-- As it stands, without ${name}.  The texts of intervals and times do not depend on the caller's settings.
CREATE FUNCTION odoo_events._export(kinds text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET timezone = 'UTC' AS $$
DECLARE
  k      text;
  items  jsonb;
  result jsonb := '{}';
BEGIN
  FOR k IN SELECT c.kind FROM odoo_events._config_kind c WHERE kinds IS NULL OR c.kind = ANY (kinds) LOOP
    EXECUTE format('SELECT COALESCE(jsonb_object_agg(x.name, x.item), ''{}'') FROM odoo_events._export_%s() x', k) INTO items;
    result := result || jsonb_build_object(k, items);
  END LOOP;
  RETURN result;
END $$;
COMMENT ON FUNCTION odoo_events._export(text[]) IS 'internal: the configuration as it stands';

CREATE FUNCTION odoo_events.config_export(kinds text[] DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('config_export');
  PERFORM odoo_events._check_kinds(kinds);
  RETURN odoo_events._with_environment(odoo_events._export(kinds), odoo_events._environment(), false);
END $$;
COMMENT ON FUNCTION odoo_events.config_export(text[]) IS
'the configuration as JSON, {kind: {name: {...}}}: without secrets, numbers and defaults, values of the environment as ${name}; null: all kinds';

CREATE FUNCTION odoo_events._hash(config jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT encode(sha256(convert_to(config::text, 'UTF8')), 'hex')
$$;
COMMENT ON FUNCTION odoo_events._hash(jsonb) IS 'internal: what config_hash() answers for this configuration';

CREATE FUNCTION odoo_events.config_hash() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._hash(odoo_events._export(NULL))
$$;
COMMENT ON FUNCTION odoo_events.config_hash() IS 'SHA-256 of the configuration as it stands: the same hash, the same configuration; for config_apply(expect => ...)';

-- ---- kind subscription: the arguments of subscribe() ----

-- The defaults of a function's arguments as JSON; an argument without a default is null.
CREATE FUNCTION odoo_events._argument_defaults(proc regproc) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
DECLARE
  members text;
  result  jsonb;
BEGIN
  SELECT string_agg(format('%L, to_jsonb(%s)', a.name, COALESCE(pg_get_function_arg_default(p.oid, a.n::int), 'NULL::text')), ', ') INTO members
    FROM pg_proc p, unnest(p.proargnames) WITH ORDINALITY a(name, n) WHERE p.oid = proc AND a.n <= p.pronargs;
  EXECUTE format('SELECT jsonb_build_object(%s)', members) INTO result;
  RETURN result;
END $$;
COMMENT ON FUNCTION odoo_events._argument_defaults(regproc) IS 'internal: what the arguments of a function are when they are left out';

-- What subscribe() takes and an export has.  Of headers the names, of auth and tls what is not secret.
CREATE FUNCTION odoo_events._subscription_defaults() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._argument_defaults('odoo_events.subscribe') - '{name,secret,start_from,or_replace}'::text[] || jsonb '{"headers": []}'
$$;
COMMENT ON FUNCTION odoo_events._subscription_defaults() IS 'internal: members of a subscription in a configuration, with their defaults';

CREATE FUNCTION odoo_events._subscription_item(c odoo_events.subscription_config, defaults jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(jsonb_object_agg(e.key, e.value), '{}')
  FROM jsonb_each(to_jsonb(c) || jsonb_build_object('headers', to_jsonb(c.header_names))) e
 WHERE defaults ? e.key AND e.value <> 'null' AND e.value <> COALESCE(defaults -> e.key, 'null')
$$;
COMMENT ON FUNCTION odoo_events._subscription_item(odoo_events.subscription_config, jsonb) IS 'internal: a subscription as a configuration has it';

CREATE FUNCTION odoo_events._export_subscription() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT c.name, odoo_events._subscription_item(c, d)
  FROM odoo_events._subscription_defaults() d, odoo_events.subscription_config c
$$;
COMMENT ON FUNCTION odoo_events._export_subscription() IS 'internal: kind subscription of config_export()';

-- Refuses members that an item of this kind does not have.
CREATE FUNCTION odoo_events._check_item(kind text, name text, item jsonb, known text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text;
BEGIN
  IF jsonb_typeof(item) IS DISTINCT FROM 'object' THEN
    RAISE EXCEPTION '% "%" of the configuration is not a JSON object', kind, name USING ERRCODE = 'invalid_parameter_value',
      HINT = format('SELECT odoo_events.config_export(%L);  -- shows what one looks like', ARRAY[kind]);
  END IF;
  SELECT k INTO wrong FROM jsonb_object_keys(item) k WHERE k <> ALL (known) ORDER BY k LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '% "%" of the configuration has the unknown member "%"', kind, name, wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = format('Its members are %s.', array_to_string(known, ', '));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_item(text, text, jsonb, text[]) IS 'internal: refuses unknown members of a configuration';

-- A configuration's item as a row, with the columns that subscribe() derives.
CREATE FUNCTION odoo_events._subscription_row(name text, item jsonb) RETURNS odoo_events.subscription_config
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  defaults jsonb := odoo_events._subscription_defaults();
  c        odoo_events.subscription_config;
BEGIN
  PERFORM odoo_events._check_item('subscription', name, item, ARRAY(SELECT k FROM jsonb_object_keys(defaults) k ORDER BY k));
  c := jsonb_populate_record(NULL::odoo_events.subscription_config, defaults || item || jsonb_build_object('name', name));
  c.header_names := ARRAY(SELECT h FROM jsonb_array_elements_text(COALESCE(item -> 'headers', '[]')) h ORDER BY h);
  c.types_like := ARRAY(SELECT replace(replace(t, '_', '\_'), '*', '%') FROM unnest(c.types) t);
  c.companies := NULLIF(c.companies, '{}');
  c.warehouses := NULLIF(c.warehouses, '{}');
  c.success_statuses := NULLIF(c.success_statuses, '{}');
  c.outcome_types := NULLIF(c.outcome_types, '{}');
  c.outcome_types_like := (SELECT array_agg(replace(replace(t, '_', '\_'), '*', '%')) FROM unnest(c.outcome_types) t);
  c.fields := NULLIF(c.fields, '{}');
  -- a secret that somebody wrote into a document all the same must not come into this table, which everybody who exports reads
  c.auth := c.auth - '{password,token,client_secret,seed,creds}'::text[];
  c.tls := c.tls - 'key';
  RETURN c;
EXCEPTION WHEN data_exception THEN
  RAISE EXCEPTION 'subscription "%" of the configuration cannot be read: %', name, SQLERRM USING ERRCODE = 'invalid_parameter_value',
    HINT = 'SELECT odoo_events.config_export(''{subscription}'');  -- shows what one looks like';
END $$;
COMMENT ON FUNCTION odoo_events._subscription_row(text, jsonb) IS 'internal: a subscription of a configuration as a row';

CREATE FUNCTION odoo_events._wanted_subscription(name text, item jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._subscription_item(odoo_events._subscription_row($1, $2), odoo_events._subscription_defaults())
$$;
COMMENT ON FUNCTION odoo_events._wanted_subscription(text, jsonb) IS 'internal: a subscription of a configuration as it would be exported';

-- The credentials that a wanted configuration needs: those it has, or had within the last seven days.  Null where there are none.
CREATE FUNCTION odoo_events._credentials(was odoo_events.subscription_config, c odoo_events.subscription_config) RETURNS odoo_events.subscription_secret
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s   odoo_events.subscription_secret;
  old odoo_events.subscription_secret;
BEGIN
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = was.id;
  IF c.header_names <@ was.header_names AND (c.auth IS NULL OR c.auth = was.auth) AND (NOT COALESCE(c.tls ? 'cert', false) OR c.tls -> 'cert' = was.tls -> 'cert') THEN
    s.header_values := ARRAY(SELECT h.value FROM unnest(was.header_names, s.header_values) h(name, value) WHERE h.name = ANY (c.header_names) ORDER BY h.name);
  ELSE
    SELECT x.* INTO old
      FROM (SELECT -k.id AS id, k.until, k.header_names, k.auth, k.tls FROM odoo_events.kept_secret k WHERE k.name = c.name
            UNION ALL
            SELECT u.subscription_id, u.until, r.header_names, r.auth, r.tls
              FROM odoo_events.unsubscribed u, jsonb_populate_record(NULL::odoo_events.subscription_config, u.config) r WHERE u.name = c.name) k
           JOIN odoo_events.subscription_secret x ON x.subscription_id = k.id
     WHERE k.header_names = c.header_names AND k.auth IS NOT DISTINCT FROM c.auth AND k.tls -> 'cert' IS NOT DISTINCT FROM c.tls -> 'cert'
     ORDER BY k.until DESC LIMIT 1;
    IF NOT FOUND THEN
      RETURN NULL;
    END IF;
    s.header_values := old.header_values; s.auth := old.auth; s.tls_key := old.tls_key;
  END IF;
  s.auth := CASE WHEN c.auth IS NOT NULL THEN s.auth END;
  s.tls_key := CASE WHEN c.tls ? 'cert' THEN s.tls_key END;
  RETURN s;
END $$;
COMMENT ON FUNCTION odoo_events._credentials(odoo_events.subscription_config, odoo_events.subscription_config) IS
'internal: credentials for a wanted configuration, of those that the subscription has or had';

-- A new one whose credentials nobody knows here is made as a restore makes it: without a secret, so that nothing is sent until it gets all.
CREATE FUNCTION odoo_events._create_subscription(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  start int8 := odoo_events._start_cursor('now');
  s     odoo_events.subscription_secret;
BEGIN
  c.id := nextval('odoo_events.subscription_id_seq');
  c.state := 'active'; c.state_since := now(); c.created_at := now(); c.version := 1;
  INSERT INTO odoo_events.subscription_config SELECT (c).*;
  IF c.url IS NULL THEN
    INSERT INTO odoo_events.pull_cursor (subscription_id, position, fetched, scanned) VALUES (c.id, start, start, start);
    RETURN;
  END IF;
  INSERT INTO odoo_events.progress_0 (subscription_id, at, cursor) VALUES (c.id, clock_timestamp(), start);
  IF odoo_events._lost_secrets(c, s) = '{}' THEN
    s.subscription_id := c.id; s.secret := odoo_events._new_secret(); s.signature := c.signature;
    s.header_values := '{}'; s.previous := '{}'; s.previous_signature := '{}'; s.previous_until := '{}';
    PERFORM odoo_events._store_secret(s);
    RAISE NOTICE 'subscription "%" has a new secret', c.name USING HINT = format('SELECT odoo_events.set_secret(%L);  -- answers one for its receiver', c.name);
  ELSE
    RAISE NOTICE 'subscription "%" waits for its credentials: no configuration has them', c.name
      USING HINT = format('SELECT odoo_events.alter_subscription(%L, secret => ..., %s);', c.name,
                          (SELECT string_agg(l || ' => ...', ', ') FROM unnest(odoo_events._lost_secrets(c, s)) l));
  END IF;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._create_subscription(odoo_events.subscription_config) IS 'internal: subscribe() as a configuration wants it';

-- All of it in place of what was.
CREATE FUNCTION odoo_events._change_subscription(was odoo_events.subscription_config, c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s odoo_events.subscription_secret;
  same constant boolean := ROW(c.header_names, c.auth, c.tls, c.signature) IS NOT DISTINCT FROM ROW(was.header_names, was.auth, was.tls, was.signature);
BEGIN
  PERFORM odoo_events._same_way(was, c);
  c.id := was.id; c.version := was.version; c.created_at := was.created_at; c.overlap_until := was.overlap_until;
  c.state := was.state; c.state_reason := was.state_reason; c.state_since := was.state_since;
  c.auth_expires_at := CASE WHEN c.auth = was.auth THEN was.auth_expires_at END;
  c.tls_expires_at := CASE WHEN c.tls = was.tls THEN was.tls_expires_at ELSE c.tls_expires_at END;
  IF NOT same AND c.url IS NOT NULL AND EXISTS (SELECT 1 FROM odoo_events.subscription_secret x WHERE x.subscription_id = was.id) THEN
    s := odoo_events._credentials(was, c);
    IF s.secret IS NULL THEN
      RAISE EXCEPTION 'subscription "%" is to have other credentials, which no configuration has', c.name
        USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Values of headers, passwords, tokens and keys are secret.',
              HINT = format('SELECT odoo_events.alter_subscription(%L, %s);  -- first', c.name, array_to_string(
                CASE WHEN c.header_names <> was.header_names THEN ARRAY['headers => ...'] ELSE '{}' END
                || CASE WHEN c.auth IS DISTINCT FROM was.auth THEN ARRAY['auth => ...'] ELSE '{}' END
                || CASE WHEN c.tls IS DISTINCT FROM was.tls THEN ARRAY['tls => ...'] ELSE '{}' END, ', '));
    END IF;
    IF s.signature <> c.signature THEN
      s.secret := odoo_events._new_secret(); s.signature := c.signature;
      s.previous := '{}'; s.previous_signature := '{}'; s.previous_until := '{}';
      RAISE NOTICE 'subscription "%" has a new secret', c.name USING HINT = format('SELECT odoo_events.set_secret(%L);  -- answers one for its receiver', c.name);
    END IF;
    PERFORM odoo_events._keep_secret(was);
    s.subscription_id := c.id;
    PERFORM odoo_events._store_secret(s);
  END IF;
  PERFORM odoo_events._save_subscription(c);
END $$;
COMMENT ON FUNCTION odoo_events._change_subscription(odoo_events.subscription_config, odoo_events.subscription_config) IS
'internal: alter_subscription() as a configuration wants it';

-- What a configuration has of auth lacks the secret; the checks of auth ask for one.
CREATE FUNCTION odoo_events._auth_filled(auth jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT auth || CASE auth ->> 'type' WHEN 'bearer' THEN jsonb '{"token": "x"}' WHEN 'oauth2' THEN '{"client_secret": "x"}'
                                    WHEN 'nkey' THEN '{"seed": "x"}' WHEN 'creds' THEN '{"creds": "x"}' ELSE '{"password": "x"}' END
$$;
COMMENT ON FUNCTION odoo_events._auth_filled(jsonb) IS 'internal: auth of a configuration with something in place of its secret, to be checked';

CREATE FUNCTION odoo_events._import_subscription(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c   odoo_events.subscription_config;
  was odoo_events.subscription_config;
BEGIN
  IF item IS NULL THEN
    -- not unsubscribe(): a second person was asked about the whole configuration, where that is needed
    PERFORM odoo_events._unsubscribe(odoo_events._subscription(_import_subscription.name));
    RETURN;
  END IF;
  c := odoo_events._subscription_row(_import_subscription.name, item);
  PERFORM odoo_events._header_names(COALESCE((SELECT jsonb_object_agg(h, 'x') FROM unnest(c.header_names) h), '{}'));
  IF odoo_events._transport(c.url) IN ('webhook', 'fetch') THEN
    PERFORM odoo_events._auth_public(odoo_events._auth_filled(c.auth));
  ELSE
    PERFORM odoo_events._broker_auth(odoo_events._transport(c.url), odoo_events._auth_filled(c.auth));
  END IF;
  PERFORM odoo_events._tls_public(c.tls);
  c.tls_expires_at := odoo_events._check_tls(c.tls ->> 'ca', NULL, NULL);
  -- what is in a row stands for arguments that were left out; null stays null
  c := odoo_events._configure(c, jsonb_strip_nulls(jsonb_build_object('name', c.name, 'types', to_jsonb(c.types), 'filter', to_jsonb(c.filter))));
  IF NOT EXISTS (SELECT 1 FROM odoo_events.subscription_config x WHERE x.name = c.name)
     AND NOT odoo_events._unshelve(c.name, c.url IS NULL) THEN
    PERFORM odoo_events._create_subscription(c);
    RETURN;
  END IF;
  was := odoo_events._subscription(c.name);
  IF odoo_events._subscription_item(was, odoo_events._subscription_defaults()) <> odoo_events._subscription_item(c, odoo_events._subscription_defaults()) THEN
    PERFORM odoo_events._change_subscription(was, c);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._import_subscription(text, jsonb) IS 'internal: kind subscription of config_apply()';

-- What the events of the last day would have become: those that it wanted, and those that it would want.
CREATE FUNCTION odoo_events._compare_wants(was odoo_events.subscription_config, c odoo_events.subscription_config, OUT n int8, OUT kept_back int8, OUT more int8, OUT whose text, OUT latest int8)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT count(*) FILTER (WHERE x.a), count(*) FILTER (WHERE x.a AND NOT x.b), count(*) FILTER (WHERE x.b AND NOT x.a),
       CASE WHEN count(*) FILTER (WHERE x.a AND NOT x.b) = 0 THEN NULL
            WHEN count(DISTINCT COALESCE(x.warehouse_id, 0)) FILTER (WHERE x.a AND NOT x.b) = 1
                 THEN COALESCE('all of warehouse ' || min(x.warehouse_id) FILTER (WHERE x.a AND NOT x.b), 'all without a warehouse')
            WHEN count(DISTINCT COALESCE(x.company_id, 0)) FILTER (WHERE x.a AND NOT x.b) = 1
                 THEN COALESCE('all of company ' || min(x.company_id) FILTER (WHERE x.a AND NOT x.b), 'all without a company') END,
       CASE WHEN count(*) = 20000 THEN 20000 END
  FROM (SELECT o.company_id, o.warehouse_id,
               odoo_events._unwanted(was, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL AS a,
               odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL AS b
          FROM (SELECT * FROM odoo_events.outbox_all y
                 WHERE y.position > odoo_events._last_position() - 20000 AND y.recordedtime > now() - interval '1 day') o) x
$$;
COMMENT ON FUNCTION odoo_events._compare_wants(odoo_events.subscription_config, odoo_events.subscription_config) IS
'internal: which of the latest events two configurations of a subscription want';

CREATE FUNCTION odoo_events._effect_subscription(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  now_item jsonb := CASE WHEN path IS NULL THEN is_now
                         ELSE (SELECT x.item FROM odoo_events._export_subscription() x WHERE x.name = _effect_subscription.name) END;
  was      odoo_events.subscription_config;
  c        odoo_events.subscription_config;
  w        record;
  days     text;
BEGIN
  IF path IS NULL AND is_now IS NULL THEN
    risk := CASE WHEN EXISTS (SELECT 1 FROM odoo_events.unsubscribed u WHERE u.name = _effect_subscription.name AND u.until > now()) THEN 'low' ELSE 'medium' END;
    effect := CASE risk WHEN 'low' THEN 'goes on where it was dropped, with its secret' ELSE 'begins with events from now on, with a new secret' END;
    RETURN;
  END IF;
  was := odoo_events._subscription_row(name, now_item);
  IF path IS NULL THEN
    c := was; c.types_like := '{}';
  ELSIF path IN ('types', 'filter', 'companies', 'warehouses', 'shared_rows') THEN
    c := odoo_events._subscription_row(name, jsonb_strip_nulls(now_item || jsonb_build_object(path, wanted)));
  ELSE
    risk := CASE WHEN path IN ('url', 'auth', 'headers', 'tls', 'signature', 'format', 'payload', 'clearance', 'dry_run', 'ordering') THEN 'medium' ELSE 'low' END;
    effect := CASE path WHEN 'url' THEN 'what waits goes to the new address' WHEN 'signature' THEN 'the receiver needs a new secret'
                        WHEN 'dry_run' THEN CASE wanted WHEN 'true' THEN 'nothing is sent any more' ELSE 'events are sent' END
                        WHEN 'clearance' THEN 'the receiver sees other classes of data' END;
    risk := CASE WHEN path = 'dry_run' AND wanted = 'true' THEN 'high' ELSE risk END;
    RETURN;
  END IF;
  w := odoo_events._compare_wants(was, c);
  days := CASE WHEN w.latest IS NULL THEN 'of the last day' ELSE 'of the latest ' || to_char(w.latest, 'FM999,999,999') END;
  risk := CASE WHEN w.kept_back > 0 OR path IS NULL THEN 'high' WHEN w.more > 0 THEN 'medium' ELSE 'low' END;
  effect := concat_ws('; ',
    CASE WHEN w.kept_back > 0 THEN format('would have kept back %s of %s events %s%s', to_char(w.kept_back, 'FM999,999,999'), to_char(w.n, 'FM999,999,999'), days, ', ' || w.whose) END,
    CASE WHEN w.more > 0 THEN format('would have sent %s more events %s', to_char(w.more, 'FM999,999,999'), days) END,
    CASE WHEN w.kept_back = 0 AND w.more = 0 THEN format('no difference for %s events %s', to_char(w.n, 'FM999,999,999'), days) END,
    CASE WHEN path IS NULL THEN 'its place and its secret are kept for 7 days' END);
END $$;
COMMENT ON FUNCTION odoo_events._effect_subscription(text, text, jsonb, jsonb) IS 'internal: what a change of a subscription means, from the outbox';

-- ---- kind definition: what define_entity(), define_part(), define_event(), enable_event() and disable_event() keep ----

CREATE FUNCTION odoo_events._export_definition() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT d.kind || ' ' || d.name, CASE d.kind WHEN 'switch' THEN d.rows ELSE jsonb_build_object('rows', d.rows) END FROM odoo_events.definition d
$$;
COMMENT ON FUNCTION odoo_events._export_definition() IS 'internal: kind definition of config_export()';

CREATE FUNCTION odoo_events._import_definition(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  what text := split_part(name, ' ', 1);
  of   text := substr(name, strpos(name, ' ') + 1);
BEGIN
  IF what NOT IN ('entity', 'part', 'event', 'switch') OR of = '' THEN
    RAISE EXCEPTION 'definition "%" of the configuration is not called after what it defines', name USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.config_export(''{definition}'');  -- shows what one looks like';
  ELSIF item IS NULL AND what = 'entity' AND EXISTS (SELECT 1 FROM odoo_events.definition d WHERE d.kind = 'entity' AND d.name = of) THEN
    PERFORM odoo_events.drop_entity(of);
  ELSIF item IS NULL THEN
    DELETE FROM odoo_events.definition d WHERE d.kind = what AND d.name = of;
    IF what = 'switch' THEN
      UPDATE odoo_events.event_def e SET enabled = e.on_by_default WHERE e.type = of AND e.enabled <> e.on_by_default;
    END IF;
  ELSE
    PERFORM odoo_events._check_item('definition', name, item, CASE what WHEN 'switch' THEN '{enabled}'::text[] ELSE '{rows}' END);
    PERFORM odoo_events._define(what, of, CASE what WHEN 'switch' THEN item ELSE item -> 'rows' END);
    IF what = 'event' THEN
      PERFORM odoo_events._attach(ARRAY[e.entity], 'trigger') FROM odoo_events.entity e
        WHERE e.entity = item #>> '{rows,event_def,0,entity}' AND NOT e.builtin;
    END IF;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._import_definition(text, jsonb) IS 'internal: kind definition of config_apply()';

CREATE FUNCTION odoo_events._effect_definition(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of text := substr(name, strpos(name, ' ') + 1);
  n  int8;
BEGIN
  SELECT count(*) INTO n FROM odoo_events.outbox_all o
   WHERE o.position > odoo_events._last_position() - 20000 AND o.recordedtime > now() - interval '1 day' AND o.type = of;
  risk := CASE WHEN n > 0 THEN 'high' WHEN name LIKE 'switch %' THEN 'low' ELSE 'medium' END;
  effect := CASE WHEN name LIKE 'switch %' AND COALESCE(wanted, wanted -> 'enabled') IN ('false', '{"enabled": false}')
                 THEN format('would have left out %s events of the last day', to_char(n, 'FM999,999,999'))
                 WHEN name ~ '^(switch|event) ' THEN format('there were %s such events in the last day', to_char(n, 'FM999,999,999')) END;
END $$;
COMMENT ON FUNCTION odoo_events._effect_definition(text, text, jsonb, jsonb) IS 'internal: what a change of a definition means';

-- ---- kind care ----

CREATE FUNCTION odoo_events._export_care() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT c.name, jsonb_strip_nulls(to_jsonb(c) - '{id,name,type_like}'::text[]) FROM odoo_events.care_rule c
$$;
COMMENT ON FUNCTION odoo_events._export_care() IS 'internal: kind care of config_export()';

CREATE FUNCTION odoo_events._import_care(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r odoo_events.care_rule;
BEGIN
  DELETE FROM odoo_events.care_rule c WHERE c.name = _import_care.name;
  IF item IS NOT NULL THEN
    PERFORM odoo_events._check_item('care', name, item, '{subscription,type,company_id,warehouse_id,owner,contact,criticality,runbook,escalation,sunset}');
    r := jsonb_populate_record(NULL::odoo_events.care_rule, item || jsonb_build_object('name', name));
    PERFORM odoo_events._check_care(r.criticality, r.owner, r.contact, r.runbook, r.escalation);
    r.type_like := replace(replace(r.type, '_', '\_'), '*', '%');
    PERFORM odoo_events._set_care(r);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._import_care(text, jsonb) IS 'internal: kind care of config_apply()';

-- ---- comparing and applying ----

CREATE FUNCTION odoo_events._check_wanted(wanted jsonb, function text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free(function);
  IF jsonb_typeof(wanted) IS DISTINCT FROM 'object'
     OR EXISTS (SELECT 1 FROM jsonb_each(CASE jsonb_typeof(wanted) WHEN 'object' THEN wanted ELSE '{}' END) e WHERE jsonb_typeof(e.value) <> 'object') THEN
    RAISE EXCEPTION 'argument "wanted" is not an object of kinds, each an object of names' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.config_export();  -- shows what a document looks like';
  END IF;
  PERFORM odoo_events._check_kinds(ARRAY(SELECT jsonb_object_keys(wanted)));
  RETURN odoo_events._with_environment(wanted, odoo_events._environment(), true);
END $$;
COMMENT ON FUNCTION odoo_events._check_wanted(jsonb, text) IS 'internal: a wanted configuration with the values of the environment in it';

-- An item as it would be exported, where its kind can say that.
CREATE FUNCTION odoo_events._wanted(kind text, name text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  result jsonb := item;
BEGIN
  IF name IS NOT NULL AND to_regproc('odoo_events._wanted_' || kind) IS NOT NULL THEN
    EXECUTE format('SELECT odoo_events._wanted_%s($1, $2)', kind) INTO result USING name, item;
  END IF;
  RETURN result;
END $$;
COMMENT ON FUNCTION odoo_events._wanted(text, text, jsonb) IS 'internal: checks an item of a configuration; answers it as it would be exported';

-- Item by item: what is there, what is wanted; null for none.
CREATE FUNCTION odoo_events._config_items(wanted jsonb) RETURNS TABLE (kind text, place int, name text, is_now jsonb, wanted_item jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
  k record;
BEGIN
  FOR k IN SELECT c.kind, c.place FROM odoo_events._config_kind c WHERE wanted ? c.kind ORDER BY c.place LOOP
    RETURN QUERY EXECUTE format('SELECT $1, $2, COALESCE(n.name, w.key), n.item, odoo_events._wanted($1, w.key, w.value) FROM odoo_events._export_%s() n'
                                ' FULL JOIN jsonb_each($3) w ON w.key = n.name', k.kind) USING k.kind, k.place, wanted -> k.kind;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._config_items(jsonb) IS 'internal: a wanted configuration beside the one that there is';

CREATE FUNCTION odoo_events._effect(kind text, name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_regproc('odoo_events._effect_' || kind) IS NOT NULL THEN
    EXECUTE format('SELECT * FROM odoo_events._effect_%s($1, $2, $3, $4)', kind) INTO risk, effect USING name, path, is_now, wanted;
  END IF;
  risk := COALESCE(risk, CASE WHEN wanted IS NULL AND path IS NULL THEN 'medium' ELSE 'low' END);
END $$;
COMMENT ON FUNCTION odoo_events._effect(text, text, text, jsonb, jsonb) IS 'internal: what a change of the configuration means';

-- Member by member; path null: the whole item comes or goes.
CREATE FUNCTION odoo_events._config_changes(item_now jsonb, item_wanted jsonb) RETURNS TABLE (action text, path text, is_now jsonb, wanted jsonb)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN item_now IS NULL THEN 'create' ELSE 'remove' END, NULL, item_now, item_wanted WHERE num_nulls(item_now, item_wanted) = 1
UNION ALL
SELECT 'change', k, item_now -> k, item_wanted -> k
  FROM (SELECT jsonb_object_keys(item_now) UNION SELECT jsonb_object_keys(item_wanted)) x(k)
 WHERE num_nulls(item_now, item_wanted) = 0 AND item_now -> k IS DISTINCT FROM item_wanted -> k
$$;
COMMENT ON FUNCTION odoo_events._config_changes(jsonb, jsonb) IS 'internal: how an item of the configuration differs from the one that is wanted';

CREATE FUNCTION odoo_events._config_diff(resolved jsonb) RETURNS TABLE (kind text, name text, action text, path text, is_now jsonb, wanted jsonb, risk text, effect text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT i.kind, i.name, p.action, p.path, p.is_now, p.wanted, e.risk, e.effect
  FROM odoo_events._config_items(resolved) i
       CROSS JOIN LATERAL odoo_events._config_changes(i.is_now, i.wanted_item) p
       CROSS JOIN LATERAL odoo_events._effect(i.kind, i.name, p.path, p.is_now, p.wanted) e
 ORDER BY i.place, i.name, p.path
$$;
COMMENT ON FUNCTION odoo_events._config_diff(jsonb) IS 'internal: config_diff() without ${name}';

CREATE FUNCTION odoo_events.config_diff(wanted jsonb) RETURNS TABLE (kind text, name text, action text, path text, is_now jsonb, wanted jsonb, risk text, effect text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT * FROM odoo_events._config_diff(odoo_events._check_wanted($1, 'config_diff'))
$$;
COMMENT ON FUNCTION odoo_events.config_diff(jsonb) IS
'what config_apply() would do: action is create, change or remove (with prune => true only), path the member that differs, risk low, medium or high, effect what it would have done to the events of the last day';

CREATE FUNCTION odoo_events._lock_config() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT pg_advisory_xact_lock('odoo_events.revision'::regclass::oid::int8)
$$;
COMMENT ON FUNCTION odoo_events._lock_config() IS 'internal: one change of the configuration after the other; the worker never takes this lock';

-- Answers how many items were created, changed and removed.
CREATE FUNCTION odoo_events._make_so(resolved jsonb, prune boolean) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  i record;
  n bigint := 0;
  todo jsonb[] := ARRAY(SELECT jsonb_build_object('kind', x.kind, 'name', x.name, 'item', x.wanted_item) FROM odoo_events._config_items(resolved) x
                         WHERE x.is_now IS DISTINCT FROM x.wanted_item AND (x.wanted_item IS NOT NULL OR prune)
                         ORDER BY x.wanted_item IS NULL DESC, CASE WHEN x.wanted_item IS NULL THEN -x.place ELSE x.place END,
                                  CASE split_part(x.name, ' ', 1) WHEN 'entity' THEN 1 WHEN 'part' THEN 2 WHEN 'event' THEN 3 ELSE 4 END, x.name);
  t jsonb;
BEGIN
  FOREACH t IN ARRAY todo LOOP
    EXECUTE format('SELECT odoo_events._import_%s($1, $2)', t ->> 'kind') USING t ->> 'name', NULLIF(t -> 'item', 'null');
    n := n + 1;
  END LOOP;
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events._make_so(jsonb, boolean) IS 'internal: makes a configuration what is wanted';

CREATE FUNCTION odoo_events.config_apply(wanted jsonb, dry_run boolean DEFAULT true, prune boolean DEFAULT false, expect text DEFAULT NULL, note text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
  resolved jsonb;
BEGIN
  IF num_nulls(dry_run, prune) > 0 THEN
    RAISE EXCEPTION 'argument "%" is null', CASE WHEN dry_run IS NULL THEN 'dry_run' ELSE 'prune' END USING ERRCODE = 'null_value_not_allowed', HINT = 'Give true or false.';
  END IF;
  PERFORM odoo_events._lock_config();
  IF expect <> odoo_events.config_hash() THEN
    RAISE EXCEPTION 'the configuration is no longer the one that argument "expect" names' USING ERRCODE = 'serialization_failure',
      HINT = 'SELECT revision, at, who, note FROM odoo_events.config_revision ORDER BY revision DESC LIMIT 5;  -- who changed it; then config_diff() and config_hash() again';
  END IF;
  resolved := odoo_events._check_wanted(wanted, 'config_apply');
  IF NOT dry_run AND odoo_events._proposes('config_apply', jsonb_build_object('wanted', wanted, 'dry_run', false, 'prune', prune, 'note', note)) THEN
    RETURN NULL;
  END IF;
  BEGIN
    n := odoo_events._make_so(resolved, prune);
    IF dry_run THEN
      RAISE EXCEPTION SQLSTATE 'OE001';
    END IF;
  EXCEPTION WHEN SQLSTATE 'OE001' THEN
    RETURN n;
  END;
  IF n > 0 THEN
    PERFORM odoo_events._audit('config_apply', odoo_events._note_revision(note)::text, NULL, jsonb_strip_nulls(jsonb_build_object('items', n, 'prune', prune, 'note', note)));
  END IF;
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events.config_apply(jsonb, boolean, boolean, text, text) IS
'makes the configuration what is wanted, in this transaction; answers how many items were created, changed and removed.  dry_run: all is done, checked and undone; prune: what wanted does not name of its kinds is removed; expect: what config_hash() answered when it was looked at, else SQLSTATE 40001';
