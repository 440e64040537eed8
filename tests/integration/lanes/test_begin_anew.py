"""A lane that begins anew has the state of a new one; only its sequence goes on."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.lanes.begin_anew import begin_anew
from course_sync_plugin.models import DatabaseNow, Envelope, Lane, Problem, ProblemState
from course_sync_plugin.testing.faults import Fail, Refuse
from tests.integration.courses import block
from tests.integration.one_lane import publish, renamed, the_lane, wait_in_seconds

pytestmark = pytest.mark.django_db

#: What a worker, an operator and a receiver may have left in a lane, and what it becomes.
LEFT = {
    "lease_token": ("theirs", ""),
    "lease_until": (DatabaseNow(60), None),
    "nudged": (True, False),
    "cursor": (7, None),
    "delivered_version": ("1", ""),
    "answered_sequence": (3, 0),
    "closing": (True, False),
    "isolate_size": (2, None),
    "isolate_until": (9, None),
    "urgent": (True, None),
    "last_warning": ("half of it could not be understood", ""),
    "waiting_for": ("exam_level", ""),
    "attempts": (4, 0),
    "failing": (True, False),
    "last_error": ("HTTP 500", ""),
}


@pytest.mark.parametrize("column", LEFT)
def test_nothing_is_left(shelf, receiver, column):
    publish(shelf, "1")
    before, after = LEFT[column]
    Lane.objects.update(**{column: before}, due_at=DatabaseNow(600))
    sequence = the_lane().sequence
    assert begin_anew(Lane.objects.all()) == 1
    lane = the_lane()
    assert getattr(lane, column) == after
    assert lane.sequence == sequence + 1
    assert lane.reset_at is not None
    assert wait_in_seconds(lane) <= 1


def test_its_envelope_goes_and_its_problems_are_closed(shelf, receiver):
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0")))
    publish(shelf, "1")
    api.deliver_until_empty()
    receiver.faults.append(Refuse(503, times=None))
    publish(shelf, "2", titles=renamed("unit-0-1"))
    api.deliver_due()
    assert Envelope.objects.exists()
    assert Problem.objects.filter(state=ProblemState.FAILED).exists()
    begin_anew(Lane.objects.all(), paused=True)
    assert not Envelope.objects.exists()
    assert not Problem.objects.filter(closed_at=None).exists()
    assert the_lane().paused


def test_other_lanes_stay(shelf, receiver):
    publish(shelf, "1")
    api.add_target("other", url=receiver.url, secret=receiver.secret)
    Lane.objects.update(cursor=5)
    assert begin_anew(Lane.objects.filter(pk=the_lane().pk)) == 1
    assert list(Lane.objects.filter(cursor=None).values_list("target__name", flat=True)) == ["crm"]
