"""What the steps of carrying a course to a linked system share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from contextlib import suppress
from typing import Any

import attrs

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import Interrupted
from course_sync_plugin.models import Course, LedgerReplica, Link
from course_sync_plugin.replication.outbound.contents import Contents
from course_sync_plugin.replication.outbound.known import LedgerObjects
from course_sync_plugin.replication.outbound.tree import RecordedTree
from course_sync_plugin.replication.store.former import remember_deleted
from course_sync_plugin.replication.store.replicas import mark_deleted_there, update_row
from course_sync_plugin.replication.strategies.base import Side, Strategy
from course_sync_plugin.targets.two_way.site import CONTENT, Objects, Site


@attrs.define
class Carry:
    """One course on its way to one linked system, for one turn in a lane.

    ``strategy_for``: returns the conflict strategy of an entity type, with its name. ``clock``: returns the time of the
    database in milliseconds since 1970 (UTC). ``recreate``: what somebody deleted there is created again. ``waiting``:
    the entities that are not placed, because their place waits for a person or an author. ``unclear``: the entities of
    which it is not known which object is theirs, with a sentence that says so. ``progress``: renews the lease of the
    lane in time. Raises LeaseLost.
    """

    course: Course
    link: Link
    site: Site
    tree: RecordedTree
    known: LedgerObjects
    strategy_for: Callable[[str], tuple[str, Strategy]]
    clock: Callable[[], int]
    recreate: bool = False
    waiting: Set[str] = frozenset()
    unclear: dict[str, str] = attrs.field(factory=dict)
    progress: Callable[[], None] = lambda: None
    contents: Contents = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.contents = Contents(self.site, self.tree)

    def check_lease(self) -> None:
        """Raise LeaseLost if another worker has taken over. Call it in the transaction that stores an answer.

        A worker that was suspended during a request must not overwrite what another one has stored since.
        """
        with suppress(Interrupted):  # the answer is stored first; the turn ends before the next request
            self.progress()

    def save_objects(self, row: LedgerReplica, objects: Objects, **columns: Any) -> None:
        """Store which objects an entity has there."""
        update_row(row, objects_there=dict(objects), **columns)
        self.known.set(row.entity_id, objects)

    def note_deletion(self, row: LedgerReplica, parts: Collection[str]) -> None:
        """Note that somebody has deleted these parts of an entity there. People can recover them, so they are kept."""
        remember_deleted(self.link, row)
        mark_deleted_there(row)
        self.save_objects(row, {part: one for part, one in row.objects_there.items() if part not in parts})

    def shared(self, entity: Entity) -> Mapping[str, Any]:
        """Return the fields of an entity that can be edited on both sides, as Open edX has them.

        The content is one of them if it was read (:meth:`with_content`).
        """
        names = self.site.fields.get(entity.entity_type, ())
        return {name: entity.fields.get(name) for name in names if name != CONTENT or CONTENT in entity.fields}

    def sendable(self, entity: Entity, sides: Mapping[str, Side]) -> dict[str, Side]:
        """Return those of the fields that are sent to the site: content may have been switched off since."""
        return {name: side for name, side in sides.items() if name in self.site.fields.get(entity.entity_type, ())}

    def with_content(self, entity: Entity) -> Entity:
        """Return an entity with its content, if it has that in common with the site. Call it outside a transaction."""
        if not self.contents.are_shared(entity):
            return entity
        return attrs.evolve(entity, fields={**entity.fields, CONTENT: self.contents.of(entity)})
