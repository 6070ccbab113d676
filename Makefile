# Everything that a fresh machine with Python 3.11, pip, make and git needs is set up by the targets themselves.

PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup serve web test test-long bench lint conf lock clean

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

setup:  # Make .venv with exactly what requirements.lock names
	@PYTHON="$(PYTHON)" sh scripts/venv.sh

serve: setup web  ## Start a demonstration server on loopback ports
	@$(BIN)/python scripts/demo.py

web: setup  ## Build the web UI when its sources have changed
	@$(BIN)/python scripts/webui.py build

test: setup web  ## Set everything up and run all checks and tests
	@sh scripts/packages.sh
	@sh scripts/peers.sh
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python scripts/webui.py check
	@$(BIN)/python scripts/run_tests.py -m "not long" --numprocesses=2 --dist=loadfile

test-long: setup web  ## The tests with the long counts
	@sh scripts/packages.sh
	@sh scripts/ceph_packages.sh
	@sh scripts/peers.sh
	@$(BIN)/python scripts/run_tests.py -m long --timeout=3600

bench: setup  ## Measure this tree
	@$(BIN)/python -m benchmarks

lint: setup  ## Format, lint, types and the order of imports
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports

conf: setup  ## Write conf/pymailcore.toml and docs/operate/configuration.md anew
	@$(BIN)/python -m pymailcore.config.reference

lock: setup  # Resolve requirements.lock anew from pyproject.toml
	@sh scripts/lock.sh

clean:  # Remove what was built; keeps var/
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
