# clickveil: build, tests and checks, with plain GNU make.
#
#   make                    build/clickveil
#   make deps               what the build needs, by the system's package manager; FOR="test check" for more
#   make demo               the whole pipeline on generated events, in one command
#   make test               every test, the integration tests on a real Kafka
#   make test-fast          unit and chain tests only
#   make check              layering, headers, formatting, banned calls, scripts, generated documents
#   make audit              attacks on what an attacker sees, at full size; NUMBERS (10000000) are tried, PEOPLE (2000) are there
#   make fuzz               the fuzz targets, FUZZ_SECONDS (60) each; TARGETS="gpp consent" for some
#   make bench              speed and memory, side by side with bare clients
#   make install            PREFIX=/usr/local DESTDIR=
#   make clean
#
# SANITIZE=address,undefined or SANITIZE=thread, CC=clang and TEST_BUILD=name each build in a directory of
# their own, build/<flavour>; TEST_BUILD=barrier-off defines CLICKVEIL_TEST_BARRIER_OFF. TESTS="..." runs only
# the named tests (paths in the tree, with or without the ending).

SHELL         := /bin/sh
MAKEFLAGS     += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

ifeq ($(origin CC),default)
CC := gcc
endif
PKG_CONFIG ?= pkg-config
AR         := ar
PREFIX     ?= /usr/local
SANITIZE   ?=
TEST_BUILD ?=
EXTRA_CFLAGS ?=

comma := ,
empty :=
space := $(empty) $(empty)
hyphen = $(subst $(space),-,$(strip $(1)))

# ---- where things go: one directory per flavour, so that flavours never mix ----

compiler := $(notdir $(firstword $(CC)))
FLAVOUR  := $(call hyphen,$(filter-out gcc cc,$(compiler)) $(subst $(comma),-,$(SANITIZE)) $(TEST_BUILD))
ifeq ($(FLAVOUR),)
FLAVOUR  := default
endif
OUT      := build/$(FLAVOUR)
# The default flavour's binary is also build/clickveil, the one that people run.
PROGRAM  := $(if $(filter default,$(FLAVOUR)),build/clickveil,$(OUT)/clickveil)

# ---- what there is: found, never listed ----

LIBRARY_SOURCES := $(sort $(wildcard common/*.c stages/*.c stages/*/*.c) $(filter-out commands/main.c,$(wildcard commands/*.c)))
MAIN_SOURCES    := $(wildcard commands/main.c)
SUPPORT_SOURCES := $(sort $(wildcard tests/support/*.c))
UNIT_SOURCES    := $(sort $(shell find tests/unit -name '*_test.c' 2>/dev/null))
ifneq ($(TESTS),)
UNIT_SOURCES    := $(filter $(addsuffix .c,$(basename $(TESTS))),$(UNIT_SOURCES))
endif
# Every C file here is a program of its own; those named *_test.c are run as tests, the others by scripts.
TOOL_SOURCES    := $(sort $(wildcard tests/chain/*.c tests/integration/*.c tests/bench/*.c))

objects = $(patsubst %.c,$(OUT)/%.o,$(1))
programs = $(patsubst %.c,$(OUT)/%,$(1))

LIBRARY         := $(OUT)/libclickveil.a
SHIM_SOURCES    := $(if $(findstring thread,$(SANITIZE)),tests/sanitizer/c11_threads.c)
ALL_SOURCES     := $(LIBRARY_SOURCES) $(MAIN_SOURCES) $(SUPPORT_SOURCES) $(UNIT_SOURCES) $(TOOL_SOURCES) $(SHIM_SOURCES)
UNIT_PROGRAMS   := $(call programs,$(UNIT_SOURCES))
TOOL_PROGRAMS   := $(call programs,$(TOOL_SOURCES))

# ---- flags ----

PACKAGES      := rdkafka yaml-0.1 libsodium yyjson libpsl libidn2 libmicrohttpd
TEST_PACKAGES := cmocka

# Asked once, and only by recipes that compile: `make deps` runs where pkg-config is still missing.
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $$(shell $(PKG_CONFIG) --cflags $(PACKAGES)))$(PACKAGE_CFLAGS)
PACKAGE_LIBS   = $(eval PACKAGE_LIBS := $$(shell $(PKG_CONFIG) --libs $(PACKAGES)))$(PACKAGE_LIBS)
TEST_CFLAGS    = $(eval TEST_CFLAGS := $$(shell $(PKG_CONFIG) --cflags $(TEST_PACKAGES)))$(TEST_CFLAGS)
TEST_LIBS      = $(eval TEST_LIBS := $$(shell $(PKG_CONFIG) --libs $(TEST_PACKAGES)))$(TEST_LIBS)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wformat=2 \
            -Wimplicit-fallthrough -Walloca -Werror
HARDENING := -fstack-protector-strong -fPIE
ifeq ($(SANITIZE),)
OPTIMISE  := -O2
HARDENING += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
else
OPTIMISE  := -O1 -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
# Instrumented code hides from gcc what it knows about values, and it warns of what cannot be; the same sources
# are compiled with every warning as an error in the other flavours.
WARNINGS  := $(filter-out -Werror,$(WARNINGS)) $(if $(filter gcc,$(compiler)),-Wno-format-truncation -Wno-maybe-uninitialized)
endif
TEST_DEFINE := $(if $(TEST_BUILD),-DCLICKVEIL_TEST_$(shell printf '%s' '$(TEST_BUILD)' | tr 'a-z-' 'A-Z_')=1)

CPPFLAGS_ALL = -D_GNU_SOURCE -I. $(TEST_DEFINE) $(PACKAGE_CFLAGS)
CFLAGS_ALL   = -std=c17 $(OPTIMISE) -g -fno-omit-frame-pointer -ffile-prefix-map=$(CURDIR)=. $(WARNINGS) \
               $(HARDENING) $(EXTRA_CFLAGS) $(CPPFLAGS_ALL)
BANNED       := -include common/banned.h
LDFLAGS_ALL  = $(if $(SANITIZE),-fsanitize=$(SANITIZE)) -pie -Wl,-z,relro,-z,now -Wl,--as-needed
LIBS_ALL     = $(PACKAGE_LIBS) -lpthread -lm

# ---- build ----

.PHONY: all build tests
all build: $(LIBRARY) $(if $(MAIN_SOURCES),$(PROGRAM))
tests: all $(UNIT_PROGRAMS) $(TOOL_PROGRAMS)

# A stamp holds what a rule was run with; its file changes, and so what hangs on it is rebuilt, only when the
# words change. The list of sources is one too: a file that went away must also leave the archive.
.PHONY: FORCE
FORCE:
stamp = @mkdir -p $(@D); printf '%s\n' '$(1)' >$@.new; \
        if cmp -s $@.new $@; then rm -f $@.new; else mv -f $@.new $@; fi
$(OUT)/stamp.flags: FORCE
	@$(PKG_CONFIG) --exists $(PACKAGES) 2>/dev/null && command -v $(firstword $(CC)) >/dev/null || \
	    { echo 'The compiler or a library is missing: run make deps first.' >&2; exit 1; }
	$(call stamp,$(CC) $(CFLAGS_ALL) $(BANNED))
$(OUT)/stamp.link: FORCE
	$(call stamp,$(CC) $(LDFLAGS_ALL) $(LIBS_ALL))
$(OUT)/stamp.test-flags: FORCE
	$(call stamp,$(TEST_CFLAGS) $(TEST_LIBS))
$(OUT)/stamp.library: FORCE
	$(call stamp,$(LIBRARY_SOURCES))
$(OUT)/stamp.support: FORCE
	$(call stamp,$(SUPPORT_SOURCES) $(SHIM_SOURCES))

ifeq ($(V),1)
say = @:
Q   =
else
say = @printf '  %-5s %s\n' $(1) $(2)
Q   = @
endif

$(OUT)/%.o: %.c $(OUT)/stamp.flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(BANNED) $(if $(filter $(SUPPORT_SOURCES) $(UNIT_SOURCES) $(TOOL_SOURCES),$<),$(TEST_CFLAGS)) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(call objects,$(UNIT_SOURCES) $(SUPPORT_SOURCES) $(TOOL_SOURCES)): $(OUT)/stamp.test-flags

$(LIBRARY): $(call objects,$(LIBRARY_SOURCES)) $(OUT)/stamp.library
	$(call say,AR,$@)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(filter %.o,$^)

$(OUT)/clickveil: $(call objects,$(MAIN_SOURCES) $(SHIM_SOURCES)) $(LIBRARY) $(OUT)/stamp.link $(OUT)/stamp.support
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(LIBRARY) $(LIBS_ALL)

build/clickveil: $(OUT)/clickveil
	@ln -f $< $@ 2>/dev/null || cp -f $< $@

$(UNIT_PROGRAMS) $(TOOL_PROGRAMS): $(OUT)/%: $(OUT)/%.o $(call objects,$(SUPPORT_SOURCES) $(SHIM_SOURCES)) $(LIBRARY) \
                                   $(OUT)/stamp.link $(OUT)/stamp.support
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(LIBRARY) $(TEST_LIBS) $(LIBS_ALL)

.SECONDARY: $(call objects,$(ALL_SOURCES))
-include $(patsubst %.o,%.d,$(call objects,$(ALL_SOURCES)))

# ---- tests ----

# What a test is told: which binary is meant, and where it may write.
export CLICKVEIL       := $(PROGRAM)
export CLICKVEIL_BUILD := $(OUT)

# Sanitizers: say all they know, also about leaks; whoever sets these himself is left alone.
export ASAN_OPTIONS  ?= detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS  ?= second_deadlock_stack=1:suppressions=$(CURDIR)/tests/sanitizer/thread.supp

CHAIN_TESTS       := $(filter %_test,$(filter $(OUT)/tests/chain/%,$(TOOL_PROGRAMS))) $(sort $(wildcard tests/chain/*.sh))
INTEGRATION_TESTS := $(filter %_test,$(filter $(OUT)/tests/integration/%,$(TOOL_PROGRAMS))) \
                     $(sort $(wildcard tests/integration/*.sh tests/integration/*_test.py))
# They run side by side (tests/run): the long ones begin first, so that at the end none runs on alone.
LONG_TESTS        := $(patsubst %,tests/integration/%_test.py,exactly_once_split exactly_once_fused consent away retraction)
INTEGRATION_TESTS := $(filter $(INTEGRATION_TESTS),$(LONG_TESTS)) $(filter-out $(LONG_TESTS),$(INTEGRATION_TESTS))

# What an attacker sees, attacked (docs/threat-model.md): at a small size among the tests, at full size by `make audit`.
AUDIT_FILES       := tests/audit/numbers_test.py tests/audit/joins_test.py
AUDIT_KAFKA       := $(filter-out $(AUDIT_FILES),$(sort $(wildcard tests/audit/*_test.py)))

# The house's own rules have tests too: the runner, the checks.
HOUSE_TESTS       := $(sort $(wildcard tests/house/*_test.sh))

SLOW_TESTS        := tests/house/build_test.sh tests/house/check_test.sh

.PHONY: test-fast test test-all
test-fast: tests
	@tests/run $(filter-out $(SLOW_TESTS),$(HOUSE_TESTS)) $(UNIT_PROGRAMS) $(CHAIN_TESTS)

# The runner has one Kafka started for what comes after --kafka. In a make of its own, since what deps installs decides about flags.
test:
	@tools/deps test
	@$(MAKE) test-all
test-all: tests
	@tests/run $(HOUSE_TESTS) $(UNIT_PROGRAMS) $(CHAIN_TESTS) $(AUDIT_FILES) --kafka $(INTEGRATION_TESTS) $(AUDIT_KAFKA)

# Tens of minutes of all cores; the figures come at the end.
.PHONY: audit
NUMBERS ?= 10000000
PEOPLE  ?= 2000
audit:
	@tools/deps test
	@$(MAKE) tests
	@AUDIT_NUMBERS=$(NUMBERS) AUDIT_PEOPLE=$(PEOPLE) TEST_TIMEOUT=21600 JOBS=1 tests/run $(AUDIT_FILES) --kafka $(AUDIT_KAFKA); \
	    status=$$?; grep -h '^#' $(patsubst %,$(OUT)/log/tests.audit.%.log,$(notdir $(AUDIT_FILES) $(AUDIT_KAFKA))); exit $$status

# ---- checks ----

# The build itself is one: warnings, and the calls that common/banned.h forbids. STEPS="arrows calls" runs some.
.PHONY: check
check: tests
	@CHECK_CC='$(CC)' CHECK_CFLAGS='$(CFLAGS_ALL) $(TEST_CFLAGS)' tools/check $(STEPS)

# ---- commands ----

.PHONY: deps demo bench fuzz install clean
FOR ?= build
deps:
	@tools/deps $(FOR)

demo:
	@tools/deps build
	@$(MAKE) build
	@$(PROGRAM) demo

bench:
	@tools/deps test
	@$(MAKE) tests
	@tests/bench/run.sh
	@tests/bench/consent.py

fuzz: build
	@tests/fuzz/run.sh $(TARGETS)

install: build
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/clickveil
	set -e; find config -path config/secrets -prune -o -type f -print 2>/dev/null | while read -r file; do \
	    install -D -m 644 "$$file" "$(DESTDIR)$(PREFIX)/share/clickveil/$$file"; done

clean:
	rm -rf build
