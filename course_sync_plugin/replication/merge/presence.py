"""Decides what happens if an entity was deleted on one side. Its tombstone has the vectors that compare both sides."""

from __future__ import annotations

from enum import StrEnum

from course_sync_plugin.replication.strategies.base import Choice


class RemoteDelete(StrEnum):
    """The option ``on_remote_delete``: what to do if a site deleted an entity that Open edX still has."""

    MANUAL = "manual"
    RECREATE = "recreate"
    RESPECT = "respect"


class Action(StrEnum):
    """What to do at the site."""

    NOTHING = "nothing"
    DELETE = "delete it there"
    RECREATE = "create it there again"
    LEAVE = "leave it deleted there"
    KEEP = "keep it there; it is no longer ours"
    ASK = "ask a person"


def deleted_there(policy: RemoteDelete) -> Action:
    """Return what to do about an entity that the site deleted and that we have, whether we changed it or not."""
    return {
        RemoteDelete.MANUAL: Action.ASK,
        RemoteDelete.RECREATE: Action.RECREATE,
        RemoteDelete.RESPECT: Action.LEAVE,
    }[policy]


def deleted_here(choice: Choice | None) -> Action:
    """Return what to do about an entity that was deleted in Open edX and that the site has.

    ``choice``: what the strategy says of an entity that the site changed without knowing of the deletion. None: the
    site did not change it.
    """
    if choice is None:
        return Action.DELETE
    return {Choice.OURS: Action.DELETE, Choice.THEIRS: Action.KEEP, Choice.ASK: Action.ASK}[choice]
