#!/bin/sh
# Does a publisher that was stopped for the whole of a recording tell the same story as one that ran all the time?
#
#   compare.sh TEMPLATE RECORDING     TEMPLATE: a database with a recorded Odoo, captured and with nothing published
#
# Prints what differs, but for what is read when published: names of other rows, and lines that the
# transaction left alone with what is computed from them.  Run by tests; the server is that of PGHOST, PGPORT.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
sql() { psql -qXAt -v ON_ERROR_STOP=1 "$@"; }
for how in each play; do
  sql -d postgres -c "CREATE DATABASE publish_$how TEMPLATE $1 OWNER regress_publish_owner"
  "$here/replay.sh" $how publish_$how "$2"
  # in pieces, so that what is read lies behind what is published
  { yes 'SELECT odoo_events.publish(10);' | head -100; echo 'SELECT odoo_events.publish();'; } | sql -d publish_$how -o /dev/null
  sql -d publish_$how -f "$here/facts.sql" > "$work/$how"
  sql -d postgres -c "DROP DATABASE publish_$how"
done
each=$(wc -l < "$work/each") play=$(wc -l < "$work/play")
if [ "$each" -gt 50 ] && [ "$each" = "$play" ]; then echo "$2: as many events"; else echo "$2: $each events while it ran, $play afterwards"; fi
diff "$work/each" "$work/play" | cut -c1-${WIDTH:-400} || true
