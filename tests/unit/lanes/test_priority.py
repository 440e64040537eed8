"""Which runs are urgent."""

from __future__ import annotations

import pytest

from course_sync_plugin.data import Operation
from course_sync_plugin.diff.handlers import chain
from course_sync_plugin.lanes.priority import VISIBILITY_FIELDS, is_urgent


def operation(kind: str, **fields) -> Operation:
    previous = dict.fromkeys(fields) if kind == "update" else {}
    return Operation(kind, "unit", "block-v1:O+C+R+type@vertical+block@u", "vertical", fields=fields, previous=previous)


@pytest.mark.parametrize(
    ("operations", "urgent"),
    [
        ([], False),
        ([operation("create", visible_to_staff_only=True)], False),
        ([operation("update", display_name="new")], False),
        ([operation("move")], False),
        ([operation("delete")], True),
        ([operation("update", display_name="new", visible_to_staff_only=True)], True),
        ([operation("update", start=None)], True),
        ([operation("update", display_name="new"), operation("delete")], True),
    ],
)
def test_deletions_and_what_learners_see(operations, urgent):
    assert is_urgent(operations) is urgent


def test_each_of_the_fields_is_one():
    assert {name for handler in chain() for name in handler.fields} >= VISIBILITY_FIELDS
