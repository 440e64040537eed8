"""The filters that several commands share."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta

import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.management.subcommands.base import WrongUsage
from course_sync_plugin.management.subcommands.filters import filter_arguments, read_filters
from course_sync_plugin.models import DatabaseNow, Lane, Problem
from course_sync_plugin.testing.faults import Fail
from course_sync_plugin.testing.receiver import Receiver
from course_sync_plugin.upkeep.filters import Filters
from tests.integration.courses import COURSE, a_course, block
from tests.integration.one_lane import renamed

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "course-v1:Org+Course+Other"
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def typed(*arguments: str) -> Filters:
    """Return the filters that a command reads from its arguments."""
    parser = argparse.ArgumentParser()
    filter_arguments(parser)
    return read_filters(vars(parser.parse_args(arguments)))


@pytest.fixture
def problems(shelf, receiver) -> dict[str, Problem]:
    """Make two targets refuse the update of a unit, and the second also that of a section of another course."""
    with Receiver() as second:
        api.add_target("lms", url=second.url, secret=second.secret)
        for course in (COURSE, OTHER):
            shelf.publish(a_course("1", course=course))
            api.sync_course(course)
        api.deliver_until_empty()
        for one in (receiver, second):
            one.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), times=1))
        second.faults.append(Fail(entity_id=block("chapter", "section-1", OTHER), times=1))
        shelf.publish(a_course("2", titles=renamed("unit-0-0")))
        shelf.publish(a_course("2", course=OTHER, titles=renamed("section-1")))
        api.sync_course(COURSE)
        api.sync_course(OTHER)
        api.deliver_until_empty()
    rows = Problem.objects.select_related("lane__target", "operation")
    found = {f"{one.lane.target.name} {one.operation.entity_type}": one for one in rows}
    assert found.keys() == {"crm unit", "lms unit", "lms section"}
    Problem.objects.update(since=BEGAN)
    return found


def chosen(filters: Filters, problems: dict[str, Problem]) -> set[str]:
    keys = set(filters.problems().values_list("pk", flat=True))
    lanes = set(filters.lanes().values_list("pk", flat=True))
    assert {one.lane_id for one in problems.values() if one.pk in keys} <= lanes
    return {name for name, one in problems.items() if one.pk in keys}


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], ["crm unit", "lms unit", "lms section"]),
        (["--target", "lms"], ["lms unit", "lms section"]),
        (["--course", COURSE], ["crm unit", "lms unit"]),
        (["--target", "lms", "--course", OTHER], ["lms section"]),
        (["--entity-type", "section"], ["lms section"]),
        (["--operation", "update"], ["crm unit", "lms unit", "lms section"]),
        (["--operation", "delete"], []),
        (["--since", "2026-03-01"], ["crm unit", "lms unit", "lms section"]),
        (["--since", "2026-03-01T12:00:00Z"], ["crm unit", "lms unit", "lms section"]),
        (["--since", "2026-03-01T12:00:01"], []),
        (["--until", "2026-03-01T12:00"], []),
        (["--until", "2026-03-01T13:00:01+01:00"], ["crm unit", "lms unit", "lms section"]),
        (["--until", "2026-03-01T13:00:00+01:00"], []),
    ],
    ids=" ".join,
)
def test_each_filter_chooses(problems, arguments, names):
    assert chosen(typed(*arguments), problems) == set(names)


def test_an_id_chooses_its_operation_in_every_lane(problems):
    filters = typed("--id", str(problems["crm unit"].operation.operation_id))
    assert chosen(filters, problems) == {"crm unit", "lms unit"}
    assert filters.lanes().count() == 2


def test_lanes_that_can_be_updated(problems):
    """MySQL refuses an UPDATE of a table that its subquery reads."""
    assert typed("--course", OTHER, "--entity-type", "section").lanes().update(paused=True) == 1
    assert Lane.objects.filter(paused=True).get().pk == problems["lms section"].lane_id


def test_a_time_also_chooses_lanes_without_an_answer(problems):
    Problem.objects.all().delete()
    lane = problems["lms section"].lane_id
    Lane.objects.filter(pk=lane).update(retrying_since=BEGAN)
    assert [one.pk for one in typed("--since", "2026-03-01").lanes()] == [lane]
    assert not typed("--until", "2026-03-01").lanes()
    assert not typed("--since", "2026-03-01", "--entity-type", "unit").lanes()


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("30m", 1800), ("2h", 7200), ("3d", 259200), ("1w", 604800)]
)
def test_a_duration_means_ago(problems, text, seconds):
    """By the clock of the database."""
    now = Lane.objects.annotate(now=DatabaseNow()).values_list("now", flat=True)[0]
    assert abs(now - typed("--since", text).since - timedelta(seconds=seconds)) < timedelta(seconds=20)


@pytest.mark.django_db
def test_a_duration_without_a_lane():
    assert datetime.now(UTC) - typed("--until", "1h").until < timedelta(hours=1, seconds=20)


@pytest.mark.parametrize(
    "text",
    ["soon", "2 h", "367d", "999999999w", "-1h", "1.5h", "٣d", "2026-13-01", "0001-01-01T00:00+14:00", "1999-01-01",
     "9999-12-31T23:59-12:00", "10000-01-01"],
)  # fmt: skip
def test_what_is_no_time(text):
    with pytest.raises(WrongUsage, match=r"--since: .* is not a time"):
        typed(f"--since={text}")


def test_a_time_range_that_is_empty():
    with pytest.raises(WrongUsage, match="--since must be before --until"):
        typed("--since", "2026-03-02", "--until", "2026-03-01")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["--target", "crmm"], UnknownName, "Did you mean 'crm'?"),
        (["--target", "CRM"], UnknownName, "There is no target"),
        (["--course", "nonsense"], ConfigurationError, "is not a course key"),
        (["--course", "course-v1:Org+Course+Runn"], UnknownName, f"Did you mean {COURSE}?"),
        (["--entity-type", "units"], UnknownName, "Did you mean 'unit'?"),
        (["--entity-type", "Unit"], UnknownName, "Did you mean 'unit'?"),
        (["--operation", "updat"], UnknownName, "Did you mean 'update'?"),
        (["--operation", "UPDATE"], UnknownName, "the kinds are create, update, move, delete"),
        (["--id", "17"], ConfigurationError, "is not the id of an operation"),
        (["--id", "261fd25b-4574-47d8-9594-4a4d68f4bdaf"], UnknownName, "There is no operation"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_unknown(problems, arguments, error, said):
    for choose in (Filters.problems, Filters.lanes):
        with pytest.raises(error, match=re.escape(said)):
            choose(typed(*arguments))


def test_a_course_that_was_published_and_never_recorded(problems, shelf):
    shelf.put(a_course("1", course="course-v1:Org+Course+New"))
    filters = typed("--course", "course-v1:Org+Course+New")
    assert not filters.problems()
    assert not filters.lanes()
