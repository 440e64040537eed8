"""Sends messages through channels: each channel in a thread of its own, and none for longer than a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from smtplib import SMTPException

import attrs
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import ChannelKind, NotificationChannel
from course_sync_plugin.upkeep.notifications import apprise_service
from course_sync_plugin.upkeep.notifications.address import opened
from course_sync_plugin.upkeep.notifications.messages import Message

log = get_logger(__name__)

#: Seconds that all channels together may take, since they send at the same time.
DEADLINE = 20.0

#: The threads that may still send, by channel. One that hangs keeps its channel, and no other.
_SENDING: dict[int, threading.Thread] = {}


@attrs.define
class Outcome:
    """How many messages of a channel were sent, and why the next one was not."""

    sent: int = 0
    error: str = ""


def send_all(messages: Mapping[NotificationChannel, Sequence[Message]]) -> dict[NotificationChannel, Outcome]:
    """Send the messages of each channel in their order, up to the first that fails. Return after DEADLINE at most."""
    outcomes = {channel: Outcome(error=_no_answer()) for channel in messages}
    threads = [_begin(channel, messages[channel], outcomes) for channel in messages]
    ends_at = time.monotonic() + DEADLINE
    for thread in threads:
        if thread:
            thread.join(max(0, ends_at - time.monotonic()))
    return {channel: attrs.evolve(outcome) for channel, outcome in outcomes.items()}


def _begin(
    channel: NotificationChannel, messages: Sequence[Message], outcomes: dict[NotificationChannel, Outcome]
) -> threading.Thread | None:
    """Start the thread of a channel, a daemon: Python then ends although it hangs. Not while an earlier one hangs."""
    earlier = _SENDING.get(channel.pk)
    if earlier and earlier.is_alive():
        return None
    thread = threading.Thread(target=_send_in_order, args=(channel, messages, outcomes[channel]), daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the operating system gives no more threads
        outcomes[channel].error = _("No thread could be started.")
        return None
    _SENDING[channel.pk] = thread
    return thread


def _send_in_order(channel: NotificationChannel, messages: Sequence[Message], outcome: Outcome) -> None:
    for message in messages:
        if error := _error_of(channel, message):
            outcome.error = error
            return
        outcome.sent += 1
    outcome.error = ""


def _error_of(channel: NotificationChannel, message: Message) -> str:
    """Send one message; return why it failed, or an empty text.

    Of an error that is not ours only the class is told: its text may hold the address of the channel.
    """
    try:
        _SEND[ChannelKind(channel.kind)](channel, message)
    except CourseSyncError as error:
        return error.message
    except (OSError, SMTPException) as error:
        return _("The mail server did not accept the message ({error}).").format(error=type(error).__name__)
    except Exception as error:  # noqa: BLE001 - a library of the host or a plugin of Apprise may raise anything
        return _("The channel failed ({error}).").format(error=type(error).__name__)
    return ""


def _send_mail(channel: NotificationChannel, message: Message) -> None:
    try:
        recipients = channel.addresses()
    except ValidationError as error:
        raise ConfigurationError(_("A recipient is no e-mail address.")) from error
    recipients = recipients or [address for _name, address in settings.ADMINS]
    if not recipients:
        raise ConfigurationError(_("The channel has no recipients, and the setting ADMINS is empty."))
    send_mail(message.subject, message.text, settings.DEFAULT_FROM_EMAIL, recipients)


def _send_log(_channel: NotificationChannel, message: Message) -> None:
    log.warning("course_sync: notification: %s: %s", message.subject, " | ".join(message.text.split("\n")))


def _send_apprise(channel: NotificationChannel, message: Message) -> None:
    apprise_service.send(opened(channel.address), message)


_SEND = {ChannelKind.MAIL: _send_mail, ChannelKind.LOG: _send_log, ChannelKind.APPRISE: _send_apprise}


def _no_answer() -> str:
    return _("There was no answer in {seconds:g} seconds.").format(seconds=DEADLINE)
