"""Starts background jobs for actions that concern much, and stops them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.models import Job
from course_sync_plugin.row_actions.action import Done, RowAction


def in_background(number: int) -> Iterator[str]:
    """Yield the sentence that says so, if an action on this number of items would be a background job."""
    if number > api.AT_ONCE:
        yield told_in_background()
    if number > api.MOST_ITEMS:
        yield _("The first {n} are done. Open this page again afterwards for the others.").format(n=api.MOST_ITEMS)


def told_in_background() -> str:
    """Return the sentence for an action that is a background job, whatever the number of its items."""
    return _("This is done in the background, item by item. You see how far it is, and you can stop it.")


def start(
    action: str,
    items: Sequence[tuple[str, str]],
    *,
    target: str = "",
    org: str = "",
    course: str = "",
    arguments: Mapping[str, str] | None = None,
) -> Done:
    """Start a job with the items that were shown, and tell its number."""
    job = api.start_job(action, items, target=target, org=org, course=course, arguments=arguments)
    text = _("Job {id} is started. Items that are carried out in the background: {n}")
    return Done(text.format(id=job.pk, n=len(items)), job=job.pk)


def _about_stop(plan: api.StopPlan) -> Iterator[str]:
    text = _("Job {id}, {action}, would stop before its next item. Items that are dealt with: {position} of {total}")
    yield text.format(id=plan.id, action=plan.action, position=plan.position, total=plan.total)
    yield _("What it has done stays done. What is left stays as it is.")


def _stop(_job: Job, plan: api.StopPlan) -> Done:
    if api.stop_job(plan):
        return Done(_("Job {id} stops before its next item.").format(id=plan.id))
    return Done(_("Job {id} has ended just before.").format(id=plan.id), failed=True)


#: Stops a job before its next item. ``id`` of the filters is the number of the job.
STOP = RowAction(
    name="stop-job",
    label=gettext_lazy("Stop the job"),
    plans=lambda job: [api.stop_plan(job.pk)],
    describe=_about_stop,
    carry_out=_stop,
)
