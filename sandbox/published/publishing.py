"""Publishing an export: the row that stands for the modulestore, and the signal's receiver."""

from __future__ import annotations

import uuid
from pathlib import Path

from django.db import transaction
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.data import Structure
from course_sync_plugin.receivers import on_course_deleted, on_course_published
from course_sync_plugin.structure.olx import read_olx
from sandbox.course_overviews.publishing import delete_overview, refresh_overview
from sandbox.published.models import PublishedCourse
from sandbox.published.source import to_json


def publish(path: str | Path, course_key: str | None = None) -> PublishedCourse:
    """Publish an export under its own key or the one given. Every publish has a new version, as in the platform.

    Raises InvalidCourse, and nothing is published.
    """
    return publish_structure(read_olx(path, course_key, published_version=new_version()))


def new_version() -> str:
    """Return a version that was never published, in the form of the platform's."""
    return uuid.uuid4().hex[:24]


def publish_structure(structure: Structure) -> PublishedCourse:
    """Publish a structure as it is."""
    with transaction.atomic():
        row, _ = PublishedCourse.objects.update_or_create(
            course_key=structure.course_id,
            defaults={"published_version": structure.published_version, "structure": to_json(structure)},
        )
        refresh_overview(structure)
        on_course_published(sender=None, course_key=CourseKey.from_string(row.course_key))
    return row


def unpublish(course_key: str) -> None:
    """Delete a course, as ``delete_course`` does it in the platform."""
    with transaction.atomic():
        PublishedCourse.objects.filter(course_key=course_key).delete()
        delete_overview(course_key)
        on_course_deleted(sender=None, course_key=CourseKey.from_string(course_key))
