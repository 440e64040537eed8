"""Limits how many lanes of a target are delivered at the same time, by all workers together (``parallel_lanes``).

A worker claims its lane first and then counts the lanes of the target that were claimed before it. If they are as many
as the limit, it gives its lane back. The order of the claims is in the tokens of the leases. So of workers that claim
at the same moment the first ones stay, and never do all of them give up. Two workers that do not see each other's claim
yet can both stay; then the limit is exceeded until one of them ends its turn, because each later worker sees both.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count

from course_sync_plugin.models import DatabaseNow, Lane, Target, leases
from course_sync_plugin.sanitize.limits import PARALLEL_LANES

OPTION = "parallel_lanes"


def most_lanes(options: Mapping[str, Any]) -> int | None:
    """Return the limit of a target, or None. ``options``: as stored; a value that is not valid is no limit here."""
    limit: Any = options.get(OPTION)
    return int(limit) if PARALLEL_LANES.holds(limit) else None


def has_room(lane: Lane, now: datetime) -> bool:
    """Tell whether the worker that has just claimed the lane may keep it; if not, give it back.

    ``now``: the time of the database at which it was claimed. Costs nothing for a target without a limit.
    """
    limit = most_lanes(lane.target.options)
    if limit is None:
        return True
    # The tokens of other workers may have come from other clocks: this one comes from that of the database.
    token = f"{int(now.timestamp() * 1_000_000):016x}{uuid.uuid4().hex[:16]}"
    leases.update_held(lane, lane.lease_token, lease_token=token)
    lane.lease_token = token
    tokens = _held([lane.target_id]).values_list("lease_token", flat=True)
    if sum(other < token for other in tokens) < limit:
        return True
    leases.release(lane, token)
    return False


def with_room(due: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the due lanes that can be begun at once, in their order. Each is a lane's id with that of its target.

    Otherwise every look of a worker would claim all the others and give them back.
    """
    options = Target.objects.filter(pk__in={target_id for _lane_id, target_id in due}).values_list("pk", "options")
    room = {pk: limit for pk, stored in options if (limit := most_lanes(stored)) is not None}
    if not room:
        return list(due)
    held = dict(_held(room).order_by().values_list("target_id").annotate(Count("pk")))
    return list(_first(due, {pk: limit - held.get(pk, 0) for pk, limit in room.items()}))


def _first(due: Iterable[tuple[int, int]], room: Mapping[int, int]) -> Iterable[tuple[int, int]]:
    begun = Counter[int]()
    for lane_id, target_id in due:
        begun[target_id] += 1
        if target_id not in room or begun[target_id] <= room[target_id]:
            yield lane_id, target_id


def _held(target_ids: Iterable[int]) -> Any:
    return Lane.objects.filter(target__in=list(target_ids), lease_until__gte=DatabaseNow()).exclude(lease_token="")
