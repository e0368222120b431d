#!/usr/bin/env bash
# How many bytes an event costs: rows, indexes and WAL, for the recorded days of real Odoo 19 (docs/sizing.md).  Each day is replayed twice, in a
# database without the extension and in one with it; the difference of the WAL is what capture, publishing and delivery write.
set -euo pipefail
cd "$(dirname "$0")/../.."
test/lib/instance.sh install
test/lib/instance.sh remove size
CONF=$(mktemp); chmod 644 "$CONF"; echo "autovacuum = off" >"$CONF"; export CONF
test/lib/instance.sh start size; eval "$(test/lib/instance.sh env size)"; rm -f "$CONF"
trap 'kill "$receiver" 2>/dev/null; test/lib/instance.sh remove size' EXIT
q() { psql -qXAt "$@"; }
createuser odoo
python3 -c '
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"])); self.send_response(204); self.send_header("content-length", "0"); self.end_headers()
    def log_message(self, *a): pass
class S(http.server.ThreadingHTTPServer): request_queue_size = 128
s = S(("127.0.0.1", 0), H); print(s.server_port, file=open(sys.argv[1], "w"), flush=True); s.serve_forever()' "${TMPDIR:-/tmp}/oe-size.port" & receiver=$!
printf '%-44s %8s %9s %9s %9s %9s %9s\n' day events outbox attempts 'WAL Odoo' 'WAL ours' 'WAL/event'
for day in sales manufacturing purchase-maintenance-repair; do
  for with in no yes; do
    createdb -O odoo "$with"; zcat test/odoo/odoo19-base.sql.gz | q -U odoo "$with" >/dev/null
    if [ "$with" = yes ]; then
      q yes -c 'CREATE EXTENSION odoo_events' -c 'SELECT count(*) FROM odoo_events.attach()' \
        -c "SELECT odoo_events.subscribe('wms', 'http://127.0.0.1:$(cat "${TMPDIR:-/tmp}/oe-size.port")/', allow_networks => '{127.0.0.0/8}', clearance => '{public,internal,confidential,personal}')" >/dev/null
    fi
    q postgres -c CHECKPOINT
    from=$(q postgres -c 'SELECT pg_current_wal_insert_lsn()')
    zcat "test/odoo/odoo19-$day.trace.sql.gz" | q -U odoo "$with" >/dev/null
    if [ "$with" = yes ]; then
      until [ "$(q yes -c 'SELECT NOT (SELECT pending FROM odoo_events._worker()) AND bool_and(lag_events = 0 AND position = odoo_events._last_position() AND delivered_total > 0) FROM odoo_events.subscription_status')" = t ]; do sleep 0.2; done
      read -r events outbox attempts < <(q -F ' ' yes -c "SELECT (SELECT count(*) FROM odoo_events.outbox), sum(pg_total_relation_size(c.oid)) FILTER (WHERE relname ~ '^outbox_[0-9]+\$'),
        sum(pg_total_relation_size(c.oid)) FILTER (WHERE relname ~ '^attempt_[0-9]+\$') FROM pg_class c WHERE relnamespace = 'odoo_events'::regnamespace")
    fi
    eval "wal_$with=$(q postgres -c "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$from')::int8")"
  done
  # shellcheck disable=SC2154
  printf '%-44s %8s %9s %9s %9s %9s %9s\n' "$day" "$events" $((outbox / events)) $((attempts / events)) $((wal_no / 1024))k $(((wal_yes - wal_no) / 1024))k $(((wal_yes - wal_no) / events))
  q yes -c "SELECT 'text of an event: ' || round(avg(octet_length(event::text))) || ' on average, ' || max(octet_length(event::text)) || ' the largest' FROM odoo_events.outbox"
  dropdb --force yes; dropdb no
done
