"""Reads an HTTP answer of the catalog: returns its JSON object, or raises an error whose class says who must act."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import requests

from course_sync_plugin.exceptions import ConfigurationError, RateLimited, TransientError
from course_sync_plugin.sanitize.limits import RETRY_AFTER
from course_sync_plugin.targets.http.errors import retry_after

#: The most bytes of one page; 5000 course runs have about 20 MB.
LARGEST = 64 * 1024 * 1024
#: The time until the last byte of an answer, in read timeouts.
WHOLE_ANSWER = 4
#: Seconds to wait if a busy catalog does not say how long.
_DEFAULT_WAIT = 60.0
_SECONDS = re.compile(rb"available in (\d+) second")


class Unauthorized(ConfigurationError):
    """The catalog does not accept our credentials (401)."""


class NoSuchPage(TransientError):
    """The page does not exist (404): the list has become shorter, or the URL is wrong."""


def read_object(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Raises Unauthorized, NoSuchPage, RateLimited, TransientError or ConfigurationError.
    """
    body = read_body(response)
    status = response.status_code
    if status == 200:
        return _parsed(body, response.headers.get("Content-Type", ""))
    if status == 429:
        raise RateLimited("The catalog is throttling us (429)", retry_after=_wait(response.headers, body), status=429)
    raise _error(status)


def _error(status: int) -> Exception:
    table: dict[int, Callable[[], Exception]] = {
        401: lambda: Unauthorized("The catalog does not accept our credentials (401)", status=401),
        403: lambda: ConfigurationError(
            "The catalog refuses access (403): the service user may not read course runs", status=403
        ),
        404: lambda: NoSuchPage("The catalog has no such page (404); is COURSE_CATALOG_API_URL right?", status=404),
    }
    if status in table:
        return table[status]()
    if status >= 500 or status in (408, 425):
        return TransientError(f"The catalog cannot answer now ({status})", status=status)
    if 300 <= status < 400:
        return ConfigurationError(
            f"The catalog redirects ({status}), and redirects are not followed; is COURSE_CATALOG_API_URL right?",
            status=status,
        )
    return ConfigurationError(f"The catalog refuses the request ({status})", status=status)


def read_body(response: requests.Response) -> bytes:
    """Return the body of an answer. The session that sent the request has a deadline for the whole request.

    Raises ConfigurationError if the body is too large, and the errors of the session.
    """
    parts, size = [], 0
    while part := response.raw.read1(decode_content=True):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise ConfigurationError(f"An answer has more than {LARGEST >> 20} MiB; set a smaller page size")
    return b"".join(parts)


def _parsed(body: bytes, content_type: str) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        what = "a page of HTML" if "html" in content_type or body.lstrip()[:1] == b"<" else "broken JSON"
        raise TransientError(
            f"The catalog answered with {what}; if this goes on, check COURSE_CATALOG_API_URL"
        ) from error
    if not isinstance(value, dict) or not isinstance(value.get("results"), list):
        raise TransientError("The catalog's answer is not a list of course runs; is COURSE_CATALOG_API_URL right?")
    return value


def _wait(headers: Mapping[str, str], body: bytes) -> float:
    """Return the seconds to wait: from ``Retry-After`` (a number or a date), else from the text in the body.

    Django REST framework writes that text.
    """
    asked = retry_after(headers.get("Retry-After"))
    if asked is not None:
        return asked
    found = _SECONDS.search(body)
    return RETRY_AFTER.cut(float(found[1])) if found else _DEFAULT_WAIT
