"""Tests that prune, authors and syncs never wait for each other. On MariaDB, at both isolation levels."""

from __future__ import annotations

import pytest
from django.db import connections, transaction

from course_sync_plugin import api
from course_sync_plugin.models import JournalOperation, Run, SyncLog
from course_sync_plugin.sync.course import Outcome
from course_sync_plugin.upkeep.prune.tables import Table
from tests.integration.courses import COURSE, a_course
from tests.integration.upkeep.prune.ages import age
from tests.services.host import publish
from tests.services.test_markers import INSERT, OTHER, an_author
from tests.services.test_races import one_thread

ON_MARIADB = [
    pytest.mark.parametrize("database_url", ["mariadb"], indirect=True),
    pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"]),
]


def on_mariadb(test):
    for mark in ON_MARIADB:
        test = mark(test)
    return test


def record(version: str, course: str = COURSE) -> None:
    publish(a_course(version, course=course, titles={"unit-0-0": version}))
    assert api.sync_course(course).outcome is Outcome.RECORDED


@pytest.fixture
def old(host):
    """Two courses with three old runs each, and no lanes."""
    for course in (COURSE, OTHER):
        for version in ("v1", "v2", "v3"):
            record(version, course)
    SyncLog.objects.all().delete()
    age(31)


@on_mariadb
def test_neither_an_author_nor_a_recording_waits_for_a_deletion(old, isolation, monkeypatch):
    """In each transaction that deletes, after its last statement, others write. They would fail after a second."""
    deleted: list[str] = []
    delete = Table.delete

    def recorded_elsewhere() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")
            cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
        for course in (COURSE, OTHER):
            record(f"during {len(deleted)}", course)

    def delete_slowly(table, keys):
        with transaction.atomic():
            number = delete(table, keys)
            deleted.append(table.name)
            author.execute(INSERT.format(key=COURSE))
            with one_thread() as other:
                other.submit(recorded_elsewhere).result()
            return number

    monkeypatch.setattr(Table, "delete", delete_slowly)
    with an_author(isolation) as author:
        rows = api.prune().rows
    assert (rows["operations"], rows["runs"]) == (24, 4)
    assert deleted == ["operations", "runs"]


@on_mariadb
def test_prune_does_not_wait_for_those_who_have_not_committed(old, isolation):
    """An author has inserted a marker, and a recorder a run with its operation."""
    run, operation = Run.objects.latest("pk"), JournalOperation.objects.latest("pk")
    columns = "course_id, kind, published_version, began_at, ended_at, operations_count, incomplete"
    copied = "course_id, position + 100, UUID(), operation, entity_type, entity_id, block_type, fields, previous"
    with an_author(isolation) as other:
        other.execute(INSERT.format(key=COURSE))
        other.execute(
            f"INSERT INTO course_sync_run ({columns}) SELECT {columns.replace('ended_at', 'UTC_TIMESTAMP(6)')}"
            f" FROM course_sync_run WHERE id = {run.pk}"
        )
        other.execute(
            "INSERT INTO course_sync_operation (run_id, course_id, position, operation_id, operation, entity_type,"
            f" entity_id, block_type, fields, previous) SELECT {other.lastrowid},"
            f" {copied.replace('UUID()', 'REPLACE(UUID(), CHAR(45), SPACE(0))')}"
            f" FROM course_sync_operation WHERE id = {operation.pk}"
        )
        rows = api.prune().rows
    assert (rows["operations"], rows["runs"]) == (24, 4)


@pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)
def test_optimize(old, database_url):
    done = api.optimize_tables()
    assert len(done) > 10
    assert {one.error for one in done} == {""}
    assert ("course_sync_marker" in {one.table for one in done}) == database_url.startswith("postgres")


@pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)
def test_the_same_on_every_database(old):
    plan = api.Prune().plan()
    rows = {"attempts": 0, "sync_log": 0, "problems": 0, "operations": 24, "runs": 4, "inbound_events": 0, "jobs": 0}
    assert plan.rows == api.prune().rows == rows
    assert JournalOperation.objects.count() == 2
    assert {one.final for one in api.summaries(days=60)} <= {True}
