"""Rate limits, and what goes wrong on request."""

from __future__ import annotations

import pytest
import requests

from course_sync_plugin.testing.discourse.faults import Drop, Hang, Refuse, maintenance_page, server_error, throttle
from course_sync_plugin.testing.discourse.limits import ADMIN_PER_MINUTE, address_throttle
from tests.unit.testing.discourse.api import BODY, Api, ok


class TestKeys:
    def test_all_keys_share_60_requests_a_minute(self, forum, api):
        forum.clock.freeze()
        forum.limits.admin.most = ADMIN_PER_MINUTE
        others = [api, Api(forum, "teacher", forum.new_key("teacher"))]
        for number in range(60):
            ok(others[number % 2].get("/site.json"))
        forum.clock.advance(20)
        for client in others:
            response = client.get("/site.json")
            assert response.status_code == 429
            assert response.headers["Content-Type"] == "application/json; charset=utf-8"
            assert response.headers["Retry-After"] == "40"
            body = response.json()
            assert (body["error_type"], body["extras"]) == (
                "rate_limit",
                {"wait_seconds": 40, "time_left": "40 seconds"},
            )
            assert body["errors"] == [
                "You’ve performed this action too many times. Please wait 40 seconds before trying again."
            ]
        forum.clock.advance(40)
        ok(api.get("/site.json"))

    def test_refused_requests_do_not_count(self, forum, api):
        forum.clock.freeze()
        forum.limits.admin.most = 1
        statuses = []
        for _ in range(3):
            statuses.append(api.get("/site.json").status_code)
            forum.clock.advance(31)
        assert statuses == [200, 429, 200]

    def test_visitors_without_a_key_do_not_count(self, forum):
        forum.limits.admin.most = 0
        ok(Api(forum, None).get("/site.json"))

    def test_a_limit_of_0_refuses_all(self, forum, api):
        forum.limits.admin.most = 0
        response = api.get("/site.json")
        assert response.json()["extras"] == {"wait_seconds": 60, "time_left": "1 minute"}

    def test_a_bad_key_is_told_before_the_limit(self, forum):
        forum.limits.admin.most = 0
        assert Api(forum, "system", "wrong").get("/site.json").status_code == 403


class TestAddresses:
    def test_the_answer_is_plain_text(self, forum, api):
        forum.limits.address_10_seconds.most = 2
        for _ in range(2):
            ok(api.get("/site.json"))
        response = api.get("/site.json")
        assert (response.status_code, response.headers["Content-Type"]) == (429, "text/plain")
        assert response.text.startswith("Slow down, you're making too many requests.")
        assert response.headers["Discourse-Rate-Limit-Error-Code"] == "ip_10_secs_limit"
        assert 1 <= int(response.headers["Retry-After"]) <= 10

    def test_refused_requests_count(self, forum, api):
        forum.clock.freeze()
        forum.limits.address_minute.most = 2
        statuses = []
        for _ in range(4):
            statuses.append(api.get("/site.json").status_code)
            forum.clock.advance(25)
        assert statuses == [200, 200, 429, 429]
        forum.clock.advance(61)
        ok(api.get("/site.json"))

    def test_a_refused_request_is_not_carried_out(self, forum, api):
        forum.limits.address_minute.most = 0
        api.post("/posts.json", title="The first unit of the course", raw=BODY)
        assert forum.forum.topics == {}


class TestFaults:
    @pytest.mark.parametrize("processed", [False, True])
    def test_a_dropped_connection_may_hide_a_post_that_was_made(self, forum, api, processed):
        forum.faults.append(Drop(method="POST", processed=processed))
        with pytest.raises(requests.ConnectionError):
            api.topic()
        assert len(forum.forum.topics) == processed
        assert forum.requests[0].status is None
        api.topic()
        assert len(forum.forum.topics) == 1

    @pytest.mark.parametrize("processed", [False, True])
    def test_a_server_that_hangs(self, forum, api, processed):
        forum.faults.append(Hang(seconds=60, processed=processed))
        with pytest.raises(requests.ReadTimeout):
            api.session.post(f"{forum.url}/categories.json", json={"name": "Demo course"}, timeout=0.2)
        assert (len(forum.forum.categories) == 2) is processed

    @pytest.mark.parametrize(
        ("answer", "status", "content_type"),
        [
            (maintenance_page(), 503, "text/html; charset=utf-8"),
            (maintenance_page(200), 200, "text/html; charset=utf-8"),
            (server_error(502), 502, "text/html; charset=utf-8"),
            (throttle(7), 429, "application/json; charset=utf-8"),
            (address_throttle(7), 429, "text/plain"),
            (address_throttle(7, html=True), 429, "text/html; charset=utf-8"),
        ],
    )
    def test_another_answer(self, forum, api, answer, status, content_type):
        forum.faults.append(Refuse(instead=answer, times=2))
        for _ in range(2):
            response = api.get("/site.json")
            assert (response.status_code, response.headers["Content-Type"]) == (status, content_type)
        ok(api.get("/site.json"))

    def test_a_fault_chooses_by_method_and_path(self, forum, api):
        forum.faults.append(Refuse(instead=server_error(), method="GET", path=r"^/t/\d+$", times=None))
        topic = api.topic()["topic_id"]
        ok(api.get("/site.json"))
        for _ in range(3):
            assert api.get(f"/t/{topic}.json").status_code == 500

    def test_a_request_may_be_carried_out_although_the_answer_is_an_error(self, forum, api):
        forum.faults.append(Refuse(instead=server_error(504), processed=True))
        assert api.post("/categories.json", name="Demo course").status_code == 504
        assert len(forum.forum.categories) == 2


def test_a_stopped_server_does_not_answer(forum):
    api = Api(forum)
    ok(api.get("/site.json"))
    forum.stop()
    with pytest.raises(requests.ConnectionError):
        api.get("/site.json")
    forum.stop = lambda: None
