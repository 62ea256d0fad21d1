# Two commands: `make demo` and `make test`. Both set up their own environment.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-full slow slow-matrices slow-measured thorough check unit wheel-check docs format clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(VENV)/.run: requirements/run.txt pyproject.toml hatch_build.py src/flask_assay/probe/compiled.pyx
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "flask-assay needs Python 3.11 or newer; PYTHON=$(PYTHON) is $$($(PYTHON) -V)"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: on Debian and Ubuntu, install python3-venv"; exit 2; }
	$(BIN)/pip install -q -r requirements/run.txt
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(BIN)/pip install -q -r requirements/dev.txt
	@touch $@

demo: $(VENV)/.run  ## Run the main job on examples/legacy_shop, end with a report
	cd examples/legacy_shop && ../../$(BIN)/flask --app legacy_shop assay run

test: check unit  ## Everything: checks and all tests (slow matrices: test-full)

check: $(VENV)/.dev  ## Lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.dev
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "not slow" -n 2 --dist loadfile
	cd examples/shop && ../../$(BIN)/pytest -q -n 2
	cd examples/legacy_shop && ../../$(BIN)/pytest -q -n 2
	$(BIN)/coverage combine -q && $(BIN)/coverage report --skip-covered --show-missing | tail -40

test-full: test slow  ## The slow matrices as well

slow: slow-matrices slow-measured  ## The slow matrices alone; SLOW_OPTIONS are given to pytest

slow-matrices: $(VENV)/.dev
	$(BIN)/pytest -m "slow and not measures" -n 2 --dist loadfile --durations=15 $(SLOW_OPTIONS)

slow-measured: $(VENV)/.dev
	$(BIN)/pytest -m "slow and measures" --durations=10 $(SLOW_OPTIONS)

thorough: export THOROUGH = 1
thorough: slow  ## The slow matrices with all repetitions: 10,000 programs, 100 kills

wheel-check: $(VENV)/.dev  ## Build the wheel and try it in empty environments
	sh tests/wheel_check.sh $(BIN)/python

docs: $(VENV)/.dev  ## Write the generated pages again
	$(BIN)/python docs/generate_settings.py
	$(BIN)/python docs/generate_audits.py
	$(BIN)/python docs/generate_schema.py

format: $(VENV)/.dev  ## Format the code
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

clean:  ## Remove what the build made
	rm -rf $(VENV) build dist .coverage* .mypy_cache .ruff_cache .pytest_cache
