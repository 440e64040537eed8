"""Makes the lane of a link bring entities again, although Open edX has not changed them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models.functions import Coalesce

from course_sync_plugin.data import Entity, Operation
from course_sync_plugin.journal.append import append, lock
from course_sync_plugin.models import Course, DatabaseNow, Lane, Link, RunKind
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.tree import RecordedTree


def send_again(carry: Carry, changed: Collection[str], moved: Collection[str] = ()) -> None:
    """Append a repair for the lane of a link that names these entities. A lane without a baseline needs none."""
    operations = [
        look_again(carry.tree, entity, kind)
        for kind, ids in (("move", moved), ("update", changed))
        for one in ids
        if (entity := carry.tree.entity(one))
    ]
    append_repair(carry.link, operations)


def append_repair(link: Link, operations: Sequence[Operation]) -> None:
    """Append operations to the journal, for the lane of this link only."""
    if not operations:
        return
    with transaction.atomic():
        course = lock(Course.objects.get(pk=link.course_id))
        lane = Lane.objects.select_related("target").filter(target=link.target_id, course=course).first()
        if lane is None or lane.cursor is None:
            return
        append(course, operations, RunKind.REPAIR, lane=lane)
        due_at = Coalesce("due_at", DatabaseNow())
        Lane.objects.filter(pk=lane.pk).update(end=course.last_position, due_at=due_at)


def look_again(tree: RecordedTree, entity: Entity, kind: str) -> Operation:
    """Return an operation that says: bring this entity again, or with ``move``: its place. It changes nothing."""
    if kind != "move":
        return Operation(kind, entity.entity_type, entity.entity_id, entity.block_type)
    siblings = list(tree.children(entity.parent_id or ""))
    index = siblings.index(entity.entity_id)
    return Operation(
        kind,
        entity.entity_type,
        entity.entity_id,
        entity.block_type,
        entity.parent_id,
        index,
        siblings[index - 1] if index else None,
        previous={"parent_id": entity.parent_id, "index": index},
    )
