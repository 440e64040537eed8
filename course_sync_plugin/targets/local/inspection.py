"""Explains the state of the target ``local``: tables, isolation levels, strategies, types without a strategy."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection
from django.db.models import Count

from course_sync_plugin.models import LocalEntity, LocalReplica
from course_sync_plugin.targets.local.isolation import OFFERED
from course_sync_plugin.targets.local.strategy import misnamed, strategies, strategy_for


def inspect(isolation: str | None) -> tuple[bool, str]:
    """Return whether the target can work, and an explanation. Raises ConfigurationError for a broken strategy."""
    missing = sorted(_needed_tables() - {*connection.introspection.table_names()})
    if missing:
        return False, f"Tables are missing: {', '.join(missing)}. Run 'manage.py migrate'."
    wrong = misnamed()
    return not wrong, " ".join([*_sentences(isolation), *wrong])


def _needed_tables() -> set[str]:
    own = {LocalReplica._meta.db_table, LocalEntity._meta.db_table}
    found = (strategy_for(name) for name in strategies.names())
    return own.union(*(strategy.tables for strategy in found if strategy))


def _sentences(isolation: str | None) -> Iterator[str]:
    """Yield what an operator wants to know. Entities without a strategy are counted, not failed."""
    yield f"The tables are there. Strategies: {', '.join(strategies.names())}."
    offered = ", ".join(OFFERED[connection.vendor])
    used = f"'{isolation}'" if isolation else "the default of the database"
    yield f"Isolation level: {used}; {connection.display_name} offers {offered}."
    yield f"Courses: {LocalEntity.objects.filter(parent_digest=None).count()}."
    counts = dict(LocalEntity.objects.order_by().values_list("entity_type").annotate(Count("id")))
    without = [f"{name} ({count})" for name, count in sorted(counts.items()) if name not in strategies.names()]
    if without:
        yield f"Without a strategy, so only in the tree: {', '.join(without)}."
