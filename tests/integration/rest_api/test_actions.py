"""Actions by the API: what was shown is done, once, by those who may; nothing else in a request has an effect."""

from __future__ import annotations

import json

import jwt
import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.test import Client

from course_sync_plugin.models import Lane, OperatorAction, Target
from course_sync_plugin.rest_api.v1.base import PerUser
from course_sync_plugin.rest_api.v1.json_only import MOST_BYTES
from tests.integration.courses import COURSE

pytestmark = pytest.mark.django_db

API = "/api/course_sync/v1"


def plan(client: Client, action: str, **chosen: str) -> list[str]:
    answer = client.get(f"{API}/actions/{action}/plan", chosen)
    assert answer.status_code == 200, answer.content
    return [one["token"] for one in answer.json()["plans"]]


def act(client: Client, action: str, body: object, key: str = "", **headers: str):
    headers |= {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return client.post(f"{API}/actions/{action}", text, content_type="application/json", **headers)


@pytest.fixture
def operator(site, sign_in) -> Client:
    return sign_in("superuser")


def test_what_was_planned_is_done_and_recorded(operator):
    tokens = plan(operator, "pause", target="crm")
    answer = act(operator, "pause", {"target": "crm", "tokens": tokens, "note": "moving"})
    assert answer.status_code == 200
    (result,) = answer.json()["results"]
    assert (result["token"], result["failed"]) == (tokens[0], False)
    assert Target.objects.get().paused
    record = OperatorAction.objects.latest("pk")
    assert (record.action, record.operator, record.note) == ("pause", "superuser", "moving")


def test_one_course_of_an_organisation(site, sign_in):
    client = sign_in("admin of Org")
    tokens = plan(client, "pause", target="crm", course=COURSE)
    assert act(client, "pause", {"target": "crm", "course": COURSE, "tokens": tokens}).status_code == 200
    assert {lane.course.key for lane in Lane.objects.filter(paused=True)} == {COURSE}


def test_a_plan_that_was_not_shown_is_not_carried_out(operator):
    answer = act(operator, "pause", {"target": "crm", "tokens": ["0123456789ab"]})
    (result,) = answer.json()["results"]
    assert result["failed"]
    assert "is no longer valid" in result["text"]
    assert not Target.objects.get().paused


def test_a_plan_is_carried_out_once(operator):
    body = {"target": "crm", "tokens": plan(operator, "retry", target="crm")}
    assert not act(operator, "retry", body).json()["results"][0]["failed"]
    assert act(operator, "retry", body).json()["results"][0]["failed"]
    assert OperatorAction.objects.filter(operator="superuser").count() == 1


class TestIdempotencyKey:
    @pytest.fixture
    def body(self, operator) -> dict:
        return {"target": "crm", "tokens": plan(operator, "pause", target="crm")}

    def test_the_same_request_is_answered_the_same(self, operator, body):
        first, second = (act(operator, "pause", body, key="one") for _ in range(2))
        assert (first.status_code, first.content) == (second.status_code, second.content)
        assert OperatorAction.objects.filter(operator="superuser").count() == 1

    def test_another_request_is_refused(self, operator, body):
        act(operator, "pause", body, key="one")
        for action, other in (("pause", {**body, "note": "x"}), ("resume", body)):
            answer = act(operator, action, other, key="one")
            assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")

    def test_the_key_of_another_user_is_another_key(self, operator, body, sign_in):
        act(operator, "pause", body, key="one")
        answer = act(sign_in("admin of Org"), "pause", body, key="one")
        assert answer.status_code == 403

    def test_a_request_that_is_not_answered_yet(self, operator, body, monkeypatch):
        def again(*args, **options):
            answers.append(act(operator, "pause", body, key="one"))
            return []

        answers: list = []
        monkeypatch.setattr("course_sync_plugin.rest_api.v1.act.carry_out", again)
        assert act(operator, "pause", body, key="one").status_code == 200
        assert answers[0].status_code == 409

    def test_an_error_is_not_kept(self, operator, body):
        assert act(operator, "pause", {**body, "target": "crm", "tokens": []}, key="one").status_code == 400
        assert not act(operator, "pause", body, key="one").json()["results"][0]["failed"]

    def test_if_the_cache_forgets_nothing_is_done_twice(self, operator):
        body = {"target": "crm", "tokens": plan(operator, "retry", target="crm")}
        assert not act(operator, "retry", body, key="one").json()["results"][0]["failed"]
        cache.clear()
        assert act(operator, "retry", body, key="one").json()["results"][0]["failed"]
        assert OperatorAction.objects.filter(operator="superuser").count() == 1

    @pytest.mark.parametrize("key", [" ", "a b", "x" * 256, "\xe9"])
    def test_a_wrong_key(self, operator, body, key):
        answer = act(operator, "pause", body, key=key)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["name"] == "Idempotency-Key"


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, ["tokens"]),
        ({"tokens": []}, ["tokens"]),
        ({"tokens": "abc"}, ["tokens"]),
        ({"tokens": [["a"]]}, ["tokens.0"]),
        ({"tokens": ["a"] * 501}, ["tokens"]),
        ({"tokens": ["a"], "target": "a\x00b"}, ["target"]),
        ({"tokens": ["a"], "note": "\ud800"}, ["note"]),
        ({"tokens": ["a"], "operator": "root", "paused": True}, ["operator", "paused"]),
        ([], [""]),
        (None, [""]),
    ],
    ids=repr,
)
def test_a_wrong_body_is_refused_and_named(operator, body, names):
    """Also names that are columns somewhere: no request sets what it may not."""
    answer = act(operator, "pause", body)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [one["name"].replace("non_field_errors", "") for one in answer.json()["errors"]] == names


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"{", 400),
        (b"\xff", 400),
        (b'{"tokens": NaN}', 400),
        (b"[" * 20_000, 400),
        (b'{"tokens": ["' + b"x" * MOST_BYTES + b'"]}', 413),
    ],
    ids=["cut off", "not UTF-8", "not a number", "deep", "large"],
)
def test_a_body_that_cannot_be_read(operator, text, status):
    answer = act(operator, "pause", text)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


def test_other_errors_are_problem_details(operator):
    for answer, status in (
        (operator.post(f"{API}/actions/pause", {"tokens": "a"}), 415),
        (operator.put(f"{API}/actions/pause"), 405),
        (operator.delete(f"{API}/lanes"), 405),
        (operator.options(f"{API}/lanes"), 405),
        (operator.get(f"{API}/no/such/thing"), 404),
        (operator.post(f"{API}/no/such/thing"), 404),
        (operator.get(f"{API}/actions/no-such-action/plan"), 404),
        (operator.get(f"{API}/actions/rotate-secret/plan", {"target": "crm"}), 404),
        (Client().get(f"{API}/lanes"), 401),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
        assert answer.json()["status"] == status
        assert "no-store" in answer["Cache-Control"]


def test_too_many_requests(operator, monkeypatch):
    monkeypatch.setattr(PerUser, "rate", "2/min")
    answers = [operator.get(f"{API}/targets") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2]["Content-Type"] == "application/problem+json"
    assert 0 < int(answers[2]["Retry-After"]) <= 60


def test_a_page_of_another_site_cannot_act(site, sign_in):
    client = sign_in("superuser", enforce_csrf_checks=True)
    body = {"target": "crm", "tokens": plan(client, "pause", target="crm")}
    assert act(client, "pause", body).status_code == 403
    assert not Target.objects.get().paused


def token_of(user: User, **claims: object) -> dict[str, str]:
    issuer = settings.JWT_AUTH["JWT_ISSUERS"][0]
    payload = {
        "preferred_username": user.username,
        "iss": issuer["ISSUER"],
        "aud": issuer["AUDIENCE"],
        "administrator": user.is_staff,
        "email": user.email,
        **claims,
    }
    return {"HTTP_AUTHORIZATION": f"JWT {jwt.encode(payload, issuer['SECRET_KEY'], algorithm='HS256')}"}


def test_a_token_of_the_platform(site):
    user = User.objects.create_user("program")
    user.groups.add(Group.objects.create(name="admin of Org"))
    client = Client(enforce_csrf_checks=True)
    headers = token_of(user)
    rows = client.get(f"{API}/lanes", **headers).json()["results"]
    assert {row["course_id"] for row in rows} == {COURSE}
    shown = client.get(f"{API}/actions/pause/plan", {"target": "crm", "course": COURSE}, **headers).json()
    body = {"target": "crm", "course": COURSE, "tokens": [shown["plans"][0]["token"]]}
    assert act(client, "pause", body, **headers).status_code == 200
    assert OperatorAction.objects.latest("pk").operator == "program"


@pytest.mark.parametrize("claims", [{"exp": 1}, {"iss": "somebody"}, {"aud": "another"}, {"preferred_username": None}])
def test_a_wrong_token(site, claims):
    answer = Client().get(f"{API}/lanes", **token_of(User.objects.create_user("program", is_staff=True), **claims))
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer["WWW-Authenticate"].startswith("JWT")
