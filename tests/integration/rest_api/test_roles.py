"""Who may call what: each role at each URL, with the rows of another organisation too.

The URLs are those of the API itself. A new one without a sample in ``ONE`` or without an action fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import reverse

from course_sync_plugin.models import (
    Attempt,
    Conflict,
    Course,
    Envelope,
    Job,
    JournalOperation,
    Lane,
    Link,
    OperatorAction,
    Problem,
    Proposal,
    Run,
    Target,
    digest_of,
)
from course_sync_plugin.rest_api.v1.act import NAMES
from course_sync_plugin.rest_api.v1.routes import urlpatterns
from tests.integration.courses import COURSE
from tests.integration.rest_api.conftest import OTHER, ROLES

pytestmark = pytest.mark.django_db

#: The key of a row of each resource, by the course to which it belongs. A target has courses of both organisations.
ONE: dict[str, Callable[[Course], object]] = {
    "targets": lambda course: "crm",
    "courses": lambda course: course.key,
    "lanes": lambda course: Lane.objects.get(course=course).pk,
    "runs": lambda course: Run.objects.filter(course=course).first().pk,
    "operations": lambda course: JournalOperation.objects.filter(course=course).first().pk,
    "envelopes": lambda course: Envelope.objects.get(lane__course=course).pk,
    "attempts": lambda course: Attempt.objects.filter(lane__course=course).first().pk,
    "problems": lambda course: Problem.objects.filter(lane__course=course).first().pk,
    "conflicts": lambda course: Conflict.objects.get(course=course).pk,
    "proposals": lambda course: Proposal.objects.get(course=course).pk,
    "links": lambda course: Link.objects.get(course=course).pk,
    "jobs": lambda course: Job.objects.get(course_key=course.key).pk,
    "actions": lambda course: OperatorAction.objects.filter(course_key=course.key).first().pk,
}

#: What each role gets: the status of a call, the courses that it sees, and those in which it acts. None: the site.
SEES: dict[str, tuple[int, set[str], set[str | None]]] = {
    "superuser": (200, {COURSE, OTHER}, {COURSE, OTHER, None}),
    "global staff": (200, {COURSE, OTHER}, set()),
    "admin of Org": (200, {COURSE}, {COURSE}),
    "staff of Org": (200, {COURSE}, set()),
    "staff of the course": (200, {COURSE}, set()),
    "admin of Other": (200, {OTHER}, {OTHER}),
    "no role": (403, set(), set()),
    "inactive": (403, set(), set()),
    "visitor": (401, set(), set()),
}


@pytest.fixture(params=sorted(SEES))
def caller(request, site, sign_in) -> tuple[str, Client]:
    return request.param, Client() if request.param == "visitor" else sign_in(request.param)


def course_row(key: str) -> Course:
    return Course.objects.get(key_digest=digest_of(key))


def pages(client: Client, address: str) -> Iterator[dict]:
    while address:
        answer = client.get(address)
        assert answer.status_code == 200, address
        page = json.loads(answer.content)
        yield from page["results"]
        address = page["next"]


def test_every_url_has_a_sample():
    named = {pattern.name for pattern in urlpatterns}
    others = {"api_plan", "api_act", "api_staff_line", "api_causes"}
    assert named == {f"api_{name}{one}" for name in ONE for one in ("", "_one")} | others
    assert {"visitor", *ROLES} == SEES.keys()


def test_lists_leave_out_what_the_caller_may_not_see(caller):
    role, client = caller
    status, sees, _acts = SEES[role]
    for name in ONE:
        address = reverse(f"course_sync:api_{name}") + "?limit=7"
        if status != 200:
            assert client.get(address).status_code == status, name
            continue
        rows = list(pages(client, address))
        if name == "targets":
            assert [row["name"] for row in rows] == ["crm"]
        else:
            assert {row["course_id"] for row in rows} - {""} == sees, name
        assert sees == {COURSE, OTHER} or not ({COURSE, OTHER} - sees) & set(json.dumps(rows).split('"')), name


def test_a_row_of_another_organisation_does_not_exist(caller):
    role, client = caller
    status, sees, _acts = SEES[role]
    for name, key_of in ONE.items():
        for course in (COURSE, OTHER):
            key = key_of(course_row(course))
            expected = status if status != 200 or course in sees or name == "targets" else 404
            assert client.get(reverse(f"course_sync:api_{name}_one", args=[key])).status_code == expected, name


def test_the_line_for_staff_is_for_those_who_see_the_course(caller):
    role, client = caller
    status, sees, _acts = SEES[role]
    for course in (COURSE, OTHER, "course-v1:No+Such+Run"):
        answer = client.get(reverse("course_sync:api_staff_line", args=[course]))
        assert answer.status_code == (status if status != 200 or course in sees else 404), course
        if answer.status_code == 200:
            assert answer.json()["course_id"] == course
            assert client.get(answer.json()["page"]).status_code == 200


def test_a_filter_does_not_tell_whether_another_course_exists(caller):
    role, client = caller
    status, sees, _acts = SEES[role]
    for name in set(ONE) - {"targets", "courses"}:
        address = reverse(f"course_sync:api_{name}")
        answers = [client.get(address, {"course": course}) for course in (COURSE, OTHER, "course-v1:No+Such+Run")]
        expected = [status if status != 200 or course in sees else 400 for course in (COURSE, OTHER, None)]
        assert [answer.status_code for answer in answers] == expected, name
        if role == "admin of Org":
            assert answers[1].content == answers[2].content


def test_only_those_who_act_in_a_course_see_plans_and_act(caller):
    role, client = caller
    status, sees, acts = SEES[role]
    for name in NAMES:
        for course in (COURSE, OTHER, None):
            chosen = {"target": "crm", **({"course": course} if course else {})}
            is_of_site = name in ("test", "check-remote", "backfill") or course is None
            expected = 200 if (None if is_of_site else course) in acts else 403
            if not is_of_site and course not in sees:
                expected = 404
            needs = {"reset": course, "approve": course, "sync": course, "exclude": None, "include": None}
            needs |= {f"{step}-cause": None for step in ("assign", "note", "resolve", "reopen")}
            if expected == 200 and needs.get(name, "nothing") is None:
                expected = 404  # it needs a course, an entity or a cause too
            if name in ("stop-job", "repair-remote") or (name == "backfill" and course and expected == 200):
                expected = 404  # there is no such job; and a backfill is not limited to a course
            expected = expected if status == 200 else status
            plan = reverse("course_sync:api_plan", args=[name])
            assert client.get(plan, chosen).status_code == expected, (name, course)
            body = {**chosen, "tokens": ["0123456789ab"]}
            act = client.post(reverse("course_sync:api_act", args=[name]), body, content_type="application/json")
            assert act.status_code == expected, (name, course)
    assert OperatorAction.objects.filter(operator=role).count() == 0


def test_a_target_of_another_organisation_does_not_exist(site, sign_in):
    target = Target.objects.create(name="theirs", backend="webhook", url="https://theirs.example/")
    Lane.objects.create(target=target, course=course_row(OTHER))
    client = sign_in("admin of Org")
    assert [row["name"] for row in pages(client, reverse("course_sync:api_targets"))] == ["crm"]
    assert client.get(reverse("course_sync:api_targets_one", args=["theirs"])).status_code == 404
    for name in ("courses", "lanes", "attempts", "envelopes", "problems", "links"):
        found = client.get(reverse(f"course_sync:api_{name}"), {"target": "theirs"})
        unknown = client.get(reverse(f"course_sync:api_{name}"), {"target": "nobody"})
        assert (found.status_code, found.content) == (400, unknown.content)


def test_the_courses_that_a_target_wants_are_only_those_of_the_organisation(site, sign_in):
    target = Target.objects.get()
    for names in ({"org": "Org"}, {"org": "Other"}, {"course_key": COURSE}, {"course_key": OTHER}):
        target.subscriptions.create(**names)
    (row,) = pages(sign_in("staff of Org"), reverse("course_sync:api_targets"))
    assert (row["orgs"], row["courses"]) == (["Org"], [COURSE])


def test_a_course_names_only_targets_that_have_it(site, sign_in):
    target = Target.objects.create(name="theirs", backend="webhook", url="https://theirs.example/")
    Lane.objects.create(target=target, course=course_row(OTHER))
    (row,) = pages(sign_in("staff of Org"), reverse("course_sync:api_courses"))
    assert [one["target"] for one in row["targets"]] == ["crm"]


def test_the_operation_of_another_organisation_is_not_retried(site, sign_in):
    theirs = Problem.objects.filter(lane__course=course_row(OTHER), state="failed").get().operation.operation_id
    address = reverse("course_sync:api_plan", args=["retry"])
    answer = sign_in("admin of Org").get(address, {"target": "crm", "course": COURSE, "id": str(theirs)})
    assert answer.json()["plans"] == []
