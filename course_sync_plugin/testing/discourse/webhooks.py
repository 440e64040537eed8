"""Webhooks of the fake forum. A test decides which deliveries arrive, in which order and how often.

Sources: discourse, app/jobs/regular/emit_web_hook_event.rb (headers, signature, filters, retries),
app/models/web_hook.rb (names of events), app/models/web_hook_event_type.rb; the recorded deliveries in the shared
``discourse_webhooks.json``. Real servers send with several workers, so no order is promised.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import attrs

from course_sync_plugin.testing.discourse.forum.records import Category, Post, Topic
from course_sync_plugin.testing.discourse.forum.state import Forum
from course_sync_plugin.testing.discourse.views.hooks import hook_record

#: Tries after the first one, and the factor of the minutes between them (``MAX_RETRY_COUNT``, ``RETRY_BACKOFF``).
RETRIES, BACKOFF = 4, 5
VERSION = "3.5.0"


@attrs.define(eq=False)
class Hook:
    """A webhook. ``events``: names such as ``topic_edited``; empty: all. ``category_ids``: only topics of these.

    A hook with a category filter never gets events of categories.
    """

    url: str
    secret: str = ""
    events: frozenset[str] = frozenset()
    category_ids: frozenset[int] = frozenset()
    active: bool = True
    content_type: str = "application/json"

    def wants(self, event: str, category_id: int | None) -> bool:
        """Tell whether the hook gets an event. Changes of a status belong to ``topic_edited``."""
        name = "topic_edited" if re.fullmatch(r"topic_\w+_status_updated", event) else event
        fits = not self.category_ids or category_id in self.category_ids
        return self.active and fits and (not self.events or name in self.events)


@attrs.define(eq=False)
class Delivery:
    """An event on its way to a hook. ``status``: of the last answer; None: not tried, -1: no answer came."""

    hook: Hook
    event: str
    kind: str
    body: bytes
    due: datetime
    tries: int = 0
    status: int | None = None


class Webhooks:
    """The webhooks of a forum and what waits to be sent.

    ``pending``: a test may drop, repeat and reorder its deliveries before :meth:`deliver`. ``sent``: all that were
    tried. The record in a delivery is as it was when the event happened.
    """

    def __init__(self, forum: Forum, instance: Callable[[], str]):
        self.hooks: list[Hook] = []
        self.pending: list[Delivery] = []
        self.sent: list[Delivery] = []
        self._forum = forum
        self._instance = instance
        self._lock = threading.Lock()
        forum.listeners.append(self._note)

    def add(self, url: str, secret: str = "", **fields: Any) -> Hook:
        """Add a webhook (``Hook``), as an administrator does in the web interface."""
        hook = Hook(url, secret, **fields)
        self.hooks.append(hook)
        return hook

    def ping(self, hook: Hook) -> None:
        """Put a ping in the queue: the button in the web interface. It has no event name."""
        self.pending.append(Delivery(hook, "", "ping", b'{"ping":"OK"}', self._forum.clock.now()))

    def lose(self, *numbers: int) -> None:
        """Drop the pending deliveries at these places."""
        self.pending = [one for at, one in enumerate(self.pending) if at not in numbers]

    def double(self) -> None:
        """Let every pending delivery come twice, the second time with another event id."""
        self.pending = [attrs.evolve(one) for one in self.pending for _ in range(2)]

    def reverse(self) -> None:
        """Turn the order of the pending deliveries round."""
        self.pending.reverse()

    def deliver(self, most: int | None = None) -> list[int]:
        """Send what is pending and due, in the order of ``pending``. Returns the statuses; -1: no answer came."""
        now = self._forum.clock.now()
        with self._lock:
            due = [one for one in self.pending if one.due <= now][:most]
            self.pending = [one for one in self.pending if one not in due]
        return [self._send(delivery) for delivery in due]

    def _note(self, event: str, kind: str, record: Any) -> None:
        hooks = [hook for hook in self.hooks if hook.wants(event, self._category_id(record))]
        if not hooks:
            return
        value = {kind: hook_record(self._forum, kind, record)}
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        now = self._forum.clock.now()
        with self._lock:
            self.pending += [Delivery(hook, event, kind, body, now) for hook in hooks]

    def _category_id(self, record: Topic | Post | Category) -> int | None:
        if isinstance(record, Post):
            record = self._forum.topics[record.topic_id]
        return record.category_id if isinstance(record, Topic) else None

    def _send(self, delivery: Delivery) -> int:
        parts = urlsplit(delivery.hook.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", target, delivery.body, self.headers(delivery))
            delivery.status = connection.getresponse().status
        except OSError:
            delivery.status = -1
        finally:
            connection.close()
        self.sent.append(delivery)
        self._after(delivery, delivery.status)
        return delivery.status

    def headers(self, delivery: Delivery) -> dict[str, str]:
        """Return the headers of a try. Each try has an id of its own."""
        hook = delivery.hook
        headers = {
            "Accept": "*/*",
            "Connection": "close",
            "Content-Type": hook.content_type,
            "Host": urlsplit(hook.url).hostname or "",
            "User-Agent": f"Discourse/{VERSION}",
            "X-Discourse-Instance": self._instance(),
            "X-Discourse-Event-Id": str(self._forum.number("web_hook_event")),
            "X-Discourse-Event-Type": delivery.kind,
        }
        if delivery.event:
            headers["X-Discourse-Event"] = delivery.event
        if hook.secret:
            digest = hmac.new(hook.secret.encode(), delivery.body, hashlib.sha256).hexdigest()
            headers["X-Discourse-Event-Signature"] = f"sha256={digest}"
        return headers

    def _after(self, delivery: Delivery, status: int) -> None:
        """Retry after 1, 5, 25 and 125 minutes, if the site does so. No answer, 404 and 410 are never retried."""
        if status == -1 or 200 <= status < 300:
            return
        if status in (404, 410):
            if delivery.tries >= RETRIES:
                delivery.hook.active = False
        elif self._forum.settings.retry_web_hook_events and delivery.tries < RETRIES:
            due = self._forum.clock.now() + timedelta(minutes=BACKOFF**delivery.tries)
            self.pending.append(attrs.evolve(delivery, due=due, tries=delivery.tries + 1, status=None))
