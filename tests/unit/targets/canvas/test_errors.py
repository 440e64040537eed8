"""Each refusal of Canvas, and the error that it becomes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.exceptions import (
    ConfigurationError,
    CourseSyncError,
    PermanentError,
    RateLimited,
    TransientError,
    class_name,
)
from course_sync_plugin.targets.canvas import assignments, courses, items, modules, pages, topics
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.errors import NoRight, NotThere, canvas_error
from course_sync_plugin.targets.canvas.refusals import CHARACTERS, said
from course_sync_plugin.targets.canvas.throttling import WAIT, wait_for_units
from course_sync_plugin.testing.canvas.faults import Refuse, throttled
from tests.unit.targets.canvas.conftest import config_of


def error_of(call, *args, **values) -> CourseSyncError:
    with pytest.raises(CourseSyncError) as raised:
        call(*args, **values)
    return raised.value


# The token, and the rights


@pytest.mark.parametrize(
    ("state", "says"), [("expired", "Expired access token."), ("revoked", "Revoked access token.")]
)
def test_a_token_that_is_over(canvas, course_id, client, state, says):
    canvas.set_token(canvas.token, state)
    error = error_of(courses.show, client, course_id)
    assert type(error) is ConfigurationError
    assert "Give the target a new token" in error.message
    assert f"{state.capitalize()} access token." in error.message
    assert error.exchange.status == 401
    canvas.set_token(canvas.token, "valid")
    assert courses.show(client, course_id).name == "Bees"


def test_a_token_that_canvas_does_not_know(canvas, course_id):
    error = error_of(courses.show, CanvasClient(config_of(canvas, token="7~unknown")), course_id)
    assert (type(error), "Invalid access token." in error.message) == (ConfigurationError, True)


@pytest.mark.parametrize(("is_403", "status"), [(True, 403), (False, 401)])
def test_a_right_that_is_missing_concerns_one_object(canvas, course_id, is_403, status):
    canvas.behaviour.auth_error_updates = is_403
    student = CanvasClient(config_of(canvas, token=canvas.add_token(canvas.student.user)))
    error = error_of(modules.create, student, course_id, name="Bees")
    assert (type(error), class_name(error), error.context["status"]) == (NoRight, "PermanentError", status)
    assert "user not authorized to perform that action" in error.message
    assert courses.show(student, course_id).name == "Bees"
    student.close()


@pytest.mark.parametrize("is_403", [True, False])
def test_a_concluded_course(canvas, course, course_id, client, is_403):
    canvas.behaviour.auth_error_updates = is_403
    course.concluded = True
    error = error_of(modules.create, client, course_id, name="Bees")
    assert (type(error), "course is concluded" in error.message) == (NoRight, True)
    assert modules.list_all(client, course_id) == []


# Throttling


@pytest.mark.parametrize("status", [403, 429])
def test_throttling(canvas, course, course_id, client, status):
    canvas.behaviour.throttled_status = status
    canvas.throttle.fill(canvas.token, 700)
    error = error_of(modules.create, client, course_id, name="Bees")
    assert (type(error), error.context) == (RateLimited, {"status": status, "target": "canvas"})
    assert error.retry_after == pytest.approx(25, abs=1)  # 150 units are needed, 100 are missing: 10 leak each second
    assert error.exchange.status == status
    assert course.modules == {}


def test_after_the_wait_the_request_is_allowed(canvas, course_id):
    canvas.throttle.fill(canvas.token, 800)
    error = error_of(courses.show, CanvasClient(config_of(canvas)), course_id)
    canvas.clock.advance(error.retry_after)
    assert courses.show(CanvasClient(config_of(canvas)), course_id).name == "Bees"


@pytest.mark.parametrize("status", [403, 429])
def test_a_refusal_that_says_how_long(canvas, course_id, client, status):
    fault = throttled(status)
    canvas.faults.append(Refuse(status, body=fault.body, headers={**fault.headers, "Retry-After": "7"}))
    assert error_of(courses.show, client, course_id).retry_after == 7


def test_the_client_stops_before_it_is_refused(canvas, course_id, client):
    canvas.throttle.fill(canvas.token, 520)
    assert courses.show(client, course_id).name == "Bees"  # the client learns here that 80 units remain
    error = error_of(courses.show, client, course_id)
    assert (type(error), len(canvas.requests)) == (RateLimited, 1)
    assert error.retry_after == pytest.approx(7, abs=1)


def test_words_about_limits_in_json_are_no_throttling(canvas, course_id, client):
    body = b'{"errors":[{"message":"The title \'Rate Limit Exceeded\' is not allowed"}]}'
    canvas.faults.append(Refuse(403, body=body))
    assert type(error_of(courses.show, client, course_id)) is NoRight


@given(st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_wait_has_bounds(remaining):
    assert WAIT.least <= wait_for_units(remaining) <= WAIT.most


@pytest.mark.parametrize("header", ["nan", "inf", "-inf", "much", ""])
def test_a_number_that_is_none_does_not_matter(canvas, course_id, client, header):
    fault = throttled(403)
    canvas.faults.append(Refuse(403, body=fault.body, headers={**fault.headers, "X-Rate-Limit-Remaining": header}))
    assert error_of(courses.show, client, course_id).retry_after == 15
    assert courses.show(client, course_id).name == "Bees"


# Objects that Canvas refuses


def test_fields_that_are_not_valid(course_id, client):
    error = error_of(assignments.create, client, course_id, name="", points_possible=1)
    assert (type(error), error.context["status"]) == (PermanentError, 400)
    assert "It says: name: is too short (minimum is 1 character)" in error.message
    error = error_of(assignments.create, client, course_id, name="Essay", points_possible=-1)
    assert "points_possible: The value of possible points" in error.message


def test_a_message_without_fields(course_id, client):
    error = error_of(modules.create, client, course_id, name="")
    assert (type(error), "It says: missing module name" in error.message) == (PermanentError, True)
    made = modules.create(client, course_id, name="Bees")
    error = error_of(items.create, client, course_id, made.id, "Page", page_url="nowhere")
    assert "It says: invalid page_url parameter" in error.message


def test_422(canvas, course_id, client):
    canvas.faults.append(Refuse(422, body=b'{"errors":[{"field":"url","message":"no URL"}]}'))
    error = error_of(courses.show, client, course_id)
    assert (type(error), error.context["status"]) == (PermanentError, 422)
    assert "url: no URL" in error.message


def test_a_state_that_students_hold(canvas, course, course_id, client):
    made = assignments.create(client, course_id, name="Essay", published=True)
    canvas.student.submit(course.id, int(made.id))
    error = error_of(assignments.update, client, course_id, made.id, published=False)
    assert "published: Can't unpublish if there are student submissions" in error.message
    topic = topics.create(client, course_id, title="Talk", published=True)
    canvas.student.post(course.id, int(topic.id), "x")
    error = error_of(topics.update, client, course_id, topic.id, published=False)
    assert (type(error), "published: This topic" in error.message) == (PermanentError, True)


def test_a_blueprint_course_locks_an_object(course, course_id, client):
    page = pages.create(client, course_id, title="Honey")
    course.pages[int(page.id)].locked = {"content"}
    error = error_of(pages.update, client, course_id, page, title="Wax")
    assert (type(error), "a blueprint course locks this object" in error.message) == (PermanentError, True)
    assert "cannot change column(s): title - locked by Master Course" in error.message
    module = modules.create(client, course_id, name="Bees")
    item = items.create(client, course_id, module.id, "Page", page_url="honey")
    error = error_of(items.update, client, course_id, module.id, item.id, title="Wax")
    assert "a blueprint course locks this object" in error.message
    assert type(error_of(pages.delete, client, course_id, page.id)) is NoRight


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, b'{"message":"page not found"}', NotThere),
        (410, b'{"errors":[{"message":"gone"}]}', NotThere),
        (404, b"<html>nginx</html>", TransientError),
        (410, b"", TransientError),
        (403, b"<html>firewall</html>", NoRight),
        (401, b"<html>proxy</html>", NoRight),
        (400, b"", PermanentError),
        (405, b"{}", PermanentError),
        (409, b"{}", PermanentError),
        (413, b"", PermanentError),
        (418, b'"text"', PermanentError),
        (500, b'{"errors":[{"message":"An error occurred."}],"error_report_id":7}', TransientError),
    ],
)
def test_other_answers(status, body, expected):
    error = canvas_error(status, {}, body, where="canvas.example.org", detail=said(body))
    assert type(error) is expected
    assert "canvas.example.org" in error.message
    assert error.context["status"] == status


def test_braces_in_what_canvas_says_are_only_text():
    error = canvas_error(400, {}, b"{}", where="canvas.example.org", detail="{where} {0} {")
    assert "{where} {0} {" in error.message


# What Canvas says


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"errors": [{"message": "One"}, {"message": "Two"}]}, "One; Two"),
        ({"errors": [{"field": "url", "message": "no URL", "error_code": "x"}]}, "url: no URL"),
        ({"errors": {"title": [{"attribute": "title", "type": "blank", "message": "is blank"}]}}, "title: is blank"),
        ({"errors": {"base": [{"message": "locked"}]}}, "locked"),
        ({"errors": {"title": ["is blank", "is short"]}}, "title: is blank; title: is short"),
        ({"title": [{"attribute": "title", "message": "is blank"}]}, "title: is blank"),
        ({"message": "page not found"}, "page not found"),
        ({"status": "unauthorized", "errors": [{"message": "no"}]}, "no"),
        ({"errors": "Invalid as_user_id"}, "Invalid as_user_id"),
        ({"errors": [{"message": "twice"}, {"message": "twice"}]}, "twice"),
        ({"errors": [{"message": "a\nb\x1b[31m\u202ec"}]}, "a b\ufffd[31m\ufffdc"),
        ({"errors": [{"message": 7}, None, [], {"message": None}]}, ""),
        ({"errors": None}, ""),
        ([{"message": "x"}], ""),
        ("text", ""),
    ],
)
def test_what_canvas_says(answer, text):
    assert said(json.dumps(answer).encode()) == text


def test_it_does_not_say_too_much():
    many = {"errors": [{"message": f"{number} {'x' * 100}"} for number in range(50)]}
    assert len(said(json.dumps(many).encode())) == CHARACTERS


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["errors", "message", "field", "x"]), inner),
)


@given(_JSON.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_whatever_it_says_is_one_short_line(body):
    text = said(body)
    assert len(text) <= CHARACTERS
    assert "\n" not in text
