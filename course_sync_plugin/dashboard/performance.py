"""The page of performance: how fast courses are synced and delivered, over some days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from course_sync_plugin import api
from course_sync_plugin.dashboard.access import for_site
from course_sync_plugin.dashboard.charts import Chart, chart
from course_sync_plugin.dashboard.page import page
from course_sync_plugin.sanitize.text import single_line

#: The days that are shown unless the address says otherwise.
_DAYS = 30

#: The share of durations up to each quantile, by its name in the template.
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@require_safe
@for_site
def performance(request: HttpRequest) -> HttpResponse:
    """Show the days from ``since`` to ``until`` (YYYY-MM-DD, UTC), of one target or of all. Wrong dates are told."""
    errors: list[str] = []
    until = _date(request, "until", errors) or datetime.now(UTC).date()
    since = _date(request, "since", errors) or max(date.min + timedelta(days=_DAYS), until) - timedelta(days=_DAYS - 1)
    if since > until:
        errors.append(_("The first day is after the last day: the last day alone is shown."))
    target = request.GET.get("target", "")
    report = api.performance(since, until, target)
    if target and not report.targets:
        errors.append(_("There is no target {name}.").format(name=single_line(target, 64)))
    days = [_day(one) for one in report.days]
    context = {
        "report": report,
        "days": days,
        "charts": _charts(days),
        "names": sorted({*report.names, *(one.name for one in report.targets)}),
        "target": target,
        "errors": errors,
    }
    return page(request, "performance", context)


def _date(request: HttpRequest, name: str, errors: list[str]) -> date | None:
    text = request.GET.get(name, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        told = _("'{text}' is not a day: write YYYY-MM-DD.")
        errors.append(told.format(text=single_line(text, 40)))
        return None


def _day(one: Any) -> dict[str, Any]:
    """Return a day with the quantiles of its durations."""
    quantiles = {name: one.deliveries.durations.quantile(share) for name, share in _QUANTILES.items()}
    syncs = {name: one.syncs.quantile(share) for name, share in _QUANTILES.items()}
    return {"report": one, "deliveries": quantiles, "syncs": syncs}


def _charts(days: Sequence[Mapping[str, Any]]) -> dict[str, Chart]:
    requests = [day["report"].deliveries for day in days]
    return {
        "deliveries": chart([day["deliveries"]["p50"] for day in days], [day["deliveries"]["p95"] for day in days]),
        "operations": chart([day["report"].recorded for day in days], [one.carried_out for one in requests]),
        "requests": chart([one.attempts for one in requests], [one.attempts - one.answered for one in requests]),
        "syncs": chart([day["syncs"]["p50"] for day in days], [day["syncs"]["p95"] for day in days]),
    }
