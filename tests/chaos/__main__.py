"""The command ``python -m tests.chaos``."""

from __future__ import annotations

import argparse
import logging
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.environment import TWO_WAY, environment
from tests.chaos.mutants import MUTANTS
from tests.chaos.servers import MariaDB, Redis, missing_programs


def main() -> int:
    """Run a campaign and print its table. Exit status 0: nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--courses", type=int, default=20)
    parser.add_argument("--operations", type=int, default=500)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seconds", type=float, help="end the faults after this time at the latest (900; two-way: 40)")
    parser.add_argument("--two-way", action="store_true", help="people edit the course in Canvas and Discourse too")
    parser.add_argument("--mutant", choices=MUTANTS, default="", help="put this fault into the plugin's own code")
    chosen = parser.parse_args()
    if missing := missing_programs():
        sys.exit(f"not installed: {', '.join(missing)}")
    print(f"seed {chosen.seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that no server or worker stays behind
    folder = Path(tempfile.mkdtemp(prefix="course-sync-chaos-"))
    (folder / "courses").mkdir()
    servers = MariaDB(folder), Redis(folder)
    os.environ.update({**environment(folder, *servers), **(TWO_WAY if chosen.two_way else {})})
    try:
        return (_run_two_way if chosen.two_way else _run)(folder, *servers, chosen)
    finally:
        for server in servers:
            server.end(hard=True)
        print(f"logs: {folder}")


def _run(folder: Path, database: MariaDB, broker: Redis, chosen: argparse.Namespace) -> int:
    """Run the campaign in this process. Django can be set up only now: its settings need the servers."""
    import django

    django.setup()
    _log_to(folder / "campaign.log")
    from tests.chaos.campaign import Goals, run
    from tests.chaos.table import table
    from tests.chaos.world import World

    world = World(folder, database, broker, chosen.seed, chosen.courses, chosen.mutant)
    try:
        report = run(world, Goals(chosen.operations, chosen.kills, chosen.seconds or 900))
    finally:
        world.close()
    print(table(report))
    return 0 if report.passed else 1


def _run_two_way(folder: Path, database: MariaDB, broker: Redis, chosen: argparse.Namespace) -> int:
    """Run the campaign for two-way targets in this process."""
    import django

    django.setup()
    _log_to(folder / "campaign.log")
    from tests.chaos.table import table
    from tests.chaos.two_way.campaign import run
    from tests.chaos.two_way.pace import quicken
    from tests.chaos.two_way.world import TwoWayWorld

    quicken()
    world = TwoWayWorld(folder, database, broker, chosen.seed, chosen.mutant)
    try:
        report = run(world, chosen.seconds or 40)
    finally:
        world.close()
    print(table(report))
    return 0 if report.passed else 1


def _log_to(path: Path) -> None:
    """Write what this process logs to a file: during an outage it logs much, and the table must be seen."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("", "course_sync_plugin"):
        logging.getLogger(name).handlers[:] = [handler]


if __name__ == "__main__":
    sys.exit(main())
