"""Looks at the places of what is ours at a site, merges what people moved there, and notes what we place.

Only sections, subsections and units have places that people can move. What an author has moved is placed by the
operations of the journal; what waits for a person or an author stays where the site has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from django.db import transaction

from course_sync_plugin.replication.merge.places import (
    PLACE,
    FoundPlaces,
    KnownPlaces,
    found_places,
    must_write,
    sending_places,
    to_write_places,
    written_places,
)
from course_sync_plugin.replication.merge.tree import Places
from course_sync_plugin.replication.merge.tree_edits import is_same, moved, without
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.late_reads import wait_for_late_reads
from course_sync_plugin.replication.outbound.tree import RecordedTree
from course_sync_plugin.replication.store import conflicts, open_conflicts, proposals
from course_sync_plugin.replication.store.trees import StoredTree, known_places, lock_tree, save_known, save_tree

#: The types of the entities that have a place.
PLACED = ("section", "subsection", "unit")


def recorded_places(tree: RecordedTree) -> Places:
    """Return the places of a course as it is recorded."""
    children: dict[str, Sequence[str]] = {}
    waiting = [tree.course_id]
    while waiting:
        parent = waiting.pop()
        below = [one for one in tree.children(parent) if tree.type_of(one) in PLACED]
        if below:
            children[parent] = below
            waiting += below
    return Places(tree.course_id, children)


def look_at_places(carry: Carry, *, sends: bool = False) -> list[str]:
    """Merge what people have moved at the site. Return the entities that must be placed there again.

    ``sends``: places are about to be written; if the answers are lost, they are not taken for moves of people. Raises
    Interrupted if what was read may be late: what we moved last would look as if people had moved it back.
    ``carry.waiting`` then has the entities that stay where the site has them.
    """
    if not carry.site.has_places:
        return []
    with transaction.atomic():
        recorded = recorded_places(carry.tree)
        tree = _look_at_openedx(carry, lock_tree(carry.course, recorded), recorded)
        found = _look_at_site(carry, tree, sends)
        known, target = found.known, to_write_places(found.wanted, found.known, recorded)
        save_tree(attrs.evolve(tree, wanted=found.wanted))
        save_known(carry.link, sending_places(known, target) if sends else known)
        proposals.refresh_places(carry.course, found.wanted, recorded, tree.openedx.conflicts)
        _follow_conflicts(carry, attrs.evolve(tree, wanted=found.wanted), known)
    carry.waiting = moved(recorded, found.wanted.places) | known.conflicts.keys()
    return sorted(moved(known.places, target)) if must_write(known, target) else []


def _follow_conflicts(carry: Carry, tree: StoredTree, known: KnownPlaces) -> None:
    name, _strategy = carry.strategy_for(PLACE)
    open_conflicts.follow_places(carry.course, tree, (carry.link, known), name, carry.tree.type_of)


def note_places(carry: Carry) -> None:
    """Store the tree that the site has after our requests."""
    if not carry.site.has_places:
        return
    with transaction.atomic():
        wanted = lock_tree(carry.course, recorded_places(carry.tree)).wanted
        known = known_places(carry.link, carry.site.kind)
        save_known(carry.link, written_places(wanted, known, _places_there(carry)))


def _look_at_openedx(carry: Carry, tree: StoredTree, recorded: Places) -> StoredTree:
    found = _found(carry, tree, tree.openedx, recorded)
    return attrs.evolve(tree, wanted=found.wanted, openedx=found.known)


def _look_at_site(carry: Carry, tree: StoredTree, sends: bool) -> FoundPlaces:
    known = known_places(carry.link, carry.site.kind)
    there = _without_orphans(known, _places_there(carry))
    if sends and not is_same(there, known.places):
        wait_for_late_reads(carry)
    found = _found(carry, tree, known, there)
    removed = found.known.removed | (frozenset() if carry.recreate else found.deleted)
    return attrs.evolve(found, known=attrs.evolve(found.known, removed=removed))


def _found(carry: Carry, tree: StoredTree, known: KnownPlaces, now: Places) -> FoundPlaces:
    name, strategy = carry.strategy_for(PLACE)
    found = found_places(tree.wanted, known, now, strategy, carry.clock())
    conflicts.record_places(carry.link, known.kind, found, name, carry.tree.type_of)
    return found


def _places_there(carry: Carry) -> Places:
    """Return the tree of what is ours at the site. What Open edX has deleted is not in it."""
    children: Mapping[str, Sequence[str]] = carry.site.places()
    return Places(carry.tree.course_id, {parent: list(below) for parent, below in children.items() if below})


def _without_orphans(known: KnownPlaces, there: Places) -> Places:
    """Return the tree of a site without what was in something that somebody has deleted there.

    When a header goes, what was below it falls to the header before it. Nobody has moved it.
    """
    gone = known.places.parents.keys() - there.parents.keys()
    fallen = {one for one, parent in known.places.parents.items() if parent in gone and one in there.parents}
    return without(there, fallen) if fallen else there
