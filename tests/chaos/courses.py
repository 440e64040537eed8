"""Courses of the campaign: a source in files, as the modulestore is outside of the database, and random edits."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Collection, Iterator
from pathlib import Path

import attrs

from course_sync_plugin.data import Structure
from course_sync_plugin.exceptions import CourseNotFound
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from sandbox.published.source import from_json, to_json
from tests.chaos.environment import FOLDER
from tests.integration.courses import block

#: Each block type with that of its children.
_BELOW = {"course": "chapter", "chapter": "sequential", "sequential": "vertical", "vertical": "html"}


class FileSource:
    """A source (``course_sync_plugin.structure.base``) that other outages than its own do not concern."""

    def __init__(self) -> None:
        self._folder = Path(os.environ[FOLDER])

    def published_version(self, course_id: str) -> str | None:
        """Return the version that is published now, or None."""
        return dict(self.published_versions()).get(course_id)

    def published_versions(self, course_ids: Collection[str] | None = None) -> Iterator[tuple[str, str]]:
        """Yield the id and the published version of every course."""
        for path in self._folder.glob("*.json"):
            stored = json.loads(path.read_text())
            yield stored["course_id"], stored["version"]

    def read(self, course_id: str) -> Structure:
        """Return the published structure. Raises CourseNotFound."""
        path = self._path(course_id)
        if not path.exists():
            raise CourseNotFound(f"{course_id} is not published here")
        stored = json.loads(path.read_text())
        return from_json(course_id, stored["version"], stored["structure"])

    def write(self, structure: Structure) -> None:
        """Publish a structure. A reader sees the old file or the new one, never a part of it."""
        stored = {
            "course_id": structure.course_id,
            "version": structure.published_version,
            "structure": to_json(structure),
        }
        path = self._path(structure.course_id)
        unfinished = path.with_suffix(f".{os.getpid()}.new")
        unfinished.write_text(json.dumps(stored))
        unfinished.replace(path)

    def _path(self, course_id: str) -> Path:
        return self._folder / f"{course_id.rpartition('+')[2]}.json"


@attrs.define
class Draft:
    """One course as its author edits it. ``edit`` makes random changes; ``publish`` returns the structure."""

    course: str
    chance: random.Random
    _blocks: dict[str, dict] = attrs.field(factory=dict, init=False)
    _number: int = attrs.field(default=0, init=False)
    _version: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._blocks[self.course] = {"type": "course", "title": "Course", "hidden": False, "children": []}
        for _section in range(2):
            section = self._add(self.course)
            for _unit in range(2):
                self._add(self._add(self._add(section)))

    def edit(self, times: int) -> None:
        """Make some random changes."""
        for _time in range(times):
            self.chance.choice([self._rename, self._rename, self._hide, self._grow, self._remove, self._move])()

    def structure(self) -> Structure:
        """Return the course with a new version."""
        self._version += 1
        blocks = {
            key: RawBlock(
                key,
                value["type"],
                {"display_name": value["title"], "visible_to_staff_only": value["hidden"]},
                tuple(value["children"]),
            )
            for key, value in self._blocks.items()
        }
        return StructureBuilder(self.course, f"v{self._version}", blocks).build()

    def _add(self, parent: str) -> str:
        self._number += 1
        kind = _BELOW[self._blocks[parent]["type"]]
        key = block(kind, f"b{self._number}", self.course)
        self._blocks[key] = {"type": kind, "title": f"{kind} {self._number}", "hidden": False, "children": []}
        siblings = self._blocks[parent]["children"]
        siblings.insert(self.chance.randint(0, len(siblings)), key)
        return key

    def _rename(self) -> None:
        self._blocks[self._any()]["title"] = f"Title {self.chance.randint(0, 10**6)} \N{SNOWMAN}"

    def _hide(self) -> None:
        chosen = self._blocks[self._any(("chapter", "sequential", "vertical"))]
        chosen["hidden"] = not chosen["hidden"]

    def _grow(self) -> None:
        self._add(self._any(tuple(_BELOW)))

    def _remove(self) -> None:
        """Remove a small subtree, so that the run is not held as a mass deletion."""
        key = self._any(("vertical", "html"))
        if key != self.course:
            self._detach(key)
            self._forget(key)

    def _move(self) -> None:
        key = self._any(("sequential", "vertical", "html"))
        parents = [
            parent for parent, value in self._blocks.items() if _BELOW.get(value["type"]) == self._blocks[key]["type"]
        ]
        if key == self.course or not parents:
            return
        self._detach(key)
        siblings = self._blocks[self.chance.choice(parents)]["children"]
        siblings.insert(self.chance.randint(0, len(siblings)), key)

    def _any(self, kinds: tuple[str, ...] = ()) -> str:
        """Return a random block of these types; the course if there is none."""
        found = [key for key, value in self._blocks.items() if not kinds or value["type"] in kinds]
        return self.chance.choice(found or [self.course])

    def _detach(self, key: str) -> None:
        for value in self._blocks.values():
            if key in value["children"]:
                value["children"].remove(key)

    def _forget(self, key: str) -> None:
        for child in self._blocks.pop(key)["children"]:
            self._forget(child)
