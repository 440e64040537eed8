"""Sends wake-ups for the Celery tasks from a daemon thread, so that the author does not wait for the broker.

A Redis that refuses connections costs the caller 0.6 s (6 s with newer clients), and one that drops packets more than
15 s. One waiting wake-up is enough, because the task looks at every marker: further ones are dropped. After each
wake-up the thread rests, so a burst of publishes sends few of them. If a wake-up is lost, the sync only comes later
(``manage.py course_sync run`` sweeps).
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable

from course_sync_plugin.log import get_logger

log = get_logger(__name__)


class Waker:
    """Calls ``wake`` in a daemon thread, once for all requests that came since the last call.

    ``rest`` returns the number of seconds to wait before the next call.
    """

    def __init__(self, wake: Callable[[], None], rest: Callable[[], float]):
        self._wake = wake
        self._rest = rest
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Start without a thread, with a new lock. A forked process has no thread, and its lock may stay locked."""
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
        """Wait for a waiting wake-up to be sent, about twice ``seconds`` at most.

        A management command, for example, ends right after it has published.
        """
        self._ending.set()
        try:
            self._requests.put(False, timeout=seconds)
        except queue.Full:
            return
        if self._thread:
            self._thread.join(seconds)

    def _start(self) -> None:
        """Start the thread if there is none."""
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="course-sync-wake", daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        while self._requests.get():
            try:
                self._wake()
            except Exception as error:  # noqa: BLE001  # no error of the broker matters: the marker exists
                log.warning("course_sync: no wake-up was sent (%s); the next sweep will find the marker", error)
            self._ending.wait(self._rest())
