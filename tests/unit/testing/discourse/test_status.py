"""Closing, archiving, listing and pinning topics."""

from __future__ import annotations

import pytest

from tests.unit.testing.discourse.api import Api, ok, refused


@pytest.fixture
def topic(api) -> int:
    return api.topic()["topic_id"]


def posts(api, topic):
    return api.show(topic)["post_stream"]["posts"]


@pytest.mark.parametrize(("status", "at_first"), [("closed", False), ("archived", False), ("visible", True)])
def test_a_status_is_set_and_undone_with_a_small_post_each(api, topic, status, at_first):
    for enabled in (not at_first, at_first):
        answer = ok(api.put(f"/t/{topic}/status.json", status=status, enabled=str(enabled).lower()))
        assert answer == {"success": "OK", "topic_status_update": None}
        assert api.show(topic)[status] is enabled
    words = ["disabled", "enabled"] if at_first else ["enabled", "disabled"]
    small = posts(api, topic)[1:]
    assert [(post["post_type"], post["action_code"]) for post in small] == [(3, f"{status}.{word}") for word in words]


def test_a_status_that_is_set_already_makes_no_post(api, topic):
    for _ in range(2):
        ok(api.put(f"/t/{topic}/status.json", status="closed", enabled="true"))
    assert len(posts(api, topic)) == 2


@pytest.mark.parametrize(("status", "everywhere"), [("pinned", False), ("pinned_globally", True)])
def test_a_pin_makes_a_post_each_time(api, topic, status, everywhere):
    for _ in range(2):
        ok(api.put(f"/t/{topic}/status.json", status=status, enabled="true", until="2030-12-31"))
    shown = api.show(topic)
    assert (shown["pinned"], shown["pinned_globally"], shown["pinned_until"]) == (True, everywhere, "2030-12-31")
    assert len(posts(api, topic)) == 3
    ok(api.put(f"/t/{topic}/status.json", status=status, enabled="false"))
    assert api.show(topic)["pinned"] is False


def test_only_opening_bumps(forum, api, topic):
    times = [forum.forum.topics[topic].bumped_at]
    for enabled in ("true", "false"):
        ok(api.put(f"/t/{topic}/status.json", status="closed", enabled=enabled))
        times.append(forum.forum.topics[topic].bumped_at)
    assert times[0] == times[1] < times[2]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "deleted", "enabled": "true"}, 400),
        ({"status": "closed"}, 400),
        ({"enabled": "true"}, 400),
    ],
)
def test_bad_parameters_are_400(api, topic, fields, status):
    assert refused(api.put(f"/t/{topic}/status.json", **fields), status)


@pytest.mark.parametrize(("username", "status"), [("moderator", 200), ("leader", 200), ("student", 403)])
def test_who_may(forum, api, topic, username, status):
    forum.forum.add_user("leader", trust_level=4)
    response = Api(forum, username).put(f"/t/{topic}/status.json", status="closed", enabled="true")
    assert response.status_code == status


def test_a_deleted_topic_is_403(api, topic):
    api.delete(f"/t/{topic}.json")
    assert refused(api.put(f"/t/{topic}/status.json", status="closed", enabled="true"), 403)
    assert refused(api.put("/t/999/status.json", status="closed", enabled="true"), 403)
