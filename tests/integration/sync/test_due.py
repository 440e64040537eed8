"""When courses are synced: after a quiet time or a longest wait; a course that was switched off catches up later."""

from __future__ import annotations

import pytest
from waffle.testutils import override_switch

from course_sync_plugin import api, toggles
from course_sync_plugin.models import Course, DatabaseNow, Lane, Marker, digest_of
from course_sync_plugin.sync.course import Outcome
from course_sync_plugin.sync.due import SHORTEST_WAIT, due_courses, marked_courses, sync_due
from tests.integration.courses import COURSE, a_course, own_queries, recorded

pytestmark = pytest.mark.django_db

OTHER = "course-v1:Org+Course+Other"


@pytest.fixture(autouse=True)
def _clock(settings):
    settings.COURSE_SYNC_QUIET_SECONDS = 5
    settings.COURSE_SYNC_MAX_WAIT_SECONDS = 60


def published(*seconds_ago: float, course: str = COURSE) -> None:
    """Put a marker for each of these times."""
    for seconds in seconds_ago:
        marker = Marker.put(course)
        Marker.objects.filter(pk=marker.pk).update(seen_at=DatabaseNow(-seconds))


def seconds_until(marker: Marker) -> float:
    """Return how many seconds a marker is in the future."""
    now = Marker.objects.annotate(now=DatabaseNow()).values_list("now", flat=True)[0]
    return (marker.seen_at - now).total_seconds()


class TestQuiet:
    @pytest.mark.parametrize(
        ("seconds_ago", "due"),
        [
            ([4], False),
            ([5.1], True),
            ([30, 20, 10], True),
            ([30, 20, 1], False),  # publishes follow one another without a pause,
            ([59, 40, 20, 1], False),
            ([60.1, 40, 20, 1], True),  # but not for more than a minute
            ([0.1] * 182, False),
            ([6] * 182, True),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_a_course_is_due_when_it_is_quiet_but_nobody_waits_for_ever(self, seconds_ago, due):
        published(*seconds_ago)
        assert due_courses() == ([COURSE] if due else [])

    def test_the_longest_waiting_comes_first(self):
        published(20, course=OTHER)
        published(30, 10)
        assert due_courses() == [COURSE, OTHER]

    def test_a_burst_that_goes_on_is_synced_in_between(self, shelf):
        """One sync a minute while publishes follow without a pause, and one sync of the final state."""
        shelf.put(a_course("v1"))
        published(61, 30, 1)
        api.sync_marked()
        assert recorded().published_version == "v1"
        shelf.publish(a_course("v2", units=4))
        assert api.sync_marked() == 5
        assert recorded().published_version == "v1"
        Marker.objects.update(seen_at=DatabaseNow(-6))
        assert api.sync_marked() is None
        assert recorded().published_version == "v2"

    def test_keys_that_differ_by_case_alone_are_two_courses(self):
        published(20, 10)
        published(20, 10, course=COURSE.lower())
        assert sorted(due_courses()) == [COURSE, COURSE.lower()]

    def test_one_query(self, django_assert_num_queries):
        for at in range(300):
            published(10, course=f"course-v1:Org+Course+Run{at}")
        with django_assert_num_queries(1):
            assert len(due_courses()) == 300


def test_what_is_marked_is_told_quiet_or_not_and_each_course_once():
    assert marked_courses() == []
    published(30, 1, course=OTHER)
    published(1, 2, 90)
    assert marked_courses() == sorted([OTHER, COURSE])


def test_a_course_is_read_from_the_source_that_is_handed_over(shelf, settings):
    """All courses of a round use one source; no other is looked up."""
    published(10)
    shelf.put(a_course("v1"))
    settings.COURSE_SYNC_SOURCE = "there.is.none"
    begun = []
    sync_due(COURSE, shelf, begun.append)
    assert recorded().published_version == "v1"
    assert [sync.course_key for sync in begun] == [COURSE]


class TestWhenToLookAgain:
    def test_never_where_nothing_is_marked(self):
        assert api.sync_marked() is None

    @pytest.mark.parametrize(("quiet", "seconds"), [(5, 5), (0.2, SHORTEST_WAIT), (0, SHORTEST_WAIT)])
    def test_when_the_course_may_be_quiet(self, shelf, settings, quiet, seconds):
        shelf.put(a_course("v1"))
        settings.COURSE_SYNC_QUIET_SECONDS = quiet
        published(0)
        Course.objects.create(
            key=COURSE, key_digest=digest_of(COURSE), lease_token="theirs", lease_until="2100-01-01T00:00:00Z"
        )
        assert api.sync_marked() == seconds

    def test_a_course_in_other_hands_is_not_asked_for_all_the_time(self, shelf):
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        Course.objects.update(lease_token="theirs", lease_until="2100-01-01T00:00:00Z")
        shelf.publish(a_course("v2"))
        Marker.objects.update(seen_at=DatabaseNow(-10))
        assert api.sync_marked() >= SHORTEST_WAIT
        assert recorded().published_version == "v1"

    def test_at_once_where_the_time_is_up(self, shelf):
        for key in (COURSE, OTHER):
            shelf.publish(a_course("v1", course=key))
        Marker.objects.update(seen_at=DatabaseNow(-10))
        assert api.sync_marked(seconds=-1) == 0
        assert Marker.objects.count() == 2


class TestStopped:
    def test_publishes_are_noted_and_nothing_else(self, shelf):
        shelf.publish(a_course("v1"))
        Marker.objects.update(seen_at=DatabaseNow(-10))
        with override_switch("course_sync.stopped", active=True):
            self.nothing_is_done(shelf)

    def nothing_is_done(self, shelf):
        assert api.sync_marked() is None
        assert api.sync_course(COURSE).outcome is Outcome.STOPPED
        assert api.sweep().missed == ()
        assert (shelf.reads, Marker.objects.count(), Course.objects.count()) == (0, 1, 0)

    def test_nothing_is_delivered(self, shelf, receiver):
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        with override_switch("course_sync.stopped", active=True):
            assert api.deliver_until_empty().lanes == 0
            assert api.deliver_lane(Lane.objects.get().pk) is None
        assert receiver.requests == []

    def test_switched_off_again_everything_catches_up(self, shelf, receiver):
        shelf.publish(a_course("v1", course=OTHER))
        api.sync_course(OTHER)
        with override_switch("course_sync.stopped", active=True):
            shelf.publish(a_course("v1"))
            shelf.put(a_course("v2", course=OTHER))  # without a marker
            api.sweep()
            api.sync_marked()
        api.sweep()
        Marker.objects.update(seen_at=DatabaseNow(-10))
        api.sync_marked()
        api.deliver_until_empty()
        assert receiver.equals(a_course("v1"))
        assert recorded(OTHER).published_version == "v2"


class TestExcluded:
    @pytest.fixture
    def excluded(self, monkeypatch) -> set[str]:
        class Asked(set):
            times = 0

            def is_excluded(self, course_key: str) -> bool:
                self.times += 1
                return course_key in self

        keys = Asked([COURSE])
        monkeypatch.setattr(toggles, "is_excluded", keys.is_excluded)
        return keys

    def test_it_waits_and_is_not_read(self, shelf, excluded):
        shelf.publish(a_course("v1"))
        Marker.objects.update(seen_at=DatabaseNow(-10))
        assert api.sync_marked() is None
        assert api.sync_course(COURSE).outcome is Outcome.EXCLUDED
        assert (shelf.reads, Marker.objects.count()) == (0, 1)

    def test_the_others_go_on_however_many_wait(self, shelf, excluded):
        """The courses that have waited longest come first, and the excluded ones have waited longest."""
        keys = [f"course-v1:Org+Excluded+Run{at}" for at in range(150)]
        excluded.update(keys)
        for key in keys:
            published(1000, course=key)
        shelf.publish(a_course("v1", course=OTHER))
        Marker.objects.filter(course_key=OTHER).update(seen_at=DatabaseNow(-10))
        assert api.sync_marked() is None
        assert recorded(OTHER).published_version == "v1"

    def test_they_do_not_keep_the_loop_busy(self, shelf, excluded):
        shelf.publish(a_course("v1"))
        Marker.objects.update(seen_at=DatabaseNow(-10))
        api.sync_marked()
        excluded.times = 0
        with own_queries() as queries:
            assert api.sync_marked() is None
        assert (len(queries), excluded.times) == (2, 0)
        assert Marker.objects.count() == 1

    def test_the_sweep_marks_it_once(self, shelf, excluded):
        excluded.clear()
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        excluded.add(COURSE)
        shelf.put(a_course("v2", units=4))
        for _ in range(3):
            api.sweep()
            api.sync_marked()
        assert Marker.objects.count() == 1
        assert recorded().published_version == "v1"

    def test_not_excluded_any_more_it_catches_up(self, shelf, excluded):
        excluded.clear()
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        excluded.add(COURSE)
        shelf.publish(a_course("v2", units=4))
        Marker.objects.update(seen_at=DatabaseNow(-10))
        api.sync_marked()
        excluded.clear()
        assert seconds_until(Marker.objects.get()) == pytest.approx(60, abs=2)
        Marker.objects.update(seen_at=DatabaseNow())
        api.sync_marked()
        assert recorded().published_version == "v1"
        Marker.objects.update(seen_at=DatabaseNow(-5))
        api.sync_marked()
        assert recorded().published_version == "v2"

    def test_a_new_publish_of_one_that_is_not_excluded_any_more_does_not_wait(self, shelf, excluded):
        shelf.publish(a_course("v1"))
        Marker.objects.update(seen_at=DatabaseNow(-10))
        api.sync_marked()
        excluded.clear()
        marker = shelf.publish(a_course("v2")) and Marker.objects.latest("pk")
        Marker.objects.filter(pk=marker.pk).update(seen_at=DatabaseNow(-10))
        api.sync_marked()
        assert recorded().published_version == "v2"
        assert not Marker.objects.exists()
