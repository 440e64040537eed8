"""Requests to the fake forum and its answers, and how parameters are read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs

#: The content type of JSON answers, to the letter: pydiscourse compares it.
JSON_TYPE = "application/json; charset=utf-8"


@attrs.frozen
class Answer:
    """An answer. ``hold``: seconds before it is sent. ``cut``: the connection is closed without an answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = attrs.field(factory=dict)
    hold: float = 0
    cut: bool = False

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        """Return an answer with JSON, compact and with letters of all scripts, as Discourse writes it."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return cls(status, text.encode(), headers=headers or {})

    @classmethod
    def html(cls, text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        return cls(status, f"<!DOCTYPE html>\n{text}".encode(), "text/html; charset=utf-8", headers or {})

    @classmethod
    def empty(cls) -> Answer:
        """Return 200 without a body (Rails' ``render body: nil``; the content type is assumed)."""
        return cls(200, b"", "text/plain; charset=utf-8")


@attrs.define
class Asked:
    """A request that came. ``path``: without query and without ``.json``. ``status``: of the answer; None: no answer.

    ``json``: whether the answer must be JSON, which ``.json`` at the end of the path or the ``Accept`` header ask for.
    ``parameters``: of query and body together, nested as Rails nests them (``post[raw]``, ``tags[]``).
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    path: str
    json: bool
    parameters: dict[str, Any]
    status: int | None = None

    @property
    def key(self) -> str:
        """The API key; empty without one."""
        return self.headers.get("api-key", "")

    @property
    def username(self) -> str:
        return self.headers.get("api-username", "")


def read_request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Asked:
    """Return a request with its parameters. The names of headers become lower case. Raises ValueError for bad JSON."""
    parts = urlsplit(target)
    lower = {name.lower(): value for name, value in headers.items()}
    parameters = nested(parse_qsl(parts.query, keep_blank_values=True))
    parameters |= _read_body(lower.get("content-type", ""), body)
    asks_json = parts.path.endswith(".json") or "application/json" in lower.get("accept", "")
    path = parts.path.removesuffix(".json").rstrip("/") or "/"
    return Asked(method, target, lower, body, path, asks_json, parameters)


def _read_body(content_type: str, body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    if content_type.startswith("application/json"):
        value = json.loads(body)
        return value if isinstance(value, dict) else {"_json": value}
    if content_type.startswith("multipart/form-data"):
        return nested(_multipart(content_type, body))
    return nested(parse_qsl(body.decode(), keep_blank_values=True))


def _multipart(content_type: str, body: bytes) -> Iterable[tuple[str, str]]:
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes) and isinstance(part, Message):
            yield name, payload.decode("utf-8", "replace")


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return parameters as Rails nests them: ``a[b]=1`` is ``{"a": {"b": "1"}}``, ``a[]=1`` is ``{"a": ["1"]}``."""
    result: dict[str, Any] = {}
    for name, value in pairs:
        root = re.match(r"[^\[]*", name)
        keys = [root[0] if root else name, *re.findall(r"\[([^\]]*)\]", name)]
        _put(result, keys, value)
    return result


def _put(into: dict[str, Any], keys: list[str], value: str) -> None:
    first, *rest = keys
    if not rest:
        into[first] = value
    elif rest[0] == "":
        items = into.setdefault(first, [])
        if len(rest) == 1:
            items.append(value)
        else:
            if not items or rest[1] in items[-1]:
                items.append({})
            _put(items[-1], rest[1:], value)
    else:
        _put(into.setdefault(first, {}), rest, value)
