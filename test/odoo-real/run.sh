#!/usr/bin/env bash
# Real Odoo 19 with the extension, in the chroot that `chroot.sh run odoo` made: what Odoo does to its own database while it is
# captured.  Says "ok" or "FAILED" per check, and ends like check.sh.  The database that Odoo makes takes a few minutes, once; it is kept
# as $BUILD/odoo-base.dump.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PG_CONFIG=/usr/lib/postgresql/18/bin/pg_config
: "${BUILD:=$PWD/build}"; export BUILD
modules=stock,mrp,purchase_stock,sale_management,sale_stock,stock_picking_batch,repair,maintenance,product_expiry,stock_dropshipping
passed=0; failed=0
out=$BUILD/odoo-real; rm -rf "$out"; mkdir -p "$out"; chmod 777 "$out"
export ODOO_DATA=$out/data; mkdir -p "$ODOO_DATA"; chown odoo "$ODOO_DATA"

ok() { passed=$((passed + 1)); echo "ok      $1"; }
bad() { failed=$((failed + 1)); echo "FAILED  $1"; [ -z "${2:-}" ] || printf '%s\n' "$2" | head -20 | cut -c1-300; }
is() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "got: $2
expected: $3"; fi; }
q() { psql -qXAt -v ON_ERROR_STOP=1 -d "$1" -c "$2"; }
# Waits until a query answers t; every look is a new one.
until_true() { # until_true NAME DATABASE QUERY
  local i
  for i in $(seq 1 "${PATIENCE:-1200}"); do
    [ "$(q "$2" "$3")" = t ] && { ok "$1"; return; }
    sleep 0.1
  done
  bad "$1"
}
# Runs Odoo as its own user; nothing of it may fail: exit status, and no line of its log above WARNING.
odoo() { # odoo NAME PROGRAM ARGUMENTS...
  local name=$1 status=0 log; shift
  log=$out/$(printf %s "$name" | tr -c 'a-z0-9\n' _).log
  runuser -u odoo -- env PGUSER=odoo PGHOST="$PGHOST" PGPORT="$PGPORT" ODOO_DATA="$ODOO_DATA" PYTHONDONTWRITEBYTECODE=1 \
    timeout 900 python3 "test/odoo-real/$@" >"$log" 2>&1 || status=$?
  if [ "$status" != 0 ] || grep -qE ' (ERROR|CRITICAL) |^Traceback' "$log"; then
    bad "Odoo: $name (status $status)" "$(grep -E ' (ERROR|CRITICAL) |Error|Traceback' "$log" | tail -5)"; return 0
  fi
  ok "Odoo: $name"
}
published() { until_true "$1" "$2" "SELECT NOT EXISTS (SELECT 1 FROM odoo_events.journal j WHERE NOT odoo_events._is_published(j.xid, j.id))"; }
agree() { is "$1" "$(q "$2" "SELECT coalesce(string_agg(entity || ' ' || record_id || ': ' || note, E'\n'), '') FROM odoo_events.reconcile()")" ''; }

test/lib/instance.sh install
CONF=$out/conf; export CONF; printf "odoo_events.restart_delay = '100ms'\nodoo_events.databases = 'plant,twin'\n" >"$CONF"
test/lib/instance.sh remove odoo
test/lib/instance.sh start odoo
trap 'test/lib/instance.sh stop odoo' EXIT
eval "$(test/lib/instance.sh env odoo)"
q postgres 'CREATE ROLE odoo LOGIN CREATEDB'

# Tables that could be captured, of whose events any is enabled, and are not.
unattached="SELECT coalesce(string_agg(DISTINCT entity, ','), '') FROM odoo_events.capture_status WHERE NOT attached AND relation IS NOT NULL AND note NOT LIKE 'none of its events%'"
events_of_steps="SELECT s.id || ' ' || s.name || ': ' || coalesce((SELECT string_agg(t.n || ' ' || t.type, ', ' ORDER BY t.type)
    FROM (SELECT count(*) AS n, regexp_replace(o.type, '^odoo\.[a-z_]+\.|\.v1\$', '', 'g') AS type FROM odoo_events.outbox o WHERE o.odootx::text = s.xid GROUP BY 2) t), '-') FROM public.step s ORDER BY s.id"

# ---- a database that Odoo made ----
dump=$BUILD/odoo-base-$(printf %s "$modules" | cksum | cut -d' ' -f1).dump
if [ ! -s "$dump" ]; then
  odoo 'make a database' odoo19.py -d plant -i "$modules" --stop-after-init
  odoo 'master data' drive.py plant setup
  pg_dump -U odoo --no-owner -Fc -d plant -f "$dump.new" && mv "$dump.new" "$dump"
else
  createdb -O odoo -T template0 plant
  pg_restore -U odoo --no-owner -d plant "$dump"
fi
[ "$failed" = 0 ] || { rm -f "$dump"; echo "$passed passed, $failed failed"; exit 1; }
q plant 'CREATE TABLE public.step (id serial PRIMARY KEY, name text, xid text)'
q plant 'ALTER TABLE public.step OWNER TO odoo'

# ---- attached ----
q plant 'CREATE EXTENSION odoo_events'
is 'attach finds the tables of this Odoo' "$(q plant "SELECT count(*) > 20 AND bool_and(a.mode = 'trigger') FROM odoo_events.attach() a WHERE a.relation IS NOT NULL")" t
is 'no column is missing' "$(q plant "SELECT coalesce(string_agg(entity || ': ' || missing_columns::text, ' '), '') FROM odoo_events.capture_status WHERE missing_columns IS NOT NULL")" ''
python3 test/receiver/receiver.py --port-file "$out/port" --ledger "$out/ledger" --secrets "$out/secrets" >"$out/receiver.log" 2>&1 & receiver=$!
trap 'kill $receiver 2>/dev/null; test/lib/instance.sh stop odoo' EXIT
for i in $(seq 1 300); do [ -s "$out/port" ] && break; sleep 0.1; done
q plant "SELECT odoo_events.subscribe('all', 'http://127.0.0.1:$(cat "$out/port")/all', allow_networks => '{127.0.0.0/8}', clearance => '{public,internal,confidential,personal}')" >"$out/secrets"

# ---- a day, clicked ----
odoo 'a day in the plant' drive.py plant day
published 'every change is published' plant
is 'nothing is in quarantine' "$(q plant "SELECT coalesce(string_agg(reason, '; '), '') FROM odoo_events.quarantine")" ''
is 'nothing was missed' "$(q plant 'SELECT count(*) FROM odoo_events.capture_error')" 0
q plant "$events_of_steps" >"$out/events"
if diff -u test/odoo-real/expected "$out/events" >"$out/events.diff"; then ok 'the events of each click are the expected ones'; else bad 'the events of each click are the expected ones' "$(cat "$out/events.diff")"; fi
until_true 'all of them were delivered' plant "SELECT lag_events = 0 AND in_flight = 0 FROM odoo_events.subscription_status WHERE name = 'all'"
is 'each arrived, signed and in order' "$(python3 - "$out/ledger" <<'PY'
import json, sys
ids, problems = set(), []
for line in open(sys.argv[1]):
    e = json.loads(line)
    problems += e['problems']
    if 200 <= e['status'] < 300:
        ids.add(json.loads(e['body'])['id'])
print(len(ids), *problems)
PY
)" "$(q plant 'SELECT count(*) FROM odoo_events.outbox')"
agree 'tables and events agree' plant

# ---- Odoo lives on ----
before=$(q plant 'SELECT max(position) FROM odoo_events.outbox')
odoo 'upgrade of stock and what depends on it (-u stock)' odoo19.py -d plant -u stock --stop-after-init
published 'what it changed is published' plant
is 'an upgrade is no business event' "$(q plant "SELECT coalesce(string_agg(DISTINCT type, ' '), '') FROM odoo_events.outbox WHERE position > $before")" ''
is 'all is still attached' "$(q plant "$unattached")" ''
agree 'tables and events agree after it' plant

odoo 'installation of a module (-i stock_landed_costs)' odoo19.py -d plant -i stock_landed_costs --stop-after-init
is 'capture_status says that a table could be attached' "$(q plant "$unattached")" landed_cost
q plant "SELECT count(*) FROM odoo_events.attach()" >/dev/null
is 'after attach() it is' "$(q plant "$unattached")" ''

odoo 'uninstallation of a module (stock_picking_batch)' drive.py plant uninstall stock_picking_batch
is 'capture_status says what is gone' "$(q plant "SELECT string_agg(DISTINCT entity || ' ' || coalesce(relation, '-'), ', ') FROM odoo_events.capture_status WHERE entity = 'transfer_batch' AND relation = 'public.stock_picking_batch'")" ''
is 'the rest goes on' "$(q plant "$unattached")" ''
odoo 'its installation again' odoo19.py -d plant -i stock_picking_batch --stop-after-init
q plant "SELECT odoo_events._wake('config')" >/dev/null
until_true 'capture attaches the new table by itself' plant "SELECT attached FROM odoo_events.capture_status WHERE relation = 'public.stock_picking_batch'"
is 'and says that something may have been missed' "$(q plant "SELECT string_agg(DISTINCT relation, ',') FROM odoo_events.capture_error")" public.stock_picking_batch
q plant 'SELECT count(*) FROM odoo_events.reconcile(repair => true)' >/dev/null
is 'reconcile deals with it' "$(q plant 'SELECT count(*) FROM odoo_events.capture_error')" 0
q plant 'TRUNCATE public.step RESTART IDENTITY'
odoo 'the same day again' drive.py plant day
published 'every change of it is published' plant
q plant "$events_of_steps" >"$out/events2"
if diff -u test/odoo-real/expected "$out/events2" >"$out/events.diff"; then ok 'the same events'; else bad 'the same events' "$(cat "$out/events.diff")"; fi
agree 'tables and events agree at the end' plant

# ---- Odoo's database manager ----
odoo 'duplicate the database' manager.py duplicate plant twin
is 'the copy is silent' "$(q twin 'SELECT armed FROM odoo_events.arming')" f
is 'and complete' "$(q twin "$unattached")" ''
odoo 'drop the copy' manager.py drop twin
is 'it is gone' "$(q postgres "SELECT count(*) FROM pg_database WHERE datname = 'twin'")" 0
if grep -hE 'PANIC|terminated by signal' "$BUILD"/data18-odoo/server.log; then bad 'the server lives'; else ok 'the server lives'; fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
