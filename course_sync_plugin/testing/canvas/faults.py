"""Faults that a test can script: ``canvas.faults.append(Refuse(503, times=2))``.

The first fault in the list that concerns a request acts on it. After ``times`` requests it is used up (None: never).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping

import attrs

from course_sync_plugin.testing.canvas.exchange import Answer, Request

_MAINTENANCE = "<!DOCTYPE html><html><body><h1>Canvas is down for maintenance</h1></body></html>"


@attrs.define(kw_only=True, eq=False)
class Fault:
    """A fault that acts on requests. This base class changes nothing.

    It acts on requests with this method and with a path in which the regular expression ``path`` is found; empty: on
    all. ``processed``: the request is carried out all the same.
    """

    times: int | None = 1
    method: str = ""
    path: str = ""
    processed: bool = False

    def concerns(self, request: Request) -> bool:
        """Tell whether the fault acts on a request."""
        return self.times != 0 and self.method in ("", request.method) and bool(re.search(self.path, request.path))

    def respond(self, answer: Answer) -> Answer:
        """Return what is sent instead of the answer."""
        return answer

    def release(self) -> None:
        """End the waiting of a fault that waits."""


@attrs.define(eq=False)
class Refuse(Fault):
    """Answers with a status, a body and headers of its own. Without a body: as Canvas does for its own errors."""

    status: int
    body: bytes = attrs.field(default=b'{"errors":[{"message":"An error occurred."}]}', kw_only=True)
    headers: Mapping[str, str] = attrs.field(factory=lambda: {"Content-Type": "application/json"}, kw_only=True)

    def respond(self, answer: Answer) -> Answer:
        return Answer(self.status, self.body, self.headers)


@attrs.define(eq=False)
class Drop(Fault):
    """Closes the connection without an answer, before the request is carried out, or after it (``processed``)."""

    def respond(self, answer: Answer) -> Answer:
        return Answer(0, cut=True)


@attrs.define(eq=False)
class Hang(Fault):
    """Waits before it answers, until the test calls :meth:`release`, or ``seconds`` are over.

    The request counts as in flight for the throttling. ``reached`` is set as soon as a request waits. ``processed``:
    the request is carried out before the wait; otherwise the connection is closed after it.
    """

    processed: bool = attrs.field(default=True, kw_only=True)
    seconds: float | None = None
    reached: threading.Event = attrs.field(factory=threading.Event, init=False)
    _released: threading.Event = attrs.field(factory=threading.Event, init=False)

    def respond(self, answer: Answer) -> Answer:
        self.reached.set()
        self._released.wait(self.seconds)
        return answer if self.processed else Answer(0, cut=True)

    def release(self) -> None:
        self._released.set()


def throttled(status: int = 403, times: int | None = 1) -> Refuse:
    """Return a fault that answers as a full bucket does, whatever the bucket holds."""
    answer = throttled_answer(status)
    return Refuse(status, body=answer.body, headers={**answer.headers, "X-Rate-Limit-Remaining": "0.0"}, times=times)


def throttled_answer(status: int) -> Answer:
    """Return the answer to a request that is refused by the throttling; the text of a 429 is assumed."""
    name = {403: "Forbidden", 429: "Too Many Requests"}[status]
    return Answer.text(status, f"{status} {name} (Rate Limit Exceeded)\n")


def maintenance(status: int = 503, times: int | None = 1) -> Refuse:
    """Return a fault that answers with a page in HTML, as a proxy does during maintenance; also with status 200."""
    return Refuse(status, body=_MAINTENANCE.encode(), headers={"Content-Type": "text/html"}, times=times)


def choose(faults: list[Fault], request: Request) -> Fault:
    """Return the first fault in the list that acts on a request, and count its use."""
    fault = next((fault for fault in faults if fault.concerns(request)), Fault(times=None, processed=True))
    if fault.times is not None:
        fault.times -= 1
    return fault
