"""Defines what a check is, what it finds, and for which courses and targets it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from functools import cached_property
from typing import Any

import attrs
from django.db.models import Q
from django.utils.functional import Promise

from course_sync_plugin.models import Course, Target

#: The repair sentence of a check that mends nothing.
REPORT_ONLY = "report only"


class Severity(str, Enum):
    """How bad a finding is.

    ``error``: changes are lost, are not delivered, or are wrong somewhere, until it is mended. ``warning``: something
    waits that should not wait. ``info``: it does no harm.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class MadeBy(str, Enum):
    """Who has likely made a difference to a linked system.

    ``here``: this plugin or its database, by a fault or a restored dump. ``there``: somebody who works there.
    """

    HERE = "here"
    THERE = "there"


@attrs.frozen
class Found:
    """One thing that a check found.

    ``key``: the primary key of the row, as text. ``target``, ``course``, ``entity``: what it concerns; empty if nothing
    of that kind. ``values``: what the sentence of the check names. ``seen``: the values that a repair compares with
    those in the database, so that it does nothing if they have changed.
    """

    key: str
    target: str = ""
    course: str = ""
    entity: str = ""
    values: dict[str, Any] = attrs.field(factory=dict)
    seen: tuple[Any, ...] = ()


@attrs.frozen
class Finding:
    """What operators see of one thing that was found. ``what`` and ``repair`` are sentences.

    ``made_by``: a value of :class:`MadeBy`; empty: that is not known.
    """

    kind: str
    severity: str
    target: str
    course_id: str
    entity_id: str
    key: str
    what: str
    repair: str
    made_by: str = ""


@attrs.frozen
class Check:
    """One kind of finding.

    ``find`` yields what is there of this kind; its queries are for sets of rows. ``mend`` repairs what was found and is
    still as it was seen, and returns the number of repairs; None: the finding is only reported.
    """

    kind: str
    severity: Severity
    what: str | Promise
    repair: str | Promise
    find: Callable[[Scope], Iterable[Found]]
    mend: Callable[[Sequence[Found]], int] | None = None

    def finding(self, found: Found) -> Finding:
        """Return what was found, with the sentences of this check."""
        return Finding(
            self.kind,
            self.severity.value,
            found.target,
            found.course,
            found.entity,
            found.key,
            str(self.what).format(**found.values),
            str(self.repair) if self.mend else REPORT_ONLY,
        )


@attrs.define(slots=False)
class Scope:
    """The courses and targets that a check looks at. ``course``, ``target``: only this one; None: all.

    ``progress`` wraps what is looked at one after the other, to show how far it is; its arguments are the items and
    their unit. ``notes``: sentences about what could not be checked, or was only counted; a check adds to them.
    ``unchecked``: the number of courses that could not be checked.
    """

    course: Course | None = None
    target: Target | None = None
    progress: Callable[[Sequence[Any], str], Iterator[Any]] = lambda items, unit: iter(items)
    notes: list[str] = attrs.field(factory=list)
    unchecked: int = 0

    def could_not_check(self, course_id: str, reason: str) -> None:
        """Note that a course could not be checked, and why."""
        self.notes.append(f"{course_id}: {reason}")
        self.unchecked += 1

    @cached_property
    def courses(self) -> dict[int, Course]:
        """The courses, by primary key. One query."""
        columns = ("key", "key_digest", "org", "published_version", "last_position")
        rows = Course.objects.only(*columns)
        return {row.pk: row for row in (rows.filter(pk=self.course.pk) if self.course else rows)}

    @cached_property
    def targets(self) -> dict[int, Target]:
        """The targets, by primary key, with their subscriptions."""
        rows = Target.objects.prefetch_related("subscriptions")
        return {row.pk: row for row in (rows.filter(pk=self.target.pk) if self.target else rows)}

    def of_lanes(self, prefix: str = "") -> Q:
        """Return the condition for rows of lanes, of targets that exist. ``prefix``: the way from them to the lane."""
        condition = Q((f"{prefix}course_id", self.course.pk)) if self.course else Q()
        return condition & Q((f"{prefix}target_id__in", list(self.targets)))

    def of_courses(self, column: str = "pk") -> Q:
        """Return the condition for rows of courses. ``column``: the one with the course's primary key."""
        return Q((column, self.course.pk)) if self.course else Q()

    def course_key(self, pk: int) -> str:
        """Return the id of a course; its number if there is no such course."""
        row = self.courses.get(pk)
        return row.key if row else f"#{pk}"

    def target_name(self, pk: int) -> str:
        """Return the name of a target; its number if there is no such target."""
        row = self.targets.get(pk)
        return row.name if row else f"#{pk}"


def one_by_one(mend: Callable[[Found], bool]) -> Callable[[Sequence[Found]], int]:
    """Return a function that repairs one after the other and counts the repairs."""
    return lambda found: sum(mend(one) for one in found)
