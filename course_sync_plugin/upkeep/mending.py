"""What operators do about problems: have them planned anew, or give them up."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.lanes.problems import open_problems, to_retry
from course_sync_plugin.lanes.wake import nudge
from course_sync_plugin.models import Lane, Problem, ProblemState
from course_sync_plugin.upkeep.targets import get_lane, get_target


def retry(name: str, course: str = "", operation: str = "") -> int:
    """Plan failed operations of a target anew, from the entities as they are now, and release what was parked.

    Failing lanes start again with all their attempts. Returns how many problems are taken up.
    """
    lanes = _lanes(name, course, operation)
    with transaction.atomic():
        _mark(ProblemState.RETRYING, lanes, operation)
        concerned = lanes.filter(problems__state=ProblemState.RETRYING).distinct()
        return sum(len(to_retry(open_problems(lane))) for lane in concerned)


def skip(name: str, course: str = "", operation: str = "") -> int:
    """Give up failed operations of a target for good, and release what was parked behind them.

    Returns how many are given up.
    """
    lanes = _lanes(name, course, operation)
    with transaction.atomic():
        return _mark(ProblemState.SKIPPED, lanes, operation)


def _mark(state: ProblemState, lanes: QuerySet[Lane], operation: str) -> int:
    """Give failed problems a state. Lanes are written first, as their workers do it: so nobody waits in a circle."""
    nudge(lanes)
    failed = Problem.objects.filter(lane__in=lanes, state=ProblemState.FAILED)
    if operation:
        failed = failed.filter(operation__operation_id=operation)
    return failed.update(state=state)


def _lanes(name: str, course: str, operation: str) -> QuerySet[Lane]:
    target = get_target(name)
    lanes = Lane.objects.filter(pk=get_lane(target, course).pk) if course else Lane.objects.filter(target=target)
    if not operation:
        return lanes
    failed = Problem.objects.filter(lane__in=lanes, state=ProblemState.FAILED)
    ids = [problem.lane_id for problem in failed.filter(operation__operation_id=_uuid(operation))]
    if not ids:
        raise UnknownName(_("No failed operation {operation} there.").format(operation=operation))
    return Lane.objects.filter(pk__in=ids)


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise ConfigurationError(_("'{text}' is no operation's id.").format(text=text)) from None
