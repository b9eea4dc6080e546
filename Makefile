# Every target does its own set-up; a second run does only what has changed since.
#
#   make demo         the order-events story on a real server, with clients in processes of their own
#   make test         style, types, then every test but the long ones (what CI runs), formats on the checked build too
#   make check        style and types only                make test-full     the long tests as well
#   make bench        micro-benchmarks                    make test-oracle   against a real Apache Kafka (JDK, Maven)
#   make bench-peers  beside Apache Kafka and kfake       make bench-clients  beside the other Python clients
#   make bench-transactions  transactions, beside Apache Kafka
#   make bench-groups consumer groups, beside Apache Kafka
#   make bench-storage  storage beside write(), pread, checksums, Kafka's classes
#   make test-frameworks  applications on Python's Kafka frameworks, from the package index
#   make bench-growth what a load costs when one of its dimensions doubles
#   make debug, asan  tests on a checked, a sanitized build
#   make bad-input    a million bad inputs to every reader, on a sanitized build
#   make docs         the documentation as a site, in build/site
#   make clean        away with everything that was made
#
# ARGS adds to what a test or bench target runs:  make debug ARGS=tests/codec    make test ARGS='-k torn_tail -x'

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.PHONY: help demo test check build test-full test-oracle test-frameworks compatibility bench bench-clients bench-groups bench-growth bench-peers bench-storage bench-transactions docs debug debug-formats asan bad-input clean

VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/stamps
ARGS   ?=

NATIVE  := $(shell find kstore actors -name '*.pyx' -o -name '*.pxd')
PIP     := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The extensions are there already, in place: an installation has none to compile.
IN_PLACE := KSTORE_ONLY=nothing $(PIP) --no-build-isolation --editable
# The build tools are read from the list that an installer reads, so that no version stands twice.
PRINT_BUILD_REQUIRES := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")
say     = @printf '==> %s\n' "$(1)"

help:
	@sed -n '3,18s/^# \{0,3\}//p' Makefile

# --- set-up ----------------------------------------------------------------------------------------------------------

# The interpreter: PYTHON=... if given, else the first on the path that is new enough.
$(STAMPS)/venv:
	@python=$${PYTHON:-}; \
	for candidate in $$python python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	  python=; \
	done; \
	if [ -z "$$python" ]; then echo 'kstore needs Python 3.11 or newer with venv: install it, or name it with PYTHON=...' >&2; exit 2; fi; \
	if ! command -v "$${CC:-cc}" >/dev/null; then echo 'kstore needs a C compiler: install gcc or clang, or name it with CC=...' >&2; exit 2; fi; \
	echo "==> a virtual environment in $(VENV), of $$("$$python" --version)"; \
	"$$python" -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/build-tools: pyproject.toml $(STAMPS)/venv
	$(call say,build tools: Cython and setuptools)
	@$(BIN)/python -c '$(PRINT_BUILD_REQUIRES)' >$@.txt && $(PIP) --requirement $@.txt
	@touch $@

$(STAMPS)/build: $(STAMPS)/build-tools setup.py $(NATIVE)
	$(call say,compiling the extensions ($(words $(filter %.pyx,$(NATIVE))) modules))
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@$(BIN)/python -m compileall -qq kstore actors
	@touch $@

$(STAMPS)/test: pyproject.toml $(STAMPS)/build
	$(call say,installing kstore in place$(,) with what its tests and checks need)
	@$(IN_PLACE) '.[dev,docs,test]'
	@touch $@

$(STAMPS)/bench: pyproject.toml $(STAMPS)/build
	$(call say,installing kstore in place$(,) with what its benchmarks need)
	@$(IN_PLACE) '.[bench,test]'
	@touch $@

, := ,
space := $(subst ,, )
build: $(STAMPS)/build $(STAMPS)/test

# --- what a user runs ------------------------------------------------------------------------------------------------

demo: build
	$(call say,the demo)
	@$(BIN)/kstore demo $(ARGS)

test: check
	$(call say,tests)
	@$(BIN)/python -m pytest -m 'not full and not oracle' --ignore=tests/tidy --ignore=tests/doors $(ARGS)
	@$(if $(strip $(ARGS)),,$(MAKE) debug-formats)

check: build
	$(call say,format and lint: ruff)
	@$(BIN)/ruff format --check --quiet . || { echo 'to fix the format: $(BIN)/ruff format .' >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	$(call say,types: mypy$(,) --strict for the product)
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/mypy --no-error-summary --config-file tests/mypy.toml
	$(call say,stubs of the compiled modules: stubtest)
	@$(BIN)/python tests/tidy/stubs.py
	$(call say,style and import direction: tests/tidy and tests/doors)
	@$(BIN)/python -m pytest --quiet tests/tidy tests/doors

test-full: check
	$(call say,all tests$(,) the long ones as well)
	@KSTORE_HYPOTHESIS=full $(BIN)/python -m pytest -m 'not oracle' $(ARGS)
	@$(if $(strip $(ARGS)),,$(MAKE) debug bad-input)

test-oracle: build
	$(call say,tests against a real Apache Kafka)
	@command -v java >/dev/null && command -v mvn >/dev/null || { echo 'these need a JDK (17 or newer) and Maven' >&2; exit 2; }
	@$(BIN)/python -m pytest -m oracle $(ARGS)

test-frameworks: build
	$(call say,applications on other people's frameworks; writes docs/frameworks.md)
	@command -v java >/dev/null && command -v mvn >/dev/null || { echo 'one of them is Kafka Streams: this needs a JDK (17 or newer) and Maven' >&2; exit 2; }
	@$(BIN)/python tests/frameworks/run.py $(ARGS)

compatibility: build
	$(call say,kstore and a real Apache Kafka asked the same; writes docs/compatibility.md)
	@command -v java >/dev/null && command -v mvn >/dev/null || { echo 'this needs a JDK (17 or newer) and Maven' >&2; exit 2; }
	@$(BIN)/python tests/matrix/run.py --kstore --kafka $(ARGS)

# --- measurements ----------------------------------------------------------------------------------------------------

bench: $(STAMPS)/bench
	$(call say,micro-benchmarks)
	@$(BIN)/python -m pytest bench --benchmark-only --benchmark-sort=name --benchmark-json=build/benchmark.json $(ARGS)

bench-clients: $(STAMPS)/bench
	$(call say,the clients beside other Python clients$(,) and in the process; writes docs/benchmarks-clients.md)
	@$(BIN)/python -m bench.clients $(ARGS)

bench-growth: $(STAMPS)/bench
	$(call say,what a load costs when one of its dimensions doubles; writes docs/benchmarks-growth.md)
	@$(BIN)/python -m bench.growth $(ARGS)

bench-peers: $(STAMPS)/bench
	$(call say,kstore beside Apache Kafka and kfake; writes docs/benchmarks.md)
	@$(BIN)/python -m bench.peers $(ARGS)

bench-transactions: $(STAMPS)/bench
	$(call say,transactions beside Apache Kafka; writes their part of docs/benchmarks.md)
	@$(BIN)/python -m bench.peers --transactions --servers kstore,kafka --rounds 3 $(ARGS)

bench-storage: $(STAMPS)/bench
	$(call say,storage beside what it is made of; writes its part of docs/benchmarks.md)
	@$(BIN)/python -m bench.storage $(ARGS)

bench-groups: $(STAMPS)/bench
	$(call say,consumer groups beside Apache Kafka; writes their part of docs/benchmarks.md)
	@$(BIN)/python -m bench.peers --groups --servers kstore,kafka --rounds 3 $(ARGS)

# --- documentation ---------------------------------------------------------------------------------------------------

docs: build
	$(call say,the documentation$(,) into build/site)
	@$(BIN)/python -m zensical build --strict --clean

# --- other builds: a copy of the tree each, so that the extensions in place stay what they are -----------------------

COPY_TREE = rm -rf $(1) && mkdir -p $(1) && tar -c --exclude='*.so' --exclude=__pycache__ -f - \
  setup.py pyproject.toml MANIFEST.in zensical.toml README.md CONTRIBUTING.md CHANGELOG.md LICENSE kstore actors bench docs tests | tar -x -C $(1) -f -
DEBUG_TESTS = PYTHONPATH=$$PWD ../../$(BIN)/python -m pytest -m 'not full and not oracle' --ignore=tests/tidy --ignore=tests/doors $(ARGS)

# Of the parts that read and write the formats alone; everything else is as released.
FORMATS := codec records log checked
$(STAMPS)/debug-formats: $(STAMPS)/build
	$(call say,debug build of kstore/{codec$(,)records$(,)log}: bounds and None are checked$(,) assertions hold)
	@rm -rf build/debug/lib
	@KSTORE_DEBUG=1 KSTORE_ONLY=$(subst $(space),$(,),$(FORMATS:%=kstore/%)) $(BIN)/python setup.py --quiet build_ext --build-lib build/debug/lib
	@touch $@

debug-formats: build $(STAMPS)/debug-formats
	@$(call COPY_TREE,build/tree-formats)
	@find kstore actors -name '*.so' $(FORMATS:%=-not -path 'kstore/%*') | tar -c -T - -f - | tar -x -C build/tree-formats -f -
	@cp -r build/debug/lib/. build/tree-formats
	$(call say,tests of the formats on the debug build)
	@cd build/tree-formats && $(DEBUG_TESTS) tests/codec tests/records tests/log

debug: build
	$(call say,debug build in build/tree-debug: bounds and None are checked$(,) assertions hold)
	@$(call COPY_TREE,build/tree-debug)
	@cd build/tree-debug && KSTORE_DEBUG=1 ../../$(BIN)/python setup.py --quiet build_ext --inplace
	$(call say,tests on the debug build)
	@cd build/tree-debug && $(DEBUG_TESTS)

asan: build
	$(call say,AddressSanitizer build in build/tree-asan)
	@$(call COPY_TREE,build/tree-asan)
	@cd build/tree-asan && KSTORE_SANITIZE=1 ../../$(BIN)/python setup.py --quiet build_ext --inplace
	$(call say,tests on the AddressSanitizer build)
	@cd build/tree-asan && LD_PRELOAD=$$($${CC:-cc} -print-file-name=libasan.so) PYTHONMALLOC=malloc \
	  ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 $(DEBUG_TESTS)

# Of what reads bytes alone: the rest is as released.
READERS := $(FORMATS) schema
CASES ?= 1000000
bad-input: build
	$(call say,AddressSanitizer build of kstore/{codec$(,)records$(,)log$(,)checked$(,)schema} in build/tree-bad-input)
	@$(call COPY_TREE,build/tree-bad-input)
	@find kstore actors -name '*.so' $(READERS:%=-not -path 'kstore/%*') | tar -c -T - -f - | tar -x -C build/tree-bad-input -f -
	@cd build/tree-bad-input && KSTORE_SANITIZE=1 KSTORE_ONLY=$(subst $(space),$(,),$(READERS:%=kstore/%)) ../../$(BIN)/python setup.py --quiet build_ext --inplace
	$(call say,$(CASES) bad inputs to every reader)
	@cd build/tree-bad-input && LD_PRELOAD=$$($${CC:-cc} -print-file-name=libasan.so) PYTHONMALLOC=malloc \
	  ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 PYTHONPATH=$$PWD:$$PWD/tests \
	  ../../$(BIN)/python tests/fuzz/readers_campaign.py --cases $(CASES) $(ARGS)

clean:
	$(call say,removing $(VENV)$(,) build folders and compiled extensions)
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks .cache
	@find kstore actors \( -name '*.so' -o -name __pycache__ \) -prune -exec rm -rf {} +
