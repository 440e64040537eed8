"""A category of a Discourse forum as the counterpart of a course."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.targets.discourse import categories, rights
from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.entity_topics import EntityTopics
from course_sync_plugin.targets.discourse.listing import Listing, NoCategory
from course_sync_plugin.targets.discourse.mapping import CATEGORY, TOPIC, UNLISTED, CourseMapping
from course_sync_plugin.targets.discourse.sections import SectionCategories
from course_sync_plugin.targets.discourse.titles import CategoryNames, slug_of
from course_sync_plugin.targets.two_way.site import Counterpart, Rate, Remote, Site, SiteContext

_TITLE = ("display_name",)


class DiscourseSite(Site):
    """One course at a forum. The topics have no order: the forum sorts them by activity.

    A topic carries its token as ``external_id``. The part ``unlisted`` of an entity means that learners must not see
    it, so its topic is unlisted.
    """

    kind = "discourse"
    address = re.compile(r"/c/(?:[^/]+/)*([0-9]+)(?:/(?:l|none|all|subcategories|edit)(?:/.*)?)?", re.ASCII)
    sample_address = "/c/bees/12"
    fields = {"section": _TITLE, "subsection": _TITLE, "unit": _TITLE, "component": _TITLE}
    part_order = (CATEGORY, TOPIC, UNLISTED)
    rate = Rate(full=60, per_second=1, floor=5)
    tokened = (TOPIC,)
    marks = (UNLISTED,)

    def __init__(self, context: SiteContext):
        super().__init__(context)
        self._client = DiscourseClient(context.config, context.budget)
        self._listing = Listing(self._client, context.remote_id)
        self._mapping = CourseMapping(context, self._listing)
        self._topics = EntityTopics(self._client, self._listing, self._mapping, context.known)
        self._sections = SectionCategories(self._client, self._listing, self._mapping, context.known, context.remote_id)

    def begin(self, moving: Collection[str] = ()) -> None:
        self._topics.moving = moving

    def counterpart(self) -> Counterpart:
        linked = self._linked()
        if self.config.options.get("sections") == "subcategory" and not self._has_level_below(linked):
            raise ConfigurationError(
                f"The category '{linked.name}' is a sub-category, and the forum allows no sub-categories of it. Link a "
                "category at the top, or use the option sections=tag."
            )
        return self._as_counterpart(linked)

    def planned_counterpart(self, course: Entity) -> Counterpart:
        """Return the category that would be created.

        Raises ConfigurationError if the user may create none, or if there is one of this name that may be meant, or of
        the slug, which the forum gives once.
        """
        rights.check_categories(self._client)
        free, there = list(CategoryNames(course.entity_id, self._mapping.name(course))), self._top_categories()
        names, slug = {one.name.lower(): one for one in there}, slug_of(course.entity_id)
        name = next((one for one in free if one.lower() not in names), None)
        same = names.get(free[0].lower())
        if name is None or (same and same.id not in self.linked()):
            raise self._is_taken(same, f"The forum has a category '{free[0]}' already.")
        holder = next((one for one in there if one.slug.lower() == slug), None) if slug else None
        if holder:
            raise self._is_taken(holder, f"The category '{holder.name}' has the slug '{slug}' already.")
        return Counterpart("", name, "")

    def create_counterpart(self, course: Entity) -> Counterpart:
        """Create a category at the top."""
        name = self.planned_counterpart(course).title
        return self._as_counterpart(categories.create(self._client, name=name, slug=slug_of(course.entity_id)))

    def check_rights(self) -> None:
        has_tags = self._mapping.sections_are_tags
        if self.remote_id:  # who may create a category may do all in it
            rights.check_category(self._linked(), has_sections=not has_tags)
        if has_tags:
            rights.check_tags(self._client)

    def parts(self, entity: Entity) -> Sequence[str]:
        return self._mapping.parts(entity)

    def dependents(self, entity: Entity, fields: Collection[str]) -> Sequence[str]:
        if entity.entity_type == "component" or "visible_to_staff_only" not in fields:
            return ()
        return self._mapping.discussions_below(entity)

    def create(self, entity: Entity, part: str, token: str) -> Remote:
        if part == CATEGORY:
            return self._sections.create(entity)
        return self._topics.create(entity, token) if part == TOPIC else self._topics.unlist(entity)

    def candidates(self, entity: Entity, part: str, token: str, *, anew: bool) -> Sequence[Remote]:
        if part == CATEGORY:
            return self._sections.candidates(entity, anew=anew)
        if anew and not (part == TOPIC and token):
            self._listing.forget()
        if part == UNLISTED:
            return self._topics.unlisted(entity)
        if not token:
            return self._topics.candidates(entity)
        found = self._topics.find(token)
        return [found] if found else []

    def former(self, entity: Entity, part: str, remote_id: str) -> Remote | None:
        if self.known.owner(remote_id, part):
            return None
        if part == CATEGORY:
            return self._sections.former(remote_id)
        if part == TOPIC:
            return self._topics.former(remote_id)
        return Remote(remote_id) if self._topics.unlisted(entity) else None

    def title_read(self) -> str | None:
        return self._listing.title_read

    def is_recovered(self, part: str, remote_id: str, *, scan: bool) -> bool:
        ids = self._listing.sections() if part == CATEGORY else {row.id for row in self._listing.topics()}
        return remote_id in ids and not self.known.owner(remote_id, part)

    def read(self, entity: Entity, base: Mapping[str, Any]) -> Mapping[str, Any]:
        is_section = entity.entity_type == "section"
        return {"display_name": self._sections.name(entity) if is_section else self._topics.title(entity)}

    def read_before_removal(self, entity: Entity, base: Mapping[str, Any]) -> Mapping[str, Any]:
        is_section = entity.entity_type == "section"
        (self._sections.show if is_section else self._topics.show)(entity)
        return self.read(entity, base)

    def write(self, entity: Entity, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        entity = attrs.evolve(entity, fields={**entity.fields, **fields})
        is_section = entity.entity_type == "section"
        return {"display_name": self._sections.rename(entity) if is_section else self._topics.rename(entity)}

    def ours(self, entity: Entity, field: str, value: Any) -> Any:
        is_section = entity.entity_type == "section"
        forms = self._mapping.names(entity) if is_section else self._mapping.titles(entity)
        name = forms.name_in(str(value))
        return entity.fields.get("display_name") if value in list(forms) or forms.is_name(name) else name

    def place(self, entity: Entity) -> None:
        if entity.entity_type != "section":  # topics stay with their section
            self._topics.place(entity)

    def foreign(self) -> int | None:
        sections = (one for one in self._listing.sections() if not self.known.owner(one, CATEGORY))
        topics = (row for row in self._listing.topics() if not self.known.owner(row.id, TOPIC))
        return sum(1 for _one in (*sections, *topics))

    def remove(self, entity_type: str, part: str, remote_id: str) -> str:
        if part == CATEGORY:
            return self._sections.remove(remote_id)
        if part == TOPIC:
            return self._topics.remove(remote_id)
        entity = self.tree.entity(self.known.owner(remote_id, TOPIC) or "")
        if entity and not self._mapping.is_hidden(entity):  # otherwise the topic is deleted, too
            self._topics.list_again(remote_id)
        return ""

    def close(self) -> None:
        self._client.close()

    def _linked(self) -> categories.Category:
        """Return the category of a link that is planned."""
        try:
            return self._listing.linked
        except NoCategory as error:
            raise ConfigurationError(
                f"The forum has no category {self.remote_id}, or the user of the API key may not see it. The number of "
                f"a category is at the end of its address: {self.config.url.rstrip('/')}{self.sample_address}.",
                **error.context,
            ) from error

    def _has_level_below(self, category: categories.Category) -> bool:
        """Tell whether the forum allows sub-categories of a category. It has three levels at most."""
        if category.parent_id is None:
            return True
        is_third = categories.show(self._client, category.parent_id).parent_id is not None
        return not is_third and categories.most_levels(self._client) > 2

    def _is_taken(self, category: categories.Category | None, what: str) -> ConfigurationError:
        """Return the error for a category that has the name or the slug of the one that would be created."""
        may_be_linked = category is not None and category.id not in self.linked()
        to_link = f" To link it, give its number with --remote {category.id}." if category and may_be_linked else ""
        return ConfigurationError(
            f"{what}{to_link} To have a new one, first give that one another name and another slug."
        )

    def _top_categories(self) -> list[categories.Category]:
        return categories.children(self._client)

    def _as_counterpart(self, category: categories.Category) -> Counterpart:
        return Counterpart(category.id, category.name, f"{self.config.url.rstrip('/')}/c/{category.id}")
