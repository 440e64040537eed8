"""Django's SQLite backend, with transactions that take the write lock when they begin.

Without this, a transaction that reads first and writes later fails at once if another process has written meanwhile;
the timeout does not help. Django 5.1 has a setting for this (``transaction_mode``), Django 4.2 has none.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    """SQLite with immediate transactions and a write-ahead log, so that readers do not wait for writers."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Open a connection."""
        connection = super().get_new_connection(conn_params)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    def _start_transaction_under_autocommit(self) -> None:
        self.cursor().execute("BEGIN IMMEDIATE")
