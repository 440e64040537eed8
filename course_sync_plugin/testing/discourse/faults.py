"""Faults of the fake forum that a test can script: ``forum.faults.append(Drop(method="POST", processed=True))``.

The first fault in the list that concerns a request acts on it. After ``times`` requests it is used up (None: never).
"""

from __future__ import annotations

import re

import attrs

from course_sync_plugin.testing.discourse.limits import admin_throttle
from course_sync_plugin.testing.discourse.requests import Answer, Asked


@attrs.define(kw_only=True)
class Fault:
    """A fault. ``method`` and ``path`` (a regular expression) choose the requests; ``processed``: it is carried out."""

    times: int | None = 1
    method: str | None = None
    path: str = ""
    processed: bool = False

    def concerns(self, asked: Asked) -> bool:
        """Tell whether the fault acts on a request."""
        return self.times != 0 and self.method in (None, asked.method) and bool(re.search(self.path, asked.path))

    def answer(self, answer: Answer) -> Answer:
        """Return what is sent instead of an answer. The answer is empty if the request was not carried out."""
        return answer


@attrs.define(kw_only=True)
class Refuse(Fault):
    """Sends another answer."""

    instead: Answer

    def answer(self, answer: Answer) -> Answer:
        return self.instead


@attrs.define(kw_only=True)
class Drop(Fault):
    """Closes the connection without an answer: before the request is carried out, or after (``processed``)."""

    def answer(self, answer: Answer) -> Answer:
        return attrs.evolve(answer, cut=True)


@attrs.define(kw_only=True)
class Hang(Fault):
    """Waits before it answers. If not ``processed``: waits and closes the connection."""

    seconds: float

    def answer(self, answer: Answer) -> Answer:
        return attrs.evolve(answer, hold=self.seconds, cut=not self.processed)


def maintenance_page(status: int = 503) -> Answer:
    """Return the page that a server in front of Discourse sends during an update: HTML, with 502, 503 or even 200."""
    text = "<html><head><title>Maintenance</title></head><body>Our forum is being updated.</body></html>"
    return Answer.html(text, status)


def server_error(status: int = 500) -> Answer:
    """Return the page of an error inside Discourse."""
    return Answer.html("<html><body><h1>Oops</h1><p>The software encountered a problem.</p></body></html>", status)


def throttle(seconds: int = 30) -> Answer:
    """Return the answer 429 to an API key, without a limit that is really reached."""
    refused = admin_throttle(seconds)
    return Answer.json(refused.body(), refused.status, refused.headers)


def choose(faults: list[Fault], asked: Asked) -> Fault:
    """Return the first fault that concerns a request, and count its use; one without effect if there is none."""
    fault = next((one for one in faults if one.concerns(asked)), Fault(times=None, processed=True))
    if fault.times is not None:
        fault.times -= 1
    return fault
