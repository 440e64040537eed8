"""Lists conflicts and proposals, and carries out what a person decides about them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import attrs
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from course_sync_plugin.data import utc_text
from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError, UnknownName
from course_sync_plugin.models import Activity, Conflict, ConflictState, Proposal, ProposalState, digest_of
from course_sync_plugin.replication.inbound.decide import link_of_takeable, reject_proposal, resolve_conflict
from course_sync_plugin.replication.inbound.write_back import accept_proposal, why_never_written, why_no_author
from course_sync_plugin.replication.merge.replica import Take
from course_sync_plugin.replication.store.proposals import PENDING
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.decision_effects import Effects, effects_of
from course_sync_plugin.upkeep.links import chosen
from course_sync_plugin.upkeep.plan_tokens import token_of

#: The most rows of a list.
MOST = 1000


@attrs.frozen
class Decision:
    """What a decision would do: ``field`` of an entity gets ``value`` in place of ``instead_of``.

    ``id``: of the conflict or the proposal. ``take``: the side that is taken, or ``accept`` or ``reject``. ``warning``:
    why it would fail now; empty if nothing of that kind is known.
    """

    id: int
    course_id: str
    target: str
    entity_id: str
    field: str
    take: str
    value: Any
    instead_of: Any
    token: str
    warning: str = ""


@attrs.frozen
class Decided:
    """The result of a decision. ``error``: why nothing was done; then there are no ``effects``."""

    id: int
    token: str
    error: str = ""
    effects: Effects | None = None


def conflicts(course: str = "", target: str = "", *, all_of_them: bool = False) -> list[dict[str, Any]]:
    """Return the conflicts that wait for a person, or all that are kept, the newest first.

    Raises UnknownName for an unknown target or course, ConfigurationError for a wrong course key.
    """
    target, course = chosen(target, course)
    rows = Conflict.objects.select_related("course").order_by("-pk")
    rows = rows if all_of_them else rows.filter(state=ConflictState.OPEN)
    return [_conflict(one) for one in _first(rows, course, target)]


def proposals(course: str = "", target: str = "", *, all_of_them: bool = False) -> list[dict[str, Any]]:
    """Return the proposals that wait for an author, or all that are kept, the newest first.

    Raises UnknownName for an unknown target or course, ConfigurationError for a wrong course key.
    """
    target, course = chosen(target, course)
    rows = Proposal.objects.select_related("course").order_by("-pk")
    rows = rows if all_of_them else rows.filter(state__in=PENDING)
    return [_proposal(one) for one in _first(rows, course, target)]


def resolution_plan(conflict_id: int, take: str) -> Decision:
    """Return what a resolution would do. Raises UnknownName, or ConfigurationError if the conflict has ended."""
    return resolution_of(_get_conflict(conflict_id), take)


def resolution_of(conflict: Conflict, take: str) -> Decision:
    """Return what a resolution of this conflict would do. Raises ConfigurationError if it has ended."""
    values = {"openedx": conflict.openedx, "remote": conflict.remote, "base": conflict.base}
    link_of_takeable(conflict)
    # An open conflict: each side keeps its value. What is taken replaces that of the other side.
    replaced = conflict.taken or (Take.REMOTE if take == Take.OPENEDX else Take.OPENEDX).value
    value, now = values[Take(take).value], values.get(replaced)
    token = token_of("resolve", str(conflict.pk), take, conflict.state, repr(value), repr(now))
    return _decision(conflict, take, value, now, token)


def resolve(plan: Decision) -> Decided:
    """Resolve a conflict as it was shown, and record it."""
    if resolution_plan(plan.id, plan.take).token != plan.token:
        return Decided(plan.id, plan.token, error=_("Conflict {id} has changed; look at it again.").format(id=plan.id))
    return _carry_out(plan, "resolve", lambda: resolve_conflict(_get_conflict(plan.id), Take(plan.take), clock))


def proposal_plan(proposal_id: int, decision: str) -> Decision:
    """Return what ``accept`` or ``reject`` would do. Raises UnknownName, or ConfigurationError if it has ended."""
    return decision_of(_get_proposal(proposal_id), decision)


def decision_of(proposal: Proposal, decision: str, no_author: str | None = None) -> Decision:
    """Return what ``accept`` or ``reject`` would do to this proposal. Raises ConfigurationError if it has ended.

    ``no_author``: what :func:`why_no_author` returned for other proposals of the same plan.
    """
    if proposal.state not in PENDING:
        text = _("Proposal {id} has ended already: {state}.")
        raise ConfigurationError(text.format(id=proposal.pk, state=proposal.get_state_display()))
    value, now = (proposal.value, proposal.base) if decision == "accept" else (proposal.base, proposal.value)
    token = token_of(decision, str(proposal.pk), proposal.state, repr(value), repr(now))
    warning = _why_not(proposal, no_author) if decision == "accept" else ""
    return _decision(proposal, decision, value, now, token, warning)


def _why_not(proposal: Proposal, no_author: str | None) -> str:
    return why_never_written(proposal) or (why_no_author() if no_author is None else no_author)


def _decision(
    row: Conflict | Proposal, take: str, value: Any, instead_of: Any, token: str, warning: str = ""
) -> Decision:
    return Decision(
        id=row.pk,
        course_id=row.course.key,
        target=row.target_name,
        entity_id=row.entity_id,
        field=row.field,
        take=take,
        value=value,
        instead_of=instead_of,
        token=token,
        warning=warning,
    )


def accept(plan: Decision) -> Decided:
    """Write a proposal to Studio as it was shown, and record it. Units get it in their draft.

    An error is in the result: for example, an author has another value of the field in Studio.
    """
    changed = _has_changed(plan)
    if changed:
        return changed
    try:
        accept_proposal(_get_proposal(plan.id), clock)
    except CourseSyncError as error:
        return Decided(plan.id, plan.token, error=error.message)
    with transaction.atomic():  # after the fact: Studio cannot be written to in a transaction
        _record(plan, "accept")
    return _decided(plan)


def reject(plan: Decision) -> Decided:
    """Reject a proposal as it was shown, and record it."""
    return _has_changed(plan) or _carry_out(plan, "reject", lambda: reject_proposal(_get_proposal(plan.id), clock))


def clock() -> int:
    """Return the time of the database in milliseconds since 1970 (UTC)."""
    return int(Activity.read()[1].timestamp() * 1000)


def _has_changed(plan: Decision) -> Decided | None:
    if proposal_plan(plan.id, plan.take).token == plan.token:
        return None
    return Decided(plan.id, plan.token, error=_("Proposal {id} has changed; look at it again.").format(id=plan.id))


def _carry_out(plan: Decision, action: str, act: Callable[[], None]) -> Decided:
    try:
        with transaction.atomic():
            act()
            _record(plan, action)
    except ConfigurationError as error:
        return Decided(plan.id, plan.token, error=error.message)
    return _decided(plan)


def _decided(plan: Decision) -> Decided:
    effects = effects_of(plan.course_id, plan.entity_id, plan.field, plan.value)
    return Decided(plan.id, plan.token, effects=effects)


def _record(plan: Decision, action: str) -> None:
    arguments = {"id": plan.id, "take": plan.take, "field": plan.field, "entity": plan.entity_id}
    record(action, target=plan.target, course=plan.course_id, arguments=arguments)


def _get_conflict(conflict_id: int) -> Conflict:
    row = Conflict.objects.select_related("course", "link__target").filter(pk=conflict_id).first()
    if row is None:
        raise UnknownName(_("There is no conflict {id}; 'conflicts' lists them.").format(id=conflict_id))
    return row


def _get_proposal(proposal_id: int) -> Proposal:
    row = Proposal.objects.select_related("course", "link__target").filter(pk=proposal_id).first()
    if row is None:
        raise UnknownName(_("There is no proposal {id}; 'proposals' lists them.").format(id=proposal_id))
    return row


def _first(rows: QuerySet[Any], course: str, target: str) -> list[Any]:
    """Return the first rows of a course and a target. An empty name means all of them."""
    rows = rows.filter(course__key_digest=digest_of(course)) if course else rows
    return [*islice((one for one in rows.iterator() if target in ("", one.target_name)), MOST)]


def _conflict(one: Conflict) -> dict[str, Any]:
    return {
        "id": one.pk,
        "course_id": one.course.key,
        "target": one.target_name,
        "entity_type": one.entity_type,
        "entity_id": one.entity_id,
        "field": one.field,
        "base": one.base,
        "openedx": one.openedx,
        "remote": one.remote,
        "relation": one.relation,
        "strategy": one.strategy,
        "taken": one.taken,
        "state": one.state,
        "since": _text(one.since),
    }


def _proposal(one: Proposal) -> dict[str, Any]:
    return {
        "id": one.pk,
        "course_id": one.course.key,
        "target": one.target_name,
        "entity_type": one.entity_type,
        "entity_id": one.entity_id,
        "field": one.field,
        "base": one.base,
        "value": one.value,
        "state": ProposalState(one.state).value,
        "note": one.note,
        "since": _text(one.since),
    }


def _text(moment: datetime) -> str:
    return utc_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
