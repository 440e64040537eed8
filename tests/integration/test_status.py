"""Where everything stands, at a glance and for programs."""

from __future__ import annotations

import json
from functools import partial

import pytest
from django.core.management import call_command
from waffle.testutils import override_switch

from course_sync_plugin import api
from course_sync_plugin.models import Course, DatabaseNow, Lane, Problem, Run, Target, digest_of
from course_sync_plugin.testing.faults import Fail, Refuse
from course_sync_plugin.upkeep import status as status_module

from .courses import COURSE, a_course, block, own_queries

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
    """A course that is recorded and delivered."""
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    return shelf


class TestTheContract:
    """The keys that programs rely on, and what was added: without ``error`` and ``problems`` nobody could mend them."""

    def test_its_keys(self, delivered, capsys):
        delivered.publish(a_course("v2", units=40))
        api.sync_course(COURSE)
        delivered.delete()
        api.sync_course(COURSE)
        call_command("course_sync", "status", "--json")
        status = json.loads(capsys.readouterr().out)
        assert status.keys() == {"targets", "courses", "held", "stopped", "problems", "problems_total"}
        assert status["targets"][0].keys() == {"name", "state", "lag_seconds", "pending", "problems"}
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
            "targets": [], "courses": [], "held": [], "stopped": False, "problems": [], "problems_total": 0,
        }  # fmt: skip
        call_command("course_sync", "status")
        assert "none" in capsys.readouterr().out


class TestStates:
    def test_in_step(self, delivered):
        assert the_target() == {"name": "crm", "state": "in step", "lag_seconds": 0, "pending": 0, "problems": 0}
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

    def test_pending(self, delivered):
        delivered.publish(a_course("v2", units=5))
        api.sync_course(COURSE)
        Run.objects.update(ended_at=DatabaseNow(-90))
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
        """What it is to get is the course as it is, and it has been waiting for that since it was added."""
        for version, units in (("v2", 5), ("v3", 3)):
            delivered.publish(a_course(version, units=units))
            api.sync_course(COURSE)
        Run.objects.update(ended_at=DatabaseNow(-90))
        api.add_target("new", url=receiver.url)
        new = next(target for target in api.status()["targets"] if target["name"] == "new")
        assert (new["state"], new["pending"]) == ("pending", len(a_course("v3")))
        assert new["lag_seconds"] < 60
        Lane.objects.filter(target__name="new").update(due_at=DatabaseNow(-90))
        new = next(target for target in api.status()["targets"] if target["name"] == "new")
        assert new["lag_seconds"] == pytest.approx(90, abs=5)

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

    def test_when_a_lane_that_is_retrying_goes_again(self, delivered, receiver, capsys):
        receiver.faults.append(Refuse(500))
        delivered.publish(a_course("v2", units=5))
        api.sync_course(COURSE)
        api.deliver_due()
        moment = f"{Lane.objects.get().due_at:%Y-%m-%dT%H:%M:%SZ}"
        assert the_lane()["next_attempt"] == moment
        call_command("course_sync", "status")
        assert f"    crm: retrying, again at {moment}: {the_lane()['error']}" in capsys.readouterr().out

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
        assert f"  {COURSE} (a publish is not recorded)" in lines
        assert "    crm: in step" in lines

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
        assert f"{problem.operation_id} no such class" in out  # what 'skip --operation' wants
        assert the_target()["problems"] == 1


class TestProblems:
    @pytest.fixture
    def refused(self, delivered, receiver):
        """A new section that is refused, with all below it, and after that a title."""
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
        monkeypatch.setattr(status_module, "problems", partial(api.problems, 3))
        call_command("course_sync", "status")
        lines = capsys.readouterr().out.splitlines()
        shown = lines[lines.index("Problems; 'retry' and 'skip' are the ways out") + 1 :]
        assert [line.split(": ")[1] for line in shown if line.startswith("  crm")] == ["failed", "failed", "parked"]
        assert shown[2] == "    4 are parked behind it"
        assert shown[-1] == "  and 3 more"


class TestItsCost:
    def make(self, courses: int) -> None:
        targets = list(Target.objects.all())
        for at in range(courses):
            key = f"course-v1:Org+Course+Run{at}"
            course = Course.objects.create(key=key, key_digest=digest_of(key), org="Org", last_position=1)
            Lane.objects.bulk_create(Lane(target=target, course=course, cursor=1, end=1) for target in targets)

    def test_its_queries_do_not_grow(self, shelf):
        counts = []
        for courses in (1, 30):
            Course.objects.all().delete()
            Target.objects.all().delete()
            Target.objects.bulk_create(Target(name=f"t{at}", backend="webhook") for at in range(courses))
            self.make(courses)
            with own_queries() as queries:
                api.status()
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 7

    def test_nor_does_it_look_at_every_lane_for_every_course(self, shelf, monkeypatch):
        """A site of 3 000 courses has 9 000 lanes: looking at all of them for each course takes half a minute."""

        class Lanes(list):
            """A list that counts what is taken out of it."""

            def __iter__(self):
                for lane in super().__iter__():
                    taken.append(lane)
                    yield lane

        taken = []
        Target.objects.bulk_create(Target(name=f"t{at}", backend="webhook") for at in range(3))
        self.make(40)
        original = status_module._lanes
        monkeypatch.setattr(status_module, "_lanes", lambda: Lanes(original()))
        status = api.status()
        assert sum(len(course["lanes"]) for course in status["courses"]) == 120
        assert len(taken) == 120
