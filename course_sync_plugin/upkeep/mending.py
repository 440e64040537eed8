"""Having failed operations planned anew, and finding the lanes in which something failed."""

from __future__ import annotations

import uuid
from itertools import groupby

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from course_sync_plugin.cleaning import shown
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.lanes.problems import to_retry
from course_sync_plugin.lanes.wake import nudge
from course_sync_plugin.models import OPEN_STATES, Lane, Problem, ProblemState
from course_sync_plugin.upkeep.targets import get_lane, get_target


def retry(name: str, course: str = "", operation: str = "") -> int:
    """Plan failed operations of a target anew, from the entities as they are now, and release what was parked.

    Failing lanes start again with all their attempts. Returns how many problems are taken up.
    """
    lanes = failed_lanes(name, course, operation) if operation else named_lanes(name, course)
    with transaction.atomic():
        nudge(lanes)  # first, as their workers do it: so nobody waits in a circle
        chosen = _failed(lanes, operation) if operation else Problem.objects.filter(lane__in=lanes)
        chosen.filter(state=ProblemState.FAILED).update(state=ProblemState.RETRYING)
        return _taken_up(lanes)


def named_lanes(name: str, course: str = "") -> QuerySet[Lane]:
    """Return the lanes of a target, or the one through a course. Raises UnknownName."""
    target = get_target(name)
    return Lane.objects.filter(pk=get_lane(target, course).pk) if course else Lane.objects.filter(target=target)


def failed_lanes(name: str, course: str, operation: str) -> QuerySet[Lane]:
    """Return the lanes of a target in which an operation failed. Raises UnknownName, ConfigurationError for no id."""
    ids = list(_failed(named_lanes(name, course), operation).values_list("lane_id", flat=True))
    if not ids:
        raise UnknownName(_("No failed operation {operation} there.").format(operation=operation))
    return Lane.objects.filter(pk__in=ids)


def _failed(lanes: QuerySet[Lane], operation: str) -> QuerySet[Problem]:
    failed = Problem.objects.filter(lane__in=lanes, state=ProblemState.FAILED)
    return failed.filter(operation__operation_id=_uuid(operation))


def _taken_up(lanes: QuerySet[Lane]) -> int:
    """Count what is planned anew in the lanes in which something is. One query."""
    concerned = lanes.filter(problems__state=ProblemState.RETRYING)
    problems = Problem.objects.filter(lane__in=concerned, state__in=OPEN_STATES).select_related("operation")
    light = problems.only("lane", "state", "behind", "operation__entity_id").order_by("lane_id", "operation__position")
    return sum(len(to_retry(list(of_lane))) for _lane, of_lane in groupby(light, key=lambda problem: problem.lane_id))


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise ConfigurationError(_("{text} is no operation's id.").format(text=shown(text))) from None
