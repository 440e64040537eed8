"""Kinds of targets that take notices, and helpers of their tests."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

from course_sync_plugin.data import Answer, Message
from course_sync_plugin.targets.base import Target, TestReport
from course_sync_plugin.targets.inbound import discourse, live_events, path_secret
from course_sync_plugin.targets.inbound.contract import Inbound


class Silent(Target):
    """A target that accepts everything and sends nothing."""

    def send(self, message: Message) -> Answer:
        return Answer()

    def test(self) -> TestReport:
        return TestReport(True, "There is nothing to test.", None, 0)


class ForumTarget(Silent):
    """Takes the webhooks of Discourse."""

    inbound = Inbound((discourse.verify,), discourse.read, discourse.NAME_HEADER, discourse.ID_HEADER)


class CampusTarget(Silent):
    """Takes the Live Events of Canvas: signed, or sent to a path with a secret."""

    own_options = live_events.OPTIONS
    inbound = Inbound((path_secret.verify, live_events.verify), live_events.read)


KINDS = {"forum": ForumTarget, "campus": CampusTarget, "silent": Silent}


def post(url: str, body: bytes, headers: dict[str, str] | None = None, method: str = "POST") -> tuple[int, dict]:
    """Send a request; return the status and the JSON of the answer."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=20)
    try:
        connection.request(method, address.path, body, headers or {})
        answer = connection.getresponse()
        assert answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
