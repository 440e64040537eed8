"""Finds conflicts and proposals for pages and the API, and plans decisions about many of them at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import attrs
from django.db.models import QuerySet

from course_sync_plugin.models import Conflict, ConflictState, Proposal, ProposalState, digest_of
from course_sync_plugin.replication.inbound.write_back import why_no_author
from course_sync_plugin.replication.store.proposals import PENDING
from course_sync_plugin.sanitize.limits import ROW_ID
from course_sync_plugin.upkeep.decisions import Decided, Decision, accept, decision_of, reject, resolution_of, resolve
from course_sync_plugin.upkeep.plan_tokens import token_of

#: The most decisions of one plan: those of one background job. What is left is decided by the next plan.
MOST = 10_000

#: The state of an address that chooses rows of every state.
ALL = "all"


@attrs.frozen
class Chosen:
    """What chooses conflicts or proposals. An empty value chooses all; an empty ``state`` those that wait for a person.

    ``target``: its name, which may be that of a removed target. ``course``: a course key. ``state``: a state, or
    ``all``. ``id``: the key of a row, as text. ``within``: the keys of the only courses that are shown (None: all).
    """

    target: str = ""
    course: str = ""
    state: str = ""
    id: str = ""
    within: Collection[int] | None = None


@attrs.frozen
class Decisions:
    """The decisions that one plan carries out, at most ``MOST``. ``more``: there are more that match."""

    take: str
    each: Sequence[Decision]
    more: bool
    token: str


def find_conflicts(chosen: Chosen) -> QuerySet[Conflict]:
    """Return the conflicts that match; :func:`of_target` looks at the names of their targets once more."""
    rows = Conflict.objects.select_related("course")
    if chosen.state != ALL:
        states = [chosen.state] if chosen.state in ConflictState.values else [ConflictState.OPEN.value]
        rows = rows.filter(state__in=states)
    return _narrowed(rows, chosen)


def find_proposals(chosen: Chosen) -> QuerySet[Proposal]:
    """Return the proposals that match; :func:`of_target` looks at the names of their targets once more."""
    rows = Proposal.objects.select_related("course")
    if chosen.state != ALL:
        states = [chosen.state] if chosen.state in ProposalState.values else [one.value for one in PENDING]
        rows = rows.filter(state__in=states)
    return _narrowed(rows, chosen)


def of_target(rows: Iterable[Any], target: str) -> Iterator[Any]:
    """Yield the rows of exactly this target: a database may ignore case. An empty name stands for all targets."""
    return (row for row in rows if target in ("", row.target_name))


def plan_decisions(chosen: Chosen, take: str) -> list[Decisions]:
    """Return one plan for all that match and wait for a person, the oldest first; none if nothing does.

    ``take``: ``openedx``, ``remote`` or ``base`` for conflicts, ``accept`` or ``reject`` for proposals. One that is
    chosen by its id may have been decided by the strategy. Raises ConfigurationError if that one has ended.
    """
    is_proposal = take in ("accept", "reject")
    state = ALL if chosen.id else ""
    found = (find_proposals if is_proposal else find_conflicts)(attrs.evolve(chosen, state=state))
    ordered = found.select_related("course", "link__target").order_by("pk")
    rows = list(islice(of_target(ordered.iterator(), chosen.target), MOST + 1))
    no_author = why_no_author() if take == "accept" and rows else ""
    each = [decision_of(row, take, no_author) if is_proposal else resolution_of(row, take) for row in rows[:MOST]]
    token = token_of("decisions", take, *(one.token for one in each))
    return [Decisions(take, each, len(rows) > MOST, token)] if each else []


def carry_out_decisions(plan: Decisions) -> list[Decided]:
    """Carry out each decision as it was shown, and record it. One that has changed or fails has its error."""
    act = {"accept": accept, "reject": reject}.get(plan.take, resolve)
    return [act(one) for one in plan.each]


def _narrowed(rows: QuerySet[Any], chosen: Chosen) -> QuerySet[Any]:
    if chosen.course:
        rows = rows.filter(course__key_digest=digest_of(chosen.course))
    if chosen.within is not None:
        rows = rows.filter(course__in=chosen.within)
    if chosen.target:
        rows = rows.filter(target_name=chosen.target)
    return rows.filter(pk=_key(chosen.id)) if chosen.id else rows


def _key(text: str) -> int:
    """Return the key that a text names, or 0, which no row has."""
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    return int(text) if is_number and ROW_ID.holds(int(text)) else 0
