-- deliver: subscriptions, their secrets, what they still have to get, and what became of it.

-- Configuration.  In dumps (Odoo's backups), therefore without anything secret.
CREATE SEQUENCE odoo_events.subscription_id_seq AS int4;
COMMENT ON SEQUENCE odoo_events.subscription_id_seq IS 'numbers of subscriptions; never used twice';

CREATE TABLE odoo_events.subscription_config (
    id             int4 PRIMARY KEY DEFAULT pg_catalog.nextval('odoo_events.subscription_id_seq'),
    name           text NOT NULL UNIQUE,
    url            text NOT NULL,
    types          text[] NOT NULL,
    types_like     text[] NOT NULL,             -- the same as LIKE patterns
    filter         jsonpath,
    companies      int4[],
    warehouses     int4[],
    format         text NOT NULL,
    ordering       text NOT NULL,
    batch_size     int4 NOT NULL,
    batch_wait     interval NOT NULL,
    max_in_flight  int4 NOT NULL,
    timeout        interval NOT NULL,
    retry_schedule interval[],
    header_names   text[] NOT NULL,             -- values are with the secret
    allow_networks cidr[] NOT NULL,
    state          text NOT NULL DEFAULT 'active',
    state_reason   text,
    state_since    timestamptz NOT NULL,
    version        int8 NOT NULL DEFAULT 1,     -- grows with each change of configuration
    created_at     timestamptz NOT NULL
);
COMMENT ON TABLE odoo_events.subscription_config IS 'subscriptions: configuration without secrets; read it through the view subscription';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.subscription_config
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
SELECT pg_catalog.pg_extension_config_dump('odoo_events.subscription_id_seq', '');

-- Written by _store_secret() only, with rows that logical decoding does not see.
CREATE TABLE odoo_events.subscription_secret (
    subscription_id int4 PRIMARY KEY,
    secret          bytea NOT NULL,
    header_values   text[] NOT NULL
);
COMMENT ON TABLE odoo_events.subscription_secret IS 'signing keys and values of headers; in no dump, readable by the extension''s owner only';

-- Insert only, ring of two: per subscription the row with the greatest n holds.  An event at or before cursor is settled unless
-- it is in in_flight or in a batch, or its key is held at a position at or before its own.
CREATE SEQUENCE odoo_events.progress_n_seq;
COMMENT ON SEQUENCE odoo_events.progress_n_seq IS 'orders the rows of progress';
DO $$
BEGIN
  FOR i IN 0..1 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.progress_%s (
        subscription_id int4 NOT NULL,
        n               int8 NOT NULL DEFAULT pg_catalog.nextval('odoo_events.progress_n_seq'),
        at              timestamptz NOT NULL,
        cursor          int8 NOT NULL,
        in_flight       int8[] NOT NULL DEFAULT '{}',
        batches         jsonb NOT NULL DEFAULT '[]',      -- id, positions, attempts, first, next (us since 2000)
        requests        int4 NOT NULL DEFAULT 0,          -- open when this was written
        delivered       int8 NOT NULL DEFAULT 0,
        failed          int8 NOT NULL DEFAULT 0,
        filter_errors   int8 NOT NULL DEFAULT 0,
        breaker         text NOT NULL DEFAULT 'closed',
        not_before      timestamptz,                      -- nothing starts until then: breaker, Retry-After
        last_status     int4,
        last_error      text,
        last_success_at timestamptz,
        failing_since   timestamptz,
        p50             float8,                           -- seconds, of the latest requests
        p95             float8,
        PRIMARY KEY (subscription_id, n)
      )$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.progress_%s IS %L', i,
      'progress of subscriptions: insert only, the greatest n of a subscription holds');
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.attempt_%s (
        n               int8 PRIMARY KEY,
        subscription_id int4 NOT NULL,
        event_id        uuid,
        batch_id        uuid,
        first_position  int8 NOT NULL,
        last_position   int8 NOT NULL,
        attempt         int4 NOT NULL,
        at              timestamptz NOT NULL,
        duration        float8 NOT NULL,
        status          int4,
        error           text,
        response        text
      )$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.attempt_%s IS %L', i,
      'one row per request, kept for odoo_events.attempt_retention');
  END LOOP;
END $$;
CREATE VIEW odoo_events.progress AS
SELECT * FROM odoo_events.progress_0 UNION ALL SELECT * FROM odoo_events.progress_1;
COMMENT ON VIEW odoo_events.progress IS 'internal: both members of the progress ring';

-- Per key that waits: all its events from position on (mode key: up to upto, or the cursor; other modes: this one event).
CREATE TABLE odoo_events.held (
    subscription_id int4 NOT NULL,
    mode            text NOT NULL,
    key             text NOT NULL,
    position        int8 NOT NULL,
    upto            int8,
    attempts        int4 NOT NULL,
    first_at        timestamptz,
    next_attempt_at timestamptz,
    last_status     int4,
    last_error      text,
    PRIMARY KEY (subscription_id, mode, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
COMMENT ON TABLE odoo_events.held IS 'keys that wait: for the retry of their first event, or behind it';

CREATE TABLE odoo_events.dead (
    subscription_id int4 NOT NULL,
    event_id        uuid NOT NULL,
    position        int8 NOT NULL,
    type            text NOT NULL,
    subject         text NOT NULL,
    partitionkey    text NOT NULL,
    company_id      int4,
    warehouse_id    int4,
    attempts        int4 NOT NULL,
    first_at        timestamptz NOT NULL,
    last_at         timestamptz NOT NULL,
    last_status     int4,
    last_error      text,
    event           text NOT NULL,
    PRIMARY KEY (subscription_id, event_id)
);
COMMENT ON TABLE odoo_events.dead IS 'dead letters, with their own copy of the bytes';

CREATE TABLE odoo_events.replay_job (
    id              int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id int4 NOT NULL,
    from_position   int8 NOT NULL,
    to_position     int8 NOT NULL,
    since           timestamptz,
    until           timestamptz,
    types_like      text[],
    keys            text[],
    subject         text,
    ids             uuid[],
    dead_letters    boolean NOT NULL,
    matched         int8 NOT NULL,
    cursor          int8 NOT NULL,              -- all at or before it is done
    sent            int8 NOT NULL DEFAULT 0,
    failed          int8 NOT NULL DEFAULT 0,
    state           text NOT NULL DEFAULT 'running',
    created_by      text NOT NULL,
    created_at      timestamptz NOT NULL,
    finished_at     timestamptz
);
COMMENT ON TABLE odoo_events.replay_job IS 'replays and how far they are';

-- What operators ask the worker to do; it takes the rows away.
CREATE TABLE odoo_events.command (
    id              int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id int4 NOT NULL,
    what            text NOT NULL,              -- retry_now, skip
    positions       int8[] NOT NULL,
    by              text NOT NULL
);
COMMENT ON TABLE odoo_events.command IS 'internal: orders of operators to the worker';

CREATE FUNCTION odoo_events._check_url(url text, allow_networks cidr[]) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_check_url';
COMMENT ON FUNCTION odoo_events._check_url(text, cidr[]) IS 'internal: raises if the URL may not be called';

CREATE FUNCTION odoo_events._new_secret() RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_new_secret';
COMMENT ON FUNCTION odoo_events._new_secret() IS 'internal: 32 random bytes';

CREATE FUNCTION odoo_events._store_secret(subscription_id int4, secret bytea, header_values text[]) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_store_secret';
COMMENT ON FUNCTION odoo_events._store_secret(int4, bytea, text[]) IS
'internal: writes a row of subscription_secret, replacing what was there, unseen by logical decoding';

CREATE FUNCTION odoo_events._parse_secret(secret text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  bytes bytea;
BEGIN
  BEGIN
    bytes := CASE WHEN secret LIKE 'whsec\_%' THEN decode(substr(secret, 7), 'base64') END;
  EXCEPTION WHEN invalid_parameter_value THEN
    bytes := NULL;
  END;
  IF bytes IS NULL OR length(bytes) NOT BETWEEN 24 AND 64 THEN
    RAISE EXCEPTION 'argument "secret" is not a Standard Webhooks secret'
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It is whsec_ and the base64 of 24 to 64 random bytes; leave it out to get a new one.';
  END IF;
  RETURN bytes;
END $$;
COMMENT ON FUNCTION odoo_events._parse_secret(text) IS 'internal: whsec_... as bytes';

-- The patterns of argument types, checked, as LIKE patterns.
CREATE FUNCTION odoo_events._types_like(types text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pattern text;
  likes text[] := '{}';
  known boolean;
BEGIN
  IF types IS NULL OR cardinality(types) = 0 OR array_position(types, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'argument "types" is empty'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'types => ''{*}'' means all.';
  END IF;
  FOREACH pattern IN ARRAY types LOOP
    IF pattern !~ '^[a-z0-9_.*]+$' THEN
      RAISE EXCEPTION 'argument "types" has the unusable pattern "%"', pattern
        USING ERRCODE = 'invalid_parameter_value',
              HINT = 'Types consist of a-z, 0-9, "_" and "."; "*" stands for any of them, also none.';
    END IF;
    likes := likes || replace(replace(pattern, '_', '\_'), '*', '%');
    known := 'odoo.platform.subscription.pinged.v1' LIKE likes[cardinality(likes)];
    IF NOT known AND to_regclass('odoo_events.event_type') IS NOT NULL THEN
      EXECUTE 'SELECT EXISTS (SELECT 1 FROM odoo_events.event_type t WHERE t.type LIKE $1)' INTO known USING likes[cardinality(likes)];
    END IF;
    IF NOT known THEN
      RAISE WARNING 'pattern "%" matches no event type that is known here', pattern
        USING HINT = 'SELECT type FROM odoo_events.event_type lists them; own events of emit() match all the same.';
    END IF;
  END LOOP;
  RETURN likes;
END $$;
COMMENT ON FUNCTION odoo_events._types_like(text[]) IS 'internal: checks type patterns';

CREATE FUNCTION odoo_events._check_headers(headers jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  h record;
BEGIN
  IF jsonb_typeof(headers) <> 'object' THEN
    RAISE EXCEPTION 'argument "headers" is not a JSON object'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'headers => ''{"X-Api-Key": "..."}''';
  END IF;
  IF (SELECT count(*) > 20 OR sum(octet_length(e.value)) > 8192 FROM jsonb_each_text(headers) e) THEN
    RAISE EXCEPTION 'argument "headers" has more than 20 headers, or 8192 bytes' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR h IN SELECT e.key, e.value, jsonb_typeof(headers -> e.key) AS kind FROM jsonb_each_text(headers) e LOOP
    IF h.key !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]{1,128}$' THEN
      RAISE EXCEPTION 'argument "headers" has an unusable name' USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Names of headers consist of letters, digits and "-".';
    END IF;
    IF h.key ~* '^(content-.*|host|connection|user-agent|webhook-.*|ce-.*|traceparent|tracestate|transfer-encoding|expect|te|trailer|upgrade|keep-alive|proxy-.*)$' THEN
      RAISE EXCEPTION 'argument "headers" sets the reserved header "%"', h.key USING ERRCODE = 'invalid_parameter_value',
        HINT = 'content-*, host, connection, user-agent, webhook-*, ce-*, traceparent and those of the transport are set by odoo_events.';
    END IF;
    IF h.kind <> 'string' OR h.value ~ '[^\u0020-\u007e\u0080-\uffff]' OR h.value ~ '[\u0080-\u009f]' OR h.value ~ '^\s|\s$' OR h.value = '' THEN
      RAISE EXCEPTION 'argument "headers" has an unusable value for "%"', h.key USING ERRCODE = 'invalid_parameter_value',
        HINT = 'A value is a JSON string without line breaks and other control characters, and not empty.';
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._check_headers(jsonb) IS 'internal: checks the argument headers';

-- What all ways of giving a configuration have in common.
CREATE FUNCTION odoo_events._check_config(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF c.name !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$' THEN
    RAISE EXCEPTION 'argument "name" is not a usable name of a subscription' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Up to 63 letters, digits, "_", "." and "-", beginning with a letter or digit.';
  END IF;
  IF array_position(c.allow_networks, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'argument "allow_networks" contains a null' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  PERFORM odoo_events._check_url(c.url, c.allow_networks);
  IF c.format NOT IN ('structured', 'batch') THEN
    RAISE EXCEPTION 'argument "format" is "%"', c.format USING ERRCODE = 'invalid_parameter_value',
      HINT = 'structured: one event per request; batch: up to batch_size of them.';
  END IF;
  IF c.ordering NOT IN ('key', 'none', 'strict') THEN
    RAISE EXCEPTION 'argument "ordering" is "%"', c.ordering USING ERRCODE = 'invalid_parameter_value',
      HINT = 'key: in order per document; none: as it comes; strict: one after another.';
  END IF;
  IF c.batch_size NOT BETWEEN 1 AND 1000 THEN
    RAISE EXCEPTION 'argument "batch_size" is %', c.batch_size USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 1000.';
  END IF;
  IF c.batch_size > 1 AND c.format <> 'batch' THEN
    RAISE EXCEPTION 'argument "batch_size" needs format => ''batch''' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'format => ''batch''';
  END IF;
  IF c.batch_wait < interval '0' OR c.batch_wait > interval '1 hour' THEN
    RAISE EXCEPTION 'argument "batch_wait" is %', c.batch_wait USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 0 to 1 hour.';
  END IF;
  IF c.max_in_flight NOT BETWEEN 1 AND 256 THEN
    RAISE EXCEPTION 'argument "max_in_flight" is %', c.max_in_flight USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 256.';
  END IF;
  IF c.timeout < interval '1 ms' OR c.timeout > interval '1 hour' THEN
    RAISE EXCEPTION 'argument "timeout" is %', c.timeout USING ERRCODE = 'invalid_parameter_value', HINT = 'Give more than 0, up to 1 hour.';
  END IF;
  IF EXISTS (SELECT 1 FROM unnest(c.retry_schedule) r WHERE r IS NULL OR r < interval '0' OR r > interval '30 days')
     OR cardinality(c.retry_schedule) > 100 THEN
    RAISE EXCEPTION 'argument "retry_schedule" has an unusable interval' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give up to 100 delays from 0 to 30 days, one before each retry: retry_schedule => ''{5s,1min,10min}''';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_config(odoo_events.subscription_config) IS 'internal: refuses an unusable configuration';

CREATE FUNCTION odoo_events._subscription(name text) RETURNS odoo_events.subscription_config
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config;
BEGIN
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.name = _subscription.name FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'subscription "%" does not exist', name USING ERRCODE = 'undefined_object',
      HINT = 'SELECT name FROM odoo_events.subscription lists them.';
  END IF;
  RETURN c;
END $$;
COMMENT ON FUNCTION odoo_events._subscription(text) IS 'internal: the configuration of that name, locked; raises if there is none';

-- Where a new subscription begins: the cursor before its first event.
CREATE FUNCTION odoo_events._start_cursor(start_from text) RETURNS int8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last int8 := odoo_events._last_position();
  first int8;
  moment timestamptz;
BEGIN
  IF start_from = 'now' THEN
    RETURN last;
  END IF;
  SELECT min(o.position) INTO first FROM odoo_events.outbox_all o;
  first := COALESCE(first, last + 1);
  IF start_from = 'earliest' THEN
    RETURN first - 1;
  ELSIF start_from ~ '^[0-9]{1,18}$' THEN
    IF start_from::int8 < first OR start_from::int8 > last + 1 THEN
      RAISE EXCEPTION 'argument "start_from" is position %, which is not in the outbox', start_from USING ERRCODE = 'invalid_parameter_value',
        HINT = format('It holds the positions %s to %s.', first, last);
    END IF;
    RETURN start_from::int8 - 1;
  END IF;
  BEGIN
    moment := start_from::timestamptz;
  EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION 'argument "start_from" is "%"', start_from USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give now, earliest, a position of the outbox, or a time such as 2026-01-31 08:00+01.';
  END;
  RETURN COALESCE((SELECT min(o.position) FROM odoo_events.outbox_all o WHERE o.recordedtime >= moment) - 1, last);
END $$;
COMMENT ON FUNCTION odoo_events._start_cursor(text) IS 'internal: argument start_from as a position';

-- The functions that take secrets are C wrappers of the same name without the underscore: they keep the statement out of the
-- server's log when it fails.
CREATE FUNCTION odoo_events._subscribe(name text, url text, types text[], filter jsonpath, companies int4[], warehouses int4[],
  format text, ordering text, batch_size int4, batch_wait interval, max_in_flight int4, timeout interval,
  retry_schedule interval[], headers jsonb, secret text, allow_networks cidr[], start_from text, or_replace boolean)
RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config;
  key bytea;
  start int8;
BEGIN
  IF name IS NULL OR url IS NULL OR format IS NULL OR ordering IS NULL OR batch_size IS NULL OR batch_wait IS NULL
     OR max_in_flight IS NULL OR timeout IS NULL OR start_from IS NULL THEN
    RAISE EXCEPTION 'an argument that must have a value is null' USING ERRCODE = 'null_value_not_allowed',
      HINT = 'Only filter, companies, warehouses, retry_schedule and secret may be null.';
  END IF;
  headers := COALESCE(headers, '{}');
  PERFORM odoo_events._check_headers(headers);
  key := CASE WHEN secret IS NOT NULL THEN odoo_events._parse_secret(secret) END;
  c.name := name; c.url := url; c.types := types; c.filter := filter;
  c.companies := NULLIF(companies, '{}'); c.warehouses := NULLIF(warehouses, '{}');
  c.format := format; c.ordering := ordering; c.batch_size := batch_size; c.batch_wait := batch_wait;
  c.max_in_flight := max_in_flight; c.timeout := timeout; c.retry_schedule := retry_schedule;
  c.allow_networks := COALESCE(allow_networks, '{}');
  c.header_names := ARRAY(SELECT e.key FROM jsonb_each_text(headers) e ORDER BY e.key);
  PERFORM odoo_events._check_config(c);
  c.types_like := odoo_events._types_like(types);
  start := odoo_events._start_cursor(start_from);

  IF or_replace AND EXISTS (SELECT 1 FROM odoo_events.subscription_config s WHERE s.name = _subscribe.name) THEN
    RETURN odoo_events._replace(c, key, headers);
  END IF;
  INSERT INTO odoo_events.subscription_config (name, url, types, types_like, filter, companies, warehouses, format, ordering,
      batch_size, batch_wait, max_in_flight, timeout, retry_schedule, header_names, allow_networks, state_since, created_at)
  VALUES (c.name, c.url, c.types, c.types_like, c.filter, c.companies, c.warehouses, c.format, c.ordering,
      c.batch_size, c.batch_wait, c.max_in_flight, c.timeout, c.retry_schedule, c.header_names, c.allow_networks, now(), now())
  ON CONFLICT DO NOTHING RETURNING id INTO c.id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'subscription "%" already exists', name USING ERRCODE = 'duplicate_object',
      HINT = 'or_replace => true replaces its configuration and keeps its place.';
  END IF;
  key := COALESCE(key, odoo_events._new_secret());
  PERFORM odoo_events._store_secret(c.id, key, ARRAY(SELECT e.value FROM jsonb_each_text(headers) e ORDER BY e.key));
  INSERT INTO odoo_events.progress_0 (subscription_id, at, cursor) VALUES (c.id, clock_timestamp(), start);
  PERFORM odoo_events._wake('config');
  RETURN 'whsec_' || replace(encode(key, 'base64'), E'\n', '');
END $$;
COMMENT ON FUNCTION odoo_events._subscribe(text, text, text[], jsonpath, int4[], int4[], text, text, int4, interval, int4, interval,
  interval[], jsonb, text, cidr[], text, boolean) IS 'internal: what subscribe() does';

-- or_replace: keeps number, place, state, and the secret unless a new one is given.
CREATE FUNCTION odoo_events._replace(c odoo_events.subscription_config, key bytea, headers jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was odoo_events.subscription_config := odoo_events._subscription(c.name);
  old bytea;
BEGIN
  UPDATE odoo_events.subscription_config s
     SET url = c.url, types = c.types, types_like = c.types_like, filter = c.filter, companies = c.companies, warehouses = c.warehouses,
         format = c.format, ordering = c.ordering, batch_size = c.batch_size, batch_wait = c.batch_wait, max_in_flight = c.max_in_flight,
         timeout = c.timeout, retry_schedule = c.retry_schedule, header_names = c.header_names, allow_networks = c.allow_networks,
         version = s.version + 1
   WHERE s.id = was.id;
  SELECT s.secret INTO old FROM odoo_events.subscription_secret s WHERE s.subscription_id = was.id;
  IF key IS NULL AND old IS NOT NULL THEN
    RAISE NOTICE 'subscription "%" keeps its place and its secret', c.name;
    PERFORM odoo_events._store_secret(was.id, old, ARRAY(SELECT e.value FROM jsonb_each_text(headers) e ORDER BY e.key));
    PERFORM odoo_events._wake('config');
    RETURN NULL;
  END IF;
  RAISE NOTICE 'subscription "%" keeps its place and has a new secret', c.name;
  key := COALESCE(key, odoo_events._new_secret());
  PERFORM odoo_events._store_secret(was.id, key, ARRAY(SELECT e.value FROM jsonb_each_text(headers) e ORDER BY e.key));
  PERFORM odoo_events._wake('config');
  RETURN 'whsec_' || replace(encode(key, 'base64'), E'\n', '');
END $$;
COMMENT ON FUNCTION odoo_events._replace(odoo_events.subscription_config, bytea, jsonb) IS 'internal: subscribe() with or_replace';

CREATE FUNCTION odoo_events.subscribe(name text, url text, types text[] DEFAULT '{*}', filter jsonpath DEFAULT NULL,
  companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL, format text DEFAULT 'structured', ordering text DEFAULT 'key',
  batch_size int4 DEFAULT 1, batch_wait interval DEFAULT '0', max_in_flight int4 DEFAULT 16, timeout interval DEFAULT '15s',
  retry_schedule interval[] DEFAULT NULL, headers jsonb DEFAULT '{}', secret text DEFAULT NULL, allow_networks cidr[] DEFAULT '{}',
  start_from text DEFAULT 'now', or_replace boolean DEFAULT false)
RETURNS text
LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'oe_sql_guarded';
COMMENT ON FUNCTION odoo_events.subscribe(text, text, text[], jsonpath, int4[], int4[], text, text, int4, interval, int4, interval,
  interval[], jsonb, text, cidr[], text, boolean) IS
'sends events to a webhook from now on (or start_from); answers the signing secret, which is shown once';

CREATE FUNCTION odoo_events._alter_subscription(name text, url text, types text[], filter jsonpath, companies int4[], warehouses int4[],
  format text, ordering text, batch_size int4, batch_wait interval, max_in_flight int4, timeout interval,
  retry_schedule interval[], headers jsonb, secret text, allow_networks cidr[])
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  s odoo_events.subscription_secret;
BEGIN
  c.url := COALESCE(url, c.url);
  c.filter := COALESCE(filter, c.filter);
  c.companies := NULLIF(COALESCE(companies, c.companies), '{}');
  c.warehouses := NULLIF(COALESCE(warehouses, c.warehouses), '{}');
  c.format := COALESCE(format, c.format);
  c.ordering := COALESCE(ordering, c.ordering);
  c.batch_size := COALESCE(batch_size, c.batch_size);
  c.batch_wait := COALESCE(batch_wait, c.batch_wait);
  c.max_in_flight := COALESCE(max_in_flight, c.max_in_flight);
  c.timeout := COALESCE(timeout, c.timeout);
  c.retry_schedule := COALESCE(retry_schedule, c.retry_schedule);
  c.allow_networks := COALESCE(allow_networks, c.allow_networks);
  IF types IS NOT NULL THEN
    c.types := types;
    c.types_like := odoo_events._types_like(types);
  END IF;
  PERFORM odoo_events._check_config(c);
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = c.id;
  IF headers IS NOT NULL THEN
    PERFORM odoo_events._check_headers(headers);
    c.header_names := ARRAY(SELECT e.key FROM jsonb_each_text(headers) e ORDER BY e.key);
    s.header_values := ARRAY(SELECT e.value FROM jsonb_each_text(headers) e ORDER BY e.key);
  END IF;
  IF secret IS NOT NULL THEN
    s.secret := odoo_events._parse_secret(secret);
  END IF;
  IF secret IS NOT NULL OR headers IS NOT NULL THEN
    IF s.secret IS NULL OR cardinality(COALESCE(s.header_values, '{}')) <> cardinality(c.header_names) THEN
      RAISE EXCEPTION 'subscription "%" has neither secret nor values of its headers here', c.name
        USING ERRCODE = 'object_not_in_prerequisite_state',
              DETAIL = 'They are in no backup.', HINT = 'Give secret and headers in one call.';
    END IF;
    PERFORM odoo_events._store_secret(c.id, s.secret, COALESCE(s.header_values, '{}'));
  END IF;
  UPDATE odoo_events.subscription_config x
     SET url = c.url, types = c.types, types_like = c.types_like, filter = c.filter, companies = c.companies, warehouses = c.warehouses,
         format = c.format, ordering = c.ordering, batch_size = c.batch_size, batch_wait = c.batch_wait, max_in_flight = c.max_in_flight,
         timeout = c.timeout, retry_schedule = c.retry_schedule, header_names = c.header_names, allow_networks = c.allow_networks,
         version = x.version + 1
   WHERE x.id = c.id;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._alter_subscription(text, text, text[], jsonpath, int4[], int4[], text, text, int4, interval, int4, interval,
  interval[], jsonb, text, cidr[]) IS 'internal: what alter_subscription() does';

CREATE FUNCTION odoo_events.alter_subscription(name text, url text DEFAULT NULL, types text[] DEFAULT NULL, filter jsonpath DEFAULT NULL,
  companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL, format text DEFAULT NULL, ordering text DEFAULT NULL,
  batch_size int4 DEFAULT NULL, batch_wait interval DEFAULT NULL, max_in_flight int4 DEFAULT NULL, timeout interval DEFAULT NULL,
  retry_schedule interval[] DEFAULT NULL, headers jsonb DEFAULT NULL, secret text DEFAULT NULL, allow_networks cidr[] DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'oe_sql_guarded';
COMMENT ON FUNCTION odoo_events.alter_subscription(text, text, text[], jsonpath, int4[], int4[], text, text, int4, interval, int4, interval,
  interval[], jsonb, text, cidr[]) IS
'changes a subscription; what is null stays as it is, ''{}'' empties companies and warehouses; filter => ''true'' lets all pass';

CREATE FUNCTION odoo_events._set_secret(name text, secret text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  key bytea := CASE WHEN secret IS NULL THEN odoo_events._new_secret() ELSE odoo_events._parse_secret(secret) END;
  vals text[];
BEGIN
  SELECT s.header_values INTO vals FROM odoo_events.subscription_secret s WHERE s.subscription_id = c.id;
  IF cardinality(COALESCE(vals, '{}')) <> cardinality(c.header_names) THEN
    RAISE EXCEPTION 'subscription "%" has no values of its headers here', c.name
      USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'They are in no backup.',
            HINT = 'alter_subscription(name, headers => ..., secret => ...) gives both.';
  END IF;
  PERFORM odoo_events._store_secret(c.id, key, COALESCE(vals, '{}'));
  UPDATE odoo_events.subscription_config s SET version = s.version + 1 WHERE s.id = c.id;
  PERFORM odoo_events._wake('config');
  RETURN 'whsec_' || replace(encode(key, 'base64'), E'\n', '');
END $$;
COMMENT ON FUNCTION odoo_events._set_secret(text, text) IS 'internal: what set_secret() does';

CREATE FUNCTION odoo_events.set_secret(name text, secret text DEFAULT NULL) RETURNS text
LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'oe_sql_guarded';
COMMENT ON FUNCTION odoo_events.set_secret(text, text) IS
'replaces the signing secret at once, by the given one or a new one, and answers it; needed after a restore, because secrets are in no backup';

CREATE FUNCTION odoo_events.unsubscribe(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  DELETE FROM odoo_events.subscription_config s WHERE s.id = c.id;
  DELETE FROM odoo_events.subscription_secret s WHERE s.subscription_id = c.id;
  DELETE FROM odoo_events.held h WHERE h.subscription_id = c.id;
  DELETE FROM odoo_events.dead d WHERE d.subscription_id = c.id;
  DELETE FROM odoo_events.replay_job r WHERE r.subscription_id = c.id;
  DELETE FROM odoo_events.command x WHERE x.subscription_id = c.id;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.unsubscribe(text) IS 'removes a subscription with all it had waiting, and its dead letters';

CREATE FUNCTION odoo_events.pause(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
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
  UPDATE odoo_events.subscription_config s
     SET state = 'active', state_reason = NULL, state_since = clock_timestamp() WHERE s.id = c.id;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.resume(text) IS 'goes on where a paused or disabled subscription stopped, and closes its breaker';

CREATE FUNCTION odoo_events.ping(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  INSERT INTO odoo_events.journal_0 (xid, id, at, rule, relid, op, new)
  VALUES (pg_current_xact_id(), nextval('odoo_events.journal_id_seq'), clock_timestamp(), 'platform', 0, 'E',
          json_build_object('type', 'odoo.platform.subscription.pinged.v1', 'subject', 'subscription/' || c.name,
                            'key', 'subscription:' || c.name,
                            'data', json_build_object('subscription', json_build_object('name', c.name)))::text);
  PERFORM odoo_events._wake('changes');
END $$;
COMMENT ON FUNCTION odoo_events.ping(text) IS 'sends a signed test event to this subscription, whatever it filters';

CREATE FUNCTION odoo_events.retry_now(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  INSERT INTO odoo_events.command (subscription_id, what, positions, by) VALUES (c.id, 'retry_now', '{}', session_user);
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.retry_now(text) IS 'endpoint mended: closes the breaker and retries all that waits, now';

CREATE FUNCTION odoo_events.skip(name text, ids uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  found_positions int8[];
BEGIN
  SELECT array_agg(h.position) INTO found_positions
    FROM odoo_events.held h JOIN odoo_events.outbox_all o ON o.position = h.position
   WHERE h.subscription_id = c.id AND h.attempts > 0 AND o.id = ANY (ids);
  IF COALESCE(cardinality(found_positions), 0) <> (SELECT count(DISTINCT i) FROM unnest(ids) i) THEN
    RAISE EXCEPTION 'argument "ids" names an event that subscription "%" is not retrying', name USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT event_id FROM odoo_events.waiting WHERE state = ''retry'' lists them.';
  END IF;
  INSERT INTO odoo_events.command (subscription_id, what, positions, by) VALUES (c.id, 'skip', found_positions, session_user);
  PERFORM odoo_events._wake('config');
  RETURN cardinality(found_positions);
END $$;
COMMENT ON FUNCTION odoo_events.skip(text, uuid[]) IS 'poison events: to the dead letters, and on with what waits behind them';

CREATE FUNCTION odoo_events.discard(name text, ids uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  n bigint;
BEGIN
  DELETE FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = ANY (ids);
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events.discard(text, uuid[]) IS 'drops dead letters for good; answers how many';

-- The events of a replay after a position, as the worker reads them: what the selectors and the subscription itself let through.
CREATE FUNCTION odoo_events._replay_events(job odoo_events.replay_job, after_position int8, max_events int4)
RETURNS TABLE ("position" int8, id uuid, type text, subject text, partitionkey text, company_id int4, warehouse_id int4, event text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  c odoo_events.subscription_config;
BEGIN
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.id = job.subscription_id;
  RETURN QUERY
  SELECT x.position, x.id, x.type, x.subject, x.partitionkey, x.company_id, x.warehouse_id, x.event
    FROM (SELECT d.position, d.event_id AS id, d.type, d.subject, d.partitionkey, d.company_id, d.warehouse_id, d.event,
                 (d.event::json ->> 'time')::timestamptz AS "time"
            FROM odoo_events.dead d
           WHERE job.dead_letters AND d.subscription_id = c.id AND d.position > after_position AND d.position <= job.to_position
          UNION ALL
          SELECT o.position, o.id, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id, o.event, o."time"
            FROM odoo_events.outbox_all o
           WHERE NOT job.dead_letters AND o.position > after_position AND o.position <= job.to_position
             AND o.type LIKE ANY (c.types_like)
             AND (o.type <> 'odoo.platform.subscription.pinged.v1' OR o.subject = 'subscription/' || c.name)
             AND (c.companies IS NULL OR o.company_id = ANY (c.companies))
             AND (c.warehouses IS NULL OR o.warehouse_id = ANY (c.warehouses))
             AND (c.filter IS NULL OR jsonb_path_match(o.event::jsonb, c.filter, '{}', true))) x
   WHERE x.position >= job.from_position
     AND (job.since IS NULL OR x."time" >= job.since) AND (job.until IS NULL OR x."time" < job.until)
     AND (job.types_like IS NULL OR x.type LIKE ANY (job.types_like))
     AND (job.keys IS NULL OR x.partitionkey = ANY (job.keys))
     AND (job.subject IS NULL OR x.subject = job.subject)
     AND (job.ids IS NULL OR x.id = ANY (job.ids))
   ORDER BY x.position
   LIMIT max_events;
END $$;
COMMENT ON FUNCTION odoo_events._replay_events(odoo_events.replay_job, int8, int4) IS 'internal: the next events of a replay';

CREATE FUNCTION odoo_events.replay(name text, from_position int8 DEFAULT NULL, to_position int8 DEFAULT NULL,
  since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, types text[] DEFAULT NULL, keys text[] DEFAULT NULL,
  subject text DEFAULT NULL, ids uuid[] DEFAULT NULL, dead_letters boolean DEFAULT false, dry_run boolean DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  job odoo_events.replay_job;
BEGIN
  IF NOT dead_letters AND num_nonnulls(from_position, to_position, since, until, types, keys, subject, ids) = 0 THEN
    RAISE EXCEPTION 'nothing says what to replay' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give from_position, since, types, keys, subject, ids or dead_letters => true; from_position => 0 means all.';
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
  job.since := since; job.until := until; job.keys := keys; job.subject := subject; job.ids := ids;
  job.types_like := CASE WHEN types IS NOT NULL THEN odoo_events._types_like(types) END;
  job.dead_letters := dead_letters;
  SELECT count(*), min(e.position) - 1, max(e.position) INTO job.matched, job.cursor, job.to_position
    FROM odoo_events._replay_events(job, -1, NULL) e;
  IF NOT dry_run AND job.matched > 0 THEN
    INSERT INTO odoo_events.replay_job (subscription_id, from_position, to_position, since, until, types_like, keys, subject, ids,
        dead_letters, matched, cursor, created_by, created_at)
    VALUES (c.id, job.from_position, job.to_position, since, until, job.types_like, keys, subject, ids,
        dead_letters, job.matched, job.cursor, session_user, clock_timestamp());
    PERFORM odoo_events._wake('config');
  END IF;
  RETURN job.matched;
END $$;
COMMENT ON FUNCTION odoo_events.replay(text, int8, int8, timestamptz, timestamptz, text[], text[], text, uuid[], boolean, boolean) IS
'sends again what the subscription got, or its dead letters: same ids, same bytes, in order per key; answers how many events';

CREATE FUNCTION odoo_events.cancel_replay(id int8) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE odoo_events.replay_job r SET state = 'cancelled', finished_at = clock_timestamp()
   WHERE r.id = cancel_replay.id AND r.state = 'running';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'replay % is not running', id USING ERRCODE = 'undefined_object',
      HINT = 'SELECT * FROM odoo_events.replay_status lists them.';
  END IF;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.cancel_replay(int8) IS 'stops a replay; what is under way is finished';

CREATE VIEW odoo_events.subscription AS
SELECT c.name, c.url, c.types, c.filter, c.companies, c.warehouses, c.format, c.ordering, c.batch_size, c.batch_wait,
       c.max_in_flight, c.timeout, c.retry_schedule, c.header_names, c.allow_networks, c.state, c.state_reason, c.state_since, c.created_at
  FROM odoo_events.subscription_config c;
COMMENT ON VIEW odoo_events.subscription IS 'configuration of the subscriptions, without any secret';

CREATE VIEW odoo_events.subscription_progress AS
SELECT c.id AS subscription_id, c.name, c.types_like, p.n, p.at, p.cursor, p.in_flight, p.batches, p.requests, p.delivered, p.failed,
       p.filter_errors, p.breaker, p.not_before, p.last_status, p.last_error, p.last_success_at, p.failing_since, p.p50, p.p95,
       ARRAY(SELECT e::int8 FROM jsonb_array_elements(p.batches) b, jsonb_array_elements_text(b -> 'positions') e) AS batched
  FROM odoo_events.subscription_config c
       CROSS JOIN LATERAL (SELECT * FROM odoo_events.progress x WHERE x.subscription_id = c.id ORDER BY x.n DESC LIMIT 1) p;
COMMENT ON VIEW odoo_events.subscription_progress IS 'internal: the row of progress that holds, per subscription';

-- Events behind a held key, and the held one itself.
CREATE VIEW odoo_events.held_event AS
SELECT h.subscription_id, h.position AS held_position, h.attempts, h.first_at, h.next_attempt_at, h.last_error, o.position, o.id, o.type,
       o.subject, o.partitionkey, o.recordedtime
  FROM odoo_events.subscription_progress p
       JOIN odoo_events.held h ON h.subscription_id = p.subscription_id
       CROSS JOIN LATERAL (
         SELECT x.position, x.id, x.type, x.subject, x.partitionkey, x.recordedtime FROM odoo_events.outbox_all x
          WHERE h.mode = 'key' AND x.partitionkey = h.key AND x.position >= h.position
            AND x.position <= LEAST(p.cursor, COALESCE(h.upto, p.cursor))
            AND (x.position = h.position OR x.type LIKE ANY (p.types_like))
         UNION ALL
         SELECT x.position, x.id, x.type, x.subject, x.partitionkey, x.recordedtime FROM odoo_events.outbox_all x
          WHERE h.mode <> 'key' AND x.position = h.position) o;
COMMENT ON VIEW odoo_events.held_event IS 'internal: the events that wait for a retry or behind one';

CREATE VIEW odoo_events.subscription_status AS
SELECT c.name,
       CASE WHEN c.state = 'active' AND s.subscription_id IS NULL THEN 'disabled'
            WHEN c.state = 'active' AND p.breaker <> 'closed' THEN 'breaker_open' ELSE c.state END AS state,
       CASE WHEN c.state = 'active' AND s.subscription_id IS NULL
            THEN 'has no secret here: SELECT odoo_events.set_secret(' || quote_literal(c.name) || ')'
            WHEN c.state = 'active' AND p.breaker <> 'closed' THEN p.last_error ELSE c.state_reason END AS state_reason,
       c.state_since,
       p.cursor AS position,
       LEAST(p.cursor, w.least_waiting - 1) AS acked_position,
       GREATEST(l.last_position - p.cursor, 0) + cardinality(p.in_flight) + cardinality(p.batched) + h.parked AS lag_events,
       now() - (SELECT min(o.recordedtime) FROM odoo_events.outbox_all o
                 WHERE o.position = LEAST(CASE WHEN p.cursor < l.last_position THEN p.cursor + 1 END, w.least_waiting)) AS oldest_pending_age,
       p.requests AS in_flight, h.parked, h.blocked_keys,
       (SELECT count(*) FROM odoo_events.dead d WHERE d.subscription_id = c.id) AS dead_letters,
       p.delivered AS delivered_total, p.failed AS failed_total, p.filter_errors AS filter_errors_total, p.breaker,
       LEAST(h.next_attempt_at, p.not_before,
             (SELECT min(timestamptz '2000-01-01 00:00Z' + (b ->> 'next')::int8 * interval '1 us') FROM jsonb_array_elements(p.batches) b
               WHERE (b ->> 'attempts')::int4 > 0)) AS next_attempt_at,
       p.last_status, p.last_error, p.last_success_at, p.p50, p.p95
  FROM odoo_events.subscription_config c
       LEFT JOIN odoo_events.subscription_secret s ON s.subscription_id = c.id
       LEFT JOIN odoo_events.subscription_progress p ON p.subscription_id = c.id
       CROSS JOIN LATERAL (SELECT count(*) AS parked, count(DISTINCT e.partitionkey) FILTER (WHERE e.attempts > 0) AS blocked_keys,
                                  min(e.next_attempt_at) FILTER (WHERE e.attempts > 0) AS next_attempt_at, min(e.position) AS least_held
                             FROM odoo_events.held_event e WHERE e.subscription_id = c.id) h
       CROSS JOIN LATERAL (SELECT LEAST(h.least_held, (SELECT min(x) FROM unnest(p.in_flight || p.batched) x)) AS least_waiting) w
       CROSS JOIN LATERAL (SELECT COALESCE((SELECT k.last_position FROM odoo_events.publish_cursor k ORDER BY k.n DESC LIMIT 1), 0)
                                  AS last_position) l;
COMMENT ON VIEW odoo_events.subscription_status IS
'how each subscription goes, as of the worker''s last settlement; lag_events counts what the filters may still pass over';

CREATE VIEW odoo_events.waiting AS
SELECT p.name AS subscription, o.id AS event_id, o.position, o.type, o.subject, o.partitionkey,
       CASE WHEN w.batch_attempts > 0 THEN 'retry' ELSE 'in_flight' END AS state, COALESCE(w.batch_attempts, 0) AS attempts,
       w.next_attempt_at, NULL::uuid AS behind_event_id, o.recordedtime AS since, CASE WHEN w.batch_attempts > 0 THEN p.last_error END AS last_error
  FROM odoo_events.subscription_progress p
       CROSS JOIN LATERAL (
         SELECT f AS position, NULL::int4 AS batch_attempts, NULL::timestamptz AS next_attempt_at FROM unnest(p.in_flight) f
         UNION ALL
         SELECT e::int8, (b ->> 'attempts')::int4, timestamptz '2000-01-01 00:00Z' + NULLIF((b ->> 'next')::int8, 0) * interval '1 us'
           FROM jsonb_array_elements(p.batches) b, jsonb_array_elements_text(b -> 'positions') e) w
       JOIN odoo_events.outbox_all o ON o.position = w.position
UNION ALL
SELECT c.name, e.id, e.position, e.type, e.subject, e.partitionkey,
       CASE WHEN e.position > e.held_position OR e.attempts = 0 THEN 'behind' ELSE 'retry' END,
       CASE WHEN e.position > e.held_position THEN 0 ELSE e.attempts END,
       CASE WHEN e.position = e.held_position AND e.attempts > 0 THEN e.next_attempt_at END,
       CASE WHEN e.position > e.held_position
            THEN (SELECT o.id FROM odoo_events.outbox_all o WHERE o.position = e.held_position) END,
       e.recordedtime, CASE WHEN e.position = e.held_position THEN e.last_error END
  FROM odoo_events.held_event e JOIN odoo_events.subscription_config c ON c.id = e.subscription_id;
COMMENT ON VIEW odoo_events.waiting IS
'what is taken in and not settled: on its way or next, waiting for a retry, or behind an event that does (as of the last settlement)';

CREATE VIEW odoo_events.attempt AS
SELECT c.name AS subscription, a.event_id, a.batch_id, a.first_position, a.last_position, a.attempt, a.at,
       pg_catalog.make_interval(secs => a.duration) AS duration, a.status, a.error, a.response
  FROM (SELECT * FROM odoo_events.attempt_0 UNION ALL SELECT * FROM odoo_events.attempt_1) a
       JOIN odoo_events.subscription_config c ON c.id = a.subscription_id;
COMMENT ON VIEW odoo_events.attempt IS 'one row per request; response is kept of failures, its first 4 KiB';

CREATE VIEW odoo_events.dead_letter AS
SELECT c.name AS subscription, d.event_id, d.position, d.type, d.subject, d.attempts, d.first_at, d.last_at, d.last_status, d.last_error
  FROM odoo_events.dead d JOIN odoo_events.subscription_config c ON c.id = d.subscription_id;
COMMENT ON VIEW odoo_events.dead_letter IS 'what was given up, and why; replay(name, dead_letters => true) sends it again';

CREATE VIEW odoo_events.replay_status AS
SELECT r.id, c.name AS subscription, r.state, r.matched, r.sent, r.failed, r.cursor AS position, r.from_position, r.to_position,
       r.dead_letters, r.created_by, r.created_at, r.finished_at
  FROM odoo_events.replay_job r JOIN odoo_events.subscription_config c ON c.id = r.subscription_id;
COMMENT ON VIEW odoo_events.replay_status IS 'replays and how far they are';

-- The least position of the outbox that somebody still needs; null if nobody does.
CREATE FUNCTION odoo_events._low_water() RETURNS int8
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT LEAST((SELECT min(LEAST(p.cursor + 1, (SELECT min(x) FROM unnest(p.in_flight || p.batched) x)))
                FROM odoo_events.subscription_progress p),
             (SELECT min(h.position) FROM odoo_events.held h WHERE EXISTS (
                     SELECT 1 FROM odoo_events.subscription_config c WHERE c.id = h.subscription_id)),
             (SELECT min(r.cursor + 1) FROM odoo_events.replay_job r WHERE r.state = 'running' AND NOT r.dead_letters))
$$;
COMMENT ON FUNCTION odoo_events._low_water() IS 'internal: least outbox position that delivery still needs';
