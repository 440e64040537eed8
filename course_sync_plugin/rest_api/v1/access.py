"""Decides who may read the numbers of the plugin: global staff who are signed in, and programs that know the token."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import HttpRequest

from course_sync_plugin.log import get_logger

log = get_logger(__name__)

_SCHEME = "bearer"


def has_token(request: HttpRequest) -> bool:
    """Tell whether the request has the token in COURSE_SYNC_METRICS_TOKEN (``Authorization: Bearer …``).

    If the setting is empty, no request has it. The comparison takes the same time for every wrong token.
    """
    scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
    token = settings.COURSE_SYNC_METRICS_TOKEN
    if not (isinstance(token, str) and token) or scheme.lower() != _SCHEME:
        return False
    return hmac.compare_digest(given.strip().encode(), token.encode())


def may_watch(request: HttpRequest) -> bool:
    """Tell whether the request has the token, or the session of global staff. A right token needs no database."""
    return has_token(request) or bool(request.user.is_staff)


def may_see_details(request: HttpRequest) -> bool:
    """Tell the same as :func:`may_watch`, but False if the session cannot be read: the database may be down."""
    try:
        return may_watch(request)
    except Exception:  # the session may be in the database, in the cache or elsewhere
        log.exception("course_sync: health: the session cannot be read")
        return False
