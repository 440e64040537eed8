"""The rate limits of the fake forum. They are off until a test turns them on.

Sources: discourse, lib/rate_limiter.rb (a sliding window of whole seconds),
lib/middleware/request_tracker.rb (the limits by address: plain text, refused calls count),
app/controllers/application_controller.rb (``RateLimiter::LimitExceeded``: JSON), config/discourse_defaults.conf.
"""

from __future__ import annotations

from collections import deque

import attrs

from course_sync_plugin.testing.discourse.forum.clock import Clock
from course_sync_plugin.testing.discourse.forum.errors import Refused
from course_sync_plugin.testing.discourse.requests import Answer

#: The defaults of Discourse: requests of all API keys together in a minute; those of an address.
ADMIN_PER_MINUTE = 60
ADDRESS_PER_10_SECONDS = 50
ADDRESS_PER_MINUTE = 200


@attrs.define
class Window:
    """A limit of ``most`` calls in ``seconds``; None: no limit. ``strict``: a refused call counts, too."""

    clock: Clock
    seconds: int
    strict: bool
    most: int | None = None
    _calls: deque[int] = attrs.field(factory=deque, init=False)

    def wait(self) -> int:
        """Count a call. Return the seconds to wait if it is refused, else 0."""
        if self.most is None:
            return 0
        now = int(self.clock.now().timestamp())
        while self._calls and now - self._calls[0] >= self.seconds:
            self._calls.popleft()
        left = self.seconds - (now - self._calls[0]) if self._calls and len(self._calls) >= self.most else 0
        if not self.most:
            left = self.seconds  # a limit of 0 refuses everything
        if not left or self.strict:
            self._calls.append(now)
        return left


class Limits:
    """The limits. ``limits.admin.most = 60`` turns the one of API keys on, ``address_…`` those by address.

    Real servers do not limit private addresses unless they are told to; this one does when the limit is on.
    """

    def __init__(self, clock: Clock):
        self.admin = Window(clock, 60, strict=False)
        self.address_10_seconds = Window(clock, 10, strict=True)
        self.address_minute = Window(clock, 60, strict=True)

    def refuse_address(self) -> Answer | None:
        """Return the answer to an address that has asked too often."""
        windows = {"ip_10_secs_limit": self.address_10_seconds, "ip_60_secs_limit": self.address_minute}
        waits = {code: window.wait() for code, window in windows.items()}
        code, wait = next(((code, wait) for code, wait in waits.items() if wait), ("", 0))
        return address_throttle(wait, code) if wait else None

    def refuse_key(self) -> None:
        """Raise Refused 429 if all API keys together have asked too often."""
        wait = self.admin.wait()
        if wait:
            raise admin_throttle(wait)


def admin_throttle(seconds: int) -> Refused:
    """Return the refusal of an API key: 429 as JSON with ``extras.wait_seconds`` and the header ``Retry-After``."""
    left = _time_left(seconds)
    text = f"You’ve performed this action too many times. Please wait {left} before trying again."
    headers = {"Retry-After": str(seconds), "Discourse-Rate-Limit-Error-Code": "admin_api_key_rate_limit"}
    extra = {"extras": {"wait_seconds": seconds, "time_left": left}}
    return Refused(429, [text], "rate_limit", extra=extra, headers=headers)


def address_throttle(seconds: int, code: str = "ip_10_secs_limit", *, html: bool = False) -> Answer:
    """Return the refusal of an address: 429 as plain text; as HTML if a server in front of Discourse writes it."""
    text = (
        f"Slow down, you're making too many requests.\nPlease retry again in {seconds} seconds.\nError code: {code}.\n"
    )
    headers = {"Retry-After": str(seconds), "Discourse-Rate-Limit-Error-Code": code}
    if html:
        return Answer.html("<html><body><h1>429 Too Many Requests</h1></body></html>", 429)
    return Answer(429, text.encode(), "text/plain", headers)


def _time_left(seconds: int) -> str:
    number, unit = (seconds, "second") if seconds < 60 else (seconds // 60, "minute")
    return f"{number} {unit}" + ("" if number == 1 else "s")
