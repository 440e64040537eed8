"""Removes targets: at once for programs, and for operators only a target that is still as they were shown it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs
from django.db import transaction

from course_sync_plugin.models import UNDONE_STATES, Lane, Problem, Run, Target
from course_sync_plugin.replication.links.endings import end_what_waits, waiting
from course_sync_plugin.sanitize.text import host_of
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.pending import count_pending
from course_sync_plugin.upkeep.plan_tokens import no_longer_valid, token_of
from course_sync_plugin.upkeep.targets.change import get_target


@attrs.frozen
class RemovalPlan:
    """The rows that go with a target.

    ``subscriptions``: organisations and courses; empty: all courses. ``contexts``: the values that are set, by course.
    ``lanes``: the ids of their courses. ``links``: each linked course with its counterpart; what is there stays there.
    ``conflicts``, ``proposals``: the number of those of the links that wait for a person and end.
    ``pending``: the number of operations that are not delivered. ``problems``: the number of open problems by state.
    ``token`` names the target with its configuration, subscriptions, contexts, lanes, links and open problems. It does
    not name ``pending``, ``conflicts`` and ``proposals``, which change with every publish, delivery and look, nor
    whether the target is paused.
    """

    name: str
    backend: str
    host: str
    subscriptions: tuple[str, ...]
    entity_types: tuple[str, ...]
    options: Mapping[str, Any]
    contexts: Mapping[str, Mapping[str, str]]
    lanes: tuple[str, ...]
    links: tuple[str, ...]
    conflicts: int
    proposals: int
    pending: int
    problems: Mapping[str, int]
    token: str


@attrs.frozen
class Removed:
    """The result for a token. ``lanes``, ``problems``: how many were removed. ``error``: why nothing was removed."""

    token: str
    lanes: int = 0
    problems: int = 0
    error: str = ""


@attrs.frozen
class _Rows:
    """The rows of a target. ``lanes``: courses by the lanes' ids. ``problems``: states by the open problems' ids."""

    target: Target
    subscriptions: tuple[str, ...]
    contexts: Mapping[str, Mapping[str, str]]
    lanes: Mapping[int, str]
    links: tuple[str, ...]
    problems: Mapping[int, str]

    @classmethod
    def of(cls, target: Target) -> _Rows:
        """Read the rows. The number of queries does not grow with the number of rows."""
        problems = Problem.objects.filter(lane__target=target, state__in=UNDONE_STATES)
        return cls(
            target,
            tuple(map(str, target.subscriptions.order_by("pk"))),
            {row.course_key: row.values for row in target.contexts.order_by("pk") if row.values},
            dict(target.lanes.order_by("pk").values_list("pk", "course__key")),
            tuple(f"{link.course.key} ↔ {link.remote_id}" for link in target.links.select_related("course")),
            dict(problems.order_by("pk").values_list("pk", "state")),
        )

    @property
    def token(self) -> str:
        target = self.target
        configuration = [target.pk, target.name, target.backend, target.url, target.entity_types, target.options]
        rows = [self.subscriptions, sorted(self.contexts.items()), [*self.lanes], sorted(self.links)]
        rows.append([*self.problems.items()])
        return token_of(json.dumps([configuration, rows], sort_keys=True))


def removal_plan(name: str) -> RemovalPlan:
    """Return what goes with a target. Raises UnknownName if there is none."""
    target = get_target(name)
    rows = _Rows.of(target)
    conflicts, proposals = waiting(target.links.all())
    return RemovalPlan(
        name=target.name,
        backend=target.backend,
        host=host_of(target.url),
        subscriptions=rows.subscriptions,
        entity_types=tuple(target.entity_types),
        options=target.options,
        contexts=rows.contexts,
        lanes=tuple(sorted(rows.lanes.values())),
        links=tuple(sorted(rows.links)),
        conflicts=conflicts,
        proposals=proposals,
        pending=count_pending(Lane.objects.filter(target=target)),
        problems=Counter(rows.problems.values()),
        token=rows.token,
    )


def remove_shown(name: str, token: str) -> Removed:
    """Remove a target if it is still what was shown with this token. Otherwise nothing changes.

    Raises UnknownName if there is no such target.
    """
    target = get_target(name)
    with transaction.atomic():
        present = _lock(target)
        rows = _Rows.of(present) if present else None
        if rows is None or rows.token != token:
            transaction.set_rollback(True)
            return Removed(token, error=no_longer_valid(token))
        _delete(rows)
    return Removed(token, len(rows.lanes), len(rows.problems))


def remove_target(name: str) -> None:
    """Remove a target at once with its lanes, problems, contexts and subscriptions.

    The journal stays as it is. Runs that were for one of its lanes alone keep the target's name. Raises UnknownName if
    there is no such target.
    """
    target = get_target(name)
    with transaction.atomic():
        present = _lock(target)
        if present:
            _delete(_Rows.of(present))


def _lock(target: Target) -> Target | None:
    """Lock a target, so that its rows stay as they are until the transaction ends. End the leases of its workers.

    Return its present row, or None if it is gone. A worker locks a lane before the rows that belong to it, so this
    locks the lanes first. A new lane, subscription or context waits for the lock of the target, because its foreign
    key is checked. PostgreSQL checks it at the commit, which then fails.
    """
    Lane.objects.filter(target=target).update(lease_token="", lease_until=None, paused=True)
    return Target.objects.select_for_update().filter(pk=target.pk).first()


def _delete(rows: _Rows) -> None:
    target, courses = rows.target, sorted(rows.lanes.values())
    changed = {"host": host_of(target.url), "lanes": len(courses), "problems": len(rows.problems), "courses": courses}
    record("remove-target", target=target.name, changed=changed)
    # In a rolling deploy a worker of the older release may have written runs without the name.
    Run.objects.filter(lane__target=target, target_name=None).update(target_name=target.name)
    for link in target.links.select_related("course", "target").order_by("pk"):
        end_what_waits(link)
    target.delete()
