"""Verifies a notice of another system and stores it, with one INSERT."""

from __future__ import annotations

from django.db import IntegrityError

from course_sync_plugin.models import InboundEvent
from course_sync_plugin.models.inbound import HEADER_CHARACTERS
from course_sync_plugin.models.text import storable
from course_sync_plugin.replication.notices.endpoints import Endpoint, endpoint
from course_sync_plugin.replication.notices.kept_keys import KeptKeys
from course_sync_plugin.sanitize.text import single_line
from course_sync_plugin.targets.inbound.contract import Credentials, Received


def store_inbound(name: str, received: Received) -> None:
    """Store a notice for a target, unless the same one waits already. One INSERT; once in a second a SELECT before it.

    It is stored for a target that is paused, disabled or of another site too: whoever acts on it looks at that. Call it
    outside a transaction.

    Raises UnknownName if no target of this name takes notices, NotVerified if the sender is not proven,
    ConfigurationError if the target cannot be opened, TransientError if its keys cannot be asked for now.
    """
    found = endpoint(name)
    find_key = KeptKeys(found.row, found.config).find
    found.inbound.verify(received, Credentials(found.config.secrets, find_key))
    _insert(found, received)


def _insert(found: Endpoint, received: Received) -> None:
    try:
        InboundEvent.put(
            found.row.pk,
            received.body,
            content_type=_header(received, "Content-Type"),
            event_name=_header(received, found.inbound.name_header),
            event_id=_header(received, found.inbound.id_header),
        )
    except IntegrityError:
        return  # the same notice waits: what is read because of it will be as new as this one


def _header(received: Received, name: str) -> str:
    return storable(single_line(received.headers.get(name, ""), HEADER_CHARACTERS)) if name else ""
