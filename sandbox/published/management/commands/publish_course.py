"""The command ``manage.py publish_course``: the sandbox's counterpart of the Publish button."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError
from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.sanitize.text import short_repr
from sandbox.published.drafts import editing
from sandbox.published.models import PublishedCourse
from sandbox.published.syncing import report


class Command(BaseCommand):
    """Publishes what was edited, and waits until it is recorded or held. It does not deliver it."""

    help = "Publish the draft of a course, or of one entity with all below it: manage.py publish_course KEY [ENTITY_ID]"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the course and the entity."""
        parser.add_argument("key", metavar="KEY", help="the course run")
        parser.add_argument("entity_id", metavar="ENTITY_ID", nargs="?", help="a usage key; without it, everything")

    def handle(self, *args: Any, **options: Any) -> None:
        """Publish the draft. Exit with status 1 if there is no such course or entity."""
        try:
            key = parse_course_id(options["key"])
            with editing(key) as course:
                entity_id = options["entity_id"] or key
                if entity_id not in course.draft.entities:
                    raise ConfigurationError(f"There is no {short_repr(entity_id, 300)} in {key}")
                before = course.published
                course.publish(entity_id)
        except CourseSyncError as error:
            self.stderr.write(error.message)
            sys.exit(1)
        if course.published.same_course_as(before):
            self.stdout.write(f"{key}: there is nothing to publish")
        else:
            report(self, PublishedCourse.objects.get(course_key=key))
