"""``POST /posts.json``: new topics, replies, private messages, the memory of 120 seconds."""

from __future__ import annotations

import pytest

from tests.unit.testing.discourse.api import BODY, Api, ok, refused

NOT_FOUND = "Something has gone wrong. Perhaps this topic was closed or deleted while you were looking at it?"


def test_the_answer_is_the_first_post(api):
    category = api.category()["id"]
    post = api.topic(category=category)
    assert (post["post_number"], post["raw"], post["cooked"], post["version"]) == (1, BODY, f"<p>{BODY}</p>", 1)
    assert post["topic_slug"] == "the-first-unit-of-the-course"
    topic = api.show(post["topic_id"])
    assert (topic["category_id"], topic["posts_count"]) == (category, 1)


def test_with_nested_post_the_post_is_inside(api):
    answer = ok(api.post("/posts.json", title="The first unit of the course", raw=BODY, nested_post=True))
    assert (answer["action"], answer["success"], answer["post"]["post_number"]) == ("create_post", True, 1)


@pytest.mark.parametrize("category", [999, "demo-course"])
def test_a_category_that_is_not_there_is_400(api, category):
    response = api.post("/posts.json", title="The first unit of the course", raw=BODY, category=category)
    assert refused(response, 400) == ["You supplied invalid parameters to the request: category"]
    assert response.json()["error_type"] == "invalid_parameters"


def test_category_id_does_not_choose_the_category_of_a_new_topic(forum, api):
    post = api.topic(category_id=api.category()["id"])
    assert api.show(post["topic_id"])["category_id"] == forum.forum.uncategorized.id


def test_others_than_staff_must_choose_a_category_by_default(forum, api, student):
    forum.forum.settings.allow_uncategorized_topics = False
    fields = {"title": "A question about the unit", "raw": BODY}
    assert refused(student.post("/posts.json", **fields), 422) == ["Category can't be blank"]
    reserved = student.post("/posts.json", **fields, category=forum.forum.uncategorized.id)
    assert refused(reserved, 422) == ["Category is reserved"]
    student.topic(**fields, category=api.category()["id"])
    api.topic()


def test_an_api_key_may_skip_the_checks_but_the_title_is_cleaned(api):
    post = api.topic("week 1...", raw="Short.", skip_validations=True)
    assert (api.show(post["topic_id"])["title"], post["raw"]) == ("Week 1", "Short.")


def test_a_topic_may_be_made_in_the_past(api):
    post = api.topic(created_at="2020-02-03T04:05:06Z")
    topic = api.show(post["topic_id"])
    assert post["created_at"] == topic["created_at"] == "2020-02-03T04:05:06.000Z"


def test_a_time_that_is_none_is_500(api):
    assert api.post("/posts.json", title="A title for no time", raw=BODY, created_at="soon").status_code == 500


class TestMemory:
    """The same parameters by the same user within 120 seconds get the same answer."""

    def test_the_same_again_is_the_same_post(self, forum, api):
        assert api.topic() == api.topic()
        assert len(forum.forum.topics) == 1

    def test_a_refusal_is_remembered_too(self, forum, api):
        topic = forum.person("teacher").create_topic("The first unit of the course", BODY)
        refused(api.post("/posts.json", title="The first unit of the course", raw=BODY), 422)
        forum.person("admin").delete_topic(topic.id)
        refused(api.post("/posts.json", title="The first unit of the course", raw=BODY), 422)
        forum.clock.advance(121)
        api.topic()

    def test_after_120_seconds_the_title_is_taken(self, forum, api):
        forum.clock.freeze()
        api.topic()
        forum.clock.advance(119)
        api.topic()
        forum.clock.advance(2)
        again = api.post("/posts.json", title="The first unit of the course", raw=BODY)
        assert refused(again, 422) == ["Title has already been used"]

    @pytest.mark.parametrize("change", ["user", "parameter", "user agent"])
    def test_another_user_or_parameter_is_no_repetition(self, forum, api, change):
        api.topic()
        fields = {"title": "The first unit of the course", "raw": BODY}
        if change == "user":
            again = Api(forum, "admin").post("/posts.json", **fields)
        elif change == "parameter":
            again = api.post("/posts.json", **fields, auto_track="false")
        else:
            again = api("POST", "/posts.json", json=fields, headers={"User-Agent": "another"})
        assert refused(again, 422) == ["Title has already been used"]

    def test_the_same_reply_is_made_once(self, forum, api):
        topic = api.topic()["topic_id"]
        assert api.reply(topic)["id"] == api.reply(topic)["id"]
        assert api.show(topic)["posts_count"] == 2

    def test_a_refusal_of_rights_is_not_remembered(self, forum, api, student):
        category = api.category(permissions={"staff": 1})["id"]
        fields = {"title": "The first unit of the course", "raw": BODY, "category": category}
        refused(student.post("/posts.json", **fields), 403)
        forum.forum.categories[category].permissions = {}
        ok(student.post("/posts.json", **fields))


class TestReplies:
    def test_a_reply_names_the_post_that_it_answers(self, api, student):
        topic = api.topic()["topic_id"]
        first = student.reply(topic, "The first answer to the unit.")
        second = api.reply(topic, "An answer to the first answer.", reply_to_post_number=first["post_number"])
        assert (second["post_number"], second["reply_to_post_number"]) == (3, 2)
        assert second["reply_to_user"]["username"] == "student"
        assert [one["id"] for one in ok(api.get(f"/posts/{first['id']}/replies.json"))] == [second["id"]]
        assert ok(api.get(f"/posts/{first['id']}.json"))["reply_count"] == 1

    def test_a_reply_bumps_the_topic(self, forum, api):
        topic = api.topic()["topic_id"]
        before = forum.forum.topics[topic].bumped_at
        api.reply(topic)
        assert forum.forum.topics[topic].bumped_at > before

    @pytest.mark.parametrize(("username", "allowed"), [("system", True), ("moderator", True), ("student", False)])
    def test_a_closed_topic_takes_replies_of_staff_only(self, forum, api, username, allowed):
        topic = api.topic()["topic_id"]
        api.put(f"/t/{topic}/status.json", status="closed", enabled="true")
        response = Api(forum, username).post("/posts.json", topic_id=topic, raw="An answer that comes late.")
        assert response.status_code == 200 if allowed else refused(response, 422) == [NOT_FOUND]

    @pytest.mark.parametrize("gone", [True, False], ids=["deleted", "never there"])
    def test_a_topic_that_is_gone_takes_none(self, api, gone):
        topic = api.topic()["topic_id"]
        if gone:
            api.delete(f"/t/{topic}.json")
        response = api.post("/posts.json", topic_id=topic if gone else 999, raw="An answer that comes late.")
        assert refused(response, 422) == [NOT_FOUND]
        assert response.json()["action"] == "create_post"


class TestApproval:
    def test_a_topic_waits_for_approval(self, forum, api, student):
        category = api.category()["id"]
        forum.forum.categories[category].require_topic_approval = True
        fields = {"title": "A question about the unit", "raw": BODY, "category": category}
        answer = ok(student.post("/posts.json", **fields))
        assert (answer["action"], answer["pending_count"]) == ("enqueued", 1)
        assert "id" not in answer
        (pending,) = forum.forum.pending.values()
        post = forum.person("moderator").approve(pending)
        assert api.show(post.topic_id)["title"] == "A question about the unit"
        assert forum.forum.pending == {}
        api.topic(category=category)

    def test_a_reply_waits_for_approval(self, forum, api, student):
        category = api.category()["id"]
        topic = api.topic(category=category)["topic_id"]
        forum.forum.categories[category].require_reply_approval = True
        answer = ok(student.post("/posts.json", topic_id=topic, raw="An answer that must be approved."))
        assert answer["action"] == "enqueued"
        assert api.show(topic)["posts_count"] == 1
        waiting = forum.person("student").ask(topic_id=topic, raw="Another answer that must be approved.")
        forum.person("moderator").approve(waiting)
        assert api.show(topic)["posts_count"] == 2


class TestPrivateMessages:
    def test_they_are_in_no_list_and_for_nobody_else(self, forum, api, student):
        message = forum.person("teacher").message("moderator", "About a student", "Something that is private.")
        assert ok(api.get("/latest.json"))["topic_list"]["topics"] == []
        assert ok(api.get("/posts.json"))["latest_posts"] == []
        assert refused(student.get(f"/t/{message.id}.json"), 404)
        ok(Api(forum, "moderator").get(f"/t/{message.id}.json"))
        inbox = ok(api.get("/topics/private-messages/moderator.json"))["topic_list"]["topics"]
        sent = ok(Api(forum, "teacher").get("/topics/private-messages-sent/teacher.json"))["topic_list"]["topics"]
        assert [one["id"] for one in inbox] == [one["id"] for one in sent] == [message.id]
        assert refused(student.get("/topics/private-messages/moderator.json"), 403)

    def test_their_titles_are_free(self, forum, api):
        api.topic("About a student of ours")
        forum.person("teacher").message("moderator", "About a student of ours", "Something that is private.")

    @pytest.mark.parametrize(
        ("to", "message"),
        [
            ("", "You must select a valid user."),
            ("nobody", "One of the users you are sending this message to could not be found."),
        ],
    )
    def test_a_recipient_must_be_there(self, api, to, message):
        fields = {"title": "A message to nobody", "raw": BODY, "archetype": "private_message", "target_recipients": to}
        assert refused(api.post("/posts.json", **fields), 422) == [message]
