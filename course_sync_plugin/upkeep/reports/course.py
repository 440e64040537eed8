"""Reads all that an operator should know of one course: its versions, its lanes, and what each of them waits for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import attrs

from course_sync_plugin.data import utc_text
from course_sync_plugin.models import (
    LINK,
    Course,
    CourseContext,
    Exclusion,
    HeldRun,
    Link,
)
from course_sync_plugin.structure.sources import get_source
from course_sync_plugin.upkeep.problems import SHOWN, OpenProblem, problems
from course_sync_plugin.upkeep.status.courses import CourseState, RecordedCourse
from course_sync_plugin.upkeep.status.lanes import CountedLane, Undone, lane_state, read_lanes
from course_sync_plugin.upkeep.status.selection import Selection


@attrs.frozen
class LinkedTo:
    """The counterpart of a course at a two-way target."""

    remote_id: str
    title: str
    url: str


@attrs.frozen
class CourseLane:
    """The way of a course to one target. ``next_attempt``: a time in UTC, or None.

    ``problems``, ``pending``: numbers of operations. ``is_paused``: this lane alone is paused. ``excluded``: the ids of
    the entities that are excluded from the target. ``context``: the names of the values that are set for the course
    there; the values may be secret.
    """

    target: str
    state: str
    error: str
    delivered_version: str
    next_attempt: str | None
    problems: int
    pending: int
    is_paused: bool
    link: LinkedTo | None
    excluded: Sequence[str]
    context: Sequence[str]


@attrs.frozen
class Held:
    """A run that waits for an approval. ``deletes``: the number of entities that it would delete, ``of`` how many."""

    published_version: str
    deletes: int
    of: int
    since: str


@attrs.frozen
class CourseReport:
    """One course. ``state``: what keeps it from being recorded, or ``in step``; ``error`` says why.

    ``published_version``: empty if the course is not published. ``recorded_version``: empty if it was never recorded,
    or is deleted. ``problems``: the first of the open ones; ``problems_total``: the number of all.
    """

    key: str
    state: str
    error: str
    published_version: str
    recorded_version: str
    held: Held | None
    lanes: Sequence[CourseLane]
    problems: Sequence[OpenProblem]
    problems_total: int


def course_report(course: Course) -> CourseReport:
    """Return the report of one course. The numbers and states are those of ``status``, in at most eight queries."""
    selection = Selection(course.key)
    counted = read_lanes(selection, Undone.read(selection), all_of_them=True)
    state = state_of(course, counted)
    total = sum(lane.open_problems for lane in counted)
    return CourseReport(
        key=course.key,
        state=state.own_trouble,
        error=course.last_error,
        published_version=state.published_version,
        recorded_version=course.published_version,
        held=_held(state.held) if state.held else None,
        lanes=_lanes(course, counted),
        problems=problems(SHOWN, selection.open_problems()) if total else [],
        problems_total=total,
    )


def state_of(course: Course, lanes: Sequence[CountedLane]) -> CourseState:
    """Return the state of a course with these lanes. Two queries, or one if the course was read with its held run."""
    version = get_source().published_version(course.key) or ""
    waits_for_link = any(one.lane.waiting_for == LINK for one in lanes)
    columns = (getattr(course, name) for name in RecordedCourse._fields if name != "waits_for_link")
    recorded = RecordedCourse._make([*columns, waits_for_link])
    return CourseState(recorded, version, lanes, getattr(course, "held", None))


def _held(held: HeldRun) -> Held:
    return Held(held.published_version, held.deletes, held.of, utc_text(held.since))


def _lanes(course: Course, counted: Sequence[CountedLane]) -> list[CourseLane]:
    links = {one.target_id: one for one in Link.objects.filter(course=course)}
    contexts = CourseContext.objects.filter(key_digest=course.key_digest)
    names = {one.target_id: sorted(one.values) for one in contexts}
    excluded = defaultdict(list)
    for target_id, entity_id in Exclusion.objects.filter(course=course).values_list("target_id", "entity_id"):
        excluded[target_id].append(entity_id)
    return [_lane(course, one, links, sorted(excluded[one.lane.target_id]), names) for one in counted]


def _lane(
    course: Course,
    counted: CountedLane,
    links: Mapping[int, Link],
    excluded: Sequence[str],
    names: Mapping[int, Sequence[str]],
) -> CourseLane:
    target_id, link = counted.lane.target_id, links.get(counted.lane.target_id)
    return CourseLane(
        **lane_state(counted, course.published_version),
        problems=counted.open_problems,
        pending=counted.pending,
        is_paused=counted.lane.paused,
        link=LinkedTo(link.remote_id, link.remote_title, link.remote_url) if link else None,
        excluded=excluded,
        context=names.get(target_id, ()),
    )
