-- reconcile: proof that events and tables agree.  A record is as its last event says, or the difference is none that an event would
-- tell of: that is decided by the rules themselves (publish/tools/compare.c), not by a second reading of them.

CREATE FUNCTION odoo_events._odoo_rows(entity text, columns text[], OUT id int8, OUT state text, OUT created timestamptz, OUT written timestamptz, OUT image jsonb) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_odoo_rows';
COMMENT ON FUNCTION odoo_events._odoo_rows(text, text[]) IS 'internal: the rows of an entity''s table, read as the database''s owner';

CREATE FUNCTION odoo_events._odoo_lines(entity text, columns text[], OUT document int8, OUT part text, OUT rule text, OUT id int8, OUT image jsonb) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_odoo_lines';
COMMENT ON FUNCTION odoo_events._odoo_lines(text, text[]) IS 'internal: the lines of an entity''s open documents, read as the database''s owner';

CREATE FUNCTION odoo_events._odoo_lines_of(entity text, columns text[], documents int8[], OUT document int8, OUT part text, OUT rule text, OUT id int8, OUT image jsonb) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_odoo_lines_of';
COMMENT ON FUNCTION odoo_events._odoo_lines_of(text, text[], int8[]) IS 'internal: the lines of some documents of an entity, read as the database''s owner';

-- The state in which an entity's lines are still compared, because an event tells of what is corrected then; null: there is none.
CREATE FUNCTION odoo_events._corrected_state(entity text) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT min(split_part(w, '@', 2)) FROM odoo_events.event_def d, unnest(d.watches) w WHERE d.entity = $1 AND d.enabled AND w LIKE '%@%'
$$;
COMMENT ON FUNCTION odoo_events._corrected_state(text) IS 'internal: the state of which an entity''s corrections are told';

CREATE FUNCTION odoo_events._would_tell(entity text, docs int8[], rules text[], ids int8[], ops text[], olds text[], explain boolean,
                                        OUT record_id int8, OUT step text, OUT verdict text, OUT detail text) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_would_tell';
COMMENT ON FUNCTION odoo_events._would_tell(text, int8[], text[], int8[], text[], text[], boolean) IS
'internal: which events it would be if rows had just become what they are; ops: I, U (olds: columns that differ) or D (olds: the row)';

-- Fields that are a column as it stands: {column: field}.
CREATE FUNCTION odoo_events._plain_fields(owner text) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(jsonb_object_agg(f.sources[1], f.field), '{}') FROM odoo_events.field f WHERE f.owner = $1 AND cardinality(f.sources) = 1 AND f.sources[1] !~ '[.@#(]'
$$;
COMMENT ON FUNCTION odoo_events._plain_fields(text) IS 'internal: the fields of an entity or a part that are a column as it stands';

-- What an event told of columns that have another value by now: {column: what it told}; null: they agree.  absent: a member that the
-- event lacks was null.
CREATE FUNCTION odoo_events._differing(fields jsonb, told jsonb, image jsonb, absent boolean) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_object_agg(x.col, x.was)
  FROM (SELECT f.key AS col, image -> f.key AS is_now,
               COALESCE(CASE WHEN jsonb_typeof(told -> f.value) = 'object' AND told -> f.value ? 'id' AND jsonb_typeof(image -> f.key) <> 'object' THEN told -> f.value -> 'id' ELSE told -> f.value END, 'null') AS was
          FROM jsonb_each_text(fields) f WHERE image ? f.key AND (absent OR told ? f.value)) x
 -- a translated text is one of several, times have their zone in the event, long numbers are strings there; a value per company is compared
 -- whole, what an event of one company lacks of it is no event (publish/odoo/shown_values.c)
 WHERE jsonb_typeof(x.is_now) <> 'array' AND (jsonb_typeof(x.is_now) <> 'object' OR jsonb_typeof(x.was) <> 'string') AND x.was <> x.is_now AND rtrim(x.was #>> '{}', 'Z') IS DISTINCT FROM (x.is_now #>> '{}')
$$;
COMMENT ON FUNCTION odoo_events._differing(jsonb, jsonb, jsonb, boolean) IS 'internal: columns of which an event told another value than the row has by now';

-- Several entities may have one name in events, and their records the same ids: the valuation of a move and that of a landed cost.
CREATE FUNCTION odoo_events._told_of(e odoo_events.entity, event text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT NOT EXISTS (SELECT 1 FROM odoo_events.entity x WHERE COALESCE(x.label, x.entity) = COALESCE(e.label, e.entity) AND x.model <> e.model)
    OR strpos(event, '"odoomodel":"' || e.model || '"') > 0
$$;
COMMENT ON FUNCTION odoo_events._told_of(odoo_events.entity, text) IS 'internal: whether an event under the name of an entity is about this one';

-- What an entity's last events told, one row per record.
CREATE FUNCTION odoo_events._told(e odoo_events.entity) RETURNS TABLE (record_id int8, state text, gone boolean, image jsonb, lines jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT l.record_id, COALESCE(l.image ->> e.state_column, l.event -> 'data' -> 'transition' ->> 'to', l.image ->> 'state', w.state), l.gone, l.image, w.lines
  FROM (SELECT x.record_id, v.event, v.event -> 'data' -> COALESCE(e.label, e.entity) AS image,
               x.type LIKE '%.deleted.v_' OR (v.event -> 'data' ->> 'deleted') IS NOT NULL AS gone
          FROM (SELECT DISTINCT ON (o.record_id) o.record_id, o.type, o.event
                  FROM odoo_events.outbox_all o WHERE o.entity = COALESCE(e.label, e.entity) AND o.record_id IS NOT NULL AND odoo_events._told_of(e, o.event) ORDER BY o.record_id, o.position DESC) x
               CROSS JOIN LATERAL (SELECT odoo_events._legible(x.event) AS event OFFSET 0) v) l
  -- an event that only its lines made does not carry the state
  LEFT JOIN (SELECT x.record_id, (array_agg(x.lines ORDER BY x.position DESC) FILTER (WHERE x.lines IS NOT NULL))[1] AS lines,
                    (array_agg(x.state ORDER BY x.position DESC) FILTER (WHERE x.state IS NOT NULL))[1] AS state
               FROM (SELECT o.record_id, o.position, v.event -> 'data' -> 'lines' AS lines,
                            COALESCE(v.event -> 'data' -> COALESCE(e.label, e.entity) ->> e.state_column, v.event -> 'data' -> 'transition' ->> 'to') AS state
                       FROM odoo_events.outbox_all o CROSS JOIN LATERAL (SELECT odoo_events._legible(o.event) AS event OFFSET 0) v
                      WHERE o.entity = COALESCE(e.label, e.entity) AND o.record_id IS NOT NULL AND odoo_events._told_of(e, o.event)) x
              GROUP BY x.record_id) w ON w.record_id = l.record_id
$$;
COMMENT ON FUNCTION odoo_events._told(odoo_events.entity) IS 'internal: what the last events of each record of an entity said of it';

-- The changes of the lines of a document since its last event, as arguments of _would_tell().
CREATE FUNCTION odoo_events._line_changes(e odoo_events.entity, document int8, told jsonb, there jsonb, OUT rule text, OUT id int8, OUT op text, OUT old text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT x.rule, x.id, CASE WHEN x.was IS NULL THEN 'I' WHEN x.image IS NULL THEN 'D' ELSE 'U' END,
       CASE WHEN x.was IS NULL THEN NULL
            WHEN x.image IS NULL THEN (odoo_events._differing(x.fields, x.was, (SELECT jsonb_object_agg(k, '"?"'::jsonb) FROM jsonb_object_keys(x.fields) k), true)
                                       || jsonb_build_object(x.parent, document)
                                       || COALESCE((SELECT jsonb_build_object(x.state_column, c) FROM odoo_events._corrected_state(e.entity) c WHERE c IS NOT NULL), '{}'))::text
            ELSE odoo_events._differing(x.fields, x.was, x.image, true)::text END
  -- a row may be one of several parts by what it is: it is told of as one of them
  FROM (SELECT COALESCE(t.rule, n.rule) AS rule, COALESCE(t.id, n.id) AS id, t.line AS was, n.image, t.parent, t.state_column, t.fields
          FROM (SELECT p.rule, (l ->> 'id')::int8 AS id, l AS line, p.parent[1] AS parent, p.state_column, odoo_events._plain_fields(p.owner) AS fields FROM jsonb_array_elements(told) l
                  JOIN odoo_events.part p ON p.entity = e.entity AND p.part = l ->> 'part' AND p.within IS NULL AND NOT p.tx_only
                   AND (p.counted OR odoo_events._corrected_state(e.entity) IS NOT NULL)) t
          FULL JOIN (SELECT DISTINCT ON (l ->> 'rule', l ->> 'id') l ->> 'rule' AS rule, (l ->> 'id')::int8 AS id, l -> 'image' AS image FROM jsonb_array_elements(there) l
                      ORDER BY l ->> 'rule', l ->> 'id') n ON n.rule = t.rule AND n.id = t.id) x
 WHERE x.was IS NULL OR x.image IS NULL OR odoo_events._differing(x.fields, x.was, x.image, true) IS NOT NULL
$$;
COMMENT ON FUNCTION odoo_events._line_changes(odoo_events.entity, int8, jsonb, jsonb) IS 'internal: lines of a document that differ from what its last event told';

CREATE TYPE odoo_events._candidate AS (record_id int8, odoo_state text, last_event_state text, note text, op text, old jsonb, told_lines jsonb, lines jsonb, doubt boolean, row_id int8);
COMMENT ON TYPE odoo_events._candidate IS 'internal: a record that may not be as its last event says; op and old: the change as _would_tell() takes it; doubt: it may have changed while capture failed; row_id: of its row, where that is the row of another thing';

-- Records whose row is not what their last event says, at first sight.
CREATE FUNCTION odoo_events._candidates(e odoo_events.entity, since timestamptz, gap_at timestamptz) RETURNS SETOF odoo_events._candidate
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fields  constant jsonb := odoo_events._plain_fields(e.entity);
  columns constant text[] := ARRAY(SELECT jsonb_object_keys(fields)) || e.id_column;
  corrected constant text := odoo_events._corrected_state(e.entity);
  inside  constant text[] := ARRAY(SELECT DISTINCT k FROM odoo_events.part p, jsonb_object_keys(odoo_events._plain_fields(p.owner)) k WHERE p.entity = e.entity);
BEGIN
  RETURN QUERY
  WITH told AS MATERIALIZED (SELECT * FROM odoo_events._told(e)),
  -- the row of a payment's entry, for example, tells which payment it is about; most entries are about none
  there AS MATERIALIZED (SELECT CASE WHEN e.id_column IS NULL THEN r.id ELSE (r.image ->> e.id_column)::int8 END AS id, r.id AS row_id, r.state, r.created, r.written, r.image
                           FROM odoo_events._odoo_rows(e.entity, columns) r WHERE e.id_column IS NULL OR r.image ->> e.id_column IS NOT NULL),
  line AS MATERIALIZED (SELECT l.document, jsonb_agg(jsonb_build_object('rule', l.rule, 'id', l.id, 'image', l.image)) AS lines 
             FROM (SELECT l.* FROM odoo_events._odoo_lines(e.entity, inside) l
                   UNION ALL
                   SELECT l.* FROM odoo_events._odoo_lines_of(e.entity, inside, ARRAY(SELECT t.record_id FROM told t WHERE NOT t.gone AND t.lines IS NOT NULL AND t.state = corrected)) l
                    WHERE corrected IS NOT NULL) l GROUP BY l.document),
  x AS (SELECT COALESCE(r.id, t.record_id) AS id, COALESCE(r.row_id, t.record_id) AS row_id, r.id IS NOT NULL AS here, r.state AS is_now, t.state AS was, t.record_id IS NOT NULL AS told, t.gone, r.created, t.lines AS told_lines, l.lines,
               odoo_events._differing(fields, t.image, r.image, false) AS other, CASE WHEN r.state <> t.state THEN jsonb_build_object(e.state_column, t.state) END AS other_state,
               COALESCE(r.written >= gap_at - interval '1 hour' OR gap_at IS NOT NULL AND r.state = ANY (e.open_states), false) AS doubt
          FROM there r FULL JOIN told t ON t.record_id = r.id LEFT JOIN line l ON l.document = r.id)
  SELECT x.id, x.is_now, x.was,
         CASE WHEN NOT x.here THEN 'the row is gone, and no event told'
              WHEN NOT x.told THEN 'no event tells of it'
              WHEN x.gone THEN 'it is there, the last event says that it is gone'
              WHEN x.other_state IS NOT NULL THEN 'another state than that of the last event'
              WHEN x.other IS NOT NULL THEN 'other values than those of the last event: ' || (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(x.other) k)
              ELSE 'other lines than those of the last event' END,
         CASE WHEN NOT x.here OR x.gone THEN NULL WHEN NOT x.told THEN 'I' ELSE 'U' END,
         CASE WHEN x.other IS NULL THEN x.other_state ELSE x.other || COALESCE(x.other_state, '{}') END,
         x.told_lines, COALESCE(x.lines, '[]'), x.doubt, x.row_id
    FROM x
   WHERE CASE WHEN NOT x.here THEN NOT x.gone AND (x.was IS NULL OR x.was <> ALL (e.draft_states || e.cancelled_states))
                   AND EXISTS (SELECT 1 FROM odoo_events.event_def d WHERE d.entity = e.entity AND d.enabled AND d.emit AND d.occasion = 'deleted')
              WHEN NOT x.told THEN x.created >= since
              ELSE x.gone OR x.other IS NOT NULL OR x.other_state IS NOT NULL OR x.told_lines IS NOT NULL AND (x.lines IS NOT NULL OR x.was = corrected) OR x.doubt END;
END $$;
COMMENT ON FUNCTION odoo_events._candidates(odoo_events.entity, timestamptz, timestamptz) IS 'internal: records whose row and last event do not agree, at first sight';

-- Records of which something has still to be published: that is no difference.
CREATE FUNCTION odoo_events._pending(e odoo_events.entity) RETURNS int8[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT ARRAY(SELECT j.record_id FROM odoo_events.journal j WHERE j.rule = e.rule AND j.record_id IS NOT NULL AND NOT odoo_events._is_published(j.xid, j.id)
             UNION
             SELECT (t.image::jsonb ->> p.parent[1])::int8 FROM odoo_events.part p JOIN odoo_events.journal j ON j.rule = p.rule, unnest(ARRAY[j.old, j.new]) t(image)
              WHERE p.entity = e.entity AND p.within IS NULL AND j.op IN ('I', 'U', 'D') AND NOT odoo_events._is_published(j.xid, j.id) AND t.image::jsonb ->> p.parent[1] IS NOT NULL
             UNION
             SELECT q.record_id FROM odoo_events.quarantined q WHERE q.rule = e.rule AND q.record_id IS NOT NULL)
$$;
COMMENT ON FUNCTION odoo_events._pending(odoo_events.entity) IS 'internal: records of an entity of which the journal or the quarantine has still to tell';

-- Of some candidates those that are differences.  tip: position up to which the events were read that they were compared with.
CREATE FUNCTION odoo_events._judge(e odoo_events.entity, candidates odoo_events._candidate[], tip int8) RETURNS TABLE (record_id int8, odoo_state text, last_event_state text, note text, row_id int8)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  w       record;
  failed  text;
  tells   int8[];
  pending int8[];
BEGIN
  SELECT array_agg(x.doc) AS docs, array_agg(x.rule) AS rules, array_agg(x.id) AS ids, array_agg(x.op) AS ops, array_agg(x.old) AS olds INTO w
    FROM (SELECT c.record_id AS doc, e.rule AS rule, c.row_id AS id, c.op, c.old::text AS old FROM unnest(candidates) c WHERE c.op = 'I' OR c.op = 'U' AND c.old IS NOT NULL
          UNION ALL
          SELECT c.record_id, l.rule, l.id, l.op, l.old FROM unnest(candidates) c, odoo_events._line_changes(e, c.record_id, c.told_lines, c.lines) l WHERE c.op = 'U' AND c.told_lines IS NOT NULL
          ORDER BY 1) x;
  SELECT array_agg(t.record_id) FILTER (WHERE t.verdict = 'event'), max(t.detail) FILTER (WHERE t.verdict = 'error') INTO tells, failed
    FROM odoo_events._would_tell(e.entity, w.docs, w.rules, w.ids, w.ops, w.olds, false) t;
  IF failed IS NOT NULL THEN
    -- the others are compared without the one that fails
    IF cardinality(candidates) > 1 THEN
      RETURN QUERY SELECT j.* FROM odoo_events._judge(e, candidates[:cardinality(candidates) / 2], tip) j;
      RETURN QUERY SELECT j.* FROM odoo_events._judge(e, candidates[cardinality(candidates) / 2 + 1:], tip) j;
    ELSE
      RETURN QUERY SELECT c.record_id, c.odoo_state, c.last_event_state, 'cannot be compared with its events: ' || failed FROM unnest(candidates) c;
    END IF;
    RETURN;
  END IF;
  -- after the rows were read: whatever changed them meanwhile is seen here
  PERFORM odoo_events._wal_wait(e.rules);
  pending := odoo_events._pending(e);
  RETURN QUERY
  SELECT c.record_id, c.odoo_state, c.last_event_state, CASE WHEN c.op IS NULL OR c.record_id = ANY (tells) THEN c.note ELSE 'may have changed while capture failed' END, c.row_id
    FROM unnest(candidates) c
   WHERE (c.op IS NULL OR c.record_id = ANY (tells) OR c.doubt) AND c.row_id <> ALL (pending)
     AND NOT EXISTS (SELECT 1 FROM odoo_events.outbox_all o WHERE o.position > tip AND o.entity = COALESCE(e.label, e.entity) AND o.record_id = c.record_id)
   ORDER BY c.record_id;
END $$;
COMMENT ON FUNCTION odoo_events._judge(odoo_events.entity, odoo_events._candidate[], int8) IS 'internal: of records that do not agree at first sight those that are a difference';

-- The differences of one entity, in pieces of bounded size: what is kept of all of them lies in files.
CREATE FUNCTION odoo_events._differences(e odoo_events.entity, since timestamptz, gap_at timestamptz, repair boolean)
RETURNS TABLE (record_id int8, odoo_state text, last_event_state text, note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET enable_hashagg = off AS $$
#variable_conflict use_column
DECLARE
  tip   constant int8 := COALESCE((SELECT max(o.position) FROM odoo_events.outbox_all o), 0);
  piece record;
  d     record;
  ids   int8[];
BEGIN
  FOR piece IN SELECT array_agg(c.c) AS candidates
                 FROM (SELECT x AS c, (row_number() OVER (ORDER BY x.record_id) - 1) / 500 AS n FROM odoo_events._candidates(e, since, gap_at) x) c GROUP BY c.n ORDER BY c.n
  LOOP
    ids := '{}';
    FOR d IN SELECT * FROM odoo_events._judge(e, piece.candidates, tip) LOOP
      ids := ids || d.row_id;
      RETURN QUERY VALUES (d.record_id, d.odoo_state, d.last_event_state, d.note || CASE WHEN repair THEN ': snapshot sent' ELSE '' END);
    END LOOP;
    IF repair THEN
      PERFORM odoo_events._snapshot(e.rule, e.entity, ids);
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._differences(odoo_events.entity, timestamptz, timestamptz, boolean) IS 'internal: records of an entity whose row and last event do not agree';

CREATE FUNCTION odoo_events._reconcile(only_entity text, since timestamptz, repair boolean)
RETURNS TABLE (entity text, record_id int8, odoo_state text, last_event_state text, note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  e       odoo_events.entity;
  oldest  timestamptz;
  gap_at  timestamptz;
  began   timestamptz := clock_timestamp();
  checked text[] := '{}';
BEGIN
  IF only_entity IS NOT NULL THEN
    PERFORM odoo_events._check_entities(ARRAY[only_entity], 'entity');
    IF NOT EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = only_entity) THEN
      RAISE EXCEPTION 'entity "%" is not attached', only_entity
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('SELECT * FROM odoo_events.attach(%L);', ARRAY[only_entity]);
    END IF;
  END IF;
  SELECT min(o.recordedtime) INTO oldest FROM odoo_events.outbox_all o;
  FOR e IN SELECT x.* FROM odoo_events.entity x JOIN odoo_events.attached a ON a.entity = x.entity
            WHERE (only_entity IS NULL OR x.entity = only_entity) AND x.sum_query IS NULL ORDER BY x.entity
  LOOP
    SELECT min(g.at) INTO gap_at FROM odoo_events.capture_gap g WHERE g.rule = ANY (e.rules) AND (_reconcile.since IS NULL OR g.at >= _reconcile.since);
    BEGIN
      RETURN QUERY SELECT e.entity, d.record_id, d.odoo_state, d.last_event_state, d.note
                   FROM odoo_events._differences(e, COALESCE(_reconcile.since, GREATEST((SELECT a.at FROM odoo_events.attached a WHERE a.entity = e.entity), oldest)), gap_at, _reconcile.repair) d;
    EXCEPTION WHEN OTHERS THEN
      -- of one entity that is all there is to say; of all of them the others are looked at
      IF only_entity IS NOT NULL OR SQLSTATE ~ '^(25|40|53|57|58)' THEN
        RAISE;
      END IF;
      RETURN QUERY VALUES (e.entity, NULL::int8, NULL::text, NULL::text, 'cannot be compared with its events: ' || SQLERRM);
      CONTINUE;
    END;
    -- a table that is nothing but a part is listed with the entities that it is a part of
    RETURN QUERY SELECT e.entity, d.record_id, NULL::text, NULL::text,
                        format('rule %s, transaction %s: triggers have %s, the WAL has %s', d.rule, d.xid, COALESCE(d.trigger, 'nothing'), COALESCE(d.wal, 'nothing'))
                   FROM odoo_events.capture_difference d
                  WHERE d.rule = ANY (e.rules) AND (_reconcile.since IS NULL OR d.at >= _reconcile.since)
                    AND (d.rule = e.rule OR NOT EXISTS (SELECT 1 FROM odoo_events.entity x JOIN odoo_events.attached a ON a.entity = x.entity WHERE x.rule = d.rule)) ORDER BY d.at, d.record_id;
    checked := checked || e.entity;
  END LOOP;
  checked := checked || ARRAY(SELECT x.entity FROM odoo_events.entity x WHERE x.sum_query IS NOT NULL);
  IF _reconcile.repair THEN
    -- a gap is dealt with once every entity that its table is captured for has been looked at
    DELETE FROM odoo_events.capture_gap g
     WHERE g.at < began AND (_reconcile.since IS NULL OR g.at >= _reconcile.since)
       AND NOT EXISTS (SELECT 1 FROM odoo_events.attached a JOIN odoo_events.entity x ON x.entity = a.entity WHERE g.rule = ANY (x.rules) AND a.entity <> ALL (checked));
    DELETE FROM odoo_events.capture_difference d
     WHERE d.at < began AND (_reconcile.since IS NULL OR d.at >= _reconcile.since)
       AND EXISTS (SELECT 1 FROM odoo_events.entity x WHERE d.rule = ANY (x.rules) AND x.entity = ANY (checked));
    PERFORM odoo_events._audit('reconcile', COALESCE(only_entity, 'all'));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._reconcile(text, timestamptz, boolean) IS 'internal: reconcile()';

CREATE FUNCTION odoo_events.reconcile(entity text DEFAULT NULL, since timestamptz DEFAULT NULL, repair boolean DEFAULT false,
  OUT entity text, OUT record_id int8, OUT odoo_state text, OUT last_event_state text, OUT note text) RETURNS SETOF record
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'SELECT r.entity, r.record_id, r.odoo_state, r.last_event_state, r.note FROM odoo_events._must_be_free(''reconcile'') f, odoo_events._reconcile($1, $2, $3) r';
COMMENT ON FUNCTION odoo_events.reconcile(text, timestamptz, boolean) IS
'records whose row and last event do not agree: capture was off, or failed; repair => true sends a snapshot event of each and acknowledges the gaps in capture_error; '
'mode both: also what triggers and the WAL did not have alike, which repair forgets';
