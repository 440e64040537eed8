"""``prune``: what is deleted, what stays and why, the plan, the archive, the nightly round and the command."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from django.db import Error, connection
from django.db.models import F

from course_sync_plugin import api, tasks
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.lanes import snapshot
from course_sync_plugin.models import (
    Activity,
    Attempt,
    DailySummary,
    DatabaseNow,
    InboundEvent,
    Job,
    JournalOperation,
    Lane,
    OperatorAction,
    Problem,
    ProblemState,
    Run,
    SyncLog,
    bulk,
)
from course_sync_plugin.testing.faults import Fail
from course_sync_plugin.testing.receiver import Receiver
from course_sync_plugin.upkeep.prune import journal, rounds
from course_sync_plugin.upkeep.prune.tables import ATTEMPTS, OPERATIONS, TABLES
from tests.integration.courses import block, exit_status, recorded
from tests.integration.one_lane import publish, renamed, the_lane
from tests.integration.upkeep.prune.ages import a_notice, a_sync, age, an_attempt

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(shelf, receiver):
    """A course of 11 entities, then two runs of one operation each, all delivered."""
    publish(shelf, "1")
    api.deliver_until_empty()
    for version, title in (("2", "a"), ("3", "b")):
        publish(shelf, version, titles={"unit-0-0": title})
        api.deliver_until_empty()
    Attempt.objects.all().delete()
    SyncLog.objects.all().delete()
    return recorded()


def left() -> list[int]:
    return list(JournalOperation.objects.order_by("position").values_list("position", flat=True))


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    return exit_status("prune", *arguments), *capsys.readouterr()


class TestWhatIsDeleted:
    @pytest.mark.parametrize(("days", "number"), [(29, 0), (31, 1)])
    def test_jobs_that_have_ended(self, course, days, number):
        """A job that still goes on stays, whatever its age."""
        began = datetime.now(UTC) - timedelta(days=days)
        for state, ended in (("finished", began), ("running", None)):
            Job.objects.create(action="retry", operator="x", state=state, created_at=began, ended_at=ended)
        assert api.prune().rows["jobs"] == number
        assert Job.objects.filter(state="running").count() == 1

    @pytest.mark.parametrize(("days", "number"), [(29, 0), (31, 1)])
    def test_attempts_and_the_log_of_syncs(self, course, days, number):
        an_attempt(the_lane())
        a_sync(the_lane())
        age(days)
        an_attempt(the_lane())
        a_sync(the_lane())
        rows = api.prune().rows
        assert (rows["attempts"], rows["sync_log"]) == (number, number)
        assert (Attempt.objects.count(), SyncLog.objects.count()) == (2 - number, 2 - number)

    @pytest.mark.parametrize(("days", "number"), [(29, 13), (31, 1)])
    def test_operations_and_runs(self, course, days, number):
        age(days)
        rows = api.prune().rows
        assert rows["operations"] == 13 - number
        assert rows["runs"] == (2 if number == 1 else 0)
        assert left() == list(range(14 - number, 14))

    def test_twice_is_once(self, course):
        age(31)
        api.prune()
        assert api.prune().rows == dict.fromkeys((table.name for table in TABLES), 0)

    def test_a_course_without_a_lane(self, course):
        api.remove_target("crm")
        age(31)
        api.prune()
        assert left() == [13]

    def test_positions_go_on(self, course, shelf, receiver):
        age(31)
        api.prune()
        structure = publish(shelf, "4", titles=renamed("unit-1-1"))
        api.deliver_until_empty()
        assert left() == [13, 14, 15]
        assert receiver.difference(structure) == []

    def test_the_time_by_entity_type(self, course, settings):
        settings.COURSE_SYNC_RETENTION_DAYS_BY_TYPE = {"section": 100, "unit": 5}
        age(10)
        assert api.prune().rows["operations"] == 7  # six units are made, one of them is renamed twice; one stays
        age(25)
        assert api.prune().rows["operations"] == 3  # the course and two subsections, without the sections
        age(100)
        assert api.prune().rows["operations"] == 2
        assert left() == [13]

    def test_what_operators_did_stays(self, course):
        OperatorAction.objects.create(at=DatabaseNow(-300 * 86400), operator="ann", action="retry")
        api.prune()
        assert OperatorAction.objects.exists()

    def test_in_batches(self, course, monkeypatch):
        monkeypatch.setattr(bulk, "ROWS", 3)
        for _number in range(7):
            an_attempt(the_lane())
        age(31)
        one = api.Prune()
        assert max(one.carry_out()) <= 3
        assert (one.result.rows["attempts"], one.result.rows["operations"], left()) == (7, 12, [13])

    def test_a_day_is_summarised_before_its_rows_go(self, course):
        an_attempt(the_lane(), seconds=2)
        age(31)
        api.prune()
        assert not Attempt.objects.exists()
        (row,) = DailySummary.objects.filter(entity_type="")
        assert (row.attempts, row.operations) == (1, 3)
        assert DailySummary.objects.get(entity_type="unit").kinds == {"create": [6, 0], "update": [2, 0]}


class TestNotices:
    @pytest.mark.parametrize(("days", "number"), [(6, 0), (8, 2)])
    def test_after_a_week_they_go_acted_on_or_not(self, course, days, number):
        a_notice(the_lane())
        a_notice(the_lane(), digest=None, taken_at=DatabaseNow())
        age(days)
        a_notice(the_lane())
        assert api.Prune().plan().rows["inbound_events"] == api.prune().rows["inbound_events"] == number
        assert InboundEvent.objects.count() == 3 - number

    def test_the_setting(self, course, settings):
        settings.COURSE_SYNC_INBOUND_DAYS = 2
        a_notice(the_lane())
        age(3)
        assert api.prune().rows["inbound_events"] == 1

    def test_they_are_not_archived(self, course, tmp_path):
        """They hold what people wrote elsewhere."""
        a_notice(the_lane())
        age(8)
        result = api.prune(archive=str(tmp_path / "old.jsonl"))
        assert (result.rows["inbound_events"], (tmp_path / "old.jsonl").read_text()) == (1, "")


class TestProblems:
    @pytest.fixture
    def closed(self, course, shelf, receiver):
        """A problem that was skipped, and one parked behind it that is closed too."""
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-1-1"), reason="no room", times=None))
        for version in ("4", "5"):
            publish(shelf, version, titles={"unit-1-1": version})
            api.deliver_until_empty()
        first, second = Problem.objects.order_by("pk")
        assert (first.state, second.state, second.behind_id) == ("failed", "parked", first.pk)
        return first, second

    def close(self, *problems):
        keys = [problem.pk for problem in problems]
        Problem.objects.filter(pk__in=keys).update(state=ProblemState.SKIPPED, closed_at=DatabaseNow())

    @pytest.mark.parametrize(("days", "number"), [(89, 0), (91, 2)])
    def test_a_closed_one_goes_and_its_operation_with_it(self, closed, days, number):
        self.close(*closed)
        age(days)
        plan, result = api.Prune().plan(), api.prune()
        assert plan.rows == result.rows
        assert result.rows["problems"] == number
        assert result.kept.problems == 2 - number
        assert left() == ([16] if number else [15, 16])

    def test_an_open_one_stays_and_so_does_what_it_waits_behind(self, closed):
        self.close(closed[0])
        age(400)
        assert api.prune().rows["problems"] == 0
        assert left() == [15, 16]

    def test_one_in_front_of_a_closed_one_stays_open(self, closed):
        self.close(closed[1])
        age(400)
        assert api.prune().rows["problems"] == 1
        assert list(Problem.objects.all()) == [closed[0]]

    def test_one_without_a_time_of_closing_counts_from_now_on(self, closed):
        """An older release closes problems without the time."""
        Problem.objects.update(state=ProblemState.RETRIED, closed_at=None, behind=None)
        age(400)
        assert api.prune().rows["problems"] == 0
        age(91)
        assert api.prune().rows["problems"] == 2


class TestWhatALaneNeeds:
    @pytest.mark.parametrize(
        ("column", "why"), [("paused", "paused"), ("failing", "failing"), ("waiting_for", "waiting for context")]
    )
    def test_a_lane_that_stands_still_keeps_what_it_has_not_passed(self, course, column, why):
        Lane.objects.update(cursor=5, **{column: "level" if column == "waiting_for" else True})
        age(400)
        kept = api.prune().kept
        assert left() == list(range(5, 14))  # no lane begins with the initial run, because others came after it
        Lane.objects.update(cursor=11)
        kept = api.prune().kept
        assert left() == [11, 12, 13]  # a lane may have to tell the end of the run at its cursor
        assert (kept.operations, kept.ends, kept.problems) == (3, 2, 0)
        assert [(one.target, one.why, number) for one, number in kept.lanes.items()] == [("crm", why, 2)]

    def test_the_rows_of_another_lane_hold_nobody(self, course, receiver):
        api.add_target("other", url=receiver.url, secret=receiver.secret)
        api.deliver_until_empty()  # a snapshot of 11 for the new lane
        Lane.objects.filter(target__name="crm").update(cursor=13, paused=True)
        age(31)
        assert api.prune().kept.lanes.total() == 0
        assert left() == [13, 24]

    def test_a_lane_that_closes_a_run_has_its_run(self, course):
        """The target is still to be told that the run is over, after its last operation was given up."""
        Lane.objects.update(closing=True, due_at=DatabaseNow())
        age(31)
        api.prune()
        api.deliver_until_empty()
        assert not Lane.objects.filter(closing=True).exists()

    def test_a_lane_that_has_not_begun_needs_the_initial_run(self, shelf, receiver):
        publish(shelf, "1")
        age(400)
        kept = api.prune().kept
        assert (left(), [lane.why for lane in kept.lanes]) == (list(range(1, 12)), ["not begun"])

    def test_but_not_if_another_run_came_after_it(self, shelf, receiver):
        publish(shelf, "1")
        structure = publish(shelf, "2", titles=renamed("unit-0-0"))
        age(400)
        assert api.prune().kept.lanes.total() == 0
        assert left() == [12]
        api.deliver_until_empty()
        assert receiver.difference(structure) == []
        assert receiver.messages[0]["data"]["mode"] == "snapshot"

    def test_an_old_initial_run_of_which_a_part_stays_is_not_begun_with(self, shelf, receiver, settings):
        """Rows of one type are kept for longer, and the run after it has lost all its rows."""
        settings.COURSE_SYNC_RETENTION_DAYS_BY_TYPE = {"section": 3000, "course": 3000}
        publish(shelf, "1")
        api.deliver_until_empty()
        publish(shelf, "2", titles=renamed("unit-0-0"))
        Lane.objects.update(cursor=None, due_at=DatabaseNow())  # the lane begins anew, with a snapshot for it alone
        api.deliver_until_empty()
        age(400)
        api.prune()
        assert Run.objects.filter(lane=None).count() == 2
        with Receiver() as other:
            api.add_target("other", url=other.url, secret=other.secret)
            api.deliver_until_empty()
            assert other.difference(shelf.read(recorded().key)) == []

    def test_a_lane_that_reads_the_initial_run_while_it_is_marked(self, shelf, receiver, monkeypatch):
        """The lane comes between the decision and the deletion: nothing is deleted."""
        structure = publish(shelf, "1")
        api.deliver_until_empty()
        age(400)

        def begin(run):
            api.add_target("late", url=receiver.url, secret=receiver.secret)
            return journal.begin(run)

        monkeypatch.setattr(rounds, "begin", begin)
        assert api.prune().rows["operations"] == 0
        monkeypatch.undo()
        lane = Lane.objects.get(target__name="late")
        assert snapshot._start_of_initial_run(lane.course) is None  # from the mark on no lane begins with it
        api.deliver_until_empty()
        assert receiver.difference(structure) == []


class TestThePlan:
    def test_it_is_what_is_done(self, course):
        an_attempt(the_lane())
        a_sync(the_lane())
        age(31)
        plan = api.Prune().plan()
        assert (Attempt.objects.count(), len(left()), Run.objects.filter(pruned_at=None).count()) == (1, 13, 3)
        result = api.prune()
        rows = {
            "attempts": 1,
            "sync_log": 1,
            "problems": 0,
            "operations": 12,
            "runs": 2,
            "inbound_events": 0,
            "jobs": 0,
        }
        assert plan.rows == result.rows == rows
        assert plan.kept == result.kept

    def test_the_time_is_up(self, course, monkeypatch):
        monkeypatch.setattr(bulk, "ROWS", 3)
        for _number in range(7):
            an_attempt(the_lane())
        age(31)
        assert not api.prune(seconds=0).finished
        assert Attempt.objects.count() == 7
        assert api.prune(seconds=60).finished
        assert not Attempt.objects.exists()


class TestTheArchive:
    @pytest.mark.parametrize("name", ["old.jsonl", "old.jsonl.gz", ""])
    def test_each_row_is_in_it(self, course, tmp_path, name):
        an_attempt(the_lane(), body="Grüße")
        a_sync(the_lane())
        age(31)
        result = api.prune(archive=str(tmp_path / name))
        data = (tmp_path / (name or result.archive)).read_bytes()
        assert result.archive.startswith(str(tmp_path))
        text = (gzip.decompress(data) if result.archive.endswith(".gz") else data).decode()
        lines = [json.loads(line) for line in text.splitlines()]
        assert {table.name: [line["table"] for line in lines].count(table.name) for table in TABLES} == result.rows
        rows = {line["table"]: line["row"] for line in lines}
        assert rows["attempts"]["body"] == "Grüße"
        assert (rows["attempts"]["target_name"], rows["operations"]["course_key"]) == ("crm", course.key)
        assert rows["operations"]["fields"] == {"display_name": "a"}
        moment = datetime.fromisoformat(rows["runs"]["ended_at"])
        assert timedelta(days=30) < datetime.now(UTC) - moment < timedelta(days=32)
        assert "secret" not in text

    def test_only_its_owner_reads_it(self, course, tmp_path):
        api.prune(archive=str(tmp_path / "old.jsonl"))
        assert (tmp_path / "old.jsonl").stat().st_mode & 0o777 == 0o600

    def test_what_cannot_be_archived_is_not_deleted(self, course, monkeypatch, tmp_path):
        an_attempt(the_lane())
        age(31)
        monkeypatch.setattr("os.fsync", mock.Mock(side_effect=[None, OSError(28, "No space left on device")]))
        with pytest.raises(ConfigurationError, match=r"old.jsonl cannot be written: No space left on device\.$"):
            api.prune(archive=str(tmp_path / "old.jsonl"))
        assert Attempt.objects.exists()

    def test_a_process_that_dies_before_the_deletion_archives_twice(self, course, monkeypatch, tmp_path):
        an_attempt(the_lane())
        age(31)
        with mock.patch.object(type(ATTEMPTS), "delete", side_effect=Error), pytest.raises(Error):
            api.prune(archive=str(tmp_path))
        assert Attempt.objects.exists()
        api.prune(archive=str(tmp_path))
        assert not Attempt.objects.exists()
        lines = [gzip.decompress(path.read_bytes()).splitlines() for path in tmp_path.iterdir()]
        assert sorted(map(len, lines)) == [1, 15]

    @pytest.mark.parametrize("name", ["there.jsonl", "no/such/folder.jsonl", "x" * 300, "nul\x00"])
    def test_a_name_that_is_no_new_file(self, course, tmp_path, name):
        (tmp_path / "there.jsonl").write_text("mine")
        age(31)
        with pytest.raises(ConfigurationError, match="archive"):
            api.prune(archive=str(tmp_path / name))
        assert len(left()) == 13
        assert (tmp_path / "there.jsonl").read_text() == "mine"


class TestTheNight:
    def test_one_process_a_night(self, course):
        assert api.prune_nightly() is not None
        assert api.prune_nightly() is None

    @pytest.mark.parametrize(("hours", "again"), [(0, False), (23, None), (25, True)])
    def test_each_night(self, course, hours, again):
        api.prune_nightly()
        Activity.objects.update(pruned_at=F("pruned_at") - timedelta(hours=hours))
        expected = Activity.objects.get().pruned_at < rounds._last_night(Activity.read()[1])
        assert again in (None, expected)
        assert (api.prune_nightly() is not None) == expected

    @pytest.mark.parametrize(
        ("now", "begin"),
        [
            ("2026-03-02T01:59:59", "2026-03-01T02:00:00"),
            ("2026-03-02T02:00:00", "2026-03-02T02:00:00"),
            ("2026-03-02T23:00:00", "2026-03-02T02:00:00"),
        ],
    )
    def test_it_begins_at_two(self, now, begin):
        now, begin = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (now, begin))
        assert rounds._last_night(now) == begin

    def test_not_while_the_sync_is_stopped(self, course, monkeypatch):
        monkeypatch.setattr(rounds.toggles, "is_stopped", lambda: True)
        assert api.prune_nightly() is None
        monkeypatch.undo()
        assert api.prune_nightly() is not None

    def test_the_task_goes_on_while_something_is_left(self, course, monkeypatch):
        sent = []
        monkeypatch.setattr(tasks, "_send", sent.append)
        an_attempt(the_lane())
        age(31)
        tasks.prune()
        assert (sent, Attempt.objects.exists()) == ([], False)
        kept = rounds.Kept()
        monkeypatch.setattr(api, "prune", lambda seconds: api.Pruned({"attempts": 1}, kept, finished=False))
        tasks.prune()
        assert sent == [tasks.prune]
        monkeypatch.setattr(api, "prune", lambda seconds: api.Pruned({"attempts": 0}, kept, finished=False))
        tasks.prune()
        assert sent == [tasks.prune]


class TestTheCommand:
    def test_without_yes_it_only_shows(self, course, capsys):
        Lane.objects.update(cursor=12, paused=True)
        an_attempt(the_lane())
        age(31)
        status, out, _err = run(capsys)
        assert status == 0
        assert out.splitlines() == [
            "Would delete:",
            "  table           rows",
            "  attempts        1",
            "  sync_log        0",
            "  problems        0",
            "  operations      11",
            "  runs            1",
            "  inbound_events  0",
            "  jobs            0",
            "2 old operations of the journals stay:",
            "  0 belong to a problem",
            "  2 are the last of a course, or the last that a lane has passed",
            f"  1 waits for the lane of crm and {course.key} (paused)",
            "'prune --yes' deletes what is that old then.",
        ]
        assert len(left()) == 13
        assert run(capsys, "--plan")[1] == out

    def test_with_yes_it_deletes(self, course, capsys, tmp_path):
        age(31)
        status, out, _err = run(capsys, "--yes", "--archive", str(tmp_path / "old.jsonl"))
        assert (status, left()) == (0, [13])
        assert out.startswith("Deleted:\n")
        assert f"They are archived in {tmp_path}/old.jsonl." in out

    def test_json(self, course, capsys):
        age(31)
        status, out, _err = run(capsys, "--yes", "--json")
        found = json.loads(out)
        assert (status, found["rows"]["operations"], found["carried_out"]) == (0, 12, True)
        assert found["kept"] == {"operations": 1, "problems": 0, "ends": 1, "lanes": []}
        assert (found["archive"], found["optimized"], found["summarised_days"]) == (None, [], 1)

    @pytest.mark.django_db(transaction=True)
    def test_optimize(self, course, capsys):
        status, out, _err = run(capsys, "--yes", "--optimize")
        assert status == 0
        statements = {"sqlite": "ANALYZE", "mysql": "OPTIMIZE TABLE", "postgresql": "VACUUM (ANALYZE)"}
        assert f"{statements[connection.vendor]} {OPERATIONS.model._meta.db_table}: done" in out
        assert (connection.vendor == "mysql") == ("course_sync_marker" not in out)  # authors write it

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--optimize",),
            ("--archive", "x"),
            ("--plan", "--optimize"),
            ("--yes", "--archive", ""),
        ],
    )
    def test_wrong_usage(self, course, capsys, arguments):
        assert run(capsys, *arguments)[0] == 2
