"""The tables of what operators did, and of the entities that they excluded from a target."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.models.courses import SHA256_LENGTH, Course
from course_sync_plugin.models.targets import Target
from course_sync_plugin.models.text import ForeignText


class OperatorAction(models.Model):
    """One thing that an operator did: who, when, a note, and what it changed. Rows are never changed.

    * ``operator``: the user name in the admin, or ``user@host`` of the operating system for a command.
    * ``action``: the name of the command, such as ``retry``. ``arguments``: its arguments, without secrets.
    * ``target_name``, ``course_key``: what it concerned; empty if it concerned all of them.
    * ``changed``: what it changed: numbers, and the first of the keys.

    .. pii: The user names of the operator who acted, and of one to whom a cause of errors was assigned.
    .. pii_types: username
    .. pii_retirement: retained
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    operator = models.CharField(max_length=255)
    action = models.CharField(max_length=64)
    target_name = models.CharField(max_length=64, default="", blank=True)
    course_key = models.CharField(max_length=LONGEST_KEY, default="", blank=True)
    arguments = models.JSONField(default=dict)
    note = ForeignText(default="", blank=True)
    changed = models.JSONField(default=dict)

    class Meta:
        db_table = "course_sync_action"
        verbose_name = _("action of an operator")
        verbose_name_plural = _("actions of operators")

    def __str__(self) -> str:
        return f"{self.action} {self.target_name} {self.course_key}".rstrip()


class Exclusion(models.Model):
    """An entity that an operator excluded from a target, with everything below it, until it is included again.

    .. no_pii:
    """

    target = models.ForeignKey(Target, related_name="exclusions", on_delete=models.CASCADE)
    course = models.ForeignKey(Course, related_name="+", on_delete=models.CASCADE)
    entity_id = models.CharField(max_length=LONGEST_KEY)
    id_digest = models.CharField(max_length=SHA256_LENGTH)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "course_sync_exclusion"
        verbose_name = _("excluded entity")
        verbose_name_plural = _("excluded entities")
        constraints = [models.UniqueConstraint(fields=["target", "id_digest"], name="course_sync_exclusion_once")]

    def __str__(self) -> str:
        return f"{self.target} {self.entity_id}"
