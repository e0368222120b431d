-- shelf: what unsubscribe() and a change of credentials leave behind for seven days, so that it can be taken back.

-- The rows of held, dead and acknowledged, and the signing secret, stay where they are under the subscription's number; progress and
-- the place of a consumer are copied here, because the worker looks at the rings of living subscriptions only.
CREATE TABLE odoo_events.unsubscribed (
    subscription_id int4 PRIMARY KEY,
    name            text NOT NULL,
    at              timestamptz NOT NULL,
    until           timestamptz NOT NULL,
    config          jsonb NOT NULL,             -- the row of subscription_config
    progress        jsonb,                      -- the row of progress that held
    pull            jsonb,                      -- the row of pull_cursor
    position        int8 NOT NULL               -- the first event of the outbox that it still needs
);
COMMENT ON TABLE odoo_events.unsubscribed IS 'subscriptions that were dropped within the last seven days: what a rollback needs; in no dump';

-- Credentials that were replaced: the row of subscription_secret has the negative number of this one.
CREATE TABLE odoo_events.kept_secret (
    id              int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL,              -- of the subscription
    until           timestamptz NOT NULL,
    header_names    text[] NOT NULL,
    auth            jsonb,
    tls             jsonb
);
COMMENT ON TABLE odoo_events.kept_secret IS 'which credentials a subscription had before its last changes, kept for seven days; in no dump';

-- Called before the credentials of a subscription change.
CREATE FUNCTION odoo_events._keep_secret(was odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s odoo_events.subscription_secret;
  n int4;
BEGIN
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = was.id;
  IF s.subscription_id IS NULL OR was.header_names = '{}' AND was.auth IS NULL AND was.tls IS NULL THEN
    RETURN;
  END IF;
  INSERT INTO odoo_events.kept_secret (name, until, header_names, auth, tls)
  VALUES (was.name, clock_timestamp() + interval '7 days', was.header_names, was.auth, was.tls) RETURNING id INTO n;
  s.subscription_id := -n;
  PERFORM odoo_events._store_secret(s);
END $$;
COMMENT ON FUNCTION odoo_events._keep_secret(odoo_events.subscription_config) IS 'internal: keeps the credentials of a subscription that are about to be replaced';

CREATE FUNCTION odoo_events._shelve(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO odoo_events.unsubscribed (subscription_id, name, at, until, config, progress, pull, position)
  SELECT c.id, c.name, clock_timestamp(), clock_timestamp() + interval '7 days', to_jsonb(c), p.progress, k.pull,
         COALESCE(LEAST(p.position, k.position, (SELECT min(h.position) FROM odoo_events.held h WHERE h.subscription_id = c.id)), 0)
    FROM (SELECT 1) one
    LEFT JOIN LATERAL (SELECT to_jsonb(x) AS progress, LEAST(x.cursor + 1, (SELECT min(n) FROM unnest(x.in_flight) n),
                              (SELECT min(n::int8) FROM jsonb_path_query(x.batches, '$[*].positions[*]') n)) AS position
                         FROM odoo_events.progress x WHERE x.subscription_id = c.id ORDER BY x.n DESC LIMIT 1) p ON true
    LEFT JOIN LATERAL (SELECT to_jsonb(x) AS pull, x.position + 1 AS position FROM odoo_events.pull_cursor x WHERE x.subscription_id = c.id) k ON true;
  DELETE FROM odoo_events.pull_cursor k WHERE k.subscription_id = c.id;
END $$;
COMMENT ON FUNCTION odoo_events._shelve(odoo_events.subscription_config) IS 'internal: keeps the place of a subscription that is about to be dropped';

-- A row of a table from JSON, whatever columns the table has.
CREATE FUNCTION odoo_events._insert_json(target regclass, image jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  columns text := (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                    WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND image ? a.attname);
BEGIN
  EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1)', target, columns) USING image;
END $$;
COMMENT ON FUNCTION odoo_events._insert_json(regclass, jsonb) IS 'internal: inserts a row that is given as JSON';

-- Brings a dropped subscription back as it was, with its place, secret and dead letters; false where it is not kept.
CREATE FUNCTION odoo_events._unshelve(name text, pulled boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u odoo_events.unsubscribed;
BEGIN
  DELETE FROM odoo_events.unsubscribed x
   WHERE x.subscription_id = (SELECT y.subscription_id FROM odoo_events.unsubscribed y
                               WHERE y.name = _unshelve.name AND y.until > clock_timestamp() AND (y.config ->> 'url' IS NULL) = pulled
                               ORDER BY y.at DESC LIMIT 1)
  RETURNING * INTO u;
  IF u.subscription_id IS NULL THEN
    RETURN false;
  END IF;
  IF u.pull IS NOT NULL THEN
    PERFORM odoo_events._insert_json('odoo_events.pull_cursor', u.pull - '{holder,holder_since,held_until}'::text[]);
  END IF;
  IF u.progress IS NOT NULL THEN
    PERFORM odoo_events._insert_json('odoo_events.progress_0', u.progress - '{n,requests,not_before,breaker}'::text[]);
  END IF;
  PERFORM odoo_events._insert_json('odoo_events.subscription_config',
            u.config || jsonb_build_object('version', (u.config -> 'version')::int8 + 1, 'state', 'active', 'state_reason', NULL, 'state_since', clock_timestamp()));
  PERFORM odoo_events._wake('config');
  RETURN true;
END $$;
COMMENT ON FUNCTION odoo_events._unshelve(text, boolean) IS 'internal: takes a dropped subscription back, with its place and its secret; false where it is not kept';

-- The worker calls this now and then.
CREATE FUNCTION odoo_events._clear_shelf() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone int4[];
BEGIN
  DELETE FROM odoo_events.kept_secret k WHERE k.until < clock_timestamp();
  WITH d AS (DELETE FROM odoo_events.unsubscribed u WHERE u.until < clock_timestamp() RETURNING u.subscription_id)
  SELECT array_agg(d.subscription_id) INTO gone FROM d;
  DELETE FROM odoo_events.held h WHERE h.subscription_id = ANY (gone);
  DELETE FROM odoo_events.dead x WHERE x.subscription_id = ANY (gone);
  DELETE FROM odoo_events.acknowledged a WHERE a.subscription_id = ANY (gone);
  DELETE FROM odoo_events.subscription_secret s
   WHERE s.subscription_id = ANY (gone)
      OR s.subscription_id < 0 AND NOT EXISTS (SELECT 1 FROM odoo_events.kept_secret k WHERE k.id = -s.subscription_id)
         AND NOT EXISTS (SELECT 1 FROM odoo_events.proposed p WHERE p.secret = s.subscription_id AND p.state = 'open');
END $$;
COMMENT ON FUNCTION odoo_events._clear_shelf() IS 'internal: forgets what was kept for seven days';
