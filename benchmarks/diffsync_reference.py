"""The same comparison with diffsync, the general-purpose peer, in the form that is cheapest for it.

One flat model and no order of siblings: nested models cost it more, and with the index as an attribute it would report
every younger sibling of a new one.
"""

from __future__ import annotations

import logging
from typing import Any

import diffsync
import structlog

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


class EntityModel(diffsync.DiffSyncModel):
    """An entity, found by its id."""

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
        """Take in a plain course (see ``courses.py``)."""
        for row in course["entities"].values():
            self.add(EntityModel(**row))
        return self


def load_and_diff(old: dict[str, Any], new: dict[str, Any]) -> dict[str, int]:
    """Return how many entities diffsync would create, update and delete."""
    return CourseAdapter().load(old).diff_to(CourseAdapter().load(new)).summary()
