#!/usr/bin/env bash
# The other supported PostgreSQL versions, each in a Debian chroot: trixie brings 17, sid brings 18, experimental brings 19; and "odoo", sid with its
# package of Odoo 19.  The chroots are made once, kept in $OE_CHROOTS (default /var/tmp/odoo_events-chroots), used again while they are good, made anew
# when the recipe below changes or when one is found broken.  Needs root and debootstrap; runs in a mount namespace of its own, so that no mount can be
# left behind.
#
#   chroot.sh make VERSION               make it, unless it is there; VERSION is 17, 18, 19 or odoo
#   chroot.sh run VERSION COMMAND...     copy the work tree into it and run COMMAND there, in the copy
#   chroot.sh copy VERSION               only copy the work tree
#   chroot.sh exec VERSION COMMAND...    run COMMAND in the copy as it is, beside others
#   chroot.sh remove VERSION             take it away
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$top/test/lib/debian.sh"
usage() { sed -n '7,11p' "$0"; exit 2; }
command=${1:-}; asked=${2:-}; version=$asked
more='' release='' name=postgresql-$version
case "$version" in
  17) suite=trixie ;;
  18) suite=sid ;;
  19) suite=sid release=experimental ;;
  odoo) suite=sid name=odoo version=18 more='odoo-19 tzdata-legacy' ;;
  *) usage ;;
esac
root=$OE_CHROOTS/$name
packages="ca-certificates git gcc make pkg-config libc6-dev libcurl4-openssl-dev libssl-dev libjansson-dev perl libipc-run-perl procps util-linux
  openssl python3 nodejs postgresql-$version postgresql-server-dev-$version${more:+ $more}"
recipe=$(printf '%s' "4 $packages" | cksum | cut -d' ' -f1)

is_good() { [ "$(cat "$root/.recipe" 2>/dev/null)" = "$recipe" ] && [ -x "$root/usr/lib/postgresql/$version/bin/postgres" ] &&
  [ -x "$root/usr/bin/gcc" ]; }

make_it() {
  is_good && return
  local log=$OE_CHROOTS/$name.log
  echo "making the $name chroot in $root (a few minutes, once; log: $log)" >&2
  # a process of its own, since a function called before || goes on after failures
  "${BASH_SOURCE[0]}" steps "$asked" >"$log" 2>&1 </dev/null || {
    tail -25 "$log" >&2; echo "chroot.sh: could not make the $name chroot" >&2; exit 1; }
}
steps() {
  copy_of_debian "$suite" "$root"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"; chmod 755 "$root/usr/sbin/policy-rc.d"
  if [ -n "$release" ]; then
    echo "deb $(mirror) $release main" >"$root/etc/apt/sources.list.d/odoo_events.list"
    # only what is built from PostgreSQL's source, its libpq too
    printf 'Package: src:postgresql-%s\nPin: release a=%s\nPin-Priority: 990\n' "$version" "$release" >"$root/etc/apt/preferences.d/odoo_events"
  fi
  # No cluster of the distribution's: the tests make their own.
  mkdir -p "$root/etc/postgresql-common"; echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.conf"
  enter apt-get -q update
  # shellcheck disable=SC2086
  enter apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold install $packages
  enter apt-get clean
  echo "$recipe" >"$root/.recipe"
}

# Copies the work tree, with the libraries of the Node receiver, into a place of this checkout's own in the chroot.
copy_tree() {
  mkdir -p "$root$home"
  find "$root$home" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
  tar -c -C "$top" --exclude=./build --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' . |
    tar -x --no-same-owner -C "$root$home"
}

need_root_and_debootstrap chroot.sh
home=/src/$(printf '%s' "$top" | cksum | cut -d' ' -f1)
case "$command" in
  make) exec 9>"$OE_CHROOTS/$name.lock"; flock 9; make_it ;;
  run | copy)
    [ "$command" = copy ] || [ $# -gt 2 ] || usage
    (exec 9>"$OE_CHROOTS/$name.lock"; flock 9; make_it)
    copy_tree
    if [ "$command" = run ]; then shift 2; enter bash -c 'cd "$1" && shift && exec "$@"' run "$home" "$@"; fi ;;
  exec) [ $# -gt 2 ] || usage; shift 2; enter bash -c 'cd "$1" && shift && exec "$@"' exec "$home" "$@" ;;
  steps) steps ;;
  remove) exec 9>"$OE_CHROOTS/$name.lock"; flock 9; rm -rf --one-file-system "$root" ;;
  *) usage ;;
esac
