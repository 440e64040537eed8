"""Annotated switches (OEP-17)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from edx_django_utils.cache import RequestCache
from edx_toggles.toggles import WaffleSwitch
from opaque_keys.edx.keys import CourseKey

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
