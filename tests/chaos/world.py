"""What the campaign runs: servers, receivers, workers of the plugin, and the courses that are published."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.courses import Draft, FileSource
from tests.chaos.environment import QUEUE, environment
from tests.chaos.receivers import ChaosReceiver
from tests.chaos.servers import MariaDB, Redis
from tests.services.processes import Process, Processes, eventually

#: The target in the campaign's own database.
LOCAL = "local"

_RUN = ("manage", "course_sync", "run", "--interval", "0.2", "--workers", "2")
_CELERY = (
    "celery",
    "-A",
    "sandbox",
    "worker",
    "-Q",
    QUEUE,
    "-P",
    "solo",
    "--without-gossip",
    "--without-mingle",
    "-l",
    "INFO",
)

#: The workers: two of each kind, side by side. The clock of one of them is wrong by so many seconds.
WORKERS = {
    "run": _RUN,
    "run-wrong-clock": ("--clock", "200", *_RUN),
    "celery-1": _CELERY,
    "celery-2": _CELERY,
}


class Workers:
    """The servers and worker processes of one campaign. ``workers`` holds the running processes by name.

    ``over``: set when the faults end. ``options``: of each worker (``tests.chaos.worker``). ``settings``: in the
    environment of each.
    """

    options: tuple[str, ...] = ()
    settings: Mapping[str, str] = {}

    def __init__(self, folder: Path, database: MariaDB, broker: Redis, seed: int, mutant: str):
        self.database, self.broker = database, broker
        self.mutant = mutant
        self.chance = random.Random(seed)
        self.environment = {**environment(folder, database, broker), **self.settings}
        self.processes = Processes(folder)
        self.workers: dict[str, Process] = {}
        self.over = threading.Event()

    def start_worker(self, name: str) -> None:
        """Start a worker. It may take a second until it works."""
        mutant = ("--mutant", self.mutant) if self.mutant else ()
        arguments = ("-m", "tests.chaos.worker", *self.options, *mutant, *WORKERS[name])
        self.workers[name] = self.processes.start(name, *arguments, environment=self.environment)

    def replace_the_dead(self) -> None:
        """Start each worker again that does not run any more."""
        for name, process in list(self.workers.items()):
            if not process.is_running():
                self.start_worker(name)

    def close(self) -> None:
        """End everything."""
        self.over.set()
        self.processes.close()


class World(Workers):
    """The servers, receivers and courses of one campaign."""

    def __init__(self, folder: Path, database: MariaDB, broker: Redis, seed: int, courses: int, mutant: str):
        super().__init__(folder, database, broker, seed, mutant)
        self.receivers: Mapping[str, ChaosReceiver] = {
            name: ChaosReceiver(random.Random(f"{seed}-{name}")).start() for name in ("crm", "lms")
        }
        self.source = FileSource()
        self.drafts = [Draft(f"course-v1:Chaos+Course+Run{at}", random.Random(f"{seed}-{at}")) for at in range(courses)]

    @property
    def targets(self) -> list[str]:
        """The names of the targets."""
        return [*self.receivers, LOCAL]

    def add_targets(self) -> None:
        """Create the tables and add the targets."""
        from django.core.management import call_command

        from course_sync_plugin import api

        call_command("migrate", verbosity=0)
        for name, receiver in self.receivers.items():
            api.add_target(name, url=receiver.url, secret=receiver.secret)
        api.add_target(LOCAL, backend="local")

    def worker_at(self, ports: frozenset[int] | set[int]) -> Process | None:
        """Return a worker that has a connection with one of these local ports."""
        return next((one for one in list(self.workers.values()) if one.ports() & ports), None)

    def close(self) -> None:
        super().close()
        for receiver in self.receivers.values():
            receiver.stop()


def wait_for_workers(world: Workers) -> None:
    """Wait until each worker says that it works."""
    for name, process in world.workers.items():
        words = " ready." if name.startswith("celery") else "is running"
        eventually(lambda process=process, words=words: process.has_said(words), f"the start of {name}")
