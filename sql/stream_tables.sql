-- The output plugin gives the net changes that the triggers note, for every recording.
-- check-all: every recording, decoded
\set VERBOSITY terse
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
\getenv srcdir PG_ABS_SRCDIR
\set compare :srcdir /test/stream/compare.sql
\set base odoo19-base
\set trace odoo19-sales
\i :compare
\set trace odoo19-manufacturing
\i :compare
\set trace odoo19-purchase-maintenance-repair
\i :compare
\set trace odoo19-changes
\i :compare
\set base odoo14-base
\set trace odoo14-all
\i :compare
