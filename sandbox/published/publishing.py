"""Publishes exports: writes the row that takes the place of the modulestore, and calls the receiver of the signal."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

from django.db import transaction
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.data import Structure
from course_sync_plugin.signals.handlers import on_course_deleted, on_course_published
from course_sync_plugin.structure.olx.reader import read_with_html
from sandbox.course_overviews.publishing import delete_overview, refresh_overview
from sandbox.published.models import DraftCourse, PublishedCourse
from sandbox.published.source import to_json


def publish(path: str | Path, course_key: str | None = None) -> PublishedCourse:
    """Publish an export under its own key or under ``course_key``. Every publish has a new version, as in the platform.

    Raises InvalidCourse if the export cannot be read; then nothing is published.
    """
    return publish_structure(*read_with_html(path, course_key, published_version=new_version()))


def new_version() -> str:
    """Return a new version, in the form of the platform's versions."""
    return uuid.uuid4().hex[:24]


def publish_structure(structure: Structure, html: Mapping[str, str] | None = None) -> PublishedCourse:
    """Publish a structure as it is, also in place of what authors have edited and not published.

    ``html``: the HTML of its html components, by entity id.
    """
    with transaction.atomic():
        DraftCourse.objects.filter(course_key=structure.course_id).delete()
        return replace_published(structure, html or {})


def replace_published(structure: Structure, html: Mapping[str, str]) -> PublishedCourse:
    """Publish a structure as it is. The draft stays."""
    with transaction.atomic():
        row, _ = PublishedCourse.objects.update_or_create(
            course_key=structure.course_id,
            defaults={
                "published_version": structure.published_version,
                "structure": to_json(structure),
                "html": dict(html),
            },
        )
        refresh_overview(structure)
        on_course_published(sender=None, course_key=CourseKey.from_string(row.course_key))
    return row


def unpublish(course_key: str) -> None:
    """Delete a course, as the platform's command ``delete_course`` does."""
    with transaction.atomic():
        PublishedCourse.objects.filter(course_key=course_key).delete()
        DraftCourse.objects.filter(course_key=course_key).delete()
        delete_overview(course_key)
        on_course_deleted(sender=None, course_key=CourseKey.from_string(course_key))
