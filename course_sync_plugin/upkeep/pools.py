"""Syncs and deliveries side by side, in the threads of ``course_sync run``: what hangs holds up nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from functools import partial

from django.conf import settings
from django.db import Error

from course_sync_plugin import toggles
from course_sync_plugin.due import due_courses, sync_due
from course_sync_plugin.lanes.claim import due_lanes
from course_sync_plugin.lanes.deliver import LaneTurn, deliver_lane
from course_sync_plugin.log import get_logger
from course_sync_plugin.sources import get_source
from course_sync_plugin.sync import CourseSync, Outcome
from course_sync_plugin.upkeep.workers import Workers

log = get_logger(__name__)

#: Courses read at the same time: each read loads one processor and the modulestore.
SYNCS = 4
#: Seconds after which a read takes no place any more: it hangs, rather than works. A course with 10,000 blocks takes 2.
SLOW = 20
#: Reads that hang beside those that have a place. Each has a thread and a connection to the database.
MOST_HANGING = 16


class SyncPool:
    """Syncs courses beside each other. ``done`` is called after each that recorded something: it can be delivered."""

    def __init__(self, done: Callable[[], None] = lambda: None):
        self._done = done
        self._workers = Workers(SYNCS)
        self._syncs: dict[Hashable, CourseSync] = {}

    def sync_due(self) -> None:
        """Give every course that is due to a thread, and do not wait for it. A read that hangs takes no place."""
        if toggles.is_stopped():
            return
        self._workers.leave_behind(min(SLOW, settings.COURSE_SYNC_READ_SECONDS), MOST_HANGING)
        for course_key in due_courses():
            self._workers.submit(course_key, partial(self._sync, course_key))

    def close(self) -> None:
        """Begin no further sync."""
        self._workers.close()

    def wait(self, seconds: float) -> None:
        """Wait so long for what is under way; let go of the other courses, so that the next process may read them."""
        for course_key in self._workers.wait(seconds):
            if sync := self._syncs.get(course_key):
                _let_go(sync)

    def _sync(self, course_key: str) -> None:
        try:
            outcome = sync_due(course_key, get_source(), begun=partial(self._syncs.__setitem__, course_key))
        finally:
            self._syncs.pop(course_key, None)
        if outcome is Outcome.RECORDED:  # a course in other hands ends at once: the next round asks for it again
            self._done()


class LanePool:
    """Delivers lanes beside each other. Each target has threads of its own: one that hangs holds up no other.

    ``most``: how many lanes of one target are delivered at the same time.
    """

    def __init__(self, most: int):
        self._most = most
        self._workers: dict[int, Workers] = {}
        self._turns: dict[Hashable, LaneTurn] = {}
        self._is_closed = False

    def deliver_due(self) -> None:
        """Give every lane that is due to a thread, and do not wait for it."""
        for lane_id, target_id in due_lanes():
            workers = self._workers.setdefault(target_id, Workers(self._most))
            workers.submit(lane_id, partial(self._deliver, lane_id))

    def close(self) -> None:
        """Begin no further turn, and have each turn end after its request in hand."""
        self._is_closed = True
        for workers in self._workers.values():
            workers.close()
        for turn in list(self._turns.values()):
            turn.end()

    def wait(self, seconds: float) -> None:
        """Wait so long for requests in hand, all of them together; those that hang then count as not answered."""
        ends_at = time.monotonic() + seconds
        for workers in self._workers.values():
            for lane_id in workers.wait(max(0, ends_at - time.monotonic())):
                if turn := self._turns.get(lane_id):
                    _let_go(turn)

    def _deliver(self, lane_id: int) -> None:
        try:
            deliver_lane(lane_id, begun=partial(self._begin, lane_id))
        finally:
            self._turns.pop(lane_id, None)

    def _begin(self, lane_id: int, turn: LaneTurn) -> None:
        self._turns[lane_id] = turn
        if self._is_closed:
            turn.end()


def _let_go(job: CourseSync | LaneTurn) -> None:
    try:
        job.give_up()
    except Error as error:
        log.warning("course_sync: what was in hand is free when its lease runs out (%s)", type(error).__name__)
