"""Leases: compare-and-set on a row, by the database's clock. No lock is held while anything slow is done."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db.models import Case, Exists, F, IntegerField, Model, Q, QuerySet, Value, When

from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.models import DatabaseNow


class LeaseLost(TransientError):
    """Another worker has taken over: this one's work is thrown away."""


def free() -> Q:
    """Return the condition that nobody holds the lease of a row."""
    return Q(lease_token="") | Q(lease_until__lt=DatabaseNow())


def claim(rows: QuerySet[Any], *, count_lost_where: Q | Exists | None = None) -> str | None:
    """Take the lease of the one row in ``rows`` if it is free; return the token, or None.

    ``count_lost_where``: a lease that ran out while a worker held it counts as one attempt of a row of which this
    holds.
    """
    token = uuid.uuid4().hex
    # MySQL assigns from left to right, so the old token has to be looked at before it is replaced.
    attempts = {"attempts": F("attempts") + _was_lost(count_lost_where)} if count_lost_where else {}
    taken = rows.filter(free()).update(**attempts, lease_token=token, **_until())
    return token if taken else None


def update_held(row: Model, token: str, **values: Any) -> None:
    """Change a row whose lease is held, and hold it on. Raises LeaseLost where it is not held any more."""
    _change(row, token, **_until(), **values)


def release(row: Model, token: str, **values: Any) -> None:
    """Give the lease back, changing the row with it. Raises LeaseLost where it is not held any more."""
    _change(row, token, lease_token="", lease_until=None, **values)


def _was_lost(where: Q | Exists) -> Case:
    """One where a worker held the lease until it ran out and ``where`` holds, else zero."""
    return Case(
        When(lease_token="", then=Value(0)), When(where, then=Value(1)), default=Value(0), output_field=IntegerField()
    )


def _change(row: Model, token: str, **values: Any) -> None:
    if not type(row)._default_manager.filter(pk=row.pk, lease_token=token).update(**values):
        raise LeaseLost(f"{row} was taken over by another worker")


def _until() -> dict[str, Any]:
    return {"lease_until": DatabaseNow(settings.COURSE_SYNC_LEASE_SECONDS)}
