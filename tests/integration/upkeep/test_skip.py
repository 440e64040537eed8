"""``skip`` skips only operations that were named or shown."""

from __future__ import annotations

import json

import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import UnknownName
from course_sync_plugin.models import Lane, Problem, ProblemState, Run
from course_sync_plugin.testing.faults import Fail
from tests.integration.courses import COURSE, a_course, block, exit_status, own_queries

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "course-v1:Org+Course+Other"
CRM = api.Filters("crm")


def retitle(shelf, *names: str, title: str = "another title", course: str = COURSE) -> None:
    """Publish, sync and deliver a course in which these units have a new title."""
    shelf.publish(a_course(f"v{Run.objects.count() + 1}", course=course, titles=dict.fromkeys(names, title)))
    api.sync_course(course)
    api.deliver_until_empty()


def refuse(shelf, receiver, *names: str, course: str = COURSE) -> None:
    """Do the same, and let the receiver refuse the title of the last unit, the only one that is new."""
    receiver.faults.append(Fail(entity_id=block("vertical", names[-1], course), reason="no room"))
    retitle(shelf, *names, course=course)


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Run 'skip'; return exit status, output and errors."""
    return exit_status("skip", *arguments), *capsys.readouterr()


def count(state: ProblemState) -> int:
    return Problem.objects.filter(state=state).count()


@pytest.fixture
def refused(shelf, receiver):
    """Deliver two courses, then let the receiver refuse two units of the first and one of the second."""
    for course in (COURSE, OTHER):
        shelf.publish(a_course("v1", course=course))
        api.sync_course(course)
    api.deliver_until_empty()
    refuse(shelf, receiver, "unit-0-0")
    refuse(shelf, receiver, "unit-0-0", "unit-0-1")
    refuse(shelf, receiver, "unit-0-0", course=OTHER)
    return shelf


def test_it_shows_what_failed_and_gives_up_nothing(refused, capsys):
    status, out, _err = run(capsys, "crm")
    first, second = api.skip_plans(CRM)
    assert status == 0
    assert out.splitlines() == [
        f"crm, {COURSE}: would skip 2 operations permanently",
        f"  update {block('vertical', 'unit-0-0')}: no room",
        f"  update {block('vertical', 'unit-0-1')}: no room",
        f"  token: {first.token}",
        f"crm, {OTHER}: would skip 1 operation permanently",
        f"  update {block('vertical', 'unit-0-0', OTHER)}: no room",
        f"  token: {second.token}",
        f"To carry out exactly this: skip crm --yes --token {first.token} --token {second.token}",
    ]
    assert count(ProblemState.FAILED) == 3


def test_the_ready_command_gives_up_all_that_was_shown(refused, capsys):
    ready = run(capsys, "crm", "--course", COURSE)[1].splitlines()[-1].partition(": skip ")[2]
    status, out, _err = run(capsys, *ready.split())
    assert (status, out) == (0, "2 operations were skipped permanently; the operations parked behind them go on.\n")
    assert [problem.course_key for problem in api.problems()] == [OTHER]
    api.deliver_until_empty()
    assert api.status()["courses"][1]["lanes"][0]["state"] == "in step"


def test_what_fails_after_somebody_looked_is_not_given_up(refused, receiver, capsys):
    first, second = (plan.token for plan in api.skip_plans(CRM))
    refuse(refused, receiver, "unit-0-0", "unit-0-1", "unit-1-0")
    assert count(ProblemState.FAILED) == 4
    status, out, _err = run(capsys, "crm", "--yes", "--token", first, second)
    assert status == 1
    assert out.splitlines() == [
        f"The plan of token {first} is no longer valid: it has changed or was carried out. Show the plans again.",
        "1 operation was skipped permanently; the operations parked behind it go on.",
    ]
    assert {problem.course_key for problem in api.problems()} == {COURSE}
    assert count(ProblemState.FAILED) == 3


def test_json(refused, capsys):
    plans = json.loads(run(capsys, "crm", "--json")[1])
    assert [(plan["course_id"], len(plan["operations"])) for plan in plans] == [(COURSE, 2), (OTHER, 1)]
    status, out, _err = run(capsys, "crm", "--yes", "--token", plans[1]["token"], "0" * 12, "--json")
    assert status == 1
    done = json.loads(out)
    assert done["skipped"] == 1
    assert [(one["token"], one["operations"], bool(one["error"])) for one in done["tokens"]] == [
        (plans[1]["token"], 1, False),
        ("0" * 12, 0, True),
    ]


def test_one_that_is_named_by_its_id_needs_no_token(refused, capsys):
    operation = api.skip_plans(CRM)[0].problems[0].operation_id
    assert json.loads(run(capsys, "crm", "--id", operation, "--json")[1])[0]["operations"] == [operation]
    assert count(ProblemState.FAILED) == 3
    assert json.loads(run(capsys, "crm", "--id", operation, "--yes", "--json")[1])["skipped"] == 1
    assert count(ProblemState.FAILED) == 2
    with pytest.raises(UnknownName):
        api.skip("crm", operation)


def test_a_token_is_for_one_target(refused, receiver, capsys):
    shown = [plan.token for plan in api.skip_plans(CRM)]
    api.add_target("other", url=receiver.url)
    assert [one.operations for one in api.skip_shown(shown, api.Filters("other"))] == [0, 0]
    assert count(ProblemState.FAILED) == 3


def test_the_other_lanes_of_the_target_are_left_alone(refused):
    """A lane with a skipped operation goes on at once; other lanes keep their due time."""
    Lane.objects.update(due_at=None)
    chosen = api.Filters("crm", OTHER)
    api.skip_shown([api.skip_plans(chosen)[0].token], chosen)
    assert [lane.course.key for lane in Lane.objects.exclude(due_at=None)] == [OTHER]


@pytest.mark.parametrize(
    "arguments",
    [["--yes"], ["--token", "0" * 12], ["--operation", "update", "--yes"]],
    ids=" ".join,
)
def test_wrong_usage_gives_up_nothing(refused, capsys, arguments):
    status, out, err = run(capsys, "crm", *arguments)
    assert (status, out) == (2, "")
    assert "--token" in err
    assert count(ProblemState.FAILED) == 3


def test_what_is_parked_behind_is_said(refused, receiver, capsys):
    retitle(refused, "unit-0-0", title="a third one", course=OTHER)
    assert "    1 operation is parked behind it" in run(capsys, "crm", "--course", OTHER)[1].splitlines()


def skip_plans(name: str, course: str) -> None:
    api.skip_plans(api.Filters(name, course))


@pytest.mark.parametrize("look", [skip_plans, api.retry], ids=lambda look: look.__name__)
def test_its_queries_do_not_grow_with_the_courses(refused, look):
    counts = []
    for course in (COURSE, ""):
        with own_queries() as queries:
            look("crm", course)
        counts.append(len(queries) - bool(course))  # this query looks for the lane of the course
    assert counts[0] == counts[1]
