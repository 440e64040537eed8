"""Answers a request that is sent again with the same ``Idempotency-Key`` like the first one.

The answers are in the cache that the workers of the host share (memcached or Redis), for a day. A table would survive
longer, but nothing depends on it. If the cache forgets an answer, the request is carried out like a new one: the plans
of retry, skip, reset and approve are then no longer valid, and pause, resume and test leave what they left before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from django.core.cache import cache
from rest_framework.exceptions import ValidationError

from course_sync_plugin.rest_api.v1.problem_details import Conflict, Unprocessable

HEADER = "Idempotency-Key"

#: Seconds for which an answer is kept, and for which a request that is under way keeps others out. The latter is more
#: than an action takes. If its process dies, the next request with the key may try again after this time.
KEPT_SECONDS, BUSY_SECONDS = 24 * 60 * 60, 300

#: A key: up to 255 printable characters of ASCII, such as a UUID.
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def once(request: Any, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what ``act`` returns, or what it returned for the same key of the same user before.

    Raises ValidationError for a key of a wrong form, Unprocessable if the key came with another request, Conflict if
    the first request with the key is not answered yet.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return act()
    if not _KEY.fullmatch(given):
        raise ValidationError({HEADER: "Use up to 255 printable characters, such as a UUID."})
    place = f"course_sync:once:{request.user.pk}:{_digest(given)}"
    asked = _digest([request.path, request.data])
    if not cache.add(place, {"asked": asked}, BUSY_SECONDS):
        return _earlier(place, asked)
    return _first(place, asked, act)


def _first(place: str, asked: str, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Carry the request out and keep its answer. An error is not kept: nothing was done."""
    try:
        answer = act()
    except BaseException:
        cache.delete(place)
        raise
    cache.set(place, {"asked": asked, "answer": answer}, KEPT_SECONDS)
    return answer


def _earlier(place: str, asked: str) -> dict[str, Any]:
    kept = cache.get(place) or {"asked": asked}
    if kept["asked"] != asked:
        raise Unprocessable("The key came with another request before.")
    if "answer" not in kept:
        raise Conflict("The first request with this key is not answered yet.")
    answer: dict[str, Any] = kept["answer"]
    return answer


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
