"""Reads what Canvas says about an error. Its controllers write it in five forms.

Sources: canvas-lms, lib/api/errors.rb, app/controllers/application_controller.rb (``api_error_json``) and
wiki_pages_api_controller.rb (``render json: @page.errors``); spec/apis/v1/assignments_api_spec.rb.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from course_sync_plugin.sanitize.text import single_line

#: The most characters of all errors together.
CHARACTERS = 300

#: Keys that are no field: they say what kind of answer it is.
_NO_FIELDS = {"status", "error_report_id", "message", "errors", "invalid_record", "base"}


def parsed(body: bytes) -> Any:
    """Return the JSON object or list in a body, or None."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def said(body: bytes) -> str:
    """Return the errors in a body on one line: ``title: is too short; The date is not valid``. Empty: there are none.

    The text may repeat what was sent, so the caller removes secrets from it.
    """
    texts = dict.fromkeys(one for one in _errors(parsed(body)) if one)  # without repetitions
    return "; ".join(texts)[:CHARACTERS]


def _errors(answer: Any) -> Iterator[str]:
    if not isinstance(answer, dict):
        return
    found = answer.get("errors", [] if "message" in answer else answer)
    if isinstance(found, dict):
        for field, errors in found.items():
            yield from _of_field(field, errors)
    else:
        yield from _of_field("errors", found)
    yield _line(answer.get("message"))


def _of_field(field: str, errors: Any) -> Iterator[str]:
    """Yield the errors of one field: a text, an object with a message, or a list of these."""
    for error in errors if isinstance(errors, list) else [errors]:
        inner = error if isinstance(error, dict) else {"message": error}
        text = _line(inner.get("message"))
        name = _line(inner.get("field")) or ("" if field in _NO_FIELDS else _line(field))
        yield f"{name}: {text}" if name and text else text


def _line(text: Any) -> str:
    return single_line(text, CHARACTERS)
