"""The steps of operators on a cause of errors: assign it, note something, resolve it, open it again.

Pages, the REST API and the command share them: a plan says what a step would do, and :func:`carry_out_step` does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.data import utc_text
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.models import Course, DatabaseNow, ErrorCause, ErrorCauseState, ErrorStep, bulk
from course_sync_plugin.sanitize.text import short_repr
from course_sync_plugin.upkeep.audit import only, operator_now, record
from course_sync_plugin.upkeep.causes import FEWEST, Cause, causes_named
from course_sync_plugin.upkeep.error_notes import (
    ASSIGN,
    NOTE,
    OPEN,
    REOPEN,
    REOPENED,
    RESOLVE,
    RESOLVED,
    has_come_back,
)
from course_sync_plugin.upkeep.filters import Filters
from course_sync_plugin.upkeep.plan_tokens import no_longer_valid, token_of
from course_sync_plugin.upkeep.targets.change import get_target


@attrs.frozen
class NotedCause:
    """A cause on the whole site, as far as it is there or something was noted about it.

    ``cause``: what is there now, or None. ``row``: what was noted, or None. ``courses``: organisation and key of each
    course that has it now. ``orgs``: the organisations of these; of a cause that is gone, those of its steps.
    """

    digest: str
    cause: Cause | None
    row: ErrorCause | None
    courses: Sequence[tuple[str, str]]
    orgs: frozenset[str]
    steps: int

    @property
    def state(self) -> str:
        """Return the state as it is shown."""
        if self.row is None or self.row.state == OPEN:
            return OPEN
        return REOPENED if self.cause and has_come_back(self.row, self.cause.last) else RESOLVED


@attrs.frozen
class StepPlan:
    """What a step would do to a cause. ``assignee``: a user name, for ``ASSIGN``; empty: nobody.

    ``token`` names the cause, the step and the steps before it, so it works once.
    """

    step: str
    found: NotedCause
    target: str
    reason: str
    assignee: str
    token: str


def find_noted_cause(digest: str, target: str = "") -> NotedCause:
    """Return the cause whose digest begins so. ``target``: the name of its target, which saves reading the others.

    Raises UnknownName if there is none, ConfigurationError if the digest is too short or names several.
    """
    if len(digest) < FEWEST or not digest.isalnum() or not digest.isascii():
        raise ConfigurationError(_("A cause is named by at least {n} characters of its digest.").format(n=FEWEST))
    present = {one.digest: one for one in causes_named(Filters(target=target), digest)}
    rows = {row.digest: row for row in _rows(digest, target)}
    if len(present.keys() | rows.keys()) > 1:
        raise ConfigurationError(_("{digest} names several causes; write more of it.").format(digest=digest))
    for found in (*present, *rows):
        return _noted_cause(found, present.get(found), rows.get(found))
    raise UnknownName(_("There is no cause {digest}; 'errors' lists them.").format(digest=short_repr(digest)))


def step_plan(step: str, digest: str, target: str = "", assignee: str = "") -> StepPlan:
    """Return what a step would do. The errors are those of :func:`find_noted_cause`.

    Raises ConfigurationError too if the step makes no sense now, UnknownName if there is no such user.
    """
    found = find_noted_cause(digest, target)
    _check(step, found)
    if step == ASSIGN and assignee:
        assignee = _user(assignee).get_username()
    shown = found.cause.shared_reason if found.cause else found.row.reason if found.row else ""
    name = found.cause.target if found.cause else found.row.target.name if found.row else ""
    token = token_of(step, found.digest, assignee, found.state, str(found.steps))
    return StepPlan(step, found, name, shown, assignee, token)


@transaction.atomic
def carry_out_step(plan: StepPlan) -> ErrorCause:
    """Do what the plan says, and record it. Return what is noted now.

    Raises ConfigurationError if another step came between, or if a note has no text.
    """
    if plan.step == NOTE and not operator_now().note:
        raise ConfigurationError(_("A note needs a text."))
    row = _locked(plan)
    if row.steps.count() != plan.found.steps:
        raise ConfigurationError(no_longer_valid(plan.token))
    keys = [key for _org, key in plan.found.courses]
    changed: dict[str, Any] = {"reason": plan.reason, "courses": keys}
    if plan.found.state == REOPENED and plan.found.cause and plan.found.cause.last:
        changed["came_back"] = utc_text(plan.found.cause.last)
    done = record(
        plan.step,
        target=plan.target,
        course=only(keys),
        arguments={"cause": plan.found.digest, **({"assignee": plan.assignee} if plan.assignee else {})},
        changed=changed,
    )
    ErrorStep.objects.create(cause=row, action=done, orgs=sorted(plan.found.orgs))
    ErrorCause.objects.filter(pk=row.pk).update(**_values(plan, done.operator))
    row.refresh_from_db()
    return row


def _check(step: str, found: NotedCause) -> None:
    if step == REOPEN and found.state == OPEN:
        raise ConfigurationError(_("The cause is open."))
    if step != RESOLVE:
        return
    if found.state == RESOLVED:
        raise ConfigurationError(_("The cause is resolved already."))
    if found.cause and found.cause.last is None:
        text = _("It is not known when these lanes stopped, so it would not be noticed that they stop again.")
        raise ConfigurationError(f"{text} {_('Resume the target first.')}")


def _values(plan: StepPlan, operator: str) -> dict[str, Any]:
    """Return the columns that a step changes."""
    if plan.step == ASSIGN:
        return {"assignee": _user(plan.assignee) if plan.assignee else None}
    if plan.step == RESOLVE:
        covers = plan.found.cause.last if plan.found.cause else None
        resolved = {"resolved_at": DatabaseNow(), "resolved_by": operator, "covers": covers}
        return {"state": ErrorCauseState.RESOLVED, **resolved}
    if plan.step == REOPEN:
        return {"state": ErrorCauseState.OPEN, "resolved_at": None, "resolved_by": "", "covers": None}
    return {"digest": plan.found.digest}  # a note alone changes nothing


def _locked(plan: StepPlan) -> ErrorCause:
    """Return the row of the cause, which is made if it is missing. Others wait until the transaction ends."""
    row, cause = plan.found.row, plan.found.cause
    if row is None and cause is not None:
        shared = {
            "target": get_target(cause.target),
            "what": cause.what,
            "kind": cause.state or cause.what,
            "error_class": cause.error_class,
            "status": cause.status,
            "reason": cause.shared_reason,
        }
        ErrorCause.objects.get_or_create(digest=cause.digest, defaults=shared)
    return ErrorCause.objects.select_for_update().get(digest=plan.found.digest)


def _noted_cause(digest: str, cause: Cause | None, row: ErrorCause | None) -> NotedCause:
    keys = sorted(cause.courses) if cause else []
    courses = [
        one for part in bulk.chunks(keys) for one in Course.objects.filter(pk__in=part).values_list("org", "key")
    ]
    steps = list(row.steps.values_list("orgs", flat=True)) if row else []
    orgs = {org for org, _key in courses} if cause else {org for of_step in steps for org in of_step}
    return NotedCause(digest, cause, row, sorted(courses), frozenset(orgs), len(steps))


def _rows(digest: str, target: str) -> list[ErrorCause]:
    rows = ErrorCause.objects.filter(digest__startswith=digest).select_related("target", "assignee")
    return list(rows.filter(target=get_target(target)) if target else rows)


def _user(name: str) -> Any:
    """Return the active user with exactly this name. MariaDB and MySQL ignore case, so it is compared here."""
    for user in get_user_model()._default_manager.filter(username=name if name.isprintable() else ""):
        if user.get_username() == name and user.is_active:
            return user
    raise UnknownName(_("There is no active user {name}.").format(name=short_repr(name)))
