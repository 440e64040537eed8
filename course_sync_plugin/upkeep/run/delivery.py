"""Delivers the due lanes one after the other, in this process."""

from __future__ import annotations

import attrs
from django.db.models import Q

from course_sync_plugin.lanes.claim import due_lane_ids
from course_sync_plugin.lanes.deliver import Delivered, deliver_lane
from course_sync_plugin.lanes.site import made_here
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import DatabaseNow, Lane, Target

log = get_logger(__name__)


@attrs.frozen
class Round:
    """The result of one round over the due lanes: how many lanes, envelopes and operations it delivered."""

    lanes: int = 0
    envelopes: int = 0
    operations: int = 0

    def __add__(self, other: Round) -> Round:
        return Round(self.lanes + other.lanes, self.envelopes + other.envelopes, self.operations + other.operations)


@attrs.frozen
class Stuck:
    """Lanes that make no progress. ``failing``: how many are stopped until an operator acts.

    ``waiting``: how many wait for their next attempt, or for a probe of their target. ``errors``: the errors of these
    lanes, each sentence once.
    """

    failing: int
    waiting: int
    errors: tuple[str, ...]


def stuck_lanes() -> Stuck:
    """Return the lanes that make no progress, and are neither paused nor of another site."""
    here = Target.objects.filter(made_here(), paused=False)
    lanes = Lane.objects.filter(paused=False, target__in=here).select_related("target")
    failing = lanes.filter(Q(failing=True) | ~Q(target__disabled_reason=""))
    going = lanes.filter(failing=False, target__disabled_reason="")
    held = Q(target__breaker_opened_at__isnull=False, due_at__isnull=False)
    waiting = going.filter(held | (Q(due_at__gt=DatabaseNow()) & ~Q(last_error="")))
    errors = {_error(lane) for lane in (*failing, *waiting)}
    return Stuck(len(failing), len(waiting), tuple(sorted(errors)))


def _error(lane: Lane) -> str:
    return lane.target.disabled_reason or lane.last_error or lane.target.breaker_error or ""


def deliver_due() -> Round:
    """Deliver every lane that is due now, one after the other."""
    turns = [_turn(lane_id) for lane_id in due_lane_ids(limit=None)]
    return sum((Round(1, turn.envelopes, turn.operations) for turn in turns if turn), Round())


def deliver_until_empty() -> Round:
    """Deliver until no lane is due. A lane that waits for its next attempt is not due."""
    total = Round()
    while (done := deliver_due()).lanes:
        total += done
    return total


def _turn(lane_id: int) -> Delivered | None:
    """Deliver one lane. If this raises an error, its lease runs out and it is tried again; the other lanes go on."""
    try:
        return deliver_lane(lane_id)
    except Exception:
        log.exception("course_sync: the delivery of lane %s ended in an error; it is tried again", lane_id)
        return None
