#!/usr/bin/env bash
# A private PostgreSQL for tests and the demo: a copy of the installed tree (so that nothing is installed into the system) and a
# server on a Unix socket of its own.  As root the server runs as user "postgres"; otherwise as the caller.
#
#   instance.sh install          copy the tree of $PG_CONFIG (once), build and install the extension into the copy
#   instance.sh start [name]     initdb (once) and start the server "name" (default: main)
#   instance.sh stop [name]      stop it
#   instance.sh remove [name]    stop it and remove its data
#   instance.sh env [name]       print PGHOST, PGPORT, PGUSER, PG_CONFIG, PATH for eval
#
# The builds have fault points (src/base/fault.h); FAULTS= in the environment leaves them out, as a user's build does.
# BUILD (default: build) is where everything is; PORT (default 5432) only names the socket; CONF names a file with settings
# to append.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$top/test/lib/needs.sh"
PG_CONFIG=$(server_pg_config)
osuser=$(id -un); [ "$osuser" = root ] && osuser=postgres
# From / because user postgres may not enter the caller's directory, which PostgreSQL's programs complain of.
as() { if [ "$(id -un)" = "$osuser" ]; then "$@"; else (cd / && exec runuser -u "$osuser" -- "$@"); fi; }
major=$("$PG_CONFIG" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
kept=
if [ -z "${BUILD:-}" ]; then
  BUILD=$top/build
  # Where user postgres cannot read the checkout (in root's home), everything is in /tmp until "remove".
  if ! as test -r "$top/Makefile"; then BUILD=/tmp/odoo_events-$(printf %s "$top" | cksum | cut -d' ' -f1); kept=$BUILD; fi
fi
BUILD=$(realpath -m "$BUILD")
tree=$BUILD/pg$major
bin=$tree/lib/postgresql/$major/bin
name=${2:-main}
data=$BUILD/data$major-$name
# A socket's path is limited to 107 bytes, a checkout's is not.
sock=/tmp/oe-$(printf %s "$BUILD/$major-$name" | cksum | cut -d' ' -f1)
port=${PORT:-5432}

copy_tree() {
  [ -x "$bin/postgres" ] && return
  local lib share include
  lib=$(dirname "$("$PG_CONFIG" --bindir)"); share=$("$PG_CONFIG" --sharedir); include=$("$PG_CONFIG" --includedir-server)
  mkdir -p "$tree/lib/postgresql" "$tree/share/postgresql"
  cp -a "$lib" "$tree/lib/postgresql/$major.tmp"
  cp -a "$share" "$tree/share/postgresql/$major"
  ln -sfn "${include%%/postgresql/*}" "$tree/include"      # pg_config answers relative to itself
  mv "$tree/lib/postgresql/$major.tmp" "$tree/lib/postgresql/$major"
}
do_install() {
  mkdir -p "$BUILD"
  [ -z "$kept" ] || { chmod 755 "$BUILD"; echo "(kept in $BUILD until the last server is removed)"; }
  copy_tree
  make -s -C "$top" PG_CONFIG="$bin/pg_config" WERROR="${WERROR:-1}" FAULTS="${FAULTS-1}" with_llvm=no ${MAKEJ:--j2} all
  make -s -C "$top" PG_CONFIG="$bin/pg_config" FAULTS="${FAULTS-1}" with_llvm=no install >/dev/null
}
do_start() {
  mkdir -p "$sock"; chown "$osuser" "$sock"
  if [ ! -f "$data/PG_VERSION" ]; then
    mkdir -p "$data"; chown "$osuser" "$data"
    as "$bin/initdb" -D "$data" -U postgres --locale=C.UTF-8 -E UTF8 -A trust >/dev/null
    as tee -a "$data/postgresql.conf" >/dev/null <<CONF
port = $port
listen_addresses = ''
unix_socket_directories = '$sock'
shared_preload_libraries = 'odoo_events'
max_prepared_transactions = 10
max_worker_processes = 20
wal_level = logical
fsync = ${FSYNC:-off}
log_min_messages = info
log_line_prefix = '%m [%p] %b %q%u@%d '
CONF
    # 15.19, its siblings and later load only the output plugins that are named
    if as "$bin/postgres" --describe-config | grep '^output_plugin_libraries' >/dev/null; then
      echo "output_plugin_libraries = 'pgoutput, test_decoding, odoo_events'" | as tee -a "$data/postgresql.conf" >/dev/null
    fi
    [ -z "${CONF:-}" ] || as tee -a "$data/postgresql.conf" <"$CONF" >/dev/null
  fi
  as "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1 && return
  as "$bin/pg_ctl" -D "$data" -l "$data/server.log" -w -t 60 start >/dev/null || { tail -20 "$data/server.log" >&2; exit 1; }
}
do_stop() { if [ -d "$data" ] && as "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1; then as "$bin/pg_ctl" -D "$data" -m fast -w stop >/dev/null; fi; }

case "${1:-}" in
  install) do_install ;;
  start) do_start ;;
  stop) do_stop ;;
  remove)
    do_stop; rm -rf "$data" "$sock"
    if [ -n "$kept" ] && ! compgen -G "$BUILD/data*" >/dev/null; then rm -rf "$BUILD"; fi ;;
  env) echo "export PGHOST=$sock PGPORT=$port PGUSER=postgres PG_CONFIG=$bin/pg_config PATH=$bin:\$PATH" ;;
  *) sed -n '2,14p' "$0"; exit 2 ;;
esac
