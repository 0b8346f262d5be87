# The commands of the project. Each sets up what it needs in $(VENV), so that none has to be typed before another.
# Needs: Python 3.11 or newer (with venv), gcc, make.

VENV   ?= .venv
BIN    := $(VENV)/bin
PY     := $(BIN)/python
STAMP  := $(VENV)/.installed
PYTEST := $(PY) -m pytest -n auto --dist worksteal
PRODUCT := compiler frontends runtime bench

# The first interpreter that is new enough; PYTHON=... on the command line overrides it.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
    $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: help setup demo test test-long lint format bench clean

help:
	@echo "make demo       compile real models, run them, print speed and parity"
	@echo "make test       every check: format, lint, types, import rules, tests"
	@echo "make test-long  the long fuzzes"
	@echo "make lint       the static checks alone"
	@echo "make format     rewrite the sources in the project's format"
	@echo "make bench      measure against ONNX Runtime and OpenVINO"
	@echo "make clean      remove what builds and tests leave (and $(VENV))"

setup: $(STAMP)

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Kiln needs Python 3.11 or newer: apt install python3 python3-venv" >&2; exit 1; }
	@command -v gcc >/dev/null || command -v cc >/dev/null \
	    || { echo "Kiln needs a C compiler: apt install gcc libc6-dev" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	    || { echo "$(PYTHON) cannot make virtual environments: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --retries 10 --timeout 60 -e '.[bench,cross,dev]'
	@touch $@

demo: $(STAMP)
	$(PY) -m bench.demo

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(PY)
	$(BIN)/lint-imports

test: lint
	$(PYTEST) -m "not long"

test-long: $(STAMP)
	KILN_HYPOTHESIS_PROFILE=long $(PYTEST) -m "long or hypothesis" --timeout 7200

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(PY) -m bench --suite cnn
	$(PY) -m bench --suite transformer
	$(PY) -m bench --suite kernels
	$(PY) -m bench --suite footprint
	$(PY) -m bench --suite accuracy
	$(PY) -m bench --suite forest

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find $(PRODUCT) tests -name __pycache__ -type d -prune -exec rm -rf {} +
