# Every target makes the environment it needs, once, in .venv. A Python of 3.11 or later is all that must be there.
#
# PYTHON  the Python to use; the first of python3.11, python3.12 and python3 that will do, unless it is named
# VENV    where the environment lives
# DJANGO  42 or 52

DJANGO ?= 42
VENV ?= .venv
PYTHON ?= $(shell for python in python3.11 python3.12 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check --quiet
PYTEST := $(RUN) -m pytest
UV = $(VENV)/bin/uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
	--annotation-style line --custom-compile-command "make upgrade" --quiet
COMPILED := base sandbox test services quality doc benchmark mutation

.DEFAULT_GOAL := help
.PHONY: help demo test services-test benchmark mutation quality format docs dist upgrade clean

help: ## Explain the targets
	@echo 'make TARGET. Each target makes the environment it needs, once, in $(VENV).'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  make demo OLD=a.tar.gz NEW=b.tar.gz    the demo with two exports of your own'
	@echo '  make test ARGS="-k webhook -x"         anything that pytest takes'
	@echo '  make test VENV=.venv52 DJANGO=52       with Django 5.2 (42 without it)'
	@echo '  make test VENV=.venv12 PYTHON=python3.12'

demo: $(VENV)/.sandbox ## Publish a course twice, deliver it to a receiver and compare: the whole way in a minute
	@$(RUN) -m sandbox.demo $(if $(OLD)$(NEW),"$(OLD)" "$(NEW)")

test: $(VENV)/.test ## Run every test that needs no service: 3 to 4 minutes on two cores
	$(PYTEST) -n auto -m "not service" $(ARGS)

services-test: $(VENV)/.services ## Run the tests on MariaDB, PostgreSQL and Redis on 127.0.0.1 (docs/testing.rst): 8 to 12 minutes
	$(PYTEST) -m service $(ARGS)

benchmark: $(VENV)/.benchmark ## Measure against the budgets; exit status 1 where one is missed
	$(RUN) benchmarks/run.py $(ARGS)

mutation: $(VENV)/.mutation ## Put faults into the code, one at a time, and see whether a test fails: about an hour on two cores
	$(VENV)/bin/mutmut run $(ARGS)
	$(VENV)/bin/mutmut results

quality: $(VENV)/.quality ## Lint, format, import contracts, annotations, missing migrations
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports --no-cache
	$(RUN) manage.py makemigrations --check --dry-run
	DJANGO_SETTINGS_MODULE=sandbox.settings $(VENV)/bin/code_annotations django_find_annotations \
		--config_file .pii_annotations.yml --lint --report --coverage
	$(VENV)/bin/code_annotations static_find_annotations --config_file .annotations.yml --lint --report

format: $(VENV)/.quality ## Write the code as `make quality` wants it
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

docs: $(VENV)/.doc ## Build the documentation in docs/_build/html
	$(RUN) -m sphinx --fail-on-warning --keep-going --jobs auto -b html docs docs/_build/html
	@echo 'Open docs/_build/html/index.html'

dist: $(VENV)/.quality ## Build the wheel and the source archive in dist/
	$(RUN) -m build

upgrade: $(VENV)/.dev ## Choose new versions of everything for requirements/*.txt
	$(UV) --upgrade --no-deps requirements/django42.in --output-file requirements/django42.txt
	$(UV) --upgrade --no-deps requirements/django52.in --output-file requirements/django52.txt
	$(UV) --upgrade --no-emit-package django --constraint requirements/django42.txt \
		requirements/dev.in --output-file requirements/dev.txt
	for name in $(COMPILED); do \
		$(UV) --upgrade --no-emit-package django --constraint requirements/dev.txt \
			--constraint requirements/django42.txt \
			requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done

clean: ## Remove environments and everything that was built
	rm -rf .venv* .tox build dist var docs/_build *.egg-info .pytest_cache .ruff_cache .hypothesis mutants
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	@test -n "$(PYTHON)" || { echo 'A Python of 3.11 or later with venv is needed and none was found' \
		'(Debian: apt-get install python3-venv). Name one: make PYTHON=/path/to/python3.11'; exit 1; }
	@echo 'Making an environment in $(VENV) with $(PYTHON) ...'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.services: export INSTALL_HINT = The drivers could not be installed: mysqlclient is compiled. It needs a \
	compiler and the headers of MariaDB or MySQL (Debian: apt-get install gcc pkg-config default-libmysqlclient-dev).

$(VENV)/.%: requirements/%.txt requirements/django$(DJANGO).txt setup.py | $(RUN)
	@echo 'Installing requirements/$*.txt ...'
	@$(PIP) install -r requirements/$*.txt -r requirements/django$(DJANGO).txt || { echo "$$INSTALL_HINT"; exit 1; }
	@$(PIP) install --no-deps --editable .
	@touch $@
