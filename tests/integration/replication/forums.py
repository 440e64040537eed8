"""Helpers of the tests of the target ``discourse``: what is at the forum, its requests, and deaths on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from course_sync_plugin import api
from course_sync_plugin.data import Structure
from course_sync_plugin.models import Lane, LedgerReplica, Link
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.testing.discourse import DiscourseServer
from course_sync_plugin.testing.discourse.forum.categories import create_category
from course_sync_plugin.testing.discourse.forum.records import Category, Topic
from tests.integration.courses import COURSE, Shelf, block
from tests.integration.one_lane import let_time_pass

#: What the tests' course adds to each title: the number and the run of its key.
RUN = "Course Run"


class Killed(BaseException):
    """The process dies here. No code of the plugin catches it."""


def add_target(forum: DiscourseServer, *options: str) -> None:
    api.add_target("crm", backend="discourse", url=forum.url, token=forum.key, options=options)


def link(remote: str, seed: str = "openedx", course: str = COURSE) -> Link:
    plan = api.link_plan(course, "crm", remote, seed)
    assert api.link_shown(course, "crm", remote, seed, plan.token).error == ""
    return Link.objects.get(course__key=course)


def deliver() -> None:
    let_time_pass()
    api.deliver_until_empty()
    problems = [(problem.entity_id, problem.reason) for problem in api.problems()]
    assert problems == [], problems
    assert api.status()["targets"][0]["state"] == "in step"


@attrs.frozen
class Seen:
    """What there is in the linked category of a forum."""

    forum: DiscourseServer
    category_id: int

    def topics(self) -> list[Topic]:
        """Return the topics that are not deleted, without the definition topics, in the order of their creation."""
        ids = {self.category_id, *(one.id for one in self._sections())}
        return [one for one in self._all_topics() if one.category_id in ids and one.deleted_at is None]

    def tree(self) -> dict[str, list[str]]:
        """Return the titles of the topics by their category; those of the linked category are at "". Sorted."""
        names = {self.category_id: "", **{one.id: one.name for one in self._sections()}}
        found: dict[str, list[str]] = {name: [] for name in names.values()}
        for topic in self.topics():
            found[names[topic.category_id]].append(topic.title)
        return {name: sorted(titles) for name, titles in found.items() if name or titles}

    def topic(self, title: str) -> Topic:
        """Return the topic whose title begins so."""
        return next(one for one in self.topics() if one.title.startswith(title))

    def section(self, name: str) -> Category:
        (found,) = (one for one in self._sections() if one.name == name)
        return found

    def _sections(self) -> list[Category]:
        return [one for one in self.forum.forum.categories.values() if one.parent_id == self.category_id]

    def _all_topics(self) -> Iterator[Topic]:
        definitions = {one.topic_id for one in self.forum.forum.categories.values()}
        return (one for one in self.forum.forum.topics.values() if one.id not in definitions and not one.private)


def title(name: str, parent: str) -> str:
    """Return the title of the topic of an entity of the tests' course."""
    return f"{name[:1].upper()}{name[1:]} · {parent} · {RUN}"


def calls(forum: DiscourseServer) -> list[str]:
    """Return the requests that changed something, as ``POST /posts``."""
    return [f"{one.method} {one.path}" for one in forum.requests if one.method != "GET"]


def reads(forum: DiscourseServer) -> int:
    """Return the number of requests that changed nothing."""
    return Counter(one.method for one in forum.requests)["GET"]


@contextmanager
def dies(monkeypatch, at: int, *, after: bool) -> Iterator[list[str]]:
    """Let the process die before or after the request of this number; yield the list of requests."""
    made: list[str] = []
    exchange = DiscourseClient._exchange

    @contextmanager
    def deadly(self, method, path, fields):
        made.append(f"{method} {path}")
        if len(made) == at and not after:
            raise Killed
        with exchange(self, method, path, fields) as answered:
            if len(made) == at:
                raise Killed
            yield answered

    with monkeypatch.context() as patch:
        patch.setattr(DiscourseClient, "_exchange", deadly)
        yield made


def run_and_die() -> bool:
    """Deliver until the process dies. Return whether it died."""
    let_time_pass()
    try:
        api.deliver_until_empty()
    except Killed:
        Lane.objects.update(lease_token="", lease_until=None)
        return True
    return False


def ids_of(name: str, kind: str = "sequential") -> dict[str, str]:
    """Return the objects of an entity, as the ledger has them."""
    return LedgerReplica.objects.get(entity_id=block(kind, name)).objects_there


def a_category(forum: DiscourseServer, name: str = "Bees", parent: int | None = None) -> str:
    """Make a category as a person does; return its id."""
    admin = forum.person("admin").user
    return str(create_category(forum.forum, admin, {"name": name, "parent_category_id": parent}).id)


def a_tree(version: str, tree: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]] | None = None) -> Structure:
    """Return a course of sections, subsections, units and discussions: ``{"s": {"ss": {"u": {"d": {}}}}}``.

    ``fields``: of blocks, by their names. The title of a block is its name.
    """
    blocks: dict[str, RawBlock] = {}

    def put(kinds: Sequence[str], name: str, children: Mapping[str, Any]) -> str:
        key = COURSE if kinds[0] == "course" else block(kinds[0], name)
        below = tuple(put(kinds[1:], one, others) for one, others in children.items())
        blocks[key] = RawBlock(key, kinds[0], {"display_name": name, **(fields or {}).get(name, {})}, below)
        return key

    put(("course", "chapter", "sequential", "vertical", "discussion"), "course", tree)
    return StructureBuilder(COURSE, version, blocks).build()


def publish_tree(shelf: Shelf, structure: Structure) -> None:
    """Publish a course and record it, without a delivery."""
    shelf.publish(structure)
    api.sync_course(COURSE)
