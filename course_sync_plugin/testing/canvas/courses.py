"""Courses: list, show, change the name, and tell what the user may do.

Source: canvas-lms, lib/api/v1/course_json.rb and the API documentation, Courses. The fields are a selection.
"""

from __future__ import annotations

from course_sync_plugin.testing.canvas import dates
from course_sync_plugin.testing.canvas.call import Call, Json, Listing
from course_sync_plugin.testing.canvas.objects import Course
from course_sync_plugin.testing.canvas.rights import OF_STUDENTS


def index(call: Call) -> Listing:
    """List the courses of the user."""
    mine = [course for course in call.site.courses.values() if course.id in call.user.roles]
    return Listing(mine, lambda course: course_json(call, course))


def show(call: Call, course: Course) -> Json:
    """Show a course."""
    return course_json(call, course)


def permissions(call: Call, course: Course) -> Json:
    """Tell which of the permissions that are asked for the user has. A name that Canvas does not know is false."""
    has = call.site.behaviour.permissions_of_teachers if call.manages(course) else OF_STUDENTS
    asked = call.parameters.get("permissions")
    return {str(name): name in has for name in (asked if isinstance(asked, list) else [])}


def update(call: Call, course: Course) -> Json:
    """Change the name or the code of a course. The API ignores other fields here; Canvas has many more."""
    given = call.group("course") or {}
    course.name = str(given.get("name") or course.name)
    course.course_code = str(given.get("course_code") or course.course_code)
    course.updated_at = call.now()
    moments = {name: dates.written(getattr(course, name)) for name in ("created_at", "updated_at")}
    body = {"account_id": 1, "course_id": course.id, "name": course.name, "uuid": course.uuid, **moments}
    call.tell("course_updated", course, {**body, "workflow_state": course.state})
    return course_json(call, course)


def course_json(call: Call, course: Course) -> Json:
    """Return a course as the API shows it."""
    value = {
        "id": course.id,
        "name": course.name,
        "account_id": 1,
        "uuid": course.uuid,
        "start_at": None,
        "grading_standard_id": None,
        "is_public": False,
        "created_at": dates.written(course.created_at),
        "course_code": course.course_code,
        "default_view": "modules",
        "root_account_id": 1,
        "enrollment_term_id": 1,
        "license": "private",
        "end_at": None,
        "public_syllabus": False,
        "storage_quota_mb": 500,
        "apply_assignment_group_weights": False,
        "time_zone": call.site.behaviour.time_zone,
        "blueprint": False,
        "hide_final_grades": False,
        "workflow_state": "completed" if course.concluded else course.state,
    }
    return call.dress("course", value)
