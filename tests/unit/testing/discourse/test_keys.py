"""API keys, users and the form of refusals."""

from __future__ import annotations

import pytest

from tests.unit.testing.discourse.api import Api, ok, refused

BAD = "You are not permitted to view the requested resource. The API username or key is invalid."


def test_a_key_of_all_users_acts_as_the_user_that_is_named(forum, api):
    assert ok(api.get("/session/current.json"))["current_user"]["username"] == "system"
    assert ok(Api(forum, "TEACHER").get("/session/current.json"))["current_user"]["username"] == "teacher"


@pytest.mark.parametrize(("username", "key"), [("system", "wrong"), ("nobody", None)], ids=["bad key", "unknown user"])
def test_a_bad_key_and_an_unknown_user_are_the_same_403(forum, username, key):
    response = Api(forum, username, key).get("/latest.json")
    assert refused(response, 403) == [BAD]
    assert response.json()["error_type"] == "invalid_access"


def test_a_key_of_one_user_does_not_act_as_another(forum):
    key = forum.new_key("teacher")
    ok(Api(forum, "teacher", key).get("/latest.json"))
    assert refused(Api(forum, "system", key).get("/latest.json"), 403) == [BAD]


def test_a_revoked_key_is_a_bad_one(forum, api):
    ok(api.get("/latest.json"))
    forum.revoke(forum.key)
    assert refused(api.get("/latest.json"), 403) == [BAD]


def test_a_suspended_user_is_refused_with_other_words(forum, student):
    forum.forum.user_named("student").suspended = True
    assert refused(student.get("/latest.json"), 403) == ["You are not permitted to view the requested resource."]


def test_without_a_key_only_reading_is_allowed(forum):
    anonymous = Api(forum, None)
    ok(anonymous.get("/latest.json"))
    response = anonymous.post("/posts.json", title="A title that is long enough", raw="x")
    assert refused(response, 403) == ["You need to be logged in to do that."]
    assert response.json()["error_type"] == "not_logged_in"


def test_a_page_that_is_not_asked_for_as_json_is_html(api):
    for path, status in [("/latest", 200), ("/t/999", 404)]:
        response = api.get(path)
        assert (response.status_code, response.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    accepted = api("GET", "/latest", headers={"Accept": "application/json"})
    assert accepted.headers["Content-Type"] == "application/json; charset=utf-8"


def test_an_unknown_path_is_404(api):
    assert refused(api.get("/no/such/path.json"), 404)


def test_read_only_mode_refuses_changes_only(forum, api):
    forum.read_only = True
    ok(api.get("/latest.json"))
    response = api.post("/posts.json", title="A title that is long enough", raw="x")
    assert refused(response, 503) == ["The site is in read only mode. Interactions are disabled."]
    assert response.json()["error_type"] == "read_only"
    page = api("POST", "/categories", data={"name": "Course"})
    assert (page.status_code, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    forum.read_only = False
    api.topic()


def test_a_body_that_is_no_json_is_400(api):
    assert api("POST", "/posts.json", data="{", headers={"Content-Type": "application/json"}).status_code == 400


def test_every_request_is_noted_with_its_status(forum, api):
    api.topic("A title that is long enough")
    api.get("/t/999.json")
    noted = [(asked.method, asked.path, asked.status) for asked in forum.requests]
    assert noted == [("POST", "/posts", 200), ("GET", "/t/999", 404)]
    assert forum.requests[0].parameters["title"] == "A title that is long enough"
