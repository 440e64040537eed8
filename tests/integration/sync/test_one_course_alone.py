"""A sync changes nothing of other courses, and a sync that is given up leaves its course free."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import SourceError
from course_sync_plugin.models import Course, DatabaseNow, HeldRun, Marker, digest_of
from course_sync_plugin.sync.course import Outcome
from tests.integration.courses import COURSE, a_course, recorded

pytestmark = pytest.mark.django_db

OTHER = "course-v1:Org+Other+Run"


@pytest.fixture
def two(shelf):
    """Two courses of 40 entities each, recorded."""
    for course in (COURSE, OTHER):
        shelf.publish(large("v1", course))
        api.sync_course(course)
    return shelf


def large(version: str, course: str = COURSE, units: int = 37):
    return a_course(version, sections=1, units=units, course=course)


class TestACourseThatCannotBeRead:
    def test_it_alone_is_tried_again_later(self, two):
        two.break_(SourceError("not now"), "v2")
        result = api.sync_course(COURSE)
        assert (result.course_key, result.outcome) == (COURSE, Outcome.UNREADABLE)
        failed = [(one.key, one.attempts, one.last_error) for one in Course.objects.order_by("pk")]
        assert failed == [(COURSE, 1, "not now"), (OTHER, 0, "")]

    def test_it_alone_also_where_even_its_version_cannot_be_read(self, two, monkeypatch):
        """Then the sync has no lease yet."""
        two.publish(large("v2"))

        def fail(course_id):
            raise SourceError("no version now")

        monkeypatch.setattr(two, "published_version", fail)
        assert api.sync_course(COURSE).outcome is Outcome.UNREADABLE
        failed = [(one.key, one.attempts, one.last_error) for one in Course.objects.order_by("pk")]
        assert failed == [(COURSE, 1, "no version now"), (OTHER, 0, "")]

    def test_its_lease_is_given_back(self, two):
        two.break_(SourceError("not now"), "v2")
        api.sync_course(COURSE)
        course = Course.objects.annotate(now=DatabaseNow()).get(key_digest=digest_of(COURSE))
        assert (course.lease_token, course.last_error) == ("", "not now")
        assert 0 <= (course.now - course.lease_until).total_seconds() < 30  # the time of the failure
        assert recorded(OTHER).lease_until is None

    def test_it_has_failed_no_more_once_the_recorded_version_is_published_again(self, two):
        two.break_(SourceError("not now"), "v2")
        api.sync_course(COURSE)
        two.publish(large("v1"))
        result = api.sync_course(COURSE)
        assert (result.course_key, result.outcome, result.published_version) == (COURSE, Outcome.UNCHANGED, "v1")
        assert (recorded().attempts, recorded().last_error) == (0, "")


def test_the_approval_of_another_course_does_not_count(two):
    for course in (COURSE, OTHER):
        two.publish(large("v2", course, units=7))
        assert api.sync_course(course).outcome is Outcome.HELD
    HeldRun.objects.filter(course=recorded(OTHER)).update(approved=True)
    mine = HeldRun.objects.get(course=recorded())
    HeldRun.objects.filter(course=recorded(OTHER)).update(set_digest=mine.set_digest)
    assert api.sync_course(COURSE, reread=True).outcome is Outcome.HELD
    assert recorded().published_version == "v1"


class TestASyncThatIsGivenUp:
    """The process ends while it reads a course: another process may read the course at once."""

    def test_it_records_nothing_and_frees_its_course_alone(self, two, monkeypatch):
        Course.objects.filter(key=OTHER).update(lease_token="of another worker")
        two.publish(large("v2", units=36))
        syncs = []
        read = two.read

        def read_and_give_up(course_id):
            structure = read(course_id)
            syncs[0].give_up()
            assert recorded().lease_token == ""
            return structure

        monkeypatch.setattr(two, "read", read_and_give_up)
        assert api.sync_course(COURSE, two, begun=syncs.append).outcome is Outcome.BUSY
        assert (recorded().published_version, recorded().lease_until) == ("v1", None)
        assert recorded(OTHER).lease_token == "of another worker"
        assert Marker.objects.count() == 1

    def test_one_that_another_worker_took_over_is_left_to_it(self, two, monkeypatch):
        two.publish(large("v2", units=36))
        syncs = []
        read = two.read

        def read_and_lose(course_id):
            Course.objects.filter(key=COURSE).update(lease_token="of another worker")
            syncs[0].give_up()
            return read(course_id)

        monkeypatch.setattr(two, "read", read_and_lose)
        assert api.sync_course(COURSE, two, begun=syncs.append).outcome is Outcome.BUSY
        assert recorded().lease_token == "of another worker"

    def test_before_it_has_the_lease_nothing_happens(self, two):
        Course.objects.filter(key=COURSE).update(lease_token="of another worker")
        two.publish(large("v2", units=36))
        assert api.sync_course(COURSE, two, begun=lambda sync: sync.give_up()).outcome is Outcome.BUSY
        assert recorded().lease_token == "of another worker"


class TestThePlanOfASync:
    @pytest.mark.parametrize(("units", "outcome"), [(37, Outcome.UNCHANGED), (36, Outcome.RECORDED), (7, Outcome.HELD)])
    def test_its_outcome_is_that_of_the_sync(self, two, units, outcome):
        two.publish(large("v2", units=units))
        plan = api.plan_sync(COURSE)
        assert plan.result.outcome is outcome
        result = api.sync_course(COURSE)
        assert (result.outcome, len(result.operations)) == (outcome, len(plan.result.operations))

    def test_an_approved_run_is_planned_as_one_that_is_recorded(self, two):
        two.publish(large("v2", units=7))
        api.sync_course(COURSE)
        HeldRun.objects.update(approved=True)
        assert api.plan_sync(COURSE).result.outcome is Outcome.RECORDED

    def test_what_a_source_raises_is_logged_with_the_course(self, two, caplog):
        two.break_(ZeroDivisionError("a bug of a source"), "v2")
        assert api.plan_sync(COURSE).result.error == "ZeroDivisionError: a bug of a source"
        (line,) = [one for one in caplog.records if one.exc_info]
        assert line.getMessage() == f"course_sync: course {COURSE} could not be planned"
