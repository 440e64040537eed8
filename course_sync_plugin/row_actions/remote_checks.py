"""The actions that compare the links of a target with what is there, and mend what a check has found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import Job, Link, Target
from course_sync_plugin.row_actions.action import Done, RowAction, first_of
from course_sync_plugin.row_actions.jobs import start, told_in_background


@attrs.frozen
class _Plan:
    """The courses whose links would be compared or mended, each with its token. ``repairs``: the differences."""

    target: str
    items: tuple[tuple[str, str], ...]
    repairs: int
    token: str


def _checks(target: Target) -> Sequence[_Plan]:
    links = Link.objects.filter(target=target).select_related("course").order_by("pk")[: api.MOST_ITEMS]
    items = tuple((link.course.key, api.link_token(link)) for link in links)
    if not items:
        raise ConfigurationError(_("No course is linked at {name}.").format(name=target.name))
    return [_Plan(target.name, items, 0, api.token_of("check-remote", *(token for _key, token in items)))]


def _about_check(plan: _Plan) -> Iterator[str]:
    text = ngettext(
        "What {name} holds of {n} linked course would be compared with what is recorded. Nothing is changed.",
        "What {name} holds of {n} linked courses would be compared with what is recorded. Nothing is changed.",
        len(plan.items),
    )
    yield text.format(name=plan.target, n=len(plan.items))
    yield told_in_background()


def _check(_target: Target, plan: _Plan) -> Done:
    return start("check-remote", plan.items, target=plan.target)


def _repairs(job: Job) -> Sequence[_Plan]:
    if job.action != CHECK.name:
        raise ConfigurationError(_("Job {id} has found nothing that could be repaired.").format(id=job.pk))
    found = job.results.get("repairs", [])
    items = tuple((course, token) for course, token, _number in found)
    repairs = sum(number for _course, _token, number in found)
    token = api.token_of("repair-remote", str(job.pk), *(token for _course, token in items))
    return [_Plan(job.target_name, items, repairs, token)] if items else []


def _about_repair(plan: _Plan) -> Iterator[str]:
    text = ngettext(
        "At {name}, {n} difference that the check has found would be mended. Courses: {courses}.",
        "At {name}, {n} differences that the check has found would be mended. Courses: {courses}.",
        plan.repairs,
    )
    yield text.format(name=plan.target, n=plan.repairs, courses=len(plan.items))
    yield _("A course in which anything has changed since is left as it is.")
    yield from first_of([course for course, _token in plan.items])


def _repair(job: Job, plan: _Plan) -> Done:
    return start("repair-remote", plan.items, target=plan.target, arguments={"check": str(job.pk)})


CHECK = RowAction("check-remote", gettext_lazy("Compare with what is there"), _checks, _about_check, _check)

#: ``id`` of the filters is the number of the job that has compared.
REPAIR = RowAction("repair-remote", gettext_lazy("Repair what was found"), _repairs, _about_repair, _repair)
