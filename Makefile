# Needs Python 3.11 to 3.13 and make; everything else is installed into .venv, in the checkout.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
EXTRAS := jax paddle bench browser dask

.PHONY: compare test test-full lint tests clean

compare: .venv/installed
	$(BIN)/python compare.py $(ARGS)

# Types and tests side by side: both cores have work from the first second on.
test: .venv/installed
	@echo "lint, types and tests: about two minutes on two cores"
	@$(MAKE) --no-print-directory --jobs 2 lint tests MARK="not full"

test-full: .venv/extras
	@echo "lint, types and all tests: about ten minutes on two cores"
	@$(MAKE) --no-print-directory --jobs 2 lint tests MARK="full or not full" MORE="--durations=20"

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

tests: .venv/installed
	$(BIN)/python -m pytest -m "$(MARK)" $(MORE)

.venv/installed: requirements.txt requirements-dev.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit("samenet needs Python 3.11 to 3.13, found %d.%d: make PYTHON=python3.12 ..." % v)'
	$(PYTHON) -m venv .venv
	$(PIP) --requirement requirements-dev.txt
	touch $@

.venv/extras: .venv/installed $(EXTRAS:%=requirements-%.txt)
	$(PIP) $(EXTRAS:%=--requirement requirements-%.txt)
	touch $@

clean:
	rm -rf .venv results .pytest_cache .mypy_cache .ruff_cache
