\echo Use "ALTER EXTENSION odoo_events UPDATE" to load this file. \quit
-- Functions of this version need its library.  A server that preloaded an older one keeps that until it is restarted.
DO $$
BEGIN
  IF pg_catalog.string_to_array(odoo_events.version(), '.')::int[] OPERATOR(pg_catalog.<) pg_catalog.string_to_array('0.2.0', '.')::int[] THEN
    RAISE EXCEPTION 'the server still runs the library of version %, this update needs 0.2.0', odoo_events.version()
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Restart the server, then update the extension.';
  END IF;
END $$;

-- Rights that were given (kept is true) or taken away by others than the extension's own script.  They are restored at the end.
CREATE TABLE odoo_events.upgrade_right AS
WITH object AS (
  SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, pg_catalog.format('odoo_events.%I', c.relname) AS name, NULL::text AS signature, NULL::name AS attribute,
         COALESCE(c.relacl, pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS now,
         COALESCE(i.initprivs, pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS made
    FROM pg_catalog.pg_class c
    LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = c.oid AND i.classoid = 'pg_catalog.pg_class'::regclass AND i.objsubid = 0
   WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind IN ('r', 'v', 'S', 'p', 'm')
  UNION ALL
  SELECT 'TABLE', pg_catalog.format('odoo_events.%I', c.relname), NULL, a.attname, a.attacl, COALESCE(i.initprivs, pg_catalog.acldefault('c', c.relowner))
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attacl IS NOT NULL AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = c.oid AND i.classoid = 'pg_catalog.pg_class'::regclass AND i.objsubid = a.attnum
   WHERE c.relnamespace = 'odoo_events'::regnamespace
  UNION ALL
  SELECT 'FUNCTION', pg_catalog.format('odoo_events.%I', p.proname), p.oid::regprocedure::text, NULL,
         COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner)), COALESCE(i.initprivs, pg_catalog.acldefault('f', p.proowner))
    FROM pg_catalog.pg_proc p
    LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = p.oid AND i.classoid = 'pg_catalog.pg_proc'::regclass
   WHERE p.pronamespace = 'odoo_events'::regnamespace
  UNION ALL
  SELECT 'SCHEMA', 'odoo_events', NULL, NULL, COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner)), COALESCE(i.initprivs, pg_catalog.acldefault('n', n.nspowner))
    FROM pg_catalog.pg_namespace n
    LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = n.oid AND i.classoid = 'pg_catalog.pg_namespace'::regclass
   WHERE n.nspname = 'odoo_events'),
changed AS (
  SELECT o.kind, o.name, o.signature, o.attribute, x.kept, x.grantee, x.privilege_type, x.is_grantable
    FROM object o CROSS JOIN LATERAL (
      (SELECT true AS kept, a.grantee, a.privilege_type, a.is_grantable FROM pg_catalog.aclexplode(o.now) a
       EXCEPT SELECT true, a.grantee, a.privilege_type, a.is_grantable FROM pg_catalog.aclexplode(o.made) a)
      UNION ALL
      (SELECT false, a.grantee, a.privilege_type, false FROM pg_catalog.aclexplode(o.made) a
       EXCEPT SELECT false, a.grantee, a.privilege_type, false FROM pg_catalog.aclexplode(o.now) a)) x)
SELECT * FROM changed;

-- Takes those rights back (give is false) before this version's own rights are given, and restores them afterwards.  A function whose
-- arguments changed is found by its name.
CREATE FUNCTION odoo_events.upgrade_rights(give boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r record;
BEGIN
  FOR r IN
    SELECT pg_catalog.format('%s %s%s ON %s %s %s %s%s', CASE WHEN u.kept AND give THEN 'GRANT' ELSE 'REVOKE' END, u.privilege_type,
                             ' (' || pg_catalog.quote_ident(u.attribute) || ')', u.kind, t.target, CASE WHEN u.kept AND give THEN 'TO' ELSE 'FROM' END,
                             CASE WHEN u.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(u.grantee)) END,
                             CASE WHEN u.is_grantable AND give THEN ' WITH GRANT OPTION' END) AS statement
      FROM odoo_events.upgrade_right u
     CROSS JOIN LATERAL (
       SELECT u.name AS target WHERE u.kind OPERATOR(pg_catalog.<>) 'FUNCTION' AND (u.kind OPERATOR(pg_catalog.=) 'SCHEMA' OR pg_catalog.to_regclass(u.name) IS NOT NULL)
         AND (u.attribute IS NULL OR EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = pg_catalog.to_regclass(u.name) AND a.attname = u.attribute AND NOT a.attisdropped))
       UNION ALL
       SELECT p.oid::regprocedure::text FROM pg_catalog.pg_proc p
        WHERE u.kind OPERATOR(pg_catalog.=) 'FUNCTION' AND p.pronamespace = 'odoo_events'::regnamespace
          AND CASE WHEN pg_catalog.to_regprocedure(u.signature) IS NOT NULL THEN p.oid = pg_catalog.to_regprocedure(u.signature)
                   ELSE pg_catalog.format('odoo_events.%I', p.proname) OPERATOR(pg_catalog.=) u.name END) t
     WHERE u.kept OR give
     ORDER BY u.kept
  LOOP
    PERFORM odoo_events._give_right(r.statement);
  END LOOP;
END $$;
-- covers: odoo_events.subscription_config
ALTER TABLE odoo_events.subscription_config ADD COLUMN shared_rows boolean NOT NULL DEFAULT true;
ALTER TABLE odoo_events.subscription_config ADD COLUMN success_statuses int4[];
ALTER TABLE odoo_events.subscription_config ADD COLUMN transport jsonb;
ALTER TABLE odoo_events.subscription_config ADD COLUMN outcomes text NOT NULL DEFAULT 'none', ADD COLUMN outcome_within interval,
  ADD COLUMN rejected jsonpath DEFAULT '$.rejected[*]', ADD COLUMN accepted jsonpath, ADD COLUMN outcome_types text[], ADD COLUMN outcome_types_like text[],
  ADD COLUMN on_reject text NOT NULL DEFAULT 'retry', ADD COLUMN fields text[];
ALTER TABLE odoo_events.subscription_config ADD COLUMN timezone text;
ALTER TABLE odoo_events.subscription_config ADD COLUMN outcome_status jsonpath DEFAULT '$.status', ADD COLUMN keep_answers boolean NOT NULL DEFAULT false, ADD COLUMN outcome_calendar text;
ALTER TABLE odoo_events.subscription_config ADD COLUMN residence cidr[];

-- covers: odoo_events.progress_
-- again: odoo_events.progress
ALTER TABLE odoo_events.progress_0 ADD COLUMN openings timestamptz[] NOT NULL DEFAULT '{}',
  ADD COLUMN filter_error_at timestamptz, ADD COLUMN filter_error_position int8,
  ADD COLUMN filter_passed int8 NOT NULL DEFAULT 0, ADD COLUMN filter_refused int8 NOT NULL DEFAULT 0;
ALTER TABLE odoo_events.progress_1 ADD COLUMN openings timestamptz[] NOT NULL DEFAULT '{}',
  ADD COLUMN filter_error_at timestamptz, ADD COLUMN filter_error_position int8,
  ADD COLUMN filter_passed int8 NOT NULL DEFAULT 0, ADD COLUMN filter_refused int8 NOT NULL DEFAULT 0;

-- covers: odoo_events.replay_job
ALTER TABLE odoo_events.replay_job ADD COLUMN missed boolean;
ALTER TABLE odoo_events.replay_job ADD COLUMN companies int4[];
ALTER TABLE odoo_events.replay_job ADD COLUMN warehouses int4[];

-- covers: odoo_events.backfill_job
ALTER TABLE odoo_events.backfill_job ADD COLUMN attempts int4 NOT NULL DEFAULT 0, ADD COLUMN subscriptions int4[];

-- it calls _captured_table(text[]), which has another argument by now
DROP VIEW odoo_events.capture_status;

-- covers: odoo_events.capture_gap
ALTER TABLE odoo_events.capture_gap ADD COLUMN since timestamptz;

-- covers: odoo_events.attached
ALTER TABLE odoo_events.attached ADD COLUMN always boolean;

-- covers: odoo_events._candidate
ALTER TYPE odoo_events._candidate ADD ATTRIBUTE row_id int8;

-- covers: odoo_events.arming_state
ALTER TABLE odoo_events.arming_state ADD COLUMN restore_token text, ADD COLUMN environment text, ADD COLUMN reason text;

-- covers: odoo_events.pull_cursor
ALTER TABLE odoo_events.pull_cursor ADD COLUMN filter_passed int8 NOT NULL DEFAULT 0, ADD COLUMN filter_refused int8 NOT NULL DEFAULT 0;
DROP FUNCTION odoo_events.backfill(text, text);
DROP FUNCTION odoo_events._column_json(text[], text[]);
DROP FUNCTION odoo_events._settled(odoo_events.subscription_config, uuid, int8, timestamptz);
DROP FUNCTION odoo_events._unwanted(odoo_events.subscription_config, text, text, int4, int4, text);
DROP FUNCTION odoo_events.arm();
DROP FUNCTION odoo_events._filter_passes(text, jsonpath);
DROP FUNCTION odoo_events.replay(text, int8, int8, timestamptz, timestamptz, text[], text[], text, uuid[], boolean, boolean);
DROP FUNCTION odoo_events._replay_events(odoo_events.replay_job, int8, int4);
DROP FUNCTION odoo_events.discard(text, uuid[]);
DROP FUNCTION odoo_events.skip(text, uuid[]);
DROP FUNCTION odoo_events.retry_now(text);
DROP FUNCTION odoo_events.alter_subscription(text, text, text[], jsonpath, int4[], int4[], text, text, text[], text, int4, interval, text, int4, numeric, int4, int4, interval, interval[], interval, jsonb, jsonb, jsonb, text, text, boolean, cidr[], boolean, text, text);
DROP FUNCTION odoo_events.subscribe(text, text, text[], jsonpath, int4[], int4[], text, text, text[], text, int4, interval, text, int4, numeric, int4, int4, interval, interval[], interval, jsonb, jsonb, jsonb, text, text, boolean, cidr[], boolean, text, text, text, boolean);
DROP FUNCTION odoo_events.attach(text[], text);
DROP FUNCTION odoo_events._attach(text[], text);
DROP FUNCTION odoo_events._check_entities(text[]);
DROP FUNCTION odoo_events._captured_table(text[]);
DROP FUNCTION odoo_events._judge(odoo_events.entity, odoo_events._candidate[], int8);
-- Runs when a restore fills saved_config: the row goes back to where it came from.  The dump may be of another version: columns
-- that it lacks get their defaults, those that went are left out.
CREATE OR REPLACE FUNCTION odoo_events._restore_config() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  saved jsonb := convert_from(decode(rtrim(NEW.line, ';'), 'hex'), 'UTF8');
  target regclass := (SELECT t.oid FROM pg_class t WHERE t.relnamespace = 'odoo_events'::regnamespace AND t.relname = saved ->> 'table'
                         AND t.relname IN ('attached', 'attached_all', 'definition', 'marked', 'subscription_config', 'care_rule', 'comparison_rule', 'calendar_def', 'sla_def', 'policy_rule', 'revision', 'own_type', 'accepted_contract', 'residency_rule', 'retention_rule'));
  columns text;
BEGIN
  IF target IS NOT NULL THEN
    SELECT string_agg(quote_ident(a.attname), ', ') INTO columns
      FROM pg_attribute a WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND saved -> 'row' ? a.attname;
    EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1) ON CONFLICT DO NOTHING', target, columns)
      USING saved -> 'row';
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION odoo_events._legible(event text) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_legible';
COMMENT ON FUNCTION odoo_events._legible(text) IS 'internal: JSON as jsonb; what jsonb cannot hold is replaced, null where that does not help';
-- govern: who calls, and what the caller's policies let him see and do.  Views of later files ask this.

-- Roles are names, as dumps carry them: a role that a restored server does not have grants nothing, and its policy still restricts the
-- role of that name that comes later.
CREATE TABLE odoo_events.policy_rule (
    id            text PRIMARY KEY,             -- md5 of role: a key of saved_config is letters, digits and "_"
    role          text NOT NULL UNIQUE,
    may           text[],                       -- null, here and below: no restriction
    types         text[],
    companies     int4[],
    warehouses    int4[],
    subscriptions text[],
    clearance     text[],
    hosts         text[]
);
COMMENT ON TABLE odoo_events.policy_rule IS 'what set_policy() was given; read it through the view policy';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.policy_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.policy_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('role', 'set_policy', 'set_policy', 'drop_policy', 'id,role');
-- What waits for a second person, and what became of it.
CREATE TABLE odoo_events.proposed (
    id         int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    who        text NOT NULL,                   -- who logged in
    callers    oid[] NOT NULL,                  -- whose policies counted
    function   text NOT NULL,
    args       jsonb NOT NULL,                  -- without what is secret
    secret     int4,                            -- number of the row of subscription_secret that has all arguments
    hash       text NOT NULL,                   -- of the configuration then, with the values of the environment
    state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'executing', 'approved', 'rejected')),
    decided_by text,
    decided_at timestamptz,
    note       text,
    xid        xid8,                            -- the transaction that executes it
    collected  boolean NOT NULL DEFAULT false   -- the proposer has had the new secret
);
COMMENT ON TABLE odoo_events.proposed IS 'what the view proposal shows; in no dump';
CREATE FUNCTION odoo_events._callers() RETURNS oid[]
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'oe_sql_callers';
COMMENT ON FUNCTION odoo_events._callers() IS
'internal: roles whose policies count: the user outside of SECURITY DEFINER functions, and who logged in; none for superusers and the worker';
-- For views, which call functions as their reader but read tables as their owner: the caller's policies that let him read payloads, and
-- those that let him see anything.  No row: no policy restricts him.
CREATE OR REPLACE VIEW odoo_events._my_policy AS
SELECT COALESCE(pg_catalog.jsonb_agg(p.policy) FILTER (WHERE p.may IS NULL OR p.may && '{read}'), '[]') AS reads,
       COALESCE(pg_catalog.jsonb_agg(p.policy) FILTER (WHERE p.may IS NULL OR p.may && '{read,operate,approve}'), '[]') AS sees
  FROM (SELECT r.may, pg_catalog.jsonb_strip_nulls(pg_catalog.to_jsonb(r) - '{id,role,may}'::text[]) AS policy
          FROM odoo_events.policy_rule r JOIN pg_catalog.pg_roles g ON g.rolname OPERATOR(pg_catalog.=) r.role::name
         WHERE EXISTS (SELECT 1 FROM pg_catalog.unnest(odoo_events._callers()) c WHERE pg_catalog.pg_has_role(c, g.oid, 'MEMBER')) OFFSET 0) p
HAVING pg_catalog.count(*) > 0;
COMMENT ON VIEW odoo_events._my_policy IS 'internal: what the reader''s policies let him see; no row where no policy restricts him';
-- Null: no policy restricts the caller, or the proposer of what is being executed.  An empty list: nothing is allowed.
CREATE FUNCTION odoo_events._policies(verbs text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  callers oid[];
BEGIN
  IF NOT EXISTS (SELECT 1 FROM odoo_events.policy_rule) THEN
    RETURN NULL;
  END IF;
  callers := COALESCE((SELECT p.callers FROM odoo_events.proposed p WHERE p.state = 'executing' AND p.xid = pg_current_xact_id_if_assigned()), odoo_events._callers());
  RETURN (SELECT COALESCE(jsonb_agg(jsonb_strip_nulls(to_jsonb(r) - '{id,role,may}'::text[]) ORDER BY r.role) FILTER (WHERE verbs IS NULL OR r.may IS NULL OR r.may && verbs), '[]')
            FROM odoo_events.policy_rule r JOIN pg_roles g ON g.rolname = r.role
           WHERE EXISTS (SELECT 1 FROM unnest(callers) c WHERE pg_has_role(c, g.oid, 'MEMBER'))
          HAVING count(*) > 0);
END $$;
COMMENT ON FUNCTION odoo_events._policies(text[]) IS
'internal: the policies of the caller that allow one of these verbs, as a list; null where no policy restricts him';
CREATE FUNCTION odoo_events._allows(policies jsonb, type text, company_id int4, warehouse_id int4) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_allows';
COMMENT ON FUNCTION odoo_events._allows(jsonb, text, int4, int4) IS 'internal: do these policies show such an event';
CREATE FUNCTION odoo_events._sees(policies jsonb, name text, companies int4[], warehouses int4[]) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_sees';
COMMENT ON FUNCTION odoo_events._sees(jsonb, text, int4[], int4[]) IS 'internal: may a subscription get events that these policies show';
CREATE FUNCTION odoo_events._sees_whole(policies jsonb, name text, types text[], companies int4[], warehouses int4[], clearance text[], host text) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_sees_whole';
COMMENT ON FUNCTION odoo_events._sees_whole(jsonb, text, text[], int4[], int4[], text[], text) IS
'internal: is a subscription inside one of these policies with all that it may get; a null clearance or host is not asked for';
CREATE FUNCTION odoo_events._deny(message text, hint text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_deny';
COMMENT ON FUNCTION odoo_events._deny(text, text) IS 'internal: counts, logs and raises what a policy refuses';
CREATE FUNCTION odoo_events._denied(OUT role text, OUT denied int8) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_denied';
COMMENT ON FUNCTION odoo_events._denied() IS 'internal: calls that policies refused, by role, since the server started';
-- What tells of a subscription is seen with it, what tells of an event is seen as that is; anything else only without a policy.
CREATE FUNCTION odoo_events._finding_visible(subscription text, type text, company_id int4, warehouse_id int4) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p constant jsonb := odoo_events._policies('{read,operate,approve}');
BEGIN
  RETURN p IS NULL OR (type IS NOT NULL OR subscription IS NOT NULL) AND (type IS NULL OR odoo_events._allows(p, type, company_id, warehouse_id))
         AND (subscription IS NULL OR EXISTS (SELECT 1 FROM odoo_events.subscription_config c WHERE c.name = subscription AND odoo_events._sees(p, c.name, c.companies, c.warehouses)));
END $$;
COMMENT ON FUNCTION odoo_events._finding_visible(text, text, int4, int4) IS 'internal: may the caller see what diagnose() found';
-- For functions that see or change more than a policy could allow.
CREATE FUNCTION odoo_events._must_be_free(function text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF odoo_events._policies(NULL) IS NOT NULL THEN
    PERFORM odoo_events._deny(format('%s() is not for a role under a policy', function), 'SELECT * FROM odoo_events.policy;  -- shows what yours allows');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._must_be_free(text) IS 'internal: refuses a caller that a policy restricts';
-- seal: the tables of the evidence log (seal.sql).  Nobody writes them before seal() has been called.

-- A log: a Merkle tree over the events from first_position on.  It is closed when the server is no longer the one that opened it.
CREATE TABLE odoo_events.seal_log (
    id             int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin         text NOT NULL UNIQUE,        -- its name in checkpoints
    public_key     bytea NOT NULL,              -- of Ed25519; the private one is row 0 of subscription_secret
    first_position int8 NOT NULL,               -- of the event of leaf 0
    place          text NOT NULL,               -- server, database and timeline
    reason         text NOT NULL,               -- why it was opened
    opened_at      timestamptz NOT NULL,
    closed_at      timestamptz
);
COMMENT ON TABLE odoo_events.seal_log IS 'evidence logs; one is open at most; in no dump';
CREATE UNIQUE INDEX seal_log_open ON odoo_events.seal_log ((true)) WHERE closed_at IS NULL;
-- Hashes of 256 nodes of a level in one row: level 0 has the leaves, each higher level the roots of the rows of the level below.
CREATE TABLE odoo_events.seal_tile (
    log    int4 NOT NULL,
    level  int2 NOT NULL,
    n      int8 NOT NULL,                       -- number of the row in its level
    hashes bytea NOT NULL,                      -- 32 bytes a node; the last row of a level has fewer than 256
    PRIMARY KEY (log, level, n)
);
COMMENT ON TABLE odoo_events.seal_tile IS 'hashes of the evidence logs, 32 bytes an event and 1/256 of that; kept for odoo_events.seal_retention; in no dump';
-- What proofs need beside the hashes, while the outbox has the events.
CREATE TABLE odoo_events.seal_leaf (
    log   int4 NOT NULL,
    n     int8 NOT NULL,                        -- of the row of level 0
    parts bytea NOT NULL,                       -- of each leaf: hash of the rest, hash of salt and whole text
    salts bytea NOT NULL,                       -- of each leaf 16 bytes; zeros where somebody was erased
    PRIMARY KEY (log, n)
);
COMMENT ON TABLE odoo_events.seal_leaf IS 'salts and hashes of events that the outbox has; in no dump';
CREATE TABLE odoo_events.seal_checkpoint (
    log        int4 NOT NULL,
    size       int8 NOT NULL,                   -- leaves
    at         timestamptz NOT NULL,
    member     int4,                            -- of the outbox that the last one of them was in
    reason     text NOT NULL,
    checkpoint text NOT NULL,                   -- the signed note
    PRIMARY KEY (log, size)
);
COMMENT ON TABLE odoo_events.seal_checkpoint IS 'what the view checkpoint shows; in no dump';
-- Whoever attached everything wants what comes later, too: a module that is installed then.
CREATE TABLE odoo_events.attached_all (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    mode text NOT NULL,
    at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    always boolean
);
COMMENT ON TABLE odoo_events.attached_all IS 'a row: attach() was called for all entities, and the worker attaches those whose tables come later';
-- A dump carries what the DBA chose; the triggers are dumped with Odoo's tables.
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.attached_all
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('one');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.attached_all
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('mode', 'attach all', 'attach all', 'detach all', 'one,at');
CREATE OR REPLACE VIEW odoo_events._capture_error AS
SELECT g.at, COALESCE((SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
                         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                        WHERE c.oid = g.relid), g.rule) AS relation,
       g.changes, g.reason, COALESCE(g.since, g.at) AS since
  FROM (SELECT at, rule, relid, changes, reason, since FROM odoo_events.capture_gap
        UNION ALL
        SELECT s.unnoted_at, s.rule, s.unnoted_relid, s.unnoted, 'neither the journal nor capture_gap could be written; not written down yet', NULL
          FROM odoo_events._rule_stats() s WHERE s.unnoted > 0) g;
COMMENT ON VIEW odoo_events._capture_error IS 'internal: what capture_error shows';
-- Which table is Odoo's: the rule stands in src/base/relations.h, for SQL and C alike.  Odoo's schema is where an ordinary table
-- ir_module_module of the database's owner is; a table of Odoo's stands in that schema and belongs to the same role.
CREATE FUNCTION odoo_events._odoo_schema() RETURNS oid
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_odoo_schema';
COMMENT ON FUNCTION odoo_events._odoo_schema() IS 'internal: oid of the schema that Odoo''s tables are in, null where this is not a database of Odoo''s';
-- May a table of this role be Odoo's, or, builtin false, one that a DBA's own definition names?
CREATE FUNCTION odoo_events._is_trusted_owner(role oid, builtin boolean) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_is_trusted_owner';
COMMENT ON FUNCTION odoo_events._is_trusted_owner(oid, boolean) IS 'internal: does a role own tables that are captured';
-- The first of "tables" that exists.  What a DBA's own definition names (builtin false) may also be in another schema, if it belongs to
-- the owner of the database or of the extension, or to a superuser.
CREATE FUNCTION odoo_events._captured_table(tables text[], builtin boolean) RETURNS oid
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_captured_table';
COMMENT ON FUNCTION odoo_events._captured_table(text[], boolean) IS 'internal: oid of the table that a rule captures here, null if there is none';
-- Why a database has no tables of Odoo's, and what to do; null where it has.  The hint names no role: any could have made a table
-- ir_module_module.
CREATE FUNCTION odoo_events._no_odoo(OUT detail text, OUT hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN m.there THEN format('database "%s" belongs to role "%s", but table ir_module_module to another one: no table counts as Odoo''s', d.datname, pg_get_userbyid(d.datdba))
            ELSE format('database "%s" is not a database of Odoo''s: it has no table ir_module_module', d.datname) END,
       CASE WHEN m.there THEN format('SELECT relnamespace::regnamespace, relowner::regrole FROM pg_catalog.pg_class WHERE relname = ''ir_module_module'';  -- then ALTER DATABASE %I OWNER TO the role of Odoo', d.datname)
            ELSE 'SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate;  -- connect to Odoo''s database, and create the extension there' END
  FROM pg_database d, (SELECT EXISTS (SELECT 1 FROM pg_class c WHERE c.relname = 'ir_module_module' AND c.relkind = 'r' AND c.relpersistence <> 't') AS there) m
 WHERE d.datname = current_database() AND odoo_events._odoo_schema() IS NULL
$$;
COMMENT ON FUNCTION odoo_events._no_odoo() IS 'internal: why this database has no tables of Odoo''s, and what to do about it; null where it has';
-- What ALTER TRIGGER ... DEPENDS ON EXTENSION does, without its lock on the extension, which an open attach() would hold.
CREATE FUNCTION odoo_events._trigger_depends(relid oid, name name) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_trigger_depends';
COMMENT ON FUNCTION odoo_events._trigger_depends(oid, name) IS 'internal: a trigger of capture is dropped with the extension';
-- Creates or mends the two triggers of a table.
CREATE OR REPLACE FUNCTION odoo_events._capture_table(relid oid, rule text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rel  text := relid::regclass::text;           -- qualified: the search_path has pg_catalog only
  done text;
  want record;
  have record;
  always boolean := (SELECT bool_or(a.always) FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity WHERE _capture_table.rule = ANY (e.rules));
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_attribute a
                  WHERE a.attrelid = relid AND a.attname = 'id' AND NOT a.attisdropped AND a.atttypid IN ('int4'::regtype, 'int8'::regtype)) THEN
    RAISE EXCEPTION 'table % has no integer column "id"', rel
      USING ERRCODE = 'undefined_column', HINT = 'Capture knows rows by their integer id, as Odoo does.';
  END IF;
  FOR want IN SELECT * FROM (VALUES ('odoo_events_capture', 'INSERT OR UPDATE OR DELETE', 'ROW', 'capture'),
                                    ('odoo_events_capture_truncate', 'TRUNCATE', 'STATEMENT', 'capture_truncate')) v(name, events, level, func)
  LOOP
    SELECT * INTO have FROM odoo_events._capture_trigger t WHERE t.relid = _capture_table.relid AND t.tgname = want.name;
    IF have.rule IS DISTINCT FROM _capture_table.rule THEN
      EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s FOR EACH %s EXECUTE FUNCTION odoo_events.%I(%L)',
                     want.name, want.events, rel, want.level, want.func, rule);
      PERFORM odoo_events._trigger_depends(relid, want.name);
      done := 'triggers created';
    END IF;
    IF always AND have.tgenabled IS DISTINCT FROM 'A' THEN
      EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', rel, want.name);
      done := COALESCE(done, 'triggers enabled') || ', for replicated changes, too';
    ELSIF have.tgenabled IN ('D', 'R') OR have.tgenabled = 'A' AND NOT always THEN
      EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', rel, want.name);
      done := COALESCE(done, 'triggers enabled');
    END IF;
  END LOOP;
  RETURN COALESCE(done, 'already attached');
END $$;
-- Raises for names that the catalog does not have.  "argument": what the caller's argument is called.
CREATE FUNCTION odoo_events._check_entities(entities text[], argument text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  unknown text;
  owners text;
BEGIN
  IF cardinality(entities) = 0 THEN
    RAISE WARNING 'argument "%" is empty: nothing is done', argument USING HINT = 'Leave it out for all entities.';
  END IF;
  SELECT u INTO unknown FROM unnest(entities) u WHERE u IS NULL OR NOT EXISTS (SELECT 1 FROM odoo_events.entity e WHERE e.entity = u) LIMIT 1;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  -- the name of a table instead
  SELECT string_agg(e.entity, ', ' ORDER BY e.entity) INTO owners
    FROM odoo_events.entity e JOIN odoo_events.capture_rule r ON r.rule = e.rules[1] WHERE unknown = ANY (r.tables);
  IF owners IS NULL THEN
    SELECT string_agg(e.entity, ', ' ORDER BY e.entity) INTO owners
      FROM odoo_events.entity e JOIN odoo_events.capture_rule r ON r.rule = ANY (e.rules) WHERE unknown = ANY (r.tables);
  END IF;
  RAISE EXCEPTION 'entity "%" in argument "%" is not in the catalog', unknown, argument
    USING ERRCODE = 'undefined_object',
          HINT = CASE WHEN owners IS NOT NULL THEN format('%s is a table of Odoo''s; what is told of it belongs to the entities: %s.', unknown, owners)
                      ELSE 'Known entities: ' || COALESCE((SELECT string_agg(e.entity, ', ' ORDER BY e.entity) FROM odoo_events.entity e), 'none') || '.' END;
END $$;
COMMENT ON FUNCTION odoo_events._check_entities(text[], text) IS 'internal: raises an error for an entity that is not in the catalog';
CREATE OR REPLACE FUNCTION odoo_events._drop_idle_triggers() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT c.tgname, c.relid::regclass AS rel FROM odoo_events._idle_trigger c ORDER BY c.relation, c.tgname LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.rel);
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._drop_idle_triggers() IS 'internal: drops the triggers that are not needed';
CREATE FUNCTION odoo_events._attach(entities text[], how text, always boolean DEFAULT NULL)
RETURNS TABLE (entity text, relation text, mode text, event_types text[], note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  e     record;
  r     record;
  notes jsonb := '{}';                          -- by rule: what was done to its table
BEGIN
  IF how IS NULL OR how NOT IN ('trigger', 'wal', 'both') THEN
    RAISE EXCEPTION 'argument "mode" cannot be "%"', how
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Use mode => ''trigger'', ''wal'' or ''both''.';
  END IF;
  PERFORM odoo_events._check_entities(entities, 'entities');
  SELECT * INTO r FROM odoo_events._no_odoo();
  IF r.detail IS NOT NULL AND EXISTS (SELECT 1 FROM odoo_events.entity d WHERE NOT d.builtin AND (entities IS NULL OR d.entity = ANY (entities))) THEN
    RAISE WARNING '%', r.detail USING HINT = r.hint;
  ELSIF r.detail IS NOT NULL THEN
    RAISE EXCEPTION '%', r.detail USING ERRCODE = 'object_not_in_prerequisite_state', HINT = r.hint;
  END IF;
  IF how <> 'trigger' THEN
    PERFORM odoo_events._wal_check();
  END IF;
  -- whoever says how to capture them knows that they fell back
  UPDATE odoo_events.wal_fallback f SET entities = ARRAY(SELECT u FROM unnest(f.entities) u WHERE entities IS NOT NULL AND u <> ALL (entities));
  DELETE FROM odoo_events.wal_fallback f WHERE f.entities = '{}';
  IF entities IS NULL THEN
    INSERT INTO odoo_events.attached_all AS a (mode, always) VALUES (how, _attach.always)
      ON CONFLICT ON CONSTRAINT attached_all_pkey DO UPDATE SET mode = EXCLUDED.mode, always = COALESCE(EXCLUDED.always, a.always)
      WHERE a.mode <> EXCLUDED.mode OR a.always IS DISTINCT FROM COALESCE(EXCLUDED.always, a.always);
  END IF;
  FOR e IN SELECT d.entity, d.rules FROM odoo_events.entity d
            WHERE entities IS NULL OR d.entity = ANY (entities) ORDER BY d.entity LOOP
    IF NOT EXISTS (SELECT 1 FROM odoo_events.capture_rule c
                    WHERE c.rule = e.rules[1] AND odoo_events._captured_table(c.tables, c.builtin) IS NOT NULL) THEN
      IF entities IS NOT NULL THEN
        RETURN QUERY SELECT e.entity, NULL::text, NULL::text, NULL::text[], 'not attached: this database has no table for it'::text;
      END IF;
      CONTINUE;
    END IF;
    -- tables can be hot: nothing is captured by default for entities that would give no event
    IF entities IS NULL AND NOT EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = e.entity)
       AND odoo_events._nothing_enabled(e.entity) THEN
      CONTINUE;
    END IF;
    PERFORM odoo_events.arm_first_time();
    DELETE FROM odoo_events.detached d WHERE d.entity = e.entity;
    INSERT INTO odoo_events.attached AS a (entity, mode, always) VALUES (e.entity, how, _attach.always)
      ON CONFLICT ON CONSTRAINT attached_pkey DO UPDATE SET mode = EXCLUDED.mode, always = COALESCE(EXCLUDED.always, a.always)
      WHERE a.mode <> EXCLUDED.mode OR a.always IS DISTINCT FROM COALESCE(EXCLUDED.always, a.always);
    FOR r IN SELECT c.rule, odoo_events._captured_table(c.tables, c.builtin) AS relid
               FROM unnest(e.rules) WITH ORDINALITY u(rule, n) JOIN odoo_events.capture_rule c ON c.rule = u.rule
              ORDER BY u.n LOOP
      IF r.relid IS NULL THEN
        RETURN QUERY SELECT e.entity, NULL::text, NULL::text, NULL::text[], format('no table for rule %s', r.rule);
        CONTINUE;
      END IF;
      IF NOT notes ? r.rule THEN
        notes := notes || jsonb_build_object(r.rule, odoo_events._capture_rule(r.relid, r.rule));
      END IF;
      RETURN QUERY SELECT e.entity, r.relid::regclass::text, odoo_events._rule_mode(r.rule),
        CASE WHEN r.rule = e.rules[1] THEN
          (SELECT array_agg(DISTINCT regexp_replace(d.type, '[^.]+\.v[0-9]+$', '*'))
             FROM odoo_events.event_def d WHERE d.entity = e.entity AND d.enabled) END,
        concat_ws('; ', notes ->> r.rule, CASE WHEN r.rule = e.rules[1] AND odoo_events._nothing_enabled(e.entity) THEN 'none of its events is enabled' END);
    END LOOP;
  END LOOP;
  DELETE FROM odoo_events.capture_difference d WHERE NOT EXISTS (SELECT 1 FROM odoo_events.wal_rule w WHERE w.rule = d.rule AND w.want = 'both');
  PERFORM odoo_events._drop_idle_triggers();
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._attach(text[], text, boolean) IS 'internal: attach()';
CREATE FUNCTION odoo_events.attach(entities text[] DEFAULT NULL, mode text DEFAULT 'trigger', always boolean DEFAULT NULL,
  OUT entity text, OUT relation text, OUT mode text, OUT event_types text[], OUT note text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS 'SELECT a.entity, a.relation, a.mode, a.event_types, a.note FROM odoo_events._attach($1, $2, $3) a';
COMMENT ON FUNCTION odoo_events.attach(text[], text, boolean) IS
'captures the given entities (default: all whose tables exist and of whose events any is enabled).  mode trigger: creates two triggers per table, which takes '
'ShareRowExclusiveLock on it for a moment: set lock_timeout and repeat where Odoo has long transactions.  wal: reads the WAL instead: once the reader is ready '
'the worker sets REPLICA IDENTITY FULL and drops the triggers, table by table; a table that several entities need is read from the WAL if one of them is.  '
'both: both ways, events by the triggers, differences in capture_difference.  always true: changes that logical replication applies here are captured, too; '
'false: they are not; null: as it is.  Mends what is missing or disabled; can be repeated.  Called for all entities, the worker also attaches those whose tables come later';
CREATE OR REPLACE FUNCTION odoo_events.detach(entities text[] DEFAULT NULL)
RETURNS TABLE (entity text, relation text, note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  gone text[];
BEGIN
  PERFORM odoo_events._check_entities(entities, 'entities');
  WITH d AS (DELETE FROM odoo_events.attached a WHERE entities IS NULL OR a.entity = ANY (entities) RETURNING a.entity)
  SELECT array_agg(d.entity ORDER BY d.entity) INTO gone FROM d;
  DELETE FROM odoo_events.attached_all WHERE entities IS NULL;
  RETURN QUERY SELECT u, NULL::text, 'was not attached'::text FROM unnest(entities) u WHERE NOT u = ANY (COALESCE(gone, '{}'));
  RETURN QUERY
    SELECT g, t.relation,
           CASE WHEN n.entities IS NOT NULL THEN 'still captured for ' || n.entities
                WHEN t.wal THEN 'no longer read from the WAL' ELSE 'triggers dropped' END
      FROM unnest(gone) g JOIN odoo_events.entity e ON e.entity = g
      JOIN (SELECT c.rule, c.relation, false AS wal FROM odoo_events._capture_trigger c WHERE NOT c.truncates
            UNION ALL
            SELECT w.rule, x.name, true FROM odoo_events.wal_rule w, odoo_events._table_name(w.relid) x(name) WHERE w.state = 'wal') t ON t.rule = ANY (e.rules)
      LEFT JOIN LATERAL (SELECT string_agg(o.entity, ', ' ORDER BY o.entity) AS entities
                           FROM odoo_events.attached a JOIN odoo_events.entity o ON o.entity = a.entity
                          WHERE t.rule = ANY (o.rules)) n ON true
     ORDER BY g, t.relation;
  PERFORM odoo_events._wal_leave(w.rule, odoo_events._rule_mode(w.rule) IS NOT NULL)
    FROM odoo_events.wal_rule w WHERE COALESCE(odoo_events._rule_mode(w.rule), 'trigger') = 'trigger' ORDER BY w.rule;
  PERFORM odoo_events._drop_idle_triggers();
  -- whoever captured something has begun by now
  INSERT INTO odoo_events.detached AS d (entity, before)
    SELECT DISTINCT g, pg_snapshot_xmax(pg_current_snapshot()) FROM unnest(gone || entities) g
    ON CONFLICT ON CONSTRAINT detached_pkey DO UPDATE SET before = EXCLUDED.before;
  PERFORM odoo_events._wake('config');
END $$;
-- When the worker last found that all was captured; with true: it has found so now.
CREATE FUNCTION odoo_events._complete_at(complete boolean) RETURNS timestamptz
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_complete_at';
COMMENT ON FUNCTION odoo_events._complete_at(boolean) IS 'internal: when this worker last found all tables captured, null if it has not yet';
-- Entities that are not attached although all are to be: a module was installed after attach().
CREATE FUNCTION odoo_events._unattached() RETURNS TABLE (entity text, relid oid, mode text, always boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT e.entity, t.relid, m.mode, m.always
  FROM odoo_events.attached_all m, odoo_events.entity e JOIN odoo_events.capture_rule c ON c.rule = e.rules[1]
 CROSS JOIN LATERAL odoo_events._captured_table(c.tables, c.builtin) t(relid)
 WHERE t.relid IS NOT NULL AND NOT odoo_events._nothing_enabled(e.entity)
   AND NOT EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = e.entity) AND NOT EXISTS (SELECT 1 FROM odoo_events.detached d WHERE d.entity = e.entity)
 ORDER BY e.entity
$$;
COMMENT ON FUNCTION odoo_events._unattached() IS 'internal: entities whose tables came after attach() of all, and were not detached';
CREATE FUNCTION odoo_events._attach_later() RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u    record;
  done boolean := true;
BEGIN
  FOR u IN SELECT * FROM odoo_events._unattached() LOOP
    BEGIN
      IF u.mode = 'trigger' THEN
        INSERT INTO odoo_events.attached (entity, mode, always) VALUES (u.entity, u.mode, u.always);
      ELSE
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE NOWAIT', u.relid::regclass);
        PERFORM odoo_events._attach(ARRAY[u.entity], u.mode, u.always);
      END IF;
      PERFORM odoo_events._wake('config');
    EXCEPTION
      WHEN lock_not_available OR undefined_table OR undefined_column THEN
        done := false;
    END;
  END LOOP;
  RETURN done;
END $$;
COMMENT ON FUNCTION odoo_events._attach_later() IS 'internal: attaches entities whose tables came after attach() of all';
-- A table of an attached entity that has no trigger: it was dropped and made again, or a module brought it.  What happened to it
-- meanwhile was not captured: a gap says so, and since when at the earliest.  A trigger that somebody disabled stays so; a table that
-- is in use is left for the next time.
CREATE OR REPLACE FUNCTION odoo_events._reattach() RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r        record;
  n        int := 0;
  since    timestamptz := odoo_events._complete_at(false);
  complete boolean := odoo_events._attach_later();
BEGIN
  FOR r IN SELECT c.rule, x.relid, LEAST(min(a.at), (SELECT l.at FROM odoo_events.attached_all l)) AS attached_at
             FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity
             JOIN odoo_events.capture_rule c ON c.rule = ANY (e.rules)
             CROSS JOIN LATERAL odoo_events._captured_table(c.tables, c.builtin) x(relid)
            WHERE x.relid IS NOT NULL AND NOT EXISTS (SELECT 1 FROM odoo_events.wal_rule w WHERE w.rule = c.rule AND w.state = 'wal') AND (SELECT count(*) FROM odoo_events._capture_trigger t WHERE t.relid = x.relid AND t.rule = c.rule) < 2
            GROUP BY c.rule, x.relid
  LOOP
    BEGIN
      EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE NOWAIT', r.relid::regclass);
      PERFORM odoo_events._capture_table(r.relid, r.rule);
      INSERT INTO odoo_events.capture_gap AS g (xid, rule, relid, at, changes, reason, since)
      VALUES (pg_current_xact_id(), r.rule, r.relid, clock_timestamp(), 0, 'the table was new, or had lost its trigger: attached again', COALESCE(since, r.attached_at));
      n := n + 1;
      RAISE LOG 'odoo_events captures % again', r.relid::regclass;
    EXCEPTION
      WHEN lock_not_available OR undefined_table OR undefined_column OR duplicate_object THEN
        complete := false;
    END;
  END LOOP;
  PERFORM odoo_events._complete_at(true) WHERE complete;
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events._reattach() IS 'internal: makes the triggers that tables of attached entities lack, attaches entities that came later; answers on how many tables';
-- Own events.  They are noted like changed rows and written just before commit, so they need no privilege on the journal.
CREATE OR REPLACE FUNCTION odoo_events.emit(type text, subject text, data jsonb, key text DEFAULT NULL, correlation text DEFAULT NULL) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_checked_emit';
-- What the server must allow; raises with the mend.
CREATE OR REPLACE FUNCTION odoo_events._wal_check() RETURNS void
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
-- What is in the WAL of some rules will not be read: that is said, and the publisher goes on.
CREATE OR REPLACE FUNCTION odoo_events._wal_gap(rules text[], reason text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO odoo_events.capture_gap (xid, rule, relid, at, changes, reason)
SELECT pg_current_xact_id(), c.rule, COALESCE(odoo_events._captured_table(c.tables, c.builtin), 0), clock_timestamp(), 0, $2
  FROM odoo_events.capture_rule c WHERE c.rule = ANY ($1)
ON CONFLICT ON CONSTRAINT capture_gap_pkey DO NOTHING;
SELECT odoo_events._wal_drained()
$$;
-- What is to be done that needs a table's lock.  "thorough": also what is rare and costs more to find.
CREATE OR REPLACE FUNCTION odoo_events._wal_work(ready boolean, thorough boolean) RETURNS TABLE (what text, rule text, relid oid)
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
CREATE OR REPLACE VIEW odoo_events.outbox WITH (security_barrier) AS
SELECT position, id, type, subject, partitionkey, "time", recordedtime, entity, record_id, company_id, warehouse_id,
       correlationid, causationid, odootx, event::json AS event
  FROM odoo_events.outbox_all
 WHERE odoo_events._allows((SELECT m.reads FROM odoo_events._my_policy m), type, company_id, warehouse_id);
CREATE OR REPLACE VIEW odoo_events.quarantine AS
SELECT change_id, entity, record_id, at, reason, attempts FROM odoo_events.quarantined WHERE NOT EXISTS (SELECT 1 FROM odoo_events._my_policy);
CREATE OR REPLACE FUNCTION odoo_events.requeue(ids bigint[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
BEGIN
  PERFORM odoo_events._must_be_free('requeue');
  UPDATE odoo_events.quarantined q SET requeued = true
   WHERE NOT q.requeued AND (requeue.ids IS NULL OR q.change_id = ANY (requeue.ids));
  GET DIAGNOSTICS n = ROW_COUNT;
  PERFORM odoo_events._audit('requeue', NULL, NULL, jsonb_build_object('ids', ids, 'changes', n));
  PERFORM odoo_events._wake('changes');
  RETURN n;
END $$;
CREATE OR REPLACE FUNCTION odoo_events.drop_quarantined(ids bigint[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
BEGIN
  PERFORM odoo_events._must_be_free('drop_quarantined');
  DELETE FROM odoo_events.quarantined q WHERE q.change_id = ANY (drop_quarantined.ids);
  GET DIAGNOSTICS n = ROW_COUNT;
  PERFORM odoo_events._audit('drop_quarantined', NULL, NULL, jsonb_build_object('ids', ids, 'changes', n));
  RETURN n;
END $$;
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
CREATE OR REPLACE VIEW odoo_events.process_cursor AS
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
CREATE OR REPLACE VIEW odoo_events.process_step AS
            SELECT * FROM odoo_events.process_step_0  UNION ALL SELECT * FROM odoo_events.process_step_1
  UNION ALL SELECT * FROM odoo_events.process_step_2  UNION ALL SELECT * FROM odoo_events.process_step_3
  UNION ALL SELECT * FROM odoo_events.process_step_4  UNION ALL SELECT * FROM odoo_events.process_step_5
  UNION ALL SELECT * FROM odoo_events.process_step_6  UNION ALL SELECT * FROM odoo_events.process_step_7
  UNION ALL SELECT * FROM odoo_events.process_step_8  UNION ALL SELECT * FROM odoo_events.process_step_9
  UNION ALL SELECT * FROM odoo_events.process_step_10 UNION ALL SELECT * FROM odoo_events.process_step_11
  UNION ALL SELECT * FROM odoo_events.process_step_12 UNION ALL SELECT * FROM odoo_events.process_step_13
  UNION ALL SELECT * FROM odoo_events.process_step_14 UNION ALL SELECT * FROM odoo_events.process_step_15;
COMMENT ON VIEW odoo_events.process_step IS 'internal: all members of the ring of milestones';
CREATE OR REPLACE VIEW odoo_events.process_root AS
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
CREATE OR REPLACE VIEW odoo_events.process WITH (security_barrier) AS
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
CREATE OR REPLACE VIEW odoo_events.document_index AS
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
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.subscription_config
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('name', 'subscribe', 'alter_subscription', 'unsubscribe', 'id,name,types_like,outcome_types_like,residence,overlap_until,auth_expires_at,tls_expires_at');
-- Written by the worker when an endpoint shows another certificate than before (deliver/transport/http/peer.c).
CREATE TABLE odoo_events.subscription_peer (
    subscription_id int4 PRIMARY KEY,
    expires_at      timestamptz NOT NULL,       -- of the leaf certificate
    seen_at         timestamptz NOT NULL        -- when it was first seen
);
COMMENT ON TABLE odoo_events.subscription_peer IS 'certificates of endpoints: until when they are valid';
CREATE OR REPLACE VIEW odoo_events.progress AS
SELECT * FROM odoo_events.progress_0 UNION ALL SELECT * FROM odoo_events.progress_1;
COMMENT ON VIEW odoo_events.progress IS 'internal: both members of the progress ring';
-- What delivery tells of itself, in the transaction in which it becomes so.
CREATE OR REPLACE FUNCTION odoo_events._platform_event(type text, subscription text, data jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN odoo_events._emit(type, 'subscription/' || subscription, jsonb_build_object('subscription', jsonb_build_object('name', subscription))
                             || odoo_events._care_json(subscription, data #>> '{event,type}') || data, 'subscription:' || subscription);
END $$;
-- shelf: what unsubscribe() and a change of credentials leave behind for seven days, so that it can be taken back.

-- The rows of held, dead and acknowledged, and the signing secret, stay where they are under the subscription's number; progress and
-- the place of a consumer are copied here, because the worker looks at the rings of living subscriptions only.
CREATE TABLE odoo_events.unsubscribed (
    subscription_id int4 PRIMARY KEY,
    name            text NOT NULL,
    at              timestamptz NOT NULL,
    until           timestamptz NOT NULL,
    config          jsonb NOT NULL,             -- the row of subscription_config
    progress        jsonb,                      -- the row of progress that held
    pull            jsonb,                      -- the row of pull_cursor
    position        int8 NOT NULL               -- the first event of the outbox that it still needs
);
COMMENT ON TABLE odoo_events.unsubscribed IS 'subscriptions that were dropped within the last seven days: what a rollback needs; in no dump';
-- Credentials that were replaced: the row of subscription_secret has the negative number of this one.
CREATE TABLE odoo_events.kept_secret (
    id              int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL,              -- of the subscription
    until           timestamptz NOT NULL,
    header_names    text[] NOT NULL,
    auth            jsonb,
    tls             jsonb
);
COMMENT ON TABLE odoo_events.kept_secret IS 'which credentials a subscription had before its last changes, kept for seven days; in no dump';
-- Called before the credentials of a subscription change.
CREATE FUNCTION odoo_events._keep_secret(was odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s odoo_events.subscription_secret;
  n int4;
BEGIN
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = was.id;
  IF s.subscription_id IS NULL OR was.header_names = '{}' AND was.auth IS NULL AND was.tls IS NULL THEN
    RETURN;
  END IF;
  INSERT INTO odoo_events.kept_secret (name, until, header_names, auth, tls)
  VALUES (was.name, clock_timestamp() + interval '7 days', was.header_names, was.auth, was.tls) RETURNING id INTO n;
  s.subscription_id := -n;
  PERFORM odoo_events._store_secret(s);
END $$;
COMMENT ON FUNCTION odoo_events._keep_secret(odoo_events.subscription_config) IS 'internal: keeps the credentials of a subscription that are about to be replaced';
CREATE FUNCTION odoo_events._shelve(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO odoo_events.unsubscribed (subscription_id, name, at, until, config, progress, pull, position)
  SELECT c.id, c.name, clock_timestamp(), clock_timestamp() + interval '7 days', to_jsonb(c), p.progress, k.pull,
         COALESCE(LEAST(p.position, k.position, (SELECT min(h.position) FROM odoo_events.held h WHERE h.subscription_id = c.id)), 0)
    FROM (SELECT 1) one
    LEFT JOIN LATERAL (SELECT to_jsonb(x) AS progress, LEAST(x.cursor + 1, (SELECT min(n) FROM unnest(x.in_flight) n),
                              (SELECT min(n::int8) FROM jsonb_path_query(x.batches, '$[*].positions[*]') n)) AS position
                         FROM odoo_events.progress x WHERE x.subscription_id = c.id ORDER BY x.n DESC LIMIT 1) p ON true
    LEFT JOIN LATERAL (SELECT to_jsonb(x) AS pull, x.position + 1 AS position FROM odoo_events.pull_cursor x WHERE x.subscription_id = c.id) k ON true;
  DELETE FROM odoo_events.pull_cursor k WHERE k.subscription_id = c.id;
END $$;
COMMENT ON FUNCTION odoo_events._shelve(odoo_events.subscription_config) IS 'internal: keeps the place of a subscription that is about to be dropped';
-- A row of a table from JSON, whatever columns the table has.
CREATE FUNCTION odoo_events._insert_json(target regclass, image jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  columns text := (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                    WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND image ? a.attname);
BEGIN
  EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1)', target, columns) USING image;
END $$;
COMMENT ON FUNCTION odoo_events._insert_json(regclass, jsonb) IS 'internal: inserts a row that is given as JSON';
-- Brings a dropped subscription back as it was, with its place, secret and dead letters; false where it is not kept.
CREATE FUNCTION odoo_events._unshelve(name text, pulled boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u odoo_events.unsubscribed;
BEGIN
  DELETE FROM odoo_events.unsubscribed x
   WHERE x.subscription_id = (SELECT y.subscription_id FROM odoo_events.unsubscribed y
                               WHERE y.name = _unshelve.name AND y.until > clock_timestamp() AND (y.config ->> 'url' IS NULL) = pulled
                               ORDER BY y.at DESC LIMIT 1)
  RETURNING * INTO u;
  IF u.subscription_id IS NULL THEN
    RETURN false;
  END IF;
  IF u.pull IS NOT NULL THEN
    PERFORM odoo_events._insert_json('odoo_events.pull_cursor', u.pull - '{holder,holder_since,held_until}'::text[]);
  END IF;
  IF u.progress IS NOT NULL THEN
    PERFORM odoo_events._insert_json('odoo_events.progress_0', u.progress - '{n,requests,not_before,breaker}'::text[]);
  END IF;
  PERFORM odoo_events._insert_json('odoo_events.subscription_config',
            u.config || jsonb_build_object('version', (u.config -> 'version')::int8 + 1, 'state', 'active', 'state_reason', NULL, 'state_since', clock_timestamp()));
  PERFORM odoo_events._wake('config');
  RETURN true;
END $$;
COMMENT ON FUNCTION odoo_events._unshelve(text, boolean) IS 'internal: takes a dropped subscription back, with its place and its secret; false where it is not kept';
-- The worker calls this now and then.
CREATE FUNCTION odoo_events._clear_shelf() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone int4[];
BEGIN
  DELETE FROM odoo_events.kept_secret k WHERE k.until < clock_timestamp();
  WITH d AS (DELETE FROM odoo_events.unsubscribed u WHERE u.until < clock_timestamp() RETURNING u.subscription_id)
  SELECT array_agg(d.subscription_id) INTO gone FROM d;
  DELETE FROM odoo_events.held h WHERE h.subscription_id = ANY (gone);
  DELETE FROM odoo_events.dead x WHERE x.subscription_id = ANY (gone);
  DELETE FROM odoo_events.acknowledged a WHERE a.subscription_id = ANY (gone);
  DELETE FROM odoo_events.subscription_secret s
   WHERE s.subscription_id = ANY (gone)
      OR s.subscription_id < 0 AND NOT EXISTS (SELECT 1 FROM odoo_events.kept_secret k WHERE k.id = -s.subscription_id)
         AND NOT EXISTS (SELECT 1 FROM odoo_events.proposed p WHERE p.secret = s.subscription_id AND p.state = 'open');
END $$;
COMMENT ON FUNCTION odoo_events._clear_shelf() IS 'internal: forgets what was kept for seven days';
CREATE OR REPLACE FUNCTION odoo_events._tls_public(tls jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF tls IS NULL OR tls = '{}' THEN
    RETURN NULL;
  END IF;
  IF jsonb_typeof(tls) <> 'object' THEN
    RAISE EXCEPTION 'argument "tls" is not a JSON object' USING ERRCODE = 'invalid_parameter_value',
      HINT = '{"ca": ..., "cert": ..., "key": ..., "server_name": ..., "http2": false}, each of them optional; the first three are PEM texts.';
  END IF;
  IF jsonb_typeof(tls -> 'http2') <> 'boolean' THEN
    RAISE EXCEPTION 'member "http2" of argument "tls" is neither true nor false' USING ERRCODE = 'invalid_parameter_value',
      HINT = '"http2": false keeps to HTTP/1.1; without it HTTP/2 is used where the endpoint offers it.';
  END IF;
  PERFORM odoo_events._check_members('tls', tls - 'http2', '{}', '{ca,cert,key,server_name,http2}');
  IF tls ->> 'server_name' !~ '^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$' THEN
    RAISE EXCEPTION 'member "server_name" of argument "tls" is not a host name' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the name in the endpoint''s certificate, such as wms.internal, without scheme and port.';
  END IF;
  RETURN tls - 'key';
END $$;
CREATE OR REPLACE FUNCTION odoo_events._set_secret(args jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(args ->> 'name');
  s odoo_events.subscription_secret;
  lost text[];
  collects boolean;
BEGIN
  PERFORM odoo_events._must_be_whole(c, 'set_secret', '{subscribe}');
  collects := odoo_events._collects(c.name);
  IF NOT collects AND odoo_events._proposes('set_secret', args) THEN
    RETURN NULL;
  END IF;
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = c.id;
  lost := odoo_events._lost_secrets(c, s);
  IF lost <> '{}' THEN
    RAISE EXCEPTION 'subscription "%" lacks what is secret of its %', c.name, array_to_string(lost, ', ')
      USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'They are in no backup.',
            HINT = format('alter_subscription(name, secret => ..., %s) gives all.',
                          (SELECT string_agg(l || ' => ...', ', ') FROM unnest(lost) l));
  END IF;
  s := odoo_events._configure_secret(s, c, args);
  s.subscription_id := c.id;
  IF args ->> 'secret' IS NULL THEN
    s.secret := odoo_events._new_secret();
    IF NOT collects THEN                -- else receivers still verify with the one that an approved rotate_secret() keeps
      s.previous := '{}'; s.previous_signature := '{}'; s.previous_until := '{}';
    END IF;
  END IF;
  c.overlap_until := (SELECT max(u) FROM unnest(s.previous_until) u);
  PERFORM odoo_events._store_secret(s);
  PERFORM odoo_events._audit('set_secret', c.name);
  PERFORM odoo_events._save_subscription(c);
  RETURN odoo_events._secret_text(s);
END $$;
CREATE OR REPLACE FUNCTION odoo_events.rotate_secret(name text, overlap interval DEFAULT '24h') RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  s odoo_events.subscription_secret;
  until timestamptz;
BEGIN
  IF overlap IS NULL OR overlap < interval '0' OR overlap > interval '90 days' THEN
    RAISE EXCEPTION 'argument "overlap" is %', COALESCE(overlap::text, 'null') USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 0 to 90 days.';
  END IF;
  PERFORM odoo_events._must_be_whole(c, 'rotate_secret', '{subscribe}');
  IF odoo_events._proposes('rotate_secret', jsonb_build_object('name', name, 'overlap', overlap)) THEN
    RETURN NULL;
  END IF;
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = c.id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'subscription "%" has no secret here', c.name
      USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Secrets are in no backup.',
            HINT = format('SELECT odoo_events.set_secret(%L);', c.name);
  END IF;
  until := clock_timestamp() + overlap;
  -- the newest first; of those that still hold, the last three
  SELECT COALESCE(array_agg(x.key ORDER BY x.n), '{}'), COALESCE(array_agg(x.kind ORDER BY x.n), '{}'), COALESCE(array_agg(x.ends ORDER BY x.n), '{}')
    INTO s.previous, s.previous_signature, s.previous_until
    FROM (SELECT o.key, o.kind, o.ends, o.n
            FROM unnest(s.secret || s.previous, s.signature || s.previous_signature, until || s.previous_until) WITH ORDINALITY o(key, kind, ends, n)
           WHERE o.ends > clock_timestamp() ORDER BY o.n LIMIT 3) x;
  s.secret := odoo_events._new_secret();
  c.overlap_until := (SELECT max(u) FROM unnest(s.previous_until) u);
  PERFORM odoo_events._store_secret(s);
  PERFORM odoo_events._audit('rotate_secret', c.name, NULL, jsonb_build_object('overlap', overlap));
  PERFORM odoo_events._save_subscription(c);
  RETURN odoo_events._secret_text(s);
END $$;
-- deliver: what is possible in a configuration, and hardly meant.

CREATE FUNCTION odoo_events._unknown_ids("table" text, ids int4[]) RETURNS int4[]
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_unknown_ids';
COMMENT ON FUNCTION odoo_events._unknown_ids(text, int4[]) IS 'internal: ids that a table of Odoo''s does not have; null where that cannot be said without waiting';
-- Warns of the arguments that are given.
CREATE FUNCTION odoo_events._warn_config(c odoo_events.subscription_config, args jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  net cidr;
  ids int4[];
BEGIN
  IF args ? 'timeout' AND c.timeout < interval '100 ms' THEN
    RAISE WARNING 'argument "timeout" is %, in which hardly any endpoint answers', c.timeout
      USING HINT = 'A request that is given up may have arrived: the event comes again. timeout => ''15s'' is the default.';
  END IF;
  FOR net IN SELECT n FROM unnest(c.allow_networks) n
              WHERE args ? 'allow_networks' AND (n >>= inet '169.254.169.254' OR n >>= inet 'fd00:ec2::254' OR masklen(n) = 0) LIMIT 1 LOOP
    RAISE WARNING 'argument "allow_networks" opens %, which contains the addresses from which clouds hand out credentials', net
      USING HINT = 'Name the network of the endpoint alone, for example allow_networks => ''{10.1.2.0/24}''.';
  END LOOP;
  IF args ? 'companies' THEN
    ids := odoo_events._unknown_ids('res_company', c.companies);
    IF ids <> '{}' THEN
      RAISE WARNING 'argument "companies" names %, which are no companies of this database', ids
        USING HINT = 'Odoo shows the ids of companies in developer mode; events of others are not sent.';
    END IF;
  END IF;
  IF args ? 'warehouses' THEN
    ids := odoo_events._unknown_ids('stock_warehouse', c.warehouses);
    IF ids <> '{}' THEN
      RAISE WARNING 'argument "warehouses" names %, which are no warehouses of this database', ids
        USING HINT = 'Odoo shows the ids of warehouses in developer mode; events of others are not sent.';
    END IF;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._warn_config(odoo_events.subscription_config, jsonb) IS 'internal: warns of arguments that are hardly meant';
-- deliver: subscriptions whose endpoint is a broker.  A helper program per kind of broker does the sending (src/deliver/transport/program);
-- all that can be wrong with a configuration is found here, when it is given.

CREATE FUNCTION odoo_events._program(kind text) RETURNS text
LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_program';
COMMENT ON FUNCTION odoo_events._program(text) IS 'internal: where the helper program of a kind of broker is; null if it is not installed';
CREATE FUNCTION odoo_events._check_host(host text, protocol text, tls boolean, allow_networks cidr[]) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_check_host';
COMMENT ON FUNCTION odoo_events._check_host(text, text, boolean, cidr[]) IS 'internal: raises if no address of this host may be called';
-- How a URL's events travel: webhook, a kind of broker, or fetch (no URL).
CREATE FUNCTION odoo_events._transport(url text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN url IS NULL THEN 'fetch'
            ELSE COALESCE(substring(lower(url) FROM '^(kafka)s?:'), substring(lower(url) FROM '^(nats)(?:\+tls)?:'), substring(lower(url) FROM '^(mqtt)s?:'),
                          substring(lower(url) FROM '^(amqp)s?:'), 'webhook') END
$$;
COMMENT ON FUNCTION odoo_events._transport(text) IS 'internal: webhook, kafka, nats, mqtt, amqp or fetch';
-- An example for each kind, for hints.
CREATE FUNCTION odoo_events._transport_example(kind text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE kind WHEN 'kafka' THEN 'kafkas://k1.example.com:9093,k2.example.com:9093/odoo.{domain}.{entity}'
                 WHEN 'nats' THEN 'nats+tls://n1.example.com:4222/odoo.{domain}.{entity}.{verb}'
                 WHEN 'mqtt' THEN 'mqtts://broker.example.com:8883/acme/{warehouse}/{entity}/{verb}'
                 ELSE 'amqps://rabbit.example.com:5671/vhost' END
$$;
COMMENT ON FUNCTION odoo_events._transport_example(text) IS 'internal: a URL of this kind of broker';
-- The hosts of a broker's URL, without ports.
CREATE FUNCTION odoo_events._broker_hosts(url text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind   constant text := odoo_events._transport(url);
  place  text := substring(url FROM '^[^/]*//([^/?]*)');
  part   text;
  hosts  text[] := '{}';
  wrong  text;
BEGIN
  wrong := CASE WHEN length(url) > 2048 THEN 'It is longer than 2048 bytes.'
                WHEN url ~ '[^\u0021-\u007e]' THEN 'It contains a space, a control character or one beyond ASCII.'
                WHEN place ~ '@' THEN 'It contains a user name or a password.'
                WHEN url ~ '[?#]' THEN 'What follows "?" or "#" has no meaning in it.'
                WHEN COALESCE(place, '') = '' THEN 'It names no host.' END;
  FOREACH part IN ARRAY string_to_array(place, ',') LOOP
    IF part !~ '^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?$' OR substring(part FROM ':([0-9]+)$')::int4 NOT BETWEEN 1 AND 65535 THEN
      wrong := COALESCE(wrong, format('"%s" is not a host, or a host and a port.', part));
    END IF;
    hosts := hosts || substring(part FROM '^(\[[^]]+\]|[^:]+)');
  END LOOP;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'argument "url" is not a usable URL' USING ERRCODE = 'invalid_parameter_value', DETAIL = wrong,
      HINT = format('A URL looks like %s; credentials go into the argument "auth".', odoo_events._transport_example(kind));
  END IF;
  RETURN hosts;
END $$;
COMMENT ON FUNCTION odoo_events._broker_hosts(text) IS 'internal: checks the URL of a broker, but for its templates; answers its hosts';
-- The template of topics that a configuration has.
CREATE FUNCTION odoo_events._topic_template(url text, transport jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE odoo_events._transport(url) WHEN 'amqp' THEN COALESCE(transport ->> 'routing_key', '{type}')
            ELSE COALESCE(substring(url FROM '^[^/]*//[^/]*/(.*)$'), '') END
$$;
COMMENT ON FUNCTION odoo_events._topic_template(text, jsonb) IS 'internal: topic, subject or routing key of a broker''s URL, as a template';
-- What the template yields for a type: its parts, and for the rest what it looks like.
CREATE FUNCTION odoo_events._expand_template(template text, type text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT replace(replace(replace(replace(replace(replace(replace(replace(template,
         '{source}', ltrim(COALESCE(NULLIF(current_setting('odoo_events.source', true), ''), '/odoo/00000000-0000-0000-0000-000000000000'), '/')),
         '{type}', type), '{domain}', COALESCE(NULLIF(split_part(type, '.', 2), ''), 'none')), '{entity}', COALESCE(NULLIF(split_part(type, '.', 3), ''), 'none')),
         '{verb}', COALESCE(NULLIF(split_part(type, '.', 4), ''), 'none')), '{key}', split_part(type, '.', 3) || ':1'), '{company}', '1'), '{warehouse}', 'none')
$$;
COMMENT ON FUNCTION odoo_events._expand_template(text, text) IS 'internal: what a template of topics yields for a type of events';
-- Refuses a template that names what there is not, or that yields for a type that can match what this kind of broker cannot take.
CREATE FUNCTION odoo_events._check_template(argument text, template text, kind text, types_like text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rest  constant text := regexp_replace(template, '\{(source|type|domain|entity|verb|key|company|warehouse)\}', '', 'g');
  allowed constant text := CASE kind WHEN 'kafka' THEN '^[A-Za-z0-9._-]{1,249}$' WHEN 'nats' THEN '^[^\s.*>]+([.][^\s.*>]+)*$'
                                     WHEN 'mqtt' THEN '^[^+#$\u0001-\u001f][^+#\u0001-\u001f]*$' ELSE '^.{0,255}$' END;
  bad   record;
BEGIN
  IF rest ~ '[{}]' THEN
    RAISE EXCEPTION 'argument "%" has an unknown name in its template "%"', argument, template USING ERRCODE = 'invalid_parameter_value',
      HINT = 'The names are {source}, {type}, {domain}, {entity}, {verb}, {key}, {company} and {warehouse}.';
  END IF;
  SELECT t.type, odoo_events._expand_template(template, t.type) AS topic INTO bad
    FROM (SELECT e.type FROM odoo_events.event_type e WHERE e.type LIKE ANY (types_like) UNION ALL SELECT 'odoo.platform.subscription.pinged.v1') t
   WHERE odoo_events._expand_template(template, t.type) !~ allowed ORDER BY t.type LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'argument "%" makes "%" of events of type %, which % cannot take', argument, bad.topic, bad.type, initcap(kind)
      USING ERRCODE = 'invalid_parameter_value',
            DETAIL = CASE kind WHEN 'kafka' THEN 'The name of a topic has up to 249 letters, digits, ".", "_" and "-".'
                               WHEN 'nats' THEN 'A subject has words between dots, without spaces, "*" and ">".'
                               WHEN 'mqtt' THEN 'A topic has no "+" and "#", and does not begin with "$".'
                               ELSE 'A routing key has up to 255 bytes.' END,
            HINT = format('url => %L is one that is taken.', odoo_events._transport_example(kind));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_template(text, text, text, text[]) IS 'internal: refuses a template of topics that a broker cannot take';
-- The argument transport: its members, of each kind of broker.
CREATE FUNCTION odoo_events._check_transport(url text, transport jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind    constant text := odoo_events._transport(url);
  texts   constant text[] := CASE kind WHEN 'kafka' THEN '{key,compression}' WHEN 'nats' THEN '{key,stream}' WHEN 'mqtt' THEN '{key,client_id}' ELSE '{key,exchange,routing_key}' END;
  numbers constant text[] := CASE kind WHEN 'kafka' THEN '{window,linger_ms,max_message_bytes}' ELSE '{window}' END;
  flags   constant text[] := CASE kind WHEN 'kafka' THEN '{compacted}' WHEN 'mqtt' THEN '{retain}' ELSE '{}' END;
  m       record;
BEGIN
  IF jsonb_typeof(transport) <> 'object' THEN
    RAISE EXCEPTION 'argument "transport" is not a JSON object' USING ERRCODE = 'invalid_parameter_value',
      HINT = format('{%s}', (SELECT string_agg(format('"%s": ...', x), ', ') FROM unnest(texts || numbers || flags) x));
  END IF;
  FOR m IN SELECT e.key, e.value, jsonb_typeof(e.value) AS type FROM jsonb_each(transport) e LOOP
    IF m.key <> ALL (texts || numbers || flags) THEN
      RAISE EXCEPTION 'argument "transport" has the unknown member "%"', m.key USING ERRCODE = 'invalid_parameter_value',
        HINT = format('With %s its members are %s.', kind, array_to_string(texts || numbers || flags, ', '));
    ELSIF m.key = ANY (texts) AND (m.type <> 'string' OR m.value = '""' AND m.key <> 'exchange' OR m.value #>> '{}' ~ '[\u0001-\u001f]') THEN
      RAISE EXCEPTION 'member "%" of argument "transport" is not a string, or empty', m.key USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Give a JSON string, or leave the member out.';
    ELSIF m.key = ANY (flags) AND m.type <> 'boolean' THEN
      RAISE EXCEPTION 'member "%" of argument "transport" is neither true nor false', m.key USING ERRCODE = 'invalid_parameter_value',
        HINT = format('transport => ''{"%s": true}''', m.key);
    ELSIF m.key = ANY (numbers) AND (m.type <> 'number' OR m.value #>> '{}' !~ '^[0-9]{1,9}$') THEN
      RAISE EXCEPTION 'member "%" of argument "transport" is not a whole number', m.key USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Give a number without a sign and without a fraction.';
    END IF;
  END LOOP;
  IF (transport ->> 'window')::int4 NOT BETWEEN 1 AND 4096 THEN
    RAISE EXCEPTION 'member "window" of argument "transport" is %', transport ->> 'window' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the number of messages that may be under way at a time, 1 to 4096.';
  END IF;
  IF transport ->> 'compression' NOT IN ('none', 'gzip', 'snappy', 'lz4', 'zstd') THEN
    RAISE EXCEPTION 'member "compression" of argument "transport" is "%"', transport ->> 'compression' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give none, gzip, snappy, lz4 or zstd.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_transport(text, jsonb) IS 'internal: checks the argument transport';
-- The argument auth of a broker checked, and without what is secret in it; null for none.
CREATE FUNCTION odoo_events._broker_auth(kind text, auth jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  type  constant text := CASE WHEN jsonb_typeof(auth) = 'object' THEN auth ->> 'type' END;
  known constant text[] := CASE kind WHEN 'kafka' THEN '{basic,scram-sha-256,scram-sha-512,oauth2}' WHEN 'nats' THEN '{basic,bearer,nkey,creds}' ELSE '{basic}' END;
BEGIN
  IF auth IS NULL OR auth = '{}' THEN
    RETURN NULL;
  ELSIF type IS NULL OR type <> ALL (known) THEN
    RAISE EXCEPTION 'argument "auth" has no usable "type" for %', kind USING ERRCODE = 'invalid_parameter_value',
      HINT = format('Its type is one of %s; a client certificate is given by tls.', array_to_string(known, ', '));
  ELSIF type IN ('basic', 'scram-sha-256', 'scram-sha-512') THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,username,password}', '{}');
  ELSIF type = 'oauth2' THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,token_url,client_id,client_secret}', '{scope,audience}');
  ELSIF type = 'bearer' THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,token}', '{}');
  ELSIF type = 'nkey' THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,seed}', '{}');
  ELSE
    PERFORM odoo_events._check_members('auth', auth, '{type,creds}', '{}');
  END IF;
  IF EXISTS (SELECT 1 FROM jsonb_each_text(auth) e WHERE e.key <> 'creds' AND e.value ~ '[\u0001-\u001f\u007f-\u009f]' OR length(e.value) > 16384) THEN
    RAISE EXCEPTION 'argument "auth" has a member that cannot be sent' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'No member but "creds" has control characters or line breaks, and none has more than 16384 characters.';
  END IF;
  RETURN auth - '{password,token,client_secret,seed,creds}'::text[];
END $$;
COMMENT ON FUNCTION odoo_events._broker_auth(text, jsonb) IS 'internal: checks the argument auth of a broker; answers what of it is not secret';
-- Arguments that only a webhook has.
CREATE FUNCTION odoo_events._check_broker_arguments(c odoo_events.subscription_config, args jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text;
BEGIN
  wrong := CASE WHEN c.handshake THEN 'handshake' WHEN c.signature <> 'hmac' THEN 'signature' WHEN args ->> 'secret' IS NOT NULL THEN 'secret'
                WHEN c.success_statuses IS NOT NULL THEN 'success_statuses' WHEN c.outcomes NOT IN ('none', 'sql', 'event') THEN 'outcomes'
                WHEN c.on_reject <> 'retry' THEN 'on_reject' WHEN c.batch_size <> 1 THEN 'batch_size'
                WHEN c.batch_wait <> '0' THEN 'batch_wait' WHEN c.max_in_flight <> 16 THEN 'max_in_flight' END;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'argument "%" is for webhooks, not for brokers', wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = CASE wrong WHEN 'max_in_flight' THEN 'transport => ''{"window": 500}'' bounds the messages that are under way.' ELSE format('Leave "%s" out.', wrong) END;
  END IF;
  IF c.format NOT IN ('structured', 'binary') THEN
    RAISE EXCEPTION 'argument "format" is "%", which no broker takes', c.format USING ERRCODE = 'invalid_parameter_value',
      HINT = 'structured: the message is a CloudEvent; binary: its attributes are headers, the message is its data.';
  END IF;
  IF EXISTS (SELECT 1 FROM unnest(c.header_names) h WHERE h ~* '^(ce_|cloudEvents|nats-)'
             OR h = ANY ('{id,source,type,specversion,subject,time,dataschema,partitionkey,sequence}')) THEN
    RAISE EXCEPTION 'argument "headers" sets a header that carries an attribute of the event' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give it another name.';
  END IF;
  IF odoo_events._keeps_states(c.transport) AND c.payload <> 'full' THEN
    RAISE EXCEPTION 'argument "payload" is "%" where the broker keeps the latest message', c.payload USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'Who reads it later has nothing else.', HINT = 'payload => ''full''';
  END IF;
  IF odoo_events._keeps_states(c.transport) AND c.ordering = 'none' THEN
    RAISE EXCEPTION 'argument "ordering" is "none" where the broker keeps the latest message' USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'An old state could come last.', HINT = 'ordering => ''key''';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_broker_arguments(odoo_events.subscription_config, jsonb) IS 'internal: refuses arguments that a broker cannot have';
-- A topic of states is as complete as the events that there are: says which types of records are not emitted.
CREATE FUNCTION odoo_events._warn_of_states(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  off text[];
BEGIN
  SELECT array_agg(t.type ORDER BY t.type) INTO off
    FROM odoo_events.event_type t WHERE t.type LIKE ANY (c.types_like) AND NOT t.enabled AND t.type LIKE 'odoo.master_data.%';
  IF off IS NOT NULL THEN
    RAISE WARNING 'subscription "%" keeps states, and % of the types of master data that it takes are not emitted', c.name, cardinality(off)
      USING HINT = (SELECT string_agg(format('SELECT odoo_events.enable_event(%L);', o), ' ') FROM unnest(off) o);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._warn_of_states(odoo_events.subscription_config) IS 'internal: warns of master data that is not emitted';
-- A subscription to a broker as it is given or changed: all of it checked; auth and tls as they are stored.
CREATE FUNCTION odoo_events._configure_broker(c odoo_events.subscription_config, args jsonb) RETURNS odoo_events.subscription_config
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind  constant text := odoo_events._transport(c.url);
  tls   constant boolean := lower(c.url) ~ '^(kafkas|nats\+tls|mqtts|amqps):';
  host  text;
BEGIN
  PERFORM odoo_events._check_transport(c.url, COALESCE(c.transport, '{}'));
  PERFORM odoo_events._broker_hosts(c.url);
  PERFORM odoo_events._check_broker_arguments(c, args);
  IF kind <> 'amqp' AND odoo_events._topic_template(c.url, c.transport) = '' THEN
    RAISE EXCEPTION 'argument "url" names no %', CASE kind WHEN 'nats' THEN 'subject' ELSE 'topic' END USING ERRCODE = 'invalid_parameter_value',
      HINT = format('url => %L', odoo_events._transport_example(kind));
  END IF;
  PERFORM odoo_events._check_template(CASE kind WHEN 'amqp' THEN 'transport.routing_key' ELSE 'url' END, odoo_events._topic_template(c.url, c.transport), kind, c.types_like);
  PERFORM odoo_events._check_template('transport.key', COALESCE(c.transport ->> 'key', '{key}'), 'amqp', c.types_like);
  IF args ? 'auth' THEN
    c.auth := odoo_events._broker_auth(kind, NULLIF(args -> 'auth', 'null'));
    c.auth_expires_at := odoo_events._token_expiry(args #>> '{auth,token}');
  END IF;
  IF args ? 'tls' THEN
    c.tls := odoo_events._tls_public(NULLIF(args -> 'tls', 'null'));
    c.tls_expires_at := odoo_events._check_tls(args #>> '{tls,ca}', args #>> '{tls,cert}', args #>> '{tls,key}');
  END IF;
  IF c.tls ?| '{server_name,http2}' THEN
    RAISE EXCEPTION 'member "%" of argument "tls" is for webhooks', CASE WHEN c.tls ? 'http2' THEN 'http2' ELSE 'server_name' END
      USING ERRCODE = 'invalid_parameter_value', HINT = 'A broker''s certificate bears the name that the URL has.';
  END IF;
  IF c.tls IS NOT NULL AND NOT tls THEN
    RAISE EXCEPTION 'argument "tls" needs a URL with TLS' USING ERRCODE = 'invalid_parameter_value',
      HINT = format('Give a URL that begins with %s, or tls => ''{}''.', CASE kind WHEN 'nats' THEN 'nats+tls:' ELSE kind || 's:' END);
  END IF;
  IF odoo_events._program(kind) IS NULL THEN
    RAISE EXCEPTION 'the helper program for % is not installed on this server', kind USING ERRCODE = 'undefined_file',
      DETAIL = format('It is called odoo_events_%s and stands beside the libraries of PostgreSQL.', kind),
      HINT = format('apt-get install postgresql-%s-odoo-events-%s, or make install in the source''s directory programs', current_setting('server_version_num')::int4 / 10000, kind);
  END IF;
  IF odoo_events._keeps_states(c.transport) THEN
    PERFORM odoo_events._warn_of_states(c);
  END IF;
  FOREACH host IN ARRAY odoo_events._broker_hosts(c.url) LOOP
    PERFORM odoo_events._check_host(host, kind, tls, c.allow_networks);
  END LOOP;
  RETURN c;
END $$;
COMMENT ON FUNCTION odoo_events._configure_broker(odoo_events.subscription_config, jsonb) IS 'internal: checks what a subscription to a broker has beside a webhook''s';
CREATE FUNCTION odoo_events._keeps_states(transport jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(transport -> 'compacted' = 'true' OR transport -> 'retain' = 'true', false)
$$;
COMMENT ON FUNCTION odoo_events._keeps_states(jsonb) IS 'internal: does the broker keep the latest message of each key or topic?';
-- What ping() says of a broker beside what it says of all subscriptions.
CREATE FUNCTION odoo_events._tell_of_ping(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF odoo_events._transport(c.url) IN ('webhook', 'fetch') THEN
    RETURN;
  END IF;
  IF odoo_events._keeps_states(c.transport) OR odoo_events._topic_template(c.url, c.transport) ~ '[{]' THEN
    RAISE NOTICE 'the ping connects to the broker and looks for the topic, but publishes nothing'
      USING HINT = format('SELECT * FROM odoo_events.attempt WHERE subscription = %L ORDER BY at DESC LIMIT 1;', c.name);
  END IF;
  IF c.transport -> 'compacted' = 'true' AND COALESCE(c.transport ->> 'key', '{key}') !~ '[{]source[}]' THEN
    RAISE NOTICE 'the key of the messages is the same in every database: one topic for several databases needs {source} in it'
      USING HINT = format('SELECT odoo_events.alter_subscription(%L, transport => %L);', c.name, c.transport || '{"key": "{source}/{key}"}');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._tell_of_ping(odoo_events.subscription_config) IS 'internal: what ping() says of a subscription to a broker';
-- The patterns of argument types, checked, as LIKE patterns.
CREATE OR REPLACE FUNCTION odoo_events._types_like(types text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pattern text;
  likes text[] := '{}';
  known boolean;
BEGIN
  IF types IS NULL OR cardinality(types) = 0 OR array_position(types, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'argument "types" is empty'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'types => ''{*}'' means all.';
  END IF;
  FOREACH pattern IN ARRAY types LOOP
    IF pattern !~ '^[a-z0-9_.*]+$' THEN
      RAISE EXCEPTION 'argument "types" has the unusable pattern "%"', pattern
        USING ERRCODE = 'invalid_parameter_value',
              HINT = 'Types consist of a-z, 0-9, "_" and "."; "*" stands for any of them, also none.';
    END IF;
    likes := likes || replace(replace(pattern, '_', '\_'), '*', '%');
    known := EXISTS (SELECT 1 FROM unnest(ARRAY['odoo.platform.subscription.pinged.v1', 'odoo.platform.subscription.disabled.v1',
                       'odoo.platform.subscription.overrun.v1', 'odoo.platform.event.dead_lettered.v1', 'odoo.platform.outcome.overdue.v1', 'odoo.platform.outcome.failed.v1', 'odoo.platform.person.erased.v1', 'odoo.platform.capture.fell_back.v1',
                       'odoo.platform.type.deprecated.v1', 'odoo.platform.seal.checkpoint.v1', 'odoo.platform.retention.applied.v1', 'odoo.platform.exception.escalated.v1', 'odoo.process.promise.at_risk.v1',
                       'odoo.platform.flow.unusual.v1', 'odoo.platform.configuration.rolled_back.v1', 'odoo.platform.backfill.completed.v1', 'odoo.platform.capture.truncated.v1',
                       'odoo.process.promise.breached.v1', 'odoo.process.promise.met_late.v1']) p WHERE p LIKE likes[cardinality(likes)]);
    IF NOT known AND to_regclass('odoo_events.event_type') IS NOT NULL THEN
      EXECUTE 'SELECT EXISTS (SELECT 1 FROM odoo_events.event_type t WHERE t.type LIKE $1)' INTO known USING likes[cardinality(likes)];
    END IF;
    IF NOT known THEN
      RAISE WARNING 'pattern "%" matches no event type that is known here', pattern
        USING HINT = 'SELECT type FROM odoo_events.event_type lists them; own events of emit() match all the same.';
    END IF;
  END LOOP;
  RETURN likes;
END $$;
COMMENT ON FUNCTION odoo_events._schedule_next(text, timestamptz) IS 'internal: when a schedule in UTC fires next; raises if it is none';
CREATE FUNCTION odoo_events._schedule_next(schedule text, after timestamptz, timezone text) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_schedule_next_zone';
COMMENT ON FUNCTION odoo_events._schedule_next(text, timestamptz, text) IS 'internal: when a schedule fires next by the clock of a time zone; raises if it is none';
-- A filter is a predicate: it compares.  A path that selects something answers null to jsonb_path_match(), that is, matches nothing for ever.
CREATE FUNCTION odoo_events._check_predicate(filter jsonpath, argument text DEFAULT 'filter') RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mode   constant text := CASE WHEN filter::text LIKE 'strict %' THEN 'strict ' ELSE '' END;
  path   constant text := substr(filter::text, length(mode) + 1);
  reason text;
BEGIN
  PERFORM jsonb_path_match('{}', filter, '{}', false);
EXCEPTION
  WHEN singleton_sql_json_item_required OR sql_json_member_not_found OR sql_json_array_not_found OR sql_json_object_not_found OR sql_json_scalar_required THEN
    RAISE EXCEPTION 'argument "%" selects something, it does not compare: %', argument, filter USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'It is a jsonpath predicate, whose answer is true or false.',
      HINT = CASE WHEN path = '$' THEN format('%s => ''true'' lets everything pass.', argument)
                  WHEN path LIKE '%?(%)' THEN format('%s => %L', argument, mode || 'exists(' || path || ')')
                  ELSE format('%1$s => %2$L, or %1$s => %3$L, which asks whether it is there.', argument, mode || path || ' == "..."', mode || 'exists(' || path || ')') END;
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
    RAISE EXCEPTION 'argument "%" cannot be used: %', argument, reason USING ERRCODE = 'invalid_parameter_value',
      HINT = format('For example %s => ''$.data.transfer.priority == "1"''.', argument);
END $$;
COMMENT ON FUNCTION odoo_events._check_predicate(jsonpath, text) IS 'internal: raises an error for a filter that is no predicate';
-- The paths from the root that a filter names member by member, up to the first step of another kind.
CREATE FUNCTION odoo_events._filter_paths(filter jsonpath) RETURNS SETOF text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT DISTINCT ARRAY(SELECT k[1] FROM regexp_matches(m[1], '\."((?:[^"\\]|\\.)*)"', 'g') k)
  -- the text of a jsonpath quotes every name; here without other strings
  FROM regexp_matches(regexp_replace(filter::text, '([.$]"(?:[^"\\]|\\.)*")|"(?:[^"\\]|\\.)*"', '\1', 'g'),
                      '\$((?:\."(?:[^"\\]|\\.)*"|\[\*\])+)', 'g') m
$$;
COMMENT ON FUNCTION odoo_events._filter_paths(jsonpath) IS 'internal: members that a filter looks at, from the root of the event';
-- The members of data.<label> that events of these types have, as far as the catalog knows.
CREATE FUNCTION odoo_events._data_members(types_like text[], label text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH e AS (SELECT x.* FROM odoo_events.entity x
            WHERE x.entity IN (SELECT unnest(p.entities) FROM odoo_events._promised p WHERE p.type LIKE ANY ($1)))
SELECT unnest('{id,name,document}'::text[]) WHERE $2 IS NOT NULL
UNION SELECT f.field FROM e JOIN odoo_events.field f ON f.owner = e.entity WHERE $2 = COALESCE(e.label, e.entity)
UNION SELECT k FROM e, jsonb_object_keys(odoo_events._extra_json(e.entity) || odoo_events._sum_json(e)) k WHERE $2 = COALESCE(e.label, e.entity)
UNION SELECT COALESCE(e.label, e.entity) FROM e WHERE $2 IS NULL
UNION SELECT unnest('{transition,lines,changes,deleted,redacted,lines_read_at}'::text[]) WHERE $2 IS NULL
$$;
COMMENT ON FUNCTION odoo_events._data_members(text[], text) IS 'internal: members of data (label null) or of data.<label> in events of these types';
-- A name that no event has is a slip of the pen: a filter that looks at it matches nothing.  That is certain for the envelope, and for
-- data where all types are named and in the catalog; events of emit() carry what they like.
CREATE FUNCTION odoo_events._check_filter_names(filter jsonpath, types text[], types_like text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  certain constant boolean := NOT EXISTS (SELECT 1 FROM unnest(types) t WHERE NOT EXISTS (SELECT 1 FROM odoo_events._promised p WHERE p.type = t));
  path    text[];
  place   text;
  known   text[];
BEGIN
  FOR path IN SELECT * FROM odoo_events._filter_paths(filter) LOOP
    IF NOT odoo_events._envelope_json() -> 'properties' ? path[1] THEN
      RAISE EXCEPTION 'argument "filter" looks at $.%, which no event has', path[1] USING ERRCODE = 'invalid_parameter_value',
        HINT = format('An event has %s; facts are in $.data.', (SELECT string_agg(k, ', ') FROM jsonb_object_keys(odoo_events._envelope_json() -> 'properties') k));
    END IF;
    CONTINUE WHEN path[1] <> 'data' OR cardinality(path) < 2 OR EXISTS (SELECT 1 FROM unnest(types) t WHERE t LIKE 'odoo.platform.%');
    known := ARRAY(SELECT * FROM odoo_events._data_members(types_like, NULL) ORDER BY 1);
    CONTINUE WHEN path[2] IN ('lines', 'changes') OR cardinality(known) <= 6;
    place := NULL;
    IF NOT path[2] = ANY (known) THEN
      place := '$.data.' || path[2];
    ELSIF cardinality(path) > 2 AND path[2] NOT IN ('transition', 'deleted', 'redacted', 'lines_read_at') THEN
      known := ARRAY(SELECT * FROM odoo_events._data_members(types_like, path[2]) ORDER BY 1);
      place := CASE WHEN NOT path[3] = ANY (known) THEN '$.data.' || path[2] || '.' || path[3] END;
    END IF;
    IF place IS NOT NULL AND certain THEN
      RAISE EXCEPTION 'argument "filter" looks at %, which no event of these types has', place USING ERRCODE = 'invalid_parameter_value',
        HINT = format('There is: %s.', array_to_string(known, ', '));
    ELSIF place IS NOT NULL THEN
      RAISE WARNING 'argument "filter" looks at %, which no event in the catalog has', place
        USING HINT = 'Own events of emit() may have it; all others match only if the filter does not depend on it.';
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._check_filter_names(jsonpath, text[], text[]) IS 'internal: refuses a filter, or warns of it, that names what no event has';
-- A filter is tried on the latest events of its types.
CREATE FUNCTION odoo_events._try_filter(filter jsonpath, types_like text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t record;
BEGIN
  SELECT count(*) AS n, count(*) FILTER (WHERE v = 'unknown') AS unknown, count(*) FILTER (WHERE v LIKE 'the filter could not%') AS unjudged,
         count(*) FILTER (WHERE odoo_events._took_too_long(v)) AS slow, min(substr(v, 33)) FILTER (WHERE v LIKE 'the filter could not%') AS reason INTO t
    FROM (SELECT odoo_events._filter_verdict(o.event, filter) AS v
            FROM (SELECT x.event FROM odoo_events.outbox_all x
                   WHERE x.position > odoo_events._last_position() - 10000 AND x.type LIKE ANY (types_like) ORDER BY x.position DESC LIMIT 50) o) j;
  IF t.slow > 2 OR t.unjudged > 0 AND t.unjudged = t.n THEN
    RAISE EXCEPTION 'argument "filter" cannot judge events of these types: %', t.reason USING ERRCODE = 'invalid_parameter_value',
      DETAIL = format('It was tried on the latest %s.', t.n), HINT = 'Compare one value with another, for example filter => ''$.data.transfer.priority == "1"''.';
  ELSIF t.unjudged > 0 THEN
    RAISE WARNING 'argument "filter" cannot judge % of the latest % events of these types: %', t.unjudged, t.n, t.reason
      USING HINT = 'Such events become dead letters.';
  ELSIF t.unknown > 0 AND t.unknown = t.n THEN
    RAISE WARNING 'argument "filter" is neither true nor false for the latest % events of these types, so that none passes', t.n
      USING HINT = 'A string and a number do not compare: .double() makes a number of a string.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._try_filter(jsonpath, text[]) IS 'internal: refuses a filter, or warns of it, that cannot judge the latest events';
-- What all ways of giving a configuration have in common.
CREATE OR REPLACE FUNCTION odoo_events._check_config(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF c.url IS NULL AND (c.format <> 'structured' OR c.handshake OR c.dry_run OR c.header_names <> '{}'
       OR num_nonnulls(c.schedule, c.rate_limit, c.retry_schedule, c.expire_after, c.tls, c.success_statuses) > 0) THEN
    RAISE EXCEPTION 'a subscription without a URL takes no argument about requests' USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'format, handshake, dry_run, headers, schedule, rate_limit, retry_schedule, expire_after, tls and success_statuses are such; its consumer calls fetch().',
      HINT = format('SELECT odoo_events.subscribe(%L, url => NULL);', c.name);
  END IF;
  IF c.name !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$' THEN
    RAISE EXCEPTION 'argument "name" is not a usable name of a subscription' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Up to 63 letters, digits, "_", "." and "-", beginning with a letter or digit.';
  END IF;
  IF array_position(c.allow_networks, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'argument "allow_networks" contains a null' USING ERRCODE = 'null_value_not_allowed',
      HINT = 'allow_networks => ''{10.0.0.0/8}''';
  END IF;
  IF array_position(c.companies, NULL) IS NOT NULL OR array_position(c.warehouses, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'argument "%" contains a null', CASE WHEN array_position(c.companies, NULL) IS NOT NULL THEN 'companies' ELSE 'warehouses' END
      USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave the null out; shared_rows says whether events without a company are wanted.';
  END IF;
  IF 0 > ANY (c.companies) OR 0 > ANY (c.warehouses) THEN
    RAISE EXCEPTION 'argument "%" names a negative id', CASE WHEN 0 > ANY (c.companies) THEN 'companies' ELSE 'warehouses' END
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Ids in Odoo are positive numbers.';
  END IF;
  IF c.url ~ '#' THEN
    RAISE EXCEPTION 'argument "url" has a fragment' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'What follows "#" is never sent: leave it out, or write %23.';
  END IF;
  IF c.format NOT IN ('structured', 'binary', 'batch', 'standard') THEN
    RAISE EXCEPTION 'argument "format" is "%"', c.format USING ERRCODE = 'invalid_parameter_value',
      HINT = 'structured: a CloudEvent per request; binary: its attributes as ce-* headers; batch: up to batch_size CloudEvents; standard: {type, timestamp, data}.';
  END IF;
  IF c.payload NOT IN ('full', 'thin') THEN
    RAISE EXCEPTION 'argument "payload" is "%"', c.payload USING ERRCODE = 'invalid_parameter_value',
      HINT = 'full: all of an event; thin: what it is about, without facts.';
  END IF;
  IF cardinality(c.clearance) = 0 OR NOT c.clearance <@ '{public,internal,confidential,personal}' THEN
    RAISE EXCEPTION 'argument "clearance" is %', c.clearance USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Name classes of public, internal, confidential (prices, costs) and personal (people, addresses); fields of the others are left out.';
  END IF;
  IF c.signature NOT IN ('hmac', 'ed25519') THEN
    RAISE EXCEPTION 'argument "signature" is "%"', c.signature USING ERRCODE = 'invalid_parameter_value',
      HINT = 'hmac: both sides share a secret (v1); ed25519: the receiver verifies with a public key (v1a).';
  END IF;
  IF c.ordering NOT IN ('key', 'none', 'strict') THEN
    RAISE EXCEPTION 'argument "ordering" is "%"', c.ordering USING ERRCODE = 'invalid_parameter_value',
      HINT = 'key: in order per document; none: as it comes; strict: one after another.';
  END IF;
  IF c.batch_size NOT BETWEEN 1 AND 1000 THEN
    RAISE EXCEPTION 'argument "batch_size" is %', c.batch_size USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 1000.';
  END IF;
  IF c.batch_size > 1 AND c.format <> 'batch' THEN
    RAISE EXCEPTION 'argument "batch_size" needs format => ''batch''' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'format => ''batch''';
  END IF;
  IF c.batch_wait < interval '0' OR c.batch_wait > interval '1 hour' THEN
    RAISE EXCEPTION 'argument "batch_wait" is %', c.batch_wait USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 0 to 1 hour.';
  END IF;
  IF c.max_in_flight NOT BETWEEN 1 AND 256 THEN
    RAISE EXCEPTION 'argument "max_in_flight" is %', c.max_in_flight USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 256.';
  END IF;
  IF c.timeout < interval '1 ms' OR c.timeout > interval '1 hour' THEN
    RAISE EXCEPTION 'argument "timeout" is %', c.timeout USING ERRCODE = 'invalid_parameter_value', HINT = 'Give more than 0, up to 1 hour.';
  END IF;
  IF c.rate_limit NOT BETWEEN 0.001 AND 100000 THEN
    RAISE EXCEPTION 'argument "rate_limit" is %', c.rate_limit USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give requests per second, 0.001 to 100000; 0 for no limit.';
  END IF;
  IF c.rate_burst IS NOT NULL AND c.rate_limit IS NULL THEN
    RAISE EXCEPTION 'argument "rate_burst" needs rate_limit' USING ERRCODE = 'invalid_parameter_value', HINT = 'rate_limit => 10';
  END IF;
  IF c.rate_burst NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'argument "rate_burst" is %', c.rate_burst USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the requests that may start at once after a pause, 1 to 100000.';
  END IF;
  IF c.priority NOT BETWEEN 1 AND 9 THEN
    RAISE EXCEPTION 'argument "priority" is %', c.priority USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 (first) to 9.';
  END IF;
  IF c.expire_after NOT BETWEEN interval '1 second' AND interval '10 years' THEN
    RAISE EXCEPTION 'argument "expire_after" is %', c.expire_after USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give 1 second to 10 years; 0 for never.';
  END IF;
  IF EXISTS (SELECT 1 FROM unnest(c.success_statuses) s
              WHERE s IS NULL OR s NOT BETWEEN 300 AND 499 OR s IN (401, 407, 408, 410, 425, 429)) THEN
    RAISE EXCEPTION 'argument "success_statuses" is %', c.success_statuses USING ERRCODE = 'invalid_parameter_value',
      DETAIL = '2xx always acknowledges; 401, 407, 408, 410, 425, 429 and 5xx say that the endpoint did not take the event.',
      HINT = 'Give statuses from 300 to 499 by which the receiver says that it has the event: success_statuses => ''{409}''';
  END IF;
  IF c.schedule IS NOT NULL THEN
    PERFORM odoo_events._schedule_next(c.schedule, now(), COALESCE(c.timezone, 'UTC'));
  ELSIF c.timezone IS NOT NULL THEN
    RAISE EXCEPTION 'argument "timezone" is given, but no schedule' USING ERRCODE = 'invalid_parameter_value',
      HINT = format('schedule => ''0 6 * * 1-5'', timezone => %L; timezone => '''' takes it away.', c.timezone);
  END IF;
  IF EXISTS (SELECT 1 FROM unnest(c.retry_schedule) r WHERE r IS NULL OR r < interval '0' OR r > interval '30 days')
     OR cardinality(c.retry_schedule) > 100 THEN
    RAISE EXCEPTION 'argument "retry_schedule" has an unusable interval' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give up to 100 delays from 0 to 30 days, one before each retry: retry_schedule => ''{5s,1min,10min}''';
  END IF;
END $$;
-- Where a new subscription begins: the cursor before its first event.
CREATE OR REPLACE FUNCTION odoo_events._start_cursor(start_from text) RETURNS int8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last int8 := odoo_events._last_position();
  first int8;
  moment timestamptz;
BEGIN
  IF start_from IS NULL THEN
    RAISE EXCEPTION 'argument "start_from" is null' USING ERRCODE = 'null_value_not_allowed',
      HINT = 'Give now, earliest, a position of the outbox, or a time such as 2026-01-31 08:00+01.';
  ELSIF start_from = 'now' THEN
    RETURN last;
  END IF;
  SELECT min(o.position) INTO first FROM odoo_events.outbox_all o;
  first := COALESCE(first, last + 1);
  IF start_from = 'earliest' THEN
    RETURN first - 1;
  ELSIF start_from ~ '^[0-9]{1,18}$' THEN
    IF start_from::int8 < first OR start_from::int8 > last + 1 THEN
      RAISE EXCEPTION 'argument "start_from" is position %, which is not in the outbox', start_from USING ERRCODE = 'invalid_parameter_value',
        HINT = format('It holds the positions %s to %s.', first, last);
    END IF;
    RETURN start_from::int8 - 1;
  END IF;
  BEGIN
    moment := start_from::timestamptz;
  EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION 'argument "start_from" is "%"', start_from USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give now, earliest, a position of the outbox, or a time such as 2026-01-31 08:00+01.';
  END;
  IF moment > clock_timestamp() THEN
    RAISE WARNING 'argument "start_from" is %, which is in the future: the subscription begins now', moment
      USING HINT = 'pause() lets it wait.';
  END IF;
  RETURN COALESCE((SELECT min(o.position) FROM odoo_events.outbox_all o WHERE o.recordedtime >= moment) - 1, last);
END $$;
-- The functions that take secrets are C wrappers of the same name without the underscore: they keep the statement out of the
-- server's log when it fails, and hand all arguments over as one object.  So an argument is added in three places: a column
-- of subscription_config of the same name and type, a line in each of the two signatures, and its check in _check_config().

-- A configuration with what is given put in place of what was; all of it checked.
CREATE OR REPLACE FUNCTION odoo_events._configure(was odoo_events.subscription_config, args jsonb) RETURNS odoo_events.subscription_config
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := jsonb_populate_record(was, args - '{headers,auth,tls}'::text[]);
  broker boolean;
  missing text;
BEGIN
  c.companies := NULLIF(c.companies, '{}');
  c.warehouses := NULLIF(c.warehouses, '{}');
  c.success_statuses := NULLIF(c.success_statuses, '{}');
  c.outcome_types := NULLIF(c.outcome_types, '{}');
  c.fields := NULLIF(c.fields, '{}');
  c.outcome_within := NULLIF(c.outcome_within, '0');
  c.outcome_calendar := NULLIF(c.outcome_calendar, '');
  c.allow_networks := COALESCE(c.allow_networks, '{}');
  c.schedule := NULLIF(c.schedule, '');
  c.timezone := NULLIF(c.timezone, '');
  c.rate_limit := NULLIF(c.rate_limit, 0);
  c.rate_burst := NULLIF(c.rate_burst, 0);
  c.expire_after := NULLIF(c.expire_after, '0');
  c.transport := NULLIF(NULLIF(c.transport, '{}'), 'null');
  broker := odoo_events._transport(c.url) NOT IN ('webhook', 'fetch');
  IF c.transport IS NOT NULL AND NOT broker THEN
    RAISE EXCEPTION 'argument "transport" is for brokers' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Leave "transport" out, or give a URL that begins with kafka:, kafkas:, nats:, nats+tls:, mqtt:, mqtts:, amqp: or amqps:.';
  END IF;
  IF cardinality(c.retry_schedule) = 1 AND c.retry_schedule[1] IS NULL THEN
    c.retry_schedule := NULL;           -- '{null}': the default again
  END IF;
  SELECT a.key INTO missing
    FROM jsonb_each(args) a
         JOIN pg_attribute t ON t.attrelid = 'odoo_events.subscription_config'::regclass AND t.attname = a.key
   WHERE t.attnotnull AND to_jsonb(c) -> a.key = 'null' ORDER BY t.attnum LIMIT 1;
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'argument "%" is null', missing USING ERRCODE = 'null_value_not_allowed',
      HINT = CASE missing WHEN 'name' THEN 'Give the subscription a name.' ELSE 'Leave it out for its default.' END;
  END IF;
  IF args ? 'headers' THEN
    c.header_names := odoo_events._header_names(COALESCE(NULLIF(args -> 'headers', 'null'), '{}'));
  END IF;
  PERFORM odoo_events._check_config(c);
  PERFORM odoo_events._check_outcomes(c);
  IF args ? 'auth' AND NOT broker THEN
    c.auth := odoo_events._auth_public(NULLIF(args -> 'auth', 'null'));
    c.auth_expires_at := odoo_events._token_expiry(args #>> '{auth,token}');
  END IF;
  IF NOT broker AND c.auth IS NOT NULL AND 'authorization' = ANY (lower(c.header_names::text)::text[]) THEN
    RAISE EXCEPTION 'arguments "auth" and "headers" both set Authorization' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'headers => ''{}'' leaves it to auth, auth => ''{}'' to headers.';
  END IF;
  IF args ? 'tls' AND NOT broker THEN
    c.tls := odoo_events._tls_public(NULLIF(args -> 'tls', 'null'));
    c.tls_expires_at := odoo_events._check_tls(args #>> '{tls,ca}', args #>> '{tls,cert}', args #>> '{tls,key}');
  END IF;
  IF NOT broker AND c.tls IS NOT NULL AND c.url !~* '^https:' THEN
    RAISE EXCEPTION 'argument "tls" needs an https URL' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give an https URL, or tls => ''{}''.';
  END IF;
  IF args ? 'types' THEN
    c.types_like := odoo_events._types_like(c.types);
  END IF;
  IF args ? 'outcome_types' THEN
    c.outcome_types_like := CASE WHEN c.outcome_types IS NOT NULL THEN odoo_events._types_like(c.outcome_types) END;
  END IF;
  IF c.filter IS NOT NULL AND args ?| '{filter,types}' THEN
    PERFORM odoo_events._check_predicate(c.filter);
    PERFORM odoo_events._check_filter_names(c.filter, c.types, c.types_like);
    PERFORM odoo_events._try_filter(c.filter, c.types_like);
  END IF;
  PERFORM odoo_events._warn_config(c, args);
  -- last: a name that cannot be resolved now is only worth a warning where all else is right
  IF broker THEN
    c := odoo_events._configure_broker(c, args);
  ELSE
    PERFORM odoo_events._check_url(c.url, c.allow_networks);
  END IF;
  IF c.auth ->> 'type' = 'oauth2' THEN
    PERFORM odoo_events._check_url(c.auth ->> 'token_url', c.allow_networks, 'auth.token_url');
  END IF;
  PERFORM odoo_events._must_be_whole(c, 'subscribe', CASE WHEN was.id IS NULL THEN '{subscribe}' ELSE '{operate,subscribe}' END::text[], true);
  RETURN c;
END $$;
CREATE OR REPLACE FUNCTION odoo_events._same_way(was odoo_events.subscription_config, c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF odoo_events._transport(was.url) <> odoo_events._transport(c.url) THEN
    RAISE EXCEPTION 'subscription "%" is % and stays so', c.name,
      CASE odoo_events._transport(was.url) WHEN 'fetch' THEN 'fetched' WHEN 'webhook' THEN 'sent to a URL' ELSE 'sent by ' || odoo_events._transport(was.url) END
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'subscribe() another name, with start_from where this one is.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._same_way(odoo_events.subscription_config, odoo_events.subscription_config) IS
'internal: refuses to make a webhook, a pull consumer or a message of a broker of one another';
CREATE OR REPLACE FUNCTION odoo_events._subscribe(args jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._configure(NULL, args);
  s odoo_events.subscription_secret := odoo_events._configure_secret(NULL, c, args);
  start int8 := odoo_events._start_cursor(args ->> 'start_from');
BEGIN
  IF odoo_events._proposes('subscribe', args) THEN
    RETURN NULL;
  END IF;
  IF (args -> 'or_replace')::boolean AND EXISTS (SELECT 1 FROM odoo_events.subscription_config x WHERE x.name = c.name) THEN
    RETURN odoo_events._replace(c, s);
  END IF;
  c.id := nextval('odoo_events.subscription_id_seq');
  c.state := 'active'; c.state_since := now(); c.created_at := now(); c.version := 1;
  INSERT INTO odoo_events.subscription_config SELECT (c).* ON CONFLICT (name) DO NOTHING;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'subscription "%" already exists', c.name USING ERRCODE = 'duplicate_object',
      HINT = 'or_replace => true replaces its configuration and keeps its place.';
  END IF;
  IF c.url IS NULL THEN
    INSERT INTO odoo_events.pull_cursor (subscription_id, position, fetched, scanned) VALUES (c.id, start, start, start);
    RETURN NULL;
  END IF;
  s.subscription_id := c.id;
  s.secret := COALESCE(s.secret, odoo_events._new_secret());
  PERFORM odoo_events._store_secret(s);
  INSERT INTO odoo_events.progress_0 (subscription_id, at, cursor) VALUES (c.id, clock_timestamp(), start);
  PERFORM odoo_events._wake('config');
  -- messages to a broker are not signed
  RETURN CASE WHEN odoo_events._transport(c.url) = 'webhook' THEN odoo_events._secret_text(s) END;
END $$;
-- or_replace: keeps number, place, state, and the secret unless a new one is given.
CREATE OR REPLACE FUNCTION odoo_events._replace(c odoo_events.subscription_config, s odoo_events.subscription_secret) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was odoo_events.subscription_config := odoo_events._subscription(c.name);
  old odoo_events.subscription_secret;
  keeps boolean;
BEGIN
  PERFORM odoo_events._must_be_whole(was, 'subscribe');
  PERFORM odoo_events._same_way(was, c);
  PERFORM odoo_events._keep_secret(was);
  c.id := was.id; c.version := was.version; c.created_at := was.created_at;
  c.state := was.state; c.state_reason := was.state_reason; c.state_since := was.state_since;
  s.subscription_id := c.id;
  SELECT * INTO old FROM odoo_events.subscription_secret x WHERE x.subscription_id = c.id;
  keeps := s.secret IS NULL AND old.signature IS NOT DISTINCT FROM c.signature;
  IF keeps THEN
    s.secret := old.secret;
    s.previous := old.previous; s.previous_signature := old.previous_signature; s.previous_until := old.previous_until;
    c.overlap_until := was.overlap_until;
  ELSE
    s.secret := COALESCE(s.secret, odoo_events._new_secret());
  END IF;
  PERFORM odoo_events._store_secret(s);
  PERFORM odoo_events._save_subscription(c);
  IF odoo_events._transport(c.url) <> 'webhook' THEN
    RETURN NULL;
  END IF;
  RAISE NOTICE 'subscription "%" keeps its place and %', c.name, CASE WHEN keeps THEN 'its secret' ELSE 'has a new secret' END;
  RETURN CASE WHEN NOT keeps THEN odoo_events._secret_text(s) END;
END $$;
CREATE FUNCTION odoo_events.subscribe(
  name           text,
  url            text,
  types          text[]     DEFAULT '{*}',
  filter         jsonpath   DEFAULT NULL,
  companies      int4[]     DEFAULT NULL,
  warehouses     int4[]     DEFAULT NULL,
  format         text       DEFAULT 'structured',
  payload        text       DEFAULT 'full',
  clearance      text[]     DEFAULT '{public,internal}',
  ordering       text       DEFAULT 'key',
  batch_size     int4       DEFAULT 1,
  batch_wait     interval   DEFAULT '0',
  schedule       text       DEFAULT NULL,
  max_in_flight  int4       DEFAULT 16,
  rate_limit     numeric    DEFAULT NULL,
  rate_burst     int4       DEFAULT NULL,
  priority       int4       DEFAULT 5,
  timeout        interval   DEFAULT '15s',
  retry_schedule interval[] DEFAULT NULL,
  expire_after   interval   DEFAULT NULL,
  headers        jsonb      DEFAULT '{}',
  auth           jsonb      DEFAULT NULL,
  tls            jsonb      DEFAULT NULL,
  signature      text       DEFAULT 'hmac',
  secret         text       DEFAULT NULL,
  handshake      boolean    DEFAULT false,
  allow_networks cidr[]     DEFAULT '{}',
  dry_run        boolean    DEFAULT false,
  start_from     text       DEFAULT 'now',
  owner          text       DEFAULT NULL,
  contact        text       DEFAULT NULL,
  or_replace     boolean    DEFAULT false,
  shared_rows    boolean    DEFAULT true,
  success_statuses int4[]   DEFAULT NULL,
  transport      jsonb      DEFAULT NULL,
  outcomes       text       DEFAULT 'none',
  outcome_within interval   DEFAULT NULL,
  rejected       jsonpath   DEFAULT '$.rejected[*]',
  accepted       jsonpath   DEFAULT NULL,
  outcome_types  text[]     DEFAULT NULL,
  on_reject      text       DEFAULT 'retry',
  fields         text[]     DEFAULT NULL,
  timezone       text       DEFAULT NULL,
  outcome_status jsonpath   DEFAULT '$.status',
  keep_answers   boolean    DEFAULT false,
  outcome_calendar text     DEFAULT NULL
) RETURNS text
LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'oe_sql_guarded';
COMMENT ON FUNCTION odoo_events.subscribe IS
'sends events to a webhook or a broker from now on (or start_from); answers a webhook''s signing secret, which is shown once (of ed25519 the public key)';
CREATE OR REPLACE FUNCTION odoo_events._alter_subscription(args jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  given jsonb;                          -- null leaves as it is
  was odoo_events.subscription_config := odoo_events._subscription(args ->> 'name');
  c odoo_events.subscription_config;
  s odoo_events.subscription_secret;
BEGIN
  SELECT jsonb_object_agg(a.key, a.value) INTO given FROM jsonb_each(args) a WHERE a.value <> 'null';
  PERFORM odoo_events._must_be_whole(was, 'alter_subscription');
  c := odoo_events._configure(was, given);
  PERFORM odoo_events._same_way(was, c);
  IF odoo_events._proposes('alter_subscription', given) THEN
    RETURN;
  END IF;
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = c.id;
  s := odoo_events._configure_secret(s, c, given);
  IF given ?| '{secret,signature,headers,auth,tls}' THEN
    IF s.secret IS NULL OR odoo_events._lost_secrets(c, s) <> '{}' THEN
      RAISE EXCEPTION 'subscription "%" has not all of its secrets here', c.name
        USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'They are in no backup.',
              HINT = format('Give in one call: %s.', array_to_string(
                CASE WHEN s.secret IS NULL THEN '{secret}'::text[] ELSE '{}' END || odoo_events._lost_secrets(c, s), ', '));
    END IF;
    PERFORM odoo_events._keep_secret(was);
    s.subscription_id := c.id;
    PERFORM odoo_events._store_secret(s);
    PERFORM odoo_events._audit('set_secret', c.name, NULL, jsonb_build_object('secret', given ? 'secret', 'headers', to_jsonb(c.header_names)));
  END IF;
  IF given ? 'secret' THEN
    c.overlap_until := NULL;
  END IF;
  PERFORM odoo_events._save_subscription(c);
END $$;
CREATE FUNCTION odoo_events.alter_subscription(
  name           text,
  url            text       DEFAULT NULL,
  types          text[]     DEFAULT NULL,
  filter         jsonpath   DEFAULT NULL,
  companies      int4[]     DEFAULT NULL,
  warehouses     int4[]     DEFAULT NULL,
  format         text       DEFAULT NULL,
  payload        text       DEFAULT NULL,
  clearance      text[]     DEFAULT NULL,
  ordering       text       DEFAULT NULL,
  batch_size     int4       DEFAULT NULL,
  batch_wait     interval   DEFAULT NULL,
  schedule       text       DEFAULT NULL,
  max_in_flight  int4       DEFAULT NULL,
  rate_limit     numeric    DEFAULT NULL,
  rate_burst     int4       DEFAULT NULL,
  priority       int4       DEFAULT NULL,
  timeout        interval   DEFAULT NULL,
  retry_schedule interval[] DEFAULT NULL,
  expire_after   interval   DEFAULT NULL,
  headers        jsonb      DEFAULT NULL,
  auth           jsonb      DEFAULT NULL,
  tls            jsonb      DEFAULT NULL,
  signature      text       DEFAULT NULL,
  secret         text       DEFAULT NULL,
  handshake      boolean    DEFAULT NULL,
  allow_networks cidr[]     DEFAULT NULL,
  dry_run        boolean    DEFAULT NULL,
  owner          text       DEFAULT NULL,
  contact        text       DEFAULT NULL,
  shared_rows    boolean    DEFAULT NULL,
  success_statuses int4[]   DEFAULT NULL,
  transport      jsonb      DEFAULT NULL,
  outcomes       text       DEFAULT NULL,
  outcome_within interval   DEFAULT NULL,
  rejected       jsonpath   DEFAULT NULL,
  accepted       jsonpath   DEFAULT NULL,
  outcome_types  text[]     DEFAULT NULL,
  on_reject      text       DEFAULT NULL,
  fields         text[]     DEFAULT NULL,
  timezone       text       DEFAULT NULL,
  outcome_status jsonpath   DEFAULT NULL,
  keep_answers   boolean    DEFAULT NULL,
  outcome_calendar text     DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'oe_sql_guarded';
COMMENT ON FUNCTION odoo_events.alter_subscription IS
'changes a subscription; what is null stays as it is, ''{}'' empties companies, warehouses, auth, tls, success_statuses, transport, outcome_types and fields; filter => ''true'' lets all pass';
-- deliver: what operators do with subscriptions, and replays.

CREATE FUNCTION odoo_events._unsubscribe(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._shelve(c);
  DELETE FROM odoo_events.subscription_config s WHERE s.id = c.id;
  DELETE FROM odoo_events.replay_job r WHERE r.subscription_id = c.id;
  DELETE FROM odoo_events.command x WHERE x.subscription_id = c.id;
  DELETE FROM odoo_events.overrun o WHERE o.subscription_id = c.id;
  DELETE FROM odoo_events.subscription_peer e WHERE e.subscription_id = c.id;
  DELETE FROM odoo_events.outcome_state o WHERE o.subscription_id = c.id;
  DELETE FROM odoo_events.subscription_cut k WHERE c.id IN (k.from_id, k.to_id);
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._unsubscribe(odoo_events.subscription_config) IS 'internal: removes a subscription, and keeps what brings it back';
CREATE OR REPLACE FUNCTION odoo_events.unsubscribe(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  PERFORM odoo_events._must_be_whole(c, 'unsubscribe');
  IF odoo_events._proposes('unsubscribe', jsonb_build_object('name', c.name)) THEN
    RETURN;
  END IF;
  PERFORM odoo_events._unsubscribe(c);
END $$;
COMMENT ON FUNCTION odoo_events.unsubscribe(text) IS 'removes a subscription; its place, its secret and its dead letters are kept for 7 days, in which config_rollback() or config_apply() brings it back';
CREATE OR REPLACE FUNCTION odoo_events.pause(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  PERFORM odoo_events._must_be_whole(c, 'pause', '{operate}');
  IF odoo_events._proposes('pause', jsonb_build_object('name', c.name)) THEN
    RETURN;
  END IF;
  IF c.state <> 'paused' THEN
    UPDATE odoo_events.subscription_config s
       SET state = 'paused', state_reason = format('paused by %s', session_user), state_since = clock_timestamp() WHERE s.id = c.id;
    PERFORM odoo_events._wake('config');
  END IF;
END $$;
CREATE OR REPLACE FUNCTION odoo_events.resume(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  PERFORM odoo_events._must_be_whole(c, 'resume', '{operate}');
  IF odoo_events._proposes('resume', jsonb_build_object('name', c.name)) THEN
    RETURN;
  END IF;
  UPDATE odoo_events.subscription_config s
     SET state = 'active', state_reason = NULL, state_since = clock_timestamp() WHERE s.id = c.id;
  DELETE FROM odoo_events.overrun o WHERE o.subscription_id = c.id;
  PERFORM odoo_events._wake('config');
END $$;
CREATE OR REPLACE FUNCTION odoo_events.ping(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  PERFORM odoo_events._must_be_whole(c, 'ping');
  PERFORM odoo_events._platform_event('odoo.platform.subscription.pinged.v1', c.name, '{}');
  IF NOT odoo_events._preloaded() THEN
    RAISE WARNING 'the ping is not sent: the library is not in shared_preload_libraries' USING HINT = 'SELECT * FROM odoo_events.health();';
  ELSIF NOT (SELECT a.armed FROM odoo_events._identity() a) THEN
    RAISE WARNING 'the ping is not sent: nothing is delivered from this database' USING HINT = 'SELECT * FROM odoo_events.health();';
  ELSIF c.state <> 'active' THEN
    RAISE WARNING 'the ping waits: subscription "%" is %', c.name, c.state USING HINT = format('SELECT odoo_events.resume(%L);', c.name);
  ELSIF c.url IS NULL THEN
    RAISE NOTICE 'the ping is not sent: the consumer of subscription "%" gets it by fetch() if its types match', c.name;
  END IF;
  PERFORM odoo_events._tell_of_ping(c);
  PERFORM odoo_events._audit('ping', c.name);
END $$;
COMMENT ON FUNCTION odoo_events.ping(text) IS 'sends a signed test event to this subscription, whatever it filters; to a broker, it connects and looks for the topic, and sends the event only where the topic is fixed and keeps no states';
CREATE FUNCTION odoo_events.retry_now(name text, companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  args constant jsonb := jsonb_strip_nulls(jsonb_build_object('name', c.name, 'companies', companies, 'warehouses', warehouses));
  chosen int8[] := '{}';
BEGIN
  PERFORM odoo_events._must_be_narrow(c, 'retry_now', args, NULL, companies, warehouses);
  IF odoo_events._proposes('retry_now', args) THEN
    RETURN;
  END IF;
  IF num_nonnulls(companies, warehouses) > 0 THEN
    chosen := ARRAY(SELECT e.held_position FROM odoo_events.held_event e
                   WHERE e.subscription_id = c.id AND e.position = e.held_position AND e.attempts > 0
                     AND odoo_events._within(e.company_id, e.warehouse_id, companies, warehouses));
  END IF;
  IF chosen <> '{}' OR num_nonnulls(companies, warehouses) = 0 THEN
    INSERT INTO odoo_events.command (subscription_id, what, positions, by) VALUES (c.id, 'retry_now', chosen, session_user);
  END IF;
  PERFORM odoo_events._audit('retry_now', c.name, NULL, NULLIF(args - 'name', '{}'));
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.retry_now(text, int4[], int4[]) IS
'endpoint mended: closes the breaker and retries all that waits, now; with companies or warehouses only their events, and an open breaker stays';
CREATE FUNCTION odoo_events.skip(name text, ids uuid[], companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  args constant jsonb := jsonb_strip_nulls(jsonb_build_object('name', c.name, 'ids', ids, 'companies', companies, 'warehouses', warehouses));
  found_positions int8[];
  reasons text[];
BEGIN
  PERFORM odoo_events._must_be_narrow(c, 'skip', args, NULL, companies, warehouses);
  SELECT array_agg(w.position), array_agg(w.last_error) INTO found_positions, reasons
    FROM odoo_events.waiting w JOIN odoo_events.outbox_all o ON o.position = w.position
   WHERE w.subscription = c.name AND w.state = 'retry' AND w.event_id = ANY (ids) AND odoo_events._within(o.company_id, o.warehouse_id, companies, warehouses);
  IF cardinality(ids) = 0 THEN
    RETURN 0;
  ELSIF found_positions IS NULL OR cardinality(found_positions) <> (SELECT count(DISTINCT i) FROM unnest(ids) i) THEN
    RAISE EXCEPTION 'argument "ids" names an event that subscription "%" is not retrying', name USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT event_id FROM odoo_events.waiting WHERE state = ''retry'' lists them.';
  END IF;
  IF odoo_events._proposes('skip', args) THEN
    RETURN NULL;
  END IF;
  -- the dead letter says what it failed with, too
  INSERT INTO odoo_events.command (subscription_id, what, positions, by)
  SELECT c.id, 'skip', array_agg(u.position), concat_ws(': ', session_user, u.reason) FROM unnest(found_positions, reasons) u(position, reason) GROUP BY u.reason;
  PERFORM odoo_events._audit('skip', c.name, NULL, jsonb_build_object('ids', ids));
  PERFORM odoo_events._wake('config');
  RETURN cardinality(found_positions);
END $$;
COMMENT ON FUNCTION odoo_events.skip(text, uuid[], int4[], int4[]) IS
'poison events: to the dead letters, and on with what waits behind them; companies and warehouses say whose events they may be';
CREATE FUNCTION odoo_events.discard(name text, ids uuid[], companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  args constant jsonb := jsonb_strip_nulls(jsonb_build_object('name', c.name, 'ids', ids, 'companies', companies, 'warehouses', warehouses));
  found uuid[];
BEGIN
  PERFORM odoo_events._must_be_narrow(c, 'discard', args, NULL, companies, warehouses);
  IF odoo_events._proposes('discard', args) THEN
    RETURN NULL;
  END IF;
  WITH gone AS (DELETE FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = ANY (ids)
                   AND odoo_events._within(d.company_id, d.warehouse_id, companies, warehouses) RETURNING d.event_id)
  SELECT array_agg(g.event_id) INTO found FROM gone g;
  IF found IS NOT NULL THEN
    PERFORM odoo_events._audit('discard', c.name, jsonb_build_object('ids', found));
  END IF;
  RETURN COALESCE(cardinality(found), 0);
END $$;
COMMENT ON FUNCTION odoo_events.discard(text, uuid[], int4[], int4[]) IS
'drops dead letters for good; answers how many; companies and warehouses say whose events they may be';
-- The events of a replay after a position, as the worker reads them: what the selectors and the subscription itself let through.  Without
-- selectors they are what fetch() answers.  filtered => false leaves the filter to the worker, which bounds its time over all events;
-- unjudged: why the filter cannot say whether it lets the event pass.
CREATE FUNCTION odoo_events._replay_events(job odoo_events.replay_job, after_position int8, max_events int4, filtered boolean DEFAULT true)
RETURNS TABLE ("position" int8, id uuid, type text, subject text, partitionkey text, company_id int4, warehouse_id int4, event text, classes text,
               "time" timestamptz, unjudged text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  c odoo_events.subscription_config;
BEGIN
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.id = job.subscription_id;
  RETURN QUERY
  SELECT x.position, x.id, x.type, x.subject, x.partitionkey, x.company_id, x.warehouse_id, x.event, x.classes, x."time", x.verdict
    FROM (SELECT d.position, d.event_id AS id, d.type, d.subject, d.partitionkey, d.company_id, d.warehouse_id, d.event, d.classes,
                 (odoo_events._legible(d.event) ->> 'time')::timestamptz AS "time", NULL AS verdict
            FROM odoo_events.dead d
           WHERE job.dead_letters AND d.subscription_id = c.id AND d.position > after_position AND d.position <= job.to_position
          UNION ALL
          SELECT o.position, o.id, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id, o.event, o.classes, o."time", v.verdict
            FROM odoo_events.outbox_all o
                 CROSS JOIN LATERAL (SELECT CASE WHEN filtered THEN odoo_events._filter_verdict(odoo_events._company_event(o.event, o.classes, c.companies), c.filter) END AS verdict OFFSET 0) v
           WHERE NOT job.dead_letters AND o.position > after_position AND o.position <= job.to_position AND NOT odoo_events._for_others(o.classes, c.id)
             AND o.type LIKE ANY (c.types_like)
             AND CASE WHEN o.type = 'odoo.platform.subscription.pinged.v1' THEN o.subject = 'subscription/' || c.name
                      WHEN o.type ~ '^odoo[.]platform[.](subscription|event|outcome|exception|flow|configuration|seal)[.]'      -- only by name, as deliver/queue/filter.c has it
                      THEN EXISTS (SELECT 1 FROM unnest(c.types_like) t WHERE t LIKE 'odoo.platform.%' AND o.type LIKE t)
                      WHEN o.type LIKE 'odoo.process.promise.%' THEN EXISTS (SELECT 1 FROM unnest(c.types_like) t WHERE t LIKE 'odoo.process.%' AND o.type LIKE t) ELSE true END
             AND (c.companies IS NULL OR COALESCE(o.company_id = ANY (c.companies), c.shared_rows))
             AND (c.warehouses IS NULL OR o.warehouse_id = ANY (c.warehouses))
             AND (v.verdict IS NULL OR v.verdict NOT IN ('false', 'unknown'))
             AND (job.missed IS NOT TRUE OR odoo_events._missed(c, job.id, o.position, o.id, o.type, o.subject, o.partitionkey, o."time",
                                                                o.company_id, o.warehouse_id, o.event, o.classes))) x
   WHERE x.position >= job.from_position
     AND (job.since IS NULL OR x."time" >= job.since) AND (job.until IS NULL OR x."time" < job.until)
     AND (job.types_like IS NULL OR x.type LIKE ANY (job.types_like))
     AND (job.keys IS NULL OR x.partitionkey = ANY (job.keys))
     AND (job.subject IS NULL OR x.subject = job.subject)
     AND (job.ids IS NULL OR x.id = ANY (job.ids))
     -- a topic of states gets only the latest event of each key: an old state, or a record that was deleted, does not come back
     AND NOT (odoo_events._keeps_states(c.transport) AND EXISTS (SELECT 1 FROM odoo_events.outbox_all y
               WHERE y.partitionkey = x.partitionkey AND y.position > x.position AND y.type LIKE ANY (c.types_like)))
     AND odoo_events._within(x.company_id, x.warehouse_id, job.companies, job.warehouses)
   ORDER BY x.position
   LIMIT max_events;
END $$;
COMMENT ON FUNCTION odoo_events._replay_events(odoo_events.replay_job, int8, int4, boolean) IS 'internal: the next events of a replay';
CREATE FUNCTION odoo_events.replay(name text, from_position int8 DEFAULT NULL, to_position int8 DEFAULT NULL,
  since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, types text[] DEFAULT NULL, keys text[] DEFAULT NULL,
  subject text DEFAULT NULL, ids uuid[] DEFAULT NULL, dead_letters boolean DEFAULT false, dry_run boolean DEFAULT false,
  missed boolean DEFAULT false, companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  args constant jsonb := jsonb_strip_nulls(jsonb_build_object('name', c.name, 'from_position', from_position, 'to_position', to_position, 'since', since, 'until', until,
    'types', types, 'keys', keys, 'subject', subject, 'ids', ids, 'dead_letters', NULLIF(dead_letters, false), 'missed', NULLIF(missed, false), 'companies', companies, 'warehouses', warehouses));
  job odoo_events.replay_job;
  slow int8;
  unjudged text;
BEGIN
  PERFORM odoo_events._must_be_narrow(c, 'replay', args, types, companies, warehouses);
  IF c.url IS NULL THEN
    RAISE EXCEPTION 'subscription "%" is fetched, nothing is sent to it', name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.subscribe(%L, url => NULL, start_from => %L);', name || '-again', COALESCE(from_position::text, 'earliest'));
  END IF;
  IF dead_letters AND missed THEN
    RAISE EXCEPTION 'arguments "dead_letters" and "missed" exclude one another' USING ERRCODE = 'invalid_parameter_value',
      HINT = format('SELECT odoo_events.replay(%L, missed => true); SELECT odoo_events.replay(%L, dead_letters => true);', name, name);
  END IF;
  IF NOT dead_letters AND NOT missed AND num_nonnulls(from_position, to_position, since, until, types, keys, subject, ids) = 0 THEN
    RAISE EXCEPTION 'nothing says what to replay' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give from_position, since, types, keys, subject, ids, dead_letters => true or missed => true; from_position => 0 means all.';
  END IF;
  IF from_position < 0 THEN
    RAISE EXCEPTION 'argument "from_position" is %', from_position USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Positions of the outbox begin with 1; from_position => 0 means all.';
  END IF;
  IF from_position > to_position OR since >= until THEN
    RAISE EXCEPTION 'the range to replay is empty' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'from_position must not be after to_position, since must be before until.';
  END IF;
  job.subscription_id := c.id;
  job.from_position := COALESCE(from_position, 0);
  job.to_position := COALESCE(to_position, 9223372036854775807);
  IF NOT dead_letters THEN
    -- what is not delivered for the first time yet need not be sent again
    job.to_position := LEAST(job.to_position, COALESCE((SELECT p.cursor FROM odoo_events.progress p
                                WHERE p.subscription_id = c.id ORDER BY p.n DESC LIMIT 1), 0));
  END IF;
  IF missed THEN
    -- what lies behind the latest alteration was judged as it would be now
    job.from_position := GREATEST(job.from_position, COALESCE(odoo_events._start_of(c.id), 0) + 1);
    job.to_position := LEAST(job.to_position, (SELECT max(COALESCE(v.position, job.to_position)) FROM odoo_events.subscription_version v WHERE v.subscription_id = c.id));
  END IF;
  job.companies := companies; job.warehouses := warehouses;
  job.since := since; job.until := until; job.keys := keys; job.subject := subject; job.ids := ids;
  job.types_like := CASE WHEN types IS NOT NULL THEN odoo_events._types_like(types) END;
  job.dead_letters := dead_letters;
  job.missed := NULLIF(missed, false);
  SELECT count(*) FILTER (WHERE e.unjudged IS NULL), min(e.position) - 1, max(e.position), count(*) FILTER (WHERE odoo_events._took_too_long(e.unjudged)), max(e.unjudged)
    INTO job.matched, job.cursor, job.to_position, slow, unjudged
    FROM odoo_events._replay_events(job, -1, NULL) e;
  PERFORM odoo_events._check_filter_cost(name, slow, unjudged);
  IF job.matched = 0 THEN
    RAISE NOTICE 'no event that subscription "%" has had is selected', name
      USING HINT = 'Only what is in the outbox, or in its dead letters, and passes its types and its filter can be sent again.';
  END IF;
  IF NOT dry_run AND odoo_events._proposes('replay', args) THEN
    RETURN NULL;
  END IF;
  IF NOT dry_run AND job.matched > 0 THEN
    INSERT INTO odoo_events.replay_job (subscription_id, from_position, to_position, since, until, types_like, keys, subject, ids,
        dead_letters, matched, cursor, created_by, created_at, missed, companies, warehouses)
    VALUES (c.id, job.from_position, job.to_position, since, until, job.types_like, keys, subject, ids,
        dead_letters, job.matched, job.cursor, session_user, clock_timestamp(), job.missed, companies, warehouses) RETURNING id INTO job.id;
    PERFORM odoo_events._audit('replay', c.name, NULL, jsonb_strip_nulls(jsonb_build_object('replay', job.id, 'events', job.matched,
      'from_position', job.from_position, 'to_position', job.to_position, 'since', since, 'until', until, 'types', types, 'keys', keys,
      'subject', subject, 'ids', ids, 'dead_letters', dead_letters, 'missed', job.missed, 'companies', companies, 'warehouses', warehouses)));
    PERFORM odoo_events._wake('config');
  END IF;
  RETURN job.matched;
END $$;
COMMENT ON FUNCTION odoo_events.replay(text, int8, int8, timestamptz, timestamptz, text[], text[], text, uuid[], boolean, boolean, boolean, int4[], int4[]) IS
'sends again what the subscription got, or its dead letters: same ids, same bytes, in order per key; missed: sends what it passed over, wants now and was never '
'sent; answers how many events';
CREATE OR REPLACE FUNCTION odoo_events.cancel_replay(id int8) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config;
  r odoo_events.replay_job;
BEGIN
  SELECT x.* INTO r FROM odoo_events.replay_job x WHERE x.id = cancel_replay.id AND x.state = 'running' FOR UPDATE;
  SELECT x.* INTO c FROM odoo_events.subscription_config x WHERE x.id = r.subscription_id;
  IF c.id IS NULL THEN
    RAISE EXCEPTION 'replay % is not running', id USING ERRCODE = 'undefined_object',
      HINT = 'SELECT * FROM odoo_events.replay_status lists them.';
  END IF;
  IF r.created_by <> session_user
     AND NOT odoo_events._sees_whole(odoo_events._policies('{operate}'), c.name, c.types, COALESCE(r.companies, c.companies), COALESCE(r.warehouses, c.warehouses), NULL, NULL) THEN
    PERFORM odoo_events._deny(format('replay %s concerns more than your policy allows', id), 'SELECT * FROM odoo_events.policy;  -- the replay must be inside, or your own');
  END IF;
  UPDATE odoo_events.replay_job x SET state = 'cancelled', finished_at = clock_timestamp() WHERE x.id = r.id;
  PERFORM odoo_events._audit('cancel_replay', c.name, NULL, jsonb_build_object('replay', id));
  PERFORM odoo_events._wake('config');
END $$;
-- deliver: how subscriptions go, and what they still need.

CREATE OR REPLACE VIEW odoo_events.subscription WITH (security_barrier) AS
SELECT c.name,
       c.url,
       c.types,
       c.filter,
       c.companies,
       c.warehouses,
       c.format,
       c.payload,
       c.clearance,
       c.ordering,
       c.batch_size,
       c.batch_wait,
       c.schedule,
       c.max_in_flight,
       c.rate_limit,
       c.rate_burst,
       c.priority,
       c.timeout,
       c.retry_schedule,
       c.expire_after,
       c.header_names,
       c.auth,
       c.tls,
       c.signature,
       c.handshake,
       c.allow_networks,
       c.dry_run,
       c.owner,
       c.contact,
       c.state,
       c.state_reason,
       c.state_since,
       c.created_at,
       c.shared_rows,
       c.success_statuses,
       c.transport,
       c.outcomes,
       c.outcome_within,
       c.rejected,
       c.accepted,
       c.outcome_types,
       c.on_reject,
       c.fields,
       c.timezone,
       c.outcome_status,
       c.keep_answers,
       c.outcome_calendar
  FROM odoo_events.subscription_config c
 WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses);
-- asked_at: nothing is sent before.  Of an open breaker it is the time of the probe; what waits for a retry follows as soon as the endpoint is
-- back, whenever that retry would have been.  Retry-After holds everything back in the same way, but ends no retry's own delay.
CREATE OR REPLACE VIEW odoo_events.subscription_progress AS
SELECT c.id AS subscription_id, c.name, c.types_like, p.n, p.at, p.cursor, p.in_flight, p.batches, p.requests, p.delivered, p.failed,
       p.filter_errors, p.breaker, p.not_before, p.last_status, p.last_error, p.last_success_at, p.failing_since, p.p50, p.p95, p.outcomes, p.gate, p.fired_at, p.probe_ms,
       pg_catalog.translate(pg_catalog.jsonb_path_query_array(p.batches, '$[*].positions[*]')::text, '[]', '{}')::int8[] AS batched,
       p.openings, CASE WHEN p.breaker = 'open' OR p.not_before > now() THEN p.not_before END AS asked_at,
       p.filter_error_at, p.filter_error_position, p.filter_passed, p.filter_refused
  FROM odoo_events.subscription_config c
       CROSS JOIN LATERAL (SELECT * FROM odoo_events.progress x WHERE x.subscription_id = c.id ORDER BY x.n DESC LIMIT 1) p
UNION ALL
SELECT c.id, c.name, c.types_like, NULL, k.at, k.position, '{}', '[]', 0, k.acked, 0,
       0, 'closed', NULL, NULL, NULL, k.at, NULL, NULL, NULL, '{}', NULL, NULL, 0, '{}', '{}', NULL, NULL, NULL, k.filter_passed, k.filter_refused
  FROM odoo_events.pull_cursor k JOIN odoo_events.subscription_config c ON c.id = k.subscription_id;
-- Events behind a held key, and the held one itself.
CREATE OR REPLACE VIEW odoo_events.held_event AS
SELECT h.subscription_id, h.position AS held_position, h.attempts, h.first_at, CASE p.breaker WHEN 'open' THEN p.asked_at ELSE GREATEST(h.next_attempt_at, p.asked_at) END AS next_attempt_at, h.last_error, o.position, o.id, o.type,
       o.subject, o.partitionkey, o.recordedtime, o.company_id, o.warehouse_id
  FROM odoo_events.subscription_progress p
       JOIN odoo_events.held h ON h.subscription_id = p.subscription_id
       CROSS JOIN LATERAL (
         SELECT x.position, x.id, x.type, x.subject, x.partitionkey, x.recordedtime, x.company_id, x.warehouse_id FROM odoo_events.outbox_all x
          WHERE h.mode = 'key' AND x.partitionkey = h.key AND x.position >= h.position
            AND x.position <= LEAST(p.cursor, COALESCE(h.upto, p.cursor))
            AND (x.position = h.position OR x.type LIKE ANY (p.types_like))
         UNION ALL
         SELECT x.position, x.id, x.type, x.subject, x.partitionkey, x.recordedtime, x.company_id, x.warehouse_id FROM odoo_events.outbox_all x
          WHERE h.mode <> 'key' AND x.position = h.position) o;
-- Estimated to be a few rows, whatever their number: the planner would have the plan of a thousand subscriptions compiled, which takes
-- ten times as long as to run it.
CREATE OR REPLACE VIEW odoo_events._subscription_status WITH (security_barrier) AS
SELECT c.name,
       CASE WHEN c.state = 'active' AND c.url IS NOT NULL AND s.subscription_id IS NULL THEN 'disabled'
            WHEN c.state = 'active' AND u.unarmed IS NOT NULL THEN 'unarmed'
            WHEN c.state = 'active' AND v.lost IS NOT NULL THEN 'overrun'
            WHEN c.state = 'active' AND c.dry_run THEN 'dry_run'
            WHEN c.state = 'active' AND p.breaker <> 'closed' THEN 'breaker_open' ELSE c.state END AS state,
       CASE WHEN c.state = 'active' AND c.url IS NOT NULL AND s.subscription_id IS NULL
            THEN 'has no secret here: SELECT odoo_events.set_secret(' || quote_literal(c.name) || ')'
            WHEN c.state = 'active' AND u.unarmed IS NOT NULL THEN u.unarmed
            WHEN c.state = 'active' AND v.lost IS NOT NULL THEN v.lost
            WHEN c.state = 'active' AND p.breaker <> 'closed' THEN p.last_error ELSE c.state_reason END AS state_reason,
       c.state_since,
       p.cursor AS position,
       LEAST(p.cursor, w.least_waiting - 1) AS acked_position,
       GREATEST(l.last_position - p.cursor, 0) + cardinality(p.in_flight) + cardinality(p.batched) + h.parked AS lag_events,
       now() - (SELECT min(o.recordedtime) FROM odoo_events.outbox_all o
                 WHERE o.position = LEAST(CASE WHEN p.cursor < l.last_position THEN p.cursor + 1 END, w.least_waiting)) AS oldest_pending_age,
       p.requests AS in_flight, h.parked, h.blocked_keys,
       (SELECT count(*) FROM odoo_events.dead d WHERE d.subscription_id = c.id) AS dead_letters,
       p.delivered AS delivered_total, p.failed AS failed_total, p.filter_errors AS filter_errors_total, p.breaker,
       CASE p.breaker WHEN 'open' THEN p.asked_at
            ELSE GREATEST(p.asked_at, LEAST(h.next_attempt_at,
                   CASE WHEN p.cursor < l.last_position THEN odoo_events._schedule_next(c.schedule, COALESCE(p.fired_at, c.state_since), COALESCE(c.timezone, 'UTC')) END,
                   (SELECT min(timestamptz '2000-01-01 00:00Z' + (b ->> 'next')::int8 * interval '1 us') FROM jsonb_array_elements(p.batches) b
                     WHERE (b ->> 'attempts')::int4 > 0))) END AS next_attempt_at,
       p.last_status, p.last_error, p.last_success_at, p.p50, p.p95,
       LEAST(CASE WHEN c.overlap_until > now() THEN c.overlap_until END, c.auth_expires_at, c.tls_expires_at) AS expires_at,
       odoo_events._transport(c.url) AS transport,
       (SELECT e.expires_at FROM odoo_events.subscription_peer e WHERE e.subscription_id = c.id) AS peer_expires_at
  FROM odoo_events.subscription_config c
       LEFT JOIN odoo_events.subscription_secret s ON s.subscription_id = c.id
       LEFT JOIN LATERAL (SELECT 'lost positions ' || string_agg(o.first_position || ' to ' || o.last_position, ', ' ORDER BY o.id)
                                 || ' because the outbox was full' AS lost
                            FROM odoo_events.overrun o WHERE o.subscription_id = c.id) v ON true
       LEFT JOIN LATERAL (SELECT (SELECT w.unarmed FROM odoo_events._worker() w)) u ON true
       LEFT JOIN odoo_events.subscription_progress p ON p.subscription_id = c.id
       CROSS JOIN LATERAL (SELECT count(*) AS parked, count(DISTINCT e.partitionkey) FILTER (WHERE e.attempts > 0) AS blocked_keys,
                                  min(e.next_attempt_at) FILTER (WHERE e.attempts > 0) AS next_attempt_at, min(e.position) AS least_held
                             FROM odoo_events.held_event e WHERE e.subscription_id = c.id) h
       CROSS JOIN LATERAL (SELECT LEAST(h.least_held, (SELECT min(x) FROM unnest(p.in_flight || p.batched) x)) AS least_waiting) w
       CROSS JOIN LATERAL (SELECT COALESCE((SELECT k.last_position FROM odoo_events.publish_cursor k ORDER BY k.n DESC LIMIT 1), 0)
                                  AS last_position) l
 WHERE c.id = ANY (ARRAY(SELECT x.id FROM odoo_events.subscription_config x))
   AND odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses);
COMMENT ON VIEW odoo_events._subscription_status IS 'internal: what subscription_status shows';
-- A UNION ALL at the top would be taken apart, and a reader's own conditions would see rows before they are hidden.
CREATE OR REPLACE VIEW odoo_events.waiting WITH (security_barrier) AS
SELECT u.subscription, u.event_id, u.position, u.type, u.subject, u.partitionkey, u.state, u.attempts, u.next_attempt_at, u.behind_event_id, u.since, u.last_error FROM (
SELECT p.name AS subscription, w.id AS event_id, w.position, w.type, w.subject, w.partitionkey,
       CASE WHEN w.batch_attempts > 0 THEN 'retry' WHEN w.position > w.head AND NOT w.position = ANY (p.batched) THEN 'behind'
            ELSE 'in_flight' END AS state,
       w.batch_attempts AS attempts, CASE WHEN w.next_attempt_at IS NOT NULL
            THEN CASE p.breaker WHEN 'open' THEN p.asked_at ELSE GREATEST(w.next_attempt_at, p.asked_at) END END AS next_attempt_at,
       CASE WHEN w.position > w.head AND NOT w.position = ANY (p.batched)
            THEN (SELECT x.id FROM odoo_events.outbox_all x WHERE x.position = w.head) END AS behind_event_id,
       w.recordedtime AS since, CASE WHEN w.batch_attempts > 0 THEN p.last_error END AS last_error
  FROM odoo_events.subscription_progress p
       JOIN odoo_events.subscription_config c ON c.id = p.subscription_id
       CROSS JOIN LATERAL (
         SELECT i.position, i.batch_attempts, i.next_attempt_at, o.id, o.type, o.subject, o.partitionkey, o.recordedtime, o.company_id, o.warehouse_id,
                CASE c.ordering WHEN 'key' THEN pg_catalog.first_value(i.position) OVER (PARTITION BY o.partitionkey ORDER BY i.position)
                                WHEN 'strict' THEN pg_catalog.first_value(i.position) OVER (ORDER BY i.position) END AS head
           FROM (SELECT f AS position, 0 AS batch_attempts, NULL::timestamptz AS next_attempt_at FROM unnest(p.in_flight) f
                 UNION ALL
                 SELECT e, (b ->> 'attempts')::int4,
                        CASE WHEN (b ->> 'attempts')::int4 > 0 THEN timestamptz '2000-01-01 00:00Z' + (b ->> 'next')::int8 * interval '1 us' END
                   FROM unnest(ARRAY(SELECT jsonb_array_elements(p.batches))) b,
                        unnest(pg_catalog.translate((b -> 'positions')::text, '[]', '{}')::int8[]) e) i
                CROSS JOIN LATERAL (SELECT x.id, x.type, x.subject, x.partitionkey, x.recordedtime, x.company_id, x.warehouse_id FROM odoo_events.outbox_all x
                                     WHERE x.position = i.position LIMIT 1) o) w
 WHERE c.id = ANY (ARRAY(SELECT x.id FROM odoo_events.subscription_config x))
   AND odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
   AND odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), w.type, w.company_id, w.warehouse_id)
UNION ALL
SELECT c.name, e.id, e.position, e.type, e.subject, e.partitionkey,
       CASE WHEN e.position > e.held_position OR e.attempts = 0 THEN 'behind' ELSE 'retry' END,
       CASE WHEN e.position > e.held_position THEN 0 ELSE e.attempts END,
       CASE WHEN e.position = e.held_position AND e.attempts > 0 THEN e.next_attempt_at END,
       CASE WHEN e.position > e.held_position
            THEN (SELECT o.id FROM odoo_events.outbox_all o WHERE o.position = e.held_position) END,
       e.recordedtime, CASE WHEN e.position = e.held_position THEN e.last_error END
  FROM odoo_events.held_event e JOIN odoo_events.subscription_config c ON c.id = e.subscription_id
 WHERE c.id = ANY (ARRAY(SELECT x.id FROM odoo_events.subscription_config x))
   AND odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
   AND odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), e.type, e.company_id, e.warehouse_id)) u;
-- A request for one event is shown as that event is; of a batch, and of an event that has left the outbox, all that the subscription may get must
-- be the caller's to see.
CREATE OR REPLACE VIEW odoo_events.attempt WITH (security_barrier) AS
SELECT c.name AS subscription, a.event_id, a.batch_id, a.first_position, a.last_position, a.attempt, a.at,
       pg_catalog.make_interval(secs => a.duration) AS duration, a.status, a.error, a.response,
       odoo_events._transport(c.url) AS transport
  FROM (SELECT * FROM odoo_events.attempt_0 UNION ALL SELECT * FROM odoo_events.attempt_1) a
       JOIN odoo_events.subscription_config c ON c.id = a.subscription_id
 WHERE odoo_events._sees_whole((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.types, c.companies, c.warehouses, NULL, NULL)
    OR a.event_id IS NOT NULL AND odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
       AND EXISTS (SELECT 1 FROM odoo_events.outbox_all o WHERE o.position = a.first_position AND odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), o.type, o.company_id, o.warehouse_id));
COMMENT ON VIEW odoo_events.attempt IS
'one row per request or message; response is kept of failures, its first 4 KiB; of a dry run there is neither status nor error, and response is what was not sent';
CREATE OR REPLACE VIEW odoo_events.dead_letter WITH (security_barrier) AS
SELECT c.name AS subscription, d.event_id, d.position, d.type, d.subject, d.attempts, d.first_at, d.last_at, d.last_status, d.last_error
  FROM odoo_events.dead d JOIN odoo_events.subscription_config c ON c.id = d.subscription_id
 WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
   AND odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), d.type, d.company_id, d.warehouse_id);
CREATE OR REPLACE VIEW odoo_events._replay_status AS
SELECT r.id, c.name AS subscription, r.state, r.matched, r.sent, r.failed, r.cursor AS position, r.from_position, r.to_position,
       r.dead_letters, r.created_by, r.created_at, r.finished_at
  FROM odoo_events.replay_job r JOIN odoo_events.subscription_config c ON c.id = r.subscription_id
 WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses);
COMMENT ON VIEW odoo_events._replay_status IS 'internal: what replay_status shows';
-- The least position of the outbox that somebody still needs; null if nobody does.
CREATE OR REPLACE VIEW odoo_events.needed AS
SELECT 'subscription ' || p.name AS held_by, LEAST(p.cursor + 1, (SELECT min(x) FROM unnest(p.in_flight || p.batched) x)) AS position
  FROM odoo_events.subscription_progress p
UNION ALL
SELECT 'subscription ' || c.name, min(h.position)
  FROM odoo_events.held h JOIN odoo_events.subscription_config c ON c.id = h.subscription_id GROUP BY c.id, c.name
UNION ALL
SELECT 'replay ' || r.id, r.cursor + 1 FROM odoo_events.replay_job r WHERE r.state = 'running' AND NOT r.dead_letters
UNION ALL
(SELECT 'milestones', k.position + 1 FROM odoo_events.process_cursor k ORDER BY k.n DESC LIMIT 1)
UNION ALL
SELECT 'evidence', l.first_position + COALESCE((SELECT max(c.size) FROM odoo_events.seal_checkpoint c WHERE c.log = l.id), 0)
  FROM odoo_events.seal_log l WHERE l.closed_at IS NULL;
CREATE OR REPLACE FUNCTION odoo_events._overrun_pull(upto int8) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  k record;
BEGIN
  FOR k IN SELECT * FROM odoo_events.pull_cursor p WHERE p.position < upto FOR UPDATE SKIP LOCKED LOOP
    PERFORM odoo_events._overrun(k.subscription_id, k.position + 1, upto);
    UPDATE odoo_events.pull_cursor p SET position = upto, fetched = GREATEST(p.fetched, upto), scanned = GREATEST(p.scanned, upto)
     WHERE p.subscription_id = k.subscription_id;
  END LOOP;
  UPDATE odoo_events.unsubscribed u SET position = upto + 1 WHERE u.position <= upto;
END $$;
CREATE OR REPLACE VIEW odoo_events._storage AS
WITH t AS (
  SELECT pg_catalog.regexp_replace(c.relname, '_[0-9]+$', '') AS part, c.relname,
         pg_catalog.pg_total_relation_size(c.oid) AS bytes, pg_catalog.pg_relation_size(c.oid) > 0 AS used
    FROM pg_catalog.pg_class c
   WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind = 'r'
     AND (c.relname ~ '^(journal|outbox|publish_cursor|progress|attempt|process_cursor|process_step|process_root|document_index)_[0-9]+$'
          OR c.relname IN ('held', 'dead', 'quarantined', 'audit', 'capture_gap'))
), s AS (
  SELECT t.part, pg_catalog.count(*) AS members, pg_catalog.count(*) FILTER (WHERE t.used) AS used, pg_catalog.sum(t.bytes)::int8 AS bytes
    FROM t GROUP BY t.part
)
SELECT s.part, s.used || ' of ' || s.members AS segments, s.bytes,
       CASE s.part
         WHEN 'outbox' THEN (SELECT pg_catalog.min(o.recordedtime) FROM odoo_events.outbox_all o
                              WHERE o.position = (SELECT pg_catalog.min(x.position) FROM odoo_events.outbox_all x))
         WHEN 'attempt' THEN (SELECT pg_catalog.min(a.at) FROM odoo_events.attempt a)
         WHEN 'dead' THEN (SELECT pg_catalog.min(d.first_at) FROM odoo_events.dead d)
         WHEN 'quarantined' THEN (SELECT pg_catalog.min(q.at) FROM odoo_events.quarantined q)
         WHEN 'audit' THEN (SELECT pg_catalog.min(a.at) FROM odoo_events.audit a)
         WHEN 'held' THEN (SELECT pg_catalog.min(h.first_at) FROM odoo_events.held h)
       END AS oldest,
       CASE s.part
         WHEN 'outbox' THEN (SELECT n.held_by FROM odoo_events.needed n
                              WHERE n.position <= (SELECT k.last_position FROM odoo_events.publish_cursor k ORDER BY k.n DESC LIMIT 1) ORDER BY n.position, n.held_by LIMIT 1)
         WHEN 'journal' THEN (SELECT 'prepared transaction ' || x.gid FROM pg_catalog.pg_prepared_xacts x
                               WHERE x.database = current_database() ORDER BY x.prepared LIMIT 1)
       END AS held_by
  FROM s;
COMMENT ON VIEW odoo_events._storage IS 'internal: what storage shows';
-- deliver: consumers that fetch, because nothing can be sent to them.

CREATE FUNCTION odoo_events._filter_verdict(event text, filter jsonpath) RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_filter_verdict';
COMMENT ON FUNCTION odoo_events._filter_verdict(text, jsonpath) IS
'internal: as the worker filters: null where the event passes, "false" or "unknown" where it does not, else why that cannot be said; what took too long several times in a statement is not tried again in it';
CREATE FUNCTION odoo_events._took_too_long(verdict text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT verdict ~ '^the filter could not be judged: it took more than [0-9]+ ms of processor time'
$$;
COMMENT ON FUNCTION odoo_events._took_too_long(text) IS 'internal: whether this is why a filter could not be judged';
CREATE FUNCTION odoo_events._check_filter_cost(name text, slow int8, verdict text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF slow > 2 THEN
    RAISE EXCEPTION 'the filter of subscription "%" takes too long', name USING ERRCODE = 'statement_too_complex', DETAIL = verdict || '.',
      HINT = format('SELECT odoo_events.alter_subscription(%L, filter => ...);  -- or raise odoo_events.filter_timeout', name);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_filter_cost(text, int8, text) IS 'internal: raises where a filter took too long for several events';
-- An event as its consumer gets it, or why that cannot be made.
CREATE FUNCTION odoo_events._pull_rendered(c odoo_events.subscription_config, frozen text, classes text, OUT event json, OUT failure text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  event := odoo_events._rendered(frozen, classes, c.payload, c.clearance);
EXCEPTION WHEN OTHERS THEN
  IF SQLSTATE ~ '^(40|53|57|58)' THEN     -- says nothing about the event
    RAISE;
  END IF;
  failure := 'the event could not be rendered: ' || SQLERRM;
END $$;
COMMENT ON FUNCTION odoo_events._pull_rendered(odoo_events.subscription_config, text, text) IS 'internal: an event as fetch() answers it, or why it cannot';
-- What cannot be judged or rendered for a pull subscription is a dead letter, as it is where events are sent.  fetch() comes by here until its
-- consumer has acknowledged what lies behind.
CREATE FUNCTION odoo_events._pull_unjudged(c odoo_events.subscription_config, "position" int8, reason text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO odoo_events.dead (subscription_id, event_id, position, type, subject, partitionkey, company_id, warehouse_id, attempts, first_at, last_at, last_error, event, classes)
SELECT c.id, o.id, o.position, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id, 0, clock_timestamp(), clock_timestamp(), reason, o.event, o.classes
  FROM odoo_events.outbox_all o WHERE o.position = $2
ON CONFLICT (subscription_id, event_id) DO NOTHING
$$;
COMMENT ON FUNCTION odoo_events._pull_unjudged(odoo_events.subscription_config, int8, text) IS 'internal: makes a dead letter of an event that cannot be judged or rendered for a consumer';
-- As filter.c has it: the classes of an event that is for some subscriptions alone begin with their numbers.
CREATE FUNCTION odoo_events._for_others(classes text, subscription int4) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(left(classes, 2) = '>:' AND NOT subscription::text = ANY (string_to_array(substr(split_part(classes, ' ', 1), 3), ',')), false)
$$;
COMMENT ON FUNCTION odoo_events._for_others(text, int4) IS 'internal: is an event for other subscriptions alone';
CREATE FUNCTION odoo_events._company_event(event text, classes text, companies int4[]) RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_company_event';
COMMENT ON FUNCTION odoo_events._company_event(text, text, int4[]) IS
'internal: an event as a subscription of these companies may see it; null where it tells of other companies'' values only';
-- The configuration of a consumer that may fetch now, and where it is, locked: a second one on the same name waits for the first.
CREATE OR REPLACE FUNCTION odoo_events._pull(name text) RETURNS odoo_events.pull_cursor
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config;
  k odoo_events.pull_cursor;
  me record;
BEGIN
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.name = _pull.name;
  IF c.id IS NULL THEN
    RAISE EXCEPTION 'subscription "%" does not exist', name USING ERRCODE = 'undefined_object',
      HINT = 'SELECT name FROM odoo_events.subscription lists them.';
  END IF;
  PERFORM odoo_events._must_be_whole(c, 'fetch', '{consume}', true);
  PERFORM odoo_events._check_residence(c);
  IF c.url IS NOT NULL THEN
    RAISE EXCEPTION 'subscription "%" has a URL that its events are sent to', name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.subscribe(%L, url => NULL);', name || '-pull');
  ELSIF c.state <> 'active' THEN
    RAISE EXCEPTION 'subscription "%" is %', name, c.state USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.resume(%L);', name);
  END IF;
  SELECT * INTO me FROM odoo_events._identity();
  IF NOT me.armed THEN
    RAISE EXCEPTION 'nothing is delivered from this database: %', me.reason USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'SELECT odoo_events.arm();  -- only if this is production';
  END IF;
  SELECT * INTO k FROM odoo_events.pull_cursor p WHERE p.subscription_id = c.id FOR UPDATE;
  IF k.subscription_id IS NULL THEN     -- restored from a backup: it begins with what comes now
    INSERT INTO odoo_events.pull_cursor (subscription_id, position, fetched, scanned)
    SELECT c.id, l, l, l FROM odoo_events._last_position() l
    ON CONFLICT (subscription_id) DO UPDATE SET at = pull_cursor.at RETURNING * INTO k;
  END IF;
  RETURN k;
END $$;
CREATE OR REPLACE FUNCTION odoo_events.fetch(name text, max int DEFAULT 100) RETURNS TABLE ("position" int8, id uuid, event json)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  k odoo_events.pull_cursor := odoo_events._pull(name);
  c odoo_events.subscription_config;
  job odoo_events.replay_job;
  r record;
  after int8 := k.position;
  reason text;
  last int8;
  n int := 0;
  got int;
  wanted int;
  slow int := 0;
BEGIN
  IF max IS NULL OR max NOT BETWEEN 1 AND 10000 THEN
    RAISE EXCEPTION 'argument "max" is %', max USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 10000.';
  END IF;
  IF odoo_events._pull_held(k) THEN
    RAISE EXCEPTION 'subscription "%" is being fetched by another session', name USING ERRCODE = 'object_in_use',
      DETAIL = format('Process %s has what lies between the positions %s and %s until %s, or until it acknowledges it.', k.holder, k.position, k.fetched, k.held_until),
      HINT = format('SELECT pg_catalog.pg_sleep_until(%L); SELECT * FROM odoo_events.fetch(%L);  -- consumers at the same time need subscriptions of their own',
                    k.held_until, name);
  END IF;
  SELECT s.* INTO c FROM odoo_events.subscription_config s WHERE s.id = k.subscription_id;
  job.subscription_id := c.id; job.from_position := 0; job.dead_letters := false;
  job.to_position := LEAST(odoo_events._last_position(), k.position + 200000);
  LOOP
    wanted := max - n;
    got := 0;
    FOR r IN SELECT o.* FROM odoo_events._replay_events(job, after, wanted) o LOOP
      got := got + 1;
      after := r.position;
      reason := r.unjudged;
      IF reason IS NULL THEN
        SELECT x.event, x.failure INTO event, reason FROM odoo_events._pull_rendered(c, odoo_events._company_event(r.event, r.classes, c.companies), r.classes) x;
      END IF;
      IF reason IS NOT NULL THEN
        slow := slow + odoo_events._took_too_long(reason)::int;
        PERFORM odoo_events._check_filter_cost(name, slow, reason);
        PERFORM odoo_events._pull_unjudged(c, r.position, reason);
        CONTINUE;
      END IF;
      n := n + 1;
      "position" := r.position; id := r.id; last := r.position;
      RETURN NEXT;
    END LOOP;
    EXIT WHEN got < wanted OR n = max;
  END LOOP;
  IF n = max THEN
    job.to_position := last;
  END IF;
  IF n > 0 THEN
    UPDATE odoo_events.pull_cursor p
       SET fetched = GREATEST(p.fetched, last), scanned = CASE WHEN last >= p.fetched THEN GREATEST(p.scanned, job.to_position) ELSE p.scanned END,
           holder = pg_backend_pid(), holder_since = a.backend_start, held_until = clock_timestamp() + c.timeout, filter_passed = p.filter_passed + n
      FROM pg_stat_get_activity(pg_backend_pid()) a WHERE p.subscription_id = c.id;
  ELSIF job.to_position > k.position OR k.holder IS NOT NULL THEN
    -- nothing here is for it: that needs no acknowledgement
    UPDATE odoo_events.pull_cursor p SET position = job.to_position, fetched = job.to_position, scanned = job.to_position, at = now(), holder = NULL,
           -- health() warns of a filter that lets nothing through
           filter_refused = p.filter_refused + CASE WHEN c.filter IS NULL OR p.filter_passed > 0 THEN 0 ELSE
             (SELECT count(*) FROM odoo_events.outbox_all o WHERE o.position > k.position AND o.position <= job.to_position AND o.type LIKE ANY (c.types_like)) END
     WHERE p.subscription_id = c.id;
  END IF;
END $$;
-- care: who looks after a subscription or a type of event, how urgent it is, where its runbook is, and until when a type is sent.

-- Written by set_care() only.  A rule is about one subscription, or about a pattern of types, perhaps of one company or warehouse.
CREATE TABLE odoo_events.care_rule (
    id           text PRIMARY KEY,              -- md5 of name: a key of saved_config is letters, digits and "_"
    name         text NOT NULL UNIQUE,          -- what it is about, in words, for audit_log
    subscription text,
    type         text,                          -- a pattern, as in subscribe(types => ...)
    type_like    text,                          -- the same as a LIKE pattern
    company_id   int4,
    warehouse_id int4,
    owner        text,
    contact      text,
    criticality  int2 CHECK (criticality BETWEEN 1 AND 5),
    runbook      text,
    escalation   jsonb,
    sunset       date,
    CHECK ((subscription IS NULL) <> (type IS NULL))
);
COMMENT ON TABLE odoo_events.care_rule IS 'what set_care() was given; read it through the view care';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.care_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.care_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('name', 'set_care', 'set_care', 'set_care', 'id,name,type_like');
CREATE OR REPLACE VIEW odoo_events._care AS
SELECT r.subscription, r.type, r.company_id, r.warehouse_id, r.owner, r.contact, r.criticality, r.runbook, r.escalation, r.sunset
  FROM odoo_events.care_rule r;
COMMENT ON VIEW odoo_events._care IS 'internal: what care shows';
-- Each attribute is that of the most specific rule that has it.  What subscribe(owner, contact) was given stands behind the subscription's own rule.
CREATE FUNCTION odoo_events._care(subscription text, type text DEFAULT NULL, company_id int4 DEFAULT NULL, warehouse_id int4 DEFAULT NULL,
  OUT owner text, OUT contact text, OUT criticality int2, OUT runbook text, OUT escalation jsonb, OUT sunset date)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT (array_agg(r.owner ORDER BY r.rank) FILTER (WHERE r.owner IS NOT NULL))[1],
       (array_agg(r.contact ORDER BY r.rank) FILTER (WHERE r.contact IS NOT NULL))[1],
       (array_agg(r.criticality ORDER BY r.rank) FILTER (WHERE r.criticality IS NOT NULL))[1],
       (array_agg(r.runbook ORDER BY r.rank) FILTER (WHERE r.runbook IS NOT NULL))[1],
       (array_agg(r.escalation ORDER BY r.rank) FILTER (WHERE r.escalation IS NOT NULL))[1],
       (array_agg(r.sunset ORDER BY r.rank) FILTER (WHERE r.sunset IS NOT NULL))[1]
  FROM (SELECT ARRAY[CASE WHEN c.subscription IS NOT NULL THEN 0 ELSE 2 END, (c.warehouse_id IS NULL)::int, (c.company_id IS NULL)::int,
                     strpos(c.type, '*'), -length(c.type)] AS rank,
               c.owner, c.contact, c.criticality, c.runbook, c.escalation, c.sunset
          FROM odoo_events.care_rule c
         WHERE c.subscription = _care.subscription
            OR _care.type LIKE c.type_like AND (c.company_id IS NULL OR c.company_id = _care.company_id)
               AND (c.warehouse_id IS NULL OR c.warehouse_id = _care.warehouse_id)
        UNION ALL
        SELECT ARRAY[1], s.owner, s.contact, NULL, NULL, NULL, NULL
          FROM odoo_events.subscription_config s WHERE s.name = _care.subscription) r
$$;
COMMENT ON FUNCTION odoo_events._care(text, text, int4, int4) IS
'internal: who looks after a subscription and a type, how urgent it is, and where its runbook is; null where nobody has said so';
-- For platform events: {"care": {...}}, or nothing where nobody looks after it.
CREATE FUNCTION odoo_events._care_json(subscription text, type text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN j.care = '{}' THEN '{}' ELSE jsonb_build_object('care', j.care) END
  FROM (SELECT jsonb_strip_nulls(jsonb_build_object('owner', c.owner, 'contact', c.contact, 'criticality', c.criticality, 'runbook', c.runbook)) AS care
          FROM odoo_events._care(_care_json.subscription, _care_json.type) c) j
$$;
COMMENT ON FUNCTION odoo_events._care_json(text, text) IS 'internal: the member "care" of a platform event';
-- For health() and diagnose(): "; owner Shipping IT, contact ..., runbook ...".
CREATE FUNCTION odoo_events._care_text(subscription text, type text DEFAULT NULL, warehouse_id int4 DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT concat_ws(', ', 'owner ' || c.owner, 'contact ' || c.contact, 'criticality ' || c.criticality, 'runbook ' || c.runbook)
  FROM odoo_events._care(_care_text.subscription, _care_text.type, NULL, _care_text.warehouse_id) c
$$;
COMMENT ON FUNCTION odoo_events._care_text(text, text, int4) IS 'internal: who looks after it, in words; empty where nobody does';
CREATE FUNCTION odoo_events._care_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_subscription_info', 'gauge',
       jsonb_build_object('subscription', s.name, 'owner', COALESCE(c.owner, ''), 'contact', COALESCE(c.contact, ''),
                          'criticality', COALESCE(c.criticality::text, ''), 'runbook', COALESCE(c.runbook, '')),
       1::float8, 'Who looks after a subscription, for joins on its name.'
  FROM odoo_events.subscription_config s, odoo_events._care(s.name) c ORDER BY s.name
$$;
COMMENT ON FUNCTION odoo_events._care_metrics() IS 'internal: who looks after each subscription, as labels';
-- The subscriptions that want events of a type or pattern: each pattern is taken as a type that the other may match.
CREATE FUNCTION odoo_events._subscribers(type text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(array_agg(s.name ORDER BY s.name), '{}')
  FROM odoo_events.subscription_config s
 WHERE EXISTS (SELECT 1 FROM unnest(s.types, s.types_like) t(pattern, likes)
                WHERE _subscribers.type LIKE t.likes OR t.pattern LIKE replace(replace(_subscribers.type, '_', '\_'), '*', '%'))
$$;
COMMENT ON FUNCTION odoo_events._subscribers(text) IS 'internal: names of the subscriptions to a type or a pattern of types';
CREATE FUNCTION odoo_events._check_care(criticality int, owner text, contact text, runbook text, escalation jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a record;
BEGIN
  IF criticality NOT BETWEEN 0 AND 5 THEN
    RAISE EXCEPTION 'argument "criticality" is %', criticality USING ERRCODE = 'invalid_parameter_value',
      HINT = '1 is the most urgent, 5 the least; 0 takes it away.';
  END IF;
  FOR a IN SELECT * FROM (VALUES ('owner', owner), ('contact', contact), ('runbook', runbook)) v(name, given) LOOP
    IF length(a.given) > 500 OR a.given ~ '[[:cntrl:]]' THEN
      RAISE EXCEPTION 'argument "%" is longer than 500 characters, or has control characters', a.name USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Give a name, an address or a URL, on one line.';
    END IF;
  END LOOP;
  IF escalation IS NULL OR escalation = '{}' THEN
    RETURN;
  END IF;
  IF jsonb_typeof(escalation) <> 'object' OR COALESCE(escalation ->> 'contact', '') = '' OR escalation - '{after,contact}'::text[] <> '{}' THEN
    RAISE EXCEPTION 'argument "escalation" is not an object of "after" and "contact"' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'escalation => ''{"after": "30 min", "contact": "duty@example.com"}''';
  END IF;
  BEGIN
    IF (escalation ->> 'after')::interval <= '0' THEN
      RAISE EXCEPTION SQLSTATE '22007';
    END IF;
  EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow THEN
    RAISE EXCEPTION 'argument "escalation" has no usable time "after"' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'escalation => ''{"after": "30 min", "contact": "duty@example.com"}''';
  END;
END $$;
COMMENT ON FUNCTION odoo_events._check_care(int, text, text, text, jsonb) IS 'internal: refuses arguments of set_care() that cannot be used';
-- One rule: what is null stays, what is empty goes, and so does a rule with nothing left.
CREATE FUNCTION odoo_events._set_care(r odoo_events.care_rule) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  r.id := md5(r.name);
  IF r.sunset IS NOT NULL AND r.sunset IS DISTINCT FROM (SELECT c.sunset FROM odoo_events.care_rule c WHERE c.id = r.id) AND isfinite(r.sunset) THEN
    PERFORM odoo_events._emit('odoo.platform.type.deprecated.v1', 'type/' || r.type,
      jsonb_build_object('type', jsonb_build_object('name', r.type, 'sunset', r.sunset), 'subscribers', to_jsonb(odoo_events._subscribers(r.type)))
        || odoo_events._care_json(NULL, r.type), 'type:' || r.type);
  END IF;
  INSERT INTO odoo_events.care_rule AS c (id, name, subscription, type, type_like, company_id, warehouse_id, owner, contact, criticality, runbook, escalation, sunset)
  VALUES (r.id, r.name, r.subscription, r.type, r.type_like, r.company_id, r.warehouse_id, NULLIF(r.owner, ''), NULLIF(r.contact, ''), NULLIF(r.criticality, 0),
          NULLIF(r.runbook, ''), NULLIF(r.escalation, '{}'), NULLIF(r.sunset, 'infinity'))
  ON CONFLICT ON CONSTRAINT care_rule_pkey DO UPDATE
     SET owner = NULLIF(COALESCE(r.owner, c.owner), ''), contact = NULLIF(COALESCE(r.contact, c.contact), ''),
         criticality = NULLIF(COALESCE(r.criticality, c.criticality), 0), runbook = NULLIF(COALESCE(r.runbook, c.runbook), ''),
         escalation = NULLIF(COALESCE(r.escalation, c.escalation), '{}'), sunset = NULLIF(COALESCE(r.sunset, c.sunset), 'infinity');
  DELETE FROM odoo_events.care_rule c WHERE c.id = r.id AND num_nonnulls(c.owner, c.contact, c.criticality, c.runbook, c.escalation, c.sunset) = 0;
END $$;
COMMENT ON FUNCTION odoo_events._set_care(odoo_events.care_rule) IS 'internal: adds, changes or drops one rule of care';
CREATE FUNCTION odoo_events.set_care(types text[] DEFAULT NULL, subscriptions text[] DEFAULT NULL, companies int4[] DEFAULT NULL,
  warehouses int4[] DEFAULT NULL, owner text DEFAULT NULL, contact text DEFAULT NULL, criticality int DEFAULT NULL, runbook text DEFAULT NULL,
  escalation jsonb DEFAULT NULL, sunset date DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r odoo_events.care_rule;
  n bigint := 0;
BEGIN
  PERFORM odoo_events._must_be_free('set_care');
  IF num_nonnulls(types, subscriptions) <> 1 THEN
    RAISE EXCEPTION 'either argument "types" or "subscriptions" says what it is about' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.set_care(types => ''{odoo.logistics.*}'', owner => ''Shipping IT'', contact => ''shipping@example.com'');';
  END IF;
  IF subscriptions IS NOT NULL AND num_nonnulls(companies, warehouses, sunset) > 0 THEN
    RAISE EXCEPTION 'arguments "companies", "warehouses" and "sunset" are about types, not about subscriptions' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.set_care(types => ''{odoo.logistics.*}'', warehouses => ''{1}'', owner => ''Shipping IT'');';
  END IF;
  PERFORM odoo_events._check_care(criticality, owner, contact, runbook, escalation);
  r.owner := owner; r.contact := contact; r.criticality := criticality; r.runbook := runbook; r.escalation := escalation; r.sunset := sunset;
  FOREACH r.subscription IN ARRAY COALESCE(subscriptions, '{}') LOOP
    PERFORM odoo_events._subscription(r.subscription);
    r.name := 'subscription ' || r.subscription;
    PERFORM odoo_events._set_care(r);
    n := n + 1;
  END LOOP;
  IF types IS NOT NULL THEN
    PERFORM odoo_events._types_like(types);
    r.subscription := NULL;
    FOR r.type, r.company_id, r.warehouse_id IN
      SELECT t, c, w FROM unnest(types) t, unnest(COALESCE(companies, ARRAY[NULL::int4])) c, unnest(COALESCE(warehouses, ARRAY[NULL::int4])) w LOOP
      r.type_like := replace(replace(r.type, '_', '\_'), '*', '%');
      r.name := concat_ws(' ', r.type, 'company ' || r.company_id, 'warehouse ' || r.warehouse_id);
      PERFORM odoo_events._set_care(r);
      n := n + 1;
    END LOOP;
  END IF;
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events.set_care(text[], text[], int4[], int4[], text, text, int, text, jsonb, date) IS
'says who looks after types or subscriptions: owner, contact, criticality (1 the most urgent, to 5), runbook, escalation ({"after": interval, "contact"}), '
'sunset (the day after which a type is no longer sent); null leaves as it is, ''''  0  {} and infinity take away; answers how many rules were set';
CREATE FUNCTION odoo_events._forget_care() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM odoo_events.care_rule c WHERE c.subscription = OLD.name;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._forget_care() IS 'internal: a subscription that is gone needs no care';
CREATE TRIGGER forget_care AFTER DELETE ON odoo_events.subscription_config FOR EACH ROW EXECUTE FUNCTION odoo_events._forget_care();
CREATE FUNCTION odoo_events._health_sunset() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'sunset', 'warn', format('%s %s %s: subscribed by %s%s', r.type, CASE WHEN r.sunset < current_date THEN 'should have ended' ELSE 'ends' END, r.sunset,
         array_to_string(s.names, ', '), '; ' || NULLIF(odoo_events._care_text(NULL, r.type), '')),
       format('SELECT type, sunset, owner, contact, runbook FROM odoo_events.care WHERE type = %L;  -- its subscribers have to change to what comes instead', r.type)
  FROM odoo_events.care_rule r, LATERAL odoo_events._subscribers(r.type) s(names)
 WHERE r.sunset IS NOT NULL AND s.names <> '{}'
$$;
COMMENT ON FUNCTION odoo_events._health_sunset() IS 'internal: types that end, and who still subscribes to them; no rows where there are none';
-- One key of two parties: each could sign as the other, and rotating it for one breaks the other.
CREATE FUNCTION odoo_events._health_credentials() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH s AS MATERIALIZED (
  SELECT c.name, y.owner, x.secret, COALESCE(x.auth ->> 'token', x.auth ->> 'password', x.auth ->> 'client_secret') AS token, x.tls_key
    FROM odoo_events.subscription_config c JOIN odoo_events.subscription_secret x ON x.subscription_id = c.id, LATERAL odoo_events._care(c.name) y
   WHERE y.owner IS NOT NULL)
SELECT 'credentials', 'warn', format('subscriptions %s have the same %s, and different owners: %s', string_agg(u.name, ', ' ORDER BY u.name), u.kind,
         string_agg(DISTINCT u.owner, ', ')),
       CASE u.kind WHEN 'signing secret' THEN format('SELECT odoo_events.rotate_secret(%L);  -- and give its receiver the new one', min(u.name))
            ELSE format('SELECT name, auth, tls FROM odoo_events.subscription WHERE name = ANY (%L);  -- alter_subscription(%L, %s => ...) gives one of them its own',
                        array_agg(u.name ORDER BY u.name), min(u.name), CASE u.kind WHEN 'token' THEN 'auth' ELSE 'tls' END) END
  FROM (SELECT s.name, s.owner, 'signing secret' AS kind, s.secret AS value FROM s
        UNION ALL SELECT s.name, s.owner, 'token', convert_to(s.token, 'UTF8') FROM s
        UNION ALL SELECT s.name, s.owner, 'client certificate', convert_to(s.tls_key, 'UTF8') FROM s) u
 WHERE u.value IS NOT NULL GROUP BY u.kind, u.value HAVING count(DISTINCT u.owner) > 1
$$;
COMMENT ON FUNCTION odoo_events._health_credentials() IS 'internal: credentials that subscriptions of different owners share; no rows where there are none';
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
-- samples: figures that the worker keeps once a minute, and what health() reads from them and from the server's own views.

-- A row a minute and part, kept for six hours.
CREATE TABLE odoo_events.disk_sample (
    part  text NOT NULL,                        -- data, pg_wal
    at    timestamptz NOT NULL,
    free  int8 NOT NULL,                        -- bytes that the server may still use
    total int8 NOT NULL,
    PRIMARY KEY (part, at)
);
COMMENT ON TABLE odoo_events.disk_sample IS 'free space of the data directory and of pg_wal, once a minute, for six hours';
CREATE FUNCTION odoo_events._disk_space(OUT part text, OUT free int8, OUT total int8) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_disk_space';
COMMENT ON FUNCTION odoo_events._disk_space() IS 'internal: bytes of the file systems of the data directory and of pg_wal, as they are now';
CREATE FUNCTION odoo_events._sample() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO odoo_events.disk_sample (part, at, free, total) SELECT d.part, clock_timestamp(), d.free, d.total FROM odoo_events._disk_space() d ON CONFLICT DO NOTHING;
  DELETE FROM odoo_events.disk_sample d WHERE d.at < clock_timestamp() - interval '6 hours';
  PERFORM odoo_events._retain();
END $$;
COMMENT ON FUNCTION odoo_events._sample() IS 'internal: the worker calls it once a minute';
-- Replication slots that keep WAL, of any plugin and database: they fill one disk.
CREATE OR REPLACE VIEW odoo_events._slot AS
SELECT s.slot_name::text AS name, s.active, s.wal_status, s.slot_type, s.plugin::text, s.database::text,
       pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END, s.restart_lsn)::int8 AS retained
  FROM pg_catalog.pg_replication_slots s;
COMMENT ON VIEW odoo_events._slot IS 'internal: replication slots and the bytes of WAL that they keep';
-- What holds disk space: of pg_wal the slot that keeps most, or an archiver that fails; of the data directory the extension's own ring.
CREATE FUNCTION odoo_events._disk_holder(part text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN part = 'pg_wal' THEN COALESCE(
         (SELECT format('archive_command, which fails since %s', a.last_failed_time) FROM pg_stat_archiver a
           WHERE a.last_failed_time > COALESCE(a.last_archived_time, '-infinity') AND current_setting('archive_mode') <> 'off'),
         (SELECT format('replication slot %s (%s, %s)', s.name, CASE WHEN s.active THEN 'active' ELSE 'inactive' END, pg_size_pretty(s.retained))
            FROM odoo_events._slot s WHERE s.retained > 67108864 ORDER BY s.retained DESC LIMIT 1))
       ELSE (SELECT format('the %s of odoo_events (%s)%s', s.part, pg_size_pretty(s.bytes), ', held by ' || s.held_by)
               FROM odoo_events._storage s WHERE s.bytes > 67108864 ORDER BY s.bytes DESC LIMIT 1) END
$$;
COMMENT ON FUNCTION odoo_events._disk_holder(text) IS 'internal: what holds the space of a part of the disk';
-- full_in: seconds, from the trend of the last hour; null where it does not shrink, or for lack of ten samples.  A standby has no worker
-- and so no samples of its own.  One file system is one row.
CREATE OR REPLACE VIEW odoo_events._disk AS
SELECT CASE WHEN count(*) OVER (PARTITION BY x.free, x.total) > 1 THEN 'data directory and pg_wal' WHEN x.part = 'data' THEN 'data directory' ELSE x.part END AS part,
       x.part AS key, x.free, x.total, x.since, CASE WHEN x.slope < -1 THEN x.free / -x.slope END AS full_in
  FROM (SELECT s.part, (pg_catalog.array_agg(s.free ORDER BY s.at DESC))[1] AS free, (pg_catalog.array_agg(s.total ORDER BY s.at DESC))[1] AS total, pg_catalog.min(s.at) AS since,
               CASE WHEN count(*) >= 10 THEN pg_catalog.regr_slope(s.free, EXTRACT(epoch FROM s.at)::float8) END AS slope
          FROM odoo_events.disk_sample s WHERE s.at > pg_catalog.clock_timestamp() - interval '1 hour' AND NOT pg_catalog.pg_is_in_recovery() GROUP BY s.part
        UNION ALL
        SELECT d.part, d.free, d.total, NULL, NULL FROM odoo_events._disk_space() d WHERE pg_catalog.pg_is_in_recovery()) x;
COMMENT ON VIEW odoo_events._disk IS 'internal: free space now, and when it will be used up';
CREATE FUNCTION odoo_events._health_disk() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'disk', v.status, format('%s: %s of %s free%s%s', d.part, pg_size_pretty(d.free), pg_size_pretty(d.total),
         CASE WHEN v.status <> 'ok' AND d.full_in IS NOT NULL THEN format(', full in %s hours', round((d.full_in / 3600)::numeric, 1)) END,
         CASE WHEN v.status <> 'ok' THEN ', held by ' || COALESCE(odoo_events._disk_holder(d.key), CASE WHEN d.part LIKE '%pg_wal' THEN odoo_events._disk_holder('pg_wal') END, 'nothing of odoo_events') END),
       CASE WHEN v.status <> 'ok' AND d.part LIKE '%pg_wal' THEN 'SELECT slot_name, active, wal_status, restart_lsn FROM pg_catalog.pg_replication_slots ORDER BY restart_lsn;  -- then SELECT * FROM odoo_events.storage;'
            WHEN v.status <> 'ok' THEN 'SELECT * FROM odoo_events.storage;' END
  FROM (SELECT DISTINCT ON (x.part) x.* FROM odoo_events._disk x ORDER BY x.part, x.full_in) d,
       LATERAL (SELECT CASE WHEN d.full_in < 6 * 3600 OR d.free < d.total / 50 AND d.free < 5368709120 THEN 'critical' WHEN d.full_in < 24 * 3600 THEN 'warn' ELSE 'ok' END AS status) v
$$;
COMMENT ON FUNCTION odoo_events._health_disk() IS 'internal: will a disk be full, when, and because of what';
CREATE FUNCTION odoo_events._health_slots(least_bytes int8) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'slots', CASE WHEN s.wal_status IN ('lost', 'unreserved') THEN 'critical' ELSE 'warn' END,
       CASE WHEN s.wal_status = 'lost' THEN format('replication slot %s is lost: the WAL that it needs was removed', s.name)
            ELSE format('replication slot %s is inactive and keeps %s of WAL', s.name, pg_size_pretty(s.retained)) END,
       format('SELECT slot_name, plugin, database, active, wal_status FROM pg_catalog.pg_replication_slots WHERE slot_name = %L;  -- start what reads it, or drop it: SELECT pg_catalog.pg_drop_replication_slot(%L);',
              s.name, s.name)
  FROM odoo_events._slot s WHERE NOT s.active AND (s.retained >= least_bytes OR s.wal_status IN ('lost', 'unreserved')) ORDER BY s.retained DESC NULLS FIRST
$$;
COMMENT ON FUNCTION odoo_events._health_slots(int8) IS 'internal: replication slots that nobody reads and that keep WAL; no rows where there are none';
-- Stored before such settings were refused, or written into the catalog by hand.
CREATE FUNCTION odoo_events._health_roles() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'roles', 'critical', format('odoo_events.capture is off for %s: what these sessions change becomes no event',
         CASE WHEN r.rolname IS NULL THEN 'everybody in database ' || d.datname ELSE 'role ' || r.rolname || COALESCE(' in database ' || d.datname, '') END),
       CASE WHEN r.rolname IS NULL THEN format('ALTER DATABASE %I RESET odoo_events.capture;', d.datname)
            WHEN d.datname IS NULL THEN format('ALTER ROLE %I RESET odoo_events.capture;', r.rolname)
            ELSE format('ALTER ROLE %I IN DATABASE %I RESET odoo_events.capture;', r.rolname, d.datname) END
  FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) c
       LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase
 WHERE c ~* '^odoo_events[.]capture=(off?|f|fa|fal|fals|false|no?|0)$' AND (s.setdatabase = 0 OR d.datname = current_database())
$$;
COMMENT ON FUNCTION odoo_events._health_roles() IS 'internal: roles and databases that switch capture off; no rows where there are none';
-- Of the latest requests to an endpoint, at most 1000 among the latest 5000 of all: how many took longer than a second.
CREATE FUNCTION odoo_events._slow_requests(subscription_id int4, OUT requests int8, OUT slow int8, OUT since timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT count(*), count(*) FILTER (WHERE x.duration > 1), min(x.at) FILTER (WHERE x.duration > 1)
  FROM (SELECT a.at, a.duration
          FROM (SELECT * FROM odoo_events.attempt_0 UNION ALL SELECT * FROM odoo_events.attempt_1) a
         WHERE a.n > (SELECT max(m.n) FROM (SELECT max(z.n) AS n FROM odoo_events.attempt_0 z UNION ALL SELECT max(z.n) FROM odoo_events.attempt_1 z) m) - 5000
           AND a.subscription_id = _slow_requests.subscription_id
         ORDER BY a.n DESC LIMIT 1000) x
$$;
COMMENT ON FUNCTION odoo_events._slow_requests(int4) IS 'internal: how many of the latest requests of a subscription took longer than a second';
CREATE FUNCTION odoo_events._health_endpoints() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'endpoint ' || s.name, 'warn', format('is slow: half of its latest requests took up to %s s, one in twenty %s s or more; %s of %s took longer than a second',
         round(s.p50::numeric, 2), round(s.p95::numeric, 2), r.slow, r.requests),
       format('SELECT at, duration, status, error FROM odoo_events.attempt WHERE subscription = %L ORDER BY duration DESC LIMIT 20;', s.name)
  FROM odoo_events.subscription_progress s CROSS JOIN LATERAL odoo_events._slow_requests(s.subscription_id) r
 WHERE s.p95 >= 2 AND r.slow > 0
UNION ALL
SELECT 'endpoint ' || c.name, CASE WHEN p.expires_at < now() + interval '3 days' THEN 'critical' ELSE 'warn' END,
       format('its server''s certificate %s %s', CASE WHEN p.expires_at < now() THEN 'has expired' ELSE 'ends' END, p.expires_at),
       format('SELECT name, peer_expires_at FROM odoo_events.subscription_status WHERE name = %L;  -- whoever runs %s has to renew it', c.name, substring(c.url FROM '^[a-z]+://([^/]+)'))
  FROM odoo_events.subscription_peer p JOIN odoo_events.subscription_config c ON c.id = p.subscription_id
 WHERE p.expires_at < now() + interval '14 days'
$$;
COMMENT ON FUNCTION odoo_events._health_endpoints() IS 'internal: endpoints that are slow, or whose certificate ends; no rows where there are none';
-- quiet: transactions whose changes become no events, with a reason.

CREATE FUNCTION odoo_events._quiet(reason text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_quiet';
COMMENT ON FUNCTION odoo_events._quiet(text) IS 'internal: switches capture off until the transaction ends, and keeps the reason for the audit';
CREATE FUNCTION odoo_events.quiet(reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wal text := (SELECT string_agg(m.rule, ', ' ORDER BY m.rule) FROM odoo_events._rule_modes() m WHERE m.mode = 'wal');
BEGIN
  IF reason IS NULL OR btrim(reason) = '' OR length(reason) > 1000 THEN
    RAISE EXCEPTION 'argument "reason" is empty, or has more than 1000 characters' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.quiet(''stocktake of 31 January, booked by hand'');';
  END IF;
  PERFORM odoo_events._quiet(reason);
  PERFORM odoo_events._audit('quiet', NULL, NULL, jsonb_build_object('reason', reason));
  IF wal IS NOT NULL THEN
    RAISE WARNING 'changes of % become events all the same: they are captured from the WAL', wal
      USING HINT = 'SELECT * FROM odoo_events.attach(mode => ''trigger'');  -- before, where these must be quiet, too';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.quiet(text) IS
'the changes of the rest of this transaction become no events; audited with the reason (1 to 1000 characters), seen in health(); 25P01 outside a transaction block';
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
-- Conditions of a DBA's own events that exceed odoo_events.filter_timeout again and again: each time costs everybody's publishing.

-- The worker calls it after it has met such a condition.  An event type is disabled when three of its judgements within an hour took too long.
CREATE FUNCTION odoo_events._disable_slow_conditions() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  slow record;
BEGIN
  FOR slow IN SELECT t.type, count(*) AS n
                FROM odoo_events.quarantined q JOIN odoo_events.event_type t ON q.reason LIKE 'the condition of ' || replace(t.type, '_', '\_') || ' took more than %'
               WHERE t.enabled AND q.at > now() - interval '1 hour' GROUP BY t.type HAVING count(*) >= 3 ORDER BY t.type LOOP
    PERFORM odoo_events.disable_event(slow.type);
    PERFORM odoo_events._audit('slow condition', slow.type, NULL, jsonb_build_object('judgements', slow.n));
    RAISE WARNING 'event type "%" is disabled: its condition took too long for % documents within an hour', slow.type, slow.n
      USING HINT = format('SELECT odoo_events.enable_event(%L);  -- once define_event() has given it a cheaper condition', slow.type);
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._disable_slow_conditions() IS 'internal: disables event types whose condition took too long again and again';
CREATE FUNCTION odoo_events._health_conditions() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'event type ' || t.type, 'critical', format('disabled since %s: its condition took too long again and again', a.at),
       format('SELECT odoo_events.enable_event(%L);  -- once define_event() has given it a cheaper condition; then requeue()', t.type)
  FROM (SELECT x.object, max(x.at) AS at FROM odoo_events.audit x WHERE x.what = 'slow condition' GROUP BY 1) a
       JOIN odoo_events.event_type t ON t.type = a.object
 WHERE NOT t.enabled
$$;
COMMENT ON FUNCTION odoo_events._health_conditions() IS 'internal: event types that were disabled because of their condition';
-- sla: calendars, the rules (SLAs), and what the reader behind the publisher asks of them (src/process/promise.c).

-- Written by define_calendar() only.
CREATE TABLE odoo_events.calendar_def (
    id            text PRIMARY KEY,             -- md5 of name: a key of saved_config is letters, digits and "_"
    name          text NOT NULL UNIQUE,
    timezone      text NOT NULL,
    hours         jsonb NOT NULL,               -- {"mon": ["06:00-22:00"], ...}
    holidays      date[] NOT NULL,
    warehouses    int4[] NOT NULL,
    odoo_calendar int4                          -- where "hours" came from
);
COMMENT ON TABLE odoo_events.calendar_def IS 'what define_calendar() was given; read it through the view calendar';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.calendar_def
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.calendar_def
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('name', 'define_calendar', 'define_calendar', 'drop_calendar', 'id');
CREATE OR REPLACE VIEW odoo_events.calendar AS
SELECT c.name, c.timezone, c.hours, c.holidays, c.warehouses, c.odoo_calendar FROM odoo_events.calendar_def c;
COMMENT ON VIEW odoo_events.calendar IS 'the calendars by which SLAs count open hours';
-- The open periods of one local day.  Each boundary is a local time of that day, so that a day of 23 or 25 hours is counted as it is.
CREATE FUNCTION odoo_events._open_periods(c odoo_events.calendar_def, day date, OUT opens timestamptz, OUT closes timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE ROWS 2 SET search_path = pg_catalog, pg_temp AS $$
SELECT (day + split_part(p, '-', 1)::interval) AT TIME ZONE c.timezone, (day + split_part(p, '-', 2)::interval) AT TIME ZONE c.timezone
  FROM jsonb_array_elements_text(c.hours -> (ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])[extract(isodow FROM day)::int]) p
 WHERE day <> ALL (c.holidays) ORDER BY 1
$$;
COMMENT ON FUNCTION odoo_events._open_periods(odoo_events.calendar_def, date) IS 'internal: when a calendar is open on a local day';
CREATE FUNCTION odoo_events._microseconds(first timestamptz, last timestamptz) RETURNS int8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS 'SELECT ((extract(epoch FROM last) - extract(epoch FROM first)) * 1000000)::int8';
COMMENT ON FUNCTION odoo_events._microseconds(timestamptz, timestamptz) IS 'internal: time between two moments, exactly';
-- Open time between two moments, in microseconds; negative where the second comes first.  Of what is further apart ten years are counted:
-- a deadline of year 9999 takes no minutes.
CREATE FUNCTION odoo_events._open_between(c odoo_events.calendar_def, first timestamptz, last timestamptz) RETURNS int8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  total int8 := 0;
  day   date := (first AT TIME ZONE c.timezone)::date - 1;
  upto  constant date := LEAST((last AT TIME ZONE c.timezone)::date, day + 3650);
  p     record;
BEGIN
  IF c.id IS NULL THEN
    RETURN odoo_events._microseconds(first, last);
  ELSIF last < first THEN
    RETURN -odoo_events._open_between(c, last, first);
  END IF;
  WHILE day <= upto LOOP
    FOR p IN SELECT * FROM odoo_events._open_periods(c, day) LOOP
      total := total + GREATEST(odoo_events._microseconds(GREATEST(p.opens, first), LEAST(p.closes, last)), 0);
    END LOOP;
    day := day + 1;
  END LOOP;
  RETURN total;
END $$;
COMMENT ON FUNCTION odoo_events._open_between(odoo_events.calendar_def, timestamptz, timestamptz) IS 'internal: open time between two moments, in microseconds, ten years at most; all time where there is no calendar';
-- The earliest moment at which so much open time has passed.  Ten years without an open hour: null.
CREATE FUNCTION odoo_events._add_open(c odoo_events.calendar_def, start timestamptz, open_time int8) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  day  date := (start AT TIME ZONE c.timezone)::date - 1;
  rest int8 := open_time;
  here int8;
  p    record;
BEGIN
  IF c.id IS NULL THEN
    RETURN start + make_interval(secs => rest / 1000000) + (rest % 1000000) * interval '1 microsecond';
  ELSIF rest <= 0 THEN
    RETURN start;
  END IF;
  FOR i IN 0 .. 3660 LOOP
    FOR p IN SELECT GREATEST(x.opens, start) AS opens, x.closes FROM odoo_events._open_periods(c, day + i) x WHERE x.closes > start LOOP
      here := odoo_events._microseconds(p.opens, p.closes);
      IF rest <= here THEN
        RETURN p.opens + make_interval(secs => rest / 1000000) + (rest % 1000000) * interval '1 microsecond';
      END IF;
      rest := rest - here;
    END LOOP;
  END LOOP;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._add_open(odoo_events.calendar_def, timestamptz, int8) IS 'internal: the earliest moment at which so many microseconds of open time have passed';
-- Where counting begins: the start itself while it is open, else the next opening; behind cut_off the first opening of a later day.
CREATE FUNCTION odoo_events._counted_from(c odoo_events.calendar_def, start timestamptz, cut_off time) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  local timestamp := start AT TIME ZONE c.timezone;
  late  boolean := COALESCE(local::time > cut_off, false);
  first timestamptz;
BEGIN
  IF c.id IS NULL THEN
    RETURN start;
  END IF;
  FOR i IN (CASE WHEN late THEN 1 ELSE -1 END) .. 3660 LOOP
    SELECT GREATEST(p.opens, start) INTO first FROM odoo_events._open_periods(c, local::date + i) p WHERE p.closes > start ORDER BY 1 LIMIT 1;
    EXIT WHEN first IS NOT NULL;
  END LOOP;
  RETURN first;
END $$;
COMMENT ON FUNCTION odoo_events._counted_from(odoo_events.calendar_def, timestamptz, time) IS 'internal: the moment from which open time counts';
-- So many working days later, at the same local time.  Where that is closed, and where nothing of that day has passed, it is the close before.
CREATE FUNCTION odoo_events._add_working_days(c odoo_events.calendar_def, start timestamptz, days int4) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  local timestamp := start AT TIME ZONE c.timezone;
  there timestamptz;
  due   timestamptz;
  day   date := local::date;
  left_ int4 := days;
BEGIN
  IF c.id IS NULL OR days <= 0 THEN
    RETURN start + make_interval(hours => 24 * days);
  END IF;
  FOR i IN 1 .. 3660 LOOP
    EXIT WHEN left_ = 0;
    day := day + 1;
    left_ := left_ - EXISTS (SELECT 1 FROM odoo_events._open_periods(c, day))::int;
  END LOOP;
  there := (day + local::time) AT TIME ZONE c.timezone;
  FOR i IN 0 .. 3660 LOOP
    SELECT max(LEAST(p.closes, there)) INTO due FROM odoo_events._open_periods(c, day - i) p WHERE p.opens < there;
    EXIT WHEN due IS NOT NULL;
  END LOOP;
  RETURN due;
END $$;
COMMENT ON FUNCTION odoo_events._add_working_days(odoo_events.calendar_def, timestamptz, int4) IS 'internal: the same local time so many working days later, by the close before where that is closed';
CREATE FUNCTION odoo_events._add_within(c odoo_events.calendar_def, start timestamptz, within interval, cut_off time) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._add_open(c, odoo_events._add_working_days(c, odoo_events._counted_from(c, start, cut_off), extract(day FROM within)::int4),
                             ((extract(epoch FROM within) - extract(day FROM within) * 86400) * 1000000)::int8)
$$;
COMMENT ON FUNCTION odoo_events._add_within(odoo_events.calendar_def, timestamptz, interval, time) IS 'internal: when an SLA that counts open time is due: first whole working days, then the open hours';
-- '{"mon": ["06:00-22:00"]}' in order, or an error.
CREATE FUNCTION odoo_events._check_hours(hours jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  d record;
  p text;
  last time;
BEGIN
  IF jsonb_typeof(hours) IS DISTINCT FROM 'object' OR hours - '{mon,tue,wed,thu,fri,sat,sun}'::text[] <> '{}' THEN
    RAISE EXCEPTION 'argument "hours" is not an object of days' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'hours => ''{"mon": ["06:00-22:00"], "sat": ["08:00-12:00", "13:00-15:00"]}''; the days are mon, tue, wed, thu, fri, sat, sun.';
  END IF;
  FOR d IN SELECT * FROM jsonb_each(hours) LOOP
    last := NULL;
    IF jsonb_typeof(d.value) <> 'array' THEN
      RAISE EXCEPTION 'argument "hours" has no list for "%"', d.key USING ERRCODE = 'invalid_parameter_value', HINT = 'hours => ''{"mon": ["06:00-22:00"]}''';
    END IF;
    FOR p IN SELECT jsonb_array_elements_text(d.value) LOOP
      IF p !~ '^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$' OR split_part(p, '-', 1)::time >= split_part(p, '-', 2)::time
         OR split_part(p, '-', 1)::time < last THEN
        RAISE EXCEPTION 'argument "hours" has the unusable period "%" on "%"', p, d.key USING ERRCODE = 'invalid_parameter_value',
          HINT = 'A period is "06:00-22:00", up to "24:00"; the periods of a day are in order and do not overlap.';
      END IF;
      last := split_part(p, '-', 2)::time;
    END LOOP;
  END LOOP;
  IF NOT EXISTS (SELECT 1 FROM jsonb_each(hours) x WHERE jsonb_array_length(x.value) > 0) THEN
    RAISE EXCEPTION 'argument "hours" has no open period' USING ERRCODE = 'invalid_parameter_value', HINT = 'hours => ''{"mon": ["06:00-22:00"]}''';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_hours(jsonb) IS 'internal: refuses hours of a calendar that cannot be used';
CREATE FUNCTION odoo_events._odoo_calendar(id int4, OUT timezone text, OUT hours jsonb) RETURNS record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_odoo_calendar';
COMMENT ON FUNCTION odoo_events._odoo_calendar(int4) IS 'internal: time zone and hours of a resource_calendar of Odoo''s';
CREATE FUNCTION odoo_events.define_calendar(name text, timezone text DEFAULT NULL, hours jsonb DEFAULT NULL, holidays date[] DEFAULT '{}',
                                            warehouses int[] DEFAULT '{}', odoo_calendar int DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  o record;
  other text;
BEGIN
  PERFORM odoo_events._must_be_free('define_calendar');
  IF define_calendar.name IS NULL OR define_calendar.name !~ '^[A-Za-z0-9_.-]{1,63}$' OR define_calendar.name = 'warehouse' THEN
    RAISE EXCEPTION 'argument "name" cannot be %', COALESCE(quote_literal(define_calendar.name), 'null') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'A name has 1 to 63 letters, digits, "_", "." or "-"; "warehouse" stands for the calendar of an event''s warehouse.';
  ELSIF (define_calendar.hours IS NULL) = (define_calendar.odoo_calendar IS NULL) THEN
    RAISE EXCEPTION 'exactly one of the arguments "hours" and "odoo_calendar" is needed' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'hours => ''{"mon": ["06:00-22:00"]}'', or odoo_calendar => the id of a resource_calendar.';
  END IF;
  IF define_calendar.odoo_calendar IS NOT NULL THEN
    SELECT * INTO o FROM odoo_events._odoo_calendar(define_calendar.odoo_calendar);
    IF o.hours IS NULL THEN
      RAISE EXCEPTION 'Odoo has no resource_calendar % with weekly hours', define_calendar.odoo_calendar USING ERRCODE = 'undefined_object',
        HINT = 'SELECT id, name FROM resource_calendar;  -- those of two weeks and flexible ones need "hours"';
    END IF;
    define_calendar.hours := o.hours;
    define_calendar.timezone := COALESCE(define_calendar.timezone, o.timezone);
  END IF;
  define_calendar.timezone := COALESCE(define_calendar.timezone, 'UTC');
  IF NOT EXISTS (SELECT 1 FROM pg_timezone_names z WHERE z.name = define_calendar.timezone) THEN
    RAISE EXCEPTION 'argument "timezone" names no time zone: %', define_calendar.timezone USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT name FROM pg_timezone_names ORDER BY 1;';
  END IF;
  PERFORM odoo_events._check_hours(define_calendar.hours);
  SELECT c.name INTO other FROM odoo_events.calendar_def c WHERE c.warehouses && define_calendar.warehouses AND c.name <> define_calendar.name LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'a warehouse in argument "warehouses" has the calendar "%" already', other USING ERRCODE = 'duplicate_object',
      HINT = 'SELECT name, warehouses FROM odoo_events.calendar;';
  END IF;
  INSERT INTO odoo_events.calendar_def AS c (id, name, timezone, hours, holidays, warehouses, odoo_calendar)
  VALUES (md5(define_calendar.name), define_calendar.name, define_calendar.timezone, define_calendar.hours, COALESCE(define_calendar.holidays, '{}'),
          COALESCE(define_calendar.warehouses, '{}'), define_calendar.odoo_calendar)
  ON CONFLICT ON CONSTRAINT calendar_def_pkey DO UPDATE SET timezone = EXCLUDED.timezone, hours = EXCLUDED.hours, holidays = EXCLUDED.holidays,
    warehouses = EXCLUDED.warehouses, odoo_calendar = EXCLUDED.odoo_calendar;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.define_calendar(text, text, jsonb, date[], int[], int) IS
'makes or replaces a calendar: open hours per weekday in a time zone, days that are closed, and the warehouses that it is of; or copies the hours of Odoo''s '
'resource_calendar as they are now.  22023: what cannot be used; 42710: a warehouse that has a calendar; 42704: no such resource_calendar';
-- Written by define_sla() and drop_sla() only.
CREATE TABLE odoo_events.sla_def (
    id          text PRIMARY KEY,               -- md5 of name
    name        text NOT NULL UNIQUE,
    starts      text[] NOT NULL,
    ends        text[] NOT NULL,
    stops       text[] NOT NULL,
    pauses      text[] NOT NULL,
    resumes     text[] NOT NULL,
    moves       text[] NOT NULL,
    within      interval,
    deadline    jsonpath,
    cut_off     time,
    calendar    text,
    document    text NOT NULL,
    complete    text NOT NULL,
    filter      jsonpath,
    ends_filter jsonpath,
    companies   int4[],
    warehouses  int4[],
    warn_at     numeric NOT NULL,
    objective   numeric NOT NULL,
    owner       text,
    contact     text,
    criticality int2,
    runbook     text,
    start_from  text NOT NULL
);
COMMENT ON TABLE odoo_events.sla_def IS 'what define_sla() was given; read it through the view sla';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.sla_def
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.sla_def
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('name', 'define_sla', 'define_sla', 'drop_sla', 'id');
CREATE OR REPLACE VIEW odoo_events.sla AS
SELECT s.name, s.starts, s.ends, s.stops, s.pauses, s.resumes, s.moves, s.within, s.deadline, s.cut_off, s.calendar, s.document, s.complete, s.filter,
       s.ends_filter, s.companies, s.warehouses, s.warn_at, s.objective, s.owner, s.contact, s.criticality, s.runbook, s.start_from
  FROM odoo_events.sla_def s;
COMMENT ON VIEW odoo_events.sla IS 'the SLAs, as define_sla() was given them';
-- The terms of an SLA from a moment on.  A promise keeps the terms that it opened under, so that each definition gets a row.
CREATE TABLE odoo_events.sla_terms (
    id            int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name          text NOT NULL,
    since         timestamptz NOT NULL,
    until         timestamptz,                  -- null: in force
    from_position int8 NOT NULL,                -- later events start promises
    from_time     timestamptz,                  -- and only such, if given
    terms         jsonb NOT NULL                -- the row of sla_def
);
COMMENT ON TABLE odoo_events.sla_terms IS 'each version of each SLA; an open promise keeps the one that it opened under';
CREATE FUNCTION odoo_events._sla_changed() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE odoo_events.sla_terms t SET until = clock_timestamp() WHERE t.until IS NULL AND t.name IN (OLD.name, NEW.name);
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO odoo_events.sla_terms (name, since, from_position, from_time, terms)
    VALUES (NEW.name, clock_timestamp(),
            CASE WHEN NEW.start_from = 'now' THEN odoo_events._last_position() WHEN NEW.start_from ~ '^[0-9]+$' THEN NEW.start_from::int8 ELSE 0 END,
            CASE WHEN NEW.start_from !~ '^([0-9]+|now|earliest)$' THEN NEW.start_from::timestamptz END, to_jsonb(NEW));
  END IF;
  PERFORM odoo_events._wake('config');
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._sla_changed() IS 'internal: notes the terms of an SLA from now on';
CREATE TRIGGER terms AFTER INSERT OR UPDATE OR DELETE ON odoo_events.sla_def FOR EACH ROW EXECUTE FUNCTION odoo_events._sla_changed();
CREATE FUNCTION odoo_events._check_sla(s odoo_events.sla_def) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l record;
BEGIN
  IF s.name IS NULL OR s.name !~ '^[A-Za-z0-9_.-]{1,63}$' THEN
    RAISE EXCEPTION 'argument "name" cannot be %', COALESCE(quote_literal(s.name), 'null') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'A name has 1 to 63 letters, digits, "_", "." or "-".';
  END IF;
  FOR l IN SELECT * FROM (VALUES ('starts', s.starts), ('ends', s.ends), ('stops', s.stops), ('pauses', s.pauses), ('resumes', s.resumes), ('moves', s.moves)) v(name, types) LOOP
    IF l.name IN ('starts', 'ends') AND cardinality(l.types) = 0 OR array_position(l.types, NULL) IS NOT NULL THEN
      RAISE EXCEPTION 'argument "%" names no event type', l.name USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT type FROM odoo_events.event_type;';
    ELSIF cardinality(l.types) > 0 THEN
      PERFORM odoo_events._types_like(l.types);
    END IF;
  END LOOP;
  IF extract(year FROM s.within) <> 0 OR extract(month FROM s.within) <> 0 OR s.within <= '0' OR s.within > '3660 days' THEN
    RAISE EXCEPTION 'argument "within" cannot be %', s.within USING ERRCODE = 'invalid_parameter_value', HINT = 'within => ''4 hours'', or ''2 days'' for two working days.';
  ELSIF cardinality(s.moves) > 0 AND s.deadline IS NULL THEN
    RAISE EXCEPTION 'argument "moves" needs a deadline that can be read again' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'deadline => ''$.data.sales_order.commitment_date''';
  ELSIF s.cut_off IS NOT NULL AND (s.calendar IS NULL OR s.within IS NULL) THEN
    RAISE EXCEPTION 'argument "cut_off" needs "calendar" and "within"' USING ERRCODE = 'invalid_parameter_value', HINT = 'calendar => ''warehouse''';
  ELSIF s.calendar <> 'warehouse' AND NOT EXISTS (SELECT 1 FROM odoo_events.calendar_def c WHERE c.name = s.calendar) THEN
    RAISE EXCEPTION 'argument "calendar" names no calendar: %', s.calendar USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.calendar;';
  ELSIF s.document IS NULL OR s.document NOT IN ('correlation', 'key', 'subject') THEN
    RAISE EXCEPTION 'argument "document" cannot be %', COALESCE(quote_literal(s.document), 'null') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Use correlation, key or subject.';
  ELSIF s.complete IS NULL OR s.complete NOT IN ('first', 'all') THEN
    RAISE EXCEPTION 'argument "complete" cannot be %', COALESCE(quote_literal(s.complete), 'null') USING ERRCODE = 'invalid_parameter_value', HINT = 'Use first or all.';
  ELSIF s.warn_at IS NULL OR s.warn_at <= 0 OR s.warn_at > 1 THEN
    RAISE EXCEPTION 'argument "warn_at" is %', COALESCE(s.warn_at::text, 'null') USING ERRCODE = 'invalid_parameter_value', HINT = 'A part of the time: more than 0, 1 at most; 1: no warning.';
  ELSIF s.objective IS NULL OR s.objective <= 0 OR s.objective > 1 THEN
    RAISE EXCEPTION 'argument "objective" is %', COALESCE(s.objective::text, 'null') USING ERRCODE = 'invalid_parameter_value', HINT = 'The share of promises to be kept: more than 0, 1 at most.';
  END IF;
  PERFORM odoo_events._check_care(s.criticality, s.owner, s.contact, s.runbook, NULL);
  IF s.start_from IS NULL OR s.start_from !~ '^(now|earliest|[0-9]{1,18})$' THEN
    BEGIN
      PERFORM s.start_from::timestamptz, 1 / (s.start_from IS NOT NULL)::int;
    EXCEPTION WHEN data_exception THEN
      RAISE EXCEPTION 'argument "start_from" cannot be %', COALESCE(quote_literal(s.start_from), 'null') USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Use now, earliest, a position or a time.';
    END;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_sla(odoo_events.sla_def) IS 'internal: refuses arguments of define_sla() that cannot be used';
CREATE FUNCTION odoo_events.define_sla(name text, starts text[], ends text[], stops text[] DEFAULT '{}', pauses text[] DEFAULT '{}', resumes text[] DEFAULT '{}',
  moves text[] DEFAULT '{}', within interval DEFAULT NULL, deadline jsonpath DEFAULT NULL, cut_off time DEFAULT NULL, calendar text DEFAULT NULL,
  document text DEFAULT 'correlation', complete text DEFAULT 'first', filter jsonpath DEFAULT NULL, ends_filter jsonpath DEFAULT NULL,
  companies int[] DEFAULT NULL, warehouses int[] DEFAULT NULL, warn_at numeric DEFAULT 0.8, objective numeric DEFAULT 0.99, owner text DEFAULT NULL,
  contact text DEFAULT NULL, criticality smallint DEFAULT NULL, runbook text DEFAULT NULL, start_from text DEFAULT 'now', or_replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  s odoo_events.sla_def;
BEGIN
  PERFORM odoo_events._must_be_free('define_sla');
  s := ROW (md5(name), name, COALESCE(starts, '{}'), COALESCE(ends, '{}'), COALESCE(stops, '{}'), COALESCE(pauses, '{}'), COALESCE(resumes, '{}'),
            COALESCE(moves, '{}'), within, deadline, cut_off, calendar, document, complete, filter, ends_filter, companies, warehouses, warn_at, objective,
            owner, contact, criticality, runbook, start_from);
  PERFORM odoo_events._check_sla(s);
  IF EXISTS (SELECT 1 FROM odoo_events.sla_def d WHERE d.id = s.id) THEN
    IF NOT COALESCE(or_replace, false) THEN
      RAISE EXCEPTION 'SLA "%" exists', name USING ERRCODE = 'duplicate_object', HINT = 'or_replace => true replaces it; promises that are open keep their terms.';
    END IF;
    DELETE FROM odoo_events.sla_def d WHERE d.id = s.id;
  END IF;
  INSERT INTO odoo_events.sla_def SELECT s.*;
END $$;
COMMENT ON FUNCTION odoo_events.define_sla(text, text[], text[], text[], text[], text[], text[], interval, jsonpath, time, text, text, text, jsonpath, jsonpath, int[], int[],
  numeric, numeric, text, text, smallint, text, text, boolean) IS
'defines an SLA: which events start a promise for a document, which end, stop, pause, resume and move it, and when it is due: "within" counts open time of "calendar", '
'"deadline" reads the time from the event.  22023: an argument that cannot be used; 42710: it exists; 42704: no such calendar';
CREATE FUNCTION odoo_events.drop_sla(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('drop_sla');
  DELETE FROM odoo_events.sla_def d WHERE d.name = drop_sla.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'SLA "%" does not exist', drop_sla.name USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.sla;';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.drop_sla(text) IS 'no promise of this SLA is opened any more; those that are open are cancelled.  42704: there is none';
-- ---- what the reader behind the publisher asks ----

CREATE FUNCTION odoo_events._sla_calendar(calendar text, warehouse_id int4) RETURNS odoo_events.calendar_def
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT c FROM odoo_events.calendar_def c WHERE CASE WHEN calendar = 'warehouse' THEN warehouse_id = ANY (c.warehouses) ELSE c.name = calendar END ORDER BY c.name LIMIT 1
$$;
COMMENT ON FUNCTION odoo_events._sla_calendar(text, int4) IS 'internal: the calendar of a promise; null where there is none';
-- A date without a time means the end of that day.
CREATE FUNCTION odoo_events._sla_deadline(event jsonb, path jsonpath, timezone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  given text := jsonb_path_query_first(event, path, silent => true) #>> '{}';
  due   timestamptz;
BEGIN
  due := CASE WHEN given ~ '^\d{4}-\d\d-\d\d$' THEN (given::date + 1)::timestamp AT TIME ZONE COALESCE(timezone, 'UTC') ELSE given::timestamptz END;
  RETURN CASE WHEN due > '1900-01-01 UTC' AND due < '10000-01-02 UTC' THEN due END;        -- no infinity, nor what overflows when it is counted
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._sla_deadline(jsonb, jsonpath, text) IS 'internal: the deadline that an event names; null where it names none';
CREATE FUNCTION odoo_events._sla_warning(c odoo_events.calendar_def, started timestamptz, due timestamptz, warn_at numeric) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN warn_at < 1 AND due > started THEN odoo_events._add_open(c, started, (odoo_events._open_between(c, started, due) * warn_at)::int8) END
$$;
COMMENT ON FUNCTION odoo_events._sla_warning(odoo_events.calendar_def, timestamptz, timestamptz, numeric) IS 'internal: when a promise is at risk';
-- May this event start a promise, and when is it due?
CREATE FUNCTION odoo_events._promise_terms(terms int4, event text, started timestamptz, company_id int4, warehouse_id int4, moving boolean,
                                           OUT wanted boolean, OUT calendar text, OUT due_at timestamptz, OUT warn_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  t jsonb := (SELECT x.terms FROM odoo_events.sla_terms x WHERE x.id = _promise_terms.terms);
  c odoo_events.calendar_def;
  parsed jsonb;
BEGIN
  wanted := moving OR COALESCE(_promise_terms.company_id = ANY (ARRAY(SELECT jsonb_array_elements_text(NULLIF(t -> 'companies', 'null'))::int4)), false) OR t ->> 'companies' IS NULL;
  wanted := wanted AND (moving OR COALESCE(_promise_terms.warehouse_id = ANY (ARRAY(SELECT jsonb_array_elements_text(NULLIF(t -> 'warehouses', 'null'))::int4)), false)
                        OR t ->> 'warehouses' IS NULL);
  wanted := wanted AND (moving OR t ->> 'filter' IS NULL OR odoo_events._filter_verdict(event, (t ->> 'filter')::jsonpath) IS NULL);
  IF NOT wanted THEN
    RETURN;
  END IF;
  IF t ->> 'calendar' IS NOT NULL THEN
    c := odoo_events._sla_calendar(t ->> 'calendar', _promise_terms.warehouse_id);
  END IF;
  calendar := c.name;
  IF t ->> 'deadline' IS NOT NULL THEN
    parsed := odoo_events._legible(event);
    due_at := odoo_events._sla_deadline(parsed, (t ->> 'deadline')::jsonpath, c.timezone);
  END IF;
  IF due_at IS NULL AND NOT moving AND t ->> 'within' IS NOT NULL THEN
    due_at := odoo_events._add_within(c, started, (t ->> 'within')::interval, (t ->> 'cut_off')::time);
  END IF;
  warn_at := odoo_events._sla_warning(c, started, due_at, (t ->> 'warn_at')::numeric);
END $$;
COMMENT ON FUNCTION odoo_events._promise_terms(int4, text, timestamptz, int4, int4, boolean) IS
'internal: whether an event starts a promise, by which calendar, when that is due and at risk; moving: only the deadline, read again';
CREATE FUNCTION odoo_events._promise_ends(terms int4, event text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._filter_verdict(event, (x.terms ->> 'ends_filter')::jsonpath) IS NULL FROM odoo_events.sla_terms x WHERE x.id = _promise_ends.terms
$$;
COMMENT ON FUNCTION odoo_events._promise_ends(int4, text) IS 'internal: whether an event ends promises, by ends_filter';
-- Every document of this entity that the process knows by now has had one of these types, or was cancelled or deleted.  "By now" is
-- the end of the transaction, which may have made a backorder after what it was left by: its events have one time.
CREATE FUNCTION odoo_events._promise_complete(terms int4, correlation text, entity text, upto timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
SELECT NOT EXISTS (
  SELECT 1 FROM odoo_events.process_step s JOIN odoo_events.process_type t ON t.code = s.code
   WHERE s.root = odoo_events._text_hash(correlation) AND t.entity = _promise_complete.entity AND s."time" <= upto
   GROUP BY s.record_id
  HAVING NOT bool_or(t.type ~ '\.(cancelled|deleted)\.v[0-9]+$'
                     OR EXISTS (SELECT 1 FROM odoo_events.sla_terms x, jsonb_array_elements_text(x.terms -> 'ends') e
                                 WHERE x.id = _promise_complete.terms AND t.type LIKE replace(replace(e, '_', '\_'), '*', '%'))))
$$;
COMMENT ON FUNCTION odoo_events._promise_complete(int4, text, text, timestamptz) IS 'internal: whether all documents of an entity that a process knows have reached the end of an SLA';
-- After a pause the open time that was left is left again.
CREATE FUNCTION odoo_events._promise_resume(calendar text, paused timestamptz, resumed timestamptz, due timestamptz, warning timestamptz,
                                            OUT due_at timestamptz, OUT warn_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.calendar_def;
BEGIN
  c := odoo_events._sla_calendar(calendar, NULL);
  due_at := odoo_events._add_open(c, resumed, odoo_events._open_between(c, paused, due));
  warn_at := CASE WHEN warning > paused THEN odoo_events._add_open(c, resumed, odoo_events._open_between(c, paused, warning)) ELSE warning END;
END $$;
COMMENT ON FUNCTION odoo_events._promise_resume(text, timestamptz, timestamptz, timestamptz, timestamptz) IS 'internal: when a promise is due after a pause';
-- promise: the instances of SLAs, what is told of them, and the exceptions that somebody has to look after.

-- Insert-only: the row with the greatest n of an id holds.  The members are used and emptied together with those of the milestones;
-- open promises are copied into the next member when one is left.
DO $$
BEGIN
  FOR i IN 0..15 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.promise_%s (
        id             int8 NOT NULL,
        n              int4 NOT NULL,
        terms          int4 NOT NULL,               -- sla_terms
        sla            text NOT NULL,
        document       text NOT NULL,
        partitionkey   text NOT NULL,               -- of the event that started it, as the next two
        subject        text NOT NULL,
        correlationid  text,
        company_id     int4,
        warehouse_id   int4,
        calendar       text,
        "position"     int8 NOT NULL,               -- of that event
        state          text NOT NULL,
        started_at     timestamptz NOT NULL,
        first_due_at   timestamptz,
        due_at         timestamptz,
        warn_at        timestamptz,
        warned_at      timestamptz,                 -- when the risk was told
        paused_at      timestamptz,
        resume_at      timestamptz,                 -- pause_promise(): until then
        ended_at       timestamptz,
        told_at        timestamptz,                 -- when the breach was told
        PRIMARY KEY (id, n)
      )$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.promise_%s IS %L', i, 'promises, a row for each change, read through the view promise');
    EXECUTE pg_catalog.format('CREATE INDEX promise_%s_document ON odoo_events.promise_%s (document)', i, i);
    EXECUTE pg_catalog.format('CREATE INDEX promise_%s_state ON odoo_events.promise_%s (state, ended_at)', i, i);
  END LOOP;
END $$;
CREATE OR REPLACE VIEW odoo_events.promise_row AS
            SELECT 0 AS member, * FROM odoo_events.promise_0  UNION ALL SELECT 1 AS member, * FROM odoo_events.promise_1
  UNION ALL SELECT 2 AS member, * FROM odoo_events.promise_2  UNION ALL SELECT 3 AS member, * FROM odoo_events.promise_3
  UNION ALL SELECT 4 AS member, * FROM odoo_events.promise_4  UNION ALL SELECT 5 AS member, * FROM odoo_events.promise_5
  UNION ALL SELECT 6 AS member, * FROM odoo_events.promise_6  UNION ALL SELECT 7 AS member, * FROM odoo_events.promise_7
  UNION ALL SELECT 8 AS member, * FROM odoo_events.promise_8  UNION ALL SELECT 9 AS member, * FROM odoo_events.promise_9
  UNION ALL SELECT 10 AS member, * FROM odoo_events.promise_10 UNION ALL SELECT 11 AS member, * FROM odoo_events.promise_11
  UNION ALL SELECT 12 AS member, * FROM odoo_events.promise_12 UNION ALL SELECT 13 AS member, * FROM odoo_events.promise_13
  UNION ALL SELECT 14 AS member, * FROM odoo_events.promise_14 UNION ALL SELECT 15 AS member, * FROM odoo_events.promise_15;
COMMENT ON VIEW odoo_events.promise_row IS 'internal: all members of the ring of promises';
-- A promise that is closed does not change any more, and open ones are in two members (see above): nothing has to be sorted, and conditions go
-- down to the indexes.
CREATE OR REPLACE VIEW odoo_events.promise_last AS
SELECT p.* FROM odoo_events.promise_row p WHERE p.state IN ('met', 'met_late', 'cancelled')
UNION ALL
SELECT p.* FROM odoo_events.promise_row p
 WHERE p.state IN ('open', 'paused', 'at_risk', 'breached')
   AND p.member = ANY (ARRAY(SELECT x FROM odoo_events.process_member m, unnest(ARRAY[m.member::int, (m.member + 15) % 16]) x WHERE m.until IS NULL))
   AND NOT EXISTS (SELECT 1 FROM odoo_events.promise_row l WHERE l.id = p.id AND l.n > p.n
                      AND l.member = ANY (ARRAY(SELECT x FROM odoo_events.process_member m, unnest(ARRAY[m.member::int, (m.member + 15) % 16]) x WHERE m.until IS NULL)));
COMMENT ON VIEW odoo_events.promise_last IS 'internal: promises as they are now';
CREATE OR REPLACE VIEW odoo_events.promise WITH (security_barrier) AS
SELECT p.id, p.sla, p.document, p.company_id, p.warehouse_id, p.started_at, p.first_due_at, p.due_at, p.ended_at, p.state, p.told_at FROM odoo_events.promise_last p
 WHERE odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), 'odoo.process.promise.breached.v1', p.company_id, p.warehouse_id);
COMMENT ON VIEW odoo_events.promise IS
'the instances of SLAs, one per document: open, paused, at_risk, breached (and still open), met, met_late, cancelled; told_at: when the breach was told';
-- Weeks that are over.  Filled once a week, so that a trend of months does not read each promise.
CREATE TABLE odoo_events.cycle_week (
    id           int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sla          text NOT NULL,
    company_id   int4,
    warehouse_id int4,
    week         date NOT NULL,                 -- its Monday, UTC
    n            int8 NOT NULL,
    p50          interval NOT NULL,
    p90          interval NOT NULL,
    p95          interval NOT NULL,
    late         int8 NOT NULL
);
CREATE INDEX cycle_week_week ON odoo_events.cycle_week (week);
COMMENT ON TABLE odoo_events.cycle_week IS 'cycle times of weeks that are over, read through the view cycle_time';
-- Promises that ended from the first week on that is not in the table.
CREATE OR REPLACE VIEW odoo_events.cycle_new AS
SELECT p.sla, p.company_id, p.warehouse_id, date_trunc('week', p.ended_at AT TIME ZONE 'UTC')::date AS week, count(*) AS n,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY p.ended_at OPERATOR(pg_catalog.-) p.started_at) AS p50,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY p.ended_at OPERATOR(pg_catalog.-) p.started_at) AS p90,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY p.ended_at OPERATOR(pg_catalog.-) p.started_at) AS p95,
       count(*) FILTER (WHERE p.state = 'met_late') AS late
  FROM odoo_events.promise_last p
 WHERE p.state IN ('met', 'met_late') AND p.ended_at >= COALESCE((SELECT max(w.week) + 7 FROM odoo_events.cycle_week w)::timestamp AT TIME ZONE 'UTC', '-infinity')
 GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW odoo_events.cycle_new IS 'internal: cycle times of weeks that are not yet in cycle_week';
CREATE OR REPLACE VIEW odoo_events.cycle_time WITH (security_barrier) AS
SELECT c.sla, c.company_id, c.warehouse_id, c.week, c.n, c.p50, c.p90, c.p95, c.late
  FROM (SELECT w.sla, w.company_id, w.warehouse_id, w.week, w.n, w.p50, w.p90, w.p95, w.late FROM odoo_events.cycle_week w
        UNION ALL SELECT w.sla, w.company_id, w.warehouse_id, w.week, w.n, w.p50, w.p90, w.p95, w.late FROM odoo_events.cycle_new w) c
 WHERE odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), 'odoo.process.promise.breached.v1', c.company_id, c.warehouse_id);
COMMENT ON VIEW odoo_events.cycle_time IS
'how long what SLAs count took from start to end, per company, warehouse and week (its Monday, UTC): number, median, 90th and 95th percentile; time of the clock, pauses included; '
'late: how many of them were late';
-- Called by the reader when it has read everything up to now; answers when it wants to be called again.
CREATE FUNCTION odoo_events._cycle_weeks() RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  monday constant date := date_trunc('week', now() AT TIME ZONE 'UTC' - interval '1 hour');
BEGIN
  INSERT INTO odoo_events.cycle_week (sla, company_id, warehouse_id, week, n, p50, p90, p95, late)
  SELECT c.sla, c.company_id, c.warehouse_id, c.week, c.n, c.p50, c.p90, c.p95, c.late FROM odoo_events.cycle_new c WHERE c.week < monday;
  DELETE FROM odoo_events.cycle_week w WHERE w.week < now() - current_setting('odoo_events.process_retention')::interval;
  RETURN (monday + 7)::timestamp AT TIME ZONE 'UTC' + interval '1 hour';
END $$;
COMMENT ON FUNCTION odoo_events._cycle_weeks() IS 'internal: notes cycle times of weeks that have been over for an hour; when that is to be done again';
-- What a document has reached last: what the promise waits behind.
-- PL/pgSQL keeps its plans, which are of all members of a ring, from one promise to the next.
CREATE FUNCTION odoo_events._waits_for(terms int4, correlation text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
BEGIN
  RETURN concat_ws('; ', (SELECT string_agg(e, ' or ') FROM odoo_events.sla_terms x, jsonb_array_elements_text(x.terms -> 'ends') e WHERE x.id = _waits_for.terms),
                   (SELECT format('last: %s of %s at %s', t.type, concat_ws(' ', t.entity, s.record_id), date_trunc('second', s."time"))
                      FROM odoo_events.process_step s JOIN odoo_events.process_type t ON t.code = s.code
                     WHERE s.root = odoo_events._text_hash(correlation) AND NOT starts_with(t.type, 'odoo.process.promise.') ORDER BY s.position DESC LIMIT 1));
END $$;
COMMENT ON FUNCTION odoo_events._waits_for(int4, text) IS 'internal: the event types that a promise waits for, and the last milestone of its process';
CREATE FUNCTION odoo_events._promise_waits_for(id int8) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p odoo_events.promise_row;
BEGIN
  SELECT r.* INTO p FROM odoo_events.promise_row r WHERE r.id = _promise_waits_for.id ORDER BY r.n DESC LIMIT 1;
  RETURN CASE WHEN p.state IN ('open', 'paused', 'at_risk', 'breached')
               AND odoo_events._allows(odoo_events._policies('{read,operate,approve}'), 'odoo.process.promise.breached.v1', p.company_id, p.warehouse_id)
              THEN odoo_events._waits_for(p.terms, p.correlationid) END;
END $$;
COMMENT ON FUNCTION odoo_events._promise_waits_for(int8) IS 'internal: what a promise waits for that the caller may see; for views and pages';
-- Called in the transaction that changes the promise, so that it is told once.
CREATE FUNCTION odoo_events._promise_tell(kind text, id int8, terms int4, document text, partitionkey text, subject text, correlation text, started timestamptz,
                                          due timestamptz, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._emit('odoo.process.promise.' || kind || '.v1', left(subject, 255), jsonb_build_object('promise', jsonb_build_object(
         'id', _promise_tell.id, 'sla', x.name, 'document', document, 'started_at', started, 'due_at', due, 'told_at', clock_timestamp(),
         'overdue_seconds', round(extract(epoch FROM at) - extract(epoch FROM due), 3),
         'waits_for', CASE WHEN kind <> 'met_late' THEN odoo_events._waits_for(_promise_tell.terms, correlation) END,
         'layer', 'odoo', 'owner', x.terms -> 'owner', 'contact', x.terms -> 'contact', 'criticality', x.terms -> 'criticality', 'runbook', x.terms -> 'runbook')),
       left(partitionkey, 255), left(correlation, 255))
  FROM odoo_events.sla_terms x WHERE x.id = _promise_tell.terms
$$;
COMMENT ON FUNCTION odoo_events._promise_tell(text, int8, int4, text, text, text, text, timestamptz, timestamptz, timestamptz) IS
'internal: tells by an event that a promise is at risk, was broken, or was kept late';
-- What operators ask of open promises; the reader behind the publisher does it and deletes the row.
CREATE TABLE odoo_events.promise_request (
    promise_id int8 NOT NULL,
    n          int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    until      timestamptz
);
COMMENT ON TABLE odoo_events.promise_request IS 'pauses that the reader behind the publisher has yet to note';
COMMENT ON SEQUENCE odoo_events.promise_request_n_seq IS 'internal: numbers of promise_request';
CREATE FUNCTION odoo_events.pause_promise(id bigint, until timestamptz, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p odoo_events.promise_row;
BEGIN
  SELECT r.* INTO p FROM odoo_events.promise_row r WHERE r.id = pause_promise.id ORDER BY r.n DESC LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'promise % does not exist', id USING ERRCODE = 'undefined_object', HINT = 'SELECT id, sla, document, state FROM odoo_events.promise;';
  ELSIF NOT odoo_events._allows(odoo_events._policies('{operate}'), 'odoo.process.promise.breached.v1', p.company_id, p.warehouse_id) THEN
    PERFORM odoo_events._deny(format('promise %s is not inside your policies', id), 'SELECT * FROM odoo_events.policy;  -- shows what yours allows');
  ELSIF p.state NOT IN ('open', 'at_risk') THEN
    RAISE EXCEPTION 'promise % is %', id, p.state USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT id, sla, document FROM odoo_events.promise WHERE state IN (''open'', ''at_risk'');';
  ELSIF until IS NULL OR until <= clock_timestamp() THEN
    RAISE EXCEPTION 'argument "until" is not in the future' USING ERRCODE = 'invalid_parameter_value', HINT = 'until => now() + interval ''1 day''';
  ELSIF COALESCE(reason, '') = '' OR length(reason) > 500 THEN
    RAISE EXCEPTION 'argument "reason" is empty or longer than 500 characters' USING ERRCODE = 'invalid_parameter_value', HINT = 'Say why, for the audit log.';
  END IF;
  INSERT INTO odoo_events.promise_request (promise_id, at, until) VALUES (id, clock_timestamp(), until);
  PERFORM odoo_events._audit('pause_promise', id::text, NULL, jsonb_build_object('until', until, 'reason', reason));
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.pause_promise(bigint, timestamptz, text) IS
'lets no time count for an open promise until a moment; its due time moves by the open time between.  42704: there is none; 55000: it is not open; 22023: no time or reason';
-- What was done about exceptions.
CREATE TABLE odoo_events.exception_note (
    n      int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id     int8 NOT NULL,                       -- of the exception
    at     timestamptz NOT NULL,
    action text NOT NULL CHECK (action IN ('take', 'close', 'escalate')),
    who    text,
    cause  text,
    note   text,
    took   interval                             -- since the exception began
);
CREATE INDEX exception_note_id ON odoo_events.exception_note (id, n);
COMMENT ON TABLE odoo_events.exception_note IS 'who took and closed exceptions, and which were escalated';
COMMENT ON SEQUENCE odoo_events.exception_note_n_seq IS 'internal: numbers of exception_note';
-- One exception per SLA that has broken promises which are still open, and per subscription that does not deliver.  Its id is that of
-- its cause, so that it can be taken before it is known how long it will be; what happens after it was closed opens it again.
CREATE OR REPLACE VIEW odoo_events.exception_open AS
SELECT odoo_events._text_hash('sla ' || s.sla) AS id, 'odoo'::text AS layer, 'promise broken' AS cause, s.sla, NULL::text AS subscription, w.document, s.count, s.since, s.last_at,
       s.since AS due_at, odoo_events._promise_waits_for(s.worst) AS waits_for, s.terms, NULL::text AS owner, NULL::text AS contact, NULL::text AS runbook
  FROM (SELECT p.sla, (array_agg(p.id ORDER BY p.due_at, p.id))[1] AS worst, count(*) AS count, min(p.due_at) AS since, max(p.due_at) AS last_at, max(p.terms) AS terms
          FROM odoo_events.promise_last p
         WHERE p.state = 'breached' AND odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), 'odoo.process.promise.breached.v1', p.company_id, p.warehouse_id)
         GROUP BY p.sla) s
       CROSS JOIN LATERAL (SELECT r.document FROM odoo_events.promise_row r WHERE r.id = s.worst ORDER BY r.n DESC LIMIT 1) w
UNION ALL
SELECT odoo_events._text_hash('subscription ' || s.name), 'endpoint', s.state, NULL, s.name, NULL, s.lag_events, s.state_since, s.state_since, NULL,
       COALESCE(s.last_error, s.state_reason), NULL, c.owner, c.contact, c.runbook
  FROM odoo_events._subscription_status s CROSS JOIN LATERAL odoo_events._care(s.name) c WHERE s.state IN ('breaker_open', 'disabled', 'overrun');
COMMENT ON VIEW odoo_events.exception_open IS 'internal: what is wrong now, one row per layer, subscription and cause';
CREATE OR REPLACE VIEW odoo_events.exception WITH (security_barrier) AS
SELECT e.id, e.layer, e.cause, e.sla, e.subscription, e.document, e.count, e.since, e.due_at, clock_timestamp() - e.due_at AS overdue, e.waits_for,
       COALESCE(e.owner, t.terms ->> 'owner') AS owner, COALESCE(e.contact, t.terms ->> 'contact') AS contact, COALESCE(e.runbook, t.terms ->> 'runbook') AS runbook,
       (SELECT n.who FROM odoo_events.exception_note n WHERE n.id = e.id AND n.action = 'take' AND n.at > e.since ORDER BY n.n DESC LIMIT 1) AS assigned_to,
       closed.at AS closed_at, closed.note
  FROM odoo_events.exception_open e
  LEFT JOIN odoo_events.sla_terms t ON t.id = e.terms
  LEFT JOIN LATERAL (SELECT n.at, n.note FROM odoo_events.exception_note n WHERE n.id = e.id AND n.action = 'close' ORDER BY n.n DESC LIMIT 1) closed
    ON closed.at > e.last_at;
COMMENT ON VIEW odoo_events.exception IS
'what somebody has to look after: one row per layer, subscription and cause, with the number of documents and the worst one; closed_at is null while nobody has closed it';
CREATE FUNCTION odoo_events._check_exception(id bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF odoo_events._policies('{operate}') = '[]' THEN
    PERFORM odoo_events._deny('no policy of yours lets you operate', 'SELECT * FROM odoo_events.policy;  -- shows what yours allows');
  ELSIF NOT EXISTS (SELECT 1 FROM odoo_events.exception_open e WHERE e.id = _check_exception.id) THEN
    RAISE EXCEPTION 'exception % does not exist', id USING ERRCODE = 'undefined_object', HINT = 'SELECT id, cause, sla, subscription FROM odoo_events.exception;';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_exception(bigint) IS 'internal: refuses an exception that is not there';
CREATE FUNCTION odoo_events.take_exception(id bigint, who text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._check_exception(id);
  INSERT INTO odoo_events.exception_note (id, at, action, who, took)
  SELECT e.id, clock_timestamp(), 'take', COALESCE(take_exception.who, session_user), clock_timestamp() - e.since FROM odoo_events.exception_open e WHERE e.id = take_exception.id;
  PERFORM odoo_events._audit('take_exception', id::text, NULL, jsonb_build_object('who', COALESCE(who, session_user)));
END $$;
COMMENT ON FUNCTION odoo_events.take_exception(bigint, text) IS 'somebody looks after an exception, so that it is not escalated; without a name, the caller.  42704: there is none';
CREATE FUNCTION odoo_events.close_exception(id bigint, cause text, note text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._check_exception(id);
  IF COALESCE(cause, '') = '' THEN
    RAISE EXCEPTION 'argument "cause" is empty' USING ERRCODE = 'invalid_parameter_value', HINT = 'Say what it was, for the statistics.';
  END IF;
  INSERT INTO odoo_events.exception_note (id, at, action, who, cause, note, took)
  SELECT e.id, clock_timestamp(), 'close', session_user, close_exception.cause, close_exception.note, clock_timestamp() - e.since FROM odoo_events.exception_open e WHERE e.id = close_exception.id;
  PERFORM odoo_events._audit('close_exception', id::text, NULL, jsonb_build_object('cause', cause, 'note', note));
END $$;
COMMENT ON FUNCTION odoo_events.close_exception(bigint, text, text) IS 'an exception is dealt with; a broken promise that is due later opens it again.  42704: there is none';
-- The reader looks for exceptions to escalate while some care says so.
CREATE FUNCTION odoo_events._care_changed() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._wake('config');
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._care_changed() IS 'internal: lets the worker know that somebody else looks after something';
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON odoo_events.care_rule FOR EACH STATEMENT EXECUTE FUNCTION odoo_events._care_changed();
-- Called once a minute by the reader: exceptions that nobody has taken in the time that their care says.
CREATE FUNCTION odoo_events._escalate() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e record;
BEGIN
  FOR e IN SELECT x.*, c.escalation
             FROM odoo_events.exception x, odoo_events._care(x.subscription, CASE WHEN x.sla IS NOT NULL THEN 'odoo.process.promise.breached.v1' END) c
            WHERE x.closed_at IS NULL AND x.assigned_to IS NULL AND x.since + (c.escalation ->> 'after')::interval <= clock_timestamp()
              AND NOT EXISTS (SELECT 1 FROM odoo_events.exception_note n WHERE n.id = x.id AND n.action = 'escalate' AND n.at >= x.since) LOOP
    INSERT INTO odoo_events.exception_note (id, at, action, who) VALUES (e.id, clock_timestamp(), 'escalate', e.escalation ->> 'contact');
    PERFORM odoo_events._emit('odoo.platform.exception.escalated.v1', 'exception/' || e.id, jsonb_build_object('exception', jsonb_build_object(
      'id', e.id, 'layer', e.layer, 'cause', e.cause, 'sla', e.sla, 'subscription', e.subscription, 'document', e.document, 'count', e.count, 'since', e.since,
      'owner', e.owner, 'contact', e.contact, 'runbook', e.runbook, 'escalated_to', e.escalation ->> 'contact')), 'exception:' || e.id);
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._escalate() IS 'internal: tells of exceptions that nobody has taken in time';
-- outcome: accepted is not processed.  What became of events that a receiver has accepted, where a subscription waits for that.

-- A row per accepted event of a subscription whose outcomes come later.  It holds nothing up, and goes with its event.
CREATE TABLE odoo_events.outcome_state (
    subscription_id int4 NOT NULL,
    event_id        uuid NOT NULL,
    position        int8 NOT NULL,
    type            text NOT NULL,
    subject         text NOT NULL,
    partitionkey    text NOT NULL,
    company_id      int4,
    warehouse_id    int4,
    state           text NOT NULL CHECK (state IN ('pending', 'processed', 'failed')),
    received_at     timestamptz,                -- of our 2xx; null: confirmed before that was written
    due_at          timestamptz,                -- null: whenever it comes
    told_at         timestamptz,                -- that it is overdue
    decided_at      timestamptz,
    decided_by      text,
    reference       text,
    note            text,
    location        text,                       -- where the outcome is asked for; may contain a token, therefore in no view
    poll_at         timestamptz,                -- when next; null: never
    polls           int4 NOT NULL DEFAULT 0,    -- how often it was
    PRIMARY KEY (subscription_id, event_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
COMMENT ON TABLE odoo_events.outcome_state IS 'accepted events and what became of them; see the view outcome';
CREATE INDEX outcome_due ON odoo_events.outcome_state (due_at) WHERE state = 'pending' AND told_at IS NULL;
CREATE INDEX outcome_pending ON odoo_events.outcome_state (partitionkey, position) WHERE state = 'pending';
CREATE INDEX outcome_poll ON odoo_events.outcome_state (poll_at) WHERE state = 'pending' AND poll_at IS NOT NULL;
CREATE INDEX outcome_location ON odoo_events.outcome_state USING hash (location) WHERE state = 'pending' AND location IS NOT NULL;
CREATE INDEX outcome_failed ON odoo_events.outcome_state (decided_at) WHERE state = 'failed';
CREATE INDEX outcome_position ON odoo_events.outcome_state (position);
CREATE OR REPLACE VIEW odoo_events.outcome WITH (security_barrier) AS
SELECT c.name AS subscription, o.event_id, o.position, o.type, o.subject, o.company_id, o.warehouse_id,
       CASE WHEN o.state = 'pending' AND (o.told_at IS NOT NULL OR o.due_at < now()) THEN 'overdue' ELSE o.state END AS state,
       o.received_at, o.due_at, o.told_at, o.decided_at, o.decided_by, o.reference, o.note, o.polls
  FROM odoo_events.outcome_state o JOIN odoo_events.subscription_config c ON c.id = o.subscription_id
 WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
   AND odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), o.type, o.company_id, o.warehouse_id);
COMMENT ON VIEW odoo_events.outcome IS
'what became of events that receivers have accepted: pending, overdue, processed, failed; of subscriptions with outcomes => ''poll'', ''sql'' or ''event''';
CREATE FUNCTION odoo_events._outcome_event(o odoo_events.outcome_state, what text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._platform_event('odoo.platform.outcome.' || what || '.v1', c.name, jsonb_build_object(
         'event', jsonb_build_object('id', o.event_id, 'type', o.type, 'subject', o.subject, 'partitionkey', o.partitionkey, 'sequence', lpad(o.position::text, 20, '0')),
         'outcome', jsonb_build_object('received_at', o.received_at, 'due_at', o.due_at, 'reference', o.reference, 'note', o.note)))
  FROM odoo_events.subscription_config c WHERE c.id = o.subscription_id
$$;
COMMENT ON FUNCTION odoo_events._outcome_event(odoo_events.outcome_state, text) IS 'internal: tells that an outcome is overdue, or that it failed';
-- As the receiver asks; else after a second, then each time twice as long, up to five minutes.
CREATE FUNCTION odoo_events._poll_at(wait int4, polls int4) RETURNS timestamptz
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT clock_timestamp() + make_interval(secs => COALESCE(LEAST(GREATEST(wait, 1), 86400), LEAST(2 ^ LEAST(polls, 9), 300)))
$$;
COMMENT ON FUNCTION odoo_events._poll_at(int4, int4) IS 'internal: when an outcome is asked for next';
-- From our 2xx, by the clock or in open hours; by the clock, too, where a warehouse has no calendar.
CREATE FUNCTION odoo_events._outcome_due(c odoo_events.subscription_config, warehouse_id int4) RETURNS timestamptz
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN k.id IS NULL THEN clock_timestamp() + c.outcome_within
            WHEN c.outcome_within IS NOT NULL THEN odoo_events._add_within(k, clock_timestamp(), c.outcome_within, NULL) END
  FROM odoo_events._sla_calendar(c.outcome_calendar, warehouse_id) k
$$;
COMMENT ON FUNCTION odoo_events._outcome_due(odoo_events.subscription_config, int4) IS 'internal: when the outcome of an event that was accepted now is overdue';
-- A dead letter with its own copy, as if the endpoint had refused it.
CREATE FUNCTION odoo_events._outcome_failed(o odoo_events.outcome_state) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO odoo_events.dead (subscription_id, event_id, position, type, subject, partitionkey, company_id, warehouse_id, attempts, first_at, last_at, last_error, event, classes)
  SELECT o.subscription_id, x.id, x.position, x.type, x.subject, x.partitionkey, x.company_id, x.warehouse_id, 1, COALESCE(o.received_at, clock_timestamp()), clock_timestamp(),
         concat_ws(': ', 'the receiver could not process it', o.note), x.event, x.classes
    FROM odoo_events.outbox_all x WHERE x.position = o.position
  ON CONFLICT (subscription_id, event_id) DO UPDATE SET last_at = EXCLUDED.last_at, last_error = EXCLUDED.last_error;
  PERFORM odoo_events._outcome_event(o, 'failed');
END $$;
COMMENT ON FUNCTION odoo_events._outcome_failed(odoo_events.outcome_state) IS 'internal: what follows from a failed outcome';
-- Whoever confirms may leave its transaction open, and the worker must not wait for that: it writes only rows whose lock it gets.
CREATE FUNCTION odoo_events._outcome_key(subscription int4, event uuid) RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT hashtextextended('odoo_events.outcome_state ' || event::text, subscription) $$;
COMMENT ON FUNCTION odoo_events._outcome_key(int4, uuid) IS 'internal: the advisory lock on an outcome; the worker takes it conditionally';
-- What could not be noted yet, because somebody had the lock.
CREATE TABLE odoo_events.outcome_late (
    n               int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id int4 NOT NULL,
    position        int8 NOT NULL,
    location        text,
    note            text,
    wait            int4,
    processed       boolean
);
COMMENT ON TABLE odoo_events.outcome_late IS 'internal: accepted events whose outcome is being confirmed by a transaction that is still open';
COMMENT ON SEQUENCE odoo_events.outcome_late_n_seq IS 'internal: numbers of outcome_late';
-- Events of ours about deliveries await no outcome.  A confirmation may have been faster than the settlement; what is sent again waits again.
CREATE FUNCTION odoo_events._outcomes_open(subscriptions int4[], positions int8[], locations text[], notes text[], waits int4[], processed boolean[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  o odoo_events.outcome_state;
BEGIN
  FOR o IN
    WITH accepted AS MATERIALIZED (
      SELECT DISTINCT ON (c.id, o.id) c.id AS subscription_id, odoo_events._outcome_due(c, o.warehouse_id) AS due_at, o.id, o.position, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id,
             r.location, r.note, r.wait, r.processed
        FROM unnest(_outcomes_open.subscriptions, _outcomes_open.positions, _outcomes_open.locations, _outcomes_open.notes, _outcomes_open.waits, _outcomes_open.processed)
             r(id, position, location, note, wait, processed)
        JOIN odoo_events.subscription_config c ON c.id = r.id
        JOIN odoo_events.outbox_all o ON o.position = r.position
       WHERE o.type NOT LIKE 'odoo.platform.%'),
    mine AS MATERIALIZED (SELECT a.*, pg_try_advisory_xact_lock(odoo_events._outcome_key(a.subscription_id, a.id)) AS free FROM accepted a),
    late AS (INSERT INTO odoo_events.outcome_late (subscription_id, position, location, note, wait, processed)
             SELECT m.subscription_id, m.position, m.location, m.note, m.wait, m.processed FROM mine m WHERE NOT m.free)
    INSERT INTO odoo_events.outcome_state AS t (subscription_id, event_id, position, type, subject, partitionkey, company_id, warehouse_id, state, received_at, due_at,
                                                decided_at, decided_by, note, location, poll_at)
    SELECT m.subscription_id, m.id, m.position, m.type, m.subject, m.partitionkey, m.company_id, m.warehouse_id,
           CASE WHEN m.processed THEN 'processed' ELSE 'pending' END, clock_timestamp(), m.due_at,
           CASE WHEN m.processed THEN clock_timestamp() END, CASE WHEN m.processed THEN 'odoo_events worker' END, m.note, m.location,
           CASE WHEN m.location IS NOT NULL THEN odoo_events._poll_at(m.wait, 0) END
      FROM mine m WHERE m.free
    ON CONFLICT ON CONSTRAINT outcome_state_pkey DO UPDATE
       SET received_at = EXCLUDED.received_at,
           due_at = CASE WHEN t.state = 'processed' THEN t.due_at ELSE EXCLUDED.due_at END,
           told_at = CASE WHEN t.state = 'processed' THEN t.told_at END,
           state = CASE WHEN EXCLUDED.state = 'processed' THEN 'processed' WHEN t.state = 'failed' AND t.received_at IS NOT NULL THEN 'pending' ELSE t.state END,
           decided_at = COALESCE(EXCLUDED.decided_at, t.decided_at), decided_by = COALESCE(EXCLUDED.decided_by, t.decided_by),
           note = COALESCE(EXCLUDED.note, t.note), location = EXCLUDED.location, poll_at = EXCLUDED.poll_at, polls = 0
    RETURNING t.*
  LOOP
    -- it was confirmed as failed before it was noted as accepted
    IF o.state = 'failed' THEN
      PERFORM odoo_events._outcome_failed(o);
    END IF;
  END LOOP;
  -- the event that is the outcome may have been faster, too
  UPDATE odoo_events.outcome_state s
     SET state = 'processed', decided_at = clock_timestamp(), decided_by = 'odoo_events worker', reference = x.type || ' ' || x.id
    FROM (SELECT y.subscription_id, y.event_id FROM odoo_events.outcome_state y
           WHERE y.position = ANY (_outcomes_open.positions) AND y.subscription_id = ANY (_outcomes_open.subscriptions) AND y.state = 'pending' FOR UPDATE SKIP LOCKED) k,
         odoo_events.subscription_config c, odoo_events.outbox_all x
   WHERE s.subscription_id = k.subscription_id AND s.event_id = k.event_id AND c.id = s.subscription_id AND c.outcomes = 'event'
     AND x.partitionkey = s.partitionkey AND x.position > s.position AND x.type LIKE ANY (c.outcome_types_like);
END $$;
COMMENT ON FUNCTION odoo_events._outcomes_open(int4[], int8[], text[], text[], int4[], boolean[]) IS 'internal: notes events that were accepted and whose outcome is awaited';
-- One step of the worker.  Events that are outcomes are looked for behind "scanned" only; what they settle lies before them with the same key.
CREATE FUNCTION odoo_events._outcomes_step(INOUT scanned int8, OUT due timestamptz, OUT by_event boolean)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last int8 := odoo_events._last_position();
  o odoo_events.outcome_state;
  late odoo_events.outcome_late[];
BEGIN
  WITH gone AS (DELETE FROM odoo_events.outcome_late l RETURNING l) SELECT array_agg(g.l ORDER BY (g.l).n) INTO late FROM gone g;
  IF late IS NOT NULL THEN
    PERFORM odoo_events._outcomes_open(array_agg(l.subscription_id), array_agg(l.position), array_agg(l.location), array_agg(l.note), array_agg(l.wait), array_agg(l.processed))
       FROM unnest(late) l;
  END IF;
  by_event := EXISTS (SELECT 1 FROM odoo_events.subscription_config c WHERE c.outcomes = 'event');
  IF by_event THEN
    IF scanned < 0 THEN
      scanned := COALESCE((SELECT min(s.position) FROM odoo_events.outcome_state s WHERE s.state = 'pending'), last);
    END IF;
    UPDATE odoo_events.outcome_state s
       SET state = 'processed', decided_at = clock_timestamp(), decided_by = 'odoo_events worker', reference = k.type || ' ' || k.id
      FROM (SELECT y.subscription_id, y.event_id, x.type, x.id
              FROM odoo_events.outcome_state y JOIN odoo_events.subscription_config w ON w.id = y.subscription_id JOIN odoo_events.outbox_all x ON x.partitionkey = y.partitionkey
             WHERE w.outcomes = 'event' AND y.state = 'pending' AND x.position > _outcomes_step.scanned AND x.position <= last AND x.position > y.position
               AND x.type LIKE ANY (w.outcome_types_like) FOR UPDATE OF y SKIP LOCKED) k
     WHERE s.subscription_id = k.subscription_id AND s.event_id = k.event_id;
  END IF;
  scanned := last;
  FOR o IN UPDATE odoo_events.outcome_state s SET told_at = clock_timestamp()
             FROM (SELECT y.subscription_id, y.event_id FROM odoo_events.outcome_state y
                    WHERE y.state = 'pending' AND y.told_at IS NULL AND y.due_at <= clock_timestamp() FOR UPDATE SKIP LOCKED) k
            WHERE s.subscription_id = k.subscription_id AND s.event_id = k.event_id RETURNING s.* LOOP
    PERFORM odoo_events._outcome_event(o, 'overdue');
  END LOOP;
  -- the outbox has let the event go: nobody can send it again
  FOR o IN DELETE FROM odoo_events.outcome_state s
            USING (SELECT y.subscription_id, y.event_id FROM odoo_events.outcome_state y
                    WHERE y.position < (SELECT min(x.position) FROM odoo_events.outbox_all x) FOR UPDATE SKIP LOCKED) k
            WHERE s.subscription_id = k.subscription_id AND s.event_id = k.event_id RETURNING s.* LOOP
    IF o.state = 'pending' AND o.told_at IS NULL THEN
      o.note := 'the event has left the outbox before its outcome came';
      PERFORM odoo_events._outcome_event(o, 'overdue');
    END IF;
  END LOOP;
  due := (SELECT min(s.due_at) FROM odoo_events.outcome_state s WHERE s.state = 'pending' AND s.told_at IS NULL);
  due := LEAST(due, (SELECT clock_timestamp() + interval '1 s' FROM odoo_events.outcome_late LIMIT 1));
  by_event := by_event AND EXISTS (SELECT 1 FROM odoo_events.outcome_state s WHERE s.state = 'pending');
END $$;
COMMENT ON FUNCTION odoo_events._outcomes_step(int8) IS 'internal: takes events that are outcomes, tells of what is overdue, forgets what has left the outbox';
-- What polls answered.  All events with the same Location in a subscription came with one request, and have one outcome.
CREATE FUNCTION odoo_events._outcomes_polled(subscriptions int4[], locations text[], states text[], notes text[], waits int4[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o odoo_events.outcome_state;
BEGIN
  FOR o IN UPDATE odoo_events.outcome_state s
              SET state = r.state, note = r.note, polls = s.polls + 1, poll_at = CASE WHEN r.state = 'pending' THEN odoo_events._poll_at(r.wait, s.polls + 1) END,
                  decided_at = CASE WHEN r.state <> 'pending' THEN clock_timestamp() END, decided_by = CASE WHEN r.state <> 'pending' THEN 'odoo_events worker' END
             FROM unnest(subscriptions, locations, states, notes, waits) r(id, location, state, note, wait),
                  LATERAL (SELECT y.event_id FROM odoo_events.outcome_state y WHERE y.subscription_id = r.id AND y.location = r.location AND y.state = 'pending' FOR UPDATE SKIP LOCKED) k
            WHERE s.subscription_id = r.id AND s.event_id = k.event_id RETURNING s.* LOOP
    IF o.state = 'failed' THEN
      PERFORM odoo_events._outcome_failed(o);
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._outcomes_polled(int4[], text[], text[], text[], int4[]) IS 'internal: writes what receivers said of events that they had accepted';
CREATE FUNCTION odoo_events._outcomes_to_poll(max int4) RETURNS TABLE (subscription_id int4, location text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT s.subscription_id, s.location
  FROM odoo_events.outcome_state s JOIN odoo_events.subscription_config c ON c.id = s.subscription_id
 WHERE s.state = 'pending' AND s.poll_at <= clock_timestamp() AND c.state = 'active' AND c.outcomes = 'poll'
 GROUP BY s.subscription_id, s.location ORDER BY min(s.poll_at) LIMIT max
$$;
COMMENT ON FUNCTION odoo_events._outcomes_to_poll(int4) IS 'internal: which outcomes are to be asked for now';
CREATE FUNCTION odoo_events._next_poll() RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT min(s.poll_at) FROM odoo_events.outcome_state s JOIN odoo_events.subscription_config c ON c.id = s.subscription_id
 WHERE s.state = 'pending' AND s.poll_at IS NOT NULL AND c.state = 'active' AND c.outcomes = 'poll'
$$;
COMMENT ON FUNCTION odoo_events._next_poll() IS 'internal: when an outcome is to be asked for next';
CREATE FUNCTION odoo_events.confirm(name text, event_id uuid, outcome text DEFAULT 'processed', reference text DEFAULT NULL, note text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  c odoo_events.subscription_config;
  o odoo_events.outcome_state;
BEGIN
  SELECT s.* INTO c FROM odoo_events.subscription_config s WHERE s.name = confirm.name;
  IF c.id IS NOT NULL THEN
    PERFORM odoo_events._must_be_whole(c, 'confirm', '{consume}', true);
  END IF;
  IF c.id IS NULL OR c.outcomes = 'none' OR c.outcomes = 'body' THEN
    RAISE EXCEPTION 'subscription "%" awaits no confirmation', name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.alter_subscription(%L, outcomes => ''sql'');', name);
  ELSIF outcome IS NULL OR outcome NOT IN ('processed', 'failed') THEN
    RAISE EXCEPTION 'argument "outcome" is "%"', outcome USING ERRCODE = 'invalid_parameter_value', HINT = 'outcome => ''processed'', or ''failed''.';
  ELSIF length(reference) > 1000 OR length(note) > 1000 THEN
    RAISE EXCEPTION 'argument "%" has more than 1000 characters', CASE WHEN length(note) > 1000 THEN 'note' ELSE 'reference' END
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the number of a document of yours, or one sentence.';
  END IF;
  PERFORM pg_advisory_xact_lock(odoo_events._outcome_key(c.id, event_id));
  -- a confirmation may be faster than the settlement that notes our 2xx
  INSERT INTO odoo_events.outcome_state AS t (subscription_id, event_id, position, type, subject, partitionkey, company_id, warehouse_id, state)
  SELECT c.id, x.id, x.position, x.type, x.subject, x.partitionkey, x.company_id, x.warehouse_id, 'pending'
    FROM odoo_events.outbox_all x WHERE x.id = event_id
     AND NOT EXISTS (SELECT 1 FROM odoo_events.outcome_state s WHERE s.subscription_id = c.id AND s.event_id = confirm.event_id)
  ON CONFLICT ON CONSTRAINT outcome_state_pkey DO NOTHING;
  SELECT s.* INTO o FROM odoo_events.outcome_state s WHERE s.subscription_id = c.id AND s.event_id = confirm.event_id FOR UPDATE;
  IF o.event_id IS NULL THEN
    RAISE EXCEPTION 'argument "event_id" names no event that subscription "%" can have got', name USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'It is the id of the CloudEvent, and the event must still be in the outbox.', HINT = 'SELECT * FROM odoo_events.outcome;';
  ELSIF o.state = outcome THEN
    RETURN false;                       -- told twice
  END IF;
  UPDATE odoo_events.outcome_state s
     SET state = outcome, decided_at = clock_timestamp(), decided_by = session_user, reference = confirm.reference, note = confirm.note
   WHERE s.subscription_id = c.id AND s.event_id = confirm.event_id RETURNING s.* INTO o;
  IF outcome = 'failed' THEN
    -- else the worker may be about to write the same dead letter: it does so when it notes the 2xx
    IF o.received_at IS NOT NULL THEN
      PERFORM odoo_events._outcome_failed(o);
    END IF;
  ELSE
    DELETE FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = confirm.event_id;
  END IF;
  RETURN true;
END $$;
COMMENT ON FUNCTION odoo_events.confirm(text, uuid, text, text, text) IS
'a consumer says what became of an event: processed or failed (a dead letter), with its own reference; the last word counts; false: that was known';
CREATE FUNCTION odoo_events._outcome_step(subscription int4, event uuid, OUT step text, OUT at timestamptz, OUT detail text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE o.state WHEN 'pending' THEN 'unconfirmed' ELSE o.state END, COALESCE(o.decided_at, o.received_at),
       concat_ws(', ', CASE WHEN o.state = 'pending' THEN 'accepted, and no outcome yet' END, 'due at ' || o.due_at, 'overdue since ' || o.told_at, o.reference, o.note)
  FROM odoo_events.outcome_state o WHERE o.subscription_id = subscription AND o.event_id = event
$$;
COMMENT ON FUNCTION odoo_events._outcome_step(int4, uuid) IS 'internal: what trace() says of an accepted event; null where no outcome is awaited';
CREATE FUNCTION odoo_events._check_outcomes(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF c.outcomes NOT IN ('none', 'body', 'poll', 'sql', 'event') THEN
    RAISE EXCEPTION 'argument "outcomes" is "%"', c.outcomes USING ERRCODE = 'invalid_parameter_value',
      HINT = 'none: a 2xx says processed; body: the answer says so; poll: its Location is asked; sql: the consumer calls confirm(); event: an event of outcome_types says so.';
  ELSIF c.outcomes <> 'none' AND c.url IS NULL THEN
    RAISE EXCEPTION 'argument "outcomes" needs a URL' USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out: what a consumer acknowledges with ack() is processed.';
  ELSIF c.outcomes IN ('body', 'poll') AND c.url !~* '^https?:' THEN
    RAISE EXCEPTION 'argument "outcomes" is "%", and a broker answers nothing', c.outcomes USING ERRCODE = 'invalid_parameter_value', HINT = 'outcomes => ''sql''';
  ELSIF (c.outcomes = 'event') <> (c.outcome_types IS NOT NULL) THEN
    RAISE EXCEPTION 'arguments "outcomes" and "outcome_types" do not fit' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'outcomes => ''event'', outcome_types => ''{odoo.procurement.*}''';
  ELSIF c.outcome_within IS NOT NULL AND c.outcomes NOT IN ('poll', 'sql', 'event') OR c.outcome_within NOT BETWEEN interval '1 s' AND interval '1 year' THEN
    RAISE EXCEPTION 'argument "outcome_within" is %', c.outcome_within USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give 1 second to 1 year, with outcomes => ''poll'', ''sql'' or ''event''; 0 for no limit.';
  ELSIF c.outcome_calendar IS NOT NULL AND c.outcome_within IS NULL THEN
    RAISE EXCEPTION 'argument "outcome_calendar" needs outcome_within' USING ERRCODE = 'invalid_parameter_value', HINT = 'outcome_within => ''4 h''';
  ELSIF c.outcome_calendar <> 'warehouse' AND NOT EXISTS (SELECT 1 FROM odoo_events.calendar_def d WHERE d.name = c.outcome_calendar) THEN
    RAISE EXCEPTION 'there is no calendar "%"', c.outcome_calendar USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.calendar;  -- or ''warehouse'', for that of the event''s warehouse';
  ELSIF c.accepted IS NOT NULL AND c.outcomes <> 'body' THEN
    RAISE EXCEPTION 'argument "accepted" needs outcomes => ''body''' USING ERRCODE = 'invalid_parameter_value', HINT = 'outcomes => ''body''';
  ELSIF c.on_reject NOT IN ('retry', 'dead', 'hold') THEN
    RAISE EXCEPTION 'argument "on_reject" is "%"', c.on_reject USING ERRCODE = 'invalid_parameter_value',
      HINT = 'retry: as any failure; dead: a dead letter at once; hold: its key waits for retry_now() or skip().';
  ELSIF EXISTS (SELECT 1 FROM unnest(c.fields) f WHERE f IS NULL OR f !~ '^[a-z0-9_]{1,63}([.]([a-z0-9_]{1,63}|[*]))?$') THEN
    RAISE EXCEPTION 'argument "fields" has an unusable name' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'fields => ''{transfer.state,move.*,lines}''';
  ELSIF c.fields IS NOT NULL AND c.url IS NULL THEN
    RAISE EXCEPTION 'argument "fields" needs a URL' USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out: a consumer that fetches chooses for itself.';
  END IF;
  IF c.accepted IS NOT NULL THEN
    PERFORM odoo_events._check_predicate(c.accepted, 'accepted');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_outcomes(odoo_events.subscription_config) IS 'internal: refuses unusable arguments about outcomes and fields';
CREATE FUNCTION odoo_events._health_outcomes() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
-- asked of the table, by its indexes: the view has a row per accepted event, and says the state in words
SELECT 'outcomes', 'critical', format('%s: %s accepted events have no outcome, the oldest since %s', c.name, o.n, o.since),
       format('SELECT * FROM odoo_events.outcome WHERE subscription = %L AND state = ''overdue'';', c.name)
  FROM (SELECT s.subscription_id, count(*) AS n, min(s.received_at) AS since FROM odoo_events.outcome_state s
         WHERE s.state = 'pending' AND (s.told_at IS NOT NULL OR s.due_at < now()) GROUP BY s.subscription_id) o
       JOIN odoo_events.subscription_config c ON c.id = o.subscription_id
 WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
UNION ALL
SELECT 'outcomes', 'warn', format('%s: %s accepted events failed within a day', c.name, o.n),
       format('SELECT * FROM odoo_events.outcome WHERE subscription = %L AND state = ''failed'';', c.name)
  FROM (SELECT s.subscription_id, count(*) AS n FROM odoo_events.outcome_state s
         WHERE s.state = 'failed' AND s.decided_at > now() - interval '1 day' GROUP BY s.subscription_id) o
       JOIN odoo_events.subscription_config c ON c.id = o.subscription_id
 WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
UNION ALL
SELECT 'rejections', 'warn', format('%s: %s for %s only (%s events)%s', r.name, r.last_status, r.type, r.n,
         (SELECT ', ' || count(DISTINCT o.type) || ' other types accepted'
            FROM (SELECT a.event_id FROM odoo_events.attempt a WHERE a.subscription = r.name AND a.status BETWEEN 200 AND 299 AND a.event_id IS NOT NULL
                   ORDER BY a.at DESC LIMIT 1000) a
            JOIN odoo_events.outbox_all o ON o.id = a.event_id WHERE o.type <> r.type)),
       format('SELECT * FROM odoo_events.dead_letter WHERE subscription = %L AND type = %L; SELECT * FROM odoo_events.waiting WHERE subscription = %L AND state = ''retry'';', r.name, r.type, r.name)
  FROM (SELECT x.name, x.last_status, x.type, count(*) AS n
          FROM (SELECT c.name, d.last_status, d.type FROM odoo_events.dead d JOIN odoo_events.subscription_config c ON c.id = d.subscription_id
                 WHERE d.last_status IN (400, 413, 422) AND d.last_at > now() - interval '1 day'
                UNION ALL
                SELECT c.name, h.last_status, o.type FROM odoo_events.held h JOIN odoo_events.subscription_config c ON c.id = h.subscription_id
                  JOIN odoo_events.outbox_all o ON o.position = h.position WHERE h.last_status IN (400, 413, 422)) x
         GROUP BY x.name, x.last_status, x.type) r
$$;
COMMENT ON FUNCTION odoo_events._health_outcomes() IS 'internal: outcomes that are overdue or failed, and what receivers reject, by status and type; no rows where there is nothing';
-- acknowledge: a partner whose interface is dead gets a file, and a person says so.

-- Kept as long as the outbox keeps the event: the subscription passes it over whenever it comes to it.
CREATE TABLE odoo_events.acknowledged (
    subscription_id int4 NOT NULL,
    position        int8 NOT NULL,
    event_id        uuid NOT NULL,
    at              timestamptz NOT NULL,
    who             text NOT NULL,
    note            text,
    PRIMARY KEY (subscription_id, position)
);
COMMENT ON TABLE odoo_events.acknowledged IS 'events that somebody has brought to a partner by other means: see acknowledge()';
-- Events as a subscription of these choices gets them.
CREATE FUNCTION odoo_events._rendered(event text, classes text, payload text, clearance text[], fields text[]) RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_rendered';
COMMENT ON FUNCTION odoo_events._rendered(text, text, text, text[], text[]) IS 'internal: an event as a subscription of format structured gets it, with its fields alone';
-- What a subscription has still to get, in the order of positions: what waits, what it has not come to, what was given up.
CREATE FUNCTION odoo_events._pending(c odoo_events.subscription_config) RETURNS TABLE ("position" int8, state text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT x.position, min(x.state)
  FROM (SELECT w.position, w.state FROM odoo_events.waiting w WHERE w.subscription = c.name
        UNION ALL
        SELECT o.position, 'not reached' FROM odoo_events.outbox_all o, odoo_events.subscription_progress p
         WHERE p.subscription_id = c.id AND o.position > p.cursor AND o.type LIKE ANY (c.types_like)
           AND odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL
        UNION ALL
        SELECT d.position, 'dead letter' FROM odoo_events.dead d WHERE d.subscription_id = c.id) x
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events.acknowledged a WHERE a.subscription_id = c.id AND a.position = x.position)
 GROUP BY x.position
$$;
COMMENT ON FUNCTION odoo_events._pending(odoo_events.subscription_config) IS 'internal: positions of what a subscription has still to get';
CREATE FUNCTION odoo_events.pending(name text, max int DEFAULT 10000)
RETURNS TABLE ("position" int8, event_id uuid, type text, subject text, "time" timestamptz, state text, event json)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  c odoo_events.subscription_config;
BEGIN
  SELECT s.* INTO c FROM odoo_events.subscription_config s WHERE s.name = pending.name;
  IF c.id IS NULL THEN
    RAISE EXCEPTION 'subscription "%" does not exist', pending.name USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.subscription lists them.';
  ELSIF pending.max IS NULL OR pending.max NOT BETWEEN 1 AND 1000000 THEN
    RAISE EXCEPTION 'argument "max" is %', pending.max USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 1000000.';
  END IF;
  PERFORM odoo_events._must_be_whole(c, 'pending', '{read}', true);
  RETURN QUERY
  SELECT p.position, COALESCE(o.id, d.event_id), COALESCE(o.type, d.type), COALESCE(o.subject, d.subject), COALESCE(o."time", (odoo_events._legible(d.event) ->> 'time')::timestamptz), p.state,
         odoo_events._rendered(odoo_events._company_event(COALESCE(d.event, o.event), COALESCE(d.classes, o.classes), c.companies), COALESCE(d.classes, o.classes), c.payload, c.clearance, c.fields)::json
    FROM (SELECT x.* FROM odoo_events._pending(c) x ORDER BY x.position LIMIT pending.max) p
         LEFT JOIN odoo_events.outbox_all o ON o.position = p.position
         LEFT JOIN odoo_events.dead d ON d.subscription_id = c.id AND d.position = p.position
   ORDER BY p.position;
END $$;
COMMENT ON FUNCTION odoo_events.pending(text, int) IS
'what a subscription has still to get, as it would get it: what waits, what it has not come to, what was given up; in order, at most max events; for a file by hand';
CREATE FUNCTION odoo_events.acknowledge(name text, ids uuid[], note text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  wanted uuid[] := ARRAY(SELECT DISTINCT i FROM unnest(ids) i);
  open_positions int8[];
  waiting_ids uuid[];
  dead_ids uuid[];
  unknown uuid;
BEGIN
  PERFORM odoo_events._must_be_whole(c, 'acknowledge', '{operate}');
  IF c.url IS NULL THEN
    RAISE EXCEPTION 'subscription "%" is fetched, and acknowledged by its consumer', name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT * FROM odoo_events.fetch(%L);  -- then ack()', name);
  ELSIF ids IS NULL OR cardinality(wanted) > 1000 OR length(note) > 1000 THEN
    RAISE EXCEPTION 'argument "%" is null, or too long', CASE WHEN length(note) > 1000 THEN 'note' ELSE 'ids' END USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give at most 1000 ids, and a note of at most 1000 characters.';
  END IF;
  dead_ids := ARRAY(SELECT d.event_id FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = ANY (wanted));
  waiting_ids := ARRAY(SELECT s.event_id FROM odoo_events.outcome_state s WHERE s.subscription_id = c.id AND s.event_id = ANY (wanted) AND s.state <> 'processed');
  open_positions := ARRAY(SELECT o.position FROM odoo_events.outbox_all o JOIN odoo_events._pending(c) p ON p.position = o.position
                           WHERE o.id = ANY (wanted) AND NOT o.id = ANY (dead_ids) AND NOT o.id = ANY (waiting_ids));
  SELECT i INTO unknown FROM unnest(wanted) i
   WHERE NOT i = ANY (dead_ids) AND NOT i = ANY (waiting_ids) AND NOT EXISTS (SELECT 1 FROM odoo_events.outbox_all o WHERE o.id = i AND o.position = ANY (open_positions)) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'argument "ids" names event %, which subscription "%" has not to get any more', unknown, name USING ERRCODE = 'invalid_parameter_value',
      HINT = format('SELECT event_id FROM odoo_events.pending(%L);', name);
  END IF;
  IF odoo_events._proposes('acknowledge', jsonb_build_object('name', c.name, 'ids', ids, 'note', note)) THEN
    RETURN NULL;
  END IF;
  DELETE FROM odoo_events.acknowledged a WHERE a.position < (SELECT min(o.position) FROM odoo_events.outbox_all o);
  INSERT INTO odoo_events.acknowledged (subscription_id, position, event_id, at, who, note)
  SELECT c.id, o.position, o.id, clock_timestamp(), session_user, note FROM odoo_events.outbox_all o
   WHERE o.id = ANY (wanted) ON CONFLICT ON CONSTRAINT acknowledged_pkey DO NOTHING;
  DELETE FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = ANY (dead_ids);
  PERFORM pg_advisory_xact_lock(odoo_events._outcome_key(c.id, x.i)) FROM (SELECT u AS i FROM unnest(waiting_ids) u ORDER BY u) x;
  UPDATE odoo_events.outcome_state s SET state = 'processed', decided_at = clock_timestamp(), decided_by = session_user, note = acknowledge.note, poll_at = NULL
   WHERE s.subscription_id = c.id AND s.event_id = ANY (waiting_ids);
  -- what the worker has in memory
  IF cardinality(open_positions) > 0 THEN
    INSERT INTO odoo_events.command (subscription_id, what, positions, by) VALUES (c.id, 'acknowledge', open_positions, session_user);
    PERFORM odoo_events._wake('config');
  END IF;
  PERFORM odoo_events._audit('acknowledge', c.name, NULL, jsonb_strip_nulls(jsonb_build_object('ids', wanted, 'note', note)));
  RETURN cardinality(wanted);
END $$;
COMMENT ON FUNCTION odoo_events.acknowledge(text, uuid[], text) IS
'settles events that were brought to a partner by other means: they are sent no more, and become no dead letters; answers how many.  At most 1000; 22023 for an event that it has not to get';
CREATE FUNCTION odoo_events._acknowledged_step(subscription int4, "position" int8, OUT step text, OUT at timestamptz, OUT detail text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'acknowledged by hand', a.at, concat_ws(': ', 'by ' || a.who, a.note) FROM odoo_events.acknowledged a WHERE a.subscription_id = subscription AND a.position = $2
$$;
COMMENT ON FUNCTION odoo_events._acknowledged_step(int4, int8) IS 'internal: what trace() says of an event that was settled by hand';
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
-- compare: an interface that is being replaced, beside its successor.

CREATE TABLE odoo_events.legacy (
    id     int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    flow   text NOT NULL,
    key    text NOT NULL,
    type   text,                                -- of ours that says the same; null: any
    at     timestamptz NOT NULL,
    fields jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE odoo_events.legacy IS 'what the interface that is being replaced has sent: filled by COPY (flow, key, type, at, fields) or note_legacy(); in no dump';
CREATE INDEX legacy_flow ON odoo_events.legacy (flow, at);
CREATE TABLE odoo_events.comparison_rule (
    id           text PRIMARY KEY,              -- md5 of name: a key of saved_config is letters, digits and "_"
    name         text NOT NULL UNIQUE,
    subscription text NOT NULL,
    key          jsonpath NOT NULL,
    fields       jsonb NOT NULL,
    tolerance    interval NOT NULL,
    ready        numeric NOT NULL
);
COMMENT ON TABLE odoo_events.comparison_rule IS 'how facts of an old interface are compared with events of a subscription; the flow has the name of the comparison';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.comparison_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.comparison_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('name', 'define comparison', 'define comparison', 'drop comparison', 'id,name');
CREATE FUNCTION odoo_events.note_legacy(flow text, key text, type text DEFAULT NULL, at timestamptz DEFAULT now(), fields jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF flow IS NULL OR key IS NULL OR at IS NULL OR fields IS NULL OR jsonb_typeof(fields) <> 'object' THEN
    RAISE EXCEPTION 'a fact of an old interface needs "flow", "key", "at" and an object as "fields"' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.note_legacy(''wms'', ''S00042'', ''odoo.logistics.shipment.dispatched.v1'', fields => ''{"quantity": 3}'');';
  END IF;
  INSERT INTO odoo_events.legacy (flow, key, type, at, fields) VALUES (flow, key, type, at, fields);
END $$;
COMMENT ON FUNCTION odoo_events.note_legacy(text, text, text, timestamptz, jsonb) IS 'notes what the interface that is being replaced has sent, to be compared by compare()';
CREATE FUNCTION odoo_events.define_comparison(name text, subscription text, key jsonpath, fields jsonb DEFAULT '{}', tolerance interval DEFAULT '5 min',
                                              ready numeric DEFAULT 0.999, or_replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f record;
  path jsonpath;
BEGIN
  PERFORM odoo_events._must_be_free('define_comparison');
  IF name IS NULL OR name !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$' OR key IS NULL THEN
    RAISE EXCEPTION 'a comparison needs a usable "name" and "key"' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.define_comparison(''wms'', ''wms'', key => ''$.data.transfer.name'');';
  END IF;
  PERFORM odoo_events._subscription(subscription);
  IF tolerance IS NULL OR tolerance < interval '0' OR tolerance > interval '7 days' OR ready IS NULL OR ready NOT BETWEEN 0 AND 1 THEN
    RAISE EXCEPTION 'argument "%" is out of range', CASE WHEN ready BETWEEN 0 AND 1 THEN 'tolerance' ELSE 'ready' END USING ERRCODE = 'invalid_parameter_value',
      HINT = 'tolerance => ''5 min'' (at most 7 days), ready => 0.999';
  END IF;
  FOR f IN SELECT e.key, e.value FROM jsonb_each_text(fields) e LOOP
    BEGIN
      path := f.value::jsonpath;
    EXCEPTION WHEN syntax_error OR invalid_text_representation OR null_value_not_allowed THEN
      RAISE EXCEPTION 'argument "fields" has no usable path for "%"', f.key USING ERRCODE = 'invalid_parameter_value',
        HINT = 'fields => ''{"quantity": "$.data.move.quantity"}''';
    END;
  END LOOP;
  INSERT INTO odoo_events.comparison_rule AS r VALUES (md5(name), name, subscription, key, fields, tolerance, ready)
  ON CONFLICT ON CONSTRAINT comparison_rule_pkey DO UPDATE
     SET subscription = EXCLUDED.subscription, key = EXCLUDED.key, fields = EXCLUDED.fields, tolerance = EXCLUDED.tolerance, ready = EXCLUDED.ready WHERE or_replace;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'comparison "%" already exists', name USING ERRCODE = 'duplicate_object', HINT = 'or_replace => true replaces it.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.define_comparison(text, text, jsonpath, jsonb, interval, numeric, boolean) IS
'how facts of the flow of that name are compared with the events that a subscription wants: key and fields are paths into the event; ready is the share that must agree';
CREATE FUNCTION odoo_events.drop_comparison(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('drop_comparison');
  DELETE FROM odoo_events.comparison_rule r WHERE r.name = drop_comparison.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'comparison "%" does not exist', name USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.comparison;';
  END IF;
  DELETE FROM odoo_events.legacy l WHERE l.flow = drop_comparison.name;
END $$;
COMMENT ON FUNCTION odoo_events.drop_comparison(text) IS 'removes a comparison, and the facts of its flow';
-- The events that a subscription wants, by the key of the old interface.  The tolerance on both sides finds partners across the borders.
CREATE FUNCTION odoo_events._compared(r odoo_events.comparison_rule, since timestamptz, until timestamptz)
RETURNS TABLE (key text, type text, at timestamptz, fields jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_path_query_first(o.event::jsonb, r.key) #>> '{}', o.type, o."time",
       COALESCE((SELECT jsonb_object_agg(f.key, jsonb_path_query_first(o.event::jsonb, f.value::jsonpath)) FROM jsonb_each_text(r.fields) f), '{}')
  FROM odoo_events.subscription_config c
  JOIN odoo_events.outbox_all o ON o.type LIKE ANY (c.types_like) AND o."time" >= since - r.tolerance AND o."time" < until + r.tolerance
 WHERE c.name = r.subscription AND o.type NOT LIKE 'odoo.platform.%'
   AND odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL
   AND jsonb_path_query_first(o.event::jsonb, r.key) IS NOT NULL
$$;
COMMENT ON FUNCTION odoo_events._compared(odoo_events.comparison_rule, timestamptz, timestamptz) IS 'internal: our side of a comparison';
CREATE FUNCTION odoo_events.compare(name text, since timestamptz DEFAULT now() - interval '1 day', until timestamptz DEFAULT now())
RETURNS TABLE (verdict text, key text, type text, delta interval, differs jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  r odoo_events.comparison_rule;
BEGIN
  PERFORM odoo_events._must_be_free('compare');
  SELECT x.* INTO r FROM odoo_events.comparison_rule x WHERE x.name = compare.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'comparison "%" does not exist', compare.name USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.comparison;';
  END IF;
  -- the same document may be told of more than once: the first there is compared with the first here
  RETURN QUERY
  WITH here AS MATERIALIZED (SELECT h.*, row_number() OVER (PARTITION BY h.key, h.type ORDER BY h.at) AS n FROM odoo_events._compared(r, since, until) h),
       there AS MATERIALIZED (SELECT l.key, COALESCE(l.type, (SELECT min(h.type) FROM here h WHERE h.key = l.key)) AS type, l.at, l.fields FROM odoo_events.legacy l
                               WHERE l.flow = r.name AND l.at >= since - r.tolerance AND l.at < until + r.tolerance),
       numbered AS (SELECT t.*, row_number() OVER (PARTITION BY t.key, t.type ORDER BY t.at) AS n FROM there t),
       pair AS (SELECT COALESCE(h.key, t.key) AS key, COALESCE(h.type, t.type) AS type, h.at AS here_at, t.at AS there_at,
                       (SELECT jsonb_object_agg(f.key, jsonb_build_object('there', t.fields -> f.key, 'here', h.fields -> f.key)) FROM jsonb_object_keys(r.fields) f(key)
                         WHERE COALESCE(t.fields -> f.key, 'null') <> COALESCE(h.fields -> f.key, 'null')) AS differs
                  FROM here h FULL JOIN numbered t ON t.key = h.key AND t.type = h.type AND t.n = h.n)
  SELECT CASE WHEN p.here_at IS NULL THEN 'missing_here' WHEN p.there_at IS NULL THEN 'missing_there' WHEN p.differs IS NOT NULL THEN 'differs'
              WHEN p.here_at - p.there_at > r.tolerance THEN 'late_here' WHEN p.there_at - p.here_at > r.tolerance THEN 'late_there' ELSE 'same' END,
         p.key, p.type, p.here_at - p.there_at, CASE WHEN p.here_at IS NOT NULL AND p.there_at IS NOT NULL THEN p.differs END
    FROM pair p WHERE COALESCE(LEAST(p.here_at, p.there_at), p.here_at, p.there_at) >= since AND COALESCE(LEAST(p.here_at, p.there_at), p.here_at, p.there_at) < until
   ORDER BY COALESCE(LEAST(p.here_at, p.there_at), p.here_at, p.there_at), p.key;
END $$;
COMMENT ON FUNCTION odoo_events.compare(text, timestamptz, timestamptz) IS
'what the old interface has sent beside what a subscription gets: same, late_there, late_here, missing_there, missing_here, differs; delta is how much later ours is';
CREATE OR REPLACE VIEW odoo_events.comparison AS
SELECT d.name, d.subscription, d.day, d.n, d.same, round(d.same / d.n::numeric, 4) AS agreement,
       pg_catalog.min(d.same / d.n::numeric) OVER w >= d.ready AND pg_catalog.count(*) OVER w = 3 AS ready
  FROM (SELECT r.name, r.subscription, r.ready, g.day::date AS day, count(*) AS n, count(*) FILTER (WHERE c.verdict = 'same') AS same
          FROM (SELECT x.* FROM odoo_events.comparison_rule x WHERE NOT EXISTS (SELECT 1 FROM odoo_events._my_policy)) r
         CROSS JOIN LATERAL pg_catalog.generate_series(pg_catalog.date_trunc('day', GREATEST((SELECT min(l.at) FROM odoo_events.legacy l WHERE l.flow = r.name), now() - interval '14 days')),
                                                       now(), interval '1 day') g(day)
         CROSS JOIN LATERAL odoo_events.compare(r.name, g.day, LEAST(g.day + interval '1 day', now())) c
         GROUP BY r.name, r.subscription, r.ready, g.day) d
WINDOW w AS (PARTITION BY d.name ORDER BY d.day ROWS 2 PRECEDING)
 ORDER BY d.name, d.day;
COMMENT ON VIEW odoo_events.comparison IS 'per day how much an old interface and a subscription agree; ready: three days in a row, this one included, at least as much as the comparison asks for';
-- cut_over: a new subscription goes on where an old one stops.

-- What was handed over, and when: trace() says by it who sent an event.
CREATE TABLE odoo_events.subscription_cut (
    id             int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at             timestamptz NOT NULL,
    who            text NOT NULL,
    from_id        int4 NOT NULL,               -- subscription that stopped
    to_id          int4 NOT NULL,               -- subscription that goes on
    last_position  int8 NOT NULL,               -- the last event that the first one has taken in
    carried        int8[] NOT NULL              -- events up to there that it had not settled, and that the other one sends
);
COMMENT ON TABLE odoo_events.subscription_cut IS 'places that cut_over() and cut_back() handed from one subscription to another; in no dump';
CREATE FUNCTION odoo_events._freeze(first int4, second int4, patience int4) RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_freeze';
COMMENT ON FUNCTION odoo_events._freeze(int4, int4, int4) IS
'internal: the worker starts no requests of two subscriptions until the transaction ends, and has written their places; false if their requests have not ended within so many milliseconds';
CREATE FUNCTION odoo_events._check_cut(a odoo_events.subscription_config, b odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  job int8;
BEGIN
  IF a.id = b.id OR a.url IS NULL OR b.url IS NULL THEN
    RAISE EXCEPTION 'subscription "%" cannot hand its place to "%"', a.name, b.name USING ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = 'Both must be sent to a URL, and be two.',
      HINT = 'SELECT name, url FROM odoo_events.subscription;';
  ELSIF b.state <> 'paused' AND NOT b.dry_run THEN
    RAISE EXCEPTION 'subscription "%" sends already', b.name USING ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = 'What it has sent would be sent again.', HINT = format('SELECT odoo_events.pause(%L);', b.name);
  END IF;
  SELECT r.id INTO job FROM odoo_events.replay_job r WHERE r.state = 'running' AND r.subscription_id IN (a.id, b.id) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'replay % of these subscriptions is running', job USING ERRCODE = 'object_in_use', HINT = format('SELECT odoo_events.cancel_replay(%s);', job);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_cut(odoo_events.subscription_config, odoo_events.subscription_config) IS 'internal: refuses subscriptions that cannot hand over their place';
-- A row of progress that says where a subscription is from now on; its totals stay.
CREATE FUNCTION odoo_events._put_place(id int4, cursor_position int8, in_flight int8[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  image jsonb := (SELECT to_jsonb(p) FROM odoo_events.progress p WHERE p.subscription_id = id ORDER BY p.n DESC LIMIT 1);
BEGIN
  DELETE FROM odoo_events.held h WHERE h.subscription_id = id;
  PERFORM odoo_events._insert_json('odoo_events.progress_0', COALESCE(image, jsonb_build_object('subscription_id', id)) - '{n,requests,not_before,breaker}'::text[]
    || jsonb_build_object('at', clock_timestamp(), 'cursor', cursor_position, 'in_flight', to_jsonb(in_flight), 'batches', '[]'::jsonb, 'gate', cursor_position));
END $$;
COMMENT ON FUNCTION odoo_events._put_place(int4, int8, int8[]) IS 'internal: writes the place of a subscription that stands still';
CREATE FUNCTION odoo_events._cut(function text, from_name text, to_name text, carry boolean, OUT last_position int8, OUT first_position int8, OUT carried int8)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a odoo_events.subscription_config;
  b odoo_events.subscription_config;
  retries int8;
  positions int8[];
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION '%() needs a transaction that sees what others commit', function USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED;';
  END IF;
  PERFORM odoo_events._lock_config();
  a := odoo_events._subscription(from_name);
  b := odoo_events._subscription(to_name);
  PERFORM odoo_events._must_be_whole(a, function);
  PERFORM odoo_events._must_be_whole(b, function);
  PERFORM odoo_events._check_cut(a, b);
  IF NOT odoo_events._freeze(a.id, b.id, (extract(epoch FROM a.timeout) * 1000)::int4 + 10000) THEN
    RAISE EXCEPTION 'the requests of subscription "%" have not ended within its timeout', a.name USING ERRCODE = 'object_in_use',
      HINT = format('SELECT * FROM odoo_events.subscription_status WHERE name = %L;', a.name);
  END IF;
  SELECT p.cursor, (SELECT count(*) FROM odoo_events.held h WHERE h.subscription_id = a.id AND h.attempts > 0)
                   + (SELECT count(*) FROM jsonb_array_elements(p.batches) x WHERE (x ->> 'attempts')::int4 > 0)
    INTO last_position, retries FROM odoo_events.subscription_progress p WHERE p.subscription_id = a.id;
  IF last_position IS NULL THEN
    RAISE EXCEPTION 'subscription "%" has no place yet', a.name USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT * FROM odoo_events.health();';
  ELSIF retries > 0 AND carry IS NOT TRUE THEN
    RAISE EXCEPTION 'subscription "%" retries % events or batches', a.name, retries USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.retry_now(%L);  -- or hand them over: SELECT * FROM odoo_events.%I(%L, %L, carry => true);', a.name, function, a.name, b.name);
  END IF;
  -- what it has taken in and not settled goes to the other one, if that wants it
  SELECT COALESCE(array_agg(o.position ORDER BY o.position), '{}') INTO positions
    FROM (SELECT unnest(p.in_flight || p.batched) AS position FROM odoo_events.subscription_progress p WHERE p.subscription_id = a.id
          UNION SELECT e.position FROM odoo_events.held_event e WHERE e.subscription_id = a.id) x
    JOIN odoo_events.outbox_all o ON o.position = x.position
   WHERE odoo_events._unwanted(b, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL
     AND NOT EXISTS (SELECT 1 FROM odoo_events.acknowledged k WHERE k.subscription_id = a.id AND k.position = x.position);
  carried := cardinality(positions);
  IF carried > 10000 THEN
    RAISE EXCEPTION 'subscription "%" has % events that it has taken in and not settled', a.name, carried USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.retry_now(%L);', a.name);
  END IF;
  first_position := COALESCE(positions[1], last_position + 1);
  PERFORM odoo_events._put_place(a.id, last_position, '{}');
  PERFORM odoo_events._put_place(b.id, last_position, positions);
  -- what was brought to the partner by hand, ahead of the place, is not sent by the other one either
  INSERT INTO odoo_events.acknowledged (subscription_id, position, event_id, at, who, note)
  SELECT b.id, k.position, k.event_id, k.at, k.who, k.note FROM odoo_events.acknowledged k WHERE k.subscription_id = a.id AND k.position > _cut.last_position
  ON CONFLICT ON CONSTRAINT acknowledged_pkey DO NOTHING;
  INSERT INTO odoo_events.subscription_cut (at, who, from_id, to_id, last_position, carried) VALUES (clock_timestamp(), session_user, a.id, b.id, last_position, positions);
  UPDATE odoo_events.subscription_config s SET state = 'paused', state_reason = format('its place went to "%s" at position %s by %s', b.name, last_position, session_user),
         state_since = clock_timestamp() WHERE s.id = a.id;
  UPDATE odoo_events.subscription_config s SET state = 'active', state_reason = NULL, state_since = clock_timestamp(), dry_run = false, version = s.version + 1 WHERE s.id = b.id;
  PERFORM odoo_events._audit(function, b.name, NULL, jsonb_build_object('from', a.name, 'last_position', last_position, 'first_position', first_position, 'carried', carried));
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._cut(text, text, text, boolean) IS 'internal: what cut_over() and cut_back() do';
CREATE FUNCTION odoo_events.cut_over(old text, new text, carry boolean DEFAULT false, OUT last_position int8, OUT first_position int8, OUT carried int8)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT odoo_events._proposes('cut_over', jsonb_build_object('old', old, 'new', new, 'carry', carry)) THEN
    SELECT c.* INTO last_position, first_position, carried FROM odoo_events._cut('cut_over', old, new, carry) c;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.cut_over(text, text, boolean) IS
'a new subscription, which is paused or a dry run, goes on where an old one stops, as soon as its requests have ended; answers the last position that the old one had taken in, the first that the new one sends, and how many events the old one had not settled and the new one sends.  55000 while the old one retries, unless carry';
CREATE FUNCTION odoo_events.cut_back(new text, old text, carry boolean DEFAULT false, OUT last_position int8, OUT first_position int8, OUT carried int8)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT odoo_events._proposes('cut_back', jsonb_build_object('new', new, 'old', old, 'carry', carry)) THEN
    SELECT c.* INTO last_position, first_position, carried FROM odoo_events._cut('cut_back', new, old, carry) c;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.cut_back(text, text, boolean) IS
'the way back: the old subscription goes on where the new one stops; as cut_over()';
-- Whose event was it?  Of the first hand-over behind it, or else of the last one, the other side; null where it was this subscription's.
CREATE FUNCTION odoo_events._cut_step(subscription int4, "position" int8) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT format('sent by "%s": the place was handed over at position %s', (SELECT c.name FROM odoo_events.subscription_config c WHERE c.id = x.other), x.last_position)
  FROM (SELECT CASE WHEN k.last_position >= $2 AND NOT $2 = ANY (k.carried) THEN k.from_id ELSE k.to_id END AS sender,
               CASE WHEN k.from_id = subscription THEN k.to_id ELSE k.from_id END AS other, k.last_position
          FROM odoo_events.subscription_cut k WHERE subscription IN (k.from_id, k.to_id)
         ORDER BY k.last_position >= $2 DESC, CASE WHEN k.last_position >= $2 THEN k.id ELSE -k.id END LIMIT 1) x
 WHERE x.sender <> subscription
$$;
COMMENT ON FUNCTION odoo_events._cut_step(int4, int8) IS 'internal: what trace() says of an event that another subscription has sent after cut_over()';
CREATE FUNCTION odoo_events._restore_token() RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_restore_token';
COMMENT ON FUNCTION odoo_events._restore_token() IS 'internal: names the latest start of this server from a physical backup; null if there was none';
CREATE FUNCTION odoo_events._note_restored(token text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
UPDATE odoo_events.arming_state
   SET disarmed = true, restore_token = token, armed_by = 'odoo_events worker', armed_at = clock_timestamp(),
       reason = CASE WHEN disarmed THEN reason ELSE 'the server was restored from a physical backup' END
$$;
COMMENT ON FUNCTION odoo_events._note_restored(text) IS 'internal: the worker disarms a server that was restored from a physical backup';
-- TRUNCATE, so that no dead row keeps a secret in the copy's files.
CREATE FUNCTION odoo_events._forget_secrets() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n int8 := (SELECT count(*) FROM odoo_events.subscription_config);
BEGIN
  TRUNCATE odoo_events.subscription_secret;
  UPDATE odoo_events.subscription_config
     SET state = 'paused', state_reason = 'paused by arm() in a copy', state_since = clock_timestamp() WHERE state <> 'paused';
  IF n > 0 THEN
    PERFORM odoo_events._audit('forget secrets', NULL, NULL, jsonb_build_object('subscriptions', n));
    RAISE NOTICE 'the secrets of % subscriptions were deleted, and they are paused', n
      USING HINT = 'SELECT name, url FROM odoo_events.subscription;  -- set_secret() and resume() each that this database is to send to';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._forget_secrets() IS 'internal: a copy is left without production''s secrets, and sends to nobody until it is told to';
CREATE FUNCTION odoo_events.arm(keep_secrets boolean DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me record;
  same boolean;
BEGIN
  PERFORM odoo_events._must_be_free('arm');
  SELECT * INTO me FROM odoo_events._identity();
  IF me.neutralized IS NULL THEN
    RAISE EXCEPTION 'Odoo''s parameters cannot be read now: %', me.reason
      USING ERRCODE = 'lock_not_available',
            HINT = CASE WHEN me.reason LIKE '%does not belong to the owner of the database'
                        THEN (SELECT format('ALTER DATABASE %I OWNER TO %I;', current_database(), pg_get_userbyid(c.relowner))
                                FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relname = 'ir_config_parameter')
                        ELSE 'Try again when the module upgrade or whatever else holds the lock has ended.' END;
  END IF;
  IF me.neutralized THEN
    RAISE EXCEPTION 'database "%" is neutralized', current_database()
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Odoo''s parameter database.is_neutralized marks a copy for tests; remove it first if this is production.';
  END IF;
  IF odoo_events._proposes('arm', jsonb_build_object('keep_secrets', keep_secrets)) THEN
    RETURN;
  END IF;
  SELECT a.system_identifier = me.system_identifier AND a.database_oid = d.oid INTO same
    FROM odoo_events.arming_state a, pg_database d WHERE d.datname = current_database();
  IF NOT COALESCE(keep_secrets, same, true) THEN
    PERFORM odoo_events._forget_secrets();
  END IF;
  INSERT INTO odoo_events.arming_state (system_identifier, database_oid, database_uuid, armed_by, armed_at, restore_token, environment)
  SELECT me.system_identifier, d.oid, me.database_uuid, session_user, clock_timestamp(), odoo_events._restore_token(), current_setting('odoo_events.environment')
    FROM pg_database d WHERE d.datname = current_database()
  ON CONFLICT (only_row) DO UPDATE
     SET system_identifier = EXCLUDED.system_identifier, database_oid = EXCLUDED.database_oid,
         database_uuid = EXCLUDED.database_uuid, disarmed = false, reason = NULL,
         armed_by = EXCLUDED.armed_by, armed_at = EXCLUDED.armed_at, restore_token = EXCLUDED.restore_token, environment = EXCLUDED.environment;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.arm(boolean) IS
'lets this database, on this server, send deliveries; a copy stays silent until this is called in it, and loses secrets and active subscriptions then unless keep_secrets is true';
CREATE OR REPLACE FUNCTION odoo_events.disarm() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('disarm');
  UPDATE odoo_events.arming_state SET disarmed = true, reason = NULL, armed_by = session_user, armed_at = clock_timestamp();
  PERFORM odoo_events._wake('config');
END $$;
CREATE OR REPLACE VIEW odoo_events._arming AS
SELECT current_database() AS database, i.armed, i.reason, i.system_identifier, i.database_uuid,
       a.armed_by, a.armed_at
  FROM odoo_events._identity() i LEFT JOIN odoo_events.arming_state a ON true;
COMMENT ON VIEW odoo_events._arming IS 'internal: what arming shows';
CREATE OR REPLACE VIEW odoo_events._worker_status AS
SELECT w.pid, w.state, w.since, w.last_error, w.restarts,
       COALESCE(GREATEST(clock_timestamp() - odoo_events._oldest_unpublished(), interval '0'), interval '0') AS publish_lag,
       (SELECT a.pid FROM pg_catalog.pg_stat_activity a
         WHERE a.backend_xid IN (SELECT x::xid
                                   FROM pg_catalog.pg_snapshot_xip((SELECT c.s1 FROM odoo_events.publish_cursor c
                                                                     ORDER BY c.n DESC LIMIT 1)) x)
         ORDER BY a.xact_start LIMIT 1) AS oldest_open_transaction_pid
  FROM odoo_events._worker() w;
COMMENT ON VIEW odoo_events._worker_status IS 'internal: what worker_status shows';
CREATE FUNCTION odoo_events._span_stats(OUT exported int8, OUT lost int8)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_span_stats';
COMMENT ON FUNCTION odoo_events._span_stats() IS 'internal: spans of traces since the server started: taken by the collector, and not';
-- Per subscription, what a scrape and health() ask of it: as subscription_status, but without looking behind held keys.
CREATE OR REPLACE VIEW odoo_events._subscription_gauge AS
SELECT c.id, c.name,
       CASE WHEN c.state <> 'active' THEN c.state
            WHEN c.url IS NOT NULL AND s.subscription_id IS NULL THEN 'disabled'
            WHEN EXISTS (SELECT 1 FROM odoo_events.overrun o WHERE o.subscription_id = c.id) THEN 'overrun'
            WHEN l.unarmed IS NOT NULL THEN 'unarmed'
            WHEN c.dry_run THEN 'dry_run'
            WHEN p.breaker <> 'closed' THEN 'breaker_open' ELSE 'active' END AS state,
       GREATEST(l.last_position - p.cursor, 0) + cardinality(p.in_flight) + cardinality(p.batched) + COALESCE(h.keys, 0) AS lag,
       LEAST(CASE WHEN p.cursor < l.last_position THEN p.cursor + 1 END, h.position, (SELECT min(x) FROM unnest(p.in_flight || p.batched) x)) AS oldest,
       COALESCE(h.keys, 0) AS parked, p.delivered, p.failed, p.outcomes, p.filter_errors,
       odoo_events._transport(c.url) AS transport
  FROM odoo_events.subscription_config c
       LEFT JOIN odoo_events.subscription_secret s ON s.subscription_id = c.id
       LEFT JOIN odoo_events.subscription_progress p ON p.subscription_id = c.id
       LEFT JOIN (SELECT h.subscription_id, count(*) AS keys, min(h.position) AS position FROM odoo_events.held h GROUP BY 1) h
              ON h.subscription_id = c.id
       CROSS JOIN (SELECT odoo_events._last_position() AS last_position, (SELECT w.unarmed FROM odoo_events._worker() w) AS unarmed) l;
CREATE FUNCTION odoo_events._worker_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_build_info', 'gauge', jsonb_build_object('version', odoo_events.version(), 'postgresql', current_setting('server_version')),
       1::float8, 'Version of the library and of PostgreSQL.'
UNION ALL
SELECT v.name, v.kind, '{}'::jsonb, v.value::float8, v.help
  FROM (SELECT w.*, s.publish_lag FROM odoo_events._worker() w, odoo_events._worker_status s) w,
       LATERAL (VALUES
         ('odoo_events_worker_up', 'gauge', (w.pid IS NOT NULL)::int::numeric, 'Whether this database''s worker runs.'),
         ('odoo_events_worker_restarts_total', 'counter', COALESCE(w.restarts, 0), 'Starts of the worker after its first, since the server started.'),
         ('odoo_events_publish_lag_seconds', 'gauge', COALESCE(extract(epoch FROM w.publish_lag), 0),
          'Age of the oldest commit that is not published, 0 where all is.'),
         ('odoo_events_in_flight', 'gauge', odoo_events._requests_in_flight(), 'Requests to endpoints that are open.'),
         ('odoo_events_armed', 'gauge', (SELECT a.armed::int FROM odoo_events._arming a), 'Whether this database may send.'),
         ('odoo_events_journal_pending', 'gauge', odoo_events._journal_pending(), 'Captured changes that are not published yet, counted up to 100000.'),
         ('odoo_events_journal_bytes', 'gauge', (SELECT sum(pg_table_size(c.oid)) FROM pg_class c
            WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relname ~ '^journal_[0-9]+$'), 'Size of the journal.'),
         ('odoo_events_outbox_position', 'gauge', odoo_events._last_position(), 'The same as outbox_position_total, which has the name of a counter.'),
         ('odoo_events_outbox_bytes', 'gauge', (SELECT sum(pg_table_size(c.oid)) FROM pg_class c
            WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relname ~ '^outbox_[0-9]+$'), 'Size of the outbox.'),
         ('odoo_events_quarantined', 'gauge', (SELECT count(*) FROM odoo_events.quarantined), 'Changes that could not become events.'),
         ('odoo_events_slot_retained_bytes', 'gauge', (SELECT COALESCE(sum(pg_wal_lsn_diff(
              CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, s.restart_lsn)), 0)
            FROM pg_replication_slots s WHERE s.plugin = 'odoo_events' AND s.database = current_database()),
          'WAL that replication slots of odoo_events keep.')
       ) v(name, kind, value, help)
 WHERE v.name <> 'odoo_events_worker_up' OR NOT pg_is_in_recovery()        -- a standby has no worker, and nothing is down there
UNION ALL
SELECT 'odoo_events_spans_total', 'counter', jsonb_build_object('outcome', v.outcome), v.n::float8, 'Spans of traces that the OpenTelemetry collector took, and those dropped.'
  FROM odoo_events._span_stats() s, LATERAL (VALUES ('exported', s.exported), ('dropped', s.lost)) v(outcome, n)
 WHERE s.exported > 0 OR s.lost > 0
$$;
COMMENT ON FUNCTION odoo_events._worker_metrics() IS 'internal: the metrics of the worker and of what is kept';
CREATE FUNCTION odoo_events._capture_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_captured_total', 'counter', jsonb_build_object('entity', COALESCE(e.entity, st.rule), 'source', CASE WHEN EXISTS (SELECT 1 FROM odoo_events.wal_rule w WHERE w.rule = st.rule AND w.state = 'wal') THEN 'wal' ELSE 'trigger' END), st.captured::float8,
       'Changed rows written to the journal, since the server started.'
  FROM odoo_events._rule_stats() st LEFT JOIN LATERAL (SELECT e.entity FROM odoo_events.entity e WHERE e.rules[1] = st.rule ORDER BY e.entity LIMIT 1) e ON true
UNION ALL
SELECT 'odoo_events_capture_errors_total', 'counter', jsonb_build_object('entity', COALESCE(e.entity, st.rule), 'reason', 'not_written'), st.errors::float8,
       'Changed rows that could not be written to the journal, since the server started; capture_error has the reasons.'
  FROM odoo_events._rule_stats() st LEFT JOIN LATERAL (SELECT e.entity FROM odoo_events.entity e WHERE e.rules[1] = st.rule ORDER BY e.entity LIMIT 1) e ON true
$$;
COMMENT ON FUNCTION odoo_events._capture_metrics() IS 'internal: the metrics of each capture rule';
CREATE FUNCTION odoo_events._type_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_published_total', 'counter', jsonb_build_object('type', t.type), t.published::float8,
       'Events published, since the server started.'
  FROM odoo_events._type_stats() t ORDER BY t.type
$$;
COMMENT ON FUNCTION odoo_events._type_metrics() IS 'internal: the metrics of each type';
-- Samples of one name stand together, as the text format demands.
CREATE OR REPLACE FUNCTION odoo_events._subscription_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH g AS MATERIALIZED (SELECT g.*, jsonb_build_object('subscription', g.name, 'transport', g.transport) AS label FROM odoo_events._subscription_gauge g),
     o AS MATERIALIZED (SELECT p.position, e.recordedtime
                          FROM (SELECT DISTINCT g.oldest AS position FROM g WHERE g.oldest IS NOT NULL) p
                               JOIN LATERAL (SELECT x.recordedtime FROM odoo_events.outbox_all x WHERE x.position >= p.position ORDER BY x.position LIMIT 1) e ON true),
     d AS MATERIALIZED (SELECT d.subscription_id, count(*) AS n FROM odoo_events.dead d GROUP BY 1)
SELECT 'odoo_events_' || v.name, v.kind, g.label || v.labels, v.value::float8, v.help
  FROM g LEFT JOIN o ON o.position = g.oldest LEFT JOIN d ON d.subscription_id = g.id
       CROSS JOIN LATERAL (
         SELECT 10 AS n, 'subscription_lag_events' AS name, 'gauge' AS kind, '{}'::jsonb AS labels, g.lag::numeric AS value,
                'Events not acknowledged yet, those that filters will pass over included, those behind a parked key not.' AS help
         UNION ALL SELECT 20, 'subscription_oldest_pending_age_seconds', 'gauge', '{}',
                COALESCE(extract(epoch FROM GREATEST(clock_timestamp() - o.recordedtime, '0')), 0), 'Age of the oldest event not acknowledged yet, 0 if there is none.'
         UNION ALL SELECT 30 + a.i, 'delivery_attempts_total', 'counter', jsonb_build_object('outcome', a.outcome), COALESCE(g.outcomes[a.i], 0),
                'Requests by outcome: delivered (2xx), rejected (4xx), failed (any other status), throttled (429), no_answer.'
           FROM unnest(ARRAY['delivered', 'rejected', 'failed', 'throttled', 'no_answer']) WITH ORDINALITY a(outcome, i)
         UNION ALL SELECT 40, 'delivered_total', 'counter', '{}', COALESCE(g.delivered, 0), 'Events acknowledged by the endpoint.'
         UNION ALL SELECT 50, 'retries_total', 'counter', '{}', COALESCE(g.outcomes[6], 0), 'Requests that were not the first for their event.'
         UNION ALL SELECT 55, 'filter_errors_total', 'counter', '{}', COALESCE(g.filter_errors, 0),
                'Events for which the filter was neither true nor false, or could not be judged.'
         UNION ALL SELECT 60, 'parked', 'gauge', '{}', g.parked, 'Keys whose first event waits for a retry, or for room.'
         UNION ALL SELECT 70, 'dead_letters', 'gauge', '{}', COALESCE(d.n, 0), 'Events given up, and kept.'
         UNION ALL SELECT 80, 'subscription_state', 'gauge', jsonb_build_object('state', t.state), (t.state = g.state)::int, 'The state of a subscription is 1, the others 0.'
           FROM unnest(ARRAY['active', 'paused', 'disabled', 'breaker_open', 'dry_run', 'overrun', 'unarmed']) t(state)) v
 ORDER BY v.n / 10, v.name, g.name, v.n, v.labels
$$;
-- Two plants on one host are told apart.
CREATE FUNCTION odoo_events._with_database(labels jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT labels || jsonb_build_object('database', current_database()) $$;
COMMENT ON FUNCTION odoo_events._with_database(jsonb) IS 'internal: the labels of a sample';
-- A role under a policy sees figures of subscriptions that it sees, of types where it sees all companies, and whether the machine runs.
CREATE FUNCTION odoo_events._metric_visible(policies jsonb, name text, labels jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN policies IS NULL THEN true
            WHEN labels ? 'subscription' THEN EXISTS (SELECT 1 FROM odoo_events.subscription_config c
                                                       WHERE c.name = labels ->> 'subscription' AND odoo_events._sees(policies, c.name, c.companies, c.warehouses))
            WHEN labels ? 'type' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(policies) p
                                               WHERE NOT p ?| '{companies,warehouses}' AND odoo_events._allows(jsonb_build_array(p), labels ->> 'type', NULL, NULL))
            ELSE name IN ('odoo_events_build_info', 'odoo_events_worker_up', 'odoo_events_worker_restarts_total', 'odoo_events_armed', 'odoo_events_publish_lag_seconds') END
$$;
COMMENT ON FUNCTION odoo_events._metric_visible(jsonb, text, jsonb) IS 'internal: may somebody under these policies see this sample';
-- A family whose tables are locked is left out: a scrape neither waits nor fails.
CREATE OR REPLACE FUNCTION odoo_events.metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 1000 AS $$
DECLARE
  family text;
  p      constant jsonb := odoo_events._policies('{read,operate,approve}');
BEGIN
  FOREACH family IN ARRAY ARRAY['worker', 'capture', 'type', 'histogram', 'subscription', 'denied', 'care', 'watch', 'announced', 'flow', 'promise'] LOOP
    BEGIN
      RETURN QUERY EXECUTE format('SELECT m.name, m.kind, odoo_events._with_database(m.labels), m.value, m.help FROM odoo_events._%s_metrics() m WHERE $1 IS NULL OR odoo_events._metric_visible($1, m.name, m.labels)', family) USING p;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM set_config('lock_timeout', '20ms', true);         -- until the end of this function
      RAISE DEBUG 'the metrics of family "%" are left out: their tables are locked', family;
    END;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events.metrics() IS
'figures for a monitoring system, named as Prometheus wants them; cheap: no event is read; under a policy those of what it shows.  metrics_text() is the same as text';
-- setup: what a DBA needs to install, update and remove the extension.

-- The members of a setting that is a list of libraries, as PostgreSQL reads it.  A quoted member with a comma in it is what
-- ALTER SYSTEM SET ... = 'a, b' leaves behind; no library has such a name, so it is taken for the list that was meant.
CREATE FUNCTION odoo_events._library_list(setting text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(array_agg(member ORDER BY n, m), '{}')
  FROM (SELECT q.n, x.m, btrim(x.member) AS member
          FROM regexp_matches(setting, '"((?:[^"]|"")*)"|([^,"]+)', 'g') WITH ORDINALITY q(found, n)
         CROSS JOIN LATERAL unnest(string_to_array(COALESCE(replace(q.found[1], '""', '"'), q.found[2]), ',')) WITH ORDINALITY x(member, m)) y
 WHERE member <> ''
$$;
COMMENT ON FUNCTION odoo_events._library_list(text) IS 'internal: the members of a list of libraries';
-- The configuration files are ahead of the running server where a change waits for a restart.  Only superusers and pg_read_all_settings
-- may read them; everybody else gets the value that is in force.
CREATE FUNCTION odoo_events.preload_line(setting text DEFAULT 'shared_preload_libraries', remove boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  shown text := current_setting(setting, true);
  written record;
  libraries text[];
  wanted text[];
BEGIN
  IF setting IS NULL OR setting NOT IN ('shared_preload_libraries', 'output_plugin_libraries') THEN
    RAISE EXCEPTION 'argument "setting" is %', COALESCE(quote_literal(setting), 'null')
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Use shared_preload_libraries or output_plugin_libraries.';
  ELSIF remove IS NULL THEN
    RAISE EXCEPTION 'argument "remove" is null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Use false to add the library, true to take it out.';
  END IF;
  IF shown IS NULL THEN
    RETURN format('-- this server has no setting %s: nothing to do', setting);
  END IF;
  IF EXISTS (SELECT 1 FROM pg_settings s WHERE s.name = setting AND s.source = 'command line') THEN
    RETURN format('-- %s is set on the command line of the server (-c %1$s=%s): change it there', setting, shown);
  END IF;
  IF has_function_privilege('pg_show_all_file_settings()', 'EXECUTE') THEN
    SELECT f.setting, f.sourcefile, f.sourceline INTO written FROM pg_file_settings f WHERE f.name = setting ORDER BY f.seqno DESC LIMIT 1;
    shown := COALESCE(written.setting, CASE WHEN setting = 'shared_preload_libraries' THEN '' ELSE shown END);
  END IF;
  libraries := odoo_events._library_list(shown);
  wanted := CASE WHEN remove THEN array_remove(libraries, 'odoo_events')
                 WHEN 'odoo_events' = ANY (libraries) THEN libraries
                 ELSE libraries || 'odoo_events'::text END;
  IF wanted = libraries AND shown NOT LIKE '%"%' THEN
    RETURN format('-- nothing to do: %s %s odoo_events', setting, CASE WHEN remove THEN 'does not name' ELSE 'names' END);
  ELSIF cardinality(wanted) > 0 THEN
    RETURN format('ALTER SYSTEM SET %s = %s;', setting,
                  (SELECT string_agg(CASE WHEN l ~ '^[a-z_][a-z0-9_]*$' THEN quote_ident(l) ELSE quote_literal(l) END, ', ' ORDER BY n)
                     FROM unnest(wanted) WITH ORDINALITY x(l, n)));
  ELSIF written.sourcefile IS NOT NULL AND written.sourcefile !~ '/postgresql\.auto\.conf$' THEN
    RETURN format('-- take odoo_events out of line %s of %s', written.sourceline, written.sourcefile);
  END IF;
  RETURN format('ALTER SYSTEM RESET %s;', setting);
END $$;
COMMENT ON FUNCTION odoo_events.preload_line(text, boolean) IS
'the statement that adds odoo_events to shared_preload_libraries (or output_plugin_libraries) beside what is there, or takes it out; a comment where there is nothing to do';
-- The library that runs and the objects in the database are updated in two steps: a restart, and ALTER EXTENSION UPDATE.
CREATE FUNCTION odoo_events._health_version() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'version', CASE WHEN v.library = v.extension THEN 'ok' ELSE 'warn' END,
       CASE WHEN v.library = v.extension THEN v.library
            ELSE format('the server runs the library of version %s, the extension in this database is %s', v.library, v.extension) END,
       CASE WHEN string_to_array(v.library, '.')::int[] > string_to_array(v.extension, '.')::int[] THEN 'ALTER EXTENSION odoo_events UPDATE;'
            WHEN v.library <> v.extension THEN 'SELECT odoo_events.version();  -- older than the extension: install the newer library, then restart the server' END
  FROM (SELECT odoo_events.version() AS library, e.extversion AS extension FROM pg_extension e WHERE e.extname = 'odoo_events') v
$$;
COMMENT ON FUNCTION odoo_events._health_version() IS 'internal: are the library and the extension of the same version?';
-- Called before DROP EXTENSION (worker/hooks.c).  A failure here must not keep anybody from dropping the extension.
CREATE FUNCTION odoo_events._undelivered() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT COALESCE(string_agg(format('subscription "%s": %s waiting, %s dead letters', s.name, s.lag_events, s.dead_letters), '; ' ORDER BY s.name), '')
            FROM odoo_events._subscription_status s WHERE s.lag_events > 0 OR s.dead_letters > 0);
EXCEPTION WHEN OTHERS THEN
  RETURN '';
END $$;
COMMENT ON FUNCTION odoo_events._undelivered() IS 'internal: what DROP EXTENSION would lose, empty if nothing';
-- pg_dump leaves out the rights that an extension's script has given.  Rights that a DBA gave are the DBA's own also after an
-- update that makes a function anew, so the last step of an update gives them as if it were no part of the script.
CREATE FUNCTION odoo_events._give_right(statement text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_give_right';
COMMENT ON FUNCTION odoo_events._give_right(text) IS 'internal: runs a GRANT or REVOKE during an update as the DBA''s own, so that dumps carry it';
-- paths: which paths of the correlation publishing leaves out, because a step of them has no index to be read by.

CREATE FUNCTION odoo_events._health_paths() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'indexes', 'warn',
       format('without an index on %I.%I (%I), the correlation of %s takes no path by it: what it would tie together are processes of their own', n.nspname, c.relname, a.attname,
              string_agg(DISTINCT h.entity, ', ')),
       format('CREATE INDEX CONCURRENTLY ON %I.%I (%I) WHERE %I IS NOT NULL;', n.nspname, c.relname, a.attname, a.attname)
  FROM (SELECT DISTINCT e.entity, split_part(split_part(step, '=', 1), '.', 1) AS tab, split_part(split_part(step, '=', 1), '.', 2) AS col
          FROM odoo_events.entity e
          JOIN odoo_events.attached t ON t.entity = e.entity
         CROSS JOIN LATERAL unnest(e.correlation) path
         CROSS JOIN LATERAL unnest((string_to_array(path, '~'))[2:]) step) h
 CROSS JOIN LATERAL odoo_events._captured_table(ARRAY[h.tab], true) x(relid)
  JOIN pg_class c ON c.oid = x.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = h.col AND a.attnum > 0 AND NOT a.attisdropped
 WHERE NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indkey[0] = a.attnum)
 GROUP BY n.nspname, c.relname, a.attname
$$;
COMMENT ON FUNCTION odoo_events._health_paths() IS 'internal: are there paths of the correlation that are left out for want of an index?';
-- observe: what a human should look at.

-- capture: what is captured, and drift between what is wanted and what is there.
CREATE OR REPLACE VIEW odoo_events._capture_status AS
SELECT s.entity, CASE WHEN s.relid <> 0 THEN (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = s.relid) END AS relation,
       s.mode, s.mode IS NOT NULL AND (s.triggers = 2 OR COALESCE(s.wal, '') IN ('wal', 'both')) AS attached, s.missing_columns, st.last_change_at,
       COALESCE(st.captured, 0) AS captured, COALESCE(st.errors, 0) AS errors,
       CASE WHEN s.relid = 0 THEN 'this database has no table for rule ' || s.rule
            WHEN s.mode IS NULL AND odoo_events._nothing_enabled(s.entity) THEN pg_catalog.format('none of its events is enabled; then: SELECT odoo_events.attach(%L);', '{' || s.entity || '}')
            WHEN s.mode IS NULL THEN pg_catalog.format('not attached: SELECT odoo_events.attach(%L);', '{' || s.entity || '}')
            WHEN s.wal = 'waiting' THEN 'triggers capture until the reader of the WAL is ready'
            WHEN s.triggers < 2 AND s.wal IS DISTINCT FROM 'wal' THEN pg_catalog.format('trigger missing or disabled: SELECT odoo_events.attach(%L);', '{' || s.entity || '}')
            WHEN s.missing_columns IS NOT NULL THEN 'some columns do not exist here: what depends on them is not reported'
       END AS note,
       CASE WHEN s.wal IS NOT NULL THEN slot.retained END AS retained_bytes, CASE WHEN s.wal IS NOT NULL THEN slot.lag END AS lag_bytes
  FROM (SELECT e.entity, u.n, r.rule, r.builtin, CASE WHEN a.entity IS NOT NULL THEN COALESCE(w.want, 'trigger') END AS mode, w.state AS wal, COALESCE(x.relid, 0) AS relid,
               pg_catalog.first_value(x.relid) OVER (PARTITION BY e.entity ORDER BY u.n) AS main,
               odoo_events._missing_columns(x.relid, ARRAY(SELECT c FROM pg_catalog.unnest(r.significant || r.carried) c
                                                            WHERE pg_catalog.split_part(c, '=', 1) <> ALL (r.optional))) AS missing_columns,
               (SELECT pg_catalog.count(*) FROM odoo_events._capture_trigger t
                 WHERE t.relid = x.relid AND t.rule = r.rule AND t.tgenabled IN ('O', 'A')) AS triggers
          FROM odoo_events.entity e
          CROSS JOIN LATERAL pg_catalog.unnest(e.rules) WITH ORDINALITY u(rule, n)
          JOIN odoo_events.capture_rule r ON r.rule = u.rule
          CROSS JOIN LATERAL odoo_events._captured_table(r.tables, r.builtin) x(relid)
          LEFT JOIN odoo_events.wal_rule w ON w.rule = r.rule
          LEFT JOIN odoo_events.attached a ON a.entity = e.entity) s
  LEFT JOIN odoo_events._rule_stats() st ON st.rule = s.rule
  LEFT JOIN odoo_events._wal_state() slot ON true
 WHERE (s.mode IS NOT NULL OR s.main IS NOT NULL)
   AND NOT (s.relid = 0 AND s.builtin AND s.n > 1 AND s.main <> 0)     -- a part that this version of Odoo, or this choice of modules, has not
 ORDER BY s.entity, s.n;
COMMENT ON VIEW odoo_events._capture_status IS 'internal: what capture_status shows';
-- Triggers of capture that nothing needs: no attached entity does, or they are on a table that is not Odoo's (an older version took
-- the first table of that name, whoever it belonged to).  A table of the right owner keeps its triggers when it is renamed.
CREATE OR REPLACE VIEW odoo_events._idle_trigger AS
SELECT c.*, w.rule IS NOT NULL AS foreign_table
  FROM odoo_events._capture_trigger c
  JOIN pg_catalog.pg_class t ON t.oid = c.relid
  LEFT JOIN odoo_events.capture_rule w ON w.rule = c.rule AND c.relid IS DISTINCT FROM odoo_events._captured_table(w.tables, w.builtin)
   AND NOT odoo_events._is_trusted_owner(t.relowner, w.builtin)
   AND (NOT w.builtin OR odoo_events._odoo_schema() IS NOT NULL)        -- else a database that was given to another role would lose all triggers
 WHERE w.rule IS NOT NULL
    OR NOT EXISTS (SELECT 1 FROM odoo_events.attached a JOIN odoo_events.entity o ON o.entity = a.entity WHERE c.rule = ANY (o.rules));
COMMENT ON VIEW odoo_events._idle_trigger IS 'internal: triggers of capture that are not needed';
-- Health: one small function per thing that can be wrong; health() puts them together.  Each answers one row at
-- least, "ok" where nothing is wrong.  Every hint can be executed as it stands: test/t/082_health.pl does.

CREATE OR REPLACE FUNCTION odoo_events._health_worker(max_lag interval) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w record;
  wanted text := current_setting('odoo_events.databases', true);
  not_named boolean := wanted <> '' AND NOT current_database() = ANY (SELECT btrim(d, ' "') FROM unnest(string_to_array(wanted, ',')) d);
BEGIN
  "check" := 'worker';
  SELECT s.*, x.last_error_at INTO w FROM odoo_events._worker_status s, odoo_events._worker() x;
  IF pg_is_in_recovery() THEN
    status := CASE WHEN odoo_events._preloaded() THEN 'ok' ELSE 'critical' END;
    detail := CASE WHEN odoo_events._preloaded() THEN 'a standby has no worker; it starts with the promotion'
                   ELSE 'this standby does not preload the library: after a promotion nothing would be published or delivered' END;
    hint := CASE WHEN NOT odoo_events._preloaded() THEN odoo_events.preload_line() || '  -- on the standby; then restart it' END;
  ELSIF NOT odoo_events._preloaded() THEN
    status := 'critical';
    detail := 'the library is not in shared_preload_libraries: nothing is published or delivered';
    hint := odoo_events.preload_line() || '  -- then restart the server';
  ELSIF w.pid IS NULL THEN
    status := 'critical';
    detail := format('no worker runs: %s%s', CASE WHEN not_named THEN 'odoo_events.databases does not name this database' ELSE COALESCE(w.state, 'this database is not known to the launcher yet') END,
                     ': ' || w.last_error);
    hint := CASE WHEN w.last_error ~ 'cannot log in'
                 THEN format('ALTER ROLE %s LOGIN;', (SELECT d.datdba::regrole FROM pg_database d WHERE d.datname = current_database()))
                 WHEN w.last_error ~ 'max_worker_processes'
                 THEN format('ALTER SYSTEM SET max_worker_processes = %s;  -- then restart the server',
                             current_setting('max_worker_processes')::int + 8)
                 WHEN not_named
                 THEN format('ALTER SYSTEM SET odoo_events.databases = %L; SELECT pg_catalog.pg_reload_conf();', wanted || ', ' || current_database())
                 ELSE 'SELECT * FROM odoo_events.worker_status;' END;
  ELSIF w.last_error_at > clock_timestamp() - interval '90 seconds' THEN
    status := 'critical';
    detail := format('a step of the worker fails: %s', w.last_error);
    hint := 'SELECT * FROM odoo_events.worker_status;  -- and the server''s log';
  ELSIF w.publish_lag > max_lag THEN
    status := 'warn';
    detail := format('publishing lags by %s', w.publish_lag);
    hint := 'SELECT * FROM odoo_events.worker_status;';
  ELSE
    status := 'ok';
    detail := w.state;
  END IF;
  RETURN NEXT;
END $$;
-- A database that finds no room in shared memory has no worker, and nothing of its own to say so.
CREATE FUNCTION odoo_events._limits(OUT databases int4, OUT max_databases int4, OUT refused int4, OUT max_rules int4, OUT rules_full boolean)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_limits';
COMMENT ON FUNCTION odoo_events._limits() IS 'internal: room in shared memory for databases and rules; nulls where the library is not preloaded';
CREATE FUNCTION odoo_events._health_limits() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'limits', 'critical', format('all %s places for databases are taken: %s more databases have no worker, if they have the extension', l.max_databases, l.refused),
       format('ALTER SYSTEM SET odoo_events.max_databases = %s;  -- then restart the server', l.databases + l.refused + 16)
  FROM odoo_events._limits() l WHERE l.refused > 0
UNION ALL
SELECT 'limits', 'warn', format('more than %s tables are captured: the others are not counted in capture_status and metrics()', l.max_rules),
       format('ALTER SYSTEM SET odoo_events.max_rules = %s;  -- then restart the server', GREATEST(2 * l.max_rules, (SELECT count(*) FROM odoo_events.capture_rule)))
  FROM odoo_events._limits() l WHERE l.rules_full
$$;
COMMENT ON FUNCTION odoo_events._health_limits() IS 'internal: is there room in shared memory for all databases and rules; no rows where there is';
CREATE OR REPLACE FUNCTION odoo_events._health_arming() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'arming', CASE WHEN i.armed THEN 'ok' ELSE 'critical' END,
       CASE WHEN i.armed THEN 'armed' ELSE 'nothing is delivered: ' || i.reason END,
       CASE WHEN i.armed THEN NULL
            WHEN i.neutralized IS NULL THEN 'SELECT * FROM odoo_events.arming;  -- again when ir_config_parameter can be read'
            WHEN i.neutralized THEN 'SELECT * FROM odoo_events.arming;  -- right for a copy; production has no parameter database.is_neutralized'
            WHEN i.reason LIKE 'another server%' THEN 'SELECT odoo_events.arm(keep_secrets => true);  -- after pg_upgrade; in a copy arm() without it deletes the secrets'
            ELSE 'SELECT odoo_events.arm();  -- only if this is production' END
  FROM odoo_events._identity() i
$$;
-- Event types that cannot come because a captured table lacks columns that they depend on, and who subscribes to them.
CREATE FUNCTION odoo_events._blind_types() RETURNS TABLE (entity text, relation text, missing text[], types text[], subscribed_by text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT x.entity, x.relation, x.missing_columns, x.types,
       (SELECT string_agg(s.name, ', ' ORDER BY s.name) FROM odoo_events.subscription_config s
         WHERE EXISTS (SELECT 1 FROM unnest(s.types) p, unnest(x.types) t WHERE t LIKE replace(replace(p, '_', '\_'), '*', '%')))
  FROM (SELECT c.entity, c.relation, c.missing_columns, array_agg(DISTINCT d.type ORDER BY d.type) AS types
          FROM odoo_events._capture_status c
          JOIN odoo_events.entity e ON e.entity = c.entity
          JOIN odoo_events.event_def d ON d.entity = c.entity AND d.enabled AND d.emit
         WHERE c.missing_columns IS NOT NULL AND c.mode IS NOT NULL
           AND (d.occasion IN ('milestone', 'cancelled', 'open', 'changed') AND e.state_column = ANY (c.missing_columns)
                AND (SELECT odoo_events._captured_table(r.tables, r.builtin) FROM odoo_events.capture_rule r WHERE r.rule = e.rule) = to_regclass(c.relation)
                OR EXISTS (SELECT 1 FROM unnest(c.missing_columns) m
                            WHERE strpos(d.condition::text, '."' || m || '"') > 0 OR m = ANY (SELECT split_part(w, '@', 1) FROM unnest(d.watches) w)))
         GROUP BY c.entity, c.relation, c.missing_columns) x
$$;
COMMENT ON FUNCTION odoo_events._blind_types() IS 'internal: event types that depend on columns that a captured table lacks';
CREATE OR REPLACE FUNCTION odoo_events._health_capture() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH bad AS MATERIALIZED (
  SELECT c.entity, c.relation, c.note FROM odoo_events._capture_status c JOIN odoo_events.attached t ON t.entity = c.entity WHERE NOT c.attached)
SELECT 'capture', 'critical', COALESCE(n.detail, CASE WHEN p.possible THEN 'no entity is attached: nothing is captured' ELSE 'Odoo has no table that events are made of: none of its apps that the catalog knows is installed' END),
       COALESCE(n.hint, CASE WHEN p.possible THEN 'SELECT * FROM odoo_events.attach();'
                             ELSE 'SELECT DISTINCT unnest(tables) FROM odoo_events.capture_rule ORDER BY 1;  -- one of these tables comes with an app of Odoo''s' END)
  FROM odoo_events._no_odoo() n,
       (SELECT EXISTS (SELECT 1 FROM odoo_events.capture_rule r WHERE odoo_events._captured_table(r.tables, r.builtin) IS NOT NULL) AS possible) p
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events.attached)
UNION ALL
SELECT 'capture', 'critical', n.detail || ': what is attached is not captured', n.hint FROM odoo_events._no_odoo() n
 WHERE n.detail IS NOT NULL AND EXISTS (SELECT 1 FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity WHERE e.builtin)
UNION ALL
SELECT 'capture', 'warn', format('%s has triggers of capture, but is not a table of Odoo''s', t.relation), 'SELECT * FROM odoo_events.attach(''{}'');  -- drops them'
  FROM odoo_events._idle_trigger t WHERE t.foreign_table AND NOT t.truncates
UNION ALL
SELECT 'capture', 'critical', format('%s: %s is not captured%s', b.entity, b.relation, ': ' || b.note), format('SELECT * FROM odoo_events.attach(%L);', ARRAY[b.entity])
  FROM bad b WHERE b.relation IS NOT NULL
UNION ALL
SELECT 'capture', 'warn', format('%s: %s came after attach() and is not captured yet: the worker attaches it within a minute', u.entity, u.relid::regclass),
       format('SELECT * FROM odoo_events.attach(%L);', ARRAY[u.entity])
  FROM odoo_events._unattached() u
UNION ALL
SELECT 'capture', 'warn', format('the logical replication of subscription %s changes %s, and none of that is captured: the triggers do not fire for it', s.names, s.relations),
       format('SELECT * FROM odoo_events.attach(%L, always => true);  -- unless the publisher of these tables sends the events itself', s.entities)
  FROM (SELECT string_agg(DISTINCT u.subname, ', ') AS names, string_agg(DISTINCT t.relation, ', ') AS relations,
               (SELECT array_agg(a.entity ORDER BY a.entity) FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity WHERE e.rules && array_agg(t.rule)) AS entities
          FROM pg_subscription u JOIN pg_subscription_rel r ON r.srsubid = u.oid JOIN odoo_events._capture_trigger t ON t.relid = r.srrelid AND NOT t.truncates AND t.tgenabled <> 'A'
         WHERE u.subenabled AND u.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) s
 WHERE s.names IS NOT NULL
UNION ALL
SELECT 'capture', CASE WHEN b.subscribed_by IS NULL THEN 'warn' ELSE 'critical' END,
       format('%s: %s lacks %s: %s cannot come%s', b.entity, b.relation, array_to_string(b.missing, ', '), array_to_string(b.types, ', '), '; subscribed by ' || b.subscribed_by),
       format('SELECT * FROM odoo_events.capture_status WHERE entity = %L;  -- who took the column away? it is captured again as soon as it is back', b.entity)
  FROM odoo_events._blind_types() b
UNION ALL
SELECT 'capture', 'critical', 'odoo_events.capture is off in the server''s configuration: nothing is captured',
       'ALTER SYSTEM SET odoo_events.capture = on; SELECT pg_catalog.pg_reload_conf();'
  FROM pg_settings g WHERE g.name = 'odoo_events.capture' AND g.reset_val = 'off'
UNION ALL
SELECT 'capture', 'warn', format('%s changes (%s) were left out by %s, last by %s at %s', sum((a.new ->> 'changes')::int8),
         string_agg(DISTINCT a.object, ', '),
         concat_ws(' and ', CASE WHEN bool_or(NOT a.new ? 'reason') THEN 'odoo_events.capture = off' END,
                   'quiet(): ' || string_agg(DISTINCT a.new ->> 'reason', '; ')), (array_agg(a.who ORDER BY a.id DESC))[1], max(a.at)),
       'SELECT * FROM odoo_events.reconcile();  -- what no event tells of; with repair => true it is told'
  FROM odoo_events.audit a WHERE a.what = 'leave out' AND a.at > now() - interval '1 day' HAVING count(*) > 0
UNION ALL
SELECT 'capture', 'ok', string_agg(t.entity, ', ' ORDER BY t.entity), NULL
  FROM odoo_events.attached t HAVING count(*) > 0 AND NOT EXISTS (SELECT 1 FROM bad b WHERE b.relation IS NOT NULL)
$$;
CREATE OR REPLACE FUNCTION odoo_events._health_gaps() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'gaps', CASE WHEN count(*) = 0 THEN 'ok' ELSE 'critical' END,
       CASE WHEN count(*) = 0 THEN 'no change was missed'
            ELSE format('%s changes could not be captured between %s and %s', sum(e.changes), min(e.since), max(e.at)) END,
       CASE WHEN count(*) > 0 THEN 'SELECT * FROM odoo_events.capture_error;' END
  FROM odoo_events._capture_error e
$$;
CREATE OR REPLACE FUNCTION odoo_events._health_quarantine() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'quarantine', CASE WHEN count(*) = 0 THEN 'ok' ELSE 'warn' END, format('%s changes could not become events%s', count(*), ': ' || min(q.reason)),
       CASE WHEN count(*) > 0 THEN 'SELECT odoo_events.requeue();  -- once the reason in odoo_events.quarantine is mended' END
  FROM odoo_events.quarantined q
$$;
-- Releases of PostgreSQL from 15.19 on load only output plugins that a setting names.
CREATE OR REPLACE FUNCTION odoo_events._health_plugin() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'output plugin', CASE WHEN p.allowed THEN 'ok' ELSE 'critical' END,
       CASE WHEN p.allowed THEN format('%s replication slots', p.slots)
            ELSE 'output_plugin_libraries does not name odoo_events: its replication slots cannot be read, and keep WAL' END,
       CASE WHEN NOT p.allowed THEN odoo_events.preload_line('output_plugin_libraries') || ' SELECT pg_catalog.pg_reload_conf();' END
  FROM (SELECT count(*) AS slots, s.setting,
               s.setting IS NULL OR 'odoo_events' = ANY (SELECT btrim(l, ' "') FROM unnest(string_to_array(s.setting, ',')) l) AS allowed
          FROM (SELECT current_setting('output_plugin_libraries', true) AS setting) s, pg_replication_slots r
         WHERE r.plugin = 'odoo_events' AND r.database = current_database() GROUP BY s.setting) p
$$;
-- What a human can do about an endpoint's last answer.  The comment says what to mend first; the statement then sends what waits.
CREATE OR REPLACE FUNCTION odoo_events._endpoint_trouble(name text, url text, last_status int4, last_error text, OUT detail text, OUT hint text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN last_status IN (401, 403) THEN format('the endpoint answers %s: it does not accept our signature or credentials', last_status)
            WHEN last_status IN (404, 405, 410) THEN format('the endpoint answers %s: nothing takes events at %s', last_status, url)
            WHEN last_error LIKE 'oauth2:%' OR last_error LIKE 'handshake:%' THEN 'nothing can be sent: ' || last_error
            WHEN last_status >= 100 THEN format('the endpoint answers %s', last_status)
            WHEN odoo_events._transport(url) <> 'webhook' THEN 'the broker does not take its messages: ' || last_error
            WHEN e.kind = 'dns' THEN 'the endpoint''s name is unknown: ' || last_error
            WHEN e.kind = 'tls' THEN 'the endpoint''s certificate is refused: ' || last_error
            WHEN e.kind = 'address' THEN 'the endpoint''s ' || last_error
            ELSE 'the endpoint does not answer: ' || last_error END,
       CASE WHEN e.kind = 'address'
            THEN format('SELECT odoo_events.alter_subscription(%L, allow_networks => %L); SELECT odoo_events.retry_now(%L);', name,
                        COALESCE('{' || substring(url FROM '^https?://([0-9]+[.][0-9]+[.][0-9]+[.][0-9]+)[:/]') || '/32}', '{10.0.0.0/8,172.16.0.0/12,192.168.0.0/16}'), name)
            ELSE format('SELECT odoo_events.retry_now(%L);  -- once %s', name,
              CASE WHEN last_status IN (401, 403) THEN format('the endpoint accepts us; set_secret(%L) gives it a new secret', name)
                   WHEN last_status IN (404, 405, 410) THEN format('something is there; alter_subscription(%L, url => ...) gives another URL', name)
                   WHEN e.kind = 'dns' THEN 'the name resolves on this server'
                   WHEN e.kind = 'tls' THEN 'the certificate is renewed, or its CA known to this server'
                   ELSE 'the endpoint is mended' END) END
  FROM (SELECT CASE WHEN last_status > 0 THEN NULL
                    WHEN last_error ~* 'resolve (host|proxy)' THEN 'dns'
                    WHEN last_error ~* 'certificate|SSL' THEN 'tls'
                    WHEN last_error ~ 'outside allow_networks' THEN 'address' END AS kind) e
$$;
CREATE OR REPLACE FUNCTION odoo_events._health_subscriptions() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'subscriptions', 'warn', 'nobody subscribes', 'SELECT odoo_events.subscribe(''wms'', ''https://wms.example.com/hooks/odoo'');'
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events.subscription_config)
UNION ALL
SELECT 'subscription ' || s.name, v.status, v.detail, v.hint
  FROM (SELECT g.*, c.url, c.state_reason, c.state_since, c.overlap_until, LEAST(c.auth_expires_at, c.tls_expires_at) AS expires_at, p.last_status, p.last_error, p.failing_since, p.openings, p.filter_passed, p.filter_refused, p.filter_error_at, p.filter_error_position,
               EXISTS (SELECT 1 FROM odoo_events.subscription_secret x WHERE x.subscription_id = g.id) AS has_secret,
               (SELECT count(*) FROM odoo_events.dead d WHERE d.subscription_id = g.id) AS dead,
               clock_timestamp() - (SELECT o.recordedtime FROM odoo_events.outbox_all o WHERE o.position >= g.oldest ORDER BY o.position LIMIT 1) AS age
          FROM odoo_events._subscription_gauge g JOIN odoo_events.subscription_config c ON c.id = g.id
               LEFT JOIN odoo_events.subscription_progress p ON p.subscription_id = g.id) s
       CROSS JOIN LATERAL odoo_events._endpoint_trouble(s.name, s.url, s.last_status, s.last_error) t
       CROSS JOIN LATERAL (
         SELECT 1 AS n, 'critical' AS status, 'has no secret here: secrets are in no backup' AS detail, format('SELECT odoo_events.set_secret(%L);', s.name) AS hint
          WHERE NOT s.has_secret AND s.url IS NOT NULL
         UNION ALL SELECT 1, 'critical', format('has lost the positions %s to %s: the outbox was full', o.first, o.last),
                format('SELECT odoo_events.resume(%L);  -- takes note of it', s.name)
           FROM (SELECT min(x.first_position) AS first, max(x.last_position) AS last FROM odoo_events.overrun x WHERE x.subscription_id = s.id) o
          WHERE o.first IS NOT NULL
         UNION ALL SELECT 2, 'critical', format('disabled since %s: %s', s.state_since, s.state_reason),
                format('SELECT odoo_events.resume(%L);  -- once %s', s.name,
                       CASE WHEN s.state_reason LIKE 'its filter took%' THEN 'alter_subscription(filter => ...) has given it a cheaper filter' ELSE 'the endpoint wants events again' END)
          WHERE s.state = 'disabled'
         UNION ALL SELECT 2.5, 'critical', format('the helper program for %s is not installed', s.transport),
                format('SELECT odoo_events.retry_now(%L);  -- once postgresql-%s-odoo-events-%s is installed', s.name, current_setting('server_version_num')::int4 / 10000, s.transport)
          WHERE s.transport NOT IN ('webhook', 'fetch') AND odoo_events._program(s.transport) IS NULL
         UNION ALL SELECT 3, 'critical', t.detail, t.hint
          WHERE s.state = 'breaker_open' OR (s.lag > 0 AND s.failing_since IS NOT NULL AND s.last_status BETWEEN 400 AND 499 AND s.last_status NOT IN (408, 429))
         UNION ALL SELECT 4, 'warn', t.detail, t.hint WHERE s.state = 'active' AND s.lag > 0 AND s.failing_since IS NOT NULL AND s.last_error <> ''
         UNION ALL SELECT 5, CASE WHEN s.expires_at < now() THEN 'critical' ELSE 'warn' END,
                format('its certificate or token %s %s', CASE WHEN s.expires_at < now() THEN 'has expired' ELSE 'expires' END, s.expires_at),
                format('SELECT name, expires_at FROM odoo_events.subscription_status WHERE name = %L;  -- alter_subscription(%L, tls => ...) or auth => ... gives a new one', s.name, s.name)
          WHERE s.expires_at < now() + interval '14 days'
         UNION ALL SELECT 6, 'warn', format('its old secret ends %s', s.overlap_until),
                format('SELECT name, expires_at FROM odoo_events.subscription_status WHERE name = %L;  -- until then the receiver needs the new secret', s.name)
          WHERE s.overlap_until BETWEEN now() AND now() + interval '6 hours'
         UNION ALL SELECT 6.2, 'warn', format('its endpoint comes and goes: the breaker opened %s times within an hour', o.n),
                format('SELECT at, status, error FROM odoo_events.attempt WHERE subscription = %L AND COALESCE(status, 0) NOT BETWEEN 200 AND 299 ORDER BY at DESC LIMIT 20;', s.name)
           FROM (SELECT count(*) AS n FROM unnest(s.openings) x WHERE x > now() - interval '1 hour') o WHERE o.n >= 3
         UNION ALL SELECT 6.4, 'warn', format('its filter could not judge %s events, the latest is %s: %s', d.n, d.subject, d.last_error),
                format('SELECT odoo_events.replay(%L, dead_letters => true);  -- sends them without asking the filter; discard() drops them', s.name)
           FROM (SELECT count(*) OVER () AS n, x.subject, x.last_error FROM odoo_events.dead x
                  WHERE x.subscription_id = s.id AND x.last_error LIKE 'the filter could not be judged: %' ORDER BY x.position DESC LIMIT 1) d
         UNION ALL SELECT 6.6, 'warn', format('its filter has let none of %s events pass', s.filter_refused),
                format('SELECT filter, types FROM odoo_events.subscription WHERE name = %L;  -- alter_subscription(%L, filter => ...) gives it another', s.name, s.name)
          WHERE s.filter_passed = 0 AND s.filter_refused >= 20 AND s.delivered = 0
         UNION ALL SELECT 6.8, 'warn', format('its filter was neither true nor false for %s events, the latest at position %s', s.filter_errors, s.filter_error_position),
                format('SELECT * FROM odoo_events.trace(event_id => (SELECT o.id FROM odoo_events.outbox o WHERE o.position = %s));', s.filter_error_position)
          WHERE s.filter_error_at > now() - interval '1 hour'
         UNION ALL SELECT 7, 'warn', format('%s dead letters', s.dead), format('SELECT odoo_events.replay(%L, dead_letters => true);', s.name) WHERE s.dead > 0
         UNION ALL SELECT 8, 'warn', format('paused since %s, %s events wait', s.state_since, s.lag), format('SELECT odoo_events.resume(%L);', s.name)
          WHERE s.state = 'paused' AND s.lag > 0 AND s.state_since < clock_timestamp() - interval '1 day'
         UNION ALL SELECT 9, 'warn', format('%s events behind, the oldest by %s', s.lag, s.age),
                CASE WHEN s.url IS NULL
                     THEN format('SELECT position, lag_events, last_success_at FROM odoo_events.subscription_status WHERE name = %L;  -- its consumer has to call fetch() and ack()', s.name)
                     ELSE format('SELECT * FROM odoo_events.waiting WHERE subscription = %L ORDER BY position LIMIT 20;', s.name) END
          WHERE s.state = 'active' AND s.age > interval '15 minutes'
         UNION ALL SELECT 10, 'ok', format('%s, %s events behind', s.state, s.lag), NULL
         ORDER BY n LIMIT 1) v
$$;
-- What the worker separates is one where the database's owner is a superuser.
-- Somebody who writes into Odoo what events told him is told of that, and so on.  Each round is a transaction of its own.
CREATE FUNCTION odoo_events._health_loops(at_least int, period interval) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'loops', 'warn', format('%s has had %s events %s within %s s, each of another transaction: does a receiver write back what it is told?', x.partitionkey, x.n, x.type, extract(epoch FROM period)::int),
       format('SELECT position, "time", event::json ->> ''authid'' AS authid FROM odoo_events.outbox WHERE partitionkey = %L ORDER BY position DESC LIMIT 20;  -- then docs/receivers.md, "A receiver that writes back"', x.partitionkey)
  FROM (SELECT o.partitionkey, o.type, count(DISTINCT o.odootx) AS n
          FROM odoo_events.outbox_all o
         WHERE o.position > odoo_events._last_position() - 2000 AND o.recordedtime > clock_timestamp() - period AND o.record_id IS NOT NULL
         GROUP BY o.partitionkey, o.type) x
 WHERE x.n >= at_least ORDER BY x.n DESC LIMIT 3
$$;
COMMENT ON FUNCTION odoo_events._health_loops(int, interval) IS 'internal: does something change the same document again and again';
CREATE OR REPLACE FUNCTION odoo_events._health_outbox() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'outbox', CASE WHEN v.full THEN 'critical' WHEN v.nearly THEN 'warn' ELSE 'ok' END,
       format('%s%s%s%s', pg_size_pretty(s.bytes), ' of ' || pg_size_pretty(NULLIF(v.most, 0)), ', held by ' || s.held_by,
              CASE WHEN (v.full OR v.nearly) AND v.drops THEN '; beyond the limit the oldest events are dropped, also those that subscriptions have not got' END),
       CASE WHEN v.full OR v.nearly THEN 'SELECT * FROM odoo_events.storage;  -- then mend or drop what holds it, or raise odoo_events.max_outbox_size' END
  FROM odoo_events._storage s,
       LATERAL (SELECT g.setting::int8 * 1048576 AS most FROM pg_settings g WHERE g.name = 'odoo_events.max_outbox_size') m,
       -- what nobody needs goes by itself
       LATERAL (SELECT m.most, m.most > 0 AND s.bytes > m.most AS full, m.most > 0 AND s.bytes > 0.8 * m.most AND s.held_by IS NOT NULL AS nearly,
                       current_setting('odoo_events.on_full') = 'drop' AS drops) v
 WHERE s.part = 'outbox'
$$;
-- Null where the table is locked, by a module upgrade for example: monitoring does not wait for it.
CREATE FUNCTION odoo_events._table_bytes(relid oid) RETURNS int8
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_table_bytes';
COMMENT ON FUNCTION odoo_events._table_bytes(oid) IS 'internal: size of a table''s rows; null where it is locked or gone';
-- Lines of documents are read by the column that names the document.  Odoo indexes most of these columns, to 16 not all; a small
-- table (8 MB) is read whole as fast.
CREATE OR REPLACE FUNCTION odoo_events._health_indexes(least_bytes int8) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'indexes', 'warn', format('%I.%I (%s) is read for %s by %I, without an index', n.nspname, c.relname, pg_size_pretty(min(z.bytes)), string_agg(DISTINCT l.entity, ', '), a.attname),
       format('CREATE INDEX CONCURRENTLY ON %I.%I (%I) WHERE %I IS NOT NULL;', n.nspname, c.relname, a.attname, a.attname)
  FROM (SELECT p.entity, x.relid, column_name
          FROM odoo_events.part p
          JOIN odoo_events.attached t ON t.entity = p.entity
          JOIN odoo_events.capture_rule r ON r.rule = p.rule
         CROSS JOIN LATERAL odoo_events._captured_table(r.tables, r.builtin) x(relid)
         CROSS JOIN LATERAL unnest(p.parent) column_name
         WHERE NOT p.tx_only AND column_name NOT LIKE '<%') l
  JOIN pg_class c ON c.oid = l.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = l.column_name AND a.attnum > 0 AND NOT a.attisdropped
 CROSS JOIN LATERAL odoo_events._table_bytes(c.oid) z(bytes)
 WHERE z.bytes >= least_bytes
   AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indkey[0] = a.attnum)
 GROUP BY n.nspname, c.relname, c.oid, a.attname
$$;
-- No check waits for a lock for long, and none hides another: what holds the lock may be the very thing that is to be found.
CREATE OR REPLACE FUNCTION odoo_events.health(OUT "check" text, OUT status text, OUT detail text, OUT hint text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' AS $$
DECLARE
  one text;
BEGIN
  FOREACH one IN ARRAY ARRAY[
    $c$worker('1 minute')$c$,
    'version()',
    'limits()',
    'arming()',
    'capture()',
    'gaps()',
    'quarantine()',
    'conditions()',
    'journal(268435456)',
    'plugin()',
    'wal()',
    'subscriptions()',
    $c$loops(30, '1 minute')$c$,
    'owner()',
    'endpoints()',
    'roles()',
    'slots(268435456)',
    'disk()',
    'outcomes()',
    'sunset()',
    'seal()',
    'announced()',
    'flows()',
    'credentials()',
    'outbox()',
    $c$readers('15 minutes')$c$,
    'indexes(8388608)',
    'paths()'] LOOP
    BEGIN
      RETURN QUERY EXECUTE format('SELECT h."check", odoo_events._health_status(h."check", h.status), CASE WHEN v THEN odoo_events._health_detail(h."check", h.status, h.detail) ELSE ''not shown: your policy'' END, CASE WHEN v THEN h.hint END FROM odoo_events._health_%s h, odoo_events._health_visible(h."check") v WHERE v OR h."check" NOT LIKE ''subscription %%'' ORDER BY h."check", h.detail', one);
    EXCEPTION WHEN lock_not_available THEN
      PERFORM set_config('lock_timeout', '20ms', true);         -- until the end of this function: all checks together wait for half a second once
      RETURN QUERY VALUES (split_part(one, '(', 1), 'warn', 'cannot be looked at: its tables are locked by another session',
        'SELECT pid, mode, relation::regclass FROM pg_catalog.pg_locks WHERE granted AND mode ~ ''Exclusive'' ORDER BY pid;');
    END;
  END LOOP;
END $$;
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
CREATE OR REPLACE VIEW odoo_events.worker_status AS
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
CREATE OR REPLACE VIEW odoo_events.capture_status AS
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
CREATE OR REPLACE VIEW odoo_events.capture_error AS
SELECT s.at, s.relation, s.changes, s.reason, s.since
  FROM odoo_events._view_key k, odoo_events._read_capture_error(k.last_value) s;
CREATE FUNCTION odoo_events._read_subscription_status(key int8) RETURNS SETOF odoo_events._subscription_status
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 10 AS $$
BEGIN
  PERFORM odoo_events._must_be_view(key);
  RETURN QUERY SELECT * FROM odoo_events._subscription_status;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('subscription_status');
END $$;
COMMENT ON FUNCTION odoo_events._read_subscription_status(int8) IS 'internal: rows of subscription_status';
CREATE OR REPLACE VIEW odoo_events.subscription_status AS
SELECT s.name, s.state, s.state_reason, s.state_since, s.position, s.acked_position, s.lag_events, s.oldest_pending_age, s.in_flight, s.parked,
       s.blocked_keys, s.dead_letters, s.delivered_total, s.failed_total, s.filter_errors_total, s.breaker, s.next_attempt_at, s.last_status,
       s.last_error, s.last_success_at, s.p50, s.p95, s.expires_at, s.transport, s.peer_expires_at
  FROM odoo_events._view_key k, odoo_events._read_subscription_status(k.last_value) s;
CREATE FUNCTION odoo_events._read_replay_status(key int8) RETURNS SETOF odoo_events._replay_status
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 10 AS $$
BEGIN
  PERFORM odoo_events._must_be_view(key);
  RETURN QUERY SELECT * FROM odoo_events._replay_status;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('replay_status');
END $$;
COMMENT ON FUNCTION odoo_events._read_replay_status(int8) IS 'internal: rows of replay_status';
CREATE OR REPLACE VIEW odoo_events.replay_status AS
SELECT s.id, s.subscription, s.state, s.matched, s.sent, s.failed, s.position, s.from_position, s.to_position, s.dead_letters, s.created_by,
       s.created_at, s.finished_at
  FROM odoo_events._view_key k, odoo_events._read_replay_status(k.last_value) s;
CREATE FUNCTION odoo_events._read_storage(key int8) RETURNS SETOF odoo_events._storage
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 10 AS $$
BEGIN
  PERFORM odoo_events._must_be_view(key);
  RETURN QUERY SELECT * FROM odoo_events._storage;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('storage');
END $$;
COMMENT ON FUNCTION odoo_events._read_storage(int8) IS 'internal: rows of storage';
CREATE OR REPLACE VIEW odoo_events.storage AS
SELECT s.part, s.segments, s.bytes, s.oldest, s.held_by
  FROM odoo_events._view_key k, odoo_events._read_storage(k.last_value) s;
CREATE FUNCTION odoo_events._read_arming(key int8) RETURNS SETOF odoo_events._arming
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 1 AS $$
BEGIN
  PERFORM odoo_events._must_be_view(key);
  RETURN QUERY SELECT * FROM odoo_events._arming;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('arming');
END $$;
COMMENT ON FUNCTION odoo_events._read_arming(int8) IS 'internal: rows of arming';
CREATE OR REPLACE VIEW odoo_events.arming AS
SELECT s.database, s.armed, s.reason, s.system_identifier, s.database_uuid, s.armed_by, s.armed_at
  FROM odoo_events._view_key k, odoo_events._read_arming(k.last_value) s;
CREATE FUNCTION odoo_events._read_care(key int8) RETURNS SETOF odoo_events._care
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 10 AS $$
BEGIN
  PERFORM odoo_events._must_be_view(key);
  RETURN QUERY SELECT * FROM odoo_events._care;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('care');
END $$;
COMMENT ON FUNCTION odoo_events._read_care(int8) IS 'internal: rows of care';
CREATE OR REPLACE VIEW odoo_events.care AS
SELECT s.subscription, s.type, s.company_id, s.warehouse_id, s.owner, s.contact, s.criticality, s.runbook, s.escalation, s.sunset
  FROM odoo_events._view_key k, odoo_events._read_care(k.last_value) s;
COMMENT ON VIEW odoo_events.care IS
'who looks after what: one row per rule of set_care(); of several that apply the most specific wins, attribute by attribute: subscription, then type with '
'warehouse, then type with company, then type';
-- lineage: the whole way of a document, and why there was no event.

-- Why a subscription does not want an event; null where it does.  As deliver/queue/filter.c decides.
CREATE FUNCTION odoo_events._unwanted(c odoo_events.subscription_config, type text, subject text, company_id int4, warehouse_id int4, event text, classes text)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN type = 'odoo.platform.subscription.pinged.v1' THEN CASE WHEN subject <> 'subscription/' || c.name THEN 'a ping of another' END
            WHEN NOT type LIKE ANY (c.types_like)
              OR type ~ '^odoo[.]platform[.](subscription|event|outcome|exception|flow|configuration|seal)[.]' AND NOT EXISTS (SELECT 1 FROM unnest(c.types_like) t WHERE t LIKE 'odoo.platform.%' AND type LIKE t)
              OR type LIKE 'odoo.process.promise.%' AND NOT EXISTS (SELECT 1 FROM unnest(c.types_like) t WHERE t LIKE 'odoo.process.%' AND type LIKE t)
            THEN format('its types are %s', c.types)
            WHEN c.companies IS NOT NULL AND NOT COALESCE(company_id = ANY (c.companies), c.shared_rows)
            THEN format('its companies are %s%s', c.companies, CASE WHEN company_id IS NULL THEN ', without what companies share' END)
            WHEN c.warehouses IS NOT NULL AND NOT COALESCE(warehouse_id = ANY (c.warehouses), false) THEN format('its warehouses are %s', c.warehouses)
            WHEN odoo_events._for_others(classes, c.id) THEN 'it is a snapshot for other subscriptions'
            WHEN odoo_events._company_event(event, classes, c.companies) IS NULL THEN 'it tells of values of other companies only'
            ELSE (SELECT CASE WHEN v IN ('false', 'unknown') THEN format('its filter is %s: %s', v, c.filter) ELSE v END
                    FROM odoo_events._filter_verdict(odoo_events._company_event(event, classes, c.companies), c.filter) v)
       END
$$;
COMMENT ON FUNCTION odoo_events._unwanted(odoo_events.subscription_config, text, text, int4, int4, text, text) IS
'internal: why a subscription does not want an event, null where it does';
-- What became of an event that a subscription has passed.  Attempts are kept for a while only, so what is left is decided by what the
-- subscription chose when it came to the event.
CREATE FUNCTION odoo_events._settled(c odoo_events.subscription_config, o odoo_events.outbox_all, OUT step text, OUT at timestamptz, OUT detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a record;
BEGIN
  -- a broker's acknowledgement has no status; neither has a dry run, whose response is what was not sent
  SELECT x.at + x.duration AS ended, x.status IS NOT NULL OR x.response IS NULL AS acknowledged, x.event_id INTO a FROM odoo_events.attempt x
   WHERE x.subscription = c.name AND (x.status BETWEEN 200 AND 299 OR x.status = ANY (c.success_statuses) OR x.status IS NULL AND x.error IS NULL)
     AND (x.event_id = o.id OR x.event_id IS NULL AND o.position BETWEEN x.first_position AND x.last_position)
   ORDER BY x.status NULLS LAST, x.event_id NULLS LAST, x.at DESC LIMIT 1;      -- a batch's range holds events that were passed over, too
  at := a.ended;
  detail := odoo_events._passed_over(c, odoo_events._version_of(c.id, o.position), o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes);
  IF o.position <= odoo_events._start_of(c.id) AND at IS NULL THEN
    step := 'before its start';
    detail := format('it began behind position %s; subscribed at %s', odoo_events._start_of(c.id), c.created_at);
  ELSIF a.acknowledged AND (detail IS NULL OR a.event_id IS NOT NULL OR odoo_events._replayed(c, NULL, o.position, o.id, o.type, o.subject, o.partitionkey, o."time", o.company_id, o.warehouse_id, o.event, o.classes)) THEN
    step := 'acknowledged';
    detail := NULL;
  ELSIF detail IS NOT NULL THEN
    step := 'passed over';
    at := NULL;
  ELSIF a.ended IS NOT NULL THEN
    step := 'dry run';
    detail := 'nothing was sent';
  ELSIF EXISTS (SELECT 1 FROM odoo_events.audit x WHERE x.what = 'discard' AND x.object = c.name AND x.old -> 'ids' ? o.id::text) THEN
    SELECT x.at, 'its dead letter was discarded by ' || x.who, 'discarded' INTO at, detail, step
      FROM odoo_events.audit x WHERE x.what = 'discard' AND x.object = c.name AND x.old -> 'ids' ? o.id::text ORDER BY x.id DESC LIMIT 1;
  ELSIF c.url IS NULL THEN
    step := 'acknowledged';
    detail := 'fetched, and acknowledged by ack()';
  ELSIF c.created_at > o.recordedtime AND odoo_events._start_of(c.id) IS NULL THEN
    step := 'before its start';
    detail := 'subscribed at ' || c.created_at;
  ELSE
    step := 'delivered';
    detail := format('its attempts have expired: they are kept for %s', current_setting('odoo_events.attempt_retention'));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._settled(odoo_events.subscription_config, odoo_events.outbox_all) IS 'internal: what became of an event that a subscription has passed';
-- What became of an event at one subscription.
CREATE FUNCTION odoo_events._fate(c odoo_events.subscription_config, o odoo_events.outbox_all, OUT step text, OUT at timestamptz, OUT detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w record;
BEGIN
  SELECT * INTO w FROM odoo_events.waiting x WHERE x.subscription = c.name AND x.event_id = o.id
     AND NOT EXISTS (SELECT 1 FROM odoo_events.acknowledged a WHERE a.subscription_id = c.id AND a.position = o.position);
  IF FOUND THEN
    step := w.state;
    at := w.next_attempt_at;
    detail := concat_ws(', ', w.attempts || ' attempts', 'behind ' || w.behind_event_id, w.last_error);
    RETURN;
  END IF;
  SELECT * INTO w FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = o.id;
  IF FOUND THEN
    step := 'dead letter';
    at := w.last_at;
    detail := format('after %s attempts: %s', w.attempts, COALESCE(w.last_error, w.last_status::text));
    RETURN;
  END IF;
  SELECT x.step, x.at, x.detail INTO step, at, detail
    FROM (SELECT * FROM odoo_events._acknowledged_step(c.id, o.position) UNION ALL SELECT * FROM odoo_events._outcome_step(c.id, o.id)) x WHERE x.step IS NOT NULL LIMIT 1;
  IF step IS NOT NULL THEN
    RETURN;
  END IF;
  detail := odoo_events._cut_step(c.id, o.position);
  IF detail IS NOT NULL THEN
    step := 'handed over';
    RETURN;
  END IF;
  IF o.position <= COALESCE((SELECT p.cursor FROM odoo_events.subscription_progress p WHERE p.subscription_id = c.id), 0) THEN
    SELECT s.step, s.at, s.detail INTO step, at, detail FROM odoo_events._settled(c, o) s;
    RETURN;
  END IF;
  detail := odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes);
  step := CASE WHEN detail IS NULL THEN 'not reached' ELSE 'not wanted' END;
  IF detail IS NULL THEN
    detail := (SELECT concat_ws(': ', s.state, s.state_reason) FROM odoo_events._subscription_status s WHERE s.name = c.name);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._fate(odoo_events.subscription_config, odoo_events.outbox_all) IS 'internal: what became of an event at a subscription';
CREATE OR REPLACE FUNCTION odoo_events.trace(key text DEFAULT NULL, subject text DEFAULT NULL, event_id uuid DEFAULT NULL)
RETURNS TABLE (at timestamptz, step text, "position" int8, type text, subscription text, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  o     odoo_events.outbox_all;
  c     odoo_events.subscription_config;
  f     record;
  named text[];                         -- the records that have had this subject
  policies constant jsonb := odoo_events._policies('{read,operate,approve}');
BEGIN
  IF num_nonnulls(trace.key, trace.subject, trace.event_id) = 0 THEN
    RAISE EXCEPTION 'nothing says what to trace' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT * FROM odoo_events.trace(key => ''manufacturing_order:1'');';
  END IF;
  SELECT array_agg(DISTINCT x.entity || ':' || x.record_id) INTO named
    FROM odoo_events._positions_named(trace.subject) p JOIN odoo_events.outbox_all x ON x.position = p WHERE x.subject = trace.subject AND x.record_id IS NOT NULL;
  FOR o IN SELECT x.* FROM odoo_events._traced(trace.key, trace.subject, trace.event_id, named) p JOIN odoo_events.outbox_all x ON x.position = p
            WHERE (trace.key IS NULL OR x.partitionkey = trace.key) AND (trace.subject IS NULL OR x.subject = trace.subject OR x.entity || ':' || x.record_id = ANY (named))
              AND (trace.event_id IS NULL OR x.id = trace.event_id) AND odoo_events._allows(policies, x.type, x.company_id, x.warehouse_id) ORDER BY x.position
  LOOP
    RETURN QUERY VALUES (o."time", 'committed', o.position, o.type, NULL::text, format('%s %s, transaction %s', o.entity, o.record_id, o.odootx)),
                        (o.recordedtime, 'published', o.position, o.type, NULL, format('%s, id %s', o.subject, o.id));
    FOR c IN SELECT * FROM odoo_events.subscription_config s WHERE odoo_events._sees(policies, s.name, s.companies, s.warehouses) ORDER BY s.name
    LOOP
      SELECT x.* INTO f FROM odoo_events._fate(c, o) x;
      RETURN QUERY SELECT a.at, 'attempt ' || a.attempt, o.position, o.type, c.name,
                          concat_ws(' ', a.status, a.error, 'after ' || extract(epoch FROM a.duration) || ' s')
                     FROM odoo_events.attempt a
                    WHERE a.subscription = c.name
                      AND (a.event_id = o.id OR a.event_id IS NULL AND o.position BETWEEN a.first_position AND a.last_position
                                                AND f.step NOT IN ('passed over', 'not wanted', 'before its start'))
                    ORDER BY a.at;
      RETURN QUERY VALUES (f.at, f.step, o.position, o.type, c.name, f.detail);
    END LOOP;
  END LOOP;
  -- a document that was renamed meanwhile, by the part of the subject that is its name
  RETURN QUERY SELECT l."time", 'renamed', l.position, l.type, NULL::text, format('%s %s is now %s', l.entity, l.record_id, l.subject)
                 FROM (SELECT DISTINCT ON (x.entity, x.record_id) x.* FROM odoo_events._positions_of(named) p JOIN odoo_events.outbox_all x ON x.position = p WHERE x.entity || ':' || x.record_id = ANY (named) ORDER BY x.entity, x.record_id, x.position DESC) l
                WHERE odoo_events._allows(policies, l.type, l.company_id, l.warehouse_id) AND substr(l.subject, strpos(l.subject, '/')) <> substr(trace.subject, strpos(trace.subject, '/')) ORDER BY l.position;
  RETURN QUERY SELECT q.at, 'quarantined', NULL::int8, NULL::text, NULL::text, format('%s %s, change %s: %s', q.entity, q.record_id, q.change_id, q.reason)
                 FROM odoo_events.quarantined q WHERE q.key = trace.key AND policies IS NULL ORDER BY q.change_id;
  -- what waits for the publisher: by the record that the key names
  RETURN QUERY SELECT j.at, 'waits to be published', NULL::int8, NULL::text, NULL::text, format('%s of %s %s, transaction %s', j.op, j.rule, j.record_id, j.xid)
                 FROM odoo_events.journal j
                WHERE trace.key ~ '^[a-z_]+:[0-9]{1,18}$' AND j.record_id = split_part(trace.key, ':', 2)::int8
                  AND j.rule = (SELECT e.rule FROM odoo_events.entity e WHERE e.entity = split_part(trace.key, ':', 1))
                  AND NOT odoo_events._is_published(j.xid, j.id) AND policies IS NULL
                ORDER BY j.id;
END $$;
CREATE FUNCTION odoo_events._explain_steps(entity text, record_id bigint) RETURNS TABLE (step text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  e      odoo_events.entity;
  last   record;
  o      record;
  told   record;
  here   boolean;
  fields jsonb;
  policies constant jsonb := odoo_events._policies('{read,operate,approve}');
BEGIN
  PERFORM odoo_events._check_entities(ARRAY[_explain_steps.entity], 'entity');
  SELECT * INTO e FROM odoo_events.entity x WHERE x.entity = _explain_steps.entity;
  -- whose document it is, its events say
  IF policies IS NOT NULL AND (SELECT bool_and(odoo_events._allows(policies, x.type, x.company_id, x.warehouse_id))
       FROM odoo_events._positions_of(ARRAY[COALESCE(e.label, e.entity) || ':' || _explain_steps.record_id]) p JOIN odoo_events.outbox_all x ON x.position = p) IS NOT TRUE THEN
    RETURN QUERY VALUES ('policy', 'not shown', format('no event of %s %s is known that your policy shows, or not all of them are shown', e.entity, _explain_steps.record_id));
    RETURN;
  END IF;
  RETURN QUERY SELECT 'capture'::text, CASE WHEN s.attached THEN 'attached' WHEN s.relation IS NULL THEN 'no table' ELSE 'not attached' END, concat_ws(': ', s.relation, s.note)
                 FROM odoo_events._capture_status s WHERE s.entity = e.entity;
  IF NOT FOUND THEN
    RETURN QUERY VALUES ('capture', 'no table', format('this database has no table for %s', e.entity));
  END IF;
  RETURN QUERY SELECT 'capture'::text, 'gap'::text, format('%s changes of %s could not be captured at %s: %s', g.changes, g.rule, g.at, g.reason)
                 FROM odoo_events.capture_gap g WHERE g.rule = ANY (e.rules) ORDER BY g.at;
  -- the last change of the record, or of a row that belongs to it, that the journal still holds
  SELECT j.xid, j.id, j.at, j.op, j.rule INTO last FROM odoo_events.journal j
   WHERE j.rule = e.rule AND j.record_id = _explain_steps.record_id
      OR EXISTS (SELECT 1 FROM odoo_events.part p, unnest(p.parent) c, unnest(ARRAY[j.old, j.new]) t
                  WHERE p.entity = e.entity AND p.within IS NULL AND p.rule = j.rule
                    AND (t LIKE '%"' || c || '":' || _explain_steps.record_id || ',%' OR t LIKE '%"' || c || '":' || _explain_steps.record_id || '}'))
   ORDER BY j.id DESC LIMIT 1;
  IF NOT FOUND THEN
    RETURN QUERY VALUES ('journal', 'no net change', format('none of %s %s in the journal%s; only these columns count: %s', e.entity, _explain_steps.record_id,
                         (SELECT ', which begins at ' || min(j.at) FROM odoo_events.journal j),
                         (SELECT array_to_string(r.significant, ', ') FROM odoo_events.capture_rule r WHERE r.rule = e.rule)));
    -- what happened is forgotten: what the rules say to the row as it is, against what its last event told
    SELECT t.* INTO told FROM odoo_events._told(e) t WHERE t.record_id = _explain_steps.record_id;
    fields := odoo_events._plain_fields(e.entity);
    SELECT true, odoo_events._differing(fields, told.image, r.image, false)
                 || CASE WHEN r.state <> told.state THEN jsonb_build_object(e.state_column, told.state) ELSE '{}' END AS other
      INTO here, fields FROM odoo_events._odoo_rows(e.entity, ARRAY(SELECT jsonb_object_keys(fields))) r WHERE r.id = _explain_steps.record_id;
    IF here IS NULL THEN
      RETURN QUERY VALUES ('row', 'no row', format('the table of %s has no row %s', e.entity, _explain_steps.record_id));
    ELSIF told.record_id IS NOT NULL AND fields IS NULL THEN
      RETURN QUERY VALUES ('row', 'as told', 'every column that an event carries as it stands is as the last event says');
    ELSE
      RETURN QUERY VALUES ('row', CASE WHEN told.record_id IS NULL THEN 'never told' ELSE 'other than told' END,
        CASE WHEN told.record_id IS NULL THEN 'had it been made now as it is:' ELSE format('had it just become what it is, by %s:', (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(fields) k)) END);
      RETURN QUERY SELECT x.step, CASE x.verdict WHEN 'event' THEN 'would be an event' ELSE x.verdict END, x.detail
                     FROM odoo_events._would_tell(e.entity, ARRAY[_explain_steps.record_id], ARRAY[e.rule], ARRAY[_explain_steps.record_id],
                                                  ARRAY[CASE WHEN told.record_id IS NULL THEN 'I' ELSE 'U' END], ARRAY[fields::text], true) x;
    END IF;
  ELSE
    RETURN QUERY SELECT 'journal', CASE WHEN odoo_events._is_published(last.xid, min(j.id)) THEN 'published' ELSE 'waits to be published' END,
                        format('%s %s at %s in transaction %s', last.rule, CASE last.op WHEN 'I' THEN 'inserted' WHEN 'D' THEN 'deleted' ELSE 'updated' END,
                               last.at, last.xid)
                   FROM odoo_events.journal j WHERE j.xid = last.xid;
    RETURN QUERY SELECT x.step, x.verdict, x.detail FROM odoo_events._explain_change(e.entity, _explain_steps.record_id, last.xid) x;
  END IF;
  RETURN QUERY SELECT 'quarantine'::text, 'quarantined'::text, format('change %s: %s', q.change_id, q.reason)
                 FROM odoo_events.quarantined q
                WHERE q.key = e.entity || ':' || _explain_steps.record_id OR q.rule = e.rule AND q.record_id = _explain_steps.record_id ORDER BY q.change_id;
  RETURN QUERY SELECT d.type, 'disabled'::text, format('SELECT odoo_events.enable_event(%L);', d.type)
                 FROM odoo_events.event_def d WHERE d.entity = e.entity GROUP BY d.type HAVING NOT bool_or(d.enabled) ORDER BY d.type;
  FOR o IN SELECT x.* FROM odoo_events.outbox_all x WHERE x.entity = COALESCE(e.label, e.entity) AND x.record_id = _explain_steps.record_id ORDER BY x.position DESC LIMIT 10
  LOOP
    RETURN QUERY VALUES ('outbox', 'event', format('%s at position %s, %s', o.type, o.position, o."time"));
    RETURN QUERY SELECT 'subscription ' || c.name, 'filtered'::text, format('%s at position %s: %s', o.type, o.position, u)
                   FROM odoo_events.subscription_config c, odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) u
                  WHERE u IS NOT NULL AND odoo_events._sees(policies, c.name, c.companies, c.warehouses) ORDER BY c.name;
  END LOOP;
  -- how far back this answers
  RETURN QUERY SELECT 'reach'::text, 'changes'::text, COALESCE('what a transaction changed is known since ' || min(j.at), 'no change is known: the journal is empty') FROM odoo_events.journal j;
  RETURN QUERY SELECT 'reach'::text, 'events'::text, COALESCE('events are known since ' || min(x.recordedtime) || ', position ' || min(x.position), 'no event is known: the outbox is empty')
                 FROM odoo_events.outbox_all x;
END $$;
COMMENT ON FUNCTION odoo_events._explain_steps(text, bigint) IS 'internal: what explain() answers, without the verdict';
-- The first line says it in one sentence, from the lines behind it: what stands in the way comes before what has happened.
CREATE OR REPLACE FUNCTION odoo_events.explain(entity text, record_id bigint) RETURNS TABLE (step text, verdict text, detail text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH s AS MATERIALIZED (SELECT x.* FROM odoo_events._explain_steps(explain.entity, explain.record_id) WITH ORDINALITY x(step, verdict, detail, n)),
     v AS (SELECT CASE WHEN s.step = 'capture' AND s.verdict IN ('no table', 'not attached') THEN 1 WHEN s.step = 'quarantine' THEN 2
                       WHEN s.verdict = 'waits to be published' THEN 3 WHEN s.step = 'capture' AND s.verdict = 'gap' THEN 4
                       WHEN s.verdict = 'no row' THEN 6 WHEN s.step = 'outbox' THEN 5 WHEN s.verdict IN ('never told', 'other than told') THEN 7
                       WHEN s.step NOT IN ('capture', 'journal', 'row', 'reach') AND s.step NOT LIKE 'subscription %' AND s.verdict <> 'event' THEN 8
                       WHEN s.verdict = 'no net change' THEN 9 END AS rank, s.* FROM s)
SELECT 'verdict', CASE WHEN v.rank = 1 THEN 'not captured' WHEN v.rank = 2 THEN 'quarantined' WHEN v.rank = 3 THEN 'waiting' WHEN v.rank = 4 THEN 'lost'
                       WHEN v.rank = 5 THEN 'told' ELSE 'not told' END,
       CASE v.rank WHEN 1 THEN 'nothing of it is captured: ' || v.detail WHEN 2 THEN 'it waits in quarantine: ' || v.detail
                   WHEN 3 THEN 'its last change is not published yet: ' || v.detail WHEN 4 THEN 'a change may have been lost: ' || v.detail
                   WHEN 5 THEN format('%s of its events are in the outbox, the latest is %s', (SELECT count(*) FROM s x WHERE x.step = 'outbox'), v.detail)
                             || COALESCE('; not for ' || (SELECT string_agg(DISTINCT substr(x.step, 14), ', ') FROM s x WHERE x.verdict = 'filtered'), '')
                   WHEN 8 THEN format('no event: %s %s: %s', v.step, v.verdict, v.detail) ELSE 'no event: ' || v.detail END
  FROM (SELECT * FROM (SELECT * FROM v WHERE v.rank IS NOT NULL UNION ALL SELECT 10, '', '', 'nothing is known of it', 0) x ORDER BY x.rank, x.n LIMIT 1) v
UNION ALL
(SELECT s.step, s.verdict, s.detail FROM s ORDER BY s.n)
$$;
-- contract: what receivers may rely on, as JSON Schema and AsyncAPI, made from the catalog and the columns that this database has.
--
-- Schemas are open: members may be added to an event without a new version.  Any member of data may be absent, because a subscription
-- may not see it or this Odoo has no such column, but for the id of an object.  "base" is where definitions stand.

-- What a column's values look like in an event.
CREATE OR REPLACE FUNCTION odoo_events._type_json(typ oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE
       WHEN b.typcategory = 'A' THEN jsonb '{"type": "array"}'
       WHEN b.oid = 'bool'::regtype THEN jsonb '{"type": "boolean"}'
       WHEN b.oid IN ('int2'::regtype, 'int4'::regtype, 'oid'::regtype) THEN jsonb '{"type": "integer"}'
       WHEN b.oid = 'int8'::regtype THEN jsonb '{"type": ["integer", "string"]}'
       -- a string where a double would lose a digit
       WHEN b.oid IN ('numeric'::regtype, 'float4'::regtype, 'float8'::regtype) THEN jsonb '{"type": ["number", "string"]}'
       -- years before 0 and after 9999 have a sign, as ISO 8601 writes them, and there are infinities
       WHEN b.oid = 'date'::regtype
       THEN jsonb '{"type": "string", "anyOf": [{"format": "date"}, {"pattern": "^(-?infinity|[+-][0-9]{4,}-[0-9]{2}-[0-9]{2})$"}]}'
       WHEN b.oid IN ('timestamp'::regtype, 'timestamptz'::regtype)
       THEN jsonb '{"type": "string", "anyOf": [{"format": "date-time"}, {"pattern": "^(-?infinity|[+-][0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z)$"}]}'
       WHEN b.typtype = 'c' THEN jsonb '{"type": "object"}'
       WHEN b.oid IN ('json'::regtype, 'jsonb'::regtype) THEN jsonb '{}'
       ELSE jsonb '{"type": "string"}' END
  FROM pg_type b
 WHERE b.oid = (WITH RECURSIVE base AS (SELECT t.oid, t.typbasetype FROM pg_type t WHERE t.oid = typ
                                         UNION ALL SELECT t.oid, t.typbasetype FROM base x JOIN pg_type t ON t.oid = x.typbasetype)
                SELECT x.oid FROM base x WHERE x.typbasetype = 0)
$$;
-- The first of "names" that the first of "tables" has; null where there is none.
CREATE FUNCTION odoo_events._column_json(tables text[], builtin boolean, names text[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN a.attnotnull THEN x.t WHEN NOT x.t ? 'type' THEN x.t
            WHEN jsonb_typeof(x.t -> 'type') = 'array' THEN jsonb_set(x.t, '{type}', (x.t -> 'type') || jsonb '["null"]')
            ELSE jsonb_set(x.t, '{type}', jsonb_build_array(x.t -> 'type', 'null')) END
  FROM unnest(names) WITH ORDINALITY n(name, i)
  JOIN pg_attribute a ON a.attrelid = odoo_events._captured_table(tables, builtin) AND a.attname::text = n.name AND a.attnum > 0 AND NOT a.attisdropped
  CROSS JOIN LATERAL (SELECT odoo_events._type_json(a.atttypid) AS t) x
 ORDER BY n.i LIMIT 1
$$;
COMMENT ON FUNCTION odoo_events._column_json(text[], boolean, text[]) IS 'internal: JSON Schema of the first of these columns that this database has';
-- An id: a string where a table has bigint ids and a double would round it.
CREATE FUNCTION odoo_events._id_json(tables text[], builtin boolean) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(odoo_events._without_null(odoo_events._column_json(tables, builtin, '{id}')), '{"type": "integer"}')
$$;
COMMENT ON FUNCTION odoo_events._id_json(text[], boolean) IS 'internal: JSON Schema of the ids of the first of these tables that there is';
-- A row that an event names: its id, and the business keys that it has.
CREATE OR REPLACE FUNCTION odoo_events._reference_json(reference text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('type', 'object', 'required', jsonb '["id"]', 'properties',
         jsonb_build_object('id', odoo_events._id_json(r.tables, r.builtin)) || COALESCE((
           SELECT jsonb_object_agg(f.field, COALESCE((
                    SELECT CASE WHEN x.t = '{}' THEN jsonb '{"type": "string"}' ELSE odoo_events._without_null(x.t) END
                      FROM unnest(f.paths) WITH ORDINALITY p(path, n)
                      CROSS JOIN LATERAL (SELECT CASE WHEN p.path LIKE '%^%' THEN jsonb '{"type": "integer"}'
                        WHEN p.path LIKE '%>%' THEN odoo_events._column_json(ARRAY[split_part(split_part(p.path, '>', 2), '.', 1)], r.builtin, ARRAY[split_part(p.path, '.', 2)])
                        ELSE odoo_events._column_json(r.tables, r.builtin, ARRAY[p.path]) END AS t) x
                     WHERE x.t IS NOT NULL ORDER BY p.n LIMIT 1), '{}'))
             FROM odoo_events.reference_field f WHERE f.reference = r.reference AND f.shown), '{}'))
  FROM odoo_events.reference r WHERE r.reference = _reference_json.reference
$$;
-- One source of a field; null where this database does not have it.
CREATE OR REPLACE FUNCTION odoo_events._source_json(source text, rule text, reference text, base text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- what it says about when to look at it does not matter here
  path text[] := string_to_array(split_part(split_part(ltrim(source, '-'), '?', 1), '@', 1), '.');
  r    odoo_events.capture_rule;
  ref  text;
  t    jsonb;
BEGIN
  IF source LIKE 'sum(%' THEN
    RETURN '{"type": ["number", "string"]}';
  ELSIF source LIKE '%first(%' THEN
    RETURN '{"anyOf": [{"$ref": "' || base || 'ref_' || reference || '"}, {"type": "null"}]}';     -- null: the sources before it tell the type
  ELSIF source LIKE 'many(%' THEN
    RETURN jsonb_build_object('type', 'array', 'items', COALESCE('{"$ref": "' || base || 'ref_' || reference || '"}', '{"type": "integer"}')::jsonb);
  END IF;
  SELECT * INTO r FROM odoo_events.capture_rule c WHERE c.rule = _source_json.rule;
  SELECT l.reference INTO ref FROM odoo_events.link l WHERE l.rule = r.rule AND l.column_name = path[1];
  t := odoo_events._column_json(r.tables, r.builtin, (SELECT string_to_array(s, '=') FROM unnest(r.significant || r.carried) s WHERE split_part(s, '=', 1) = path[1] LIMIT 1));
  IF t IS NULL THEN
    RETURN NULL;
  END IF;
  FOR i IN 2 .. cardinality(path) LOOP
    SELECT f.target, (odoo_events._reference_json(f.reference) -> 'properties' -> f.field) INTO ref, t
      FROM odoo_events.reference_field f WHERE f.reference = ref AND f.field = path[i];
  END LOOP;
  ref := COALESCE(_source_json.reference, ref);
  IF ref IS NOT NULL THEN
    RETURN jsonb_build_object('anyOf', jsonb_build_array(jsonb_build_object('$ref', base || 'ref_' || ref), jsonb '{"type": "null"}'));
  END IF;
  RETURN t;
END $$;
CREATE OR REPLACE FUNCTION odoo_events._field_json(f odoo_events.field, rule text, entity text, base text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e     odoo_events.entity;
  found jsonb;
BEGIN
  SELECT * INTO e FROM odoo_events.entity x WHERE x.entity = _field_json.entity;
  IF f.sources[1] LIKE '#%' THEN
    RETURN CASE f.sources[1]
      WHEN '#kind' THEN jsonb_build_object('enum', (SELECT jsonb_agg(DISTINCT k.kind) FROM odoo_events.entity_kind k WHERE k.entity = e.entity))
      WHEN '#purpose' THEN jsonb_build_object('enum', (SELECT jsonb_agg(DISTINCT k.purpose) FROM odoo_events.entity_kind k WHERE k.entity = e.entity AND k.purpose NOT LIKE '~%'))
      WHEN '#route' THEN jsonb_build_object('enum', (SELECT jsonb_agg(DISTINCT substr(k.purpose, 2)) FROM odoo_events.entity_kind k WHERE k.entity = e.entity AND k.purpose LIKE '~%'))
      WHEN '#reservation' THEN jsonb '{"enum": ["full", "partial", "none"]}'
      WHEN '#earlier' THEN jsonb '{"const": true}'
      WHEN '#merged_into' THEN jsonb '{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}'
      WHEN '#merged_from' THEN jsonb '{"type": "array", "items": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}}'
      WHEN '#document' THEN jsonb '{"type": "object", "required": ["entity", "id"], "properties": {"entity": {"type": "string"}, "id": {"type": "integer"}, "name": {"type": "string"}}}'
      ELSE '{}' END;
  END IF;
  SELECT jsonb_agg(DISTINCT s.t) INTO found
    FROM unnest(f.sources) WITH ORDINALITY u(source, n), LATERAL (SELECT odoo_events._source_json(u.source, rule, f.reference, base) AS t) s
   WHERE s.t IS NOT NULL;
  found := CASE COALESCE(jsonb_array_length(found), 0) WHEN 0 THEN jsonb '{}' WHEN 1 THEN found -> 0 ELSE jsonb_build_object('anyOf', found) END;
  -- the states that the catalog knows; another Odoo module may add more
  IF f.owner = e.entity AND f.sources = ARRAY[e.state_column] THEN
    found := found || COALESCE((SELECT jsonb_build_object('examples', jsonb_agg(DISTINCT s)) FROM (
        SELECT unnest(e.draft_states || e.open_states || e.cancelled_states) AS s
        UNION SELECT unnest(m.states) FROM odoo_events.milestone m WHERE m.entity = e.entity) x
      HAVING count(*) > 0), '{}');
  END IF;
  RETURN found;
END $$;
-- The lines of a document that are this part, with those inside them.
CREATE OR REPLACE FUNCTION odoo_events._part_json(p odoo_events.part, base text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('type', 'object', 'required', jsonb '["part", "id"]', 'properties',
         jsonb_build_object('part', jsonb_build_object('const', p.part), 'id', (SELECT odoo_events._id_json(r.tables, r.builtin) FROM odoo_events.capture_rule r WHERE r.rule = p.rule))
         || COALESCE((SELECT jsonb_object_agg(f.field, odoo_events._field_json(f, p.rule, p.entity, base)) FROM odoo_events.field f WHERE f.owner = p.owner), '{}')
         || COALESCE((SELECT jsonb_build_object('lines', jsonb_build_object('type', 'array', 'items',
                               CASE count(*) WHEN 1 THEN (jsonb_agg(odoo_events._part_json(i, base)) -> 0) ELSE jsonb_build_object('anyOf', jsonb_agg(odoo_events._part_json(i, base))) END))
                        FROM odoo_events.part i WHERE i.entity = p.entity AND i.within = p.owner HAVING count(*) > 0), '{}'))
$$;
-- Everything that events about an entity are made of, by name of the definition.
CREATE OR REPLACE FUNCTION odoo_events._entity_definitions(entity text, base text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e    odoo_events.entity;
  defs jsonb;
  ids  jsonb[];                       -- of its rules, its own first
BEGIN
  SELECT * INTO e FROM odoo_events.entity x WHERE x.entity = _entity_definitions.entity;
  ids := ARRAY(SELECT odoo_events._id_json(r.tables, r.builtin) FROM odoo_events.capture_rule r WHERE r.rule = e.rule OR r.rule = ANY (e.rules) ORDER BY r.rule <> e.rule);
  defs := jsonb_build_object(
    e.entity, jsonb_build_object('type', 'object', 'required', jsonb '["id"]', 'properties', jsonb_build_object('id', ids[1])
      || COALESCE((SELECT jsonb_object_agg(f.field, odoo_events._field_json(f, e.rule, e.entity, base)) FROM odoo_events.field f WHERE f.owner = e.entity), '{}')
      || odoo_events._extra_json(e.entity) || odoo_events._sum_json(e)),
    'data_' || e.entity, jsonb_build_object('type', 'object', 'required', jsonb_build_array(COALESCE(e.label, e.entity)), 'properties',
      jsonb_build_object(COALESCE(e.label, e.entity), jsonb_build_object('$ref', base || e.entity), 'deleted', jsonb '{"const": true, "description": "in a snapshot: the row is gone"}',
        'lines_read_at', jsonb '{"type": "string", "format": "date-time"}',
        'redacted', jsonb '{"type": "array", "items": {"type": "string"}}',
        'truncated', jsonb '{"type": "array", "items": {"type": "string"}, "description": "members that are cut, as entity or part and field"}')
      || CASE WHEN e.state_column IS NULL THEN '{}' ELSE
         jsonb '{"transition": {"type": "object", "required": ["from", "to"], "properties": {"from": {"type": ["string", "null"]}, "to": {"type": ["string", "null"]}}}}' END
      || jsonb_build_object('changes', jsonb_build_object('type', 'array', 'items', jsonb_build_object('type', 'object',
           'required', jsonb '["part", "id", "op", "fields"]', 'properties', jsonb_build_object(
             'part', jsonb_build_object('type', 'string', 'examples', jsonb_build_array(COALESCE(e.label, e.entity)) || COALESCE((SELECT jsonb_agg(p.part ORDER BY p.position) FROM odoo_events.part p WHERE p.entity = e.entity), '[]')),
             'id', COALESCE((SELECT i FROM unnest(ids) i ORDER BY length(i::text) DESC LIMIT 1), '{"type": "integer"}'), 'op', jsonb '{"enum": ["added", "removed", "changed"]}',
             'fields', jsonb '{"type": "object", "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2}}'))))
      || COALESCE((SELECT jsonb_build_object('lines', jsonb_build_object('type', 'array', 'items', CASE count(*) WHEN 1 THEN jsonb_agg(odoo_events._part_json(p, base)) -> 0
                           ELSE jsonb_build_object('anyOf', jsonb_agg(odoo_events._part_json(p, base) ORDER BY p.position)) END))
                     FROM odoo_events.part p WHERE p.entity = e.entity AND p.within IS NULL AND p.owner <> 'none' HAVING count(*) > 0), '{}')));
  RETURN defs || COALESCE((SELECT jsonb_object_agg('ref_' || r.reference, odoo_events._reference_json(r.reference)) FROM odoo_events.reference r
                            WHERE position('"' || base || 'ref_' || r.reference || '"' IN defs::text) > 0), '{}');
END $$;
-- The attributes of every event.
CREATE OR REPLACE FUNCTION odoo_events._envelope_json() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb '{
  "type": "object",
  "required": ["specversion", "id", "source", "type", "subject", "time", "recordedtime", "datacontenttype", "dataschema", "partitionkey", "sequence", "dataclassification", "odootx", "data"],
  "properties": {
    "specversion": {"const": "1.0"},
    "id": {"type": "string", "format": "uuid", "description": "the same for ever: across retries, replays and subscriptions"},
    "source": {"type": "string", "format": "uri-reference", "minLength": 1},
    "type": {"type": "string"},
    "subject": {"type": "string", "minLength": 1, "description": "a label for humans; may change, never a key"},
    "time": {"type": "string", "format": "date-time", "description": "just before the commit"},
    "recordedtime": {"type": "string", "format": "date-time", "description": "when the event was published"},
    "datacontenttype": {"const": "application/json"},
    "dataschema": {"type": "string", "format": "uri"},
    "partitionkey": {"type": "string", "minLength": 1, "description": "the document: events of one key arrive in order"},
    "sequence": {"type": "string", "pattern": "^[0-9]{20}$", "description": "position in the outbox, without gaps per source"},
    "correlationid": {"type": "string", "description": "the business process that it belongs to"},
    "causationid": {"type": "string", "description": "the event that caused it"},
    "traceparent": {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
    "tracestate": {"type": "string"},
    "authtype": {"enum": ["app_user", "system"]},
    "authid": {"type": "string", "pattern": "^[0-9]+$", "description": "Odoo''s user id"},
    "dataclassification": {"enum": ["public", "internal", "confidential", "personal"]},
    "odoocompany": {"type": "integer"},
    "odoomodel": {"type": "string"},
    "odoorecordid": {"type": ["integer", "string"], "description": "a string beyond 2147483647, which is the largest integer of CloudEvents"},
    "odootx": {"type": "string", "pattern": "^[0-9]+$"},
    "data": {"type": "object"}
  }}'
$$;
CREATE OR REPLACE FUNCTION odoo_events.json_schema(type text) RETURNS json
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  definitions jsonb := '{}';
  about       text[] := (SELECT p.entities FROM odoo_events._promised p WHERE p.type = json_schema.type);
  e           text;
BEGIN
  IF about IS NULL AND NOT json_schema.type LIKE ANY ('{odoo.platform.%,odoo.process.promise.%}') THEN
    RAISE EXCEPTION 'event type "%" in argument "type" is not in the catalog', json_schema.type
      USING ERRCODE = 'undefined_object', HINT = 'SELECT type FROM odoo_events.event_type;';
  END IF;
  FOREACH e IN ARRAY COALESCE(about, '{}') LOOP
    definitions := definitions || odoo_events._entity_definitions(e, '#/$defs/');
  END LOOP;
  RETURN odoo_events._json_schema(json_schema.type, NULLIF(definitions, '{}'));
END $$;
-- What a condition looks at in a row that is named by rows of these rules: only what never changes, since by the time the event is published it
-- may be another.
CREATE OR REPLACE FUNCTION odoo_events._check_reference(place text, rules text[], col text, member text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known text[] := (SELECT array_agg(l.reference) FROM odoo_events.link l JOIN odoo_events.reference_field f ON f.reference = l.reference
                    WHERE l.rule = ANY (rules) AND l.column_name = col AND f.field = member);
BEGIN
  IF known IS NULL THEN
    RAISE EXCEPTION 'argument "condition" looks at %, which the catalog does not read', concat_ws('.', place, col, member)
      USING ERRCODE = 'undefined_column', HINT = format('References: %s.', COALESCE((SELECT string_agg(format('%s.%s.%s', place, l.column_name, f.field), ', ' ORDER BY l.column_name, f.position)
         FROM odoo_events.link l JOIN odoo_events.reference_field f ON f.reference = l.reference WHERE l.rule = ANY (rules)), 'none'));
  ELSIF EXISTS (SELECT 1 FROM odoo_events.reference r WHERE r.reference = ANY (known) AND NOT r.builtin)
     OR EXISTS (SELECT 1 FROM odoo_events.reference_field f JOIN odoo_events.reference r ON r.reference = f.reference
                  JOIN odoo_events.capture_rule c ON odoo_events._captured_table(c.tables, c.builtin) = odoo_events._captured_table(r.tables, r.builtin)
                  JOIN unnest(c.significant || c.carried) s ON split_part(s, '=', 1) = ANY (f.paths)
                 WHERE f.reference = ANY (known) AND f.field = member) THEN
    RAISE EXCEPTION 'argument "condition" looks at %, which may have changed by the time the event is published', concat_ws('.', place, col, member)
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask what the same transaction did to that row, for example ''exists($tx.*.* ? (@.new.state == "done"))'', or define the event on that row''s entity.';
  END IF;
END $$;
-- Does capture write a value of this type as JSON?  What it would have to call functions of the database for is null.
CREATE FUNCTION odoo_events._type_is_seen(type oid) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN t.typtype = 'd' THEN odoo_events._type_is_seen(t.typbasetype)
            WHEN t.typelem <> 0 AND t.typoutput = 'array_out'::regproc THEN odoo_events._type_is_seen(t.typelem)
            ELSE t.typtype IN ('e', 'c') OR t.oid < 16384 END
  FROM pg_type t WHERE t.oid = type
$$;
COMMENT ON FUNCTION odoo_events._type_is_seen(oid) IS 'internal: whether events and conditions have the values of a type';
-- May a condition look at a column of these rules, and, where it names a member of it, into it?
CREATE FUNCTION odoo_events._check_looked_at(place text, rules text[], col text, member text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a record;
BEGIN
  SELECT format_type(t.atttypid, t.atttypmod) AS type, odoo_events._type_is_seen(t.atttypid) AS seen,
         b.typname IN ('json', 'jsonb') OR b.typtype = 'c' OR b.typcategory = 'A' AS inside
    INTO a
    FROM odoo_events.capture_rule r, unnest(r.significant || r.carried) spec, pg_attribute t JOIN pg_type x ON x.oid = t.atttypid
    JOIN pg_type b ON b.oid = CASE x.typtype WHEN 'd' THEN x.typbasetype ELSE x.oid END
   WHERE r.rule = ANY (rules) AND split_part(spec, '=', 1) = col
     AND t.attrelid = odoo_events._captured_table(r.tables, r.builtin) AND t.attname = ANY (string_to_array(spec, '=')) AND NOT t.attisdropped
   ORDER BY odoo_events._type_is_seen(t.atttypid) DESC, inside DESC LIMIT 1;
  IF NOT a.seen THEN
    RAISE EXCEPTION 'argument "condition" looks at %.%, whose type % is not captured', place, col, a.type
      USING ERRCODE = 'datatype_mismatch', HINT = 'Compare a column of a built-in type, json, jsonb, or an array of these; such a column is always null here.';
  ELSIF member IS NOT NULL AND NOT a.inside THEN
    RAISE EXCEPTION 'argument "condition" looks at %.%.%, but a value of type % has no members', place, col, member, a.type
      USING ERRCODE = 'datatype_mismatch', HINT = format('Compare the value itself, for example ''%s.%s == ...''; only json and jsonb have members.', place, col);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_looked_at(text, text[], text, text) IS 'internal: raises an error for a column that a condition cannot look at or into';
-- What a condition may look at; raises an error for anything else.
CREATE OR REPLACE FUNCTION odoo_events._check_condition(condition text, e odoo_events.entity) RETURNS jsonpath
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  path   jsonpath;
  known  text[] := (SELECT array_agg(split_part(c, '=', 1)) || '{id}' FROM odoo_events.capture_rule r, unnest(r.significant || r.carried) c WHERE r.rule = e.rule);
  m      text[];
  parts  text[];
  image  text;
  reason text;
BEGIN
  BEGIN
    path := condition::jsonpath;
    PERFORM jsonb_path_match('{}', path, '{"tx": {}, "marked": {}}', false);
  EXCEPTION
    WHEN singleton_sql_json_item_required THEN
      RAISE EXCEPTION 'argument "condition" is no predicate: %', condition
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Compare something, for example ''$.new.state == "done"''.';
    WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
      RAISE EXCEPTION 'argument "condition" is not a jsonpath that can be used: %', reason
        USING ERRCODE = 'invalid_parameter_value', HINT = 'For example ''$.old.state != "done" && $.new.state == "done"''.';
  END;
  -- the image of jsonpath quotes every name; here without other strings
  image := regexp_replace(path::text, '([.$]"(?:[^"\\]|\\.)*")|"(?:[^"\\]|\\.)*"', '\1', 'g');
  -- a whole that is looked through has in it what may not be looked at, or not what is sought
  reason := COALESCE(substring(regexp_replace(image, '([.$]")[^"]*"', '\1"', 'g') FROM '\$(?!\.?")'), substring(image FROM '(\$\."(?:old|new)")(?:\.(?!")|\[)'));
  IF reason IS NOT NULL THEN
    RAISE EXCEPTION 'argument "condition" looks at % as a whole', replace(reason, '"', '')
      USING ERRCODE = 'invalid_parameter_value', HINT = format('Name what is compared: %s.', (SELECT string_agg('$.new.' || c, ', ') FROM unnest(known) c));
  END IF;
  FOR m IN SELECT regexp_matches(f[2], '@\."([^"]+)"', 'g') || f[1] FROM regexp_matches(image, '\$\."(old|new)"\?\(([^()]*)\)', 'g') f LOOP
    IF m[1] <> ALL (known) THEN
      RAISE EXCEPTION 'argument "condition" looks at $.%.%, but "%" is no captured column of entity "%"', m[2], m[1], m[1], e.entity
        USING ERRCODE = 'undefined_column', HINT = format('Columns: %s.', array_to_string(known, ', '));
    END IF;
  END LOOP;
  -- members of "$"
  FOR m IN SELECT regexp_matches(image, '\$\."([^"]+)"(?:\."([^"]+)")?(?:\."([^"]+)")?', 'g') LOOP
    IF m[1] = 'rows' THEN
      RAISE EXCEPTION 'argument "condition" looks at $.rows, which is what other rows are when the event is published'
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Use $.parts.<part>[*]: what the transaction changed in the rows that belong to it.';
    ELSIF m[1] IN ('old', 'new') AND m[2] IS NOT NULL AND m[2] <> ALL (known) THEN
      RAISE EXCEPTION 'argument "condition" looks at $.%.%, but "%" is no captured column of entity "%"', m[1], m[2], m[2], e.entity
        USING ERRCODE = 'undefined_column', HINT = format('Columns: %s.', array_to_string(known, ', '));
    ELSIF m[1] IN ('old', 'new') THEN
      PERFORM odoo_events._check_looked_at('$.' || m[1], ARRAY[e.rule], m[2], m[3]);
    ELSIF m[1] = 'refs' THEN
      PERFORM odoo_events._check_reference('$.refs', ARRAY[e.rule], m[2], m[3]);
    ELSIF m[1] = 'parts' AND NOT EXISTS (SELECT 1 FROM odoo_events.part p WHERE p.entity = e.entity AND p.part = m[2]) THEN
      RAISE EXCEPTION 'argument "condition" looks at $.parts.%, but entity "%" has no such part', m[2], e.entity
        USING ERRCODE = 'undefined_object', HINT = format('Parts: %s.', COALESCE((SELECT string_agg(p.part, ', ' ORDER BY p.position) FROM odoo_events.part p WHERE p.entity = e.entity), 'none'));
    ELSIF m[1] NOT IN ('old', 'new', 'parts') THEN
      RAISE EXCEPTION 'argument "condition" looks at $.%, which there is not', m[1]
        USING ERRCODE = 'undefined_object', HINT = 'There are $.old, $.new, $.refs, $.parts and $tx.';
    END IF;
  END LOOP;
  -- rows of the transaction: those of lines, and, where $tx is looked at, any
  parts := ARRAY(SELECT r.rule FROM odoo_events.capture_rule r WHERE image LIKE '%$"tx"%'
                  UNION SELECT p.rule FROM odoo_events.part p WHERE p.entity = e.entity);
  FOR m IN SELECT regexp_matches(image, '(?<!\$)\."(old|new)"\."([^"]+)"(?:\."([^"]+)")?', 'g') LOOP
    IF m[2] <> 'id' AND NOT EXISTS (SELECT 1 FROM odoo_events.capture_rule r, unnest(r.significant || r.carried) c WHERE r.rule = ANY (parts) AND split_part(c, '=', 1) = m[2]) THEN
      RAISE EXCEPTION 'argument "condition" looks at @.%.%, but no row that it can mean has a captured column "%"', m[1], m[2], m[2]
        USING ERRCODE = 'undefined_column', HINT = format('Columns of the lines of "%s": %s.', e.entity, COALESCE((SELECT string_agg(DISTINCT split_part(c, '=', 1), ', ')
           FROM odoo_events.part p JOIN odoo_events.capture_rule r ON r.rule = p.rule, unnest(r.significant || r.carried) c WHERE p.entity = e.entity), 'none'));
    END IF;
    PERFORM odoo_events._check_looked_at('@.' || m[1], parts, m[2], m[3]);
  END LOOP;
  -- lines name rows, too
  FOR m IN SELECT regexp_matches(image, '(?<!\$|"old"|"new")\."refs"(?:\."([^"]+)")?(?:\."([^"]+)")?', 'g') LOOP
    PERFORM odoo_events._check_reference('@.refs', (SELECT array_agg(p.rule) FROM odoo_events.part p WHERE p.entity = e.entity), m[1], m[2]);
  END LOOP;
  RETURN path;
END $$;
-- The states of an entity of the catalog are those that its own events, milestones and lists of states name.
CREATE FUNCTION odoo_events._warn_states(e odoo_events.entity, states text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known text[] := ARRAY(SELECT x FROM unnest(e.draft_states || e.open_states || e.cancelled_states) x
                        UNION SELECT m[1] FROM odoo_events.event_def d,
                                regexp_matches(d.condition::text, format('\."%s" == "([^"]+)"', e.state_column), 'g') m WHERE d.entity = e.entity AND d.builtin
                        UNION SELECT unnest(d.states) FROM odoo_events.milestone d WHERE d.entity = e.entity
                        ORDER BY 1);
  unknown text;
BEGIN
  SELECT s INTO unknown FROM unnest(states) s WHERE NOT s = ANY (known) LIMIT 1;
  IF FOUND AND e.builtin AND known <> '{}' THEN
    RAISE WARNING 'argument "states" names "%", which the catalog does not know as a state of %', unknown, e.entity
      USING HINT = format('It knows %s; an app of your own may have others.', array_to_string(known, ', '));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._warn_states(odoo_events.entity, text[]) IS 'internal: warns of states that an entity of the catalog does not have';
CREATE OR REPLACE FUNCTION odoo_events.define_event(type text, entity text, condition text DEFAULT NULL, occasion text DEFAULT 'updated', states text[] DEFAULT NULL,
  kind text DEFAULT NULL, description text DEFAULT NULL, with_lines boolean DEFAULT false, with_changes boolean DEFAULT false, rank int DEFAULT 55,
  classification text DEFAULT 'internal', owner text DEFAULT NULL, deprecated boolean DEFAULT false, or_replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  e     odoo_events.entity;
  path  jsonpath;
  state text;
  words text[] := string_to_array(type, '.');
  def   jsonb;
BEGIN
  PERFORM odoo_events._must_be_free('define_event');
  IF type IS NULL OR entity IS NULL THEN
    RAISE EXCEPTION 'arguments "type" and "entity" must not be null' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  PERFORM odoo_events._check_type(type);
  SELECT * INTO e FROM odoo_events.entity x WHERE x.entity = entity;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'entity "%" in argument "entity" is not in the catalog', entity
      USING ERRCODE = 'undefined_object', HINT = format('SELECT odoo_events.define_entity(%L, %L);', entity, entity);
  END IF;
  IF kind IS NOT NULL AND NOT EXISTS (SELECT 1 FROM odoo_events.entity_kind k WHERE k.entity = entity AND k.kind = kind) THEN
    RAISE EXCEPTION 'argument "kind" cannot be "%"', kind
      USING ERRCODE = 'invalid_parameter_value', HINT = format('Kinds of %s: %s.', entity, COALESCE((SELECT string_agg(DISTINCT k.kind, ', ') FROM odoo_events.entity_kind k WHERE k.entity = entity), 'none'));
  END IF;
  IF words[cardinality(words) - 2] NOT IN (entity, COALESCE(kind, entity)) THEN
    words[cardinality(words) - 2] := COALESCE(kind, entity);
    RAISE EXCEPTION 'type "%" does not name its entity', type
      USING ERRCODE = 'invalid_parameter_value', HINT = format('Use %s.', array_to_string(words, '.'));
  END IF;
  IF EXISTS (SELECT 1 FROM odoo_events.event_def d WHERE d.type = type) AND NOT or_replace THEN
    RAISE EXCEPTION 'event type "%" exists', type USING ERRCODE = 'duplicate_object', HINT = 'Use or_replace => true, or the next version of the type.';
  END IF;
  IF occasion IS NULL OR occasion NOT IN ('inserted', 'updated', 'deleted', 'open', 'cancelled', 'touched', 'changed') THEN
    RAISE EXCEPTION 'argument "occasion" cannot be "%"', occasion
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Occasions are inserted, updated, deleted, open, cancelled, touched and changed; for a state that is reached give states.';
  END IF;
  IF e.state_column IS NULL AND (states IS NOT NULL OR occasion IN ('open', 'cancelled')) THEN
    RAISE EXCEPTION 'entity "%" has no state', entity
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Name its state_column in define_entity, or use occasion => ''updated'' with a condition.';
  END IF;
  IF states IS NOT NULL AND (occasion <> 'updated' OR cardinality(states) = 0 OR array_position(states, NULL) IS NOT NULL) THEN
    RAISE EXCEPTION 'argument "states" is a list of states that are reached, without another occasion'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Use states => ''{done}'' and leave occasion out.';
  END IF;
  PERFORM odoo_events._check_class('classification', classification);
  IF rank NOT BETWEEN 0 AND 1000 OR rank IS NULL THEN
    RAISE EXCEPTION 'argument "rank" must be between 0 and 1000' USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out.';
  END IF;
  IF condition IS NOT NULL THEN
    path := odoo_events._check_condition(condition, e);
  END IF;
  def := jsonb_strip_nulls(jsonb_build_object('type', type, 'variant', 1, 'entity', entity, 'kind', kind, 'occasion', occasion, 'condition', path::text, 'rank', rank,
           'with_lines', with_lines, 'with_changes', with_changes, 'classification', classification, 'owner', COALESCE(owner, session_user), 'deprecated', deprecated,
           'description', COALESCE(description, type), 'enabled', true, 'builtin', false));
  IF states IS NOT NULL THEN
    PERFORM odoo_events._warn_states(e, states);
    state := (SELECT string_agg(format('$.new.%s == %s', to_json(e.state_column), to_json(s)), ' || ') FROM unnest(states) s);
    def := jsonb_build_array(
      def || jsonb_build_object('occasion', 'inserted', 'condition', concat_ws(' && ', '(' || state || ')', '(' || path::text || ')')),
      def || jsonb_build_object('variant', 2, 'condition', concat_ws(' && ', '(' || state || ')', '!(' || replace(state, '$.new.', '$.old.') || ')', '(' || path::text || ')')));
  ELSE
    def := jsonb_build_array(def);
  END IF;
  PERFORM odoo_events._define('event', type, jsonb_build_object('event_def', def)
    -- what the condition looks at counts, also where the catalog only carries it along
    || CASE WHEN path IS NULL THEN '{}' ELSE jsonb_build_object('more_columns', jsonb_build_object(e.rule,
         ARRAY(SELECT DISTINCT m[2] FROM regexp_matches(path::text, '\$\."(old|new)"\."([^"]+)"', 'g') m WHERE m[2] <> 'id'))) END);
  -- the DBA's own table is captured from its first event on; so is one of the catalog's that was left alone because all its events are off
  PERFORM odoo_events._attach(ARRAY[entity], 'trigger') WHERE NOT e.builtin;
  PERFORM odoo_events._attach(ARRAY[entity], u.mode, u.always) FROM odoo_events._unattached() u WHERE u.entity = entity AND e.builtin;
END $$;
CREATE OR REPLACE FUNCTION odoo_events.drop_event(type text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('drop_event');
  IF NOT odoo_events._known_type(drop_event.type) THEN
    RAISE EXCEPTION 'event type "%" is the catalog''s own and cannot be dropped', drop_event.type
      USING ERRCODE = 'insufficient_privilege', HINT = format('SELECT odoo_events.disable_event(%L);', drop_event.type);
  END IF;
  DELETE FROM odoo_events.definition d WHERE d.kind IN ('event', 'switch') AND d.name = drop_event.type;
END $$;
CREATE OR REPLACE FUNCTION odoo_events.drop_entity(entity text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('drop_entity');
  IF NOT EXISTS (SELECT 1 FROM odoo_events.definition d WHERE d.kind = 'entity' AND d.name = drop_entity.entity) THEN
    RAISE EXCEPTION 'entity "%" in argument "entity" is none of your own', drop_entity.entity
      USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.definition WHERE kind = ''entity'';';
  END IF;
  PERFORM odoo_events.detach(ARRAY[drop_entity.entity]);
  DELETE FROM odoo_events.definition d WHERE d.kind IN ('event', 'switch')
     AND d.name IN (SELECT e.type FROM odoo_events.event_def e WHERE e.entity = drop_entity.entity);
  DELETE FROM odoo_events.definition d WHERE d.kind = 'part' AND d.rows -> 'part' -> 0 ->> 'entity' = drop_entity.entity;
  DELETE FROM odoo_events.definition d WHERE d.kind = 'entity' AND d.name = drop_entity.entity;
END $$;
CREATE OR REPLACE FUNCTION odoo_events.enable_event(type text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('enable_event');
  PERFORM odoo_events._known_type(enable_event.type);
  PERFORM odoo_events._define('switch', enable_event.type, '{"enabled": true}');
END $$;
CREATE OR REPLACE FUNCTION odoo_events.disable_event(type text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('disable_event');
  PERFORM odoo_events._known_type(disable_event.type);
  PERFORM odoo_events._define('switch', disable_event.type, '{"enabled": false}');
END $$;
-- The table that a definition names; raises an error for what cannot be captured.
CREATE OR REPLACE FUNCTION odoo_events._own_table(relation text) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  relid oid := odoo_events._captured_table(ARRAY[relation], false);
BEGIN
  IF relid IS NULL THEN
    RAISE EXCEPTION 'table "%" in argument "relation" does not exist', relation
      USING ERRCODE = 'undefined_table', HINT = 'Give the name of a table without its schema: Odoo''s model x.y is table x_y; views cannot be captured.';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = relid AND a.attname = 'id' AND NOT a.attisdropped AND a.atttypid IN ('int4'::regtype, 'int8'::regtype)) THEN
    RAISE EXCEPTION 'table "%" in argument "relation" has no integer column "id"', relation
      USING ERRCODE = 'invalid_table_definition', HINT = 'Capture knows rows by their integer id, as Odoo does: a relation table cannot be captured, the table of its model can.';
  END IF;
  RETURN relid;
END $$;
-- What the catalog, or an earlier definition, calls the rows of a table.
CREATE OR REPLACE FUNCTION odoo_events._reference_of(relid oid) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'SELECT r.reference FROM odoo_events.reference r WHERE odoo_events._captured_table(r.tables, r.builtin) = relid ORDER BY NOT r.builtin, r.reference LIMIT 1';
-- The rows of the catalog that both entities and parts consist of.  owner: of the fields; more: columns that count beside them.
CREATE OR REPLACE FUNCTION odoo_events._own_rows(relation text, relid oid, owner text, fields text[], more text[], classification jsonb, OUT rule text, OUT rows jsonb)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  k      record;
  own    jsonb;
  links  jsonb := '[]';
  person text[] := '{}';                        -- columns that name people
BEGIN
  -- a table that is captured already keeps its rule: there is one pair of triggers per table
  SELECT r.rule INTO rule FROM odoo_events.capture_rule r WHERE odoo_events._captured_table(r.tables, r.builtin) = relid AND r.builtin ORDER BY r.rule LIMIT 1;
  IF FOUND THEN
    rows := jsonb_build_object('more_columns', jsonb_build_object(rule, ARRAY(SELECT DISTINCT x FROM unnest(fields || more) x WHERE x IS NOT NULL)));
  ELSE
    rule := odoo_events._own_name(relation);
    rows := jsonb_build_object('capture_rule', jsonb_build_array(jsonb_build_object('rule', rule, 'tables', ARRAY[relation],
      'significant', ARRAY(SELECT DISTINCT x FROM unnest(fields || more) x WHERE x IS NOT NULL ORDER BY x),
      'carried', ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = relid AND a.attname IN ('company_id', 'warehouse_id', 'write_uid', 'create_uid') AND NOT a.attisdropped))));
  END IF;
  rows := rows || '{"reference": [], "reference_field": []}';
  FOR k IN SELECT f.column_name, f.target, odoo_events._reference_of(f.target) AS reference, c.relname FROM odoo_events._foreign_keys(relid) f JOIN pg_class c ON c.oid = f.target
            WHERE f.column_name = ANY (fields || more) ORDER BY f.column_name
  LOOP
    IF k.reference IS NULL OR k.reference = odoo_events._own_name(k.relname) THEN
      own := odoo_events._own_reference(k.target);
      rows := rows || jsonb_build_object('reference', rows -> 'reference' || (own -> 'reference'), 'reference_field', rows -> 'reference_field' || (own -> 'reference_field'));
      k.reference := own -> 'reference' -> 0 ->> 'reference';
    END IF;
    IF k.reference IN ('partner', 'user') OR k.relname ~ '(partner|user|employee|applicant|candidate|contact)' THEN
      person := person || k.column_name;
    END IF;
    IF rule = odoo_events._own_name(relation) OR NOT EXISTS (SELECT 1 FROM odoo_events.link x WHERE x.rule = _own_rows.rule AND x.column_name = k.column_name) THEN
      links := links || jsonb_build_object('rule', rule, 'column_name', k.column_name, 'reference', k.reference);
    END IF;
  END LOOP;
  rows := rows || jsonb_build_object('link', links, 'field', (
    SELECT COALESCE(jsonb_agg(jsonb_build_object('owner', owner, 'position', f.n, 'field', regexp_replace(f.name, '_id$', ''), 'sources', ARRAY[f.name], 'builtin', false,
             'classification', COALESCE(classification ->> f.name, CASE WHEN f.name = ANY (person) THEN 'personal' ELSE 'internal' END))), '[]')
      FROM unnest(fields) WITH ORDINALITY f(name, n)));
END $$;
CREATE OR REPLACE FUNCTION odoo_events.define_entity(entity text, relation text, columns text[] DEFAULT NULL, name_column text DEFAULT NULL,
  state_column text DEFAULT NULL, draft_states text[] DEFAULT '{}', open_states text[] DEFAULT '{}', cancelled_states text[] DEFAULT '{}',
  classification jsonb DEFAULT '{}', domain text DEFAULT 'custom', model text DEFAULT NULL, key text DEFAULT NULL, correlation text[] DEFAULT NULL,
  or_replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  relid  oid;
  fields text[];
  more   text[];
  rule   text;
  rows   jsonb;
BEGIN
  PERFORM odoo_events._must_be_free('define_entity');
  IF entity !~ '^[a-z][a-z0-9_]{0,48}$' OR entity IS NULL THEN
    RAISE EXCEPTION 'argument "entity" cannot be "%"', entity
      USING ERRCODE = 'invalid_name', HINT = 'An entity is a word of lower case letters, digits and underscores, for example quality_certificate.';
  END IF;
  IF domain !~ '^[a-z][a-z0-9_]{0,48}$' OR domain IS NULL THEN
    RAISE EXCEPTION 'argument "domain" cannot be "%"', domain
      USING ERRCODE = 'invalid_name', HINT = 'A domain is a word of lower case letters, digits and underscores, for example quality.';
  END IF;
  IF EXISTS (SELECT 1 FROM odoo_events.entity x WHERE x.entity = entity AND x.builtin)
     OR EXISTS (SELECT 1 FROM odoo_events.field f WHERE f.owner = entity AND f.builtin)
     OR EXISTS (SELECT 1 FROM odoo_events.entity_kind k WHERE k.kind = entity) OR entity IN ('transition', 'changes', 'lines', 'lines_read_at', 'refs', 'redacted', 'event') THEN
    RAISE EXCEPTION 'entity "%" is a name of the catalog''s own', entity
      USING ERRCODE = 'reserved_name', HINT = format('Use another name, for example my_%s; to add an event to the catalog''s entity call define_event alone.', entity);
  END IF;
  IF NOT or_replace AND EXISTS (SELECT 1 FROM odoo_events.entity x WHERE x.entity = entity) THEN
    RAISE EXCEPTION 'entity "%" exists', entity USING ERRCODE = 'duplicate_object', HINT = 'Use or_replace => true.';
  END IF;
  relid := odoo_events._own_table(relation);
  more := ARRAY[name_column, state_column] || split_part(key, '.', 1) || ARRAY(SELECT split_part(c, '.', 1) FROM unnest(correlation) c);
  fields := odoo_events._own_columns(relation, relid, columns, more, classification);
  IF state_column IS NULL AND cardinality(draft_states || open_states || cancelled_states) > 0 THEN
    RAISE EXCEPTION 'states are given, but no column that has them'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Add state_column => ''state''.';
  END IF;
  SELECT o.rule, o.rows INTO rule, rows FROM odoo_events._own_rows(relation, relid, entity, fields, more, classification) o;
  rows := rows || jsonb_build_object(
    'entity', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('entity', entity, 'domain', domain, 'model', COALESCE(model, replace(relation, '_', '.')),
       'rule', rule, 'rules', ARRAY[rule], 'name_column', name_column, 'state_column', state_column, 'draft_states', draft_states,
       'open_states', open_states, 'cancelled_states', cancelled_states, 'change_columns', array_remove(fields, state_column),
       'warehouse', CASE WHEN 'warehouse_id' = ANY (fields) OR rows -> 'capture_rule' -> 0 -> 'carried' ? 'warehouse_id' THEN '["warehouse_id"]' ELSE '[]' END::jsonb,
       'keys', odoo_events._own_paths('key', array_remove(ARRAY[key], NULL), rule, rows),
       'correlation', odoo_events._own_paths('correlation', COALESCE(correlation, array_remove(ARRAY[key], NULL)), rule, rows),
       -- whose rows they are in the first place
       'secondary', EXISTS (SELECT 1 FROM odoo_events.entity x WHERE x.rule = rule AND x.entity <> entity AND NOT x.secondary), 'builtin', false))));
  PERFORM odoo_events._define('entity', entity, rows);
END $$;
CREATE OR REPLACE FUNCTION odoo_events.define_part(entity text, part text, relation text, parent text, columns text[] DEFAULT NULL, state_column text DEFAULT NULL,
  live_states text[] DEFAULT '{}', gone_states text[] DEFAULT '{}', classification jsonb DEFAULT '{}', or_replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  relid  oid;
  ids    text[];
  fields text[];
  e      odoo_events.entity;
  own    text := entity || '.' || part;
  rule   text;
  rows   jsonb;
BEGIN
  PERFORM odoo_events._must_be_free('define_part');
  SELECT x.* INTO e FROM odoo_events.entity x WHERE x.entity = entity AND x.sum_query IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'entity "%" in argument "entity" is not in the catalog', entity
      USING ERRCODE = 'undefined_object', HINT = format('SELECT odoo_events.define_entity(%L, %L);', entity, entity);
  END IF;
  IF part !~ '^[a-z][a-z0-9_]{0,48}$' OR part IS NULL THEN
    RAISE EXCEPTION 'argument "part" cannot be "%"', part
      USING ERRCODE = 'invalid_name', HINT = 'A part is a word of lower case letters, digits and underscores, for example line.';
  END IF;
  IF EXISTS (SELECT 1 FROM odoo_events.part p WHERE p.entity = entity AND p.part = part AND (p.builtin OR NOT or_replace)) THEN
    RAISE EXCEPTION 'entity "%" has a part "%"', entity, part
      USING ERRCODE = 'duplicate_object', HINT = format('Use another name, for example my_%s, or, for a part of your own, or_replace => true.', part);
  END IF;
  relid := odoo_events._own_table(relation);
  ids := ARRAY(SELECT c FROM unnest(odoo_events._columns(relid)) c JOIN pg_attribute a ON a.attrelid = relid AND a.attname = c WHERE a.atttypid IN ('int4'::regtype, 'int8'::regtype));
  IF parent IS NULL OR NOT parent = ANY (ids) THEN
    RAISE EXCEPTION 'table "%" has no column "%" that could name the document', relation, parent
      USING ERRCODE = 'undefined_column', HINT = format('Give as "parent" the column that is the id of the document: %s.', array_to_string(ids, ', '));
  END IF;
  fields := array_remove(odoo_events._own_columns(relation, relid, columns, ARRAY[state_column], classification), parent);
  IF (state_column IS NULL) <> (cardinality(live_states) = 0) THEN
    RAISE EXCEPTION 'state_column and live_states belong together'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Say in which states a line counts, for example state_column => ''state'', live_states => ''{draft,open}'', or leave both out.';
  END IF;
  SELECT o.rule, o.rows INTO rule, rows FROM odoo_events._own_rows(relation, relid, 'line.' || own, fields, ARRAY[parent, state_column], classification) o;
  -- who looks for the lines of a document does not read the whole table for each
  IF NOT EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indrelid = relid AND a.attname = parent AND i.indpred IS NULL) THEN
    RAISE WARNING 'column "%" of table "%" has no index', parent, relation
      USING HINT = format('CREATE INDEX ON %s (%I);', relid::regclass, parent);
  END IF;
  rows := rows || jsonb_build_object('part', jsonb_build_array(jsonb_build_object('entity', entity, 'part', part, 'rule', rule, 'parent', ARRAY[parent], 'owner', 'line.' || own,
      'position', (SELECT 1 + COALESCE(max(p.position), 0) FROM odoo_events.part p WHERE p.entity = entity AND p.part <> part),
      'state_column', COALESCE(state_column, '-'), 'live_states', CASE WHEN state_column IS NULL THEN '{*}' ELSE live_states END, 'gone_states', gone_states,
      'change_columns', array_remove(fields, state_column), 'builtin', false)));
  PERFORM odoo_events._define('part', own, rows);
  PERFORM odoo_events._attach(ARRAY[entity], 'trigger') WHERE EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = entity);
END $$;
CREATE OR REPLACE FUNCTION odoo_events.drop_part(entity text, part text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('drop_part');
  DELETE FROM odoo_events.definition d WHERE d.kind = 'part' AND d.name = drop_part.entity || '.' || drop_part.part;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'part "%" of entity "%" is none of your own', drop_part.part, drop_part.entity
      USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.definition WHERE kind = ''part'';';
  END IF;
  PERFORM odoo_events._drop_idle_triggers();
END $$;
CREATE OR REPLACE VIEW odoo_events.backfill_status AS
SELECT b.id, b.entity, b.predicate, b.state, b.rows, NULLIF(b.last_id, -9223372036854775808) AS last_id, b.error, b.created_by, b.created_at, b.at,
       ARRAY(SELECT c.name FROM odoo_events.subscription_config c WHERE c.id = ANY (b.subscriptions) ORDER BY c.name) AS subscriptions
  FROM odoo_events.backfill_job b
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events._my_policy);
CREATE FUNCTION odoo_events.backfill(entity text, predicate text DEFAULT NULL, subscriptions text[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  job bigint;
  unknown text;
  receivers int4[];
BEGIN
  PERFORM odoo_events._must_be_free('backfill');
  PERFORM odoo_events._check_entities(ARRAY[backfill.entity], 'entity');
  IF NOT EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = backfill.entity) THEN
    RAISE EXCEPTION 'entity "%" is not attached', backfill.entity
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('SELECT * FROM odoo_events.attach(%L);', ARRAY[backfill.entity]);
  END IF;
  IF EXISTS (SELECT 1 FROM odoo_events.entity e WHERE e.entity = backfill.entity AND e.sum_query IS NOT NULL) THEN
    RAISE EXCEPTION 'entity "%" is a sum: it has no rows of its own', backfill.entity
      USING ERRCODE = 'wrong_object_type', HINT = 'SELECT odoo_events.backfill(''stock_level'');  -- what it sums up';
  END IF;
  PERFORM odoo_events._check_predicate(backfill.entity, backfill.predicate);
  IF subscriptions IS NOT NULL THEN
    SELECT n INTO unknown FROM unnest(subscriptions) n WHERE NOT EXISTS (SELECT 1 FROM odoo_events.subscription_config c WHERE c.name = n) LIMIT 1;
    IF FOUND OR subscriptions = '{}' THEN
      RAISE EXCEPTION 'argument "subscriptions" names no subscription: %', COALESCE(unknown, '{}') USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.subscription;';
    END IF;
    receivers := ARRAY(SELECT c.id FROM odoo_events.subscription_config c WHERE c.name = ANY (subscriptions) ORDER BY c.id);
  END IF;
  INSERT INTO odoo_events.backfill_job (entity, predicate, created_by, created_at, at, subscriptions)
  VALUES (backfill.entity, backfill.predicate, session_user, clock_timestamp(), clock_timestamp(), receivers) RETURNING id INTO job;
  PERFORM odoo_events._audit('backfill', backfill.entity, NULL, jsonb_strip_nulls(jsonb_build_object('id', job, 'predicate', backfill.predicate, 'subscriptions', subscriptions)));
  PERFORM odoo_events._wake('config');
  RETURN job;
END $$;
COMMENT ON FUNCTION odoo_events.backfill(text, text, text[]) IS
'asks for a snapshot event of each row that there is (predicate: SQL over the table''s columns, run with the rights of the database''s owner); the worker does it '
'in small steps; subscriptions: the snapshots are for these alone; answers the id in backfill_status';
CREATE OR REPLACE FUNCTION odoo_events.cancel_backfill(id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('cancel_backfill');
  UPDATE odoo_events.backfill_job b SET state = 'cancelled', at = clock_timestamp() WHERE b.id = cancel_backfill.id AND b.state = 'running';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'backfill % is not running', id USING ERRCODE = 'undefined_object', HINT = 'SELECT * FROM odoo_events.backfill_status;';
  END IF;
  PERFORM odoo_events._audit('cancel backfill', id::text);
END $$;
CREATE FUNCTION odoo_events._odoo_lines_of(entity text, columns text[], documents int8[], OUT document int8, OUT part text, OUT rule text, OUT id int8, OUT image jsonb) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_odoo_lines_of';
COMMENT ON FUNCTION odoo_events._odoo_lines_of(text, text[], int8[]) IS 'internal: the lines of some documents of an entity, read as the database''s owner';
-- The state in which an entity's lines are still compared, because an event tells of what is corrected then; null: there is none.
CREATE FUNCTION odoo_events._corrected_state(entity text) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT min(split_part(w, '@', 2)) FROM odoo_events.event_def d, unnest(d.watches) w WHERE d.entity = $1 AND d.enabled AND w LIKE '%@%'
$$;
COMMENT ON FUNCTION odoo_events._corrected_state(text) IS 'internal: the state of which an entity''s corrections are told';
-- What an event told of columns that have another value by now: {column: what it told}; null: they agree.  absent: a member that the
-- event lacks was null.
CREATE OR REPLACE FUNCTION odoo_events._differing(fields jsonb, told jsonb, image jsonb, absent boolean) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_object_agg(x.col, x.was)
  FROM (SELECT f.key AS col, image -> f.key AS is_now,
               COALESCE(CASE WHEN jsonb_typeof(told -> f.value) = 'object' AND told -> f.value ? 'id' AND jsonb_typeof(image -> f.key) <> 'object' THEN told -> f.value -> 'id' ELSE told -> f.value END, 'null') AS was
          FROM jsonb_each_text(fields) f WHERE image ? f.key AND (absent OR told ? f.value)) x
 -- a translated text is one of several, times have their zone in the event, long numbers are strings there; a value per company is compared
 -- whole, what an event of one company lacks of it is no event (publish/odoo/shown_values.c)
 WHERE jsonb_typeof(x.is_now) <> 'array' AND (jsonb_typeof(x.is_now) <> 'object' OR jsonb_typeof(x.was) <> 'string') AND x.was <> x.is_now AND rtrim(x.was #>> '{}', 'Z') IS DISTINCT FROM (x.is_now #>> '{}')
$$;
-- Several entities may have one name in events, and their records the same ids: the valuation of a move and that of a landed cost.
CREATE FUNCTION odoo_events._told_of(e odoo_events.entity, event text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT NOT EXISTS (SELECT 1 FROM odoo_events.entity x WHERE COALESCE(x.label, x.entity) = COALESCE(e.label, e.entity) AND x.model <> e.model)
    OR strpos(event, '"odoomodel":"' || e.model || '"') > 0
$$;
COMMENT ON FUNCTION odoo_events._told_of(odoo_events.entity, text) IS 'internal: whether an event under the name of an entity is about this one';
-- What an entity's last events told, one row per record.
CREATE OR REPLACE FUNCTION odoo_events._told(e odoo_events.entity) RETURNS TABLE (record_id int8, state text, gone boolean, image jsonb, lines jsonb)
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
-- The changes of the lines of a document since its last event, as arguments of _would_tell().
CREATE OR REPLACE FUNCTION odoo_events._line_changes(e odoo_events.entity, document int8, told jsonb, there jsonb, OUT rule text, OUT id int8, OUT op text, OUT old text) RETURNS SETOF record
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
COMMENT ON TYPE odoo_events._candidate IS 'internal: a record that may not be as its last event says; op and old: the change as _would_tell() takes it; doubt: it may have changed while capture failed; row_id: of its row, where that is the row of another thing';
-- Records whose row is not what their last event says, at first sight.
CREATE OR REPLACE FUNCTION odoo_events._candidates(e odoo_events.entity, since timestamptz, gap_at timestamptz) RETURNS SETOF odoo_events._candidate
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
CREATE OR REPLACE FUNCTION odoo_events._differences(e odoo_events.entity, since timestamptz, gap_at timestamptz, repair boolean)
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
CREATE OR REPLACE FUNCTION odoo_events._reconcile(only_entity text, since timestamptz, repair boolean)
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
CREATE OR REPLACE FUNCTION odoo_events.reconcile(entity text DEFAULT NULL, since timestamptz DEFAULT NULL, repair boolean DEFAULT false,
  OUT entity text, OUT record_id int8, OUT odoo_state text, OUT last_event_state text, OUT note text) RETURNS SETOF record
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'SELECT r.entity, r.record_id, r.odoo_state, r.last_event_state, r.note FROM odoo_events._must_be_free(''reconcile'') f, odoo_events._reconcile($1, $2, $3) r';
-- diagnose: is it late, lost or wrong, whose fault is it, and what now?  Reads events, the extension's own tables and stored samples, never
-- Odoo's tables; waits for no lock and writes nothing, so that it answers on a standby, too.

-- One finding.  rank: the worst first.
CREATE TYPE odoo_events._finding AS (
    rank         int4,
    verdict      text,
    layer        text,
    since        timestamptz,
    due_at       timestamptz,
    company_id   int4,
    warehouse_id int4,
    subscription text,
    type         text,
    finding      text,
    evidence     jsonb,
    next         text
);
COMMENT ON TYPE odoo_events._finding IS 'internal: a row of diagnose() before it is known who looks after it';
CREATE FUNCTION odoo_events._verdict_rank(verdict text) RETURNS int4
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT COALESCE(array_position(ARRAY['lost', 'wrong', 'late', 'duplicate', 'waiting', 'unknown', 'on_time'], verdict), 9) $$;
COMMENT ON FUNCTION odoo_events._verdict_rank(text) IS 'internal: 1 is the worst';
-- What health() warns of, as findings.  Of subscriptions _diagnose_subscription() says more.
CREATE FUNCTION odoo_events._diagnose_health() RETURNS SETOF odoo_events._finding
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._verdict_rank(v.verdict) * 10 + CASE h.status WHEN 'critical' THEN 0 ELSE 5 END, v.verdict,
       CASE WHEN h."check" IN ('capture', 'gaps') THEN 'capture' WHEN h."check" IN ('worker', 'quarantine', 'journal', 'wal', 'outbox') THEN 'publish'
            WHEN h."check" LIKE 'endpoint %' THEN 'endpoint' WHEN h."check" = 'loops' THEN 'receiver' WHEN h."check" = 'indexes' OR h."check" = 'flows' AND h.detail NOT LIKE 'subscription:%' THEN 'odoo'
            WHEN h."check" = 'flows' THEN 'endpoint' ELSE 'configuration' END,
       NULL::timestamptz, CASE WHEN h."check" = 'disk' THEN now() + (SELECT min(d.full_in) FROM odoo_events._disk d) * interval '1 s'
                               WHEN h.detail LIKE 'its server''s certificate%' THEN (SELECT s.peer_expires_at FROM odoo_events._subscription_status s WHERE h."check" = 'endpoint ' || s.name) END, NULL::int4, NULL::int4,
       substring(h."check" FROM '^endpoint (.*)$'), NULL::text, h."check" || ': ' || h.detail, jsonb_build_object('check', h."check", 'status', h.status), h.hint
  FROM odoo_events.health() h,
       LATERAL (SELECT CASE WHEN h."check" = 'gaps' OR h."check" IN ('capture', 'roles') AND h.status = 'critical' THEN 'lost' WHEN h."check" IN ('arming', 'worker', 'quarantine') THEN 'late'
                            WHEN h.detail LIKE 'is slow: %' THEN 'late' WHEN h."check" = 'flows' THEN 'unknown' ELSE 'waiting' END AS verdict) v
 WHERE h.status <> 'ok' AND h."check" NOT LIKE 'subscription %' AND h."check" <> 'subscriptions'
$$;
COMMENT ON FUNCTION odoo_events._diagnose_health() IS 'internal: what health() warns of, but for subscriptions';
-- Answers other than an acknowledgement among the latest requests, by status and type: does the endpoint refuse all, or one type?
CREATE FUNCTION odoo_events._refusals(subscription_id int4, OUT status int4, OUT error text, OUT type text, OUT requests int8, OUT events int8, OUT since timestamptz, OUT until timestamptz,
                                      OUT accepted_types int8, OUT ids uuid[]) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH a AS MATERIALIZED (
  SELECT x.at, x.status, x.error, o.type, o.id, o.position
    FROM (SELECT * FROM odoo_events.attempt_0 UNION ALL SELECT * FROM odoo_events.attempt_1) x
         JOIN LATERAL (SELECT e.type, e.id, e.position FROM odoo_events.outbox_all e WHERE e.position = x.first_position LIMIT 1) o ON true
   WHERE x.n > (SELECT max(m.n) FROM (SELECT max(z.n) AS n FROM odoo_events.attempt_0 z UNION ALL SELECT max(z.n) FROM odoo_events.attempt_1 z) m) - 5000
     AND x.subscription_id = _refusals.subscription_id),
ok AS (SELECT array_agg(DISTINCT a.type) AS types FROM a WHERE a.status BETWEEN 200 AND 299 OR a.status IS NULL AND a.error IS NULL)
SELECT a.status, min(a.error), CASE WHEN a.status BETWEEN 400 AND 499 THEN a.type END, count(*), count(DISTINCT a.id), min(a.at), max(a.at),
       COALESCE(cardinality(array_remove(ok.types, CASE WHEN a.status BETWEEN 400 AND 499 THEN a.type END)), 0), (array_agg(DISTINCT a.id))[1:5]
  FROM a, ok
 -- what was acknowledged since is over
 WHERE NOT COALESCE(a.status BETWEEN 200 AND 299, false) AND (a.status IS NOT NULL OR a.error IS NOT NULL)
   AND NOT EXISTS (SELECT 1 FROM a l WHERE l.id = a.id AND (l.status BETWEEN 200 AND 299 OR l.status IS NULL AND l.error IS NULL) AND l.at >= a.at)
 GROUP BY a.status, CASE WHEN a.status BETWEEN 400 AND 499 THEN a.type END, ok.types
$$;
COMMENT ON FUNCTION odoo_events._refusals(int4) IS 'internal: what an endpoint answered instead of an acknowledgement, of the latest requests';
-- What the latest alteration of a subscription keeps back, of the latest 2000 events since.
CREATE FUNCTION odoo_events._kept_back(c odoo_events.subscription_config, OUT version int8, OUT at timestamptz, OUT who text, OUT events int8, OUT kept int8,
                                       OUT warehouses int4[], OUT companies int4[], OUT types text[], OUT first_position int8, OUT last_position int8, OUT since timestamptz, OUT why text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT v.version, v.at, v.who, e.*
  FROM (SELECT x.*, lag(x.*) OVER (ORDER BY x.version) AS before FROM odoo_events.subscription_version x WHERE x.subscription_id = c.id ORDER BY x.version DESC LIMIT 1) v
       CROSS JOIN LATERAL (
         SELECT count(*), count(*) FILTER (WHERE w.now_why IS NOT NULL), array_agg(DISTINCT w.warehouse_id) FILTER (WHERE w.now_why IS NOT NULL AND w.warehouse_id IS NOT NULL),
                array_agg(DISTINCT w.company_id) FILTER (WHERE w.now_why IS NOT NULL AND w.company_id IS NOT NULL),
                array_agg(DISTINCT w.type) FILTER (WHERE w.now_why IS NOT NULL), min(w.position) FILTER (WHERE w.now_why IS NOT NULL),
                max(w.position) FILTER (WHERE w.now_why IS NOT NULL), min(w."time") FILTER (WHERE w.now_why IS NOT NULL), min(w.now_why)
           FROM (SELECT o.*, odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) AS now_why
                   FROM (SELECT y.* FROM odoo_events.outbox_all y WHERE y.position > v.position ORDER BY y.position DESC LIMIT 2000) o
                  WHERE odoo_events._passed_over(c, v.before, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL) w) e
 WHERE (v.before).version IS NOT NULL AND v.at > now() - interval '7 days'
$$;
COMMENT ON FUNCTION odoo_events._kept_back(odoo_events.subscription_config) IS 'internal: which events the latest alteration of a subscription keeps back';
-- The statement that takes an alteration back.
CREATE FUNCTION odoo_events._alter_back(c odoo_events.subscription_config, version int8) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT format('SELECT odoo_events.alter_subscription(%s); SELECT odoo_events.replay(%L, missed => true);', concat_ws(', ', quote_literal(c.name),
         CASE WHEN v.types IS DISTINCT FROM c.types THEN format('types => %L', v.types) END,
         CASE WHEN v.filter::text IS DISTINCT FROM c.filter::text THEN format('filter => %L', COALESCE(v.filter::text, 'true')) END,
         CASE WHEN v.companies IS DISTINCT FROM c.companies THEN format('companies => %L', COALESCE(v.companies, '{}')) END,
         CASE WHEN v.warehouses IS DISTINCT FROM c.warehouses THEN format('warehouses => %L', COALESCE(v.warehouses, '{}')) END,
         CASE WHEN v.shared_rows IS DISTINCT FROM c.shared_rows THEN format('shared_rows => %L', v.shared_rows) END), c.name)
  FROM odoo_events.subscription_version v WHERE v.subscription_id = c.id AND v.version < _alter_back.version ORDER BY v.version DESC LIMIT 1
$$;
COMMENT ON FUNCTION odoo_events._alter_back(odoo_events.subscription_config, int8) IS 'internal: the statement that undoes an alteration and sends what it kept back';
-- What is wrong with one subscription: its state, what is refused, what is slow, what an alteration keeps back.
CREATE FUNCTION odoo_events._diagnose_subscription(c odoo_events.subscription_config) RETURNS SETOF odoo_events._finding
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT f.rank, f.verdict, f.layer, f.since, f.due_at, NULL::int4, NULL::int4, c.name, f.type, f.finding, f.evidence, f.next
  FROM (
    SELECT 15 AS rank, 'lost' AS verdict, 'configuration' AS layer, k.since, NULL::timestamptz AS due_at, NULL::text AS type,
           format('%s was altered by %s at %s: since then it has passed over %s of %s events that it wanted before%s (%s)', c.name, k.who, k.at, k.kept, k.events,
                  CASE WHEN cardinality(k.warehouses) = 1 THEN ', all of warehouse ' || k.warehouses[1] WHEN cardinality(k.companies) = 1 THEN ', all of company ' || k.companies[1]
                       WHEN cardinality(k.types) = 1 THEN ', all ' || k.types[1] END, k.why) AS finding,
           jsonb_build_object('altered_by', k.who, 'altered_at', k.at, 'version', k.version, 'kept_back', k.kept, 'of', k.events, 'warehouses', k.warehouses, 'companies', k.companies,
                              'types', k.types[1:20], 'first_position', k.first_position, 'last_position', k.last_position,
                              'audit', (SELECT jsonb_build_object('id', a.id, 'what', a.what, 'old', a.old, 'new', a.new) FROM odoo_events.audit a
                                         WHERE a.object = c.name AND a.what = 'alter_subscription' AND a.at BETWEEN k.at - interval '1 min' AND k.at + interval '1 min' ORDER BY a.id DESC LIMIT 1)) AS evidence,
           odoo_events._alter_back(c, k.version) AS next
      FROM odoo_events._kept_back(c) k WHERE k.kept > 0
    UNION ALL
    SELECT 22, 'wrong', 'receiver', r.since, NULL, r.type,
           format('%s answers %s to %s%s: %s events, %s requests%s', c.name, r.status, r.type, CASE WHEN r.accepted_types > 0 THEN ' only' END, r.events, r.requests,
                  CASE WHEN r.accepted_types > 0 THEN format('; %s other types are accepted', r.accepted_types) END),
           jsonb_build_object('status', r.status, 'type', r.type, 'events', r.events, 'requests', r.requests, 'accepted_types', r.accepted_types, 'first_at', r.since, 'last_at', r.until, 'ids', r.ids),
           CASE WHEN EXISTS (SELECT 1 FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = ANY (r.ids))
                THEN format('SELECT event_id, type, subject, last_status, last_error FROM odoo_events.dead_letter WHERE subscription = %L AND type = %L;  -- then replay(%L, dead_letters => true) or discard()', c.name, r.type, c.name)
                ELSE format('SELECT event_id, position, subject, attempts, last_error FROM odoo_events.waiting WHERE subscription = %L AND type = %L;  -- then retry_now(%L), or skip()', c.name, r.type, c.name) END
      FROM odoo_events._refusals(c.id) r WHERE r.type IS NOT NULL AND r.status NOT IN (401, 403, 404, 405, 408, 410, 429)
    UNION ALL
    SELECT 32, 'late', 'endpoint', r.since, NULL, NULL,
           format('%s does not acknowledge: %s, %s events in %s requests since %s', c.name, COALESCE('it answers ' || r.status, r.error), r.events, r.requests, r.since),
           jsonb_build_object('status', r.status, 'error', r.error, 'events', r.events, 'requests', r.requests, 'first_at', r.since, 'last_at', r.until, 'ids', r.ids),
           format('SELECT odoo_events.retry_now(%L);  -- once the endpoint is mended', c.name)
      FROM odoo_events._refusals(c.id) r WHERE r.type IS NULL OR r.status IN (401, 403, 404, 405, 408, 410, 429)
    UNION ALL
    SELECT 34, 'late', 'endpoint', s.since, NULL, NULL,
           format('%s is slow: %s of its latest %s requests took longer than a second (median %s s, 95th percentile %s s)', c.name, s.slow, s.requests, round(p.p50::numeric, 2), round(p.p95::numeric, 2)),
           jsonb_build_object('requests', s.requests, 'slow', s.slow, 'share', round(s.slow::numeric / s.requests, 3), 'p50', p.p50, 'p95', p.p95, 'max_in_flight', c.max_in_flight),
           format('SELECT at, duration, status FROM odoo_events.attempt WHERE subscription = %L ORDER BY duration DESC LIMIT 20;', c.name)
      FROM odoo_events.subscription_progress p CROSS JOIN LATERAL odoo_events._slow_requests(c.id) s
     WHERE p.subscription_id = c.id AND s.slow >= 3 AND s.slow * 20 >= s.requests
    UNION ALL
    SELECT CASE h.status WHEN 'critical' THEN 30 WHEN 'warn' THEN 50 ELSE 70 END,
           CASE WHEN h.status = 'ok' THEN 'on_time' WHEN h.detail LIKE 'has lost the positions%' THEN 'lost' WHEN h.detail LIKE 'paused%' THEN 'waiting' WHEN h.status = 'critical' OR g.lag > 0 THEN 'late' ELSE 'waiting' END,
           CASE WHEN h.detail ~ 'secret|disabled|paused|filter|certificate or token|overrun|lost' THEN 'configuration' WHEN h.detail ~ 'dead letters' THEN 'receiver'
                WHEN h.detail ~ 'behind' THEN 'queue' ELSE 'endpoint' END,
           (SELECT o."time" FROM odoo_events.outbox_all o WHERE o.position = g.oldest LIMIT 1), NULL, NULL, c.name || ': ' || h.detail,
           jsonb_build_object('check', h."check", 'status', h.status, 'state', g.state, 'events_behind', g.lag, 'oldest_position', g.oldest), h.hint
      FROM odoo_events._health_subscriptions() h, odoo_events._subscription_gauge g
     WHERE h."check" = 'subscription ' || c.name AND g.id = c.id) f
$$;
COMMENT ON FUNCTION odoo_events._diagnose_subscription(odoo_events.subscription_config) IS 'internal: findings about one subscription';
-- Requests of one event to one subscription that the receiver may have processed more than once.
CREATE FUNCTION odoo_events._repeats(c odoo_events.subscription_config, o odoo_events.outbox_all, OUT requests int8, OUT acknowledged int8, OUT unanswered int8, OUT since timestamptz, OUT log jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT count(*), count(*) FILTER (WHERE a.status BETWEEN 200 AND 299 OR a.status IS NULL AND a.error IS NULL AND a.response IS NULL),
       count(*) FILTER (WHERE a.status IS NULL AND a.error IS NOT NULL OR a.status >= 500), min(a.at),
       jsonb_agg(jsonb_strip_nulls(jsonb_build_object('at', a.at, 'attempt', a.attempt, 'status', a.status, 'error', a.error, 'seconds', extract(epoch FROM a.duration))) ORDER BY a.at)
  FROM odoo_events.attempt a WHERE a.subscription = c.name AND a.event_id = o.id
$$;
COMMENT ON FUNCTION odoo_events._repeats(odoo_events.subscription_config, odoo_events.outbox_all) IS 'internal: how often an event was sent to a subscription';
-- What became of one event at each subscription that was to get it, as findings.
CREATE FUNCTION odoo_events._diagnose_event(o odoo_events.outbox_all) RETURNS SETOF odoo_events._finding
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._verdict_rank(x.verdict) * 10 + 2, x.verdict, x.layer, COALESCE(x.since, o."time"), NULL::timestamptz, o.company_id, o.warehouse_id, c.name, o.type,
       format('%s (%s) %s', o.subject, o.type, x.finding),
       jsonb_strip_nulls(jsonb_build_object('position', o.position, 'id', o.id, 'committed', o."time", 'published', o.recordedtime, 'step', f.step, 'detail', f.detail, 'attempts', r.log)),
       CASE WHEN x.verdict = 'late' AND x.layer = 'receiver' THEN format('SELECT odoo_events.replay(%L, ids => %L, dead_letters => true);  -- once the receiver takes it', c.name, ARRAY[o.id])
            WHEN f.step = 'passed over' AND odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL
            THEN format('SELECT odoo_events.replay(%L, missed => true, ids => %L);', c.name, ARRAY[o.id])
            WHEN f.step = 'retry' THEN format('SELECT odoo_events.retry_now(%L);', c.name)
            ELSE format('SELECT * FROM odoo_events.trace(event_id => %L);', o.id) END
  FROM odoo_events.subscription_config c
       CROSS JOIN LATERAL odoo_events._fate(c, o) f
       CROSS JOIN LATERAL odoo_events._repeats(c, o) r
       CROSS JOIN LATERAL (
         SELECT CASE WHEN f.step IN ('acknowledged', 'delivered') AND (r.acknowledged > 1 OR r.acknowledged = 1 AND r.unanswered > 0) THEN 'duplicate'
                     WHEN f.step IN ('acknowledged', 'delivered') THEN 'unknown' WHEN f.step = 'passed over' THEN 'lost' WHEN f.step IN ('dead letter', 'retry', 'behind') THEN 'late'
                     WHEN f.step = 'discarded' THEN 'lost' WHEN f.step IN ('in_flight', 'not reached', 'dry run') THEN 'waiting' ELSE 'on_time' END AS verdict,
                CASE WHEN f.step IN ('acknowledged', 'delivered') OR f.step = 'dead letter' THEN 'receiver' WHEN f.step IN ('passed over', 'discarded', 'dry run') THEN 'configuration'
                     WHEN f.step = 'retry' THEN 'endpoint' ELSE 'queue' END AS layer,
                r.since,
                CASE WHEN f.step IN ('acknowledged', 'delivered') AND r.acknowledged > 1 THEN format('was acknowledged %s times by %s, with one id each time: it was replayed, or the worker was restarted in between; a receiver has to ignore an id that it knows', r.acknowledged, c.name)
                     WHEN f.step IN ('acknowledged', 'delivered') AND r.acknowledged = 1 AND r.unanswered > 0
                     THEN format('was sent %s times to %s, with one id: %s requests had no acknowledgement in time and may have been processed all the same; a receiver has to ignore an id that it knows', r.requests, c.name, r.unanswered)
                     WHEN f.step = 'acknowledged' THEN format('was sent once to %s and acknowledged at %s: whether it was processed then only the receiver knows', c.name, f.at)
                     WHEN f.step = 'delivered' THEN format('was delivered to %s; %s', c.name, f.detail)
                     WHEN f.step = 'passed over' THEN format('was passed over by %s: %s', c.name, f.detail)
                     WHEN f.step = 'dead letter' THEN format('is a dead letter of %s, %s', c.name, f.detail)
                     ELSE format('is at %s: %s%s', c.name, f.step, ', ' || f.detail) END AS finding) x
 -- what was never chosen by anybody is no finding: only what an alteration kept back
 WHERE f.step NOT IN ('not wanted', 'before its start')
   AND (f.step <> 'passed over' OR (odoo_events._version_of(c.id, o.position)).version > 1
        OR odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL)
$$;
COMMENT ON FUNCTION odoo_events._diagnose_event(odoo_events.outbox_all) IS 'internal: findings about one event';
-- A document that has no event, or whose later changes have none.
CREATE FUNCTION odoo_events._diagnose_unpublished(key text) RETURNS SETOF odoo_events._finding
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH e AS (SELECT x.* FROM odoo_events.entity x WHERE x.entity = split_part(key, ':', 1))
SELECT 31, 'late', 'publish', q.at, NULL::timestamptz, NULL::int4, NULL::int4, NULL, NULL, format('a change of %s waits in quarantine: %s', key, q.reason),
       jsonb_build_object('change_id', q.change_id, 'reason', q.reason, 'attempts', q.attempts), format('SELECT odoo_events.requeue(%L);  -- once the reason is mended', ARRAY[q.change_id])
  FROM odoo_events.quarantined q WHERE q.key = _diagnose_unpublished.key
UNION ALL
SELECT 51, 'waiting', 'publish', min(j.at), NULL, NULL, NULL, NULL, NULL, format('%s changes of %s wait to be published', count(*), key), jsonb_build_object('changes', count(*)), 'SELECT * FROM odoo_events.worker_status;'
  FROM e JOIN odoo_events.journal j ON j.rule = e.rule AND j.record_id::text = split_part(key, ':', 2) WHERE NOT odoo_events._is_published(j.xid, j.id) HAVING count(*) > 0
UNION ALL
SELECT 11, 'lost', 'capture', g.at, NULL, NULL, NULL, NULL, NULL, format('%s changes of %s could not be captured; one of them may be of %s', g.changes, g.rule, key),
       jsonb_build_object('changes', g.changes, 'reason', g.reason), format('SELECT * FROM odoo_events.reconcile(%L, repair => true);', e.entity)
  FROM e JOIN odoo_events.capture_gap g ON g.rule = ANY (e.rules)
UNION ALL
SELECT 12, 'lost', 'configuration', NULL, NULL, NULL, NULL, NULL, NULL, format('%s is not captured', e.entity), '{}', format('SELECT * FROM odoo_events.attach(%L);', ARRAY[e.entity])
  FROM e WHERE NOT EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = e.entity)
$$;
COMMENT ON FUNCTION odoo_events._diagnose_unpublished(text) IS 'internal: findings about changes of a document that have become no event';
-- One document: its latest 20 events.  What is well is one row.
CREATE FUNCTION odoo_events._diagnose_document(key text) RETURNS SETOF odoo_events._finding
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH o AS MATERIALIZED (SELECT x AS event, x.* FROM odoo_events.outbox_all x WHERE x.partitionkey = key ORDER BY x.position DESC LIMIT 20),
     u AS MATERIALIZED (SELECT * FROM odoo_events._diagnose_unpublished(key)),
     f AS MATERIALIZED (SELECT d.* FROM o, LATERAL odoo_events._diagnose_event((SELECT y FROM odoo_events.outbox_all y WHERE y.position = o.position)) d)
SELECT * FROM u
UNION ALL SELECT * FROM f WHERE f.verdict NOT IN ('on_time', 'unknown')
UNION ALL
(SELECT f.* FROM f WHERE f.verdict = 'unknown' AND NOT EXISTS (SELECT 1 FROM f x WHERE x.subscription = f.subscription AND x.verdict NOT IN ('on_time', 'unknown')) ORDER BY f.evidence ->> 'position' DESC LIMIT 5)
UNION ALL
SELECT 70, 'on_time', 'publish', o."time", NULL, o.company_id, o.warehouse_id, NULL, o.type, format('%s: its latest event is %s of %s, and nobody subscribes to it', o.subject, o.type, o."time"),
       jsonb_build_object('position', o.position, 'id', o.id), format('SELECT * FROM odoo_events.trace(key => %L);', key)
  FROM (SELECT * FROM o ORDER BY o.position DESC LIMIT 1) o WHERE NOT EXISTS (SELECT 1 FROM f)
UNION ALL
SELECT 60, 'unknown', 'odoo', NULL, NULL, NULL, NULL, NULL, NULL, format('no event of %s is known here', key), jsonb_build_object('events_since', (SELECT min(x.recordedtime) FROM odoo_events.outbox_all x)),
       CASE WHEN EXISTS (SELECT 1 FROM odoo_events.entity e WHERE e.entity = split_part(key, ':', 1)) AND split_part(key, ':', 2) ~ '^[0-9]{1,18}$'
            THEN format('SELECT * FROM odoo_events.explain(%L, %s);', split_part(key, ':', 1), split_part(key, ':', 2)) ELSE 'SELECT * FROM odoo_events.health();' END
 WHERE NOT EXISTS (SELECT 1 FROM o) AND NOT EXISTS (SELECT 1 FROM u)
$$;
COMMENT ON FUNCTION odoo_events._diagnose_document(text) IS 'internal: findings about one document';
-- The keys of the documents that are called so, by the index of documents that the reader behind the publisher keeps.
CREATE FUNCTION odoo_events._documents_called(name text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT o.partitionkey FROM odoo_events.outbox_all o
 WHERE o.position = ANY (ARRAY(SELECT odoo_events._positions_named(name))) AND name IN (o.subject, substr(o.subject, strpos(o.subject, '/') + 1))
 GROUP BY o.partitionkey ORDER BY max(o.position) DESC LIMIT 20
$$;
COMMENT ON FUNCTION odoo_events._documents_called(text) IS 'internal: keys of documents by their name';
-- Promises of documents, or all that are broken or at risk.  A promise is often one of the order, and what is asked for one of its transfers.
CREATE FUNCTION odoo_events._diagnose_promises(keys text[]) RETURNS SETOF odoo_events._finding
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH d AS (SELECT unnest(keys) AS document
           UNION SELECT e.correlationid FROM unnest(keys) k, LATERAL (SELECT o.correlationid FROM odoo_events.outbox_all o WHERE o.partitionkey = k ORDER BY o.position DESC LIMIT 20) e),
     p AS MATERIALIZED (
       SELECT x.* FROM odoo_events.promise_last x WHERE keys IS NULL AND x.state IN ('at_risk', 'breached')
          -- as diagnose() does it, but before the worst hundred are taken
          AND odoo_events._allows((SELECT odoo_events._policies('{read,operate,approve}')), 'odoo.process.promise.breached.v1', x.company_id, x.warehouse_id)
       UNION ALL
       SELECT x.* FROM d, LATERAL (SELECT DISTINCT ON (r.id) r.* FROM odoo_events.promise_row r WHERE r.document = d.document ORDER BY r.id, r.n DESC) x
        WHERE x.state NOT IN ('met', 'cancelled'))
SELECT CASE p.state WHEN 'breached' THEN 29 WHEN 'met_late' THEN 39 WHEN 'at_risk' THEN 49 ELSE 59 END,
       CASE WHEN p.state IN ('breached', 'met_late') THEN 'late' ELSE 'waiting' END,
       'odoo', p.started_at, p.due_at, p.company_id, p.warehouse_id, NULL::text, 'odoo.process.promise.breached.v1',
       concat(format('%s: promise %s is %s', p.document, p.sla, replace(p.state, '_', ' ')),
              CASE WHEN p.due_at IS NOT NULL THEN format(', it %s due at %s', CASE WHEN p.due_at < now() THEN 'was' ELSE 'is' END, p.due_at) END,
              CASE WHEN p.state = 'met_late' THEN format(' and was kept %s late', date_trunc('second', p.ended_at - p.due_at))
                   WHEN p.due_at < now() THEN format(', %s ago', date_trunc('second', now() - p.due_at)) END,
              '; waits for ' || w.waits_for),
       jsonb_strip_nulls(jsonb_build_object('promise', p.id, 'sla', p.sla, 'state', p.state, 'started_at', p.started_at, 'due_at', p.due_at, 'ended_at', p.ended_at, 'told_at', p.told_at,
         'waits_for', w.waits_for,
         'owner', t.terms ->> 'owner', 'contact', t.terms ->> 'contact', 'runbook', t.terms ->> 'runbook')),
       format('SELECT * FROM odoo_events.trace(key => %L);', p.document)
  FROM p JOIN odoo_events.sla_terms t ON t.id = p.terms
       CROSS JOIN LATERAL (SELECT CASE WHEN p.ended_at IS NULL THEN odoo_events._waits_for(p.terms, p.correlationid) END AS waits_for) w
 ORDER BY 1, p.due_at LIMIT 100
$$;
COMMENT ON FUNCTION odoo_events._diagnose_promises(text[]) IS 'internal: findings about promises of documents; null: of all documents';
-- All findings about what was asked for.
CREATE FUNCTION odoo_events._findings(what text) RETURNS SETOF odoo_events._finding
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config;
  o odoo_events.outbox_all;
  key text;
  keys text[] := '{}';
  found_any boolean := false;
BEGIN
  IF what IS NULL THEN
    RETURN QUERY SELECT * FROM odoo_events._diagnose_health();
    RETURN QUERY SELECT d.* FROM odoo_events.subscription_config s, LATERAL odoo_events._diagnose_subscription(s) d WHERE d.verdict <> 'on_time';
    RETURN QUERY SELECT * FROM odoo_events._diagnose_promises(NULL);
    RETURN;
  END IF;
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.name = what;
  IF FOUND THEN
    RETURN QUERY SELECT * FROM odoo_events._diagnose_subscription(c);
    RETURN QUERY SELECT h.* FROM odoo_events._diagnose_health() h WHERE h.subscription = what AND h.finding NOT LIKE '%is slow%';
    RETURN;
  END IF;
  IF what ~ '^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$' THEN
    FOR o IN SELECT x.* FROM odoo_events.outbox_all x WHERE x.id = what::uuid LOOP
      found_any := true;
      RETURN QUERY SELECT * FROM odoo_events._diagnose_event(o);
    END LOOP;
    IF NOT found_any THEN
      RETURN QUERY VALUES (60, 'unknown', 'publish', NULL::timestamptz, NULL::timestamptz, NULL::int4, NULL::int4, NULL::text, NULL::text, format('no event %s is in the outbox', what), '{}'::jsonb,
                           'SELECT * FROM odoo_events.storage WHERE part = ''outbox'';');
    END IF;
    RETURN;
  END IF;
  FOR key IN SELECT x FROM odoo_events._documents_called(what) x UNION SELECT what WHERE what ~ '^[a-z_]+:.' LOOP
    found_any := true;
    keys := keys || key;
    RETURN QUERY SELECT * FROM odoo_events._diagnose_document(key);
  END LOOP;
  RETURN QUERY SELECT * FROM odoo_events._diagnose_promises(keys);
  IF NOT found_any THEN
    RETURN QUERY VALUES (60, 'unknown', 'odoo', NULL::timestamptz, NULL::timestamptz, NULL::int4, NULL::int4, NULL::text, NULL::text, format('nothing is known of "%s": no subscription, and no event of a document of that name', what),
                         '{}'::jsonb, 'SELECT name FROM odoo_events.subscription; SELECT * FROM odoo_events.health();');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._findings(text) IS 'internal: what diagnose() answers, unsorted';
CREATE FUNCTION odoo_events.diagnose(what text DEFAULT NULL) RETURNS TABLE (verdict text, layer text, since timestamptz, due_at timestamptz, company_id int4, warehouse_id int4,
  owner text, contact text, finding text, evidence jsonb, next text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 20 AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT f.verdict, f.layer, f.since, f.due_at, f.company_id, f.warehouse_id, COALESCE(f.evidence ->> 'owner', c.owner), COALESCE(f.evidence ->> 'contact', c.contact),
         f.finding, f.evidence, f.next
    FROM odoo_events._findings(btrim(diagnose.what)) f, odoo_events._care(f.subscription, f.type, f.company_id, f.warehouse_id) c
   WHERE odoo_events._finding_visible(f.subscription, f.type, f.company_id, f.warehouse_id)
   ORDER BY f.rank, f.since NULLS LAST, f.finding LIMIT 100;
EXCEPTION WHEN lock_not_available THEN
  PERFORM odoo_events._locked_out('diagnose()');
END $$;
COMMENT ON FUNCTION odoo_events.diagnose(text) IS
'is it late, lost or wrong, whose fault, and what now: what is a document''s name or key, an event''s id, a subscription''s name, or null for everything that is open; '
'the worst comes first, at most 100 rows; names of documents, no payload; next is an executable statement';
-- monitoring: metrics of what stops a plant before any event fails: disks, slots, certificates, flapping endpoints; and how old a scrape is.

CREATE FUNCTION odoo_events._watch_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_metrics_time_seconds', 'gauge', '{}'::jsonb, extract(epoch FROM clock_timestamp())::float8, 'When these figures were asked for: tells a file that nobody renews.'
UNION ALL
SELECT 'odoo_events_outbox_position_total', 'counter', '{}', odoo_events._last_position()::float8, 'Events published since the extension was created.'
UNION ALL
SELECT 'odoo_events_capture_gaps', 'gauge', '{}', (SELECT count(*) FROM odoo_events.capture_gap)::float8, 'Gaps: notes of changes that could not be captured and are not reconciled.'
UNION ALL
SELECT 'odoo_events_disk_free_bytes', 'gauge', jsonb_build_object('part', d.key), d.free::float8, 'Bytes that the server may still use.' FROM (SELECT * FROM odoo_events._disk ORDER BY key) d
UNION ALL
SELECT 'odoo_events_disk_full_seconds', 'gauge', jsonb_build_object('part', d.key), COALESCE(d.full_in, 'Infinity')::float8, 'When the space will be used up at the rate of the last hour.'
  FROM (SELECT * FROM odoo_events._disk ORDER BY key) d
UNION ALL
SELECT 'odoo_events_replication_slot_retained_bytes', 'gauge', jsonb_build_object('slot', s.name, 'active', s.active), COALESCE(s.retained, 0)::float8, 'WAL that a replication slot of this server keeps.'
  FROM (SELECT * FROM odoo_events._slot ORDER BY name) s
UNION ALL
(SELECT 'odoo_events_' || v.name, 'gauge', jsonb_build_object('subscription', s.name), v.value, v.help
  FROM (SELECT c.*, p.p95, p.openings, e.expires_at AS peer_expires_at FROM odoo_events.subscription_config c
               LEFT JOIN odoo_events.subscription_progress p ON p.subscription_id = c.id LEFT JOIN odoo_events.subscription_peer e ON e.subscription_id = c.id) s
       CROSS JOIN LATERAL (VALUES
         (1, 'subscription_scheduled', (s.schedule IS NOT NULL)::int::float8, 'Whether a subscription sends by a schedule, so that events wait for it.'),
         (2, 'subscription_p95_seconds', s.p95, '95th percentile of the duration of its latest 128 requests.'),
         (3, 'breaker_openings', (SELECT count(*) FROM unnest(s.openings) o WHERE o > now() - interval '1 hour')::float8, 'How often the breaker opened within the last hour, at most 8.'),
         (4, 'peer_expiry_timestamp_seconds', extract(epoch FROM s.peer_expires_at)::float8, 'When the certificate of the endpoint''s server ends.'),
         (5, 'credential_expiry_timestamp_seconds', extract(epoch FROM LEAST(s.auth_expires_at, s.tls_expires_at))::float8, 'When our own certificate or token for it ends.')
       ) v(n, name, value, help)
 WHERE v.value IS NOT NULL ORDER BY v.n, s.name)
$$;
COMMENT ON FUNCTION odoo_events._watch_metrics() IS 'internal: the metrics of disks, slots, certificates and flapping endpoints';
-- promise_metrics: figures of SLAs for a monitoring system.  Broken promises are found by their state and closed ones by the time they ended
-- (promise.sql), so that a scrape reads what the last three days brought and no more.

CREATE FUNCTION odoo_events._promise_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH wrong AS MATERIALIZED (
       SELECT p.sla, p.state, p.warehouse_id, p.due_at FROM odoo_events.promise_last p WHERE p.state IN ('at_risk', 'breached')),
     closed AS MATERIALIZED (
       SELECT p.sla, p.state, p.ended_at, p.due_at FROM odoo_events.promise_last p WHERE p.state IN ('met', 'met_late') AND p.ended_at > now() - interval '3 days'),
     period AS (SELECT * FROM (VALUES ('1h', interval '1 hour'), ('6h', '6 hours'), ('3d', '3 days')) v(period, length)),
     exception AS MATERIALIZED (SELECT * FROM odoo_events.exception e WHERE e.closed_at IS NULL)
SELECT 'odoo_events_promises', 'gauge', jsonb_build_object('sla', s.name, 'state', x.state, 'warehouse', COALESCE(w.warehouse_id::text, '')),
       count(w.sla)::float8, 'Promises that are open and at risk or broken.'
  FROM odoo_events.sla_def s CROSS JOIN (VALUES ('at_risk'), ('breached')) x(state) LEFT JOIN wrong w ON w.sla = s.name AND w.state = x.state
 GROUP BY s.name, x.state, w.warehouse_id
UNION ALL
SELECT 'odoo_events_promises_decided', 'gauge', jsonb_build_object('sla', s.name, 'period', p.period, 'result', r.result),
       CASE r.result WHEN 'kept' THEN (SELECT count(*) FROM closed c WHERE c.sla = s.name AND c.state = 'met' AND c.ended_at > now() - p.length)
                     ELSE (SELECT count(*) FROM closed c WHERE c.sla = s.name AND c.state = 'met_late' AND c.due_at > now() - p.length)
                          + (SELECT count(*) FROM wrong w WHERE w.sla = s.name AND w.state = 'breached' AND w.due_at > now() - p.length) END::float8,
       'Promises that were kept, and those that were broken, within the last hour, six hours, three days.'
  FROM odoo_events.sla_def s CROSS JOIN period p CROSS JOIN (VALUES ('kept'), ('broken')) r(result)
UNION ALL
SELECT 'odoo_events_sla_objective', 'gauge', jsonb_build_object('sla', s.name), s.objective::float8, 'The share of promises that is to be kept.' FROM odoo_events.sla_def s
UNION ALL
SELECT 'odoo_events_sla_info', 'gauge',
       jsonb_build_object('sla', s.name, 'owner', COALESCE(s.owner, ''), 'contact', COALESCE(s.contact, ''), 'criticality', COALESCE(s.criticality::text, ''), 'runbook', COALESCE(s.runbook, '')), 1::float8,
       'Who looks after an SLA, for joins.' FROM odoo_events.sla_def s
UNION ALL
SELECT 'odoo_events_exceptions', 'gauge', jsonb_build_object('state', x.state), (SELECT count(*) FROM exception e WHERE (e.assigned_to IS NULL) = (x.state = 'untaken'))::float8,
       'Exceptions that nobody has closed: those that somebody has taken, and those that nobody has.' FROM (VALUES ('taken'), ('untaken')) x(state)
UNION ALL
SELECT 'odoo_events_exception_untaken_age_seconds', 'gauge', '{}', COALESCE((SELECT extract(epoch FROM now() - min(e.since)) FROM exception e WHERE e.assigned_to IS NULL), 0)::float8,
       'Age of the oldest exception that nobody has taken.'
UNION ALL
SELECT 'odoo_events_exception_resolution_seconds', 'gauge', jsonb_build_object('state', x.state),
       COALESCE((SELECT avg(extract(epoch FROM n.took)) FROM odoo_events.exception_note n WHERE n.action = x.action AND n.at > now() - interval '7 days'), 0)::float8,
       'How long it took on average until exceptions were taken, and until they were closed, of the last seven days.'
  FROM (VALUES ('taken', 'take'), ('closed', 'close')) x(state, action)
$$;
COMMENT ON FUNCTION odoo_events._promise_metrics() IS 'internal: the metrics of SLAs, their promises, and exceptions';
-- announce: a stocktake, a shutdown, a month's end, said beforehand; and what a period brought, in sentences.

CREATE TABLE odoo_events.announcement (
    id            int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reason        text NOT NULL,
    since         timestamptz NOT NULL,
    until         timestamptz NOT NULL,
    companies     int4[],                       -- null: all
    warehouses    int4[],
    subscriptions text[],                       -- null: all
    announced_by  text NOT NULL,
    announced_at  timestamptz NOT NULL
);
COMMENT ON TABLE odoo_events.announcement IS 'what announce() was told: times in which silence and slow endpoints are expected';
CREATE FUNCTION odoo_events.announce(reason text, since timestamptz, until timestamptz, companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL,
  subscriptions text[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
BEGIN
  PERFORM odoo_events._must_be_free('announce');
  IF reason IS NULL OR btrim(reason) = '' OR length(reason) > 1000 THEN
    RAISE EXCEPTION 'argument "reason" is empty, or has more than 1000 characters' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.announce(''stocktake'', now(), now() + interval ''8 hours'');';
  END IF;
  IF since IS NULL OR until IS NULL OR NOT isfinite(since) OR NOT isfinite(until) OR since >= until OR until <= clock_timestamp() THEN
    RAISE EXCEPTION 'the announced time from % to % is empty, over, or has no end', since, until USING ERRCODE = 'invalid_parameter_value',
      HINT = format('SELECT odoo_events.announce(%L, now(), now() + interval ''8 hours'');', reason);
  END IF;
  PERFORM odoo_events._subscription(s) FROM unnest(subscriptions) s;
  INSERT INTO odoo_events.announcement (reason, since, until, companies, warehouses, subscriptions, announced_by, announced_at)
  VALUES (reason, since, until, NULLIF(companies, '{}'), NULLIF(warehouses, '{}'), NULLIF(subscriptions, '{}'), session_user, clock_timestamp()) RETURNING id INTO n;
  PERFORM odoo_events._audit('announce', reason, NULL, jsonb_strip_nulls(jsonb_build_object('id', n, 'since', since, 'until', until, 'companies', companies, 'warehouses', warehouses, 'subscriptions', subscriptions)));
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events.announce(text, timestamptz, timestamptz, int4[], int4[], text[]) IS
'declares a stocktake, a shutdown or a month''s end: until it is over health() does not warn of the endpoints of these subscriptions (all where none are named), nor do the alerts; answers its id';
CREATE FUNCTION odoo_events.end_announcement(id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a odoo_events.announcement;
BEGIN
  PERFORM odoo_events._must_be_free('end_announcement');
  UPDATE odoo_events.announcement x SET until = GREATEST(clock_timestamp(), x.since) WHERE x.id = end_announcement.id AND x.until > clock_timestamp() RETURNING * INTO a;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'announcement % does not exist, or is over', end_announcement.id USING ERRCODE = 'undefined_object',
      HINT = 'SELECT detail FROM odoo_events.health() WHERE "check" = ''announced'';';
  END IF;
  PERFORM odoo_events._audit('end_announcement', a.reason, NULL, jsonb_build_object('id', a.id, 'until', a.until));
END $$;
COMMENT ON FUNCTION odoo_events.end_announcement(bigint) IS 'ends what announce() declared, now; 42704 where it does not exist or is over';
-- What is announced for a subscription now; null where nothing is.  One for plants or companies alone is about events, not about endpoints.
CREATE FUNCTION odoo_events._announced(subscription text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT min(a.reason) FROM odoo_events.announcement a
 WHERE clock_timestamp() BETWEEN a.since AND a.until AND (_announced.subscription = ANY (a.subscriptions) OR a.subscriptions IS NULL AND a.companies IS NULL AND a.warehouses IS NULL)
$$;
COMMENT ON FUNCTION odoo_events._announced(text) IS 'internal: why nobody should be woken for a subscription now';
CREATE FUNCTION odoo_events._health_status("check" text, status text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN "check" ~ '^(subscription|endpoint) ' AND odoo_events._announced(substr("check", strpos("check", ' ') + 1)) IS NOT NULL THEN 'ok' ELSE status END
$$;
COMMENT ON FUNCTION odoo_events._health_status(text, text) IS 'internal: what is announced is no warning';
CREATE FUNCTION odoo_events._health_detail("check" text, status text, detail text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN status <> 'ok' AND odoo_events._health_status("check", status) = 'ok'
            THEN format('%s; announced: %s', detail, odoo_events._announced(substr("check", strpos("check", ' ') + 1)))
            WHEN status = 'ok' OR "check" !~ '^(subscription|endpoint) ' THEN detail
            ELSE concat_ws('; ', detail, NULLIF(odoo_events._care_text(substr("check", strpos("check", ' ') + 1)), '')) END
$$;
COMMENT ON FUNCTION odoo_events._health_detail(text, text, text) IS 'internal: what health() says of a subscription, with who looks after it';
CREATE FUNCTION odoo_events._health_announced() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'announced', 'ok', format('%s, %s to %s, by %s (announcement %s)%s', a.reason, a.since, a.until, a.announced_by, a.id,
         CASE WHEN a.subscriptions IS NOT NULL THEN ': ' || array_to_string(a.subscriptions, ', ') END), NULL::text
  FROM odoo_events.announcement a WHERE a.until > clock_timestamp() ORDER BY a.since
$$;
COMMENT ON FUNCTION odoo_events._health_announced() IS 'internal: what is announced; no rows where nothing is';
CREATE FUNCTION odoo_events._announced_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_announced', 'gauge', jsonb_build_object('subscription', c.name), (odoo_events._announced(c.name) IS NOT NULL)::int::float8,
       'Whether announce() has declared a time in which nobody should be woken for a subscription.'
  FROM odoo_events.subscription_config c ORDER BY c.name
$$;
COMMENT ON FUNCTION odoo_events._announced_metrics() IS 'internal: the subscriptions for which something is announced';
CREATE FUNCTION odoo_events.summary(period interval DEFAULT '24 hours') RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
  start constant timestamptz := clock_timestamp() - period;
  said  text[] := '{}';
  more  text[];
BEGIN
  PERFORM odoo_events._must_be_free('summary');
  IF period IS NULL OR period <= '0' OR period > '1 year' THEN
    RAISE EXCEPTION 'argument "period" is %', period USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT odoo_events.summary(''24 hours'');';
  END IF;
  said := said || (SELECT format('From %s to now %s events were published, of %s types.', start, count(*), count(DISTINCT o.type)) FROM odoo_events.outbox_all o WHERE o.recordedtime >= start);
  said := said || ARRAY(SELECT format('%s requests were sent; %s were acknowledged, %s refused and %s had no answer.', count(*), count(*) FILTER (WHERE a.status BETWEEN 200 AND 299 OR a.status IS NULL AND a.error IS NULL),
                                      count(*) FILTER (WHERE a.status >= 300), count(*) FILTER (WHERE a.status IS NULL AND a.error IS NOT NULL)) FROM odoo_events.attempt a WHERE a.at >= start);
  said := said || ARRAY(SELECT format('%s failed most: %s of its %s requests%s.', x.subscription, x.bad, x.n, '; it belongs to ' || y.owner)
                          FROM (SELECT a.subscription, count(*) AS n, count(*) FILTER (WHERE a.status >= 300 OR a.error IS NOT NULL) AS bad FROM odoo_events.attempt a WHERE a.at >= start GROUP BY 1) x,
                               odoo_events._care(x.subscription) y WHERE x.bad > 0 ORDER BY x.bad DESC LIMIT 1);
  said := said || ARRAY(SELECT format('%s events were given up and are dead letters: %s.', sum(d.n), string_agg(format('%s of %s', d.n, d.name), ', ' ORDER BY d.n DESC))
                          FROM (SELECT c.name, count(*) AS n FROM odoo_events.dead x JOIN odoo_events.subscription_config c ON c.id = x.subscription_id WHERE x.last_at >= start GROUP BY 1) d HAVING count(*) > 0);
  said := said || ARRAY(SELECT format('%s changes of configuration were made, by %s; the latest was %s%s by %s at %s.', count(*), string_agg(DISTINCT a.who, ', '),
                                      (array_agg(a.what ORDER BY a.id DESC))[1], ' of ' || (array_agg(a.object ORDER BY a.id DESC))[1], (array_agg(a.who ORDER BY a.id DESC))[1], max(a.at))
                          FROM odoo_events.audit a WHERE a.at >= start AND a.what IN ('subscribe', 'alter_subscription', 'unsubscribe', 'pause', 'resume', 'disable', 'set_care', 'define', 'drop definition', 'arm', 'disarm', 'attach', 'detach')
                        HAVING count(*) > 0);
  said := said || ARRAY(SELECT format('%s was announced by %s, from %s to %s.', a.reason, a.announced_by, a.since, a.until) FROM odoo_events.announcement a WHERE a.until >= start AND a.since <= clock_timestamp() ORDER BY a.since LIMIT 2);
  said := said || ARRAY(SELECT format('%s flows were unusual; the latest: %s.', count(*), (array_agg(odoo_events._anomaly_text(a) ORDER BY a.told_at DESC))[1])
                          FROM odoo_events.anomaly a WHERE COALESCE(a.until, 'infinity') >= start HAVING count(*) > 0);
  IF to_regclass('odoo_events.exception') IS NOT NULL THEN
    EXECUTE 'SELECT ARRAY(SELECT format(''%s exceptions arose or were open, %s of them are closed.'', count(*), count(*) FILTER (WHERE e.closed_at IS NOT NULL))
               FROM odoo_events.exception e WHERE COALESCE(e.closed_at, ''infinity'') >= $1 HAVING count(*) > 0)' INTO more USING start;
    said := said || more;
  END IF;
  said := said || ARRAY(SELECT format('Open now, %s at %s: %s.', d.verdict, d.layer, rtrim(d.finding, '.')) FROM odoo_events.diagnose() d LIMIT GREATEST(10 - cardinality(said), 1));
  IF NOT EXISTS (SELECT 1 FROM unnest(said) s WHERE s LIKE 'Open now%') THEN
    said := said || 'Nothing is open now.'::text;
  END IF;
  RETURN array_to_string(said[1:10], E'\n');
END $$;
COMMENT ON FUNCTION odoo_events.summary(interval) IS
'what the period (at most a year, default 24 hours) brought and what is open now, in at most ten sentences, one a line, for a mail or a ticket; no payload';
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
CREATE OR REPLACE VIEW odoo_events.checkpoint AS
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
-- flow: how much comes, five minutes by five minutes, and what of it is unusual (src/process/flow.c, flow_judge.c).

-- A flow is the events of a type in a warehouse, or the requests of a subscription.  Number 0 stands for all flows of events.
CREATE TABLE odoo_events.flow (
    id              int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type            text,                       -- null: a subscription's
    warehouse_id    int4,
    company_id      int4,                       -- of the first event
    subscription_id int4,
    since           timestamptz NOT NULL,       -- the first bucket that had something of it
    seen            date NOT NULL               -- the latest day that had
);
COMMENT ON TABLE odoo_events.flow IS 'flows: the events of a type in a warehouse, or the requests of a subscription';
-- Insert only.  A member holds a week, and is emptied eleven weeks later.  Buckets in which nothing came have no row.
DO $$
BEGIN
  FOR i IN 0..11 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.flow_stat_%s (
        bucket   timestamptz NOT NULL,              -- its start
        flow     int4 NOT NULL,
        n        int4 NOT NULL,                     -- events that were published; of a subscription: that were acknowledged
        requests int4,                              -- null: a flow of events
        failures int4,                              -- requests without an acknowledgement
        p50      float4 NOT NULL,                   -- seconds of a request; of an event from its commit to the outbox
        p95      float4 NOT NULL,
        PRIMARY KEY (bucket, flow)
      )$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.flow_stat_%s IS %L', i, 'statistics of flows, read through the view flow_stat');
  END LOOP;
END $$;
CREATE OR REPLACE VIEW odoo_events.flow_stat_row AS
            SELECT * FROM odoo_events.flow_stat_0 UNION ALL SELECT * FROM odoo_events.flow_stat_1  UNION ALL SELECT * FROM odoo_events.flow_stat_2
  UNION ALL SELECT * FROM odoo_events.flow_stat_3 UNION ALL SELECT * FROM odoo_events.flow_stat_4  UNION ALL SELECT * FROM odoo_events.flow_stat_5
  UNION ALL SELECT * FROM odoo_events.flow_stat_6 UNION ALL SELECT * FROM odoo_events.flow_stat_7  UNION ALL SELECT * FROM odoo_events.flow_stat_8
  UNION ALL SELECT * FROM odoo_events.flow_stat_9 UNION ALL SELECT * FROM odoo_events.flow_stat_10 UNION ALL SELECT * FROM odoo_events.flow_stat_11;
COMMENT ON VIEW odoo_events.flow_stat_row IS 'internal: all members of the ring of statistics of flows';
-- The buckets that are known: the server ran for all of them.
CREATE TABLE odoo_events.flow_bucket (
    bucket     timestamptz PRIMARY KEY,
    "position" int8 NOT NULL,                   -- events of later buckets stand behind it
    requests   boolean NOT NULL                 -- the worker ran, too, so that requests are counted
);
COMMENT ON TABLE odoo_events.flow_bucket IS 'buckets of five minutes in which flows were counted; one that lacks is unknown, not silent';
CREATE TABLE odoo_events.flow_anomaly (
    id       int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    flow     int4 NOT NULL,
    kind     text NOT NULL,                     -- silence drop spike slow failing
    since    timestamptz NOT NULL,
    told_at  timestamptz NOT NULL,
    seen     timestamptz NOT NULL,              -- the latest bucket in which it was so
    until    timestamptz,                       -- null: it is so now
    n        float8 NOT NULL,
    expected float8 NOT NULL,
    low      float8 NOT NULL,
    high     float8 NOT NULL,
    score    float8 NOT NULL
);
CREATE UNIQUE INDEX flow_anomaly_open ON odoo_events.flow_anomaly (flow, (CASE kind WHEN 'silence' THEN 'drop' ELSE kind END)) WHERE until IS NULL;
COMMENT ON TABLE odoo_events.flow_anomaly IS 'what was unusual of flows, with the numbers that said so, for ten weeks';
CREATE FUNCTION odoo_events._flow_name(f odoo_events.flow) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN f.id IS NULL THEN '*' WHEN f.type IS NOT NULL THEN f.type || COALESCE('@' || f.warehouse_id, '')
            ELSE (SELECT 'subscription:' || c.name FROM odoo_events.subscription_config c WHERE c.id = f.subscription_id) END
$$;
COMMENT ON FUNCTION odoo_events._flow_name(odoo_events.flow) IS 'internal: type@warehouse, subscription:name, or * for all flows of events';
-- The times that announce() took out of what is usual, per flow.
CREATE FUNCTION odoo_events._flow_announced(buckets timestamptz[]) RETURNS TABLE (flow int4, since timestamptz, until timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT f.id, a.since, a.until
  FROM odoo_events.announcement a
  JOIN odoo_events.flow f ON CASE WHEN f.subscription_id IS NULL THEN a.subscriptions IS NULL AND (a.warehouses IS NULL OR f.warehouse_id = ANY (a.warehouses)) AND (a.companies IS NULL OR f.company_id = ANY (a.companies))
                                  ELSE a.subscriptions IS NULL AND a.warehouses IS NULL AND a.companies IS NULL
                                       OR EXISTS (SELECT 1 FROM odoo_events.subscription_config c WHERE c.id = f.subscription_id AND c.name = ANY (a.subscriptions)) END
 WHERE a.until > (SELECT min(b) FROM unnest(buckets) b)
$$;
COMMENT ON FUNCTION odoo_events._flow_announced(timestamptz[]) IS 'internal: what announce() said of each flow, that may concern these buckets';
CREATE FUNCTION odoo_events._flow_judge(bucket timestamptz, OUT flow int4, OUT since timestamptz, OUT n float8, OUT expected float8, OUT low float8, OUT high float8, OUT score float8, OUT kind text)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE SET enable_seqscan = off SET enable_hashjoin = off SET jit = off AS 'MODULE_PATHNAME', 'oe_sql_flow_judge';
COMMENT ON FUNCTION odoo_events._flow_judge(timestamptz) IS 'internal: the flows of which a closed bucket is unusual, with the numbers that say so';
CREATE FUNCTION odoo_events._flow_tell(a odoo_events.flow_anomaly) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f    odoo_events.flow;
  name text;
  sub  text;
BEGIN
  SELECT * INTO f FROM odoo_events.flow x WHERE x.id = a.flow;
  name := odoo_events._flow_name(f);
  sub := (SELECT c.name FROM odoo_events.subscription_config c WHERE c.id = f.subscription_id);
  PERFORM odoo_events._emit('odoo.platform.flow.unusual.v1', 'flow/' || name,
    odoo_events._care_json(sub, f.type)
    || jsonb_build_object('flow', jsonb_build_object('name', name, 'type', f.type, 'warehouse_id', f.warehouse_id, 'subscription', sub, 'kind', a.kind, 'since', a.since,
         'n', a.n, 'expected', round(a.expected::numeric, 3), 'low', round(a.low::numeric, 3), 'high', round(a.high::numeric, 3), 'score', round(a.score::numeric, 2),
         'unit', CASE a.kind WHEN 'slow' THEN 'seconds' WHEN 'failing' THEN 'share' ELSE 'events' END)),
    'flow:' || name);
END $$;
COMMENT ON FUNCTION odoo_events._flow_tell(odoo_events.flow_anomaly) IS 'internal: tells by an event that a flow is unusual';
-- What is unusual is told once, when it begins, and is over after two usual buckets.
CREATE FUNCTION odoo_events._flow_compare(bucket timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  j record;
  a odoo_events.flow_anomaly;
BEGIN
  FOR j IN SELECT * FROM odoo_events._flow_judge(_flow_compare.bucket) LOOP
    UPDATE odoo_events.flow_anomaly x SET seen = _flow_compare.bucket
     WHERE x.flow IN (j.flow, CASE WHEN j.kind IN ('silence', 'drop') AND EXISTS (SELECT 1 FROM odoo_events.flow f WHERE f.id = j.flow AND f.type IS NOT NULL) THEN 0 END)
       AND x.until IS NULL AND replace(x.kind, 'silence', 'drop') = replace(j.kind, 'silence', 'drop');
    IF NOT FOUND THEN
      INSERT INTO odoo_events.flow_anomaly (flow, kind, since, told_at, seen, n, expected, low, high, score)
      VALUES (j.flow, j.kind, j.since, clock_timestamp(), _flow_compare.bucket, j.n, j.expected, j.low, j.high, j.score) RETURNING * INTO a;
      PERFORM odoo_events._flow_tell(a);
    END IF;
  END LOOP;
  UPDATE odoo_events.flow_anomaly x SET until = x.seen + (_flow_compare.bucket - x.seen) / 2 WHERE x.until IS NULL AND x.seen < _flow_compare.bucket
     AND (SELECT count(*) FROM odoo_events.flow_bucket b WHERE b.bucket > x.seen AND b.bucket <= _flow_compare.bucket) >= 2;
END $$;
COMMENT ON FUNCTION odoo_events._flow_compare(timestamptz) IS 'internal: begins and ends what is unusual as of a closed bucket';
-- The reader behind the publisher calls it, in the transaction that moves its cursor.
CREATE FUNCTION odoo_events._flow_close(bucket timestamptz, "position" int8, requests boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  INSERT INTO odoo_events.flow_bucket (bucket, "position", requests) VALUES (_flow_close.bucket, _flow_close."position", _flow_close.requests);
  UPDATE odoo_events.flow f SET seen = CURRENT_DATE FROM odoo_events.flow_stat_row s WHERE s.bucket = _flow_close.bucket AND f.id = s.flow AND f.seen < CURRENT_DATE;
  PERFORM odoo_events._flow_compare(_flow_close.bucket);
END $$;
COMMENT ON FUNCTION odoo_events._flow_close(timestamptz, int8, boolean) IS 'internal: a bucket of flows is over and its rows are written';
CREATE FUNCTION odoo_events._flow_tidy() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DELETE FROM odoo_events.flow_bucket b WHERE b.bucket < now() - interval '77 days';
DELETE FROM odoo_events.flow_anomaly a WHERE a.until < now() - interval '70 days';
DELETE FROM odoo_events.flow f WHERE f.seen < CURRENT_DATE - 84;
$$;
COMMENT ON FUNCTION odoo_events._flow_tidy() IS 'internal: forgets buckets, anomalies and flows that are too old to be compared with';
-- Events without a warehouse are one flow, whatever their companies: a policy that names companies does not show it (-1 is in no list).
CREATE OR REPLACE VIEW odoo_events.flow_stat WITH (security_barrier) AS
SELECT COALESCE(f.type || COALESCE('@' || f.warehouse_id, ''), 'subscription:' || c.name) AS flow, f.type, f.warehouse_id, c.name AS subscription, s.bucket, s.n, s.requests, s.failures, s.p50, s.p95
  FROM odoo_events.flow_stat_row s
  JOIN odoo_events.flow f ON f.id = s.flow
  LEFT JOIN odoo_events.subscription_config c ON c.id = f.subscription_id
 WHERE CASE WHEN f.type IS NOT NULL THEN odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), f.type, CASE WHEN f.warehouse_id IS NULL THEN -1 ELSE f.company_id END, f.warehouse_id)
            ELSE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses) END;
COMMENT ON VIEW odoo_events.flow_stat IS
'how much came, per flow (type and warehouse, or subscription) and five minutes: n events published or acknowledged, requests and failures, p50 and p95 in seconds '
'of a request or from commit to outbox; eleven weeks; a flow and bucket without a row had nothing';
CREATE OR REPLACE VIEW odoo_events.anomaly WITH (security_barrier) AS
SELECT COALESCE(f.type || COALESCE('@' || f.warehouse_id, ''), 'subscription:' || c.name, '*') AS flow, a.since, a.n, a.expected, a.low, a.high, a.score, a.kind, a.until, a.told_at, f.type, f.warehouse_id, c.name AS subscription
  FROM odoo_events.flow_anomaly a
  LEFT JOIN odoo_events.flow f ON f.id = a.flow
  LEFT JOIN odoo_events.subscription_config c ON c.id = f.subscription_id
 WHERE (a.flow = 0 OR f.id IS NOT NULL)
   AND CASE WHEN f.subscription_id IS NOT NULL THEN odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
            ELSE odoo_events._allows((SELECT m.sees FROM odoo_events._my_policy m), f.type, CASE WHEN f.warehouse_id IS NULL THEN -1 ELSE f.company_id END, f.warehouse_id) END;
COMMENT ON VIEW odoo_events.anomaly IS
'what is unusual of flows, or was within ten weeks: kind silence, drop, spike (n events), slow (n seconds, 95th percentile), failing (n share of requests); expected, the bounds '
'low and high, score in spreads, all as of when it was told; until null: it is so now; flow * is most flows of events at once';
CREATE FUNCTION odoo_events._anomaly_text(a odoo_events.anomaly) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT format(CASE a.kind WHEN 'slow' THEN '%s is slow since %s: 95th percentile %s s, expected %s s, at most %s s'
                          WHEN 'failing' THEN '%s fails since %s: %s of its requests, expected %s, at most %s'
                          ELSE '%s shows a ' || a.kind || ' since %s: %s events, expected %s, usual are ' || round(a.low::numeric, 1) || ' to %s' END,
              CASE a.flow WHEN '*' THEN 'the plant (most flows of events)' ELSE a.flow END, a.since, round(a.n::numeric, 2), round(a.expected::numeric, 2), round(a.high::numeric, 1))
$$;
COMMENT ON FUNCTION odoo_events._anomaly_text(odoo_events.anomaly) IS 'internal: an anomaly in a sentence';
CREATE FUNCTION odoo_events._health_flows() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'flows', 'warn', odoo_events._anomaly_text(a),
       CASE WHEN a.flow = '*' THEN 'SELECT * FROM odoo_events.anomaly WHERE until IS NULL;  -- if it is a holiday or a stocktake: SELECT odoo_events.announce(''stocktake'', now(), now() + interval ''8 hours'');'
            ELSE format('SELECT bucket, n, requests, failures, p95 FROM odoo_events.flow_stat WHERE flow = %L AND bucket > now() - interval ''2 hours'' ORDER BY bucket;', a.flow) END
  FROM odoo_events.anomaly a WHERE a.until IS NULL ORDER BY a.since LIMIT 20
$$;
COMMENT ON FUNCTION odoo_events._health_flows() IS 'internal: flows that are unusual now; no rows where there are none';
CREATE FUNCTION odoo_events._flow_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_flows', 'gauge', '{}'::jsonb, (SELECT count(*) FROM odoo_events.flow f WHERE f.seen >= CURRENT_DATE - 7)::float8, 'Flows (type and warehouse, or subscription) that had something within a week; 1000 are counted at most.'
UNION ALL
SELECT 'odoo_events_flows_unusual', 'gauge', jsonb_build_object('kind', k.kind), (SELECT count(*) FROM odoo_events.flow_anomaly a WHERE a.until IS NULL AND a.kind = k.kind)::float8, 'Flows that are unusual now.'
  FROM unnest(ARRAY['drop', 'failing', 'silence', 'slow', 'spike']) k(kind)
UNION ALL
SELECT 'odoo_events_flow_threshold', 'gauge', jsonb_build_object('setting', s.name), current_setting('odoo_events.' || s.name)::float8, 'From where on a flow is unusual: flow_score in spreads, flow_factor in multiples.'
  FROM unnest(ARRAY['flow_factor', 'flow_score']) s(name)
$$;
COMMENT ON FUNCTION odoo_events._flow_metrics() IS 'internal: the metrics of flows';
-- page: what happens, for people who do not read psql, as HTML documents that need nothing else.
--
-- A figure cannot disagree with the statement below it: a section is made by executing that very statement, and the
-- statement is printed with it.  Everything that comes from data is escaped in one place, _html().

CREATE FUNCTION odoo_events._html(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT replace(replace(replace(replace(replace(
         regexp_replace(value, U&'[\0001-\0008\000B-\001F\007F-\009F\FDD0-\FDEF\FFFE\FFFF]', U&'\FFFD', 'g'),
         '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;')
$$;
COMMENT ON FUNCTION odoo_events._html(text) IS 'internal: a text as HTML, also inside of quoted attributes; characters that HTML does not allow become U+FFFD';
-- What a page shows of one value: cut to a bearable length, kept from changing the direction of what is beside it, and broken into lines where names have joints.
CREATE FUNCTION odoo_events._html_value(value text, most int DEFAULT 160) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT '<bdi>' || regexp_replace(odoo_events._html(CASE WHEN length(value) > most THEN left(value, most - 1) || U&'\2026' ELSE value END), '([._/])(?=\w)', '\1<wbr>', 'g') || '</bdi>'
$$;
COMMENT ON FUNCTION odoo_events._html_value(text, int) IS 'internal: a value of a page as HTML, of at most so many characters';
-- Texts of pages: English is the key.  A text that is not here stays English.
CREATE FUNCTION odoo_events._page_texts() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb '{
 "de": {"Operations": "Betrieb", "Integration": "Integration", "Document": "Beleg",
  "Does the machine run?": "Läuft die Maschine?", "Which partner, which document?": "Welcher Partner, welcher Beleg?",
  "Where is this one?": "Wo ist dieser?", "nothing": "nichts", "statement": "Anweisung", "made at": "erstellt am", "times in": "Zeiten in",
  "period": "Zeitraum", "all is well": "alles in Ordnung", "needs a look": "bitte ansehen", "needs help now": "braucht jetzt Hilfe",
  "What needs attention": "Was Aufmerksamkeit braucht", "From capture to delivery": "Von der Erfassung zur Zustellung", "Events published": "Veröffentlichte Ereignisse",
  "Storage": "Speicher", "Replication slots": "Replikationsslots", "What expires within 90 days": "Was in 90 Tagen abläuft", "Last changes of the configuration": "Letzte Änderungen der Konfiguration",
  "Requests by subscription and hour": "Anfragen je Abonnement und Stunde", "Subscriptions": "Abonnements", "What waits longest": "Was am längsten wartet",
  "Dead letters by answer and type": "Unzustellbar nach Antwort und Typ", "The ten worst documents": "Die zehn schlimmsten Belege",
  "Warehouse": "Lager", "Business": "Geschäft", "What is late at my dock?": "Was ist an meiner Rampe zu spät?", "Do we keep what we promised?": "Halten wir, was wir versprochen haben?",
  "Promises at risk and broken": "Gefährdete und gebrochene Zusagen", "Cycle times": "Durchlaufzeiten", "Shortages": "Fehlmengen", "Lots on hold": "Gesperrte Lose",
  "Promises kept": "Gehaltene Zusagen", "Kept week by week": "Gehalten, Woche für Woche", "Exceptions by cause": "Ausnahmen nach Ursache", "Changes that await approval": "Änderungen, die auf Zustimmung warten",
  "Agreement with the former interface": "Übereinstimmung mit der früheren Schnittstelle", "Verdict": "Befund",
  "left out: it is about everything, and a policy restricts you": "ausgelassen: es betrifft alles, und eine Richtlinie beschränkt Sie",
  "left out: no policy of yours lets you read events": "ausgelassen: keine Richtlinie lässt Sie Ereignisse lesen",
  "company": "Firma", "warehouse": "Lager",
  "Time line": "Zeitlinie", "Every step": "Jeder Schritt",
  "ok": "in Ordnung", "slow": "langsam", "rejected": "abgelehnt", "failed": "fehlgeschlagen", "silent": "still"},
 "fr": {"Operations": "Exploitation", "Integration": "Intégration", "Document": "Document",
  "Does the machine run?": "La machine tourne-t-elle ?", "Which partner, which document?": "Quel partenaire, quel document ?",
  "Where is this one?": "Où est celui-ci ?", "nothing": "rien", "statement": "requête", "made at": "établi le", "times in": "heures de",
  "period": "période", "all is well": "tout va bien", "needs a look": "à regarder", "needs help now": "à traiter tout de suite",
  "What needs attention": "Ce qui demande attention", "From capture to delivery": "De la capture à la livraison", "Events published": "Événements publiés",
  "Storage": "Stockage", "Replication slots": "Slots de réplication", "What expires within 90 days": "Ce qui expire dans 90 jours", "Last changes of the configuration": "Dernières modifications de la configuration",
  "Requests by subscription and hour": "Requêtes par abonnement et par heure", "Subscriptions": "Abonnements", "What waits longest": "Ce qui attend le plus",
  "Dead letters by answer and type": "Rebuts par réponse et par type", "The ten worst documents": "Les dix pires documents",
  "Warehouse": "Entrepôt", "Business": "Affaires", "What is late at my dock?": "Qu’est-ce qui est en retard à mon quai ?", "Do we keep what we promised?": "Tenons-nous nos promesses ?",
  "Promises at risk and broken": "Promesses menacées et rompues", "Cycle times": "Délais", "Shortages": "Manques", "Lots on hold": "Lots bloqués",
  "Promises kept": "Promesses tenues", "Kept week by week": "Tenues, semaine par semaine", "Exceptions by cause": "Exceptions par cause", "Changes that await approval": "Modifications en attente d’accord",
  "Agreement with the former interface": "Accord avec l’ancienne interface", "Verdict": "Verdict",
  "left out: it is about everything, and a policy restricts you": "omis : cela concerne tout, et une règle vous restreint",
  "left out: no policy of yours lets you read events": "omis : aucune règle ne vous laisse lire des événements",
  "company": "société", "warehouse": "entrepôt",
  "Time line": "Chronologie", "Every step": "Chaque étape",
  "ok": "bon", "slow": "lent", "rejected": "refusé", "failed": "échoué", "silent": "muet"}}'
$$;
COMMENT ON FUNCTION odoo_events._page_texts() IS 'internal: texts of pages in other languages than English';
CREATE FUNCTION odoo_events._page_text(language text, english text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._html(COALESCE(odoo_events._page_texts() -> language ->> english, english))
$$;
COMMENT ON FUNCTION odoo_events._page_text(text, text) IS 'internal: a text of a page, translated and escaped';
-- The whole document.  Colours are chosen for a contrast of at least 4.5 to 1 on both backgrounds.
CREATE FUNCTION odoo_events._page_document(language text, title text, body text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT '<!DOCTYPE html>
<html lang="' || language || '">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>' || odoo_events._html(left(title, 70)) || '</title>
<style>
:root { color-scheme: light dark; --ink: #1a1d21; --paper: #ffffff; --line: #c8ccd1; --soft: #eef0f3; --dim: #545b64; --good: #1b6b36; --warn: #8a5300; --bad: #b3161b; --accent: #1d5fa8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --paper: #14171a; --line: #3b4148; --soft: #22272c; --dim: #a9b0b8; --good: #6fce8d; --warn: #f0b55b; --bad: #ff8f8a; --accent: #86b8f2; } }
* { box-sizing: border-box; }
body { margin: 0; overflow-wrap: anywhere; font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
header, main { max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 1.6rem 0 .4rem; } h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
.sub { color: var(--dim); margin: .2rem 0; } .lamp { font-weight: 600; border-left: .6rem solid currentColor; padding: .4rem .8rem; background: var(--soft); }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); } .dim { color: var(--dim); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .87rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; min-width: 7rem; } th { white-space: nowrap; overflow-wrap: normal; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; min-width: 0; } td.b { font-weight: 600; white-space: nowrap; min-width: 0; }
code, pre { font: .82rem/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; } details { margin: .3rem 0 0; font-size: .82rem; } summary { color: var(--dim); cursor: pointer; }
svg { display: block; max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 11px system-ui, sans-serif; } .axis { stroke: var(--line); } .curve { fill: none; stroke: var(--accent); stroke-width: 2; }
.area { fill: var(--soft); } .bar { fill: var(--accent); } .dot { fill: var(--accent); } .dot-good { fill: var(--good); } .dot-bad { fill: var(--bad); } .span { stroke: var(--accent); stroke-width: 4; } .span-bad { stroke: var(--bad); stroke-width: 4; }
@media (max-width: 40rem) { header, main { padding: .6rem; } table { font-size: .8rem; } }
@page { size: A4; margin: 12mm; }
@media print { :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #fff; } body { font-size: 10pt; } .wide { overflow: visible; } h2 { break-after: avoid; } tr, svg { break-inside: avoid; } summary { list-style: none; } }
</style>
</head>
<body>
' || body || '
</body>
</html>
'
$$;
COMMENT ON FUNCTION odoo_events._page_document(text, text, text) IS 'internal: an HTML document of this body, which is HTML already';
-- How good a word of a state is, for its colour; the word itself is always there, too.
CREATE FUNCTION odoo_events._page_mood(word text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN word = ANY ('{ok,active,met,on_time,processed,acknowledged,kept,healthy,same}') THEN 'good'
            WHEN word = ANY ('{warn,at_risk,late,paused,dry_run,met_late,waiting,pending,unconfirmed,retry,slow,duplicate,overdue,half_open}') THEN 'warn'
            WHEN word = ANY ('{critical,breached,lost,wrong,disabled,breaker_open,overrun,unarmed,failed,open breaker,quarantined}') OR word = 'dead letter' THEN 'bad'
            ELSE 'dim' END
$$;
COMMENT ON FUNCTION odoo_events._page_mood(text) IS 'internal: the class of a word that says how something is';
CREATE FUNCTION odoo_events._page_cell(name text, value json) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN v.text IS NULL THEN '<td></td>'
            WHEN json_typeof(value) = 'number' THEN '<td class="n">' || odoo_events._html(v.text) || '</td>'
            WHEN name IN ('status', 'state', 'verdict') THEN '<td class="b ' || odoo_events._page_mood(v.text) || '">' || odoo_events._html_value(v.text) || '</td>'
            WHEN name IN ('hint', 'next') THEN '<td><code>' || odoo_events._html_value(v.text, 600) || '</code></td>'
            WHEN v.text ~ '^\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:\d\d)?)$'
            THEN '<td class="n"><time datetime="' || regexp_replace(v.text, '(\.\d{3})\d*', '\1') || '">' || replace(left(v.text, 19), 'T', ' ') || '</time></td>'
            WHEN v.text ~ '^(-?\d+ (days?|mons?|years?) ?)*-?\d{2,}:\d\d:\d\d(\.\d+)?$' THEN '<td class="n">' || regexp_replace(v.text, '(\.\d{3})\d*', '\1') || '</td>'
            ELSE '<td>' || odoo_events._html_value(v.text, 300) || '</td>' END
  FROM (SELECT value #>> '{}' AS text) v
$$;
COMMENT ON FUNCTION odoo_events._page_cell(text, json) IS 'internal: a value of a table of a page';
CREATE FUNCTION odoo_events._page_rows(statement text, most int DEFAULT 100) RETURNS SETOF json
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY EXECUTE pg_catalog.format('SELECT row_to_json(q) FROM (%1$s) q LIMIT %2$L', statement, most);
END $$;
COMMENT ON FUNCTION odoo_events._page_rows(text, int) IS 'internal: the rows of a statement of a page, at most so many';
CREATE FUNCTION odoo_events._page_statement(language text, statement text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT '<details><summary>' || odoo_events._page_text(language, 'statement') || '</summary><pre><code>' || odoo_events._html(statement) || ';</code></pre></details>'
$$;
COMMENT ON FUNCTION odoo_events._page_statement(text, text) IS 'internal: the statement that a figure comes from, folded away';
-- A section that shows what a statement answers, as a table.
CREATE FUNCTION odoo_events._page_table(language text, title text, statement text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  heading text := odoo_events._page_text(language, title);
  row     json;
  head    text;
  lines   text[] := '{}';
BEGIN
  FOR row IN SELECT r FROM odoo_events._page_rows(statement) r LOOP
    head := COALESCE(head, (SELECT string_agg('<th scope="col">' || odoo_events._html(replace(c.key, '_', ' ')) || '</th>', '' ORDER BY c.n)
                              FROM json_each(row) WITH ORDINALITY c(key, value, n)));
    lines := lines || (SELECT '<tr>' || string_agg(odoo_events._page_cell(c.key, c.value), '' ORDER BY c.n) || '</tr>'
                         FROM json_each(row) WITH ORDINALITY c(key, value, n));
  END LOOP;
  RETURN '<section aria-label="' || heading || '"><h2>' || heading || '</h2>'
      || CASE WHEN head IS NULL THEN '<p class="dim">' || odoo_events._page_text(language, 'nothing') || '</p>'
              ELSE '<div class="wide" tabindex="0"><table><thead><tr>' || head || '</tr></thead><tbody>' || array_to_string(lines, E'\n') || '</tbody></table></div>' END
      || odoo_events._page_statement(language, statement) || '</section>';
END $$;
COMMENT ON FUNCTION odoo_events._page_table(text, text, text) IS 'internal: a section of a page: a heading, what the statement answers, the statement';
-- A section with a curve.  The statement answers (at, value), oldest first.
CREATE FUNCTION odoo_events._page_curve(language text, title text, statement text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  heading text := odoo_events._page_text(language, title);
  curve   record;
BEGIN
  SELECT count(*) AS n, max(x.value) AS most, sum(x.value) AS total, min(x.at) AS since, max(x.at) AS until,
         string_agg(round((20 + 560 * (x.i - 1) / GREATEST(x.count - 1, 1))::numeric, 1) || ',' || round((90 - 75 * x.value / GREATEST(x.peak, 1))::numeric, 1), ' ' ORDER BY x.i) AS points
    INTO curve
    FROM (SELECT r.i, (r.row ->> 'value')::float8 AS value, r.row ->> 'at' AS at, count(*) OVER () AS count, max((r.row ->> 'value')::float8) OVER () AS peak
            FROM odoo_events._page_rows(statement) WITH ORDINALITY r(row, i)) x;
  RETURN '<section aria-label="' || heading || '"><h2>' || heading || '</h2>'
      || CASE WHEN curve.n = 0 THEN '<p class="dim">' || odoo_events._page_text(language, 'nothing') || '</p>'
              ELSE format('<svg viewBox="0 0 600 110" role="img" aria-label="%s: %s, %s - %s"><line class="axis" x1="20" y1="90" x2="580" y2="90"/><polyline class="curve" points="%s"/>'
                          '<text x="20" y="105">%s</text><text x="580" y="105" text-anchor="end">%s</text><text x="20" y="11">%s</text></svg>',
                          heading, curve.total, curve.since, curve.until, curve.points, replace(left(curve.since, 16), 'T', ' '), replace(left(curve.until, 16), 'T', ' '), curve.most) END
      || odoo_events._page_statement(language, statement) || '</section>';
END $$;
COMMENT ON FUNCTION odoo_events._page_curve(text, text, text) IS 'internal: a section of a page with a curve over time';
-- A section with a line per thing.  The statement answers (label, kind, at, until, good): spans and points in time, "good" decides the colour.
CREATE FUNCTION odoo_events._page_lines(language text, title text, statement text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  heading text := odoo_events._page_text(language, title);
  drawn   record;
BEGIN
  WITH r AS MATERIALIZED (SELECT x.i, x.row ->> 'label' AS label, x.row ->> 'kind' AS kind, (x.row ->> 'at')::timestamptz AS at,
                                 (x.row ->> 'until')::timestamptz AS until, (x.row ->> 'good')::boolean AS good
                            FROM odoo_events._page_rows(statement, 400) WITH ORDINALITY x(row, i)),
       f AS (SELECT min(r.at) AS since, GREATEST(max(COALESCE(r.until, r.at)), min(r.at) + interval '1 ms') AS until FROM r),
       l AS (SELECT r.label, row_number() OVER (ORDER BY min(r.i)) AS line FROM r GROUP BY r.label),
       p AS (SELECT r.*, l.line, 200 + 380 * extract(epoch FROM r.at - f.since) / extract(epoch FROM f.until - f.since) AS x1,
                    200 + 380 * extract(epoch FROM COALESCE(r.until, r.at) - f.since) / extract(epoch FROM f.until - f.since) AS x2
               FROM r JOIN l ON l.label = r.label, f)
  SELECT (SELECT count(*) FROM l) AS n, (SELECT f.since FROM f) AS since, (SELECT f.until FROM f) AS until,
         (SELECT string_agg(format('<text x="4" y="%s">%s</text>', l.line * 24, odoo_events._html(left(l.label, 30))), '' ORDER BY l.line) FROM l)
         || (SELECT string_agg(CASE WHEN p.until IS NOT NULL
               THEN format('<line class="%s" x1="%s" x2="%s" y1="%s" y2="%s"><title>%s</title></line>', CASE WHEN p.good IS NOT FALSE THEN 'span' ELSE 'span-bad' END,
                           round(p.x1, 1), round(GREATEST(p.x2, p.x1 + 1), 1), p.line * 24 - 4, p.line * 24 - 4, odoo_events._html(p.kind || ' ' || p.at || ' - ' || p.until))
               ELSE format('<circle class="%s" cx="%s" cy="%s" r="5"><title>%s</title></circle>', CASE WHEN p.good THEN 'dot-good' WHEN NOT p.good THEN 'dot-bad' ELSE 'dot' END,
                           round(p.x1, 1), p.line * 24 - 4, odoo_events._html(p.kind || ' ' || p.at)) END, '' ORDER BY p.i) FROM p) AS marks
    INTO drawn;
  RETURN '<section aria-label="' || heading || '"><h2>' || heading || '</h2>'
      || CASE WHEN drawn.n = 0 THEN '<p class="dim">' || odoo_events._page_text(language, 'nothing') || '</p>'
              ELSE format('<svg viewBox="0 0 600 %s" role="img" aria-label="%s: %s - %s">%s<text x="200" y="%s">%s</text><text x="580" y="%s" text-anchor="end">%s</text></svg>',
                          drawn.n * 24 + 24, heading, drawn.since, drawn.until, drawn.marks, drawn.n * 24 + 18, to_char(drawn.since, 'YYYY-MM-DD HH24:MI:SS'),
                          drawn.n * 24 + 18, to_char(drawn.until, 'YYYY-MM-DD HH24:MI:SS')) END
      || odoo_events._page_statement(language, statement) || '</section>';
END $$;
COMMENT ON FUNCTION odoo_events._page_lines(text, text, text) IS 'internal: a section of a page with a line of spans and points per thing';
-- A section with a cell per thing and hour.  The statement answers (name, hour, state, n), where n counts and state says how it went.
CREATE FUNCTION odoo_events._page_heat(language text, title text, statement text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  heading text := odoo_events._page_text(language, title);
  head    text;
  lines   text;
BEGIN
  WITH r AS MATERIALIZED (SELECT x.row ->> 'name' AS name, (x.row ->> 'hour')::timestamptz AS hour, x.row ->> 'state' AS state, x.row ->> 'n' AS n
                            FROM odoo_events._page_rows(statement, 1500) x(row)),
       h AS (SELECT DISTINCT r.hour FROM r),
       c AS (SELECT s.name, h.hour, COALESCE(min('<td class="n ' || odoo_events._page_mood(r.state) || '">' || r.n || CASE r.state WHEN 'ok' THEN '' ELSE ' <small>' || odoo_events._page_text(language, r.state) || '</small>' END || '</td>'), '<td></td>') AS cell
               FROM (SELECT DISTINCT r.name FROM r) s CROSS JOIN h LEFT JOIN r ON r.name = s.name AND r.hour = h.hour GROUP BY s.name, h.hour)
  SELECT (SELECT string_agg('<th scope="col">' || to_char(h.hour, 'HH24') || '</th>', '' ORDER BY h.hour) FROM h),
         (SELECT string_agg('<tr><th scope="row">' || odoo_events._html_value(x.name, 40) || '</th>' || x.cells || '</tr>', E'\n' ORDER BY x.name)
            FROM (SELECT c.name, string_agg(c.cell, '' ORDER BY c.hour) AS cells FROM c GROUP BY c.name) x)
    INTO head, lines;
  RETURN '<section aria-label="' || heading || '"><h2>' || heading || '</h2>'
      || CASE WHEN lines IS NULL THEN '<p class="dim">' || odoo_events._page_text(language, 'nothing') || '</p>'
              ELSE '<div class="wide" tabindex="0"><table><thead><tr><td></td>' || head || '</tr></thead><tbody>' || lines || '</tbody></table></div>' END
      || odoo_events._page_statement(language, statement) || '</section>';
END $$;
COMMENT ON FUNCTION odoo_events._page_heat(text, text, text) IS 'internal: a section of a page with a cell per thing and hour';
-- Positions of the outbox have no gaps and grow with the time of publishing, so a point in time is found in a few look-ups, however large the outbox.
CREATE FUNCTION odoo_events._position_at(at timestamptz) RETURNS int8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  low  int8 := (SELECT min(o.position) FROM odoo_events.outbox_all o) - 1;
  high int8 := (SELECT max(o.position) FROM odoo_events.outbox_all o);
  half int8;
BEGIN
  WHILE low < high LOOP
    half := low + (high - low + 1) / 2;
    IF (SELECT o.recordedtime FROM odoo_events.outbox_all o WHERE o.position >= half ORDER BY o.position LIMIT 1) <= _position_at.at THEN
      low := half;
    ELSE
      high := half - 1;
    END IF;
  END LOOP;
  RETURN COALESCE(low, 0);
END $$;
COMMENT ON FUNCTION odoo_events._position_at(timestamptz) IS 'internal: position of the last event that was published until then; one before the first that is kept where there is none';
CREATE FUNCTION odoo_events.published(since timestamptz, until timestamptz, buckets int DEFAULT 48) RETURNS TABLE (at timestamptz, value int8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT x.at, x.position - lag(x.position) OVER (ORDER BY x.at)
  FROM (SELECT since + (until - since) * i / buckets AS at, odoo_events._position_at(since + (until - since) * i / buckets) AS position
          FROM odoo_events._must_be_free('published') f, generate_series(0, buckets) i) x
 ORDER BY x.at OFFSET 1
$$;
COMMENT ON FUNCTION odoo_events.published(timestamptz, timestamptz, int) IS
'how many events were published in each part of a period, as far back as the outbox reaches; at: the end of the part';
-- Attempts are numbered as they are written, so hours are found like positions.  Of an hour with more than a thousand requests every k-th is read:
-- the counts are then estimates, and the page stays as fast.
CREATE FUNCTION odoo_events._attempt_at(at timestamptz) RETURNS int8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  low  int8 := (SELECT LEAST((SELECT min(a.n) FROM odoo_events.attempt_0 a), (SELECT min(a.n) FROM odoo_events.attempt_1 a))) - 1;
  high int8 := (SELECT GREATEST((SELECT max(a.n) FROM odoo_events.attempt_0 a), (SELECT max(a.n) FROM odoo_events.attempt_1 a)));
  half int8;
BEGIN
  WHILE low < high LOOP
    half := low + (high - low + 1) / 2;
    IF (SELECT x.at FROM (SELECT * FROM odoo_events.attempt_0 UNION ALL SELECT * FROM odoo_events.attempt_1) x WHERE x.n >= half ORDER BY x.n LIMIT 1) <= _attempt_at.at THEN
      low := half;
    ELSE
      high := half - 1;
    END IF;
  END LOOP;
  RETURN low;
END $$;
COMMENT ON FUNCTION odoo_events._attempt_at(timestamptz) IS 'internal: number of the last attempt that began until then, about; null where none is kept';
CREATE FUNCTION odoo_events.requests(since timestamptz, until timestamptz) RETURNS TABLE (name text, hour timestamptz, state text, n int8, p50 numeric, p95 numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT c.name, x.hour,
       CASE WHEN count(*) FILTER (WHERE NOT x.good AND COALESCE(x.status, 0) NOT BETWEEN 400 AND 499) * 10 > count(*) THEN 'failed'
            WHEN count(*) FILTER (WHERE NOT x.good) * 10 > count(*) THEN 'rejected'
            WHEN count(*) FILTER (WHERE x.duration > 2) * 10 > count(*) THEN 'slow' ELSE 'ok' END,
       sum(x.step)::int8,
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY x.duration)::numeric, 3), round(percentile_cont(0.95) WITHIN GROUP (ORDER BY x.duration)::numeric, 3)
  FROM (SELECT h.hour, h.step, a.subscription_id, a.duration, a.status, COALESCE(a.status BETWEEN 200 AND 299 OR a.status = ANY (COALESCE(s.success_statuses, '{}')), a.error IS NULL) AS good
          FROM (SELECT y.hour, y.first, y.last, GREATEST((y.last - y.first) / 1000, 1) AS step
                  FROM (SELECT t AS hour, odoo_events._attempt_at(GREATEST(t, since)) + 1 AS first, odoo_events._attempt_at(LEAST(t + interval '1 hour', until)) AS last
                          FROM generate_series(date_trunc('hour', since), until, interval '1 hour') t) y) h
               CROSS JOIN LATERAL generate_series(h.first, h.last, h.step) g(n)
               CROSS JOIN LATERAL (SELECT a.* FROM odoo_events.attempt_0 a WHERE a.n = g.n UNION ALL SELECT a.* FROM odoo_events.attempt_1 a WHERE a.n = g.n) a
               JOIN odoo_events.subscription_config s ON s.id = a.subscription_id
         WHERE odoo_events._sees((SELECT odoo_events._policies('{read,operate,approve}')), s.name, s.companies, s.warehouses)) x
       JOIN odoo_events.subscription_config c ON c.id = x.subscription_id
 WHERE (SELECT m.sees FROM odoo_events._my_policy m) IS NULL
    OR odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
 GROUP BY c.name, x.hour ORDER BY c.name, x.hour
$$;
COMMENT ON FUNCTION odoo_events.requests(timestamptz, timestamptz) IS
'requests per subscription and hour, durations in seconds; state: failed, rejected (4xx), slow (over 2 s) if more than a tenth were, else ok; n is an estimate beyond 1000 per hour';
-- The documents that a human means by a name, a key or an event's id.
CREATE FUNCTION odoo_events._page_keys(what text) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF what ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' THEN
    RETURN QUERY SELECT o.partitionkey FROM odoo_events._traced(NULL, NULL, what::uuid, NULL) t JOIN odoo_events.outbox_all o ON o.position = t;
  ELSIF what ~ '^[a-z_]+:[0-9]+$' THEN
    RETURN NEXT what;
  ELSE
    RETURN QUERY SELECT * FROM odoo_events._documents_called(what);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._page_keys(text) IS 'internal: keys of the documents that have this name, this key, or this event';
-- Times are shown in this zone: that of the warehouse's calendar, else the server's.
CREATE FUNCTION odoo_events._page_zone(warehouse_id int4) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE((SELECT c.timezone FROM odoo_events.calendar_def c WHERE _page_zone.warehouse_id = ANY (c.warehouses)),
                (SELECT g.reset_val FROM pg_settings g WHERE g.name = 'TimeZone'), 'UTC')
$$;
COMMENT ON FUNCTION odoo_events._page_zone(int4) IS 'internal: the time zone that a page shows';
-- What each page shows, in order.  {since}, {until} and {what} are literals of the call, {recent} is the position from where on
-- the last 20,000 events are (a literal, so that the planner knows how few they are), {whose:x} are conditions of its company and warehouse on
-- x, for what has one.  "needs" is about callers under a policy: "read" where one has to let them read events, "all" where what is shown cannot be told apart by company and warehouse.
CREATE FUNCTION odoo_events._page_sections(role text) RETURNS TABLE (n int, kind text, title text, needs text, statement text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $page$
SELECT s.n, s.kind, s.title, s.needs, btrim(s.statement, E'\n') FROM (VALUES
 ('operations', 1, 'lamp', 'What needs attention', NULL, $$
SELECT h.status, h."check", h.detail, h.hint FROM odoo_events.health() h
 WHERE h.status <> 'ok' ORDER BY h.status, h."check" LIMIT 40$$),
 ('operations', 2, 'table', 'From capture to delivery', NULL, $$
SELECT w.state, w.publish_lag, s.name AS subscription, s.state AS delivery, s.lag_events, s.oldest_pending_age, s.delivered_total, s.failed_total
  FROM odoo_events.worker_status w LEFT JOIN odoo_events.subscription_status s ON true ORDER BY s.lag_events DESC NULLS LAST, s.name LIMIT 40$$),
 ('operations', 3, 'curve', 'Events published', 'all', $$
SELECT p.at, p.value FROM odoo_events.published({since}, {until}) p$$),
 ('operations', 4, 'table', 'Storage', 'all', $$
SELECT s.part, s.segments, pg_catalog.pg_size_pretty(s.bytes) AS size, s.oldest, s.held_by FROM odoo_events.storage s ORDER BY s.bytes DESC$$),
 ('operations', 5, 'table', 'Replication slots', 'all', $$
SELECT r.slot_name, r.active, r.wal_status, pg_catalog.pg_size_pretty(pg_catalog.pg_wal_lsn_diff(
         CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END, r.restart_lsn)) AS keeps
  FROM pg_catalog.pg_replication_slots r WHERE r.database = pg_catalog.current_database() OR r.database IS NULL ORDER BY r.slot_name$$),
 ('operations', 6, 'table', 'What expires within 90 days', NULL, $$
SELECT s.name AS subscription, s.expires_at FROM odoo_events.subscription_status s
 WHERE s.expires_at < pg_catalog.now() + interval '90 days' ORDER BY s.expires_at LIMIT 40$$),
 ('operations', 7, 'table', 'Last changes of the configuration', NULL, $$
SELECT a.at, a.who, a.what, a.object FROM odoo_events.audit_log a ORDER BY a.at DESC LIMIT 15$$),
 ('integration', 1, 'heat', 'Requests by subscription and hour', NULL, $$
SELECT r.name, r.hour, r.state, r.n FROM odoo_events.requests({since}, {until}) r$$),
 ('integration', 2, 'table', 'Subscriptions', NULL, $$
SELECT s.name, s.state, s.state_reason, c.owner, c.contact, s.p50, s.p95, s.lag_events, s.oldest_pending_age, s.blocked_keys, s.dead_letters, s.last_status
  FROM odoo_events.subscription_status s JOIN odoo_events.subscription c ON c.name = s.name ORDER BY s.lag_events DESC NULLS LAST, s.name LIMIT 60$$),
 ('integration', 3, 'table', 'What waits longest', NULL, $$
SELECT w.subscription, w.since, w.subject, w.type, w.state, w.attempts, w.next_attempt_at, w.last_error
  FROM odoo_events.waiting w ORDER BY w.since, w.position LIMIT 20$$),
 ('integration', 4, 'table', 'Dead letters by answer and type', NULL, $$
SELECT d.subscription, d.last_status AS answer, d.type, pg_catalog.count(*) AS n, pg_catalog.min(d.first_at) AS since, pg_catalog.max(d.last_error) AS last_error
  FROM odoo_events.dead_letter d GROUP BY d.subscription, d.last_status, d.type ORDER BY n DESC, d.subscription, d.type LIMIT 40$$),
 ('integration', 5, 'lines', 'The ten worst documents', 'read', $$
SELECT e.label, k.kind, k.at, k.until, k.good
  FROM (SELECT DISTINCT ON (o.partitionkey, w.subscription) o.subject || ' > ' || w.subscription AS label, o."time", o.recordedtime, w.next_attempt_at, w.since
          FROM odoo_events.waiting w JOIN odoo_events.outbox o ON o.position = w.position ORDER BY o.partitionkey, w.subscription, o.position) e
       CROSS JOIN LATERAL (VALUES ('waits', e.recordedtime, pg_catalog.now(), false), ('committed', e."time", NULL, NULL), ('published', e.recordedtime, NULL, true)) k(kind, at, until, good)
 WHERE e."time" IN (SELECT x."time" FROM odoo_events.waiting v JOIN odoo_events.outbox x ON x.position = v.position ORDER BY x.position LIMIT 10)
 ORDER BY e.since LIMIT 60$$),
 ('warehouse', 1, 'table', 'Promises at risk and broken', NULL, $$
SELECT x.due_at, x.state, x.sla, x.document, x.warehouse_id AS warehouse, odoo_events._promise_waits_for(x.id) AS waits_for
  FROM (SELECT p.* FROM odoo_events.promise p
         WHERE p.state IN ('at_risk', 'breached'){whose:p}
         ORDER BY p.due_at LIMIT 60) x ORDER BY x.due_at$$),
 ('warehouse', 2, 'table', 'Promises kept', NULL, $$
SELECT s.name AS sla, x.kept, x.broken, round(100.0 * x.kept / NULLIF(x.kept + x.broken, 0), 1) AS kept_percent, round(100 * s.objective, 1) AS objective_percent,
       round(100 - 100.0 * x.broken / NULLIF((x.kept + x.broken) * (1 - s.objective), 0)) AS error_budget_left_percent
  FROM odoo_events.sla s
       LEFT JOIN (SELECT y.sla, count(*) FILTER (WHERE y.state = 'met') AS kept, count(*) FILTER (WHERE y.state <> 'met') AS broken
                    FROM (SELECT p.sla, p.state FROM odoo_events.promise p WHERE p.state IN ('met', 'met_late') AND p.ended_at > {since}{whose:p}
                          UNION ALL SELECT p.sla, p.state FROM odoo_events.promise p WHERE p.state = 'breached'{whose:p}) y
                   GROUP BY y.sla) x ON x.sla = s.name
 ORDER BY s.name LIMIT 60$$),
 ('warehouse', 3, 'table', 'Cycle times', NULL, $$
SELECT c.sla, c.week, c.warehouse_id AS warehouse, c.n, c.p50, c.p90, c.p95, c.late
  FROM odoo_events.cycle_time c
 WHERE c.week > current_date - 84{whose:c}
 ORDER BY c.week DESC, c.sla, c.warehouse_id LIMIT 60$$),
 ('warehouse', 4, 'table', 'Shortages', 'read', $$
SELECT x."time" AS since, x.subject AS document, x.type
  FROM (SELECT DISTINCT ON (o.partitionkey) o."time", o.subject, o.type
          FROM odoo_events.outbox o
         WHERE o.position > {recent}
           AND (split_part(o.type, '.', 4) = ANY ('{components_short,components_available,goods_short,goods_available,completed,dispatched,cancelled,deleted}')
                OR split_part(o.type, '.', 3) = 'stock_level'){whose:o}
         ORDER BY o.partitionkey, o.position DESC) x
 WHERE split_part(x.type, '.', 4) = ANY ('{components_short,goods_short,depleted,went_negative}') ORDER BY x."time" LIMIT 60$$),
 ('warehouse', 5, 'table', 'Lots on hold', 'read', $$
SELECT x."time" AS since, x.subject AS lot
  FROM (SELECT DISTINCT ON (o.partitionkey) o."time", o.subject, o.type
          FROM odoo_events.outbox o
         WHERE o.position > {recent} AND o.type LIKE ANY ('{odoo.inventory.lot.held.v%,odoo.inventory.lot.released.v%}'){whose:o}
         ORDER BY o.partitionkey, o.position DESC) x
 WHERE x.type LIKE '%.held.v%' ORDER BY x."time" LIMIT 60$$),
 ('business', 1, 'table', 'Promises kept', NULL, $$
SELECT s.name AS sla, x.kept, x.broken, round(100.0 * x.kept / NULLIF(x.kept + x.broken, 0), 1) AS kept_percent, round(100 * s.objective, 1) AS objective_percent,
       round(100 - 100.0 * x.broken / NULLIF((x.kept + x.broken) * (1 - s.objective), 0)) AS error_budget_left_percent
  FROM odoo_events.sla s
       LEFT JOIN (SELECT y.sla, count(*) FILTER (WHERE y.state = 'met') AS kept, count(*) FILTER (WHERE y.state <> 'met') AS broken
                    FROM (SELECT p.sla, p.state FROM odoo_events.promise p WHERE p.state IN ('met', 'met_late') AND p.ended_at > {since}{whose:p}
                          UNION ALL SELECT p.sla, p.state FROM odoo_events.promise p WHERE p.state = 'breached'{whose:p}) y
                   GROUP BY y.sla) x ON x.sla = s.name
 ORDER BY s.name LIMIT 60$$),
 ('business', 2, 'curve', 'Kept week by week', NULL, $$
SELECT c.week::timestamptz AS at, round(100.0 * (sum(c.n) - sum(c.late)) / sum(c.n), 1) AS value
  FROM odoo_events.cycle_time c
 WHERE c.week > current_date - 84{whose:c}
 GROUP BY c.week ORDER BY c.week$$),
 ('business', 3, 'table', 'Cycle times', NULL, $$
SELECT c.sla, c.company_id AS company, c.warehouse_id AS warehouse, sum(c.n) AS n, sum(c.p50 * c.n) / sum(c.n) AS median_about, max(c.p95) AS worst_p95_of_a_week, sum(c.late) AS late
  FROM odoo_events.cycle_time c
 WHERE c.week > current_date - 84{whose:c}
 GROUP BY c.sla, c.company_id, c.warehouse_id ORDER BY c.sla, c.company_id, c.warehouse_id LIMIT 60$$),
 ('business', 4, 'table', 'Exceptions by cause', NULL, $$
SELECT e.layer, e.cause, COALESCE(e.sla, e.subscription) AS concerns, CASE WHEN e.sla IS NULL THEN e.count ELSE x.n END AS n, COALESCE(x.document, e.document) AS worst_document,
       COALESCE(x.since, e.since) AS since, e.owner, e.assigned_to
  FROM odoo_events.exception e CROSS JOIN LATERAL (
         SELECT count(*) AS n, min(p.due_at) AS since, (array_agg(p.document ORDER BY p.due_at, p.id))[1] AS document FROM odoo_events.promise p
          WHERE p.sla = e.sla AND p.state = 'breached'{whose:p}) x
 WHERE e.closed_at IS NULL AND (e.sla IS NULL OR x.n > 0) ORDER BY since LIMIT 40$$),
 ('business', 5, 'table', 'Changes that await approval', NULL, $$
SELECT p.id, p.at, p.who, p.function, p.statement FROM odoo_events.proposal p WHERE p.decided_at IS NULL ORDER BY p.id LIMIT 40$$),
 ('business', 6, 'table', 'Agreement with the former interface', 'all', $$
SELECT c.name AS comparison, c.day, c.n, c.same, round(100 * c.agreement, 2) AS agreement_percent, c.ready
  FROM odoo_events.comparison c ORDER BY c.day DESC, c.name LIMIT 40$$),
 ('document', 1, 'table', 'Verdict', NULL, $$
SELECT d.verdict, d.layer, d.since, d.due_at, d.owner, d.finding, d.next FROM odoo_events.diagnose({what}) d LIMIT 40$$),
 ('document', 2, 'lines', 'Time line', NULL, $$
SELECT COALESCE(t.subscription, 'Odoo') AS label, t.step || ' ' || COALESCE(t.type, '') AS kind, t.at, NULL::timestamptz AS until,
       CASE WHEN t.step LIKE 'attempt %' THEN COALESCE(t.detail ~ '^(2[0-9][0-9]|after) ', false) WHEN t.step = 'acknowledged' THEN true WHEN t.step IN ('dead letter', 'quarantined') THEN false END AS good
  FROM odoo_events._page_keys({what}) k, odoo_events.trace(key => k) t WHERE t.at IS NOT NULL ORDER BY t.subscription NULLS FIRST, t.at LIMIT 400$$),
 ('document', 3, 'table', 'Every step', NULL, $$
SELECT t.at, t.step, t.type, t.subscription, t.detail
  FROM odoo_events._page_keys({what}) k, odoo_events.trace(key => k) t ORDER BY t.at DESC NULLS LAST LIMIT 100$$)
) s(role, n, kind, title, needs, statement) WHERE s.role = _page_sections.role
$page$;
COMMENT ON FUNCTION odoo_events._page_sections(text) IS 'internal: the sections of a page: how they are drawn and the statement that they show';
CREATE FUNCTION odoo_events._page_left_out(language text, title text, why text, statement text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT '<section aria-label="' || t || '"><h2>' || t || '</h2><p class="warn">' || odoo_events._page_text(language, why) || '</p>' || odoo_events._page_statement(language, statement) || '</section>'
  FROM odoo_events._page_text(language, title) t
$$;
COMMENT ON FUNCTION odoo_events._page_left_out(text, text, text, text) IS 'internal: a section of a page that cannot be shown, and why';
CREATE FUNCTION odoo_events._page_section(language text, kind text, title text, needs text, statement text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  section text;
BEGIN
  IF needs = 'all' AND odoo_events._policies(NULL) IS NOT NULL THEN
    RETURN odoo_events._page_left_out(language, title, 'left out: it is about everything, and a policy restricts you', statement);
  ELSIF needs = 'read' AND odoo_events._policies('{read}') = '[]' THEN
    RETURN odoo_events._page_left_out(language, title, 'left out: no policy of yours lets you read events', statement);
  END IF;
  CASE kind
    WHEN 'curve' THEN RETURN odoo_events._page_curve(language, title, statement);
    WHEN 'lines' THEN RETURN odoo_events._page_lines(language, title, statement);
    WHEN 'heat' THEN RETURN odoo_events._page_heat(language, title, statement);
    ELSE section := odoo_events._page_table(language, title, statement);
  END CASE;
  -- the lamp shows the worst of what the table shows
  IF kind = 'lamp' THEN
    section := CASE WHEN section LIKE '%<td class="b bad">%' THEN '<p class="lamp bad">' || odoo_events._page_text(language, 'needs help now')
                    WHEN section LIKE '%<td class="b warn">%' THEN '<p class="lamp warn">' || odoo_events._page_text(language, 'needs a look')
                    ELSE '<p class="lamp good">' || odoo_events._page_text(language, 'all is well') END || E'</p>\n' || section;
  END IF;
  RETURN section;
EXCEPTION WHEN lock_not_available THEN
  RETURN odoo_events._page_left_out(language, title, 'cannot be shown: another session locks what it reads', statement);
END $$;
COMMENT ON FUNCTION odoo_events._page_section(text, text, text, text, text) IS 'internal: one section of a page; it does not wait for locks';
CREATE FUNCTION odoo_events._page_title(role text, OUT title text, OUT question text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT t.title, t.question
  FROM (VALUES ('operations', 'Operations', 'Does the machine run?'), ('integration', 'Integration', 'Which partner, which document?'),
               ('warehouse', 'Warehouse', 'What is late at my dock?'), ('business', 'Business', 'Do we keep what we promised?'),
               ('document', 'Document', 'Where is this one?')) t(role, title, question)
 WHERE t.role = _page_title.role
$$;
COMMENT ON FUNCTION odoo_events._page_title(text) IS 'internal: title and question of a page; nulls where there is no such page';
CREATE FUNCTION odoo_events._page_check(role text, period interval, company_id int4, warehouse_id int4, what text, language text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (SELECT t.title FROM odoo_events._page_title(role) t) IS NULL THEN
    RAISE EXCEPTION 'there is no page "%" (argument "role")', role USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.page(''operations'');  -- or integration, warehouse, business, document';
  ELSIF role NOT IN ('warehouse', 'business') AND num_nonnulls(company_id, warehouse_id) > 0 THEN
    RAISE EXCEPTION 'page "%" shows all companies and warehouses: argument "%" has no effect', role, CASE WHEN company_id IS NULL THEN 'warehouse_id' ELSE 'company_id' END
      USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT odoo_events.page(''warehouse'', warehouse_id => 1);';
  ELSIF period IS NULL OR period <= interval '0' OR period > interval '92 days' THEN
    RAISE EXCEPTION 'argument "period" is %: a page covers more than nothing and at most 92 days', period USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.page(period => ''24 h'');';
  ELSIF role = 'document' AND COALESCE(what, '') = '' THEN
    RAISE EXCEPTION 'argument "what" says no document' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.page(''document'', what => ''transfer:1'');  -- or the document''s name, or an event''s id';
  ELSIF language IS NOT NULL AND language <> 'en' AND NOT odoo_events._page_texts() ? language THEN
    RAISE EXCEPTION 'argument "language" is "%": pages speak %', language, 'en, ' || (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(odoo_events._page_texts()) k)
      USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT odoo_events.page(language => ''en'');';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._page_check(text, interval, int4, int4, text, text) IS 'internal: raises what is wrong with the arguments of page()';
CREATE FUNCTION odoo_events.page(role text DEFAULT 'operations', period interval DEFAULT '24 h', company_id int4 DEFAULT NULL, warehouse_id int4 DEFAULT NULL,
                                 what text DEFAULT NULL, language text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres' AS $$
DECLARE
  spoken text := COALESCE(page.language, 'en');
  zone   text := odoo_events._page_zone(page.warehouse_id);
  recent int8 := GREATEST(COALESCE((SELECT max(o.position) FROM odoo_events.outbox_all o), 0) - 20000, 0);
  whose  text := concat(' AND COALESCE(\1.company_id = ' || page.company_id || ', true)', ' AND COALESCE(\1.warehouse_id = ' || page.warehouse_id || ', true)');
  titles record;
  body   text;
BEGIN
  PERFORM odoo_events._page_check(page.role, page.period, page.company_id, page.warehouse_id, page.what, page.language);
  PERFORM set_config('TimeZone', zone, true);           -- until the end of this function, because of its SET clause
  SELECT * INTO titles FROM odoo_events._page_title(page.role);
  SELECT string_agg(odoo_events._page_section(spoken, s.kind, s.title, s.needs,
           replace(replace(replace(replace(regexp_replace(s.statement, '[{]whose:(\w)[}]', whose, 'g'), '{recent}', recent::text),
             '{since}', 'timestamptz ' || quote_literal(now() - page.period)), '{until}', 'timestamptz ' || quote_literal(now())), '{what}', COALESCE(quote_literal(page.what), 'NULL'))),
           E'\n' ORDER BY s.n)
    INTO body FROM odoo_events._page_sections(page.role) s;
  RETURN odoo_events._page_document(spoken, concat_ws(' - ', COALESCE(odoo_events._page_texts() -> spoken ->> titles.title, titles.title), left(regexp_replace(page.what, '[^[:alnum:]/_.: -]', '', 'g'), 30), left(current_database(), 20)),
    '<header><h1>' || odoo_events._page_text(spoken, titles.title) || COALESCE(': ' || odoo_events._html_value(page.what, 80), '') || '</h1><p class="sub">'
    || odoo_events._page_text(spoken, titles.question) || ' '
    || COALESCE(odoo_events._page_text(spoken, 'company') || ' ' || page.company_id || ', ', '') || COALESCE(odoo_events._page_text(spoken, 'warehouse') || ' ' || page.warehouse_id || ', ', '') || odoo_events._html_value(current_database(), 40) || ', '
    || odoo_events._page_text(spoken, 'made at') || ' <time datetime="' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '">' || to_char(now(), 'YYYY-MM-DD HH24:MI') || '</time> ('
    || odoo_events._page_text(spoken, 'times in') || ' ' || odoo_events._html(zone) || '), '
    || odoo_events._page_text(spoken, 'period') || ' ' || odoo_events._html(page.period::text)
    || E'</p></header>\n<main>\n' || body || E'\n</main>');
END $$;
COMMENT ON FUNCTION odoo_events.page(text, interval, int4, int4, text, text) IS
'one HTML document for a role (operations, integration, warehouse, business, document): no script, nothing loaded from elsewhere; each figure has its statement; '
'period: at most 92 days; company_id, warehouse_id: only for warehouse and business; within the caller''s policy; '
'what: the document, for role document; language: en, de or fr';
-- event_catalog: the catalog as one HTML page for those who write receivers, from the same rows as docs/events.

-- A value that satisfies a JSON Schema of ours: what an event looks like.
CREATE FUNCTION odoo_events._schema_example(schema jsonb, definitions jsonb, depth int DEFAULT 0) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind text := CASE jsonb_typeof(schema -> 'type') WHEN 'array' THEN ((schema -> 'type') - 'null') ->> 0 ELSE schema ->> 'type' END;
BEGIN
  IF schema ? '$ref' THEN
    RETURN odoo_events._schema_example(definitions -> regexp_replace(schema ->> '$ref', '^.*/', ''), definitions, depth + 1);
  ELSIF schema ? 'const' THEN
    RETURN schema -> 'const';
  ELSIF schema ? 'enum' THEN
    RETURN schema -> 'enum' -> 0;
  ELSIF schema ? 'examples' THEN
    RETURN schema -> 'examples' -> 0;
  ELSIF schema ? 'anyOf' AND (kind IS NULL OR kind <> 'string') THEN
    RETURN odoo_events._schema_example(schema -> 'anyOf' -> 0, definitions, depth + 1);
  ELSIF kind = 'object' THEN
    RETURN COALESCE((SELECT jsonb_object_agg(p.key, odoo_events._schema_example(p.value, definitions, depth + 1))
                       FROM jsonb_each(schema -> 'properties') p WHERE depth < 8), '{}');
  ELSIF kind = 'array' THEN
    RETURN CASE WHEN schema ? 'items' AND depth < 6 THEN jsonb_build_array(odoo_events._schema_example(schema -> 'items', definitions, depth + 1)) ELSE '[]' END;
  END IF;
  RETURN CASE kind WHEN 'integer' THEN jsonb '42' WHEN 'number' THEN jsonb '10.5' WHEN 'boolean' THEN jsonb 'true'
                   ELSE CASE COALESCE(schema ->> 'format', schema #>> '{anyOf,0,format}')
                          WHEN 'date-time' THEN jsonb '"2026-11-30T08:15:00.000000Z"' WHEN 'date' THEN jsonb '"2026-11-30"' ELSE jsonb '"text"' END END;
END $$;
COMMENT ON FUNCTION odoo_events._schema_example(jsonb, jsonb, int) IS 'internal: a value that this JSON Schema allows';
-- What a member's schema says, in a word or two.
CREATE FUNCTION odoo_events._schema_word(schema jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN schema ? '$ref' THEN regexp_replace(schema ->> '$ref', '^.*/(ref_)?', '') || ' (object)'
            WHEN schema ? 'const' THEN schema ->> 'const'
            WHEN schema ? 'enum' THEN (SELECT string_agg(v, ', ') FROM jsonb_array_elements_text(schema -> 'enum') v)
            WHEN schema ? 'format' THEN schema ->> 'format'
            WHEN schema ? 'anyOf' THEN (SELECT string_agg(DISTINCT COALESCE(odoo_events._schema_word(v), 'text'), ' or ') FROM jsonb_array_elements(schema -> 'anyOf') v)
            WHEN jsonb_typeof(schema -> 'type') = 'array' THEN (SELECT string_agg(v, ' or ') FROM jsonb_array_elements_text(schema -> 'type') v)
            WHEN schema ->> 'type' = 'array' THEN 'list of ' || COALESCE(odoo_events._schema_word(schema -> 'items'), 'values')
            WHEN schema ? 'pattern' THEN 'string'
            ELSE COALESCE(schema ->> 'type', 'any') END
$$;
COMMENT ON FUNCTION odoo_events._schema_word(jsonb) IS 'internal: a JSON Schema in a few words';
CREATE FUNCTION odoo_events._catalog_fields(owner text, properties jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT '<div class="wide" tabindex="0"><table><thead><tr><th scope="col">member</th><th scope="col">value</th><th scope="col">class</th><th scope="col">from</th></tr></thead><tbody>'
       || string_agg(format('<tr><th scope="row"><code>%s</code></th><td>%s</td><td>%s</td><td>%s</td></tr>', odoo_events._html(f.field),
                            odoo_events._html_value(COALESCE(odoo_events._schema_word(properties -> f.field), 'not in this database')),
                            odoo_events._html(f.classification), odoo_events._html_value(array_to_string(f.sources, ', '))), E'\n' ORDER BY f.position, f.field)
       || '</tbody></table></div>'
  FROM odoo_events.field f WHERE f.owner = _catalog_fields.owner
$$;
COMMENT ON FUNCTION odoo_events._catalog_fields(text, jsonb) IS 'internal: the members of an entity or part as an HTML table';
CREATE FUNCTION odoo_events._catalog_type(type text, entity text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT format('<details id="%s"><summary><code>%s</code> %s%s</summary>',
              odoo_events._html(replace(min(d.type), '.', '-') || CASE WHEN EXISTS (SELECT 1 FROM odoo_events.event_def o WHERE o.type = min(d.type) AND o.entity < min(d.entity) AND o.emit) THEN '-of-' || min(d.entity) ELSE '' END),
              odoo_events._html(min(d.type)),
              odoo_events._html(string_agg(DISTINCT d.description, '; ')), CASE WHEN bool_and(d.deprecated) THEN ' <strong class="warn">deprecated</strong>' ELSE '' END)
       || '<dl><dt>When</dt>'
       || string_agg('<dd>' || odoo_events._html(concat_ws(' ', d.occasion, d.milestone)) || COALESCE(': <code>' || odoo_events._html_value(d.condition::text, 1200) || '</code>', '') || '</dd>', '' ORDER BY d.variant)
       || '<dt>Class</dt><dd>' || (SELECT c FROM unnest('{personal,confidential,internal,public}'::text[]) WITH ORDINALITY u(c, n) WHERE c = ANY (array_agg(d.classification)) ORDER BY n LIMIT 1) || '</dd>'
       || '<dt>Sent</dt><dd>' || CASE WHEN bool_or(d.enabled) THEN 'yes' ELSE 'only after <code>SELECT odoo_events.enable_event(''' || odoo_events._html(min(d.type)) || ''');</code>' END || '</dd>'
       || '<dt>Changes</dt><dd>' || CASE max(d.minor) WHEN 0 THEN 'none since version 1.0 of the type' ELSE 'members were added: version ' || substring(min(d.type) FROM '[0-9]+$') || '.' || max(d.minor) END || '</dd>'
       || COALESCE('<dt>EPCIS</dt><dd>' || odoo_events._html(min(d.epcis_bizstep) || ' / ' || COALESCE(min(d.epcis_disposition), '')) || '</dd>', '')
       || '<dt>Schema</dt><dd><code>SELECT odoo_events.json_schema(''' || odoo_events._html(min(d.type)) || ''');</code></dd></dl></details>'
  FROM odoo_events.event_def d WHERE d.type = _catalog_type.type AND d.entity = _catalog_type.entity AND d.emit
$$;
COMMENT ON FUNCTION odoo_events._catalog_type(text, text) IS 'internal: an event type as a part of an HTML page';
CREATE FUNCTION odoo_events._catalog_entity(e odoo_events.entity) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  definitions jsonb := odoo_events._entity_definitions(e.entity, '#/$defs/');
  data        jsonb := definitions -> ('data_' || e.entity);
  name        text := COALESCE(e.label, e.entity);
BEGIN
  RETURN format('<section aria-labelledby="entity-%s"><h3 id="entity-%s">%s</h3><p class="sub">%s. Key: %s. Company: %s. Warehouse: %s.</p>', odoo_events._html(e.entity), odoo_events._html(e.entity), odoo_events._html(e.entity),
                odoo_events._html(e.model), odoo_events._html(COALESCE(NULLIF(array_to_string(e.keys, ', '), '') || ', else ', '') || name || ':id'),
                odoo_events._html(COALESCE(NULLIF(array_to_string(e.company, ', '), ''), 'none')), odoo_events._html(COALESCE(NULLIF(array_to_string(e.warehouse, ', '), ''), 'none')))
      || COALESCE((SELECT string_agg(odoo_events._catalog_type(t.type, e.entity), E'\n' ORDER BY t.rank, t.type)
                     FROM (SELECT d.type, min(d.rank) AS rank FROM odoo_events.event_def d WHERE d.entity = e.entity AND d.emit GROUP BY d.type) t), '')
      || '<details><summary>Members of data.' || odoo_events._html(name) || '</summary>' || COALESCE(odoo_events._catalog_fields(e.entity, data #> ARRAY['properties', name, 'properties']), '')
      || COALESCE((SELECT string_agg('<h4>Lines: ' || odoo_events._html(p.part) || '</h4>' || COALESCE(odoo_events._catalog_fields(p.owner, odoo_events._part_json(p, '#/$defs/') -> 'properties'), ''), '' ORDER BY p.position)
                     FROM odoo_events.part p WHERE p.entity = e.entity AND p.owner <> 'none'), '')
      || '</details><details><summary>Example of data</summary><pre><code>' || odoo_events._html(COALESCE(jsonb_pretty(odoo_events._schema_example(data, definitions)), '{}')) || '</code></pre></details></section>';
END $$;
COMMENT ON FUNCTION odoo_events._catalog_entity(odoo_events.entity) IS 'internal: an entity and its event types as a part of an HTML page';
CREATE FUNCTION odoo_events.event_catalog() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
WITH e AS (SELECT x.* FROM odoo_events.entity x WHERE EXISTS (SELECT 1 FROM odoo_events.event_def d WHERE d.entity = x.entity AND d.emit)),
     d AS (SELECT DISTINCT e.domain FROM e)
SELECT odoo_events._page_document('en', 'Event catalog - ' || current_database(),
  '<header><h1>Event catalog</h1><p class="sub">What this database can tell: ' || (SELECT count(DISTINCT t.type) FROM odoo_events.event_type t)
  || ' event types. Every event is a CloudEvent; the members of <code>data</code> stand below. A subscription sees members of its clearance only. Any member may be absent; more may be added without a new version.</p>'
  || '<nav aria-label="entities"><ul>' || (SELECT string_agg('<li><a href="#domain-' || odoo_events._html(d.domain) || '">' || odoo_events._html(replace(d.domain, '_', ' ')) || '</a>: '
       || (SELECT string_agg('<a href="#entity-' || odoo_events._html(e.entity) || '">' || odoo_events._html(replace(e.entity, '_', ' ')) || '</a>', ', ' ORDER BY e.entity) FROM e WHERE e.domain = d.domain) || '</li>', E'\n' ORDER BY d.domain) FROM d)
  || E'</ul></nav></header>\n<main>'
  || '<section aria-labelledby="envelope"><h2 id="envelope">Attributes of every event</h2><div class="wide" tabindex="0"><table><thead><tr><th scope="col">attribute</th><th scope="col">value</th><th scope="col">meaning</th></tr></thead><tbody>'
  || (SELECT string_agg('<tr><th scope="row"><code>' || odoo_events._html(p.key) || '</code></th><td>' || odoo_events._html_value(odoo_events._schema_word(p.value)) || '</td><td>' || odoo_events._html(COALESCE(p.value ->> 'description', '')) || '</td></tr>', E'\n')
        FROM jsonb_each(odoo_events._envelope_json() -> 'properties') p)
  || '</tbody></table></div></section>'
  || (SELECT string_agg('<section aria-labelledby="domain-' || odoo_events._html(d.domain) || '"><h2 id="domain-' || odoo_events._html(d.domain) || '">' || odoo_events._html(replace(d.domain, '_', ' ')) || '</h2>'
       || (SELECT string_agg(odoo_events._catalog_entity(x), E'\n' ORDER BY x.entity) FROM odoo_events.entity x WHERE x.domain = d.domain AND x.entity IN (SELECT e.entity FROM e)) || '</section>', E'\n' ORDER BY d.domain) FROM d)
  || '</main>')
$$;
COMMENT ON FUNCTION odoo_events.event_catalog() IS
'the catalog as one HTML page for integrators: per type when, key, members with their class, an example, how to get its schema, what changed; a few seconds';
-- config: the configuration as one JSON document, which can be exported, compared and applied.
--
-- A kind of configuration is a row of _config_kind and up to four functions, found by their names:
--   _export_<kind>() RETURNS TABLE (name text, item jsonb)      what there is: without secrets, numbers and what is a default anyway
--   _import_<kind>(name text, item jsonb)                        makes it so; item null: removes it
--   _wanted_<kind>(name text, item jsonb) RETURNS jsonb         optional: checks an item; answers it as it would be exported
--   _effect_<kind>(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
--                                                               optional: what a change means; path null: the whole item comes or goes

CREATE OR REPLACE VIEW odoo_events._config_kind AS
SELECT v.kind, v.place
  FROM (VALUES ('definition', 10), ('type', 20), ('policy', 30), ('calendar', 40), ('residency', 45), ('subscription', 50), ('sla', 55), ('care', 60), ('comparison', 70), ('retention', 80)) v(kind, place);
COMMENT ON VIEW odoo_events._config_kind IS 'internal: kinds of configuration; they are applied in the order of place, and removed in the reverse one';
-- ---- values that differ from one environment to the next ----

CREATE TABLE odoo_events.environment_setting (
    environment text PRIMARY KEY,
    settings    jsonb NOT NULL
);
COMMENT ON TABLE odoo_events.environment_setting IS 'values that configurations name as ${name}, per environment; in no dump';
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.environment_setting
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('environment', 'set_environment', 'set_environment', 'set_environment', 'environment');
CREATE FUNCTION odoo_events.set_environment(environment text, settings jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text;
BEGIN
  PERFORM odoo_events._must_be_free('set_environment');
  IF environment !~ '^[A-Za-z0-9_-]{1,63}$' OR environment IS NULL THEN
    RAISE EXCEPTION 'argument "environment" cannot be "%"', environment USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Use a word such as production: letters, digits, "_" and "-".';
  END IF;
  IF settings IS NULL OR settings = '{}' THEN
    DELETE FROM odoo_events.environment_setting e WHERE e.environment = set_environment.environment;
    RETURN;
  END IF;
  IF jsonb_typeof(settings) <> 'object' THEN
    RAISE EXCEPTION 'argument "settings" is not a JSON object' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'settings => ''{"wms_url": "https://wms.example.com/hooks/odoo"}''; ''{}'' removes the environment.';
  END IF;
  SELECT k INTO wrong FROM jsonb_object_keys(settings) k WHERE k !~ '^[a-z][a-z0-9_]{0,62}$';
  IF FOUND THEN
    RAISE EXCEPTION 'argument "settings" has the unusable name "%"', wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Names consist of a-z, 0-9 and "_", and begin with a letter; a configuration says ${name}.';
  END IF;
  INSERT INTO odoo_events.environment_setting AS e (environment, settings) VALUES (set_environment.environment, set_environment.settings)
  ON CONFLICT ON CONSTRAINT environment_setting_pkey DO UPDATE SET settings = EXCLUDED.settings;
END $$;
COMMENT ON FUNCTION odoo_events.set_environment(text, jsonb) IS
'values for ${name} in configurations where odoo_events.environment is this one; ''{}'' removes them; they are in no dump';
CREATE FUNCTION odoo_events._environment() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE((SELECT e.settings FROM odoo_events.environment_setting e WHERE e.environment = current_setting('odoo_events.environment')), '{}')
$$;
COMMENT ON FUNCTION odoo_events._environment() IS 'internal: the values of the environment that this server is';
-- A string that is ${name} becomes the value, whatever its type; within a string the value's text stands in its place.  $${ is ${ itself.
CREATE FUNCTION odoo_events._resolve_text(t text, settings jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m      text[];
  result text := '';
  rest   text := t;
BEGIN
  FOR m IN SELECT regexp_matches(t, '^(.*?)(\$?)\$\{([a-z][a-z0-9_]*)\}(.*)$') LOOP
    WHILE m IS NOT NULL LOOP
      IF m[2] = '$' THEN
        result := result || m[1] || '${' || m[3] || '}';
      ELSIF settings -> m[3] IS NULL THEN
        RAISE EXCEPTION 'the configuration names ${%}, which this environment does not have', m[3] USING ERRCODE = 'undefined_object',
          DETAIL = format('odoo_events.environment is %L.', current_setting('odoo_events.environment')),
          HINT = CASE WHEN current_setting('odoo_events.environment') = ''
                      THEN 'ALTER SYSTEM SET odoo_events.environment = ''production''; SELECT pg_catalog.pg_reload_conf();  -- then set_environment(), then arm()'
                      ELSE format('SELECT odoo_events.set_environment(%L, %L);', current_setting('odoo_events.environment'), settings || jsonb_build_object(m[3], '...')) END;
      ELSIF m[1] = '' AND m[4] = '' AND result = '' THEN
        RETURN settings -> m[3];
      ELSE
        result := result || m[1] || (settings ->> m[3]);
      END IF;
      rest := m[4];
      m := regexp_match(rest, '^(.*?)(\$?)\$\{([a-z][a-z0-9_]*)\}(.*)$');
    END LOOP;
  END LOOP;
  RETURN to_jsonb(result || rest);
END $$;
COMMENT ON FUNCTION odoo_events._resolve_text(text, jsonb) IS 'internal: a string of a configuration with the values of the environment in it';
-- The other way: a string that is one of the values, or begins with it, and a list that is the value of a setting named after it.
CREATE FUNCTION odoo_events._abstract_text(t text, settings jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $body$
SELECT COALESCE(
  (SELECT to_jsonb('${' || e.key || '}' || replace(substr(t, length(e.value #>> '{}') + 1), '${', '$${'))
     FROM jsonb_each(settings) e
    WHERE jsonb_typeof(e.value) = 'string' AND (t = e.value #>> '{}' OR length(e.value #>> '{}') >= 8 AND starts_with(t, e.value #>> '{}'))
    ORDER BY length(e.value #>> '{}') DESC, e.key LIMIT 1),
  to_jsonb(replace(t, '${', '$${')))
$body$;
COMMENT ON FUNCTION odoo_events._abstract_text(text, jsonb) IS 'internal: a string of a configuration with ${name} for a value of the environment';
CREATE FUNCTION odoo_events._with_environment(j jsonb, settings jsonb, resolve boolean, member text DEFAULT '') RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  named text;
BEGIN
  CASE jsonb_typeof(j)
    WHEN 'string' THEN
      RETURN CASE WHEN resolve THEN odoo_events._resolve_text(j #>> '{}', settings) ELSE odoo_events._abstract_text(j #>> '{}', settings) END;
    WHEN 'object' THEN
      RETURN COALESCE((SELECT jsonb_object_agg(e.key, odoo_events._with_environment(e.value, settings, resolve, e.key)) FROM jsonb_each(j) e), '{}');
    WHEN 'array' THEN
      IF NOT resolve THEN
        SELECT e.key INTO named FROM jsonb_each(settings) e WHERE e.value = j AND (e.key = member OR e.key LIKE '%\_' || member) ORDER BY e.key LIMIT 1;
        IF FOUND THEN
          RETURN to_jsonb('${' || named || '}');
        END IF;
      END IF;
      RETURN COALESCE((SELECT jsonb_agg(odoo_events._with_environment(e, settings, resolve) ORDER BY n) FROM jsonb_array_elements(j) WITH ORDINALITY x(e, n)), '[]');
    ELSE
      RETURN j;
  END CASE;
END $$;
COMMENT ON FUNCTION odoo_events._with_environment(jsonb, jsonb, boolean, text) IS 'internal: a configuration with the values of the environment in place of ${name}, or the other way round';
-- ---- export ----

CREATE FUNCTION odoo_events._check_kinds(kinds text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text := (SELECT k FROM unnest(kinds) k WHERE k IS NULL OR NOT EXISTS (SELECT 1 FROM odoo_events._config_kind c WHERE c.kind = k) LIMIT 1);
BEGIN
  IF wrong IS NOT NULL OR array_position(kinds, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'there is no kind of configuration "%"', wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = format('Kinds are %s.', (SELECT string_agg(c.kind, ', ' ORDER BY c.kind) FROM odoo_events._config_kind c));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_kinds(text[]) IS 'internal: refuses what is no kind of configuration';
-- As it stands, without ${name}.  The texts of intervals and times do not depend on the caller's settings.
CREATE FUNCTION odoo_events._export(kinds text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET timezone = 'UTC' AS $$
DECLARE
  k      text;
  items  jsonb;
  result jsonb := '{}';
BEGIN
  FOR k IN SELECT c.kind FROM odoo_events._config_kind c WHERE kinds IS NULL OR c.kind = ANY (kinds) LOOP
    EXECUTE format('SELECT COALESCE(jsonb_object_agg(x.name, x.item), ''{}'') FROM odoo_events._export_%s() x', k) INTO items;
    result := result || jsonb_build_object(k, items);
  END LOOP;
  RETURN result;
END $$;
COMMENT ON FUNCTION odoo_events._export(text[]) IS 'internal: the configuration as it stands';
CREATE FUNCTION odoo_events.config_export(kinds text[] DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('config_export');
  PERFORM odoo_events._check_kinds(kinds);
  RETURN odoo_events._with_environment(odoo_events._export(kinds), odoo_events._environment(), false);
END $$;
COMMENT ON FUNCTION odoo_events.config_export(text[]) IS
'the configuration as JSON, {kind: {name: {...}}}: without secrets, numbers and defaults, values of the environment as ${name}; null: all kinds';
CREATE FUNCTION odoo_events._hash(config jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT encode(sha256(convert_to(config::text, 'UTF8')), 'hex')
$$;
COMMENT ON FUNCTION odoo_events._hash(jsonb) IS 'internal: what config_hash() answers for this configuration';
CREATE FUNCTION odoo_events.config_hash() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._hash(odoo_events._export(NULL))
$$;
COMMENT ON FUNCTION odoo_events.config_hash() IS 'SHA-256 of the configuration as it stands: the same hash, the same configuration; for config_apply(expect => ...)';
-- ---- kind subscription: the arguments of subscribe() ----

-- The defaults of a function's arguments as JSON; an argument without a default is null.
CREATE FUNCTION odoo_events._argument_defaults(proc regproc) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
DECLARE
  members text;
  result  jsonb;
BEGIN
  SELECT string_agg(format('%L, to_jsonb(%s)', a.name, COALESCE(pg_get_function_arg_default(p.oid, a.n::int), 'NULL::text')), ', ') INTO members
    FROM pg_proc p, unnest(p.proargnames) WITH ORDINALITY a(name, n) WHERE p.oid = proc AND a.n <= p.pronargs;
  EXECUTE format('SELECT jsonb_build_object(%s)', members) INTO result;
  RETURN result;
END $$;
COMMENT ON FUNCTION odoo_events._argument_defaults(regproc) IS 'internal: what the arguments of a function are when they are left out';
-- What subscribe() takes and an export has.  Of headers the names, of auth and tls what is not secret.
CREATE FUNCTION odoo_events._subscription_defaults() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._argument_defaults('odoo_events.subscribe') - '{name,secret,start_from,or_replace}'::text[] || jsonb '{"headers": []}'
$$;
COMMENT ON FUNCTION odoo_events._subscription_defaults() IS 'internal: members of a subscription in a configuration, with their defaults';
CREATE FUNCTION odoo_events._subscription_item(c odoo_events.subscription_config, defaults jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(jsonb_object_agg(e.key, e.value), '{}')
  FROM jsonb_each(to_jsonb(c) || jsonb_build_object('headers', to_jsonb(c.header_names))) e
 WHERE defaults ? e.key AND e.value <> 'null' AND e.value <> COALESCE(defaults -> e.key, 'null')
$$;
COMMENT ON FUNCTION odoo_events._subscription_item(odoo_events.subscription_config, jsonb) IS 'internal: a subscription as a configuration has it';
CREATE FUNCTION odoo_events._export_subscription() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT c.name, odoo_events._subscription_item(c, d)
  FROM odoo_events._subscription_defaults() d, odoo_events.subscription_config c
$$;
COMMENT ON FUNCTION odoo_events._export_subscription() IS 'internal: kind subscription of config_export()';
-- Refuses members that an item of this kind does not have.
CREATE FUNCTION odoo_events._check_item(kind text, name text, item jsonb, known text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text;
BEGIN
  IF jsonb_typeof(item) IS DISTINCT FROM 'object' THEN
    RAISE EXCEPTION '% "%" of the configuration is not a JSON object', kind, name USING ERRCODE = 'invalid_parameter_value',
      HINT = format('SELECT odoo_events.config_export(%L);  -- shows what one looks like', ARRAY[kind]);
  END IF;
  SELECT k INTO wrong FROM jsonb_object_keys(item) k WHERE k <> ALL (known) ORDER BY k LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '% "%" of the configuration has the unknown member "%"', kind, name, wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = format('Its members are %s.', array_to_string(known, ', '));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_item(text, text, jsonb, text[]) IS 'internal: refuses unknown members of a configuration';
-- A configuration's item as a row, with the columns that subscribe() derives.
CREATE FUNCTION odoo_events._subscription_row(name text, item jsonb) RETURNS odoo_events.subscription_config
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  defaults jsonb := odoo_events._subscription_defaults();
  c        odoo_events.subscription_config;
BEGIN
  PERFORM odoo_events._check_item('subscription', name, item, ARRAY(SELECT k FROM jsonb_object_keys(defaults) k ORDER BY k));
  c := jsonb_populate_record(NULL::odoo_events.subscription_config, defaults || item || jsonb_build_object('name', name));
  c.header_names := ARRAY(SELECT h FROM jsonb_array_elements_text(COALESCE(item -> 'headers', '[]')) h ORDER BY h);
  c.types_like := ARRAY(SELECT replace(replace(t, '_', '\_'), '*', '%') FROM unnest(c.types) t);
  c.companies := NULLIF(c.companies, '{}');
  c.warehouses := NULLIF(c.warehouses, '{}');
  c.success_statuses := NULLIF(c.success_statuses, '{}');
  c.outcome_types := NULLIF(c.outcome_types, '{}');
  c.outcome_types_like := (SELECT array_agg(replace(replace(t, '_', '\_'), '*', '%')) FROM unnest(c.outcome_types) t);
  c.fields := NULLIF(c.fields, '{}');
  -- a secret that somebody wrote into a document all the same must not come into this table, which everybody who exports reads
  c.auth := c.auth - '{password,token,client_secret,seed,creds}'::text[];
  c.tls := c.tls - 'key';
  RETURN c;
EXCEPTION WHEN data_exception THEN
  RAISE EXCEPTION 'subscription "%" of the configuration cannot be read: %', name, SQLERRM USING ERRCODE = 'invalid_parameter_value',
    HINT = 'SELECT odoo_events.config_export(''{subscription}'');  -- shows what one looks like';
END $$;
COMMENT ON FUNCTION odoo_events._subscription_row(text, jsonb) IS 'internal: a subscription of a configuration as a row';
CREATE FUNCTION odoo_events._wanted_subscription(name text, item jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._subscription_item(odoo_events._subscription_row($1, $2), odoo_events._subscription_defaults())
$$;
COMMENT ON FUNCTION odoo_events._wanted_subscription(text, jsonb) IS 'internal: a subscription of a configuration as it would be exported';
-- The credentials that a wanted configuration needs: those it has, or had within the last seven days.  Null where there are none.
CREATE FUNCTION odoo_events._credentials(was odoo_events.subscription_config, c odoo_events.subscription_config) RETURNS odoo_events.subscription_secret
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s   odoo_events.subscription_secret;
  old odoo_events.subscription_secret;
BEGIN
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = was.id;
  IF c.header_names <@ was.header_names AND (c.auth IS NULL OR c.auth = was.auth) AND (NOT COALESCE(c.tls ? 'cert', false) OR c.tls -> 'cert' = was.tls -> 'cert') THEN
    s.header_values := ARRAY(SELECT h.value FROM unnest(was.header_names, s.header_values) h(name, value) WHERE h.name = ANY (c.header_names) ORDER BY h.name);
  ELSE
    SELECT x.* INTO old
      FROM (SELECT -k.id AS id, k.until, k.header_names, k.auth, k.tls FROM odoo_events.kept_secret k WHERE k.name = c.name
            UNION ALL
            SELECT u.subscription_id, u.until, r.header_names, r.auth, r.tls
              FROM odoo_events.unsubscribed u, jsonb_populate_record(NULL::odoo_events.subscription_config, u.config) r WHERE u.name = c.name) k
           JOIN odoo_events.subscription_secret x ON x.subscription_id = k.id
     WHERE k.header_names = c.header_names AND k.auth IS NOT DISTINCT FROM c.auth AND k.tls -> 'cert' IS NOT DISTINCT FROM c.tls -> 'cert'
     ORDER BY k.until DESC LIMIT 1;
    IF NOT FOUND THEN
      RETURN NULL;
    END IF;
    s.header_values := old.header_values; s.auth := old.auth; s.tls_key := old.tls_key;
  END IF;
  s.auth := CASE WHEN c.auth IS NOT NULL THEN s.auth END;
  s.tls_key := CASE WHEN c.tls ? 'cert' THEN s.tls_key END;
  RETURN s;
END $$;
COMMENT ON FUNCTION odoo_events._credentials(odoo_events.subscription_config, odoo_events.subscription_config) IS
'internal: credentials for a wanted configuration, of those that the subscription has or had';
-- A new one whose credentials nobody knows here is made as a restore makes it: without a secret, so that nothing is sent until it gets all.
CREATE FUNCTION odoo_events._create_subscription(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  start int8 := odoo_events._start_cursor('now');
  s     odoo_events.subscription_secret;
BEGIN
  c.id := nextval('odoo_events.subscription_id_seq');
  c.state := 'active'; c.state_since := now(); c.created_at := now(); c.version := 1;
  INSERT INTO odoo_events.subscription_config SELECT (c).*;
  IF c.url IS NULL THEN
    INSERT INTO odoo_events.pull_cursor (subscription_id, position, fetched, scanned) VALUES (c.id, start, start, start);
    RETURN;
  END IF;
  INSERT INTO odoo_events.progress_0 (subscription_id, at, cursor) VALUES (c.id, clock_timestamp(), start);
  IF odoo_events._lost_secrets(c, s) = '{}' THEN
    s.subscription_id := c.id; s.secret := odoo_events._new_secret(); s.signature := c.signature;
    s.header_values := '{}'; s.previous := '{}'; s.previous_signature := '{}'; s.previous_until := '{}';
    PERFORM odoo_events._store_secret(s);
    RAISE NOTICE 'subscription "%" has a new secret', c.name USING HINT = format('SELECT odoo_events.set_secret(%L);  -- answers one for its receiver', c.name);
  ELSE
    RAISE NOTICE 'subscription "%" waits for its credentials: no configuration has them', c.name
      USING HINT = format('SELECT odoo_events.alter_subscription(%L, secret => ..., %s);', c.name,
                          (SELECT string_agg(l || ' => ...', ', ') FROM unnest(odoo_events._lost_secrets(c, s)) l));
  END IF;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._create_subscription(odoo_events.subscription_config) IS 'internal: subscribe() as a configuration wants it';
-- All of it in place of what was.
CREATE FUNCTION odoo_events._change_subscription(was odoo_events.subscription_config, c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s odoo_events.subscription_secret;
  same constant boolean := ROW(c.header_names, c.auth, c.tls, c.signature) IS NOT DISTINCT FROM ROW(was.header_names, was.auth, was.tls, was.signature);
BEGIN
  PERFORM odoo_events._same_way(was, c);
  c.id := was.id; c.version := was.version; c.created_at := was.created_at; c.overlap_until := was.overlap_until;
  c.state := was.state; c.state_reason := was.state_reason; c.state_since := was.state_since;
  c.auth_expires_at := CASE WHEN c.auth = was.auth THEN was.auth_expires_at END;
  c.tls_expires_at := CASE WHEN c.tls = was.tls THEN was.tls_expires_at ELSE c.tls_expires_at END;
  IF NOT same AND c.url IS NOT NULL AND EXISTS (SELECT 1 FROM odoo_events.subscription_secret x WHERE x.subscription_id = was.id) THEN
    s := odoo_events._credentials(was, c);
    IF s.secret IS NULL THEN
      RAISE EXCEPTION 'subscription "%" is to have other credentials, which no configuration has', c.name
        USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Values of headers, passwords, tokens and keys are secret.',
              HINT = format('SELECT odoo_events.alter_subscription(%L, %s);  -- first', c.name, array_to_string(
                CASE WHEN c.header_names <> was.header_names THEN ARRAY['headers => ...'] ELSE '{}' END
                || CASE WHEN c.auth IS DISTINCT FROM was.auth THEN ARRAY['auth => ...'] ELSE '{}' END
                || CASE WHEN c.tls IS DISTINCT FROM was.tls THEN ARRAY['tls => ...'] ELSE '{}' END, ', '));
    END IF;
    IF s.signature <> c.signature THEN
      s.secret := odoo_events._new_secret(); s.signature := c.signature;
      s.previous := '{}'; s.previous_signature := '{}'; s.previous_until := '{}';
      RAISE NOTICE 'subscription "%" has a new secret', c.name USING HINT = format('SELECT odoo_events.set_secret(%L);  -- answers one for its receiver', c.name);
    END IF;
    PERFORM odoo_events._keep_secret(was);
    s.subscription_id := c.id;
    PERFORM odoo_events._store_secret(s);
  END IF;
  PERFORM odoo_events._save_subscription(c);
END $$;
COMMENT ON FUNCTION odoo_events._change_subscription(odoo_events.subscription_config, odoo_events.subscription_config) IS
'internal: alter_subscription() as a configuration wants it';
-- What a configuration has of auth lacks the secret; the checks of auth ask for one.
CREATE FUNCTION odoo_events._auth_filled(auth jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT auth || CASE auth ->> 'type' WHEN 'bearer' THEN jsonb '{"token": "x"}' WHEN 'oauth2' THEN '{"client_secret": "x"}'
                                    WHEN 'nkey' THEN '{"seed": "x"}' WHEN 'creds' THEN '{"creds": "x"}' ELSE '{"password": "x"}' END
$$;
COMMENT ON FUNCTION odoo_events._auth_filled(jsonb) IS 'internal: auth of a configuration with something in place of its secret, to be checked';
CREATE FUNCTION odoo_events._import_subscription(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c   odoo_events.subscription_config;
  was odoo_events.subscription_config;
BEGIN
  IF item IS NULL THEN
    -- not unsubscribe(): a second person was asked about the whole configuration, where that is needed
    PERFORM odoo_events._unsubscribe(odoo_events._subscription(_import_subscription.name));
    RETURN;
  END IF;
  c := odoo_events._subscription_row(_import_subscription.name, item);
  PERFORM odoo_events._header_names(COALESCE((SELECT jsonb_object_agg(h, 'x') FROM unnest(c.header_names) h), '{}'));
  IF odoo_events._transport(c.url) IN ('webhook', 'fetch') THEN
    PERFORM odoo_events._auth_public(odoo_events._auth_filled(c.auth));
  ELSE
    PERFORM odoo_events._broker_auth(odoo_events._transport(c.url), odoo_events._auth_filled(c.auth));
  END IF;
  PERFORM odoo_events._tls_public(c.tls);
  c.tls_expires_at := odoo_events._check_tls(c.tls ->> 'ca', NULL, NULL);
  -- what is in a row stands for arguments that were left out; null stays null
  c := odoo_events._configure(c, jsonb_strip_nulls(jsonb_build_object('name', c.name, 'types', to_jsonb(c.types), 'filter', to_jsonb(c.filter))));
  IF NOT EXISTS (SELECT 1 FROM odoo_events.subscription_config x WHERE x.name = c.name)
     AND NOT odoo_events._unshelve(c.name, c.url IS NULL) THEN
    PERFORM odoo_events._create_subscription(c);
    RETURN;
  END IF;
  was := odoo_events._subscription(c.name);
  IF odoo_events._subscription_item(was, odoo_events._subscription_defaults()) <> odoo_events._subscription_item(c, odoo_events._subscription_defaults()) THEN
    PERFORM odoo_events._change_subscription(was, c);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._import_subscription(text, jsonb) IS 'internal: kind subscription of config_apply()';
-- What the events of the last day would have become: those that it wanted, and those that it would want.
CREATE FUNCTION odoo_events._compare_wants(was odoo_events.subscription_config, c odoo_events.subscription_config, OUT n int8, OUT kept_back int8, OUT more int8, OUT whose text, OUT latest int8)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT count(*) FILTER (WHERE x.a), count(*) FILTER (WHERE x.a AND NOT x.b), count(*) FILTER (WHERE x.b AND NOT x.a),
       CASE WHEN count(*) FILTER (WHERE x.a AND NOT x.b) = 0 THEN NULL
            WHEN count(DISTINCT COALESCE(x.warehouse_id, 0)) FILTER (WHERE x.a AND NOT x.b) = 1
                 THEN COALESCE('all of warehouse ' || min(x.warehouse_id) FILTER (WHERE x.a AND NOT x.b), 'all without a warehouse')
            WHEN count(DISTINCT COALESCE(x.company_id, 0)) FILTER (WHERE x.a AND NOT x.b) = 1
                 THEN COALESCE('all of company ' || min(x.company_id) FILTER (WHERE x.a AND NOT x.b), 'all without a company') END,
       CASE WHEN count(*) = 20000 THEN 20000 END
  FROM (SELECT o.company_id, o.warehouse_id,
               odoo_events._unwanted(was, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL AS a,
               odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) IS NULL AS b
          FROM (SELECT * FROM odoo_events.outbox_all y
                 WHERE y.position > odoo_events._last_position() - 20000 AND y.recordedtime > now() - interval '1 day') o) x
$$;
COMMENT ON FUNCTION odoo_events._compare_wants(odoo_events.subscription_config, odoo_events.subscription_config) IS
'internal: which of the latest events two configurations of a subscription want';
CREATE FUNCTION odoo_events._effect_subscription(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  now_item jsonb := CASE WHEN path IS NULL THEN is_now
                         ELSE (SELECT x.item FROM odoo_events._export_subscription() x WHERE x.name = _effect_subscription.name) END;
  was      odoo_events.subscription_config;
  c        odoo_events.subscription_config;
  w        record;
  days     text;
BEGIN
  IF path IS NULL AND is_now IS NULL THEN
    risk := CASE WHEN EXISTS (SELECT 1 FROM odoo_events.unsubscribed u WHERE u.name = _effect_subscription.name AND u.until > now()) THEN 'low' ELSE 'medium' END;
    effect := CASE risk WHEN 'low' THEN 'goes on where it was dropped, with its secret' ELSE 'begins with events from now on, with a new secret' END;
    RETURN;
  END IF;
  was := odoo_events._subscription_row(name, now_item);
  IF path IS NULL THEN
    c := was; c.types_like := '{}';
  ELSIF path IN ('types', 'filter', 'companies', 'warehouses', 'shared_rows') THEN
    c := odoo_events._subscription_row(name, jsonb_strip_nulls(now_item || jsonb_build_object(path, wanted)));
  ELSE
    risk := CASE WHEN path IN ('url', 'auth', 'headers', 'tls', 'signature', 'format', 'payload', 'clearance', 'dry_run', 'ordering') THEN 'medium' ELSE 'low' END;
    effect := CASE path WHEN 'url' THEN 'what waits goes to the new address' WHEN 'signature' THEN 'the receiver needs a new secret'
                        WHEN 'dry_run' THEN CASE wanted WHEN 'true' THEN 'nothing is sent any more' ELSE 'events are sent' END
                        WHEN 'clearance' THEN 'the receiver sees other classes of data' END;
    risk := CASE WHEN path = 'dry_run' AND wanted = 'true' THEN 'high' ELSE risk END;
    RETURN;
  END IF;
  w := odoo_events._compare_wants(was, c);
  days := CASE WHEN w.latest IS NULL THEN 'of the last day' ELSE 'of the latest ' || to_char(w.latest, 'FM999,999,999') END;
  risk := CASE WHEN w.kept_back > 0 OR path IS NULL THEN 'high' WHEN w.more > 0 THEN 'medium' ELSE 'low' END;
  effect := concat_ws('; ',
    CASE WHEN w.kept_back > 0 THEN format('would have kept back %s of %s events %s%s', to_char(w.kept_back, 'FM999,999,999'), to_char(w.n, 'FM999,999,999'), days, ', ' || w.whose) END,
    CASE WHEN w.more > 0 THEN format('would have sent %s more events %s', to_char(w.more, 'FM999,999,999'), days) END,
    CASE WHEN w.kept_back = 0 AND w.more = 0 THEN format('no difference for %s events %s', to_char(w.n, 'FM999,999,999'), days) END,
    CASE WHEN path IS NULL THEN 'its place and its secret are kept for 7 days' END);
END $$;
COMMENT ON FUNCTION odoo_events._effect_subscription(text, text, jsonb, jsonb) IS 'internal: what a change of a subscription means, from the outbox';
-- ---- kind definition: what define_entity(), define_part(), define_event(), enable_event() and disable_event() keep ----

CREATE FUNCTION odoo_events._export_definition() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT d.kind || ' ' || d.name, CASE d.kind WHEN 'switch' THEN d.rows ELSE jsonb_build_object('rows', d.rows) END FROM odoo_events.definition d
$$;
COMMENT ON FUNCTION odoo_events._export_definition() IS 'internal: kind definition of config_export()';
CREATE FUNCTION odoo_events._import_definition(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  what text := split_part(name, ' ', 1);
  of   text := substr(name, strpos(name, ' ') + 1);
BEGIN
  IF what NOT IN ('entity', 'part', 'event', 'switch') OR of = '' THEN
    RAISE EXCEPTION 'definition "%" of the configuration is not called after what it defines', name USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.config_export(''{definition}'');  -- shows what one looks like';
  ELSIF item IS NULL AND what = 'entity' AND EXISTS (SELECT 1 FROM odoo_events.definition d WHERE d.kind = 'entity' AND d.name = of) THEN
    PERFORM odoo_events.drop_entity(of);
  ELSIF item IS NULL THEN
    DELETE FROM odoo_events.definition d WHERE d.kind = what AND d.name = of;
    IF what = 'switch' THEN
      UPDATE odoo_events.event_def e SET enabled = e.on_by_default WHERE e.type = of AND e.enabled <> e.on_by_default;
    END IF;
  ELSE
    PERFORM odoo_events._check_item('definition', name, item, CASE what WHEN 'switch' THEN '{enabled}'::text[] ELSE '{rows}' END);
    PERFORM odoo_events._define(what, of, CASE what WHEN 'switch' THEN item ELSE item -> 'rows' END);
    IF what = 'event' THEN
      PERFORM odoo_events._attach(ARRAY[e.entity], 'trigger') FROM odoo_events.entity e
        WHERE e.entity = item #>> '{rows,event_def,0,entity}' AND NOT e.builtin;
    END IF;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._import_definition(text, jsonb) IS 'internal: kind definition of config_apply()';
CREATE FUNCTION odoo_events._effect_definition(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of text := substr(name, strpos(name, ' ') + 1);
  n  int8;
BEGIN
  SELECT count(*) INTO n FROM odoo_events.outbox_all o
   WHERE o.position > odoo_events._last_position() - 20000 AND o.recordedtime > now() - interval '1 day' AND o.type = of;
  risk := CASE WHEN n > 0 THEN 'high' WHEN name LIKE 'switch %' THEN 'low' ELSE 'medium' END;
  effect := CASE WHEN name LIKE 'switch %' AND COALESCE(wanted, wanted -> 'enabled') IN ('false', '{"enabled": false}')
                 THEN format('would have left out %s events of the last day', to_char(n, 'FM999,999,999'))
                 WHEN name ~ '^(switch|event) ' THEN format('there were %s such events in the last day', to_char(n, 'FM999,999,999')) END;
END $$;
COMMENT ON FUNCTION odoo_events._effect_definition(text, text, jsonb, jsonb) IS 'internal: what a change of a definition means';
-- ---- kind care ----

CREATE FUNCTION odoo_events._export_care() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT c.name, jsonb_strip_nulls(to_jsonb(c) - '{id,name,type_like}'::text[]) FROM odoo_events.care_rule c
$$;
COMMENT ON FUNCTION odoo_events._export_care() IS 'internal: kind care of config_export()';
CREATE FUNCTION odoo_events._import_care(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r odoo_events.care_rule;
BEGIN
  DELETE FROM odoo_events.care_rule c WHERE c.name = _import_care.name;
  IF item IS NOT NULL THEN
    PERFORM odoo_events._check_item('care', name, item, '{subscription,type,company_id,warehouse_id,owner,contact,criticality,runbook,escalation,sunset}');
    r := jsonb_populate_record(NULL::odoo_events.care_rule, item || jsonb_build_object('name', name));
    PERFORM odoo_events._check_care(r.criticality, r.owner, r.contact, r.runbook, r.escalation);
    r.type_like := replace(replace(r.type, '_', '\_'), '*', '%');
    PERFORM odoo_events._set_care(r);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._import_care(text, jsonb) IS 'internal: kind care of config_apply()';
-- ---- comparing and applying ----

CREATE FUNCTION odoo_events._check_wanted(wanted jsonb, function text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free(function);
  IF jsonb_typeof(wanted) IS DISTINCT FROM 'object'
     OR EXISTS (SELECT 1 FROM jsonb_each(CASE jsonb_typeof(wanted) WHEN 'object' THEN wanted ELSE '{}' END) e WHERE jsonb_typeof(e.value) <> 'object') THEN
    RAISE EXCEPTION 'argument "wanted" is not an object of kinds, each an object of names' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.config_export();  -- shows what a document looks like';
  END IF;
  PERFORM odoo_events._check_kinds(ARRAY(SELECT jsonb_object_keys(wanted)));
  RETURN odoo_events._with_environment(wanted, odoo_events._environment(), true);
END $$;
COMMENT ON FUNCTION odoo_events._check_wanted(jsonb, text) IS 'internal: a wanted configuration with the values of the environment in it';
-- An item as it would be exported, where its kind can say that.
CREATE FUNCTION odoo_events._wanted(kind text, name text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  result jsonb := item;
BEGIN
  IF name IS NOT NULL AND to_regproc('odoo_events._wanted_' || kind) IS NOT NULL THEN
    EXECUTE format('SELECT odoo_events._wanted_%s($1, $2)', kind) INTO result USING name, item;
  END IF;
  RETURN result;
END $$;
COMMENT ON FUNCTION odoo_events._wanted(text, text, jsonb) IS 'internal: checks an item of a configuration; answers it as it would be exported';
-- Item by item: what is there, what is wanted; null for none.
CREATE FUNCTION odoo_events._config_items(wanted jsonb) RETURNS TABLE (kind text, place int, name text, is_now jsonb, wanted_item jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
  k record;
BEGIN
  FOR k IN SELECT c.kind, c.place FROM odoo_events._config_kind c WHERE wanted ? c.kind ORDER BY c.place LOOP
    RETURN QUERY EXECUTE format('SELECT $1, $2, COALESCE(n.name, w.key), n.item, odoo_events._wanted($1, w.key, w.value) FROM odoo_events._export_%s() n'
                                ' FULL JOIN jsonb_each($3) w ON w.key = n.name', k.kind) USING k.kind, k.place, wanted -> k.kind;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._config_items(jsonb) IS 'internal: a wanted configuration beside the one that there is';
CREATE FUNCTION odoo_events._effect(kind text, name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_regproc('odoo_events._effect_' || kind) IS NOT NULL THEN
    EXECUTE format('SELECT * FROM odoo_events._effect_%s($1, $2, $3, $4)', kind) INTO risk, effect USING name, path, is_now, wanted;
  END IF;
  risk := COALESCE(risk, CASE WHEN wanted IS NULL AND path IS NULL THEN 'medium' ELSE 'low' END);
END $$;
COMMENT ON FUNCTION odoo_events._effect(text, text, text, jsonb, jsonb) IS 'internal: what a change of the configuration means';
-- Member by member; path null: the whole item comes or goes.
CREATE FUNCTION odoo_events._config_changes(item_now jsonb, item_wanted jsonb) RETURNS TABLE (action text, path text, is_now jsonb, wanted jsonb)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN item_now IS NULL THEN 'create' ELSE 'remove' END, NULL, item_now, item_wanted WHERE num_nulls(item_now, item_wanted) = 1
UNION ALL
SELECT 'change', k, item_now -> k, item_wanted -> k
  FROM (SELECT jsonb_object_keys(item_now) UNION SELECT jsonb_object_keys(item_wanted)) x(k)
 WHERE num_nulls(item_now, item_wanted) = 0 AND item_now -> k IS DISTINCT FROM item_wanted -> k
$$;
COMMENT ON FUNCTION odoo_events._config_changes(jsonb, jsonb) IS 'internal: how an item of the configuration differs from the one that is wanted';
CREATE FUNCTION odoo_events._config_diff(resolved jsonb) RETURNS TABLE (kind text, name text, action text, path text, is_now jsonb, wanted jsonb, risk text, effect text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT i.kind, i.name, p.action, p.path, p.is_now, p.wanted, e.risk, e.effect
  FROM odoo_events._config_items(resolved) i
       CROSS JOIN LATERAL odoo_events._config_changes(i.is_now, i.wanted_item) p
       CROSS JOIN LATERAL odoo_events._effect(i.kind, i.name, p.path, p.is_now, p.wanted) e
 ORDER BY i.place, i.name, p.path
$$;
COMMENT ON FUNCTION odoo_events._config_diff(jsonb) IS 'internal: config_diff() without ${name}';
CREATE FUNCTION odoo_events.config_diff(wanted jsonb) RETURNS TABLE (kind text, name text, action text, path text, is_now jsonb, wanted jsonb, risk text, effect text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT * FROM odoo_events._config_diff(odoo_events._check_wanted($1, 'config_diff'))
$$;
COMMENT ON FUNCTION odoo_events.config_diff(jsonb) IS
'what config_apply() would do: action is create, change or remove (with prune => true only), path the member that differs, risk low, medium or high, effect what it would have done to the events of the last day';
CREATE FUNCTION odoo_events._lock_config() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT pg_advisory_xact_lock('odoo_events.revision'::regclass::oid::int8)
$$;
COMMENT ON FUNCTION odoo_events._lock_config() IS 'internal: one change of the configuration after the other; the worker never takes this lock';
-- Answers how many items were created, changed and removed.
CREATE FUNCTION odoo_events._make_so(resolved jsonb, prune boolean) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  i record;
  n bigint := 0;
  todo jsonb[] := ARRAY(SELECT jsonb_build_object('kind', x.kind, 'name', x.name, 'item', x.wanted_item) FROM odoo_events._config_items(resolved) x
                         WHERE x.is_now IS DISTINCT FROM x.wanted_item AND (x.wanted_item IS NOT NULL OR prune)
                         ORDER BY x.wanted_item IS NULL DESC, CASE WHEN x.wanted_item IS NULL THEN -x.place ELSE x.place END,
                                  CASE split_part(x.name, ' ', 1) WHEN 'entity' THEN 1 WHEN 'part' THEN 2 WHEN 'event' THEN 3 ELSE 4 END, x.name);
  t jsonb;
BEGIN
  FOREACH t IN ARRAY todo LOOP
    EXECUTE format('SELECT odoo_events._import_%s($1, $2)', t ->> 'kind') USING t ->> 'name', NULLIF(t -> 'item', 'null');
    n := n + 1;
  END LOOP;
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events._make_so(jsonb, boolean) IS 'internal: makes a configuration what is wanted';
CREATE FUNCTION odoo_events.config_apply(wanted jsonb, dry_run boolean DEFAULT true, prune boolean DEFAULT false, expect text DEFAULT NULL, note text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
  resolved jsonb;
BEGIN
  IF num_nulls(dry_run, prune) > 0 THEN
    RAISE EXCEPTION 'argument "%" is null', CASE WHEN dry_run IS NULL THEN 'dry_run' ELSE 'prune' END USING ERRCODE = 'null_value_not_allowed', HINT = 'Give true or false.';
  END IF;
  PERFORM odoo_events._lock_config();
  IF expect <> odoo_events.config_hash() THEN
    RAISE EXCEPTION 'the configuration is no longer the one that argument "expect" names' USING ERRCODE = 'serialization_failure',
      HINT = 'SELECT revision, at, who, note FROM odoo_events.config_revision ORDER BY revision DESC LIMIT 5;  -- who changed it; then config_diff() and config_hash() again';
  END IF;
  resolved := odoo_events._check_wanted(wanted, 'config_apply');
  IF NOT dry_run AND odoo_events._proposes('config_apply', jsonb_build_object('wanted', wanted, 'dry_run', false, 'prune', prune, 'note', note)) THEN
    RETURN NULL;
  END IF;
  BEGIN
    n := odoo_events._make_so(resolved, prune);
    IF dry_run THEN
      RAISE EXCEPTION SQLSTATE 'OE001';
    END IF;
  EXCEPTION WHEN SQLSTATE 'OE001' THEN
    RETURN n;
  END;
  IF n > 0 THEN
    PERFORM odoo_events._audit('config_apply', odoo_events._note_revision(note)::text, NULL, jsonb_strip_nulls(jsonb_build_object('items', n, 'prune', prune, 'note', note)));
  END IF;
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events.config_apply(jsonb, boolean, boolean, text, text) IS
'makes the configuration what is wanted, in this transaction; answers how many items were created, changed and removed.  dry_run: all is done, checked and undone; prune: what wanted does not name of its kinds is removed; expect: what config_hash() answered when it was looked at, else SQLSTATE 40001';
-- policy: what roles may see and do, and the views that show only that.

CREATE OR REPLACE VIEW odoo_events.policy WITH (security_barrier) AS
SELECT r.role, r.may, r.types, r.companies, r.warehouses, r.subscriptions, r.clearance, r.hosts,
       EXISTS (SELECT 1 FROM pg_catalog.pg_roles g WHERE g.rolname = r.role) AS known
  FROM odoo_events.policy_rule r
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events._my_policy)
    OR EXISTS (SELECT 1 FROM pg_catalog.pg_roles g WHERE g.rolname = r.role AND pg_catalog.pg_has_role(session_user, g.oid, 'MEMBER'));
COMMENT ON VIEW odoo_events.policy IS
'what roles may see and do: null is no restriction; known is false for a role that this server does not have; a role under a policy sees its own';
CREATE FUNCTION odoo_events._check_policy(r odoo_events.policy_rule) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text;
BEGIN
  SELECT v.name INTO wrong
    FROM (VALUES ('may', array_position(r.may, NULL)), ('types', array_position(r.types, NULL)), ('companies', array_position(r.companies, NULL)),
                 ('warehouses', array_position(r.warehouses, NULL)), ('subscriptions', array_position(r.subscriptions, NULL)),
                 ('clearance', array_position(r.clearance, NULL)), ('hosts', array_position(r.hosts, NULL))) v(name, at) WHERE v.at IS NOT NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'argument "%" contains a null', wrong USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave the argument out for no restriction.';
  ELSIF NOT r.may <@ '{publish,subscribe,operate,read,approve,consume}' THEN
    RAISE EXCEPTION 'argument "may" is %', r.may USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Name some of publish, subscribe, operate, read, approve and consume.';
  ELSIF EXISTS (SELECT 1 FROM unnest(r.types) t WHERE t !~ '^[a-z0-9_.*]+$') THEN
    RAISE EXCEPTION 'argument "types" has an unusable pattern' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Types consist of a-z, 0-9, "_" and "."; "*" stands for any of them, also none.';
  ELSIF NOT r.clearance <@ '{public,internal,confidential,personal}' THEN
    RAISE EXCEPTION 'argument "clearance" is %', r.clearance USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Name some of public, internal, confidential and personal.';
  ELSIF EXISTS (SELECT 1 FROM unnest(r.hosts) h WHERE h !~ '^[A-Za-z0-9*.:\[\]_-]+$') THEN
    RAISE EXCEPTION 'argument "hosts" has an unusable pattern' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Name hosts without scheme, port and path; "*" stands for any characters: hosts => ''{*.example.com}''';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_policy(odoo_events.policy_rule) IS 'internal: refuses an unusable policy';
CREATE FUNCTION odoo_events._set_policy(r odoo_events.policy_rule) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  r.id := md5(r.role);
  PERFORM odoo_events._check_policy(r);
  INSERT INTO odoo_events.policy_rule AS p SELECT (r).*
  ON CONFLICT ON CONSTRAINT policy_rule_pkey DO UPDATE
     SET may = EXCLUDED.may, types = EXCLUDED.types, companies = EXCLUDED.companies, warehouses = EXCLUDED.warehouses,
         subscriptions = EXCLUDED.subscriptions, clearance = EXCLUDED.clearance, hosts = EXCLUDED.hosts
   WHERE p IS DISTINCT FROM EXCLUDED;
END $$;
COMMENT ON FUNCTION odoo_events._set_policy(odoo_events.policy_rule) IS 'internal: writes a policy';
CREATE FUNCTION odoo_events.set_policy(role name, may text[] DEFAULT NULL, types text[] DEFAULT NULL, companies int4[] DEFAULT NULL, warehouses int4[] DEFAULT NULL,
  subscriptions text[] DEFAULT NULL, clearance text[] DEFAULT NULL, hosts text[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r odoo_events.policy_rule;
BEGIN
  PERFORM odoo_events._must_be_free('set_policy');
  IF NOT EXISTS (SELECT 1 FROM pg_roles g WHERE g.rolname = set_policy.role) THEN
    RAISE EXCEPTION 'role "%" in argument "role" does not exist', COALESCE(set_policy.role, 'null') USING ERRCODE = 'undefined_object',
      HINT = format('CREATE ROLE %I NOLOGIN;', set_policy.role);
  END IF;
  IF odoo_events._proposes('set_policy', jsonb_build_object('role', role, 'may', may, 'types', types, 'companies', companies, 'warehouses', warehouses,
       'subscriptions', subscriptions, 'clearance', clearance, 'hosts', hosts)) THEN
    RETURN;
  END IF;
  r.role := set_policy.role; r.may := may; r.types := types; r.companies := companies; r.warehouses := warehouses;
  r.subscriptions := subscriptions; r.clearance := clearance; r.hosts := hosts;
  PERFORM odoo_events._set_policy(r);
END $$;
COMMENT ON FUNCTION odoo_events.set_policy(name, text[], text[], int4[], int4[], text[], text[], text[]) IS
'what a role and its members may see and do; null is no restriction; replaces the role''s policy; policies of several roles add up, and a role without any is not restricted';
CREATE FUNCTION odoo_events.drop_policy(role name) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('drop_policy');
  IF NOT EXISTS (SELECT 1 FROM odoo_events.policy_rule r WHERE r.role = drop_policy.role) THEN
    RAISE EXCEPTION 'role "%" has no policy', drop_policy.role USING ERRCODE = 'undefined_object', HINT = 'SELECT role FROM odoo_events.policy;';
  END IF;
  IF odoo_events._proposes('drop_policy', jsonb_build_object('role', role)) THEN
    RETURN;
  END IF;
  DELETE FROM odoo_events.policy_rule r WHERE r.role = drop_policy.role;
END $$;
COMMENT ON FUNCTION odoo_events.drop_policy(name) IS 'takes the policy of a role away: what it was granted is no longer restricted by it';
-- Kind policy of the configuration.
CREATE FUNCTION odoo_events._export_policy() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT r.role, jsonb_strip_nulls(to_jsonb(r) - '{id,role}'::text[]) FROM odoo_events.policy_rule r
$$;
COMMENT ON FUNCTION odoo_events._export_policy() IS 'internal: kind policy of config_export()';
CREATE FUNCTION odoo_events._import_policy(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    DELETE FROM odoo_events.policy_rule r WHERE r.role = _import_policy.name;
    RETURN;
  END IF;
  PERFORM odoo_events._check_item('policy', name, item, '{may,types,companies,warehouses,subscriptions,clearance,hosts}');
  PERFORM odoo_events._set_policy(jsonb_populate_record(NULL::odoo_events.policy_rule, item || jsonb_build_object('role', name)));
END $$;
COMMENT ON FUNCTION odoo_events._import_policy(text, jsonb) IS 'internal: kind policy of config_apply()';
CREATE FUNCTION odoo_events._effect_policy(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN path IS NULL AND wanted IS NULL OR path IS NOT NULL AND (wanted IS NULL OR NOT is_now @> wanted) THEN 'high' ELSE 'medium' END,
       CASE WHEN NOT EXISTS (SELECT 1 FROM pg_roles g WHERE g.rolname = name) THEN 'this server has no such role'
            WHEN path IS NULL AND wanted IS NULL THEN 'nothing restricts the role any more' END
$$;
COMMENT ON FUNCTION odoo_events._effect_policy(text, text, jsonb, jsonb) IS 'internal: what a change of a policy means';
-- ---- what operators do ----

-- For what concerns a whole subscription.
CREATE FUNCTION odoo_events._must_be_whole(c odoo_events.subscription_config, function text, verbs text[] DEFAULT '{operate,subscribe}', strictly boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p constant jsonb := odoo_events._policies(verbs);
BEGIN
  -- a broker may have several hosts; null is not asked for
  IF EXISTS (SELECT 1 FROM unnest(CASE WHEN strictly AND c.url IS NOT NULL THEN COALESCE(odoo_events._url_hosts(c.url), '{""}') ELSE '{NULL}' END) h(host)
              WHERE NOT odoo_events._sees_whole(p, c.name, c.types, c.companies, c.warehouses, CASE WHEN strictly THEN c.clearance END, h.host)) THEN
    PERFORM odoo_events._deny(format('%s(%L) concerns more than your policy allows', function, c.name),
      'SELECT * FROM odoo_events.policy;  -- the whole subscription must be inside: its name, types, companies, warehouses'
      || CASE WHEN strictly THEN ', clearance and host' ELSE '' END);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._must_be_whole(odoo_events.subscription_config, text, text[], boolean) IS
'internal: refuses a caller whose policies do not hold the whole subscription; strictly: its clearance and host too';
-- A call as a statement, of the arguments that were given.
CREATE FUNCTION odoo_events._statement(function text, args jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT format('SELECT odoo_events.%I(%s);', function, string_agg(format('%I => %s', e.key, CASE jsonb_typeof(e.value)
         WHEN 'array' THEN quote_literal((SELECT COALESCE(array_agg(x ORDER BY n), '{}')::text FROM jsonb_array_elements_text(e.value) WITH ORDINALITY y(x, n)))
         WHEN 'number' THEN e.value #>> '{}' WHEN 'boolean' THEN e.value #>> '{}' ELSE quote_literal(e.value #>> '{}') END), ', ' ORDER BY e.key <> 'name', e.key))
  FROM jsonb_each(args) e WHERE e.value <> 'null'
$$;
COMMENT ON FUNCTION odoo_events._statement(text, jsonb) IS 'internal: a call of a function as a statement';
-- For what can be done to the part of a subscription that a policy allows: companies and warehouses must say which.
CREATE FUNCTION odoo_events._must_be_narrow(c odoo_events.subscription_config, function text, args jsonb, types text[], companies int4[], warehouses int4[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p constant jsonb := odoo_events._policies('{operate}');
  mine jsonb;
BEGIN
  IF odoo_events._sees_whole(p, c.name, COALESCE(types, c.types), COALESCE(companies, c.companies), COALESCE(warehouses, c.warehouses), NULL, NULL) THEN
    RETURN;
  END IF;
  SELECT e INTO mine FROM jsonb_array_elements(p) e WHERE odoo_events._sees(jsonb_build_array(e), c.name, c.companies, c.warehouses) LIMIT 1;
  PERFORM odoo_events._deny(format('%s(%L) concerns more than your policy allows', function, c.name),
    CASE WHEN mine IS NULL THEN 'SELECT * FROM odoo_events.policy;  -- the subscription is outside of it'
         ELSE odoo_events._statement(function, args || CASE WHEN mine ? 'companies' THEN jsonb_build_object('companies', mine -> 'companies') ELSE '{}' END
                || CASE WHEN mine ? 'warehouses' THEN jsonb_build_object('warehouses', mine -> 'warehouses') ELSE '{}' END
                || CASE WHEN mine ? 'types' AND function = 'replay' THEN jsonb_build_object('types', mine -> 'types') ELSE '{}' END) END);
END $$;
COMMENT ON FUNCTION odoo_events._must_be_narrow(odoo_events.subscription_config, text, jsonb, text[], int4[], int4[]) IS
'internal: refuses a caller whose policies do not hold what companies and warehouses leave of a subscription; the hint is the statement that does';
-- Which events companies and warehouses mean: as policies do, what has none of them is included.
CREATE FUNCTION odoo_events._within(company_id int4, warehouse_id int4, companies int4[], warehouses int4[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT (companies IS NULL OR company_id IS NULL OR company_id = ANY (companies)) AND (warehouses IS NULL OR warehouse_id IS NULL OR warehouse_id = ANY (warehouses))
$$;
COMMENT ON FUNCTION odoo_events._within(int4, int4, int4[], int4[]) IS 'internal: is an event of these companies and warehouses';
-- emit() under a policy, called by C where there is any policy.
CREATE FUNCTION odoo_events._check_publish(type text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT odoo_events._allows(odoo_events._policies('{publish}'), type, NULL, NULL) THEN
    PERFORM odoo_events._deny(format('your policy does not allow to publish events of type %s', type), 'SELECT types FROM odoo_events.policy;  -- those that it allows');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_publish(text) IS 'internal: refuses types that the caller''s policies do not let him publish';
-- ---- views ----

CREATE OR REPLACE VIEW odoo_events.audit_log WITH (security_barrier) AS
SELECT a.at, a.who, a.client, a.what, a.object, a.old, a.new FROM odoo_events.audit a
 WHERE (SELECT m.sees FROM odoo_events._my_policy m) IS NULL OR a.who = session_user
    OR a.object IN (SELECT c.name FROM odoo_events.subscription_config c
                     WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses))
 ORDER BY a.id;
-- The view outbox cannot stop after the first rows when it is read from its end: what a policy hides must be left out before the
-- reader's own conditions see it.
CREATE FUNCTION odoo_events.latest(max int DEFAULT 20, types text[] DEFAULT NULL, before int8 DEFAULT NULL) RETURNS SETOF odoo_events.outbox
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p constant jsonb := odoo_events._policies('{read}');
BEGIN
  IF max IS NULL OR max NOT BETWEEN 1 AND 10000 THEN
    RAISE EXCEPTION 'argument "max" is %', max USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 10000.';
  END IF;
  RETURN QUERY SELECT o.position, o.id, o.type, o.subject, o.partitionkey, o."time", o.recordedtime, o.entity, o.record_id, o.company_id, o.warehouse_id,
                      o.correlationid, o.causationid, o.odootx, o.event::json
                 FROM odoo_events.outbox_all o
                WHERE (before IS NULL OR o.position < before) AND odoo_events._allows(p, o.type, o.company_id, o.warehouse_id)
                  AND (types IS NULL OR o.type LIKE ANY (ARRAY(SELECT replace(replace(t, '_', '\_'), '*', '%') FROM unnest(types) t)))
                ORDER BY o.position DESC LIMIT max;
END $$;
COMMENT ON FUNCTION odoo_events.latest(int, text[], int8) IS 'the newest events, the newest first, that the caller''s policies show; types: patterns; before: a position';
CREATE FUNCTION odoo_events._denied_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_denied_total', 'counter', jsonb_build_object('role', d.role), d.denied::float8, 'Calls that a policy refused to a role, since the server started.'
  FROM odoo_events._denied() d ORDER BY d.role
$$;
COMMENT ON FUNCTION odoo_events._denied_metrics() IS 'internal: the metrics of what policies refused';
-- What health() shows under a policy: all checks with their status, in words only what tells of no other subscription and no document.
CREATE FUNCTION odoo_events._health_visible("check" text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT p.p IS NULL OR "check" IN ('worker', 'version', 'limits', 'arming', 'gaps', 'journal', 'output plugin', 'wal', 'owner', 'indexes')
       OR EXISTS (SELECT 1 FROM odoo_events.subscription_config c WHERE 'subscription ' || c.name = "check" AND odoo_events._sees(p.p, c.name, c.companies, c.warehouses))
  FROM (SELECT odoo_events._policies('{read,operate,approve}') AS p) p
$$;
COMMENT ON FUNCTION odoo_events._health_visible(text) IS 'internal: may the caller read what health() says about this';
-- proposal: what one person may not do alone waits for another person.

CREATE FUNCTION odoo_events._executing() RETURNS odoo_events.proposed
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT p FROM odoo_events.proposed p WHERE p.xid = pg_current_xact_id_if_assigned() ORDER BY p.state = 'executing' DESC, p.id DESC LIMIT 1
$$;
COMMENT ON FUNCTION odoo_events._executing() IS 'internal: the proposal that this transaction executes or has executed';
CREATE FUNCTION odoo_events._approver() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT (odoo_events._executing()).decided_by';
COMMENT ON FUNCTION odoo_events._approver() IS 'internal: who approved what this transaction does; null where nobody did';
-- What must not be seen of arguments: values of secret, of headers, and what is secret in auth and tls.
CREATE FUNCTION odoo_events._public_args(args jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(jsonb_object_agg(e.key, CASE
         WHEN e.key = 'secret' THEN to_jsonb('***'::text)
         WHEN e.key = 'headers' AND jsonb_typeof(e.value) = 'object' THEN (SELECT COALESCE(jsonb_object_agg(h, '***'), '{}') FROM jsonb_object_keys(e.value) h)
         WHEN e.key IN ('auth', 'tls') AND jsonb_typeof(e.value) = 'object'
         THEN (SELECT COALESCE(jsonb_object_agg(m.key, CASE WHEN m.key IN ('password', 'token', 'client_secret', 'seed', 'creds', 'key') THEN to_jsonb('***'::text) ELSE m.value END), '{}') FROM jsonb_each(e.value) m)
         ELSE e.value END), '{}')
  FROM jsonb_each(args) e WHERE e.value <> 'null'
$$;
COMMENT ON FUNCTION odoo_events._public_args(jsonb) IS 'internal: arguments of a call without what is secret';
-- With the values of the environment: ${name} among the arguments must still mean what the approver has looked at.
CREATE FUNCTION odoo_events._proposal_hash() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._hash(odoo_events._export(NULL) || jsonb_build_object('environment', odoo_events._environment()))
$$;
COMMENT ON FUNCTION odoo_events._proposal_hash() IS 'internal: stands for all that a proposal was made for: the configuration, and the values that it may name';
-- True: the call was written down as a proposal, and the caller returns without doing anything.
CREATE FUNCTION odoo_events._proposes(function text, args jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  named  constant text[] := string_to_array(replace(current_setting('odoo_events.four_eyes'), ' ', ''), ',');
  shown  constant jsonb := odoo_events._public_args(args);
  p      odoo_events.proposed;
  s      odoo_events.subscription_secret;
BEGIN
  IF NOT (function = ANY (named) OR function = 'config_rollback' AND 'config_apply' = ANY (named) OR function = 'drop_policy' AND 'set_policy' = ANY (named)) OR odoo_events._callers() = '{}'
     OR (odoo_events._executing()).state = 'executing' THEN
    RETURN false;
  END IF;
  INSERT INTO odoo_events.proposed (at, who, callers, function, args, hash)
  VALUES (clock_timestamp(), session_user, odoo_events._callers(), function, shown, odoo_events._proposal_hash()) RETURNING * INTO p;
  IF shown <> (SELECT COALESCE(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(args) e WHERE e.value <> 'null') THEN
    s.subscription_id := -1000000000 - p.id; s.secret := convert_to(args::text, 'UTF8'); s.signature := 'proposal';
    s.previous := '{}'; s.previous_signature := '{}'; s.previous_until := '{}'; s.header_values := '{}';
    PERFORM odoo_events._store_secret(s);
    UPDATE odoo_events.proposed x SET secret = s.subscription_id WHERE x.id = p.id;
  END IF;
  PERFORM odoo_events._audit('propose', p.id::text, NULL, jsonb_build_object('function', function, 'args', shown));
  RAISE NOTICE 'proposal % waits for another person', p.id USING HINT = format('SELECT odoo_events.approve(%s);', p.id);
  RETURN true;
END $$;
COMMENT ON FUNCTION odoo_events._proposes(text, jsonb) IS 'internal: writes down a call that needs a second person; false where it does not, or is being executed by approve()';
-- Whoever proposed a subscription that was approved has its new secret once, and alone.
CREATE FUNCTION odoo_events._collects(name text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE odoo_events.proposed p SET collected = true
   WHERE p.id = (SELECT max(x.id) FROM odoo_events.proposed x WHERE x.args ->> 'name' = _collects.name AND x.who = session_user
                    AND x.function IN ('subscribe', 'rotate_secret') AND x.state = 'approved' AND NOT x.collected);
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION odoo_events._collects(text) IS 'internal: notes that the proposer of a subscription takes its secret; false where he has had it';
-- A proposal that the caller may decide on, locked.
CREATE FUNCTION odoo_events._decide(id int8) RETURNS odoo_events.proposed
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p odoo_events.proposed;
  c odoo_events.subscription_config;
BEGIN
  SELECT * INTO p FROM odoo_events.proposed x WHERE x.id = _decide.id FOR UPDATE;
  IF NOT FOUND OR p.state <> 'open' THEN
    RAISE EXCEPTION 'proposal % %', COALESCE(_decide.id::text, 'null'), CASE WHEN p.id IS NULL THEN 'does not exist' ELSE format('is %s by %s', p.state, p.decided_by) END
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT * FROM odoo_events.proposal WHERE state = ''open'';';
  END IF;
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.name = p.args ->> 'name';
  IF c.id IS NULL THEN
    -- a new subscription is what the call says; all else is about the whole database
    c := jsonb_populate_record(NULL::odoo_events.subscription_config, CASE p.function
           WHEN 'subscribe' THEN jsonb_build_object('name', p.args -> 'name', 'types', COALESCE(p.args -> 'types', '["*"]'),
                                   'companies', NULLIF(p.args -> 'companies', '[]'), 'warehouses', NULLIF(p.args -> 'warehouses', '[]'))
           ELSE '{"name": "", "types": ["*"]}' END);
  END IF;
  IF odoo_events._policies('{approve}') = '[]'
     OR NOT odoo_events._sees_whole(odoo_events._policies('{approve}'), c.name, c.types, c.companies, c.warehouses, NULL, NULL) THEN
    PERFORM odoo_events._deny(format('proposal %s is outside of what your policy lets you approve', p.id), 'SELECT * FROM odoo_events.policy;');
  END IF;
  RETURN p;
END $$;
COMMENT ON FUNCTION odoo_events._decide(int8) IS 'internal: an open proposal, locked, that the caller''s policy lets him decide on';
-- The same person, whatever role is set: the same login, or one that can become the other.  Superusers pass.
CREATE FUNCTION odoo_events._check_other_person(p odoo_events.proposed) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user) THEN
    RETURN;
  END IF;
  IF p.who = session_user OR EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname = p.who AND
       (pg_has_role(session_user, r.oid, 'MEMBER') OR pg_has_role(r.oid, (SELECT m.oid FROM pg_roles m WHERE m.rolname = session_user), 'MEMBER'))) THEN
    RAISE EXCEPTION 'proposal % needs another person than %', p.id, p.who USING ERRCODE = 'insufficient_privilege',
      DETAIL = 'Who logged in counts, whatever role is set; a role that is a member of the other is the same person.',
      HINT = format('SELECT odoo_events.approve(%s);  -- in a session of somebody else', p.id);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_other_person(odoo_events.proposed) IS 'internal: refuses an approval by whoever proposed it';
CREATE FUNCTION odoo_events._check_still_valid(p odoo_events.proposed) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF p.hash <> odoo_events._proposal_hash() THEN
    RAISE EXCEPTION 'the configuration is no longer the one for which proposal % was made', p.id USING ERRCODE = 'serialization_failure',
      HINT = format('SELECT odoo_events.reject(%s, %L);  -- and propose it again', p.id, 'the configuration has changed');
  ELSIF EXISTS (SELECT 1 FROM unnest(p.callers) o WHERE NOT EXISTS (SELECT 1 FROM pg_roles r WHERE r.oid = o))
     OR NOT EXISTS (SELECT 1 FROM pg_proc f, unnest(p.callers) o WHERE f.pronamespace = 'odoo_events'::regnamespace AND f.proname = p.function
                       AND has_function_privilege(o, f.oid, 'EXECUTE')) THEN
    RAISE EXCEPTION 'role "%" may no longer do what proposal % says', p.who, p.id USING ERRCODE = 'insufficient_privilege',
      HINT = format('SELECT odoo_events.reject(%s, %L);', p.id, 'the proposer may no longer do it');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_still_valid(odoo_events.proposed) IS 'internal: refuses a proposal whose configuration or whose proposer''s rights have changed';
-- Calls a function with the arguments that JSON has.
CREATE FUNCTION odoo_events._call(function text, args jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  names   text;
  columns text;
  result  text;
BEGIN
  SELECT string_agg(format('%1$I => r.%1$I', a.name), ', '), string_agg(format('%I %s', a.name, format_type(p.proargtypes[a.n - 1], NULL)), ', ') INTO names, columns
    FROM pg_proc p, unnest(p.proargnames) WITH ORDINALITY a(name, n)
   WHERE p.pronamespace = 'odoo_events'::regnamespace AND p.proname = function AND a.n <= p.pronargs AND args ? a.name;
  IF names IS NULL THEN
    EXECUTE format('SELECT string_agg(x::text, E''\n'') FROM odoo_events.%I() x', function) INTO result;
  ELSE
    EXECUTE format('SELECT string_agg(x::text, E''\n'') FROM jsonb_to_record($1) AS r(%s), LATERAL odoo_events.%I(%s) x', columns, function, names) INTO result USING args;
  END IF;
  RETURN result;
END $$;
COMMENT ON FUNCTION odoo_events._call(text, jsonb) IS 'internal: calls a function with arguments that are given as JSON';
CREATE FUNCTION odoo_events.approve(id int8, note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p odoo_events.proposed;
  full_args jsonb;
  result text;
BEGIN
  PERFORM odoo_events._lock_config();
  p := odoo_events._decide(approve.id);
  PERFORM odoo_events._check_other_person(p);
  PERFORM odoo_events._check_still_valid(p);
  full_args := COALESCE((SELECT convert_from(s.secret, 'UTF8')::jsonb FROM odoo_events.subscription_secret s WHERE s.subscription_id = p.secret), p.args);
  UPDATE odoo_events.proposed x SET state = 'executing', xid = pg_current_xact_id(), decided_by = session_user, decided_at = clock_timestamp(), note = approve.note
   WHERE x.id = p.id;
  result := odoo_events._call(p.function, full_args);
  UPDATE odoo_events.proposed x SET state = 'approved', secret = NULL WHERE x.id = p.id;
  DELETE FROM odoo_events.subscription_secret s WHERE s.subscription_id = p.secret;
  PERFORM odoo_events._audit('approve', p.id::text, NULL, jsonb_strip_nulls(jsonb_build_object('function', p.function, 'args', p.args, 'proposed_by', p.who, 'note', approve.note)));
  -- a new secret is the proposer's to collect
  RETURN CASE WHEN p.function NOT IN ('subscribe', 'alter_subscription', 'set_secret', 'rotate_secret') THEN result END;
END $$;
COMMENT ON FUNCTION odoo_events.approve(int8, text) IS
'executes what another person proposed, as proposed; answers what it answers, but no secret.  SQLSTATE 40001 if the configuration has changed since; 42501 for whoever proposed it';
CREATE FUNCTION odoo_events.reject(id int8, note text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p odoo_events.proposed := odoo_events._decide(reject.id);
BEGIN
  UPDATE odoo_events.proposed x SET state = 'rejected', decided_by = session_user, decided_at = clock_timestamp(), note = reject.note, secret = NULL WHERE x.id = p.id;
  DELETE FROM odoo_events.subscription_secret s WHERE s.subscription_id = p.secret;
  PERFORM odoo_events._audit('reject', p.id::text, NULL, jsonb_strip_nulls(jsonb_build_object('function', p.function, 'proposed_by', p.who, 'note', reject.note)));
END $$;
COMMENT ON FUNCTION odoo_events.reject(int8, text) IS 'drops a proposal; whoever proposed it may do so, too';
CREATE OR REPLACE VIEW odoo_events.proposal WITH (security_barrier) AS
SELECT p.id, p.at, p.who, p.function, p.args, odoo_events._statement(p.function, p.args) AS statement, p.state, p.decided_by, p.decided_at, p.note
  FROM odoo_events.proposed p
 WHERE (SELECT m.sees FROM odoo_events._my_policy m) IS NULL OR p.who = session_user
    OR p.args ->> 'name' IN (SELECT c.name FROM odoo_events.subscription_config c
                              WHERE odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses));
COMMENT ON VIEW odoo_events.proposal IS 'what waits for approve() or reject(), and what became of it; without what is secret';
-- Further kinds of the configuration: calendar, sla, comparison.

-- ---- calendar: with its hours, wherever they came from, since an id of Odoo's means something in its own database only ----

CREATE FUNCTION odoo_events._calendar_item(c odoo_events.calendar_def) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('timezone', c.timezone, 'hours', c.hours)
         || CASE WHEN c.holidays = '{}' THEN '{}' ELSE jsonb_build_object('holidays', c.holidays) END
         || CASE WHEN c.warehouses = '{}' THEN '{}' ELSE jsonb_build_object('warehouses', c.warehouses) END
$$;
COMMENT ON FUNCTION odoo_events._calendar_item(odoo_events.calendar_def) IS 'internal: a calendar as an item of the configuration';
CREATE FUNCTION odoo_events._export_calendar() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT c.name, odoo_events._calendar_item(c) FROM odoo_events.calendar_def c';
COMMENT ON FUNCTION odoo_events._export_calendar() IS 'internal: kind calendar of config_export()';
CREATE FUNCTION odoo_events._wanted_calendar(name text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM odoo_events._check_item('calendar', name, item, '{timezone,hours,holidays,warehouses}');
  RETURN odoo_events._calendar_item(jsonb_populate_record(NULL::odoo_events.calendar_def, '{"timezone": "UTC", "holidays": [], "warehouses": []}' || item));
END $$;
COMMENT ON FUNCTION odoo_events._wanted_calendar(text, jsonb) IS 'internal: a calendar as it would be exported';
CREATE FUNCTION odoo_events._import_calendar(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    DELETE FROM odoo_events.calendar_def c WHERE c.name = _import_calendar.name;
  ELSE
    PERFORM odoo_events._call('define_calendar', item || jsonb_build_object('name', name));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._import_calendar(text, jsonb) IS 'internal: kind calendar of config_apply()';
-- ---- sla ----

CREATE FUNCTION odoo_events._sla_defaults() RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT '{"stops": [], "pauses": [], "resumes": [], "moves": [], "document": "correlation", "complete": "first", "warn_at": 0.8, "objective": 0.99, "start_from": "now"}'::jsonb
$$;
COMMENT ON FUNCTION odoo_events._sla_defaults() IS 'internal: arguments of define_sla() that an item of the configuration leaves out';
CREATE FUNCTION odoo_events._sla_item(s odoo_events.sla_def) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(jsonb_strip_nulls(to_jsonb(s) - '{id,name}'::text[])) e WHERE e.value IS DISTINCT FROM odoo_events._sla_defaults() -> e.key
$$;
COMMENT ON FUNCTION odoo_events._sla_item(odoo_events.sla_def) IS 'internal: an SLA as an item of the configuration';
CREATE FUNCTION odoo_events._export_sla() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT s.name, odoo_events._sla_item(s) FROM odoo_events.sla_def s';
COMMENT ON FUNCTION odoo_events._export_sla() IS 'internal: kind sla of config_export()';
CREATE FUNCTION odoo_events._wanted_sla(name text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM odoo_events._check_item('sla', name, item, '{starts,ends,stops,pauses,resumes,moves,within,deadline,cut_off,calendar,document,complete,filter,ends_filter,companies,warehouses,warn_at,objective,owner,contact,criticality,runbook,start_from}');
  RETURN odoo_events._sla_item(jsonb_populate_record(NULL::odoo_events.sla_def, odoo_events._sla_defaults() || item));
EXCEPTION WHEN data_exception OR syntax_error THEN
  RAISE EXCEPTION 'sla "%" of the configuration cannot be read: %', name, SQLERRM USING ERRCODE = 'invalid_parameter_value',
    HINT = 'SELECT odoo_events.config_export(''{sla}'');  -- shows what one looks like';
END $$;
COMMENT ON FUNCTION odoo_events._wanted_sla(text, jsonb) IS 'internal: an SLA as it would be exported';
CREATE FUNCTION odoo_events._import_sla(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    PERFORM odoo_events.drop_sla(name);
  ELSE
    PERFORM odoo_events._call('define_sla', item || jsonb_build_object('name', name, 'or_replace', true));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._import_sla(text, jsonb) IS 'internal: kind sla of config_apply()';
CREATE FUNCTION odoo_events._effect_sla(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN path IS NULL AND wanted IS NULL THEN 'medium' ELSE 'low' END,
       CASE WHEN path IS NULL AND wanted IS NULL THEN 'its open promises are cancelled'
            WHEN path IS NOT NULL THEN 'promises that are open keep their terms' END
$$;
COMMENT ON FUNCTION odoo_events._effect_sla(text, text, jsonb, jsonb) IS 'internal: what a change of an SLA means';
-- ---- comparison ----

CREATE FUNCTION odoo_events._comparison_item(r odoo_events.comparison_rule) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('subscription', r.subscription, 'key', r.key)
         || CASE WHEN r.fields = '{}' THEN '{}' ELSE jsonb_build_object('fields', r.fields) END
         || CASE WHEN r.tolerance = interval '5 min' THEN '{}' ELSE jsonb_build_object('tolerance', r.tolerance) END
         || CASE WHEN r.ready = 0.999 THEN '{}' ELSE jsonb_build_object('ready', r.ready) END
$$;
COMMENT ON FUNCTION odoo_events._comparison_item(odoo_events.comparison_rule) IS 'internal: a comparison as an item of the configuration';
CREATE FUNCTION odoo_events._export_comparison() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT r.name, odoo_events._comparison_item(r) FROM odoo_events.comparison_rule r';
COMMENT ON FUNCTION odoo_events._export_comparison() IS 'internal: kind comparison of config_export()';
CREATE FUNCTION odoo_events._wanted_comparison(name text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM odoo_events._check_item('comparison', name, item, '{subscription,key,fields,tolerance,ready}');
  RETURN odoo_events._comparison_item(jsonb_populate_record(NULL::odoo_events.comparison_rule, '{"fields": {}, "tolerance": "5 min", "ready": 0.999}' || item));
EXCEPTION WHEN data_exception OR syntax_error THEN
  RAISE EXCEPTION 'comparison "%" of the configuration cannot be read: %', name, SQLERRM USING ERRCODE = 'invalid_parameter_value',
    HINT = 'SELECT odoo_events.config_export(''{comparison}'');  -- shows what one looks like';
END $$;
COMMENT ON FUNCTION odoo_events._wanted_comparison(text, jsonb) IS 'internal: a comparison as it would be exported';
CREATE FUNCTION odoo_events._import_comparison(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    PERFORM odoo_events.drop_comparison(name);
  ELSE
    PERFORM odoo_events._call('define_comparison', item || jsonb_build_object('name', name, 'or_replace', true));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._import_comparison(text, jsonb) IS 'internal: kind comparison of config_apply()';
CREATE FUNCTION odoo_events._effect_comparison(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN path IS NULL AND wanted IS NULL AND f.n > 0 THEN 'medium' ELSE 'low' END,
       CASE WHEN path IS NULL AND wanted IS NULL THEN format('%s facts of the old interface are removed with it', f.n) END
  FROM (SELECT count(*) AS n FROM odoo_events.legacy l WHERE l.flow = name) f
$$;
COMMENT ON FUNCTION odoo_events._effect_comparison(text, text, jsonb, jsonb) IS 'internal: what a change of a comparison means';
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
CREATE OR REPLACE VIEW odoo_events.config_revision AS
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
-- contract: what own types promise, what the catalog's types promised when somebody accepted that, and what has become of it.

CREATE TABLE odoo_events.own_type (
    id             text PRIMARY KEY,            -- md5 of type: a key of saved_config is letters, digits and "_"
    type           text NOT NULL UNIQUE,
    schema         jsonb NOT NULL,              -- of the event's data
    owner          text,
    classification jsonb NOT NULL DEFAULT '{}', -- member of data: class
    compatibility  text NOT NULL DEFAULT 'backward'
);
COMMENT ON TABLE odoo_events.own_type IS 'what define_type() was given';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.own_type
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.own_type
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('type', 'define_type', 'define_type', 'drop_type', 'id,type');
CREATE CONSTRAINT TRIGGER revision AFTER INSERT OR UPDATE OR DELETE ON odoo_events.own_type
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION odoo_events._note_change();
CREATE TABLE odoo_events.accepted_contract (
    id     text PRIMARY KEY,                    -- md5 of type
    type   text NOT NULL UNIQUE,
    schema jsonb NOT NULL,                      -- {"$defs": ...} of json_schema() then
    at     timestamptz NOT NULL,
    who    text NOT NULL,
    note   text
);
COMMENT ON TABLE odoo_events.accepted_contract IS 'what contract_accept() found: the schemas that receivers rely on';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.accepted_contract
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
-- ---- JSON Schema, the part of it that these schemas use (docs/own-events.md lists the keywords) ----

-- Checked where json_schema() or define_type() use it; anything else that can be a string is left alone.
CREATE FUNCTION odoo_events._fits_format(value text, format text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  CASE format
    WHEN 'date' THEN
      RETURN value ~ '^\d{4}-\d{2}-\d{2}$' AND value::date IS NOT NULL;
    WHEN 'date-time' THEN
      RETURN value ~* '^\d{4}-\d{2}-\d{2}t\d{2}:\d{2}:\d{2}(\.\d+)?(z|[+-]\d{2}:\d{2})$' AND value::timestamptz IS NOT NULL;
    WHEN 'uuid' THEN
      RETURN value ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$';
    WHEN 'uri' THEN
      RETURN value ~ '^[A-Za-z][A-Za-z0-9+.-]*:\S+$';
    ELSE
      RETURN true;
  END CASE;
EXCEPTION WHEN data_exception THEN
  RETURN false;
END $$;
COMMENT ON FUNCTION odoo_events._fits_format(text, text) IS 'internal: does a string have this format of JSON Schema';
CREATE FUNCTION odoo_events._fits_type(doc jsonb, type text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE type WHEN 'integer' THEN CASE jsonb_typeof(doc) WHEN 'number' THEN trunc(doc::numeric) = doc::numeric ELSE false END ELSE jsonb_typeof(doc) = type END
$$;
COMMENT ON FUNCTION odoo_events._fits_type(jsonb, text) IS 'internal: is a JSON value of this type of JSON Schema';
-- What keywords say about one value, without what is inside it.
CREATE FUNCTION odoo_events._value_violation(doc jsonb, schema jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind text := jsonb_typeof(doc);
  n    numeric := CASE kind WHEN 'number' THEN doc::numeric WHEN 'string' THEN length(doc #>> '{}') WHEN 'array' THEN jsonb_array_length(doc) END;
BEGIN
  IF schema ? 'type' AND NOT EXISTS (SELECT 1 FROM jsonb_path_query(schema, 'lax $.type[*]') t WHERE odoo_events._fits_type(doc, t #>> '{}')) THEN
    RETURN format('is %s instead of %s', CASE kind WHEN 'null' THEN 'null' ELSE 'of type ' || kind END, translate(schema ->> 'type', '[]"', ''));
  ELSIF schema ? 'const' AND schema -> 'const' <> doc THEN
    RETURN format('is not %s', schema -> 'const');
  ELSIF schema ? 'enum' AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(schema -> 'enum') e WHERE e = doc) THEN
    RETURN format('is none of %s', schema -> 'enum');
  ELSIF kind = 'number' AND (n < (schema ->> 'minimum')::numeric OR n > (schema ->> 'maximum')::numeric
                             OR n <= (schema ->> 'exclusiveMinimum')::numeric OR n >= (schema ->> 'exclusiveMaximum')::numeric) THEN
    RETURN 'is out of its range';
  ELSIF kind = 'string' AND (n < (schema ->> 'minLength')::numeric OR n > (schema ->> 'maxLength')::numeric) THEN
    RETURN 'is too short or too long';
  ELSIF kind = 'string' AND doc #>> '{}' !~ (schema ->> 'pattern') THEN
    RETURN format('does not match %s', schema -> 'pattern');
  ELSIF kind = 'string' AND NOT odoo_events._fits_format(doc #>> '{}', schema ->> 'format') THEN
    RETURN format('is no %s', schema ->> 'format');
  ELSIF kind = 'array' AND (n < (schema ->> 'minItems')::numeric OR n > (schema ->> 'maxItems')::numeric) THEN
    RETURN 'has too few or too many items';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._value_violation(jsonb, jsonb) IS 'internal: why a JSON value does not fit the keywords of a schema that concern itself';
-- Why a document does not fit a schema: the first reason; null where it fits.  root has the definitions.
CREATE FUNCTION odoo_events._violation(doc jsonb, schema jsonb, root jsonb, path text DEFAULT 'data') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found text;
  m     record;
  inner_schema jsonb;
BEGIN
  IF schema = 'true' THEN
    RETURN NULL;
  ELSIF schema = 'false' THEN
    RETURN path || ' is not allowed';
  ELSIF schema ? '$ref' THEN
    RETURN odoo_events._violation(doc, root #> string_to_array(substr(schema ->> '$ref', 3), '/'), root, path);
  END IF;
  found := odoo_events._value_violation(doc, schema);
  IF found IS NOT NULL THEN
    RETURN path || ' ' || found;
  END IF;
  FOR m IN SELECT e FROM jsonb_array_elements(schema -> 'allOf') e LOOP
    found := odoo_events._violation(doc, m.e, root, path);
    EXIT WHEN found IS NOT NULL;
  END LOOP;
  IF found IS NULL AND schema ? 'anyOf' AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(schema -> 'anyOf') e WHERE odoo_events._violation(doc, e, root, path) IS NULL) THEN
    found := odoo_events._violation(doc, schema #> '{anyOf,0}', root, path);
  ELSIF found IS NULL AND schema ? 'oneOf' AND (SELECT count(*) FROM jsonb_array_elements(schema -> 'oneOf') e WHERE odoo_events._violation(doc, e, root, path) IS NULL) <> 1 THEN
    found := path || ' does not fit exactly one of its alternatives';
  ELSIF found IS NULL AND schema ? 'not' AND odoo_events._violation(doc, schema -> 'not', root, path) IS NULL THEN
    found := path || ' is what it must not be';
  END IF;
  IF found IS NOT NULL OR jsonb_typeof(doc) NOT IN ('object', 'array') THEN
    RETURN found;
  ELSIF jsonb_typeof(doc) = 'array' THEN
    FOR m IN SELECT e.value, e.n FROM jsonb_array_elements(doc) WITH ORDINALITY e(value, n) WHERE schema ? 'items' LOOP
      found := odoo_events._violation(m.value, schema -> 'items', root, format('%s[%s]', path, m.n - 1));
      EXIT WHEN found IS NOT NULL;
    END LOOP;
    RETURN found;
  END IF;
  SELECT format('%s lacks %s', path, r) INTO found FROM jsonb_array_elements_text(schema -> 'required') r WHERE NOT doc ? r LIMIT 1;
  IF found IS NOT NULL THEN
    RETURN found;
  END IF;
  FOR m IN SELECT e.key, e.value FROM jsonb_each(doc) e LOOP
    inner_schema := COALESCE(schema -> 'properties' -> m.key, schema -> 'additionalProperties', 'true');
    found := odoo_events._violation(m.value, inner_schema, root, path || '.' || m.key);
    EXIT WHEN found IS NOT NULL;
  END LOOP;
  RETURN found;
END $$;
COMMENT ON FUNCTION odoo_events._violation(jsonb, jsonb, jsonb, text) IS 'internal: why a document does not fit a JSON schema; null where it does';
-- Keywords that nobody here understands are refused, rather than believed to be enforced.
CREATE FUNCTION odoo_events._check_schema(schema jsonb, root jsonb, path text DEFAULT 'schema') RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known constant text[] := '{type,const,enum,minimum,maximum,exclusiveMinimum,exclusiveMaximum,minLength,maxLength,pattern,format,minItems,maxItems,items,properties,required,additionalProperties,allOf,anyOf,oneOf,not,$ref,$defs,$schema,$id,$comment,title,description,default,examples,deprecated,readOnly,writeOnly}';
  m     record;
BEGIN
  IF jsonb_typeof(schema) = 'boolean' THEN
    RETURN;
  ELSIF jsonb_typeof(schema) IS DISTINCT FROM 'object' THEN
    RAISE EXCEPTION 'argument "schema" is no JSON schema at %', path USING ERRCODE = 'invalid_parameter_value',
      HINT = 'A schema is an object, for example ''{"type": "object", "required": ["customs_hold"], "properties": {"customs_hold": {"type": "object"}}}''.';
  END IF;
  FOR m IN SELECT e.key, e.value FROM jsonb_each(schema) e LOOP
    IF m.key <> ALL (known) THEN
      RAISE EXCEPTION 'argument "schema" has the keyword "%" at %, which is not checked here', m.key, path USING ERRCODE = 'feature_not_supported',
        HINT = format('Keywords are %s.', array_to_string(known, ', '));
    ELSIF m.key = '$ref' AND (m.value #>> '{}' !~ '^#/' OR root #> string_to_array(substr(m.value #>> '{}', 3), '/') IS NULL) THEN
      RAISE EXCEPTION 'argument "schema" refers to % at %, which it does not have', m.value, path USING ERRCODE = 'invalid_parameter_value',
        HINT = 'A reference is "#/$defs/<name>".';
    ELSIF m.key IN ('items', 'additionalProperties', 'not') THEN
      PERFORM odoo_events._check_schema(m.value, root, path || '.' || m.key);
    ELSIF m.key IN ('properties', '$defs') THEN
      PERFORM odoo_events._check_schema(e.value, root, path || '.' || e.key) FROM jsonb_each(m.value) e;
    ELSIF m.key IN ('allOf', 'anyOf', 'oneOf') THEN
      PERFORM odoo_events._check_schema(e, root, path || '.' || m.key) FROM jsonb_array_elements(m.value) e;
    END IF;
  END LOOP;
  PERFORM '' ~ (schema ->> 'pattern');
EXCEPTION WHEN invalid_regular_expression OR sqlstate '22023' OR feature_not_supported THEN
  IF SQLSTATE = '2201B' THEN
    RAISE EXCEPTION 'argument "schema" has a pattern at % that cannot be used: %', path, SQLERRM USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Patterns are regular expressions of PostgreSQL.';
  END IF;
  RAISE;
END $$;
COMMENT ON FUNCTION odoo_events._check_schema(jsonb, jsonb, text) IS 'internal: refuses a schema that cannot be checked';
-- ---- compatibility ----

-- What a receiver that knows the old schema may no longer rely on, and what is new to it.
CREATE FUNCTION odoo_events._schema_changes(was jsonb, is_now jsonb, place text DEFAULT 'data') RETURNS TABLE (change text, level text, path text, detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  a constant jsonb := was;
  b constant jsonb := is_now;
  m record;
BEGIN
  IF a = b OR jsonb_typeof(a) <> 'object' OR jsonb_typeof(b) <> 'object' THEN
    RETURN;
  END IF;
  IF a ? 'type' AND EXISTS (SELECT 1 FROM jsonb_path_query(b, 'lax $.type[*]') t WHERE NOT EXISTS (SELECT 1 FROM jsonb_path_query(a, 'lax $.type[*]') o WHERE o = t OR o = '"number"' AND t = '"integer"'))
     OR a ? 'type' AND NOT b ? 'type' THEN
    RETURN QUERY SELECT 'type', 'breaking', place, format('was %s, is %s', a ->> 'type', COALESCE(b ->> 'type', 'anything'));
  END IF;
  IF a ? 'enum' AND (NOT b ? 'enum' OR NOT a -> 'enum' @> (b -> 'enum')) AND NOT a -> 'enum' @> jsonb_build_array(COALESCE(b -> 'const', 'null')) THEN
    RETURN QUERY SELECT 'values', 'breaking', place, format('was one of %s, is %s', a ->> 'enum', COALESCE('one of ' || (b ->> 'enum'), 'anything'));
  END IF;
  IF a ? 'const' AND a -> 'const' IS DISTINCT FROM b -> 'const' THEN
    RETURN QUERY SELECT 'values', 'breaking', place, format('was %s', a -> 'const');
  END IF;
  FOR m IN SELECT k FROM unnest('{pattern,format,minimum,maximum,exclusiveMinimum,exclusiveMaximum,minLength,maxLength,minItems,maxItems,anyOf,oneOf,allOf,not,$ref}'::text[]) k WHERE a ? k LOOP
    IF a -> m.k IS DISTINCT FROM b -> m.k AND NOT (m.k IN ('minimum', 'minLength', 'minItems') AND (b ->> m.k)::numeric >= (a ->> m.k)::numeric)
       AND NOT (m.k IN ('maximum', 'maxLength', 'maxItems') AND (b ->> m.k)::numeric <= (a ->> m.k)::numeric) THEN
      RETURN QUERY SELECT m.k, 'breaking', place, format('was %s, is %s', a ->> m.k, COALESCE(b ->> m.k, 'anything'));
    END IF;
  END LOOP;
  RETURN QUERY SELECT 'no longer required', 'breaking', place || '.' || r, 'may be absent' FROM jsonb_array_elements_text(a -> 'required') r
                WHERE b -> 'properties' ? r AND NOT COALESCE(b -> 'required' ? r, false);
  FOR m IN SELECT COALESCE(x.key, y.key) AS key, x.value AS old, y.value AS new
             FROM jsonb_each(a -> 'properties') x FULL JOIN jsonb_each(b -> 'properties') y ON y.key = x.key LOOP
    IF m.new IS NULL THEN
      RETURN QUERY SELECT 'removed', 'breaking', place || '.' || m.key, 'is not sent any more';
    ELSIF m.old IS NULL THEN
      RETURN QUERY SELECT 'added', 'compatible', place || '.' || m.key, 'is new';
    ELSE
      RETURN QUERY SELECT * FROM odoo_events._schema_changes(m.old, m.new, place || '.' || m.key);
    END IF;
  END LOOP;
  -- what $ref names is compared under its own name
  FOR m IN SELECT x.key, x.value AS old, y.value AS new FROM jsonb_each(a -> '$defs') x JOIN jsonb_each(b -> '$defs') y ON y.key = x.key WHERE x.value <> y.value LOOP
    RETURN QUERY SELECT * FROM odoo_events._schema_changes(m.old, m.new, m.key);
  END LOOP;
  IF a ? 'items' AND b ? 'items' THEN
    RETURN QUERY SELECT * FROM odoo_events._schema_changes(a -> 'items', b -> 'items', place || '[]');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._schema_changes(jsonb, jsonb, text) IS
'internal: how a schema differs from a former one; breaking is what a receiver may have relied on';
CREATE FUNCTION odoo_events._next_version(type text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT regexp_replace(type, '\.v[0-9]+$', '.v' || (substring(type FROM '\.v([0-9]+)$')::int + 1))
$$;
COMMENT ON FUNCTION odoo_events._next_version(text) IS 'internal: the type with the next version';
CREATE FUNCTION odoo_events._set_type(t odoo_events.own_type, or_replace boolean, may_break boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was   odoo_events.own_type;
  wrong record;
BEGIN
  t.id := md5(t.type);
  t.classification := COALESCE(t.classification, '{}');
  PERFORM odoo_events._check_type(t.type);
  PERFORM odoo_events._check_schema(t.schema, t.schema);
  IF EXISTS (SELECT 1 FROM odoo_events._promised p WHERE p.type = t.type) THEN
    RAISE EXCEPTION 'event type "%" is defined by define_event(): its schema follows from the catalog', t.type USING ERRCODE = 'duplicate_object',
      HINT = format('SELECT odoo_events.json_schema(%L);', t.type);
  ELSIF jsonb_typeof(t.classification) <> 'object' OR EXISTS (SELECT 1 FROM jsonb_each(t.classification) c WHERE c.value #>> '{}' <> ALL ('{public,internal,confidential,personal}')) THEN
    RAISE EXCEPTION 'argument "classification" is not an object of members and classes' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Classes are public, internal, confidential and personal: classification => ''{"customs_hold": "confidential"}''';
  ELSIF t.compatibility IS NULL OR t.compatibility NOT IN ('backward', 'none') THEN
    RAISE EXCEPTION 'argument "compatibility" is "%"', t.compatibility USING ERRCODE = 'invalid_parameter_value',
      HINT = 'backward: what receivers may rely on is not taken away; none: anything goes.';
  END IF;
  SELECT * INTO was FROM odoo_events.own_type o WHERE o.id = t.id FOR UPDATE;
  IF was.id IS NOT NULL AND NOT or_replace THEN
    RAISE EXCEPTION 'event type "%" exists', t.type USING ERRCODE = 'duplicate_object', HINT = 'Use or_replace => true, or the next version of the type.';
  END IF;
  IF was.compatibility = 'backward' AND NOT may_break THEN
    SELECT * INTO wrong FROM odoo_events._schema_changes(was.schema, t.schema) c WHERE c.level = 'breaking' LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'the new schema of "%" breaks what receivers rely on: % %', t.type, wrong.path, wrong.detail USING ERRCODE = 'object_not_in_prerequisite_state',
        HINT = format('Define %s instead, and emit both until nobody subscribes to the old one.', odoo_events._next_version(t.type));
    END IF;
  END IF;
  INSERT INTO odoo_events.own_type AS o SELECT (t).*
  ON CONFLICT ON CONSTRAINT own_type_pkey DO UPDATE SET schema = EXCLUDED.schema, owner = EXCLUDED.owner, classification = EXCLUDED.classification, compatibility = EXCLUDED.compatibility
   WHERE o IS DISTINCT FROM EXCLUDED;
END $$;
COMMENT ON FUNCTION odoo_events._set_type(odoo_events.own_type, boolean, boolean) IS 'internal: checks and writes a type of one''s own';
CREATE FUNCTION odoo_events.define_type(type text, schema json, owner text DEFAULT NULL, classification jsonb DEFAULT '{}', compatibility text DEFAULT 'backward',
  or_replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t odoo_events.own_type;
BEGIN
  PERFORM odoo_events._must_be_free('define_type');
  IF num_nulls(type, schema) > 0 THEN
    RAISE EXCEPTION 'argument "%" is null', CASE WHEN type IS NULL THEN 'type' ELSE 'schema' END USING ERRCODE = 'null_value_not_allowed',
      HINT = 'SELECT odoo_events.define_type(''acme.logistics.customs_hold.placed.v1'', ''{"type": "object"}'');';
  END IF;
  PERFORM odoo_events._check_publish(define_type.type);
  t.type := define_type.type; t.schema := define_type.schema::jsonb; t.owner := COALESCE(define_type.owner, session_user);
  t.classification := define_type.classification; t.compatibility := define_type.compatibility;
  PERFORM odoo_events._set_type(t, or_replace);
END $$;
COMMENT ON FUNCTION odoo_events.define_type(text, json, text, jsonb, text, boolean) IS
'a type of one''s own with the JSON schema of its data: emit() refuses what does not fit; or_replace changes it where no receiver can notice, else SQLSTATE 55000 and the next version in the hint';
CREATE FUNCTION odoo_events.drop_type(type text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('drop_type');
  PERFORM odoo_events._check_publish(drop_type.type);
  DELETE FROM odoo_events.own_type t WHERE t.type = drop_type.type;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'event type "%" is none that define_type() has defined', drop_type.type USING ERRCODE = 'undefined_object',
      HINT = 'SELECT odoo_events.config_export(''{type}'');  -- lists them';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.drop_type(text) IS 'emit() checks this type no longer';
-- What json_schema() says of the frame of a type's data: the document with its id, lists of lines and changes.  The whole schema takes a
-- quarter of a second to make, which is no time for emit().
CREATE FUNCTION odoo_events._frame_json(type text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('anyOf', jsonb_agg(jsonb_build_object('type', 'object', 'required', jsonb_build_array(COALESCE(e.label, e.entity)), 'properties',
         jsonb_build_object(COALESCE(e.label, e.entity), jsonb_build_object('type', 'object', 'required', jsonb '["id"]', 'properties',
                              jsonb_build_object('id', odoo_events._id_json(r.tables, r.builtin))))
         || jsonb '{"lines": {"type": "array", "items": {"type": "object", "required": ["part", "id"]}},
                    "changes": {"type": "array", "items": {"type": "object", "required": ["part", "id", "op", "fields"]}},
                    "transition": {"type": "object", "required": ["from", "to"]}}')))
  FROM (SELECT DISTINCT d.entity FROM odoo_events.event_def d WHERE d.type = _frame_json.type) x
       JOIN odoo_events.entity e ON e.entity = x.entity JOIN odoo_events.capture_rule r ON r.rule = e.rule
$$;
COMMENT ON FUNCTION odoo_events._frame_json(text) IS 'internal: JSON Schema of the frame of a type that define_event() has defined';
-- Called by emit(): may the caller publish this type, and do the data fit?
CREATE FUNCTION odoo_events._check_emit(type text, data jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s     jsonb;
  wrong text;
BEGIN
  IF EXISTS (SELECT 1 FROM odoo_events.policy_rule) THEN
    PERFORM odoo_events._check_publish(type);
  END IF;
  SELECT o.schema INTO s FROM odoo_events.own_type o WHERE o.id = md5(_check_emit.type);
  IF FOUND THEN
    wrong := odoo_events._violation(data, s, s);
  ELSIF type NOT LIKE 'odoo.%' AND EXISTS (SELECT 1 FROM odoo_events.event_def d WHERE d.type = _check_emit.type) THEN    -- emit() refuses those itself
    s := odoo_events._frame_json(type);
    wrong := odoo_events._violation(data, s, s);
  END IF;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'argument "data" does not fit the schema of "%": %', type, wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = CASE WHEN EXISTS (SELECT 1 FROM odoo_events.own_type o WHERE o.type = _check_emit.type)
                  THEN format('SELECT odoo_events.config_export(''{type}'') -> ''type'' -> %L;', type) ELSE format('SELECT odoo_events.json_schema(%L);', type) END;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_emit(text, jsonb) IS 'internal: refuses an event that the caller may not publish, or that does not fit its schema';
-- Kind type of the configuration.
CREATE FUNCTION odoo_events._export_type() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT t.type, jsonb_strip_nulls(jsonb_build_object('owner', t.owner, 'classification', NULLIF(t.classification, '{}'), 'compatibility', NULLIF(t.compatibility, 'backward')))
               || jsonb_build_object('schema', t.schema)
  FROM odoo_events.own_type t
$$;
COMMENT ON FUNCTION odoo_events._export_type() IS 'internal: kind type of config_export()';
CREATE FUNCTION odoo_events._import_type(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    DELETE FROM odoo_events.own_type t WHERE t.type = _import_type.name;
    RETURN;
  END IF;
  PERFORM odoo_events._check_item('type', name, item, '{schema,owner,classification,compatibility}');
  PERFORM odoo_events._set_type(jsonb_populate_record(NULL::odoo_events.own_type, '{"compatibility": "backward"}'::jsonb || item || jsonb_build_object('type', name)), true, true);
END $$;
COMMENT ON FUNCTION odoo_events._import_type(text, jsonb) IS 'internal: kind type of config_apply()';
-- A breaking change is shown rather than refused: a rollback has to be able to take an addition back.
CREATE FUNCTION odoo_events._effect_type(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c record;
BEGIN
  IF path = 'schema' THEN
    SELECT x.path, x.detail INTO c FROM odoo_events._schema_changes(is_now, wanted) x WHERE x.level = 'breaking' LIMIT 1;
  END IF;
  risk := CASE WHEN c.path IS NOT NULL THEN 'high' WHEN path IS NULL AND wanted IS NULL THEN 'medium' ELSE 'low' END;
  effect := CASE WHEN c.path IS NOT NULL THEN format('breaks what receivers rely on: %s %s; subscribed by %s', c.path, c.detail,
                        COALESCE(NULLIF(array_to_string(odoo_events._subscribers(name), ', '), ''), 'nobody')) END;
END $$;
COMMENT ON FUNCTION odoo_events._effect_type(text, text, jsonb, jsonb) IS 'internal: what a change of a type of one''s own means';
-- ---- what the catalog's types promised ----

CREATE FUNCTION odoo_events._contract_types(types text[]) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT p.type FROM odoo_events._promised p
 WHERE types IS NULL OR EXISTS (SELECT 1 FROM unnest(types) t WHERE p.type LIKE replace(replace(t, '_', '\_'), '*', '%')) ORDER BY 1
$$;
COMMENT ON FUNCTION odoo_events._contract_types(text[]) IS 'internal: types of the catalog that these patterns name';
CREATE FUNCTION odoo_events.contract_accept(types text[] DEFAULT NULL, note text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
BEGIN
  PERFORM odoo_events._must_be_free('contract_accept');
  INSERT INTO odoo_events.accepted_contract AS a (id, type, schema, at, who, note)
  WITH wanted AS (SELECT p.type, p.entities FROM odoo_events._promised p WHERE p.type IN (SELECT odoo_events._contract_types(contract_accept.types))),
       made AS MATERIALIZED (SELECT e.entity, odoo_events._entity_definitions(e.entity, '#/$defs/') AS defs FROM (SELECT DISTINCT unnest(w.entities) AS entity FROM wanted w) e)
  SELECT md5(w.type), w.type, jsonb_build_object('$defs', (SELECT jsonb_object_agg(k.key, k.value) FROM made d, jsonb_each(d.defs) k WHERE d.entity = ANY (w.entities))),
         clock_timestamp(), session_user, contract_accept.note
    FROM wanted w WHERE true
  ON CONFLICT ON CONSTRAINT accepted_contract_pkey DO UPDATE SET schema = EXCLUDED.schema, at = EXCLUDED.at, who = EXCLUDED.who, note = EXCLUDED.note;
  GET DIAGNOSTICS n = ROW_COUNT;
  PERFORM odoo_events._audit('contract_accept', array_to_string(types, ','), NULL, jsonb_strip_nulls(jsonb_build_object('types', n, 'note', note)));
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events.contract_accept(text[], text) IS
'notes the schemas of these types (patterns; null: all) as what receivers rely on: contract_check() compares with them; answers how many';
-- Members that read a column, of a document or of its lines, and types that cannot be told without it.  columns: {table: [column, ...]}.
CREATE FUNCTION odoo_events._lost_by_columns(columns jsonb) RETURNS TABLE (type text, change text, level text, path text, detail text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH lost AS (
  SELECT r.rule, c.relname::text AS relation, split_part(s, '=', 1) AS column_name
    FROM odoo_events.capture_rule r CROSS JOIN LATERAL odoo_events._captured_table(r.tables, r.builtin) t(relid)
         JOIN pg_class c ON c.oid = t.relid CROSS JOIN LATERAL unnest(r.significant || r.carried) s
   WHERE EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = ANY (string_to_array(s, '=')) AND NOT a.attisdropped)
     AND NOT EXISTS (SELECT 1 FROM unnest(string_to_array(s, '=')) x, unnest(r.tables) o WHERE columns -> o ? x)),
owner AS (
  SELECT e.entity, e.rule, e.entity AS owner, COALESCE(e.label, e.entity) AS place FROM odoo_events.entity e
  UNION ALL SELECT p.entity, p.rule, p.owner, 'lines[]' FROM odoo_events.part p)
SELECT d.type, 'member lost', 'breaking', 'data.' || o.place || '.' || f.field, format('reads %s.%s', l.relation, l.column_name)
  FROM lost l JOIN owner o ON o.rule = l.rule JOIN odoo_events.field f ON f.owner = o.owner
       JOIN odoo_events._promised d ON o.entity = ANY (d.entities)
 WHERE EXISTS (SELECT 1 FROM unnest(f.sources) s WHERE split_part(split_part(s, '@', 1), '.', 1) = l.column_name)
   AND NOT EXISTS (SELECT 1 FROM unnest(f.sources) s WHERE s NOT LIKE '#%' AND split_part(split_part(s, '@', 1), '.', 1) NOT IN (SELECT x.column_name FROM lost x WHERE x.rule = l.rule)
                      AND EXISTS (SELECT 1 FROM odoo_events.capture_rule r, unnest(r.significant || r.carried) u WHERE r.rule = l.rule AND split_part(u, '=', 1) = split_part(split_part(s, '@', 1), '.', 1)))
UNION
SELECT d.type, 'type lost', 'breaking', NULL, format('cannot be told without %s.%s', l.relation, l.column_name)
  FROM lost l JOIN odoo_events.entity e ON e.rule = l.rule JOIN odoo_events.event_def d ON d.entity = e.entity AND d.emit
 WHERE d.occasion IN ('milestone', 'cancelled', 'open', 'changed') AND e.state_column = l.column_name
    OR strpos(d.condition::text, '."' || l.column_name || '"') > 0 OR l.column_name = ANY (SELECT split_part(w, '@', 1) FROM unnest(d.watches) w)
$$;
COMMENT ON FUNCTION odoo_events._lost_by_columns(jsonb) IS 'internal: what types would lose if tables had these columns only';
CREATE FUNCTION odoo_events.contract_check(types text[] DEFAULT NULL, columns jsonb DEFAULT NULL)
RETURNS TABLE (type text, change text, level text, path text, detail text, subscribers text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF jsonb_typeof(columns) <> 'object' OR EXISTS (SELECT 1 FROM jsonb_each(CASE jsonb_typeof(columns) WHEN 'object' THEN columns ELSE '{}' END) e WHERE jsonb_typeof(e.value) <> 'array') THEN
    RAISE EXCEPTION 'argument "columns" is not an object of tables, each a list of columns' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT jsonb_object_agg(t, c) FROM (SELECT r.relname, jsonb_agg(a.attname) FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class r ON r.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relnamespace = ''public''::regnamespace GROUP BY 1) x(t, c);  -- in a database of the new version';
  END IF;
  RETURN QUERY
  WITH made AS MATERIALIZED (           -- each entity once, since that takes a while
    SELECT e.entity, odoo_events._entity_definitions(e.entity, '#/$defs/') AS defs
      FROM (SELECT DISTINCT unnest(p.entities) AS entity FROM odoo_events._promised p JOIN odoo_events.accepted_contract a ON a.type = p.type
             WHERE columns IS NULL AND p.type IN (SELECT odoo_events._contract_types(types))) e)
  SELECT x.type, x.change, x.level, x.path, x.detail, odoo_events._subscribers(x.type)
    FROM (SELECT a.type, c.change, c.level, c.path, c.detail
            FROM odoo_events.accepted_contract a JOIN odoo_events._promised p ON p.type = a.type JOIN made d ON d.entity = ANY (p.entities)
                 CROSS JOIN LATERAL odoo_events._schema_changes(jsonb_build_object('$defs', a.schema -> '$defs'), jsonb_build_object('$defs', d.defs)) c
          UNION
          SELECT a.type, 'removed', 'breaking', NULL, 'the catalog has no such type any more'
            FROM odoo_events.accepted_contract a WHERE columns IS NULL AND NOT EXISTS (SELECT 1 FROM odoo_events._promised p WHERE p.type = a.type)
          UNION
          SELECT l.type, l.change, l.level, l.path, l.detail FROM odoo_events._lost_by_columns(columns) l WHERE columns IS NOT NULL) x
   WHERE types IS NULL OR EXISTS (SELECT 1 FROM unnest(types) t WHERE x.type LIKE replace(replace(t, '_', '\_'), '*', '%'))
   ORDER BY x.level, x.type, x.path, x.detail;
END $$;
COMMENT ON FUNCTION odoo_events.contract_check(text[], jsonb) IS
'what receivers may no longer rely on since contract_accept(), and who subscribes; with columns, {table: [column, ...]} of a coming version of Odoo: what these types would lose; level is breaking or compatible';
-- retention: how long personal data stay in what is kept.

CREATE TABLE odoo_events.retention_rule (
    class   text PRIMARY KEY,
    keep    interval NOT NULL
);
COMMENT ON TABLE odoo_events.retention_rule IS 'what set_retention() was given';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.retention_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('class');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.retention_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('class', 'set_retention', 'set_retention', 'set_retention', 'class');
CREATE CONSTRAINT TRIGGER revision AFTER INSERT OR UPDATE OR DELETE ON odoo_events.retention_rule
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION odoo_events._note_change();
-- How far the worker is: a run begins once a day and takes as many minutes as it needs.
CREATE TABLE odoo_events.retention_run (
    class    text PRIMARY KEY,
    began_at timestamptz NOT NULL,
    before   timestamptz NOT NULL,
    events   int8 NOT NULL,
    ended_at timestamptz,
    reached  int8 NOT NULL DEFAULT 0            -- events up to this position have been looked at, in this run or an earlier one
);
COMMENT ON TABLE odoo_events.retention_run IS 'the latest run of each rule of set_retention(); in no dump';
-- Does an event have anything personal left?
CREATE FUNCTION odoo_events._has_personal(event text, classes text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT (classes ~ '(^| )3:' OR left(event, strpos(event, ',"data":')) ~ ',"authid":') IS TRUE AND left(event, strpos(event, ',"data":')) !~ ',"erasedtime":'
$$;
COMMENT ON FUNCTION odoo_events._has_personal(text, text) IS 'internal: has an event personal members or an actor that nobody has erased';
-- Of events behind "since", up to "upto".
CREATE FUNCTION odoo_events._retain_outbox(since int8, upto int8, at timestamptz) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ids  uuid[] := '{}';
  part uuid[];
BEGIN
  FOR i IN 0..7 LOOP
    EXECUTE format('WITH u AS (UPDATE odoo_events.%I x SET event = odoo_events._erased(x.event, x.classes, $3), subject = odoo_events._erased(x.event, x.classes, $3)::json ->> ''subject''
                                WHERE x.position > $1 AND x.position <= $2 AND odoo_events._has_personal(x.event, x.classes) RETURNING x.id)
                    SELECT array_agg(u.id) FROM u', concat('outbox_', i)) INTO part USING since, upto, at;
    ids := ids || part;
  END LOOP;
  RETURN ids;
END $$;
COMMENT ON FUNCTION odoo_events._retain_outbox(int8, int8, timestamptz) IS 'internal: takes personal data out of a range of the outbox; answers of which events';
CREATE FUNCTION odoo_events._retain_dead(before timestamptz, at timestamptz, most int) RETURNS uuid[]
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH t AS (SELECT d.ctid AS place FROM odoo_events.dead d WHERE d.first_at < before AND odoo_events._has_personal(d.event, d.classes) LIMIT most),
     u AS (UPDATE odoo_events.dead x SET event = odoo_events._erased(x.event, x.classes, at), subject = odoo_events._erased(x.event, x.classes, at)::json ->> 'subject'
             FROM t WHERE x.ctid = t.place RETURNING x.event_id AS id)
SELECT COALESCE(array_agg(u.id), '{}') FROM u
$$;
COMMENT ON FUNCTION odoo_events._retain_dead(timestamptz, timestamptz, int) IS 'internal: takes personal data out of old dead letters; answers of which events';
-- What a rule reaches now.
CREATE FUNCTION odoo_events._retention_reach(before timestamptz) RETURNS TABLE (place text, rows int8)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'outbox', count(*) FROM odoo_events.outbox_all o WHERE o.recordedtime < before AND odoo_events._has_personal(o.event, o.classes)
UNION ALL SELECT 'dead_letter', count(*) FROM odoo_events.dead d WHERE d.first_at < before AND odoo_events._has_personal(d.event, d.classes)
UNION ALL SELECT 'attempt', count(*) FROM odoo_events.attempt a WHERE a.at < before AND a.response IS NOT NULL
UNION ALL SELECT 'not reached: quarantine', count(*) FROM odoo_events.quarantined q WHERE q.at < before
UNION ALL SELECT 'not reached: own events, whose members have no class; names of documents in milestones and the audit', NULL
UNION ALL SELECT 'not reached: WAL, backups, standbys'' archives, archives with proofs, consumers; old row versions until VACUUM', NULL
$$;
COMMENT ON FUNCTION odoo_events._retention_reach(timestamptz) IS 'internal: how much older than this has personal data, and what is not reached';
-- A slice of a run; the worker calls it once a minute.  It looks at each position once, because the outbox is large, and it takes a second
-- at most.  Where somebody has locked what it needs, as a transaction with erase() does, it tries again a minute later.
CREATE FUNCTION odoo_events._retain(most int DEFAULT 5000) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
  rule   odoo_events.retention_rule;
  run    odoo_events.retention_run;
  l      odoo_events.seal_log;
  at     constant timestamptz := clock_timestamp();
  newest constant int8 := odoo_events._last_position();
  sealed int8 := newest;                        -- nobody could tell later what an event without a leaf was
  ids    uuid[] := '{}';
  others uuid[];
  young  int8;
  upto   int8;
  done   boolean;
BEGIN
  SELECT r.* INTO rule FROM odoo_events.retention_rule r LEFT JOIN odoo_events.retention_run x USING (class)
   WHERE x.class IS NULL OR x.ended_at IS NULL OR x.began_at < at - interval '1 day' OR x.before <> x.began_at - r.keep LIMIT 1;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  l := odoo_events._seal_current(false);
  IF l.id IS NOT NULL THEN
    sealed := LEAST(newest, l.first_position + odoo_events._seal_size(l.id) - 1);
  ELSIF EXISTS (SELECT 1 FROM odoo_events.seal_log x WHERE x.closed_at IS NULL) THEN
    RETURN;
  END IF;
  INSERT INTO odoo_events.retention_run AS x (class, began_at, before, events) VALUES (rule.class, at, at - rule.keep, 0)
  ON CONFLICT ON CONSTRAINT retention_run_pkey DO UPDATE SET began_at = EXCLUDED.began_at, before = EXCLUDED.before, events = 0, ended_at = NULL
   WHERE x.ended_at IS NOT NULL OR x.before <> x.began_at - rule.keep;
  SELECT * INTO run FROM odoo_events.retention_run x WHERE x.class = rule.class FOR UPDATE;
  run.reached := GREATEST(run.reached, COALESCE((SELECT min(o.position) - 1 FROM odoo_events.outbox_all o), newest));
  LOOP
    upto := LEAST(run.reached + LEAST(most, 1000), newest);
    young := (SELECT min(o.position) FROM odoo_events.outbox_all o WHERE o.position > run.reached AND o.position <= upto AND o.recordedtime >= run.before);
    upto := LEAST(young - 1, upto, GREATEST(sealed, run.reached));
    ids := ids || odoo_events._retain_outbox(run.reached, upto, at);
    run.reached := upto;
    done := upto >= newest OR COALESCE(young = upto + 1, false);
    EXIT WHEN done OR upto >= sealed OR cardinality(ids) >= most OR clock_timestamp() > at + interval '1 second';
  END LOOP;
  IF done THEN
    others := odoo_events._retain_dead(run.before, at, most);
    done := cardinality(others) < most;
    ids := ids || others;
  END IF;
  IF done THEN
    UPDATE odoo_events.attempt_0 a SET response = NULL WHERE a.at < run.before AND a.response IS NOT NULL;
    UPDATE odoo_events.attempt_1 a SET response = NULL WHERE a.at < run.before AND a.response IS NOT NULL;
  END IF;
  PERFORM odoo_events._seal_erase(ids);
  UPDATE odoo_events.retention_run x SET reached = run.reached, events = x.events + cardinality(ids), ended_at = CASE WHEN done THEN clock_timestamp() END
   WHERE x.class = rule.class RETURNING * INTO run;
  IF run.ended_at IS NULL OR run.events = 0 THEN
    RETURN;
  END IF;
  -- a worker that has read these events before begins anew, as after erase()
  INSERT INTO odoo_events.erasure (at, by, entity, record_id, reason, events) VALUES (at, 'set_retention()', rule.class, 0, format('older than %s', rule.keep), run.events);
  PERFORM odoo_events._audit('retention', rule.class, NULL, jsonb_build_object('before', run.before, 'events', run.events));
  PERFORM odoo_events._emit('odoo.platform.retention.applied.v1', 'retention/' || rule.class,
            jsonb_build_object('retention', jsonb_build_object('class', rule.class, 'keep', rule.keep, 'before', run.before, 'events', run.events)), 'retention:' || rule.class);
  PERFORM odoo_events._wake('config');
EXCEPTION WHEN lock_not_available THEN
  RAISE DEBUG 'personal data stay for another minute: what has them is locked';
END $$;
COMMENT ON FUNCTION odoo_events._retain(int) IS 'internal: a slice of the daily run of set_retention()';
CREATE FUNCTION odoo_events._set_retention(r odoo_events.retention_rule) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF r.class IS DISTINCT FROM 'personal' THEN
    RAISE EXCEPTION 'argument "class" is "%"', COALESCE(r.class, 'null') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT * FROM odoo_events.set_retention(''personal'', ''90 days'');  -- other classes go with the outbox: odoo_events.retention';
  ELSIF r.keep < interval '1 hour' THEN
    RAISE EXCEPTION 'argument "keep" is %', r.keep USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT * FROM odoo_events.set_retention(''personal'', ''90 days'');  -- one hour at least';
  ELSIF r.keep IS NULL THEN
    DELETE FROM odoo_events.retention_rule x WHERE x.class = r.class;
    RETURN;
  END IF;
  INSERT INTO odoo_events.retention_rule AS x SELECT (r).* ON CONFLICT ON CONSTRAINT retention_rule_pkey DO UPDATE SET keep = EXCLUDED.keep WHERE x IS DISTINCT FROM EXCLUDED;
END $$;
COMMENT ON FUNCTION odoo_events._set_retention(odoo_events.retention_rule) IS 'internal: writes how long a class is kept';
CREATE FUNCTION odoo_events.set_retention(class text, keep interval, dry_run boolean DEFAULT true) RETURNS TABLE (place text, rows int8)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  r odoo_events.retention_rule;
BEGIN
  PERFORM odoo_events._must_be_free('set_retention');
  IF dry_run IS NULL THEN
    RAISE EXCEPTION 'argument "dry_run" is null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give true or false.';
  END IF;
  r.class := set_retention.class; r.keep := set_retention.keep;
  IF dry_run AND keep IS NOT NULL THEN
    -- whatever would be refused is
    BEGIN
      PERFORM odoo_events._set_retention(r);
      RAISE EXCEPTION USING ERRCODE = 'OE001';
    EXCEPTION WHEN SQLSTATE 'OE001' THEN
      NULL;
    END;
  ELSIF NOT dry_run THEN
    PERFORM odoo_events._set_retention(r);
  END IF;
  RETURN QUERY SELECT * FROM odoo_events._retention_reach(now() - keep);
END $$;
COMMENT ON FUNCTION odoo_events.set_retention(text, interval, boolean) IS
'once a day the worker takes members of this class (personal) out of all events that are older, as erase() does of one person; null ends that; a dry run by default; answers what is reached, and what is not';
-- Kind retention of the configuration.
CREATE FUNCTION odoo_events._export_retention() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT r.class, jsonb_build_object('keep', r.keep) FROM odoo_events.retention_rule r
$$;
COMMENT ON FUNCTION odoo_events._export_retention() IS 'internal: kind retention of config_export()';
CREATE FUNCTION odoo_events._wanted_retention(name text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
BEGIN
  PERFORM odoo_events._check_item('retention', name, item, '{keep}');
  RETURN jsonb_build_object('keep', (item ->> 'keep')::interval);
EXCEPTION WHEN data_exception THEN
  RAISE EXCEPTION 'retention "%" of the configuration cannot be read: %', name, SQLERRM USING ERRCODE = 'invalid_parameter_value',
    HINT = 'It is {"keep": "90 days"}.';
END $$;
COMMENT ON FUNCTION odoo_events._wanted_retention(text, jsonb) IS 'internal: a retention as it would be exported';
CREATE FUNCTION odoo_events._import_retention(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._set_retention(jsonb_populate_record(NULL::odoo_events.retention_rule, COALESCE(item, '{}') || jsonb_build_object('class', name)));
END $$;
COMMENT ON FUNCTION odoo_events._import_retention(text, jsonb) IS 'internal: kind retention of config_apply()';
CREATE FUNCTION odoo_events._effect_retention(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN n.keep IS NULL THEN 'low' ELSE 'high' END,
       CASE WHEN n.keep IS NULL THEN 'personal data stay as long as the events'
            ELSE format('takes personal data out of %s events for ever', (SELECT count(*) FROM odoo_events.outbox_all o WHERE o.recordedtime < now() - n.keep AND odoo_events._has_personal(o.event, o.classes))) END
  FROM (SELECT (CASE WHEN path IS NULL THEN wanted ->> 'keep' ELSE wanted #>> '{}' END)::interval AS keep) n
$$;
COMMENT ON FUNCTION odoo_events._effect_retention(text, text, jsonb, jsonb) IS 'internal: what a change of a retention means';
-- residency: where classes of data may go.

CREATE TABLE odoo_events.residency_rule (
    class    text PRIMARY KEY,
    networks cidr[],
    hosts    text[]
);
COMMENT ON TABLE odoo_events.residency_rule IS 'what set_residency() was given';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.residency_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('class');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.residency_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('class', 'set_residency', 'set_residency', 'set_residency', 'class');
CREATE CONSTRAINT TRIGGER revision AFTER INSERT OR UPDATE OR DELETE ON odoo_events.residency_rule
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION odoo_events._note_change();
-- All hosts of a URL, without ports: those of brokers may have several.
CREATE FUNCTION odoo_events._url_hosts(url text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT array_agg(lower(regexp_replace(h, ':[0-9]+$', '')))
  FROM unnest(string_to_array(regexp_replace(substring(url FROM '^[^/]*//([^/?#]*)'), '^.*@', ''), ',')) h
$$;
COMMENT ON FUNCTION odoo_events._url_hosts(text) IS 'internal: the hosts in a URL, in lower case';
CREATE FUNCTION odoo_events._resides_outside(url text, r odoo_events.residency_rule) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN url IS NULL THEN CASE WHEN r.networks IS NULL THEN 'it is fetched, and only networks say by whom' END
            WHEN r.networks IS NOT NULL AND odoo_events._transport(url) <> 'webhook' THEN 'a broker tells its clients other addresses, so that networks cannot be checked'
            ELSE (SELECT format('host %s is none of %s', h, array_to_string(r.hosts, ', ')) FROM unnest(odoo_events._url_hosts(url)) h
                   WHERE NOT EXISTS (SELECT 1 FROM unnest(r.hosts) p WHERE h LIKE replace(replace(lower(p), '_', '\_'), '*', '%')) AND r.hosts IS NOT NULL LIMIT 1) END
$$;
COMMENT ON FUNCTION odoo_events._resides_outside(text, odoo_events.residency_rule) IS 'internal: why an endpoint may not get a class of data; null: it may, as far as its URL says';
CREATE FUNCTION odoo_events._common_networks(a cidr[], b cidr[]) RETURNS cidr[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN a IS NULL THEN b WHEN b IS NULL THEN a
            ELSE COALESCE((SELECT array_agg(DISTINCT CASE WHEN masklen(x) >= masklen(y) THEN x ELSE y END) FROM unnest(a) x, unnest(b) y WHERE x && y), '{0.0.0.0/32}') END
$$;
COMMENT ON FUNCTION odoo_events._common_networks(cidr[], cidr[]) IS 'internal: networks that are in both lists; null is no restriction';
-- An active subscription is where all that it is cleared for may go.  What a dump brings is paused instead of refused.
CREATE FUNCTION odoo_events._apply_residency() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r odoo_events.residency_rule;
  why text;
BEGIN
  NEW.residence := NULL;
  FOR r IN SELECT * FROM odoo_events.residency_rule x WHERE x.class = ANY (NEW.clearance) LOOP
    NEW.residence := odoo_events._common_networks(NEW.residence, r.networks);
    why := odoo_events._resides_outside(NEW.url, r);
    CONTINUE WHEN why IS NULL OR NEW.state <> 'active';
    IF pg_trigger_depth() > 1 THEN
      NEW.state := 'paused'; NEW.state_reason := format('paused by set_residency(): %s', why); NEW.state_since := clock_timestamp();
    ELSE
      RAISE EXCEPTION 'subscription "%" may not get % data: %', NEW.name, r.class, why USING ERRCODE = 'insufficient_privilege',
        HINT = format('Leave %s out of its clearance: clearance => %L', r.class, array_remove(NEW.clearance, r.class));
    END IF;
  END LOOP;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION odoo_events._apply_residency() IS 'internal: keeps subscriptions where the data that they are cleared for may go';
CREATE TRIGGER residency BEFORE INSERT OR UPDATE ON odoo_events.subscription_config
  FOR EACH ROW EXECUTE FUNCTION odoo_events._apply_residency();
-- A dump has its rows in any order: a subscription may have come back before the rule that it is under.
CREATE FUNCTION odoo_events._restore_residency() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE odoo_events.subscription_config c SET version = c.version + 1 WHERE NEW.class = ANY (c.clearance);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._restore_residency() IS 'internal: applies a restored rule of set_residency() to subscriptions that were restored before it';
CREATE TRIGGER restored AFTER INSERT ON odoo_events.residency_rule
  FOR EACH ROW WHEN (pg_catalog.pg_trigger_depth() > 0) EXECUTE FUNCTION odoo_events._restore_residency();
-- fetch(): a session on a Unix socket is on the server itself.
CREATE FUNCTION odoo_events._check_residence(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM unnest(c.residence) n WHERE inet_client_addr() <<= n) AND inet_client_addr() IS NOT NULL AND c.residence IS NOT NULL THEN
    RAISE EXCEPTION 'what subscription "%" is cleared for may not go to %', c.name, host(inet_client_addr()) USING ERRCODE = 'insufficient_privilege',
      HINT = 'SELECT * FROM odoo_events.config_export(''{residency}'');  -- shows which networks it may go to';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_residence(odoo_events.subscription_config) IS 'internal: refuses a consumer outside of the networks that its data may go to';
CREATE FUNCTION odoo_events._set_residency(r odoo_events.residency_rule) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF r.class IS NULL OR r.class <> ALL ('{public,internal,confidential,personal}') THEN
    RAISE EXCEPTION 'argument "classes" has "%"', r.class USING ERRCODE = 'invalid_parameter_value', HINT = 'Name some of public, internal, confidential and personal.';
  ELSIF array_position(r.networks, NULL) IS NOT NULL OR array_position(r.hosts, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'argument "%" contains a null', CASE WHEN array_position(r.networks, NULL) IS NOT NULL THEN 'networks' ELSE 'hosts' END
      USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave the argument out for no restriction.';
  ELSIF EXISTS (SELECT 1 FROM unnest(r.hosts) h WHERE h !~ '^[A-Za-z0-9*.:\[\]_-]+$') THEN
    RAISE EXCEPTION 'argument "hosts" has an unusable pattern' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Name hosts without scheme, port and path; "*" stands for any characters: hosts => ''{*.example.com}''';
  END IF;
  r.networks := NULLIF(r.networks, '{}');
  r.hosts := NULLIF(r.hosts, '{}');
  IF num_nonnulls(r.networks, r.hosts) = 0 THEN
    DELETE FROM odoo_events.residency_rule x WHERE x.class = r.class;
  ELSE
    INSERT INTO odoo_events.residency_rule AS x SELECT (r).*
    ON CONFLICT ON CONSTRAINT residency_rule_pkey DO UPDATE SET networks = EXCLUDED.networks, hosts = EXCLUDED.hosts WHERE x IS DISTINCT FROM EXCLUDED;
  END IF;
  UPDATE odoo_events.subscription_config c
     SET state = CASE WHEN o.why IS NULL OR c.state <> 'active' THEN c.state ELSE 'paused' END,
         state_reason = CASE WHEN o.why IS NULL OR c.state <> 'active' THEN c.state_reason ELSE format('paused by set_residency(): %s', o.why) END,
         state_since = CASE WHEN o.why IS NULL OR c.state <> 'active' THEN c.state_since ELSE clock_timestamp() END, version = c.version + 1
    FROM (SELECT y.id, (SELECT odoo_events._resides_outside(y.url, x) FROM odoo_events.residency_rule x
                         WHERE x.class = ANY (y.clearance) AND odoo_events._resides_outside(y.url, x) IS NOT NULL LIMIT 1) AS why
            FROM odoo_events.subscription_config y WHERE r.class = ANY (y.clearance)) o
   WHERE o.id = c.id;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._set_residency(odoo_events.residency_rule) IS 'internal: writes where one class may go, and pauses subscriptions that send it elsewhere';
CREATE FUNCTION odoo_events.set_residency(classes text[], networks cidr[] DEFAULT NULL, hosts text[] DEFAULT NULL) RETURNS TABLE (subscription text, effect text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  r odoo_events.residency_rule;
  class text;
BEGIN
  PERFORM odoo_events._must_be_free('set_residency');
  IF COALESCE(cardinality(classes), 0) = 0 THEN
    RAISE EXCEPTION 'argument "classes" is empty' USING ERRCODE = 'invalid_parameter_value', HINT = 'Name some of public, internal, confidential and personal.';
  END IF;
  FOREACH class IN ARRAY classes LOOP
    r.class := class; r.networks := set_residency.networks; r.hosts := set_residency.hosts;
    PERFORM odoo_events._set_residency(r);
  END LOOP;
  RETURN QUERY SELECT c.name, CASE WHEN c.state <> 'active' THEN COALESCE(c.state_reason, c.state)
                                   WHEN c.residence IS NOT NULL THEN 'goes on, to addresses in these networks only' ELSE 'goes on' END
                 FROM odoo_events.subscription_config c WHERE c.clearance && classes ORDER BY 1;
  RETURN QUERY SELECT NULL::text, x FROM unnest(ARRAY['not reached: whoever reads views, archives, dumps, standbys or the output plugin',
                                                    'not reached: where an endpoint sends the data on, and copies that were sent before']) x;
END $$;
COMMENT ON FUNCTION odoo_events.set_residency(text[], cidr[], text[]) IS
'data of these classes goes to endpoints with these hosts (patterns) and addresses in these networks only; what is left out restricts nothing, both null ends it; subscriptions that send them elsewhere are paused; answers them, and what is not reached';
-- Kind residency of the configuration.
CREATE FUNCTION odoo_events._export_residency() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT r.class, jsonb_strip_nulls(to_jsonb(r) - 'class') FROM odoo_events.residency_rule r
$$;
COMMENT ON FUNCTION odoo_events._export_residency() IS 'internal: kind residency of config_export()';
CREATE FUNCTION odoo_events._import_residency(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NOT NULL THEN
    PERFORM odoo_events._check_item('residency', name, item, '{networks,hosts}');
  END IF;
  PERFORM odoo_events._set_residency(jsonb_populate_record(NULL::odoo_events.residency_rule, COALESCE(item, '{}') || jsonb_build_object('class', name)));
END $$;
COMMENT ON FUNCTION odoo_events._import_residency(text, jsonb) IS 'internal: kind residency of config_apply()';
CREATE FUNCTION odoo_events._effect_residency(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  item jsonb := CASE WHEN path IS NULL THEN wanted
                     ELSE COALESCE((SELECT x.item FROM odoo_events._export_residency() x WHERE x.name = _effect_residency.name), '{}') || jsonb_build_object(path, wanted) END;
  r    odoo_events.residency_rule := jsonb_populate_record(NULL::odoo_events.residency_rule, COALESCE(item, '{}') || jsonb_build_object('class', name));
  hit  text := (SELECT string_agg(c.name, ', ' ORDER BY c.name) FROM odoo_events.subscription_config c
                 WHERE r.class = ANY (c.clearance) AND c.state = 'active' AND odoo_events._resides_outside(c.url, r) IS NOT NULL);
BEGIN
  risk := CASE WHEN hit IS NOT NULL OR item IS NULL THEN 'high' ELSE 'medium' END;
  effect := CASE WHEN item IS NULL THEN format('%s data may go anywhere', name) WHEN hit IS NOT NULL THEN 'pauses ' || hit ELSE 'pauses no subscription' END;
END $$;
COMMENT ON FUNCTION odoo_events._effect_residency(text, text, jsonb, jsonb) IS 'internal: what a change of residency means';
SELECT odoo_events._clear_catalog();
-- catalog_reference: rows that events name, and what is read of each.

INSERT INTO odoo_events.reference (reference, tables) VALUES
('product', '{product_product}'), ('unit', '{uom_uom}'), ('lot', '{stock_lot,stock_production_lot}'), ('location', '{stock_location}'),
('partner', '{res_partner}'), ('address', '{res_partner}'), ('company', '{res_company}'), ('warehouse', '{stock_warehouse}'), ('picking_type', '{stock_picking_type}'),
('user', '{res_users}'), ('package', '{stock_package,stock_quant_package}'), ('carrier', '{delivery_carrier}'), ('transfer_batch', '{stock_picking_batch}'),
('transfer', '{stock_picking}'), ('manufacturing_order', '{mrp_production}'), ('bill_of_materials', '{mrp_bom}'), ('work_center', '{mrp_workcenter}'),
('work_order', '{mrp_workorder}'), ('stock_move', '{stock_move}'), ('sales_order', '{sale_order}'), ('sales_order_line', '{sale_order_line}'),
('purchase_order', '{purchase_order}'), ('purchase_order_line', '{purchase_order_line}'), ('scrap', '{stock_scrap}'), ('unbuild_order', '{mrp_unbuild}'),
('repair_order', '{repair_order}'), ('loss', '{mrp_workcenter_productivity_loss}'), ('stock_move_line', '{stock_move_line}'), ('scrap_reason', '{stock_scrap_reason_tag}'), ('procurement_group', '{procurement_group}');

INSERT INTO odoo_events.reference_field (reference, position, field, paths, shown, target) VALUES
('product', 1, 'sku', '{default_code}', true, NULL), ('product', 2, 'barcode', '{barcode}', true, NULL),
('product', 3, 'name', '{product_tmpl_id>product_template.name}', true, NULL), ('product', 4, 'tracking', '{product_tmpl_id>product_template.tracking}', true, NULL),
('unit', 1, 'name', '{name}', true, NULL),
('lot', 1, 'name', '{name}', true, NULL), ('lot', 2, 'expiry', '{expiration_date}', true, NULL),
('location', 1, 'name', '{complete_name}', true, NULL), ('location', 2, 'barcode', '{barcode}', true, NULL), ('location', 3, 'usage', '{usage}', true, NULL),
('location', 4, 'warehouse_id', '{warehouse_id,parent_path^stock_warehouse.view_location_id}', false, 'warehouse'),
('partner', 1, 'ref', '{ref}', true, NULL), ('partner', 2, 'name', '{name}', true, NULL),
('address', 1, 'ref', '{ref}', true, NULL), ('address', 2, 'name', '{name}', true, NULL), ('address', 3, 'company', '{parent_id>res_partner.name}', true, NULL),
('address', 4, 'street', '{street}', true, NULL), ('address', 5, 'street2', '{street2}', true, NULL), ('address', 6, 'zip', '{zip}', true, NULL), ('address', 7, 'city', '{city}', true, NULL),
('address', 8, 'state', '{state_id>res_country_state.code}', true, NULL), ('address', 9, 'country', '{country_id>res_country.code}', true, NULL),
('address', 10, 'phone', '{phone}', true, NULL), ('address', 11, 'mobile', '{mobile}', true, NULL), ('address', 12, 'email', '{email}', true, NULL),
('company', 1, 'name', '{name}', true, NULL),
('warehouse', 1, 'code', '{code}', true, NULL), ('warehouse', 2, 'name', '{name}', true, NULL), ('warehouse', 3, 'partner_id', '{partner_id}', false, 'partner'),
('location', 5, 'quality_of', '{parent_path^stock_warehouse.wh_qc_stock_loc_id}', false, 'warehouse'),
('location', 6, 'input_of', '{parent_path^stock_warehouse.wh_input_stock_loc_id}', false, 'warehouse'),
('location', 7, 'output_of', '{parent_path^stock_warehouse.wh_output_stock_loc_id}', false, 'warehouse'), ('location', 8, 'company_id', '{company_id}', false, 'company'),
('picking_type', 1, 'name', '{name}', true, NULL), ('picking_type', 2, 'code', '{code}', true, NULL),
('picking_type', 3, 'warehouse_id', '{warehouse_id}', false, 'warehouse'),
('picking_type', 4, 'pick_type_id', '{warehouse_id>stock_warehouse.pick_type_id}', false, NULL),
('picking_type', 5, 'pack_type_id', '{warehouse_id>stock_warehouse.pack_type_id}', false, NULL),
('picking_type', 6, 'pbm_type_id', '{warehouse_id>stock_warehouse.pbm_type_id}', false, NULL),
('picking_type', 7, 'sam_type_id', '{warehouse_id>stock_warehouse.sam_type_id}', false, NULL),
('picking_type', 8, 'qc_type_id', '{warehouse_id>stock_warehouse.qc_type_id}', false, NULL),
('picking_type', 9, 'store_type_id', '{warehouse_id>stock_warehouse.store_type_id}', false, NULL),
('picking_type', 10, 'resupply_type_id', '{warehouse_id>stock_warehouse.subcontracting_resupply_type_id}', false, NULL),
('user', 1, 'login', '{login}', true, NULL),
('package', 1, 'name', '{name}', true, NULL),
('carrier', 1, 'name', '{name}', true, NULL),
('transfer_batch', 1, 'name', '{name}', true, NULL),
('transfer', 1, 'name', '{name}', true, NULL),
('manufacturing_order', 1, 'name', '{name}', true, NULL), ('manufacturing_order', 2, 'product_id', '{product_id}', false, 'product'),
('manufacturing_order', 3, 'picking_type_id', '{picking_type_id}', false, 'picking_type'), ('manufacturing_order', 4, 'company_id', '{company_id}', false, 'company'),
('manufacturing_order', 5, 'sale_line_id', '{sale_line_id}', false, 'sales_order_line'),
('manufacturing_order', 6, 'production_group_id', '{production_group_id}', false, NULL), ('manufacturing_order', 7, 'procurement_group_id', '{procurement_group_id}', false, 'procurement_group'),
('bill_of_materials', 1, 'code', '{code}', true, NULL),
('work_center', 1, 'code', '{code}', true, NULL), ('work_center', 2, 'name', '{resource_id>resource_resource.name,name}', true, NULL),
('work_center', 3, 'cost_per_hour', '{costs_hour}', false, NULL),
('work_order', 1, 'name', '{name}', true, NULL),
('stock_move', 0, 'transfer', '{picking_id>stock_picking.name}', true, NULL), ('stock_move', 1, 'picking_id', '{picking_id}', false, 'transfer'),
('stock_move', 2, 'raw_material_production_id', '{raw_material_production_id}', false, 'manufacturing_order'),
('stock_move', 3, 'production_id', '{production_id}', false, 'manufacturing_order'),
('stock_move', 4, 'product_id', '{product_id}', false, 'product'), ('stock_move', 5, 'scrap_id', '{scrap_id}', false, 'scrap'),
('stock_move', 6, 'scrapped', '{scrapped}', false, NULL),
('sales_order', 1, 'name', '{name}', true, NULL), ('sales_order', 2, 'customer_reference', '{client_order_ref}', true, NULL),
('sales_order_line', 1, 'order_id', '{order_id}', false, 'sales_order'), ('sales_order_line', 2, 'product_id', '{product_id}', false, 'product'),
('purchase_order', 1, 'name', '{name}', true, NULL), ('purchase_order', 2, 'vendor_reference', '{partner_ref}', true, NULL),
('purchase_order_line', 1, 'order_id', '{order_id}', false, 'purchase_order'), ('purchase_order_line', 2, 'product_id', '{product_id}', false, 'product'),
('scrap', 1, 'name', '{name}', true, NULL),
('unbuild_order', 1, 'name', '{name}', true, NULL), ('unbuild_order', 2, 'mo_id', '{mo_id}', false, 'manufacturing_order'),
('repair_order', 1, 'name', '{name}', true, NULL), ('repair_order', 2, 'sale_order_line_id', '{sale_order_line_id}', false, 'sales_order_line'),
('loss', 1, 'name', '{name}', true, NULL), ('loss', 2, 'type', '{loss_id>mrp_workcenter_productivity_loss_type.loss_type,loss_type}', true, NULL),
('scrap_reason', 1, 'name', '{name}', true, NULL),
('procurement_group', 1, 'name', '{name}', true, NULL), ('procurement_group', 2, 'sale_id', '{sale_id}', false, 'sales_order'),
('transfer', 3, 'backorder_id', '{backorder_id}', false, 'transfer'), ('transfer', 4, 'group_id', '{group_id}', false, 'procurement_group'),
('stock_move', 7, 'sale_line_id', '{sale_line_id}', false, 'sales_order_line'), ('stock_move', 8, 'purchase_line_id', '{purchase_line_id}', false, 'purchase_order_line'),
('stock_move', 9, 'origin_returned_move_id', '{origin_returned_move_id}', false, 'stock_move'), ('stock_move', 10, 'group_id', '{group_id}', false, 'procurement_group'),
('stock_move', 11, 'unbuild_id', '{unbuild_id}', false, 'unbuild_order'), ('stock_move', 12, 'consume_unbuild_id', '{consume_unbuild_id}', false, 'unbuild_order'),
('stock_move', 13, 'repair_id', '{repair_id}', false, 'repair_order'), ('scrap', 2, 'production_id', '{production_id}', false, 'manufacturing_order'),
('transfer', 2, 'sale_id', '{sale_id}', false, 'sales_order'),
('stock_move_line', 1, 'lot', '{lot_id>stock_lot.name,lot_id>stock_production_lot.name}', true, NULL);
-- catalog_stock: stock and logistics.

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('stock_picking', '{stock_picking}',
 '{state,scheduled_date,date_deadline,partner_id,owner_id,carrier_id,carrier_tracking_ref,has_deadline_issue,location_id,location_dest_id,picking_type_id,backorder_id,return_id,name,priority,user_id,batch_id}',
 '{origin,move_type,company_id,date_done,weight,sale_id,group_id,create_uid,write_uid}'),
('stock_move', '{stock_move}',
 '{state,product_id,product_uom,product_uom_qty,quantity,value,location_id,location_dest_id,partner_id,picking_id,raw_material_production_id,production_id,repair_line_type,date,date_deadline}',
 '{product_qty,reference,origin,company_id,picking_type_id,warehouse_id,picked,scrap_id,scrapped,is_inventory,inventory_name,origin_returned_move_id,unbuild_id,consume_unbuild_id,repair_id,sale_line_id,purchase_line_id,bom_line_id,byproduct_id,workorder_id,operation_id,group_id,procure_method,create_uid,write_uid}'),
('stock_move_line', '{stock_move_line}',
 '{state,quantity,qty_done,product_uom_qty=reserved_uom_qty,product_id,lot_id,lot_name,package_id,result_package_id,owner_id,location_id,location_dest_id,move_id,picking_id}',
 '{quantity_product_uom,product_qty=reserved_qty,product_uom_id,company_id,production_id,workorder_id,expiration_date,write_uid}'),
('stock_picking_batch', '{stock_picking_batch}', '{state}', '{name,description,scheduled_date,picking_type_id,user_id,company_id,is_wave,create_uid,write_uid}'),
('stock_scrap', '{stock_scrap}', '{state}',
 '{name,origin,product_id,product_uom_id,scrap_qty,lot_id,package_id,owner_id,location_id,scrap_location_id,picking_id,production_id,workorder_id,move_id,date_done,company_id,create_uid,write_uid}'),
('stock_lot', '{stock_lot,stock_production_lot}', '{name,ref,expiration_date,use_date,removal_date,alert_date,product_expiry_reminded}', '{product_id,company_id,create_uid,write_uid}'),
('stock_package', '{stock_package,stock_quant_package}', '{name,location_id,parent_package_id}', '{company_id,create_uid,write_uid}'),
('stock_quant', '{stock_quant}', '{quantity,reserved_quantity}', '{product_id,location_id,lot_id,package_id,owner_id,company_id,write_uid}'),
('ir_attachment', '{ir_attachment}', '{res_model,res_id,res_field}', '{name,mimetype,file_size,create_uid}');

-- Odoo writes attachments all the time (assets, pictures, mails): only those of documents.
UPDATE odoo_events.capture_rule SET row_filter = '{res_model=stock.picking}' WHERE rule = 'ir_attachment';

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('stock_picking', 'partner_id', 'partner'), ('stock_picking', 'owner_id', 'partner'), ('stock_picking', 'carrier_id', 'carrier'),
('stock_picking', 'location_id', 'location'), ('stock_picking', 'location_dest_id', 'location'), ('stock_picking', 'picking_type_id', 'picking_type'),
('stock_picking', 'backorder_id', 'transfer'), ('stock_picking', 'return_id', 'transfer'), ('stock_picking', 'company_id', 'company'),
('stock_picking', 'user_id', 'user'), ('stock_picking', 'write_uid', 'user'), ('stock_picking', 'sale_id', 'sales_order'), ('stock_picking', 'batch_id', 'transfer_batch'),
('stock_move', 'product_id', 'product'), ('stock_move', 'product_uom', 'unit'), ('stock_move', 'location_id', 'location'),
('stock_move', 'location_dest_id', 'location'), ('stock_move', 'partner_id', 'partner'), ('stock_move', 'picking_id', 'transfer'),
('stock_move', 'raw_material_production_id', 'manufacturing_order'), ('stock_move', 'production_id', 'manufacturing_order'),
('stock_move', 'company_id', 'company'), ('stock_move', 'picking_type_id', 'picking_type'), ('stock_move', 'warehouse_id', 'warehouse'),
('stock_move', 'scrap_id', 'scrap'), ('stock_move', 'unbuild_id', 'unbuild_order'), ('stock_move', 'consume_unbuild_id', 'unbuild_order'),
('stock_move', 'repair_id', 'repair_order'), ('stock_move', 'sale_line_id', 'sales_order_line'), ('stock_move', 'purchase_line_id', 'purchase_order_line'),
('stock_move', 'workorder_id', 'work_order'), ('stock_move', 'write_uid', 'user'), ('stock_move', 'origin_returned_move_id', 'stock_move'), ('stock_move', 'group_id', 'procurement_group'),
('stock_picking', 'group_id', 'procurement_group'),
('stock_move_line', 'product_id', 'product'), ('stock_move_line', 'product_uom_id', 'unit'), ('stock_move_line', 'lot_id', 'lot'),
('stock_move_line', 'package_id', 'package'), ('stock_move_line', 'result_package_id', 'package'), ('stock_move_line', 'owner_id', 'partner'),
('stock_move_line', 'location_id', 'location'), ('stock_move_line', 'location_dest_id', 'location'), ('stock_move_line', 'move_id', 'stock_move'),
('stock_move_line', 'picking_id', 'transfer'), ('stock_move_line', 'production_id', 'manufacturing_order'),
('stock_picking_batch', 'picking_type_id', 'picking_type'), ('stock_picking_batch', 'user_id', 'user'), ('stock_picking_batch', 'company_id', 'company'),
('stock_picking_batch', 'write_uid', 'user'),
('stock_scrap', 'product_id', 'product'), ('stock_scrap', 'product_uom_id', 'unit'), ('stock_scrap', 'lot_id', 'lot'), ('stock_scrap', 'package_id', 'package'),
('stock_scrap', 'owner_id', 'partner'), ('stock_scrap', 'location_id', 'location'), ('stock_scrap', 'scrap_location_id', 'location'),
('stock_scrap', 'picking_id', 'transfer'), ('stock_scrap', 'production_id', 'manufacturing_order'), ('stock_scrap', 'workorder_id', 'work_order'),
('stock_scrap', 'company_id', 'company'), ('stock_scrap', 'write_uid', 'user'),
('stock_lot', 'product_id', 'product'), ('stock_lot', 'company_id', 'company'), ('stock_lot', 'write_uid', 'user'),
('stock_package', 'location_id', 'location'), ('stock_package', 'parent_package_id', 'package'), ('stock_package', 'company_id', 'company'), ('stock_package', 'write_uid', 'user'),
('stock_quant', 'product_id', 'product'), ('stock_quant', 'location_id', 'location'), ('stock_quant', 'lot_id', 'lot'), ('stock_quant', 'package_id', 'package'),
('stock_quant', 'owner_id', 'partner'), ('stock_quant', 'company_id', 'company'), ('stock_quant', 'write_uid', 'user'),
('ir_attachment', 'create_uid', 'user');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                one_event, change_columns, keys, warehouse, correlation) VALUES
('stock_move', 'inventory', 'stock.move', 'stock_move', '{stock_move,stock_move_line,stock_scrap}', NULL, 'state', '{draft}',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{quantity}',
 '{transfer=picking_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id,manufacturing_order=consume_unbuild_id.mo_id,repair_order=repair_id}',
 '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}',
 '{sales_order=sale_line_id.order_id,purchase_order=purchase_line_id.order_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id}'),
('transfer', 'logistics', 'stock.picking', 'stock_picking', '{stock_picking,stock_move,stock_move_line,ir_attachment}', 'name', 'state', '{draft}',
 '{waiting,confirmed,assigned}', '{cancel}', false, '{name,partner_id,owner_id,carrier_id,location_id,location_dest_id,scheduled_date,date_deadline,priority,user_id}', '{}',
 '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', '{sales_order=sale_id}'),
('transfer_batch', 'logistics', 'stock.picking.batch', 'stock_picking_batch', '{stock_picking_batch,stock_picking}', 'name', 'state', '{draft}', '{in_progress}', '{cancel}',
 false, '{}', '{}', '{picking_type_id.warehouse_id}', '{}'),
('scrap', 'inventory', 'stock.scrap', 'stock_scrap', '{stock_scrap}', 'name', 'state', '{draft}', '{}', '{}',
 false, '{}', '{transfer=picking_id,manufacturing_order=production_id}', '{location_id.warehouse_id}', '{sales_order=picking_id.sale_id,manufacturing_order=production_id}'),
('lot', 'inventory', 'stock.lot', 'stock_lot', '{stock_lot,stock_move_line}', 'name', NULL, '{}', '{}', '{}', false, '{name,ref,expiration_date,use_date,removal_date,alert_date}', '{}', '{}', '{}'),
('package', 'inventory', 'stock.package', 'stock_package', '{stock_package}', 'name', NULL, '{}', '{}', '{}', false, '{name,location_id,parent_package_id}', '{}', '{location_id.warehouse_id}', '{}'),
('stock_level', 'inventory', 'stock.quant', 'stock_quant', '{stock_quant}', NULL, NULL, '{}', '{}', '{}', false, '{quantity,reserved_quantity}', '{}', '{location_id.warehouse_id}', '{}');

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('stock_move', 1, 'confirmed', '{waiting,confirmed}', true), ('stock_move', 2, 'partially_reserved', '{partially_available}', false),
('stock_move', 3, 'reserved', '{assigned}', false), ('stock_move', 4, 'done', '{done}', true),
('transfer', 1, 'created', '{draft}', true), ('transfer', 2, 'confirmed', '{waiting,confirmed}', true), ('transfer', 3, 'ready', '{assigned}', false), ('transfer', 4, 'done', '{done}', true),
('transfer_batch', 1, 'started', '{in_progress}', false), ('transfer_batch', 2, 'completed', '{done}', true), ('scrap', 1, 'posted', '{done}', true);

INSERT INTO odoo_events.entity_kind (entity, precedence, kind, purpose, condition) VALUES
('transfer', 1, 'vendor_return', NULL, '$.refs.location_dest_id.usage == "supplier"'),
('transfer', 2, 'customer_return', NULL, '$.refs.location_id.usage == "customer"'),
('transfer', 3, 'dropship', NULL, '$.refs.location_id.usage == "supplier" && $.refs.location_dest_id.usage == "customer"'),
-- Goods between warehouses go by a transit location: one of the company's own, or the one between companies, which belongs to none.
-- What an outgoing type brings to a location of one's own goes to a subcontractor.
('transfer', 4, 'shipment', '~inter_company', '$.refs.picking_type_id.code == "outgoing" && $.refs.location_dest_id.usage == "transit" && $.refs.location_dest_id.company_id == null'),
('transfer', 5, 'shipment', '~transit', '$.refs.picking_type_id.code == "outgoing" && $.refs.location_dest_id.usage == "transit"'),
('transfer', 6, 'shipment', '~subcontractor', '$.refs.picking_type_id.code == "outgoing" && $.refs.location_dest_id.usage == "internal"'),
('transfer', 7, 'shipment', NULL, '$.refs.picking_type_id.code == "outgoing"'),
('transfer', 8, 'receipt', '~inter_company', '$.refs.picking_type_id.code == "incoming" && $.refs.location_id.usage == "transit" && $.refs.location_id.company_id == null'),
('transfer', 9, 'receipt', '~transit', '$.refs.picking_type_id.code == "incoming" && $.refs.location_id.usage == "transit"'),
('transfer', 10, 'receipt', '~subcontractor', '$.refs.picking_type_id.code == "incoming" && $.refs.location_id.usage == "internal"'),
('transfer', 11, 'receipt', NULL, '$.refs.picking_type_id.code == "incoming"'),
('transfer', 12, 'pick', NULL, '$.new.picking_type_id == $.refs.picking_type_id.pick_type_id'),
('transfer', 13, 'pick', 'production', '$.new.picking_type_id == $.refs.picking_type_id.pbm_type_id'),
('transfer', 14, 'pack', NULL, '$.new.picking_type_id == $.refs.picking_type_id.pack_type_id'),
('transfer', 15, 'transfer', 'quality', '$.new.picking_type_id == $.refs.picking_type_id.qc_type_id || $.refs.location_dest_id.quality_of != null && $.refs.location_id.quality_of == null'),
('transfer', 16, 'transfer', 'put_away', '$.new.picking_type_id == $.refs.picking_type_id.store_type_id || $.new.picking_type_id == $.refs.picking_type_id.sam_type_id
  || ($.refs.location_id.quality_of != null || $.refs.location_id.input_of != null) && $.refs.location_dest_id.quality_of == null && $.refs.location_dest_id.input_of == null && $.refs.location_dest_id.output_of == null && $.refs.location_dest_id.usage == "internal"'),
('transfer', 17, 'transfer', 'resupply', '$.new.picking_type_id == $.refs.picking_type_id.resupply_type_id'),
('transfer', 18, 'transfer', 'internal', NULL);

-- The ledger of movements: one event per done move, the first that matches.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, rank, with_lines, emit, extra, description)
SELECT 'odoo.inventory.stock_move.' || d.verb || '.v1', d.variant, 'stock_move', 'milestone', 'done', 'done', d.precedence, d.condition::jsonpath, 60, true,
       true, d.extra::jsonb, d.description
  FROM (VALUES
  (1, 'used_in_repair', 1, '$.new.repair_id != null && ($.new.repair_line_type == "add" || !exists($.new.repair_line_type) && $.refs.location_dest_id.usage == "production")', NULL, 'a part went into a repair'),
  (2, 'removed_in_repair', 1, '$.new.repair_id != null && ($.new.repair_line_type == "remove" || !exists($.new.repair_line_type) && $.refs.location_id.usage == "production" && ($.new.scrapped == true || $.refs.location_dest_id.usage == "inventory"))', NULL, 'a part was taken out and thrown away'),
  (3, 'recovered_in_repair', 1, '$.new.repair_id != null && ($.new.repair_line_type == "recycle" || !exists($.new.repair_line_type) && $.refs.location_id.usage == "production")', NULL, 'a part was taken out and kept'),
  (4, 'scrapped', 1, '$.new.scrap_id != null || $.new.scrapped == true', NULL, 'goods were scrapped'),
  (5, 'unbuilt', 1, '$.new.unbuild_id != null || $.new.consume_unbuild_id != null', NULL, 'a product was taken apart, or a component came out of it'),
  (6, 'repaired', 1, '$.new.repair_id != null', NULL, 'the repaired product itself'),
  (7, 'consumed', 1, '$.new.raw_material_production_id != null', NULL, 'a component was consumed by a manufacturing order'),
  (8, 'produced', 1, '$.new.production_id != null && $.new.product_id == $.refs.production_id.product_id', NULL, 'a manufacturing order produced its product'),
  (9, 'byproduct_produced', 1, '$.new.production_id != null', NULL, 'a manufacturing order produced a by-product'),
  (10, 'counted', 1, '$.new.is_inventory == true && $.new.product_uom_qty == 0', NULL, 'a count found what was expected: nothing moved'),
  (11, 'relocated', 1, '$.new.is_inventory == true && $.refs.location_id.usage == "internal" && $.refs.location_dest_id.usage == "internal"', NULL, 'stock was moved by its quant or lot'),
  (12, 'adjusted', 1, '($.new.is_inventory == true || !exists($.new.is_inventory) && $.new.picking_id == null && $.refs.location_id.usage == "inventory") && $.refs.location_id.usage == "inventory"', '{"direction":"gain"}', 'a count found more'),
  (13, 'adjusted', 2, '$.new.is_inventory == true || !exists($.new.is_inventory) && $.new.picking_id == null && $.refs.location_dest_id.usage == "inventory"', '{"direction":"loss"}', 'a count found less'),
  (14, 'dropshipped', 1, '$.refs.location_id.usage == "supplier" && $.refs.location_dest_id.usage == "customer"', NULL, 'goods went from the vendor to the customer'),
  (15, 'returned', 1, '$.refs.location_id.usage == "customer" || $.refs.location_dest_id.usage == "supplier" || $.new.purchase_line_id != null && $.new.origin_returned_move_id != null && $.refs.location_id.usage == "internal" && $.refs.location_dest_id.usage != "customer"', NULL, 'goods came back from a customer, or went back to a vendor'),
  (16, 'received', 1, '$.refs.location_id.usage == "supplier" || $.new.purchase_line_id != null && ($.refs.location_id.usage == "transit" || $.refs.picking_type_id.code == "incoming")', NULL, 'goods arrived from a vendor, or from a subcontractor'),
  (17, 'shipped', 1, '$.refs.location_dest_id.usage == "customer"', NULL, 'goods left for a customer'),
  (18, 'issued', 1, '$.refs.location_id.usage == "internal" && ($.refs.location_dest_id.usage == "production" || $.refs.location_dest_id.usage == "inventory")', NULL, 'goods were issued for own use'),
  (19, 'recovered', 1, '($.refs.location_id.usage == "production" || $.refs.location_id.usage == "inventory") && $.refs.location_dest_id.usage == "internal"', NULL, 'goods came back from own use'),
  (20, 'transferred', 1, '$.refs.location_id.usage != "transit" && $.refs.location_dest_id.usage == "transit"', '{"transit":"into"}', 'goods are on their way to another warehouse or company'),
  (21, 'transferred', 2, '$.refs.location_id.usage == "transit" && $.refs.location_dest_id.usage != "transit"', '{"transit":"out_of"}', 'goods arrived from another warehouse or company'),
  (22, 'transferred', 3, NULL, NULL, 'goods moved inside')
  ) AS d (precedence, verb, variant, condition, extra, description);

INSERT INTO odoo_events.event_def (type, entity, occasion, milestone, condition, rank, with_lines, with_changes, enabled, on_by_default, description) VALUES
('odoo.inventory.stock_move.confirmed.v1', 'stock_move', 'milestone', 'confirmed', NULL, 60, false, false, false, false, 'a move left draft'),
('odoo.inventory.stock_move.partially_reserved.v1', 'stock_move', 'milestone', 'partially_reserved', NULL, 60, true, false, false, false, 'less than the demand is reserved, or a short quantity was typed'),
('odoo.inventory.stock_move.reserved.v1', 'stock_move', 'milestone', 'reserved', NULL, 60, true, false, false, false, 'the whole demand is reserved'),
('odoo.inventory.stock_move.unreserved.v1', 'stock_move', 'updated', NULL, '($.old.state == "assigned" || $.old.state == "partially_available") && ($.new.state == "confirmed" || $.new.state == "waiting")', 60, true, false, false, false, 'a reservation was given back'),
('odoo.inventory.stock_move.cancelled.v1', 'stock_move', 'cancelled', NULL, NULL, 60, false, false, false, false, 'a move was cancelled'),
('odoo.inventory.stock_move.deleted.v1', 'stock_move', 'deleted', NULL, NULL, 60, false, false, false, false, 'a move was deleted');

-- After a move was done: its quantity, which to Odoo 16 is that of its lines alone, or what, and where, its lines say; a line that comes or goes then.
INSERT INTO odoo_events.event_def (type, entity, occasion, condition, watches, rank, with_lines, with_changes, description) VALUES
('odoo.inventory.stock_move.corrected.v1', 'stock_move', 'touched',
 '!exists($.old ? (@.state != "done")) && !exists($.new ? (@.state != "done")) && (exists($.old) || exists($.parts.detail[*]))',
 '{quantity@done,qty_done@done,lot_id@done,package_id@done,result_package_id@done,owner_id@done,location_id@done,location_dest_id@done}', 60, true, true,
 'the quantity, lot, package, owner or place of what a done move moved was corrected');

-- Transfers: the type names the kind.
INSERT INTO odoo_events.event_def (type, variant, entity, kind, occasion, milestone, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, key, description)
SELECT 'odoo.logistics.' || k.kind || '.' || d.verb || '.v1', d.variant, 'transfer', k.kind, d.occasion, d.milestone, d.condition::jsonpath, d.rank, d.covers::text[],
       d.lines, d.changes, d.enabled, d.enabled, d.key, d.description
  FROM (VALUES ('vendor_return', 'dispatched'), ('customer_return', 'received'), ('dropship', 'dispatched'), ('shipment', 'dispatched'),
               ('receipt', 'received'), ('pick', 'completed'), ('pack', 'completed'), ('transfer', 'completed')) AS k (kind, last),
LATERAL (VALUES
  ('created', 1, 'milestone', 'created', NULL, 10, '{*}', false, false, false, NULL, 'a transfer was made'),
  ('confirmed', 1, 'milestone', 'confirmed', NULL, 20, '{*}', true, true, true, NULL, 'a transfer left draft'),
  ('changed', 1, 'changed', NULL, NULL, 30, '{}', true, true, true, NULL, 'what an open transfer moves, or where to, was changed'),
  ('rescheduled', 1, 'open', NULL, '$.old.scheduled_date != $.new.scheduled_date || $.old.date_deadline != $.new.date_deadline', 31, '{scheduled_date,date_deadline,date}', true, true, true, NULL, 'the date of an open transfer moved'),
  ('carrier_assigned', 1, 'updated', NULL, '$.old.carrier_id != $.new.carrier_id && $.new.carrier_id != null', 32, '{carrier_id}', false, true, true, NULL, 'a carrier was chosen'),
  ('tracking_assigned', 1, 'updated', NULL, '$.old.carrier_tracking_ref != $.new.carrier_tracking_ref && $.new.carrier_tracking_ref != null', 33, '{}', false, false, true, NULL, 'the carrier''s tracking reference is known'),
  ('delayed', 1, 'open', NULL, '$.new.has_deadline_issue == true && !($.old.has_deadline_issue == true)', 34, '{}', false, false, true, NULL, 'it will miss its deadline'),
  ('on_schedule_again', 1, 'open', NULL, '$.old.has_deadline_issue == true && !($.new.has_deadline_issue == true)', 34, '{}', false, false, true, NULL, 'it will meet its deadline again'),
  ('label_attached', 1, 'touched', NULL, 'exists($.parts.attachment[*] ? (!exists(@.old) && @.new.name like_regex "^Label" && !(@.new.res_field != null)))', 35, '{}', false, false, true, NULL, 'the carrier''s label is there'),
  ('delivery_proven', 1, 'touched', NULL, 'exists($.parts.attachment[*] ? (!exists(@.old) && @.new.res_field == "signature"))', 85, '{}', false, false, true, NULL, 'somebody signed for the goods'),
  ('ready', 1, 'milestone', 'ready', NULL, 40, '{*}', true, true, true, NULL, 'goods are reserved, wholly or in part: it can be worked on'),
  ('goods_short', 1, 'touched', NULL,
   '!exists($.new ? (@.state != "assigned")) && !exists($.old ? (@.state != "assigned")) && exists($.parts.move[*] ? (
      @.old.state == "assigned" && (@.new.state == "partially_available" || @.new.state == "confirmed" || @.new.state == "waiting")
      || @.old.state == "partially_available" && (@.new.state == "confirmed" || @.new.state == "waiting" || @.new.state == "partially_available" && @.new.quantity < @.old.quantity)))',
   42, '{detail.*}', true, true, true, NULL, 'less of a ready transfer is reserved than before, or less than is wanted now'),
  ('goods_available', 1, 'touched', NULL,
   '!exists($.new ? (@.state != "assigned")) && !exists($.old ? (@.state != "assigned")) && exists($.parts.move[*] ? (
      @.new.state == "assigned" && (@.old.state == "partially_available" || @.old.state == "confirmed" || @.old.state == "waiting")
      || @.new.state == "partially_available" && (@.old.state == "confirmed" || @.old.state == "waiting" || @.old.state == "partially_available" && @.new.quantity > @.old.quantity)))',
   43, '{detail.*}', true, true, true, NULL, 'more of a ready transfer is reserved than before; reservation says whether all is'),
  ('unreserved', 1, 'updated', NULL, '$.old.state == "assigned" && ($.new.state == "confirmed" || $.new.state == "waiting")', 41, '{*}', true, true, true, NULL, 'the reservation was given back: stop'),
  ('emptied', 1, 'updated', NULL, '($.old.state == "waiting" || $.old.state == "confirmed" || $.old.state == "assigned") && $.new.state == "draft"', 80, '{*}', true, true, true, NULL, 'nothing is left to move: its last line was taken out, and it is a draft again'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 80, '{*}', true, true, true, NULL, 'a transfer was cancelled'),
  ('deleted', 1, 'deleted', NULL, '$.old.state != null && $.old.state != "draft"', 80, '{*}', false, false, true, NULL, 'a transfer was deleted'),
  ('deleted', 2, 'deleted', NULL, '$.old.state == null || $.old.state == "draft"', 80, '{*}', false, false, false, NULL, 'a draft was deleted'),
  (k.last, 1, 'milestone', 'done', NULL, 80, '{*}', true, true, true, NULL, 'the transfer was validated'),
  ('backordered', 1, 'inserted', NULL, '$.new.backorder_id != null && $.new.state != "draft" && $.new.state != "cancel"', 90, '{}', false, false, true, 'transfer=backorder_id', 'the rest goes with another transfer')
  ) AS d (verb, variant, occasion, milestone, condition, rank, covers, lines, changes, enabled, key, description)
 -- What comes from outside is no stock of ours: Odoo takes it for reserved whatever happens.
 WHERE d.verb OPERATOR(pg_catalog.!~) '^goods_' OR k.kind OPERATOR(pg_catalog.<>) ALL ('{receipt,dropship,customer_return}');
UPDATE odoo_events.event_def SET watches = CASE WHEN type ~ '[.]goods_' THEN '{state,quantity}'::text[] ELSE '{res_id}' END
 WHERE entity = 'transfer' AND occasion = 'touched';

-- A batch that Odoo made by itself comes in the transaction that makes or moves its transfers.  A wave that somebody makes
-- splits transfers, too; then it is somebody's.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, rank, with_lines, extra, description) VALUES
('odoo.logistics.transfer_batch.started.v1', 1, 'transfer_batch', 'milestone', 'started', 'started', 1,
 'exists($tx.stock_picking.* ? (@.new.batch_id == $.new.id && (!exists(@.old) || @.old.state != @.new.state))) && !exists($.old) && !($.new.is_wave == true && $.new.user_id != null)', 50, true, '{"auto":true}', 'transfers are worked on together'),
('odoo.logistics.transfer_batch.started.v1', 2, 'transfer_batch', 'milestone', 'started', 'started', 2, NULL, 50, true, '{"auto":false}', 'transfers are worked on together'),
('odoo.logistics.transfer_batch.changed.v1', 1, 'transfer_batch', 'changed', NULL, NULL, 1, NULL, 30, true, NULL, 'a transfer came into a batch that is worked on, or was taken out of it'),
('odoo.logistics.transfer_batch.completed.v1', 1, 'transfer_batch', 'milestone', 'completed', NULL, 1, NULL, 80, true, NULL, 'all transfers of a batch are done'),
('odoo.logistics.transfer_batch.cancelled.v1', 1, 'transfer_batch', 'cancelled', NULL, NULL, 1, NULL, 80, true, NULL, 'a batch was cancelled');

-- On hold: in the quality control location of a warehouse, or where the DBA marked it.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, condition, rank, with_lines, with_changes, enabled, on_by_default, description)
SELECT 'odoo.inventory.lot.' || d.verb || '.v1', d.variant, 'lot', d.occasion,
       pg_catalog.format('exists($.parts.movement[*] ? (@.new.state == "done" && !(@.old.state == "done") && %s(@.refs.location_dest_id.quality_of != null || @.new.location_dest_id == $marked.hold[*]) && %s(@.refs.location_id.quality_of != null || @.new.location_id == $marked.hold[*])%s))',
                         d.to_hold, d.from_hold, d.more)::jsonpath, 66, true, false, true, true, d.description
  FROM (VALUES
  ('held', 1, 'touched', '', '!', '', 'goods of the lot came to where they are on hold'),
  ('held', 2, 'inserted', '', '!', '', 'goods of the lot came to where they are on hold'),
  ('released', 1, 'touched', '!', '', ' && @.refs.location_dest_id.usage != "inventory" && @.refs.location_dest_id.usage != "supplier"', 'goods of the lot left the place where they were on hold')
  ) AS d (verb, variant, occasion, to_hold, from_hold, more, description);
UPDATE odoo_events.event_def SET watches = '{state}' WHERE entity = 'lot' AND occasion = 'touched';
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, condition, rank, with_changes, enabled, on_by_default, description) VALUES
('odoo.inventory.lot.created.v1', 1, 'lot', 'inserted', NULL, 10, false, true, true, 'a lot or serial number was made'),
('odoo.inventory.lot.changed.v1', 1, 'lot', 'updated', '$.old.name != $.new.name || $.old.ref != $.new.ref || $.old.expiration_date != $.new.expiration_date || $.old.use_date != $.new.use_date || $.old.removal_date != $.new.removal_date || $.old.alert_date != $.new.alert_date', 30, true, false, false, 'name, reference or dates of a lot were changed'),
('odoo.inventory.lot.expiry_alerted.v1', 1, 'lot', 'updated', '$.new.product_expiry_reminded == true && !($.old.product_expiry_reminded == true)', 31, false, true, true, 'Odoo warns that the alert date of a lot has been reached'),
('odoo.inventory.package.created.v1', 1, 'package', 'inserted', NULL, 10, false, true, true, 'a package was made'),
('odoo.inventory.package.renamed.v1', 1, 'package', 'updated', '$.old.name != $.new.name', 20, true, true, true, 'a package has another name: its label, or its SSCC'),
('odoo.inventory.package.nested.v1', 1, 'package', 'updated', '$.new.parent_package_id != null && $.old.parent_package_id != $.new.parent_package_id', 21, true, true, true, 'a package was put into a larger one'),
('odoo.inventory.package.nested.v1', 2, 'package', 'inserted', '$.new.parent_package_id != null', 21, true, true, true, 'a package was made inside a larger one'),
('odoo.inventory.package.unnested.v1', 1, 'package', 'updated', '$.old.parent_package_id != null && $.new.parent_package_id == null', 21, true, true, true, 'a package was taken out of a larger one'),
('odoo.inventory.package.moved.v1', 1, 'package', 'updated', '$.new.location_id != null && $.old.location_id != $.new.location_id', 62, true, true, true, 'a package, with all that is in it, is at another place; the first one when it was filled'),
('odoo.inventory.package.moved.v1', 2, 'package', 'inserted', '$.new.location_id != null', 62, true, true, true, 'a package was filled by the transaction that made it'),
('odoo.inventory.package.emptied.v1', 1, 'package', 'updated', '$.old.location_id != null && $.new.location_id == null', 62, true, true, true, 'nothing is left in a package'),
('odoo.inventory.scrap.posted.v1', 1, 'scrap', 'milestone', NULL, 61, false, true, true, 'goods were scrapped');
UPDATE odoo_events.event_def SET milestone = 'posted' WHERE type = 'odoo.inventory.scrap.posted.v1';
UPDATE odoo_events.event_def SET with_changes = true, with_lines = true WHERE entity = 'package' AND type <> 'odoo.inventory.package.created.v1';
UPDATE odoo_events.event_def SET with_changes = true WHERE type = 'odoo.logistics.transfer_batch.changed.v1';

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, choice, precedence, condition, rank, with_changes, enabled, on_by_default, description)
SELECT 'odoo.inventory.stock_level.' || d.verb || '.v1', d.variant, 'stock_level', d.occasion, 'level', d.precedence,
       ('($.refs.location_id.usage == "internal" || $.refs.location_id.usage == "transit")' || d.condition)::jsonpath, 60, true, false, false, d.description
  FROM (VALUES
  ('removed', 1, 'deleted', 1, '', 'nothing of the product is left there, and nothing is expected to be'),
  ('went_negative', 1, 'inserted', 2, ' && $.new.quantity < 0', 'more was taken than was there'),
  ('went_negative', 2, 'updated', 2, ' && $.new.quantity < 0 && $.old.quantity >= 0', 'more was taken than was there'),
  ('depleted', 1, 'updated', 3, ' && $.new.quantity == 0 && $.old.quantity > 0', 'nothing of the product is left there'),
  ('changed', 1, 'inserted', 4, '', 'quantity or reserved quantity at a location'),
  ('changed', 2, 'updated', 4, '', 'quantity or reserved quantity at a location')
  ) AS d (verb, variant, occasion, precedence, condition, description);

-- There is some of it again: told beside "changed", whatever it was before.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, choice, condition, rank, with_changes, enabled, on_by_default, description) VALUES
('odoo.inventory.stock_level.replenished.v1', 1, 'stock_level', 'inserted', 'replenished', '($.refs.location_id.usage == "internal" || $.refs.location_id.usage == "transit") && $.new.quantity > 0', 61, true, false, false, 'some of the product is there again'),
('odoo.inventory.stock_level.replenished.v1', 2, 'stock_level', 'updated', 'replenished', '($.refs.location_id.usage == "internal" || $.refs.location_id.usage == "transit") && $.new.quantity > 0 && $.old.quantity <= 0', 61, true, false, false, 'some of the product is there again');

-- What is in a package: read when published, since quants are captured for stock levels only.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, condition, counted, tx_only) VALUES
('package', 'content', 1, 'stock_quant', '{package_id}', 'line.content', '$.new.quantity != 0', false, false),
('package', 'package', 2, 'stock_package', '{parent_package_id}', 'line.package', NULL, false, false);
-- To Odoo 16 the scrap order names its movement, and not the other way round.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, condition, counted, tx_only) VALUES
('stock_move', 'scrap', 2, 'stock_scrap', '{move_id}', 'none', NULL, false, true),
('transfer', 'attachment', 3, 'ir_attachment', '{res_id}', 'line.attachment', '$.new.res_model == "stock.picking"', false, true),
('lot', 'movement', 1, 'stock_move_line', '{lot_id}', 'line.movement', '$.new.state == "done"', false, true);

INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, schedule_columns) VALUES
('stock_move', 'detail', 1, 'stock_move_line', '{move_id}', NULL, 'line.detail', NULL, '{}', '{}', false, '{}', '{}'),
('transfer', 'move', 1, 'stock_move', '{picking_id}', NULL, 'line.move', '!($.new.scrap_id != null) && !($.new.scrapped == true)',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id,partner_id}', '{date,date_deadline}'),
('transfer', 'detail', 2, 'stock_move_line', '{move_id}', 'line.move', 'line.detail', NULL, '{waiting,confirmed,partially_available,assigned}', '{}', true,
 '{lot_id,lot_name,package_id,result_package_id,owner_id,location_id,location_dest_id,quantity,product_uom_qty}', '{}');

-- Whatever the state of the transfer: only which batch it is in counts.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, state_column, live_states, counted, change_columns) VALUES
('transfer_batch', 'transfer', 1, 'stock_picking', '{batch_id}', 'line.transfer', '-', '{*}', true, '{name}');

INSERT INTO odoo_events.field (owner, position, field, sources, classification) VALUES
('transfer', 1, 'name', '{name}', 'internal'), ('transfer', 2, 'kind', '{#kind}', 'internal'), ('transfer', 3, 'purpose', '{#purpose}', 'internal'),
('transfer', 4, 'state', '{state}', 'internal'), ('transfer', 5, 'reservation', '{#reservation}', 'internal'), ('transfer', 6, 'priority', '{priority}', 'internal'),
('transfer', 7, 'move_type', '{move_type}', 'internal'), ('transfer', 8, 'origin', '{origin}', 'internal'), ('transfer', 9, 'scheduled_date', '{scheduled_date}', 'internal'),
('transfer', 10, 'date_deadline', '{date_deadline}', 'internal'), ('transfer', 11, 'date_done', '{date_done}', 'internal'),
('transfer', 12, 'picking_type', '{picking_type_id}', 'internal'), ('transfer', 13, 'warehouse', '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', 'internal'),
('transfer', 14, 'company', '{company_id}', 'internal'), ('transfer', 15, 'from', '{location_id}', 'internal'), ('transfer', 16, 'to', '{location_dest_id}', 'internal'),
('transfer', 17, 'partner', '{partner_id}', 'personal'), ('transfer', 18, 'owner', '{owner_id}', 'personal'), ('transfer', 19, 'user', '{user_id}', 'personal'),
('transfer', 20, 'backorder_of', '{backorder_id}', 'internal'), ('transfer', 21, 'return_of', '{return_id,-first(move.origin_returned_move_id.picking_id)}', 'internal'), ('transfer', 22, 'batch', '{batch_id}', 'internal'),
('transfer', 23, 'carrier', '{carrier_id}', 'internal'), ('transfer', 24, 'tracking', '{carrier_tracking_ref}', 'internal'), ('transfer', 25, 'weight', '{weight}', 'internal'),
('transfer', 26, 'sales_order', '{sale_id}', 'internal'), ('transfer', 27, 'has_deadline_issue', '{has_deadline_issue}', 'internal'),
('line.move', 1, 'product', '{product_id}', 'internal'), ('line.move', 2, 'state', '{state}', 'internal'), ('line.move', 3, 'demand', '{product_uom_qty}', 'internal'),
('line.move', 4, 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'), ('line.move', 5, 'done', '{quantity@done,sum(detail.qty_done)}', 'internal'),
('line.move', 6, 'unit', '{product_uom}', 'internal'), ('line.move', 7, 'from', '{location_id}', 'internal'), ('line.move', 8, 'to', '{location_dest_id}', 'internal'),
('line.move', 9, 'date', '{date}', 'internal'), ('line.move', 10, 'date_deadline', '{date_deadline}', 'internal'), ('line.move', 11, 'partner', '{partner_id}', 'personal'),
('line.move', 12, 'sales_order_line', '{sale_line_id}', 'internal'), ('line.move', 13, 'purchase_order_line', '{purchase_line_id}', 'internal'), ('line.move', 14, 'earlier', '{#earlier}', 'internal'),
('line.detail', 1, 'quantity', '{quantity,qty_done}', 'internal'), ('line.detail', 2, 'reserved', '{product_uom_qty}', 'internal'), ('line.detail', 3, 'unit', '{product_uom_id}', 'internal'),
('line.detail', 4, 'lot', '{lot_id}', 'internal'), ('line.detail', 5, 'lot_name', '{lot_name}', 'internal'), ('line.detail', 6, 'package', '{package_id}', 'internal'),
('line.detail', 7, 'result_package', '{result_package_id}', 'internal'), ('line.detail', 8, 'owner', '{owner_id}', 'personal'),
('line.detail', 9, 'from', '{location_id}', 'internal'), ('line.detail', 10, 'to', '{location_dest_id}', 'internal'),
('stock_move', 1, 'reference', '{reference}', 'internal'), ('stock_move', 2, 'state', '{state}', 'internal'), ('stock_move', 3, 'product', '{product_id}', 'internal'),
('stock_move', 4, 'demand', '{product_uom_qty}', 'internal'), ('stock_move', 5, 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'),
('stock_move', 6, 'quantity', '{quantity@done,sum(detail.qty_done)}', 'internal'), ('stock_move', 7, 'unit', '{product_uom}', 'internal'),
('stock_move', 8, 'from', '{location_id}', 'internal'), ('stock_move', 9, 'to', '{location_dest_id}', 'internal'), ('stock_move', 10, 'document', '{#document}', 'internal'),
('stock_move', 11, 'origin', '{origin}', 'internal'), ('stock_move', 12, 'date', '{date}', 'internal'), ('stock_move', 13, 'picking_type', '{picking_type_id}', 'internal'),
('stock_move', 14, 'warehouse', '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', 'internal'),
('stock_move', 15, 'company', '{company_id}', 'internal'), ('stock_move', 16, 'partner', '{partner_id}', 'personal'),
('stock_move', 18, 'unbuild_order', '{unbuild_id,consume_unbuild_id}', 'internal'), ('stock_move', 19, 'repair_order', '{repair_id}', 'internal'),
('stock_move', 20, 'work_order', '{workorder_id}', 'internal'), ('stock_move', 21, 'sales_order_line', '{sale_line_id}', 'internal'),
('stock_move', 22, 'purchase_order_line', '{purchase_line_id}', 'internal'), ('stock_move', 23, 'reason', '{inventory_name,-reference?is_inventory}', 'internal'),
('stock_move', 24, 'return_of', '{origin_returned_move_id}', 'internal'),
('line.attachment', 1, 'name', '{name}', 'internal'), ('line.attachment', 2, 'field', '{res_field}', 'internal'), ('line.attachment', 3, 'mimetype', '{mimetype}', 'internal'),
('line.attachment', 4, 'size', '{file_size}', 'internal'),
('line.transfer', 1, 'name', '{name}', 'internal'), ('line.transfer', 2, 'state', '{state}', 'internal'), ('line.transfer', 3, 'origin', '{origin}', 'internal'),
('line.transfer', 4, 'scheduled_date', '{scheduled_date}', 'internal'), ('line.transfer', 5, 'partner', '{partner_id}', 'personal'),
('line.movement', 1, 'product', '{product_id}', 'internal'), ('line.movement', 2, 'quantity', '{quantity,qty_done}', 'internal'), ('line.movement', 3, 'unit', '{product_uom_id}', 'internal'),
('line.movement', 4, 'from', '{location_id}', 'internal'), ('line.movement', 5, 'to', '{location_dest_id}', 'internal'), ('line.movement', 6, 'package', '{result_package_id}', 'internal'),
('line.movement', 7, 'transfer', '{picking_id}', 'internal'), ('line.movement', 8, 'owner', '{owner_id}', 'personal'),
('transfer_batch', 1, 'name', '{name}', 'internal'), ('transfer_batch', 2, 'state', '{state}', 'internal'), ('transfer_batch', 3, 'description', '{description}', 'internal'),
('transfer_batch', 4, 'scheduled_date', '{scheduled_date}', 'internal'), ('transfer_batch', 5, 'picking_type', '{picking_type_id}', 'internal'),
('transfer_batch', 6, 'warehouse', '{picking_type_id.warehouse_id}', 'internal'), ('transfer_batch', 7, 'wave', '{is_wave}', 'internal'),
('transfer_batch', 8, 'user', '{user_id}', 'personal'), ('transfer_batch', 9, 'company', '{company_id}', 'internal'),
('scrap', 1, 'name', '{name}', 'internal'), ('scrap', 2, 'state', '{state}', 'internal'), ('scrap', 3, 'document', '{#document}', 'internal'), ('scrap', 4, 'product', '{product_id}', 'internal'),
('scrap', 5, 'quantity', '{scrap_qty}', 'internal'), ('scrap', 6, 'unit', '{product_uom_id}', 'internal'), ('scrap', 7, 'lot', '{lot_id}', 'internal'),
('scrap', 8, 'package', '{package_id}', 'internal'), ('scrap', 9, 'owner', '{owner_id}', 'personal'), ('scrap', 10, 'from', '{location_id}', 'internal'),
('scrap', 11, 'to', '{scrap_location_id}', 'internal'), ('scrap', 12, 'work_order', '{workorder_id}', 'internal'), ('scrap', 13, 'origin', '{origin}', 'internal'),
('scrap', 14, 'date_done', '{date_done}', 'internal'), ('scrap', 15, 'company', '{company_id}', 'internal'),
('lot', 1, 'name', '{name}', 'internal'), ('lot', 2, 'ref', '{ref}', 'internal'), ('lot', 3, 'product', '{product_id}', 'internal'), ('lot', 4, 'expiry', '{expiration_date}', 'internal'),
('lot', 5, 'use_date', '{use_date}', 'internal'), ('lot', 6, 'removal_date', '{removal_date}', 'internal'), ('lot', 7, 'alert_date', '{alert_date}', 'internal'),
('lot', 8, 'company', '{company_id}', 'internal'),
('package', 1, 'name', '{name}', 'internal'), ('package', 2, 'location', '{location_id}', 'internal'), ('package', 3, 'parent', '{parent_package_id}', 'internal'), ('package', 4, 'company', '{company_id}', 'internal'),
('stock_level', 1, 'product', '{product_id}', 'internal'), ('stock_level', 2, 'location', '{location_id}', 'internal'), ('stock_level', 3, 'lot', '{lot_id}', 'internal'),
('stock_level', 4, 'package', '{package_id}', 'internal'), ('stock_level', 5, 'owner', '{owner_id}', 'personal'), ('stock_level', 6, 'quantity', '{quantity}', 'internal'),
('stock_level', 7, 'reserved', '{reserved_quantity}', 'internal'), ('stock_level', 8, 'warehouse', '{location_id.warehouse_id}', 'internal'), ('stock_level', 9, 'company', '{company_id}', 'internal');
-- Where to: the partner of the transfer, who of a dropship is the vendor; there the purchase order says where.
-- comes_from, goes_to: the movements before and behind this one, which are the other half of a resupply, or the next step.
INSERT INTO odoo_events.field (owner, position, field, sources, classification, reference) VALUES
('transfer', 28, 'address', '{partner_id}', 'personal', 'address');
INSERT INTO odoo_events.field (owner, position, field, sources) VALUES ('transfer', 29, 'route', '{#route}');
INSERT INTO odoo_events.field (owner, position, field, sources, reference)
SELECT o.owner, o.position + f.position, f.field, f.sources::text[], 'stock_move'
  FROM (VALUES ('line.move', 15), ('stock_move', 25)) AS o (owner, position),
       (VALUES (0, 'comes_from', '{many(stock_move_move_rel.move_dest_id=move_orig_id)}'), (1, 'goes_to', '{many(stock_move_move_rel.move_orig_id=move_dest_id)}')) AS f (position, field, sources);
-- What the customer ordered, or the vendor sells, where this is a part of a kit.
INSERT INTO odoo_events.field (owner, position, field, sources) VALUES
('line.move', 17, 'kit', '{sale_line_id.product_id?bom_line_id,purchase_line_id.product_id?bom_line_id}'),
('stock_move', 27, 'kit', '{sale_line_id.product_id?bom_line_id,purchase_line_id.product_id?bom_line_id}'),
('line.content', 1, 'product', '{product_id}'), ('line.content', 2, 'quantity', '{quantity}'), ('line.content', 3, 'reserved', '{reserved_quantity}'), ('line.content', 4, 'lot', '{lot_id}'),
('line.content', 5, 'location', '{location_id}'), ('line.package', 1, 'name', '{name}'), ('line.package', 2, 'location', '{location_id}');
INSERT INTO odoo_events.field (owner, position, field, sources, classification) VALUES ('line.content', 6, 'owner', '{owner_id}', 'personal');
INSERT INTO odoo_events.field (owner, position, field, sources, reference) VALUES
('stock_move', 17, 'scrap', '{scrap_id,-first(scrap.id)}', 'scrap'),
('scrap', 16, 'reasons', '{many(stock_scrap_stock_scrap_reason_tag_rel.stock_scrap_id=stock_scrap_reason_tag_id)}', 'scrap_reason');

-- What is there, free, coming and going of a product in a warehouse: locations inside it that are its own stock.
INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, secondary, warehouse, subject, sum_by, sum_query) VALUES
('availability', 'inventory', 'stock.quant', 'stock_quant', '{stock_quant}', true, '{location_id.warehouse_id}', '{product_id.sku,location_id.warehouse_id.code}',
 '{product_id,location_id.warehouse_id}', $q$
SELECT p.product, p.warehouse, q.on_hand, q.reserved, q.on_hand - q.reserved AS free, m.incoming, m.outgoing, clock_timestamp() AS asof
  FROM unnest($1, $2) p(product, warehouse)
  JOIN {stock_warehouse} w ON w.id = p.warehouse
  JOIN {stock_location} v ON v.id = w.view_location_id
 CROSS JOIN LATERAL (SELECT COALESCE(sum(q.quantity::numeric), 0) AS on_hand, COALESCE(sum(q.reserved_quantity::numeric), 0) AS reserved
                       FROM {stock_quant} q JOIN {stock_location} l ON l.id = q.location_id
                      WHERE q.product_id = p.product AND l.usage = 'internal' AND starts_with(l.parent_path, v.parent_path)) q
 CROSS JOIN LATERAL (SELECT COALESCE(sum(x.qty) FILTER (WHERE x.into_it AND NOT x.out_of_it), 0) AS incoming, COALESCE(sum(x.qty) FILTER (WHERE x.out_of_it AND NOT x.into_it), 0) AS outgoing
                       FROM (SELECT m.product_qty::numeric AS qty, f.usage = 'internal' AND starts_with(f.parent_path, v.parent_path) AS out_of_it,
                                    t.usage = 'internal' AND starts_with(t.parent_path, v.parent_path) AS into_it
                               FROM {stock_move} m JOIN {stock_location} f ON f.id = m.location_id JOIN {stock_location} t ON t.id = m.location_dest_id
                              WHERE m.product_id = p.product AND m.state IN ('waiting', 'confirmed', 'partially_available', 'assigned')) x) m$q$);
INSERT INTO odoo_events.event_def (type, entity, occasion, rank, enabled, on_by_default, description) VALUES
('odoo.inventory.availability.changed.v1', 'availability', 'summed', 66, false, false, 'what is there and free of a product in a warehouse, when published');
INSERT INTO odoo_events.field (owner, position, field, sources) VALUES
('availability', 1, 'product', '{product_id}'), ('availability', 2, 'warehouse', '{location_id.warehouse_id}');
-- catalog_manufacturing: manufacturing orders and the shop floor.

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('mrp_production', '{mrp_production}',
 '{state,reservation_state,product_id,product_qty,qty_producing,bom_id,lot_producing_id,location_src_id,location_dest_id,date_start,date_planned_start,date_deadline,name,priority,user_id}',
 '{product_uom_qty,origin,product_uom_id,picking_type_id,date_finished,date_planned_finished,company_id,backorder_sequence,production_group_id,procurement_group_id,orderpoint_id,sale_line_id,is_planned,subcontractor_id,create_uid,write_uid}'),
('mrp_workorder', '{mrp_workorder}',
 '{state,production_availability,workcenter_id,operation_id,production_id,date_start,date_planned_start,qty_produced}',
 '{name,sequence,duration_expected,duration,date_finished,date_planned_finished,create_uid,write_uid}'),
('mrp_workcenter', '{mrp_workcenter}', '{working_state}', '{name,code,resource_id,active,company_id,write_uid}'),
('mrp_workcenter_productivity', '{mrp_workcenter_productivity}', '{date_start,date_end,workcenter_id,workorder_id,loss_id}',
 '{description,duration,user_id,company_id,create_uid,write_uid,create_date,write_date}'),
('mrp_unbuild', '{mrp_unbuild}', '{state}',
 '{name,product_id,product_qty,product_uom_id,bom_id,mo_id,lot_id,location_id,location_dest_id,company_id,write_uid}');

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('mrp_production', 'product_id', 'product'), ('mrp_production', 'product_uom_id', 'unit'), ('mrp_production', 'bom_id', 'bill_of_materials'),
('mrp_production', 'lot_producing_id', 'lot'), ('mrp_production', 'location_src_id', 'location'), ('mrp_production', 'location_dest_id', 'location'),
('mrp_production', 'picking_type_id', 'picking_type'), ('mrp_production', 'company_id', 'company'), ('mrp_production', 'user_id', 'user'),
('mrp_production', 'write_uid', 'user'), ('mrp_production', 'procurement_group_id', 'procurement_group'), ('mrp_production', 'sale_line_id', 'sales_order_line'), ('mrp_production', 'subcontractor_id', 'partner'),
('mrp_workorder', 'workcenter_id', 'work_center'), ('mrp_workorder', 'production_id', 'manufacturing_order'), ('mrp_workorder', 'write_uid', 'user'),
('mrp_workcenter', 'company_id', 'company'), ('mrp_workcenter', 'write_uid', 'user'),
('mrp_workcenter_productivity', 'workcenter_id', 'work_center'), ('mrp_workcenter_productivity', 'workorder_id', 'work_order'),
('mrp_workcenter_productivity', 'loss_id', 'loss'), ('mrp_workcenter_productivity', 'user_id', 'user'), ('mrp_workcenter_productivity', 'company_id', 'company'),
('mrp_unbuild', 'product_id', 'product'), ('mrp_unbuild', 'product_uom_id', 'unit'), ('mrp_unbuild', 'bom_id', 'bill_of_materials'),
('mrp_unbuild', 'mo_id', 'manufacturing_order'), ('mrp_unbuild', 'lot_id', 'lot'), ('mrp_unbuild', 'location_id', 'location'),
('mrp_unbuild', 'location_dest_id', 'location'), ('mrp_unbuild', 'company_id', 'company'), ('mrp_unbuild', 'write_uid', 'user');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                one_event, change_columns, keys, warehouse, correlation) VALUES
('manufacturing_order', 'manufacturing', 'mrp.production', 'mrp_production', '{mrp_production,stock_move,stock_move_line,mrp_workorder,mrp_workcenter_productivity}', 'name', 'state', '{draft}',
 '{confirmed,planned,progress,to_close}', '{cancel}', false,
 '{name,product_qty,bom_id,lot_producing_id,location_src_id,location_dest_id,date_planned_start,date_start,date_deadline,priority,user_id}', '{}',
 '{picking_type_id.warehouse_id,location_dest_id.warehouse_id}', '{sales_order=sale_line_id.order_id,manufacturing_order=id}'),
('work_order', 'manufacturing', 'mrp.workorder', 'mrp_workorder', '{mrp_workorder,mrp_workcenter_productivity}', NULL, 'state', '{}',
 '{pending,waiting,ready,blocked,progress}', '{cancel}', false, '{date_planned_start,date_start}', '{manufacturing_order=production_id}',
 '{production_id.picking_type_id.warehouse_id}', '{sales_order=production_id.sale_line_id.order_id,manufacturing_order=production_id}'),
('work_center', 'manufacturing', 'mrp.workcenter', 'mrp_workcenter', '{mrp_workcenter,mrp_workcenter_productivity}', 'name', 'working_state', '{}', '{}', '{}',
 false, '{}', '{}', '{}', '{}'),
('unbuild_order', 'manufacturing', 'mrp.unbuild', 'mrp_unbuild', '{mrp_unbuild,stock_move,stock_move_line}', 'name', 'state', '{draft}', '{}', '{}',
 false, '{}', '{manufacturing_order=mo_id}', '{location_dest_id.warehouse_id,location_id.warehouse_id}',
 '{sales_order=mo_id.sale_line_id.order_id,manufacturing_order=mo_id}');
UPDATE odoo_events.entity SET company = '{production_id.company_id}' WHERE entity = 'work_order';

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('manufacturing_order', 1, 'created', '{draft}', true), ('manufacturing_order', 2, 'confirmed', '{confirmed,planned}', true), ('manufacturing_order', 3, 'started', '{progress}', false),
('manufacturing_order', 4, 'ready_to_close', '{to_close}', false), ('manufacturing_order', 5, 'completed', '{done}', true),
('work_order', 1, 'started', '{progress}', false), ('work_order', 2, 'completed', '{done}', true),
('unbuild_order', 1, 'completed', '{done}', true);

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, key, description)
SELECT 'odoo.manufacturing.manufacturing_order.' || d.verb || '.v1', d.variant, 'manufacturing_order', d.occasion, d.milestone, d.condition::jsonpath, d.rank, d.covers::text[],
       d.lines, d.changes, d.enabled, d.enabled, d.key, d.description
  FROM (VALUES
  ('created', 1, 'milestone', 'created', NULL, 10, '{*}', false, false, false, NULL, 'a manufacturing order was made'),
  ('confirmed', 1, 'milestone', 'confirmed', NULL, 20, '{*}', true, true, true, NULL, 'a manufacturing order was released'),
  ('changed', 1, 'changed', NULL, NULL, 30, '{}', true, true, true, NULL, 'components, operations or outputs of an open order were changed'),
  ('rescheduled', 1, 'open', NULL, '$.old.date_deadline != $.new.date_deadline || $.old.state == $.new.state && $.old.date_planned_start != $.new.date_planned_start || !exists($.new.date_planned_start) && $.new.state == "confirmed" && $.old.state == "confirmed" && $.old.date_start != $.new.date_start', 31, '{date_planned_start,date_start,date_deadline,date}', true, true, true, NULL, 'the dates of an open order moved'),
  ('quantity_changed', 1, 'open', NULL, '$.old.product_qty != $.new.product_qty', 32, '{product_qty,product_uom_qty,name,detail.*}', true, true, true, NULL, 'the quantity to produce was changed'),
  ('components_available', 1, 'open', NULL, '$.old.reservation_state != "assigned" && $.new.reservation_state == "assigned"', 40, '{detail.*}', true, false, true, NULL, 'all components are reserved'),
  ('components_short', 1, 'open', NULL, '$.old.reservation_state != "confirmed" && $.new.reservation_state == "confirmed"', 40, '{detail.*}', true, false, true, NULL, 'components are missing'),
  ('started', 1, 'milestone', 'started', NULL, 50, '{*}', false, true, true, NULL, 'work on it began'),
  ('ready_to_close', 1, 'milestone', 'ready_to_close', NULL, 51, '{*}', false, true, true, NULL, 'all is produced, the order can be closed'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 80, '{*}', true, true, true, NULL, 'a manufacturing order was cancelled'),
  ('deleted', 1, 'deleted', NULL, '$.old.state != null && $.old.state != "draft"', 80, '{*}', false, false, true, NULL, 'a manufacturing order was deleted'),
  ('deleted', 2, 'deleted', NULL, '$.old.state == null || $.old.state == "draft"', 80, '{*}', false, false, false, NULL, 'a draft was deleted'),
  ('completed', 1, 'milestone', 'completed', NULL, 80, '{*}', true, true, true, NULL, 'the order is done: what was consumed and produced'),
  ('backordered', 1, 'inserted', NULL, '$.new.backorder_sequence > 1 && $.new.state != "draft" && $.new.state != "cancel"', 90, '{}', false, false, true, 'manufacturing_order=tx:production_group_id=procurement_group_id', 'the rest goes with another order')
  ) AS d (verb, variant, occasion, milestone, condition, rank, covers, lines, changes, enabled, key, description);

-- Paused: no other time entry was open then.  Of those that the transaction left alone, one was that was made before it and has not
-- ended; or has been written since and ended later.  What was not written since is as it was: an end that lies in the future, or after
-- a back-dated one, is one.  The beginning of a transaction is what write_date says, to the microsecond; ends are cut to seconds.
-- A work order's state says nothing while its order is a draft: then "production_availability", which follows the order's
-- reservation, is null.  So either makes it ready, or blocked.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, condition, rank, with_lines, enabled, on_by_default, description)
SELECT 'odoo.manufacturing.work_order.' || d.verb || '.v1', d.variant, 'work_order', d.occasion, d.milestone, d.condition::jsonpath, d.rank, d.lines, true, true, d.description
  FROM (VALUES
  ('ready', 1, 'inserted', NULL, '$.new.state == "ready" && $.new.production_availability != null', 70, false, 'it can be started'),
  ('ready', 2, 'updated', NULL, '$.new.state == "ready" && $.new.production_availability != null && !($.old.state == "ready" && $.old.production_availability != null)', 70, false, 'it can be started'),
  ('blocked', 1, 'inserted', NULL, '($.new.state == "blocked" || $.new.state == "pending" || $.new.state == "waiting") && $.new.production_availability != null', 70, false, 'it waits for another one, or for components'),
  ('blocked', 2, 'updated', NULL, '($.new.state == "blocked" || $.new.state == "pending" || $.new.state == "waiting") && $.new.production_availability != null && !(($.old.state == "blocked" || $.old.state == "pending" || $.old.state == "waiting") && $.old.production_availability != null)', 70, false, 'it waits for another one, or for components'),
  ('rescheduled', 1, 'updated', NULL, '$.new.production_availability != null && $.old.state == $.new.state && ($.new.state == "pending" || $.new.state == "waiting" || $.new.state == "ready" || $.new.state == "blocked") && ($.old.date_planned_start != $.new.date_planned_start || !exists($.new.date_planned_start) && $.old.date_start != $.new.date_start)', 69, false, 'its planned start moved'),
  ('started', 1, 'milestone', 'started', NULL, 71, false, 'somebody began to work on it'),
  ('resumed', 1, 'touched', NULL, 'exists($.parts.time[*] ? (!exists(@.old) && @.new.date_end == null)) && !exists($.new ? (@.state != "progress")) && !exists($.old ? (@.state != "progress"))', 72, false, 'somebody began to work on it again'),
  ('progressed', 1, 'updated', NULL, '$.new.qty_produced > $.old.qty_produced', 73, false, 'more of it is produced'),
  ('paused', 1, 'touched', NULL, 'exists($.parts.time[*] ? (@.old.date_end == null && @.new.date_end != null)) && !exists($.new ? (@.state != $.old.state)) && !exists($.parts.time[*] ? (@.new.date_end == null)) && !exists($.rows.time[*] ? (@.create_date < $.parts.time[*].new.write_date && (@.date_end == null || @.write_date > $.parts.time[*].new.write_date && (@.date_end > $.parts.time[*].new.write_date || @.date_end == $.parts.time[*].new.date_end))))', 74, false, 'nobody works on it any more, and it is not finished'),
  ('completed', 1, 'milestone', 'completed', NULL, 75, true, 'it is finished'),
  ('cancelled', 1, 'cancelled', NULL, '$.old.production_availability != null', 75, false, 'it was cancelled')
  ) AS d (verb, variant, occasion, milestone, condition, rank, lines, description);
UPDATE odoo_events.event_def SET watches = '{date_end,workorder_id}' WHERE entity = 'work_order' AND occasion = 'touched';
UPDATE odoo_events.event_def SET with_changes = true WHERE type = 'odoo.manufacturing.work_order.rescheduled.v1';

INSERT INTO odoo_events.event_def (type, entity, occasion, milestone, condition, rank, with_lines, description) VALUES
('odoo.manufacturing.work_center.blocked.v1', 'work_center', 'updated', NULL, '$.new.working_state == "blocked" && $.old.working_state != "blocked"', 40, true, 'the machine is down'),
('odoo.manufacturing.work_center.unblocked.v1', 'work_center', 'updated', NULL, '$.new.working_state != "blocked" && $.old.working_state == "blocked"', 41, true, 'the machine is up again'),
('odoo.manufacturing.unbuild_order.completed.v1', 'unbuild_order', 'milestone', 'completed', NULL, 65, true, 'a product was taken apart: what it was, and what came out of it');

INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, counted, tx_only) VALUES
('work_order', 'time', 1, 'mrp_workcenter_productivity', '{workorder_id}', NULL, 'line.time', false, false),
('work_center', 'stop', 1, 'mrp_workcenter_productivity', '{workcenter_id}', NULL, 'line.time', false, true),
('manufacturing_order', 'time', 7, 'mrp_workcenter_productivity', '{workorder_id}', 'line.operation', 'line.time', false, false),
('unbuild_order', 'move', 1, 'stock_move', '{unbuild_id,consume_unbuild_id}', NULL, 'line.component', false, true),
('unbuild_order', 'detail', 2, 'stock_move_line', '{move_id}', 'line.component', 'line.detail', false, true);

INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, schedule_columns) VALUES
('manufacturing_order', 'component', 1, 'stock_move', '{raw_material_production_id}', NULL, 'line.component', '!($.new.scrap_id != null) && !($.new.scrapped == true)',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id}', '{}'),
('manufacturing_order', 'product', 2, 'stock_move', '{production_id}', NULL, 'line.component', '!($.new.scrap_id != null) && !($.new.scrapped == true) && $.new.product_id == $.refs.production_id.product_id',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id}', '{}'),
('manufacturing_order', 'byproduct', 3, 'stock_move', '{production_id}', NULL, 'line.component', '!($.new.scrap_id != null) && !($.new.scrapped == true) && $.new.product_id != $.refs.production_id.product_id',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id}', '{}'),
('manufacturing_order', 'scrap', 4, 'stock_move', '{raw_material_production_id,production_id}', NULL, 'line.component', '$.new.scrap_id != null || $.new.scrapped == true',
 '{}', '{cancel}', false, '{}', '{}'),
('manufacturing_order', 'operation', 5, 'mrp_workorder', '{production_id}', NULL, 'line.operation', NULL,
 '{pending,waiting,ready,blocked,progress}', '{cancel}', true, '{workcenter_id,operation_id}', '{date_start,date_planned_start}'),
('manufacturing_order', 'detail', 6, 'stock_move_line', '{move_id}', 'line.component', 'line.component_detail', NULL, '{waiting,confirmed,partially_available,assigned}', '{}', true,
 '{lot_id,package_id,result_package_id,owner_id,location_id}', '{}');

INSERT INTO odoo_events.field (owner, position, field, sources, classification) VALUES
('line.component', 1, 'product', '{product_id}', 'internal'), ('line.component', 2, 'state', '{state}', 'internal'), ('line.component', 3, 'demand', '{product_uom_qty}', 'internal'),
('line.component', 4, 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'), ('line.component', 5, 'done', '{quantity@done,sum(detail.qty_done)}', 'internal'),
('line.component', 6, 'unit', '{product_uom}', 'internal'), ('line.component', 7, 'from', '{location_id}', 'internal'), ('line.component', 8, 'to', '{location_dest_id}', 'internal'),
('line.component', 9, 'work_order', '{workorder_id}', 'internal'),
('line.operation', 1, 'name', '{name}', 'internal'), ('line.operation', 2, 'state', '{state}', 'internal'), ('line.operation', 3, 'work_center', '{workcenter_id}', 'internal'),
('line.operation', 4, 'sequence', '{sequence}', 'internal'), ('line.operation', 5, 'planned_start', '{date_planned_start}', 'internal'),
('line.operation', 6, 'date_start', '{date_start}', 'internal'), ('line.operation', 7, 'date_finished', '{date_finished}', 'internal'),
('line.operation', 8, 'expected_minutes', '{duration_expected}', 'internal'), ('line.operation', 9, 'minutes', '{duration}', 'internal'), ('line.operation', 10, 'produced', '{qty_produced}', 'internal'),
('line.time', 1, 'loss', '{loss_id}', 'internal'), ('line.time', 2, 'reason', '{description}', 'internal'), ('line.time', 3, 'start', '{date_start}', 'internal'),
('line.time', 4, 'end', '{date_end}', 'internal'), ('line.time', 5, 'minutes', '{duration}', 'internal'), ('line.time', 6, 'work_order', '{workorder_id}', 'internal'),
('line.time', 7, 'work_center', '{workcenter_id}', 'internal'), ('line.time', 8, 'user', '{user_id}', 'personal'),
('work_order', 1, 'name', '{name}', 'internal'), ('work_order', 2, 'state', '{state}', 'internal'), ('work_order', 3, 'document', '{#document}', 'internal'),
('work_order', 4, 'product', '{production_id.product_id}', 'internal'), ('work_order', 5, 'work_center', '{workcenter_id}', 'internal'),
('work_order', 6, 'sequence', '{sequence}', 'internal'), ('work_order', 7, 'produced', '{qty_produced}', 'internal'),
('work_order', 8, 'expected_minutes', '{duration_expected}', 'internal'), ('work_order', 9, 'minutes', '{duration}', 'internal'),
('work_order', 10, 'planned_start', '{date_planned_start,date_start}', 'internal'), ('work_order', 11, 'planned_finish', '{date_planned_finished,date_finished}', 'internal'),
('work_order', 12, 'date_start', '{date_start}', 'internal'), ('work_order', 13, 'date_finished', '{date_finished}', 'internal'),
('work_center', 1, 'name', '{name}', 'internal'), ('work_center', 2, 'code', '{code}', 'internal'), ('work_center', 3, 'working_state', '{working_state}', 'internal'),
('work_center', 4, 'company', '{company_id}', 'internal'),
('unbuild_order', 1, 'name', '{name}', 'internal'), ('unbuild_order', 2, 'state', '{state}', 'internal'), ('unbuild_order', 3, 'document', '{#document}', 'internal'),
('unbuild_order', 4, 'product', '{product_id}', 'internal'), ('unbuild_order', 5, 'quantity', '{product_qty}', 'internal'), ('unbuild_order', 6, 'unit', '{product_uom_id}', 'internal'),
('unbuild_order', 7, 'lot', '{lot_id}', 'internal'), ('unbuild_order', 8, 'bill_of_materials', '{bom_id}', 'internal'), ('unbuild_order', 9, 'from', '{location_id}', 'internal'),
('unbuild_order', 10, 'to', '{location_dest_id}', 'internal'), ('unbuild_order', 11, 'company', '{company_id}', 'internal'),
('manufacturing_order', 1, 'name', '{name}', 'internal'), ('manufacturing_order', 2, 'state', '{state}', 'internal'), ('manufacturing_order', 3, 'reservation_state', '{reservation_state}', 'internal'),
('manufacturing_order', 4, 'product', '{product_id}', 'internal'), ('manufacturing_order', 5, 'quantity', '{product_qty}', 'internal'),
('manufacturing_order', 6, 'quantity_producing', '{qty_producing}', 'internal'), ('manufacturing_order', 7, 'unit', '{product_uom_id}', 'internal'),
('manufacturing_order', 8, 'bill_of_materials', '{bom_id}', 'internal'), ('manufacturing_order', 9, 'lot', '{lot_producing_id}', 'internal'),
('manufacturing_order', 10, 'priority', '{priority}', 'internal'), ('manufacturing_order', 11, 'origin', '{origin}', 'internal'),
('manufacturing_order', 12, 'planned_start', '{date_planned_start,date_start}', 'internal'), ('manufacturing_order', 13, 'planned_finish', '{date_planned_finished,date_finished}', 'internal'),
('manufacturing_order', 14, 'date_start', '{date_start}', 'internal'), ('manufacturing_order', 15, 'date_finished', '{date_finished}', 'internal'),
('manufacturing_order', 16, 'date_deadline', '{date_deadline}', 'internal'), ('manufacturing_order', 17, 'from', '{location_src_id}', 'internal'),
('manufacturing_order', 18, 'to', '{location_dest_id}', 'internal'), ('manufacturing_order', 19, 'picking_type', '{picking_type_id}', 'internal'),
('manufacturing_order', 20, 'warehouse', '{picking_type_id.warehouse_id,location_dest_id.warehouse_id}', 'internal'), ('manufacturing_order', 21, 'company', '{company_id}', 'internal'),
('manufacturing_order', 22, 'user', '{user_id}', 'personal'), ('manufacturing_order', 23, 'subcontractor', '{subcontractor_id}', 'personal'),
('manufacturing_order', 24, 'backorder_sequence', '{backorder_sequence}', 'internal'), ('manufacturing_order', 26, 'merged_from', '{#merged_from}', 'internal'),
('manufacturing_order', 27, 'merged_into', '{#merged_into}', 'internal'), ('work_order', 14, 'cost_per_hour', '{workcenter_id.cost_per_hour}', 'confidential');

INSERT INTO odoo_events.field (owner, position, field, sources, reference) VALUES
('manufacturing_order', 25, 'lots', '{many(mrp_production_stock_lot_rel.mrp_production_id=stock_lot_id)}', 'lot'),
('line.operation', 11, 'blocked_by', '{many(mrp_workorder_dependencies_rel.workorder_id=blocked_by_id)}', 'work_order'),
-- Which consumed lot went into which produced one: the line of the product, which stands in the same event.  Odoo's columns are
-- the other way round than their names: "consume_line_id" is the line of the product.
('line.component_detail', 11, 'went_into', '{many(stock_move_line_consume_rel.produce_line_id=consume_line_id)}', 'stock_move_line');
INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT 'line.component_detail', f.position, f.field, f.sources, f.classification FROM odoo_events.field f WHERE f.owner = 'line.detail';
-- catalog_trade: purchases and sales.

INSERT INTO odoo_events.reference (reference, tables) VALUES ('currency', '{res_currency}'), ('requisition', '{purchase_requisition}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths) VALUES ('currency', 1, 'code', '{name}'), ('requisition', 1, 'name', '{name}');

-- Amounts are significant because a line's price or quantity is a change of its order: then the order's state is known.
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('purchase_order', '{purchase_order}',
 '{state,partner_id,partner_ref,dest_address_id,picking_type_id,date_planned,receipt_status,acknowledged,mail_reminder_confirmed,mail_reception_confirmed,mail_reception_declined,locked,amount_total,name,priority,user_id}',
 '{origin,requisition_id,currency_id,amount_untaxed,amount_tax,date_order,date_approve,effective_date,company_id,create_uid,write_uid,write_date}'),
('purchase_order_line', '{purchase_order_line}',
 '{order_id,state,product_id,product_qty,product_uom_id=product_uom,price_unit,date_planned,qty_received}',
 '{product_uom_qty,name,sequence,display_type,is_downpayment,discount,price_subtotal,qty_invoiced,sale_line_id,company_id,write_uid,write_date}'),
('sale_order', '{sale_order}',
 '{state,partner_id,partner_shipping_id,client_order_ref,commitment_date,carrier_id,warehouse_id,picking_policy,delivery_status,locked,amount_total,name}',
 '{origin,currency_id,amount_untaxed,amount_tax,date_order,effective_date,user_id,company_id,create_uid,write_uid,write_date}'),
('sale_order_line', '{sale_order_line}',
 '{order_id,state,product_id,product_uom_qty,product_uom_id=product_uom,price_unit,qty_delivered}',
 '{name,sequence,display_type,is_delivery,is_downpayment,discount,price_subtotal,qty_invoiced,customer_lead,company_id,write_uid,write_date}');

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('purchase_order', 'id', 'purchase_order'), ('purchase_order', 'partner_id', 'partner'), ('purchase_order', 'dest_address_id', 'partner'), ('purchase_order', 'picking_type_id', 'picking_type'),
('purchase_order', 'currency_id', 'currency'), ('purchase_order', 'requisition_id', 'requisition'), ('purchase_order', 'user_id', 'user'), ('purchase_order', 'company_id', 'company'), ('purchase_order', 'write_uid', 'user'),
('purchase_order_line', 'order_id', 'purchase_order'), ('purchase_order_line', 'product_id', 'product'), ('purchase_order_line', 'product_uom_id', 'unit'),
('purchase_order_line', 'sale_line_id', 'sales_order_line'), ('purchase_order_line', 'company_id', 'company'),
('sale_order', 'id', 'sales_order'), ('sale_order', 'partner_id', 'partner'), ('sale_order', 'partner_shipping_id', 'partner'), ('sale_order', 'carrier_id', 'carrier'),
('sale_order', 'warehouse_id', 'warehouse'), ('sale_order', 'currency_id', 'currency'), ('sale_order', 'user_id', 'user'), ('sale_order', 'company_id', 'company'),
('sale_order', 'write_uid', 'user'),
('sale_order_line', 'order_id', 'sales_order'), ('sale_order_line', 'product_id', 'product'), ('sale_order_line', 'product_uom_id', 'unit'),
('sale_order_line', 'company_id', 'company');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                change_columns, warehouse, correlation) VALUES
('purchase_order', 'procurement', 'purchase.order', 'purchase_order', '{purchase_order,purchase_order_line,stock_move}', 'name', 'state', '{draft}', '{purchase,done}', '{cancel}',
 '{name,partner_id,partner_ref,dest_address_id,picking_type_id,date_planned,priority,user_id}', '{picking_type_id.warehouse_id}', '{purchase_order=id}'),
('sales_order', 'sales', 'sale.order', 'sale_order', '{sale_order,sale_order_line}', 'name', 'state', '{draft}', '{sale,done}', '{cancel}',
 '{name,partner_id,partner_shipping_id,client_order_ref,commitment_date,carrier_id,warehouse_id,picking_policy}', '{warehouse_id}', '{sales_order=id}');

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('purchase_order', 1, 'created', '{draft}', true), ('purchase_order', 2, 'sent', '{sent}', false), ('purchase_order', 3, 'approval_requested', '{"to approve"}', false),
('purchase_order', 4, 'confirmed', '{purchase,done}', true),
('sales_order', 1, 'created', '{draft}', true), ('sales_order', 2, 'sent', '{sent}', false), ('sales_order', 3, 'confirmed', '{sale,done}', true);

-- A line of 14 to 17 knows its order's state; where it does not, an order that only its lines show is as open as its row was then,
-- and "rescheduled" takes the receipt that moves with it for a sign.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, schedule_columns) VALUES
('purchase_order', 'line', 1, 'purchase_order_line', '{order_id}', NULL, 'line.purchase', '!($.new.display_type != null) && !($.new.is_downpayment == true)', '{purchase,done,*}', '{cancel}', true,
 '{product_id,product_qty,product_uom_id,price_unit}', '{date_planned}'),
('purchase_order', 'move', 2, 'stock_move', '{purchase_line_id}', 'line.purchase', 'line.receipt', '!($.new.scrap_id != null) && !($.new.scrapped == true)', '{}', '{}', false, '{}', '{}'),
('sales_order', 'line', 1, 'sale_order_line', '{order_id}', NULL, 'line.sale', '!($.new.display_type != null) && !($.new.is_delivery == true) && !($.new.is_downpayment == true)',
 '{sale,done}', '{cancel}', true, '{product_id,product_uom_qty,product_uom_id,price_unit}', '{}'),
('sales_order', 'charge', 2, 'sale_order_line', '{order_id}', NULL, 'line.charge', '!($.new.display_type != null) && ($.new.is_delivery == true || $.new.is_downpayment == true)',
 '{sale,done}', '{cancel}', true, '{product_id,product_uom_qty,price_unit}', '{}');

-- covers *: the milestone carries all changes of its transaction.  Of "receipt" the first that holds is told.  Where lines say
-- that all has come, those that the transaction left alone must not have been written since (write_date is when a transaction
-- began): a publisher that lags must not tell what came later.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, watches, rank, covers, with_lines, with_changes, enabled, on_by_default,
                                   epcis_bizstep, epcis_disposition, description)
SELECT pg_catalog.format('odoo.procurement.purchase_order.%s.v1', d.verb), d.variant, 'purchase_order', d.occasion, d.milestone, d.choice, d.precedence, d.condition::jsonpath,
       CASE WHEN d.occasion OPERATOR(pg_catalog.=) 'touched' AND d.verb OPERATOR(pg_catalog.=) ANY ('{received,partially_received,receipt_reversed}') THEN '{qty_received}'::text[] ELSE '{}' END,
       d.rank, d.covers::text[], d.lines, d.lines, d.enabled, d.enabled, d.bizstep, d.disposition, d.description
  FROM (VALUES
  ('created', 1, 'milestone', 'created', NULL, 1, NULL, 10, '{*}', false, false, NULL, NULL, 'a request for quotation was made'),
  ('sent', 1, 'milestone', 'sent', NULL, 1, NULL, 11, '{*}', false, false, NULL, NULL, 'the request went to the vendor'),
  ('approval_requested', 1, 'milestone', 'approval_requested', NULL, 1, NULL, 12, '{*}', true, true, NULL, NULL, 'its amount needs an approval'),
  ('confirmed', 1, 'milestone', 'confirmed', 'confirmed', 1, '$.old.state == "to approve"', 20, '{*}', true, true, NULL, NULL, 'goods were ordered: the order was approved by who did it'),
  ('confirmed', 2, 'milestone', 'confirmed', 'confirmed', 2, NULL, 20, '{*}', true, true, NULL, NULL, 'goods were ordered'),
  ('changed', 1, 'changed', NULL, NULL, 1, NULL, 30, '{}', true, true, NULL, NULL, 'what is ordered, where to or for how much was changed'),
  ('rescheduled', 1, 'touched', NULL, NULL, 1,
   '($.old.state == "purchase" || $.old.state == "done") && ($.new.state == "purchase" || $.new.state == "done")
    && ($.old.date_planned != $.new.date_planned || exists($.parts.line[*] ? (@.old.date_planned != @.new.date_planned)))
    || !exists($.new.state) && exists($.parts.line[*] ? (@.old.date_planned != @.new.date_planned && (@.new.state == "purchase" || @.new.state == "done")))
    || !exists($.new.state) && exists($.parts.line[*] ? (@.old.date_planned != @.new.date_planned && !exists(@.new.state)))
    && exists($.parts.move[*] ? (@.old.date_deadline != @.new.date_deadline || @.old.date != @.new.date))',
   31, '{date_planned}', true, true, NULL, NULL, 'the date on which goods are expected moved'),
  ('acknowledged', 1, 'touched', NULL, NULL, 1,
   '($.new.acknowledged == true && !($.old.acknowledged == true) || $.new.mail_reminder_confirmed == true && !($.old.mail_reminder_confirmed == true)
     || $.new.mail_reception_confirmed == true && !($.old.mail_reception_confirmed == true))
    && !exists($.parts.line[*] ? (@.new.qty_received > 0 && !(@.new.qty_received <= @.old.qty_received)))',
   40, '{}', false, true, NULL, NULL, 'the vendor acknowledged it; Odoo setting the mark itself on a receipt is none'),
  ('declined', 1, 'updated', NULL, NULL, 1, '$.new.mail_reception_declined == true && !($.old.mail_reception_declined == true)', 40, '{}', false, true, NULL, NULL, 'the vendor says that he cannot deliver it so (from 18)'),
  ('received', 1, 'touched', NULL, 'receipt', 1,
   '$.new.receipt_status == "full" && !($.old.receipt_status == "full") && exists($.parts.line[*] ? (@.new.qty_received > 0 && !(@.new.qty_received <= @.old.qty_received)))
    && !exists($.parts.line[*] ? (@.new.qty_received < @.new.product_qty))
    && !exists($.parts.move[*] ? (@.new.state == "cancel" && !(@.old.state == "cancel") && @.new.origin_returned_move_id == null && @.refs.location_id.usage == "supplier"))',
   80, '{}', true, true, 'receiving', 'in_progress', 'all that was ordered has arrived'),
  ('received', 3, 'touched', NULL, 'receipt', 3,
   'exists($.parts.line[*] ? (@.old.qty_received < @.old.product_qty && @.new.qty_received >= @.new.product_qty)) && !exists($.parts.line[*] ? (@.new.qty_received < @.new.product_qty))
    && !($.new.receipt_status == "pending" || $.new.receipt_status == "partial")
    && !exists($.rows.line[*] ? (@.display_type == null && !(@.is_downpayment == true) && @.qty_received < @.product_qty)) && !($.since == true)',
   80, '{}', true, true, 'receiving', 'in_progress', 'all that was ordered has arrived, by its lines (where Odoo keeps no receipt status: to 15)'),
  ('received', 4, 'inserted', NULL, 'receipt', 3,
   '!exists($.new.receipt_status) && exists($.parts.line[*] ? (@.new.qty_received > 0)) && !exists($.parts.line[*] ? (@.new.qty_received < @.new.product_qty))',
   80, '{}', true, true, 'receiving', 'in_progress', 'all that was ordered has arrived, by its lines (to 15), in the transaction that ordered it'),
  ('received', 2, 'inserted', NULL, 'receipt', 1,
   '$.new.receipt_status == "full" && exists($.parts.line[*] ? (@.new.qty_received > 0)) && !exists($.parts.line[*] ? (@.new.qty_received < @.new.product_qty))',
   80, '{}', true, true, 'receiving', 'in_progress', 'all that was ordered has arrived, in the transaction that ordered it'),
  ('closed_short', 1, 'touched', NULL, NULL, 1,
   '$.new.receipt_status == "full" && $.old.receipt_status != "full"
    && (exists($.parts.line[*] ? (@.new.qty_received < @.new.product_qty && @.new.qty_received > 0 && !(@.new.qty_received <= @.old.qty_received)))
        || exists($.parts.move[*] ? (@.new.state == "cancel" && !(@.old.state == "cancel") && @.new.origin_returned_move_id == null && @.refs.location_id.usage == "supplier"))
           && !exists($.parts.line[*] ? (@.new.product_qty < @.old.product_qty)))',
   81, '{}', true, true, NULL, NULL, 'what is missing will not come: the receipt was closed without a backorder, or its backorder was cancelled'),
  ('receipt_reversed', 1, 'touched', NULL, NULL, 1, 'exists($.parts.line[*] ? (@.new.qty_received < @.old.qty_received))',
   80, '{}', true, true, NULL, NULL, 'less of it counts as received than before: goods went back to the vendor, or a receipt was corrected'),
  ('partially_received', 1, 'touched', NULL, 'receipt', 4, 'exists($.parts.line[*] ? (@.new.qty_received > 0 && !(@.new.qty_received <= @.old.qty_received)))',
   80, '{}', true, true, 'receiving', 'in_progress', 'some of what was ordered has arrived'),
  ('partially_received', 2, 'inserted', NULL, 'receipt', 4, 'exists($.parts.line[*] ? (@.new.qty_received > 0))',
   80, '{}', true, true, 'receiving', 'in_progress', 'some of what was ordered has arrived, in the transaction that ordered it'),
  ('locked', 1, 'updated', NULL, NULL, 1, '$.new.locked == true && !($.old.locked == true) || $.old.state == "purchase" && $.new.state == "done"',
   81, '{}', false, true, NULL, NULL, 'it can no longer be changed'),
  ('unlocked', 1, 'updated', NULL, NULL, 1, '$.old.locked == true && !($.new.locked == true) || $.old.state == "done" && $.new.state == "purchase" && !($.new.locked == true)',
   81, '{}', false, true, NULL, NULL, 'it can be changed again'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 1, NULL, 82, '{*}', true, true, NULL, NULL, 'an order was cancelled, or its approval refused'),
  ('cancelled', 2, 'updated', NULL, NULL, 1, '$.old.state == "draft" && $.new.state == "cancel"', 82, '{*}', true, false, NULL, NULL, 'a draft was cancelled, or merged into another request for quotation'),
  ('reopened', 1, 'updated', NULL, NULL, 1, '$.old.state == "cancel" && $.new.state != "cancel"', 15, '{*}', false, true, NULL, NULL, 'a cancelled order is a request for quotation again'),
  ('deleted', 1, 'deleted', NULL, NULL, 1, '$.old.state != null && $.old.state != "draft"', 82, '{*}', false, true, NULL, NULL, 'an order that was no draft was deleted'),
  ('deleted', 2, 'deleted', NULL, NULL, 1, '$.old.state == null || $.old.state == "draft"', 82, '{*}', false, false, NULL, NULL, 'a draft was deleted')
  ) AS d (verb, variant, occasion, milestone, choice, precedence, condition, rank, covers, lines, enabled, bizstep, disposition, description);

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, condition, watches, rank, covers, with_lines, with_changes, enabled, on_by_default, epcis_bizstep, epcis_disposition, description)
SELECT pg_catalog.format('odoo.sales.sales_order.%s.v1', d.verb), d.variant, 'sales_order', d.occasion, d.milestone, d.condition::jsonpath,
       CASE WHEN d.occasion OPERATOR(pg_catalog.=) 'touched' THEN '{qty_delivered}'::text[] ELSE '{}' END, d.rank,
       d.covers::text[], d.lines, d.lines, d.enabled, d.enabled, d.bizstep, d.disposition, d.description
  FROM (VALUES
  ('created', 1, 'milestone', 'created', NULL, 10, '{*}', false, false, NULL, NULL, 'a quotation was made'),
  ('sent', 1, 'milestone', 'sent', NULL, 11, '{*}', false, false, NULL, NULL, 'the quotation went to the customer'),
  ('confirmed', 1, 'milestone', 'confirmed', NULL, 20, '{*}', true, true, NULL, NULL, 'a customer ordered goods'),
  ('changed', 1, 'changed', NULL, NULL, 30, '{}', true, true, NULL, NULL, 'what is ordered, where to, when or for how much was changed'),
  ('delivery_progressed', 1, 'touched', NULL, 'exists($.parts.line[*] ? ((@.new.state == "sale" || @.new.state == "done") && @.new.qty_delivered > 0 && !(@.new.qty_delivered <= @.old.qty_delivered)))',
   80, '{}', true, true, 'shipping', 'in_transit', 'more of it is delivered; complete says whether all is, where the transaction alone tells'),
  ('delivery_progressed', 2, 'inserted', NULL, 'exists($.parts.line[*] ? ((@.new.state == "sale" || @.new.state == "done") && @.new.qty_delivered > 0))',
   80, '{}', true, true, 'shipping', 'in_transit', 'some of it is delivered, in the transaction that ordered it'),
  ('delivery_reversed', 1, 'touched', NULL, 'exists($.parts.line[*] ? (@.new.qty_delivered < @.old.qty_delivered))',
   80, '{}', true, true, NULL, NULL, 'less of it counts as delivered than before: goods came back, or a delivery was corrected'),
  ('locked', 1, 'updated', NULL, '$.new.locked == true && !($.old.locked == true) || $.old.state == "sale" && $.new.state == "done"', 81, '{}', false, true, NULL, NULL, 'it can no longer be changed'),
  ('unlocked', 1, 'updated', NULL, '$.old.locked == true && !($.new.locked == true) || $.old.state == "done" && $.new.state == "sale" && !($.new.locked == true)', 81, '{}', false, true, NULL, NULL, 'it can be changed again'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 82, '{*}', true, true, NULL, NULL, 'an order was cancelled'),
  ('reopened', 1, 'updated', NULL, '$.old.state == "cancel" && $.new.state != "cancel"', 15, '{*}', false, true, NULL, NULL, 'a cancelled order is a quotation again'),
  ('deleted', 1, 'deleted', NULL, '$.old.state != null && $.old.state != "draft"', 82, '{*}', false, true, NULL, NULL, 'an order that was no draft was deleted'),
  ('deleted', 2, 'deleted', NULL, '$.old.state == null || $.old.state == "draft"', 82, '{*}', false, false, NULL, NULL, 'a quotation was deleted')
  ) AS d (verb, variant, occasion, milestone, condition, rank, covers, lines, enabled, bizstep, disposition, description);

INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT f.owner, pg_catalog.row_number() OVER (PARTITION BY f.owner ORDER BY f.n), f.field, f.sources::text[], f.classification
  FROM (VALUES
  (1, 'purchase_order', 'name', '{name}', 'internal'), (2, 'purchase_order', 'state', '{state}', 'internal'), (3, 'purchase_order', 'vendor', '{partner_id}', 'personal'),
  (4, 'purchase_order', 'vendor_reference', '{partner_ref}', 'internal'), (5, 'purchase_order', 'origin', '{origin}', 'internal'), (6, 'purchase_order', 'priority', '{priority}', 'internal'),
  (7, 'purchase_order', 'date_order', '{date_order}', 'internal'), (8, 'purchase_order', 'date_approve', '{date_approve}', 'internal'),
  (9, 'purchase_order', 'planned_date', '{date_planned}', 'internal'), (10, 'purchase_order', 'effective_date', '{effective_date}', 'internal'),
  (11, 'purchase_order', 'receipt_status', '{receipt_status}', 'internal'), (12, 'purchase_order', 'complete', '{#complete}', 'internal'),
  (13, 'purchase_order', 'acknowledged', '{acknowledged,mail_reception_confirmed}', 'internal'), (14, 'purchase_order', 'locked', '{locked}', 'internal'),
  (15, 'purchase_order', 'picking_type', '{picking_type_id}', 'internal'), (16, 'purchase_order', 'warehouse', '{picking_type_id.warehouse_id}', 'internal'),
  (17, 'purchase_order', 'ship_to', '{dest_address_id}', 'personal'), (18, 'purchase_order', 'buyer', '{user_id}', 'personal'), (19, 'purchase_order', 'company', '{company_id}', 'internal'),
  (20, 'purchase_order', 'currency', '{currency_id}', 'internal'), (21, 'purchase_order', 'amount_untaxed', '{amount_untaxed}', 'confidential'),
  (22, 'purchase_order', 'amount_tax', '{amount_tax}', 'confidential'), (23, 'purchase_order', 'amount_total', '{amount_total}', 'confidential'),
  (1, 'line.purchase', 'product', '{product_id}', 'internal'), (2, 'line.purchase', 'description', '{name}', 'internal'), (3, 'line.purchase', 'ordered', '{product_qty}', 'internal'),
  (4, 'line.purchase', 'received', '{qty_received}', 'internal'), (5, 'line.purchase', 'invoiced', '{qty_invoiced}', 'internal'), (6, 'line.purchase', 'unit', '{product_uom_id}', 'internal'),
  (7, 'line.purchase', 'planned_date', '{date_planned}', 'internal'), (8, 'line.purchase', 'sales_order_line', '{sale_line_id}', 'internal'),
  (9, 'line.purchase', 'price_unit', '{price_unit}', 'confidential'), (10, 'line.purchase', 'discount', '{discount}', 'confidential'), (11, 'line.purchase', 'amount', '{price_subtotal}', 'confidential'),
  (1, 'line.receipt', 'transfer', '{picking_id}', 'internal'), (2, 'line.receipt', 'state', '{state}', 'internal'), (3, 'line.receipt', 'demand', '{product_uom_qty}', 'internal'),
  (4, 'line.receipt', 'quantity', '{quantity}', 'internal'), (5, 'line.receipt', 'unit', '{product_uom}', 'internal'), (6, 'line.receipt', 'to', '{location_dest_id}', 'internal'),
  (7, 'line.receipt', 'date_deadline', '{date_deadline}', 'internal'),
  (1, 'sales_order', 'name', '{name}', 'internal'), (2, 'sales_order', 'state', '{state}', 'internal'), (3, 'sales_order', 'customer', '{partner_id}', 'personal'),
  (4, 'sales_order', 'customer_reference', '{client_order_ref}', 'internal'), (5, 'sales_order', 'origin', '{origin}', 'internal'), (6, 'sales_order', 'date_order', '{date_order}', 'internal'),
  (7, 'sales_order', 'commitment_date', '{commitment_date}', 'internal'), (8, 'sales_order', 'effective_date', '{effective_date}', 'internal'),
  (9, 'sales_order', 'delivery_status', '{delivery_status}', 'internal'), (10, 'sales_order', 'complete', '{#complete}', 'internal'), (11, 'sales_order', 'locked', '{locked}', 'internal'),
  (12, 'sales_order', 'picking_policy', '{picking_policy}', 'internal'), (13, 'sales_order', 'carrier', '{carrier_id}', 'internal'), (14, 'sales_order', 'warehouse', '{warehouse_id}', 'internal'),
  (15, 'sales_order', 'ship_to', '{partner_shipping_id}', 'personal'), (16, 'sales_order', 'salesperson', '{user_id}', 'personal'), (17, 'sales_order', 'company', '{company_id}', 'internal'),
  (18, 'sales_order', 'currency', '{currency_id}', 'internal'), (19, 'sales_order', 'amount_untaxed', '{amount_untaxed}', 'confidential'),
  (20, 'sales_order', 'amount_tax', '{amount_tax}', 'confidential'), (21, 'sales_order', 'amount_total', '{amount_total}', 'confidential'),
  (1, 'line.sale', 'product', '{product_id}', 'internal'), (2, 'line.sale', 'description', '{name}', 'internal'), (3, 'line.sale', 'state', '{state}', 'internal'),
  (4, 'line.sale', 'ordered', '{product_uom_qty}', 'internal'), (5, 'line.sale', 'delivered', '{qty_delivered}', 'internal'), (6, 'line.sale', 'invoiced', '{qty_invoiced}', 'internal'),
  (7, 'line.sale', 'unit', '{product_uom_id}', 'internal'), (8, 'line.sale', 'lead_days', '{customer_lead}', 'internal'),
  (10, 'line.sale', 'price_unit', '{price_unit}', 'confidential'), (11, 'line.sale', 'discount', '{discount}', 'confidential'), (12, 'line.sale', 'amount', '{price_subtotal}', 'confidential'),
  (1, 'line.charge', 'product', '{product_id}', 'internal'), (2, 'line.charge', 'description', '{name}', 'internal'), (3, 'line.charge', 'quantity', '{product_uom_qty}', 'internal'),
  (4, 'line.charge', 'unit', '{product_uom_id}', 'internal'), (5, 'line.charge', 'price_unit', '{price_unit}', 'confidential'), (6, 'line.charge', 'amount', '{price_subtotal}', 'confidential')
  ) AS f (n, owner, field, sources, classification);
INSERT INTO odoo_events.field (owner, position, field, sources, classification, reference) VALUES
('purchase_order', 24, 'delivery_address', '{dest_address_id,picking_type_id.warehouse_id.partner_id}', 'personal', 'address'),
('sales_order', 22, 'delivery_address', '{partner_shipping_id}', 'personal', 'address');
INSERT INTO odoo_events.field (owner, position, field, sources) VALUES
('purchase_order', 25, 'requisition', '{requisition_id}'), ('purchase_order', 26, 'merged_into', '{#merged_into}');
UPDATE odoo_events.event_def SET extra = '{"approved":true}' WHERE type = 'odoo.procurement.purchase_order.confirmed.v1' AND variant = 1;

-- Blanket orders and purchase templates of the module purchase_requisition; to 17 the state of a confirmed one is "ongoing",
-- "in_progress" or "open".
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('purchase_requisition', '{purchase_requisition}', '{state,vendor_id,user_id,date_end}',
 '{name,origin,reference,requisition_type,type_id,ordering_date,date_start,schedule_date,currency_id,warehouse_id,picking_type_id,company_id,create_uid,write_uid}'),
('purchase_requisition_line', '{purchase_requisition_line}', '{requisition_id,product_id,product_qty,price_unit}', '{product_uom_id,schedule_date,company_id,write_uid}');
INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('purchase_requisition', 'vendor_id', 'partner'), ('purchase_requisition', 'user_id', 'user'), ('purchase_requisition', 'currency_id', 'currency'), ('purchase_requisition', 'warehouse_id', 'warehouse'),
('purchase_requisition', 'picking_type_id', 'picking_type'), ('purchase_requisition', 'company_id', 'company'), ('purchase_requisition', 'write_uid', 'user'),
('purchase_requisition_line', 'requisition_id', 'requisition'), ('purchase_requisition_line', 'product_id', 'product'), ('purchase_requisition_line', 'product_uom_id', 'unit'),
('purchase_requisition_line', 'company_id', 'company');
INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states, change_columns, warehouse) VALUES
('requisition', 'procurement', 'purchase.requisition', 'purchase_requisition', '{purchase_requisition,purchase_requisition_line}', 'name', 'state', '{draft}', '{ongoing,in_progress,open,confirmed}', '{cancel}',
 '{vendor_id,user_id,date_end}', '{warehouse_id,picking_type_id.warehouse_id}');
INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('requisition', 1, 'confirmed', '{ongoing,in_progress,open,confirmed}', true), ('requisition', 2, 'closed', '{done}', true);
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, live_states, counted, change_columns) VALUES
('requisition', 'line', 1, 'purchase_requisition_line', '{requisition_id}', 'line.requisition', '{*}', true, '{product_id,product_qty,price_unit}');
INSERT INTO odoo_events.event_def (type, entity, occasion, milestone, rank, covers, with_lines, with_changes, description)
SELECT 'odoo.procurement.requisition.' || d.verb || '.v1', 'requisition', d.occasion, d.milestone, d.rank, d.covers::text[], true, true, d.description
  FROM (VALUES
  ('confirmed', 'milestone', 'confirmed', 20, '{*}', 'a blanket order or a purchase template is in force'),
  ('changed', 'changed', NULL, 30, '{}', 'vendor, lines, end or responsible of one in force were changed'),
  ('closed', 'milestone', 'closed', 80, '{*}', 'it has ended'),
  ('cancelled', 'cancelled', NULL, 82, '{*}', 'it was cancelled')) AS d (verb, occasion, milestone, rank, covers, description);
INSERT INTO odoo_events.field (owner, position, field, sources, classification) VALUES
('requisition', 1, 'name', '{name}', 'internal'), ('requisition', 2, 'state', '{state}', 'internal'), ('requisition', 3, 'type', '{requisition_type}', 'internal'), ('requisition', 4, 'vendor', '{vendor_id}', 'personal'),
('requisition', 5, 'reference', '{reference,origin}', 'internal'), ('requisition', 6, 'start', '{date_start,ordering_date}', 'internal'), ('requisition', 7, 'end', '{date_end}', 'internal'),
('requisition', 8, 'buyer', '{user_id}', 'personal'), ('requisition', 9, 'warehouse', '{warehouse_id,picking_type_id.warehouse_id}', 'internal'), ('requisition', 10, 'company', '{company_id}', 'internal'),
('requisition', 11, 'currency', '{currency_id}', 'internal'), ('line.requisition', 1, 'product', '{product_id}', 'internal'), ('line.requisition', 2, 'quantity', '{product_qty}', 'internal'),
('line.requisition', 3, 'unit', '{product_uom_id}', 'internal'), ('line.requisition', 4, 'price_unit', '{price_unit}', 'confidential');
-- catalog_maintenance: maintenance, repair, quality.

INSERT INTO odoo_events.reference (reference, tables) VALUES
('equipment', '{maintenance_equipment}'), ('equipment_category', '{maintenance_equipment_category}'), ('maintenance_stage', '{maintenance_stage}'), ('maintenance_team', '{maintenance_team}'),
('maintenance_request', '{maintenance_request}'), ('quality_check', '{quality_check}'), ('quality_point', '{quality_point}'), ('quality_alert', '{quality_alert}'),
('quality_stage', '{quality_alert_stage}'), ('quality_reason', '{quality_reason}'), ('quality_team', '{quality_alert_team}');

INSERT INTO odoo_events.reference_field (reference, position, field, paths) VALUES
('equipment', 1, 'name', '{name}'), ('equipment', 2, 'serial', '{serial_no}'), ('equipment_category', 1, 'name', '{name}'), ('maintenance_stage', 1, 'name', '{name}'), ('maintenance_stage', 2, 'done', '{done}'),
('maintenance_team', 1, 'name', '{name}'), ('maintenance_request', 1, 'name', '{name}'), ('quality_check', 1, 'name', '{name}'),
('quality_point', 1, 'name', '{name}'), ('quality_point', 2, 'title', '{title}'), ('quality_alert', 1, 'name', '{name}'), ('quality_stage', 1, 'name', '{name}'), ('quality_stage', 2, 'done', '{done}'),
('quality_reason', 1, 'name', '{name}'), ('quality_team', 1, 'name', '{name}');

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('maintenance_request', '{maintenance_request}',
 '{stage_id,maintenance_type,kanban_state,priority,equipment_id,user_id,maintenance_team_id,schedule_date,schedule_end,close_date,archive}',
 '{name,category_id,owner_user_id,request_date,duration,workcenter_id,production_id,workorder_id,company_id,create_uid,write_uid}'),
('maintenance_equipment', '{maintenance_equipment}', '{technician_user_id,owner_user_id,maintenance_team_id,scrap_date,active}',
 '{serial_no,model,cost,category_id,assign_date,effective_date,warranty_date,location_id,workcenter_id,company_id,create_uid,write_uid}'),
('repair_order', '{repair_order}', '{state,product_id,product_qty,product_uom,lot_id,partner_id,location_id,schedule_date,user_id}',
 '{name,priority,under_warranty,picking_type_id,sale_order_id,sale_order_line_id,move_id,location_dest_id,parts_location_id,company_id,create_uid,write_uid}'),
('repair_line', '{repair_line}', '{state,type,product_id,product_uom_qty,product_uom,lot_id}', '{repair_id,location_id,location_dest_id,move_id,write_uid}'),
('quality_check', '{quality_check}', '{quality_state,user_id}',
 '{name,title,point_id,control_date,measure,product_id,lot_id,picking_id,production_id,workorder_id,team_id,alert_id,company_id,create_uid,write_uid}'),
('quality_alert', '{quality_alert}', '{stage_id,user_id,date_close,priority}',
 '{name,title,reason_id,date_assign,product_id,lot_id,picking_id,production_id,workorder_id,workcenter_id,partner_id,check_id,team_id,company_id,create_uid,write_uid}');

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('maintenance_request', 'stage_id', 'maintenance_stage'), ('maintenance_request', 'equipment_id', 'equipment'), ('maintenance_request', 'category_id', 'equipment_category'),
('maintenance_request', 'maintenance_team_id', 'maintenance_team'), ('maintenance_request', 'user_id', 'user'), ('maintenance_request', 'owner_user_id', 'user'),
('maintenance_request', 'workcenter_id', 'work_center'), ('maintenance_request', 'production_id', 'manufacturing_order'), ('maintenance_request', 'workorder_id', 'work_order'),
('maintenance_request', 'company_id', 'company'), ('maintenance_request', 'write_uid', 'user'),
('maintenance_equipment', 'id', 'equipment'), ('maintenance_equipment', 'technician_user_id', 'user'), ('maintenance_equipment', 'owner_user_id', 'user'),
('maintenance_equipment', 'maintenance_team_id', 'maintenance_team'), ('maintenance_equipment', 'category_id', 'equipment_category'),
('maintenance_equipment', 'location_id', 'location'), ('maintenance_equipment', 'workcenter_id', 'work_center'), ('maintenance_equipment', 'company_id', 'company'),
('maintenance_equipment', 'write_uid', 'user'),
('repair_order', 'product_id', 'product'), ('repair_order', 'product_uom', 'unit'), ('repair_order', 'lot_id', 'lot'), ('repair_order', 'partner_id', 'partner'),
('repair_order', 'location_id', 'location'), ('repair_order', 'location_dest_id', 'location'), ('repair_order', 'parts_location_id', 'location'),
('repair_order', 'picking_type_id', 'picking_type'), ('repair_order', 'sale_order_id', 'sales_order'), ('repair_order', 'sale_order_line_id', 'sales_order_line'),
('repair_order', 'user_id', 'user'), ('repair_order', 'company_id', 'company'), ('repair_order', 'write_uid', 'user'),
('repair_line', 'product_id', 'product'), ('repair_line', 'product_uom', 'unit'), ('repair_line', 'lot_id', 'lot'), ('repair_line', 'repair_id', 'repair_order'),
('repair_line', 'location_id', 'location'), ('repair_line', 'location_dest_id', 'location'),
('quality_check', 'point_id', 'quality_point'), ('quality_check', 'product_id', 'product'), ('quality_check', 'lot_id', 'lot'), ('quality_check', 'picking_id', 'transfer'),
('quality_check', 'production_id', 'manufacturing_order'), ('quality_check', 'workorder_id', 'work_order'), ('quality_check', 'team_id', 'quality_team'),
('quality_check', 'alert_id', 'quality_alert'), ('quality_check', 'user_id', 'user'), ('quality_check', 'company_id', 'company'), ('quality_check', 'write_uid', 'user'),
('quality_alert', 'stage_id', 'quality_stage'), ('quality_alert', 'reason_id', 'quality_reason'), ('quality_alert', 'product_id', 'product'), ('quality_alert', 'lot_id', 'lot'),
('quality_alert', 'picking_id', 'transfer'), ('quality_alert', 'production_id', 'manufacturing_order'), ('quality_alert', 'workorder_id', 'work_order'),
('quality_alert', 'workcenter_id', 'work_center'), ('quality_alert', 'partner_id', 'partner'), ('quality_alert', 'check_id', 'quality_check'), ('quality_alert', 'team_id', 'quality_team'),
('quality_alert', 'user_id', 'user'), ('quality_alert', 'company_id', 'company'), ('quality_alert', 'write_uid', 'user');

-- What has stages instead of states has no state column: its milestones are conditions.
INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                change_columns, warehouse, correlation) VALUES
('maintenance_request', 'maintenance', 'maintenance.request', 'maintenance_request', '{maintenance_request}', NULL, NULL, '{}', '{}', '{}',
 '{stage_id,kanban_state,priority,equipment_id,user_id,maintenance_team_id,schedule_date,schedule_end}', '{}', '{manufacturing_order=production_id}'),
('equipment', 'maintenance', 'maintenance.equipment', 'maintenance_equipment', '{maintenance_equipment}', NULL, NULL, '{}', '{}', '{}',
 '{technician_user_id,owner_user_id,maintenance_team_id,scrap_date}', '{location_id.warehouse_id}', '{}'),
('repair_order', 'repair', 'repair.order', 'repair_order', '{repair_order,stock_move,stock_move_line,repair_line}', 'name', 'state', '{draft}', '{confirmed,ready,under_repair}', '{cancel}',
 '{product_id,product_qty,lot_id,partner_id,location_id,schedule_date}', '{picking_type_id.warehouse_id,location_id.warehouse_id}', '{sales_order=sale_order_id,repair_order=id}'),
('quality_check', 'quality', 'quality.check', 'quality_check', '{quality_check}', 'name', 'quality_state', '{none}', '{none}', '{}', '{}', '{}', '{manufacturing_order=production_id}'),
('quality_alert', 'quality', 'quality.alert', 'quality_alert', '{quality_alert}', 'name', NULL, '{}', '{}', '{}', '{stage_id,user_id,priority}', '{}', '{manufacturing_order=production_id}');

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('repair_order', 1, 'confirmed', '{confirmed,ready}', true), ('repair_order', 2, 'started', '{under_repair}', false), ('repair_order', 3, 'completed', '{2binvoiced,done}', true),
('quality_check', 1, 'passed', '{pass}', false), ('quality_check', 2, 'failed', '{fail}', false);

-- Parts of a repair are moves; to 16 lines of their own.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, tx_only) VALUES
('repair_order', 'part', 1, 'stock_move', '{repair_id}', NULL, 'line.repair', '$.new.repair_line_type != null', '{waiting,confirmed,partially_available,assigned}', '{cancel}', true,
 '{product_id,product_uom_qty,product_uom,repair_line_type}', false),
('repair_order', 'line', 2, 'repair_line', '{repair_id}', NULL, 'line.repair_line', NULL, '{confirmed}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,lot_id,type}', false),
('repair_order', 'detail', 3, 'stock_move_line', '{move_id}', 'line.repair', 'line.detail', NULL, '{waiting,confirmed,partially_available,assigned}', '{}', false, '{lot_id}', false);

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, extra,
                                   epcis_disposition, description)
SELECT pg_catalog.format('odoo.%s.%s.%s.v1', e.domain, e.entity, d.verb), d.variant, e.entity, d.occasion, d.milestone, d.choice, d.precedence, d.condition::jsonpath, d.rank,
       '{*}', e.entity OPERATOR(pg_catalog.=) 'repair_order', d.changes, d.enabled, d.enabled, d.extra::jsonb, d.disposition, d.description
  FROM (VALUES
  ('maintenance_request', 'opened', 1, 'inserted', NULL, 'opened', 1, '$.new.maintenance_type == "corrective"', 10, false, true, '{"reason":"breakdown"}', 'damaged', 'something is broken: a corrective request'),
  ('maintenance_request', 'opened', 2, 'inserted', NULL, 'opened', 2, NULL, 10, false, true, '{"reason":"prevention"}', NULL, 'a preventive request, also the next one of a recurring request'),
  ('maintenance_request', 'scheduled', 1, 'updated', NULL, NULL, 1, '$.new.schedule_date != null && ($.old.schedule_date != $.new.schedule_date || $.old.schedule_end != $.new.schedule_end)', 20, true, true, NULL, NULL, 'a date was set or moved'),
  ('maintenance_request', 'scheduled', 2, 'inserted', NULL, NULL, 1, '$.new.schedule_date != null', 20, false, true, NULL, NULL, 'it was made with a date'),
  ('maintenance_request', 'assigned', 1, 'updated', NULL, NULL, 1, '$.new.user_id != null && $.old.user_id != $.new.user_id', 21, true, true, NULL, NULL, 'a technician got it'),
  ('maintenance_request', 'assigned', 2, 'inserted', NULL, NULL, 1, '$.new.user_id != null', 21, false, true, NULL, NULL, 'it was made with a technician'),
  ('maintenance_request', 'stage_changed', 1, 'updated', NULL, NULL, 1, '$.old.stage_id != $.new.stage_id', 30, true, true, NULL, NULL, 'it stands at another stage'),
  ('maintenance_request', 'blocked', 1, 'updated', NULL, NULL, 1, '$.old.kanban_state != "blocked" && $.new.kanban_state == "blocked"', 31, false, true, NULL, NULL, 'work on it cannot go on'),
  ('maintenance_request', 'unblocked', 1, 'updated', NULL, NULL, 1, '$.old.kanban_state == "blocked" && $.new.kanban_state != "blocked"', 31, false, true, NULL, NULL, 'work on it can go on; Odoo does it with every change of the stage'),
  ('maintenance_request', 'closed', 1, 'updated', NULL, NULL, 1, '$.new.close_date != null && ($.old.close_date == null || $.old.stage_id != $.new.stage_id && $.refs.stage_id.done == true && !($.were.stage_id.done == true))', 80, false, true, NULL, NULL, 'it reached a stage that is done'),
  ('maintenance_request', 'reopened', 1, 'updated', NULL, NULL, 1, '$.old.close_date != null && ($.new.close_date == null || $.old.stage_id != $.new.stage_id && $.were.stage_id.done == true && !($.refs.stage_id.done == true))', 40, false, true, NULL, NULL, 'it is not done after all'),
  ('maintenance_request', 'archived', 1, 'updated', NULL, NULL, 1, '!($.old.archive == true) && $.new.archive == true', 81, false, true, NULL, NULL, 'it was cancelled: put into the archive'),
  ('maintenance_request', 'restored', 1, 'updated', NULL, NULL, 1, '$.old.archive == true && !($.new.archive == true)', 16, false, true, NULL, NULL, 'it is back from the archive, at the first stage'),
  ('maintenance_request', 'deleted', 1, 'deleted', NULL, NULL, 1, NULL, 82, false, true, NULL, NULL, 'it was deleted'),
  ('equipment', 'created', 1, 'inserted', NULL, NULL, 1, NULL, 10, false, false, NULL, 'active', 'a machine or tool was entered'),
  ('equipment', 'assigned', 1, 'updated', NULL, NULL, 1, '$.new.technician_user_id != null && $.old.technician_user_id != $.new.technician_user_id || $.new.owner_user_id != null && $.old.owner_user_id != $.new.owner_user_id', 20, true, true, NULL, NULL, 'it has another technician or owner'),
  ('equipment', 'scrapped', 1, 'updated', NULL, NULL, 1, '$.old.scrap_date == null && $.new.scrap_date != null', 80, true, true, NULL, 'inactive', 'it is out of use'),
  ('equipment', 'archived', 1, 'updated', NULL, NULL, 1, '$.old.active == true && $.new.active == false', 81, true, true, NULL, 'inactive', 'it was put into the archive'),
  ('equipment', 'restored', 1, 'updated', NULL, NULL, 1, '$.old.active == false && $.new.active == true', 16, true, true, NULL, 'active', 'it is back from the archive'),
  ('repair_order', 'confirmed', 1, 'milestone', 'confirmed', NULL, 1, NULL, 20, false, true, NULL, NULL, 'a repair was released'),
  ('repair_order', 'changed', 1, 'changed', NULL, NULL, 1, NULL, 30, true, true, NULL, NULL, 'what is repaired, or with which parts, was changed'),
  ('repair_order', 'started', 1, 'milestone', 'started', NULL, 1, NULL, 50, false, true, NULL, NULL, 'work on it began'),
  ('repair_order', 'completed', 1, 'milestone', 'completed', NULL, 1, NULL, 80, false, true, NULL, NULL, 'the product is repaired: what was put in and taken out'),
  ('repair_order', 'cancelled', 1, 'cancelled', NULL, NULL, 1, NULL, 80, false, true, NULL, NULL, 'a repair was cancelled'),
  ('repair_order', 'reopened', 1, 'updated', NULL, NULL, 1, '$.old.state == "cancel" && $.new.state != "cancel"', 15, false, true, NULL, NULL, 'a cancelled repair is a draft again'),
  ('quality_check', 'created', 1, 'inserted', NULL, NULL, 1, NULL, 10, false, false, NULL, NULL, 'a check is to be done'),
  ('quality_check', 'passed', 1, 'milestone', 'passed', NULL, 1, NULL, 80, false, true, NULL, 'conformant', 'a check was passed'),
  ('quality_check', 'failed', 1, 'milestone', 'failed', NULL, 1, NULL, 80, false, true, NULL, 'non_conformant', 'a check failed'),
  ('quality_alert', 'opened', 1, 'inserted', NULL, NULL, 1, NULL, 10, false, true, NULL, 'non_conformant', 'a nonconformance was reported'),
  ('quality_alert', 'stage_changed', 1, 'updated', NULL, NULL, 1, '$.old.stage_id != $.new.stage_id', 30, true, true, NULL, NULL, 'it stands at another stage'),
  ('quality_alert', 'closed', 1, 'updated', NULL, NULL, 1, '$.old.date_close == null && $.new.date_close != null', 80, false, true, NULL, NULL, 'it is dealt with')
  ) AS d (entity, verb, variant, occasion, milestone, choice, precedence, condition, rank, changes, enabled, extra, disposition, description)
  JOIN odoo_events.entity e ON e.entity OPERATOR(pg_catalog.=) d.entity;

INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT f.owner, f.n, f.field, f.sources::text[], f.classification
  FROM (VALUES
  (1, 'maintenance_request', 'name', '{name}', 'internal'), (2, 'maintenance_request', 'maintenance_type', '{maintenance_type}', 'internal'),
  (3, 'maintenance_request', 'stage', '{stage_id}', 'internal'), (4, 'maintenance_request', 'kanban_state', '{kanban_state}', 'internal'),
  (5, 'maintenance_request', 'priority', '{priority}', 'internal'), (6, 'maintenance_request', 'equipment', '{equipment_id}', 'internal'),
  (7, 'maintenance_request', 'category', '{category_id}', 'internal'), (8, 'maintenance_request', 'work_center', '{workcenter_id}', 'internal'),
  (9, 'maintenance_request', 'manufacturing_order', '{production_id}', 'internal'), (10, 'maintenance_request', 'work_order', '{workorder_id}', 'internal'),
  (11, 'maintenance_request', 'team', '{maintenance_team_id}', 'internal'), (12, 'maintenance_request', 'technician', '{user_id}', 'personal'),
  (13, 'maintenance_request', 'requested_by', '{owner_user_id}', 'personal'), (14, 'maintenance_request', 'request_date', '{request_date}', 'internal'),
  (15, 'maintenance_request', 'schedule_date', '{schedule_date}', 'internal'), (16, 'maintenance_request', 'schedule_end', '{schedule_end}', 'internal'),
  (17, 'maintenance_request', 'hours', '{duration}', 'internal'), (18, 'maintenance_request', 'close_date', '{close_date}', 'internal'),
  (19, 'maintenance_request', 'archived', '{archive}', 'internal'), (20, 'maintenance_request', 'company', '{company_id}', 'internal'),
  (1, 'equipment', 'name', '{id.name}', 'internal'), (2, 'equipment', 'serial', '{serial_no}', 'internal'), (3, 'equipment', 'model', '{model}', 'internal'),
  (4, 'equipment', 'category', '{category_id}', 'internal'), (5, 'equipment', 'work_center', '{workcenter_id}', 'internal'), (6, 'equipment', 'location', '{location_id}', 'internal'),
  (7, 'equipment', 'team', '{maintenance_team_id}', 'internal'), (8, 'equipment', 'technician', '{technician_user_id}', 'personal'), (9, 'equipment', 'owner', '{owner_user_id}', 'personal'),
  (10, 'equipment', 'assign_date', '{assign_date}', 'internal'), (11, 'equipment', 'effective_date', '{effective_date}', 'internal'),
  (12, 'equipment', 'warranty_date', '{warranty_date}', 'internal'), (13, 'equipment', 'scrap_date', '{scrap_date}', 'internal'), (14, 'equipment', 'active', '{active}', 'internal'),
  (15, 'equipment', 'company', '{company_id}', 'internal'), (16, 'equipment', 'cost', '{cost}', 'confidential'),
  (1, 'repair_order', 'name', '{name}', 'internal'), (2, 'repair_order', 'state', '{state}', 'internal'), (3, 'repair_order', 'product', '{product_id}', 'internal'),
  (4, 'repair_order', 'quantity', '{product_qty}', 'internal'), (5, 'repair_order', 'unit', '{product_uom}', 'internal'), (6, 'repair_order', 'lot', '{lot_id}', 'internal'),
  (7, 'repair_order', 'priority', '{priority}', 'internal'), (8, 'repair_order', 'under_warranty', '{under_warranty}', 'internal'), (9, 'repair_order', 'schedule_date', '{schedule_date}', 'internal'),
  (10, 'repair_order', 'location', '{location_id}', 'internal'), (11, 'repair_order', 'picking_type', '{picking_type_id}', 'internal'),
  (12, 'repair_order', 'warehouse', '{picking_type_id.warehouse_id,location_id.warehouse_id}', 'internal'), (13, 'repair_order', 'sales_order', '{sale_order_id}', 'internal'),
  (14, 'repair_order', 'customer', '{partner_id}', 'personal'), (15, 'repair_order', 'technician', '{user_id}', 'personal'), (16, 'repair_order', 'company', '{company_id}', 'internal'),
  (1, 'line.repair', 'product', '{product_id}', 'internal'), (2, 'line.repair', 'kind', '{repair_line_type}', 'internal'), (3, 'line.repair', 'state', '{state}', 'internal'),
  (4, 'line.repair', 'demand', '{product_uom_qty}', 'internal'), (5, 'line.repair', 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'),
  (6, 'line.repair', 'done', '{quantity@done,sum(detail.qty_done)}', 'internal'), (7, 'line.repair', 'unit', '{product_uom}', 'internal'),
  (8, 'line.repair', 'from', '{location_id}', 'internal'), (9, 'line.repair', 'to', '{location_dest_id}', 'internal'),
  (1, 'line.repair_line', 'product', '{product_id}', 'internal'), (2, 'line.repair_line', 'kind', '{type}', 'internal'), (3, 'line.repair_line', 'state', '{state}', 'internal'),
  (4, 'line.repair_line', 'demand', '{product_uom_qty}', 'internal'), (5, 'line.repair_line', 'done', '{product_uom_qty@done}', 'internal'),
  (6, 'line.repair_line', 'unit', '{product_uom}', 'internal'), (7, 'line.repair_line', 'lot', '{lot_id}', 'internal'),
  (8, 'line.repair_line', 'from', '{location_id}', 'internal'), (9, 'line.repair_line', 'to', '{location_dest_id}', 'internal'),
  (1, 'quality_check', 'name', '{name}', 'internal'), (2, 'quality_check', 'title', '{title}', 'internal'), (3, 'quality_check', 'state', '{quality_state}', 'internal'),
  (4, 'quality_check', 'point', '{point_id}', 'internal'), (5, 'quality_check', 'product', '{product_id}', 'internal'), (6, 'quality_check', 'lot', '{lot_id}', 'internal'),
  (7, 'quality_check', 'measure', '{measure}', 'internal'), (8, 'quality_check', 'control_date', '{control_date}', 'internal'), (9, 'quality_check', 'transfer', '{picking_id}', 'internal'),
  (10, 'quality_check', 'manufacturing_order', '{production_id}', 'internal'), (11, 'quality_check', 'work_order', '{workorder_id}', 'internal'),
  (12, 'quality_check', 'alert', '{alert_id}', 'internal'), (13, 'quality_check', 'team', '{team_id}', 'internal'), (14, 'quality_check', 'user', '{user_id}', 'personal'),
  (15, 'quality_check', 'company', '{company_id}', 'internal'),
  (1, 'quality_alert', 'name', '{name}', 'internal'), (2, 'quality_alert', 'title', '{title}', 'internal'), (3, 'quality_alert', 'stage', '{stage_id}', 'internal'),
  (4, 'quality_alert', 'reason', '{reason_id}', 'internal'), (5, 'quality_alert', 'priority', '{priority}', 'internal'), (6, 'quality_alert', 'product', '{product_id}', 'internal'),
  (7, 'quality_alert', 'lot', '{lot_id}', 'internal'), (8, 'quality_alert', 'check', '{check_id}', 'internal'), (9, 'quality_alert', 'transfer', '{picking_id}', 'internal'),
  (10, 'quality_alert', 'manufacturing_order', '{production_id}', 'internal'), (11, 'quality_alert', 'work_order', '{workorder_id}', 'internal'),
  (12, 'quality_alert', 'work_center', '{workcenter_id}', 'internal'), (13, 'quality_alert', 'vendor', '{partner_id}', 'personal'), (14, 'quality_alert', 'team', '{team_id}', 'internal'),
  (15, 'quality_alert', 'user', '{user_id}', 'personal'), (16, 'quality_alert', 'date_assign', '{date_assign}', 'internal'), (17, 'quality_alert', 'date_close', '{date_close}', 'internal'),
  (18, 'quality_alert', 'company', '{company_id}', 'internal')
  ) AS f (n, owner, field, sources, classification);
-- catalog_finance: invoices, payments, valuation, analytic entries.

INSERT INTO odoo_events.reference (reference, tables) VALUES
('invoice', '{account_move}'), ('journal', '{account_journal}'), ('payment', '{account_payment}'), ('account', '{account_account}'), ('analytic_account', '{account_analytic_account}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths, shown) VALUES
('invoice', 1, 'name', '{name}', true), ('journal', 1, 'code', '{code}', true), ('journal', 2, 'name', '{name}', true), ('journal', 3, 'company_id', '{company_id}', false), ('payment', 1, 'name', '{name}', true),
('payment', 2, 'payment_type', '{payment_type}', false), ('account', 1, 'name', '{name}', true), ('analytic_account', 1, 'code', '{code}', true), ('analytic_account', 2, 'name', '{name}', true);

-- A payment's own state exists from 18 on; before, its journal entry has it.
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('account_move', '{account_move}', '{state,payment_state}',
 '{name,move_type,ref,payment_reference,invoice_origin,partner_id,invoice_date,invoice_date_due,date,currency_id,journal_id,reversed_entry_id,payment_id,amount_untaxed,amount_tax,amount_total,amount_residual,invoice_user_id,company_id,create_uid,write_uid}'),
('account_move_line', '{account_move_line}', '{move_id,parent_state,product_id,quantity,price_unit,discount,price_subtotal}',
 '{name,display_type,exclude_from_invoice_tab,product_uom_id,price_total,account_id,purchase_line_id,company_id,write_uid}'),
('account_payment', '{account_payment}', '{state}',
 '{name,payment_type,partner_type,partner_id,amount,currency_id,date,memo,payment_reference,journal_id,move_id,company_id,create_uid,write_uid}'),
('stock_valuation_layer', '{stock_valuation_layer}', '{value}', '{product_id,quantity,unit_cost,description,stock_move_id,company_id,create_uid,write_uid}'),
('stock_landed_cost', '{stock_landed_cost}', '{state}', '{name,date,amount_total,vendor_bill_id,account_move_id,account_journal_id,company_id,create_uid,write_uid}'),
('account_analytic_line', '{account_analytic_line}', '{amount}',
 '{name,date,unit_amount,product_uom_id,product_id,account_id,partner_id,user_id,ref,category,company_id,create_uid,write_uid}');

-- Of the lines of accounting those that say what is invoiced, not taxes, terms of payment and rounding; the second is that of Odoo to 15.
UPDATE odoo_events.capture_rule SET row_filter = '{display_type=product,exclude_from_invoice_tab=false}' WHERE rule = 'account_move_line';

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('account_move', 'partner_id', 'partner'), ('account_move', 'currency_id', 'currency'), ('account_move', 'journal_id', 'journal'), ('account_move', 'reversed_entry_id', 'invoice'),
('account_move', 'payment_id', 'payment'), ('account_move', 'invoice_user_id', 'user'), ('account_move', 'company_id', 'company'), ('account_move', 'write_uid', 'user'),
('account_move_line', 'move_id', 'invoice'), ('account_move_line', 'product_id', 'product'), ('account_move_line', 'product_uom_id', 'unit'), ('account_move_line', 'account_id', 'account'),
('account_move_line', 'purchase_line_id', 'purchase_order_line'), ('account_move_line', 'company_id', 'company'),
('account_payment', 'partner_id', 'partner'), ('account_payment', 'currency_id', 'currency'), ('account_payment', 'journal_id', 'journal'), ('account_payment', 'company_id', 'company'),
('account_payment', 'write_uid', 'user'),
('stock_valuation_layer', 'product_id', 'product'), ('stock_valuation_layer', 'stock_move_id', 'stock_move'), ('stock_valuation_layer', 'company_id', 'company'),
('stock_valuation_layer', 'write_uid', 'user'),
('stock_move', 'id', 'stock_move'), ('stock_landed_cost', 'vendor_bill_id', 'invoice'), ('stock_landed_cost', 'company_id', 'company'), ('stock_landed_cost', 'account_journal_id', 'journal'), ('stock_landed_cost', 'write_uid', 'user'),
('account_analytic_line', 'product_id', 'product'), ('account_analytic_line', 'product_uom_id', 'unit'), ('account_analytic_line', 'account_id', 'analytic_account'),
('account_analytic_line', 'partner_id', 'partner'), ('account_analytic_line', 'user_id', 'user'), ('account_analytic_line', 'company_id', 'company'), ('account_analytic_line', 'write_uid', 'user');

-- Three tables tell of valuation, two of payments: entities of their own with one label.
INSERT INTO odoo_events.entity (entity, label, domain, model, rule, rules, name_column, id_column, state_column, draft_states, open_states, cancelled_states, change_columns, keys, correlation, secondary) VALUES
('invoice', NULL, 'finance', 'account.move', 'account_move', '{account_move,account_move_line}', 'name', NULL, 'state', '{draft}', '{posted}', '{cancel}', '{}', '{}', '{}', false),
('payment', NULL, 'finance', 'account.payment', 'account_payment', '{account_payment}', 'name', NULL, 'state', '{draft}', '{in_process,paid}', '{canceled,rejected}', '{}', '{}', '{}', false),
('payment_entry', 'payment', 'finance', 'account.payment', 'account_move', '{account_move}', 'name', 'payment_id', 'state', '{draft}', '{posted}', '{cancel}', '{}', '{payment=payment_id}', '{}', true),
('valuation', NULL, 'finance', 'stock.valuation.layer', 'stock_valuation_layer', '{stock_valuation_layer}', NULL, NULL, NULL, '{}', '{}', '{}', '{}',
 '{transfer=stock_move_id.picking_id,manufacturing_order=stock_move_id.raw_material_production_id,manufacturing_order=stock_move_id.production_id}',
 '{manufacturing_order=stock_move_id.raw_material_production_id,manufacturing_order=stock_move_id.production_id}', false),
('valuation_of_move', 'valuation', 'finance', 'stock.move', 'stock_move', '{stock_move}', NULL, NULL, 'state', '{draft}', '{}', '{cancel}', '{value}',
 '{transfer=picking_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id,manufacturing_order=consume_unbuild_id.mo_id,repair_order=repair_id}',
 '{sales_order=sale_line_id.order_id,purchase_order=purchase_line_id.order_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id}', true),
('landed_cost', 'valuation', 'finance', 'stock.landed.cost', 'stock_landed_cost', '{stock_landed_cost}', 'name', NULL, 'state', '{draft}', '{}', '{cancel}', '{}', '{landed_cost=id}', '{}', false),
('analytic_entry', NULL, 'finance', 'account.analytic.line', 'account_analytic_line', '{account_analytic_line}', NULL, NULL, NULL, '{}', '{}', '{}', '{}', '{}', '{}', false);

-- To 17 a landed cost has its company by its journal.
UPDATE odoo_events.reference_field SET target = 'company' WHERE reference = 'journal' AND field = 'company_id';
UPDATE odoo_events.entity SET company = '{company_id,account_journal_id.company_id}' WHERE entity = 'landed_cost';

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('invoice', 1, 'posted', '{posted}', true), ('payment', 1, 'posted', '{in_process}', true), ('payment', 2, 'paid', '{paid}', true), ('payment_entry', 1, 'posted', '{posted}', true),
('valuation_of_move', 1, 'done', '{done}', true), ('landed_cost', 1, 'done', '{done}', true);

-- Product lines: the others are taxes, terms, counterparts.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, condition, state_column, live_states, gone_states, counted) VALUES
('invoice', 'line', 1, 'account_move_line', '{move_id}', 'line.invoice', '$.new.display_type == "product" || $.new.exclude_from_invoice_tab == false && $.new.display_type == null', 'parent_state', '{posted}', '{cancel}', false);

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, condition, rank, with_lines, with_changes, enabled, on_by_default, extra, description)
SELECT pg_catalog.format('odoo.finance.%s.%s.v1', COALESCE(e.label, e.entity), d.verb), d.variant, d.entity, d.occasion, d.milestone, d.condition::jsonpath, d.rank,
       e.entity OPERATOR(pg_catalog.=) 'invoice' AND d.verb OPERATOR(pg_catalog.=) 'posted', d.changes, d.enabled, d.enabled, d.extra::jsonb, d.description
  FROM (VALUES
  ('invoice', 'reset_to_draft', 1, 'updated', NULL, '$.old.state == "posted" && $.new.state == "draft" && $.new.move_type != "entry"', 15, false, true, NULL, 'a posted invoice, bill or credit note can be changed again'),
  ('invoice', 'posted', 1, 'milestone', 'posted', '$.new.move_type != "entry"', 20, false, true, NULL, 'an invoice, bill or credit note was posted; type says which'),
  ('invoice', 'partially_paid', 1, 'updated', NULL, '$.old.payment_state != "partial" && $.new.payment_state == "partial" && $.new.move_type != "entry"', 50, false, true, NULL, 'a part of it is paid'),
  ('invoice', 'paid', 1, 'updated', NULL, '$.old.payment_state != "paid" && $.new.payment_state == "paid" && $.new.move_type != "entry"', 80, false, true, NULL, 'all of it is paid'),
  ('invoice', 'paid', 2, 'inserted', NULL, '$.new.payment_state == "paid" && $.new.state == "posted" && $.new.move_type != "entry"', 80, false, true, NULL, 'it was paid by the transaction that made it'),
  ('invoice', 'in_payment', 1, 'updated', NULL, '$.old.payment_state != "in_payment" && $.new.payment_state == "in_payment" && $.new.move_type != "entry"', 51, false, true, NULL, 'it is paid, the bank has not confirmed it yet'),
  ('invoice', 'unpaid', 1, 'updated', NULL, '($.old.payment_state == "paid" || $.old.payment_state == "in_payment" || $.old.payment_state == "partial" || $.old.payment_state == "reversed") && $.new.payment_state == "not_paid" && $.new.state == "posted" && $.new.move_type != "entry"', 52, false, true, NULL, 'what had paid it was taken back'),
  ('invoice', 'payment_blocked', 1, 'updated', NULL, '$.old.payment_state != "blocked" && $.new.payment_state == "blocked"', 53, false, true, NULL, 'it must not be paid for now'),
  ('invoice', 'payment_unblocked', 1, 'updated', NULL, '$.old.payment_state == "blocked" && $.new.payment_state != "blocked"', 53, false, true, NULL, 'it may be paid again'),
  ('invoice', 'reversed', 1, 'updated', NULL, '$.old.payment_state != "reversed" && $.new.payment_state == "reversed" && $.new.move_type != "entry"', 80, false, true, NULL, 'a credit note makes up for all of it'),
  ('invoice', 'cancelled', 1, 'cancelled', NULL, '$.new.move_type != "entry"', 82, false, true, NULL, 'a posted invoice was cancelled'),
  ('payment', 'posted', 1, 'milestone', 'posted', NULL, 20, false, true, NULL, 'money came in or went out'),
  ('payment', 'paid', 1, 'milestone', 'paid', NULL, 80, false, true, NULL, 'the money is there: reconciled with a statement, or with invoices where the account needs none'),
  ('payment', 'rejected', 1, 'updated', NULL, '$.old.state != "rejected" && $.new.state == "rejected"', 82, false, true, NULL, 'the bank refused it'),
  ('payment', 'cancelled', 1, 'cancelled', NULL, '$.new.state == "canceled"', 82, false, true, NULL, 'a posted payment was cancelled'),
  ('payment', 'reset_to_draft', 1, 'updated', NULL, '($.old.state == "in_process" || $.old.state == "paid" || $.old.state == "rejected") && $.new.state == "draft"', 15, false, true, NULL, 'a posted payment can be changed again'),
  ('payment_entry', 'posted', 2, 'milestone', 'posted', '$.new.payment_id != null', 20, false, true, NULL, 'to Odoo 17: the entry of a payment was posted'),
  ('payment_entry', 'cancelled', 2, 'cancelled', NULL, '$.new.payment_id != null', 82, false, true, NULL, 'to Odoo 17: the entry of a payment was cancelled'),
  ('payment_entry', 'reset_to_draft', 2, 'updated', NULL, '$.new.payment_id != null && $.old.state == "posted" && $.new.state == "draft"', 15, false, true, NULL, 'to Odoo 17: the entry of a payment can be changed again'),
  ('valuation', 'posted', 1, 'inserted', NULL, NULL, 61, false, true, '{"source":"valuation_layer"}', 'to Odoo 18: a valuation layer, the change of the stock''s value'),
  ('valuation_of_move', 'posted', 2, 'milestone', 'done', '$.new.value != null && $.new.value != 0', 61, false, true, '{"source":"stock_move"}', 'from Odoo 19: the value of a done move'),
  ('valuation_of_move', 'posted', 3, 'updated', NULL, '$.old.state == "done" && $.new.state == "done" && $.old.value != $.new.value', 61, true, true, '{"source":"stock_move"}', 'from Odoo 19: the value of a done move is another one, by a landed cost or a new cost price'),
  ('landed_cost', 'posted', 4, 'milestone', 'done', NULL, 80, false, true, '{"source":"landed_cost"}', 'a landed cost was spread over moves'),
  ('analytic_entry', 'posted', 1, 'inserted', NULL, NULL, 20, false, false, NULL, 'an amount was booked on an analytic account')
  ) AS d (entity, verb, variant, occasion, milestone, condition, rank, changes, enabled, extra, description)
  JOIN odoo_events.entity e ON e.entity OPERATOR(pg_catalog.=) d.entity;

INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT f.owner, f.n, f.field, f.sources::text[], f.classification
  FROM (VALUES
  (1, 'invoice', 'name', '{name}', 'internal'), (2, 'invoice', 'type', '{move_type}', 'internal'), (3, 'invoice', 'state', '{state}', 'internal'),
  (4, 'invoice', 'payment_state', '{payment_state}', 'internal'), (5, 'invoice', 'partner', '{partner_id}', 'personal'), (6, 'invoice', 'reference', '{ref}', 'internal'),
  (7, 'invoice', 'payment_reference', '{payment_reference}', 'internal'), (8, 'invoice', 'origin', '{invoice_origin}', 'internal'), (9, 'invoice', 'reversal_of', '{reversed_entry_id}', 'internal'),
  (10, 'invoice', 'invoice_date', '{invoice_date}', 'internal'), (11, 'invoice', 'due_date', '{invoice_date_due}', 'internal'), (12, 'invoice', 'date', '{date}', 'internal'),
  (13, 'invoice', 'journal', '{journal_id}', 'internal'), (14, 'invoice', 'company', '{company_id}', 'internal'), (15, 'invoice', 'salesperson', '{invoice_user_id}', 'personal'),
  (16, 'invoice', 'currency', '{currency_id}', 'internal'), (17, 'invoice', 'amount_untaxed', '{amount_untaxed}', 'confidential'), (18, 'invoice', 'amount_tax', '{amount_tax}', 'confidential'),
  (19, 'invoice', 'amount_total', '{amount_total}', 'confidential'), (20, 'invoice', 'amount_residual', '{amount_residual}', 'confidential'),
  (1, 'line.invoice', 'product', '{product_id}', 'internal'), (2, 'line.invoice', 'description', '{name}', 'internal'), (3, 'line.invoice', 'quantity', '{quantity}', 'internal'),
  (4, 'line.invoice', 'unit', '{product_uom_id}', 'internal'), (5, 'line.invoice', 'account', '{account_id}', 'internal'), (6, 'line.invoice', 'purchase_order_line', '{purchase_line_id}', 'internal'),
  (7, 'line.invoice', 'price_unit', '{price_unit}', 'confidential'), (8, 'line.invoice', 'discount', '{discount}', 'confidential'), (9, 'line.invoice', 'amount', '{price_subtotal}', 'confidential'),
  (1, 'payment', 'name', '{name}', 'internal'), (2, 'payment', 'state', '{state}', 'internal'), (3, 'payment', 'payment_type', '{payment_type}', 'internal'),
  (4, 'payment', 'partner_type', '{partner_type}', 'internal'), (5, 'payment', 'partner', '{partner_id}', 'personal'), (6, 'payment', 'date', '{date}', 'internal'),
  (7, 'payment', 'memo', '{memo}', 'internal'), (8, 'payment', 'payment_reference', '{payment_reference}', 'internal'), (9, 'payment', 'journal', '{journal_id}', 'internal'),
  (10, 'payment', 'company', '{company_id}', 'internal'), (11, 'payment', 'currency', '{currency_id}', 'internal'), (12, 'payment', 'amount', '{amount}', 'confidential'),
  (1, 'payment_entry', 'name', '{name}', 'internal'), (2, 'payment_entry', 'state', '{state}', 'internal'), (3, 'payment_entry', 'payment_type', '{payment_id.payment_type}', 'internal'),
  (4, 'payment_entry', 'partner', '{partner_id}', 'personal'), (5, 'payment_entry', 'date', '{date}', 'internal'), (6, 'payment_entry', 'memo', '{ref}', 'internal'),
  (7, 'payment_entry', 'payment_reference', '{payment_reference}', 'internal'), (8, 'payment_entry', 'journal', '{journal_id}', 'internal'), (9, 'payment_entry', 'company', '{company_id}', 'internal'),
  (10, 'payment_entry', 'currency', '{currency_id}', 'internal'), (11, 'payment_entry', 'amount', '{amount_total}', 'confidential'),
  (1, 'valuation', 'product', '{product_id}', 'internal'), (2, 'valuation', 'quantity', '{quantity}', 'internal'), (3, 'valuation', 'value', '{value}', 'confidential'),
  (4, 'valuation', 'unit_cost', '{unit_cost}', 'confidential'), (5, 'valuation', 'description', '{description}', 'internal'), (6, 'valuation', 'stock_move', '{stock_move_id}', 'internal'),
  (7, 'valuation', 'document', '{#document}', 'internal'), (8, 'valuation', 'company', '{company_id}', 'internal'),
  (1, 'valuation_of_move', 'product', '{product_id}', 'internal'), (2, 'valuation_of_move', 'quantity', '{quantity}', 'internal'), (3, 'valuation_of_move', 'value', '{value}', 'confidential'),
  (4, 'valuation_of_move', 'unit', '{product_uom}', 'internal'), (5, 'valuation_of_move', 'description', '{reference}', 'internal'), (6, 'valuation_of_move', 'stock_move', '{id}', 'internal'),
  (7, 'valuation_of_move', 'document', '{#document}', 'internal'), (8, 'valuation_of_move', 'company', '{company_id}', 'internal'),
  (1, 'landed_cost', 'name', '{name}', 'internal'), (2, 'landed_cost', 'state', '{state}', 'internal'), (3, 'landed_cost', 'value', '{amount_total}', 'confidential'),
  (4, 'landed_cost', 'date', '{date}', 'internal'), (5, 'landed_cost', 'vendor_bill', '{vendor_bill_id}', 'internal'), (6, 'landed_cost', 'company', '{company_id,account_journal_id.company_id}', 'internal'),
  (1, 'analytic_entry', 'name', '{name}', 'internal'), (2, 'analytic_entry', 'date', '{date}', 'internal'), (3, 'analytic_entry', 'account', '{account_id}', 'internal'),
  (4, 'analytic_entry', 'quantity', '{unit_amount}', 'internal'), (5, 'analytic_entry', 'unit', '{product_uom_id}', 'internal'), (6, 'analytic_entry', 'product', '{product_id}', 'internal'),
  (7, 'analytic_entry', 'partner', '{partner_id}', 'personal'), (8, 'analytic_entry', 'user', '{user_id}', 'personal'), (9, 'analytic_entry', 'reference', '{ref}', 'internal'),
  (10, 'analytic_entry', 'category', '{category}', 'internal'), (11, 'analytic_entry', 'amount', '{amount}', 'confidential'), (12, 'analytic_entry', 'company', '{company_id}', 'internal')
  ) AS f (n, owner, field, sources, classification);
-- catalog_master: products, partners, bills of materials.  Off until enabled.

INSERT INTO odoo_events.reference (reference, tables) VALUES
('product_template', '{product_template}'), ('product_category', '{product_category}'), ('country', '{res_country}'), ('state', '{res_country_state}'), ('operation', '{mrp_routing_workcenter}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths) VALUES
('product_template', 1, 'sku', '{default_code}'), ('product_template', 2, 'name', '{name}'), ('product_template', 3, 'type', '{type}'),
('product_template', 4, 'is_storable', '{is_storable}'), ('product_template', 5, 'tracking', '{tracking}'),
('product_category', 1, 'name', '{complete_name,name}'), ('country', 1, 'code', '{code}'), ('country', 2, 'name', '{name}'), ('state', 1, 'code', '{code}'), ('state', 2, 'name', '{name}'),
('operation', 1, 'name', '{name}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths, shown, target) VALUES
('product_template', 6, 'list_price', '{list_price}', false, NULL), ('product_template', 7, 'categ_id', '{categ_id}', false, 'product_category'), ('product_template', 8, 'uom_id', '{uom_id}', false, 'unit'),
('product_template', 9, 'company_id', '{company_id}', false, 'company');

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('product_product', '{product_product}', '{default_code,barcode,active,standard_price,weight,volume}', '{product_tmpl_id,create_uid,write_uid}'),
('product_template', '{product_template}', '{name,default_code,type,is_storable,tracking,use_expiration_date,categ_id,uom_id,list_price,sale_ok,purchase_ok,active,company_id}', '{write_uid}'),
('res_partner', '{res_partner}', '{name,ref,active,parent_id,type,is_company,vat,street,street2,zip,city,state_id,country_id,email,phone,mobile,lang}', '{company_id,create_uid,write_uid}'),
('mrp_bom', '{mrp_bom}', '{product_tmpl_id,product_id,product_qty,product_uom_id,type,code,active,picking_type_id,consumption,ready_to_produce}', '{company_id,sequence,create_uid,write_uid}'),
('mrp_bom_line', '{mrp_bom_line}', '{bom_id,product_id,product_qty,product_uom_id,operation_id}', '{sequence,write_uid}'),
('mrp_bom_byproduct', '{mrp_bom_byproduct}', '{bom_id,product_id,product_qty,product_uom_id,operation_id,cost_share}', '{write_uid}'),
('mrp_routing_workcenter', '{mrp_routing_workcenter}', '{bom_id,name,workcenter_id,time_mode,time_cycle_manual,active}', '{sequence,write_uid}');

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('product_product', 'product_tmpl_id', 'product_template'), ('product_product', 'write_uid', 'user'),
('product_template', 'categ_id', 'product_category'), ('product_template', 'uom_id', 'unit'), ('product_template', 'company_id', 'company'),
('res_partner', 'parent_id', 'partner'), ('res_partner', 'state_id', 'state'), ('res_partner', 'country_id', 'country'), ('res_partner', 'company_id', 'company'), ('res_partner', 'write_uid', 'user'),
('mrp_bom', 'product_tmpl_id', 'product_template'), ('mrp_bom', 'product_id', 'product'), ('mrp_bom', 'product_uom_id', 'unit'), ('mrp_bom', 'picking_type_id', 'picking_type'),
('mrp_bom', 'company_id', 'company'), ('mrp_bom', 'write_uid', 'user'),
('mrp_bom_line', 'bom_id', 'bill_of_materials'), ('mrp_bom_line', 'product_id', 'product'), ('mrp_bom_line', 'product_uom_id', 'unit'), ('mrp_bom_line', 'operation_id', 'operation'),
('mrp_bom_byproduct', 'bom_id', 'bill_of_materials'), ('mrp_bom_byproduct', 'product_id', 'product'), ('mrp_bom_byproduct', 'product_uom_id', 'unit'), ('mrp_bom_byproduct', 'operation_id', 'operation'),
('mrp_routing_workcenter', 'bom_id', 'bill_of_materials'), ('mrp_routing_workcenter', 'workcenter_id', 'work_center');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, change_columns, company, warehouse) VALUES
('product', 'master_data', 'product.product', 'product_product', '{product_product,product_template}', 'default_code', '{default_code,barcode,active,standard_price,weight,volume}',
 '{product_tmpl_id.company_id}', '{}'),
('partner', 'master_data', 'res.partner', 'res_partner', '{res_partner}', 'ref',
 '{name,ref,active,parent_id,type,is_company,vat,street,street2,zip,city,state_id,country_id,email,phone,mobile,lang}', '{company_id}', '{}'),
('bill_of_materials', 'master_data', 'mrp.bom', 'mrp_bom', '{mrp_bom,mrp_bom_line,mrp_bom_byproduct,mrp_routing_workcenter}', 'code',
 '{product_tmpl_id,product_id,product_qty,product_uom_id,type,code,active,picking_type_id,consumption,ready_to_produce}', '{company_id}', '{picking_type_id.warehouse_id}');

-- A template belongs to each of its variants: what changes there changes them.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, state_column, live_states, counted, change_columns) VALUES
('product', 'template', 1, 'product_template', '{<product_tmpl_id}', 'line.template', '-', '{*}', false,
 '{name,type,is_storable,tracking,use_expiration_date,categ_id,uom_id,list_price,sale_ok,purchase_ok,active,company_id}'),
('bill_of_materials', 'component', 1, 'mrp_bom_line', '{bom_id}', 'line.bom', '-', '{*}', true, '{product_id,product_qty,product_uom_id,operation_id}'),
('bill_of_materials', 'byproduct', 2, 'mrp_bom_byproduct', '{bom_id}', 'line.bom', '-', '{*}', true, '{product_id,product_qty,product_uom_id,operation_id,cost_share}'),
('bill_of_materials', 'operation', 3, 'mrp_routing_workcenter', '{bom_id}', 'line.bom_operation', '-', '{*}', true, '{name,workcenter_id,time_mode,time_cycle_manual,active}');

INSERT INTO odoo_events.event_def (type, entity, occasion, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, description)
SELECT pg_catalog.format('odoo.master_data.%s.%s.v1', e.entity, d.verb), e.entity, d.occasion, d.condition::jsonpath, d.rank, d.covers::text[],
       e.entity OPERATOR(pg_catalog.=) 'bill_of_materials', d.verb OPERATOR(pg_catalog.<>) 'created', false, false, d.description
  FROM (VALUES ('created', 'inserted', NULL, 10, '{*}', 'it was entered'),
               ('changed', 'changed', NULL, 30, '{}', 'fields or parts of it were changed; also: it is out of the archive again'),
               ('archived', 'updated', '$.old.active == true && !($.new.active == true)', 80, '{*}', 'it is no longer in use'),
               ('deleted', 'deleted', NULL, 80, '{*}', 'it was deleted')) AS d (verb, occasion, condition, rank, covers, description)
 CROSS JOIN odoo_events.entity e
 WHERE e.domain OPERATOR(pg_catalog.=) 'master_data';

INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT f.owner, f.n, f.field, f.sources::text[], f.classification
  FROM (VALUES
  (1, 'product', 'sku', '{default_code}', 'internal'), (2, 'product', 'barcode', '{barcode}', 'internal'), (3, 'product', 'name', '{product_tmpl_id.name}', 'internal'),
  (4, 'product', 'type', '{product_tmpl_id.type}', 'internal'), (5, 'product', 'tracking', '{product_tmpl_id.tracking}', 'internal'), (6, 'product', 'category', '{product_tmpl_id.categ_id}', 'internal'),
  (7, 'product', 'unit', '{product_tmpl_id.uom_id}', 'internal'), (8, 'product', 'weight', '{weight}', 'internal'), (9, 'product', 'volume', '{volume}', 'internal'),
  (10, 'product', 'active', '{active}', 'internal'), (11, 'product', 'template', '{product_tmpl_id.id}', 'internal'), (12, 'product', 'standard_price', '{standard_price}', 'confidential'),
  (13, 'product', 'list_price', '{product_tmpl_id.list_price}', 'confidential'),
  (1, 'line.template', 'name', '{name}', 'internal'), (2, 'line.template', 'type', '{type}', 'internal'), (3, 'line.template', 'list_price', '{list_price}', 'confidential'),
  (4, 'line.template', 'category', '{categ_id}', 'internal'), (5, 'line.template', 'unit', '{uom_id}', 'internal'),
  (1, 'partner', 'name', '{name}', 'personal'), (2, 'partner', 'ref', '{ref}', 'internal'), (3, 'partner', 'is_company', '{is_company}', 'internal'), (4, 'partner', 'parent', '{parent_id}', 'personal'),
  (5, 'partner', 'type', '{type}', 'internal'), (6, 'partner', 'vat', '{vat}', 'personal'), (7, 'partner', 'street', '{street}', 'personal'), (8, 'partner', 'street2', '{street2}', 'personal'),
  (9, 'partner', 'zip', '{zip}', 'personal'), (10, 'partner', 'city', '{city}', 'personal'), (11, 'partner', 'state', '{state_id}', 'personal'), (12, 'partner', 'country', '{country_id}', 'personal'),
  (13, 'partner', 'email', '{email}', 'personal'), (14, 'partner', 'phone', '{phone}', 'personal'), (15, 'partner', 'mobile', '{mobile}', 'personal'), (16, 'partner', 'language', '{lang}', 'internal'),
  (17, 'partner', 'active', '{active}', 'internal'), (18, 'partner', 'company', '{company_id}', 'internal'),
  (1, 'bill_of_materials', 'code', '{code}', 'internal'), (2, 'bill_of_materials', 'type', '{type}', 'internal'), (3, 'bill_of_materials', 'template', '{product_tmpl_id}', 'internal'),
  (4, 'bill_of_materials', 'product', '{product_id}', 'internal'), (5, 'bill_of_materials', 'quantity', '{product_qty}', 'internal'), (6, 'bill_of_materials', 'unit', '{product_uom_id}', 'internal'),
  (7, 'bill_of_materials', 'consumption', '{consumption}', 'internal'), (8, 'bill_of_materials', 'ready_to_produce', '{ready_to_produce}', 'internal'),
  (9, 'bill_of_materials', 'picking_type', '{picking_type_id}', 'internal'), (10, 'bill_of_materials', 'active', '{active}', 'internal'), (11, 'bill_of_materials', 'company', '{company_id}', 'internal'),
  (1, 'line.bom', 'product', '{product_id}', 'internal'), (2, 'line.bom', 'quantity', '{product_qty}', 'internal'), (3, 'line.bom', 'unit', '{product_uom_id}', 'internal'),
  (4, 'line.bom', 'operation', '{operation_id}', 'internal'), (5, 'line.bom', 'sequence', '{sequence}', 'internal'), (6, 'line.bom', 'cost_share', '{cost_share}', 'confidential'),
  (1, 'line.bom_operation', 'name', '{name}', 'internal'), (2, 'line.bom_operation', 'work_center', '{workcenter_id}', 'internal'), (3, 'line.bom_operation', 'time_mode', '{time_mode}', 'internal'),
  (4, 'line.bom_operation', 'expected_minutes', '{time_cycle_manual}', 'internal'), (5, 'line.bom_operation', 'sequence', '{sequence}', 'internal'), (6, 'line.bom_operation', 'active', '{active}', 'internal')
  ) AS f (n, owner, field, sources, classification);
-- catalog_units: quantities in the unit in which Odoo counts the product, and the line of the bill of materials that a movement comes from.

-- A document may use another unit than the product has: 13 units sold of what the warehouse counts in kg.  Beside a quantity in the
-- document's unit stands the one that Odoo stores in the product's.  Up to Odoo 16 that is the demand alone, which of a move
-- that is done is what was done, and of a line what is reserved.
INSERT INTO odoo_events.reference_field (reference, position, field, paths, shown, target) VALUES
('product', 5, 'uom_id', '{product_tmpl_id>product_template.uom_id}', false, 'unit');

INSERT INTO odoo_events.field (owner, position, field, sources)
SELECT o.owner, 40, 'product_unit', '{product_id.uom_id}'
  FROM unnest('{line.move,line.component,line.repair,line.repair_line,line.receipt,line.movement,line.purchase,line.sale,line.bom,
                stock_move,manufacturing_order,unbuild_order,scrap,repair_order}'::text[]) o (owner);
INSERT INTO odoo_events.field (owner, position, field, sources)
SELECT o.owner, 41, 'demand_in_product_unit', '{product_qty}' FROM unnest('{line.move,line.component,line.repair,line.receipt,stock_move}'::text[]) o (owner);
INSERT INTO odoo_events.field (owner, position, field, sources)
SELECT o.owner, 43, o.field, '{sum(detail.quantity_product_uom)@done,product_qty@done}'
  FROM (VALUES ('line.move', 'done_in_product_unit'), ('line.component', 'done_in_product_unit'), ('line.repair', 'done_in_product_unit'),
               ('stock_move', 'quantity_in_product_unit')) o (owner, field);
INSERT INTO odoo_events.field (owner, position, field, sources) VALUES
('line.detail', 43, 'quantity_in_product_unit', '{quantity_product_uom}'), ('line.detail', 42, 'reserved_in_product_unit', '{product_qty}'),
('line.component_detail', 43, 'quantity_in_product_unit', '{quantity_product_uom}'), ('line.component_detail', 42, 'reserved_in_product_unit', '{product_qty}'),
('line.movement', 43, 'quantity_in_product_unit', '{quantity_product_uom}'),
('manufacturing_order', 41, 'quantity_in_product_unit', '{product_uom_qty}'), ('line.purchase', 41, 'ordered_in_product_unit', '{product_uom_qty}'),
-- stock is counted in no other unit
('stock_level', 40, 'unit', '{product_id.uom_id}'), ('availability', 40, 'unit', '{product_id.uom_id}');

-- Which line of which bill of materials a component is of; of a kit (type "phantom") that was sold the bill of materials says what was ordered.
INSERT INTO odoo_events.reference (reference, tables) VALUES ('bom_line', '{mrp_bom_line}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths, shown, target) VALUES
('bom_line', 1, 'quantity', '{product_qty}', true, NULL), ('bom_line', 2, 'bom_id', '{bom_id}', false, 'bill_of_materials'),
('bill_of_materials', 2, 'type', '{type}', true, NULL), ('bill_of_materials', 3, 'quantity', '{product_qty}', true, NULL),
('bill_of_materials', 4, 'sku', '{product_tmpl_id>product_template.default_code}', true, NULL),
('bill_of_materials', 5, 'name', '{product_tmpl_id>product_template.name}', true, NULL);
INSERT INTO odoo_events.link (rule, column_name, reference) VALUES ('stock_move', 'bom_line_id', 'bom_line');
INSERT INTO odoo_events.field (owner, position, field, sources)
SELECT o.owner, 44 + f.n, f.field, f.sources::text[]
  FROM unnest('{line.move,line.component,stock_move}'::text[]) o (owner),
       (VALUES (0, 'bom_line', '{bom_line_id}'), (1, 'bill_of_materials', '{bom_line_id.bom_id}')) f (n, field, sources);
-- catalog_process: which order stands at the root of a chain, and the process as one story.

-- The sales order comes first, then the purchase order, then the manufacturing order: an order made to order belongs to what
-- ordered it.  To Odoo 18 procurement groups tie the chain together, in 19 references; where neither does, moves that follow one
-- another.  Backorders of a manufacturing order belong to the first of its group.  A repair is a process of its own, unless a
-- sales order asked for it.  What no order asked for belongs to its transfer, to the first one of several that follow one another.
--
-- Everything that belongs to a purchase takes the same way from there, so that order, receipts, valuation and bills have one
-- root: "purchase:PATH" stands for the paths by which the purchase order at the end of PATH may have been ordered by a sale,
-- and for the purchase order itself.
--
-- A move, the valuation layer of a move (to 18) and the value of a move (from 19) are three tables' words for one fact, so they
-- take the same paths.  {row} stands for "of the move", {id} for the move's id, {before} and {after} for one step along the
-- chain of moves: goods behind the dock follow the receipt by one or two of them, goods made to order precede the delivery.
CREATE FUNCTION pg_temp.paths(template text, row_of text, id text) RETURNS text[] LANGUAGE sql SET search_path = pg_catalog AS $$
SELECT string_to_array(trim(regexp_replace(replace(replace(replace(replace(regexp_replace(template, 'purchase:(\S+)',
  'sales_order=\1~purchase_order_line.order_id=sale_line_id~sale_order_line.id=order_id
   sales_order=\1~stock_reference_purchase_rel.purchase_id=reference_id~stock_reference_sale_rel.reference_id=sale_id
   sales_order=\1~purchase_order_line.order_id=id~stock_move.created_purchase_line_id=sale_line_id~sale_order_line.id=order_id
   purchase_order=\1', 'g'),
  '{row}', row_of), '{id}', id), '{after}', '~stock_move_move_rel.move_orig_id=move_dest_id'), '{before}', '~stock_move_move_rel.move_dest_id=move_orig_id'),
  '\s+', ' ', 'g')), ' ')
$$;
UPDATE odoo_events.entity SET correlation = pg_temp.paths(
  'sales_order={row}repair_id.sale_order_line_id.order_id
   repair_order={row}repair_id
   sales_order={row}sale_line_id.order_id
   purchase:{row}purchase_line_id.order_id
   sales_order={row}picking_id.sale_id
   sales_order={row}raw_material_production_id.sale_line_id.order_id
   sales_order={row}production_id.sale_line_id.order_id
   sales_order={row}origin_returned_move_id.sale_line_id.order_id
   sales_order={row}group_id.sale_id
   sales_order={id}~stock_reference_move_rel.move_id=reference_id~stock_reference_sale_rel.reference_id=sale_id
   sales_order={row}raw_material_production_id~stock_move.production_id=id{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   sales_order={row}production_id~stock_move.production_id=id{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   sales_order={row}raw_material_production_id~stock_move.production_id=id{after}{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   sales_order={row}production_id~stock_move.production_id=id{after}{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   purchase:{row}origin_returned_move_id.purchase_line_id.order_id
   purchase:{row}picking_id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{row}picking_id~stock_move.picking_id=id{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{row}picking_id~stock_move.picking_id=id{before}{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase_order={id}~stock_reference_move_rel.move_id=reference_id~stock_reference_purchase_rel.reference_id=purchase_id
   purchase:{row}raw_material_production_id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{row}production_id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{row}raw_material_production_id.production_group_id~mrp_production.production_group_id=id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{row}production_id.production_group_id~mrp_production.production_group_id=id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{id}{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{id}{before}{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   sales_order={id}{after}~stock_move.id=raw_material_production_id~mrp_production.id=sale_line_id~sale_order_line.id=order_id
   purchase:{id}{after}~stock_move.id=raw_material_production_id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   manufacturing_order={row}raw_material_production_id.production_group_id~mrp_production.production_group_id=id<
   manufacturing_order={row}production_id.production_group_id~mrp_production.production_group_id=id<
   manufacturing_order={row}raw_material_production_id.procurement_group_id~mrp_production.procurement_group_id=id<
   manufacturing_order={row}production_id.procurement_group_id~mrp_production.procurement_group_id=id<
   manufacturing_order={row}raw_material_production_id
   manufacturing_order={row}production_id
   manufacturing_order={row}unbuild_id.mo_id
   manufacturing_order={row}consume_unbuild_id.mo_id
   manufacturing_order={row}scrap_id.production_id
   manufacturing_order={id}~stock_reference_move_rel.move_id=reference_id~stock_reference_production_rel.reference_id=production_id<
   manufacturing_order={id}{after}~stock_move.id=raw_material_production_id
   manufacturing_order={id}{before}~stock_move.id=production_id
   manufacturing_order={row}group_id~mrp_production.procurement_group_id=id<
   unbuild_order={row}unbuild_id
   unbuild_order={row}consume_unbuild_id
   transfer={row}picking_id~stock_move.picking_id=id{before}{before}~stock_move.id=picking_id<
   transfer={row}picking_id~stock_move.picking_id=id{before}~stock_move.id=picking_id<
   transfer={row}picking_id', m.row_of, m.id)
  FROM (VALUES ('stock_move', '', 'id'), ('valuation_of_move', '', 'id'), ('valuation', 'stock_move_id.', 'stock_move_id')) AS m (entity, row_of, id)
 WHERE entity.entity OPERATOR(pg_catalog.=) m.entity;
UPDATE odoo_events.entity SET correlation = pg_temp.paths(
  'purchase:id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id
   sales_order=sale_id
   sales_order=backorder_id.sale_id
   sales_order=return_id.sale_id
   sales_order=group_id.sale_id
   sales_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_sale_rel.reference_id=sale_id
   purchase:return_id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id
   purchase_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_purchase_rel.reference_id=purchase_id
   purchase:id~stock_move.picking_id=id{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:id~stock_move.picking_id=id{before}{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   sales_order=id~stock_move.picking_id=id{after}~stock_move.id=raw_material_production_id~mrp_production.id=sale_line_id~sale_order_line.id=order_id
   purchase:id~stock_move.picking_id=id{after}~stock_move.id=raw_material_production_id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   manufacturing_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_production_rel.reference_id=production_id<
   manufacturing_order=id~stock_move.picking_id=id{after}~stock_move.id=raw_material_production_id
   manufacturing_order=id~stock_move.picking_id=id{before}~stock_move.id=production_id
   manufacturing_order=group_id~mrp_production.procurement_group_id=id<
   transfer=id~stock_move.picking_id=id{before}{before}~stock_move.id=picking_id<
   transfer=id~stock_move.picking_id=id{before}~stock_move.id=picking_id<
   transfer=id', '', 'id')
 WHERE entity = 'transfer';
-- Here {id} stands for the manufacturing order's id, {row} for "of the manufacturing order".
UPDATE odoo_events.entity SET correlation = pg_temp.paths(
  'sales_order={row}sale_line_id.order_id
   sales_order={row}procurement_group_id.sale_id
   sales_order={id}~stock_reference_production_rel.production_id=reference_id~stock_reference_sale_rel.reference_id=sale_id
   sales_order={id}~stock_move.production_id=id{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   sales_order={id}~stock_move.production_id=id{after}{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   purchase:{id}~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{row}production_group_id~mrp_production.production_group_id=id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   manufacturing_order={row}production_group_id~mrp_production.production_group_id=id<
   manufacturing_order={row}procurement_group_id~mrp_production.procurement_group_id=id<
   manufacturing_order={id}', CASE p.path WHEN 'id' THEN '' ELSE p.path || '.' END, p.path)
  FROM (VALUES ('manufacturing_order', 'id'), ('work_order', 'production_id'), ('unbuild_order', 'mo_id'), ('scrap', 'production_id')) AS p (entity, path)
 WHERE entity.entity OPERATOR(pg_catalog.=) p.entity;
UPDATE odoo_events.entity SET correlation = pg_catalog.array_cat(
  pg_temp.paths('purchase:picking_id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id
   sales_order=picking_id.sale_id
   purchase:picking_id~stock_move.picking_id=id{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:picking_id~stock_move.picking_id=id{before}{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id', '', ''), correlation)
 WHERE entity = 'scrap';
UPDATE odoo_events.entity SET correlation = pg_catalog.array_append(correlation, 'transfer=picking_id') WHERE entity = 'scrap';
UPDATE odoo_events.entity SET correlation = pg_catalog.array_append(correlation, 'unbuild_order=id') WHERE entity = 'unbuild_order';
UPDATE odoo_events.entity SET correlation = '{sales_order=sale_order_line_id.order_id,repair_order=id}' WHERE entity = 'repair_order';
UPDATE odoo_events.entity SET correlation = pg_temp.paths('purchase:id', '', '') WHERE entity = 'purchase_order';
-- What is billed or refunded belongs to what was ordered; a payment, from 18 on, to what it pays.
UPDATE odoo_events.entity SET correlation = pg_temp.paths(
  'sales_order={id}~account_move_line.move_id=id~sale_order_line_invoice_rel.invoice_line_id=order_line_id~sale_order_line.id=order_id
   purchase:{id}~account_move_line.move_id=purchase_line_id~purchase_order_line.id=order_id', '', i.path)
  FROM (VALUES ('invoice', 'id'), ('payment', 'id~account_move__account_payment.payment_id=invoice_id')) AS i (entity, path)
 WHERE entity.entity OPERATOR(pg_catalog.=) i.entity;
DROP FUNCTION pg_temp.paths(text, text, text);
-- catalog_epcis: business step and disposition of EPCIS 2.0 (Core Business Vocabulary) that an event stands for.
UPDATE odoo_events.event_def d SET epcis_bizstep = v.bizstep, epcis_disposition = v.disposition
  FROM (VALUES
  ('inventory.stock_move.scrapped', 'destroying', 'destroyed'), ('inventory.scrap.posted', 'destroying', 'destroyed'),
  ('inventory.stock_move.unbuilt', 'disassembling', 'in_progress'), ('manufacturing.unbuild_order.completed', 'disassembling', 'in_progress'),
  ('inventory.stock_move.used_in_repair', 'installing', 'in_progress'), ('inventory.stock_move.removed_in_repair', 'removing', 'disposed'),
  ('inventory.stock_move.recovered_in_repair', 'removing', 'available'), ('inventory.stock_move.repaired', 'repairing', 'available'),
  ('inventory.stock_move.consumed', 'assembling', 'in_progress'), ('inventory.stock_move.produced', 'commissioning', 'active'),
  ('inventory.stock_move.byproduct_produced', 'commissioning', 'active'), ('inventory.stock_move.relocated', 'storing', 'available'),
  ('inventory.stock_move.adjusted', 'cycle_counting', NULL), ('inventory.stock_move.corrected', 'stock_taking', NULL),
  ('inventory.stock_move.returned', NULL, 'returned'), ('inventory.stock_move.received', 'receiving', 'in_progress'),
  ('inventory.stock_move.shipped', 'shipping', 'in_transit'), ('inventory.stock_move.dropshipped', 'shipping', 'in_transit'),
  ('inventory.stock_move.issued', 'dispensing', 'dispensed'), ('inventory.stock_move.recovered', 'stocking', 'available'),
  ('inventory.stock_move.transferred', 'storing', NULL), ('inventory.stock_move.reserved', 'reserving', 'reserved'),
  ('inventory.stock_move.partially_reserved', 'reserving', 'reserved'), ('inventory.stock_move.unreserved', NULL, 'available'),
  ('inventory.lot.created', 'commissioning', 'active'), ('inventory.lot.held', 'holding', 'non_sellable_other'), ('inventory.lot.released', 'inspecting', 'conformant'),
  ('inventory.package.created', 'commissioning', 'active'), ('inventory.package.moved', 'storing', NULL), ('inventory.package.nested', 'packing', 'in_progress'),
  ('inventory.package.unnested', 'unpacking', 'in_progress'), ('inventory.package.emptied', 'unpacking', 'container_open'), ('inventory.stock_move.counted', 'cycle_counting', NULL),
  ('inventory.stock_level.replenished', NULL, 'available'), ('inventory.stock_level.depleted', NULL, 'unavailable'),
  ('logistics.shipment.ready', 'staging_outbound', 'reserved'), ('logistics.shipment.dispatched', 'shipping', 'in_transit'),
  ('logistics.shipment.delivery_proven', 'accepting', NULL), ('logistics.dropship.dispatched', 'shipping', 'in_transit'),
  ('logistics.dropship.delivery_proven', 'accepting', NULL), ('logistics.vendor_return.dispatched', 'shipping', 'returned'),
  ('logistics.customer_return.received', 'receiving', 'returned'), ('logistics.receipt.received', 'receiving', 'in_progress'),
  ('logistics.pick.completed', 'picking', 'in_progress'), ('logistics.pack.completed', 'packing', 'in_progress'),
  ('logistics.transfer.completed', 'storing', NULL), ('logistics.transfer_batch.started', 'picking', 'in_progress'),
  ('logistics.transfer_batch.completed', 'picking', 'in_progress'), ('quality.quality_alert.closed', 'inspecting', NULL),
  ('manufacturing.manufacturing_order.started', 'assembling', 'in_progress'), ('manufacturing.manufacturing_order.completed', 'commissioning', 'active'),
  ('manufacturing.work_order.started', 'assembling', 'in_progress'), ('manufacturing.work_order.resumed', 'assembling', 'in_progress'),
  ('manufacturing.work_order.progressed', 'assembling', 'in_progress'), ('manufacturing.work_order.completed', 'assembling', 'in_progress'),
  ('repair.repair_order.started', 'repairing', 'in_progress'), ('repair.repair_order.completed', 'repairing', 'available'),
  ('quality.quality_check.passed', 'inspecting', 'conformant'), ('quality.quality_check.failed', 'inspecting', 'non_conformant'),
  ('maintenance.equipment.scrapped', 'decommissioning', 'inactive')
  ) AS v (type, bizstep, disposition)
 WHERE d.type OPERATOR(pg_catalog.=) pg_catalog.format('odoo.%s.v1', v.type);
-- catalog_versions: columns that only some versions of Odoo have, or some modules; capture_status does not miss them elsewhere.
-- And the versions of the types.
UPDATE odoo_events.capture_rule SET optional = v.columns::text[]
  FROM (VALUES
  ('stock_picking', '{return_id,group_id,carrier_id,carrier_tracking_ref,weight,sale_id,batch_id}'),
  ('stock_move', '{quantity,picked,scrap_id,scrapped,is_inventory,inventory_name,repair_line_type,group_id,raw_material_production_id,production_id,unbuild_id,consume_unbuild_id,bom_line_id,byproduct_id,workorder_id,operation_id,repair_id,sale_line_id,purchase_line_id,value}'),
  ('stock_move_line', '{quantity,qty_done,product_uom_qty,quantity_product_uom,product_qty,production_id,workorder_id,expiration_date}'),
  ('stock_lot', '{expiration_date,use_date,removal_date,alert_date,product_expiry_reminded}'),
  ('stock_package', '{parent_package_id}'),
  ('stock_picking_batch', '{description,is_wave}'),
  ('stock_scrap', '{production_id,workorder_id,move_id}'),
  ('mrp_production', '{lot_producing_id,date_planned_start,date_planned_finished,production_group_id,procurement_group_id,sale_line_id,is_planned,subcontractor_id}'),
  ('mrp_workorder', '{date_planned_start,date_planned_finished,sequence}'),
  ('purchase_order', '{receipt_status,acknowledged,mail_reminder_confirmed,mail_reception_confirmed,mail_reception_declined,requisition_id,locked,picking_type_id,dest_address_id,effective_date,priority}'),
  ('purchase_order_line', '{state,sale_line_id,is_downpayment,discount}'),
  ('sale_order', '{carrier_id,warehouse_id,picking_policy,delivery_status,locked,effective_date}'),
  ('sale_order_line', '{is_delivery,customer_lead}'),
  ('maintenance_request', '{schedule_end,workcenter_id,production_id,workorder_id}'),
  ('maintenance_equipment', '{location_id,workcenter_id,cost}'),
  ('purchase_requisition', '{origin,reference,requisition_type,type_id,ordering_date,date_start,schedule_date,warehouse_id,picking_type_id}'),
  ('purchase_requisition_line', '{schedule_date}'),
  ('repair_order', '{priority,schedule_date,under_warranty,picking_type_id,sale_order_id,sale_order_line_id,location_dest_id,parts_location_id}'),
  ('quality_check', '{title,measure,control_date,picking_id,production_id,workorder_id,alert_id,lot_id}'),
  ('quality_alert', '{title,date_assign,picking_id,production_id,workorder_id,workcenter_id,check_id,lot_id}'),
  ('account_move', '{payment_id}'),
  ('account_move_line', '{exclude_from_invoice_tab,purchase_line_id}'),
  ('account_payment', '{name,state,date,memo,payment_reference,journal_id,company_id}'),
  ('stock_landed_cost', '{vendor_bill_id,company_id}'),
  ('account_analytic_line', '{product_id,category}'),
  ('product_product', '{standard_price}'),
  ('product_template', '{is_storable,tracking,use_expiration_date}'),
  ('res_partner', '{mobile}'),
  ('mrp_bom_byproduct', '{cost_share}'),
  ('mrp_routing_workcenter', '{active}')
  ) AS v (rule, columns)
 WHERE capture_rule.rule OPERATOR(pg_catalog.=) v.rule;

-- 1.1: members were added since 0.1.0.  Types that are new begin with 1.0.
UPDATE odoo_events.event_def SET minor = 1
 WHERE entity = ANY ('{transfer,stock_move,manufacturing_order,work_order,unbuild_order,purchase_order,sales_order,equipment,scrap,lot,stock_level,availability,
                       repair_order,bill_of_materials}')
   AND type !~ '[.](goods_short|goods_available|emptied|counted|declined|receipt_reversed|delivery_reversed|expiry_alerted|replenished)[.]v1$' AND type <> 'odoo.manufacturing.work_order.rescheduled.v1';
SELECT odoo_events._apply_definitions();
SELECT odoo_events.upgrade_rights(false);
-- grants: the one place where anything is given to anybody.  docs/security.md says who should get what else.
REVOKE ALL ON SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA odoo_events FROM PUBLIC;

-- What ALTER DEFAULT PRIVILEGES has given away while this script ran ("SELECT on all tables to the reporting role") is taken back, too.
DO $$
DECLARE
  g record;
BEGIN
  FOR g IN
    SELECT DISTINCT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, pg_catalog.format('odoo_events.%I', c.relname) AS name, a.grantee
      FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
     WHERE c.relnamespace = 'odoo_events'::regnamespace AND a.grantee <> c.relowner
    UNION
    SELECT 'FUNCTION', p.oid::regprocedure::text, a.grantee
      FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a
     WHERE p.pronamespace = 'odoo_events'::regnamespace AND a.grantee <> p.proowner
    UNION
    SELECT 'SCHEMA', 'odoo_events', a.grantee
      FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
     WHERE n.nspname = 'odoo_events' AND a.grantee <> n.nspowner
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %I', g.kind, g.name, pg_catalog.pg_get_userbyid(g.grantee));
  END LOOP;
END $$;

-- The functions that status views read answer nobody but the views.
GRANT EXECUTE ON FUNCTION odoo_events._read_worker_status(int8), odoo_events._read_capture_status(int8), odoo_events._read_capture_error(int8), odoo_events._read_subscription_status(int8),
  odoo_events._read_replay_status(int8), odoo_events._read_storage(int8), odoo_events._read_arming(int8), odoo_events._read_care(int8) TO PUBLIC;
-- A view's functions are called as its reader.  These say who he is, and compare what they are given.
GRANT EXECUTE ON FUNCTION odoo_events._callers(), odoo_events._allows(jsonb, text, int4, int4), odoo_events._sees(jsonb, text, int4[], int4[]),
  odoo_events._sees_whole(jsonb, text, text[], int4[], int4[], text[], text), odoo_events._statement(text, jsonb) TO PUBLIC;

-- Monitoring: status without payloads and secrets.  The functions are those that the views call.
GRANT USAGE ON SCHEMA odoo_events TO pg_monitor;
GRANT SELECT ON odoo_events.worker_status TO pg_monitor;
GRANT SELECT ON odoo_events.capture_status, odoo_events.capture_error, odoo_events.attached TO pg_monitor;
GRANT SELECT ON odoo_events.subscription_status, odoo_events.replay_status, odoo_events.storage, odoo_events.arming, odoo_events.care TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._identity() TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._captured_table(text[], boolean), odoo_events._missing_columns(oid, text[]), odoo_events._rule_stats(), odoo_events._wal_state(),
  odoo_events._wal_slot() TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._worker(), odoo_events._oldest_unpublished(), odoo_events.version(), odoo_events._schedule_next(text, timestamptz, text) TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._transport(text) TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events.health(), odoo_events.metrics(), odoo_events.metrics_text() TO pg_monitor;

-- The database's owner: Odoo's role dumps, restores and duplicates the database, and names the trigger functions when it
-- restores.  It sees configuration without secrets, and no payloads.
GRANT USAGE ON SCHEMA odoo_events TO pg_database_owner;
GRANT SELECT ON odoo_events.saved_config, odoo_events.subscription_id_seq TO pg_database_owner;
GRANT EXECUTE ON FUNCTION odoo_events.capture(), odoo_events.capture_truncate() TO pg_database_owner;
SELECT odoo_events.upgrade_rights(true);
DROP FUNCTION odoo_events.upgrade_rights(boolean);
DROP TABLE odoo_events.upgrade_right;
