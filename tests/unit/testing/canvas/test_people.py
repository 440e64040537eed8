"""People edit in the web interface, and the API sees it."""

from __future__ import annotations

import pytest

from course_sync_plugin.testing.canvas.refusals import Refusal


def test_a_teacher_edits_beside_the_api(canvas, course, api):
    module = api.create_module({"name": "Bees"})
    requests = len(canvas.requests)
    canvas.teacher.rename_module(course.id, module.id, "Wasps")
    other = canvas.teacher.add_module(course.id, "Ants")
    canvas.teacher.move_module(course.id, other["id"], 1)
    canvas.teacher.publish_module(course.id, other["id"])
    assert len(canvas.requests) == requests
    assert [(one.name, one.published) for one in api.get_modules()] == [("Ants", True), ("Wasps", False)]
    canvas.teacher.delete_module(course.id, other["id"])
    assert [one.name for one in api.get_modules()] == ["Wasps"]


def test_a_teacher_edits_items_and_contents(canvas, course, api):
    module = api.create_module({"name": "Bees"})
    page = canvas.teacher.add_page(course.id, "Honey", "<p>x</p>")
    item = canvas.teacher.add_item(course.id, module.id, type="Page", page_url="honey")
    canvas.teacher.edit_item(course.id, module.id, item["id"], title="Wax", indent=1)
    canvas.teacher.edit_page(course.id, page["page_id"], body="<p>y</p>")
    shown = api.get_page("wax")
    assert (shown.body, shown.last_edited_by["display_name"]) == ("<p>y</p>", "Tess Teacher")
    canvas.teacher.delete_item(course.id, module.id, item["id"])
    canvas.teacher.delete_page(course.id, page["page_id"])
    assert [*api.get_pages()] == [*module.get_module_items()] == []


def test_a_copy_has_the_marks_of_the_original(canvas, course, api):
    page = api.create_page({"title": "Honey", "body": '<p data-course-sync="7">x</p>', "published": True})
    copies = [canvas.teacher.copy_page(course.id, page.page_id) for _ in range(2)]
    assert [(copy["title"], copy["published"]) for copy in copies] == [("Honey Copy", False), ("Honey Copy 2", False)]
    assert {copy["body"] for copy in copies} == {page.body}


def test_a_teacher_edits_assignments_and_topics(canvas, course, api):
    assignment = api.create_assignment({"name": "Essay"})
    topic = api.create_discussion_topic(title="Talk")
    canvas.teacher.edit_assignment(course.id, assignment.id, due_at="2026-03-01T00:00:00Z")
    canvas.teacher.edit_topic(course.id, topic.id, title="Debate")
    assert api.get_assignment(assignment.id).due_at == "2026-03-01T23:59:59Z"
    assert api.get_discussion_topic(topic.id).title == "Debate"
    canvas.teacher.delete_assignment(course.id, assignment.id)
    canvas.teacher.delete_topic(course.id, topic.id)
    assert [*api.get_assignments()] == [*api.get_discussion_topics()] == []


def test_people_are_refused_as_the_api_is(canvas, course):
    with pytest.raises(Refusal) as error:
        canvas.student.do("POST", f"/courses/{course.id}/modules", module={"name": "Bees"})
    assert error.value.status == 403


def test_people_are_not_throttled_or_disturbed(canvas, course):
    canvas.throttle.fill(canvas.token, 800)
    assert canvas.teacher.do("GET", f"/courses/{course.id}/modules") == []
