"""What of a course has a counterpart at a forum, and where that is. ``docs/references/discourse_mapping.rst`` lists it.

Options of the target: ``sections`` (``subcategory`` or ``tag``) and ``topics`` (``subsection``, ``unit`` or
``discussion``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.data import Entity
from course_sync_plugin.targets.discourse.first_post import first_post
from course_sync_plugin.targets.discourse.listing import Listing
from course_sync_plugin.targets.discourse.titles import CategoryNames, TopicTitles, tag_of
from course_sync_plugin.targets.options import Option, one_of
from course_sync_plugin.targets.two_way.site import SiteContext

CATEGORY, TOPIC, UNLISTED = "category", "topic", "unlisted"


def user_name(value: Any) -> str:
    """Parse the name of a user of a forum. Raises ValueError."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", value):
        raise ValueError("the name of a user: letters, digits, '_', '.' and '-'")
    return value


DISCOURSE_OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "api_username": Option("The user who acts at the forum with the API key (default: system).", user_name),
        "sections": Option(
            "What a section becomes: 'subcategory', or 'tag' of its topics. The default is 'subcategory' if the linked "
            "category is at the top, else 'tag'.",
            one_of("subcategory", "tag"),
        ),
        "topics": Option(
            "What becomes a topic: each 'subsection' (default), 'unit' or 'discussion'.",
            one_of("subsection", "unit", "discussion"),
        ),
    }
)


class CourseMapping:
    """Answers what an entity is at the forum. It makes a request only to learn where the linked category is."""

    def __init__(self, context: SiteContext, listing: Listing):
        self._tree, self._known, self._lms_url = context.tree, context.known, context.lms_url
        self._options, self._remote_id, self._listing = context.config.options, context.remote_id, listing

    @cached_property
    def sections_are_tags(self) -> bool:
        """Tell whether a section is a tag. What was begun with sub-categories goes on with them."""
        chosen = self._options.get("sections")
        if chosen:
            return bool(chosen == "tag")
        if not self._remote_id or any(map(self._known.of, self._tree.children(self._tree.course_id))):
            return False  # a category that is created is at the top
        return self._listing.linked.parent_id is not None

    def is_topic(self, entity: Entity) -> bool:
        """Tell whether entities of this kind are topics."""
        kind = entity.block_type if entity.entity_type == "component" else entity.entity_type
        return bool(kind == self._options.get("topics", "subsection"))

    def parts(self, entity: Entity) -> Sequence[str]:
        """Return the parts of an entity: see :meth:`course_sync_plugin.targets.two_way.site.Site.parts`.

        What learners must not see is not sent. If it was sent before, its topic is unlisted as long as they must not.
        """
        known, hidden = self._known.of(entity.entity_id), self.is_hidden(entity)
        if entity.entity_type == "section" and not self.sections_are_tags:
            return () if hidden and CATEGORY not in known else (CATEGORY,)
        if not self.is_topic(entity):
            return ()
        if hidden:
            return (TOPIC, UNLISTED) if TOPIC in known else ()
        return (TOPIC,)

    def is_hidden(self, entity: Entity) -> bool:
        """Tell whether only staff sees an entity, or one that it is in."""
        return any(one.fields.get("visible_to_staff_only") for one in self._upwards(entity))

    def section_of(self, entity: Entity) -> Entity | None:
        """Return the section that an entity is in."""
        return next((one for one in self._upwards(entity) if one.entity_type == "section"), None)

    def home_of(self, entity: Entity) -> str:
        """Return the category that a topic is created in. The linked one, if its section has none."""
        return self.category_of_section(entity) or self._remote_id

    def category_of_section(self, entity: Entity | None) -> str:
        """Return the category of the section that an entity is in; empty if there is none."""
        section = self.section_of(entity) if entity else None
        return self._known.of(section.entity_id).get(CATEGORY, "") if section else ""

    def moving_to(self, category_id: str, entity_ids: Iterable[str]) -> Iterator[str]:
        """Yield those of some entities, with all below them, whose section has this category."""
        for entity_id in entity_ids:
            if self.category_of_section(self._tree.entity(entity_id)) == category_id:
                yield from self.below(entity_id)

    def is_our_category(self, category_id: str | None) -> bool:
        """Tell whether a category is the linked one or that of a section."""
        return category_id == self._remote_id or bool(category_id and self._known.owner(category_id, CATEGORY))

    def tag(self, entity: Entity) -> str:
        """Return the tag of the section that an entity is in; empty if sections are not tags."""
        section = self.section_of(entity) if self.sections_are_tags else None
        return tag_of(self.name(section)) if section else ""

    def tags_of_sections(self) -> frozenset[str]:
        """Return the tags of all sections of the course."""
        sections = map(self._tree.entity, self._tree.children(self._tree.course_id))
        return frozenset(tag_of(self.name(one)) for one in sections if one)

    def titles(self, entity: Entity) -> TopicTitles:
        """Return the titles that the topic of an entity may have."""
        parent = self._tree.entity(entity.parent_id) if entity.parent_id else None
        key = CourseKey.from_string(self._tree.course_id)
        return TopicTitles(
            entity.entity_id, self.name(entity), self.name(parent) if parent else "", f"{key.course} {key.run}"
        )

    def names(self, entity: Entity) -> CategoryNames:
        """Return the names that the category of an entity may have."""
        return CategoryNames(entity.entity_id, self.name(entity))

    def first_post(self, entity: Entity) -> str:
        """Return the text of the first post of an entity's topic."""
        names = [self.name(one) for one in self._upwards(entity)]
        return first_post(names[::-1], self._tree.course_id, entity.entity_id, self._lms_url)

    def below(self, entity_id: str) -> Iterator[str]:
        """Yield the id of an entity, and of all that is below it."""
        yield entity_id
        for child in self._tree.children(entity_id):
            yield from self.below(child)

    def discussions_below(self, entity: Entity) -> Sequence[str]:
        """Return the discussions below an entity, if they are topics."""
        if self._options.get("topics") != "discussion":
            return ()
        found = ((one, self._tree.entity(one)) for one in self.below(entity.entity_id))
        return [one for one, below in found if below and self.is_topic(below)]

    @staticmethod
    def name(entity: Entity) -> str:
        """Return the name of an entity; what it is, such as *Discussion*, if it has none."""
        kind = entity.block_type if entity.entity_type == "component" else entity.entity_type
        return str(entity.fields.get("display_name") or "").strip() or kind.capitalize()

    def _upwards(self, entity: Entity) -> Iterator[Entity]:
        above: Entity | None = entity
        while above:
            yield above
            above = self._tree.entity(above.parent_id) if above.parent_id else None
