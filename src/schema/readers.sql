-- readers: who keeps the event log and its companions from being emptied.
--
-- Segments are emptied by TRUNCATE, which waits for nobody: as long as a transaction that has read a segment is open, that segment
-- stays.  Whoever may read the outbox or a status view can do so for days, also by a prepared transaction, which no session holds.

CREATE FUNCTION odoo_events._open_reader(OUT pid int4, OUT gid text, OUT who text, OUT since timestamptz, OUT parts text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT r.pid, r.gid, r.who, r.since, string_agg(DISTINCT r.part, ', ' ORDER BY r.part)
  FROM (SELECT a.pid, p.gid, COALESCE(a.usename, p.owner)::text AS who, COALESCE(a.xact_start, p.prepared) AS since, regexp_replace(c.relname, '_[0-9]+$', '') AS part
          FROM pg_locks l
          JOIN pg_class c ON c.oid = l.relation AND c.relnamespace = 'odoo_events'::regnamespace
           AND c.relname ~ '^(journal|outbox|publish_cursor|progress|attempt|process_cursor|process_step|process_root|document_index)_[0-9]+$'
          LEFT JOIN pg_stat_activity a ON a.pid = l.pid AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
          LEFT JOIN pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid' AND x.virtualtransaction = l.virtualtransaction
          LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
         WHERE l.granted AND l.locktype = 'relation' AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) r
 WHERE r.pid IS NOT NULL OR r.gid IS NOT NULL
 GROUP BY r.pid, r.gid, r.who, r.since ORDER BY r.since
$$;
COMMENT ON FUNCTION odoo_events._open_reader() IS 'internal: open and prepared transactions that keep segments from being emptied, the oldest first';

CREATE FUNCTION odoo_events._health_readers(period interval) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'readers', 'warn', format('%s of role %s has kept %s from being emptied since %s', CASE WHEN r.pid IS NOT NULL THEN 'session ' || r.pid ELSE format('prepared transaction %L', r.gid) END, r.who, r.parts, date_trunc('second', r.since)),
       CASE WHEN r.pid IS NOT NULL THEN format('SELECT state, xact_start, query FROM pg_catalog.pg_stat_activity WHERE pid = %s;  -- pg_terminate_backend(%s) ends it', r.pid, r.pid)
            ELSE format('SELECT * FROM pg_catalog.pg_prepared_xacts WHERE gid = %L;  -- COMMIT PREPARED or ROLLBACK PREPARED ends it', r.gid) END
  FROM odoo_events._open_reader() r WHERE r.since < clock_timestamp() - period LIMIT 10
$$;
COMMENT ON FUNCTION odoo_events._health_readers(interval) IS 'internal: transactions that have kept segments from being emptied for so long; no rows where there are none';
