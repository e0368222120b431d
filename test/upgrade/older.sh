#!/bin/sh
# A version before the first, so that upgrades are tested before there is one: what CREATE EXTENSION ... VERSION '0.0.9' would have made,
# and the script from there.  Made by test/lib/instance.sh in its private tree.
#
#   older.sh INSTALL-SCRIPT EXTENSION-DIRECTORY
#
# It lacks a function, a column of a table, an event, an entity with its table's capture and a grant, and says something else of another event, as a real one would.
set -eu
install=$1 dir=$2 top=$(cd "$(dirname "$0")/../.." && pwd)
version=$(basename "$install" .sql); version=${version##*--}
{
  cat "$install"
  cat <<'SQL'
DROP FUNCTION odoo_events.cancel_backfill(bigint);
DROP VIEW odoo_events.backfill_status;
ALTER TABLE odoo_events.backfill_job DROP COLUMN error;
DELETE FROM odoo_events.event_def WHERE type OPERATOR(pg_catalog.=) 'odoo.logistics.shipment.delayed.v1';
UPDATE odoo_events.event_def SET description = 'something else', condition = NULL WHERE type OPERATOR(pg_catalog.=) 'odoo.logistics.shipment.rescheduled.v1';
REVOKE SELECT ON odoo_events.worker_status FROM pg_monitor;
DELETE FROM odoo_events.event_def WHERE entity OPERATOR(pg_catalog.=) 'transfer_batch';
DELETE FROM odoo_events.milestone WHERE entity OPERATOR(pg_catalog.=) 'transfer_batch';
DELETE FROM odoo_events.part WHERE entity OPERATOR(pg_catalog.=) 'transfer_batch';
DELETE FROM odoo_events.field WHERE owner OPERATOR(pg_catalog.=) 'transfer_batch';
DELETE FROM odoo_events.entity WHERE entity OPERATOR(pg_catalog.=) 'transfer_batch';
DELETE FROM odoo_events.link WHERE rule OPERATOR(pg_catalog.=) 'stock_picking_batch';
DELETE FROM odoo_events.capture_rule WHERE rule OPERATOR(pg_catalog.=) 'stock_picking_batch';
SQL
} > "$dir/odoo_events--0.0.9.sql"

# part NAME: from the CREATE of NAME to the end of the COMMENT behind it
part() {
  awk -v name="$1" '/^CREATE/ && index($0, name) { on = 1 } on { print } on && /^COMMENT/ { last = 1 } on && last && /;$/ { exit }' "$install"
}
changes=$(mktemp)
{
  echo 'ALTER TABLE odoo_events.backfill_job ADD COLUMN error text;'
  part 'VIEW odoo_events.backfill_status'
  part 'FUNCTION odoo_events.cancel_backfill('
  echo 'REVOKE ALL ON odoo_events.backfill_status FROM PUBLIC;'
  echo 'REVOKE ALL ON FUNCTION odoo_events.cancel_backfill(bigint) FROM PUBLIC;'
  echo 'GRANT SELECT ON odoo_events.worker_status TO pg_monitor;'
} > "$changes"
make -s -C "$top" upgrade-script CHANGES="$changes" > "$dir/odoo_events--0.0.9--$version.sql"
rm -f "$changes"
