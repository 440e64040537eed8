"""Delivers a lane: sends its open envelope or a new one, and moves the cursor when the receiver has answered.

No database transaction is open while the worker sends. The exception is a target that writes to this site's own
database (``in_transaction``): there the envelope and the cursor are one transaction (:mod:`.exchange`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import attrs
from django.conf import settings
from django.db import transaction
from edx_django_utils.monitoring import function_trace

from course_sync_plugin import toggles
from course_sync_plugin.data import Answer
from course_sync_plugin.exceptions import CourseSyncError, Interrupted, TransientError, class_name
from course_sync_plugin.lanes import breaker
from course_sync_plugin.lanes.apply_verdict import apply_verdict, change
from course_sync_plugin.lanes.attempts import Sent
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.breaker_turn import BreakerTurn
from course_sync_plugin.lanes.claim import claim_lane, claimed_lane, may_go_on
from course_sync_plugin.lanes.due import nudge
from course_sync_plugin.lanes.envelopes import as_message
from course_sync_plugin.lanes.exchange import in_one_transaction
from course_sync_plugin.lanes.next_envelope import NextEnvelope
from course_sync_plugin.lanes.open_target import open_target, read_options
from course_sync_plugin.lanes.retry import Retries
from course_sync_plugin.lanes.verdict import Signal, Verdict, judge
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import DatabaseNow, Envelope, Lane, leases
from course_sync_plugin.targets.base import Target

log = get_logger(__name__)

#: A lease is renewed after this part of its time: one request more may take half of it.
RENEWALS = 4

_CHANGED = "The secret or the address of the target was changed while a message was being sent; it is sent again."


@attrs.define
class Delivered:
    """The result of one turn in one lane.

    ``envelopes``, ``operations``: how many were answered. ``more``: the turn ended because its time was up, and there
    may be more to send.
    """

    envelopes: int = 0
    operations: int = 0
    more: bool = False


def deliver_lane(
    lane_id: int, seconds: float = 20, begun: Callable[[LaneTurn], object] = lambda turn: None
) -> Delivered | None:
    """Deliver the pending operations of a lane, for about ``seconds`` and at most one request more.

    Returns None if the lane is not due, if another worker has claimed it, or if the sync is stopped. ``begun`` is
    called with the turn, so that a process that has to stop can end it.
    """
    lane = None if toggles.is_stopped() else claim_lane(lane_id)
    if lane and toggles.is_excluded(lane.course.key):
        _postpone(lane)
        return Delivered()  # not None: it counts as a turn, so the caller goes on with the next lane
    if lane is None:
        return None
    turn = LaneTurn(lane, seconds)
    begun(turn)
    return turn.run()


def _postpone(lane: Lane) -> None:
    error = "The course is excluded (course_sync.excluded), so its operations wait."
    due_at = DatabaseNow(toggles.EXCLUDED_WAIT)
    leases.release(lane, lane.lease_token, due_at=due_at, last_error=error, error_class="")
    BreakerTurn(lane).put_back(breaker.UNUSED_PROBE)


class LaneTurn:
    """One worker's turn in a lane whose lease it holds.

    ``lane``: as :func:`course_sync_plugin.lanes.claim.claim_lane` returns it.
    """

    def __init__(self, lane: Any, seconds: float):
        self.lane: Lane = lane
        self.claimed_at: datetime = lane.now
        self.breaker = BreakerTurn(lane)
        self.next = NextEnvelope(lane)
        self.began = time.monotonic()
        self.seconds = seconds
        self.done = Delivered()
        self.error = ""
        self.verdict = Verdict()
        self.sent: Sent | None = None
        self._sending_since: float | None = None
        self._is_ending = False
        self._renewed_at = self.began
        self.is_in_transaction = False

    def end(self) -> None:
        """Make the turn end after the present request. Another thread calls this method."""
        self._is_ending = True

    def give_up(self) -> None:
        """Count the present request as unanswered and release the lane, because the process is about to end.

        Another thread calls this method. If the turn has ended meanwhile, nothing happens. If the answer still comes,
        the turn finds that its lease is lost and writes nothing.
        """
        token = self.lane.lease_token
        lane = claimed_lane(self.lane.pk, token)
        if lane is None or self.is_in_transaction:  # the transaction holds the row, and is undone when the process ends
            return
        error = TransientError("The receiver had not answered when the process was stopped; the message is sent again.")
        envelope = Envelope.objects.filter(lane=lane).first()
        with suppress(leases.LeaseLost), transaction.atomic():
            if envelope and not self.breaker.is_probe:
                verdict = judge(error, envelope.operation_ids, lane.attempts, self._retries())
                apply_verdict(lane, envelope, verdict, Blocked(), self._interrupted(error))
            leases.release(lane, token)
            log.warning("course_sync: target=%s course=%s error=%s", lane.target, lane.course, error)
        self.breaker.put_back()

    def _interrupted(self, error: CourseSyncError) -> Sent | None:
        """Return the present request as it is interrupted, or None if none is under way."""
        began = self._sending_since
        return None if began is None else Sent(error, began, time.monotonic() - began)

    def run(self) -> Delivered:
        """Deliver until nothing is left to send, the receiver does not answer, or the time is up."""
        try:
            self._run()
        except leases.LeaseLost:
            log.warning("course_sync: another worker took over lane %s during its delivery", self.lane)
        finally:
            self.breaker.put_back()
        if self.done.envelopes or self.error:
            self._log()
        return self.done

    def _run(self) -> None:
        try:
            self.lane.target.options = options = read_options(self.lane.target)
            self.breaker.limit = options.get("breaker_failures", breaker.FAILURES)
            with open_target(self.lane.target) as target:
                if self.lane.attempts < self._retries().attempts or self.breaker.is_probe:
                    self._deliver(target)
                else:
                    error = "The worker died or lost its lease in each of the last attempts. Its log should say why."
                    values = {"last_error": error, "error_class": TransientError.__name__}
                    self._give_back(failing=True, stopped_by_target=False, **values)
        except leases.LeaseLost:
            raise
        except CourseSyncError as error:  # the target cannot be opened: the operator must act
            self._stop_unopened(error)

    def _stop_unopened(self, error: CourseSyncError) -> None:
        """Stop the lane, because the target cannot be opened. It starts again when the target has answered."""
        wait = self.breaker.probe_wait()
        values: dict[str, Any] = {"due_at": DatabaseNow(wait)} if self.breaker.is_probe else {"failing": True}
        self._give_back(**values, stopped_by_target=True, last_error=error.message, error_class=class_name(error))
        self.breaker.tell(Verdict(stop=True, wait=wait, error=error.message, signal=Signal.UNANSWERED))

    def _deliver(self, target: Target) -> None:
        self.next.needs_link = target.needs_link
        target.progress = self._renew_in_time
        envelope = self.next.find_or_sleep()
        while envelope:
            if target.in_transaction:
                goes_on, envelope = in_one_transaction(self, target, envelope)
            else:
                goes_on, envelope = self.conclude(envelope, self.send(target, envelope))
            self.breaker.tell(self.verdict)
            if not goes_on:
                return
            envelope = envelope or self.next.sleep_or_find()

    def conclude(self, envelope: Envelope, verdict: Verdict) -> tuple[bool, Envelope | None]:
        """Apply the verdict on an attempt. Return whether the turn goes on, and the next envelope if there is one.

        If the turn does not go on, the lane has been given back. Raises LeaseLost; then nothing is written.
        """
        self.verdict, self.error = verdict, verdict.error
        if verdict.warning:
            log.warning(
                "course_sync: target=%s course=%s warning=%s", self.lane.target, self.lane.course, verdict.warning
            )
        with transaction.atomic():
            apply_verdict(self.lane, envelope, verdict, self.next.blocked, self.sent)
            self._sending_since = None
            if self._should_continue(verdict):
                return True, self.next.follow()
            self._give_back()
            return False, None

    def _should_continue(self, verdict: Verdict) -> bool:
        if not (verdict.done or verdict.isolate):
            # An operator may have asked for a new start during this attempt: then the lane is due at once again.
            nudge(Lane.objects.filter(pk=self.lane.pk, nudged=True))
            return False
        if not may_go_on(self.lane) or self._is_ending or toggles.is_stopped():
            return False
        self.done.more = time.monotonic() - self.began > self.seconds
        return not self.done.more

    def send(self, target: Target, envelope: Envelope) -> Verdict:
        """Send an envelope and return the verdict on the result. No transaction is open, except ``in_transaction``."""
        began, changed = time.monotonic(), False
        self._sending_since = began
        target.while_waiting = partial(self.next.read_ahead, envelope.last)
        try:
            with function_trace("course_sync.deliver.send"):
                result: Answer | CourseSyncError = target.send(as_message(envelope, self.lane.course.key))
        except leases.LeaseLost:
            raise
        except CourseSyncError as error:
            changed = not target.in_transaction and self._was_changed()
            result = TransientError(_CHANGED) if changed else error
            result.exchange = error.exchange
        except Exception as error:  # an error in the code of a target must not lose operations
            log.exception("course_sync: the code of target %s raised an error while sending", self.lane.target)
            result = TransientError(f"{type(error).__name__} in the code of the target")
        self.sent = Sent(result, began, time.monotonic() - began)
        if isinstance(result, Answer):
            self.done.envelopes += 1
            self.done.operations += len(envelope.operation_ids)
        return self.judge(result, envelope, says_nothing=changed)

    def _renew_in_time(self) -> None:
        """Renew the lease between two requests for one envelope. Raises Interrupted if the process is ending."""
        if self._is_ending:
            raise Interrupted("The process is ending; the rest of the message is sent later.")
        if time.monotonic() - self._renewed_at > settings.COURSE_SYNC_LEASE_SECONDS / RENEWALS:
            if toggles.is_stopped():
                raise Interrupted("The sync is stopped; the rest of the message is sent when it goes on.")
            change(self.lane)
            self._renewed_at = time.monotonic()

    def judge(self, result: Answer | CourseSyncError, envelope: Envelope, *, says_nothing: bool = False) -> Verdict:
        """Return the verdict. ``says_nothing``: the attempt says nothing about the target as it is now."""
        verdict = judge(result, envelope.operation_ids, self.lane.attempts, self._retries())
        verdict = self.breaker.without_attempt(verdict)
        return attrs.evolve(verdict, signal=Signal.NONE) if says_nothing else verdict

    def _was_changed(self) -> bool:
        """Tell whether the operator has changed the target's secret, token or address since this turn began.

        Then a refusal of the old one does not count. The values are compared in Python, because MySQL ignores case.
        """
        target = self.lane.target
        rows = type(target).objects.filter(pk=target.pk).values_list("secret", "url", "token")
        return rows.first() != (target.secret, target.url, target.token)

    def _retries(self) -> Retries:
        since = self.lane.retrying_since
        elapsed = (self.claimed_at - since).total_seconds() + time.monotonic() - self.began if since else 0
        return Retries.of(self.lane.target.options, settings.COURSE_SYNC_RETRY_SCHEDULE, elapsed)

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
