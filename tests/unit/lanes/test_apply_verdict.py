"""Which columns of a lane a verdict changes: how far the lane is, and since when its target has not answered."""

from __future__ import annotations

from typing import Any

import pytest

from course_sync_plugin.lanes.apply_verdict import _progress, _retrying
from course_sync_plugin.lanes.verdict import Signal, Verdict
from course_sync_plugin.models import DatabaseNow, Envelope, Lane, Target

LAST, SEQUENCE, VERSION = 50, 7, "v9"
FAILED = (("an id", "no room"),)
ACCEPTED = {"done": True, "accepted": True}
MOVED = {"sequence": SEQUENCE + 1, "cursor": LAST}
ANSWERED = {**MOVED, "answered_sequence": SEQUENCE}
OVER = {"isolate_size": None, "isolate_until": None}


@pytest.mark.parametrize(
    ("verdict", "end_of_run", "expected"),
    [
        ({"stop": True}, True, {"failing": True}),
        ({"wait": 5.0}, True, {}),
        ({}, True, {}),
        (ACCEPTED, True, {**ANSWERED, "closing": False, "delivered_version": VERSION}),
        (ACCEPTED, False, {**ANSWERED, "closing": True}),
        ({**ACCEPTED, "failures": FAILED}, True, {**ANSWERED, "closing": True}),
        ({"done": True, "failures": FAILED}, True, {**MOVED, "closing": True}),
        ({"done": True}, True, {**MOVED, "closing": True}),
        ({"isolate": True}, True, {"sequence": SEQUENCE + 1, "isolate_size": 2, "isolate_until": LAST}),
    ],
    ids=str,
)
def test_how_far_the_lane_is(verdict: dict[str, Any], end_of_run: bool, expected: dict[str, Any]):
    """The receiver is in step only if it took the end of a run and everything in that envelope."""
    envelope = Envelope(
        sequence=SEQUENCE, last=LAST, operation_ids=list("abcde"), published_version=VERSION, end_of_run=end_of_run
    )
    assert _progress(Lane(), envelope, Verdict(**verdict)) == expected


@pytest.mark.parametrize(
    ("until", "failures", "is_over"),
    [
        (None, FAILED, False),
        (LAST + 1, (), False),
        (LAST, (), True),
        (LAST - 1, (), True),
        (LAST + 1, FAILED, True),
    ],
)
def test_taking_apart_ends_with_the_refused_operation_or_at_the_end(until: int | None, failures: Any, is_over: bool):
    envelope = Envelope(sequence=SEQUENCE, last=LAST, operation_ids=["a"])
    values = _progress(Lane(isolate_until=until, isolate_size=1), envelope, Verdict(**ACCEPTED, failures=failures))
    assert values == {**ANSWERED, "closing": True, **(OVER if is_over else {})}


def retrying(verdict: dict[str, Any], token: str = "", **columns: Any) -> dict[str, Any]:
    """Return the columns; ``retrying_since`` is "kept" if it stays as it is once it is set."""
    lane = Lane(target=Target(breaker_token="the probe"), lease_token=token, **columns)
    values = _retrying(lane, Verdict(**verdict))
    if values["retrying_since"] is not None:
        first, second = values["retrying_since"].get_source_expressions()
        values["retrying_since"] = "kept" if first.name == "retrying_since" and isinstance(second, DatabaseNow) else "?"
    return values


UNANSWERED = {"signal": Signal.UNANSWERED}
ANEW = {"retrying_since": None, "stopped_by_target": None, "failing": False}


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ({"signal": Signal.LIMITED, "wait": 5.0}, {"retrying_since": None}),
        ({"signal": Signal.NONE, "wait": 5.0}, {"retrying_since": None}),
        ({"done": True}, ANEW),
        ({"isolate": True}, ANEW),
        ({"wait": 5.0}, {"retrying_since": "kept", "stopped_by_target": None, "failing": False}),
        ({"stop": True}, {"retrying_since": "kept", "stopped_by_target": False, "failing": False}),
    ],
    ids=str,
)
def test_since_when_there_is_no_answer(verdict: dict[str, Any], expected: dict[str, Any]):
    assert retrying(verdict, stopped_by_target=True, attempts=3) == expected


@pytest.mark.parametrize(
    ("columns", "wait", "by_target"),
    [
        ({"stopped_by_target": None, "attempts": 3}, 5.0, True),
        ({"stopped_by_target": None, "attempts": 0}, None, True),
        ({"stopped_by_target": False, "attempts": 0}, 5.0, True),
        ({"stopped_by_target": False, "attempts": 0}, 0.0, True),
        ({"stopped_by_target": False, "attempts": 0}, None, False),
        ({"stopped_by_target": False, "attempts": 1}, 5.0, False),
        ({"stopped_by_target": True, "attempts": 1}, 5.0, False),
        ({"stopped_by_target": False, "attempts": 1, "token": "the probe"}, 5.0, True),
        ({"stopped_by_target": False, "attempts": 1, "token": "another"}, 5.0, False),
    ],
    ids=str,
)
def test_whether_it_may_be_because_of_the_target(columns: dict[str, Any], wait: float | None, by_target: bool):
    """False means: the target has answered others since then, so the content of this lane is the reason."""
    expected = {"retrying_since": "kept", **({"stopped_by_target": True} if by_target else {})}
    assert retrying({**UNANSWERED, "wait": wait}, **columns) == expected
