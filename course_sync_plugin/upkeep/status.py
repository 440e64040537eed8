"""Where everything stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from course_sync_plugin import toggles
from course_sync_plugin.data import utc_text
from course_sync_plugin.models import OPEN_STATES, Course, Entity, HeldRun, JournalOperation, Lane, Problem, Target
from course_sync_plugin.sources import get_source
from course_sync_plugin.upkeep.problems import OpenProblem, problems

#: The states of a lane, the worst first: up to ``paused`` somebody has to do something about them.
STATES = ("disabled", "failing", "problems", "waiting for context", "paused", "retrying", "pending", "in step")


def status() -> dict[str, Any]:
    """Return the state of targets, courses and held runs, by the keys that programs rely on.

    ``stopped``: the switch is on, nothing is synced or delivered. ``problems`` are the first of ``problems_total``.
    A course and a lane also have ``error``: the sentence that says why a course cannot be read, what the receiver
    answered last, what of its last answer could not be understood, or which context is missing; empty where nothing is
    wrong. ``next_attempt``: when a lane that got no answer asks again.
    The number of queries does not grow with the number of courses, targets or operations.
    """
    of_target, of_course = defaultdict(list), defaultdict(list)
    for lane in _lanes():
        of_target[lane.target_id].append(lane)
        of_course[lane.course_id].append(lane)
    published = dict(get_source().published_versions())
    return {
        "targets": [_target(target, of_target[target.pk]) for target in Target.objects.order_by("name")],
        "courses": [_course(course, of_course[course.pk], published) for course in _courses()],
        "held": [_held(held) for held in HeldRun.objects.select_related("course").order_by("since")],
        "stopped": toggles.is_stopped(),
        "problems": [_problem(problem) for problem in problems()],
        "problems_total": sum(lane.open_problems for lanes in of_target.values() for lane in lanes),
    }


def state_of(lane: Lane) -> str:
    """Return a lane's state in a word or two."""
    states = (
        ("disabled", lane.target.disabled_reason),
        ("paused", lane.target.paused or lane.paused),
        ("failing", lane.failing),
        ("waiting for context", lane.waiting_for),
        ("retrying", lane.attempts),
        ("problems", lane.open_problems),
        ("pending", lane.cursor is None or lane.pending or lane.closing),
    )
    return next((state for state, holds in states if holds), "in step")


def _lanes() -> QuerySet[Lane]:
    """Lanes with what is counted of them: open problems, operations before them, and since when the next one waits.

    A lane without a baseline gets the course as it is, whatever happened to it: its entities, since the lane is due.
    """
    visible = Q(lane=None) | Q(lane=OuterRef("pk"))
    ahead = JournalOperation.objects.filter(
        visible, course=OuterRef("course"), position__gt=OuterRef("cursor")
    ).order_by()
    entities = Entity.objects.filter(course=OuterRef("course")).order_by()
    problems = Problem.objects.filter(lane=OuterRef("pk"), state__in=OPEN_STATES).order_by()
    return (
        Lane.objects.select_related("target", "course")
        .order_by("target__name")
        .annotate(
            open_problems=Coalesce(Subquery(_count(problems, "lane")), 0),
            pending=Coalesce(_with_baseline(_count(ahead, "course"), else_=Subquery(_count(entities, "course"))), 0),
            waiting_since=_with_baseline(ahead.order_by("position").values("run__ended_at")[:1], else_=F("due_at")),
        )
    )


def _with_baseline(rows: QuerySet[Any], else_: Any) -> Case:
    return Case(When(cursor=None, then=else_), default=Subquery(rows))


def _count(rows: QuerySet[Any], group: str) -> QuerySet[Any]:
    return rows.values(group).annotate(count=Count("pk")).values("count")


def _courses() -> QuerySet[Course]:
    return Course.objects.exclude(last_position=0, last_error="").order_by("key")


def _target(target: Target, lanes: Sequence[Lane]) -> dict[str, Any]:
    since = [lane.waiting_since for lane in lanes if lane.waiting_since]
    return {
        "name": target.name,
        "state": _state_of_target(target, lanes),
        "lag_seconds": round(_seconds_since(min(since)), 1) if since else 0,
        "pending": sum(lane.pending for lane in lanes),
        "problems": sum(lane.open_problems for lane in lanes),
    }


def _state_of_target(target: Target, lanes: Sequence[Lane]) -> str:
    """The state of a target is the worst of its lanes'."""
    without_lanes = "disabled" if target.disabled_reason else "paused" if target.paused else "no courses"
    return min(map(state_of, lanes), key=STATES.index, default=without_lanes)


def _course(course: Course, lanes: Sequence[Lane], published: Mapping[str, str]) -> dict[str, Any]:
    return {
        "course_id": course.key,
        "published_version": published.get(course.key, ""),
        "recorded_version": course.published_version,
        "error": course.last_error,
        "lanes": [_lane(lane, course) for lane in lanes],
    }


def _lane(lane: Lane, course: Course) -> dict[str, Any]:
    state = state_of(lane)
    # A publish that changed nothing moves the recorded version on, and there is nothing to deliver of it.
    version = course.published_version if state == "in step" else lane.delivered_version
    again = lane.due_at if lane.last_error and state in ("retrying", "pending") else None
    return {
        "target": lane.target.name,
        "delivered_version": version,
        "state": state,
        "error": "; ".join(filter(None, (lane.last_error or lane.waiting_for, lane.last_warning))),
        "next_attempt": again and utc_text(again),
    }


def _held(held: HeldRun) -> dict[str, Any]:
    return {
        "course_id": held.course.key,
        "published_version": held.published_version,
        "deletes": held.deletes,
        "of": held.of,
        "since": utc_text(held.since),
    }


def _problem(problem: OpenProblem) -> dict[str, Any]:
    values = attrs.asdict(problem)
    return {"id": values.pop("id"), "course_id": values.pop("course_key"), **values}


def _seconds_since(moment: datetime) -> float:
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())
