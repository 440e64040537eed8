"""pydiscourse works against the fake, with the surprises that it has against a real forum."""

from __future__ import annotations

import pytest
from pydiscourse.exceptions import DiscourseClientError, DiscourseError, DiscourseServerError

from course_sync_plugin.testing.discourse.faults import Refuse, maintenance_page, throttle
from tests.unit.testing.discourse.api import BODY


@pytest.fixture
def category(pydiscourse) -> int:
    return pydiscourse.create_category("Demo course", "0088CC")["category"]["id"]


@pytest.fixture
def post(pydiscourse, category) -> dict:
    return pydiscourse.create_post(
        BODY, category_id=category, title="The first unit of the course", tags=["One", "two"]
    )


def test_categories(pydiscourse, category):
    child = pydiscourse.create_category("Week one", "0088CC", parent="Demo course", permissions={"staff": 1})[
        "category"
    ]
    assert (child["parent_category_id"], child["read_restricted"]) == (category, True)
    assert [one["name"] for one in pydiscourse.categories()] == ["Uncategorized", "Demo course"]
    pydiscourse.update_category(category, name="Renamed course")
    assert pydiscourse.category(category)["category"]["name"] == "Renamed course"
    pydiscourse.delete_category(child["id"])
    with pytest.raises(DiscourseClientError, match="could not be found"):
        pydiscourse.category(child["id"])


def test_topics_and_posts(pydiscourse, post):
    topic = pydiscourse.topic(post["topic_slug"], post["topic_id"])
    assert [tag["name"] for tag in topic["tags"]] == ["one", "two"]
    reply = pydiscourse.create_post("An answer to the first post.", topic_id=topic["id"], reply_to_post_number=1)
    pydiscourse.update_post(reply["id"], "A better answer to the first post.", edit_reason="spelling")
    assert pydiscourse.post_by_id(reply["id"])["edit_reason"] == "spelling"
    assert pydiscourse.post_by_number(topic["id"], 2)["raw"] == "A better answer to the first post."
    posts = pydiscourse.posts(topic["id"], post_ids=[reply["id"]])["post_stream"]["posts"]
    assert [one["id"] for one in posts] == [reply["id"]]
    assert len(pydiscourse.topic_posts(topic["id"])["post_stream"]["posts"]) == 2
    assert [one["id"] for one in pydiscourse.latest_posts()["latest_posts"]][:1] == [reply["id"]]


def test_changes_of_a_topic(pydiscourse, post):
    answer = pydiscourse.update_topic(f"/t/-/{post['topic_id']}.json", "Another title of the unit")
    assert answer["basic_topic"]["title"] == "Another title of the unit"
    pydiscourse.update_topic_status(post["topic_id"], "closed", True)
    pydiscourse.reset_bump_date(post["topic_id"])
    assert pydiscourse.delete_topic(post["topic_id"]) is None
    with pytest.raises(DiscourseClientError, match="error deleting"):
        pydiscourse.delete_topic(post["topic_id"])


def test_lists_and_users(pydiscourse, forum, post):
    assert [one["id"] for one in pydiscourse.latest_topics()["topic_list"]["topics"]] == [post["topic_id"]]
    assert pydiscourse.user("teacher")["trust_level"] == 2
    assert pydiscourse.get_site_info()["categories"][0]["name"] == "Uncategorized"
    forum.person("teacher").message("system", "A private matter", "Something that is private.")
    assert len(pydiscourse.private_messages("system")["topic_list"]["topics"]) == 1


def test_it_follows_the_301_of_a_category_but_not_that_of_a_topic(pydiscourse, category, post):
    topics = pydiscourse.category_topics(category)["topic_list"]["topics"]
    assert post["topic_id"] in [one["id"] for one in topics]
    with pytest.raises(DiscourseError, match="Invalid Response"):
        pydiscourse.topic("a-former-slug", post["topic_id"])


def test_messages_of_refusals(pydiscourse, post):
    with pytest.raises(DiscourseClientError, match="Title has already been used"):
        pydiscourse.create_post("Another body of this title.", title="The first unit of the course")
    with pytest.raises(DiscourseClientError, match="too short"):
        pydiscourse.update_post(post["id"], "Too short.")


def test_it_waits_inside_the_call_when_it_is_throttled(pydiscourse, forum, monkeypatch):
    waited = []
    monkeypatch.setattr("pydiscourse.client.time.sleep", waited.append)
    forum.faults.append(Refuse(instead=throttle(7), times=2))
    assert pydiscourse.categories()
    assert waited == [8, 8]


@pytest.mark.parametrize(("status", "error"), [(503, DiscourseServerError), (200, DiscourseError)])
def test_maintenance(pydiscourse, forum, status, error):
    forum.faults.append(Refuse(instead=maintenance_page(status)))
    with pytest.raises(error):
        pydiscourse.categories()
