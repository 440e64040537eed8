"""What is ours at a linked system: the objects of each entity, as the ledger has them."""

from __future__ import annotations

from collections.abc import Collection

from course_sync_plugin.models import LedgerReplica, Link
from course_sync_plugin.targets.two_way.site import Objects


class LedgerObjects:
    """The objects of all entities of a link, read once in a turn and kept up to date by it.

    A link that is planned and not saved yet has none.
    """

    def __init__(self, link: Link):
        self._objects: dict[str, Objects] = {}
        self._owners: dict[tuple[str, str], str] = {}
        rows = LedgerReplica.objects.filter(link=link.pk).values_list("entity_id", "objects_there")
        for entity_id, objects in rows.iterator(chunk_size=5000):
            self.set(entity_id, objects)

    def of(self, entity_id: str) -> Objects:
        """Return the objects of an entity; empty if it has none."""
        return self._objects.get(entity_id, {})

    def owner(self, remote_id: str, part: str) -> str | None:
        """Return the entity that has this object as its ``part``; None if the object is not ours."""
        return self._owners.get((part, remote_id))

    def entities(self) -> Collection[str]:
        """Return the ids of the entities that have an object."""
        return self._objects.keys()

    def set(self, entity_id: str, objects: Objects) -> None:
        """Note the objects of an entity."""
        for part, remote_id in self._objects.pop(entity_id, {}).items():
            self._owners.pop((part, remote_id), None)
        if objects:
            self._objects[entity_id] = dict(objects)
            self._owners |= dict.fromkeys(objects.items(), entity_id)
