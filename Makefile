# Everything runs from a fresh clone: each target sets up .venv when it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
# Tests run in one process a core, each with so many threads.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(4, os.cpu_count() or 1))')
THREADS ?= 1
# Many tests start interpreters; without bytecode each would compile every module again.
TESTING = PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=$(THREADS)
PYTEST = -m pytest -q -n $(WORKERS) --dist worksteal --durations=25

.DEFAULT_GOAL := help
.PHONY: help demo install test test-train test-slow lint types format bench core extras clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "sememe needs Python 3.11 or newer; got $$($(PYTHON) --version). Run: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv .venv

.venv/.core: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/.dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ .venv/.core

demo: .venv/.core ## Index the bundled samples and search them in two languages
	$(BIN)/sememe demo

install: .venv/.dev ## Install sememe and its development tools into .venv

.venv-train/.done: pyproject.toml
	$(PYTHON) -m venv .venv-train
	.venv-train/bin/python -m pip install --quiet --editable '.[train,weights]' open_clip_torch pytest pytest-xdist
	@touch $@

test: .venv/.dev test-train ## Run all tests, offline
	$(TESTING) $(BIN)/python $(PYTEST)

test-train: .venv-train/.done ## Run the tests of training, in an environment with torch
	$(TESTING) .venv-train/bin/python $(PYTEST) tests -m 'train and not slow and not external'

test-slow: .venv/.dev ## Run the tests that take longer than a minute, too
	$(TESTING) $(BIN)/python $(PYTEST) -m 'not external'

lint: .venv/.dev ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/.dev ## Mend what the linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/.dev ## Check types
	$(BIN)/mypy

core: ## Install the bare package elsewhere and run the demo and a search with it
	PYTHON=$(PYTHON) bash .ci/core

extras: .venv/.dev core ## Install each extra by itself and run the README's lines for it
	bash .ci/extras

bench: .venv/.dev ## List the benchmarks and how to run each
	@$(BIN)/python benchmarks/list.py

clean: ## Remove environments, caches and what the demo made
	rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
