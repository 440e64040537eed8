"""Tells who has a value that a person has decided, and who gets it."""

from __future__ import annotations

from typing import Any

import attrs

from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.models import Course, LedgerEntity, Link, Proposal, ProposalState, digest_of
from course_sync_plugin.replication.merge.places import PLACE
from course_sync_plugin.replication.merge.tree_edits import place_if_there
from course_sync_plugin.replication.outbound.placing import recorded_places
from course_sync_plugin.replication.outbound.target import TwoWayTarget
from course_sync_plugin.replication.outbound.tree import RecordedTree
from course_sync_plugin.replication.store.as_json import sides_from_json
from course_sync_plugin.replication.store.replicas import find_row
from course_sync_plugin.structure.writers import get_writer
from course_sync_plugin.targets.registry import targets


@attrs.frozen
class Effects:
    """Who gets a value.

    ``is_gone``: the course does not have the entity any more, so nobody gets it. ``in_openedx``: Open edX was known to
    have the value when it was last looked at. ``proposal``: the number of the proposal by which Open edX gets it; None
    if there is none. ``in_draft``: what is written to Studio is in the draft until an author publishes it. ``targets``:
    the names of the linked systems that have another value; of a move, of those that have an order.
    """

    is_gone: bool
    in_openedx: bool
    proposal: int | None
    in_draft: bool
    targets: tuple[str, ...]


def effects_of(course_id: str, entity_id: str, field: str, value: Any) -> Effects:
    """Return who gets the value of a field that was decided just now. ``field`` may be a place."""
    course = Course.objects.get(key_digest=digest_of(parse_course_id(course_id)))
    tree = RecordedTree(course)
    tree.refresh()
    is_gone = tree.entity(entity_id) is None
    return Effects(
        is_gone=is_gone,
        in_openedx=not is_gone and _in_openedx(course, tree, entity_id, field) == value,
        proposal=_proposal(course, entity_id, field, value),
        in_draft=field != PLACE and get_writer().has_draft(entity_id),
        targets=() if is_gone else tuple(_without(course, entity_id, field, value)),
    )


def _in_openedx(course: Course, tree: RecordedTree, entity_id: str, field: str) -> Any:
    if field == PLACE:
        return list(place_if_there(recorded_places(tree), entity_id) or ())
    row = LedgerEntity.objects.filter(course=course, id_digest=digest_of(entity_id)).first()
    return row.openedx_sides[field][0] if row and field in row.openedx_sides else None


def _proposal(course: Course, entity_id: str, field: str, value: Any) -> int | None:
    waiting = Proposal.objects.filter(course=course, id_digest=digest_of(entity_id), state=ProposalState.OPEN)
    return next((one.pk for one in waiting if one.field == field and one.value == value), None)


def _without(course: Course, entity_id: str, field: str, value: Any) -> list[str]:
    """Return the names of the linked systems that have another value of a field."""
    links = Link.objects.select_related("target").filter(course=course).order_by("target__name")
    return [link.target.name for link in links if _lacks(link, entity_id, field, value)]


def _lacks(link: Link, entity_id: str, field: str, value: Any) -> bool:
    if field == PLACE:
        backend = targets.get(link.target.backend)
        return issubclass(backend, TwoWayTarget) and backend.site_class.has_places
    row = find_row(link, entity_id)
    known = sides_from_json(row.known) if row else {}
    return field in known and known[field].value != value
