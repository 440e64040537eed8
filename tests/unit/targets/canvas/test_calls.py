"""Each call of the Canvas API, carried out on the fake."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.canvas import assignments, courses, entries, items, modules, pages, topics
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.errors import NoRight, NotThere
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.site import EXACT
from tests.unit.targets.canvas.conftest import config_of

MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_course(canvas, course, course_id, client):
    shown = courses.show(client, course_id)
    assert shown == courses.Course(course_id, "Bees", "BEE1", "available", "UTC")
    assert not shown.is_concluded
    course.concluded = True
    assert courses.show(client, course_id).is_concluded


# Modules


def test_a_module(course_id, client):
    made = modules.create(client, course_id, name="Bees", unlock_at=MARCH)
    assert (made.name, made.position, made.unlock_at, made.published) == ("Bees", 1, MARCH, False)
    first = modules.create(client, course_id, name="Ants", position=1)
    assert [one.id for one in modules.list_all(client, course_id)] == [first.id, made.id]
    changed = modules.update(client, course_id, made.id, name="Wasps", position=1, unlock_at=None)
    assert changed == modules.show(client, course_id, made.id)
    assert (changed.name, changed.position, changed.unlock_at) == ("Wasps", 1, None)
    modules.delete(client, course_id, made.id)
    assert [one.name for one in modules.list_all(client, course_id)] == ["Ants"]


def test_publishing_a_module_leaves_the_drafts_of_people_in_it(canvas, course, course_id, client):
    made = modules.create(client, course_id, name="Bees")
    canvas.teacher.add_item(course.id, int(made.id), type="SubHeader", title="A draft")
    assert modules.publish(client, course_id, made.id, True).published is True
    (item,) = items.list_all(client, course_id, made.id)
    assert item.published is False
    items.publish(client, course_id, made.id, item.id, True)
    assert modules.publish(client, course_id, made.id, False).published is False
    assert items.list_all(client, course_id, made.id)[0].published is True


def test_an_update_of_a_module_does_not_speak_of_its_state(canvas, course_id, client):
    made = modules.create(client, course_id, name="Bees")
    modules.publish(client, course_id, made.id, True)
    assert modules.update(client, course_id, made.id, name="Wasps").published is True
    assert canvas.requests[-1].parameters == {"module": {"name": "Wasps"}}


def test_modules_with_their_items(canvas, course_id, client):
    made = modules.create(client, course_id, name="Bees")
    item = items.create(client, course_id, made.id, "SubHeader", title="Honey")
    requests = len(canvas.requests)
    (listed,) = modules.list_all(client, course_id, with_items=True)
    assert (listed.items, len(canvas.requests) - requests) == ((item,), 1)
    assert modules.list_all(client, course_id)[0].items is None


def test_items_that_are_too_many_are_left_out(canvas, course_id, client):
    canvas.behaviour.max_per_page = 1
    made = modules.create(client, course_id, name="Bees")
    for title in "AB":
        items.create(client, course_id, made.id, "SubHeader", title=title)
    assert modules.list_all(client, course_id, with_items=True)[0].items is None
    assert [one.title for one in items.list_all(client, course_id, made.id)] == ["A", "B"]


# Items


@pytest.fixture
def module(course_id, client):
    return modules.create(client, course_id, name="Bees")


def test_a_text_and_a_link(course_id, client, module):
    text = items.create(client, course_id, module.id, "SubHeader", title="Honey")
    assert text == items.Item(text.id, module.id, "Honey", "SubHeader", position=1, published=False)
    link = items.create(
        client, course_id, module.id, "ExternalUrl", title="Unit", external_url="https://x.example.org/1",
        new_tab=True, indent=1, position=1,
    )  # fmt: skip
    assert (link.external_url, link.indent, link.position) == ("https://x.example.org/1", 1, 1)
    assert [one.title for one in items.list_all(client, course_id, module.id)] == ["Unit", "Honey"]
    changed = items.update(client, course_id, module.id, link.id, title="Unit 1", indent=2, position=2)
    assert changed == items.show(client, course_id, module.id, link.id)
    assert (changed.title, changed.indent, changed.position) == ("Unit 1", 2, 2)
    items.delete(client, course_id, module.id, link.id)
    assert [one.title for one in items.list_all(client, course_id, module.id)] == ["Honey"]


def test_items_that_show_something(course_id, client, module):
    page = pages.create(client, course_id, title="Honey")
    essay = assignments.create(client, course_id, name="Essay")
    talk = topics.create(client, course_id, title="Talk")
    shown = [
        items.create(client, course_id, module.id, "Page", page_url=page.url),
        items.create(client, course_id, module.id, "Assignment", content_id=essay.id),
        items.create(client, course_id, module.id, "Discussion", content_id=talk.id),
    ]
    assert [(one.title, one.content_id, one.page_url) for one in shown] == [
        ("Honey", None, "honey"),
        ("Essay", essay.id, None),
        ("Talk", talk.id, None),
    ]
    assert items.publish(client, course_id, module.id, shown[0].id, True).published is True
    assert pages.show(client, course_id, page.id).published is True
    items.delete(client, course_id, module.id, shown[0].id)
    assert pages.show(client, course_id, page.id).title == "Honey"


def test_an_item_moves_with_its_position(course_id, client, module):
    other = modules.create(client, course_id, name="Ants")
    items.create(client, course_id, other.id, "SubHeader", title="First")
    item = items.create(client, course_id, module.id, "SubHeader", title="Honey")
    moved = items.move(client, course_id, item, other.id, 1)
    assert (moved.module_id, moved.position) == (other.id, 1)
    assert [one.title for one in items.list_all(client, course_id, other.id)] == ["Honey", "First"]
    with pytest.raises(NotThere):
        items.show(client, course_id, module.id, item.id)


# Pages


def test_a_page(course_id, client):
    made = pages.create(client, course_id, title="Honey", body="<p>x</p>", published=True)
    assert (made.title, made.url, made.body, made.published, made.is_front_page) == (
        "Honey", "honey", "<p>x</p>", True, False,
    )  # fmt: skip
    assert made.updated_at
    changed = pages.update(client, course_id, made, title="Wax")
    assert (changed.id, changed.url, changed.body) == (made.id, "wax", "<p>x</p>")
    assert pages.show(client, course_id, made.id) == changed
    assert [(one.id, one.body) for one in pages.list_all(client, course_id)] == [(made.id, None)]
    pages.delete(client, course_id, made.id)
    assert pages.list_all(client, course_id) == []


def test_a_page_that_a_person_renames_stays_the_same(canvas, course, course_id, client):
    made = pages.create(client, course_id, title="Honey")
    canvas.teacher.edit_page(course.id, int(made.id), title="Wax")
    assert pages.update(client, course_id, made, body="<p>y</p>").title == "Wax"
    assert len(pages.list_all(client, course_id)) == 1


def test_a_page_that_canvas_creates_in_place_of_another_is_noticed(course, course_id, client):
    made = pages.create(client, course_id, title="Honey")
    del course.pages[int(made.id)]
    with pytest.raises(PermanentError, match=f"about page \\d+ when page {made.id} was changed") as error:
        pages.update(client, course_id, made, body="<p>y</p>")
    (created,) = course.pages
    assert f"created page {created} in its place" in error.value.message
    assert error.value.exchange.status == 200


def test_a_deleted_page_is_refused_as_if_the_right_was_missing(canvas, course_id, client):
    """When a page is shown, the list says that it is deleted."""
    made = pages.create(client, course_id, title="Honey")
    pages.delete(client, course_id, made.id)
    with pytest.raises(NotThere):
        pages.show(client, course_id, made.id)
    with pytest.raises(NoRight):
        pages.delete(client, course_id, made.id)


# Assignments


def test_an_assignment(course_id, client):
    made = assignments.create(
        client, course_id, name="Essay", description="<p>x</p>", points_possible=2.5, due_at=MARCH, unlock_at=MARCH,
        lock_at=MARCH, submission_types=["online_upload"], published=True, position=3,
    )  # fmt: skip
    assert made.updated_at
    assert made == assignments.Assignment(
        made.id, "Essay", "<p>x</p>", 3, 2.5, MARCH, MARCH, MARCH, ("online_upload",), True, updated_at=made.updated_at
    )
    changed = assignments.update(client, course_id, made.id, name="Poem", due_at=None, published=False)
    assert (changed.name, changed.due_at, changed.lock_at, changed.published) == ("Poem", None, MARCH, False)
    assert assignments.show(client, course_id, made.id) == changed
    assert assignments.list_all(client, course_id) == [changed]
    assignments.delete(client, course_id, made.id)
    assert assignments.list_all(client, course_id) == []


def test_an_id_of_our_own_needs_a_right(canvas, course_id, client):
    assert assignments.create(client, course_id, name="Essay", integration_id="x").integration_id is None
    canvas.user.sis = True
    assert assignments.create(client, course_id, name="Essay", integration_id="x").integration_id == "x"


def test_submissions_are_seen(canvas, course, course_id, client):
    made = assignments.create(client, course_id, name="Essay", published=True)
    assert not made.has_submissions
    canvas.student.submit(course.id, int(made.id))
    assert assignments.show(client, course_id, made.id).has_submissions


# Discussions


def test_a_topic(course_id, client):
    made = topics.create(client, course_id, title="Talk", message="<p>x</p>", lock_at=MARCH)
    assert made == topics.Topic(made.id, "Talk", "<p>x</p>", False, MARCH, author="Integration")
    changed = topics.update(client, course_id, made.id, title="Debate", published=True, lock_at=None)
    assert (changed.title, changed.published, changed.lock_at) == ("Debate", True, None)
    assert topics.show(client, course_id, made.id) == changed
    assert topics.list_all(client, course_id) == [changed]
    topics.delete(client, course_id, made.id)
    assert topics.list_all(client, course_id) == []


def test_announcements_are_left_out(canvas, course_id, client):
    topics.create(client, course_id, title="Talk")
    canvas.behaviour.extra_fields = {"topic": {"is_announcement": True}}
    assert topics.list_all(client, course_id) == []


def test_entries_and_replies(canvas, course, course_id, client):
    topic = topics.create(client, course_id, title="Talk", published=True)
    entry = entries.create(client, course_id, topic.id, "<p>first</p>")
    assert (entry.message, entry.user_id, entry.parent_id) == ("<p>first</p>", str(canvas.user.id), None)
    reply = entries.create(client, course_id, topic.id, "<p>second</p>", reply_to=entry.id)
    assert reply.parent_id == entry.id
    canvas.student.reply(course.id, int(topic.id), int(reply.id), "<p>third</p>")
    below = entries.list_replies(client, course_id, topic.id, entry.id)
    assert [(one.message, one.user_name) for one in below] == [
        ("<p>third</p>", "Sam Student"), ("<p>second</p>", "Integration"),
    ]  # fmt: skip
    changed = entries.update(client, course_id, topic.id, entry.id, "<p>changed</p>")
    assert [(one.id, one.message) for one in entries.list_all(client, course_id, topic.id)] == [
        (entry.id, "<p>changed</p>")
    ]
    assert changed.updated_at >= entry.updated_at
    entries.delete(client, course_id, topic.id, entry.id)
    (deleted,) = entries.list_all(client, course_id, topic.id)
    assert (deleted.is_deleted, deleted.message, deleted.user_id) == (True, "", None)
    assert topics.show(client, course_id, topic.id).entries == 2
    assert not topics.show(client, course_id, topic.id).can_unpublish


def test_what_people_wrote_is_not_in_a_repr(canvas, course, course_id, client):
    topic = topics.create(client, course_id, title="Talk", published=True)
    canvas.student.post(course.id, int(topic.id), "private")
    assert "private" not in repr(entries.list_all(client, course_id, topic.id))
    assert "Sam" not in repr(entries.list_all(client, course_id, topic.id))


# What is not there


NOBODY = "99999"


@pytest.mark.parametrize(
    "call",
    [
        lambda client, course: courses.show(client, NOBODY),
        lambda client, course: modules.show(client, course, NOBODY),
        lambda client, course: modules.update(client, course, NOBODY, name="x"),
        lambda client, course: modules.publish(client, course, NOBODY, True),
        lambda client, course: modules.delete(client, course, NOBODY),
        lambda client, course: items.list_all(client, course, NOBODY),
        lambda client, course: items.create(client, course, NOBODY, "SubHeader", title="x"),
        lambda client, course: items.update(client, course, "1", NOBODY, title="x"),
        lambda client, course: items.delete(client, course, "1", NOBODY),
        lambda client, course: pages.show(client, course, NOBODY),
        lambda client, course: pages.delete(client, course, NOBODY),
        lambda client, course: assignments.show(client, course, NOBODY),
        lambda client, course: assignments.update(client, course, NOBODY, name="x"),
        lambda client, course: assignments.delete(client, course, NOBODY),
        lambda client, course: topics.show(client, course, NOBODY),
        lambda client, course: topics.update(client, course, NOBODY, title="x"),
        lambda client, course: topics.delete(client, course, NOBODY),
        lambda client, course: entries.list_all(client, course, NOBODY),
    ],
)
def test_what_is_not_there(course_id, client, call):
    with pytest.raises(NotThere) as error:
        call(client, course_id)
    assert error.value.context == {"status": 404, "target": "canvas"}


def test_an_entry_that_is_not_there(course_id, client):
    topic = topics.create(client, course_id, title="Talk")
    for call in (lambda *at: entries.update(*at, "x"), entries.delete):
        with pytest.raises(NotThere):
            call(client, course_id, topic.id, NOBODY)


def test_a_second_deletion_finds_nothing(course_id, client):
    made = modules.create(client, course_id, name="Bees")
    modules.delete(client, course_id, made.id)
    with pytest.raises(NotThere):
        modules.delete(client, course_id, made.id)


def test_a_replica_that_is_late_does_not_show_what_was_created(canvas, course_id, client):
    canvas.replica.writes_behind = 1
    made = modules.create(client, course_id, name="Bees")
    assert modules.list_all(client, course_id) == []
    with pytest.raises(NotThere):
        modules.show(client, course_id, made.id)


# Ids


def test_ids_beyond_what_a_floating_point_number_keeps():
    with CanvasFake(first_id=EXACT + 1) as canvas:
        course = canvas.add_course()
        client = CanvasClient(config_of(canvas))
        made = [modules.create(client, str(course.id), name=name) for name in "ABC"]
        assert {int(one.id) for one in made} == course.modules.keys()
        assert any(int(float(one.id)) != int(one.id) for one in made)
        page = pages.create(client, str(course.id), title="Honey")
        assert pages.update(client, str(course.id), page, title="Wax").id == page.id
        item = items.create(client, str(course.id), made[1].id, "Page", page_url="wax")
        moved = items.move(client, str(course.id), item, made[2].id, 1)
        assert (moved.id, moved.module_id) == (item.id, made[2].id)
        client.close()


@pytest.mark.parametrize("wrong", ["", ".", "..", "..."])
def test_an_id_that_would_lead_elsewhere_is_not_sent(canvas, course_id, client, wrong):
    for call in (modules.delete, assignments.delete, topics.delete):
        with pytest.raises(PermanentError, match="is not an id of Canvas"):
            call(client, course_id, wrong)
    assert canvas.requests == []


def test_a_page_without_an_id_is_not_asked_for(canvas, course_id, client):
    with pytest.raises(PermanentError, match="'page_id:' is not an id of Canvas"):
        pages.delete(client, course_id, "")
    assert canvas.requests == []


def test_an_id_is_one_part_of_the_path(canvas, course_id, client):
    with pytest.raises(NotThere):
        modules.delete(client, course_id, "1/items/2?x#y")
    assert canvas.requests[-1].path == f"/api/v1/courses/{course_id}/modules/1%2Fitems%2F2%3Fx%23y"
