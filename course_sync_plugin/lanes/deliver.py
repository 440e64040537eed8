"""Delivering a lane: its open envelope, or a new one; send; move the cursor. No transaction is open while sending."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import attrs
from django.conf import settings
from django.db import transaction

from course_sync_plugin import leases, toggles
from course_sync_plugin.data import Answer
from course_sync_plugin.exceptions import CourseSyncError, TransientError
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.claim import claim_lane, may_go_on, sleep
from course_sync_plugin.lanes.envelopes import as_message, make_envelope
from course_sync_plugin.lanes.opened import opened_target, read_options
from course_sync_plugin.lanes.planning import plan_baseline, plan_repairs
from course_sync_plugin.lanes.problems import open_problems, reload, to_retry
from course_sync_plugin.lanes.settle import change, settle
from course_sync_plugin.lanes.slices import Reader
from course_sync_plugin.lanes.verdict import Verdict, judge
from course_sync_plugin.lanes.wake import nudge
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import Course, CourseContext, DatabaseNow, Envelope, Lane
from course_sync_plugin.targets.base import Target

log = get_logger(__name__)

_CHANGED = "The target got another secret or address while it was being sent to."


@attrs.define
class Delivered:
    """What one turn in one lane came to. ``more``: its time was up and there is more to send."""

    envelopes: int = 0
    operations: int = 0
    more: bool = False


def deliver_lane(
    lane_id: int, seconds: float = 20, begun: Callable[[LaneTurn], object] = lambda turn: None
) -> Delivered | None:
    """Deliver what a lane has to deliver, for at most about ``seconds`` and one request.

    Returns None where the lane is not due, or in other hands, or everything is stopped. ``begun`` is told of the turn,
    for a process that must end it.
    """
    lane = None if toggles.is_stopped() else claim_lane(lane_id)
    if lane and toggles.is_excluded(lane.course.key):
        _put_off(lane)
        return Delivered()  # a turn like others: whoever goes from lane to lane goes on
    if lane is None:
        return None
    turn = LaneTurn(lane, seconds)
    begun(turn)
    return turn.run()


def _put_off(lane: Lane) -> None:
    error = "The course is left out (course_sync.excluded); what there is to deliver waits."
    leases.release(lane, lane.lease_token, due_at=DatabaseNow(toggles.EXCLUDED_WAIT), last_error=error)


class LaneTurn:
    """One worker's turn in a lane whose lease it holds."""

    def __init__(self, lane: Lane, seconds: float):
        self.lane = lane
        self.reader = Reader(lane)
        self.blocked = Blocked()
        self.context: Mapping[str, Any] = {}
        self.began = time.monotonic()
        self.seconds = seconds
        self.done = Delivered()
        self.error = ""
        self._is_ending = False

    def end(self) -> None:
        """Have the turn end after the request in hand; called by another thread."""
        self._is_ending = True

    def give_up(self) -> None:
        """Settle the request in hand as one without an answer, since the process is to end; called by another thread.

        Where the turn has ended meanwhile, nothing is done. Should its answer come after all, its lease is lost.
        """
        token = self.lane.lease_token
        lane = Lane.objects.select_related("target", "course").filter(pk=self.lane.pk, lease_token=token).first()
        if lane is None:
            return
        error = TransientError("It had not answered when the process was stopped; the same message is sent again.")
        envelope = Envelope.objects.filter(lane=lane).first()
        with suppress(leases.LeaseLost), transaction.atomic():
            if envelope:
                settle(lane, envelope, judge(error, envelope.operation_ids, lane.attempts, self._schedule()), Blocked())
            leases.release(lane, token)
            log.warning("course_sync: target=%s course=%s error=%s", lane.target, lane.course, error)

    def run(self) -> Delivered:
        """Deliver until there is nothing left, the receiver has no answer, or the time is up."""
        try:
            self._run()
        except leases.LeaseLost:
            log.warning("course_sync: lane %s was taken over while it was being delivered", self.lane)
        if self.done.envelopes or self.error:
            self._log()
        return self.done

    def _run(self) -> None:
        try:
            self.lane.target.options = read_options(self.lane.target)
            with opened_target(self.lane.target) as target:
                if self.lane.attempts <= len(self._schedule()):
                    self._deliver(target)
                else:
                    error = "Workers were lost in the middle of every attempt that was left. Their log should say why."
                    self._give_back(failing=True, last_error=error)
        except leases.LeaseLost:
            raise
        except CourseSyncError as error:  # the target cannot even be opened: the operator has to act
            self._give_back(failing=True, last_error=error.message)

    def _deliver(self, target: Target) -> None:
        envelope = self._begin()
        while envelope:
            verdict = self._send(target, envelope)
            self.error = verdict.error
            if verdict.warning:
                log.warning(
                    "course_sync: target=%s course=%s warning=%s", self.lane.target, self.lane.course, verdict.warning
                )
            with transaction.atomic():
                settle(self.lane, envelope, verdict, self.blocked)
                if not self._goes_on(verdict):
                    self._give_back()
                    return
                envelope = self._make()
            envelope = envelope or self._rest()

    def _goes_on(self, verdict: Verdict) -> bool:
        if not (verdict.done or verdict.isolate):
            # An operator who asked for a new start while this attempt was under way gets one.
            nudge(Lane.objects.filter(pk=self.lane.pk, nudged=True))
            return False
        if self._is_ending or toggles.is_stopped() or not may_go_on(self.lane):
            return False
        self.done.more = time.monotonic() - self.began > self.seconds
        return not self.done.more

    def _rest(self) -> Envelope | None:
        """Give the lane back at the end of its journal. Look again where something has come up or must be retried."""
        asleep = not self.blocked and sleep(self.lane, **self._standing())
        return None if asleep else self._begin()

    def _begin(self) -> Envelope | None:
        """The open envelope, or a new one; None where there is nothing to do and the lane has been given back."""
        while True:
            envelope = self._look()
            if envelope or sleep(self.lane, **self._standing()):
                return envelope

    def _look(self) -> Envelope | None:
        """Look at the lane afresh: an operator may have changed what concerns it."""
        with transaction.atomic():
            change(self.lane, nudged=False)
            self.lane.refresh_from_db(fields=["end"])
            reload(self.blocked, self.lane)
            self.context = CourseContext.of(self.lane.target_id, self.lane.course.key)
            envelope = Envelope.objects.filter(lane=self.lane).first()
        if envelope or self._missing_context():
            return envelope
        if self.lane.cursor is None:
            plan_baseline(self.lane)
        envelope = self._next()
        while envelope is None and self._has_to_retry():
            plan_repairs(self.lane)
            reload(self.blocked, self.lane)
            envelope = self._next()
        return envelope

    def _next(self) -> Envelope | None:
        with transaction.atomic():
            change(self.lane)
            return self._make()

    def _make(self) -> Envelope | None:
        envelope = make_envelope(self.lane, self.reader, self.blocked, self.context)
        if envelope is None:  # what was passed by or parked on the way is done with
            change(self.lane, cursor=self.lane.cursor, closing=self.lane.closing)
        return envelope

    def _has_to_retry(self) -> bool:
        return bool(self.blocked and to_retry(open_problems(self.lane)))

    def _missing_context(self) -> str:
        """Names of values that the target requires of a course before it can take it."""
        required = self.lane.target.options.get("requires_context", [])
        return ", ".join(name for name in required if name not in self.context)

    def _standing(self) -> dict[str, str]:
        """What a lane that falls asleep says of itself."""
        waiting_for = self._missing_context()
        if waiting_for or self.blocked or self.lane.closing:
            return {"waiting_for": waiting_for}
        version = Course.objects.values_list("published_version", flat=True).get(pk=self.lane.course_id)
        return {"waiting_for": "", "delivered_version": version}

    def _send(self, target: Target, envelope: Envelope) -> Verdict:
        """Send an envelope and judge what came of it. Outside any transaction."""
        try:
            result: Answer | CourseSyncError = target.send(as_message(envelope, self.lane.course.key))
        except CourseSyncError as error:
            result = TransientError(_CHANGED) if self._was_changed() else error
        except Exception as error:  # a fault of a target's own code loses nothing
            log.exception("course_sync: target %s raised while it was sending", self.lane.target)
            result = TransientError(f"{type(error).__name__} in the target's own code")
        if isinstance(result, Answer):
            self.done.envelopes += 1
            self.done.operations += len(envelope.operation_ids)
        return judge(result, envelope.operation_ids, self.lane.attempts, self._schedule())

    def _was_changed(self) -> bool:
        """Tell whether the operator has given the target another secret or address since this turn began: then it says
        nothing that the old one was refused. They are compared here: MySQL takes capital letters for small ones.
        """
        target = self.lane.target
        rows = type(target).objects.filter(pk=target.pk).values_list("secret", "url")
        return rows.first() != (target.secret, target.url)

    def _schedule(self) -> Sequence[float]:
        return self.lane.target.options.get("retry_schedule", settings.COURSE_SYNC_RETRY_SCHEDULE)

    def _give_back(self, **values: Any) -> None:
        leases.release(self.lane, self.lane.lease_token, **values)
        self.error = values.get("last_error", self.error)

    def _log(self) -> None:
        log.log(
            logging.WARNING if self.error else logging.INFO,
            "course_sync: target=%s course=%s envelopes=%s operations=%s attempts=%s error=%s seconds=%.2f",
            self.lane.target,
            self.lane.course,
            self.done.envelopes,
            self.done.operations,
            self.lane.attempts,
            self.error or None,
            time.monotonic() - self.began,
        )
