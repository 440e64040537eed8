"""Registers the notifications in the Django admin: channels and rules, which operators edit, and notices."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.admin.shared.columns import column
from course_sync_plugin.admin.shared.permissions import TwoPermissions, may_act
from course_sync_plugin.admin.shared.read_only import ReadOnlyAdmin
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import ChannelKind, Notice, NotificationChannel, NotificationRule


class ChannelForm(forms.ModelForm):
    """The form of a channel. The address is written and never read: the field is always empty at first."""

    new_address = forms.CharField(
        label=gettext_lazy("New address"),
        required=False,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "size": 80}),
        help_text=gettext_lazy(
            "Only for Apprise: a URL such as slack://… or json://host/path. It is stored encrypted, and is not shown "
            "again. Leave it empty to keep the present address."
        ),
    )

    class Meta:
        model = NotificationChannel
        fields = ("name", "kind", "recipients", "enabled")
        help_texts = {"recipients": gettext_lazy("Only for mail: addresses, separated by commas. Empty: ADMINS.")}

    def clean(self) -> dict[str, Any]:
        """Encrypt the new address. Without one, an Apprise channel must have an address already."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("kind") != ChannelKind.APPRISE:
            self.instance.address = self.instance.address_shown = ""
        elif values.get("new_address"):
            self._seal(values["new_address"])
        elif not self.instance.address and values.get("enabled"):
            self.add_error("new_address", _("An Apprise channel needs an address."))
        return values

    def clean_recipients(self) -> str:
        """Check that each recipient is an e-mail address."""
        recipients: str = self.cleaned_data["recipients"]
        NotificationChannel(recipients=recipients).addresses()
        return recipients

    def _seal(self, url: str) -> None:
        try:
            sealed = api.seal_address(url)
        except ConfigurationError as error:
            self.add_error("new_address", error.message)
        else:
            self.instance.address, self.instance.address_shown = sealed.encrypted, sealed.shown
            self.instance.failures, self.instance.retry_at, self.instance.last_error = 0, None, ""


class _WithNotices(TwoPermissions, admin.ModelAdmin):
    """Edits rows that notices belong to. Notices have no page to delete them, and go with their rule."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[Any], Any]:
        """Return what would be deleted. The permission to act is enough for the notices too."""
        shown, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return shown, counts, lacking - {str(Notice._meta.verbose_name)}, protected


@admin.register(NotificationChannel)
class NotificationChannelAdmin(_WithNotices):
    """Edits channels."""

    form = ChannelForm
    list_display = ("name", "kind", "recipients", "address_shown", "enabled", "failures", "last_error")
    readonly_fields = ("address_shown", "failures", "retry_at", "last_error")
    fields = ("name", "kind", "recipients", "new_address", "enabled", *readonly_fields)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields. Who may only see has no field for a new address: it is no field of the table."""
        fields = super().get_fields(request, obj)
        return fields if may_act(request) else [name for name in fields if name != "new_address"]


class RuleForm(forms.ModelForm):
    """The form of a rule."""

    class Meta:
        model = NotificationRule
        fields = ("event", "threshold_seconds", "target", "channel", "cooldown_seconds", "enabled")
        help_texts = {
            "threshold_seconds": gettext_lazy(
                "Seconds that it must last before it is told; for 'recovered', that it must be over. Empty: the "
                "default of the event."
            ),
            "target": gettext_lazy("Empty: all targets."),
            "cooldown_seconds": gettext_lazy("Seconds after a message in which the same is not told again."),
        }

    def clean(self) -> dict[str, Any]:
        """Check the rule as a whole. Values that are no numbers at all are refused before."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            wrong = api.check_rule(NotificationRule(pk=self.instance.pk, **values))
            if wrong:
                raise ValidationError(dict(wrong))
        return values


@admin.register(NotificationRule)
class NotificationRuleAdmin(_WithNotices):
    """Edits rules."""

    form = RuleForm
    list_display = ("event", "threshold_seconds", "target", "channel", "cooldown_seconds", "enabled")
    list_filter = ("event", "channel")
    list_select_related = ("target", "channel")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """Lists what the rules found, and when it was told."""

    list_display = (
        column("rule", gettext_lazy("rule")),
        column("subject", gettext_lazy("subject")),
        column("open_since", gettext_lazy("open since")),
        column("times", gettext_lazy("times")),
        column("last_sent_at", gettext_lazy("last told")),
        column("closed_at", gettext_lazy("closed at")),
    )
    row_display = list_display
    prefetched = ("rule__channel",)
