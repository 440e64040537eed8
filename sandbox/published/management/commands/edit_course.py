"""The command ``manage.py edit_course``: the sandbox's counterpart of an edit in Studio."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from course_sync_plugin.diff.handlers import handler_for
from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError
from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.sanitize.text import short_repr
from course_sync_plugin.structure.values import InvalidValue, normalised
from sandbox.published.drafts import Studio, editing
from sandbox.published.models import PublishedCourse
from sandbox.published.syncing import report


class Command(BaseCommand):
    """Edits fields of one entity. A course, section or subsection is published at once, as in Studio."""

    help = "Edit a course as an author: manage.py edit_course KEY ENTITY_ID display_name='A new title' due=2026-05-01"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the course, the entity and the values."""
        parser.add_argument("key", metavar="KEY", help="the course run")
        parser.add_argument("entity_id", metavar="ENTITY_ID", help="a usage key; the course run for the course itself")
        parser.add_argument("values", nargs="+", metavar="FIELD=VALUE", help="without a value, the field is removed")

    def handle(self, *args: Any, **options: Any) -> None:
        """Edit the entity. Exit with status 1 if there is none, or it does not accept a value."""
        try:
            key, entity_id = parse_course_id(options["key"]), options["entity_id"]
            before = PublishedCourse.objects.filter(course_key=key).first()
            with editing(key) as course:
                course.edit(entity_id, _values(course, entity_id, options["values"]))
        except CourseSyncError as error:
            self.stderr.write(error.message)
            sys.exit(1)
        published = PublishedCourse.objects.get(course_key=key)
        if before and published.published_version != before.published_version:
            report(self, published)
        elif course.has_changes(entity_id):
            self.stdout.write(f"{key}: in the draft. To publish it: manage.py publish_course {key} {entity_id}")
        else:
            self.stdout.write(f"{key}: the draft is as it is published")


def _values(course: Studio, entity_id: str, pairs: list[str]) -> dict[str, Any]:
    """Return the values of ``FIELD=VALUE``. Raises ConfigurationError if one is not accepted."""
    entity = course.draft.entities.get(entity_id)
    if entity is None:
        raise ConfigurationError(f"There is no {short_repr(entity_id, 300)} in {course.draft.course_id}")
    fields = handler_for(entity.block_type).fields
    values = {}
    for name, equals, text in (pair.partition("=") for pair in pairs):
        if not equals or name not in fields:
            raise ConfigurationError(f"{short_repr(name)} is no field of a {entity.entity_type}: {', '.join(fields)}")
        try:
            values[name] = normalised(fields[name].kind, text) if text else None
        except InvalidValue as error:
            raise ConfigurationError(f"{name}: {error}") from error
    return values
