"""The tables of targets, of their subscriptions and of the contexts that are sent to them."""

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

    ``secret``, ``previous_secret`` and ``token`` are encrypted (:mod:`course_sync_plugin.secrets`). ``token`` is the
    access token for the API of the other system; NULL: it needs none. If ``entity_types`` is empty, the target gets all
    types.

    ``site``: the root URL of the LMS for which the target was made or confirmed. On another site, as after a restored
    dump, its lanes wait until an operator confirms it. NULL: none yet, as in rows of an older release; the next sweep
    notes the site on which it runs.

    The circuit breaker, NULL in rows of an older release: ``breaker_failures`` counts the requests without an answer
    since the last answer. ``breaker_opened_at`` is set while the breaker is open; then no lane sends, except one probe
    from ``breaker_probe_at`` on. ``breaker_error`` says why it opened, ``breaker_probes`` counts the probes since.
    ``breaker_token`` names the lane whose request is the probe.

    .. no_pii:
    """

    name = models.CharField(max_length=64, unique=True, validators=[validate_slug])
    backend = models.CharField(max_length=64)
    url = models.TextField(blank=True, default="")
    secret = models.TextField(blank=True, default="")
    previous_secret = models.TextField(blank=True, default="")
    token = models.TextField(null=True, blank=True)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    entity_types = models.JSONField(default=list, blank=True)
    options = models.JSONField(default=dict, blank=True)
    paused = models.BooleanField(default=False)
    disabled_reason = ForeignText(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    site = models.TextField(null=True, blank=True)
    breaker_failures = models.PositiveIntegerField(null=True, blank=True)
    breaker_opened_at = models.DateTimeField(null=True, blank=True)
    breaker_probe_at = models.DateTimeField(null=True, blank=True)
    breaker_probes = models.PositiveIntegerField(null=True, blank=True)
    breaker_token = models.CharField(max_length=32, null=True, blank=True)
    breaker_error = ForeignText(null=True, blank=True)

    class Meta:
        db_table = "course_sync_target"
        verbose_name = _("target")
        # They hold for every page in the admin (admin/shared/permissions.py), not for this table alone.
        permissions = [
            ("view_sync", _("Can see all pages of Course sync")),
            ("operate_sync", _("Can see and act on all pages of Course sync")),
        ]

    def __str__(self) -> str:
        return self.name

    def wants(self, course: Course) -> bool:
        """Tell whether this target wants the course: it has no subscriptions, or one of them includes the course.

        The method uses prefetched subscriptions.
        """
        subscriptions = list(self.subscriptions.all())
        return not subscriptions or any(subscription.names(course) for subscription in subscriptions)


class Subscription(models.Model):
    """The courses of one organisation, or one course, that a target wants. Without subscriptions it wants all courses.

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
        """Tell whether the subscription includes the course. Case matters, as in course keys."""
        return self.course_key == course.key if self.course_key else self.org == course.org


class CourseContext(models.Model):
    """Values that a target needs to know about a course. Each message sends them as ``data.context``.

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
        """Return the values that are set for a course at a target."""
        row = cls.objects.filter(target=target_id, key_digest=digest_of(course_key)).first()
        return row.values if row else {}
