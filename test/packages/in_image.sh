# Run in a container by test/packages/run.sh: a server with the extension preloaded, triggers made, an event published.  MOUNTED names the directory
# of an extension image, which the server finds by its search paths, as CloudNativePG sets them.
bin=/usr/lib/postgresql/@MAJOR@/bin
data=$(mktemp -d)
$bin/initdb -D "$data/pg" -U postgres -A trust >/dev/null
cat >>"$data/pg/postgresql.conf" <<CONF
shared_preload_libraries = 'odoo_events'
listen_addresses = ''
unix_socket_directories = '$data'
CONF
if [ -n "${MOUNTED:-}" ]; then
  echo "extension_control_path = '\$system:$MOUNTED/share'" >>"$data/pg/postgresql.conf"
  echo "dynamic_library_path = '\$libdir:$MOUNTED/lib'" >>"$data/pg/postgresql.conf"
  export LD_LIBRARY_PATH=$MOUNTED/system
fi
$bin/pg_ctl -D "$data/pg" -w -l "$data/log" start || { cat "$data/log"; exit 1; }
trap '$bin/pg_ctl -D "$data/pg" -m immediate stop >/dev/null || true' EXIT
query() { $bin/psql -XAtq -v ON_ERROR_STOP=1 -h "$data" -U postgres postgres "$@"; }
query -c 'CREATE TABLE ir_module_module (id int PRIMARY KEY)' -c 'CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, picking_type_id int)' -c 'CREATE EXTENSION odoo_events' -c 'SELECT odoo_events.attach()'
query -c "SELECT odoo_events.emit('acme.quality.image.tested.v1', 'image/1', '{}')"
tries=0
until [ "$(query -c 'SELECT count(*) FROM odoo_events.outbox')" = 1 ]; do tries=$((tries + 1)); [ $tries -lt 300 ] || exit 1; sleep 0.1; done
