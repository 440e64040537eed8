"""Finds the envelope that a lane sends next, or lets the lane sleep at the end of its journal."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, transaction

from course_sync_plugin.lanes.apply_verdict import change
from course_sync_plugin.lanes.batches import Reader
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.claim import sleep
from course_sync_plugin.lanes.envelopes import make_envelope
from course_sync_plugin.lanes.excluded import reload_end_and_ids
from course_sync_plugin.lanes.long_backlog import LongBacklog
from course_sync_plugin.lanes.problems import open_problems, reload, to_retry
from course_sync_plugin.lanes.snapshot import plan_baseline, plan_repairs
from course_sync_plugin.models import LINK, Course, CourseContext, Envelope, Lane, Link


class NextEnvelope:
    """What a lane sends next. One worker holds the lease of the lane.

    ``lane``: as :func:`course_sync_plugin.lanes.claim.claim_lane` returns it. ``blocked``: what waits behind its
    problems. ``needs_link``: the target sends only to linked courses. All methods raise LeaseLost.
    """

    def __init__(self, lane: Lane):
        self.lane = lane
        self.blocked = Blocked()
        self.needs_link = False
        self._reader = Reader(lane)
        self._backlog = LongBacklog(lane)
        self._context: Mapping[str, Any] = {}

    def find_or_sleep(self) -> Envelope | None:
        """Return the open envelope, or a new one. Returns None if there is none; then the lane has been given back."""
        while True:
            envelope = self._load_state_and_find()
            if envelope or sleep(self.lane, **self._columns_at_rest()):
                return envelope

    def follow(self) -> Envelope | None:
        """Return the envelope that follows the one that was just answered, in the transaction of the answer.

        None: the journal is at its end, or the state of the lane must be read again first.
        """
        return None if self.lane.nudged or self._backlog.is_due() else self._make()

    def sleep_or_find(self) -> Envelope | None:
        """Give the lane back at the end of its journal, and return None.

        If the lane has problems, or there is something new to do, look for an envelope again.
        """
        asleep = not (self.blocked or self._backlog.is_due()) and sleep(self.lane, **self._columns_at_rest())
        return None if asleep else self.find_or_sleep()

    def read_ahead(self, position: int) -> None:
        """Read what follows this position. An error is not one of the request: the next read meets it again."""
        with suppress(DatabaseError):
            self._reader.read_ahead(position)

    def _load_state_and_find(self) -> Envelope | None:
        """Read the lane's state again, because an operator may have changed it, and return the envelope to send."""
        with transaction.atomic():
            change(self.lane, nudged=False)
            reload_end_and_ids(self.lane, self._reader.excluded)
            reload(self.blocked, self.lane)
            self._context = CourseContext.of(self.lane.target_id, self.lane.course.key)
            envelope = Envelope.objects.filter(lane=self.lane).first()
        if envelope or self._missing_context():
            return envelope
        if self.lane.cursor is None:
            plan_baseline(self.lane)
        self._backlog.shorten()
        envelope = self._make_in_transaction()
        while envelope is None and self._has_to_retry():
            plan_repairs(self.lane)
            reload(self.blocked, self.lane)
            envelope = self._make_in_transaction()
        return envelope

    def _make_in_transaction(self) -> Envelope | None:
        with transaction.atomic():
            change(self.lane)
            return self._make()

    def _make(self) -> Envelope | None:
        envelope = make_envelope(self.lane, self._reader, self.blocked, self._context)
        if envelope is None:  # the cursor may have moved over operations that were skipped or parked
            change(self.lane, cursor=self.lane.cursor, closing=self.lane.closing)
        return envelope

    def _has_to_retry(self) -> bool:
        return bool(self.blocked and to_retry(open_problems(self.lane)))

    def _missing_context(self) -> str:
        """Return what the course lacks before it may be sent: its link, or the names of context values."""
        if self.needs_link and not Link.objects.filter(target=self.lane.target_id, course=self.lane.course_id).exists():
            return LINK
        required = self.lane.target.options.get("requires_context", [])
        return ", ".join(name for name in required if name not in self._context)

    def _columns_at_rest(self) -> dict[str, Any]:
        """Return the columns to write when the lane is given back: what it waits for, and the delivered version."""
        waiting_for = self._missing_context()
        if waiting_for:
            return {"waiting_for": waiting_for}
        rest: dict[str, Any] = {"waiting_for": "", "urgent": False}
        if self.blocked.has_trouble or self.lane.closing:
            return rest
        version = Course.objects.values_list("published_version", flat=True).get(pk=self.lane.course_id)
        return {**rest, "delivered_version": version}
