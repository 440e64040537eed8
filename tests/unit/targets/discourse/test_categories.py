"""Categories: list, show, create, update, delete."""

from __future__ import annotations

import pytest

from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.discourse import categories, topics
from course_sync_plugin.targets.discourse.errors import Forbidden, NotThere, Refused
from course_sync_plugin.testing.discourse.faults import Refuse
from course_sync_plugin.testing.discourse.requests import Answer
from tests.unit.targets.discourse.conftest import RAW


def page(ids: range, parent: int | None = 1) -> Refuse:
    """Answer the next request with a page of categories."""
    rows = [{"id": number, "name": f"Week {number}", "slug": "", "parent_category_id": parent} for number in ids]
    return Refuse(instead=Answer.json({"category_list": {"categories": rows}}))


class TestCreate:
    def test_what_was_created_is_read_back(self, client, category):
        made = categories.create(
            client,
            name="Week 1",
            slug="week-one",
            parent_id=category.id,
            permissions={"staff": 1, "everyone": 3},
            description="What the week is about.",
        )
        assert (made.name, made.slug, made.parent_id) == ("Week 1", "week-one", category.id)
        assert made.permissions == {"staff": 1, "everyone": 3}
        assert "What the week is about." in made.description
        assert categories.show(client, made.id) == made

    def test_the_definition_topic(self, client, category):
        topic = topics.show(client, category.definition_topic_id)
        assert (topic.title, topic.category_id) == ("About the Demo course category", category.id)

    def test_only_what_is_given_is_sent(self, forum, client):
        categories.create(client, name="Demo course")
        assert forum.requests[-1].parameters == {"name": "Demo course"}

    def test_a_name_that_is_taken(self, client, category):
        with pytest.raises(Refused, match="already been taken"):
            categories.create(client, name="demo course")

    def test_a_third_level(self, client, category):
        child = categories.create(client, name="Week 1", parent_id=category.id)
        with pytest.raises(Refused, match="nest"):
            categories.create(client, name="Day 1", parent_id=child.id)

    def test_without_the_right(self, student):
        with pytest.raises(Forbidden):
            categories.create(student, name="Demo course")


class TestUpdate:
    def test_name_slug_parent_and_rights_are_changed(self, client, category):
        other = categories.create(client, name="Another course")
        changed = categories.update(
            client, category.id, name="Week 1", slug="week-one", parent_id=other.id, permissions={"staff": 1}
        )
        assert (changed.id, changed.name, changed.slug) == (category.id, "Week 1", "week-one")
        assert (changed.parent_id, changed.permissions) == (other.id, {"staff": 1})
        assert categories.show(client, category.id) == changed

    def test_what_is_not_given_stays(self, client, category):
        changed = categories.update(client, category.id, name="Renamed course")
        assert (changed.slug, changed.permissions) == (category.slug, category.permissions)
        assert topics.show(client, category.definition_topic_id).title == "About the Renamed course category"

    def test_a_category_that_is_not_there(self, client):
        with pytest.raises(NotThere):
            categories.update(client, "99", name="Renamed course")


class TestShow:
    def test_a_category_that_is_not_there(self, client):
        with pytest.raises(NotThere):
            categories.show(client, "99")

    def test_a_category_of_others(self, client, student):
        closed = categories.create(client, name="Closed", permissions={"staff": 1})
        with pytest.raises(Forbidden):
            categories.show(student, closed.id)


class TestDelete:
    def test_an_empty_category_goes(self, client, category):
        categories.delete(client, category.id)
        with pytest.raises(NotThere):
            categories.show(client, category.id)

    def test_a_category_with_topics_stays(self, client, category):
        topics.create(client, title="The first unit", raw=RAW, category_id=category.id)
        with pytest.raises(Forbidden):
            categories.delete(client, category.id)
        assert categories.show(client, category.id).id == category.id


class TestChildren:
    def test_the_sub_categories_of_a_category(self, client, category):
        made = [categories.create(client, name=f"Week {number}", parent_id=category.id).id for number in range(3)]
        categories.create(client, name="Another course")
        found = categories.children(client, category.id)
        assert [one.id for one in found] == made
        assert {one.parent_id for one in found} == {category.id}
        assert {one.permissions for one in found} == {None}

    def test_the_top_categories(self, client, category):
        categories.create(client, name="Week 1", parent_id=category.id)
        assert category.id in [one.id for one in categories.children(client)]
        assert {one.parent_id for one in categories.children(client)} == {None}

    def test_a_large_forum_lists_20_on_a_page(self, forum, client):
        forum.faults += [page(range(2, 22)), page(range(21, 40)), page(range(40, 43))]
        assert [int(one.id) for one in categories.children(client, "1")] == [*range(2, 43)]
        assert [asked.parameters["page"] for asked in forum.requests] == ["1", "2", "3"]
        assert forum.requests[0].parameters["parent_category_id"] == "1"

    def test_a_forum_that_knows_no_pages_answers_with_the_same_again(self, forum, client):
        forum.faults += [page(range(2, 32)), page(range(2, 32))]
        assert len(categories.children(client, "1")) == 30
        assert len(forum.requests) == 2

    def test_there_is_an_end(self, forum, client, monkeypatch):
        monkeypatch.setattr(categories, "PAGES", 2)
        forum.faults += [page(range(2, 22)), page(range(22, 42))]
        with pytest.raises(PermanentError, match="more than 40 categories"):
            categories.children(client, "1")

    @pytest.mark.parametrize("value", [{"categories": "x"}, {"categories": [5]}, {"categories": [{"name": "x"}]}])
    def test_a_list_that_is_not_understood(self, forum, client, value):
        forum.faults.append(Refuse(instead=Answer.json({"category_list": value})))
        with pytest.raises(PermanentError, match="not understood"):
            categories.children(client)
