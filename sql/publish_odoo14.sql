-- The same of the recording of Odoo 14: the catalog on older tables.
\set db publish_odoo14
\set base odoo14-base
\set entities '{stock_move,transfer,transfer_batch,scrap,lot,package,manufacturing_order,work_order,work_center,unbuild_order}'
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/publish/setup.sql
\i :setup
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play publish_odoo14 odoo14-all
SELECT odoo_events.publish();
\i :events
\c postgres
DROP DATABASE publish_odoo14;
