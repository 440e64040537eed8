"""Runs the sandbox as a host for measurements, with a database of its own and a source with one course in memory."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from course_sync_plugin.data import Structure

SECRET = "whsec_" + "A" * 43 + "="

MARIADB = {"host": "127.0.0.1", "port": 3306, "user": "root"}
POSTGRESQL = {"host": "127.0.0.1", "port": 5432, "user": "postgres"}


def start() -> None:
    """Set Django up on the database that the environment names, and make its tables."""
    os.environ.update(DJANGO_SETTINGS_MODULE="sandbox.settings", COURSE_SYNC_ALLOWED_PRIVATE_HOSTS="127.0.0.1")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


@contextmanager
def sqlite() -> Iterator[dict[str, str]]:
    """Yield the environment of a host on an SQLite database of its own."""
    with tempfile.TemporaryDirectory(prefix="course-sync-benchmark-") as folder:
        yield {"SANDBOX_VAR": folder, "DATABASE_URL": f"sqlite:///{folder}/benchmark.sqlite3", "CELERY_BROKER_URL": ""}


@contextmanager
def mariadb() -> Iterator[dict[str, str]]:
    """Yield the environment of a host on a MariaDB database of its own."""
    import MySQLdb

    name = f"course_sync_benchmark_{uuid.uuid4().hex[:12]}"
    with sqlite() as environment:
        connection = MySQLdb.connect(**MARIADB)
        connection.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield {**environment, "DATABASE_URL": "mysql://{user}@{host}:{port}/".format(**MARIADB) + name}
        finally:
            connection.cursor().execute(f"DROP DATABASE {name}")
            connection.close()


@contextmanager
def postgresql() -> Iterator[dict[str, str]]:
    """Yield the environment of a host on a PostgreSQL database of its own."""
    import psycopg

    name = f"course_sync_benchmark_{uuid.uuid4().hex[:12]}"
    with sqlite() as environment, psycopg.connect(**POSTGRESQL, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield {**environment, "DATABASE_URL": "postgres://{user}@{host}:{port}/".format(**POSTGRESQL) + name}
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def has_mariadb() -> bool:
    """Tell whether a MariaDB runs on this machine and its driver is installed."""
    try:
        import MySQLdb
    except ImportError:
        return False
    try:
        MySQLdb.connect(**MARIADB).close()
    except MySQLdb.Error:
        return False
    return True


def has_postgresql() -> bool:
    """Tell whether a PostgreSQL runs on this machine and its driver is installed."""
    try:
        import psycopg
    except ImportError:
        return False
    try:
        psycopg.connect(**POSTGRESQL, dbname="postgres").close()
    except psycopg.Error:
        return False
    return True


@attrs.define
class OneCourse:
    """A source that holds one course. A measurement replaces it."""

    structure: Structure

    def published_version(self, course_id: str) -> str | None:
        """Return the version of the course."""
        return self.structure.published_version

    def published_versions(self, course_ids: Any = None) -> list[tuple[str, str]]:
        """Return the one course and its version."""
        return [(self.structure.course_id, self.structure.published_version)]

    def read(self, course_id: str) -> Structure:
        """Return the course."""
        return self.structure


def record(structure: Structure) -> Any:
    """Sync a structure as if it had just been published; return the result."""
    from course_sync_plugin import api

    return api.sync_course(structure.course_id, OneCourse(structure))


@contextmanager
def counted() -> Iterator[list[str]]:
    """Yield a list. When the context ends, it holds the statements that were executed."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    statements: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield statements
    statements.extend(query["sql"] for query in captured.captured_queries)


def queries(statements: list[str]) -> list[str]:
    """Return the statements without those that begin or end a transaction or a savepoint."""
    bounds = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")
    return [statement for statement in statements if not statement.upper().startswith(bounds)]
