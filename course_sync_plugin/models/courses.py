"""Courses and their entities as they were last recorded, and the markers that say: look again."""

from __future__ import annotations

from hashlib import sha256

from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.models.clock import DatabaseNow
from course_sync_plugin.models.text import ForeignText

#: Characters of a whole sha256 in hexadecimal.
SHA256_LENGTH = 64


def digest_of(text: str) -> str:
    """Return the digest by which an exact key is unique: MySQL's collation compares without case."""
    return sha256(text.encode()).hexdigest()


class Lease(models.Model):
    """The right to work on a row, held for a while: a worker that died loses it, a worker that overslept too.

    .. no_pii:
    """

    lease_token = models.CharField(max_length=32, default="", blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class Course(Lease):
    """A course run as it was last recorded.

    ``published_version`` is the recorded one, empty for a course that was never recorded or is deleted.
    ``attempts`` and ``last_error``: it could not be read.

    .. no_pii:
    """

    key = models.CharField(max_length=LONGEST_KEY)
    key_digest = models.CharField(max_length=SHA256_LENGTH, unique=True)
    org = models.CharField(max_length=LONGEST_KEY, db_index=True)
    published_version = models.CharField(max_length=64, default="", blank=True)
    structure_digest = models.CharField(max_length=SHA256_LENGTH, default="", blank=True)
    field_set_version = models.PositiveIntegerField(default=0)
    last_position = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    last_error = ForeignText(default="", blank=True)

    class Meta:
        db_table = "course_sync_course"
        verbose_name = _("course")

    def __str__(self) -> str:
        return self.key


class Marker(models.Model):
    """Somebody published this course: the one row that the author's request writes.

    The course's own row need not exist yet, so there is no constraint behind the foreign key. ``seen_at`` lies ahead
    where the course could not be read, or is excluded: then it is looked at again.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    course = models.ForeignKey(
        Course,
        to_field="key_digest",
        related_name="markers",
        db_constraint=False,
        on_delete=models.DO_NOTHING,
    )
    course_key = models.CharField(max_length=LONGEST_KEY)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "course_sync_marker"
        verbose_name = _("marker")

    def __str__(self) -> str:
        return self.course_key

    @classmethod
    def put(cls, course_key: str) -> Marker:
        """Insert a marker: one INSERT."""
        return cls.objects.create(course_id=digest_of(course_key), course_key=course_key, seen_at=DatabaseNow())


class Entity(models.Model):
    """An entity as it was last recorded. ``revision`` counts its changes, ``digest`` is that of its fields.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    course = models.ForeignKey(Course, related_name="entities", on_delete=models.CASCADE)
    entity_id = models.CharField(max_length=LONGEST_KEY)
    id_digest = models.CharField(max_length=SHA256_LENGTH)
    entity_type = models.CharField(max_length=64)
    block_type = models.CharField(max_length=LONGEST_KEY)
    parent_id = models.CharField(max_length=LONGEST_KEY, null=True)
    index = models.PositiveIntegerField(null=True)
    fields = models.JSONField(default=dict)
    digest = models.CharField(max_length=SHA256_LENGTH)
    revision = models.PositiveIntegerField(default=1)

    class Meta:
        db_table = "course_sync_entity"
        verbose_name = _("entity")
        verbose_name_plural = _("entities")
        constraints = [models.UniqueConstraint(fields=["course", "id_digest"], name="course_sync_entity_once")]

    def __str__(self) -> str:
        return self.entity_id


class HeldRun(models.Model):
    """A run that would delete too much: nothing of it is recorded until an operator approves exactly this one.

    ``published_version`` is empty where the course itself is gone; ``set_digest`` is that of the ids to be deleted.

    .. no_pii:
    """

    course = models.OneToOneField(Course, related_name="held", on_delete=models.CASCADE)
    published_version = models.CharField(max_length=64, default="", blank=True)
    deletes = models.PositiveIntegerField()
    of = models.PositiveIntegerField()
    set_digest = models.CharField(max_length=SHA256_LENGTH)
    since = models.DateTimeField()
    approved = models.BooleanField(default=False)

    class Meta:
        db_table = "course_sync_heldrun"
        verbose_name = _("held run")

    def __str__(self) -> str:
        return f"{self.course}: {self.deletes} of {self.of}"
