# Needs python3 (3.11, 3.12 or 3.13) and make. Another interpreter: make PYTHON=python3.12 test
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
MINOR := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
LOCK := locks/requirements-$(or $(MINOR),none).txt
LOCKED := $(patsubst locks/requirements-%.txt,%,$(sort $(wildcard locks/requirements-3.*.txt)))
STAMP := .venv/.installed
BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
# As pip does for what it copies: else a process that may not write it, as in many containers,
# compiles the package anew at every start, for half a second.
BYTECODE := -m compileall -q src/protacsim

CONFIGS = $(sort $(wildcard configs/*.toml configs/published/*.toml))
DEMO_CONFIGS := wt_vs_c481s covalent_then_degrader

.PHONY: help venv demo test test-long test-browser lint types layers configs validate notebooks docs \
    kernels bench bench-update bench-history bars peers lock clean FORCE

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' Makefile

venv: $(STAMP)  ## create .venv from the lock of this Python

# The stamp holds the Python version it was made for, so that another PYTHON rebuilds it.
ifneq ($(MINOR),$(shell cat $(STAMP) 2>/dev/null))
$(STAMP): FORCE
endif
$(STAMP): $(LOCK) pyproject.toml
	@echo "Installing $(LOCK) into .venv (a minute or two)" >&2
	@[ "$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" \
	    = "$(MINOR)" ] || $(PYTHON) -m venv --clear .venv
	@$(PIP) install -r $(LOCK)
	@$(PIP) install --no-deps -e .
	@$(BIN)/python $(BYTECODE)
	@echo "$(MINOR)" > $@

# Reached only when there is no lock for this interpreter.
locks/requirements-%.txt:
	@echo "PYTHON=$(PYTHON) is $(if $(MINOR),Python $(MINOR),not a Python that runs)." \
	    "There is a lock for Python $(LOCKED). Name one of these: make PYTHON=python3.12 venv" >&2
	@exit 1

# After a change of the deterministic kernels: without it they are compiled at the first start.
kernels: $(STAMP)  ## assembly of the drivers, shipped with the package
	$(BIN)/python -m protacsim.kernels.entries

demo: $(STAMP)  ## run the two showcase configs into results/
	@set -e; for stem in $(DEMO_CONFIGS); do \
	    $(BIN)/protacsim run "configs/$$stem.toml" --out "results/$$stem" --fresh; \
	done

# Side by side, each on a core of its own; what the first says is printed last.
test: $(STAMP)  ## fast tests, with the JIT off and on
	@without=$$(mktemp); trap 'rm -f "$$without"' EXIT; \
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -q -p no:cacheprovider \
	    -m "not long and not jit_only and not browser" > "$$without" 2>&1 & other=$$!; \
	echo "JIT on:"; $(BIN)/python -m pytest -q -m "not long and not browser"; one=$$?; \
	wait $$other; two=$$?; echo "JIT off:"; cat "$$without"; exit $$((one | two))

test-long: $(STAMP)  ## tests that take minutes
	$(BIN)/python -m pytest -q -m long

# Playwright drives a Chromium that is already there: apt-get install chromium, or CHROMIUM=path.
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

test-browser: $(STAMP)  ## the report in a headless Chromium
	@[ -n "$(CHROMIUM)" ] || { echo "No chromium is on the PATH; install it, or say" \
	    "make test-browser CHROMIUM=/path/to/chromium" >&2; exit 1; }
	@$(PIP) install "playwright>=1.49"
	CHROMIUM="$(CHROMIUM)" $(BIN)/python -m pytest -q -m browser tests/test_report.py

lint: $(STAMP)  ## format and lint, changing nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

layers: $(STAMP)  ## imports go down only
	$(BIN)/lint-imports --no-logo

configs: $(STAMP)  ## check every config, then run all but the calibrations into a temporary folder
	$(BIN)/protacsim check $(or $(CONFIGS),configs/*.toml) configs/calibration/*.toml
	@set -e; out=$$(mktemp -d); trap 'rm -rf "$$out"' EXIT; \
	for config in $(CONFIGS); do \
	    echo "protacsim run $$config"; \
	    $(BIN)/protacsim run "$$config" --out "$$out/$$(basename "$$config" .toml)"; \
	done

validate: $(STAMP)  ## refit the calibrated compounds, predict every published row, write docs/validation.md
	$(BIN)/python validation/zorba.py
	$(BIN)/python validation/rows.py
	$(BIN)/python validation/report.py

# The notebooks are their own source: they are executed in place, and their output is committed.
notebooks: $(STAMP)  ## execute the notebooks top to bottom, in place
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --log-level WARN \
	    --ExecutePreprocessor.record_timing=False --ExecutePreprocessor.store_widget_state=False \
	    notebooks/*.ipynb

docs: $(STAMP)  ## build the documentation into build/docs; every warning is an error
	$(BIN)/sphinx-build --builder html --fail-on-warning --keep-going --nitpicky --quiet \
	    docs build/docs
	@echo "build/docs/index.html"

BASELINE := benchmarks/baseline.json
BENCH_JSON ?= build/bench.json
REASON ?=
BARS_FLAGS ?=

# CI gates on counts and errors; make bench BENCH_FLAGS= also fails where CPU time has grown.
BENCH_FLAGS ?= --warn-only

bench: $(STAMP)  ## counts, errors and ratios against the committed baseline
	$(BIN)/protacsim bench --compare $(BASELINE) --json $(BENCH_JSON) $(BENCH_FLAGS)

bench-update: $(STAMP)  ## a new baseline and a line of history: make bench-update REASON="why"
	$(BIN)/protacsim bench --compare $(BASELINE) --update --reason "$(REASON)"
	cp $(BASELINE) "benchmarks/history/$$(date -u +%Y-%m-%dT%H%M).json"
	$(BIN)/python benchmarks/history.py

bench-history: $(STAMP)  ## the table of docs/benchmarks.md from the committed records
	$(BIN)/python benchmarks/history.py

bars: $(STAMP)  ## every must and goal for speed: figure, must, goal, measured, pass
	@$(BIN)/python $(BYTECODE)
	$(BIN)/python benchmarks/bars.py $(BARS_FLAGS)

# The peers live apart: they are heavy, and the package must never come to need them.
PEERS := .venv-peers/bin/python
PEERS_FLAGS ?=
.venv-peers/.installed: locks/requirements-peers.txt pyproject.toml
	@echo "Installing $< into .venv-peers (a minute or two)" >&2
	@$(PYTHON) -m venv --clear .venv-peers
	@$(PEERS) -m pip -qq --disable-pip-version-check install -r $<
	@$(PEERS) -m pip -qq --disable-pip-version-check install --no-deps -e .
	@touch $@

peers: .venv-peers/.installed  ## agreement with other programs, then speed: refreshes docs/performance.md
	@$(PEERS) $(BYTECODE)
	$(PEERS) -m pytest -q benchmarks
	$(PEERS) benchmarks/vs_peers.py --json benchmarks/recorded/deterministic.json $(PEERS_FLAGS)
	$(PEERS) benchmarks/stochastic_peers.py --json benchmarks/recorded/stochastic.json
	$(PEERS) benchmarks/performance.py

# Each lock is resolved by its own interpreter: python3.11, python3.12 and python3.13 must be on
# the PATH. Existing pins are kept where they still fit; LOCK_FLAGS=--upgrade moves them all.
LOCK_FLAGS ?=
lock: lock-3.11 lock-3.12 lock-3.13  ## regenerate the locks from pyproject.toml

lock-%:
	@set -e; scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	python$* -m venv "$$scratch/venv"; \
	"$$scratch/venv/bin/python" -m pip -qq --disable-pip-version-check install pip-tools; \
	cp pyproject.toml "$$scratch/"; \
	[ ! -f locks/requirements-$*.txt ] || cp locks/requirements-$*.txt "$$scratch/lock.txt"; \
	(cd "$$scratch" && venv/bin/pip-compile --quiet --extra dev --extra export --extra distributed \
	    --extra sensitivity --extra notebooks --extra docs --strip-extras \
	    --annotation-style line --no-header --no-emit-index-url --no-emit-find-links \
	    --no-emit-trusted-host --no-emit-options $(LOCK_FLAGS) -o lock.txt pyproject.toml); \
	{ echo "# Core, dev and the tested extras on Python $*; made by \`make lock\`."; \
	    sed '/^# Core/d' "$$scratch/lock.txt"; } > locks/requirements-$*.txt

# One lock for all interpreters, on the pins of the oldest one.
lock-peers:
	@set -e; scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	python3.11 -m venv "$$scratch/venv"; \
	"$$scratch/venv/bin/python" -m pip -qq --disable-pip-version-check install pip-tools; \
	cp pyproject.toml "$$scratch/"; cp locks/requirements-3.11.txt "$$scratch/core.txt"; \
	(cd "$$scratch" && venv/bin/pip-compile --quiet --extra dev --extra oracles --strip-extras \
	    --constraint core.txt --annotation-style line --no-header --no-emit-index-url \
	    --no-emit-find-links --no-emit-trusted-host --no-emit-options $(LOCK_FLAGS) \
	    -o lock.txt pyproject.toml); \
	{ echo "# Core, dev and peers; made by \`make lock-peers\`."; \
	    sed 's/-c core.txt, //' "$$scratch/lock.txt"; } > locks/requirements-peers.txt

clean:  ## remove .venv, results and caches
	rm -rf .venv .venv-peers results build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
