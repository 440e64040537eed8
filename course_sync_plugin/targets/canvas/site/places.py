"""Where the objects of an entity stand in Canvas, and where they belong: between what is foreign, in our order.

An object follows the last object of ours that comes before it in the course. What a person has moved to another place
is not counted to the place where it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.canvas.items import Item
from course_sync_plugin.targets.canvas.modules import Module
from course_sync_plugin.targets.canvas.site.listing import Listing
from course_sync_plugin.targets.canvas.site.mapping import ITEM_PARTS, ancestors
from course_sync_plugin.targets.two_way.site import CourseTree, KnownObjects

#: How deep an item of ours stands, by its kind: what is deeper belongs to the one above.
_DEPTH = {"SubHeader": 0, "Page": 1, "Assignment": 1, "Discussion": 2}


class Places:
    """Finds places. It makes no call but those of the listing."""

    def __init__(self, tree: CourseTree, known: KnownObjects, listing: Listing):
        self._tree, self._known, self._listing = tree, known, listing

    def owner(self, item: Item) -> str | None:
        """Return the entity that has an item; None if the item is foreign."""
        owners = (self._known.owner(item.id, part) for part in ITEM_PARTS)
        return next((one for one in owners if one), None)

    def item_of(self, entity_id: str, part: str) -> Item | None:
        """Return an item of an entity; None if it has none, or if the item is not there."""
        item_id = self._known.of(entity_id).get(part)
        return self._listing.item(item_id) if item_id else None

    def module_before(self, section: Entity) -> Module | None:
        """Return the last module of ours that comes before a section; None if there is none."""
        for sibling in self._siblings_before(section):
            module = self._listing.module(self._known.of(sibling).get("module", ""))
            if module:
                return module
        return None

    def first_module(self, section: Entity) -> Module | None:
        """Return the first module of ours that is not that of the section itself."""
        return next((one for one in self._modules_of_others(section)), None)

    def module_is_in_place(self, section: Entity, module: Module) -> bool:
        """Tell whether the module of a section directly follows, of what is ours, the one that comes before it."""
        rows = list(self._listing.modules())
        ours = [one for one in rows if one.id == module.id or self._known.owner(one.id, "module")]
        at = [one.id for one in ours].index(module.id)
        before = self.module_before(section)
        return (ours[at - 1].id if at else None) == (before.id if before else None)

    def module_for(self, entity: Entity, part: str) -> str:
        """Return the id of the module for a new item: that of an assignment is where the header is now."""
        header = self.item_of(entity.entity_id, "header") if part == "assignment_item" else None
        return header.module_id if header else self.home(entity)

    def home(self, entity: Entity) -> str:
        """Return the id of the module that an entity belongs to: where its header or page is, or its section's.

        Raises PermanentError if the module was deleted in Canvas.
        """
        for one in ancestors(entity, self._tree):
            head = self.head(one.entity_id)
            if head:
                return head.module_id
            module_id = self._known.of(one.entity_id).get("module", "")
            if one.entity_type == "section" and self._listing.module(module_id):
                return module_id
        raise PermanentError(
            "The module of its section was deleted in Canvas. With the option on_remote_delete=recreate it is created "
            "again when the section changes.",
            status=404,
        )

    def known_module(self, entity: Entity) -> str:
        """Return the id of the module that an entity belongs to, also if the list does not have it; else empty."""
        try:
            return self.home(entity)
        except PermanentError:
            above = (self._known.of(one.entity_id).get("module") for one in ancestors(entity, self._tree))
            return next((one for one in above if one), "")

    def head(self, entity_id: str) -> Item | None:
        """Return the first item of an entity: the header of a subsection, the item of a page or discussion."""
        return self.item_of(entity_id, "header") or self.item_of(entity_id, "item")

    def before(self, entity: Entity, part: str) -> Item | None:
        """Return the item of ours that an item of an entity directly follows; None: it is the first one of ours."""
        head = self.item_of(entity.entity_id, "header") if part == "assignment_item" else None
        return head or self._before(entity, self.home(entity), set(self._below(entity.entity_id)))

    def first_of_ours(self, module_id: str) -> Item | None:
        """Return the first item of ours in a module."""
        return next((one for one in self._listing.items(module_id) if self.owner(one)), None)

    def is_in_place(self, entity: Entity, head: Item, before: Item | None) -> bool:
        """Tell whether an item directly follows, of what is ours and not below the entity, the one that it should."""
        if head.module_id != self.home(entity):
            return False
        below = {None, *self._below(entity.entity_id)}
        rows = self._listing.items(head.module_id)
        at = [one.id for one in rows].index(head.id)
        there = next((one for one in reversed(rows[:at]) if self.owner(one) not in below), None)
        return (there and there.id) == (before and before.id)

    def block(self, entity: Entity) -> list[Item]:
        """Return the items that move with an entity: its own, and those below it that stand there in Canvas too."""
        head = self.head(entity.entity_id)
        below = set(self._below(entity.entity_id))
        return [one for one in self._run(head) if self.owner(one) in below] if head else []

    def _before(self, entity: Entity, module_id: str, but: Collection[str]) -> Item | None:
        """Look at the siblings first, then at the item of the parent, then before that."""
        parent = next(ancestors(entity, self._tree))
        head = self.head(parent.entity_id)
        run = self._run(head) if head else self._listing.items(module_id)
        ids = {one.id for one in run}
        for sibling in self._siblings_before(entity):
            end = self._end(sibling, but)
            if end and end.id in ids:
                return end
        if head:
            assignment = self.item_of(parent.entity_id, "assignment_item")
            return assignment if assignment and assignment.id in ids else head
        return None if parent.entity_type == "section" else self._before(parent, module_id, but)

    def _end(self, entity_id: str, but: Collection[str]) -> Item | None:
        """Return the last item of ours that stands with an entity."""
        head = self.head(entity_id)
        if head:
            ours = [one for one in self._run(head) if self.owner(one) not in {None, *but}]
            return ours[-1] if ours else None
        ends = (self._end(child, but) for child in reversed(self._tree.children(entity_id)))
        return next((one for one in ends if one), None)

    def _run(self, head: Item) -> Sequence[Item]:
        """Return an item and those behind it, up to the next one of ours that is not deeper."""
        rows = self._listing.items(head.module_id)
        at = [one.id for one in rows].index(head.id)
        depth = _DEPTH.get(head.kind, 0)
        stop = at + 1
        while stop < len(rows) and (self.owner(rows[stop]) is None or _DEPTH.get(rows[stop].kind, 0) > depth):
            stop += 1
        return rows[at:stop]

    def _siblings_before(self, entity: Entity) -> Iterator[str]:
        siblings = list(self._tree.children(entity.parent_id or ""))
        yield from reversed(siblings[: siblings.index(entity.entity_id)] if entity.entity_id in siblings else siblings)

    def _below(self, entity_id: str) -> Iterator[str]:
        yield entity_id
        for child in self._tree.children(entity_id):
            yield from self._below(child)

    def _modules_of_others(self, section: Entity) -> Iterator[Module]:
        for module in self._listing.modules():
            if self._known.owner(module.id, "module") not in (None, section.entity_id):
                yield module
