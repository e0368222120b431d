-- base: things that every step uses.

-- Made here, so that it belongs to the extension: in no dump, gone with DROP EXTENSION, and never somebody else's who got there first.
CREATE SCHEMA odoo_events;
COMMENT ON SCHEMA odoo_events IS 'business events from Odoo: outbox, subscriptions, status';

-- Wakes this database's worker when the transaction commits; internal.
CREATE FUNCTION odoo_events._wake(why text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_wake';
COMMENT ON FUNCTION odoo_events._wake(text) IS
'internal: wakes the worker once the transaction has committed; why is changes, events, config or register';

CREATE FUNCTION odoo_events.version() RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_version';
COMMENT ON FUNCTION odoo_events.version() IS 'version of the loaded library';
