"""Dates an edit that was found at a site by the time that the site says, as far as that can be the time of the edit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from course_sync_plugin.data import Entity
from course_sync_plugin.replication.outbound.carry import Carry


def changed_at(carry: Carry, entity: Entity, base: Mapping[str, Any], remote: Mapping[str, Any]) -> int | None:
    """Return when the fields that differ from ``base`` were changed, in milliseconds since 1970 (UTC).

    None: the site does not say it, or says a time outside of the two last looks: its clock is wrong, or it tells of
    another change. Call it outside a transaction: the site may be asked. Raises the errors of ``Target.send``.
    """
    fields = [name for name, value in base.items() if remote.get(name) != value]
    since = carry.link.polled_at
    moment = carry.site.changed_at(entity, fields) if fields and since else None
    if since is None or moment is None:
        return None
    found = _milliseconds(moment)
    return found if _milliseconds(since) < found <= carry.clock() else None


def _milliseconds(moment: datetime) -> int:
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
