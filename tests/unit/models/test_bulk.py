"""Bulk writes use few statements, and no statement is too long."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from course_sync_plugin.models import Course, Entity, Envelope, bulk, digest_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def course() -> Course:
    return Course.objects.create(key="course-v1:O+C+R", key_digest=digest_of("course-v1:O+C+R"), org="O")


@pytest.fixture
def parts(monkeypatch) -> list[int]:
    """Return a list that collects the number of rows of each call that writes."""
    found: list[int] = []
    bulk_create = type(Entity.objects).bulk_create
    monkeypatch.setattr(
        type(Entity.objects),
        "bulk_create",
        lambda self, rows, **options: found.append(len(rows)) or bulk_create(self, rows, **options),
    )
    return found


def entities(course: Course, *titles: str):
    for at, title in enumerate(titles):
        yield Entity(course=course, entity_id=f"id {at}", id_digest=digest_of(f"{at}"), fields={"display_name": title})


@pytest.mark.parametrize(
    ("size", "count", "expected"),
    [
        (1, 0, []),
        (1, 1, [1]),
        (1, bulk.ROWS, [bulk.ROWS]),
        (1, bulk.ROWS + 1, [bulk.ROWS, 1]),
        (bulk.BYTES // 4, 7, [3, 3, 1]),
        (bulk.BYTES, 2, [1, 1]),
    ],
)
def test_parts_are_bounded_by_rows_and_by_bytes(course, parts, size, count, expected):
    bulk.insert(entities(course, *["x" * size] * count))
    assert parts == expected
    assert course.entities.count() == count


@pytest.mark.parametrize("letter", ["x", "ü", "第", "🐝", '"', "\\", "\n"])
def test_bytes_are_those_that_the_database_gets(course, letter):
    """The database gets JSON, in which a non-ASCII character has six or twelve bytes."""
    with CaptureQueriesContext(connection) as queries:
        bulk.insert(entities(course, *[letter * 200_000] * 30))
    # Quotes and backslashes are doubled: by MySQL and MariaDB once. PostgreSQL doubles them twice; it takes 1 GiB.
    doubled = 4 if connection.vendor == "postgresql" else 2
    assert max(len(query["sql"]) for query in queries) < doubled * bulk.BYTES


def test_binary_values_count():
    rows = [Envelope(lane_id=1, body=b"x" * 2**20) for _ in range(8)]
    assert [len(part) for part in bulk._parts(rows)] == [3, 3, 2]


@pytest.mark.parametrize("count", [0, 1, bulk.ROWS, bulk.ROWS + 1])
def test_keys_are_cut(count):
    parts = list(bulk.chunks(range(count)))
    assert [key for part in parts for key in part] == list(range(count))
    assert all(0 < len(part) <= bulk.ROWS for part in parts)
