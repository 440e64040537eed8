"""``workers.py memory OPERATIONS``: measures the growth of a worker's memory while it delivers that many operations.

``workers.py throughput``: measures how many operations real processes ``course_sync run`` deliver in a second to a
receiver 20 milliseconds away: 1, 2 and 4 processes with 8 lanes each at once, and one process with one lane at once.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import host
from cursors import opened_nowhere
from delivery import receiver
from large_site import TARGETS, build
from measuring import HERE

#: Lanes that are delivered, and operations of each.
LANES, OPERATIONS = 16, 1000
#: Processes, and the lanes that each of them delivers at once.
WORKERS = ((1, 1), (1, 8), (2, 8), (4, 8))
#: Seconds between two looks whether all is delivered.
LOOK = 0.02
#: Operations after which the memory is counted: by then all modules are imported.
WARM = 2_000


def memory(operations: int) -> float:
    """Deliver one lane with this many operations behind another. Return by how many megabytes the memory grew."""
    from course_sync_plugin import api
    from course_sync_plugin.models import Lane

    build(operations, 1)
    lane = Lane.objects.order_by("-pk")[0]  # of the target without problems
    with mock.patch("course_sync_plugin.lanes.deliver.open_target", opened_nowhere):
        _from(lane, operations - WARM)
        assert api.deliver_lane(lane.pk, seconds=3600)
        warm = _most_memory()
        _from(lane, 0)
        done = api.deliver_lane(lane.pk, seconds=3600)
    assert done.operations >= operations, done
    return _most_memory() - warm


def _from(lane: Any, cursor: int) -> None:
    from course_sync_plugin.models import DatabaseNow, Lane

    Lane.objects.filter(pk=lane.pk).update(cursor=cursor, due_at=DatabaseNow(), attempts=0)


def _most_memory() -> float:
    """Return the most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def throughput() -> dict[str, float]:
    """Return operations per second by the number of processes and of lanes at once."""
    from course_sync_plugin.models import Target

    build(LANES * OPERATIONS, LANES)
    Target.objects.exclude(name=TARGETS[-1]).update(paused=True)
    with receiver("far") as url:
        Target.objects.update(url=url)
        return {f"{processes} {lanes}": measured(processes, lanes) for processes, lanes in WORKERS}


def measured(processes: int, lanes: int) -> float:
    """Return the operations per second of so many processes."""
    from course_sync_plugin.models import DatabaseNow, Lane

    with ExitStack() as stack:
        for _ in range(processes):
            stack.enter_context(worker(lanes))
        rows = Lane.objects.filter(target__name=TARGETS[-1])
        rows.update(cursor=0, attempts=0, due_at=DatabaseNow())
        began = time.perf_counter()
        while rows.exclude(due_at=None).exists():
            time.sleep(LOOK)
        return sum(rows.values_list("end", flat=True)) / (time.perf_counter() - began)


@contextmanager
def worker(lanes: int) -> Iterator[None]:
    """Run a process ``course_sync run`` that looks for lanes ten times a second; yield when it is at work."""
    command = [sys.executable, str(HERE.parent / "manage.py"), "course_sync", "run", "--interval", "0.1"]
    with subprocess.Popen([*command, "--workers", str(lanes)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert "running" in process.stdout.readline()
            time.sleep(1)  # its first sweep
            yield
        finally:
            process.terminate()
            process.communicate()


def main() -> None:
    """Print the result as JSON."""
    host.start()
    print(json.dumps(memory(int(sys.argv[2])) if sys.argv[1] == "memory" else throughput()))


if __name__ == "__main__":
    main()
