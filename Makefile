# Every target makes the environment that it needs, once, in .venv. It needs only Python 3.11 or later.
#
# PYTHON  the Python to use; by default the first of python3.11, python3.12 and python3 that is new enough and has venv
# VENV    the folder of the environment
# DJANGO  42 or 52
# TUTOR   the versions of Tutor for tutor-test

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
TUTOR ?= 19 20 21
COMPILED := base sandbox test services quality doc benchmark mutation

# What no page shows: commands, and modules that only they call; messages to people, logs and what is stored of errors.
NOT_ON_PAGES := management/* testing/* migrations/* checks.py cli.py secrets.py lanes/* sync/* catalog/* \
	upkeep/check/* upkeep/prune/* upkeep/site_copy/* upkeep/notifications/messages.py \
	upkeep/notifications/channels.py upkeep/notifications/apprise_service.py upkeep/notifications/overview.py \
	upkeep/notifications/transfer.py upkeep/notifications/events.py upkeep/backfill.py upkeep/forget_person.py \
	upkeep/jobs/items.py upkeep/jobs/turn.py upkeep/links.py upkeep/raise_course.py upkeep/targets/context.py \
	upkeep/targets/site.py
LANGUAGES := en de ar

# The faults of a function have numbers. Their last digit decides which part of the faults they belong to.
PART ?= 1
FAULTS_1 := [01]
FAULTS_2 := [29]
FAULTS_3 := [38]
FAULTS_4 := [47]
FAULTS_5 := [56]

.DEFAULT_GOAL := help
.PHONY: help demo demo-two-way dashboard test services-test chaos benchmark mutation tutor-test mfe-test quality format docs pictures screenshots dist releases upgrade clean
.PHONY: extract_translations compile_translations

help: ## List the targets
	@echo 'make TARGET. Each target makes the environment that it needs, once, in $(VENV).'
	@echo
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / { printf "  %-21s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  make demo OLD=a.tar.gz NEW=b.tar.gz    run the demo with two of your own exports'
	@echo '  make test ARGS="-k webhook -x"         pass arguments to pytest'
	@echo '  make test VENV=.venv52 DJANGO=52       use Django 5.2 (the default is 4.2)'
	@echo '  make test VENV=.venv12 PYTHON=python3.12    use another Python'

demo: $(VENV)/.sandbox ## Publish a course twice, deliver it to a receiver and compare the result (about a minute)
	@$(RUN) -m sandbox.demo $(if $(OLD)$(NEW),"$(OLD)" "$(NEW)")
	@echo "'make dashboard' shows the pages for operators: a course, three targets, a problem and a conflict."

demo-two-way: $(VENV)/.sandbox ## Keep a course in step with a fake Canvas and a fake Discourse, both ways (half a minute)
	@$(RUN) -m sandbox.demo_two_way

dashboard: $(VENV)/.sandbox ## Serve the pages of a site with a problem and a conflict in it, until Ctrl-C
	@$(RUN) -m sandbox.dashboard $(ARGS)

test: $(VENV)/.test ## Run every test that needs no service (about ten minutes on two cores)
	$(PYTEST) -n auto --dist worksteal -m "not service" $(ARGS)

services-test: $(VENV)/.services ## Run the tests that need MariaDB, PostgreSQL and Redis on 127.0.0.1 (about 25 minutes)
	$(PYTEST) -m service $(ARGS)

tutor-test: $(TUTOR:%=.venv-tutor-%/.test) ## Render sites with the plugin in tutor/, with Tutor 19, 20 and 21 (three minutes)
	for version in $(TUTOR); do (cd tutor && ../.venv-tutor-$$version/bin/python -m pytest $(ARGS)) || exit 1; done

chaos: $(VENV)/.services ## Kill and break everything at random while courses are published; prints what was lost (5 minutes)
	$(RUN) -m tests.chaos $(ARGS)

benchmark: $(VENV)/.benchmark ## Measure the speed; exit status 1 if a budget is exceeded
	$(RUN) benchmarks/run.py $(ARGS)

# A test that a fault makes hang is ended after this time (seconds).
mutation: export PYTEST_TIMEOUT = 20
mutation: $(VENV)/.mutation ## Put a fifth of the faults (PART=1 to 5) into the code; does a test fail? (an hour at most)
	$(if $(ARGS),,MUTATION_SECONDS=6) $(VENV)/bin/mutmut run \
		$(or $(ARGS),$(FAULTS_$(PART):%='*%'),$(error PART is 1, 2, 3, 4 or 5))
	$(if $(ARGS),,survived=$$($(VENV)/bin/mutmut results | sed -n 's/^ *\(.*$(FAULTS_$(PART))\): survived$$/\1/p'); \
		test -z "$$survived" || $(VENV)/bin/mutmut run $$survived)
	$(VENV)/bin/mutmut results | grep -v 'not checked' || true

mfe-test: ## Build and test the widgets for MFEs in docs/mfe (needs Node 20 or later and npm; a minute)
	@command -v npm >/dev/null || { echo 'npm was not found (Debian: apt-get install nodejs npm)'; exit 1; }
	cd docs/mfe && npm install --ignore-scripts --no-audit --no-fund && npm test

quality: $(VENV)/.quality ## Check style, format, types, import contracts, annotations and missing migrations
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports --no-cache
	$(RUN) manage.py makemigrations --check --dry-run
	DJANGO_SETTINGS_MODULE=sandbox.settings $(VENV)/bin/code_annotations django_find_annotations \
		--config_file .pii_annotations.yml --lint --report --coverage
	$(VENV)/bin/code_annotations static_find_annotations --config_file .annotations.yml --lint --report

format: $(VENV)/.quality ## Fix the style and format that `make quality` checks
	-$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

docs: $(VENV)/.doc ## Build the documentation in docs/_build/html
	$(RUN) -m sphinx --fail-on-warning --keep-going --jobs auto -b html docs docs/_build/html
	@echo 'Open docs/_build/html/index.html'

extract_translations: $(VENV)/.sandbox ## Bring course_sync_plugin/conf/locale up to date with the texts (needs gettext)
	cd course_sync_plugin && $(abspath $(VENV))/bin/django-admin makemessages --no-obsolete --add-location file \
		$(LANGUAGES:%=--locale %) $(foreach pattern,$(NOT_ON_PAGES),--ignore '$(pattern)')

compile_translations: ## Compile the translations, so that pages show them (needs gettext)
	cd course_sync_plugin && for language in $(filter-out en,$(LANGUAGES)); do \
		msgfmt --check --output-file=conf/locale/$$language/LC_MESSAGES/django.mo \
			conf/locale/$$language/LC_MESSAGES/django.po || exit 1; done

pictures: ## Draw docs/images/*.svg from their .dot sources (needs Graphviz)
	@command -v dot >/dev/null || { echo 'Graphviz was not found (Debian: apt-get install graphviz)'; exit 1; }
	for source in docs/images/*.dot; do dot -Tsvg "$$source" -o "$${source%.dot}.svg" || exit 1; done

screenshots: $(VENV)/.test ## Take the README's pictures of the pages (needs Chromium)
	$(RUN) -m sandbox.screenshots

dist: $(VENV)/.quality ## Build the wheel and the source archive in dist/
	$(RUN) -m build

releases: $(VENV)/.dev ## Resolve the requirements with what each release of edx-platform pins; print what is added
	@for pins in tests/data/releases/*.txt; do \
		python=$$(sed -n 's/^# Python: //p' "$$pins"); echo "$$pins, Python $$python:"; \
		resolved=$$($(VENV)/bin/uv pip compile --quiet --no-header --no-annotate --no-emit-index-url \
			--no-emit-find-links --python-version "$$python" --constraint "$$pins" requirements/base.in) || exit 1; \
		echo "$$resolved" | grep --invert-match --line-regexp --fixed-strings --file "$$pins" | sed 's/^/  /'; \
	done

upgrade: $(VENV)/.dev ## Choose new versions of all packages in requirements/*.txt
	$(UV) --upgrade --no-deps requirements/django42.in --output-file requirements/django42.txt
	$(UV) --upgrade --no-deps requirements/django52.in --output-file requirements/django52.txt
	$(UV) --upgrade --no-emit-package django --constraint requirements/django42.txt \
		requirements/dev.in --output-file requirements/dev.txt
	for name in $(COMPILED); do \
		$(UV) --upgrade --no-emit-package django --constraint requirements/dev.txt \
			--constraint requirements/django42.txt \
			requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done
	for version in 19 20 21; do \
		$(UV) --upgrade tutor/requirements/tutor$$version.in \
			--output-file tutor/requirements/tutor$$version.txt || exit 1; \
	done

clean: ## Remove environments and all built files
	rm -rf docs/mfe/dist docs/mfe/node_modules
	rm -rf .venv* .tox build dist var docs/_build *.egg-info tutor/*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis mutants
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	@test -n "$(PYTHON)" || { echo 'No Python of version 3.11 or later with venv was found' \
		'(Debian: apt-get install python3-venv). To name one: make PYTHON=/path/to/python3.11'; exit 1; }
	@echo 'Making an environment in $(VENV) with $(PYTHON) ...'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.services: export INSTALL_HINT = The database drivers could not be installed. pip compiles mysqlclient. \
	This needs a compiler and the headers of MariaDB or MySQL \
	(Debian: apt-get install gcc pkg-config default-libmysqlclient-dev).

$(VENV)/.%: requirements/%.txt requirements/django$(DJANGO).txt setup.py | $(RUN)
	@echo 'Installing requirements/$*.txt ...'
	@$(PIP) install -r requirements/$*.txt -r requirements/django$(DJANGO).txt || { echo "$$INSTALL_HINT"; exit 1; }
	@$(PIP) install --no-deps --editable .
	@touch $@

.venv-tutor-%/.test: tutor/requirements/tutor%.txt tutor/pyproject.toml
	@echo 'Making an environment with Tutor $* in .venv-tutor-$* ...'
	@$(PYTHON) -m venv .venv-tutor-$*
	@.venv-tutor-$*/bin/python -m pip --disable-pip-version-check --quiet install -r $<
	@.venv-tutor-$*/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --editable tutor
	@touch $@
