"""Reads what waits for somebody already, so that it is no finding: proposals, conflicts, problems and exclusions."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import attrs

from course_sync_plugin.models import (
    UNDONE_STATES,
    Conflict,
    ConflictState,
    Exclusion,
    Intent,
    LedgerEntity,
    Problem,
    Proposal,
    digest_of,
)
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.store.as_json import sides_from_json
from course_sync_plugin.replication.store.proposals import PENDING
from course_sync_plugin.replication.strategies.base import OPENEDX


@attrs.frozen
class Waiting:
    """What waits in one link.

    ``fields``: each field of an entity that waits for an author or a person; the field of a place is ``place``.
    ``entities``: those whose operations failed or are held back. ``creations``: those with an unanswered creation.
    ``never``: the target says that no edit comes back, so an edit there has no proposal.
    """

    fields: Set[tuple[str, str]]
    entities: Set[str]
    creations: Set[str]
    never: bool

    def accepts(self, carry: Carry, entity_id: str, field: str, value: Any) -> bool:
        """Tell whether a value is an edit that was made there and that does not come back."""
        if not self.never:
            return False
        rows = LedgerEntity.objects.filter(course=carry.course, id_digest=digest_of(entity_id))
        side = sides_from_json(rows.values_list("sides", flat=True).first() or {}).get(field)
        return side is not None and side.kind != OPENEDX and bool(side.value == value)


def read_waiting(carry: Carry) -> Waiting:
    """Return what waits in the link of a course."""
    link, course = carry.link, carry.course
    proposals = Proposal.objects.filter(course=course, state__in=PENDING).values_list("entity_id", "field")
    conflicts = Conflict.objects.filter(course=course, state=ConflictState.OPEN).values_list("entity_id", "field")
    problems = Problem.objects.filter(lane__target=link.target_id, lane__course=course, state__in=UNDONE_STATES)
    excluded = Exclusion.objects.filter(target=link.target_id, course=course).values_list("entity_id", flat=True)
    return Waiting(
        frozenset((*proposals, *conflicts)),
        frozenset((*problems.values_list("operation__entity_id", flat=True), *_with_below(carry, excluded))),
        frozenset(Intent.objects.filter(link=link).values_list("entity_id", flat=True)),
        link.target.options.get("write_back") == "never",
    )


def _with_below(carry: Carry, entity_ids: Any) -> list[str]:
    found = list(entity_ids)
    for one in found:  # it grows while it is read
        found += carry.tree.children(one)
    return found
