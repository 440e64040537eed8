"""Reads one page of the list of courses: those that match its filters, with their state at each target."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from course_sync_plugin.keys import org_of
from course_sync_plugin.models import Target
from course_sync_plugin.structure.sources import get_source
from course_sync_plugin.upkeep.status.courses import TROUBLES, CourseState, read_courses
from course_sync_plugin.upkeep.status.lanes import CountedLane, Undone, read_lanes
from course_sync_plugin.upkeep.status.selection import Selection
from course_sync_plugin.upkeep.targets.change import get_target


@attrs.frozen
class CourseFilters:
    """What chooses courses. An empty value chooses all.

    ``org``: the exact name of an organisation. ``text``: a part of the key, in any case. ``target``: the name of a
    target that has the course; then only the states at this target count. ``state``: one of ``COURSE_STATES``.
    """

    org: str = ""
    text: str = ""
    target: str = ""
    state: str = ""


@attrs.frozen
class LaneLine:
    """The state of a course at one target. ``problems``, ``pending``: numbers of operations."""

    target: str
    state: str
    error: str
    problems: int
    pending: int


@attrs.frozen
class CourseLine:
    """One course of the list. ``own_state``: what keeps it from being recorded, or ``in step``."""

    pk: int
    key: str
    own_state: str
    error: str
    lanes: Sequence[LaneLine]


@attrs.frozen
class CoursePage:
    """One page of the list. The courses that were added last come first.

    ``older_than``: the next page has the rows with smaller keys than this one. None: there is no next page.
    """

    courses: Sequence[CourseLine]
    older_than: int | None


#: The states that courses are chosen by, the worst first.
COURSE_STATES: Sequence[str] = TROUBLES


def list_courses(
    chosen: CourseFilters, course_ids: Collection[int] | None, before: int | None, size: int
) -> CoursePage:
    """Return a page of the courses that match.

    ``course_ids``: the keys of the rows that may be shown, None for all. ``before``: only rows with smaller keys. The
    number of queries does not grow with the number of courses. Raises UnknownName for an unknown target.
    """
    target = get_target(chosen.target) if chosen.target else None
    may_see = None if course_ids is None else frozenset(course_ids)
    found = [
        one
        for one in _states(target, at_rest=chosen.state == "waiting for link")
        if _is_shown(one, may_see, before) and _matches(one, chosen)
    ]
    found.sort(key=lambda one: -one.course.pk)
    shown = found[:size]
    lanes = _lanes_of(target, [one.course.pk for one in shown])
    lines = [_line(one, lanes.get(one.course.pk, ())) for one in shown]
    return CoursePage(lines, shown[-1].course.pk if len(found) > size else None)


def _states(target: Target | None, *, at_rest: bool) -> Iterator[CourseState]:
    """Yield all courses with those of their lanes that are not in step, or with all lanes."""
    published = dict(get_source().published_versions())
    selection = Selection(target=target)
    lanes = read_lanes(selection, Undone.read(selection), all_of_them=at_rest)
    return read_courses(selection, published, lanes, list(selection.held()))


def _is_shown(state: CourseState, may_see: Collection[int] | None, before: int | None) -> bool:
    pk = state.course.pk
    return (may_see is None or pk in may_see) and (before is None or pk < before)


def _matches(state: CourseState, chosen: CourseFilters) -> bool:
    key = state.course.key
    if chosen.text.casefold() not in key.casefold() or chosen.org not in ("", org_of(key)):
        return False
    if chosen.state == "in step":
        return state.is_in_step
    return chosen.state in ("", state.own_trouble, *(lane.state for lane in state.lanes))


def _lanes_of(target: Target | None, course_ids: Collection[int]) -> Mapping[int, Iterable[CountedLane]]:
    """Return all lanes of some courses, by the keys of the courses' rows."""
    selection = Selection(target=target, course_ids=course_ids)
    lanes: dict[int, list[CountedLane]] = {}
    for lane in read_lanes(selection, Undone.read(selection), all_of_them=True):
        lanes.setdefault(lane.lane.course_id, []).append(lane)
    return lanes


def _line(state: CourseState, lanes: Iterable[CountedLane]) -> CourseLine:
    lines = [LaneLine(one.lane.target.name, one.state, one.error, one.open_problems, one.pending) for one in lanes]
    return CourseLine(state.course.pk, state.course.key, state.own_trouble, state.course.last_error, lines)
