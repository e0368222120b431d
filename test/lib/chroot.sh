#!/usr/bin/env bash
# The other supported PostgreSQL versions, each in a Debian chroot: trixie brings 17, sid brings 18; and "odoo", sid with its package
# of Odoo 19.  The chroots are made once, kept in $OE_CHROOTS
# (default /var/tmp/odoo_events-chroots), used again while they are good, made anew when the recipe below changes
# or when one is found broken.  Needs root and debootstrap; runs in a mount namespace of its own, so no mount can be left behind.
#
#   chroot.sh make 17|18|odoo            make it, unless it is there
#   chroot.sh run 17|18|odoo COMMAND...  copy the work tree into it and run COMMAND there, in the copy
#   chroot.sh remove 17|18|odoo          take it away
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${OE_CHROOTS:=/var/tmp/odoo_events-chroots}"
usage() { sed -n '2,8p' "$0"; exit 2; }
command=${1:-}; version=${2:-}
more=
case "$version" in
  17) suite=trixie name=trixie ;;
  18) suite=sid name=sid ;;
  odoo) suite=sid name=odoo version=18 more='odoo-19 tzdata-legacy' ;;
  *) usage ;;
esac
root=$OE_CHROOTS/$name
packages="ca-certificates git gcc make pkg-config libc6-dev libcurl4-openssl-dev libssl-dev perl libipc-run-perl procps util-linux
  python3 nodejs postgresql-$version postgresql-server-dev-$version${more:+ $more}"
recipe=$(printf '%s' "3 $packages" | cksum | cut -d' ' -f1)

# The mirror this machine itself installs Debian from.
mirror() {
  local uri
  uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | head -1)
  [ -n "$uri" ] || uri=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '$1 == "URIs:" && $2 ~ /\/debian\/?$/ {print $2; exit}')
  [ -n "$uri" ] || uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    awk '$1 == "deb" {for (i = 2; i <= NF; i++) if ($i ~ /^http.*\/debian\/?$/) {print $i; exit}}')
  [ -n "$uri" ] || { echo "chroot.sh: found no Debian mirror in the sources of apt" >&2; exit 1; }
  printf '%s' "${uri%/}"
}

# Runs its arguments chrooted, with /proc, /sys and /dev, in a mount namespace that ends with the command.
enter() {
  # where / itself is no mount point (in a chroot), there is nothing to make private
  local propagation=private
  unshare --mount --propagation private true 2>/dev/null || propagation=unchanged
  unshare --mount --propagation $propagation bash -c '
    set -e; root=$1; shift
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
      ${CI:+CI="$CI"} ${PACE:+PACE="$PACE"} ${ROUNDS:+ROUNDS="$ROUNDS"} ${OE_ONCE:+OE_ONCE="$OE_ONCE"} chroot "$root" "$@"' enter "$root" "$@"
}

is_good() { [ "$(cat "$root/.recipe" 2>/dev/null)" = "$recipe" ] && [ -x "$root/usr/lib/postgresql/$version/bin/postgres" ] &&
  [ -x "$root/usr/bin/gcc" ]; }

make_it() {
  is_good && return
  local log=$OE_CHROOTS/$name.log
  echo "making the $name chroot in $root (a few minutes, once; log: $log)" >&2
  rm -rf --one-file-system "$root"
  mkdir -p "$root"
  {
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$(mirror)"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"; chmod 755 "$root/usr/sbin/policy-rc.d"
    { echo 'Acquire::Check-Valid-Until "false";'; apt-config dump | grep -E '^Acquire::https?::(Proxy|Timeout)' || true; } \
      >"$root/etc/apt/apt.conf.d/90odoo_events"
    # No cluster of the distribution's: the tests make their own.
    mkdir -p "$root/etc/postgresql-common"; echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.conf"
    cp /etc/resolv.conf "$root/etc/resolv.conf"; cp /etc/hosts "$root/etc/hosts"
    enter apt-get -q update
    # shellcheck disable=SC2086
    enter apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold install $packages
    enter apt-get clean
    echo "$recipe" >"$root/.recipe"
  } >"$log" 2>&1 </dev/null || { tail -25 "$log" >&2; echo "chroot.sh: could not make the $name chroot" >&2; exit 1; }
}

# Copies the work tree, with the libraries of the Node receiver, into a place of this checkout's own in the chroot.
copy_tree() {
  home=/src/$(printf '%s' "$top" | cksum | cut -d' ' -f1)
  mkdir -p "$root$home"
  find "$root$home" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
  tar -c -C "$top" --exclude=./build --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' . |
    tar -x --no-same-owner -C "$root$home"
}

[ "$(id -u)" = 0 ] || { echo "chroot.sh: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "chroot.sh: debootstrap is missing: apt-get install --no-install-recommends debootstrap" >&2; exit 1; }
mkdir -p "$OE_CHROOTS"
case "$command" in
  make) exec 9>"$OE_CHROOTS/$name.lock"; flock 9; make_it ;;
  run)
    shift 2; [ $# -gt 0 ] || usage
    (exec 9>"$OE_CHROOTS/$name.lock"; flock 9; make_it)
    copy_tree
    enter bash -c 'cd "$1" && shift && exec "$@"' run "$home" "$@" ;;
  remove) exec 9>"$OE_CHROOTS/$name.lock"; flock 9; rm -rf --one-file-system "$root" ;;
  *) usage ;;
esac
