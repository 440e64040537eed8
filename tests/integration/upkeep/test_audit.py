"""Everything that an operator does is recorded: who, when, why, and what it changed, or nothing if it failed."""

from __future__ import annotations

import json

import pytest
from django.db import transaction

from course_sync_plugin import api
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.lanes.claim import claim_lane
from course_sync_plugin.lanes.deliver import LaneTurn
from course_sync_plugin.models import Lane, OperatorAction, Target
from course_sync_plugin.testing.faults import Fail
from course_sync_plugin.upkeep import audit
from tests.integration.courses import COURSE, a_course, block, exit_status
from tests.integration.one_lane import publish, the_lane

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "course-v1:Org+Course+Other"


@pytest.fixture
def sent(shelf, receiver):
    """Deliver a course, then let the receiver refuse a title. Forget what was recorded so far."""
    publish(shelf, "v1")
    api.deliver_until_empty()
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason="no room"))
    publish(shelf, "v2", titles={"unit-0-0": "another title"})
    api.deliver_until_empty()
    OperatorAction.objects.all().delete()
    return shelf


def test_every_command_that_changes_something(sent, receiver, capsys):
    """One row for each, with the user of the operating system and the note."""
    url = receiver.url
    commands = (
        ["pause", "crm", "--yes"],
        ["resume", "crm", "--yes"],
        ["retry", "crm", "--yes"],
        ["set-url", "crm", url],
        ["set-context", COURSE, "crm", "level=A2", "token=s3cr3t"],
        ["rotate-secret", "crm"],
        ["add-target", "other", "--url", f"{url}?key=s3cr3t", "--secret", "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"],
        ["sync", "--course", COURSE],
        ["backfill"],
    )
    sent.put(a_course("v1", course=OTHER))
    sent.put(a_course("v3", units=5))
    for words in commands:
        assert exit_status(*words, "--note", f"because of {words[0]}") == 0
    rows = list(OperatorAction.objects.order_by("pk"))
    assert [row.action for row in rows] == [words[0] for words in commands]
    assert [row.note for row in rows] == [f"because of {words[0]}" for words in commands]
    assert all("@" in row.operator for row in rows)
    kept = json.dumps([[row.arguments, row.changed] for row in rows])
    assert "s3cr3t" not in kept
    assert "whsec_" not in kept
    assert rows[0].changed == {"lanes": 1, "pending": 0, "courses": [COURSE]}
    assert rows[2].changed == {"operations": 1, "restarted": 0, "courses": [COURSE]}
    assert rows[4].changed == {"set": ["level", "token"], "removed": []}
    assert (rows[7].course_key, rows[8].course_key) == (COURSE, OTHER)
    exit_status("actions", "--course", COURSE, "--json")
    shown = json.loads(capsys.readouterr().out.rpartition("\n[\n")[2].join(["[\n", ""]))
    assert [one["action"] for one in shown] == ["sync", "set-context", "retry"]


def test_skip_and_remove_target(sent, capsys):
    (plan,) = api.skip_plans(api.Filters("crm"))
    assert exit_status("skip", "crm", "--yes", "--token", plan.token, "--note", "agreed with the school") == 0
    assert exit_status("remove-target", "crm", "--yes", "--token", api.removal_plan("crm").token) == 0
    removed, skipped = api.actions("crm")
    assert (skipped.action, skipped.course_key, skipped.note) == ("skip", COURSE, "agreed with the school")
    assert skipped.changed == {"operations": 1, "ids": [plan.problems[0].operation_id]}
    assert (removed.action, removed.changed["lanes"], removed.changed["courses"]) == ("remove-target", 1, [COURSE])
    capsys.readouterr()
    exit_status("actions", "--target", "crm", "--since", "1h")
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in lines if "@" in line.partition(": ")[0]] == [
        "remove-target crm",
        f"skip crm {COURSE}",
    ]
    assert "  note: agreed with the school" in lines


def test_an_approval_and_one_that_is_withdrawn(sent, monkeypatch):
    sent.publish(a_course("v3", sections=1, units=0))
    sent.publish(a_course("v1", course=OTHER, sections=10))
    api.sync_course(OTHER)
    OperatorAction.objects.all().delete()
    sent.publish(a_course("v2", course=OTHER, sections=1))
    api.sync_course(OTHER)
    (plan,) = api.held_plans(OTHER)
    sent.publish(a_course("v3", course=OTHER, sections=2))  # changes before the approved run is recorded
    monkeypatch.setattr("course_sync_plugin.upkeep.approval.held_plans", lambda key="": [plan])
    (approved,) = api.approve([plan.token], OTHER)
    assert approved.result.outcome is api.Outcome.HELD
    assert not OperatorAction.objects.exists()
    monkeypatch.undo()
    (plan,) = api.held_plans(OTHER)
    api.approve([plan.token], OTHER)
    (action,) = api.actions()
    assert (action.action, action.course_key, action.operator) == ("approve", OTHER, "api")
    assert action.changed["deletes"] == len(plan.deletes) > len(action.changed["entities"]) == audit.KEPT


@pytest.mark.parametrize(
    "words",
    [
        ["pause", "cmr", "--yes"],
        ["pause", "crm", "--course", OTHER, "--yes"],
        ["pause", "crm"],
        ["retry", "crm"],
        ["resume", "crm"],
        ["reset", "crm", "--yes", "--token", "0" * 12],
        ["skip", "crm", "--yes", "--token", "0" * 12],
        ["pause", "crm", "--yes", "--token", "0" * 12],
        ["remove-target", "crm", "--yes", "--token", "0" * 12],
        ["set-url", "crm", "ftp://example.org/"],
        ["rotate-secret", "crm", "--secret", "whsec_short"],
        ["add-target", "crm", "--url", "https://example.org/"],
        ["set-context", COURSE, "crm", "level"],
        ["set-context", COURSE, "crm"],
        ["sync", "--course", COURSE],
        ["sync", "--course", COURSE, "--plan"],
        ["backfill", "--dry-run"],
        ["backfill"],
        ["approve", "--yes", "--token", "0" * 12],
    ],
    ids=" ".join,
)
def test_what_fails_or_changes_nothing_records_nothing(sent, words):
    exit_status(*words)
    assert not OperatorAction.objects.exists()


@pytest.mark.parametrize(
    "act",
    [
        lambda: api.pause("crm"),
        lambda: api.resume("crm"),
        lambda: api.retry("crm"),
        lambda: api.reset("crm"),
        lambda: api.set_url("crm", Target.objects.get().url),
        lambda: api.rotate_secret("crm", 0),
        lambda: api.set_context(COURSE, "crm", ["a=b"]),
        lambda: api.remove_target("crm"),
    ],
)
def test_the_change_and_its_record_stand_or_fall_together(sent, act, monkeypatch):
    def fail(**values):
        raise CourseSyncError("no room for the record")

    monkeypatch.setattr(OperatorAction.objects, "create", fail)
    rows = [list(model.objects.order_by("pk").values()) for model in (Target, Lane)]
    with pytest.raises(CourseSyncError):
        act()
    assert [list(model.objects.order_by("pk").values()) for model in (Target, Lane)] == rows


def test_who_acts_is_cleaned_and_cut():
    with api.acting("eve\x1b[2J\n" + "x" * 400, "a\nnote\U0001f41d " + "y" * 2000), transaction.atomic():
        row = audit.record("pause", arguments={"a": ["\x00"] * 30, "b": {"c": 1.5, "d": None, "e": "z" * 999}})
    row.refresh_from_db()
    assert row.operator.startswith("eve\ufffd[2J x")
    assert (len(row.operator), len(row.note)) == (255, 1000)
    assert row.note.startswith("a note\ufffd y")
    assert row.arguments == {"a": ["\ufffd"] * 20, "b": {"c": 1.5, "d": None, "e": "z" * 300}}
    with transaction.atomic():
        assert audit.record("pause").operator == "api"


def test_it_is_refused_outside_a_transaction():
    with pytest.raises(transaction.TransactionManagementError):
        audit.record("pause")


@pytest.mark.parametrize("course", ["", COURSE], ids=["target", "lane"])
def test_a_turn_that_runs_ends_after_its_request_once_paused(sent, receiver, settings, course):
    settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 1
    receiver.faults.clear()
    publish(sent, "v3", titles={f"unit-1-{at}": "another" for at in range(3)})
    turn = LaneTurn(claim_lane(the_lane().pk), seconds=20)
    send, requests = turn.send, len(receiver.requests)

    def pause_meanwhile(target, envelope):
        api.pause("crm", course)
        return send(target, envelope)

    turn.send = pause_meanwhile
    turn.run()
    assert len(receiver.requests) == requests + 1
    assert the_lane().lease_token == ""
    assert api.due_lane_ids() == []
    api.resume("crm", course)
    assert api.deliver_until_empty().operations == 2


def test_a_terminal_is_asked_and_json_is_not(sent, terminal, capsys):
    terminal("n")
    assert exit_status("pause", "crm") == 1
    assert not Target.objects.get().paused
    assert exit_status("pause", "crm", "--json") == 0
    assert not Target.objects.get().paused
    (plan,) = json.loads(capsys.readouterr().out.partition("Nothing was done.\n")[2])
    terminal("y")
    assert exit_status("pause", "crm") == 0
    assert Target.objects.get().paused
    assert exit_status("resume", "crm", "--yes", "--token", plan["token"]) == 1  # it is the token of a pause
    assert Target.objects.get().paused


@pytest.mark.parametrize(
    "words", [[], ["--operation", "update"], ["--entity-type", "unit"], ["--since", "1h"]], ids=" ".join
)
def test_retry_without_a_target_takes_filters(sent, receiver, words):
    assert exit_status("retry", *words, "--yes") == 0
    api.deliver_until_empty()
    assert receiver.equals(a_course("v2", titles={"unit-0-0": "another title"}))


@pytest.mark.parametrize(
    "words", [["--operation", "delete"], ["--entity-type", "section"], ["--until", "1h"]], ids=" ".join
)
def test_filters_leave_the_others_alone(sent, words):
    for command in ("retry", "skip"):
        assert exit_status(command, *words) == 0
    exit_status("retry", *words, "--yes")
    assert [problem.state for problem in api.problems()] == ["failed"]


def test_the_lanes_of_a_course_are_paused_at_every_target(sent, receiver):
    api.add_target("other", url=receiver.url)
    assert exit_status("pause", "--course", COURSE, "--yes") == 0
    assert list(Lane.objects.values_list("paused", flat=True)) == [True, True]
    assert exit_status("pause", "--yes") == 2
    assert exit_status("resume", "crm", "--target", "other", "--yes") == 2
