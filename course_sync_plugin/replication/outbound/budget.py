"""The budget of requests, in the database: all workers share it, and all targets that the site counts as one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import F

from course_sync_plugin.exceptions import Interrupted
from course_sync_plugin.models import DatabaseNow, RateBudget, Target
from course_sync_plugin.secrets import can_decrypt, decrypt
from course_sync_plugin.targets.two_way.budget import MOST_WAIT
from course_sync_plugin.targets.two_way.site import Rate

#: What the other system says is stored only if it differs by this share of the full budget.
_NOTABLE = 0.1

_PORTS = {"https": 443, "http": 80}


def budget_row(target: Target, rate: Rate) -> int:
    """Return the key of the target whose row in the database holds the budget of this one. One query.

    It is the oldest target of the same kind at the same site; if each access token has a budget, the oldest with the
    same token. Tokens are encrypted, each time differently, so they are compared here.
    """
    rows = Target.objects.filter(backend=target.backend).order_by("pk") if target.url else ()
    shared = (one.pk for one in rows if _site(one) == _site(target) and _have_one_budget(one, target, rate))
    return next(shared, target.pk)


def _site(target: Target) -> tuple[str, int | None, str]:
    """Return what tells sites apart in a URL. One that names no port, or ends with a slash, is the same site."""
    parts = urlsplit(target.url)
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme), parts.path.rstrip("/")


def _have_one_budget(one: Target, other: Target, rate: Rate) -> bool:
    if one.pk == other.pk or not rate.per_token:
        return True
    tokens = [decrypt(row.token) for row in (one, other) if row.token and can_decrypt(row.token)]
    return len(tokens) == 2 and tokens[0] == tokens[1]


class SharedBudget:
    """The budget in the row of one target (:func:`budget_row`). ``before``: called before each request."""

    def __init__(self, target_id: int, rate: Rate, before: Callable[[], None] = lambda: None):
        self._target_id, self._rate, self._before = target_id, rate, before
        self._remaining = rate.full

    def take(self, cost: float) -> None:
        """Take units for one request. Waits up to ``MOST_WAIT`` seconds for them, or raises Interrupted."""
        self._before()
        wait = self._take(cost)
        if wait:
            time.sleep(wait)

    def told(self, remaining: float) -> None:
        """Take over how many units remain, as the other system says, if it differs by a notable share.

        It may be less, because other programs use the same access token. It may be more, because a request holds more
        units than it costs in the end.
        """
        if abs(remaining - self._remaining) > _NOTABLE * self._rate.full:
            values = {"remaining": max(-self._rate.full, remaining), "counted_at": DatabaseNow()}
            RateBudget.objects.filter(target=self._target_id).update(**values)
            self._remaining = remaining

    def _take(self, cost: float) -> float:
        """Take units and return the seconds to wait for them."""
        with transaction.atomic():
            row = self._locked_row()
            rate, seconds = self._rate, max(0.0, (row.now - row.counted_at).total_seconds())
            remaining = min(rate.full, row.remaining + seconds * rate.per_second)
            wait = max(0.0, rate.floor + cost - remaining) / rate.per_second
            if wait > MOST_WAIT:
                raise Interrupted("The budget of requests of this target is used up for the moment.", retry_after=wait)
            self._remaining = remaining - cost  # before the wait, so that other workers wait for their own units
            row_values = {"remaining": self._remaining, "counted_at": row.now}
            RateBudget.objects.filter(pk=row.pk).update(**row_values)
        return float(wait)

    def _locked_row(self) -> Any:
        """Return the row, made if it is missing, and locked: an UPDATE locks it on every database."""
        rows = RateBudget.objects.filter(target=self._target_id)
        if not rows.update(locks=F("locks") + 1):
            begin = {"remaining": self._rate.full, "counted_at": DatabaseNow()}
            RateBudget.objects.get_or_create(target_id=self._target_id, defaults=begin)
            rows.update(locks=F("locks") + 1)
        return rows.annotate(now=DatabaseNow()).get()
