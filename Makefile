# The two commands of the README, and what CI runs. Everything happens in .venv, made from the lock file.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.lock-installed

.PHONY: setup run test lint types check clean

setup: $(STAMP)

# One install a lock file: the stamp is newer than the lock, so a second call does nothing and says nothing.
$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements.lock
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation -e .
	@touch $(STAMP)

run: setup
	@$(BIN)/kenshin run $(ARGS)

test: setup
	@$(BIN)/python -m pytest tests $(ARGS)

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: setup
	@$(BIN)/mypy

check: lint types test

clean:
	rm -rf .venv runs .mypy_cache .ruff_cache .pytest_cache
