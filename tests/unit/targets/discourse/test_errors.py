"""Each refusal of Discourse becomes the error of who must act."""

from __future__ import annotations

import pytest

from course_sync_plugin.exceptions import ConfigurationError, PermanentError, RateLimited, TransientError, class_name
from course_sync_plugin.targets.discourse import categories, posts, topics
from course_sync_plugin.targets.discourse.errors import (
    AwaitsApproval,
    EditConflict,
    Forbidden,
    NotThere,
    Refused,
    read_refusal,
)
from course_sync_plugin.testing.discourse.faults import Refuse, server_error, throttle
from course_sync_plugin.testing.discourse.limits import address_throttle
from course_sync_plugin.testing.discourse.requests import Answer
from tests.unit.targets.discourse.conftest import RAW

#: The words of a German forum.
NOT_ALLOWED = {"errors": ["Du hast keine Berechtigung, die Ressource anzuzeigen."], "error_type": "invalid_access"}


class TestKeys:
    def test_a_bad_key_is_for_the_operator(self, forum, client):
        forum.revoke(forum.key)
        with pytest.raises(ConfigurationError, match="does not accept the API key") as raised:
            categories.children(client)
        assert raised.value.exchange.status == 403
        assert len(forum.requests) == 1

    def test_the_message_of_a_bad_key_names_its_scope_and_the_way_out(self, forum, client):
        forum.revoke(forum.key)
        with pytest.raises(ConfigurationError, match=r"scope may not have this request.*'set-token'"):
            categories.children(client)

    def test_an_unknown_user_is_for_the_operator(self, connect):
        with pytest.raises(ConfigurationError, match="'api_username'"):
            categories.children(connect(api_username="nobody"))

    def test_a_suspended_user_is_for_the_operator_although_the_words_are_those_of_a_missing_right(self, forum, student):
        forum.person("student").user.suspended = True
        with pytest.raises(ConfigurationError, match="suspended"):
            posts.show(student, "1")
        assert [asked.path for asked in forum.requests] == ["/posts/1", "/categories"]

    def test_a_bad_key_is_recognised_in_every_language(self, forum, client):
        forum.faults.append(Refuse(instead=Answer.json(NOT_ALLOWED, 403), times=None))
        with pytest.raises(ConfigurationError, match="does not accept the API key"):
            posts.show(client, "1")

    def test_a_missing_right_is_not_taken_for_a_bad_key(self, forum, client):
        forum.faults.append(Refuse(instead=Answer.json(NOT_ALLOWED, 403)))
        with pytest.raises(Forbidden, match="keine Berechtigung") as raised:
            posts.show(client, "1")
        assert raised.value.exchange.status == 403

    def test_a_proxy_that_answers_the_check_of_the_key_says_nothing_of_the_key(self, forum, client):
        forum.faults.append(Refuse(instead=Answer.json(NOT_ALLOWED, 403)))
        forum.faults.append(Refuse(instead=server_error(403)))
        with pytest.raises(TransientError, match="not JSON"):
            posts.show(client, "1")

    def test_the_check_of_the_key_may_be_throttled(self, forum, client):
        forum.faults.append(Refuse(instead=Answer.json(NOT_ALLOWED, 403)))
        forum.faults.append(Refuse(instead=throttle(7)))
        with pytest.raises(RateLimited):
            posts.show(client, "1")


class TestThrottling:
    @pytest.mark.parametrize(
        ("answer", "seconds"),
        [
            (throttle(7), 7),
            (address_throttle(8), 8),
            (address_throttle(9, html=True), 60),
            (Answer.json({"errors": ["Zu schnell"], "extras": {"wait_seconds": 11}}, 429), 11),
            (Answer.json({"errors": [], "extras": {"wait_seconds": "soon"}}, 429, {"Retry-After": "12"}), 12),
            (Answer.json({"errors": [], "extras": {"wait_seconds": -1}}, 429), 60),
            (Answer.json({"errors": [], "extras": {"wait_seconds": 20}}, 429, {"Retry-After": "12"}), 20),
        ],
    )
    @pytest.mark.story(21)
    def test_the_wait_is_the_one_that_is_asked_for(self, forum, client, answer, seconds):
        forum.faults.append(Refuse(instead=answer))
        with pytest.raises(RateLimited) as raised:
            categories.children(client)
        assert raised.value.retry_after == seconds
        assert raised.value.exchange.status == 429

    def test_the_limit_of_all_keys(self, forum, client):
        forum.clock.freeze()
        forum.limits.admin.most = 1
        categories.children(client)
        forum.clock.advance(20)
        with pytest.raises(RateLimited) as raised:
            categories.children(client)
        assert raised.value.retry_after == 40


class TestStatuses:
    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_server_error_is_no_answer(self, forum, client, status):
        forum.faults.append(Refuse(instead=server_error(status)))
        with pytest.raises(TransientError) as raised:
            categories.children(client)
        assert raised.value.context["status"] == status

    def test_a_forum_that_is_read_only_is_no_answer(self, forum, client):
        forum.read_only = True
        with pytest.raises(TransientError, match=r"127\.0\.0\.1:\d+ is read-only \(503\)") as raised:
            categories.create(client, name="Demo course")
        assert "read only mode" in raised.value.exchange.body
        assert raised.value.context["status"] == 503

    def test_a_503_of_another_kind_is_not_taken_for_a_forum_that_is_read_only(self, forum, client):
        forum.faults.append(Refuse(instead=Answer.json({"errors": ["Too busy"], "error_type": "busy"}, 503)))
        with pytest.raises(TransientError, match="answered 503"):
            categories.children(client)

    def test_each_message_of_a_refusal_stands_alone(self, forum, client):
        value = {"errors": ["Title has already been used", "Category is reserved"]}
        forum.faults.append(Refuse(instead=Answer.json(value, 422)))
        with pytest.raises(Refused, match="already been used; Category is reserved"):
            categories.children(client)

    def test_what_is_not_there(self, client):
        with pytest.raises(NotThere) as raised:
            topics.show(client, "99")
        assert class_name(raised.value) == "PermanentError"

    def test_the_page_inside_a_refusal_may_be_longer_than_what_is_read(self, forum, client):
        value = {"errors": ["Not found"], "extras": {"html": "x" * 2**19}}
        forum.faults.append(Refuse(instead=Answer.json(value, 404)))
        with pytest.raises(NotThere):
            topics.show(client, "99")

    def test_a_deleted_topic_does_not_disable_the_target_where_it_is_told_as_gone(self, forum, client, category):
        topic = topics.create(client, title="The first unit", raw=RAW, category_id=category.id).topic_id
        topics.delete(client, topic)
        forum.faults.append(Refuse(instead=Answer.json({"errors": ["It has been deleted."]}, 410)))
        with pytest.raises(NotThere):
            topics.show(client, topic)

    @pytest.mark.parametrize("status", [403, 404, 409, 410, 422])
    def test_a_page_of_a_proxy_says_nothing_of_a_record(self, forum, client, status):
        forum.faults.append(Refuse(instead=server_error(status)))
        with pytest.raises(TransientError, match="does a server in front of it answer") as raised:
            topics.show(client, "1")
        assert not isinstance(raised.value, EditConflict)

    @pytest.mark.parametrize(("status", "error"), [(401, ConfigurationError), (413, PermanentError)])
    def test_a_page_of_a_proxy_that_asks_for_something(self, forum, client, status, error):
        forum.faults.append(Refuse(instead=server_error(status)))
        with pytest.raises(error):
            topics.show(client, "1")

    def test_an_edit_conflict_is_tried_again(self, forum, client, category):
        topic = topics.create(client, title="The first unit", raw=RAW, category_id=category.id).topic_id
        with pytest.raises(EditConflict) as raised:
            topics.update(client, topic, title="Another title", original_title="Not the title")
        assert class_name(raised.value) == "TransientError"

    def test_a_parameter_that_cannot_be_is_refused_with_words(self, client):
        with pytest.raises(Refused, match="invalid parameters") as raised:
            topics.create(client, title="The first unit", raw=RAW, category_id="99")
        assert raised.value.context["status"] == 400


class TestWords:
    def test_the_words_of_a_refusal(self, client, category):
        with pytest.raises(Refused, match="422") as raised:
            topics.create(client, title="The first unit", raw="Short", category_id=category.id)
        assert raised.value.words
        assert raised.value.words[0] in raised.value.message
        assert not raised.value.title_taken
        assert not raised.value.external_id_taken

    def test_a_title_and_an_external_id_that_are_taken(self, client, category):
        given = {"title": "The first unit", "raw": RAW, "category_id": category.id}
        topics.create(client, **given, external_id="cs-1")
        with pytest.raises(Refused) as raised:
            topics.create(client, **given)
        assert (raised.value.title_taken, raised.value.external_id_taken) == (True, False)
        with pytest.raises(Refused) as raised:
            topics.create(client, title="The second unit", raw=RAW, category_id=category.id, external_id="CS-1")
        assert (raised.value.title_taken, raised.value.external_id_taken) == (False, True)

    def test_in_another_language_the_look_up_says_what_the_words_do_not(self, forum, client, category):
        given = {"title": "The first unit", "raw": RAW, "category_id": category.id, "external_id": "cs-1"}
        made = topics.create(client, **given)
        answer = Answer.json({"action": "create_post", "errors": ["Titel wird bereits verwendet"]}, 422)
        forum.faults.append(Refuse(instead=answer, method="POST"))
        with pytest.raises(Refused, match="Titel wird bereits verwendet") as raised:
            topics.create(client, **given)
        assert not raised.value.external_id_taken
        assert topics.find(client, "cs-1") == made.topic_id

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b'{"errors": ["One\\nline\\u001b", 5, null, ""]}', ("One line\ufffd",)),
            (b'{"errors": "text"}', ()),
            (b'{"errors": ["' + b"x" * 500 + b'"]}', ("x" * 200,)),
            (b'{"errors": ["a","b","c","d","e","f"]}', ("a", "b", "c", "d", "e")),
            (b"[]", ()),
            (b"", ()),
        ],
    )
    def test_words_are_cleaned_and_cut(self, body, words):
        assert read_refusal(body, "application/json", lambda text: text).words == words

    def test_a_refusal_without_words(self, forum, client):
        forum.faults.append(Refuse(instead=Answer.json({}, 422)))
        with pytest.raises(Refused, match="gives no reason"):
            posts.show(client, "1")


def test_a_post_that_waits_for_approval(forum, client, student, category):
    forum.forum.categories[int(category.id)].require_topic_approval = True
    with pytest.raises(AwaitsApproval, match="moderator") as raised:
        topics.create(student, title="The first unit of the course", raw=RAW, category_id=category.id)
    assert class_name(raised.value) == "PermanentError"
    assert raised.value.exchange.status == 200
