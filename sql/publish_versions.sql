-- The same day by the columns of Odoo 14 to 19: what is found, and how the events differ.
-- check-all: six versions of a day
SET client_min_messages = error;
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
\getenv srcdir PG_ABS_SRCDIR
\set one :srcdir /test/publish/version.sql
\set version 14
\i :one
\! cat publish_versions.14
\set version 15
\i :one
\! diff -U0 publish_versions.14 publish_versions.15 | tail -n +3
\set version 16
\i :one
\! diff -U0 publish_versions.15 publish_versions.16 | tail -n +3
\set version 17
\i :one
\! diff -U0 publish_versions.16 publish_versions.17 | tail -n +3
\set version 18
\i :one
\! diff -U0 publish_versions.17 publish_versions.18 | tail -n +3
\set version 19
\i :one
\! diff -U0 publish_versions.18 publish_versions.19 | tail -n +3
\! rm -f publish_versions.1*
