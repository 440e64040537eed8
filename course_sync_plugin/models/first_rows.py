"""Reads the first rows of a long table together with the rows of other tables that belong to them."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def first_rows(ordered: QuerySet[Row], most: int) -> list[Row]:
    """Return at most ``most`` rows of an ordered query that joins other tables. Two queries; one if there are none.

    The keys are read first, without the other tables. In one query MariaDB and MySQL begin with the smallest table,
    join a million rows to it and sort them all, to show fifty.
    """
    keys = list(ordered.values_list("pk", flat=True)[:most])
    return list(ordered.filter(pk__in=keys)) if keys else []
