-- erase: takes a person out of what is kept.

-- One row per erasure.  The worker takes note of it: what it had in memory before is gone then.
CREATE TABLE odoo_events.erasure (
    id              int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL,
    by              text NOT NULL,
    entity          text NOT NULL,
    record_id       int8 NOT NULL,
    reason          text NOT NULL,
    events          int8 NOT NULL,              -- that were changed
    acknowledged_at timestamptz                 -- since then no worker has older bytes in memory
);
COMMENT ON TABLE odoo_events.erasure IS 'who was erased, by whom and why: ids, no names; acknowledged_at: no worker has had older bytes in memory since then';

CREATE FUNCTION odoo_events._erasures_seen() RETURNS int8
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
UPDATE odoo_events.erasure SET acknowledged_at = clock_timestamp() WHERE acknowledged_at IS NULL;
SELECT COALESCE(max(e.id), 0) FROM odoo_events.erasure e
$$;
COMMENT ON FUNCTION odoo_events._erasures_seen() IS 'internal: a worker that has nothing in memory yet takes note of all erasures';

-- Members that name such a record: customer and vendor are partners.
CREATE FUNCTION odoo_events._person_members(entity text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT array_agg(DISTINCT m) FROM (
  SELECT $1 AS m
  UNION SELECT COALESCE(e.label, e.entity) FROM odoo_events.entity e WHERE e.entity = $1
  UNION SELECT f.field FROM odoo_events.field f WHERE f.reference = $1
  UNION SELECT r.field FROM odoo_events.reference_field r WHERE r.target = $1) x
$$;
COMMENT ON FUNCTION odoo_events._person_members(text) IS 'internal: members of events that may name a record of this entity';

CREATE FUNCTION odoo_events._mentions(event text, entity text, record_id int8, members text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e jsonb;
  m text;
BEGIN
  IF strpos(event, record_id::text) = 0 THEN
    RETURN false;
  END IF;
  e := event::jsonb;
  IF e ->> 'partitionkey' = entity || ':' || record_id OR entity = 'user' AND e ->> 'authid' = record_id::text THEN
    RETURN true;
  END IF;
  FOREACH m IN ARRAY members LOOP
    IF jsonb_path_exists(e -> 'data', format('$.**.%s ? (@.id == %s)', to_json(m), record_id)::jsonpath) THEN
      RETURN true;
    END IF;
  END LOOP;
  RETURN false;
EXCEPTION WHEN data_exception THEN            -- text that jsonb cannot hold: better too much than too little
  RETURN true;
END $$;
COMMENT ON FUNCTION odoo_events._mentions(text, text, int8, text[]) IS 'internal: does an event name this record as key, subject, reference, line or actor';

-- Without the members that were personal when it was published, without the actor, and with the time of the erasure.
CREATE FUNCTION odoo_events._erased(event text, classes text, at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT regexp_replace(left(r, p - 1), ',"(authid|erasedtime)":"[^"]*"', '', 'g')
       || ',"erasedtime":"' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '"' || substr(r, p)
  FROM (SELECT x.r, strpos(x.r, ',"data":') AS p FROM (SELECT odoo_events._rendered(event, classes, 'full', '{public,internal,confidential}') AS r) x) y
$$;
COMMENT ON FUNCTION odoo_events._erased(text, text, timestamptz) IS 'internal: an event without its personal members';

-- What one table keeps of these events.  The tables are few and known, so their names are not looked up.
CREATE FUNCTION odoo_events._erase_from(relation regclass, entity text, record_id int8, members text[], at timestamptz, dry_run boolean, OUT ids uuid[], OUT unclassified int8)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  digits constant text := format('%%%s%%', record_id);
BEGIN
  IF dry_run THEN
    EXECUTE format('SELECT array_agg(t.id), count(*) FILTER (WHERE t.bare) FROM (SELECT x.%I AS id, x.classes IS NULL OR x.classes !~ ''(^| )3:'' AS bare FROM %s x
                     WHERE x.event LIKE $1 AND odoo_events._mentions(x.event, $2, $3, $4)) t',
                   CASE WHEN relation = 'odoo_events.dead'::regclass THEN 'event_id' ELSE 'id' END, relation)
       INTO ids, unclassified USING digits, entity, record_id, members;
  ELSE
    EXECUTE format('WITH t AS (UPDATE %s x SET event = odoo_events._erased(x.event, x.classes, $5), subject = odoo_events._erased(x.event, x.classes, $5)::json ->> ''subject''
                     WHERE x.event LIKE $1 AND odoo_events._mentions(x.event, $2, $3, $4) RETURNING x.%I AS id, x.classes IS NULL OR x.classes !~ ''(^| )3:'' AS bare)
                    SELECT array_agg(t.id), count(*) FILTER (WHERE t.bare) FROM t', relation,
                   CASE WHEN relation = 'odoo_events.dead'::regclass THEN 'event_id' ELSE 'id' END)
       INTO ids, unclassified USING digits, entity, record_id, members, at;
  END IF;
  ids := COALESCE(ids, '{}');
END $$;
COMMENT ON FUNCTION odoo_events._erase_from(regclass, text, int8, text[], timestamptz, boolean) IS 'internal: erase(), of one table with events';

-- Changes that are published, and wait for their member of the journal to be emptied: nobody needs them.
CREATE FUNCTION odoo_events._erase_journal(record_id int8, dry_run boolean, OUT published int8, OUT unpublished int8)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  member regclass;
  mine constant text := format('(^|[^0-9])%s([^0-9]|$)', record_id);
  n int8;
BEGIN
  SELECT count(*) INTO unpublished FROM odoo_events.journal x WHERE NOT odoo_events._is_published(x.xid, x.id);
  published := 0;
  FOR member IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^journal_[0-9]+$' LOOP
    IF dry_run THEN
      EXECUTE format('SELECT count(*) FROM %s x WHERE (x.record_id = $1 OR concat(x.old, x.new) ~ $2) AND odoo_events._is_published(x.xid, x.id)', member) INTO n USING record_id, mine;
    ELSE
      EXECUTE format('DELETE FROM %s x WHERE (x.record_id = $1 OR concat(x.old, x.new) ~ $2) AND odoo_events._is_published(x.xid, x.id)', member) USING record_id, mine;
      GET DIAGNOSTICS n = ROW_COUNT;
    END IF;
    published := published + n;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._erase_journal(int8, boolean) IS 'internal: erase(), of what the journal keeps; answers what it had, and how much is not published yet';

-- What was noted about these events.
CREATE FUNCTION odoo_events._erase_notes(ids uuid[], at timestamptz, dry_run boolean) RETURNS TABLE (place text, rows int8)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  said constant text := '(rejected by the receiver: )(?!erased$).*$';      -- words of the receiver
  positions int8[] := ARRAY(SELECT o.position FROM odoo_events.outbox_all o WHERE o.id = ANY (ids) UNION SELECT d.position FROM odoo_events.dead d WHERE d.event_id = ANY (ids));
BEGIN
  RETURN QUERY SELECT 'attempt', count(*) FROM odoo_events.attempt a
    WHERE (a.response IS NOT NULL OR a.error ~ said) AND (a.event_id = ANY (ids) OR EXISTS (SELECT 1 FROM unnest(positions) p WHERE p BETWEEN a.first_position AND a.last_position));
  RETURN QUERY SELECT 'outcome', count(*) FROM odoo_events.outcome_state s WHERE s.event_id = ANY (ids);
  RETURN QUERY SELECT 'held', count(*) FROM odoo_events.held h WHERE h.position = ANY (positions) AND h.last_error IS NOT NULL;
  IF dry_run THEN
    RETURN;
  END IF;
  UPDATE odoo_events.attempt_0 a SET response = NULL, error = regexp_replace(a.error, said, '\1erased')
   WHERE (a.response IS NOT NULL OR a.error ~ said)
    AND (a.event_id = ANY (ids) OR EXISTS (SELECT 1 FROM unnest(positions) p WHERE p BETWEEN a.first_position AND a.last_position));
  UPDATE odoo_events.attempt_1 a SET response = NULL, error = regexp_replace(a.error, said, '\1erased')
   WHERE (a.response IS NOT NULL OR a.error ~ said)
    AND (a.event_id = ANY (ids) OR EXISTS (SELECT 1 FROM unnest(positions) p WHERE p BETWEEN a.first_position AND a.last_position));
  UPDATE odoo_events.outcome_state s SET note = NULL, reference = NULL, subject = COALESCE((SELECT o.subject FROM odoo_events.outbox_all o WHERE o.position = s.position), 'erased')
   WHERE s.event_id = ANY (ids);
  UPDATE odoo_events.held h SET last_error = NULL WHERE h.position = ANY (positions);
  UPDATE odoo_events.dead d SET last_error = NULL WHERE d.event_id = ANY (ids);
END $$;
COMMENT ON FUNCTION odoo_events._erase_notes(uuid[], timestamptz, boolean) IS 'internal: erase(), of what was noted about events';

CREATE FUNCTION odoo_events.erase(entity text, record_id int8, reason text, dry_run boolean DEFAULT true) RETURNS TABLE (place text, rows int8)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  members text[] := odoo_events._person_members(entity);
  moment timestamptz := clock_timestamp();
  ids uuid[] := '{}';
  part record;
  n int8;
  bare int8 := 0;
BEGIN
  PERFORM odoo_events._must_be_free('erase');
  IF entity IS NULL OR NOT EXISTS (SELECT 1 FROM odoo_events.entity e WHERE e.entity = erase.entity UNION ALL SELECT 1 FROM odoo_events.reference r WHERE r.reference = erase.entity) THEN
    RAISE EXCEPTION 'argument "entity" is "%", which events do not name', entity USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT reference FROM odoo_events.reference;  -- partner, user, employee ...';
  ELSIF record_id IS NULL OR record_id <= 0 THEN
    RAISE EXCEPTION 'argument "record_id" is %', record_id USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the id of the row in Odoo.';
  ELSIF reason IS NULL OR btrim(reason) = '' OR length(reason) > 1000 THEN
    RAISE EXCEPTION 'argument "reason" is empty, or has more than 1000 characters' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT * FROM odoo_events.erase(''partner'', 42, ''request of 31 January, ticket 4711'');  -- without a name';
  END IF;
  IF NOT dry_run AND odoo_events._proposes('erase', jsonb_build_object('entity', entity, 'record_id', record_id, 'reason', reason, 'dry_run', false)) THEN
    RETURN;
  END IF;
  IF NOT dry_run THEN
    PERFORM odoo_events._seal_all();
  END IF;
  FOR i IN 0..7 LOOP
    SELECT * INTO part FROM odoo_events._erase_from(format('odoo_events.outbox_%s', i)::regclass, entity, record_id, members, moment, dry_run);
    ids := ids || part.ids;
    bare := bare + part.unclassified;
  END LOOP;
  n := cardinality(ids);
  place := 'outbox'; rows := n; RETURN NEXT;
  SELECT * INTO part FROM odoo_events._erase_from('odoo_events.dead', entity, record_id, members, moment, dry_run);
  ids := ids || part.ids;
  place := 'dead_letter'; rows := cardinality(part.ids); RETURN NEXT;
  RETURN QUERY SELECT * FROM odoo_events._erase_notes(ids, moment, dry_run);
  SELECT * INTO part FROM odoo_events._erase_journal(record_id, dry_run);
  place := 'journal'; rows := part.published; RETURN NEXT;
  place := 'not reached: changes that are not published yet'; rows := part.unpublished; RETURN NEXT;
  place := 'quarantine';
  rows := (SELECT count(*) FROM odoo_events.quarantined q WHERE q.entity = erase.entity AND q.record_id = erase.record_id); RETURN NEXT;
  place := 'not reached: events without personal members, in which only the actor was erased'; rows := bare; RETURN NEXT;
  place := 'not reached: other rows of the quarantine'; rows := (SELECT count(*) FROM odoo_events.quarantined) - (SELECT count(*) FROM odoo_events.quarantined q WHERE q.entity = erase.entity AND q.record_id = erase.record_id); RETURN NEXT;
  place := 'not reached: WAL, backups, standbys'' archives, consumers; old row versions until VACUUM'; rows := NULL; RETURN NEXT;
  IF dry_run THEN
    RETURN;
  END IF;
  PERFORM odoo_events._seal_erase(ids);
  DELETE FROM odoo_events.quarantined q WHERE q.entity = erase.entity AND q.record_id = erase.record_id;
  INSERT INTO odoo_events.erasure (at, by, entity, record_id, reason, events) VALUES (moment, session_user, entity, record_id, reason, n);
  PERFORM odoo_events._audit('erase', entity || ':' || record_id, NULL, jsonb_build_object('reason', reason, 'events', n));
  PERFORM odoo_events._emit('odoo.platform.person.erased.v1', entity || '/' || record_id,
                            jsonb_build_object('person', jsonb_build_object('entity', entity, 'id', record_id), 'events', n), entity || ':' || record_id);
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.erase(text, int8, text, boolean) IS
'takes the personal members out of all events that name this record, and what was noted about them; a dry run by default; answers what is reached and what is not';
