"""Tests that an author's open transaction and a sync never wait for each other.

On MariaDB, at both isolation levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from django.db import connection, connections

from course_sync_plugin import api
from course_sync_plugin.exceptions import SourceError
from course_sync_plugin.models import Marker
from course_sync_plugin.sync import course, due, record
from course_sync_plugin.sync.course import Outcome
from sandbox.published.source import PublishedSource
from tests.integration.courses import COURSE, a_course
from tests.services.host import publish

OTHER = "course-v1:Org+Other+Run"
INSERT = (
    "INSERT INTO course_sync_marker (course_id, course_key, seen_at) "
    "SELECT SHA2('{key}', 256), '{key}', UTC_TIMESTAMP(6)"
)

pytestmark = [
    pytest.mark.parametrize("database_url", ["mariadb"], indirect=True),
    pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"]),
]


@contextmanager
def an_author(isolation: str) -> Iterator[Any]:
    """Yield the cursor of another connection, in a transaction. A statement that has to wait fails after a second."""
    limit = "SET SESSION innodb_lock_wait_timeout = 1"
    with connection.cursor() as cursor:
        cursor.execute(limit)
        cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(limit)
            cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
            other.set_autocommit(False)
            yield cursor
            other.rollback()
            other.set_autocommit(True)
    finally:
        other.close()
        connection.close()


def publish_three_times() -> None:
    for version in ("v1", "v2", "v3"):
        publish(a_course(version))


def unreadable(*_args: Any) -> None:
    raise SourceError("not now")


@pytest.mark.parametrize("key", [COURSE, OTHER])
class TestAnAuthorWhoHasNotCommitted:
    """The author has inserted a marker, of the same course or of another one."""

    def test_recording_does_not_wait(self, host, isolation, key):
        publish_three_times()
        with an_author(isolation) as author:
            author.execute(INSERT.format(key=key))
            assert api.sync_course(COURSE).outcome is Outcome.RECORDED
        assert not Marker.objects.exists()

    def test_putting_off_does_not_wait(self, host, isolation, key):
        publish_three_times()
        with an_author(isolation) as author, mock.patch.object(PublishedSource, "read", unreadable):
            author.execute(INSERT.format(key=key))
            assert api.sync_course(COURSE).outcome is Outcome.UNREADABLE
        assert Marker.objects.count() == 3

    def test_leaving_out_does_not_wait(self, host, isolation, key):
        publish_three_times()
        with an_author(isolation) as author, mock.patch.object(course.toggles, "is_excluded", return_value=True):
            author.execute(INSERT.format(key=key))
            api.sync_marked()
        assert due.due_courses() == []


class TestTheAuthor:
    @pytest.mark.parametrize("key", [COURSE, OTHER])
    def test_an_insert_does_not_wait_for_the_deletion_of_markers(self, host, isolation, key):
        """Also if another sync has deleted the markers already: then the deletion could lock only a gap."""
        publish_three_times()
        delete_markers = record.delete_markers

        def delete_twice(marker_ids):
            delete_markers(marker_ids)
            delete_markers(marker_ids)
            author.execute(INSERT.format(key=key))

        with an_author(isolation) as author, mock.patch.object(record, "delete_markers", delete_twice):
            assert api.sync_course(COURSE).outcome is Outcome.RECORDED
