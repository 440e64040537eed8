"""Makes tokens for plans that an operator was shown, so that exactly these plans are carried out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol, TypeVar

from django.utils.translation import gettext as _

#: Characters of a token: few enough to type, and enough that two plans do not get the same token by chance.
LENGTH = 12


class Shown(Protocol):
    """A plan that was shown with a token. A plan with an empty token cannot be carried out."""

    @property
    def token(self) -> str: ...


Plan = TypeVar("Plan", bound=Shown)


def token_of(*parts: str) -> str:
    """Return the token of a plan, a digest of its parts. Only equal parts have equal tokens."""
    return sha256(json.dumps(parts).encode()).hexdigest()[:LENGTH]


def by_token(plans: Iterable[Plan], tokens: Iterable[str]) -> dict[str, Plan | None]:
    """Return for each token its plan, or None if no present plan has this token. The order is that of the tokens."""
    known = {plan.token: plan for plan in plans if plan.token}
    return {token: known.get(token) for token in tokens}


def no_longer_valid(token: str) -> str:
    """Return the sentence for a token that no present plan has."""
    text = _("The plan of token {token} is no longer valid: it has changed or was carried out. Show the plans again.")
    return text.format(token=token)
