"""Tokens of what an operator was shown, so that what is carried out is exactly that and reaches no further."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol, TypeVar

#: Characters of a token: few enough to be typed, and nobody meets another one by accident.
LENGTH = 12


class Shown(Protocol):
    """A plan that was shown with a token; an empty token: it cannot be carried out."""

    @property
    def token(self) -> str: ...


Plan = TypeVar("Plan", bound=Shown)


def token_of(*parts: str) -> str:
    """Return the token of what is shown. Equal parts have the same token, and only they."""
    return sha256(json.dumps(parts).encode()).hexdigest()[:LENGTH]


def by_token(plans: Iterable[Plan], tokens: Iterable[str]) -> dict[str, Plan | None]:
    """Return for each token, once and in its order, the plan that was shown with it; None where no plan is it now."""
    known = {plan.token: plan for plan in plans if plan.token}
    return {token: known.get(token) for token in tokens}
