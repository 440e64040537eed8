"""The tables of notifications: channels, rules, and what the rules have found and told."""

from __future__ import annotations

from django.core.validators import validate_email, validate_slug
from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.models.courses import SHA256_LENGTH
from course_sync_plugin.models.targets import Target
from course_sync_plugin.models.text import ForeignText
from course_sync_plugin.sanitize import limits

#: The most characters of a subject: a course key and the name of a target.
LONGEST_SUBJECT = LONGEST_KEY + 100


class NotificationEvent(models.TextChoices):
    """What a rule can be about."""

    TARGET_FAILING = "target_failing", _("target failing")
    FIRST_PROBLEM = "first_problem", _("first problem of a course")
    BREAKER_OPEN = "breaker_open", _("circuit breaker open")
    TARGET_DISABLED = "target_disabled", _("target disabled")
    RUN_HELD = "run_held", _("run held")
    UNDELIVERED = "undelivered", _("oldest undelivered operation too old")
    NO_SWEEP = "no_sweep", _("no sweep")
    CATALOG_FAILED = "catalog_failed", _("catalog run failed")
    RECOVERED = "recovered", _("recovered")


class ChannelKind(models.TextChoices):
    """How a channel sends messages."""

    MAIL = "mail", _("mail (Django)")
    LOG = "log", _("log")
    APPRISE = "apprise", _("Apprise")


class NotificationChannel(models.Model):
    """A way to people: mail, the log, or a service that the library Apprise knows.

    * ``recipients``: addresses of a mail channel, separated by commas; empty: ``ADMINS`` of the site.
    * ``address``: the URL of an Apprise channel, encrypted (:mod:`course_sync_plugin.secrets`). ``address_shown``: the
      part of it that is no secret.
    * ``failures``: the failed sends since the last message that was sent. ``retry_at``: no send before this time.
    * ``last_error``: why the last send failed. ``error_logged_at``: when that was last logged.

    .. pii: The mail addresses of the operators who get notifications.
    .. pii_types: email_address
    .. pii_retirement: retained
    """

    name = models.CharField(_("name"), max_length=64, unique=True, validators=[validate_slug])
    kind = models.CharField(_("kind"), max_length=16, choices=ChannelKind.choices)
    recipients = models.TextField(_("recipients"), default="", blank=True)
    address = models.TextField(default="", blank=True)
    address_shown = models.TextField(_("address"), default="", blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    failures = models.PositiveIntegerField(_("failed sends"), default=0)
    retry_at = models.DateTimeField(_("not before"), null=True, blank=True)
    last_error = ForeignText(_("last error"), default="", blank=True)
    error_logged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "course_sync_notificationchannel"
        verbose_name = _("notification channel")

    def __str__(self) -> str:
        return self.name

    def addresses(self) -> list[str]:
        """Return the recipients of a mail channel. Raises ValidationError if one is no e-mail address."""
        found = [one.strip() for one in self.recipients.split(",") if one.strip()]
        for one in found:
            validate_email(one)
        return found


class NotificationRule(models.Model):
    """A rule: if this event lasts for ``threshold_seconds``, the channel gets a message.

    * ``threshold_seconds``: NULL means the default of the event. For ``recovered`` it is how long the trouble must be
      over.
    * ``target``: only what concerns this target. NULL: everything.
    * ``cooldown_seconds``: what was told once is not told again before this time is over.

    .. no_pii:
    """

    event = models.CharField(_("event"), max_length=32, choices=NotificationEvent.choices)
    threshold_seconds = models.PositiveIntegerField(_("threshold"), null=True, blank=True)
    target = models.ForeignKey(
        Target, verbose_name=_("target"), null=True, blank=True, related_name="+", on_delete=models.CASCADE
    )
    channel = models.ForeignKey(
        NotificationChannel, verbose_name=_("channel"), related_name="rules", on_delete=models.CASCADE
    )
    cooldown_seconds = models.PositiveIntegerField(_("cool-down"), default=limits.NOTIFICATION_COOLDOWN_DEFAULT)
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        db_table = "course_sync_notificationrule"
        verbose_name = _("notification rule")

    def __str__(self) -> str:
        return f"{self.event} → {self.channel}"


class Notice(models.Model):
    """What a rule found: one row for each rule and subject, until the trouble is over and that was told.

    * ``subject``: the name of a target, a course, or a course at a target; empty for the whole site.
    * ``open_since``: when the trouble began this time. ``first_since``: when it began first. ``times``: how often it
      began since.
    * ``last_sent_at``: when a message named it. ``closed_at``: when the trouble was seen to be over.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    rule = models.ForeignKey(NotificationRule, related_name="notices", on_delete=models.CASCADE)
    subject = models.CharField(max_length=LONGEST_SUBJECT)
    subject_digest = models.CharField(max_length=SHA256_LENGTH)
    open_since = models.DateTimeField()
    first_since = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    last_sent_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "course_sync_notice"
        verbose_name = _("notice")
        constraints = [models.UniqueConstraint(fields=["rule", "subject_digest"], name="course_sync_notice_once")]

    def __str__(self) -> str:
        return self.subject
