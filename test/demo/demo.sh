#!/usr/bin/env bash
# make demo: a private PostgreSQL, a database recorded from Odoo 19, a receiver on 127.0.0.1, and a day of business to watch.
# PACE is the pause between steps in seconds (default 0.5).  Nothing is installed into the system's PostgreSQL, nothing is left
# running.  Exit status 0 says that every event has arrived as published, signed and in order.
#
#   demo.sh              to a receiver of webhooks
#   demo.sh nats|kafka   to a real broker instead (make demo-nats, make demo-kafka); as root it is installed where it is missing
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
. test/lib/needs.sh
case "${1:-}" in
  '') need_packages build ;;
  nats | kafka) need_packages build "broker-$1" ;;
  *) echo "demo.sh [nats|kafka]" >&2; exit 2 ;;
esac
PG_CONFIG=$(server_pg_config); export PG_CONFIG

work=$(mktemp -d)
# The server runs as user postgres when we are root: what it needs must be within that user's reach.
if [ -z "${BUILD:-}" ] && [ "$(id -u)" = 0 ] && ! (cd / && runuser -u postgres -- test -r "$top/Makefile"); then
  chmod 755 "$work"; BUILD=$work/build; mkdir "$BUILD"
fi
export BUILD=${BUILD:-$top/build}
finish() {
  test/lib/instance.sh remove demo >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

# Among the jobs of check.sh it is built already, and servers use it.
if [ "${OE_BUILT:-no}" != yes ]; then
  echo "building odoo_events in a private copy of PostgreSQL ..."
  test/lib/instance.sh install >"$work/build.log" 2>&1 || { tail -40 "$work/build.log" >&2; exit 1; }
fi
test/lib/instance.sh remove demo
test/lib/instance.sh start demo
eval "$(test/lib/instance.sh env demo)"
python=python3; [ ! -x /usr/bin/python3 ] || python=/usr/bin/python3
if [ $# -gt 0 ]; then
  "$python" test/demo/broker.py --work "$work" --pace "${PACE:-0.5}" "$1"
else
  # The pages stay when the server is gone.
pages=$top/build/pages; [ -w "$top" ] || pages=$(mktemp -d)
"$python" test/demo/demo.py --work "$work" --pages "$pages" --pace "${PACE:-0.5}"
fi
