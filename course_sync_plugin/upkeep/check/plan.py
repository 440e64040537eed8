"""Runs the checks, plans their repairs, and carries out exactly the plans that were shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import attrs
from django.db import transaction

from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.models import Course, digest_of
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.check.finding import Check, Finding, Found, Scope
from course_sync_plugin.upkeep.check.receiver import LaneDifference, compare_receiver
from course_sync_plugin.upkeep.check.remote.links import LinkDifference, compare_remote
from course_sync_plugin.upkeep.check.table import CHECKS, DEEP
from course_sync_plugin.upkeep.courses import known_course
from course_sync_plugin.upkeep.plan_tokens import by_token, no_longer_valid, token_of
from course_sync_plugin.upkeep.targets.change import get_target

Progress = Callable[[Sequence[Any], str], Iterator[Any]]


@attrs.frozen
class RepairPlan:
    """The findings of one kind, of one lane of a receiver, or of one link.

    ``token`` is empty if nothing of it can be repaired. ``carry_out`` repairs what is still as it was found,
    and returns the number of repairs.
    """

    name: str
    findings: tuple[Finding, ...]
    repairable: int
    token: str
    carry_out: Callable[[], int] = attrs.field(repr=False, eq=False)


@attrs.frozen
class CheckReport:
    """The result of a check. ``notes``: sentences about what could not be checked, or was only counted.

    ``unchecked``: the number of courses that could not be checked.
    """

    plans: tuple[RepairPlan, ...]
    notes: tuple[str, ...] = ()
    unchecked: int = 0

    @property
    def findings(self) -> list[Finding]:
        """Return all findings."""
        return [finding for plan in self.plans for finding in plan.findings]

    @property
    def tokens(self) -> list[str]:
        """Return the tokens of the plans that can be carried out."""
        return [plan.token for plan in self.plans if plan.token]


@attrs.frozen
class Repaired:
    """The result for one token. ``repaired``, ``of``: the number of repairs that were made, and of those planned.

    The others had changed meanwhile. ``error`` says why nothing was done.
    """

    token: str
    name: str = ""
    repaired: int = 0
    of: int = 0
    error: str = ""


@attrs.frozen
class CheckRequest:
    """What an operator asked for. ``course``, ``target``: only this one; empty: all.

    ``deep``: also compare the recorded entities with the published courses, which are read; with ``course`` always.
    ``receiver``: the name of a target; only what its receiver holds is checked. ``remote``: the name of a two-way
    target; only its links are checked: the ledger, what is there, and the course.
    """

    course: str = ""
    target: str = ""
    deep: bool = False
    receiver: str = ""
    remote: str = ""


def check(request: CheckRequest, progress: Progress = lambda items, unit: iter(items)) -> CheckReport:
    """Look for what is inconsistent. Nothing is changed.

    ``progress`` wraps the courses that are read one after the other. Raises UnknownName for an unknown course or
    target, ConfigurationError for a wrong course key, for a receiver that does not offer digests, and for a target
    without links.
    """
    scope = _scope(request, progress)
    plans = tuple(_all_plans(request, scope))
    return CheckReport(plans, tuple(scope.notes), scope.unchecked)


def _all_plans(request: CheckRequest, scope: Scope) -> Iterator[RepairPlan]:
    if request.remote:
        return _remote_plans(scope)
    return _receiver_plans(scope) if request.receiver else _plans(scope, deep=request.deep or bool(scope.course))


def repair_shown(
    request: CheckRequest, tokens: Iterable[str], progress: Progress = lambda items, unit: iter(items)
) -> list[Repaired]:
    """Check again, and carry out the plans that were shown with these tokens and are still the same.

    The errors are those of :func:`check`.
    """
    plans = by_token(check(request, progress).plans, tokens)
    return [
        carry_out_repairs(plan) if plan else Repaired(token, error=no_longer_valid(token))
        for token, plan in plans.items()
    ]


def carry_out_repairs(plan: RepairPlan) -> Repaired:
    """Carry out a plan and record it. Each repair is a transaction of its own, so the record comes after them."""
    try:
        repaired = Repaired(plan.token, plan.name, plan.carry_out(), plan.repairable)
    except CourseSyncError as error:
        repaired = Repaired(plan.token, plan.name, 0, plan.repairable, error.message)
    with transaction.atomic():
        record("check", arguments={"repair": plan.name}, changed={"repaired": repaired.repaired, "of": repaired.of})
    return repaired


def _scope(request: CheckRequest, progress: Progress) -> Scope:
    name = request.remote or request.receiver or request.target
    course = _course(request.course) if request.course else None
    return Scope(course, get_target(name) if name else None, progress)


def _course(text: str) -> Course:
    """Return the row of a course; for a known course that was never recorded, one that is not saved."""
    key = parse_course_id(text)
    row = Course.objects.filter(key_digest=digest_of(key)).first()
    return row or Course(key=known_course(key), key_digest=digest_of(key))


def _plans(scope: Scope, *, deep: bool) -> Iterator[RepairPlan]:
    for one in (*CHECKS, *DEEP) if deep else CHECKS:
        found = tuple(one.find(scope))
        if found:
            yield _plan(one, found)


def _plan(one: Check, found: tuple[Found, ...]) -> RepairPlan:
    parts = [[each.key, each.target, each.course, each.entity, [*map(str, each.seen)]] for each in found]
    token = token_of(one.kind, json.dumps(parts, sort_keys=True)) if one.mend else ""
    findings = tuple(map(one.finding, found))
    return RepairPlan(one.kind, findings, len(found) if one.mend else 0, token, lambda: _mend(one, found))


def _mend(one: Check, found: tuple[Found, ...]) -> int:
    return one.mend(found) if one.mend else 0


def _receiver_plans(scope: Scope) -> Iterator[RepairPlan]:
    for difference in compare_receiver(scope):
        if difference.note:
            scope.could_not_check(difference.lane.course.key, difference.note)
        if difference.findings:
            yield _receiver_plan(difference)


def _receiver_plan(difference: LaneDifference) -> RepairPlan:
    lane, operations = difference.lane, difference.operations
    parts = [[one.operation, one.entity_id, one.parent_id, one.index, one.after_id] for one in operations]
    state = [lane.pk, lane.cursor, lane.sequence, difference.last_position]
    token = token_of(json.dumps([state, parts])) if operations else ""
    return RepairPlan(
        lane.course.key,
        difference.findings,
        len(operations),
        token,
        lambda: len(operations) if difference.record() else 0,
    )


def _remote_plans(scope: Scope) -> Iterator[RepairPlan]:
    for difference in compare_remote(scope):
        course = difference.link.course.key
        scope.notes.extend(f"{course}: {note}" for note in difference.notes)
        if difference.unchecked:
            scope.could_not_check(course, difference.unchecked)
        if difference.drifts:
            yield _remote_plan(course, difference)


def _remote_plan(course: str, difference: LinkDifference) -> RepairPlan:
    repairable = difference.repairable
    token = token_of("remote", difference.state) if repairable else ""
    return RepairPlan(course, difference.findings, repairable, token, difference.repair)
