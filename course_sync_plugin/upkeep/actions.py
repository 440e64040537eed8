"""Lists what operators did, the newest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import attrs

from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.models import OperatorAction


@attrs.frozen
class Action:
    """One thing that an operator did. The texts are as :mod:`course_sync_plugin.upkeep.audit` has stored them."""

    id: int
    at: datetime
    operator: str
    action: str
    target: str
    course_key: str
    arguments: Mapping[str, Any]
    note: str
    changed: Mapping[str, Any]


def actions(
    target: str = "",
    course: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> list[Action]:
    """Return the actions that concern exactly this target and this course (empty: all), the newest first.

    ``since``, ``until``: times with a time zone; an action at ``until`` is not returned. ``limit``: the most actions
    that are returned. The target may be removed by now. Raises ConfigurationError for a wrong course key.
    """
    return list(islice(_actions(target, parse_course_id(course) if course else "", since, until), limit))


def _actions(target: str, course: str, since: datetime | None, until: datetime | None) -> Iterator[Action]:
    rows = OperatorAction.objects.order_by("-at", "-pk")
    rows = rows.filter(at__gte=since) if since else rows
    rows = rows.filter(at__lt=until) if until else rows
    rows = rows.filter(target_name=target) if target else rows
    rows = rows.filter(course_key=course) if course else rows
    for row in rows.iterator():
        # MariaDB and MySQL compare without regard to case, so the names are compared once more.
        if (not target or row.target_name == target) and (not course or row.course_key == course):
            yield _action(row)


def _action(row: OperatorAction) -> Action:
    return Action(
        row.pk, row.at, row.operator, row.action, row.target_name, row.course_key, row.arguments, row.note, row.changed
    )
