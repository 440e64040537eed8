"""What the fake forum refuses, with the status and the words of Discourse.

Sources: discourse, app/controllers/application_controller.rb (``rescue_from``), lib/json_error.rb and
config/locales/server.en.yml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

INVALID_ACCESS = "You are not permitted to view the requested resource."
INVALID_CREDENTIALS = f"{INVALID_ACCESS} The API username or key is invalid."
NOT_LOGGED_IN = "You need to be logged in to do that."
NOT_FOUND = "The requested URL or resource could not be found."
READ_ONLY = "The site is in read only mode. Interactions are disabled."
EDIT_CONFLICT = "That post was edited by another user and your changes can no longer be saved."
TOO_LATE = "That post was created too long ago. It can no longer be edited or deleted."
DELETE_TOPIC_FAILED = "There was an error deleting that topic. Please contact the site's administrator."
TOPIC_NOT_FOUND = "Something has gone wrong. Perhaps this topic was closed or deleted while you were looking at it?"
CATEGORY_NOT_FOUND = "Category not found!"
MOVE_DISALLOWED = "You cannot move this topic to a category where you do not have permission to create new topics."


class Refused(Exception):
    """A request that is refused. ``errors``: the messages. ``extra``: further fields of the JSON answer."""

    def __init__(
        self,
        status: int,
        errors: Sequence[str],
        kind: str | None = None,
        *,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(status, *errors)
        self.status = status
        self.errors = list(errors)
        self.kind = kind
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the JSON answer: ``errors``, and ``error_type`` where Discourse gives one."""
        kind = {"error_type": self.kind} if self.kind else {}
        return {"errors": self.errors, **kind, **self.extra}


def forbidden() -> Refused:
    """Return the refusal of what the user may not do, which is also the one of many records that are not there."""
    return Refused(403, [INVALID_ACCESS], "invalid_access")


def not_found() -> Refused:
    """Return the refusal of what is not there."""
    return Refused(404, [NOT_FOUND], "not_found")


def invalid(*errors: str) -> Refused:
    """Return the refusal of a record that is not valid: 422 with a message for each fault."""
    return Refused(422, errors)


def invalid_parameters(message: str) -> Refused:
    """Return the refusal of a parameter with a value that cannot be."""
    text = f"You supplied invalid parameters to the request: {message}"
    return Refused(400, [text], "invalid_parameters")


def missing_parameter(name: str) -> Refused:
    """Return the refusal of a request without a parameter that it needs (Rails' ``ParameterMissing``)."""
    return Refused(400, [f"param is missing or the value is empty or invalid: {name}"])
