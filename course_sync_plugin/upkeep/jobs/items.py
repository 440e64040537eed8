"""Plans one item of a background job again: what would be done to it now, and how it is carried out.

One more action in the background is one more planner in ``PLANNERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import attrs
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.models import Job, Link, digest_of
from course_sync_plugin.upkeep.backfill import BackfillPlan, plan_backfill
from course_sync_plugin.upkeep.check.plan import CheckReport, CheckRequest, RepairPlan, carry_out_repairs, check
from course_sync_plugin.upkeep.decisions import (
    Decided,
    Decision,
    accept,
    proposal_plan,
    reject,
    resolution_plan,
    resolve,
)
from course_sync_plugin.upkeep.filters import Filters
from course_sync_plugin.upkeep.plan_tokens import token_of
from course_sync_plugin.upkeep.retry_plans import carry_out_retry, retry_plans
from course_sync_plugin.upkeep.skip import skip_plans, skip_shown
from course_sync_plugin.upkeep.targets.change import get_target

#: The most findings that a job keeps.
MOST_FINDINGS = 500


@attrs.frozen
class Planned:
    """What would be done to an item now. ``carry_out`` returns why it was not done, or an empty text."""

    token: str
    carry_out: Callable[[], str]


#: Gets the job and the key of an item. Returns None if there is nothing to do. Raises CourseSyncError if it cannot be.
Planner = Callable[[Job, str], Planned | None]


def _resolution(take: str, _job: Job, key: str) -> Planned:
    return _decision(resolution_plan(int(key), take), resolve)


def _proposal(decide: Callable[[Decision], Decided], take: str, _job: Job, key: str) -> Planned:
    return _decision(proposal_plan(int(key), take), decide)


def _decision(plan: Decision, decide: Callable[[Decision], Decided]) -> Planned:
    return Planned(plan.token, lambda: decide(plan).error)


def _retry(job: Job, course: str) -> Planned | None:
    chosen = _filters(job, course)
    plan = next(iter(retry_plans(chosen)), None)
    return Planned(plan.token, lambda: _nothing(carry_out_retry(plan, chosen))) if plan else None


def _skip(job: Job, course: str) -> Planned | None:
    chosen = _filters(job, course)
    plan = next(iter(skip_plans(chosen)), None)
    return Planned(plan.token, lambda: skip_shown([plan.token], chosen)[0].error) if plan else None


def _filters(job: Job, course: str) -> Filters:
    """Return the filters of the operator, for one course."""
    given: dict[str, Any] = dict(job.arguments)
    moments = {name: datetime.fromisoformat(given[name]) for name in ("since", "until") if name in given}
    return Filters(**{**given, **moments, "target": job.target_name, "course": course})


def _backfill(job: Job, course: str) -> Planned | None:
    gaps = plan_backfill([course], job.target_name).gaps
    return (
        Planned(gap_token(gaps[0].course.key, *(one.name for one in gaps[0].targets)), partial(_fill, gaps))
        if gaps
        else None
    )


def gap_token(course: str, *targets: str) -> str:
    """Return the token of a course that was never recorded, or that lacks lanes of these targets."""
    return token_of("backfill", course, *targets)


def _fill(gaps: Any) -> str:
    return "".join("" if one.done else one.reason for one in BackfillPlan((), gaps).carry_out())


def _look(job: Job, course: str) -> Planned | None:
    link = Link.objects.filter(target=get_target(job.target_name), course__key_digest=digest_of(course)).first()
    return Planned(link_token(link), partial(_found, job, course)) if link else None


def link_token(link: Link) -> str:
    """Return the token of a link that would be compared."""
    return token_of("check-remote", str(link.pk))


def _found(job: Job, course: str) -> str:
    """Compare a link, and keep what was found with the job, with the token of each repair."""
    report = _checked(job, course)
    findings, repairs = job.results.setdefault("findings", []), job.results.setdefault("repairs", [])
    found = [attrs.asdict(one) for one in report.findings]
    room = MOST_FINDINGS - len(findings)
    findings += found[:room]
    job.results["more"] = job.results.get("more", 0) + len(found[room:])
    repairs += [[course, plan.token, plan.repairable] for plan in report.plans if plan.token and len(found) <= room]
    return "".join(report.notes[:1]) if report.unchecked else ""


def _repair(job: Job, course: str) -> Planned | None:
    report = _checked(job, course)
    if report.unchecked:
        raise CourseSyncError(report.notes[0])
    return next((Planned(plan.token, partial(_repaired, plan)) for plan in report.plans), None)


def _repaired(plan: RepairPlan) -> str:
    done = carry_out_repairs(plan)
    return done.error or ("" if done.repaired else _("it has changed since it was shown"))


def _checked(job: Job, course: str) -> CheckReport:
    return check(CheckRequest(course=course, remote=job.target_name))


def _nothing(_result: object) -> str:
    return ""


#: The planners, by the names of actions.
PLANNERS: Mapping[str, Planner] = {
    **{f"resolve-{take}": partial(_resolution, take) for take in ("openedx", "remote", "base")},
    "accept": partial(_proposal, accept, "accept"),
    "reject": partial(_proposal, reject, "reject"),
    "retry": _retry,
    "skip": _skip,
    "backfill": _backfill,
    "check-remote": _look,
    "repair-remote": _repair,
}
