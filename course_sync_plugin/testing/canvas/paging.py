"""Lists in pages, with links to the others in the header ``Link``.

Source: API documentation, Pagination; canvas-lms, lib/api.rb: ``paginate``, ``per_page_for``,
``EXCLUDE_IN_PAGINATION_LINKS``. A page is a range of rows, so a row that is added while a client pages can move others
to a page that was read already.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from course_sync_plugin.testing.canvas import refusals
from course_sync_plugin.testing.canvas.behaviour import Behaviour
from course_sync_plugin.testing.canvas.exchange import Request
from course_sync_plugin.testing.canvas.parameters import to_integer

_NOT_IN_LINKS = {"page", "per_page", "access_token", "api_key"}


def page_of(rows: Any, request: Request, behaviour: Behaviour, root: str) -> tuple[Any, Mapping[str, str]]:
    """Return the rows of the page that is asked for, and the header with links. Raises Refusal 404."""
    wanted = request.parameters.get("per_page") or behaviour.per_page
    size = min(max(to_integer(wanted), 1), behaviour.max_per_page)
    number = _number(str(request.parameters.get("page") or "1"))
    last = max(1, math.ceil(len(rows) / size))
    pages = {"current": number, "next": number + 1, "prev": number - 1, "first": 1, "last": last}
    if number >= last:
        del pages["next"]
    if number == 1:
        del pages["prev"]
    if behaviour.opaque_pages:
        del pages["last"]  # bookmarks know no last page
    links = [f'<{_url(request, size, page, behaviour, root)}>; rel="{relation}"' for relation, page in pages.items()]
    return rows[(number - 1) * size : number * size], {"Link": ",".join(links)}


def _url(request: Request, size: int, page: int, behaviour: Behaviour, root: str) -> str:
    kept = [(name, value) for name, value in parse_qsl(request.query) if name not in _NOT_IN_LINKS]
    query = urlencode([*kept, ("page", _name(page, behaviour)), ("per_page", size)])
    return f"{behaviour.links_root or root}{request.path}?{query}"


def _name(page: int, behaviour: Behaviour) -> str:
    if not behaviour.opaque_pages:
        return str(page)
    return "first" if page == 1 else f"bookmark:{base64.urlsafe_b64encode(f'[{page}]'.encode()).decode()}"


def _number(page: str) -> int:
    if page == "first":
        return 1
    try:
        if page.startswith("bookmark:"):
            page = base64.urlsafe_b64decode(page.removeprefix("bookmark:")).decode()[1:-1]
    except (binascii.Error, UnicodeDecodeError):
        page = "0"
    if to_integer(page) < 1:
        raise refusals.not_found()
    return to_integer(page)
