"""Sends requests to the API of Canvas: with the access token, within a deadline, and each within the rate budget.

Bodies are JSON, which Canvas takes beside forms: null, false and an empty text stay different, and a list may be empty.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlencode

from course_sync_plugin.exceptions import CourseSyncError, PermanentError, TransientError
from course_sync_plugin.sanitize.text import host_of
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.canvas.answers import Unreadable, rows_of
from course_sync_plugin.targets.canvas.errors import CANVAS_ERRORS, canvas_error
from course_sync_plugin.targets.canvas.paging import MOST_PAGES, PER_PAGE, next_page
from course_sync_plugin.targets.canvas.refusals import said
from course_sync_plugin.targets.canvas.throttling import HELD_BY_REQUEST, local_budget, remaining_units
from course_sync_plugin.targets.canvas.token import access_token, forms_of_token
from course_sync_plugin.targets.http.client import NETWORK_ERRORS, HttpClient, Reply
from course_sync_plugin.targets.http.errors import network_error
from course_sync_plugin.targets.http.exchange import Kept, request_head, secrets_of_url
from course_sync_plugin.targets.http.private_addresses import AllowedHosts
from course_sync_plugin.targets.two_way.budget import Budget

T = TypeVar("T")

#: The most bytes of an answer that are read: a page of a list of texts may be large. And those of a refusal.
ANSWER_BYTES, REFUSAL_BYTES = 2**24, 2**16

#: Ids as texts: a program with floating point numbers changes ids beyond 2^53 (canvas-lms, lib/stringify_ids.rb).
STRING_IDS = "application/json+canvas-string-ids"


class CanvasClient:
    """A client of one Canvas. Use it in one thread at a time. ``budget``: None: one of its own, for this process.

    ``config.url`` is the address of Canvas, without ``/api/v1``, and ``config.token`` the access token.
    Raises ConfigurationError if the token is missing or cannot be one.

    Each method raises the errors of ``Target.send()``. They carry what is stored of the answer (``exchange``).
    """

    def __init__(self, config: TargetConfig, budget: Budget | None = None):
        token = access_token(config)
        self._config = config
        self._api = f"{config.url.rstrip('/')}/api/v1"
        self._where = host_of(config.url)
        self._headers = {"Authorization": f"Bearer {token}", "Accept": STRING_IDS}
        self._secrets = {*secrets_of_url(config.url), *forms_of_token(token)}
        self._budget = budget or local_budget()
        self._http = HttpClient(AllowedHosts.parse(config.allowed_private_hosts), config.deadline_seconds)

    def call(self, method: str, path: str, read: Callable[[Any], T], values: Mapping[str, Any] | None = None) -> T:
        """Send one request, and return what ``read`` makes of the JSON of the answer (None: an answer without body).

        ``path``: see :mod:`course_sync_plugin.targets.canvas.paths`. ``values``: the body. ``read`` raises Unreadable.
        """
        with self._exchange(method, f"{self._api}{path}", values) as (reply, kept):
            return self._read(reply, kept, read)

    def rows(self, path: str, read: Callable[[Any], T], **query: str) -> list[T]:
        """Return all rows of a list, page by page.

        Canvas counts rows. So what people add while we read makes a row come twice, and what they delete makes one
        be left out: a row that is missing in a list is no proof that the object was deleted.
        """
        url: str | None = f"{self._api}{path}?{urlencode({'per_page': PER_PAGE, **query})}"
        found: list[T] = []
        asked: set[str] = set()
        while url:
            asked.add(url)
            with self._exchange("GET", url) as (reply, kept):
                found += self._read(reply, kept, lambda value: rows_of(value, read))
                url = next_page(reply.headers, url)
                self._check_paging(url, asked)
        return found

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _check_paging(self, url: str | None, asked: set[str]) -> None:
        if url in asked:
            raise self._permanent("says that a page of a list follows itself, so the list cannot be read.")
        if url and len(asked) >= MOST_PAGES:
            raise self._permanent(f"has a list of more than {MOST_PAGES} pages, which is not read.")

    @contextmanager
    def _exchange(self, method: str, url: str, values: Mapping[str, Any] | None = None) -> Iterator[tuple[Reply, Kept]]:
        """Send a request. Yield its answer, and what is kept of it, which every error carries too."""
        self._budget.take(HELD_BY_REQUEST)
        body = None if values is None else json.dumps(values).encode()
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        kept = Kept(self._secrets, request_head(method, url, headers, body))
        try:
            with self._http.request(method, url, headers, body) as reply:
                kept.reply = reply
                self._tell_budget(reply)
                yield reply, kept
        except CourseSyncError as error:
            error.context.setdefault("target", self._config.name)
            error.exchange = kept.exchange()
            raise
        except NETWORK_ERRORS as exception:
            failure = self._network_error(exception)
            failure.exchange = kept.exchange()
            raise failure from None  # the client's message holds the whole URL, so the error does not refer to it

    def _tell_budget(self, reply: Reply) -> None:
        remaining = remaining_units(reply.headers)
        if remaining is not None:
            self._budget.told(remaining)

    def _network_error(self, exception: BaseException) -> CourseSyncError:
        seconds = self._config.deadline_seconds
        return network_error(
            exception, where=self._where, seconds=seconds, errors=CANVAS_ERRORS, target=self._config.name
        )

    def _read(self, reply: Reply, kept: Kept, read: Callable[[Any], T]) -> T:
        if not reply.is_success:
            raise self._refusal(reply, kept)
        try:
            return read(self._json(reply, kept))
        except Unreadable as error:
            raise self._permanent(f"answered {error}.") from None

    def _json(self, reply: Reply, kept: Kept) -> Any:
        body = kept.read(ANSWER_BYTES + 1)
        if len(body) > ANSWER_BYTES:
            raise self._permanent(f"answered with more than {ANSWER_BYTES} bytes.")
        if reply.status == 204:
            return None
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise TransientError(
                f"{self._where} answered {reply.status}, but not with JSON, which counts as no answer. Is it under "
                "maintenance, and is the URL of the target right?",
                status=reply.status,
            ) from None

    def _refusal(self, reply: Reply, kept: Kept) -> CourseSyncError:
        try:
            body = kept.read(REFUSAL_BYTES)
        except NETWORK_ERRORS:  # the status has arrived, and it decides
            body = b""
        detail = kept.without_secrets(said(body))
        return canvas_error(reply.status, reply.headers, body, where=self._where, detail=detail)

    def _permanent(self, what: str) -> PermanentError:
        return PermanentError(f"{self._where} {what}")
