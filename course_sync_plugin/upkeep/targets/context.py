"""Sets and shows the context of a course: values that a target gets with the operations of the course.

It warns of values that look like a typing mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

import attrs
from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.lanes.due import nudge
from course_sync_plugin.lanes.open_target import read_options
from course_sync_plugin.models import CourseContext, Lane, Target, digest_of
from course_sync_plugin.sanitize.text import is_text, short_repr
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.courses import did_you_mean, known_courses
from course_sync_plugin.upkeep.targets.change import get_target


@attrs.frozen
class Context:
    """The values that are set for a course. ``warnings``: sentences about values that look like a typing mistake."""

    values: Mapping[str, str]
    warnings: tuple[str, ...]


def get_context(course: str, name: str) -> Context:
    """Return the context. Raises ConfigurationError if the course key is wrong, UnknownName for the target."""
    key, target = parse_course_id(course), get_target(name)
    values = CourseContext.of(target.pk, key)
    return Context(values, (*_unknown(key), *_not_required(target, values)))


def set_context(course: str, name: str, values: Sequence[str]) -> Context:
    """Set values of a context (``KEY=VALUE``), or remove them (``KEY=``); return the whole context.

    The course need not be known yet: the context is kept for it. Raises ConfigurationError for a wrong course key or
    value, UnknownName for the target.
    """
    key, target, new = parse_course_id(course), get_target(name), _pairs(values)
    with transaction.atomic():
        store_context(target, key, new)
        names = {"set": [name for name in new if new[name]], "removed": [name for name in new if not new[name]]}
        record("set-context", target=name, course=key, changed=names)  # no values: one may be a token
    return get_context(course, name)


@transaction.atomic
def store_context(target: Target, key: str, new: Mapping[str, str]) -> None:
    """Set values of a context. An empty one is removed."""
    # The lanes first, as workers and remove-target lock them.
    nudge(Lane.objects.filter(target=target, course__key_digest=digest_of(key)))
    there, _created = CourseContext.objects.get_or_create(
        target=target, key_digest=digest_of(key), defaults={"course_key": key}
    )
    # Locked, so that the values of two processes that set some at the same time are all kept.
    row = CourseContext.objects.select_for_update().get(pk=there.pk)
    row.values = {name: value for name, value in {**row.values, **new}.items() if value}
    row.save()


def _unknown(key: str) -> Iterator[str]:
    known = known_courses()
    if key not in known:
        yield _("{course} is not known yet; the context is kept for it.").format(course=key) + did_you_mean(key, known)


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
            raise ConfigurationError(_("{text} is not KEY=VALUE.").format(text=short_repr(text)))
        if not is_text(text):
            raise ConfigurationError(_("{text} is not UTF-8 or holds NUL.").format(text=short_repr(text)))
        pairs[key] = value
    return pairs
