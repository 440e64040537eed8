"""Claims, renews and releases leases: compare-and-set on a row, by the database's clock.

So a worker holds no database lock while it does something slow.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import Error, connection, connections
from django.db.models import Case, Exists, F, IntegerField, Model, Q, QuerySet, Value, When

from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.log import get_logger
from course_sync_plugin.models.clock import DatabaseNow

log = get_logger(__name__)

#: Seconds to wait for a running renewal. A renewal that ends later does no harm: its token is not valid any more.
_LONGEST_JOIN = 5


class LeaseLost(TransientError):
    """Another worker has taken over: the work of this one is discarded."""


def free() -> Q:
    """Return the condition that no worker holds the lease of a row."""
    return Q(lease_token="") | Q(lease_until__lt=DatabaseNow())


def claim(rows: QuerySet[Any], *, count_lost_where: Q | Exists | None = None) -> str | None:
    """Take the lease of the one row in ``rows`` if it is free; return the token, or None.

    ``count_lost_where``: if this condition holds for the row, and its last lease ran out while a worker held it, then
    ``attempts`` grows by one.
    """
    token = uuid.uuid4().hex
    # MySQL assigns from left to right, so the old token must be read before it is replaced.
    attempts = {"attempts": F("attempts") + _was_lost(count_lost_where)} if count_lost_where else {}
    taken = rows.filter(free()).update(**attempts, lease_token=token, **_until())
    return token if taken else None


def update_held(row: Model, token: str, **values: Any) -> None:
    """Change a row and renew its lease. Raises LeaseLost if the worker no longer holds the lease."""
    _change(row, token, **_until(), **values)


def release(row: Model, token: str, **values: Any) -> None:
    """Change a row and release its lease. Raises LeaseLost if the worker no longer holds the lease."""
    _change(row, token, lease_token="", lease_until=None, **values)


@contextmanager
def renewed(row: Model, token: str, seconds: float, overdue: Callable[[], object]) -> Iterator[None]:
    """Renew a lease while the calling thread does something slow.

    Another thread renews it, with a database connection of its own. After ``seconds`` it calls ``overdue`` instead and
    stops renewing, so that a thread that hangs does not keep the row forever.
    """
    ended = threading.Event()
    keeper = threading.Thread(target=_keep, args=(row, token, seconds, overdue, ended), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join(_LONGEST_JOIN)


def _keep(row: Model, token: str, seconds: float, overdue: Callable[[], object], ended: threading.Event) -> None:
    ends_at = time.monotonic() + seconds
    try:
        while not ended.wait(min(settings.COURSE_SYNC_LEASE_SECONDS / 3, max(0, ends_at - time.monotonic()))):
            if time.monotonic() >= ends_at:
                overdue()
                return
            _renew(row, token)
    except LeaseLost as error:
        log.warning("course_sync: %s; its lease could not be renewed", error)
    except Error as error:  # the lease runs out by itself
        log.warning("course_sync: %s was not put off (%s)", row, type(error).__name__)
    finally:
        connections.close_all()


def replace_cut_connection() -> None:
    """Close a connection that the database has cut: the next query opens a new one. It costs one ping.

    A connection in a transaction is left alone. ``close_old_connections`` would also close one that still works:
    ``CONN_MAX_AGE`` is 0 by default.
    """
    if connection.connection and not connection.in_atomic_block and not connection.is_usable():
        connection.close()


def _renew(row: Model, token: str) -> None:
    """Renew the lease. If the database has cut the connection meanwhile, open a new one."""
    try:
        replace_cut_connection()
        update_held(row, token)
    except Error as error:
        log.warning("course_sync: the lease of %s was not renewed (%s); it is tried again", row, type(error).__name__)


def _was_lost(where: Q | Exists) -> Case:
    """Return 1 as SQL if a worker held the lease until it ran out and ``where`` holds, else 0."""
    return Case(
        When(lease_token="", then=Value(0)), When(where, then=Value(1)), default=Value(0), output_field=IntegerField()
    )


def _change(row: Model, token: str, **values: Any) -> None:
    if not type(row)._default_manager.filter(pk=row.pk, lease_token=token).update(**values):
        raise LeaseLost(f"{row} was taken over by another worker")


def _until() -> dict[str, Any]:
    return {"lease_until": DatabaseNow(settings.COURSE_SYNC_LEASE_SECONDS)}
