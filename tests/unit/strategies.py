"""Hypothesis strategies for structures: any tree of blocks, and pairs of which the second is an edit of the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hypothesis import strategies as st

from course_sync_plugin.data import Structure
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder

COURSE_ID = "course-v1:O+C+R"

#: The number of a block decides its type, so that an id never changes its type.
BLOCK_TYPES = ("chapter", "sequential", "vertical", "html", "problem", "video")

#: Equal titles, empty ones, other scripts and characters of four bytes.
TITLES = st.sampled_from(["Week 1", "Week 1", "Unit", "", "Übung", "第一章", "🐝 bees 🐝", "a\u0301"])


def entity_id(number: int) -> str:
    """Return the id of the block with a number."""
    return f"block-v1:O+C+R+type@{BLOCK_TYPES[number % len(BLOCK_TYPES)]}+block@{number}"


def block_type(entity_id: str) -> str:
    """Return the block type that an entity id names."""
    return "course" if entity_id == COURSE_ID else entity_id.partition("type@")[2].partition("+")[0]


@dataclass
class Draft:
    """A course that can be edited. ``children`` may name a block twice (two parents), or one that does not exist."""

    children: dict[str, list[str]] = field(default_factory=lambda: {COURSE_ID: []})
    fields: dict[str, dict] = field(default_factory=lambda: {COURSE_ID: {}})

    def add(self, entity_id: str, parent_id: str, index: int, fields: dict) -> None:
        self.children[parent_id].insert(index, entity_id)
        self.children[entity_id] = []
        self.fields[entity_id] = fields

    def copy(self) -> Draft:
        children = {parent: list(kids) for parent, kids in self.children.items()}
        return Draft(children, {entity: dict(values) for entity, values in self.fields.items()})

    def blocks(self) -> list[str]:
        """Return every block except the course."""
        return [entity for entity in self.children if entity != COURSE_ID]

    def below(self, entity_id: str) -> Iterator[str]:
        """Return the block and all blocks below it."""
        waiting, seen = [entity_id], set()
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen.add(current)
                yield current
                waiting.extend(self.children.get(current, ()))

    def take_out(self, entity_id: str) -> None:
        for kids in self.children.values():
            while entity_id in kids:
                kids.remove(entity_id)

    def structure(self, version: str = "1") -> Structure:
        blocks = {
            entity: RawBlock(entity, block_type(entity), self.fields[entity], tuple(self.children[entity]))
            for entity in self.children
        }
        return StructureBuilder(COURSE_ID, version, blocks).build()


def some_fields() -> st.SearchStrategy[dict]:
    """Draw the fields of a block: inherited ones, plain ones, or none."""
    optional = {
        "display_name": TITLES,
        "due": st.sampled_from(["2026-05-03T22:00:00Z", "2026-05-10T22:00:00+02:00", None]),
        "graded": st.booleans(),
        "visible_to_staff_only": st.booleans(),
        "content_digest": st.sampled_from(["a" * 32, "b" * 32]),
        "group_access": st.just({"50": [1, 2]}),
    }
    return st.fixed_dictionaries({}, optional=optional)


@st.composite
def drafts(draw: st.DrawFn, most: int = 14) -> Draft:
    """Draw a course of up to ``most`` blocks. Some of them have a second parent, which may be below them."""
    draft = Draft()
    numbers = draw(st.lists(st.integers(0, 19), unique=True, max_size=most))
    for number in numbers:
        parent = draw(st.sampled_from(list(draft.children)))
        index = draw(st.integers(0, len(draft.children[parent])))
        draft.add(entity_id(number), parent, index, draw(some_fields()))
    for _ in range(draw(st.integers(0, 2)) if numbers else 0):
        parent, child = draw(st.sampled_from(list(draft.children))), draw(st.sampled_from(draft.blocks()))
        draft.children[parent].append(child)
    return draft


def _rename(draw: st.DrawFn, draft: Draft) -> None:
    draft.fields[draw(st.sampled_from(list(draft.fields)))] = draw(some_fields())


def _delete(draw: st.DrawFn, draft: Draft) -> None:
    """Delete a block. The blocks below it are deleted too, or move up to its parent."""
    victim = draw(st.sampled_from(draft.blocks()))
    if draw(st.booleans()):
        for parent, kids in draft.children.items():
            if victim in kids and parent != victim:
                kids.extend(draft.children[victim])
                break
    draft.take_out(victim)


def _move(draw: st.DrawFn, draft: Draft) -> None:
    moving = draw(st.sampled_from(draft.blocks()))
    parent = draw(st.sampled_from([entity for entity in draft.children if entity not in set(draft.below(moving))]))
    draft.take_out(moving)
    draft.children[parent].insert(draw(st.integers(0, len(draft.children[parent]))), moving)


def _swap_nesting(draw: st.DrawFn, draft: Draft) -> None:
    """Put a child in the place of its parent, and the parent below the child."""
    pairs = [(p, c) for p in draft.blocks() for c in draft.children[p] if c != p]
    if not pairs:
        return
    parent, child = draw(st.sampled_from(pairs))
    above = next((entity for entity, kids in draft.children.items() if parent in kids and entity != child), None)
    if above is None:
        return
    index = draft.children[above].index(parent)
    draft.take_out(child)
    draft.take_out(parent)
    draft.children[above].insert(min(index, len(draft.children[above])), child)
    draft.children[child].insert(0, parent)


def _reorder(draw: st.DrawFn, draft: Draft) -> None:
    parent = draw(st.sampled_from(list(draft.children)))
    draft.children[parent] = draw(st.permutations(draft.children[parent]))


def _insert(draw: st.DrawFn, draft: Draft) -> None:
    free = [number for number in range(20, 30) if entity_id(number) not in draft.children]
    if free:
        parent = draw(st.sampled_from(list(draft.children)))
        index = draw(st.integers(0, len(draft.children[parent])))
        draft.add(entity_id(free[0]), parent, index, draw(some_fields()))


EDITS: tuple[Callable[[st.DrawFn, Draft], None], ...] = (_rename, _delete, _move, _swap_nesting, _reorder, _insert)


@st.composite
def edited(draw: st.DrawFn, original: Draft) -> Draft:
    """Draw a draft after some edits of any kind."""
    draft = original.copy()
    for edit in draw(st.lists(st.sampled_from(EDITS), min_size=1, max_size=5)):
        if draft.blocks() or edit is _insert:
            edit(draw, draft)
    return draft


@st.composite
def structures(draw: st.DrawFn) -> Structure:
    """Draw any structure, sometimes an empty one."""
    return draw(st.one_of(st.just(Structure.empty(COURSE_ID)), drafts().map(Draft.structure)))


@st.composite
def structure_pairs(draw: st.DrawFn) -> tuple[Structure, Structure]:
    """Draw two revisions. The second is an edit of the first, or any other structure."""
    if draw(st.integers(0, 4)) == 0:
        return draw(structures()), draw(structures())
    old = draw(drafts())
    return old.structure("1"), draw(edited(old)).structure("2")
