"""The webhook target: sends envelopes by HTTP POST, signed as Standard Webhooks 1.0.0 requires."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import attrs

from course_sync_plugin.data import SCHEMA_VERSION, Answer, HeldCourse, Message, utc_text
from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError, PermanentError
from course_sync_plugin.sanitize.text import single_line
from course_sync_plugin.targets.base import Target, TargetConfig, TestReport
from course_sync_plugin.targets.digests import DIGESTS_TYPE, PAGES, NotUnderstood, Page, joined, read_page
from course_sync_plugin.targets.http.address import check_url, parts_of_url
from course_sync_plugin.targets.http.client import NETWORK_ERRORS, HttpClient, Reply
from course_sync_plugin.targets.http.errors import HTTP_ERRORS, network_error, status_error
from course_sync_plugin.targets.http.exchange import Kept, request_head, secrets_of_url
from course_sync_plugin.targets.http.private_addresses import AllowedHosts
from course_sync_plugin.targets.reports import REASON_CHARACTERS, may_report, read_report
from course_sync_plugin.targets.signing import forms_of_secrets, forms_of_signature, parse_secret, signature

#: The most bytes of an answer that are read.
ANSWER_BYTES = 2**20

TEST_TYPE = "course_sync.test"


class WebhookTarget(Target):
    """A receiver of webhooks. docs/references/webhook_contract.rst describes the messages and the answers."""

    #: Maps a status or an exception to an error. A target that uses HTTP extends this table.
    errors = HTTP_ERRORS

    def __init__(self, config: TargetConfig):
        super().__init__(config)
        self._where = parts_of_url(config.url).netloc.rpartition("@")[2]
        self._client = HttpClient(AllowedHosts.parse(config.allowed_private_hosts), config.deadline_seconds)
        self._secrets = secrets_of_url(config.url) | forms_of_secrets(config.secrets)

    @classmethod
    def check(cls, config: TargetConfig) -> None:
        super().check(config)
        _check_secrets(config.secrets)
        check_url(config.url, AllowedHosts.parse(config.allowed_private_hosts), instead="messages are signed")

    def send(self, message: Message) -> Answer:
        self._client.while_waiting = self.while_waiting
        with self._post(message.message_id, message.body, course=message.course_id) as (reply, kept):
            if not reply.is_success:
                raise self._status_error(reply, kept, course=message.course_id)
            return self._report(reply, kept, message.operation_ids, course=message.course_id)

    def test(self) -> TestReport:
        """Send a message of type ``course_sync.test``. It is signed like every other message and has no operations."""
        began = time.monotonic()
        ok, status, explanation = self._try_out()
        return TestReport(ok, explanation, status, time.monotonic() - began)

    def digests(self, course_id: str) -> HeldCourse | None:
        """Ask the receiver with messages of type ``course_sync.digests``, one for each page of its answer."""
        try:
            pages = self._digest_pages(course_id)
            return joined(pages) if pages else None
        except NotUnderstood as error:
            text = f"The digests that {self._where} answered cannot be understood: {error}."
            raise PermanentError(text, target=self.config.name, course=course_id) from None

    def close(self) -> None:
        self._client.close()

    def _digest_pages(self, course_id: str) -> list[Page]:
        """Return the pages of an answer; none if the receiver does not offer digests."""
        pages: list[Page] = []
        while len(pages) < PAGES:
            page = self._digest_page(course_id, pages[-1].next if pages else "")
            if page is None and pages:
                raise NotUnderstood("a page after the first one has no 'entities'")
            if page is None:
                return []
            pages.append(page)
            if not page.next:
                return pages
        raise NotUnderstood(f"there are more than {PAGES} pages")

    def _digest_page(self, course_id: str, after: str) -> Page | None:
        data = {"schema_version": SCHEMA_VERSION, "course_id": course_id, **({"after": after} if after else {})}
        with self._post(f"digests_{uuid.uuid4().hex}", _body(DIGESTS_TYPE, data), course=course_id) as (reply, kept):
            if not reply.is_success:
                raise self._status_error(reply, kept, course=course_id)
            body = reply.read(ANSWER_BYTES + 1)
        if len(body) > ANSWER_BYTES:
            raise NotUnderstood(f"a page has more than {ANSWER_BYTES} bytes")
        return read_page(body, course_id)

    def _try_out(self) -> tuple[bool, int | None, str]:
        try:
            type(self).check(self.config)
            message = _body(TEST_TYPE, {"schema_version": SCHEMA_VERSION})
            with self._post(f"test_{uuid.uuid4().hex}", message) as (reply, kept):
                if reply.is_success:
                    accepted = f"{self._where} accepted the test message with {reply.status}."
                    return True, reply.status, f"{accepted} {self._report(reply, kept).warning}".rstrip()
                error = self._status_error(reply, kept)
                return False, reply.status, error.message + _answer_text(reply, kept)
        except CourseSyncError as error:
            return False, None, error.message

    @contextmanager
    def _post(self, message_id: str, body: bytes, **context: Any) -> Iterator[tuple[Reply, Kept]]:
        """Send a message. Yield its answer, and what is kept of it, which every error carries too."""
        timestamp = int(time.time())
        signed = signature(self.config.secrets, message_id, timestamp, body)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signed,
        }
        request = request_head("POST", self.config.url, headers, body)
        kept = Kept(self._secrets | forms_of_signature(signed), request)
        try:
            with self._client.request("POST", self.config.url, headers, body) as reply:
                kept.reply = reply
                yield reply, kept
        except CourseSyncError as error:
            error.exchange = kept.exchange()
            raise
        except NETWORK_ERRORS as exception:
            seconds = self.config.deadline_seconds
            context = {"target": self.config.name, **context}
            failure = network_error(exception, where=self._where, seconds=seconds, errors=self.errors, **context)
            failure.exchange = kept.exchange()
            raise failure from None  # the client's message holds the whole URL, so the error does not refer to it

    def _report(self, reply: Reply, kept: Kept, operation_ids: Collection[str] = (), **context: Any) -> Answer:
        body = kept.read(ANSWER_BYTES + 1)
        if len(body) > ANSWER_BYTES and may_report(body):
            raise PermanentError(
                f"{self._where} answered with more than {ANSWER_BYTES} bytes of JSON, so the failed operations are "
                "not known; it must give shorter answers.",
                target=self.config.name,
                **context,
            )
        answer = read_report(body, operation_ids, reply.headers.get("Content-Encoding", ""))
        failed = (attrs.evolve(one, reason=kept.without_secrets(one.reason)) for one in answer.failed)
        return attrs.evolve(answer, failed=tuple(failed), exchange=kept.exchange())

    def _status_error(self, reply: Reply, kept: Kept, **context: Any) -> CourseSyncError:
        kept.read_refusal()
        context = {"target": self.config.name, **context}
        return status_error(reply.status, reply.headers, where=self._where, errors=self.errors, **context)


def _answer_text(reply: Reply, kept: Kept) -> str:
    """Return the receiver's text about a test message that it refused. The message held no content to disclose."""
    if "html" in reply.headers.get("Content-Type", ""):
        return ""
    said = single_line(kept.text(), REASON_CHARACTERS)
    return f" It says: {said}" if said else ""


def _body(message_type: str, data: Mapping[str, Any]) -> bytes:
    now = utc_text(datetime.now(UTC), "milliseconds")
    return json.dumps({"type": message_type, "timestamp": now, "data": data}).encode()


def _check_secrets(secrets: Collection[str]) -> None:
    if not secrets:
        raise ConfigurationError("A webhook needs a secret to sign with.")
    for secret in secrets:
        parse_secret(secret)
