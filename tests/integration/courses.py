"""Helpers for integration tests: courses to publish, a source that holds them in memory, and checks of the journal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin import api
from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.apply import Tree
from course_sync_plugin.exceptions import CourseNotFound
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.models import Course, DatabaseNow, JournalOperation, Marker, digest_of
from course_sync_plugin.sanitize import limits
from course_sync_plugin.signals.handlers import on_course_published
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.sync.course import SyncResult

COURSE = "course-v1:Org+Course+Run"


def block(block_type: str, name: str, course: str = COURSE) -> str:
    """Return the usage key of a block."""
    return f"block-v1:{course.removeprefix('course-v1:')}+type@{block_type}+block@{name}"


def a_course(
    version: str, *, sections: int = 2, units: int = 3, course: str = COURSE, titles: Mapping[str, str] | None = None
) -> Structure:
    """Return a course of sections with one subsection and some units each: 1 + sections * (2 + units) entities.

    ``titles`` maps names of blocks (``unit-0-1``) to titles. Without an entry the title of a block is its name.
    """
    blocks: dict[str, RawBlock] = {}

    def put(block_type: str, name: str, children: Iterable[str] = ()) -> str:
        key = course if block_type == "course" else block(block_type, name, course)
        title = (titles or {}).get(name, name)
        blocks[key] = RawBlock(key, block_type, {"display_name": title}, tuple(children))
        return key

    chapters = []
    for at in range(sections):
        verticals = [put("vertical", f"unit-{at}-{number}") for number in range(units)]
        sequential = put("sequential", f"subsection-{at}", verticals)
        chapters.append(put("chapter", f"section-{at}", [sequential]))
    put("course", "course", chapters)
    return StructureBuilder(course, version, blocks).build()


def moved_into(course: Structure, version: str, parent_id: str, units: Sequence[str]) -> Structure:
    """Return the next version of a course, in which these units are the first of a subsection, in this order."""
    tree = Tree(course)
    for index, unit in enumerate(units):
        after_id = units[index - 1] if index else None
        place = {"parent_id": parent_id, "index": index, "after_id": after_id}
        tree.apply(Operation("move", "unit", unit, "vertical", **place))
    return tree.structure(course.course_id, version)


class Shelf:
    """A source (``course_sync_plugin.structure.base``) that holds the courses of a test in memory.

    Instead of a structure it can hold an error, which :meth:`read` raises. The version is then in ``versions``.
    """

    def __init__(self) -> None:
        self.courses: dict[str, Structure | Exception] = {}
        self.versions: dict[str, str] = {}
        self.reads = 0
        self.htmls: dict[str, str] = {}

    def put(self, structure: Structure) -> Structure:
        """Store a course without a signal."""
        self.courses[structure.course_id] = structure
        self.versions[structure.course_id] = structure.published_version
        return structure

    def publish(self, structure: Structure) -> Structure:
        """Store a course and call our signal receiver, as the platform does."""
        self.put(structure)
        on_course_published(None, CourseKey.from_string(structure.course_id))
        return structure

    def break_(self, error: Exception, version: str, course: str = COURSE) -> None:
        """Publish a course that cannot be read."""
        self.courses[course], self.versions[course] = error, version
        on_course_published(None, CourseKey.from_string(course))

    def delete(self, course: str = COURSE) -> None:
        """Delete a course without a signal."""
        del self.courses[course], self.versions[course]

    def published_version(self, course_id: str) -> str | None:
        return self.versions.get(course_id)

    def published_versions(self, course_ids: Collection[str] | None = None) -> Iterable[tuple[str, str]]:
        return [(key, version) for key, version in self.versions.items() if course_ids is None or key in course_ids]

    def read(self, course_id: str) -> Structure:
        self.reads += 1
        found = self.courses.get(course_id)
        if found is None:
            raise CourseNotFound(f"{course_id} is not on the shelf")
        if isinstance(found, Exception):
            raise found
        return found

    def html(self, course_id: str, entity_ids: Collection[str]) -> Mapping[str, str]:
        self.read(course_id)
        return {one: self.htmls[one] for one in entity_ids if one in self.htmls}


SHELF = Shelf()


def the_shelf() -> Shelf:
    """Return the source of the fixture ``shelf``. COURSE_SYNC_SOURCE names this function in its tests."""
    return SHELF


def recorded(course: str = COURSE) -> Course:
    """Return the row of a course."""
    return Course.objects.get(key_digest=digest_of(course))


def journal(course: str = COURSE) -> list[JournalOperation]:
    """Return the operations in the journal of a course that are for every lane."""
    return list(JournalOperation.objects.filter(course=recorded(course), lane=None).order_by("position"))


def replayed(course: str = COURSE) -> Structure:
    """Return the structure that results when the whole journal is applied to an empty one."""
    tree = Tree()
    for row in journal(course):
        tree.apply(row.as_operation())
    return tree.structure(course)


def differences(course: str, *others: Structure) -> list[str]:
    """Return the differences in fields and places between a recorded course and other structures of it."""
    stored = stored_structure(recorded(course))
    found = []
    for other in others:
        for key in stored.entities.keys() | other.entities.keys():
            if stored.entities.get(key) != other.entities.get(key):
                found.append(f"{key}: {stored.entities.get(key)} and {other.entities.get(key)}")
        if list(stored.entities) != list(other.entities):
            found.append("the document order differs")
    return found


def approve(course: str = "") -> list[SyncResult]:
    """Approve the held runs of one course or of all, as an operator who sees the plans and agrees at once."""
    approved = api.approve(plan.token for plan in api.held_plans(course))
    assert all(one.result for one in approved)
    return [one.result for one in approved]


@contextmanager
def own_queries() -> Iterator[list[str]]:
    """Collect the SQL that runs in this context, without savepoints and without the queries of waffle.

    Waffle queries the database only sometimes.
    """
    found: list[str] = []
    with CaptureQueriesContext(connection) as queries:
        yield found
    for query in queries:
        if not query["sql"].startswith(("SAVEPOINT", "RELEASE")) and "waffle_" not in query["sql"]:
            found.append(query["sql"])


def same(structure: Structure, **values: Any) -> Structure:
    """Return a copy of the structure with some values changed."""
    return attrs.evolve(structure, **values)


def check_due_time(seconds: float) -> None:
    """Check that the database stores a due time in ``seconds`` seconds, limited to a year, and that it can be read."""
    marker = Marker.put(COURSE)
    Marker.objects.filter(pk=marker.pk).update(seen_at=DatabaseNow(seconds))
    row = Marker.objects.annotate(now=DatabaseNow()).get(pk=marker.pk)
    assert abs((row.seen_at - row.now).total_seconds() - limits.MOMENT.cut(seconds)) < 30
    assert Marker.objects.filter(pk=marker.pk, seen_at__gt=DatabaseNow()).exists() == (not seconds < 0)


def exit_status(subcommand: str, *arguments: str) -> int:
    """Run a subcommand of ``course_sync``; return its exit status."""
    try:
        call_command("course_sync", subcommand, *arguments)
    except SystemExit as exit_:
        return exit_.code
    return 0
