"""The actions that the pages and the REST API offer, by name, and how each finds its row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from django.core.exceptions import PermissionDenied
from django.http import Http404

from course_sync_plugin import api
from course_sync_plugin.exceptions import UnknownName
from course_sync_plugin.keys import course_of_entity
from course_sync_plugin.models import Course, Exclusion, HeldRun, Job, Lane, Target, digest_of
from course_sync_plugin.roles.access import Access
from course_sync_plugin.row_actions.action import RowAction
from course_sync_plugin.row_actions.backfill import BACKFILL, may_fill
from course_sync_plugin.row_actions.courses import EXCLUDE, SYNC
from course_sync_plugin.row_actions.decisions import decision
from course_sync_plugin.row_actions.error_causes import STEPS, cause_step, may_step
from course_sync_plugin.row_actions.exclusions import INCLUDE
from course_sync_plugin.row_actions.held_runs import APPROVE
from course_sync_plugin.row_actions.jobs import STOP
from course_sync_plugin.row_actions.lanes import RESET, pause, resume, retry, skip
from course_sync_plugin.row_actions.remote_checks import CHECK, REPAIR
from course_sync_plugin.row_actions.targets import SET_SECRET, SET_TOKEN, TEST, rotation
from course_sync_plugin.upkeep.targets.change import get_target


@attrs.frozen
class Offered:
    """An action that is offered. ``find`` returns its row, or None.

    ``of_site``: it concerns more than one course. ``has_secret``: it shows or takes a secret, which only a page may do.
    ``of_cause``: it can be limited to a cause of errors. ``may_act``: decides who may act on a cause, or, if
    the action is not limited to a cause, who may act at all.
    """

    action: RowAction
    find: Callable[[api.Filters], Any]
    of_site: bool = False
    has_secret: bool = False
    of_cause: bool = False
    may_act: Callable[[Access, api.Filters], bool] | None = None

    def row_for(self, access: Access, chosen: api.Filters) -> Any:
        """Return the row of the action for a user who may act on it. Without a course it concerns the whole site.

        Raises PermissionDenied if the user may not act, Http404 for what is not there or the user may not see.
        """
        if chosen.cause and not self.of_cause:
            raise Http404  # it would act on more than the address says
        decide = self.may_act if chosen.cause or not self.of_cause else None
        if not (decide(access, chosen) if decide else self._may_act(access, chosen.course)):
            raise PermissionDenied
        row = self.find(chosen)
        if row is None:
            raise Http404
        return row

    def _may_act(self, access: Access, course_key: str) -> bool:
        if not course_key or self.of_site:
            return access.acts.site
        course = access.sees.find(course_key)
        if course is None:
            raise Http404
        return access.acts.includes(course.org, course.key)


def _target(chosen: api.Filters) -> Target | None:
    try:
        return get_target(chosen.target)
    except UnknownName:
        return None


def _target_or_all(chosen: api.Filters) -> api.Filters | None:
    """Return the names, unless they name a course: the action would do more."""
    return chosen if not chosen.course and (not chosen.target or _target(chosen)) else None


def _lane(chosen: api.Filters) -> Lane | None:
    target = _target(chosen)
    lanes = Lane.objects.filter(target=target, course__key_digest=digest_of(chosen.course))
    return lanes.select_related("target", "course").first() if target else None


def _held(chosen: api.Filters) -> HeldRun | None:
    return HeldRun.objects.filter(course__key_digest=digest_of(chosen.course)).select_related("course").first()


def _course(chosen: api.Filters) -> Course | None:
    return Course.objects.filter(key_digest=digest_of(chosen.course)).first()


def _entity(chosen: api.Filters) -> api.Filters | None:
    """Return the names if the entity ``id`` is one of the course: the user may not act on another course."""
    is_there = _target(chosen) and chosen.course and course_of_entity(chosen.id) == chosen.course
    return chosen if is_there else None


def _exclusion(chosen: api.Filters) -> Exclusion | None:
    target = _target(chosen)
    rows = Exclusion.objects.filter(course__key_digest=digest_of(chosen.course), id_digest=digest_of(chosen.id))
    return rows.filter(target=target).select_related("target", "course").first() if target else None


def _job(chosen: api.Filters) -> Job | None:
    key = int(chosen.id) if chosen.id.isascii() and chosen.id.isdigit() and len(chosen.id) < 19 else 0
    return Job.objects.defer("items").filter(pk=key).first()


def _may_act_on_job(access: Access, chosen: api.Filters) -> bool:
    """Tell whether a user may act where the job acts. Raises Http404 if there is none, or if the user sees none."""
    job = _job(chosen)
    if job is None or not access.sees.includes(job.org, job.course_key):
        raise Http404
    return access.acts.includes(job.org, job.course_key)


def _itself(chosen: api.Filters) -> api.Filters:
    return chosen


def _of_cause(chosen: api.Filters) -> api.Filters | None:
    return chosen if chosen.cause else None


_ALL = (
    Offered(pause(_itself), _itself),
    Offered(resume(_itself), _itself),
    Offered(retry(_itself), _itself, of_cause=True),
    Offered(skip(_itself), _itself, of_cause=True),
    *(Offered(cause_step(step), _of_cause, of_cause=True, may_act=may_step) for step in STEPS),
    Offered(RESET, _lane),
    Offered(APPROVE, _held),
    Offered(SYNC, _course),
    Offered(EXCLUDE, _entity),
    Offered(INCLUDE, _exclusion),
    *(Offered(decision(take), _itself) for take in ("openedx", "remote", "base", "accept", "reject")),
    Offered(STOP, _job, may_act=_may_act_on_job),
    Offered(BACKFILL, _target_or_all, may_act=may_fill),
    Offered(CHECK, _target, of_site=True),
    Offered(REPAIR, _job, may_act=_may_act_on_job),
    Offered(TEST, _target, of_site=True),
    Offered(SET_TOKEN, _target, of_site=True, has_secret=True),
    Offered(SET_SECRET, _target, of_site=True, has_secret=True),
    Offered(rotation(24), _target, of_site=True, has_secret=True),
    Offered(rotation(0), _target, of_site=True, has_secret=True),
)

OFFERED: Mapping[str, Offered] = {one.action.name: one for one in _ALL}
