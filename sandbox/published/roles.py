"""The roles of the sandbox: Django groups with names such as ``staff of Org`` and ``admin of course-v1:Org+C+R``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.roles.contract import Role


class SandboxRoles:
    """Reads the roles of a user from the names of the user's groups."""

    def of(self, user: Any) -> Iterator[Role]:
        """Return the roles of a user. One query."""
        for name in user.groups.values_list("name", flat=True):
            role, _of, where = name.partition(" of ")
            if role in ("staff", "admin") and where:
                is_course = where.startswith("course-v1:")
                org = CourseKey.from_string(where).org if is_course else where
                yield Role(org, where if is_course else "", may_act=role == "admin")
