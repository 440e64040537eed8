"""Maps the answers of Canvas to errors: a table of statuses, and the cases that a status does not tell apart.

Sources: canvas-lms, lib/authentication_methods.rb (``render_json_unauthorized``), app/middleware/request_throttle.rb,
app/models/master_courses/restrictor.rb; for 429: issue canvasapi#704.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from course_sync_plugin.exceptions import (
    ConfigurationError,
    CourseSyncError,
    PermanentError,
    RateLimited,
    TransientError,
)
from course_sync_plugin.targets.canvas.refusals import parsed
from course_sync_plugin.targets.canvas.throttling import remaining_units, wait_for_units
from course_sync_plugin.targets.http.errors import HTTP_ERRORS, Errors, Resolution, retry_after, status_error


class NotThere(PermanentError):
    """The object is not in Canvas, or was deleted there. Its deletion is done."""


class NoRight(PermanentError):
    """The user of the token may not do this to this object.

    A deleted page that is asked for by ``page_id:`` is refused in the same way (wiki_page.rb, ``can_read_page?``).
    """


_NO_RIGHT = Resolution(
    NoRight,
    "{where} refused with {status}: the user of the token may not do this here. Perhaps the course is concluded, the "
    "object is deleted or locked, or the user lacks a right. It says: {detail}",
)
_NOT_THERE = Resolution(NotThere, "{where} does not have this object ({status}). It says: {detail}")

CANVAS_ERRORS: Errors = MappingProxyType(
    {
        **HTTP_ERRORS,
        3: Resolution(
            ConfigurationError,
            "{where} redirects ({status}), and the token is not sent to another address. Give the final URL of Canvas "
            "with 'set-url'.",
        ),
        4: Resolution(PermanentError, "{where} refused this with {status}. It says: {detail}"),
        401: _NO_RIGHT,
        403: _NO_RIGHT,
        404: _NOT_THERE,
        410: _NOT_THERE,  # no answer of Canvas says that the whole site is gone
    }
)

_BAD_TOKEN = Resolution(
    ConfigurationError,
    "{where} does not accept the access token ({status}). Give the target a new token. It says: {detail}",
)
_LOCKED = Resolution(
    PermanentError,
    "{where} refused with {status}, because a blueprint course locks this object. Unlock it there. It says: {detail}",
)
_NOT_CANVAS = Resolution(
    TransientError,
    "{where} answered {status}, but not as the API of Canvas does. Is the URL of the target right, and is Canvas "
    "running?",
)
_THROTTLED = "{where} asks for fewer requests ({status})."

#: The words of a blueprint course's refusal ("cannot change column(s): title - locked by Master Course").
_LOCK_WORDS = "locked by Master Course"
_LIMIT_WORDS = b"Rate Limit Exceeded"


def canvas_error(status: int, headers: Mapping[str, str], body: bytes, *, where: str, detail: str) -> CourseSyncError:
    """Return the error for an answer that is not a success. ``detail``: what Canvas says, cleaned, without secrets."""
    if _is_throttled(status, body):
        wait = retry_after(headers.get("Retry-After")) or wait_for_units(remaining_units(headers))
        message = _THROTTLED.format(where=where, status=status)
        return RateLimited(message, retry_after=wait, status=status)
    case = _case(status, headers, body, detail)
    errors = {**CANVAS_ERRORS, status: case} if case else CANVAS_ERRORS
    said = detail or "nothing that can be read."
    return status_error(status, headers, where=where, errors=errors, detail=said)


def _is_throttled(status: int, body: bytes) -> bool:
    """Tell whether the bucket is full. The text is not JSON: a JSON answer may repeat these words from a title."""
    return status == 429 or (status == 403 and _LIMIT_WORDS in body and parsed(body) is None)


def _case(status: int, headers: Mapping[str, str], body: bytes, detail: str) -> Resolution | None:
    if status == 401 and "WWW-Authenticate" in headers:
        return _BAD_TOKEN
    if status in (400, 403, 422) and _LOCK_WORDS in detail:
        return _LOCKED
    if status in (404, 410) and parsed(body) is None:  # from a proxy: it says nothing about the object
        return _NOT_CANVAS
    return None
