"""Converts the documents that split modulestore stores for a course to raw blocks. No database, no edx-platform.

A structure document has, for every block, its children and the settings that are explicitly set. A definition document
has the content of a block. Neither has inherited values or the defaults of the XBlock.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import entry_points
from typing import Any

import attrs
from lxml import etree
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.diff.handlers import handler_for
from course_sync_plugin.structure.builder import RawBlock
from course_sync_plugin.structure.olx.content import CONTENT_DIGEST_LENGTH, INVISIBLE_ATTRIBUTES
from course_sync_plugin.structure.values import HTML, HTML_FIELD

#: The type of the block that the platform stores in place of one that its import could not read.
ERROR_TYPE = "error"

#: Fields that no learner sees; the first part is the same as in OLX.
_INVISIBLE = INVISIBLE_ATTRIBUTES | {"children", "parent"}

#: Type and id of a block: the platform's ``BlockKey``, a named tuple.
BlockKey = tuple[str, str]


@attrs.frozen
class SplitCourse:
    """One published version of a course as split modulestore stores it.

    ``blocks``: the platform's ``BlockData`` (``block_type``, ``fields``, ``defaults``, ``definition``) by block key.
    ``definitions``: the content fields of the blocks whose content is read (:func:`has_content`), by definition id.
    """

    key: CourseKey
    version: str
    root: BlockKey
    blocks: Mapping[BlockKey, Any]
    definitions: Mapping[Any, Mapping[str, Any]]


def raw_blocks(course: SplitCourse) -> dict[str, RawBlock]:
    """Return every block by entity id, except ``error`` blocks, which are not entities."""
    ids = {block_key: str(course.key.make_usage_key(*block_key)) for block_key in course.blocks}
    ids[course.root] = str(course.key)
    return {
        ids[block_key]: _raw_block(ids[block_key], block, course, ids)
        for block_key, block in course.blocks.items()
        if block.block_type != ERROR_TYPE
    }


def html_of(course: SplitCourse) -> Iterator[tuple[BlockKey, str]]:
    """Yield the HTML of the html components whose definitions were read, by block key."""
    for block_key, block in course.blocks.items():
        content = course.definitions.get(block.definition)
        if block.block_type == HTML and content is not None:
            html = {**content, **block.defaults, **block.fields}.get(HTML_FIELD)
            yield block_key, html if isinstance(html, str) else ""


def has_content(block_type: str) -> bool:
    """Tell whether the content of blocks of this type must be read: for its digest, or because it may hide children."""
    return "content_digest" in handler_for(block_type).fields or not is_installed(block_type)


def is_installed(block_type: str) -> bool:
    """Tell whether an XBlock of this type is installed in this host."""
    return block_type in _installed_block_types()


@lru_cache(maxsize=1)
def _installed_block_types() -> frozenset[str]:
    return frozenset(point.name for point in entry_points(group="xblock.v1"))


def _raw_block(entity_id: str, block: Any, course: SplitCourse, ids: Mapping[BlockKey, str]) -> RawBlock:
    content = course.definitions.get(block.definition) or {}
    settings = {**block.defaults, **block.fields}  # defaults: values that a copied block got from a v1 library
    fields = {**content, **settings}
    if "content_digest" in handler_for(block.block_type).fields:
        fields["content_digest"] = digest_of_stored(block.block_type, fields)
    pointers = settings.get("children") or ()
    children = tuple(_child_id(child, course, ids) for child in pointers if child[0] != ERROR_TYPE)
    unreadable = len(children) < len(pointers) or _hides_children(block.block_type, pointers, content)
    return RawBlock(entity_id, block.block_type, fields, children, unreadable)


def _child_id(child: BlockKey, course: SplitCourse, ids: Mapping[BlockKey, str]) -> str:
    return ids.get(child) or str(course.key.make_usage_key(*child))


def _hides_children(block_type: str, children: Any, content: Mapping[str, Any]) -> bool:
    """Tell whether a block has children that the platform does not know.

    If an XBlock is not installed when a course is imported, the platform stores its XML, with the children inside, as
    one text (``HiddenBlock``). If the XBlock was installed then and is missing now, the block still names its children.
    """
    if children or is_installed(block_type):
        return False
    try:
        element = etree.fromstring(content.get("data") or "", etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError, TypeError):
        return False
    return element.tag == block_type and any(isinstance(child.tag, str) for child in element)


def digest_of_stored(block_type: str, fields: Mapping[str, Any]) -> str:
    """Return the digest of a component's content as a learner sees it, without the fields that are sent themselves."""
    outside = handler_for(block_type).outside_content()
    hidden = _INVISIBLE | {"edx_video_id"} if _has_other_source(fields) else _INVISIBLE
    visible = {name: fields[name] for name in fields.keys() - outside - hidden}
    canonical = json.dumps(visible, sort_keys=True, default=_json_value)
    return sha256(canonical.encode()).hexdigest()[:CONTENT_DIGEST_LENGTH]


def _has_other_source(fields: Mapping[str, Any]) -> bool:
    """Tell whether a video has a source outside the site's own video store.

    Each import gives a video without ``edx_video_id`` a new one, which its transcripts refer to; that does not change
    the content. If the YouTube id is not set, the XBlock's default counts.
    """
    return bool(fields.get("youtube_id_1_0", True) or fields.get("html5_sources") or fields.get("source"))


def _json_value(value: Any) -> Any:
    """Return a JSON value for a value that JSON does not have. Equal values give equal results."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return str(value)  # date, timedelta, ObjectId, usage keys, bytes
