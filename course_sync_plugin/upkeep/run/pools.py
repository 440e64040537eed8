"""Runs syncs, deliveries and background jobs in threads of ``course_sync run``: one that hangs holds up no other."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from functools import partial

from django.conf import settings
from django.db import Error

from course_sync_plugin import toggles
from course_sync_plugin.lanes.claim import lanes_to_begin
from course_sync_plugin.lanes.deliver import LaneTurn, deliver_lane
from course_sync_plugin.log import get_logger
from course_sync_plugin.structure.sources import get_source
from course_sync_plugin.sync.course import CourseSync, Outcome
from course_sync_plugin.sync.due import due_courses, sync_due
from course_sync_plugin.upkeep.jobs.turn import due_jobs, run_job
from course_sync_plugin.upkeep.run.threads import Workers

log = get_logger(__name__)

#: Courses that are read at the same time. Each read loads one processor and the modulestore.
SYNCS = 4
#: Seconds after which a read counts as hanging and its place goes to another. A course with 10,000 blocks takes 2.
SLOW = 20
#: The most hanging reads beside those that have a place. Each keeps a thread and a database connection.
MOST_HANGING = 16
#: Background jobs of operators that are carried on at the same time.
JOBS = 4


class SyncPool:
    """Syncs courses in parallel. It calls ``done`` after each sync that recorded a run, which can now be delivered."""

    def __init__(self, done: Callable[[], None] = lambda: None):
        self._done = done
        self._workers = Workers(SYNCS)
        self._syncs: dict[Hashable, CourseSync] = {}

    def sync_due(self) -> None:
        """Start a sync for every due course and return at once. A read that hangs does not count against the limit."""
        if toggles.is_stopped():
            return
        self._workers.leave_behind(min(SLOW, settings.COURSE_SYNC_READ_SECONDS), MOST_HANGING)
        for course_key in due_courses():
            self._workers.submit(course_key, partial(self._sync, course_key))

    def close(self) -> None:
        """Start no further sync."""
        self._workers.close()

    def wait(self, seconds: float) -> None:
        """Wait at most ``seconds`` for running syncs; then give back the courses of the others for the next process."""
        for course_key in self._workers.wait(seconds):
            if sync := self._syncs.get(course_key):
                _give_back(sync)

    def _sync(self, course_key: str) -> None:
        try:
            outcome = sync_due(course_key, get_source(), begun=partial(self._syncs.__setitem__, course_key)).outcome
        finally:
            self._syncs.pop(course_key, None)
        # Not for a course that another worker holds (BUSY): the loop would then try it again without a pause.
        if outcome is Outcome.RECORDED:
            self._done()


class LanePool:
    """Delivers lanes in parallel. Each target has threads of its own, so one that hangs holds up no other target.

    ``most``: the most lanes of one target that are delivered at the same time.
    """

    def __init__(self, most: int):
        self._most = most
        self._workers: dict[int, Workers] = {}
        self._turns: dict[Hashable, LaneTurn] = {}
        self._is_closed = False

    def deliver_due(self) -> None:
        """Start a delivery for every due lane and return at once.

        The lanes that wait are queued anew each time. So an author's publish goes before the lanes of a backfill that
        wait already.
        """
        jobs: defaultdict[int, dict[Hashable, Callable[[], None]]] = defaultdict(dict)
        for lane_id, target_id in lanes_to_begin():
            jobs[target_id][lane_id] = partial(self._deliver, lane_id)
            self._workers.setdefault(target_id, Workers(self._most))
        for target_id, workers in self._workers.items():
            workers.replace_waiting(jobs[target_id])

    def close(self) -> None:
        """Start no further delivery, and let each running one end after its present request."""
        self._is_closed = True
        for workers in self._workers.values():
            workers.close()
        for turn in list(self._turns.values()):
            turn.end()

    def wait(self, seconds: float) -> None:
        """Wait at most ``seconds`` for all running requests together; those that hang then count as not answered."""
        ends_at = time.monotonic() + seconds
        for workers in self._workers.values():
            for lane_id in workers.wait(max(0, ends_at - time.monotonic())):
                if turn := self._turns.get(lane_id):
                    _give_back(turn)

    def _deliver(self, lane_id: int) -> None:
        try:
            deliver_lane(lane_id, begun=partial(self._begin, lane_id))
        finally:
            self._turns.pop(lane_id, None)

    def _begin(self, lane_id: int, turn: LaneTurn) -> None:
        self._turns[lane_id] = turn
        if self._is_closed:
            turn.end()


class JobPool:
    """Carries background jobs on, each in a thread of its own, so that a long one does not keep a short one waiting."""

    def __init__(self) -> None:
        self._workers = Workers(JOBS)
        self._is_closed = False

    def run_due(self) -> None:
        """Start a thread for every job that is due and return at once."""
        for job_id in due_jobs():
            self._workers.submit(job_id, partial(run_job, job_id, lambda: self._is_closed))

    def close(self) -> None:
        """Begin no further job. A running one is given back after its present item, for the next process."""
        self._is_closed = True
        self._workers.close()

    def wait(self, seconds: float) -> None:
        """Wait at most ``seconds`` for the present items. The lease of a job whose item hangs runs out by itself."""
        self._workers.wait(seconds)


def _give_back(job: CourseSync | LaneTurn) -> None:
    try:
        job.give_up()
    except Error as error:
        log.warning("course_sync: a lease was not given back (%s); it will run out by itself", type(error).__name__)
