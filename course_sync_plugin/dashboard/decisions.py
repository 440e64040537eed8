"""The pages of conflicts and of proposals: the values next to each other, and the decisions that a person may take."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from course_sync_plugin import api
from course_sync_plugin.dashboard.access import for_operators, may_act
from course_sync_plugin.dashboard.filters import courses_within, given
from course_sync_plugin.dashboard.page import page
from course_sync_plugin.dashboard.paging import newest_first
from course_sync_plugin.models import Conflict, ConflictState, Proposal, ProposalState
from course_sync_plugin.replication.store.proposals import PENDING

#: Rows of a page. Each is compared word by word.
SIZE = 20

#: The states of conflicts that a person may still decide.
_DECIDABLE = (ConflictState.OPEN, ConflictState.DECIDED)


@require_safe
@for_operators
def conflicts(request: HttpRequest) -> HttpResponse:
    """Show the fields that both sides changed, with the value before both changes."""
    chosen = _chosen(request)
    return _page(request, "conflicts", chosen, api.find_conflicts(chosen), ConflictState)


@require_safe
@for_operators
def proposals(request: HttpRequest) -> HttpResponse:
    """Show the edits of linked systems that Open edX does not have yet."""
    chosen = _chosen(request)
    return _page(request, "proposals", chosen, api.find_proposals(chosen), ProposalState)


def _chosen(request: HttpRequest) -> api.Chosen:
    values = given(request, ("target", "course", "state"))
    return api.Chosen(**values, within=courses_within(request, values["course"]))


def _page(request: HttpRequest, name: str, chosen: api.Chosen, found: QuerySet[Any], states: Any) -> HttpResponse:
    listed = newest_first(request, found, SIZE)
    rows = [_shown(request, row) for row in api.of_target(listed.rows, chosen.target)]
    context = {"chosen": chosen, "states": ["all", *states.values], "rows": listed, "shown": rows}
    waits = any(row["waits"] for row in rows)
    return page(request, name, {**context, "may_act": waits and may_act(request, chosen.course)})


def _shown(request: HttpRequest, row: Conflict | Proposal) -> dict[str, Any]:
    """Return a row with what each side did to the value from before, and whether the user may decide about it."""
    sides = (row.openedx, row.remote) if isinstance(row, Conflict) else (row.value,)
    return {
        "row": row,
        "base": api.as_text(row.base),
        "sides": [api.differences(row.base, side) for side in sides],
        "waits": row.state in (ConflictState.OPEN, *PENDING),
        "may_act": _is_decidable(row) and may_act(request, row.course.key),
    }


def _is_decidable(row: Conflict | Proposal) -> bool:
    """A conflict can be decided while its link is there."""
    return bool(row.link_id) and row.state in _DECIDABLE if isinstance(row, Conflict) else row.state in PENDING
