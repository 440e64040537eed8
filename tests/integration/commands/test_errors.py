"""The subcommand ``errors``, and the option ``--cause`` of ``retry`` and ``skip``."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.core.management.base import CommandError

from course_sync_plugin import api
from course_sync_plugin.models import ErrorStep, OperatorAction, Problem
from tests.integration.courses import COURSE, exit_status
from tests.integration.failing import deliver, heal, let_fail, the_cause

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(shelf, receiver):
    deliver(shelf, "1")
    let_fail(shelf, receiver, "2")
    return receiver


@pytest.fixture
def said(capsys):
    """Return a function that runs ``errors`` and returns its exit status and what it wrote."""

    def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        status = exit_status("errors", *words)
        written = capsys.readouterr()
        return status, written.out + written.err

    return run


def test_an_empty_site(shelf, receiver, said):
    assert said() == (0, "There is no open problem, and no lane fails or waits for an answer.\n")


def test_all_steps(failed, said):
    User.objects.create_user("ann")
    digest = the_cause()["cause"]
    status, listed = said()
    assert status == 0
    assert f"  cause {digest[:12]}: open\n" in listed
    assert "crm: 1 operation failed" in listed
    assert said("assign", digest[:12], "ann", "--note", "knows them") == (
        0,
        "crm: no room\n  assigned to ann\n  open\n",
    )
    assert said("note", digest[:12], "--note", "asked them")[0] == 0
    assert said("resolve", digest[:12], "--target", "crm", "--note", "their disk was full")[1].endswith("  resolved\n")
    assert "Causes in another state: 1; --state all shows them." in said()[1]
    status, listed = said("list", "--state", "resolved")
    lines = [line.split(" ", 5)[-1] for line in listed.splitlines() if "-cause" in line]
    assert lines == [
        f"{row.operator} {row.action} {'ann ' if row.arguments.get('assignee') else ''}{row.note}"
        for row in OperatorAction.objects.filter(action__contains="-cause").order_by("pk")
    ]
    assert all("@" in line for line in lines)
    assert said("reopen", digest[:12])[1].endswith("  open\n")
    assert said("assign", digest) == (0, "crm: no room\n  open\n")
    assert ErrorStep.objects.count() == 5


def test_json(failed, shelf, said):
    digest = the_cause()["cause"]
    done = json.loads(said("resolve", digest, "--json")[1])
    assert done == {"cause": digest, "target": "crm", "state": "resolved", "assignee": ""}
    listed = json.loads(said("--json")[1])
    assert (listed["causes"], listed["hidden"], listed["ended"]) == ([], 1, [])
    heal()
    listed = json.loads(said("--json", "--state", "all")[1])
    assert [one["noted"]["state"] for one in listed["ended"]] == ["resolved"]
    assert "crm: failed, gone" in said("--state", "all")[1]
    let_fail(shelf, failed, "3")
    (cause,) = json.loads(said("--json")[1])["causes"]
    assert cause["noted"]["state"] == "reopened"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["resolve"], 2),
        (["list", "0" * 12], 2),
        (["resolve", "0" * 12, "ann"], 2),
        (["resolve", "0" * 12], 1),
        (["resolve", "short"], 1),
        (["resolve", "0" * 12, "--target", "nobody"], 1),
        (["--course", "no-key"], 1),
    ],
)
def test_what_is_refused(failed, said, words, status):
    assert said(*words)[0] == status
    assert not ErrorStep.objects.exists()


@pytest.mark.parametrize("words", [["mend", "0" * 12], ["--state", "closed"]])
def test_words_that_are_not_known(failed, words):
    with pytest.raises(CommandError, match="is not one of"):
        exit_status("errors", *words)


def test_steps_that_make_no_sense(failed, said):
    digest = the_cause()["cause"]
    assert said("reopen", digest) == (1, "The cause is open.\n")
    assert said("note", digest) == (1, "A note needs a text.\n")
    assert said("assign", digest, "nobody") == (1, "There is no active user 'nobody'.\n")


def test_retry_and_skip_of_one_cause(failed, shelf, capsys):
    let_fail(shelf, failed, "3", reason="no time", unit="unit-0-1")
    digest = the_cause_of("no time")
    assert exit_status("retry", "crm", "--cause", digest[:10].upper(), "--yes") == 0
    states = Problem.objects.exclude(state="parked").values_list("reason", "state")
    assert sorted(states) == [("no room", "failed"), ("no time", "retrying")]
    capsys.readouterr()
    assert exit_status("skip", "--course", COURSE, "--cause", the_cause_of("no room")) == 0
    shown = capsys.readouterr().out
    assert "would skip 1 operation" in shown
    assert f"--cause {the_cause_of('no room')}" in shown  # the ready command finds the same


def the_cause_of(reason: str) -> str:
    return next(one["cause"] for one in api.list_causes(api.Filters())["causes"] if one["reason"] == reason)
