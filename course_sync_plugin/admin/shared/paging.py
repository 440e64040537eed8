"""Pages through a table without counting its rows."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

#: The last page that can be opened. The database steps over the rows before a page, which takes time.
LAST_PAGE = 1000


class UncountedList(ChangeList):
    """The rows of one page. One more row is read than shown, which tells whether there is a next page.

    Columns cannot be sorted, since most have no index: the order is always that of the admin class. Rows of other
    tables are not joined: a database may then begin with the smaller table and sort all rows.
    """

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[Any]:
        """Return the order of the admin class, whatever the address asks for."""
        return list(self.model_admin.get_ordering(request))

    def apply_select_related(self, qs: Any) -> Any:
        """Join no other table."""
        return qs

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows of the page. Raises IncorrectLookupParameters for a page that does not exist."""
        if not 1 <= self.page_num <= LAST_PAGE:
            raise IncorrectLookupParameters
        size = self.list_per_page
        begin = (self.page_num - 1) * size
        rows = list(self.queryset[begin : begin + size + 1])
        if not rows and begin:
            raise IncorrectLookupParameters
        self.result_list = rows[:size]
        self.has_next = len(rows) > size
        # Only the rows of this page are known, so no link offers to select or to show all.
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = bool(rows)

    @property
    def previous_url(self) -> str:
        """Return the query of the previous page; empty on the first page."""
        return self.get_query_string({PAGE_VAR: self.page_num - 1}) if self.page_num > 1 else ""

    @property
    def next_url(self) -> str:
        """Return the query of the next page; empty on the last page."""
        return self.get_query_string({PAGE_VAR: self.page_num + 1}) if self.has_next else ""
