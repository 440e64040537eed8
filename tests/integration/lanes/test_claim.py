"""Due lanes, claims, waking lanes, and missing lanes."""

from __future__ import annotations

from typing import Any

import pytest

from course_sync_plugin.lanes.claim import (
    claim_lane,
    claimable,
    claimed_lane,
    due_lane_ids,
    due_lanes,
    lane_ids_to_begin,
    lanes_to_begin,
    may_go_on,
    sleep,
)
from course_sync_plugin.lanes.due import make_lanes, make_missing_lanes, missing_lanes, nudge, wake_lanes
from course_sync_plugin.lanes.priority import rank
from course_sync_plugin.models import Course, DatabaseNow, Envelope, Lane, Subscription, Target, digest_of

pytestmark = pytest.mark.django_db

HELD = {"lease_token": "somebody", "lease_until": DatabaseNow(30)}
LOST = {"lease_token": "somebody", "lease_until": DatabaseNow(-1)}


def a_course(name: str, **values: Any) -> Course:
    key = f"course-v1:Org+{name}+Run"
    return Course.objects.create(key=key, key_digest=digest_of(key), org="Org", **values)


def a_target(name: str, org: str = "", **values: Any) -> Target:
    """Create a target for every course, or for those of one organisation."""
    target = Target.objects.create(name=name, backend="webhook", **values)
    if org:
        Subscription.objects.create(target=target, org=org)
    return target


def a_lane(target: Target, course: Course, seconds: float | None = -1, **values: Any) -> Lane:
    """Create a lane that is due in ``seconds``; None means that it has no due time."""
    due_at = None if seconds is None else DatabaseNow(seconds)
    return Lane.objects.create(target=target, course=course, due_at=due_at, **values)


@pytest.fixture
def course() -> Course:
    return a_course("Course", last_position=7, published_version="v")


@pytest.fixture
def target() -> Target:
    return a_target("crm")


def now(lane: Lane) -> Lane:
    return Lane.objects.get(pk=lane.pk)


class TestWhoMayTakeIt:
    @pytest.mark.parametrize("values", [{}, LOST], ids=["free", "a dead worker's"])
    def test_a_lane_that_is_due(self, target, course, values):
        lane = a_lane(target, course, **values)
        assert (list(claimable()), due_lane_ids()) == ([lane], [lane.pk])
        taken = claim_lane(lane.pk)
        assert (taken.pk, taken.lease_token) == (lane.pk, now(lane).lease_token)
        assert taken.lease_token not in ("", "somebody")
        assert (list(claimable()), due_lane_ids(), claim_lane(lane.pk)) == ([], [], None)

    def test_one_is_taken_and_the_others_are_left(self, target, course, django_assert_num_queries):
        lane, other = a_lane(target, course), a_lane(target, a_course("Other"))
        taken = claim_lane(lane.pk)
        assert (now(other).lease_token, due_lane_ids()) == ("", [other.pk])
        with django_assert_num_queries(0):
            assert (taken.target, taken.course) == (target, course)

    def test_only_who_holds_the_lease_finds_it(self, target, course):
        lane = claim_lane(a_lane(target, course).pk)
        assert claimed_lane(lane.pk, lane.lease_token) == lane
        assert claimed_lane(lane.pk, "another") is None

    @pytest.mark.parametrize("values", [{"failing": True}, {"paused": True}, HELD], ids=["failing", "paused", "held"])
    def test_not_one_that_nobody_may_work_on(self, target, course, values):
        lane = a_lane(target, course, **values)
        assert (list(claimable()), due_lane_ids(), claim_lane(lane.pk)) == ([], [], None)

    @pytest.mark.parametrize("values", [{"paused": True}, {"disabled_reason": "gone"}])
    def test_not_one_of_a_target_that_stands_still(self, target, course, values):
        lane = a_lane(target, course)
        Target.objects.update(**values)
        assert (list(claimable()), due_lane_ids(), claim_lane(lane.pk)) == ([], [], None)

    @pytest.mark.parametrize("seconds", [None, 30])
    def test_not_one_that_is_not_due(self, target, course, seconds):
        lane = a_lane(target, course, seconds)
        assert (list(claimable()), due_lane_ids(), claim_lane(lane.pk)) == ([lane], [], None)
        assert now(lane).lease_token == ""

    @pytest.mark.parametrize(("values", "has_envelope", "attempts"), [({}, True, 2), (LOST, True, 3), (LOST, False, 2)])
    def test_a_worker_that_died_of_an_envelope_costs_an_attempt(self, target, course, values, has_envelope, attempts):
        lane = a_lane(target, course, attempts=2, **values)
        if has_envelope:
            Envelope.objects.create(lane=lane, message_id="1", sequence=1, last=1, body=b"{}")
        assert claim_lane(lane.pk).attempts == attempts

    @pytest.mark.parametrize(
        ("of", "values"),
        [
            (Lane, {"failing": True}),
            (Lane, {"paused": True}),
            (Target, {"paused": True}),
            (Target, {"disabled_reason": "gone"}),
        ],
    )
    def test_whoever_stops_it_stops_a_turn(self, target, course, of, values):
        lane = claim_lane(a_lane(target, course).pk)
        assert may_go_on(lane)
        of.objects.update(**values)
        assert not may_go_on(lane)


def test_the_longest_waiting_first_and_one_of_each_target_in_turn(target):
    courses, other = [a_course(str(at)) for at in range(3)], a_target("other")
    later, longest = a_lane(other, courses[0], -10), a_lane(other, courses[1], -70)
    third, first, second = (a_lane(target, one, seconds) for one, seconds in zip(courses, (-40, -60, -50)))
    assert due_lane_ids() == [longest.pk, first.pk, second.pk, later.pk, third.pk]
    assert due_lanes(3) == [(longest.pk, other.pk), (first.pk, target.pk), (second.pk, target.pk)]
    assert due_lane_ids(2) == [longest.pk, first.pk]
    assert len(due_lane_ids(None)) == 5


def test_a_publish_before_a_course_that_the_target_does_not_have_yet(target):
    """Lanes that a backfill or a new target makes due do not delay an author's publish, however long they wait."""
    courses, other = [a_course(str(at)) for at in range(4)], a_target("other")
    first_fills = [a_lane(target, one, seconds) for one, seconds in zip(courses[:2], (-600, -900))]
    publishes = [a_lane(target, one, seconds, delivered_version="v") for one, seconds in zip(courses[2:], (-1, -2))]
    others = a_lane(other, courses[0], -700)
    expected = [publishes[1], others, publishes[0], first_fills[1], first_fills[0]]
    assert due_lane_ids() == [lane.pk for lane in expected]
    assert due_lane_ids(1) == [publishes[1].pk]


def test_raised_then_urgent_then_a_publish_then_a_first_fill(target):
    """Whatever their due times are. A first fill is not urgent: at this target no learner sees the course."""
    there = {"delivered_version": "v"}
    ranks = [
        {"raised": True},
        {**there, "urgent": True},
        {**there, "urgent": False, "raised": False},
        {"urgent": True},
    ]
    lanes = [a_lane(target, a_course(str(at)), -1 - at, **values) for at, values in enumerate(ranks)]
    assert due_lane_ids() == [lane.pk for lane in lanes]
    assert list(Lane.objects.annotate(rank=rank()).order_by("pk").values_list("rank", flat=True)) == [0, 1, 2, 3]
    other = a_lane(a_target("other"), lanes[3].course, -1)
    assert due_lane_ids(2) == [lanes[0].pk, other.pk], "one of each target in turn"


def test_what_is_raised_or_urgent_and_waits_holds_up_nobody(target):
    a_lane(target, a_course("1"), 30, raised=True, urgent=True)
    other = a_lane(target, a_course("2"))
    assert due_lane_ids() == [other.pk]


class TestLanesAtOnce:
    """The option ``parallel_lanes``."""

    @pytest.fixture
    def lanes(self) -> list[Lane]:
        target = a_target("limited", options={"parallel_lanes": 2})
        return [a_lane(target, a_course(str(at)), -at) for at in range(5)]

    def test_as_many_as_the_target_may_have(self, lanes):
        taken = [claim_lane(lane.pk) for lane in lanes]
        assert [lane is not None for lane in taken] == [True, True, False, False, False]
        assert [lane.lease_token == now(lane).lease_token for lane in taken[:2]] == [True, True]
        assert {now(lane).lease_token for lane in lanes[2:]} == {""}

    def test_the_next_when_one_is_over(self, lanes):
        first, _second = claim_lane(lanes[0].pk), claim_lane(lanes[1].pk)
        assert sleep(first)
        assert claim_lane(lanes[2].pk)
        assert claim_lane(lanes[3].pk) is None

    def test_a_dead_worker_does_not_count(self, lanes):
        Lane.objects.filter(pk__in=[lane.pk for lane in lanes[:3]]).update(**LOST)
        assert claim_lane(lanes[4].pk)

    def test_only_those_that_have_room_are_begun(self, lanes):
        assert len(due_lanes()) == 5
        assert lane_ids_to_begin() == [lanes[4].pk, lanes[3].pk]
        claim_lane(lanes[4].pk)
        assert lane_ids_to_begin() == [lanes[3].pk]
        other = a_lane(a_target("other"), lanes[0].course)
        claim_lane(lanes[3].pk)
        assert lane_ids_to_begin(1) == [other.pk], "the full target does not hide the others"

    @pytest.mark.parametrize("options", [{}, {"parallel_lanes": "2"}, {"parallel_lanes": 0}], ids=str)
    def test_no_limit(self, lanes, options):
        Target.objects.update(options=options)
        assert all(claim_lane(lane.pk) for lane in lanes)


def test_a_hundred_unless_it_is_said_otherwise(target):
    courses = [a_course(str(at)) for at in range(101)]
    Lane.objects.bulk_create(Lane(target=target, course=one, due_at=DatabaseNow(-1)) for one in courses)
    assert (len(due_lanes()), len(due_lane_ids()), len(due_lanes(None))) == (100, 100, 101)
    assert (len(lanes_to_begin()), len(lane_ids_to_begin()), len(lane_ids_to_begin(101))) == (100, 100, 101)


class TestFallingAsleep:
    def test_it_is_given_back_and_forgets_its_attempts(self, target, course):
        lane = claim_lane(a_lane(target, course, attempts=3, last_error="no").pk)
        assert sleep(lane, delivered_version="v2", waiting_for="level")
        lane = now(lane)
        assert (lane.lease_token, lane.lease_until, lane.due_at) == ("", None, None)
        assert (lane.attempts, lane.last_error, lane.delivered_version, lane.waiting_for) == (0, "", "v2", "level")

    @pytest.mark.parametrize("values", [{"end": 8}, {"nudged": True}, {"lease_token": "another"}])
    def test_not_where_something_has_come_up(self, target, course, values):
        lane = claim_lane(a_lane(target, course, end=7, attempts=3).pk)
        Lane.objects.update(**values)
        before = now(lane)
        assert not sleep(lane, delivered_version="v2")
        after = now(lane)
        assert (after.lease_token, after.attempts) == (before.lease_token, 3)
        assert (after.due_at, after.delivered_version) == (before.due_at, "")

    def test_other_lanes_stay_awake(self, target, course):
        other = a_lane(a_target("other"), course)
        assert sleep(claim_lane(a_lane(target, course).pk))
        assert now(other).due_at is not None


class TestMakingDue:
    def test_a_run_makes_the_lanes_of_its_course_due(self, target, course):
        sleeping, other = a_lane(target, course, None), a_lane(target, a_course("Other"), None)
        wake_lanes(course)
        assert due_lane_ids() == [sleeping.pk]
        assert (now(sleeping).end, now(other).end, bool(now(sleeping).urgent)) == (7, 0, False)

    def test_one_that_waits_keeps_its_due_time(self, target, course):
        waiting = a_lane(target, course, 30)
        before = now(waiting).due_at
        wake_lanes(course)
        assert (now(waiting).due_at, now(waiting).end, due_lane_ids()) == (before, 7, [])

    def test_an_urgent_run_marks_its_lanes_until_they_sleep(self, target, course):
        lane = a_lane(target, course, None)
        wake_lanes(course, urgent=True)
        wake_lanes(course)
        assert now(lane).urgent is True
        assert sleep(claim_lane(lane.pk), urgent=False)
        assert now(lane).urgent is False

    def test_lanes_that_are_missing_are_made(self, target, course):
        a_target("nobody", "Another")
        a_target("gone", disabled_reason="gone")
        wake_lanes(course)
        (lane,) = Lane.objects.all()
        assert (lane.target, lane.course, lane.end, lane.cursor, due_lane_ids()) == (target, course, 7, None, [lane.pk])
        assert int(lane.created_at.timestamp() * 1000) == lane.sequence

    def test_the_queries_do_not_grow_with_the_targets(self, target, course, django_assert_max_num_queries):
        for at in range(5):
            a_target(f"{at}", "Org")
        with django_assert_max_num_queries(6):
            wake_lanes(course)
        assert Lane.objects.count() == 6

    def test_a_nudge_starts_anew(self, target, course):
        of_attempts = {"attempts": 3, "failing": True, "stopped_by_target": True, "retrying_since": DatabaseNow()}
        texts = {"last_error": "no", "error_class": "TransientError", "last_warning": "odd", "waiting_for": "level"}
        lane = a_lane(target, course, 30, **of_attempts, **texts)
        other = a_lane(target, a_course("Other"), None)
        nudge(Lane.objects.filter(pk=lane.pk))
        lane = now(lane)
        assert due_lane_ids() == [lane.pk]
        assert [lane.nudged, lane.attempts, lane.failing] == [True, 0, False]
        assert [lane.stopped_by_target, lane.retrying_since] == [None, None]
        assert {name: getattr(lane, name) for name in texts} == dict.fromkeys(texts, "")
        assert not now(other).nudged


class TestMissingLanes:
    def test_those_that_targets_want_of_recorded_courses(self, target, course):
        a_course("Unrecorded")
        other, of_org = a_course("Other", published_version="v"), a_target("of org", "Org")
        a_target("nobody", "Another")
        there = a_lane(target, other, None)
        assert make_missing_lanes(Course.objects.all()) == 3
        pairs = {(target, course), (of_org, course), (of_org, other)}
        assert {(lane.target, lane.course) for lane in Lane.objects.exclude(pk=there.pk)} == pairs
        assert make_missing_lanes(Course.objects.all()) == 0
        assert now(there).due_at is None

    def test_only_lanes_that_are_asked_about_count(self, target, course):
        a_lane(target, course)
        assert missing_lanes([target], [course], Lane.objects.all()) == []
        assert missing_lanes([target], [course], Lane.objects.none()) == [(target, course)]

    def test_one_that_is_there_stays_as_it_is(self, target, course):
        lane = a_lane(target, course, None, sequence=42)
        make_lanes([(target, course)])
        assert (Lane.objects.get().pk, now(lane).sequence, now(lane).due_at) == (lane.pk, 42, None)

    def test_sequences_begin_with_the_milliseconds_of_the_database(self, target, course):
        make_lanes(iter([(target, course)]))
        lane = Lane.objects.annotate(now=DatabaseNow()).get()
        assert 0 <= lane.now.timestamp() * 1000 - lane.sequence < 60_000
        assert (lane.end, lane.due_at <= lane.now) == (7, True)

    def test_none_are_wanted(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            make_lanes([])
