"""Makes the courses to measure with: plain dictionaries in the shape of a real course, the same for all competitors.

A plain course is ``{"entities": {entity id: row}, "children": {entity id: [entity ids]}}`` with rows in document order;
a row is ``{"entity_id", "entity_type", "block_type", "parent_id", "fields"}``.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from course_sync_plugin.data import Entity, Structure

COURSE_ID = "course-v1:BenchX+B101+2026"

#: Entity type, block type and number of children of each level. A section has 105 entities.
SHAPE = (("section", "chapter", 4), ("subsection", "sequential", 5), ("unit", "vertical", 4))
LEAVES = ("html", "problem", "video", "problem")

Plain = dict[str, Any]


def plain_course(size: int, seed: int = 1) -> Plain:
    """Return a course of exactly ``size`` entities."""
    return _Maker(size, random.Random(seed)).course()


def changed_course(course: Plain, percent: float, seed: int = 2) -> Plain:
    """Return a copy in which about ``percent`` percent of the entities have changed.

    Of ten changes six are updates; the others are a new component, a deleted one, a new order and a new parent. The
    copy shares no objects with the original, because both sides of a sync are read at different times.
    """
    course = json.loads(json.dumps(course))
    chance = random.Random(seed)
    leaves = [key for key, row in course["entities"].items() if row["entity_type"] == "component"]
    number = round(len(course["entities"]) * percent / 100)
    chosen = chance.sample(leaves, number)
    for at, entity_id in enumerate(chosen):
        _CHANGES[at % len(_CHANGES)](course, entity_id, chance)
    return _in_document_order(course)


def numbered_course(course: Plain, number: int) -> tuple[Plain, str, str]:
    """Return a copy with keys of its own, so that several courses can be of the same shape.

    With it the version and the course key, as :func:`structure_of` takes them.
    """
    name = f"BenchX+B{number}+2026"
    copy = json.loads(json.dumps(course).replace("BenchX+B101+2026", name))
    return copy, "1", f"course-v1:{name}"


def structure_of(course: Plain, version: str = "1", course_id: str = COURSE_ID) -> Structure:
    """Return a plain course as the structure that a source would read."""
    entities = {
        key: Entity(key, row["entity_type"], row["block_type"], row["parent_id"], row["fields"])
        for key, row in course["entities"].items()
    }
    children = {parent: tuple(kids) for parent, kids in course["children"].items()}
    return Structure(course_id, version, entities, children)


class _Maker:
    def __init__(self, size: int, chance: random.Random):
        self.size = size
        self.chance = chance
        self.entities: dict[str, Any] = {}
        self.children: dict[str, list[str]] = {}

    def course(self) -> Plain:
        self._add("course", "course", None)
        while len(self.entities) < self.size:
            self._grow(COURSE_ID, 0)
        return {"entities": self.entities, "children": self.children}

    def _grow(self, parent_id: str, level: int) -> None:
        entity_type, block_type, kids = SHAPE[level]
        entity_id = self._add(entity_type, block_type, parent_id)
        for at in range(kids):
            if len(self.entities) >= self.size:
                return
            if level + 1 < len(SHAPE):
                self._grow(entity_id, level + 1)
            else:
                self._add("component", LEAVES[at], entity_id)

    def _add(self, entity_type: str, block_type: str, parent_id: str | None) -> str:
        entity_id = new_id(block_type, self.chance) if parent_id else COURSE_ID
        self.entities[entity_id] = new_row(entity_id, entity_type, block_type, parent_id, self.chance)
        if parent_id:
            self.children.setdefault(parent_id, []).append(entity_id)
        return entity_id


def new_id(block_type: str, chance: random.Random) -> str:
    """Return a new usage key like those that Studio makes."""
    return f"block-v1:BenchX+B101+2026+type@{block_type}+block@{chance.getrandbits(128):032x}"


def new_row(entity_id: str, entity_type: str, block_type: str, parent_id: str | None, chance: random.Random) -> Plain:
    """Return an entity with the fields that an entity of its type usually has."""
    number = chance.randrange(10**6)
    fields: dict[str, Any] = {"display_name": f"{block_type.capitalize()} number {number}"}
    if entity_type in ("course", "section", "subsection"):
        fields["start"] = "2026-09-01T00:00:00Z"
    if entity_type == "subsection":
        fields |= {"due": "2026-12-01T23:59:00Z", "graded": True, "format": "Homework"}
    if entity_type == "component":
        fields["content_digest"] = f"{chance.getrandbits(256):064x}"
    if block_type == "problem":
        fields |= {"weight": 1.0, "max_attempts": 3}
    return {
        "entity_id": entity_id,
        "entity_type": entity_type,
        "block_type": block_type,
        "parent_id": parent_id,
        "fields": fields,
    }


def _update(course: Plain, entity_id: str, chance: random.Random) -> None:
    course["entities"][entity_id]["fields"]["content_digest"] = f"{chance.getrandbits(256):064x}"


def _create(course: Plain, entity_id: str, chance: random.Random) -> None:
    parent_id = course["entities"][entity_id]["parent_id"]
    new = new_id("html", chance)
    course["entities"][new] = new_row(new, "component", "html", parent_id, chance)
    siblings = course["children"][parent_id]
    siblings.insert(chance.randrange(len(siblings) + 1), new)


def _delete(course: Plain, entity_id: str, chance: random.Random) -> None:
    _take_out(course, entity_id)
    del course["entities"][entity_id]


def _reorder(course: Plain, entity_id: str, chance: random.Random) -> None:
    siblings = course["children"][course["entities"][entity_id]["parent_id"]]
    siblings.reverse()


def _move(course: Plain, entity_id: str, chance: random.Random) -> None:
    _take_out(course, entity_id)
    parent_id = course["entities"][chance.choice(list(course["children"]))]["entity_id"]
    while course["entities"][parent_id]["entity_type"] != "unit":
        parent_id = course["children"][parent_id][0]
    course["entities"][entity_id]["parent_id"] = parent_id
    course["children"].setdefault(parent_id, []).insert(0, entity_id)


def _take_out(course: Plain, entity_id: str) -> None:
    parent_id = course["entities"][entity_id]["parent_id"]
    siblings = course["children"][parent_id]
    siblings.remove(entity_id)
    if not siblings:
        del course["children"][parent_id]


_CHANGES: tuple[Callable[[Plain, str, random.Random], None], ...] = (
    *([_update] * 6),
    _create,
    _delete,
    _reorder,
    _move,
)


def _in_document_order(course: Plain) -> Plain:
    entities, children = {}, {}
    waiting = [COURSE_ID]
    while waiting:
        entity_id = waiting.pop()
        entities[entity_id] = course["entities"][entity_id]
        if entity_id in course["children"]:
            children[entity_id] = course["children"][entity_id]
            waiting.extend(reversed(children[entity_id]))
    return {"entities": entities, "children": children}
