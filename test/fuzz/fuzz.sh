#!/usr/bin/env bash
# Fuzzing of what parses, by clang's libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer: parse.c, from the corpus that is kept here.
#
#   fuzz.sh [SECONDS]      default 60; what breaks it is left in build/fuzz and printed
#   fuzz.sh keep           after a long run: what it has found new ways with goes into corpus/, made small
#
# An input's name says nothing, its first byte chooses the target (see parse.c).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd); top=$here/../..
: "${PG_CONFIG:=pg_config}" "${BUILD:=$top/build}"
work=$BUILD/fuzz
mkdir -p "$work/found"
flags=$(pkg-config --cflags libcurl 2>/dev/null || true)
sanitizers='-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer'
lib=$("$PG_CONFIG" --pkglibdir)
link() { # what the harness does not have comes from PostgreSQL's libraries for programs
  # shellcheck disable=SC2086
  clang $sanitizers "$work"/*.o "$lib/libpgcommon.a" "$lib/libpgport.a" -lcurl -o "$work/parse"
}
rm -f "$work"/*.o
# shellcheck disable=SC2086
clang -std=gnu11 -g -O1 $sanitizers -Wno-everything -D_GNU_SOURCE -DOE_VERSION='"fuzz"' -I"$top/src" -I"$("$PG_CONFIG" --includedir-server)" $flags \
  -c "$here/parse.c" -o "$work/parse.o"
# What of the server is not called gets a stand-in that would say so.
link 2>&1 | sed -n "s/.*undefined reference to .\([A-Za-z_][A-Za-z0-9_]*\)'.*/void \1(void) { __builtin_trap(); }/p" | sort -u >"$work/absent.c" || true
clang -w -fno-builtin -c "$work/absent.c" -o "$work/absent.o"
link
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0
if [ "${1:-}" = keep ]; then
  "$work/parse" -merge=1 -close_fd_mask=3 "$here/corpus" "$work/found"
  exit
fi
cd "$work"
status=0
"$work/parse" -max_total_time="${1:-60}" -timeout=10 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 -dict="$here/words" "$work/found" "$here/corpus" \
  >"$work/log" 2>&1 || status=$?
if [ "$status" = 0 ]; then
  grep -E 'stat::number_of_executed_units|DONE' "$work/log" | tail -2
else
  grep -vE '^#[0-9]+\s+(NEW|REDUCE|pulse|RELOAD)' "$work/log" | tail -60
fi
exit $status
