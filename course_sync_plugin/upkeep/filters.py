"""Filters that several commands share: they choose open problems and lanes."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

import attrs
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from course_sync_plugin.diff.handlers import entity_types
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.models import OPEN_STATES, Course, DatabaseNow, JournalOperation, Lane, Problem, digest_of
from course_sync_plugin.sanitize.limits import MOMENT
from course_sync_plugin.sanitize.text import short_repr
from course_sync_plugin.upkeep.courses import known_course
from course_sync_plugin.upkeep.targets.change import get_lane, get_target

#: The kinds of operations.
KINDS = ("create", "update", "move", "delete")


@attrs.frozen
class Filters:
    """What an operator typed to choose open problems or lanes. An empty value chooses all.

    ``target``: its name. ``course``: a course key. ``entity_type``: a registered type. ``operation``: one of ``KINDS``.
    ``since``, ``until``: times with a time zone; a problem that began at ``until`` is not chosen. ``id``: the id of an
    operation (a UUID). ``within``: the keys of the rows of the only courses that are shown (None: all of the site).
    ``cause``: the beginning of a cause's digest; only ``retry``, ``skip`` and the actions on causes regard it.
    """

    target: str = ""
    course: str = ""
    entity_type: str = ""
    operation: str = ""
    since: datetime | None = None
    until: datetime | None = None
    id: str = ""
    within: Collection[int] | None = None
    cause: str = ""

    def problems(self) -> QuerySet[Problem]:
        """Return the open problems that match.

        Raises ConfigurationError for a course key or an id of a wrong form, UnknownName for an unknown target, course,
        entity type, kind of operation or id.
        """
        return self.problems_of_any_state().filter(state__in=OPEN_STATES)

    def problems_of_any_state(self) -> QuerySet[Problem]:
        """Return the problems that match, open or closed. The errors are those of :meth:`problems`."""
        return self._problems().filter(self._lane_condition("lane__"))

    def lanes(self) -> QuerySet[Lane]:
        """Return the lanes that match. The errors are those of :meth:`problems`.

        ``target`` and ``course`` choose lanes. ``entity_type``, ``operation`` and ``id`` choose the lanes that have an
        open problem that matches. ``since`` and ``until`` without these also choose the lanes whose open envelope was
        first tried and not answered in that time.
        """
        lanes = Lane.objects.filter(self._lane_condition())
        if not (self._is_about_operations or self.since or self.until):
            return lanes
        # No join with the table of lanes in the subquery: MySQL cannot update a table that a subquery reads.
        matching = self._problems().filter(state__in=OPEN_STATES)
        chosen = Q(pk__in=matching.order_by().values("lane_id"))
        if not self._is_about_operations:
            chosen |= self._began("retrying_since")
        return lanes.filter(chosen)

    def as_dict(self) -> dict[str, str]:
        """Return the filters that choose something, as texts: what the record of an action keeps."""
        given = attrs.asdict(self, filter=lambda attribute, value: attribute.name != "within" and bool(value))
        return {name: str(value) for name, value in given.items()}

    @property
    def _is_about_operations(self) -> bool:
        return bool(self.entity_type or self.operation or self.id)

    def _lane_condition(self, prefix: str = "") -> Q:
        """Return the condition on the lane. ``prefix``: the way to the lane from the rows that are filtered."""
        condition = Q()
        if self.target:
            condition &= Q((f"{prefix}target", get_target(self.target)))
        if self.course:
            condition &= Q((f"{prefix}course", _course_row(self.course)))
        if self.within is not None:
            condition &= Q((f"{prefix}course__in", self.within))
        return condition

    def _problems(self) -> QuerySet[Problem]:
        """Return the problems that match the filters other than target and course."""
        problems = Problem.objects.filter(self._began("since"))
        if self.entity_type:
            entity_types.get(self.entity_type)
            problems = problems.filter(operation__entity_type=self.entity_type)
        if self.operation:
            problems = problems.filter(operation__operation=_kind(self.operation))
        return problems.filter(operation=_operation_key(self.id)) if self.id else problems

    def _began(self, column: str) -> Q:
        condition = Q((f"{column}__gte", self.since)) if self.since else Q()
        return condition & Q((f"{column}__lt", self.until)) if self.until else condition


def check_lane(chosen: Filters) -> None:
    """Raise UnknownName if a target and a course are chosen and the target has no lane of the course."""
    if chosen.target and chosen.course:
        get_lane(get_target(chosen.target), chosen.course)


def ago(seconds: float) -> datetime:
    """Return the time ``seconds`` seconds ago (0 to 366 days), by the database's clock."""
    lanes = Lane.objects.annotate(moment=DatabaseNow(-seconds)).order_by("pk").values_list("moment", flat=True)
    return lanes.first() or datetime.now(UTC) - timedelta(seconds=MOMENT.cut(seconds))


def _course_row(course: str) -> int | None:
    """Return the key of the row of a course, or None if the course is published and was never recorded."""
    key = parse_course_id(course)
    row = Course.objects.filter(key_digest=digest_of(key)).values_list("pk", flat=True).first()
    if row is None:
        known_course(key)
    return row


def _kind(name: str) -> str:
    if name not in KINDS:
        near = get_close_matches(name, KINDS, n=1)
        hint = _("Did you mean '{name}'?").format(name=near[0]) if near else ""
        text = _("There is no operation {name}; the kinds are {kinds}.")
        raise UnknownName(f"{text.format(name=short_repr(name), kinds=', '.join(KINDS))} {hint}".rstrip())
    return name


def _operation_key(text: str) -> int:
    """Return the key of the journal's row of an operation."""
    try:
        operation_id = uuid.UUID(text)
    except ValueError:
        raise ConfigurationError(_("{text} is not the id of an operation.").format(text=short_repr(text))) from None
    row = JournalOperation.objects.filter(operation_id=operation_id).values_list("pk", flat=True).first()
    if row is None:
        raise UnknownName(_("There is no operation {operation}.").format(operation=operation_id))
    return row
