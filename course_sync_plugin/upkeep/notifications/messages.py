"""Writes the messages: what, since when, what to do, and the command.

A message holds names of targets, course keys, numbers and times. It repeats no text of other systems, because an error
of a receiver may hold course content, and a message leaves the site.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

import attrs
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from course_sync_plugin.data import utc_text
from course_sync_plugin.models import NotificationEvent, NotificationRule
from course_sync_plugin.sanitize.text import single_line
from course_sync_plugin.upkeep.notifications.decide import Known
from course_sync_plugin.upkeep.notifications.events import EVENTS

#: The most subjects that a message names; it counts the others.
NAMED = 10
#: The most characters of a line. A site may have a long name.
_LONGEST = 500


@attrs.frozen
class Message:
    """A message: its subject, one line, and its text, some lines. Both are cleaned."""

    subject: str
    text: str

    @classmethod
    def of(cls, subject: str, lines: Sequence[str]) -> Message:
        """Return a message of these lines. Each line is cleaned."""
        site = str(getattr(settings, "LMS_ROOT_URL", "") or "")
        lines = [*lines, _("Site: {site}").format(site=site)] if site else lines
        return cls(f"[course_sync] {single_line(subject, 200)}", "\n".join(single_line(one, _LONGEST) for one in lines))


def trouble(rule: NotificationRule, notices: Sequence[Known], sizes: Mapping[str, int]) -> Message:
    """Return the message of a rule about troubles that last. Those of the site as a whole have no subject.

    ``sizes``: how many courses or operations each subject affects.
    """
    event = EVENTS[rule.event]
    again = ngettext(
        "After {n} second this is told again, if it lasts.",
        "After {n} seconds this is told again, if it lasts.",
        rule.cooldown_seconds,
    )
    lines = [
        str(event.what),
        *_named([_line(notice, _size(sizes.get(notice.subject, 0), str(event.unit))) for notice in notices]),
        _("What to do: {todo}").format(todo=event.todo),
        _("Command: {command}").format(command=_command(rule, notices)),
        again.format(n=rule.cooldown_seconds),
    ]
    return Message.of(_headline(rule.get_event_display(), [notice.subject for notice in notices]), lines)


def recovery(notices: Sequence[tuple[str, Known]]) -> Message:
    """Return the message about troubles that are over. ``notices``: each with the title of its event."""
    event = EVENTS[NotificationEvent.RECOVERED]
    lines = [str(event.what), *_named([_ended(title, notice) for title, notice in notices])]
    names = [_joined(title, notice.subject) for title, notice in notices]
    return Message.of(_headline(str(NotificationEvent.RECOVERED.label), names), lines)


def trial(channel: str) -> Message:
    """Return the message of ``notify --test``."""
    return Message.of(
        _("test"), [_("This is a test of the channel {channel}. Nothing is wrong.").format(channel=channel)]
    )


def _headline(title: str, subjects: Sequence[str]) -> str:
    if len(subjects) > 1:
        return _("{title}: {first} and {n} more").format(title=title, first=subjects[0], n=len(subjects) - 1)
    return _joined(title, subjects[0])


def _joined(title: str, subject: str) -> str:
    return f"{title}: {subject}" if subject else title


def _named(lines: Sequence[str]) -> list[str]:
    more = [_("- and {n} more").format(n=len(lines) - NAMED)] if len(lines) > NAMED else []
    return [*(f"- {line}" for line in lines[:NAMED]), *more]


def _size(size: int, unit: str) -> str:
    return f", {unit}: {size}" if size and unit else ""


def _line(notice: Known, size: str) -> str:
    since = _("since {since}").format(since=utc_text(notice.open_since))
    if notice.times > 1:
        first = utc_text(notice.first_since)
        since += _(" ({n} times since {first})").format(n=notice.times, first=first)
    return f"{notice.subject or _('the site')}{size}, {since}"


def _ended(title: str, notice: Known) -> str:
    end = utc_text(notice.closed_at) if notice.closed_at else ""
    lasted = _("from {first} to {end}").format(first=utc_text(notice.first_since), end=end)
    times = _(", {n} times").format(n=notice.times) if notice.times > 1 else ""
    return f"{_joined(title, notice.subject)}, {lasted}{times}"


def _command(rule: NotificationRule, notices: Sequence[Known]) -> str:
    event = EVENTS[rule.event]
    course, _arrow, target = notices[0].subject.rpartition(" → ")
    alone = notices[0].subject if not course else ""
    names = {"target": shlex.quote(target or alone), "course": shlex.quote(course or alone)}
    return "manage.py " + (event.command.format(**names) if len(notices) == 1 else event.command_for_all)
