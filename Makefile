# Everything a contributor needs. `make help` lists the targets.

PYTHON   ?= python3
AUTOBAHN ?= ../shared/tools/autobahn

VENV   := .venv
PY     := $(VENV)/bin/python
STAMPS := build/stamps
CHECKED := $(wildcard src tests bench examples docs)
SOURCES := $(shell find src -name '*.py' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h')

.PHONY: help env run test lint types suite suite-pure suites pure dist conformance conformance-quick attack fuzz \
        bench bench-deflate bench-scale bench-quick instructions coverage screenshots docs format clean
.DELETE_ON_ERROR:

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

env: $(STAMPS)/compiled  ## .venv with wsline, editable and compiled in place

run: env  ## the chat example on http://127.0.0.1:8080
	$(PY) examples/chat/server.py

test: lint types dist suites instructions conformance-quick  ## every check
	@echo "make test: all checks passed"

lint: $(VENV)/tools.stamp  ## ruff: rules and formatting
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(VENV)/tools.stamp  ## let ruff format the files and mend what it can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

types: $(VENV)/wsline.stamp $(STAMPS)/bench  ## mypy --strict
	$(PY) -m mypy $(CHECKED)

suite: env $(STAMPS)/interop  ## the tests, on the compiled twin; PYTEST=-n2 runs two files at a time
	WSLINE_EXPECT=compiled $(PY) -m pytest $(PYTEST)

suite-pure: $(STAMPS)/pure $(STAMPS)/interop  ## the tests, on the pure-Python twin
	WSLINE_EXPECT=pure PYTHONPATH=build/pure $(PY) -m pytest $(PYTEST)

# Tests wait more than they compute: four at a time take little longer than one.
suites: env $(STAMPS)/pure $(STAMPS)/interop  ## both, at the same time
	$(MAKE) --no-print-directory -j2 --output-sync=target PYTEST='-n2 --dist=loadfile' suite suite-pure

pure: $(STAMPS)/pure  ## the pure-Python twin, in build/pure

dist: $(STAMPS)/dist  ## sdist and wheel in build/dist, with warnings as errors

conformance: env  ## the Autobahn suite against client and server
	$(PY) tests/conformance/run.py --autobahn $(AUTOBAHN)

conformance-quick: env  ## its quick part, where the suite is at hand
	$(PY) tests/conformance/run.py --autobahn $(AUTOBAHN) --quick

instructions: env  ## what a message costs, against its budget
	$(PY) bench/instructions.py

attack: env  ## every known attack on server and client: a table, and whether all marks are reached
	$(PY) -m tests.attack $(ATTACK)

fuzz: $(STAMPS)/pure $(STAMPS)/fuzz  ## random bytes for each reader; FUZZ='--seconds 1800' for longer than a minute each
	for target in frames inflate request_head response_head connection; do \
	    PYTHONPATH=build/pure $(PY) -m tests.fuzz.run $$target $(FUZZ) || exit 1; \
	done

bench-quick: env $(STAMPS)/bench  ## a short benchmark against the peers
	$(PY) bench/quick.py

bench: env $(STAMPS)/bench $(STAMPS)/bench-system $(STAMPS)/bench-node  ## the full benchmark; BENCH=--help tells its options
	$(PY) bench/full.py $(BENCH)

bench-deflate: env $(STAMPS)/bench $(STAMPS)/bench-system $(STAMPS)/bench-node  ## compressed messages; takes BENCH, too
	$(PY) bench/deflate.py $(BENCH)

bench-scale: env  ## what topics cost, in one process and over Redis and NATS
	$(PY) bench/scale.py $(BENCH)

coverage: $(STAMPS)/pure $(STAMPS)/interop  ## line and branch coverage, of the pure-Python twin
	WSLINE_EXPECT=pure PYTHONPATH=build/pure $(PY) -m coverage run -m pytest
	$(PY) -m coverage report
	$(PY) -m coverage html -q -d build/coverage

screenshots: env  ## the pictures in docs/images; needs Chromium
	$(PY) -m tests.browser.screenshots

docs: env  ## the documentation site, in build/docs
	$(PY) docs/pages.py build/docs-source
	$(PY) -m sphinx -q -W --keep-going -b html build/docs-source build/docs
	@echo build/docs/index.html

clean:  ## remove all that was made
	rm -rf build $(VENV) .hypothesis src/*.egg-info tests/interop/node_modules bench/build bench/node_modules
	find src -name '*.so' -delete
	find . -name __pycache__ -prune -exec rm -rf {} +

# What was done is remembered by a stamp; the environment's stamps go with it.

$(VENV)/tools.stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'make: wsline needs Python 3.11 or later, as in: make PYTHON=python3.12' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade 'pip>=25.1'
	$(PY) -m pip install --quiet --group dev
	@mkdir -p $(@D) && touch $@

# Linked without extensions; those come from the next rule, which is quick and speaks plainly.
$(VENV)/wsline.stamp: $(VENV)/tools.stamp
	WSLINE_PURE=1 $(PY) -m pip install --quiet --no-build-isolation --editable .
	@mkdir -p $(@D) && touch $@

$(STAMPS)/compiled: $(VENV)/wsline.stamp $(SOURCES) setup.py
	$(PY) setup.py --quiet build_ext --inplace $(if $(filter setup.py,$?),--force)
	@mkdir -p $(@D) && touch $@

$(STAMPS)/pure: $(VENV)/wsline.stamp $(SOURCES) setup.py
	rm -rf build/pure build/lib build/bdist.*
	WSLINE_PURE=1 $(PY) -m pip install --quiet --no-deps --no-build-isolation --target build/pure .
	@mkdir -p $(@D) && touch $@

$(STAMPS)/dist: $(VENV)/tools.stamp $(SOURCES) setup.py pyproject.toml MANIFEST.in
	rm -rf build/dist && mkdir -p build/dist
	WSLINE_STRICT=1 $(PY) -m build --no-isolation --outdir build/dist > build/dist.log 2>&1 || { \
	    tail -n 30 build/dist.log; echo "the whole log: build/dist.log" >&2; exit 1; }
	@ls build/dist/*
	@mkdir -p $(@D) && touch $@

$(STAMPS)/bench: $(VENV)/tools.stamp $(wildcard bench/requirements.txt)
	$(if $(wildcard bench/requirements.txt),$(PY) -m pip install --quiet -r bench/requirements.txt)
	@mkdir -p $(@D) && touch $@

# The load generators need zlib and OpenSSL, one peer needs Node.js: root gets them, others are told.
$(STAMPS)/bench-system: Makefile
	@missing=; \
	for need in 'gcc:command -v gcc' 'zlib1g-dev:test -e /usr/include/zlib.h' 'openssl:command -v openssl' \
	    'libssl-dev:test -e /usr/include/openssl/ssl.h' 'nodejs:command -v node' 'npm:command -v npm'; do \
	    sh -c "$${need#*:}" > /dev/null || missing="$$missing $${need%%:*}"; \
	done; \
	if [ -z "$$missing" ]; then true; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; \
	else \
	    echo "make: the benchmarks need$$missing (the names of Debian's packages)" >&2; exit 1; \
	fi
	@mkdir -p $(@D) && touch $@

$(STAMPS)/fuzz: $(VENV)/tools.stamp
	$(PY) -m pip install --quiet 'atheris>=3.0'
	@mkdir -p $(@D) && touch $@

$(STAMPS)/bench-node: bench/package.json $(STAMPS)/bench-system
	npm install --prefix bench --no-audit --no-fund --no-package-lock
	@mkdir -p $(@D) && touch $@

# Where there is no Node.js the tests that need it are skipped, and CI fails on the skip.
$(STAMPS)/interop: $(wildcard tests/interop/package.json)
	@mkdir -p $(@D)
	@if ! command -v npm > /dev/null; then \
	    echo 'npm is not installed: the tests against ws will be skipped'; \
	elif [ -n "$^" ]; then \
	    npm install --prefix tests/interop --no-audit --no-fund --no-package-lock && touch $@; \
	fi
