#!/bin/sh
# Loads a recorded Odoo into a database, or replays a recording there, as the role that owns the database.
#
#   replay.sh load DATABASE odoo19-base       the recorded database
#   replay.sh play DATABASE odoo19-sales      a recording
#   replay.sh each DATABASE odoo19-sales      the same, published after each transaction
#
# Run by tests; the server is that of PGHOST, PGPORT.  Says nothing but errors.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export PGOPTIONS='-c role=regress_publish_owner -c client_min_messages=warning'
each=
case $1 in
  load) file=$3.sql.gz ;;
  play) file=$3.trace.sql.gz ;;
  each) file=$3.trace.sql.gz; each='s/^COMMIT;$/COMMIT;\nSELECT odoo_events.publish();/' ;;
esac
zcat "$here/../odoo/$file" | sed "$each" | psql -qX -v ON_ERROR_STOP=0 -d "$2" -o /dev/null
