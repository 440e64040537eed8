"""People who work in the web interface while a client uses the API."""

from __future__ import annotations

import pytest

from course_sync_plugin.testing.discourse import DiscourseServer, Refused, SiteSettings
from tests.unit.testing.discourse.api import BODY, ok


def test_what_a_person_does_is_seen_through_the_api(forum, api):
    teacher, moderator = forum.person("teacher"), forum.person("moderator")
    category = api.category()["id"]
    topic = teacher.create_topic("A topic of the teacher", BODY, category, tags=["x"])
    reply = teacher.reply(topic.id, "A second thought of the teacher.")
    answer = moderator.reply(topic.id, "What a moderator thinks of it.", to=reply.post_number)
    assert teacher.edit_post(reply.id, "A third thought of the teacher.", "spelling") is True
    moderator.edit_topic(topic.id, title="A topic that was renamed", tags=["two"])
    moderator.set_status(topic.id, "closed")
    shown = api.show(topic.id)
    assert (shown["title"], shown["closed"], shown["user_id"]) == ("A topic that was renamed", True, teacher.user.id)
    posts = shown["post_stream"]["posts"]
    assert [post["username"] for post in posts] == ["teacher", "teacher", "moderator", "moderator"]
    assert (posts[1]["edit_reason"], posts[2]["reply_to_post_number"]) == ("spelling", 2)
    moderator.delete_post(answer.id)
    moderator.delete_topic(topic.id)
    assert api.show(topic.id)["deleted_by"]["username"] == "moderator"
    moderator.recover_topic(topic.id)
    assert api.show(topic.id)["deleted_at"] is None


def test_an_administrator_changes_categories(forum, api):
    admin = forum.person("admin")
    category = api.category()["id"]
    admin.edit_category(category, name="Renamed course", description="What it is about.")
    shown = ok(api.get(f"/c/{category}/show.json"))["category"]
    assert (shown["name"], shown["description"]) == ("Renamed course", "What it is about.")
    admin.delete_category(category)
    assert api.get(f"/c/{category}/show.json").status_code == 404


def test_a_person_has_the_rights_of_their_user(forum, api):
    topic = api.topic()["topic_id"]
    with pytest.raises(Refused) as caught:
        forum.person("student").edit_topic(topic, title="A title that a student chose")
    assert caught.value.status == 403


def test_nothing_of_it_is_remembered(forum):
    teacher = forum.person("teacher")
    teacher.create_topic("A topic of the teacher", BODY)
    with pytest.raises(Refused) as caught:
        teacher.create_topic("A topic of the teacher", "Another body of the same title.")
    assert caught.value.errors == ["Title has already been used"]


def test_there_is_no_such_person(forum):
    with pytest.raises(KeyError):
        forum.person("nobody")


def test_a_server_begins_with_settings():
    settings = SiteSettings(min_topic_title_length=5, allow_uncategorized_topics=True)
    with DiscourseServer(settings=settings) as forum:
        forum.person("student").create_topic("Biology", BODY)
