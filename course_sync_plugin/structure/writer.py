"""Defines the contract of a writer: the object that writes edits from other systems back into Open edX.

A writer carries out what was decided elsewhere. It never creates or deletes a block, and never writes grading, points,
visibility or content (docs/references/write_back.rst).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import attrs

from course_sync_plugin.structure.write_rules import PUBLISHED_WHEN_SAVED, check_parent, named


@attrs.frozen
class Draft:
    """One block as Studio has it now.

    ``fields``: the fields that may be written and are set, as the contract has them: a date is text in UTC
    (``2026-02-05T05:00:00Z``), and the dates of a section or subsection may be inherited. ``has_unpublished_changes``:
    learners have something else of the block or, if it has a draft, of a block below it. ``parent_id`` and ``index``:
    its place; None for the course and for a block that is in no parent.
    """

    fields: Mapping[str, Any]
    has_unpublished_changes: bool
    parent_id: str | None
    index: int | None


class CourseWriter(ABC):
    """A Studio that can be written to: the platform's modulestore, or the draft of the sandbox.

    ``user`` is always the name of the user who is recorded as the author of a change. Every method raises
    PermanentError if an id does not name a course run or a block of one, and ConfigurationError if this process cannot
    write. Call the methods outside a transaction: a publish cannot be rolled back.
    """

    @abstractmethod
    def draft(self, entity_id: str) -> Draft | None:
        """Return what Studio has now for a block, or None if the block or its course does not exist.

        Raises TransientError if the store does not answer.
        """

    @abstractmethod
    def write(self, entity_id: str, fields: Mapping[str, Any], user: str) -> Mapping[str, Any]:
        """Write values in the terms of the contract. Return the value of each of these fields as read back.

        None removes the block's own value. A unit or component is written to its draft only. A course, section or
        subsection is published at once. A value that Studio has already is not written again.

        Raises CourseNotFound or PermanentError if the course or the block is gone, PermanentError if a field may not be
        written or refuses its value (then nothing is written), ConfigurationError if there is no such user, and
        TransientError if the store does not answer.
        """

    @abstractmethod
    def publish(self, entity_id: str, user: str) -> None:
        """Publish the draft of a unit or component, with everything below it.

        A course, section or subsection has no draft, so nothing happens. Raises the errors of :meth:`write`, and
        PermanentError if the parent is not published.
        """

    def move(self, entity_id: str, parent_id: str, after_id: str | None, user: str) -> None:
        """Put a block into a parent, after the sibling ``after_id`` (None: first). A block in its place stays there.

        Sections, subsections and units are published in their new place at once. A component moves in the draft. Raises
        the errors of :meth:`write`, and PermanentError if the parent cannot hold the block, if ``after_id`` is not in
        it, or if a unit with unpublished changes would leave its subsection: it would disappear for learners.
        """
        check_parent(entity_id, parent_id)  # here, so that no writer can forget it
        self.move_checked(entity_id, parent_id, after_id, user)

    @abstractmethod
    def move_checked(self, entity_id: str, parent_id: str, after_id: str | None, user: str) -> None:
        """Carry out :meth:`move`. The parent is of the kind that holds such a block, in the same course."""

    @staticmethod
    def has_draft(entity_id: str) -> bool:
        """Tell whether blocks of this kind have a draft. The others are published the moment they are saved."""
        return named(entity_id)[1] not in PUBLISHED_WHEN_SAVED
