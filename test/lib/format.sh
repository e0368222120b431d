#!/usr/bin/env bash
# Lays the C sources out as PostgreSQL's pgindent does (pg_bsd_indent with its options).
#
#   format.sh          format src/
#   format.sh check    only say what is not formatted, as a diff; exit status 1 if there is any
#
# The names of types, which the indenter must know, are collected from our sources and from the server's headers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${PG_CONFIG:=pg_config}"
command -v pg_bsd_indent >/dev/null || { echo "pg_bsd_indent is missing: apt-get install pg-bsd-indent" >&2; exit 2; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

# Of each file: without comments, macros, and what stands in braces, a typedef is one simple statement.
names_of_types() {
  xargs -0 perl -0777 -ne '
    s{/\*.*?\*/|"(?:\\.|[^"\\])*"}{}gs; s{^[ \t]*\#(?:.*\\\n)*.*$}{}gm; 1 while s/\{[^{}]*\}/ /g;
    while (/\btypedef\b([^;]*);/g) {
      my $t = $1;
      print "$1\n" if $t =~ /\(\s*\**\s*(\w+)\s*\)\s*\(/ || $t =~ /\b(\w+)\s*\([^()]*\)\s*$/ || $t =~ /(\w+)\s*(?:\[[^\]]*\]\s*)*$/;
    }'
}
{ find src programs -name '*.[ch]' -print0 | names_of_types
  find "$("$PG_CONFIG" --includedir-server)" -name '*.h' -print0 | names_of_types
  printf '%s\n' bool size_t ssize_t int64_t uint64_t uint32_t uint8_t FILE va_list time_t sigset_t CURL CURLM CURLcode CURLMcode CURLMsg \
    CURLoption CURLSH CURLU curl_socket_t curl_off_t EVP_MD EVP_MD_CTX EVP_MAC EVP_MAC_CTX EVP_PKEY OSSL_PARAM
} | sort -u | grep -vxE 'ANY|FD_SET|date|interval|timestamp|text' >"$work/typedefs"      # these are names of variables, too

# The options are pgindent's; as there, the star of a function's type stands beside the type.
indented() {
  pg_bsd_indent -bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 -nfc1 -i4 -l79 -lp -lpl -nip -npro -sac -tpg -ts4 -U"$work/typedefs" <"$1" \
    >"$work/raw" 2>"$work/err" && [ ! -s "$work/err" ] || { echo "pg_bsd_indent: $1: $(head -3 "$work/err")" >&2; return 2; }
  perl -pe 's/^([A-Za-z]\S*(?: [A-Za-z]\w*)*)[ \t]+(\*+)$/$1 $2/' "$work/raw" >"$work/out"
}
status=0
while IFS= read -r file; do
  indented "$file" || { status=2; continue; }
  cmp -s "$file" "$work/out" && continue
  if [ "${1:-}" = check ]; then
    diff -u --label "$file" --label "$file, formatted" "$file" "$work/out" || true
    status=1
  else
    cat "$work/out" >"$file"; echo "formatted $file"
  fi
done < <(find src programs -name '*.[ch]' | sort)
exit "$status"
