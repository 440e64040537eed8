"""Checks of lanes: without target or course, missing, with an old lease, or not due although there is work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.lanes.due import make_lanes, missing_lanes
from course_sync_plugin.models import (
    OPEN_STATES,
    Course,
    DatabaseNow,
    Envelope,
    Lane,
    Problem,
    ProblemState,
    Target,
    leases,
)
from course_sync_plugin.sanitize.limits import MOMENT
from course_sync_plugin.upkeep.check.finding import Check, Found, Scope, Severity, one_by_one

#: Seconds after its end from which a lease counts as forgotten: a worker would have taken the row over long before.
FORGOTTEN_SECONDS = 3600


def forgotten() -> Q:
    """Return the condition for rows whose lease ran out long ago and was never released."""
    since = DatabaseNow(-max(FORGOTTEN_SECONDS, 2 * settings.COURSE_SYNC_LEASE_SECONDS))
    return ~Q(lease_token="") & Q(lease_until__lt=since)


def _orphans() -> QuerySet[Lane]:
    has_target = Exists(Target.objects.filter(pk=OuterRef("target_id")))
    has_course = Exists(Course.objects.filter(pk=OuterRef("course_id")))
    return Lane.objects.filter(~has_target | ~has_course)


def _find_orphans(scope: Scope) -> Iterator[Found]:
    only = {"course_id": scope.course.pk} if scope.course else {}
    rows = _orphans().filter(Q(*only.items())).order_by("pk").values_list("pk", "target_id", "course_id")
    if scope.target:
        rows = rows.filter(target_id=scope.target.pk)
    for pk, target_id, course_id in rows:
        yield Found(str(pk), scope.target_name(target_id), scope.course_key(course_id))


@transaction.atomic
def _delete_orphan(found: Found) -> bool:
    return bool(_orphans().filter(pk=int(found.key)).delete()[0])


def _find_missing(scope: Scope) -> Iterator[Found]:
    recorded = [course for course in scope.courses.values() if course.published_version]
    targets = [target for target in scope.targets.values() if not target.disabled_reason]
    for target, course in missing_lanes(targets, recorded, Lane.objects.all()):
        yield Found(f"{target.pk}-{course.pk}", target.name, course.key, seen=(target.pk, course.pk))


def _make_missing(found: Sequence[Found]) -> int:
    """Make the lanes that are still missing. A lane that another process made meanwhile stays as it is."""
    scope = Scope()
    pairs = [(scope.targets.get(one.seen[0]), scope.courses.get(one.seen[1])) for one in found]
    there = set(Lane.objects.values_list("target_id", "course_id"))
    wanted = [(target, course) for target, course in pairs if target and course]
    wanted = [(target, course) for target, course in wanted if (target.pk, course.pk) not in there]
    make_lanes(wanted)
    return len(wanted)


def _find_leases(scope: Scope) -> Iterator[Found]:
    rows = Lane.objects.filter(forgotten(), scope.of_lanes()).order_by("pk")
    for pk, target_id, course_id, token in rows.values_list("pk", "target_id", "course_id", "lease_token"):
        yield Found(str(pk), scope.target_name(target_id), scope.course_key(course_id), seen=(token,))


@transaction.atomic
def _release(found: Found) -> bool:
    """Take the lane over, as a worker does, and give it back. An open envelope counts as one attempt more."""
    rows = Lane.objects.filter(pk=int(found.key), lease_token=found.seen[0])
    token = leases.claim(rows, count_lost_where=Exists(Envelope.objects.filter(lane=OuterRef("pk"))))
    if token is None:
        return False
    leases.release(Lane.objects.get(pk=int(found.key)), token, due_at=Coalesce("due_at", DatabaseNow()))
    return True


def _not_due() -> QuerySet[Lane]:
    """Return the lanes that have work, and that no worker will take."""
    problems = Problem.objects.filter(lane=OuterRef("pk"))
    is_open = Exists(problems.filter(state__in=OPEN_STATES))
    is_asked_for = Exists(problems.filter(state=ProblemState.RETRYING))
    has_envelope = Exists(Envelope.objects.filter(lane=OuterRef("pk")))
    ahead = Exists(Course.objects.filter(pk=OuterRef("course_id"), last_position__gt=OuterRef("cursor")))
    work = (
        Q(cursor=None)
        | (Q(cursor__lt=F("end")) & ahead)
        | Q(has_envelope)
        | Q(is_asked_for)
        | (Q(closing=True) & ~is_open)
    )
    asleep = Q(due_at=None, failing=False, paused=False, waiting_for="")
    return Lane.objects.filter((asleep & work) | Q(due_at__gt=DatabaseNow(MOMENT.most)), leases.free())


def _find_not_due(scope: Scope) -> Iterator[Found]:
    rows = _not_due().filter(scope.of_lanes()).order_by("pk").values_list("pk", "target_id", "course_id")
    for pk, target_id, course_id in rows:
        yield Found(str(pk), scope.target_name(target_id), scope.course_key(course_id))


def _make_due(found: Found) -> bool:
    return bool(_not_due().filter(pk=int(found.key)).update(due_at=DatabaseNow()))


LANE_CHECKS = (
    Check(
        "orphan-lane", Severity.ERROR,
        _("The lane belongs to a target or a course that does not exist."),
        _("The lane is deleted, with its envelope, attempts and problems."),
        _find_orphans, one_by_one(_delete_orphan),
    ),
    Check(
        "missing-lane", Severity.ERROR,
        _("The target wants this recorded course and has no lane for it, so it gets nothing of it."),
        _("The lane is made. It begins with a snapshot of the course."),
        _find_missing, _make_missing,
    ),
    Check(
        "lane-lease", Severity.WARNING,
        _("A worker took the lane and never gave it back. Its lease ran out long ago."),
        _("The lane is given back and made due. If an envelope is open, that counts as one attempt."),
        _find_leases, one_by_one(_release),
    ),
    Check(
        "lane-not-due", Severity.ERROR,
        _("The lane has something to send, and no time at which a worker will take it."),
        _("The lane is made due now."),
        _find_not_due, one_by_one(_make_due),
    ),
)  # fmt: skip
