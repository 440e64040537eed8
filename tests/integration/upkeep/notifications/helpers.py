"""Helpers for tests of notifications: rules, the passing of time, troubles, and a service that takes messages."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db.models import F

from course_sync_plugin import api
from course_sync_plugin.models import (
    Activity,
    Course,
    DatabaseNow,
    Lane,
    Notice,
    NotificationChannel,
    NotificationRule,
    Target,
    bulk,
    digest_of,
)
from course_sync_plugin.testing.faults import Response
from course_sync_plugin.testing.server import Request, Server
from course_sync_plugin.upkeep.notifications.evaluate import Evaluated


class Service:
    """A service that takes messages as JSON by HTTP, as the scheme json:// of Apprise sends them."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.answers: list[Response] = []
        self._server = Server(0, self._post, lambda _url: Response(404))
        self.address = self._server.url.replace("http://", "json://user:pa55word@") + "t0ken"

    @contextmanager
    def running(self) -> Iterator[Service]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield self
        self._server.stop()
        thread.join()

    def _post(self, request: Request) -> Response:
        self.messages.append(json.loads(request.body))
        return self.answers.pop(0) if self.answers else Response(200)


def channel(kind: str = "log", name: str = "ops", **values: Any) -> NotificationChannel:
    return NotificationChannel.objects.create(name=name, kind=kind, **values)


def apprise_channel(address: str, name: str = "hook") -> NotificationChannel:
    sealed = api.seal_address(address)
    return channel("apprise", name, address=sealed.encrypted, address_shown=sealed.shown)


def rule(event: str, to: NotificationChannel, threshold: int | None = None, **values: Any) -> NotificationRule:
    return NotificationRule.objects.create(event=event, channel=to, threshold_seconds=threshold, **values)


def target(name: str = "crm", **values: Any) -> Target:
    return Target.objects.create(name=name, backend="webhook", url="https://crm.example.org/", **values)


def lanes(of: Target, count: int, **values: Any) -> list[Lane]:
    """Insert courses, each with a lane of the target."""
    keys = [f"course-v1:Org+{of.name}{number}+Run" for number in range(count)]
    bulk.insert(Course(key=key, key_digest=digest_of(key), org="Org", last_position=1) for key in keys)
    wanted = set(keys)
    courses = [course for course in Course.objects.order_by("pk") if course.key in wanted]
    bulk.insert(Lane(target=of, course=course, cursor=1, end=1, **values) for course in courses)
    return list(Lane.objects.filter(target=of).order_by("pk"))


def failing(of: Target, *, is_failing: bool = True) -> None:
    Lane.objects.filter(target=of).update(failing=is_failing)


def pass_time(seconds: float) -> None:
    """Let time pass for the notices and channels: by the database's clock, each of their times is earlier."""
    earlier = timedelta(seconds=seconds)
    columns = {
        Notice: ("open_since", "first_since", "last_sent_at", "closed_at"),
        NotificationChannel: ("retry_at", "error_logged_at"),
    }
    for model, names in columns.items():
        model.objects.update(**{name: F(name) - earlier for name in names})
    Activity.objects.update(notified_at=DatabaseNow(-seconds))


def evaluate(after: float = 60) -> Evaluated:
    """Evaluate the rules, ``after`` seconds after the last time."""
    pass_time(after)
    return api.send_notifications()


def told(caplog: Any) -> list[str]:
    """Return the notifications in the log since the last call."""
    found = [one.getMessage() for one in caplog.records if "notification: " in one.getMessage()]
    caplog.clear()
    caplog.set_level(logging.WARNING)
    return [text.removeprefix("course_sync: notification: [course_sync] ") for text in found]
