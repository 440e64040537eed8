"""The client of a Discourse forum: JSON by HTTP, with the key and the user of the target."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError, PermanentError, RateLimited
from course_sync_plugin.sanitize.text import host_of, short_repr
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.discourse.errors import (
    DISCOURSE_ERRORS,
    Forbidden,
    bad_key,
    not_json,
    read_refusal,
    refusal_error,
)
from course_sync_plugin.targets.discourse.fields import Fields
from course_sync_plugin.targets.http.client import NETWORK_ERRORS, HttpClient, Reply
from course_sync_plugin.targets.http.errors import network_error, status_error
from course_sync_plugin.targets.http.exchange import Kept, request_head
from course_sync_plugin.targets.http.private_addresses import AllowedHosts
from course_sync_plugin.targets.two_way.budget import Budget

#: The most bytes of an answer that are read. A topic shows 20 posts of up to 32,000 characters, each as text and HTML.
ANSWER_BYTES = 16 * 2**20
#: The most bytes of a refusal that are read. That of a topic which is not there carries a page of HTML.
REFUSAL_BYTES = 2**18

#: A request that every valid key may make. Its answer is not read.
_KEY_CHECK = "/categories.json"

_Record = TypeVar("_Record")


class DiscourseClient:
    """Sends requests to one forum. Use it in one thread at a time.

    The token of the target is the API key. The option ``api_username`` names the user who acts; ``system`` if it
    is not set. Each request takes 1 from the budget; an answer 429 says that nothing is left.

    Every method raises RateLimited (the budget, or 429), TransientError (no answer; a page where JSON was expected; the
    forum is read-only), EditConflict, ConfigurationError (key, user, address), NotThere, Forbidden, Refused, or
    PermanentError for an answer that is not understood. After an error other than these refusals, the forum may have
    carried out the request all the same. Each error has the target in its context, and the answer in ``exchange``.
    """

    #: Maps a status or an exception to an error.
    errors = DISCOURSE_ERRORS

    def __init__(self, config: TargetConfig, budget: Budget):
        self._config = config
        self._where = host_of(config.url)
        self._base = config.url.rstrip("/")
        self._budget = budget
        self._headers = _headers(config)
        self._secrets = {config.token.strip(), *(secret.strip() for secret in config.secrets)}
        self._http = HttpClient(AllowedHosts.parse(config.allowed_private_hosts), config.deadline_seconds)

    def get(self, path: str, read: Callable[[Fields], _Record], query: Mapping[str, str] | None = None) -> _Record:
        """Ask for ``path``, which begins with a slash, and return what ``read`` makes of the answer."""
        return self._ask("GET", path + (f"?{urlencode(query)}" if query else ""), None, read)

    def post(self, path: str, fields: Mapping[str, Any], read: Callable[[Fields], _Record]) -> _Record:
        """Send fields, and return what ``read`` makes of the answer."""
        return self._ask("POST", path, fields, read)

    def put(self, path: str, fields: Mapping[str, Any], read: Callable[[Fields], _Record]) -> _Record:
        """Send fields, and return what ``read`` makes of the answer."""
        return self._ask("PUT", path, fields, read)

    def act(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> None:
        """Send a request whose answer says nothing but that it worked. The answer is empty or JSON."""
        with self._send(method, path, fields) as (reply, kept):
            self._json(reply, kept)

    def location(self, path: str, form: re.Pattern[str]) -> str | None:
        """Return the first group of ``form`` in the path to which the forum redirects; None if it does not redirect.

        The redirect is not followed. Raises ConfigurationError if it leads to another host, PermanentError if it leads
        to a path of another form.
        """
        with self._send("GET", path, None, redirects=True) as (reply, _kept):
            if reply.is_success:
                return None
            found = form.fullmatch(self._own_path(reply))
            if not found:
                raise PermanentError(f"{self._where} redirects {path} to an unexpected path.", status=reply.status)
            return found[1]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(
        self, method: str, path: str, fields: Mapping[str, Any] | None, read: Callable[[Fields], _Record]
    ) -> _Record:
        with self._send(method, path, fields) as (reply, kept):
            answer = self._json(reply, kept)
            if answer is None:
                raise not_json(self._where, status=reply.status, target=self._config.name)
            return read(Fields.of(answer, "the answer"))

    @contextmanager
    def _send(
        self, method: str, path: str, fields: Mapping[str, Any] | None, *, redirects: bool = False
    ) -> Iterator[tuple[Reply, Kept]]:
        """Send a request, and yield its answer if it is a success, or a redirect where ``redirects`` allows one.

        A 403 in the language of the forum does not say whether the key is bad. Then another request finds it out.
        """
        try:
            with self._exchange(method, path, fields) as (reply, kept):
                if not reply.is_success and not (redirects and 300 <= reply.status < 400):
                    raise self._refusal(reply, kept)
                yield reply, kept
        except Forbidden:
            self._check_key()
            raise

    def _check_key(self) -> None:
        """Raise ConfigurationError if the forum does not accept the key."""
        with self._exchange("GET", _KEY_CHECK, None) as (reply, kept):
            if reply.is_success:
                return
            error = self._refusal(reply, kept)
            raise bad_key(self._where, target=self._config.name) if isinstance(error, Forbidden) else error

    @contextmanager
    def _exchange(self, method: str, path: str, fields: Mapping[str, Any] | None) -> Iterator[tuple[Reply, Kept]]:
        """Send a request. Yield its answer, of any status, and what is kept of it, which every error carries too."""
        self._budget.take(1)
        body = None if fields is None else json.dumps(fields).encode()
        kept = Kept(self._secrets, request_head(method, self._base + path, self._headers, body))
        try:
            with self._http.request(method, self._base + path, self._headers, body) as reply:
                kept.reply = reply
                yield reply, kept
        except CourseSyncError as error:
            error.context.setdefault("target", self._config.name)
            error.exchange = error.exchange or kept.exchange()
            raise
        except NETWORK_ERRORS as exception:
            seconds, target = self._config.deadline_seconds, self._config.name
            failure = network_error(exception, where=self._where, seconds=seconds, errors=self.errors, target=target)
            failure.exchange = kept.exchange()
            raise failure from None  # the client's message holds the whole URL, so the error does not refer to it

    def _refusal(self, reply: Reply, kept: Kept) -> CourseSyncError:
        try:
            body = kept.read(REFUSAL_BYTES)
        except NETWORK_ERRORS:  # the status is enough
            body = b""
        refusal = read_refusal(body, reply.headers.get("Content-Type", ""), kept.without_secrets)
        error = refusal_error(
            reply.status, reply.headers, refusal, where=self._where, errors=self.errors, target=self._config.name
        )
        if isinstance(error, RateLimited):
            self._budget.told(0)
        return error

    def _json(self, reply: Reply, kept: Kept) -> Any:
        """Return the body as JSON values, or None if it is empty."""
        body = kept.read(ANSWER_BYTES + 1)
        if len(body) > ANSWER_BYTES:
            raise PermanentError(f"{self._where} answered with more than {ANSWER_BYTES} bytes.", status=reply.status)
        if not body.strip():
            return None
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise not_json(self._where, status=reply.status, target=self._config.name) from None

    def _own_path(self, reply: Reply) -> str:
        """Return the path in ``Location`` without that of the forum itself, if it is on the forum's host."""
        own = urlsplit(self._base)
        try:
            parts = urlsplit(urljoin(self._base, reply.headers.get("Location", "")))
        except ValueError:
            parts = None
        if parts is None or parts.hostname != own.hostname:
            raise status_error(reply.status, {}, where=self._where, errors=self.errors)
        return parts.path.removeprefix(own.path)


def _headers(config: TargetConfig) -> dict[str, str]:
    """Return the headers of every request. Raises ConfigurationError if one cannot be sent; it never shows the key."""
    key = config.token.strip()
    if not re.fullmatch(r"[!-~]+", key):
        raise ConfigurationError("The target needs an API key of the forum, in one line without spaces.")
    username = str(config.options.get("api_username") or "system")
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", username):
        raise ConfigurationError(f"The option 'api_username' is {short_repr(username)}, which is not a user name.")
    return {"Api-Key": key, "Api-Username": username, "Content-Type": "application/json"}
