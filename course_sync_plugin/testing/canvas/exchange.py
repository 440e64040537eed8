"""A request as it came, and the answer that is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs

from course_sync_plugin.testing.canvas.parameters import Parameters

_STRING_IDS = "application/json+canvas-string-ids"


@attrs.define
class Request:
    """A request. ``headers``: by lower-case name. ``status``: of the answer; None: no answer was sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    parameters: Parameters
    status: int | None = None

    @property
    def token(self) -> str:
        """The access token: from the header, or from the parameter of that name (lib/authentication_methods.rb)."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" else str(self.parameters.get("access_token", ""))

    @property
    def wants_string_ids(self) -> bool:
        """Whether ids are to be texts (application_controller.rb, ``stringify_json_ids?``)."""
        return _STRING_IDS in self.headers.get("accept", "")


@attrs.frozen
class Answer:
    """An answer. ``cut``: the connection is closed instead."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    cut: bool = False

    @classmethod
    def of(cls, status: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Return an answer with a JSON body."""
        body = json.dumps(value, ensure_ascii=False).encode()
        return cls(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})

    @classmethod
    def text(cls, status: int, text: str, kind: str = "text/plain") -> Answer:
        """Return an answer with a text."""
        return cls(status, text.encode(), {"Content-Type": f"{kind}; charset=utf-8"})


def with_string_ids(value: Any, name: str = "") -> Any:
    """Return a JSON value with texts for the numbers in ``id``, ``…_id``, ``ids`` and ``…_ids``.

    Source: canvas-lms, lib/stringify_ids.rb.
    """
    if isinstance(value, dict):
        return {key: with_string_ids(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [with_string_ids(one, name if re.search("(^|_)ids$", name) else "") for one in value]
    is_id = re.search("(^|_)ids?$", name) and isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_id else value
