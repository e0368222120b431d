# shellcheck shell=bash
# What building, tests and demo need on Debian.  Sourced; "need_packages WHAT..." with WHAT of build, test, receivers, format, chroot: where something
# lacks, root installs it, anybody else is told the one line to run.

# The PostgreSQL this Debian comes with, where none is installed yet.
debian_postgresql() {
  case "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" in bookworm) echo 15 ;; trixie) echo 17 ;; *) echo 18 ;; esac
}

missing_packages() {
  local major
  major=$("${PG_CONFIG:-pg_config}" --version 2>/dev/null | sed -E 's/^[^0-9]*([0-9]+).*/\1/') || true
  : "${major:=$(debian_postgresql)}"
  local have=command\ -v what
  for what in "$@"; do
    case "$what" in
      build)
        $have gcc >/dev/null || echo "gcc libc6-dev"
        $have make >/dev/null || echo make
        $have pkg-config >/dev/null || echo pkg-config
        pkg-config --exists libcurl 2>/dev/null || echo libcurl4-openssl-dev
        pkg-config --exists libcrypto 2>/dev/null || echo libssl-dev
        # libpq's pg_config answers too; the server's headers and programs are packages of their own
        [ -f "$("${PG_CONFIG:-pg_config}" --pgxs 2>/dev/null)" ] || echo "postgresql-server-dev-$major"
        [ -x "$("${PG_CONFIG:-pg_config}" --bindir 2>/dev/null)/postgres" ] || [ -x "/usr/lib/postgresql/$major/bin/postgres" ] ||
          echo "postgresql-$major"
        $have python3 >/dev/null || echo python3 ;;
      test)
        perl -MIPC::Run -MTest::More -MJSON::PP -e 1 2>/dev/null || echo "perl libipc-run-perl"
        $have openssl >/dev/null || echo openssl
        $have node >/dev/null || echo nodejs
        [ -d "$top/test/receiver/node_modules/standardwebhooks" ] || $have npm >/dev/null || echo npm ;;
      receivers)                # the languages of docs/examples, and brokers
        [ -x /usr/sbin/nats-server ] || echo nats-server
        [ -x /usr/sbin/rabbitmq-server ] || echo rabbitmq-server
        /usr/bin/python3 -c "import pika" 2>/dev/null || echo python3-pika
        /usr/bin/python3 -c "import psycopg2" 2>/dev/null || echo python3-psycopg2
        /usr/bin/python3 -c "import confluent_kafka" 2>/dev/null || echo python3-confluent-kafka
        $have javac >/dev/null || echo default-jdk-headless
        $have mcs >/dev/null && $have mono >/dev/null || echo "mono-mcs mono-runtime libmono-system-core4.0-cil" ;;
      fuzz)
        local llvm
        llvm=$(clang -dumpversion 2>/dev/null | cut -d. -f1) || true
        [ -n "$llvm" ] || case "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" in bookworm) llvm=14 ;; trixie) llvm=19 ;; *) llvm=21 ;; esac
        $have clang >/dev/null || echo clang
        [ -e "$(clang -print-file-name="libclang_rt.fuzzer-$(uname -m).a" 2>/dev/null)" ] || echo "libclang-rt-$llvm-dev" ;;
      format) $have pg_bsd_indent >/dev/null || echo pg-bsd-indent ;;
      chroot) $have debootstrap >/dev/null || echo debootstrap ;;
    esac
  done | tr ' ' '\n' | sort -u | tr '\n' ' '
}

need_packages() {
  local missing line what
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  line="apt-get install --no-install-recommends ${missing% }"
  if [ "$(id -u)" != 0 ]; then
    printf 'This needs packages that are not installed. As root:\n\n  %s\n\n' "$line" >&2
    return 1
  fi
  echo "$line"
  # No cluster of Debian's own is needed, nor started: the tests bring theirs.
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update >/dev/null || true
  # shellcheck disable=SC2086
  apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 install $missing >/tmp/odoo_events-apt.log 2>&1 </dev/null || {
    tail -20 /tmp/odoo_events-apt.log >&2; return 1; }
  # Nor a broker of Debian's own, which listens on every address.
  for what in nats-server rabbitmq-server; do
    case " $missing " in *" $what "*) { service $what stop; update-rc.d $what disable; } >/dev/null 2>&1 || true ;; esac
  done
}
