-- A day of Odoo 19 with every kind of transfer through all that can happen to it, and what the other recordings do not show.
\set db publish_more
\set base odoo19-more-base
\set entities '{stock_move,transfer,transfer_batch,scrap,lot,package,manufacturing_order,work_order,work_center,unbuild_order}'
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/publish/setup.sql
\i :setup
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play publish_more odoo19-more
SELECT odoo_events.publish();
\i :events
\c postgres
DROP DATABASE publish_more;
