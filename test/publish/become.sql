-- The tables of an Odoo become those of the next version, as its upgrade scripts do it: renamed, retyped, added and filled, dropped.
-- :version is the next one, :once true makes it one transaction, else each statement is one.  By the role that owns the tables.
\set ECHO none
\set steps :srcdir /test/publish/become_steps.sql
\i :steps
SET ROLE regress_publish_owner;
SET client_min_messages = error;
\pset tuples_only on
\o /dev/null
\if :once
BEGIN;
\endif
SELECT statement FROM become.step ORDER BY n \gexec
\if :once
COMMIT;
\endif
\o
\pset tuples_only off
RESET ROLE;
SET client_min_messages = warning;
\set ECHO all
