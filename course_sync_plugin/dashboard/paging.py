"""Cuts a list into pages by key: the address names the last row that was seen, so no page counts or skips rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from django.db.models import QuerySet
from django.http import HttpRequest

from course_sync_plugin.models.first_rows import first_rows

#: Rows of a page.
SIZE = 50

#: The largest key that every database takes.
_LARGEST = 2**63 - 1


@attrs.frozen
class Rows:
    """The rows of one page. ``next``: the query string of the next page, empty on the last one."""

    rows: Sequence[Any]
    next: str


def newest_first(request: HttpRequest, found: QuerySet[Any], size: int = SIZE) -> Rows:
    """Return a page of these rows, the newest first. A wrong ``before`` in the address is ignored."""
    before = seen_last(request)
    if before is not None:
        found = found.filter(pk__lt=before)
    return cut(request, first_rows(found.order_by("-pk"), size + 1), size)


def seen_last(request: HttpRequest) -> int | None:
    """Return the key of the last row of the page before this one, or None. A wrong ``before`` is ignored."""
    before = request.GET.get("before", "")
    return min(int(before[:19]), _LARGEST) if before.isascii() and before.isdigit() else None


def cut(request: HttpRequest, rows: Sequence[Any], size: int = SIZE) -> Rows:
    """Return a page of rows that have a ``pk``. One row more than ``size`` says that there is another page."""
    return Rows(rows[:size], with_values(request, before=rows[size - 1].pk) if len(rows) > size else "")


def with_values(request: HttpRequest, **values: Any) -> str:
    """Return the query string of the page with these values in it. An empty value removes its name."""
    query = request.GET.copy()
    for name, value in values.items():
        query.pop(name, None)
        if value != "":
            query[name] = str(value)
    return query.urlencode()
