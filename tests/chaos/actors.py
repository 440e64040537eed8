"""Those who act during the campaign, each in a thread of its own: authors, a saboteur, an operator."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from django.db import Error, close_old_connections, connections
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin import api
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.models import Lane, Problem, ProblemState
from course_sync_plugin.signals.handlers import on_course_published
from tests.chaos.courses import Draft
from tests.chaos.environment import LEASE
from tests.chaos.world import World
from tests.services.processes import Process


class Actor(threading.Thread):
    """Acts again and again, until the campaign is over. ``done`` counts what it did, ``errors`` what it could not.

    ``crash``: the traceback of an error that nobody expected; the actor then acts no more.
    """

    def __init__(self, world: World, name: str):
        super().__init__(name=name, daemon=True)
        self.world = world
        self.chance = random.Random(f"{world.chance.random()}-{name}")
        self.done: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.crash = ""

    def run(self) -> None:
        """Act until the campaign is over. The database may be down, and another actor may be quicker."""
        while not self.world.over.is_set():
            close_old_connections()
            try:
                self.act()
            except (Error, CourseSyncError) as error:
                self.errors[type(error).__name__] += 1
            except Exception:  # noqa: BLE001 (the campaign fails with it)
                self.crash = traceback.format_exc()
                break
        connections.close_all()

    def act(self) -> None:
        """Do one thing, and wait."""
        raise NotImplementedError

    def rest(self, least: float, most: float) -> None:
        """Wait for a random time."""
        self.world.over.wait(self.chance.uniform(least, most))


class Author(Actor):
    """Edits and publishes some of the courses."""

    def __init__(self, world: World, name: str, drafts: Sequence[Draft]):
        super().__init__(world, name)
        self._drafts = drafts

    def act(self) -> None:
        draft = self.chance.choice(self._drafts)
        draft.edit(self.chance.randint(1, 5))
        self.publish(draft, self.chance.choices(("in order", "stale read", "lost marker"), (7, 2, 1))[0])
        self.rest(0.3, 1.2)

    def publish(self, draft: Draft, how: str) -> None:
        """Publish a course. The signal may come before the course is readable, or not at all."""
        structure = draft.structure()
        if how == "stale read":
            self._send_signal(draft)
            time.sleep(self.chance.uniform(0, 1))
        self.world.source.write(structure)
        if how == "in order":
            self._send_signal(draft)
        self.done[f"publishes, {how}"] += 1

    @staticmethod
    def _send_signal(draft: Draft) -> None:
        on_course_published(None, CourseKey.from_string(draft.course))


class Saboteur(Actor):
    """Kills and stops workers while they work. A worker that idles is left alone."""

    def act(self) -> None:
        what = self.chance.choices(("a receiver held the body", "a transaction was open"), (6, 4))[0]
        look = self._held if what == "a receiver held the body" else self._writing
        worker = self._caught(look)
        if worker is None:
            return
        if self.chance.random() < 0.12:
            self.done[f"stops for longer than a lease while {what}"] += 1
            time.sleep(LEASE + 1.5)
            worker.resume()
        else:
            worker.kill()
            self.done[f"kills while {what}"] += 1
        self.world.replace_the_dead()
        self.rest(0, 0.5)

    def _held(self) -> frozenset[int]:
        return frozenset().union(*(receiver.unanswered for receiver in self.world.receivers.values()))

    def _writing(self) -> frozenset[int]:
        return frozenset(self.world.database.writing_ports())

    def _caught(self, look: Callable[[], frozenset[int]]) -> Process | None:
        """Return a worker that is stopped at its work, or None if there was none for some seconds.

        It is looked at once more after it was stopped: it may have ended its work in the meantime.
        """
        ends_at = time.monotonic() + 5
        while time.monotonic() < ends_at and not self.world.over.is_set():
            worker = self.world.worker_at(look())
            if worker:
                worker.suspend()
                if worker.ports() & look():
                    return worker
                worker.resume()
            time.sleep(0.01)
        self.world.replace_the_dead()
        return None


class Outages(Actor):
    """Restarts the broker and the database, softly or with SIGKILL, one of them or both."""

    def act(self) -> None:
        self.rest(5, 15)
        what = self.chance.choices(("broker", "database", "broker and database"), (5, 3, 2))[0]
        servers = [one for one in (self.world.broker, self.world.database) if one.__class__.__name__ in _NAMES[what]]
        hard, seconds = self.chance.random() < 0.5, self.chance.uniform(0.5, 3)
        for server in servers:
            server.end(hard=hard)
        time.sleep(seconds)
        for server in servers:
            server.start()
        self.done[f"outages of the {what}"] += 1


_NAMES = {"broker": ("Redis",), "database": ("MariaDB",), "broker and database": ("Redis", "MariaDB")}


class Operator(Actor):
    """Pauses, resumes, retries, skips, resets, and sweeps twice at once."""

    def act(self) -> None:
        action = self.chance.choice([self._pause, self._resume, self._retry, self._skip, self._reset, self._sweep])
        action()
        self.done[action.__name__.strip("_")] += 1
        self.rest(0.3, 1.5)

    def _pause(self) -> None:
        lane = self._lane()
        if lane:
            api.pause(lane.target.name, lane.course.key)

    def _resume(self) -> None:
        api.resume(self._any_target())
        for lane in Lane.objects.filter(paused=True).select_related("target", "course"):
            api.resume(lane.target.name, lane.course.key)

    def _retry(self) -> None:
        api.retry(self._any_target())

    def _skip(self) -> None:
        failed = Problem.objects.filter(state=ProblemState.FAILED).select_related("lane__target", "lane__course")
        problem = failed.order_by("pk").first()
        if problem:
            api.skip(problem.lane.target.name, str(problem.operation.operation_id), problem.lane.course.key)

    def _reset(self) -> None:
        lane = self._lane()
        if lane:
            api.reset(lane.target.name, [lane.course.key])

    def _sweep(self) -> None:
        sweeps = [threading.Thread(target=_quietly, args=(api.sweep,)) for _ in range(2)]
        for sweep in sweeps:
            sweep.start()
        for sweep in sweeps:
            sweep.join()

    def _lane(self) -> Lane | None:
        lanes = list(Lane.objects.select_related("target", "course").order_by("pk"))
        return self.chance.choice(lanes) if lanes else None

    def _any_target(self) -> str:
        return self.chance.choice(self.world.targets)


def _quietly(step: Callable[[], Any]) -> None:
    """Carry out a step. If the database is down, the next one comes soon."""
    try:
        step()
    except Error:
        close_old_connections()
    finally:
        connections.close_all()
