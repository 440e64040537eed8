"""Works out the lines of a chart, which a template draws as SVG. The text beside a chart says the same in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import attrs

#: The size of a chart in its own units, which the page stretches, and the part of the plane that is seen: a line at the
#: edge is drawn in its whole width.
WIDTH, HEIGHT, VIEW = 600, 100, "-3 -3 606 106"

Values = Sequence[float | None]


@attrs.frozen
class Chart:
    """A chart. ``lines``: for each series the data of an SVG path; empty if there is nothing to draw.

    ``top``: the value of the upper edge; the lower edge is 0.
    """

    lines: Sequence[str]
    top: float
    view: str = VIEW


def chart(*series: Values, top: float = 0) -> Chart:
    """Return the chart of some series of the same length. A missing value (None) is a gap.

    ``top``: the least value of the upper edge.
    """
    most = max([top, *(value for values in series for value in values if value is not None)])
    return Chart([_path(values, most) for values in series], most)


def _path(values: Values, top: float) -> str:
    """Return the data of a path: a line through the values, with gaps. A value alone becomes a dot."""
    step = WIDTH / max(1, len(values) - 1)
    points = [
        None if value is None else f"{at * step:.1f} {HEIGHT - HEIGHT * value / (top or 1):.1f}"
        for at, value in enumerate(values)
    ]
    parts = [list(part) for is_there, part in groupby(points, key=lambda point: point is not None) if is_there]
    return "".join(f"M{part[0]}" + "".join(f"L{point}" for point in part[1:] or part) for part in parts)
