"""What a refusal of Discourse means: the table of HTTP errors with the statuses that Discourse uses in its own way.

Sources: discourse, app/controllers/application_controller.rb (``rescue_from``), lib/json_error.rb.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from course_sync_plugin.exceptions import (
    ConfigurationError,
    CourseSyncError,
    PermanentError,
    RateLimited,
    TransientError,
)
from course_sync_plugin.sanitize.limits import RETRY_AFTER
from course_sync_plugin.sanitize.text import single_line
from course_sync_plugin.targets.http.errors import (
    HTTP_ERRORS,
    RATE_LIMIT_SECONDS,
    Errors,
    Resolution,
    retry_after,
    status_error,
)

#: The most messages of a refusal that are repeated, and the most characters of each.
MESSAGES, MESSAGE_CHARACTERS = 5, 200

#: Statuses that only Discourse itself can mean. A page of HTML with one of them is that of a proxy.
_OF_DISCOURSE = (403, 404, 409, 410, 422)
_BAD_KEY = "the api username or key is invalid"
_TITLE_TAKEN = "title has already been used"
_EXTERNAL_ID_TAKEN = re.compile(r"external(?: id)? has already been taken", re.IGNORECASE)


class NotThere(PermanentError):
    """The forum has no such record, or the user may not know of it."""


class EditConflict(TransientError):
    """Somebody else has edited the record since it was read. Read it again before the next attempt."""


class Refused(PermanentError):
    """The forum refuses what was sent. ``words``: its messages, each on one line.

    The messages are in the language of the forum. So ``title_taken`` and ``external_id_taken`` are hints: True is
    certain, False is not. After a refused creation, look the topic up by its ``external_id`` in any case
    (:func:`course_sync_plugin.targets.discourse.topics.find`): if it is found, it had been created.
    """

    def __init__(self, message: str = "", *, words: tuple[str, ...] = (), **context: Any):
        super().__init__(message, **context)
        self.words = words

    def about(self, kind: str, name: str) -> Refused:
        """Return the same refusal, which names what was sent and what to do. ``kind``: such as ``title``."""
        text = f"The {kind} sent was '{single_line(name, MESSAGE_CHARACTERS)}'. {self.message}"
        advice = "Change the name in Studio, or the rule in the settings of the forum; then use 'retry'."
        stop = "" if text.endswith((".", "!", "?")) else "."
        return type(self)(f"{text}{stop} {advice}", words=self.words, **self.context)

    @property
    def title_taken(self) -> bool:
        """Tell whether an English message says that another topic of the forum has the title."""
        return any(_TITLE_TAKEN in word.lower() for word in self.words)

    @property
    def external_id_taken(self) -> bool:
        """Tell whether an English message says that a topic, which may be deleted, has the ``external_id``."""
        return any(_EXTERNAL_ID_TAKEN.search(word) for word in self.words)


class Forbidden(Refused):
    """The user may not do this, or the record is deleted or not there: Discourse gives one status for all three."""


class AwaitsApproval(PermanentError):
    """The forum keeps a new post until a moderator approves it. Until then it has no id and cannot be looked up."""


DISCOURSE_ERRORS: Errors = MappingProxyType(
    {
        **HTTP_ERRORS,
        3: Resolution(
            ConfigurationError,
            "{where} redirects to another address ({status}). Give the forum's own address with 'set-url'.",
        ),
        401: Resolution(ConfigurationError, "A server in front of {where} asks for a password ({status})."),
        403: Resolution(Forbidden, "{where} does not allow this ({status})."),
        404: Resolution(NotThere, "{where} has no such record ({status})."),
        409: Resolution(EditConflict, "Somebody else has edited the record on {where} ({status})."),
        # the site setting detailed_404; not the whole forum is gone
        410: Resolution(NotThere, "The record on {where} is deleted ({status})."),
    }
)


#: What Discourse answers in maintenance. A server in front of it gives 503 too, but not as JSON with this error type.
_READ_ONLY = "read_only"
_READ_ONLY_ERROR = Resolution(
    TransientError,
    "{where} is read-only ({status}): the forum is in maintenance, or an administrator has made it so. It is tried "
    "again by itself.",
)


@attrs.frozen
class Refusal:
    """The body of a refusal.

    ``words``: its messages. ``wait``: the seconds that it asks to wait, or None. ``kind``: its error type, or empty.
    """

    is_json: bool
    words: tuple[str, ...] = ()
    wait: float | None = None
    kind: str = ""


def read_refusal(body: bytes, content_type: str, redact: Callable[[str], str]) -> Refusal:
    """Read the body of a refusal. It may be cut off, or be that of a proxy; then it has no words.

    ``redact``: removes secrets from a text.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return Refusal("json" in content_type.lower())
    said, extras = value.get("errors"), value.get("extras")
    words = [word for word in (said if isinstance(said, list) else [])[:MESSAGES] if isinstance(word, str)]
    lines = (single_line(redact(word), MESSAGE_CHARACTERS) for word in words)
    wait = extras.get("wait_seconds") if isinstance(extras, dict) else None
    kind = str(value.get("error_type") or "")
    return Refusal(True, tuple(filter(None, lines)), wait if RETRY_AFTER.holds(wait) else None, kind)


def refusal_error(
    status: int, headers: Mapping[str, str], refusal: Refusal, *, where: str, errors: Errors, **context: Any
) -> CourseSyncError:
    """Return the error for an answer that is no success.

    A 403 whose words are not those of a bad key is Forbidden. In another language it may still be a bad key.
    """
    said = "; ".join(refusal.words)
    if status in _OF_DISCOURSE and not refusal.is_json:
        return not_json(where, status=status, **context)
    if status == 429:
        wait = max(retry_after(headers.get("Retry-After")) or 0, refusal.wait or 0) or RATE_LIMIT_SECONDS
        return RateLimited(f"{where} asks for fewer requests (429).", retry_after=wait, status=status, **context)
    if status == 403 and _BAD_KEY in said.lower():
        return bad_key(where, **context)
    if status in (400, 403, 422):
        kind = Forbidden if status == 403 else Refused
        text = f"{where} refused ({status}): {said or 'it gives no reason.'}"
        return kind(text, words=refusal.words, status=status, **context)
    if status == 503 and refusal.kind == _READ_ONLY:
        errors = {**errors, 503: _READ_ONLY_ERROR}
    return status_error(status, headers, where=where, errors=errors, **context)


def bad_key(where: str, **context: Any) -> ConfigurationError:
    """Return the error for an API key that is not valid for the user."""
    return ConfigurationError(
        f"{where} does not accept the API key (403). It may be revoked, or not be one of the user that the option "
        "'api_username' names, or this user may be suspended, or its scope may not have this request: a Global one has "
        "all. 'set-token' takes another key.",
        status=403,
        **context,
    )


def not_json(where: str, **context: Any) -> TransientError:
    """Return the error for a page where JSON was expected, such as one that says that the forum is being updated."""
    return TransientError(
        f"{where} answered with something that is not JSON ({context.get('status')}). Is the forum being updated, or "
        "does a server in front of it answer? If this stays so, check the URL of the target.",
        **context,
    )
