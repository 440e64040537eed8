"""Where everything stands, for operators and their monitoring."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from course_sync_plugin import api


@require_GET
def status(request: HttpRequest) -> JsonResponse:
    """Return what ``manage.py course_sync status --json`` prints; for global staff alone."""
    if not request.user.is_staff:
        raise PermissionDenied
    return JsonResponse(api.status())
