# Each target works as the first command after git clone: it needs make and Python 3.11 or newer.

PY := .venv/bin/python
VENV := .venv/pyvenv.cfg
PIP := $(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help demo test unit engine engine-up engine-down bench docs links lint types format dist clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/.runtime  ## a good release, a broken one and the automatic rollback; needs no Docker
	@.venv/bin/deploykit demo

test: .venv/.dev  ## all checks and all tests, with a real engine where one is to be had
	@$(PY) -m scripts.test all

unit: .venv/.dev  ## the tests that need no engine
	@$(PY) -m scripts.test unit

engine: .venv/.dev  ## the tests on a real engine
	@$(PY) -m scripts.test engine

engine-up: .venv/.dev  ## an engine that stays, for plain pytest
	@$(PY) -m scripts.engine up

engine-down: .venv/.dev  ## end that engine
	@$(PY) -m scripts.engine down

bench: .venv/.dev  ## measure deploykit beside a plain script and Compose, for an hour and a half; BENCH='good --rounds 3' for less
	@$(PY) -m benchmarks $(BENCH)
	@$(PY) -m benchmarks report

docs: .venv/.dev  ## the site of docs/, in site/; a warning is an error
	@$(PY) -m sphinx --quiet --fresh-env --fail-on-warning --keep-going --builder html docs site

links: .venv/.dev  ## ask every link of docs/links.rst, which needs the internet: one that does not answer is an error
	@$(PY) -m sphinx -C -D root_doc=links --fresh-env --builder linkcheck docs .cache/links

lint: .venv/.dev  ## ruff
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types: .venv/.dev  ## mypy, strict, and pyright
	@$(PY) -m mypy
	@$(PY) -m pyright

format: .venv/.dev  ## let ruff mend what it can
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

dist: .venv/.dev  ## the sdist and the wheel, in dist/
	@rm -rf dist
	@$(PY) -m hatchling build -d dist

clean:  ## remove what the targets made
	@if [ -x $(PY) ] && [ -f .cache/engine.json ]; then $(PY) -m scripts.engine down; fi
	rm -rf .venv .cache site .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

ifeq ($(wildcard $(PY)),)
.PHONY: $(VENV)
endif
$(VENV):
	@sh scripts/venv.sh

.venv/.runtime: pyproject.toml constraints.txt $(VENV)
	@$(PIP) -e .
	@touch $@

.venv/.dev: pyproject.toml constraints.txt $(VENV)
	@$(PIP) -e '.[dev,docs]'
	@touch $@ .venv/.runtime
