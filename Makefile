# Every target does its own set-up into .venv/: a machine with python3 (3.11 or newer), make and a package index will do.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCHMARKS := import_cost latency throughput overhead stores engine/compare runs namespaces
TYPED := dtlpipe mock_server tests/typing

# Bytecode is kept, wherever this runs: a start of the platform loads four hundred files, to compile which takes as long as the
# rest of it, and the tests start it a hundred times. (Empty is what Python takes for "not set".)
export PYTHONDONTWRITEBYTECODE :=

# PYTEST_ARGS=... reaches pytest, e.g. make test PYTEST_ARGS="tests/unit -x"
PYTEST_ARGS ?=
WORKERS ?= 2
# A file stays in one process: what its fixtures start is then started once.
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help venv demo test cover test-ray faults simulate oldest lint lint-style lint-types lint-laws format check bench clean

help:
	@echo "make demo    start a platform, upload real files, run pipelines, show what happened"
	@echo "make test    all tests"
	@echo "make test-ray  the tests of the Ray executor; installs Ray (200 MB)"
	@echo "make cover   the engine's tests, which must cover every branch of it"
	@echo "make faults  the fault suite in full (an hour), and its table in docs/reliability.md"
	@echo "make simulate [SEEDS=10000]  the scheduler's core in a world of faults; a seed that fails is told, and replays"
	@echo "make check   ruff, mypy --strict, import laws, all tests"
	@echo "make oldest  all tests at the oldest versions that setup.cfg admits (needs uv)"
	@echo "make bench   the benchmarks, as a table"
	@echo "make format  let ruff format the code"
	@echo "make clean   remove $(VENV) and the tools' caches"

venv: $(READY)

# Done again only when what is to be installed has changed.
$(READY): setup.cfg pyproject.toml tools/make_venv.py tools/bootstrap_pip.py
	@$(PYTHON) tools/make_venv.py $(VENV) dev
	@touch $@

demo: $(READY)
	@$(BIN)/python tools/fetch_photos.py .demo/photos
	@$(BIN)/python examples/demo.py .demo/photos .demo/data

test: $(READY)
	$(PYTEST) $(PYTEST_ARGS)

# Every branch of the engine has to be covered by the engine's own tests.
cover: $(READY)
	HYPOTHESIS_PROFILE=full $(PYTEST) tests/unit/graph --cov=dtlpipe.graph --cov-branch --cov-fail-under=100 --cov-report=term-missing:skip-covered

# Ray is for those who ask for it: it is 200 MB, and takes seconds to start.
test-ray: $(VENV)/.ready-ray
	$(BIN)/python -m pytest tests/ray -m ray $(PYTEST_ARGS)

$(VENV)/.ready-ray: $(READY)
	@$(PYTHON) tools/make_venv.py $(VENV) dev,ray
	@touch $@

# What is measured goes into the table of docs/reliability.md. A process at a time: the figures are times, too.
faults: $(READY)
	DTLPIPE_TEST_FAULTS_TABLE=docs/reliability.md $(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

# One seed again, with its history: python -m tests.unit.worker.simulation SEED
SEEDS ?= 10000
simulate: $(READY)
	$(BIN)/python -m tests.unit.worker.simulation 0-$(SEEDS)

oldest:
	uv venv --quiet --clear --python $(PYTHON) .venv-oldest
	uv pip install --quiet --python .venv-oldest/bin/python --resolution lowest-direct \
	    --config-settings editable_mode=compat -e '.[dev]'
	.venv-oldest/bin/python -m pytest -n $(WORKERS) --dist loadfile -p no:cacheprovider $(PYTEST_ARGS)

# Each may run beside the others: make -j lint.
lint: lint-style lint-types lint-laws

lint-style: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

lint-types: $(READY)
	$(BIN)/mypy --strict $(TYPED)

lint-laws: $(READY)
	$(BIN)/lint-imports --no-logo

check: lint test cover

bench: $(READY)
	@set -e; for each in $(BENCHMARKS); do $(BIN)/python benchmarks/$$each.py; done

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) .venv-oldest .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info build
