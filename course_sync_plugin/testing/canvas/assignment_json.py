"""How the API and the Live Events show an assignment.

Source: canvas-lms, lib/api/v1/assignment.rb, ``assignment_json`` (a selection of its fields); the data services
documentation, ``assignment_updated``. That the ids of a SIS are left out for a user without the right is remembered.
"""

from __future__ import annotations

from course_sync_plugin.testing.canvas import dates
from course_sync_plugin.testing.canvas.call import Call, Json
from course_sync_plugin.testing.canvas.objects import Assignment, Course
from course_sync_plugin.testing.canvas.page_saving import CUT


def assignment_json(call: Call, course: Course, row: Assignment) -> Json:
    """Return an assignment as the API shows it."""
    path = f"/courses/{course.id}/assignments/{row.id}"
    value: Json = {
        "id": row.id,
        "name": row.name,
        "description": call.shown_html(row.description),
        **_moments(row),
        "created_at": dates.written(row.created_at),
        "course_id": course.id,
        "html_url": call.link(path),
        "submissions_download_url": call.link(f"{path}/submissions?zip=1"),
        "assignment_group_id": course.id,
        "position": row.position,
        "points_possible": row.points_possible,
        "grading_type": row.grading_type,
        "grading_standard_id": None,
        "submission_types": row.submission_types,
        "has_submitted_submissions": bool(row.submitters),
        "published": row.published,
        "unpublishable": not row.submitters,
        "has_overrides": False,
        "only_visible_to_overrides": False,
        "peer_reviews": False,
        "automatic_peer_reviews": False,
        "group_category_id": None,
        "grade_group_students_individually": False,
        "omit_from_final_grade": False,
        "needs_grading_count": len(row.submitters),
        "max_name_length": 255,
        "workflow_state": row.state,
        "locked_for_user": False,
        **_sis(call, row),
    }
    return call.dress("assignment", value)


def event_body(call: Call, course: Course, row: Assignment) -> Json:
    """Return the body of an event about an assignment, with global ids."""
    return {
        "assignment_group_id": course.id,
        "assignment_id": row.id,
        "context_id": course.id,
        "context_type": "Course",
        "context_uuid": course.uuid,
        "created_on_blueprint_sync": False,
        "description": (row.description or "")[:CUT],
        "domain": call.site.root.partition("//")[2],
        **_moments(row),
        "points_possible": row.points_possible,
        "submission_types": ",".join(row.submission_types),
        "title": row.name[:CUT],
        "workflow_state": row.state,
    }


def _moments(row: Assignment) -> Json:
    return {name: dates.written(getattr(row, name)) for name in ("due_at", "unlock_at", "lock_at", "updated_at")}


def _sis(call: Call, row: Assignment) -> Json:
    return {"integration_id": row.integration_id, "sis_assignment_id": row.sis_assignment_id} if call.user.sis else {}
