"""Which HTML the page of a unit shows: only what every learner may see, and only what Canvas can keep until then."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from course_sync_plugin.data import Entity
from course_sync_plugin.structure.values import HTML
from course_sync_plugin.targets.canvas.site.mapping import ancestors, is_staff_only
from course_sync_plugin.targets.two_way.site import CourseTree

#: A change of one of these fields of a section or subsection may change what the pages below it show.
_DECISIVE = {"start", "is_time_limited", "hide_after_due"}


def shown_components(unit: Entity, tree: CourseTree) -> Sequence[str]:
    """Return the html components directly in a unit that every learner may see.

    None of a unit that Canvas cannot keep as the LMS does: for groups of learners, in an exam with a time limit, hidden
    after its due date, or in a subsection that begins later than its module.
    """
    line = [unit, *ancestors(unit, tree)]
    if is_staff_only(unit, tree) or any(map(_is_for_some, line)) or _is_kept_back(line):
        return ()
    children = filter(None, map(tree.entity, tree.children(unit.entity_id)))
    return [
        one.entity_id
        for one in children
        if one.block_type == HTML and not one.fields.get("visible_to_staff_only") and not _is_for_some(one)
    ]


def showing(operation: Mapping[str, Any], tree: CourseTree) -> Collection[str]:
    """Return the units whose pages may show something else after an operation."""
    entity_id = operation["entity_id"]
    entity = tree.entity(entity_id)
    if operation["entity_type"] == "component":
        places = (operation, operation["previous"] or {})
        parents = {one.get("parent_id") for one in places} | {entity.parent_id if entity else None}
        is_html = operation["block_type"] == HTML
        return [one for one in sorted(filter(None, parents)) if is_html and _is_unit(tree.entity(one))]
    is_decisive = bool(_DECISIVE & (operation["fields"] or {}).keys()) or operation["operation"] == "move"
    return list(_units_below(entity_id, tree)) if entity and is_decisive and not _is_unit(entity) else ()


def _is_unit(entity: Entity | None) -> bool:
    return entity is not None and entity.entity_type == "unit"


def _units_below(entity_id: str, tree: CourseTree) -> Iterator[str]:
    for child in tree.children(entity_id):
        entity = tree.entity(child)
        if _is_unit(entity):
            yield child
        elif entity and entity.entity_type in ("section", "subsection"):
            yield from _units_below(child, tree)


def _is_for_some(entity: Entity) -> bool:
    return bool(entity.fields.get("group_access"))


def _is_kept_back(line: Sequence[Entity]) -> bool:
    """Tell whether the LMS keeps the content of a unit back by a rule of its subsection that Canvas does not have.

    A module of Canvas is locked until the start of the section. Dates are text in UTC, so they can be compared.
    """
    by_type = {one.entity_type: one.fields for one in line}
    section, subsection = by_type.get("section", {}), by_type.get("subsection", {})
    if subsection.get("is_time_limited") or subsection.get("hide_after_due"):
        return True
    return (subsection.get("start") or "") > (section.get("start") or "")
