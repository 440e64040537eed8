"""Delivering what is due, in this process."""

from __future__ import annotations

import attrs
from django.db.models import Q

from course_sync_plugin.lanes.claim import due_lane_ids
from course_sync_plugin.lanes.deliver import Delivered, deliver_lane
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import DatabaseNow, Lane

log = get_logger(__name__)


@attrs.frozen
class Round:
    """What one round over the due lanes came to."""

    lanes: int = 0
    envelopes: int = 0
    operations: int = 0

    def __add__(self, other: Round) -> Round:
        return Round(self.lanes + other.lanes, self.envelopes + other.envelopes, self.operations + other.operations)


@attrs.frozen
class Stuck:
    """Lanes that do not get on: so many ``failing``, until somebody acts, and so many ``waiting`` for another attempt.

    ``errors``: what their receivers say, each sentence once.
    """

    failing: int
    waiting: int
    errors: tuple[str, ...]


def stuck_lanes() -> Stuck:
    """Return what does not get on although nobody paused it."""
    lanes = Lane.objects.filter(paused=False, target__paused=False).select_related("target")
    failing = lanes.filter(Q(failing=True) | ~Q(target__disabled_reason=""))
    waiting = lanes.filter(failing=False, target__disabled_reason="", due_at__gt=DatabaseNow()).exclude(last_error="")
    errors = {lane.target.disabled_reason or lane.last_error for lane in (*failing, *waiting)}
    return Stuck(len(failing), len(waiting), tuple(sorted(errors)))


def deliver_due() -> Round:
    """Deliver every lane that is due now, one after the other."""
    turns = [_turn(lane_id) for lane_id in due_lane_ids(limit=None)]
    return sum((Round(1, turn.envelopes, turn.operations) for turn in turns if turn), Round())


def deliver_until_empty() -> Round:
    """Deliver until no lane is due any more; lanes that wait for a later attempt are left waiting."""
    total = Round()
    while (done := deliver_due()).lanes:
        total += done
    return total


def _turn(lane_id: int) -> Delivered | None:
    """One turn in one lane. Whatever goes wrong in it, the others go on; its lease runs out and it is tried again."""
    try:
        return deliver_lane(lane_id)
    except Exception:
        log.exception("course_sync: lane %s was left in the middle", lane_id)
        return None
