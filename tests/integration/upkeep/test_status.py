"""``status``: its lines for operators and its JSON for programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from itertools import product
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db.models import F
from waffle.testutils import override_switch

from course_sync_plugin import api
from course_sync_plugin.models import (
    Activity,
    Course,
    DatabaseNow,
    HeldRun,
    JournalOperation,
    Lane,
    Marker,
    Problem,
    Run,
    Target,
    digest_of,
)
from course_sync_plugin.testing.faults import Fail, Refuse
from course_sync_plugin.upkeep.status import lanes, report
from course_sync_plugin.upkeep.status.lanes import CountedLane
from tests.integration.courses import COURSE, SHELF, a_course, block, own_queries

pytestmark = pytest.mark.django_db

OTHER = "course-v1:Org+Course+Other"


def the_target() -> dict:
    (target,) = api.status()["targets"]
    return target


def the_course() -> dict:
    return next(course for course in api.status()["courses"] if course["course_id"] == COURSE)


def the_lane() -> dict:
    (lane,) = the_course()["lanes"]
    return lane


@pytest.fixture
def delivered(shelf, receiver):
    """Record and deliver a course."""
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    return shelf


class TestTheContract:
    """The keys that programs rely on, with ``error`` and ``problems``, which an operator needs to act."""

    def test_its_keys(self, delivered, capsys):
        delivered.publish(a_course("v2", units=40))
        api.sync_course(COURSE)
        delivered.delete()
        api.sync_course(COURSE)
        call_command("course_sync", "status", "--json")
        status = json.loads(capsys.readouterr().out)
        assert status.keys() == {
            "targets", "courses", "courses_total", "courses_in_step", "courses_waiting_for_link",
            "courses_unreadable", "courses_not_recorded",
            "courses_waiting", "held", "problems", "problems_total",
            "stopped", "not_running", "waiting_since", "last_sweep_at", "last_run_at",
        }  # fmt: skip
        keys = {"name", "state", "lag_seconds", "pending", "problems", "excluded", "error", "breaker", "recent"}
        keys |= {"waiting_for_link", "proposals", "conflicts", "last_day"}
        assert status["targets"][0].keys() == keys
        assert status["courses"][0].keys() == {
            "course_id", "published_version", "recorded_version", "lanes", "error",
        }  # fmt: skip
        assert status["courses"][0]["lanes"][0].keys() == {
            "target",
            "delivered_version",
            "state",
            "error",
            "next_attempt",
        }
        assert status["held"][0].keys() == {"course_id", "published_version", "deletes", "of", "since"}

    def test_of_nothing(self, shelf, capsys):
        call_command("course_sync", "status", "--json")
        assert json.loads(capsys.readouterr().out) == {
            "targets": [], "courses": [], "courses_total": 0, "courses_in_step": 0, "courses_waiting_for_link": 0,
            "courses_unreadable": 0,
            "courses_not_recorded": 0, "courses_waiting": 0, "held": [], "problems": [], "problems_total": 0,
            "stopped": False, "not_running": False, "waiting_since": None, "last_sweep_at": None, "last_run_at": None,
        }  # fmt: skip
        call_command("course_sync", "status")
        assert "none" in capsys.readouterr().out


class TestStates:
    def test_in_step(self, delivered):
        closed = {"state": "closed", "since": None, "next_probe": None, "error": ""}
        numbers = {"lag_seconds": 0, "pending": 0, "problems": 0, "excluded": 0}
        numbers |= {"waiting_for_link": 0, "proposals": 0, "conflicts": 0}
        target = the_target()
        assert target.pop("recent")["attempts"] == 1
        assert target.pop("last_day")["attempts"] == 1
        assert target == {"name": "crm", "state": "in step", **numbers, "error": "", "breaker": closed}
        assert (the_course()["published_version"], the_course()["recorded_version"]) == ("v1", "v1")
        assert the_lane() == {
            "target": "crm",
            "delivered_version": "v1",
            "state": "in step",
            "error": "",
            "next_attempt": None,
        }

    def test_a_publish_that_changed_nothing_is_delivered_already(self, delivered):
        delivered.publish(a_course("v2"))
        api.sync_course(COURSE)
        assert (the_lane()["delivered_version"], the_lane()["state"]) == ("v2", "in step")

    @pytest.mark.story(32)
    def test_pending(self, delivered):
        delivered.publish(a_course("v2", units=5))
        api.sync_course(COURSE)
        Run.objects.update(ended_at=DatabaseNow(-90))
        Lane.objects.update(created_at=DatabaseNow(-900))
        target = the_target()
        assert (target["state"], target["pending"]) == ("pending", 4)
        assert target["lag_seconds"] == pytest.approx(90, abs=5)
        assert (the_lane()["delivered_version"], the_course()["recorded_version"]) == ("v1", "v2")

    def test_a_lane_without_a_baseline_has_everything_before_it(self, shelf, receiver):
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        assert the_target()["pending"] == len(a_course("v1"))
        assert the_lane() == {
            "target": "crm",
            "delivered_version": "",
            "state": "pending",
            "error": "",
            "next_attempt": None,
        }

    def test_a_new_target_of_an_old_course_does_not_alarm_at_once(self, delivered, receiver):
        """The target waits for a snapshot of the course, and its lag begins when it was added."""
        for version, units in (("v2", 5), ("v3", 3)):
            delivered.publish(a_course(version, units=units))
            api.sync_course(COURSE)
        Run.objects.update(ended_at=DatabaseNow(-90))
        api.add_target("new", url=receiver.url)
        new = next(target for target in api.status()["targets"] if target["name"] == "new")
        assert (new["state"], new["pending"]) == ("pending", len(a_course("v3")))
        assert new["lag_seconds"] < 60
        Lane.objects.filter(target__name="new").update(created_at=DatabaseNow(-90))
        # The time of the next attempt changes nothing.
        Lane.objects.filter(target__name="new").update(due_at=DatabaseNow(60))
        new = next(target for target in api.status()["targets"] if target["name"] == "new")
        assert new["lag_seconds"] == pytest.approx(90, abs=5)

    def test_a_lane_that_was_reset_waits_since_then(self, delivered):
        Lane.objects.update(created_at=DatabaseNow(-900))
        api.reset("crm")
        (target,) = api.status()["targets"]
        assert (target["state"], target["pending"]) == ("pending", len(a_course("v1")))
        assert target["lag_seconds"] < 60

    @pytest.mark.story(32)
    def test_not_recorded_yet(self, delivered):
        delivered.publish(a_course("v2"))
        assert (the_course()["published_version"], the_course()["recorded_version"]) == ("v2", "v1")

    def test_deleted(self, delivered):
        delivered.delete()
        assert the_course()["published_version"] == ""

    def test_retrying(self, delivered, receiver):
        receiver.faults.append(Refuse(500))
        delivered.publish(a_course("v2", units=5))
        api.sync_course(COURSE)
        api.deliver_due()
        assert the_target()["state"] == the_lane()["state"] == "retrying"
        assert "500" in the_lane()["error"]

    def test_a_target_that_does_not_answer(self, delivered, receiver, capsys):
        receiver.faults.append(Refuse(500, times=None))
        Target.objects.update(options={"breaker_failures": 1})
        delivered.publish(a_course("v2", units=5))
        api.sync_course(COURSE)
        api.deliver_due()
        assert the_target()["state"] == the_lane()["state"] == "unreachable"
        row, shown = Target.objects.get(), the_target()["breaker"]
        since, probe = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (row.breaker_opened_at, row.breaker_probe_at))
        assert (shown["state"], shown["since"], shown["next_probe"]) == ("open", since, probe)
        assert "500" in shown["error"]
        call_command("course_sync", "status")
        line = f"  crm: breaker open since {since}, next probe at {probe}: {shown['error']}"
        shown_lines = capsys.readouterr().out.splitlines()
        assert line in shown_lines
        assert "    All its lanes go on by themselves when a probe is answered." in shown_lines
        assert api.stuck_lanes().waiting == 1
        Target.objects.update(breaker_token="somebody")
        assert the_target()["breaker"]["state"] == "half-open"
        Lane.objects.update(failing=True)
        assert the_target()["state"] == "failing"
        Target.objects.update(paused=True)
        assert the_target()["state"] == "paused"

    def test_when_a_lane_that_is_retrying_goes_again(self, delivered, receiver, capsys):
        receiver.faults.append(Refuse(500))
        delivered.publish(a_course("v2", units=5))
        api.sync_course(COURSE)
        api.deliver_due()
        moment = f"{Lane.objects.get().due_at:%Y-%m-%dT%H:%M:%SZ}"
        assert the_lane()["next_attempt"] == moment
        call_command("course_sync", "status")
        assert f"    crm: retrying, next attempt at {moment}: {the_lane()['error']}" in capsys.readouterr().out

    def test_the_state_of_a_target_is_the_worst_of_its_lanes(self, delivered):
        delivered.publish(a_course("v1", course=OTHER))
        api.sync_course(OTHER)
        assert the_target()["state"] == "pending"
        Lane.objects.filter(course__key=COURSE).update(failing=True)
        assert the_target()["state"] == "failing"

    @pytest.mark.parametrize(
        ("rows", "state"),
        [({"paused": True}, "paused"), ({"disabled_reason": "410"}, "disabled"), ({}, "in step")],
        ids=str,
    )
    def test_a_target_that_is_held_back(self, delivered, rows, state):
        Target.objects.update(**rows)
        assert the_target()["state"] == the_lane()["state"] == state

    def test_one_paused_lane(self, delivered):
        delivered.publish(a_course("v1", course=OTHER))
        api.sync_course(OTHER)
        Lane.objects.filter(course__key=COURSE).update(paused=True)
        assert the_target()["state"] == the_lane()["state"] == "paused"

    @pytest.mark.parametrize(
        ("rows", "state"),
        [({}, "no courses"), ({"paused": True}, "paused"), ({"disabled_reason": "410"}, "disabled")],
        ids=str,
    )
    def test_a_target_without_any_lane(self, receiver, rows, state):
        Target.objects.update(**rows)
        assert the_target()["state"] == state

    def test_waiting_for_context(self, shelf, receiver):
        Target.objects.update(options={"requires_context": ["level"]})
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        assert the_target()["state"] == the_lane()["state"] == "waiting for context"

    def test_courses_that_were_never_synced_are_not_shown(self, delivered):
        delivered.put(a_course("v1", course=OTHER))
        Course.objects.create(key=OTHER, key_digest=digest_of(OTHER), org="Org")
        assert [course["course_id"] for course in api.status()["courses"]] == [COURSE]


class TestText:
    def test_at_a_glance(self, delivered, capsys):
        delivered.publish(a_course("v2", units=5))
        call_command("course_sync", "status")
        lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
        assert lines[0] == "Targets"
        assert lines[2].split() == ["crm", "in", "step", "0", "0", "0"]
        assert f"  {COURSE} (the last publish is not recorded yet)" in lines
        assert "    crm: in step" not in lines, "the lane is in step; it is the course that is not"
        assert lines[-1] == "0 of 1 course is in step."
        call_command("course_sync", "status", "--all")
        assert "    crm: in step" in capsys.readouterr().out.splitlines()

    def test_that_everything_is_stopped(self, delivered, capsys):
        with override_switch("course_sync.stopped", active=True):
            for command in (["status"], ["sync", "--plan"]):
                call_command("course_sync", *command)
                assert "course_sync.stopped" in capsys.readouterr().out, command
            assert api.status()["stopped"] is True
        assert api.status()["stopped"] is False

    @pytest.mark.parametrize("command", ["sync", "deliver", "sweep"])
    @pytest.mark.parametrize("more", [[], ["--json"]], ids=" ".join)
    def test_what_cannot_do_its_work_while_everything_is_stopped(self, delivered, capsys, command, more):
        with override_switch("course_sync.stopped", active=True), pytest.raises(SystemExit) as exit_:
            call_command("course_sync", command, *more)
        said = capsys.readouterr()
        assert exit_.value.code == 1
        assert (said.out, said.err.count("course_sync.stopped")) == ("", 1)

    def test_what_waits_for_context_says_for_what(self, shelf, receiver, capsys):
        Target.objects.update(options={"requires_context": ["level"]})
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        call_command("course_sync", "status")
        assert "waiting for context: level" in capsys.readouterr().out

    def test_problems(self, delivered, receiver, capsys):
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason="no such class"))
        delivered.publish(a_course("v2", titles={"unit-0-0": "New"}))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        call_command("course_sync", "status")
        out = capsys.readouterr().out
        (problem,) = api.problems()
        assert f"  crm, {COURSE}: failed: update {block('vertical', 'unit-0-0')}" in out
        assert f"{problem.operation_id}: no such class" in out  # the id for 'skip --operation'
        assert the_target()["problems"] == 1


class TestProblems:
    @pytest.fixture
    def refused(self, delivered, receiver):
        """Let the receiver refuse a new section, with all below it, and then a title."""
        receiver.faults.append(Fail(entity_id=block("chapter", "section-2"), reason="no room"))
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason="no such class"))
        for version, titles in (("v2", {}), ("v3", {"unit-0-0": "New"})):
            delivered.publish(a_course(version, sections=3, titles=titles))
            api.sync_course(COURSE)
            api.deliver_until_empty()

    def test_for_programs(self, refused):
        section, unit, *parked = api.status()["problems"]
        assert section == {
            "id": Problem.objects.get(operation__entity_id=block("chapter", "section-2")).pk,
            "target": "crm",
            "course_id": COURSE,
            "operation": "create",
            "operation_id": section["operation_id"],
            "entity_id": block("chapter", "section-2"),
            "state": "failed",
            "reason": "no room",
            "parked": 4,
        }
        assert (unit["entity_id"], unit["state"], unit["parked"]) == (block("vertical", "unit-0-0"), "failed", 0)
        assert [one["state"] for one in parked] == ["parked"] * 4
        assert api.status()["problems_total"] == 6

    def test_those_that_can_be_skipped_are_not_crowded_out(self, refused, monkeypatch, capsys):
        monkeypatch.setattr(report, "PROBLEMS", 3)
        call_command("course_sync", "status")
        lines = capsys.readouterr().out.splitlines()
        shown = lines[lines.index("Problems (use 'retry' or 'skip')") + 1 :]
        assert [line.split(": ")[1] for line in shown if line.startswith("  crm")] == ["failed", "failed", "parked"]
        assert shown[2] == "    4 operations are parked behind it"
        assert shown[-1] == "  and 3 more"


def many(courses: int, targets: int = 3) -> None:
    """Make courses with a lane to each of some targets, all of them in step."""
    Target.objects.bulk_create(Target(name=f"t{at}", backend="webhook") for at in range(targets))
    keys = [f"course-v1:Org+Course+Run{at}" for at in range(courses)]
    Course.objects.bulk_create(
        Course(key=key, key_digest=digest_of(key), org="Org", last_position=1, published_version="v1") for key in keys
    )
    SHELF.versions |= dict.fromkeys(keys, "v1")
    pairs = product(Target.objects.all(), Course.objects.all())
    Lane.objects.bulk_create(Lane(target=target, course=course, cursor=1, end=1) for target, course in pairs)


def said(*options: str) -> list[str]:
    """Return the lines of ``status``."""
    out = StringIO()
    call_command("course_sync", "status", *options, stdout=out)
    return out.getvalue().splitlines()


def as_json(*options: str) -> dict:
    return json.loads("\n".join(said(*options, "--json")))


def shown(lines: list[str]) -> list[str]:
    """Return the ids of the courses in the lines, without ``course-v1:Org+Course+``."""
    return [line.split("+")[2].split()[0].rstrip(":") for line in lines if line.startswith("  course-v1")]


class TestAtAGlance:
    """Without options ``status`` shows what is not in step, and counts the rest."""

    def test_what_is_in_step_is_only_counted(self, shelf):
        many(300)
        assert said() == [
            "Targets",
            "target  state    lag (s)  pending  problems",
            *(f"t{at}      in step  0        0        0" for at in range(3)),
            "300 of 300 courses are in step.",
        ]

    def test_of_a_course_only_the_lanes_that_are_not_in_step(self, shelf):
        many(300)
        Lane.objects.filter(course__key__endswith="Run7", target__name="t1").update(attempts=1, last_error="HTTP 500")
        assert said()[5:] == [
            "Courses",
            "  course-v1:Org+Course+Run7",
            "    t1: retrying: HTTP 500",
            "299 of 300 courses are in step.",
        ]
        assert [target["state"] for target in api.status_overview()["targets"]] == ["in step", "retrying", "in step"]

    def test_everything_that_keeps_a_course_from_being_in_step_the_worst_first(self, shelf):
        many(20, targets=1)
        for at, values in enumerate(
            [
                {"failing": True}, {"waiting_for": "level"}, {"paused": True}, {"attempts": 1}, {"cursor": None},
                {"closing": True}, {"last_warning": "garbled"},
            ]
        ):  # fmt: skip
            Lane.objects.filter(course__key__endswith=f"+Run{at}").update(**values)
        Course.objects.filter(key__endswith="+Run7").update(last_error="no such file")
        SHELF.versions["course-v1:Org+Course+Run8"] = "v2"
        held = Course.objects.get(key__endswith="+Run9")
        HeldRun.objects.create(course=held, published_version="", deletes=4, of=5, since=datetime.now(UTC))
        a_problem("course-v1:Org+Course+Run10")
        courses = [course["course_id"].partition("+Run")[2] for course in api.status_overview()["courses"]]
        assert courses == ["7", "9", "8", "0", "10", "1", "2", "3", "4", "5", "6"]
        short = api.status_overview()
        assert (short["courses_total"], short["courses_in_step"]) == (20, 9)

    def test_a_target_that_fails_hides_neither_a_held_run_nor_an_unreadable_course(self, shelf):
        """It affects every course, and the list ends after some lines."""
        many(40, targets=2)
        Lane.objects.filter(target__name="t0").update(failing=True, last_error="401")
        held = Course.objects.get(key__endswith="+Run30")
        HeldRun.objects.create(course=held, published_version="", deletes=4, of=5, since=datetime.now(UTC))
        Course.objects.filter(key__endswith="+Run31").update(last_error="no such file")
        SHELF.versions["course-v1:Org+Course+Run32"] = "v2"
        lines = said()
        assert shown(lines)[:3] == ["Run31", "Run30", "Run32"]
        totals = (
            "1 run is held; 'approve' shows it.",
            "1 course cannot be read.",
            "1 publish is not recorded yet.",
        )
        assert {*totals} <= {*lines}

    def test_a_first_publish_that_no_sync_has_taken_is_counted(self, shelf):
        many(1)
        new = "course-v1:Org+Course+New"
        shelf.publish(a_course("v1", course=new))
        shelf.publish(a_course("v1", course=new))
        assert "1 published course waits for its first sync." in said()
        assert "1 of 1 course is in step." in said()
        status = api.status()
        assert (status["courses_waiting"], status["not_running"]) == (1, False)
        assert f"Course {new} was published and waits for its first sync." in said("--course", new)
        api.sync_course(new)
        assert (api.status()["courses_waiting"], api.status()["waiting_since"]) == (0, None)

    def test_the_reason_why_a_target_is_disabled(self, shelf):
        many(2, targets=1)
        Target.objects.update(disabled_reason="The receiver answered 410.")
        assert all(course["lanes"][0]["error"] == "The receiver answered 410." for course in api.status()["courses"])

    def test_the_oldest_of_the_same_kind_first(self, shelf):
        many(4, targets=1)
        lanes = Lane.objects.order_by("pk")
        for lane, seconds in zip(lanes, (-10, -30, -40, -20)):
            Lane.objects.filter(pk=lane.pk).update(cursor=None, due_at=DatabaseNow(seconds))
        assert shown(said()) == ["Run2", "Run1", "Run3", "Run0"]
        Lane.objects.update(cursor=1, due_at=None)
        for at, seconds in enumerate((-10, -30, -40, -20)):
            key = f"course-v1:Org+Course+Run{at}"
            SHELF.versions[key] = "v2"
            marker = Marker.put(key)
            Marker.objects.filter(pk=marker.pk).update(seen_at=DatabaseNow(seconds))
        assert shown(said()) == ["Run2", "Run1", "Run3", "Run0"]
        for at, attempts in enumerate((1, 3, 4, 2)):
            Course.objects.filter(key__endswith=f"Run{at}").update(attempts=attempts, last_error="broken")
        assert shown(said()) == ["Run2", "Run1", "Run3", "Run0"]

    def test_it_fits_a_screen_when_everything_is_wrong(self, shelf):
        many(400)
        Lane.objects.update(attempts=1, last_error="An error that goes on and on. " * 50)
        for number in range(8):
            a_problem(f"course-v1:Org+Course+Run{number}")
        lines = said()
        assert "  … and 395 more (status --all)" in lines
        assert "0 of 400 courses are in step." in lines
        assert len(shown(lines)) == report.LINES // 4
        assert lines[-1] == "  and 3 more"
        assert len(lines) < 45
        assert max(map(len, lines)) <= 160
        assert "…" in lines[7], "an error that is cut shows it"

    def test_a_course_with_more_lanes_than_lines_is_shown(self, shelf, monkeypatch):
        many(2)
        Lane.objects.update(paused=True)
        monkeypatch.setattr(report, "LINES", 2)
        assert shown(said()) == ["Run0"]

    def test_a_cursor_before_operations_of_another_lane_alone_is_in_step(self, delivered, receiver):
        """A new target gets a snapshot; its operations are in the journal behind the cursors of the other lanes."""
        delivered.publish(a_course("v2", units=5))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        api.add_target("new", url=receiver.url, secret=receiver.secret)
        api.deliver_until_empty()
        assert [lane["state"] for lane in the_course()["lanes"]] == ["in step", "in step"]
        Lane.objects.filter(target__name="crm").update(end=F("end") + 1)
        assert [lane["state"] for lane in the_course()["lanes"]] == ["in step", "in step"]
        assert said()[-1] == "1 of 1 course is in step."

    def test_it_agrees_with_the_complete_form(self, delivered, receiver):
        receiver.faults += [Refuse(500), Fail(entity_id=block("vertical", "unit-0-0"), reason="no such class")]
        for key in (COURSE, OTHER):
            delivered.publish(a_course("v2", course=key, titles={"unit-0-0": "New"}))
            api.sync_course(key)
            api.deliver_due()
            Run.objects.update(ended_at=DatabaseNow(-90))
            Lane.objects.update(created_at=DatabaseNow(-90))  # so that no lag is rounded to 0
            short, full = api.status_overview(), api.status()
            out_of_step = [
                {**course, "lanes": [lane for lane in course["lanes"] if lane["state"] != "in step"]}
                for course in full["courses"]
            ]
            assert sorted(short["courses"], key=str) == sorted(
                (course for course in out_of_step if course["lanes"]), key=str
            )
            for one in (short, full):
                for target in one["targets"]:
                    target["lag_seconds"] = bool(target["lag_seconds"])
            assert short | {"courses": 0, "problems": 0} == full | {"courses": 0, "problems": 0}


def a_problem(course: str) -> None:
    """Make an operation that failed in the first lane of the course."""
    row, now = Course.objects.get(key_digest=digest_of(course)), datetime.now(UTC)
    run = Run.objects.create(course=row, kind="changes", began_at=now, ended_at=now, operations_count=1)
    operation = JournalOperation.objects.create(
        course=row, position=1, run=run, operation_id=uuid4(), operation="update", entity_type="unit",
        entity_id="block", block_type="vertical",
    )  # fmt: skip
    Problem.objects.create(lane=row.lanes.order_by("pk")[0], operation=operation, state="failed", since=now)


class TestOptions:
    def test_one_course_with_all_its_lanes(self, shelf):
        many(30)
        Lane.objects.filter(target__name="t1").update(paused=True)
        assert said("--course", "course-v1:Org+Course+Run7") == [
            "Targets",
            "target  state    lag (s)  pending  problems",
            "t0      in step  0        0        0",
            "t1      paused   0        0        0",
            "t2      in step  0        0        0",
            "  t1: 'resume t1' lets it go on; one course: 'resume t1 --course KEY'",
            "Courses",
            "  course-v1:Org+Course+Run7",
            "    t0: in step",
            "    t1: paused",
            "    t2: in step",
        ]

    def test_one_course_for_programs(self, shelf):
        many(3)
        for number in range(3):
            a_problem(f"course-v1:Org+Course+Run{number}")
        course = "course-v1:Org+Course+Run1"
        found = as_json("--course", course)
        assert found.keys() == api.status().keys()
        assert [one["course_id"] for one in found["courses"]] == [course]
        assert [one["course_id"] for one in found["problems"]] == [course]
        assert (found["problems_total"], found["courses_total"], found["courses_in_step"]) == (1, 1, 0)
        assert sum(target["problems"] for target in found["targets"]) == 1
        assert len(found["courses"][0]["lanes"]) == 3

    def test_a_held_run_belongs_to_its_course(self, shelf):
        many(2)
        for course in Course.objects.all():
            HeldRun.objects.create(course=course, published_version="", deletes=4, of=5, since=datetime.now(UTC))
        assert len(as_json()["held"]) == 2
        (held,) = as_json("--course", "course-v1:Org+Course+Run1")["held"]
        assert held["course_id"] == "course-v1:Org+Course+Run1"

    def test_one_target(self, shelf):
        many(30)
        Lane.objects.filter(target__name="t2").update(failing=True)
        Lane.objects.filter(target__name="t1", course__key__endswith="Run7").update(paused=True)
        assert said("--target", "t1") == [
            "Targets",
            "target  state   lag (s)  pending  problems",
            "t1      paused  0        0        0",
            "  t1: 'resume t1' lets it go on; one course: 'resume t1 --course KEY'",
            "Courses",
            "  course-v1:Org+Course+Run7",
            "    t1: paused",
            "29 of 30 courses are in step.",
        ]
        assert len(shown(said("--target", "t1", "--all"))) == 30
        found = as_json("--target", "t1")
        assert [target["name"] for target in found["targets"]] == ["t1"]
        assert {len(course["lanes"]) for course in found["courses"]} == {1}
        assert (found["courses_total"], found["courses_in_step"]) == (30, 29)

    def test_a_course_and_a_target(self, shelf):
        many(3)
        lines = said("--course", "course-v1:Org+Course+Run1", "--target", "t2")
        assert lines[-2:] == ["  course-v1:Org+Course+Run1", "    t2: in step"]
        Lane.objects.filter(target__name="t2").delete()
        assert "no lane" in refused("--course", "course-v1:Org+Course+Run1", "--target", "t2")

    def test_all(self, shelf):
        many(50)
        Lane.objects.update(paused=True)
        lines = said("--all")
        assert len(shown(lines)) == 50
        assert lines.count("    t1: paused") == 50
        assert lines[-1] == "0 of 50 courses are in step."

    def test_json_is_never_shortened(self, shelf):
        many(50)
        assert as_json() == as_json("--all") == api.status()
        assert len(as_json()["courses"]) == 50

    def test_what_nobody_knows(self, delivered):
        assert refused("--course", COURSE + "x") == (f"There is no published course {COURSE}x. Did you mean {COURSE}?")
        assert "Did you mean 'crm'?" in refused("--target", "crn")
        assert "course key" in refused("--course", "what")

    def test_what_has_not_begun(self, delivered):
        api.add_target("idle", url=Target.objects.get().url, orgs=["Elsewhere"])
        assert said("--target", "idle")[-1] == "No course that target idle wants is recorded yet."
        delivered.put(a_course("v1", course=OTHER))
        assert said("--course", OTHER)[-1] == f"Course {OTHER} was never recorded; 'backfill' records it."

    def test_upper_and_lower_case_are_different(self, delivered):
        delivered.put(a_course("v1", course=COURSE.upper().replace("COURSE-V1", "course-v1")))
        assert shown(said("--course", COURSE)) == ["Run"]
        assert "There is no target 'CRM'" in refused("--target", "CRM")


def refused(*options: str) -> str:
    """Return what ``status`` says when it ends with exit status 1."""
    err = StringIO()
    with pytest.raises(SystemExit) as exit_:
        call_command("course_sync", "status", *options, stdout=StringIO(), stderr=err)
    assert exit_.value.code == 1
    return err.getvalue().strip()


class TestWhetherAnythingRuns:
    WARNING = "No process has run or swept since "

    def test_a_site_that_never_had_such_a_process_is_not_warned(self, delivered):
        status = api.status()
        assert (status["not_running"], status["last_sweep_at"], status["last_run_at"]) == (False, None, None)
        assert not said()[0].startswith(self.WARNING)

    @pytest.mark.parametrize(("work", "key"), [(api.sweep, "last_sweep_at"), (api.note_run, "last_run_at")])
    def test_it_warns_after_ten_minutes(self, shelf, work, key):
        work()
        work()
        assert api.status()[key]
        assert not api.status()["not_running"]
        Activity.objects.update(swept_at=DatabaseNow(-590), ran_at=None)
        assert not api.status()["not_running"]
        Activity.objects.update(swept_at=None, ran_at=DatabaseNow(-610))
        status = as_json()
        assert status["not_running"]
        for options in ([], ["--all"], ["--course", COURSE]):
            shelf.put(a_course("v1"))
            assert said(*options)[0] == f"{self.WARNING}{status['last_run_at']}. Start 'course_sync run'."

    def test_the_newer_of_both_counts(self, shelf):
        api.sweep()
        Activity.objects.update(swept_at=DatabaseNow(-5000), ran_at=DatabaseNow(-5))
        assert not api.status()["not_running"]

    def test_a_sweep_does_not_hide_that_nothing_syncs(self, shelf):
        """A publish has waited for too long."""
        marker = Marker.put(COURSE)
        api.sweep()
        Marker.objects.filter(pk=marker.pk).update(seen_at=DatabaseNow(-590))
        assert not api.status()["not_running"]
        Marker.objects.filter(pk=marker.pk).update(seen_at=DatabaseNow(-610))
        status = api.status()
        assert status["not_running"]
        expected = (
            f"A publish has waited since {status['waiting_since']}, and no process takes it. Start 'course_sync run'."
        )
        assert said()[0] == expected
        Marker.objects.filter(pk=marker.pk).update(seen_at=DatabaseNow(600))  # the next attempt to read it
        assert (api.status()["not_running"], api.status()["waiting_since"]) == (False, None)

    def test_both_are_kept_in_one_row(self, shelf):
        api.sweep()
        api.note_run()
        row = Activity.objects.get()
        assert row.swept_at
        assert row.ran_at

    def test_a_sweep_that_fails_or_does_nothing_is_none(self, shelf, monkeypatch):
        with override_switch("course_sync.stopped", active=True):
            api.sweep()
        monkeypatch.setattr(type(SHELF), "published_versions", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            api.sweep()
        assert not Activity.objects.exists()

    def test_there_is_no_warning_while_everything_is_stopped(self, shelf):
        api.sweep()
        Activity.objects.update(swept_at=DatabaseNow(-5000))
        with override_switch("course_sync.stopped", active=True):
            assert not api.status()["not_running"]
            assert "course_sync.stopped" in said()[0]
        assert api.status()["not_running"]


class TestItsCost:
    def test_its_queries_do_not_grow(self, shelf):
        counts = []
        for courses in (1, 30):
            Course.objects.all().delete()
            Target.objects.all().delete()
            many(courses, targets=courses)
            with own_queries() as queries:
                api.status()
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 9

    @pytest.mark.parametrize("options", [[], ["--all"], ["--target", "t1"], ["--course", "course-v1:Org+Course+Run0"]])
    def test_nor_do_those_of_the_command(self, shelf, options):
        """One more is that of the source, which is not a database here."""
        counts = []
        for courses in (2, 500):
            for model in (Problem, JournalOperation, Run, Lane, Target, Course):
                model.objects.all().delete()
            many(courses)
            for at in range(min(courses, 40)):
                a_problem(f"course-v1:Org+Course+Run{at}")
            Lane.objects.filter(target__name="t1").update(attempts=1)
            with own_queries() as queries:
                said(*options)
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 11

    def test_lanes_in_step_are_not_loaded(self, shelf, monkeypatch):
        """They are only counted, and their journal is not looked at."""
        loaded = []
        monkeypatch.setattr(
            lanes, "CountedLane", lambda *args, **values: loaded.append(1) or CountedLane(*args, **values)
        )
        many(300)
        Lane.objects.filter(course__key__endswith="Run7").update(paused=True)
        api.status_overview()
        assert len(loaded) == 3

    def test_nor_does_it_look_at_every_lane_for_every_course(self, shelf, monkeypatch):
        """A site of 3 000 courses has 9 000 lanes. To search all of them for each course would take half a minute."""

        class Lanes(list):
            """A list that counts how many of its items are read."""

            def __iter__(self):
                for lane in super().__iter__():
                    taken.append(lane)
                    yield lane

        taken = []
        many(40)
        original = report.read_lanes
        monkeypatch.setattr(report, "read_lanes", lambda *args, **options: Lanes(original(*args, **options)))
        status = api.status()
        assert sum(len(course["lanes"]) for course in status["courses"]) == 120
        assert len(taken) == 3 * 120, "once for the courses, once for the targets, once for the problems"
