"""Targets, what they want, and what must travel with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.validators import validate_slug
from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.models.courses import SHA256_LENGTH, Course, digest_of
from course_sync_plugin.models.text import ForeignText


class Target(models.Model):
    """A system that receives operations.

    ``secret`` and ``previous_secret`` are encrypted (:mod:`course_sync_plugin.secrets`). ``entity_types`` empty: all.

    .. no_pii:
    """

    name = models.CharField(max_length=64, unique=True, validators=[validate_slug])
    backend = models.CharField(max_length=64)
    url = models.TextField(blank=True, default="")
    secret = models.TextField(blank=True, default="")
    previous_secret = models.TextField(blank=True, default="")
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    entity_types = models.JSONField(default=list, blank=True)
    options = models.JSONField(default=dict, blank=True)
    paused = models.BooleanField(default=False)
    disabled_reason = ForeignText(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "course_sync_target"
        verbose_name = _("target")

    def __str__(self) -> str:
        return self.name

    def wants(self, course: Course) -> bool:
        """Tell whether a subscription of this target names the course (none: every course). Uses prefetched rows."""
        subscriptions = list(self.subscriptions.all())
        return not subscriptions or any(subscription.names(course) for subscription in subscriptions)


class Subscription(models.Model):
    """Which courses a target wants: those of an organisation, or one. A target without any wants all.

    .. no_pii:
    """

    target = models.ForeignKey(Target, related_name="subscriptions", on_delete=models.CASCADE)
    org = models.CharField(max_length=LONGEST_KEY, blank=True, default="")
    course_key = models.CharField(max_length=LONGEST_KEY, blank=True, default="")

    class Meta:
        db_table = "course_sync_subscription"
        verbose_name = _("subscription")

    def __str__(self) -> str:
        return self.course_key or self.org

    def names(self, course: Course) -> bool:
        """Tell whether the course is one of those wanted; case counts, as it does in keys."""
        return self.course_key == course.key if self.course_key else self.org == course.org


class CourseContext(models.Model):
    """What a target must know of a course beside its operations; travels as ``data.context``.

    .. no_pii:
    """

    target = models.ForeignKey(Target, related_name="contexts", on_delete=models.CASCADE)
    course_key = models.CharField(max_length=LONGEST_KEY)
    key_digest = models.CharField(max_length=SHA256_LENGTH)
    values: Any = models.JSONField(default=dict)

    class Meta:
        db_table = "course_sync_coursecontext"
        verbose_name = _("course context")
        constraints = [models.UniqueConstraint(fields=["target", "key_digest"], name="course_sync_context_once")]

    def __str__(self) -> str:
        return f"{self.target} {self.course_key}"

    @classmethod
    def of(cls, target_id: int, course_key: str) -> Mapping[str, str]:
        """Return what is set for a course at a target."""
        row = cls.objects.filter(target=target_id, key_digest=digest_of(course_key)).first()
        return row.values if row else {}
