"""Moves modules and items to their places, with one request each."""

from __future__ import annotations

import attrs

from course_sync_plugin.data import Entity
from course_sync_plugin.targets.canvas import items, modules
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.errors import NotThere
from course_sync_plugin.targets.canvas.items import Item
from course_sync_plugin.targets.canvas.modules import Module
from course_sync_plugin.targets.canvas.site import positions
from course_sync_plugin.targets.canvas.site.listing import Listing
from course_sync_plugin.targets.canvas.site.places import Places


@attrs.frozen
class Moves:
    """Moves what is ours in one course."""

    client: CanvasClient
    course_id: str
    listing: Listing
    places: Places

    def section(self, entity: Entity, module: Module) -> None:
        """Move the module of a section to its place."""
        if self.places.module_is_in_place(entity, module):
            return
        position = self.module_position(entity, module)
        if position is not None:
            moved = modules.update(self.client, self.course_id, module.id, position=position)
            self.listing.put_module(moved, module, position)

    def block(self, entity: Entity) -> None:
        """Move the items of an entity, and those below it, to their place.

        The last one is moved first. If the process is stopped meanwhile, the header still stands at the old place with
        those that are left, so the rest is found there.
        """
        head = self.places.head(entity.entity_id)
        if head is None:
            return
        if self.places.is_in_place(entity, head, self._before(entity)):
            return
        module_id = self.places.home(entity)
        for item in reversed(self.places.block(entity)):
            try:
                self._move(entity, item, module_id)
            except NotThere:  # deleted since it was listed: the next look at its entity finds that
                self.listing.drop_items([item])

    def module_position(self, entity: Entity, own: Module | None) -> int | None:
        """Return the position for the module of a section; None: at the end."""
        rows = self.listing.modules()
        before = self.places.module_before(entity)
        if before:
            before = before if before.position is not None else self._numbered_module(before)
            return positions.after(before, own)
        first = self.places.first_module(entity)
        return positions.in_front_of(rows, first, own) if first else None

    def item_position(self, module_id: str, before: Item | None, own: Item | None) -> int | None:
        """Return the position directly behind an item; None: at the end.

        Without an item it is in front of the first one of ours.
        """
        if before:
            before = before if before.position is not None else self._numbered_item(before)
            return positions.after(before, own)
        first = self.places.first_of_ours(module_id)
        return positions.in_front_of(self.listing.items(module_id), first, own) if first else None

    def _before(self, entity: Entity) -> Item | None:
        return self.places.before(entity, "header" if entity.entity_type == "subsection" else "item")

    def _move(self, entity: Entity, item: Item, module_id: str) -> None:
        item = self.listing.item(item.id) or item  # the last move may have shifted it
        own = item if item.module_id == module_id else None
        position = self.item_position(module_id, self._before(entity), own)
        position = positions.last(self.listing.items(module_id)) + 1 if position is None else position
        self._put(item, module_id, position)

    def _put(self, item: Item, module_id: str, position: int) -> Item:
        moved = items.move(self.client, self.course_id, item, module_id, position)
        self.listing.put_item(moved, item, position)
        return moved

    def _numbered_item(self, item: Item) -> Item:
        """Give an item a position. It has none if it was moved by the API without one."""
        return self._put(item, item.module_id, positions.last(self.listing.items(item.module_id)) + 1)

    def _numbered_module(self, module: Module) -> Module:
        position = positions.last(self.listing.modules()) + 1
        numbered = modules.update(self.client, self.course_id, module.id, position=position)
        self.listing.put_module(numbered, module, position)
        return numbered
