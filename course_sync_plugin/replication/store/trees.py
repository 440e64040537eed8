"""Stores the trees of a linked course: what is wanted, what Open edX has, and what each site is known to have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from django.db.models import F

from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.models import Course, LedgerTree, Link
from course_sync_plugin.replication.merge.places import PLACE, KnownPlaces, WantedPlaces
from course_sync_plugin.replication.merge.tree import Places
from course_sync_plugin.replication.store.as_json import side_from_json, side_to_json
from course_sync_plugin.replication.strategies.base import OPENEDX, Conflict


@attrs.frozen
class StoredTree:
    """The tree that is wanted and that of Open edX, with their row, which is locked until the transaction ends.

    ``recorded``: the places of the course as it is recorded.
    """

    row: LedgerTree
    recorded: Places
    wanted: WantedPlaces
    openedx: KnownPlaces


def lock_tree(course: Course, read: Callable[[], Places]) -> StoredTree:
    """Lock the row of a course and return its trees. A new one begins as Open edX has it. Call it in a transaction.

    ``read``: returns the recorded places. It is called under the lock: another worker may have seen a later publish
    already, and then what was read before would look like a move back.
    """
    rows = LedgerTree.objects.filter(course=course)
    if not rows.update(locks=F("locks") + 1):
        LedgerTree.objects.get_or_create(course=course)
        rows.update(locks=F("locks") + 1)
    row, recorded = rows.get(), read()
    if not row.wanted:
        return StoredTree(row, recorded, WantedPlaces(recorded), KnownPlaces(OPENEDX, OPENEDX, recorded))
    openedx = _known(OPENEDX, OPENEDX, course.key, row.openedx)
    return StoredTree(row, recorded, _wanted(course.key, row.wanted), openedx)


def save_tree(tree: StoredTree) -> None:
    """Store the trees of a locked row."""
    values = {"wanted": _wanted_to_json(tree.wanted), "openedx": _known_to_json(tree.openedx)}
    if (tree.row.wanted, tree.row.openedx) != (values["wanted"], values["openedx"]):
        LedgerTree.objects.filter(pk=tree.row.pk).update(**values)


def known_places(link: Link, kind: str) -> KnownPlaces:
    """Return the tree that a site is known to have; that of a new link is empty. Read anew."""
    stored = Link.objects.values_list("places", flat=True).get(pk=link.pk)
    course = link.course.key
    return _known(link.site, kind, course, stored) if stored else KnownPlaces(link.site, kind, Places(course, {}))


def save_known(link: Link, known: KnownPlaces) -> None:
    """Store the tree that a site is known to have."""
    Link.objects.filter(pk=link.pk).update(places=_known_to_json(known))


def _wanted(root: str, stored: Mapping[str, Any]) -> WantedPlaces:
    moved = {entity: (kind, Stamp(at, site)) for entity, (kind, at, site) in stored["moved"].items()}
    return WantedPlaces(Places(root, stored["children"]), moved)


def _wanted_to_json(wanted: WantedPlaces) -> dict[str, Any]:
    moved = {one: [kind, stamp.milliseconds, stamp.site] for one, (kind, stamp) in wanted.moved.items()}
    return {"children": _children(wanted.places), "moved": moved}


def _known(site: str, kind: str, root: str, stored: Mapping[str, Any]) -> KnownPlaces:
    sent, written = (Places(root, stored[name]) if stored[name] is not None else None for name in ("sent", "written"))
    return KnownPlaces(
        site,
        kind,
        Places(root, stored["children"]),
        Stamp(*stored["seen"]),
        frozenset(stored["removed"]),
        {entity: _conflict(entity, *parts) for entity, parts in stored["conflicts"].items()},
        sent,
        written,
        stored.get("counts_to", {}),
    )


def _known_to_json(known: KnownPlaces) -> dict[str, Any]:
    return {
        "children": _children(known.places),
        "seen": [known.seen.milliseconds, known.seen.site],
        "removed": sorted(known.removed),
        "conflicts": {
            entity: [_listed(one.base), side_to_json(one.ours), side_to_json(one.theirs)]
            for entity, one in known.conflicts.items()
        },
        "sent": _children(known.sent) if known.sent else None,
        "written": _children(known.written) if known.written else None,
        "counts_to": dict(known.counts_to),
    }


def _conflict(entity: str, base: Any, ours: Any, theirs: Any) -> Conflict:
    sides = (side_from_json(side) for side in (ours, theirs))
    here, there = (attrs.evolve(side, value=_place(side.value)) for side in sides)
    return Conflict("", entity, PLACE, _place(base), here, there)


def _place(value: Any) -> tuple[str, str | None] | None:
    """Return a place, which JSON holds as a list: the parent, and the sibling before."""
    return (value[0], value[1]) if value else None


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _children(places: Places) -> dict[str, list[str]]:
    return {parent: list(children) for parent, children in places.children.items() if children}
