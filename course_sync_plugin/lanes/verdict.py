"""What an attempt means for its lane, as a value. Pure: the rules of the contract in one table to be tested."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from course_sync_plugin.data import Answer
from course_sync_plugin.exceptions import CourseSyncError, PermanentError, RateLimited, TargetGone, TransientError
from course_sync_plugin.lanes.retry import next_wait
from course_sync_plugin.limits import RETRY_AFTER


@attrs.frozen
class Verdict:
    """What to do after an attempt.

    ``done``: the cursor moves behind the envelope. ``accepted``: the receiver has answered it. ``failures``: operation
    ids that failed, with the receiver's reasons. ``isolate``: withdraw the envelope and send smaller ones. ``wait``:
    the same envelope again in so many seconds. ``stop``: the lane fails, and why. ``gone``: the target is disabled.
    ``attempts``: how many attempts of this envelope have failed by now. ``error``: what went wrong, for people.
    ``warning``: what of the answer could not be understood, for people.
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


def judge(
    result: Answer | CourseSyncError, operation_ids: Sequence[str], attempts: int, schedule: Sequence[float]
) -> Verdict:
    """Return the verdict on one attempt; ``attempts`` have failed before it.

    Who must act decides (:mod:`course_sync_plugin.exceptions`): nobody, then the same envelope goes again; somebody
    about an entity, then it becomes a problem; the operator, then the lane stops. Nothing is ever skipped silently.
    """
    if isinstance(result, Answer):
        return _answered(result, attempts, schedule)
    if isinstance(result, RateLimited):
        return Verdict(wait=RETRY_AFTER.cut(result.retry_after), attempts=attempts, error=result.message)
    if isinstance(result, TransientError):
        return _unanswered(result.message, attempts + 1, schedule)
    if isinstance(result, TargetGone):
        return Verdict(gone=True, error=result.message)
    if isinstance(result, PermanentError) and operation_ids:
        return _refused(result.message, operation_ids)
    return Verdict(stop=True, attempts=attempts, error=result.message)


def _answered(answer: Answer, attempts: int, schedule: Sequence[float]) -> Verdict:
    failures = tuple((failed.operation_id, failed.reason) for failed in answer.failed)
    asked_again = [failed for failed in answer.failed if failed.retry]
    wait = next_wait(schedule, attempts + 1) if asked_again else None
    if wait is not None:
        return Verdict(wait=wait, attempts=attempts + 1, error=asked_again[0].reason, warning=answer.warning)
    return Verdict(done=True, accepted=True, failures=failures, warning=answer.warning)


def _unanswered(error: str, attempts: int, schedule: Sequence[float]) -> Verdict:
    wait = next_wait(schedule, attempts)
    return Verdict(wait=wait, stop=wait is None, attempts=attempts, error=error)


def _refused(error: str, operation_ids: Sequence[str]) -> Verdict:
    if len(operation_ids) > 1:
        return Verdict(isolate=True, error=error)
    return Verdict(done=True, failures=((operation_ids[0], error),), error=error)
