"""Where everything stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from course_sync_plugin.models import OPEN_STATES, Course, HeldRun, JournalOperation, Lane, Problem, Target
from course_sync_plugin.sources import get_source

#: A lane that only waits for its turn is not in anybody's way; these want an operator, worst first.
NEEDS_SOMEBODY = ("disabled", "failing", "problems", "waiting for context")


def status() -> dict[str, Any]:
    """Return the state of targets, courses and held runs, as the contract writes it (DESIGN section 5, commands).

    A course and a lane also have ``error``: the sentence that says why a course cannot be read, what the receiver
    answered last, or which context is missing; empty where nothing is wrong.
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
    """Lanes with what is counted of them: open problems, operations before them, and since when the next one waits."""
    visible = Q(lane=None) | Q(lane=OuterRef("pk"))
    ahead = JournalOperation.objects.filter(
        visible, course=OuterRef("course"), position__gt=Coalesce(OuterRef("cursor"), 0)
    ).order_by()
    problems = Problem.objects.filter(lane=OuterRef("pk"), state__in=OPEN_STATES).order_by()
    return (
        Lane.objects.select_related("target", "course")
        .order_by("target__name")
        .annotate(
            open_problems=Coalesce(Subquery(_count(problems, "lane")), 0),
            pending=Coalesce(Subquery(_count(ahead, "course")), 0),
            waiting_since=Subquery(ahead.order_by("position").values("run__ended_at")[:1]),
        )
    )


def _count(rows: QuerySet[Any], group: str) -> QuerySet[Any]:
    return rows.values(group).annotate(count=Count("pk")).values("count")


def _courses() -> QuerySet[Course]:
    return Course.objects.exclude(last_position=0, last_error="").order_by("key")


def _target(target: Target, lanes: Sequence[Lane]) -> dict[str, Any]:
    since = [lane.waiting_since for lane in lanes if lane.waiting_since]
    return {
        "name": target.name,
        "state": _state_of_target(target, [state_of(lane) for lane in lanes]),
        "lag_seconds": round(_seconds_since(min(since)), 1) if since else 0,
        "pending": sum(lane.pending for lane in lanes),
        "problems": sum(lane.open_problems for lane in lanes),
    }


def _state_of_target(target: Target, states: Sequence[str]) -> str:
    """The state of a target is the worst of its lanes'."""
    if target.disabled_reason:
        return "disabled"
    if target.paused:
        return "paused"
    for state in (*NEEDS_SOMEBODY, "retrying", "pending"):
        if state in states:
            return state
    return "in step"


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
    error = lane.last_error or lane.waiting_for
    return {"target": lane.target.name, "delivered_version": version, "state": state, "error": error}


def _held(held: HeldRun) -> dict[str, Any]:
    return {
        "course_id": held.course.key,
        "published_version": held.published_version,
        "deletes": held.deletes,
        "of": held.of,
        "since": held.since.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def _seconds_since(moment: datetime) -> float:
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())
