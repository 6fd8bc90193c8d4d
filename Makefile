# `make demo` and `make test` are all a newcomer needs; both prepare .venv first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
JOBS ?= 3
PYTEST_ARGS ?=
# Compiled modules are kept, whatever the machine says: every start would compile all of them anew.
unexport PYTHONDONTWRITEBYTECODE

.NOTPARALLEL:
.PHONY: help demo tour axe test test-all test-rest chaos bench bench-check check format lint types layers check-slack audit lock try-readme release image clean

help:
	@echo "make demo         run the product with stand-ins for Slack, Xero and Paymo"
	@echo "make tour         walk through the demo in Chromium and take the pictures for README and docs/"
	@echo "make test         every check, and every test that is quick"
	@echo "make test-all     make test, plus tests that need PostgreSQL or Chromium, long property runs, walks"
	@echo "make chaos        inject 500 faults into the running program, and report (FAULTS=…, SEED=…)"
	@echo "make bench        measure the program against a limit and a peer (NAMES=…, PAIRS=…)"
	@echo "make bench-check  measure a few for a minute, and fail if one is much slower than recorded"
	@echo "make check        format, lint, types, layers"
	@echo "make format       format the code"
	@echo "make check-slack  check every view and message against Slack's own types (needs Node)"
	@echo "make audit        check every locked dependency against published advisories (needs the network)"
	@echo "make lock         refresh the lock files after editing pyproject.toml"
	@echo "make try-readme   run the README's commands in a clean virtual environment (needs the network)"
	@echo "make release      build wheel, sdist and image, and try each from scratch (needs the network)"

demo: $(READY)
	@$(BIN)/paymo-xero demo

tour: $(READY) axe
	@TOUR=docs/images FORBID_SKIPS=1 $(BIN)/python -m pytest -q -k newcomer tests/test_demo.py

# What is `thorough` is decided in tests/split.py.
PYTEST := $(BIN)/python -m pytest -q -rs -n $(JOBS) --dist worksteal
# Types are checked by one process alone, so the tests run beside it; what it says comes last.
test: style
	@$(MAKE) --no-print-directory types layers > .venv/checks.log 2>&1 & checks=$$!; \
	echo "== tests"; \
	$(PYTEST) -m "not thorough" $(PYTEST_ARGS); tests=$$?; \
	wait $$checks; checks=$$?; \
	cat .venv/checks.log; \
	test $$tests -eq 0 -a $$checks -eq 0

test-all: test test-rest

test-rest: $(READY) axe
	@echo "== tests on PostgreSQL, in a browser, of whole walks, and of properties at length"
	@EXAMPLES=10 $(PYTEST) -m "thorough or property" $(PYTEST_ARGS)

# Anything that it finds it prints with the seed of its episode, which SEED plays again.
chaos: $(READY)
	@$(BIN)/python -m tests.chaos $(if $(FAULTS),--faults $(FAULTS)) $(if $(SEED),--seed $(SEED)) $(CHAOS_ARGS)

# Only ratios within one run say something; docs/performance.md explains them.
bench: $(READY)
	@$(BIN)/python -m bench $(if $(PAIRS),--pairs $(PAIRS)) $(NAMES)

bench-check: $(READY)
	@echo "== benchmarks"; $(BIN)/python -m bench --check $(NAMES)

# axe judges the pages; it comes with Node, and tests that need it are skipped without it.
AXE := axe-core@4.14.1
axe: .venv/axe/node_modules/axe-core/axe.min.js
.venv/axe/node_modules/axe-core/axe.min.js:
	@mkdir -p .venv/axe
	@npm install --silent --prefer-offline --no-audit --no-fund --ignore-scripts --prefix .venv/axe $(AXE) || echo "axe is not to be had here: npm"

check: style types layers

style: $(READY)
	@echo "== format"; $(BIN)/ruff format --quiet --check . || { echo "run: make format"; exit 1; }
	@echo "== lint"; $(BIN)/ruff check --quiet .

types: $(READY)
	@echo "== types"; $(BIN)/mypy --no-error-summary

layers: $(READY)
	@echo "== layers"; $(BIN)/lint-imports --no-logo > .venv/layers.log || { cat .venv/layers.log; exit 1; }

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# Slack's own types judge everything that a recorded walk has sent; they come with Node.
JUDGE := .venv/blockkit
check-slack: $(READY)
	@test -f ../shared/checks/blockkit/check.mjs || { echo "the judge is not here: ../shared/checks/blockkit"; exit 1; }
	@mkdir -p $(JUDGE) && cp ../shared/checks/blockkit/check.mjs ../shared/checks/blockkit/package.json $(JUDGE)
	@test -d $(JUDGE)/node_modules || { echo "== fetching Slack's types"; cd $(JUDGE) && npm install --silent --no-audit --no-fund; }
	@echo "== recording a walk"; rm -f .venv/slack.jsonl
	@RECORD=.venv/slack.jsonl $(BIN)/python -m pytest -q -k "not postgres" tests/test_walk.py
	@echo "== judging it"; node $(JUDGE)/check.mjs --wire .venv/slack.jsonl

# Strict: a dependency whose advisories cannot be had fails the audit, since nothing was learned.
AUDIT := pip-audit@2.10.1
audit: $(READY)
	@$(BIN)/uv tool run --quiet $(AUDIT) --requirement requirements.lock --requirement requirements-dev.lock --disable-pip --require-hashes --strict

# The lock's own uv installs the rest: it needs seconds where pip needs half a minute.
LOCKS := requirements.lock requirements-dev.lock
$(READY): $(LOCKS) pyproject.toml
	@echo "== preparing .venv (about a minute the first time)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=…"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@awk '/^[a-z]/ { keep = /^uv==/ } keep' requirements-dev.lock > .venv/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(READY)

# What the program needs stands in the first lock alone, for every Python and system; the second starts with it and adds what developers need.
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-strip-extras --no-emit-index-url --no-header --no-annotate
lock: $(READY)
	@$(COMPILE) -o requirements.lock pyproject.toml
	@rest=$$($(COMPILE) --extra dev -c requirements.lock $$(awk -F'[[=]' '/^[a-z]/ { print "--no-emit-package", $$1 }' requirements.lock) pyproject.toml) && \
	printf '%s\n%s\n' '-r requirements.lock' "$$(echo "$$rest" | grep -v '^#')" > requirements-dev.lock

try-readme: $(READY)
	@$(BIN)/python .ci/quickstart.py

release: $(READY)
	@git diff --quiet HEAD || { echo "commit first: what is built is what git has"; exit 1; }
	@rm -rf dist && $(BIN)/python -m hatchling build > .venv/build.log 2>&1 || { cat .venv/build.log; exit 1; }
	@$(BIN)/python .ci/quickstart.py dist/*.tar.gz
	@$(BIN)/python .ci/quickstart.py dist/*.whl
	@if [ -n "$(ENGINE)" ]; then $(MAKE) --no-print-directory image; else echo "no container engine runs here: no image is built"; fi
	@ls -l dist

# The image is tried as compose.yaml runs it: nobody's root, nothing to write to but /data, and gone when told.
ENGINE = $(shell for each in podman docker; do $$each info > /dev/null 2>&1 && echo $$each && break; done)
BASE ?= python:3.13-slim
IMAGE := paymo-xero:$(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
image:
	@echo "== image $(IMAGE)"; $(ENGINE) build --quiet $(if $(findstring podman,$(ENGINE)),--format docker) --build-arg PYTHON=$(BASE) -f Containerfile -t $(IMAGE) .
	@sh .ci/try_image.sh "$(ENGINE)" "$(IMAGE)"

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
