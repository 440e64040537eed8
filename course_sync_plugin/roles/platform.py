"""Reads the roles of edx-platform: the staff and the admins of organisations and courses.

Studio calls the role ``instructor`` "Admin". It has all rights of ``staff`` and may change who has which role, so it
may act here. A row without a course is a role in the whole organisation (``common/djangoapps/student/roles.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from course_sync_plugin.roles.contract import Role

_ACTS = {"staff": False, "instructor": True}


class PlatformRoles:
    """The table ``CourseAccessRole`` of the platform."""

    def of(self, user: Any) -> Iterator[Role]:
        """Return the roles ``staff`` and ``instructor`` of a user. One query."""
        from common.djangoapps.student.models import CourseAccessRole  # only the platform has it

        rows = CourseAccessRole.objects.filter(user=user, role__in=_ACTS)
        for role, org, course_key in rows.values_list("role", "org", "course_id"):
            yield Role(org or "", str(course_key or ""), may_act=_ACTS[role])
