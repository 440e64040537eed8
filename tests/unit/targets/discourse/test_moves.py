"""Moves of topics between categories: nobody is notified, and what the forum does not move is noticed."""

from __future__ import annotations

import pytest

from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.targets.discourse import categories, moves, topics
from course_sync_plugin.targets.discourse.errors import Refused
from course_sync_plugin.targets.discourse.listing import Listing
from course_sync_plugin.testing.discourse.faults import Refuse
from course_sync_plugin.testing.discourse.requests import Answer
from tests.unit.targets.discourse.conftest import RAW


@pytest.fixture
def sections(client, category) -> list[str]:
    return [categories.create(client, name=name, parent_id=category.id).id for name in ("Week 1", "Week 2")]


@pytest.fixture
def made(client, sections) -> list[str]:
    """The ids of 21 topics in the first section."""
    letters = "abcdefghijklmnopqrstu"
    return [
        topics.create(client, title=f"The unit named {one}", raw=RAW, category_id=sections[0]).topic_id
        for one in letters
    ]


@pytest.fixture
def listing(client, category) -> Listing:
    return Listing(client, category.id)


def places(forum, ids: list[str]) -> set[str]:
    return {str(forum.forum.topics[int(one)].category_id) for one in ids}


class TestBring:
    def test_topics_are_moved_together_and_nobody_is_notified(self, forum, client, listing, sections, made):
        listing.topics()
        forum.clock.advance(301)
        before = {one.id: one.bumped_at for one in forum.forum.topics.values()}
        forum.requests.clear()
        moves.bring(client, listing, made[:5], made[5:], sections[1])
        assert [one.path for one in forum.requests if one.method == "PUT"] == ["/topics/bulk"] * 2
        assert places(forum, made) == {sections[1]}
        assert {row.category_id for row in listing.topics()} == {sections[1]}
        assert forum.forum.notifications == []
        assert {one.id: one.bumped_at for one in forum.forum.topics.values()} == before

    def test_of_the_others_nothing_is_said(self, forum, client, listing, sections, made):
        listing.topics()
        forum.person("admin").delete_topic(int(made[1]))
        forum.requests.clear()
        moves.bring(client, listing, made[:1], made[1:3], sections[1])
        assert places(forum, [made[0], made[2]]) == {sections[1]}
        assert [one.path for one in forum.requests if one.method == "PUT"] == ["/topics/bulk"]

    def test_a_topic_that_is_there_already_is_noted(self, forum, client, listing, sections, made):
        listing.topics()
        forum.person("admin").edit_topic(int(made[0]), category_id=sections[1])
        moves.bring(client, listing, made[:2], [], sections[1])
        assert [listing.topic(one).category_id for one in made[:2]] == [sections[1]] * 2

    def test_a_topic_that_was_deleted_meanwhile_is_left_alone(self, forum, client, listing, sections, made):
        listing.topics()
        forum.person("admin").delete_topic(int(made[0]))
        moves.bring(client, listing, made[:2], [], sections[1])
        assert places(forum, made[1:2]) == {sections[1]}

    def test_a_topic_that_the_forum_does_not_move_is_an_error_with_its_reason(
        self, forum, client, listing, sections, made
    ):
        admin = forum.person("admin")
        admin.delete_topic(int(made[0]))
        admin.create_topic("The unit named a", "This is about something else.", category_id=int(sections[1]))
        admin.recover_topic(int(made[0]))
        with pytest.raises(Refused, match=f"topic {made[0]} .*Title has already been used") as refused:
            moves.bring(client, listing, made[:2], [], sections[1])
        assert refused.value.title_taken
        assert places(forum, made[:1]) == {sections[0]}

    def test_a_user_without_the_right(self, student, listing, sections, made):
        with pytest.raises(Refused, match="no reason"):
            moves.bring(student, listing, made[:1], [], sections[1])

    def test_a_category_that_is_gone(self, forum, client, listing, made):
        forum.requests.clear()
        with pytest.raises(Refused, match="no category 999"):
            moves.bring(client, listing, made[:1], [], "999")
        assert [one.method for one in forum.requests if one.method != "GET"] == []

    def test_a_category_that_goes_at_this_moment_is_tried_again(self, client, made):
        with pytest.raises(TransientError):
            moves.move(client, made[:1], "999")


@pytest.mark.parametrize("answer", [{}, {"topic_ids": None}, {"topic_ids": [], "errors": ["No."]}])
def test_an_answer_that_does_not_say_it_moved_nothing(forum, client, answer):
    forum.faults.append(Refuse(instead=Answer.json(answer)))
    assert moves.move(client, ["5"], "7") == moves.Moved()
