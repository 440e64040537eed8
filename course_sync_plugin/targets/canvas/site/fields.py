"""Reads and writes the fields that people can edit in Canvas."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import attrs

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import RateLimited
from course_sync_plugin.targets.canvas import assignments, items, modules, pages, topics
from course_sync_plugin.targets.canvas.assignments import Assignment
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.errors import NoRight, NotThere
from course_sync_plugin.targets.canvas.items import Item
from course_sync_plugin.targets.canvas.modules import Module
from course_sync_plugin.targets.canvas.site.listing import Listing
from course_sync_plugin.targets.canvas.site.mapping import ITEM_PARTS, title_of, with_fields
from course_sync_plugin.targets.canvas.site.places import Places
from course_sync_plugin.targets.canvas.site.values import date_text, free_title, moment_of, shared_title
from course_sync_plugin.targets.two_way.site import Gone, KnownObjects

#: Seconds after which every read shows what was written (assumed: the replicas of Canvas lag less).
LAG_SECONDS = 10

#: What an item shows, by its part.
_SHOWN: Mapping[str, Sequence[str]] = {"header": (), "assignment_item": ("assignment",), "item": ("page", "topic")}

_SHOW: Mapping[str, Callable[..., Any]] = {"page": pages.show, "assignment": assignments.show, "topic": topics.show}


def held(part: str, there: Any) -> dict[str, Any]:
    """Return the fields that an object holds, as Canvas has them.

    The item of a page or a discussion has the same title as it has.
    """
    if part == "module":
        return {"display_name": there.name, "start": date_text(there.unlock_at)}
    if part == "assignment":
        return {"start": date_text(there.unlock_at), "due": date_text(there.due_at)}
    return {"display_name": there.title} if part in ("header", "page", "topic") else {}


def gone(parts: Collection[str]) -> Gone:
    """Return the error for objects that somebody has deleted."""
    return Gone("It was deleted in Canvas.", parts=parts)


@attrs.frozen
class FieldCalls:
    """The fields of the entities of one course."""

    client: CanvasClient
    course_id: str
    listing: Listing
    places: Places
    known: KnownObjects

    def read(self, entity: Entity, base: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields named in ``base``. One that no object holds any more has the value in ``base``."""
        if entity.entity_type == "section":
            return {**base, **_only(base, held("module", self._module(entity)))}
        item = self._items(entity).get("header" if entity.entity_type == "subsection" else "item")
        titles = [item.title] if item else self._titles_of_content(entity)  # it may be deleted already
        values: dict[str, Any] = {}
        assignment = self._assignment(entity)
        if assignment:
            titles.append(assignment.name)
            values = held("assignment", assignment)
        if titles:
            values["display_name"] = shared_title(titles[0], titles[-1], base.get("display_name"))
        return {**base, **_only(base, values)}

    def read_again(self, entity: Entity) -> None:
        """Read by itself each object that holds fields of an entity. What is not there is left to :meth:`read`."""
        objects = self.known.of(entity.entity_id)
        module = self.listing.module(objects.get("module", ""))
        item = self.places.head(entity.entity_id)
        with suppress(NotThere):
            if module:
                fresh = modules.show(self.client, self.course_id, module.id)
                fresh = attrs.evolve(fresh, position=module.position)  # it may be read late
                self.listing.put_module(fresh, module, None)
        with suppress(NotThere):
            if item:
                title = items.show(self.client, self.course_id, item.module_id, item.id).title
                self.listing.put_item(attrs.evolve(item, title=title), item, None)
        with suppress(NotThere):
            if "assignment" in objects:
                found = assignments.show(self.client, self.course_id, objects["assignment"])
                self.listing.put_assignment(found)

    def changed_at(self, entity: Entity, fields: Collection[str]) -> datetime | None:
        """Return when the page of a unit, or the assignment that has the dates of a subsection, was changed last.

        Modules and text headers have no time, so neither have the titles of sections and subsections.
        """
        objects = self.known.of(entity.entity_id)
        if "assignment" in objects and "display_name" not in fields:
            found = self.listing.assignments().get(objects["assignment"])
            return found.updated_at if found else None
        with suppress(NotThere, NoRight):  # a deleted page is refused as if the right was missing
            if "page" in objects:
                self.listing.show_page(objects["page"])
                return self.listing.page(objects["page"]).updated_at
        return None

    def write(self, entity: Entity, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write fields. Return them as Canvas has them now; one that no object holds: as it was given."""
        entity = with_fields(entity, values)
        if entity.entity_type == "section":
            return {**values, **_only(values, self._write_module(entity, values))}
        answer: dict[str, Any] = {}
        part = "header" if entity.entity_type == "subsection" else "item"
        if "display_name" in values:
            answer["display_name"] = self._rename(entity, part)
        if "assignment" in self.known.of(entity.entity_id):
            answer |= self._write_assignment(entity, values)
        return {**values, **_only(values, answer)}

    def hide_module(self, entity: Entity) -> None:
        """Unpublish the module of a section, without its items."""
        module = self.listing.module(self.known.of(entity.entity_id).get("module", ""))
        if module and module.published:
            hidden = modules.publish(self.client, self.course_id, module.id, published=False)
            self.listing.put_module(hidden, module, None)

    def _write_module(self, entity: Entity, values: Mapping[str, Any]) -> Mapping[str, Any]:
        module = self._module(entity)
        names = {"display_name": "name", "start": "unlock_at"}
        sent: Any = {names[name]: value for name, value in self._sent(entity, values).items()}
        changed = modules.update(self.client, self.course_id, module.id, **sent)
        self.listing.put_module(changed, module, None)
        return held("module", changed)

    def _rename(self, entity: Entity, part: str) -> str:
        """Rename an item, and with it what it shows. Return the title that it has then."""
        item = self._items(entity)[part]
        title = title_of(entity)
        if item.kind == "Page":
            others = {one.title for one in self.listing.all_items() if one.kind == "Page" and one.id != item.id}
            title = free_title(title, others)
        if item.title == title:
            return title
        renamed = items.update(self.client, self.course_id, item.module_id, item.id, title=title)
        self.listing.put_item(renamed, item, None)
        return renamed.title

    def _write_assignment(self, entity: Entity, values: Mapping[str, Any]) -> dict[str, Any]:
        names = {"display_name": "name", "start": "unlock_at", "due": "due_at"}
        sent: Any = {names[name]: value for name, value in self._sent(entity, values).items()}
        assignment_id = self.known.of(entity.entity_id)["assignment"]
        changed = assignments.update(self.client, self.course_id, assignment_id, **sent)
        self.listing.put_assignment(changed)
        header = self.places.item_of(entity.entity_id, "header")
        title = shared_title(header.title if header else changed.name, changed.name, None)
        return {"display_name": title, **held("assignment", changed)}

    @staticmethod
    def _sent(entity: Entity, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: title_of(entity) if name == "display_name" else moment_of(values[name]) for name in values}

    def _module(self, entity: Entity) -> Module:
        """Return the module of a section. It is asked for if it is not in the list. Raises Gone."""
        module_id = self.known.of(entity.entity_id)["module"]
        try:
            return self.listing.module(module_id) or modules.show(self.client, self.course_id, module_id)
        except NotThere:
            self._check_age(module_id)
            raise gone({"module"}) from None

    def _items(self, entity: Entity) -> Mapping[str, Item]:
        """Return the items of an entity by part. Raises Gone for those that are not there, and for what they showed."""
        objects = self.known.of(entity.entity_id)
        found = {part: self._item(entity, part) for part in ITEM_PARTS if part in objects}
        missing = {part for part, item in found.items() if item is None}
        if missing:
            shown = {name for part in missing for name in _SHOWN[part] if name in objects}
            raise gone(missing | {name for name in shown if not self._is_there(name, objects[name])})
        return {part: item for part, item in found.items() if item}

    def _item(self, entity: Entity, part: str) -> Item | None:
        """Return an item. If the lists do not have it, it is asked for, because a list may leave one out."""
        item = self.places.item_of(entity.entity_id, part)
        item_id = self.known.of(entity.entity_id)[part]
        module_id = self.places.known_module(entity)
        if item or not module_id:
            return item
        try:
            item = items.show(self.client, self.course_id, module_id, item_id)
        except NotThere:
            self._check_age(item_id)
            return None
        self.listing.put_item(item, item, None)
        return item

    def _assignment(self, entity: Entity) -> Assignment | None:
        """Return the assignment of a subsection; None if it has none. Raises Gone."""
        assignment_id = self.known.of(entity.entity_id).get("assignment")
        if assignment_id is None or assignment_id in self.listing.assignments():
            return self.listing.assignments()[assignment_id] if assignment_id else None
        try:
            return assignments.show(self.client, self.course_id, assignment_id)
        except NotThere:
            self._check_age(assignment_id)
            raise gone({"assignment", "assignment_item"}) from None

    def _titles_of_content(self, entity: Entity) -> list[str]:
        """Return the title of a page or discussion that has no item. Raises Gone if it was deleted."""
        objects = self.known.of(entity.entity_id)
        part = next((one for one in ("page", "topic") if one in objects), "")
        try:
            return [_SHOW[part](self.client, self.course_id, objects[part]).title] if part else []
        except NotThere:
            raise gone({part}) from None

    def check_content(self, entity: Entity, part: str) -> None:
        """Raise Gone if somebody has deleted the page, assignment or discussion of an entity."""
        if not self._is_there(part, self.known.of(entity.entity_id)[part]):
            raise gone({part})

    def _is_there(self, part: str, object_id: str) -> bool:
        try:
            _SHOW[part](self.client, self.course_id, object_id)
        except NotThere:
            return False
        return True

    def _check_age(self, object_id: str) -> None:
        """Raise RateLimited if an object was created in this turn: reads may be late, so it need not be deleted."""
        if object_id in self.listing.created:
            raise RateLimited("Canvas does not show yet what was just created there.", retry_after=LAG_SECONDS)


def _only(names: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}
