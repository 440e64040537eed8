"""Webhooks: headers, signature, events, filters, and what a test does with deliveries."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from tests.conftest import shared_data
from tests.unit.testing.discourse.api import ok
from tests.unit.testing.discourse.hooked import HookReceiver

SECRET = "a-secret-of-the-hook"


@pytest.fixture
def hooks():
    with HookReceiver() as receiver:
        yield receiver


def recorded() -> dict[str, dict]:
    """Return the recorded deliveries of real forums by name."""
    path = shared_data() / "specs" / "discourse_webhooks.json"
    return {one["name"]: one for one in json.loads(path.read_text("utf-8"))["deliveries"]}


def test_a_delivery_has_the_headers_and_the_signature_of_a_real_one(forum, api, hooks):
    forum.webhooks.add(hooks.url, SECRET)
    api.topic("Überblick über den Kurs")
    assert forum.webhooks.deliver() == [200, 200]
    headers, body = hooks.requests[0]
    assert (
        headers["X-Discourse-Event-Signature"]
        == f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"
    )
    assert headers["X-Discourse-Instance"] == forum.url
    assert (headers["X-Discourse-Event-Type"], headers["X-Discourse-Event"]) == ("topic", "topic_created")
    assert "Überblick".encode() in body
    real = recorded()["topic_created"]["headers"]
    assert {name: headers[name] for name in ("Accept", "Connection", "Content-Type")} == {
        name: real[name] for name in ("Accept", "Connection", "Content-Type")
    }
    assert {*real} - {*headers} == set()


@pytest.mark.parametrize("name", ["topic_created", "post_created", "category_created", "ping"])
def test_the_records_have_the_fields_of_recorded_ones(forum, api, hooks, name):
    """Fields of plugins and old ones are not needed; the recorded category is made up."""
    plugins = {"akismet_state", "current_user_reaction", "current_user_used_main_reaction", "reaction_users_count"}
    plugins |= {"reactions", "valid_reactions", "user_cakedate", "title_is_group", "parent_category_id"}
    hook = forum.webhooks.add(hooks.url)
    api.category()
    api.topic()
    forum.webhooks.ping(hook)
    forum.webhooks.deliver()
    ours = {
        headers.get("X-Discourse-Event", "ping"): body for (headers, _), body in zip(hooks.requests, hooks.bodies())
    }
    real = json.loads(recorded()[name]["body"])
    ((kind, record),) = real.items()
    if name == "ping":
        assert ours["ping"] == real
    else:
        assert {*record} - {*ours[name][kind]} <= plugins


def test_a_ping_has_no_event_name(forum, hooks):
    forum.webhooks.ping(forum.webhooks.add(hooks.url))
    assert forum.webhooks.deliver() == [200]
    headers, body = hooks.requests[0]
    assert ("X-Discourse-Event" in headers, headers["X-Discourse-Event-Type"], body) == (
        False,
        "ping",
        b'{"ping":"OK"}',
    )
    assert "X-Discourse-Event-Signature" not in headers


def changes(api, forum):
    """Return each change, by name, as a function of a topic's id."""
    return {
        "title": lambda topic: api.put(f"/t/-/{topic}.json", title="Another title of the unit"),
        "text": lambda topic: api.put(f"/posts/{topic}.json", post={"raw": "Another text of the unit."}),
        "text and title": lambda topic: api.put(
            f"/posts/{topic}.json", post={"raw": "Another text of the unit."}, title="Another title of the unit"
        ),
        "reply": lambda topic: api.reply(topic),
        "close": lambda topic: api.put(f"/t/{topic}/status.json", status="closed", enabled="true"),
        "unlist twice": lambda topic: [
            api.put(f"/t/{topic}/status.json", status="visible", enabled="false") for _ in range(2)
        ],
        "delete": lambda topic: api.delete(f"/t/{topic}.json"),
        "a person's edit": lambda topic: forum.person("moderator").edit_topic(topic, title="A person's title of it"),
        "category": lambda topic: api.category("Another course"),
    }


@pytest.mark.parametrize(
    ("change", "events"),
    [
        ("title", ["topic_edited"]),
        ("text", ["post_edited"]),
        ("text and title", ["topic_edited"]),
        ("reply", ["post_created"]),
        ("close", ["post_created", "topic_closed_status_updated"]),
        ("unlist twice", ["post_created", "topic_visible_status_updated", "topic_visible_status_updated"]),
        ("delete", ["post_edited", "post_destroyed", "topic_destroyed"]),
        ("a person's edit", ["topic_edited"]),
        ("category", ["category_created"]),
    ],
)
def test_each_change_makes_its_events(forum, api, hooks, change, events):
    topic = api.topic()["topic_id"]
    forum.webhooks.add(hooks.url)
    changes(api, forum)[change](topic)
    forum.webhooks.deliver()
    assert hooks.events == events


def test_recovery_and_categories(forum, api, hooks):
    category = api.category()["id"]
    topic = api.topic()["topic_id"]
    reply = api.reply(topic)["id"]
    api.delete(f"/t/{topic}.json")
    forum.webhooks.add(hooks.url)
    api.put(f"/t/{topic}/recover.json")
    api.delete(f"/posts/{reply}.json")
    api.put(f"/posts/{reply}/recover.json")
    api.put(f"/categories/{category}.json", name="Renamed course")
    api.delete(f"/categories/{category}.json")
    forum.webhooks.deliver()
    assert hooks.events == [
        "post_recovered", "topic_recovered", "post_destroyed", "post_recovered",
        "category_updated", "category_destroyed",
    ]  # fmt: skip


def test_a_record_is_as_it_was_when_the_event_happened(forum, api, hooks):
    topic = api.topic()["topic_id"]
    forum.webhooks.add(hooks.url, events=frozenset({"topic_edited", "topic_destroyed"}))
    api.put(f"/t/-/{topic}.json", title="Another title of the unit")
    api.put(f"/t/-/{topic}.json", title="The third title of the unit")
    api.delete(f"/t/{topic}.json")
    forum.webhooks.deliver()
    topics = [body["topic"] for body in hooks.bodies()]
    titles = ["Another title of the unit", "The third title of the unit", "The third title of the unit"]
    assert [one["title"] for one in topics] == titles
    assert (topics[2]["deleted_at"], topics[2]["has_deleted"]) == (None, False)
    assert "post_stream" not in topics[0]


class TestFilters:
    def test_private_messages_are_told_unless_a_category_filter_stops_them(self, forum, hooks):
        forum.webhooks.add(hooks.url)
        forum.webhooks.add(hooks.url, category_ids=frozenset({1}))
        forum.person("teacher").message("moderator", "About a student", "Something that is private.")
        forum.webhooks.deliver()
        assert hooks.events == ["topic_created", "post_created"]
        assert hooks.bodies()[0]["topic"]["archetype"] == "private_message"

    def test_by_event_a_status_belongs_to_topic_edited(self, forum, api, hooks):
        forum.webhooks.add(hooks.url, events=frozenset({"topic_edited"}))
        topic = api.topic()["topic_id"]
        api.put(f"/t/{topic}/status.json", status="closed", enabled="true")
        forum.webhooks.deliver()
        assert hooks.events == ["topic_closed_status_updated"]

    def test_a_category_filter_silences_categories(self, forum, api, hooks):
        category = api.category()["id"]
        forum.webhooks.add(hooks.url, category_ids=frozenset({category}))
        api.put(f"/categories/{category}.json", name="Renamed course")
        api.topic()
        api.topic("A topic of the course", category=category, raw="A body that is long enough.")
        forum.webhooks.deliver()
        assert hooks.events == ["topic_created", "post_created"]

    def test_an_inactive_hook_gets_nothing(self, forum, api, hooks):
        forum.webhooks.add(hooks.url, active=False)
        api.topic()
        assert forum.webhooks.pending == []


class TestDeliveries:
    @pytest.fixture
    def topic(self, forum, api, hooks):
        forum.webhooks.add(hooks.url)
        return api.topic()["topic_id"]

    def test_lost(self, forum, hooks, topic):
        forum.webhooks.lose(0)
        forum.webhooks.deliver()
        assert hooks.events == ["post_created"]

    def test_doubled_with_another_id(self, forum, hooks, topic):
        forum.webhooks.double()
        forum.webhooks.deliver()
        assert hooks.events == ["topic_created", "topic_created", "post_created", "post_created"]
        assert len({headers["X-Discourse-Event-Id"] for headers, _ in hooks.requests}) == 4

    def test_out_of_order_and_late(self, forum, hooks, topic):
        forum.webhooks.reverse()
        assert forum.webhooks.deliver(most=1) == [200]
        assert hooks.events == ["post_created"]
        forum.webhooks.deliver()
        assert hooks.events == ["post_created", "topic_created"]

    def test_nothing_is_sent_again_by_default(self, forum, hooks, topic):
        hooks.status = 500
        assert forum.webhooks.deliver() == [500, 500]
        forum.clock.advance(24 * 3600)
        assert forum.webhooks.deliver() == []

    def test_a_site_may_retry_four_times(self, forum, hooks, topic):
        forum.forum.settings.retry_web_hook_events = True
        forum.webhooks.lose(0)
        hooks.status = 500
        assert forum.webhooks.deliver() == [500]
        for minutes in (1, 5, 25, 125):
            forum.clock.advance(minutes * 60 - 5)
            assert forum.webhooks.deliver() == []
            forum.clock.advance(6)
            assert forum.webhooks.deliver() == [500]
        forum.clock.advance(24 * 3600)
        assert forum.webhooks.deliver() == []
        assert len({headers["X-Discourse-Event-Id"] for headers, _ in hooks.requests}) == 5

    @pytest.mark.parametrize("status", [404, 410])
    def test_gone_is_not_retried_and_on_the_last_try_switches_the_hook_off(self, forum, hooks, topic, status):
        forum.forum.settings.retry_web_hook_events = True
        hooks.status = status
        forum.webhooks.lose(0)
        last = forum.webhooks.pending[0]
        assert forum.webhooks.deliver() == [status]
        assert forum.webhooks.pending == []
        assert last.hook.active
        last.tries = 4
        forum.webhooks.pending.append(last)
        forum.webhooks.deliver()
        assert not last.hook.active

    def test_no_answer_is_never_retried(self, forum, api):
        forum.forum.settings.retry_web_hook_events = True
        forum.webhooks.add("http://127.0.0.1:9/")
        api.topic("A topic for nobody to hear")
        assert forum.webhooks.deliver() == [-1, -1]
        assert forum.webhooks.pending == []
        assert ok(api.get("/latest.json"))
