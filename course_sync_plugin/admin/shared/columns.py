"""Columns, links and filters of the pages, with titles that can be translated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode

from course_sync_plugin.sanitize.text import as_json

Column = Callable[[Any], Any]


def column(path: str, title: Promise, *, boolean: bool = False) -> Column:
    """Return the column for an attribute. ``path``: its name, or names joined by dots. JSON is shown as JSON."""

    def show(row: Any) -> Any:
        value = _value(row, path)
        if isinstance(value, (dict, list)):
            return format_html('<pre style="white-space: pre-wrap">{}</pre>', as_json(value)) if value else None
        return value

    return _titled(show, path, title, boolean=boolean)


def choice(name: str, title: Promise) -> Column:
    """Return the column for a field with choices."""

    def show(row: Any) -> str:
        return str(getattr(row, f"get_{name}_display")())

    return _titled(show, name, title)


def linked(path: str, title: Promise) -> Column:
    """Return the column for a row of another table, as a link to its page."""

    def show(row: Any) -> Any:
        other = _value(row, path)
        return None if other is None else format_html('<a href="{}">{}</a>', url_of(other), str(other))

    return _titled(show, path, title)


def url_of(row: Model) -> str:
    """Return the address of the page of a row."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_url(model: type[Model], **chosen: Any) -> str:
    """Return the address of the list of a table. ``chosen``: the lookups that choose its rows."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{urlencode(chosen)}" if chosen else address


def links(addresses: Mapping[str, str]) -> str:
    """Return links to the addresses, by their texts."""
    return format_html_join(" · ", '<a href="{}">{}</a>', ((address, text) for text, address in addresses.items()))


def titled(title: Promise, kind: type[admin.FieldListFilter]) -> type[admin.FieldListFilter]:
    """Return the kind of filter with a title of its own, instead of the name of the field."""

    class Titled(kind):  # type: ignore[valid-type, misc]  # the base is an argument
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, **kwargs)
            self.title = title

        def has_output(self) -> bool:
            return True  # Django ignores a filter that is not shown, such as one on the only target

    return Titled


def _value(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = None if row is None else getattr(row, name)
    return None if row == "" else row


def _titled(show: Any, path: str, title: Promise, *, boolean: bool = False) -> Column:
    """Return the function with the attributes that the admin reads."""
    show.__name__ = path.replace(".", "_")
    show.short_description, show.boolean = title, boolean
    column: Column = show
    return column
