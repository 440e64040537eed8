"""A site in memory: a small system with modules, headers and pages, that can die before or after each request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from course_sync_plugin.data import Entity
from course_sync_plugin.replication.outbound.target import TwoWayTarget
from course_sync_plugin.targets.base import TestReport
from course_sync_plugin.targets.two_way.site import Counterpart, Gone, Rate, Remote, Site

PARTS = {"section": ("module",), "subsection": ("header",), "unit": ("page", "item")}
PART_ORDER = tuple(part for parts in PARTS.values() for part in parts)

#: The part that holds the title of an entity.
TITLED = {"section": "module", "subsection": "header", "unit": "item"}


class Killed(BaseException):
    """The process dies here. No code of the plugin catches it."""


@attrs.define
class Thing:
    """An object at the far side. ``parent``: the object that it is in; ``at``: its place there."""

    kind: str
    title: str = ""
    start: str | None = None
    due: str | None = None
    parent: str = ""
    token: str = ""


@attrs.define(slots=False)
class FarSide:
    """What is there. ``calls`` lists the requests. ``dies_at``: the number of the request at which the process dies.

    ``lags``: reads are answered from a copy that is late; ``late`` has what our writes changed since. ``let_go``: what
    was left there when its entity was deleted, because it holds what others made. ``overtaken``: the values that people
    wrote after our read and before our write, which no system without conditional requests can notice (ADR 28).
    """

    things: dict[str, Thing] = attrs.field(factory=dict)
    order: list[str] = attrs.field(factory=list)
    calls: list[str] = attrs.field(factory=list)
    dies_at: int = 0
    dies_after: bool = False
    made: int = 0
    lags: bool = False
    late: dict[str, Thing] = attrs.field(factory=dict)
    let_go: set[str] = attrs.field(factory=set)
    last_read: dict[str, Thing] = attrs.field(factory=dict)
    overtaken: set[str] = attrs.field(factory=set)

    def read(self, number: str) -> Thing:
        """Return what a read of an object shows."""
        thing = self.late.get(number) or self.things[number]
        self.last_read[number] = attrs.evolve(thing)
        return thing

    def request(self, what: str, act: Any) -> Any:
        """Carry out one request, unless the process dies before it. It may die before it reads the answer."""
        self.calls.append(what)
        dies = len(self.calls) == self.dies_at
        if dies and not self.dies_after:
            raise Killed
        answer = act()
        if dies:
            raise Killed
        return answer

    def add(self, thing: Thing, at: int | None = None) -> str:
        self.made += 1
        number = str(self.made)
        self.things[number] = thing
        self.order.insert(len(self.order) if at is None else at, number)
        return number

    def remove(self, number: str) -> None:
        """Delete an object, and what is in it."""
        if self.things.pop(number, None):
            self.order.remove(number)
        for one in [other for other, thing in self.things.items() if thing.parent == number]:
            self.remove(one)

    def change(self, number: str, values: Mapping[str, Any]) -> None:
        if self.lags:
            self.late.setdefault(number, attrs.evolve(self.things[number]))
        for name, value in values.items():
            now = getattr(self.things[number], name)
            if number in self.last_read and now not in (value, getattr(self.last_read[number], name)):
                self.overtaken.add(str(now).strip())
            setattr(self.things[number], name, value)

    def place(self, number: str, parent: str, after: str) -> None:
        self.things[number].parent = parent
        self.order.remove(number)
        self.order.insert(self.order.index(after) + 1 if after else 0, number)

    def catch_up(self) -> None:
        """The copy that answers reads has all by now."""
        self.lags = False
        self.late.clear()

    def titles(self, kind: str) -> list[str]:
        """Return the titles of the objects of a kind: the modules in their order, and what is in each in its order."""
        modules = ["", *(one for one in self.order if self.things[one].kind == "module")]
        there = [one for one in self.order if self.things[one].kind == kind]
        return [self.things[one].title for module in modules for one in there if self.things[one].parent == module]


#: The far side of the target ``crm``.
FAR = FarSide()

#: The far sides by the names of their targets.
FARS = {"crm": FAR}


class MemorySite(Site):
    """Has all counterparts of sections, subsections and units. Titles are cleaned of spaces at their ends."""

    kind = "canvas"
    fields = {
        "section": ("display_name", "start"),
        "subsection": ("display_name", "start", "due"),
        "unit": ("display_name",),
    }
    part_order = PART_ORDER
    rate = Rate(1e9, 1e9, 0)
    has_places = True

    def counterpart(self) -> Counterpart:
        return Counterpart(self.remote_id, "Bees", f"https://far.example.org/{self.remote_id}")

    def parts(self, entity: Entity) -> Sequence[str]:
        return PARTS.get(entity.entity_type, ())

    def create(self, entity: Entity, part: str, token: str) -> Remote:
        thing = Thing(part, self._title(entity), parent=self._parent(entity, part), token=token)
        self._check_parent(thing.parent)
        for name in self._own_fields(entity, part):
            if name != "display_name":
                setattr(thing, name, entity.fields.get(name))
        number = self._far.request(f"create {part}", lambda: self._far.add(thing, self._at(entity, part)))
        return Remote(number, self._values(entity, thing, part))

    def candidates(self, entity: Entity, part: str, token: str, *, anew: bool) -> Sequence[Remote]:
        if anew:
            self._far.request("list", lambda: None)
        same = [
            Remote(number, self._values(entity, thing, part))
            for number, thing in self._far.things.items()
            if thing.kind == part
            and self.known.owner(number, part) is None
            and (thing.title, thing.parent) == (self._title(entity), self._parent(entity, part))
        ]
        ours = [one for one in same if token and self._far.things[one.remote_id].token == token]
        return ours or same

    def former(self, entity: Entity, part: str, remote_id: str) -> Remote | None:
        thing = self._far.things.get(remote_id)
        return Remote(remote_id, self._values(entity, thing, part)) if thing else None

    @property
    def lag_seconds(self) -> float:
        return 60 if self._far.lags else 0

    def read(self, entity: Entity, base: Mapping[str, Any]) -> Mapping[str, Any]:
        number = self._number(entity)
        if not number:
            return {}
        thing = self._far.read(number)
        return {name: self._values(entity, thing, TITLED[entity.entity_type])[name] for name in base}

    def write(self, entity: Entity, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        number = self._number(entity)
        values = {"title" if name == "display_name" else name: self._cleaned(one) for name, one in fields.items()}
        self._far.request("update", lambda: self._far.change(number, values))
        return self._values(entity, self._far.things[number], TITLED[entity.entity_type])

    def ours(self, entity: Entity, field: str, value: Any) -> Any:
        own = entity.fields.get(field)
        return own if value == self._cleaned(own) else value

    def foreign(self) -> int:
        return sum(self.known.owner(number, thing.kind) is None for number, thing in self._far.things.items())

    def place(self, entity: Entity) -> None:
        for entity_id in self._document_order(entity.entity_id):
            below = self.tree.entity(entity_id)
            for part, number in self.known.of(entity_id).items():
                if number in self._far.things and part != "page":  # pages have no order
                    self._place(below, part, number)

    def _place(self, entity: Entity, part: str, number: str) -> None:
        parent = self._parent(entity, part)
        self._check_parent(parent)
        after = self._before(entity, part)
        siblings = self._siblings(part, parent)
        is_in_place = number in siblings and [after or None] == [None, *siblings][siblings.index(number) :][:1]
        if not is_in_place:
            self._far.request("place", lambda: self._far.place(number, parent, after))

    def places(self) -> Mapping[str, Sequence[str]]:
        """Return the tree of what is ours: units are below the header before them in their module."""
        children: dict[str, list[str]] = {}
        for module in self._siblings("module", ""):
            section = self.known.owner(module, "module")
            children.setdefault(self.tree.course_id, []).append(section)
            parent = section
            for number in self._siblings("item", module):
                kind = self._far.things[number].kind
                owner = self.known.owner(number, kind)
                parent = section if kind == "header" else parent
                children.setdefault(parent, []).append(owner)
                parent = owner if kind == "header" else parent
        return children

    def _check_parent(self, number: str) -> None:
        if number and number not in self._far.things:
            raise Gone("The module was deleted there.", parts=())

    def _is_ours(self, number: str) -> bool:
        return self.known.owner(number, self._far.things[number].kind) is not None

    def remove(self, entity_type: str, part: str, remote_id: str) -> str:
        inside = [one for one, thing in self._far.things.items() if thing.parent == remote_id]
        if any(not self._is_ours(one) for one in inside):
            self._far.let_go.add(remote_id)
            return "It holds what others made."
        self._far.request("delete", lambda: self._far.remove(remote_id))
        return ""

    def _is_placed(self, entity: Entity, part: str, number: str) -> bool:
        ours = [
            one
            for one in self._far.order
            if self._far.things[one].kind != "page" and self.known.owner(one, self._far.things[one].kind)
        ]
        at = ours.index(number)
        before = ours[at - 1] if at else ""
        return before == self._before(entity) and self._far.things[number].parent == self._parent(entity, part)

    @property
    def _far(self) -> FarSide:
        return FARS[self.config.name]

    def _number(self, entity: Entity) -> str:
        objects = self.known.of(entity.entity_id)
        gone = [part for part, number in objects.items() if number not in self._far.things]
        if gone:
            raise Gone("It was deleted there.", parts=gone)
        return objects.get(TITLED[entity.entity_type], "")

    def _own_fields(self, entity: Entity, part: str) -> Sequence[str]:
        return self.fields[entity.entity_type] if part == TITLED[entity.entity_type] else ()

    def _values(self, entity: Entity, thing: Thing, part: str) -> dict[str, Any]:
        values = {"display_name": thing.title, "start": thing.start, "due": thing.due}
        return {name: values[name] for name in self._own_fields(entity, part)}

    def _title(self, entity: Entity) -> str:
        return str(self._cleaned(entity.fields.get("display_name", "")))

    @staticmethod
    def _cleaned(value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    def _parent(self, entity: Entity, part: str) -> str:
        """Return the module that an object is in. Pages are in none."""
        if part in ("module", "page"):
            return ""
        while entity.entity_type != "section":
            entity = self.tree.entity(entity.parent_id)
        return self.known.of(entity.entity_id).get("module", "")

    def _at(self, entity: Entity, part: str) -> int | None:
        """Return where a new object belongs: behind what comes before it, or before all its siblings, or at the end."""
        before = self._before(entity, part)
        if before:
            return self._far.order.index(before) + 1
        siblings = self._siblings(part, self._parent(entity, part))
        return self._far.order.index(siblings[0]) if siblings else None

    def _siblings(self, part: str, parent: str) -> list[str]:
        """Return the objects of ours in a module, or the modules, or the pages, in their order."""
        things = self._far.things
        there = [one for one in self._far.order if things[one].parent == parent and self._is_ours(one)]
        return [one for one in there if parent or things[one].kind == part]

    def _before(self, entity: Entity, part: str) -> str:
        """Return the sibling that comes before an entity in the course; empty if there is none."""
        siblings = set(self._siblings(part, self._parent(entity, part)))
        last = ""
        for entity_id in self._document_order(self.tree.course_id):
            if entity_id == entity.entity_id:
                return last
            last = next((one for one in self.known.of(entity_id).values() if one in siblings), last)
        return last

    def _document_order(self, entity_id: str) -> list[str]:
        below = [one for child in self.tree.children(entity_id) for one in self._document_order(child)]
        return [entity_id, *below]


class MemoryTarget(TwoWayTarget):
    """The target that uses it."""

    site_class = MemorySite
    uses_secret = False
    uses_token = False

    def test(self) -> TestReport:
        return TestReport(True, "It is in memory.", None, 0)
