"""Tokens and rights: which error means what."""

from __future__ import annotations

import pytest
from canvasapi.exceptions import BadRequest, Forbidden, InvalidAccessToken, Unauthorized

from tests.unit.testing.canvas.conftest import connect

CHALLENGE = 'Bearer realm="canvas-lms"'
NOT_AUTHORIZED = {"status": "unauthorized", "errors": [{"message": "user not authorized to perform that action"}]}


def test_without_a_token(course, raw):
    answer = raw("GET", f"/courses/{course.id}", None)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, CHALLENGE)
    assert answer.json() == {"status": "unauthenticated", "errors": [{"message": "user authorization required"}]}


@pytest.mark.parametrize(
    ("state", "message"), [("expired", "Expired access token."), ("revoked", "Revoked access token.")]
)
def test_a_token_that_is_no_longer_valid(canvas, course, api, raw, state, message):
    canvas.set_token(canvas.token, state)
    answer = raw("GET", f"/courses/{course.id}")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, CHALLENGE)
    assert answer.json()["errors"][0]["message"] == message
    with pytest.raises(InvalidAccessToken):
        api.create_module({"name": "Bees"})
    canvas.set_token(canvas.token, "valid")
    assert api.create_module({"name": "Bees"}).position == 1


def test_a_token_that_never_was(course, raw):
    answer = raw("GET", f"/courses/{course.id}", "wrong")
    assert (answer.status_code, answer.json()) == (401, {"errors": [{"message": "Invalid access token."}]})


@pytest.fixture
def student(canvas, course, api):
    client = connect(canvas, canvas.add_token(canvas.student.user))
    yield client.get_course(course.id)
    client._Canvas__requester._session.close()


def test_a_student_may_not_change_the_course(canvas, student):
    with pytest.raises(Forbidden, match="user not authorized to perform that action"):
        student.create_module({"name": "Bees"})
    canvas.behaviour.auth_error_updates = False
    with pytest.raises(Unauthorized):
        student.create_module({"name": "Bees"})


def test_a_missing_right_has_no_challenge(canvas, course, raw):
    canvas.behaviour.auth_error_updates = False
    answer = raw("POST", f"/courses/{course.id}/modules", canvas.add_token(canvas.student.user))
    assert (answer.status_code, answer.json()) == (401, NOT_AUTHORIZED)
    assert "WWW-Authenticate" not in answer.headers


def test_a_student_sees_only_what_is_published(api, student):
    api.create_module({"name": "Draft"})
    module = api.create_module({"name": "Open"})
    module.create_module_item({"type": "SubHeader", "title": "Hidden"})
    api.create_assignment({"name": "Draft"})
    api.create_discussion_topic(title="Draft")
    module.edit(module={"published": True})
    module.create_module_item({"type": "SubHeader", "title": "Not yet"})
    (seen,) = student.get_modules()
    assert (seen.name, hasattr(seen, "published")) == ("Open", False)
    assert [item.title for item in seen.get_module_items()] == ["Hidden"]
    assert [*student.get_assignments()] == [*student.get_discussion_topics()] == []


def test_permissions(canvas, course, raw, student):
    names = ["manage_wiki_create", "create_forum", "manage_content"]
    asked = {"permissions[]": names}
    path, pupil = f"/courses/{course.id}/permissions", canvas.add_token(canvas.student.user)
    assert raw("GET", path, params=asked).json() == dict(zip(names, (True, True, False)))
    assert raw("GET", path, pupil, params=asked).json() == dict(zip(names, (False, True, False)))
    canvas.behaviour.permissions_of_teachers = {"manage_content"}
    assert raw("GET", path, params=asked).json() == dict(zip(names, (False, False, True)))
    assert raw("GET", path, canvas.add_token(canvas.site.add_user("Stranger")), params=asked).status_code == 403


def test_a_stranger_sees_nothing(canvas, course, raw):
    token = canvas.add_token(canvas.site.add_user("Stranger"))
    assert raw("GET", f"/courses/{course.id}/modules", token).status_code == 403


def test_a_concluded_course_is_read_only(course, api):
    module = api.create_module({"name": "Bees"})
    course.concluded = True
    with pytest.raises(Forbidden):
        module.edit(module={"name": "Wasps"})
    assert [one.name for one in api.get_modules()] == ["Bees"]


class TestBlueprintLocks:
    def test_a_locked_page_keeps_its_content(self, course, api):
        page = api.create_page({"title": "Honey", "body": "x"})
        course.pages[page.page_id].locked = {"content"}
        with pytest.raises(BadRequest, match=r"cannot change column\(s\): body, title - locked by Master Course"):
            page.edit(wiki_page={"body": "y", "title": "Wax"})
        assert page.edit(wiki_page={"body": "x", "published": True}).published is True

    def test_a_locked_page_cannot_be_deleted(self, course, api):
        page = api.create_page({"title": "Honey"})
        course.pages[page.page_id].locked = {"content"}
        with pytest.raises(Forbidden):
            page.delete()

    @pytest.mark.parametrize(
        ("lock", "sent", "column"),
        [
            ("content", {"name": "Paper"}, "title"),
            ("points", {"points_possible": 3}, "points_possible"),
            ("due_dates", {"due_at": "2026-03-01T10:00:00Z"}, "due_at"),
            ("availability_dates", {"lock_at": "2026-03-01T10:00:00Z"}, "lock_at"),
            ("state", {"published": True}, "workflow_state"),
        ],
    )
    def test_a_locked_assignment(self, course, api, lock, sent, column):
        assignment = api.create_assignment({"name": "Essay"})
        course.assignments[assignment.id].locked = {lock}
        with pytest.raises(BadRequest, match=rf"cannot change column\(s\): {column} - locked"):
            assignment.edit(assignment=sent)

    def test_an_item_cannot_rename_what_is_locked(self, course, api):
        page = api.create_page({"title": "Honey"})
        course.pages[page.page_id].locked = {"content"}
        item = api.create_module({"name": "Bees"}).create_module_item({"type": "Page", "page_url": page.url})
        with pytest.raises(BadRequest, match="associated content locked by Master Course"):
            item.edit(module_item={"title": "Wax"})
        assert item.edit(module_item={"indent": 1}).indent == 1


def test_an_address_that_the_fake_does_not_know(course, raw):
    answer = raw("GET", f"/courses/{course.id}/quizzes")
    assert answer.status_code == 404
    assert answer.json() == {"errors": [{"message": "The specified resource does not exist."}]}
