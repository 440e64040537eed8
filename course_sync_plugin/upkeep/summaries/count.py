"""Counts the attempts and operations of one day (UTC), by target and entity type."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

import attrs
from django.db.models import Count

from course_sync_plugin.models import Attempt, DailySummary, JournalOperation, Lane, Problem, Target, bulk
from course_sync_plugin.upkeep.summaries.durations import Durations

#: The classes of ``exceptions.py`` that mean that the target gave no answer. Each other error is a refusal.
UNANSWERED = {"TransientError", "RateLimited"}

#: The attempts of this many hours are read at once.
_HOURS = 1


@attrs.define
class Operations:
    """Operations of one entity type by kind: how many were recorded for a target, and how many it refused."""

    recorded: Counter[str] = attrs.field(factory=Counter)
    refused: Counter[str] = attrs.field(factory=Counter)

    def kinds(self) -> dict[str, list[int]]:
        """Return both numbers by kind, as they are stored."""
        kinds = sorted(self.recorded.keys() | self.refused.keys())
        return {kind: [self.recorded[kind], self.refused[kind]] for kind in kinds}


def summaries_of(day: date) -> list[DailySummary]:
    """Return the unsaved summaries of a day, from the rows that are there now.

    A target that was removed since then has none: its attempts went with it.
    """
    targets = {target.pk: target for target in Target.objects.order_by("pk")}
    begin = datetime.combine(day, time(), UTC)
    rows = [_of_requests(day, target, begin) for target in targets.values()]
    by_type = _operations(begin, targets.values())
    rows += [
        DailySummary(
            day=day,
            target_name=targets[target_id].name,
            entity_type=entity_type,
            operations=found.recorded.total(),
            failed=found.refused.total(),
            kinds=found.kinds(),
        )
        for (target_id, entity_type), found in sorted(by_type.items())
        if target_id in targets
    ]
    return [row for row in rows if row.attempts or row.operations or row.failed]


def add_requests(row: DailySummary, attempts: Sequence[tuple[float, int, int, str]]) -> None:
    """Count attempts in an unsaved summary. Of each: seconds, operations, refused operations, class of the error."""
    for _seconds, operations, failed, error_class in attempts:
        _add(row, operations, failed, error_class)
    durations = Durations.from_json(row.durations) + Durations.of(seconds for seconds, *_rest in attempts)
    row.durations = durations.as_json()


def _of_requests(day: date, target: Target, begin: datetime) -> DailySummary:
    row = DailySummary(day=day, target_name=target.name)
    rows = Attempt.objects.filter(target=target, began_at__gte=begin, began_at__lt=begin + timedelta(days=1))
    for hours in range(0, 24, _HOURS) if rows.exists() else ():
        add_requests(row, _attempts(target, begin + timedelta(hours=hours)))
    return row


def _attempts(target: Target, begin: datetime) -> list[tuple[float, int, int, str]]:
    rows = Attempt.objects.filter(target=target, began_at__gte=begin, began_at__lt=begin + timedelta(hours=_HOURS))
    return list(rows.order_by().values_list("seconds", "operations", "failed", "error_class"))


def _add(row: DailySummary, operations: int, failed: int, error_class: str) -> None:
    row.attempts += 1
    if not error_class:
        row.answered += 1
        row.operations += operations
        row.failed += failed
    elif error_class in UNANSWERED:
        row.unanswered += 1
    else:
        row.refused += 1


def _operations(begin: datetime, targets: Iterable[Target]) -> dict[tuple[int, str], Operations]:
    """Return the operations of a day by target id and entity type."""
    end = begin + timedelta(days=1)
    found: dict[tuple[int, str], Operations] = defaultdict(Operations)
    wanted = {target.pk: target.entity_types for target in targets}
    recorded = JournalOperation.objects.filter(run__ended_at__gte=begin, run__ended_at__lt=end).order_by()
    columns = ("course_id", "lane_id", "entity_type", "operation")
    counted = list(recorded.values_list(*columns).annotate(Count("pk")))
    lanes = _lanes({course_id for course_id, *_rest in counted}, end)
    for course_id, lane_id, entity_type, kind, number in counted:
        for own_id, target_id in lanes[course_id]:
            types = wanted.get(target_id, [])
            if lane_id in (None, own_id) and (not types or entity_type in types):
                found[target_id, entity_type].recorded[kind] += number
    refused = Problem.objects.filter(since__gte=begin, since__lt=end).exclude(reason="").order_by()
    by_target = refused.values_list("lane__target_id", "operation__entity_type", "operation__operation")
    for target_id, entity_type, kind, number in by_target.annotate(Count("pk")):
        found[target_id, entity_type].refused[kind] += number
    return found


def _lanes(courses: set[int], end: datetime) -> dict[int, list[tuple[int, int]]]:
    """Return the lanes that these courses had at ``end`` (key and key of the target), by course."""
    found = defaultdict(list)
    for course_id, created_at, lane_id, target_id in _rows_of_lanes(sorted(courses)):
        if created_at is None or created_at < end:
            found[course_id].append((lane_id, target_id))
    return found


def _rows_of_lanes(courses: Sequence[int]) -> Iterator[tuple[int, datetime | None, int, int]]:
    for keys in bulk.chunks(courses):
        yield from Lane.objects.filter(course__in=keys).values_list("course_id", "created_at", "pk", "target_id")
