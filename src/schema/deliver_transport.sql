-- deliver: subscriptions whose endpoint is a broker.  A helper program per kind of broker does the sending (src/deliver/transport/program);
-- all that can be wrong with a configuration is found here, when it is given.

CREATE FUNCTION odoo_events._program(kind text) RETURNS text
LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_program';
COMMENT ON FUNCTION odoo_events._program(text) IS 'internal: where the helper program of a kind of broker is; null if it is not installed';

CREATE FUNCTION odoo_events._check_host(host text, protocol text, tls boolean, allow_networks cidr[]) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_check_host';
COMMENT ON FUNCTION odoo_events._check_host(text, text, boolean, cidr[]) IS 'internal: raises if no address of this host may be called';

-- How a URL's events travel: webhook, a kind of broker, or fetch (no URL).
CREATE FUNCTION odoo_events._transport(url text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN url IS NULL THEN 'fetch'
            ELSE COALESCE(substring(lower(url) FROM '^(kafka)s?:'), substring(lower(url) FROM '^(nats)(?:\+tls)?:'), substring(lower(url) FROM '^(mqtt)s?:'),
                          substring(lower(url) FROM '^(amqp)s?:'), 'webhook') END
$$;
COMMENT ON FUNCTION odoo_events._transport(text) IS 'internal: webhook, kafka, nats, mqtt, amqp or fetch';

-- An example for each kind, for hints.
CREATE FUNCTION odoo_events._transport_example(kind text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE kind WHEN 'kafka' THEN 'kafkas://k1.example.com:9093,k2.example.com:9093/odoo.{domain}.{entity}'
                 WHEN 'nats' THEN 'nats+tls://n1.example.com:4222/odoo.{domain}.{entity}.{verb}'
                 WHEN 'mqtt' THEN 'mqtts://broker.example.com:8883/acme/{warehouse}/{entity}/{verb}'
                 ELSE 'amqps://rabbit.example.com:5671/vhost' END
$$;
COMMENT ON FUNCTION odoo_events._transport_example(text) IS 'internal: a URL of this kind of broker';

-- The hosts of a broker's URL, without ports.
CREATE FUNCTION odoo_events._broker_hosts(url text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind   constant text := odoo_events._transport(url);
  place  text := substring(url FROM '^[^/]*//([^/?]*)');
  part   text;
  hosts  text[] := '{}';
  wrong  text;
BEGIN
  wrong := CASE WHEN length(url) > 2048 THEN 'It is longer than 2048 bytes.'
                WHEN url ~ '[^\u0021-\u007e]' THEN 'It contains a space, a control character or one beyond ASCII.'
                WHEN place ~ '@' THEN 'It contains a user name or a password.'
                WHEN url ~ '[?#]' THEN 'What follows "?" or "#" has no meaning in it.'
                WHEN COALESCE(place, '') = '' THEN 'It names no host.' END;
  FOREACH part IN ARRAY string_to_array(place, ',') LOOP
    IF part !~ '^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?$' OR substring(part FROM ':([0-9]+)$')::int4 NOT BETWEEN 1 AND 65535 THEN
      wrong := COALESCE(wrong, format('"%s" is not a host, or a host and a port.', part));
    END IF;
    hosts := hosts || substring(part FROM '^(\[[^]]+\]|[^:]+)');
  END LOOP;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'argument "url" is not a usable URL' USING ERRCODE = 'invalid_parameter_value', DETAIL = wrong,
      HINT = format('A URL looks like %s; credentials go into the argument "auth".', odoo_events._transport_example(kind));
  END IF;
  RETURN hosts;
END $$;
COMMENT ON FUNCTION odoo_events._broker_hosts(text) IS 'internal: checks the URL of a broker, but for its templates; answers its hosts';

-- The template of topics that a configuration has.
CREATE FUNCTION odoo_events._topic_template(url text, transport jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE odoo_events._transport(url) WHEN 'amqp' THEN COALESCE(transport ->> 'routing_key', '{type}')
            ELSE COALESCE(substring(url FROM '^[^/]*//[^/]*/(.*)$'), '') END
$$;
COMMENT ON FUNCTION odoo_events._topic_template(text, jsonb) IS 'internal: topic, subject or routing key of a broker''s URL, as a template';

-- What the template yields for a type: its parts, and for the rest what it looks like.
CREATE FUNCTION odoo_events._expand_template(template text, type text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT replace(replace(replace(replace(replace(replace(replace(replace(template,
         '{source}', ltrim(COALESCE(NULLIF(current_setting('odoo_events.source', true), ''), '/odoo/00000000-0000-0000-0000-000000000000'), '/')),
         '{type}', type), '{domain}', COALESCE(NULLIF(split_part(type, '.', 2), ''), 'none')), '{entity}', COALESCE(NULLIF(split_part(type, '.', 3), ''), 'none')),
         '{verb}', COALESCE(NULLIF(split_part(type, '.', 4), ''), 'none')), '{key}', split_part(type, '.', 3) || ':1'), '{company}', '1'), '{warehouse}', 'none')
$$;
COMMENT ON FUNCTION odoo_events._expand_template(text, text) IS 'internal: what a template of topics yields for a type of events';

-- Refuses a template that names what there is not, or that yields for a type that can match what this kind of broker cannot take.
CREATE FUNCTION odoo_events._check_template(argument text, template text, kind text, types_like text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rest  constant text := regexp_replace(template, '\{(source|type|domain|entity|verb|key|company|warehouse)\}', '', 'g');
  allowed constant text := CASE kind WHEN 'kafka' THEN '^[A-Za-z0-9._-]{1,249}$' WHEN 'nats' THEN '^[^\s.*>]+([.][^\s.*>]+)*$'
                                     WHEN 'mqtt' THEN '^[^+#$\u0001-\u001f][^+#\u0001-\u001f]*$' ELSE '^.{0,255}$' END;
  bad   record;
BEGIN
  IF rest ~ '[{}]' THEN
    RAISE EXCEPTION 'argument "%" has an unknown name in its template "%"', argument, template USING ERRCODE = 'invalid_parameter_value',
      HINT = 'The names are {source}, {type}, {domain}, {entity}, {verb}, {key}, {company} and {warehouse}.';
  END IF;
  SELECT t.type, odoo_events._expand_template(template, t.type) AS topic INTO bad
    FROM (SELECT e.type FROM odoo_events.event_type e WHERE e.type LIKE ANY (types_like) UNION ALL SELECT 'odoo.platform.subscription.pinged.v1') t
   WHERE odoo_events._expand_template(template, t.type) !~ allowed ORDER BY t.type LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'argument "%" makes "%" of events of type %, which % cannot take', argument, bad.topic, bad.type, initcap(kind)
      USING ERRCODE = 'invalid_parameter_value',
            DETAIL = CASE kind WHEN 'kafka' THEN 'The name of a topic has up to 249 letters, digits, ".", "_" and "-".'
                               WHEN 'nats' THEN 'A subject has words between dots, without spaces, "*" and ">".'
                               WHEN 'mqtt' THEN 'A topic has no "+" and "#", and does not begin with "$".'
                               ELSE 'A routing key has up to 255 bytes.' END,
            HINT = format('url => %L is one that is taken.', odoo_events._transport_example(kind));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_template(text, text, text, text[]) IS 'internal: refuses a template of topics that a broker cannot take';

-- The argument transport: its members, of each kind of broker.
CREATE FUNCTION odoo_events._check_transport(url text, transport jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind    constant text := odoo_events._transport(url);
  texts   constant text[] := CASE kind WHEN 'kafka' THEN '{key,compression}' WHEN 'nats' THEN '{key,stream}' WHEN 'mqtt' THEN '{key,client_id}' ELSE '{key,exchange,routing_key}' END;
  numbers constant text[] := CASE kind WHEN 'kafka' THEN '{window,linger_ms,max_message_bytes}' ELSE '{window}' END;
  flags   constant text[] := CASE kind WHEN 'kafka' THEN '{compacted}' WHEN 'mqtt' THEN '{retain}' ELSE '{}' END;
  m       record;
BEGIN
  IF jsonb_typeof(transport) <> 'object' THEN
    RAISE EXCEPTION 'argument "transport" is not a JSON object' USING ERRCODE = 'invalid_parameter_value',
      HINT = format('{%s}', (SELECT string_agg(format('"%s": ...', x), ', ') FROM unnest(texts || numbers || flags) x));
  END IF;
  FOR m IN SELECT e.key, e.value, jsonb_typeof(e.value) AS type FROM jsonb_each(transport) e LOOP
    IF m.key <> ALL (texts || numbers || flags) THEN
      RAISE EXCEPTION 'argument "transport" has the unknown member "%"', m.key USING ERRCODE = 'invalid_parameter_value',
        HINT = format('With %s its members are %s.', kind, array_to_string(texts || numbers || flags, ', '));
    ELSIF m.key = ANY (texts) AND (m.type <> 'string' OR m.value = '""' AND m.key <> 'exchange' OR m.value #>> '{}' ~ '[\u0001-\u001f]') THEN
      RAISE EXCEPTION 'member "%" of argument "transport" is not a string, or empty', m.key USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Give a JSON string, or leave the member out.';
    ELSIF m.key = ANY (flags) AND m.type <> 'boolean' THEN
      RAISE EXCEPTION 'member "%" of argument "transport" is neither true nor false', m.key USING ERRCODE = 'invalid_parameter_value',
        HINT = format('transport => ''{"%s": true}''', m.key);
    ELSIF m.key = ANY (numbers) AND (m.type <> 'number' OR m.value #>> '{}' !~ '^[0-9]{1,9}$') THEN
      RAISE EXCEPTION 'member "%" of argument "transport" is not a whole number', m.key USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Give a number without a sign and without a fraction.';
    END IF;
  END LOOP;
  IF (transport ->> 'window')::int4 NOT BETWEEN 1 AND 4096 THEN
    RAISE EXCEPTION 'member "window" of argument "transport" is %', transport ->> 'window' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the number of messages that may be under way at a time, 1 to 4096.';
  END IF;
  IF transport ->> 'compression' NOT IN ('none', 'gzip', 'snappy', 'lz4', 'zstd') THEN
    RAISE EXCEPTION 'member "compression" of argument "transport" is "%"', transport ->> 'compression' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give none, gzip, snappy, lz4 or zstd.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_transport(text, jsonb) IS 'internal: checks the argument transport';

-- The argument auth of a broker checked, and without what is secret in it; null for none.
CREATE FUNCTION odoo_events._broker_auth(kind text, auth jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  type  constant text := CASE WHEN jsonb_typeof(auth) = 'object' THEN auth ->> 'type' END;
  known constant text[] := CASE kind WHEN 'kafka' THEN '{basic,scram-sha-256,scram-sha-512,oauth2}' WHEN 'nats' THEN '{basic,bearer,nkey,creds}' ELSE '{basic}' END;
BEGIN
  IF auth IS NULL OR auth = '{}' THEN
    RETURN NULL;
  ELSIF type IS NULL OR type <> ALL (known) THEN
    RAISE EXCEPTION 'argument "auth" has no usable "type" for %', kind USING ERRCODE = 'invalid_parameter_value',
      HINT = format('Its type is one of %s; a client certificate is given by tls.', array_to_string(known, ', '));
  ELSIF type IN ('basic', 'scram-sha-256', 'scram-sha-512') THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,username,password}', '{}');
  ELSIF type = 'oauth2' THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,token_url,client_id,client_secret}', '{scope,audience}');
  ELSIF type = 'bearer' THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,token}', '{}');
  ELSIF type = 'nkey' THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,seed}', '{}');
  ELSE
    PERFORM odoo_events._check_members('auth', auth, '{type,creds}', '{}');
  END IF;
  IF EXISTS (SELECT 1 FROM jsonb_each_text(auth) e WHERE e.key <> 'creds' AND e.value ~ '[\u0001-\u001f\u007f-\u009f]' OR length(e.value) > 16384) THEN
    RAISE EXCEPTION 'argument "auth" has a member that cannot be sent' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'No member but "creds" has control characters or line breaks, and none has more than 16384 characters.';
  END IF;
  RETURN auth - '{password,token,client_secret,seed,creds}'::text[];
END $$;
COMMENT ON FUNCTION odoo_events._broker_auth(text, jsonb) IS 'internal: checks the argument auth of a broker; answers what of it is not secret';

-- Arguments that only a webhook has.
CREATE FUNCTION odoo_events._check_broker_arguments(c odoo_events.subscription_config, args jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text;
BEGIN
  wrong := CASE WHEN c.handshake THEN 'handshake' WHEN c.signature <> 'hmac' THEN 'signature' WHEN args ->> 'secret' IS NOT NULL THEN 'secret'
                WHEN c.success_statuses IS NOT NULL THEN 'success_statuses' WHEN c.outcomes NOT IN ('none', 'sql', 'event') THEN 'outcomes'
                WHEN c.on_reject <> 'retry' THEN 'on_reject' WHEN c.batch_size <> 1 THEN 'batch_size'
                WHEN c.batch_wait <> '0' THEN 'batch_wait' WHEN c.max_in_flight <> 16 THEN 'max_in_flight' END;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'argument "%" is for webhooks, not for brokers', wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = CASE wrong WHEN 'max_in_flight' THEN 'transport => ''{"window": 500}'' bounds the messages that are under way.' ELSE format('Leave "%s" out.', wrong) END;
  END IF;
  IF c.format NOT IN ('structured', 'binary') THEN
    RAISE EXCEPTION 'argument "format" is "%", which no broker takes', c.format USING ERRCODE = 'invalid_parameter_value',
      HINT = 'structured: the message is a CloudEvent; binary: its attributes are headers, the message is its data.';
  END IF;
  IF EXISTS (SELECT 1 FROM unnest(c.header_names) h WHERE h ~* '^(ce_|cloudEvents|nats-)'
             OR h = ANY ('{id,source,type,specversion,subject,time,dataschema,partitionkey,sequence}')) THEN
    RAISE EXCEPTION 'argument "headers" sets a header that carries an attribute of the event' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give it another name.';
  END IF;
  IF odoo_events._keeps_states(c.transport) AND c.payload <> 'full' THEN
    RAISE EXCEPTION 'argument "payload" is "%" where the broker keeps the latest message', c.payload USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'Who reads it later has nothing else.', HINT = 'payload => ''full''';
  END IF;
  IF odoo_events._keeps_states(c.transport) AND c.ordering = 'none' THEN
    RAISE EXCEPTION 'argument "ordering" is "none" where the broker keeps the latest message' USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'An old state could come last.', HINT = 'ordering => ''key''';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_broker_arguments(odoo_events.subscription_config, jsonb) IS 'internal: refuses arguments that a broker cannot have';

-- A topic of states is as complete as the events that there are: says which types of records are not emitted.
CREATE FUNCTION odoo_events._warn_of_states(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  off text[];
BEGIN
  SELECT array_agg(t.type ORDER BY t.type) INTO off
    FROM odoo_events.event_type t WHERE t.type LIKE ANY (c.types_like) AND NOT t.enabled AND t.type LIKE 'odoo.master_data.%';
  IF off IS NOT NULL THEN
    RAISE WARNING 'subscription "%" keeps states, and % of the types of master data that it takes are not emitted', c.name, cardinality(off)
      USING HINT = (SELECT string_agg(format('SELECT odoo_events.enable_event(%L);', o), ' ') FROM unnest(off) o);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._warn_of_states(odoo_events.subscription_config) IS 'internal: warns of master data that is not emitted';

-- A subscription to a broker as it is given or changed: all of it checked; auth and tls as they are stored.
CREATE FUNCTION odoo_events._configure_broker(c odoo_events.subscription_config, args jsonb) RETURNS odoo_events.subscription_config
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind  constant text := odoo_events._transport(c.url);
  tls   constant boolean := lower(c.url) ~ '^(kafkas|nats\+tls|mqtts|amqps):';
  host  text;
BEGIN
  PERFORM odoo_events._check_transport(c.url, COALESCE(c.transport, '{}'));
  PERFORM odoo_events._broker_hosts(c.url);
  PERFORM odoo_events._check_broker_arguments(c, args);
  IF kind <> 'amqp' AND odoo_events._topic_template(c.url, c.transport) = '' THEN
    RAISE EXCEPTION 'argument "url" names no %', CASE kind WHEN 'nats' THEN 'subject' ELSE 'topic' END USING ERRCODE = 'invalid_parameter_value',
      HINT = format('url => %L', odoo_events._transport_example(kind));
  END IF;
  PERFORM odoo_events._check_template(CASE kind WHEN 'amqp' THEN 'transport.routing_key' ELSE 'url' END, odoo_events._topic_template(c.url, c.transport), kind, c.types_like);
  PERFORM odoo_events._check_template('transport.key', COALESCE(c.transport ->> 'key', '{key}'), 'amqp', c.types_like);
  IF args ? 'auth' THEN
    c.auth := odoo_events._broker_auth(kind, NULLIF(args -> 'auth', 'null'));
    c.auth_expires_at := odoo_events._token_expiry(args #>> '{auth,token}');
  END IF;
  IF args ? 'tls' THEN
    c.tls := odoo_events._tls_public(NULLIF(args -> 'tls', 'null'));
    c.tls_expires_at := odoo_events._check_tls(args #>> '{tls,ca}', args #>> '{tls,cert}', args #>> '{tls,key}');
  END IF;
  IF c.tls ?| '{server_name,http2}' THEN
    RAISE EXCEPTION 'member "%" of argument "tls" is for webhooks', CASE WHEN c.tls ? 'http2' THEN 'http2' ELSE 'server_name' END
      USING ERRCODE = 'invalid_parameter_value', HINT = 'A broker''s certificate bears the name that the URL has.';
  END IF;
  IF c.tls IS NOT NULL AND NOT tls THEN
    RAISE EXCEPTION 'argument "tls" needs a URL with TLS' USING ERRCODE = 'invalid_parameter_value',
      HINT = format('Give a URL that begins with %s, or tls => ''{}''.', CASE kind WHEN 'nats' THEN 'nats+tls:' ELSE kind || 's:' END);
  END IF;
  IF odoo_events._program(kind) IS NULL THEN
    RAISE EXCEPTION 'the helper program for % is not installed on this server', kind USING ERRCODE = 'undefined_file',
      DETAIL = format('It is called odoo_events_%s and stands beside the libraries of PostgreSQL.', kind),
      HINT = format('apt-get install postgresql-%s-odoo-events-%s, or make install in the source''s directory programs', current_setting('server_version_num')::int4 / 10000, kind);
  END IF;
  IF odoo_events._keeps_states(c.transport) THEN
    PERFORM odoo_events._warn_of_states(c);
  END IF;
  FOREACH host IN ARRAY odoo_events._broker_hosts(c.url) LOOP
    PERFORM odoo_events._check_host(host, kind, tls, c.allow_networks);
  END LOOP;
  RETURN c;
END $$;
COMMENT ON FUNCTION odoo_events._configure_broker(odoo_events.subscription_config, jsonb) IS 'internal: checks what a subscription to a broker has beside a webhook''s';

CREATE FUNCTION odoo_events._keeps_states(transport jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(transport -> 'compacted' = 'true' OR transport -> 'retain' = 'true', false)
$$;
COMMENT ON FUNCTION odoo_events._keeps_states(jsonb) IS 'internal: does the broker keep the latest message of each key or topic?';

-- What ping() says of a broker beside what it says of all subscriptions.
CREATE FUNCTION odoo_events._tell_of_ping(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF odoo_events._transport(c.url) IN ('webhook', 'fetch') THEN
    RETURN;
  END IF;
  IF odoo_events._keeps_states(c.transport) OR odoo_events._topic_template(c.url, c.transport) ~ '[{]' THEN
    RAISE NOTICE 'the ping connects to the broker and looks for the topic, but publishes nothing'
      USING HINT = format('SELECT * FROM odoo_events.attempt WHERE subscription = %L ORDER BY at DESC LIMIT 1;', c.name);
  END IF;
  IF c.transport -> 'compacted' = 'true' AND COALESCE(c.transport ->> 'key', '{key}') !~ '[{]source[}]' THEN
    RAISE NOTICE 'the key of the messages is the same in every database: one topic for several databases needs {source} in it'
      USING HINT = format('SELECT odoo_events.alter_subscription(%L, transport => %L);', c.name, c.transport || '{"key": "{source}/{key}"}');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._tell_of_ping(odoo_events.subscription_config) IS 'internal: what ping() says of a subscription to a broker';
