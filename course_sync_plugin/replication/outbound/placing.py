"""Looks at the places of what is ours at a site, merges what people moved there, and notes what we place.

Only sections, subsections and units have places that people can move. What an author has moved is placed by the
operations of the journal; what waits for a person or an author stays where the site has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import attrs
from django.db import transaction

from course_sync_plugin.models import Course
from course_sync_plugin.replication.merge.places import (
    PLACE,
    FoundPlaces,
    KnownPlaces,
    found_places,
    must_write,
    sending_places,
    to_write_places,
    with_right_depths,
    written_places,
)
from course_sync_plugin.replication.merge.tree import Places
from course_sync_plugin.replication.merge.tree_edits import is_same, moved
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


def lock_places(course: Course) -> StoredTree:
    """Lock the trees of a course as they are now, without a look at a site. Call it in a transaction."""
    return lock_tree(course, lambda: recorded_places(RecordedTree(course).now()))


def save_places(course: Course, tree: StoredTree) -> None:
    """Store the trees that :func:`lock_places` returned, and what follows from them for proposals and conflicts."""
    save_tree(tree)
    proposals.refresh_places(course, tree.wanted, tree.recorded, tree.openedx.conflicts)
    open_conflicts.follow_places(course, tree)


def look_at_places(carry: Carry, *, sends: bool = False) -> list[str]:
    """Merge what people have moved at the site. Return the entities that must be placed there again.

    ``sends``: places are about to be written; if the answers are lost, they are not taken for moves of people. Raises
    Interrupted if what was read may be late: what we moved last would look as if people had moved it back.
    ``carry.waiting`` then has the entities that stay where the site has them.
    """
    if not carry.site.has_places:
        return []
    there = _places_there(carry)  # before the transaction: a site that hangs holds no row
    with transaction.atomic():
        tree = _look_at_openedx(carry, lock_tree(carry.course, partial(_recorded_now, carry)))
        found = _look_at_site(carry, tree, there, sends)
        known, target = found.known, to_write_places(found.wanted, found.known, tree.recorded)
        save_tree(attrs.evolve(tree, wanted=found.wanted))
        save_known(carry.link, sending_places(known, target) if sends else known)
        proposals.refresh_places(carry.course, found.wanted, tree.recorded, tree.openedx.conflicts)
        _follow_conflicts(carry, attrs.evolve(tree, wanted=found.wanted), known)
    carry.waiting = moved(tree.recorded, found.wanted.places) | known.conflicts.keys()
    return sorted(moved(known.places, target)) if must_write(known, target) else []


def _follow_conflicts(carry: Carry, tree: StoredTree, known: KnownPlaces) -> None:
    name, _strategy = carry.strategy_for(PLACE)
    open_conflicts.follow_places(carry.course, tree, (carry.link, known), name, carry.tree.type_of)


def note_places(carry: Carry) -> None:
    """Store the tree that the site has after our requests."""
    if not carry.site.has_places:
        return
    there = _places_there(carry)
    with transaction.atomic():
        wanted = lock_tree(carry.course, partial(_recorded_now, carry)).wanted
        known = known_places(carry.link, carry.site.kind)
        save_known(carry.link, written_places(wanted, known, there))


def _recorded_now(carry: Carry) -> Places:
    return recorded_places(carry.tree.now())


def _look_at_openedx(carry: Carry, tree: StoredTree) -> StoredTree:
    found = _found(carry, tree, tree.openedx, tree.recorded)
    return attrs.evolve(tree, wanted=with_right_depths(found.wanted, tree.recorded), openedx=found.known)


def _look_at_site(carry: Carry, tree: StoredTree, there: Places, sends: bool) -> FoundPlaces:
    known = known_places(carry.link, carry.site.kind)
    if sends and not is_same(there, known.places):
        wait_for_late_reads(carry)
    found = _found(carry, tree, known, there)
    removed = found.known.removed | (frozenset() if carry.recreate else found.deleted)
    return attrs.evolve(found, known=attrs.evolve(found.known, removed=removed))


def _found(carry: Carry, tree: StoredTree, known: KnownPlaces, now: Places) -> FoundPlaces:
    name, strategy = carry.strategy_for(PLACE)
    fallen = _fallen(known.places, now)
    found = found_places(tree.wanted, known, now, strategy, carry.clock(), fallen=fallen, keeps_depth=True)
    conflicts.record_places(carry.link, known.kind, found, name, carry.tree.type_of)
    return found


def _places_there(carry: Carry) -> Places:
    """Return the tree of what is ours at the site. What Open edX has deleted is not in it."""
    children: Mapping[str, Sequence[str]] = carry.site.places()
    return Places(carry.tree.course_id, {parent: list(below) for parent, below in children.items() if below})


def _fallen(known: Places, now: Places) -> set[str]:
    """Return what is elsewhere in its section, because what it was in was deleted. Nobody has moved it.

    When a header goes, what was below it falls to the header before it.
    """
    gone = known.parents.keys() - now.parents.keys()
    left = (one for one, parent in known.parents.items() if parent in gone and one in now.parents)
    return {one for one in left if _section(known, one) == _section(now, one)}


def _section(places: Places, entity: str) -> str:
    """Return the section that an entity is in."""
    while (parent := places.parents[entity]) != places.root:
        entity = parent
    return entity
