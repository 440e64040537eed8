"""Reads what operators noted about causes of errors: the state, who looks after them, and the history of the steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from course_sync_plugin.data import utc_text
from course_sync_plugin.models import ErrorCause, ErrorCauseState, ErrorStep, bulk

#: The states of a cause as it is shown. ``reopened``: it was resolved, and came back.
OPEN, RESOLVED, REOPENED = ErrorCauseState.OPEN.value, ErrorCauseState.RESOLVED.value, "reopened"

#: The steps, by the names of their actions.
ASSIGN, NOTE, RESOLVE, REOPEN = "assign-cause", "note-cause", "resolve-cause", "reopen-cause"

#: What a list of causes may show: those to look after (open and reopened), those that are resolved, or both.
NOTED_STATES = (OPEN, RESOLVED, "all")

#: The newest steps that are looked through for causes whose errors are gone.
LOOKED_THROUGH = 500

#: The names of the organisations whose notes a reader may see; None: of all.
Orgs = Collection[str] | None


@attrs.frozen
class Noted:
    """What a reader may know of the notes about a cause. ``steps``: the oldest first."""

    state: str = OPEN
    assignee: str = ""
    resolved_at: datetime | None = None
    resolved_by: str = ""
    steps: Sequence[Mapping[str, Any]] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        resolved_at = self.resolved_at and utc_text(self.resolved_at)
        return {**attrs.asdict(self, recurse=False), "resolved_at": resolved_at, "steps": list(self.steps)}


def is_shown(noted: Noted, state: str) -> bool:
    """Tell whether a list of causes in this state (one of ``NOTED_STATES``) shows the cause."""
    return state == "all" or (noted.state == RESOLVED) == (state == RESOLVED)


def has_come_back(cause: ErrorCause, last: datetime | None) -> bool:
    """Tell whether an error of the cause began after those that its resolution covers. ``last``: the newest one."""
    return last is None or cause.covers is None or last > cause.covers


def notes_about(newest: Mapping[str, datetime | None], orgs: Orgs) -> dict[str, Noted]:
    """Return the notes about causes, by their digests. ``newest``: when the newest error of each began.

    Causes without notes are left out. One query for 500 causes.
    """
    steps: list[ErrorStep] = []
    for part in bulk.chunks(list(newest)):
        steps += _steps().filter(cause__digest__in=part)
    return {digest: _noted(found, orgs, newest[digest]) for digest, found in _by_cause(steps).items()}


def ended_causes(present: Collection[str], orgs: Orgs, state: str, target: int | None = None) -> list[dict[str, Any]]:
    """Return causes with notes whose errors are gone, the newest notes first. ``target``: the key of the only target.

    They are found among the newest ``LOOKED_THROUGH`` steps. One that the reader may not read is left out.
    """
    rows = _steps() if target is None else _steps().filter(cause__target=target)
    found = _by_cause(list(rows.order_by("-pk")[:LOOKED_THROUGH])[::-1])
    shown = []
    for digest, steps in sorted(found.items(), key=lambda item: -item[1][-1].pk):
        noted = _noted(steps, orgs, None, is_there=False)
        if digest not in present and noted.steps and is_shown(noted, state):
            shown.append(_ended(steps[-1].cause, noted))
    return shown


def _steps() -> Any:
    return ErrorStep.objects.select_related("cause__assignee", "cause__target", "action").order_by("pk")


def _by_cause(steps: Iterable[ErrorStep]) -> dict[str, list[ErrorStep]]:
    """Group steps by the digest of their cause, in their order."""
    found: dict[str, list[ErrorStep]] = defaultdict(list)
    for step in steps:
        found[step.cause.digest].append(step)
    return found


def _noted(steps: Sequence[ErrorStep], orgs: Orgs, last: datetime | None, *, is_there: bool = True) -> Noted:
    """Return what the reader may know.

    A resolution holds for everybody whose errors it covers. A step with its names and its note, and that a cause came
    back after it, is known to those who see every organisation that had the cause then.
    """
    cause = steps[-1].cause
    known = [step for step in steps if orgs is None or (step.orgs and set(step.orgs) <= set(orgs))]
    came_back = cause.state == RESOLVED and is_there and has_come_back(cause, last)
    knows_resolution, knows_assignee = (_newest(name, steps) in known for name in (RESOLVE, ASSIGN))
    return Noted(
        state=(REOPENED if knows_resolution else OPEN) if came_back else cause.state,
        assignee=cause.assignee.get_username() if cause.assignee and knows_assignee else "",
        resolved_at=cause.resolved_at if knows_resolution else None,
        resolved_by=cause.resolved_by if knows_resolution else "",
        steps=[_step(step) for step in known],
    )


def _newest(action: str, steps: Sequence[ErrorStep]) -> ErrorStep | None:
    return next((step for step in reversed(steps) if step.action.action == action), None)


def _step(step: ErrorStep) -> dict[str, Any]:
    action = step.action
    return {
        "at": utc_text(action.at),
        "operator": action.operator,
        "action": action.action,
        "note": action.note,
        "assignee": action.arguments.get("assignee", ""),
        "came_back": action.changed.get("came_back", ""),
    }


def _ended(cause: ErrorCause, noted: Noted) -> dict[str, Any]:
    return {
        "cause": cause.digest,
        "target": cause.target.name,
        "what": cause.what,
        "state": cause.kind,
        "error_class": cause.error_class,
        "status": cause.status,
        "reason": cause.reason,
        "noted": noted.as_dict(),
    }
