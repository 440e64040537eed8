"""The table of background jobs: actions of operators that concern too much for one request."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.models.courses import SHA256_LENGTH, Lease
from course_sync_plugin.models.text import ForeignText


class JobState(models.TextChoices):
    """How far a job is. ``stopping``: it stops before its next item. ``failed``: several workers died with one item."""

    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("running")
    STOPPING = "stopping", _("stopping")
    STOPPED = "stopped", _("stopped")
    FINISHED = "finished", _("finished")
    FAILED = "failed", _("failed")


#: The states of jobs that a worker still works on.
GOING = (JobState.WAITING, JobState.RUNNING, JobState.STOPPING)


class Job(Lease):
    """An action of an operator that is carried out in the background, item by item.

    * ``action``: its name. ``arguments``: the filters with which its items were found.
    * ``items``: what the operator was shown: pairs of a key and the token of its plan. ``total``: their number.
    * ``position``: the number of items that are dealt with. Of these ``done`` were carried out, ``skipped`` had changed
      since they were shown, and ``failed`` raised an error. ``errors``: the first reasons of the latter two.
    * ``results``: what was found, for an action that looks.
    * ``target_name``, ``org``, ``course_key``: what it is limited to; empty: all. The digests find them exactly.
    * ``attempts``: how many workers died with the present item.

    .. pii: The user name of the operator who started it.
    .. pii_types: username
    .. pii_retirement: retained
    """

    id = models.BigAutoField(primary_key=True)
    action = models.CharField(max_length=64)
    target_name = models.CharField(max_length=64, default="", blank=True)
    org = models.CharField(max_length=LONGEST_KEY, default="", blank=True)
    org_digest = models.CharField(max_length=SHA256_LENGTH, default="", blank=True)
    course_key = models.CharField(max_length=LONGEST_KEY, default="", blank=True)
    course_digest = models.CharField(max_length=SHA256_LENGTH, default="", blank=True)
    arguments = models.JSONField(default=dict)
    items = models.JSONField(default=list)
    total = models.PositiveIntegerField(default=0)
    position = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list)
    results = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.WAITING, db_index=True)
    operator = models.CharField(max_length=255)
    note = ForeignText(default="", blank=True)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        db_table = "course_sync_job"
        verbose_name = _("background job")
        verbose_name_plural = _("background jobs")

    def __str__(self) -> str:
        return f"job {self.pk}: {self.action}"

    @property
    def is_going(self) -> bool:
        """Tell whether a worker still works on it."""
        return self.state in GOING
