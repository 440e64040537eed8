"""Only a lane whose receiver has everything is repaired: otherwise the repair would overtake what is on its way."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import F

from course_sync_plugin.data import Operation
from course_sync_plugin.journal.append import append
from course_sync_plugin.lanes.snapshot import idle_lanes, record_repairs
from course_sync_plugin.models import (
    OPEN_STATES,
    UNDONE_STATES,
    DatabaseNow,
    Envelope,
    JournalOperation,
    Lane,
    Problem,
    ProblemState,
    Run,
    RunKind,
)
from tests.integration.lanes.test_claim import HELD, LOST, a_course, a_lane, a_target, now

pytestmark = pytest.mark.django_db


def an_update() -> Operation:
    return Operation("update", "unit", "unit-1", "vertical", fields={"display_name": "new"})


@pytest.fixture
def lane() -> Lane:
    """Return a lane at the end of its journal, which has one operation."""
    course = a_course("Course", published_version="v")
    append(course, [an_update()], RunKind.CHANGES)
    return a_lane(a_target("crm"), course, None, cursor=1, end=1, sequence=3, answered_sequence=1)


def a_problem(lane: Lane, state: ProblemState) -> None:
    operation = JournalOperation.objects.get()
    Problem.objects.create(lane=lane, operation=operation, state=state, since=DatabaseNow())


@pytest.mark.parametrize(
    ("columns", "is_idle"),
    [
        ({}, True),
        (LOST, True),
        (HELD, False),
        ({"closing": True}, False),
        ({"cursor": 0}, False),
        ({"cursor": None}, False),
        ({"cursor": 2}, True),
        ({"answered_sequence": 0}, False),
    ],
    ids=str,
)
def test_a_lane_is_idle_where_nothing_is_on_its_way(lane: Lane, columns: dict[str, Any], is_idle: bool):
    Lane.objects.update(**columns)
    assert idle_lanes().exists() is is_idle


def test_an_envelope_is_on_its_way(lane: Lane):
    other = a_lane(a_target("other"), lane.course, None, cursor=1, end=1, answered_sequence=1)
    Envelope.objects.create(lane=other, message_id="1", sequence=1, last=1, body=b"{}")
    assert list(idle_lanes()) == [lane]


@pytest.mark.parametrize("state", ProblemState)
def test_an_open_problem_is_to_be_repaired_by_its_own_lane(lane: Lane, state: ProblemState):
    """What an exclusion holds back is not."""
    other = a_lane(a_target("other"), lane.course, None, cursor=1, end=1, answered_sequence=1)
    a_problem(other, state)
    assert set(idle_lanes()) == ({lane} if state in OPEN_STATES else {lane, other})
    assert set(UNDONE_STATES) - set(OPEN_STATES), "there is such a state"


def test_repairs_are_for_this_lane_alone_and_make_it_due(lane: Lane):
    other = a_lane(a_target("other"), lane.course, None, cursor=1, end=1, sequence=3, answered_sequence=1)
    assert record_repairs(lane, [an_update()], 1)
    assert (now(lane).end, now(lane).due_at is None, now(other).end, now(other).due_at) == (2, False, 1, None)
    run = Run.objects.latest("pk")
    assert (run.kind, run.lane, run.operations_count) == (RunKind.REPAIR, lane, 1)


@pytest.mark.parametrize(
    "changed",
    [{"sequence": F("sequence") + 1}, {"cursor": F("cursor") + 1}, {"closing": True}, HELD],
    ids=["answered", "moved on", "inside of a run", "in other hands"],
)
def test_nothing_is_recorded_where_the_lane_has_changed_since(lane: Lane, changed: dict[str, Any]):
    """The receiver was asked before that: what it said may not be true any more."""
    Lane.objects.update(**changed)
    assert not record_repairs(lane, [an_update()], 1)
    assert (JournalOperation.objects.count(), now(lane).due_at) == (1, None)


def test_nothing_is_recorded_where_the_course_has_changed_since(lane: Lane):
    append(lane.course, [an_update()], RunKind.CHANGES)
    assert not record_repairs(lane, [an_update()], 1)
    assert (JournalOperation.objects.count(), now(lane).due_at) == (2, None)
