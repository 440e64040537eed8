"""The notes on the page of errors: what it shows, what it hides, and who takes which step."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.http import urlencode

from course_sync_plugin.models import ErrorCause, OperatorAction
from tests.integration.courses import COURSE
from tests.integration.dashboard.people import HOSTILE, no_inline_code, seen, sign_in, texts
from tests.integration.failing import OTHER, deliver, heal, let_fail, step, the_cause

pytestmark = pytest.mark.django_db

PAGE = "/course_sync/errors/"
STEPS = ("assign-cause", "note-cause", "resolve-cause", "reopen-cause")


@pytest.fixture
def failed(shelf, receiver):
    deliver(shelf, "1")
    let_fail(shelf, receiver, "2")
    return receiver


@pytest.fixture
def both(failed, shelf) -> str:
    """A course of another organisation has the same cause. Return its digest."""
    deliver(shelf, "1", OTHER)
    let_fail(shelf, failed, "2", OTHER)
    return the_cause()["cause"]


def address(name: str, **names: str) -> str:
    return f"/course_sync/act/{name}/?{urlencode(names)}"


def confirm(client: Client, where: str, note: str = "") -> str:
    """Carry out what the page of an action shows, and return the page that follows."""
    tokens = re.findall(r'name="token" value="(\w+)"', client.get(where).content.decode())
    assert tokens
    answer = client.post(where, {"token": tokens, "note": note}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_resolved_hidden_and_reopened(client, failed, shelf):
    sign_in(client, is_superuser=True)
    (resolve,) = seen(client, PAGE).xpath("//article//a[text()='Resolve']/@href")
    assert "crm: no room" in client.get(resolve).content.decode()
    assert "The cause is resolved." in confirm(client, resolve, HOSTILE)
    page = seen(client, PAGE)
    assert page.xpath("//article") == []
    assert "1 cause is resolved and is not shown here." in page.text_content()
    (shown,) = page.xpath("//a[text()='Show what is resolved']/@href")
    page = seen(client, f"{PAGE}{shown}")
    assert texts(page, "//article//*[@class='mark']") == ["resolved"]
    assert f"somebody: resolved — {HOSTILE}" in texts(page, "//article//li")[0]
    assert no_inline_code(page)
    assert page.xpath("//a[text()='Resolve']") == []
    let_fail(shelf, failed, "3", unit="unit-0-1")
    page = seen(client, PAGE)
    assert texts(page, "//article//*[@class='mark missing']") == ["reopened: it came back"]
    assert len(page.xpath("//a[text()='Resolve']")) == 1


def test_open_again(client, failed):
    sign_in(client, is_superuser=True)
    step("resolve", the_cause()["cause"])
    (reopen,) = seen(client, f"{PAGE}?state=all").xpath("//a[text()='Open again']/@href")
    assert "The cause is open again." in confirm(client, reopen)
    assert len(seen(client, PAGE).xpath("//article")) == 1


def test_assigned_by_the_form(client, failed):
    sign_in(client, is_superuser=True)
    User.objects.create_user("ann")
    (form,) = seen(client, PAGE).xpath("//form[@class='assign']")
    values = {one.get("name"): one.get("value") for one in form.xpath(".//input")}
    assert values["id"] == "somebody"
    confirm(client, f"{form.get('action')}?{urlencode({**values, 'id': 'ann'})}", "knows them")
    assert "Assigned to: ann" in texts(seen(client, PAGE), "//article")[0]
    assert OperatorAction.objects.latest("pk").note == "knows them"
    answer = client.get(f"{form.get('action')}?{urlencode({**values, 'id': HOSTILE})}")
    assert "There is no active user" in answer.content.decode()
    assert "Do exactly this" not in answer.content.decode()


def test_a_note_needs_a_text(client, failed):
    sign_in(client, is_superuser=True)
    where = address("note-cause", cause=the_cause()["cause"], back=PAGE)
    assert "A note needs a text." in confirm(client, where)
    assert not ErrorCause.objects.exists()
    assert "The note is kept." in confirm(client, where, "asked them")


def test_a_form_that_is_sent_twice(client, failed):
    sign_in(client, is_superuser=True)
    where = address("resolve-cause", cause=the_cause()["cause"], back=PAGE)
    token = re.findall(r'name="token" value="(\w+)"', client.get(where).content.decode())
    client.post(where, {"token": token})
    assert "is no longer valid" in client.post(where, {"token": token}, follow=True).content.decode()
    assert OperatorAction.objects.filter(action="resolve-cause").count() == 1


def test_a_cause_that_is_gone_is_a_part_of_the_history(client, failed):
    sign_in(client, is_superuser=True)
    step("resolve", the_cause()["cause"], note="their disk was full")
    heal()
    assert "Causes that are gone" not in seen(client, PAGE).text_content()
    for state in ("resolved", "all"):
        page = seen(client, f"{PAGE}?state={state}&target=crm")
        assert texts(page, "//article/h3") == ["crm: no room"]
        assert "their disk was full" in texts(page, "//article")[0]
    assert seen(client, f"{PAGE}?state=all&operation=update").xpath("//article") == []


def test_a_wrong_state_is_the_default(client, failed):
    sign_in(client, is_superuser=True)
    step("resolve", the_cause()["cause"])
    assert seen(client, f"{PAGE}?{urlencode({'state': HOSTILE})}").xpath("//article") == []


def test_the_actions_of_a_cause_concern_it_alone(client, failed, shelf):
    sign_in(client, is_superuser=True)
    let_fail(shelf, failed, "3", reason="no time", unit="unit-0-1")
    page = seen(client, PAGE)
    for article in page.xpath("//article"):
        reason = article.xpath("string(h2/bdi[last()])")
        other = {"no room": "no time", "no time": "no room"}[reason]
        for name in ("Retry", "Skip permanently"):
            (link,) = article.xpath(f".//a[text()='{name}']/@href")
            (plan,) = texts(seen(client, link), "//ul[@class='plan']")
            assert reason in plan
            assert other not in plan


@pytest.mark.parametrize("action", ["pause", "resume", "test", "sync", "reset"])
def test_no_other_action_takes_a_cause(client, failed, action):
    """It would act on more than the address says."""
    sign_in(client, is_superuser=True)
    where = address(action, target="crm", course=COURSE, cause=the_cause()["cause"])
    assert client.get(where).status_code == client.post(where).status_code == 404


@pytest.mark.parametrize("cause", ["", "short", "0" * 64, HOSTILE, "%" * 64])
@pytest.mark.parametrize("action", STEPS)
def test_a_cause_that_is_not_there(client, failed, action, cause):
    sign_in(client, is_superuser=True)
    assert client.get(address(action, cause=cause)).status_code == 404
    assert client.get(address(action, cause=the_cause()["cause"], target="nobody")).status_code == 404


ROLES = [
    ([], {"is_superuser": True}, 200, 200),
    ([], {"is_staff": True}, 403, 403),
    (["admin of Org"], {}, 200, 403),  # a cause of two organisations is the matter of those who act on both
    (["admin of Org", "admin of Other"], {}, 200, 200),
    (["admin of Org", "staff of Other"], {}, 200, 403),
    (["staff of Org"], {}, 403, 403),
    (["admin of Other"], {}, 404, 403),
    ([f"admin of {COURSE}"], {}, 200, 403),
    (["admin of Nobody"], {}, 404, 404),
    ([], {}, 404, 404),
]


@pytest.mark.parametrize(("groups", "values", "of_one", "of_both"), ROLES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_who_takes_steps(client, failed, shelf, groups, values, of_one, of_both, method):
    """First the cause is one of Org alone, then of both organisations. It makes no difference which course is named."""
    sign_in(client, *groups, **values)
    digest = the_cause()["cause"]
    step("note", digest, note="so that it can be reopened")
    ask = getattr(client, method)
    for expected in (of_one, of_both):
        expected = 302 if (expected, method) == (200, "post") else expected
        for name in STEPS:
            assert ask(address(name, cause=digest)).status_code == expected
            assert ask(address(name, cause=digest, target="crm", course=COURSE)).status_code == expected
        deliver(shelf, "1", OTHER)
        let_fail(shelf, failed, "2", OTHER)
        assert the_cause()["cause"] == digest


def test_the_organisation_of_a_cause_that_is_gone_still_counts(client, failed):
    digest = the_cause()["cause"]
    step("note", digest, note="a")
    heal()
    sign_in(client, "admin of Other")
    assert client.get(address("resolve-cause", cause=digest)).status_code == 404
    client.logout()
    User.objects.all().delete()
    sign_in(client, "admin of Org")
    assert client.get(address("resolve-cause", cause=digest)).status_code == 200


def test_what_another_organisation_reads(client, both, shelf, failed):
    """Org sees its part as resolved, and neither the words of the site's operators nor the other course."""
    step("resolve", both, note=f"{OTHER} has a firewall", by="ann")
    sign_in(client, "admin of Org")
    assert "1 cause is resolved" in seen(client, PAGE).text_content()
    page = seen(client, f"{PAGE}?state=all")
    assert texts(page, "//article//*[@class='mark']") == ["resolved"]
    assert OTHER not in page.text_content()
    assert "ann" not in texts(page, "//article")[0].split()
    let_fail(shelf, failed, "3", OTHER, unit="unit-0-1")
    assert seen(client, PAGE).xpath("//article") == []  # the return concerns the other organisation alone
    let_fail(shelf, failed, "3", unit="unit-0-1")
    assert seen(client, PAGE).xpath("//article//*[contains(@class, 'mark')]") == []
    client.logout()
    client.force_login(User.objects.create_user("root", is_superuser=True))
    page = seen(client, PAGE)
    assert texts(page, "//article//*[contains(@class, 'mark')]") == ["reopened: it came back"]
    assert f"ann: resolved — {OTHER} has a firewall" in texts(page, "//article//li")[0]


@pytest.mark.parametrize(
    ("groups", "values", "links"),
    [
        ([], {"is_superuser": True}, 1),
        ([], {"is_staff": True}, 0),
        (["admin of Org"], {}, 1),
        (["staff of Org"], {}, 0),
    ],
)
def test_who_sees_the_links(client, failed, groups, values, links):
    sign_in(client, *groups, **values)
    page = seen(client, PAGE)
    assert len(page.xpath("//a[text()='Resolve']")) == len(page.xpath("//form[@class='assign']")) == links
