"""Links to courses in Canvas that cannot work are refused when they are planned, with the way out."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError, PermanentError
from course_sync_plugin.models import Link, Proposal
from course_sync_plugin.targets.base import TestReport
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.faults import Refuse
from course_sync_plugin.testing.canvas.rights import OF_TEACHERS
from tests.integration.courses import COURSE
from tests.integration.replication import canvas_course
from tests.integration.replication.conftest import link_to_canvas

pytestmark = pytest.mark.django_db


def as_student(canvas: CanvasFake) -> str:
    """Return a token of the student."""
    return canvas.add_token(canvas.student.user)


def try_out(canvas: CanvasFake, token: str) -> TestReport:
    add_target(canvas, token)
    return api.test_target("crm")


def add_target(canvas: CanvasFake, token: str = "") -> None:
    api.add_target("crm", backend="canvas", url=canvas.url, token=token or canvas.token)


@pytest.mark.parametrize("status", [401, 403])
def test_a_student_may_not_do_what_the_target_does(canvas, there, status):
    canvas.behaviour.auth_error_updates = status == 403
    report = try_out(canvas, as_student(canvas))
    assert not report.ok
    assert f"course {there.id}" in report.explanation
    assert "manage_course_content_add" in report.explanation
    assert "teacher" in report.explanation


def test_one_course_in_which_the_user_teaches_is_enough(canvas, there):
    canvas.student.user.roles[canvas.add_course("Wasps").id] = "teacher"
    report = try_out(canvas, as_student(canvas))
    assert (report.ok, f"course {there.id + 1}" in report.explanation) == (True, True)


def test_a_course_is_not_linked_with_the_token_of_a_student(canvas, there, author):
    add_target(canvas, as_student(canvas))
    with pytest.raises(ConfigurationError, match=f"course {there.id}.*read_as_admin.*manage_wiki_create.*teacher"):
        api.link_plan(COURSE, "crm", str(there.id))
    assert not Link.objects.exists()


def test_a_permission_that_an_administrator_took_from_teachers_is_named(canvas, there, author):
    canvas.behaviour.permissions_of_teachers = OF_TEACHERS - {"manage_assignments_delete"}
    add_target(canvas)
    with pytest.raises(ConfigurationError, match=r"lacks manage_assignments_delete\."):
        api.link_plan(COURSE, "crm", str(there.id))


def test_the_permissions_of_an_older_canvas_are_enough(canvas, there, author):
    old = {"read_as_admin", "manage_content", "manage_assignments", "manage_wiki", "create_forum", "moderate_forum"}
    canvas.behaviour.permissions_of_teachers = old
    link_to_canvas(canvas, there)
    assert Link.objects.exists()


def test_a_developer_key_that_may_not_ask_for_permissions(canvas, there, author):
    add_target(canvas)
    scopes = b'{"errors": [{"message": "Insufficient scopes on access token."}]}'
    canvas.faults.append(Refuse(401, path="/permissions$", body=scopes))
    with pytest.raises(ConfigurationError, match="courses/:course_id/permissions"):
        api.link_plan(COURSE, "crm", str(there.id))


def test_a_course_that_is_not_there_is_named(canvas, there, author):
    add_target(canvas)
    with pytest.raises(PermanentError, match=r"no course 4711.*/courses/"):
        api.link_plan(COURSE, "crm", "4711")


@pytest.mark.parametrize("status", [401, 403])
def test_a_course_in_which_the_user_is_not_enrolled(canvas, there, author, status):
    canvas.behaviour.auth_error_updates = status == 403
    stranger = canvas.add_token(canvas.site.add_user("Stranger"))
    add_target(canvas, stranger)
    with pytest.raises(PermanentError, match=f"course {there.id}.*as a teacher"):
        api.link_plan(COURSE, "crm", str(there.id))


def test_a_course_that_its_owner_renames_keeps_its_link(canvas, there, author, filled):
    """Its name is not mapped, so it is neither taken nor overwritten."""
    there.name = there.course_code = "Renamed"
    author.set("s0", display_name="Bees")
    structure = author.publish()
    canvas_course.deliver()
    canvas_course.long_after()
    (polled,) = api.poll_now()
    assert (polled.error, polled.edited, polled.deleted) == ("", 0, 0)
    canvas_course.check_equal(there, structure)
    assert there.name == "Renamed"
    assert (Link.objects.get().remote_id, Proposal.objects.exists()) == (str(there.id), False)


def test_a_course_is_not_created_in_canvas(canvas, author):
    add_target(canvas)
    with pytest.raises(ConfigurationError, match="--remote"):
        api.link_plan(COURSE, "crm", "")


@pytest.mark.parametrize("path", ["/courses/12", "/api/v1", "/?x=1"])
def test_the_url_has_no_path(canvas, path):
    with pytest.raises(ConfigurationError, match=f"--url {canvas.url}$"):
        api.add_target("crm", backend="canvas", url=canvas.url + path, token=canvas.token)


@pytest.mark.parametrize("form", ["{url}/courses/{id}", "{url}/courses/{id}/modules?x=1#y", " {id} "])
def test_an_address_is_understood(canvas, there, author, form):
    add_target(canvas)
    remote = form.format(url=canvas.url, id=there.id)
    plan = api.link_plan(COURSE, "crm", remote)
    assert plan.remote_id == str(there.id)
    assert api.link_shown(COURSE, "crm", remote, "openedx", plan.token).remote_id == str(there.id)
    assert Link.objects.get().remote_id == str(there.id)


@pytest.mark.parametrize(
    ("remote", "words"),
    [
        ("https://other.example.org/courses/12", "other.example.org.*127.0.0.1"),
        ("{url}/accounts/12", "/courses/4711"),
        ("{url}/courses/", "/courses/4711"),
        ("https://[", "/courses/4711"),
    ],
)
def test_an_address_of_something_else(canvas, author, remote, words):
    add_target(canvas)
    with pytest.raises(ConfigurationError, match=words):
        api.link_plan(COURSE, "crm", remote.format(url=canvas.url))
    assert canvas.requests == []
