"""A pytest plugin for ``make mutation``, which makes one fault cost less.

mutmut measures the duration of each test once. Then it forks a process for each fault, and starts pytest there, in the
folder ``mutants``. The plugin chooses the order of the tests, and creates the tables of the database only once.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
from collections import Counter
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test.utils import setup_databases

#: mutmut's figures: the seconds of each test.
FIGURES = Path("mutmut-stats.json")
#: One line for each fault that was noticed: the module of the fault, and the test that noticed it.
NOTICED = Path("noticed.txt")
#: The most memory of a process (bytes). A fault that builds an endless list ends with an error.
MEMORY = 3 * 2**30


def module_under_test() -> str:
    """Return the module that has the fault; an empty text if none has one."""
    return os.environ.get("MUTANT_UNDER_TEST", "").rpartition(".")[0]


def pytest_configure(config: pytest.Config) -> None:
    """Register the database after pytest-django, so that this one counts. Nobody reads what a fault prints."""
    config.pluginmanager.register(OneDatabase())
    if module_under_test():
        config.option.tbstyle = "no"
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the tests: first those that noticed most faults of the module, then the fastest. Before the first
    measurement the order stays.

    ``MUTATION_SECONDS``: how long the tests of one fault may take together, as measured. The slowest are left out.
    """
    if not (FIGURES.exists() and module_under_test()):
        return
    seconds = json.loads(FIGURES.read_text("utf-8"))["duration_by_test"]
    lines = NOTICED.read_text("utf-8").splitlines() if NOTICED.exists() else []
    noticed = Counter(line.partition(" ")[2] for line in lines if line.startswith(f"{module_under_test()} "))
    items.sort(key=lambda item: (-noticed[item.nodeid], seconds.get(item.nodeid, 0)))
    if limit := float(os.environ.get("MUTATION_SECONDS", 0)):
        sums = accumulate(seconds.get(item.nodeid, 0) for item in items)
        chosen = max(1, sum(total <= limit for total in sums))
        config.hook.pytest_deselected(items=items[chosen:])
        del items[chosen:]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep which test noticed the fault."""
    if report.failed and module_under_test():
        with NOTICED.open("a", encoding="utf-8") as file:
            file.write(f"{module_under_test()} {report.nodeid}\n")


class OneDatabase:
    """The database of the tests. The process of each fault is a fork, and finds the tables that mutmut's own made."""

    tables: bytes = b""

    @pytest.fixture(scope="session")
    @classmethod
    def django_db_setup(cls, django_test_environment: None, django_db_blocker: Any) -> None:
        """Create the tables from the models, in memory. After the first time, copy them."""
        with django_db_blocker.unblock():
            if cls.tables:
                with closing(sqlite3.connect(":memory:")) as source:
                    source.deserialize(cls.tables)
                    connection.ensure_connection()
                    source.backup(connection.connection)
            else:
                settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}
                setup_databases(verbosity=0, interactive=False)
                cls.tables = connection.connection.serialize()
