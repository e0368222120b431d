-- worker: arming, and what the worker is doing.

-- One row once armed; in no dump, so that a restored copy is not.
CREATE TABLE odoo_events.arming_state (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    system_identifier int8 NOT NULL,
    database_oid      oid NOT NULL,
    database_uuid     text,
    disarmed          boolean NOT NULL DEFAULT false,
    armed_by          text NOT NULL,
    armed_at          timestamptz NOT NULL,
    restore_token     text,             -- of the latest start from a physical backup (src/worker/restored.c)
    environment       text,             -- odoo_events.environment then
    reason            text              -- why it is disarmed, if nobody called disarm()
);
COMMENT ON TABLE odoo_events.arming_state IS 'the server and database for which delivery is armed';
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.arming_state
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('database_uuid', 'arm', '', 'disarm', 'only_row,armed_by,armed_at');

CREATE FUNCTION odoo_events._identity(OUT system_identifier int8, OUT database_uuid text, OUT neutralized boolean,
                                      OUT armed boolean, OUT reason text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_identity';
COMMENT ON FUNCTION odoo_events._identity() IS 'internal: this server and database as they are now, and whether they are the armed ones';

CREATE FUNCTION odoo_events._restore_token() RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_restore_token';
COMMENT ON FUNCTION odoo_events._restore_token() IS 'internal: names the latest start of this server from a physical backup; null if there was none';

CREATE FUNCTION odoo_events._note_restored(token text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
UPDATE odoo_events.arming_state
   SET disarmed = true, restore_token = token, armed_by = 'odoo_events worker', armed_at = clock_timestamp(),
       reason = CASE WHEN disarmed THEN reason ELSE 'the server was restored from a physical backup' END
$$;
COMMENT ON FUNCTION odoo_events._note_restored(text) IS 'internal: the worker disarms a server that was restored from a physical backup';

-- TRUNCATE, so that no dead row keeps a secret in the copy's files.
CREATE FUNCTION odoo_events._forget_secrets() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n int8 := (SELECT count(*) FROM odoo_events.subscription_config);
BEGIN
  TRUNCATE odoo_events.subscription_secret;
  UPDATE odoo_events.subscription_config
     SET state = 'paused', state_reason = 'paused by arm() in a copy', state_since = clock_timestamp() WHERE state <> 'paused';
  IF n > 0 THEN
    PERFORM odoo_events._audit('forget secrets', NULL, NULL, jsonb_build_object('subscriptions', n));
    RAISE NOTICE 'the secrets of % subscriptions were deleted, and they are paused', n
      USING HINT = 'SELECT name, url FROM odoo_events.subscription;  -- set_secret() and resume() each that this database is to send to';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._forget_secrets() IS 'internal: a copy is left without production''s secrets, and sends to nobody until it is told to';

CREATE FUNCTION odoo_events.arm(keep_secrets boolean DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me record;
  same boolean;
BEGIN
  PERFORM odoo_events._must_be_free('arm');
  SELECT * INTO me FROM odoo_events._identity();
  IF me.neutralized IS NULL THEN
    RAISE EXCEPTION 'Odoo''s parameters cannot be read now: %', me.reason
      USING ERRCODE = 'lock_not_available',
            HINT = CASE WHEN me.reason LIKE '%does not belong to the owner of the database'
                        THEN (SELECT format('ALTER DATABASE %I OWNER TO %I;', current_database(), pg_get_userbyid(c.relowner))
                                FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relname = 'ir_config_parameter')
                        ELSE 'Try again when the module upgrade or whatever else holds the lock has ended.' END;
  END IF;
  IF me.neutralized THEN
    RAISE EXCEPTION 'database "%" is neutralized', current_database()
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Odoo''s parameter database.is_neutralized marks a copy for tests; remove it first if this is production.';
  END IF;
  IF odoo_events._proposes('arm', jsonb_build_object('keep_secrets', keep_secrets)) THEN
    RETURN;
  END IF;
  SELECT a.system_identifier = me.system_identifier AND a.database_oid = d.oid INTO same
    FROM odoo_events.arming_state a, pg_database d WHERE d.datname = current_database();
  IF NOT COALESCE(keep_secrets, same, true) THEN
    PERFORM odoo_events._forget_secrets();
  END IF;
  INSERT INTO odoo_events.arming_state (system_identifier, database_oid, database_uuid, armed_by, armed_at, restore_token, environment)
  SELECT me.system_identifier, d.oid, me.database_uuid, session_user, clock_timestamp(), odoo_events._restore_token(), current_setting('odoo_events.environment')
    FROM pg_database d WHERE d.datname = current_database()
  ON CONFLICT (only_row) DO UPDATE
     SET system_identifier = EXCLUDED.system_identifier, database_oid = EXCLUDED.database_oid,
         database_uuid = EXCLUDED.database_uuid, disarmed = false, reason = NULL,
         armed_by = EXCLUDED.armed_by, armed_at = EXCLUDED.armed_at, restore_token = EXCLUDED.restore_token, environment = EXCLUDED.environment;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.arm(boolean) IS
'lets this database, on this server, send deliveries; a copy stays silent until this is called in it, and loses secrets and active subscriptions then unless keep_secrets is true';

CREATE FUNCTION odoo_events.disarm() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('disarm');
  UPDATE odoo_events.arming_state SET disarmed = true, reason = NULL, armed_by = session_user, armed_at = clock_timestamp();
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.disarm() IS 'stops all deliveries of this database; events are kept, cursors stay';

CREATE FUNCTION odoo_events.arm_first_time() RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM odoo_events.arming_state)
     OR odoo_events._last_position() > 0                  -- a restored or copied database has a past
     OR EXISTS (SELECT 1 FROM odoo_events.attached)
     OR (SELECT i.neutralized FROM odoo_events._identity() i) THEN
    RETURN false;
  END IF;
  PERFORM odoo_events.arm();
  RETURN true;
END $$;
COMMENT ON FUNCTION odoo_events.arm_first_time() IS
'internal: called by attach() before it notes the first entity; arms a database that has never been attached';

CREATE VIEW odoo_events._arming AS
SELECT current_database() AS database, i.armed, i.reason, i.system_identifier, i.database_uuid,
       a.armed_by, a.armed_at
  FROM odoo_events._identity() i LEFT JOIN odoo_events.arming_state a ON true;
COMMENT ON VIEW odoo_events._arming IS 'internal: what arming shows';

CREATE FUNCTION odoo_events._preloaded() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_preloaded';
COMMENT ON FUNCTION odoo_events._preloaded() IS 'internal: whether the library is in shared_preload_libraries';

CREATE VIEW odoo_events._worker_status AS
SELECT w.pid, w.state, w.since, w.last_error, w.restarts,
       COALESCE(GREATEST(clock_timestamp() - odoo_events._oldest_unpublished(), interval '0'), interval '0') AS publish_lag,
       (SELECT a.pid FROM pg_catalog.pg_stat_activity a
         WHERE a.backend_xid IN (SELECT x::xid
                                   FROM pg_catalog.pg_snapshot_xip((SELECT c.s1 FROM odoo_events.publish_cursor c
                                                                     ORDER BY c.n DESC LIMIT 1)) x)
         ORDER BY a.xact_start LIMIT 1) AS oldest_open_transaction_pid
  FROM odoo_events._worker() w;
COMMENT ON VIEW odoo_events._worker_status IS 'internal: what worker_status shows';

DO $$
BEGIN
  IF NOT odoo_events._preloaded() THEN
    RAISE WARNING 'odoo_events is not in shared_preload_libraries: nothing is delivered until it is'
      USING HINT = 'Add odoo_events to shared_preload_libraries and restart; changes are captured meanwhile, and publish() works.';
  END IF;
  PERFORM odoo_events._wake('register');
END $$;
