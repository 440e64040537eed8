"""The address for notices on a running server: what is stored, what is refused, and what each answer tells."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import io
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connections
from django.db.backends.utils import CursorWrapper
from django.test import Client, RequestFactory

from course_sync_plugin import api
from course_sync_plugin.models import DatabaseNow, InboundEvent, Target
from course_sync_plugin.replication.notices import endpoints
from course_sync_plugin.rest_api.v1.inbound import MOST_BYTES, inbound
from course_sync_plugin.targets.inbound.discourse import SIGNATURE_HEADER
from course_sync_plugin.targets.inbound.path_secret import path_form
from course_sync_plugin.testing.discourse import DiscourseServer
from tests.integration.courses import own_queries
from tests.integration.inbound.senders import KINDS, post

pytestmark = pytest.mark.django_db(transaction=True)

BODY = b'{"topic": {"id": 7, "category_id": 3}}'


def signed(secret: str, body: bytes = BODY, **headers: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {SIGNATURE_HEADER: f"sha256={digest}", **headers}


def bodies() -> list[bytes]:
    return [bytes(body) for body in InboundEvent.objects.order_by("pk").values_list("body", flat=True)]


class TestWhatIsStored:
    def test_the_webhooks_of_a_forum(self, address, forum):
        with DiscourseServer() as discourse:
            discourse.forum.settings.allow_uncategorized_topics = True
            discourse.webhooks.add(address("forum"), forum)
            teacher = discourse.person("teacher")
            topic = teacher.create_topic("A title that is long enough", "Some words about bees.")
            teacher.edit_topic(topic.id, title="Another title that is long enough")
            expected = [one.body for one in discourse.webhooks.pending]
            assert set(discourse.webhooks.deliver()) == {202}
        rows = list(InboundEvent.objects.order_by("pk"))
        assert [bytes(row.body) for row in rows] == expected
        assert {row.event_name for row in rows} >= {"topic_created", "topic_edited"}
        assert all(row.event_id and row.content_type == "application/json" for row in rows)
        assert [(row.taken_at, row.target.name) for row in rows] == [(None, "forum")] * len(rows)
        named = [KINDS["forum"].inbound.read(bytes(row.body), row.event_name) for row in rows]
        assert str(topic.id) in {notice.remote_id for notices in named for notice in notices if notice.kind == "topic"}

    def test_the_time_is_that_of_the_database(self, address, forum):
        post(address("forum"), BODY, signed(forum))
        now = InboundEvent.objects.annotate(now=DatabaseNow()).get()
        assert timedelta() <= now.now - now.received_at < timedelta(minutes=1)

    @pytest.mark.parametrize(
        "body",
        [b"", b"\x00\xff", gzip.compress(BODY), "Démo".encode("latin-1"), b"[" * 100_000, b"x" * MOST_BYTES],
        ids=["empty", "bytes", "gzip", "latin-1", "deep", "as long as allowed"],
    )
    def test_any_body(self, address, forum, body):
        assert post(address("forum"), body, signed(forum, body)) == (202, {"stored": True})
        assert bodies() == [body]
        (row,) = InboundEvent.objects.all()
        assert KINDS["forum"].inbound.read(bytes(row.body), row.event_name) == ()

    def test_any_header(self, address, forum):
        headers = {"Content-Type": "x/y; " + "z" * 500, "X-Discourse-Event": "\xe9\x80<b>", "X-Discourse-Event-Id": "é"}
        assert post(address("forum"), BODY, signed(forum, **headers))[0] == 202
        row = InboundEvent.objects.get()
        assert (len(row.content_type), row.event_id.isprintable()) == (100, True)

    def test_a_form_is_a_body_like_any_other(self, address, forum):
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        assert post(address("forum"), BODY, signed(forum, **kind))[0] == 202
        multipart = {"Content-Type": "multipart/form-data; boundary=x"}
        assert post(address("forum"), BODY + b" ", signed(forum, BODY + b" ", **multipart))[0] == 202
        assert bodies() == [BODY, BODY + b" "]

    @pytest.mark.parametrize(
        "values", [{"paused": True}, {"disabled_reason": "gone"}, {"site": "https://elsewhere.example.org"}]
    )
    def test_for_a_target_that_does_not_act(self, address, forum, values):
        Target.objects.update(**values)
        assert post(address("forum"), BODY, signed(forum))[0] == 202
        assert InboundEvent.objects.get().taken_at is None

    def test_it_goes_with_its_target(self, address, forum):
        post(address("forum"), BODY, signed(forum))
        api.remove_target("forum")
        assert not InboundEvent.objects.exists()

    def test_the_statements(self, client, forum, monkeypatch):
        headers = {f"HTTP_{SIGNATURE_HEADER.upper().replace('-', '_')}": signed(forum)[SIGNATURE_HEADER]}
        monkeypatch.setattr(endpoints, "REMEMBERED_SECONDS", 60.0)
        monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)  # as in the platform
        with own_queries() as queries:
            for number in range(3):
                headers["HTTP_X_DISCOURSE_EVENT"] = f"event_{number}"
                answer = client.post("/api/course_sync/v1/inbound/forum", BODY, "application/json", **headers)
                assert answer.status_code == 202
        assert [query.split()[0] for query in queries] == ["SELECT", "INSERT", "INSERT", "INSERT"]

    def test_no_token_of_a_form_is_needed(self, address, forum, settings):
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.csrf.CsrfViewMiddleware"]
        answer = Client(enforce_csrf_checks=True).post(
            "/api/course_sync/v1/inbound/forum",
            BODY,
            "application/json",
            HTTP_X_DISCOURSE_EVENT_SIGNATURE=signed(forum)[SIGNATURE_HEADER],
        )
        assert (answer.status_code, answer.cookies) == (202, {})

    def test_a_target_is_remembered_for_a_second(self, address, forum, monkeypatch):
        monkeypatch.setattr(endpoints, "REMEMBERED_SECONDS", 60.0)
        assert post(address("forum"), BODY, signed(forum))[0] == 202
        api.remove_target("forum")
        assert post(address("forum"), b"{}", signed(forum, b"{}"))[0] == 202, "its row is pruned later"
        until, known = endpoints.remembered["forum"]
        endpoints.remembered["forum"] = until - 60, known
        assert post(address("forum"), b"[]", signed(forum, b"[]"))[0] == 404


class TestReplays:
    def test_the_same_notice_is_stored_once_while_it_waits(self, address, forum):
        for number in range(3):
            headers = signed(forum, **{"X-Discourse-Event": "topic_edited", "X-Discourse-Event-Id": str(number)})
            assert post(address("forum"), BODY, headers) == (202, {"stored": True})
        assert InboundEvent.objects.count() == 1

    def test_after_it_was_acted_on_it_is_stored_again(self, address, forum):
        """The same object can be changed twice in the same way, and a notice may come while the object is read."""
        post(address("forum"), BODY, signed(forum))
        InboundEvent.objects.update(digest=None, taken_at=DatabaseNow())
        assert [post(address("forum"), BODY, signed(forum))[0] for _ in range(2)] == [202, 202]
        assert InboundEvent.objects.filter(taken_at=None).count() == 1
        assert InboundEvent.objects.count() == 2

    def test_another_event_or_target_is_another_notice(self, address, forum):
        other = api.add_target("other", backend="forum").secret
        post(address("forum"), BODY, signed(forum, **{"X-Discourse-Event": "topic_edited"}))
        post(address("forum"), BODY, signed(forum, **{"X-Discourse-Event": "topic_destroyed"}))
        post(address("other"), BODY, signed(other, **{"X-Discourse-Event": "topic_edited"}))
        assert InboundEvent.objects.count() == 3

    def test_a_forum_that_repeats_and_reorders(self, address, forum):
        with DiscourseServer() as discourse:
            discourse.forum.settings.allow_uncategorized_topics = True
            discourse.webhooks.add(address("forum"), forum)
            discourse.person("teacher").create_topic("A title that is long enough", "Some words about bees.")
            number = len(discourse.webhooks.pending)
            discourse.webhooks.double()
            discourse.webhooks.reverse()
            assert set(discourse.webhooks.deliver()) == {202}
        assert InboundEvent.objects.count() == number


class TestRefusals:
    @pytest.mark.parametrize("headers", [{}, {SIGNATURE_HEADER: "sha256=" + "0" * 64}, signed("another")])
    def test_forgeries(self, address, forum, headers):
        status, answer = post(address("forum"), BODY, headers)
        assert (status, bodies()) == (401, [])
        assert answer == {"error": "The signature or the secret is missing or wrong."}

    def test_a_changed_body(self, address, forum):
        assert post(address("forum"), BODY + b" ", signed(forum))[0] == 401

    def test_two_secrets_while_they_are_rotated(self, address, forum):
        new = api.rotate_secret("forum", hours=1).secret
        assert post(address("forum"), BODY, signed(forum))[0] == 202
        assert post(address("forum"), b"{}", signed(new, b"{}"))[0] == 202
        Target.objects.update(previous_secret_until=datetime.now(UTC) - timedelta(seconds=1))
        assert post(address("forum"), b"[]", signed(forum, b"[]"))[0] == 401
        assert post(address("forum"), b"[]", signed(new, b"[]"))[0] == 202

    @pytest.mark.parametrize("name", ["nobody", "FORUM", "silent", "é", "x" * 65, "a b", "%00", "hook"])
    def test_what_takes_no_notices(self, address, forum, name):
        """A target of a kind without notices is like none at all."""
        api.add_target("silent", backend="silent")
        api.add_target("hook", url="http://127.0.0.1:9/")
        answer = post(address(name.replace(" ", "%20").replace("é", "%C3%A9")), BODY, signed(forum))
        assert answer == (404, {"error": "There is no address for notices here."})

    def test_an_unsigned_sender_learns_nothing_about_a_target(self, address, forum):
        before = post(address("forum"), BODY)
        Target.objects.update(paused=True, disabled_reason="gone", site="https://elsewhere.example.org")
        assert post(address("forum"), BODY) == before

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
    def test_only_post(self, address, forum, method):
        assert post(address("forum"), BODY, signed(forum), method)[0] == 405

    def test_a_body_that_is_too_long(self, address, forum):
        body = b"x" * (MOST_BYTES + 1)
        assert post(address("forum"), body, signed(forum, body))[0] == 413
        assert bodies() == []

    def test_a_length_that_lies(self, address, forum):
        """The server gives us no more than the length says."""
        headers = {**signed(forum), "Content-Length": str(len(BODY) - 1)}
        assert post(address("forum"), BODY, headers)[0] == 401
        for length in ("9" * 5000, str(2**63)):
            request = RequestFactory().post("/", BODY, "application/json")
            request.META["CONTENT_LENGTH"] = length
            assert inbound(request, "forum").status_code == 413

    @pytest.mark.parametrize(("body", "status"), [(BODY, 202), (b"x" * (MOST_BYTES + 1), 413)])
    def test_chunked_bodies_of_a_server_that_marks_their_end(self, rf, forum, body, status):
        stream = io.BytesIO(body + b"x" * 10_000_000 if status == 413 else body)
        request = rf.generic("POST", "/", **{"wsgi.input": stream, "wsgi.input_terminated": True})
        request.META.pop("CONTENT_LENGTH", None)
        request.META["HTTP_X_DISCOURSE_EVENT_SIGNATURE"] = signed(forum, body)[SIGNATURE_HEADER]
        assert inbound(request, "forum").status_code == status
        assert stream.tell() <= MOST_BYTES + 1

    def test_a_body_that_ends_too_early(self, rf, forum):
        class Broken(io.BytesIO):
            def read(self, *_arguments: object) -> bytes:
                raise OSError("the client has gone")

        request = rf.generic("POST", "/", BODY, **{"wsgi.input": Broken()})
        assert inbound(request, "forum").status_code == 400

    def test_the_limits_of_django_do_not_matter(self, address, forum, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
        assert post(address("forum"), BODY, signed(forum))[0] == 202


class TestTrouble:
    def test_the_database_is_down(self, client, forum, monkeypatch):
        def gone(*args: object, **options: object) -> None:
            raise OperationalError("(2013, 'Lost connection to server at 10.1.2.3')")

        headers = {"HTTP_X_DISCOURSE_EVENT_SIGNATURE": signed(forum)[SIGNATURE_HEADER]}
        monkeypatch.setattr(type(connections["default"]), "cursor", gone)
        monkeypatch.setattr(CursorWrapper, "execute", gone)
        answer = client.post("/api/course_sync/v1/inbound/forum", BODY, "application/json", **headers)
        assert (answer.status_code, answer["Retry-After"]) == (503, "60")
        assert json.loads(answer.content) == {"error": "The notice cannot be stored now. Send it again later."}

    def test_the_secret_cannot_be_decrypted(self, address, forum, settings, caplog):
        settings.COURSE_SYNC_SECRET_KEYS = ["A" * 43 + "="]
        assert post(address("forum"), BODY, signed(forum))[0] == 503
        assert "COURSE_SYNC_SECRET_KEYS" in caplog.text


class TestASecretInThePath:
    EVENT = json.dumps({"metadata": {"event_name": "module_updated"}, "body": {"module_id": "7"}}).encode()

    @pytest.mark.parametrize("form", [str, path_form], ids=["as it is", "for a path"])
    def test_it_is_enough(self, address, canvas, campus, form):
        assert post(address("campus", form(campus)), self.EVENT) == (202, {"stored": True})
        assert bodies() == [self.EVENT]

    def test_what_canvas_sends_unsigned(self, address, canvas, campus):
        canvas.live_events.signed = False
        canvas.teacher.add_module(canvas.add_course().id, "Wasps")
        assert canvas.live_events.deliver(address("campus", path_form(campus))) == [202]

    @pytest.mark.parametrize("secret", ["wrong", "whsec_", "%00", "a/b/c"])
    def test_a_wrong_one(self, address, campus, secret):
        assert post(address("campus", secret), self.EVENT)[0] == 401
        assert post(address("campus"), self.EVENT)[0] == 401

    def test_a_kind_that_signs_takes_no_secret_in_the_path(self, address, forum):
        assert post(address("forum", path_form(forum)), BODY)[0] == 401

    @pytest.mark.parametrize(("body", "method", "status"), [(b"x" * (MOST_BYTES + 1), "POST", 413), (b"", "GET", 405)])
    def test_it_is_never_logged(self, address, campus, caplog, body, method, status):
        """Django logs the path of every request that it refuses."""
        caplog.set_level(logging.DEBUG)
        assert post(address("campus", path_form(campus)), body, method=method)[0] == status
        assert post(address("campus", "a-wrong-secret"), self.EVENT)[0] == 401
        assert "/inbound/campus/***" in caplog.text
        assert path_form(campus) not in caplog.text
        assert "a-wrong-secret" not in caplog.text
