#!/usr/bin/env bash
# What a backfill costs those who write meanwhile: p99 of a write load as Odoo's, with and without a backfill, interleaved, as a ratio.
# Rows: ROWS (default 1,000,000); ROUNDS of both phases (default 6), each SECONDS_EACH (default 12).  Unattended, under four minutes (ROWS=100000 ROUNDS=2:
# one); a private server; the last line has the figures.  PACE: odoo_events.backfill_pace, else as users get it; 100 is full speed.
# test/t/096_backfill.pl shows that a backfill is complete, whoever is killed meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${ROWS:=1000000}" "${ROUNDS:=6}" "${SECONDS_EACH:=12}" "${CLIENTS:=4}" "${RATE:=200}"
[ -f "$(${PG_CONFIG:=pg_config} --pgxs 2>/dev/null)" ] || PG_CONFIG=/usr/lib/postgresql/15/bin/pg_config
export PG_CONFIG FSYNC=on
FAULTS= test/lib/instance.sh install >/dev/null
dir=$(mktemp -d); chmod 777 "$dir"; CONF=$dir/conf; export CONF
printf "shared_buffers = '512MB'\nmax_wal_size = '4GB'\ncheckpoint_timeout = '30min'\nautovacuum = on\n" >"$CONF"
[ -z "${PACE:-}" ] || echo "odoo_events.backfill_pace = $PACE" >>"$CONF"
test/lib/instance.sh remove backfill; test/lib/instance.sh start backfill
trap 'test/lib/instance.sh remove backfill; rm -rf "$dir"' EXIT
eval "$(test/lib/instance.sh env backfill)"
q() { psql -qXAt -v ON_ERROR_STOP=1 -d plant -c "$1"; }
psql -qXAt -d postgres -c 'CREATE ROLE odoo LOGIN' -c 'CREATE DATABASE plant OWNER odoo'
psql -qXAt -U odoo -d plant <<SQL
CREATE TABLE ir_module_module (id int PRIMARY KEY);
CREATE TABLE mrp_production (id int PRIMARY KEY, name text, state text, product_qty numeric, product_id int, company_id int, write_uid int, create_date timestamp, write_date timestamp);
CREATE TABLE stock_move (id int PRIMARY KEY, state text, product_id int, product_uom_qty numeric, raw_material_production_id int, write_date timestamp);
INSERT INTO mrp_production SELECT i, 'WH/MO/' || i, 'confirmed', 1 + i % 7, i % 100, 1, 2, now(), now() FROM generate_series(1, $ROWS) i;
INSERT INTO stock_move SELECT i, 'confirmed', i % 100, 1, i % $ROWS + 1, now() FROM generate_series(1, 200000) i;
CREATE INDEX ON stock_move (raw_material_production_id);
VACUUM ANALYZE;
SQL
q 'CREATE EXTENSION odoo_events'
q "SELECT odoo_events.attach('{manufacturing_order}')" >/dev/null
cat >"$dir/load.sql" <<SQL
\set id random(1, $ROWS)
\set move random(1, 200000)
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT id, state, product_qty FROM mrp_production WHERE id = :id;
UPDATE mrp_production SET state = CASE state WHEN 'confirmed' THEN 'progress' ELSE 'confirmed' END, write_date = now() WHERE id = :id;
UPDATE stock_move SET product_uom_qty = product_uom_qty + 1, write_date = now() WHERE id = :move;
COMMIT;
SQL
chmod -R a+rX "$dir"
# p99 in milliseconds of one phase, of what pgbench logs per transaction; a serialization failure is repeated as Odoo does
phase() {
  rm -f "$dir"/log.*
  (cd "$dir" && pgbench -n -U odoo -c "$CLIENTS" -j 1 -R "$RATE" -T "$SECONDS_EACH" --max-tries=5 -l --log-prefix=log -f load.sql plant >/dev/null 2>&1)
  cat "$dir"/log.* | awk '{print $3}' | sort -n | awk '{a[NR] = $1} END {printf "%.3f %.3f %d", a[int(NR * 0.5)] / 1000, a[int(NR * 0.99)] / 1000, NR}'
}
wait_idle() { until [ "$(q "SELECT NOT EXISTS (SELECT 1 FROM odoo_events.journal j WHERE NOT odoo_events._is_published(j.xid, j.id))")" = t ]; do sleep 0.2; done; }
q 'CHECKPOINT'
phase >/dev/null; wait_idle
: >"$dir/without"; : >"$dir/with"
began=$(date +%s); sent=0
for round in $(seq 1 "$ROUNDS"); do
  phase >>"$dir/without"; echo >>"$dir/without"; wait_idle
  before=$(q "SELECT coalesce(sum(rows), 0) FROM odoo_events.backfill_job")
  q "SELECT odoo_events.backfill('manufacturing_order', 'id > $((sent))')" >/dev/null
  phase >>"$dir/with"; echo >>"$dir/with"
  # the phase was in the middle of it; what is left is for the next round
  q "SELECT odoo_events.cancel_backfill(id) FROM odoo_events.backfill_job WHERE state = 'running'" >/dev/null
  sent=$(q "SELECT coalesce(max(last_id), 0) FROM odoo_events.backfill_job")
  [ "$sent" -lt "$ROWS" ] || sent=0
  wait_idle
done
rows=$(q 'SELECT sum(rows) FROM odoo_events.backfill_job')
longest=$(q "SELECT max(rows) FROM odoo_events.backfill_job")
summary() { sort -n -k2 "$1" | awk '{p50[NR] = $1; p99[NR] = $2; n += $3} END {printf "%.2f %.2f %d", p50[int((NR + 1) / 2)], p99[int((NR + 1) / 2)], n}'; }
read -r m0 p0 n0 <<<"$(summary "$dir/without")"; read -r m1 p1 n1 <<<"$(summary "$dir/with")"
printf 'rounds (p50 ms, p99 ms, transactions) without:\n%s\nwith:\n%s\n' "$(cat "$dir/without")" "$(cat "$dir/with")"
printf 'backfill of a table of %s rows: %s snapshots asked for in %s s of load (%s in one phase)\n' "$ROWS" "$rows" "$((SECONDS_EACH * ROUNDS))" "$longest"
printf 'median of %s rounds: p50 %s -> %s ms, p99 %s -> %s ms, ratio of p99 %s (%s and %s transactions)\n' "$ROUNDS" "$m0" "$m1" "$p0" "$p1" \
  "$(awk -v a="$p1" -v b="$p0" 'BEGIN {printf "%.2f", (b > 0 ? a / b : 0)}')" "$n0" "$n1"
