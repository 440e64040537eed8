"""Makes objects ours again that somebody deleted at a linked system and that people have recovered there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from course_sync_plugin.data import Entity
from course_sync_plugin.models import LedgerReplica
from course_sync_plugin.replication.outbound.bring import has_place
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.store.former import former_replicas
from course_sync_plugin.targets.two_way.site import Objects


def take_back_recovered(carry: Carry) -> list[str]:
    """Make recovered objects ours again. Return the ids of their entities.

    What each side has changed since the deletion is found as an edit of that side.
    """
    gone = list(carry.link.replicas.exclude(deleted_at=None).order_by("pk"))
    former = former_replicas(carry.link) if gone else {}
    carry.tree.load([row.entity_id for row in gone])
    scan = _is_first_of_the_day(carry)
    known = [(row, former[row.entity_id].objects_there) for row in gone if row.entity_id in former]
    return [row.entity_id for row, objects in known if _take_back(carry, row, objects, scan)]


def _is_first_of_the_day(carry: Carry) -> bool:
    """Tell whether this is the first look of the day (UTC): only that one may read further lists."""
    before = carry.link.polled_at
    return before is None or before.date() < datetime.fromtimestamp(carry.clock() / 1000, UTC).date()


def _take_back(carry: Carry, row: LedgerReplica, objects: Mapping[str, str], scan: bool) -> bool:
    """Take back what an entity lacks. A mark is as it was; a pointer may be lacking, then it is created again.

    What is below something that is not there any more is not taken back: it could not be brought to its place.
    """
    entity = carry.tree.entity(row.entity_id)
    lost = {part: one for part, one in objects.items() if part not in row.objects_there}
    if entity is None or not has_place(carry, entity):
        return False
    found = dict(_recovered(carry, lost, scan))
    real = lost.keys() - set(carry.site.marks)
    needed = real - set(carry.site.pointers) or real
    if not needed or not needed <= found.keys():
        return False
    marks = {part: one for part, one in lost.items() if part in carry.site.marks}
    carry.save_objects(row, {**row.objects_there, **found, **marks}, deleted_at=None)
    for part in lost.keys() - found.keys() - marks.keys():
        _take_pointer(carry, row, entity, part)
    return True


def _take_pointer(carry: Carry, row: LedgerReplica, entity: Entity, part: str) -> None:
    """Take the object that people have made to show what they recovered, if there is one where it belongs."""
    there = carry.site.candidates(entity, part, "", anew=False)
    if len(there) == 1:
        carry.save_objects(row, {**row.objects_there, part: there[0].remote_id})


def _recovered(carry: Carry, lost: Objects, scan: bool) -> Iterator[tuple[str, str]]:
    for part, remote_id in lost.items():
        if part not in carry.site.marks and carry.site.is_recovered(part, remote_id, scan=scan):
            yield part, remote_id
