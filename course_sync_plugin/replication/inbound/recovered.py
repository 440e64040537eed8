"""Takes up again what somebody deleted at a linked system, and people have recovered since: it is the same object."""

from __future__ import annotations

from collections.abc import Mapping

from course_sync_plugin.models import LedgerReplica
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.store.former import former_replicas


def take_back_recovered(carry: Carry) -> list[str]:
    """Make recovered objects ours again. Return the ids of their entities.

    What each side has changed since the deletion is found as an edit of that side.
    """
    gone = list(carry.link.replicas.exclude(deleted_at=None).order_by("pk"))
    former = former_replicas(carry.link) if gone else {}
    carry.tree.load([row.entity_id for row in gone])
    known = [(row, former[row.entity_id].objects_there) for row in gone if row.entity_id in former]
    return [row.entity_id for row, objects in known if _take_back(carry, row, objects)]


def _take_back(carry: Carry, row: LedgerReplica, objects: Mapping[str, str]) -> bool:
    """Take back what an entity lacks, if all of it is there. A mark is as it was."""
    site, entity = carry.site, carry.tree.entity(row.entity_id)
    lost = {part: one for part, one in objects.items() if part not in row.objects_there}
    real = {part: one for part, one in lost.items() if part not in site.marks}
    if entity is None or not real or not all(site.is_recovered(part, one) for part, one in real.items()):
        return False
    carry.save_objects(row, {**row.objects_there, **lost}, deleted_at=None)
    return True
