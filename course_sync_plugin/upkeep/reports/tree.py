"""Lays two trees of a course over each other: every entity once, marked where the trees differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import attrs

from course_sync_plugin.data import Entity, HeldEntity, Structure
from course_sync_plugin.lanes.receiver_repairs import Difference, compare
from course_sync_plugin.sanitize.text import as_json, single_line
from course_sync_plugin.structure.digest import entity_digest

#: The most lines of a tree. Of a larger one only the top and what is marked is shown.
MOST_LINES = 2000

#: The most characters of a value.
LONGEST_VALUE = 500

_TITLE = "display_name"


@attrs.frozen
class Trees:
    """A course (``here``), another form of it (``there``), and how they differ.

    The other form is what a target holds, or what was recorded earlier.
    """

    here: Structure
    there: Structure
    difference: Difference

    @classmethod
    def of(cls, here: Structure, there: Structure, wanted: Structure | None = None) -> Trees:
        """Compare two trees. ``wanted``: the part of ``here`` that should be there, if that is not all of it."""
        part = here if wanted is None else wanted
        held = {key: one for key, one in _held(there).items() if key in part.entities or key not in here.entities}
        return cls(here, there, compare(part, held))

    def marks(self) -> dict[str, list[str]]:
        """Return for each entity that differs what differs: names of ``Difference``, or ``renamed``."""
        found: dict[str, list[str]] = {}
        for name in ("missing", "extra", "different", "misplaced"):
            for entity_id in getattr(self.difference, name):
                is_renamed = name == "different" and self._is_renamed(entity_id)
                found.setdefault(entity_id, []).append("renamed" if is_renamed else name)
        return found

    def _is_renamed(self, entity_id: str) -> bool:
        here, there = self.here.entities[entity_id], self.there.entities[entity_id]
        return here.fields.get(_TITLE) != there.fields.get(_TITLE)


@attrs.frozen
class TreeLine:
    """One entity of both trees.

    ``marks``: what differs. ``notes``: sentences about it. ``is_branch``: the next line is below it. ``is_open``:
    something below it is marked. ``closes``: one element for each branch that ends with this line.
    """

    entity_id: str
    entity_type: str
    title: str
    marks: Sequence[str]
    notes: Sequence[str]
    is_branch: bool
    is_open: bool
    closes: Sequence[int]


@attrs.frozen
class FieldLine:
    """A value of an entity in both trees. An empty text: there is none."""

    name: str
    here: str
    there: str

    @property
    def differs(self) -> bool:
        """Tell whether the values are shown differently."""
        return self.here != self.there


def tree_lines(trees: Trees, notes: Mapping[str, Sequence[str]]) -> tuple[list[TreeLine], bool]:
    """Return the lines in document order, and whether some were left out. ``notes``: by the id of the entity."""
    children = _children(trees)
    marks = trees.marks()
    order = list(_walk(children))
    above = _above({*marks, *notes}, children)
    is_short = len(order) <= MOST_LINES
    shown = order if is_short else [one for one in order if one[1] <= 1 or one[0] in above or one[0] in marks]
    shown = shown[:MOST_LINES]
    depths = [*(depth for _one, depth in shown[1:]), 0]
    lines = [
        _line(trees, entity_id, marks.get(entity_id, ()), notes.get(entity_id, ()), entity_id in above, after - depth)
        for (entity_id, depth), after in zip(shown, depths)
    ]
    return lines, not is_short


def field_lines(trees: Trees, entity_id: str) -> list[FieldLine]:
    """Return the place and the fields of an entity in both trees; nothing if neither has it."""
    here, there = _values(trees.here, entity_id), _values(trees.there, entity_id)
    return [FieldLine(name, _text(here.get(name)), _text(there.get(name))) for name in dict.fromkeys([*here, *there])]


def _held(structure: Structure) -> dict[str, HeldEntity]:
    return {
        one.entity_id: HeldEntity(one.parent_id, at or 0, entity_digest(one.entity_type, one.block_type, one.fields))
        for one, at in structure.places()
    }


def _children(trees: Trees) -> dict[str | None, list[str]]:
    """Return the children of each entity in both trees, by the id of the parent; None for the course.

    An entity that only the other tree has stands behind the sibling that is before it there.
    """
    children: dict[str | None, list[str]] = {parent: list(kids) for parent, kids in trees.here.children.items()}
    children[None] = [one.entity_id for one in trees.here.entities.values() if one.parent_id is None]
    for entity_id in trees.difference.extra:
        parent_id = trees.there.entities[entity_id].parent_id
        before = trees.there.children_of(parent_id)
        siblings = children.setdefault(parent_id, [])
        known = [siblings.index(one) for one in before[: _index(before, entity_id)] if one in siblings]
        siblings.insert(known[-1] + 1 if known else 0, entity_id)
    return children


def _index(siblings: Sequence[str], entity_id: str) -> int:
    return siblings.index(entity_id) if entity_id in siblings else 0


def _walk(children: Mapping[str | None, Sequence[str]]) -> Iterator[tuple[str, int]]:
    """Yield each entity in document order with the number of those above it."""
    waiting = [(one, 0) for one in reversed(children[None])]
    while waiting:
        entity_id, depth = waiting.pop()
        yield entity_id, depth
        waiting += [(one, depth + 1) for one in reversed(children.get(entity_id, ()))]


def _above(marked: Collection[str], children: Mapping[str | None, Sequence[str]]) -> set[str | None]:
    """Return the ids of the entities that are above one of these."""
    parents = {one: parent for parent, kids in children.items() for one in kids}
    found: set[str | None] = set()
    for entity_id in marked:
        current = parents.get(entity_id)
        while current is not None and current not in found:
            found.add(current)
            current = parents.get(current)
    return found


def _line(
    trees: Trees, entity_id: str, marks: Sequence[str], notes: Sequence[str], is_open: bool, step: int
) -> TreeLine:
    """``step``: the depth of the next line minus that of this one."""
    entity = _entity(trees, entity_id)
    title = single_line(entity.fields.get(_TITLE), LONGEST_VALUE)
    closes = [1] * max(0, -step)
    return TreeLine(entity_id, entity.entity_type, title, marks, notes, step > 0, is_open, closes)


def _entity(trees: Trees, entity_id: str) -> Entity:
    return trees.here.entities.get(entity_id) or trees.there.entities[entity_id]


def _values(structure: Structure, entity_id: str) -> dict[str, Any]:
    entity = structure.entities.get(entity_id)
    if entity is None:
        return {}
    place = {} if entity.parent_id is None else {"parent_id": entity.parent_id, "index": _place(structure, entity)}
    return {**place, **dict(sorted(entity.fields.items()))}


def _place(structure: Structure, entity: Entity) -> int:
    return _index(structure.children_of(entity.parent_id), entity.entity_id)


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else as_json(value, indent=None)
    return single_line(text, LONGEST_VALUE)
