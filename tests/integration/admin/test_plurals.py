"""What the pages of actions tell is right for one of a thing and for several."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from course_sync_plugin import api
from course_sync_plugin.row_actions import courses, exclusions, held_runs, lanes, remote_checks
from course_sync_plugin.upkeep.retry import Retried
from course_sync_plugin.upkeep.status.attention import _of_courses
from tests.integration.commands.test_plurals import KEYS, a_problem, held_plan, pause_plan, resumed, retry_plan

CHOSEN = api.Filters(target="crm")


def skip_plan(n: int) -> api.SkipPlan:
    return api.SkipPlan("crm", KEYS[0], (a_problem(),) * n, "token")


def skips(n: int) -> lanes._Skips:
    return lanes._Skips("crm", (skip_plan(n),), "token")


def sync_plan(n: int) -> courses._SyncPlan:
    return courses._SyncPlan(api.SyncResult(KEYS[0], api.Outcome.RECORDED), {"crm": n}, "token")


def check_plan(n: int) -> remote_checks._Plan:
    return remote_checks._Plan("crm", tuple((key, "token") for key in KEYS[:n]), n, "token")


@pytest.mark.parametrize(
    ("describe", "plan", "one", "several"),
    [
        (
            lanes._about_pause, pause_plan,
            "Target crm would be paused: 1 lane waits until it is resumed.",
            "Target crm would be paused: 3 lanes wait until they are resumed.",
        ),
        (
            lanes._about_pause, pause_plan,
            "1 of the lanes is paused by itself and stays so.",
            "3 of the lanes are paused by themselves and stay so.",
        ),
        (
            lanes._about_resume, pause_plan,
            "Target crm would be resumed: 1 lane.",
            "Target crm would be resumed: 3 lanes.",
        ),
        (
            lanes._about_retry, retry_plan,
            "Target crm: 1 failed operation would be planned again from the present course. Lanes: 1.",
            "Target crm: 3 failed operations would be planned again from the present course. Lanes: 3.",
        ),
        (
            lanes._about_skip, skip_plan,
            f"crm, {KEYS[0]}: 1 operation would be skipped permanently. This cannot be undone.",
            f"crm, {KEYS[0]}: 3 operations would be skipped permanently. This cannot be undone.",
        ),
        (
            lanes._about_skips, skips,
            "crm: 1 operation would be skipped permanently. Lanes: 1. This cannot be undone.",
            "crm: 3 operations would be skipped permanently. Lanes: 1. This cannot be undone.",
        ),
        (courses._about_sync, sync_plan, "crm would get 1 operation.", "crm would get 3 operations."),
        (
            held_runs._about_approval, held_plan,
            f"{KEYS[0]}, version v2: 1 of 1 entity would be deleted.",
            f"{KEYS[0]}, version v2: 3 of 3 entities would be deleted.",
        ),
        (
            remote_checks._about_check, check_plan,
            "What crm holds of 1 linked course would be compared with what is recorded. Nothing is changed.",
            "What crm holds of 3 linked courses would be compared with what is recorded. Nothing is changed.",
        ),
        (
            remote_checks._about_repair, check_plan,
            "At crm, 1 difference that the check has found would be mended. Courses: 1.",
            "At crm, 3 differences that the check has found would be mended. Courses: 3.",
        ),
    ],
)  # fmt: skip
def test_a_plan_of_one_and_of_several(describe, plan, one, several):
    assert one in list(describe(plan(1)))
    assert several in list(describe(plan(3)))


@pytest.mark.parametrize(
    ("function", "answer", "carry_out", "one", "several"),
    [
        (
            "carry_out_pause", lambda n: api.Paused(tuple(KEYS[:n]), 0), lambda: lanes._paused(pause_plan(3)),
            "Target crm is paused: 1 lane waits.",
            "Target crm is paused: 3 lanes wait.",
        ),
        (
            "carry_out_resume", resumed, lambda: lanes._resumed(pause_plan(3)),
            "Target crm is resumed: 1 lane goes on. Operations in it that are not delivered: 1. "
            "1 lane stays paused by itself.",
            "Target crm is resumed: 3 lanes go on. Operations in them that are not delivered: 3. "
            "3 lanes stay paused by themselves.",
        ),
        (
            "carry_out_retry", lambda n: Retried(n, (), n), lambda: lanes._retried(retry_plan(0), CHOSEN),
            "Target crm: 1 operation is planned again. Lanes that start again: 1.",
            "Target crm: 3 operations are planned again. Lanes that start again: 3.",
        ),
        (
            "skip_shown", lambda n: [api.Skipped("token", n)], lambda: lanes._skipped(skip_plan(3), CHOSEN),
            "1 operation was skipped permanently; the operations parked behind it go on.",
            "3 operations were skipped permanently; the operations parked behind them go on.",
        ),
        (
            "include_shown", lambda n: api.ExclusionChanged("token", n),
            lambda: exclusions._include(
                SimpleNamespace(target=SimpleNamespace(name="crm"), entity_id="block"), SimpleNamespace(token="token")
            ),
            "block is included again; 1 operation is planned anew.",
            "block is included again; 3 operations are planned anew.",
        ),
    ],
)  # fmt: skip
def test_what_was_done_with_one_and_with_several(monkeypatch, function, answer, carry_out, one, several):
    for n, text in ((1, one), (3, several)):
        monkeypatch.setattr(api, function, lambda *_args, n=n: answer(n))
        assert carry_out().text == text


@pytest.mark.parametrize(("n", "entities"), [(1, "1 of 1 entity"), (3, "3 of 3 entities")])
def test_a_held_run_that_needs_a_look(n, entities):
    held = {"course_id": KEYS[0], "deletes": n, "of": n}
    (first, *_others) = _of_courses(
        {"held": [held], "courses_unreadable": 0, "courses_not_recorded": 0, "courses_waiting": 0}
    )
    assert first.text == f"{KEYS[0]}: a publish would delete {entities}, so it is held."
