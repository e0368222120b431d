#!/usr/bin/env bash
# The tests against a server that looks more closely: PostgreSQL 18 built with --enable-cassert, so that its Asserts are checked, freed memory
# is overwritten and the ends of palloc'd memory are watched; and the extension built with AddressSanitizer and UndefinedBehaviorSanitizer,
# for the memory of the C library and of libcurl.  The server is built from Debian's source package in the chroot of version 18 (chroot.sh),
# once (ten minutes), and kept there.  Needs root.  Leaks at exit are not looked for: PostgreSQL leaves to the system what it has.
#
#   sanity.sh build                  only the server
#   sanity.sh asserts [PART NAME...] the extension as it is; PART and NAME as for check.sh, default: regress, isolation, TAP
#   sanity.sh asan [PART NAME...]    the extension with both sanitizers; the same
#
# sql/capture_discard.sql has such a server discard its caches whenever it may.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
major=18
home=/opt/odoo_events-cassert
bin=usr/lib/postgresql/$major/bin

# Outside: into the chroot.
if [ "${1:-}" != --inside ]; then
  exec "$top/test/lib/chroot.sh" run $major test/lib/sanity.sh --inside "$@"
fi
shift
kind=${1:-}; [ $# -eq 0 ] || shift

# The server, by steps each of which is done once; laid out as Debian does, which is what instance.sh copies.
build_server() {
  local step
  [ ! -e $home/complete ] || return 0
  mkdir -p $home/src; cd $home/src
  export DEBIAN_FRONTEND=noninteractive
  if [ ! -e unpacked ]; then
    apt-get -q -y --no-install-recommends install bison flex xz-utils bzip2 libxml2-dev liblz4-dev zlib1g-dev >/dev/null
    sed 's/^deb /deb-src /' /etc/apt/sources.list >/etc/apt/sources.list.d/odoo_events-src.list
    apt-get -q update >/dev/null
    apt-get -q --download-only source postgresql-$major
    mkdir -p tree
    tar -xf postgresql-$major*.orig.tar.* -C tree --strip-components=1
    touch unpacked
  fi
  cd tree
  if [ ! -e config.status ]; then
    CFLAGS='-O1 -g -fno-omit-frame-pointer' ./configure --enable-cassert --enable-debug --enable-tap-tests --without-readline --without-icu \
      --with-libxml --with-lz4 --with-openssl --prefix=/usr --bindir=/$bin --libdir=/usr/lib/postgresql/$major/lib \
      --datadir=/usr/share/postgresql/$major --includedir=/usr/include/postgresql --with-extra-version=' (asserts)' --quiet
  fi
  for step in src contrib/amcheck contrib/dblink contrib/pg_stat_statements contrib/test_decoding; do
    make -s -C $step "${MAKEJ:--j1}" all >/dev/null
    make -s -C $step install DESTDIR=$home >/dev/null
  done
  touch $home/complete
  cd "$top"
}

# The sanitizers must be there before anything else of a process: the server's program gets one in front of it.
put_sanitizers_in_front() {
  local real=$BUILD/pg$major/lib/postgresql/$major/bin/postgres
  reports=$BUILD/reports
  rm -rf "$reports"; mkdir -p "$reports"; chmod 777 "$reports"
  test/lib/instance.sh install >"$BUILD/install.log" 2>&1 || { tail -30 "$BUILD/install.log"; exit 1; }
  [ -e "$real.real" ] || mv "$real" "$real.real"
  cat >"$real" <<WRAP
#!/bin/bash
export LD_PRELOAD=$(gcc -print-file-name=libasan.so)
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:disable_coredump=1:detect_stack_use_after_return=0:log_path=$reports/asan
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:abort_on_error=1:log_path=$reports/ubsan
exec -a "\$0" $real.real "\$@"
WRAP
  chmod 755 "$real"
}

parts() { # parts PART... : each "NAME CHOICE..." by check.sh
  local part
  for part in "$@"; do
    # shellcheck disable=SC2086
    test/lib/check.sh $part || status=1
  done
}

case "$kind" in build|asserts|asan) ;; *) sed -n '2,13p' "$0"; exit 2 ;; esac
build_server
[ "$kind" != build ] || exit 0
export PG_CONFIG=$home/$bin/pg_config BUILD=$top/build/$kind PG_TEST_TIMEOUT_DEFAULT=${PG_TEST_TIMEOUT_DEFAULT:-600}
mkdir -p "$BUILD"
status=0
if [ "$kind" = asan ]; then
  export OE_SANITIZER=yes COPT='-fsanitize=address,undefined -fno-omit-frame-pointer -O1'
  put_sanitizers_in_front
  if [ $# -gt 0 ]; then parts "$*"; else parts regress isolation tap; fi
  if [ -n "$(ls -A "$reports")" ]; then
    head -qn 60 "$reports"/* | head -200
    echo "FAILED  the sanitizers have $(find "$reports" -type f | wc -l) reports"
    status=1
  fi
else
  if [ $# -gt 0 ]; then parts "$*"; else parts regress isolation tap; fi
fi
exit $status
