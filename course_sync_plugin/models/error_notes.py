"""The tables of what operators noted about causes of errors: their state, who looks after them, and each step."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.models.control import OperatorAction
from course_sync_plugin.models.courses import SHA256_LENGTH
from course_sync_plugin.models.targets import Target
from course_sync_plugin.models.text import ForeignText


class ErrorCauseState(models.TextChoices):
    """What operators decided about a cause. One that comes back after its resolution is shown as reopened."""

    OPEN = "open", _("open")
    RESOLVED = "resolved", _("resolved")


class ErrorCause(models.Model):
    """A cause of errors about which operators noted something. It stays when the errors are gone.

    * ``digest``: names the cause (``upkeep/causes.py``: ``Cause.digest``); the name of the target is a part of it.
    * ``what``, ``kind``, ``error_class``, ``status``, ``reason``: what the errors had in common, to show it later.
    * ``assignee``: the user who looks after it.
    * ``resolved_at``, ``resolved_by``: the last resolution, until the cause is opened again.
    * ``covers``: when the newest error began that was there at the resolution; NULL: none was there. What began later
      came back.

    .. pii: The user who looks after the cause (a foreign key), and the user name of the operator who resolved it.
    .. pii_types: id, username
    .. pii_retirement: retained
    """

    id = models.BigAutoField(primary_key=True)
    target = models.ForeignKey(Target, related_name="error_causes", on_delete=models.CASCADE)
    digest = models.CharField(max_length=SHA256_LENGTH, unique=True)
    what = models.CharField(max_length=16)
    kind = models.CharField(max_length=16)
    error_class = models.CharField(max_length=64, default="", blank=True)
    status = models.PositiveIntegerField(null=True, blank=True)
    reason = ForeignText(default="", blank=True)
    state = models.CharField(max_length=16, choices=ErrorCauseState.choices, default=ErrorCauseState.OPEN)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, related_name="+", null=True, blank=True, on_delete=models.SET_NULL
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=255, default="", blank=True)
    covers = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "course_sync_errorcause"
        verbose_name = _("cause of errors")
        verbose_name_plural = _("causes of errors")

    def __str__(self) -> str:
        return f"{self.target}: {self.reason}"


class ErrorStep(models.Model):
    """One step of an operator on a cause. Who, when and why is in the record of the action.

    ``orgs``: the organisations whose courses had the cause then. Only who sees all of them sees the step.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    cause = models.ForeignKey(ErrorCause, related_name="steps", on_delete=models.CASCADE)
    action = models.OneToOneField(OperatorAction, related_name="+", on_delete=models.CASCADE)
    orgs = models.JSONField(default=list)

    class Meta:
        db_table = "course_sync_errorstep"
        verbose_name = _("step on a cause of errors")
        verbose_name_plural = _("steps on causes of errors")

    def __str__(self) -> str:
        return f"{self.cause}: {self.action}"
