-- Events that no recording shows: tables as Odoo Enterprise, other modules and other versions of Odoo define them.
\getenv srcdir PG_ABS_SRCDIR
\set made :srcdir /test/publish/made.sql
\set db publish_tables
\i :made
\c postgres
DROP DATABASE publish_tables;
