# odoo_events: business events from an Odoo database, delivered to webhooks.
#
#   make, make install    build and install with the PostgreSQL that pg_config names
#   make installcheck     the pg_regress and isolation tests against the running server that PGHOST, PGPORT name
#   make check            the tests that a contributor runs, less than ten minutes, in private instances; nothing is installed (see test/README.md)
#   make check-all        every test, on PostgreSQL 16 to 19 too, and make demo on bare machines (needs root)
#   make check-long       a thousand random crashes (ROUNDS=n), and every way of breaking off at every point; a transaction of a million changes; fuzzing
#   make check-packages Debian packages, container images, the distribution for PGXN: built and used (needs root)
#   make dist             the distribution for PGXN, of what is committed
#   make check-cassert    regress, isolation and TAP on a PostgreSQL 18 with assertions (built once, in a chroot; needs root)
#   make check-asan       the same there with AddressSanitizer and UndefinedBehaviorSanitizer
#   make bench            all benchmarks, a quarter of an hour; prints a table (docs/benchmarks.md)
#   make check-odoo       real Odoo 19 in a chroot of its own: installed, a day clicked, upgraded, modules come and go (a large download, once; needs root)
#   make demo             watch a recorded day of Odoo arrive as signed events (PACE=seconds between steps)
#   make demo-nats        the day of sales in a real NATS JetStream, read from there by a consumer; make demo-kafka: in Apache Kafka
#   make receiver         the demo's receiver alone (PORT=8765 SECRET=whsec_...)
#   make format           lay the C sources out; make format-check only looks

TEST_GOALS = check check-all check-odoo check-long check-packages dist check-cassert check-asan bench demo demo-nats demo-kafka receiver format format-check
ifneq ($(filter $(TEST_GOALS),$(MAKECMDGOALS)),)

# These bring their own server, so nothing of the build's settings concerns them.
.PHONY: $(TEST_GOALS)
check: ; @test/lib/check.sh
check-all: ; @test/lib/check.sh all
check-long: ; @ROUNDS=$${ROUNDS:-1000} TAP_TIMEOUT=0 test/lib/check.sh tap 021 04 097 098 && \
	ROUNDS=$$(($${ROUNDS:-1000} / 5)) TAP_TIMEOUT=0 test/lib/check.sh tap 131 && \
	ROUNDS=$$(($${ROUNDS:-1000} / 5)) TAP_TIMEOUT=0 PG_TEST_TIMEOUT_DEFAULT=7200 test/lib/check.sh tap 185 187 188 240 && \
	for broker in nats kafka amqp; do BROKER=$$broker ROUNDS=$$(($${ROUNDS:-1000} / 5)) TAP_TIMEOUT=0 PG_TEST_TIMEOUT_DEFAULT=600 test/lib/check.sh tap 189 || exit 1; done && \
	CHANGES=$${CHANGES:-1000000} PG_TEST_TIMEOUT_DEFAULT=3600 TAP_TIMEOUT=0 test/lib/check.sh tap 023 && \
	MINUTES=$${MINUTES:-60} TAP_TIMEOUT=0 test/lib/check.sh tap 022 && \
	ROUNDS=$$(($${ROUNDS:-1000} * 10)) TAP_TIMEOUT=0 test/lib/check.sh tap 094 && \
	MEGABYTES=$${MEGABYTES:-5000} TAP_TIMEOUT=0 PG_TEST_TIMEOUT_DEFAULT=1200 test/lib/check.sh tap 088 && \
	test/packages/run.sh
check-packages: ; @test/packages/run.sh
dist: version = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" odoo_events.control)
dist: ; @git archive --format=zip --prefix=odoo_events-$(version)/ -o odoo_events-$(version).zip HEAD
check-odoo: ; @test/lib/chroot.sh run odoo test/odoo-real/run.sh
check-cassert: ; @test/lib/sanity.sh asserts
check-asan: ; @test/lib/sanity.sh asan
bench: ; @test/bench/run.sh
demo: ; @test/demo/demo.sh
demo-nats demo-kafka: ; @test/demo/demo.sh $(@:demo-%=%)
receiver: ; @test/demo/receiver.sh
format: ; @test/lib/format.sh
format-check: ; @test/lib/format.sh check

else

EXTENSION = odoo_events
EXTVERSION = 0.2.0
MODULE_big = odoo_events

SRCS = $(sort $(wildcard src/*.c src/*/*.c src/*/*/*.c src/*/*/*/*.c))
OBJS = $(SRCS:.c=.o)

# One file per step of an event's way, in the order in which they depend on one another.
# The catalog's rows follow its tables, a file per part of the business; references first, since the others point to them.
CATALOG = reference stock manufacturing trade maintenance finance master units process epcis versions
DELIVER = secret warnings transport subscribe operate views storage pull
GOVERN = config policy proposal kinds revision contract
SCHEMA = base audit govern_base seal_base capture wal catalog $(CATALOG:%=catalog_%) publish process deliver govern_shelf $(DELIVER:%=deliver_%) \
	care \
	account \
	samples \
	quiet \
	readers \
	slow_condition \
	sla promise \
	outcome \
	acknowledge \
	erase \
	compare \
	cut_over \
	worker metrics setup paths observe \
	unblocked \
	lineage contract define define_entity backfill reconcile \
	diagnose \
	monitoring \
	promise_metrics \
	announce \
	seal \
	flow \
	page \
	event_catalog \
	$(GOVERN:%=govern_%) \
	retention \
	residency \
	grants
SCHEMA_FILES = $(SCHEMA:%=src/schema/%.sql)

DATA = $(wildcard src/schema/upgrade/*.sql)
DATA_built = $(EXTENSION)--$(EXTVERSION).sql
EXTRA_CLEAN = $(DATA_built) .build-flags $(SRCS:.c=.bc)

CURL_CFLAGS := $(shell pkg-config --cflags libcurl 2>/dev/null)
# libjansson is linked where a source includes its header.
JANSSON_LIBS := $(if $(shell grep -l '^\#include <jansson.h>' $(SRCS)),$(or $(shell pkg-config --libs jansson 2>/dev/null),-ljansson))
# FAULTS=1 compiles in the points where tests break things off (src/base/fault.h); the private builds of test/lib/instance.sh have them.
PG_CPPFLAGS = -I$(CURDIR)/src -DOE_VERSION='"$(EXTVERSION)"' $(if $(FAULTS),-DOE_FAULTS) $(CURL_CFLAGS)
SHLIB_LINK = -lcurl -lssl -lcrypto $(JANSSON_LIBS)
# WERROR=1 is what CI builds with; users get the warnings as warnings.
# Tests run with memory on the stack that was never set filled with a pattern, so that nothing works by luck.
PG_CFLAGS = -std=gnu11 $(if $(FAULTS),-ftrivial-auto-var-init=pattern) -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -Wno-cast-function-type \
	-Wno-declaration-after-statement $(if $(WERROR),-Werror)

# For installcheck.  The server must preload the library and have odoo_events.databases = 'none-such', so that no worker publishes first.  What else it
# needs is in test/README.md.
REGRESS = $(sort $(basename $(notdir $(wildcard sql/*.sql))))
ISOLATION = $(sort $(basename $(notdir $(wildcard test/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=test/isolation

PG_CONFIG ?= pg_config

# A missing compiler, library or header is said by the package that has it, and so are headers that are newer than the server.
ifneq ($(filter-out clean distclean maintainer-clean uninstall upgrade-script,$(or $(MAKECMDGOALS),all)),)
LACKS := $(shell export PG_CONFIG='$(PG_CONFIG)' CC='$(if $(filter default,$(origin CC)),gcc,$(CC))' && bash -c '. test/lib/needs.sh && why_not_compile')
ifneq ($(LACKS),)
$(error $(LACKS))
endif
endif

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# What make install says fits on a line; V=1 has it say every command.
ifneq ($(filter install uninstall,$(MAKECMDGOALS)),)
ifeq ($(V),)
MAKEFLAGS += --silent
$(info $(if $(filter uninstall,$(MAKECMDGOALS)),removing,installing) $(EXTENSION) $(EXTVERSION): $(shell $(PG_CONFIG) --version), $(DESTDIR)$(pkglibdir))
endif
endif

# Objects belong to the server whose headers they were compiled with; those with fault points and those without are not the same either.
FLAGS_FILE = .build-flags
FLAGS = FAULTS=$(FAULTS) COPT=$(COPT) $(VERSION) $(includedir_server)
$(shell echo '$(FLAGS)' | cmp -s - $(FLAGS_FILE) || echo '$(FLAGS)' >$(FLAGS_FILE))

$(OBJS): $(wildcard src/*/*.h src/*/*/*.h src/*/*/*/*.h) $(FLAGS_FILE)

$(DATA_built): $(SCHEMA_FILES) Makefile
	@(printf '%s\n' '\echo Use "CREATE EXTENSION odoo_events" to load this file. \quit'; cat $(SCHEMA_FILES)) > $@.tmp && mv $@.tmp $@

# The helper programs for brokers, those whose libraries are here (programs/Makefile).
.PHONY: programs install-programs uninstall-programs clean-programs
programs install-programs uninstall-programs clean-programs:
	@+$(MAKE) --no-print-directory -s -C programs PG_CONFIG='$(PG_CONFIG)' CC='$(CC)' $(if $(WERROR),WERROR=1) $(if $(filter programs,$@),all,$(@:-programs=))
all: programs
install: install-programs
uninstall: uninstall-programs
clean: clean-programs

# Files that a running server needs stay (FORCE=1: they go all the same).
.PHONY: check-uninstall
check-uninstall: ; @$(if $(FORCE),:,src/uninstall_check.sh "$(bindir)" "$(pkglibdir)")
uninstall: check-uninstall

# The script from version FROM, whose install script is in src/schema/upgrade, to this one (src/schema/upgrade/make_script.py).  What comes out is
# committed to src/schema/upgrade/odoo_events--<from>--<to>.sql when <to> is released, and never changed after that.
.PHONY: upgrade-script
upgrade-script:
	@src/schema/upgrade/make_script.py $(EXTVERSION) src/schema/upgrade/$(EXTENSION)--$(FROM).sql src/schema/upgrade/changes/$(FROM)--$(EXTVERSION).sql $(SCHEMA_FILES)

endif
