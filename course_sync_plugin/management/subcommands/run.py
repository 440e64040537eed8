"""The subcommands ``run``, ``deliver`` and ``sweep``, which do the background work."""

from __future__ import annotations

import signal
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import attrs
from django.db import Error, close_old_connections
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.log import get_logger
from course_sync_plugin.management.subcommands.base import (
    DONE,
    Output,
    Subcommand,
    refuse_if_stopped,
    tell_if_stopped,
)
from course_sync_plugin.management.subcommands.counts import envelopes, lanes, operations
from course_sync_plugin.management.subcommands.signals import handled
from course_sync_plugin.sanitize import limits

log = get_logger(__name__)

#: Seconds between two rounds of the loop, between two sweeps, and between two checks of new course overviews.
INTERVAL, SWEEP_INTERVAL, RESTORE_INTERVAL = 1.0, 60.0, 5.0
#: Seconds between two looks whether the nightly prune is due.
PRUNE_INTERVAL = 300.0
#: Seconds between two searches for linked systems that are to be looked at.
POLL_INTERVAL = 5.0
#: Seconds between two notes that this process is at work. ``status`` warns if there are none for ten minutes.
NOTE_INTERVAL = 60.0
#: Seconds between two evaluations of the rules of notifications. The first one waits until a sweep had time to end: it
#: would tell of a sweep that is late because no process ran.
NOTIFY_INTERVAL, NOTIFY_FIRST = 60.0, 30.0
#: Lanes of one target that are delivered at the same time.
WORKERS = 4
#: What runs syncs, deliveries or background jobs in threads.
_Pool = api.SyncPool | api.LanePool | api.JobPool

#: Seconds that running requests and reads get after SIGTERM. Container platforms kill a process after 10.
GRACE = 4.0


def _run_arguments(parser: ArgumentParser) -> None:
    workers, interval, seconds = limits.WORKERS.argument, limits.INTERVAL.argument, limits.RUN_SECONDS.argument
    help_text = _("lanes of each target that are delivered at once (default: {n})").format(n=WORKERS)
    parser.add_argument("--workers", type=workers, default=WORKERS, help=help_text)
    help_text = _("seconds between two rounds of the loop (default: {n:g})").format(n=INTERVAL)
    parser.add_argument("--interval", type=interval, default=INTERVAL, help=help_text)
    parser.add_argument("--seconds", type=seconds, help=_("stop after this number of seconds (default: never)"))


def _run(options: dict[str, Any], out: Output) -> int:
    """Sync, deliver and sweep in one loop, until SIGTERM or SIGINT. Running requests then get a few seconds."""
    wake = threading.Event()
    with _stop_on_signal(wake) as stop:  # first: a supervisor may send a signal as soon as it reads the line below
        out.line(_("course_sync is running; stop it with Ctrl-C."))
        with suppress(Error):  # a database that is down may come back; the loop logs that it is down
            tell_if_stopped(out)
        out.stream.flush()  # a supervisor reads this from a pipe, which has a buffer
        _shut_down(out, *_loop(options, stop, wake))
    return DONE


def _loop(options: dict[str, Any], stop: threading.Event, wake: threading.Event) -> tuple[_Pool, ...]:
    """Repeat the round until it is time to stop; return the pools, in which something may still run."""
    syncs, lanes, jobs = api.SyncPool(done=wake.set), api.LanePool(options["workers"]), api.JobPool()
    periodic_steps = [
        _PeriodicStep(api.sweep, SWEEP_INTERVAL),
        _PeriodicStep(api.note_run, NOTE_INTERVAL),
        _PeriodicStep(api.restore_due_catalog_columns, RESTORE_INTERVAL),
        _PeriodicStep(api.send_notifications, NOTIFY_INTERVAL, first=NOTIFY_FIRST),
        _PeriodicStep(api.prune_nightly, PRUNE_INTERVAL),
        _PeriodicStep(api.poll_due, POLL_INTERVAL),
        _PeriodicStep(api.mirror_due, POLL_INTERVAL),
    ]
    ends_at = time.monotonic() + options["seconds"] if options["seconds"] is not None else float("inf")
    while not stop.is_set() and time.monotonic() < ends_at:
        close_old_connections()
        for step in periodic_steps:
            step.begin_if_due()
        _guarded(syncs.sync_due)
        _guarded(lanes.deliver_due)
        _guarded(jobs.run_due)
        wake.wait(min(options["interval"], max(0, ends_at - time.monotonic())))
        wake.clear()
    return syncs, lanes, jobs


class _PeriodicStep:
    """A step that runs each ``seconds`` in a thread of its own, since it may wait for the source or for a lock.

    ``first``: the seconds until it runs for the first time.
    """

    def __init__(self, step: Callable[[], Any], seconds: float, first: float = 0):
        self._step = step
        self._seconds = seconds
        self._due_at = time.monotonic() + first
        self._workers = api.Workers(1)

    def begin_if_due(self) -> None:
        """Begin the step if it is due, unless it still runs."""
        if time.monotonic() >= self._due_at:
            self._due_at = time.monotonic() + self._seconds
            self._workers.submit(self._step, partial(_guarded, self._step))


def _shut_down(out: Output, *pools: _Pool) -> None:
    """Begin nothing further, wait a few seconds for what is running, then give back the leases of those that hang."""
    for pool in pools:
        pool.close()
    out.line(
        _("course_sync is stopping. Running requests and reads get {seconds:g} seconds to finish.").format(
            seconds=GRACE
        )
    )
    out.stream.flush()
    ends_at = time.monotonic() + GRACE
    for pool in pools:
        pool.wait(max(0, ends_at - time.monotonic()))


@contextmanager
def _stop_on_signal(wake: threading.Event) -> Iterator[threading.Event]:
    """Yield an event that SIGTERM and SIGINT set. They also set ``wake``."""
    stop = threading.Event()

    def end(*_args: object) -> None:
        stop.set()
        wake.set()

    with handled(end, signal.SIGTERM, signal.SIGINT):
        yield stop


def _guarded(step: Any) -> None:
    """Carry out one step and log its errors. No error may end the process, because it makes all retries and sweeps."""
    try:
        step()
    except Error as error:
        log.warning("course_sync: %s failed (%s); the next round tries again", step.__name__, type(error).__name__)
    except Exception:
        log.exception("course_sync: %s failed; the next round tries again", step.__name__)


def _deliver_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--until-empty", action="store_true", help=_("repeat until no lane is due"))


def _deliver(options: dict[str, Any], out: Output) -> int:
    refuse_if_stopped()
    done = api.deliver_until_empty() if options["until_empty"] else api.deliver_due()
    text = _("{operations} in {envelopes}, {lanes}")
    sent, packed, in_lanes = operations(done.operations), envelopes(done.envelopes), lanes(done.lanes)
    out.line(text.format(operations=sent, envelopes=packed, lanes=in_lanes))
    stuck = api.stuck_lanes()
    _show_stuck(stuck, out)
    out.value({**attrs.asdict(done), **attrs.asdict(stuck)})
    return DONE


def _show_stuck(stuck: api.Stuck, out: Output) -> None:
    if stuck.waiting:
        text = ngettext("{n} lane waits for its next attempt", "{n} lanes wait for their next attempt", stuck.waiting)
        out.line(text.format(n=stuck.waiting))
    if stuck.failing:
        text = ngettext(
            "{n} lane is stopped until an operator acts; 'status' shows it",
            "{n} lanes are stopped until an operator acts; 'status' shows them",
            stuck.failing,
        )
        out.line(text.format(n=stuck.failing))
    for error in stuck.errors:
        out.line(f"  {error}")


def _sweep(options: dict[str, Any], out: Output) -> int:
    refuse_if_stopped()
    swept = api.sweep()
    _show_swept(swept.missed, len(swept.unknown), swept.lanes, out)
    out.value({"missed": swept.missed, "unknown": swept.unknown, "lanes": swept.lanes})
    return DONE


def _show_swept(missed: Sequence[str], unknown: int, lost: int, out: Output) -> None:
    text = ngettext("{n} publish was missed and is due now", "{n} publishes were missed and are due now", len(missed))
    out.line(text.format(n=len(missed)))
    for course in missed:
        out.line(f"  {course}")
    text = ngettext(
        "{n} course was never recorded; 'backfill' records it",
        "{n} courses were never recorded; 'backfill' records them",
        unknown,
    )
    out.line(text.format(n=unknown))
    text = ngettext("{n} lane was missed and is due now", "{n} lanes were missed and are due now", lost)
    out.line(text.format(n=lost))


RUN = Subcommand(
    "run", gettext_lazy("sync, deliver and sweep in one loop: the process that a site keeps running"),
    "run --workers 8", _run, _run_arguments,
)  # fmt: skip
DELIVER = Subcommand(
    "deliver", gettext_lazy("deliver the lanes that are due now"), "deliver --until-empty", _deliver,
    _deliver_arguments, has_json=True,
)  # fmt: skip
SWEEP = Subcommand(
    "sweep", gettext_lazy("find publishes and lanes that were missed, and make them due"), "sweep --json", _sweep,
    has_json=True,
    wakes=True,
)  # fmt: skip
