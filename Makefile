# Needs Python 3.11 to 3.13 and make; everything else is installed into .venv, in the checkout.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: compare test test-full lint clean

compare: .venv/installed
	$(BIN)/python compare.py $(ARGS)

test: .venv/installed lint
	$(BIN)/python -m pytest -m "not full"

test-full: .venv/extras lint
	$(BIN)/python -m pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/installed: requirements.txt requirements-dev.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit("samenet needs Python 3.11 to 3.13, found %d.%d: make PYTHON=python3.12 ..." % v)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	touch $@

.venv/extras: .venv/installed requirements-jax.txt requirements-bench.txt requirements-browser.txt requirements-dask.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(foreach extra,jax bench browser dask,--requirement requirements-$(extra).txt)
	touch $@

clean:
	rm -rf .venv results .pytest_cache .mypy_cache .ruff_cache
