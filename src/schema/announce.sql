-- announce: a stocktake, a shutdown, a month's end, said beforehand; and what a period brought, in sentences.

CREATE TABLE odoo_events.announcement (
    id            int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reason        text NOT NULL,
    since         timestamptz NOT NULL,
    until         timestamptz NOT NULL,
    companies     int4[],                       -- null: all
    warehouses    int4[],
    subscriptions text[],                       -- null: all
    announced_by  text NOT NULL,
    announced_at  timestamptz NOT NULL
);
COMMENT ON TABLE odoo_events.announcement IS 'what announce() was told: times in which silence and slow endpoints are expected';

CREATE FUNCTION odoo_events.announce(reason text, since timestamptz, until timestamptz, companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL,
  subscriptions text[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
BEGIN
  PERFORM odoo_events._must_be_free('announce');
  IF reason IS NULL OR btrim(reason) = '' OR length(reason) > 1000 THEN
    RAISE EXCEPTION 'argument "reason" is empty, or has more than 1000 characters' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.announce(''stocktake'', now(), now() + interval ''8 hours'');';
  END IF;
  IF since IS NULL OR until IS NULL OR NOT isfinite(since) OR NOT isfinite(until) OR since >= until OR until <= clock_timestamp() THEN
    RAISE EXCEPTION 'the announced time from % to % is empty, over, or has no end', since, until USING ERRCODE = 'invalid_parameter_value',
      HINT = format('SELECT odoo_events.announce(%L, now(), now() + interval ''8 hours'');', reason);
  END IF;
  PERFORM odoo_events._subscription(s) FROM unnest(subscriptions) s;
  INSERT INTO odoo_events.announcement (reason, since, until, companies, warehouses, subscriptions, announced_by, announced_at)
  VALUES (reason, since, until, NULLIF(companies, '{}'), NULLIF(warehouses, '{}'), NULLIF(subscriptions, '{}'), session_user, clock_timestamp()) RETURNING id INTO n;
  PERFORM odoo_events._audit('announce', reason, NULL, jsonb_strip_nulls(jsonb_build_object('id', n, 'since', since, 'until', until, 'companies', companies, 'warehouses', warehouses, 'subscriptions', subscriptions)));
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events.announce(text, timestamptz, timestamptz, int4[], int4[], text[]) IS
'declares a stocktake, a shutdown or a month''s end: until it is over health() does not warn of the endpoints of these subscriptions (all where none are named), nor do the alerts; answers its id';

CREATE FUNCTION odoo_events.end_announcement(id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a odoo_events.announcement;
BEGIN
  PERFORM odoo_events._must_be_free('end_announcement');
  UPDATE odoo_events.announcement x SET until = GREATEST(clock_timestamp(), x.since) WHERE x.id = end_announcement.id AND x.until > clock_timestamp() RETURNING * INTO a;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'announcement % does not exist, or is over', end_announcement.id USING ERRCODE = 'undefined_object',
      HINT = 'SELECT detail FROM odoo_events.health() WHERE "check" = ''announced'';';
  END IF;
  PERFORM odoo_events._audit('end_announcement', a.reason, NULL, jsonb_build_object('id', a.id, 'until', a.until));
END $$;
COMMENT ON FUNCTION odoo_events.end_announcement(bigint) IS 'ends what announce() declared, now; 42704 where it does not exist or is over';

-- What is announced for a subscription now; null where nothing is.  One for plants or companies alone is about events, not about endpoints.
CREATE FUNCTION odoo_events._announced(subscription text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT min(a.reason) FROM odoo_events.announcement a
 WHERE clock_timestamp() BETWEEN a.since AND a.until AND (_announced.subscription = ANY (a.subscriptions) OR a.subscriptions IS NULL AND a.companies IS NULL AND a.warehouses IS NULL)
$$;
COMMENT ON FUNCTION odoo_events._announced(text) IS 'internal: why nobody should be woken for a subscription now';

CREATE FUNCTION odoo_events._health_status("check" text, status text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN "check" ~ '^(subscription|endpoint) ' AND odoo_events._announced(substr("check", strpos("check", ' ') + 1)) IS NOT NULL THEN 'ok' ELSE status END
$$;
COMMENT ON FUNCTION odoo_events._health_status(text, text) IS 'internal: what is announced is no warning';

CREATE FUNCTION odoo_events._health_detail("check" text, status text, detail text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN status <> 'ok' AND odoo_events._health_status("check", status) = 'ok'
            THEN format('%s; announced: %s', detail, odoo_events._announced(substr("check", strpos("check", ' ') + 1)))
            WHEN status = 'ok' OR "check" !~ '^(subscription|endpoint) ' THEN detail
            ELSE concat_ws('; ', detail, NULLIF(odoo_events._care_text(substr("check", strpos("check", ' ') + 1)), '')) END
$$;
COMMENT ON FUNCTION odoo_events._health_detail(text, text, text) IS 'internal: what health() says of a subscription, with who looks after it';

CREATE FUNCTION odoo_events._health_announced() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'announced', 'ok', format('%s, %s to %s, by %s (announcement %s)%s', a.reason, a.since, a.until, a.announced_by, a.id,
         CASE WHEN a.subscriptions IS NOT NULL THEN ': ' || array_to_string(a.subscriptions, ', ') END), NULL::text
  FROM odoo_events.announcement a WHERE a.until > clock_timestamp() ORDER BY a.since
$$;
COMMENT ON FUNCTION odoo_events._health_announced() IS 'internal: what is announced; no rows where nothing is';

CREATE FUNCTION odoo_events._announced_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_announced', 'gauge', jsonb_build_object('subscription', c.name), (odoo_events._announced(c.name) IS NOT NULL)::int::float8,
       'Whether announce() has declared a time in which nobody should be woken for a subscription.'
  FROM odoo_events.subscription_config c ORDER BY c.name
$$;
COMMENT ON FUNCTION odoo_events._announced_metrics() IS 'internal: the subscriptions for which something is announced';

CREATE FUNCTION odoo_events.summary(period interval DEFAULT '24 hours') RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
  start constant timestamptz := clock_timestamp() - period;
  said  text[] := '{}';
  more  text[];
BEGIN
  PERFORM odoo_events._must_be_free('summary');
  IF period IS NULL OR period <= '0' OR period > '1 year' THEN
    RAISE EXCEPTION 'argument "period" is %', period USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT odoo_events.summary(''24 hours'');';
  END IF;
  said := said || (SELECT format('From %s to now %s events were published, of %s types.', start, count(*), count(DISTINCT o.type)) FROM odoo_events.outbox_all o WHERE o.recordedtime >= start);
  said := said || ARRAY(SELECT format('%s requests were sent; %s were acknowledged, %s refused and %s had no answer.', count(*), count(*) FILTER (WHERE a.status BETWEEN 200 AND 299 OR a.status IS NULL AND a.error IS NULL),
                                      count(*) FILTER (WHERE a.status >= 300), count(*) FILTER (WHERE a.status IS NULL AND a.error IS NOT NULL)) FROM odoo_events.attempt a WHERE a.at >= start);
  said := said || ARRAY(SELECT format('%s failed most: %s of its %s requests%s.', x.subscription, x.bad, x.n, '; it belongs to ' || y.owner)
                          FROM (SELECT a.subscription, count(*) AS n, count(*) FILTER (WHERE a.status >= 300 OR a.error IS NOT NULL) AS bad FROM odoo_events.attempt a WHERE a.at >= start GROUP BY 1) x,
                               odoo_events._care(x.subscription) y WHERE x.bad > 0 ORDER BY x.bad DESC LIMIT 1);
  said := said || ARRAY(SELECT format('%s events were given up and are dead letters: %s.', sum(d.n), string_agg(format('%s of %s', d.n, d.name), ', ' ORDER BY d.n DESC))
                          FROM (SELECT c.name, count(*) AS n FROM odoo_events.dead x JOIN odoo_events.subscription_config c ON c.id = x.subscription_id WHERE x.last_at >= start GROUP BY 1) d HAVING count(*) > 0);
  said := said || ARRAY(SELECT format('%s changes of configuration were made, by %s; the latest was %s%s by %s at %s.', count(*), string_agg(DISTINCT a.who, ', '),
                                      (array_agg(a.what ORDER BY a.id DESC))[1], ' of ' || (array_agg(a.object ORDER BY a.id DESC))[1], (array_agg(a.who ORDER BY a.id DESC))[1], max(a.at))
                          FROM odoo_events.audit a WHERE a.at >= start AND a.what IN ('subscribe', 'alter_subscription', 'unsubscribe', 'pause', 'resume', 'disable', 'set_care', 'define', 'drop definition', 'arm', 'disarm', 'attach', 'detach')
                        HAVING count(*) > 0);
  said := said || ARRAY(SELECT format('%s was announced by %s, from %s to %s.', a.reason, a.announced_by, a.since, a.until) FROM odoo_events.announcement a WHERE a.until >= start AND a.since <= clock_timestamp() ORDER BY a.since LIMIT 2);
  said := said || ARRAY(SELECT format('%s flows were unusual; the latest: %s.', count(*), (array_agg(odoo_events._anomaly_text(a) ORDER BY a.told_at DESC))[1])
                          FROM odoo_events.anomaly a WHERE COALESCE(a.until, 'infinity') >= start HAVING count(*) > 0);
  IF to_regclass('odoo_events.exception') IS NOT NULL THEN
    EXECUTE 'SELECT ARRAY(SELECT format(''%s exceptions arose or were open, %s of them are closed.'', count(*), count(*) FILTER (WHERE e.closed_at IS NOT NULL))
               FROM odoo_events.exception e WHERE COALESCE(e.closed_at, ''infinity'') >= $1 HAVING count(*) > 0)' INTO more USING start;
    said := said || more;
  END IF;
  said := said || ARRAY(SELECT format('Open now, %s at %s: %s.', d.verdict, d.layer, rtrim(d.finding, '.')) FROM odoo_events.diagnose() d LIMIT GREATEST(10 - cardinality(said), 1));
  IF NOT EXISTS (SELECT 1 FROM unnest(said) s WHERE s LIKE 'Open now%') THEN
    said := said || 'Nothing is open now.'::text;
  END IF;
  RETURN array_to_string(said[1:10], E'\n');
END $$;
COMMENT ON FUNCTION odoo_events.summary(interval) IS
'what the period (at most a year, default 24 hours) brought and what is open now, in at most ten sentences, one a line, for a mail or a ticket; no payload';
