"""Counts, for each target, what an operator must know of linked systems: courses without a link, and open decisions."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from course_sync_plugin.models import LINK, Conflict, ConflictState, Lane, Proposal, Target, digest_of
from course_sync_plugin.replication.store.proposals import PENDING

#: The names of the counts, which are also keys of a target in ``status --json``.
COUNTS = ("waiting_for_link", "proposals", "conflicts")


def with_linked_counts(targets: QuerySet[Target], course_key: str) -> QuerySet[Any]:
    """Annotate targets with ``COUNTS``, those of one course if ``course_key`` is given. This adds no query.

    ``waiting_for_link``: the number of courses without a link. ``proposals``: those that wait for an author, as
    ``proposals`` lists them. ``conflicts``: those that wait for a person.
    """
    name = OuterRef("name")
    lanes = Lane.objects.filter(target=OuterRef("pk"), waiting_for=LINK)
    proposals = Proposal.objects.filter(target_name=name, state__in=PENDING)
    conflicts = Conflict.objects.filter(target_name=name, state=ConflictState.OPEN)
    return targets.annotate(
        waiting_for_link=_count(lanes, "target_id", course_key),
        proposals=_count(proposals, "target_name", course_key),
        conflicts=_count(conflicts, "target_name", course_key),
    )


def _count(rows: QuerySet[Any], column: str, course_key: str) -> Coalesce:
    if course_key:
        rows = rows.filter(course__key_digest=digest_of(course_key))
    numbers = rows.order_by().values(column).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(numbers, output_field=IntegerField()), 0)
