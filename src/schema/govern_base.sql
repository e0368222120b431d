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
CREATE VIEW odoo_events._my_policy AS
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
