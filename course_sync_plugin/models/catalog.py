"""The tables of the catalog sync: its configuration, its runs, the records of course runs, and its progress."""

from __future__ import annotations

from config_models.models import ConfigurationModel
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models.courses import SHA256_LENGTH, Lease
from course_sync_plugin.sanitize import limits
from course_sync_plugin.sanitize.text import short_repr


class CatalogSyncConfiguration(ConfigurationModel):
    """The configuration of ``update_catalog_data``. Each change adds a row; the next run uses the newest one.

    .. no_pii:
    """

    enabled = models.BooleanField(_("enabled"), default=True)
    page_size = models.PositiveIntegerField(
        _("page size"), default=100, validators=[MinValueValidator(1)], help_text=_("Course runs asked for at once.")
    )
    connect_timeout = models.FloatField(
        _("connect timeout"), default=5, validators=[MinValueValidator(0.1)], help_text=_("Seconds.")
    )
    read_timeout = models.FloatField(
        _("read timeout"),
        default=30,
        validators=[MinValueValidator(0.1)],
        help_text=_("Seconds; an answer may take four times as long until its last byte."),
    )
    wait_budget = models.PositiveIntegerField(
        _("time budget for waiting"),
        default=60,
        help_text=_("Seconds that a run waits in all for a catalog that is busy; then it stops and goes on next time."),
    )
    requests_per_hour = models.PositiveIntegerField(
        _("requests per hour"),
        default=0,
        help_text=_("A run stops before it asks more often, and goes on next time. 0: as the catalog says."),
    )
    sync_marketing_url = models.BooleanField(_("marketing URL"), default=True)
    sync_eligible_for_financial_aid = models.BooleanField(_("eligible for financial aid"), default=True)
    sync_language = models.BooleanField(
        _("language"), default=True, help_text=_("Written only where the platform leaves it to the catalog.")
    )
    about_page_ignores_switches = models.BooleanField(
        _("about links ignore the platform's switches"),
        default=False,
        help_text=_("Use sharing and marketing URLs whatever CUSTOM_COURSE_URLS and ENABLE_MKTG_SITE say."),
    )

    class Meta(ConfigurationModel.Meta):
        db_table = "course_sync_catalogconfiguration"
        verbose_name = _("catalog configuration")

    def __str__(self) -> str:
        return f"{self.change_date}"

    def clean(self) -> None:
        """Raise ValidationError for numbers that are out of bounds, for the form in the admin."""
        wrong = {name: [f"It must be {limit}."] for name, limit in self._out_of_bounds().items()}
        if wrong:
            raise ValidationError(wrong)

    def require_valid(self) -> None:
        """Raise ConfigurationError if a number is out of bounds. Not every row comes from the form in the admin."""
        for name, limit in self._out_of_bounds().items():
            field, value = getattr(self._meta.get_field(name), "verbose_name", name), getattr(self, name)
            raise ConfigurationError(
                f"In the admin, Catalog configurations: '{field}' is {short_repr(value)} and must be {limit}."
            )

    def _out_of_bounds(self) -> dict[str, limits.Limit]:
        return {name: limit for name, limit in limits.CATALOG.items() if not limit.holds(getattr(self, name))}


class CatalogRun(models.Model):
    """One run of ``update_catalog_data`` with its counts. ``ended_at`` is null while it runs or can be continued.

    ``counts`` maps the name of each count to a number. ``refused`` and ``kept`` map reasons to numbers.

    .. no_pii:
    """

    class State(models.TextChoices):
        """The state of a run."""

        RUNNING = "running", _("running")
        STOPPED = "stopped", _("stopped; the next run goes on")
        COMPLETED = "completed", _("completed")

    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.RUNNING)
    began_at = models.DateTimeField(_("begin"))
    ended_at = models.DateTimeField(_("end"), null=True, blank=True)
    seconds = models.FloatField(_("seconds of work"), default=0)
    pages = models.PositiveIntegerField(_("pages"), default=0)
    requests = models.PositiveIntegerField(_("requests"), default=0)
    counts = models.JSONField(_("counts"), default=dict)
    refused = models.JSONField(_("refused, by reason"), default=dict)
    kept = models.JSONField(_("kept because the catalog gave nothing valid"), default=dict)
    failures = models.JSONField(_("failures to reach the catalog"), default=list)
    courses = models.JSONField(_("courses asked for"), default=list)

    class Meta:
        db_table = "course_sync_catalogrun"
        verbose_name = _("catalog run")

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M} {self.state}"


class CatalogRecord(models.Model):
    """The values that the catalog last returned for a course run.

    ``values`` maps columns of the course overview to the last valid value of each. ``refused``: why the last row of the
    catalog was refused; empty if it was accepted. ``drift`` maps columns that Studio owns, and that differ there, to
    the time since which they differ. ``check_at``: the time at which the overview must be compared with this row.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(_("course"), max_length=LONGEST_KEY)
    key_digest = models.CharField(max_length=SHA256_LENGTH, unique=True)
    values = models.JSONField(_("values"), default=dict)
    refused = models.CharField(_("refused"), max_length=100, default="", blank=True)
    drift = models.JSONField(_("differs in Studio since"), default=dict)
    seen_at = models.DateTimeField(_("last seen"))
    changed_at = models.DateTimeField(_("last changed"))
    run_number = models.BigIntegerField(_("run"))
    check_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        db_table = "course_sync_catalogrecord"
        verbose_name = _("catalog record")

    def __str__(self) -> str:
        return self.key


class CatalogProgress(Lease):
    """The one row that says who reads the catalog now, and how far the unfinished run has come.

    .. no_pii:
    """

    ONLY = 1

    run = models.ForeignKey(CatalogRun, null=True, blank=True, on_delete=models.SET_NULL)
    checkpoint = models.JSONField(default=dict, blank=True)
    hour_began_at = models.DateTimeField(null=True, blank=True)
    hour_requests = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "course_sync_catalogprogress"
        verbose_name = _("catalog progress")

    def __str__(self) -> str:
        return "catalog"
