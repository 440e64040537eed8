"""The journal taken back: a course as it was at each position and time, and what is said once rows were pruned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Min

from course_sync_plugin import api
from course_sync_plugin.diff.reverse import CannotReverse
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.journal.past import as_of, known_since, position_at
from course_sync_plugin.models import JournalOperation, Run
from tests.integration.courses import COURSE, a_course, approve, block, moved_into, recorded
from tests.integration.one_lane import publish, renamed

pytestmark = pytest.mark.django_db

OTHER = "course-v1:Org+Other+Run"
BEGIN = datetime(2026, 2, 3, 12, tzinfo=UTC)


@pytest.fixture
def versions(shelf):
    """Record five versions, one an hour; the fourth deletes, and the fifth moves. Another course is recorded too."""
    another_course(shelf, "1")
    found = [
        publish(shelf, "1"),
        publish(shelf, "2", titles=renamed("unit-0-0")),
        publish(shelf, "3", titles=renamed("unit-0-0", "unit-0-1"), sections=3),
        publish(shelf, "4", titles=renamed("unit-0-1"), units=2),
    ]
    units = [block("vertical", name) for name in ("unit-1-1", "unit-0-0", "unit-0-1", "unit-1-0")]
    another_course(shelf, "2", units=2)
    found.append(shelf.publish(moved_into(found[-1], "5", block("sequential", "subsection-1"), units)))
    api.sync_course(COURSE)
    for at, run in enumerate(Run.objects.filter(course=recorded()).order_by("pk")):
        Run.objects.filter(pk=run.pk).update(ended_at=BEGIN + timedelta(hours=at))
    return found


def another_course(shelf, version: str, **changes: int) -> None:
    shelf.publish(a_course(version, course=OTHER, **changes))
    api.sync_course(OTHER)
    Run.objects.filter(course=recorded(OTHER)).update(ended_at=BEGIN + timedelta(hours=3, minutes=30))


def prune(version: str) -> None:
    JournalOperation.objects.filter(course=recorded(), run__published_version=version).delete()


def test_the_course_at_each_time(versions):
    course = recorded()
    assert len(as_of(course, stored_structure(course), position_at(course, BEGIN - timedelta(minutes=1)))) == 0
    for at, version in enumerate(versions):
        then = as_of(course, stored_structure(course), position_at(course, BEGIN + timedelta(hours=at, minutes=59)))
        assert then.same_course_as(version), version.published_version
    assert known_since(course) is None


def test_in_the_middle_of_a_run(versions):
    """Only its first operations count: here the first three creates of the first run."""
    assert list(as_of(recorded(), stored_structure(recorded()), 3).entities) == list(versions[0].entities)[:3]


def test_a_deleted_course_is_still_there_in_the_past(shelf, versions):
    shelf.delete()
    api.sync_course(COURSE)
    approve()
    course = recorded()
    assert len(as_of(course, stored_structure(course), course.last_position)) == 0
    assert as_of(course, stored_structure(course), position_at(course, BEGIN + timedelta(hours=4))).same_course_as(
        versions[4]
    )


def test_what_was_pruned_cannot_be_shown(versions):
    prune("1")
    prune("2")
    course = recorded()
    assert known_since(course) == BEGIN + timedelta(hours=2)
    first = JournalOperation.objects.filter(course=course).aggregate(first=Min("position"))["first"]
    assert as_of(course, stored_structure(course), first - 1).same_course_as(versions[1])
    with pytest.raises(CannotReverse, match="operations since then were pruned"):
        as_of(course, stored_structure(course), 3)


@pytest.mark.parametrize("pruned", [1, 3])
def test_half_a_run_is_not_taken_back(versions, pruned):
    """A target has the first three operations of the first run, and the first of these are pruned."""
    JournalOperation.objects.filter(course=recorded(), position__lte=pruned).delete()
    with pytest.raises(CannotReverse, match="operations since then were pruned"):
        as_of(recorded(), stored_structure(recorded()), 3)


def test_a_gap_in_the_middle_counts_as_pruned(versions):
    prune("2")
    assert known_since(recorded()) == BEGIN + timedelta(hours=2)


def test_only_the_very_first_operation_is_pruned(versions):
    JournalOperation.objects.filter(course=recorded(), position=1).delete()
    assert known_since(recorded()) == BEGIN


def test_what_was_recorded_for_one_lane_does_not_count(versions, receiver):
    """A snapshot is no change of the course. It is not taken back."""
    before = recorded().last_position
    api.deliver_until_empty()
    api.reset("crm")
    api.deliver_until_empty()
    course = recorded()
    assert course.last_position > before
    assert as_of(course, stored_structure(course), before).same_course_as(versions[4])
    assert as_of(course, stored_structure(course), position_at(course, BEGIN)).same_course_as(versions[0])


def test_if_all_is_pruned_only_now_is_known(versions):
    JournalOperation.objects.all().delete()
    course = recorded()
    assert known_since(course) == BEGIN + timedelta(hours=4)
    assert as_of(course, stored_structure(course), course.last_position).same_course_as(versions[4])
