"""What the resources show, how they are filtered and paged, and what they never show."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from course_sync_plugin import api
from course_sync_plugin.models import Attempt, Conflict, Course, Lane, Problem, Run, Target
from course_sync_plugin.rest_api.v1 import paging
from course_sync_plugin.upkeep.status.lanes import STATES
from tests.integration.courses import COURSE, a_course
from tests.integration.rest_api.conftest import HOSTILE, OTHER
from tests.integration.rest_api.test_roles import ONE, pages

pytestmark = pytest.mark.django_db

#: A value of each filter that chooses something, and one that is wrong.
RIGHT = {
    "target": "crm",
    "course": COURSE,
    "since": "2020-01-01T00:00:00Z",
    "until": "2100-01-01T00:00:00Z",
    "limit": "1",
    "cursor": str(2**62),
}
WRONG = {
    "target": "no such target\x07" + "x" * 70,
    "course": "course-v1:no+such+course",
    "since": "yesterday",
    "until": "2026-13-01T00:00:00Z",
    "limit": "0",
    "cursor": "-1",
    "state": "no such state",
    "kind": "no such kind",
    "run": "x",
    "after": "x",
    "wait": "99",
}


@pytest.fixture
def client(site, sign_in) -> Client:
    return sign_in("global staff")


def address(name: str) -> str:
    return reverse(f"course_sync:api_{name}")


def filters_of(name: str) -> list[str]:
    from course_sync_plugin.rest_api.v1.routes import urlpatterns

    (pattern,) = [one for one in urlpatterns if one.name == f"api_{name}"]
    return list(pattern.callback.cls.filters().fields)


def test_each_filter_is_taken_and_a_wrong_value_is_named(client):
    for name in ONE:
        for one in filters_of(name):
            if RIGHT.get(one):
                assert client.get(address(name), {one: RIGHT[one]}).json()["results"], (name, one)
            answer = client.get(address(name), {one: WRONG[one]})
            assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), (name, one)
            assert one in [error["name"] for error in answer.json()["errors"]]


def test_a_filter_that_is_not_there_or_given_twice(client):
    for name in ONE:
        for query, wrong in (("corse=x", "corse"), ("limit=1&limit=2", "limit"), ("format=api", "format")):
            answer = client.get(f"{address(name)}?{query}")
            assert (answer.status_code, answer.json()["errors"][0]["name"]) == (400, wrong), name


def test_text_that_no_database_takes(client):
    for name in ONE:
        for one in set(filters_of(name)) & {"target", "course"}:
            assert client.get(address(name), {one: "a\x00b"}).status_code == 400, (name, one)
            surrogate = client.get(address(name), {one: "\ud800".encode("utf-8", "surrogatepass")})
            assert surrogate.status_code == 400 or surrogate.json()["results"] == [], (name, one)
        for key in ("a%00b", "%FF", "9" * 30):
            assert client.get(f"{address(name)}/{key}").status_code == 404, name


def test_names_are_compared_exactly(client):
    for name in ("lanes", "conflicts", "actions"):
        found = client.get(address(name), {"target": "CRM"})
        assert found.status_code == 400 or found.json()["results"] == [], name
    assert client.get(f"{address('targets')}/CRM").status_code == 404
    assert client.get(f"{address('courses')}/{COURSE.upper()}").status_code == 404


def test_pages_have_every_row_once(client):
    for name in ONE:
        everything = list(pages(client, address(name) + "?limit=200"))
        assert list(pages(client, address(name) + "?limit=1")) == everything, name


def test_a_filter_that_is_applied_after_reading_reads_a_bounded_number_of_rows(client, monkeypatch):
    monkeypatch.setattr(paging, "MOST_READ", 4)
    course = Course.objects.get(key=OTHER)
    conflict = Conflict.objects.get(course=course)
    for number in range(10):
        conflict.pk, conflict.target_name = None, f"other-{number}"
        conflict.save()
    first = client.get(address("conflicts"), {"target": "crm"}).json()
    assert (first["results"], first["next"] is None) == ([], False)
    assert len(list(pages(client, address("conflicts") + "?target=crm"))) == 2


def test_times_and_states(client):
    moment = (timezone.now() + timedelta(hours=1)).isoformat()
    for name in ("runs", "attempts", "problems", "conflicts", "proposals", "actions"):
        assert client.get(address(name), {"since": moment}).json()["results"] == [], name
        assert client.get(address(name), {"until": moment}).json()["results"], name
    states = {row["state"] for row in pages(client, address("problems"))}
    assert states == {"failed", "misplaced"}
    for state in states:
        assert {row["state"] for row in pages(client, address("problems") + f"?state={state}")} == {state}
    assert {row["kind"] for row in pages(client, address("runs") + "?kind=initial")} == {"initial"}
    for state in STATES:
        expected = 2 if state == "problems" else 0
        assert len(client.get(address("lanes"), {"state": state}).json()["results"]) == expected


def test_the_state_of_a_course_is_that_of_the_command(client):
    for course in (COURSE, OTHER):
        (told,) = api.status(course=course)["courses"]
        shown = client.get(reverse("course_sync:api_courses_one", args=[course])).json()
        assert shown["recorded_version"] == told["recorded_version"] == "2"
        (lane,), (at_target,) = told["lanes"], shown["targets"]
        assert {key: at_target[key] for key in lane} == lane
        assert at_target["pending"] == 2


def test_operations_of_a_run(client):
    run = Run.objects.get(course__key=COURSE, kind="changes")
    rows = list(pages(client, address("operations") + f"?run={run.pk}"))
    assert [row["position"] for row in rows] == [13, 12]


def test_a_problem_says_what_to_do(client):
    (row,) = client.get(address("problems"), {"state": "failed", "course": COURSE}).json()["results"]
    assert row["operation_id"] == str(Problem.objects.get(pk=row["id"]).operation.operation_id)
    assert row["action"]


def test_no_secret_and_no_whole_address_is_shown(client, site):
    Target.objects.update(
        url="https://person:password@crm.example:8443/hook?key=abc", token="the-token", previous_secret="whsec_previous"
    )
    for name in ONE:
        text = client.get(address(name)).content.decode()
        for secret in (site.secret, "the-token", "whsec_", "password", "key=abc", "token=abc", "the body", "/hook"):
            assert secret not in text, (name, secret)
        for word in Target.objects.values_list("secret", flat=True):
            assert word not in text, name
    assert client.get(address("targets")).json()["results"][0]["host"] == "crm.example:8443"


def test_hostile_text_is_data(client):
    for name in ONE:
        answer = client.get(address(name))
        assert answer["Content-Type"] == "application/json"
        assert answer.content.isascii()
    (row,) = client.get(address("conflicts"), {"course": COURSE}).json()["results"]
    assert row["openedx"] == HOSTILE


def test_a_browser_gets_json_too(client):
    answer = client.get(address("lanes"), HTTP_ACCEPT="text/html")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


def test_a_slash_at_the_end_makes_no_difference(client):
    for name in ONE:
        assert client.get(address(name) + "/").content == client.get(address(name)).content


@pytest.mark.parametrize("role", ["global staff", "admin of Other"])
def test_the_number_of_queries_does_not_grow_with_the_rows(
    shelf, receiver, sign_in, django_assert_max_num_queries, role
):
    for number in range(6):
        course = f"course-v1:Other+Course+{number}"
        shelf.publish(a_course("1", course=course))
        api.sync_course(course)
    api.deliver_until_empty()
    client = sign_in(role)
    assert Attempt.objects.count() == Lane.objects.count() == 6
    for name in ONE:
        with django_assert_max_num_queries(12):
            assert client.get(address(name), {"limit": 200}).status_code == 200
    assert len(client.get(address("courses")).json()["results"]) == 6


def test_an_empty_site(db, sign_in):
    client = sign_in("global staff")
    for name in ONE:
        assert client.get(address(name)).json() == {"results": [], "next": None}, name
