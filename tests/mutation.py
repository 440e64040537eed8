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
from itertools import accumulate, chain
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
        if FIGURES.exists():
            config.args = chosen_tests(config.args)


def chosen_tests(tests: list[str]) -> list[str]:
    """Sort the tests of a fault: those named as its module, those that noticed most of its faults, those that use the
    fewest functions, the fastest. To choose before the collection is faster than to collect them all.

    ``MUTATION_SECONDS``: how long they may take together, as measured. The others are left out.
    """
    figures = json.loads(FIGURES.read_text("utf-8"))
    functions = Counter(chain.from_iterable(figures["tests_by_mangled_function_name"].values()))
    seconds, noticed = figures["duration_by_test"], noticed_by_test()
    own_file = f"test_{module_under_test().rpartition('.')[2]}.py::"
    tests = sorted(tests, key=lambda one: (own_file not in one, -noticed[one], functions[one], seconds.get(one, 0)))
    limit = float(os.environ.get("MUTATION_SECONDS", 0))
    sums = accumulate(seconds.get(one, 0) for one in tests)
    return tests[: max(1, sum(total <= limit for total in sums))] if limit else tests


def noticed_by_test() -> Counter[str]:
    """Return how many faults of the module each test has noticed."""
    lines = NOTICED.read_text("utf-8").splitlines() if NOTICED.exists() else []
    return Counter(line.partition(" ")[2] for line in lines if line.startswith(f"{module_under_test()} "))


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
