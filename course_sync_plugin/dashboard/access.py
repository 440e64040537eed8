"""Decides who opens which page. A page of another organisation does not exist for a user (status 404)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.cache import never_cache

from course_sync_plugin.keys import org_of
from course_sync_plugin.models import Course
from course_sync_plugin.roles.access import Access, access_of

_View = Callable[..., HttpResponseBase]

#: The name of the attribute of a request that holds the access of its user.
_ACCESS = "course_sync_access"


def for_site(view: _View) -> _View:
    """Let only those open a page who see the whole site."""
    return _checked(view, lambda access: access.sees.site)


def for_operators(view: _View) -> _View:
    """Let those open a page who see the whole site or an organisation. The page shows only what they may see."""
    return _checked(view, lambda access: access.is_operator)


def for_everybody(view: _View) -> _View:
    """Let every user who is signed in open a page. The page itself finds out what the user may see."""
    return _checked(view, lambda access: True)


def access_to(request: HttpRequest) -> Access:
    """Return what the user of the request may do. The first call reads it."""
    if not hasattr(request, _ACCESS):
        setattr(request, _ACCESS, access_of(request.user))
    found: Access = getattr(request, _ACCESS)
    return found


def may_act(request: HttpRequest, course_key: str) -> bool:
    """Tell whether the user may act on the course with this key. An empty key stands for the whole site."""
    acts = access_to(request).acts
    return acts.site or bool(course_key and acts.includes(org_of(course_key), course_key))


def visible_course(request: HttpRequest, course_key: str) -> Course:
    """Return the course with exactly this key. Raises Http404 if there is none, or if the user may not see it.

    It is read with its held run.
    """
    course = access_to(request).sees.find(course_key)
    if course is None:
        raise Http404
    return course


def _checked(view: _View, is_allowed: Callable[[Access], bool]) -> _View:
    """Users who may not get status 403. Visitors are redirected to the host's sign-in. No answer is cached."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not is_allowed(access_to(request)):
            raise PermissionDenied
        return view(request, *args, **options)

    return never_cache(checked)
