"""Cuts lists into pages by key: an address names the last row that was read, so no page counts or skips rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from course_sync_plugin.models.first_rows import first_rows

#: Rows of a page, unless the request says otherwise, and the most rows of a page.
SIZE, LARGEST = 50, 200

#: The most rows that are read for one page if a filter can only be applied after reading. Such a page may have fewer
#: rows than there are, also none, and still name a next one.
MOST_READ = 1000


class KeyPages(BasePagination):
    """Pages of rows, the newest first."""

    def paginate_queryset(self, queryset: QuerySet, request: Any, view: Any = None) -> Sequence[Any]:
        limit = view.chosen["limit"]
        rows, last = self._read(queryset.order_by("-pk"), view, limit)
        if len(rows) > limit:
            last = rows[limit - 1].pk
        self.next = _with(request, cursor=last) if last is not None else None
        return rows[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.next})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["results", "next"],
            "properties": {
                "results": schema,
                "next": {
                    "type": "string",
                    "format": "uri",
                    "nullable": True,
                    "description": "The address of the next page. Null: this is the last one.",
                },
            },
        }

    @staticmethod
    def _read(queryset: QuerySet, view: Any, limit: int) -> tuple[list[Any], int | None]:
        """Return one row more than the limit if there is one, and the last key that was read if more may follow."""
        last = view.chosen.get("cursor")
        size = MOST_READ // 2 if view.is_narrowed else limit + 1
        found: list[Any] = []
        for _round in range(MOST_READ // size or 1):
            rows = first_rows(queryset if last is None else queryset.filter(pk__lt=last), size)
            found += view.narrowed(view.shown(rows))
            if len(rows) < size:
                return found, None
            last = rows[-1].pk
            if len(found) > limit:
                break
        return found, last


def _with(request: Any, **values: Any) -> str:
    """Return the address of the request with these values in its query."""
    address: str = request.build_absolute_uri()
    for name, value in values.items():
        address = replace_query_param(address, name, value)
    return address


def following(request: Any, after: int) -> str:
    """Return the address of what follows a position in the feed."""
    return _with(request, after=after)
