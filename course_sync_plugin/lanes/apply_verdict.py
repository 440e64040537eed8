"""Applies a verdict to the lane, its envelope, its problems and its target.

The caller's transaction also makes the next envelope.
"""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Coalesce

from course_sync_plugin.lanes.attempts import Sent, error_class, write_attempt
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.breaker import is_probe
from course_sync_plugin.lanes.problems import write_answer
from course_sync_plugin.lanes.verdict import Signal, Verdict
from course_sync_plugin.models import DatabaseNow, Envelope, JournalOperation, Lane, Target, leases


def apply_verdict(lane: Lane, envelope: Envelope, verdict: Verdict, blocked: Blocked, sent: Sent | None = None) -> None:
    """Write what the verdict on an attempt to send ``envelope`` means for the lane, and the row of the attempt.

    ``sent``: the request; None if there was none, then there is no row either. Raises LeaseLost if another worker has
    taken over the lane; then nothing is written.
    """
    last_attempt = {"attempts": verdict.attempts, "last_error": verdict.error, "last_warning": verdict.warning}
    values = {**last_attempt, **_retrying(lane, verdict), **_progress(lane, envelope, verdict)}
    values["error_class"] = error_class(verdict, sent.result) if sent and verdict.error else ""
    first = (lane.cursor or 0) + 1
    if verdict.wait is not None:
        values["due_at"] = DatabaseNow(verdict.wait)
    change(lane, **values)
    if verdict.gone:
        Target.objects.filter(pk=lane.target_id).update(disabled_reason=verdict.error)
    if verdict.done or verdict.isolate:
        envelope.delete()
    if verdict.done and (verdict.failures or blocked):
        rows = JournalOperation.objects.filter(operation_id__in=envelope.operation_ids).order_by("position")
        write_answer(lane, rows, dict(verdict.failures), blocked, sent)
    if sent:
        write_attempt(lane, envelope, verdict, sent, first)


def change(lane: Lane, **values: Any) -> None:
    """Change columns of the lane, in the database and in the object. Raises LeaseLost if the lease is lost."""
    leases.update_held(lane, lane.lease_token, **values)
    for name, value in values.items():
        setattr(lane, name, value)


def _retrying(lane: Lane, verdict: Verdict) -> dict[str, Any]:
    """Return since when the lane has had no answer, and whether that may be because of its target.

    ``stopped_by_target`` becomes True with the first attempt without an answer. An answer to another lane of the target
    makes it False (:mod:`course_sync_plugin.lanes.breaker`): then the content of this lane is the reason. A lane that
    stops at its first failure has no time to learn that. So for it, False stays until it was answered itself.
    """
    if verdict.signal in (Signal.LIMITED, Signal.NONE):
        return {"retrying_since": None}
    if verdict.done or verdict.isolate:
        return {"retrying_since": None, "stopped_by_target": None, "failing": False}
    values: dict[str, Any] = {"retrying_since": Coalesce("retrying_since", DatabaseNow())}
    if verdict.signal is Signal.ANSWERED:
        return {**values, "stopped_by_target": False if verdict.stop else None, "failing": False}
    is_first = lane.stopped_by_target is None or (verdict.wait is not None and not lane.attempts)
    return {**values, "stopped_by_target": True} if is_first or is_probe(lane) else values


def _progress(lane: Lane, envelope: Envelope, verdict: Verdict) -> dict[str, Any]:
    if verdict.stop:
        return {"failing": True}
    if not (verdict.isolate or verdict.done):
        return {}
    values: dict[str, Any] = {"sequence": envelope.sequence + 1}
    if verdict.isolate:
        return {**values, "isolate_size": len(envelope.operation_ids) // 2, "isolate_until": envelope.last}
    in_step = verdict.accepted and envelope.end_of_run and not verdict.failures
    values |= {"cursor": envelope.last, "closing": not in_step}
    if verdict.accepted:
        values["answered_sequence"] = envelope.sequence
    if in_step:
        values["delivered_version"] = envelope.published_version
    if lane.isolate_until and (verdict.failures or envelope.last >= lane.isolate_until):
        values |= {"isolate_size": None, "isolate_until": None}
    return values
