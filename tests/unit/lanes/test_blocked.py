"""Which operations wait behind a failed one, and which do not."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.data import Operation
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.problems import to_retry


@attrs.define(eq=False)
class Problem:
    """A problem with only the attributes that the rules use."""

    pk: int
    operation: Operation
    state: str = "failed"
    behind_id: int | None = None

    @property
    def operation_id(self) -> int:
        """The key of the row in the journal."""
        return 100 + self.pk


def create(entity: str, parent: str = "course", after: str | None = None) -> Operation:
    return Operation("create", "unit", entity, "vertical", parent, 0, after)


def move(entity: str, old: str, new: str, after: str | None = None) -> Operation:
    return Operation("move", "unit", entity, "vertical", new, 0, after, previous={"parent_id": old, "index": 0})


def update(entity: str) -> Operation:
    return Operation("update", "unit", entity, "vertical", fields={"display_name": "new"})


def delete(entity: str, parent: str = "course") -> Operation:
    return Operation("delete", "unit", entity, "vertical", previous={"parent_id": parent, "index": 0})


def blocked_by(*problems: Problem) -> Blocked:
    blocked = Blocked()
    for problem in problems:
        blocked.add(problem, problem.operation)
    return blocked


@pytest.mark.parametrize(
    ("failed", "waits"),
    [
        (create("a"), create("child", "a")),
        (create("a"), move("child", "course", "a")),
        (create("a"), move("a", "course", "b")),
        (create("a"), update("a")),
        (update("a"), update("a")),
        (delete("a"), create("a")),
        (move("a", "old", "new"), delete("old")),
        (move("a", "old", "new"), move("b", "old", "a")),
    ],
)
def test_what_depends_on_a_failed_operation_waits(failed, waits):
    problem = Problem(1, failed)
    assert blocked_by(problem).holder_of(waits) is problem


@pytest.mark.parametrize(
    ("failed", "goes_on"),
    [
        (create("a"), create("b")),
        (create("a"), create("b", after="a")),
        (create("a"), delete("a")),
        (create("a"), delete("course")),
        (update("a"), create("child", "a")),
        (update("a"), move("a", "course", "b")),
        (update("a"), delete("a")),
        (update("a"), update("b")),
        (delete("a"), delete("a")),
        (delete("a", "old"), delete("old")),
        (move("a", "old", "new"), move("a", "new", "newer")),
        (move("a", "old", "new"), update("a")),
        (move("a", "old", "new"), delete("a")),
        (move("a", "old", "new"), delete("new")),
        (move("a", "old", "new"), create("child", "a")),
        (move("a", "old", "old"), move("b", "old", "a")),
        (move("a", "old", "new"), move("b", "a", "a")),
    ],
)
def test_everything_else_goes_on(failed, goes_on):
    assert blocked_by(Problem(1, failed)).holder_of(goes_on) is None


def test_a_parked_deletion_holds_the_deletion_of_its_parent():
    """The deletion would also delete the entity that could not be moved out."""
    root = Problem(1, move("a", "old", "new"))
    parked = Problem(2, delete("old", "older"), "parked", behind_id=1)
    assert blocked_by(root, parked).holder_of(delete("older")) is parked


def test_what_is_parked_is_known_by_its_row():
    """A failed or misplaced operation was sent, so the worker does not meet it again."""
    problems = (
        Problem(1, create("a")),
        Problem(2, create("b", "a"), "parked", behind_id=1),
        Problem(3, create("c", after="a"), "misplaced", behind_id=1),
    )
    assert blocked_by(*problems).parked == {102}


@pytest.mark.parametrize("beside", [create("b", after="a"), move("b", "old", "course", after="a")])
@pytest.mark.parametrize("failed", [create("a"), move("a", "old", "course")])
def test_what_is_placed_beside_one_that_is_not_there_is_misplaced(failed, beside):
    problem = Problem(1, failed)
    blocked = blocked_by(problem)
    assert blocked.displacer_of(beside) is problem
    misplaced = Problem(2, beside, "misplaced", behind_id=1)
    blocked.add(misplaced, beside)
    assert blocked.displacer_of(create("c", after="b")) is misplaced
    assert blocked.displacer_of(create("c", after="x")) is None
    assert blocked.displacer_of(create("c")) is None


@pytest.mark.parametrize("operation", [update("b"), create("child", "b"), move("x", "course", "b"), delete("b")])
def test_what_is_misplaced_is_there(operation):
    blocked = blocked_by(Problem(1, create("b", after="a"), "misplaced", behind_id=7))
    assert blocked.holder_of(operation) is None
    assert blocked


def test_a_receiver_that_lacks_only_what_is_excluded_is_in_step():
    """Only what waits behind nothing is excluded itself."""
    excluded, failed = Problem(1, create("a"), "excluded"), Problem(4, update("d"))
    waiting = Problem(2, create("b", "a"), "excluded", behind_id=1)
    blocked = blocked_by(excluded, waiting, Problem(3, create("c", after="a"), "beside_excluded", behind_id=1))
    assert (blocked.has_trouble, blocked.excluded) == (False, {1: excluded})
    blocked.add(failed, failed.operation)
    assert blocked.has_trouble
    for problem in (failed, excluded):
        blocked.remove(problem)
    assert (blocked.has_trouble, blocked.excluded) == (False, {})


def test_what_is_not_excluded_any_more_is_planned_anew():
    problem = Problem(1, create("a"), "excluded")
    blocked = blocked_by(problem)
    blocked.change_state(problem, "retrying")
    assert problem.state == "retrying"
    assert blocked == blocked_by(problem)
    assert (blocked.has_trouble, blocked.entity_of(problem)) == (True, "a")


def test_nothing_failed_nothing_waits():
    blocked = Blocked()
    assert not blocked
    for operation in (create("a"), move("a", "old", "new"), update("a"), delete("a")):
        assert blocked.holder_of(operation) is None
        assert blocked.displacer_of(operation) is None
        assert blocked.closed_by(operation) == []


def test_what_is_carried_out_closes_the_problems_of_its_entity_alone():
    """A deletion closes all problems, a move those about the place. Upper and lower case differ."""
    updated, moved, misplaced = (
        Problem(1, update("a")),
        Problem(2, move("a", "x", "y")),
        Problem(3, create("a"), "misplaced"),
    )
    blocked = blocked_by(updated, moved, misplaced, Problem(4, update("A")), Problem(5, move("b", "a", "c")))
    assert blocked.closed_by(delete("a")) == [updated, moved, misplaced]
    assert blocked.closed_by(move("a", "x", "z")) == [moved, misplaced]
    assert blocked.closed_by(update("a")) == blocked.closed_by(create("a")) == blocked.closed_by(delete("c")) == []


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_of_several_problems_the_last_in_the_journal_holds(order):
    problems = {pk: Problem(pk, update("a")) for pk in order}
    blocked = blocked_by(*problems.values())
    assert blocked.holder_of(update("a")) is problems[3]
    blocked.remove(problems[3])
    assert blocked.holder_of(update("a")) is problems[2]


def test_what_was_parked_and_is_closed_waits_no_more():
    parked = Problem(2, create("b", "a"), "parked", behind_id=1)
    blocked = blocked_by(Problem(1, create("a")), parked)
    blocked.remove(parked)
    assert blocked.parked == set()
    assert blocked.holder_of(update("b")) is None


def test_what_is_read_again_takes_the_place_of_what_was_held():
    old, failed, parked = (
        Problem(1, update("old")),
        Problem(2, create("a")),
        Problem(3, create("b", "a"), "parked", behind_id=2),
    )
    blocked = blocked_by(old)
    blocked.replace((problem, problem.operation) for problem in (failed, parked))
    assert blocked == blocked_by(failed, parked)
    assert blocked.closed_by(delete("a")) == [failed]
    assert blocked.holder_of(update("old")) is None


problems_of_few = st.lists(
    st.tuples(
        st.sampled_from(["create", "update", "move", "delete"]),
        st.sampled_from("aAbc"),
        st.sampled_from("aAbc"),
        st.sampled_from("aAbc"),
        st.sampled_from(["failed", "parked", "misplaced", "retrying"]),
    ),
    max_size=12,
)


@given(problems_of_few, st.randoms(use_true_random=False))
def test_what_is_left_after_some_are_closed_is_what_would_be_read_again(values, chance):
    problems = [
        Problem(
            at,
            Operation(kind, "unit", entity, "vertical", new, 0, None, previous={"parent_id": old, "index": 0}),
            state,
            behind_id=1 if state in ("parked", "misplaced") else None,
        )
        for at, (kind, entity, old, new, state) in enumerate(values, 1)
    ]
    blocked = blocked_by(*problems)
    left = [problem for problem in problems if chance.random() < 0.5]
    closed = [problem for problem in problems if problem not in left]
    chance.shuffle(closed)
    for problem in closed:
        blocked.remove(problem)
    assert blocked == blocked_by(*left)
    assert bool(blocked) == bool(left)


def chosen(*problems: Problem) -> list[int]:
    return [problem.pk for problem in to_retry(problems)]


def test_only_what_was_asked_for_is_planned_anew():
    assert chosen(Problem(1, create("a")), Problem(2, create("b"), "retrying"), Problem(3, update("c"))) == [2]


def test_what_waits_behind_it_however_deep_comes_along():
    assert chosen(
        Problem(1, create("a"), "retrying"),
        Problem(2, create("b", "a"), "parked", 1),
        Problem(3, create("c", "b"), "parked", 2),
        Problem(4, create("d", "c"), "misplaced", 3),
        Problem(5, create("e")),
        Problem(6, create("f", "e"), "parked", 5),
    ) == [1, 2, 3, 4]


def test_what_waits_behind_a_problem_that_is_settled_is_released():
    """The problem was skipped, or its entity deleted, while a worker parked an operation behind it."""
    assert chosen(Problem(2, move("b", "old", "a"), "parked", 1), Problem(3, create("c"))) == [2]


def test_an_entity_is_planned_anew_as_a_whole():
    """If only its failed move were dropped, its place at the receiver would be lost."""
    assert chosen(
        Problem(1, move("k", "q", "elsewhere")),
        Problem(2, move("q", "d", "e"), "retrying"),
        Problem(3, delete("q", "e"), "parked", 1),
    ) == [2, 3]


def test_who_is_only_misplaced_leaves_its_other_problems_alone():
    assert chosen(Problem(1, update("b")), Problem(3, create("b", after="a"), "misplaced", 2)) == [3]
