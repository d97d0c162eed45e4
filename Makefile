# Cognomen: `make dev` runs it, `make test` tests it. `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help install dev test test-long check format gen bench lock clean
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
# what the next command is given: `make dev ARGS="--port 0"`, `make test ARGS="tests/laws -k layers"`
ARGS ?=

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

# Two stamps, so that neither is done twice: `make dev` needs the run-time libraries only.
.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cognomen needs Python 3.11 or newer; name one with PYTHON=")'
	@echo "creating .venv"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.run: .venv/.created requirements/run.lock pyproject.toml
	@echo "installing requirements/run.lock"
	@$(PIP) install --require-hashes -r requirements/run.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.lock clients/python/pyproject.toml
	@echo "installing requirements/dev.lock"
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable clients/python
	@touch $@

install: .venv/.dev ## everything into .venv: the server, the tests' and the checks' tools

dev: .venv/.run ## run the server (ARGS="--port 0 --data :memory:")
	@exec $(BIN)/cognomen dev $(ARGS)

test: .venv/.dev ## the tests, on SQLite and on PostgreSQL, in under ten minutes
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not long" $(ARGS)

test-long: .venv/.dev ## those that take minutes: fuzz, kill -9 under load, growth
	@$(BIN)/python -m pytest -q -m long --timeout 1800 $(ARGS)

check: .venv/.dev ## format, lint, strict types, generated files and documentation up to date
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python tools/generate.py --check
	@$(BIN)/python tools/docs.py

format: .venv/.dev ## format, and mend what the linter can mend
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

gen: .venv/.dev ## src/cognomen/api from AWS's service models
	@$(BIN)/python tools/generate.py

bench: .venv/.dev ## numbers against other servers and against their floors (ARGS="--quick")
	@$(BIN)/python -m bench.run $(ARGS)

lock: .venv/.dev ## requirements/*.lock from pyproject.toml
	@$(BIN)/python tools/lock.py $(ARGS)

clean: ## what was made here, data folder kept
	@rm -rf .venv .bench .mypy_cache .pytest_cache .ruff_cache build src/*.egg-info clients/python/build clients/python/src/*.egg-info
