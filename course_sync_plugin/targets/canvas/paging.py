"""The address of the next page of a list. It comes from Canvas, and the token is sent there.

Source: API documentation, Pagination: the header ``Link`` has opaque URLs, and clients follow ``next``.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from requests.utils import parse_header_links

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.sanitize.text import host_of

#: The most rows that are asked for in one page; Canvas gives no more.
PER_PAGE = 100

#: The most pages of one list that are read: 50,000 rows.
MOST_PAGES = 500

_PORTS = {"http": 80, "https": 443}


def next_page(headers: Mapping[str, str], here: str) -> str | None:
    """Return the URL of the next page, or None. ``here``: the URL of this page.

    Raises ConfigurationError if the next page has another scheme, host or port.
    """
    links = parse_header_links(headers.get("Link", ""))
    following = next((link["url"] for link in links if link.get("rel") == "next"), None)
    if following is None:
        return None
    try:
        parts = urlsplit(urljoin(here, following))
        same = _origin(parts) == _origin(urlsplit(here))
    except ValueError:
        parts, same = urlsplit(""), False
    if not same:
        raise ConfigurationError(
            f"{host_of(here)} says that its next page is at another address "
            f"({parts.scheme}://{host_of(urlunsplit(parts))}), so it was not asked for. If this is the address of the "
            "same Canvas, give it with 'set-url'."
        )
    return urlunsplit(parts)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None, bool]:
    """Return what decides where a request goes. Raises ValueError for a port that is no number."""
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme), "@" in parts.netloc
