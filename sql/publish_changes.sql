-- The same of the recorded changes of Odoo 19: what happens to released documents.
\set db publish_changes
\set base odoo19-base
\set entities '{stock_move,transfer,transfer_batch,scrap,lot,package,manufacturing_order,work_order,work_center,unbuild_order}'
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/publish/setup.sql
\i :setup
-- where the recorded plant keeps what is on hold
INSERT INTO odoo_events.marked (mark, id, note) VALUES ('hold', 32, 'WH/Hold');
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play publish_changes odoo19-changes
SELECT odoo_events.publish();
\i :events
\c postgres
DROP DATABASE publish_changes;
