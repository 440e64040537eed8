"""Counted nouns, such as "1 lane" and "5 lanes", for texts of commands that have more than one number."""

from __future__ import annotations

from django.utils.translation import ngettext


def lanes(n: int) -> str:
    """Count lanes."""
    return ngettext("{n} lane", "{n} lanes", n).format(n=n)


def operations(n: int) -> str:
    """Count operations."""
    return ngettext("{n} operation", "{n} operations", n).format(n=n)


def not_delivered(n: int) -> str:
    """Count operations that are not delivered."""
    text = ngettext("{n} operation that is not delivered", "{n} operations that are not delivered", n)
    return text.format(n=n)


def parked(n: int) -> str:
    """Tell how many operations wait behind one that failed."""
    text = ngettext("{n} operation is parked behind it", "{n} operations are parked behind it", n)
    return text.format(n=n)


def entities(n: int) -> str:
    """Count entities."""
    return ngettext("{n} entity", "{n} entities", n).format(n=n)


def envelopes(n: int) -> str:
    """Count envelopes."""
    return ngettext("{n} envelope", "{n} envelopes", n).format(n=n)


def open_problems(n: int) -> str:
    """Count problems that are not closed."""
    return ngettext("{n} open problem", "{n} open problems", n).format(n=n)


def posts(n: int) -> str:
    """Count posts of discussions."""
    return ngettext("{n} post", "{n} posts", n).format(n=n)


def notices(n: int) -> str:
    """Count notices of a linked system."""
    return ngettext("{n} notice", "{n} notices", n).format(n=n)
