"""The URLs of the API below ``/api/course_sync/v1/``, but for those of ``views.py`` and ``inbound.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from django.http import Http404
from django.urls import path, re_path

from course_sync_plugin.rest_api.v1.base import ApiView
from course_sync_plugin.rest_api.v1.routes import urlpatterns as described
from course_sync_plugin.rest_api.v1.schema import schema


class NotFound(ApiView):
    """Answers every other address with status 404 as problem details, for every user and every method."""

    authentication_classes: Sequence[Any] = ()
    permission_classes: Sequence[Any] = ()
    throttle_classes: Sequence[Any] = ()

    def http_method_not_allowed(self, request: Any, *args: Any, **options: Any) -> NoReturn:
        raise Http404


urlpatterns = [*described, path("schema", schema, name="api_schema"), re_path("", NotFound.as_view())]
