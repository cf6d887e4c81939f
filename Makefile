# Everything is installed from requirements/*.txt, by hash, into a virtual environment of its own.
# What is installed is only looked at again when those files or pyproject.toml have changed.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
SEEDS ?= 2000
FIRST ?= 0
WORKERS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
INSTALL := $(PIP) install --require-hashes
INSTALL_PACKAGE := $(PIP) install --no-deps --no-build-isolation --editable .
PACKAGE_FILES := pyproject.toml requirements/build.txt
REFERENCE := $(BIN)/python -m retrograph.cli.reference
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help demo console test simulate torture soak bench scale identities screenshots lint format servers lock clean

help: ## Say what there is
	@echo "Retrograph: what 'make' can do here"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=python3.12 chooses the Python, VENV=folder the virtual environment."

demo: $(VENV)/.base ## Show the whole story on the sample: load it, count it, load it again
	@$(BIN)/retrograph demo $(ARGS)

console: $(VENV)/.all ## Serve the console over the sample, in console; Ctrl-C ends it (ARGS="--port 9000")
	@mkdir -p console
	@cd console && $(abspath $(BIN))/retrograph serve --sandbox $(ARGS)

test: $(VENV)/.dev ## Install what tests need, obtain the real servers, run all tests (ARGS="-k name" for some, WORKERS=0 in one process)
	@$(BIN)/python -m tests.servers obtain || echo "Tests that need a missing server are listed at the end."
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile $(ARGS)

torture: $(VENV)/.dev ## Disturb a load of the sample in every way and keep what was seen (ARGS="--only kill" for some)
	@$(BIN)/python -m tests.servers obtain
	@$(BIN)/python -m tests.torture --document docs/reliability.md $(ARGS)

soak: $(VENV)/.dev ## Run everything over real servers with faults of all kinds, and keep what was seen (ARGS="--minutes 2")
	@$(BIN)/python -m tests.servers obtain
	@$(BIN)/python -m tests.soak --document docs/reliability.md $(ARGS)

simulate: $(VENV)/.dev ## Run simulated worlds (SEEDS=5000, FIRST=0; one alone is told step by step: SEEDS=1 FIRST=17)
	@$(BIN)/python -m tests.simulation --first $(FIRST) --seeds $(SEEDS) $(ARGS)

lint: $(VENV)/.dev ## Check formatting, lint, types, import contracts and generated documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(REFERENCE) --check

format: $(VENV)/.dev ## Format the code, mend what lint can mend, generate the documentation
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(REFERENCE)

servers: $(VENV)/.dev ## Obtain the real servers that tests run against
	@$(BIN)/python -m tests.servers obtain

bench: $(VENV)/.dev ## Measure what docs/performance.md says, and write it there (ARGS="row …" for some)
	@$(BIN)/python -m bench $(ARGS)

scale: $(VENV)/.dev ## Do the same work at sizes that grow, and see how its cost grows (ARGS="ids graph …" for some)
	@$(BIN)/python -m bench.scale $(ARGS)

identities: $(VENV)/.dev ## Join 200,000 made-up users in several ways, and compare what comes of them (ARGS="sqlite --users 5000")
	@$(BIN)/python -m bench.identities $(ARGS)

screenshots: $(VENV)/.dev ## Photograph every page of the console into docs/images
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

lock: $(VENV)/.dev ## Compile requirements/*.txt anew from pyproject.toml (UPGRADE=1 for the newest versions)
	$(COMPILE) pyproject.toml --all-extras --group dev --group build --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml --all-extras --constraints requirements/dev.txt --output-file requirements/all.txt
	$(COMPILE) pyproject.toml --constraints requirements/dev.txt --output-file requirements/base.txt
	$(COMPILE) --group build --constraints requirements/dev.txt --output-file requirements/build.txt
	$(COMPILE) --group postgres-server --no-deps --output-file requirements/postgres-server.txt

clean: ## Remove what was built, cached and measured; installed and downloaded things stay
	rm -rf build dist demo console .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.base: requirements/base.txt $(PACKAGE_FILES) | $(BIN)/python
	@echo "Installing Retrograph into $(VENV) …"
	@$(INSTALL) -r requirements/base.txt -r requirements/build.txt
	@$(INSTALL_PACKAGE)
	@touch $@

$(VENV)/.all: requirements/all.txt $(PACKAGE_FILES) | $(BIN)/python
	@echo "Installing Retrograph with all its extras into $(VENV) …"
	@$(INSTALL) -r requirements/all.txt -r requirements/build.txt
	@$(INSTALL_PACKAGE)
	@touch $@ $(VENV)/.base

$(VENV)/.dev: requirements/dev.txt $(PACKAGE_FILES) | $(BIN)/python
	@echo "Installing Retrograph and its development tools into $(VENV) …"
	@$(INSTALL) -r requirements/dev.txt
	@$(INSTALL_PACKAGE)
	@touch $@ $(VENV)/.base $(VENV)/.all

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "Retrograph needs Python 3.11 or newer, and there is no '$(PYTHON)' here. Name yours: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Retrograph needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); echo "'$(PYTHON)' cannot make a virtual environment; on Debian: apt-get install python3-venv"; exit 1; }
