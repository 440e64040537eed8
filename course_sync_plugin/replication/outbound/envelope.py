"""Carries out the operations of one envelope at a linked system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course_sync_plugin.data import Answer, FailedOperation
from course_sync_plugin.diff.ordering import moved_siblings
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.models import Exclusion
from course_sync_plugin.replication.outbound.bring import bring, bring_dependents, place, remove
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.create import settle_intents
from course_sync_plugin.replication.outbound.late_reads import wait_for_late_reads
from course_sync_plugin.replication.outbound.placing import look_at_places, note_places


def carry_out(carry: Carry, data: Mapping[str, Any]) -> Answer:
    """Carry out the operations of an envelope. ``data``: as in the contract of messages.

    An operation that the site refuses fails alone. Raises the errors of
    :meth:`course_sync_plugin.targets.base.Target.send`.
    """
    operations: Sequence[Mapping[str, Any]] = data["operations"]
    carry.tree.refresh()
    carry.contents.forget()
    carry.site.begin([one["entity_id"] for one in operations if one["operation"] == "move"])
    settle_intents(carry)
    carry.tree.load([one["entity_id"] for one in operations])
    showing = _showing(carry, operations)
    carry.contents.load([*showing, *(one["entity_id"] for one in operations)])
    is_last = data["end_of_run"] and (data["mode"] == "snapshot" or not operations)
    changes_places = is_last or any(one["operation"] != "update" for one in operations)
    if changes_places:
        look_at_places(carry, sends=True)
    placed = [one for one in operations if _is_placed(carry, one)]
    failed = [failure for one in operations if (failure := _carry_out(carry, one))]
    failed += [failure for one in showing.items() if (failure := _bring_showing(carry, *one))]
    failed += [failure for one in _first_of_each_parent(carry, placed) if (failure := _place_siblings(carry, one))]
    if is_last and not failed:
        _drop_others(carry)
    if changes_places:
        note_places(carry)
    return Answer(tuple({failure.operation_id: failure for failure in reversed(failed)}.values()))


def _is_placed(carry: Carry, operation: Mapping[str, Any]) -> bool:
    """Tell whether an operation puts an entity that is there in its place.

    The create of a snapshot does so too, and the deletion of an entity that a later run has created again: it must
    leave its parent, which may be deleted next.
    """
    is_there = operation["operation"] == "move" or bool(carry.known.of(operation["entity_id"]))
    return operation["operation"] != "update" and is_there


def _carry_out(carry: Carry, operation: Mapping[str, Any]) -> FailedOperation | None:
    entity_id = operation["entity_id"]
    try:
        if operation["operation"] == "delete" and entity_id not in carry.tree:
            remove(carry, entity_id)
        else:
            bring(carry, entity_id, moved=operation["operation"] in ("move", "delete"))
            if operation["operation"] == "update":
                bring_dependents(carry, entity_id, operation["fields"])
    except PermanentError as error:
        return _failed(carry, operation["id"], error)
    return None


def _failed(carry: Carry, operation_id: str, error: PermanentError) -> FailedOperation:
    """Return the failure of an operation. Raises Interrupted if what is missing may only not be shown yet."""
    if error.context.get("status") == 404:
        wait_for_late_reads(carry)
    return FailedOperation(operation_id, error.message)


def _showing(carry: Carry, operations: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the entities that show what operations change, without their own operations: each with one operation."""
    named = {one["entity_id"] for one in operations}
    shown = {entity: one["id"] for one in reversed(operations) for entity in carry.site.showing(one)}
    return {entity: number for entity, number in reversed(shown.items()) if entity not in named}


def _bring_showing(carry: Carry, entity_id: str, operation_id: str) -> FailedOperation | None:
    try:
        bring(carry, entity_id)
    except PermanentError as error:
        return _failed(carry, operation_id, error)
    return None


def _first_of_each_parent(carry: Carry, operations: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return each parent of the entities of these operations, as it is now, with the id of one operation."""
    entities = [(carry.tree.entity(one["entity_id"]), one["id"]) for one in reversed(operations)]
    return list({entity.parent_id: number for entity, number in entities if entity and entity.parent_id}.items())


def _place_siblings(carry: Carry, parent: tuple[str, str]) -> FailedOperation | None:
    """Bring siblings to their places: each was placed beside what was there then, which may have moved since.

    An operation of another run moved it. A site without an order needs none of that.
    """
    if not carry.site.has_places:
        return None
    parent_id, operation_id = parent
    try:
        for child in _misplaced(carry, parent_id):
            place(carry, child)
    except PermanentError as error:
        return _failed(carry, operation_id, error)
    return None


def _misplaced(carry: Carry, parent_id: str) -> list[str]:
    """Return the children that the site has elsewhere, in their order. What people have moved there stays."""
    fixed = carry.waiting | _excluded(carry)
    wanted = [one for one in carry.tree.children(parent_id) if one not in fixed]
    names = set(wanted)
    there = [one for one in carry.site.places().get(parent_id, ()) if one in names]
    moved = moved_siblings(there, [one for one in wanted if one in set(there)]) | (names - set(there))
    return [one for one in wanted if one in moved]


def _drop_others(carry: Carry) -> None:
    """Remove what Open edX has deleted and no operation has named, as at the end of a snapshot."""
    excluded = _excluded(carry)
    others = [one for one in carry.known.entities() if one not in carry.tree and one not in excluded]
    for entity_id in reversed(others):  # what was created last first: children before their parents
        remove(carry, entity_id)


def _excluded(carry: Carry) -> set[str]:
    return set(Exclusion.objects.filter(target=carry.link.target_id).values_list("entity_id", flat=True))
