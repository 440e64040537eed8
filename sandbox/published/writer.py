"""The writer of the sandbox: it writes edits from other systems into the sandbox's drafts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from course_sync_plugin.exceptions import CourseNotFound, PermanentError
from course_sync_plugin.structure.write_rules import checked, index_after, named, writable_fields
from course_sync_plugin.structure.writer import CourseWriter, Draft
from course_sync_plugin.structure.writers import author_id
from sandbox.published.drafts import Studio, editing, studio


class SandboxWriter(CourseWriter):
    """Writes into the sandbox's own tables (see ``course_sync_plugin.structure.writer``)."""

    def draft(self, entity_id: str) -> Draft | None:
        """Return what the draft has of a block, or None if the block or its course does not exist."""
        course_id, _ = named(entity_id)
        try:
            course = studio(course_id)
        except CourseNotFound:
            return None
        if entity_id not in course.draft.entities:
            return None
        parent_id = course.draft.entities[entity_id].parent_id
        index = None if parent_id is None else course.draft.children_of(parent_id).index(entity_id)
        return Draft(_values(course, entity_id), course.has_changes(entity_id), parent_id, index)

    def write(self, entity_id: str, fields: Mapping[str, Any], user: str) -> Mapping[str, Any]:
        """Write the values. Return them as read back."""
        values = checked(entity_id, fields)
        with _editing(user, entity_id) as course:
            course.edit(entity_id, values)
        found = _values(studio(named(entity_id)[0]), entity_id)
        return {name: found.get(name) for name in values}

    def publish(self, entity_id: str, user: str) -> None:
        """Publish the draft of a unit or component, with everything in it."""
        with _editing(user, entity_id) as course:
            if self.has_draft(entity_id):
                course.publish(entity_id)

    def move_checked(self, entity_id: str, parent_id: str, after_id: str | None, user: str) -> None:
        """Put a block into a parent after a sibling."""
        with _editing(user, entity_id, parent_id) as course:
            siblings = [one for one in course.draft.children_of(parent_id) if one != entity_id]
            course.move(entity_id, parent_id, after_id, index_after(entity_id, after_id, siblings))


@contextmanager
def _editing(user: str, *entity_ids: str) -> Iterator[Studio]:
    """Return the course of these blocks for editing. Raises PermanentError if one of them does not exist."""
    author_id(user)  # the sandbox stores no author, but a user who does not exist is refused as in the platform
    with editing(named(entity_ids[0])[0]) as course:
        for entity_id in entity_ids:
            if entity_id not in course.draft.entities:
                raise PermanentError(f"There is no {entity_id} in Studio", entity=entity_id)
        yield course


def _values(course: Studio, entity_id: str) -> dict[str, Any]:
    entity = course.draft.entities[entity_id]
    return {name: entity.fields[name] for name in writable_fields(entity.block_type) if name in entity.fields}
