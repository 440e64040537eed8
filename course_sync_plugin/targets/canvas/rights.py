"""What the user of the token may do in a course, as Canvas says it.

Sources: canvas-lms, app/controllers/courses_controller.rb (``permissions``), app/models/role_override.rb (the names),
and the ``set_policy`` of context_module.rb, wiki.rb, assignment.rb and discussion_topic.rb.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.targets.canvas.answers import Fields
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.errors import NoRight
from course_sync_plugin.targets.canvas.paths import path

#: The permissions that the mapping needs. An older Canvas has one for the three of each kind: the second name.
NEEDED = (
    ("read_as_admin",),
    ("manage_course_content_add", "manage_content"),
    ("manage_course_content_edit", "manage_content"),
    ("manage_course_content_delete", "manage_content"),
    ("manage_assignments_add", "manage_assignments"),
    ("manage_assignments_edit", "manage_assignments"),
    ("manage_assignments_delete", "manage_assignments"),
    ("manage_wiki_create", "manage_wiki"),
    ("manage_wiki_update", "manage_wiki"),
    ("manage_wiki_delete", "manage_wiki"),
    ("create_forum",),
    ("moderate_forum",),
)

_NAMES = tuple(dict.fromkeys(name for names in NEEDED for name in names))


def check_rights(client: CanvasClient, course_id: str) -> None:
    """Raise ConfigurationError, which names what is missing, if the user may not do in a course what is needed."""
    lacking = missing(client, course_id)
    if lacking:
        raise ConfigurationError(
            f"The user of the token may not do in the course {course_id} of Canvas what the target does: it lacks "
            f"{', '.join(lacking)}. Enrol it there as a teacher. If it is one, an administrator of Canvas gives the "
            "role these permissions."
        )


def missing(client: CanvasClient, course_id: str) -> list[str]:
    """Return the names of the permissions that the user of the token lacks in a course that it can see.

    Raises ConfigurationError if the token may not ask.
    """
    query = urlencode([("permissions[]", name) for name in _NAMES])
    try:
        has = client.call("GET", f"{path('courses', course_id, 'permissions')}?{query}", _read)
    except NoRight as error:
        raise ConfigurationError(
            "The token may not ask what its user may do. A token of a developer key with scopes needs the scope "
            f"url:GET|/api/v1/courses/:course_id/permissions. {error.message}"
        ) from error
    return [names[0] for names in NEEDED if not has.intersection(names)]


def _read(value: Any) -> frozenset[str]:
    """Return the names of the permissions that are true."""
    return frozenset(name for name, has in Fields.of("permissions", value).values.items() if has is True)
