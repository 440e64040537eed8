"""Template tags of the pages: the address of an action, and words and times that a person can read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from course_sync_plugin import api
from course_sync_plugin.data import utc_text
from course_sync_plugin.row_actions.offered import OFFERED

register = template.Library()


@register.simple_tag(takes_context=True)
def act_url(context: dict[str, Any], name: str, **names: Any) -> str:
    """Return the address of the page of an action. ``names``: the filters. It comes back then."""
    back = context["request"].get_full_path()
    given = {key: value for key, value in names.items() if value}
    return f"{reverse('course_sync:act', args=[name])}?{urlencode({**given, 'back': back})}"


@register.simple_tag(takes_context=True)
def attention_url(context: dict[str, Any], one: api.Attention) -> str:
    """Return the address of the page where it is mended; empty if no page does that."""
    if one.page == "approve":
        return act_url(context, one.page, **one.chosen) if context["access"].acts.site else "#held"
    if one.page == "target":
        return reverse("course_sync:target", kwargs={"name": one.chosen["target"]})
    return f"{reverse(f'course_sync:{one.page}')}?{urlencode(one.chosen)}" if one.page else ""


@register.filter
def course_address(key: str) -> str:
    """Return the address of the page of a course; empty for a text that no course has as its key."""
    try:
        return reverse("course_sync:course", args=[key])
    except NoReverseMatch:
        return ""


@register.filter
def action_label(name: str) -> str:
    """Return what a link to the page of an action says."""
    return str(OFFERED[name].action.label)


@register.filter
def moment(value: datetime | str | None) -> str:
    """Return a time in UTC as HTML, or a dash. A program can read it, and a person in the form of their language."""
    if not value:
        return "–"
    at = datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else value
    return format_html('<time datetime="{}">{}</time>', at.astimezone(UTC).isoformat(), api.local_time(at))


@register.filter
def utc(value: datetime) -> str:
    """Return a time as addresses have it."""
    return utc_text(value)


@register.filter
def local(value: datetime | str) -> str:
    """Return a time in UTC for a sentence. In English a text stays as it is, such as ``2026-02-02T00:00:00Z``."""
    return api.local_time(value)


@register.filter
def day(value: date) -> str:
    """Return a date in the form of the language of the reader."""
    return api.local_day(value)


@register.filter
def words(value: str) -> str:
    """Return a state, an operation or an entity type in the language of the reader."""
    return api.in_words(value)
