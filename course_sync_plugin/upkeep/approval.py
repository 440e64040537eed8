"""Approves held runs. An approval is valid only for the version and the set of deleted ids that were shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import attrs
from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.data import Operation
from course_sync_plugin.exceptions import CourseSyncError, UnknownName
from course_sync_plugin.models import HeldRun, OperatorAction, digest_of
from course_sync_plugin.structure.sources import get_source
from course_sync_plugin.sync.course import CourseSync, Outcome, SyncResult, sync_course
from course_sync_plugin.sync.mass_deletion import deleted_ids, set_digest
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.plan_tokens import by_token, no_longer_valid, token_of


@attrs.frozen
class DeletedEntity:
    """An entity that would be deleted. ``title``: empty if it has none."""

    entity_type: str
    entity_id: str
    title: str


@attrs.frozen
class HeldPlan:
    """The result that approving a held run would have now.

    ``published_version``: the version that is published now. ``deletes``: the ids of the entities that would be
    deleted, ``of`` how many. ``token`` names the course, this version and these ids. ``error`` says why the course
    cannot be read; then there is no token. ``entities``: the same entities, parents before their children.
    """

    course_key: str
    published_version: str
    deletes: tuple[str, ...]
    of: int
    error: str = ""
    token: str = ""
    entities: tuple[DeletedEntity, ...] = ()


@attrs.frozen
class Approved:
    """The result for one token. ``result`` is None if the token matches no held run; ``error`` then says so."""

    token: str
    result: SyncResult | None
    error: str = ""


def held_plans(course_key: str = "") -> list[HeldPlan]:
    """Return the held runs of one course or of all, as they would be carried out now.

    Raises UnknownName if no run of the course is held.
    """
    return [_plan(held) for held in _held(course_key)]


def approve(tokens: Iterable[str], course_key: str = "") -> list[Approved]:
    """Plan the held runs again; approve and record those that equal what was shown with these tokens.

    With ``course_key`` only that course is planned. If the course is published again meanwhile, the new run is held
    and not approved. Raises UnknownName if no run of that course is held.
    """
    plans = held_plans(course_key)
    return [
        Approved(token, _carry_out(plan)) if plan else Approved(token, None, _not_found(token, plans))
        for token, plan in by_token(plans, tokens).items()
    ]


def _held(course_key: str) -> list[HeldRun]:
    held = HeldRun.objects.select_related("course").order_by("since")
    if course_key:
        held = held.filter(course__key_digest=digest_of(course_key))
        if not held:
            raise UnknownName(_("No run of {course} is held.").format(course=course_key))
    return list(held)


def _plan(held: HeldRun) -> HeldPlan:
    course_key = held.course.key
    try:
        result = CourseSync(course_key, get_source()).plan()
    except CourseSyncError as error:
        return HeldPlan(course_key, held.published_version, (), held.of, error.message)
    version, deletes = result.published_version, tuple(deleted_ids(result.operations))
    token = token_of(course_key, version, set_digest(deletes))
    return HeldPlan(course_key, version, deletes, held.of, token=token, entities=tuple(_deleted(result.operations)))


def _deleted(operations: Sequence[Operation]) -> Iterator[DeletedEntity]:
    """Yield what the operations delete. They delete children first."""
    for one in reversed(operations):
        if one.operation == "delete":
            title = one.previous.get("display_name")
            yield DeletedEntity(one.entity_type, one.entity_id, title if isinstance(title, str) else "")


def _carry_out(plan: HeldPlan) -> SyncResult:
    """Store the approval, then sync. The sync records the run if it equals the approved plan, otherwise holds it again.

    If the sync does not record the run now, withdraw the approval and its record: otherwise the deletion would happen
    at a later time, when the operator does not expect it.
    """
    held = HeldRun.objects.filter(course__key_digest=digest_of(plan.course_key))
    with transaction.atomic():
        held.update(
            published_version=plan.published_version,
            deletes=len(plan.deletes),
            set_digest=set_digest(plan.deletes),
            approved=True,
        )
        action = _note(plan)
    result = sync_course(plan.course_key)
    if result.outcome not in (Outcome.RECORDED, Outcome.UNCHANGED):
        with transaction.atomic():
            if held.update(approved=False):  # else another process has recorded the approved run meanwhile
                action.delete()
    return result


def _note(plan: HeldPlan) -> OperatorAction:
    changed = {"deletes": len(plan.deletes), "of": plan.of, "entities": plan.deletes}
    arguments = {"token": plan.token, "published_version": plan.published_version}
    return record("approve", course=plan.course_key, arguments=arguments, changed=changed)


def _not_found(token: str, plans: Sequence[HeldPlan]) -> str:
    unread = [f"{plan.course_key}: {plan.error}" for plan in plans if plan.error]
    return " ".join([no_longer_valid(token), *unread])
