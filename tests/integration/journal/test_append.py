"""Appending to a journal: positions without a gap, and the columns of a run. tests/services tests the lock."""

from __future__ import annotations

import pytest

from course_sync_plugin.data import Operation
from course_sync_plugin.journal.append import append, lock
from course_sync_plugin.models import Course, DatabaseNow, JournalOperation, Lane, RunKind, Target, bulk, digest_of
from tests.integration.courses import COURSE, block

pytestmark = pytest.mark.django_db


@pytest.fixture
def course() -> Course:
    Course.objects.create(key="other", key_digest=digest_of("other"), org="Org", last_position=3)
    return Course.objects.create(key=COURSE, key_digest=digest_of(COURSE), org="Org", published_version="v2")


def operations(number: int) -> list[Operation]:
    entities = [block("vertical", str(at)) for at in range(number)]
    return [
        Operation("move", "unit", entity, "vertical", COURSE, at, "elder", previous={"parent_id": "x", "index": at})
        for at, entity in enumerate(entities)
    ]


def test_a_course_is_locked_as_it_is_now(course):
    Course.objects.filter(pk=course.pk).update(last_position=7, published_version="v3")
    locked = lock(course)
    assert (locked.pk, locked.last_position, locked.published_version) == (course.pk, 7, "v3")
    assert dict(Course.objects.values_list("key", "last_position")) == {"other": 3, COURSE: 7}


def test_positions_go_on_where_the_last_run_ended(course):
    first, second = operations(3), operations(2)
    for run in (first, second):
        append(lock(course), run, RunKind.CHANGES)
    rows = list(JournalOperation.objects.order_by("position"))
    assert [row.position for row in rows] == [1, 2, 3, 4, 5]
    assert [row.as_operation() for row in rows] == [*first, *second]
    assert {(row.course_id, row.lane_id) for row in rows} == {(course.pk, None)}
    assert dict(Course.objects.values_list("key", "last_position")) == {"other": 3, COURSE: 5}


def test_the_course_in_hand_is_where_its_journal_is(course):
    append(course, operations(3), RunKind.CHANGES)
    assert course.last_position == 3


@pytest.mark.parametrize("chunk", [1, 2, 3, 500])
def test_chunks_lose_nothing(course, monkeypatch, chunk):
    monkeypatch.setattr(bulk, "ROWS", chunk)
    append(course, operations(5), RunKind.CHANGES)
    assert JournalOperation.objects.count() == 5


@pytest.mark.parametrize(("seconds", "incomplete"), [(0, False), (90, True)])
def test_what_a_run_says_of_itself(course, seconds, incomplete):
    run = append(course, operations(2), RunKind.INITIAL, seconds=seconds, incomplete=incomplete)
    run = type(run).objects.annotate(now=DatabaseNow()).get()
    assert (run.course, run.kind, run.published_version) == (course, RunKind.INITIAL, "v2")
    assert (run.operations_count, run.operations.count(), run.incomplete) == (2, 2, incomplete)
    assert (run.lane, run.target_name) == (None, None)
    assert seconds <= (run.ended_at - run.began_at).total_seconds() < seconds + 30
    assert 0 <= (run.now - run.ended_at).total_seconds() < 30


def test_without_more_said_a_run_is_whole_and_took_no_time(course):
    run = append(course, operations(1), RunKind.CHANGES)
    run.refresh_from_db()
    assert run.incomplete is False
    assert round((run.ended_at - run.began_at).total_seconds()) == 0


def test_a_run_for_one_lane_names_it_and_its_target(course):
    lane = Lane.objects.create(target=Target.objects.create(name="crm", backend="webhook"), course=course)
    run = append(course, operations(2), RunKind.REPAIR, lane=lane)
    run.refresh_from_db()
    assert (run.lane, run.target_name) == (lane, "crm")
    assert set(run.operations.values_list("lane_id", flat=True)) == {lane.pk}
