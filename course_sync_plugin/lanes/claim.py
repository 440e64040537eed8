"""Which lanes are due, and taking one."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import Coalesce, RowNumber

from course_sync_plugin import leases
from course_sync_plugin.models import DatabaseNow, Envelope, Lane, Target


def claimable() -> QuerySet[Lane]:
    """Return the lanes that somebody may work on, due or not."""
    return Lane.objects.filter(leases.free(), _may_be_worked_on())


def due_lanes(limit: int | None = 100) -> list[tuple[int, int]]:
    """Return the ids of lanes that are due and free, each with its target's.

    The longest waiting first, one of each target in turn: however many lanes wait for one that hangs, those of the
    others are among them. ``limit``: so many at most, None for all.
    """
    turn = Window(RowNumber(), partition_by=F("target_id"), order_by=F("due_at").asc())
    due = claimable().filter(due_at__lte=DatabaseNow()).annotate(turn=turn).order_by("turn", "due_at")
    return list(due.values_list("pk", "target_id")[:limit])


def due_lane_ids(limit: int | None = 100) -> list[int]:
    """Return the ids of lanes that are due and free, in the order of :func:`due_lanes`."""
    return [lane_id for lane_id, _target_id in due_lanes(limit)]


def claim_lane(lane_id: int) -> Lane | None:
    """Take a due lane; None where it is not due any more or somebody else was faster.

    The UPDATE alone is what makes it right, on every database. A lane taken over from a worker that died has one
    attempt less before it, if an envelope is open: only then can the worker have died of what it sent.
    """
    # No bare ``due_at``: MariaDB would go through its index and lock the entry before the row, where whoever falls
    # asleep locks the row first and then the entry. That is a deadlock.
    due_at = Coalesce("due_at", DatabaseNow(1))
    due = Lane.objects.alias(due=due_at).filter(_may_be_worked_on(), pk=lane_id, due__lte=DatabaseNow())
    token = leases.claim(due, count_lost_where=Exists(Envelope.objects.filter(lane=OuterRef("pk"))))
    if token is None:
        return None
    return Lane.objects.select_related("target", "course").get(pk=lane_id, lease_token=token)


def may_go_on(lane: Lane) -> bool:
    """Tell whether nobody has paused the lane or its target, or disabled it, while it was being worked on."""
    columns = ("failing", "paused", "target__paused", "target__disabled_reason")
    return not any(Lane.objects.values_list(*columns).get(pk=lane.pk))


def sleep(lane: Lane, **values: Any) -> bool:
    """Give back a lane that has nothing to do; False where something has come up since it was read.

    The condition is on the lane's own row, where the recorder writes the new end and operators leave their nudge: no
    database can miss it. ``values`` are written with it. Attempts and the error of the last one are forgotten, since
    no envelope is open; what was refused stands with the problems.
    """
    idle = Lane.objects.filter(pk=lane.pk, lease_token=lane.lease_token, end=lane.end, nudged=False)
    return bool(idle.update(lease_token="", lease_until=None, due_at=None, attempts=0, last_error="", **values))


def _may_be_worked_on() -> Q:
    """A subquery and no join: MySQL would look up the rows of a join first and update them without the condition."""
    return Q(failing=False, paused=False, target__in=Target.objects.filter(paused=False, disabled_reason=""))
