"""Records what operators do: who, when, a note, and what it changed, in the transaction of the change.

A command, a page or a script says who acts with :func:`acting`. Every function that carries out a decision of an
operator calls :func:`record` in its transaction. So an action that fails, or is rolled back, leaves no record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import attrs
from django.db import connection, transaction

from course_sync_plugin.models import DatabaseNow, OperatorAction
from course_sync_plugin.models.text import storable
from course_sync_plugin.sanitize.text import single_line

#: The operator of a program that calls the API and does not say who acts.
PROGRAM = "api"

#: The most characters of an operator's name (the column has as many), of a note and of a text in a record.
LONGEST_NAME, LONGEST_NOTE, LONGEST_TEXT = 255, 1000, 300

#: The most entries of a list that a record keeps. A number beside the list says how many there were.
KEPT = 20


@attrs.frozen
class Operator:
    """Who acts, and the note on why. Both are stored as they are shown: cleaned, on one line."""

    name: str = PROGRAM
    note: str = ""


_operator: ContextVar[Operator] = ContextVar("course_sync_operator", default=Operator())  # noqa: B039 (it is frozen)


@contextmanager
def acting(name: str, note: str = "") -> Iterator[Operator]:
    """Say who acts until the block ends: the name of a user, or ``user@host`` for a command. ``note``: why.

    It holds for this thread (or this asynchronous task) alone. An empty name stands for a program.
    """
    operator = Operator(_line(name, LONGEST_NAME) or PROGRAM, _line(note, LONGEST_NOTE))
    token = _operator.set(operator)
    try:
        yield operator
    finally:
        _operator.reset(token)


def operator_now() -> Operator:
    """Return who acts now."""
    return _operator.get()


def record(
    action: str,
    *,
    target: str = "",
    course: str = "",
    arguments: Mapping[str, Any] | None = None,
    changed: Mapping[str, Any] | None = None,
) -> OperatorAction:
    """Store an action of the operator who acts now. Call it in the transaction that makes the change.

    ``action``: the name of the command. ``target``, ``course``: the one that it concerns; empty: several, or none.
    ``arguments``: what the operator asked for, never a secret and never a whole URL. ``changed``: what it changed.
    Texts are cleaned and cut, and of a list the first ``KEPT`` entries are kept. Raises TransactionManagementError
    outside a transaction: the record could then stay although the change failed.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(f"the action {action} is recorded outside a transaction")
    operator = _operator.get()
    return OperatorAction.objects.create(
        at=DatabaseNow(),
        operator=operator.name,
        action=action,
        target_name=target,
        course_key=course,
        arguments=_kept(arguments or {}),
        note=operator.note,
        changed=_kept(changed or {}),
    )


def only(courses: Sequence[str]) -> str:
    """Return the course if there is exactly one, else an empty text: the value of ``course`` in a record."""
    return courses[0] if len(courses) == 1 else ""


def _line(text: str, longest: int) -> str:
    return storable(single_line(text, longest))


def _kept(value: Any) -> Any:
    """Return a value as a record keeps it: JSON of bounded size that every database stores."""
    if isinstance(value, Mapping):
        return {_line(str(key), LONGEST_TEXT): _kept(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_kept(one) for one in list(value)[:KEPT]]
    return value if value is None or isinstance(value, (bool, int, float)) else _line(str(value), LONGEST_TEXT)
