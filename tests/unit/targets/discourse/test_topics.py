"""Topics: creation and its memory, look-up, changes, deletion."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from course_sync_plugin.exceptions import PermanentError, TransientError
from course_sync_plugin.targets.discourse import categories, posts, topics
from course_sync_plugin.targets.discourse.errors import EditConflict, Forbidden, NotThere, Refused
from course_sync_plugin.testing.discourse.faults import Drop, Refuse
from course_sync_plugin.testing.discourse.requests import Answer
from tests.unit.targets.discourse.conftest import RAW


@pytest.fixture
def given(category):
    """The arguments of a new topic."""
    return {"title": "The first unit", "raw": RAW, "category_id": category.id, "external_id": "cs-1"}


@pytest.fixture
def topic(client, given) -> str:
    return topics.create(client, **given).topic_id


class TestCreate:
    def test_what_was_created_is_read_back(self, client, given, category):
        time = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
        made = topics.create(client, **given, tags=["week-1", "unit"], created_at=time)
        shown = topics.show(client, made.topic_id)
        assert (made.number, made.raw, made.username) == (1, RAW, "system")
        assert (shown.id, shown.title, shown.category_id) == (made.topic_id, "The first unit", category.id)
        assert (sorted(shown.tags), shown.external_id) == (["unit", "week-1"], "cs-1")
        assert (shown.visible, shown.closed, shown.archived, shown.deleted_at) == (True, False, False, None)
        assert (shown.first_post.id, shown.first_post.raw, shown.first_post.created_at) == (made.id, RAW, time)
        assert shown.post_ids == (made.id,)

    def test_only_what_is_given_is_sent(self, forum, client, category):
        topics.create(client, title="The first unit", raw=RAW, category_id=category.id)
        assert set(forum.requests[-1].parameters) == {"title", "raw", "category"}

    def test_validations_are_skipped_only_if_asked(self, client, given):
        with pytest.raises(Refused):
            topics.create(client, **{**given, "title": "Week 1"})
        made = topics.create(client, **{**given, "title": "Week 1"}, skip_validations=True)
        assert topics.show(client, made.topic_id).title == "Week 1"

    def test_the_answer_is_remembered_for_120_seconds(self, forum, client, given):
        first = topics.create(client, **given)
        forum.clock.advance(119)
        assert topics.create(client, **given) == first
        forum.clock.advance(2)
        with pytest.raises(Refused):
            topics.create(client, **given)

    def test_a_refusal_is_remembered_too_so_the_next_attempt_must_differ(self, forum, client, given):
        other = topics.create(client, **{**given, "external_id": "cs-2"}).topic_id
        with pytest.raises(Refused):
            topics.create(client, **given)
        topics.delete(client, other)
        with pytest.raises(Refused):
            topics.create(client, **given)
        topics.create(client, **given, created_at=forum.clock.now() - timedelta(seconds=1))

    @pytest.mark.parametrize("external_id", ["", "a" * 51, "with space", "block-v1:x", "ü"])
    def test_an_external_id_that_cannot_be_is_not_sent(self, forum, client, given, external_id):
        sent = len(forum.requests)
        with pytest.raises(PermanentError, match="50 letters"):
            topics.create(client, **{**given, "external_id": external_id})
        with pytest.raises(PermanentError, match="50 letters"):
            topics.find(client, external_id)
        assert len(forum.requests) == sent

    @pytest.mark.parametrize("topic_id", ["", "-1", "1/../2", "1.json", "²", "x"])
    def test_an_id_that_is_no_number_is_not_sent(self, forum, client, topic_id):
        with pytest.raises(PermanentError, match="is not an id of Discourse"):
            topics.show(client, topic_id)
        assert forum.requests == []


class TestFind:
    def test_a_topic_is_found_by_its_external_id(self, forum, client, topic):
        assert topics.find(client, "cs-1") == topic
        assert forum.requests[-1].status == 301

    def test_it_is_found_after_it_was_renamed_and_moved(self, client, topic):
        other = categories.create(client, name="Another course")
        topics.update(client, topic, title="Another title of it", category_id=other.id)
        assert topics.find(client, "cs-1") == topic

    def test_there_is_none(self, client):
        assert topics.find(client, "cs-9") is None

    def test_a_deleted_one_is_not_found_and_keeps_its_id(self, client, topic, given):
        topics.delete(client, topic)
        assert topics.find(client, "cs-1") is None
        with pytest.raises(Refused) as raised:
            topics.create(client, **{**given, "title": "Another title of it"})
        assert raised.value.external_id_taken

    def test_a_hidden_one_is_forbidden(self, client, student, given):
        closed = categories.create(client, name="Closed", permissions={"staff": 1})
        topics.create(client, **{**given, "category_id": closed.id})
        with pytest.raises(Forbidden):
            topics.find(student, "cs-1")

    @pytest.mark.parametrize("processed", [False, True])
    def test_a_lost_answer_makes_no_second_topic(self, forum, client, given, processed):
        forum.faults.append(Drop(method="POST", processed=processed))
        with pytest.raises(TransientError):
            topics.create(client, **given)
        found = topics.find(client, "cs-1")
        if found is None:
            found = topics.create(client, **given).topic_id
        assert [one.id for one in forum.forum.topics.values() if one.external_id] == [int(found)]


class TestUpdate:
    def test_a_title_is_changed_and_read_back_as_the_forum_keeps_it(self, client, topic):
        changed = topics.update(client, topic, title="the second unit!!!", original_title="The first unit")
        assert changed == topics.ChangedTopic(topic, "The second unit!", None)
        assert topics.show(client, topic).title == "The second unit!"

    def test_a_category_and_tags_are_changed(self, client, topic):
        other = categories.create(client, name="Another course")
        changed = topics.update(client, topic, category_id=other.id, tags=["Week 2"])
        assert changed.tags == ("week-2",)
        shown = topics.show(client, topic)
        assert (shown.category_id, shown.tags) == (other.id, ("week-2",))

    def test_all_tags_are_removed_as_the_web_client_does_it(self, forum, client, topic):
        topics.update(client, topic, tags=["one"])
        assert topics.update(client, topic, tags=[]).tags == ()
        assert forum.requests[-1].parameters == {"tags": [""]}
        assert topics.show(client, topic).tags == ()

    def test_nothing_is_nested(self, forum, client, topic):
        """Parameters inside ``topic``, as the published description has them, are ignored with 200."""
        topics.update(client, topic, title="The second unit", original_title="The first unit")
        assert json.loads(forum.requests[-1].body) == {"title": "The second unit", "original_title": "The first unit"}
        ignored = client.put(f"/t/-/{topic}.json", {"topic": {"title": "Ignored"}}, lambda answer: answer)
        assert ignored.inside("basic_topic").text("title") == "The second unit"

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            ({}, "'basic_topic'"),
            ({"basic_topic": {"id": 1}}, "'title'"),
            ({"basic_topic": {"id": 999, "title": "T"}}, "about topic 999"),
        ],
    )
    def test_the_answer_must_be_about_the_topic(self, forum, client, topic, answer, words):
        forum.faults.append(Refuse(instead=Answer.json(answer)))
        with pytest.raises(PermanentError, match=words):
            topics.update(client, topic, title="The second unit")

    def test_a_conflict_with_a_person(self, forum, client, topic):
        forum.person("admin").edit_topic(int(topic), title="A title that a person has chosen")
        with pytest.raises(EditConflict):
            topics.update(client, topic, title="The second unit", original_title="The first unit")
        assert topics.show(client, topic).title == "A title that a person has chosen"

    def test_a_category_that_is_not_there(self, client, topic):
        with pytest.raises(Refused, match="Category not found"):
            topics.update(client, topic, category_id="999")


class TestStatus:
    @pytest.mark.parametrize("status", ["closed", "archived", "visible"])
    def test_a_status_is_set_and_taken_back(self, client, topic, status):
        before = getattr(topics.show(client, topic), status)
        topics.set_status(client, topic, status, not before)
        assert getattr(topics.show(client, topic), status) is not before
        topics.set_status(client, topic, status, before)
        assert getattr(topics.show(client, topic), status) is before

    def test_a_status_makes_a_small_post(self, client, topic):
        topics.set_status(client, topic, "closed", True)
        topics.set_status(client, topic, "closed", True)
        assert [post.is_small_action for post in topics.show(client, topic).posts] == [False, True]


class TestDeletion:
    def test_a_deleted_topic_is_seen_by_staff_only(self, client, student, topic):
        topics.delete(client, topic)
        assert topics.show(client, topic).deleted_at is not None
        with pytest.raises(NotThere):
            topics.show(student, topic)

    def test_a_deleted_topic_accepts_no_change(self, forum, client, topic):
        topics.delete(client, topic)
        with pytest.raises(Forbidden):
            topics.update(client, topic, title="The second unit")
        with pytest.raises(Forbidden):
            topics.set_status(client, topic, "closed", True)
        with pytest.raises(Refused) as raised:
            topics.delete(client, topic)
        assert raised.value.context["status"] == 422
        with pytest.raises(Refused):
            posts.reply(client, topic, "An answer to what was said above.")

    def test_a_topic_that_is_not_there_cannot_be_told_from_a_deleted_one(self, client):
        with pytest.raises(Forbidden):
            topics.update(client, "99", title="The second unit")
        with pytest.raises(Refused):
            topics.delete(client, "99")

    def test_a_topic_is_recovered_with_its_external_id(self, client, topic):
        topics.delete(client, topic)
        topics.recover(client, topic)
        assert topics.show(client, topic).deleted_at is None
        assert topics.find(client, "cs-1") == topic
        with pytest.raises(Forbidden):
            topics.recover(client, topic)

    def test_a_definition_topic_is_not_deleted(self, client, category):
        with pytest.raises(Refused):
            topics.delete(client, category.definition_topic_id)

    def test_where_deleted_topics_are_told_as_gone(self, forum, client, student, topic):
        topics.delete(client, topic)
        forum.forum.settings.detailed_404 = True
        with pytest.raises(NotThere, match="410"):
            topics.show(student, topic)


def test_a_topic_of_many_posts_shows_20_and_the_ids_of_all(client, topic):
    made = [posts.reply(client, topic, f"The answer with the number {number}.").id for number in range(25)]
    shown = topics.show(client, topic)
    assert len(shown.posts) == 20
    assert shown.post_ids[1:] == tuple(made)


def test_what_is_unknown_or_left_out_does_no_harm(forum, client):
    post = {"id": 7, "topic_id": 5, "post_number": 1, "username": "a", "version": 1, "new": {}}
    post["created_at"] = "2026-03-01T12:00:00.000Z"
    value = {"id": 5, "title": "T", "tags": ["old", {"id": 1, "name": "new"}, 5], "post_stream": {"posts": [post]}}
    forum.faults.append(Refuse(instead=Answer.json(value)))
    shown = topics.show(client, "5")
    assert (shown.tags, shown.category_id, shown.external_id, shown.visible) == (("old", "new"), None, None, True)
    assert (shown.first_post.raw, shown.first_post.updated_at, shown.post_ids) == (None, None, ())
