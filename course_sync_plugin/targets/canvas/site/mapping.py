"""What an entity becomes in Canvas: the objects it has, their titles and texts.

docs/references/canvas_mapping.rst has the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from html import escape
from urllib.parse import quote

import attrs

from course_sync_plugin.data import Entity
from course_sync_plugin.sanitize.text import host_of, single_line
from course_sync_plugin.targets.two_way.site import CourseTree

#: The most characters of a title in Canvas (canvas-lms, ``maximum_string_length``).
LONGEST_TITLE = 255

#: The objects of an entity, by its type, in the order in which they are created.
PARTS: Mapping[str, Sequence[str]] = {
    "section": ("module",),
    "subsection": ("header",),
    "unit": ("page", "item"),
    "component": ("topic", "item"),
}
PARTS_IF_GRADED = ("assignment", "assignment_item")

#: All parts. An object comes before the item that shows it.
PART_ORDER = ("module", "header", "page", "topic", "item", *PARTS_IF_GRADED)

#: The parts that are items of modules.
ITEM_PARTS = ("header", "assignment_item", "item")

#: Those that only show another object.
POINTERS = ("assignment_item", "item")

#: The type of the parent that an entity must have. Others are deeper in the tree, such as the groups of an experiment.
_PARENTS = {"section": "course", "subsection": "section", "unit": "subsection", "component": "unit"}

#: The attribute that marks the text of an object with the token of its creation. Canvas keeps attributes that begin
#: with ``data-`` (gems/canvas_sanitize).
MARK = "data-course-sync"


def parts_of(entity: Entity, tree: CourseTree) -> Sequence[str]:
    """Return the parts of an entity; none if it has no counterpart or learners must not see it."""
    if not _is_mapped(entity, tree) or is_staff_only(entity, tree):
        return ()
    is_graded = entity.entity_type == "subsection" and bool(entity.fields.get("graded"))
    return (*PARTS[entity.entity_type], *(PARTS_IF_GRADED if is_graded else ()))


def is_staff_only(entity: Entity, tree: CourseTree) -> bool:
    """Tell whether an entity or one of its ancestors is only for the staff."""
    return any(one.fields.get("visible_to_staff_only") for one in (entity, *ancestors(entity, tree)))


def ancestors(entity: Entity, tree: CourseTree) -> Iterator[Entity]:
    """Yield the ancestors of an entity, the parent first."""
    parent = tree.entity(entity.parent_id) if entity.parent_id else None
    while parent:
        yield parent
        parent = tree.entity(parent.parent_id) if parent.parent_id else None


def _is_mapped(entity: Entity, tree: CourseTree) -> bool:
    line = [entity, *ancestors(entity, tree)]
    fits = all(_PARENTS.get(child.entity_type) == parent.entity_type for child, parent in zip(line, line[1:]))
    return fits and entity.entity_type in PARTS and (entity.entity_type != "component" or _is_discussion(entity))


def _is_discussion(entity: Entity) -> bool:
    return entity.block_type == "discussion"


def title_of(entity: Entity) -> str:
    """Return the title that is sent: on one line, at most 255 characters.

    Without a title it is what edx-platform shows then: the id of the block (xmodule, ``display_name_with_default``).
    The title of a page must have a letter or a digit (canvas-lms, wiki_page.rb).
    """
    title = single_line(entity.fields.get("display_name"), LONGEST_TITLE).strip()
    if title and (entity.entity_type != "unit" or any(map(str.isalnum, title))):
        return title
    return single_line(re.split("[@/]", entity.entity_id)[-1].replace("_", " "), LONGEST_TITLE).strip()


def with_fields(entity: Entity, fields: Mapping[str, object]) -> Entity:
    """Return the entity with other values of some fields."""
    return attrs.evolve(entity, fields={**entity.fields, **fields})


@attrs.frozen
class Texts:
    """Writes the text of an object: a link that opens the entity in the LMS.

    ``lms_url``: the root URL of the LMS. If it is empty, the text has no link.
    """

    lms_url: str
    course_id: str

    def text_of(self, entity: Entity, token: str) -> str:
        """Return the HTML. ``token``: the mark by which the object is found if the answer to its creation is lost."""
        return f'<p {MARK}="{token}">{self._link(entity)}</p>'

    def _link(self, entity: Entity) -> str:
        if not self.lms_url:
            return ""
        path = quote(f"/courses/{self.course_id}/jump_to/{entity.entity_id}", safe="/:+@")
        return f'<a href="{escape(self.lms_url + path)}">Open in Open edX ({escape(host_of(self.lms_url))})</a>'


def mark_of(entity_id: str) -> str:
    """Return the mark of a text that is written again: the token of its creation is not needed any more."""
    return sha256(entity_id.encode()).hexdigest()[:32]


def is_marked(text: str | None, token: str) -> bool:
    """Tell whether the text of an object has a mark."""
    return bool(token) and f'{MARK}="{token}"' in (text or "")
