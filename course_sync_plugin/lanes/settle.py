"""Writing a verdict down, inside the transaction that also makes the next envelope."""

from __future__ import annotations

from typing import Any

from course_sync_plugin import leases
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.problems import write_answer
from course_sync_plugin.lanes.verdict import Verdict
from course_sync_plugin.models import DatabaseNow, Envelope, JournalOperation, Lane, Target


def settle(lane: Lane, envelope: Envelope, verdict: Verdict, blocked: Blocked) -> None:
    """Bring the lane in line with what came of an envelope. Raises LeaseLost, and nothing is written, where the lane
    is in other hands by now.
    """
    said = {"attempts": verdict.attempts, "last_error": verdict.error, "last_warning": verdict.warning}
    values = {**said, **_progress(lane, envelope, verdict)}
    if verdict.wait is not None:
        values["due_at"] = DatabaseNow(verdict.wait)
    change(lane, **values)
    if verdict.gone:
        Target.objects.filter(pk=lane.target_id).update(disabled_reason=verdict.error)
    if verdict.done or verdict.isolate:
        envelope.delete()
    if verdict.done and (verdict.failures or blocked):
        rows = JournalOperation.objects.filter(operation_id__in=envelope.operation_ids).order_by("position")
        write_answer(lane, rows, dict(verdict.failures), blocked)


def change(lane: Lane, **values: Any) -> None:
    """Change the lane, in the database and in hand."""
    leases.update_held(lane, lane.lease_token, **values)
    for name, value in values.items():
        setattr(lane, name, value)


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
