"""Finds the link whose site made a value."""

from __future__ import annotations

from course_sync_plugin.models import Course, Link
from course_sync_plugin.replication.strategies.base import Side


def link_of(course: Course, side: Side) -> Link | None:
    """Return the link of a course whose site made a value; None if it was made in Open edX or the link has ended."""
    links = list(Link.objects.select_related("target").filter(course=course))
    return next((link for link in links if link.site == side.stamp.site), None)
