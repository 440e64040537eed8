"""Holds the lease of the lane of a link, so that no worker delivers to the counterpart meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from course_sync_plugin.exceptions import CourseSyncError, TransientError
from course_sync_plugin.lanes.claim import claimable
from course_sync_plugin.lanes.open_target import open_target
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import DatabaseNow, Lane, Link, leases
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.target import TwoWayTarget

log = get_logger(__name__)


@contextmanager
def held(link: Link, lanes: QuerySet[Lane]) -> Iterator[TwoWayTarget | None]:
    """Yield the target of a link while its lane is held; None if another worker holds it, or it is not in ``lanes``.

    Each request renews the lease. Raises LeaseLost if it is lost all the same, and TransientError for an error in the
    code of the target.
    """
    lane = lanes.filter(target=link.target_id, course=link.course_id).first()
    token = leases.claim(lanes.filter(pk=lane.pk)) if lane else None
    if lane is None or token is None:
        yield None
        return
    try:
        with _errors_of_code(link), open_target(link.target) as target:
            assert isinstance(target, TwoWayTarget)  # noqa: S101  (only those have links)
            target.progress = lambda: leases.update_held(lane, token)
            yield target
    finally:
        _give_back(lane, token)


@contextmanager
def _errors_of_code(link: Link) -> Iterator[None]:
    """Turn an error in the code of a target or of a strategy into a TransientError: it concerns only this link.

    A database that cannot be reached concerns all.
    """
    try:
        yield
    except (CourseSyncError, OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception(
            "course_sync: target=%s course=%s the code of the target raised an error", link.target, link.course
        )
        raise TransientError(f"{type(error).__name__} in the code of the target") from error


def _give_back(lane: Lane, token: str) -> None:
    """Release the lease. What became due meanwhile stays due."""
    due_at = Coalesce("due_at", DatabaseNow())
    rows = Lane.objects.filter(pk=lane.pk, lease_token=token)
    rows.filter(cursor__lt=F("end")).update(due_at=due_at)
    rows.update(lease_token="", lease_until=None)


@contextmanager
def held_for_a_look(link: Link) -> Iterator[Carry | None]:
    """Yield what carries the course of a link there, while its lane is held.

    None: another worker holds it, nothing may be sent there, or nothing was delivered yet.
    """
    with held(link, claimable().filter(cursor__isnull=False)) as target:
        carry = target.carry_for(link) if target else None
        try:
            yield carry
        finally:
            if carry:
                carry.site.close()
