"""Which slice of the journal a lane sends next."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence

import attrs
from django.conf import settings
from django.db.models import Q

from course_sync_plugin.data import Operation
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.problems import close_all, park
from course_sync_plugin.lanes.settle import change
from course_sync_plugin.models import JournalOperation, Lane, Run, RunKind

#: What is read of an operation. Plain values: making model instances of them cost half of a delivery. Nothing is
#: joined: MariaDB would begin with the runs and sort a whole journal for a hundred rows.
_COLUMNS = (
    *("pk", "position", "run_id", "operation_id"),
    *("operation", "entity_type", "entity_id", "block_type", "parent_id", "index", "after_id", "fields", "previous"),
)

#: Slices that are read at once.
SLICES = 5

#: ``json.dumps`` makes an encoder anew for every call that is not plain.
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
    def of(cls, values: Sequence[object]) -> Row:
        """Return the row of the values of ``_COLUMNS``."""
        *place, operation_id = values[:4]
        operation = Operation(*values[4:], id=str(operation_id))
        return cls(*place, operation, _encode(operation.as_dict()))


@attrs.frozen
class Slice:
    """Operations of one run that go out together.

    ``last`` is the position up to which the lane is done once it is answered; ``is_end`` says that nothing of the run
    comes behind it.
    """

    run: Run
    rows: tuple[Row, ...]
    last: int
    is_end: bool


class Reader:
    """Reads the journal behind a lane's cursor, some slices at once.

    What stands in a journal never changes, and it grows at its end alone: rows that were read before are those that
    would be read now, as long as there are enough of them.
    """

    def __init__(self, lane: Lane):
        self._lane = lane
        self._rows: list[Row] = []
        self._run: Run | None = None

    def rows(self) -> list[Row]:
        """Return what comes behind the cursor: one row more than a slice may have, to see whether its run goes on."""
        wanted = _size(self._lane) + 1
        start = bisect_right(self._rows, self._lane.cursor, key=lambda row: row.position)
        if not start or len(self._rows) - start < wanted:
            self._rows, start = self._read(wanted * SLICES), 0
        return self._rows[start : start + wanted]

    def run_of(self, row: Row) -> Run:
        """Return the run of a row."""
        if self._run is None or self._run.pk != row.run_id:
            self._run = Run.objects.get(pk=row.run_id)
        return self._run

    def _read(self, limit: int) -> list[Row]:
        rows = JournalOperation.objects.filter(visible(self._lane), position__gt=self._lane.cursor)
        if self._lane.target.entity_types:
            rows = rows.filter(entity_type__in=self._lane.target.entity_types)
        return [Row.of(values) for values in rows.order_by("position").values_list(*_COLUMNS)[:limit]]


def next_slice(lane: Lane, reader: Reader, blocked: Blocked, room: int) -> Slice | None:
    """Return the next slice of a lane; None at the end of its journal, or where the end of a run is to be told first.

    ``room`` is how many bytes its operations may have. Operations that wait behind a problem are parked on the way;
    runs that the target does not want are passed by. Moves ``lane.cursor``, in memory, over what needs no answer.
    """
    while rows := reader.rows():
        run = reader.run_of(rows[0])
        if _is_unwanted(lane, run):
            if lane.closing and not blocked:
                return None
            _pass_by(lane, run, blocked)
            continue
        fitting = list(_fitting(rows[: _size(lane)], room))
        last = fitting[-1].position
        going = tuple(_park_what_must_wait(lane, fitting, blocked))
        if going:
            is_end = not any(row.run_id == run.pk for row in rows[len(fitting) :])
            return Slice(run, going, last, is_end)
        lane.cursor = last
    lane.cursor = max(lane.cursor, lane.end)
    return None


def visible(lane: Lane) -> Q:
    """Return the condition for operations of a journal that are for a lane: those for all, and its own."""
    return Q(course=lane.course_id) & (Q(lane=None) | Q(lane=lane))


def _size(lane: Lane) -> int:
    return lane.isolate_size or settings.COURSE_SYNC_ENVELOPE_OPERATIONS


def _fitting(rows: Sequence[Row], room: int) -> Iterator[Row]:
    """The first rows that belong to one run and whose JSON fits into an envelope; one fits whatever its size.

    What moves out of an entity must be answered for before that one is deleted: were the move to fail, the
    deletion would take it along.
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
    """A target may keep what it has of a course that was deleted."""
    return run.kind == RunKind.DELETION and lane.target.options.get("on_course_deleted") == "keep"


def _pass_by(lane: Lane, run: Run, blocked: Blocked) -> None:
    """Leave a deletion out. If the course comes back, the lane begins anew: with all of it, nothing answered yet."""
    close_all(lane, blocked)
    last = run.operations.order_by("-position").values_list("position", flat=True)[0]
    change(lane, cursor=last, closing=False, answered_sequence=0)


def _park_what_must_wait(lane: Lane, rows: Sequence[Row], blocked: Blocked) -> Iterator[Row]:
    for row in rows:
        waits = row.pk in blocked.parked
        holder = blocked.holder_of(row.operation) if blocked and not waits else None
        if holder:
            park(lane, row.pk, row.operation, holder, blocked)
        if holder or waits:
            lane.closing = True
        else:
            yield row
