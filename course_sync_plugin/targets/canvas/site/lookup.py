"""Finds the object whose creation was not answered, and what can be taken over when a course is linked.

A text holds the token of its creation. A module or an item has no room for one: it is known by its title and place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.canvas import assignments, pages, topics
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.errors import NotThere
from course_sync_plugin.targets.canvas.items import Item
from course_sync_plugin.targets.canvas.modules import Module
from course_sync_plugin.targets.canvas.pages import Page
from course_sync_plugin.targets.canvas.site.listing import Listing
from course_sync_plugin.targets.canvas.site.mapping import is_marked, title_of
from course_sync_plugin.targets.canvas.site.places import Places
from course_sync_plugin.targets.canvas.site.values import our_value
from course_sync_plugin.targets.canvas.topics import Topic
from course_sync_plugin.targets.two_way.site import KnownObjects

#: The parts whose objects hold a text, and so the token.
TOKENED = ("page", "assignment", "topic")


@attrs.frozen
class Lookup:
    """Looks for objects that are not ours yet."""

    client: CanvasClient
    course_id: str
    listing: Listing
    places: Places
    known: KnownObjects

    def modules(self, entity: Entity) -> list[Module]:
        """Return the modules with the name of a section."""
        same = [one for one in self.listing.modules() if one.name == title_of(entity)]
        return [one for one in same if self.known.owner(one.id, "module") is None]

    def headers(self, entity: Entity) -> list[Item]:
        """Return the text headers with the title of a subsection, in the module where it belongs."""
        same = [one for one in self._foreign(entity) if one.kind == "SubHeader" and one.indent == 0]
        return [one for one in same if one.title == title_of(entity)]

    def items(self, entity: Entity, content: str) -> list[Item]:
        """Return the items that show the content of an entity, in the module where it belongs."""
        content_id = self.known.of(entity.entity_id).get(content, "")
        if content == "page":
            url = self._url(content_id)
            return [one for one in self._foreign(entity) if url and one.page_url == url]
        kind = {"assignment": "Assignment", "topic": "Discussion"}[content]
        part = "assignment_item" if content == "assignment" else "item"
        return [one for one in self._foreign(entity, part) if (one.kind, one.content_id) == (kind, content_id)]

    def pages(self, entity: Entity, token: str) -> Iterator[Page]:
        """Yield the pages with the title of a unit, also with a number. With a token: only the one that holds it."""
        title = entity.fields.get("display_name")
        for page in pages.list_all(self.client, self.course_id):
            same = our_value(entity, "display_name", page.title) == title if token else page.title == title_of(entity)
            if same and self.known.owner(page.id, "page") is None and (not token or self._has(page.id, token)):
                self.listing.put_page(page)
                yield page

    def assignments(self, entity: Entity, token: str) -> list[assignments.Assignment]:
        """Return the assignments with the name of a subsection; with a token: the one that holds it."""
        found = [one for one in self.listing.assignments().values() if self.known.owner(one.id, "assignment") is None]
        return [one for one in found if (is_marked(one.description, token) if token else one.name == title_of(entity))]

    def topics(self, entity: Entity, token: str) -> list[topics.Topic]:
        """Return the discussions with the title of a component; with a token: the one that holds it."""
        listed = topics.list_all(self.client, self.course_id)
        found = [one for one in listed if self.known.owner(one.id, "topic") is None and one.assignment_id is None]
        return [one for one in found if (is_marked(one.message, token) if token else one.title == title_of(entity))]

    def former(self, part: str, remote_id: str) -> Any:
        """Return the object of a part by its id; None if it is not there, or if it is ours."""
        if self.known.owner(remote_id, part):
            return None
        readers: Mapping[str, Callable[[str], Any]] = {
            "module": self.listing.module,
            "page": self._page,
            "assignment": lambda one: self.listing.assignments().get(one),
            "topic": self._topic,
        }
        return readers.get(part, self.listing.item)(remote_id)

    def is_listed(self, part: str, remote_id: str) -> bool:
        """Tell whether an object is in the list of its kind, and is not ours."""
        finders: Mapping[str, Callable[[str], Any]] = {
            "module": self.listing.module,
            "page": self.listing.listed_page,
            "assignment": lambda one: self.listing.assignments().get(one),
            "topic": self.listing.topic,
        }
        return not self.known.owner(remote_id, part) and bool(finders.get(part, self.listing.item)(remote_id))

    def _foreign(self, entity: Entity, part: str = "item") -> Sequence[Item]:
        try:
            rows = self.listing.items(self.places.module_for(entity, part))
        except PermanentError:  # the module is not there, so nothing can be in it
            return []
        return [one for one in rows if self.places.owner(one) is None]

    def _has(self, page_id: str, token: str) -> bool:
        """Tell whether a page holds a token. It may have been deleted since it was listed."""
        try:
            return is_marked(pages.show(self.client, self.course_id, page_id).body, token)
        except NotThere:
            return False

    def _url(self, page_id: str) -> str:
        page = self._page(page_id) if page_id else None
        return page.url if page else ""

    def _page(self, page_id: str) -> Page | None:
        try:
            return self.listing.page(page_id)
        except NotThere:
            return None

    def _topic(self, topic_id: str) -> Topic | None:
        try:
            return topics.show(self.client, self.course_id, topic_id)
        except NotThere:
            return None
