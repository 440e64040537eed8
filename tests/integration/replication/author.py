"""An author who edits and publishes a small course: sections with subsections and units, which move."""

from __future__ import annotations

from random import Random
from typing import Any

import attrs

from course_sync_plugin import api
from course_sync_plugin.data import Entity, Structure
from tests.integration.courses import COURSE, SHELF, approve, block

BLOCK_TYPES = {"section": "chapter", "subsection": "sequential", "unit": "vertical"}
BELOW = {"course": "section", "section": "subsection", "subsection": "unit"}

#: The most entities of each type below the course.
MOST = {"section": 3, "subsection": 3, "unit": 5}

#: The fields that the author edits, by the type of the entity.
FIELDS = {
    "section": ("display_name", "start"),
    "subsection": ("display_name", "start", "due"),
    "unit": ("display_name",),
}


@attrs.define
class Author:
    """The draft of the course. ``values``: what the author wrote, by entity and field, in order."""

    children: dict[str, list[str]] = attrs.field(factory=lambda: {COURSE: []})
    fields: dict[str, dict[str, Any]] = attrs.field(factory=lambda: {COURSE: {"display_name": "Bees"}})
    types: dict[str, str] = attrs.field(factory=lambda: {COURSE: "course"})
    versions: int = 0
    edits: int = 0

    def structure(self) -> Structure:
        """Return the course as it is now."""
        parents = {child: parent for parent, children in self.children.items() for child in children}
        entities = {one: self._entity(one, parents.get(one)) for one in self.below(COURSE)}
        children = {parent: tuple(some) for parent, some in self.children.items() if some}
        return Structure(COURSE, str(self.versions), entities, children)

    def publish(self) -> None:
        """Publish the draft. The sync records it; a mass deletion is approved."""
        self.versions += 1
        SHELF.publish(self.structure())
        api.sync_course(COURSE)
        approve()

    def edit(self, chance: Random) -> None:
        """Make one small edit of any kind."""
        kind = chance.choice(["rename", "rename", "add", "add", "move", "move", "delete"])
        blocks = [one for one in self.children if one != COURSE]
        if kind == "add" or not blocks:
            self.add(chance)
        elif kind == "move":
            self._move(chance, chance.choice(blocks))
        elif kind == "delete":
            self._delete(chance.choice(blocks))
        else:
            entity_id = chance.choice(blocks)
            self.write(entity_id, chance.choice(FIELDS[self.types[entity_id]]))

    def write(self, entity_id: str, field: str) -> None:
        """Give a field a new value."""
        self.edits += 1
        self.fields[entity_id][field] = f"author {self.edits}"

    def add(self, chance: Random, parent_type: str = "") -> None:
        """Add a block. Its name may be that of a block that was deleted."""
        parents = [one for one in self.children if self.types[one] in ({parent_type} if parent_type else BELOW)]
        parent = chance.choice(sorted(parents) or [COURSE])
        kind = BELOW[self.types[parent]]
        free = [
            one for one in (f"{kind}-{number}" for number in range(MOST[kind])) if self._id(kind, one) not in self.types
        ]
        if free:
            name = chance.choice(free)
            new = self._id(kind, name)
            self.children[parent].insert(chance.randint(0, len(self.children[parent])), new)
            self.children[new], self.fields[new], self.types[new] = [], {"display_name": name}, kind

    def move_to(self, entity_id: str, parent: str, after: str | None) -> bool:
        """Move a block as it was proposed. Return False if the place is not there any more."""
        siblings = self.children.get(parent)
        if siblings is None or BELOW.get(self.types[parent]) != self.types[entity_id]:
            return False
        if after is not None and (after == entity_id or after not in siblings):
            return False
        self._parent_of(entity_id).remove(entity_id)
        siblings.insert(siblings.index(after) + 1 if after else 0, entity_id)
        return True

    def below(self, entity_id: str) -> list[str]:
        """Return an entity and all below it, in document order."""
        return [entity_id, *(one for child in self.children[entity_id] for one in self.below(child))]

    def _move(self, chance: Random, moving: str) -> None:
        self._parent_of(moving).remove(moving)
        parents = [one for one in self.children if BELOW.get(self.types[one]) == self.types[moving]]
        siblings = self.children[chance.choice(sorted(parents))]
        siblings.insert(chance.randint(0, len(siblings)), moving)

    def _delete(self, victim: str) -> None:
        self._parent_of(victim).remove(victim)
        for gone in self.below(victim):
            del self.fields[gone], self.types[gone]
        self.children = {one: some for one, some in self.children.items() if one in self.types}

    def _parent_of(self, entity_id: str) -> list[str]:
        return next(children for children in self.children.values() if entity_id in children)

    def _entity(self, entity_id: str, parent_id: str | None) -> Entity:
        kind = self.types[entity_id]
        return Entity(entity_id, kind, BLOCK_TYPES.get(kind, "course"), parent_id, dict(self.fields[entity_id]))

    @staticmethod
    def _id(kind: str, name: str) -> str:
        return block(BLOCK_TYPES[kind], name)
