"""The command ``manage.py publish_olx``: the sandbox's counterpart of a publish in Studio."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.keys import parse_course_id
from sandbox.published.publishing import publish
from sandbox.published.syncing import report


class Command(BaseCommand):
    """Publishes an OLX export and waits until it is recorded or held. It does not deliver it."""

    help = "Publish an OLX export (.tar.gz or folder); returns when the run is recorded or held."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the path and the key."""
        parser.add_argument("path", help="a Studio export: .tar.gz or folder")
        parser.add_argument("--course-key", metavar="KEY", help="publish the export as this course run")

    def handle(self, *args: Any, **options: Any) -> None:
        """Publish the export. Exit with status 1 if it cannot be read."""
        try:
            key = parse_course_id(options["course_key"]) if options["course_key"] else None
            report(self, publish(options["path"], key))
        except CourseSyncError as error:
            self.stderr.write(error.message)
            sys.exit(1)
