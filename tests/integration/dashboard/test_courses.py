"""The list of courses: what it says of each, its filters, its pages, and who sees which courses."""

from __future__ import annotations

import pytest
from django.utils.http import urlencode

from course_sync_plugin import api
from course_sync_plugin.dashboard import courses as module
from tests.integration.courses import COURSE, a_course
from tests.integration.dashboard.people import HOSTILE, OTHER, cells, seen, sign_in, texts
from tests.integration.one_lane import publish

pytestmark = pytest.mark.django_db


def address(**filters: str) -> str:
    return f"/course_sync/courses/?{urlencode(filters)}"


def keys(client, **filters: str) -> list[str]:
    return [row[0] for row in cells(seen(client, address(**filters)), "courses")]


@pytest.fixture
def operator(client):
    return sign_in(client, is_staff=True)


def test_an_empty_site(operator, shelf):
    assert "There is no such course." in seen(operator, address()).text_content()


def test_the_state_of_each_course_at_each_target(operator, two_courses):
    page = seen(operator, address())
    assert cells(page, "courses") == [
        [OTHER, "recorded", "crm: in step"],
        [COURSE, "recorded", "crm: problems (1 problem)"],
    ]
    assert page.xpath("//tbody//a/@href") == [f"/course_sync/courses/{key}/" for key in (OTHER, COURSE)]


def test_a_course_that_is_not_recorded_and_operations_that_wait(operator, shelf, receiver):
    publish(shelf, "1")
    shelf.publish(a_course("2"))
    assert cells(seen(operator, address()), "courses") == [[COURSE, "not recorded", "crm: pending (11 operations)"]]


def test_a_course_that_cannot_be_read(operator, shelf, receiver):
    shelf.break_(ValueError(HOSTILE), "1")
    api.sync_course(COURSE)
    page = seen(operator, address())
    assert cells(page, "courses")[0][1].startswith("unreadable ValueError: <script>")
    assert page.xpath("//script[not(@src)]") == []


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"org": "Org"}, [COURSE]),
        ({"org": "ORG"}, []),
        ({"course": "oTHER+"}, [OTHER]),
        ({"target": "crm"}, [OTHER, COURSE]),
        ({"state": "problems"}, [COURSE]),
        ({"state": "in step"}, [OTHER]),
        ({"state": "in step", "target": "crm"}, [OTHER]),
        ({"state": "waiting for link"}, []),
        ({"state": "held"}, []),
        ({"before": "not a number"}, [OTHER, COURSE]),
        ({"before": "9" * 40}, [OTHER, COURSE]),
    ],
)
def test_filters(operator, two_courses, filters, found):
    assert keys(operator, **filters) == found


@pytest.mark.parametrize(
    ("filters", "error"),
    [
        ({"state": HOSTILE}, "No course or target ever has this state."),
        ({"target": "CRM"}, "There is no target 'CRM'"),
        ({"target": HOSTILE}, "There is no target"),
    ],
)
def test_wrong_filters_are_told(operator, two_courses, filters, error):
    page = seen(operator, address(**filters))
    (told,) = texts(page, "//li[@class='error']")
    assert told.startswith(error)
    assert page.xpath("//script[not(@src)]") == []


def test_the_filters_stay_in_the_form_and_in_the_next_page(operator, two_courses, monkeypatch):
    monkeypatch.setattr(module, "SIZE", 1)
    page = seen(operator, address(target="crm"))
    assert page.xpath("//input[@name='target']/@value") == ["crm"]
    (older,) = page.xpath("//a[@rel='next']/@href")
    assert older.startswith("?target=crm&before=")
    rest = seen(operator, f"/course_sync/courses/{older}")
    assert cells(rest, "courses")[0][0] == COURSE
    assert rest.xpath("//a[@rel='next']") == []


@pytest.mark.parametrize(
    ("groups", "values", "found"),
    [
        ([], {"is_superuser": True}, [OTHER, COURSE]),
        (["staff of Org"], {}, [COURSE]),
        (["admin of Other"], {}, [OTHER]),
        (["staff of Org", "staff of Other"], {}, [OTHER, COURSE]),
        (["staff of org"], {}, []),
        (["staff of Org", f"staff of {OTHER}"], {}, [OTHER, COURSE]),
    ],
)
def test_everybody_sees_their_own_courses(client, two_courses, groups, values, found):
    sign_in(client, *groups, **values)
    assert keys(client) == found
    assert keys(client, org="Other") == [key for key in found if key == OTHER]
    assert keys(client, course="Other") == [key for key in found if key == OTHER]


@pytest.mark.parametrize("groups", [[], [f"staff of {COURSE}"]])
def test_it_is_for_operators(client, two_courses, groups):
    sign_in(client, *groups)
    assert client.get(address()).status_code == 403


def test_a_visitor_is_sent_to_the_sign_in(client, two_courses):
    assert client.get(address()).status_code == 302


def many(shelf) -> list[str]:
    """Publish nine courses: three that were recorded, three that were published again, three that cannot be read."""
    names = [f"course-v1:{org}+C{number}+1" for number in range(3) for org in ("Org", "Ort", "ORG")]
    for name in names:
        shelf.publish(a_course("1", course=name))
        api.sync_course(name)
    for again in names[1::3]:
        shelf.publish(a_course("2", course=again))
    for broken in names[2::3]:
        shelf.break_(ValueError("broken"), "3", course=broken)
        api.sync_course(broken)
    return names


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, range(9)),
        ({"org": "Org"}, (0, 3, 6)),
        ({"text": "org+c1"}, (3, 5)),
        ({"text": "ÖRG"}, ()),
        ({"state": "pending"}, range(9)),
        ({"state": "pending", "target": "crm", "org": "ORG"}, (2, 5, 8)),
        ({"state": "not recorded"}, (1, 4, 7)),
        ({"state": "unreadable"}, (2, 5, 8)),
        ({"state": "unreadable", "org": "Org"}, ()),
        ({"state": "in step"}, ()),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_all_pages_together_have_each_course_once(shelf, receiver, filters, numbers, size):
    names, found, before = many(shelf), [], None
    while True:
        one = api.list_courses(api.CourseFilters(**filters), None, before, size)
        found += [course.key for course in one.courses]
        before = one.older_than
        if before is None:
            break
        assert len(one.courses) == size
    assert found == [names[number] for number in sorted(numbers, reverse=True)]


def test_a_page_reads_the_published_versions_of_few_courses(shelf, receiver, monkeypatch):
    many(shelf)
    asked = []
    monkeypatch.setattr(type(shelf), "published_versions", lambda self, some: asked.append(len(some)) or ())
    assert len(api.list_courses(api.CourseFilters(), None, None, 2).courses) == 2
    assert asked == [4]


@pytest.mark.parametrize("filters", [{}, {"target": "crm", "state": "problems"}])
def test_the_number_of_queries_is_small(operator, shelf, receiver, django_assert_max_num_queries, filters):
    for number in range(5):
        shelf.publish(a_course("1", course=f"course-v1:Org+Course+{number}"))
        api.sync_course(f"course-v1:Org+Course+{number}")
    with django_assert_max_num_queries(12):
        seen(operator, address(**filters))
