"""The errors that Canvas answers with, as exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_sync_plugin.testing.canvas.behaviour import Behaviour

#: Sent with a token that is missing or not valid (canvas-lms, lib/authentication_methods.rb).
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="canvas-lms"'}


class Refusal(Exception):
    """An answer that is an error: its status, its JSON body and its headers."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None):
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def not_found() -> Refusal:
    """Return the answer about an object that is not there (application_controller.rb, ``api_error_json``)."""
    return Refusal(404, {"errors": [{"message": "The specified resource does not exist."}]})


def message(text: str, status: int = 400) -> Refusal:
    """Return an answer with a message only, as the controllers of modules, items and pages have them."""
    return Refusal(status, {"message": text})


def invalid(errors: Mapping[str, str]) -> Refusal:
    """Return the answer about fields that are not valid: a list of errors for each field.

    Source: ``errors.<field>[0].message`` is in spec/apis/v1/assignments_api_spec.rb, and
    discussion_topics_controller.rb renders ``{errors: …}``. That each error also has ``attribute`` and ``type`` is
    assumed.
    """
    rows = {field: [{"attribute": field, "type": text, "message": text}] for field, text in errors.items()}
    return Refusal(400, {"errors": rows})


def unauthorized(behaviour: Behaviour) -> Refusal:
    """Return the answer to a user without the right (lib/authentication_methods.rb, ``render_json_unauthorized``)."""
    body = {"status": "unauthorized", "errors": [{"message": "user not authorized to perform that action"}]}
    return Refusal(403 if behaviour.auth_error_updates else 401, body)


def unauthenticated() -> Refusal:
    """Return the answer to a request without a token (the same source)."""
    body = {"status": "unauthenticated", "errors": [{"message": "user authorization required"}]}
    return Refusal(401, body, CHALLENGE)


def bad_token(text: str, **more: str) -> Refusal:
    """Return the answer to a token that is invalid, expired or revoked (application_controller.rb)."""
    return Refusal(401, {"errors": [{"message": text, **more}]}, CHALLENGE)
