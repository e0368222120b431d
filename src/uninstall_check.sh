#!/bin/sh
# make uninstall asks here first.  Without the library every change to a captured table fails, and a server that
# preloads it does not start; so the files stay while a running server of this installation needs them.
#
#   uninstall_check.sh BINDIR PKGLIBDIR
#
# PGHOST and PGPORT choose one server.  Without them all running clusters that Debian's pg_lsclusters lists are
# asked, or else the server that psql finds by itself.
set -eu
bindir=$1 pkglibdir=$2 refused=0
psql=$bindir/psql; [ -x "$psql" ] || psql=psql
refuse() { echo "make uninstall: $*" >&2; refused=1; }

# ask PORT DATABASE QUERY: as the caller, and for root else as user postgres
ask() {
  PGPORT=${1:-${PGPORT:-}} PGDATABASE=$2 "$psql" -wqtAX -c "$3" 2>/dev/null && return
  [ "$(id -u)" = 0 ] && id postgres >/dev/null 2>&1 &&
    PGPORT=${1:-${PGPORT:-}} PGDATABASE=$2 runuser -u postgres -- "$psql" -wqtAX -c "$3" 2>/dev/null
}
check() {
  where="the server on port ${1:-${PGPORT:-5432}}"
  if ! lib=$(ask "$1" postgres "SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR'"); then
    refuse "$where runs, but psql cannot ask it whether it needs the extension (as a superuser)"
    return 0
  fi
  [ "$(readlink -f "$lib")" = "$(readlink -f "$pkglibdir")" ] || return 0
  for database in $(ask "$1" postgres "SELECT quote_ident(datname) FROM pg_database WHERE datallowconn"); do
    if [ -n "$(ask "$1" "$database" "SELECT 1 FROM pg_extension WHERE extname = 'odoo_events'")" ]; then
      refuse "database $database of $where has the extension; run there: DROP EXTENSION odoo_events;"
    fi
  done
  if [ -n "$(ask "$1" postgres "SELECT 1 WHERE current_setting('shared_preload_libraries') ~ '\modoo_events\M'
                                 UNION SELECT 1 FROM pg_file_settings WHERE name = 'shared_preload_libraries' AND setting ~ '\modoo_events\M'")" ]; then
    refuse "$where preloads the library; take odoo_events out of shared_preload_libraries and restart the server"
  fi
}

if [ -z "${PGHOST:-}${PGPORT:-}" ] && command -v pg_lsclusters >/dev/null; then
  ports=$(pg_lsclusters -h | awk '$4 ~ /^online/ { print $3 }')
  for port in $ports; do check "$port"; done
elif "$bindir/pg_isready" -q || [ $? = 1 ]; then
  check ""
else
  echo "make uninstall: no server runs that could be asked; docs/remove.md says what has to be done before a server starts again" >&2
fi
[ $refused = 0 ] || { echo "docs/remove.md has the steps and their order; FORCE=1 removes the files all the same" >&2; exit 1; }
