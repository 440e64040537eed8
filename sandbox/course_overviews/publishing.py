"""Updates the overview of a published course as the platform does: it reads the row and saves all of its columns."""

from opaque_keys.edx.keys import CourseKey

from sandbox.course_overviews.models import CourseOverview

#: Fields of a course, and their columns in its overview.
_COLUMNS = {"display_name": "display_name", "start": "start", "end": "end", "language": "language",
            "enrollment_start": "enrollment_start", "enrollment_end": "enrollment_end"}  # fmt: skip


def refresh_overview(structure):
    """Write the overview of a published course. Columns that no course field fills stay, such as ``marketing_url``."""
    key = CourseKey.from_string(structure.course_id)
    overview = CourseOverview.objects.filter(id=key).first() or CourseOverview(id=key)
    fields = structure.entities[structure.course_id].fields
    overview.org = key.org
    overview.self_paced = bool(fields.get("self_paced", False))
    for name, column in _COLUMNS.items():
        setattr(overview, column, fields.get(name))
    overview.save()


def delete_overview(course_key):
    """Delete the overview of a deleted course."""
    CourseOverview.objects.filter(id=CourseKey.from_string(course_key)).delete()
