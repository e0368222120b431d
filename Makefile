# odoo_events: business events from an Odoo database, delivered to webhooks.
#
#   make, make install    build and install with the PostgreSQL that pg_config names
#   make check            every test, in private instances (see test/README.md)

EXTENSION = odoo_events
EXTVERSION = 0.1.0
MODULE_big = odoo_events

SRCS = $(sort $(wildcard src/*.c src/*/*.c))
OBJS = $(SRCS:.c=.o)

# One file per step of an event's way, in the order in which they depend on one another.
SCHEMA = base capture catalog publish deliver worker observe grants
SCHEMA_FILES = $(SCHEMA:%=src/schema/%.sql)

DATA_built = $(EXTENSION)--$(EXTVERSION).sql
EXTRA_CLEAN = $(DATA_built) $(SRCS:.c=.bc)

CURL_CFLAGS := $(shell pkg-config --cflags libcurl 2>/dev/null)
PG_CPPFLAGS = -I$(CURDIR)/src -DOE_VERSION='"$(EXTVERSION)"' $(CURL_CFLAGS)
SHLIB_LINK = -lcurl -lcrypto
# WERROR=1 is what CI builds with; users get the warnings as warnings.
PG_CFLAGS = -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -Wno-cast-function-type \
	-Wno-declaration-after-statement $(if $(WERROR),-Werror)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(OBJS): $(wildcard src/*/*.h)

$(DATA_built): $(SCHEMA_FILES) Makefile
	@(printf '%s\n' '\echo Use "CREATE EXTENSION odoo_events" to load this file. \quit'; cat $(SCHEMA_FILES)) > $@.tmp && mv $@.tmp $@
