"""Waking the Celery task without making the author wait for the broker.

A refusing Redis costs the caller 0.6 s (6 s by newer clients) and one that swallows packets more than 15 s; so a daemon
thread of the process talks to it. One waiting wake-up is enough, since the task looks at every marker: more are
dropped, and it rests a while after each, so that a burst of publishes sends few. A wake-up that is lost changes nothing
but the delay (``manage.py course_sync run`` sweeps).
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable

from course_sync_plugin.log import get_logger

log = get_logger(__name__)


class Waker:
    """A daemon thread that calls ``wake`` once for any number of requests that came meanwhile.

    ``rest`` says how many seconds it lets pass before the next call.
    """

    def __init__(self, wake: Callable[[], None], rest: Callable[[], float]):
        self._wake = wake
        self._rest = rest
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Begin without a thread. A forked process has none, and nobody in it who would give the lock back."""
        self._lock = threading.Lock()
        self._requests: queue.Queue[bool] = queue.Queue(maxsize=1)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def request(self) -> None:
        """Ask for a wake-up and return at once. Raises nothing."""
        try:
            self._start()
            self._requests.put_nowait(True)
        except queue.Full:
            log.debug("course_sync: a wake-up is waiting already")
        except RuntimeError as error:  # no more threads, or the process is ending
            log.warning("course_sync: no wake-up was sent (%s); the next sweep will find the marker", error)

    def finish(self, seconds: float = 2) -> None:
        """Give a wake-up that waits a moment to be sent: a management command ends right after it has published."""
        self._ending.set()
        try:
            self._requests.put(False, timeout=seconds)
        except queue.Full:
            return
        if self._thread:
            self._thread.join(seconds)

    def _start(self) -> None:
        """Start the thread, once."""
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="course-sync-wake", daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        while self._requests.get():
            try:
                self._wake()
            except Exception as error:  # noqa: BLE001  # whatever the broker does, the marker is there
                log.warning("course_sync: no wake-up was sent (%s); the next sweep will find the marker", error)
            self._ending.wait(self._rest())
