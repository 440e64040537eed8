"""The client of Discourse: what it sends, what it takes from a redirect, and what it keeps secret."""

from __future__ import annotations

import logging

import attrs
import pytest

from course_sync_plugin.exceptions import ConfigurationError, PermanentError, RateLimited, TransientError
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.discourse import categories, posts, topics
from course_sync_plugin.targets.discourse.client import ANSWER_BYTES, DiscourseClient
from course_sync_plugin.targets.discourse.errors import Refused
from course_sync_plugin.testing.discourse.faults import Drop, Hang, Refuse, maintenance_page, throttle
from course_sync_plugin.testing.discourse.requests import Answer
from tests.unit.targets.discourse.conftest import RAW, SECRET, Spent


class TestRequests:
    def test_a_request_names_the_key_and_the_user_and_asks_for_json(self, forum, client):
        categories.children(client)
        asked = forum.requests[0]
        assert (asked.key, asked.username) == (forum.key, "system")
        assert asked.headers["accept"] == "application/json"
        assert asked.target.split("?")[0].endswith(".json")

    def test_the_option_names_another_user(self, forum, student):
        categories.children(student)
        assert forum.requests[0].username == "student"

    def test_the_secrets_of_webhooks_are_not_sent(self, forum, client):
        categories.children(client)
        assert SECRET not in str(forum.requests[0].headers)

    def test_an_answer_429_empties_the_budget(self, forum, client, budget):
        forum.faults.append(Refuse(instead=throttle()))
        with pytest.raises(RateLimited):
            categories.children(client)
        assert budget.remaining == 0

    def test_each_request_takes_1_from_the_budget(self, client, budget):
        categories.children(client)
        categories.children(client)
        assert budget.total == 2

    def test_nothing_is_sent_if_the_budget_is_used_up(self, forum, client, budget, monkeypatch):
        def refuse(_self: Spent, cost: float) -> None:
            raise RateLimited("The budget is used up.", retry_after=30 * cost)

        monkeypatch.setattr(Spent, "take", refuse)
        with pytest.raises(RateLimited) as raised:
            categories.children(client)
        assert raised.value.retry_after == 30
        assert forum.requests == []

    @pytest.mark.parametrize(
        ("token", "options", "words"),
        [
            ("", {}, "API key"),
            ("a key with spaces", {}, "API key"),
            ("key\nof two lines", {}, "API key"),
            ("key", {"api_username": "two words"}, "'two words', which is not a user name"),
        ],
    )
    def test_what_cannot_be_a_header_is_refused(self, token, options, words):
        config = TargetConfig("forum", "https://forum.example.org", (SECRET,), options, token=token)
        with pytest.raises(ConfigurationError, match=words) as raised:
            DiscourseClient(config, Spent())
        assert not token or token not in raised.value.message.split()

    def test_private_addresses_are_refused_unless_they_are_allowed(self, forum, connect):
        with pytest.raises(ConfigurationError, match="COURSE_SYNC_ALLOWED_PRIVATE_HOSTS"):
            categories.children(connect(allowed_private_hosts=()))
        assert forum.requests == []


class TestNoAnswer:
    def test_a_server_that_hangs_costs_no_more_than_the_deadline(self, forum, connect):
        forum.faults.append(Hang(seconds=60))
        with pytest.raises(TransientError, match=r"did not answer within 0\.5 s") as raised:
            categories.children(connect(deadline_seconds=0.5))
        assert raised.value.context["target"] == "forum"
        assert raised.value.exchange.status is None
        assert raised.value.exchange.request.startswith(f"GET {forum.url}/categories.json")

    def test_an_answer_that_ends_too_early_is_kept_with_the_error(self, forum, connect):
        forum.faults.append(Refuse(instead=Answer(200, b'{"category_list"', headers={"Content-Length": "1000"})))
        with pytest.raises(TransientError) as raised:
            categories.children(connect(deadline_seconds=0.5))
        assert raised.value.exchange.status == 200

    @pytest.mark.parametrize("processed", [False, True])
    def test_after_a_dropped_connection_the_topic_is_looked_up(self, forum, client, category, processed):
        forum.faults.append(Drop(method="POST", processed=processed))
        with pytest.raises(TransientError, match="closed the connection"):
            topics.create(client, title="The first unit", raw=RAW, category_id=category.id, external_id="cs-1")
        assert (topics.find(client, "cs-1") is not None) is processed

    @pytest.mark.parametrize("status", [200, 503])
    def test_a_page_of_maintenance_is_no_answer(self, forum, client, status):
        forum.faults.append(Refuse(instead=maintenance_page(status)))
        with pytest.raises(TransientError) as raised:
            categories.children(client)
        assert raised.value.exchange.status == status
        assert "being updated" in raised.value.exchange.body

    def test_a_page_of_maintenance_is_no_deletion(self, forum, client, category):
        topic = topics.create(client, title="The first unit", raw=RAW, category_id=category.id).topic_id
        forum.faults.append(Refuse(instead=maintenance_page(200)))
        with pytest.raises(TransientError, match="not JSON"):
            topics.delete(client, topic)
        assert topics.show(client, topic).deleted_at is None

    @pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"category": \xff}'])
    def test_a_body_that_is_not_json_is_no_answer(self, forum, client, category, body):
        forum.faults.append(Refuse(instead=Answer(200, body)))
        with pytest.raises(TransientError, match="not JSON"):
            categories.show(client, category.id)

    def test_a_body_that_is_too_large_is_refused(self, forum, client, category):
        forum.faults.append(Refuse(instead=Answer(200, b" " * (ANSWER_BYTES + 1))))
        with pytest.raises(PermanentError, match="more than 16777216 bytes"):
            categories.show(client, category.id)

    def test_an_answer_that_is_no_object_is_not_understood(self, forum, client, category):
        forum.faults.append(Refuse(instead=Answer.json([])))
        with pytest.raises(PermanentError, match="the answer is not an object") as raised:
            categories.show(client, category.id)
        assert raised.value.exchange.body == "[]"
        assert raised.value.context["target"] == "forum"

    def test_a_field_that_is_missing_is_named(self, forum, client, category):
        forum.faults.append(Refuse(instead=Answer.json({"category": {"id": 5, "new_field": 1}})))
        with pytest.raises(PermanentError, match="'name' of category is missing") as raised:
            categories.show(client, category.id)
        assert raised.value.exchange.status == 200


class TestRedirects:
    @pytest.fixture
    def redirect(self, forum):
        """Return a function that lets the next request be redirected."""

        def redirect(location: str | None, status: int = 301) -> None:
            headers = {} if location is None else {"Location": location}
            forum.faults.append(Refuse(instead=Answer.html("<html></html>", status, headers)))

        return redirect

    @pytest.mark.parametrize(
        "path", ["/t/the-first-unit/12.json", "/t/12.json", "/t/12", "/t/the-first-unit/12.json?page=", "/t/-/12.json"]
    )
    def test_the_id_is_taken_from_the_address(self, forum, client, redirect, path):
        redirect(forum.url + path)
        assert topics.find(client, "cs-1") == "12"
        assert len(forum.requests) == 1, "the redirect is not followed"

    def test_an_address_without_a_host_is_on_the_host(self, client, redirect):
        redirect("/t/the-first-unit/12.json")
        assert topics.find(client, "cs-1") == "12"

    @pytest.mark.parametrize("slash", ["", "/"])
    def test_the_forum_may_be_in_a_folder(self, forum, connect, redirect, slash):
        client = connect(url=f"{forum.url}/forum{slash}")
        redirect(f"{forum.url}/forum/t/the-first-unit/12.json")
        assert topics.find(client, "cs-1") == "12"
        assert forum.requests.pop().path == "/forum/t/external_id/cs-1"

    @pytest.mark.parametrize(
        "location", ["https://elsewhere.example.org/t/unit/12.json", "//elsewhere.example.org/t/12.json", "//["]
    )
    def test_another_host_is_refused(self, client, redirect, location):
        redirect(location)
        with pytest.raises(ConfigurationError, match="redirects to another address") as raised:
            topics.find(client, "cs-1")
        assert raised.value.exchange.status == 301

    @pytest.mark.parametrize("path", ["/login", "/t/the-first-unit", "/t/a/b/12.json", "/c/unit/12", None])
    def test_another_path_is_not_understood(self, forum, client, redirect, path):
        redirect(path and forum.url + path)
        with pytest.raises(PermanentError, match="unexpected path"):
            topics.find(client, "cs-1")

    def test_an_answer_instead_of_a_redirect_is_not_understood(self, forum, client):
        forum.faults.append(Refuse(instead=Answer.json({"id": 12})))
        with pytest.raises(PermanentError, match="no redirect"):
            topics.find(client, "cs-1")

    @pytest.mark.parametrize("status", [301, 302, 308])
    def test_any_other_redirect_is_for_the_operator(self, forum, client, redirect, status):
        redirect("https://www.forum.example.org/categories.json", status)
        with pytest.raises(ConfigurationError, match="set-url"):
            categories.children(client)
        assert len(forum.requests) == 1


class TestSecrets:
    def test_the_key_is_in_no_message_repr_log_or_stored_exchange(self, forum, client, category, caplog):
        caplog.set_level(logging.DEBUG)
        words = [f"Api-Key {forum.key} {SECRET}", "x" * 170 + forum.key]
        forum.faults.append(Refuse(instead=Answer.json({"errors": words, "key": forum.key}, 422)))
        with pytest.raises(Refused) as raised:
            posts.show(client, "1")
        error = raised.value
        shown = [error.message, repr(error), repr(error.words), repr(error.context), repr(error.exchange), repr(client)]
        shown += [caplog.text, repr(attrs.asdict(error.exchange))]
        assert not [text for text in shown if forum.key[:20] in text or SECRET in text]
        assert "[redacted]" in error.message
        assert "[redacted]" in error.exchange.body

    def test_texts_are_in_no_repr(self, client, category):
        post = topics.create(client, title="The first unit", raw=RAW, category_id=category.id)
        assert post.raw == RAW
        assert RAW not in repr(topics.show(client, post.topic_id))
