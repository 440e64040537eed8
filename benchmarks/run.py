"""``make benchmark``: the budgets, measured on this machine and shown as ratios.

Exit status 1 where a budget is missed. What was measured is written to ``benchmarks/results/`` as JSON. It takes some
four minutes; ``run.py diff queries`` measures only what is named. ``docs/benchmarks.rst`` says how and why.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import product
from statistics import median
from typing import Any

import host
from measuring import HERE, Figure, in_fresh_process, ratio, taking_turns

RESULTS = HERE / "results"

SIZES, PERCENTS = (1_000, 10_000, 50_000), (0, 1, 10)

#: Components that a receiver has refused, before they are deleted.
REFUSED = (250, 2_000)

#: Fresh processes per figure; rounds of those that take turns.
PROCESSES, ROUNDS = 3, 15

Databases = dict[str, Callable[[], Any]]


def databases() -> Databases:
    """Return the databases there are to measure on."""
    return {"SQLite": host.sqlite, **({"MariaDB": host.mariadb} if host.has_mariadb() else {})}


def diff() -> Iterator[Figure]:
    """The engine against the keyed reference and diffsync, and its memory."""
    for size, percent in product(SIZES, PERCENTS):
        what = f"diff of {size:,} entities, {percent} % changed"
        measured = [in_fresh_process("diffs.py", size, percent, "keyed") for _ in range(PROCESSES)]
        yield Figure(f"{what}: time, keyed reference = 1", ratio(measured, "engine", "keyed"), most=1.5)
        is_budget = size >= 10_000 and percent == 1
        measured = [in_fresh_process("diffs.py", size, percent, "diffsync") for _ in range(1 if size > 10_000 else 2)]
        faster = ratio(measured, "diffsync", "engine")
        yield Figure(f"{what}: times faster than diffsync's load and diff", faster, least=25 if is_budget else None)
        yield Figure(f"{what}: the same with our loading", ratio(measured, "diffsync", "loading engine"))
        memory = in_fresh_process("diffs.py", size, percent, "memory")["megabytes"]
        yield Figure(f"{what}: extra memory", memory, "MB", most=5 if is_budget else None)


def queries() -> Iterator[Figure]:
    """What a publish costs the database."""
    for name, database in databases().items():
        with database() as environment:
            found = in_fresh_process("queries.py", **environment)
        author = found["author"]
        inserts = [statement for statement in author if statement.startswith("INSERT")]
        yield Figure(f"{name}: the receiver, INSERTs", len(inserts), "", least=1, most=1)
        yield Figure(f"{name}: the receiver, statements with its savepoint", len(author), "", most=3)
        yield Figure(f"{name}: sync of a version that is recorded", found["same version"], "queries", most=4)
        yield Figure(f"{name}: sync of a publish that changed nothing", found["same content"], "queries", most=4)
        yield Figure(f"{name}: runs and journal rows of both", found["written for nothing"], "rows", most=0)
        recorded = list(found["recorded"].values())
        yield Figure(f"{name}: recording 50 operations, queries of 1 operation = 1", recorded[-1] / recorded[0], most=1)
        ((operations, number),) = found["many"].items()
        yield Figure(f"{name}: recording {operations} operations", number, "queries")


def cursors() -> Iterator[Figure]:
    """Claiming and finishing with a long journal behind the cursor."""
    for name, database in databases().items():
        with database() as short, database() as long:
            in_fresh_process("cursors.py", "build", 1_000, **short)
            in_fresh_process("cursors.py", "build", 1_000_000, **long)
            measured = taking_turns(ROUNDS, "cursors.py", "measure", environments={"short": short, "long": long})
        times = median(one["long"]["seconds"] / one["short"]["seconds"] for one in measured)
        queries = [one["queries"] for one in measured[0].values()]
        what = f"{name}: an envelope with a million operations behind it"
        yield Figure(f"{what}: time, a thousand = 1", times, most=1.25)
        yield Figure(f"{what}: queries, a thousand = 1", max(queries) / min(queries), most=1)
        yield Figure(f"{what}: with those of the whole turn", queries[0], "queries")


def delivery() -> Iterator[Figure]:
    """Delivering, against a bare session."""
    for name, database in databases().items():
        for receiver in ("durable", "distant", "forgetful", "empty"):
            with database() as environment:
                measured = in_fresh_process("delivery.py", receiver, **environment)
            what = f"{name}: delivering to a local receiver ({receiver}), bare session = 1"
            least = 0.7 if receiver == "durable" else None
            yield Figure(what, ratio([measured], "session", "lanes"), least=least)


def refusals() -> Iterator[Figure]:
    """Deleting what a receiver has refused: each deletion closes a problem."""
    few, many = REFUSED
    for name, database in databases().items():
        times = []
        for _ in range(PROCESSES):
            seconds = {}
            for size in REFUSED:
                with database() as environment:
                    seconds[size] = in_fresh_process("refusals.py", size, **environment)
            times.append(seconds[many] / seconds[few])
        what = f"{name}: deleting {many:,} refused components, time of each"
        yield Figure(f"{what}, of {few} = 1", median(times), most=1.5)


def catalog() -> Iterator[Figure]:
    """The catalog sync, against one get and one save per course.

    The sandbox's overview has a quarter of the platform's columns and no history, so one save of it is cheap and the
    ratio harder to reach than inside the platform (``docs/catalog.rst`` has figures of both). SQLite is shown only.
    """
    for name, database in databases().items():
        for runs in (3_200, 100_000):
            with database() as environment:
                found = in_fresh_process("catalog.py", runs, **environment)
            for round_, what in (("first", "all new"), ("again", "nothing new")):
                one, title = found[round_], f"{name}: catalog of {runs:,} runs, {what}"
                faster = found["one by one"] / one["seconds"]
                yield Figure(f"{title}: queries per page of 100", one["queries"], "", most=4)
                yield Figure(
                    f"{title}: times faster than one get and save", faster, least=20 if name == "MariaDB" else None
                )
                yield Figure(f"{title}: growth of memory", one["megabytes"], "MB", most=10)


PARTS = {part.__name__: part for part in (diff, queries, cursors, refusals, delivery, catalog)}


def main() -> int:
    """Measure, print, write down; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; none: all")
    chosen = parser.parse_args().parts or list(PARTS)
    if unknown := set(chosen) - PARTS.keys():
        parser.error(f"{', '.join(sorted(unknown))}: known are {', '.join(PARTS)}")
    figures = []
    for part in chosen:
        for figure in PARTS[part]():
            print(figure, flush=True)
            figures.append(figure)
    _write(figures)
    missed = sum(not figure.is_met for figure in figures)
    budgets = sum(figure.is_budget for figure in figures)
    print(f"{missed} of {budgets} budgets are missed." if missed else f"All {budgets} budgets hold.")
    return 1 if missed else 0


def _write(figures: list[Figure]) -> None:
    now = datetime.now(UTC)
    machine = {"python": platform.python_version(), "system": platform.platform(), "databases": list(databases())}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%dT%H-%M-%S}.json"
    path.write_text(
        json.dumps({"at": now.isoformat(), **machine, "figures": [figure.as_dict() for figure in figures]}, indent=2)
    )
    print(f"\nWritten to {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    sys.exit(main())
