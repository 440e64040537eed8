"""Renders a page with what every page shows: who sees what, and the filters in its address."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from course_sync_plugin.dashboard.access import access_to


def page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """Render a page. ``name``: of its template, which is also the name of its entry in the navigation."""
    everything = {"access": access_to(request), "page": name, **context}
    answer = render(request, f"course_sync_plugin/dashboard/{name}.html", everything)
    answer["Content-Security-Policy"] = "frame-ancestors 'self'"
    return answer
