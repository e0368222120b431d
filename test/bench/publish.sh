#!/usr/bin/env bash
# How many events a second are published: what a plant does is done, transaction by transaction, while nobody publishes, and then published at
# once by publish(); references and lines are read as in earnest.  Prints journal rows, events, seconds, events per second, seconds of
# processor time and events per second of it (on a loaded machine only the last two mean something).
#
#   publish.sh [N [WHAT]]      with the server of PGHOST, PGPORT (library preloaded, odoo_events.databases = 'none-such'), as superuser
#
# transfers  N transfers of three moves, each validated in a transaction of its own; the catalog as it is installed
# mix        N times: an order with three lines and its shipment, validated; a purchase and its receipt; a manufacturing order with three
#            components and two work orders, each started, paused, resumed and finished; with quants; 13 transactions.  Every entity is
#            attached and every event enabled
set -euo pipefail
n=${1:-5000} what=${2:-transfers}
here=$(cd "$(dirname "$0")" && pwd)
db=bench_publish
sql() { psql -qXAt -v ON_ERROR_STOP=1 -d "$db" "$@"; }
attach() {
  sql -c 'CREATE EXTENSION odoo_events' -o /dev/null
  if [ "$what" = mix ]; then
    sql -o /dev/null -c 'SELECT odoo_events.enable_event(type) FROM odoo_events.event_type WHERE NOT enabled' -c 'SELECT odoo_events.attach(ARRAY(SELECT entity FROM odoo_events.entity))'
  else
    sql -o /dev/null -c 'SELECT odoo_events.attach()'
  fi
}

transfers() {
  sql <<SQL
INSERT INTO stock_picking (id, name, state, location_id, location_dest_id, picking_type_id, partner_id, company_id, move_type, origin, scheduled_date, write_uid)
SELECT 1000 + i, 'B/' || i, 'assigned', 5, 2, 2, 7 + i % 2, 1, 'direct', 'S' || i, '2026-12-01', 2 FROM generate_series(1, $n) i;
INSERT INTO stock_move (id, picking_id, product_id, product_uom, product_uom_qty, quantity, state, location_id, location_dest_id, company_id, picking_type_id, procure_method, date, reference, write_uid)
SELECT 100000 + i, 1001 + (i - 1) / 3, 11 + i % 3, 1, 4, 4, 'assigned', 5, 2, 1, 2, 'make_to_stock', '2026-12-01', 'B', 2 FROM generate_series(1, 3 * $n) i;
INSERT INTO stock_move_line (id, picking_id, move_id, product_id, product_uom_id, quantity, state, location_id, location_dest_id, company_id, date, write_uid)
SELECT 100000 + i, 1001 + (i - 1) / 3, 100000 + i, 11 + i % 3, 1, 4, 'assigned', 5, 2, 1, '2026-12-01', 2 FROM generate_series(1, 3 * $n) i;
SQL
}
transfers_done() {
  local i
  for ((i = 1001; i <= 1000 + n; i++)); do
    echo "BEGIN; UPDATE stock_move_line SET state = 'done' WHERE picking_id = $i; UPDATE stock_move SET state = 'done', picked = true WHERE picking_id = $i;
          UPDATE stock_picking SET state = 'done', date_done = '2026-12-01' WHERE id = $i; COMMIT;"
  done
}

# Drafts of documents number 1000 + i: what a user types before he confirms.
mix() {
  sql <<SQL
INSERT INTO stock_lot (id, name, product_id, company_id) SELECT 1000 + i, 'LOT/' || i, 4, 1 FROM generate_series(1, $n) i;
INSERT INTO sale_order (id, name, state, company_id, partner_id, partner_invoice_id, partner_shipping_id, date_order, picking_policy, warehouse_id, currency_id, amount_total, write_uid)
SELECT 1000 + i, 'S/' || i, 'draft', 1, 7, 7, 7, '2026-12-01', 'direct', 1, 1, 100, 2 FROM generate_series(1, $n) i;
INSERT INTO sale_order_line (id, order_id, name, product_id, product_uom_id, product_uom_qty, qty_delivered, price_unit, customer_lead, state, company_id, write_uid)
SELECT 100000 + i, 1001 + (i - 1) / 3, 'l', 11 + i % 3, 1, 4, 0, 10, 0, 'draft', 1, 2 FROM generate_series(1, 3 * $n) i;
INSERT INTO purchase_order (id, name, state, company_id, partner_id, date_order, date_planned, currency_id, picking_type_id, amount_total, receipt_status, write_uid)
SELECT 1000 + i, 'P/' || i, 'draft', 1, 8, '2026-12-01', '2026-12-05', 1, 1, 100, NULL, 2 FROM generate_series(1, $n) i;
INSERT INTO purchase_order_line (id, order_id, name, product_id, product_uom_id, product_qty, qty_received, price_unit, date_planned, company_id, write_uid)
SELECT 100000 + i, 1001 + (i - 1) / 2, 'l', 2 + i % 2, 1, 4, 0, 10, '2026-12-05', 1, 2 FROM generate_series(1, 2 * $n) i;
INSERT INTO mrp_production (id, name, state, product_id, product_uom_id, product_qty, picking_type_id, location_src_id, location_dest_id, company_id, consumption, date_start, date_finished, write_uid)
SELECT 1000 + i, 'MO/' || i, 'draft', 7, 1, 5, 11, 5, 5, 1, 'flexible', '2026-12-01', '2026-12-02', 2 FROM generate_series(1, $n) i;
INSERT INTO mrp_workorder (id, name, production_id, workcenter_id, state, duration_expected, write_uid)
SELECT 10000 + i, 'work', 1001 + (i - 1) / 2, 1 + i % 2, 'ready', 30, 2 FROM generate_series(1, 2 * $n) i;
INSERT INTO stock_move (id, raw_material_production_id, production_id, product_id, product_uom, product_uom_qty, quantity, state, location_id, location_dest_id, company_id, picking_type_id, procure_method, date, reference, write_uid)
SELECT 100000 + i, CASE WHEN i % 4 > 0 THEN 1001 + (i - 1) / 4 END, CASE WHEN i % 4 = 0 THEN 1001 + (i - 1) / 4 END, CASE i % 4 WHEN 0 THEN 7 ELSE 1 + i % 4 END, 1, 5, 0, 'draft',
  CASE i % 4 WHEN 0 THEN 12 ELSE 5 END, CASE i % 4 WHEN 0 THEN 5 ELSE 12 END, 1, 11, 'make_to_stock', '2026-12-01', 'MO', 2 FROM generate_series(1, 4 * $n) i;
INSERT INTO stock_quant (id, product_id, location_id, company_id, quantity, reserved_quantity, in_date) SELECT 100000 + i, i, 5, 1, 100000, 0, '2026-12-01' FROM generate_series(1, 14) i;
SQL
}
# Transfer $1 of $2 lines between two places, of type $3, for the line $4 of its order in the column $5, first product $6.
transfer() {
  local j
  echo "INSERT INTO stock_picking (id, name, state, location_id, location_dest_id, picking_type_id, partner_id, company_id, move_type, origin, scheduled_date, write_uid)
        VALUES ($1, 'T/$1', 'assigned', $7, $8, $3, 7, 1, 'direct', 'O/$1', '2026-12-01', 2);"
  for ((j = 0; j < $2; j++)); do
    echo "INSERT INTO stock_move (id, picking_id, $5, product_id, product_uom, product_uom_qty, quantity, state, location_id, location_dest_id, company_id, picking_type_id, procure_method, date, reference, write_uid)
          VALUES ($((1000000 + 10 * $1 + j)), $1, $(($4 + j)), $(($6 + j)), 1, 4, 4, 'assigned', $7, $8, 1, $3, 'make_to_stock', '2026-12-01', 'T', 2);
          INSERT INTO stock_move_line (id, picking_id, move_id, product_id, product_uom_id, quantity, state, location_id, location_dest_id, company_id, date, write_uid)
          VALUES ($((1000000 + 10 * $1 + j)), $1, $((1000000 + 10 * $1 + j)), $(($6 + j)), 1, 4, 'assigned', $7, $8, 1, '2026-12-01', 2);
          UPDATE stock_quant SET reserved_quantity = reserved_quantity + 4 WHERE id = $((100000 + $6 + j));"
  done
}
validated() {
  echo "UPDATE stock_move_line SET state = 'done' WHERE picking_id = $1; UPDATE stock_move SET state = 'done', picked = true WHERE picking_id = $1;
        UPDATE stock_picking SET state = 'done', date_done = '2026-12-01' WHERE id = $1;
        UPDATE stock_quant SET quantity = quantity - 4, reserved_quantity = reserved_quantity - 4 WHERE id BETWEEN $((100000 + $3)) AND $((100000 + $3 + $2 - 1));"
}
mix_done() {
  local i w o e=100000
  for ((i = 1; i <= n; i++)); do
    o=$((1000 + i))
    echo "BEGIN; UPDATE sale_order SET state = 'sale' WHERE id = $o; UPDATE sale_order_line SET state = 'sale' WHERE order_id = $o; $(transfer $((2 * i + 10000)) 3 2 $((100001 + 3 * (i - 1))) sale_line_id 11 5 2) COMMIT;"
    echo "BEGIN; $(validated $((2 * i + 10000)) 3 11) UPDATE sale_order_line SET qty_delivered = 4 WHERE order_id = $o; COMMIT;"
    echo "BEGIN; UPDATE purchase_order SET state = 'purchase', receipt_status = 'pending' WHERE id = $o; $(transfer $((2 * i + 10001)) 2 1 $((100001 + 2 * (i - 1))) purchase_line_id 2 1 5) COMMIT;"
    echo "BEGIN; $(validated $((2 * i + 10001)) 2 2) UPDATE purchase_order_line SET qty_received = 4 WHERE order_id = $o; UPDATE purchase_order SET receipt_status = 'full' WHERE id = $o; COMMIT;"
    echo "BEGIN; UPDATE mrp_production SET state = 'confirmed', reservation_state = 'assigned' WHERE id = $o; UPDATE mrp_workorder SET production_availability = 'assigned' WHERE production_id = $o;
          UPDATE stock_move SET state = 'assigned', quantity = 5 WHERE raw_material_production_id = $o; UPDATE stock_move SET state = 'confirmed' WHERE production_id = $o;
          INSERT INTO stock_move_line (id, move_id, product_id, lot_id, product_uom_id, quantity, state, location_id, location_dest_id, company_id, date, write_uid)
          SELECT id, id, product_id, CASE product_id WHEN 4 THEN $o END, 1, 5, 'assigned', 5, 12, 1, '2026-12-01', 2 FROM stock_move WHERE raw_material_production_id = $o; COMMIT;"
    for w in 1 2; do
      w=$((10000 + 2 * (i - 1) + w)) e=$((e + 2))
      echo "BEGIN; UPDATE mrp_workorder SET state = 'progress' WHERE id = $w; UPDATE mrp_production SET state = 'progress' WHERE id = $o AND state <> 'progress';
            INSERT INTO mrp_workcenter_productivity (id, workorder_id, workcenter_id, company_id, loss_id, date_start, create_date, write_date) VALUES ($e, $w, 1, 1, 7, '2026-12-01 10:00', now(), now()); COMMIT;
            UPDATE mrp_workcenter_productivity SET date_end = '2026-12-01 10:10', write_date = now() WHERE id = $e;
            INSERT INTO mrp_workcenter_productivity (id, workorder_id, workcenter_id, company_id, loss_id, date_start, create_date, write_date) VALUES ($((e + 1)), $w, 1, 1, 7, '2026-12-01 10:20', now(), now());
            BEGIN; UPDATE mrp_workcenter_productivity SET date_end = '2026-12-01 10:30', write_date = now() WHERE id = $((e + 1)); UPDATE mrp_workorder SET state = 'done', qty_produced = 5, duration = 20 WHERE id = $w; COMMIT;"
    done
    echo "BEGIN; UPDATE stock_move_line SET state = 'done' WHERE move_id IN (SELECT id FROM stock_move WHERE raw_material_production_id = $o);
          INSERT INTO stock_move_line (id, move_id, product_id, product_uom_id, quantity, state, location_id, location_dest_id, company_id, date, write_uid)
          SELECT id, id, product_id, 1, 5, 'done', 12, 5, 1, '2026-12-01', 2 FROM stock_move WHERE production_id = $o;
          UPDATE stock_move SET state = 'done', picked = true, quantity = 5 WHERE raw_material_production_id = $o OR production_id = $o;
          UPDATE stock_quant SET quantity = quantity + CASE product_id WHEN 7 THEN 5 ELSE -5 END WHERE id IN (100002, 100003, 100004, 100007);
          UPDATE mrp_production SET state = 'done', qty_producing = 5 WHERE id = $o; COMMIT;"
  done
}

dropdb --if-exists "$db" 2>/dev/null; createdb "$db"
zcat "$here/../odoo/odoo19-base.sql.gz" | sql -o /dev/null
attach
"$what"
sql -o /dev/null -c 'SELECT odoo_events.publish()' -c 'ANALYZE'
sql -o /dev/null < <(echo 'SET synchronous_commit = off;'; "${what}_done")
sql -F ' ' <<'SQL'
CREATE FUNCTION cpu() RETURNS numeric LANGUAGE sql VOLATILE AS
  $$SELECT (split_part(t, ' ', 14)::numeric + split_part(t, ' ', 15)::numeric) / 100 FROM (SELECT regexp_replace(pg_read_file('/proc/self/stat'), '^.*\) ', 'x x ') || ' ' AS t) x$$;
SELECT count(*) AS rows FROM odoo_events.journal j WHERE NOT EXISTS (SELECT FROM odoo_events.outbox_all o WHERE o.odootx = j.xid) \gset
SELECT clock_timestamp() AS began, cpu() AS cpu \gset
SELECT odoo_events.publish() AS events \gset
SELECT :rows, :events, round(extract(epoch FROM clock_timestamp() - :'began')::numeric, 2), round(:events / extract(epoch FROM clock_timestamp() - :'began')),
       cpu() - :cpu, round(:events / nullif(cpu() - :cpu, 0));
SQL
[ -n "${KEEP:-}" ] || dropdb "$db"
