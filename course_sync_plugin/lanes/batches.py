"""Chooses the operations of the journal that a lane sends next."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
from django.conf import settings
from django.db.models import Q

from course_sync_plugin.data import Operation
from course_sync_plugin.lanes.apply_verdict import change
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.excluded import Excluded, follow
from course_sync_plugin.lanes.problems import close_all, exclude, include_moved, park
from course_sync_plugin.models import JournalOperation, Lane, Run, RunKind

#: The columns that are read of an operation, as plain values: model instances took half of the time of a delivery. No
#: join: MariaDB would begin with the runs and sort a whole journal to get a hundred rows.
_COLUMNS = (
    *("pk", "position", "run_id", "operation_id"),
    *("operation", "entity_type", "entity_id", "block_type", "parent_id", "index", "after_id", "fields", "previous"),
)

#: One query reads the operations of this many batches.
BATCHES_PER_READ = 5

#: One encoder for all calls: ``json.dumps`` with other than its default options makes a new encoder for each call.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@attrs.frozen(slots=True)
class Row:
    """An operation in the journal, and its JSON."""

    pk: int
    position: int
    run_id: int
    operation: Operation
    text: str

    @classmethod
    def of(cls, values: Sequence[Any]) -> Row:
        """Return the row made from the values of ``_COLUMNS``."""
        pk, position, run_id, operation_id, *columns = values
        operation = Operation(*[*columns, str(operation_id)])
        return cls(pk, position, run_id, operation, _encode(operation.as_dict()))


@attrs.frozen
class Batch:
    """Operations of one run that are sent together.

    ``last``: the position that the cursor moves to when the receiver has answered. ``is_end``: no operation of the run
    comes after this batch.
    """

    run: Run
    rows: tuple[Row, ...]
    last: int
    is_end: bool


class Reader:
    """Reads the journal after a lane's cursor, several batches in one query.

    An operation in the journal never changes, and the journal only grows at its end. So rows that were read earlier are
    still right, as long as there are enough of them.
    """

    def __init__(self, lane: Lane):
        self._lane = lane
        self._rows: list[Row] = []  # those after the position ``_after``
        self._after: int | None = None
        self._run: Run | None = None
        self.excluded = Excluded()

    def rows(self) -> list[Row]:
        """Return the rows after the cursor: one more than a batch may have, which shows whether its run goes on."""
        cursor = cursor_of(self._lane)
        if not self._has_batch_after(cursor):
            self._read_after(cursor)
        start = self._start(cursor)
        return self._rows[start : start + self._wanted]

    def read_ahead(self, position: int) -> None:
        """Read the rows of the next batch. ``position``: the last one of the batch that is being sent.

        This is done while the target works, so that its answer finds the next batch ready. The rows of the batch that
        is being sent are forgotten; they are read again if it has to be sent in parts. Near the end of the journal it
        reads nothing: there the rows are read after the answer, because the journal may have grown.
        """
        if position + self._wanted <= self._lane.end and not self._has_batch_after(position):
            self._read_after(position)

    def run_of(self, row: Row) -> Run:
        """Return the run of a row."""
        if self._run is None or self._run.pk != row.run_id:
            self._run = Run.objects.get(pk=row.run_id)
        return self._run

    def excluded_at(self, run: Run, position: int) -> Excluded:
        """Return what is excluded from the lane's target, for operations of a run up to this position.

        The creates and moves of a run come first, parents before their children. So the tree at the end of a batch
        serves for each of its operations.
        """
        if run.kind == RunKind.DELETION:
            return Excluded()
        follow(self.excluded, self._lane, position)
        return self.excluded

    @property
    def _wanted(self) -> int:
        return _size(self._lane) + 1

    def _has_batch_after(self, position: int) -> bool:
        if self._after is None or self._after > position:
            return False
        return len(self._rows) - self._start(position) >= self._wanted

    def _start(self, position: int) -> int:
        return bisect_right(self._rows, position, key=lambda row: row.position)

    def _read_after(self, position: int) -> None:
        rows = JournalOperation.objects.filter(visible(self._lane), position__gt=position)
        if self._lane.target.entity_types:
            rows = rows.filter(entity_type__in=self._lane.target.entity_types)
        values = rows.order_by("position").values_list(*_COLUMNS)[: self._wanted * BATCHES_PER_READ]
        self._rows, self._after = [Row.of(one) for one in values], position


def next_batch(lane: Lane, reader: Reader, blocked: Blocked, room: int) -> Batch | None:
    """Return the next batch of a lane.

    Returns None at the end of the journal, or if the receiver must first be told that a run is over. ``room``: the
    number of bytes that the operations may have. Operations that must wait behind a problem are parked, and those of
    excluded entities are held back; runs that the target does not want are skipped. ``lane.cursor`` moves, in memory
    only, over operations that need no answer.
    """
    while rows := reader.rows():
        run = reader.run_of(rows[0])
        if _is_unwanted(lane, run):
            if lane.closing and not blocked.has_trouble:
                return None
            _skip_deletion_run(lane, run, blocked)
            continue
        fitting = list(_fitting(rows[: _size(lane)], room))
        last = fitting[-1].position
        excluded = reader.excluded_at(run, last)
        include_moved(lane, blocked, excluded)
        going = tuple(_park_what_must_wait(lane, fitting, blocked, excluded))
        if going:
            is_end = not any(row.run_id == run.pk for row in rows[len(fitting) :])
            return Batch(run, going, last, is_end)
        lane.cursor = last
    lane.cursor = max(cursor_of(lane), lane.end)
    if blocked.excluded:  # a parent may have moved, of a type that the target does not want
        follow(reader.excluded, lane, lane.cursor)
        include_moved(lane, blocked, reader.excluded)
    return None


def cursor_of(lane: Lane) -> int:
    """Return the cursor of a lane that has a baseline. Raises ValueError if the lane has none."""
    if lane.cursor is None:
        raise ValueError(f"lane {lane} has no baseline")
    return lane.cursor


def visible(lane: Lane) -> Q:
    """Return the condition for the operations of a journal that a lane gets: those for all lanes, and its own."""
    return Q(course=lane.course_id) & (Q(lane=None) | Q(lane=lane))


def _size(lane: Lane) -> int:
    most: int = lane.target.options.get("envelope_operations") or settings.COURSE_SYNC_ENVELOPE_OPERATIONS
    return lane.isolate_size or most


def _fitting(rows: Sequence[Row], room: int) -> Iterator[Row]:
    """Yield the first rows that belong to one run and whose JSON fits into ``room`` bytes. At least one is yielded.

    A deletion is not sent together with a move out of the deleted entity: the receiver must have answered the move
    first. If the move failed, the deletion would also delete the entity that should have moved.
    """
    left: set[str] = set()
    for at, row in enumerate(rows):
        room -= len(row.text.encode()) + 1
        operation = row.operation
        if row.run_id != rows[0].run_id or (at and room < 0):
            return
        if operation.operation == "delete" and operation.entity_id in left:
            return
        if operation.operation == "move":
            left.add(operation.previous["parent_id"])
        yield row


def _is_unwanted(lane: Lane, run: Run) -> bool:
    """Tell whether the run deletes the course and the target keeps deleted courses (``on_course_deleted``)."""
    return run.kind == RunKind.DELETION and lane.target.options.get("on_course_deleted") == "keep"


def _skip_deletion_run(lane: Lane, run: Run, blocked: Blocked) -> None:
    """Skip the run that deletes the course. If the course comes back, the lane starts with a snapshot of it."""
    close_all(lane, blocked)
    last = run.operations.order_by("-position").values_list("position", flat=True)[0]
    change(lane, cursor=last, closing=False, answered_sequence=0)


def _park_what_must_wait(lane: Lane, rows: Sequence[Row], blocked: Blocked, excluded: Excluded) -> Iterator[Row]:
    for row in rows:
        waits = row.pk in blocked.parked or _wait(lane, row, blocked, excluded)
        if not waits:
            yield row
        elif blocked.has_trouble:
            lane.closing = True


def _wait(lane: Lane, row: Row, blocked: Blocked, excluded: Excluded) -> bool:
    """Make a problem of an operation that must wait, and tell whether it must."""
    if excluded.holds(row.operation):
        exclude(lane, row.pk, row.operation, blocked)
        excluded.keep(row.operation)
        return True
    holder = blocked.holder_of(row.operation) if blocked else None
    if holder:
        park(lane, row.pk, row.operation, holder, blocked)
    return bool(holder)
