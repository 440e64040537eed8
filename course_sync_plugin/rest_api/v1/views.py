"""The REST views: the state of everything, its numbers and its health, for operators and their monitoring."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from course_sync_plugin import api
from course_sync_plugin.rest_api.v1.access import may_see_details, may_watch


@require_GET
def status(request: HttpRequest) -> JsonResponse:
    """Return the JSON that ``manage.py course_sync status --json`` prints. Only global staff may read it."""
    if not request.user.is_staff:
        raise PermissionDenied
    return JsonResponse(api.status())


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the text that ``manage.py course_sync status --prometheus`` prints, for the token or global staff.

    Status 401 without the token and without a session, 403 for a user who is not staff.
    """
    if may_watch(request):
        return HttpResponse(api.metrics(), content_type=api.METRICS_CONTENT_TYPE)
    if request.user.is_authenticated:
        raise PermissionDenied
    return HttpResponse(status=401, headers={"WWW-Authenticate": 'Bearer realm="course_sync"'})


@require_safe
@never_cache
@non_atomic_requests
def health(request: HttpRequest) -> JsonResponse:
    """Return status 200 if the site keeps its objective, and 503 if not, with the reasons. Anybody may read it.

    With the token, or for global staff, the answer has details. It opens no transaction around it, since that would
    fail before this function could say that the database is down.
    """
    found = api.health()
    body = found.as_dict(with_details=may_see_details(request))
    return JsonResponse(body, status=200 if found.is_healthy else 503)
