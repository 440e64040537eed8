"""A batch has the operations of one run that fit, but not a deletion together with a move out of its entity."""

from __future__ import annotations

import pytest

from course_sync_plugin.data import Operation
from course_sync_plugin.lanes.batches import Row, _fitting


def rows(*operations: tuple[str, ...], run: int = 1) -> list[Row]:
    """Return the rows of a run. An operation is its kind and entity, and for a move also the old and the new parent."""
    made = []
    for at, (kind, entity, *parents) in enumerate(operations, 1):
        previous = {"parent_id": parents[0], "index": 0} if parents else {}
        operation = Operation(kind, "unit", entity, "vertical", parents[1] if parents else None, previous=previous)
        made.append(Row(at, at, run, operation, "x" * 99))
    return made


def fitting(all_rows: list[Row], room: int = 10**6) -> list[str]:
    return [row.operation.entity_id for row in _fitting(all_rows, room)]


@pytest.mark.parametrize(
    ("operations", "together"),
    [
        ([("move", "a", "old", "new"), ("delete", "old")], ["a"]),
        ([("move", "a", "old", "new"), ("delete", "b"), ("delete", "old"), ("delete", "c")], ["a", "b"]),
        ([("move", "a", "x", "old"), ("move", "b", "old", "y"), ("update", "c"), ("delete", "old")], ["a", "b", "c"]),
        ([("move", "a", "old", "new"), ("delete", "new"), ("delete", "a")], ["a", "new", "a"]),
        ([("move", "a", "old", "new"), ("delete", "OLD")], ["a", "OLD"]),
        ([("update", "old"), ("delete", "old")], ["old", "old"]),
        ([("move", "a", "old", "old"), ("update", "old"), ("create", "old")], ["a", "old", "old"]),
        ([("delete", "old"), ("move", "a", "old", "new")], ["old", "a"]),
    ],
)
def test_a_deletion_waits_for_the_answer_to_the_move_out_of_it(operations, together):
    assert fitting(rows(*operations)) == together


def test_only_one_run_goes_into_an_envelope():
    assert fitting(rows(("update", "a"), ("update", "b")) + rows(("update", "c"), run=2)) == ["a", "b"]


@pytest.mark.parametrize(("room", "count"), [(0, 1), (99, 1), (100, 1), (199, 1), (200, 2), (299, 2), (300, 3)])
def test_each_takes_its_bytes_and_a_comma_and_one_always_fits(room, count):
    assert len(fitting(rows(("update", "a"), ("update", "b"), ("update", "c")), room)) == count
