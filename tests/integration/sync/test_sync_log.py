"""How each sync went is kept: its steps, its counts, and why it failed."""

from __future__ import annotations

import re
import time

import pytest
from django.db import DatabaseError
from django.db.models import F

from course_sync_plugin import api
from course_sync_plugin.exceptions import InvalidCourse
from course_sync_plugin.models import DatabaseNow, Run, SyncLog
from course_sync_plugin.sync import record
from course_sync_plugin.sync.sync_log import STACK_CHARACTERS, Steps, stack_of
from tests.integration.courses import COURSE, a_course, own_queries, recorded
from tests.integration.one_lane import publish, renamed

pytestmark = pytest.mark.django_db(transaction=True)


def steps(row: SyncLog) -> list[str]:
    assert all(one["seconds"] >= 0 for one in row.steps)
    return [one["step"] for one in row.steps]


def test_a_sync_that_recorded(shelf):
    publish(shelf, "1")
    publish(shelf, "2", titles=renamed("unit-0-0", "unit-1-0"))
    first, second = SyncLog.objects.order_by("pk")
    assert (first.outcome, first.counts, first.run_id) == ("recorded", {"create": 11}, Run.objects.order_by("pk")[0].pk)
    assert (second.outcome, second.counts, second.published_version) == ("recorded", {"update": 2}, "2")
    assert steps(second) == ["compare versions", "read", "diff", "record"]
    assert (second.course, second.course_key, second.error, second.stack) == (recorded(), COURSE, "", "")
    assert second.state == {"incomplete": False, "warnings": 0, "markers": 1}
    assert second.seconds >= sum(one["seconds"] for one in second.steps) - 0.01
    assert SyncLog.objects.filter(began_at__lt=DatabaseNow()).count() == 2
    assert Run.objects.filter(began_at__lt=F("ended_at")).count() == 2


def test_a_sync_that_was_held(shelf, settings):
    settings.COURSE_SYNC_MASS_DELETE_PERCENT = settings.COURSE_SYNC_MASS_DELETE_COUNT = 0
    publish(shelf, "1")
    publish(shelf, "2", sections=1)
    row = SyncLog.objects.order_by("pk").last()
    assert (row.outcome, row.counts, row.run_id) == ("held", {"delete": 5}, None)
    assert steps(row)[-1] == "hold"


def test_a_held_course_that_cannot_be_read(shelf, settings):
    settings.COURSE_SYNC_MASS_DELETE_PERCENT = settings.COURSE_SYNC_MASS_DELETE_COUNT = 0
    publish(shelf, "1")
    publish(shelf, "2", sections=1)
    shelf.break_(InvalidCourse("no end tag"), "3")
    api.sync_course(COURSE)
    assert SyncLog.objects.order_by("pk").last().state["held"] is True


@pytest.mark.parametrize("version", ["1", "2"], ids=["the same version", "a new version of the same content"])
def test_an_unchanged_course_writes_nothing(shelf, version):
    publish(shelf, "1")
    with own_queries() as queries:
        publish(shelf, version)
    assert not [query for query in queries if "synclog" in query]
    assert SyncLog.objects.count() == 1


def test_the_error_of_another_package_has_the_class_that_says_who_must_act(shelf):
    class Torn(InvalidCourse):
        """An error of the reader of another package."""

    shelf.break_(Torn("chapter/a.xml is torn"), "1")
    api.sync_course(COURSE)
    assert SyncLog.objects.get().error_class == "InvalidCourse"


def test_a_course_that_cannot_be_read(shelf):
    publish(shelf, "1")
    shelf.break_(InvalidCourse("chapter/a.xml line 3: no end tag"), "2")
    for _ in range(2):
        api.sync_course(COURSE)
    row = SyncLog.objects.order_by("pk").last()
    assert (row.outcome, row.error_class, row.published_version) == ("unreadable", "InvalidCourse", "2")
    assert row.error == "chapter/a.xml line 3: no end tag"
    assert steps(row) == ["compare versions", "read"]
    assert row.stack.endswith("InvalidCourse: chapter/a.xml line 3: no end tag")
    assert row.stack.count("InvalidCourse") == 1, "a short stack is kept as it is"
    assert "sync/course.py:" in row.stack
    assert row.state == {
        "recorded_version": "1", "attempts": 2, "markers": 1, "lease": True, "held": False, "source": "Shelf",
        "reread": False,
    }  # fmt: skip
    assert SyncLog.objects.filter(outcome="unreadable").count() == 2, "each failure is kept"


def test_a_failure_survives_the_rollback_of_what_it_recorded(shelf, monkeypatch):
    """The row of a success is rolled back with its run, that of the failure is not."""
    publish(shelf, "1")

    def broken(_course: object, **_options: object) -> None:
        raise DatabaseError("the server has gone away")

    monkeypatch.setattr(record, "wake_lanes", broken)
    publish(shelf, "2", titles=renamed("unit-0-0"))
    assert Run.objects.count() == 1
    assert [one.outcome for one in SyncLog.objects.order_by("pk")] == ["recorded", "unreadable"]
    row = SyncLog.objects.order_by("pk").last()
    assert (row.error_class, steps(row)[-1]) == ("DatabaseError", "record")


def test_a_failure_that_cannot_be_kept(shelf, monkeypatch, caplog):
    """It is logged. The sync still stores the error with the course and looks at it again."""

    def broken(*_args: object, **_options: object) -> None:
        raise DatabaseError("no such table")

    shelf.break_(InvalidCourse("no end tag"), "1")
    monkeypatch.setattr(SyncLog, "save", broken)
    api.sync_course(COURSE)
    assert recorded().last_error == "no end tag"
    assert "its failure was not kept (DatabaseError)" in caplog.text


def test_a_stack_has_no_local_variables_and_an_end(shelf):
    def deep(secret: str, depth: int = 0) -> None:
        if depth == 400:
            raise ValueError("x" * 5000)
        (deep if depth % 2 else lambda *args: deep(*args))(secret, depth + 1)

    try:
        try:
            deep("p4ssw0rd")
        except ValueError as error:
            raise KeyError("outer") from error
    except KeyError as error:
        stack = stack_of(error)
    assert "p4ssw0rd" not in stack
    assert STACK_CHARACTERS - 10 < len(stack) <= STACK_CHARACTERS
    assert stack.endswith("KeyError: 'outer'")


@pytest.mark.parametrize("how", ["because of it", "while it is handled", "instead of it"])
def test_a_stack_shows_the_causes_first_on_one_line(how):
    def fails() -> None:
        raise ValueError("first")

    def answers() -> None:
        try:
            fails()
        except ValueError as error:
            if how == "while it is handled":
                raise KeyError("second")  # noqa: B904
            raise KeyError("second") from (error if how == "because of it" else None)

    with pytest.raises(KeyError) as raised:
        answers()
    here = "integration/sync/test_sync_log.py in"
    cause = [f"{here} answers", f"{here} fails", "ValueError: first"]
    own = [f"{here} test_a_stack_shows_the_causes_first_on_one_line", f"{here} answers", "KeyError: 'second'"]
    shown = re.sub(r":\d+ in", " in", stack_of(raised.value)).split(" | ")
    assert shown == (own if how == "instead of it" else [*cause, *own])


def test_a_step_has_its_seconds():
    steps = Steps()
    with steps.step("read"):
        time.sleep(0.02)
    (read,) = steps.as_list()
    assert (read["step"], 0.02 <= read["seconds"] <= steps.seconds + 0.001) == ("read", True)


def test_the_course_is_recorded_all_the_same(shelf):
    publish(shelf, "1")
    assert recorded().published_version == a_course("1").published_version
