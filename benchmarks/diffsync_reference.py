"""Makes the same comparison with diffsync, a general-purpose library, in the form in which it is fastest.

It uses one flat model and ignores the order of siblings. Nested models would be slower. With the index as an attribute,
diffsync would report every sibling after a new one.
"""

from __future__ import annotations

import logging
from typing import Any

import diffsync
import structlog

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


class EntityModel(diffsync.DiffSyncModel):
    """An entity. Its id identifies it."""

    _modelname = "entity"
    _identifiers = ("entity_id",)
    _attributes = ("entity_type", "block_type", "parent_id", "fields")

    entity_id: str
    entity_type: str
    block_type: str
    parent_id: str | None
    fields: dict[str, Any]


class CourseAdapter(diffsync.Adapter):
    """One version of a course."""

    entity = EntityModel
    top_level = ("entity",)

    def load(self, course: dict[str, Any]) -> CourseAdapter:
        """Load a plain course (see ``courses.py``)."""
        for row in course["entities"].values():
            self.add(EntityModel(**row))
        return self


def load_and_diff(old: dict[str, Any], new: dict[str, Any]) -> dict[str, int]:
    """Return how many entities diffsync would create, update and delete."""
    return CourseAdapter().load(old).diff_to(CourseAdapter().load(new)).summary()
