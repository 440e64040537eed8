"""The REST views for monitoring: who may read them, and what they answer when something is down."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import OperationalError, connection, connections
from django.db.backends.utils import CursorWrapper
from prometheus_client.parser import text_string_to_metric_families
from waffle.testutils import override_switch

from course_sync_plugin import api
from course_sync_plugin.models import Activity, DatabaseNow, Lane, Marker, Run, Target
from course_sync_plugin.testing.faults import Fail, Refuse
from tests.integration.courses import COURSE, a_course, block, own_queries

pytestmark = pytest.mark.django_db

METRICS, HEALTH = "/api/course_sync/v1/metrics", "/api/course_sync/v1/health"
TOKEN = "a-token-of-the-monitoring"


@pytest.fixture(autouse=True)
def _token(settings, shelf):
    settings.COURSE_SYNC_METRICS_TOKEN = TOKEN


def bearer(token: str = TOKEN, scheme: str = "Bearer") -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"{scheme} {token}"}


def sign_in(client, *, is_staff: bool) -> None:
    client.force_login(User.objects.create_user("somebody", is_staff=is_staff))


@pytest.fixture
def no_database(monkeypatch):
    """Let every cursor fail, as if the server were gone."""

    def gone(*args: object, **options: object) -> None:
        raise OperationalError("(2013, 'Lost connection to server at 10.1.2.3')")

    def arm() -> None:
        monkeypatch.setattr(type(connections["default"]), "cursor", gone)
        monkeypatch.setattr(CursorWrapper, "execute", gone)

    return arm


@pytest.fixture
def waiting(receiver, shelf):
    """Let an operation wait for two hours, at a receiver that does not answer."""
    receiver.faults.append(Refuse(500, times=None))
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    api.deliver_due()
    Run.objects.update(ended_at=DatabaseNow(-7200))
    Lane.objects.update(created_at=DatabaseNow(-9000))
    return receiver


class TestMetrics:
    def test_the_token(self, client):
        answer = client.get(METRICS, **bearer())
        assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert "no-store" in answer["Cache-Control"]
        names = {family.name for family in text_string_to_metric_families(answer.content.decode())}
        assert {"course_sync_courses", "course_sync_target_lag_seconds"} <= names

    def test_the_scheme_is_read_in_any_case(self, client):
        assert client.get(METRICS, **bearer(scheme="bearer")).status_code == 200

    @pytest.mark.parametrize(
        "header",
        [
            "", "Bearer", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}",
            TOKEN, f"Bearer {TOKEN} {TOKEN}", "Bearer \xe9\xff",
        ],
    )  # fmt: skip
    def test_another_token(self, client, header):
        answer = client.get(METRICS, HTTP_AUTHORIZATION=header)
        assert (answer.status_code, answer.content) == (401, b"")
        assert answer["WWW-Authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("configured", ["", None], ids=repr)
    @pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer None", ""])
    def test_without_the_setting_no_token_is_right(self, client, settings, configured, header):
        settings.COURSE_SYNC_METRICS_TOKEN = configured
        assert client.get(METRICS, HTTP_AUTHORIZATION=header).status_code == 401
        sign_in(client, is_staff=True)
        assert client.get(METRICS).status_code == 200

    def test_a_session(self, client):
        sign_in(client, is_staff=False)
        assert client.get(METRICS).status_code == 403
        User.objects.update(is_staff=True)
        assert client.get(METRICS).status_code == 200

    @pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
    @pytest.mark.parametrize("url", [METRICS, HEALTH])
    def test_it_only_reads(self, client, method, url):
        assert getattr(client, method)(url, **bearer()).status_code == 405

    def test_the_token_does_not_open_the_status(self, client):
        """It names courses."""
        assert client.get("/api/course_sync/v1/status", **bearer()).status_code == 403

    def test_no_query_is_made_for_a_wrong_token(self, client):
        with own_queries() as queries:
            client.get(METRICS, **bearer("wrong"))
        assert queries == []


class TestHealth:
    def health(self, client, **headers: str) -> tuple[int, dict]:
        answer = client.get(HEALTH, **headers)
        assert "no-store" in answer["Cache-Control"]
        return answer.status_code, json.loads(answer.content)

    def test_of_a_new_site(self, client):
        assert self.health(client) == (200, {"status": "ok", "reasons": []})
        assert client.head(HEALTH).status_code == 200

    def test_of_a_site_that_delivers(self, client, receiver, shelf):
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        api.sweep()
        assert self.health(client)[0] == 200

    def test_the_objective_is_missed(self, client, waiting, settings):
        status, body = self.health(client)
        assert (status, body["status"]) == (503, "unhealthy")
        assert body["reasons"] == ["An operation has waited for longer than the objective of the site."]
        settings.COURSE_SYNC_OBJECTIVE_SECONDS = 8000
        assert self.health(client)[0] == 200

    def test_an_operation_behind_the_cursor_of_a_delivered_lane(self, client, receiver, shelf):
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        shelf.publish(a_course("v2", units=5))
        api.sync_course(COURSE)
        Lane.objects.update(created_at=DatabaseNow(-9000))
        Run.objects.order_by("-pk").filter(published_version="v2").update(ended_at=DatabaseNow(-3500))
        assert self.health(client)[0] == 200
        Run.objects.filter(published_version="v2").update(ended_at=DatabaseNow(-3700))
        assert self.health(client)[0] == 503

    def test_without_the_token_it_names_nothing(self, client, waiting):
        body = json.dumps(self.health(client)[1])
        assert "crm" not in body
        assert COURSE not in body
        sign_in(client, is_staff=False)
        assert self.health(client)[1].keys() == {"status", "reasons"}
        assert self.health(client, **bearer("wrong"))[1].keys() == {"status", "reasons"}

    def test_with_it_details(self, client, waiting):
        _status, body = self.health(client, **bearer())
        assert body.pop("oldest_undelivered_seconds")["crm"] == pytest.approx(7200, abs=10)
        assert body == {
            "status": "unhealthy",
            "reasons": ["An operation has waited for longer than the objective of the site."],
            "late_targets": ["crm"],
            "objective_seconds": 3600,
            "stopped": False,
            "not_running": False,
            "waiting_since": body["waiting_since"],
            "last_sweep_at": None,
            "last_run_at": None,
        }
        sign_in(client, is_staff=True)
        assert self.health(client)[1]["late_targets"] == ["crm"]

    def test_nothing_runs(self, client):
        api.sweep()
        Activity.objects.update(swept_at=DatabaseNow(-700))
        status, body = self.health(client)
        assert (status, body["reasons"]) == (
            503,
            ["No process has swept or run for too long, or a publish has waited for too long."],
        )

    def test_a_publish_that_nothing_takes(self, client):
        marker = Marker.put(COURSE)
        assert self.health(client)[0] == 200
        Marker.objects.filter(pk=marker.pk).update(seen_at=DatabaseNow(-700))
        assert self.health(client)[0] == 503

    def test_both(self, client, waiting):
        api.sweep()
        Activity.objects.update(swept_at=DatabaseNow(-700))
        assert len(self.health(client)[1]["reasons"]) == 2

    @pytest.mark.parametrize(
        "wanted",
        [{"paused": True}, {"disabled_reason": "410"}, {"site": "https://another.example.org"}],
        ids=str,
    )
    def test_what_waits_because_it_must(self, client, waiting, wanted):
        Target.objects.update(**wanted)
        assert self.health(client)[0] == 200

    def test_a_problem_is_none_of_it(self, client, receiver, shelf):
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason="no such class"))
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        Run.objects.update(ended_at=DatabaseNow(-7200))
        Lane.objects.update(created_at=DatabaseNow(-9000))
        assert api.problems()
        assert self.health(client)[0] == 200

    def test_while_everything_is_stopped(self, client, waiting):
        api.sweep()
        Activity.objects.update(swept_at=DatabaseNow(-700))
        with override_switch("course_sync.stopped", active=True):
            status, body = self.health(client, **bearer())
        assert (status, body["stopped"]) == (200, True)

    def test_its_queries(self, client, waiting):
        cache.clear()
        with own_queries() as queries:
            self.health(client)
        assert len(queries) == 3  # and one of waffle
        sign_in(client, is_staff=True)
        with own_queries() as queries:
            self.health(client)
        assert len(queries) == 4

    def test_it_writes_nothing(self, client):
        self.health(client)
        assert not Activity.objects.exists()


class TestWithoutADatabase:
    """The answer is 503 with the reason, and shows no traceback and no address."""

    SAYS = {"status": "unhealthy", "reasons": ["The database does not answer."]}

    @pytest.mark.parametrize("headers", [{}, bearer(), bearer("wrong")], ids=str)
    def test_the_health(self, client, no_database, headers):
        no_database()
        answer = client.get(HEALTH, **headers)
        assert (answer.status_code, answer.json()) == (503, self.SAYS)

    def test_for_a_session_that_cannot_be_read(self, client, no_database):
        sign_in(client, is_staff=True)
        no_database()
        answer = client.get(HEALTH)
        assert (answer.status_code, answer.json()) == (503, self.SAYS)

    def test_in_a_host_with_a_transaction_around_each_request(self, client, no_database, monkeypatch):
        """As in edx-platform: the transaction would begin, and fail, before the view."""
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        no_database()
        assert client.get(HEALTH).status_code == 503

    def test_that_something_else_is_down(self, client, monkeypatch, caplog):
        def down() -> bool:
            raise ConnectionRefusedError("cache at 10.1.2.3")

        monkeypatch.setattr("course_sync_plugin.toggles.is_stopped", down)
        answer = client.get(HEALTH)
        says = {"status": "unhealthy", "reasons": ["The health cannot be determined; the log says why."]}
        assert (answer.status_code, answer.json()) == (503, says)
        assert "10.1.2.3" in caplog.text
