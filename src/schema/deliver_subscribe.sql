-- deliver: subscriptions as they are given and changed.

CREATE FUNCTION odoo_events._check_url(url text, allow_networks cidr[], argument text DEFAULT 'url') RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_check_url';
COMMENT ON FUNCTION odoo_events._check_url(text, cidr[], text) IS 'internal: raises if the URL may not be called';

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
    known := EXISTS (SELECT 1 FROM unnest(ARRAY['odoo.platform.subscription.pinged.v1', 'odoo.platform.subscription.disabled.v1',
                       'odoo.platform.subscription.overrun.v1', 'odoo.platform.event.dead_lettered.v1', 'odoo.platform.outcome.overdue.v1', 'odoo.platform.outcome.failed.v1', 'odoo.platform.person.erased.v1', 'odoo.platform.capture.fell_back.v1',
                       'odoo.platform.type.deprecated.v1', 'odoo.platform.seal.checkpoint.v1', 'odoo.platform.retention.applied.v1', 'odoo.platform.exception.escalated.v1', 'odoo.process.promise.at_risk.v1',
                       'odoo.platform.flow.unusual.v1', 'odoo.platform.configuration.rolled_back.v1', 'odoo.platform.backfill.completed.v1', 'odoo.platform.capture.truncated.v1',
                       'odoo.process.promise.breached.v1', 'odoo.process.promise.met_late.v1']) p WHERE p LIKE likes[cardinality(likes)]);
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

CREATE FUNCTION odoo_events._schedule_next(schedule text, after timestamptz) RETURNS timestamptz
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_schedule_next';
COMMENT ON FUNCTION odoo_events._schedule_next(text, timestamptz) IS 'internal: when a schedule in UTC fires next; raises if it is none';

CREATE FUNCTION odoo_events._schedule_next(schedule text, after timestamptz, timezone text) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_schedule_next_zone';
COMMENT ON FUNCTION odoo_events._schedule_next(text, timestamptz, text) IS 'internal: when a schedule fires next by the clock of a time zone; raises if it is none';

CREATE FUNCTION odoo_events._header_names(headers jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  h record;
BEGIN
  IF jsonb_typeof(headers) <> 'object' THEN
    RAISE EXCEPTION 'argument "headers" is not a JSON object'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'headers => ''{"X-Api-Key": "..."}''';
  END IF;
  IF (SELECT count(*) > 20 OR sum(octet_length(e.value)) > 8192 FROM jsonb_each_text(headers) e) THEN
    RAISE EXCEPTION 'argument "headers" has more than 20 headers, or 8192 bytes' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Leave some out.';
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
  RETURN ARRAY(SELECT e.key FROM jsonb_each_text(headers) e ORDER BY e.key);
END $$;
COMMENT ON FUNCTION odoo_events._header_names(jsonb) IS 'internal: checks the argument headers; answers their names';

-- A filter is a predicate: it compares.  A path that selects something answers null to jsonb_path_match(), that is, matches nothing for ever.
CREATE FUNCTION odoo_events._check_predicate(filter jsonpath, argument text DEFAULT 'filter') RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mode   constant text := CASE WHEN filter::text LIKE 'strict %' THEN 'strict ' ELSE '' END;
  path   constant text := substr(filter::text, length(mode) + 1);
  reason text;
BEGIN
  PERFORM jsonb_path_match('{}', filter, '{}', false);
EXCEPTION
  WHEN singleton_sql_json_item_required OR sql_json_member_not_found OR sql_json_array_not_found OR sql_json_object_not_found OR sql_json_scalar_required THEN
    RAISE EXCEPTION 'argument "%" selects something, it does not compare: %', argument, filter USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'It is a jsonpath predicate, whose answer is true or false.',
      HINT = CASE WHEN path = '$' THEN format('%s => ''true'' lets everything pass.', argument)
                  WHEN path LIKE '%?(%)' THEN format('%s => %L', argument, mode || 'exists(' || path || ')')
                  ELSE format('%1$s => %2$L, or %1$s => %3$L, which asks whether it is there.', argument, mode || path || ' == "..."', mode || 'exists(' || path || ')') END;
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
    RAISE EXCEPTION 'argument "%" cannot be used: %', argument, reason USING ERRCODE = 'invalid_parameter_value',
      HINT = format('For example %s => ''$.data.transfer.priority == "1"''.', argument);
END $$;
COMMENT ON FUNCTION odoo_events._check_predicate(jsonpath, text) IS 'internal: raises an error for a filter that is no predicate';

-- The paths from the root that a filter names member by member, up to the first step of another kind.
CREATE FUNCTION odoo_events._filter_paths(filter jsonpath) RETURNS SETOF text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT DISTINCT ARRAY(SELECT k[1] FROM regexp_matches(m[1], '\."((?:[^"\\]|\\.)*)"', 'g') k)
  -- the text of a jsonpath quotes every name; here without other strings
  FROM regexp_matches(regexp_replace(filter::text, '([.$]"(?:[^"\\]|\\.)*")|"(?:[^"\\]|\\.)*"', '\1', 'g'),
                      '\$((?:\."(?:[^"\\]|\\.)*"|\[\*\])+)', 'g') m
$$;
COMMENT ON FUNCTION odoo_events._filter_paths(jsonpath) IS 'internal: members that a filter looks at, from the root of the event';

-- The members of data.<label> that events of these types have, as far as the catalog knows.
CREATE FUNCTION odoo_events._data_members(types_like text[], label text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH e AS (SELECT x.* FROM odoo_events.entity x
            WHERE x.entity IN (SELECT unnest(p.entities) FROM odoo_events._promised p WHERE p.type LIKE ANY ($1)))
SELECT unnest('{id,name,document}'::text[]) WHERE $2 IS NOT NULL
UNION SELECT f.field FROM e JOIN odoo_events.field f ON f.owner = e.entity WHERE $2 = COALESCE(e.label, e.entity)
UNION SELECT k FROM e, jsonb_object_keys(odoo_events._extra_json(e.entity) || odoo_events._sum_json(e)) k WHERE $2 = COALESCE(e.label, e.entity)
UNION SELECT COALESCE(e.label, e.entity) FROM e WHERE $2 IS NULL
UNION SELECT unnest('{transition,lines,changes,deleted,redacted,lines_read_at}'::text[]) WHERE $2 IS NULL
$$;
COMMENT ON FUNCTION odoo_events._data_members(text[], text) IS 'internal: members of data (label null) or of data.<label> in events of these types';

-- A name that no event has is a slip of the pen: a filter that looks at it matches nothing.  That is certain for the envelope, and for
-- data where all types are named and in the catalog; events of emit() carry what they like.
CREATE FUNCTION odoo_events._check_filter_names(filter jsonpath, types text[], types_like text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  certain constant boolean := NOT EXISTS (SELECT 1 FROM unnest(types) t WHERE NOT EXISTS (SELECT 1 FROM odoo_events._promised p WHERE p.type = t));
  path    text[];
  place   text;
  known   text[];
BEGIN
  FOR path IN SELECT * FROM odoo_events._filter_paths(filter) LOOP
    IF NOT odoo_events._envelope_json() -> 'properties' ? path[1] THEN
      RAISE EXCEPTION 'argument "filter" looks at $.%, which no event has', path[1] USING ERRCODE = 'invalid_parameter_value',
        HINT = format('An event has %s; facts are in $.data.', (SELECT string_agg(k, ', ') FROM jsonb_object_keys(odoo_events._envelope_json() -> 'properties') k));
    END IF;
    CONTINUE WHEN path[1] <> 'data' OR cardinality(path) < 2 OR EXISTS (SELECT 1 FROM unnest(types) t WHERE t LIKE 'odoo.platform.%');
    known := ARRAY(SELECT * FROM odoo_events._data_members(types_like, NULL) ORDER BY 1);
    CONTINUE WHEN path[2] IN ('lines', 'changes') OR cardinality(known) <= 6;
    place := NULL;
    IF NOT path[2] = ANY (known) THEN
      place := '$.data.' || path[2];
    ELSIF cardinality(path) > 2 AND path[2] NOT IN ('transition', 'deleted', 'redacted', 'lines_read_at') THEN
      known := ARRAY(SELECT * FROM odoo_events._data_members(types_like, path[2]) ORDER BY 1);
      place := CASE WHEN NOT path[3] = ANY (known) THEN '$.data.' || path[2] || '.' || path[3] END;
    END IF;
    IF place IS NOT NULL AND certain THEN
      RAISE EXCEPTION 'argument "filter" looks at %, which no event of these types has', place USING ERRCODE = 'invalid_parameter_value',
        HINT = format('There is: %s.', array_to_string(known, ', '));
    ELSIF place IS NOT NULL THEN
      RAISE WARNING 'argument "filter" looks at %, which no event in the catalog has', place
        USING HINT = 'Own events of emit() may have it; all others match only if the filter does not depend on it.';
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._check_filter_names(jsonpath, text[], text[]) IS 'internal: refuses a filter, or warns of it, that names what no event has';

-- A filter is tried on the latest events of its types.
CREATE FUNCTION odoo_events._try_filter(filter jsonpath, types_like text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t record;
BEGIN
  SELECT count(*) AS n, count(*) FILTER (WHERE v = 'unknown') AS unknown, count(*) FILTER (WHERE v LIKE 'the filter could not%') AS unjudged,
         count(*) FILTER (WHERE odoo_events._took_too_long(v)) AS slow, min(substr(v, 33)) FILTER (WHERE v LIKE 'the filter could not%') AS reason INTO t
    FROM (SELECT odoo_events._filter_verdict(o.event, filter) AS v
            FROM (SELECT x.event FROM odoo_events.outbox_all x
                   WHERE x.position > odoo_events._last_position() - 10000 AND x.type LIKE ANY (types_like) ORDER BY x.position DESC LIMIT 50) o) j;
  IF t.slow > 2 OR t.unjudged > 0 AND t.unjudged = t.n THEN
    RAISE EXCEPTION 'argument "filter" cannot judge events of these types: %', t.reason USING ERRCODE = 'invalid_parameter_value',
      DETAIL = format('It was tried on the latest %s.', t.n), HINT = 'Compare one value with another, for example filter => ''$.data.transfer.priority == "1"''.';
  ELSIF t.unjudged > 0 THEN
    RAISE WARNING 'argument "filter" cannot judge % of the latest % events of these types: %', t.unjudged, t.n, t.reason
      USING HINT = 'Such events become dead letters.';
  ELSIF t.unknown > 0 AND t.unknown = t.n THEN
    RAISE WARNING 'argument "filter" is neither true nor false for the latest % events of these types, so that none passes', t.n
      USING HINT = 'A string and a number do not compare: .double() makes a number of a string.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._try_filter(jsonpath, text[]) IS 'internal: refuses a filter, or warns of it, that cannot judge the latest events';

-- What all ways of giving a configuration have in common.
CREATE FUNCTION odoo_events._check_config(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF c.url IS NULL AND (c.format <> 'structured' OR c.handshake OR c.dry_run OR c.header_names <> '{}'
       OR num_nonnulls(c.schedule, c.rate_limit, c.retry_schedule, c.expire_after, c.tls, c.success_statuses) > 0) THEN
    RAISE EXCEPTION 'a subscription without a URL takes no argument about requests' USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'format, handshake, dry_run, headers, schedule, rate_limit, retry_schedule, expire_after, tls and success_statuses are such; its consumer calls fetch().',
      HINT = format('SELECT odoo_events.subscribe(%L, url => NULL);', c.name);
  END IF;
  IF c.name !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$' THEN
    RAISE EXCEPTION 'argument "name" is not a usable name of a subscription' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Up to 63 letters, digits, "_", "." and "-", beginning with a letter or digit.';
  END IF;
  IF array_position(c.allow_networks, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'argument "allow_networks" contains a null' USING ERRCODE = 'null_value_not_allowed',
      HINT = 'allow_networks => ''{10.0.0.0/8}''';
  END IF;
  IF array_position(c.companies, NULL) IS NOT NULL OR array_position(c.warehouses, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'argument "%" contains a null', CASE WHEN array_position(c.companies, NULL) IS NOT NULL THEN 'companies' ELSE 'warehouses' END
      USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave the null out; shared_rows says whether events without a company are wanted.';
  END IF;
  IF 0 > ANY (c.companies) OR 0 > ANY (c.warehouses) THEN
    RAISE EXCEPTION 'argument "%" names a negative id', CASE WHEN 0 > ANY (c.companies) THEN 'companies' ELSE 'warehouses' END
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Ids in Odoo are positive numbers.';
  END IF;
  IF c.url ~ '#' THEN
    RAISE EXCEPTION 'argument "url" has a fragment' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'What follows "#" is never sent: leave it out, or write %23.';
  END IF;
  IF c.format NOT IN ('structured', 'binary', 'batch', 'standard') THEN
    RAISE EXCEPTION 'argument "format" is "%"', c.format USING ERRCODE = 'invalid_parameter_value',
      HINT = 'structured: a CloudEvent per request; binary: its attributes as ce-* headers; batch: up to batch_size CloudEvents; standard: {type, timestamp, data}.';
  END IF;
  IF c.payload NOT IN ('full', 'thin') THEN
    RAISE EXCEPTION 'argument "payload" is "%"', c.payload USING ERRCODE = 'invalid_parameter_value',
      HINT = 'full: all of an event; thin: what it is about, without facts.';
  END IF;
  IF cardinality(c.clearance) = 0 OR NOT c.clearance <@ '{public,internal,confidential,personal}' THEN
    RAISE EXCEPTION 'argument "clearance" is %', c.clearance USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Name classes of public, internal, confidential (prices, costs) and personal (people, addresses); fields of the others are left out.';
  END IF;
  IF c.signature NOT IN ('hmac', 'ed25519') THEN
    RAISE EXCEPTION 'argument "signature" is "%"', c.signature USING ERRCODE = 'invalid_parameter_value',
      HINT = 'hmac: both sides share a secret (v1); ed25519: the receiver verifies with a public key (v1a).';
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
  IF c.rate_limit NOT BETWEEN 0.001 AND 100000 THEN
    RAISE EXCEPTION 'argument "rate_limit" is %', c.rate_limit USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give requests per second, 0.001 to 100000; 0 for no limit.';
  END IF;
  IF c.rate_burst IS NOT NULL AND c.rate_limit IS NULL THEN
    RAISE EXCEPTION 'argument "rate_burst" needs rate_limit' USING ERRCODE = 'invalid_parameter_value', HINT = 'rate_limit => 10';
  END IF;
  IF c.rate_burst NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'argument "rate_burst" is %', c.rate_burst USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the requests that may start at once after a pause, 1 to 100000.';
  END IF;
  IF c.priority NOT BETWEEN 1 AND 9 THEN
    RAISE EXCEPTION 'argument "priority" is %', c.priority USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 (first) to 9.';
  END IF;
  IF c.expire_after NOT BETWEEN interval '1 second' AND interval '10 years' THEN
    RAISE EXCEPTION 'argument "expire_after" is %', c.expire_after USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give 1 second to 10 years; 0 for never.';
  END IF;
  IF EXISTS (SELECT 1 FROM unnest(c.success_statuses) s
              WHERE s IS NULL OR s NOT BETWEEN 300 AND 499 OR s IN (401, 407, 408, 410, 425, 429)) THEN
    RAISE EXCEPTION 'argument "success_statuses" is %', c.success_statuses USING ERRCODE = 'invalid_parameter_value',
      DETAIL = '2xx always acknowledges; 401, 407, 408, 410, 425, 429 and 5xx say that the endpoint did not take the event.',
      HINT = 'Give statuses from 300 to 499 by which the receiver says that it has the event: success_statuses => ''{409}''';
  END IF;
  IF c.schedule IS NOT NULL THEN
    PERFORM odoo_events._schedule_next(c.schedule, now(), COALESCE(c.timezone, 'UTC'));
  ELSIF c.timezone IS NOT NULL THEN
    RAISE EXCEPTION 'argument "timezone" is given, but no schedule' USING ERRCODE = 'invalid_parameter_value',
      HINT = format('schedule => ''0 6 * * 1-5'', timezone => %L; timezone => '''' takes it away.', c.timezone);
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
  IF start_from IS NULL THEN
    RAISE EXCEPTION 'argument "start_from" is null' USING ERRCODE = 'null_value_not_allowed',
      HINT = 'Give now, earliest, a position of the outbox, or a time such as 2026-01-31 08:00+01.';
  ELSIF start_from = 'now' THEN
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
  IF moment > clock_timestamp() THEN
    RAISE WARNING 'argument "start_from" is %, which is in the future: the subscription begins now', moment
      USING HINT = 'pause() lets it wait.';
  END IF;
  RETURN COALESCE((SELECT min(o.position) FROM odoo_events.outbox_all o WHERE o.recordedtime >= moment) - 1, last);
END $$;
COMMENT ON FUNCTION odoo_events._start_cursor(text) IS 'internal: argument start_from as a position';

-- The functions that take secrets are C wrappers of the same name without the underscore: they keep the statement out of the
-- server's log when it fails, and hand all arguments over as one object.  So an argument is added in three places: a column
-- of subscription_config of the same name and type, a line in each of the two signatures, and its check in _check_config().

-- A configuration with what is given put in place of what was; all of it checked.
CREATE FUNCTION odoo_events._configure(was odoo_events.subscription_config, args jsonb) RETURNS odoo_events.subscription_config
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := jsonb_populate_record(was, args - '{headers,auth,tls}'::text[]);
  broker boolean;
  missing text;
BEGIN
  c.companies := NULLIF(c.companies, '{}');
  c.warehouses := NULLIF(c.warehouses, '{}');
  c.success_statuses := NULLIF(c.success_statuses, '{}');
  c.outcome_types := NULLIF(c.outcome_types, '{}');
  c.fields := NULLIF(c.fields, '{}');
  c.outcome_within := NULLIF(c.outcome_within, '0');
  c.outcome_calendar := NULLIF(c.outcome_calendar, '');
  c.allow_networks := COALESCE(c.allow_networks, '{}');
  c.schedule := NULLIF(c.schedule, '');
  c.timezone := NULLIF(c.timezone, '');
  c.rate_limit := NULLIF(c.rate_limit, 0);
  c.rate_burst := NULLIF(c.rate_burst, 0);
  c.expire_after := NULLIF(c.expire_after, '0');
  c.transport := NULLIF(NULLIF(c.transport, '{}'), 'null');
  broker := odoo_events._transport(c.url) NOT IN ('webhook', 'fetch');
  IF c.transport IS NOT NULL AND NOT broker THEN
    RAISE EXCEPTION 'argument "transport" is for brokers' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Leave "transport" out, or give a URL that begins with kafka:, kafkas:, nats:, nats+tls:, mqtt:, mqtts:, amqp: or amqps:.';
  END IF;
  IF cardinality(c.retry_schedule) = 1 AND c.retry_schedule[1] IS NULL THEN
    c.retry_schedule := NULL;           -- '{null}': the default again
  END IF;
  SELECT a.key INTO missing
    FROM jsonb_each(args) a
         JOIN pg_attribute t ON t.attrelid = 'odoo_events.subscription_config'::regclass AND t.attname = a.key
   WHERE t.attnotnull AND to_jsonb(c) -> a.key = 'null' ORDER BY t.attnum LIMIT 1;
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'argument "%" is null', missing USING ERRCODE = 'null_value_not_allowed',
      HINT = CASE missing WHEN 'name' THEN 'Give the subscription a name.' ELSE 'Leave it out for its default.' END;
  END IF;
  IF args ? 'headers' THEN
    c.header_names := odoo_events._header_names(COALESCE(NULLIF(args -> 'headers', 'null'), '{}'));
  END IF;
  PERFORM odoo_events._check_config(c);
  PERFORM odoo_events._check_outcomes(c);
  IF args ? 'auth' AND NOT broker THEN
    c.auth := odoo_events._auth_public(NULLIF(args -> 'auth', 'null'));
    c.auth_expires_at := odoo_events._token_expiry(args #>> '{auth,token}');
  END IF;
  IF NOT broker AND c.auth IS NOT NULL AND 'authorization' = ANY (lower(c.header_names::text)::text[]) THEN
    RAISE EXCEPTION 'arguments "auth" and "headers" both set Authorization' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'headers => ''{}'' leaves it to auth, auth => ''{}'' to headers.';
  END IF;
  IF args ? 'tls' AND NOT broker THEN
    c.tls := odoo_events._tls_public(NULLIF(args -> 'tls', 'null'));
    c.tls_expires_at := odoo_events._check_tls(args #>> '{tls,ca}', args #>> '{tls,cert}', args #>> '{tls,key}');
  END IF;
  IF NOT broker AND c.tls IS NOT NULL AND c.url !~* '^https:' THEN
    RAISE EXCEPTION 'argument "tls" needs an https URL' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give an https URL, or tls => ''{}''.';
  END IF;
  IF args ? 'types' THEN
    c.types_like := odoo_events._types_like(c.types);
  END IF;
  IF args ? 'outcome_types' THEN
    c.outcome_types_like := CASE WHEN c.outcome_types IS NOT NULL THEN odoo_events._types_like(c.outcome_types) END;
  END IF;
  IF c.filter IS NOT NULL AND args ?| '{filter,types}' THEN
    PERFORM odoo_events._check_predicate(c.filter);
    PERFORM odoo_events._check_filter_names(c.filter, c.types, c.types_like);
    PERFORM odoo_events._try_filter(c.filter, c.types_like);
  END IF;
  PERFORM odoo_events._warn_config(c, args);
  -- last: a name that cannot be resolved now is only worth a warning where all else is right
  IF broker THEN
    c := odoo_events._configure_broker(c, args);
  ELSE
    PERFORM odoo_events._check_url(c.url, c.allow_networks);
  END IF;
  IF c.auth ->> 'type' = 'oauth2' THEN
    PERFORM odoo_events._check_url(c.auth ->> 'token_url', c.allow_networks, 'auth.token_url');
  END IF;
  PERFORM odoo_events._must_be_whole(c, 'subscribe', CASE WHEN was.id IS NULL THEN '{subscribe}' ELSE '{operate,subscribe}' END::text[], true);
  RETURN c;
END $$;
COMMENT ON FUNCTION odoo_events._configure(odoo_events.subscription_config, jsonb) IS 'internal: a configuration changed by arguments, checked';

CREATE FUNCTION odoo_events._same_way(was odoo_events.subscription_config, c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF odoo_events._transport(was.url) <> odoo_events._transport(c.url) THEN
    RAISE EXCEPTION 'subscription "%" is % and stays so', c.name,
      CASE odoo_events._transport(was.url) WHEN 'fetch' THEN 'fetched' WHEN 'webhook' THEN 'sent to a URL' ELSE 'sent by ' || odoo_events._transport(was.url) END
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'subscribe() another name, with start_from where this one is.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._same_way(odoo_events.subscription_config, odoo_events.subscription_config) IS
'internal: refuses to make a webhook, a pull consumer or a message of a broker of one another';

-- Writes a changed configuration: all columns, whatever there are.
CREATE FUNCTION odoo_events._save_subscription(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  c.version := c.version + 1;
  EXECUTE (SELECT format('UPDATE odoo_events.subscription_config SET (%s) = (SELECT ($1).*) WHERE id = ($1).id',
                         string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum))
             FROM pg_attribute a
            WHERE a.attrelid = 'odoo_events.subscription_config'::regclass AND a.attnum > 0 AND NOT a.attisdropped) USING c;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._save_subscription(odoo_events.subscription_config) IS 'internal: writes a changed configuration';

CREATE FUNCTION odoo_events._subscribe(args jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._configure(NULL, args);
  s odoo_events.subscription_secret := odoo_events._configure_secret(NULL, c, args);
  start int8 := odoo_events._start_cursor(args ->> 'start_from');
BEGIN
  IF odoo_events._proposes('subscribe', args) THEN
    RETURN NULL;
  END IF;
  IF (args -> 'or_replace')::boolean AND EXISTS (SELECT 1 FROM odoo_events.subscription_config x WHERE x.name = c.name) THEN
    RETURN odoo_events._replace(c, s);
  END IF;
  c.id := nextval('odoo_events.subscription_id_seq');
  c.state := 'active'; c.state_since := now(); c.created_at := now(); c.version := 1;
  INSERT INTO odoo_events.subscription_config SELECT (c).* ON CONFLICT (name) DO NOTHING;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'subscription "%" already exists', c.name USING ERRCODE = 'duplicate_object',
      HINT = 'or_replace => true replaces its configuration and keeps its place.';
  END IF;
  IF c.url IS NULL THEN
    INSERT INTO odoo_events.pull_cursor (subscription_id, position, fetched, scanned) VALUES (c.id, start, start, start);
    RETURN NULL;
  END IF;
  s.subscription_id := c.id;
  s.secret := COALESCE(s.secret, odoo_events._new_secret());
  PERFORM odoo_events._store_secret(s);
  INSERT INTO odoo_events.progress_0 (subscription_id, at, cursor) VALUES (c.id, clock_timestamp(), start);
  PERFORM odoo_events._wake('config');
  -- messages to a broker are not signed
  RETURN CASE WHEN odoo_events._transport(c.url) = 'webhook' THEN odoo_events._secret_text(s) END;
END $$;
COMMENT ON FUNCTION odoo_events._subscribe(jsonb) IS 'internal: what subscribe() does';

-- or_replace: keeps number, place, state, and the secret unless a new one is given.
CREATE FUNCTION odoo_events._replace(c odoo_events.subscription_config, s odoo_events.subscription_secret) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was odoo_events.subscription_config := odoo_events._subscription(c.name);
  old odoo_events.subscription_secret;
  keeps boolean;
BEGIN
  PERFORM odoo_events._must_be_whole(was, 'subscribe');
  PERFORM odoo_events._same_way(was, c);
  PERFORM odoo_events._keep_secret(was);
  c.id := was.id; c.version := was.version; c.created_at := was.created_at;
  c.state := was.state; c.state_reason := was.state_reason; c.state_since := was.state_since;
  s.subscription_id := c.id;
  SELECT * INTO old FROM odoo_events.subscription_secret x WHERE x.subscription_id = c.id;
  keeps := s.secret IS NULL AND old.signature IS NOT DISTINCT FROM c.signature;
  IF keeps THEN
    s.secret := old.secret;
    s.previous := old.previous; s.previous_signature := old.previous_signature; s.previous_until := old.previous_until;
    c.overlap_until := was.overlap_until;
  ELSE
    s.secret := COALESCE(s.secret, odoo_events._new_secret());
  END IF;
  PERFORM odoo_events._store_secret(s);
  PERFORM odoo_events._save_subscription(c);
  IF odoo_events._transport(c.url) <> 'webhook' THEN
    RETURN NULL;
  END IF;
  RAISE NOTICE 'subscription "%" keeps its place and %', c.name, CASE WHEN keeps THEN 'its secret' ELSE 'has a new secret' END;
  RETURN CASE WHEN NOT keeps THEN odoo_events._secret_text(s) END;
END $$;
COMMENT ON FUNCTION odoo_events._replace(odoo_events.subscription_config, odoo_events.subscription_secret) IS 'internal: subscribe() with or_replace';

CREATE FUNCTION odoo_events.subscribe(
  name           text,
  url            text,
  types          text[]     DEFAULT '{*}',
  filter         jsonpath   DEFAULT NULL,
  companies      int4[]     DEFAULT NULL,
  warehouses     int4[]     DEFAULT NULL,
  format         text       DEFAULT 'structured',
  payload        text       DEFAULT 'full',
  clearance      text[]     DEFAULT '{public,internal}',
  ordering       text       DEFAULT 'key',
  batch_size     int4       DEFAULT 1,
  batch_wait     interval   DEFAULT '0',
  schedule       text       DEFAULT NULL,
  max_in_flight  int4       DEFAULT 16,
  rate_limit     numeric    DEFAULT NULL,
  rate_burst     int4       DEFAULT NULL,
  priority       int4       DEFAULT 5,
  timeout        interval   DEFAULT '15s',
  retry_schedule interval[] DEFAULT NULL,
  expire_after   interval   DEFAULT NULL,
  headers        jsonb      DEFAULT '{}',
  auth           jsonb      DEFAULT NULL,
  tls            jsonb      DEFAULT NULL,
  signature      text       DEFAULT 'hmac',
  secret         text       DEFAULT NULL,
  handshake      boolean    DEFAULT false,
  allow_networks cidr[]     DEFAULT '{}',
  dry_run        boolean    DEFAULT false,
  start_from     text       DEFAULT 'now',
  owner          text       DEFAULT NULL,
  contact        text       DEFAULT NULL,
  or_replace     boolean    DEFAULT false,
  shared_rows    boolean    DEFAULT true,
  success_statuses int4[]   DEFAULT NULL,
  transport      jsonb      DEFAULT NULL,
  outcomes       text       DEFAULT 'none',
  outcome_within interval   DEFAULT NULL,
  rejected       jsonpath   DEFAULT '$.rejected[*]',
  accepted       jsonpath   DEFAULT NULL,
  outcome_types  text[]     DEFAULT NULL,
  on_reject      text       DEFAULT 'retry',
  fields         text[]     DEFAULT NULL,
  timezone       text       DEFAULT NULL,
  outcome_status jsonpath   DEFAULT '$.status',
  keep_answers   boolean    DEFAULT false,
  outcome_calendar text     DEFAULT NULL
) RETURNS text
LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'oe_sql_guarded';
COMMENT ON FUNCTION odoo_events.subscribe IS
'sends events to a webhook or a broker from now on (or start_from); answers a webhook''s signing secret, which is shown once (of ed25519 the public key)';

CREATE FUNCTION odoo_events._alter_subscription(args jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  given jsonb;                          -- null leaves as it is
  was odoo_events.subscription_config := odoo_events._subscription(args ->> 'name');
  c odoo_events.subscription_config;
  s odoo_events.subscription_secret;
BEGIN
  SELECT jsonb_object_agg(a.key, a.value) INTO given FROM jsonb_each(args) a WHERE a.value <> 'null';
  PERFORM odoo_events._must_be_whole(was, 'alter_subscription');
  c := odoo_events._configure(was, given);
  PERFORM odoo_events._same_way(was, c);
  IF odoo_events._proposes('alter_subscription', given) THEN
    RETURN;
  END IF;
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = c.id;
  s := odoo_events._configure_secret(s, c, given);
  IF given ?| '{secret,signature,headers,auth,tls}' THEN
    IF s.secret IS NULL OR odoo_events._lost_secrets(c, s) <> '{}' THEN
      RAISE EXCEPTION 'subscription "%" has not all of its secrets here', c.name
        USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'They are in no backup.',
              HINT = format('Give in one call: %s.', array_to_string(
                CASE WHEN s.secret IS NULL THEN '{secret}'::text[] ELSE '{}' END || odoo_events._lost_secrets(c, s), ', '));
    END IF;
    PERFORM odoo_events._keep_secret(was);
    s.subscription_id := c.id;
    PERFORM odoo_events._store_secret(s);
    PERFORM odoo_events._audit('set_secret', c.name, NULL, jsonb_build_object('secret', given ? 'secret', 'headers', to_jsonb(c.header_names)));
  END IF;
  IF given ? 'secret' THEN
    c.overlap_until := NULL;
  END IF;
  PERFORM odoo_events._save_subscription(c);
END $$;
COMMENT ON FUNCTION odoo_events._alter_subscription(jsonb) IS 'internal: what alter_subscription() does';

CREATE FUNCTION odoo_events.alter_subscription(
  name           text,
  url            text       DEFAULT NULL,
  types          text[]     DEFAULT NULL,
  filter         jsonpath   DEFAULT NULL,
  companies      int4[]     DEFAULT NULL,
  warehouses     int4[]     DEFAULT NULL,
  format         text       DEFAULT NULL,
  payload        text       DEFAULT NULL,
  clearance      text[]     DEFAULT NULL,
  ordering       text       DEFAULT NULL,
  batch_size     int4       DEFAULT NULL,
  batch_wait     interval   DEFAULT NULL,
  schedule       text       DEFAULT NULL,
  max_in_flight  int4       DEFAULT NULL,
  rate_limit     numeric    DEFAULT NULL,
  rate_burst     int4       DEFAULT NULL,
  priority       int4       DEFAULT NULL,
  timeout        interval   DEFAULT NULL,
  retry_schedule interval[] DEFAULT NULL,
  expire_after   interval   DEFAULT NULL,
  headers        jsonb      DEFAULT NULL,
  auth           jsonb      DEFAULT NULL,
  tls            jsonb      DEFAULT NULL,
  signature      text       DEFAULT NULL,
  secret         text       DEFAULT NULL,
  handshake      boolean    DEFAULT NULL,
  allow_networks cidr[]     DEFAULT NULL,
  dry_run        boolean    DEFAULT NULL,
  owner          text       DEFAULT NULL,
  contact        text       DEFAULT NULL,
  shared_rows    boolean    DEFAULT NULL,
  success_statuses int4[]   DEFAULT NULL,
  transport      jsonb      DEFAULT NULL,
  outcomes       text       DEFAULT NULL,
  outcome_within interval   DEFAULT NULL,
  rejected       jsonpath   DEFAULT NULL,
  accepted       jsonpath   DEFAULT NULL,
  outcome_types  text[]     DEFAULT NULL,
  on_reject      text       DEFAULT NULL,
  fields         text[]     DEFAULT NULL,
  timezone       text       DEFAULT NULL,
  outcome_status jsonpath   DEFAULT NULL,
  keep_answers   boolean    DEFAULT NULL,
  outcome_calendar text     DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'oe_sql_guarded';
COMMENT ON FUNCTION odoo_events.alter_subscription IS
'changes a subscription; what is null stays as it is, ''{}'' empties companies, warehouses, auth, tls, success_statuses, transport, outcome_types and fields; filter => ''true'' lets all pass';
