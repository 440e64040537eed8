"""The actions on conflicts and proposals: take one of three sides, accept, reject. One by its id, or all that match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.row_actions.action import Done, RowAction, first_of
from course_sync_plugin.row_actions.jobs import in_background, start

_TITLES: Mapping[str, Promise] = {
    "openedx": gettext_lazy("Take the value of Open edX"),
    "remote": gettext_lazy("Take the value of the other side"),
    "base": gettext_lazy("Take the value from before both changes"),
    "accept": gettext_lazy("Accept"),
    "reject": gettext_lazy("Reject"),
}


def decision(take: str) -> RowAction:
    """Return the action that takes a side of conflicts, or that accepts or rejects proposals. Its rows are filters."""
    return RowAction(
        name=_name(take),
        label=_TITLES[take],
        plans=partial(_plans, take),
        describe=_about,
        carry_out=_carry_out,
    )


def _name(take: str) -> str:
    return take if take in ("accept", "reject") else f"resolve-{take}"


def _plans(take: str, chosen: api.Filters) -> Sequence[api.Decisions]:
    return api.plan_decisions(api.Chosen(target=chosen.target, course=chosen.course, id=chosen.id), take)


def _about(plan: api.Decisions) -> Iterator[str]:
    yield _("Decisions: {n}").format(n=len(plan.each))
    yield from in_background(len(plan.each))
    if plan.more:
        yield _("There are more. Open this page again afterwards to decide about them.")
    warnings = list(dict.fromkeys(one.warning for one in plan.each if one.warning))
    yield from first_of([_("This would fail now: {reason}").format(reason=one) for one in warnings])
    yield from first_of([_one(one) for one in plan.each])


def _one(one: api.Decision) -> str:
    text = _("{course}, {target}, {entity}: {field} would be {value} instead of {other}")
    value, other = (api.as_text(value) or _("(nothing)") for value in (one.value, one.instead_of))
    return text.format(
        course=one.course_id, target=one.target, entity=one.entity_id, field=one.field, value=value, other=other
    )


def _carry_out(chosen: api.Filters, plan: api.Decisions) -> Done:
    if len(plan.each) <= api.AT_ONCE:
        return _decided(plan)
    items = [(str(one.id), one.token) for one in plan.each]
    return start(_name(plan.take), items, target=chosen.target, course=chosen.course, arguments=chosen.as_dict())


def _decided(plan: api.Decisions) -> Done:
    done = api.carry_out_decisions(plan)
    errors = [one.error for one in done if one.error]
    told = [_("Carried out: {n}.").format(n=len(done) - len(errors))]
    if errors:
        told.append(_("Not carried out: {n}.").format(n=len(errors)))
    return Done(" ".join([*told, *first_of(errors)]), failed=bool(errors))
