"""Each attempt to send is kept: one row for each request that the receiver saw, and never a secret."""

from __future__ import annotations

import base64
import gzip
import json
import time
from urllib.parse import quote

import attrs
import pytest
from django.db import connections

from course_sync_plugin import api
from course_sync_plugin.lanes.claim import claim_lane
from course_sync_plugin.lanes.deliver import LaneTurn
from course_sync_plugin.models import Attempt, DatabaseNow, Lane, Problem, Target
from course_sync_plugin.sanitize.redaction import MARK
from course_sync_plugin.secrets import encrypt
from course_sync_plugin.testing.faults import Drip, Drop, Fail, Fault, Garble, Hold, Refuse, Response, poison
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, a_course, block, own_queries
from tests.integration.one_lane import let_time_pass, publish, renamed, the_lane

pytestmark = pytest.mark.django_db(transaction=True)

UNIT = block("vertical", "unit-0-0")
TOKEN = "t0ken/with+special=characters&more"


@pytest.fixture
def course(shelf, receiver, settings):
    """Publish and deliver a course; leave no row of that."""
    settings.COURSE_SYNC_RETRY_SCHEDULE = [600, 600]
    publish(shelf, "1")
    api.deliver_until_empty()
    Attempt.objects.all().delete()
    receiver.requests.clear()
    return shelf


def attempt_after(course, receiver, *faults: Fault) -> Attempt:
    """Publish a change, deliver it with these faults, and return the row of the first attempt."""
    receiver.faults.extend(faults)
    publish(course, "2", titles=renamed("unit-0-0"))
    api.deliver_until_empty()
    return Attempt.objects.order_by("pk")[0]


@pytest.mark.story(18)
@pytest.mark.parametrize(
    ("fault", "status", "error_class", "failed"),
    [
        (Fault(), 200, "", 0),
        (Fail(entity_id=UNIT, reason="no room"), 200, "", 1),
        (Fail(entity_id=UNIT, reason="locked", retry=True), 200, "TransientError", 1),
        (Garble(), 200, "", 0),
        (Refuse(400), 400, "PermanentError", 0),
        (Refuse(413), 413, "PermanentError", 0),
        (Refuse(302, headers={"Location": "/login"}), 302, "PermanentError", 0),
        (Refuse(401), 401, "ConfigurationError", 0),
        (Refuse(410), 410, "TargetGone", 0),
        (Refuse(500), 500, "TransientError", 0),
        (Refuse(429), 429, "RateLimited", 0),
        (Refuse(429, headers={"Retry-After": "7"}), 429, "RateLimited", 0),
        (Refuse(503, headers={"Retry-After": "7"}), 503, "RateLimited", 0),
        (Drop(), None, "TransientError", 0),
        (Refuse(200, headers={"Content-Length": "500", "Connection": "close"}), 200, "TransientError", 0),
    ],
    ids=lambda value: type(value).__name__ + str(getattr(value, "status", "")) if isinstance(value, Fault) else "",
)
def test_what_is_kept_of_an_attempt(course, receiver, fault, status, error_class, failed):
    attempt = attempt_after(course, receiver, attrs.evolve(fault))
    lane = the_lane()
    request = receiver.requests[0]
    assert (attempt.lane_id, attempt.target_id) == (lane.pk, lane.target_id)
    assert (attempt.status, attempt.error_class, attempt.failed) == (status, error_class, failed)
    assert bool(attempt.error) == bool(error_class or isinstance(fault, Garble))
    assert attempt.message_id == request.headers["webhook-id"]
    assert attempt.sequence == json.loads(request.body)["data"]["sequence"]
    assert (attempt.operations, attempt.first, attempt.last) == (1, 12, 12)
    assert 0 < attempt.seconds < 30
    now = Attempt.objects.annotate(now=DatabaseNow()).values_list("now", flat=True)[0]
    assert 0 < (now - attempt.began_at).total_seconds() < 30


def test_the_first_message_of_a_lane_begins_with_the_first_operation(shelf, receiver):
    publish(shelf, "1")
    api.deliver_until_empty()
    assert Attempt.objects.values_list("first", "last").get() == (1, 11)


@pytest.mark.parametrize(
    ("status", "error_class"), [(500, "TransientError"), (401, "ConfigurationError"), (410, "TargetGone")]
)
def test_the_class_of_the_lane_s_error(course, receiver, status, error_class):
    attempt_after(course, receiver, Refuse(status))
    assert the_lane().error_class == error_class
    assert bool(Target.objects.get().disabled_reason) == (status == 410)


def test_a_lane_has_no_error_after_an_answer(course, receiver):
    """Its turn may end before it finds that there is nothing more to send."""
    attempt_after(course, receiver, Refuse(500))
    let_time_pass()
    LaneTurn(claim_lane(the_lane().pk), -1).run()
    lane = the_lane()
    assert (lane.last_error, lane.error_class, lane.attempts, lane.due_at is None) == ("", "", 0, False)


def test_a_target_that_cannot_be_opened(course):
    Target.objects.update(secret="not encrypted by us")
    publish(course, "2", titles=renamed("unit-0-0"))
    api.deliver_until_empty()
    assert (the_lane().failing, the_lane().error_class) == (True, "ConfigurationError")
    assert not Attempt.objects.exists(), "no request was made"


@pytest.mark.parametrize(
    ("faults", "rounds", "error_class", "status"),
    [
        ([poison(UNIT, 422)], 1, "PermanentError", 422),
        ([Fail(entity_id=UNIT, reason="no room")], 1, "PermanentError", 200),
        ([Fail(entity_id=UNIT, reason="locked", retry=True, times=None)], 3, "TransientError", 200),
    ],
    ids=["refused alone", "reported", "reported to be sent again"],
)
def test_a_problem_has_the_class_and_the_status_of_its_error(course, receiver, faults, rounds, error_class, status):
    receiver.faults.extend(map(attrs.evolve, faults))
    publish(course, "2", titles=renamed("unit-0-0"))
    for _ in range(rounds):
        api.deliver_until_empty()
        let_time_pass()
    problem = Problem.objects.get()
    assert (problem.error_class, problem.status, problem.closed_at) == (error_class, status, None)
    assert Attempt.objects.count() == len(receiver.requests) == rounds


@pytest.mark.parametrize("fault", [Refuse(500), Drop(), Fault()], ids=["refused", "no answer", "accepted"])
def test_the_head_of_the_request_is_kept_without_what_is_secret(course, receiver, fault):
    """The path and the query of an address may hold a token."""
    Target.objects.update(url=f"{receiver.url}/hooks/s3cr3t-t0ken-0f-the-receiver?key=0therS3cret")
    attempt = attempt_after(course, receiver, fault)
    sent = receiver.requests[0].headers
    request, *headers = attempt.request.split(" | ")
    assert request == "POST " + receiver.url.removesuffix("/") + MARK
    assert headers == [
        "Content-Type: application/json",
        f"Content-Length: {sent['Content-Length']}",
        f"webhook-id: {attempt.message_id}",
        f"webhook-timestamp: {sent['webhook-timestamp']}",
        "webhook-signature: ...",
    ]
    for secret in ("s3cr3t", "0therS3cret", "hooks", sent["webhook-signature"].partition(",")[2]):
        assert secret not in attempt.request


@pytest.mark.parametrize("how", ["retried", "skipped", "course deleted"])
def test_a_closed_problem_says_when(course, receiver, how):
    attempt_after(course, receiver, Fail(entity_id=UNIT))
    if how == "skipped":
        api.skip("crm", api.problems()[0].operation_id)
    elif how == "retried":
        api.retry("crm")
        assert Problem.objects.get().closed_at is None, "it is open until the repair is planned"
    else:
        course.delete()
        api.sync_course(COURSE)
        api.approve([plan.token for plan in api.held_plans()])
    api.deliver_until_empty()
    problem = Problem.objects.get()
    assert problem.closed_at >= problem.since


@pytest.mark.story(18)
def test_one_row_for_each_request(course, receiver, settings):
    """Refusals sent again in halves, retries, rate limits, silence, garbled reports: both sides count alike."""
    settings.COURSE_SYNC_RETRY_SCHEDULE = [600] * 9
    receiver.faults += [
        Refuse(500), Refuse(429, headers={"Retry-After": "1"}), Drop(), Drop(processed=True), poison(UNIT), Garble(),
        Fail(entity_id=block("vertical", "unit-0-1"), retry=True),
    ]  # fmt: skip
    for version in range(2, 5):
        publish(course, str(version), titles={f"unit-{at}-{n}": f"{version}" for at in range(2) for n in range(3)})
        for _ in range(5):
            api.deliver_until_empty()
            let_time_pass()
    kept = list(Attempt.objects.order_by("pk").values_list("message_id", "operations"))
    seen = [(one.headers["webhook-id"], len(json.loads(one.body)["data"]["operations"])) for one in receiver.requests]
    assert kept == seen
    assert len(kept) > 10
    assert the_lane().cursor == the_lane().end


def test_a_request_during_which_the_process_is_stopped(course, receiver):
    """It is counted at once, and its own end, with a lease that is lost, writes nothing."""
    publish(course, "2", titles=renamed("unit-0-0"))
    turn = LaneTurn(claim_lane(the_lane().pk), 20)

    class Stop(Fault):
        def respond(self, response: Response) -> Response:
            turn.give_up()
            connections.close_all()  # this thread of the receiver has a connection of its own
            return response

    receiver.faults.append(Stop())
    turn.run()
    attempt = Attempt.objects.get()
    assert (attempt.status, attempt.error_class) == (None, "TransientError")
    assert attempt.error == "The receiver had not answered when the process was stopped; the message is sent again."
    assert 0 <= attempt.seconds < time.monotonic() - turn.began


def test_giving_up_without_a_request_keeps_no_row(course):
    publish(course, "2", titles=renamed("unit-0-0"))
    LaneTurn(claim_lane(the_lane().pk), 20).give_up()
    assert not Attempt.objects.exists()


def test_a_lost_lease_keeps_no_row(course, receiver):
    """The row belongs to the verdict, and a worker that has lost its lease writes none."""
    publish(course, "2", titles=renamed("unit-0-0"))
    turn = LaneTurn(claim_lane(the_lane().pk), 20)
    Lane.objects.update(lease_token="theirs")
    turn.run()
    assert not Attempt.objects.exists()


def test_a_target_that_keeps_nothing_still_has_attempts(course, receiver, monkeypatch):
    """As targets of other packages do that know nothing of exchanges."""
    monkeypatch.setattr("course_sync_plugin.targets.http.exchange.Kept.exchange", lambda self: None)
    attempt = attempt_after(course, receiver, Refuse(500))
    assert (attempt.status, attempt.head, attempt.body, attempt.error_class) == (500, "", "", "TransientError")


def test_the_number_of_queries_of_an_envelope(course, receiver):
    """One INSERT for each attempt, however many operations it has and however many attempts there were."""
    counts = []
    for version, names in (("2", ["unit-0-0"]), ("3", [f"unit-{at}-{n}" for at in range(2) for n in range(3)])):
        publish(course, version, titles=dict.fromkeys(names, version))
        with own_queries() as queries:
            api.deliver_lane(the_lane().pk)
        counts.append(len(queries))
        assert sum(query.startswith("INSERT") and "course_sync_attempt" in query for query in queries) == 1
        assert not [query for query in queries if "course_sync_attempt" in query and "INSERT" not in query]
    assert counts[0] == counts[1]


# What the receiver says


def said(course, receiver, body: bytes, status: int = 400, **headers: str) -> Attempt:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return attempt_after(course, receiver, Refuse(status, headers=named, body=body))


@pytest.mark.parametrize(
    ("body", "content_type", "shown"),
    [
        (b"the class is full", "text/plain", "the class is full"),
        ("größer".encode("latin-1"), "text/plain; charset=iso-8859-1", "größer"),
        ("größer".encode("latin-1"), "text/plain", "größer"),
        ("größer".encode(), "", "größer"),
        ("größer".encode("utf-16"), "text/plain", "größer"),
        (b"<html>\n<h1>Error</h1>\x1b[2J</html>", "text/html", "<html> <h1>Error</h1>\ufffd[2J</html>"),
        (gzip.compress(b"secret"), "text/plain", "(a compressed body)"),
        (b"\x89PNG\0\0\0\x0d", "image/png", "(a body that is not text)"),
        ("😀".encode(), "", "\ufffd"),
        (b"", "", ""),
    ],
    ids=["ascii", "latin-1", "latin-1 undeclared", "utf-8", "utf-16", "html", "gzip", "picture", "emoji", "empty"],
)  # fmt: skip
def test_the_body(course, receiver, body, content_type, shown):
    assert said(course, receiver, body, Content_Type=content_type).body == shown


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("body", [b"x" * 300_000, "ü".encode() * 150_000], ids=["ascii", "two bytes each"])
def test_a_huge_body(course, receiver, status, body):
    attempt = said(course, receiver, body, status)
    assert len(attempt.body.encode()) in (2047, 2048)


def test_a_slow_body_takes_no_longer_than_the_deadline(course, receiver, settings):
    settings.COURSE_SYNC_LEASE_SECONDS = 2
    began = time.monotonic()

    class SlowRefusal(Drip):
        def respond(self, response: Response) -> Response:
            return attrs.evolve(super().respond(response), status=422)

    attempt = attempt_after(course, receiver, SlowRefusal(part="body", pause=0.05))
    assert time.monotonic() - began < 8
    assert (attempt.status, attempt.error_class, attempt.body) == (422, "PermanentError", "")
    assert attempt.seconds < 2


def test_a_silent_receiver(course, receiver, settings):
    settings.COURSE_SYNC_LEASE_SECONDS = 1
    attempt = attempt_after(course, receiver, Hold(30, processed=False))
    assert (attempt.status, attempt.head, attempt.error_class) == (None, "", "TransientError")
    assert 0.4 < attempt.seconds < 5


def test_only_some_headers_are_kept(course, receiver):
    attempt = said(
        course, receiver, b"", Content_Type="text/plain", X_Request_Id="r-17", Retry_After="0", Set_Cookie="id=hidden",
        X_Debug_Headers="webhook-signature: hidden", Location="https://user:hidden@login.example.org:8443/hidden?hidden",
    )  # fmt: skip
    assert "Content-Type: text/plain | " in attempt.head
    assert "X-Request-Id: r-17" in attempt.head
    assert "Location: login.example.org:8443" in attempt.head
    assert "hidden" not in attempt.head


class Echo(Fault):
    """Repeats what it was sent, as a debug page does, in some notation."""

    def __init__(self, receiver: Receiver, notation, status: int):
        super().__init__(times=1)
        self.receiver, self.notation, self.status = receiver, notation, status

    def respond(self, response: Response) -> Response:
        request = self.receiver.requests[-1]
        secret = self.receiver.secret
        key = base64.b64decode(secret.removeprefix("whsec_"))
        lines = [
            *(f"{name}: {value}" for name, value in request.headers.items() if name != "Content-Length"),
            f"path {request.path}", f"secret {secret}", f"short {secret.removeprefix('whsec_')}", f"hex {key.hex()}",
            f"upper {key.hex().upper()}", "Authorization: Bearer abcdefghijkl-mnop", '{"cookie": "session=abcd"}',
        ]  # fmt: skip
        body = "the end" if self.notation is None else self.notation("\n".join(lines)) + "\n the end"
        headers = {"X-Request-Id": secret, "Server": f"it {request.headers['webhook-signature']}"}
        return Response(self.status, body.encode(), headers)


NOTATIONS = {
    "plain": lambda text: text,
    "json": json.dumps,
    "json with escaped slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "json in json": lambda text: json.dumps(json.dumps(text).replace("/", "\\/")),
    "percent": lambda text: quote(text, safe=" :"),
    "html": lambda text: text.replace("&", "&amp;").replace("=", "&#x3D;").replace("/", "&#x2F;").replace("+", "&#43;"),
    "base64 of URLs": lambda text: text.replace("+", "-").replace("/", "_"),
    "form": lambda text: text.replace("+", " "),
}


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize("notation", NOTATIONS.values(), ids=NOTATIONS.keys())
def test_a_receiver_that_repeats_secrets(shelf, receiver, settings, notation, status):
    settings.COURSE_SYNC_RETRY_SCHEDULE = [600]
    url = f"{receiver.url}hooks/{TOKEN}?key={TOKEN}&mode=full"
    Target.objects.update(url=url, secret=encrypt(receiver.secret))
    receiver.faults.append(Echo(receiver, notation, status))
    publish(shelf, "1")
    api.deliver_until_empty()
    attempt = Attempt.objects.order_by("pk")[0]
    request = receiver.requests[0]
    kept = f"{attempt.head} {attempt.body} {attempt.error} {the_lane().last_error}"
    assert "the end" in attempt.body
    assert MARK in attempt.body
    assert MARK in attempt.head
    secret = receiver.secret.removeprefix("whsec_")
    key = base64.b64decode(secret)
    hidden = [*parts(secret), *parts(request.headers["webhook-signature"].partition(",")[2]), "t0ken", "characters"]
    hidden += [key.hex(), key.hex().upper(), "abcdefghijkl", "session=abcd", "mode=full"]
    assert [one for one in hidden if one in kept] == []


def parts(secret: str) -> list[str]:
    """Return the parts of a secret that stay the same in every notation, as far as they are long enough to tell."""
    return [one for one in secret.replace("+", "/").replace("=", "/").split("/") if len(one) >= 5]


def test_a_secret_at_the_end_of_what_is_kept(course, receiver):
    """The body is cut after the secrets are removed, so no beginning of one is left."""
    body = b"x" * 2030 + receiver.secret.encode() + b"y" * 100_000
    assert receiver.secret[6:12] not in said(course, receiver, body).body


def test_a_reason_that_repeats_the_secret(course, receiver):
    attempt_after(course, receiver, Fail(entity_id=UNIT, reason=f"expected {receiver.secret}"))
    assert Problem.objects.get().reason == f"expected {MARK}"


def test_a_course_is_still_delivered(course, receiver):
    attempt_after(course, receiver)
    assert receiver.difference(a_course("2", titles=renamed("unit-0-0"))) == []
