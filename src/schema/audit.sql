-- audit: who changed what.  Rows are added and never changed; what humans do is little, so they are kept for ever.

CREATE TABLE odoo_events.audit (
    id     int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL,
    who    text NOT NULL,               -- who logged in, whatever role was set then
    client inet,                        -- from where; null: from this machine
    what   text NOT NULL,
    object text,
    old    jsonb,                       -- of a change: only what differs
    new    jsonb
);
COMMENT ON TABLE odoo_events.audit IS 'what the view audit_log shows: insert only, in no dump';

CREATE FUNCTION odoo_events._audit_guard() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'rows of odoo_events.audit are never changed' USING ERRCODE = 'object_not_in_prerequisite_state',
    HINT = 'BEGIN; ALTER TABLE odoo_events.audit DISABLE TRIGGER guard; DELETE FROM odoo_events.audit'
           ' WHERE at < now() - interval ''10 years''; ALTER TABLE odoo_events.audit ENABLE TRIGGER guard; COMMIT;  -- for good';
END $$;
COMMENT ON FUNCTION odoo_events._audit_guard() IS 'internal: refuses to change what was audited';
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON odoo_events.audit
  FOR EACH STATEMENT EXECUTE FUNCTION odoo_events._audit_guard();

CREATE FUNCTION odoo_events._audit(what text, object text, old jsonb DEFAULT NULL, new jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO odoo_events.audit (at, who, client, what, object, old, new)
  VALUES (clock_timestamp(),
          CASE WHEN (SELECT w.pid FROM odoo_events._worker() w) = pg_backend_pid() THEN 'odoo_events worker' ELSE session_user END,
          inet_client_addr(), what, object, old, new);
END $$;
COMMENT ON FUNCTION odoo_events._audit(text, text, jsonb, jsonb) IS
'internal: adds a line to audit_log; whoever calls it sees to it that there is no secret in it';

-- For a table of configuration without secrets.  Arguments: the column with the name of the object; what it is called to insert, to
-- update and to delete a row; columns that do not count.
CREATE FUNCTION odoo_events._audit_row() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ignored text[] := string_to_array(TG_ARGV[4], ',') || '{state_since,version,created_at}';
  was jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  is_now jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
  what text := CASE WHEN TG_OP = 'INSERT' AND pg_trigger_depth() > 1 THEN 'restore'     -- by saved_config
                    WHEN TG_OP = 'INSERT' THEN TG_ARGV[1] WHEN TG_OP = 'UPDATE' THEN TG_ARGV[2] ELSE TG_ARGV[3] END;
  object text := COALESCE(is_now, was) ->> TG_ARGV[0];
BEGIN
  IF TG_OP = 'UPDATE' THEN
    what := CASE WHEN what <> '' THEN what WHEN is_now -> 'disarmed' = 'true' THEN 'disarm' ELSE 'arm' END;
    IF was -> 'state_since' <> is_now -> 'state_since' THEN
      what := CASE is_now ->> 'state' WHEN 'paused' THEN 'pause' WHEN 'active' THEN 'resume' ELSE 'disable' END;
    END IF;
    SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, is_now -> o.key) INTO was, is_now
      FROM jsonb_each(was) o WHERE o.value IS DISTINCT FROM is_now -> o.key AND o.key <> ALL (ignored);
    IF was IS NULL AND what NOT IN ('resume', 'arm', 'disarm') THEN
      RETURN NULL;
    END IF;
  END IF;
  IF TG_OP <> 'UPDATE' THEN
    was := jsonb_strip_nulls(was - ignored);
    is_now := jsonb_strip_nulls(is_now - ignored);
  END IF;
  PERFORM odoo_events._audit(what, object, was, is_now);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._audit_row() IS
'internal: keeps audit_log in step with a configuration table; arguments: name column, words for insert, update, delete, columns that do not count';
