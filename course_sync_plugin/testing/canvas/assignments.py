"""Assignments: list, create, show, update, delete.

Source: canvas-lms, lib/api/v1/assignment.rb: ``update_from_params``, ``prepare_assignment_create_or_update``,
``assignment_dates_valid?``, ``submission_types_valid?``; app/models/abstract_assignment.rb: ``unpublish_ok?``,
``positive_points_possible?``, ``reasonable_points_possible?``; assignments_api_controller.rb,
``render_create_or_update_result``. The limits of names, and that an assignment begins unpublished, are remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from course_sync_plugin.testing.canvas import blueprint, contents, dates, refusals
from course_sync_plugin.testing.canvas.assignment_json import assignment_json, event_body
from course_sync_plugin.testing.canvas.call import Call, Created, Json, Listing, find
from course_sync_plugin.testing.canvas.objects import DELETED, Assignment, Course, living
from course_sync_plugin.testing.canvas.parameters import to_boolean, to_integer
from course_sync_plugin.testing.canvas.positions import in_order, next_position

_SUBMISSION_TYPES = {
    "online_quiz", "none", "on_paper", "discussion_topic", "external_tool", "online_upload", "online_text_entry",
    "online_url", "media_recording", "not_graded", "student_annotation", "",
}  # fmt: skip
_GRADING_TYPES = {"pass_fail", "percent", "letter_grade", "gpa_scale", "points", "not_graded"}
_LONGEST_NAME = 255
_CANNOT_UNPUBLISH = "Can't unpublish if there are student submissions for the assignment or its sub_assignments"
_MOST_POINTS = 1_000_000_000


def index(call: Call, course: Course) -> Listing:
    """List the assignments by position. ``search_term`` selects by name."""
    term = str(call.parameters.get("search_term", "")).lower()
    rows = [row for row in in_order(living(course.assignments.values())) if term in row.name.lower()]
    if not call.manages(course):
        rows = [row for row in rows if row.published]
    return Listing(rows, lambda row: assignment_json(call, course, row))


def create(call: Call, course: Course) -> Created:
    """Create an assignment: status 201, unpublished, no points unless said."""
    given = call.group("assignment") or {}
    row = Assignment(
        id=call.site.new_id(),
        created_at=call.now(),
        updated_at=call.now(),
        name="Assignment",
        position=next_position(living(course.assignments.values())),
    )
    values = _values(call, given)
    _check(row, values)
    _assign(row, values)
    course.assignments[row.id] = row
    call.tell("assignment_created", course, event_body(call, course, row))
    return Created(assignment_json(call, course, row))


def show(call: Call, course: Course, assignment_id: str) -> Json:
    """Show an assignment."""
    return assignment_json(call, course, find(course.assignments, assignment_id))


def update(call: Call, course: Course, assignment_id: str) -> Json:
    """Update an assignment. Its items take its name and state. Raises Refusal 400."""
    row = find(course.assignments, assignment_id)
    values = _values(call, call.group("assignment") or {})
    with _naming_the_record():
        blueprint.check(row, values)
        _check(row, values)
    _assign(row, values)
    row.updated_at = call.now()
    contents.follow(call, course, row)
    call.tell("assignment_updated", course, event_body(call, course, row))
    return assignment_json(call, course, row)


def destroy(call: Call, course: Course, assignment_id: str) -> Json:
    """Delete an assignment with all items that show it, even if students have submitted something."""
    row = find(course.assignments, assignment_id)
    row.state = DELETED
    contents.delete_items(call, course, row)
    call.tell("assignment_updated", course, event_body(call, course, row))
    return assignment_json(call, course, row)


@contextmanager
def _naming_the_record() -> Iterator[None]:
    """Add the error ``invalid_record`` to those of an update, as ``update_api_assignment`` does."""
    try:
        yield
    except refusals.Refusal as refusal:
        texts = [error["message"] for errors in refusal.body["errors"].values() for error in errors]
        added = refusals.invalid({"invalid_record": f"Validation failed: {', '.join(texts)}"})
        raise refusals.Refusal(400, {"errors": {**refusal.body["errors"], **added.body["errors"]}}) from None


def _values(call: Call, given: Json) -> dict[str, Any]:
    """Return the attributes to set. Fields that Canvas does not know are ignored without a word."""
    values: dict[str, Any] = {**_dates(call, given), **_texts(call, given)}
    if "points_possible" in given:
        values["points_possible"] = _points(given["points_possible"])
    if given.get("submission_types") is not None:
        values["submission_types"] = _submission_types(given["submission_types"])
    if given.get("position") is not None:
        values["position"] = to_integer(given["position"])
    if "published" in given:
        values["state"] = "published" if to_boolean(given["published"]) else "unpublished"
    return values


def _texts(call: Call, given: Json) -> dict[str, Any]:
    """Return names and texts. The ids of a SIS are dropped silently for a user who may not manage SIS data."""
    values: dict[str, Any] = {}
    if "name" in given:
        values["name"] = str(given["name"] or "")
    if "description" in given:
        values["description"] = call.stored_html(given["description"])
    if "grading_type" in given:
        values["grading_type"] = str(given["grading_type"])
    if call.user.sis:
        values |= {name: given[name] or None for name in ("integration_id", "sis_assignment_id") if name in given}
    return values


def _dates(call: Call, given: Json) -> dict[str, Any]:
    """Return the dates: midnight becomes the end of the day for due_at and lock_at (``infer_times``)."""
    names = [name for name in ("due_at", "lock_at", "unlock_at") if name in given]
    values = {name: call.date(f"assignment[{name}]", given[name]) for name in names}
    for name in {"due_at", "lock_at"} & values.keys():
        values[name] = dates.end_of_day(values[name], call.site.behaviour.time_zone)
    return values


def _points(value: Any) -> float:
    """Return the points. A text that is no number is refused; the words of that error are assumed."""
    try:
        return float(value if value not in (None, "") else 0)
    except ValueError:
        raise refusals.invalid({"points_possible": "is not a number"}) from None


def _submission_types(value: Any) -> list[str]:
    types = [value] if isinstance(value, str) else list(value)
    if not _SUBMISSION_TYPES.issuperset(types):
        raise refusals.invalid({"assignment[submission_types]": "Invalid submission types"})
    return types


def _check(row: Assignment, values: dict[str, Any]) -> None:
    name = values.get("name", row.name)
    if not name:
        raise refusals.invalid({"name": "is too short (minimum is 1 character)"})
    if len(name) > _LONGEST_NAME:
        raise refusals.invalid({"name": f"is too long (maximum is {_LONGEST_NAME} characters)"})
    if values.get("grading_type", row.grading_type) not in _GRADING_TYPES:
        raise refusals.invalid({"grading_type": "is not included in the list"})
    _check_points(values.get("points_possible", row.points_possible))
    if row.published and values.get("state") == "unpublished" and row.submitters:
        raise refusals.invalid({"published": _CANNOT_UNPUBLISH})


def _check_points(points: float) -> None:
    value = "The value of possible points for this assignment"
    if points < 0:
        raise refusals.invalid({"points_possible": f"{value} must be zero or greater."})
    if points >= _MOST_POINTS:
        raise refusals.invalid({"points_possible": f"{value} cannot exceed {_MOST_POINTS - 1}."})


def _assign(row: Assignment, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
