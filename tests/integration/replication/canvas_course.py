"""A small course that is linked to a course in the fake of Canvas, and helpers to change and deliver it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import attrs

from course_sync_plugin import api
from course_sync_plugin.data import Structure
from course_sync_plugin.models import Attempt, DatabaseNow, Intent, Lane, LedgerReplica, RateBudget
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.structure.olx.content import digest_of_olx
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.objects import Course
from tests.integration.courses import COURSE, Shelf, block
from tests.integration.one_lane import let_time_pass, states
from tests.integration.replication.canvas_tree import as_lines, expected, tree_of

#: Two sections with two subsections each, of which the second one is graded, with two units each.
BLUEPRINT: Mapping[str, tuple[str, ...]] = {
    "course": ("s0", "s1"),
    **{f"s{at}": (f"s{at}.a", f"s{at}.b") for at in range(2)},
    **{f"s{at}.{sub}": (f"s{at}.{sub}1", f"s{at}.{sub}2") for at in range(2) for sub in "ab"},
    "s0.a1": ("talk",),
}
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "s0": {"start": "2026-02-02T08:00:00Z"},
    **{f"s{at}.b": {"graded": True, "start": "2026-02-02T08:00:00Z", "due": "2026-03-01T12:30:00Z"} for at in range(2)},
}
_TYPES = ("course", "chapter", "sequential", "vertical", "discussion")


@attrs.define
class Author:
    """Writes the course. ``children``: the names below each name; ``fields``: what is set besides the title."""

    shelf: Shelf
    children: dict[str, list[str]]
    fields: dict[str, dict[str, Any]]
    version: int = 0
    kinds: dict[str, str] = attrs.field(factory=dict)

    @classmethod
    def new(cls, shelf: Shelf) -> Author:
        children = {name: list(below) for name, below in BLUEPRINT.items()}
        return cls(shelf, children, {name: dict(values) for name, values in FIELDS.items()})

    def set(self, name: str, **values: Any) -> None:
        self.fields[name] = {**self.fields.get(name, {}), **values}

    def write(self, name: str, html: str) -> None:
        """Write an html component."""
        self.kinds[name] = "html"
        self.shelf.htmls[block("html", name)] = html
        self.set(name, content_digest=digest_of_olx({}, (), [html]))

    def move(self, name: str, parent: str, index: int) -> None:
        self.remove(name)
        self.children.setdefault(parent, []).insert(index, name)

    def remove(self, name: str) -> None:
        for below in self.children.values():
            if name in below:
                below.remove(name)

    def publish(self) -> Structure:
        self.version += 1
        blocks: dict[str, RawBlock] = {}
        self._put("course", 0, blocks)
        structure = self.shelf.publish(StructureBuilder(COURSE, str(self.version), blocks).build())
        api.sync_course(COURSE)
        return structure

    def _put(self, name: str, depth: int, blocks: dict[str, RawBlock]) -> str:
        below = self.children.get(name, [])
        kind = self._kind(name, depth)
        key = COURSE if depth == 0 else block(kind, name)
        fields = {"display_name": name, **self.fields.get(name, {})}
        blocks[key] = RawBlock(key, kind, fields, tuple(block(self._kind(one, depth + 1), one) for one in below))
        for one in below:
            self._put(one, depth + 1, blocks)
        return key

    def _kind(self, name: str, depth: int) -> str:
        return self.kinds.get(name, _TYPES[depth])


def deliver() -> None:
    """Deliver until nothing is left to do, and check that nothing failed."""
    api.deliver_until_empty()
    assert [error for error in Lane.objects.values_list("last_error", flat=True) if error] == []
    assert states() == []
    assert not Intent.objects.exists()


def long_after() -> None:
    """Let enough time pass for late reads and for the budget of requests. Release what a dead process holds."""
    Lane.objects.update(lease_token="", lease_until=None)
    Intent.objects.update(began_at=DatabaseNow(-60))
    RateBudget.objects.update(counted_at=DatabaseNow(-600))
    Attempt.objects.update(began_at=DatabaseNow(-600))
    let_time_pass()


def check_equal(course: Course, structure: Structure) -> None:
    """Check that the course in Canvas is what the structure should become there."""
    found, wanted = as_lines(tree_of(course)), as_lines(expected(structure))
    assert found == wanted, "\n".join(difflib.unified_diff(wanted, found, "expected", "found", lineterm=""))


def objects_of(name: str, kind: str) -> Mapping[str, int]:
    """Return the ids of the objects of a block, by part."""
    row = LedgerReplica.objects.get(entity_id=block(kind, name))
    return {part: int(number) for part, number in row.objects_there.items()}


def requests_since(canvas: CanvasFake, begin: int) -> list[str]:
    return [f"{one.method} {one.path.partition('/courses/')[2].partition('/')[2]}" for one in canvas.requests[begin:]]
