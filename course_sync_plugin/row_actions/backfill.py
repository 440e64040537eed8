"""The action that records courses which were never recorded, and makes lanes that targets lack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.keys import org_of
from course_sync_plugin.roles.access import Access
from course_sync_plugin.row_actions.action import Done, RowAction, first_of
from course_sync_plugin.row_actions.jobs import start, told_in_background


@attrs.frozen
class _Plan:
    """What a backfill would do. ``items``: the courses, each with its token. ``lanes``: those that only lack lanes."""

    items: tuple[tuple[str, str], ...]
    lanes: int
    more: int
    token: str


def may_fill(access: Access, chosen: api.Filters) -> bool:
    """Tell whether a user may record the courses of an organisation (``id``), or of the whole site."""
    return access.acts.site or chosen.id in access.acts.orgs


def _plans(chosen: api.Filters) -> Sequence[_Plan]:
    courses = [key for key in api.courses_to_fill() if chosen.id in ("", org_of(key))]
    gaps = api.plan_backfill(courses, chosen.target).gaps
    first = gaps[: api.MOST_ITEMS]
    items = tuple((gap.course.key, api.gap_token(gap.course.key, *(one.name for one in gap.targets))) for gap in first)
    token = api.token_of("backfill", chosen.target, chosen.id, *(token for _key, token in items))
    lanes = sum(bool(gap.targets) for gap in first)
    return [_Plan(items, lanes, len(gaps) - len(first), token)] if items else []


def _about(plan: _Plan) -> Iterator[str]:
    yield _("Courses that were never recorded, and would be read: {n}").format(n=len(plan.items) - plan.lanes)
    yield _("Courses that are recorded, and would be sent to targets that lack them: {n}").format(n=plan.lanes)
    yield told_in_background()
    if plan.more:
        yield _("There are more. Open this page again afterwards to decide about them.")
    yield from first_of([key for key, _token in plan.items])


def _start(chosen: api.Filters, plan: _Plan) -> Done:
    return start("backfill", plan.items, target=chosen.target, org=chosen.id)


#: ``target`` of the filters limits it to a target, ``id`` to an organisation.
BACKFILL = RowAction("backfill", gettext_lazy("Record what was never recorded"), _plans, _about, _start)
