"""``manage.py publish_olx``: what Studio's publish is to the platform."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from course_sync_plugin import api
from course_sync_plugin.cleaning import cleaned
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.models import Run
from sandbox.published.models import PublishedCourse
from sandbox.published.publishing import publish
from sandbox.published.syncing import synced


class Command(BaseCommand):
    """Publishes an OLX export and sees to it that it is recorded; delivery is left to others."""

    help = "Publish an OLX export (.tar.gz or folder); returns when the run is recorded or held."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the path and the key."""
        parser.add_argument("path", help="a Studio export: .tar.gz or folder")
        parser.add_argument("--course-key", metavar="KEY", help="publish it as this course run")

    def handle(self, *args: Any, **options: Any) -> None:
        """Publish; exit with 1 where the export cannot be read."""
        try:
            key = parse_course_id(options["course_key"]) if options["course_key"] else None
            published = publish(options["path"], key)
            result = synced(published)
        except CourseSyncError as error:
            self.stderr.write(error.message)
            sys.exit(1)
        for warning in result.warnings:
            self.stdout.write(cleaned(f"  {warning}"))
        self.stdout.write(f"{result.course_key}: {_told(result, published)}")
        if result.outcome is api.Outcome.UNREADABLE:
            self.stderr.write(result.error)
            sys.exit(1)


def _told(result: api.SyncResult, published: PublishedCourse) -> str:
    """What came of the publish, whoever recorded it."""
    runs = Run.objects.filter(course__key=published.course_key, published_version=published.published_version)
    run = runs.filter(lane=None).first()
    return f"recorded, {run.operations_count} operations" if run else result.outcome.value
