"""``make benchmark``: measures the budgets on this machine and shows them as ratios.

The exit status is 1 if a budget is missed. The figures are written to ``benchmarks/results/`` as JSON. It takes about
twenty minutes; ``run.py diff queries`` measures only these parts. ``docs/references/benchmarks.rst`` says how and why.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import product
from statistics import median
from typing import Any

import host
from measuring import HERE, Figure, in_fresh_process, ratio, taking_turns

RESULTS = HERE / "results"

SIZES, PERCENTS = (1_000, 10_000, 50_000), (0, 1, 10)

#: Numbers of components that a receiver has refused before they are deleted.
REFUSED = (250, 2_000)

#: Fresh processes per figure; rounds of processes that take turns.
PROCESSES, ROUNDS = 3, 15

#: Operations behind the cursors and courses of the sites that are compared, the smallest first; rounds in turns.
SITES, SITE_ROUNDS = ((1_000, 50), (100_000, 50), (1_000_000, 50), (1_000_000, 5_000)), 7
#: The most that a step may take, in times of the smallest site, and the most queries (``DESIGN.md`` section 7). The
#: steps that are not named have no budget.
STEP_BUDGETS: Mapping[str, tuple[float, int | None]] = {
    "claim": (1.25, None),
    "finish": (1.25, None),
    **dict.fromkeys(("status", "status --json", "problems"), (1.5, 12)),
}
#: The smallest and the largest site; the most times and queries of a page and of a list of the API.
ENDS, PAGE_BUDGET = (SITES[0], SITES[-1]), (1.5, 12)
#: Operations that a worker delivers while its memory is measured.
DELIVERED = 100_000

Databases = dict[str, Callable[[], Any]]


def databases() -> Databases:
    """Return the databases that this machine has to measure on."""
    return {
        "SQLite": host.sqlite,
        **({"MariaDB": host.mariadb} if host.has_mariadb() else {}),
        **({"PostgreSQL": host.postgresql} if host.has_postgresql() else {}),
    }


def diff() -> Iterator[Figure]:
    """Measure the engine against the keyed reference and diffsync, and its memory."""
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


def merges() -> Iterator[Figure]:
    """Measure the merge of two changed targets against a keyed comparison of the same states."""
    for percent in (0, 1, 10):
        measured = [in_fresh_process("merges.py", 10_000, percent) for _ in range(PROCESSES)]
        what = f"merge of 10,000 entities over three sites, {percent} % changed at each target: keyed = 1"
        yield Figure(what, ratio(measured, "merge", "keyed"), most=3 if percent == 1 else None)


def queries() -> Iterator[Figure]:
    """Count the queries of a publish and of its sync."""
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
    """Measure claiming and finishing envelopes with a long journal behind the cursor."""
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
    """Measure the delivery against bare ``requests`` sessions.

    Eight sessions would send more than the receiver kit can answer, so the receiver of ``eight`` only waits.
    """
    cases = {
        "distant": ("distant", 1, 0.9),
        "eight": ("far", 8, 0.8),
        "one of eight": ("far", 1, None),
        **{receiver: (receiver, 1, None) for receiver in ("durable", "forgetful", "empty")},
    }
    for name, database in databases().items():
        for case, (receiver, lanes, least) in cases.items():
            with database() as environment:
                measured = in_fresh_process("delivery.py", receiver, lanes, **environment)
            what = f"{name}: delivering to a receiver ({case}), bare session = 1"
            yield Figure(what, ratio([measured], "sessions", "lanes"), least=least)


def load() -> Iterator[Figure]:
    """Measure sites of several sizes against the smallest, the memory of a worker, and the throughput of workers."""
    for name, database in databases().items():
        yield from _steps(name, _on_sites(database, SITES, "load.py"), STEP_BUDGETS)
        with database() as environment:
            grown = in_fresh_process("workers.py", "memory", DELIVERED, **environment)
        yield Figure(f"{name}: growth of a worker's memory, {DELIVERED:,} operations", grown, "MB")
        with database() as environment:
            found = in_fresh_process("workers.py", "throughput", **environment)
        (_least, slowest), *_rest = found.items()
        for case, per_second in found.items():
            what = "{} processes, {} lanes each at once".format(*case.split())
            yield Figure(f"{name}: {what}: operations in a second", per_second, "")
            yield Figure(f"{name}: {what}: one process and lane = 1", per_second / slowest)


def _on_sites(database: Callable[[], Any], sites: Sequence[tuple[int, int]], script: str) -> list[Mapping[str, Any]]:
    """Make sites of several sizes, each in a database of its own, and measure them in turns."""
    with ExitStack() as stack:
        environments = {f"{size:,} operations, {n:,} courses": stack.enter_context(database()) for size, n in sites}
        for (operations, courses), environment in zip(sites, environments.values(), strict=True):
            in_fresh_process("large_site.py", operations, courses, **environment)
        return taking_turns(SITE_ROUNDS, script, environments=environments)


def _steps(
    name: str, measured: list[Mapping[str, Any]], budgets: Mapping[str, tuple[float, int | None]]
) -> Iterator[Figure]:
    smallest, *others = measured[0]
    for step in measured[0][smallest]["seconds"]:
        most_times, most_queries = budgets.get(step, (None, None))
        at_least = median(one[smallest]["seconds"][step] for one in measured) * 1000
        yield Figure(f"{name}: {step}: {smallest}", at_least, "ms")
        for site in others:
            times = median(one[site]["seconds"][step] / one[smallest]["seconds"][step] for one in measured)
            yield Figure(f"{name}: {step}: {site}, time", times, most=most_times)
        queries = max(one["queries"][step] for one in measured[0].values())
        yield Figure(f"{name}: {step}: queries", queries, "", most=most_queries)


def pages() -> Iterator[Figure]:
    """Measure the pages and the lists of the API on sites of several sizes against the smallest."""
    for name, database in databases().items():
        measured = _on_sites(database, ENDS, "pages.py")
        smallest, *_others = measured[0].values()
        yield from _steps(name, measured, dict.fromkeys(smallest["seconds"], PAGE_BUDGET))


def refusals() -> Iterator[Figure]:
    """Measure the deletion of components that a receiver has refused: each deletion closes a problem."""
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
    """Measure the catalog sync against one get and one save per course.

    The sandbox's overview has a quarter of the platform's columns and no history. So one save is cheap, and the ratio
    is harder to reach than inside the platform (``docs/references/benchmarks.rst`` has figures of both). SQLite has no
    budget.
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


def inbound() -> Iterator[Figure]:
    """Measure the address for notices against an empty view of the same site, with and without ``ATOMIC_REQUESTS``."""
    for name, database in databases().items():
        for kind, least in (("atomic", 0.7), ("bare", None)):
            with database() as environment:
                found = in_fresh_process("inbound.py", kind, **environment)
            stored = found["notices"] / median(found["stored"])
            yield Figure(f"{name}: notices stored in a second ({kind} site)", stored, "", least=300)
            throughput = ratio([found], "empty", "stored")
            yield Figure(f"{name}: throughput of notices ({kind} site), empty view = 1", throughput, least=least)


def calls() -> Iterator[Figure]:
    """Count the requests to Canvas and Discourse, for the sample course and for real ones if they are there."""
    for (name, exports), system in product(courses_of_calls().items(), ("canvas", "discourse")):
        with host.sqlite() as environment:
            found = in_fresh_process(
                "calls.py", system, *exports, COURSE_SYNC_MASS_DELETE_COUNT="1000000", **environment
            )
        what = f"{system}, {name}"
        requests, objects = found["fill"]
        yield Figure(f"{what}: first fill of {objects} objects, requests for each", requests / objects, "", most=1.15)
        changes = [change for change in found["changes"] if change[1]]
        requests, objects, _lists = (sum(column) for column in zip(*changes, strict=True))
        yield Figure(f"{what}: {objects} changed objects, requests for each", requests / objects, "", most=1.2)
        looks = [requests for requests, _objects in found["looks"]]
        lists = max(lists / look for (*_change, lists), look in zip(found["changes"], looks[1:], strict=True))
        yield Figure(f"{what}: the same, lists of a turn, those of one look = 1", lists, most=1)
        share = max(requests / (2 + objects / 100) for requests, objects in found["looks"])
        yield Figure(f"{what}: a look, requests, 2 + objects / 100 = 1", share, most=1)
        yield Figure(f"{what}: a look, requests", max(looks), "")
        yield Figure(f"{what}: an echo, requests that change something", found["echoes"], "", most=0)


def courses_of_calls() -> dict[str, list[str]]:
    """Return the exports of each series of revisions, by its name."""
    sample, real = HERE.parent / "sandbox" / "sample", HERE.parent.parent / "shared" / "data" / "courses"
    series = {"demox": "2014a 2014b maple verawood", "test101": "r1 r2 r3 r4 r5"}
    found = {"sample": [str(sample / "old"), str(sample / "new")]}
    if real.is_dir():
        found |= {name: [str(real / f"{name}__{one}.tar.gz") for one in ones.split()] for name, ones in series.items()}
    return found


PARTS = {
    part.__name__: part
    for part in (diff, merges, queries, cursors, refusals, delivery, load, pages, catalog, inbound, calls)
}


def main() -> int:
    """Measure, print and store the figures; return the exit status."""
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
