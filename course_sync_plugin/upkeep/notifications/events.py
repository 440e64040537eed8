"""The events that a rule can be about: what a message says of each, and how long each may last before it is told."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.models import NotificationEvent as Event


@attrs.frozen
class EventText:
    """What is said of an event, and what it applies to.

    ``what``: the sentence that says what happened. ``todo``: what an operator does about it. ``command``: the command
    for one subject, with ``{target}`` or ``{course}``; ``command_for_all``: that for several. ``unit``: what the size
    of a subject counts; empty if it has no size. ``threshold``: the seconds that the event may last, if its rule has no
    threshold. ``of_target``: the event belongs to a target, so a rule can be limited to one.
    """

    what: str | Promise
    todo: str | Promise
    command: str
    command_for_all: str
    unit: str | Promise = ""
    threshold: int = 0
    of_target: bool = True


EVENTS: Mapping[str, EventText] = MappingProxyType(
    {
        Event.TARGET_FAILING: EventText(
            _("Deliveries fail: the receiver gives no answer, or does not accept the signature."),
            _("Look at the error. Correct the receiver, the URL or the secret; then resume the target."),
            "course_sync status --target {target}",
            "course_sync status",
            _("courses"),
            threshold=15 * 60,
        ),
        Event.FIRST_PROBLEM: EventText(
            _("The receiver refused operations of a course that had no problem before."),
            _("Look at the reason. Then retry or skip the operations."),
            "course_sync status --course {course} --target {target}",
            "course_sync status",
            _("operations"),
        ),
        Event.BREAKER_OPEN: EventText(
            _("The circuit breaker is open: nothing is sent until a probe gets an answer."),
            _("Check that the receiver is up. When it answers again, deliveries go on by themselves."),
            "course_sync status --target {target}",
            "course_sync status",
        ),
        Event.TARGET_DISABLED: EventText(
            _("The receiver said that it is gone (HTTP 410), so the target is disabled."),
            _("Resume the target if the receiver is back; otherwise remove the target."),
            "course_sync status --target {target}",
            "course_sync status",
        ),
        Event.RUN_HELD: EventText(
            _("A publish would delete so much that it waits for your approval."),
            _("Look at what would be deleted. Approve it, or publish the course again with the missing parts."),
            "course_sync approve --course {course}",
            "course_sync approve",
            _("deletions"),
            of_target=False,
        ),
        Event.UNDELIVERED: EventText(
            _("The oldest operation has waited for too long."),
            _("Check that course_sync run is running, and that the receiver is fast enough."),
            "course_sync status --target {target}",
            "course_sync status",
        ),
        Event.NO_SWEEP: EventText(
            _("No process has swept: publishes that were missed are not found, and retries may be late."),
            _("Start the process course_sync run, or look at its log."),
            "course_sync run",
            "course_sync run",
            threshold=10 * 60,
            of_target=False,
        ),
        Event.CATALOG_FAILED: EventText(
            _("The last run of update_catalog_data could not read all of the catalog."),
            _("Look at the failures of the run in the admin (Catalog runs). Then start the command again."),
            "update_catalog_data",
            "update_catalog_data",
            of_target=False,
        ),
        Event.RECOVERED: EventText(
            _("These troubles, of which this channel was told, are over."), _("Nothing."), "", ""
        ),
    }
)


def threshold_of(event: str, threshold_seconds: int | None) -> float:
    """Return the seconds that an event may last: those of its rule, or else the default of the event.

    The default of ``undelivered`` is the objective of the site, COURSE_SYNC_OBJECTIVE_SECONDS.
    """
    if threshold_seconds is not None:
        return threshold_seconds
    return float(settings.COURSE_SYNC_OBJECTIVE_SECONDS) if event == Event.UNDELIVERED else EVENTS[event].threshold
