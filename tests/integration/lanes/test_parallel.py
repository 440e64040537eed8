"""``parallel_lanes``: which claims count, and which due lanes can be begun."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.lanes.claim import claim_lane, due_lanes, lane_ids_to_begin, lanes_to_begin
from course_sync_plugin.models import DatabaseNow, Lane, Target
from tests.integration.courses import COURSE, a_course

pytestmark = pytest.mark.django_db

COURSES = [COURSE, *(f"course-v1:Org+C{number}+Run" for number in range(3))]


@pytest.fixture
def lanes(shelf, receiver) -> list[int]:
    """Four due lanes of ``crm``, which has room for two, and as many of ``other``, which has no limit."""
    api.add_target("other", url=receiver.url, secret=receiver.secret)
    Target.objects.filter(name="crm").update(options={"parallel_lanes": 2})
    for course in COURSES:
        shelf.publish(a_course("1", course=course))
        api.sync_course(course)
    return of("crm")


def of(target: str) -> list[int]:
    return list(Lane.objects.filter(target__name=target).order_by("pk").values_list("pk", flat=True))


def held(lane_id: int, *, seconds: float = 60, token: str = "theirs") -> None:
    """Let another worker hold a lane, or have held it."""
    Lane.objects.filter(pk=lane_id).update(lease_token=token, lease_until=DatabaseNow(seconds))


def to_begin(target: str) -> list[int]:
    return [lane_id for lane_id in lane_ids_to_begin() if lane_id in of(target)]


def test_as_many_as_there_is_room_for(lanes):
    assert (len(to_begin("crm")), len(to_begin("other"))) == (2, 4)
    held(lanes[0])
    assert len(to_begin("crm")) == 1
    held(lanes[1])
    assert (to_begin("crm"), len(to_begin("other"))) == ([], 4)


def test_lanes_of_another_target_take_no_room(lanes):
    for lane_id in of("other")[:3]:
        held(lane_id, token="0")  # it was claimed before
    assert len(to_begin("crm")) == 2
    assert claim_lane(lanes[0])


@pytest.mark.parametrize("leftover", [{"seconds": -1}, {"token": ""}])
def test_a_lease_that_is_over_takes_no_room(lanes, leftover):
    for lane_id in lanes[:2]:
        held(lane_id, **leftover)
    assert len(to_begin("crm")) == 2
    assert claim_lane(lanes[2])


def test_a_claim_beyond_the_limit_is_given_back(lanes):
    assert claim_lane(lanes[0])
    assert claim_lane(lanes[1])
    assert claim_lane(lanes[2]) is None
    assert Lane.objects.get(pk=lanes[2]).lease_token == ""


def test_without_a_limit_all_can_be_begun(lanes):
    Target.objects.update(options={})
    assert lanes_to_begin() == due_lanes()
    assert len(lanes_to_begin()) == 8
    assert lanes_to_begin(3) == due_lanes()[:3]
    assert lane_ids_to_begin(3) == [lane_id for lane_id, _target_id in lanes_to_begin(3)]
