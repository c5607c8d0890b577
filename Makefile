# Builds, installs and tests customer_identity; `make help` lists what can be typed.
# PG_CONFIG selects the server: make PG_CONFIG=/path/to/pg_config

PG_CONFIG ?= pg_config
export PG_CONFIG

EXTENSION = customer_identity
MODULE_big = customer_identity
EXTENSION_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)

# sql/order says in which order the install script is joined.
SQL := $(addprefix sql/,$(shell sed 's/\#.*//' sql/order))

INSTALL_SCRIPT_SQL = $(EXTENSION)--$(EXTENSION_VERSION).sql
# Installed as well: the scripts of released versions, kept as they were, those that bring them up to date, and the
# numbering plans.
DATA = $(wildcard sql/released/*.sql sql/updates/*.sql) plans/customer_identity_plans.bin
DATA_built = $(INSTALL_SCRIPT_SQL)

OBJS = $(patsubst %.cpp,%.o,$(sort $(wildcard src/*.cpp src/*/*.cpp)))

# CUSTOMER_IDENTITY_FAST_PATH=0 leaves the fast path out, for a libphonenumber that hides its symbols.
CUSTOMER_IDENTITY_FAST_PATH ?= 1
ifeq ($(CUSTOMER_IDENTITY_FAST_PATH),0)
OBJS := $(filter-out $(addprefix src/phone/, automaton.o fast_path.o input.o number_rules.o \
	numbering_plan.o pattern.o plans_file.o plans_in_force.o prefix_matcher.o), $(OBJS))
else
OBJS := $(filter-out src/phone/no_fast_path.o, $(OBJS))
endif
BITCODE = $(OBJS:.o=.bc)

# Another compiler may warn of something new, which is no reason not to install: STRICT=1 is for lint and tests.
STRICT ?= 0
# The same sources make the same files in any folder: debugging information names none.
# clang, which compiles the bitcode, rejects the `register` of PostgreSQL 15's headers.
EXTENSION_CXXFLAGS = -std=c++20 -Wall -Wextra $(if $(filter 1,$(STRICT)),-Werror) -Wno-register \
	-fvisibility=hidden -fvisibility-inlines-hidden -ffile-prefix-map=$(CURDIR)=.
PG_CPPFLAGS = -Isrc -DCUSTOMER_IDENTITY_VERSION=$(EXTENSION_VERSION)
PG_CXXFLAGS = $(EXTENSION_CXXFLAGS) -MMD -MP
# Hidden visibility does not reach the templates of the C++ library: nothing mangled is exported.
ifeq ($(shell uname -s),Darwin)
SHLIB_LINK = -lphonenumber -lprotobuf -lc++ -Wl,-unexported_symbol,__Z*
else
SHLIB_LINK = -lphonenumber -lprotobuf -lstdc++ -Wl,--version-script=build/exports.map
endif
NO_INSTALLCHECK = 1
EXTRA_CLEAN = build $(OBJS:.o=.d) $(EXTENSION)--*.sql

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

# Before `make setup` there may be no server to build for.
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
ifneq ($(PGXS),)
include $(PGXS)

# PostgreSQL's headers are not ours to warn about.
override CPPFLAGS := $(subst -I$(includedir_server),-isystem $(includedir_server),$(CPPFLAGS))
# PGXS passes PG_CXXFLAGS to objects, but not to bitcode.
BITCODE_CXXFLAGS += $(EXTENSION_CXXFLAGS)

# Another server or other flags: everything is compiled anew.
compilation = $(VERSION) $(CUSTOMER_IDENTITY_FAST_PATH) $(CXX) $(CPPFLAGS) $(CXXFLAGS) $(BITCODE_CXXFLAGS)
build/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(compilation)' | cmp -s - $@ || echo '$(compilation)' > $@
FORCE:
$(OBJS): build/flags

# In words what is missing, before a compiler or linker says it in its own.
build/requirements: build/flags scripts/requirements.sh
	@command -v bash >/dev/null || { echo 'bash is missing (Alpine: apk add bash)' >&2; exit 1; }
	@CXX='$(CXX)' CPPFLAGS='$(CPPFLAGS)' LDFLAGS='$(LDFLAGS)' scripts/requirements.sh
	@touch $@
$(OBJS): | build/requirements

build/exports.map: Makefile
	@mkdir -p $(@D)
	@echo '{ local: _Z*; };' > $@
$(shlib): build/exports.map

# Bitcode depends on the headers that its object depends on.
$(BITCODE): %.bc: %.o
-include $(OBJS:.o=.d)

# clang-tidy looks at a source again when its object would be compiled again.
TIDY = $(patsubst %.cpp,build/tidy/%,$(sort $(wildcard src/*.cpp src/*/*.cpp)))
$(TIDY): build/tidy/%: %.o .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet $*.cpp -- -std=c++20 -Wno-register $(CPPFLAGS) 2>$@.log && touch $@ || { grep error: $@.log; false; }
tidy: $(TIDY)
.SECONDARY: $(OBJS)

$(INSTALL_SCRIPT_SQL): sql/order $(SQL) $(EXTENSION).control Makefile
	cat $(SQL) > $@
else
all install uninstall clean:
	@echo "$(PG_CONFIG) knows no server to build for: install PostgreSQL's headers, or set PG_CONFIG." >&2
	@echo "On Debian and Ubuntu 'make setup' installs what is missing." >&2
	@exit 1
endif

.PHONY: FORCE bench help setup test upgradecheck update-scripts plans test-phones-nightly test-sanitized torture test-matrix demo shop \
	lint format tidy dist deb package-check release-check

help:
	@echo 'make            build the extension'
	@echo 'make install    put it where the server finds it'
	@echo 'make setup      install the packages that are missing (Debian)'
	@echo 'make demo       play a shop on a throw-away server (KEEP=1 leaves the server running)'
	@echo 'make shop       run the example shop with made-up data (PORT chooses where)'
	@echo 'make test       every test; needs nothing prepared'
	@echo 'make upgradecheck  updates from released versions; a part of make test'
	@echo 'make test-NAME  one suite: $(sort $(shell test/run --list))'
	@echo 'make test-phones-nightly  a million made-up phones and a long fuzz'
	@echo 'make test-matrix  every test in fresh Debian and Ubuntu systems (SYSTEMS and SUITES choose)'
	@echo 'make test-sanitized  pgtap, regress and functions, in a server that notices undefined behaviour'
	@echo 'make torture    the chaos run for longer (SECONDS of storms, SEED repeats the choices)'
	@echo 'make bench      measure, and write docs/performance.md (QUICK=1 only tries; NAMES="phones totals" choose,'
	@echo '                ROWS, ROUNDS, SECONDS, CLIENTS size it)'
	@echo 'make update-scripts  write sql/updates from what released versions and this one make'
	@echo 'make plans      fetch the numbering plans of today (VERSION, DATE; plans/README.md)'
	@echo 'make lint       formatting, rules of the tree, shellcheck, pyflakes, cppcheck, clang-tidy'
	@echo 'make format     format the C++ sources'
	@echo 'make dist       pack the commit as PGXN takes it (build/dist)'
	@echo 'make deb        build Debian packages for the servers of this system (build/deb)'
	@echo 'make package-check  try both, and the Containerfile, on fresh systems (root; needs debootstrap)'
	@echo 'make release-check  what has to hold before a release'
	@echo 'make clean      remove what was built'
	@echo
	@echo 'PG_CONFIG selects the server: make PG_CONFIG=/path/to/pg_config'

setup:
	@scripts/setup.sh

demo:
	@scripts/setup.sh build
	@scripts/install.sh
	@KEEP=$(KEEP) demo/run

shop:
	@scripts/setup.sh build shop
	@scripts/install.sh
	@examples/shop/dev/run

test: setup
	@scripts/install.sh
	@test/run

test-%: setup
	@scripts/install.sh
	@test/run $*

upgradecheck: test-upgradecheck

# Written anew after a change of what the install script makes; `make lint` tells when that was forgotten.
update-scripts:
	@scripts/write_update.py

# Before each release: a year later they are warned about.
plans:
	@scripts/make_plans.js

# A million made-up phones, other ones each day, and half an hour of fuzzing.
test-phones-nightly: setup
	@cmake -S . -B build/unit >/dev/null && cmake --build build/unit --parallel 2 >/dev/null
	@PHONES_ROWS=1000000 PHONES_SEED=$$(date +%Y%m%d) build/unit/phone_test --gtest_filter='fast_path.*:plans.*'
	@FUZZ_SECONDS=1800 test/fuzz/run

# Systems of its own, in build/roots and build/matrix.
test-matrix:
	@test/matrix/run_matrix.sh $(SYSTEMS)

test-sanitized: setup
	@scripts/sanitized.sh test/run pgtap regress functions

torture: export SECONDS ?= 600
torture: setup
	@scripts/install.sh
	@test/torture/run.py

bench: setup
	@scripts/install.sh
	@bench/run.py

lint:
	@scripts/setup.sh build lint
	@echo 'building the extension for $(PG_CONFIG)'
	@$(MAKE) -s --no-print-directory STRICT=1 all
	@scripts/lint.sh

format:
	@scripts/setup.sh lint
	@echo 'formatting the C++ of src and test/unit'
	@scripts/format.sh

dist:
	@scripts/dist.sh

deb:
	@scripts/deb.sh

# Not in make test: root folders of whole systems, packages from the distribution, ten minutes.
package-check:
	@test/packages/run_all.sh

release-check: setup
	@scripts/release_check.sh
