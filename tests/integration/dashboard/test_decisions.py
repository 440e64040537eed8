"""The pages of conflicts and proposals: the values, the decisions one by one and in bulk, and who may take them."""

from __future__ import annotations

import re

import pytest
from django.utils.http import urlencode

from course_sync_plugin import api
from course_sync_plugin.models import Conflict, Course, DatabaseNow, Link, OperatorAction, Proposal, digest_of
from tests.integration.courses import COURSE, block
from tests.integration.dashboard.people import HOSTILE, no_inline_code, seen, sign_in, texts
from tests.integration.replication.conftest import far, linked  # noqa: F401 (fixtures)
from tests.integration.replication.studio import Studio

pytestmark = pytest.mark.django_db

OTHER = "course-v1:Other+C+R"
SECTION = block("chapter", "section-0")


def address(page: str, **filters: str) -> str:
    return f"/course_sync/{page}/?{urlencode(filters)}"


def act(client, path: str):
    """Carry out what the page of an action shows."""
    shown = client.get(path)
    tokens = re.findall(r'name="token" value="(\w+)"', shown.content.decode())
    assert len(tokens) == 1
    return client.post(path, {"token": tokens, "note": "as agreed"}, follow=True)


@pytest.fixture
def link(linked, settings) -> Link:  # noqa: F811
    settings.COURSE_SYNC_WRITER = "tests.integration.replication.studio.Studio"
    settings.COURSE_SYNC_WRITE_BACK_USER = "sync"
    Studio.reset()
    api.deliver_until_empty()
    return linked


def rename_there(far, kind: str, title: str, new: str) -> None:  # noqa: F811
    next(one for one in far.things.values() if (one.kind, one.title) == (kind, title)).title = new


def a_conflict(link: Link | None, course: Course | None = None, **values) -> Conflict:
    known = {
        "link": link, "target_name": "crm", "course": course or link.course, "entity_type": "section",
        "entity_id": SECTION, "id_digest": digest_of(SECTION), "field": "display_name", "state": "open",
        "base": "Bees and wasps", "openedx": "Bees and ants", "remote": HOSTILE, "since": DatabaseNow(),
    }  # fmt: skip
    return Conflict.objects.create(**{**known, **values})


@pytest.fixture
def theirs(link) -> Conflict:
    """A conflict of a course of another organisation."""
    course = Course.objects.create(key=OTHER, key_digest=digest_of(OTHER), org="Other")
    return a_conflict(None, course, remote="Their secret")


@pytest.mark.parametrize("page", ["conflicts", "proposals"])
def test_an_empty_site(client, shelf, page):
    sign_in(client, is_superuser=True)
    assert f"There is no such {page[:-1]}." in seen(client, address(page)).text_content()


def test_the_values_are_next_to_each_other_and_marked(client, link):
    a_conflict(link)
    sign_in(client, is_superuser=True)
    page = seen(client, address("conflicts"))
    assert texts(page, "//dl//dt") == ["Before", "Open edX", "The other side"]
    assert texts(page, "//dl/div[1]/dd") == ["Bees and wasps"]
    assert texts(page, "//dl/div[2]//del") == ["wasps"]
    assert texts(page, "//dl/div[2]//ins") == ["ants"]
    assert "".join(texts(page, "//dl/div[3]//ins")).replace(" ", "") == HOSTILE.replace(" ", "")
    assert no_inline_code(page)


@pytest.mark.parametrize(("label", "title"), [("Take Open edX", "Wasps"), ("Take the other side", "Bees")])
def test_a_conflict_is_resolved_as_shown(client, link, far, label, title):  # noqa: F811
    """A real conflict: an author and somebody at the far side rename the same unit."""
    unit = block("vertical", "unit-0-0")
    link.target.options = {"conflict_strategy": "manual"}
    link.target.save()
    Studio.drafts[unit] = {"display_name": "Wasps"}
    rename_there(far, "item", "unit-0-0", "Bees")
    api.poll_now()
    Studio().publish(unit, "author")
    api.deliver_until_empty()
    assert Conflict.objects.get().state == "open"
    sign_in(client, is_superuser=True)
    (path,) = seen(client, address("conflicts")).xpath(f"//a[text()='{label}']/@href")
    assert "Carried out: 1." in act(client, path).content.decode()
    assert Conflict.objects.get().state == "resolved"
    assert OperatorAction.objects.get(action="resolve").note == "as agreed"
    api.deliver_until_empty()
    assert far.titles("item")[0] == title


def test_a_proposal_is_accepted(client, link, far):  # noqa: F811
    rename_there(far, "module", "section-0", "Bees")
    api.poll_now()
    sign_in(client, "admin of Org")
    (path,) = seen(client, address("proposals")).xpath("//article//a[text()='Accept']/@href")
    assert "section-0" in client.get(path).content.decode()
    assert "Carried out: 1." in act(client, path).content.decode()
    api.deliver_until_empty()
    assert Proposal.objects.get().state == "published"


def test_all_that_match_are_decided_at_once(client, link, far):  # noqa: F811
    for number in (0, 1):
        rename_there(far, "module", f"section-{number}", f"Bees {number}")
    api.poll_now()
    assert Proposal.objects.count() == 2
    sign_in(client, is_superuser=True)
    page = seen(client, address("proposals", target="crm", course=COURSE))
    (path,) = page.xpath("//a[text()='reject']/@href")
    assert "Decisions: 2" in client.get(path).content.decode()
    assert "Carried out: 2." in act(client, path).content.decode()
    assert {one.state for one in Proposal.objects.all()} == {"rejected"}
    assert OperatorAction.objects.filter(action="reject").count() == 2


def test_a_bulk_plan_is_bounded_and_says_so(client, link, monkeypatch):
    monkeypatch.setattr("course_sync_plugin.upkeep.reports.decisions.MOST", 2)
    for number in range(3):
        a_conflict(link, field=f"field-{number}")
    sign_in(client, is_superuser=True)
    plan = client.get("/course_sync/act/resolve-base/?target=crm").content.decode()
    assert "Decisions: 2" in plan
    assert "There are more." in plan
    assert "field-0" in plan


def test_a_plan_that_has_changed_is_not_carried_out(client, link):
    a_conflict(link, field="one")
    sign_in(client, is_superuser=True)
    path = "/course_sync/act/resolve-base/?target=crm"
    (token,) = re.findall(r'name="token" value="(\w+)"', client.get(path).content.decode())
    a_conflict(link, field="another")
    assert "is no longer valid" in client.post(path, {"token": token}, follow=True).content.decode()
    assert {one.state for one in Conflict.objects.all()} == {"open"}


def test_one_that_has_ended_is_explained(client, link):
    ended = a_conflict(link, state="ended")
    sign_in(client, is_superuser=True)
    assert seen(client, address("conflicts", state="ended")).xpath("//article//a[contains(@href, '/act/')]") == []
    assert "has ended already" in client.get(f"/course_sync/act/resolve-base/?id={ended.pk}").content.decode()


@pytest.mark.parametrize(
    ("state", "number"), [("", 1), ("open", 1), ("decided", 1), ("all", 3), ("no-such-state", 1), (HOSTILE, 1)]
)
def test_states(client, link, state, number):
    for one in ("open", "decided", "gone"):
        a_conflict(link, state=one)
    sign_in(client, is_superuser=True)
    assert len(seen(client, address("conflicts", state=state)).xpath("//article")) == number


@pytest.mark.parametrize("target", ["CRM", "nobody", "crm\0", HOSTILE])
def test_another_target(client, link, target):
    a_conflict(link)
    sign_in(client, is_superuser=True)
    assert seen(client, address("conflicts", target=target)).xpath("//article") == []


@pytest.mark.parametrize(
    ("groups", "values", "rows", "one", "all_of_them"),
    [
        ([], {"is_superuser": True}, 2, 3, 1),
        ([], {"is_staff": True}, 2, 0, 0),
        (["admin of Org"], {}, 1, 3, 0),
        (["staff of Org"], {}, 1, 0, 0),
        (["admin of Nobody"], {}, 0, 0, 0),
    ],
)
def test_who_sees_and_decides_what(client, link, theirs, groups, values, rows, one, all_of_them):
    a_conflict(link)
    sign_in(client, *groups, **values)
    page = seen(client, address("conflicts"))
    assert len(page.xpath("//article")) == rows
    assert len(page.xpath("//article//a[starts-with(text(), 'Take')]")) == one
    assert len(page.xpath("//a[text()='take Open edX']")) == all_of_them


def test_ids_of_another_organisation(client, link, theirs):
    sign_in(client, "admin of Org")
    assert "Their secret" not in seen(client, address("conflicts", state="all")).text_content()
    assert client.get(address("conflicts", course=OTHER)).status_code == 404
    assert client.get(f"/course_sync/act/resolve-remote/?id={theirs.pk}&course={OTHER}").status_code == 404
    assert client.get(f"/course_sync/act/resolve-remote/?id={theirs.pk}").status_code == 403
    through_ours = f"/course_sync/act/resolve-remote/?{urlencode({'id': theirs.pk, 'course': COURSE})}"
    answer = client.get(through_ours).content.decode()
    assert "There is nothing to do." in answer
    assert "Their secret" not in answer


@pytest.mark.parametrize("page", ["conflicts", "proposals"])
def test_who_may_not(client, shelf, page):
    assert client.get(address(page)).status_code == 302
    sign_in(client, f"staff of {COURSE}")
    assert client.get(address(page)).status_code == 403


def test_the_number_of_queries_does_not_grow(client, link, django_assert_max_num_queries):
    for number in range(25):
        a_conflict(link, field=f"field-{number}")
    sign_in(client, "admin of Org")
    with django_assert_max_num_queries(12):
        page = seen(client, address("conflicts"))
    assert len(page.xpath("//article")) == 20
    with django_assert_max_num_queries(12):
        older = seen(client, f"/course_sync/conflicts/{page.xpath('//a[@rel]/@href')[0]}")
    assert len(older.xpath("//article")) == 5


def test_the_page_of_accept_says_that_nothing_can_be_written(client, link, far, settings):  # noqa: F811
    settings.COURSE_SYNC_WRITE_BACK_USER = ""
    rename_there(far, "module", "section-0", "Wasps")
    api.poll_now()
    sign_in(client, is_superuser=True)
    page = client.get("/course_sync/act/accept/?target=crm").content.decode()
    assert "This would fail now: " in page
    assert "COURSE_SYNC_WRITE_BACK_USER" in page
    assert "This would fail now: " not in client.get("/course_sync/act/reject/?target=crm").content.decode()
