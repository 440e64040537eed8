"""Tests ``journal.append.lock``: the second writer of a journal waits, and continues after the first one's end."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection, transaction

from course_sync_plugin.data import Operation
from course_sync_plugin.journal import append as journal
from course_sync_plugin.models import Course, JournalOperation, RunKind, digest_of
from tests.integration.courses import COURSE, block
from tests.services.test_races import one_thread

pytestmark = pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)

OTHER = "course-v1:Org+Other+Run"

#: The statement that limits the wait for a locked row; after this many seconds the waiting statement fails.
PATIENCE = {
    "mysql": "SET SESSION innodb_lock_wait_timeout = {seconds}",
    "postgresql": "SET lock_timeout = '{seconds}s'",
}


@pytest.fixture
def course(host) -> Course:
    for key in (COURSE, OTHER):
        Course.objects.create(key=key, key_digest=digest_of(key), org="Org")
    return Course.objects.get(key=COURSE)


def append(course: Course, number: int) -> None:
    """Append ``number`` operations, inside the transaction that holds the lock."""
    title = {"display_name": "Title"}
    operations = [
        Operation("update", "unit", block("vertical", str(at)), "vertical", fields=title) for at in range(number)
    ]
    journal.append(course, operations, RunKind.CHANGES)


def lock(course: Course, seconds: int) -> Course:
    """Lock the course's journal; wait for the lock at most this many seconds."""
    with connection.cursor() as cursor:
        cursor.execute(PATIENCE[connection.vendor].format(seconds=seconds))
    with transaction.atomic():
        return journal.lock(course)


class TestTheLock:
    def test_the_second_waits_for_the_first(self, course):
        with one_thread() as other, transaction.atomic():
            journal.lock(course)
            with pytest.raises(OperationalError, match=r"(?i)lock"):
                other.submit(lock, course, 1).result()
        with one_thread() as other:
            assert other.submit(lock, course, 30).result() == course

    def test_it_is_held_until_the_transaction_ends(self, course):
        """The lock does not end when it is taken, nor when the first operation is written."""
        with one_thread() as other, transaction.atomic():
            append(journal.lock(course), 1)
            with pytest.raises(OperationalError, match=r"(?i)lock"):
                other.submit(lock, course, 1).result()

    def test_another_course_is_not_locked(self, course):
        with one_thread() as other, transaction.atomic():
            journal.lock(course)
            assert other.submit(lock, Course.objects.get(key=OTHER), 30).result().key == OTHER

    def test_the_course_is_returned_as_it_is_now_and_not_as_it_was_read(self, course):
        with transaction.atomic():
            append(journal.lock(course), 3)
        assert course.last_position == 0
        with transaction.atomic():
            locked = journal.lock(course)
            assert locked.last_position == 3
            append(locked, 2)
        assert Course.objects.get(key=COURSE).last_position == 5

    def test_many_at_once_leave_an_unbroken_journal(self, course):
        """Each writer appends ten runs of one to three operations."""

        def work() -> None:
            for at in range(10):
                with transaction.atomic():
                    append(journal.lock(course), at % 3 + 1)

        with one_thread() as one, one_thread() as two, one_thread() as three:
            for working in [pool.submit(work) for pool in (one, two, three)]:
                working.result()
        positions = JournalOperation.objects.order_by("position").values_list("position", flat=True)
        assert list(positions) == list(range(1, 3 * 19 + 1))
        assert Course.objects.get(key=COURSE).last_position == 3 * 19
