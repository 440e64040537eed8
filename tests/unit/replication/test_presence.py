"""What happens to an entity that was deleted on one side."""

from __future__ import annotations

import pytest

from course_sync_plugin.replication.merge.presence import Action, RemoteDelete, deleted_here, deleted_there
from course_sync_plugin.replication.strategies.base import Choice


@pytest.mark.parametrize(
    ("policy", "action"),
    [("manual", Action.ASK), ("recreate", Action.RECREATE), ("respect", Action.LEAVE)],
)
def test_deleted_there(policy, action):
    assert deleted_there(RemoteDelete(policy)) is action


@pytest.mark.parametrize(
    ("choice", "action"),
    [
        (None, Action.DELETE),
        (Choice.OURS, Action.DELETE),
        (Choice.THEIRS, Action.KEEP),
        (Choice.ASK, Action.ASK),
    ],
)
def test_deleted_here(choice, action):
    assert deleted_here(choice) is action
