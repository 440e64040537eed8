"""Compares what a receiver holds with the recorded courses, and records repairs for its lanes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin.data import HeldCourse, HeldEntity, Operation, Structure
from course_sync_plugin.diff.handlers import handler_for
from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.keys import block_type_of
from course_sync_plugin.lanes.open_target import open_target
from course_sync_plugin.lanes.receiver_repairs import Difference, compare, corrections, wanted_part
from course_sync_plugin.lanes.snapshot import idle_lanes, record_repairs
from course_sync_plugin.models import Course, Exclusion, Lane
from course_sync_plugin.targets.base import Target
from course_sync_plugin.upkeep.check.finding import Finding, Scope, Severity

#: For each kind of difference the sentence that says what it is, and the one that says what a repair does.
DIFFERENCES: Mapping[str, tuple[str | Promise, str | Promise]] = {
    "missing": (gettext_lazy("The receiver does not hold the entity."), gettext_lazy("It is created there.")),
    "different": (
        gettext_lazy("The receiver holds the entity with other fields or another type."),
        gettext_lazy("It is created there anew, with exactly the recorded fields. Its children stay."),
    ),
    "misplaced": (
        gettext_lazy("The receiver holds the entity below another parent, or in another order."),
        gettext_lazy("It is moved to its place."),
    ),
    "extra": (
        gettext_lazy("The receiver holds an entity that the course does not have."),
        gettext_lazy("It is deleted there."),
    ),
}

_FOREIGN = gettext_lazy("report only: its id is not that of an entity that this lane may delete")


@attrs.frozen
class LaneDifference:
    """The result for one lane. ``note``: why it could not be compared; empty if it was.

    ``lane``, ``last_position``: the lane, and the end of the journal of its course, when it was compared.
    ``operations``: the repair.
    """

    lane: Lane
    last_position: int = 0
    findings: tuple[Finding, ...] = ()
    operations: tuple[Operation, ...] = ()
    note: str = ""

    def record(self) -> bool:
        """Record the repair for this lane alone. Returns False if the lane has moved on since; then do nothing."""
        return record_repairs(self.lane, self.operations, self.last_position)


def compare_receiver(scope: Scope) -> Iterator[LaneDifference]:
    """Compare each lane of the target of ``scope`` with what its receiver holds; one request for each page of a course.

    Raises ConfigurationError if the receiver does not offer digests, or if the target cannot be opened.
    """
    if scope.target is None:
        raise ValueError("a receiver is needed")
    rows = Lane.objects.filter(scope.of_lanes()).select_related("course", "target").order_by("pk")
    excluded = _excluded(scope)
    with open_target(scope.target) as target:
        for lane in scope.progress(list(rows), "course"):
            yield _compare_lane(target, lane, excluded.get(lane.course_id, set()))


def _excluded(scope: Scope) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    rows = Exclusion.objects.filter(target=scope.target).values_list("course_id", "entity_id")
    for course_id, entity_id in rows:
        found.setdefault(course_id, set()).add(entity_id)
    return found


def _compare_lane(target: Target, lane: Lane, excluded: set[str]) -> LaneDifference:
    if not idle_lanes().filter(pk=lane.pk).exists():
        return LaneDifference(lane, note=_("it is not compared now: operations or problems of the lane are open"))
    last_position = Course.objects.values_list("last_position", flat=True).get(pk=lane.course_id)
    try:
        held = target.digests(lane.course.key)
    except CourseSyncError as error:
        return LaneDifference(lane, note=error.message)
    if held is None:
        text = _("Target '{name}' does not offer digests, so what it holds cannot be checked.")
        raise ConfigurationError(text.format(name=lane.target.name))
    if held.sequence != lane.answered_sequence:
        return LaneDifference(lane, note=_behind(held, lane))
    structure = stored_structure(lane.course)
    same = idle_lanes().filter(pk=lane.pk, cursor=lane.cursor, sequence=lane.sequence).exists()
    now = Course.objects.values_list("last_position", flat=True).get(pk=lane.course_id)
    if not same or now != last_position:
        return LaneDifference(lane, note=_("it is not compared now: something is still on its way"))
    return _difference(lane, last_position, structure, held.entities, excluded)


def _behind(held: HeldCourse, lane: Lane) -> str:
    text = _(
        "it is not compared now: the receiver has carried out message {held}, and has answered message {answered}. "
        "Something is still on its way there, or it was restored from a backup; then only a new snapshot helps"
    )
    return text.format(held=held.sequence, answered=lane.answered_sequence)


def _difference(
    lane: Lane, last_position: int, whole: Structure, held: Mapping[str, HeldEntity], excluded: set[str]
) -> LaneDifference:
    types = lane.target.entity_types
    wanted = wanted_part(whole, types, excluded)
    ours = {key: one for key, one in held.items() if key in wanted.entities or key not in whole.entities}
    difference = compare(wanted, ours)
    block_types = dict(_deletable(difference.extra, lane.course.key, types))
    operations = corrections(wanted, ours, difference, block_types)
    findings = tuple(_findings(lane, difference, block_types))
    return LaneDifference(lane, last_position, findings, tuple(operations))


def _deletable(extra: Sequence[str], course_key: str, types: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the extra entities that the lane may delete, each with its block type: entities of this course."""
    for entity_id in extra:
        block_type = block_type_of(entity_id, course_key)
        if block_type and (not types or handler_for(block_type).entity_type in types):
            yield entity_id, block_type


def _findings(lane: Lane, difference: Difference, block_types: Mapping[str, str]) -> Iterator[Finding]:
    for name, (what, repair) in DIFFERENCES.items():
        for entity_id in getattr(difference, name):
            is_foreign = name == "extra" and entity_id not in block_types
            sentence = str(_FOREIGN if is_foreign else repair)
            where = (lane.target.name, lane.course.key, entity_id, str(lane.pk))
            yield Finding(f"receiver-{name}", Severity.ERROR.value, *where, str(what), sentence)
