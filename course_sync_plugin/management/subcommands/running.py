"""run, deliver, sweep: the machinery."""

from __future__ import annotations

import signal
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import attrs
from django.db import Error, close_old_connections
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api, limits
from course_sync_plugin.log import get_logger
from course_sync_plugin.management.subcommands.base import (
    DONE,
    Output,
    Subcommand,
    refuse_if_stopped,
    tell_if_stopped,
)

log = get_logger(__name__)

#: Seconds between two looks at the database, between two sweeps, and between two looks at overviews.
INTERVAL, SWEEP_INTERVAL, RESTORE_INTERVAL = 1.0, 60.0, 5.0
#: Lanes delivered at the same time.
WORKERS = 4
#: Seconds that requests and reads in hand get after SIGTERM. Container platforms kill a process after 10.
GRACE = 4.0


def _run_arguments(parser: ArgumentParser) -> None:
    workers, interval, seconds = limits.WORKERS.argument, limits.INTERVAL.argument, limits.RUN_SECONDS.argument
    parser.add_argument("--workers", type=workers, default=WORKERS, help=_("lanes of each target delivered at once"))
    parser.add_argument("--interval", type=interval, default=INTERVAL, help=_("seconds between two rounds"))
    parser.add_argument("--seconds", type=seconds, help=_("end after so many seconds (default: run until stopped)"))


def _run(options: dict[str, Any], out: Output) -> int:
    """Syncs, lanes and sweep in one loop, until SIGTERM or SIGINT. Requests in hand then get a few seconds."""
    wake = threading.Event()
    with _stop_on_signal(wake) as stop:  # first: a supervisor may stop it as soon as it says that it runs
        out.line(_("course_sync is running; stop it with Ctrl-C."))
        with suppress(Error):  # a database that is away may come back; the loop tells of it
            tell_if_stopped(out)
        out.stream.flush()  # a supervisor reads a pipe
        _leave(out, *_loop(options, stop, wake))
    return DONE


def _loop(options: dict[str, Any], stop: threading.Event, wake: threading.Event) -> tuple[api.SyncPool, api.LanePool]:
    """Go round until it is time to stop; return the pools, in which something may still be in hand."""
    syncs, lanes = api.SyncPool(done=wake.set), api.LanePool(options["workers"])
    chores = [_Chore(api.sweep, SWEEP_INTERVAL), _Chore(api.restore_due_catalog_columns, RESTORE_INTERVAL)]
    ends_at = time.monotonic() + options["seconds"] if options["seconds"] is not None else float("inf")
    while not stop.is_set() and time.monotonic() < ends_at:
        close_old_connections()
        for chore in chores:
            chore.begin_if_due()
        _guarded(syncs.sync_due)
        _guarded(lanes.deliver_due)
        wake.wait(min(options["interval"], max(0, ends_at - time.monotonic())))
        wake.clear()
    return syncs, lanes


class _Chore:
    """A step that is carried out now and then in a thread of its own: it may wait for the source, or for a lock."""

    def __init__(self, step: Callable[[], Any], seconds: float):
        self._step = step
        self._seconds = seconds
        self._due_at = 0.0
        self._workers = api.Workers(1)

    def begin_if_due(self) -> None:
        """Begin the step if it is time; nothing happens while it is still under way."""
        if time.monotonic() >= self._due_at:
            self._due_at = time.monotonic() + self._seconds
            self._workers.submit(self._step, partial(_guarded, self._step))


def _leave(out: Output, *pools: api.SyncPool | api.LanePool) -> None:
    """Begin nothing new, wait a moment for what is in hand, settle what hangs."""
    for pool in pools:
        pool.close()
    out.line(_("course_sync stops. What is in hand gets {seconds:g} seconds.").format(seconds=GRACE))
    out.stream.flush()
    ends_at = time.monotonic() + GRACE
    for pool in pools:
        pool.wait(max(0, ends_at - time.monotonic()))


@contextmanager
def _stop_on_signal(wake: threading.Event) -> Iterator[threading.Event]:
    """Yield an event that the usual signals set; they also set ``wake``."""
    stop = threading.Event()

    def end(*_args: object) -> None:
        stop.set()
        wake.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _guarded(step: Any) -> None:
    """Carry out one step; whatever goes wrong in it must not end the process that mends everything."""
    try:
        step()
    except Error as error:
        log.warning("course_sync: %s failed (%s); the next round tries again", step.__name__, type(error).__name__)
    except Exception:
        log.exception("course_sync: %s failed; the next round tries again", step.__name__)


def _deliver_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--until-empty", action="store_true", help=_("go on until no lane is due any more"))


def _deliver(options: dict[str, Any], out: Output) -> int:
    refuse_if_stopped()
    done = api.deliver_until_empty() if options["until_empty"] else api.deliver_due()
    out.line(
        _("{operations} operations in {envelopes} envelopes, {lanes} lanes").format(
            operations=done.operations, envelopes=done.envelopes, lanes=done.lanes
        )
    )
    stuck = api.stuck_lanes()
    _show_stuck(stuck, out)
    out.value({**attrs.asdict(done), **attrs.asdict(stuck)})
    return DONE


def _show_stuck(stuck: api.Stuck, out: Output) -> None:
    if stuck.waiting:
        out.line(_("{n} lanes wait for their next attempt").format(n=stuck.waiting))
    if stuck.failing:
        out.line(_("{n} lanes stand still until somebody acts; 'status' shows them").format(n=stuck.failing))
    for error in stuck.errors:
        out.line(f"  {error}")


def _sweep(options: dict[str, Any], out: Output) -> int:
    refuse_if_stopped()
    swept = api.sweep()
    out.line(_("{n} publishes were missed and are due now").format(n=len(swept.missed)))
    for course in swept.missed:
        out.line(f"  {course}")
    out.line(_("{n} courses were never recorded; 'backfill' fills them").format(n=len(swept.unknown)))
    out.line(_("{n} lanes had been forgotten and are due now").format(n=swept.lanes))
    out.value({"missed": swept.missed, "unknown": swept.unknown, "lanes": swept.lanes})
    return DONE


RUN = Subcommand(
    "run", gettext_lazy("sync, deliver and sweep in one loop: the process that keeps everything going"),
    "run --workers 8", _run, _run_arguments,
)  # fmt: skip
DELIVER = Subcommand(
    "deliver", gettext_lazy("deliver what is due now"), "deliver --until-empty", _deliver, _deliver_arguments,
    has_json=True,
)  # fmt: skip
SWEEP = Subcommand(
    "sweep", gettext_lazy("find publishes and lanes that were missed, and make them due"), "sweep --json", _sweep,
    has_json=True,
    wakes=True,
)  # fmt: skip
