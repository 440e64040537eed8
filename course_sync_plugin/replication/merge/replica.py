"""One entity at several sites: what was found at a site changes what is wanted, and what is wanted is written to sites.

``Wanted`` is the entity as all sites should have it. A ``Replica`` is the entity as one site is known to have it. Open
edX is a site too: what it has is what was last published, and writing to it means a draft or a proposal.

* :func:`found`: a site was read. What changed there is merged into what is wanted.
* :func:`to_write`, :func:`sending`, :func:`written`: what a site lacks, what is sent to it, and what it answered.
* :func:`resolve`, :func:`reject`: a person decides. :func:`reviewed`: the sides may agree without one.

Each function returns new objects. A caller that stores them in one transaction can be killed at any time: what it did
not store is found again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import attrs

from course_sync_plugin.ledger.causal_time import next_stamp
from course_sync_plugin.ledger.vectors import VersionVector
from course_sync_plugin.replication.merge.fields import Decision, MergedFields, merge_fields
from course_sync_plugin.replication.strategies.base import OPENEDX, Choice, Conflict, Side, Strategy

#: Translates the value of a field from the terms of a site to ours.
Translate = Callable[[str, Any], Any]


@attrs.frozen
class Wanted:
    """An entity as all sites should have it. ``sides``: the value of each field, who made it, and when."""

    entity_type: str
    entity_id: str
    vector: VersionVector
    sides: Mapping[str, Side]


@attrs.frozen
class Replica:
    """An entity as one site is known to have it.

    ``base``: the fields that the site has a place for, as last read there, in the terms of the site. ``known``: the
    same in our terms. ``conflicts``: the fields that wait for a person. ``sent``: what was sent and not answered.
    ``read_back``: what the site made of it, as far as that is known before an author publishes it.
    """

    site: str
    kind: str
    vector: VersionVector
    base: Mapping[str, Any]
    known: Mapping[str, Side]
    conflicts: Mapping[str, Conflict] = attrs.field(factory=dict)
    sent: Mapping[str, Side] = attrs.field(factory=dict)
    read_back: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class Found:
    """The result of a look at a site. ``decisions``: by field; those that are kept go to the list of conflicts."""

    wanted: Wanted
    replica: Replica
    decisions: Mapping[str, Decision] = attrs.field(factory=dict)


class Take(StrEnum):
    """Which value a person takes in a conflict. ``BASE``: the last common one.

    ``OPENEDX`` and ``REMOTE`` name the sides of a conflict with a target. The side of Open edX is what is wanted now.
    """

    OPENEDX = "openedx"
    REMOTE = "remote"
    BASE = "base"


def found(
    wanted: Wanted,
    replica: Replica,
    remote: Mapping[str, Any],
    strategy: Strategy,
    clock: int,
    translate: Translate = lambda name, value: value,
    changed_at: int | None = None,
) -> Found:
    """Merge what a site has now. If it has what it had, nothing changes: that is an echo, or no edit at all.

    ``remote``: the fields of the replica's ``base``, in the terms of the site; others are not looked at. ``clock``,
    ``changed_at``: see :func:`course_sync_plugin.ledger.causal_time.next_stamp`.
    """
    changed = {name: remote[name] for name, value in replica.base.items() if remote[name] != value}
    values = {name: translate(name, value) for name, value in changed.items()}
    arrived = {
        name: side for name, side in replica.sent.items() if _has_arrived(name, wanted, replica, changed, values)
    }
    values |= {name: side.value for name, side in arrived.items()}
    replica = _looked_at(replica, changed, arrived)
    edited = {name: value for name, value in values.items() if value != replica.known[name].value}
    if not edited:
        return Found(wanted, replica)
    stamp = next_stamp(replica.site, clock, [replica.known[name].stamp for name in edited], changed_at)
    theirs = {**replica.known, **{name: Side(value, stamp, replica.kind) for name, value in edited.items()}}
    merged = _merge(wanted, replica, theirs, strategy)
    vector = replica.vector.raised(replica.site)
    return Found(
        attrs.evolve(wanted, vector=wanted.vector.join(vector), sides=_sides(wanted, theirs, merged)),
        attrs.evolve(replica, vector=vector, known=theirs, conflicts=_open(merged)),
        merged.decisions,
    )


def to_write(wanted: Wanted, replica: Replica, published: Mapping[str, Any] | None = None) -> dict[str, Side]:
    """Return the fields that a site should get.

    A field that waits for a person is left as it is. ``published``: what Open edX has. Another site gets a field only
    when Open edX has it: a change that waits for an author is not passed on.
    """
    return {
        name: wanted.sides[name]
        for name, known in replica.known.items()
        if wanted.sides[name].value != known.value
        and name not in replica.conflicts
        and (published is None or published.get(name) == wanted.sides[name].value)
    }


def sending(replica: Replica, sent: Mapping[str, Side], read_back: Mapping[str, Any] | None = None) -> Replica:
    """Return the replica to store before a write.

    If the answer is lost, the next look finds at the site what we sent. That is not an edit of the site: it must not
    win against what was changed in Open edX since then. ``read_back``: the fields of the draft that was written, in the
    terms of the site. If an author publishes them as they are, that is no edit either.
    """
    drafted = {name: value for name, value in (read_back or {}).items() if name in sent}
    return attrs.evolve(replica, sent=dict(sent), read_back=drafted)


def written(wanted: Wanted, replica: Replica, sent: Mapping[str, Side], answer: Mapping[str, Any]) -> Replica:
    """Return the replica after a write. ``answer``: the fields as the site has them now, in its own terms.

    Only the fields that were sent are taken from the answer. If another one differs, a person has changed it meanwhile,
    and the next look finds that.
    """
    base = {**replica.base, **{name: answer[name] for name in sent}}
    known = {**replica.known, **sent}
    return attrs.evolve(
        replica, vector=replica.vector.join(wanted.vector), base=base, known=known, sent={}, read_back={}
    )


def reviewed(wanted: Wanted, replica: Replica) -> Replica:
    """Return the replica with its conflicts as they are now that another site has changed what is wanted.

    A conflict has ended if both sides have the same value by now.
    """
    now = {name: attrs.evolve(one, ours=wanted.sides[name]) for name, one in replica.conflicts.items()}
    still = {name: one for name, one in now.items() if one.theirs.value != one.ours.value}
    return attrs.evolve(replica, conflicts=still)


def resolve(wanted: Wanted, replica: Replica, field: str, take: Take, clock: int) -> tuple[Wanted, Replica]:
    """End a conflict. Raises KeyError if the field has none."""
    conflict = replica.conflicts[field]
    others = {name: one for name, one in replica.conflicts.items() if name != field}
    ours = wanted.sides[field]
    taken = _taken(ours, conflict, take, found_at=replica.kind)
    side = Side(taken.value, next_stamp(taken.stamp.site, clock, [ours.stamp, conflict.theirs.stamp]), taken.kind)
    return _with_side(wanted, field, side), attrs.evolve(replica, conflicts=others)


def take_after_all(wanted: Wanted, field: str, value: Any, maker: tuple[str, str], clock: int) -> Wanted:
    """Return what is wanted after a person has taken a value that had lost.

    ``maker``: the name and the kind of the site that made the value.
    """
    site, kind = maker
    return _with_side(wanted, field, Side(value, next_stamp(site, clock, [wanted.sides[field].stamp]), kind))


def reject(wanted: Wanted, openedx: Replica, field: str, clock: int) -> Wanted:
    """Return what is wanted after an author has rejected a change: what Open edX has. Then all sites get that."""
    seen = [wanted.sides[field].stamp, openedx.known[field].stamp]
    side = Side(openedx.known[field].value, next_stamp(openedx.site, clock, seen), OPENEDX)
    return _with_side(wanted, field, side)


def _taken(ours: Side, conflict: Conflict, take: Take, found_at: str) -> Side:
    """Return what a person takes. In a conflict that was found at Open edX, the side of Open edX is theirs."""
    if take is Take.BASE:
        return attrs.evolve(ours, value=conflict.base)
    return conflict.theirs if (take is Take.OPENEDX) == (found_at == OPENEDX) else ours


def _with_side(wanted: Wanted, field: str, side: Side) -> Wanted:
    """A decision of a person is a change: the vector of the site whose value was taken rises."""
    return attrs.evolve(wanted, vector=wanted.vector.raised(side.stamp.site), sides={**wanted.sides, field: side})


def _has_arrived(
    name: str, wanted: Wanted, replica: Replica, changed: Mapping[str, Any], values: Mapping[str, Any]
) -> bool:
    """Tell whether a field has the value that was sent. If a draft is not wanted any more, its author made that."""
    if name not in changed:
        return False
    if name in replica.read_back:
        return wanted.sides[name] == replica.sent[name] and bool(changed[name] == replica.read_back[name])
    return bool(values[name] == replica.sent[name].value)


def _looked_at(replica: Replica, changed: Mapping[str, Any], arrived: Mapping[str, Side]) -> Replica:
    """Return the replica after a look. Only a draft can arrive later: another write has arrived by now, or never."""
    drafts = replica.sent.keys() & replica.read_back.keys() - changed.keys()
    return attrs.evolve(
        replica,
        base={**replica.base, **changed},
        known={**replica.known, **arrived},
        sent={name: replica.sent[name] for name in drafts},
        read_back={name: replica.read_back[name] for name in drafts},
    )


def _merge(wanted: Wanted, replica: Replica, theirs: Mapping[str, Side], strategy: Strategy) -> MergedFields:
    """Merge with the last common values as base: for an open conflict, those from before it began."""
    base = {name: side.value for name, side in replica.known.items()}
    base |= {name: conflict.base for name, conflict in replica.conflicts.items()}
    ours = {name: wanted.sides[name] for name in theirs}
    return merge_fields((wanted.entity_type, wanted.entity_id), base, ours, theirs, strategy)


def _sides(wanted: Wanted, theirs: Mapping[str, Side], merged: MergedFields) -> dict[str, Side]:
    """Take what was chosen. If both sides have the same value, the later stamp counts."""
    sides = dict(wanted.sides)
    for name, side in theirs.items():
        decision = merged.decisions.get(name)
        if decision is None:
            sides[name] = max(side, sides[name], key=lambda one: one.stamp)
        elif decision.choice is Choice.THEIRS:
            sides[name] = side
    return sides


def _open(merged: MergedFields) -> dict[str, Conflict]:
    return {name: one.conflict for name, one in merged.decisions.items() if one.choice is Choice.ASK}
