"""The tables that are pruned, and the deletion of their rows by primary key."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from django.db import connection, transaction
from django.db.models import Model

from course_sync_plugin.models import Attempt, InboundEvent, Job, JournalOperation, Problem, Run, SyncLog


@attrs.frozen
class Table:
    """A table that is pruned.

    ``name``: its name in outputs and archives. ``context``: what the archive has beside the columns, by the path to it,
    because a number alone says nothing once its row is gone. ``is_archived``: False for what people wrote elsewhere; it
    is pruned for their privacy.
    """

    name: str
    model: type[Model]
    context: tuple[tuple[str, str], ...]
    is_archived: bool = True

    def delete(self, keys: Sequence[int]) -> int:
        """Delete the rows with these primary keys in one short transaction. Return how many there were.

        Each row has a statement of its own. For ``id IN (…)`` MariaDB scans a small table and waits for rows that other
        transactions have not committed yet, and at REPEATABLE READ it would block their INSERTs until the commit.
        """
        name, key = map(connection.ops.quote_name, (self.model._meta.db_table, self.model._meta.pk.column))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(f"DELETE FROM {name} WHERE {key} = %s", [(pk,) for pk in keys])  # noqa: S608  # the names are those of our models
            return int(cursor.rowcount)


ATTEMPTS = Table("attempts", Attempt, (("target_name", "target__name"), ("course_key", "lane__course__key")))
SYNC_LOG = Table("sync_log", SyncLog, ())
PROBLEMS = Table("problems", Problem, (("target_name", "lane__target__name"), ("course_key", "lane__course__key")))
OPERATIONS = Table("operations", JournalOperation, (("course_key", "course__key"),))
RUNS = Table("runs", Run, (("course_key", "course__key"),))
INBOUND = Table("inbound_events", InboundEvent, (), is_archived=False)
JOBS = Table("jobs", Job, ())

TABLES = (ATTEMPTS, SYNC_LOG, PROBLEMS, OPERATIONS, RUNS, INBOUND, JOBS)
