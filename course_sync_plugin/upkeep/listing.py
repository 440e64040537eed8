"""What each target is, without anything that would let somebody else speak in our name."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from course_sync_plugin.models import Target


def listed_targets() -> list[dict[str, Any]]:
    """Return what each target is, wants and requires. An empty list of what it wants means all.

    ``context`` names the courses for which something is set.
    """
    targets = Target.objects.prefetch_related("subscriptions", "contexts").order_by("name")
    return [_listed(target) for target in targets]


def _listed(target: Target) -> dict[str, Any]:
    subscriptions = list(target.subscriptions.all())
    return {
        "name": target.name,
        "backend": target.backend,
        "host": _host(target.url),
        "orgs": sorted(one.org for one in subscriptions if one.org),
        "courses": sorted(one.course_key for one in subscriptions if one.course_key),
        "entity_types": target.entity_types,
        "options": target.options,
        "context": sorted(context.course_key for context in target.contexts.all() if context.values),
    }


def _host(url: str) -> str:
    """The part of a URL that gives nothing away: a path or a query may hold a token."""
    return urlsplit(url).netloc.rpartition("@")[2]
