"""Finds the operations and runs of the journals that are old and that no lane needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs

from course_sync_plugin.models import DatabaseNow, JournalOperation, Problem, Run, bulk
from course_sync_plugin.upkeep.prune.needs import Holder, Needs, Row, any_lane_needs
from course_sync_plugin.upkeep.prune.rules import Rules
from course_sync_plugin.upkeep.prune.tables import OPERATIONS, RUNS, Table


@attrs.define
class Kept:
    """Old rows of the journals that stay, and why.

    ``operations``: their number. ``lanes``: how many of them each lane has not passed, by target and course.
    ``problems``: how many belong to a problem. ``ends``: how many are the last of a course, or the last that a lane has
    passed. An operation that several lanes need counts for each of them.
    """

    operations: int = 0
    problems: int = 0
    ends: int = 0
    lanes: Counter[Holder] = attrs.field(factory=Counter)


def begin(run: Run) -> bool:
    """Mark an initial run, so that no lane begins with it any more. Tell whether it may be pruned then.

    A lane that has read the run before the mark was committed has no baseline yet, or is behind the end of the run, and
    is found here. Call this function outside a transaction.
    """
    Run.objects.filter(pk=run.pk, pruned_at=None).update(pruned_at=DatabaseNow())
    return not any_lane_needs(run)


class OldJournal:
    """The walk through the old part of all journals, by the keys of the runs. No row is locked.

    ``doomed``: the keys of problems that are pruned too. ``begin``: asked before an initial run loses operations that a
    lane could begin with. ``kept`` counts what stays.
    """

    def __init__(self, rules: Rules, doomed: set[int], begin: Callable[[Run], bool]):
        self.kept = Kept()
        self._rules = rules
        self._doomed = doomed
        self._begin = begin

    def batches(self) -> Iterator[tuple[Table, Sequence[int]]]:
        """Yield the keys of the rows to delete, in batches: the operations of some runs, and then the empty runs."""
        for runs in _groups(self._rules):
            yield from self._of_group(runs)

    def _of_group(self, runs: Sequence[Run]) -> Iterator[tuple[Table, Sequence[int]]]:
        needs = Needs.of(sorted({run.course_id for run in runs}))
        left: Counter[int] = Counter()
        rows = _rows(runs)
        for part in bulk.chunks(rows):
            chosen = self._unneeded(part, runs, needs)
            left.update(row.run_id for row in part)
            left.subtract(row.run_id for row in chosen)
            yield OPERATIONS, [row.pk for row in chosen]
        last_runs = {run for run, _kind in needs.last_runs.values()}
        yield RUNS, [run.pk for run in runs if not left[run.pk] and run.pk not in last_runs]

    def _unneeded(self, rows: Sequence[Row], runs: Iterable[Run], needs: Needs) -> list[Row]:
        ended = {run.pk: run.ended_at for run in runs}
        old = [row for row in rows if self._rules.is_old(row.entity_type, ended[row.run_id])]
        with_problem = self._with_problem([row.pk for row in old])
        chosen = [row for row in old if not self._is_kept(row, needs, with_problem)]
        first = [run for run in runs if needs.is_first_and_last(run) and any(row.run_id == run.pk for row in chosen)]
        refused = {run.pk for run in first if not self._begin(run)}
        self.kept.operations += sum(row.run_id in refused for row in chosen)
        return [row for row in chosen if row.run_id not in refused]

    def _is_kept(self, row: Row, needs: Needs, with_problem: set[int]) -> bool:
        holders = needs.holders(row)
        self.kept.lanes.update(holders)
        has_problem, is_end = row.pk in with_problem, needs.is_end(row)
        self.kept.problems += has_problem
        self.kept.ends += is_end
        is_kept = bool(holders) or has_problem or is_end
        self.kept.operations += is_kept
        return is_kept

    def _with_problem(self, keys: Sequence[int]) -> set[int]:
        """Return those of these operations that belong to a problem which stays."""
        problems = Problem.objects.filter(operation__in=keys).values_list("operation_id", "pk")
        return {operation for operation, pk in problems if pk not in self._doomed}


def _groups(rules: Rules) -> Iterator[list[Run]]:
    """Yield the old runs in groups that have about as many operations as a batch. A long run is a group of its own."""
    group: list[Run] = []
    size = 0
    for run in _old_runs(rules):
        if group and size + run.operations_count > bulk.ROWS:
            yield group
            group, size = [], 0
        group.append(run)
        size += run.operations_count
    if group:
        yield group


def _old_runs(rules: Rules) -> Iterator[Run]:
    old = Run.objects.filter(ended_at__lt=rules.runs).order_by("pk")
    runs = list(old[: bulk.ROWS])
    while runs:
        yield from runs
        runs = list(old.filter(pk__gt=runs[-1].pk)[: bulk.ROWS])


def _rows(runs: Sequence[Run]) -> list[Row]:
    """Return the operations of some runs in the order of their keys, without their fields. One query.

    They are sorted in Python: MariaDB would walk the whole table in the order of the keys.
    """
    columns = ("pk", "course_id", "run_id", "lane_id", "position", "entity_type")
    rows = JournalOperation.objects.filter(run__in=[run.pk for run in runs]).order_by().values_list(*columns)
    return sorted((Row(*values) for values in rows), key=lambda row: row.pk)
