"""``PUT /t/-/{id}.json``."""

from __future__ import annotations

import pytest

from tests.unit.testing.discourse.api import Api, ok, refused

FORBIDDEN = ["You are not permitted to view the requested resource."]


@pytest.fixture
def topic(api) -> int:
    return api.topic()["topic_id"]


def test_the_answer_has_the_title_as_it_is_kept(api, topic):
    answer = ok(api.put(f"/t/-/{topic}.json", title="another title of the unit..."))
    assert answer["basic_topic"]["title"] == "Another title of the unit"
    assert answer["basic_topic"]["slug"] == "another-title-of-the-unit"
    assert "tags" not in answer
    assert api.show(topic)["title"] == "Another title of the unit"


@pytest.mark.parametrize("path", ["/t/{}.json", "/t/any-slug/{}.json", "/t/-/{}"])
def test_other_addresses_of_the_same(api, topic, path):
    ok(api.put(path.format(topic), title="Another title of the unit"))
    assert api.show(topic)["title"] == "Another title of the unit"


def test_the_nested_topic_of_the_documentation_is_ignored_with_200(forum, api, topic):
    forum.webhooks.add("http://127.0.0.1:9/")
    answer = ok(api.put(f"/t/-/{topic}.json", topic={"title": "Another title of the unit", "category_id": 1}))
    assert answer["basic_topic"]["title"] == "The first unit of the course"
    assert forum.webhooks.pending == []


def test_the_category_field_has_another_name_than_at_creation(api, topic):
    category = api.category()["id"]
    before = api.show(topic)["category_id"]
    ok(api.put(f"/t/-/{topic}.json", category=category))
    assert api.show(topic)["category_id"] == before
    ok(api.put(f"/t/-/{topic}.json", category_id=category))
    assert api.show(topic)["category_id"] == category


def test_a_category_that_is_not_there_is_422(api, topic):
    assert refused(api.put(f"/t/-/{topic}.json", category_id=999), 422) == ["Category not found!"]


def test_the_category_0_is_uncategorized(forum, api):
    topic = api.topic(category=api.category()["id"])["topic_id"]
    ok(api.put(f"/t/-/{topic}.json", category_id=0))
    assert api.show(topic)["category_id"] == forum.forum.uncategorized.id


def test_a_move_needs_the_right_to_begin_topics_there(forum, api):
    teacher = Api(forum, "teacher")
    topic = teacher.topic("A topic of the teacher")["topic_id"]
    closed = api.category("Closed", permissions={"everyone": 2, "staff": 1})["id"]
    assert refused(teacher.put(f"/t/-/{topic}.json", category_id=closed), 403) == [
        "You cannot move this topic to a category where you do not have permission to create new topics."
    ]


def test_a_title_that_changed_meanwhile_is_409(api, topic):
    response = api.put(f"/t/-/{topic}.json", title="Another title of the unit", original_title="A title of the past")
    assert refused(response, 409)
    ok(api.put(f"/t/-/{topic}.json", title="Third title of the unit", original_title="The first unit of the course"))


@pytest.mark.parametrize("gone", ["deleted", "never there"])
def test_a_topic_that_is_gone_is_403(api, topic, gone):
    if gone == "deleted":
        api.delete(f"/t/{topic}.json")
    number = topic if gone == "deleted" else 999
    assert refused(api.put(f"/t/-/{number}.json", title="Another title of the unit"), 403) == FORBIDDEN


def test_a_bad_title_is_422_and_changes_nothing(api, topic):
    other = api.topic("A title that is taken", raw="The body of the other topic.")
    for title in ("Week 1", "a TITLE that is taken"):
        assert refused(api.put(f"/t/-/{topic}.json", title=title), 422)
    assert api.show(topic)["title"] == "The first unit of the course"
    assert api.show(topic)["post_stream"]["posts"][0]["version"] == 1
    assert other["topic_id"] != topic


@pytest.mark.parametrize(
    ("username", "own", "status"),
    [("student", True, 200), ("student", False, 403), ("teacher", False, 403), ("regular", False, 200)],
)
def test_who_may_rename(forum, api, username, own, status):
    forum.forum.add_user("regular", trust_level=3)
    made = Api(forum, username).topic("A topic of one's own") if own else api.topic("A topic of the system")
    response = Api(forum, username).put(f"/t/-/{made['topic_id']}.json", title="Another title of the unit")
    assert response.status_code == status


@pytest.mark.parametrize(("level", "status"), [(3, 403), (4, 200)])
def test_an_archived_topic_is_for_trust_level_4(forum, api, topic, level, status):
    forum.forum.add_user("trusted", trust_level=level)
    api.put(f"/t/{topic}/status.json", status="archived", enabled="true")
    response = Api(forum, "trusted").put(f"/t/-/{topic}.json", title="Another title of the unit")
    assert response.status_code == status


class TestVersions:
    """A change of the topic is an edit of its first post."""

    def version(self, api, topic):
        return api.show(topic)["post_stream"]["posts"][0]["version"]

    def test_a_change_soon_after_makes_no_version(self, api, topic):
        ok(api.put(f"/t/-/{topic}.json", title="Another title of the unit"))
        assert self.version(api, topic) == 1

    def test_a_later_change_makes_one(self, forum, api, topic):
        forum.clock.advance(301)
        ok(api.put(f"/t/-/{topic}.json", title="Another title of the unit"))
        assert self.version(api, topic) == 2

    def test_the_same_title_makes_none(self, forum, api, topic):
        forum.clock.advance(301)
        ok(api.put(f"/t/-/{topic}.json", title="The first unit of the course"))
        assert self.version(api, topic) == 1

    def test_an_unclean_title_makes_one_each_time_although_nothing_changes(self, forum, api, topic):
        forum.webhooks.add("http://127.0.0.1:9/")
        for _ in range(3):
            forum.clock.advance(301)
            ok(api.put(f"/t/-/{topic}.json", title="the first unit of the course."))
        assert self.version(api, topic) == 4
        assert [one.event for one in forum.webhooks.pending] == ["topic_edited"] * 3

    def test_a_person_s_change_after_ours_makes_one(self, forum, api, topic):
        forum.person("moderator").edit_topic(topic, title="A title that a person chose")
        assert self.version(api, topic) == 2
        ok(api.put(f"/t/-/{topic}.json", title="The first unit of the course"))
        assert self.version(api, topic) == 3
