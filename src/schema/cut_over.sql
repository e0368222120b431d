-- cut_over: a new subscription goes on where an old one stops.

-- What was handed over, and when: trace() says by it who sent an event.
CREATE TABLE odoo_events.subscription_cut (
    id             int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at             timestamptz NOT NULL,
    who            text NOT NULL,
    from_id        int4 NOT NULL,               -- subscription that stopped
    to_id          int4 NOT NULL,               -- subscription that goes on
    last_position  int8 NOT NULL,               -- the last event that the first one has taken in
    carried        int8[] NOT NULL              -- events up to there that it had not settled, and that the other one sends
);
COMMENT ON TABLE odoo_events.subscription_cut IS 'places that cut_over() and cut_back() handed from one subscription to another; in no dump';

CREATE FUNCTION odoo_events._freeze(first int4, second int4, patience int4) RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_freeze';
COMMENT ON FUNCTION odoo_events._freeze(int4, int4, int4) IS
'internal: the worker starts no requests of two subscriptions until the transaction ends, and has written their places; false if their requests have not ended within so many milliseconds';

CREATE FUNCTION odoo_events._check_cut(a odoo_events.subscription_config, b odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  job int8;
BEGIN
  IF a.id = b.id OR a.url IS NULL OR b.url IS NULL THEN
    RAISE EXCEPTION 'subscription "%" cannot hand its place to "%"', a.name, b.name USING ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = 'Both must be sent to a URL, and be two.',
      HINT = 'SELECT name, url FROM odoo_events.subscription;';
  ELSIF b.state <> 'paused' AND NOT b.dry_run THEN
    RAISE EXCEPTION 'subscription "%" sends already', b.name USING ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = 'What it has sent would be sent again.', HINT = format('SELECT odoo_events.pause(%L);', b.name);
  END IF;
  SELECT r.id INTO job FROM odoo_events.replay_job r WHERE r.state = 'running' AND r.subscription_id IN (a.id, b.id) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'replay % of these subscriptions is running', job USING ERRCODE = 'object_in_use', HINT = format('SELECT odoo_events.cancel_replay(%s);', job);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_cut(odoo_events.subscription_config, odoo_events.subscription_config) IS 'internal: refuses subscriptions that cannot hand over their place';

-- A row of progress that says where a subscription is from now on; its totals stay.
CREATE FUNCTION odoo_events._put_place(id int4, cursor_position int8, in_flight int8[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  image jsonb := (SELECT to_jsonb(p) FROM odoo_events.progress p WHERE p.subscription_id = id ORDER BY p.n DESC LIMIT 1);
BEGIN
  DELETE FROM odoo_events.held h WHERE h.subscription_id = id;
  PERFORM odoo_events._insert_json('odoo_events.progress_0', COALESCE(image, jsonb_build_object('subscription_id', id)) - '{n,requests,not_before,breaker}'::text[]
    || jsonb_build_object('at', clock_timestamp(), 'cursor', cursor_position, 'in_flight', to_jsonb(in_flight), 'batches', '[]'::jsonb, 'gate', cursor_position));
END $$;
COMMENT ON FUNCTION odoo_events._put_place(int4, int8, int8[]) IS 'internal: writes the place of a subscription that stands still';

CREATE FUNCTION odoo_events._cut(function text, from_name text, to_name text, carry boolean, OUT last_position int8, OUT first_position int8, OUT carried int8)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a odoo_events.subscription_config;
  b odoo_events.subscription_config;
  retries int8;
  positions int8[];
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION '%() needs a transaction that sees what others commit', function USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED;';
  END IF;
  PERFORM odoo_events._lock_config();
  a := odoo_events._subscription(from_name);
  b := odoo_events._subscription(to_name);
  PERFORM odoo_events._must_be_whole(a, function);
  PERFORM odoo_events._must_be_whole(b, function);
  PERFORM odoo_events._check_cut(a, b);
  IF NOT odoo_events._freeze(a.id, b.id, (extract(epoch FROM a.timeout) * 1000)::int4 + 10000) THEN
    RAISE EXCEPTION 'the requests of subscription "%" have not ended within its timeout', a.name USING ERRCODE = 'object_in_use',
      HINT = format('SELECT * FROM odoo_events.subscription_status WHERE name = %L;', a.name);
  END IF;
  SELECT p.cursor, (SELECT count(*) FROM odoo_events.held h WHERE h.subscription_id = a.id AND h.attempts > 0)
                   + (SELECT count(*) FROM jsonb_array_elements(p.batches) x WHERE (x ->> 'attempts')::int4 > 0)
    INTO last_position, retries FROM odoo_events.subscription_progress p WHERE p.subscription_id = a.id;
  IF last_position IS NULL THEN
    RAISE EXCEPTION 'subscription "%" has no place yet', a.name USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT * FROM odoo_events.health();';
  ELSIF retries > 0 AND carry IS NOT TRUE THEN
    RAISE EXCEPTION 'subscription "%" retries % events or batches', a.name, retries USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.retry_now(%L);  -- or hand them over: SELECT * FROM odoo_events.%I(%L, %L, carry => true);', a.name, function, a.name, b.name);
  END IF;
  -- what it has taken in and not settled goes to the other one, if that wants it
  SELECT COALESCE(array_agg(o.position ORDER BY o.position), '{}') INTO positions
    FROM (SELECT unnest(p.in_flight || p.batched) AS position FROM odoo_events.subscription_progress p WHERE p.subscription_id = a.id
          UNION SELECT e.position FROM odoo_events.held_event e WHERE e.subscription_id = a.id) x
    JOIN odoo_events.outbox_all o ON o.position = x.position
   WHERE odoo_events._unwanted(b, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL
     AND NOT EXISTS (SELECT 1 FROM odoo_events.acknowledged k WHERE k.subscription_id = a.id AND k.position = x.position);
  carried := cardinality(positions);
  IF carried > 10000 THEN
    RAISE EXCEPTION 'subscription "%" has % events that it has taken in and not settled', a.name, carried USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.retry_now(%L);', a.name);
  END IF;
  first_position := COALESCE(positions[1], last_position + 1);
  PERFORM odoo_events._put_place(a.id, last_position, '{}');
  PERFORM odoo_events._put_place(b.id, last_position, positions);
  -- what was brought to the partner by hand, ahead of the place, is not sent by the other one either
  INSERT INTO odoo_events.acknowledged (subscription_id, position, event_id, at, who, note)
  SELECT b.id, k.position, k.event_id, k.at, k.who, k.note FROM odoo_events.acknowledged k WHERE k.subscription_id = a.id AND k.position > _cut.last_position
  ON CONFLICT ON CONSTRAINT acknowledged_pkey DO NOTHING;
  INSERT INTO odoo_events.subscription_cut (at, who, from_id, to_id, last_position, carried) VALUES (clock_timestamp(), session_user, a.id, b.id, last_position, positions);
  UPDATE odoo_events.subscription_config s SET state = 'paused', state_reason = format('its place went to "%s" at position %s by %s', b.name, last_position, session_user),
         state_since = clock_timestamp() WHERE s.id = a.id;
  UPDATE odoo_events.subscription_config s SET state = 'active', state_reason = NULL, state_since = clock_timestamp(), dry_run = false, version = s.version + 1 WHERE s.id = b.id;
  PERFORM odoo_events._audit(function, b.name, NULL, jsonb_build_object('from', a.name, 'last_position', last_position, 'first_position', first_position, 'carried', carried));
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._cut(text, text, text, boolean) IS 'internal: what cut_over() and cut_back() do';

CREATE FUNCTION odoo_events.cut_over(old text, new text, carry boolean DEFAULT false, OUT last_position int8, OUT first_position int8, OUT carried int8)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT odoo_events._proposes('cut_over', jsonb_build_object('old', old, 'new', new, 'carry', carry)) THEN
    SELECT c.* INTO last_position, first_position, carried FROM odoo_events._cut('cut_over', old, new, carry) c;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.cut_over(text, text, boolean) IS
'a new subscription, which is paused or a dry run, goes on where an old one stops, as soon as its requests have ended; answers the last position that the old one had taken in, the first that the new one sends, and how many events the old one had not settled and the new one sends.  55000 while the old one retries, unless carry';

CREATE FUNCTION odoo_events.cut_back(new text, old text, carry boolean DEFAULT false, OUT last_position int8, OUT first_position int8, OUT carried int8)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT odoo_events._proposes('cut_back', jsonb_build_object('new', new, 'old', old, 'carry', carry)) THEN
    SELECT c.* INTO last_position, first_position, carried FROM odoo_events._cut('cut_back', new, old, carry) c;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.cut_back(text, text, boolean) IS
'the way back: the old subscription goes on where the new one stops; as cut_over()';

-- Whose event was it?  Of the first hand-over behind it, or else of the last one, the other side; null where it was this subscription's.
CREATE FUNCTION odoo_events._cut_step(subscription int4, "position" int8) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT format('sent by "%s": the place was handed over at position %s', (SELECT c.name FROM odoo_events.subscription_config c WHERE c.id = x.other), x.last_position)
  FROM (SELECT CASE WHEN k.last_position >= $2 AND NOT $2 = ANY (k.carried) THEN k.from_id ELSE k.to_id END AS sender,
               CASE WHEN k.from_id = subscription THEN k.to_id ELSE k.from_id END AS other, k.last_position
          FROM odoo_events.subscription_cut k WHERE subscription IN (k.from_id, k.to_id)
         ORDER BY k.last_position >= $2 DESC, CASE WHEN k.last_position >= $2 THEN k.id ELSE -k.id END LIMIT 1) x
 WHERE x.sender <> subscription
$$;
COMMENT ON FUNCTION odoo_events._cut_step(int4, int8) IS 'internal: what trace() says of an event that another subscription has sent after cut_over()';
