"""What an attacker tries on the pages, each on every page or every action."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.http import urlencode

from course_sync_plugin import api
from course_sync_plugin.models import (
    Attempt,
    Conflict,
    Course,
    HeldRun,
    Job,
    Lane,
    OperatorAction,
    Problem,
    Proposal,
    Target,
    digest_of,
)
from course_sync_plugin.row_actions.offered import OFFERED
from tests.integration.courses import COURSE, a_course, block
from tests.integration.dashboard.test_act import tokens
from tests.integration.rest_api.conftest import OTHER, sign_in, site  # noqa: F401
from tests.integration.rest_api.test_roles import ONE

pytestmark = pytest.mark.django_db

#: HTML that would be noticed wherever it is read as such: as a text, and in an attribute of any kind of quotes.
HOSTILE = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>"
UNIT = block("vertical", "unit-0-0")

PAGES = (
    "",
    "targets/",
    "targets/crm/",
    "performance/",
    "errors/",
    "errors/?state=all",
    "conflicts/?state=all",
    "proposals/?state=all",
    "history/?kind=all",
    "history/?kind=all&before=x",
    "courses/",
    f"courses/{COURSE}/",
    f"courses/{COURSE}/tree/?target=crm&entity={UNIT}",
    f"courses/{COURSE}/tree/?at=2020-01-01&until=2099-01-01&entity={UNIT}",
    f"staff/{COURSE}/",
)


def actions(course: str = COURSE) -> dict[str, str]:
    """Return the address of each action, with names that it can act on."""
    (problem,) = Problem.objects.filter(lane__course__key=course)[:1]
    ids = {
        "exclude": block("vertical", "unit-0-0", course),
        "include": block("vertical", "unit-1-1", course),
        "retry": str(problem.operation.operation_id),
        "skip": str(problem.operation.operation_id),
        **{f"resolve-{take}": Conflict.objects.get(course__key=course).pk for take in ("openedx", "remote", "base")},
        **{name: Proposal.objects.get(course__key=course).pk for name in ("accept", "reject")},
    }
    of_site = {name for name, offered in OFFERED.items() if offered.of_site}
    found = {}
    for name in OFFERED:
        names = {"target": "crm", "course": "" if name in of_site else course, "id": ids.get(name, "")}
        if name in ("stop-job", "repair-remote"):
            names = {"id": Job.objects.get(course_digest=digest_of(course)).pk}
        elif name == "backfill":
            names = {"target": "crm"}
        elif name.endswith("-cause"):
            names = {"target": "crm", "cause": api.list_causes(api.Filters())["causes"][0]["cause"]}
        found[name] = f"act/{name}/?{urlencode({key: value for key, value in names.items() if value})}"
    return found


@pytest.fixture
def full(site):  # noqa: F811
    """Add what the actions on exclusions and held runs need."""
    for course in (COURSE, OTHER):
        api.exclude("crm", block("vertical", "unit-1-1", course))
        hold(course)
    return site


def hold(course: str) -> None:
    row = Course.objects.get(key_digest=digest_of(course))
    HeldRun.objects.get_or_create(course=row, defaults={"deletes": 1, "of": 2, "since": timezone.now()})


@pytest.fixture
def hostile(full, shelf):
    """Fill everything that comes from outside with HTML: titles, reasons, errors, answers, notes."""
    shelf.publish(a_course("3", titles={f"unit-0-{n}": HOSTILE for n in range(3)}))
    api.sync_course(COURSE)
    hold(COURSE)
    with api.acting(HOSTILE[:100], HOSTILE):
        api.pause("crm", COURSE)
    Attempt.objects.update(body=HOSTILE, head=HOSTILE, error=HOSTILE, error_class="TransientError")
    Problem.objects.update(reason=HOSTILE)
    Lane.objects.update(last_error=HOSTILE, failing=True)
    Target.objects.update(breaker_error=HOSTILE)
    for model in (Conflict, Proposal):
        model.objects.update(base=HOSTILE)
    Conflict.objects.update(openedx=HOSTILE, remote={"x": HOSTILE})
    Proposal.objects.update(value=HOSTILE)
    return full


def test_html_in_titles_errors_and_answers_is_text(hostile, sign_in):  # noqa: F811
    client = sign_in("superuser")
    shown = 0
    filters = urlencode(dict.fromkeys(("target", "course", "org", "text", "since", "entity", "at", "state"), HOSTILE))
    for address in (*PAGES, *actions().values(), f"errors/?{filters}", f"history/?{filters}", f"courses/?{filters}"):
        answer = client.get(f"/course_sync/{address}")
        text = answer.content.decode()
        assert answer.status_code == 200, address
        assert "<img" not in text, address
        assert "<script>" not in text, address
        shown += "&lt;img src=x onerror=alert(1)&gt;" in text
    assert shown > 20


def test_no_page_may_be_framed_by_another_site(full, sign_in, settings):  # noqa: F811
    """The page for course staff may be framed by the origins that the site trusts: test_staff.py."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.clickjacking.XFrameOptionsMiddleware"]
    client = sign_in("superuser")
    for address in (*PAGES, *actions().values()):
        answer = client.get(f"/course_sync/{address}")
        assert answer["Content-Security-Policy"] == "frame-ancestors 'self'", address
        assert answer.get("X-Frame-Options", "") == ("" if address.startswith("staff/") else "DENY"), address


def test_no_action_without_the_token_of_its_form(full, sign_in):  # noqa: F811
    client = sign_in("superuser", enforce_csrf_checks=True)
    before = OperatorAction.objects.count()
    for name, address in actions().items():
        shown = client.get(f"/course_sync/{address}")
        form = {"token": tokens(shown), "entered": "x", "note": "forged"}
        assert client.post(f"/course_sync/{address}", form).status_code == 403, name
    assert OperatorAction.objects.count() == before


def test_no_action_on_ids_of_another_organisation(full, sign_in):  # noqa: F811
    """Neither under the other course, nor under the own course with ids of the other one."""
    client = sign_in("admin of Org")
    before = OperatorAction.objects.count()
    for name, address in actions(OTHER).items():
        mixed = address.replace(urlencode({"c": OTHER})[2:], urlencode({"c": COURSE})[2:], 1)
        for one in (address, mixed):
            shown = client.get(f"/course_sync/{one}")
            assert "Other" not in shown.content.decode().partition("<main")[2].partition("<form")[0], (name, one)
            if shown.status_code == 200:
                assert "unit-0-0" not in shown.content.decode().partition("</h1>")[2].partition("<form")[0], name
            else:
                assert client.post(f"/course_sync/{one}", {"token": "0" * 12}).status_code in (403, 404), name
    assert OperatorAction.objects.count() == before


def test_names_in_the_form_change_nothing_but_the_note(full, sign_in):  # noqa: F811
    """Mass assignment: what is acted on is that of the address, and who acts is who is signed in."""
    client = sign_in("superuser")
    address = f"/course_sync/act/pause/?{urlencode({'target': 'crm', 'course': COURSE})}"
    names = {"operator": "boss", "target": "other", "course": OTHER, "paused": "", "id": "1", "at": "2000-01-01"}
    client.post(address, {**names, "token": tokens(client.get(address)), "note": "really"})
    action = OperatorAction.objects.latest("pk")
    assert (action.operator, action.course_key, action.note) == ("superuser", COURSE, "really")
    assert list(Lane.objects.filter(paused=True).values_list("course__key", flat=True)) == [COURSE]
    assert action.at.year > 2000


def test_no_answer_holds_a_secret(full, sign_in, settings):  # noqa: F811
    """Pages, plans, exports, errors, the API and its description."""
    settings.COURSE_SYNC_METRICS_TOKEN = "m3trics-token"
    stored = list(Target.objects.values_list("secret", flat=True))
    api.set_context(COURSE, "crm", ["api_key=c0ntext-value"])
    Target.objects.update(
        url="https://person:passw0rd@crm.example/hidden/hook?key=t0ken",
        token="gAAAA-token",
        previous_secret="gAAAA-previous",
        breaker_token="br3aker",
        options={"url": "https://a.example/0ption"},
    )
    Lane.objects.update(lease_token="l3ase")
    words = [full.secret, full.secret.removeprefix("whsec_"), *stored, "passw0rd", "hidden/hook", "t0ken", "gAAAA-"]
    words += ["br3aker", "0ption", "l3ase", "c0ntext-value", "m3trics-token", "the body"]
    addresses = [f"/course_sync/{one}" for one in (*PAGES, *actions().values(), "courses/course-v1:No+Such+Run/")]
    addresses += [f"/course_sync/history/export/{form}/?kind=all" for form in ("csv", "jsonl")]
    base = "/api/course_sync/v1"
    addresses += [f"{base}/{one}" for one in (*ONE, "causes", "status", "health", "schema", "no-such")]
    for role in ("superuser", "staff of Org"):
        client = sign_in(role)
        for address in addresses:
            answer = client.get(address)
            text = b"".join(answer.streaming_content if answer.streaming else [answer.content]).decode()
            assert [word for word in words if word in text] == [], (role, address)
            assert [word for word in words if word in json.dumps(dict(answer.headers))] == [], (role, address)


def test_no_answer_is_cached(full, sign_in):  # noqa: F811
    client = sign_in("superuser")
    for address in (*PAGES, *actions().values()):
        assert "no-store" in client.get(f"/course_sync/{address}")["Cache-Control"], address


def test_a_visitor_gets_nothing(full):
    for address in (*PAGES, *actions().values()):
        answer = Client().get(f"/course_sync/{address}")
        assert (answer.status_code, answer.content) == (302, b""), address
        assert answer.url.startswith("/login/?next=/course_sync/"), address
