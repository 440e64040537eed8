"""Reads single values in the forms that course-discovery writes.

Each function raises ValueError with the reason if a value is not valid.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from course_sync_plugin.data import utc_text

#: The longest URL that browsers, proxies and mail programs all accept.
URL_LENGTH = 2048
#: Characters that a URL must not have. Quotes and angle brackets could end an HTML attribute or a tag. Characters
#: beyond the basic plane do not fit into the columns of older sites (utf8mb3).
_NOT_IN_URLS = re.compile(r"[\s\x00-\x1f\x7f-\x9f<>\"`\\\ud800-\udfff\U00010000-\U0010ffff]")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")


def read_url(raw: Any) -> str | None:
    """Return an ``http`` or ``https`` URL without white space around it; None if the text is empty."""
    if not isinstance(raw, str):
        raise ValueError("not a text")
    url = raw.strip()
    if not url:
        return None
    if len(url) > URL_LENGTH:
        raise ValueError("too long")
    if _NOT_IN_URLS.search(url):
        raise ValueError("forbidden characters")
    return _checked(url)


def valid_url(raw: Any) -> str | None:
    """Return the URL as :func:`read_url` does, but None if it is not valid."""
    try:
        return read_url(raw)
    except ValueError:
        return None


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        has_credentials = parts.username is not None or parts.password is not None
        _ = parts.port
    except ValueError as error:
        raise ValueError("not a URL") from error
    if parts.scheme not in ("http", "https"):
        raise ValueError("not http or https")
    if not parts.hostname:
        raise ValueError("no host")
    if has_credentials:
        raise ValueError("contains credentials")
    return url


def read_flag(raw: Any) -> bool:
    """Return a boolean unchanged. The text ``"false"`` is not valid."""
    if not isinstance(raw, bool):
        raise ValueError("not true or false")
    return raw


def read_language(raw: Any) -> str | None:
    """Return a language tag in lower case with hyphens: ``en-us``, ``zh-cmn``."""
    if not isinstance(raw, str):
        raise ValueError("not a text")
    code = raw.strip().lower().replace("_", "-")
    if code and not _LANGUAGE.fullmatch(code):
        raise ValueError("not a language")
    return code or None


def read_moment(raw: Any) -> str | None:
    """Return a date and time in UTC, to the second, as ``2026-02-02T00:00:00Z``."""
    if not isinstance(raw, str):
        raise ValueError("not a text")
    return _parsed_moment(raw.strip())


@lru_cache(maxsize=1024)
def _parsed_moment(text: str) -> str | None:
    """Cached, since many courses have the same dates."""
    if not text:
        return None
    try:
        return as_moment(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:  # a date near the end of the year 9999 has no UTC form
        raise ValueError("not a date") from error


@lru_cache(maxsize=1024)
def as_moment(moment: datetime) -> str:
    """Return a date and time as text in UTC, to the second. One without a time zone counts as UTC."""
    return utc_text(moment)


def read_pacing(raw: Any) -> bool | None:
    """Return whether a course run is self-paced; None for an empty text."""
    if raw == "":
        return None
    if raw not in ("self_paced", "instructor_paced"):
        raise ValueError("not a pacing type")
    return bool(raw == "self_paced")
