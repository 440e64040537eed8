"""The table of daily summaries: what stays of attempts and operations when their rows are pruned."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class DailySummary(models.Model):
    """The numbers of one target on one day (UTC). A row is written once, when the day is over.

    A row with an empty ``entity_type`` counts the requests of the target, from its attempts. ``operations``: the number
    of operations in the envelopes that were answered; ``failed``: how many of these the target refused. ``durations``:
    the histogram of the durations (``upkeep/summaries/durations.py``). Its ``kinds`` is empty.

    A row with an ``entity_type`` counts operations of this type. ``operations``: how many were recorded on that day for
    the target; ``failed``: how many the target refused on that day. ``kinds``: both numbers by kind of operation, as
    ``{"create": [3, 1]}``. It counts no requests, because one request has operations of several types.

    ``target_name``: the name that the target had. The row stays when the target is removed.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    target_name = models.CharField(max_length=64)
    entity_type = models.CharField(max_length=64, default="", blank=True)
    attempts = models.PositiveIntegerField(default=0)
    answered = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    unanswered = models.PositiveIntegerField(default=0)
    operations = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    kinds = models.JSONField(default=dict)
    durations = models.JSONField(default=dict)

    class Meta:
        db_table = "course_sync_summary"
        verbose_name = _("daily summary")
        verbose_name_plural = _("daily summaries")
        constraints = [
            models.UniqueConstraint(fields=["day", "target_name", "entity_type"], name="course_sync_summary_once")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.target_name} {self.entity_type}".rstrip()
