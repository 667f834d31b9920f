# Thin lines over the `flywheel` command. Everything lives in .venv/ and var/.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
SERVE ?= 1
# Test files are handed to so many processes, each with a database and a broker of its own; in the order of
# tests/conftest.py, the longest first. 0: one after the other.
PROCESSES ?= 2
# Everything here lives in .venv/ and var/, and so may compiled bytecode: without it each of many processes compiles Django anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test setup setup-dev up check browser pictures bench structure requirements clean
.DEFAULT_GOAL := demo

demo: setup            ## everything from nothing: four simulated weeks of production, the wheel turning, then the portal
	@seconds=$$(cat .venv/.seconds 2>/dev/null); rm -f .venv/.seconds; \
	  FLYWHEEL_SETUP_SECONDS=$$seconds $(BIN)/flywheel demo $(if $(filter 0,$(SERVE)),--no-serve)

up: setup              ## portal, worker and scheduler without demo data
	@$(BIN)/flywheel up

test: setup-dev        ## every test, with real services and a real browser
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: setup-dev       ## lints, types, import contracts, deployment checks
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@FLYWHEEL_BUILD=1 $(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@SECRET_KEY=$$($(BIN)/python -c "import secrets; print(secrets.token_urlsafe(50))") SITE_URL=https://check.invalid $(BIN)/python manage.py check --deploy --fail-level WARNING

browser:               ## Debian's Chromium for the browser tests, where it is missing and root may install it
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium >/dev/null; } \
	  || echo "No Chromium: apt-get install chromium, or the browser tests are skipped (in CI they fail)."

pictures: setup-dev    ## pictures of every page under var/screenshots; those of README and guide, of the demo
	@$(BIN)/python -m pytest -q tests/portal/test_pictures.py
	@$(BIN)/python scripts/picture_guide.py

bench: setup           ## benchmarks, with ratios measured in the same run
	@$(BIN)/flywheel bench ingest && $(BIN)/flywheel bench analyze && $(BIN)/flywheel bench serve

structure: setup       ## write down what all migrations make, for new databases to begin with
	@$(BIN)/python scripts/write_structure.py

setup: .venv/.base
setup-dev: .venv/.dev

.venv/.installer: requirements/installer.txt
	@echo "Installing Python packages into .venv (once; a minute at most, as a rule) …"
	@began=$$(date +%s); $(PYTHON) -m venv .venv \
	  && $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/installer.txt \
	  && echo $$(($$(date +%s) - began)) > .venv/.seconds
	@touch $@

# uv takes seconds where pip takes a minute; a machine whose index only pip knows falls back to pip.
.venv/.base: .venv/.installer requirements/base.txt pyproject.toml
	@began=$$(date +%s); { $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/base.txt \
	  || { echo "uv could not reach the package index; pip takes over (slower) …"; \
	    $(BIN)/python -m pip install --quiet --require-hashes -r requirements/base.txt; }; } \
	  && $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-build-isolation --no-deps -e . \
	  && echo $$(($$(cat .venv/.seconds 2>/dev/null || echo 0) + $$(date +%s) - began)) > .venv/.seconds
	@touch $@

.venv/.dev: .venv/.base requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt \
	  || $(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

requirements: .venv/.installer  ## recompile the pinned files from their short, commented inputs
	@for name in base dev installer; do $(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 \
	  --no-header --upgrade -o requirements/$$name.txt requirements/$$name.in; done

clean:                 ## forget the environment (var/ keeps your data)
	rm -rf .venv
