"""The permissions of a user in a course, as the API names them.

Source: canvas-lms, app/models/role_override.rb (names, and who has them by default) and courses_controller.rb
(``permissions``). The names are a selection.
"""

from __future__ import annotations

#: What a teacher has. An older Canvas has one permission for the three of each kind.
OF_TEACHERS = frozenset(
    {
        "read_as_admin",
        *(f"manage_course_content_{one}" for one in ("add", "edit", "delete")),
        *(f"manage_assignments_{one}" for one in ("add", "edit", "delete")),
        *(f"manage_wiki_{one}" for one in ("create", "update", "delete")),
        "read_forum",
        "post_to_forum",
        "create_forum",
        "moderate_forum",
    }
)

#: What a student has.
OF_STUDENTS = frozenset({"read_forum", "post_to_forum", "create_forum"})
