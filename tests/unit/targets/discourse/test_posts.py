"""Posts: show, edit, reply, delete."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.discourse import posts, topics
from course_sync_plugin.targets.discourse.errors import EditConflict, Forbidden, NotThere, Refused
from course_sync_plugin.targets.discourse.posts import Post
from course_sync_plugin.testing.discourse.faults import Refuse
from course_sync_plugin.testing.discourse.requests import Answer
from tests.unit.targets.discourse.conftest import RAW

ANSWER = "An answer to what was said above."


@pytest.fixture
def first(client, category) -> Post:
    """The first post of a topic."""
    return topics.create(client, title="The first unit", raw=RAW, category_id=category.id)


class TestUpdate:
    def test_a_text_is_changed_and_read_back_as_the_forum_keeps_it(self, client, first):
        changed = posts.update(client, first.id, "Another text of the unit.  \n\n", original_text=RAW)
        assert changed.raw == "Another text of the unit."
        assert posts.show(client, first.id).raw == "Another text of the unit."

    def test_the_text_is_nested_and_the_topic_stays_where_it_is(self, forum, client, first):
        posts.update(client, first.id, "Another text of the unit.", original_text=RAW, edit_reason="synchronised")
        assert json.loads(forum.requests[-1].body) == {
            "post": {"raw": "Another text of the unit.", "original_text": RAW, "edit_reason": "synchronised"},
            "bypass_bump": True,
        }

    def test_a_conflict_with_a_person(self, forum, client, first):
        forum.person("admin").edit_post(int(first.id), "A text that a person has written.")
        with pytest.raises(EditConflict):
            posts.update(client, first.id, "Another text of the unit.", original_text=RAW)
        assert posts.show(client, first.id).raw == "A text that a person has written."

    def test_the_text_as_it_was_sent_is_no_original(self, client, category):
        sent = f"{RAW}  "
        made = topics.create(client, title="The second unit", raw=sent, category_id=category.id)
        with pytest.raises(EditConflict):
            posts.update(client, made.id, "Another text of the unit.", original_text=sent)
        posts.update(client, made.id, "Another text of the unit.", original_text=made.raw)

    def test_a_text_that_is_too_short(self, client, first):
        with pytest.raises(Refused, match="422"):
            posts.update(client, first.id, "Short", original_text=RAW)

    def test_a_post_that_is_not_there(self, client):
        with pytest.raises(NotThere):
            posts.update(client, "99", RAW, original_text=RAW)

    def test_the_post_of_another(self, client, student, first):
        with pytest.raises(Forbidden):
            posts.update(student, first.id, "Another text of the unit.", original_text=RAW)

    def test_a_deleted_post_is_edited_by_staff(self, client, first):
        topics.delete(client, first.topic_id)
        posts.update(client, first.id, "Another text of the unit.", original_text=RAW)
        assert posts.show(client, first.id).deleted_at is not None


class TestReply:
    def test_a_reply_to_a_post(self, client, first):
        time = datetime(2026, 3, 1, 12, tzinfo=UTC)
        made = posts.reply(client, first.topic_id, ANSWER, created_at=time)
        nested = posts.reply(client, first.topic_id, "An answer to the answer.", reply_to_number=made.number)
        assert (made.topic_id, made.number, made.raw, made.created_at) == (first.topic_id, 2, ANSWER, time)
        assert (nested.number, nested.reply_to_number, made.reply_to_number) == (3, 2, None)
        assert posts.show(client, nested.id) == nested

    def test_the_same_reply_within_120_seconds_is_one_reply(self, forum, client, first):
        made = posts.reply(client, first.topic_id, ANSWER)
        assert posts.reply(client, first.topic_id, ANSWER) == made
        forum.clock.advance(121)
        assert posts.reply(client, first.topic_id, ANSWER).id != made.id

    def test_the_author_is_the_user_of_the_request(self, student, first):
        made = posts.reply(student, first.topic_id, ANSWER)
        assert (made.username, made.name) == ("student", made.name)


class TestDelete:
    def test_a_reply_is_deleted(self, client, first):
        made = posts.reply(client, first.topic_id, ANSWER)
        posts.delete(client, made.id)
        posts.delete(client, made.id)
        assert posts.show(client, made.id).deleted_at is not None
        assert made.id not in topics.show(client, first.topic_id).post_ids

    def test_a_first_post_is_not_deleted(self, client, first):
        with pytest.raises(Forbidden):
            posts.delete(client, first.id)


def test_a_hidden_post_has_no_text_for_others(forum, client, student, connect, first):
    made = posts.reply(student, first.topic_id, ANSWER)
    forum.person("moderator").hide_post(int(made.id))
    teacher = connect(api_username="teacher")
    assert (posts.show(teacher, made.id).raw, posts.show(teacher, made.id).is_hidden) == (None, True)
    assert posts.show(client, made.id).raw == ANSWER


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": True}, "'id' of the answer"),
        ({"id": -5}, "'id' of the answer"),
        ({"topic_id": None}, "'topic_id'"),
        ({"post_number": "1"}, "'post_number'"),
        ({"post_number": True}, "'post_number'"),
        ({"created_at": "yesterday"}, "'created_at'"),
        ({"created_at": "2026-03-01T12:00:00"}, "'created_at'"),
        ({"updated_at": "2026-13-01T12:00:00Z"}, "'updated_at'"),
        ({"username": 5}, "'username'"),
    ],
)
def test_a_field_of_another_kind_is_named(forum, client, changes, words):
    value = {"id": 7, "topic_id": 5, "post_number": 1, "username": "a", "version": 1, "created_at": "2026-03-01T12:00Z"}
    forum.faults.append(Refuse(instead=Answer.json({**value, **changes})))
    with pytest.raises(PermanentError, match=words):
        posts.show(client, "7")
