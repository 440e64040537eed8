"""Finds the lanes that are due, claims one with a lease, and gives a lane back when it has nothing to send."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import Coalesce, RowNumber

from course_sync_plugin.lanes import breaker, parallel
from course_sync_plugin.lanes.priority import rank
from course_sync_plugin.lanes.site import made_here
from course_sync_plugin.models import NO_ATTEMPTS, DatabaseNow, Envelope, Lane, Target, leases


def claimable() -> QuerySet[Lane]:
    """Return the lanes that a worker may claim, whether they are due or not."""
    return Lane.objects.filter(leases.free(), _may_be_worked_on())


def due_lanes(limit: int | None = 100) -> list[tuple[int, int]]:
    """Return the ids of the lanes that are due and free, each with the id of its target.

    One lane of each target in turn, so many lanes of a target that hangs do not keep those of the other targets out of
    the result. The lanes of a target come in the order of :mod:`course_sync_plugin.lanes.priority`; of the same rank,
    those that have waited longest come first. A target whose breaker is open has one lane at most: the next probe.
    ``limit``: the largest number of lanes; None for all.
    """
    turn = Window(RowNumber(), partition_by=F("target_id"), order_by=[F("rank").asc(), F("due_at").asc()])
    due = claimable().filter(due_at__lte=DatabaseNow()).annotate(rank=rank(), turn=turn)
    lanes = due.order_by("turn", "rank", "due_at").values_list("pk", "target_id")[:limit]
    return [*breaker.probes(), *lanes][:limit]


def lanes_to_begin(limit: int = 100) -> list[tuple[int, int]]:
    """Return the lanes of :func:`due_lanes` that can be begun at once, within the limits of their targets."""
    return parallel.with_room(due_lanes(max(limit, 100)))[:limit]


def due_lane_ids(limit: int | None = 100) -> list[int]:
    """Return the ids of the lanes that are due and free, in the order of :func:`due_lanes`."""
    return [lane_id for lane_id, _target_id in due_lanes(limit)]


def lane_ids_to_begin(limit: int = 100) -> list[int]:
    """Return the ids of the lanes that can be begun at once, in the order of :func:`due_lanes`."""
    return [lane_id for lane_id, _target_id in lanes_to_begin(limit)]


def claim_lane(lane_id: int) -> Lane | None:
    """Claim a due lane, or the lane that is to be the probe of its target.

    Returns None if the lane is not due any more, if another worker has claimed it, or if the target has as many workers
    as it may have. The lane has ``now``: the time of the database at which it was claimed.

    One conditional UPDATE takes the lease, which is correct on every database. If the lane is taken over from a worker
    that died and an envelope is open, that counts as one attempt: sending it may have killed the worker.
    """
    # Not ``due_at`` alone: MariaDB would use its index and lock the index entry before the row, while a worker that
    # puts the lane to sleep locks the row first and then the index entry. That is a deadlock.
    due_at = Coalesce("due_at", DatabaseNow(1))
    due = Lane.objects.alias(due=due_at).filter(_may_be_worked_on(), pk=lane_id, due__lte=DatabaseNow())
    token = leases.claim(due, count_lost_where=Exists(Envelope.objects.filter(lane=OuterRef("pk"))))
    token = token or breaker.claim_probe(lane_id)
    lane = claimed_lane(lane_id, token) if token else None
    if lane is None or breaker.is_probe(lane) or parallel.has_room(lane, lane.now):
        return lane
    return None


def claimed_lane(lane_id: int, token: str) -> Any:
    """Return a lane that is claimed with this token, or None. It has its target, its course, and the time ``now``."""
    lanes = Lane.objects.select_related("target", "course").annotate(now=DatabaseNow())
    return lanes.filter(pk=lane_id, lease_token=token).first()


def may_go_on(lane: Lane) -> bool:
    """Tell whether a worker may continue: the lane is not failing or paused, its target not paused or disabled.

    The same query reads how the breaker of the target is now, and writes it to ``lane.target``. ``lane.nudged`` is then
    as in the database: an operator may have excluded an entity meanwhile.
    """
    columns = ("failing", "paused", "target__paused", "target__disabled_reason")
    others = ("nudged", "target__breaker_failures", "target__breaker_opened_at")
    *stops, lane.nudged, failures, opened_at = Lane.objects.values_list(*columns, *others).get(pk=lane.pk)
    lane.target.breaker_failures, lane.target.breaker_opened_at = failures, opened_at
    return not any(stops)


def sleep(lane: Lane, **values: Any) -> bool:
    """Give back a lane that has nothing to send. Returns False if there is something to do since the lane was read.

    The condition is on the lane's own row: the recorder writes the new end of the journal there, and a command of an
    operator sets ``nudged`` there. So every database sees both. ``values`` are written in the same UPDATE. The attempts
    and the last error are cleared, because no envelope is open; refused operations are kept as problems.
    """
    idle = Lane.objects.filter(pk=lane.pk, lease_token=lane.lease_token, end=lane.end, nudged=False)
    return bool(idle.update(lease_token="", lease_until=None, due_at=None, **NO_ATTEMPTS, **values))


def _may_be_worked_on() -> Q:
    """Return the condition for lanes that may send: neither the lane nor its target is stopped, or of another site.

    A subquery and no join: MySQL would look up the rows of a join first and then update them without the condition.
    """
    sending = Target.objects.filter(made_here(), paused=False, disabled_reason="", breaker_opened_at=None)
    return Q(failing=False, paused=False, target__in=sending)
