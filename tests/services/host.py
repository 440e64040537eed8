"""A host on real services: its processes, and its database, which the test reads too."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from django.db import connections

from course_sync_plugin.data import Structure
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.models import Course, JournalOperation, Lane
from course_sync_plugin.targets.signing import generate_secret
from course_sync_plugin.testing.inbox import Inbox
from sandbox.databases import database as sandbox_database
from sandbox.published.publishing import publish_structure
from sandbox.published.source import PublishedSource
from tests.services.processes import Process, Processes, eventually

SETTINGS = {
    "COURSE_SYNC_SOURCE": "sandbox.published.source.PublishedSource",
    "COURSE_SYNC_QUIET_SECONDS": 0,
    "COURSE_SYNC_LEASE_SECONDS": 2,
    "COURSE_SYNC_ENVELOPE_OPERATIONS": 100,
    # each kill uses up an attempt, and that must not stop a lane
    "COURSE_SYNC_RETRY_SCHEDULE": [1] * 50,
    "COURSE_SYNC_ALLOWED_PRIVATE_HOSTS": ["127.0.0.1"],
    "COURSE_SYNC_CELERY_QUEUE": "course-sync-services-test",
}


@contextmanager
def in_this_process(database_url: str) -> Iterator[None]:
    """Make the default connection of this process, in every thread, use another database."""
    ordinary = connections.settings["default"]
    _lead_to(connections.configure_settings({"default": sandbox_database(database_url)})["default"])
    try:
        yield
    finally:
        _lead_to(ordinary)


def _lead_to(database: Any) -> None:
    connections["default"].close()
    del connections["default"]
    connections.settings["default"] = database


class ReceiverProcess:
    """The receiver kit as a process. Its file holds the messages that it has received."""

    def __init__(self, processes: Processes, name: str, hold: float = 0):
        self.name = name
        self.secret = generate_secret()
        self.state = processes.folder / f"{name}.sqlite3"
        kit = ("-m", "course_sync_plugin.testing.receiver", "--secret", self.secret, "--state", str(self.state))
        self.process = processes.start(name, *kit, "--hold", str(hold), environment={}, talks=True)
        self.url = self.process.read()

    def messages(self) -> list[tuple[str, bytes]]:
        """Return id and body of every message, in order of arrival."""
        with closing(sqlite3.connect(self.state)) as database:
            return database.execute("SELECT message_id, body FROM message ORDER BY position").fetchall()

    def bodies(self) -> list[Any]:
        """Return the decoded bodies."""
        return [json.loads(body) for _, body in self.messages()]

    @contextmanager
    def inbox(self) -> Iterator[Inbox]:
        """Yield an inbox with all received messages: replicas, counters, violations of the contract."""
        with closing(Inbox(self.state)) as inbox:
            yield inbox

    def has(self, structure: Structure) -> bool:
        """Tell whether its replica equals this course. A version without changes is never sent."""
        with self.inbox() as inbox:
            replica = inbox.replica(structure.course_id)
            return replica.complete and replica.equals(structure)


class Host:
    """The sandbox with its environment variables."""

    def __init__(self, processes: Processes, settings: Any, environment: Mapping[str, str]):
        self.processes = processes
        self._settings = settings
        self.environment = dict(environment)
        self.set(**SETTINGS)

    def set(self, **values: Any) -> None:
        """Set settings of the plugin, in this process and in processes that start later."""
        for name, value in values.items():
            setattr(self._settings, name, value)
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            self.environment[name] = text

    def manage(self, *arguments: str) -> Process:
        """Start ``manage.py``."""
        return self.processes.start(arguments[0], "manage.py", *arguments, environment=self.environment)

    def runner(self) -> Process:
        """Start ``course_sync run`` and wait until it is running."""
        process = self.manage("course_sync", "run", "--interval", "0.1")
        eventually(lambda: process.has_said("is running"), "the start of course_sync run")
        return process

    def worker(self, *arguments: str) -> Process:
        """Start a Celery worker and wait until it is ready."""
        queue = self.environment["COURSE_SYNC_CELERY_QUEUE"]
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO")
        command = ("-m", "celery", "-A", "sandbox", "worker", "-Q", queue, *quiet, *(arguments or ("-c", "2")))
        process = self.processes.start("worker", *command, environment={**self.environment, "LOG_LEVEL": "INFO"})
        eventually(lambda: process.has_said(" ready."), "the start of the worker")
        return process

    def studio(self, **environment: str) -> Studio:
        """Start a process that publishes."""
        return Studio(
            self.processes.start(
                "studio", "-m", "tests.services.studio", environment={**self.environment, **environment}, talks=True
            )
        )

    def receiver(self, name: str = "crm", *, hold: float = 0) -> ReceiverProcess:
        """Start a receiver and add it as a target."""
        from course_sync_plugin import api

        receiver = ReceiverProcess(self.processes, name, hold)
        api.add_target(name, url=receiver.url, secret=receiver.secret)
        return receiver


class Studio:
    """A process in which authors publish."""

    def __init__(self, process: Process):
        self.process = process
        self.process.read()

    def publish(self, course: str, version: str, titles: Mapping[str, str] | None = None) -> float:
        """Publish ``a_course``; return the seconds that the author waited."""
        return json.loads(self.process.ask(json.dumps({"course": course, "version": version, "titles": titles or {}})))


def publish(structure: Structure) -> Structure:
    """Publish a structure in this process. It has no broker, so only a marker is left."""
    publish_structure(structure)
    return structure


def published(course: str) -> Structure:
    """Return the structure of a course that is published now."""
    return PublishedSource().read(course)


def check_journal(course: str) -> int:
    """Check that a course's journal has no gaps and gives the recorded entities; return its length."""
    row = Course.objects.get(key=course)
    positions = JournalOperation.objects.filter(course=row).order_by("position").values_list("position", flat=True)
    assert list(positions) == list(range(1, row.last_position + 1))
    assert stored_structure(row).same_course_as(published(course))
    assert row.published_version == published(course).published_version
    return row.last_position


def wait_for(receiver: ReceiverProcess, structure: Structure) -> None:
    """Wait until a receiver's replica equals the course. On a timeout, fail and show the state of everything."""
    try:
        eventually(lambda: receiver.has(structure), f"{structure.course_id} at {receiver.name}")
    except AssertionError as error:
        lanes = list(Lane.objects.filter(course__key=structure.course_id).values())
        raise AssertionError(f"{error}\n{Course.objects.filter(key=structure.course_id).values()}\n{lanes}") from None


def check_in_step(receivers: Sequence[ReceiverProcess], courses: Sequence[str]) -> None:
    """Wait until receivers have the published courses, and check that the messages kept the contract."""
    for receiver in receivers:
        for structure in map(published, courses):
            wait_for(receiver, structure)
        with receiver.inbox() as inbox:
            assert inbox.violations == []
            for course in courses:
                assert inbox.replica(course).difference(published(course)) == []


def syncs(process: Process, *outcomes: str) -> list[str]:
    """Return the log lines of syncs with these outcomes. Celery logs each line again in its own format."""
    return re.findall(rf"(?:INFO|WARNING) course_sync: course=\S+ outcome=(?:{'|'.join(outcomes)}) .*", process.says())


def lane_of(course: str, target: str = "crm") -> Lane:
    """Return a lane as it is now in the database."""
    return Lane.objects.get(course__key=course, target__name=target)
