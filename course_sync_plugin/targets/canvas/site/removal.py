"""Deletes objects of ours. One that holds what people made stays, and so does one that people show in other places.

Canvas deletes all items that show a deleted page, assignment or discussion (content_tag.rb, ``delete_for``).
"""

from __future__ import annotations

from contextlib import suppress

import attrs

from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.canvas import assignments, items, modules, pages, topics
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.errors import NoRight, NotThere
from course_sync_plugin.targets.canvas.pages import Page
from course_sync_plugin.targets.canvas.site.listing import Listing
from course_sync_plugin.targets.canvas.site.places import Places
from course_sync_plugin.targets.two_way.site import KnownObjects


@attrs.frozen
class Removal:
    """Deletes objects of one course. Each method returns an empty text, or says why the object was left."""

    client: CanvasClient
    course_id: str
    listing: Listing
    places: Places
    known: KnownObjects

    def module(self, module_id: str) -> str:
        """Delete a module if it is empty: Canvas would delete the items in it."""
        if self.listing.module(module_id) is None:
            return ""
        left = len(self.listing.items(module_id))
        if left:
            return f"The module {module_id} was left in Canvas. Items in it that are not of its section: {left}."
        with suppress(NotThere):
            modules.delete(self.client, self.course_id, module_id)
        self.listing.drop_module(module_id)
        return ""

    def item(self, item_id: str) -> str:
        """Delete an item. What it shows stays."""
        item = self.listing.item(item_id)
        if item is None:
            return ""
        page_id = self.known.of(self.places.owner(item) or "").get("page")
        if page_id and item.page_url:
            self.listing.put_page(Page(page_id, item.page_url, item.title))  # it is deleted next
        with suppress(NotThere):
            items.delete(self.client, self.course_id, item.module_id, item_id)
        self.listing.drop_items([item])
        return ""

    def page(self, page_id: str) -> str:
        """Delete a page. A deleted one is refused by Canvas as if the right was missing."""
        try:
            if self._is_shown(page_url=self.listing.page(page_id).url):
                return _shown_elsewhere(f"page {page_id}")
            pages.delete(self.client, self.course_id, page_id)
        except NotThere:
            return ""
        except NoRight:
            if page_id in {one.id for one in pages.list_all(self.client, self.course_id)}:
                raise
        except PermanentError:
            if not pages.show(self.client, self.course_id, page_id).is_front_page:
                raise
            return f"The page {page_id} was left in Canvas, because it is the front page of the course."
        return ""

    def assignment(self, assignment_id: str) -> str:
        """Delete an assignment, unless students have submitted something."""
        try:
            found = assignments.show(self.client, self.course_id, assignment_id)
            if found.has_submissions:
                return f"The assignment {assignment_id} was left in Canvas, because it has submissions."
            if self._is_shown("Assignment", assignment_id):
                return _shown_elsewhere(f"assignment {assignment_id}")
            assignments.delete(self.client, self.course_id, assignment_id)
        except NotThere:
            return ""
        self.listing.drop_assignment(assignment_id)
        return ""

    def topic(self, topic_id: str) -> str:
        """Delete a discussion. If there are entries in it, it is unpublished, if Canvas allows that."""
        try:
            found = topics.show(self.client, self.course_id, topic_id)
            if found.entries:
                return self._keep_topic(found)
            if self._is_shown("Discussion", topic_id):
                return _shown_elsewhere(f"discussion {topic_id}")
            topics.delete(self.client, self.course_id, topic_id)
        except NotThere:
            return ""
        return ""

    def _keep_topic(self, topic: topics.Topic) -> str:
        if topic.published and topic.can_unpublish:
            topics.update(self.client, self.course_id, topic.id, published=False)
        return f"The discussion {topic.id} was left in Canvas, because there are entries in it."

    def _is_shown(self, kind: str = "Page", content_id: str | None = None, page_url: str | None = None) -> bool:
        """Tell whether an item shows an object. Ours is deleted before, so it is a foreign one, which would go too."""
        wanted = (kind, content_id, page_url)
        return any((one.kind, one.content_id, one.page_url) == wanted for one in self.listing.all_items())


def _shown_elsewhere(what: str) -> str:
    return f"The {what} was left in Canvas, because people show it in other places too."
