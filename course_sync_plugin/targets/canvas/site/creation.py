"""Creates the objects of an entity, each with one request, in its place."""

from __future__ import annotations

from typing import Any

import attrs

from course_sync_plugin.data import Entity
from course_sync_plugin.targets.canvas import assignments, items, modules, pages, topics
from course_sync_plugin.targets.canvas.assignments import Assignment
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.items import Item, Kind
from course_sync_plugin.targets.canvas.modules import Module
from course_sync_plugin.targets.canvas.pages import Page
from course_sync_plugin.targets.canvas.site.listing import Listing
from course_sync_plugin.targets.canvas.site.mapping import Texts, title_of
from course_sync_plugin.targets.canvas.site.moves import Moves
from course_sync_plugin.targets.canvas.site.places import Places
from course_sync_plugin.targets.canvas.site.values import free_title, moment_of
from course_sync_plugin.targets.two_way.site import CONTENT, KnownObjects


@attrs.frozen
class Creation:
    """Creates objects in one course. ``publishes``: the option ``publish`` of the target."""

    client: CanvasClient
    course_id: str
    listing: Listing
    places: Places
    moves: Moves
    known: KnownObjects
    texts: Texts
    publishes: bool

    def module(self, entity: Entity) -> Module:
        """Create the module of a section behind that of the section before it."""
        position = self.moves.module_position(entity, None)
        values: dict[str, Any] = {"name": title_of(entity), "unlock_at": moment_of(entity.fields.get("start"))}
        values |= {} if position is None else {"position": position}
        made = modules.create(self.client, self.course_id, **values)
        self.listing.created.add(made.id)
        self.listing.put_module(made, None, position)
        if self._is_published(entity):
            modules.publish(self.client, self.course_id, made.id, published=True)
        return made

    def header(self, entity: Entity) -> Item:
        """Create the text header of a subsection, with the title that its assignment has, if it has one."""
        number = self.known.of(entity.entity_id).get("assignment")
        assignment = self.listing.assignments().get(number) if number else None
        title = assignment.name if assignment else title_of(entity)
        item = self._item(entity, "header", "SubHeader", title=title)
        if self._is_published(entity):
            items.publish(self.client, self.course_id, item.module_id, item.id, published=True)
        return item

    def item(self, entity: Entity, part: str, content: str) -> Item:
        """Create the item of a page, an assignment or a discussion. It takes title and state from there."""
        content_id = self.known.of(entity.entity_id)[content]
        if content == "page":
            return self._item(entity, part, "Page", page_url=self.listing.page(content_id).url, indent=1)
        kind: Kind = "Assignment" if content == "assignment" else "Discussion"
        return self._item(entity, part, kind, content_id=content_id, indent=1)

    def page(self, entity: Entity, token: str) -> Page:
        """Create the page of a unit, with its HTML if the target sends content."""
        self.places.home(entity)  # no page for a module that was deleted
        taken = {one.title for one in self.listing.all_items() if one.kind == "Page"}
        title = free_title(title_of(entity), taken)
        body = self.texts.text_of(entity, token) + (entity.fields.get(CONTENT) or "")
        made = pages.create(self.client, self.course_id, title=title, body=body, published=self._is_published(entity))
        self.listing.put_page(made)
        return made

    def assignment(self, entity: Entity, token: str) -> Assignment:
        """Create the assignment of a subsection, with the title that its header has now. Points are left to Canvas."""
        header = self.places.item_of(entity.entity_id, "header")
        made = assignments.create(
            self.client,
            self.course_id,
            name=header.title if header else title_of(entity),
            description=self.texts.text_of(entity, token),
            due_at=moment_of(entity.fields.get("due")),
            unlock_at=moment_of(entity.fields.get("start")),
            published=self._is_published(entity),
        )
        self.listing.created.add(made.id)
        self.listing.put_assignment(made)
        return made

    def topic(self, entity: Entity, token: str) -> topics.Topic:
        """Create the discussion of a component."""
        self.places.home(entity)
        title, message = title_of(entity), self.texts.text_of(entity, token)
        published = self._is_published(entity)
        return topics.create(self.client, self.course_id, title=title, message=message, published=published)

    def _item(self, entity: Entity, part: str, kind: Kind, **values: Any) -> Item:
        module_id = self.places.module_for(entity, part)
        position = self.moves.item_position(module_id, self.places.before(entity, part), None)
        values |= {} if position is None else {"position": position}
        made = items.create(self.client, self.course_id, module_id, kind, **values)
        self.listing.created.add(made.id)
        self.listing.put_item(made, None, position)
        return made

    def _is_published(self, entity: Entity) -> bool:
        return self.publishes and not entity.fields.get("hide_from_toc")
