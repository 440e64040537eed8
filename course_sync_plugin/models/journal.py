"""The tables of the journal: all runs and operations, per course in one unbroken order.

Rows are never changed, but for the mark ``pruned_at`` of a run. Only ``upkeep/prune`` deletes rows: those that are old
and that no lane needs. A position is never used again.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.data import LONGEST_KEY, Operation
from course_sync_plugin.models.courses import Course
from course_sync_plugin.models.lanes import Lane


class RunKind(models.TextChoices):
    """The purpose of a run. Snapshots, repairs and differences are in the journal for one lane only.

    A difference takes the place of a long backlog. If nothing is left of the course, it is a deletion for one lane.
    """

    INITIAL = "initial", _("first record of a course")
    CHANGES = "changes", _("changes")
    DELETION = "deletion", _("deletion of a course")
    SNAPSHOT = "snapshot", _("snapshot for a lane")
    REPAIR = "repair", _("repair for a lane")
    DIFFERENCE = "difference", _("difference in place of a long backlog of a lane")

    @property
    def mode(self) -> str:
        """Return the ``mode`` of messages of such a run. In a snapshot a receiver treats creates as upserts."""
        return "snapshot" if self in (RunKind.INITIAL, RunKind.SNAPSHOT) else "changes"


def _lane(**options: Any) -> models.ForeignKey[Lane | None, Lane | None]:
    """Return the column for the only lane that a row is for. The row stays when the lane is removed with its target.

    The column has no constraint and keeps the id of a removed lane: NULL would make the row visible to every lane. The
    id of a removed lane is never given to another lane.
    """
    return models.ForeignKey(Lane, null=True, db_constraint=False, on_delete=models.DO_NOTHING, **options)


class Run(models.Model):
    """One sync of one course that found something.

    ``target_name``: the name that the target of ``lane`` had when the run was written. ``pruned_at``: the time from
    which on operations of this initial run may be missing, so no lane may begin with it. NULL: no lane may miss one.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    course = models.ForeignKey(Course, related_name="runs", on_delete=models.PROTECT)
    lane = _lane(related_name="runs")
    target_name = models.CharField(max_length=64, null=True)
    kind = models.CharField(max_length=16, choices=RunKind.choices)
    published_version = models.CharField(max_length=64, default="", blank=True)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    operations_count = models.PositiveIntegerField()
    incomplete = models.BooleanField(default=False)
    pruned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "course_sync_run"
        verbose_name = _("run")
        indexes = [models.Index(fields=["ended_at"], name="course_sync_run_ended")]

    def __str__(self) -> str:
        return f"{self.course} {self.published_version} ({self.kind})"


class JournalOperation(models.Model):
    """One operation in the journal. ``lane`` is set if the operation is for that lane only.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    course = models.ForeignKey(Course, related_name="+", on_delete=models.PROTECT, db_index=False)
    position = models.BigIntegerField()
    run = models.ForeignKey(Run, related_name="operations", on_delete=models.PROTECT)
    lane = _lane(related_name="+", db_index=False)
    operation_id = models.UUIDField(unique=True)
    operation = models.CharField(max_length=8)
    entity_type = models.CharField(max_length=64)
    entity_id = models.CharField(max_length=LONGEST_KEY)
    block_type = models.CharField(max_length=LONGEST_KEY)
    parent_id = models.CharField(max_length=LONGEST_KEY, null=True)
    index = models.PositiveIntegerField(null=True)
    after_id = models.CharField(max_length=LONGEST_KEY, null=True)
    fields = models.JSONField(default=dict)
    previous = models.JSONField(default=dict)

    class Meta:
        db_table = "course_sync_operation"
        verbose_name = _("operation")
        constraints = [models.UniqueConstraint(fields=["course", "position"], name="course_sync_operation_position")]

    def __str__(self) -> str:
        return f"{self.position}: {self.operation} {self.entity_id}"

    @classmethod
    def of(cls, operation: Operation, run: Run, position: int) -> JournalOperation:
        """Return the unsaved row of an operation."""
        values = operation.as_dict()
        operation_id = values.pop("id")
        return cls(
            course_id=run.course_id,
            run=run,
            lane_id=run.lane_id,
            position=position,
            operation_id=operation_id,
            **values,
        )

    def as_operation(self) -> Operation:
        """Return the operation that is in the row."""
        return Operation(
            self.operation,
            self.entity_type,
            self.entity_id,
            self.block_type,
            self.parent_id,
            self.index,
            self.after_id,
            self.fields,
            self.previous,
            id=str(self.operation_id),
        )
