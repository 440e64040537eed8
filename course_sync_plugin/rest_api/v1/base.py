"""What all views of the API have in common: who may call them, how often, and the form of what they answer.

Everything is set here, because a host has its own defaults for REST framework.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from django.db.transaction import non_atomic_requests
from django.utils.cache import add_never_cache_headers
from django.utils.decorators import method_decorator
from edx_rest_framework_extensions.auth.jwt.authentication import JwtAuthentication
from edx_rest_framework_extensions.auth.session.authentication import SessionAuthenticationAllowInactiveUser
from rest_framework.permissions import BasePermission
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from course_sync_plugin.rest_api.v1.description import DescribedView
from course_sync_plugin.rest_api.v1.json_only import AlwaysJson, AsciiJson, BoundedJsonParser
from course_sync_plugin.rest_api.v1.problem_details import as_problem
from course_sync_plugin.roles.access import Access, access_of


class SeesSomething(BasePermission):
    """Lets those in who see the site, an organisation or a course. The views show only what they may see."""

    message = "You have no role in a course that is synced."

    def has_permission(self, request: Any, view: Any) -> bool:
        sees = view.access.sees
        return bool(sees.site or sees.orgs or sees.courses)


class PerUser(UserRateThrottle):
    """Limits the requests of a user. A program that follows the changes makes three in a minute, or one a second."""

    scope = "course_sync_api"
    rate = "600/min"


@method_decorator(non_atomic_requests, name="dispatch")  # a transaction would never see the change it waits for
class ApiView(APIView):
    """A view of the API."""

    authentication_classes: Sequence[Any] = (JwtAuthentication, SessionAuthenticationAllowInactiveUser)
    permission_classes: Sequence[Any] = (SeesSomething,)
    throttle_classes: Sequence[Any] = (PerUser,)
    renderer_classes = (AsciiJson,)
    parser_classes = (BoundedJsonParser,)
    content_negotiation_class = AlwaysJson
    versioning_class = None
    metadata_class = None
    schema = DescribedView()

    @cached_property
    def access(self) -> Access:
        """Return what the user of the request may do."""
        return access_of(self.request.user)

    @cached_property
    def course_ids(self) -> list[int] | None:
        """Return the keys of the courses that the user sees, or None for all of them."""
        return self.access.sees.course_ids()

    def get_exception_handler(self) -> Callable[..., Any]:
        return as_problem

    def finalize_response(self, *args: Any, **options: Any) -> Any:
        answer = super().finalize_response(*args, **options)
        add_never_cache_headers(answer)
        return answer
