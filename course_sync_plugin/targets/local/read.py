"""The read API of the target ``local``: courses as they were delivered, without the modulestore."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from course_sync_plugin.models import LocalEntity, entity_digest
from course_sync_plugin.targets.local.moments import moment


@attrs.frozen
class LocalNode:
    """An entity with its children in their order.

    ``fields``: the allow-listed fields that are set, with the names and values of docs/references/fields.rst.
    """

    entity_id: str
    entity_type: str
    block_type: str
    fields: Mapping[str, Any]
    children: tuple[LocalNode, ...] = ()

    @property
    def title(self) -> str:
        """The title; empty if it is not set."""
        return str(self.fields.get("display_name") or "")

    @property
    def start(self) -> datetime | None:
        """The time from which learners see the entity, in UTC."""
        return moment(self.fields.get("start"))

    @property
    def due(self) -> datetime | None:
        """The time at which the entity is due, in UTC."""
        return moment(self.fields.get("due"))

    @property
    def visible_to_staff_only(self) -> bool:
        """Whether learners do not see the entity."""
        return self.fields.get("visible_to_staff_only") is True


@attrs.frozen
class LocalCourseInfo:
    """A course as a whole, without what is below it.

    ``published_version``: the version at the last end of a run. ``complete``: nothing has come since then, so the
    tables hold the course as of that version. ``updated_at``: when the last envelope was carried out, in UTC.
    """

    key: str
    org: str
    title: str
    start: datetime | None
    end: datetime | None
    enrollment_start: datetime | None
    enrollment_end: datetime | None
    visible_to_staff_only: bool
    published_version: str
    complete: bool
    updated_at: datetime
    fields: Mapping[str, Any]


def local_course(key: str) -> LocalCourseInfo | None:
    """Return a course, or None if it is not in the tables. One query."""
    row = LocalEntity.objects.select_related("replica").filter(key_digest=entity_digest(key, key)).first()
    return _course(row) if row else None


def local_courses(org: str = "", updated_since: datetime | None = None) -> list[LocalCourseInfo]:
    """Return the courses, sorted by key. One query.

    ``org``: only those of this organisation; case matters. ``updated_since``: only those for which an envelope was
    carried out since then.
    """
    rows = LocalEntity.objects.select_related("replica").filter(parent_digest=None)
    if org:  # narrows down; MariaDB and MySQL ignore case
        rows = rows.filter(replica__org=org)
    if updated_since:  # narrows down too: SQLite compares times as text, and some have no microseconds
        rows = rows.filter(replica__updated_at__gte=updated_since - timedelta(seconds=1))
    found = [_course(row) for row in rows]
    chosen = [one for one in found if org in ("", one.org) and (not updated_since or one.updated_at >= updated_since)]
    return sorted(chosen, key=lambda course: course.key)


def local_outline(key: str) -> LocalNode | None:
    """Return a whole course as a tree, or None if it is not in the tables. Two queries, whatever its size.

    If the target gets some entity types only, entities whose parent is not there are left out.
    """
    root = LocalEntity.objects.filter(key_digest=entity_digest(key, key)).first()
    if root is None:
        return None
    children: dict[str | None, list[LocalEntity]] = {}
    for row in LocalEntity.objects.filter(replica_id=root.replica_id).order_by("position", "id"):
        children.setdefault(row.parent_digest, []).append(row)
    return _node(root, children)


def _node(row: LocalEntity, children: Mapping[str | None, list[LocalEntity]]) -> LocalNode:
    below = tuple(_node(child, children) for child in children.get(row.key_digest, ()))
    return LocalNode(row.entity_id, row.entity_type, row.block_type, row.fields, below)


def _course(row: LocalEntity) -> LocalCourseInfo:
    replica, fields = row.replica, row.fields
    dates = {name: moment(fields.get(name)) for name in ("start", "end", "enrollment_start", "enrollment_end")}
    return LocalCourseInfo(
        key=replica.course_key,
        org=replica.org,
        title=str(fields.get("display_name") or ""),
        **dates,
        visible_to_staff_only=fields.get("visible_to_staff_only") is True,
        published_version=replica.published_version,
        complete=replica.complete,
        updated_at=replica.updated_at,
        fields=fields,
    )
