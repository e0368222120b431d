-- process: what the reader behind the publisher keeps (src/process): its cursor, milestones, and an index of documents.

-- Insert-only, ring of two: the row with the greatest n holds.
DO $$
BEGIN
  FOR i IN 0..1 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.process_cursor_%s (
        n             int8 PRIMARY KEY,
        "position"    int8 NOT NULL,                -- of the last event that was read
        at            timestamptz NOT NULL
      )$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.process_cursor_%s IS %L', i,
      'cursor of the reader behind the publisher: insert only, the greatest n holds');
  END LOOP;
END $$;
CREATE VIEW odoo_events.process_cursor AS
SELECT * FROM odoo_events.process_cursor_0 UNION ALL SELECT * FROM odoo_events.process_cursor_1;
COMMENT ON VIEW odoo_events.process_cursor IS 'internal: both members of the cursor of the reader behind the publisher';

CREATE TABLE odoo_events.process_type (
    code   int2 PRIMARY KEY,
    type   text NOT NULL,
    entity text NOT NULL,
    UNIQUE (type, entity)
);
COMMENT ON TABLE odoo_events.process_type IS 'short numbers of the types of events, for milestones';

-- What was dropped before it was read (odoo_events.on_full = drop).
CREATE TABLE odoo_events.process_gap (
    at             timestamptz NOT NULL,
    first_position int8 NOT NULL,
    last_position  int8 PRIMARY KEY
);
COMMENT ON TABLE odoo_events.process_gap IS 'events that were dropped from a full outbox before they became milestones';

-- Which members of the ring of milestones are used; "until" is null in the one that is being filled.
CREATE TABLE odoo_events.process_member (
    member int2 PRIMARY KEY,
    since  timestamptz NOT NULL,
    until  timestamptz
);
COMMENT ON TABLE odoo_events.process_member IS 'members of the ring of milestones that are in use, and when each was filled';

-- root is the hash of the correlation id.  A root has a row in each member that has milestones of it; the last one has its name.
DO $$
BEGIN
  FOR i IN 0..15 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.process_step_%s (
        root          int8 NOT NULL,
        "position"    int8 NOT NULL,
        "time"        timestamptz NOT NULL,
        record_id     int8,
        company_id    int4,
        warehouse_id  int4,
        code          int2 NOT NULL,
        PRIMARY KEY (root, "position")
      )$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.process_step_%s IS %L', i, 'milestones of orders, read through the view process');
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.process_root_%s (
        root          int8 NOT NULL,
        "position"    int8 NOT NULL,                -- of the event that gave it this name
        correlationid text NOT NULL,
        name          text NOT NULL,
        PRIMARY KEY (root, "position")
      )$f$, i);
    EXECUTE pg_catalog.format('CREATE INDEX process_root_%1$s_id ON odoo_events.process_root_%1$s (correlationid)', i);
    EXECUTE pg_catalog.format('CREATE INDEX process_root_%1$s_name ON odoo_events.process_root_%1$s (name)', i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.process_root_%s IS %L', i, 'names of the orders that have milestones');
  END LOOP;
END $$;

CREATE VIEW odoo_events.process_step AS
            SELECT * FROM odoo_events.process_step_0  UNION ALL SELECT * FROM odoo_events.process_step_1
  UNION ALL SELECT * FROM odoo_events.process_step_2  UNION ALL SELECT * FROM odoo_events.process_step_3
  UNION ALL SELECT * FROM odoo_events.process_step_4  UNION ALL SELECT * FROM odoo_events.process_step_5
  UNION ALL SELECT * FROM odoo_events.process_step_6  UNION ALL SELECT * FROM odoo_events.process_step_7
  UNION ALL SELECT * FROM odoo_events.process_step_8  UNION ALL SELECT * FROM odoo_events.process_step_9
  UNION ALL SELECT * FROM odoo_events.process_step_10 UNION ALL SELECT * FROM odoo_events.process_step_11
  UNION ALL SELECT * FROM odoo_events.process_step_12 UNION ALL SELECT * FROM odoo_events.process_step_13
  UNION ALL SELECT * FROM odoo_events.process_step_14 UNION ALL SELECT * FROM odoo_events.process_step_15;
COMMENT ON VIEW odoo_events.process_step IS 'internal: all members of the ring of milestones';

CREATE VIEW odoo_events.process_root AS
            SELECT *, 0 AS member FROM odoo_events.process_root_0   UNION ALL SELECT *, 1 FROM odoo_events.process_root_1
  UNION ALL SELECT *, 2 FROM odoo_events.process_root_2   UNION ALL SELECT *, 3 FROM odoo_events.process_root_3
  UNION ALL SELECT *, 4 FROM odoo_events.process_root_4   UNION ALL SELECT *, 5 FROM odoo_events.process_root_5
  UNION ALL SELECT *, 6 FROM odoo_events.process_root_6   UNION ALL SELECT *, 7 FROM odoo_events.process_root_7
  UNION ALL SELECT *, 8 FROM odoo_events.process_root_8   UNION ALL SELECT *, 9 FROM odoo_events.process_root_9
  UNION ALL SELECT *, 10 FROM odoo_events.process_root_10 UNION ALL SELECT *, 11 FROM odoo_events.process_root_11
  UNION ALL SELECT *, 12 FROM odoo_events.process_root_12 UNION ALL SELECT *, 13 FROM odoo_events.process_root_13
  UNION ALL SELECT *, 14 FROM odoo_events.process_root_14 UNION ALL SELECT *, 15 FROM odoo_events.process_root_15;
COMMENT ON VIEW odoo_events.process_root IS 'internal: all members of the ring of names of orders';

-- The name is what the root was called last; an order that has had no event of its own is known by its id.  The window is
-- partitioned by all that a caller may ask for, so that PostgreSQL looks for that first, in the indexes.  The limit changes no
-- result: a subquery with one is joined row by row and keeps parallel workers away, which cost more than the whole answer.
CREATE VIEW odoo_events.process WITH (security_barrier) AS
SELECT r.correlationid, pg_catalog.split_part(r.correlationid, ':', 1) AS root_entity, r.name AS root_name,
       pg_catalog.regexp_replace(t.type, '^.*\.([^.]+\.[^.]+)\.v[0-9]+$', '\1') AS milestone, t.entity, s.record_id, s.position, s."time",
       s."time" OPERATOR(pg_catalog.-) pg_catalog.lag(s."time") OVER w AS since_previous,
       s."time" OPERATOR(pg_catalog.-) pg_catalog.first_value(s."time") OVER w AS since_root
  FROM odoo_events.process_root r
  CROSS JOIN LATERAL (SELECT * FROM odoo_events.process_step p WHERE p.root OPERATOR(pg_catalog.=) r.root LIMIT 9223372036854775807) s
  JOIN odoo_events.process_type t ON t.code OPERATOR(pg_catalog.=) s.code
 WHERE odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), t.type, s.company_id, s.warehouse_id)
   AND NOT EXISTS (SELECT FROM odoo_events.process_root x
                    WHERE x.root OPERATOR(pg_catalog.=) r.root AND (x.position, x.member) OPERATOR(pg_catalog.>) (r.position, r.member))
WINDOW w AS (PARTITION BY r.correlationid, pg_catalog.split_part(r.correlationid, ':', 1), r.name ORDER BY s.position);
COMMENT ON VIEW odoo_events.process IS
'per order at the root of a chain: its milestones with times, order-to-ship and procure-to-stock as one story; kept for odoo_events.process_retention';

-- Where to find the events of a document whose partition key is not its own: hash of "entity:record_id", of a subject that is new
-- for the document, and of the name in it.  Member i has what member i of the outbox has.
DO $$
BEGIN
  FOR i IN 0..7 LOOP
    EXECUTE pg_catalog.format('CREATE TABLE odoo_events.document_index_%s (hash int8, "position" int8, PRIMARY KEY (hash, "position"))', i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.document_index_%s IS %L', i, 'where in the outbox the events of a document are');
  END LOOP;
END $$;

CREATE VIEW odoo_events.document_index AS
            SELECT * FROM odoo_events.document_index_0 UNION ALL SELECT * FROM odoo_events.document_index_1
  UNION ALL SELECT * FROM odoo_events.document_index_2 UNION ALL SELECT * FROM odoo_events.document_index_3
  UNION ALL SELECT * FROM odoo_events.document_index_4 UNION ALL SELECT * FROM odoo_events.document_index_5
  UNION ALL SELECT * FROM odoo_events.document_index_6 UNION ALL SELECT * FROM odoo_events.document_index_7;
COMMENT ON VIEW odoo_events.document_index IS 'internal: all members of the index of documents';

CREATE FUNCTION odoo_events._text_hash(name text) RETURNS int8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'SELECT hashtextextended(name COLLATE "C", 0)';
COMMENT ON FUNCTION odoo_events._text_hash(text) IS 'internal: the hash by which milestones and documents are found';

-- Positions where an event of this subject, or of a subject that ends in "/" and this name, can be.  The caller looks at the events.
CREATE FUNCTION odoo_events._positions_named(name text) RETURNS SETOF int8
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off SET max_parallel_workers_per_gather = 0 AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT d.position FROM odoo_events.document_index d WHERE d.hash = odoo_events._text_hash(_positions_named.name)
               UNION
               SELECT o.position FROM odoo_events.outbox_all o
                WHERE o.position > COALESCE((SELECT max(c.position) FROM odoo_events.process_cursor c), 0)
                  AND _positions_named.name IN (o.subject, substr(o.subject, strpos(o.subject, '/') + 1))
               UNION
               SELECT o.position FROM odoo_events.outbox_all o WHERE o.partitionkey = _positions_named.name;
END $$;
COMMENT ON FUNCTION odoo_events._positions_named(text) IS 'internal: where in the outbox a document of this subject or name was told of, at least once by each of its subjects';

-- Positions of all events of records, each written entity:record_id.
CREATE FUNCTION odoo_events._positions_of(records text[]) RETURNS SETOF int8
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off SET max_parallel_workers_per_gather = 0 AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT o.position FROM odoo_events.outbox_all o
                WHERE o.partitionkey = ANY (_positions_of.records) AND o.entity || ':' || o.record_id = ANY (_positions_of.records)
               UNION
               SELECT d.position FROM odoo_events.document_index d
                WHERE d.hash = ANY (ARRAY(SELECT odoo_events._text_hash(r) FROM unnest(_positions_of.records) r))
               UNION
               SELECT o.position FROM odoo_events.outbox_all o
                WHERE o.position > COALESCE((SELECT max(c.position) FROM odoo_events.process_cursor c), 0)
                  AND o.entity || ':' || o.record_id = ANY (_positions_of.records);
END $$;
COMMENT ON FUNCTION odoo_events._positions_of(text[]) IS 'internal: where in the outbox the events of these records are; a position may be of another document''s';

-- Positions that trace() looks at: whatever it is asked for by narrows them down, and it looks at the rest itself.
CREATE FUNCTION odoo_events._traced(key text, subject text, event_id uuid, records text[]) RETURNS SETOF int8
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off SET max_parallel_workers_per_gather = 0 AS $$
#variable_conflict use_column
BEGIN
  IF _traced.subject IS NOT NULL THEN
    RETURN QUERY SELECT odoo_events._positions_named(_traced.subject) UNION SELECT odoo_events._positions_of(_traced.records);
  ELSIF _traced.key IS NOT NULL THEN
    RETURN QUERY SELECT o.position FROM odoo_events.outbox_all o WHERE o.partitionkey = _traced.key;
  ELSE
    RETURN QUERY SELECT o.position FROM odoo_events.outbox_all o WHERE o.id = _traced.event_id;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._traced(text, text, uuid, text[]) IS 'internal: where in the outbox the events are that trace() asks for';

-- Reads nothing but the cursor: where the reader fails, the outbox must be emptied all the same.
CREATE FUNCTION odoo_events._reader_overrun(upto int8) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here odoo_events.process_cursor;
BEGIN
  SELECT * INTO here FROM odoo_events.process_cursor c ORDER BY c.n DESC LIMIT 1;
  IF here.position >= upto OR NOT FOUND THEN
    RETURN;
  END IF;
  INSERT INTO odoo_events.process_gap VALUES (clock_timestamp(), here.position + 1, upto);
  PERFORM odoo_events._audit('overrun', 'milestones', NULL, jsonb_build_object('first_position', here.position + 1, 'last_position', upto));
  IF EXISTS (SELECT FROM odoo_events.process_cursor_0 c WHERE c.n = here.n) THEN
    INSERT INTO odoo_events.process_cursor_0 VALUES (here.n + 1, upto, clock_timestamp());
  ELSE
    INSERT INTO odoo_events.process_cursor_1 VALUES (here.n + 1, upto, clock_timestamp());
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._reader_overrun(int8) IS 'internal: notes which positions were dropped before the reader behind the publisher had read them';

CREATE FUNCTION odoo_events._read_behind() RETURNS int8
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_read_behind';
COMMENT ON FUNCTION odoo_events._read_behind() IS 'internal: lets milestones and promises follow the outbox, as the worker does; answers the number of events read';
