"""Tells late reads from edits. Some sites answer reads from a copy that is late: it still has what we have replaced."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import Interrupted
from course_sync_plugin.models import Attempt, DatabaseNow, LedgerReplica
from course_sync_plugin.replication.merge.replica import Replica
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.store.as_json import sides_from_json
from course_sync_plugin.replication.strategies.base import Side

#: Values that our writes replaced, by field: each with the time of the write in milliseconds.
Replaced = Mapping[str, list[list[Any]]]


def was_just_delivered(carry: Carry) -> bool:
    """Tell whether a read may not show yet what was written, created or placed."""
    sent = Attempt.objects.filter(lane__target=carry.link.target_id, lane__course=carry.course)
    last = sent.annotate(now=DatabaseNow()).order_by("-pk").first()
    return last is not None and (last.now - last.began_at).total_seconds() < carry.site.lag_seconds + last.seconds


def wait_for_late_reads(carry: Carry) -> None:
    """Raise Interrupted if what seems to be missing may have been made just now: it is looked at again later."""
    if was_just_delivered(carry):
        text = "Reads may not show yet what was just written, so what is missing is looked at again."
        raise Interrupted(text, retry_after=carry.site.lag_seconds)


def values_that_may_be_read(carry: Carry, row: LedgerReplica, replica: Replica, sides: Collection[str]) -> Replaced:
    """Return what a late read may show after a write of the fields ``sides``. Store it before the write.

    That is what the site had, and what was sent before without an answer. ``row``: as it was before it was looked at.
    """
    now = carry.clock()
    recent = _recent(carry, row.replaced, now)
    sent = sides_from_json(row.sent)
    for name in sides:
        values = [replica.base[name], *([sent[name].value] if name in sent else [])]
        recent[name] = recent.get(name, []) + [[value, now] for value in values]
    return recent


def written_now(carry: Carry, replaced: Replaced, sides: Collection[str]) -> Replaced:
    """Return the values with the time at which the write was answered: a late copy has it some time after that."""
    now = carry.clock()
    times = {name: [[value, now] for value, _at in values] for name, values in replaced.items() if name in sides}
    return {**replaced, **times}


def still_sent(carry: Carry, replaced: Replaced, before: Replica, remote: Mapping[str, Any]) -> dict[str, Side]:
    """Return what was sent without an answer and may still arrive: what was read may be late."""
    recent = _recent(carry, replaced, carry.clock())
    return {name: one for name, one in before.sent.items() if name in recent and remote.get(name) == before.base[name]}


def without_late_reads(
    carry: Carry, entity: Entity, replaced: Replaced, replica: Replica, remote: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what was read, without the values that our writes have just replaced: they are not edits."""
    late = {name: [one for one, _at in some] for name, some in _recent(carry, replaced, carry.clock()).items()}

    def is_late(name: str, value: Any) -> bool:
        values = late.get(name, []) if name in replica.base else []
        return value in values or (bool(values) and carry.site.ours(entity, name, value) in values)

    return {name: replica.base[name] if is_late(name, value) else value for name, value in remote.items()}


def _recent(carry: Carry, replaced: Replaced, now: int) -> dict[str, list[list[Any]]]:
    since = now - carry.site.lag_seconds * 1000
    recent = {name: [one for one in values if one[1] > since] for name, values in replaced.items()}
    return {name: values for name, values in recent.items() if values}
