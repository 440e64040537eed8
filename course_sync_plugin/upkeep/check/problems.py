"""The check of open problems whose cause is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import attrs
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.lanes.due import nudge
from course_sync_plugin.models import (
    OPEN_STATES,
    UNDONE_STATES,
    DatabaseNow,
    Entity,
    JournalOperation,
    Lane,
    Problem,
    ProblemState,
    bulk,
    digest_of,
)
from course_sync_plugin.upkeep.check.finding import Check, Found, Scope, Severity

_UNWANTED = _("the target does not want entities of this type any more")
_SUPERSEDED = _("the receiver has carried out a later {operation} of the entity")
_GONE = _("the entity does not exist any more, and no operation on it is left")

_COLUMNS = (
    *("pk", "lane_id", "lane__target_id", "lane__course_id", "lane__cursor", "state", "operation__position"),
    *("operation__operation", "operation__entity_type", "operation__entity_id", "operation__operation_id"),
)


@attrs.frozen
class _Open:
    """An open problem with what is needed of its lane and its operation."""

    pk: int
    lane: int
    target: int
    course: int
    cursor: int | None
    state: str
    position: int
    operation: str
    entity_type: str
    entity_id: str
    operation_id: object


@attrs.frozen
class _Later:
    """An operation of the journal on an entity. ``lane``: the only lane that gets it; None: all lanes."""

    lane: int | None
    position: int
    operation: str


def _find(scope: Scope) -> Iterator[Found]:
    rows = Problem.objects.filter(scope.of_lanes("lane__"), state__in=OPEN_STATES).order_by("pk")
    by_course: dict[int, list[_Open]] = defaultdict(list)
    for values in rows.values_list(*_COLUMNS):
        by_course[values[3]].append(_Open(*values))
    for course, problems in by_course.items():
        yield from _find_in_course(scope, course, problems)


def _find_in_course(scope: Scope, course: int, problems: Sequence[_Open]) -> Iterator[Found]:
    existing = _existing(course, {one.entity_id for one in problems})
    later = _later(course, problems)
    own = _not_carried_out(problems)
    deletes = {(one.lane, one.entity_id) for one in problems if one.operation == "delete"}
    for one in problems:
        after = [row for row in later[one.entity_id] if row.lane in (None, one.lane) and row.position > one.position]
        cause = _cause(scope, one, [row for row in after if (one.lane, row.position) not in own])
        is_gone = one.operation != "delete" and one.entity_id not in existing and not after
        if cause is None and is_gone and (one.lane, one.entity_id) not in deletes:
            cause = str(_GONE)
        if cause:
            target, key = scope.target_name(one.target), scope.course_key(course)
            seen = (one.pk, one.lane, one.state)
            yield Found(str(one.operation_id), target, key, one.entity_id, {"cause": cause}, seen)


def _cause(scope: Scope, one: _Open, after: Sequence[_Later]) -> str | None:
    """Return why a problem has no cause any more, from its target and the operations that are no problem, or None."""
    target = scope.targets.get(one.target)
    if target and target.entity_types and one.entity_type not in target.entity_types:
        return str(_UNWANTED)
    done = [row for row in after if row.operation in ("create", "delete") and row.position <= (one.cursor or 0)]
    return str(_SUPERSEDED).format(operation=done[-1].operation) if done else None


def _not_carried_out(problems: Sequence[_Open]) -> set[tuple[int, int]]:
    """Return lane and position of the operations that these lanes did not carry out: open, excluded or skipped ones."""
    lanes = sorted({one.lane for one in problems})
    states = (*UNDONE_STATES, ProblemState.SKIPPED)
    found: set[tuple[int, int]] = set()
    for part in bulk.chunks(lanes):
        rows = Problem.objects.filter(lane__in=part, state__in=states)
        found.update(rows.values_list("lane_id", "operation__position"))
    return found


def _existing(course: int, entity_ids: set[str]) -> set[str]:
    """Return those of the entities that are recorded."""
    found: set[str] = set()
    for part in bulk.chunks([digest_of(one) for one in entity_ids]):
        found.update(Entity.objects.filter(course=course, id_digest__in=part).values_list("entity_id", flat=True))
    return found


def _later(course: int, problems: Sequence[_Open]) -> dict[str, list[_Later]]:
    """Return the operations on the entities of the problems, after the first of these, in the order of the journal.

    Ids are compared in Python, because MySQL ignores case.
    """
    wanted, lanes = {one.entity_id for one in problems}, {one.lane for one in problems}
    first = min(one.position for one in problems)
    visible = Q(lane=None) | Q(lane__in=lanes)
    rows = JournalOperation.objects.filter(visible, course=course, position__gt=first).order_by("position")
    found: dict[str, list[_Later]] = defaultdict(list)
    for entity_id, lane, position, kind in rows.values_list("entity_id", "lane_id", "position", "operation").iterator():
        if entity_id in wanted:
            found[entity_id].append(_Later(lane, position, kind))
    return found


def _close(found: Sequence[Found]) -> int:
    return sum(_close_one(*one.seen) for one in found)


@transaction.atomic
def _close_one(pk: int, lane_id: int, state: str) -> bool:
    """Close the problem. Update the lane first, as workers do; it then plans what was parked behind the problem."""
    nudge(Lane.objects.filter(pk=lane_id))
    rows = Problem.objects.filter(pk=pk, state=state)
    closed = bool(rows.update(state=ProblemState.RETRIED, closed_at=DatabaseNow()))
    if not closed:
        transaction.set_rollback(True)
    return closed


PROBLEM_CHECKS = (
    Check(
        "problem-without-cause", Severity.WARNING,
        _("The problem is still open, but {cause}."),
        _("The problem is closed. The lane is made due, and plans what was parked behind it."),
        _find, _close,
    ),
)  # fmt: skip
