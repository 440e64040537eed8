"""Discussion topics, entries and replies."""

from __future__ import annotations

import pytest
from canvasapi.exceptions import BadRequest, Forbidden, ResourceDoesNotExist
from requests.exceptions import JSONDecodeError

from tests.unit.testing.canvas.conftest import connect


def topic_of(api, **more):
    topic = api.create_discussion_topic(**{"title": "Talk", "published": True, **more})
    topic.course_id = api.id
    return topic


def delete(entry):
    """Delete an entry. The library expects JSON, but Canvas answers 204."""
    with pytest.raises(JSONDecodeError):
        entry.delete()


def test_a_topic_begins_as_a_draft(api):
    topic = api.create_discussion_topic(message="<p>x</p>")
    assert (topic.title, topic.published, topic.posted_at) == ("No Title", False, None)
    assert (topic.locked, topic.pinned, topic.require_initial_post) == (False, False, False)
    assert not hasattr(topic, "updated_at")


def test_a_topic_can_be_created_published(api):
    topic = topic_of(api, discussion_type="threaded", pinned=True)
    assert (topic.published, topic.discussion_type, topic.pinned) == (True, "threaded", True)


@pytest.mark.parametrize("field", ["lock_at", "delayed_post_at"])
def test_a_new_date_publishes_a_draft(api, field):
    topic = topic_of(api, published=False)
    assert topic.update(**{field: "2040-01-01T12:00:00Z"}).published is True


def test_a_new_date_does_not_publish_if_the_state_is_sent(api):
    topic = topic_of(api, published=False)
    assert topic.update(lock_at="2040-01-01T00:00:00Z", published=False).published is False
    assert api.get_discussion_topic(topic.id).lock_at == "2040-01-01T23:59:59Z"


def test_a_topic_with_entries_of_students_cannot_be_unpublished(canvas, course, api):
    topic = topic_of(api)
    topic.post_entry(message="by a teacher")
    assert topic.update(published=False).published is False
    topic.course_id = api.id
    topic.update(published=True)
    entry = canvas.student.post(course.id, topic.id, "Hello")
    assert api.get_discussion_topic(topic.id).can_unpublish is False
    with pytest.raises(BadRequest, match="published"):
        topic.update(published=False)
    canvas.student.do("DELETE", f"/courses/{course.id}/discussion_topics/{topic.id}/entries/{entry['id']}")
    topic.course_id = api.id
    assert topic.update(published=False).published is False


def test_a_deleted_topic_takes_its_items_with_it(course, api):
    module = api.create_module({"name": "Bees"})
    topic = topic_of(api)
    module.create_module_item({"type": "Discussion", "content_id": topic.id})
    topic.delete()
    assert [*module.get_module_items()] == []
    with pytest.raises(ResourceDoesNotExist):
        api.get_discussion_topic(topic.id)
    assert course.topics[topic.id].state == "deleted"


def test_topics_are_listed_newest_first(api):
    for title in ("A", "B"):
        topic_of(api, title=title)
    assert [topic.title for topic in api.get_discussion_topics()] == ["B", "A"]


def test_entries_have_replies_in_any_depth(canvas, course, api):
    topic = topic_of(api)
    entry = topic.post_entry(message="<p>Why bees?</p>")
    reply = canvas.student.reply(course.id, topic.id, entry.id, "Honey")
    canvas.teacher.do(
        "POST", f"/courses/{course.id}/discussion_topics/{topic.id}/entries/{reply['id']}/replies", message="Wax"
    )
    (listed,) = topic.get_topic_entries()
    assert [one["message"] for one in listed.recent_replies] == ["Wax", "Honey"]
    assert listed.has_more_replies is False
    assert [one.message for one in entry.get_replies()] == ["Wax", "Honey"]
    view = api.get_full_discussion_topic(topic.id)
    assert view["view"][0]["replies"][0]["replies"][0]["message"] == "Wax"
    assert {one["display_name"] for one in view["participants"]} == {"Integration", "Sam Student", "Tess Teacher"}


def test_only_ten_replies_come_with_an_entry(canvas, course, api):
    topic = topic_of(api)
    entry = topic.post_entry(message="x")
    for number in range(11):
        canvas.student.reply(course.id, topic.id, entry.id, str(number))
    (listed,) = topic.get_topic_entries()
    assert (len(listed.recent_replies), listed.has_more_replies) == (10, True)
    assert api.get_discussion_topic(topic.id).discussion_subentry_count == 12


def test_a_deleted_entry_with_replies_stays_without_text_and_author(canvas, course, api):
    topic = topic_of(api)
    entry = topic.post_entry(message="x")
    canvas.student.reply(course.id, topic.id, entry.id, "y")
    delete(entry)
    (shown,) = api.get_full_discussion_topic(topic.id)["view"]
    assert (shown["deleted"], "message" in shown, "user_id" in shown) == (True, False, False)
    assert shown["replies"][0]["message"] == "y"


def test_a_deleted_entry_without_replies_is_gone(course, api):
    topic = topic_of(api)
    entry = topic.post_entry(message="x")
    delete(entry)
    assert [*topic.get_topic_entries()] == []
    assert course.topics[topic.id].entries[entry.id].deleted


def test_an_edit_says_who_edited(canvas, course, api):
    topic = topic_of(api)
    entry = canvas.student.post(course.id, topic.id, "x")
    (listed,) = topic.get_topic_entries()
    listed.update(message="y")
    (shown,) = topic.get_entries([entry["id"]])
    assert (shown.message, shown.user_id, shown.editor_id) == ("y", canvas.student.user.id, canvas.user.id)


def test_a_student_may_not_edit_what_others_wrote(canvas, course, client, raw):
    topic = topic_of(client.get_course(course.id))
    entry = topic.post_entry(message="x")
    token = canvas.add_token(canvas.student.user)
    path = f"/courses/{course.id}/discussion_topics/{topic.id}/entries/{entry.id}"
    assert raw("PUT", path, token, json={"message": "y"}).status_code == 403


def test_a_student_may_not_post_to_a_locked_topic(canvas, course, api):
    topic = topic_of(api)
    canvas.teacher.edit_topic(course.id, topic.id, locked=True)
    student = connect(canvas, canvas.add_token(canvas.student.user)).get_course(course.id)
    with pytest.raises(Forbidden):
        student.get_discussion_topic(topic.id).post_entry(message="x")
    student._requester._session.close()
