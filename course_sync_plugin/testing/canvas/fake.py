"""Canvas LMS on 127.0.0.1, for tests of what talks to it.

In a test::

    with CanvasFake() as canvas:
        course = canvas.add_course("Bees")
        ...  # a client with canvas.url and canvas.token
        canvas.teacher.rename_module(course.id, module_id, "Wasps")

``docs/references/fake_canvas.rst`` says what is proven of its behaviour, and what is assumed.
"""

from __future__ import annotations

import re
import threading

import attrs

from course_sync_plugin.testing.canvas import faults as fault_kinds
from course_sync_plugin.testing.canvas.application import Application
from course_sync_plugin.testing.canvas.behaviour import Behaviour
from course_sync_plugin.testing.canvas.clock import Clock
from course_sync_plugin.testing.canvas.exchange import Answer, Request
from course_sync_plugin.testing.canvas.faults import Fault
from course_sync_plugin.testing.canvas.http_server import CanvasServer
from course_sync_plugin.testing.canvas.lag import Replica
from course_sync_plugin.testing.canvas.live_events import LiveEvents
from course_sync_plugin.testing.canvas.objects import Course, User
from course_sync_plugin.testing.canvas.people import Student, Teacher
from course_sync_plugin.testing.canvas.signing import KeyRing
from course_sync_plugin.testing.canvas.site import Site, TokenState
from course_sync_plugin.testing.canvas.throttle import Throttle

#: Where the fake serves its JWKS. Canvas' data services have an address of their own.
JWKS = "/jwks"


class CanvasFake:
    """A Canvas. Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    ``token``: the access token of ``user``, who teaches in every course: the user of an integration. ``teacher`` and
    ``student``: people in the web interface. ``faults``: the faults that act on requests
    (:mod:`course_sync_plugin.testing.canvas.faults`). ``requests``: every request so far. ``live_events``: the events
    that wait. ``site``: the stored objects; a test may change them, as ``course.concluded`` or ``page.locked``.
    ``port`` 0: any free port. ``first_id``: the first id of an object, for ids beyond 2^53.
    """

    def __init__(self, *, port: int = 0, first_id: int = 1):
        self._lock = threading.Lock()
        self._server = CanvasServer(port, self._answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.site = Site(self._server.url.rstrip("/"), first_id)
        self.application = Application(self.site)
        self.throttle = Throttle(self.site.clock)
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.keys = KeyRing()
        self.live_events = LiveEvents(self.site, self.keys)
        self.user = self.site.add_user("Integration")
        self.token = self.site.add_token(self.user)
        self.teacher = Teacher(self.application, self.site.add_user("Tess Teacher"))
        self.student = Student(self.application, self.site.add_user("Sam Student"))

    @property
    def url(self) -> str:
        """The URL of the site, without a slash at the end."""
        return self.site.root

    @property
    def behaviour(self) -> Behaviour:
        """What differs between installations."""
        return self.site.behaviour

    @property
    def clock(self) -> Clock:
        """The clock of the site."""
        return self.site.clock

    @property
    def replica(self) -> Replica:
        """The replica from which GETs are answered."""
        return self.application.replica

    def add_course(self, name: str = "Bees", code: str = "BEE1") -> Course:
        """Add a course with the integration and the teacher as teachers, and the student."""
        course = self.site.add_course(name, code)
        for user, role in ((self.user, "teacher"), (self.teacher.user, "teacher"), (self.student.user, "student")):
            user.roles[course.id] = role
        return course

    def add_token(self, user: User) -> str:
        """Return a new access token of a user, for example of the student."""
        return self.site.add_token(user)

    def set_token(self, token: str, state: TokenState) -> None:
        """Let a token expire, or revoke it; ``valid`` makes it valid again."""
        self.site.tokens[token].state = state

    def count(self, method: str = "", path: str = "") -> int:
        """Return the number of requests with a method, and with a path in which a regular expression is found."""
        return sum(method in ("", one.method) and bool(re.search(path, one.path)) for one in self.requests)

    def start(self) -> CanvasFake:
        """Start serving."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and close every connection."""
        for fault in self.faults:
            fault.release()
        self._server.stop()
        self._thread.join()

    def __enter__(self) -> CanvasFake:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _answer(self, request: Request) -> Answer:
        if (request.method, request.path) == ("GET", JWKS):
            return Answer.of(200, self.keys.jwks())
        with self._lock:
            self.requests.append(request)
            fault = fault_kinds.choose(self.faults, request)
        client = request.token or "ip"
        with self.throttle.reserved(client) as allowed:
            answer = self._throttled_or_carried_out(request, allowed, fault)
        if not answer.cut:
            request.status = answer.status
            answer = attrs.evolve(answer, headers={**self.throttle.headers(client, allowed), **answer.headers})
        return answer

    def _throttled_or_carried_out(self, request: Request, allowed: bool, fault: Fault) -> Answer:
        if not allowed:
            return fault_kinds.throttled_answer(self.behaviour.throttled_status)
        return fault.respond(self.application.answer(request) if fault.processed else Answer(500))
