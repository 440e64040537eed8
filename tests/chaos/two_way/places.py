"""What is at each system in the end, compared with the course. The mapping is that of the reference documents."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from functools import cached_property
from typing import Any

import attrs

from course_sync_plugin.data import Structure
from course_sync_plugin.models import Conflict, LedgerReplica
from course_sync_plugin.replication.merge.fields import Reason
from course_sync_plugin.testing.canvas.objects import DELETED, Item, living
from sandbox.published.source import PublishedSource
from tests.chaos.two_way.author import COURSE
from tests.chaos.two_way.members import name_in
from tests.chaos.two_way.site import Person
from tests.chaos.two_way.teacher import tables
from tests.integration.replication.canvas_tree import Node, as_lines, expected, tree_of


def places(world: Any, person: Person) -> Place:
    """Return the place at which a person works."""
    return {"canvas": InCanvas, "forum": AtTheForum}[person.site](world, person)


class Place:
    """What is at one system. ``absent``: the entities whose objects people deleted there, and that stay deleted."""

    name = ""

    def __init__(self, world: Any, person: Person):
        self.world, self.person = world, person
        self.course: Structure = PublishedSource().read(COURSE)
        self.rows = {one.entity_id: one for one in LedgerReplica.objects.filter(link__target__name=self.name)}
        self.absent = {key for key, one in self.rows.items() if one.deleted_at and key in self.course.entities}

    def living(self) -> dict[Any, str]:
        """Return the title of each object that is there and is not foreign, by its key: its kind and its id."""
        raise NotImplementedError

    def different(self) -> list[str]:
        """Return how what is there differs from the course, without what is absent."""
        raise NotImplementedError

    def is_absent(self, entity_id: str | None) -> bool:
        """Tell whether an entity, or one above it, was deleted there."""
        while entity_id is not None and entity_id in self.course.entities:
            if entity_id in self.absent:
                return True
            entity_id = self.course.entities[entity_id].parent_id
        return False

    @cached_property
    def nobodys(self) -> dict[Any, str]:
        """The objects that are neither in the ledger nor foreign: let go, or made twice."""
        owned = {str(number) for row in self.rows.values() for number in row.objects_there.values()}
        return {key: title for key, title in self.living().items() if str(key[1]) not in owned}

    def twice(self) -> Iterator[str]:
        """Yield each object that is there once more than it should be."""
        let_go = {one.entity_id for one in self.rows.values() if one.note}
        kept = Conflict.objects.filter(link__target__name=self.name, reason=Reason.DELETED.value)
        let_go |= set(kept.values_list("entity_id", flat=True))
        met = Counter[Any]()
        for key, title in self.nobodys.items():
            owner = self.world.edits.owners.get(title)
            met[key[0], owner] += 1
            if owner is None or owner in self.course.entities or owner not in let_go or met[key[0], owner] > 1:
                yield f"{self.name}: {key} '{title}' is nobody's; it was made for {owner}"


class InCanvas(Place):
    """The linked course in Canvas."""

    name = "canvas"

    def living(self) -> dict[Any, str]:
        there = self.world.course_there
        found = [one for table in tables(there) for one in living(table.values()) if one.id not in self.person.foreign]
        return {(_kind(one), one.id): getattr(one, "title", None) or one.name for one in found}

    def different(self) -> list[str]:
        there = deepcopy(self.world.course_there)
        others = {*self.person.foreign, *(number for _kind, number in self.nobodys)}
        for number in others:
            for table in tables(there):
                if number in table:
                    table[number].state = DELETED
        found, wanted = as_lines(self._present(tree_of(there))), as_lines(self._present(expected(self.course)))
        lines = list(difflib.unified_diff(wanted, found, "course", "Canvas", lineterm="", n=1))
        return [f"canvas: {line}" for line in lines[2:]]

    def _present(self, nodes: list[Node]) -> list[Node]:
        """Return a tree without what is absent: nothing is said of its place."""
        kept = [one for one in nodes if not self.is_absent(self.world.edits.owners.get(one.title))]
        return [attrs.evolve(one, children=tuple(self._present([*one.children]))) for one in kept]


def _kind(thing: Any) -> str:
    """Return the kind of an object. The item that shows a page is another object than the page."""
    return f"{thing.kind} item" if isinstance(thing, Item) else type(thing).__name__


class AtTheForum(Place):
    """The linked category, its sub-categories, and the topics in them."""

    name = "forum"

    def living(self) -> dict[Any, str]:
        forum, linked = self.world.forum.forum, self.world.category_id
        sections = {one.id: one.name for one in forum.categories.values() if one.parent_id == linked}
        about = {one.topic_id for one in forum.categories.values()}
        topics = [one for one in forum.topics.values() if one.id not in about and one.deleted_at is None]
        found: dict[Any, str] = {("category", number): name for number, name in sections.items()}
        found |= {("topic", one.id): name_in(one.title) for one in topics if one.category_id in {linked, *sections}}
        return {key: title for key, title in found.items() if key not in self.person.foreign}

    def different(self) -> list[str]:
        found = []
        for entity in self.course.entities.values():
            part = {"section": "category", "subsection": "topic"}.get(entity.entity_type)
            if part and not self.is_absent(entity.entity_id):
                found += self._differences(entity, part)
        return [f"forum: {line}" for line in found]

    def _differences(self, entity: Any, part: str) -> Iterator[str]:
        row = self.rows.get(entity.entity_id)
        number = int(row.objects_there[part]) if row and part in row.objects_there else 0
        here, there = entity.fields["display_name"], self.living().get((part, number))
        if here != there:
            yield f"{entity.entity_id}: '{here}' here, '{there}' there"
        if part == "topic" and number not in self.world.moved and there is not None:
            home = self.rows[entity.parent_id].objects_there.get("category")
            if str(self.world.forum.forum.topics[number].category_id) != home:
                yield f"{entity.entity_id} is not in the category of its section"
