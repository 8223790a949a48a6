# Everything starts from Python >= 3.11 and make; each target makes what it needs in .venv, from locked
# dependencies with hashes.
#
#   make demo    the main job against the embedded emulator
#   make quick   lint, types, import contracts, unit and golden tests: for the inner loop
#   make test    make check, then every test in two groups: what CI runs
#   make cov     the tests of what the program does, with branch coverage
#   make proof   the tests of what must never happen: simulation, kills, lives of tasks, attacks
#   make test-long  the same promises in large amounts, for hours; prints its counts
#   make versions  the quick tests and the demo on every supported Python that can be had
#   make lowest  the same with the lowest versions of the dependencies that pyproject.toml allows
#   make dist    build sdist and wheel, and run the demo from the wheel
#   make check   lint, types and import contracts only
#   make bench   measure, beside other tools; writes BENCHMARKS.md (make bench SIZES="1000 10000 100000")
#   make lock    bring the lock files up to date
#   make golden  rewrite generated schemas and golden files, to be reviewed like code

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# How much of it: for parts, make test-long KILLS=100 ROUNDS=100 APPLIES=10; to go on, make long-seeds FIRST_SEED=650000
KILLS ?= 10000
ROUNDS ?= 5000
APPLIES ?= 200
SEEDS ?= 2000000
FIRST_SEED ?= 0
SEED ?= 1
SIZES ?= 1000 10000
# What quick, versions and lowest run.
QUICK_TESTS := tests/unit
# all, others (than the one of .venv), or some: make versions VERSIONS="3.12 3.14"
VERSIONS ?= all
# Tools that build, resolve and install. Not in .venv: what they depend on is no business of the tests.
TOOLS := .venv-release
# Not compiled: Python does that for what is imported, and most of what the tools bring never is.
INSTALL := -m pip --disable-pip-version-check --quiet install --no-compile

# The tests start hundreds of processes; without its bytecode each of them would compile the program again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check lint types contracts cov proof quick quick-tests versions lowest dist \
    test-long long-processes long-schedules long-seeds long-life bench lock golden clean

demo: $(VENV)/.demo
	$(BIN)/provisioner validate
	$(BIN)/provisioner plan
	$(BIN)/provisioner apply --auto-approve
	$(BIN)/provisioner state list

# Each group uses two processes, because two cores are what CI has; one after the other, so that their output
# can be read while they run. proof does not measure coverage: that would more than double its time, and cov
# reaches every branch that has to be reached.
PYTEST := -m pytest --numprocesses 2 --dist worksteal
COV_TESTS := tests/unit tests/emulator tests/functional
# Those with the longest tests first: the short ones fill up both processes at the end.
PROOF_TESTS := tests/simulation tests/chaos tests/life tests/crash tests/hardening
FULLY_COVERED := provisioner/core/**,provisioner/engine/**,provisioner/store/**

test: check cov proof

cov: $(VENV)/.test
	$(BIN)/coverage erase
	$(BIN)/coverage run $(PYTEST) $(COV_TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered
	$(BIN)/coverage report --skip-covered --fail-under=100 --include='$(FULLY_COVERED)'

proof: $(VENV)/.test
	$(BIN)/python $(PYTEST) $(PROOF_TESTS)

# All at once: mypy uses one core only, and what the others print is a few lines.
quick: $(VENV)/.test
	@$(MAKE) --no-print-directory --jobs 4 lint types contracts quick-tests

quick-tests: $(VENV)/.test
	$(BIN)/python $(PYTEST) --quiet $(QUICK_TESTS)

versions: $(TOOLS)/.done
	$(TOOLS)/bin/python .ci/versions.py $(VERSIONS) --tests $(QUICK_TESTS)

lowest: $(TOOLS)/.done
	$(TOOLS)/bin/python .ci/lowest.py --tests $(QUICK_TESTS)

dist: $(TOOLS)/.done
	$(TOOLS)/bin/python .ci/dist.py

# Parts that do not disturb each other: make -j4 test-long. The chaos in projects of so many tasks each.
CHAOS := 200 100 50 25
test-long: $(CHAOS:%=long-chaos-%) long-processes long-schedules long-seeds long-life

long-chaos-%: $(VENV)/.test
	$(BIN)/python tests/chaos/chaos.py --tasks $* --seed $(SEED) --kills $$(($(KILLS) / $(words $(CHAOS))))

long-processes: $(VENV)/.test
	$(BIN)/python tests/chaos/two_processes.py --rounds $(ROUNDS) --applies $(APPLIES) --seed $(SEED)

long-schedules: $(VENV)/.test
	SIMULATION=long $(BIN)/python -m pytest -v --durations=0 tests/simulation -k 'within_the_budget or left_out'

long-seeds: $(VENV)/.test
	SIMULATION=long FIRST_SEED=$(FIRST_SEED) SEEDS=$(SEEDS) $(BIN)/python -m pytest -v -s tests/simulation -k 'random'

long-life: $(VENV)/.test
	SIMULATION=long $(BIN)/python -m pytest -v -s tests/life -k random

check: lint types contracts

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.test
	$(BIN)/mypy

contracts: $(VENV)/.test
	$(BIN)/lint-imports

bench: $(VENV)/.test
	$(BIN)/python tests/bench/run.py all $(SIZES)

golden: $(VENV)/.test
	for what in manifest settings plan drift; do $(BIN)/provisioner schema $$what > schemas/$$what.schema.json || exit 1; done
	UPDATE_GOLDEN=1 $(BIN)/python -m pytest -q tests/unit tests/functional

# Pins that still fit are kept. uv only resolves; nothing it brings is used at run time.
COMPILE := $(TOOLS)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: $(TOOLS)/.done
	$(COMPILE) --extra build pyproject.toml -o requirements.lock
	$(COMPILE) --extra build --extra dev pyproject.toml -o requirements-dev.lock
	$(COMPILE) --group pyproject.toml:release -o requirements-release.lock

clean:
	rm -rf $(VENV) $(VENV)-* .pythons dist .provisioner provisioner.state.json provisioner.state.journal provisioner.state.lock

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("provisioner needs Python 3.11 or newer; for another one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python $(INSTALL) --require-hashes -r requirements.lock
	$(BIN)/python $(INSTALL) --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.test: requirements-dev.lock $(VENV)/.demo
	$(BIN)/python $(INSTALL) --require-hashes -r requirements-dev.lock
	touch $@

$(TOOLS)/.done: requirements-release.lock | $(VENV)/bin/python
	$(BIN)/python -m venv --clear $(TOOLS)
	$(TOOLS)/bin/python $(INSTALL) --require-hashes -r requirements-release.lock
	touch $@
