# `make demo` and `make test` set up all they need on a fresh Debian or Ubuntu with git, make and
# Python 3.11+. What is set up already is not set up again, and then needs no network.

SHELL := /bin/sh
BIN := .venv/bin
PYTHON_FILES := secagg parsers policies tests scripts bench
# Passed on: make test PYTEST_ARGS='-k trivy -n 0'
PYTEST_ARGS ?=
COVERAGE_MIN ?= 90
export PATH := $(CURDIR)/$(BIN):$(PATH)
# The scanners' and the linters' own calls home are off, here and in what they start.
export SNYK_DISABLE_ANALYTICS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup scanners demo test accuracy lint format coverage bench fuzz attack month mutate lock clean

help:
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile

setup: ## the environment in .venv, with the real scanners
	@scripts/setup.sh

scanners: setup ## the small Trivy database and the sample repository, in .cache
	@$(BIN)/python -m scripts.trivy_db .cache/trivy
	@$(BIN)/python -m scripts.sample_repo .cache/sample-monorepo

demo: scanners ## scan the sample monorepo with the real Trivy and Gitleaks
	@TRIVY_CACHE_DIR=$(CURDIR)/.cache/trivy $(BIN)/secagg scan .cache/sample-monorepo \
		--tool trivy --tool gitleaks --output secagg-out || [ $$? -eq 1 ]

test: setup ## all tests
	$(BIN)/pytest -n auto $(PYTEST_ARGS)

accuracy: setup ## precision and recall of merging on the labelled reports
	@$(BIN)/python -m scripts.accuracy

lint: setup ## ruff, mypy --strict and the contracts on imports
	$(BIN)/ruff check $(PYTHON_FILES)
	$(BIN)/ruff format --check $(PYTHON_FILES)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix $(PYTHON_FILES)
	$(BIN)/ruff format $(PYTHON_FILES)

coverage: setup ## all tests with branch coverage, a least one, and a report in htmlcov
	$(BIN)/pytest -n auto --cov --cov-report=term --cov-report=html \
		--cov-fail-under=$(COVERAGE_MIN) $(PYTEST_ARGS)

bench: setup ## commands, stages, memory and peers as ratios; BENCH_ARGS='--sizes 5000'
	@scripts/bench_peers.sh
	@$(BIN)/python -m bench $(BENCH_ARGS)

fuzz: setup ## fuzz the parsers; FUZZ_ARGS='trivy --runs 1000000 --seed 1'
	$(BIN)/python -m tests.fuzz $(or $(FUZZ_ARGS),all)

attack: setup ## attacks on what secagg promises, with counts; ATTACK_ARGS='texts --count 5000'
	$(BIN)/python -m tests.attack $(ATTACK_ARGS)

month: setup ## a month in the life of a team, with the generated workflows; MONTH_ARGS='--days 9'
	@$(BIN)/python -m tests.month $(MONTH_ARGS)

mutate: setup ## mutate code and show what its tests do not notice; MUTATE_ARGS='secrets --sample 150'
	@$(BIN)/python -m scripts.mutation_sample $(or $(MUTATE_ARGS),policy)

lock: setup ## write the lock files anew; LOCK_ARGS=--upgrade takes the newest versions
	$(BIN)/pip install --quiet -r requirements/lock.in
	scripts/lock.sh $(LOCK_ARGS)

clean: ## remove everything that was made here
	rm -rf .venv .cache mutants secagg-out htmlcov dist build scripts/npm/node_modules \
		scripts/npm-bench/node_modules bench-out \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
