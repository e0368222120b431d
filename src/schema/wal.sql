-- wal: capture from the WAL.  The worker calls _wal_step() again and again while anything here has rows; src/walreader decodes and writes.
--
--   attach(mode => 'wal')   rule waits: triggers capture, the reader makes the slot
--   _wal_step               slot is there: REPLICA IDENTITY FULL is set, triggers go, the rule's state becomes "wal", in one transaction
--                           that holds the table's lock.  The output plugin reads wal_rule as of each change, so every change is captured
--                           by exactly one of the two
--   attach(mode => 'trigger'), detach(), or the safety valve: the same the other way round, and a drain: what is still to be read
--                           of the WAL is older than what triggers note from now on, so the publisher waits for it
--
-- The worker takes one table's lock per transaction, and waits 100 ms for it: so it is never part of a deadlock, and nobody waits longer
-- behind it.  It never asks for a stronger lock on a table than it has.

CREATE TABLE odoo_events.wal_rule (
    rule     text PRIMARY KEY,
    relid    oid NOT NULL,
    want     text NOT NULL CHECK (want IN ('wal', 'both')),
    state    text NOT NULL CHECK (state IN ('waiting', 'wal', 'both')),
    since    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    before   pg_snapshot                        -- both: transactions that it sees were captured by triggers alone
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.wal_rule IS 'capture rules that are, or are going to be, captured from the WAL; read by the output plugin as of each change';
CREATE TRIGGER rule_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON odoo_events.wal_rule
  FOR EACH STATEMENT EXECUTE FUNCTION odoo_events._rule_changed();

CREATE TABLE odoo_events.wal_identity (
    relid    oid PRIMARY KEY,
    rule     text NOT NULL,
    identity text NOT NULL                      -- DEFAULT, USING INDEX ..., NOTHING
);
COMMENT ON TABLE odoo_events.wal_identity IS 'replica identities that tables had before they were captured from the WAL, to be put back';

CREATE TABLE odoo_events.wal_drain (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    hold    boolean NOT NULL,                   -- the publisher waits: triggers have taken over
    rules   text[] NOT NULL,
    until   pg_lsn,                             -- of the WAL, once whoever began the drain has committed
    since   timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE odoo_events.wal_drain IS 'one row while WAL of rules that are no longer captured from it is still to be read';

CREATE TABLE odoo_events.wal_drain_id (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    next_id int8 NOT NULL
);
COMMENT ON TABLE odoo_events.wal_drain_id IS 'one row while the publisher waits: journal ids that were left free for what is still to be read';

CREATE TABLE odoo_events.wal_fallback (
    at       timestamptz PRIMARY KEY DEFAULT pg_catalog.clock_timestamp(),
    entities text[] NOT NULL,
    mode     text NOT NULL,
    reason   text NOT NULL
);
COMMENT ON TABLE odoo_events.wal_fallback IS 'capture that fell back from the WAL to triggers by itself; attach() takes note of it';

-- mode both
CREATE TABLE odoo_events.wal_change (
    xid       xid8 NOT NULL,
    rule      text NOT NULL,
    record_id int8 NOT NULL,
    op        "char" NOT NULL,
    digest    text NOT NULL,
    PRIMARY KEY (xid, rule, record_id, op)
);
COMMENT ON TABLE odoo_events.wal_change IS 'mode both: net changes as the WAL has them, until they are compared with those of the triggers';

CREATE TABLE odoo_events.wal_compare (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    done pg_snapshot NOT NULL,                  -- transactions that it sees are compared
    next pg_snapshot,
    upto pg_lsn                                 -- WAL that has to be read before "next" can be compared
);
COMMENT ON TABLE odoo_events.wal_compare IS 'mode both: one row, how far the two ways of capture are compared';

CREATE TABLE odoo_events.capture_difference (
    xid       xid8 NOT NULL,
    rule      text NOT NULL,
    record_id int8 NOT NULL,
    trigger   text,                             -- operation; null: not captured this way
    wal       text,
    at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (xid, rule, record_id)
);
COMMENT ON TABLE odoo_events.capture_difference IS
'mode both: net changes that triggers and the WAL do not have alike; reconcile() lists them, attach() in another mode forgets them';

CREATE FUNCTION odoo_events._change_digest(old text, new text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$SELECT md5(concat_ws('|', COALESCE(old, '-'), COALESCE(new, '-')))$$;
COMMENT ON FUNCTION odoo_events._change_digest(text, text) IS 'internal: what of a net change is compared';

CREATE FUNCTION odoo_events._wal_slot() RETURNS name
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$SELECT ('odoo_events_' || d.oid)::name FROM pg_database d WHERE d.datname = current_database()$$;
COMMENT ON FUNCTION odoo_events._wal_slot() IS 'internal: name of the slot, and of the replication origin, of this database';

CREATE FUNCTION odoo_events._wal_processes(OUT recorder_pid int4, OUT reader_pid int4, OUT reading boolean, OUT error text) RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_wal_processes';
COMMENT ON FUNCTION odoo_events._wal_processes() IS 'internal: the processes that capture from the WAL, and why one of them ended last';

-- The first id that a drain may use next; null where the publisher does not wait, 0 where nothing is wanted of the WAL any more.
CREATE FUNCTION odoo_events._wal_drain_id() RETURNS int8
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN EXISTS (SELECT 1 FROM odoo_events.wal_drain) OR EXISTS (SELECT 1 FROM odoo_events.wal_rule) THEN (SELECT d.next_id FROM odoo_events.wal_drain_id d) ELSE 0 END
$$;
COMMENT ON FUNCTION odoo_events._wal_drain_id() IS 'internal: journal id for what a drain reads';

-- What the server must allow; raises with the mend.
CREATE FUNCTION odoo_events._wal_check() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  plugins text := current_setting('output_plugin_libraries', true);
  -- PostgreSQL 19 makes the WAL logical while a logical slot exists.
  wal_level text := CASE WHEN current_setting('server_version_num')::int >= 190000 THEN 'replica' ELSE 'logical' END;
BEGIN
  IF NOT odoo_events._preloaded() THEN
    RAISE EXCEPTION 'capture from the WAL needs the library in shared_preload_libraries'
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('ALTER SYSTEM SET shared_preload_libraries = %s;  -- then restart the server',
                          concat_ws(', ', NULLIF(current_setting('shared_preload_libraries'), ''), 'odoo_events'));
  END IF;
  IF current_setting('wal_level') NOT IN (wal_level, 'logical') THEN
    RAISE EXCEPTION 'capture from the WAL needs wal_level "%", not "%"', wal_level, current_setting('wal_level')
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('ALTER SYSTEM SET wal_level = %s;  -- then restart the server', wal_level);
  END IF;
  IF plugins IS NOT NULL AND NOT 'odoo_events' = ANY (SELECT btrim(l, ' "') FROM unnest(string_to_array(plugins, ',')) l) THEN
    RAISE EXCEPTION 'the server does not allow the output plugin "odoo_events"'
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('ALTER SYSTEM SET output_plugin_libraries = %s; SELECT pg_catalog.pg_reload_conf();', concat_ws(', ', NULLIF(plugins, ''), 'odoo_events'));
  END IF;
  IF NOT EXISTS (SELECT 1 FROM pg_replication_slots s WHERE s.slot_name = odoo_events._wal_slot())
     AND (SELECT count(*) FROM pg_replication_slots) >= current_setting('max_replication_slots')::int THEN
    RAISE EXCEPTION 'all replication slots are in use'
      USING ERRCODE = 'configuration_limit_exceeded',
            HINT = format('ALTER SYSTEM SET max_replication_slots = %s;  -- then restart the server', current_setting('max_replication_slots')::int + 4);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._wal_check() IS 'internal: raises where the server does not allow capture from the WAL';

-- The tables whose replica identity counts: the table itself, or its leaves where it is partitioned.
CREATE FUNCTION odoo_events._wal_tables(relid oid) RETURNS TABLE (leaf oid, name text, identity text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT c.oid, c.oid::regclass::text,
       CASE c.relreplident WHEN 'd' THEN 'DEFAULT' WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
            ELSE (SELECT format('USING INDEX %I', i.relname) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                   WHERE x.indrelid = c.oid AND x.indisreplident) END
  FROM (SELECT relid AS oid WHERE NOT EXISTS (SELECT 1 FROM pg_partitioned_table p WHERE p.partrelid = relid)
        UNION ALL SELECT t.relid FROM pg_partition_tree(relid) t WHERE t.isleaf) t
  JOIN pg_class c ON c.oid = t.oid
$$;
COMMENT ON FUNCTION odoo_events._wal_tables(oid) IS 'internal: the tables of a captured table that have rows, with their replica identities';

-- Sets REPLICA IDENTITY FULL, and notes what was there.  The caller has locked the table.
CREATE FUNCTION odoo_events._wal_identity(relid oid, rule text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT w.* FROM odoo_events._wal_tables(relid) w WHERE w.identity IS DISTINCT FROM 'FULL' LOOP
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', t.name);
    INSERT INTO odoo_events.wal_identity (relid, rule, identity) VALUES (t.leaf, rule, COALESCE(t.identity, 'DEFAULT')) ON CONFLICT ON CONSTRAINT wal_identity_pkey DO NOTHING;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._wal_identity(oid, text) IS 'internal: makes the WAL hold whole old rows';

-- Puts the replica identity of a table back.  The caller has locked it.
CREATE FUNCTION odoo_events._wal_restore(relid oid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT w.name, i.identity FROM odoo_events.wal_identity i JOIN LATERAL odoo_events._wal_tables(i.relid) w ON w.leaf = i.relid
            WHERE i.relid = _wal_restore.relid AND w.identity = 'FULL' LOOP
    BEGIN
      EXECUTE format('ALTER TABLE %s REPLICA IDENTITY %s', t.name, t.identity);
    EXCEPTION WHEN undefined_object THEN
      EXECUTE format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', t.name);         -- the index has gone meanwhile
    END;
  END LOOP;
  DELETE FROM odoo_events.wal_identity i WHERE i.relid = _wal_restore.relid;
END $$;
COMMENT ON FUNCTION odoo_events._wal_restore(oid) IS 'internal: puts the replica identity of a table back';

-- A rule is to be captured from the WAL.  Until the reader is ready triggers do it.
CREATE FUNCTION odoo_events._wal_join(relid oid, rule text, want text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  have odoo_events.wal_rule;
BEGIN
  SELECT * INTO have FROM odoo_events.wal_rule w WHERE w.rule = _wal_join.rule;
  IF FOUND AND have.want = want THEN
    RETURN CASE have.state WHEN 'waiting' THEN 'triggers capture until the reader is ready' ELSE 'already attached' END;
  ELSIF FOUND AND have.state = 'wal' THEN
    RAISE EXCEPTION 'rule "%" is captured from the WAL: it cannot become "both" at once', rule
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('SELECT * FROM odoo_events.attach(%L, mode => ''trigger'');',
                          (SELECT array_agg(a.entity ORDER BY a.entity) FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity
                            WHERE _wal_join.rule = ANY (e.rules)));
  ELSIF FOUND THEN
    UPDATE odoo_events.wal_rule w SET want = _wal_join.want, state = 'waiting', since = now() WHERE w.rule = _wal_join.rule;
  ELSE
    PERFORM odoo_events._capture_table(relid, rule);
    INSERT INTO odoo_events.wal_rule (rule, relid, want, state) VALUES (rule, relid, want, 'waiting');
  END IF;
  RETURN 'triggers capture until the reader is ready';
END $$;
COMMENT ON FUNCTION odoo_events._wal_join(oid, text, text) IS 'internal: begins to capture a table from the WAL';

-- What is still to be read of the WAL is read, although nothing is captured from it any more; "triggers": they capture from now on.
CREATE FUNCTION odoo_events._wal_drain(rule text, triggers boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO odoo_events.wal_drain AS d (hold, rules) VALUES (triggers, ARRAY[rule])
    ON CONFLICT ON CONSTRAINT wal_drain_pkey DO UPDATE SET hold = d.hold OR EXCLUDED.hold, rules = d.rules || EXCLUDED.rules, until = NULL;
  -- a thousand million ids for what is older; the first million for whoever takes one at this moment
  IF triggers AND NOT EXISTS (SELECT 1 FROM odoo_events.wal_drain_id) THEN
    INSERT INTO odoo_events.wal_drain_id (next_id) VALUES (nextval('odoo_events.journal_id_seq') + 1000000);
    PERFORM setval('odoo_events.journal_id_seq', (SELECT d.next_id + 1000000000 FROM odoo_events.wal_drain_id d));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._wal_drain(text, boolean) IS 'internal: begins a drain, or makes it go on';

-- A rule is no longer captured from the WAL; "triggers": by triggers instead, from this transaction on.  The replica identity is
-- put back here only where the lock for it is needed anyway, else by the worker.
CREATE FUNCTION odoo_events._wal_leave(rule text, triggers boolean) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  have odoo_events.wal_rule;
BEGIN
  SELECT * INTO have FROM odoo_events.wal_rule w WHERE w.rule = _wal_leave.rule;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  -- the lock first: from here on nobody else writes to the table until we commit
  IF NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = have.relid) THEN
    NULL;
  ELSIF triggers THEN
    PERFORM odoo_events._capture_table(have.relid, rule);
  ELSE
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', have.relid::regclass);
    PERFORM odoo_events._wal_restore(i.relid) FROM odoo_events.wal_identity i WHERE i.rule = _wal_leave.rule;
  END IF;
  DELETE FROM odoo_events.wal_rule w WHERE w.rule = _wal_leave.rule;
  IF have.state = 'wal' THEN
    PERFORM odoo_events._wal_drain(rule, triggers);
  END IF;
  RETURN CASE WHEN triggers THEN 'triggers capture again' ELSE 'no longer read from the WAL' END;
END $$;
COMMENT ON FUNCTION odoo_events._wal_leave(text, boolean) IS 'internal: ends capture of a table from the WAL';

-- How rules are to be captured, by the modes of the entities that need them: from the WAL if one of them wants that.
CREATE FUNCTION odoo_events._rule_modes() RETURNS TABLE (rule text, mode text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT u.rule, CASE WHEN bool_or(a.mode = 'wal') THEN 'wal' WHEN bool_or(a.mode = 'both') THEN 'both' ELSE 'trigger' END
  FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity, unnest(e.rules) u(rule) GROUP BY u.rule
$$;
COMMENT ON FUNCTION odoo_events._rule_modes() IS 'internal: how the rules of attached entities are to be captured';

CREATE FUNCTION odoo_events._rule_mode(rule text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS 'SELECT m.mode FROM odoo_events._rule_modes() m WHERE m.rule = $1';
COMMENT ON FUNCTION odoo_events._rule_mode(text) IS 'internal: how a rule is to be captured; null: not at all';

-- Captures a table as its entities want; answers what was done.
CREATE FUNCTION odoo_events._capture_rule(relid oid, rule text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  want text := odoo_events._rule_mode(rule);
  done text;
BEGIN
  IF want IN ('wal', 'both') THEN
    RETURN odoo_events._wal_join(relid, rule, want);
  END IF;
  done := odoo_events._wal_leave(rule, true);
  -- which may be another table by now
  want := odoo_events._capture_table(relid, rule);
  RETURN COALESCE(done, want);
END $$;
COMMENT ON FUNCTION odoo_events._capture_rule(oid, text) IS 'internal: captures a table in the mode that its entities want';

-- What was to be read is read, or never will be: the publisher goes on.
CREATE FUNCTION odoo_events._wal_drained() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DELETE FROM odoo_events.wal_drain_id;
DELETE FROM odoo_events.wal_drain;
SELECT odoo_events._wake('changes')
$$;
COMMENT ON FUNCTION odoo_events._wal_drained() IS 'internal: ends a drain';

-- Capture goes back to triggers by itself: what it says and what is wanted from now on; tables follow, step by step.
CREATE FUNCTION odoo_events._wal_give_up(reason text, lost boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  back jsonb;
BEGIN
  WITH a AS (UPDATE odoo_events.attached t SET mode = 'trigger' FROM odoo_events.attached o
              WHERE o.entity = t.entity AND t.mode IN ('wal', 'both') RETURNING t.entity, o.mode)
  , m AS (SELECT a.mode, array_agg(a.entity ORDER BY a.entity) AS entities FROM a GROUP BY a.mode)
  , f AS (INSERT INTO odoo_events.wal_fallback (at, entities, mode, reason)
          SELECT clock_timestamp(), m.entities, m.mode, _wal_give_up.reason FROM m RETURNING *)
  SELECT jsonb_agg(jsonb_build_object('entities', f.entities, 'mode', f.mode)) INTO back FROM f;
  IF back IS NOT NULL THEN
    PERFORM odoo_events._emit('odoo.platform.capture.fell_back.v1', 'capture', jsonb_build_object('reason', reason, 'lost', lost, 'was', back));
    RAISE WARNING 'odoo_events captures by triggers again: %', reason;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._wal_give_up(text, boolean) IS 'internal: the safety valve; "lost": what is in the WAL cannot be read any more';

-- What is in the WAL of some rules will not be read: that is said, and the publisher goes on.
CREATE FUNCTION odoo_events._wal_gap(rules text[], reason text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO odoo_events.capture_gap (xid, rule, relid, at, changes, reason)
SELECT pg_current_xact_id(), c.rule, COALESCE(odoo_events._captured_table(c.tables, c.builtin), 0), clock_timestamp(), 0, $2
  FROM odoo_events.capture_rule c WHERE c.rule = ANY ($1)
ON CONFLICT ON CONSTRAINT capture_gap_pkey DO NOTHING;
SELECT odoo_events._wal_drained()
$$;
COMMENT ON FUNCTION odoo_events._wal_gap(text[], text) IS 'internal: notes a gap of what cannot be read of the WAL';

-- Mode both: compares what both ways have of the transactions that both are through with.
CREATE FUNCTION odoo_events._wal_comparison(confirmed pg_lsn) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.wal_compare;
BEGIN
  SELECT * INTO c FROM odoo_events.wal_compare;
  IF c.upto <= confirmed THEN
    -- what was read before a rule's table was attached so, or is no longer
    DELETE FROM odoo_events.wal_change x
     WHERE NOT EXISTS (SELECT 1 FROM odoo_events.wal_rule r WHERE r.rule = x.rule AND r.state = 'both' AND NOT pg_visible_in_snapshot(x.xid, r.before));
    INSERT INTO odoo_events.capture_difference (xid, rule, record_id, trigger, wal)
    SELECT COALESCE(t.xid, w.xid), COALESCE(t.rule, w.rule), COALESCE(t.record_id, w.record_id), string_agg(t.op, ''), string_agg(w.op::text, '')
      FROM (SELECT j.xid, j.rule, COALESCE(j.record_id, 0) AS record_id, j.op::text AS op, odoo_events._change_digest(j.old, j.new) AS digest
              FROM odoo_events.journal j JOIN odoo_events.wal_rule r ON r.rule = j.rule AND r.state = 'both'
             WHERE j.xid >= pg_snapshot_xmin(c.done) AND j.source_xid IS NULL AND j.op IN ('I', 'U', 'D', 'T')
               AND pg_visible_in_snapshot(j.xid, c.next) AND NOT pg_visible_in_snapshot(j.xid, c.done) AND NOT pg_visible_in_snapshot(j.xid, r.before)) t
      FULL JOIN (SELECT * FROM odoo_events.wal_change x WHERE pg_visible_in_snapshot(x.xid, c.next)) w
        ON w.xid = t.xid AND w.rule = t.rule AND w.record_id = t.record_id AND w.op::text = t.op
     WHERE t.digest IS DISTINCT FROM w.digest
     GROUP BY 1, 2, 3
    ON CONFLICT ON CONSTRAINT capture_difference_pkey DO NOTHING;
    DELETE FROM odoo_events.wal_change x WHERE pg_visible_in_snapshot(x.xid, c.next);
    UPDATE odoo_events.wal_compare SET done = c.next, next = NULL, upto = NULL;
  END IF;
  -- the position second: what the snapshot sees is before it
  UPDATE odoo_events.wal_compare SET next = pg_current_snapshot(), upto = pg_current_wal_insert_lsn() WHERE next IS NULL;
END $$;
COMMENT ON FUNCTION odoo_events._wal_comparison(pg_lsn) IS 'internal: mode both';

-- A rule that waited: the reader is there, so from here on the WAL has it.
CREATE FUNCTION odoo_events._wal_take_over(rule text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r odoo_events.wal_rule;
  t record;
BEGIN
  SELECT * INTO r FROM odoo_events.wal_rule w WHERE w.rule = _wal_take_over.rule;
  -- the strongest that is needed, at once
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', r.relid::regclass);
  PERFORM odoo_events._wal_identity(r.relid, r.rule);
  IF r.want = 'wal' THEN
    FOR t IN SELECT c.tgname, c.relid::regclass AS rel FROM odoo_events._capture_trigger c WHERE c.rule = r.rule LOOP
      EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.rel);
    END LOOP;
  ELSE
    INSERT INTO odoo_events.wal_compare (done) VALUES (pg_current_snapshot()) ON CONFLICT ON CONSTRAINT wal_compare_pkey DO NOTHING;
  END IF;
  UPDATE odoo_events.wal_rule w SET state = r.want, since = now(), before = CASE WHEN r.want = 'both' THEN pg_current_snapshot() END WHERE w.rule = r.rule;
END $$;
COMMENT ON FUNCTION odoo_events._wal_take_over(text) IS 'internal: triggers go, the WAL is read instead';

-- A table that lost its identity, was made again, or got a partition.
CREATE FUNCTION odoo_events._wal_mend(rule text, relid oid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', relid::regclass);
  PERFORM odoo_events._wal_identity(relid, rule);
  UPDATE odoo_events.wal_rule w SET relid = _wal_mend.relid WHERE w.rule = _wal_mend.rule;
  INSERT INTO odoo_events.capture_gap AS g (xid, rule, relid, at, changes, reason)
  VALUES (pg_current_xact_id(), rule, relid, clock_timestamp(), 0, 'the table was new, or had lost its replica identity: set again')
  ON CONFLICT ON CONSTRAINT capture_gap_pkey DO NOTHING;
END $$;
COMMENT ON FUNCTION odoo_events._wal_mend(text, oid) IS 'internal: a replica identity that is no longer what it must be';

-- What is to be done that needs a table's lock.  "thorough": also what is rare and costs more to find.
CREATE FUNCTION odoo_events._wal_work(ready boolean, thorough boolean) RETURNS TABLE (what text, rule text, relid oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH m AS MATERIALIZED (SELECT * FROM odoo_events._rule_modes()),
w AS (SELECT r.*, COALESCE(m.mode, 'none') AS mode FROM odoo_events.wal_rule r LEFT JOIN m ON m.rule = r.rule)
SELECT CASE WHEN w.mode IN ('none', 'trigger') THEN 'leave' ELSE 'take over' END, w.rule, w.relid FROM w
 WHERE w.mode IN ('none', 'trigger') OR ready AND w.state = 'waiting' AND EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = w.relid)
UNION ALL
SELECT 'restore', i.rule, i.relid FROM odoo_events.wal_identity i WHERE NOT EXISTS (SELECT 1 FROM w WHERE w.rule = i.rule)
UNION ALL
SELECT 'mend', w.rule, x.relid FROM w JOIN odoo_events.capture_rule c ON c.rule = w.rule CROSS JOIN LATERAL odoo_events._captured_table(c.tables, c.builtin) x(relid)
 WHERE thorough AND w.mode IN ('wal', 'both') AND x.relid IS NOT NULL
   AND (x.relid <> w.relid OR w.state <> 'waiting' AND EXISTS (SELECT 1 FROM odoo_events._wal_tables(x.relid) t WHERE t.identity IS DISTINCT FROM 'FULL'))
UNION ALL
-- a restored dump, or a module that came later: _reattach() has made the triggers
SELECT 'join', c.rule, x.relid FROM m JOIN odoo_events.capture_rule c ON c.rule = m.rule CROSS JOIN LATERAL odoo_events._captured_table(c.tables, c.builtin) x(relid)
 WHERE thorough AND m.mode IN ('wal', 'both') AND NOT EXISTS (SELECT 1 FROM w WHERE w.rule = c.rule)
   AND (SELECT count(*) FROM odoo_events._capture_trigger t WHERE t.relid = x.relid AND t.rule = c.rule) = 2
 ORDER BY 1, 2
$$;
COMMENT ON FUNCTION odoo_events._wal_work(boolean, boolean) IS 'internal: what the worker has to do for capture from the WAL that needs the lock of a table';

-- Does one thing of that list; false where the table is in use.
CREATE FUNCTION odoo_events._wal_do(what text, rule text, relid oid, lost boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was text := (SELECT w.state FROM odoo_events.wal_rule w WHERE w.rule = _wal_do.rule);
BEGIN
  IF what = 'leave' THEN
    PERFORM odoo_events._wal_leave(rule, odoo_events._rule_mode(rule) IS NOT NULL);
    IF lost AND was = 'wal' THEN
      PERFORM odoo_events._wal_gap(ARRAY[rule], 'the replication slot is lost, and with it what was to be read of the WAL');
    END IF;
  ELSIF what = 'take over' THEN
    PERFORM odoo_events._wal_take_over(rule);
  ELSIF what = 'mend' THEN
    PERFORM odoo_events._wal_mend(rule, relid);
  ELSIF what = 'join' THEN
    PERFORM odoo_events._wal_join(relid, rule, odoo_events._rule_mode(rule));
  ELSE
    IF EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = relid) THEN
      EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', relid::regclass);
    END IF;
    PERFORM odoo_events._wal_restore(relid);
  END IF;
  RETURN true;
EXCEPTION WHEN lock_not_available OR undefined_table THEN
  RETURN false;
END $$;
COMMENT ON FUNCTION odoo_events._wal_do(text, text, oid, boolean) IS 'internal: one thing that _wal_work() names';

CREATE FUNCTION odoo_events._wal_state(OUT confirmed pg_lsn, OUT retained int8, OUT lag int8, OUT lost boolean, OUT active boolean) RETURNS record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT s.confirmed_flush_lsn, pg_wal_lsn_diff(p.lsn, s.restart_lsn)::int8, pg_wal_lsn_diff(p.lsn, s.confirmed_flush_lsn)::int8,
       s.wal_status IS NOT DISTINCT FROM 'lost', s.active
  FROM pg_replication_slots s, (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn) p
 WHERE s.slot_name = odoo_events._wal_slot() AND s.database = current_database() AND s.plugin = 'odoo_events'
$$;
COMMENT ON FUNCTION odoo_events._wal_state() IS 'internal: the slot: bytes of WAL that it keeps, and that are still to be read; no row values where there is none';

-- Replication origins are the server's: they do not go with their database.
CREATE FUNCTION odoo_events._wal_drop_origins(own boolean) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT pg_replication_origin_drop(o.roname) FROM pg_replication_origin o
 WHERE o.roname ~ '^odoo_events_[0-9]+$'
   AND CASE WHEN o.roname = odoo_events._wal_slot()::text THEN own ELSE NOT EXISTS (SELECT 1 FROM pg_database d WHERE 'odoo_events_' || d.oid = o.roname) END
$$;
COMMENT ON FUNCTION odoo_events._wal_drop_origins(boolean) IS 'internal: drops the replication origins of databases that are gone, and this one''s, if it is not in use';

-- The slot and the origin go once nobody uses them: the origin first, since without the slot nobody would look for it.
CREATE FUNCTION odoo_events._wal_clear() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM odoo_events.wal_change;
  DELETE FROM odoo_events.wal_compare;
  IF EXISTS (SELECT 1 FROM odoo_events._wal_processes() p WHERE p.recorder_pid IS NULL AND p.reader_pid IS NULL) THEN
    PERFORM odoo_events._wal_drop_origins(true);
    PERFORM pg_drop_replication_slot(odoo_events._wal_slot());
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._wal_clear() IS 'internal: nothing is captured from the WAL any more';

-- One step of the worker.  "turn": which of several tables is tried; null: none now.  "run": the reader is to run; "again": milliseconds to
-- the next step, null: when something is attached; "progress": something was done, there may be more; "blocked": a table was in use.
CREATE FUNCTION odoo_events._wal_step(armed boolean, turn int4, thorough boolean, OUT run boolean, OUT again int4, OUT progress boolean, OUT blocked boolean) RETURNS record
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
  slot   record;
  ready  boolean := (SELECT p.reading FROM odoo_events._wal_processes() p);
  todo   record;
  lost   boolean;
  budget int8 := (SELECT s.setting::int8 * 1048576 FROM pg_settings s WHERE s.name = 'odoo_events.max_slot_wal');
BEGIN
  progress := false;
  blocked := false;
  SELECT * INTO slot FROM odoo_events._wal_state();
  IF NOT armed AND slot.active IS NULL THEN     -- a copy
    run := false;
    again := 5000;
    RETURN;
  END IF;
  run := EXISTS (SELECT 1 FROM odoo_events.wal_rule) OR EXISTS (SELECT 1 FROM odoo_events.wal_drain);
  lost := COALESCE(slot.lost, true) AND (slot.active IS NOT NULL OR EXISTS (SELECT 1 FROM odoo_events.wal_rule r WHERE r.state <> 'waiting')
                                         OR EXISTS (SELECT 1 FROM odoo_events.wal_drain));
  IF lost AND run THEN
    PERFORM odoo_events._wal_give_up('the replication slot is lost, and with it what was to be read of the WAL', true);
    PERFORM odoo_events._wal_gap(d.rules, 'the replication slot is lost, and with it what was to be read of the WAL') FROM odoo_events.wal_drain d;
  ELSIF slot.retained > budget AND EXISTS (SELECT 1 FROM odoo_events.wal_rule) THEN
    PERFORM odoo_events._wal_give_up(format('the replication slot kept %s of WAL, more than odoo_events.max_slot_wal', pg_size_pretty(slot.retained)), false);
  END IF;
  IF slot.retained > 2 * budget AND NOT EXISTS (SELECT 1 FROM odoo_events.wal_rule) THEN
    PERFORM odoo_events._wal_gap(d.rules, 'the WAL could not be read in time: the replication slot was dropped') FROM odoo_events.wal_drain d;
  END IF;
  IF turn IS NOT NULL THEN
    SELECT x.* INTO todo FROM (SELECT w.*, row_number() OVER () - 1 AS i, count(*) OVER () AS n FROM odoo_events._wal_work(ready, thorough) w) x WHERE x.i = turn % x.n;
    IF FOUND THEN
      progress := odoo_events._wal_do(todo.what, todo.rule, todo.relid, lost);
      blocked := NOT progress;
    END IF;
  END IF;
  IF run AND NOT lost THEN
    PERFORM odoo_events._wal_comparison(slot.confirmed);
    -- of an earlier transaction: then all that it let through is before this position
    UPDATE odoo_events.wal_drain d SET until = pg_current_wal_insert_lsn() WHERE d.until IS NULL AND d.xmin IS DISTINCT FROM pg_current_xact_id_if_assigned()::xid;
    IF EXISTS (SELECT 1 FROM odoo_events.wal_drain d WHERE d.until <= slot.confirmed) THEN
      PERFORM odoo_events._wal_drained();
    END IF;
  END IF;
  run := EXISTS (SELECT 1 FROM odoo_events.wal_rule) OR EXISTS (SELECT 1 FROM odoo_events.wal_drain);
  IF NOT run AND slot.active IS NOT NULL THEN
    PERFORM odoo_events._wal_clear();
  END IF;
  again := CASE WHEN EXISTS (SELECT 1 FROM odoo_events.wal_rule r WHERE r.state = 'waiting') OR EXISTS (SELECT 1 FROM odoo_events.wal_drain) OR NOT run AND slot.active IS NOT NULL THEN 200
                WHEN run OR EXISTS (SELECT 1 FROM odoo_events.wal_identity) THEN 1000
                WHEN EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.mode IN ('wal', 'both')) THEN 5000 END;
END $$;
COMMENT ON FUNCTION odoo_events._wal_step(boolean, int4, boolean) IS 'internal: one step of the worker for capture from the WAL';

CREATE FUNCTION odoo_events._wal_flush() RETURNS pg_lsn
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_wal_flush';
COMMENT ON FUNCTION odoo_events._wal_flush() IS 'internal: writes all WAL to disk; answers where it ends';

-- Until the journal has all that was committed to the tables of these rules; raises where that takes too long.
CREATE FUNCTION odoo_events._wal_wait(rules text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  until timestamptz := clock_timestamp() + interval '30 seconds';
  upto  pg_lsn;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM odoo_events.wal_rule w WHERE w.rule = ANY (rules) AND w.state = 'wal') AND NOT EXISTS (SELECT 1 FROM odoo_events.wal_drain) THEN
    RETURN;
  END IF;
  upto := odoo_events._wal_flush();
  WHILE (SELECT s.confirmed < upto FROM odoo_events._wal_state() s) LOOP
    IF clock_timestamp() > until THEN
      RAISE EXCEPTION 'the WAL has not been read up to now'
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT * FROM odoo_events.health();';
    END IF;
    PERFORM pg_sleep(0.02);
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._wal_wait(text[]) IS 'internal: waits until the WAL is read';
