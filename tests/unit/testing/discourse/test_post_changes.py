"""``PUT /posts/{id}.json``: edits, versions, conflicts, bumps."""

from __future__ import annotations

import pytest

from tests.unit.testing.discourse.api import BODY, Api, ok, refused

NEW = "The first paragraph says what this unit is about now."


@pytest.fixture
def post(api) -> dict:
    return api.topic()


def edit(api, post, raw=NEW, **fields):
    return api.put(f"/posts/{post['id']}.json", post={"raw": raw, **fields})


def test_the_text_is_in_the_nested_post(api, post):
    answer = ok(edit(api, post, NEW + " \n"))["post"]
    assert (answer["raw"], answer["version"]) == (NEW, 1)
    assert ok(api.get(f"/posts/{post['id']}.json"))["raw"] == NEW


def test_the_form_that_other_clients_send(api, post):
    ok(api("PUT", f"/posts/{post['id']}", data={"post[raw]": NEW}))
    assert ok(api.get(f"/posts/{post['id']}.json"))["raw"] == NEW


@pytest.mark.parametrize("fields", [{"raw": NEW}, {"post": NEW}, {"post": {}}])
def test_without_the_nested_post_it_is_400(api, post, fields):
    assert "post" in refused(api.put(f"/posts/{post['id']}.json", **fields), 400)[0]


def test_without_the_text_the_text_counts_as_empty(api, post):
    errors = refused(api.put(f"/posts/{post['id']}.json", post={"edit_reason": "only a reason"}), 422)
    assert errors[0] == "Body can't be blank"


def test_a_bad_text_is_422_and_changes_nothing(api, post):
    assert refused(edit(api, post, "Too short."), 422) == ["Body is too short (minimum is 20 characters)"]
    assert ok(api.get(f"/posts/{post['id']}.json"))["raw"] == BODY


def test_the_title_is_beside_the_post_and_the_category_inside(api, post):
    category = api.category()["id"]
    sent = {"post": {"raw": BODY, "category_id": category}, "title": "Another title of the unit"}
    answer = ok(api.put(f"/posts/{post['id']}.json", **sent))
    assert answer["category"]["id"] == category
    topic = api.show(post["topic_id"])
    assert (topic["title"], topic["category_id"]) == ("Another title of the unit", category)
    assert refused(api.put(f"/posts/{post['id']}.json", post={"raw": BODY, "category_id": 999}), 422)


def test_a_reply_has_no_title(api, post):
    reply = api.reply(post["topic_id"])
    ok(api.put(f"/posts/{reply['id']}.json", post={"raw": NEW}, title="Another title of the unit"))
    assert api.show(post["topic_id"])["title"] == "The first unit of the course"


def test_a_text_that_changed_meanwhile_is_409(forum, api, post):
    forum.person("moderator").edit_post(post["id"], "A text that a person has written.")
    response = edit(api, post, original_text=BODY)
    assert refused(response, 409) == ["That post was edited by another user and your changes can no longer be saved."]
    ok(edit(api, post, original_text="A text that a person has written."))


def test_the_original_text_is_the_one_that_was_read_not_the_one_that_was_sent(api):
    post = api.topic(raw=BODY + " \n")
    assert refused(edit(api, post, original_text=BODY + " \n"), 409)
    ok(edit(api, post, original_text=post["raw"]))


def test_a_post_that_is_not_there_is_404(api):
    assert refused(api.put("/posts/999.json", post={"raw": NEW}), 404)


def test_a_deleted_post_may_be_edited_by_staff(forum, api, post):
    forum.webhooks.add("http://127.0.0.1:9/")
    api.delete(f"/t/{post['topic_id']}.json")
    forum.webhooks.pending.clear()
    assert ok(edit(api, post))["post"]["raw"] == NEW
    assert forum.webhooks.pending == []
    assert refused(edit(Api(forum, "student"), post), 404)


def test_the_post_of_another_user_is_403(student, post):
    assert refused(edit(student, post), 403)


@pytest.mark.parametrize(("username", "hours"), [("student", 24), ("teacher", 720)])
def test_a_person_may_edit_their_own_post_for_some_time(forum, username, hours):
    person = Api(forum, username)
    mine = person.topic("A question of one person")
    forum.clock.advance(hours * 3600 - 60)
    ok(edit(person, mine))
    forum.clock.advance(120)
    assert refused(edit(person, mine, BODY), 422) == [
        "That post was created too long ago. It can no longer be edited or deleted."
    ]
    assert refused(person.put(f"/t/-/{mine['topic_id']}.json", title="Another title of the unit"), 403)


class TestVersions:
    def test_a_small_edit_in_the_grace_period_makes_none(self, forum, api, post):
        forum.clock.advance(290)
        assert ok(edit(api, post))["post"]["version"] == 1

    def test_an_edit_after_it_makes_one(self, forum, api, post):
        forum.clock.advance(301)
        answer = ok(edit(api, post))["post"]
        assert answer["version"] == 2
        assert ok(api.get(f"/posts/{post['id']}/revisions/latest.json"))["current_version"] == 2

    def test_a_large_edit_makes_one(self, api, post):
        assert ok(edit(api, post, BODY + "y" * 400))["post"]["version"] == 1
        assert ok(edit(api, post, BODY + "y" * 401))["post"]["version"] == 2

    def test_of_new_users_fewer_characters_are_large(self, student):
        mine = student.topic("A question of a student")
        assert ok(edit(student, mine, BODY + "y" * 100))["post"]["version"] == 1
        assert ok(edit(student, mine, BODY + "y" * 101))["post"]["version"] == 2

    def test_another_editor_makes_one(self, forum, api, post):
        forum.person("moderator").edit_post(post["id"], NEW)
        assert ok(api.get(f"/posts/{post['id']}.json"))["version"] == 2

    def test_a_new_reason_makes_one_with_the_same_text(self, api, post):
        answer = ok(edit(api, post, BODY, edit_reason="synchronised"))["post"]
        assert (answer["version"], answer["edit_reason"]) == (2, "synchronised")
        assert ok(edit(api, post, BODY, edit_reason="synchronised"))["post"]["version"] == 2

    def test_the_same_text_makes_none(self, forum, api, post):
        forum.webhooks.add("http://127.0.0.1:9/")
        forum.clock.advance(301)
        assert ok(edit(api, post, BODY))["post"]["version"] == 1
        assert forum.webhooks.pending == []

    def test_an_edit_back_removes_the_version(self, forum, api, post):
        forum.clock.advance(301)
        assert ok(edit(api, post))["post"]["version"] == 2
        assert ok(edit(api, post, BODY))["post"]["version"] == 1
        assert refused(api.get(f"/posts/{post['id']}/revisions/latest.json"), 404)

    def test_a_version_begins_with_the_text_before_the_grace_period(self, forum, api, post):
        ok(edit(api, post, BODY + " One more."))
        ok(edit(api, post, BODY + " Two more."))
        forum.clock.advance(301)
        ok(edit(api, post))
        assert ok(api.get(f"/posts/{post['id']}/revisions/2.json"))["body_changes"]["side_by_side_markdown"] == [
            BODY,
            NEW,
        ]


class TestBumps:
    """An edit moves no topic up, but the text of a wiki does that begins one."""

    @pytest.mark.parametrize(
        ("wiki", "fields", "later", "bumped"),
        [
            (False, {}, True, False),
            (True, {}, True, True),
            (True, {}, False, False),
            (True, {"bypass_bump": True}, True, False),
            (True, {"bypass_bump": "false"}, True, True),
        ],
        ids=["no wiki", "wiki", "no version", "bypassed", "not bypassed"],
    )
    def test_bump(self, forum, api, post, wiki, fields, later, bumped):
        forum.forum.posts[post["id"]].wiki = wiki
        if later:
            forum.clock.advance(301)
        before = forum.forum.topics[post["topic_id"]].bumped_at
        ok(api.put(f"/posts/{post['id']}.json", post={"raw": NEW}, **fields))
        assert (forum.forum.topics[post["topic_id"]].bumped_at > before) is bumped

    def test_a_wiki_that_is_a_reply_bumps_nothing(self, forum, api, post):
        reply = api.reply(post["topic_id"])
        forum.forum.posts[reply["id"]].wiki = True
        forum.clock.advance(301)
        before = forum.forum.topics[post["topic_id"]].bumped_at
        ok(api.put(f"/posts/{reply['id']}.json", post={"raw": NEW}))
        assert forum.forum.topics[post["topic_id"]].bumped_at == before

    @pytest.mark.parametrize("fields", [{"title": "Another title of the unit"}, {"tags": ["week-1"]}])
    @pytest.mark.parametrize("wiki", [False, True])
    def test_a_new_title_or_tag_bumps_nothing(self, forum, api, post, wiki, fields):
        forum.forum.posts[post["id"]].wiki = wiki
        forum.clock.advance(301)
        before = forum.forum.topics[post["topic_id"]].bumped_at
        ok(api.put(f"/t/-/{post['topic_id']}.json", **fields))
        assert forum.forum.posts[post["id"]].version == 2
        assert forum.forum.topics[post["topic_id"]].bumped_at == before

    def test_only_staff_may_bypass_it(self, forum, student):
        mine = student.topic("A question of a student")
        forum.forum.posts[mine["id"]].wiki = True
        forum.clock.advance(301)
        before = forum.forum.topics[mine["topic_id"]].bumped_at
        ok(student.put(f"/posts/{mine['id']}.json", post={"raw": NEW, "bypass_bump": True}))
        assert forum.forum.topics[mine["topic_id"]].bumped_at > before

    def test_a_bump_can_be_taken_back(self, forum, api, post):
        forum.forum.posts[post["id"]].wiki = True
        forum.clock.advance(301)
        ok(edit(api, post))
        topic = forum.forum.topics[post["topic_id"]]
        assert topic.bumped_at > topic.created_at
        assert api.put(f"/t/{post['topic_id']}/reset-bump-date.json").status_code == 200
        assert topic.bumped_at == topic.created_at
