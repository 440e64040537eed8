"""Keeps the list of open conflicts equal to the states: what waits for a person at a site has one open row.

Several sites can wait about one field: each linked system, and Open edX, where an author and a linked system differ. A
row shows the values that both sides have now, so that what a person does not take is still kept. A row without a state
could never be decided, and a state without a row would keep its field from being written for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
from django.db.models import QuerySet

from course_sync_plugin.ledger.vectors import Relation
from course_sync_plugin.models import Conflict, ConflictState, Course, DatabaseNow, LedgerReplica, Link, digest_of
from course_sync_plugin.replication.merge.fields import Reason
from course_sync_plugin.replication.merge.places import PLACE, KnownPlaces, reviewed_places
from course_sync_plugin.replication.merge.replica import Replica, reviewed
from course_sync_plugin.replication.store.entities import Stored
from course_sync_plugin.replication.store.links import link_of
from course_sync_plugin.replication.store.replicas import replica_of
from course_sync_plugin.replication.store.trees import StoredTree, known_places
from course_sync_plugin.replication.strategies.base import Conflict as Waiting


@attrs.frozen
class _Shown:
    """What a row shows. ``link``: of the site that made the other value; None: no link is known to have made it."""

    link: Link | None
    conflict: Waiting
    openedx: Any
    remote: Any

    @property
    def columns(self) -> dict[str, Any]:
        """Return the columns that follow the edits of both sides."""
        return {"base": self.conflict.base, "openedx": self.openedx, "remote": self.remote}


def follow(course: Course, stored: Stored, looked: tuple[Link, Replica] | None = None, strategy: str = "") -> None:
    """Make the open rows of an entity those that its states imply. Call it in the transaction that stores the states.

    ``looked``: a link, with the replica that the caller stores next. ``strategy``: the name for rows that are missing.
    """
    entity_id = stored.wanted.entity_id
    rows = Conflict.objects.filter(course=course, id_digest=digest_of(entity_id), state=ConflictState.OPEN)
    open_ones = [row for row in rows.order_by("pk") if row.field != PLACE]
    if open_ones or stored.openedx.conflicts or (looked and looked[1].conflicts):
        _make_equal(course, open_ones, _of_sites(course, stored, looked), _of_openedx(course, stored), strategy)


def follow_places(
    course: Course,
    tree: StoredTree,
    looked: tuple[Link, KnownPlaces] | None = None,
    strategy: str = "",
    type_of: Callable[[str], str] = lambda entity_id: "",
) -> None:
    """Do the same for the places of a course. ``type_of``: returns the type of an entity."""
    rows = list(Conflict.objects.filter(course=course, field=PLACE, state=ConflictState.OPEN).order_by("pk"))
    if not (rows or tree.openedx.conflicts or (looked and looked[1].conflicts)):
        return
    at_sites = [
        _Shown(link, _typed(one, type_of), one.ours.value, one.theirs.value)
        for link in _links(course)
        for one in _known(link, looked, tree).conflicts.values()
    ]
    here = reviewed_places(tree.wanted, tree.openedx).conflicts.values()
    at_openedx = [
        _Shown(link_of(course, one.ours), _typed(one, type_of), one.theirs.value, one.ours.value) for one in here
    ]
    _make_equal(course, rows, at_sites, at_openedx, strategy)


def _links(course: Course) -> QuerySet[Link]:
    return Link.objects.filter(course=course).select_related("target", "course")


def _of_sites(course: Course, stored: Stored, looked: tuple[Link, Replica] | None) -> list[_Shown]:
    """Return what waits at the linked systems. What both sides agree about by now waits no more."""
    found = []
    rows = LedgerReplica.objects.filter(link__course=course, id_digest=digest_of(stored.wanted.entity_id))
    for row in rows.select_related("link__target"):
        link, replica = row.link, replica_of(row, row.link.site, row.link.target.backend)
        if looked and looked[0].pk == link.pk:
            replica = looked[1]
        found += [_Shown(link, one, one.ours.value, one.theirs.value) for one in _now(stored, replica)]
    return found


def _of_openedx(course: Course, stored: Stored) -> list[_Shown]:
    """Return what waits at Open edX: there, our side is the value of a linked system."""
    now = _now(stored, stored.openedx)
    return [_Shown(link_of(course, one.ours), one, one.theirs.value, one.ours.value) for one in now]


def _now(stored: Stored, replica: Replica) -> Iterable[Waiting]:
    return reviewed(stored.wanted, replica).conflicts.values() if replica.conflicts else ()


def _known(link: Link, looked: tuple[Link, KnownPlaces] | None, tree: StoredTree) -> KnownPlaces:
    is_looked_at = looked and looked[0].pk == link.pk
    return reviewed_places(
        tree.wanted, looked[1] if looked and is_looked_at else known_places(link, link.target.backend)
    )


def _typed(conflict: Waiting, type_of: Callable[[str], str]) -> Waiting:
    return attrs.evolve(conflict, entity_type=type_of(conflict.entity_id))


def _make_equal(
    course: Course, rows: Sequence[Conflict], at_sites: list[_Shown], at_openedx: list[_Shown], strategy: str
) -> None:
    """Update, create and end rows. A row belongs to the site of its link; what is left over may be that of Open edX."""
    left = list(rows)
    taken: set[tuple[int, str, str]] = set()
    for one in [*at_sites, *at_openedx]:
        row = _take(left, one, is_own=True)
        if row is None and one in at_openedx:
            row = _take(left, one, is_own=False)
        link = one.link or (row.link if row else _links(course).first())
        key = (link.pk if link else 0, one.conflict.entity_id, one.conflict.field)
        if link is None or key in taken:  # a row that waits at both: it is decided there first
            continue
        taken.add(key)
        if row:
            Conflict.objects.filter(pk=row.pk).update(link=link, target_name=link.target.name, **one.columns)
        else:
            _create(course, link, one, strategy)
    ended = {"state": ConflictState.ENDED, "ended_at": DatabaseNow()}
    Conflict.objects.filter(pk__in=[row.pk for row in left]).update(**ended)


def _take(rows: list[Conflict], shown: _Shown, *, is_own: bool) -> Conflict | None:
    """Take the row of a conflict out of a list. ``is_own``: only one that belongs to the same link."""
    names = (shown.conflict.entity_id, shown.conflict.field)
    same = [one for one in rows if (one.entity_id, one.field) == names]
    found = [one for one in same if not is_own or (shown.link and one.link_id == shown.link.pk)]
    if not found:
        return None
    rows.remove(found[-1])
    return found[-1]


def _create(course: Course, link: Link, shown: _Shown, strategy: str) -> None:
    conflict = shown.conflict
    Conflict.objects.create(
        link=link,
        target_name=link.target.name,
        course=course,
        entity_type=conflict.entity_type,
        entity_id=conflict.entity_id,
        id_digest=digest_of(conflict.entity_id),
        field=conflict.field,
        relation=Relation.CONCURRENT.value,
        strategy=strategy,
        reason=Reason.STRATEGY.value,
        state=ConflictState.OPEN,
        since=DatabaseNow(),
        **shown.columns,
    )
