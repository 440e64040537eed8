"""Actions on rows in the admin: a page shows what an action would do, and the next one says what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode

from course_sync_plugin.admin.shared.permissions import may_act
from course_sync_plugin.admin.shared.read_only import LARGEST_KEY, ReadOnlyAdmin
from course_sync_plugin.row_actions.action import MOST_ROWS, RowAction, shown_plans
from course_sync_plugin.row_actions.form import carry_out_form, secrets_in


class ActingAdmin(ReadOnlyAdmin):
    """Shows rows, and offers actions on them in the list and on the page of each row."""

    row_actions: ClassVar[tuple[RowAction, ...]] = ()
    change_form_template = "course_sync_plugin/admin/row.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the actions. No transaction is open: the network and the course may be slow."""
        view = transaction.non_atomic_requests(self.admin_site.admin_view(self.act_view))
        return [path("act/<slug:name>/", view, name=self._name_of("act")), *super().get_urls()]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions of the list, for those who may act."""
        actions = self.row_actions if may_act(request) else ()
        return {one.name: (_opens(one), one.name, one.label) for one in actions}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the page of a row, with a link for each action."""
        offered = [(self.act_url(one, [object_id]), one.label) for one in self.row_actions if may_act(request)]
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "row_actions": offered})

    def act_url(self, action: RowAction, keys: Iterable[Any]) -> str:
        """Return the address of the page that asks whether to carry out an action."""
        address = reverse(f"admin:{self._name_of('act')}", args=[action.name], current_app=self.admin_site.name)
        return f"{address}?{urlencode({'rows': ','.join(map(str, keys))})}"

    def act_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Show what an action would do (GET), or carry out what was shown (POST)."""
        if not may_act(request):
            raise PermissionDenied
        action = next((one for one in self.row_actions if one.name == name), None)
        rows = self._rows(request) if action else []
        if action is None or not rows:
            raise Http404
        if request.method != "POST":
            return self._ask(request, action, rows)
        return self._carry_out(request, action, rows)

    def _ask(self, request: HttpRequest, action: RowAction, rows: Sequence[Any]) -> HttpResponse:
        shown, errors = shown_plans(action, rows)
        context = {"plans": shown, "errors": errors, "ready": any(token for token, _lines in shown)}
        return self._page(request, action, rows, "confirm", context)

    def _carry_out(self, request: HttpRequest, action: RowAction, rows: Sequence[Any]) -> HttpResponse:
        if secrets := secrets_in(carry_out_form(request, action, rows)):
            return self._page(request, action, rows, "secret", {"secrets": secrets})
        return HttpResponseRedirect(self._back(rows))

    def _page(
        self, request: HttpRequest, action: RowAction, rows: Sequence[Any], page: str, context: dict[str, Any]
    ) -> HttpResponse:
        request.current_app = self.admin_site.name  # as Django's own pages do
        common = {"title": action.label, "opts": self.opts, "rows": rows, "back": self._back(rows)}
        everything = {**self.admin_site.each_context(request), **common, **context}
        return TemplateResponse(request, f"course_sync_plugin/admin/{page}.html", everything)

    def _rows(self, request: HttpRequest) -> list[Any]:
        """Return the rows that the address names; those that are gone are left out."""
        words = request.GET.get("rows", "").split(",", MOST_ROWS)[:MOST_ROWS]
        keys = {int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 20}
        return list(self.get_queryset(request).filter(pk__in=[key for key in keys if key <= LARGEST_KEY]))

    def _back(self, rows: Sequence[Any]) -> str:
        """Return the address of the row, if there is one and it still exists, else of the list."""
        site = self.admin_site.name
        if len(rows) == 1 and self.model._default_manager.filter(pk=rows[0].pk).exists():
            return reverse(f"admin:{self._name_of('change')}", args=[rows[0].pk], current_app=site)
        return reverse(f"admin:{self._name_of('changelist')}", current_app=site)

    def _name_of(self, view: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{view}"


def _opens(action: RowAction) -> Callable[[ActingAdmin, HttpRequest, Any], HttpResponse]:
    """Return the function that opens the page of an action for the rows that are selected in a list."""

    def open_page(model_admin: ActingAdmin, request: HttpRequest, queryset: Any) -> HttpResponse:
        keys = queryset.order_by().values_list("pk", flat=True)[:MOST_ROWS]
        return HttpResponseRedirect(model_admin.act_url(action, keys))

    return open_page
