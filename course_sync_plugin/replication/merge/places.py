"""The tree of one course at several sites: what was moved at a site changes the tree that is wanted, and so on.

The counterpart of :mod:`.replica` for parents and the order of siblings. Entities are created and deleted in Open edX
only. If another site deletes one, that is said (``FoundPlaces.deleted``), and an option of the target decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set

import attrs

from course_sync_plugin.ledger.causal_time import Stamp, next_stamp
from course_sync_plugin.replication.merge.kinds import misfits
from course_sync_plugin.replication.merge.strays import Strays, find_strays, with_fitting_parents
from course_sync_plugin.replication.merge.tree import Places, merge_places
from course_sync_plugin.replication.merge.tree_edits import (
    held,
    is_same,
    is_tree,
    moved,
    place,
    put,
    without,
)
from course_sync_plugin.replication.strategies.base import OPENEDX, Choice, Conflict, Side, Strategy

#: The name of the field in conflicts about a place. Its value is the parent and the sibling before the entity.
PLACE = "place"

#: The stamp of what was never moved.
_NEVER = Stamp(0, OPENEDX)


@attrs.frozen
class WantedPlaces:
    """The tree as all sites should have it. ``moved``: who moved an entity last (the kind of its site), and when."""

    places: Places
    moved: Mapping[str, tuple[str, Stamp]] = attrs.field(factory=dict)

    @property
    def latest(self) -> Stamp:
        """Return the stamp of the last move."""
        return max((stamp for _kind, stamp in self.moved.values()), default=_NEVER)


@attrs.frozen
class KnownPlaces:
    """The tree as one site is known to have it.

    ``seen``: the last move that the site knows of. ``removed``: the entities that the site has deleted and that it does
    not get again. ``conflicts``: the entities whose place waits for a person. ``sent``: the tree that was sent and not
    answered. ``written``: the tree that was sent last, until something is moved at the site. ``counts_to``: the parents
    of the entities that are not in them there, because the site has nothing that can hold them; nobody has moved them.
    """

    site: str
    kind: str
    places: Places
    seen: Stamp = _NEVER
    removed: frozenset[str] = frozenset()
    conflicts: Mapping[str, Conflict] = attrs.field(factory=dict)
    sent: Places | None = None
    written: Places | None = None
    counts_to: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class FoundPlaces:
    """The result of a look at the tree of a site.

    ``lost``: the moves at the site that were not taken, each with both places; what Open edX has deleted has none
    here. ``deleted``: the entities that the site does not have any more and should have.
    """

    wanted: WantedPlaces
    known: KnownPlaces
    lost: Mapping[str, Conflict] = attrs.field(factory=dict)
    deleted: frozenset[str] = frozenset()


def found_places(
    wanted: WantedPlaces,
    known: KnownPlaces,
    remote: Places,
    strategy: Strategy,
    clock: int,
    *,
    fallen: Collection[str] = (),
    keeps_depth: bool = False,
) -> FoundPlaces:
    """Merge the tree that a site has now. ``remote`` has only what is ours there.

    ``fallen``: what is elsewhere there only because what it was in was deleted; nobody has moved it. ``keeps_depth``:
    an entity of the result is always as deep in the course as it is in Open edX. What a site has in something that
    cannot hold it gets the nearest place that can; if there is none, a person is asked.

    Raises ValueError if ``remote`` is not a tree.
    """
    if remote == known.places:
        return FoundPlaces(wanted, reviewed_places(wanted, known) if known.conflicts else known)
    _check(known, remote)
    deleted: Set[str] = frozenset()
    theirs = remote
    if known.kind != OPENEDX:
        deleted = known.places.parents.keys() - remote.parents.keys()
        known = attrs.evolve(known, places=_arrived(known, remote), sent=None)
        theirs = held(remote, known.places, deleted | set(fallen))
    stamp = next_stamp(known.site, clock, [known.seen])
    moved_there = moved(known.places, theirs)
    strays = find_strays(remote, wanted.places, moved_there) if keeps_depth and known.kind != OPENEDX else Strays()
    moved_there -= strays.settled.keys()
    both = _moved_apart(moved_there, wanted, known, theirs, stamp)
    choices = {entity: strategy.choose(conflict) for entity, conflict in both.items()}
    alone = {entity: _conflict(entity, wanted, known, theirs, stamp) for entity in strays.nowhere - both.keys()}
    both |= alone
    choices |= dict.fromkeys(strays.nowhere, Choice.ASK)
    wins = {entity for entity, choice in choices.items() if choice is Choice.THEIRS}
    stay = both.keys() - wins  # also the parent is ours, where we moved an entity among its siblings only
    others = held(theirs, known.places, stay | strays.all)
    merged = merge_places(
        known.places, wanted.places, others, wins | (moved_there & known.counts_to.keys() - both.keys())
    )
    if keeps_depth:
        right = remote if known.kind == OPENEDX else wanted.places
        merged = with_fitting_parents(merged, right, (wanted.places, others, known.places))
    merged = _with_strays(merged, theirs, strays, stay)
    lost = _lost(moved_there - strays.all, both, merged, theirs, wanted, known, stamp)
    taken = {entity for entity in moved_there if entity not in lost or entity in wins}
    movers = {entity: _mover(entity, wanted, theirs, (known.kind, stamp)) for entity in taken}
    asked = {entity: both[entity] for entity, choice in choices.items() if choice is Choice.ASK}
    now = WantedPlaces(merged, {**wanted.moved, **movers})
    asked = _open(known.conflicts, both, asked)
    counts_to = _counts_to(known, remote, strays, stay, fallen)
    known = attrs.evolve(known, places=remote, seen=stamp, conflicts=asked, written=None, counts_to=counts_to)
    return FoundPlaces(
        now, reviewed_places(now, known), lost, frozenset(one for one in deleted if one in merged.parents)
    )


def with_right_depths(wanted: WantedPlaces, published: Places) -> WantedPlaces:
    """Return the wanted tree with everything in a parent that can hold it.

    An earlier release could want what Open edX cannot have. That is where Open edX has it.
    """
    wrong = misfits(published, wanted.places, moved(published, wanted.places))
    return attrs.evolve(wanted, places=held(wanted.places, published, wrong)) if wrong else wanted


def to_write_places(wanted: WantedPlaces, known: KnownPlaces, published: Places) -> Places:
    """Return the tree that a target should have: the published one.

    An entity stays where the target has it while its place waits for an author or for a person. What the target has
    deleted and does not get again is left out, with all that is below it.
    """
    waiting = moved(published, wanted.places) | (known.conflicts.keys() & published.parents.keys())
    return without(held(published, known.places, waiting), known.removed)


def must_write(known: KnownPlaces, tree: Places) -> bool:
    """Tell whether a site must get a tree.

    If it made something else of the same tree before, as one does that sorts by name, it does not get it again.
    """
    return not any(is_same(tree, one) for one in (known.places, known.written) if one)


def sending_places(known: KnownPlaces, tree: Places) -> KnownPlaces:
    """Return what to store before a write. If the answer is lost, what we did is not taken for moves at the site."""
    return attrs.evolve(known, sent=tree)


def written_places(wanted: WantedPlaces, known: KnownPlaces, answer: Places) -> KnownPlaces:
    """Return what is known of a site after a write. ``answer``: the tree that it has now."""
    seen = max(known.seen, wanted.latest)
    counts_to = _still_there(known, answer)
    return attrs.evolve(known, places=answer, seen=seen, sent=None, written=known.sent, counts_to=counts_to)


def reviewed_places(wanted: WantedPlaces, known: KnownPlaces) -> KnownPlaces:
    """Return what is known with its conflicts as they are now that another site has changed the tree.

    A conflict has ended if both sides have the entity at the same place by now, or if one has deleted it.
    """
    here, there = wanted.places.parents, known.places.parents
    both = {name: one for name, one in known.conflicts.items() if name in here and name in there}
    now = {name: _now(one, wanted, known) for name, one in both.items()}
    still = {name: one for name, one in now.items() if one.ours.value != one.theirs.value}
    return attrs.evolve(known, conflicts=still)


def put_back(wanted: WantedPlaces, published: Places, entity: str, clock: int) -> WantedPlaces:
    """Return the wanted tree after an author has rejected a move: the entity is where Open edX has it.

    If it was to be moved above its parent, the parent is put back with it.
    """
    stamp = next_stamp(OPENEDX, clock, [wanted.latest])
    rejected = {entity, *_way(wanted.places.parents, published.parents[entity], entity)}
    places = held(wanted.places, published, rejected)
    return WantedPlaces(places, {**wanted.moved, **dict.fromkeys(rejected, (OPENEDX, stamp))})


def _check(known: KnownPlaces, remote: Places) -> None:
    if remote.root != known.places.root or not is_tree(remote):
        raise ValueError(f"what {known.site} has is not a tree below {known.places.root}")


def _way(parents: Mapping[str, str], start: str, above: str) -> list[str]:
    """Return the entities from ``start`` upwards that are below ``above``; nothing, if ``start`` is not below it."""
    way = []
    while start in parents and start != above:
        way.append(start)
        start = parents[start]
    return way if start == above else []


def _arrived(known: KnownPlaces, remote: Places) -> Places:
    """Return the tree that is known, with what was sent to the site and has arrived there.

    What we created there and a person has moved since then is known where we created it.
    """
    sent = known.sent or known.places
    before, then, there = known.places.parents, sent.parents, remote.parents
    created = there.keys() - before.keys()
    elsewhere = {entity for entity in created if then.get(entity, there[entity]) != there[entity]}
    arrived = held(known.places, remote, created | _moved_by_us(known.places, sent, remote))
    return held(arrived, sent, elsewhere)


def _moved_by_us(old: Places, sent: Places, remote: Places) -> set[str]:
    """Return the entities that we moved and that are where we moved them."""
    ours = {entity for entity in moved(old, sent) if remote.parents.get(entity) == sent.parents[entity]}
    if not ours:
        return ours
    elsewhere = moved(sent, remote)
    return {one for one in ours if old.parents[one] != sent.parents[one] or one not in elsewhere}


def _mover(entity: str, wanted: WantedPlaces, theirs: Places, mover: tuple[str, Stamp]) -> tuple[str, Stamp]:
    """Return who moved an entity last. If both sides moved it to one place, the later stamp counts."""
    ours = wanted.moved.get(entity)
    agreed = ours and entity in wanted.places.parents and place(wanted.places, entity) == place(theirs, entity)
    return max(ours, mover, key=lambda one: one[1]) if ours and agreed else mover


def _open(
    before: Mapping[str, Conflict], both: Mapping[str, Conflict], asked: Mapping[str, Conflict]
) -> dict[str, Conflict]:
    """Return the open conflicts. One that was open before keeps its base, and one that was decided has ended."""
    waiting = {entity: one for entity, one in before.items() if entity not in both}
    return waiting | {
        entity: attrs.evolve(one, base=before[entity].base if entity in before else one.base)
        for entity, one in asked.items()
    }


def _now(conflict: Conflict, wanted: WantedPlaces, known: KnownPlaces) -> Conflict:
    """Return a conflict with the places that both sides have now."""
    ours = _side(conflict.entity_id, wanted)
    theirs = attrs.evolve(conflict.theirs, value=place(known.places, conflict.entity_id))
    return attrs.evolve(conflict, ours=ours, theirs=theirs)


def _side(entity: str, wanted: WantedPlaces) -> Side:
    """Return the place that is wanted, and who wanted it. None: the entity was deleted."""
    kind, since = wanted.moved.get(entity, (OPENEDX, _NEVER))
    return Side(place(wanted.places, entity) if entity in wanted.places.parents else None, since, kind)


def _moved_apart(
    moved_there: Set[str], wanted: WantedPlaces, known: KnownPlaces, theirs: Places, stamp: Stamp
) -> dict[str, Conflict]:
    """Return the entities that both sides moved, each to another place. One that waits for a person was moved here.

    One that the site had in nothing that can hold it was not moved here while it counts to the same parent.
    """
    here = wanted.places.parents
    both = moved_there & (moved(known.places, wanted.places) | known.conflicts.keys()) if moved_there else set()
    both = {entity for entity in both if known.counts_to.get(entity, "") != here.get(entity)}
    pairs = {entity: _conflict(entity, wanted, known, theirs, stamp) for entity in sorted(both) if entity in here}
    return {entity: pair for entity, pair in pairs.items() if pair.ours.value != pair.theirs.value}


def _conflict(entity: str, wanted: WantedPlaces, known: KnownPlaces, theirs: Places, stamp: Stamp) -> Conflict:
    theirs_ = Side(place(theirs, entity), stamp, known.kind)
    return Conflict("", entity, PLACE, place(known.places, entity), _side(entity, wanted), theirs_)


def _lost(
    moved_there: Collection[str],
    both: Mapping[str, Conflict],
    merged: Places,
    theirs: Places,
    wanted: WantedPlaces,
    known: KnownPlaces,
    stamp: Stamp,
) -> dict[str, Conflict]:
    """Return the decided moves, and those that were not carried out: below a deleted one, deleted, or in a circle."""
    others = {
        entity: _conflict(entity, wanted, known, theirs, stamp)
        for entity in moved_there
        if entity not in both and merged.parents.get(entity) != theirs.parents[entity]
    }
    return {**both, **others}


def _with_strays(merged: Places, theirs: Places, strays: Strays, stay: Collection[str]) -> Places:
    """Put the strays that were taken into their places, in the order in which the site has them."""
    taken = strays.places.keys() - set(stay)
    for entity in [one for one in theirs.document_order if one in taken] if taken else ():
        if entity in merged.parents:
            merged = put(merged, entity, *strays.places[entity])
    return merged


def _counts_to(
    known: KnownPlaces, remote: Places, strays: Strays, stay: Collection[str], fallen: Collection[str]
) -> dict[str, str]:
    """Return the parents of what the site has in nothing that can hold it."""
    before = {entity: known.counts_to.get(entity, parent) for entity, parent in known.places.parents.items()}
    same = {entity: before[entity] for entity in {*fallen, *strays.nowhere} if entity in before}
    taken = {entity: parent for entity, (parent, _after) in strays.places.items() if entity not in stay}
    return {**_still_there(known, remote), **same, **taken, **strays.settled}


def _still_there(known: KnownPlaces, now: Places) -> dict[str, str]:
    """Return what is known of those that are still in the same parent at the site."""
    there, before = now.parents, known.places.parents
    return {one: parent for one, parent in known.counts_to.items() if one in there and there[one] == before.get(one)}
