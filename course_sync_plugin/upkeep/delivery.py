"""Delivering what is due, in this process."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import attrs
from django.db import connections

from course_sync_plugin.lanes.claim import due_lane_ids
from course_sync_plugin.lanes.deliver import Delivered, deliver_lane

log = logging.getLogger(__name__)


@attrs.frozen
class Round:
    """What one round over the due lanes came to."""

    lanes: int = 0
    envelopes: int = 0
    operations: int = 0

    def __add__(self, other: Round) -> Round:
        return Round(self.lanes + other.lanes, self.envelopes + other.envelopes, self.operations + other.operations)


def deliver_due() -> Round:
    """Deliver every lane that is due now, one after the other."""
    turns = [_turn(lane_id) for lane_id in due_lane_ids()]
    return sum((Round(1, turn.envelopes, turn.operations) for turn in turns if turn), Round())


def deliver_until_empty() -> Round:
    """Deliver until no lane is due any more; lanes that wait for a later attempt are left waiting."""
    total = Round()
    while (done := deliver_due()).lanes:
        total += done
    return total


class LanePool:
    """Delivers lanes in threads that live on: a receiver that hangs holds up its own lane and nothing else."""

    def __init__(self, workers: int):
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="course-sync-lane")
        self._lock = threading.Lock()
        self._busy: set[int] = set()

    def deliver_due(self) -> None:
        """Give every lane that is due to a thread, and do not wait for it."""
        for lane_id in due_lane_ids():
            with self._lock:
                if lane_id in self._busy:
                    continue
                self._busy.add(lane_id)
            self._pool.submit(self._work, lane_id)

    def close(self) -> None:
        """Wait for the turns under way; those that have not begun are left to the next process."""
        self._pool.shutdown(wait=True, cancel_futures=True)

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
    except Exception:  # pylint: disable=broad-except
        log.exception("course_sync: lane %s was left in the middle", lane_id)
        return None
