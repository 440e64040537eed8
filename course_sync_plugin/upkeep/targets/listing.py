"""Lists the targets without their secrets, and without the parts of their URLs that may hold a token."""

from __future__ import annotations

from typing import Any

from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.models import Target
from course_sync_plugin.sanitize.text import host_of
from course_sync_plugin.targets.registry import targets


def listed_targets() -> list[dict[str, Any]]:
    """Return the targets with their subscriptions and options, sorted by name.

    An empty list (``orgs`` and ``courses``, ``entity_types``) means all. ``context`` lists the courses for which the
    target has a context, ``excluded`` the entities that are excluded from it. ``inbound``: the path to which the other
    system may send notices; empty if this kind of target takes none.
    """
    rows = Target.objects.prefetch_related("subscriptions", "contexts", "exclusions").order_by("name")
    return [_listed(target) for target in rows]


def _listed(target: Target) -> dict[str, Any]:
    subscriptions = list(target.subscriptions.all())
    return {
        "name": target.name,
        "backend": target.backend,
        "host": host_of(target.url),
        "orgs": sorted(one.org for one in subscriptions if one.org),
        "courses": sorted(one.course_key for one in subscriptions if one.course_key),
        "entity_types": target.entity_types,
        "options": target.options,
        "context": sorted(context.course_key for context in target.contexts.all() if context.values),
        "inbound": _inbound(target),
        "excluded": sorted(exclusion.entity_id for exclusion in target.exclusions.all()),
    }


def _inbound(target: Target) -> str:
    try:
        takes_notices = targets.get(target.backend).inbound is not None
    except CourseSyncError:  # its package is not installed any more
        takes_notices = False
    return f"/api/course_sync/v1/inbound/{target.name}" if takes_notices else ""
