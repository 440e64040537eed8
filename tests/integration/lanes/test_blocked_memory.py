"""The problems that a worker keeps in memory equal those in the database after every answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_sync_plugin.data import Operation
from course_sync_plugin.journal.append import append, lock
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.problems import close_all, park, reload, write_answer
from course_sync_plugin.models import Course, JournalOperation, Lane, Problem, RunKind, Target, digest_of
from tests.integration.courses import COURSE

pytestmark = pytest.mark.django_db

#: Only a few, so that operations concern the same entities; two differ only in case.
ENTITIES = st.sampled_from("aAbcd")
#: The result of an operation that does not have to wait.
FATES = st.sampled_from(["done", "done", "failed"])


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    """Draw any operation: the rules must hold even if the operations make no sensible course."""
    kind = draw(st.sampled_from(["create", "move", "update", "delete"]))
    entity, new, old = (draw(ENTITIES) for _ in range(3))
    place: tuple[Any, ...] = (new, 0, draw(st.none() | ENTITIES)) if kind in ("create", "move") else ()
    previous = {"parent_id": old, "index": 0} if kind in ("move", "delete") else {}
    return Operation(kind, "unit", entity, "vertical", *place, previous=previous)


answers = st.lists(st.tuples(operations(), FATES), min_size=1, max_size=5)


@pytest.fixture
def lane() -> Lane:
    course = Course.objects.create(key=COURSE, key_digest=digest_of(COURSE), org="Org")
    return Lane.objects.create(target=Target.objects.create(name="crm", backend="webhook"), course=course)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(answers, min_size=1, max_size=6), st.booleans())
def test_memory_and_database_agree_after_every_answer(lane, envelopes, course_is_deleted):
    """Each envelope has the operations that need not wait; some are refused, the others are applied."""
    with transaction.atomic():
        blocked = Blocked()
        for told in envelopes:
            sent = list(parked_or_sent(lane, told, blocked))
            rows = [row for row, _fate in sent]
            failures = {str(row.operation_id): "no" for row, fate in sent if fate == "failed"}
            write_answer(lane, rows, failures, blocked)
            assert remembered(blocked) == remembered(read_again(lane))
        if course_is_deleted:
            close_all(lane, blocked)
            assert remembered(blocked) == remembered(read_again(lane)) == remembered(Blocked())
        transaction.set_rollback(True)


def parked_or_sent(
    lane: Lane, told: Sequence[tuple[Operation, str]], blocked: Blocked
) -> Iterator[tuple[JournalOperation, str]]:
    course = lock(lane.course)
    run = append(course, [operation for operation, _fate in told], RunKind.CHANGES)
    for row, (_operation, fate) in zip(run.operations.order_by("position"), told):
        holder = blocked.holder_of(row.as_operation())
        if holder:
            park(lane, row.pk, row.as_operation(), holder, blocked)
        else:
            yield row, fate


def read_again(lane: Lane) -> Blocked:
    blocked = Blocked()
    reload(blocked, lane)
    return blocked


def remembered(blocked: Blocked) -> tuple[Any, ...]:
    """Return all problems with their states: model instances are equal if only their keys are."""

    def plain(problem: Problem) -> tuple[Any, ...]:
        return problem.pk, problem.operation_id, str(problem.state), problem.behind_id

    everyone = [problem for held in blocked.about._problems.values() for problem in held.values()]
    return blocked, bool(blocked), sorted(map(plain, everyone))
