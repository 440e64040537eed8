"""The journal: every operation of every course, per course in one unbroken order. Its rows are never deleted."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.data import LONGEST_KEY, Operation
from course_sync_plugin.models.courses import Course
from course_sync_plugin.models.lanes import Lane


class RunKind(models.TextChoices):
    """What a run is for. Snapshot and repair runs stand in the journal for one lane alone."""

    INITIAL = "initial", _("first record of a course")
    CHANGES = "changes", _("changes")
    DELETION = "deletion", _("deletion of a course")
    SNAPSHOT = "snapshot", _("snapshot for a lane")
    REPAIR = "repair", _("repair for a lane")

    @property
    def mode(self) -> str:
        """Return how a receiver reads such a run: a snapshot's creates are upserts."""
        return "snapshot" if self in (RunKind.INITIAL, RunKind.SNAPSHOT) else "changes"


def _lane(**options: Any) -> models.ForeignKey:
    """Return the column of the lane that a row is for alone. The row stays when the lane is removed with its target.

    There is no constraint behind it: a removed lane's id is never given to another lane, and NULL would make the row
    visible to every lane.
    """
    return models.ForeignKey(Lane, null=True, db_constraint=False, on_delete=models.DO_NOTHING, **options)


class Run(models.Model):
    """One sync of one course that found something.

    ``target_name``: the name that the target of ``lane`` had when the run was written.

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

    class Meta:
        db_table = "course_sync_run"
        verbose_name = _("run")

    def __str__(self) -> str:
        return f"{self.course} {self.published_version} ({self.kind})"


class JournalOperation(models.Model):
    """One operation in the journal. ``lane`` is set where it stands there for that lane alone.

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
        """Return what the row stands for."""
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
