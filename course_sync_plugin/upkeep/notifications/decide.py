"""Decides what opens, closes and is told: the law of thresholds, groups, cool-downs and quiet recovery.

Functions of values only: no query, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import attrs

from course_sync_plugin.upkeep.notifications.findings import Finding

#: A rule sends at most one message in this time, so that troubles that come one after the other share messages.
GROUP = timedelta(minutes=5)


class Known(NamedTuple):
    """The columns of a notice (:class:`course_sync_plugin.models.Notice`). A rule may have thousands."""

    pk: int
    rule_id: int
    subject: str
    open_since: datetime
    first_since: datetime
    times: int
    last_sent_at: datetime | None
    closed_at: datetime | None


@attrs.frozen
class Terms:
    """How long a trouble may last before it is told, and how long it is then not told again."""

    threshold: timedelta
    cooldown: timedelta


@attrs.define
class Changes:
    """What has changed since the last evaluation.

    ``opened``: new troubles, each with the time of its begin. ``reopened``: troubles that were told, were over, and are
    back, each with the time of its new begin. ``closed``: troubles that were told and are over. ``forgotten``: troubles
    that were never told and are over.
    """

    opened: list[tuple[Finding, datetime]] = attrs.Factory(list)
    reopened: list[tuple[Known, datetime]] = attrs.Factory(list)
    closed: list[Known] = attrs.Factory(list)
    forgotten: list[Known] = attrs.Factory(list)


def changes(known: Mapping[str, Known], found: Iterable[Finding], terms: Terms, now: datetime) -> Changes:
    """Compare the notices of one rule, by subject, with what is found now.

    A trouble whose begin is known counts when it is older than the threshold. Otherwise it becomes a notice at once,
    because the notice keeps its begin.
    """
    result, there = Changes(), set()
    for finding in found:
        if finding.since is not None and now - finding.since < terms.threshold:
            continue
        there.add(finding.subject)
        notice, since = known.get(finding.subject), finding.since or now
        if notice is None:
            result.opened.append((finding, since))
        elif notice.closed_at is not None:
            result.reopened.append((notice, since))
    for subject in known.keys() - there:
        notice = known[subject]
        if notice.last_sent_at is None:
            result.forgotten.append(notice)
        elif notice.closed_at is None:
            result.closed.append(notice)
    return result


def due(notices: Sequence[Known], terms: Terms, now: datetime) -> list[Known]:
    """Return the notices of one rule that its next message must name, the oldest first; none if it must wait."""
    sent = [notice.last_sent_at for notice in notices if notice.last_sent_at]
    if sent and now - max(sent) < min(GROUP, terms.cooldown):
        return []
    found = [
        notice
        for notice in notices
        if notice.closed_at is None and now - notice.open_since >= terms.threshold and _has_cooled(notice, terms, now)
    ]
    return sorted(found, key=lambda notice: (notice.first_since, notice.pk))


def over(notices: Iterable[Known], terms: Terms, now: datetime) -> list[Known]:
    """Return the notices of one rule whose trouble was told, is over, and cannot come back within its cool-down.

    A trouble that comes and goes within the cool-down stays quiet: neither its end nor its return is told.
    """
    return [notice for notice in notices if notice.closed_at is not None and _has_cooled(notice, terms, now)]


def _has_cooled(notice: Known, terms: Terms, now: datetime) -> bool:
    return notice.last_sent_at is None or now - notice.last_sent_at >= terms.cooldown
