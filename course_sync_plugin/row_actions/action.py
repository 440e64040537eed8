"""What an action is: it makes plans for a row, describes them, and carries out those that were shown.

The page that asks shows plans with their tokens. When it is confirmed, the plans are made again, and only those whose
token was shown are carried out. So an action does what its page said, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import attrs
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from course_sync_plugin import api
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.sanitize.text import cleaned
from course_sync_plugin.signals.waker import Waker
from course_sync_plugin.tasks import wake_workers

#: The most rows that an action takes at once.
MOST_ROWS = 50

_WAKER = Waker(wake_workers, rest=lambda: 1)


@attrs.frozen
class Done:
    """What an action did. ``failed``: it did nothing. ``secret``: a secret that is shown only now.

    ``job``: the number of the background job that it has started; 0: none.
    """

    text: str
    failed: bool = False
    secret: str = attrs.field(default="", repr=False)
    job: int = 0


@attrs.frozen
class RowAction:
    """Something that an operator does to a row.

    ``plans`` returns for a row what would be done: plans with tokens. ``describe`` returns the lines about a plan.
    ``carry_out`` gets the row and a plan that was shown. Both raise CourseSyncError if it is not possible.
    ``asks``: the label of a secret that the operator enters beside the plan. It is the third argument of ``carry_out``.
    """

    name: str
    label: Promise
    plans: Callable[[Any], Sequence[Any]]
    describe: Callable[[Any], Iterable[str]]
    carry_out: Callable[..., Done]
    asks: Promise | None = None


def carry_out(
    action: RowAction, rows: Sequence[Any], shown: Iterable[str], operator: str, note: str, entered: str = ""
) -> list[Done]:
    """Carry out the plans that were shown with these tokens, and wake the workers.

    ``operator``: the name of a user. ``entered``: the secret that the action asks for.
    """
    with api.acting(operator, note):
        results = list(_results(action, rows, dict.fromkeys(shown), [entered] if action.asks else []))
    _WAKER.request()
    return results


def shown_plans(action: RowAction, rows: Sequence[Any]) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Return what is shown before an action: the token and the lines of each plan, and why there is none for a row."""
    found, errors = _planned(action, rows)
    return [(plan.token, [cleaned(line) for line in action.describe(plan)]) for _row, plan in found], errors


def _planned(action: RowAction, rows: Sequence[Any]) -> tuple[list[tuple[Any, Any]], list[str]]:
    """Return the plans, each with its row, and the errors of the rows for which there is no plan."""
    found, errors = [], []
    for row in rows:
        try:
            found += [(row, plan) for plan in action.plans(row)]
        except CourseSyncError as error:
            errors.append(error.message)
    return found, errors


def _results(action: RowAction, rows: Sequence[Any], shown: Iterable[str], entered: Sequence[str]) -> Iterator[Done]:
    """Carry out the plans that were shown with these tokens, one after the other."""
    found, _errors = _planned(action, rows)
    known = {plan.token: (row, plan) for row, plan in found if plan.token}
    for token in shown:
        if token not in known:
            yield Done(api.no_longer_valid(cleaned(token)[:20]), failed=True)
            continue
        try:
            yield action.carry_out(*known[token], *entered)
        except CourseSyncError as error:
            yield Done(error.message, failed=True)


def first_of(texts: Sequence[str], most: int = 20) -> Iterator[str]:
    """Yield the first of these texts, then the number of the others."""
    yield from texts[:most]
    if len(texts) > most:
        yield _("and {n} more").format(n=len(texts) - most)
