-- backfill: snapshot events of rows that are there already.

CREATE TABLE odoo_events.backfill_job (
    id         int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity     text NOT NULL,
    predicate  text,
    state      text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
    last_id    int8 NOT NULL DEFAULT -9223372036854775808,  -- rows up to here have been looked at
    rows       int8 NOT NULL DEFAULT 0,                     -- snapshots asked for
    error      text,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    at         timestamptz NOT NULL,                        -- of the last step
    attempts   int4 NOT NULL DEFAULT 0,                     -- at the current step, also one that ended the worker
    subscriptions int4[]                                    -- that the snapshots are for; null: all
);
COMMENT ON TABLE odoo_events.backfill_job IS 'backfills and how far they are; one step is one transaction';

CREATE VIEW odoo_events.backfill_status AS
SELECT b.id, b.entity, b.predicate, b.state, b.rows, NULLIF(b.last_id, -9223372036854775808) AS last_id, b.error, b.created_by, b.created_at, b.at,
       ARRAY(SELECT c.name FROM odoo_events.subscription_config c WHERE c.id = ANY (b.subscriptions) ORDER BY c.name) AS subscriptions
  FROM odoo_events.backfill_job b
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events._my_policy);
COMMENT ON VIEW odoo_events.backfill_status IS 'backfills and how far they are; rows counts the snapshots that were asked for';

CREATE FUNCTION odoo_events._backfill_step() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_backfill_step';
COMMENT ON FUNCTION odoo_events._backfill_step() IS 'internal: one step of the backfill that began first, as the worker takes it; false if none runs';

CREATE FUNCTION odoo_events._check_predicate(entity text, predicate text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_check_predicate';
COMMENT ON FUNCTION odoo_events._check_predicate(text, text) IS 'internal: raises an error for a predicate that the database''s owner could not use on the entity''s table';

CREATE FUNCTION odoo_events._snapshot(rule text, entity text, ids int8[]) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_snapshot';
COMMENT ON FUNCTION odoo_events._snapshot(text, text, int8[]) IS 'internal: asks for snapshot events of these rows in this transaction';

CREATE FUNCTION odoo_events.backfill(entity text, predicate text DEFAULT NULL, subscriptions text[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  job bigint;
  unknown text;
  receivers int4[];
BEGIN
  PERFORM odoo_events._must_be_free('backfill');
  PERFORM odoo_events._check_entities(ARRAY[backfill.entity], 'entity');
  IF NOT EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = backfill.entity) THEN
    RAISE EXCEPTION 'entity "%" is not attached', backfill.entity
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('SELECT * FROM odoo_events.attach(%L);', ARRAY[backfill.entity]);
  END IF;
  IF EXISTS (SELECT 1 FROM odoo_events.entity e WHERE e.entity = backfill.entity AND e.sum_query IS NOT NULL) THEN
    RAISE EXCEPTION 'entity "%" is a sum: it has no rows of its own', backfill.entity
      USING ERRCODE = 'wrong_object_type', HINT = 'SELECT odoo_events.backfill(''stock_level'');  -- what it sums up';
  END IF;
  PERFORM odoo_events._check_predicate(backfill.entity, backfill.predicate);
  IF subscriptions IS NOT NULL THEN
    SELECT n INTO unknown FROM unnest(subscriptions) n WHERE NOT EXISTS (SELECT 1 FROM odoo_events.subscription_config c WHERE c.name = n) LIMIT 1;
    IF FOUND OR subscriptions = '{}' THEN
      RAISE EXCEPTION 'argument "subscriptions" names no subscription: %', COALESCE(unknown, '{}') USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.subscription;';
    END IF;
    receivers := ARRAY(SELECT c.id FROM odoo_events.subscription_config c WHERE c.name = ANY (subscriptions) ORDER BY c.id);
  END IF;
  INSERT INTO odoo_events.backfill_job (entity, predicate, created_by, created_at, at, subscriptions)
  VALUES (backfill.entity, backfill.predicate, session_user, clock_timestamp(), clock_timestamp(), receivers) RETURNING id INTO job;
  PERFORM odoo_events._audit('backfill', backfill.entity, NULL, jsonb_strip_nulls(jsonb_build_object('id', job, 'predicate', backfill.predicate, 'subscriptions', subscriptions)));
  PERFORM odoo_events._wake('config');
  RETURN job;
END $$;
COMMENT ON FUNCTION odoo_events.backfill(text, text, text[]) IS
'asks for a snapshot event of each row that there is (predicate: SQL over the table''s columns, run with the rights of the database''s owner); the worker does it '
'in small steps; subscriptions: the snapshots are for these alone; answers the id in backfill_status';

CREATE FUNCTION odoo_events.cancel_backfill(id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('cancel_backfill');
  UPDATE odoo_events.backfill_job b SET state = 'cancelled', at = clock_timestamp() WHERE b.id = cancel_backfill.id AND b.state = 'running';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'backfill % is not running', id USING ERRCODE = 'undefined_object', HINT = 'SELECT * FROM odoo_events.backfill_status;';
  END IF;
  PERFORM odoo_events._audit('cancel backfill', id::text);
END $$;
COMMENT ON FUNCTION odoo_events.cancel_backfill(bigint) IS 'stops a backfill after its current step';
