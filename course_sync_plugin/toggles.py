"""Annotated switches (OEP-17)."""

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
# .. toggle_description: Stops every sync and every delivery of this site at once. Publishes are still noted; markers
#     and versions wait, and when it is switched off again everything catches up.
# .. toggle_use_cases: circuit_breaker
# .. toggle_creation_date: 2026-11-20
STOPPED = WaffleSwitch("course_sync.stopped", __name__)

# .. toggle_name: course_sync.excluded
# .. toggle_implementation: CourseWaffleFlag
# .. toggle_default: False
# .. toggle_description: Leaves a course (or all of an organisation) out of syncs and deliveries. What there is to do
#     waits; switched off again, everything catches up. Works inside the host alone, which has per-course flags.
# .. toggle_use_cases: opt_out
# .. toggle_creation_date: 2026-11-20
EXCLUDED = "course_sync.excluded"

#: Seconds after which what is excluded is looked at again: asking for the flag takes the host some queries.
EXCLUDED_WAIT = 60


@lru_cache(maxsize=1)
def _excluded_flag() -> Any | None:
    try:
        from openedx.core.djangoapps.waffle_utils import CourseWaffleFlag
    except ImportError:
        return None
    return CourseWaffleFlag(EXCLUDED, __name__)


def is_stopped() -> bool:
    """Tell whether the operator has stopped everything: asked first by all that syncs, delivers or sweeps.

    Switches and flags are remembered for a request. A process that has none would know them for ever as it saw them
    first, so they are asked for anew here.
    """
    RequestCache.clear_all_namespaces()
    return STOPPED.is_enabled()


def is_excluded(course_key: str) -> bool:
    """Tell whether a course is left out."""
    flag = _excluded_flag()
    return flag is not None and flag.is_enabled(CourseKey.from_string(course_key))


def excluded_among(course_keys: Iterable[str]) -> set[str]:
    """Return which of some courses are left out. The number of queries grows with the overrides, not with the courses.

    The flag asks the database for each course. All courses without an override of their own or of their organisation
    have the same answer, and so have those of one organisation with one.
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
    """The courses and the organisations for which the host has an override, in lower case: MySQL knows no other."""
    from openedx.core.djangoapps.waffle_utils.models import WaffleFlagCourseOverrideModel, WaffleFlagOrgOverrideModel

    courses = WaffleFlagCourseOverrideModel.objects.filter(waffle_flag=EXCLUDED).values_list("course_id", flat=True)
    orgs = WaffleFlagOrgOverrideModel.objects.filter(waffle_flag=EXCLUDED).values_list("org", flat=True)
    return {str(key).casefold() for key in courses}, {org.casefold() for org in orgs}
