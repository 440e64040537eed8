"""Each kind of finding: it is found, nothing else is, its repair mends it, and a second check is clean.

Each case breaks the tables of a site that is in step, in one way. ``VICTIM`` names the row that it broke.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F

from course_sync_plugin import api
from course_sync_plugin.data import Operation
from course_sync_plugin.models import (
    Course,
    DatabaseNow,
    Entity,
    Envelope,
    HeldRun,
    JournalOperation,
    Lane,
    Marker,
    Problem,
    ProblemState,
    Run,
    RunKind,
    Target,
    digest_of,
)
from course_sync_plugin.structure.digest import digest
from course_sync_plugin.testing.faults import Fail, Refuse
from course_sync_plugin.testing.receiver import Receiver
from course_sync_plugin.upkeep.check.table import CHECKS, DEEP
from tests.conftest import ROOT
from tests.integration.courses import COURSE, a_course, block, exit_status, own_queries
from tests.integration.one_lane import publish, renamed, states, the_lane
from tests.integration.upkeep.prune.ages import age

pytestmark = pytest.mark.django_db

UNIT = block("vertical", "unit-0-0")
HOURS = -2 * 3600


def lanes():
    return Lane.objects.all()


def orphan_lane(shelf, receiver):
    with connection.constraint_checks_disabled():
        Lane.objects.create(target_id=4711, course=Course.objects.get(), cursor=0)


def orphan_of_a_course(shelf, receiver):
    with connection.constraint_checks_disabled():
        Lane.objects.create(target=Target.objects.get(), course_id=4711, cursor=0)


def missing_lane(shelf, receiver):
    Lane.objects.all().delete()


def lane_lease(shelf, receiver):
    lanes().update(lease_token="dead", lease_until=DatabaseNow(HOURS))


def not_due(shelf, receiver):
    publish(shelf, "v2", titles=renamed("unit-0-0"))
    lanes().update(due_at=None)


def due_in_a_century(shelf, receiver):
    lanes().update(due_at="2199-01-01T00:00:00Z")


def without_baseline_and_not_due(shelf, receiver):
    lanes().update(cursor=None, due_at=None)


def cursor_beyond_journal(shelf, receiver):
    lanes().update(cursor=1000, end=1000)


def end_beyond_journal(shelf, receiver):
    lanes().update(end=1000)


def end_behind_journal(shelf, receiver):
    publish(shelf, "v2", titles=renamed("unit-0-0"))
    lanes().update(end=3, cursor=3, due_at=None)


def end_behind_cursor(shelf, receiver):
    course = Course.objects.get()
    JournalOperation.objects.filter(position__gt=course.last_position - 2).update(lane=4712)
    lanes().update(end=course.last_position - 2, cursor=course.last_position)


def an_open_envelope(shelf, **values):
    publish(shelf, "v2", titles=renamed("unit-0-0"))
    lane = the_lane()
    row = JournalOperation.objects.order_by("-position").first()
    kept = {"sequence": lane.sequence, "last": row.position, "operation_ids": [str(row.operation_id)], **values}
    Envelope.objects.create(lane=lane, message_id="msg_1", body=b"{}", **kept)


def envelope_out_of_sequence(shelf, receiver):
    an_open_envelope(shelf, sequence=the_lane().sequence + 7)


def envelope_before_the_cursor(shelf, receiver):
    an_open_envelope(shelf, last=1)


def envelope_without_operations(shelf, receiver):
    an_open_envelope(shelf, operation_ids=["261fd25b-4574-47d8-9594-4a4d68f4bdaf", "no id"])


def envelope_without_lane(shelf, receiver):
    with connection.constraint_checks_disabled():
        values = {"message_id": "msg_1", "body": b"", "sequence": 1, "last": 1}
        Envelope.objects.create(lane_id=4711, **values)


def a_problem(operation: JournalOperation, state=ProblemState.FAILED) -> Problem:
    return Problem.objects.create(lane=the_lane(), operation=operation, state=state, since=DatabaseNow())


def problem_of_an_unwanted_type(shelf, receiver):
    a_problem(JournalOperation.objects.get(entity_id=UNIT))
    Target.objects.update(entity_types=["section"])


def problem_of_a_deleted_entity(shelf, receiver):
    problem = a_problem(JournalOperation.objects.get(entity_id=UNIT))
    Entity.objects.filter(id_digest=digest_of(problem.operation.entity_id)).delete()


def problem_with_a_later_delete(shelf, receiver):
    row = JournalOperation.objects.get(entity_id=block("vertical", "unit-1-2"))
    publish(shelf, "v2", units=2)
    api.deliver_until_empty()
    a_problem(row)


def course_lease(shelf, receiver):
    Course.objects.update(lease_token="dead", lease_until=DatabaseNow(HOURS))


def marker_postponed(shelf, receiver):
    row = Marker.put(COURSE)
    Marker.objects.filter(pk=row.pk).update(seen_at=DatabaseNow(3 * 24 * 3600))


def course_without_marker(shelf, receiver):
    Course.objects.update(last_error="a bare &", attempts=3)


def course_to_read_without_marker(shelf, receiver):
    Course.objects.update(structure_digest="")


def a_held_run(**values):
    Course.objects.get()
    kept = {"published_version": "v0", "deletes": 9, "of": 10, "set_digest": "x", "since": DatabaseNow(), **values}
    HeldRun.objects.create(course=Course.objects.get(), **kept)


def held_of_a_version_that_is_gone(shelf, receiver):
    a_held_run()


def approved_and_forgotten(shelf, receiver):
    a_held_run(published_version="v1", approved=True)


def journal_beyond_course(shelf, receiver):
    Course.objects.update(last_position=5)
    lanes().update(cursor=5, end=5)


def entity_digest(shelf, receiver):
    Entity.objects.filter(id_digest=digest_of(UNIT)).update(digest="0" * 64)


def entity_differs(shelf, receiver):
    Entity.objects.filter(id_digest=digest_of(UNIT)).delete()


#: The break, and the kinds that must be found. The first one is that of the break; the others follow from it.
CASES: dict[Callable, tuple[str, ...]] = {
    orphan_lane: ("orphan-lane",),
    orphan_of_a_course: ("orphan-lane",),
    missing_lane: ("missing-lane",),
    lane_lease: ("lane-lease",),
    not_due: ("lane-not-due",),
    due_in_a_century: ("lane-not-due",),
    without_baseline_and_not_due: ("lane-not-due",),
    cursor_beyond_journal: ("cursor-beyond-journal",),
    end_beyond_journal: ("end-beyond-journal",),
    end_behind_journal: ("end-behind-journal",),
    end_behind_cursor: ("end-behind-cursor",),
    envelope_out_of_sequence: ("envelope-out-of-sequence",),
    envelope_before_the_cursor: ("envelope-out-of-sequence",),
    envelope_without_operations: ("envelope-without-operations",),
    envelope_without_lane: ("envelope-without-lane",),
    problem_of_an_unwanted_type: ("problem-without-cause",),
    problem_of_a_deleted_entity: ("problem-without-cause",),
    problem_with_a_later_delete: ("problem-without-cause",),
    course_lease: ("course-lease",),
    marker_postponed: ("marker-postponed",),
    course_without_marker: ("course-without-marker",),
    course_to_read_without_marker: ("course-without-marker",),
    held_of_a_version_that_is_gone: ("held-run-outdated",),
    approved_and_forgotten: ("held-run-outdated",),
    journal_beyond_course: ("journal-beyond-course",),
    entity_digest: ("entity-digest",),
    entity_differs: ("entity-differs",),
}

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)


def request_for(case: Callable) -> api.CheckRequest:
    return api.CheckRequest(deep=case in (entity_digest, entity_differs))


def kinds(request: api.CheckRequest) -> list[str]:
    return sorted({one.kind for one in api.check(request).findings})


@pytest.fixture
def in_step(shelf, receiver):
    publish(shelf, "v1")
    api.deliver_until_empty()
    assert api.check(api.CheckRequest(deep=True)).findings == []


@cases
def test_it_is_found_and_mended_and_then_all_is_clean(shelf, receiver, in_step, case):
    case(shelf, receiver)
    request = request_for(case)
    report = api.check(request)
    assert sorted({one.kind for one in report.findings}) == sorted(CASES[case])
    assert all(one.what.endswith(".") and one.repair.endswith(".") for one in report.findings)
    results = api.repair_shown(request, report.tokens)
    assert [(one.error, one.repaired) for one in results] == [("", one.of) for one in results]
    assert kinds(request) == []
    api.sync_marked()
    api.sync_course(COURSE)
    Target.objects.update(entity_types=[])
    api.deliver_until_empty()
    assert kinds(request) == []
    assert receiver.violations == []


@cases
def test_a_check_changes_nothing(shelf, receiver, in_step, case):
    case(shelf, receiver)
    with own_queries() as queries:
        api.check(request_for(case))
    reading = ("SELECT", "DECLARE")  # Django 5 shows how PostgreSQL opens a cursor
    assert [one for one in queries if not one.lstrip("(").startswith(reading)] == []
    api.repair_shown(request_for(case), api.check(request_for(case)).tokens)  # the constraints hold again


@cases
def test_a_second_repair_of_the_same_plan_does_nothing(shelf, receiver, in_step, case):
    case(shelf, receiver)
    plans = api.check(request_for(case)).plans
    assert [plan.carry_out() for plan in plans] == [plan.repairable for plan in plans]
    before = [list(model.objects.order_by("pk").values()) for model in (Lane, Course, Envelope, Problem, Run)]
    if case is not entity_differs:  # it marks the course once more, which does no harm
        assert [plan.carry_out() for plan in plans] == [0] * len(plans)
        after = [list(model.objects.order_by("pk").values()) for model in (Lane, Course, Envelope, Problem, Run)]
        assert after == before


def a_worker_goes_on(case: Callable) -> None:
    """Do what a worker may do between the plan and the repair."""
    Lane.objects.update(
        lease_token="busy", lease_until=DatabaseNow(60), cursor=1, end=2, sequence=9, due_at=DatabaseNow()
    )
    Course.objects.update(lease_token="busy", lease_until=DatabaseNow(60), last_position=99, structure_digest="other")
    Marker.objects.all().delete()
    Marker.put(COURSE)
    Problem.objects.update(state=ProblemState.SKIPPED)
    Envelope.objects.update(sequence=99)


@pytest.mark.parametrize(
    "case",
    [
        lane_lease,
        not_due,
        cursor_beyond_journal,
        end_beyond_journal,
        end_behind_journal,
        end_behind_cursor,
        envelope_out_of_sequence,
        envelope_without_operations,
        problem_of_an_unwanted_type,
        course_lease,
        marker_postponed,
        course_without_marker,
        held_of_a_version_that_is_gone,
        journal_beyond_course,
        entity_differs,
    ],
    ids=lambda case: case.__name__,
)
def test_a_repair_that_raced_with_a_worker_does_nothing(shelf, receiver, in_step, case):
    case(shelf, receiver)
    plans = api.check(request_for(case)).plans
    a_worker_goes_on(case)
    before = [list(model.objects.order_by("pk").values()) for model in (Lane, Course, Marker, Envelope, Problem)]
    assert [plan.carry_out() for plan in plans] == [0] * len(plans)
    after = [list(model.objects.order_by("pk").values()) for model in (Lane, Course, Marker, Envelope, Problem)]
    assert after == before


def test_every_kind_has_a_case():
    broken = {kind for expected in CASES.values() for kind in expected[:1]}
    assert broken | {"marker-overdue", "journal-gap"} == {one.kind for one in (*CHECKS, *DEEP)}
    assert {one.kind for one in (*CHECKS, *DEEP) if one.mend is None} == {"marker-overdue", "journal-gap"}


def test_what_is_only_reported(shelf, receiver, in_step):
    publish(shelf, "v2", titles=renamed("unit-0-0", "unit-0-1"))
    row = Marker.put(COURSE)
    Marker.objects.filter(pk=row.pk).update(seen_at=DatabaseNow(HOURS))
    JournalOperation.objects.order_by("-position").first().delete()
    report = api.check(api.CheckRequest())
    assert sorted(one.kind for one in report.findings) == ["journal-gap", "marker-overdue"]
    assert {one.repair for one in report.findings} == {"report only"}
    assert report.tokens == []


def test_positions_that_all_lanes_have_passed_may_be_pruned(shelf, receiver, in_step):
    publish(shelf, "v2", titles=renamed("unit-0-0"))
    JournalOperation.objects.filter(position__in=[2, 5]).delete()
    assert kinds(api.CheckRequest()) == []


def test_a_problem_with_a_cause_stays(shelf, receiver):
    receiver.faults.append(Fail(entity_id=block("sequential", "subsection-0"), times=None))
    publish(shelf, "v1")
    api.deliver_until_empty()
    assert len(states()) == 4
    assert kinds(api.CheckRequest()) == []
    publish(shelf, "v2", sections=1)  # the deletes are ahead of the lane
    assert kinds(api.CheckRequest()) == []


def test_what_was_parked_behind_a_problem_without_cause_goes_on(shelf, receiver):
    subsection = block("sequential", "subsection-0")
    receiver.faults.append(Fail(entity_id=subsection))
    structure = publish(shelf, "v1")
    api.deliver_until_empty()
    failed = Problem.objects.get(state=ProblemState.FAILED)
    a_later_create = JournalOperation.objects.get(entity_id=subsection)
    run = Run.objects.create(
        course=Course.objects.get(), lane=the_lane(), kind=RunKind.REPAIR, began_at=DatabaseNow(),
        ended_at=DatabaseNow(), operations_count=1,
    )  # fmt: skip
    a_later_create.pk, a_later_create.run, a_later_create.position = None, run, structure_end() + 1
    a_later_create.operation_id, a_later_create.lane = "261fd25b-4574-47d8-9594-4a4d68f4bdaf", the_lane()
    a_later_create.save()
    Course.objects.update(last_position=structure_end() + 1)
    Lane.objects.update(cursor=structure_end(), end=structure_end())
    receiver.replica(COURSE).apply(failed.operation.as_operation())
    report = api.check(api.CheckRequest())
    assert [(one.kind, one.entity_id) for one in report.findings] == [("problem-without-cause", subsection)]
    api.repair_shown(api.CheckRequest(), report.tokens)
    api.deliver_until_empty()
    assert receiver.difference(structure) == []
    assert states() == []


def structure_end() -> int:
    return Course.objects.get().last_position


def test_the_options_select(shelf, receiver, in_step):
    not_due(shelf, receiver)
    other = "course-v1:Org+Other+Run"
    shelf.publish(a_course("v1", course=other))
    api.sync_course(other)
    api.add_target("lms", url=receiver.url, secret=receiver.secret)
    api.deliver_until_empty()
    Lane.objects.update(due_at=None, cursor=1)
    Lane.objects.filter(course__key=other).update(end=2)

    def found(**options):
        return {(one.target, one.course_id) for one in api.check(api.CheckRequest(**options)).findings}

    assert {target for target, _ in found(target="lms")} == {"lms"}
    assert {course for _, course in found(course=other)} == {other}
    assert len(found()) == 4


def test_a_published_version_that_is_not_recorded_is_no_finding(shelf, receiver, in_step):
    shelf.put(a_course("v2", units=1))
    assert kinds(api.CheckRequest(deep=True)) == []


def test_a_course_that_cannot_be_read_is_a_note(shelf, receiver, in_step):
    shelf.courses[COURSE] = ValueError("a bare &")
    report = api.check(api.CheckRequest(course=COURSE))
    assert report.findings == []
    assert report.notes == (f"{COURSE}: ValueError: a bare &",)


def test_a_sync_reads_a_course_whose_structure_is_not_known(shelf, receiver, in_step):
    reads = shelf.reads
    api.sync_course(COURSE)
    assert shelf.reads == reads
    Course.objects.update(structure_digest="")
    api.sync_course(COURSE)
    assert shelf.reads == reads + 1
    api.sync_course(COURSE)
    assert shelf.reads == reads + 1


def test_the_command(shelf, receiver, in_step, capsys):
    not_due(shelf, receiver)
    assert exit_status("check", "--json") == 1
    value = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in value["findings"]] == ["lane-not-due"]
    assert value["findings"][0].keys() == {
        *("kind", "severity", "target", "course_id", "entity_id", "key", "what", "repair", "made_by")
    }
    (token,) = [one["token"] for one in value["plans"]]
    assert exit_status("check", "--repair") == 0
    shown = capsys.readouterr().out
    assert "lane-not-due: 1 found" in shown
    assert f"check --repair --yes --token {token}" in shown
    assert Lane.objects.get().due_at is None
    assert exit_status("check", "--repair", "--yes", "--token", token) == 0
    assert "lane-not-due: 1 of 1 repaired" in capsys.readouterr().out
    assert exit_status("check", "--repair", "--yes", "--token", token) == 1
    assert "no longer valid" in capsys.readouterr().out
    assert exit_status("check") == 0
    assert capsys.readouterr().out == "Nothing was found.\n"


def test_on_a_terminal_it_asks(shelf, receiver, in_step, terminal, capsys):
    not_due(shelf, receiver)
    terminal("n")
    assert exit_status("check", "--repair", "--yes") == 1
    assert Lane.objects.get().due_at is None
    terminal("y")
    call_command("course_sync", "check", "--repair", "--yes")
    assert Lane.objects.get().due_at is not None


@pytest.mark.parametrize(
    "arguments",
    [["--yes"], ["--token", "x"], ["--receiver", "crm", "--deep"], ["--receiver", "c", "--target", "c"]],
)
def test_options_that_do_not_go_together(shelf, receiver, arguments):
    assert exit_status("check", *arguments) == 2


def test_the_number_of_queries_does_not_grow(shelf, receiver, in_step):
    """Set queries: forty courses need as many as one."""
    with own_queries() as few:
        api.check(api.CheckRequest())
    for number in range(40):
        course = f"course-v1:Org+Many+{number}"
        shelf.publish(a_course("v1", course=course, sections=1, units=1))
        api.sync_course(course)
    api.deliver_until_empty()
    with own_queries() as many:
        api.check(api.CheckRequest())
    assert len(many) == len(few) <= 30


def test_every_kind_is_written_down():
    text = (Path(ROOT) / "docs" / "references" / "states_and_commands.rst").read_text("utf-8")
    written = set(re.findall(r"^``([a-z]+(?:-[a-z]+)+)``  ", text.split("\nFindings of check\n")[1], re.MULTILINE))
    receivers = {f"receiver-{name}" for name in ("missing", "different", "misplaced", "extra")}
    assert {one.kind for one in (*CHECKS, *DEEP)} | receivers <= written


def test_a_lane_that_begins_anew_heals_a_receiver_that_knows_the_first_run(shelf, receiver):
    """A receiver ignores operation ids that it has seen. So the snapshot must not be the course's first run."""
    structure = publish(shelf, "v1")
    api.deliver_until_empty()
    spoiled = receiver.replica(COURSE)
    spoiled.apply(Operation("update", "unit", UNIT, "vertical", fields={"display_name": "spoiled"}))
    Lane.objects.update(
        cursor=4711, end=4711, error_class="TransientError", stopped_by_target=True, urgent=True,
        retrying_since=DatabaseNow(HOURS),
    )  # fmt: skip
    (plan,) = [one for one in api.check(api.CheckRequest()).plans if one.name == "cursor-beyond-journal"]
    api.repair_shown(api.CheckRequest(), [plan.token])
    lane = the_lane()
    assert (lane.error_class, lane.stopped_by_target, lane.retrying_since) == ("", None, None)
    api.deliver_until_empty()
    assert receiver.difference(structure) == []
    assert receiver.violations == []


def test_a_later_operation_that_was_skipped_does_not_close_an_earlier_problem(shelf, receiver):
    """The receiver has not carried out the skipped deletion, so the failed update still has its cause."""
    publish(shelf, "v1")
    api.deliver_until_empty()
    receiver.faults.append(Fail(entity_id=UNIT, times=None))
    publish(shelf, "v2", titles=renamed("unit-0-0"))
    api.deliver_until_empty()
    failed = Problem.objects.get(state=ProblemState.FAILED)
    publish(shelf, "v3", sections=1)
    api.deliver_until_empty()
    later = JournalOperation.objects.filter(operation="delete").order_by("position").last()
    JournalOperation.objects.filter(pk=later.pk).update(entity_id=UNIT)
    Problem.objects.filter(operation=later).delete()
    skipped = Problem.objects.create(
        lane=the_lane(), operation=later, state=ProblemState.SKIPPED, since=DatabaseNow(), closed_at=DatabaseNow()
    )
    assert "problem-without-cause" not in kinds(api.CheckRequest())
    skipped.delete()
    assert "problem-without-cause" in kinds(api.CheckRequest())
    assert Problem.objects.filter(pk=failed.pk, state=ProblemState.FAILED).exists()


def test_both_deep_repairs_of_one_course_are_done(shelf, receiver, in_step):
    Entity.objects.filter(entity_id=UNIT).update(digest="0" * 64)
    wrong = {"display_name": "wrong"}
    Entity.objects.filter(entity_type="section").update(fields=wrong, digest=digest(wrong))
    request = api.CheckRequest(deep=True)
    tokens = [one.token for one in api.check(request).plans if one.token]
    assert len(tokens) == 2
    assert [(one.repaired, one.error) for one in api.repair_shown(request, tokens) if one.repaired != one.of] == []


def test_a_withdrawn_envelope_leaves_no_trace_of_its_attempts(shelf, receiver, in_step):
    publish(shelf, "v9", titles=renamed("unit-0-0"))
    receiver.faults.append(Refuse(503))
    api.deliver_until_empty()
    Lane.objects.update(sequence=F("sequence") + 5, failing=True)
    (plan,) = [one for one in api.check(api.CheckRequest()).plans if one.name == "envelope-out-of-sequence"]
    api.repair_shown(api.CheckRequest(), [plan.token])
    lane = the_lane()
    assert (lane.attempts, lane.failing, lane.retrying_since, lane.last_error) == (0, False, None, "")


def pruned(days: float = 100) -> None:
    age(days)
    assert api.prune().rows["operations"] > 0


def test_what_was_for_another_lane_only_may_be_pruned(shelf, receiver, in_step):
    """A paused lane has not passed these positions, but it never needs their operations."""
    api.pause("crm")
    with Receiver() as second:
        api.add_target("other", url=second.url, secret=second.secret)
        for version, unit in (("v2", "unit-0-0"), ("v3", "unit-0-1")):
            publish(shelf, version, titles=renamed(unit))
            api.deliver_until_empty()
            api.reset("other")
            api.deliver_until_empty()
        publish(shelf, "v4")
        api.deliver_until_empty()
    pruned()
    crm = Lane.objects.get(target__name="crm")
    ahead = JournalOperation.objects.filter(position__gt=crm.cursor)
    assert ahead.count() < crm.end - crm.cursor
    assert kinds(api.CheckRequest()) == []
    ahead.filter(lane=None).order_by("position").first().delete()
    (found,) = api.check(api.CheckRequest()).findings
    assert (found.kind, found.target) == ("journal-gap", "crm")
    assert "lacks 1 of the operations" in found.what


@pytest.mark.parametrize("number", [0, 1, 2])
def test_what_is_lost_of_the_run_that_a_lane_has_begun(shelf, receiver, in_step, number):
    """The lane stands in the middle of a run, whose first operations are pruned."""
    api.pause("crm")
    publish(shelf, "v2", titles=renamed(*(f"unit-0-{n}" for n in range(3)), "unit-1-0"))
    lane, course = the_lane(), Course.objects.get()
    Lane.objects.update(cursor=course.last_position - 3)
    pruned()
    assert kinds(api.CheckRequest()) == []
    JournalOperation.objects.get(position=lane.end - 2 + number).delete()
    assert kinds(api.CheckRequest()) == ["journal-gap"]
