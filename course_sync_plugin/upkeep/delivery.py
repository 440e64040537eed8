"""Delivering what is due, in this process."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import attrs
from django.db import connections
from django.db.models import Q

from course_sync_plugin.lanes.claim import due_lane_ids, due_lanes
from course_sync_plugin.lanes.deliver import Delivered, deliver_lane
from course_sync_plugin.models import DatabaseNow, Lane

log = logging.getLogger(__name__)


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


class LanePool:
    """Delivers lanes in threads that live on. Each target has its own: one that hangs holds up no other.

    ``workers``: how many lanes of one target are delivered at the same time.
    """

    def __init__(self, workers: int):
        self._workers = workers
        self._pools: dict[int, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()
        self._busy: set[int] = set()

    def deliver_due(self) -> None:
        """Give every lane that is due to a thread, and do not wait for it."""
        for lane_id, target_id in due_lanes():
            with self._lock:
                if lane_id in self._busy:
                    continue
                self._busy.add(lane_id)
            self._pool_of(target_id).submit(self._work, lane_id)

    def close(self) -> None:
        """Wait for the turns under way; those that have not begun are left to the next process."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        for pool in self._pools.values():
            pool.shutdown(wait=True)

    def _pool_of(self, target_id: int) -> ThreadPoolExecutor:
        if target_id not in self._pools:
            self._pools[target_id] = ThreadPoolExecutor(self._workers, thread_name_prefix="course-sync-lane")
        return self._pools[target_id]

    def _work(self, lane_id: int) -> None:
        try:
            _turn(lane_id)
        finally:
            connections.close_all()  # a thread has connections of its own
            with self._lock:
                self._busy.discard(lane_id)


def _turn(lane_id: int) -> Delivered | None:
    """One turn in one lane. Whatever goes wrong in it, the others go on; its lease runs out and it is tried again."""
    try:
        return deliver_lane(lane_id)
    except Exception:
        log.exception("course_sync: lane %s was left in the middle", lane_id)
        return None
