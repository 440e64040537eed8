"""What commands tell is right for one of a thing and for several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from course_sync_plugin import api
from course_sync_plugin.management.subcommands import (
    backfill,
    confirm_site,
    errors,
    exclude_include,
    pause_resume,
    problems,
    prune,
    raise_course,
    reset,
    retry_batches,
    retry_skip,
    run,
    status,
    sync,
    targets,
)
from course_sync_plugin.management.subcommands.base import Output
from course_sync_plugin.upkeep.prune.needs import Holder
from course_sync_plugin.upkeep.reports.errors import Errors

KEYS = [f"course-v1:Org+Course+{n}" for n in range(5)]


def told(show: Callable[..., Any], *values: Any, **named: Any) -> str:
    """Return the lines that a function of a command writes."""
    stream = StringIO()
    show(*values, Output(stream), **named)
    return stream.getvalue()


def a_problem(course: str = KEYS[0], parked: int = 0) -> api.OpenProblem:
    return api.OpenProblem(1, "crm", course, "failed", "create", "id", "a block", "", parked)


def retry_plan(n: int) -> api.RetryPlan:
    failed = tuple(a_problem(key) for key in KEYS[:n])
    return api.RetryPlan("crm", failed, tuple(KEYS[:n]), n, n, (), "token")


def pause_plan(n: int) -> api.PausePlan:
    return api.PausePlan("crm", whole=True, courses=tuple(KEYS[:n]), pending=n, paused=n, token="token")


def resumed(n: int, *, unreachable: bool = False) -> api.Resumed:
    return api.Resumed(n, n, held_back=False, courses=(), pending=n, unreachable=unreachable)


def held_plan(n: int) -> api.HeldPlan:
    return api.HeldPlan(KEYS[0], "v2", deletes=("a",) * n, of=n, token="token")


def site_plan(n: int) -> api.SitePlan:
    return api.SitePlan("crm", "host", "there", "here", lanes=n, pending=n, token="token")


def kept(n: int) -> api.Kept:
    return api.Kept(operations=n, problems=n, ends=n, lanes=Counter({Holder("crm", KEYS[0], "paused"): n}))


def a_cause(what: str, n: int) -> dict[str, Any]:
    return {
        "target": "crm", "what": what, "count": n, "state": "failing", "error_class": "", "status": None,
        "example": {}, "parked": n, "first": None, "meaning": "", "action": "",
    }  # fmt: skip


def an_attempt(n: int) -> str:
    attempt = {"began_at": "now", "status": 200, "seconds": 1, "operations": n, "failed": n, "error_class": ""}
    return next(problems._attempt({**attempt, "error": "", "request": "", "head": "", "body": ""}))[1]


def counted_targets(n: int) -> str:
    return told(status._show_linked, {"name": "crm", "waiting_for_link": n, "proposals": n, "conflicts": n})


def counted_courses(n: int) -> list[str]:
    names = ("courses_unreadable", "courses_not_recorded", "courses_waiting")
    return list(status._Shown({"held": [{}] * n, **dict.fromkeys(names, n)})._totals())


@pytest.mark.parametrize(
    ("tell", "one", "several"),
    [
        (
            lambda n: told(retry_skip._show_retry, retry_plan(n)),
            "crm: would retry 1 failed operation, in 1 lane\n",
            "crm: would retry 3 failed operations, in 3 lanes\n",
        ),
        (
            lambda n: told(retry_batches._show, {"retried": n, "lanes": n, "restarted": n, "left": n}),
            "1 operation in 1 lane will be planned and sent again; lanes that were failing: 1.\n"
            "1 lane is left; the next 'retry' goes on with it\n",
            "3 operations in 3 lanes will be planned and sent again; lanes that were failing: 3.\n"
            "3 lanes are left; the next 'retry' goes on with them\n",
        ),
        (
            lambda n: told(retry_skip._show_problem, a_problem(parked=n)),
            "\n    1 operation is parked behind it\n",
            "\n    3 operations are parked behind it\n",
        ),
        (
            lambda n: told(retry_skip._show_skipped, n),
            "1 operation was skipped permanently; the operations parked behind it go on.\n",
            "3 operations were skipped permanently; the operations parked behind them go on.\n",
        ),
        (
            lambda n: told(pause_resume._show_pause, pause_plan(n)),
            "Would pause target crm: 1 lane and 1 operation that is not delivered would wait.\n",
            "Would pause target crm: 3 lanes and 3 operations that are not delivered would wait.\n",
        ),
        (
            lambda n: told(pause_resume._show_resume, pause_plan(n)),
            "Would resume target crm: 1 lane, with 1 operation that is not delivered.\n",
            "Would resume target crm: 3 lanes, with 3 operations that are not delivered.\n",
        ),
        (
            lambda n: told(pause_resume._show_resume, pause_plan(n)),
            "  1 of them is paused by itself and would stay so\n",
            "  3 of them are paused by themselves and would stay so\n",
        ),
        (
            lambda n: told(pause_resume.show_resumed, "crm", resumed(n)),
            "1 lane goes on, with 1 operation that is not delivered.\n"
            "1 lane stays paused; resume it with 'resume crm --course KEY'.\n",
            "3 lanes go on, with 3 operations that are not delivered.\n"
            "3 lanes stay paused; resume each with 'resume crm --course KEY'.\n",
        ),
        (
            lambda n: told(pause_resume.show_resumed, "crm", resumed(n, unreachable=True)),
            "1 lane, with 1 operation, goes on when crm answers; it is asked at once.\n",
            "3 lanes, with 3 operations, go on when crm answers; it is asked at once.\n",
        ),
        (
            lambda n: told(sync._show, held_plan(n)),
            "version v2: would delete 1 of 1 entity\n",
            "version v2: would delete 3 of 3 entities\n",
        ),
        (
            lambda n: told(confirm_site._show, site_plan(n)),
            "  would send from here: 1 lane, with 1 operation that is not delivered\n",
            "  would send from here: 3 lanes, with 3 operations that are not delivered\n",
        ),
        (
            lambda n: told(reset._show_done, "crm", api.Reset("token", n, n, n)),
            "1 lane of crm begins anew with a snapshot: 1 entity; problems that are closed: 1.\n",
            "3 lanes of crm begin anew with a snapshot: 3 entities; problems that are closed: 3.\n",
        ),
        (
            lambda n: "".join(text for _, text in problems.cause_lines(a_cause("operations", n))),
            "crm: 1 operation failing",
            "crm: 3 operations failing",
        ),
        (
            lambda n: "\n".join(text for _, text in problems.cause_lines(a_cause("lanes", n))),
            "crm: 1 lane failing\n(no reason)\n1 operation is parked behind it",
            "crm: 3 lanes failing\n(no reason)\n3 operations are parked behind it",
        ),
        (an_attempt, "HTTP 200 after 1 s, 1 operation, 1 refused", "HTTP 200 after 1 s, 3 operations, 3 refused"),
        (
            lambda n: told(run._show_stuck, api.Stuck(n, n, ())),
            "1 lane waits for its next attempt\n1 lane is stopped until an operator acts; 'status' shows it\n",
            "3 lanes wait for their next attempt\n3 lanes are stopped until an operator acts; 'status' shows them\n",
        ),
        (
            lambda n: told(run._show_swept, KEYS[:n], n, n),
            "1 publish was missed and is due now\n",
            "3 publishes were missed and are due now\n",
        ),
        (
            lambda n: told(run._show_swept, KEYS[:n], n, n),
            "1 course was never recorded; 'backfill' records it\n1 lane was missed and is due now\n",
            "3 courses were never recorded; 'backfill' records them\n3 lanes were missed and are due now\n",
        ),
        (
            lambda n: told(prune._show_kept, kept(n)),
            "1 old operation of the journals stays:\n  1 belongs to a problem\n"
            "  1 is the last of a course, or the last that a lane has passed\n  1 waits for the lane of crm",
            "3 old operations of the journals stay:\n  3 belong to a problem\n"
            "  3 are the last of a course, or the last that a lane has passed\n  3 wait for the lane of crm",
        ),
        (
            lambda n: told(prune._show, api.Pruned({}, kept(0), days=n), carried_out=True),
            "\n1 day was summarised\n",
            "\n3 days were summarised\n",
        ),
        (
            lambda n: raise_course._said(api.RaisedLane("crm", raised=True, changed=True, pending=n)),
            "comes first from now on; 1 operation waits.",
            "comes first from now on; 3 operations wait.",
        ),
        (lambda n: backfill._total(1, n, dry_run=True), "1 of 1 course would be", "1 of 3 courses would be"),
        (lambda n: backfill._total(1, n, dry_run=False), "1 of 1 course filled", "1 of 3 courses filled"),
        (
            lambda n: next(targets._added(api.AddedTarget("crm", "", n, ()))),
            "crm is added; 1 known course will be sent.",
            "crm is added; 3 known courses will be sent.",
        ),
        (
            lambda n: next(targets._added(api.AddedTarget("crm", "", n, (), needs_link=True))),
            "crm is added; 1 known course may be linked.",
            "crm is added; 3 known courses may be linked.",
        ),
        (
            counted_targets,
            "  crm: 1 course waits for a link; 'link COURSE crm' makes one\n"
            "  crm: 1 proposal waits for an author; 'proposals --target crm' shows it\n"
            "  crm: 1 conflict waits for a person; 'conflicts --target crm' shows it\n",
            "  crm: 3 courses wait for a link; 'link COURSE crm' makes one\n"
            "  crm: 3 proposals wait for an author; 'proposals --target crm' shows them\n"
            "  crm: 3 conflicts wait for a person; 'conflicts --target crm' shows them\n",
        ),
        (
            lambda n: "\n".join(counted_courses(n)),
            "1 run is held; 'approve' shows it.\n1 course cannot be read.\n"
            "1 publish is not recorded yet.\n1 published course waits for its first sync.",
            "3 runs are held; 'approve' shows them.\n3 courses cannot be read.\n"
            "3 publishes are not recorded yet.\n3 published courses wait for their first sync.",
        ),
    ],
)
def test_a_line_about_one_and_about_several(tell, one, several):
    assert one in tell(1)
    assert several in tell(3)


@pytest.mark.parametrize(("n", "line"), [(1, "1 more cause is not"), (2, "2 more causes are not")])
def test_causes_that_are_not_shown(monkeypatch, n, line):
    listed = {"causes": [], "problems": 0, "parked": 0, "lanes": 0}
    found = Errors(listed, more=n, members=None)
    monkeypatch.setattr(api, "errors", lambda *_args, **_named: found)
    options = {"name": "", "user": "", "state": "open"}
    monkeypatch.setattr(errors, "read_filters", lambda options: options)
    assert line in told(errors._list, options)


@pytest.mark.parametrize(("n", "line"), [(1, "Done: 1 operation will be"), (2, "Done: 2 operations will be")])
def test_operations_that_are_held_back(n, line):
    def change(*_args: str) -> api.ExclusionChanged:
        return api.ExclusionChanged("token", n)

    assert line in told(exclude_include._carry_out, change, "held back", "crm", "block", ["token"])
