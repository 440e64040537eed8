"""A Discourse on 127.0.0.1 for tests: a real HTTP server with the state and the rules of a forum.

In a test::

    with DiscourseServer() as forum:
        client = DiscourseClient(forum.url, "system", forum.key)
        ...
        forum.person("teacher").edit_topic(5, title="A title that a person has chosen")

What it imitates, and how sure that is: ``docs/references/fake_discourse.rst``.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection

from course_sync_plugin.testing.discourse.actions.calls import Call
from course_sync_plugin.testing.discourse.actions.post_actions import PostMemory
from course_sync_plugin.testing.discourse.actions.routes import dispatch
from course_sync_plugin.testing.discourse.faults import Fault, choose
from course_sync_plugin.testing.discourse.forum.clock import Clock
from course_sync_plugin.testing.discourse.forum.errors import INVALID_CREDENTIALS, READ_ONLY, Refused, forbidden
from course_sync_plugin.testing.discourse.forum.records import User
from course_sync_plugin.testing.discourse.forum.settings import SiteSettings
from course_sync_plugin.testing.discourse.forum.state import Forum
from course_sync_plugin.testing.discourse.limits import Limits
from course_sync_plugin.testing.discourse.people import Person
from course_sync_plugin.testing.discourse.requests import Answer, Asked, read_request
from course_sync_plugin.testing.discourse.scopes import permits
from course_sync_plugin.testing.discourse.webhooks import Webhooks
from course_sync_plugin.testing.server import Handler, Listener


class DiscourseServer:
    """The server. It runs inside the ``with`` block, or between :meth:`start` and :meth:`stop`.

    ``url``: its address, without a slash at the end. ``key``: an API key of all users. ``forum``: the state, with
    ``settings``, ``topics``, ``posts``, ``categories`` and ``users``. ``clock``: moves the time. ``limits``: the rate
    limits, which are off at first. ``faults``: what goes wrong (:mod:`course_sync_plugin.testing.discourse.faults`).
    ``webhooks``: the events on their way. ``read_only``: whether changes are refused with 503. ``requests``: every
    request that came, with the status of its answer.

    The users are ``system`` and ``admin`` (administrators), ``moderator``, ``teacher`` (trust level 2) and ``student``.
    """

    def __init__(self, port: int = 0, settings: SiteSettings | None = None):
        self.forum = Forum(settings)
        self.limits = Limits(self.clock)
        self.faults: list[Fault] = []
        self.requests: list[Asked] = []
        self.read_only = False
        #: User name by API key; None: the key may act as any user.
        self.keys: dict[str, str | None] = {}
        #: Scopes by API key (:mod:`course_sync_plugin.testing.discourse.scopes`).
        self.scopes: dict[str, Collection[str]] = {}
        self.key = self.new_key()
        self.forum.add_user("admin", admin=True, trust_level=4)
        self.forum.add_user("moderator", moderator=True, trust_level=4)
        self.forum.add_user("teacher", trust_level=2)
        self.forum.add_user("student", trust_level=1)
        self._memory = PostMemory()
        self._lock = threading.RLock()
        self._server = _ForumListener(port, self)
        self.url = self._server.url.rstrip("/")
        self.webhooks = Webhooks(self.forum, lambda: self.url)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def clock(self) -> Clock:
        return self.forum.clock

    def new_key(self, username: str | None = None, scopes: Collection[str] = ()) -> str:
        """Make an API key: of one user, or of all users; global, or with these scopes (*Granular*)."""
        key = secrets.token_hex(32)
        self.keys[key] = username
        self.scopes[key] = tuple(scopes)
        return key

    def revoke(self, key: str) -> None:
        """Make an API key invalid, as an administrator does, or as time does."""
        self.keys.pop(key, None)

    def person(self, username: str) -> Person:
        """Return a person who works in the web interface. Raises KeyError if there is no such user."""
        user = self.forum.user_named(username)
        if user is None:
            raise KeyError(username)
        return Person(self.forum, user, self._lock)

    def start(self) -> DiscourseServer:
        """Start serving."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and close every connection."""
        self._server.stop()
        self._thread.join()

    def __enter__(self) -> DiscourseServer:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def answer(self, asked: Asked) -> Answer:
        """Answer a request: fault, limit by address, key, limit of keys, read-only mode, action; in this order."""
        with self._lock:
            self.requests.append(asked)
            fault = choose(self.faults, asked)
            answer = fault.answer(self._process(asked) if fault.processed else Answer())
            asked.status = None if answer.cut else answer.status
            return answer

    def _process(self, asked: Asked) -> Answer:
        refused = self.limits.refuse_address()
        if refused is not None:
            return refused
        try:
            return self._carry_out(asked)
        except Refused as error:
            return _refusal(asked, error)

    def _carry_out(self, asked: Asked) -> Answer:
        user = self._user_of(asked)
        if self.read_only and asked.method != "GET":
            raise Refused(503, [READ_ONLY], "read_only")
        call = Call(self.forum, asked, user, self.url)
        if (asked.method, asked.path) == ("POST", "/posts"):
            return self._memory.answer(call)
        answer = dispatch(call)
        if asked.method == "GET" and not asked.json and answer.status == 200:
            return Answer.html("<html><body>The page of the forum</body></html>")
        return answer

    def _user_of(self, asked: Asked) -> User | None:
        """Return the user of a request.

        A bad key, an unknown user, a key of another user, and a key without the scope are the same 403.

        Source: discourse, lib/auth/default_current_user_provider.rb.
        """
        if not asked.key:
            return None
        owner = self.keys.get(asked.key, "")
        name = asked.username or owner or ""
        fits = asked.key in self.keys and (owner is None or owner.lower() == name.lower())
        may = fits and permits(self.scopes.get(asked.key, ()), asked.method, asked.path)
        user = self.forum.user_named(name) if may else None
        if user is None:
            raise Refused(403, [INVALID_CREDENTIALS], "invalid_access")
        if user.suspended:
            raise forbidden()
        self.limits.refuse_key()
        return user


def _refusal(asked: Asked, error: Refused) -> Answer:
    """Return a refusal as an answer. What is not asked for as JSON gets a page for some errors, as in Rails."""
    pages = ("invalid_access", "not_found", "not_logged_in", "invalid_parameters", "read_only")
    if asked.json or error.kind not in pages:
        return Answer.json(error.body(), error.status, error.headers)
    return Answer.html(f"<html><body>{error.errors[0]}</body></html>", error.status, error.headers)


class _ForumListener(Listener):
    def __init__(self, port: int, owner: DiscourseServer):
        super().__init__(port, _ForumHandler)
        self.owner = owner


class _ForumHandler(Handler):
    server: _ForumListener

    def _respond(self) -> None:
        body = self.read_body()
        try:
            asked = read_request(self.command, self.path, dict(self.headers), body)
        except ValueError:
            self._send(Answer.html("<html><body>400 Bad Request</body></html>", 400))
            return
        self._send(self.server.owner.answer(asked))

    do_GET = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815  # the names that http.server calls

    def _send(self, answer: Answer) -> None:
        self.close_connection = self.server.stopping.wait(answer.hold) or answer.cut
        if not self.close_connection:
            self.write(answer.status, {"Content-Type": answer.content_type, **answer.headers}, answer.body)
