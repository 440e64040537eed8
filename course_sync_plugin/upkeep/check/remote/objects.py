"""Finds objects that are missing, were deleted there, were not removed, or should not be there."""

from __future__ import annotations

from collections.abc import Iterator

from course_sync_plugin.data import Entity
from course_sync_plugin.keys import block_type_of
from course_sync_plugin.replication.merge.presence import RemoteDelete
from course_sync_plugin.targets.two_way.site import Remote
from course_sync_plugin.upkeep.check.remote.drift import Compared, Drift, listed


def find_not_removed(compared: Compared) -> Iterator[Drift]:
    """Yield the entities in the ledger that the course does not have any more, children first."""
    course, tree = compared.carry.course.key, compared.carry.tree
    for entity_id, row in reversed(list(compared.rows.items())):
        objects = compared.objects[entity_id]
        is_known = entity_id in tree or entity_id in compared.waiting.entities or entity_id in compared.unclear
        if is_known or row.note or not objects:
            continue
        kind = "not-removed" if block_type_of(entity_id, course) else "not-of-course"
        yield Drift(kind, entity_id, {"objects": _with_ids(objects)})


def find_surplus(compared: Compared, entity: Entity) -> Iterator[Drift]:
    """Yield an entity with objects that it should not have. What learners must not see is hidden, not deleted."""
    objects, site = compared.objects.get(entity.entity_id, {}), compared.carry.site
    parts = site.parts(entity)
    surplus = {part: one for part, one in objects.items() if part not in parts}
    if surplus and not site.is_hidden(entity):
        yield Drift("without-counterpart", entity.entity_id, {"objects": _with_ids(surplus)})


def lacking(compared: Compared, entity: Entity) -> list[str]:
    """Return the parts that an entity should have, and that the ledger does not have."""
    types = compared.carry.link.target.entity_types
    objects = compared.objects.get(entity.entity_id, {})
    wanted = compared.carry.site.parts(entity) if not types or entity.entity_type in types else ()
    return [part for part in wanted if part not in objects]


def find_noted_deletion(compared: Compared, entity_id: str) -> Iterator[Drift]:
    """Yield an entity that was deleted there, unless the target says that this is respected."""
    if compared.carry.recreate:
        yield Drift("not-recreated", entity_id)
    elif compared.carry.site.config.options.get("on_remote_delete") != RemoteDelete.RESPECT:
        yield Drift("deleted-noted", entity_id)


def missing(compared: Compared, entity: Entity, parts: list[str], *, is_blocked: bool) -> Drift:
    """Return the difference for parts that the ledger lacks. An object that looks like one of them may be there.

    ``is_blocked``: what the entity is in cannot be brought, so it cannot be brought either.
    """
    names = {"parts": listed(parts)}
    if is_blocked:
        return Drift("missing-below", entity.entity_id, names)
    found: dict[str, Remote] = {}
    for part in parts:
        there = compared.carry.site.candidates(entity, part, "", anew=False)
        if len(there) > 1:
            ids = listed(sorted(one.remote_id for one in there))
            return Drift("ambiguous", entity.entity_id, {**names, "objects": f"{part} {ids}"})
        if there:
            found[part] = there[0]
            objects = compared.objects.get(entity.entity_id, {})
            compared.set_objects(entity.entity_id, {**objects, part: there[0].remote_id})
    if not found:
        return Drift("missing", entity.entity_id, names)
    ids = _with_ids({part: one.remote_id for part, one in found.items()})
    return Drift("unlinked", entity.entity_id, {**names, "objects": ids}, found=found)


def _with_ids(objects: dict[str, str]) -> str:
    return listed(f"{part} {remote_id}" for part, remote_id in objects.items())
