"""What ``status`` says of linked systems: courses without a link, and decisions that wait for a person."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.models import Conflict, Course, DatabaseNow, Link, Proposal
from tests.integration.courses import COURSE, own_queries
from tests.integration.one_lane import publish

pytestmark = pytest.mark.django_db


def said(*options: str) -> str:
    out = StringIO()
    call_command("course_sync", "status", *options, stdout=out)
    return out.getvalue()


def a_decision(model: type, link: Link | None, state: str, target: str = "crm", number: int = 1) -> None:
    values = {"course": Course.objects.get(), "link": link, "target_name": target, "state": state}
    for _one in range(number):
        model.objects.create(entity_id="e", id_digest="d", field="f", since=DatabaseNow(), **values)


def counts(target: dict) -> tuple[int, int, int]:
    return target["waiting_for_link"], target["proposals"], target["conflicts"]


@pytest.fixture
def unlinked(db, shelf, far) -> None:
    publish(shelf, "1")
    api.add_target("crm", backend="memory")
    api.deliver_until_empty()


@pytest.mark.parametrize("read", [api.status, api.status_overview], ids=["all", "overview"])
def test_a_target_whose_only_course_waits_for_a_link(unlinked, read):
    (target,) = read()["targets"]
    assert (target["state"], counts(target)) == ("waiting for link", (1, 0, 0))


def test_it_is_said_with_the_way_out(unlinked):
    shown = said()
    assert "waiting for link" in shown
    assert "crm: 1 course waits for a link; 'link COURSE crm' makes one" in shown
    assert "in step  " not in shown


@pytest.mark.parametrize("read", [api.status, api.status_overview], ids=["all", "overview"])
def test_a_course_that_waits_for_a_link_is_not_in_step(unlinked, read):
    found = read()
    counted = ("courses_total", "courses_in_step", "courses_waiting_for_link")
    assert [found[name] for name in counted] == [1, 0, 1]


def test_it_is_counted_apart(unlinked, shelf):
    shown = said()
    assert "0 of 1 course is in step. 1 course waits for a link." in shown
    assert "Courses\n" not in shown, "such a course is not listed: a site may have thousands"
    assert "… and" not in shown
    assert "course_sync_courses_waiting_for_link 1.0" in said("--prometheus")


def test_it_is_found_in_the_list_of_courses(unlinked):
    def listed(state):
        return [one.key for one in api.list_courses(api.CourseFilters(state=state), None, None, 10).courses]

    assert (listed("in step"), listed("waiting for link")) == ([], [COURSE])


def test_a_course_that_is_linked_at_one_target_and_not_at_another(linked):
    api.deliver_until_empty()
    api.add_target("other", backend="memory")
    api.deliver_until_empty()
    assert "0 of 1 course is in step. 1 course waits for a link." in said()
    assert "1 of 1 course is in step." in said("--target", "crm")
    assert "waits for a link." not in said("--target", "crm")


def test_one_that_is_not_recorded_is_not_said_to_wait_for_a_link(unlinked):
    Course.objects.update(published_version="older")
    found = api.status_overview()
    assert (found["courses_not_recorded"], found["courses_waiting_for_link"]) == (1, 0)


def test_a_paused_target_whose_only_course_waits_for_a_link(unlinked):
    api.pause("crm")
    assert [read()["targets"][0]["state"] for read in (api.status, api.status_overview)] == ["paused", "paused"]


def test_a_linked_target_is_in_step(linked):
    api.deliver_until_empty()
    (target,) = api.status_overview()["targets"]
    assert (target["state"], counts(target)) == ("in step", (0, 0, 0))
    assert not any(word in said() for word in ("proposal", "conflict", "link"))


def test_what_waits_for_a_person_is_counted(linked):
    api.add_target("other", backend="memory")
    api.deliver_until_empty()
    for state, number in (("open", 2), ("written", 1), ("published", 1), ("rejected", 1)):
        a_decision(Proposal, linked, state, number=number)
    for state, number in (("open", 4), ("decided", 1), ("resolved", 1)):
        a_decision(Conflict, linked, state, number=number)
    a_decision(Proposal, None, "open", "other")
    for status in (api.status(), api.status_overview(), api.status(COURSE)):
        assert {one["name"]: counts(one) for one in status["targets"]} == {"crm": (0, 3, 4), "other": (1, 1, 0)}
    shown = said()
    assert "crm: 3 proposals wait for an author; 'proposals --target crm' shows them" in shown
    assert "crm: 4 conflicts wait for a person; 'conflicts --target crm' shows them" in shown


def test_those_of_another_course_are_not_counted(linked, shelf):
    a_decision(Proposal, linked, "open")
    Course.objects.create(key="course-v1:A+B+C", key_digest="x", last_position=1, published_version="1")
    Proposal.objects.update(course=Course.objects.get(key="course-v1:A+B+C"))
    (target,) = api.status(COURSE)["targets"]
    assert counts(target) == (0, 0, 0)


def test_the_queries_do_not_grow(linked):
    api.deliver_until_empty()
    found = []
    for number in (0, 20):
        a_decision(Proposal, linked, "open", number=number)
        a_decision(Conflict, linked, "open", number=number)
        with own_queries() as queries:
            api.status_overview()
        found.append(len(queries))
    assert found[0] == found[1] <= 9
