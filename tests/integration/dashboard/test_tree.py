"""The tree of a course: what differs at a target, the course at a time, and who sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.http import urlencode

from course_sync_plugin import api
from course_sync_plugin.models import JournalOperation, Run, Target
from course_sync_plugin.testing.faults import Fail, Refuse
from course_sync_plugin.upkeep.reports import tree as module
from tests.integration.courses import COURSE, block
from tests.integration.dashboard.people import HOSTILE, OTHER, cells, seen, sign_in, texts
from tests.integration.one_lane import publish, renamed, the_lane

pytestmark = pytest.mark.django_db

UNIT = block("vertical", "unit-0-0")
BEGIN = datetime(2026, 2, 3, 12, tzinfo=UTC)


def address(**names: str) -> str:
    return f"/course_sync/courses/{COURSE}/tree/?{urlencode(names)}"


@pytest.fixture
def operator(client):
    return sign_in(client, is_superuser=True)


@pytest.fixture
def versions(shelf):
    """Record three versions, one an hour."""
    publish(shelf, "1")
    publish(shelf, "2", titles=renamed("unit-0-0"))
    publish(shelf, "3", titles=renamed("unit-0-0"), sections=1, units=4)
    for at, run in enumerate(Run.objects.order_by("pk")):
        Run.objects.filter(pk=run.pk).update(ended_at=BEGIN + timedelta(hours=at))


def at(hours: float) -> str:
    return (BEGIN + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def entities(page) -> dict[str, list[str]]:
    """Return the marks of each line by its title. A line is an item of a list: its own text is before its children."""
    found = {}
    for item in page.xpath("//ul[@class='tree']//li"):
        (title,) = item.xpath("./bdi | ./details/summary/bdi")
        found[title.text_content()] = texts(
            item, "./span[contains(@class, 'mark')] | ./details/summary/span[contains(@class, 'mark')]"
        )
    return found


def marked(page) -> dict[str, list[str]]:
    return {title: marks for title, marks in entities(page).items() if marks}


def test_in_step(operator, in_step):
    page = seen(operator, address())
    assert texts(page, "//h1") == [f"{COURSE} and what crm is known to hold"]
    assert list(entities(page)) == [
        *("course", "section-0", "subsection-0", "unit-0-0", "unit-0-1", "unit-0-2"),
        *("section-1", "subsection-1", "unit-1-0", "unit-1-1", "unit-1-2"),
    ]
    assert marked(page) == {}
    assert "11 entities. Nothing differs." in " ".join(page.text_content().split())


def test_the_lists_are_nested_as_the_course_is(operator, in_step):
    page = seen(operator, address())
    depths = [len(bdi.xpath("ancestor::li")) for bdi in page.xpath("//ul[@class='tree']//li/bdi | //summary/bdi")]
    assert depths == [1, 2, 3, 4, 4, 4, 2, 3, 4, 4, 4]
    assert page.xpath("//details[@open]") == []


def test_each_kind_of_difference_is_marked(operator, shelf, receiver, in_step):
    receiver.faults.append(Refuse(503, times=None))
    publish(shelf, "2", sections=3, units=2, titles=renamed("unit-0-0"))
    page = seen(operator, address(target="crm"))
    there = marked(page)
    assert there["unit-0-0, renamed"] == ["other title there"]
    assert there["unit-0-2"] == ["only there"]
    assert there["section-2"] == there["unit-2-1"] == ["missing there"]
    assert list(entities(page)).index("unit-0-2") == list(entities(page)).index("unit-0-1") + 1
    assert "section-0" not in there
    opened = texts(page, "//details[@open]/summary/bdi")
    assert opened == ["course", "section-0", "subsection-0", "section-1", "subsection-1", "section-2", "subsection-2"]


def test_the_reason_of_a_problem_stands_at_its_entity(operator, shelf, receiver, in_step):
    receiver.faults.append(Fail(entity_id=UNIT, reason=HOSTILE))
    publish(shelf, "2", titles={"unit-0-0": HOSTILE})
    api.deliver_until_empty()
    page = seen(operator, address())
    assert marked(page) == {HOSTILE: ["other title there"]}
    assert texts(page, "//ul[@class='tree']//p") == [f"update: failed: {HOSTILE}"]
    assert page.xpath("//script[not(@src)]") == []


def test_what_was_given_up_is_told(operator, shelf, receiver, in_step):
    receiver.faults.append(Fail(entity_id=UNIT, reason="no"))
    publish(shelf, "2", titles=renamed("unit-0-0"))
    api.deliver_until_empty()
    (plan,) = api.skip_plans(api.Filters(target="crm"))
    api.skip_shown([plan.token], api.Filters(target="crm"))
    assert texts(seen(operator, address()), "//ul[@class='tree']//p") == ["update: given up: no"]


def test_excluded_entities_and_unwanted_types_are_no_difference(operator, shelf, receiver, in_step):
    api.exclude("crm", UNIT)
    publish(shelf, "2", titles=renamed("unit-0-0"))
    api.deliver_until_empty()
    page = seen(operator, address())
    assert marked(page) == {}
    assert texts(page, "//ul[@class='tree']//p") == ["excluded from the target"]
    Target.objects.update(entity_types=["course", "section"])
    publish(shelf, "3", units=4, titles=renamed("unit-0-0"))
    assert marked(seen(operator, address())) == {}


def test_fields_side_by_side(operator, shelf, receiver, in_step):
    receiver.faults.append(Refuse(503, times=None))
    publish(shelf, "2", titles={"unit-0-0": HOSTILE})
    page = seen(operator, address())
    (link,) = [one for one in page.xpath("//a[@class='fields']/@href") if "unit-0-0" in one]
    page = seen(operator, f"/course_sync/courses/{COURSE}/tree/{link.partition('#')[0]}")
    assert cells(page, "fields") == [
        ["parent_id", block("sequential", "subsection-0"), block("sequential", "subsection-0"), "same"],
        ["index", "0", "0", "same"],
        ["display_name", HOSTILE, "unit-0-0", "differs"],
    ]
    assert len(page.xpath("//a[contains(@href, '/act/exclude/')]")) == 1


@pytest.mark.parametrize("entity", ["nothing", HOSTILE, block("vertical", "unit-0-0", OTHER)])
def test_an_entity_that_is_not_there(operator, in_step, entity):
    assert "Neither has this entity." in seen(operator, address(entity=entity)).text_content()


def test_the_course_at_a_time(operator, versions):
    assert "unit-0-0" in entities(seen(operator, address(at=at(0.5))))
    page = seen(operator, address(at=at(1.5)))
    assert list(entities(page))[3] == "unit-0-0, renamed"
    assert len(entities(page)) == 11
    assert marked(page) == {}
    assert len(entities(seen(operator, address(at=at(9))))) == 7


def test_before_the_course_was_recorded(operator, versions):
    assert "The course has no entities" in seen(operator, address(at=at(-1))).text_content()


def test_the_difference_between_two_times(operator, versions):
    found = marked(seen(operator, address(at=at(0.5), until=at(9))))
    assert found["unit-0-0, renamed"] == ["renamed"]
    assert found["unit-0-3"] == ["added"]
    assert found["section-1"] == found["unit-1-2"] == ["deleted"]
    assert len(found) == 7


def test_what_was_pruned_is_told(operator, versions):
    JournalOperation.objects.filter(run__published_version="1").delete()
    text = seen(operator, address(at=at(0.5))).text_content()
    assert "The course can be shown from 2026-02-03T13:00:00Z on." in text
    assert len(entities(seen(operator, address(at=at(1))))) == 11


@pytest.mark.parametrize("wrong", ["yesterday", HOSTILE, "2026-13-01T10:00Z", "T", "0001-01-01T00:00+14:00"])
@pytest.mark.parametrize("name", ["at", "until"])
def test_a_wrong_time_is_told(operator, versions, name, wrong):
    page = seen(operator, address(**{"at": at(1), name: wrong}))
    (told,) = texts(page, "//li[@class='error']")
    assert "is not a time. Give a date or a time such as" in told


@pytest.mark.parametrize("written", ["2026-02-03T13:30Z", "2026-02-03 13:30", "2026-02-03T15:30+02:00"])
def test_times_may_be_written_in_many_ways(operator, versions, written):
    assert list(entities(seen(operator, address(at=written))))[3] == "unit-0-0, renamed"
    plus_as_it_is = seen(operator, f"/course_sync/courses/{COURSE}/tree/?at={written}")
    assert list(entities(plus_as_it_is))[3] == "unit-0-0, renamed"


@pytest.mark.parametrize("name", ["CRM", "nobody", HOSTILE])
def test_a_wrong_target_is_told(operator, in_step, name):
    assert texts(seen(operator, address(target=name)), "//li[@class='error']") == [
        "No target of this name gets the course."
    ]


def test_no_target(operator, shelf):
    publish(shelf, "1")
    assert "No target of this name gets the course." in seen(operator, address()).text_content()


def test_a_large_tree_shows_its_top_and_what_differs(operator, shelf, receiver, in_step, monkeypatch):
    monkeypatch.setattr(module, "MOST_LINES", 7)
    receiver.faults.append(Refuse(503, times=None))
    publish(shelf, "2", titles=renamed("unit-0-0"))
    page = seen(operator, address())
    assert list(entities(page)) == ["course", "section-0", "subsection-0", "unit-0-0, renamed", "section-1"]
    assert "only its top and what is marked is shown" in page.text_content()


def test_journal_and_course_that_do_not_fit_are_told(operator, shelf, in_step):
    publish(shelf, "2", titles=renamed("unit-0-0"))
    the_lane().course.entities.filter(id_digest__gt="").update(fields={})
    assert "What crm holds cannot be worked out" in seen(operator, address()).text_content()


@pytest.mark.parametrize(
    ("groups", "values", "status"),
    [
        ([], {"is_superuser": True}, 200),
        ([], {"is_staff": True}, 200),
        (["staff of Org"], {}, 200),
        (["admin of Other"], {}, 404),
        ([f"admin of {COURSE}"], {}, 403),
        ([], {}, 403),
    ],
)
def test_who_sees_it(client, in_step, groups, values, status):
    sign_in(client, *groups, **values)
    assert client.get(address()).status_code == status
    assert client.get(address(at=at(1))).status_code == status
    if status == 200 and not values.get("is_superuser"):
        assert seen(client, address(entity=UNIT)).xpath("//a[contains(@href, '/act/')]") == []


def test_a_visitor_is_sent_to_the_sign_in(client, in_step):
    assert client.get(address()).status_code == 302


def test_the_number_of_queries_does_not_grow(operator, shelf, receiver, in_step, django_assert_max_num_queries):
    for version in range(2, 6):
        receiver.faults.append(Fail(entity_id=block("vertical", f"unit-0-{version - 2}"), reason="no"))
        publish(shelf, str(version), titles=renamed(*(f"unit-0-{at}" for at in range(version - 1))))
        if version < 4:
            api.deliver_until_empty()
    with django_assert_max_num_queries(16):
        seen(operator, address(entity=UNIT))
    with django_assert_max_num_queries(16):
        seen(operator, address(at=at(1), until="2099-01-01"))
