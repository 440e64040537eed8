"""Turns ``DATABASE_URL`` into Django's settings of a database."""

from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

_EXAMPLES = "sqlite:///file.sqlite3, mysql://user:password@host/name or postgresql://user:password@host/name"


def database(url: str) -> dict[str, Any]:
    """Return the settings of a database: SQLite, MariaDB, MySQL or PostgreSQL. Raises ImproperlyConfigured."""
    try:
        settings: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError:  # without its text, which may hold the password
        raise ImproperlyConfigured(f"DATABASE_URL names no database; write it like {_EXAMPLES}") from None
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        # Several processes share the file: wait for a lock instead of failing. Tests run in memory. That must be set
        # here, because pytest-django recognizes SQLite only by the name of Django's own engine.
        settings |= {"ENGINE": "sandbox.sqlite_immediate", "OPTIONS": {"timeout": 30}, "TEST": {"NAME": ":memory:"}}
    if settings["ENGINE"] == "django.db.backends.mysql":
        # The same as in the platform. The default of Django 4.2 is UTF-8 with at most three bytes a character.
        settings["OPTIONS"] = {"charset": "utf8mb4", **settings.get("OPTIONS", {})}
        # Tests need a collation that both MySQL and MariaDB have; their defaults differ.
        settings["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"}
    if settings["ENGINE"] == "django.db.backends.postgresql":
        # PostgreSQL would compile the statement of ``status`` for a second and then carry it out in 20 milliseconds:
        # it takes each lane to have operations ahead. See docs/references/query_plans.rst.
        settings["OPTIONS"] = {"options": "-c jit=off", **settings.get("OPTIONS", {})}
    return settings
