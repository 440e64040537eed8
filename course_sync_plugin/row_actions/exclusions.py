"""The action on an excluded entity: include it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.models import Exclusion
from course_sync_plugin.row_actions.action import Done, RowAction


def _inclusion_plans(row: Exclusion) -> Sequence[api.InclusionPlan]:
    return [api.inclusion_plan(row.target.name, row.entity_id)]


def _about_inclusion(plan: api.InclusionPlan) -> Iterator[str]:
    yield _("{entity} would be included at {target} again.").format(entity=plan.entity_id, target=plan.target)
    yield _("Operations that were held back, and would be planned anew: {n}").format(n=plan.operations)
    if plan.still_excluded_by:
        yield _("It stays excluded by {entity}, which is above it.").format(entity=plan.still_excluded_by)


def _include(row: Exclusion, plan: api.InclusionPlan) -> Done:
    done = api.include_shown(row.target.name, row.entity_id, plan.token)
    told = ngettext(
        "{entity} is included again; {n} operation is planned anew.",
        "{entity} is included again; {n} operations are planned anew.",
        done.operations,
    )
    return Done(done.error or told.format(entity=row.entity_id, n=done.operations), failed=bool(done.error))


INCLUDE = RowAction("include", gettext_lazy("Include again"), _inclusion_plans, _about_inclusion, _include)
