"""A course in the fake of Canvas as a tree, and the tree that a structure should become there.

The mapping is written here once more, in another way than in the target, so that the two check each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import attrs

from course_sync_plugin.data import Entity, Structure
from course_sync_plugin.testing.canvas import contents
from course_sync_plugin.testing.canvas.dates import end_of_day, read_date
from course_sync_plugin.testing.canvas.objects import Course, Item, living
from course_sync_plugin.testing.canvas.positions import in_order


@attrs.frozen
class Node:
    """A module or an item. ``dates``: unlock_at, and due_at of an assignment."""

    kind: str
    title: str
    indent: int = 0
    dates: tuple[datetime | None, ...] = ()
    children: tuple[Node, ...] = ()


def tree_of(course: Course) -> list[Node]:
    """Return the modules of a course in Canvas in their order, with their items."""
    return [
        Node(
            "Module", module.name, 0, (module.unlock_at,), tuple(_item(course, one) for one in items_of(course, module))
        )
        for module in in_order(living(course.modules.values()))
    ]


def as_lines(nodes: Iterable[Node], depth: int = 0) -> list[str]:
    """Return a tree as text, one line for each node."""
    lines = []
    for node in nodes:
        dates = " ".join(str(one) for one in node.dates)
        lines.append(f"{'  ' * (depth + node.indent)}{node.kind} {node.title} {dates}".rstrip())
        lines += as_lines(node.children, depth + 1)
    return lines


def renumbered(found: list[Node], wanted: list[Node]) -> list[Node]:
    """Return a tree with the titles of pages that are wanted, where only a number was added because they are taken."""
    pairs = list(zip(found, wanted))
    same = [attrs.evolve(node, children=tuple(renumbered([*node.children], [*one.children]))) for node, one in pairs]
    titles = [_without_number(node, one.title) for node, one in pairs]
    return [attrs.evolve(node, title=title) for node, title in zip(same, titles)] + found[len(pairs) :]


def _without_number(node: Node, title: str) -> str:
    number = node.title.removeprefix(title[:240])
    is_numbered = node.kind == "Page" and re.fullmatch(r".*(-\d+| \(\d+\))", number, re.DOTALL)
    return title if is_numbered and node.title.startswith(title[:240]) else node.title


def items_of(course: Course, module: Any) -> list[Item]:
    return in_order(course.module_items(module.id), then="title")


def titles_of(course: Course) -> list[list[str]]:
    """Return for each module its name and the titles of its items."""
    return [[node.title, *(one.title for one in node.children)] for node in tree_of(course)]


def expected(structure: Structure) -> list[Node]:
    """Return the tree that a structure should become, in a Canvas that runs in UTC."""
    taken: set[str] = set()
    return [_module(structure, one, taken) for one in _children(structure, structure.course_id, "chapter")]


def objects_in(structure: Structure) -> int:
    """Return how many objects a structure has in Canvas."""
    kinds = [one.kind for module in expected(structure) for one in module.children]
    return len(expected(structure)) + len(kinds) + sum(kind != "SubHeader" for kind in kinds)


def _item(course: Course, item: Item) -> Node:
    content = contents.content_of(course, item)
    if content is not None:
        assert contents.title_of(content) == item.title
    dates = (content.unlock_at, content.due_at) if item.kind == "Assignment" else ()
    return Node(item.kind, item.title, item.indent, dates)


def _children(structure: Structure, parent: str, block_type: str) -> Iterator[Entity]:
    for child in structure.children_of(parent):
        entity = structure.entities[child]
        if entity.block_type == block_type and not entity.fields.get("visible_to_staff_only"):
            yield entity


def _module(structure: Structure, section: Entity, taken: set[str]) -> Node:
    items = tuple(one for child in _children(structure, section.entity_id, "sequential")
                  for one in _subsection(structure, child, taken))  # fmt: skip
    return Node("Module", _title(section), 0, (_date(section, "start"),), items)


def _subsection(structure: Structure, subsection: Entity, taken: set[str]) -> Iterator[Node]:
    yield Node("SubHeader", _title(subsection))
    if subsection.fields.get("graded"):
        dates = (_date(subsection, "start"), end_of_day(_date(subsection, "due"), "UTC"))
        yield Node("Assignment", _title(subsection), 1, dates)
    for unit in _children(structure, subsection.entity_id, "vertical"):
        yield Node("Page", _page_title(_title(unit), taken), 1)
        for discussion in _children(structure, unit.entity_id, "discussion"):
            yield Node("Discussion", _title(discussion), 1)


def _page_title(title: str, taken: set[str]) -> str:
    return title


def _title(entity: Entity) -> str:
    name = " ".join(str(entity.fields.get("display_name", "")).replace("\u202e", "\ufffd").split())[:255].strip()
    known = entity.entity_id.replace("/", "@").rpartition("@")[2].replace("_", " ")
    fits = any(map(str.isalnum, name)) if entity.entity_type == "unit" else name
    return name if fits else known


def _date(entity: Entity, name: str) -> datetime | None:
    return read_date(entity.fields.get(name))
