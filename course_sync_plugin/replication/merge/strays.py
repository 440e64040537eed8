"""Finds what people have put into something that cannot hold it in Open edX, and the place that it counts to instead.

A page in a Canvas module without a text header is below a section, but a unit is only ever below a subsection.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import attrs

from course_sync_plugin.replication.merge.kinds import depth, is_within, misfits, nearest
from course_sync_plugin.replication.merge.tree import Places
from course_sync_plugin.replication.merge.tree_edits import held, moved, put, without


@attrs.frozen
class Strays:
    """What stands in something that cannot hold it.

    ``places``: for each of them that was moved, the nearest place that can hold it: the parent, and the sibling before.
    ``nowhere``: those for which there is none. ``settled``: those that are there already, as far as it can be told,
    each with its parent: what held them is gone, and nobody has moved them to another one.
    """

    places: Mapping[str, tuple[str, str | None]] = attrs.field(factory=dict)
    nowhere: frozenset[str] = frozenset()
    settled: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def all(self) -> set[str]:
        """All of them."""
        return {*self.places, *self.nowhere, *self.settled}


def find_strays(remote: Places, wanted: Places, moved: Collection[str]) -> Strays:
    """Find the strays among what was moved. ``wanted``: the tree that says what can hold what."""
    parents = {remote.parents[one] for one in misfits(wanted, remote, moved)}
    places: dict[str, tuple[str, str | None]] = {}
    nowhere: set[str] = set()
    settled: dict[str, str] = {}
    for parent in parents:
        before: str | None = None
        for child in remote.children[parent]:
            if child in moved and misfits(wanted, remote, [child]):
                own = wanted.parents[child]
                place = _place(wanted, child, parent, before, places)
                if place is None:
                    nowhere.add(child)
                    continue
                if own not in remote.parents and is_within(wanted, own, parent):
                    settled[child] = own
                else:
                    places[child] = place
            before = child
    return Strays(places, frozenset(nowhere), settled)


def with_fitting_parents(merged: Places, right: Places, sides: Sequence[Places]) -> Places:
    """Return a merged tree with everything in a parent that can hold it.

    ``right``: the tree that says what can hold what. ``sides``: the trees that were merged, the one that counts most
    first; all in it fits. What the merge has put into an ancestor that cannot hold it is where a side has it; else in
    the first entity that can hold it. If there is none, it is left out.
    """
    wrong = misfits(right, merged, moved(sides[0], merged) | (merged.parents.keys() - sides[0].parents.keys()))
    for side in sides:
        if not wrong:
            return merged
        merged = held(merged, side, (wrong & side.parents.keys()) - misfits(right, side, wrong))
        wrong = misfits(right, merged, wrong)
    for entity in [one for one in merged.document_order if one in wrong]:
        able = (one for one in merged.document_order if depth(right, one) == (depth(right, entity) or 0) - 1)
        parent = next(able, None)
        merged = without(merged, [entity]) if parent is None else put(merged, entity, parent, None)
    return merged


def fitting_place(wanted: Places, entity: str, place: tuple[str, str | None]) -> tuple[str, str | None]:
    """Return a place for an entity, or the nearest one if that cannot hold it. Raises ValueError if there is none."""
    if entity not in wanted.parents or not misfits(wanted, Places(wanted.root, {place[0]: [entity]}), [entity]):
        return place
    found = nearest(wanted, entity, place[0])
    if found is None:
        raise ValueError(f"{entity} cannot be in {place[0]}, and nothing in that can hold it")
    return found, None


def _place(
    wanted: Places,
    entity: str,
    parent: str,
    before: str | None,
    places: Mapping[str, tuple[str, str | None]],
) -> tuple[str, str | None] | None:
    """Return the place after the sibling that is before it there; else the first one in the parent that can hold it."""
    if before is not None and depth(wanted, before) == depth(wanted, entity):
        of_before = places[before][0] if before in places else wanted.parents[before]
        if is_within(wanted, of_before, parent):
            return of_before, before
    first = nearest(wanted, entity, parent)
    return None if first is None else (first, None)
