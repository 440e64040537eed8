"""Says to the staff of a course what each target has of it, in their words: no lane, envelope or operation is named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
from django.db.models import Exists, Min, OuterRef, Q, QuerySet, Subquery
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin.models import (
    OPEN_STATES,
    Course,
    Entity,
    JournalOperation,
    Lane,
    Link,
    Marker,
    Problem,
    ProblemState,
    RunKind,
    digest_of,
)
from course_sync_plugin.upkeep.problems import SHOWN
from course_sync_plugin.upkeep.reports.course import state_of
from course_sync_plugin.upkeep.reports.undecided import Undecided, Waiting, undecided, waiting_for_a_person
from course_sync_plugin.upkeep.status.lanes import CountedLane, Undone, read_lanes
from course_sync_plugin.upkeep.status.selection import Selection

#: What is not right at the target, for each kind of operation that it did not take.
_NOT_TAKEN = {
    "create": gettext_lazy("“{title}” is missing there."),
    "update": gettext_lazy("A change of “{title}” is missing there."),
    "move": gettext_lazy("“{title}” is still at its old place there."),
    "delete": gettext_lazy("“{title}” was deleted here and is still there."),
}

#: Why a change does not arrive, by the state of the lane.
_SILENT = gettext_lazy("It does not answer at the moment. It is tried again by itself.")
_STOPPED = gettext_lazy("Nothing is sent to it at the moment. The people who run this site must look at it.")
_WHY = {
    **dict.fromkeys(("retrying", "unreachable"), _SILENT),
    **dict.fromkeys(("other site", "disabled", "failing", "waiting for context", "paused"), _STOPPED),
    "problems": gettext_lazy("It did not take everything:"),
}

#: The states in which it helps to send again.
_MAY_BE_SENT_AGAIN = ("problems", "failing", "retrying", "unreachable")


@attrs.frozen
class NotTaken:
    """Something that a target does not have as it is here. ``text``: what. ``reason``: what the target said."""

    text: str
    reason: str


@attrs.frozen
class StaffTarget:
    """What a target has of the course. ``sentences``: to be read one after the other. ``is_well``: nothing is wrong.

    ``undecided``: changes there about which a person must decide.
    """

    target: str
    sentences: Sequence[str]
    not_taken: Sequence[NotTaken]
    undecided: Sequence[Undecided]
    is_well: bool
    may_be_sent_again: bool


@attrs.frozen
class StaffReport:
    """What the staff of a course are told. ``notes``: sentences about the course itself."""

    key: str
    title: str
    notes: Sequence[str]
    targets: Sequence[StaffTarget]


@attrs.frozen
class _Times:
    """When the author published what a target has (``done``), and the first change that it does not have (``next``).

    A time is None if there is none. ``is_whole``: the target has the first, and nothing of the second. ``is_linked``:
    the course has a counterpart there, in which people may change something.
    """

    done: datetime | None
    next: datetime | None
    is_whole: bool = True
    is_linked: bool = False


def staff_report(course: Course) -> StaffReport:
    """Return what the staff of a course are told. At most nine queries, for any number of changes."""
    selection = Selection(course.key)
    lanes = read_lanes(selection, Undone.read(selection), all_of_them=True)
    times = _read_times(course)
    problems = _read_problems(selection) if any(lane.open_problems for lane in lanes) else {}
    waiting = waiting_for_a_person(course) if any(one.is_linked for one in times.values()) else {}
    titles = _read_titles(course, problems, waiting)
    published_at = _published_at(course)
    targets = []
    for lane in lanes:
        target = lane.lane.target_id
        decide = undecided(waiting.get(target, ()), titles)
        targets.append(_target(lane, times[target], published_at, problems.get(target, ()), decide, titles))
    return StaffReport(course.key, titles.get(course.key, ""), list(_notes(course, lanes)), targets)


def _notes(course: Course, lanes: Sequence[CountedLane]) -> Iterator[str]:
    state = state_of(course, lanes)
    if state.held:
        text = ngettext(
            "Your last publish would remove {n} of {of} part of the course. It waits until somebody agrees.",
            "Your last publish would remove {n} of {of} parts of the course. It waits until somebody agrees.",
            state.held.of,
        )
        yield text.format(n=state.held.deletes, of=state.held.of)
    elif state.own_trouble == "unreadable":
        yield _("Your last publish could not be read. The people who run this site must look at it.")


def _target(
    counted: CountedLane,
    times: _Times,
    published_at: datetime | None,
    problems: Sequence[Problem],
    decide: Sequence[Undecided],
    titles: Mapping[str, str],
) -> StaffTarget:
    state, name = counted.state, counted.lane.target.name
    not_taken = [_not_taken(one, titles) for one in problems if one.state != ProblemState.PARKED]
    waits = len(problems) - len(not_taken)
    return StaffTarget(
        target=name,
        sentences=list(filter(None, _sentences(counted, times, published_at, waits))),
        not_taken=not_taken,
        undecided=decide,
        is_well=state in ("in step", "pending") and not decide,
        may_be_sent_again=state in _MAY_BE_SENT_AGAIN,
    )


def _sentences(counted: CountedLane, times: _Times, published_at: datetime | None, waits: int) -> Iterator[str]:
    name, state = counted.lane.target.name, counted.state
    if state == "waiting for link":
        yield _("{target} is not connected to this course.").format(target=name)
        return
    yield _what_it_has(name, times)
    yield _what_comes(state, times.next if counted.pending else published_at)
    if state in _WHY:
        yield str(_WHY[state])
    if waits:
        text = ngettext("{n} more change waits for these.", "{n} more changes wait for these.", waits)
        yield text.format(n=waits)


def _what_comes(state: str, changed_at: datetime | None) -> str:
    """Return a sentence about the first change that the target does not have; an empty one if there is none to tell."""
    if changed_at:
        waits = (
            _("Your change of {time} waits.")
            if _WHY.get(state) is _STOPPED
            else _("Your change of {time} is on its way.")
        )
        return waits.format(time=_time(changed_at))
    if state == "pending":  # a target that gets the whole course first
        return _("What you published is on its way.")
    return _("That is everything.") if state == "in step" else ""


def _what_it_has(name: str, times: _Times) -> str:
    if not times.is_whole:
        return _("{target} is being brought up to date.").format(target=name)
    if times.done is None:
        return _("{target} has nothing of this course yet.").format(target=name)
    return _("{target} has what you published until {time}.").format(target=name, time=_time(times.done))


def _time(moment: datetime) -> str:
    """Return the time of a moment, with the date if it was not today, and the name of the time zone."""
    local = localtime(moment)
    is_today = local.date() == localtime().date()
    return f"{date_format(local, 'TIME_FORMAT' if is_today else 'DATETIME_FORMAT')} {local.tzname()}"


def _not_taken(problem: Problem, titles: Mapping[str, str]) -> NotTaken:
    operation = problem.operation
    known = (titles.get(operation.entity_id), _title(operation.fields), _title(operation.previous))
    title = next(filter(None, known), operation.entity_id)
    return NotTaken(_NOT_TAKEN[operation.operation].format(title=title), problem.reason)


def _title(fields: Mapping[str, Any]) -> str:
    return str(fields.get("display_name") or "")


def _read_times(course: Course) -> dict[int, _Times]:
    """Return the times by the id of the target. A run is read soon after it was published, so its begin is the time."""
    operations = JournalOperation.objects.filter(Q(lane=None) | Q(lane=OuterRef("pk")), course=OuterRef("course"))
    done = operations.filter(position__lte=OuterRef("cursor")).order_by("-position")
    after = operations.filter(position__gt=OuterRef("cursor")).order_by("position")
    columns = {
        "done_run": _first(done, "run_id"),
        "done_at": _first(done, "run__began_at"),
        "next_run": _first(after, "run_id"),
        "next_at": _first(after, "run__began_at"),
        "next_kind": _first(after, "run__kind"),
        "is_linked": Exists(Link.objects.filter(target=OuterRef("target"), course=OuterRef("course"))),
    }
    rows = Lane.objects.filter(course=course).annotate(**columns)
    names = ("target_id", "answered_sequence", "cursor", *columns)
    return {row["target_id"]: attrs.evolve(_times(row), is_linked=row["is_linked"]) for row in rows.values(*names)}


def _first(operations: QuerySet[JournalOperation], column: str) -> Subquery:
    return Subquery(operations.values(column)[:1])


def _times(row: Mapping[str, Any]) -> _Times:
    if not row["answered_sequence"] or row["cursor"] is None:  # nothing was sent yet
        return _Times(None, row["next_at"])
    # A difference takes the place of a backlog, so the cursor is already behind what the target does not have.
    is_replaced = row["next_kind"] in (RunKind.SNAPSHOT, RunKind.DIFFERENCE, RunKind.DELETION)
    is_whole = not is_replaced and (row["next_run"] is None or row["next_run"] != row["done_run"])
    return _Times(row["done_at"], row["next_at"], is_whole)


def _published_at(course: Course) -> datetime | None:
    """Return when the first publish was that is not recorded yet. The marker of a failed sync is in the future."""
    first: datetime | None = Marker.objects.filter(course_id=course.key_digest).aggregate(first=Min("seen_at"))["first"]
    return first if first and first <= datetime.now(UTC) else None


def _read_problems(selection: Selection) -> dict[int, list[Problem]]:
    """Return the first open problems of each target, by its id."""
    found = defaultdict(list)
    rows = Problem.objects.filter(state__in=OPEN_STATES, lane__in=selection.lanes())
    for problem in rows.select_related("lane", "operation").order_by("pk")[:SHOWN]:
        found[problem.lane.target_id].append(problem)
    return found


def _read_titles(
    course: Course, problems: Mapping[int, Sequence[Problem]], waiting: Mapping[int, Sequence[Waiting]]
) -> dict[str, str]:
    """Return the titles of the course and of the entities that are told of, by entity id."""
    ids = {one.operation.entity_id for of_target in problems.values() for one in of_target}
    ids |= {one.entity_id for of_target in waiting.values() for one in of_target}
    digests = [digest_of(one) for one in {course.key, *ids}]
    rows = Entity.objects.filter(course=course, id_digest__in=digests).values_list("entity_id", "fields")
    return {entity_id: _title(fields) for entity_id, fields in rows}
