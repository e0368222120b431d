#!/usr/bin/env bash
# All benchmarks on private servers, one after another, a quarter of an hour on a quiet machine; prints a table, which docs/benchmarks.md explains.
#
#   run.sh [publish|pipeline|misbehave|delivery|scale|decode|backfill|pages|brokers ...]
#
# BACKLOG (default 3000000): events behind one of 1,000 subscriptions; ten million take 25 GB and five minutes more.
# PAGE_EVENTS (default 3000000): events in the outbox when the pages are made.
# PROTOTYPE: the bare libcurl poster to compare with (delivery.py says how it is called).
# Needs what the tests need, nginx, openssl and a C compiler.  The extension is built without the tests' fault points, as a user builds it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export FAULTS=
failed=0
part() { # part NAME COMMAND...
  local began=$SECONDS name=$1; shift
  printf '\n== %s\n' "$name"
  "$@" 2>&1 | grep -v -e Deprecat -e _version || { failed=1; echo "FAILED: $name"; }
  printf '(%s s)\n' $((SECONDS - began))
}
publish() {
  local conf; conf=$(mktemp); printf "shared_buffers = 1GB\nmax_wal_size = 8GB\nodoo_events.databases = 'none-such'\n" >"$conf"; chmod 644 "$conf"
  ../lib/instance.sh install && ../lib/instance.sh remove publish && FSYNC=on CONF=$conf ../lib/instance.sh start publish || return 1
  echo "events, seconds, events/s, seconds of processor time, events/s of that"
  (eval "$(../lib/instance.sh env publish)"; ./publish.sh 5000)
  ../lib/instance.sh remove publish; rm -f "$conf"
}
run() {
  case $1 in
    publish) part "publishing" publish ;;
    pipeline) part "from the journal to 2xx" python3 pipeline.py ;;
    misbehave) part "one that misbehaves beside ten" python3 delivery.py --parts misbehave ;;
    delivery) part "single events, and slow receivers" python3 delivery.py --parts subscriptions,latency ${PROTOTYPE:+--prototype "$PROTOTYPE"} ;;
    scale) part "many subscriptions" python3 scale.py --backlog "${BACKLOG:-3000000}" ;;
    decode) part "output plugin" python3 decode.py --changes 100000 --rounds 1 ;;
    brokers) part "into brokers" python3 backbone.py; part "beside a broker that hangs" python3 hanging.py; part "many databases" python3 fifty.py ;;
    backfill) part "a backfill beside who writes" ./backfill.sh ;;
    pages) part "pages over a full outbox" python3 pages.py --events "${PAGE_EVENTS:-3000000}" ;;
    *) sed -n '2,9p' run.sh; exit 2 ;;
  esac
}
printf '%s\n%s cores, %s, kernel %s, %s, libcurl %s, load %s\n' "$(date -u '+%F %R UTC')" "$(nproc)" "$(sed -n 's/^model name.*: *//p;T;q' /proc/cpuinfo)" "$(uname -r)" \
  "$("${PG_CONFIG:-pg_config}" --version)" "$(pkg-config --modversion libcurl)" "$(cut -d' ' -f1-3 /proc/loadavg)"
for name in "${@:-all}"; do
  if [ "$name" = all ]; then for each in publish pipeline misbehave delivery scale decode backfill pages; do run "$each"; done; else run "$name"; fi
done
exit $failed
