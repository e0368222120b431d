-- account: what is needed to say afterwards why an event reached a subscription or did not, and how old the oldest unpublished commit is.

-- What a subscription chose, version by version.  Whether an event was wanted is decided once, when the worker reads it; a later
-- alteration does not change that, so trace() and replay(missed => true) have to know what held then.
CREATE TABLE odoo_events.subscription_version (
    subscription_id int4 NOT NULL,
    version         int8 NOT NULL,              -- that of subscription_config
    at              timestamptz NOT NULL,
    who             text NOT NULL,
    "position"      int8,                       -- events after it are judged by this version; null: the worker has not loaded it yet
    types           text[] NOT NULL,
    types_like      text[] NOT NULL,
    filter          jsonpath,
    companies       int4[],
    warehouses      int4[],
    shared_rows     boolean NOT NULL,
    PRIMARY KEY (subscription_id, version)
);
COMMENT ON TABLE odoo_events.subscription_version IS 'which events each subscription chose, since when and by whom';

CREATE FUNCTION odoo_events._note_version(c odoo_events.subscription_config, at timestamptz, who text, "position" int8) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO odoo_events.subscription_version
VALUES (c.id, c.version, at, who, "position", c.types, c.types_like, c.filter, c.companies, c.warehouses, c.shared_rows) ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION odoo_events._note_version(odoo_events.subscription_config, timestamptz, text, int8) IS 'internal: keeps what a subscription chooses from now on';

CREATE FUNCTION odoo_events._version_changed() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM odoo_events.subscription_version v WHERE v.subscription_id = OLD.id;
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM odoo_events._note_version(NEW, clock_timestamp(), session_user, NULL);
  ELSIF (NEW.types_like, NEW.filter::text, NEW.companies, NEW.warehouses, NEW.shared_rows)
        IS DISTINCT FROM (OLD.types_like, OLD.filter::text, OLD.companies, OLD.warehouses, OLD.shared_rows) THEN
    -- a subscription that is older than this table
    IF NOT EXISTS (SELECT 1 FROM odoo_events.subscription_version v WHERE v.subscription_id = OLD.id) THEN
      PERFORM odoo_events._note_version(OLD, OLD.created_at, 'unknown', 0);
    END IF;
    PERFORM odoo_events._note_version(NEW, clock_timestamp(), session_user,
      (SELECT k.position FROM odoo_events.pull_cursor k WHERE k.subscription_id = NEW.id));
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._version_changed() IS 'internal: keeps what subscriptions choose';
CREATE TRIGGER version AFTER INSERT OR UPDATE OR DELETE ON odoo_events.subscription_config
  FOR EACH ROW EXECUTE FUNCTION odoo_events._version_changed();

-- The version by which an event at this position was judged; all nulls where nothing is known.
CREATE FUNCTION odoo_events._version_of(subscription_id int4, "position" int8) RETURNS odoo_events.subscription_version
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT v.* FROM odoo_events.subscription_version v
 WHERE v.subscription_id = _version_of.subscription_id
   AND (v.position < _version_of.position
        OR v.version = (SELECT min(x.version) FROM odoo_events.subscription_version x WHERE x.subscription_id = _version_of.subscription_id))
 ORDER BY v.version DESC LIMIT 1
$$;
COMMENT ON FUNCTION odoo_events._version_of(int4, int8) IS 'internal: what a subscription chose when it came to a position';

-- Where a subscription began: events up to there were never meant for it.  Null where that is not known.
CREATE FUNCTION odoo_events._start_of(subscription_id int4) RETURNS int8
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT v.position FROM odoo_events.subscription_version v
 WHERE v.subscription_id = _start_of.subscription_id AND v.who <> 'unknown' ORDER BY v.version LIMIT 1
$$;
COMMENT ON FUNCTION odoo_events._start_of(int4) IS 'internal: position at which a subscription began';

-- Why an event that a subscription has passed was not wanted then, and who had said so; null where it was wanted.
CREATE FUNCTION odoo_events._passed_over(c odoo_events.subscription_config, v odoo_events.subscription_version, type text, subject text,
                                         company_id int4, warehouse_id int4, event text, classes text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  why text;
BEGIN
  IF v.version IS NULL THEN
    RETURN odoo_events._unwanted(c, type, subject, company_id, warehouse_id, event, classes);
  END IF;
  c.types := v.types; c.types_like := v.types_like; c.filter := v.filter; c.companies := v.companies; c.warehouses := v.warehouses; c.shared_rows := v.shared_rows;
  why := odoo_events._unwanted(c, type, subject, company_id, warehouse_id, event, classes);
  RETURN why || format(' (%s by %s at %s)', CASE WHEN v.version = 1 THEN 'subscribed' ELSE 'altered' END, v.who, v.at);
END $$;
COMMENT ON FUNCTION odoo_events._passed_over(odoo_events.subscription_config, odoo_events.subscription_version, text, text, int4, int4, text, text) IS
'internal: why a subscription passed an event over, and who had said so; null where it wanted it';

-- Has an earlier replay sent this event?  It sent what the subscription chose when it was ordered.
CREATE FUNCTION odoo_events._replayed(c odoo_events.subscription_config, before int8, "position" int8, id uuid, type text, subject text, partitionkey text,
                                      "time" timestamptz, company_id int4, warehouse_id int4, event text, classes text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT EXISTS (
  SELECT 1 FROM odoo_events.replay_job j
   WHERE j.subscription_id = c.id AND NOT j.dead_letters AND (before IS NULL OR j.id < before)
     AND _replayed.position BETWEEN j.from_position AND CASE j.state WHEN 'cancelled' THEN LEAST(j.cursor, j.to_position) ELSE j.to_position END
     AND (j.since IS NULL OR _replayed."time" >= j.since) AND (j.until IS NULL OR _replayed."time" < j.until)
     AND (j.types_like IS NULL OR _replayed.type LIKE ANY (j.types_like)) AND (j.keys IS NULL OR _replayed.partitionkey = ANY (j.keys))
     AND (j.subject IS NULL OR _replayed.subject = j.subject) AND (j.ids IS NULL OR _replayed.id = ANY (j.ids))
     AND odoo_events._passed_over(c, (SELECT v FROM odoo_events.subscription_version v WHERE v.subscription_id = c.id AND v.at <= j.created_at ORDER BY v.version DESC LIMIT 1),
                                  _replayed.type, _replayed.subject, _replayed.company_id, _replayed.warehouse_id, _replayed.event, _replayed.classes) IS NULL)
$$;
COMMENT ON FUNCTION odoo_events._replayed(odoo_events.subscription_config, int8, int8, uuid, text, text, text, timestamptz, int4, int4, text, text) IS
'internal: whether a replay before this one has sent an event';

-- Is this an event that the subscription passed over when it came to it, and that nothing has sent since?
CREATE FUNCTION odoo_events._missed(c odoo_events.subscription_config, before int8, "position" int8, id uuid, type text, subject text, partitionkey text,
                                    "time" timestamptz, company_id int4, warehouse_id int4, event text, classes text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v odoo_events.subscription_version := odoo_events._version_of(c.id, "position");
BEGIN
  RETURN v.version IS NOT NULL AND "position" > COALESCE(odoo_events._start_of(c.id), 0)
     -- an event that the filter could not judge is a dead letter
     AND odoo_events._passed_over(c, v, type, subject, company_id, warehouse_id, event, classes) NOT LIKE 'the filter could not be judged%'
     AND NOT odoo_events._replayed(c, before, "position", id, type, subject, partitionkey, "time", company_id, warehouse_id, event, classes);
END $$;
COMMENT ON FUNCTION odoo_events._missed(odoo_events.subscription_config, int8, int8, uuid, text, text, text, timestamptz, int4, int4, text, text) IS
'internal: whether a subscription passed an event over and has not been sent it since';

-- Commit time of the oldest change that is not published.  While a reading is in progress, changes are published in the order of their
-- id, which is that of the journal's rows.  Otherwise the transactions after the cursor are visited one by one along the primary key,
-- 2000 at most; those that were open when the cursor's snapshot was taken are looked up.
CREATE FUNCTION odoo_events._oldest_unpublished() RETURNS timestamptz
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  c      odoo_events.publish_cursor_0;
  oldest timestamptz;
  one    timestamptz;
  after  xid8;
BEGIN
  SELECT * INTO c FROM odoo_events.publish_cursor x ORDER BY x.n DESC LIMIT 1;
  c.s1 := COALESCE(c.s1, '1:1:');
  IF c.s2 IS NOT NULL THEN
    SELECT min(j.at) INTO oldest
      FROM (SELECT x.at FROM ((SELECT a.at FROM odoo_events.journal_0 a WHERE a.id > c.done_id AND NOT pg_visible_in_snapshot(a.xid, c.s1) LIMIT 1000)
                    UNION ALL (SELECT a.at FROM odoo_events.journal_1 a WHERE a.id > c.done_id AND NOT pg_visible_in_snapshot(a.xid, c.s1) LIMIT 1000)
                    UNION ALL (SELECT a.at FROM odoo_events.journal_2 a WHERE a.id > c.done_id AND NOT pg_visible_in_snapshot(a.xid, c.s1) LIMIT 1000)) x) j;
    RETURN oldest;
  END IF;
  SELECT min(j.at) INTO oldest FROM pg_snapshot_xip(c.s1) p(xid), LATERAL (SELECT x.at FROM odoo_events.journal x WHERE x.xid = p.xid LIMIT 1) j;
  after := (pg_snapshot_xmax(c.s1)::text::numeric - 1)::text::xid8;
  FOR i IN 1 .. 2000 LOOP
    SELECT j.xid, j.at INTO after, one
      FROM ((SELECT x.xid, x.at FROM odoo_events.journal_0 x WHERE x.xid > after ORDER BY x.xid, x.id LIMIT 1)
  UNION ALL (SELECT x.xid, x.at FROM odoo_events.journal_1 x WHERE x.xid > after ORDER BY x.xid, x.id LIMIT 1)
  UNION ALL (SELECT x.xid, x.at FROM odoo_events.journal_2 x WHERE x.xid > after ORDER BY x.xid, x.id LIMIT 1)) j ORDER BY j.xid LIMIT 1;
    EXIT WHEN NOT FOUND;
    oldest := LEAST(oldest, one);
  END LOOP;
  RETURN oldest;
EXCEPTION WHEN disk_full THEN
  -- PostgreSQL 19 extends visibility maps while it reads, so even this fails on a full disk; what the worker knows is no later
  RETURN (SELECT w.published_until FROM odoo_events._worker() w);
END $$;
COMMENT ON FUNCTION odoo_events._oldest_unpublished() IS 'internal: when the oldest change was committed that is not published; null where there is none';
