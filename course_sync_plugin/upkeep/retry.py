"""Retries failed operations, and finds the lanes in which an operation failed."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import attrs
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.lanes.breaker import probe_now
from course_sync_plugin.lanes.due import nudge
from course_sync_plugin.lanes.problems import to_retry
from course_sync_plugin.models import UNDONE_STATES, Lane, Problem, ProblemState
from course_sync_plugin.sanitize.text import short_repr
from course_sync_plugin.upkeep.audit import only, record
from course_sync_plugin.upkeep.targets.change import get_target, lanes_of


@attrs.frozen
class Retried:
    """The result of retrying. ``operations``: the number of problems that will be planned again.

    ``courses``: those in whose lanes they are. ``restarted``: the number of lanes of the target that were failing and
    start again.
    """

    operations: int
    courses: tuple[str, ...]
    restarted: int


def retry(name: str, course: str = "", operation: str = "") -> Retried:
    """Have failed operations of a target planned again from the present entities; release those parked behind them.

    Failing lanes start again with all their attempts. Raises UnknownName if the target, its lane or the operation is
    not found, ConfigurationError if the id is no UUID.
    """
    lanes = failed_lanes(name, course, operation) if operation else named_lanes(name, course)
    restarted = lanes.filter(failing=True).count()
    with transaction.atomic():
        nudge(lanes)  # first, as workers do: a different order could deadlock
        chosen = _failed(lanes, operation) if operation else Problem.objects.filter(lane__in=lanes)
        chosen.filter(state=ProblemState.FAILED).update(state=ProblemState.RETRYING)
        counts = count_retried(lanes)
        retried = Retried(counts.total(), tuple(sorted(counts)), restarted)
        note_retry(name, retried, {"course": course, "id": operation})
        probe_now(get_target(name).pk)
    return retried


def note_retry(name: str, retried: Retried, arguments: Mapping[str, Any]) -> None:
    """Record a retry. Call it in the transaction of the retry."""
    changed = {"operations": retried.operations, "restarted": retried.restarted, "courses": retried.courses}
    record("retry", target=name, course=only(retried.courses), arguments=arguments, changed=changed)


def named_lanes(name: str, course: str = "") -> QuerySet[Lane]:
    """Return the lanes of a target, or its lane of one course. Raises UnknownName."""
    return lanes_of(get_target(name), course)


def failed_lanes(name: str, course: str, operation: str) -> QuerySet[Lane]:
    """Return the lanes of a target in which an operation failed.

    Raises UnknownName if there are none, ConfigurationError if ``operation`` is no UUID.
    """
    ids = list(_failed(named_lanes(name, course), operation).values_list("lane_id", flat=True))
    if not ids:
        raise UnknownName(_("There is no failed operation {operation}.").format(operation=operation))
    return Lane.objects.filter(pk__in=ids)


def _failed(lanes: QuerySet[Lane], operation: str) -> QuerySet[Problem]:
    failed = Problem.objects.filter(lane__in=lanes, state=ProblemState.FAILED)
    return failed.filter(operation__operation_id=_uuid(operation))


def count_retried(lanes: QuerySet[Lane]) -> Counter[str]:
    """Count by course the problems that will be planned again in these lanes of one target. One query."""
    concerned = lanes.filter(problems__state=ProblemState.RETRYING)
    problems = Problem.objects.filter(lane__in=concerned, state__in=UNDONE_STATES)
    light = problems.select_related("operation", "lane__course").only(
        "state", "behind", "operation__entity_id", "lane__course__key"
    )
    by_course = groupby(light.order_by("lane_id", "operation__position"), key=lambda problem: problem.lane.course.key)
    return Counter({course: len(to_retry(list(of_lane))) for course, of_lane in by_course})


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise ConfigurationError(_("{text} is not the id of an operation.").format(text=short_repr(text))) from None
