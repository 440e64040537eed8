"""The table that says how each sync of a course went, and where and why it failed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.models.courses import Course
from course_sync_plugin.models.text import ForeignText


class SyncLog(models.Model):
    """How one sync of a course went. A sync that finds nothing new writes no row.

    * ``outcome``: the value of ``sync.course.Outcome``. ``seconds``: how long the sync took.
    * ``run_id``: the key of the run that it recorded; NULL if it recorded none. The run may be pruned later.
    * ``steps``: a list of ``{"step": name, "seconds": number}`` in their order.
    * ``counts``: the number of operations by kind, such as ``{"create": 3}``.
    * ``error_class``, ``error``, ``stack``: the failure. ``state``: what else is needed to understand it.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    course = models.ForeignKey(Course, null=True, related_name="sync_log", on_delete=models.SET_NULL)
    course_key = models.CharField(max_length=LONGEST_KEY)
    run_id = models.BigIntegerField(null=True)
    began_at = models.DateTimeField(db_index=True)
    seconds = models.FloatField()
    outcome = models.CharField(max_length=32)
    published_version = models.CharField(max_length=64, default="", blank=True)
    steps = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    error_class = models.CharField(max_length=64, default="", blank=True)
    error = ForeignText(default="", blank=True)
    stack = ForeignText(default="", blank=True)
    state = models.JSONField(default=dict)

    class Meta:
        db_table = "course_sync_synclog"
        verbose_name = _("sync")

    def __str__(self) -> str:
        return f"{self.course_key} {self.outcome}"
