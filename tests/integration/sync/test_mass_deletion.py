"""A run that would delete too much is held until an operator approves exactly that version and set."""

from __future__ import annotations

import json
import logging
import sys
from io import StringIO
from unittest import mock

import attrs
import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.exceptions import SourceError, UnknownName
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.models import Entity, HeldRun, Marker, Run
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.sync.course import Outcome, SyncResult
from course_sync_plugin.upkeep import approval
from course_sync_plugin.upkeep.approval import HeldPlan
from tests.integration.courses import COURSE, a_course, approve, block, differences, exit_status, recorded, replayed

pytestmark = pytest.mark.django_db


def units(version: str, number: int):
    """Return a course with one section and ``number`` units: three entities more than units."""
    return a_course(version, sections=1, units=number)


def tokens(course: str = "") -> list[str]:
    """Return the tokens that 'approve' shows now."""
    return [plan.token for plan in api.held_plans(course) if plan.token]


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Run 'approve'; return exit status, output and errors."""
    return exit_status("approve", *arguments), *capsys.readouterr()


@pytest.fixture
def held(shelf):
    """Hold a publish that deletes 30 of the 40 entities of a course."""
    shelf.publish(units("v1", 37))
    api.sync_course(COURSE)
    shelf.publish(units("v2", 7))
    assert api.sync_course(COURSE).outcome is Outcome.HELD
    return shelf


def test_what_is_held_after_reads_that_failed_has_failed_no_more(shelf):
    shelf.publish(units("v1", 37))
    api.sync_course(COURSE)
    shelf.publish(units("v2", 7))
    with mock.patch.object(shelf, "read", side_effect=SourceError("not now")):
        api.sync_course(COURSE)
    assert (recorded().attempts, recorded().last_error) == (1, "not now")
    assert api.sync_course(COURSE).outcome is Outcome.HELD
    assert (recorded().attempts, recorded().last_error) == (0, "")


def end(shelf, course: str) -> None:
    """Publish and sync another course of 11 entities, then its deletion, which is held."""
    shelf.publish(a_course("v1", course=course))
    api.sync_course(course)
    shelf.delete(course)
    assert api.sync_course(course).outcome is Outcome.HELD


class TestWhatIsHeld:
    """A run that deletes more than 30 % of a course and more than 20 entities."""

    @pytest.mark.story(14)
    @pytest.mark.parametrize(
        ("percent", "count", "before", "deletes", "held"),
        [
            (30, 20, 70, 21, False),  # 21 of 70 is exactly 30 %
            (30, 20, 69, 21, True),
            (30, 20, 60, 20, False),  # 33 %, but not more than 20 entities
            (30, 20, 60, 21, True),
            (30, 20, 1000, 300, False),
            (30, 20, 1000, 301, True),
            (30, 20, 12, 9, False),  # nearly all of a small course
            (0, 0, 40, 1, True),
            (0, 5, 40, 5, False),
            (0, 5, 40, 6, True),
            (100, 0, 40, 37, False),  # never, except for a deletion of the course itself
            (99.5, 20, 203, 200, False),
            (98, 20, 203, 200, True),
        ],
    )
    def test_more_than_both_limits(self, shelf, settings, percent, count, before, deletes, held):
        settings.COURSE_SYNC_MASS_DELETE_PERCENT = percent
        settings.COURSE_SYNC_MASS_DELETE_COUNT = count
        shelf.publish(units("v1", before - 3))
        api.sync_course(COURSE)
        shelf.publish(units("v2", before - 3 - deletes))
        assert api.sync_course(COURSE).outcome is (Outcome.HELD if held else Outcome.RECORDED)
        assert Entity.objects.count() == (before if held else before - deletes)

    def test_deletes_count_and_not_what_moves_out(self, shelf):
        shelf.publish(a_course("v1", sections=2, units=30))
        api.sync_course(COURSE)
        names = [f"unit-{section}-{unit}" for section in range(2) for unit in range(30)]
        blocks = {block("vertical", name): RawBlock(block("vertical", name), "vertical", {}) for name in names}
        only = block("sequential", "subsection-0")
        blocks[only] = RawBlock(only, "sequential", {}, tuple(blocks))
        blocks[COURSE] = RawBlock(COURSE, "course", {}, (only,))
        shelf.publish(StructureBuilder(COURSE, "v2", blocks).build())
        assert api.sync_course(COURSE).outcome is Outcome.RECORDED

    def test_the_end_of_a_course_however_small(self, shelf, settings):
        settings.COURSE_SYNC_MASS_DELETE_PERCENT = 100
        shelf.publish(units("v1", 1))
        api.sync_course(COURSE)
        shelf.delete()
        result = api.sync_course(COURSE)
        assert (result.outcome, len(result.operations)) == (Outcome.HELD, 4)
        assert Entity.objects.count() == 4

    def test_a_first_publish_never(self, shelf):
        shelf.publish(units("v1", 100))
        assert api.sync_course(COURSE).outcome is Outcome.RECORDED


class TestWhileItIsHeld:
    def test_nothing_is_recorded(self, held):
        assert (Run.objects.count(), Entity.objects.count()) == (1, 40)
        assert recorded().published_version == "v1"
        assert not recorded().lease_token
        assert not Marker.objects.exists()
        assert differences(COURSE, units("v1", 37), replayed()) == []

    def test_the_status_shows_it(self, held, capsys):
        (shown,) = api.status()["held"]
        since = shown.pop("since")
        assert shown == {"course_id": COURSE, "published_version": "v2", "deletes": 30, "of": 40}
        assert since.endswith("Z")
        call_command("course_sync", "status")
        assert f"{COURSE} (held: it would lose 30 of 40 entities" in capsys.readouterr().out

    def test_the_log_warns(self, shelf, caplog):
        shelf.publish(units("v1", 37))
        api.sync_course(COURSE)
        caplog.set_level(logging.INFO, "course_sync_plugin")
        shelf.publish(units("v2", 7))
        api.sync_course(COURSE)
        (line,) = [record for record in caplog.records if "outcome=held" in record.getMessage()]
        assert (line.levelname, "delete=30" in line.getMessage()) == ("WARNING", True)

    def test_nobody_reads_it_again_and_again(self, held):
        reads = held.reads
        for _ in range(3):
            swept = api.sweep()
            assert swept.missed == ()
            api.sync_marked()
            assert api.sync_course(COURSE).outcome is Outcome.HELD
        assert held.reads == reads

    def test_the_end_of_a_course_is_not_read_again_and_again_either(self, shelf):
        shelf.publish(units("v1", 3))
        api.sync_course(COURSE)
        shelf.delete()
        api.sync_course(COURSE)
        reads = shelf.reads
        for _ in range(3):
            assert api.sweep().missed == ()
            assert api.sync_course(COURSE).outcome is Outcome.HELD
        assert shelf.reads == reads

    def test_another_publish_signal_of_the_same_version_keeps_it(self, held):
        held.publish(units("v2", 7))
        assert api.sync_course(COURSE).outcome is Outcome.HELD
        assert HeldRun.objects.get().published_version == "v2"
        assert not Marker.objects.exists()


class TestANewerPublish:
    """A newer publish always replaces the held run."""

    def test_that_deletes_too_much_as_well(self, held):
        held.publish(units("v3", 5))
        assert api.sync_course(COURSE).outcome is Outcome.HELD
        row = HeldRun.objects.get()
        assert (row.published_version, row.deletes, row.approved) == ("v3", 32, False)

    def test_that_deletes_little(self, held):
        held.publish(units("v3", 36))
        assert api.sync_course(COURSE).outcome is Outcome.RECORDED
        assert not HeldRun.objects.exists()
        assert differences(COURSE, units("v3", 36), replayed()) == []

    def test_that_puts_back_what_was_there(self, held):
        """The author has undone the mistake: the course equals the recorded one."""
        held.publish(units("v3", 37))
        assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
        assert not HeldRun.objects.exists()
        assert recorded().published_version == "v3"
        reads = held.reads
        assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
        assert held.reads == reads

    def test_an_operator_who_approves_the_end_of_a_course_that_was_made_again(self, shelf, capsys):
        """The course is published again, so the approved run deletes nothing."""
        shelf.publish(units("v1", 37))
        api.sync_course(COURSE)
        shelf.delete()
        api.sync_course(COURSE)
        shelf.publish(units("v2", 38))
        call_command("course_sync", "approve")
        assert f"{COURSE}, version v2: would delete 0 of 40 entities" in capsys.readouterr().out
        call_command("course_sync", "approve", "--yes", "--token", *tokens())
        assert f"{COURSE}: recorded 1 create" in capsys.readouterr().out
        assert not HeldRun.objects.exists()
        assert differences(COURSE, units("v2", 38), replayed()) == []

    def test_of_a_course_made_again(self, shelf):
        shelf.publish(units("v1", 37))
        api.sync_course(COURSE)
        shelf.delete()
        assert api.sync_course(COURSE).outcome is Outcome.HELD
        shelf.publish(units("v2", 38))
        assert api.sync_course(COURSE).outcome is Outcome.RECORDED
        assert not HeldRun.objects.exists()
        assert differences(COURSE, units("v2", 38), replayed()) == []

    def test_that_is_the_recorded_version_again(self, held):
        """The version pointer was reset, for example by a restored backup."""
        held.put(units("v1", 37))
        assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
        assert not HeldRun.objects.exists()


@pytest.mark.parametrize("outcome", [Outcome.BUSY, Outcome.STOPPED, Outcome.EXCLUDED, Outcome.UNREADABLE])
def test_what_could_not_be_recorded_stays_unapproved(held, monkeypatch, outcome):
    """Otherwise the run would be recorded later, when the operator does not expect it."""
    monkeypatch.setattr(approval, "sync_course", lambda key: SyncResult(key, outcome))
    (one,) = api.approve(tokens())
    assert (one.result.outcome, HeldRun.objects.get().approved) == (outcome, False)


class TestApproving:
    def test_it_shows_what_would_go_and_does_nothing(self, held, capsys):
        status, out, _err = run(capsys)
        assert f"{COURSE}, version v2: would delete 30 of 40 entities" in out
        assert block("vertical", "unit-0-10") in out
        assert "and 10 more; --json shows all of them" in out
        (token,) = tokens()
        assert out.splitlines()[-2:] == [
            f"  token: {token}",
            f"To carry out exactly this: approve --yes --token {token}",
        ]
        assert status == 0
        assert recorded().published_version == "v1"
        assert HeldRun.objects.get().approved is False

    def test_it_does_what_was_shown(self, held, capsys):
        ready = run(capsys)[1].splitlines()[-1].partition(": approve ")[2]
        status, out, _err = run(capsys, *ready.split())
        assert (status, out) == (0, f"{COURSE}: recorded 30 delete\n")
        assert not HeldRun.objects.exists()
        assert differences(COURSE, units("v2", 7), replayed()) == []

    def test_the_ready_command_names_the_course_that_was_looked_at(self, held, capsys):
        ready = run(capsys, "--course", COURSE)[1].splitlines()[-1]
        assert ready.endswith(f": approve --course {COURSE} --yes --token {tokens()[0]}")

    def test_json(self, held, capsys):
        (plan,) = json.loads(run(capsys, "--json")[1])
        assert (plan["course_id"], plan["published_version"], plan["of"]) == (COURSE, "v2", 40)
        assert len(plan["deletes"]) == 30
        status, out, _err = run(capsys, "--yes", "--token", plan["token"], "0" * 12, "--json")
        done, not_found = json.loads(out)
        assert status == 1
        assert (done["token"], done["course_id"], done["outcome"]) == (plan["token"], COURSE, "recorded")
        assert done["operations"] == {"delete": 30}
        assert (not_found["token"], not_found["course_id"], not_found["outcome"]) == ("0" * 12, "", "not found")
        assert "is no longer valid: it has changed" in not_found["error"]

    def test_only_what_was_shown_of_two_courses(self, held, capsys):
        other = "course-v1:Org+Course+Other"
        shown = tokens()
        end(held, other)
        assert len(set(tokens())) == 2
        assert run(capsys, "--yes", "--token", *shown)[0] == 0
        assert [row.course.key for row in HeldRun.objects.all()] == [other]
        assert len(stored_structure(recorded(other))) == 11

    def test_one_course_alone(self, held):
        other = "course-v1:Org+Course+Other"
        end(held, other)
        approve(other)
        assert [row.course.key for row in HeldRun.objects.all()] == [COURSE]
        assert recorded(other).published_version == ""

    def test_with_a_course_no_other_is_reached(self, held, capsys):
        other = "course-v1:Org+Course+Other"
        end(held, other)
        status, _out, _err = run(capsys, "--course", COURSE, "--yes", "--token", *tokens(other))
        assert status == 1
        assert HeldRun.objects.filter(approved=False).count() == 2

    def test_nothing_is_held(self, shelf, capsys):
        assert run(capsys) == (0, "No run is held.\n", "")
        assert api.approve([]) == []

    def test_nothing_of_this_course_is_held(self, held):
        for attempt in (api.held_plans, lambda course: api.approve(tokens(), course)):
            with pytest.raises(UnknownName, match="Other"):
                attempt("course-v1:Org+Course+Other")
        assert HeldRun.objects.get().approved is False

    def test_the_end_of_a_course(self, shelf, capsys):
        shelf.publish(units("v1", 3))
        api.sync_course(COURSE)
        shelf.delete()
        api.sync_course(COURSE)
        assert "version none (deleted): would delete 6 of 6 entities" in run(capsys)[1]
        approve()
        assert not Entity.objects.exists()
        assert api.sweep().missed == ()

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--token", "0" * 12], "--token needs --yes"),
            (["--yes"], "--yes needs --token"),
            (["--yes", "--json"], "--yes needs --token"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_wrong_usage_deletes_nothing(self, held, capsys, monkeypatch, arguments, said):
        monkeypatch.setattr("sys.stdin", StringIO("y\n"))
        status, out, err = run(capsys, *arguments)
        assert (status, out) == (2, "")
        assert said in err
        assert Entity.objects.count() == 40
        assert HeldRun.objects.get().approved is False


class TestAtATerminal:
    """``--yes`` without a token: the operator sees the present state and is asked."""

    @pytest.mark.parametrize("answer", ["y", "Yes"])
    def test_who_agrees(self, held, capsys, terminal, answer):
        terminal(answer)
        status, out, _err = run(capsys, "--yes")
        assert status == 0
        assert out.index("would delete 30 of 40") < out.index("[y/N]") < out.index("recorded 30 delete")
        assert differences(COURSE, units("v2", 7), replayed()) == []

    @pytest.mark.parametrize("answer", ["", "n", "yess", "\x04"])
    def test_who_does_not(self, held, capsys, terminal, answer):
        terminal(answer)
        status, out, _err = run(capsys, "--yes")
        assert (status, out.splitlines()[-2:]) == (1, ["Carry this out? [y/N]", "Nothing was done."])
        assert Entity.objects.count() == 40

    def test_who_types_ctrl_c(self, held, capsys, terminal, monkeypatch):
        terminal("")
        monkeypatch.setattr(sys.stdin, "readline", mock.Mock(side_effect=KeyboardInterrupt))
        status, out, _ = run(capsys, "--yes")
        assert (status, out.splitlines()[-1]) == (1, "Nothing was done.")
        assert recorded().published_version == "v1"

    def test_nothing_to_agree_to(self, shelf, capsys, terminal):
        assert run(capsys, "--yes") == (0, "No run is held.\n", "")

    def test_what_is_published_while_somebody_thinks(self, held, capsys, monkeypatch):
        class Slow(StringIO):
            def isatty(self) -> bool:
                return True

            def readline(self) -> str:
                held.publish(units("v3", 0))
                api.sync_course(COURSE)
                return "y\n"

        monkeypatch.setattr("sys.stdin", Slow())
        status, out, _err = run(capsys, "--yes")
        assert status == 1
        assert "is no longer valid: it has changed" in out
        assert Entity.objects.count() == 40

    def test_a_program_is_not_asked(self, held, capsys, terminal):
        terminal("y")
        assert run(capsys, "--yes", "--json")[0] == 2
        assert Entity.objects.count() == 40


class TestAnApprovalIsForOneVersionAndOneSet:
    def test_a_bad_import_after_somebody_looked(self, shelf, capsys):
        """Of 100 units 60 are published, and the operator looks at the held run; then an import publishes none."""
        shelf.publish(units("v1", 100))
        api.sync_course(COURSE)
        shelf.publish(units("v2", 60))
        api.sync_course(COURSE)
        assert "would delete 40 of 103" in run(capsys, "--course", COURSE)[1]
        shown = tokens()
        shelf.publish(units("v3", 0))
        assert api.sync_course(COURSE).outcome is Outcome.HELD
        status, out, _err = run(capsys, "--course", COURSE, "--yes", "--token", *shown)
        assert status == 1
        assert f"The plan of token {shown[0]} is no longer valid" in out
        assert Entity.objects.count() == 103
        row = HeldRun.objects.get()
        assert (row.published_version, row.deletes, row.approved) == ("v3", 100, False)
        run(capsys, "--yes", "--token", *tokens())
        assert Entity.objects.count() == 3

    def test_one_token_is_stale_and_the_other_is_carried_out(self, held, capsys):
        other = "course-v1:Org+Course+Other"
        end(held, other)
        shown = tokens()
        held.publish(units("v3", 1))
        status, out, _err = run(capsys, "--yes", "--token", *shown)
        assert status == 1
        assert f"{other}: recorded 11 delete" in out
        assert "is no longer valid: it has changed" in out
        assert Entity.objects.count() == 40
        assert run(capsys, "--yes", "--token", *shown)[0] == 1  # both tokens fail: the other run is already recorded

    def test_what_was_published_since_is_not_approved_by_it(self, held):
        """The marker of v3 is not read yet; the token of v2 does not approve v3."""
        shown = tokens()
        held.publish(units("v3", 1))
        (approved,) = api.approve(shown)
        assert approved.result is None
        assert HeldRun.objects.get().approved is False
        assert Entity.objects.count() == 40

    def test_what_is_published_between_plan_and_sync_is_held_anew(self, held, capsys, monkeypatch):
        shown = tokens()

        def published_meanwhile(course_key):
            held.publish(units("v3", 1))
            return api.sync_course(course_key)

        monkeypatch.setattr(approval, "sync_course", published_meanwhile)
        status, out, _err = run(capsys, "--yes", "--token", *shown)
        assert status == 1
        assert "the course has changed since the plan was shown" in out
        row = HeldRun.objects.get()
        assert (row.published_version, row.deletes, row.approved) == ("v3", 36, False)
        assert Entity.objects.count() == 40

    def test_another_version_with_the_same_deletions_is_held_anew(self, held):
        HeldRun.objects.update(approved=True)
        held.publish(units("v3", 7))
        assert api.sync_course(COURSE).outcome is Outcome.HELD
        row = HeldRun.objects.get()
        assert (row.published_version, row.deletes, row.approved) == ("v3", 30, False)

    def test_the_token_of_another_version_with_the_same_deletions(self, held):
        shown = tokens()
        held.publish(units("v3", 7))
        assert tokens() != shown
        assert api.approve(shown)[0].result is None

    def test_the_same_version_with_another_set(self, held):
        """A source may read the same version differently, for example if a block could not be loaded."""
        shown = tokens()
        held.put(units("v2", 3))
        assert api.approve(shown)[0].result is None
        assert Entity.objects.count() == 40
        HeldRun.objects.update(approved=True)
        assert api.sync_course(COURSE).outcome is Outcome.HELD
        assert HeldRun.objects.get().deletes == 34

    def test_what_is_shown_is_what_would_be_done_now(self, held):
        held.publish(units("v3", 1))
        (plan,) = api.held_plans()
        assert attrs.evolve(plan, token="", entities=()) == HeldPlan(
            COURSE, "v3", tuple(sorted(block("vertical", f"unit-0-{at}") for at in range(1, 37))), 40
        )
        (approved,) = api.approve([plan.token])
        assert approved.result.outcome is Outcome.RECORDED
        assert differences(COURSE, units("v3", 1), replayed()) == []

    def test_approved_and_then_published_again_before_it_was_done(self, held):
        HeldRun.objects.update(approved=True)
        held.publish(units("v3", 1))
        assert api.sync_course(COURSE).outcome is Outcome.HELD
        assert HeldRun.objects.get().approved is False

    def test_approved_and_then_killed(self, held, monkeypatch):
        """The process died after the approval: the sweep finds the run, and it is recorded."""
        held.publish(units("v3", 1))
        shown = tokens()
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(approval, "sync_course", mock.Mock(side_effect=KeyboardInterrupt))
            api.approve(shown)
        Marker.objects.all().delete()
        assert api.sweep().missed == (COURSE,)
        api.sync_marked()
        assert recorded().published_version == "v3"
        assert not HeldRun.objects.exists()
        assert api.sweep().missed == ()

    @pytest.mark.parametrize(
        ("error", "said"),
        [(SourceError("it does not answer"), "it does not answer"), (KeyError("title"), "KeyError: 'title'")],
        ids=lambda value: type(value).__name__,
    )
    def test_one_that_cannot_be_read_now(self, held, capsys, error, said):
        shown = tokens()
        held.courses[COURSE] = error
        end(held, "course-v1:Org+Course+Other")
        status, out, _err = run(capsys)
        assert status == 1
        assert f"{COURSE}: {said}" in out
        assert "course-v1:Org+Course+Other" in out
        status, out, _err = run(capsys, "--yes", "--token", *shown, *tokens())
        assert status == 1
        assert "recorded 11 delete" in out
        assert f"{COURSE}: {said}" in out
        assert api.approve([""])[0].result is None
