"""Holds the messages of one evaluation, sends them, and writes down what was sent and which channel failed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import attrs

from course_sync_plugin.log import get_logger
from course_sync_plugin.models import Notice, NotificationChannel, NotificationRule, bulk
from course_sync_plugin.upkeep.notifications.channels import Outcome, send_all
from course_sync_plugin.upkeep.notifications.decide import Known
from course_sync_plugin.upkeep.notifications.messages import Message

log = get_logger(__name__)

#: The wait of a channel after its first failed send; it is doubled after each further one, up to the longest.
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)


@attrs.frozen
class _Entry:
    rule: NotificationRule
    message: Message
    notices: tuple[int, ...]
    ends: bool


class Outbox:
    """The messages that are due, by channel. A channel that has just failed gets none until its wait is over."""

    def __init__(self) -> None:
        self._entries: defaultdict[NotificationChannel, list[_Entry]] = defaultdict(list)

    def tell(self, rule: NotificationRule, message: Message, notices: Iterable[Known]) -> None:
        """Add a message about troubles that last."""
        self._entries[rule.channel].append(_Entry(rule, message, tuple(one.pk for one in notices), ends=False))

    def end(self, rule: NotificationRule, message: Message, notices: Iterable[Known]) -> None:
        """Add a message about troubles that are over. Their notices go when it is sent."""
        self._entries[rule.channel].append(_Entry(rule, message, tuple(one.pk for one in notices), ends=True))

    def send(self, now: datetime) -> tuple[int, int]:
        """Send everything; return how many messages were sent and how many were not."""
        ready = {one: entries for one, entries in self._entries.items() if not (one.retry_at and one.retry_at > now)}
        if not ready:
            return 0, 0
        outcomes = send_all({channel: [one.message for one in entries] for channel, entries in ready.items()})
        sent = [entry for channel, entries in ready.items() for entry in entries[: outcomes[channel].sent]]
        _note_sent(sent, now)
        for channel, outcome in outcomes.items():
            _note_outcome(channel, outcome, ready[channel], now)
        return len(sent), sum(map(len, ready.values())) - len(sent)


def _note_sent(sent: Sequence[_Entry], now: datetime) -> None:
    for keys in bulk.chunks([pk for entry in sent if not entry.ends for pk in entry.notices]):
        Notice.objects.filter(pk__in=keys).update(last_sent_at=now)
    for keys in bulk.chunks([pk for entry in sent if entry.ends for pk in entry.notices]):
        Notice.objects.filter(pk__in=keys).delete()


def _note_outcome(channel: NotificationChannel, outcome: Outcome, entries: Sequence[_Entry], now: datetime) -> None:
    row = NotificationChannel.objects.filter(pk=channel.pk)
    if outcome.error:
        failures = channel.failures + 1
        retry_at = now + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - 1, 10))
        row.update(failures=failures, retry_at=retry_at, last_error=outcome.error)
        _log_once(channel, outcome.error, entries[outcome.sent].rule, now)
    elif channel.failures:
        row.update(failures=0, retry_at=None, last_error="", error_logged_at=None)


def _log_once(channel: NotificationChannel, error: str, rule: NotificationRule, now: datetime) -> None:
    """Log the failure of a channel, once in the cool-down of the rule whose message was not sent."""
    logged = channel.error_logged_at
    if logged is None or now - logged >= timedelta(seconds=rule.cooldown_seconds):
        log.warning("course_sync: the channel %s failed: %s The message is tried again.", channel.name, error)
        NotificationChannel.objects.filter(pk=channel.pk).update(error_logged_at=now)
