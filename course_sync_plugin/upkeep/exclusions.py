"""Excludes entities from targets, and includes them again. An operator carries out exactly what was shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.data import Operation
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.keys import course_of_entity
from course_sync_plugin.lanes.batches import visible
from course_sync_plugin.lanes.excluded import Excluded, recorded_tree
from course_sync_plugin.lanes.problems import open_problems, to_retry
from course_sync_plugin.models import (
    DatabaseNow,
    Entity,
    Exclusion,
    JournalOperation,
    Lane,
    Problem,
    ProblemState,
    Target,
    bulk,
    digest_of,
)
from course_sync_plugin.sanitize.text import short_repr, single_line
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.courses import did_you_mean
from course_sync_plugin.upkeep.plan_tokens import no_longer_valid, token_of
from course_sync_plugin.upkeep.targets.change import get_lane, get_target


@attrs.frozen
class ExclusionPlan:
    """What excluding an entity from a target would do.

    ``title``: the display name of the entity. ``below``: the number of entities below it. ``pending``: the number of
    operations of all these that are not delivered and would wait. ``problems``: the number of their failed operations,
    which would count as excluded. ``token`` names the target, the entity and the entities below it.
    """

    target: str
    course_key: str
    entity_id: str
    entity_type: str
    title: str
    below: int
    pending: int
    problems: int
    token: str


@attrs.frozen
class InclusionPlan:
    """What including an entity again would do.

    ``operations``: the number of operations that were held back and are planned anew. ``still_excluded_by``: the
    excluded entity above this one, because of which it stays excluded. ``token`` names all of this.
    """

    target: str
    course_key: str
    entity_id: str
    operations: int
    still_excluded_by: str
    token: str


@attrs.frozen
class ExclusionChanged:
    """The result for a token. ``operations``: how many are held back, or planned anew. ``error``: why nothing is."""

    token: str
    operations: int = 0
    error: str = ""


def exclusion_plan(name: str, entity_id: str) -> ExclusionPlan:
    """Return what excluding an entity from a target would do.

    Raises UnknownName for an unknown target, course or entity, ConfigurationError for a wrong key, for the course
    itself, and for an entity that is excluded already.
    """
    target = get_target(name)
    lane, entity = _lane_and_entity(target, entity_id)
    if _exclusions(target, entity.entity_id):
        raise ConfigurationError(
            _("{entity} is excluded from {target} already.").format(entity=entity.entity_id, target=name)
        )
    excluded = recorded_tree(lane, {entity.entity_id}, lane.course.last_position)
    below = sorted(one for one in excluded.parents if one != entity.entity_id and excluded.covers(one))
    return ExclusionPlan(
        target=target.name,
        course_key=lane.course.key,
        entity_id=entity.entity_id,
        entity_type=entity.entity_type,
        title=str(entity.fields.get("display_name", "")),
        below=len(below),
        pending=_count_pending(lane, entity.entity_id, 1 + len(below)),
        problems=len(_failed_within(lane, excluded)),
        token=token_of("exclude", str(target.pk), target.name, entity.entity_id, *below),
    )


def inclusion_plan(name: str, entity_id: str) -> InclusionPlan:
    """Return what including an excluded entity again would do. Raises UnknownName if it is not excluded."""
    target = get_target(name)
    exclusion = _get_exclusion(target, entity_id)
    lanes = Lane.objects.filter(target=target, course=exclusion.course_id).select_related("course")
    lane = lanes.first()
    left = _ids(exclusion) - {exclusion.entity_id}
    planned = _to_include(lane, left) if lane else []
    above = _covering(lane, left, exclusion.entity_id) if lane else ""
    problems = [str(problem.pk) for problem in planned]
    return InclusionPlan(
        target=target.name,
        course_key=exclusion.course.key,
        entity_id=exclusion.entity_id,
        operations=len(planned),
        still_excluded_by=above,
        token=token_of("include", str(target.pk), str(exclusion.pk), exclusion.entity_id, above, *problems),
    )


def exclude_shown(name: str, entity_id: str, token: str) -> ExclusionChanged:
    """Exclude an entity if the plan still has this token. Raises the same errors as :func:`exclusion_plan`."""
    with transaction.atomic():
        _wake(_lanes(name, entity_id))
        plan = exclusion_plan(name, entity_id)
        if plan.token != token:
            transaction.set_rollback(True)
            return ExclusionChanged(token, error=no_longer_valid(token))
        exclude(name, entity_id)
    return ExclusionChanged(token, plan.pending + plan.problems)


def include_shown(name: str, entity_id: str, token: str) -> ExclusionChanged:
    """Include an entity again if the plan still has this token. Raises the same errors as :func:`inclusion_plan`."""
    with transaction.atomic():
        _wake(_lanes(name, entity_id))
        plan = inclusion_plan(name, entity_id)
        if plan.token != token:
            transaction.set_rollback(True)
            return ExclusionChanged(token, error=no_longer_valid(token))
        include(name, entity_id)
    return ExclusionChanged(token, plan.operations)


@transaction.atomic
def exclude(name: str, entity_id: str) -> None:
    """Exclude an entity, with everything below it, from a target. Raises the same errors as :func:`exclusion_plan`.

    From the next envelope on its operations are held back. What failed of it counts as excluded from now on.
    """
    target = get_target(name)
    lane, entity = _lane_and_entity(target, entity_id)
    _wake(Lane.objects.filter(pk=lane.pk))  # first, as workers do: a different order could deadlock
    digest, defaults = digest_of(entity.entity_id), {"entity_id": entity.entity_id, "created_at": DatabaseNow()}
    Exclusion.objects.get_or_create(target=target, course=lane.course, id_digest=digest, defaults=defaults)
    failed = _failed_within(lane, recorded_tree(lane, {entity.entity_id}, lane.course.last_position))
    _set_excluded(lane, failed)
    asked, changed = {"entity": entity.entity_id}, {"failed_operations_excluded": len(failed)}
    record("exclude", target=target.name, course=lane.course.key, arguments=asked, changed=changed)


@transaction.atomic
def include(name: str, entity_id: str) -> None:
    """Include an entity again. Its operations are planned anew from the present course.

    Raises UnknownName if it is not excluded.
    """
    exclusion = _get_exclusion(get_target(name), entity_id)
    lane = Lane.objects.filter(target=exclusion.target_id, course=exclusion.course_id).select_related("course").first()
    if lane:
        _wake(Lane.objects.filter(pk=lane.pk))  # first, as workers do
    exclusion.delete()
    roots: list[int] = []
    if lane:
        roots = [problem.pk for problem in _excluded_roots(lane, _ids(exclusion))]
        for part in bulk.chunks(roots):
            lane.problems.filter(pk__in=part, state=ProblemState.EXCLUDED).update(state=ProblemState.RETRYING)
    asked, changed = {"entity": exclusion.entity_id}, {"operations": len(roots)}
    record("include", target=exclusion.target.name, course=exclusion.course.key, arguments=asked, changed=changed)


def _lane_and_entity(target: Target, entity_id: str) -> tuple[Lane, Entity]:
    lane = get_lane(target, course_of(entity_id))
    entity = Entity.objects.filter(course=lane.course_id, id_digest=digest_of(entity_id)).first()
    if entity is None:
        known = Entity.objects.filter(course=lane.course_id).values_list("entity_id", flat=True)
        text = _("The recorded course has no entity {entity}.").format(entity=entity_id)
        raise UnknownName(text + did_you_mean(entity_id, list(known)))
    return lane, entity


def course_of(entity_id: str) -> str:
    """Return the id of the course that an entity belongs to. Raises ConfigurationError for the course itself."""
    found = course_of_entity(entity_id)
    if found:
        return found
    try:
        CourseKey.from_string(entity_id)
    except InvalidKeyError:
        text = _("{entity} is not the usage key of an entity, such as block-v1:Org+Course+Run+type@vertical+block@id.")
        raise ConfigurationError(text.format(entity=short_repr(entity_id))) from None
    text = _("A whole course cannot be excluded. 'pause TARGET --course {course}' holds its operations back.")
    raise ConfigurationError(text.format(course=entity_id))


def _exclusions(target: Target, entity_id: str) -> list[Exclusion]:
    rows = Exclusion.objects.filter(target=target, id_digest=digest_of(entity_id))
    return list(rows.select_related("course"))


def _get_exclusion(target: Target, entity_id: str) -> Exclusion:
    found = _exclusions(target, entity_id)
    if not found:
        known = list(Exclusion.objects.filter(target=target).values_list("entity_id", flat=True))
        shown = single_line(entity_id, 300)
        text = _("{entity} is not excluded from {target}.").format(entity=shown, target=target.name)
        raise UnknownName(text + did_you_mean(entity_id, known))
    return found[0]


def _ids(exclusion: Exclusion) -> set[str]:
    """Return the ids of all entities of the same course that are excluded from the same target."""
    rows = Exclusion.objects.filter(target=exclusion.target_id, course=exclusion.course_id)
    return set(rows.values_list("entity_id", flat=True))


def _covering(lane: Lane, ids: set[str], entity_id: str) -> str:
    """Return the excluded entity above an entity, or an empty text."""
    tree = recorded_tree(lane, ids, lane.course.last_position)
    return next((one for one in tree.with_those_above(entity_id) if one in ids), "")


def _lanes(name: str, entity_id: str) -> QuerySet[Lane]:
    course = digest_of(course_of(entity_id))
    return Lane.objects.filter(target=get_target(name), course__key_digest=course)


def _wake(lanes: QuerySet[Lane]) -> None:
    """Have workers read the lanes again. A lane that waits for its next attempt goes on waiting."""
    lanes.update(nudged=True, due_at=Coalesce("due_at", DatabaseNow()))


def _count_pending(lane: Lane, entity_id: str, entities: int) -> int:
    """Count the operations after the lane's cursor that concern an entity and those below it.

    ``entities``: how many these are. A lane without a baseline gets a snapshot: an operation for each entity.
    """
    if lane.cursor is None:
        return entities
    excluded = recorded_tree(lane, {entity_id}, lane.cursor)
    return sum(map(excluded.holds, _learned(excluded, lane, lane.cursor)))


def _learned(excluded: Excluded, lane: Lane, cursor: int) -> Iterator[Operation]:
    rows = JournalOperation.objects.filter(visible(lane), position__gt=cursor).defer("fields").order_by("position")
    for row in rows.iterator(chunk_size=2000):
        operation = row.as_operation()
        excluded.learn(operation)
        yield operation


def _failed_within(lane: Lane, excluded: Excluded) -> list[Problem]:
    failed = lane.problems.filter(state=ProblemState.FAILED).select_related("operation")
    return [problem for problem in failed if excluded.holds(problem.operation.as_operation())]


def _set_excluded(lane: Lane, failed: Sequence[Problem]) -> None:
    """Make failed problems excluded, with all that wait behind them."""
    chosen = {problem.pk for problem in failed}
    problems = open_problems(lane) if chosen else []
    while more := {problem.pk for problem in problems if problem.behind_id in chosen} - chosen:
        chosen |= more
    for before, after in (
        (ProblemState.FAILED, ProblemState.EXCLUDED),
        (ProblemState.PARKED, ProblemState.EXCLUDED),
        (ProblemState.MISPLACED, ProblemState.BESIDE_EXCLUDED),
    ):
        for part in bulk.chunks(sorted(chosen)):
            lane.problems.filter(pk__in=part, state=before).update(state=after)


def _excluded_roots(lane: Lane, left: set[str]) -> list[Problem]:
    """Return the excluded problems that do not wait behind another one, and that ``left`` does not exclude."""
    tree = recorded_tree(lane, left, lane.course.last_position)
    roots = lane.problems.filter(state=ProblemState.EXCLUDED, behind=None).select_related("operation")
    return [problem for problem in roots if not tree.covers(problem.operation.entity_id)]


def _to_include(lane: Lane, left: set[str]) -> list[Problem]:
    """Return the problems that are planned anew if only ``left`` is excluded."""
    roots = {problem.pk for problem in _excluded_roots(lane, left)}
    problems = open_problems(lane)
    for problem in problems:
        if problem.pk in roots:
            problem.state = ProblemState.RETRYING  # in memory only
    return to_retry(problems)
