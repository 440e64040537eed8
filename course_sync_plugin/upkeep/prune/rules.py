"""How old a row must be to be pruned, by the settings and the database's clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs
from django.conf import settings

from course_sync_plugin.models import Activity
from course_sync_plugin.upkeep.summaries.store import summarised_before


@attrs.frozen
class Rules:
    """The moments before which rows are old.

    ``details``: attempts and the log of syncs. ``problems``: the closing of a problem. ``by_type``: the end of the run
    of an operation, by entity type; other types have ``details``. None of these is in a day that is not summarised yet.
    ``inbound``: notices of other systems, which no summary counts.
    """

    details: datetime
    problems: datetime
    by_type: Mapping[str, datetime]
    inbound: datetime

    @classmethod
    def read(cls, *, summarised: datetime | None = None) -> Rules:
        """Return the rules of now. ``summarised``: the moment before which every day is summarised (default: read)."""
        now, limit = Activity.read()[1], summarised or summarised_before()

        def before(days: float) -> datetime:
            return min(limit, now - timedelta(days=days))

        by_type = settings.COURSE_SYNC_RETENTION_DAYS_BY_TYPE
        return cls(
            before(settings.COURSE_SYNC_RETENTION_DAYS),
            before(settings.COURSE_SYNC_PROBLEM_RETENTION_DAYS),
            {entity_type: before(days) for entity_type, days in by_type.items()},
            now - timedelta(days=settings.COURSE_SYNC_INBOUND_DAYS),
        )

    @property
    def runs(self) -> datetime:
        """Return the moment before which some operation of a run may be old."""
        return max(self.details, *self.by_type.values()) if self.by_type else self.details

    def is_old(self, entity_type: str, ended_at: datetime) -> bool:
        """Tell whether an operation of this type is old whose run ended then. Types are compared in Python."""
        return ended_at < self.by_type.get(entity_type, self.details)
