"""The feed of changes: in order, complete, and told as soon as there is something."""

from __future__ import annotations

import pytest
from django.test import Client

from course_sync_plugin import api
from course_sync_plugin.models import DatabaseNow, JournalOperation, Run
from course_sync_plugin.rest_api.v1.resources import operations
from course_sync_plugin.upkeep.reports import feed
from tests.integration.courses import COURSE, a_course
from tests.integration.rest_api.conftest import OTHER

pytestmark = pytest.mark.django_db

FEED = "/api/course_sync/v1/operations"


@pytest.fixture
def client(shelf, sign_in) -> Client:
    return sign_in("global staff")


def publish(shelf, version: str, course: str = COURSE, **changes) -> None:
    """Record a version. Its run is old: a database that has run other tests begins with a gap in the keys."""
    publish_now(shelf, version, course, **changes)
    Run.objects.update(ended_at=DatabaseNow(-feed.SETTLED_SECONDS - 1))


def publish_now(shelf, version: str, course: str = COURSE, **changes) -> None:
    shelf.publish(a_course(version, course=course, **changes))
    api.sync_course(course)


def read(client, address: str) -> tuple[list[dict], str]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"], answer.json()["next"]


def follow(client, address: str) -> tuple[list[dict], str]:
    """Follow ``next`` until there is nothing new."""
    found: list[dict] = []
    while True:
        page, address = read(client, address)
        if not page:
            return found, address
        found += page


def test_from_the_beginning_to_the_end_and_on(client, shelf):
    publish(shelf, "1")
    publish(shelf, "1", OTHER)
    found, address = follow(client, f"{FEED}?after=0&limit=4")
    assert [one["id"] for one in found] == [*JournalOperation.objects.order_by("pk").values_list("pk", flat=True)]
    assert len(found) == 22
    publish(shelf, "2", titles={"unit-0-0": "new"})
    (change,), _next = follow(client, address)
    assert (change["operation"], change["fields"], change["published_version"]) == (
        "update",
        {"display_name": "new"},
        "2",
    )


def test_of_one_course(client, shelf):
    publish(shelf, "1")
    publish(shelf, "1", OTHER)
    found, address = follow(client, f"{FEED}?after=0&limit=5&course={OTHER.replace('+', '%2B')}")
    assert [one["position"] for one in found] == list(range(1, 12))
    assert {one["course_id"] for one in found} == {OTHER}
    publish(shelf, "2", units=4)
    assert follow(client, address)[0] == []


def test_what_is_for_one_target_is_not_in_it(client, shelf, receiver):
    publish(shelf, "1")
    api.deliver_until_empty()
    plan = api.reset_plan("crm", [COURSE])
    api.reset_shown("crm", plan.token, [COURSE])
    api.deliver_until_empty()
    assert JournalOperation.objects.exclude(lane=None).exists()
    assert len(follow(client, f"{FEED}?after=0")[0]) == 11
    assert {one["target"] for one in client.get(FEED).json()["results"]} == {"crm", None}


def test_what_follows_a_young_gap_waits(client, shelf):
    """A transaction may have taken the missing key and not be committed yet."""
    publish(shelf, "1", OTHER)
    publish_now(shelf, "1")
    keys = [*JournalOperation.objects.order_by("pk").values_list("pk", flat=True)]
    missing = JournalOperation.objects.get(pk=keys[15])
    JournalOperation.objects.filter(pk=missing.pk).delete()
    found, address = follow(client, f"{FEED}?after=0&limit=3")
    assert [one["id"] for one in found] == keys[:15]
    missing.save(force_insert=True)  # now it is committed
    assert [one["id"] for one in follow(client, address)[0]] == keys[15:]


def test_what_follows_an_old_gap_does_not_wait(client, shelf):
    publish(shelf, "1")
    keys = [*JournalOperation.objects.order_by("pk").values_list("pk", flat=True)]
    JournalOperation.objects.filter(pk=keys[5]).delete()
    assert [one["id"] for one in follow(client, f"{FEED}?after=0&limit=3")[0]] == keys[:5] + keys[6:]


def test_a_gap_in_another_course_holds_the_feed_of_a_course_too(client, shelf):
    """The missing key may be of any course."""
    publish_now(shelf, "1", OTHER)
    publish_now(shelf, "1")
    JournalOperation.objects.filter(course__key=OTHER).order_by("pk")[5].delete()
    assert follow(client, f"{FEED}?after=0&course={COURSE.replace('+', '%2B')}")[0] == []


def test_the_search_for_a_gap_is_bounded(client, shelf, monkeypatch):
    monkeypatch.setattr(feed, "MOST_KEYS", 4)
    publish_now(shelf, "1")
    JournalOperation.objects.order_by("pk")[2].delete()
    assert len(follow(client, f"{FEED}?after=0")[0]) == 10


def test_it_waits_no_longer_than_it_was_asked_to(client, shelf, monkeypatch):
    slept: list[float] = []
    now = [0.0]
    monkeypatch.setattr(operations.time, "monotonic", lambda: now[0])

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(operations.time, "sleep", sleep)
    assert read(client, f"{FEED}?after=0&wait=3")[0] == []
    assert sum(slept) == 3
    assert read(client, f"{FEED}?after=0")[0] == []
    assert sum(slept) == 3


def test_it_answers_as_soon_as_there_is_a_change(client, shelf, monkeypatch):
    monkeypatch.setattr(operations.time, "sleep", lambda seconds: publish(shelf, "1"))
    assert len(read(client, f"{FEED}?after=0&wait=25")[0]) == 11


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("after=0&wait=26", "wait"), ("wait=1", "wait"), ("after=-1", "after"), ("after=x", "after"),
        ("after=0&cursor=1", "cursor"), ("after=99999999999999999999", "after"), ("after=1&after=2", "after"),
    ],
)  # fmt: skip
def test_a_wrong_position(client, query, name):
    answer = client.get(f"{FEED}?{query}")
    assert answer.status_code == 400
    assert [one["name"] for one in answer.json()["errors"]] == [name]


def test_the_number_of_queries_does_not_grow(client, shelf, django_assert_max_num_queries):
    for number in range(8):
        publish(shelf, "1", f"course-v1:Org+Course+{number}")
    with django_assert_max_num_queries(10):
        assert len(read(client, f"{FEED}?after=0&limit=200")[0]) == 88
