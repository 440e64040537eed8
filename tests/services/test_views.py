"""A user of reports may read the SQL views and nothing else, with the GRANTs of docs/references/sql_views.rst."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.db import connection

from course_sync_plugin import api
from course_sync_plugin.migrations.views import statements
from course_sync_plugin.migrations.views.dialects import DIALECTS
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, a_course
from tests.services import servers
from tests.services.host import publish
from tests.services.processes import ROOT

PAGE = (ROOT / "docs" / "references" / "sql_views.rst").read_text("utf-8")
NAMES = list(statements("first", DIALECTS["sqlite"]))
LANGUAGES = {"mysql": "mysql", "postgresql": "postgresql"}


def written(user: str, database: str) -> list[str]:
    """Return the statements of the page that make the user, for this database."""
    language = LANGUAGES[connection.vendor]
    (block,) = re.findall(rf"\.\. code-block:: {language}\n\n((?:    .*\n)+)", PAGE)
    text = block.replace("course_sync_reports", user).replace("openedx.", f"{database}.")
    return [one.strip() for one in text.split(";") if one.strip()]


@contextmanager
def reader(user: str) -> Iterator[tuple[Callable[[str], list[Any]], type[Exception]]]:
    """Yield a function that runs a statement as the user, and the class of the errors of its driver."""
    database = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        for statement in written(user, database):
            cursor.execute(statement)
    other, error = _as_user(user, database)
    try:
        yield lambda statement: _run(other, statement), error
    finally:
        other.close()
        with connection.cursor() as cursor:
            owned = f"DROP OWNED BY {user}" if connection.vendor == "postgresql" else "SELECT 1"
            cursor.execute(owned)
            cursor.execute(f"DROP USER {user}")


def _as_user(user: str, database: str) -> tuple[Any, type[Exception]]:
    login = {"host": servers.HOST, "user": user, "password": "a long password"}
    if connection.vendor == "mysql":
        import MySQLdb

        return MySQLdb.connect(**login, database=database), MySQLdb.Error
    import psycopg

    return psycopg.connect(**login, dbname=database, autocommit=True), psycopg.Error


def _run(other: Any, statement: str) -> list[Any]:
    cursor = other.cursor()
    cursor.execute(statement)
    return list(cursor.fetchall())


@pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)
def test_a_user_of_reports_reads_the_views_and_nothing_else(host, database_url):
    host.set(COURSE_SYNC_ALLOWED_PRIVATE_HOSTS=["127.0.0.1"])
    user = f"reports_{urlsplit(database_url).path[-12:]}"
    with Receiver() as receiver:
        api.add_target("crm", url=receiver.url, secret=receiver.secret)
        publish(a_course("v1"))
        api.sync_course(COURSE)
        api.deliver_until_empty()
    with reader(user) as (run, error):
        for name in NAMES:
            run(f"SELECT * FROM {name}")
        assert run("SELECT course, target, state FROM course_sync_view_course_targets") == [(COURSE, "crm", "in step")]
        for table in ("course_sync_target", "course_sync_lane", "auth_user"):
            with pytest.raises(error, match=r"denied"):
                run(f"SELECT * FROM {table}")
        with pytest.raises(error, match=r"denied|cannot delete"):
            run("DELETE FROM course_sync_view_problems")


@pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)
def test_the_sql_of_the_migration_makes_the_views_again(host):
    """The page tells what to do after a dump was restored on a server that lacks the definer."""
    assert "sqlmigrate course_sync_plugin 0020 | ./manage.py cms dbshell" in " ".join(PAGE.split())
    with connection.cursor() as cursor:
        for name in reversed(NAMES):
            cursor.execute(f"DROP VIEW {name}")
        lines = call_command("sqlmigrate", "course_sync_plugin", "0020", stdout=StringIO()).splitlines()
        for statement in "\n".join(line for line in lines if not line.startswith("--")).split(";"):
            if statement.strip():
                cursor.execute(statement)
        for name in NAMES:
            cursor.execute(f"SELECT * FROM {name}")
            cursor.fetchall()
