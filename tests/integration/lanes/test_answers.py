"""What an answer makes of the problems of its lane: several of them are created and closed at once."""

from __future__ import annotations

import attrs
import pytest

from course_sync_plugin import api
from course_sync_plugin.lanes.claim import claim_lane
from course_sync_plugin.lanes.deliver import LaneTurn
from course_sync_plugin.models import Problem, ProblemState
from course_sync_plugin.testing.faults import Fail, Refuse
from tests.integration.courses import block
from tests.integration.one_lane import let_time_pass, publish, renamed, states, the_lane

pytestmark = pytest.mark.django_db(transaction=True)


def test_all_problems_that_one_envelope_ends_are_closed(shelf, receiver, course):
    """Two refused entities are deleted, with others that had no problem. One of those deletions fails."""
    names = []
    for at in (1, 2):
        names.append(f"unit-1-{at}")
        receiver.faults.append(Fail(entity_id=block("vertical", names[-1])))
        publish(shelf, f"renamed {at}", titles=renamed(*names))
        api.deliver_until_empty()
    assert states() == [("failed", "unit-1-1"), ("failed", "unit-1-2")]
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-2")))
    receiver.requests.clear()
    publish(shelf, "fewer", units=1)
    api.deliver_until_empty()
    assert len(receiver.requests) == 1, "one envelope has all deletions"
    assert states() == [("failed", "unit-0-2")]
    closed = Problem.objects.exclude(state=ProblemState.FAILED)
    assert [(one.state, one.closed_at is None) for one in closed] == [("retried", False)] * 2


@pytest.mark.parametrize("fault", [Refuse(500), Refuse(400)], ids=["no answer", "refused together"])
def test_a_problem_is_open_until_what_ends_it_is_answered(shelf, receiver, course, fault):
    name = "unit-1-2"
    receiver.faults.append(Fail(entity_id=block("vertical", name)))
    publish(shelf, "renamed", titles=renamed(name))
    api.deliver_until_empty()
    receiver.faults.append(attrs.evolve(fault))
    publish(shelf, "fewer", units=1)
    LaneTurn(claim_lane(the_lane().pk), -1).run()  # one request
    assert states() == [("failed", name)]
    let_time_pass()
    api.deliver_until_empty()
    assert states() == []


def test_what_fails_in_the_same_envelope_waits_behind_its_cause(shelf, receiver, course):
    """The receiver refuses a new subsection. So it also refuses, each with its own reason, all that is below it."""
    receiver.faults.append(Fail(entity_id=block("sequential", "subsection-2"), reason="full"))
    new = publish(shelf, "2", sections=3)
    api.deliver_until_empty()
    failed, *parked = Problem.objects.order_by("operation__position")
    assert (failed.state, failed.reason, failed.behind) == ("failed", "full", None)
    assert states() == [("failed", "subsection-2"), *(("parked", f"unit-2-{at}") for at in range(3))]
    assert {one.behind for one in parked} == {failed}
    assert {(one.error_class, one.status) for one in parked} == {("PermanentError", 200)}
    assert all("is not here" in one.reason for one in parked)
    api.retry("crm", operation=str(failed.operation.operation_id))
    api.deliver_until_empty()
    assert (states(), receiver.difference(new), the_lane().due_at) == ([], [], None)
