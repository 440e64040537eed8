"""The pages of targets. Neither a secret nor a URL is shown: a URL may hold a token."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin.admin.shared.columns import column, links, list_url
from course_sync_plugin.admin.shared.row_actions import ActingAdmin
from course_sync_plugin.models import Attempt, Exclusion, Lane, Problem, Target
from course_sync_plugin.row_actions.lanes import of_target, pause, resume
from course_sync_plugin.row_actions.targets import TEST, rotation
from course_sync_plugin.sanitize.text import host_of


@admin.display(description=gettext_lazy("host"))
def host(target: Target) -> Any:
    """Return host and port of the target's URL."""
    return host_of(target.url) or None


@admin.display(description=gettext_lazy("see"))
def see(target: Target) -> str:
    """Return links to what belongs to the target."""
    return links(
        {
            _("lanes"): list_url(Lane, target__id__exact=target.pk),
            _("problems"): list_url(Problem, lane__target__id__exact=target.pk),
            _("attempts"): list_url(Attempt, target__id__exact=target.pk),
            _("excluded entities"): list_url(Exclusion, target__id__exact=target.pk),
        }
    )


@admin.display(description=gettext_lazy("courses"))
def courses(target: Target) -> str:
    """Return the organisations and courses that the target is subscribed to."""
    subscriptions = [str(one) for one in target.subscriptions.all()]
    return ", ".join(sorted(subscriptions)) or _("all")


_PAUSED = column("paused", gettext_lazy("paused"), boolean=True)
_DISABLED = column("disabled_reason", gettext_lazy("disabled because"))
_BREAKER = column("breaker_opened_at", gettext_lazy("circuit breaker open since"))
_BREAKER_ERROR = column("breaker_error", gettext_lazy("why the breaker is open"))


@admin.register(Target)
class TargetAdmin(ActingAdmin):
    """Lists the targets. ``add-target``, ``set-url`` and ``remove-target`` change what they are."""

    row_actions = (TEST, pause(of_target), resume(of_target), rotation(24), rotation(0))
    list_display = (
        column("name", gettext_lazy("name")),
        column("backend", gettext_lazy("backend")),
        host,
        _PAUSED,
        _DISABLED,
        _BREAKER,
        see,
    )
    row_display = (
        column("name", gettext_lazy("name")),
        column("backend", gettext_lazy("backend")),
        host,
        courses,
        column("entity_types", gettext_lazy("entity types (none: all)")),
        column("options", gettext_lazy("options")),
        _PAUSED,
        _DISABLED,
        _BREAKER,
        column("breaker_probe_at", gettext_lazy("next probe")),
        _BREAKER_ERROR,
        column("site", gettext_lazy("site that it was made for")),
        column("created_at", gettext_lazy("added at")),
        column("previous_secret_until", gettext_lazy("two secrets sign until")),
        see,
    )
    ordering = ("name",)
    prefetched = ("subscriptions",)
