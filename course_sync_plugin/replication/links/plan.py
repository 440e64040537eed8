"""Plans a link: which counterpart it joins a course to, and which objects are taken over there. It changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import Link, Seed
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.target import TwoWayTarget
from course_sync_plugin.replication.store.former import former_replicas
from course_sync_plugin.targets.two_way.site import Counterpart, Remote


@attrs.frozen
class TakenOver:
    """An object that is there already and becomes ours. ``is_former``: it was ours until an earlier link ended."""

    entity_id: str
    part: str
    there: Remote
    is_former: bool = False


@attrs.frozen
class Ambiguous:
    """An entity for which there are several objects of the same kind, title and place, and none that was ours."""

    entity_id: str
    part: str
    remote_ids: tuple[str, ...]


@attrs.frozen
class LinkPlan:
    """What a link would do.

    ``created``: the number of entities that get new objects, by their type. ``without``: the number of entities that
    have no counterpart there, by their type. ``ambiguous``: a link cannot be made while there is one.
    """

    counterpart: Counterpart
    created: Mapping[str, int]
    without: Mapping[str, int]
    taken_over: Sequence[TakenOver] = ()
    ambiguous: Sequence[Ambiguous] = ()


def plan_link(target: TwoWayTarget, link: Link) -> LinkPlan:
    """Return what a link that is not saved yet would do. Raises the errors of ``Target.send``."""
    carry = target.carry_for(link)
    try:
        counterpart = carry.site.counterpart() if link.remote_id else carry.site.planned_counterpart(course_of(carry))
        carry.site.check_rights()
        taken_over, ambiguous = _matches(carry) if link.seed == Seed.MATCH and link.remote_id else ([], [])
        has_objects = {one.entity_id for one in taken_over}
        created, without = _counts(carry, has_objects)
        return LinkPlan(counterpart, created, without, taken_over, ambiguous)
    finally:
        carry.site.close()


def course_of(carry: Carry) -> Entity:
    """Return the entity of the course. Raises ConfigurationError if it is not recorded."""
    course = carry.tree.entity(carry.course.key)
    if course is None:
        raise ConfigurationError(f"{carry.course.key} is not recorded, so there is nothing to create.")
    return course


def check_unambiguous(plan: LinkPlan) -> None:
    """Raise ConfigurationError if it is not known which object belongs to an entity."""
    if plan.ambiguous:
        first = plan.ambiguous[0]
        raise ConfigurationError(
            f"Several objects match {first.entity_id}: {', '.join(first.remote_ids)}. "
            f"Entities with several matches: {len(plan.ambiguous)}. "
            "Rename or delete the objects that do not belong to the course, then link."
        )


def entities_in_order(carry: Carry) -> Iterator[Entity]:
    """Yield the entities of a course, each parent before its children."""
    waiting = [carry.course.key]
    while waiting:
        entity = carry.tree.entity(waiting.pop())
        if entity:
            yield entity
            waiting.extend(reversed(carry.tree.children(entity.entity_id)))


def _matches(carry: Carry) -> tuple[list[TakenOver], list[Ambiguous]]:
    """Return the objects to take over. What is matched at once counts as known when its children are matched.

    What was ours on an earlier link is known for certain, so it comes first. The rest is known by title and place.
    """
    taken_over = list(_former(carry))
    ambiguous: list[Ambiguous] = []
    for entity in entities_in_order(carry):
        for part in carry.site.parts(entity):
            if part in carry.known.of(entity.entity_id):
                continue
            found = carry.site.candidates(entity, part, "", anew=False)
            if len(found) > 1:
                ambiguous.append(Ambiguous(entity.entity_id, part, tuple(one.remote_id for one in found)))
            elif found:
                taken_over.append(TakenOver(entity.entity_id, part, found[0]))
                _note(carry, entity, part, found[0])
    return taken_over, ambiguous


def _former(carry: Carry) -> Iterator[TakenOver]:
    """Yield what was ours until an earlier link ended, is there still, and is a part of its entity now."""
    former = former_replicas(carry.link)
    for entity in entities_in_order(carry):
        objects = former[entity.entity_id].objects_there if entity.entity_id in former else {}
        found: dict[str, Remote] = {}
        for part in sorted(objects, key=carry.site.part_order.index):
            there = carry.site.former(entity, part, objects[part])
            if there:
                found[part] = there
                _note(carry, entity, part, there)
        wanted = carry.site.parts(entity)
        kept = {part: there for part, there in found.items() if part in wanted}
        carry.known.set(entity.entity_id, {part: there.remote_id for part, there in kept.items()})
        yield from (TakenOver(entity.entity_id, part, there, is_former=True) for part, there in kept.items())


def _note(carry: Carry, entity: Entity, part: str, found: Remote) -> None:
    carry.known.set(entity.entity_id, {**carry.known.of(entity.entity_id), part: found.remote_id})


def _counts(carry: Carry, has_objects: set[str]) -> tuple[dict[str, int], dict[str, int]]:
    created: Counter[str] = Counter()
    without: Counter[str] = Counter()
    for entity in entities_in_order(carry):
        if entity.entity_type == "course":
            continue
        counts: Any = created if carry.site.parts(entity) else without
        counts[entity.entity_type] += entity.entity_id not in has_objects
    return dict(+created), dict(+without)
