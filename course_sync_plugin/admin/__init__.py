"""The pages in the Django admin. Django imports this package; each module registers the tables of one subject."""

from course_sync_plugin.admin import (
    attempts,
    catalog,
    control,
    journal,
    lanes,
    links,
    notifications,
    problems,
    summaries,
    syncs,
    targets,
)

__all__ = [
    "attempts",
    "catalog",
    "control",
    "journal",
    "lanes",
    "links",
    "notifications",
    "problems",
    "summaries",
    "syncs",
    "targets",
]
