#!/usr/bin/env bash
# Makes the recording odoo19-more again, in the chroot of real Odoo 19:
#
#   test/lib/chroot.sh run odoo test/odoo/record/run.sh
#
# Leaves odoo19-more-base.sql.gz and odoo19-more.trace.sql.gz in $BUILD/record.  README.md says what then has to be looked at.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
here=test/odoo/record
export PG_CONFIG=/usr/lib/postgresql/18/bin/pg_config
: "${BUILD:=$PWD/build}"; export BUILD
modules=stock,mrp,purchase_stock,sale_management,sale_stock,purchase_mrp,sale_mrp,sale_purchase,stock_picking_batch,stock_delivery,stock_dropshipping,stock_landed_costs
modules=$modules,maintenance,repair,mrp_repair,stock_maintenance,product_expiry,mrp_account,mrp_subcontracting,analytic
out=$BUILD/record; rm -rf "$out"; mkdir -p "$out/log"; chmod 777 "$out" "$out/log"; touch "$out/odoo.log"
export ODOO_DATA=$out/data; mkdir -p "$ODOO_DATA"; chown odoo "$ODOO_DATA"
q() { psql -qXAt -v ON_ERROR_STOP=1 -d "$1" -c "$2"; }
odoo() { runuser -u odoo -- env PGUSER=odoo PGHOST="$PGHOST" PGPORT="$PGPORT" ODOO_DATA="$ODOO_DATA" PYTHONDONTWRITEBYTECODE=1 python3 "$@" 2>>"$out/odoo.log"; }

test/lib/instance.sh install
CONF=$out/conf; export CONF
printf "odoo_events.databases = 'none'\nlogging_collector = on\nlog_destination = 'csvlog'\nlog_directory = '%s'\nlog_filename = 'all.log'\n" "$out/log" >"$CONF"
test/lib/instance.sh remove record
test/lib/instance.sh start record
trap 'test/lib/instance.sh stop record' EXIT
eval "$(test/lib/instance.sh env record)"
q postgres 'CREATE ROLE odoo LOGIN CREATEDB'

odoo test/odoo-real/odoo19.py -d made -i "$modules" --stop-after-init --log-level=error
odoo $here/record.py made plant

# the base: tables of the business, without texts of modules and attachments
createdb -O odoo -T made base
q base "DELETE FROM ir_attachment"
q base "DO \$\$ DECLARE c name; BEGIN FOR c IN SELECT attname FROM pg_attribute WHERE attrelid = 'ir_module_module'::regclass AND attnum > 0 AND NOT attisdropped AND NOT attnotnull
  AND atttypid IN ('text'::regtype, 'jsonb'::regtype, 'varchar'::regtype) AND attname NOT IN ('name', 'state', 'latest_version') LOOP EXECUTE format('UPDATE ir_module_module SET %I = NULL', c); END LOOP; END \$\$"
tables=(); while read -r t; do tables+=(-t "public.$t"); done <$here/tables
pg_dump -U odoo --no-owner --no-privileges --no-comments "${tables[@]}" -t 'public.ir_sequence_[0-9]*' base | python3 $here/base.py >"$out/base.sql"

# the day
q postgres "ALTER DATABASE made SET log_statement = 'all'"
odoo $here/record.py made transfers orders || failed=1
python3 $here/trace.py "$out/base.sql" "$out/log/all.csv" >"$out/trace.sql"
gzip -9nc "$out/base.sql" >"$out/odoo19-more-base.sql.gz"
gzip -9nc "$out/trace.sql" >"$out/odoo19-more.trace.sql.gz"
echo "$(grep -c '^-- #####' "$out/trace.sql") steps, in $out"
[ -z "${failed:-}" ] || { echo "steps FAILED, see above"; exit 1; }
