"""Both bounds of every number that comes from outside: settings, options, arguments, answers of other systems.

A number within its bounds can be counted, waited for and stored in every database.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

from course_sync_plugin.sanitize.text import short_repr

DAY = 24 * 60 * 60


@attrs.frozen
class Limit:
    """The bounds of a number of ``unit`` (empty for ids): from ``least`` to ``most``, both included.

    ``whole``: without a fraction.
    """

    unit: str
    least: float
    most: float
    whole: bool = False

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        unit = f" of {self.unit}" if self.unit else ""
        return f"{kind}{unit} from {_plain(self.least)} to {_plain(self.most)}"

    def holds(self, value: Any) -> bool:
        """Tell whether a value is a number within the bounds. Texts and booleans are not."""
        kinds = int if self.whole else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and self.least <= value <= self.most

    def read(self, text: str) -> float:
        """Read a number from text. Raises ValueError if it is not within the bounds; the message names them."""
        try:
            value = int(text) if self.whole else float(text)
        except ValueError:
            raise ValueError(str(self)) from None
        if not self.holds(value):
            raise ValueError(str(self))
        return value

    def argument(self, text: str) -> float:
        """Read an argument of a command. Raises ArgumentTypeError, which names the bounds."""
        try:
            return self.read(text)
        except ValueError:
            raise ArgumentTypeError(f"{short_repr(text)} is not {self}") from None

    def cut(self, value: float) -> float:
        """Return the nearest number within the bounds; for NaN, the upper bound."""
        return max(self.least, min(self.most, value))


def _plain(bound: float) -> str:
    return str(int(bound) if bound == int(bound) else bound)


#: The distance from now of a moment that the database computes: longer than any wait, and every database can store it.
MOMENT = Limit("seconds", -366 * DAY, 366 * DAY)

#: One wait between two attempts, and the number of waits.
RETRY_WAIT, RETRY_WAITS = Limit("seconds", 0, 30 * DAY), Limit("waits", 0, 100, whole=True)

#: Days that rows are kept before they are pruned.
RETENTION = Limit("days", 1, 3660, whole=True)
#: Options of a target: the first bound of a backoff, the limits of the attempts, the breaker, the lanes at once.
BACKOFF = Limit("seconds", 0.1, 30 * DAY)
RETRY_ATTEMPTS, RETRY_HOURS = Limit("attempts", 1, 1000, whole=True), Limit("hours", 0.01, 366 * 24)
BREAKER_FAILURES, PARALLEL_LANES = Limit("requests", 1, 1000, whole=True), Limit("lanes", 1, 1000, whole=True)

#: Seconds between two looks at a linked system.
POLL_SECONDS = Limit("seconds", 10, DAY)

#: Operations in one envelope.
ENVELOPE_OPERATIONS = Limit("operations", 1, 10_000, whole=True)

SETTINGS: Mapping[str, Limit] = MappingProxyType(
    {
        "COURSE_SYNC_QUIET_SECONDS": Limit("seconds", 0, DAY),
        "COURSE_SYNC_MAX_WAIT_SECONDS": Limit("seconds", 0.1, DAY),
        "COURSE_SYNC_LEASE_SECONDS": Limit("seconds", 0.1, DAY),
        "COURSE_SYNC_READ_SECONDS": Limit("seconds", 0.1, DAY),
        "COURSE_SYNC_ENVELOPE_OPERATIONS": ENVELOPE_OPERATIONS,
        "COURSE_SYNC_ENVELOPE_BYTES": Limit("bytes", 1, 4 * 2**20, whole=True),
        "COURSE_SYNC_LONG_BACKLOG": Limit("operations", 0, 100_000_000, whole=True),
        "COURSE_SYNC_MASS_DELETE_PERCENT": Limit("percent", 0, 100),
        "COURSE_SYNC_MASS_DELETE_COUNT": Limit("entities", 0, 10_000_000),
        "COURSE_SYNC_OBJECTIVE_SECONDS": Limit("seconds", 1, 30 * DAY),
        "COURSE_SYNC_RETENTION_DAYS": RETENTION,
        "COURSE_SYNC_PROBLEM_RETENTION_DAYS": RETENTION,
        "COURSE_SYNC_INBOUND_DAYS": RETENTION,
    }
)

#: A rule of notifications. Rules are evaluated each minute.
NOTIFICATION_THRESHOLD = Limit("seconds", 0, 30 * DAY, whole=True)
NOTIFICATION_COOLDOWN, NOTIFICATION_COOLDOWN_DEFAULT = Limit("seconds", 60, 30 * DAY, whole=True), 3600

#: Arguments of commands.
ROW_ID = Limit("", 1, 2**63 - 1, whole=True)
WORKERS = Limit("lanes", 1, 100, whole=True)
INTERVAL, RUN_SECONDS = Limit("seconds", 0.01, DAY), Limit("seconds", 0, 366 * DAY)
WATCH = Limit("seconds", 0.1, 3600)
TWO_SECRETS = Limit("hours", 0, 366 * 24)
BACKFILL_COURSES, BACKFILL_SLEEP = Limit("courses", 1, 1_000_000, whole=True), Limit("seconds", 0, 3600)
RETRY_LANES, RETRY_SLEEP = Limit("lanes", 1, 1_000_000, whole=True), Limit("seconds", 0, 3600)
AGO, YEAR = Limit("seconds", 0, 366 * DAY), Limit("years", 2000, 9998, whole=True)

#: Arguments of the test kits (``course_sync_plugin.testing``).
ANSWER_DELAY, MADE_UP_RUNS = Limit("seconds", 0, 3600), Limit("course runs", 0, 10_000_000, whole=True)

#: Numbers in answers of other systems: the wait (``Retry-After``), the life of a token, the count of course runs.
RETRY_AFTER, TOKEN_LIFE = Limit("seconds", 0, DAY), Limit("seconds", 1, DAY)
CATALOG_RUNS = Limit("course runs", 0, 10_000_000, whole=True)

#: Numbers in the digests of a receiver: the last message that it carried out, and the place of an entity.
SEQUENCE, HELD_INDEX = Limit("messages", 0, 2**63 - 1, whole=True), Limit("places", 0, 2**31 - 1, whole=True)

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
