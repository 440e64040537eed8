"""Threads of the process ``course_sync run``: bounded in number, and no reason for the process not to end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

from django.db import connections

from course_sync_plugin.log import get_logger

log = get_logger(__name__)


class Workers:
    """Carries out jobs in at most ``most`` threads. A job has a key, and of one key there is one job at a time.

    The threads are daemons: those of ``concurrent.futures`` are joined when the interpreter ends, so that a job that
    hangs would keep the process.
    """

    def __init__(self, most: int):
        self._most = most
        self._changed = threading.Condition()
        self._waiting: dict[Hashable, Callable[[], None]] = {}
        self._begun: dict[Hashable, float] = {}
        self._left: set[Hashable] = set()
        self._closed = False

    def submit(self, key: Hashable, job: Callable[[], None]) -> None:
        """Have a job carried out; nothing happens while one of this key waits or runs."""
        with self._changed:
            if not (self._closed or key in self._begun or key in self._waiting):
                self._waiting[key] = job
                self._start()

    def leave_behind(self, seconds: float, most: int) -> None:
        """Let jobs that have run for longer than that take no place any more, so many at most."""
        with self._changed:
            too_long = time.monotonic() - seconds
            late = [key for key, began in self._begun.items() if began < too_long and key not in self._left]
            self._left.update(late[: max(0, most - len(self._left))])
            self._start()

    def close(self) -> None:
        """Begin no further job."""
        with self._changed:
            self._closed = True
            self._waiting.clear()

    def wait(self, seconds: float) -> list[Hashable]:
        """Wait for jobs that run; return the keys of those that still do after that time."""
        with self._changed:
            self._changed.wait_for(lambda: not self._begun, seconds)
            return list(self._begun)

    def _start(self) -> None:
        """Start as many jobs as there are free places."""
        while self._waiting and len(self._begun) - len(self._left) < self._most:
            key = next(iter(self._waiting))
            job = self._waiting.pop(key)
            self._begun[key] = time.monotonic()
            thread = threading.Thread(target=self._run, args=(key, job), name=f"course-sync-{key}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the system gives no more threads
                del self._begun[key]
                log.warning("course_sync: the job of %s was not begun (%s); it is tried again", key, error)
                return

    def _run(self, key: Hashable, job: Callable[[], None]) -> None:
        try:
            try:
                job()
            finally:
                connections.close_all()  # a thread has connections of its own
        except Exception:
            log.exception("course_sync: the job of %s ended in an error; it is tried again", key)
        finally:
            with self._changed:
                del self._begun[key]
                self._left.discard(key)
                self._start()
                self._changed.notify_all()
