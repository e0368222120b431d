#!/bin/sh
# The columns of a recorded base, as lines "table <tab> column <tab> type".
#
#   columns.sh odoo16-base
set -eu
here=$(cd "$(dirname "$0")" && pwd)
zcat "$here/../odoo/$1.sql.gz" | awk '
  /^CREATE TABLE public\./ { t = $3; sub("public.", "", t); next }
  /^\)/ { t = "" }
  t != "" && $1 != "CONSTRAINT" {
    column = $1; type = $0
    sub(/^ *[^ ]+ /, "", type); sub(/,$/, "", type); sub(/ DEFAULT .*/, "", type); sub(/ NOT NULL.*/, "", type)
    print t "\t" column "\t" type
  }'
