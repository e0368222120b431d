-- The same of the recorded purchases, repairs and internal transfers of Odoo 19.
\set db publish_purchase
\set base odoo19-base
\set entities '{stock_move,transfer,transfer_batch,scrap,lot,package,manufacturing_order,work_order,work_center,unbuild_order}'
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/publish/setup.sql
\i :setup
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play publish_purchase odoo19-purchase-maintenance-repair
SELECT odoo_events.publish();
\i :events
\c postgres
DROP DATABASE publish_purchase;
