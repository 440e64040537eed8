"""The drafts of the sandbox: what authors have edited and not published yet, and how it is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
from django.db import transaction

from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.apply import Tree
from course_sync_plugin.exceptions import CourseNotFound, PermanentError
from course_sync_plugin.structure.olx.content import digest_of_olx, html_content
from course_sync_plugin.structure.values import HTML_FIELD
from course_sync_plugin.structure.write_rules import PUBLISHED_WHEN_SAVED, UNIT, leaves_learners
from sandbox.published.models import DraftCourse, PublishedCourse
from sandbox.published.publishing import new_version, replace_published
from sandbox.published.source import from_json, to_json
from sandbox.published.trees import differ_at, differ_below, rebuilt, subtree, with_subtree, with_values


@attrs.define
class Studio:
    """One course as its authors see it: the draft, and the published course beside it.

    A unit or component is edited in the draft. What is done to a course, section or subsection is published at once.
    ``draft_html``, ``published_html``: the HTML of the html components, by entity id.
    """

    draft: Structure
    published: Structure
    draft_html: Mapping[str, str] = attrs.field(factory=dict)
    published_html: Mapping[str, str] = attrs.field(factory=dict)

    def has_changes(self, entity_id: str) -> bool:
        """Tell whether learners have something else of an entity; of a unit, also of what is in it."""
        is_direct = self.draft.entities[entity_id].block_type in PUBLISHED_WHEN_SAVED
        return (differ_at if is_direct else differ_below)(self.draft, self.published, entity_id)

    def edit(self, entity_id: str, values: Mapping[str, Any]) -> None:
        """Change values of an entity; None removes a value."""
        if HTML_FIELD in values:
            html = values[HTML_FIELD] or ""
            self.draft_html = {**self.draft_html, entity_id: html}
            digest = digest_of_olx({}, (), html_content(html))
            values = {name: one for name, one in values.items() if name != HTML_FIELD} | {"content_digest": digest}
        self.draft = with_values(self.draft, entity_id, values)
        if self.draft.entities[entity_id].block_type in PUBLISHED_WHEN_SAVED:
            self.published = with_values(self.published, entity_id, values)

    def move(self, entity_id: str, parent_id: str, after_id: str | None, index: int) -> None:
        """Put an entity into a parent. A unit with unpublished changes does not leave its subsection."""
        entity = self.draft.entities[entity_id]
        if entity.block_type == UNIT and entity.parent_id != parent_id and self.has_changes(entity_id):
            raise leaves_learners(entity_id)
        move = Operation("move", entity.entity_type, entity_id, entity.block_type, parent_id, index, after_id)
        self.draft = _applied(move, self.draft)
        if self.draft.entities[parent_id].block_type in PUBLISHED_WHEN_SAVED:
            self.published = _applied(move, self.published)

    def publish(self, entity_id: str) -> None:
        """Publish a unit or component with all that is in it. Publishing the course publishes everything."""
        if entity_id == self.draft.course_id:
            self.published = attrs.evolve(self.draft, published_version=self.published.published_version)
            self.published_html = self.draft_html
        elif entity_id not in self.published.entities:
            raise PermanentError(f"{entity_id} cannot be published alone: publish the unit that it moved to")
        else:
            self.published = with_subtree(self.published, self.draft, entity_id)
            below = {one: self.draft_html[one] for one in subtree(self.draft, entity_id) if one in self.draft_html}
            self.published_html = {**self.published_html, **below}


def studio(course_id: str) -> Studio:
    """Return a course for reading. Raises CourseNotFound if it was never published."""
    row = PublishedCourse.objects.filter(course_key=course_id).first()
    if row is None:
        raise CourseNotFound(f"{course_id} is not published here", course=course_id)
    return _studio(row)


@contextmanager
def editing(course_id: str) -> Iterator[Studio]:
    """Return a course for editing, and save it at the end. What is published then is published with its signal."""
    with transaction.atomic():
        row = PublishedCourse.objects.select_for_update().filter(course_key=course_id).first()
        if row is None:
            raise CourseNotFound(f"{course_id} is not published here", course=course_id)
        course = _studio(row)
        before = attrs.evolve(course)
        yield course
        if not course.draft.same_course_as(before.draft) or course.draft_html != before.draft_html:
            values = {"structure": to_json(course.draft), "html": dict(course.draft_html)}
            DraftCourse.objects.update_or_create(course_key=course_id, defaults=values)
        if not course.published.same_course_as(before.published) or course.published_html != before.published_html:
            now = attrs.evolve(course.published, published_version=new_version())
            replace_published(now, course.published_html)


def _studio(row: PublishedCourse) -> Studio:
    published = from_json(row.course_key, row.published_version, row.structure)
    edited = DraftCourse.objects.filter(course_key=row.course_key).first()
    if edited is None:
        return Studio(published, published, row.html, row.html)
    return Studio(from_json(row.course_key, row.published_version, edited.structure), published, edited.html, row.html)


def _applied(move: Operation, structure: Structure) -> Structure:
    tree = Tree(structure)
    tree.apply(move)
    return rebuilt(tree, structure)
