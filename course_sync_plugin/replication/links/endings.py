"""Ends what waits for people about a link that ends. It is kept, and 'conflicts --all' and 'proposals --all' show it.

What only this link has brought and Open edX does not have is given up, because nobody could accept it any more.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from course_sync_plugin.data import Entity
from course_sync_plugin.models import Conflict, ConflictState, LedgerEntity, LedgerTree, Link, Proposal
from course_sync_plugin.replication.merge.places import WantedPlaces, put_back
from course_sync_plugin.replication.merge.replica import Take, reject, resolve
from course_sync_plugin.replication.merge.tree import Places
from course_sync_plugin.replication.merge.tree_edits import place, place_if_there
from course_sync_plugin.replication.outbound.placing import lock_places, save_places
from course_sync_plugin.replication.store import conflicts, open_conflicts, proposals
from course_sync_plugin.replication.store.entities import Stored, lock_entity, save_entity


def waiting(links: Iterable[Link]) -> tuple[int, int]:
    """Return how many open conflicts and proposals end with some links."""
    ids = [link.pk for link in links]
    conflict_count = Conflict.objects.filter(link__in=ids, state=ConflictState.OPEN).count()
    return conflict_count, Proposal.objects.filter(link__in=ids, state__in=proposals.PENDING).count()


def end_what_waits(link: Link) -> None:
    """End the open conflicts and the proposals of a link. Open edX keeps what it has. Call it in a transaction."""
    conflicts.end_gone(link.conflicts.all())
    proposals.end_with_link(link)
    for row in LedgerEntity.objects.filter(course=link.course).order_by("pk").iterator(chunk_size=500):
        if any(side[2] == link.site for side in row.sides.values()):
            _forget_values(link, row)
    if LedgerTree.objects.filter(course=link.course).exclude(wanted={}).exists():
        _forget_places(link)


def _forget_values(link: Link, row: LedgerEntity) -> None:
    """Want what Open edX has of the fields whose values come from the link. Others get the value that it has."""
    stored = lock_entity(link.course, Entity(row.entity_id, row.entity_type, "", None, {}), (), 0)
    stored = _without_conflicts(link, stored)
    wanted = stored.wanted
    for name, side in stored.wanted.sides.items():
        known = stored.openedx.known.get(name)
        if side.stamp.site == link.site and known and known.value != side.value:
            wanted = reject(wanted, stored.openedx, name, 0)
    stored = attrs.evolve(stored, wanted=wanted)
    save_entity(stored.row, stored.wanted, stored.openedx)
    proposals.refresh(link.course, stored)
    open_conflicts.follow(link.course, stored)


def _without_conflicts(link: Link, stored: Stored) -> Stored:
    """End the conflicts at Open edX with values of the link: the values of authors are taken."""
    for name, conflict in stored.openedx.conflicts.items():
        if conflict.ours.stamp.site == link.site:
            wanted, openedx = resolve(stored.wanted, stored.openedx, name, Take.OPENEDX, 0)
            stored = attrs.evolve(stored, wanted=wanted, openedx=openedx)
    return stored


def _forget_places(link: Link) -> None:
    course = link.course
    tree = lock_places(course)
    theirs = {one for one, (_kind, stamp) in tree.wanted.moved.items() if stamp.site == link.site}
    left = {one: two for one, two in tree.openedx.conflicts.items() if two.ours.stamp.site != link.site}
    openedx = attrs.evolve(tree.openedx, conflicts=left)
    tree = attrs.evolve(tree, wanted=_put_back(tree.wanted, tree.recorded, theirs), openedx=openedx)
    save_places(course, tree)


def _put_back(wanted: WantedPlaces, recorded: Places, entities: Iterable[str]) -> WantedPlaces:
    for entity in sorted(entities):
        now = place_if_there(wanted.places, entity)
        if now and entity in recorded.parents and now != place(recorded, entity):
            wanted = put_back(wanted, recorded, entity, 0)
    return wanted
