"""The circuit breaker of a target: while the target does not answer, its lanes wait, and one probe at a time is sent.

* **closed**: the lanes send. Requests without an answer, and those that the target puts off, are counted, over all
  lanes. An answer ends the count.
* **open**: no lane sends. When the time of the next probe has come, one lane may be claimed.
* **half-open**: one worker sends the probe. If it dies, the next probe is due after the time of a lease.

An answer closes the breaker, whichever lane got it, and makes the lanes due that wait because of the target. The state
is in the target's row. Each function changes it by one conditional UPDATE, in no transaction of a lane: so no worker
waits for the row of a target while it holds that of a lane.
"""

from __future__ import annotations

import random
from typing import Any

from django.conf import settings
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from course_sync_plugin.lanes.site import made_here
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import DatabaseNow, Lane, Target, bulk, leases

log = get_logger(__name__)

#: Requests in a row without an answer after which the breaker opens (option ``breaker_failures``).
FAILURES = 5
#: Seconds until the first probe. A restart of a receiver takes less.
FIRST_PROBE = 30
#: The most seconds between two probes: so long may the end of an outage stay unnoticed.
MOST_PROBE = 600
#: The smallest share of a wait that is waited: the probes of many targets must not come at the same time.
LEAST_SHARE = 0.8
#: Seconds until the next probe if the probe could not be sent, because its course is excluded.
UNUSED_PROBE = 5

IS_OPEN = Q(breaker_opened_at__isnull=False)
_IS_CLOSED = Q(breaker_opened_at=None)

#: The lanes that wait or stand still because their target has not answered since they failed first.
HELD = Q(stopped_by_target=True)


def probe_wait(probes: int) -> float:
    """Return the seconds until the next probe, after ``probes`` probes have failed."""
    return min(MOST_PROBE, FIRST_PROBE * 2.0 ** min(probes, 30)) * random.uniform(LEAST_SHARE, 1)


def probe_is_due() -> Q:
    """Return the condition for a target whose breaker is open and that may get a probe now."""
    due = Q(breaker_probe_at=None) | Q(breaker_probe_at__lte=DatabaseNow())
    return IS_OPEN & due & made_here() & Q(paused=False, disabled_reason="")


def may_probe() -> Q:
    """Return the condition for the lanes that can be the probe of their target, whether they are due or not.

    A lane waits for hours after some attempts, and it stops after the last one. If all lanes of a target wait or stand
    still, one of them must find out that the target answers again.
    """
    return Q(paused=False, due_at__isnull=False) & (Q(failing=False) | HELD)


def probes() -> list[tuple[int, int]]:
    """Return the lane that is to be the probe of each target that may get one now, with the id of the target.

    Of the lanes of a target it is the one that has waited longest. A failed probe puts its lane at the end. So a lane
    whose own content makes the target fail does not hold the others for ever.
    """
    found = []
    for target_id in Target.objects.filter(probe_is_due()).values_list("pk", flat=True):
        lanes = Lane.objects.filter(may_probe(), leases.free(), target=target_id)
        found += [(pk, target_id) for pk in lanes.order_by("due_at", "pk").values_list("pk", flat=True)[:1]]
    return found


def claim_probe(lane_id: int) -> str | None:
    """Claim a lane as the probe of its target. Returns the token of the lease, or None if it may not be the probe.

    Two conditional UPDATEs: the first takes the lease of the lane, the second the probe of the target. The token is the
    same, so the worker knows its probe. The time of the next probe is set to the end of a lease: if this worker dies,
    another one probes then.

    A lane that may not be the probe is only read. On MariaDB also an UPDATE that changes nothing locks rows, and with a
    worker that gave the same lane back it ended in a deadlock.
    """
    lane = Lane.objects.filter(may_probe(), pk=lane_id, target__in=Target.objects.filter(probe_is_due()))
    token = leases.claim(lane) if lane.filter(leases.free()).exists() else None
    if token is None:
        return None
    claimed = Lane.objects.get(pk=lane_id, lease_token=token)
    until = DatabaseNow(settings.COURSE_SYNC_LEASE_SECONDS)
    ready = Target.objects.filter(probe_is_due(), pk=claimed.target_id)
    if ready.update(breaker_token=token, breaker_probe_at=until):
        return token
    leases.release(claimed, token)
    return None


def is_probe(lane: Lane) -> bool:
    """Tell whether the worker that has claimed the lane (with its target) holds the probe of the target."""
    return bool(lane.lease_token) and lane.target.breaker_token == lane.lease_token


def failed(target: Target, error: str, limit: int, *, at_once: bool = False, wait: float | None = None) -> None:
    """Count a request that delivered nothing. Open the breaker if it is the ``limit``-th in a row, or ``at_once``.

    ``error``: why it delivered nothing, for people. ``wait``: the seconds until the first probe, if the target said it.
    """
    row = Target.objects.filter(_IS_CLOSED, pk=target.pk)
    row.update(breaker_failures=Coalesce("breaker_failures", 0) + 1, breaker_error=error)
    if not at_once:
        row = row.filter(breaker_failures__gte=limit)
    probe_at = DatabaseNow(probe_wait(0) if wait is None else wait)
    if row.update(breaker_opened_at=DatabaseNow(), breaker_probe_at=probe_at, **_NO_PROBE):
        log.warning("course_sync: target=%s breaker=open error=%s", target, error)


def probe_failed(target: Target, token: str, error: str, wait: float) -> None:
    """Set the time of the next probe after this one got no answer. Nothing changes if the probe is another one's."""
    row = Target.objects.filter(pk=target.pk, breaker_token=token)
    count = Coalesce("breaker_probes", 0) + 1
    row.update(breaker_probes=count, breaker_error=error, breaker_probe_at=DatabaseNow(wait), breaker_token=None)


def put_back_probe(target: Target, token: str, wait: float = 0) -> None:
    """Give back a probe that says nothing about the target. The next one may be sent after ``wait`` seconds."""
    row = Target.objects.filter(pk=target.pk, breaker_token=token)
    row.update(breaker_token=None, breaker_probe_at=DatabaseNow(wait))


def probe_now(target_id: int) -> None:
    """Let the next probe be sent at once, because an operator has acted. Nothing changes if the breaker is closed."""
    Target.objects.filter(IS_OPEN, pk=target_id).update(breaker_probe_at=DatabaseNow(), breaker_probes=0)


def answered(target: Target) -> None:
    """End the count, and close the breaker if it is open: the target has answered.

    The lanes go first. If the worker dies in between, the breaker is still open, and the next probe does it again.
    """
    is_open = Target.objects.filter(IS_OPEN, pk=target.pk).exists()
    lanes = _wake(Lane.objects.filter(HELD, target=target), with_waiting=is_open)
    closed = Target.objects.filter(IS_OPEN, pk=target.pk).update(**_CLOSED)
    Target.objects.filter(pk=target.pk, breaker_failures__gt=0).update(breaker_failures=0, breaker_error=None)
    target.breaker_failures, target.breaker_opened_at, target.breaker_token = 0, None, None
    if closed:
        log.info("course_sync: target=%s breaker=closed lanes=%s", target, lanes)


def heal() -> int:
    """Open the breaker of each target that has lanes to start again and no lane that would find out that it answers.

    A worker that dies between two steps leaves such a target. Returns the number of targets. One query.
    """
    lanes = Lane.objects.filter(target=OuterRef("pk"), paused=False)
    waiting = lanes.filter(failing=False, due_at__isnull=False)
    stuck = Target.objects.filter(_IS_CLOSED, Exists(lanes.filter(HELD, failing=True)), ~Exists(waiting))
    return stuck.update(breaker_opened_at=DatabaseNow(), breaker_probe_at=DatabaseNow(), **_NO_PROBE)


def is_only_hope(lane: Lane) -> bool:
    """Tell whether a lane stands still because of its target, and no other lane of the target has something to send.

    Then no answer can start it again: it must be probed.
    """
    if not Lane.objects.filter(HELD, pk=lane.pk, failing=True).exists():
        return False
    return not Lane.objects.filter(target=lane.target_id, failing=False, paused=False, due_at__isnull=False).exists()


_NO_PROBE: dict[str, Any] = {"breaker_probes": 0, "breaker_token": None}
_CLOSED: dict[str, Any] = {
    "breaker_opened_at": None,
    "breaker_probe_at": None,
    "breaker_failures": 0,
    "breaker_error": None,
    **_NO_PROBE,
}


def _wake(lanes: QuerySet[Lane], *, with_waiting: bool) -> int:
    """Start the lanes again that stand still, and make those due that wait if ``with_waiting``.

    The time that they have waited for the target does not count for ``retry_hours``. The lanes are updated by their
    keys: an UPDATE of all lanes of a target would wait for the rows of those that are being delivered.
    """
    due_at: Any = DatabaseNow()
    retrying_since: Any = None
    if not with_waiting:
        due_at, retrying_since = _if_failing(due_at, "due_at"), _if_failing(Value(None), "retrying_since")
    changed = 0
    for keys in bulk.chunks(list(lanes.values_list("pk", flat=True))):
        # MySQL assigns from left to right, so ``failing`` comes last.
        changed += Lane.objects.filter(HELD, pk__in=keys).update(
            attempts=_if_failing(Value(0), "attempts"),
            due_at=due_at,
            retrying_since=retrying_since,
            stopped_by_target=False,
            failing=False,
        )
    return changed


def _if_failing(value: Any, column: str) -> Any:
    """Return ``value`` for a failing lane, and for another lane the value that its column has."""
    kind: Any = Lane._meta.get_field(column)
    return Case(When(failing=True, then=value), default=F(column), output_field=kind)
