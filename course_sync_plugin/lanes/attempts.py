"""Keeps each attempt to send an envelope: one row, in the transaction that applies the verdict on it."""

from __future__ import annotations

import time

import attrs

from course_sync_plugin.data import Answer, Exchange
from course_sync_plugin.exceptions import CourseSyncError, PermanentError, TransientError, class_name
from course_sync_plugin.lanes.verdict import Verdict
from course_sync_plugin.models import Attempt, DatabaseNow, Envelope, Lane

#: The most characters that are stored of an error, a head and a body, also from targets of other packages.
ERROR_CHARACTERS, HEAD_CHARACTERS, BODY_CHARACTERS = 2000, 4000, 2048

#: The HTTP statuses that the column can hold.
_STATUSES = range(100, 1000)


@attrs.frozen
class Sent:
    """The result of one request. ``began``: its begin, ``seconds``: its duration, by ``time.monotonic``."""

    result: Answer | CourseSyncError
    began: float
    seconds: float

    @property
    def exchange(self) -> Exchange:
        """Return what the target kept of the request and its answer; an empty exchange if it kept nothing."""
        return self.result.exchange or Exchange()

    @property
    def status(self) -> int | None:
        """Return the HTTP status of the answer, or None if there was none."""
        status = self.exchange.status
        if status is None and isinstance(self.result, CourseSyncError):
            status = self.result.context.get("status")
        return status if status in _STATUSES else None

    def class_of(self, operation_id: str) -> str:
        """Return the name of the class of an operation's failure.

        An operation that the receiver wanted to get again failed because all attempts are used up.
        """
        if isinstance(self.result, CourseSyncError):
            return class_name(self.result)
        again = any(failed.retry for failed in self.result.failed if failed.operation_id == operation_id)
        return (TransientError if again else PermanentError).__name__


def error_class(verdict: Verdict, result: Answer | CourseSyncError) -> str:
    """Return the name of the class of an attempt's error; empty if the target accepted the envelope."""
    if isinstance(result, CourseSyncError):
        return class_name(result)
    return "" if verdict.accepted else TransientError.__name__


def write_attempt(lane: Lane, envelope: Envelope, verdict: Verdict, sent: Sent, first: int) -> None:
    """Insert the row of an attempt. One INSERT.

    ``first``: the position after the lane's cursor when the envelope was sent. ``error`` is the receiver's first reason
    if it asked for an operation again, and the warning if it accepted the envelope.
    """
    result, exchange = sent.result, sent.exchange
    Attempt.objects.create(
        target_id=lane.target_id,
        lane=lane,
        message_id=envelope.message_id,
        sequence=envelope.sequence,
        first=first,
        last=envelope.last,
        operations=len(envelope.operation_ids),
        began_at=DatabaseNow(sent.began - time.monotonic()),
        seconds=sent.seconds,
        status=sent.status,
        failed=len(result.failed) if isinstance(result, Answer) else 0,
        error_class=error_class(verdict, result),
        error=(verdict.error or verdict.warning)[:ERROR_CHARACTERS],
        request=exchange.request[:HEAD_CHARACTERS],
        head=exchange.head[:HEAD_CHARACTERS],
        body=exchange.body[:BODY_CHARACTERS],
    )
