"""Deleting and recovering topics and posts."""

from __future__ import annotations

import pytest

from tests.unit.testing.discourse.api import Api, ok, refused

FAILED = ["There was an error deleting that topic. Please contact the site's administrator."]


@pytest.fixture
def topic(api) -> int:
    return api.topic()["topic_id"]


def test_a_deleted_topic_is_200_for_staff_and_404_for_others(forum, api, student, topic):
    response = api.delete(f"/t/{topic}.json")
    assert (response.status_code, response.content) == (200, b"")
    shown = api.show(topic)
    assert shown["deleted_at"]
    assert shown["deleted_by"]["username"] == "system"
    assert [post["post_number"] for post in shown["post_stream"]["posts"]] == [1]
    for client in (student, Api(forum, None)):
        assert refused(client.get(f"/t/{topic}.json"), 404)
    assert ok(api.get("/latest.json"))["topic_list"]["topics"] == []


def test_404_of_a_topic_carries_a_page(student):
    assert "<h1>" in student.get("/t/999.json").json()["extras"]["html"]


def test_a_site_may_tell_more(forum, api, student, topic):
    forum.forum.settings.detailed_404 = True
    closed = api.topic("A topic of a group", category=api.category(permissions={"staff": 1})["id"])["topic_id"]
    api.delete(f"/t/{topic}.json")
    assert student.get(f"/t/{topic}.json").status_code == 410
    assert student.get(f"/t/{closed}.json").status_code == 403


@pytest.mark.parametrize("why", ["twice", "never there", "no right"])
def test_each_reason_against_a_deletion_is_the_same_422(api, student, topic, why):
    if why == "twice":
        api.delete(f"/t/{topic}.json")
    client, number = (student if why == "no right" else api), (999 if why == "never there" else topic)
    assert refused(client.delete(f"/t/{number}.json"), 422) == FAILED


def test_a_person_may_delete_their_own_fresh_topic(forum, api):
    student = Api(forum, "student")
    first, second, third = (
        student.topic(f"A question of the student, number {n}", raw=f"Body {n} of these questions.")["topic_id"]
        for n in ("one", "two", "six")
    )
    assert student.delete(f"/t/{first}.json").status_code == 200
    api.reply(second)
    assert refused(student.delete(f"/t/{second}.json"), 422) == FAILED
    forum.clock.advance(24 * 3600)
    assert refused(student.delete(f"/t/{third}.json"), 422) == FAILED


def test_the_replies_of_a_deleted_topic_stay(forum, api, topic):
    reply = api.reply(topic)
    api.delete(f"/t/{topic}.json")
    assert forum.forum.posts[reply["id"]].deleted_at is None
    api.put(f"/t/{topic}/recover.json")
    assert api.show(topic)["posts_count"] == 2


def test_staff_sees_that_replies_were_deleted(api, student, topic):
    reply = api.reply(topic)["id"]
    assert api.show(topic)["has_deleted"] is False
    api.delete(f"/posts/{reply}.json")
    shown = api.show(topic)
    assert (shown["has_deleted"], len(shown["post_stream"]["posts"])) == (True, 1)
    assert "has_deleted" not in ok(student.get(f"/t/{topic}.json"))


def test_a_right_that_is_missing_is_left_out(api, student, topic):
    assert api.show(topic)["details"]["can_delete"] is True
    assert "can_delete" not in ok(student.get(f"/t/{topic}.json"))["details"]


class TestRecovery:
    def test_a_topic_comes_back_as_it_was(self, api, student, topic):
        api.delete(f"/t/{topic}.json")
        assert api.put(f"/t/{topic}/recover.json").status_code == 200
        shown = ok(student.get(f"/t/{topic}.json"))
        assert (shown["deleted_at"], shown["title"]) == (None, "The first unit of the course")

    @pytest.mark.parametrize("why", ["not deleted", "never there", "no right"])
    def test_otherwise_403(self, api, student, topic, why):
        if why == "no right":
            api.delete(f"/t/{topic}.json")
        client, number = (student if why == "no right" else api), (999 if why == "never there" else topic)
        assert refused(client.put(f"/t/{number}/recover.json"), 403)

    def test_two_topics_may_have_the_same_title_afterwards_and_then_neither_can_be_moved(self, api, topic):
        api.delete(f"/t/{topic}.json")
        api.topic("The first unit of the course", raw="The topic that took the title.")
        assert api.put(f"/t/{topic}/recover.json").status_code == 200
        response = api.put(f"/t/-/{topic}.json", category_id=api.category()["id"])
        assert refused(response, 422) == ["Title has already been used"]


class TestPosts:
    def test_a_first_post_is_403(self, api, topic):
        assert refused(api.delete(f"/posts/{topic}.json"), 403)

    def test_a_reply_goes_and_comes_back(self, api, student, topic):
        reply = student.reply(topic)
        assert api.delete(f"/posts/{reply['id']}.json").status_code == 200
        assert api.show(topic)["posts_count"] == 1
        assert ok(api.get(f"/posts/{reply['id']}.json"))["deleted_at"]
        assert refused(student.get(f"/posts/{reply['id']}.json"), 404)
        assert ok(api.put(f"/posts/{reply['id']}/recover.json"))["deleted_at"] is None
        assert refused(api.put(f"/posts/{reply['id']}/recover.json"), 403)

    def test_a_person_s_own_reply_only_gets_another_text(self, api, student, topic):
        reply = student.reply(topic)
        assert student.delete(f"/posts/{reply['id']}.json").status_code == 200
        shown = ok(api.get(f"/posts/{reply['id']}.json"))
        assert (shown["raw"], shown["deleted_at"], shown["user_deleted"]) == ("(post deleted by author)", None, True)
        assert refused(student.delete(f"/posts/{reply['id']}.json"), 403)
        assert ok(student.put(f"/posts/{reply['id']}/recover.json"))["raw"] == reply["raw"]

    def test_the_reply_of_another_is_403(self, api, student, topic):
        assert refused(student.delete(f"/posts/{api.reply(topic)['id']}.json"), 403)
