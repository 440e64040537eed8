"""The table that says when the background work was last done."""

from __future__ import annotations

from datetime import date, datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.models import bulk
from course_sync_plugin.models.clock import DatabaseNow


class Activity(models.Model):
    """The one row that says when the background work was last done. A column is null if that never happened.

    ``swept_at``: the end of the last sweep, by any process. ``ran_at``: the last time at which a process
    ``course_sync run`` was at work, to about a minute. ``notified_at``: the last time at which a process began to
    evaluate the rules of notifications. ``pruned_at``: the begin of the last nightly prune. ``summarised_until``: the
    last day (UTC) whose summary is stored.

    .. no_pii:
    """

    ONLY = 1

    swept_at = models.DateTimeField(null=True, blank=True)
    ran_at = models.DateTimeField(null=True, blank=True)
    notified_at = models.DateTimeField(null=True, blank=True)
    pruned_at = models.DateTimeField(null=True, blank=True)
    summarised_until = models.DateField(null=True, blank=True)

    class Meta:
        db_table = "course_sync_activity"
        verbose_name = _("activity")
        verbose_name_plural = _("activity")

    def __str__(self) -> str:
        return "activity"

    @classmethod
    def note_sweep(cls) -> None:
        """Store that a sweep has just ended. One UPDATE, except for the first time."""
        cls._row().update(swept_at=DatabaseNow()) or cls._made().update(swept_at=DatabaseNow())

    @classmethod
    def note_run(cls) -> None:
        """Store that a process ``course_sync run`` is at work now. One UPDATE, except for the first time."""
        cls._row().update(ran_at=DatabaseNow()) or cls._made().update(ran_at=DatabaseNow())

    @classmethod
    def claim_evaluation(cls, seconds: float) -> datetime | None:
        """Claim the evaluation of the rules of notifications; return the time now.

        Return None if another process claimed it less than ``seconds`` ago. So one of several processes evaluates.
        """
        free = Q(notified_at=None) | Q(notified_at__lt=DatabaseNow(-seconds))
        claim = {"notified_at": DatabaseNow()}
        if not (cls._row().filter(free).update(**claim) or cls._made().filter(free).update(**claim)):
            return None
        return cls._row().values_list("notified_at", flat=True).get()

    @classmethod
    def read(cls) -> tuple[Activity, datetime]:
        """Return the row, which is made if it is missing, and the time by the database's clock."""
        rows = cls.objects.annotate(now=DatabaseNow())
        row = rows.filter(pk=cls.ONLY).first() or rows.get(pk=cls._made().get().pk)
        return row, row.now

    @classmethod
    def claim_prune(cls, since: datetime) -> bool:
        """Store that a nightly prune begins now, unless one has begun at ``since`` or later. Tell whether it may begin.

        Of several processes only one gets True: a compare-and-set.
        """
        return bool(cls._row().filter(Q(pruned_at=None) | Q(pruned_at__lt=since)).update(pruned_at=DatabaseNow()))

    @classmethod
    def claim_summary(cls, day: date, previous: date | None) -> bool:
        """Store that ``day`` is summarised, if ``previous`` was the last day until now. Tell whether it was."""
        return bool(cls._row().filter(summarised_until=previous).update(summarised_until=day))

    @classmethod
    def _row(cls) -> models.QuerySet[Activity]:
        return cls.objects.filter(pk=cls.ONLY)

    @classmethod
    def _made(cls) -> models.QuerySet[Activity]:
        """Return the row after it was inserted. Another process may insert it at the same time."""
        bulk.insert([cls(pk=cls.ONLY)], ignore_conflicts=True)
        return cls._row()
