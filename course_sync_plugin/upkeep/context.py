"""What a target must know of a course beside its operations: set, shown, and doubted where it looks like a slip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

import attrs
from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.cleaning import is_text, shown
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.lanes.opened import read_options
from course_sync_plugin.lanes.wake import nudge
from course_sync_plugin.models import CourseContext, Lane, Target, digest_of
from course_sync_plugin.upkeep.known import did_you_mean, known_courses
from course_sync_plugin.upkeep.targets import get_target


@attrs.frozen
class Context:
    """What is set for a course. ``warnings``: what was taken, though it looks like a slip."""

    values: Mapping[str, str]
    warnings: tuple[str, ...]


def get_context(course: str, name: str) -> Context:
    """Return what is set. Raises ConfigurationError for what is no course key, UnknownName for the target."""
    key, target = parse_course_id(course), get_target(name)
    values = CourseContext.of(target.pk, key)
    return Context(values, (*_unknown(key), *_not_required(target, values)))


def set_context(course: str, name: str, values: Sequence[str]) -> Context:
    """Set what a target must know of a course (``KEY=VALUE``; ``KEY=`` takes it away); return all there is now.

    A course need not be known yet: what is set waits for it.
    """
    key, target, new = parse_course_id(course), get_target(name), _pairs(values)
    with transaction.atomic():
        there, _created = CourseContext.objects.get_or_create(
            target=target, key_digest=digest_of(key), defaults={"course_key": key}
        )
        row = CourseContext.objects.select_for_update().get(pk=there.pk)  # two at once must not lose one's values
        row.values = {key: value for key, value in {**row.values, **new}.items() if value}
        row.save()
        nudge(Lane.objects.filter(target=target, course__key_digest=row.key_digest))
    return get_context(course, name)


def _unknown(key: str) -> Iterator[str]:
    known = known_courses()
    if key not in known:
        yield _("{course} is not known yet; what is set waits for it.").format(course=key) + did_you_mean(key, known)


def _not_required(target: Target, values: Mapping[str, str]) -> Iterator[str]:
    required = read_options(target).get("requires_context", [])
    for name in values:
        near = get_close_matches(name, required, n=1)
        if near and name not in required:
            yield _("{target} does not require '{name}'. Did you mean '{near}'?").format(
                target=target.name, name=name, near=near[0]
            )


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise ConfigurationError(_("{text} is not KEY=VALUE.").format(text=shown(text)))
        if not is_text(text):
            raise ConfigurationError(_("{text} is not UTF-8, or holds the character NUL.").format(text=shown(text)))
        pairs[key] = value
    return pairs
