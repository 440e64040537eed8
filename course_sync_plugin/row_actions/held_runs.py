"""The action on a run that is held because it would delete too much: approve it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.models import HeldRun
from course_sync_plugin.row_actions.action import Done, RowAction, first_of

#: The types of entities that hold others, the largest first: they say most about what would be lost.
_LARGEST = ("course", "section", "subsection", "unit")


def _about_approval(plan: api.HeldPlan) -> Iterator[str]:
    if plan.error:
        yield f"{plan.course_key}: {plan.error}"
        return
    text = ngettext(
        "{course}, version {version}: {n} of {of} entity would be deleted.",
        "{course}, version {version}: {n} of {of} entities would be deleted.",
        plan.of,
    )
    version = plan.published_version or _("none (deleted)")
    yield text.format(course=plan.course_key, version=version, n=len(plan.deletes), of=plan.of)
    entities = sorted(plan.entities, key=lambda one: _rank(one.entity_type))
    counted = Counter(one.entity_type for one in entities)
    yield ", ".join(f"{api.in_words(name)}: {n}" for name, n in counted.items())
    yield from first_of([_told(one) for one in entities])
    yield _("If this is wrong, do not approve it. Publish the course as it should be: that publish replaces this one.")


def _rank(entity_type: str) -> int:
    return _LARGEST.index(entity_type) if entity_type in _LARGEST else len(_LARGEST)


def _told(entity: api.DeletedEntity) -> str:
    name = api.in_words(entity.entity_type)
    return f"{name} “{entity.title}” ({entity.entity_id})" if entity.title else f"{name} {entity.entity_id}"


def _approve(_held: HeldRun, plan: api.HeldPlan) -> Done:
    if api.is_stopped():
        return Done(_("The switch course_sync.stopped is on: nothing is synced or delivered."), failed=True)
    (approved,) = api.approve([plan.token], plan.course_key)
    if approved.result is None:
        return Done(approved.error, failed=True)
    done = approved.result.outcome in (api.Outcome.RECORDED, api.Outcome.UNCHANGED)
    texts = (f"{plan.course_key}:", api.in_words(approved.result.outcome.value), approved.result.error)
    return Done(" ".join(filter(None, texts)), failed=not done)


APPROVE = RowAction(
    name="approve",
    label=gettext_lazy("Approve"),
    plans=lambda held: api.held_plans(held.course.key),
    describe=_about_approval,
    carry_out=_approve,
)
