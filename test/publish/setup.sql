-- A database :db with the recorded Odoo :base, audited, and the entities :entities captured.
\set ECHO none
\set VERBOSITY terse
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE :"db" OWNER regress_publish_owner;
\c :"db"
SET client_min_messages = warning;
\setenv OE_DB :db
\setenv OE_BASE :base
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" load "$OE_DB" "$OE_BASE"
CREATE EXTENSION odoo_events;
SELECT count(*) > 0 AS attached FROM odoo_events.attach(:'entities');
\set audit :srcdir /test/publish/audit.sql
\set derived :srcdir /test/publish/derived.sql
\set events :srcdir /test/publish/events.sql
\i :audit
\i :derived
\set ECHO all
