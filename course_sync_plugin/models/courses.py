"""The tables of courses and entities as last recorded, of the markers of new publishes, and of held runs."""

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
    """Return the digest that makes an exact key unique: MySQL compares the key itself without regard to case."""
    return sha256(text.encode()).hexdigest()


class Lease(models.Model):
    """The right to work on a row, for a limited time. A worker that dies or takes too long loses it.

    .. no_pii:
    """

    lease_token = models.CharField(max_length=32, default="", blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class Course(Lease):
    """A course run as it was last recorded.

    ``published_version``: the recorded version; empty if the course was never recorded or is deleted. ``attempts`` and
    ``last_error`` are set if the course could not be read; then ``lease_until`` is the time of the last failure.

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
    """A note that a course was published or deleted. It is the one row that the author's request writes.

    The row of the course need not exist yet, so the foreign key has no constraint. ``seen_at`` is in the future if the
    course could not be read or is excluded; the sync looks at it again at that time.

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
        """Insert a marker, with one INSERT."""
        return cls.objects.create(course_id=digest_of(course_key), course_key=course_key, seen_at=DatabaseNow())


class Entity(models.Model):
    """An entity as it was last recorded. ``revision`` counts its changes; ``digest`` is the digest of its fields.

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
    """A run that would delete too much. It is not recorded until an operator approves exactly this run.

    ``published_version`` is empty if the course itself is deleted. ``deletes``: the number of entities that the run
    would delete, ``of`` how many. ``set_digest``: the digest of their ids.

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
