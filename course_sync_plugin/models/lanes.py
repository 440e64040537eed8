"""Lanes: one target's way through one course's journal, its open envelope, and the exceptions."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.models.courses import Course, Lease
from course_sync_plugin.models.targets import Target
from course_sync_plugin.models.text import ForeignText


class Lane(Lease):
    """One target's way through one course's journal. The unit of order and of waiting.

    ``cursor``: the last position done; None: no baseline yet, a snapshot comes first. ``end``: the last position of
    the journal that concerns it. ``sequence``: that of the next envelope. ``due_at``: when it wants a worker; None:
    nothing to do. ``isolate_size`` and ``isolate_until``: an envelope was refused for good, and up to that position it
    is sent in slices of that size. ``closing``: the receiver was told the beginning of a run, not yet its end.
    ``last_error``: why the last attempt failed, until the lane falls asleep. ``last_warning``: what of the last answer
    could not be understood, until the next one; NULL in rows that workers of an older release write.
    ``nudged``: an operator changed something that concerns the lane, so whoever works on it looks again before it
    falls asleep.

    .. no_pii:
    """

    target = models.ForeignKey(Target, related_name="lanes", on_delete=models.CASCADE)
    course = models.ForeignKey(Course, related_name="lanes", on_delete=models.CASCADE)
    cursor = models.BigIntegerField(null=True, blank=True)
    end = models.BigIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    attempts = models.PositiveIntegerField(default=0)
    sequence = models.BigIntegerField(default=1)
    answered_sequence = models.BigIntegerField(default=0)
    isolate_size = models.PositiveIntegerField(null=True, blank=True)
    isolate_until = models.BigIntegerField(null=True, blank=True)
    closing = models.BooleanField(default=False)
    delivered_version = models.CharField(max_length=64, default="", blank=True)
    paused = models.BooleanField(default=False)
    failing = models.BooleanField(default=False)
    nudged = models.BooleanField(default=False)
    waiting_for = models.TextField(default="", blank=True)
    last_error = ForeignText(default="", blank=True)
    last_warning = ForeignText(null=True, blank=True)

    class Meta:
        db_table = "course_sync_lane"
        verbose_name = _("lane")
        constraints = [models.UniqueConstraint(fields=["target", "course"], name="course_sync_lane_once")]

    def __str__(self) -> str:
        return f"{self.target} ← {self.course}"


class Envelope(models.Model):
    """The open envelope of a lane: a slice of the journal, frozen until it is answered. At most one per lane.

    ``last`` is the position up to which the lane is done once it is answered; what the target does not want of that is
    not in the body.

    .. no_pii:
    """

    lane = models.OneToOneField(Lane, primary_key=True, related_name="envelope", on_delete=models.CASCADE)
    message_id = models.CharField(max_length=64)
    sequence = models.BigIntegerField()
    last = models.BigIntegerField()
    operation_ids = models.JSONField(default=list)
    body = models.BinaryField()
    published_version = models.CharField(max_length=64, default="", blank=True)
    end_of_run = models.BooleanField(default=False)

    class Meta:
        db_table = "course_sync_envelope"
        verbose_name = _("envelope")

    def __str__(self) -> str:
        return f"{self.lane} #{self.sequence}"


class ProblemState(models.TextChoices):
    """Where a problem stands. Failed, parked and retrying ones still hold back what depends on them.

    A misplaced one was carried out, beside a sibling that was not in its place: it is placed once more after that.
    """

    FAILED = "failed", _("failed")
    PARKED = "parked", _("parked behind one that failed")
    MISPLACED = "misplaced", _("placed beside one that failed")
    RETRYING = "retrying", _("to be planned anew")
    RETRIED = "retried", _("planned anew")
    SKIPPED = "skipped", _("given up")


#: Those about which something is still to be done: before that the receiver is not in step.
OPEN_STATES = (ProblemState.FAILED, ProblemState.PARKED, ProblemState.MISPLACED, ProblemState.RETRYING)


class Problem(models.Model):
    """An operation that failed in a lane, or is parked behind one that failed.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    lane = models.ForeignKey(Lane, related_name="problems", on_delete=models.CASCADE)
    operation = models.ForeignKey("course_sync_plugin.JournalOperation", related_name="+", on_delete=models.PROTECT)
    behind = models.ForeignKey("self", null=True, related_name="parked", on_delete=models.CASCADE)
    state = models.CharField(max_length=16, choices=ProblemState.choices)
    reason = ForeignText(default="", blank=True)
    since = models.DateTimeField()

    class Meta:
        db_table = "course_sync_problem"
        verbose_name = _("problem")
        constraints = [models.UniqueConstraint(fields=["lane", "operation"], name="course_sync_problem_once")]
        indexes = [models.Index(fields=["lane", "state"], name="course_sync_problem_open")]

    def __str__(self) -> str:
        return f"{self.operation} ({self.state})"
