"""The page of a course: what it says in each state, the actions that it offers, and who sees it."""

from __future__ import annotations

import re

import pytest
from django.utils.http import urlencode

from course_sync_plugin import api
from course_sync_plugin.models import Exclusion, Link, OperatorAction, Run
from course_sync_plugin.testing.faults import Fail, Refuse
from tests.integration.courses import COURSE, a_course, block, recorded
from tests.integration.dashboard.people import HOSTILE, OTHER, cells, seen, sign_in, texts
from tests.integration.one_lane import publish, renamed, the_lane

pytestmark = pytest.mark.django_db

PAGE = f"/course_sync/courses/{COURSE}/"
UNIT = block("vertical", "unit-0-0")


@pytest.fixture
def operator(client):
    return sign_in(client, is_superuser=True)


@pytest.fixture
def problem(shelf, receiver, in_step):
    receiver.faults.append(Fail(entity_id=UNIT, reason=HOSTILE))
    publish(shelf, "2", titles=renamed("unit-0-0"))
    api.deliver_until_empty()


def offered(page, name: str) -> list[str]:
    return page.xpath(f"//a[contains(@href, '/act/{name}/')]/@href")


def act(client, name: str, **names: str) -> str:
    """Open the page of an action, do what it shows, and return what is told then."""
    address = f"/course_sync/act/{name}/?{urlencode({'target': 'crm', 'course': COURSE, **names})}"
    shown = client.get(address)
    tokens = re.findall(r'name="token" value="(\w+)"', shown.content.decode())
    done = client.post(address, {"token": tokens}, follow=True)
    return shown.content.decode() + done.content.decode()


def test_in_step(operator, in_step):
    page = seen(operator, PAGE)
    assert "What is published is recorded." in page.text_content()
    assert cells(page, "versions") == [["Published", "1"], ["Recorded", "1"], ["Delivered to crm", "1"]]
    assert cells(page, "targets")[0][:6] == ["crm", "in step", "0", "0", "–", "–"]
    assert cells(page, "problems") == []


def test_each_version_stands_for_itself(operator, shelf, in_step):
    publish(shelf, "2", titles=renamed("unit-0-0"))
    shelf.publish(a_course("3"))
    page = seen(operator, PAGE)
    assert cells(page, "versions") == [["Published", "3"], ["Recorded", "2"], ["Delivered to crm", "1"]]
    assert "The last publish is not recorded yet." in page.text_content()
    assert cells(page, "targets")[0][1:4] == ["pending", "1", "0"]


def test_a_problem(operator, problem):
    page = seen(operator, PAGE)
    assert cells(page, "targets")[0][:4] == ["crm", "problems", "0", "1"]
    assert cells(page, "problems")[0][:5] == ["crm", f"update {UNIT}", "failed", HOSTILE, "0"]
    assert page.xpath("//script[not(@src)]") == []
    assert len(offered(page, "retry")) == len(offered(page, "skip")) == 2


def test_no_answer(operator, shelf, receiver):
    receiver.faults.append(Refuse(503, times=None))
    publish(shelf, "1")
    api.deliver_due()
    (row,) = cells(seen(operator, PAGE), "targets")
    assert row[1] == "retrying"
    assert re.search(r"503.*Next attempt: \d{4}-", row[4])


def test_a_held_run(operator, shelf, in_step, settings):
    settings.COURSE_SYNC_MASS_DELETE_COUNT = 1
    publish(shelf, "2", sections=1)
    page = seen(operator, PAGE)
    assert "A publish would delete 5 of 11 entities, so it is held." in page.text_content()
    assert len(offered(page, "approve")) == 1


def test_a_course_that_cannot_be_read(operator, shelf, in_step):
    shelf.break_(ValueError(HOSTILE), "2")
    api.sync_course(COURSE)
    page = seen(operator, PAGE)
    assert "The course cannot be read" in page.text_content()
    assert f"ValueError: {HOSTILE}" in page.text_content()


def test_links_context_and_exclusions(operator, in_step):
    lane = the_lane()
    api.exclude("crm", UNIT)
    api.set_context(COURSE, "crm", ["token=do-not-show"])
    Link.objects.create(
        target=lane.target, course=lane.course, remote_id="7", remote_digest="7" * 64, remote_title=HOSTILE,
        created_at=recorded().runs.get().ended_at,
    )  # fmt: skip
    page = seen(operator, PAGE)
    assert cells(page, "targets")[0][5] == f"{HOSTILE} (7) Values that are set: token"
    assert "do-not-show" not in page.text_content()
    assert texts(page, "//h2")[-1] == "Excluded from crm"
    assert len(offered(page, "include")) == 1


def test_no_target(operator, shelf):
    publish(shelf, "1")
    assert "No target wants this course." in seen(operator, PAGE).text_content()


def test_sync_now_records_what_was_shown(operator, shelf, in_step):
    shelf.put(a_course("2", titles=renamed("unit-0-0")))
    told = act(operator, "sync")
    assert f"{COURSE} would be read again: 1 update." in told
    assert f"{COURSE}: recorded 1 update" in told
    assert Run.objects.count() == 2
    assert OperatorAction.objects.get(action="sync").operator == "somebody"


def test_sync_now_without_a_change(operator, in_step):
    told = act(operator, "sync")
    assert "would be read again: nothing has changed." in told
    assert f"{COURSE}: unchanged" in told


def test_sync_now_of_a_course_that_cannot_be_read_offers_no_button(operator, shelf, in_step):
    shelf.break_(ValueError("bad"), "2")
    told = act(operator, "sync")
    assert "unreadable ValueError: bad" in told
    assert "Do exactly this" not in told


def test_an_entity_is_excluded_and_included_again(operator, in_step):
    assert f"{UNIT} is excluded from crm." in act(operator, "exclude", id=UNIT)
    assert Exclusion.objects.get().entity_id == UNIT
    assert f"{UNIT} is included again" in act(operator, "include", id=UNIT)
    assert not Exclusion.objects.exists()


def test_nobody_excludes_an_entity_of_another_course(client, shelf, in_step):
    """The right to act on a course does not reach what the address names beside it."""
    shelf.publish(a_course("1", course=OTHER))
    api.sync_course(OTHER)
    foreign = block("vertical", "unit-0-0", OTHER)
    api.exclude("crm", block("vertical", "unit-0-1", OTHER))
    sign_in(client, "admin of Org")
    for name, entity in (("exclude", foreign), ("include", block("vertical", "unit-0-1", OTHER))):
        address = f"/course_sync/act/{name}/?{urlencode({'target': 'crm', 'course': COURSE, 'id': entity})}"
        assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    ("groups", "values", "status", "acts"),
    [
        ([], {"is_superuser": True}, 200, True),
        ([], {"is_staff": True}, 200, False),
        (["staff of Org"], {}, 200, False),
        (["admin of Org"], {}, 200, True),
        (["staff of Other"], {}, 404, False),
        (["staff of Other", f"admin of {COURSE}"], {}, 200, True),
        ([f"admin of {COURSE}"], {}, 403, False),
        ([], {}, 403, False),
    ],
)
def test_who_sees_it_and_who_is_offered_actions(client, problem, groups, values, status, acts):
    sign_in(client, *groups, **values)
    assert client.get(PAGE).status_code == status
    if status == 200:
        assert bool(seen(client, PAGE).xpath("//main//a[contains(@href, '/act/')]")) == acts


@pytest.mark.parametrize("key", [OTHER, COURSE.lower(), "nonsense", HOSTILE.replace("/", "")])
def test_what_is_not_there(operator, in_step, key):
    assert operator.get(f"/course_sync/courses/{key}/").status_code == 404


def test_a_visitor_is_sent_to_the_sign_in(client, in_step):
    assert client.get(PAGE).status_code == 302


def test_the_number_of_queries_is_small(client, problem, django_assert_max_num_queries):
    sign_in(client, is_staff=True)
    with django_assert_max_num_queries(12):
        seen(client, PAGE)
