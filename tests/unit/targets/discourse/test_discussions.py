"""Which topics of a forum the mirror may read, and what it makes of them."""

from __future__ import annotations

import pytest

from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.discourse.discussions import DiscourseDiscussions
from course_sync_plugin.targets.two_way.post_html import dressed
from course_sync_plugin.testing.discourse.forum.categories import create_category
from tests.unit.targets.discourse.conftest import RAW, Spent


@pytest.fixture
def category_of(forum):
    """Return a function that makes a category with rights by group; it returns its id."""

    def make(name: str, parent: int | None = None, **permissions: int) -> int:
        values = {"name": name, "parent_category_id": parent, "permissions": permissions or None}
        return create_category(forum.forum, forum.person("admin").user, values).id

    return make


def discussions(forum, category: int) -> DiscourseDiscussions:
    config = TargetConfig("forum", url=forum.url, secrets=(), token=forum.key, allowed_private_hosts=("127.0.0.1",))
    return DiscourseDiscussions(config, str(category), Spent())


@pytest.mark.parametrize(
    ("linked", "below", "is_public"),
    [
        ({}, {}, True),
        ({}, {"staff": 1}, False),
        ({"staff": 1}, {"staff": 1}, True),
        ({"staff": 1, "trust_level_1": 1}, {"staff": 1}, False),
        ({"staff": 1}, {"staff": 1, "trust_level_1": 3}, True),
    ],
)
def test_sub_categories_that_all_may_read_who_read_the_linked_one(forum, category_of, linked, below, is_public):
    parent = category_of("Bees", **linked)
    topic = forum.person("moderator").create_topic("What do we say now?", RAW, category_of("Wasps", parent, **below))
    side = discussions(forum, parent)
    listed = side.topics()[str(topic.id)]
    assert (listed.is_public, side.thread(str(topic.id)) is not None) == (is_public, is_public)
    side.close()


def test_a_title_that_the_forum_changed_is_not_written_again(forum, category_of):
    side = discussions(forum, category_of("Bees"))
    side.topics()
    text = dressed("token1", "<p>Bees dance, as we have seen.</p>", "")
    topic = side.create_topic("bees", text, "token1")
    assert side.thread(topic).title.startswith("Bees · Canvas ")
    forum.requests.clear()
    side.change_topic(topic, "bees", dressed("token1", "<p>Bees dance at night.</p>", ""))
    assert [one.method for one in forum.requests] == ["PUT"]
    assert side.find_topic("token1") == topic
    side.close()
