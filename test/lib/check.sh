#!/usr/bin/env bash
# The tests.  The last line is "N passed, N failed"; the exit status is 0 when nothing failed.
#
#   check.sh                       what a contributor runs, on the PostgreSQL of $PG_CONFIG; it says what it leaves out
#   check.sh all                   everything: on PostgreSQL 16 (a part; wheel.sh), 17, 18 and 19 too (chroots), "make demo" on bare machines; needs root
#   check.sh format|house|regress|isolation|tap|fuzz|demo [NAME...]
#                                  one part; NAMEs choose tests by the beginning of their names ("tap 030")
#
# JOBS of these run side by side (default: one more than there are processors, since tests wait much), each with servers of its own.
# Nothing is installed into the system's PostgreSQL, no port is listened on but on loopback by the receivers (free ones), and no server
# is left running.  As root the servers run as user "postgres".
set -euo pipefail
export LANG=C.UTF-8; unset LC_ALL LANGUAGE       # the same for everybody
export MONO_DISABLE_SHARED_AREA=1                # else mono leaves a file in /dev/shm
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
. test/lib/needs.sh
what=${1:-check}; [ $# -eq 0 ] || shift
passed=0; failed=0

# A job of a run of many finds everything installed and built.
if [ "${OE_BUILT:-no}" != yes ]; then
  case "$what" in
    all) need_packages build test node browser monitoring receivers format fuzz chroot wheel ;;
    check) need_packages build test format ;;
    format | fuzz) need_packages build "$what" ;;
    tap) need_packages build test node ;;
    *) need_packages build test ;;
  esac
fi

# User postgres must be able to read the tree and to write under build/; where it cannot, a copy in /tmp is tested.
if [ "$(id -u)" = 0 ] && [ -z "${OE_COPY:-}" ]; then
  if ! (cd / && runuser -u postgres -- test -r "$top/Makefile"); then
    copy=/tmp/odoo_events-check-$(printf %s "$top" | cksum | cut -d' ' -f1)
    mkdir -p "$copy"; chmod 755 "$copy"
    find "$copy" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
    tar -c --exclude=./build --exclude=./.git --exclude='*.o' --exclude='*.so' . | tar -x --no-same-owner -C "$copy"
    chmod -R a+rX "$copy"
    status=0
    OE_COPY=$top "$copy/test/lib/check.sh" "$what" "$@" || status=$?
    # After a failure, or a part of the tests, whoever ran it wants the logs.
    if [ "$status" = 0 ] && { [ "$what" = check ] || [ "$what" = all ]; }; then rm -rf "$copy"; else echo "(logs are in $copy/build)" >&2; fi
    exit "$status"
  fi
fi

# From / because user postgres may not enter the caller's directory, which PostgreSQL's programs complain of.
as_postgres() { if [ "$(id -u)" = 0 ]; then (cd / && exec runuser -u postgres -- "$@"); else "$@"; fi; }
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
  PG_CONFIG=$(server_pg_config); export PG_CONFIG
  major=$("$PG_CONFIG" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
  : "${BUILD:=$top/build}"; export BUILD
  out=$BUILD/check$major
  mkdir -p "$BUILD" "$out"
  [ "$(id -u)" != 0 ] || chown postgres "$out"
  tree=$BUILD/pg$major/lib/postgresql/$major
}
build() {
  local start=$SECONDS status=0
  [ "${OE_BUILT:-no}" != yes ] || return 0
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

# The order of folders, circles, sizes of headers (src/README.md).
house() {
  local start=$SECONDS status=0
  test/lib/house.sh >"$out/house.log" 2>&1 || status=$?
  [ "$status" = 0 ] || head -60 "$out/house.log"
  count "house" "$status" $((SECONDS - start))
}

# A line "# check-all: why", in SQL "-- check-all: why", stands in tests that take long or need much to be installed: "make check" leaves them out.
for_check_all() { grep -qE '^(#|--) check-all:' "$1"; }
left_out() { [ "${OE_QUICK:-no}" = yes ] && for_check_all "$1"; }

# Does the server lack what a test's line "-- needs: MODULE..." names: contrib modules, or "xml"?  Debian's servers have them all.
server_lacks() { # server_lacks FILE
  local what
  for what in $(sed -n 's/^-- needs: //p' "$1"); do
    case "$what" in
      xml) "$tree/bin/pg_config" --configure | grep -q with-libxml || return 0 ;;
      *) [ -e "$("$tree/bin/pg_config" --pkglibdir)/$what.so" ] || return 0 ;;
    esac
  done
  return 1
}

# A server that died, or that needed crash recovery, is a failure whatever the tests said.
server_survived() { ! grep -hE 'was terminated by signal|PANIC:|TRAP:' "$1"; }

# pg_regress and pg_isolation_regress print a line per test, of another form since version 16.
regress() { # regress KIND INPUTDIR PROGRAM SUFFIX CHOICES...
  local kind=$1 input=$2 program=$3 pattern=$4 start=$SECONDS tests=() file name n bad status=0; shift 4
  for file in $pattern; do
    [ -e "$file" ] || continue
    name=$(basename "$file"); name=${name%.*}
    chosen "$name" "$@" && ! left_out "$file" || continue
    if server_lacks "$file"; then say "(left out, for want of a module in this server: $name)"; else tests+=("$name"); fi
  done
  [ ${#tests[@]} -gt 0 ] || return 0
  local conf; conf=$(mktemp)
  # The tests publish by themselves, at the moment they choose: no worker in their databases.
  printf "odoo_events.databases = 'none-such'\ntimezone = 'UTC'\nlc_messages = 'C'\n" >"$conf"
  [ -z "${TEMP_CONFIG:-}" ] || cat "$TEMP_CONFIG" >>"$conf"
  test/lib/instance.sh remove "$kind"
  trap 'test/lib/instance.sh remove "'"$kind"'"' EXIT
  trap 'exit 143' INT TERM HUP
  CONF=$conf test/lib/instance.sh start "$kind"; rm -f "$conf"
  rm -rf "$out/$kind"; mkdir -p "$out/$kind"
  (eval "$(test/lib/instance.sh env "$kind")"
   PGTZ=UTC "$program" --bindir="$tree/bin" --inputdir="$input" --outputdir="$out/$kind" --host="$PGHOST" --port="$PGPORT" \
     --user=postgres --dbname="contrib_$kind" "${tests[@]}") >"$out/$kind/log" 2>&1 </dev/null || status=$?
  bad=$(grep -cE '^test .*FAILED|^not ok ' "$out/$kind/log" || true)
  n=$((${#tests[@]} - bad))
  test/lib/instance.sh stop "$kind"
  server_survived "$BUILD/data$major-$kind/server.log" || status=1
  cp "$BUILD/data$major-$kind/server.log" "$out/$kind/"
  test/lib/instance.sh remove "$kind"
  trap - EXIT INT TERM HUP
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

# Maven puts the jars of Apache Kafka where the tests find them; as root, since user postgres has no home for its cache.
kafka_jars() {
  [ "${OE_BUILT:-no}" != yes ] || return 0
  ! command -v mvn >/dev/null || test/kafka/fetch.sh >"$out/kafka.log" 2>&1 </dev/null ||
    { tail -20 "$out/kafka.log"; say "Maven could not fetch Apache Kafka: its tests will fail"; }
  [ ! -d build/kafka ] || chmod -R a+rX build/kafka
}

tap() {
  local file name dir status start
  node_libraries
  for file in $(grep -l 'build/kafka\|->kafka' test/t/*.pl); do
    ! chosen "$(basename "$file" .pl)" "$@" || { kafka_jars; break; }
  done
  mkdir -p "$out/tap" "$out/ports"; [ "$(id -u)" != 0 ] || chown postgres "$out/tap" "$out/ports"
  for file in test/t/*.pl; do
    name=$(basename "$file" .pl); dir=$out/tap/$name
    chosen "$name" "$@" || continue
    start=$SECONDS; status=0
    rm -rf "$dir"; as_postgres mkdir -p "$dir/tmp_check/log"
    with_small_disk "$file" as_postgres env PATH="$tree/bin:$PATH" PERL5LIB="$tree/lib/pgxs/src/test/perl:$top/test/lib" PG_CONFIG="$tree/bin/pg_config" \
      PG_REGRESS="$tree/lib/pgxs/src/test/regress/pg_regress" TESTDIR="$dir" TESTDATADIR="$dir/tmp_check" \
      TESTLOGDIR="$dir/tmp_check/log" PG_TEST_PORT_DIR="$out/ports" PG_TEST_TIMEOUT_DEFAULT="${PG_TEST_TIMEOUT_DEFAULT:-120}" \
      timeout "${TAP_TIMEOUT:-900}" prove --norc -v "$top/$file" >"$dir/output" 2>&1 </dev/null || status=$?
    # In CI everything can be installed, so nothing may be skipped for want of it.
    if [ -n "${CI:-}" ] && grep -E '^(ok|not ok|1\.\.0|#).*(is|are) not (installed|on this machine)' "$dir/output"; then status=1; fi
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
  # The chroots have a copy, and "make check" leaves out what uses them.
  [ "${OE_BUILT:-no}" != yes ] || return 0
  node_library receiver cloudevents && node_library contract ajv && node_library pages axe-core
}
# Without the packages' own install scripts, which would run as root.
node_library() { # node_library DIRECTORY PACKAGE
  [ ! -d "test/$1/node_modules/$2" ] || return 0
  (cd "test/$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --cache "$out/npm" >"$out/npm.log" 2>&1 </dev/null) ||
    { tail -20 "$out/npm.log"; say "npm could not install $2: tests that use it will fail"; return 1; }
  chmod -R a+rX "test/$1/node_modules"; rm -rf "$out/npm"
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

# The TAP files that NAMEd groups of tests consist of: "# once: why" stands in what has nothing to do with PostgreSQL's version.
tap_files() { # tap_files once|each|quick|few
  local file
  for file in test/t/*.pl; do
    case "$1" in
      each) ! grep -q '^# once:' "$file" || continue ;;
      quick) ! for_check_all "$file" || continue ;;
      few) case "$file" in */010_* | */031_* | */040_*) ;; *) continue ;; esac ;;
    esac
    basename "$file" .pl
  done
}

# The jobs of one version as pool.py reads them: jobs VERSION AFTER PREFIX GROUP, where PREFIX goes before each command.
jobs() {
  local version=$1 after=$2 prefix=$3 group=$4 part file
  for part in regress isolation $([ "$group" = few ] || echo demo); do
    printf '%s\t%s\t%s\n' "PostgreSQL $version: $part" "$after" "$prefix test/lib/check.sh $part"
  done
  for file in $(tap_files "$group"); do
    printf '%s\t%s\t%s\n' "PostgreSQL $version: TAP $file" "$after" "$prefix test/lib/check.sh tap $file"
  done
}
pool() {
  export PG_TEST_TIMEOUT_DEFAULT=${PG_TEST_TIMEOUT_DEFAULT:-180}       # the machine is busy
  rm -rf "$out/jobs"
  exec test/lib/pool.py --jobs "${JOBS:-$(($(nproc) + 1))}" --logs "$out/jobs" --seconds test/lib/seconds
}

# What "make check" leaves out, said before it begins.
check() {
  local tap sql file
  tap=$(comm -23 <(tap_files once | sort) <(tap_files quick | sort))
  sql=$(for file in sql/*.sql; do ! for_check_all "$file" || basename "$file" .sql; done)
  say "Takes less than ten minutes on two processors; uses free ports of 127.0.0.1 only.  Left out, and run by \"make check-all\":"
  say "PostgreSQL versions other than $major, a build without fault points, bare machines, fuzzing;"
  say "regress" $sql";"
  say "TAP" $tap
  { printf 'format\t\ttest/lib/check.sh format\n'
    printf 'build\t\tunset OE_BUILT; test/lib/check.sh build\n'
    jobs "$major" build '' quick
  } | OE_BUILT=yes OE_QUICK=yes pool
}

# Everything.  What does not depend on PostgreSQL's version runs with this machine's.  The tree is copied after the build, which writes into it.
check_all() {
  local version machine
  node_libraries || { say "0 passed, 1 failed"; exit 1; }
  kafka_jars
  say "Takes less than an hour on two processors, with what must be installed; uses free ports of 127.0.0.1 only."
  { printf 'format\t\ttest/lib/check.sh format\n'
    printf 'build\t\tunset OE_BUILT; test/lib/check.sh build\n'
    jobs "$major" build '' once
    printf 'fuzz\tbuild\ttest/lib/check.sh fuzz\n'
    for version in 17 18 19; do
      printf 'chroot %s\tbuild\tunset OE_BUILT; %s copy %s && %s exec %s test/lib/check.sh build\n' \
        "$version" test/lib/chroot.sh "$version" test/lib/chroot.sh "$version"
      jobs "$version" "chroot $version" "test/lib/chroot.sh exec $version" each
    done
    printf 'wheel 16\tbuild\tunset OE_BUILT; export OE_QUICK=yes; test/lib/wheel.sh copy && test/lib/wheel.sh exec test/lib/check.sh build\n'
    jobs 16 'wheel 16' 'OE_QUICK=yes test/lib/wheel.sh exec' few
    for machine in bookworm trixie sid older user; do
      printf 'bare %s\tbuild\tunset OE_BUILT; test/lib/bare.sh %s demo%s\n' "$machine" "$machine" "$([ $machine != bookworm ] || echo ' check')"
    done
  } | OE_BUILT=yes pool
}

prepare
case "$what" in
  check) check; exit ;;
  all) check_all; exit ;;
  build) [ "${OE_QUICK:-no}" = yes ] || users_build; build || true ;;
  format) format; house ;;
  house) house ;;
  regress) build && run_regress "$@" ;;
  isolation) build && run_isolation "$@" ;;
  tap) build && tap "$@" ;;
  fuzz) fuzz ;;
  demo) build && demo ;;
  *) sed -n '2,9p' "$0"; exit 2 ;;
esac
say "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
