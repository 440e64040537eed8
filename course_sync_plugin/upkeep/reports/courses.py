"""Reads one page of the list of courses: those that match its filters, with their state at each target."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

import attrs
from django.db.models import Q, QuerySet

from course_sync_plugin.keys import org_of
from course_sync_plugin.models import LINK, Course, HeldRun, Target
from course_sync_plugin.structure.sources import get_source
from course_sync_plugin.upkeep.status.courses import TROUBLES, CourseState, RecordedCourse, read_states, recorded
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

#: What concerns the course itself: its lanes need not be read. An empty text means any state.
OF_COURSE = ("", "unreadable", "held", "not recorded")

#: How many pages of rows are read first. Those that do not match are left out.
FIRST_PAGES = 2


def list_courses(
    chosen: CourseFilters, course_ids: Collection[int] | None, before: int | None, size: int
) -> CoursePage:
    """Return a page of the courses that match.

    ``course_ids``: the keys of the rows that may be shown, None for all. ``before``: only rows with smaller keys. The
    number of queries does not grow with the number of courses. Raises UnknownName for an unknown target.
    """
    target = get_target(chosen.target) if chosen.target else None
    found = list(islice(_found(chosen, target, _rows(chosen, target, course_ids, before), size), size + 1))
    shown = found[:size]
    lanes = _lanes_of(target, [one.course.pk for one in shown])
    lines = [_line(one, lanes.get(one.course.pk, ())) for one in shown]
    return CoursePage(lines, shown[-1].course.pk if len(found) > size else None)


def _rows(
    chosen: CourseFilters, target: Target | None, course_ids: Collection[int] | None, before: int | None
) -> QuerySet[Course]:
    """Return the courses that may match, the newest row first: as far as the database can tell."""
    rows = Selection(target=target).courses().order_by("-pk")
    rows = rows if course_ids is None else rows.filter(pk__in=course_ids)
    rows = rows if before is None else rows.filter(pk__lt=before)
    rows = rows.filter(org=chosen.org) if chosen.org else rows
    # Databases differ in which other letters are the same in capitals.
    rows = rows.filter(key__icontains=chosen.text) if chosen.text.isascii() else rows
    return rows.filter(_may_be(chosen.state, Selection(target=target)))


def _may_be(state: str, selection: Selection) -> Q:
    """Return the condition for the courses that may be in this state. Whether they are, their states tell.

    What is published is not in our tables: so for ``not recorded`` and ``in step`` every course must be looked at.
    """
    if state in ("", "not recorded", "in step"):
        return Q()
    if state == "unreadable":
        return ~Q(last_error="")
    if state == "held":
        return Q(held__isnull=False)
    if state == "waiting for link":
        return Q(pk__in=selection.lanes().filter(waiting_for=LINK).values("course_id"))
    lanes = read_lanes(selection, Undone.read(selection), all_of_them=False)
    return Q(pk__in={one.lane.course_id for one in lanes if one.state == state})


def _found(chosen: CourseFilters, target: Target | None, rows: QuerySet[Course], size: int) -> Iterator[CourseState]:
    """Yield the courses that match. Mostly a page of them is among the first rows; else all others are read at once."""
    first = FIRST_PAGES * size
    selection = Selection(target=target)
    portion = list(recorded(rows[:first], selection))
    yield from _matching(chosen, target, portion)
    if len(portion) == first:
        yield from _matching(chosen, target, list(recorded(rows[first:], selection)))


def _matching(chosen: CourseFilters, target: Target | None, rows: Sequence[RecordedCourse]) -> Iterator[CourseState]:
    named = [row for row in rows if _has_name(row, chosen)]
    return (one for one in _states(named, target, chosen.state) if _is_in(one, chosen.state))


def _states(rows: Sequence[RecordedCourse], target: Target | None, state: str) -> Iterator[CourseState]:
    """Yield the states of these courses, with as many of their lanes as it takes to tell who is in this state."""
    published = dict(get_source().published_versions([row.key for row in rows])) if rows else {}
    selection = Selection(target=target, course_ids=[row.pk for row in rows])
    lanes: Sequence[CountedLane] = ()
    if rows and state not in OF_COURSE:
        lanes = read_lanes(selection, Undone.read(selection), all_of_them=state == "waiting for link")
    return read_states(rows, published, lanes, HeldRun.objects.filter(course__in=selection.course_ids or ()))


def _has_name(row: RecordedCourse, chosen: CourseFilters) -> bool:
    """Tell whether a course has the text in its key, and exactly this organisation. The database may ignore case."""
    return chosen.text.casefold() in row.key.casefold() and chosen.org in ("", org_of(row.key))


def _is_in(course: CourseState, state: str) -> bool:
    if state == "in step":
        return course.is_in_step
    return state in ("", course.own_trouble, *(lane.state for lane in course.lanes))


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
