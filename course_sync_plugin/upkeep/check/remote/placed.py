"""Finds entities that stand at another place there than the ledger or Open edX has them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from course_sync_plugin.models import LedgerTree
from course_sync_plugin.replication.merge.kinds import misfits
from course_sync_plugin.replication.merge.places import PLACE
from course_sync_plugin.replication.merge.tree import Places
from course_sync_plugin.replication.merge.tree_edits import moved, place
from course_sync_plugin.replication.outbound.placing import recorded_places
from course_sync_plugin.replication.store.trees import known_places
from course_sync_plugin.replication.strategies.base import OPENEDX
from course_sync_plugin.upkeep.check.remote.drift import Compared, Drift


def find_misplaced(compared: Compared, others: Collection[str]) -> Iterator[Drift]:
    """Yield what stands at another place. ``others``: the entities of other findings, which are mended first."""
    carry = compared.carry
    if not carry.site.has_places:
        return
    there = Places(carry.tree.course_id, {parent: list(below) for parent, below in carry.site.places().items()})
    recorded, known = recorded_places(carry.tree), known_places(carry.link, carry.site.kind).places
    left_out = {*others, *compared.waiting.entities, *_waiting(compared)}
    shared = {one for one in there.parents if one in recorded.parents and one not in left_out}
    shared = {one for one in shared if recorded.parents[one] in (*there.parents, there.root)}
    by_people = moved(known, there) & shared
    by_people -= misfits(recorded, known, by_people)  # the look did not know what they are in: its row was lost
    rest = shared - by_people
    misplaced = moved(_of(there, rest), _of(recorded, rest))
    for one in sorted(misplaced | by_people):
        kind = "moved" if one in by_people else "misplaced"
        yield Drift(kind, one, seen=(place(there, one), place(recorded, one)))


def _of(places: Places, entities: Collection[str]) -> Places:
    """Return the places of some entities only. What is below one that is left out is left where it is."""
    children: Mapping[str, Sequence[str]] = {
        parent: [one for one in below if one in entities] for parent, below in places.children.items()
    }
    return Places(places.root, {parent: below for parent, below in children.items() if below})


def _waiting(compared: Compared) -> set[str]:
    """Return the entities whose place waits for somebody, or was chosen there and does not come back."""
    waiting = {entity_id for entity_id, field in compared.waiting.fields if field == PLACE}
    if compared.waiting.never:
        wanted = LedgerTree.objects.filter(course=compared.carry.course).values_list("wanted", flat=True).first() or {}
        waiting |= {one for one, (kind, _at, _site) in wanted.get("moved", {}).items() if kind != OPENEDX}
    return waiting
