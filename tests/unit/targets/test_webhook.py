"""Tests the webhook target against a real local server, with the faults that a receiver can have."""

from __future__ import annotations

import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import copy

import attrs
import pytest
import standardwebhooks

from course_sync_plugin import __version__
from course_sync_plugin.data import Answer, FailedOperation, Message
from course_sync_plugin.exceptions import (
    ConfigurationError,
    CourseSyncError,
    PermanentError,
    RateLimited,
    TargetGone,
    TransientError,
)
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.signing import generate_secret
from course_sync_plugin.targets.webhook import ANSWER_BYTES, WebhookTarget
from course_sync_plugin.testing.contract import TITLE, TargetContract, course_creation, envelope
from course_sync_plugin.testing.faults import GARBLED, Drip, Drop, Fail, Garble, Hold, Refuse, poison
from course_sync_plugin.testing.receiver import Receiver

#: Seconds that a deadline of half a second may take on a busy machine. Without the deadline the test never ends.
SOON = 15


def config(receiver: Receiver, **changes) -> TargetConfig:
    values = TargetConfig("crm", receiver.url, receiver.secrets, allowed_private_hosts=("127.0.0.1",))
    return attrs.evolve(values, **changes)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def target(receiver) -> Iterator[WebhookTarget]:
    target = WebhookTarget(config(receiver))
    yield target
    target.close()


@pytest.fixture
def hasty(receiver) -> Iterator[WebhookTarget]:
    """A target with a deadline of half a second."""
    target = WebhookTarget(config(receiver, deadline_seconds=0.5))
    yield target
    target.close()


def error_of(target: WebhookTarget, message: Message | None = None) -> CourseSyncError:
    with pytest.raises(CourseSyncError) as raised:
        target.send(message or envelope(*course_creation()))
    return raised.value


class TestContract(TargetContract):
    target_class = WebhookTarget

    def setup_method(self):
        self.receiver = Receiver().start()
        self.is_running = True

    def teardown_method(self):
        if self.is_running:
            self.receiver.stop()

    def config(self, **changes):
        return config(self.receiver, **changes)

    def effect(self):
        return {course_id: replica.as_dict() for course_id, replica in self.receiver.inbox.replicas.items()}

    def make_silent(self):
        self.receiver.faults.append(Hold(60))

    def make_unreachable(self):
        self.receiver.stop()
        self.is_running = False

    def make_broken(self):
        self.receiver.faults.append(Refuse(500))

    def make_busy(self, seconds):
        self.receiver.faults.append(Refuse(429, headers={"Retry-After": str(seconds)}))

    def make_refuse(self):
        self.receiver.faults.append(Refuse(400))

    def make_gone(self):
        self.receiver.faults.append(Refuse(410))

    def make_garble(self):
        self.receiver.faults.append(Garble())

    def make_fail(self, operation_id):
        self.receiver.faults.append(Fail(operation_id=operation_id))


# The messages that are sent


def test_the_request(receiver, target):
    message = envelope(*course_creation())
    target.send(message)
    (request,) = receiver.requests
    assert request.body == message.body
    assert request.headers["webhook-id"] == message.message_id
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 5
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == f"course-sync-plugin/{__version__}"
    assert standardwebhooks.Webhook(receiver.secret).verify(request.body, request.headers)


def test_the_same_message_again_has_its_id_and_bytes_and_a_fresh_timestamp(receiver, target):
    message = envelope(*course_creation())
    target.send(message)
    time.sleep(1.01)
    target.send(message)
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(first.headers["webhook-timestamp"]) < int(second.headers["webhook-timestamp"])
    assert receiver.counters["redelivered"] == 1
    assert receiver.violations == []


def test_while_a_secret_is_rotated_both_are_good(receiver):
    target = WebhookTarget(config(receiver, secrets=(generate_secret(), receiver.secret)))
    assert target.send(envelope(*course_creation())) == Answer()
    target.close()


def test_the_connection_is_used_again(receiver, target, monkeypatch):
    connections = []
    connect = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: connections.append(a) or connect(*a, **k))
    for _ in range(5):
        target.send(envelope(*course_creation()))
    assert len(receiver.requests) == 5
    assert len(connections) == 1


def test_proxies_and_passwords_of_the_environment_are_ignored(receiver, target, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password geheim\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    target.send(envelope())
    assert "Authorization" not in receiver.requests[0].headers


def test_cookies_are_not_kept(receiver, target):
    receiver.faults.append(Refuse(200, headers={"Set-Cookie": "a=b"}))
    target.send(envelope())
    target.send(envelope())
    assert "Cookie" not in receiver.requests[1].headers


# Receivers that give no answer


def test_a_receiver_that_accepts_no_connections():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}/"
        target = WebhookTarget(TargetConfig("crm", url, (generate_secret(),), allowed_private_hosts=("127.0.0.1",)))
        error = error_of(target)
    assert type(error) is TransientError
    assert "accepts no connections" in error.message


def test_a_receiver_that_does_not_take_the_connection():
    """A full backlog drops new connections, so the connecting itself hangs."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        target = WebhookTarget(
            TargetConfig(
                "crm",
                f"http://127.0.0.1:{address[1]}/",
                (generate_secret(),),
                deadline_seconds=0.4,
                allowed_private_hosts=("127.0.0.1",),
            )
        )
        began = time.monotonic()
        error = error_of(target)
        for one in waiting:
            one.close()
    assert type(error) is TransientError
    assert "could not be reached in time" in error.message
    assert time.monotonic() - began < SOON


def test_a_receiver_that_takes_the_connection_and_nothing_else():
    """The receiver's buffers fill up, so the sending itself hangs."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        target = WebhookTarget(
            TargetConfig("crm", url, (generate_secret(),), deadline_seconds=0.4, allowed_private_hosts=("127.0.0.1",))
        )
        began = time.monotonic()
        error = error_of(target, Message("msg_1", b"x" * 20_000_000, "course", ()))
    assert type(error) is TransientError
    assert "within 0.4 s" in error.message
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize("processed", [False, True])
def test_a_receiver_that_drops_the_connection(receiver, target, processed):
    receiver.faults.append(Drop(processed=processed))
    message = envelope(*course_creation())
    error = error_of(target, message)
    assert type(error) is TransientError
    assert "closed the connection" in error.message
    assert receiver.counters["applied"] == (2 if processed else 0)
    assert target.send(message) == Answer()
    assert receiver.counters["applied"] == 2
    assert receiver.counters["duplicates"] == (2 if processed else 0)
    assert receiver.violations == []


@pytest.mark.parametrize(
    "fault",
    [Hold(60), Drip(part="headers", pause=0.02), Drip(part="body", pause=0.02)],
    ids=["silent", "dripping headers", "dripping body"],
)
def test_the_deadline_is_absolute(receiver, hasty, fault):
    receiver.faults.append(copy(fault))
    message = envelope(*course_creation())
    began = time.monotonic()
    error = error_of(hasty, message)
    took = time.monotonic() - began
    assert type(error) is TransientError
    assert "within 0.5 s" in error.message
    assert 0.4 < took < SOON
    assert hasty.send(message) == Answer()  # on a connection of its own


@pytest.mark.parametrize("headers", [{"Connection": "close"}, {}], ids=["closed", "left open"])
def test_an_answer_that_is_cut_off_is_none(receiver, hasty, headers):
    """Its status was 200, but the missing part could have reported failed operations."""
    receiver.faults.append(Refuse(200, headers={"Content-Length": "500", **headers}, body=b'{"failed": []}'))
    assert type(error_of(hasty)) is TransientError


def test_what_is_not_http(receiver):
    with speaking(receiver, b"220 mail.example.org ESMTP\r\n") as target:
        error = error_of(target)
    assert type(error) is TransientError
    assert "not HTTP" in error.message


@contextmanager
def speaking(receiver: Receiver, *answers: bytes) -> Iterator[WebhookTarget]:
    """Yield a target whose receiver answers every request with these bytes."""

    def speak() -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            for answer in answers:
                connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                """Closed with a part of the request unread, it would be reset, and the answer lost."""

    with socket.create_server(("127.0.0.1", 0)) as listening:
        target = WebhookTarget(config(receiver, url=f"http://127.0.0.1:{listening.getsockname()[1]}/"))
        thread = threading.Thread(target=speak)
        thread.start()
        yield target
        target.close()
        thread.join()


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("interim", [[HINTS], [PROCESSING] * 3, [CONTINUE], [CONTINUE, HINTS, PROCESSING]])
def test_interim_answers_are_skipped(receiver, interim):
    with speaking(receiver, *interim, DONE) as target:
        assert target.send(envelope(*course_creation())) == Answer()
    with speaking(receiver, *interim, BUSY) as target:
        error = error_of(target)
    assert (type(error), error.context["status"]) == (TransientError, 503)


def test_interim_answers_without_end_are_no_answer(receiver):
    with speaking(receiver, *[HINTS] * 1000) as target:
        assert type(error_of(target)) is TransientError


def test_switching_protocols_is_no_interim_answer(receiver):
    with speaking(receiver, b"HTTP/1.1 101 Switching Protocols\r\n\r\n") as target:
        assert type(error_of(target)) is PermanentError


# The meaning of an answer


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (400, {}, PermanentError),
        (401, {}, ConfigurationError),
        (404, {}, PermanentError),
        (413, {}, PermanentError),
        (422, {}, PermanentError),
        (301, {"Location": "/elsewhere"}, PermanentError),
        (302, {"Location": "http://169.254.169.254/"}, PermanentError),
        (307, {"Location": "/elsewhere"}, PermanentError),
        (408, {}, TransientError),
        (425, {}, TransientError),
        (429, {}, RateLimited),
        (500, {}, TransientError),
        (503, {"Retry-After": "later"}, TransientError),
        (503, {"Retry-After": "-1"}, TransientError),
        (429, {"Retry-After": "30"}, RateLimited),
        (503, {"Retry-After": "30"}, RateLimited),
        (410, {}, TargetGone),
    ],
)
def test_a_refusal(receiver, target, status, headers, expected):
    receiver.faults.append(Refuse(status, headers=headers, body=b"geheim"))
    error = error_of(target)
    assert type(error) is expected
    assert len(receiver.requests) == 1  # no redirect was followed, nothing was repeated
    assert error.context["status"] == status
    assert error.context["target"] == "crm"
    assert error.context["course"] == "course-v1:Contract+Suite+1"
    assert "geheim" not in f"{error} {error.context}"


def test_a_redirect_says_what_to_do(receiver, target):
    receiver.faults.append(Refuse(301, headers={"Location": "/elsewhere"}))
    assert "redirects are not followed" in error_of(target).message


def test_a_huge_wait_is_cut_to_a_day(receiver, target):
    receiver.faults.append(Refuse(503, headers={"Retry-After": "999999999"}))
    assert error_of(target).retry_after == 86400


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"ok"),
        (201, b"<html>"),
        (202, b"[]"),
        (204, b""),
        (299, b"null"),
        (200, b'{"failed": null}'),
        (200, b'{"carried_out": 2}'),
        (200, b"\xff\xfe\x00"),
        (200, "Größe: {".encode("latin-1")),
        (200, b"[" * 60000),
        (200, b"9" * 60000),
    ],
)
def test_every_success_is_one(receiver, target, status, body):
    receiver.faults.append(Refuse(status, body=body, processed=True))
    assert target.send(envelope(*course_creation())) == Answer()
    assert target.send(envelope()) == Answer()


def test_a_partial_failure(receiver, target):
    course, section = course_creation()
    receiver.faults.append(Fail(entity_id=section.entity_id, reason="no such class", retry=True))
    message = envelope(course, section)
    assert target.send(message) == Answer((FailedOperation(section.id, "no such class", True),))
    assert target.send(message) == Answer()  # it was not recorded, so it is carried out now
    assert receiver.counters["duplicates"] == 1


def test_poison(receiver, target):
    course, section = course_creation()
    receiver.faults.append(poison(section.entity_id))
    for _ in range(2):
        assert type(error_of(target, envelope(course, section))) is PermanentError
    assert target.send(envelope(course)) == Answer()


@pytest.mark.parametrize("form", GARBLED)
def test_a_report_that_cannot_be_understood_is_a_success_with_a_warning(receiver, target, form):
    receiver.faults.append(Garble(form))
    answer = target.send(envelope(*course_creation()))
    assert answer.failed == ()
    assert "cannot be understood" in answer.warning
    assert target.send(envelope()) == Answer()


def test_an_oversized_answer_is_not_read(receiver, target):
    size = 50_000_000
    receiver.faults.append(Refuse(200, body=b"x" * size))
    tracemalloc.start()
    try:
        assert target.send(envelope()) == Answer()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * ANSWER_BYTES
    assert target.send(envelope()) == Answer()


@pytest.mark.parametrize("first", [{}, {"applied": 99}, {"failed": []}], ids=["alone", "second", "named twice"])
def test_a_long_report_of_failures_is_read(receiver, target, first):
    """A hundred operations may each fail with a long reason, after other text in the answer."""
    course, section = course_creation()
    listed = [{"id": f"of somebody else {at}", "reason": "x" * 5000} for at in range(100)]
    report = json.dumps({"failed": [*listed, {"id": section.id, "reason": "no such class"}]})[1:]
    body = f"{json.dumps(first)[:-1]}{', ' if first else ''}{report}".encode()
    receiver.faults.append(Refuse(200, body=body, processed=True))
    answer = target.send(envelope(course, section))
    assert answer.failed == (FailedOperation(section.id, "no such class"),)
    assert "name no operation of the message: 100" in answer.warning


@pytest.mark.parametrize(
    "start", ['{"failed": [{"', '{"applied": 1, "', '\n {\n"', "\ufeff{", " " * ANSWER_BYTES + "{"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_an_oversized_object_does_not_pass_for_success(receiver, target, start, encoding):
    """It counts as a permanent refusal, so the lane sends smaller envelopes, and their answers are short enough."""
    receiver.faults.append(Refuse(200, body=(start + "x" * ANSWER_BYTES).encode(encoding), processed=True))
    error = error_of(target)
    assert type(error) is PermanentError
    assert f"more than {ANSWER_BYTES} bytes" in error.message
    assert "shorter" in error.message


# Errors show no secrets and no content


@pytest.mark.parametrize("fault", [Refuse(400), Refuse(503), Drop()], ids=["refused", "no answer", "dropped"])
def test_errors_show_neither_url_nor_secret_nor_content(receiver, fault):
    receiver.faults.append(copy(fault))
    target = WebhookTarget(config(receiver, url=f"{receiver.url}hook/geheim?token=geheim"))
    error = error_of(target)
    shown = f"{error!r} {error} {error.context}"
    assert "geheim" not in shown
    assert TITLE not in shown
    assert receiver.secret not in shown
    assert error.__cause__ is None
    assert "127.0.0.1:" in error.message
    target.close()


# Checking and testing a target


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"secrets": ()}, "secret"),
        ({"secrets": ("whsec_####",)}, "base64"),
        ({"allowed_private_hosts": ()}, "https://"),
        ({"url": "https://me:geheim@crm.example.org/"}, "user name"),
        ({"options": {"retry_shedule": [1]}}, "Did you mean 'retry_schedule'"),
    ],
)
def test_a_wrong_configuration_is_refused(receiver, changes, words):
    with pytest.raises(ConfigurationError, match=words) as refused:
        WebhookTarget.check(config(receiver, **changes))
    assert "geheim" not in str(refused.value)


def test_a_test_message_is_accepted(receiver, target):
    report = target.test()
    assert (report.ok, report.status) == (True, 200)
    assert "accepted the test message" in report.explanation
    assert 0 < report.seconds < 5
    (message,) = receiver.messages
    assert message["type"] == "course_sync.test"
    assert receiver.inbox.replicas == {}


@pytest.mark.parametrize("form", ["gzip", "latin-1", "cut off", "unknown id"])
def test_a_test_says_that_an_answer_is_not_understood(receiver, target, form):
    receiver.faults.append(Garble(form))
    report = target.test()
    assert (report.ok, report.status) == (True, 200)
    assert "accepted the test message with 200. The answer's report" in report.explanation


def test_a_test_of_a_receiver_whose_answers_are_too_long(receiver, target):
    receiver.faults.append(Refuse(200, body=b"{" + b"x" * ANSWER_BYTES))
    report = target.test()
    assert not report.ok
    assert "shorter" in report.explanation


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        (Refuse(401, body=b'{"error": "bad\nsignature"}'), 401, 'It says: {"error": "bad signature"}'),
        (Refuse(404, headers={"Content-Type": "text/html"}, body=b"<html>"), 404, "Check the URL of the target."),
        (Refuse(301, headers={"Location": "/x"}), 301, "Give its final URL with 'set-url'."),
        (Refuse(503), 503, "counts as no answer"),
        (Refuse(410), 410, "permanently gone"),
        (Drop(), None, "closed the connection"),
        (Hold(60), None, "did not answer within 0.5 s"),
        (Drip(part="headers"), None, "did not answer within 0.5 s"),
    ],
)
def test_a_test_explains_what_came_back(receiver, hasty, fault, status, words):
    receiver.faults.append(copy(fault))
    report = hasty.test()
    assert (report.ok, report.status) == (False, status)
    assert words in report.explanation
    assert report.seconds < SOON


def test_a_test_with_the_wrong_secret(receiver):
    target = WebhookTarget(config(receiver, secrets=(generate_secret(),)))
    report = target.test()
    assert "Compare secrets and clocks" in report.explanation
    assert receiver.counters["rejected"] == 1
    target.close()


def test_a_test_of_an_address_that_is_not_allowed(receiver):
    report = WebhookTarget(config(receiver, allowed_private_hosts=())).test()
    assert "COURSE_SYNC_ALLOWED_PRIVATE_HOSTS" in report.explanation
    assert receiver.requests == []
