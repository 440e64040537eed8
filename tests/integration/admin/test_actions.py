"""What an action does is what its page showed, and it is recorded with the user and the note."""

from __future__ import annotations

import html

import pytest
from django.test import Client
from django.urls import resolve

from course_sync_plugin import api
from course_sync_plugin.models import (
    Exclusion,
    HeldRun,
    Lane,
    OperatorAction,
    Problem,
    ProblemState,
    Run,
    Target,
)
from course_sync_plugin.secrets import decrypt
from tests.integration.admin.helpers import act, client_of, confirm, page, tokens, told
from tests.integration.courses import COURSE, a_course, recorded
from tests.integration.one_lane import publish

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(site) -> Client:
    return client_of("operator")


def last_action() -> tuple[str, str, str, str]:
    row = OperatorAction.objects.latest("pk")
    return row.operator, row.action, row.target_name, row.note


class TestTargets:
    @pytest.fixture
    def target(self, site) -> Target:
        return Target.objects.get()

    def test_pause_and_resume(self, client, target):
        assert "2 lanes" in told(confirm(client, target, "pause", note="a\nnote"))
        assert Target.objects.get().paused
        assert last_action() == ("operator", "pause", "crm", "a note")
        confirm(client, target, "resume")
        assert not Target.objects.get().paused
        assert last_action() == ("operator", "resume", "crm", "")

    def test_asking_changes_nothing(self, client, site, target):
        before, requests = OperatorAction.objects.count(), len(site.requests)
        for name in ("test", "pause", "resume", "rotate-secret", "replace-secret"):
            assert client.get(act(target, name)).status_code == 200
            client.post(act(target, name))
        assert (OperatorAction.objects.count(), len(site.requests)) == (before, requests)

    def test_a_test_message(self, client, site, target):
        requests = len(site.requests)
        response = confirm(client, target, "test")
        assert "accepted the test message" in told(response)
        assert len(site.requests) == requests + 1

    def test_a_test_message_to_a_url_that_was_changed_meanwhile(self, client, site, target):
        shown, requests = tokens(client.get(act(target, "test"))), len(site.requests)
        Target.objects.update(url=f"{site.url}other")
        assert "no longer valid" in told(client.post(act(target, "test"), {"token": shown}, follow=True))
        assert len(site.requests) == requests

    def test_the_new_secret_is_shown_once(self, client, target):
        response = confirm(client, target, "rotate-secret", note="every year")
        secret = decrypt(Target.objects.get().secret)
        assert secret in response.content.decode()
        assert "has a new secret" in told(response)
        assert "no-store" in response["Cache-Control"]
        assert Target.objects.get().previous_secret == target.secret
        assert last_action() == ("operator", "rotate-secret", "crm", "every year")
        assert secret not in str(client.cookies)
        after = client.get(page(Target, "change", target.pk))
        assert secret not in after.content.decode()
        assert secret not in str(OperatorAction.objects.values())

    def test_the_same_plan_rotates_once(self, client, target):
        shown = tokens(client.get(act(target, "replace-secret")))
        client.post(act(target, "replace-secret"), {"token": shown})
        secret = Target.objects.get().secret
        assert "no longer valid" in told(client.post(act(target, "replace-secret"), {"token": shown}, follow=True))
        assert Target.objects.get().secret == secret

    def test_a_second_rotation_must_wait(self, client, target):
        confirm(client, target, "rotate-secret")
        response = client.get(act(target, "rotate-secret"))
        assert tokens(response) == []
        assert "signed with two secrets" in response.content.decode()
        confirm(client, target, "replace-secret")
        assert Target.objects.get().previous_secret == ""

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("rotate-secret", "For 24 hours notices with the previous secret are taken too."),
            ("replace-secret", "From then on notices without the new secret are refused."),
        ],
    )
    def test_a_target_whose_token_is_that_of_the_other_system(self, client, site, name, words):
        api.add_target("there", backend="canvas", url=site.url, token="7~" + "x" * 64)
        there = Target.objects.get(name="there")
        shown = html.unescape(client.get(act(there, name)).content.decode())
        assert words in shown
        assert "notices are its own" in shown
        assert "'set-token' replaces it" in shown
        assert "signed" not in shown
        api.rotate_secret("there")
        api.rotate_secret("there")
        again = client.get(act(there, "rotate-secret")).content.decode()
        assert "notices for there may have one of two secrets" in again

    def test_a_target_without_a_secret(self, client, site):
        api.add_target("here", backend="local")
        response = client.get(act(Target.objects.get(name="here"), "rotate-secret"))
        assert "signs nothing" in response.content.decode()

    def test_the_network_is_used_outside_a_transaction(self, target):
        view = resolve(page(Target, "act", "test")).func
        assert "default" in view._non_atomic_requests


class TestLanes:
    def test_pause_and_resume(self, client, lane):
        confirm(client, lane, "pause")
        assert list(Lane.objects.filter(paused=True)) == [lane]
        confirm(client, lane, "resume")
        assert not Lane.objects.filter(paused=True).exists()

    def test_several_lanes_from_the_list(self, client, lane):
        keys = list(Lane.objects.values_list("pk", flat=True))
        response = client.post(page(Lane, "changelist"), {"action": "pause", "_selected_action": keys}, follow=True)
        assert len(tokens(response)) == 2
        client.post(
            response.request["PATH_INFO"] + "?" + response.request["QUERY_STRING"], {"token": tokens(response)[:1]}
        )
        assert Lane.objects.filter(paused=True).count() == 1

    def test_retry_starts_a_failing_lane(self, client, lane):
        Lane.objects.filter(pk=lane.pk).update(failing=True, attempts=5)
        confirm(client, lane, "retry")
        lane.refresh_from_db()
        assert (lane.failing, lane.attempts) == (False, 0)
        assert Problem.objects.filter(state=ProblemState.RETRYING).count() == 1

    def test_a_retry_of_what_changed_meanwhile(self, client, lane):
        shown = tokens(client.get(act(lane, "retry")))
        Lane.objects.filter(pk=lane.pk).update(failing=True)
        assert "no longer valid" in told(client.post(act(lane, "retry"), {"token": shown}, follow=True))
        assert Lane.objects.get(pk=lane.pk).failing

    def test_reset(self, client, lane, site):
        shown = client.get(act(lane, "reset")).content.decode()
        assert "Entities in the snapshot: 10" in shown
        assert "so the target removes them: 1" in shown
        assert "a snapshot of" in told(confirm(client, lane, "reset"))
        lane.refresh_from_db()
        assert lane.cursor is None
        assert last_action()[:3] == ("operator", "reset", "crm")

    def test_a_reset_of_what_changed_meanwhile(self, client, lane):
        shown = tokens(client.get(act(lane, "reset")))
        Problem.objects.update(state=ProblemState.SKIPPED)
        assert "no longer valid" in told(client.post(act(lane, "reset"), {"token": shown}, follow=True))
        assert Lane.objects.get(pk=lane.pk).cursor is not None


class TestProblems:
    @pytest.fixture
    def problem(self, site) -> Problem:
        return Problem.objects.get()

    def test_its_page(self, client, problem):
        text = client.get(page(Problem, "change", problem.pk)).content.decode()
        assert "no &lt;b&gt;room&lt;/b&gt;" in text
        assert "listed this operation as failed" in text
        assert "/act/retry/" in text

    def test_retry(self, client, problem, site):
        assert "1 operation is planned again" in told(confirm(client, problem, "retry"))
        api.deliver_until_empty()
        assert Problem.objects.get().state == ProblemState.RETRIED

    def test_skip(self, client, problem):
        shown = client.get(act(problem, "skip")).content.decode()
        assert "cannot be undone" in shown
        assert "no &lt;b&gt;room&lt;/b&gt;" in shown
        confirm(client, problem, "skip", note="never needed")
        assert Problem.objects.get().state == ProblemState.SKIPPED
        assert last_action() == ("operator", "skip", "crm", "never needed")

    def test_one_that_is_closed(self, client, problem):
        shown = tokens(client.get(act(problem, "skip")))
        Problem.objects.update(state=ProblemState.RETRYING)
        assert "nothing to do" in client.get(act(problem, "skip")).content.decode()
        assert "no longer valid" in told(client.post(act(problem, "skip"), {"token": shown}, follow=True))
        assert Problem.objects.get().state == ProblemState.RETRYING


class TestHeldRuns:
    @pytest.fixture
    def held(self, site, shelf) -> HeldRun:
        HeldRun.objects.all().delete()
        publish(shelf, "3", units=30)
        publish(shelf, "4", units=1)
        return HeldRun.objects.get()

    def test_approve(self, client, held):
        shown = client.get(act(held, "approve")).content.decode()
        assert f"{COURSE}, version 4" in shown
        assert "and 38 more" in shown
        assert "recorded" in told(confirm(client, held, "approve"))
        assert recorded().published_version == "4"
        assert last_action()[:2] == ("operator", "approve")

    def test_the_course_is_published_again_meanwhile(self, client, held, shelf):
        shown = tokens(client.get(act(held, "approve")))
        shelf.publish(a_course("5", units=2))
        runs = Run.objects.count()
        assert "no longer valid" in told(client.post(act(held, "approve"), {"token": shown}, follow=True))
        assert (Run.objects.count(), recorded().published_version) == (runs, "3")

    def test_a_course_that_cannot_be_read(self, client, held, shelf):
        from course_sync_plugin.exceptions import InvalidCourse

        shelf.break_(InvalidCourse("line 7 is broken"), "6")
        response = client.get(act(held, "approve"))
        assert "line 7 is broken" in response.content.decode()
        assert tokens(response) == []

    def test_everything_is_stopped(self, client, held):
        from waffle.testutils import override_switch

        from course_sync_plugin.toggles import is_stopped

        with override_switch("course_sync.stopped", active=True):
            assert is_stopped()
            assert "course_sync.stopped is on" in told(confirm(client, held, "approve"))
        assert recorded().published_version == "3"


def test_an_excluded_entity_is_included_again(client, site):
    assert "is included again" in told(confirm(client, Exclusion.objects.get(), "include"))
    assert not Exclusion.objects.exists()
    assert last_action()[:3] == ("operator", "include", "crm")


def test_a_row_that_is_gone(client, site):
    row = Exclusion.objects.get()
    shown = tokens(client.get(act(row, "include")))
    row.delete()
    row.pk = row.pk or 1
    assert client.post(f"{page(Exclusion, 'act', 'include')}?rows=1", {"token": shown}).status_code == 404


def test_a_form_of_another_site_is_refused(site, lane):
    client = Client(enforce_csrf_checks=True)
    from django.contrib.auth.models import User

    client.force_login(User.objects.create_superuser("root", password="x"))
    shown = tokens(client.get(act(lane, "pause")))
    assert client.post(act(lane, "pause"), {"token": shown}).status_code == 403
    assert not Lane.objects.filter(paused=True).exists()


def test_a_viewer_cannot_carry_out_a_plan(site, lane):
    shown = tokens(client_of("operator").get(act(lane, "pause")))
    assert client_of("viewer").post(act(lane, "pause"), {"token": shown}).status_code == 403
    assert not Lane.objects.filter(paused=True).exists()


def test_workers_are_woken(client, lane, monkeypatch):
    from course_sync_plugin.row_actions import action

    woken = []
    monkeypatch.setattr(action._WAKER, "request", lambda: woken.append(True))
    confirm(client, lane, "retry")
    assert woken == [True]
