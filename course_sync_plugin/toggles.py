"""Feature toggles, annotated as OEP-17 wants it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from edx_django_utils.cache import RequestCache
from edx_toggles.toggles import WaffleSwitch
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.keys import org_of

# .. toggle_name: course_sync.stopped
# .. toggle_implementation: WaffleSwitch
# .. toggle_default: False
# .. toggle_description: Stops every sync and every delivery of this site at once. Publishes are still noted. When it
#     is switched off again, all that waited is synced and delivered.
# .. toggle_use_cases: circuit_breaker
# .. toggle_creation_date: 2026-11-20
STOPPED = WaffleSwitch("course_sync.stopped", __name__)

# .. toggle_name: course_sync.excluded
# .. toggle_implementation: CourseWaffleFlag
# .. toggle_default: False
# .. toggle_description: Leaves a course (or all of an organisation) out of syncs and deliveries. Its publishes and
#     operations wait. When it is switched off again, they are synced and delivered. Works only inside edx-platform,
#     which has per-course flags.
# .. toggle_use_cases: opt_out
# .. toggle_creation_date: 2026-11-20
EXCLUDED = "course_sync.excluded"

#: Seconds until an excluded course is checked again: reading the flag costs the host some queries.
EXCLUDED_WAIT = 60


@lru_cache(maxsize=1)
def _excluded_flag() -> Any | None:
    try:
        from openedx.core.djangoapps.waffle_utils import CourseWaffleFlag
    except ImportError:
        return None
    return CourseWaffleFlag(EXCLUDED, __name__)


def is_stopped() -> bool:
    """Tell whether the operator has stopped everything. Every sync, delivery and sweep asks this first.

    Waffle caches switches and flags for the length of a request. A process without requests would keep the first
    values forever, so this function empties that cache.
    """
    RequestCache.clear_all_namespaces()
    return bool(STOPPED.is_enabled())


def is_excluded(course_key: str) -> bool:
    """Tell whether a course is excluded from syncs and deliveries."""
    flag = _excluded_flag()
    return flag is not None and flag.is_enabled(CourseKey.from_string(course_key))


def excluded_among(course_keys: Iterable[str]) -> set[str]:
    """Return those of the courses that are excluded. The number of queries grows with the overrides, not the courses.

    The flag would query the database for each course. But it has one value for all courses without an override, and
    one for all courses of an organisation that has an override. So this asks once for each of these groups, and once
    for each course that has an override of its own.
    """
    flag = _excluded_flag()
    if flag is None:
        return set()
    courses, orgs = _overridden()
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in course_keys:
        org = org_of(key)
        alike[key if key.casefold() in courses else "", org if org.casefold() in orgs else ""].append(key)
    answers = {names: is_excluded(keys[0]) if any(names) else flag.is_enabled() for names, keys in alike.items()}
    return {key for names, keys in alike.items() if answers[names] for key in keys}


def _overridden() -> tuple[set[str], set[str]]:
    """Return the courses and the organisations for which the host has an override, in lower case.

    MySQL compares these names without regard to case.
    """
    from openedx.core.djangoapps.waffle_utils.models import WaffleFlagCourseOverrideModel, WaffleFlagOrgOverrideModel

    courses = WaffleFlagCourseOverrideModel.objects.filter(waffle_flag=EXCLUDED).values_list("course_id", flat=True)
    orgs = WaffleFlagOrgOverrideModel.objects.filter(waffle_flag=EXCLUDED).values_list("org", flat=True)
    return {str(key).casefold() for key in courses}, {org.casefold() for org in orgs}
