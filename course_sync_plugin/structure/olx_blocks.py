"""Which elements of an export are blocks: the walk from ``course.xml`` down.

Which child elements are blocks depends on the block type, as in the platform's importers (``definition_from_xml`` of
the XModules, ``parse_xml`` of ``xblock/core.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
from lxml import etree
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import UsageKey
from opaque_keys.edx.locator import BlockUsageLocator

from course_sync_plugin.diff.handlers import handler_for
from course_sync_plugin.structure import olx_bounds
from course_sync_plugin.structure.builder import RawBlock
from course_sync_plugin.structure.olx_content import digest_of_olx, html_content, inner_html, xml_content
from course_sync_plugin.structure.olx_definition import Definition, DefinitionReader
from course_sync_plugin.structure.olx_names import CUSTOM_TAGS, Names, is_pointer
from course_sync_plugin.structure.olx_policy import Policy
from course_sync_plugin.structure.olx_xml import OPTION_NAMESPACE, elements, is_marked_xblock, without_mark

#: Every child element of these is a block, but for the few below.
CONTAINERS = frozenset(
    "course chapter sequential vertical wrapper randomize split_test conditional library_content itembank unit".split()
)
NO_BLOCKS = {"course": {"textbook", "wiki", "meta"}}

#: These hold no blocks, whatever their XML looks like.
LEAVES = frozenset("html problem video poll_question word_cloud annotatable lti customtag".split())

#: The platform loads these tags as another block type (its entry points ``xblock.v1``).
RENAMED = {"videoalpha": "video", **dict.fromkeys(CUSTOM_TAGS, "customtag")}


@attrs.define
class _Block:
    """A block whose children are still being collected."""

    entity_id: str
    block_type: str
    fields: dict[str, Any] = attrs.field(factory=dict)
    children: list[str] = attrs.field(factory=list)
    unreadable: bool = False


@attrs.frozen
class _Waiting:
    """An element that is going to be read: where it stands, and whether the export marks it as an XBlock."""

    element: etree._Element
    path: str
    parent: _Block | None = None
    marked: bool = False


@attrs.frozen
class _End:
    """Waits behind everything that a file holds."""

    path: str


_Step = _Waiting | _End


@attrs.define
class BlockReader:
    """Reads the blocks of one course in document order.

    ``files`` are the export's, ``course_id`` is the key that the blocks get, ``policy`` holds settings by
    ``type/url_name``. What had to be passed over is said in ``warnings``.
    """

    files: Mapping[str, bytes] = attrs.field(converter=olx_bounds.BoundedFiles)
    course_id: str
    policy: Policy
    warnings: list[str]
    _names: Names = attrs.field(factory=Names, init=False)
    _blocks: dict[str, _Block] = attrs.field(factory=dict, init=False)
    _bounds: olx_bounds.Bounds = attrs.field(factory=olx_bounds.Bounds, init=False)

    def read(self, root: etree._Element, path: str) -> dict[str, RawBlock]:
        """Return every block below the root element of the file ``path``, by entity id.

        Raises InvalidCourse where a file cannot be parsed, and where there is no end to what the files name.
        """
        waiting: list[_Step] = [_Waiting(root, path)]
        while waiting:  # a stack and no recursion: courses can be deep
            item = waiting.pop()
            if isinstance(item, _End):
                self._bounds.leave(item.path)
            else:
                waiting.extend(reversed(self._read(item)))
        return {entity_id: self._raw(block) for entity_id, block in self._blocks.items()}

    def _raw(self, block: _Block) -> RawBlock:
        for missing in (child for child in block.children if child not in self._blocks):
            self.warnings.append(f"{block.entity_id} shows {missing}, which the export does not hold")
        children = tuple(child for child in block.children if child in self._blocks)
        return RawBlock(block.entity_id, block.block_type, block.fields, children, block.unreadable)

    def _read(self, item: _Waiting) -> Sequence[_Step]:
        """Read one element; return its child elements that are still to be read."""
        if item.parent is not None and item.element.tag == "show" and item.parent.block_type == "conditional":
            item.parent.children.extend(self._shown(item.element))
            return []
        block_type = RENAMED.get(item.element.tag, item.element.tag)
        if block_type == "error":
            return self._left_out(item, "the platform could not read it when the course was exported")
        name = self._names.name(item.element, item.parent.block_type if item.parent else "")
        if item.parent is None:
            return self._defined(item, _Block(self.course_id, block_type), name)
        if not all(BlockUsageLocator.ALLOWED_ID_RE.match(part) for part in (block_type, name)):
            return self._left_out(item, f"the platform refuses the name '{name}'")
        return self._placed(item, item.parent, _Block(self._entity_id(block_type, name), block_type), name)

    def _left_out(self, item: _Waiting, reason: str) -> Sequence[_Step]:
        self.warnings.append(f"{item.path}, line {item.element.sourceline}: <{item.element.tag}> is left out: {reason}")
        if item.parent:
            item.parent.unreadable = True
        return []

    def _placed(self, item: _Waiting, parent: _Block, block: _Block, name: str) -> Sequence[_Step]:
        parent.children.append(block.entity_id)
        if block.entity_id in self._blocks and is_pointer(item.element):
            return []  # a second place of a block that was read already
        return self._defined(item, block, name)

    def _defined(self, item: _Waiting, block: _Block, name: str) -> Sequence[_Step]:
        """Write down fields and content of a block; return its child elements."""
        reader = DefinitionReader(self.files, self.warnings)
        definition = reader.read(item.element, block.block_type, name, item.path, item.marked)
        settings = self.policy.get(f"{block.block_type}/{name}", {})
        found = _child_elements(block.block_type, definition.body)
        children = list(self._bounds.counted(found, definition.path))
        block.unreadable = definition.is_missing
        block.fields = {**definition.fields(item.marked), **settings}
        if "content_digest" in handler_for(block.block_type).fields:
            block.fields["content_digest"] = _digest(block.block_type, definition, settings, children)
        self._blocks[block.entity_id] = block
        return self._inside(item, definition, block, children)

    def _inside(
        self, item: _Waiting, definition: Definition, block: _Block, children: list[etree._Element]
    ) -> Sequence[_Step]:
        """Return the child elements of a block, and the end of the file where they stand in one of their own."""
        marks = [is_marked_xblock(child) for child in children]
        path = definition.path
        waiting = [_Waiting(without_mark(child), path, block, mark) for child, mark in zip(children, marks)]
        if definition.body is item.element or not waiting:
            return waiting
        self._bounds.enter(path, item.element, item.path)
        return [*waiting, _End(path)]

    def _entity_id(self, block_type: str, name: str) -> str:
        """The usage key, written as ``str(BlockUsageLocator)`` writes it, some twenty times faster."""
        return f"block-v1:{self.course_id.removeprefix('course-v1:')}+type@{block_type}+block@{name}"

    def _shown(self, show: etree._Element) -> Iterator[str]:
        """The blocks from elsewhere in the course that a conditional shows."""
        for source in filter(None, (part.strip() for part in show.get("sources", "").split(";"))):
            try:
                key = UsageKey.from_string(source)
            except InvalidKeyError:
                self.warnings.append(f"<show> names no block: '{source}'")
            else:
                yield self._entity_id(key.block_type, key.block_id)


def _child_elements(block_type: str, body: etree._Element) -> Iterator[etree._Element]:
    """Yield the child elements that are blocks.

    Of block types that the platform does not bring along the structure decides: exports name every block and mark
    every XBlock; what is neither named nor marked is content.
    """
    if block_type in LEAVES:
        return
    for child in elements(body):
        if block_type in CONTAINERS:
            ours = child.tag not in NO_BLOCKS.get(block_type, {"meta"})
        else:
            ours = "url_name" in child.attrib or is_marked_xblock(child)
        if ours and etree.QName(child).namespace != OPTION_NAMESPACE:
            yield child


def _digest(
    block_type: str, definition: Definition, settings: Mapping[str, Any], children: list[etree._Element]
) -> str:
    if block_type == "html":
        html = definition.html if definition.html is not None else inner_html(definition.body)
        content = html_content(html)
    else:
        content = xml_content(definition.body, [child for child in children if child.tag != "show"])
    attributes = {**definition.body.attrib, **definition.attributes, **settings}
    return digest_of_olx(attributes, handler_for(block_type).fields, content)
