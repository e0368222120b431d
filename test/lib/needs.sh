# shellcheck shell=bash
# What building, tests and demo need on Debian and Ubuntu.  Sourced; "need_packages WHAT..." with WHAT of build, test, node, browser, monitoring, receivers,
# fuzz, format, chroot, wheel, broker-nats, broker-kafka: root gets what is missing installed, anybody else is told the one line to run.

# The PostgreSQL that this release of Debian or Ubuntu has, for machines where none is installed yet.
debian_postgresql() {
  case "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" in
    jammy) echo 14 ;;
    bookworm) echo 15 ;;
    noble) echo 16 ;;
    trixie | plucky | questing) echo 17 ;;
    *) echo 18 ;;
  esac
}

# The major version that is built for: as pg_config says or its directory is called, else this release's.
wanted_postgresql() {
  local config=${PG_CONFIG:-pg_config} major
  major=$("$config" --version 2>/dev/null | sed -nE 's/^[^0-9]*([0-9]+).*/\1/p') || true
  [ -n "$major" ] || major=$(printf '%s' "$config" | sed -nE 's|.*/postgresql/([0-9]+)/.*|\1|p')
  echo "${major:-$(debian_postgresql)}"
}

# The pg_config to use: the one that is asked for where it has the server's headers, else that of the version's own directory.
# /usr/bin/pg_config belongs to libpq-dev and may be of another major than the headers that are there.
server_pg_config() {
  local config=${PG_CONFIG:-pg_config} own
  own=/usr/lib/postgresql/$(wanted_postgresql)/bin/pg_config
  if ! has_headers "$config" && [ -x "$own" ]; then config=$own; fi
  echo "$config"
}

# pgxs.mk is no sign of the headers: on Debian it belongs to the client's package.
has_headers() { [ -f "$("$1" --includedir-server 2>/dev/null)/postgres.h" ] && [ -f "$("$1" --pgxs 2>/dev/null)" ]; }

# The versions of the headers and of the server's program, e.g. 15.20; nothing where there is none.
headers_version() { sed -nE 's/^#define PG_VERSION "([^" ]*).*/\1/p' "$("$1" --includedir-server 2>/dev/null)"/pg_config*.h 2>/dev/null | head -1; }
server_version() { "$("$1" --bindir 2>/dev/null)/postgres" --version 2>/dev/null | sed -nE 's/^[^0-9]*([0-9][^ ]*).*/\1/p'; }

# A library built with headers that are newer than the server may need functions that the server lacks, and then the server does not start.
headers_are_newer() { # headers_are_newer PG_CONFIG
  local headers server
  headers=$(headers_version "$1"); server=$(server_version "$1")
  [ -n "$headers" ] && [ -n "$server" ] && [ "$headers" != "$server" ] &&
    [ "$(printf '%s\n%s\n' "$headers" "$server" | sort -V | tail -1)" = "$headers" ]
}

# Would apt install headers of a newer minor version than the server that is installed?
headers_would_be_newer() { # headers_would_be_newer MAJOR
  local server candidate
  server=$(dpkg-query -W -f '${Version}' "postgresql-$1" 2>/dev/null) && [ -n "$server" ] || return 1
  candidate=$(apt-cache policy "postgresql-server-dev-$1" 2>/dev/null | sed -n 's/^  Candidate: //p')
  [ -n "$candidate" ] && dpkg --compare-versions "$candidate" gt "$server"
}

can_include() { echo "#include <$1>" | "${CC:-gcc}" -E -x c - >/dev/null 2>&1; }

# The library is linked where a source includes its header (Makefile), and needed only then.
uses_jansson() { grep -qs '^#include <jansson.h>' "$(dirname "${BASH_SOURCE[0]}")"/../../src/{*,*/*,*/*/*}/*.c; }

# The libraries of the helper programs (programs/Makefile), which are left out where these are missing.
programs_libraries() {
  local pair
  for pair in rdkafka:librdkafka-dev libnats:libnats-dev libmosquitto:libmosquitto-dev librabbitmq:librabbitmq-dev jansson:libjansson-dev; do
    pkg-config --exists "${pair%%:*}" 2>/dev/null || echo "${pair#*:}"
  done
}

# What compiling needs.  The compiler says what it finds, so that another system's packages do as well.
missing_to_compile() { # missing_to_compile PG_CONFIG
  local major config=$1
  major=$(wanted_postgresql)
  if ! command -v "${CC:-gcc}" >/dev/null; then
    echo "gcc libc6-dev libcurl4-openssl-dev libssl-dev"
    ! uses_jansson || echo libjansson-dev
  else
    can_include stdio.h || echo libc6-dev
    can_include curl/curl.h || pkg-config --exists libcurl 2>/dev/null || echo libcurl4-openssl-dev
    can_include openssl/evp.h || pkg-config --exists libcrypto 2>/dev/null || echo libssl-dev
    ! uses_jansson || can_include jansson.h || pkg-config --exists jansson 2>/dev/null || echo libjansson-dev
  fi
  command -v pkg-config >/dev/null || echo pkg-config
  if ! has_headers "$config"; then
    echo "postgresql-server-dev-$major"
    ! headers_would_be_newer "$major" || echo "postgresql-$major"
  elif headers_are_newer "$config"; then
    echo "postgresql-$major"
  fi
}

missing_packages() {
  local major llvm what have='command -v'
  major=$(wanted_postgresql)
  for what in "$@"; do
    case "$what" in
      build)
        missing_to_compile "$(server_pg_config)"
        $have make >/dev/null || echo make
        [ -n "$(server_version "$(server_pg_config)")" ] || echo "postgresql-$major"
        $have python3 >/dev/null || echo python3 ;;
      test)
        perl -MIPC::Run -MTest::More -MJSON::PP -e 1 2>/dev/null || echo "perl libipc-run-perl"
        $have openssl >/dev/null || echo openssl ;;
      node)                     # for the public libraries that judge signatures, events and schemas
        $have node >/dev/null || echo nodejs
        [ -d "$top/test/receiver/node_modules/standardwebhooks" ] || $have npm >/dev/null || echo npm ;;
      monitoring) $have prometheus >/dev/null || echo prometheus ;;
      browser) $have chromium >/dev/null || echo chromium ;;    # judges the pages
      receivers)                # the languages of docs/examples, brokers, and a connection pooler
        [ -x /usr/sbin/pgbouncer ] || echo pgbouncer
        [ -x /usr/sbin/nats-server ] || echo nats-server
        [ -x /usr/sbin/rabbitmq-server ] || echo rabbitmq-server
        [ -x /usr/sbin/mosquitto ] || echo mosquitto
        $have mosquitto_sub >/dev/null || echo mosquitto-clients
        programs_libraries
        $have mvn >/dev/null || echo maven
        /usr/bin/python3 -c "import pika" 2>/dev/null || echo python3-pika
        /usr/bin/python3 -c "import confluent_kafka" 2>/dev/null || echo python3-confluent-kafka
        $have go >/dev/null || echo golang-go
        $have php >/dev/null || echo php-cli
        /usr/bin/python3 -c "import fastapi, uvicorn" 2>/dev/null || echo "python3-fastapi python3-uvicorn"
        [ -d /usr/share/nodejs/express ] || echo node-express
        $have javac >/dev/null || echo default-jdk-headless
        $have mcs >/dev/null && $have mono >/dev/null || echo "mono-mcs mono-runtime libmono-system-core4.0-cil" ;;
      broker-nats)              # make demo-nats
        [ -x /usr/sbin/nats-server ] || $have nats-server >/dev/null || echo nats-server
        pkg-config --exists libnats jansson 2>/dev/null || echo "libnats-dev libjansson-dev" ;;
      broker-kafka)             # make demo-kafka; Maven fetches Kafka itself
        $have java >/dev/null || echo default-jre-headless
        $have mvn >/dev/null || echo maven
        /usr/bin/python3 -c "import confluent_kafka" 2>/dev/null || echo python3-confluent-kafka
        pkg-config --exists rdkafka jansson 2>/dev/null || echo "librdkafka-dev libjansson-dev" ;;
      fuzz)
        llvm=$(clang -dumpversion 2>/dev/null | cut -d. -f1) || true
        [ -n "$llvm" ] || llvm=$(apt-cache depends clang 2>/dev/null | sed -n 's/^ *Depends: clang-\([0-9]*\)$/\1/p' | head -1)
        $have clang >/dev/null || echo clang
        [ -e "$(clang -print-file-name="libclang_rt.fuzzer-$(uname -m).a" 2>/dev/null)" ] || echo "libclang-rt-$llvm-dev" ;;
      format) $have pg_bsd_indent >/dev/null || echo pg-bsd-indent ;;
      chroot) $have debootstrap >/dev/null || echo debootstrap ;;
      wheel) /usr/bin/python3 -m pip --version >/dev/null 2>&1 || echo python3-pip ;;      # PostgreSQL 16 (wheel.sh)
    esac
  done | tr ' ' '\n' | sort -u | tr '\n' ' '
}

# For the Makefile, which uses the pg_config that it is given: one line that says what is missing to compile, or nothing.
why_not_compile() {
  local missing config=${PG_CONFIG:-pg_config} other
  missing=$(missing_to_compile "$config" | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  other=$(server_pg_config)
  if has_headers "$config" && headers_are_newer "$config"; then
    echo -n "PostgreSQL's headers are of $(headers_version "$config"), its server is $(server_version "$config"): a library built with them may keep" \
      "that server from starting. Upgrade the server first. "
  elif [ "$other" != "$config" ] && [ -z "$(missing_to_compile "$other")" ]; then
    echo "$config knows no headers of PostgreSQL's server. Name the one that does: make PG_CONFIG=$other"
    return
  else
    echo -n "This needs packages that are not installed. "
  fi
  echo "As root: apt-get install --no-install-recommends ${missing% } (then make again)"
}

# The services that apt's packages have enabled, by the links that do it.
enabled_services() { find /etc/systemd/system -path '*.wants/*' -type l 2>/dev/null; find /etc/rc?.d -name 'S*' 2>/dev/null; }

# While packages are installed for tests no service is started that was not there before; /usr/sbin/policy-rc.d is Debian's own way to say so.
# A server that is there already is restarted as usual when its package is upgraded.
hold_services() {
  local service
  enabled_services | sort >"$apt_work/enabled"
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    { echo '#!/bin/sh'
      echo 'case "$1" in'
      for service in /etc/init.d/* /lib/systemd/system/*.service; do
        [ ! -e "$service" ] || { service=$(basename "$service" .service); echo "  '$service' | '$service.service') exit 0 ;;"; }
      done
      echo '  *) exit 101 ;;'
      echo 'esac'; } >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    touch "$apt_work/policy"
  fi
  # No cluster of Debian's own is needed: the tests bring theirs.
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    touch "$apt_work/createcluster"
  fi
}

# Leaves no trace of hold_services(), and nothing that would start with the machine.  Debian's own postgresql.service stays enabled: it starts
# clusters, of which there are none, and whoever makes one later expects it to start.
release_services() {
  local link name disabled='' conf=/etc/postgresql-common/createcluster.conf default=/usr/share/postgresql-common/createcluster.conf
  [ ! -e "$apt_work/policy" ] || rm -f /usr/sbin/policy-rc.d
  if [ -e "$apt_work/createcluster" ]; then
    if [ -e "$default" ]; then cat "$default" >"$conf"; else rm -f "$conf"; rmdir /etc/postgresql-common 2>/dev/null || true; fi
  fi
  while IFS= read -r link; do
    name=$(basename "$link"); name=${name#S[0-9][0-9]}
    case "$name" in postgresql*) continue ;; esac
    case "$link" in
      /etc/rc*) update-rc.d "$name" disable >/dev/null 2>&1 || true ;;
      *) systemctl disable "$name" >/dev/null 2>&1 || true; rm -f "$link" ;;
    esac
    disabled="$disabled ${name%.service}"
  done < <(enabled_services | sort | comm -13 "$apt_work/enabled" -)
  [ -z "$disabled" ] || echo "(not to be started with this machine: $(printf '%s\n' $disabled | sort -u | tr '\n' ' ' | sed 's/ $//'))"
  [ ! -e "$apt_work/createcluster" ] || [ ! -e "$default" ] ||
    echo "(no cluster was made: where you want PostgreSQL for yourself, pg_createcluster $(wanted_postgresql) main --start makes one)"
}

need_packages() {
  local missing line status=0
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  line="apt-get install --no-install-recommends ${missing% }"
  if [ "$(id -u)" != 0 ]; then
    printf 'This needs packages that are not installed. As root:\n\n  %s\n\n' "$line" >&2
    # shellcheck disable=SC2086
    apt_size $missing >&2
    return 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q -o DPkg::Lock::Timeout=600 update >/dev/null || true
  missing=$(missing_packages "$@"); line="apt-get install --no-install-recommends ${missing% }"     # candidates are known only now
  echo "$line"
  # shellcheck disable=SC2086
  apt_size $missing
  apt_work=$(mktemp -d)
  hold_services
  # shellcheck disable=SC2086
  apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 install $missing \
    >"$apt_work/log" 2>&1 </dev/null || { status=1; tail -20 "$apt_work/log" >&2; }
  release_services
  rm -rf "$apt_work"
  return "$status"
}

# What apt says about packages before it fetches them: how many, how much to download, how much on disk.
apt_size() {
  apt-get -q --assume-no --no-install-recommends -o Debug::NoLocking=true install "$@" 2>/dev/null </dev/null |
    sed -nE '/^[0-9]+ upgraded|^Need to get|^After this operation/ s/^/  /p' || true
}
