"""``reset`` forgets what a target has. Its receiver ends equal to the course, whatever it had before."""

from __future__ import annotations

import json

import pytest

from course_sync_plugin import api
from course_sync_plugin.data import Operation
from course_sync_plugin.lanes.claim import claim_lane
from course_sync_plugin.lanes.deliver import LaneTurn
from course_sync_plugin.models import DatabaseNow, Envelope, Lane, OperatorAction, Problem, ProblemState
from course_sync_plugin.testing.faults import Fail, Refuse
from tests.integration.courses import COURSE, a_course, block, exit_status
from tests.integration.one_lane import publish, the_lane

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "course-v1:Org+Course+Other"


@pytest.fixture
def delivered(shelf, receiver):
    """Deliver a course to the receiver."""
    structure = publish(shelf, "v1")
    api.deliver_until_empty()
    assert receiver.equals(structure)
    return structure


def spoil(receiver) -> None:
    """Let the receiver have a unit that is not in the course, another title, and lack a unit."""
    replica = receiver.replica(COURSE)
    unit = Operation("create", "unit", block("vertical", "stale"), "vertical", block("sequential", "subsection-0"), 0)
    replica.apply(unit)
    gone = block("vertical", "unit-1-2")
    replica.apply(Operation("delete", "unit", gone, "vertical"))
    changed = {"fields": {"display_name": "spoilt"}, "previous": {"display_name": "unit-0-0"}}
    replica.apply(Operation("update", "unit", block("vertical", "unit-0-0"), "vertical", **changed))


@pytest.mark.parametrize("limit", [100, 3], ids=["one envelope", "many envelopes"])
@pytest.mark.parametrize("later", [False, True], ids=["initial run alone", "changes came after it"])
def test_the_receiver_ends_equal_to_the_course(shelf, receiver, delivered, settings, limit, later):
    settings.COURSE_SYNC_ENVELOPE_OPERATIONS = limit
    course = delivered
    if later:
        course = publish(shelf, "v2", units=4)
        api.deliver_until_empty()
    spoil(receiver)
    assert len(receiver.difference(course)) >= 3
    before = the_lane()
    done = api.reset_shown("crm", api.reset_plan("crm").token)
    assert (done.lanes, done.entities, done.error) == (1, len(course), "")
    api.deliver_until_empty()
    assert receiver.difference(course) == []
    assert receiver.violations == []
    first = next(one["data"] for one in receiver.messages if one["data"]["sequence"] > before.sequence)
    assert (first["mode"], first["previous_sequence"]) == ("snapshot", 0)
    assert api.status()["courses"][0]["lanes"][0]["state"] == "in step"
    publish(shelf, "v3", units=2)
    api.deliver_until_empty()
    assert receiver.equals(a_course("v3", units=2))
    assert receiver.violations == []


def test_a_snapshot_that_was_under_way_begins_anew(shelf, receiver, delivered, settings):
    """What its first part named may have been deleted meanwhile."""
    settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 4
    api.reset("crm")
    lane = claim_lane(the_lane().pk)
    turn = LaneTurn(lane, seconds=-1)
    turn.run()
    assert the_lane().closing
    course = publish(shelf, "v2", sections=1, units=1)
    spoil(receiver)
    api.reset("crm")
    api.deliver_until_empty()
    assert receiver.difference(course) == []
    assert receiver.violations == []


def test_what_was_open_is_withdrawn_and_closed(shelf, receiver, delivered):
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason="no room"))
    publish(shelf, "v2", titles={"unit-0-0": "another title"})
    api.deliver_until_empty()
    receiver.faults.append(Refuse(503, times=None))
    publish(shelf, "v3", titles={"unit-0-0": "a third", "unit-0-1": "another"})
    api.deliver_due()
    assert Envelope.objects.count() == 1
    sequence, plan = the_lane().sequence, api.reset_plan("crm")
    assert (plan.courses, plan.problems, plan.entities, plan.held_back) == ((COURSE,), 2, 11, False)
    api.reset_shown("crm", plan.token)
    lane = the_lane()
    assert not Envelope.objects.exists()
    assert set(Problem.objects.values_list("state", flat=True)) == {ProblemState.RETRIED}
    assert not Problem.objects.filter(closed_at=None).exists()
    assert (lane.cursor, lane.attempts, lane.last_error, lane.delivered_version) == (None, 0, "", "")
    assert lane.sequence > sequence
    receiver.faults.clear()
    api.deliver_until_empty()
    assert receiver.equals(a_course("v3", titles={"unit-0-0": "a third", "unit-0-1": "another"}))
    assert receiver.violations == []


def test_a_worker_that_holds_the_lane_writes_nothing(shelf, receiver, delivered):
    """It is sending while the operator resets: its answer must not move the cursor of the new beginning."""
    publish(shelf, "v2", titles={"unit-0-0": "another title"})
    turn = LaneTurn(claim_lane(the_lane().pk), seconds=20)
    send = turn.send

    def reset_meanwhile(target, envelope):
        verdict = send(target, envelope)
        api.reset("crm")
        return verdict

    turn.send = reset_meanwhile
    turn.run()
    lane = the_lane()
    assert (lane.cursor, lane.answered_sequence, lane.lease_token) == (None, 0, "")
    api.deliver_until_empty()
    assert receiver.equals(a_course("v2", titles={"unit-0-0": "another title"}))
    assert receiver.violations == []


def test_only_the_named_courses(shelf, receiver, delivered):
    shelf.publish(a_course("v1", course=OTHER))
    api.sync_course(OTHER)
    api.deliver_until_empty()
    assert api.reset_plan("crm", [OTHER]).courses == (OTHER,)
    api.reset_shown("crm", api.reset_plan("crm", [OTHER]).token, [OTHER])
    assert [lane.course.key for lane in Lane.objects.filter(cursor=None)] == [OTHER]


def test_a_deleted_course_is_left_out(shelf, receiver, delivered):
    shelf.delete()
    api.sync_course(COURSE)
    api.approve([plan.token for plan in api.held_plans()])
    plan = api.reset_plan("crm")
    assert (plan.courses, plan.deleted, plan.token) == ((), (COURSE,), "")
    assert api.reset_shown("crm", plan.token).error


@pytest.mark.parametrize("change", ["a new lane", "a new problem"])
def test_what_has_changed_since_is_refused(shelf, receiver, delivered, change):
    token = api.reset_plan("crm").token
    if change == "a new lane":
        shelf.publish(a_course("v1", course=OTHER))
        api.sync_course(OTHER)
    else:
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0")))
        publish(shelf, "v2", titles={"unit-0-0": "another title"})
        api.deliver_until_empty()
    lanes = list(Lane.objects.order_by("pk").values())
    assert "no longer valid" in api.reset_shown("crm", token).error
    assert list(Lane.objects.order_by("pk").values()) == lanes
    assert not OperatorAction.objects.filter(action="reset").exists()


def test_the_command_shows_and_then_does_exactly_that(delivered, capsys):
    assert exit_status("reset", "crm") == 0
    out = capsys.readouterr().out
    assert f"  {COURSE}\n" in out
    assert "entities in the snapshots: 11" in out
    assert the_lane().cursor is not None
    words = out.splitlines()[-1].partition(": ")[2].split()
    assert exit_status(*words, "--note", "restored from a backup") == 0
    assert the_lane().cursor is None
    (action,) = api.actions("crm")[:1]
    assert (action.action, action.note, action.changed["entities"]) == ("reset", "restored from a backup", 11)
    assert exit_status(*words) == 1  # the plan of the token was carried out


def test_yes_alone_is_refused_without_a_terminal(delivered, capsys):
    assert exit_status("reset", "crm", "--yes") == 2
    assert the_lane().cursor is not None


def test_json(delivered, capsys):
    exit_status("reset", "crm", "--json")
    plan = json.loads(capsys.readouterr().out)
    assert (plan["courses"], plan["entities"], plan["problems"]) == ([COURSE], 11, 0)


def test_a_paused_target_stays_paused(receiver, delivered):
    api.pause("crm")
    plan = api.reset_plan("crm")
    assert plan.held_back
    api.reset_shown("crm", plan.token)
    assert api.due_lane_ids() == []
    Lane.objects.update(due_at=DatabaseNow())
    api.resume("crm")
    assert api.deliver_until_empty().operations == 11
