"""What ``DATABASE_URL`` names, as Django wants it."""

from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

_EXAMPLES = "sqlite:///file.sqlite3, mysql://user:password@host/name or postgresql://user:password@host/name"


def database(url: str) -> dict[str, Any]:
    """Return the settings of a database: SQLite, MariaDB, MySQL or PostgreSQL."""
    try:
        settings: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError:  # its text may hold the password, or is about the library
        raise ImproperlyConfigured(f"DATABASE_URL names no database; write it like {_EXAMPLES}") from None
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        # Several processes share the file: wait for a lock instead of failing. Tests run in memory, and it has to be
        # said, since pytest-django knows SQLite by the name of Django's own engine.
        settings |= {"ENGINE": "sandbox.sqlite_immediate", "OPTIONS": {"timeout": 30}, "TEST": {"NAME": ":memory:"}}
    if settings["ENGINE"] == "django.db.backends.mysql":
        # As the platform has it; Django 4.2 by itself speaks an UTF-8 of three bytes at most.
        settings["OPTIONS"] = {"charset": "utf8mb4", **settings.get("OPTIONS", {})}
        # Tests run with the order of characters that MySQL 8 has by itself, and MariaDB has not.
        settings["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"}
    return settings
