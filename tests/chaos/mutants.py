"""Faults for the plugin's own code. With each of them the campaign must fail; else it proves nothing.

The last two are for the campaign of two-way targets.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import attrs


def new_ids_on_retry() -> None:
    """Each attempt to send an envelope gives its operations new ids."""
    from course_sync_plugin.lanes import deliver

    as_message = deliver.as_message

    def changed(*arguments: Any) -> Any:
        message = as_message(*arguments)
        body = message.body
        for operation_id in message.operation_ids:
            body = body.replace(operation_id.encode(), str(uuid.uuid4()).encode())
        return attrs.evolve(message, body=body)

    deliver.as_message = changed


def cursor_before_the_answer() -> None:
    """The cursor moves before the envelope is sent, and the envelope is forgotten."""
    from course_sync_plugin.lanes.deliver import LaneTurn
    from course_sync_plugin.models import Envelope, Lane

    send = LaneTurn.send

    def too_early(self: Any, target: Any, envelope: Any) -> Any:
        Envelope.objects.filter(pk=envelope.pk).delete()
        Lane.objects.filter(pk=self.lane.pk).update(cursor=envelope.last, sequence=envelope.sequence + 1)
        return send(self, target, envelope)

    LaneTurn.send = too_early


def lease_ignored() -> None:
    """A lane is claimed although another worker holds it, and a worker writes although it has lost the lease."""
    from django.db.models import Q

    from course_sync_plugin.models import leases

    leases.free = lambda: Q(pk__isnull=False)

    def change_anyway(row: Any, token: str, **values: Any) -> None:
        type(row)._default_manager.filter(pk=row.pk).update(**values)

    leases._change = change_anyway


def updates_dropped() -> None:
    """One update in five is not recorded."""
    from course_sync_plugin.sync import course

    diff = course.diff

    def some(*arguments: Any) -> Any:
        operations = diff(*arguments)
        return [one for one in operations if one.operation != "update" or uuid.UUID(one.id).int % 5]

    course.diff = some


def intents_ignored() -> None:
    """What is left of a creation under way is thrown away: nobody looks whether the object was made."""
    from course_sync_plugin.replication.outbound import create

    create._settle = lambda _carry, intent: intent.delete()


def edits_not_seen() -> None:
    """What people edit at a linked system is taken for a late read, and overwritten by the next edit of an author."""
    from course_sync_plugin.replication.outbound import looks

    def as_before(_carry: Any, _entity: Any, _replaced: Any, replica: Any, remote: Any) -> Any:
        return {name: replica.base.get(name, value) for name, value in remote.items()}

    looks.without_late_reads = as_before


MUTANTS: dict[str, Callable[[], None]] = {
    "new-ids-on-retry": new_ids_on_retry,
    "cursor-before-the-answer": cursor_before_the_answer,
    "lease-ignored": lease_ignored,
    "updates-dropped": updates_dropped,
    "intents-ignored": intents_ignored,
    "edits-not-seen": edits_not_seen,
}
