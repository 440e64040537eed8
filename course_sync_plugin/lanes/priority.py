"""The order of lanes that are due, and which operations of a run are urgent.

It is an order among lanes that are due now, and a target gets one lane in turn. So nothing waits for a lane that waits.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Case, IntegerField, Q, Value, When

from course_sync_plugin.data import Operation

#: The fields that decide what learners see. After a change of one of them, learners may see too much or too little.
VISIBILITY_FIELDS = frozenset(
    {"start", "visible_to_staff_only", "hide_from_toc", "group_access", "hide_after_due", "catalog_visibility"}
)

#: The ranks of lanes that are due, the first to be delivered first.
RAISED, URGENT, PUBLISHED, FIRST_FILL = range(4)


def rank() -> Case:
    """Return the rank of a lane as SQL.

    Lanes that an operator has raised come first. A lane whose target does not have the course yet comes last, whatever
    it has to send: a backfill or a new target makes thousands of them due at once, and no learner sees them there.
    """
    return Case(
        When(raised=True, then=Value(RAISED)),
        When(delivered_version="", then=Value(FIRST_FILL)),
        When(Q(urgent=True), then=Value(URGENT)),
        default=Value(PUBLISHED),
        output_field=IntegerField(),
    )


def is_urgent(operations: Iterable[Operation]) -> bool:
    """Tell whether learners see the result of a run at once: it deletes something, or changes what is visible."""
    return any(
        operation.operation == "delete"
        or (operation.operation == "update" and not VISIBILITY_FIELDS.isdisjoint(operation.fields))
        for operation in operations
    )
