"""``diffs.py SIZE PERCENT WHAT``: measures one diff. WHAT is ``keyed`` or ``diffsync`` (competitors), or ``memory``."""

from __future__ import annotations

import json
import sys
import tracemalloc

from courses import changed_course, plain_course, structure_of
from keyed_reference import keyed_diff
from measuring import interleaved

from course_sync_plugin.diff.engine import diff


def keyed(old, new) -> dict[str, list[float]]:
    """Measure the engine and the keyed reference, after a check that both find the same operations."""
    left, right = structure_of(old), structure_of(new)
    ours = [{**operation.as_dict(), "id": ""} for operation in diff(left, right)]
    assert ours == [{**operation, "id": ""} for operation in keyed_diff(old, new)], "the reference finds something else"
    rounds = 30 if len(left) < 5000 else 9
    return interleaved(rounds, {"engine": lambda: diff(left, right), "keyed": lambda: keyed_diff(old, new)})


def diffsync(old, new) -> dict[str, list[float]]:
    """Measure the engine, with and without loading, and diffsync, which always needs loading."""
    from diffsync_reference import load_and_diff

    left, right = structure_of(old), structure_of(new)
    return interleaved(
        3 if len(left) < 20000 else 1,
        {
            "engine": lambda: diff(left, right),
            "loading engine": lambda: diff(structure_of(old), structure_of(new)),
            "diffsync": lambda: load_and_diff(old, new),
        },
    )


def memory(old, new) -> dict[str, float]:
    """Measure the peak memory of a diff beyond its inputs, with its result, in megabytes."""
    left, right = structure_of(old), structure_of(new)
    few = plain_course(200)
    diff(structure_of(few), structure_of(changed_course(few, 20)))  # warm up: some objects are made once per process
    tracemalloc.start()
    diff(left, right)
    return {"megabytes": tracemalloc.get_traced_memory()[1] / 1e6}


def main(size: str, percent: str, what: str) -> None:
    """Print the result as JSON."""
    old = plain_course(int(size))
    new = changed_course(old, float(percent))
    print(json.dumps({"keyed": keyed, "diffsync": diffsync, "memory": memory}[what](old, new)))


if __name__ == "__main__":
    main(*sys.argv[1:])
