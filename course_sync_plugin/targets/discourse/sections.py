"""The sub-categories that stand for sections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from course_sync_plugin.data import Entity
from course_sync_plugin.targets.discourse import categories
from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.errors import Forbidden, NotThere, Refused
from course_sync_plugin.targets.discourse.listing import Listing
from course_sync_plugin.targets.discourse.mapping import CATEGORY, CourseMapping
from course_sync_plugin.targets.discourse.titles import slug_if_reserved
from course_sync_plugin.targets.two_way.site import Gone, KnownObjects, Remote


class SectionCategories:
    """Creates, finds, renames and deletes them. The methods are those of a site."""

    def __init__(
        self, client: DiscourseClient, listing: Listing, mapping: CourseMapping, known: KnownObjects, parent_id: str
    ):
        self._client, self._listing, self._mapping = client, listing, mapping
        self._known, self._parent_id = known, parent_id

    def create(self, entity: Entity) -> Remote:
        """Create the category. It has the rights of its parent, which it may not exceed."""
        rights, name = self._listing.linked.permissions, self._free_name(entity)
        with _about(name):
            made = categories.create(
                self._client, name=name, slug=slug_if_reserved(name), parent_id=self._parent_id, permissions=rights
            )
        self._listing.note_section(made)
        return _remote(made)

    def candidates(self, entity: Entity, *, anew: bool) -> Sequence[Remote]:
        """Return the foreign sub-categories with a name that the entity may have."""
        if anew:
            self._listing.forget()
        names = {name.lower() for name in self._mapping.names(entity)}
        return [
            _remote(one)
            for one in self._listing.sections().values()
            if one.name.lower() in names and not self._known.owner(one.id, CATEGORY)
        ]

    def former(self, category_id: str) -> Remote | None:
        """Return a sub-category by its id; None if the linked category does not have it."""
        found = self._listing.sections().get(category_id)
        return _remote(found) if found else None

    def name(self, entity: Entity) -> str:
        """Return the name at the forum. Raises Gone."""
        return self._found(entity).name

    def show(self, entity: Entity) -> None:
        """Read the category by itself, if the list may be older than an edit. Raises Gone."""
        if not self._listing.has_fresh_sections:
            self._listing.show_section(self._known.of(entity.entity_id)[CATEGORY])

    def rename(self, entity: Entity) -> str:
        """Give the category the name of the entity, and return what the forum made of it. Raises Gone."""
        found = self._found(entity)
        name = self._free_name(entity, found.id)
        if name != found.name:
            with _about(name):
                found = categories.update(self._client, found.id, name=name)
            self._listing.note_section(found)
        return found.name

    def remove(self, category_id: str) -> str:
        """Delete a category. It is left if it has topics, unlisted ones too, or sub-categories."""
        if any(row.category_id == category_id for row in self._listing.topics(newest=True)):
            return f"The category {category_id} has topics, so it was left."
        try:
            categories.delete(self._client, category_id)
        except NotThere:
            return ""
        except Forbidden as error:
            return f"The category {category_id} was left. {error.message}"
        self._listing.note_deleted(category_id, "section")
        return ""

    def _found(self, entity: Entity) -> categories.Category:
        number = self._known.of(entity.entity_id)[CATEGORY]
        found = self._listing.section(number)
        if found is None:
            raise Gone(f"Somebody deleted the category {number} of {entity.entity_id}.", parts=[CATEGORY])
        return found

    def _free_name(self, entity: Entity, own_id: str = "") -> str:
        """Return the first name that no other category under the same parent has."""
        taken = {one.name.lower() for one in self._listing.sections().values() if one.id != own_id}
        *others, last = self._mapping.names(entity)
        return next((name for name in others if name.lower() not in taken), last)


@contextmanager
def _about(name: str) -> Iterator[None]:
    """Let a refusal name the category that was sent. A missing right has nothing to do with its name."""
    try:
        yield
    except Forbidden:
        raise
    except Refused as error:
        raise error.about("name of the category", name) from error


def _remote(category: categories.Category) -> Remote:
    return Remote(category.id, {"display_name": category.name})
