-- seal: an evidence log.  A Merkle tree (RFC 6962) over the bytes of events, and signed checkpoints of it (C2SP tlog-checkpoint).
--
-- Whoever holds a checkpoint can tell later that an event was changed, taken out or put in, because no tree with that root has it.

CREATE FUNCTION odoo_events._merkle_root(hashes bytea) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_merkle_root';
COMMENT ON FUNCTION odoo_events._merkle_root(bytea) IS 'internal: root of the tree over a list of hashes';

CREATE FUNCTION odoo_events._merkle_path(hashes bytea, i int4) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_merkle_path';
COMMENT ON FUNCTION odoo_events._merkle_path(bytea, int4) IS 'internal: the hashes that lead from one hash of a list to its root';

CREATE FUNCTION odoo_events._event_rest(event text, classes text) RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_event_rest';
COMMENT ON FUNCTION odoo_events._event_rest(text, text) IS 'internal: what is left of an event when a person in it is erased, without the time of that';

CREATE FUNCTION odoo_events._seal_leaf("position" int8, id uuid, event text, classes text, salt bytea) RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_seal_leaf';
COMMENT ON FUNCTION odoo_events._seal_leaf(int8, uuid, text, text, bytea) IS
'internal: hash of a leaf, of the rest of the event, and of salt and event: 32 bytes each; the last two are zeros where there is no event';

CREATE FUNCTION odoo_events._seal_sign_text(key bytea, note text) RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_seal_sign';
COMMENT ON FUNCTION odoo_events._seal_sign_text(bytea, text) IS 'internal: signs with Ed25519, after all that was written is on the disk';

CREATE FUNCTION odoo_events._seal_alone() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_seal_alone';
COMMENT ON FUNCTION odoo_events._seal_alone() IS 'internal: refuses to sign inside a transaction block';

CREATE FUNCTION odoo_events._timeline() RETURNS int8
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_timeline';
COMMENT ON FUNCTION odoo_events._timeline() IS 'internal: the timeline that this server writes';

-- ---- the tree ----

CREATE FUNCTION odoo_events._seal_size(log int4) RETURNS int8
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE((SELECT t.n * 256 + length(t.hashes) / 32 FROM odoo_events.seal_tile t WHERE t.log = $1 AND t.level = 0 ORDER BY t.n DESC LIMIT 1), 0)
$$;
COMMENT ON FUNCTION odoo_events._seal_size(int4) IS 'internal: leaves of a log';

-- Nodes of one row of a level, in the tree of "size" leaves.  Its last node may stand for a subtree that is not complete.
CREATE FUNCTION odoo_events._seal_nodes(log int4, level int, tile int8, size int8) RETURNS bytea
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  span  constant int8 := (256 ^ level)::int8;      -- leaves of a node
  whole constant int8 := size / span;              -- complete nodes of the level
  wanted constant int := LEAST(256, GREATEST(whole - tile * 256, 0));
  nodes bytea := '';
BEGIN
  IF wanted > 0 THEN
    nodes := (SELECT substr(t.hashes, 1, wanted * 32) FROM odoo_events.seal_tile t WHERE t.log = _seal_nodes.log AND t.level = _seal_nodes.level AND t.n = tile);
    IF nodes IS NULL OR length(nodes) < wanted * 32 THEN
      RAISE EXCEPTION 'the evidence log no longer has what this proof needs' USING ERRCODE = 'object_not_in_prerequisite_state',
        HINT = 'SHOW odoo_events.seal_retention;  -- how long it is kept';
    END IF;
  END IF;
  IF whole / 256 = tile AND size % span > 0 THEN
    nodes := nodes || odoo_events._merkle_root(odoo_events._seal_nodes(log, level - 1, whole, size));
  END IF;
  RETURN nodes;
END $$;
COMMENT ON FUNCTION odoo_events._seal_nodes(int4, int, int8, int8) IS 'internal: one row of a level of the tree when it had so many leaves';

-- Root of the leaves from..upto-1, which are a subtree of RFC 6962: from is a multiple of a power of two that is at least their number.
CREATE FUNCTION odoo_events._seal_range(log int4, since int8, upto int8) RETURNS bytea
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  level int := 0;
  span  int8 := 1;
BEGIN
  WHILE upto - since > span * 256 LOOP
    level := level + 1;
    span := span * 256;
  END LOOP;
  RETURN odoo_events._merkle_root(substr(odoo_events._seal_nodes(log, level, since / span / 256, upto), 1 + (since / span % 256)::int * 32));
END $$;
COMMENT ON FUNCTION odoo_events._seal_range(int4, int8, int8) IS 'internal: root of a subtree';

-- The part of an inclusion proof that all leaves of a row of level 0 have in common.
CREATE FUNCTION odoo_events._seal_above(log int4, tile int8, size int8) RETURNS bytea
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  path  bytea := '';
  level int := 1;
  node  int8 := tile;
BEGIN
  WHILE size > (256 ^ level)::int8 LOOP
    path := path || odoo_events._merkle_path(odoo_events._seal_nodes(log, level, node / 256, size), (node % 256)::int);
    node := node / 256;
    level := level + 1;
  END LOOP;
  RETURN path;
END $$;
COMMENT ON FUNCTION odoo_events._seal_above(int4, int8, int8) IS 'internal: the hashes that lead from a row of leaves to the root';

-- RFC 6962, 2.1.2: the older tree has "older" of the leaves since..upto-1; known: its root is what the other side has.
CREATE FUNCTION odoo_events._seal_consistency(log int4, older int8, since int8, upto int8, known boolean) RETURNS bytea
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  k int8 := 1;
BEGIN
  IF older = upto - since THEN
    RETURN CASE WHEN known THEN '' ELSE odoo_events._seal_range(log, since, upto) END;
  END IF;
  WHILE k * 2 < upto - since LOOP
    k := k * 2;
  END LOOP;
  IF older <= k THEN
    RETURN odoo_events._seal_consistency(log, older, since, since + k, known) || odoo_events._seal_range(log, since + k, upto);
  END IF;
  RETURN odoo_events._seal_consistency(log, older - k, since + k, upto, false) || odoo_events._seal_range(log, since, since + k);
END $$;
COMMENT ON FUNCTION odoo_events._seal_consistency(int4, int8, int8, int8, boolean) IS 'internal: hashes that show that one tree is the beginning of another';

CREATE FUNCTION odoo_events._base64(bytes bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT replace(encode(bytes, 'base64'), E'\n', '')
$$;
COMMENT ON FUNCTION odoo_events._base64(bytea) IS 'internal: base64 in one line';

CREATE FUNCTION odoo_events._hash_list(hashes bytea) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(jsonb_agg(odoo_events._base64(substr(hashes, i * 32 + 1, 32)) ORDER BY i), '[]') FROM generate_series(0, length(hashes) / 32 - 1) i
$$;
COMMENT ON FUNCTION odoo_events._hash_list(bytea) IS 'internal: hashes in base64';

-- ---- the log ----

CREATE FUNCTION odoo_events._seal_place() RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT concat_ws('/', s.system_identifier, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()), odoo_events._timeline(), odoo_events._restore_token())
  FROM pg_control_system() s
$$;
COMMENT ON FUNCTION odoo_events._seal_place() IS 'internal: server, database, timeline and the latest start from a physical backup: what a log belongs to';

CREATE FUNCTION odoo_events._seal_verifier(l odoo_events.seal_log) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT concat(l.origin, '+', encode(substr(sha256(convert_to(l.origin || E'\n', 'UTF8') || '\x01' || l.public_key), 1, 4), 'hex'), '+', odoo_events._base64('\x01'::bytea || l.public_key))
$$;
COMMENT ON FUNCTION odoo_events._seal_verifier(odoo_events.seal_log) IS 'internal: the key of a log as C2SP signed-note writes it: name, its number, public key';

CREATE FUNCTION odoo_events._seal_key(seed bytea) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s odoo_events.subscription_secret;
BEGIN
  s.subscription_id := 0; s.secret := seed; s.signature := 'seal';
  s.previous := '{}'; s.previous_signature := '{}'; s.previous_until := '{}'; s.header_values := '{}';
  PERFORM odoo_events._store_secret(s);
END $$;
COMMENT ON FUNCTION odoo_events._seal_key(bytea) IS 'internal: keeps the key that checkpoints are signed with where all secrets are';

-- It begins behind the last checkpoint of the log before it, or with the first event that there is.
CREATE FUNCTION odoo_events._seal_open(reason text, at_least int8 DEFAULT 0) RETURNS odoo_events.seal_log
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l    odoo_events.seal_log;
  seed bytea := odoo_events._new_secret();
BEGIN
  PERFORM odoo_events._seal_key(seed);
  INSERT INTO odoo_events.seal_log (origin, public_key, first_position, place, reason, opened_at)
  SELECT 'odoo_events.' || translate(gen_random_uuid()::text, '-', ''), odoo_events._public_key(seed),
         GREATEST(_seal_open.at_least, (SELECT max(x.first_position + c.size) FROM odoo_events.seal_log x JOIN odoo_events.seal_checkpoint c ON c.log = x.id),
                  COALESCE((SELECT min(o.position) FROM odoo_events.outbox_all o), odoo_events._last_position() + 1)),
         odoo_events._seal_place(), _seal_open.reason, clock_timestamp()
  RETURNING * INTO l;
  PERFORM odoo_events._audit('seal', 'evidence', NULL, jsonb_build_object('origin', l.origin, 'reason', reason, 'first_position', l.first_position));
  RETURN l;
END $$;
COMMENT ON FUNCTION odoo_events._seal_open(text, int8) IS 'internal: opens a log with a new name and a new key';

CREATE FUNCTION odoo_events._seal_reopen(l odoo_events.seal_log, reason text, at_least int8 DEFAULT 0) RETURNS odoo_events.seal_log
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE odoo_events.seal_log x SET closed_at = clock_timestamp() WHERE x.id = l.id;
  RAISE LOG 'odoo_events closes its evidence log "%" and begins another: %', l.origin, reason;
  RETURN odoo_events._seal_open(reason, at_least);
END $$;
COMMENT ON FUNCTION odoo_events._seal_reopen(odoo_events.seal_log, text, int8) IS 'internal: closes a log and opens another';

-- The open log, locked; null where there is none, or, unless "wait", where another session has it.  One that belongs to another server, to
-- another timeline of this one, or whose key is gone, is closed: what was published there under the same positions may have been
-- something else, and a signature over it would contradict what outsiders hold.
CREATE FUNCTION odoo_events._seal_current(wait boolean) RETURNS odoo_events.seal_log
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l odoo_events.seal_log;
BEGIN
  IF wait THEN
    SELECT * INTO l FROM odoo_events.seal_log x WHERE x.closed_at IS NULL FOR UPDATE;
  ELSE
    SELECT * INTO l FROM odoo_events.seal_log x WHERE x.closed_at IS NULL FOR UPDATE SKIP LOCKED;
  END IF;
  IF l.id IS NULL THEN
    RETURN NULL;
  ELSIF l.place <> odoo_events._seal_place() THEN
    RETURN odoo_events._seal_reopen(l, CASE WHEN split_part(l.place, '/', 1) <> split_part(odoo_events._seal_place(), '/', 1) OR split_part(l.place, '/', 2) <> split_part(odoo_events._seal_place(), '/', 2)
                                            THEN 'the database is a copy' ELSE 'the server was restored from a backup, or is a promoted standby' END);
  ELSIF NOT EXISTS (SELECT 1 FROM odoo_events.subscription_secret s WHERE s.subscription_id = 0) THEN
    RETURN odoo_events._seal_reopen(l, 'the key was lost');
  END IF;
  RETURN l;
END $$;
COMMENT ON FUNCTION odoo_events._seal_current(boolean) IS 'internal: the log that leaves are added to, locked';

CREATE FUNCTION odoo_events._seal_add_tiles(log int4, was int8, is_now int8) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lower int := 0;
BEGIN
  WHILE was / 256 < is_now / 256 LOOP
    INSERT INTO odoo_events.seal_tile AS s (log, level, n, hashes)
    SELECT t.log, lower + 1, t.n / 256, string_agg(odoo_events._merkle_root(t.hashes), '' ORDER BY t.n)
      FROM odoo_events.seal_tile t WHERE t.log = _seal_add_tiles.log AND t.level = lower AND t.n >= was / 256 AND t.n < is_now / 256 GROUP BY t.log, t.n / 256
    ON CONFLICT ON CONSTRAINT seal_tile_pkey DO UPDATE SET hashes = s.hashes || EXCLUDED.hashes;
    was := was / 256;
    is_now := is_now / 256;
    lower := lower + 1;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._seal_add_tiles(int4, int8, int8) IS 'internal: the levels above leaves that were added';

-- Leaves for the next events, so many at most; answers how many leaves there are then.  A position that has no event gets a leaf that says so.
CREATE FUNCTION odoo_events._seal_follow(l odoo_events.seal_log, block int) RETURNS int8
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
  size constant int8 := odoo_events._seal_size(l.id);
  since constant int8 := l.first_position + size;
  upto constant int8 := LEAST(odoo_events._last_position(), since + block - 1);
BEGIN
  IF upto < since THEN
    RETURN size;
  END IF;
  WITH o AS MATERIALIZED (
    SELECT g.p - l.first_position AS i, g.p, uuid_send(gen_random_uuid()) AS salt, x.id, x.event, x.classes
      FROM generate_series(since, upto) g(p)
           LEFT JOIN (SELECT y.position, y.id, y.event, y.classes FROM odoo_events.outbox_all y WHERE y.position BETWEEN since AND upto) x ON x.position = g.p),
  e AS MATERIALIZED (SELECT o.i, o.salt, odoo_events._seal_leaf(o.p, o.id, o.event, o.classes, o.salt) AS hashes FROM o),
  t AS MATERIALIZED (
    SELECT e.i / 256 AS n, string_agg(substr(e.hashes, 1, 32), ''::bytea ORDER BY e.i) AS leaves,
           string_agg(substr(e.hashes, 33), ''::bytea ORDER BY e.i) AS parts, string_agg(e.salt, ''::bytea ORDER BY e.i) AS salts FROM e GROUP BY 1),
  s AS (
    INSERT INTO odoo_events.seal_leaf AS s (log, n, parts, salts) SELECT l.id, t.n, t.parts, t.salts FROM t
    ON CONFLICT ON CONSTRAINT seal_leaf_pkey DO UPDATE SET parts = s.parts || EXCLUDED.parts, salts = s.salts || EXCLUDED.salts)
  INSERT INTO odoo_events.seal_tile AS s (log, level, n, hashes) SELECT l.id, 0, t.n, t.leaves FROM t
  ON CONFLICT ON CONSTRAINT seal_tile_pkey DO UPDATE SET hashes = s.hashes || EXCLUDED.hashes;
  PERFORM odoo_events._seal_add_tiles(l.id, size, size + upto - since + 1);
  RETURN size + upto - since + 1;
END $$;
COMMENT ON FUNCTION odoo_events._seal_follow(odoo_events.seal_log, int) IS 'internal: adds leaves of events that have none; answers how many there are';

-- Before events are changed by erase(): afterwards nobody could tell what they were.
CREATE FUNCTION odoo_events._seal_all() RETURNS odoo_events.seal_log
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l odoo_events.seal_log := odoo_events._seal_current(true);
BEGIN
  WHILE l.id IS NOT NULL AND l.first_position + odoo_events._seal_follow(l, 10000) <= odoo_events._last_position() LOOP
  END LOOP;
  RETURN l;
END $$;
COMMENT ON FUNCTION odoo_events._seal_all() IS 'internal: the open log, locked, with a leaf for each event that is published';

-- The member of the outbox that has this position.
CREATE FUNCTION odoo_events._outbox_member("position" int8) RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT min(x.member) FROM (
            SELECT 0 AS member FROM odoo_events.outbox_0 o WHERE o.position = $1 UNION ALL SELECT 1 FROM odoo_events.outbox_1 o WHERE o.position = $1
  UNION ALL SELECT 2 FROM odoo_events.outbox_2 o WHERE o.position = $1 UNION ALL SELECT 3 FROM odoo_events.outbox_3 o WHERE o.position = $1
  UNION ALL SELECT 4 FROM odoo_events.outbox_4 o WHERE o.position = $1 UNION ALL SELECT 5 FROM odoo_events.outbox_5 o WHERE o.position = $1
  UNION ALL SELECT 6 FROM odoo_events.outbox_6 o WHERE o.position = $1 UNION ALL SELECT 7 FROM odoo_events.outbox_7 o WHERE o.position = $1) x
$$;
COMMENT ON FUNCTION odoo_events._outbox_member(int8) IS 'internal: which member of the outbox has this position; null: none';

-- Signs what the log has, unless that is signed already.  Leaves and checkpoint are committed together, or the leaves before.
CREATE FUNCTION odoo_events._seal_sign(l odoo_events.seal_log, reason text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  leaves constant int8 := odoo_events._seal_size(l.id);
  body   text;
  note   text;
  sign   bytea;
BEGIN
  SELECT c.checkpoint INTO note FROM odoo_events.seal_checkpoint c WHERE c.log = l.id AND c.size = leaves;
  IF FOUND THEN
    RETURN note;
  END IF;
  body := concat(l.origin, E'\n', leaves, E'\n', odoo_events._base64(odoo_events._seal_range(l.id, 0, leaves)), E'\n');
  SELECT odoo_events._seal_sign_text(s.secret, body) INTO STRICT sign FROM odoo_events.subscription_secret s WHERE s.subscription_id = 0;
  note := concat(body, E'\n', chr(8212), ' ', l.origin, ' ',
                 odoo_events._base64(decode(split_part(odoo_events._seal_verifier(l), '+', 2), 'hex') || sign), E'\n');
  INSERT INTO odoo_events.seal_checkpoint (log, size, at, member, reason, checkpoint)
  VALUES (l.id, leaves, clock_timestamp(), odoo_events._outbox_member(l.first_position + leaves - 1), _seal_sign.reason, note);
  PERFORM odoo_events._emit('odoo.platform.seal.checkpoint.v1', 'seal/' || l.origin,
            jsonb_build_object('seal', jsonb_build_object('origin', l.origin, 'opened', l.reason, 'reason', reason, 'size', leaves, 'first_position', l.first_position,
                                                          'position', l.first_position + leaves - 1, 'checkpoint', note, 'verifier', odoo_events._seal_verifier(l))), 'seal:' || l.origin);
  RETURN note;
END $$;
COMMENT ON FUNCTION odoo_events._seal_sign(odoo_events.seal_log, text) IS 'internal: a signed checkpoint of the log as it is, which is sent as an event, too';

-- Hashes that are older than may be kept, and salts of events that the outbox does not have any more.  Of the upper levels all are kept.
CREATE FUNCTION odoo_events._seal_forget_old(l odoo_events.seal_log) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before constant timestamptz := clock_timestamp() - current_setting('odoo_events.seal_retention')::interval;
  first  constant int8 := COALESCE((SELECT min(o.position) FROM odoo_events.outbox_all o), odoo_events._last_position() + 1);
  gone   int4[];
BEGIN
  DELETE FROM odoo_events.seal_leaf s USING odoo_events.seal_log x WHERE x.id = s.log AND x.first_position + (s.n + 1) * 256 <= first;
  DELETE FROM odoo_events.seal_tile t WHERE t.log = l.id AND t.level = 0
     AND (t.n + 1) * 256 <= (SELECT max(c.size) FROM odoo_events.seal_checkpoint c WHERE c.log = l.id AND c.at < before);
  gone := ARRAY(SELECT x.id FROM odoo_events.seal_log x WHERE x.closed_at < before);
  DELETE FROM odoo_events.seal_checkpoint c WHERE c.log = ANY (gone);
  DELETE FROM odoo_events.seal_tile t WHERE t.log = ANY (gone);
  DELETE FROM odoo_events.seal_leaf s WHERE s.log = ANY (gone);
  DELETE FROM odoo_events.seal_log x WHERE x.id = ANY (gone);
END $$;
COMMENT ON FUNCTION odoo_events._seal_forget_old(odoo_events.seal_log) IS 'internal: forgets hashes after odoo_events.seal_retention, and salts when the outbox is rotated';

-- What the worker calls.  It never waits for a session that has the log; next: when a checkpoint is due.
CREATE FUNCTION odoo_events._seal_step(block int, OUT "position" int8, OUT next timestamptz)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l      odoo_events.seal_log := odoo_events._seal_current(false);
  c      odoo_events.seal_checkpoint;
  leaves int8;
  moved  boolean;
BEGIN
  IF l.id IS NULL THEN
    position := odoo_events._last_position();
    next := clock_timestamp() + interval '2 seconds';
    RETURN;
  END IF;
  leaves := odoo_events._seal_follow(l, block);
  position := l.first_position + leaves - 1;
  SELECT * INTO c FROM odoo_events.seal_checkpoint x WHERE x.log = l.id ORDER BY x.size DESC LIMIT 1;
  next := COALESCE(c.at, l.opened_at) + CASE WHEN c.log IS NULL THEN interval '0' ELSE interval '1 hour' END;
  moved := odoo_events._outbox_member(position) <> c.member;
  IF leaves > COALESCE(c.size, -1) AND (moved OR next <= clock_timestamp()) THEN
    PERFORM odoo_events._seal_sign(l, CASE WHEN moved THEN 'rotation' ELSE 'hourly' END);
    PERFORM odoo_events._seal_forget_old(l);
    next := clock_timestamp() + interval '1 hour';
  END IF;
  next := GREATEST(next, clock_timestamp() + interval '1 second');
END $$;
COMMENT ON FUNCTION odoo_events._seal_step(int) IS 'internal: leaves for the next events, and a checkpoint when one is due; answers how far it is, and when to call again though nothing is published';

-- A full outbox drops events.  Those without a leaf can be in no log any more, so another one begins behind them.
CREATE FUNCTION odoo_events._seal_overrun(upto int8) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l odoo_events.seal_log := odoo_events._seal_current(false);
BEGIN
  IF l.first_position + odoo_events._seal_size(l.id) > upto THEN
    PERFORM odoo_events._seal_sign(l, 'rotation');
  ELSIF l.id IS NOT NULL THEN
    PERFORM odoo_events._seal_sign(l, 'overrun');
    PERFORM odoo_events._seal_reopen(l, 'events were dropped from a full outbox before they were sealed', upto + 1);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._seal_overrun(int8) IS 'internal: signs what there is before a full outbox drops events, and begins another log behind those that have no leaf';

CREATE FUNCTION odoo_events.seal() RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l odoo_events.seal_log;
BEGIN
  PERFORM odoo_events._must_be_free('seal');
  PERFORM odoo_events._seal_alone();
  IF NOT EXISTS (SELECT 1 FROM odoo_events.seal_log x WHERE x.closed_at IS NULL) THEN
    LOCK TABLE odoo_events.seal_log IN SHARE ROW EXCLUSIVE MODE;    -- somebody else may be opening it
    IF NOT EXISTS (SELECT 1 FROM odoo_events.seal_log x WHERE x.closed_at IS NULL) THEN
      PERFORM odoo_events._seal_open('opened by ' || session_user);
    END IF;
  END IF;
  l := odoo_events._seal_all();
  PERFORM odoo_events._audit('seal', 'evidence', NULL, jsonb_build_object('origin', l.origin, 'size', odoo_events._seal_size(l.id)));
  RETURN odoo_events._seal_sign(l, 'seal()');
END $$;
COMMENT ON FUNCTION odoo_events.seal() IS
'signs a checkpoint of the evidence log and answers it (C2SP tlog-checkpoint); the first call opens the log: from then on the worker signs one an hour';

-- The verifier as _seal_verifier() has it: a view calls functions as its reader, who may not call that one.
CREATE VIEW odoo_events.checkpoint AS
SELECT l.origin, c.size, l.first_position, l.first_position + c.size - 1 AS last_position, c.at, c.reason, c.checkpoint,
       concat(l.origin, '+', encode(substr(sha256(convert_to(l.origin || E'\n', 'UTF8') || '\x01' || l.public_key), 1, 4), 'hex'), '+',
              replace(encode('\x01'::bytea || l.public_key, 'base64'), E'\n', '')) AS verifier, l.reason AS opened, l.closed_at
  FROM odoo_events.seal_checkpoint c JOIN odoo_events.seal_log l ON l.id = c.log;
COMMENT ON VIEW odoo_events.checkpoint IS
'signed checkpoints of the evidence log, with the key that verifies them; keep some of them where nobody who works on this server can change them';

-- ---- proofs ----

-- "last" is the last checkpoint of the log.
CREATE FUNCTION odoo_events._seal_proof(l odoo_events.seal_log, last odoo_events.seal_checkpoint, "position" int8, id uuid, event text, classes text, above bytea) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  i     constant int8 := position - l.first_position;
  at    constant int := (i % 256)::int;
  path  constant bytea := odoo_events._merkle_path(odoo_events._seal_nodes(l.id, 0, i / 256, last.size), at) || above;
  rest  bytea;
  whole bytea;
  salt  bytea;
BEGIN
  SELECT substr(s.parts, at * 64 + 1, 32), substr(s.parts, at * 64 + 33, 32), NULLIF(substr(s.salts, at * 16 + 1, 16), '\x00000000000000000000000000000000')
    INTO rest, whole, salt FROM odoo_events.seal_leaf s WHERE s.log = l.id AND s.n = i / 256;
  RETURN jsonb_build_object('origin', l.origin, 'index', i, 'size', last.size,
    'leaf', jsonb_build_object('position', position, 'id', id, 'rest', odoo_events._base64(rest), 'whole', odoo_events._base64(whole), 'salt', odoo_events._base64(salt)),
    'event', CASE WHEN sha256(salt || convert_to(event, getdatabaseencoding())) = whole THEN 'whole'
                  WHEN sha256(convert_to(odoo_events._event_rest(event, classes), getdatabaseencoding())) = rest AND salt IS NULL THEN 'erased' ELSE 'changed' END,
    'path', odoo_events._hash_list(path), 'checkpoint', last.checkpoint, 'verifier', odoo_events._seal_verifier(l));
END $$;
COMMENT ON FUNCTION odoo_events._seal_proof(odoo_events.seal_log, odoo_events.seal_checkpoint, int8, uuid, text, text, bytea) IS 'internal: what proves that a log has an event';

-- The log that a position is proved by, and its last checkpoint.
CREATE FUNCTION odoo_events._seal_of("position" int8, OUT l odoo_events.seal_log, OUT last odoo_events.seal_checkpoint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  FOR l IN SELECT * FROM odoo_events.seal_log x WHERE x.first_position <= $1 ORDER BY x.id DESC LOOP
    SELECT * INTO last FROM odoo_events.seal_checkpoint c WHERE c.log = l.id ORDER BY c.size DESC LIMIT 1;
    IF l.first_position + last.size > $1 THEN
      RETURN;
    END IF;
  END LOOP;
  l := NULL;
END $$;
COMMENT ON FUNCTION odoo_events._seal_of(int8) IS 'internal: which log has this position under a checkpoint';

CREATE FUNCTION odoo_events.inclusion_proof(event_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o record;
  s record;
BEGIN
  SELECT x.position, x.id, x.event, x.classes INTO o FROM odoo_events.outbox_all x
   WHERE x.id = inclusion_proof.event_id AND odoo_events._allows(odoo_events._policies('{read}'), x.type, x.company_id, x.warehouse_id);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'event "%" is not in the outbox', COALESCE(event_id::text, 'null') USING ERRCODE = 'undefined_object',
      HINT = 'SELECT position, id, type FROM odoo_events.outbox ORDER BY position DESC LIMIT 10;  -- of older ones archive() has kept the proofs';
  END IF;
  SELECT * INTO s FROM odoo_events._seal_of(o.position);
  IF (s.l).id IS NULL THEN
    RAISE EXCEPTION 'event "%" is under no checkpoint', event_id USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT odoo_events.seal();';
  END IF;
  RETURN odoo_events._seal_proof(s.l, s.last, o.position, o.id, o.event, o.classes, odoo_events._seal_above((s.l).id, (o.position - (s.l).first_position) / 256, (s.last).size));
END $$;
COMMENT ON FUNCTION odoo_events.inclusion_proof(uuid) IS
'proves that the evidence log has an event: its leaf, the path to the root (base64), and the signed checkpoint with that root; member event is whole, erased or changed';

CREATE FUNCTION odoo_events.consistency_proof(older bigint, newer bigint DEFAULT NULL, origin text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l odoo_events.seal_log;
  last int8;
BEGIN
  SELECT * INTO l FROM odoo_events.seal_log x WHERE x.origin = consistency_proof.origin OR consistency_proof.origin IS NULL ORDER BY x.id DESC LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no evidence log%', COALESCE(format(' "%s"', consistency_proof.origin), '') USING ERRCODE = 'undefined_object',
      HINT = CASE WHEN consistency_proof.origin IS NULL THEN 'SELECT odoo_events.seal();  -- opens it' ELSE 'SELECT DISTINCT origin FROM odoo_events.checkpoint;' END;
  END IF;
  last := (SELECT max(c.size) FROM odoo_events.seal_checkpoint c WHERE c.log = l.id);
  newer := COALESCE(newer, last);
  IF older IS NULL OR older < 0 OR older > newer OR newer > last THEN
    RAISE EXCEPTION 'argument "%" is %', CASE WHEN older BETWEEN 0 AND last THEN 'newer' ELSE 'older' END, COALESCE(CASE WHEN older BETWEEN 0 AND last THEN newer ELSE older END::text, 'null')
      USING ERRCODE = 'invalid_parameter_value', DETAIL = format('The log has a checkpoint of %s leaves.', COALESCE(last, 0)),
            HINT = format('SELECT size, at FROM odoo_events.checkpoint WHERE origin = %L ORDER BY size;', l.origin);
  END IF;
  RETURN jsonb_build_object('origin', l.origin, 'older', older, 'newer', newer, 'path', odoo_events._hash_list(CASE WHEN older = 0 THEN '' ELSE odoo_events._seal_consistency(l.id, older, 0, newer, true) END));
END $$;
COMMENT ON FUNCTION odoo_events.consistency_proof(bigint, bigint, text) IS
'proves that the log of one checkpoint is the beginning of that of a newer one (RFC 6962); arguments are their sizes, newer is the last one by default';

CREATE FUNCTION odoo_events.archive(since timestamptz, until timestamptz DEFAULT NULL) RETURNS TABLE ("position" bigint, event text, proof jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  p constant jsonb := odoo_events._policies('{read}');
  s record;
  o record;
  tile int8;
  above bytea;
BEGIN
  SELECT * INTO s FROM odoo_events._seal_of(NULL);      -- none yet
  IF since IS NULL OR since > until THEN
    RAISE EXCEPTION 'argument "since" is %', CASE WHEN since IS NULL THEN 'null' ELSE 'after argument "until"' END USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT * FROM odoo_events.archive(now() - interval ''1 day'');';
  END IF;
  FOR o IN SELECT x.position, x.id, x.event, x.classes FROM odoo_events.outbox_all x
            WHERE x.recordedtime >= archive.since AND (archive.until IS NULL OR x.recordedtime < archive.until)
              AND odoo_events._allows(p, x.type, x.company_id, x.warehouse_id) ORDER BY x.position LOOP
    -- a row of leaves at a time
    IF (s.l).id IS NULL OR tile IS DISTINCT FROM (o.position - (s.l).first_position) / 256 OR o.position >= (s.l).first_position + (s.last).size THEN
      SELECT * INTO s FROM odoo_events._seal_of(o.position);
      tile := (o.position - (s.l).first_position) / 256;
      above := odoo_events._seal_above((s.l).id, tile, (s.last).size);
    END IF;
    position := o.position;
    event := o.event;
    proof := CASE WHEN (s.l).id IS NOT NULL THEN odoo_events._seal_proof(s.l, s.last, o.position, o.id, o.event, o.classes, above) END;
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events.archive(timestamptz, timestamptz) IS
'events that were published from since to before until, as bytes, each with what inclusion_proof() answers, to be kept outside before the outbox is emptied; proof is null of what is under no checkpoint yet: call seal() first';

-- ---- erasure ----

-- After this nobody can try names against the hash of the whole text.
CREATE FUNCTION odoo_events._seal_erase(ids uuid[]) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH gone AS MATERIALIZED (
  SELECT l.id AS log, (o.position - l.first_position) / 256 AS n, array_agg(((o.position - l.first_position) % 256)::int) AS at
    FROM odoo_events.outbox_all o JOIN odoo_events.seal_log l ON l.first_position <= o.position WHERE o.id = ANY (ids) GROUP BY 1, 2)
UPDATE odoo_events.seal_leaf s
   SET salts = (SELECT string_agg(CASE WHEN i = ANY (g.at) THEN '\x00000000000000000000000000000000' ELSE substr(s.salts, i * 16 + 1, 16) END, ''::bytea ORDER BY i)
                  FROM generate_series(0, length(s.salts) / 16 - 1) i)
  FROM gone g WHERE g.log = s.log AND g.n = s.n
$$;
COMMENT ON FUNCTION odoo_events._seal_erase(uuid[]) IS 'internal: forgets the salts of events that were erased';

CREATE FUNCTION odoo_events._health_seal() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l odoo_events.seal_log;
  at timestamptz;
BEGIN
  SELECT * INTO l FROM odoo_events.seal_log x WHERE x.closed_at IS NULL;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  at := (SELECT max(c.at) FROM odoo_events.seal_checkpoint c WHERE c.log = l.id);
  IF COALESCE(at, l.opened_at) < now() - interval '2 hours' AND odoo_events._last_position() >= l.first_position + odoo_events._seal_size(l.id) THEN
    RETURN QUERY VALUES ('evidence', 'warn', format('the last checkpoint was signed %s', COALESCE('at ' || at, 'never')), 'SELECT odoo_events.seal();');
  ELSIF NOT EXISTS (SELECT 1 FROM odoo_events.subscription_config c WHERE NOT c.dry_run
                      AND EXISTS (SELECT 1 FROM unnest(c.types_like) t WHERE t LIKE 'odoo.platform.%' AND 'odoo.platform.seal.checkpoint.v1' LIKE t)) THEN
    RETURN QUERY VALUES ('evidence', 'warn', 'no subscription gets odoo.platform.seal.checkpoint.v1: a checkpoint proves something only once somebody outside holds it',
      'SELECT origin, size, checkpoint, verifier FROM odoo_events.checkpoint ORDER BY at DESC LIMIT 1;  -- keep it elsewhere, or subscribe an outsider');
  ELSE
    RETURN QUERY VALUES ('evidence', 'ok', format('%s leaves, last checkpoint at %s', odoo_events._seal_size(l.id), at), NULL);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._health_seal() IS 'internal: is the evidence log signed, and does anybody get checkpoints; no row where there is none';
