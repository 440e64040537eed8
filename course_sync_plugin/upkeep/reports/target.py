"""Reports one target: its budget of requests, the lanes that are not in step, and its newest attempts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import attrs
from django.conf import settings

from course_sync_plugin.models import Attempt, Course, RateBudget, Target
from course_sync_plugin.models.first_rows import first_rows
from course_sync_plugin.replication.outbound.budget import budget_row
from course_sync_plugin.replication.outbound.target import TwoWayTarget
from course_sync_plugin.upkeep.advice import Advice, advice_for
from course_sync_plugin.upkeep.reports.calls import calls_per_minute
from course_sync_plugin.upkeep.reports.targets import TargetReport, backend_of, read_reports
from course_sync_plugin.upkeep.status.lanes import CountedLane, lane_state
from course_sync_plugin.upkeep.status.selection import Selection
from course_sync_plugin.upkeep.targets.change import get_target

#: The most attempts that a report has.
ATTEMPTS = 20


@attrs.frozen
class BudgetReport:
    """The requests that all courses of a linked system may still make now, in the units of that system.

    ``full``: the most there can be. ``floor``: left to other programs. ``per_second``: how many come back each second.
    """

    remaining: float
    full: float
    floor: float
    per_second: float


@attrs.frozen
class LaneReport:
    """A lane that is not in step. ``pk``: its key. ``pending``: the number of operations that are not delivered.

    ``state``: as in ``lanes`` of a status.
    """

    pk: int
    course_id: str
    pending: int
    state: dict[str, Any]


@attrs.frozen
class AttemptReport:
    """One attempt, with what its error means and what to do; None if it has no error."""

    attempt: Attempt
    advice: Advice | None


@attrs.frozen
class TargetDetails:
    """One target in detail.

    ``objective_seconds``: within this time an operation should be delivered. ``budget``: None if this kind of target
    has none, or if no request was made yet. ``lanes``: those that are not in step, the newest key first. ``attempts``:
    the newest ones. ``calls``: the number of attempts in each minute of the last hour, the oldest first.
    """

    report: TargetReport
    objective_seconds: float
    budget: BudgetReport | None
    lanes: Sequence[LaneReport]
    attempts: Sequence[AttemptReport]
    calls: Sequence[int]

    @property
    def keeps_objective(self) -> bool:
        """Tell whether no operation has waited for longer than the objective."""
        return bool(self.report.state["lag_seconds"] <= self.objective_seconds)


def target_details(name: str, before: int | None = None, most: int = 50) -> TargetDetails:
    """Return one target in detail, with at most ``most`` lanes, those with a key below ``before``.

    Raises UnknownName. Twelve queries, whatever the number of rows.
    """
    (found,) = read_reports(Selection(target=get_target(name)))
    row, report, lanes = found
    return TargetDetails(
        report=report,
        objective_seconds=settings.COURSE_SYNC_OBJECTIVE_SECONDS,
        budget=_budget(row),
        lanes=list(_lanes(lanes, before, most)),
        attempts=_attempts(row),
        calls=calls_per_minute(row.pk, row.now),
    )


def _budget(row: Any) -> BudgetReport | None:
    """Return what the worker that asks next would find, as :class:`SharedBudget` counts it."""
    backend = backend_of(row)
    if backend is None or not issubclass(backend, TwoWayTarget):
        return None
    rate = backend.site_class.rate
    budget = RateBudget.objects.filter(pk=budget_row(row, rate)).first()
    if budget is None:
        return None
    remaining = budget.remaining + _seconds(row.now - budget.counted_at) * rate.per_second
    return BudgetReport(min(rate.full, remaining), rate.full, rate.floor, rate.per_second)


def _seconds(time: timedelta) -> float:
    return max(0.0, time.total_seconds())


def _lanes(lanes: Sequence[CountedLane], before: int | None, most: int) -> Iterator[LaneReport]:
    chosen = sorted(
        (lane for lane in lanes if before is None or lane.lane.pk < before),
        key=lambda lane: lane.lane.pk,
        reverse=True,
    )[:most]
    courses = Course.objects.in_bulk([lane.lane.course_id for lane in chosen])
    for lane in chosen:
        course = courses[lane.lane.course_id]
        yield LaneReport(lane.lane.pk, course.key, lane.pending, lane_state(lane, course.published_version))


def _attempts(target: Target) -> list[AttemptReport]:
    newest = Attempt.objects.filter(target=target).select_related("lane__course").order_by("-began_at", "-pk")
    rows = first_rows(newest, ATTEMPTS)
    return [AttemptReport(row, _advice(row, target.backend) if row.error_class else None) for row in rows]


def _advice(row: Attempt, backend: str) -> Advice:
    return advice_for(row.error_class, row.status, backend=backend)
