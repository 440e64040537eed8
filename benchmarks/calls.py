"""``calls.py canvas|discourse EXPORT …``: counts the requests that the revisions of a course take, against a fake.

It prints JSON. ``fill`` and ``looks``: the number of requests, and of objects. ``changes``: for each revision the
number of requests without those of lists, of changed objects, and of requests of lists. ``echoes``: the number of
requests that changed something although both sides had it already.
"""

from __future__ import annotations

import json
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import host
from courses import COURSE_ID

from course_sync_plugin.data import Structure

#: The lists that are read once in a turn, page by page.
LISTS = re.compile(r"/(modules|items|assignments|show|categories|latest)$")


class System(ABC):
    """A fake with an empty counterpart. ``fields``: what tells two states of an object apart."""

    backend: str
    fields: tuple[str, ...]
    remote_id: str
    token: str

    def __init__(self, fake: Any):
        self.fake, self._begin = fake, 0

    def objects(self) -> dict[tuple[str, int], tuple[Any, ...]]:
        """Return what each object is. Its position is not in it, because that of others changes with it."""
        return {
            (kind, row.id): tuple(getattr(row, name, None) for name in self.fields)
            for kind, table in self.tables().items()
            for row in table.values()
        }

    @abstractmethod
    def tables(self) -> dict[str, dict[int, Any]]:
        """Return the tables of objects by their kind."""

    @abstractmethod
    def rename(self, name: str) -> None:
        """Rename the object of a section, as a person."""

    def since(self) -> list[Any]:
        """Return the requests since the last call."""
        made = self.fake.requests[self._begin :]
        self._begin = len(self.fake.requests)
        return made


class Canvas(System):
    """A course in Canvas."""

    backend = "canvas"
    fields = ("name", "title", "module_id", "indent", "unlock_at", "due_at", "published", "deleted")

    def __init__(self, fake: Any):
        super().__init__(fake)
        self.course = fake.add_course()
        self.remote_id, self.token = str(self.course.id), fake.token

    def tables(self) -> dict[str, dict[int, Any]]:
        names = ("modules", "items", "pages", "assignments", "topics")
        return {name: getattr(self.course, name) for name in names}

    def rename(self, name: str) -> None:
        number = min(one.id for one in self.course.modules.values() if not one.deleted)
        self.fake.teacher.rename_module(self.course.id, number, name)


class Discourse(System):
    """A category of a forum."""

    backend = "discourse"
    fields = ("name", "title", "category_id", "tags", "visible", "closed", "deleted_at")

    def __init__(self, fake: Any):
        from course_sync_plugin.testing.discourse.forum.categories import create_category

        super().__init__(fake)
        self.admin, self.token = fake.person("admin"), fake.key
        self.category = create_category(fake.forum, self.admin.user, {"name": "Bees"})
        self.remote_id = str(self.category.id)

    def tables(self) -> dict[str, dict[int, Any]]:
        definitions = {one.topic_id for one in self.fake.forum.categories.values()}
        topics = {number: one for number, one in self.fake.forum.topics.items() if number not in definitions}
        return {"categories": self.fake.forum.categories, "topics": topics}

    def rename(self, name: str) -> None:
        below = [one.id for one in self.fake.forum.categories.values() if one.parent_id == self.category.id]
        self.admin.edit_category(min(below), name=name)


@contextmanager
def running(backend: str) -> Iterator[System]:
    """Yield a fake with an empty counterpart. Our budget of requests does not make it wait."""
    from course_sync_plugin.targets.canvas.site.site import CanvasSite
    from course_sync_plugin.targets.discourse.site import DiscourseSite
    from course_sync_plugin.targets.two_way.site import Rate
    from course_sync_plugin.testing.canvas.fake import CanvasFake
    from course_sync_plugin.testing.discourse import DiscourseServer

    CanvasSite.rate = DiscourseSite.rate = Rate(1e9, 1e9, 0)
    with CanvasFake() if backend == "canvas" else DiscourseServer() as fake:
        yield Canvas(fake) if backend == "canvas" else Discourse(fake)


def main(backend: str, *exports: str) -> None:
    """Print the numbers of requests."""
    host.start()
    from course_sync_plugin.structure.olx.reader import read_olx

    first, *others = [read_olx(Path(one), COURSE_ID, published_version=str(at)) for at, one in enumerate(exports)]
    with running(backend) as system:
        fill = first_fill(system, first)
        looks, changes = [look(system)], []
        for structure in others:
            changes.append(change(system, structure))
            looks.append(look(system))
        echoes = echo(system, [first, *others][-1])
    print(json.dumps({"fill": fill, "looks": looks, "changes": changes, "echoes": echoes}))


def first_fill(system: System, structure: Structure) -> tuple[int, int]:
    """Link and deliver a course. Return the number of requests, without those of the link, and of objects."""
    from course_sync_plugin import api

    host.record(structure)
    api.add_target("far", backend=system.backend, url=system.fake.url, token=system.token)
    plan = api.link_plan(COURSE_ID, "far", system.remote_id)
    api.link_shown(COURSE_ID, "far", system.remote_id, "openedx", plan.token)
    system.since()
    deliver()
    return len(system.since()), sum(one["objects"] for one in api.links())


def look(system: System) -> tuple[int, int]:
    """Look at a counterpart without changes. Return the number of requests and of objects there."""
    from course_sync_plugin import api

    (polled,) = api.poll_now("far")
    assert (polled.error, polled.busy, polled.edited, polled.deleted) == ("", False, 0, 0), polled
    return len(system.since()), sum(one["objects"] for one in api.links())


def change(system: System, structure: Structure) -> tuple[int, int, int]:
    """Deliver a revision. Return the numbers of requests without lists, of changed objects, and of lists."""
    before = system.objects()
    host.record(structure)
    deliver()
    made, after = system.since(), system.objects()
    lists = sum(one.method == "GET" and bool(LISTS.search(one.path)) for one in made)
    changed = {key for key, value in after.items() if before.get(key) != value}
    changed |= before.keys() - after.keys()
    return len(made) - lists, len(changed) + len(moved(made)), lists


def moved(made: list[Any]) -> set[str]:
    """Return the paths of the objects that requests gave another position."""
    puts = [one for one in made if one.method == "PUT"]
    sent = [(one.path, one.parameters.get("module") or one.parameters.get("module_item") or {}) for one in puts]
    return {path for path, values in sent if "position" in values}


def echo(system: System, structure: Structure) -> int:
    """Let an edit of a person come back and be published. Return the number of requests that change something."""
    from course_sync_plugin import api

    system.rename("A name of a person")
    api.poll_now("far")
    (proposal,) = api.proposals()
    entity = structure.entities[proposal["entity_id"]]
    fields = {**entity.fields, "display_name": proposal["value"]}
    entities = {**structure.entities, entity.entity_id: attrs.evolve(entity, fields=fields)}
    host.record(attrs.evolve(structure, entities=entities, published_version="published"))
    deliver()
    look(system)
    return sum(one.method != "GET" for one in system.since())


def deliver() -> None:
    """Deliver until everything is in step."""
    from course_sync_plugin import api

    api.deliver_until_empty()
    (target,) = api.status()["targets"]
    assert (target["state"], api.problems()) == ("in step", []), target


if __name__ == "__main__":
    main(*sys.argv[1:])
