"""What would delete too much waits for an operator, who approves exactly that version and that set."""

from __future__ import annotations

import json
import logging

import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.exceptions import SourceError, UnknownName
from course_sync_plugin.models import Entity, HeldRun, Marker, Run
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.sync import Outcome
from course_sync_plugin.upkeep.holding import HeldPlan

from .courses import COURSE, a_course, block, differences, recorded, replayed

pytestmark = pytest.mark.django_db


def units(version: str, number: int):
    """A course with one section and so many units: three entities more than units."""
    return a_course(version, sections=1, units=number)


@pytest.fixture
def held(shelf):
    """A course of 40 entities; a publish that deletes 30 of them is held."""
    shelf.publish(units("v1", 37))
    api.sync_course(COURSE)
    shelf.publish(units("v2", 7))
    assert api.sync_course(COURSE).outcome is Outcome.HELD
    return shelf


class TestWhatIsHeld:
    """A run that deletes more than 30 % of a course and more than 20 entities."""

    @pytest.mark.parametrize(
        ("percent", "count", "before", "deletes", "held"),
        [
            (30, 20, 70, 21, False),  # 21 of 70 is 30 %, and not more
            (30, 20, 69, 21, True),
            (30, 20, 60, 20, False),  # 33 %, but no more than 20
            (30, 20, 60, 21, True),
            (30, 20, 1000, 300, False),
            (30, 20, 1000, 301, True),
            (30, 20, 12, 9, False),  # nearly all of a small course
            (0, 0, 40, 1, True),
            (0, 5, 40, 5, False),
            (0, 5, 40, 6, True),
            (100, 0, 40, 37, False),  # never, except for the course itself
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
        assert f"{COURSE} would lose 30 of 40 entities" in capsys.readouterr().out

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
    """It replaces what is held, whatever it brings."""

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
        """The author undid the mistake: the course is as it was recorded."""
        held.publish(units("v3", 37))
        assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
        assert not HeldRun.objects.exists()
        assert recorded().published_version == "v3"
        reads = held.reads
        assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
        assert held.reads == reads

    def test_an_operator_who_approves_the_end_of_a_course_that_was_made_again(self, shelf, capsys):
        """Nothing is deleted: what is published now deletes nothing, and it is what approving brings."""
        shelf.publish(units("v1", 37))
        api.sync_course(COURSE)
        shelf.delete()
        api.sync_course(COURSE)
        shelf.publish(units("v2", 38))
        call_command("course_sync", "approve")
        assert f"{COURSE}, version v2: would delete 0 of 40 entities" in capsys.readouterr().out
        call_command("course_sync", "approve", "--yes")
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
        """The version pointer was put back, by a restored backup say."""
        held.put(units("v1", 37))
        assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
        assert not HeldRun.objects.exists()


class TestApproving:
    def test_it_shows_what_would_go_and_does_nothing(self, held, capsys):
        call_command("course_sync", "approve")
        out = capsys.readouterr().out
        assert f"{COURSE}, version v2: would delete 30 of 40 entities" in out
        assert block("vertical", "unit-0-10") in out
        assert "and 10 more" in out
        assert "approve --yes" in out
        assert recorded().published_version == "v1"

    def test_it_does_it(self, held, capsys):
        call_command("course_sync", "approve", "--yes")
        assert f"{COURSE}: recorded 30 delete" in capsys.readouterr().out
        assert not HeldRun.objects.exists()
        assert differences(COURSE, units("v2", 7), replayed()) == []

    def test_json(self, held, capsys):
        call_command("course_sync", "approve", "--json")
        (plan,) = json.loads(capsys.readouterr().out)
        assert (plan["course_id"], plan["published_version"], plan["of"]) == (COURSE, "v2", 40)
        assert len(plan["deletes"]) == 30
        call_command("course_sync", "approve", "--yes", "--json")
        (result,) = json.loads(capsys.readouterr().out)
        assert (result["course_id"], result["outcome"]) == (COURSE, "recorded")
        assert result["operations"] == {"delete": 30}

    def test_one_course_alone(self, held):
        other = "course-v1:Org+Course+Other"
        held.publish(a_course("v1", course=other))
        api.sync_course(other)
        held.delete(other)
        api.sync_course(other)
        api.approve(other)
        assert [row.course.key for row in HeldRun.objects.all()] == [COURSE]
        assert recorded(other).published_version == ""

    def test_nothing_is_held(self, shelf, capsys):
        for arguments in ([], ["--yes"]):
            call_command("course_sync", "approve", *arguments)
            assert "Nothing is held." in capsys.readouterr().out

    def test_nothing_of_this_course_is_held(self, held):
        with pytest.raises(UnknownName, match="Other"):
            api.approve("course-v1:Org+Course+Other")
        assert HeldRun.objects.get().approved is False

    def test_the_end_of_a_course(self, shelf, capsys):
        shelf.publish(units("v1", 3))
        api.sync_course(COURSE)
        shelf.delete()
        api.sync_course(COURSE)
        call_command("course_sync", "approve")
        assert "version none (deleted): would delete 6 of 6 entities" in capsys.readouterr().out
        api.approve()
        assert not Entity.objects.exists()
        assert api.sweep().missed == ()


class TestAnApprovalIsForOneVersionAndOneSet:
    def test_what_was_published_since_is_not_approved_by_it(self, held):
        """The marker of v3 is not looked at yet; the approval of v2 does not let v3 through."""
        held.publish(units("v3", 1))
        (result,) = api.approve()
        assert result.outcome is Outcome.HELD
        row = HeldRun.objects.get()
        assert (row.published_version, row.deletes, row.approved) == ("v3", 36, False)
        assert Entity.objects.count() == 40

    def test_the_command_says_so(self, held, capsys):
        held.publish(units("v3", 1))
        with pytest.raises(SystemExit) as exit_:
            call_command("course_sync", "approve", "--yes")
        assert exit_.value.code == 1
        assert "published again" in capsys.readouterr().out

    def test_the_same_version_with_another_set(self, held):
        """A source may read the same version differently: a block that could not be loaded, say."""
        held.put(units("v2", 3))
        (result,) = api.approve()
        assert result.outcome is Outcome.HELD
        assert HeldRun.objects.get().deletes == 34

    def test_what_is_shown_is_what_would_be_done_now(self, held):
        held.publish(units("v3", 1))
        assert api.held_plans() == [
            HeldPlan(COURSE, "v3", tuple(sorted(block("vertical", f"unit-0-{at}") for at in range(1, 37))), 40)
        ]

    def test_approved_and_then_published_again_before_it_was_done(self, held):
        HeldRun.objects.update(approved=True)
        held.publish(units("v3", 1))
        assert api.sync_course(COURSE).outcome is Outcome.HELD
        assert HeldRun.objects.get().approved is False

    def test_approved_and_then_killed(self, held):
        """The operator said yes and the process died: the sweep finds it and it is done."""
        HeldRun.objects.update(approved=True)
        assert api.sweep().missed == (COURSE,)
        api.sync_marked()
        assert recorded().published_version == "v2"
        assert not HeldRun.objects.exists()
        assert api.sweep().missed == ()

    def test_one_that_cannot_be_read_now(self, held, capsys):
        held.courses[COURSE] = SourceError("the modulestore does not answer")
        other = "course-v1:Org+Course+Other"
        held.publish(a_course("v1", course=other))
        api.sync_course(other)
        held.delete(other)
        api.sync_course(other)
        with pytest.raises(SystemExit) as exit_:
            call_command("course_sync", "approve")
        assert exit_.value.code == 1
        shown = capsys.readouterr()
        assert f"{COURSE}: the modulestore does not answer" in shown.err + shown.out
        assert other in shown.out
        assert [result.outcome for result in api.approve()] == [Outcome.UNREADABLE, Outcome.RECORDED]
