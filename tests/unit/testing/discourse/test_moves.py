"""``PUT /topics/bulk.json``, and who is notified when topics change their category or their tags."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.testing.discourse.api import Api, ok, refused


@pytest.fixture
def there(api) -> int:
    """The category to which topics are moved."""
    return api.category("Week 2")["id"]


@pytest.fixture
def topic(api) -> int:
    return api.topic(category=api.category("Week 1")["id"])["topic_id"]


def move(api: Api, topics: list[int], category: int, **operation: Any) -> Any:
    sent = {"type": "change_category", "category_id": category, **operation}
    return api.put("/topics/bulk.json", topic_ids=topics, operation=sent)


class TestBulk:
    def test_it_moves_several_topics_and_bumps_none(self, forum, api, topic, there):
        other = api.topic("The second unit of the course")["topic_id"]
        forum.clock.advance(301)
        before = forum.forum.topics[topic].bumped_at
        assert ok(move(api, [other, topic, 999], there)) == {"topic_ids": [topic, other]}
        assert [forum.forum.topics[one].category_id for one in (topic, other)] == [there, there]
        assert forum.forum.topics[topic].bumped_at == before
        assert forum.forum.first_post(forum.forum.topics[topic]).version == 2

    def test_a_topic_that_is_there_already_or_deleted_is_left_out(self, forum, api, topic, there):
        ok(move(api, [topic], there))
        gone = api.topic("The second unit of the course")["topic_id"]
        api.delete(f"/t/{gone}.json")
        assert ok(move(api, [topic, gone], there)) == {"topic_ids": []}
        assert forum.forum.topics[gone].category_id != there

    def test_without_the_right_nothing_is_moved(self, forum, api, student, topic, there):
        assert ok(move(student, [topic], there)) == {"topic_ids": []}
        closed = api.category("For staff", permissions={"staff": 1})["id"]
        mine = student.topic("A question of a student")["topic_id"]
        assert ok(move(student, [mine], closed)) == {"topic_ids": []}
        assert ok(move(student, [mine], there)) == {"topic_ids": [mine]}

    def test_what_is_not_valid_is_told_by_its_reason(self, api, topic, there):
        """A recovered topic may have a title that another one has meanwhile. No change of it is accepted."""
        api.delete(f"/t/{topic}.json")
        api.topic("The first unit of the course", raw="The body of the other topic.")
        api.put(f"/t/{topic}/recover.json")
        assert ok(move(api, [topic], there)) == {"topic_ids": [], "errors": {"Title has already been used": 1}}

    def test_a_category_that_is_not_there_is_an_error_without_words(self, api, topic):
        answer = move(api, [topic], 999)
        assert (answer.status_code, answer.text) == (500, "")

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"topic_ids": [1]},
            {"topic_ids": "1", "operation": {"type": "change_category", "category_id": 1}},
            {"topic_ids": [1], "operation": {"type": "rm_root"}},
            {"topic_ids": [1], "operation": {"category_id": 1}},
        ],
    )
    def test_what_is_missing_or_unknown(self, api, fields):
        assert refused(api.put("/topics/bulk.json", **fields), 400)


class TestNotified:
    @pytest.mark.parametrize(("silent", "told"), [(True, False), (False, True), (None, True), ("false", True)])
    def test_a_bulk_move(self, forum, api, topic, there, silent, told):
        ok(move(api, [topic], there, **({} if silent is None else {"silent": silent})))
        assert forum.forum.notifications == [("category_id", topic)] * told

    @pytest.mark.parametrize("quiet", [False, True])
    def test_a_move_of_one_topic(self, forum, api, topic, there, quiet):
        forum.forum.settings.disable_category_edit_notifications = quiet
        ok(api.put(f"/t/-/{topic}.json", category_id=there))
        ok(api.put(f"/t/-/{topic}.json", category_id=there))
        assert forum.forum.notifications == [("category_id", topic)] * (not quiet)

    def test_a_move_of_an_unlisted_topic(self, forum, api, topic, there):
        api.put(f"/t/{topic}/status.json", status="visible", enabled="false")
        ok(api.put(f"/t/-/{topic}.json", category_id=there))
        assert forum.forum.notifications == []

    @pytest.mark.parametrize("quiet", [False, True])
    def test_tags(self, forum, api, topic, quiet):
        forum.forum.settings.disable_tags_edit_notifications = quiet
        ok(api.put(f"/t/-/{topic}.json", tags=["one", "two"]))
        ok(api.put(f"/t/-/{topic}.json", tags=["two", "one"]))
        assert forum.forum.notifications == [("tags", topic)] * (not quiet)

    def test_a_title(self, forum, api, topic):
        ok(api.put(f"/t/-/{topic}.json", title="Another title of the unit"))
        assert forum.forum.notifications == []
