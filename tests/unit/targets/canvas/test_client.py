"""What the client sends, and what becomes of answers that do not come, or are no JSON."""

from __future__ import annotations

import logging
import time

import pytest

from course_sync_plugin import __version__
from course_sync_plugin.exceptions import (
    ConfigurationError,
    CourseSyncError,
    PermanentError,
    RateLimited,
    TransientError,
)
from course_sync_plugin.targets.canvas import client as client_module
from course_sync_plugin.targets.canvas import courses, modules
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.faults import Drop, Hang, Refuse, maintenance
from tests.unit.targets.canvas.conftest import config_of

#: Seconds that a deadline of half a second may take on a busy machine. Without the deadline the test never ends.
SOON = 15


def test_the_request(canvas, course_id, client):
    modules.create(client, course_id, name="Bees")
    (request,) = canvas.requests
    assert request.headers["accept"] == "application/json+canvas-string-ids"
    assert request.headers["authorization"] == f"Bearer {canvas.token}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == f"course-sync-plugin/{__version__}"
    assert request.headers["accept-encoding"] == "identity"
    assert canvas.token not in request.path + request.query


@pytest.mark.parametrize("end", ["", "/"])
def test_the_url_may_end_in_a_slash(canvas, course_id, end):
    client = CanvasClient(config_of(canvas, url=canvas.url + end))
    assert courses.show(client, course_id).name == "Bees"
    client.close()


def test_connections_are_used_again(canvas, course_id, client):
    canvas.faults.append(Drop(path="/modules$"))
    courses.show(client, course_id)
    with pytest.raises(TransientError):
        modules.list_all(client, course_id)
    assert courses.show(client, course_id).name == "Bees"


@pytest.mark.parametrize("token", ["", "  "])
def test_a_token_is_needed(canvas, token):
    with pytest.raises(ConfigurationError, match="needs an access token"):
        CanvasClient(config_of(canvas, token=token))


@pytest.mark.parametrize("token", ["7~geheim\nX-Header: y", "7~geheim zwei", "7~gehéim"])
def test_what_cannot_be_a_token_is_not_sent_and_not_shown(canvas, token):
    with pytest.raises(ConfigurationError, match="new token") as error:
        CanvasClient(config_of(canvas, token=token))
    assert "geh" not in error.value.message


def test_spaces_around_the_token_are_left_out(canvas, course_id):
    client = CanvasClient(config_of(canvas, token=f" {canvas.token}\n"))
    assert courses.show(client, course_id).name == "Bees"
    client.close()


def test_a_private_address_must_be_allowed(canvas, course_id):
    client = CanvasClient(config_of(canvas, allowed_private_hosts=()))
    with pytest.raises(ConfigurationError, match="COURSE_SYNC_ALLOWED_PRIVATE_HOSTS"):
        courses.show(client, course_id)
    assert canvas.requests == []


# No answer


def test_a_hang_ends_at_the_deadline(canvas, course, course_id, hasty):
    canvas.faults.append(Hang(method="POST"))
    began = time.monotonic()
    with pytest.raises(TransientError, match=r"did not answer within 0\.5 s") as error:
        modules.create(hasty, course_id, name="Bees")
    assert time.monotonic() - began < SOON
    assert error.value.exchange.status is None
    sent, content_type, _length = error.value.exchange.request.split(" | ")
    assert sent == f"POST {canvas.url}/api/v1/courses/{course_id}/modules"
    assert content_type == "Content-Type: application/json"
    assert [one.name for one in course.modules.values()] == ["Bees"]  # the outcome was unknown, and it was carried out


@pytest.mark.parametrize("processed", [False, True])
def test_a_dropped_connection_is_no_answer_whatever_happened(canvas, course, course_id, client, processed):
    canvas.faults.append(Drop(method="POST", processed=processed))
    with pytest.raises(TransientError, match="closed the connection") as error:
        modules.create(client, course_id, name="Bees")
    assert type(error.value) is TransientError
    assert len(course.modules) == processed
    assert canvas.count("POST") == 1, "the client must not repeat a POST"


def test_nobody_listens():
    canvas = CanvasFake().start()
    canvas.stop()
    client = CanvasClient(config_of(canvas))
    with pytest.raises(TransientError, match="accepts no connections"):
        courses.show(client, "1")


@pytest.mark.parametrize("status", [200, 201, 503])
def test_a_maintenance_page_is_no_answer(canvas, course, course_id, client, status):
    canvas.faults.append(maintenance(status))
    with pytest.raises(TransientError) as error:
        modules.create(client, course_id, name="Bees")
    assert error.value.context == {"status": status, "target": "canvas"}
    assert error.value.exchange.status == status
    assert "down for maintenance" in error.value.exchange.body
    assert "maintenance</h1>" not in error.value.message


def test_a_maintenance_page_does_not_make_a_deletion_done(canvas, course, course_id, client):
    made = modules.create(client, course_id, name="Bees")
    canvas.faults += [maintenance(200), maintenance(404)]
    for _ in range(2):
        with pytest.raises(TransientError):
            modules.delete(client, course_id, made.id)
    assert not course.modules[int(made.id)].deleted


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"9" * 5000, b"[" * 100_000])
def test_an_answer_that_is_no_json_is_no_answer(canvas, course_id, client, body):
    canvas.faults.append(Refuse(200, body=body))
    with pytest.raises(TransientError, match="not with JSON"):
        courses.show(client, course_id)


#: Headers of an answer that ends before its announced length.
CUT_OFF = {"Content-Type": "application/json", "Content-Length": "1000", "Connection": "close"}


def test_an_answer_that_breaks_off(canvas, course_id, client):
    canvas.faults.append(Refuse(200, body=b'{"id":', headers=CUT_OFF))
    with pytest.raises(TransientError, match="answer") as error:
        courses.show(client, course_id)
    assert (error.value.exchange.status, error.value.exchange.body) == (200, "")


@pytest.mark.parametrize(("status", "expected"), [(400, PermanentError), (404, TransientError), (429, RateLimited)])
def test_a_refusal_that_breaks_off(canvas, course_id, client, status, expected):
    """The status decides. But a 404 whose text is not known may come from a proxy."""
    canvas.faults.append(Refuse(status, body=b'{"message":', headers=CUT_OFF))
    with pytest.raises(expected):
        courses.show(client, course_id)


def test_an_answer_that_is_too_long(canvas, course_id, client, monkeypatch):
    monkeypatch.setattr(client_module, "ANSWER_BYTES", 100)
    with pytest.raises(PermanentError, match="more than 100 bytes"):
        courses.show(client, course_id)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_an_error_of_the_server(canvas, course_id, client, status):
    canvas.faults.append(Refuse(status))
    with pytest.raises(TransientError, match=f"answered {status}"):
        courses.show(client, course_id)


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_not_followed(canvas, course_id, client, status):
    location = "https://other.example.org/login?ticket=12345678"
    canvas.faults.append(Refuse(status, headers={"Location": location}))
    with pytest.raises(ConfigurationError, match="set-url") as error:
        courses.show(client, course_id)
    assert len(canvas.requests) == 1
    assert "ticket" not in str(error.value.exchange)


# The token stays here


def test_the_token_is_nowhere(canvas, course_id, client, caplog):
    """Canvas, or a proxy before it, may repeat what it was sent: in errors, in texts and in headers."""
    secret = canvas.token.partition("~")[2]
    repeated = f'{{"errors":[{{"message":"Authorization: Bearer {canvas.token} and {secret} of {canvas.token}"}}]}}'
    headers = {"Content-Type": "application/json", "Server": canvas.token, "X-Request-Id": secret}
    statuses = (200, 400, 401, 403, 404, 409, 429, 500, 503)
    canvas.faults += [Refuse(status, body=repeated.encode(), headers=headers) for status in statuses]
    canvas.faults.append(Drop())
    errors = []
    with caplog.at_level(logging.DEBUG):
        for _ in range(len(statuses) + 1):
            with pytest.raises(CourseSyncError) as raised:
                courses.show(client, course_id)
            errors.append(raised.value)
    assert [error.exchange and error.exchange.status for error in errors] == [*statuses, None]
    shown = "".join(f"{error!r} {error.context} {error.exchange}" for error in errors)
    assert "[redacted]" in shown
    assert secret not in shown + caplog.text + repr(client) + repr(vars(client)["_config"])


def test_what_canvas_says_about_its_limits_is_stored(canvas, course_id, client):
    canvas.faults.append(Refuse(400))
    with pytest.raises(PermanentError) as error:
        courses.show(client, course_id)
    assert "X-Rate-Limit-Remaining: " in error.value.exchange.head
