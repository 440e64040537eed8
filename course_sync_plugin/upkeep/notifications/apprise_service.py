"""Sends through the library Apprise, and catches what the library logs."""

from __future__ import annotations

import logging
import re
import threading
from typing import Any
from urllib.parse import unquote

from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError, TransientError
from course_sync_plugin.sanitize.text import single_line
from course_sync_plugin.upkeep.notifications.messages import Message

#: The most characters of an error of the library.
_LONGEST_ERROR = 200


def open_service(url: str) -> Any:
    """Return the service that a URL names. Raises ConfigurationError if Apprise does not know it.

    Apprise is imported here: it has more than a hundred modules, and most processes send no notification.
    """
    import apprise

    with _Caught(apprise.logger):
        service = apprise.Apprise.instantiate(url, asset=_asset(apprise))
    if service is None:
        raise ConfigurationError(_("Apprise knows no service for this address, or a part of the address is missing."))
    return service


def send(url: str, message: Message) -> None:
    """Send a message. Raises ConfigurationError for a wrong URL, TransientError if the service did not accept it."""
    import apprise

    service = open_service(url)
    everything = apprise.Apprise(asset=_asset(apprise))
    everything.add(service)
    with _Caught(apprise.logger) as caught:
        accepted = everything.notify(
            title=message.subject,
            body=message.text,
            notify_type=apprise.NotifyType.WARNING,
            body_format=apprise.NotifyFormat.TEXT,
        )
    if not accepted:
        said = _without_secrets(caught.first, url)
        raise TransientError(_("The service did not accept the message: {said}").format(said=said or _("no reason")))


def _asset(apprise: Any) -> Any:
    """Return the settings of the library: send in the calling thread, whose time is bounded; follow no redirect.

    With a timeout of its own the library would send in a thread that keeps the process from ending while it hangs.
    """
    asset = apprise.AppriseAsset(async_mode=False, app_id="course_sync", app_desc="course_sync")
    asset._service_timeout = 0
    asset.http_redirects = False
    return asset


def _without_secrets(text: str, url: str) -> str:
    """Return a log line of the library without any word of the URL: each of them may be a token."""
    words = {word for part in (url, unquote(url)) for word in re.split(r"[^\w.~-]+", part.partition("://")[2])}
    for word in sorted((word for word in words if len(word) > 3), key=len, reverse=True):
        text = text.replace(word, "…")
    return single_line(text, _LONGEST_ERROR)


class _Caught(logging.Filter):
    """Catches the first warning that Apprise logs in this thread, and keeps all of them from the host's log.

    Apprise logs addresses and messages, and logs each failure; a channel that fails is logged once in its cool-down.
    """

    def __init__(self, logger: logging.Logger):
        super().__init__()
        self._logger = logger
        self._thread = threading.get_ident()
        self.first = ""

    def __enter__(self) -> _Caught:
        self._logger.addFilter(self)
        return self

    def __exit__(self, *_error: object) -> None:
        self._logger.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread:
            return True
        if record.levelno >= logging.WARNING and not self.first:
            self.first = record.getMessage()
        return False
