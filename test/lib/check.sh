#!/usr/bin/env bash
# Every test.  The last line is "N passed, N failed"; the exit status is 0 when nothing failed.
#
#   check.sh                       all of it on the PostgreSQL of $PG_CONFIG
#   check.sh all                   the same on PostgreSQL 17 and 18 too (chroots; needs root)
#   check.sh format|regress|isolation|tap|fuzz|demo [NAME...]
#                                  one part; NAMEs choose tests by the beginning of their names ("tap 030")
#
# Nothing is installed into the system's PostgreSQL, no port is listened on but on loopback by the receivers (free ones), and no server
# is left running.  As root the servers run as user "postgres".
set -euo pipefail
export LANG=C.UTF-8; unset LC_ALL LANGUAGE       # the same for everybody
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
: "${PG_CONFIG:=pg_config}"
. test/lib/needs.sh
what=${1:-check}; [ $# -eq 0 ] || shift
passed=0; failed=0

case "$what" in
  all) ;;
  format) need_packages build format ;;
  check) if [ "${OE_ONCE:-yes}" = no ]; then need_packages build test; else need_packages build test receivers format; fi ;;
  *) need_packages build test ;;
esac

# User postgres must be able to read the tree and to write under build/; where it cannot, a copy in /tmp is tested.
if [ "$(id -u)" = 0 ] && [ "$what" != all ] && [ -z "${OE_COPY:-}" ]; then
  if ! runuser -u postgres -- test -r "$top/Makefile"; then
    copy=/tmp/odoo_events-check-$(printf %s "$top" | cksum | cut -d' ' -f1)
    mkdir -p "$copy"; chmod 755 "$copy"
    find "$copy" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
    tar -c --exclude=./build --exclude=./.git --exclude='*.o' --exclude='*.so' . | tar -x --no-same-owner -C "$copy"
    chmod -R a+rX "$copy"
    OE_COPY=$top exec "$copy/test/lib/check.sh" "$what" "$@"
  fi
fi

as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
say() { printf '%s\n' "$*"; }
count() { # count NAME STATUS SECONDS
  if [ "$2" = 0 ]; then passed=$((passed + 1)); say "ok      $1  ($3 s)"; else failed=$((failed + 1)); say "FAILED  $1  ($3 s)"; fi
}
chosen() { # chosen NAME CHOICES...: is NAME wanted
  local name=$1 choice; shift
  [ $# -gt 0 ] || return 0
  for choice in "$@"; do case "$name" in "$choice"*) return 0 ;; esac; done
  return 1
}

prepare() {
  [ -f "$("$PG_CONFIG" --pgxs 2>/dev/null)" ] || PG_CONFIG=/usr/lib/postgresql/$(debian_postgresql)/bin/pg_config
  export PG_CONFIG
  major=$("$PG_CONFIG" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
  : "${BUILD:=$top/build}"; export BUILD
  out=$BUILD/check$major
  mkdir -p "$BUILD" "$out"
  [ "$(id -u)" != 0 ] || chown postgres "$out"
  tree=$BUILD/pg$major/lib/postgresql/$major
}
build() {
  local start=$SECONDS status=0
  WERROR=1 test/lib/instance.sh install >"$out/build.log" 2>&1 || status=$?
  [ "$status" = 0 ] || tail -40 "$out/build.log"
  count "PostgreSQL $major: build without a warning" "$status" $((SECONDS - start))
  return "$status"
}

# What users build has no fault points (src/base/fault.h); nothing but a compilation.
users_build() {
  local start=$SECONDS status=0
  make -s PG_CONFIG="$PG_CONFIG" WERROR=1 with_llvm=no ${MAKEJ:--j2} all >"$out/users_build.log" 2>&1 || status=$?
  [ "$status" = 0 ] || tail -40 "$out/users_build.log"
  count "PostgreSQL $major: build as users do, without a warning" "$status" $((SECONDS - start))
}

format() {
  local start=$SECONDS status=0
  test/lib/format.sh check >"$out/format.diff" 2>&1 || status=$?
  [ "$status" = 0 ] || { head -60 "$out/format.diff"; say "(make format mends this)"; }
  count "format" "$status" $((SECONDS - start))
}

# A server that died, or that needed crash recovery, is a failure whatever the tests said.
server_survived() { ! grep -hE 'was terminated by signal|PANIC:|TRAP:' "$1"; }

# pg_regress and pg_isolation_regress print a line per test, of another form since version 16.
regress() { # regress KIND INPUTDIR PROGRAM SUFFIX CHOICES...
  local kind=$1 input=$2 program=$3 pattern=$4 start=$SECONDS tests=() file name n bad status=0; shift 4
  for file in $pattern; do
    [ -e "$file" ] || continue
    name=$(basename "$file"); name=${name%.*}
    ! chosen "$name" "$@" || tests+=("$name")
  done
  [ ${#tests[@]} -gt 0 ] || return 0
  local conf; conf=$(mktemp)
  # The tests publish by themselves, at the moment they choose: no worker in their databases.
  printf "odoo_events.databases = 'none-such'\ntimezone = 'UTC'\nlc_messages = 'C'\n" >"$conf"
  [ -z "${TEMP_CONFIG:-}" ] || cat "$TEMP_CONFIG" >>"$conf"
  CONF=$conf test/lib/instance.sh remove "$kind"
  CONF=$conf test/lib/instance.sh start "$kind"; rm -f "$conf"
  rm -rf "$out/$kind"; mkdir -p "$out/$kind"
  (eval "$(test/lib/instance.sh env "$kind")"
   PGTZ=UTC "$program" --bindir="$tree/bin" --inputdir="$input" --outputdir="$out/$kind" --host="$PGHOST" --port="$PGPORT" \
     --user=postgres --dbname="contrib_$kind" "${tests[@]}") >"$out/$kind/log" 2>&1 </dev/null || status=$?
  bad=$(grep -cE '^test .*FAILED|^not ok ' "$out/$kind/log" || true)
  n=$((${#tests[@]} - bad))
  test/lib/instance.sh stop "$kind"
  server_survived "$BUILD/data$major-$kind/server.log" || status=1
  [ "$status" = 0 ] || [ "$bad" -gt 0 ] || { bad=1; n=$((n - 1)); tail -20 "$out/$kind/log"; }
  [ "$bad" = 0 ] || { grep -E '^test .*FAILED|^not ok ' "$out/$kind/log" || true; tail -n 100 "$out/$kind/regression.diffs" 2>/dev/null || true; }
  passed=$((passed + n)); failed=$((failed + bad))
  say "$([ "$bad" = 0 ] && echo 'ok    ' || echo 'FAILED')  PostgreSQL $major: $kind, $n of ${#tests[@]} tests  ($((SECONDS - start)) s)"
}

# A test with a line "# small-disk: 16m" gets a file system of that size, which it may fill, named by OE_SMALL_DISK: mounted for this one
# command alone.  Only root can; elsewhere such a test says that it was skipped.
with_small_disk() { # with_small_disk FILE COMMAND...
  local size; size=$(sed -n 's/^# small-disk: //p' "$1"); shift
  if [ -z "$size" ] || [ "$(id -u)" != 0 ]; then "$@"; return; fi
  mkdir -p "$out/disk"
  export -f as_postgres
  OE_SMALL_DISK=$out/disk unshare --mount --propagation unchanged bash -c \
    'mount --make-rprivate / 2>/dev/null || true; mount -t tmpfs -o "size=$0,mode=1777" tmpfs "$OE_SMALL_DISK" && "$@"' "$size" "$@"
}

tap() {
  local file name dir status start
  node_libraries
  mkdir -p "$out/tap" "$out/ports"; [ "$(id -u)" != 0 ] || chown postgres "$out/tap" "$out/ports"
  for file in test/t/*.pl; do
    name=$(basename "$file" .pl); dir=$out/tap/$name
    chosen "$name" "$@" || continue
    # What has nothing to do with PostgreSQL's version says so in a line "# once: why", and is not repeated in the chroots.
    [ "${OE_ONCE:-yes}" = yes ] || ! grep -q '^# once:' "$file" || continue
    start=$SECONDS; status=0
    rm -rf "$dir"; as_postgres mkdir -p "$dir/tmp_check/log"
    with_small_disk "$file" as_postgres env PATH="$tree/bin:$PATH" PERL5LIB="$tree/lib/pgxs/src/test/perl:$top/test/lib" PG_CONFIG="$tree/bin/pg_config" \
      PG_REGRESS="$tree/lib/pgxs/src/test/regress/pg_regress" TESTDIR="$dir" TESTDATADIR="$dir/tmp_check" \
      TESTLOGDIR="$dir/tmp_check/log" PG_TEST_PORT_DIR="$out/ports" PG_TEST_TIMEOUT_DEFAULT="${PG_TEST_TIMEOUT_DEFAULT:-120}" \
      timeout "${TAP_TIMEOUT:-900}" prove --norc -v "$top/$file" >"$dir/output" 2>&1 </dev/null || status=$?
    if [ "$status" != 0 ]; then
      grep -E -A8 '^not ok|^Bailout|^Bail out|Failed|timed out|^#' "$dir/output" | tail -60 || true
      tail -5 "$dir/output"; tail -qn 5 "$dir"/tmp_check/log/regress_log_* 2>/dev/null || true
      for log in "$dir"/tmp_check/log/*.log; do
        [ ! -e "$log" ] || { say "-- $(basename "$log")"; grep -E 'PANIC|FATAL|ERROR|terminated by' "$log" | tail -15 || true; }
      done
    else
      rm -rf "$dir"/tmp_check/*_data
    fi
    count "PostgreSQL $major: TAP $name" "$status" $((SECONDS - start))
  done
}

# The public libraries with which signatures, events and schemas are judged; locked by their hashes in package-lock.json.
node_libraries() {
  # Node has its own list of certificate authorities; this machine's is the one that counts.
  if [ -r /etc/ssl/certs/ca-certificates.crt ]; then
    export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
  fi
  node_library receiver cloudevents
  [ "${OE_ONCE:-yes}" = no ] || node_library contract ajv
}
node_library() { # node_library DIRECTORY PACKAGE
  [ ! -d "test/$1/node_modules/$2" ] || return 0
  (cd "test/$1" && npm ci --no-audit --no-fund --loglevel=error >"$out/npm.log" 2>&1 </dev/null) ||
    { tail -20 "$out/npm.log"; say "npm could not install $2: tests that use it will fail"; }
  chmod -R a+rX "test/$1/node_modules" 2>/dev/null || true
}

demo() {
  local start=$SECONDS status=0
  PACE=0 test/demo/demo.sh >"$out/demo.log" 2>&1 </dev/null || status=$?
  [ "$status" = 0 ] || tail -60 "$out/demo.log"
  count "PostgreSQL $major: demo" "$status" $((SECONDS - start))
}

# What has nothing to do with PostgreSQL's version, a minute long; FUZZ=seconds.
fuzz() {
  local start=$SECONDS status=0
  test/fuzz/fuzz.sh "${FUZZ:-60}" >"$out/fuzz.log" 2>&1 </dev/null || status=$?
  [ "$status" = 0 ] || tail -60 "$out/fuzz.log"
  count "fuzz" "$status" $((SECONDS - start))
}

run_regress() { regress regress "$top" "$tree/lib/pgxs/src/test/regress/pg_regress" "$top/sql/*.sql" "$@"; }
run_isolation() {
  regress isolation "$top/test/isolation" "$tree/lib/pgxs/src/test/isolation/pg_isolation_regress" "$top/test/isolation/specs/*.spec" "$@"
}

# All of it, here; OE_ONCE=no leaves out what is the same for every version.
check() {
  prepare
  if [ "${OE_ONCE:-yes}" = yes ]; then format; users_build; fi
  build || return 0
  run_regress; run_isolation; tap; demo
  [ "${OE_ONCE:-yes}" = no ] || fuzz
}

# This machine's PostgreSQL first, then a chroot each; their last lines are added up.
check_all() {
  local version line log start
  need_packages build test receivers format chroot
  log=$(mktemp)
  for version in here 17 18; do
    start=$SECONDS
    if [ "$version" = here ]; then
      test/lib/check.sh check 2>&1 | tee "$log" || true
    else
      (prepare; node_libraries) >/dev/null 2>&1 || true
      OE_ONCE=no test/lib/chroot.sh run "$version" test/lib/check.sh check 2>&1 | tee "$log" || true
    fi
    line=$(tail -1 "$log")
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
      passed=$((passed + BASH_REMATCH[1])); failed=$((failed + BASH_REMATCH[2]))
    else
      say "FAILED  the run on PostgreSQL $version ended early"; failed=$((failed + 1))
    fi
    say "-- PostgreSQL $version took $((SECONDS - start)) s"
  done
  rm -f "$log"
}

case "$what" in
  check) say "Takes about five minutes; uses free ports of 127.0.0.1 only."; check ;;
  all) say "Takes about twenty minutes, and some more when the chroots must be made; uses free ports of 127.0.0.1 only."; check_all ;;
  format) prepare; format ;;
  regress) prepare; build && run_regress "$@" ;;
  isolation) prepare; build && run_isolation "$@" ;;
  tap) prepare; build && tap "$@" ;;
  fuzz) prepare; fuzz ;;
  demo) prepare; build && demo ;;
  *) sed -n '2,10p' "$0"; exit 2 ;;
esac
say "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
