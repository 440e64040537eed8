"""Finds what an address for notices belongs to: the target, its secrets, and how its notices are verified."""

from __future__ import annotations

import re
import time

import attrs

from course_sync_plugin.exceptions import UnknownName
from course_sync_plugin.lanes.open_target import config_of
from course_sync_plugin.models import Target
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.inbound.contract import Inbound
from course_sync_plugin.targets.registry import targets

#: Seconds for which a process remembers an endpoint. Notices come in bursts, and reading the target takes longer than
#: the INSERT. A secret that is replaced is accepted for so long by this process.
REMEMBERED_SECONDS = 1.0


@attrs.frozen
class Endpoint:
    """A target that takes notices: its row with its kept keys, its configuration, and what its kind offers."""

    row: Target
    config: TargetConfig
    inbound: Inbound


#: The endpoints by the name of the target, each with the time (of the process) until which it is remembered.
remembered: dict[str, tuple[float, Endpoint]] = {}


def endpoint(name: str) -> Endpoint:
    """Return the endpoint of a target.

    Raises UnknownName if no target of this name takes notices, ConfigurationError if the target cannot be opened.
    """
    until, known = remembered.get(name, (0.0, None))
    if known is None or time.monotonic() >= until:
        known = _read(name)
        remembered[name] = time.monotonic() + REMEMBERED_SECONDS, known
    return known


def _read(name: str) -> Endpoint:
    row = _row(name)
    inbound: Inbound | None = targets.get(row.backend).inbound
    if inbound is None:
        raise UnknownName("This target takes no notices.", target=row.name)
    return Endpoint(row, config_of(row), inbound)


def _row(name: str) -> Target:
    # Databases compare without regard to case, or raise errors for some texts. So a text that cannot be a name is not
    # looked up, and the name is compared once more.
    rows = Target.objects.filter(name=name).select_related("inbound_keys") if re.fullmatch(r"[\w-]{1,64}", name) else ()
    for row in rows:
        if row.name == name:
            return row
    raise UnknownName("There is no such target.")
