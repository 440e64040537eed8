"""Compares one link: reads the counterpart anew, and finds each difference. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F
from django.utils.translation import gettext as _

from course_sync_plugin.data import Entity
from course_sync_plugin.models import DatabaseNow, Envelope, Intent, Lane
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.late_reads import was_just_delivered
from course_sync_plugin.upkeep.check.lanes import FORGOTTEN_SECONDS
from course_sync_plugin.upkeep.check.remote.drift import Compared, Drift, listed
from course_sync_plugin.upkeep.check.remote.fields import find_in_fields
from course_sync_plugin.upkeep.check.remote.kinds import UNDECIDED, Action
from course_sync_plugin.upkeep.check.remote.objects import (
    find_not_removed,
    find_noted_deletion,
    find_surplus,
    lacking,
    missing,
)
from course_sync_plugin.upkeep.check.remote.owners import find_two_owners
from course_sync_plugin.upkeep.check.remote.placed import find_misplaced
from course_sync_plugin.upkeep.check.remote.waiting import read_waiting

#: The kinds after which nothing can be created in an entity.
_BLOCKING = (*UNDECIDED, "missing-below", "deleted", "deleted-noted")


def why_not_now(carry: Carry) -> str:
    """Return why a link cannot be compared now; empty if it can. The caller holds its lane."""
    lanes = Lane.objects.filter(target=carry.link.target_id, course=carry.course)
    is_open = Envelope.objects.filter(lane__in=lanes).exists()
    if is_open or not lanes.filter(closing=False, cursor__gte=F("end")).exists():
        return _("it is not compared now: operations of the lane are on their way: see 'status'")
    if was_just_delivered(carry):
        return _("it is not compared now: it was delivered just now, and reads there may be late. Wait a minute")
    carry.tree.refresh()
    if carry.course.key not in carry.tree:
        return _("it is not compared: the course is not recorded, or was deleted")
    return ""


def compare(carry: Carry) -> list[Drift]:
    """Return all differences of a link. Raises the errors of ``Target.send``."""
    carry.site.begin()
    rows = {row.entity_id: row for row in carry.link.replicas.order_by("pk")}
    objects = {entity_id: dict(row.objects_there) for entity_id, row in rows.items()}
    compared = Compared(carry, read_waiting(carry), rows, objects)
    found = [*find_two_owners(compared), *find_not_removed(compared)]
    found += _of_entities(compared, {one.entity_id for one in found if one.kind in UNDECIDED})
    found += _open_creations(carry)
    return [*found, *find_misplaced(compared, {one.entity_id for one in found if one.kind not in ("edited", "ledger")})]


def _of_entities(compared: Compared, undecided: set[str]) -> Iterator[Drift]:
    """Yield the differences of each entity of the course, each parent before its children."""
    blocked: set[str] = set(undecided)
    for entity in _in_order(compared.carry):
        if entity.entity_id in compared.waiting.entities:
            continue
        is_blocked = entity.parent_id in blocked or entity.parent_id in undecided
        found = list(_of_entity(compared, entity, is_blocked=is_blocked))
        if entity.parent_id in undecided:
            undecided.add(entity.entity_id)
            found = [one for one in found if one.action in (Action.LOOK, Action.NOTHING)]
        undecided |= {one.entity_id for one in found if one.kind in UNDECIDED}
        if any(one.kind in _BLOCKING for one in found) or _stays_away(compared, entity, blocked):
            blocked.add(entity.entity_id)
        yield from found


def _stays_away(compared: Compared, entity: Entity, blocked: set[str]) -> bool:
    """Tell whether an entity is not there and does not come back, so that nothing can be created in it."""
    row = compared.rows.get(entity.entity_id)
    is_accepted = row is not None and row.deleted_at is not None and not compared.carry.recreate
    return is_accepted or (entity.parent_id in blocked and not compared.objects.get(entity.entity_id))


def _of_entity(compared: Compared, entity: Entity, *, is_blocked: bool) -> Iterator[Drift]:
    row = compared.rows.get(entity.entity_id)
    if entity.entity_id in compared.unclear:
        return
    if row and row.deleted_at:
        yield from find_noted_deletion(compared, entity.entity_id)
        return
    yield from find_surplus(compared, entity)
    parts = lacking(compared, entity)
    if parts and entity.entity_id not in compared.waiting.creations:
        yield missing(compared, entity, parts, is_blocked=is_blocked)
    elif not parts and row and compared.objects[entity.entity_id]:
        yield from find_in_fields(compared, entity, row)


def _open_creations(carry: Carry) -> Iterator[Drift]:
    """Yield the creations that began long ago, with the parts that they were to make."""
    old = Intent.objects.filter(link=carry.link, began_at__lt=DatabaseNow(-FORGOTTEN_SECONDS)).order_by("pk")
    parts: dict[str, list[str]] = {}
    for intent in old:
        parts.setdefault(intent.entity_id, []).append(intent.part)
    for entity_id, names in parts.items():
        yield Drift("open-creation", entity_id, {"parts": listed(names)})


def _in_order(carry: Carry) -> Iterator[Entity]:
    """Yield the entities of the course, each parent before its children. They are read with few queries."""
    ids, waiting = [], [carry.course.key]
    while waiting:
        ids.append(waiting.pop())
        waiting += reversed(carry.tree.children(ids[-1]))
    carry.tree.load(ids)
    for entity in map(carry.tree.entity, ids):
        if entity:
            yield entity
