-- proposal: what one person may not do alone waits for another person.

CREATE FUNCTION odoo_events._executing() RETURNS odoo_events.proposed
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT p FROM odoo_events.proposed p WHERE p.xid = pg_current_xact_id_if_assigned() ORDER BY p.state = 'executing' DESC, p.id DESC LIMIT 1
$$;
COMMENT ON FUNCTION odoo_events._executing() IS 'internal: the proposal that this transaction executes or has executed';

CREATE FUNCTION odoo_events._approver() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT (odoo_events._executing()).decided_by';
COMMENT ON FUNCTION odoo_events._approver() IS 'internal: who approved what this transaction does; null where nobody did';

-- What must not be seen of arguments: values of secret, of headers, and what is secret in auth and tls.
CREATE FUNCTION odoo_events._public_args(args jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(jsonb_object_agg(e.key, CASE
         WHEN e.key = 'secret' THEN to_jsonb('***'::text)
         WHEN e.key = 'headers' AND jsonb_typeof(e.value) = 'object' THEN (SELECT COALESCE(jsonb_object_agg(h, '***'), '{}') FROM jsonb_object_keys(e.value) h)
         WHEN e.key IN ('auth', 'tls') AND jsonb_typeof(e.value) = 'object'
         THEN (SELECT COALESCE(jsonb_object_agg(m.key, CASE WHEN m.key IN ('password', 'token', 'client_secret', 'seed', 'creds', 'key') THEN to_jsonb('***'::text) ELSE m.value END), '{}') FROM jsonb_each(e.value) m)
         ELSE e.value END), '{}')
  FROM jsonb_each(args) e WHERE e.value <> 'null'
$$;
COMMENT ON FUNCTION odoo_events._public_args(jsonb) IS 'internal: arguments of a call without what is secret';

-- With the values of the environment: ${name} among the arguments must still mean what the approver has looked at.
CREATE FUNCTION odoo_events._proposal_hash() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._hash(odoo_events._export(NULL) || jsonb_build_object('environment', odoo_events._environment()))
$$;
COMMENT ON FUNCTION odoo_events._proposal_hash() IS 'internal: stands for all that a proposal was made for: the configuration, and the values that it may name';

-- True: the call was written down as a proposal, and the caller returns without doing anything.
CREATE FUNCTION odoo_events._proposes(function text, args jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  named  constant text[] := string_to_array(replace(current_setting('odoo_events.four_eyes'), ' ', ''), ',');
  shown  constant jsonb := odoo_events._public_args(args);
  p      odoo_events.proposed;
  s      odoo_events.subscription_secret;
BEGIN
  IF NOT (function = ANY (named) OR function = 'config_rollback' AND 'config_apply' = ANY (named) OR function = 'drop_policy' AND 'set_policy' = ANY (named)) OR odoo_events._callers() = '{}'
     OR (odoo_events._executing()).state = 'executing' THEN
    RETURN false;
  END IF;
  INSERT INTO odoo_events.proposed (at, who, callers, function, args, hash)
  VALUES (clock_timestamp(), session_user, odoo_events._callers(), function, shown, odoo_events._proposal_hash()) RETURNING * INTO p;
  IF shown <> (SELECT COALESCE(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(args) e WHERE e.value <> 'null') THEN
    s.subscription_id := -1000000000 - p.id; s.secret := convert_to(args::text, 'UTF8'); s.signature := 'proposal';
    s.previous := '{}'; s.previous_signature := '{}'; s.previous_until := '{}'; s.header_values := '{}';
    PERFORM odoo_events._store_secret(s);
    UPDATE odoo_events.proposed x SET secret = s.subscription_id WHERE x.id = p.id;
  END IF;
  PERFORM odoo_events._audit('propose', p.id::text, NULL, jsonb_build_object('function', function, 'args', shown));
  RAISE NOTICE 'proposal % waits for another person', p.id USING HINT = format('SELECT odoo_events.approve(%s);', p.id);
  RETURN true;
END $$;
COMMENT ON FUNCTION odoo_events._proposes(text, jsonb) IS 'internal: writes down a call that needs a second person; false where it does not, or is being executed by approve()';

-- Whoever proposed a subscription that was approved has its new secret once, and alone.
CREATE FUNCTION odoo_events._collects(name text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE odoo_events.proposed p SET collected = true
   WHERE p.id = (SELECT max(x.id) FROM odoo_events.proposed x WHERE x.args ->> 'name' = _collects.name AND x.who = session_user
                    AND x.function IN ('subscribe', 'rotate_secret') AND x.state = 'approved' AND NOT x.collected);
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION odoo_events._collects(text) IS 'internal: notes that the proposer of a subscription takes its secret; false where he has had it';

-- A proposal that the caller may decide on, locked.
CREATE FUNCTION odoo_events._decide(id int8) RETURNS odoo_events.proposed
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p odoo_events.proposed;
  c odoo_events.subscription_config;
BEGIN
  SELECT * INTO p FROM odoo_events.proposed x WHERE x.id = _decide.id FOR UPDATE;
  IF NOT FOUND OR p.state <> 'open' THEN
    RAISE EXCEPTION 'proposal % %', COALESCE(_decide.id::text, 'null'), CASE WHEN p.id IS NULL THEN 'does not exist' ELSE format('is %s by %s', p.state, p.decided_by) END
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT * FROM odoo_events.proposal WHERE state = ''open'';';
  END IF;
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.name = p.args ->> 'name';
  IF c.id IS NULL THEN
    -- a new subscription is what the call says; all else is about the whole database
    c := jsonb_populate_record(NULL::odoo_events.subscription_config, CASE p.function
           WHEN 'subscribe' THEN jsonb_build_object('name', p.args -> 'name', 'types', COALESCE(p.args -> 'types', '["*"]'),
                                   'companies', NULLIF(p.args -> 'companies', '[]'), 'warehouses', NULLIF(p.args -> 'warehouses', '[]'))
           ELSE '{"name": "", "types": ["*"]}' END);
  END IF;
  IF odoo_events._policies('{approve}') = '[]'
     OR NOT odoo_events._sees_whole(odoo_events._policies('{approve}'), c.name, c.types, c.companies, c.warehouses, NULL, NULL) THEN
    PERFORM odoo_events._deny(format('proposal %s is outside of what your policy lets you approve', p.id), 'SELECT * FROM odoo_events.policy;');
  END IF;
  RETURN p;
END $$;
COMMENT ON FUNCTION odoo_events._decide(int8) IS 'internal: an open proposal, locked, that the caller''s policy lets him decide on';

-- The same person, whatever role is set: the same login, or one that can become the other.  Superusers pass.
CREATE FUNCTION odoo_events._check_other_person(p odoo_events.proposed) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user) THEN
    RETURN;
  END IF;
  IF p.who = session_user OR EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname = p.who AND
       (pg_has_role(session_user, r.oid, 'MEMBER') OR pg_has_role(r.oid, (SELECT m.oid FROM pg_roles m WHERE m.rolname = session_user), 'MEMBER'))) THEN
    RAISE EXCEPTION 'proposal % needs another person than %', p.id, p.who USING ERRCODE = 'insufficient_privilege',
      DETAIL = 'Who logged in counts, whatever role is set; a role that is a member of the other is the same person.',
      HINT = format('SELECT odoo_events.approve(%s);  -- in a session of somebody else', p.id);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_other_person(odoo_events.proposed) IS 'internal: refuses an approval by whoever proposed it';

CREATE FUNCTION odoo_events._check_still_valid(p odoo_events.proposed) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF p.hash <> odoo_events._proposal_hash() THEN
    RAISE EXCEPTION 'the configuration is no longer the one for which proposal % was made', p.id USING ERRCODE = 'serialization_failure',
      HINT = format('SELECT odoo_events.reject(%s, %L);  -- and propose it again', p.id, 'the configuration has changed');
  ELSIF EXISTS (SELECT 1 FROM unnest(p.callers) o WHERE NOT EXISTS (SELECT 1 FROM pg_roles r WHERE r.oid = o))
     OR NOT EXISTS (SELECT 1 FROM pg_proc f, unnest(p.callers) o WHERE f.pronamespace = 'odoo_events'::regnamespace AND f.proname = p.function
                       AND has_function_privilege(o, f.oid, 'EXECUTE')) THEN
    RAISE EXCEPTION 'role "%" may no longer do what proposal % says', p.who, p.id USING ERRCODE = 'insufficient_privilege',
      HINT = format('SELECT odoo_events.reject(%s, %L);', p.id, 'the proposer may no longer do it');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_still_valid(odoo_events.proposed) IS 'internal: refuses a proposal whose configuration or whose proposer''s rights have changed';

-- Calls a function with the arguments that JSON has.
CREATE FUNCTION odoo_events._call(function text, args jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  names   text;
  columns text;
  result  text;
BEGIN
  SELECT string_agg(format('%1$I => r.%1$I', a.name), ', '), string_agg(format('%I %s', a.name, format_type(p.proargtypes[a.n - 1], NULL)), ', ') INTO names, columns
    FROM pg_proc p, unnest(p.proargnames) WITH ORDINALITY a(name, n)
   WHERE p.pronamespace = 'odoo_events'::regnamespace AND p.proname = function AND a.n <= p.pronargs AND args ? a.name;
  IF names IS NULL THEN
    EXECUTE format('SELECT string_agg(x::text, E''\n'') FROM odoo_events.%I() x', function) INTO result;
  ELSE
    EXECUTE format('SELECT string_agg(x::text, E''\n'') FROM jsonb_to_record($1) AS r(%s), LATERAL odoo_events.%I(%s) x', columns, function, names) INTO result USING args;
  END IF;
  RETURN result;
END $$;
COMMENT ON FUNCTION odoo_events._call(text, jsonb) IS 'internal: calls a function with arguments that are given as JSON';

CREATE FUNCTION odoo_events.approve(id int8, note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p odoo_events.proposed;
  full_args jsonb;
  result text;
BEGIN
  PERFORM odoo_events._lock_config();
  p := odoo_events._decide(approve.id);
  PERFORM odoo_events._check_other_person(p);
  PERFORM odoo_events._check_still_valid(p);
  full_args := COALESCE((SELECT convert_from(s.secret, 'UTF8')::jsonb FROM odoo_events.subscription_secret s WHERE s.subscription_id = p.secret), p.args);
  UPDATE odoo_events.proposed x SET state = 'executing', xid = pg_current_xact_id(), decided_by = session_user, decided_at = clock_timestamp(), note = approve.note
   WHERE x.id = p.id;
  result := odoo_events._call(p.function, full_args);
  UPDATE odoo_events.proposed x SET state = 'approved', secret = NULL WHERE x.id = p.id;
  DELETE FROM odoo_events.subscription_secret s WHERE s.subscription_id = p.secret;
  PERFORM odoo_events._audit('approve', p.id::text, NULL, jsonb_strip_nulls(jsonb_build_object('function', p.function, 'args', p.args, 'proposed_by', p.who, 'note', approve.note)));
  -- a new secret is the proposer's to collect
  RETURN CASE WHEN p.function NOT IN ('subscribe', 'alter_subscription', 'set_secret', 'rotate_secret') THEN result END;
END $$;
COMMENT ON FUNCTION odoo_events.approve(int8, text) IS
'executes what another person proposed, as proposed; answers what it answers, but no secret.  SQLSTATE 40001 if the configuration has changed since; 42501 for whoever proposed it';

CREATE FUNCTION odoo_events.reject(id int8, note text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p odoo_events.proposed := odoo_events._decide(reject.id);
BEGIN
  UPDATE odoo_events.proposed x SET state = 'rejected', decided_by = session_user, decided_at = clock_timestamp(), note = reject.note, secret = NULL WHERE x.id = p.id;
  DELETE FROM odoo_events.subscription_secret s WHERE s.subscription_id = p.secret;
  PERFORM odoo_events._audit('reject', p.id::text, NULL, jsonb_strip_nulls(jsonb_build_object('function', p.function, 'proposed_by', p.who, 'note', reject.note)));
END $$;
COMMENT ON FUNCTION odoo_events.reject(int8, text) IS 'drops a proposal; whoever proposed it may do so, too';

CREATE VIEW odoo_events.proposal WITH (security_barrier) AS
SELECT p.id, p.at, p.who, p.function, p.args, odoo_events._statement(p.function, p.args) AS statement, p.state, p.decided_by, p.decided_at, p.note
  FROM odoo_events.proposed p
 WHERE (SELECT m.sees FROM odoo_events._my_policy m) IS NULL OR p.who = session_user
    OR p.args ->> 'name' IN (SELECT c.name FROM odoo_events.subscription_config c
                              WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses));
COMMENT ON VIEW odoo_events.proposal IS 'what waits for approve() or reject(), and what became of it; without what is secret';
