"""The actions on a course and on an entity of it: sync now, and exclude from a target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.data import Operation
from course_sync_plugin.models import Course
from course_sync_plugin.row_actions.action import Done, RowAction


@attrs.frozen
class _SyncPlan:
    """What a sync would record now. ``token`` names the version and the operations; empty if there is nothing to do."""

    result: api.SyncResult
    targets: dict[str, int]
    token: str


def _sync_plans(course: Course) -> Sequence[_SyncPlan]:
    plan = api.plan_sync(course.key)
    operations = [f"{one.operation} {one.entity_id}" for one in plan.result.operations]
    token = api.token_of("sync", course.key, plan.result.published_version, *operations)
    does_something = plan.result.outcome in (api.Outcome.RECORDED, api.Outcome.HELD, api.Outcome.UNCHANGED)
    return [_SyncPlan(plan.result, plan.targets, token if does_something else "")]


def _about_sync(plan: _SyncPlan) -> Iterator[str]:
    result = plan.result
    if not plan.token:
        yield _("{course}: {outcome} {error}").format(
            course=result.course_key, outcome=api.in_words(result.outcome.value), error=result.error
        )
        return
    text = _("{course} would be read again: {found}.")
    yield text.format(course=result.course_key, found=_counts(result.operations) or _("nothing has changed"))
    if result.outcome is api.Outcome.HELD:
        yield _("It deletes so much that it would be held until it is approved.")
        return
    for name, n in plan.targets.items():
        text = ngettext("{target} would get {n} operation.", "{target} would get {n} operations.", n)
        yield text.format(target=name, n=n)


def _sync(course: Course, _plan: _SyncPlan) -> Done:
    result = api.sync_now(course.key, "sync", reread=True)
    done = result.outcome in (api.Outcome.RECORDED, api.Outcome.UNCHANGED, api.Outcome.HELD)
    texts = (f"{course.key}:", api.in_words(result.outcome.value), _counts(result.operations), result.error)
    return Done(" ".join(filter(None, texts)), failed=not done)


def _counts(operations: Sequence[Operation]) -> str:
    return ", ".join(
        f"{count} {api.in_words(name)}" for name, count in Counter(one.operation for one in operations).items()
    )


def _exclusion_plans(chosen: api.Filters) -> Sequence[api.ExclusionPlan]:
    return [api.exclusion_plan(chosen.target, chosen.id)]


def _about_exclusion(plan: api.ExclusionPlan) -> Iterator[str]:
    text = _("{type} {entity} “{title}” would be excluded from {target}: it gets no change of it until it is included.")
    yield text.format(type=api.in_words(plan.entity_type), entity=plan.entity_id, title=plan.title, target=plan.target)
    yield _("Entities below it, which are excluded too: {n}").format(n=plan.below)
    yield _("Operations that are not delivered, and would wait: {n}").format(n=plan.pending)
    yield _("Failed operations, which would count as excluded: {n}").format(n=plan.problems)


def _exclude(chosen: api.Filters, plan: api.ExclusionPlan) -> Done:
    done = api.exclude_shown(chosen.target, chosen.id, plan.token)
    told = _("{entity} is excluded from {target}.").format(entity=plan.entity_id, target=plan.target)
    return Done(done.error or told, failed=bool(done.error))


#: Reads a course and records what has changed, although no publish of it waits.
SYNC = RowAction("sync", gettext_lazy("Sync now"), _sync_plans, _about_sync, _sync)

#: Holds the operations of an entity back from a target. ``id`` of the filters is the id of the entity.
EXCLUDE = RowAction("exclude", gettext_lazy("Exclude from the target"), _exclusion_plans, _about_exclusion, _exclude)
