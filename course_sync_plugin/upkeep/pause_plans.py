"""Plans pauses and resumes before they are done: which lanes would wait or go on."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import Lane, Target
from course_sync_plugin.upkeep.courses import courses_of
from course_sync_plugin.upkeep.filters import Filters
from course_sync_plugin.upkeep.pending import count_pending
from course_sync_plugin.upkeep.plan_tokens import token_of
from course_sync_plugin.upkeep.targets.change import (
    Paused,
    Resumed,
    get_lane,
    get_target,
    lanes_of,
    pause_lanes,
    resume_lanes,
)


@attrs.frozen
class PausePlan:
    """The lanes of one target that would wait, or go on.

    ``whole``: the target itself would be paused or resumed, with all lanes, also those that come later. ``courses``:
    those of the lanes. ``pending``: the number of operations in these lanes that are not delivered. ``paused``: of a
    whole target, how many of its lanes are paused by themselves, and stay so. ``token`` names the target, and the
    lane of the course if one was named. It names no numbers, which change with every delivery.
    """

    target: str
    whole: bool
    courses: tuple[str, ...]
    pending: int
    paused: int
    token: str


def pause_plans(chosen: Filters) -> list[PausePlan]:
    """Return the plan for a target, for its lane of a course, or for the lanes of a course at every target.

    Raises ConfigurationError if neither is named, UnknownName if the target or its lane of the course does not exist.
    """
    return list(_plans("pause", chosen))


def resume_plans(chosen: Filters) -> list[PausePlan]:
    """Return the same as :func:`pause_plans`, for a resume."""
    return list(_plans("resume", chosen))


@transaction.atomic
def carry_out_pause(plan: PausePlan) -> Paused:
    """Do what the plan of :func:`pause_plans` says. Raises UnknownName if the target or the lane is gone."""
    target, lanes = _of(plan)
    return pause_lanes(target, lanes, whole=plan.whole)


@transaction.atomic
def carry_out_resume(plan: PausePlan) -> Resumed:
    """Do what the plan of :func:`resume_plans` says. Raises UnknownName if the target or the lane is gone."""
    target, lanes = _of(plan)
    return resume_lanes(target, lanes, whole=plan.whole)


def _plans(action: str, chosen: Filters) -> Iterator[PausePlan]:
    if not (chosen.target or chosen.course):
        raise ConfigurationError(_("Name a target, or a course with --course."))
    if chosen.target:
        target = get_target(chosen.target)
        yield _plan(action, target, lanes_of(target, chosen.course), whole=not chosen.course)
        return
    for lane in chosen.lanes().select_related("target").order_by("target__name"):
        yield _plan(action, lane.target, Lane.objects.filter(pk=lane.pk), whole=False)


def _plan(action: str, target: Target, lanes: QuerySet[Lane], *, whole: bool) -> PausePlan:
    courses = courses_of(lanes)
    paused = lanes.filter(paused=True).count() if whole else 0
    token = token_of(action, str(target.pk), target.name, *([] if whole else courses))
    return PausePlan(target.name, whole, courses, count_pending(lanes), paused, token)


def _of(plan: PausePlan) -> tuple[Target, QuerySet[Lane]]:
    target = get_target(plan.target)
    if plan.whole:
        return target, lanes_of(target)
    return target, Lane.objects.filter(pk__in=[get_lane(target, course).pk for course in plan.courses])
