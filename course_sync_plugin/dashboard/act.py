"""The page of an action: it shows what the action would do, asks, and then does exactly that."""

from __future__ import annotations

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from course_sync_plugin import api
from course_sync_plugin.dashboard.access import access_to, for_everybody
from course_sync_plugin.dashboard.filters import NAMES, given, read_filters
from course_sync_plugin.dashboard.page import page
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.row_actions.action import shown_plans
from course_sync_plugin.row_actions.form import carry_out_form, secrets_in
from course_sync_plugin.row_actions.offered import OFFERED, Offered


@sensitive_post_parameters("entered")  # no report of an error may hold it
@csrf_protect
@transaction.non_atomic_requests  # the network and the course may be slow
@require_http_methods(["GET", "POST"])
@for_everybody
def act(request: HttpRequest, name: str) -> HttpResponse:
    """Show what an action would do (GET), or carry out what was shown (POST). The address names the target and more."""
    offered = OFFERED.get(name)
    if offered is None:
        raise Http404
    row = offered.row_for(access_to(request), _chosen(request))
    return _carry_out(request, offered, row) if request.method == "POST" else _ask(request, offered, row)


def _chosen(request: HttpRequest) -> api.Filters:
    """Return what the address names. Raises Http404 if a time in it cannot be read."""
    try:
        return read_filters(given(request, (*NAMES, "cause")))
    except ConfigurationError as error:
        raise Http404 from error


def _ask(request: HttpRequest, offered: Offered, row: object) -> HttpResponse:
    plans, errors = shown_plans(offered.action, [row])
    action = offered.action
    context = {"label": action.label, "asks": action.asks, "plans": plans, "errors": errors, "back": _back(request)}
    return page(request, "act", {**context, "ready": any(token for token, _lines in plans)})


def _carry_out(request: HttpRequest, offered: Offered, row: object) -> HttpResponse:
    results = carry_out_form(request, offered.action, [row])
    if secrets := secrets_in(results):
        return page(request, "secret", {"label": offered.action.label, "secrets": secrets, "back": _back(request)})
    jobs = [one.job for one in results if one.job]
    return HttpResponseRedirect(reverse("course_sync:job", args=[jobs[0]]) if len(jobs) == 1 else _back(request))


def _back(request: HttpRequest) -> str:
    """Return the address of the page from which the action was opened, if it is a page of this site."""
    back = request.GET.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts=None) and back.startswith("/")
    return back if is_ours else reverse("course_sync:overview")
