"""The lists of the topics of a category, and tags."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.discourse import categories, lists, tags, topics
from course_sync_plugin.targets.discourse.errors import NotThere
from course_sync_plugin.testing.discourse.faults import Refuse
from course_sync_plugin.testing.discourse.requests import Answer
from tests.unit.targets.discourse.conftest import RAW


@pytest.fixture
def fill(forum, client, category):
    """Return a function that makes topics, a second apart, and returns their ids; the last one is the newest."""

    def fill(count: int, category_id: str = category.id, **given) -> list[str]:
        made = []
        for number in range(count):
            title = f"The unit {number} of category {category_id}"
            made.append(topics.create(client, title=title, raw=RAW, category_id=category_id, **given).topic_id)
            forum.clock.advance(1)
        return made

    return fill


@pytest.fixture
def ids(client, category):
    """Return a function that lists the ids of the topics of the category."""
    return lambda: [row.id for row in lists.topics(client, category)]


class TestTopics:
    @pytest.mark.parametrize("count", [0, 1, 29, 30, 61])
    def test_each_topic_once_without_the_definition(self, fill, ids, count):
        made = fill(count)
        assert ids() == made[::-1], "the newest is first"

    def test_a_row(self, client, category, fill):
        (made,) = fill(1, tags=["week-1"])
        (row,) = lists.topics(client, category)
        shown = topics.show(client, made)
        assert (row.id, row.title, row.category_id, row.tags) == (made, shown.title, category.id, ("week-1",))
        assert (row.visible, row.closed, row.archived, row.is_pinned, row.posts_count) == (True, False, False, False, 1)

    def test_topics_of_sub_categories_are_there_without_their_definitions(self, client, category, fill, ids):
        child = categories.create(client, name="Week 1", parent_id=category.id)
        made = fill(2, child.id)
        assert sorted(ids()) == sorted(made)

    def test_a_pinned_topic_comes_first_and_once(self, forum, fill, ids):
        made = fill(40)
        forum.person("admin").set_status(int(made[0]), "pinned")
        found = ids()
        assert found[0] == made[0]
        assert sorted(found) == sorted(made)

    def test_unlisted_topics_are_there_for_staff(self, client, fill, ids):
        made = fill(2)
        topics.set_status(client, made[0], "visible", False)
        assert sorted(ids()) == sorted(made)

    def test_deleted_topics_are_not_there(self, client, fill, ids):
        made = fill(2)
        topics.delete(client, made[0])
        assert ids() == made[1:]

    def test_the_slugs_are_taken_from_the_redirect(self, forum, client, category, fill):
        child = categories.create(client, name="Week 1", slug="week-one", parent_id=category.id)
        fill(1, child.id)
        categories.update(client, category.id, name="Demo course", slug="another-slug")
        assert len(list(lists.topics(client, child))) == 1
        asked = forum.requests[-2:]
        assert [one.status for one in asked] == [301, 200]
        assert asked[1].path == f"/c/another-slug/week-one/{child.id}/l/latest"
        assert asked[1].parameters == {"page": "0", "order": "activity"}

    def test_a_category_that_is_gone(self, client, category):
        categories.delete(client, category.id)
        with pytest.raises(NotThere):
            list(lists.topics(client, category))

    def test_there_is_an_end(self, client, category, fill, monkeypatch):
        fill(31)
        monkeypatch.setattr(lists, "PAGES", 1)
        with pytest.raises(PermanentError, match="more than 1 pages"):
            list(lists.topics(client, category))

    def test_an_empty_page_is_the_last_whatever_it_says(self, forum, client, category):
        answer = Answer.json({"topic_list": {"topics": [], "more_topics_url": "/c/demo-course/5?page=1"}})
        forum.faults.append(Refuse(instead=answer, path="/c/demo-course"))
        sent = len(forum.requests)
        assert list(lists.topics(client, category)) == []
        assert len(forum.requests) == sent + 2, "the redirect and one page"

    def test_a_topic_that_moves_to_the_next_page_is_told_once(self, forum, client, category):
        for shown, more in (([11, 12], {"more_topics_url": "/c/demo-course/5?page=1"}), ([12, 13], {})):
            rows = [{"id": number, "title": f"Unit {number}"} for number in shown]
            answer = Answer.json({"topic_list": {"topics": rows, **more}})
            forum.faults.append(Refuse(instead=answer, path="/c/demo-course"))
        assert [row.id for row in lists.topics(client, category)] == ["11", "12", "13"]


class TestChangedSince:
    def test_only_topics_with_later_activity(self, forum, client, category, fill):
        fill(3)
        since = forum.clock.now()
        made = topics.create(client, title="The unit that is later", raw=RAW, category_id=category.id)
        assert [row.id for row in lists.changed_since(client, category, since)] == [made.topic_id]

    def test_a_reply_to_an_old_topic(self, forum, client, category, fill):
        made = fill(3)
        since = forum.clock.now()
        forum.person("student").reply(int(made[0]), "An answer of a student to it.")
        assert [row.id for row in lists.changed_since(client, category, since)] == [made[0]]

    def test_a_pinned_topic_does_not_end_the_reading(self, forum, client, category, fill):
        made = fill(3)
        forum.person("admin").set_status(int(made[0]), "pinned")
        since = forum.clock.now()
        forum.person("student").reply(int(made[1]), "An answer of a student to it.")
        assert [row.id for row in lists.changed_since(client, category, since)] == [made[1]]

    def test_no_more_pages_are_read_than_needed(self, forum, client, category, fill):
        fill(65)
        sent = len(forum.requests)
        assert list(lists.changed_since(client, category, forum.clock.now() + timedelta(seconds=1))) == []
        assert len(forum.requests) == sent + 2

    def test_a_topic_without_a_moment_counts_as_changed(self, forum, client, category):
        row = {"id": 7, "title": "T", "bumped_at": None}
        forum.faults.append(Refuse(instead=Answer.json({"topic_list": {"topics": [row]}}), path="/c/demo-course"))
        assert [row.id for row in lists.changed_since(client, category, datetime.now(UTC))] == ["7"]


class TestTags:
    def test_the_names_of_all_tags(self, client, fill):
        assert tags.names(client) == frozenset()
        fill(1, tags=["week-1", "unit"])
        assert tags.names(client) == {"week-1", "unit"}

    def test_tags_in_groups_and_of_categories(self, forum, client):
        extras = {"tag_groups": [{"id": 1, "name": "Weeks", "tags": [{"text": "week-1"}]}]}
        extras["categories"] = [{"id": 5, "tags": [{"name": "unit"}]}]
        value = {"tags": [{"id": 1, "text": "free"}], "extras": extras}
        forum.faults.append(Refuse(instead=Answer.json(value)))
        assert tags.names(client) == {"free", "week-1", "unit"}

    def test_tags_that_are_not_there(self, forum, client):
        forum.faults.append(Refuse(instead=Answer.json({"extras": None})))
        with pytest.raises(PermanentError, match="'tags'"):
            tags.names(client)
