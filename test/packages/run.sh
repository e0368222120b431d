#!/usr/bin/env bash
# make check-packages: Debian packages, the distribution for PGXN, and container images, each built and used on a system made from nothing.
# Needs root and debootstrap, and some minutes; KEEP=yes keeps the systems.
#
#   run.sh [15|17|18|dist|image ...]      (default: all)
#
#   15, 17, 18   in bookworm, trixie, sid: the package is built twice in two directories and both are equal, lintian says nothing, and debian/tests/day
#                installs it, delivers a recorded day, updates, and removes it
#   dist         META.json is valid, and what "make dist" packs is what git has
#   image        packaging/Containerfile and Containerfile.extension, by buildah without an engine, over the packages' system as base image
#
# The last line is "N passed, N failed".
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$top/test/lib/debian.sh"
passed=0; failed=0
count() { if [ "$2" = 0 ]; then passed=$((passed + 1)); echo "ok      $1"; else failed=$((failed + 1)); echo "FAILED  $1"; tail -40 "$log"; fi; }
log=$(mktemp)
version_of() { sed -n "s/^default_version = '\(.*\)'/\1/p" "$top/odoo_events.control"; }
source_of() { mkdir -p "$1"; (cd "$top" && git ls-files -co --exclude-standard | while read -r f; do [ ! -e "$f" ] || echo "$f"; done | tar -cT-) | tar -x --no-same-owner -C "$1"; }

debian() { # debian SUITE MAJOR
  local root=$OE_CHROOTS/packages-$1 major=$2 status place
  need_root_and_debootstrap run.sh
  copy_of_debian "$1" "$root" >"$log" 2>&1
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"; chmod 755 "$root/usr/sbin/policy-rc.d"
  mkdir -p "$root/etc/postgresql-common"; echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.conf"
  enter sh -c "apt-get -q update && apt-get -q -y --no-install-recommends install build-essential debhelper devscripts fakeroot lintian pkg-config libcurl4-openssl-dev \
    libssl-dev libjansson-dev librdkafka-dev libnats-dev libmosquitto-dev librabbitmq-dev postgresql-$major postgresql-contrib postgresql-server-dev-all python3" >"$log" 2>&1
  for place in first second/longer; do source_of "$root/build/$place/odoo-events-$(version_of)"; done
  status=0
  for place in first second/longer; do
    enter sh -c "cd /build/$place/odoo-events-* && pg_buildext updatecontrol && DEB_BUILD_OPTIONS=parallel=2 dpkg-buildpackage -b -us -uc" >"$log" 2>&1 || status=1
  done
  count "PostgreSQL $major: the package is built" $status
  status=0
  for deb in "$root"/build/first/*.deb; do cmp "$deb" "$root/build/second/longer/$(basename "$deb")" >>"$log" 2>&1 || status=1; done
  count "PostgreSQL $major: built twice in two directories, the packages are equal" $status
  status=0; enter sh -c 'lintian --allow-root --fail-on error,warning /build/first/*.changes' >"$log" 2>&1 || status=1
  count "PostgreSQL $major: lintian finds no error and no warning" $status
  status=0; enter sh -c "apt-get -q -y install /build/first/postgresql-$major-odoo-events_*.deb && cd /build/first/odoo-events-* && debian/tests/day" >"$log" 2>&1 || status=1
  count "PostgreSQL $major: installed, a day delivered, updated, removed (autopkgtest)" $status
  [ "${KEEP:-}" = yes ] || rm -rf --one-file-system "$root"
}

dist() {
  local status=0 archive
  python3 "$top/test/packages/meta.py" "$top/META.json" "$(version_of)" >"$log" 2>&1 || status=1
  count 'META.json is valid and of this version' $status
  status=0; (cd "$top" && make -s dist) >"$log" 2>&1 || status=1
  archive=$top/odoo_events-$(version_of).zip
  diff <(cd "$top" && git ls-tree -r --name-only HEAD | sort) <(python3 -c 'import sys, zipfile
for name in zipfile.ZipFile(sys.argv[1]).namelist():
    if not name.endswith("/"): print(name.split("/", 1)[1])' "$archive" | sort) >>"$log" 2>&1 || status=1
  count '"make dist" packs what git has' $status
  rm -f "$archive"
}

# A base image over a system with PostgreSQL; no registry is asked, no engine runs.
image() {
  local root=$OE_CHROOTS/packages-image status=0 build storage major=18 source
  need_root_and_debootstrap run.sh
  command -v buildah >/dev/null || { echo 'buildah is missing: apt-get install --no-install-recommends buildah' >&2; exit 1; }
  storage=$(mktemp -d); source=$(mktemp -d)
  build="buildah --root $storage/root --runroot $storage/run --storage-driver vfs"
  copy_of_debian sid "$root" >"$log" 2>&1
  enter sh -c "apt-get -q update && mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf && \
    apt-get -q -y --no-install-recommends install postgresql-$major && usermod -u 26 postgres && chown -R postgres /var/run/postgresql /var/lib/postgresql" >"$log" 2>&1
  source_of "$source"
  set +e
  ( set -e
    container=$($build from scratch); $build add -q "$container" "$root" /; $build commit -q "$container" localhost/base; $build rm "$container"
    for file in Containerfile Containerfile.extension; do
      $build bud --isolation chroot --network host --pull-never -q -f "$source/packaging/$file" -t "localhost/${file,,}" --build-arg MAJOR=$major --build-arg BASE=localhost/base "$source"
    done ) >"$log" 2>&1
  status=$?; set -e
  count 'container images are built (buildah, isolation chroot)' $status
  set +e
  ( set -e
    [ $status = 0 ]
    container=$($build from --pull-never localhost/containerfile)
    $build run --isolation chroot "$container" -- bash -ec "$(sed "s/@MAJOR@/$major/g" "$top/test/packages/in_image.sh")"
    # the extension image is mounted read-only into the server's container, as CloudNativePG does; here its files are copied there
    extension=$($build from --pull-never localhost/containerfile.extension); files=$($build mount "$extension")
    ls "$files/share/extension/odoo_events.control" "$files/lib/odoo_events.so"
    server=$($build from --pull-never localhost/base); mkdir -p "$source/extension"; cp -a "$files/." "$source/extension/"
    $build copy -q "$server" "$source/extension" /extensions/odoo-events
    $build run --isolation chroot --user 26 "$server" -- bash -ec "export MOUNTED=/extensions/odoo-events; $(sed "s/@MAJOR@/$major/g" "$top/test/packages/in_image.sh")" ) >"$log" 2>&1
  status=$?; set -e
  count 'a server of each image starts, with its worker, and publishes' $status
  rm -rf "$storage" "$source"; [ "${KEEP:-}" = yes ] || rm -rf --one-file-system "$root"
}

for what in ${@:-15 17 18 dist image}; do
  case "$what" in
    15) debian bookworm 15 ;;
    17) debian trixie 17 ;;
    18) debian sid 18 ;;
    dist | image) $what ;;
    *) sed -n '5,12p' "$0"; exit 2 ;;
  esac
done
rm -f "$log"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
