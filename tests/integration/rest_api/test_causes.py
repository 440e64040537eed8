"""Causes of errors by the API: who reads what, and the steps as actions."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from course_sync_plugin import api
from course_sync_plugin.models import Problem, Target
from tests.integration.courses import COURSE
from tests.integration.rest_api.conftest import OTHER
from tests.integration.rest_api.test_actions import API, act, plan

pytestmark = pytest.mark.django_db


def causes(client: Client, **filters: str) -> dict:
    answer = client.get(f"{API}/causes", filters)
    assert answer.status_code == 200, answer.content
    return answer.json()


def failed_one(client: Client, **filters: str) -> dict:
    """Return the cause of the failed operations; others are placed beside them."""
    (cause,) = [one for one in causes(client, **filters)["results"] if one["state"] == "failed"]
    return cause


def take(client: Client, name: str, cause: str, note: str = "", **more: str) -> dict:
    tokens = plan(client, name, cause=cause, **more)
    answer = act(client, name, {"cause": cause, "tokens": tokens, "note": note, **more})
    assert answer.status_code == 200, answer.content
    return answer.json()["results"][0]


def test_what_a_program_reads_is_what_the_command_says(site, sign_in):
    client = sign_in("superuser")
    assert causes(client)["results"] == api.errors(api.Filters()).listed["causes"]
    assert failed_one(client)["courses"] == 2


def test_the_steps(site, sign_in):
    client = sign_in("superuser")
    User.objects.create_user("ann")
    digest = failed_one(client)["cause"]
    assert not take(client, "assign-cause", digest, id="ann")["failed"]
    assert take(client, "note-cause", digest)["failed"]
    assert take(client, "resolve-cause", digest, "their disk was full") == {
        "token": plan_token(digest),
        "text": "The cause is resolved.",
        "failed": False,
        "job": 0,
    }
    assert digest not in [one["cause"] for one in causes(client)["results"]]
    assert causes(client)["hidden"] == 1
    noted = failed_one(client, state="resolved", target="crm", course=COURSE)["noted"]
    assert (noted["state"], noted["assignee"], noted["resolved_by"]) == ("resolved", "ann", "superuser")
    assert [one["note"] for one in noted["steps"]] == ["", "their disk was full"]
    Problem.objects.filter(state="failed").update(state="retried")
    assert [one["cause"] for one in causes(client, state="all")["ended"]] == [digest]


def plan_token(digest: str) -> str:
    """Return the token that a resolution had before it was the third step."""
    return api.token_of("resolve-cause", digest, "", "open", "1")


@pytest.mark.parametrize(
    ("role", "courses", "step"),
    [
        ("superuser", 2, 200),
        ("global staff", 2, 403),
        ("admin of Org", 1, 403),  # the cause concerns Other too
        ("staff of the course", 1, 403),
        ("admin of Other", 1, 403),
    ],
)
def test_roles(site, sign_in, role, courses, step):
    client = sign_in(role)
    cause = failed_one(client)
    assert cause["courses"] == courses
    answer = client.get(f"{API}/actions/resolve-cause/plan", {"cause": cause["cause"], "course": COURSE})
    assert answer.status_code == step
    answer = act(client, "resolve-cause", {"cause": cause["cause"], "tokens": ["0123456789ab"]})
    assert answer.status_code == step


def test_those_without_a_role(site, sign_in):
    assert Client().get(f"{API}/causes").status_code == 401
    assert sign_in("no role").get(f"{API}/causes").status_code == 403


def test_a_filter_does_not_tell_whether_another_course_exists(site, sign_in):
    client = sign_in("admin of Org")
    answers = [client.get(f"{API}/causes", {"course": course}) for course in (OTHER, "course-v1:No+Such+Run")]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].content == answers[1].content


def test_the_notes_of_both_are_read_by_those_who_see_both(site, sign_in):
    superuser = sign_in("superuser")
    take(superuser, "note-cause", failed_one(superuser)["cause"], f"{OTHER} has a firewall")
    assert OTHER in str(failed_one(superuser)["noted"])
    assert failed_one(sign_in("admin of Org"))["noted"]["steps"] == []


def test_a_retry_of_one_cause(site, sign_in):
    client = sign_in("superuser")
    digest = failed_one(client)["cause"]
    tokens = plan(client, "retry", cause=digest)
    assert len(tokens) == 1
    assert plan(client, "retry", cause="0" * 64) == []
    assert not act(client, "retry", {"cause": digest, "tokens": tokens}).json()["results"][0]["failed"]


def test_no_other_action_takes_a_cause(site, sign_in):
    client = sign_in("superuser")
    body = {"target": "crm", "cause": failed_one(client)["cause"], "tokens": ["0123456789ab"]}
    assert act(client, "pause", body).status_code == 404
    assert not Target.objects.get().paused


@pytest.mark.parametrize("filters", [{"state": "closed"}, {"target": "nobody"}, {"limit": "1"}, {"cause": "a"}])
def test_a_wrong_filter_is_refused_and_named(site, sign_in, filters):
    answer = sign_in("superuser").get(f"{API}/causes", filters)
    assert answer.status_code == 400
    assert [one["name"] for one in answer.json()["errors"]] == list(filters)
