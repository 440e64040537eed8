"""The strategies that come with the plugin: prefer one kind of site, prefer the most recent change, or ask a person."""

from __future__ import annotations

from course_sync_plugin.replication.strategies.base import OPENEDX, Choice, Conflict, Strategy


class PreferKind(Strategy):
    """Takes the value that was made at a site of one kind.

    If neither side was made there, Open edX is preferred, and if that does not decide, the more recent change: so a
    conflict between Canvas and Discourse is decided under ``prefer_openedx`` too.
    """

    def __init__(self, kind: str, *, whole_entity: bool):
        self.kind = kind
        self.whole_entity = whole_entity

    def choose(self, conflict: Conflict) -> Choice:
        """Return the side that was made at a site of the preferred kind."""
        for kind in (self.kind, OPENEDX):
            ours, theirs = conflict.ours.kind == kind, conflict.theirs.kind == kind
            if ours != theirs:
                return Choice.OURS if ours else Choice.THEIRS
        return conflict.more_recent


class PreferMostRecent(Strategy):
    """Takes each field from the side that changed it last, in causal time."""

    def choose(self, conflict: Conflict) -> Choice:
        """Return the more recent side."""
        return conflict.more_recent


class Manual(Strategy):
    """Leaves every conflict to a person."""

    def choose(self, conflict: Conflict) -> Choice:
        """Return ``ASK``."""
        return Choice.ASK


prefer_openedx, merge_prefer_openedx = (PreferKind(OPENEDX, whole_entity=whole) for whole in (True, False))
prefer_canvas, merge_prefer_canvas = (PreferKind("canvas", whole_entity=whole) for whole in (True, False))
prefer_discourse, merge_prefer_discourse = (PreferKind("discourse", whole_entity=whole) for whole in (True, False))
prefer_most_recent = PreferMostRecent()
manual = Manual()
