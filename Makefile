# The two commands of the README, and what CI runs. Everything happens in $(VENV), made from the lock file.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.lock-installed
# Tests, nights and plans start hundreds of processes: each would compile all of the bench anew.
unexport PYTHONDONTWRITEBYTECODE

# What `make test-fast` runs: all that is pure Python of ours, and so may differ between Pythons. Left out are the rooms that
# start twins and browsers or hold decoding against tshark frame by frame; they exercise the same code, minutes long.
FAST := tests/air/app tests/air/capture tests/air/frame tests/air/lowpan tests/air/mac tests/air/rpl tests/air/show \
        tests/devices tests/drive tests/evidence tests/judge tests/measurands/judged tests/plan tests/twin \
        tests/cli/test_help.py

.PHONY: setup run test test-all test-fast test-rest matrix coverage lint types check qualification night traceability wheel lock clean

setup: $(STAMP)

# One install a lock file: the stamp is newer than the lock, so a second call does nothing and says nothing. The lock names
# all that there is to install, so pip looks for no dependencies.
$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation -e .
	@touch $(STAMP)

run: setup
	@$(BIN)/kenshin run $(ARGS)

# All that takes seconds, on every core. `slow` tests (whole plans, wall time) are for `make test-all` and `.ci/run`.
test: setup
	@$(BIN)/python -m pytest tests -m "not slow" -q -n auto --dist worksteal $(ARGS)

test-all: setup
	@$(BIN)/python -m pytest tests -q -n auto --dist worksteal $(ARGS)

# The same on another Python: make test-fast VENV=.venv-3.13 PYTHON=python3.13
test-fast: setup
	@$(BIN)/python -m pytest $(FAST) $(ARGS)

# Those that `make test-fast` leaves out.
test-rest: setup
	@$(BIN)/python -m pytest tests $(FAST:%=--ignore=%) $(ARGS)

# What takes minutes each, beside smaller ones of the same in `.ci/run` (BY_NIGHT in tests/skips.py). About an hour.
matrix: setup
	@KENSHIN_MATRIX=all $(BIN)/python -m pytest tests/fixtures tests/soak tests/cli/test_wheel.py -q -n 2 --dist worksteal $(ARGS)

# The fast tests with branch coverage, of the processes that they start as well, printed also where one failed; takes about
# one and a half times as long.
# COVERED=tests measures with all of them.
COVERED ?= $(FAST)
coverage: setup
	@rm -rf .coverage.d && mkdir .coverage.d
	@export COVERAGE_FILE=.coverage.d/data; failed=0; \
	$(BIN)/coverage run -m pytest $(COVERED) $(ARGS) || failed=1; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report && exit $$failed

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: setup
	@$(BIN)/mypy

check: lint types test

# docs/qualification.md: the whole plan over every fault of the catalogue, and mutants of what judges. Goes on where it was
# stopped.
qualification: setup
	@$(BIN)/kenshin qualify --out runs/qualification $(ARGS); test $$? -le 1
	@$(BIN)/kenshin qualify --out runs/qualification-transparent --rig fixtures/rigs/transparent.yaml \
	    --terminal testplans/declarations/virtual-transparent.yaml --clean 1 \
	    --fault server:call-not-pushed --fault server:call-loses-midnight $(ARGS); test $$? -le 1
	@$(BIN)/python -m tests.mutation --out runs/mutation; test $$? -le 1
	@{ cat runs/qualification/qualification.md; echo; \
	   sed 's/^# .*/# On the rig of transparent terminals/' runs/qualification-transparent/qualification.md; echo; \
	   cat runs/mutation/mutation.md; } > docs/qualification.md

# Every night, in 1,800 processor seconds (15 minutes of two cores): each fault on the episodes of its requirements, two
# terminals' faults in a run; a hundred clean seeds, on a part of the plan each, by turns; and for MUTATION_S the mutants
# that were not tried for longest. Ends with 1 where a fault is missed or turns more than it says, a clean run is red, or
# a mutant lives. It is all in runs/night. What is left to the weekly `make qualification`: docs/guides/night.md.
NIGHT ?= $(shell echo $$(($$(date +%s) / 86400)))
MUTATION_S ?= 100
night: setup
	@worst=0; \
	$(BIN)/kenshin qualify --nightly --turn $(NIGHT) --out runs/night $(ARGS) || worst=$$?; \
	$(BIN)/python -m tests.mutation --night $(NIGHT) --processor-s $(MUTATION_S) --out runs/night/mutation || worst=$$?; \
	exit $$worst

# docs/traceability.md: clause, row, stimulus, measurand, faults.
traceability: setup
	@$(BIN)/python -m tests.docs.traceability

wheel: setup
	@$(BIN)/python -m pip --disable-pip-version-check --quiet wheel --no-deps --no-build-isolation -w dist .

# For all Pythons of pyproject.toml at once; versions that are in the file already stay.
lock:
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra dev \
	    pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .venv-* runs dist .coverage.d .mypy_cache .ruff_cache .pytest_cache
