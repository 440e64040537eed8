"""A resource of the API that is only read: a list with filters, and each row by its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.viewsets import GenericViewSet

from course_sync_plugin.rest_api.v1.base import ApiView
from course_sync_plugin.rest_api.v1.filters import Filters
from course_sync_plugin.rest_api.v1.paging import KeyPages


class Resource(ApiView, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """The rows that a user may see.

    ``course_column``: leads from a row to its course. ``filters``: the names in the query. ``columns``: what each of
    them is compared with. ``narrowing``: the filters that :meth:`narrowed` applies after the rows were read.
    """

    pagination_class = KeyPages
    filter_backends: Sequence[Any] = ()
    lookup_url_kwarg = "id"
    course_column = "course"
    filters: type[Filters] = Filters
    columns: Mapping[str, str] = {}
    narrowing: Sequence[str] = ()

    @cached_property
    def chosen(self) -> dict[str, Any]:
        """Return the filters of the request. Raises ValidationError, which names what is wrong."""
        return self.filters.read(self)

    @property
    def is_narrowed(self) -> bool:
        """Tell whether the request has a filter that is applied after the rows were read."""
        return any(name in self.chosen for name in self.narrowing)

    def get_queryset(self) -> QuerySet:
        rows: QuerySet = super().get_queryset()
        return rows if self.course_ids is None else rows.filter(self.among(self.course_ids))

    def among(self, course_ids: list[int]) -> Q:
        """Return the condition for the rows of these courses."""
        return Q((f"{self.course_column}__in", course_ids))

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        if self.action != "list":
            return queryset
        wanted = [Q((self.columns[name], value)) for name, value in self.chosen.items() if name in self.columns]
        return queryset.filter(*wanted)

    def get_object(self) -> Any:
        rows = self.shown([super().get_object()])
        if not rows:
            raise Http404
        return rows[0]

    def shown(self, rows: list[Any]) -> list[Any]:
        """Return the rows with what else is shown of them, without those that may not be seen."""
        return rows

    def narrowed(self, rows: list[Any]) -> list[Any]:
        """Return those of the rows that match the filters which no database compares exactly."""
        return rows
