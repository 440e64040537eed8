"""``load.py``: measures what workers and operators do on the site that ``large_site.py`` has made.

For each line of its standard input it does everything once more and prints the seconds and the number of queries of
each step. So several of these processes, each on a site of another size, can take turns.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import host
from cursors import opened_nowhere
from large_site import AHEAD, RUN
from measuring import interleaved

#: In one turn each step is carried out so many times; the fastest one counts.
REPEAT = 3


class Steps:
    """The measured steps. Each may be carried out any number of times."""

    def __init__(self) -> None:
        from course_sync_plugin import api
        from course_sync_plugin.models import Lane

        self.lane = Lane.objects.order_by("-course", "-pk").first()  # without problems
        self.waits_until = self.lane.due_at
        self.syncs, self.lanes = api.SyncPool(), api.LanePool(4)

    def all(self) -> dict[str, Callable[[], Any]]:
        """Return the steps by their names."""
        return {
            "claim": self.claim,
            "finish": self.deliver,
            "status": self.status,
            "status --json": self.status_json,
            "health": self.health,
            "problems": self.problems,
            "prune --plan": self.prune_plan,
            "idle round": self.idle_round,
            "sweep": self.sweep,
        }

    def prepare(self, name: str) -> None:
        """Bring the lane into the state that a step begins with."""
        from course_sync_plugin.models import DatabaseNow, Lane

        lane = Lane.objects.filter(pk=self.lane.pk)
        if name in ("claim", "finish"):
            values = {"cursor": self.lane.end - RUN * AHEAD, "due_at": DatabaseNow(), "lease_token": "", "attempts": 0}
        else:
            values = {"cursor": self.lane.end - RUN * AHEAD, "due_at": self.waits_until, "attempts": 1}
        lane.update(lease_until=None, last_error="HTTP 503", **values)

    def claim(self) -> None:
        """Claim the lane."""
        from course_sync_plugin.lanes.claim import claim_lane

        assert claim_lane(self.lane.pk)

    def deliver(self) -> None:
        """Deliver the operations ahead of the cursor: claim the lane, send each envelope, finish each."""
        from course_sync_plugin import api

        done = api.deliver_lane(self.lane.pk, seconds=600)
        assert done.envelopes == AHEAD, done

    def status(self) -> None:
        """Do what ``status`` does."""
        from course_sync_plugin import api

        assert len(api.status_overview()["targets"]) == 3

    def status_json(self) -> None:
        """Do what ``status --json`` and the REST view do."""
        from course_sync_plugin import api

        json.dumps(api.status())

    def health(self) -> None:
        """Do what the health endpoint does."""
        from course_sync_plugin import api

        api.health()

    def problems(self) -> None:
        """Do what ``problems`` does."""
        from course_sync_plugin import api

        assert api.list_causes(api.Filters())["problems"] == 30

    def prune_plan(self) -> None:
        """Do what ``prune`` does before it asks."""
        from course_sync_plugin import api

        assert api.Prune().plan().rows["attempts"] == 75

    def idle_round(self) -> None:
        """Do what ``run`` does each second when nothing is due."""
        self.syncs.sync_due()
        self.lanes.deliver_due()

    def sweep(self) -> None:
        """Do what ``run`` does each minute."""
        from course_sync_plugin import api

        assert not api.sweep().missed


def main() -> None:
    """Measure once for each line of standard input."""
    steps = Steps()
    queries = {name: counted(steps, name, step) for name, step in steps.all().items()}
    for _line in sys.stdin:
        seconds = {name: fastest(steps, name, step) for name, step in steps.all().items()}
        print(json.dumps({"seconds": seconds, "queries": queries}), flush=True)


def counted(steps: Steps, name: str, step: Callable[[], Any]) -> int:
    """Return the number of queries of a step."""
    steps.prepare(name)
    with host.counted() as statements:
        step()
    return len(host.queries(statements))


def fastest(steps: Steps, name: str, step: Callable[[], Any]) -> float:
    """Return the seconds of the fastest of some repetitions of a step."""
    seconds = []
    for _ in range(REPEAT):
        steps.prepare(name)
        seconds += interleaved(1, {name: step})[name]
    return min(seconds)


if __name__ == "__main__":
    host.start()
    with mock.patch("course_sync_plugin.lanes.deliver.open_target", opened_nowhere):
        main()
