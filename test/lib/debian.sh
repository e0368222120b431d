# shellcheck shell=bash
# Debian systems in directories, for chroot.sh and bare.sh.  Sourced.  Needs root and debootstrap.
: "${OE_CHROOTS:=/var/tmp/odoo_events-chroots}"

# Stops a script whose name is $1 where its needs are not met.
need_root_and_debootstrap() {
  [ "$(id -u)" = 0 ] || { echo "$1: needs root" >&2; exit 1; }
  command -v debootstrap >/dev/null || { echo "$1: debootstrap is missing: apt-get install --no-install-recommends debootstrap" >&2; exit 1; }
  mkdir -p "$OE_CHROOTS"
}

# The mirror from which this machine itself installs Debian, or with "Debian-Security" its security archive.
mirror() {
  local uri label=${1:-Debian}
  uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Label: $label" 2>/dev/null | head -1)
  [ -n "$uri" ] || [ "$label" != Debian ] ||
    uri=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '$1 == "URIs:" && $2 ~ /\/debian\/?$/ {print $2; exit}')
  [ -n "$uri" ] || [ "$label" != Debian ] || uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    awk '$1 == "deb" {for (i = 2; i <= NF; i++) if ($i ~ /^http.*\/debian\/?$/) {print $i; exit}}')
  [ -n "$uri" ] || { echo "found no mirror of $label in the sources of apt" >&2; return 1; }
  printf '%s' "${uri%/}"
}

# copy_of_debian SUITE DIRECTORY: a minimal Debian with make and git, nothing else; of this machine it has the mirror and apt's proxy.  debootstrap
# runs once per suite; what it made is kept and copied.
copy_of_debian() {
  local suite=$1 root=$2 base=$OE_CHROOTS/base-$1 uri
  uri=$(mirror)
  (
    flock 9
    if [ ! -e "$base/.complete" ]; then
      # What a run that was killed left mounted here would be in the way.
      umount -l "$base/proc" "$base/sys" 2>/dev/null || true
      rm -rf --one-file-system "$base"
      unshare --mount debootstrap --variant=minbase --include=make,git,ca-certificates "$suite" "$base" "$uri"
      # The Release file of a snapshot, or of sid, may have expired.
      { echo 'Acquire::Check-Valid-Until "false";'; apt-config dump | grep -E '^Acquire::https?::(Proxy|Timeout)' || true; } \
        >"$base/etc/apt/apt.conf.d/90odoo_events"
      touch "$base/.complete"
    fi
  ) 9>"$OE_CHROOTS/base-$suite.lock"
  rm -rf --one-file-system "$root"
  cp -a "$base" "$root"
  rm -f "$root/.complete"
  cp /etc/resolv.conf "$root/etc/resolv.conf"; cp /etc/hosts "$root/etc/hosts"
}

# Runs its arguments chrooted in $root, with /proc, /sys and /dev, in a mount namespace that ends with the command.
enter() {
  # where / itself is no mount point (in a chroot), there is nothing to make private
  local propagation=private name settings=()
  unshare --mount --propagation private true 2>/dev/null || propagation=unchanged
  for name in CI PACE ROUNDS OE_BUILT PG_TEST_TIMEOUT_DEFAULT TAP_TIMEOUT; do
    [ -z "${!name:-}" ] || settings+=("$name=${!name}")
  done
  unshare --mount --propagation $propagation bash -c '
    set -e; root=$1; shift
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"' \
    enter "$root" env "${settings[@]}" "$@"
}
