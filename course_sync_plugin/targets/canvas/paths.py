"""The paths of objects below ``/api/v1``."""

from __future__ import annotations

from urllib.parse import quote

from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.sanitize.text import short_repr


def path(*parts: str) -> str:
    """Return the path of an object: ``path("courses", "7", "modules")`` is ``/courses/7/modules``.

    Raises PermanentError for a part that would lead to another object.
    """
    for part in parts:
        if not part.strip(".") or part.endswith(":"):
            raise PermanentError(f"{short_repr(part)} is not an id of Canvas.")
    return "".join(f"/{quote(part, safe=':')}" for part in parts)
