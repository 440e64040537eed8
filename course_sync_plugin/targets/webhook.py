"""The webhook target: envelopes by HTTP POST, signed as Standard Webhooks 1.0.0 has it."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests

from course_sync_plugin.cleaning import tidied
from course_sync_plugin.data import SCHEMA_VERSION, Answer, Message, utc_text
from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError, PermanentError
from course_sync_plugin.targets.base import Target, TargetConfig, TestReport
from course_sync_plugin.targets.http import private_addresses
from course_sync_plugin.targets.http.client import CONNECT_SECONDS, NETWORK_ERRORS, HttpClient, Reply
from course_sync_plugin.targets.http.errors import HTTP_ERRORS, network_error, status_error
from course_sync_plugin.targets.http.private_addresses import SETTING, AllowedHosts
from course_sync_plugin.targets.reports import REASON_CHARACTERS, may_report, read_report
from course_sync_plugin.targets.signing import parse_secret, signature

#: How many bytes of an answer are read.
ANSWER_BYTES = 2**20

#: How much of an answer to a test message is shown.
WORDS_BYTES = 2048

TEST_TYPE = "course_sync.test"


class WebhookTarget(Target):
    """A receiver of webhooks. What it may answer is written down in ``docs/schema``."""

    #: What a status or an exception means. A target that speaks HTTP extends it.
    errors = HTTP_ERRORS

    def __init__(self, config: TargetConfig):
        super().__init__(config)
        self._where = _parts(config.url).netloc.rpartition("@")[2]
        self._client = HttpClient(AllowedHosts.parse(config.allowed_private_hosts), config.deadline_seconds)

    @classmethod
    def check(cls, config: TargetConfig) -> None:
        super().check(config)
        _check_secrets(config.secrets)
        _check_url(config.url, AllowedHosts.parse(config.allowed_private_hosts))

    def send(self, message: Message) -> Answer:
        with self._post(message.message_id, message.body, course=message.course_id) as reply:
            if not reply.is_success:
                raise self._status_error(reply, course=message.course_id)
            return self._report(reply, message.operation_ids, course=message.course_id)

    def test(self) -> TestReport:
        """Send a message of type ``course_sync.test``: signed like any other, without operations."""
        began = time.monotonic()
        ok, status, explanation = self._try_out()
        return TestReport(ok, explanation, status, time.monotonic() - began)

    def close(self) -> None:
        self._client.close()

    def _try_out(self) -> tuple[bool, int | None, str]:
        try:
            type(self).check(self.config)
            with self._post(f"test_{uuid.uuid4().hex}", _test_body()) as reply:
                if reply.is_success:
                    accepted = f"{self._where} accepted the test message with {reply.status}."
                    return True, reply.status, f"{accepted} {self._report(reply).warning}".rstrip()
                error = self._status_error(reply)
                return False, reply.status, error.message + _in_its_words(reply)
        except CourseSyncError as error:
            return False, None, error.message

    @contextmanager
    def _post(self, message_id: str, body: bytes, **context: Any) -> Iterator[Reply]:
        timestamp = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self.config.secrets, message_id, timestamp, body),
        }
        try:
            with self._client.request("POST", self.config.url, headers, body) as reply:
                yield reply
        except NETWORK_ERRORS as exception:
            seconds = self.config.deadline_seconds
            context = {"target": self.config.name, **context}
            # What the client says holds the whole URL, so it does not travel on.
            raise network_error(exception, where=self._where, seconds=seconds, errors=self.errors, **context) from None

    def _report(self, reply: Reply, operation_ids: Collection[str] = (), **context: Any) -> Answer:
        body = reply.read(ANSWER_BYTES + 1)
        if len(body) > ANSWER_BYTES and may_report(body):
            raise PermanentError(
                f"{self._where} answered with more than {ANSWER_BYTES} bytes of JSON, so nobody knows what failed; "
                "it must give shorter answers.",
                target=self.config.name,
                **context,
            )
        return read_report(body, operation_ids, reply.headers.get("Content-Encoding", ""))

    def _status_error(self, reply: Reply, **context: Any) -> CourseSyncError:
        context = {"target": self.config.name, **context}
        return status_error(reply.status, reply.headers, where=self._where, errors=self.errors, **context)


def _in_its_words(reply: Reply) -> str:
    """What a receiver says to a test message that it refuses; the message held nothing that it could give away."""
    if "html" in reply.headers.get("Content-Type", ""):
        return ""
    try:
        said = tidied(reply.read(WORDS_BYTES).decode("utf-8", "replace"), REASON_CHARACTERS)
    except NETWORK_ERRORS:
        return ""
    return f" It says: {said}" if said else ""


def _test_body() -> bytes:
    now = utc_text(datetime.now(UTC), "milliseconds")
    return json.dumps({"type": TEST_TYPE, "timestamp": now, "data": {"schema_version": SCHEMA_VERSION}}).encode()


def _check_secrets(secrets: Collection[str]) -> None:
    if not secrets:
        raise ConfigurationError("A webhook needs a secret to sign with.")
    for secret in secrets:
        parse_secret(secret)


def _check_url(url: str, allowed: AllowedHosts) -> None:
    """Raise ConfigurationError unless the URL may be sent to. Its host need not have an address yet."""
    parts = _parts(url)
    if "@" in parts.netloc:
        raise ConfigurationError("The URL must not hold a user name or a password; messages are signed instead.")
    private_addresses.check_form(parts.hostname)
    encrypted = parts.scheme == "https"
    try:
        found = private_addresses.resolve(parts.hostname, parts.port or 443, CONNECT_SECONDS)
    except OSError:  # looked at again whenever something is sent
        found = []
    if not encrypted and not found and not allowed.named(parts.hostname):
        raise ConfigurationError(f"The URL must begin with https://, or {parts.hostname} be allowed in {SETTING}.")
    allowed.check(parts.hostname, found, encrypted=encrypted)


def _parts(url: str) -> SplitResult:
    """The parts of a URL, as the HTTP client will see them."""
    if re.search(r"[\s\\\x00-\x1f\x7f]", url):
        raise ConfigurationError("The URL must not hold spaces, backslashes or control characters.")
    try:
        parts = urlsplit(requests.Request("POST", url).prepare().url)
        valid = parts.scheme in ("http", "https") and parts.hostname
    except (ValueError, requests.RequestException):
        valid = False
    if not valid:
        raise ConfigurationError("The URL is not valid; it should look like https://receiver.example.org/path.")
    return parts
