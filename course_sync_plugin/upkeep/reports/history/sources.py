"""Reads the events of each kind from their tables, the newest first, and never more than a number of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeVar

import attrs
from django.db.models import Model, Q, QuerySet
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from course_sync_plugin.models import OPEN_STATES, Attempt, JournalOperation, OperatorAction, Problem, Run
from course_sync_plugin.models.first_rows import first_rows
from course_sync_plugin.upkeep.reports.history.events import (
    ACTION,
    ATTEMPT,
    DONE,
    FAILED,
    KINDS,
    OPERATION,
    RUN,
    Event,
    HistoryFilters,
    Place,
)
from course_sync_plugin.upkeep.words import in_words

#: The most rows of a table that are looked through at once for the few that are looked for.
LOOKED_THROUGH = 1000

#: Courses whose runs and attempts may be sorted by the database.
FEW_COURSES = 50

#: More runs than end at one time.
MOST_AT_ONE_TIME = 100

Row = TypeVar("Row", bound=Model)


@attrs.frozen
class Found:
    """Events of one kind. ``reached``: the place of the last row that was read, if there may be more, else None."""

    events: list[Event]
    reached: Place | None


#: Reads the events of a kind before a place (None: all), as many as a number or more.
Source = Callable[[HistoryFilters, Place | None, int], Found]


def in_time(rows: QuerySet[Row], column: str, chosen: HistoryFilters) -> QuerySet[Row]:
    """Return the rows whose time is in the chosen time."""
    rows = rows.filter(Q((f"{column}__gte", chosen.since))) if chosen.since else rows
    return rows.filter(Q((f"{column}__lt", chosen.until))) if chosen.until else rows


def chosen_runs(chosen: HistoryFilters) -> QuerySet[Run]:
    """Return the runs of the chosen courses that concern the target: those for every lane, and those for its lanes."""
    rows = in_time(Run.objects.all(), "ended_at", chosen)
    if chosen.courses is not None:
        rows = rows.filter(course__in=list(chosen.courses))
    return rows.filter(Q(lane=None) | Q(lane__target=chosen.target_key)) if chosen.target else rows


def chosen_attempts(chosen: HistoryFilters) -> QuerySet[Attempt]:
    """Return the attempts of the chosen courses and target."""
    rows = in_time(Attempt.objects.all(), "began_at", chosen)
    if chosen.courses is not None:
        rows = rows.filter(lane__course__in=list(chosen.courses))
    return rows.filter(target=chosen.target_key) if chosen.target else rows


def chosen_actions(chosen: HistoryFilters) -> QuerySet[OperatorAction]:
    """Return the actions in the chosen time. The names of courses and targets are compared by the reader."""
    return in_time(OperatorAction.objects.all(), "at", chosen)


def _runs(chosen: HistoryFilters, before: Place | None, size: int) -> Found:
    most = _most(size, chosen.text, chosen.state)
    rows = _before(chosen_runs(chosen).select_related("course"), "ended_at", RUN, before)
    return _found([_run(row) for row in _first(rows, chosen, most)], chosen, most)


def _attempts(chosen: HistoryFilters, before: Place | None, size: int) -> Found:
    most = _most(size, chosen.text, chosen.state)
    found = chosen_attempts(chosen).select_related("target", "lane__course").defer("request", "head", "body")
    rows = _before(found, "began_at", ATTEMPT, before)
    return _found([_attempt(row) for row in _first(rows, chosen, most)], chosen, most)


def _actions(chosen: HistoryFilters, before: Place | None, size: int) -> Found:
    most = _most(size, chosen.text, chosen.state, chosen.target, chosen.course_keys is not None)
    rows = _before(chosen_actions(chosen), "at", ACTION, before)[:most]
    return _found([_action(row) for row in rows], chosen, most)


def _operations(chosen: HistoryFilters, before: Place | None, size: int) -> Found:
    """Read operations run by run, because they have the time of their run."""
    most = _most(size, chosen.text, chosen.state)
    runs, are_more = _runs_with(chosen, before, most)
    found = JournalOperation.objects.filter(run__in=runs).select_related("run__course").defer("previous")
    rows = list(_before(_like(found, chosen), "run__ended_at", OPERATION, before)[:most])
    waiting = Problem.objects.filter(operation__in=rows, state__in=OPEN_STATES)
    failed = set(waiting.values_list("operation_id", flat=True)) if rows else set()
    result = _found([_operation(row, failed) for row in rows], chosen, most)
    if result.reached or not are_more:
        return result
    return attrs.evolve(result, reached=Place(runs[-1].ended_at, KINDS.index(OPERATION), 0))


def _runs_with(chosen: HistoryFilters, before: Place | None, most: int) -> tuple[list[Run], bool]:
    """Return the newest runs that have ``most`` operations together, and whether there are older ones.

    Runs of one time are returned together, so the place before all their operations is before them all.
    """
    rows = chosen_runs(chosen).filter(operations_count__gt=0)
    if before:
        is_over = (before.rank, before.id) <= (KINDS.index(OPERATION), 0)
        rows = rows.filter(_earlier("ended_at", before) if is_over else _not_later("ended_at", before))
    runs: list[Run] = []
    number = 0
    light = rows.order_by("-ended_at", "-pk").only("ended_at", "operations_count")
    for run in light[: most + MOST_AT_ONE_TIME]:
        if number >= most and run.ended_at != runs[-1].ended_at:
            return runs, True
        runs.append(run)
        number += run.operations_count
    return runs, len(runs) == most + MOST_AT_ONE_TIME


def _like(rows: QuerySet[JournalOperation], chosen: HistoryFilters) -> QuerySet[JournalOperation]:
    rows = rows.filter(entity_type=chosen.entity_type) if chosen.entity_type else rows
    return rows.filter(operation=chosen.operation) if chosen.operation else rows


def _first(ordered: QuerySet[Row], chosen: HistoryFilters, most: int) -> list[Row]:
    """Return the first rows. Those of a few courses are few enough to be sorted in one query."""
    are_few = chosen.courses is not None and len(chosen.courses) <= FEW_COURSES
    return list(ordered[:most]) if are_few else first_rows(ordered, most)


def _before(rows: QuerySet[Row], column: str, kind: str, before: Place | None) -> QuerySet[Row]:
    """Return the rows before a place, in the order of places."""
    if before:
        rank = KINDS.index(kind)
        rows = rows.filter(_earlier(column, before) if rank > before.rank else _not_later(column, before))
        rows = rows.filter(_earlier(column, before) | Q(pk__lt=before.id)) if rank == before.rank else rows
    return rows.order_by(f"-{column}", "-pk")


def _earlier(column: str, place: Place) -> Q:
    """Return the condition that a row is earlier. SQLite compares texts, and the clock of the database writes shorter
    ones than Django: no condition may need equal ones.
    """
    return Q((f"{column}__lte", place.at - timedelta(microseconds=1)))


def _not_later(column: str, place: Place) -> Q:
    """Return the condition that a row is not later."""
    return Q((f"{column}__lt", place.at + timedelta(microseconds=1)))


def _found(events: list[Event], chosen: HistoryFilters, most: int) -> Found:
    """Return the chosen ones of the events of all rows that were read: ``most``, if there may be more."""
    reached = events[-1].place if len(events) == most else None
    return Found([event for event in events if chosen.choose(event)], reached)


def _most(size: int, *looked_for: object) -> int:
    """Return how many rows are read: more than are shown, if not all of them may be chosen."""
    return max(size, LOOKED_THROUGH) if any(looked_for) else size


def _run(row: Run) -> Event:
    said = [_("operations: {n}").format(n=row.operations_count)]
    said += [_("version {version}").format(version=row.published_version)] if row.published_version else []
    said += [_("incomplete")] if row.incomplete else []
    return Event(row.ended_at, RUN, row.pk, row.course.key, row.target_name or "", row.kind, ", ".join(said))


def _operation(row: JournalOperation, failed: set[int]) -> Event:
    title = row.fields.get("display_name")
    detail = " ".join(filter(None, (in_words(row.entity_type), row.entity_id, title if isinstance(title, str) else "")))
    state, run = FAILED if row.pk in failed else DONE, row.run
    target = run.target_name or ""
    return Event(run.ended_at, OPERATION, row.pk, run.course.key, target, row.operation, detail, state)


def _attempt(row: Attempt) -> Event:
    state = FAILED if row.error_class or row.failed else DONE
    what = f"HTTP {row.status}" if row.status else row.error_class
    numbers = _("operations: {n}, refused: {refused}, {seconds} s")
    said = numbers.format(n=row.operations, refused=row.failed, seconds=number_format(row.seconds, 3))
    detail = " · ".join(filter(None, (said, row.error_class, row.error)))
    return Event(row.began_at, ATTEMPT, row.pk, row.lane.course.key, row.target.name, what, detail, state)


def _action(row: OperatorAction) -> Event:
    asked = ", ".join(f"{name}: {value}" for name, value in row.arguments.items() if value not in ("", None, [], {}))
    detail = " · ".join(filter(None, (row.note, asked)))
    return Event(row.at, ACTION, row.pk, row.course_key, row.target_name, row.action, detail, person=row.operator)


#: How the events of each kind are read.
SOURCES: Mapping[str, Source] = {RUN: _runs, OPERATION: _operations, ATTEMPT: _attempts, ACTION: _actions}
