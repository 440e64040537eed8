"""Approving a held run: exactly what was shown, one version and one set of ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import CourseSyncError, UnknownName
from course_sync_plugin.held import deleted_ids, set_digest
from course_sync_plugin.models import HeldRun, digest_of
from course_sync_plugin.sources import get_source
from course_sync_plugin.sync import CourseSync, Outcome, SyncResult, sync_course
from course_sync_plugin.upkeep.tokens import by_token, token_of


@attrs.frozen
class HeldPlan:
    """What approving a held run would delete now, by entity id.

    ``published_version`` is the one that is published now. ``token`` stands for the course, that version and these
    ids. ``error`` says why the course cannot be read; then there is no token.
    """

    course_key: str
    published_version: str
    deletes: tuple[str, ...]
    of: int
    error: str = ""
    token: str = ""


@attrs.frozen
class Approved:
    """What came of a token. ``result`` is None where no held run is what was shown with it; ``error`` then says so."""

    token: str
    result: SyncResult | None
    error: str = ""


def held_plans(course_key: str = "") -> list[HeldPlan]:
    """Return what is held, of one course or of all, as it would be carried out now. Raises UnknownName."""
    return [_plan(held) for held in _held(course_key)]


def approve(tokens: Iterable[str], course_key: str = "") -> list[Approved]:
    """Approve and record the held runs that are, planned anew, exactly what was shown with these tokens.

    With ``course_key`` only that course is looked at. What is published in between is held anew, unapproved. Raises
    UnknownName where nothing of that course is held.
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
            raise UnknownName(_("Nothing of {course} is held.").format(course=course_key))
    return list(held)


def _plan(held: HeldRun) -> HeldPlan:
    course_key = held.course.key
    try:
        result = CourseSync(course_key, get_source()).plan()
    except CourseSyncError as error:
        return HeldPlan(course_key, held.published_version, (), held.of, error.message)
    version, deletes = result.published_version, tuple(deleted_ids(result.operations))
    token = token_of(course_key, version, set_digest(deletes))
    return HeldPlan(course_key, version, deletes, held.of, token=token)


def _carry_out(plan: HeldPlan) -> SyncResult:
    """Write down what is approved, then sync: what is read then is recorded if it is that, else held anew.

    Where it cannot be recorded now, nothing stays approved: it would be carried out later, when nobody expects it.
    """
    held = HeldRun.objects.filter(course__key_digest=digest_of(plan.course_key))
    held.update(
        published_version=plan.published_version,
        deletes=len(plan.deletes),
        set_digest=set_digest(plan.deletes),
        approved=True,
    )
    result = sync_course(plan.course_key)
    if result.outcome not in (Outcome.RECORDED, Outcome.UNCHANGED):
        held.update(approved=False)
    return result


def _not_found(token: str, plans: Sequence[HeldPlan]) -> str:
    unread = [f"{plan.course_key}: {plan.error}" for plan in plans if plan.error]
    said = _("Nothing that is held is what was shown with {token}: it changed since, or was carried out. Look again.")
    return " ".join([said.format(token=token), *unread])
