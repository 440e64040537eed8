"""Defines one difference, and what of a link is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from course_sync_plugin.models import LedgerReplica, Link
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.targets.two_way.site import Remote
from course_sync_plugin.upkeep.check.finding import Finding
from course_sync_plugin.upkeep.check.remote.kinds import KINDS, Action
from course_sync_plugin.upkeep.check.remote.waiting import Waiting


@attrs.frozen
class Drift:
    """One difference. ``values``: what its sentence names.

    ``seen``: the values on all sides, as JSON. A repair is made only if they are still the same. ``found``: the objects
    to take over, by part.
    """

    kind: str
    entity_id: str
    values: Mapping[str, str] = attrs.field(factory=dict)
    seen: tuple[Any, ...] = ()
    found: Mapping[str, Remote] = attrs.field(factory=dict)

    @property
    def action(self) -> Action:
        """Return what the repair does."""
        return KINDS[self.kind].action

    def finding(self, link: Link) -> Finding:
        """Return what operators see of it."""
        kind = KINDS[self.kind]
        return Finding(
            f"remote-{kind.name}",
            kind.severity.value,
            link.target.name,
            link.course.key,
            self.entity_id,
            str(link.pk),
            str(kind.what).format(**self.values),
            str(kind.repair),
            kind.made_by.value,
        )


@attrs.define
class Compared:
    """One link while it is compared.

    ``objects``: the objects of each entity, without those that belong to another one. ``rows``: the rows of the ledger.
    Both are by the id of the entity. ``unclear``: the entities with objects of which it is not clear whose they are.
    """

    carry: Carry
    waiting: Waiting
    rows: Mapping[str, LedgerReplica]
    objects: dict[str, dict[str, str]]
    unclear: set[str] = attrs.field(factory=set)

    def set_objects(self, entity_id: str, objects: Mapping[str, str]) -> None:
        """Note which objects an entity has, for the rest of the comparison."""
        self.objects[entity_id] = dict(objects)
        self.carry.known.set(entity_id, objects)


def listed(names: Iterable[str]) -> str:
    """Return names as a text."""
    return ", ".join(names)
