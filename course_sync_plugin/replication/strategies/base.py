"""What a conflict strategy is given, and what it answers. Pure: no Django, no I/O.

Another package adds a strategy with a subclass of :class:`Strategy` and an entry point in the group
``course_sync_plugin.conflict_strategy``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Any

import attrs

from course_sync_plugin.ledger.causal_time import Stamp

#: The kind of the site Open edX. The kind of a target is the name of its backend, such as ``canvas``.
OPENEDX = "openedx"


class Choice(StrEnum):
    """Which side a field is taken from. ``ASK``: a person decides, and until then neither side is written."""

    OURS = "ours"
    THEIRS = "theirs"
    ASK = "ask"


@attrs.frozen
class Side:
    """The value of a field on one side (None: the field is not set), who made it, and when.

    ``kind``: the kind of the site that made the value, ``openedx`` or the name of a backend. Our side can hold a value
    that came from another target.
    """

    value: Any
    stamp: Stamp
    kind: str


@attrs.frozen
class Conflict:
    """A field that both sides changed to different values since ``base``, the value that they last had in common."""

    entity_type: str
    entity_id: str
    field: str
    base: Any
    ours: Side
    theirs: Side

    @property
    def more_recent(self) -> Choice:
        """Return the side with the later causal time."""
        return Choice.THEIRS if self.theirs.stamp > self.ours.stamp else Choice.OURS


class Strategy(ABC):
    """Decides conflicts. It is never asked about a field that only one side changed.

    ``whole_entity``: if one field of an entity conflicts, the chosen side is taken for all its fields, also for those
    that only the other side changed.
    """

    whole_entity = False

    @abstractmethod
    def choose(self, conflict: Conflict) -> Choice:
        """Return the side to take. The same conflict must always get the same answer."""
