"""Gives the keys of JSON columns the order that MySQL gives them, on every database.

MySQL and PostgreSQL (``jsonb``) store an object with its keys in an order of their own: the shorter key first, then by
bytes. SQLite and MariaDB keep the text as it was written, so a test there does not see code that relies on its order.
"""

from __future__ import annotations

from typing import Any

from django.db.models import JSONField

_as_stored = JSONField.from_db_value


def in_order_of_mysql(value: Any) -> Any:
    """Return a JSON value with the keys of its objects in the order of MySQL."""
    if isinstance(value, list):
        return [in_order_of_mysql(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: in_order_of_mysql(value[key]) for key in sorted(value, key=lambda key: (len(key), key))}


def from_db_value(field: Any, value: Any, expression: Any, connection: Any) -> Any:
    """Read a JSON column."""
    return in_order_of_mysql(_as_stored(field, value, expression, connection))
