"""The first version of the SQL views. It never changes: other columns are a new version (``around()`` says how)."""

from __future__ import annotations

from course_sync_plugin.migrations.views.dialects import Dialect
from course_sync_plugin.migrations.views.first import days, now


def views(dialect: Dialect) -> dict[str, str]:
    """Return the SELECT of each view by its name. A view comes after those that it reads."""
    return {
        "course_sync_view_daily": days.daily(dialect),
        "course_sync_view_operations": days.operations(dialect),
        "course_sync_view_answers": days.answers(dialect),
        "course_sync_view_course_targets": now.course_targets(dialect),
        "course_sync_view_courses": now.courses(dialect),
        "course_sync_view_targets": now.targets(dialect),
        "course_sync_view_problems": now.problems(dialect),
    }
