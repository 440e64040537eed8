"""Both bounds of every number that comes from outside: settings, options, arguments, answers of other systems.

Whatever lies within them can be counted, waited for and stored on every database.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

from course_sync_plugin.cleaning import shown

DAY = 24 * 60 * 60


@attrs.frozen
class Limit:
    """What a number of ``unit`` may be: from ``least`` to ``most``, both included; ``whole``: without a fraction."""

    unit: str
    least: float
    most: float
    whole: bool = False

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} of {self.unit} from {_plain(self.least)} to {_plain(self.most)}"

    def holds(self, value: Any) -> bool:
        """Tell whether a value is such a number. A text is none, nor is a boolean."""
        kinds = int if self.whole else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and self.least <= value <= self.most

    def read(self, text: str) -> float:
        """Read a number from text. Raises ValueError; its message names the bounds."""
        try:
            value = int(text) if self.whole else float(text)
        except ValueError:
            raise ValueError(str(self)) from None
        if not self.holds(value):
            raise ValueError(str(self))
        return value

    def argument(self, text: str) -> float:
        """Read an argument of a command. Raises ArgumentTypeError."""
        try:
            return self.read(text)
        except ValueError:
            raise ArgumentTypeError(f"{shown(text)} is not {self}") from None

    def cut(self, value: float) -> float:
        """Return the nearest number within the bounds; the upper one for what is no number (NaN)."""
        return max(self.least, min(self.most, value))


def _plain(bound: float) -> str:
    return str(int(bound) if bound == int(bound) else bound)


#: How far from now a moment may lie that the database computes: more than anybody waits, and stored everywhere.
MOMENT = Limit("seconds", -366 * DAY, 366 * DAY)

#: One wait between two attempts, and how many there may be.
RETRY_WAIT, RETRY_WAITS = Limit("seconds", 0, 30 * DAY), Limit("waits", 0, 100, whole=True)

SETTINGS: Mapping[str, Limit] = MappingProxyType(
    {
        "COURSE_SYNC_QUIET_SECONDS": Limit("seconds", 0, DAY),
        "COURSE_SYNC_MAX_WAIT_SECONDS": Limit("seconds", 0.1, DAY),
        "COURSE_SYNC_LEASE_SECONDS": Limit("seconds", 0.1, DAY),
        "COURSE_SYNC_READ_SECONDS": Limit("seconds", 0.1, DAY),
        "COURSE_SYNC_ENVELOPE_OPERATIONS": Limit("operations", 1, 10_000, whole=True),
        "COURSE_SYNC_ENVELOPE_BYTES": Limit("bytes", 1, 4 * 2**20, whole=True),
        "COURSE_SYNC_MASS_DELETE_PERCENT": Limit("percent", 0, 100),
        "COURSE_SYNC_MASS_DELETE_COUNT": Limit("entities", 0, 10_000_000),
    }
)

#: Arguments of commands.
WORKERS = Limit("lanes", 1, 100, whole=True)
INTERVAL, RUN_SECONDS = Limit("seconds", 0.01, DAY), Limit("seconds", 0, 366 * DAY)
TWO_SECRETS = Limit("hours", 0, 366 * 24)

#: Arguments of the kits for tests.
ANSWER_DELAY, MADE_UP_RUNS = Limit("seconds", 0, 3600), Limit("course runs", 0, 10_000_000, whole=True)

#: What other systems say: how long to wait (``Retry-After``), how long a token lives, how many course runs there are.
RETRY_AFTER, TOKEN_LIFE = Limit("seconds", 0, DAY), Limit("seconds", 1, DAY)
CATALOG_RUNS = Limit("course runs", 0, 10_000_000, whole=True)

#: The catalog configuration in the admin, by column; ``--page-size`` too.
CATALOG: Mapping[str, Limit] = MappingProxyType(
    {
        "page_size": Limit("course runs", 1, 10_000, whole=True),
        "connect_timeout": Limit("seconds", 0.1, 3600),
        "read_timeout": Limit("seconds", 0.1, 3600),
        "wait_budget": Limit("seconds", 0, DAY, whole=True),
        "requests_per_hour": Limit("requests", 0, 1_000_000, whole=True),
    }
)
