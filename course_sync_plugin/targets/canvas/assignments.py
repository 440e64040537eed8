"""Assignments. Source of the rules: canvas-lms, lib/api/v1/assignment.rb."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack

import attrs

from course_sync_plugin.targets.canvas.answers import (
    Fields,
    a_flag,
    a_moment,
    a_number,
    a_text,
    a_whole_number,
    an_id,
    ignored,
    texts,
    unique,
    written,
)
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.paths import path


@attrs.frozen
class Assignment:
    """An assignment. ``integration_id``: None also if the token's user may not manage SIS data.

    ``has_submissions``: then it cannot be unpublished.
    """

    id: str
    name: str
    description: str | None = None
    position: int | None = None
    points_possible: float | None = None
    due_at: datetime | None = None
    unlock_at: datetime | None = None
    lock_at: datetime | None = None
    submission_types: tuple[str, ...] = ()
    published: bool | None = None
    has_submissions: bool = False
    integration_id: str | None = None
    updated_at: datetime | None = None


class AssignmentValues(TypedDict, total=False):
    """What can be set. What is not named stays; None removes a date.

    Midnight in ``due_at`` and ``lock_at`` becomes 23:59:59 in the user's time zone. ``integration_id`` is dropped
    silently without the right to manage SIS data.
    """

    name: str
    description: str
    position: int
    points_possible: float
    due_at: datetime | None
    unlock_at: datetime | None
    lock_at: datetime | None
    submission_types: Sequence[str]
    published: bool
    integration_id: str


def list_all(client: CanvasClient, course_id: str) -> list[Assignment]:
    """Return all assignments by position."""
    return unique(client.rows(_path(course_id), _read))


def show(client: CanvasClient, course_id: str, assignment_id: str) -> Assignment:
    """Show an assignment. Raises NotThere."""
    return client.call("GET", _path(course_id, assignment_id), _read)


def create(client: CanvasClient, course_id: str, **values: Unpack[AssignmentValues]) -> Assignment:
    """Create an assignment, unpublished unless said otherwise."""
    return client.call("POST", _path(course_id), _read, {"assignment": written(values)})


def update(client: CanvasClient, course_id: str, assignment_id: str, **values: Unpack[AssignmentValues]) -> Assignment:
    """Change an assignment. Raises NotThere."""
    return client.call("PUT", _path(course_id, assignment_id), _read, {"assignment": written(values)})


def delete(client: CanvasClient, course_id: str, assignment_id: str) -> None:
    """Delete an assignment with its submissions and all items that show it. Raises NotThere."""
    client.call("DELETE", _path(course_id, assignment_id), ignored)


def _path(course_id: str, *assignment_id: str) -> str:
    return path("courses", course_id, "assignments", *assignment_id)


def _read(value: Any) -> Assignment:
    fields = Fields.of("an assignment", value)
    return Assignment(
        id=fields.required("id", an_id),
        name=fields.required("name", a_text),
        description=fields.optional("description", a_text),
        position=fields.optional("position", a_whole_number),
        points_possible=fields.optional("points_possible", a_number),
        due_at=fields.optional("due_at", a_moment),
        unlock_at=fields.optional("unlock_at", a_moment),
        lock_at=fields.optional("lock_at", a_moment),
        submission_types=fields.optional("submission_types", texts) or (),
        published=fields.optional("published", a_flag),
        has_submissions=fields.optional("has_submitted_submissions", a_flag) or False,
        integration_id=fields.optional("integration_id", a_text),
        updated_at=fields.optional("updated_at", a_moment),
    )
