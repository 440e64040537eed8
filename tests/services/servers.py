"""The services on this machine: whether they are there, and a database of one's own in each."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

HOST = "127.0.0.1"

#: Redis has sixteen databases; those that others use most are left to them.
REDIS_DATABASES = range(15, 2, -1)

#: What says whose a Redis database is.
OWNER = "course-sync-services-test-owner"


def required(service: str, error: Exception) -> None:
    """Skip a test whose service is absent; in CI it fails."""
    reason = f"{service} is not there on {HOST}: {error}"
    pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


def new_name() -> str:
    """Return a name for a database that nobody has."""
    return f"course_sync_services_{uuid.uuid4().hex[:12]}"


@contextmanager
def mariadb(characters: str = "utf8mb4") -> Iterator[str]:
    """Yield the URL of a new, empty database in MariaDB, with that character set."""
    import MySQLdb

    try:
        connection = MySQLdb.connect(host=HOST, user="root", autocommit=True)
    except MySQLdb.Error as error:
        required("MariaDB", error)
    created = f"CHARACTER SET {characters}"
    with _database(lambda statement: connection.cursor().execute(statement), created=created) as name:
        yield f"mysql://root@{HOST}:3306/{name}"
    connection.close()


def old_mariadb() -> Any:
    """Return a database as older sites have it: no character of it has more than three bytes."""
    return mariadb("utf8mb3")


@contextmanager
def postgresql() -> Iterator[str]:
    """Yield the URL of a new, empty database in PostgreSQL."""
    import psycopg

    try:
        connection = psycopg.connect(host=HOST, user="postgres", dbname="postgres", autocommit=True)
    except psycopg.Error as error:
        required("PostgreSQL", error)
    with _database(connection.execute, dropped="WITH (FORCE)") as name:  # whoever is still connected to it
        yield f"postgres://postgres@{HOST}:5432/{name}"
    connection.close()


@contextmanager
def _database(execute: Callable[[str], Any], *, created: str = "", dropped: str = "") -> Iterator[str]:
    """Create a database and drop it afterwards, with those that pytest-django makes of it."""
    name = new_name()
    execute(f"CREATE DATABASE {name} {created}")
    try:
        yield name
    finally:
        for database in (name, f"test_{name}", *(f"test_{name}_gw{number}" for number in range(8))):
            execute(f"DROP DATABASE IF EXISTS {database} {dropped}")


@contextmanager
def redis_broker() -> Iterator[str]:
    """Yield the URL of a Redis database that was empty and is ours."""
    for number in REDIS_DATABASES:
        client = redis.Redis(HOST, db=number)
        try:
            is_ours = not client.dbsize() and client.set(OWNER, os.getpid(), nx=True, ex=3600)
        except redis.ConnectionError as error:
            required("Redis", error)
        if is_ours:
            try:
                yield f"redis://{HOST}:6379/{number}"
            finally:
                client.flushdb()
                client.close()
            return
    pytest.fail("no Redis database is empty")
