"""Locks of a blueprint course ("master course") on the objects of the courses that it feeds.

Source: canvas-lms, app/models/master_courses/restrictor.rb, ``check_for_restricted_column_changes``, and
``restrict_columns`` in wiki_page.rb. The columns of assignments and discussions are remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_sync_plugin.testing.canvas import refusals
from course_sync_plugin.testing.canvas.objects import Row

#: For each kind of lock: the columns that may not change. An assignment's name is the column ``title``.
COLUMNS = {
    "content": {"body": "body", "title": "title", "message": "message", "name": "title", "description": "description"},
    "settings": {"editing_roles": "editing_roles", "url": "url", "submission_types": "submission_types"},
    "state": {"state": "workflow_state"},
    "due_dates": {"due_at": "due_at"},
    "availability_dates": {"unlock_at": "unlock_at", "lock_at": "lock_at"},
    "points": {"points_possible": "points_possible"},
}


def check(row: Row, values: Mapping[str, Any]) -> None:
    """Refuse a change of what is locked. ``values``: the new values of attributes. Raises Refusal 400."""
    changed = [
        column
        for lock in COLUMNS
        if lock in row.locked
        for name, column in COLUMNS[lock].items()
        if name in values and values[name] != getattr(row, name)
    ]
    if changed:
        text = f"cannot change column(s): {', '.join(changed)} - locked by Master Course"
        raise refusals.invalid({"base": text})
