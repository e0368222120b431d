-- Real Odoo 15, 16, 17 and 18, and a day of a plant on 19 that uses nearly everything, event by event.
-- check-all: every recording, a minute
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/publish/setup.sql
\set recording :srcdir /test/publish/recording.sql
\set db publish_recordings
\set base odoo15-base
\set trace odoo15-all
\i :recording
\set base odoo16-base
\set trace odoo16-all
\i :recording
\set base odoo17-base
\set trace odoo17-all
\i :recording
\set base odoo18-base
\set trace odoo18-all
\i :recording
\set base odoo19-base
\set trace odoo19-plant
\i :recording
