#!/usr/bin/env bash
# How many events a second are published: N transfers of three moves, each validated in a transaction of its own, published at once
# by publish(); references and lines are read as in earnest.  Prints events, seconds, events per second, seconds of processor time and
# events per second of it (on a loaded machine only the last two mean something).
#
#   publish.sh [N]      with the server of PGHOST, PGPORT (library preloaded, odoo_events.databases = 'none-such'), as superuser
set -euo pipefail
n=${1:-5000}
here=$(cd "$(dirname "$0")" && pwd)
db=bench_publish
sql() { psql -qXAt -v ON_ERROR_STOP=1 -d "$db" "$@"; }
dropdb --if-exists "$db" 2>/dev/null; createdb "$db"
zcat "$here/../odoo/odoo19-base.sql.gz" | sql -o /dev/null
sql -c 'CREATE EXTENSION odoo_events' -c 'SELECT odoo_events.attach()' -o /dev/null
sql <<SQL
INSERT INTO stock_picking (id, name, state, location_id, location_dest_id, picking_type_id, partner_id, company_id, move_type, origin, scheduled_date, write_uid)
SELECT 1000 + i, 'B/' || i, 'assigned', 5, 2, 2, 7 + i % 2, 1, 'direct', 'S' || i, '2026-12-01', 2 FROM generate_series(1, $n) i;
INSERT INTO stock_move (id, picking_id, product_id, product_uom, product_uom_qty, quantity, state, location_id, location_dest_id, company_id, picking_type_id, procure_method, date, reference, write_uid)
SELECT 100000 + i, 1001 + (i - 1) / 3, 11 + i % 3, 1, 4, 4, 'assigned', 5, 2, 1, 2, 'make_to_stock', '2026-12-01', 'B', 2 FROM generate_series(1, 3 * $n) i;
INSERT INTO stock_move_line (id, picking_id, move_id, product_id, product_uom_id, quantity, state, location_id, location_dest_id, company_id, date, write_uid)
SELECT 100000 + i, 1001 + (i - 1) / 3, 100000 + i, 11 + i % 3, 1, 4, 'assigned', 5, 2, 1, '2026-12-01', 2 FROM generate_series(1, 3 * $n) i;
SELECT odoo_events.publish() \\g /dev/null
ANALYZE stock_move, stock_move_line, stock_picking;
SQL
sql -o /dev/null < <(for ((i = 1001; i <= 1000 + n; i++)); do
  echo "BEGIN; UPDATE stock_move_line SET state = 'done' WHERE picking_id = $i; UPDATE stock_move SET state = 'done', picked = true WHERE picking_id = $i;
        UPDATE stock_picking SET state = 'done', date_done = '2026-12-01' WHERE id = $i; COMMIT;"; done)
sql -F ' ' <<'SQL'
CREATE FUNCTION cpu() RETURNS numeric LANGUAGE sql VOLATILE AS
  $$SELECT (split_part(t, ' ', 14)::numeric + split_part(t, ' ', 15)::numeric) / 100 FROM (SELECT regexp_replace(pg_read_file('/proc/self/stat'), '^.*\) ', 'x x ') || ' ' AS t) x$$;
SELECT clock_timestamp() AS began, cpu() AS cpu \gset
SELECT odoo_events.publish() AS events \gset
SELECT :events, round(extract(epoch FROM clock_timestamp() - :'began')::numeric, 2), round(:events / extract(epoch FROM clock_timestamp() - :'began')),
       cpu() - :cpu, round(:events / nullif(cpu() - :cpu, 0));
SQL
[ -n "${KEEP:-}" ] || dropdb "$db"
