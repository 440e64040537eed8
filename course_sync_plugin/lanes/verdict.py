"""Decides what an attempt to send means for its lane. Pure: the rules of the contract in one place, easy to test."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import attrs

from course_sync_plugin.data import Answer
from course_sync_plugin.exceptions import (
    CourseSyncError,
    Interrupted,
    PermanentError,
    RateLimited,
    TargetGone,
    TransientError,
)
from course_sync_plugin.lanes.retry import Retries
from course_sync_plugin.sanitize.limits import RETRY_AFTER


class Signal(Enum):
    """What an attempt says about the target as a whole, for its circuit breaker.

    ``ANSWERED``: the target is alive, even if it refuses an entity. ``UNANSWERED``: nothing can be delivered to it now.
    ``LIMITED``: it asks to wait, perhaps for this course only. ``NONE``: the attempt says nothing.
    """

    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    LIMITED = "limited"
    NONE = "none"


@attrs.frozen
class Verdict:
    """The decision after an attempt.

    ``done``: the cursor moves past the envelope. ``accepted``: the receiver took the envelope, though operations in it
    may have failed. ``failures``: the ids of failed operations, each with the receiver's reason. ``isolate``: withdraw
    the envelope and send smaller ones.
    ``wait``: send the same envelope again after so many seconds. ``stop``: the lane becomes failing. ``gone``: the
    target is disabled. ``attempts``: how many attempts to send this envelope have failed so far. ``error``: the error,
    for people. ``warning``: the part of the answer that could not be understood, for people. ``signal``: what the
    attempt says about the target.
    """

    done: bool = False
    accepted: bool = False
    failures: Sequence[tuple[str, str]] = ()
    isolate: bool = False
    wait: float | None = None
    stop: bool = False
    gone: bool = False
    attempts: int = 0
    error: str = ""
    warning: str = ""
    signal: Signal = Signal.ANSWERED


def judge(result: Answer | CourseSyncError, operation_ids: Sequence[str], attempts: int, retries: Retries) -> Verdict:
    """Return the verdict on one attempt.

    ``result``: the answer, or the error. ``attempts``: how many attempts have failed before. ``retries``: when and how
    often it is tried again. The class of an error (:mod:`course_sync_plugin.exceptions`) says who must act. If no
    person must act, the same envelope is sent again. If a person must look at an entity, its operation becomes a
    problem. If the operator must act, the lane stops. No operation is ever skipped silently.
    """
    if isinstance(result, Answer):
        return _answered(result, attempts, retries)
    if isinstance(result, RateLimited):
        wait = RETRY_AFTER.cut(result.retry_after)
        return Verdict(wait=wait, attempts=attempts, error=result.message, signal=Signal.LIMITED)
    if isinstance(result, Interrupted):
        return Verdict(wait=RETRY_AFTER.cut(result.retry_after), attempts=attempts, signal=Signal.NONE)
    if isinstance(result, TransientError):
        return _unanswered(result.message, attempts + 1, retries)
    if isinstance(result, TargetGone):
        return Verdict(gone=True, error=result.message)
    if isinstance(result, PermanentError) and operation_ids:
        return _refused(result.message, operation_ids)
    if isinstance(result, PermanentError):
        return Verdict(stop=True, attempts=attempts, error=result.message)
    return Verdict(stop=True, attempts=attempts, error=result.message, signal=Signal.UNANSWERED)


def _answered(answer: Answer, attempts: int, retries: Retries) -> Verdict:
    failures = tuple((failed.operation_id, failed.reason) for failed in answer.failed)
    asked_again = [failed for failed in answer.failed if failed.retry]
    wait = retries.wait(attempts + 1) if asked_again else None
    if wait is not None:
        return Verdict(wait=wait, attempts=attempts + 1, error=asked_again[0].reason, warning=answer.warning)
    return Verdict(done=True, accepted=True, failures=failures, warning=answer.warning)


def _unanswered(error: str, attempts: int, retries: Retries) -> Verdict:
    wait = retries.wait(attempts)
    return Verdict(wait=wait, stop=wait is None, attempts=attempts, error=error, signal=Signal.UNANSWERED)


def _refused(error: str, operation_ids: Sequence[str]) -> Verdict:
    if len(operation_ids) > 1:
        return Verdict(isolate=True, error=error)
    return Verdict(done=True, failures=((operation_ids[0], error),), error=error)
