"""Causal time: says which of two values is the more recent one, also where a clock is wrong. Pure: no Django, no I/O.

A stamp is later than every stamp that its author had seen, whatever the clocks say. Wall clocks alone can make the
result of a merge depend on the order of its steps. Source: Kulkarni et al., "Logical Physical Clocks", OPODIS 2014.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs


@attrs.frozen(order=True)
class Stamp:
    """The causal time of a value, in milliseconds since 1970 (UTC), and the name of the site that made it.

    Stamps have a total order. If two times are equal, the name of the site decides, the same way everywhere.
    """

    milliseconds: int
    site: str


def next_stamp(site: str, clock: int, seen: Iterable[Stamp] = (), changed_at: int | None = None) -> Stamp:
    """Return the stamp of a change of ``site`` that was found now.

    ``clock``: our clock, in milliseconds. ``changed_at``: the time of the change by the clock of the site, if it says
    one. It counts only if it is not in our future, so a clock that is ahead wins nothing. ``seen``: the stamps that the
    site knew when it made the change.
    """
    moment = clock if changed_at is None else min(clock, changed_at)
    return Stamp(max([moment, *(stamp.milliseconds + 1 for stamp in seen)]), site)
