#!/usr/bin/env bash
# make receiver: the demo's receiver alone, on 127.0.0.1:$PORT (default 8765).  With SECRET=whsec_... it verifies signatures.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
port=${PORT:-8765}
python=python3; [ ! -x /usr/bin/python3 ] || python=/usr/bin/python3
command -v "$python" >/dev/null || { echo "python3 is missing. As root: apt-get install --no-install-recommends python3" >&2; exit 1; }
options=()
if [ -n "${SECRET:-}" ]; then
  secrets=$(mktemp); trap 'rm -f "$secrets"' EXIT
  printf '%s\n' "$SECRET" >"$secrets"
  options=(--secrets "$secrets")
else
  echo "Without SECRET=whsec_... signatures are not verified. To subscribe it:"
fi
echo "  SELECT odoo_events.subscribe('try', 'http://127.0.0.1:$port/', allow_networks => '{127.0.0.0/8}');"
"$python" "$top/test/receiver/receiver.py" --port "$port" --print "${options[@]}"
