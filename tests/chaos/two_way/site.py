"""What a person who works at a linked system needs: what is ours there, and what is theirs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from course_sync_plugin.models import LedgerReplica
from tests.chaos.actors import Actor
from tests.chaos.two_way.edits import edit_now


class Person(Actor):
    """Works at one linked system. What one turn reads and edits there is not disturbed by requests of the plugin.

    ``foreign``: what people last made of each object of theirs, by its key. ``touched_at``: when they last did so.
    ``refused``: the errors of the system for what it does not allow.
    """

    site = ""
    refused: type[Exception]
    actions: dict[str, int] = {}

    def __init__(self, world: Any, name: str):
        super().__init__(world, name)
        self.foreign: dict[Any, Any] = {}
        self.touched_at: dict[Any, float] = {}

    def lock(self) -> AbstractContextManager[Any]:
        """Return the lock of the system."""
        raise NotImplementedError

    def is_there(self, key: Any) -> bool:
        """Tell whether an object exists."""
        raise NotImplementedError

    def snapshot(self, key: Any) -> Any:
        """Return what is compared of an object."""
        raise NotImplementedError

    def act(self) -> None:
        self.rest(0.2, 0.9)
        rows = self.rows()
        action = self.chance.choices([*self.actions], [*self.actions.values()])[0]
        with self.lock():
            before = {key for key in self.foreign if self.is_there(key)}
            try:
                acted = getattr(self, action)(rows)
            except self.refused as error:
                self.errors[type(error).__name__] += 1
                return
            finally:
                for key in [one for one in before if not self.is_there(one)]:
                    del self.foreign[key]
        if acted:
            self.done[f"edits at {self.site}: {action.strip('_').replace('_', ' ')}"] += 1

    def rows(self) -> list[LedgerReplica]:
        """Return the rows of the ledger that have objects."""
        rows = LedgerReplica.objects.filter(link__target__name=self.site, deleted_at=None, note="").order_by("pk")
        return [one for one in rows if one.objects_there]

    def is_kept(self, key: Any) -> bool:
        """Note what a person made of an object of theirs."""
        self.foreign[key], self.touched_at[key] = self.snapshot(key), time.monotonic()
        return True

    def wrote(self, row: LedgerReplica, field: str, value: str, replaced: str) -> bool:
        """Note a value that a person wrote into an object of ours."""
        edit = edit_now(self.site, row.entity_id, field, value, row.objects_there.values())
        self.world.edits.note([edit], [replaced])
        return True

    def replaced(self, values: Iterable[str]) -> None:
        """Note values that a person has seen and deleted."""
        self.world.edits.note([], values)
