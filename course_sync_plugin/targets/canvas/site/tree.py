"""The tree of what is ours in a course in Canvas, read from its modules and items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from course_sync_plugin.targets.canvas.site.listing import Listing
from course_sync_plugin.targets.two_way.site import CourseTree, KnownObjects


def places(tree: CourseTree, known: KnownObjects, listing: Listing) -> Mapping[str, Sequence[str]]:
    """Return the children of each entity as Canvas has them: sections, subsections and units.

    A unit belongs to the header of ours before it; one above the first header belongs to the first one. What stands in
    a foreign module is not in the result.
    """
    children: dict[str, list[str]] = {}
    for module in listing.modules():
        section = known.owner(module.id, "module")
        if section:
            children.setdefault(tree.course_id, []).append(section)
            for parent, child in _below(section, module.id, known, listing):
                children.setdefault(parent, []).append(child)
    return children


def _below(section: str, module_id: str, known: KnownObjects, listing: Listing) -> Iterator[tuple[str, str]]:
    """Yield each subsection and unit of a module with its parent, in their order."""
    items = listing.items(module_id)
    headers = [owner for item in items if (owner := known.owner(item.id, "header"))]
    parent = headers[0] if headers else section
    for item in items:
        header = known.owner(item.id, "header")
        unit = known.owner(item.id, "item") if item.kind == "Page" else None
        if header:
            parent = header
            yield section, header
        elif unit:
            yield parent, unit
