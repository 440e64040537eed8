"""The author edits the draft in the sandbox's Studio, publishes, and decides about what comes from the other sites."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course_sync_plugin import api
from course_sync_plugin.data import Entity, Operation
from course_sync_plugin.diff.apply import Tree
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from sandbox.published.drafts import Studio, editing
from sandbox.published.publishing import new_version, publish_structure
from sandbox.published.trees import rebuilt, subtree
from tests.chaos.actors import Actor
from tests.chaos.two_way.edits import Edit, Edits, edit_now
from tests.integration.courses import block

COURSE = "course-v1:Chaos+TwoWay+Run"

#: The block type and the entity type below each block type.
_BELOW = {
    "course": ("chapter", "section"),
    "chapter": ("sequential", "subsection"),
    "sequential": ("vertical", "unit"),
}
_FIELDS = {
    "chapter": ("display_name", "display_name", "start"),
    "sequential": ("display_name", "display_name", "start", "due"),
    "vertical": ("display_name",),
}
#: The most blocks of each type, so that no deletion is held as a mass deletion.
_MOST = {"chapter": 5, "sequential": 9, "vertical": 16}


def publish_first(edits: Edits) -> None:
    """Publish a course of two sections with two subsections each, of which the second is graded, with two units."""
    blocks: dict[str, RawBlock] = {}

    def put(kind: str, name: str, children: list[str], **fields: Any) -> str:
        key = COURSE if kind == "course" else block(kind, name, COURSE)
        title = f"First {name}"
        edits.owners[title] = key
        blocks[key] = RawBlock(key, kind, {"display_name": title, **fields}, tuple(children))
        return key

    sections = []
    for at in range(2):
        subsections = []
        for sub in "ab":
            units = [put("vertical", f"u{at}{sub}{number}", []) for number in range(2)]
            subsections.append(put("sequential", f"q{at}{sub}", units, graded=sub == "b"))
        sections.append(put("chapter", f"s{at}", subsections))
    put("course", "course", sections)
    publish_structure(StructureBuilder(COURSE, new_version(), blocks).build())


class TwoWayAuthor(Actor):
    """Edits and publishes the course. Each turn is one transaction, as one save in Studio is."""

    def act(self) -> None:
        self.rest(0.3, 1.2)
        if self.chance.random() < 0.15:
            self._decide()
            return
        edits: list[Edit] = []
        with editing(COURSE) as course:
            before = _values(course)
            for _time in range(self.chance.randint(1, 2)):
                self._edit(course, edits)
                course.publish(COURSE)  # the sandbox edits no section that is in the draft alone
            replaced = (before | {one.value for one in edits}) - _values(course)
        self.world.edits.note(edits, replaced)
        self.done["edits and publishes of the author"] += 1

    def _edit(self, course: Studio, edits: list[Edit]) -> None:
        act = self.chance.choices([self._write, self._create, self._move, self._remove], (5, 2, 3, 1))[0]
        act(course, edits)

    def _write(self, course: Studio, edits: list[Edit]) -> None:
        entity = self._any(course, tuple(_FIELDS))
        if entity:
            field = self.chance.choice(_FIELDS[entity.block_type])
            value = self.world.edits.new_value(field, "Author")
            course.edit(entity.entity_id, {field: value})
            edits.append(edit_now("openedx", entity.entity_id, field, value))

    def _create(self, course: Studio, edits: list[Edit]) -> None:
        parent = self._any(course, tuple(_BELOW))
        if parent is None:
            return
        kind, entity_type = _BELOW[parent.block_type]
        if self._count(course, kind) >= _MOST[kind]:
            return
        title = self.world.edits.new_value("display_name", "Author")
        key = block(kind, title.replace(" ", "_"), COURSE)
        fields = {"display_name": title}
        place = self._place(course, parent.entity_id)
        _apply(course, Operation("create", entity_type, key, kind, *place, fields))
        edits.append(edit_now("openedx", key, "display_name", title))

    def _move(self, course: Studio, _edits: list[Edit]) -> None:
        entity = self._any(course, tuple(_FIELDS))
        parents = [one for one in course.draft.entities.values() if entity and _may_hold(one, entity)]
        if entity and parents:
            parent = self.chance.choice(parents).entity_id
            place = self._place(course, parent, entity.entity_id)
            _apply(course, Operation("move", entity.entity_type, entity.entity_id, entity.block_type, *place))

    def _remove(self, course: Studio, _edits: list[Edit]) -> None:
        entity = self._any(course, self.chance.choice([("vertical",), ("vertical",), ("sequential",), ("chapter",)]))
        if entity and self._count(course, entity.block_type) > 2:
            for one in reversed([*subtree(course.draft, entity.entity_id)]):
                gone = course.draft.entities[one]
                _apply(course, Operation("delete", gone.entity_type, one, gone.block_type))

    def _decide(self) -> None:
        """Decide about one proposal, or about one conflict, which may be decided already."""
        proposals, conflicts = api.proposals(COURSE), api.conflicts(COURSE, all_of_them=True)
        if proposals and self.chance.random() < 0.6:
            number = self.chance.choice(proposals)["id"]
            done = _answer(number, self.chance.choice(["accept", "accept", "reject"]))
        elif conflicts:
            number = self.chance.choice(conflicts)["id"]
            done = _resolve(number, self.chance.choice(["openedx", "remote", "base"]))
        else:
            return
        self.done["decisions of the author" if not done.error else "decisions that came too late"] += 1

    def _any(self, course: Studio, kinds: tuple[str, ...]) -> Entity | None:
        found = [one for one in course.draft.entities.values() if one.block_type in kinds]
        return self.chance.choice(found) if found else None

    @staticmethod
    def _count(course: Studio, kind: str) -> int:
        return sum(one.block_type == kind for one in course.draft.entities.values())

    def _place(self, course: Studio, parent: str, moving: str = "") -> tuple[str, int, str | None]:
        siblings = [one for one in course.draft.children_of(parent) if one != moving]
        index = self.chance.randint(0, len(siblings))
        return parent, index, siblings[index - 1] if index else None


def _may_hold(parent: Entity, entity: Entity) -> bool:
    return _BELOW.get(parent.block_type, ("",))[0] == entity.block_type


def _apply(course: Studio, operation: Operation) -> None:
    tree = Tree(course.draft)
    tree.apply(operation)
    course.draft = rebuilt(tree, course.draft)


def _values(course: Studio) -> set[str]:
    """Return all values that the author sees."""
    names = ("display_name", "start", "due")
    entities = [*course.draft.entities.values(), *course.published.entities.values()]
    return {str(one.fields[name]) for one in entities for name in names if one.fields.get(name)}


def publish_all() -> None:
    """Publish what waits in the draft, as an author does in the end."""
    with editing(COURSE) as course:
        course.publish(COURSE)


def decide_all(take: str, proposal: str) -> list[str]:
    """Decide about all that waits for a person, in one way. Return why something could not be decided.

    What cannot be taken from the other system, because its entity or its place is not in the course any more, stays as
    it is in Open edX.
    """
    errors = [_decided(_resolve, row["id"], take, "openedx") for row in api.conflicts(COURSE)]
    errors += [_decided(_answer, row["id"], proposal, "reject") for row in api.proposals(COURSE)]
    return [one for one in errors if one]


def _resolve(number: int, take: str) -> api.Decided:
    return api.resolve(api.resolution_plan(number, take))


def _answer(number: int, decision: str) -> api.Decided:
    act = api.accept if decision == "accept" else api.reject
    return act(api.proposal_plan(number, decision))


def _decided(act: Callable[[int, str], api.Decided], number: int, *ways: str) -> str:
    """Decide in the first way that is possible. Return why none is; a decision that has ended already is none."""
    error = ""
    for way in ways:
        try:
            error = act(number, way).error
        except ConfigurationError:  # another decision has ended it
            return ""
        if not error:
            return ""
    return error
