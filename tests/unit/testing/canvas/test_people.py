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


def states(course, kind: str) -> list[str]:
    return [one.state for one in getattr(course, kind).values()]


class TestUndelete:
    """What a teacher deleted is brought back in a page of the web interface that the API does not have."""

    @pytest.fixture
    def there(self, canvas, course, api):
        """A module with a header and an item of each kind."""
        module = api.create_module({"name": "Bees"})
        module.edit(module={"published": True})
        page = api.create_page({"title": "Honey", "published": True})
        assignment = api.create_assignment({"name": "Essay", "published": True})
        topic = api.create_discussion_topic(title="Talk", published=True)
        module.create_module_item({"type": "SubHeader", "title": "Text"})
        module.create_module_item({"type": "Page", "page_url": "honey"})
        module.create_module_item({"type": "Assignment", "content_id": assignment.id})
        module.create_module_item({"type": "Discussion", "content_id": topic.id})
        return {"module": module.id, "page": page.page_id, "assignment": assignment.id, "topic": topic.id}

    @pytest.mark.parametrize("kind", ["page", "assignment", "topic"])
    def test_a_content_comes_back_unpublished_and_in_no_module(self, canvas, course, api, there, kind):
        getattr(canvas.teacher, f"delete_{kind}")(course.id, there[kind])
        canvas.teacher.undelete(course.id, kind, there[kind])
        assert states(course, f"{kind}s") == ["unpublished"]
        assert len([*api.get_module(there["module"]).get_module_items()]) == 3

    def test_a_module_comes_back_unpublished_with_its_items(self, canvas, course, api, there):
        canvas.teacher.delete_module(course.id, there["module"])
        canvas.teacher.undelete(course.id, "module", there["module"])
        assert states(course, "modules") == ["unpublished"]
        assert states(course, "items") == ["unpublished", "active", "active", "active"]

    def test_items_that_were_deleted_before_stay_deleted(self, canvas, course, api, there):
        header = next(iter(course.items))
        canvas.teacher.delete_item(course.id, there["module"], header)
        canvas.clock.advance(60)
        canvas.teacher.delete_page(course.id, there["page"])
        canvas.clock.advance(60)
        canvas.teacher.delete_module(course.id, there["module"])
        canvas.teacher.delete_assignment(course.id, there["assignment"])
        canvas.teacher.edit_topic(course.id, there["topic"], title="Debate", published=False)
        canvas.teacher.undelete(course.id, "module", there["module"])
        assert states(course, "items") == ["deleted", "deleted", "deleted", "unpublished"]
        assert [one.title for one in api.get_module(there["module"]).get_module_items()] == ["Debate"]

    def test_what_students_answered_is_published(self, canvas, course, there):
        canvas.student.submit(course.id, there["assignment"])
        canvas.student.post(course.id, there["topic"], "Hello")
        for kind in ("assignment", "topic"):
            getattr(canvas.teacher, f"delete_{kind}")(course.id, there[kind])
            canvas.teacher.undelete(course.id, kind, there[kind])
        assert (states(course, "assignments"), states(course, "topics")) == (["published"], ["active"])

    def test_a_title_may_be_taken_by_now(self, canvas, course, api, there):
        canvas.teacher.delete_page(course.id, there["page"])
        canvas.teacher.add_page(course.id, "Honey")
        canvas.teacher.undelete(course.id, "page", there["page"])
        titles = {one.title: one.page_id for one in api.get_pages()}
        assert titles.keys() == {"Honey", "Honey-2"}
        assert titles["Honey-2"] == there["page"]

    def test_neither_the_api_nor_a_student_can_do_it(self, canvas, course, raw, there):
        canvas.teacher.delete_page(course.id, there["page"])
        asset = f"/courses/{course.id}/undelete/wiki_page_{there['page']}"
        assert raw("POST", asset).status_code == 404
        with pytest.raises(Refusal):
            canvas.student.do("POST", asset)
        with pytest.raises(Refusal):
            canvas.teacher.undelete(course.id, "quiz", there["page"])
        assert states(course, "pages") == ["deleted"]
