"""A course with two linked sites in memory, of which the plugin keeps its real tables; what people do there."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import attrs
import pytest
from django.db import IntegrityError
from django.db.models import Q

from course_sync_plugin import api
from course_sync_plugin.exceptions import Interrupted
from course_sync_plugin.lanes.deliver import deliver_lane
from course_sync_plugin.models import (
    Conflict,
    Course,
    DatabaseNow,
    InboundEvent,
    Lane,
    LedgerReplica,
    Link,
    Seed,
    Target,
    digest_of,
)
from course_sync_plugin.replication.inbound import look
from course_sync_plugin.replication.inbound.poll import poll
from course_sync_plugin.replication.merge.fields import Reason
from course_sync_plugin.replication.merge.places import PLACE
from course_sync_plugin.replication.outbound import envelope
from course_sync_plugin.targets.inbound.contract import Inbound, Notice
from course_sync_plugin.targets.registry import targets
from tests.integration.courses import COURSE
from tests.integration.lanes import protocol_site
from tests.integration.replication.author import FIELDS, Author
from tests.integration.replication.memory_site import (
    FARS,
    PARTS,
    TITLED,
    FarSide,
    Killed,
    MemorySite,
    MemoryTarget,
    Thing,
)

#: The backend of each target.
BACKENDS = {"crm": "memory", "forum": "memory forum"}


def _named(body: bytes, event: str) -> tuple[Notice, ...]:
    return (Notice("course", "", body.decode(), event),)


class ForumSite(MemorySite):
    """The same as the site in memory, of another kind."""

    kind = "discourse"


class ForumTarget(MemoryTarget):
    """The target of the other kind."""

    site_class = ForumSite


def register_two_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register both targets. Their notices have the number of a counterpart as the body."""
    monkeypatch.setattr(MemoryTarget, "inbound", Inbound((), _named))
    for backend, target in zip(BACKENDS.values(), (MemoryTarget, ForumTarget)):
        monkeypatch.setitem(targets._loaded, backend, target)


def use_two_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register both targets. People move nothing there: the places at a site are not looked at."""
    register_two_sites(monkeypatch)
    monkeypatch.setattr(envelope, "look_at_places", lambda carry, **names: [])
    monkeypatch.setattr(envelope, "note_places", lambda carry: None)
    monkeypatch.setattr(look, "look_at_places", lambda carry: [])


FIELD_OF_THING = {"display_name": "title", "start": "start", "due": "due"}


def clock() -> int:
    return int(time.time() * 1000)


@attrs.define
class LinkedSite:
    """A far side, its link, and what people did there.

    ``written``: the values that people wrote; ``superseded``: those that a person saw and replaced or deleted.
    ``foreign``: the objects that people made. ``deleted``: the entities whose objects they deleted.
    """

    name: str
    link: Link
    far: FarSide
    written: list[str] = attrs.field(factory=list)
    superseded: set[str] = attrs.field(factory=set)
    foreign: dict[str, Thing] = attrs.field(factory=dict)
    deleted: set[str] = attrs.field(factory=set)

    @classmethod
    def make(cls, name: str, **options: str) -> LinkedSite:
        """Add a target and link the course there. Nothing is delivered yet."""
        api.add_target(name, backend=BACKENDS[name], options=[f"{key}={value}" for key, value in options.items()])
        target, course = Target.objects.get(name=name), Course.objects.get(key=COURSE)
        values = {"remote_id": "7", "remote_digest": digest_of("7"), "seed": Seed.OPENEDX, "created_at": DatabaseNow()}
        link = Link.objects.create(target=target, course=course, **values)
        FARS.setdefault(name, FarSide()).__init__()
        return cls(name, Link.objects.select_related("target", "course").get(pk=link.pk), FARS[name])

    def owners(self) -> dict[str, LedgerReplica]:
        """Return the row of each object of ours."""
        return {number: row for row in self.link.replicas.all() for number in row.objects_there.values()}

    def edit(self, chance: Random, value: str = "") -> bool:
        """A person replaces a value that the person can see. Return whether there was one."""
        owners = self.owners()
        titled = [one for one in self.far.things if one in owners and self._is_titled(one, owners)]
        if not titled:
            return False
        number = chance.choice(titled)
        thing, row = self.far.things[number], owners[number]
        field = chance.choice(FIELDS[row.entity_type])
        value = value or f"{self.name} {len(self.written)}"
        self.superseded.add(str(getattr(thing, FIELD_OF_THING[field])).strip())
        setattr(thing, FIELD_OF_THING[field], value)
        self.written.append(value)
        return True

    def move(self, chance: Random) -> bool:
        """A person moves an object of ours, to behind another one or to the top. Return whether there was one.

        Modules change their order; headers and items move inside their module or to another one.
        """
        ours = [one for one in self.far.things if one in self.owners() and self.far.things[one].kind != "page"]
        if not ours:
            return False
        number = chance.choice(ours)
        is_module = self.far.things[number].kind == "module"
        modules = [one for one, thing in self.far.things.items() if thing.kind == "module" and one != number]
        parent = "" if is_module else chance.choice(modules or [self.far.things[number].parent])
        beside = [one for one, thing in self.far.things.items() if thing.parent == parent and thing.kind != "page"]
        beside = [one for one in beside if one != number and (self.far.things[one].kind == "module") == is_module]
        self.far.place(number, parent, chance.choice(["", *beside]))
        return True

    def add_foreign(self, chance: Random, title: str) -> None:
        """A person adds an object; it may be in a module of ours, and may have the title of one of ours."""
        modules = [number for number, one in self.far.things.items() if one.kind == "module"]
        thing = Thing(chance.choice(["header", "item"]), title, parent=chance.choice(modules)) if modules else None
        self.foreign[self.far.add(thing or Thing("module", title))] = thing or Thing("module", title)

    def delete(self, chance: Random) -> None:
        """A person deletes an object of ours, and what is in it."""
        owners = self.owners()
        ours = [number for number in self.far.things if number in owners]
        if ours:
            before = dict(self.far.things)
            self.far.remove(chance.choice(ours))
            for number in before.keys() - self.far.things.keys():
                self.foreign.pop(number, None)
                self.superseded |= values_of(before[number])
                if number in owners:
                    self.deleted.add(owners[number].entity_id)

    def work(
        self, act: Callable[[], Any], *, request: int = 0, after: bool = False, queries: int | None = None
    ) -> bool:
        """Deliver or poll, maybe until the process dies at a request or before a query. Return whether it died."""
        self.far.dies_at, self.far.dies_after = (len(self.far.calls) + request if request else 0), after
        died = True
        with suppress(Killed, protocol_site.Killed):
            if queries is None:
                act()
            else:
                with protocol_site.killed_after(queries):
                    act()
            died = False
        self.far.dies_at = 0
        lanes = Lane.objects.filter(target=self.link.target_id)
        lanes.update(lease_token="", lease_until=None)
        lanes.filter(~Q(due_at=None) | Q(cursor=None)).update(due_at=DatabaseNow())
        Target.objects.filter(pk=self.link.target_id).update(breaker_opened_at=None, breaker_failures=0)
        return died

    def deliver(self) -> None:
        deliver_lane(Lane.objects.get(target=self.link.target_id).pk)

    def poll(self) -> None:
        with suppress(Interrupted):  # a creation whose answer was lost cannot be seen yet
            poll(Link.objects.select_related("target", "course").get(pk=self.link.pk))

    def notify(self, remote_id: str) -> None:
        """A notice comes that names a counterpart. The same one is stored only once while it waits."""
        with suppress(IntegrityError):
            InboundEvent.put(self.link.target_id, remote_id.encode())

    def is_due(self) -> bool:
        """Tell whether a notice has made the link due for a look."""
        return Link.objects.filter(pk=self.link.pk, poll_at__lte=DatabaseNow()).exists()

    def values(self) -> set[str]:
        """Return all values that the site has."""
        return {value for thing in self.far.things.values() for value in values_of(thing)}

    def _is_titled(self, number: str, owners: dict[str, LedgerReplica]) -> bool:
        return TITLED[owners[number].entity_type] == self.far.things[number].kind


def values_of(thing: Thing) -> set[str]:
    """Return the values of an object."""
    return {str(one).strip() for one in (thing.title, thing.start, thing.due) if one is not None}


def differences(site: LinkedSite, author: Author, waiting: set[tuple[str, str]]) -> list[str]:
    """Return how what is ours at a site differs from the course.

    ``waiting``: the entities and fields that wait for a person. What somebody deleted there, and what is below it, is
    not looked at.
    """
    rows = {row.entity_id: row for row in site.link.replicas.all()}
    unplaced = {
        below for one, field in waiting if field == PLACE and one in author.types for below in author.below(one)
    }
    found, seen, at = [], set(site.foreign), {one: at for at, one in enumerate(site.far.order)}
    last: dict[str, int] = {}
    for entity, absent in _entities(author, {one for one, row in rows.items() if row.deleted_at}):
        row = rows.get(entity.entity_id)
        seen |= set(row.objects_there.values()) if row else set()
        if absent or entity.entity_type == "course":
            continue
        if row is None or TITLED[entity.entity_type] not in row.objects_there:
            found.append(f"{entity.entity_id} is missing")
            continue
        for part, number in row.objects_there.items():
            thing = site.far.things.get(number)
            if thing is None:
                found.append(f"{entity.entity_id} {part} {number} is not there")
                continue
            if entity.entity_id in unplaced:
                continue
            place = thing.parent or thing.kind
            if part != "page" and at[number] < last.get(place, -1):
                found.append(f"{entity.entity_id} {part} is not in its place")
            last[place] = at[number]
            if part != "page" and part != "module" and thing.parent not in _module_of(author, entity, rows):
                found.append(f"{entity.entity_id} {part} is in {thing.parent or 'nothing'}")
        found += _differing_fields(site, entity, row, waiting)
    kept = Conflict.objects.filter(link=site.link, reason=Reason.DELETED.value).values_list("entity_type", flat=True)
    noted = {row.entity_type for row in rows.values() if row.note}
    let_go = {part for entity_type in {*kept, *noted} for part in PARTS[entity_type]}
    seen |= site.far.let_go  # an author may have made the entity again since then
    nobodys = [one for number, one in site.far.things.items() if number not in seen and one.kind not in let_go]
    found += [f"{one} is nobody's" for one in nobodys]
    return found


def _differing_fields(site: LinkedSite, entity: Any, row: LedgerReplica, waiting: set[tuple[str, str]]) -> list[str]:
    thing = site.far.things.get(row.objects_there[TITLED[entity.entity_type]])
    names = FIELDS[entity.entity_type] if thing else ()
    pairs = {name: (entity.fields.get(name), getattr(thing, FIELD_OF_THING[name])) for name in names}
    return [
        f"{entity.entity_id} {name}: {here!r} here, {there!r} there"
        for name, (here, there) in pairs.items()
        if (here or "").strip() != (there or "").strip() and (entity.entity_id, name) not in waiting
    ]


def _entities(author: Author, deleted: set[str]) -> list[tuple[Any, bool]]:
    """Return the entities in document order, and whether each, or one above it, was deleted there."""
    absent: dict[str | None, bool] = {None: False}
    result = []
    for entity in author.structure().entities.values():
        absent[entity.entity_id] = absent[entity.parent_id] or entity.entity_id in deleted
        result.append((entity, absent[entity.entity_id]))
    return result


def _module_of(author: Author, entity: Any, rows: dict[str, LedgerReplica]) -> list[str]:
    entities = author.structure().entities
    while entity.entity_type != "section":
        entity = entities[entity.parent_id]
    return [rows[entity.entity_id].objects_there["module"]]
