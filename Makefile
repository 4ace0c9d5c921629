# Two commands: `make demo` shows search results, `make test` runs all checks. Both need Python 3.11 or 3.12, pip and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-all lint types pytest format clean

demo: $(VENV)/.demo-ready
	@$(BIN)/python demo/run.py

test: $(VENV)/.dev-ready lint types pytest

test-all: $(VENV)/.dev-ready lint types
	$(BIN)/python -m pytest -n 2 --run-slow

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

pytest:
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term:skip-covered --cov-fail-under=90

format: $(VENV)/.dev-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build *.egg-info demo/out .coverage* .mypy_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# The last step of the set-up fills the compile caches, so that the demo itself starts warm.
$(VENV)/.demo-ready: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[eval]'
	$(BIN)/python demo/run.py --warm
	touch $@

$(VENV)/.dev-ready: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[dev]'
	touch $@
