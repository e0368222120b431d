#!/usr/bin/env bash
# "make demo" and "make check" as a stranger runs them: on Debian systems made from nothing (debootstrap), with make and git and nothing of this machine
# but the mirror and proxy of its apt.  Needs root and debootstrap.  Each run also sees that nothing is left behind.
#
#   bare.sh NAME [demo] [check]       make the machine NAME, run these commands in it (default: demo), take it away; KEEP=yes keeps it
#
#   bookworm, trixie, sid    nothing but make and git; root runs the commands in a checkout in root's home
#   older                    bookworm with PostgreSQL as its main archive has it, older than the headers that the security archive has; root
#   user                     the same, and a user who may not install packages: the apt line that is printed must be enough
#
# The last line is "N passed, N failed".
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$top/test/lib/debian.sh"

# Inside, and from here on without a word of this machine: what a stranger types.
attempt() { # attempt WHO COMMAND...: as root, or as the user joe
  local who=$1; shift
  if [ "$who" = root ]; then "$@"; else runuser -u "$who" -- env HOME=/home/joe PACE="$PACE" "$@"; fi
}
megabytes() { du -smx / 2>/dev/null | cut -f1; }
# What would start with the machine, or runs, or lies where nobody looks.
left_behind() {
  local process name
  for process in /proc/[0-9]*; do
    name=$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) || continue
    case "${process#/proc/}" in 1 | $$ | "$BASHPID") continue ;; esac
    # a server that is there on purpose
    case "$name" in *config_file=/etc/postgresql/* | "postgres: "*/main:*) continue ;; esac
    [ -z "$name" ] || [ "$(awk '/^PPid/ {print $2}' "$process/status" 2>/dev/null)" = "$$" ] || echo "process $name"
  done
  # systemd's package makes /tmp/.X11-unix and its siblings
  find /tmp /dev/shm -mindepth 1 -maxdepth 1 ! -name '.*-unix' ${server:+! -name 'PostgreSQL.*' ! -name '.s.PGSQL.*'}
  find /etc/systemd/system -path '*.wants/*' -type l 2>/dev/null | grep -v /postgresql | sort | comm -13 /root/enabled -
  [ ! -e /usr/sbin/policy-rc.d ] || echo /usr/sbin/policy-rc.d
  ! grep -qs '^create_main_cluster = false' /etc/postgresql-common/createcluster.conf || echo createcluster.conf
}
inside() { # inside NAME COMMAND...
  local machine=$1 who=root home=/root server='' start before status line passed=0 failed=0 left what; shift
  if [ "$machine" = user ]; then who=joe home=/home/joe; fi
  (find /etc/systemd/system -path '*.wants/*' -type l 2>/dev/null || true) | sort >/root/enabled
  # A server that people use: it goes on while its package is upgraded.
  case "$machine" in older | user) service postgresql start >/dev/null; server=yes ;; esac
  cd "$home/odoo_events"
  for what in "$@"; do
    start=$SECONDS; before=$(megabytes); status=0
    if [ "$who" != root ]; then
      # The line that is printed, word by word, by root.
      attempt "$who" make "$what" >/root/output 2>&1 && { echo "nothing was missing?"; status=1; }
      line=$(sed -n 's/^  \(apt-get install .*\)/\1/p' /root/output)
      cat /root/output
      bash -c "${line:-false} -y" >/root/apt.log 2>&1 || { tail -20 /root/apt.log; status=1; }
    fi
    attempt "$who" make "$what" >/root/output 2>&1 || status=1
    ! grep -n 'could not change directory' /root/output || status=1
    left=$(left_behind)
    # A test that failed keeps its directory for sockets, also where it passed when it was repeated.
    ! grep -q '^-- again, by itself' /root/output || left=$(printf '%s\n' "$left" | grep -vE '^/tmp/[A-Za-z0-9_]{10}$' || true)
    [ -z "$server" ] || runuser -u postgres -- psql -qAtc 'SELECT 1' >/dev/null || { echo "the server that was there is down"; status=1; }
    [ -z "$left" ] || status=1
    if [ "$status" = 0 ]; then passed=$((passed + 1)); tail -5 /root/output; else failed=$((failed + 1)); tail -100 /root/output; fi
    [ -z "$left" ] || printf 'left behind: %s\n' "$left"
    echo "(the system grew from $before to $(megabytes) MB)"
    echo "$([ "$status" = 0 ] && echo 'ok    ' || echo 'FAILED')  bare $machine: make $what as $who  ($((SECONDS - start)) s)"
  done
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}
if [ "${1:-}" = --inside ]; then shift; inside "$@"; exit; fi

# Outside: the machine.
machine=${1:-}; [ $# -eq 0 ] || shift
case "$machine" in bookworm | older | user) suite=bookworm ;; trixie | sid) suite=$machine ;; *) sed -n '5,11p' "$0"; exit 2 ;; esac
need_root_and_debootstrap bare.sh
root=$OE_CHROOTS/bare-$machine

# PostgreSQL of bookworm's main archive, then the archive with newer ones comes to be known; as on a machine that was installed a while ago.
older_postgresql() {
  local security=$(mirror Debian-Security)
  enter apt-get -q update
  enter apt-get -q -y install postgresql
  echo "deb $security bookworm-security main" >>"$root/etc/apt/sources.list"
  enter apt-get -q update
}
make_machine() {
  local home=$root/root/odoo_events
  copy_of_debian "$suite" "$root"
  case "$machine" in older | user) older_postgresql ;; esac
  if [ "$machine" = user ]; then
    enter useradd -m joe
    home=$root/home/joe/odoo_events
  fi
  mkdir -p "$home"
  tar -c -C "$top" --exclude=./build --exclude=./.git --exclude=node_modules --exclude='*.o' --exclude='*.so' --exclude='*.bc' . | tar -x --no-same-owner -C "$home"
  [ "$machine" != user ] || enter chown -R joe:joe /home/joe
}
if [ "${1:-}" = --make ]; then make_machine; exit; fi

log=$OE_CHROOTS/bare-$machine.log
# A process of its own, since a function called before || goes on after failures.  Here and below it has a namespace of processes, so that what is
# left running ends with it.
unshare --pid --fork "${BASH_SOURCE[0]}" "$machine" --make >"$log" 2>&1 </dev/null || { tail -25 "$log"; echo "FAILED  bare $machine: the machine cannot be made"; exit 1; }
status=0
unshare --pid --fork bash -c '. "$1/test/lib/debian.sh"; root=$2; shift 2; enter "$@"' bare "$top" "$root" \
  bash -c 'mount -t tmpfs tmpfs /dev/shm; export PACE=0 JOBS=2; exec "$@"' bare \
  "$(case "$machine" in user) echo /home/joe ;; *) echo /root ;; esac)/odoo_events/test/lib/bare.sh" --inside "$machine" "${@:-demo}" </dev/null || status=$?
[ "${KEEP:-no}" = yes ] || rm -rf --one-file-system "$root"
exit "$status"
