"""The actions on a cause of errors: assign it, note something, resolve it, open it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.roles.access import Access
from course_sync_plugin.row_actions.action import Done, RowAction

_TITLES: Mapping[str, Promise] = {
    "assign-cause": gettext_lazy("Assign"),
    "note-cause": gettext_lazy("Write a note"),
    "resolve-cause": gettext_lazy("Resolve"),
    "reopen-cause": gettext_lazy("Open again"),
}

#: The steps, by the names of their actions.
STEPS = tuple(_TITLES)


def cause_step(step: str) -> RowAction:
    """Return the action that takes a step. Its rows are filters: ``cause``, and ``id``, the user for an assignment."""
    return RowAction(
        name=step,
        label=_TITLES[step],
        plans=lambda chosen: [api.step_plan(step, chosen.cause, chosen.target, chosen.id)],
        describe=_about,
        carry_out=lambda _row, plan: _done(plan),
    )


def may_step(access: Access, chosen: api.Filters) -> bool:
    """Tell whether a user may act on all courses that have the cause now. Raises Http404 if the user sees none of them.

    Of a cause that is gone, the organisations count that had it when somebody last noted something.
    """
    try:
        found = api.find_noted_cause(chosen.cause, chosen.target)
    except CourseSyncError as error:
        raise Http404 from error
    courses = found.courses or [(org, "") for org in found.orgs]
    if not (access.sees.site or any(access.sees.includes(org, key) for org, key in courses)):
        raise Http404
    return access.acts.site or all(access.acts.includes(org, key) for org, key in courses)


def _about(plan: api.StepPlan) -> Iterator[str]:
    yield f"{plan.target}: {plan.reason or _('(no reason)')}"
    if plan.found.cause:
        yield _("Courses that have this cause now: {n}").format(n=len(plan.found.courses))
    else:
        yield _("No course has this cause now.")
    yield from _effect(plan)


def _effect(plan: api.StepPlan) -> Iterator[str]:
    if plan.step == "assign-cause":
        yield _("It would be assigned to {name}.").format(name=plan.assignee or _("nobody"))
    elif plan.step == "note-cause":
        yield _("The note that you write below would be kept with it.")
    elif plan.step == "resolve-cause":
        yield _("It would be resolved: it is not listed any more, until it comes back. Nothing is sent again.")
    else:
        yield _("It would be open again.")


def _done(plan: api.StepPlan) -> Done:
    api.carry_out_step(plan)
    told = {
        "assign-cause": _("The cause is assigned to {name}.").format(name=plan.assignee or _("nobody")),
        "note-cause": _("The note is kept."),
        "resolve-cause": _("The cause is resolved."),
        "reopen-cause": _("The cause is open again."),
    }
    return Done(told[plan.step])
