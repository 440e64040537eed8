"""Finds objects that belong to two entities in the ledger, and decides whose they are by what they look like."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from course_sync_plugin.targets.two_way.site import Gone
from course_sync_plugin.upkeep.check.remote.drift import Compared, Drift, listed

#: An object, by its part and its identifier.
_Object = tuple[str, str]


def find_two_owners(compared: Compared) -> Iterator[Drift]:
    """Yield the entities that have an object of another one. From then on they count as without it."""
    for owners, objects in sorted(_shared(compared).items()):
        fitting = [one for one in owners if _fits(compared, one)]
        owner = fitting[0] if len(fitting) == 1 else None
        for one in owners:
            if one != owner:
                others = [owner] if owner else [other for other in owners if other != one]
                yield _drift(compared, one, objects, others, is_clear=owner is not None)
        if owner:
            compared.set_objects(owner, compared.objects[owner])  # what the others lost is still known to be its own


def _shared(compared: Compared) -> dict[tuple[str, ...], list[_Object]]:
    """Return the objects with several owners, by these owners."""
    owners: defaultdict[_Object, list[str]] = defaultdict(list)
    for entity_id, objects in compared.objects.items():
        for part, remote_id in objects.items():
            if part not in compared.carry.site.marks:
                owners[part, remote_id].append(entity_id)
    shared: defaultdict[tuple[str, ...], list[_Object]] = defaultdict(list)
    for one, entity_ids in owners.items():
        if len(entity_ids) > 1:
            shared[tuple(sorted(entity_ids))].append(one)
    return dict(shared)


def _fits(compared: Compared, entity_id: str) -> bool:
    """Tell whether the objects of an entity have the values that Open edX has."""
    carry, row = compared.carry, compared.rows[entity_id]
    entity = carry.tree.entity(entity_id)
    if entity is None or not row.base or not compared.objects[entity_id].keys() >= set(carry.site.parts(entity)):
        return False
    try:
        remote = carry.site.read(entity, row.base)
    except Gone:
        return False
    here = carry.shared(carry.with_content(entity))
    return all(carry.site.ours(entity, name, value) == here[name] for name, value in remote.items() if name in here)


def _drift(compared: Compared, entity_id: str, objects: list[_Object], others: list[str], *, is_clear: bool) -> Drift:
    values = {"objects": listed(f"{part} {remote_id}" for part, remote_id in objects), "other": listed(others)}
    if not is_clear:
        compared.unclear.add(entity_id)
        return Drift("two-owners-unclear", entity_id, values)
    lost = {part for part, _remote_id in objects}
    left = {part: one for part, one in compared.objects[entity_id].items() if part not in lost}
    compared.set_objects(entity_id, left)
    return Drift("two-owners", entity_id, values, seen=tuple(sorted(lost)))
