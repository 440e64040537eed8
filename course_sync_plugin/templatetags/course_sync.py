"""Template tags of the pages: the address of an action, and a time that a browser and a person can read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from course_sync_plugin.api import Attention

register = template.Library()


@register.simple_tag(takes_context=True)
def act_url(context: dict[str, Any], name: str, **names: Any) -> str:
    """Return the address of the page of an action. ``names``: the filters. It comes back then."""
    back = context["request"].get_full_path()
    given = {key: value for key, value in names.items() if value}
    return f"{reverse('course_sync:act', args=[name])}?{urlencode({**given, 'back': back})}"


@register.simple_tag(takes_context=True)
def attention_url(context: dict[str, Any], one: Attention) -> str:
    """Return the address of the page where it is mended; empty if no page does that."""
    if one.page == "approve":
        return act_url(context, one.page, **one.chosen) if context["access"].acts.site else "#held"
    if one.page == "target":
        return reverse("course_sync:target", kwargs={"name": one.chosen["target"]})
    return f"{reverse(f'course_sync:{one.page}')}?{urlencode(one.chosen)}" if one.page else ""


@register.filter
def moment(value: datetime | str | None) -> str:
    """Return a time in UTC as HTML, or a dash. Times in texts are in the form of the commands."""
    if not value:
        return "–"
    at = datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else value
    utc = at.astimezone(UTC)
    return format_html('<time datetime="{}">{}</time>', utc.isoformat(), utc.strftime("%Y-%m-%d %H:%M:%S"))
