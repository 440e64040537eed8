"""The services on this machine: finds them, and makes a new database in each for a test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

HOST = "127.0.0.1"

#: Redis has sixteen databases. The first ones are not used here, because other programs use them most.
REDIS_DATABASES = range(15, 2, -1)

#: The key that marks a Redis database as used by a test.
OWNER = "course-sync-services-test-owner"


def required(service: str, error: Exception) -> None:
    """Skip a test if its service is absent; in CI, fail it."""
    reason = f"{service} is not there on {HOST}: {error}"
    pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


def new_name() -> str:
    """Return a new name for a database."""
    return f"course_sync_services_{uuid.uuid4().hex[:12]}"


@contextmanager
def mariadb(characters: str = "utf8mb4") -> Iterator[str]:
    """Yield the URL of a new, empty database in MariaDB with this character set."""
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
    """Return a database as older sites have it: a character has at most three bytes."""
    return mariadb("utf8mb3")


@contextmanager
def postgresql() -> Iterator[str]:
    """Yield the URL of a new, empty database in PostgreSQL."""
    import psycopg

    try:
        connection = psycopg.connect(host=HOST, user="postgres", dbname="postgres", autocommit=True)
    except psycopg.Error as error:
        required("PostgreSQL", error)
    with _database(connection.execute, dropped="WITH (FORCE)") as name:  # closes connections that are still open
        yield f"postgres://postgres@{HOST}:5432/{name}"
    connection.close()


@contextmanager
def _database(execute: Callable[[str], Any], *, created: str = "", dropped: str = "") -> Iterator[str]:
    """Create a database. Drop it afterwards, together with the test databases that pytest-django derives from it."""
    name = new_name()
    execute(f"CREATE DATABASE {name} {created}")
    try:
        yield name
    finally:
        for database in (name, f"test_{name}", *(f"test_{name}_gw{number}" for number in range(8))):
            execute(f"DROP DATABASE IF EXISTS {database} {dropped}")


@contextmanager
def redis_broker() -> Iterator[str]:
    """Yield the URL of an empty Redis database, reserved for this test."""
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
