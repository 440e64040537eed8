"""Runs the jobs of ``course_sync run`` in a bounded number of threads, which do not keep the process from ending."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping

from django.db import connections

from course_sync_plugin.log import get_logger

log = get_logger(__name__)


class Workers:
    """Runs jobs in at most ``most`` threads. Each job has a key, and only one job of a key waits or runs at a time.

    The threads are daemons. Python waits for the threads of ``concurrent.futures`` when it ends, so there a job that
    hangs would keep the process from ending.
    """

    def __init__(self, most: int):
        self._most = most
        self._changed = threading.Condition()
        self._waiting: dict[Hashable, Callable[[], None]] = {}
        self._begun: dict[Hashable, float] = {}
        self._left: set[Hashable] = set()
        self._closed = False

    def submit(self, key: Hashable, job: Callable[[], None]) -> None:
        """Queue a job and start it if a thread is free. Do nothing if a job of this key waits or runs."""
        with self._changed:
            if not (self._closed or key in self._begun or key in self._waiting):
                self._waiting[key] = job
                self._start()

    def replace_waiting(self, jobs: Mapping[Hashable, Callable[[], None]]) -> None:
        """Drop the jobs that wait and queue ``jobs`` in their order, by key. A job that runs is not queued again."""
        with self._changed:
            if not self._closed:
                self._waiting = {key: job for key, job in jobs.items() if key not in self._begun}
                self._start()

    def leave_behind(self, seconds: float, most: int) -> None:
        """Let jobs that run for longer than ``seconds`` no longer count against the limit, at most ``most`` of them."""
        with self._changed:
            too_long = time.monotonic() - seconds
            late = [key for key, began in self._begun.items() if began < too_long and key not in self._left]
            self._left.update(late[: max(0, most - len(self._left))])
            self._start()

    def close(self) -> None:
        """Start no further job and drop those that wait."""
        with self._changed:
            self._closed = True
            self._waiting.clear()

    def wait(self, seconds: float) -> list[Hashable]:
        """Wait for the running jobs, at most ``seconds``; return the keys of those that still run then."""
        with self._changed:
            self._changed.wait_for(lambda: not self._begun, seconds)
            return list(self._begun)

    def _start(self) -> None:
        """Start waiting jobs while the limit allows it."""
        while self._waiting and len(self._begun) - len(self._left) < self._most:
            key = next(iter(self._waiting))
            job = self._waiting.pop(key)
            self._begun[key] = time.monotonic()
            thread = threading.Thread(target=self._run, args=(key, job), name=f"course-sync-{key}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the operating system gives no more threads
                del self._begun[key]
                log.warning("course_sync: the job of %s was not started (%s); it is tried again", key, error)
                return

    def _run(self, key: Hashable, job: Callable[[], None]) -> None:
        try:
            try:
                job()
            finally:
                connections.close_all()  # each thread has connections of its own
        except Exception:
            log.exception("course_sync: the job of %s ended in an error; it is tried again", key)
        finally:
            with self._changed:
                del self._begun[key]
                self._left.discard(key)
                self._start()
                self._changed.notify_all()
