"""The tables of lanes, of their open envelopes and of their problems."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.models.courses import Course, Lease
from course_sync_plugin.models.targets import Target
from course_sync_plugin.models.text import ForeignText

#: The columns of a lane that describe failed attempts, as they are before the first one.
NO_ATTEMPTS: Mapping[str, Any] = MappingProxyType(
    {
        "attempts": 0,
        "failing": False,
        "stopped_by_target": None,
        "retrying_since": None,
        "last_error": "",
        "error_class": "",
    }
)


#: ``Lane.waiting_for`` while the course is not linked. No name of a context value has a space.
LINK = "a link"


class Lane(Lease):
    """One target's way through one course's journal. The unit of order and of waiting.

    * ``cursor``: the last position that is done. None: the lane has no baseline yet, so a snapshot comes first.
    * ``end``: the last position of the journal that concerns the lane.
    * ``due_at``: the time at which a worker should claim the lane. None: there is nothing to do.
    * ``sequence``: the sequence of the next envelope; ``answered_sequence``: that of the last answered one.
    * ``isolate_size``, ``isolate_until``: set after an envelope was refused permanently. Up to that position the lane
      sends envelopes of at most that many operations.
    * ``closing``: the receiver got the beginning of a run but not yet its end.
    * ``waiting_for``: ``LINK``, or the names of the context values that must be set before the lane can send.
    * ``last_error``: why the last attempt failed. It is cleared when the lane has nothing left to do.
    * ``last_warning``: the part of the last answer that could not be understood. NULL in rows that workers of an older
      release write.
    * ``nudged``: an operator changed something that concerns the lane. The worker that holds the lane then reads it
      again before it stops.
    * ``raised``: an operator wants this lane before all others of its target.
    * ``urgent``: the journal after the cursor holds a change of what learners see, such as a deletion.
    * ``stopped_by_target``: True from the first attempt without an answer on, False once the target has answered
      another lane since then, NULL after an answer. A lane that is failing while it is True stopped because of its
      target, not because of an entity: it starts again by itself when the target answers again.
    * ``retrying_since``: the time of the first failed attempt to send the open envelope. Not counted is the time before
      a ``Retry-After``, and before a breaker closed.
    * ``error_class``: the name of the class of ``last_error``; empty if that is no error of this lane.
    * ``created_at``: when the lane was made. NULL in the rows of an older release, as in each column after ``nudged``.
    * ``reset_at``: when an operator last reset the lane. Such a lane begins again with a snapshot of its own.

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
    raised = models.BooleanField(null=True)
    urgent = models.BooleanField(null=True)
    stopped_by_target = models.BooleanField(null=True)
    retrying_since = models.DateTimeField(null=True, blank=True)
    error_class = models.CharField(max_length=64, null=True, blank=True)
    created_at = models.DateTimeField(null=True, blank=True)
    reset_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "course_sync_lane"
        verbose_name = _("lane")
        constraints = [models.UniqueConstraint(fields=["target", "course"], name="course_sync_lane_once")]

    def __str__(self) -> str:
        return f"{self.target} ← {self.course}"


class Envelope(models.Model):
    """The open envelope of a lane: a batch of the journal, frozen until it is answered. A lane has at most one.

    ``last``: the position up to which the lane is done when the envelope is answered. Operations up to there that the
    target does not want are not in the body.

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
    """The state of a problem. While it is failed, parked or retrying, the operations that depend on it are held back.

    So they are while it is excluded: an operator excluded the entity from the target, or the operation depends on one
    that is excluded.

    A misplaced operation was carried out, but a sibling was not in its place then. When that sibling is in its place,
    the operation is placed again.
    """

    FAILED = "failed", _("failed")
    PARKED = "parked", _("parked behind one that failed")
    MISPLACED = "misplaced", _("placed beside one that failed")
    RETRYING = "retrying", _("to be planned anew")
    EXCLUDED = "excluded", _("excluded from the target")
    BESIDE_EXCLUDED = "beside_excluded", _("placed beside one that is excluded")
    RETRIED = "retried", _("planned anew")
    SKIPPED = "skipped", _("given up")


#: The states of open problems. While a lane has one, its receiver is not in step.
OPEN_STATES = (ProblemState.FAILED, ProblemState.PARKED, ProblemState.MISPLACED, ProblemState.RETRYING)

#: The states that an exclusion causes. The operator wants them, so the receiver counts as in step.
EXCLUDED_STATES = (ProblemState.EXCLUDED, ProblemState.BESIDE_EXCLUDED)

#: The states of operations that the receiver does not have, or has in another place than the course.
UNDONE_STATES = (*OPEN_STATES, *EXCLUDED_STATES)

#: The states of operations that were carried out beside a sibling that was not in its place.
MISPLACED_STATES = (ProblemState.MISPLACED, ProblemState.BESIDE_EXCLUDED)


class Problem(models.Model):
    """An operation that failed in a lane, or is parked behind one that failed.

    ``error_class``: the name of the error's class in ``exceptions.py``. ``status``: the HTTP status of the refusal.
    ``closed_at``: when the problem was retried or skipped. All three are NULL in rows of an older release.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    lane = models.ForeignKey(Lane, related_name="problems", on_delete=models.CASCADE)
    operation = models.ForeignKey("course_sync_plugin.JournalOperation", related_name="+", on_delete=models.PROTECT)
    behind = models.ForeignKey("self", null=True, related_name="parked", on_delete=models.CASCADE)
    state = models.CharField(max_length=16, choices=ProblemState.choices)
    reason = ForeignText(default="", blank=True)
    since = models.DateTimeField()
    error_class = models.CharField(max_length=64, null=True, blank=True)
    status = models.PositiveIntegerField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        db_table = "course_sync_problem"
        verbose_name = _("problem")
        constraints = [models.UniqueConstraint(fields=["lane", "operation"], name="course_sync_problem_once")]
        indexes = [
            models.Index(fields=["lane", "state"], name="course_sync_problem_open"),
            models.Index(fields=["state", "since"], name="course_sync_problem_state"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} ({self.state})"
