"""Counts the operations that lanes have not delivered."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest

from course_sync_plugin.models import Entity, JournalOperation, Lane


def with_pending(lanes: QuerySet[Lane]) -> QuerySet[Any]:
    """Annotate lanes with ``pending`` and ``waiting_since``.

    ``pending``: the number of operations that are not delivered. A lane without a baseline gets a snapshot of the
    course, so for such a lane it is the number of entities. ``waiting_since``: see :func:`waiting_since`.
    """
    entities = Entity.objects.filter(course=OuterRef("course")).order_by()
    pending = _of_journal(_count(_ahead()), at_the_end=Value(0), no_baseline=_count(entities))
    return lanes.annotate(pending=Coalesce(pending, 0), waiting_since=waiting_since())


def waiting_since() -> Case:
    """Return as SQL the time since which the first operation that a lane has not delivered waits.

    It is not before the lane was made. For a lane without a baseline it is that moment, or that of its last reset.
    NULL: nothing waits.
    """
    since = Greatest("run__ended_at", Coalesce(OuterRef("created_at"), "run__ended_at"))
    oldest = Subquery(_ahead().order_by("position").values(since=since)[:1])
    return _of_journal(oldest, at_the_end=Value(None), no_baseline=Coalesce("reset_at", "created_at", "due_at"))


def _ahead() -> QuerySet[JournalOperation]:
    visible = Q(lane=None) | Q(lane=OuterRef("pk"))
    rows = JournalOperation.objects.filter(visible, course=OuterRef("course"), position__gt=OuterRef("cursor"))
    return rows.order_by()


def count_pending(lanes: QuerySet[Lane]) -> int:
    """Return the number of operations that these lanes have not delivered. One query."""
    counted = with_pending(lanes).order_by().values("pk", "pending")
    return counted.aggregate(total=Sum("pending"))["total"] or 0


def _of_journal(ahead: Any, *, at_the_end: Any, no_baseline: Any) -> Case:
    """Return a value of the operations that are ahead of a lane. The database looks them up only if there are any.

    ``end`` is not behind the operations that concern a lane. So a lane whose cursor is there has nothing to deliver.
    """
    return Case(When(cursor=None, then=no_baseline), When(cursor__gte=F("end"), then=at_the_end), default=ahead)


def _count(rows: QuerySet[Any]) -> Subquery:
    return Subquery(rows.values("course").annotate(count=Count("pk")).values("count"))
