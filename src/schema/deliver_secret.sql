-- deliver: what is secret, and keys.

CREATE FUNCTION odoo_events._new_secret() RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_new_secret';
COMMENT ON FUNCTION odoo_events._new_secret() IS 'internal: 32 random bytes';

CREATE FUNCTION odoo_events._store_secret(secrets odoo_events.subscription_secret) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_store_secret';
COMMENT ON FUNCTION odoo_events._store_secret(odoo_events.subscription_secret) IS
'internal: writes a row of subscription_secret, replacing what was there, unseen by logical decoding';

CREATE FUNCTION odoo_events._public_key(secret bytea) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_public_key';
COMMENT ON FUNCTION odoo_events._public_key(bytea) IS 'internal: the public half of an ed25519 key';

-- The bytes of an argument "secret": of hmac the secret itself, of ed25519 the seed (with or without its public key behind it).
CREATE FUNCTION odoo_events._parse_secret(secret text, signature text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  prefix text := CASE WHEN signature = 'ed25519' THEN 'whsk_' ELSE 'whsec_' END;
  bytes bytea;
BEGIN
  BEGIN
    bytes := CASE WHEN starts_with(secret, prefix) THEN decode(substr(secret, length(prefix) + 1), 'base64') END;
  EXCEPTION WHEN invalid_parameter_value THEN
    bytes := NULL;
  END;
  IF signature = 'ed25519' THEN
    IF bytes IS NULL OR length(bytes) NOT IN (32, 64)
       OR (length(bytes) = 64 AND substr(bytes, 33) <> odoo_events._public_key(substr(bytes, 1, 32))) THEN
      RAISE EXCEPTION 'argument "secret" is not a Standard Webhooks private key'
        USING ERRCODE = 'invalid_parameter_value',
              HINT = 'With signature => ''ed25519'' it is whsk_ and the base64 of the 32 bytes of the key, or of them and its public key; leave it out to get a new one.';
    END IF;
    RETURN substr(bytes, 1, 32);
  END IF;
  IF bytes IS NULL OR length(bytes) NOT BETWEEN 24 AND 64 THEN
    RAISE EXCEPTION 'argument "secret" is not a Standard Webhooks secret'
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It is whsec_ and the base64 of 24 to 64 random bytes; leave it out to get a new one.';
  END IF;
  RETURN bytes;
END $$;
COMMENT ON FUNCTION odoo_events._parse_secret(text, text) IS 'internal: whsec_... or whsk_... as bytes';

CREATE FUNCTION odoo_events._secret_text(s odoo_events.subscription_secret) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN s.signature = 'ed25519' THEN 'whpk_' || encode(odoo_events._public_key(s.secret), 'base64')
            ELSE 'whsec_' || replace(encode(s.secret, 'base64'), E'\n', '') END
$$;
COMMENT ON FUNCTION odoo_events._secret_text(odoo_events.subscription_secret) IS 'internal: what the receiver needs to verify with';

CREATE FUNCTION odoo_events._check_tls(ca text, cert text, key text) RETURNS timestamptz
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_check_tls';
COMMENT ON FUNCTION odoo_events._check_tls(text, text, text) IS 'internal: raises if certificates or key cannot be used; answers when the first expires';

-- The members that an argument may have, as text: all that must be there, and no others.
CREATE FUNCTION odoo_events._check_members(argument text, value jsonb, must text[], may text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text;
BEGIN
  SELECT m INTO wrong FROM unnest(must) m WHERE NOT value ? m;
  IF FOUND THEN
    RAISE EXCEPTION 'argument "%" lacks "%"', argument, wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = format('It has %s%s.', array_to_string(must, ', '), '; optional: ' || NULLIF(array_to_string(may, ', '), ''));
  END IF;
  SELECT e.key INTO wrong FROM jsonb_each(value) e WHERE e.key <> ALL (must || may);
  IF FOUND THEN
    RAISE EXCEPTION 'argument "%" has the unknown member "%"', argument, wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = format('Its members are %s.', array_to_string(must || may, ', '));
  END IF;
  SELECT e.key INTO wrong FROM jsonb_each(value) e WHERE jsonb_typeof(e.value) <> 'string' OR e.value = '""';
  IF FOUND THEN
    RAISE EXCEPTION 'member "%" of argument "%" is not a string, or empty', wrong, argument USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give a JSON string, or leave the member out if it is optional.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_members(text, jsonb, text[], text[]) IS 'internal: checks the members of an argument';

-- The argument auth checked, and without what is secret in it; null for none.
CREATE FUNCTION odoo_events._auth_public(auth jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind text;
BEGIN
  IF auth IS NULL OR auth = '{}' THEN
    RETURN NULL;
  END IF;
  kind := CASE WHEN jsonb_typeof(auth) = 'object' THEN auth ->> 'type' END;
  IF kind = 'basic' THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,username,password}', '{}');
  ELSIF kind = 'bearer' THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,token}', '{}');
  ELSIF kind = 'oauth2' THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,token_url,client_id,client_secret}', '{scope,audience}');
  ELSE
    RAISE EXCEPTION 'argument "auth" has no usable "type"' USING ERRCODE = 'invalid_parameter_value',
      HINT = '{"type": "basic", "username": ..., "password": ...}, {"type": "bearer", "token": ...} or {"type": "oauth2", "token_url": ..., "client_id": ..., "client_secret": ...}';
  END IF;
  IF EXISTS (SELECT 1 FROM jsonb_each_text(auth) e WHERE e.value ~ '[\u0001-\u001f\u007f-\u009f]' OR length(e.value) > 16384)
     OR auth ->> 'username' ~ ':' OR auth ->> 'token' ~ '[^\u0021-\u007e]' THEN
    RAISE EXCEPTION 'argument "auth" has a member that cannot be sent' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'No control characters, no ":" in username, only visible ASCII in token.';
  END IF;
  RETURN auth - '{password,token,client_secret}'::text[];
END $$;
COMMENT ON FUNCTION odoo_events._auth_public(jsonb) IS 'internal: checks the argument auth; answers what of it is not secret';

CREATE FUNCTION odoo_events._tls_public(tls jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF tls IS NULL OR tls = '{}' THEN
    RETURN NULL;
  END IF;
  IF jsonb_typeof(tls) <> 'object' THEN
    RAISE EXCEPTION 'argument "tls" is not a JSON object' USING ERRCODE = 'invalid_parameter_value',
      HINT = '{"ca": ..., "cert": ..., "key": ..., "server_name": ..., "http2": false}, each of them optional; the first three are PEM texts.';
  END IF;
  IF jsonb_typeof(tls -> 'http2') <> 'boolean' THEN
    RAISE EXCEPTION 'member "http2" of argument "tls" is neither true nor false' USING ERRCODE = 'invalid_parameter_value',
      HINT = '"http2": false keeps to HTTP/1.1; without it HTTP/2 is used where the endpoint offers it.';
  END IF;
  PERFORM odoo_events._check_members('tls', tls - 'http2', '{}', '{ca,cert,key,server_name,http2}');
  IF tls ->> 'server_name' !~ '^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$' THEN
    RAISE EXCEPTION 'member "server_name" of argument "tls" is not a host name' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the name in the endpoint''s certificate, such as wms.internal, without scheme and port.';
  END IF;
  RETURN tls - 'key';
END $$;
COMMENT ON FUNCTION odoo_events._tls_public(jsonb) IS 'internal: checks the argument tls; answers what of it is not secret';

-- When a bearer token expires, if it is a JSON Web Token that says so.
CREATE FUNCTION odoo_events._token_expiry(token text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  claims text := translate(split_part(token, '.', 2), '-_', '+/');
BEGIN
  IF claims = '' OR claims IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN to_timestamp((convert_from(decode(rpad(claims, (length(claims) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb ->> 'exp')::float8);
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._token_expiry(text) IS 'internal: the claim exp of a JSON Web Token';

-- What belongs to a configuration and is secret, changed by arguments.
CREATE FUNCTION odoo_events._configure_secret(was odoo_events.subscription_secret, c odoo_events.subscription_config, args jsonb)
RETURNS odoo_events.subscription_secret
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s odoo_events.subscription_secret := was;
BEGIN
  IF args ->> 'secret' IS NOT NULL THEN
    s.secret := odoo_events._parse_secret(args ->> 'secret', c.signature);
    s.previous := '{}'; s.previous_signature := '{}'; s.previous_until := '{}';
  ELSIF s.signature <> c.signature THEN
    RAISE EXCEPTION 'another "signature" needs another "secret"' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give secret too, or use subscribe(..., or_replace => true), which makes one and answers it.';
  END IF;
  IF args ? 'headers' THEN
    s.header_values := ARRAY(SELECT e.value FROM jsonb_each_text(NULLIF(args -> 'headers', 'null')) e ORDER BY e.key);
  END IF;
  IF args ? 'auth' THEN
    s.auth := CASE WHEN c.auth IS NOT NULL THEN args -> 'auth' END;
  END IF;
  IF args ? 'tls' THEN
    s.tls_key := args #>> '{tls,key}';
  END IF;
  s.signature := c.signature;
  s.header_values := COALESCE(s.header_values, '{}');
  s.previous := COALESCE(s.previous, '{}');
  s.previous_signature := COALESCE(s.previous_signature, '{}');
  s.previous_until := COALESCE(s.previous_until, '{}');
  RETURN s;
END $$;
COMMENT ON FUNCTION odoo_events._configure_secret(odoo_events.subscription_secret, odoo_events.subscription_config, jsonb) IS
'internal: secrets changed by arguments';

CREATE FUNCTION odoo_events._lost_secrets(c odoo_events.subscription_config, s odoo_events.subscription_secret) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN cardinality(COALESCE(s.header_values, '{}')) <> cardinality(c.header_names) THEN '{headers}'::text[] ELSE '{}' END
    || CASE WHEN c.auth IS NOT NULL AND s.auth IS NULL THEN '{auth}'::text[] ELSE '{}' END
    || CASE WHEN c.tls ? 'cert' AND s.tls_key IS NULL THEN '{tls}'::text[] ELSE '{}' END
$$;
COMMENT ON FUNCTION odoo_events._lost_secrets(odoo_events.subscription_config, odoo_events.subscription_secret) IS
'internal: arguments whose secret part is not here, beside the signing secret; backups have none of them';

CREATE FUNCTION odoo_events._set_secret(args jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(args ->> 'name');
  s odoo_events.subscription_secret;
  lost text[];
  collects boolean;
BEGIN
  PERFORM odoo_events._must_be_whole(c, 'set_secret', '{subscribe}');
  collects := odoo_events._collects(c.name);
  IF NOT collects AND odoo_events._proposes('set_secret', args) THEN
    RETURN NULL;
  END IF;
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = c.id;
  lost := odoo_events._lost_secrets(c, s);
  IF lost <> '{}' THEN
    RAISE EXCEPTION 'subscription "%" lacks what is secret of its %', c.name, array_to_string(lost, ', ')
      USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'They are in no backup.',
            HINT = format('alter_subscription(name, secret => ..., %s) gives all.',
                          (SELECT string_agg(l || ' => ...', ', ') FROM unnest(lost) l));
  END IF;
  s := odoo_events._configure_secret(s, c, args);
  s.subscription_id := c.id;
  IF args ->> 'secret' IS NULL THEN
    s.secret := odoo_events._new_secret();
    IF NOT collects THEN                -- else receivers still verify with the one that an approved rotate_secret() keeps
      s.previous := '{}'; s.previous_signature := '{}'; s.previous_until := '{}';
    END IF;
  END IF;
  c.overlap_until := (SELECT max(u) FROM unnest(s.previous_until) u);
  PERFORM odoo_events._store_secret(s);
  PERFORM odoo_events._audit('set_secret', c.name);
  PERFORM odoo_events._save_subscription(c);
  RETURN odoo_events._secret_text(s);
END $$;
COMMENT ON FUNCTION odoo_events._set_secret(jsonb) IS 'internal: what set_secret() does';

CREATE FUNCTION odoo_events.set_secret(name text, secret text DEFAULT NULL) RETURNS text
LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'oe_sql_guarded';
COMMENT ON FUNCTION odoo_events.set_secret(text, text) IS
'replaces the signing secret at once, by the given one or a new one, and answers it (of ed25519 the public key); needed after a restore, because secrets are in no backup';

CREATE FUNCTION odoo_events.rotate_secret(name text, overlap interval DEFAULT '24h') RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  s odoo_events.subscription_secret;
  until timestamptz;
BEGIN
  IF overlap IS NULL OR overlap < interval '0' OR overlap > interval '90 days' THEN
    RAISE EXCEPTION 'argument "overlap" is %', COALESCE(overlap::text, 'null') USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 0 to 90 days.';
  END IF;
  PERFORM odoo_events._must_be_whole(c, 'rotate_secret', '{subscribe}');
  IF odoo_events._proposes('rotate_secret', jsonb_build_object('name', name, 'overlap', overlap)) THEN
    RETURN NULL;
  END IF;
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = c.id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'subscription "%" has no secret here', c.name
      USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Secrets are in no backup.',
            HINT = format('SELECT odoo_events.set_secret(%L);', c.name);
  END IF;
  until := clock_timestamp() + overlap;
  -- the newest first; of those that still hold, the last three
  SELECT COALESCE(array_agg(x.key ORDER BY x.n), '{}'), COALESCE(array_agg(x.kind ORDER BY x.n), '{}'), COALESCE(array_agg(x.ends ORDER BY x.n), '{}')
    INTO s.previous, s.previous_signature, s.previous_until
    FROM (SELECT o.key, o.kind, o.ends, o.n
            FROM unnest(s.secret || s.previous, s.signature || s.previous_signature, until || s.previous_until) WITH ORDINALITY o(key, kind, ends, n)
           WHERE o.ends > clock_timestamp() ORDER BY o.n LIMIT 3) x;
  s.secret := odoo_events._new_secret();
  c.overlap_until := (SELECT max(u) FROM unnest(s.previous_until) u);
  PERFORM odoo_events._store_secret(s);
  PERFORM odoo_events._audit('rotate_secret', c.name, NULL, jsonb_build_object('overlap', overlap));
  PERFORM odoo_events._save_subscription(c);
  RETURN odoo_events._secret_text(s);
END $$;
COMMENT ON FUNCTION odoo_events.rotate_secret(text, interval) IS
'a new signing secret beside the old one, which goes on signing for the overlap; answers the new one (of ed25519 the public key)';
