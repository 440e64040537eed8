"""Tags of topics."""

from __future__ import annotations

import pytest

from course_sync_plugin.testing.discourse.forum.settings import SiteSettings
from course_sync_plugin.testing.discourse.forum.tags import clean_tag
from tests.unit.testing.discourse.api import Api, ok, refused


def names(topic):
    return [tag["name"] for tag in topic["tags"]]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("Week  One", "week-one"), ("C++ & more!", "c--more"), ("x" * 30, "x" * 20), ("Übung", "übung"), ("a--b", "a-b")],
)
def test_a_tag_is_cleaned(sent, kept):
    assert clean_tag(sent, SiteSettings()) == kept


def test_tags_are_sent_as_names_or_objects_and_come_back_as_objects(api):
    topic = api.topic(tags=["Week One", "Physics"])["topic_id"]
    shown = api.show(topic)
    assert shown["tags"] == [
        {"id": 1, "name": "week-one", "slug": "week-one"},
        {"id": 2, "name": "physics", "slug": "physics"},
    ]
    answer = ok(api.put(f"/t/-/{topic}.json", tags=[{"id": 2, "name": "physics"}, {"name": "New one"}]))
    assert names(answer) == names(api.show(topic)) == ["physics", "new-one"]
    ok(api.put(f"/t/-/{topic}.json", tags=[]))
    assert api.show(topic)["tags"] == []


def test_a_form_sends_them_with_brackets(api):
    fields = {"title": "The first unit of the course", "raw": "A body that is long enough.", "tags[]": ["one", "two"]}
    assert names(api.show(ok(api("POST", "/posts.json", data=fields))["topic_id"])) == ["one", "two"]


def test_too_many_are_refused_at_creation_and_cut_at_a_change(api):
    many = [f"tag-{number}" for number in range(6)]
    response = api.post(
        "/posts.json", title="The first unit of the course", raw="A body that is long enough.", tags=many
    )
    assert refused(response, 422) == ["You can't add more than 5 tags to a topic."]
    topic = api.topic(tags=many[:5])["topic_id"]
    ok(api.put(f"/t/-/{topic}.json", tags=["one", *many[:5]]))
    assert len(api.show(topic)["tags"]) == 5


def test_only_some_may_make_new_ones(forum, api):
    api.topic(tags=["known"])
    topic = Api(forum, "student").topic("A question of a student", tags=["known", "unknown"])["topic_id"]
    assert names(api.show(topic)) == ["known"]


def test_the_same_tags_are_no_change(forum, api):
    topic = api.topic(tags=["one", "two"])["topic_id"]
    forum.webhooks.add("http://127.0.0.1:9/")
    ok(api.put(f"/t/-/{topic}.json", tags=["two", "one"]))
    assert forum.webhooks.pending == []


def test_tags_and_their_topics_are_listed(api):
    topic = api.topic(tags=["one", "two"])["topic_id"]
    assert [(tag["name"], tag["count"]) for tag in ok(api.get("/tags.json"))["tags"]] == [("one", 1), ("two", 1)]
    listed = ok(api.get("/tag/one.json"))["topic_list"]["topics"]
    assert [one["id"] for one in listed] == [topic]
    assert refused(api.get("/tag/three.json"), 404)


def test_a_site_may_have_none(forum, api):
    forum.forum.settings.tagging_enabled = False
    assert api.show(api.topic(tags=["one"])["topic_id"])["tags"] == []
