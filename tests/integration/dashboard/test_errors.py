"""The page of errors: each cause with its numbers, its members and its actions, and who sees it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils.http import urlencode

from course_sync_plugin import api
from course_sync_plugin.models import Problem
from course_sync_plugin.testing.faults import Fail, Refuse
from tests.integration.courses import COURSE, a_course, block
from tests.integration.dashboard.people import HOSTILE, no_inline_code, seen, sign_in, texts
from tests.integration.one_lane import publish, renamed

pytestmark = pytest.mark.django_db

OTHER = "course-v1:Other+C+R"


def address(**filters: str) -> str:
    return f"/course_sync/errors/?{urlencode(filters)}"


@pytest.fixture
def failed(shelf, receiver):
    """Two units fail for one cause, with another number in each reason."""
    publish(shelf, "1")
    api.deliver_until_empty()
    for number in (0, 1):
        fault = Fail(entity_id=block("vertical", f"unit-0-{number}"), reason=f"{HOSTILE} row {number}")
        receiver.faults.append(fault)
        publish(shelf, str(number + 2), titles=renamed("unit-0-0", f"unit-0-{number}"))
        api.deliver_until_empty()
    assert Problem.objects.count() == 2
    return receiver


@pytest.fixture
def elsewhere(failed, shelf):
    """A unit of a course of another organisation fails too, for another cause."""
    shelf.publish(a_course("1", course=OTHER))
    api.sync_course(OTHER)
    api.deliver_until_empty()
    failed.faults.append(Fail(entity_id=block("vertical", "unit-0-0", OTHER), reason="no room"))
    shelf.publish(a_course("2", course=OTHER, titles=renamed("unit-0-0")))
    api.sync_course(OTHER)
    api.deliver_until_empty()
    assert Problem.objects.count() == 3


def test_an_empty_site(client, shelf):
    sign_in(client, is_superuser=True)
    assert "There is no open problem" in seen(client, address()).text_content()


def test_a_cause_says_what_is_wrong_and_what_to_do(client, failed):
    sign_in(client, is_superuser=True)
    page = seen(client, address())
    (text,) = texts(page, "//article")
    assert texts(page, "//article/h2") == [f"crm: {HOSTILE} row 0"]
    assert f"The others differ in numbers and names: {HOSTILE.replace('1', '#')} row #" in text
    links = page.xpath("//article//a/@href")
    assert {"/course_sync/targets/crm/", f"/course_sync/courses/{COURSE}/"} <= set(links)
    assert "2 operations failed · in 1 course · PermanentError · HTTP 200" in text
    (cause,) = api.list_causes(api.Filters())["causes"]
    assert cause["meaning"] in text
    assert cause["action"] in text
    assert f"update {block('vertical', 'unit-0-0')}" in text
    assert "begun in the last 24 hours: 2" in text
    assert page.xpath("//article//*[local-name()='svg']/@aria-label") == [
        "Begun by day, the oldest of seven first: 0, 0, 0, 0, 0, 0, 2"
    ]
    assert no_inline_code(page)


def test_the_actions_have_the_filters(client, failed):
    sign_in(client, is_superuser=True)
    page = seen(client, address(course=COURSE, operation="update", since="2h"))
    (retry,) = page.xpath("//article//a[text()='Retry']/@href")
    assert "2 failed operations would be planned again" in client.get(retry).content.decode()
    (skip,) = page.xpath("//article//a[text()='Skip permanently']/@href")
    assert "2 operations would be skipped permanently" in client.get(skip).content.decode()
    assert "nothing to do" in client.get(retry.replace("since=2h", "since=2300-01-01")).content.decode()
    assert client.get(retry.replace("since=2h", "since=soon")).status_code == 404


def test_a_cause_opens_and_pages_by_key(client, failed, monkeypatch):
    monkeypatch.setattr("course_sync_plugin.dashboard.errors.SIZE", 1)
    sign_in(client, is_superuser=True)
    (opened,) = seen(client, address()).xpath("//article//a[@aria-expanded='false']/@href")
    first = seen(client, f"/course_sync/errors/{opened}")
    assert [one.rpartition("@")[2] for one in texts(first, "//tbody/tr/td[1]")] == ["unit-0-1"]
    second = seen(client, f"/course_sync/errors/{first.xpath('//a[@rel]/@href')[0]}")
    assert [one.rpartition("@")[2] for one in texts(second, "//tbody/tr/td[1]")] == ["unit-0-0"]
    assert second.xpath("//a[@rel='next']") == []
    (retry,) = second.xpath("//tbody//a[text()='Retry']/@href")
    assert "1 failed operation would be planned again" in client.get(retry).content.decode()


def test_lanes_that_stand_still(client, shelf, receiver):
    receiver.faults.append(Refuse(503, times=None))
    publish(shelf, "1")
    api.deliver_due()
    sign_in(client, is_superuser=True)
    page = seen(client, address())
    assert "1 lane retrying · in 1 course · TransientError · HTTP 503" in texts(page, "//article")[0]
    opened = seen(client, f"/course_sync/errors/{page.xpath('//article//a[@aria-expanded]/@href')[0]}")
    assert texts(opened, "//tbody/tr/th") == [COURSE]
    assert opened.xpath("//a[text()='Skip permanently']") == []


@pytest.mark.parametrize(
    ("groups", "values", "causes", "may_act"),
    [
        ([], {"is_superuser": True}, 2, 2),
        ([], {"is_staff": True}, 2, 0),
        (["staff of Org"], {}, 1, 0),
        (["admin of Org"], {}, 1, 0),  # not for the whole site
        (["staff of Nobody"], {}, 0, 0),
    ],
)
def test_who_sees_what(client, elsewhere, groups, values, causes, may_act):
    sign_in(client, *groups, **values)
    page = seen(client, address())
    assert len(page.xpath("//article")) == causes
    assert len(page.xpath("//a[text()='Retry']")) == may_act


@pytest.mark.parametrize(("role", "actions"), [("admin of Org", 3), ("staff of Org", 0)])
def test_actions_on_a_course_of_an_organisation(client, elsewhere, role, actions):
    sign_in(client, role)
    (opened,) = seen(client, address(course=COURSE)).xpath("//article//a[@aria-expanded]/@href")
    page = seen(client, f"/course_sync/errors/{opened}")
    assert len(page.xpath("//a[text()='Retry']")) == actions
    assert all(client.get(one).status_code == 200 for one in page.xpath("//a[text()='Retry']/@href"))


def test_another_organisation_in_the_address(client, elsewhere):
    sign_in(client, "staff of Org")
    assert client.get(address(course=OTHER)).status_code == 404
    assert client.get(address(course="course-v1:Other+C+Rx")).status_code == 404
    theirs = Problem.objects.get(reason="no room").operation.operation_id
    page = seen(client, address(id=str(theirs)))
    assert page.xpath("//article") == []
    assert OTHER not in page.text_content()


@pytest.mark.parametrize("values", [{}, {"groups": [f"staff of {COURSE}"]}])
def test_who_may_not(client, shelf, values):
    sign_in(client, *values.get("groups", []))
    assert client.get(address()).status_code == 403


def test_a_visitor(client, shelf):
    assert client.get(address()).status_code == 302


@pytest.mark.parametrize(
    "filters",
    [
        {"target": "nobody\0"},
        {"course": "no-key"},
        {"entity_type": HOSTILE},
        {"operation": "copy"},
        {"since": "soon"},
        {"until": "9" * 300},
        {"id": "7"},
    ],
)
def test_a_wrong_filter_is_explained(client, failed, filters):
    sign_in(client, is_superuser=True)
    page = seen(client, address(**filters))
    assert len(page.xpath("//main//li[@class='error']")) == 1
    assert page.xpath("//article") == []
    assert no_inline_code(page)


def test_a_wrong_cause_or_key_is_ignored(client, failed):
    sign_in(client, is_superuser=True)
    assert len(seen(client, address(cause=HOSTILE, before="x")).xpath("//article")) == 1


def test_the_number_of_queries_does_not_grow(client, elsewhere, django_assert_max_num_queries):
    sign_in(client, "admin of Org")
    (cause,) = api.list_causes(api.Filters(course=COURSE))["causes"]
    with django_assert_max_num_queries(17):  # each filter looks its target and course up anew
        client.get(address(course=COURSE, target="crm", cause=cause["cause"]))
    client.force_login(User.objects.create_superuser("root"))
    with django_assert_max_num_queries(13):
        client.get(address(cause=cause["cause"]))
