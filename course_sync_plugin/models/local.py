"""The tables of the target ``local``: the courses of this site, for programs that cannot ask the modulestore.

:mod:`course_sync_plugin.targets.local` writes them. The tables of the types hold the fields that a query needs; an
entity's exact fields and its place are in :class:`LocalEntity`.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.models.courses import SHA256_LENGTH, digest_of
from course_sync_plugin.models.text import ForeignText


def entity_digest(course_id: str, entity_id: str) -> str:
    """Return the digest that names an entity of a course in the tables of the target ``local``."""
    return digest_of(f"{course_id}\n{entity_id}")


class LocalReplica(models.Model):
    """What the target ``local`` knows about a course as a whole. The row stays when the course is deleted.

    ``published_version``: the version at the last end of a run. ``complete``: nothing has come since then, so the
    tables hold the course as of that version. ``sequence``: that of the last envelope that was carried out.
    ``snapshot_since``: the sequence with which the present snapshot began; NULL: none is under way. ``updated_at``:
    when the last envelope was carried out.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    course_key = models.CharField(max_length=LONGEST_KEY)
    key_digest = models.CharField(max_length=SHA256_LENGTH, unique=True)
    org = models.CharField(max_length=LONGEST_KEY, db_index=True)
    published_version = models.CharField(max_length=64, default="", blank=True)
    complete = models.BooleanField(default=False)
    sequence = models.BigIntegerField(default=-1)
    snapshot_since = models.BigIntegerField(null=True, blank=True)
    updated_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "course_sync_local_replica"
        verbose_name = _("local replica")

    def __str__(self) -> str:
        return self.course_key


class LocalEntity(models.Model):
    """An entity of a course as the target ``local`` has it: its exact fields and its place, whatever its type.

    ``key_digest``: :func:`entity_digest`. ``parent_digest``: that of the parent, NULL for the course. ``position``: the
    order among the siblings, which may have gaps. ``named_in``: the last envelope of a snapshot that named the entity.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    replica = models.ForeignKey(LocalReplica, related_name="entities", on_delete=models.CASCADE)
    key_digest = models.CharField(max_length=SHA256_LENGTH, unique=True)
    entity_id = models.CharField(max_length=LONGEST_KEY)
    entity_type = models.CharField(max_length=64)
    block_type = models.CharField(max_length=LONGEST_KEY)
    parent_id = models.CharField(max_length=LONGEST_KEY, null=True)
    parent_digest = models.CharField(max_length=SHA256_LENGTH, null=True, db_index=True)
    position = models.PositiveIntegerField(default=0)
    fields = models.JSONField(default=dict)
    named_in = models.BigIntegerField(default=-1)

    class Meta:
        db_table = "course_sync_local_entity"
        verbose_name = _("local entity")
        verbose_name_plural = _("local entities")

    def __str__(self) -> str:
        return self.entity_id


class LocalTable(models.Model):
    """The columns of every table of a type. The key is the digest of the entity.

    A column is NULL if the field is not set. ``title`` has U+FFFD in place of characters that some database cannot
    store (emoji); the exact title is in ``entity.fields["display_name"]``.

    .. no_pii:
    """

    # No constraint: the row is written before that of the entity, and the target deletes both in one transaction.
    entity = models.OneToOneField(
        LocalEntity,
        to_field="key_digest",
        primary_key=True,
        related_name="%(class)s",
        db_constraint=False,
        on_delete=models.DO_NOTHING,
    )
    title = ForeignText(null=True, blank=True)
    visible_to_staff_only = models.BooleanField(null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title or str(self.pk)


class _Planned(LocalTable):
    """The columns of sections and subsections. The dates are effective: the block may have inherited them.

    .. no_pii:
    """

    start = models.DateTimeField(null=True, blank=True)
    due = models.DateTimeField(null=True, blank=True)
    graded = models.BooleanField(null=True)
    format = ForeignText(null=True, blank=True)
    hide_from_toc = models.BooleanField(null=True)

    class Meta:
        abstract = True


class LocalCourse(LocalTable):
    """A course.

    .. no_pii:
    """

    start = models.DateTimeField(null=True, blank=True)
    end = models.DateTimeField(null=True, blank=True)
    enrollment_start = models.DateTimeField(null=True, blank=True)
    enrollment_end = models.DateTimeField(null=True, blank=True)
    self_paced = models.BooleanField(null=True)
    invitation_only = models.BooleanField(null=True)
    catalog_visibility = ForeignText(null=True, blank=True)

    class Meta:
        db_table = "course_sync_local_course"
        verbose_name = _("local course")


class LocalSection(_Planned):
    """A section.

    .. no_pii:
    """

    class Meta:
        db_table = "course_sync_local_section"
        verbose_name = _("local section")


class LocalSubsection(_Planned):
    """A subsection.

    .. no_pii:
    """

    class Meta:
        db_table = "course_sync_local_subsection"
        verbose_name = _("local subsection")


class LocalUnit(LocalTable):
    """A unit.

    .. no_pii:
    """

    hide_from_toc = models.BooleanField(null=True)

    class Meta:
        db_table = "course_sync_local_unit"
        verbose_name = _("local unit")


class LocalComponent(LocalTable):
    """A component.

    .. no_pii:
    """

    class Meta:
        db_table = "course_sync_local_component"
        verbose_name = _("local component")
