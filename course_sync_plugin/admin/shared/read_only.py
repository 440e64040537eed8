"""The base of the pages of rows that only the plugin writes."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from course_sync_plugin.admin.shared.columns import Column
from course_sync_plugin.admin.shared.paging import UncountedList
from course_sync_plugin.admin.shared.permissions import TwoPermissions

#: The largest key of a row that each database has.
LARGEST_KEY = 2**63 - 1

#: The lookups that the filters of a list use, after the name of the field.
_OF_FILTERS = ("exact", "id__exact", "gte", "lt", "isnull", "isempty")


class ReadOnlyAdmin(TwoPermissions, admin.ModelAdmin):
    """Shows rows. They cannot be added, changed or deleted in the admin, because that would break a law.

    Subclasses set ``list_display``, and ``row_display``: what the page of one row shows. ``prefetched``: the rows of
    other tables that the columns need. ``narrowed_by``: the foreign keys by which links from other pages choose rows;
    each has an index. ``list_filter`` may name only columns that have an index, or of small tables.
    """

    row_display: ClassVar[tuple[str | Column, ...]] = ()
    prefetched: ClassVar[tuple[str, ...]] = ()
    narrowed_by: ClassVar[tuple[str, ...]] = ()
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    list_per_page = 50
    sortable_by = ()
    show_full_result_count = False
    view_on_site = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[UncountedList]:
        """Return the list that does not count."""
        return UncountedList

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what the page of one row shows. Other columns are never shown."""
        return self.row_display

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Return the rows, with the rows of other tables that the columns need."""
        return super().get_queryset(request).prefetch_related(*self.prefetched)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Tell whether an address may choose rows by a lookup: by those that our own links and filters use.

        Others would read the whole table, and a lookup such as ``url__startswith`` would tell a secret bit by bit.
        """
        known = {f"{name}__exact" for name in self.narrowed_by}
        for one in self.list_filter:
            name = one[0] if isinstance(one, (tuple, list)) else one
            known |= {f"{name}__{kind}" for kind in _OF_FILTERS}
        return lookup in known and _is_stored(value)


def _is_stored(value: Any) -> bool:
    """Tell whether a database can compare a value with a column: it cannot if the value is too large a number."""
    try:
        return abs(int(value)) <= LARGEST_KEY
    except ValueError:  # not a number; Django checks the others
        return True
