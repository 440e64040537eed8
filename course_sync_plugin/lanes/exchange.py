"""Delivers an envelope to a target in this site's own database: its effect and the cursor are one transaction.

So the effect is exactly once. If the process is killed at any moment, either both are there or neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any, Protocol

from django.db import Error, transaction

from course_sync_plugin.data import Answer
from course_sync_plugin.exceptions import CourseSyncError, TransientError
from course_sync_plugin.lanes.apply_verdict import change
from course_sync_plugin.lanes.verdict import Verdict
from course_sync_plugin.models import Envelope, Lane, leases
from course_sync_plugin.targets.base import Target


class Turn(Protocol):
    """The part of a turn (:class:`course_sync_plugin.lanes.deliver.LaneTurn`) that this module needs."""

    lane: Lane
    done: Any
    sent: Any
    is_in_transaction: bool

    def send(self, target: Target, envelope: Envelope) -> Verdict:
        """Send an envelope and return the verdict."""

    def judge(self, result: Answer | CourseSyncError, envelope: Envelope) -> Verdict:
        """Return the verdict on a result."""

    def conclude(self, envelope: Envelope, verdict: Verdict) -> tuple[bool, Envelope | None]:
        """Apply a verdict; return whether the turn goes on, and the next envelope."""


class _NotAccepted(Exception):
    """The envelope was not accepted, so its transaction is rolled back."""

    def __init__(self, verdict: Verdict):
        super().__init__(verdict.error)
        self.verdict = verdict


def in_one_transaction(turn: Turn, target: Target, envelope: Envelope) -> tuple[bool, Envelope | None]:
    """Send an envelope and apply the verdict, in one transaction that holds the lane's row.

    Returns the same as ``turn.conclude``. If the envelope is not accepted, or the database fails, everything is rolled
    back, and the verdict is applied in a transaction of its own. Raises LeaseLost; then nothing is written.
    """
    turn.sent = None  # that of the envelope before, if this one is not sent
    columns, done = vars(turn.lane).copy(), copy(turn.done)
    try:
        with _transaction(turn, target):
            verdict = turn.send(target, envelope)
            if not verdict.accepted:
                raise _NotAccepted(verdict)
            return turn.conclude(envelope, verdict)
    except _NotAccepted as rolled_back:
        verdict = rolled_back.verdict
    except leases.LeaseLost:
        raise
    except (CourseSyncError, Error) as error:  # of the preparation, or of the commit
        vars(turn.lane).update(columns)  # they hold what was rolled back
        verdict = turn.judge(_as_our_error(error), envelope)
    turn.done = done
    return turn.conclude(envelope, verdict)


@contextmanager
def _transaction(turn: Turn, target: Target) -> Iterator[None]:
    """Open the transaction and renew the lease in it. No other worker can take over the lane until it ends."""
    turn.is_in_transaction = True
    try:
        with transaction.atomic():
            target.begin_transaction()
            change(turn.lane)
            yield
    finally:
        turn.is_in_transaction = False


def _as_our_error(error: CourseSyncError | Error) -> CourseSyncError:
    if isinstance(error, CourseSyncError):
        return error
    # The text of an error of the database may hold course content.
    return TransientError(f"The database rolled the transaction of the envelope back ({type(error).__name__}).")
