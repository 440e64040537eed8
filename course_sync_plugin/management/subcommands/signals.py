"""Handles signals while a command works, and restores the handlers that were there before."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def handled(handler: Callable[..., None], *numbers: signal.Signals) -> Iterator[None]:
    """Handle these signals with ``handler``. In another thread than the main thread, Python can handle no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def noted(text: str) -> Iterator[list[int]]:
    """Yield a list that gets the number of a SIGTERM or SIGINT, and write ``text`` then. A second signal ends at once.

    The list stays empty in another thread than the main thread: Python handles signals in no other one.
    """
    signals: list[int] = []
    line = f"{os.linesep}{text}{os.linesep}"

    def note(number: int, *_args: object) -> None:
        if signals:
            sys.exit(128 + number)
        signals.append(number)
        with suppress(OSError):
            os.write(2, line.encode())  # a stream may be in the middle of a write of its own

    with handled(note, signal.SIGTERM, signal.SIGINT):
        yield signals
