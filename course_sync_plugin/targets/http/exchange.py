"""Keeps what is stored of a request and its answer: some headers and the beginning of the body, without our secrets."""

from __future__ import annotations

import gzip
import json
import re
from codecs import getincrementaldecoder
from collections.abc import Collection, Iterator, Mapping
from email.message import Message as Headers
from urllib.parse import unquote, urlsplit

from course_sync_plugin.data import Exchange
from course_sync_plugin.sanitize.redaction import ESCAPED_LENGTH, redacted
from course_sync_plugin.sanitize.text import host_of, single_line
from course_sync_plugin.targets.http.client import NETWORK_ERRORS, Reply

#: The most bytes of a body that are stored, and the most characters of a header.
BODY_BYTES, HEADER_CHARACTERS = 2048, 200

#: The headers that are stored. No other header is: a receiver may send a cookie, or repeat the headers of the request.
HEADERS = (
    *("Date", "Server", "Content-Type", "Content-Length", "Content-Encoding", "Retry-After", "Location"),
    *("X-Request-Id", "Request-Id", "X-Correlation-Id", "X-Amzn-RequestId", "X-Amz-Cf-Id", "CF-Ray"),
    *("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
    *("X-Request-Context-Id", "X-Request-Cost", "X-Rate-Limit-Remaining"),  # Canvas
)

#: The headers of a request that are stored. Others may hold a secret; of a signature only its presence is told.
REQUEST_HEADERS = ("Content-Type", "Content-Length", "webhook-id", "webhook-timestamp")
SIGNATURE = "webhook-signature"

#: Stands between two headers: the column holds one line.
BETWEEN = " | "

#: Encodings in which a body may say that it is. In any other one a secret could have a form that is not found.
_CHARSETS = {"utf-8", "us-ascii", "iso-8859-1", "latin-1", "iso-8859-15", "windows-1252", "cp1252"}

#: A part of a URL that may be a token: it is long, or holds a digit and is not short.
_TOKEN = re.compile(r"(?=.*\d).{8,}|.{20,}", re.DOTALL)


class Kept:
    """What is kept of one exchange. ``secrets``: texts that must not be stored.

    ``reply`` is None until the headers of the answer have arrived. ``request``: see :func:`request_head`.
    """

    def __init__(self, secrets: Collection[str], request: str = ""):
        self.reply: Reply | None = None
        self._secrets = secrets
        self._request = request
        self._body = b""

    def read(self, limit: int) -> bytes:
        """Return at most ``limit`` bytes of the body, and keep their beginning. Raises one of NETWORK_ERRORS."""
        body = self.reply.read(limit) if self.reply else b""
        self._body = body[: self._needed]
        return body

    def read_refusal(self) -> None:
        """Read the beginning of the body of an answer that is no success. If it does not arrive, nothing is kept."""
        try:
            self.read(self._needed)
        except NETWORK_ERRORS:
            self._body = b""

    def text(self) -> str:
        """Return the beginning of the body that was read."""
        headers = self.reply.headers if self.reply else {}
        text = self.without_secrets(_decoded(self._body, headers))
        return text.encode("utf-8", "replace")[:BODY_BYTES].decode("utf-8", "ignore")

    def without_secrets(self, text: str) -> str:
        """Return a text of the receiver without the secrets."""
        return redacted(text, self._secrets)

    def exchange(self) -> Exchange:
        """Return the exchange as it may be stored. If there was no answer, it has the request alone."""
        request = self.without_secrets(self._request)
        if self.reply is None:
            return Exchange(request=request)
        head = BETWEEN.join(_shown(self.reply.headers))
        return Exchange(self.reply.status, self.without_secrets(head), self.text(), request)

    @property
    def _needed(self) -> int:
        """Return how many bytes of a body are needed: enough for a secret that begins in the stored ones."""
        return BODY_BYTES + ESCAPED_LENGTH * max(map(len, self._secrets), default=0)


def request_head(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> str:
    """Return what is stored of a request: the method, the URL without its query, and headers that are no secret.

    A token in the path of the URL is one of the ``secrets`` of :class:`Kept`, which takes it out.
    """
    sent = {**headers, **({} if body is None else {"Content-Length": str(len(body))})}
    shown = [f"{name}: {sent[name]}" for name in REQUEST_HEADERS if name in sent]
    signature = [f"{SIGNATURE}: ..."] if SIGNATURE in sent else []
    return BETWEEN.join([f"{method} {url.partition('?')[0]}", *shown, *signature])


def secrets_of_url(url: str) -> set[str]:
    """Return the parts of a URL that may hold a token: its path and query, and parts of these."""
    parts = urlsplit(url)
    values = [value for _name, _equals, value in (pair.partition("=") for pair in parts.query.split("&"))]
    tokens = [one for one in (*parts.path.split("/"), *values) if _TOKEN.fullmatch(one)]
    stripped = parts.path.strip("/")
    whole = [f"{parts.path}?{parts.query}" if parts.query else "", parts.query, parts.path if stripped else ""]
    found = {*whole, *tokens, *(value for value in (*values, stripped) if len(value) >= 4)}
    return {form for one in found if one for form in (one, unquote(one))}


def _shown(headers: Mapping[str, str]) -> Iterator[str]:
    for name in HEADERS:
        value = single_line(headers.get(name), HEADER_CHARACTERS)
        if name == "Location":  # the path and the query may hold a token
            value = host_of(value)
        if value:
            yield f"{name}: {value}"


def _decoded(body: bytes, headers: Mapping[str, str]) -> str:
    """Return the text of a body. A body that is no text is described, because secrets in it cannot be found."""
    coding = headers.get("Content-Encoding", "").strip().lower()
    if body and (coding not in ("", "identity") or body.startswith(gzip.compress(b"")[:2])):
        return "(a compressed body)"
    encoding = json.detect_encoding(body) if b"\0" in body else _charset(body, headers)
    text = body.decode(encoding, "replace")
    return "(a body that is not text)" if "\0" in text else text


def _charset(body: bytes, headers: Mapping[str, str]) -> str:
    content_type = Headers()
    content_type["Content-Type"] = headers.get("Content-Type", "")
    charset = str(content_type.get_content_charset(""))
    if charset in _CHARSETS - {"utf-8", "us-ascii"}:
        return charset
    try:
        getincrementaldecoder("utf-8")().decode(body)  # its last character may be cut off
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"
