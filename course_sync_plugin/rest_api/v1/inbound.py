"""The address for notices of other systems. Anybody can reach it; only what a system has signed is stored."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db import Error
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, JsonResponse, UnreadablePostError
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from course_sync_plugin import api
from course_sync_plugin.exceptions import CourseSyncError, UnknownName
from course_sync_plugin.log import get_logger

log = get_logger(__name__)

#: The most bytes of a body. Live Events cut their texts at 8192 characters; a post in Discourse has 32000 by default.
MOST_BYTES = 2**20

#: Seconds after which a sender may try again when the notice could not be verified or stored.
RETRY_SECONDS = 60

_SENTENCES: Mapping[int, str] = MappingProxyType(
    {
        400: "The body did not arrive.",
        401: "The signature or the secret is missing or wrong.",
        404: "There is no address for notices here.",
        405: "Only POST is possible.",
        413: f"The body has more than {MOST_BYTES} bytes.",
        503: "The notice cannot be stored now. Send it again later.",
    }
)


@csrf_exempt  # other systems have no session and no token of a form
@non_atomic_requests  # a transaction would hold a lock while keys are fetched, and fail before we could answer 503
def inbound(request: HttpRequest, name: str, secret: str = "") -> JsonResponse:
    """Store a notice for a target: 202. Refused: 400, 401, 404, 405, 413; 503 if it may be sent again.

    ``secret``: the rest of the path, for systems that cannot sign.
    """
    _hide(request, name, secret)
    if request.method != "POST":
        return _refusal(405, Allow="POST")
    try:
        body = _body(request)
    except UnreadablePostError:
        return _refusal(400)
    if len(body) > MOST_BYTES:
        return _refusal(413)
    return _stored(name, api.Received(body, request.headers, secret))


def _stored(name: str, received: api.Received) -> JsonResponse:
    try:
        api.store_inbound(name, received)
    except UnknownName:
        return _refusal(404)
    except api.NotVerified as error:
        log.info("course_sync: inbound: refused for target=%s: %s", name, error.message)
        return _refusal(401)
    except (CourseSyncError, Error) as error:
        reason = error.message if isinstance(error, CourseSyncError) else type(error).__name__
        log.warning("course_sync: inbound: not stored for target=%s: %s", name, reason)
        return _refusal(503, Retry_After=str(RETRY_SECONDS))
    return JsonResponse({"stored": True}, status=202)


def _body(request: HttpRequest) -> bytes:
    """Return the body, or a longer one than allowed without reading all of it.

    Not by ``request.body``: Django answers a page if that is too long. Django reads no body without a Content-Length;
    a server that marks the end of chunked bodies can be read directly.
    """
    length = request.headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > MOST_BYTES:
        return bytes(MOST_BYTES + 1)
    if not length and request.META.get("wsgi.input_terminated"):
        return _read(request.META["wsgi.input"])
    return _read(request)


def _read(stream: Any) -> bytes:
    body = b""
    while len(body) <= MOST_BYTES and (piece := stream.read(MOST_BYTES + 1 - len(body))):
        body += piece
    return body


def _hide(request: HttpRequest, name: str, secret: str) -> None:
    """Take a secret out of the path: Django logs the path of each refusal, and error reports show it."""
    if secret:
        hidden = reverse("course_sync:inbound", args=[name])
        request.path = request.path_info = request.META["PATH_INFO"] = f"{hidden}/***"


def _refusal(status: int, **headers: str) -> JsonResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JsonResponse({"error": _SENTENCES[status]}, status=status, headers=named)
