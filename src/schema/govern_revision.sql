-- revision: the configuration after each change, by whatever function it was made, and the way back.

CREATE TABLE odoo_events.revision (
    revision    int8 PRIMARY KEY,
    at          timestamptz NOT NULL,
    who         text NOT NULL,                  -- who logged in
    note        text,
    hash        text NOT NULL,
    config      jsonb NOT NULL,                 -- as it stood, without ${name}
    approved_by text                            -- by whom, where a second person was needed
);
COMMENT ON TABLE odoo_events.revision IS 'what the view config_revision shows: insert only';
CREATE TRIGGER save AFTER INSERT OR DELETE ON odoo_events.revision FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('revision');

CREATE VIEW odoo_events.config_revision AS
SELECT r.revision, r.at, r.who, r.note, r.hash, r.config, r.approved_by FROM odoo_events.revision r
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events._my_policy);
COMMENT ON VIEW odoo_events.config_revision IS
'the configuration after each change: by config_apply(), config_rollback() and by hand; config_rollback(revision) goes back; nothing is shown to a role under a policy';

-- Numbers have no gaps: they are given under the lock of the configuration, which is held to the end of this transaction.  The last hundred
-- revisions are in dumps.
CREATE FUNCTION odoo_events._note_revision(note text DEFAULT NULL) RETURNS int8
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  config jsonb;
  hash   text;
  last   odoo_events.revision;
BEGIN
  PERFORM odoo_events._lock_config();
  config := odoo_events._export(NULL);
  hash := odoo_events._hash(config);
  SELECT * INTO last FROM odoo_events.revision r ORDER BY r.revision DESC LIMIT 1;
  IF last.hash = hash THEN
    RETURN last.revision;
  END IF;
  INSERT INTO odoo_events.revision (revision, at, who, note, hash, config, approved_by)
  VALUES (COALESCE(last.revision, 0) + 1, clock_timestamp(), session_user, note, hash, config, odoo_events._approver());
  DELETE FROM odoo_events.saved_config s WHERE s.id = 'revision_' || (last.revision - 99);
  RETURN COALESCE(last.revision, 0) + 1;
END $$;
COMMENT ON FUNCTION odoo_events._note_revision(text) IS 'internal: notes the configuration if it is another than after the last change; answers the number of the revision';

-- At commit, so that all that a transaction changes is one revision, and as the extension's owner, whoever commits.
CREATE FUNCTION odoo_events._note_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- A transaction that changes a thousand subscriptions comes here a thousand times when it ends.  A revision that it has noted after
  -- this change, by a later command, has it already.
  IF TG_TABLE_NAME = 'subscription_config' AND TG_OP <> 'DELETE' THEN
    IF EXISTS (SELECT 1 FROM odoo_events.subscription_config c, (SELECT r.xmin, r.cmin FROM odoo_events.revision r ORDER BY r.revision DESC LIMIT 1) r
                WHERE c.id = NEW.id AND r.xmin = pg_current_xact_id()::xid AND c.cmin::text::int8 < r.cmin::text::int8) THEN
      RETURN NULL;
    END IF;
  END IF;
  PERFORM odoo_events._note_revision();
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._note_change() IS 'internal: notes a revision when the transaction that changed the configuration commits';

-- What the worker writes (disabled, overrun), and pause() and resume(), leave the version alone.
CREATE CONSTRAINT TRIGGER revision AFTER INSERT OR DELETE ON odoo_events.subscription_config
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION odoo_events._note_change();
CREATE CONSTRAINT TRIGGER revision_of_change AFTER UPDATE ON odoo_events.subscription_config
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION odoo_events._note_change();
CREATE CONSTRAINT TRIGGER revision AFTER INSERT OR UPDATE OR DELETE ON odoo_events.definition
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION odoo_events._note_change();
CREATE CONSTRAINT TRIGGER revision AFTER INSERT OR UPDATE OR DELETE ON odoo_events.care_rule
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION odoo_events._note_change();
CREATE CONSTRAINT TRIGGER revision AFTER INSERT OR UPDATE OR DELETE ON odoo_events.policy_rule
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION odoo_events._note_change();
CREATE CONSTRAINT TRIGGER revision AFTER INSERT OR UPDATE OR DELETE ON odoo_events.calendar_def
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION odoo_events._note_change();
CREATE CONSTRAINT TRIGGER revision AFTER INSERT OR UPDATE OR DELETE ON odoo_events.sla_def
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION odoo_events._note_change();
CREATE CONSTRAINT TRIGGER revision AFTER INSERT OR UPDATE OR DELETE ON odoo_events.comparison_rule
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION odoo_events._note_change();

-- Events that a subscription's place has passed since a time, that this configuration wants and the one that held did not.
CREATE FUNCTION odoo_events._passed_over(name text, since timestamptz, back odoo_events.subscription_config) RETURNS int8
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT count(*)
  FROM odoo_events.subscription_config c
       JOIN odoo_events.subscription_progress p ON p.subscription_id = c.id
       JOIN odoo_events.outbox_all o ON o.position <= p.cursor AND o.recordedtime >= _passed_over.since
 WHERE c.name = _passed_over.name
   AND odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NOT NULL
   AND odoo_events._unwanted(back, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL
$$;
COMMENT ON FUNCTION odoo_events._passed_over(text, timestamptz, odoo_events.subscription_config) IS
'internal: how many events a subscription has passed over that another configuration of it wants';

CREATE FUNCTION odoo_events.config_rollback(revision bigint, dry_run boolean DEFAULT true)
RETURNS TABLE (kind text, name text, action text, path text, is_now jsonb, wanted jsonb, passed_over bigint, next text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  r      odoo_events.revision;
  alone  boolean;
  result jsonb;
BEGIN
  PERFORM odoo_events._must_be_free('config_rollback');
  IF dry_run IS NULL THEN
    RAISE EXCEPTION 'argument "dry_run" is null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give true or false.';
  END IF;
  PERFORM odoo_events._lock_config();
  SELECT x.* INTO r FROM odoo_events.revision x WHERE x.revision = config_rollback.revision;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no revision %', COALESCE(config_rollback.revision::text, 'null') USING ERRCODE = 'undefined_object',
      HINT = 'SELECT revision, at, who, note FROM odoo_events.config_revision ORDER BY revision DESC;';
  END IF;
  alone := r.approved_by IS NOT NULL AND r.at > clock_timestamp() - interval '7 days';
  IF NOT dry_run AND NOT alone AND odoo_events._proposes('config_rollback', jsonb_build_object('revision', r.revision, 'dry_run', false)) THEN
    RETURN;
  END IF;
  -- looked at before it is done: afterwards nothing has been passed over
  result := (SELECT jsonb_agg(to_jsonb(d) || jsonb_build_object('passed_over', p.n, 'next',
               CASE WHEN p.n > 0 THEN format('SELECT odoo_events.replay(%L, missed => true);', d.name) END))
               FROM odoo_events._config_items(r.config) i
                    JOIN LATERAL odoo_events._config_changes(i.is_now, i.wanted_item) x ON true
                    CROSS JOIN LATERAL (SELECT i.kind, i.name, x.action, x.path, x.is_now, x.wanted) d
                    CROSS JOIN LATERAL (SELECT CASE WHEN i.kind = 'subscription' AND x.path IN ('types', 'filter', 'companies', 'warehouses', 'shared_rows')
                      THEN odoo_events._passed_over(i.name, COALESCE((SELECT min(l.at) FROM odoo_events.revision l WHERE l.revision > r.revision), now()),
                                                    odoo_events._subscription_row(i.name, i.wanted_item)) END AS n) p);
  IF NOT dry_run AND result IS NOT NULL THEN
    PERFORM odoo_events._make_so(r.config, true);
    PERFORM odoo_events._note_revision('rollback to revision ' || r.revision);
    PERFORM odoo_events._emit('odoo.platform.configuration.rolled_back.v1', 'configuration/' || r.revision,
      jsonb_build_object('configuration', jsonb_build_object('revision', r.revision, 'hash', r.hash, 'who', session_user, 'approved_by', r.approved_by,
        'changes', jsonb_array_length(result))), 'configuration:1');
    PERFORM odoo_events._audit('config_rollback', r.revision::text, NULL, jsonb_build_object('hash', r.hash));
  END IF;
  RETURN QUERY SELECT x.kind, x.name, x.action, x.path, x.is_now, x.wanted, x.passed_over, x.next
                 FROM jsonb_to_recordset(result) AS x(kind text, name text, action text, path text, is_now jsonb, wanted jsonb, passed_over bigint, next text);
END $$;
COMMENT ON FUNCTION odoo_events.config_rollback(bigint, boolean) IS
'goes back to a revision: what came since is removed, what was dropped within 7 days comes back with its place and secret; answers what it changes, how many events were passed over meanwhile, and the statement that sends them';
