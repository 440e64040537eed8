"""Stores decisions in which an edit lost, and what a person decides. Nothing that was edited is lost in silence.

What waits for a person is stored by :mod:`.open_conflicts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
from django.db.models import QuerySet

from course_sync_plugin.ledger.vectors import Relation
from course_sync_plugin.models import Conflict, ConflictState, DatabaseNow, Link, digest_of
from course_sync_plugin.replication.merge.fields import Decision, Reason
from course_sync_plugin.replication.merge.places import FoundPlaces
from course_sync_plugin.replication.merge.replica import Take
from course_sync_plugin.replication.merge.tree_edits import place_if_there as place_of
from course_sync_plugin.replication.store.links import link_of
from course_sync_plugin.replication.strategies.base import OPENEDX, Choice


def record(link: Link, found_at: str, decisions: Mapping[str, Decision], relation: Relation, strategy: str) -> None:
    """Store the decisions of the strategy that are kept. Call it in the transaction that stores the states.

    ``link``: that of the lane or the poll that looked; a conflict that was found in Open edX belongs to the link whose
    site made the other value. ``found_at``: the kind of the site whose look found them. ``relation``: of our vector to
    that of this site.
    """
    for decision in decisions.values():
        if decision.is_kept and decision.choice is not Choice.ASK:
            _record(link, found_at, decision, relation, strategy)


def record_places(link: Link, found_at: str, found: FoundPlaces, strategy: str, type_of: Callable[[str], str]) -> None:
    """Store the moves that were not taken and wait for nobody. ``type_of``: returns the type of an entity."""
    for entity_id in found.lost.keys() - found.known.conflicts.keys():
        conflict = found.lost[entity_id]
        is_theirs = place_of(found.wanted.places, entity_id) == conflict.theirs.value
        choice = Choice.THEIRS if is_theirs else Choice.OURS
        named = attrs.evolve(conflict, entity_type=type_of(entity_id))
        _record(link, found_at, Decision(named, choice, Reason.STRATEGY), Relation.CONCURRENT, strategy)


def mark_resolved(conflict: Conflict, take: Take) -> None:
    """Note which side a person has taken."""
    values = {"state": ConflictState.RESOLVED, "taken": take.value, "ended_at": DatabaseNow()}
    Conflict.objects.filter(pk=conflict.pk).update(**values)


def end_gone(open_ones: QuerySet[Conflict]) -> None:
    """End those of some conflicts that are open: their entity was deleted, or their link ends."""
    open_ones.filter(state=ConflictState.OPEN).update(state=ConflictState.GONE, ended_at=DatabaseNow())


def _record(link: Link, found_at: str, decision: Decision, relation: Relation, strategy: str) -> None:
    conflict = decision.conflict
    here, there = (conflict.theirs, conflict.ours) if found_at == OPENEDX else (conflict.ours, conflict.theirs)
    link = (link_of(link.course, there) if found_at == OPENEDX else None) or link
    Conflict.objects.create(
        link=link,
        target_name=link.target.name,
        course=link.course,
        entity_type=conflict.entity_type,
        entity_id=conflict.entity_id,
        id_digest=digest_of(conflict.entity_id),
        field=conflict.field,
        base=conflict.base,
        openedx=here.value,
        remote=there.value,
        relation=relation.value,
        strategy=strategy,
        reason=decision.reason.value,
        taken=_taken(found_at, decision.choice),
        state=ConflictState.DECIDED,
        since=DatabaseNow(),
    )


def _taken(found_at: str, choice: Choice) -> str:
    is_theirs = choice is Choice.THEIRS
    return (Take.OPENEDX if is_theirs == (found_at == OPENEDX) else Take.REMOTE).value
