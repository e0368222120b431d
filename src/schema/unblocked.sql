-- unblocked: status views that do not wait for the locks of others.
--
-- A view takes the locks of its tables before anything in it runs, so it waits as long as a DBA's LOCK TABLE or VACUUM FULL holds one.
-- Monitoring must not: each status view reads a function that waits for half a second and then says who is in the way.  The function
-- reads the view's real definition, whose name begins with "_"; functions of the extension read that one, so that their own conditions
-- reach its tables.

-- A view calls its functions as its reader, but reads tables as their owner.  So everybody may call these functions, and they answer
-- only who hands them a number that nobody but the owner, and so the view, can read.  It is a sequence, which nobody can LOCK.  The number
-- is its value and not its start, which everybody can read in pg_sequence.
DO $$
BEGIN
  CREATE SEQUENCE odoo_events._view_key;
  PERFORM pg_catalog.setval('odoo_events._view_key', ('x' || replace(gen_random_uuid()::text, '-', ''))::bit(128)::bit(60)::int8 + 1);
END $$;
COMMENT ON SEQUENCE odoo_events._view_key IS 'internal: what a status view hands to the function that it reads, so that nobody else can call it';

CREATE FUNCTION odoo_events._must_be_view(key int8) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF key IS DISTINCT FROM (SELECT k.last_value FROM odoo_events._view_key k) THEN
    RAISE EXCEPTION 'this function is for a status view' USING ERRCODE = 'insufficient_privilege', HINT = 'SELECT * FROM odoo_events.worker_status;';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._must_be_view(int8) IS 'internal: refuses calls that do not come from a view of the owner';

CREATE FUNCTION odoo_events._locked_out(what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l record;
BEGIN
  SELECT k.pid, k.relation::regclass AS relation INTO l
    FROM pg_locks k JOIN pg_class c ON c.oid = k.relation
   WHERE k.granted AND k.mode = 'AccessExclusiveLock' AND k.pid IS DISTINCT FROM pg_backend_pid()
     AND k.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) AND c.relkind IN ('r', 'p', 'v')
   ORDER BY c.relnamespace <> 'odoo_events'::regnamespace, k.relation LIMIT 1;
  RAISE EXCEPTION '% cannot be read now: %', what,
      CASE WHEN l.relation IS NULL THEN 'another session has locked one of its tables' ELSE format('%s has locked %s', COALESCE('session ' || l.pid, 'a prepared transaction'), l.relation) END
    USING ERRCODE = 'lock_not_available',
          HINT = CASE WHEN l.pid IS NOT NULL THEN format('SELECT pid, usename, state, xact_start, query FROM pg_catalog.pg_stat_activity WHERE pid = %s;', l.pid)
                      WHEN l.relation IS NOT NULL THEN 'SELECT gid, owner, prepared FROM pg_catalog.pg_prepared_xacts ORDER BY prepared;'
                      ELSE 'SELECT pid, mode, relation::regclass FROM pg_catalog.pg_locks WHERE granted AND mode ~ ''Exclusive'' ORDER BY pid;' END;
END $$;
COMMENT ON FUNCTION odoo_events._locked_out(text) IS 'internal: raises which lock of whom is in the way';

-- What the worker does stands in shared memory; only how far it is behind stands in tables.
CREATE FUNCTION odoo_events._read_worker_status(key int8) RETURNS SETOF odoo_events._worker_status
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' ROWS 1 AS $$
BEGIN
  PERFORM odoo_events._must_be_view(key);
  RETURN QUERY SELECT * FROM odoo_events._worker_status;
EXCEPTION WHEN lock_not_available THEN
  RETURN QUERY SELECT w.pid, w.state, w.since, w.last_error, w.restarts, NULL::interval, NULL::int4 FROM odoo_events._worker() w;
END $$;
COMMENT ON FUNCTION odoo_events._read_worker_status(int8) IS 'internal: rows of worker_status, without its lag where tables are locked';
CREATE VIEW odoo_events.worker_status AS
SELECT s.pid, s.state, s.since, s.last_error, s.restarts, s.publish_lag, s.oldest_open_transaction_pid
  FROM odoo_events._view_key k, odoo_events._read_worker_status(k.last_value) s;
COMMENT ON VIEW odoo_events.worker_status IS
'the background worker of this database: alive, doing what, and which session''s open transaction it last found older than its snapshot; '
'publish_lag is null while tables are locked';

CREATE FUNCTION odoo_events._read_capture_status(key int8) RETURNS SETOF odoo_events._capture_status
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 50 AS $$
BEGIN
  PERFORM odoo_events._must_be_view(key);
  RETURN QUERY SELECT * FROM odoo_events._capture_status;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('capture_status');
END $$;
COMMENT ON FUNCTION odoo_events._read_capture_status(int8) IS 'internal: rows of capture_status';
CREATE VIEW odoo_events.capture_status AS
SELECT s.entity, s.relation, s.mode, s.attached, s.missing_columns, s.last_change_at, s.captured, s.errors, s.note, s.retained_bytes, s.lag_bytes
  FROM odoo_events._view_key k, odoo_events._read_capture_status(k.last_value) s;
COMMENT ON VIEW odoo_events.capture_status IS
'per entity and table: whether it is captured, what is missing (trigger dropped or disabled, columns, a table that came later), and what '
'was captured since the server started; errors counts changes that could not be written, see capture_error; retained_bytes: WAL that the slot of capture '
'from the WAL keeps, lag_bytes: of it still to be read';

CREATE FUNCTION odoo_events._read_capture_error(key int8) RETURNS SETOF odoo_events._capture_error
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 10 AS $$
BEGIN
  PERFORM odoo_events._must_be_view(key);
  RETURN QUERY SELECT * FROM odoo_events._capture_error;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('capture_error');
END $$;
COMMENT ON FUNCTION odoo_events._read_capture_error(int8) IS 'internal: rows of capture_error';
CREATE VIEW odoo_events.capture_error AS
SELECT s.at, s.relation, s.changes, s.reason, s.since
  FROM odoo_events._view_key k, odoo_events._read_capture_error(k.last_value) s;
COMMENT ON VIEW odoo_events.capture_error IS
'gaps: changes that capture could not write and that no event tells of; changes is the number of noted changes, at most so many rows';

CREATE FUNCTION odoo_events._read_subscription_status(key int8) RETURNS SETOF odoo_events._subscription_status
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 10 AS $$
BEGIN
  PERFORM odoo_events._must_be_view(key);
  RETURN QUERY SELECT * FROM odoo_events._subscription_status;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('subscription_status');
END $$;
COMMENT ON FUNCTION odoo_events._read_subscription_status(int8) IS 'internal: rows of subscription_status';
CREATE VIEW odoo_events.subscription_status AS
SELECT s.name, s.state, s.state_reason, s.state_since, s.position, s.acked_position, s.lag_events, s.oldest_pending_age, s.in_flight, s.parked,
       s.blocked_keys, s.dead_letters, s.delivered_total, s.failed_total, s.filter_errors_total, s.breaker, s.next_attempt_at, s.last_status,
       s.last_error, s.last_success_at, s.p50, s.p95, s.expires_at, s.transport, s.peer_expires_at
  FROM odoo_events._view_key k, odoo_events._read_subscription_status(k.last_value) s;
COMMENT ON VIEW odoo_events.subscription_status IS
'how each subscription goes, as of the worker''s last settlement; lag_events counts what the filters may still pass over';

CREATE FUNCTION odoo_events._read_replay_status(key int8) RETURNS SETOF odoo_events._replay_status
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 10 AS $$
BEGIN
  PERFORM odoo_events._must_be_view(key);
  RETURN QUERY SELECT * FROM odoo_events._replay_status;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('replay_status');
END $$;
COMMENT ON FUNCTION odoo_events._read_replay_status(int8) IS 'internal: rows of replay_status';
CREATE VIEW odoo_events.replay_status AS
SELECT s.id, s.subscription, s.state, s.matched, s.sent, s.failed, s.position, s.from_position, s.to_position, s.dead_letters, s.created_by,
       s.created_at, s.finished_at
  FROM odoo_events._view_key k, odoo_events._read_replay_status(k.last_value) s;
COMMENT ON VIEW odoo_events.replay_status IS
'replays and how far they are';

CREATE FUNCTION odoo_events._read_storage(key int8) RETURNS SETOF odoo_events._storage
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 10 AS $$
BEGIN
  PERFORM odoo_events._must_be_view(key);
  RETURN QUERY SELECT * FROM odoo_events._storage;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('storage');
END $$;
COMMENT ON FUNCTION odoo_events._read_storage(int8) IS 'internal: rows of storage';
CREATE VIEW odoo_events.storage AS
SELECT s.part, s.segments, s.bytes, s.oldest, s.held_by
  FROM odoo_events._view_key k, odoo_events._read_storage(k.last_value) s;
COMMENT ON VIEW odoo_events.storage IS
'how much each part keeps, since when, and what holds it: segments in use, bytes with indexes; held_by null: only its retention';

CREATE FUNCTION odoo_events._read_arming(key int8) RETURNS SETOF odoo_events._arming
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 1 AS $$
BEGIN
  PERFORM odoo_events._must_be_view(key);
  RETURN QUERY SELECT * FROM odoo_events._arming;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('arming');
END $$;
COMMENT ON FUNCTION odoo_events._read_arming(int8) IS 'internal: rows of arming';
CREATE VIEW odoo_events.arming AS
SELECT s.database, s.armed, s.reason, s.system_identifier, s.database_uuid, s.armed_by, s.armed_at
  FROM odoo_events._view_key k, odoo_events._read_arming(k.last_value) s;
COMMENT ON VIEW odoo_events.arming IS
'whether this database may send deliveries, and why not';

CREATE FUNCTION odoo_events._read_care(key int8) RETURNS SETOF odoo_events._care
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 10 AS $$
BEGIN
  PERFORM odoo_events._must_be_view(key);
  RETURN QUERY SELECT * FROM odoo_events._care;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('care');
END $$;
COMMENT ON FUNCTION odoo_events._read_care(int8) IS 'internal: rows of care';
CREATE VIEW odoo_events.care AS
SELECT s.subscription, s.type, s.company_id, s.warehouse_id, s.owner, s.contact, s.criticality, s.runbook, s.escalation, s.sunset
  FROM odoo_events._view_key k, odoo_events._read_care(k.last_value) s;
COMMENT ON VIEW odoo_events.care IS
'who looks after what: one row per rule of set_care(); of several that apply the most specific wins, attribute by attribute: subscription, then type with '
'warehouse, then type with company, then type';
