# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := /bin/bash
BIN := $(CURDIR)/.venv/bin
TOOLS := tests/tools
STEP := $(TOOLS)/step.sh

export PATH := $(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)
export ANSIBLE_HOME := $(CURDIR)/.ansible
# Ansible refuses to start where the locale is not UTF-8, as on a minimal installation.
export LC_ALL := C.UTF-8

.NOTPARALLEL:
.PHONY: help venv demo test lint sanity unit integration molecule soak cores bench docs archive clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## back up a live database and a stream, lose and restore it; heal a bucket; fail over: three minutes, no Docker
	@$(TOOLS)/prepare.sh demo
	@$(TOOLS)/venv.sh requirements-demo.txt
	@$(BIN)/python tests/demo/run.py

test: prepare lint unit integration ## everything: lint, sanity, unit, integration, Molecule
	@$(TOOLS)/together.sh sanity molecule
	@$(TOOLS)/summary.sh

.PHONY: prepare
prepare:
	@$(TOOLS)/prepare.sh test

venv: ## the virtual environment .venv with all that developing needs
	@$(TOOLS)/venv.sh requirements-dev.txt

lint: venv ## ruff, mypy, ansible-lint, antsibull-changelog, antsibull-docs
	@$(STEP) lint $(TOOLS)/lint.sh

sanity: venv ## ansible-test sanity
	@$(STEP) sanity $(TOOLS)/sanity.sh

unit: venv ## tests that need no server
	@$(STEP) unit $(BIN)/python -m pytest -q --numprocesses 2 tests/unit

integration: venv ## tests on real servers, on loopback
	@$(STEP) integration $(TOOLS)/integration.sh

molecule: venv ## roles and playbooks on systemd hosts, in containers
	@$(STEP) molecule $(TOOLS)/with_docker.sh $(TOOLS)/molecule.sh

soak: venv ## what takes hours: 20 times the examples of every property, and the tests that are too long for make test
	@LIFEBOAT_SOAK=20 $(STEP) soak-unit $(BIN)/python -m pytest -q --numprocesses 2 tests/unit
	@LIFEBOAT_SOAK=20 $(STEP) soak-integration $(TOOLS)/integration.sh

cores: venv ## unit tests, live progress and sanity on other releases of ansible-core (where a Python 3.13 is)
	@$(STEP) cores $(TOOLS)/cores.sh

bench: ## speed, as ratios of one run (about 40 minutes); AGAINST=COMMIT: also the modules of then; BENCH=OPTIONS
	@$(TOOLS)/prepare.sh demo
	@$(TOOLS)/venv.sh requirements-demo.txt
	@$(TOOLS)/compiled.sh
	@$(BIN)/python tests/bench/run.py $(if $(AGAINST),--against $(AGAINST)) $(BENCH)

docs: ## the site of the documentation, with every module and role, in .cache/docs/html
	@$(TOOLS)/prepare.sh demo
	@$(TOOLS)/docs.sh

archive: ## the archive that is published, checked as Galaxy's importer does, in .cache/archive
	@$(TOOLS)/prepare.sh demo
	@$(STEP) archive $(TOOLS)/archive.sh

clean: ## remove what was made here; the image cache in ~/.cache/lifeboat-dr stays
	rm -rf .venv .ansible .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
